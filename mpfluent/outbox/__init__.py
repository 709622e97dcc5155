"""The SQLite file that keeps batches until they are delivered: locks, owners, recovery.

It stores bytes with ids. When they are sent, ``delivery`` and ``dispatch`` decide.
"""
