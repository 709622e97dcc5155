"""How fast mpfluent is on this machine, beside what else could be done: ``python -m benchmarks``.

* ``workload``: the batch that is measured, as a fluent chain and as dict literals.
* ``vendor``: the same with the vendor's SDK; runs in an interpreter of its own.
* ``timing``: measuring in turns, and the medians of ratios.
* ``rows``: what is measured.
* ``faults``: what becomes of batches under faults: ``python -m benchmarks.faults``.
"""
