"""What is compared, each peer in a process and with an interpreter of its own.

Only ``ours`` imports mpfluent: the other SDKs pin versions that mpfluent cannot use.
"""
