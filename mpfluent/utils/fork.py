"""What must begin anew in a forked child."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

_locks: dict[int, threading.RLock] = {}  # by process id


def process_lock() -> threading.RLock:
    """Return a lock of this process: a forked child has one of its own, which nobody holds."""
    pid = os.getpid()
    # setdefault is atomic, so that two threads cannot make two
    return _locks.get(pid) or _locks.setdefault(pid, threading.RLock())


class ProcessLocal:
    """The process that something belongs to, and the locks that Python has there.

    In a forked child it begins anew, once. Where gevent or eventlet has patched Python's locks
    since, it takes others: those of before know threads only, so that greenlets share them.
    """

    def __init__(self) -> None:
        self._pid, self._kind = os.getpid(), threading.Lock

    def move(self, begin: Callable[[], None], renew_locks: Callable[[], None]) -> None:
        """Make the call that is needed here, if any is, before any thread goes on."""
        if self._pid == os.getpid() and self._kind is threading.Lock:
            return
        with process_lock():
            if self._pid != os.getpid():
                begin()
            elif self._kind is not threading.Lock:
                renew_locks()
            # last, since other threads look at them without the lock
            self._pid, self._kind = os.getpid(), threading.Lock
