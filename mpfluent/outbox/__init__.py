"""The SQLite file that keeps batches until they are delivered: locks, owners, recovery.

It stores bytes with ids. ``delivery`` and ``dispatch`` decide when they are sent.
"""
