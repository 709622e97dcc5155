"""``Request``, ``Response``, and the transports that carry them: to the network, or elsewhere.

A transport sends one request and returns the answer. It knows neither batches nor retries.
"""
