"""The SQLite file that keeps batches until they are delivered: locks, owners, recovery.

It stores bytes with ids, and sends nothing. ``delivery`` and ``dispatch`` decide what is stored and
when it is sent.
"""
