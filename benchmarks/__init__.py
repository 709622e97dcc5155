"""How fast mpfluent is on this machine, beside what else could be done: ``python -m benchmarks``.

* ``targets``: the numbers that mpfluent is to reach.
* ``workloads``: the data that every peer sends.
* ``peers``: what is compared (mpfluent, plain dicts, other SDKs), each a process of its own.
* ``environments``: an interpreter for each peer.
* ``rows``: what is measured, a file for each theme.
* ``measurement``: measuring in turns, medians, ratios.
* ``run``: one run: its options, the processes of its peers, its server.
* ``server``: a server on this machine that accepts everything.
* ``report``: results as text, as JSON and as RESULTS.md.
* ``plots``: pictures of the curves: ``python -m benchmarks.plots FILE``.
* ``faults``: the outcome of batches under faults: ``python -m benchmarks.faults``.
"""
