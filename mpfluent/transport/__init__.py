"""``Request``, ``Response``, and who carries them: to the network, or elsewhere.

A transport moves bytes. It knows neither batches nor retries.
"""
