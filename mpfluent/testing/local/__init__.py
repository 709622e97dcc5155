"""What a local server shows of what arrives: rows, a bounded store, an API, a page.

The rules of the Events API and the faults live one folder higher, and what a shell prints lives in
``cli``.
"""
