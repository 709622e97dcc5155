"""``Request``, ``Response``, and the transports that carry them: to the network, or elsewhere.

A transport moves bytes. It knows neither batches nor retries.
"""
