"""What is compared, each peer in a process and with an interpreter of its own.

* ``actions``: what all of them do: answer lines of JSON, take the time of calls, send.
* ``ours``: mpfluent; ``ours_batches`` and ``ours_sending`` are parts of it.
* ``plain_dicts``: the same JSON without mpfluent.
* ``vendor``, ``segment``, ``posthog``: other SDKs.

Only ``ours`` imports mpfluent: the other SDKs pin versions that mpfluent cannot use.
"""
