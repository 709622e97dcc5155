"""The verbs, and the two classes that have them: ``Batch`` and ``Session``.

A verb collects keywords and makes a value of ``model``. Nothing here knows how a batch is sent.
"""
