"""When a batch is delivered: at once in the caller's thread, or in the background.

The queue, the workers, and what happens if the queue is full live here. Attempts and outcomes
live in ``delivery``.
"""
