"""How fast mpfluent is on this machine, beside what else could be done: ``python -m benchmarks``.

``plots`` draws the curves, and ``faults`` measures the outcome of batches under faults.
"""
