"""How a batch is delivered: jobs, attempts, the retry policy, outcomes, statistics.

It moves bytes with ids and knows neither ``model`` nor ``builder``. Threads and queues live in
``dispatch``.
"""
