"""When a batch is delivered: at once in the caller's thread, or in the background.

Queues, workers and backpressure live here. How a request is tried lives in ``delivery``.
"""
