"""The fluent chain: the verbs, ``Batch`` and ``Session``.

A verb collects keywords and makes a value of ``model``. Nothing here knows how a batch is sent.
"""
