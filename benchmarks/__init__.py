"""How fast mpfluent is on this machine, beside what else could be done: ``python -m benchmarks``.

* ``targets``: what it is to reach.
* ``timing``: measuring in turns, and the medians of ratios.
* ``environments``: an interpreter for each side.
* ``server``: a server on this machine, a process of its own.
* ``lab``: the sides' processes, and what a result is.
* ``sides``: the programs that run in them.
* ``rows``: what is measured, a file for each idea.
* ``report``: results as text, JSON and RESULTS.md.
* ``plots``: pictures of the curves: ``python -m benchmarks.plots FILE``.
* ``faults``: what becomes of batches under faults: ``python -m benchmarks.faults``.
"""
