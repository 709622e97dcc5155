"""Forks: what has to start again in a child process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

_locks: dict[int, threading.RLock] = {}  # by process id, so that a child never finds a held lock


def process_lock() -> threading.RLock:
    """Return the lock of this process; a forked child gets its own, which no thread holds."""
    pid = os.getpid()
    # setdefault is atomic: two threads cannot get two different locks
    return _locks.get(pid) or _locks.setdefault(pid, threading.RLock())


class ProcessLocal:
    """Remembers the process that an object belongs to, and the kind of its locks.

    It handles two cases, once each:

    * The process was forked: in the child, the object starts again.
    * gevent or eventlet has patched Python's locks: the object takes new ones. The old ones belong
      to a thread, so that all greenlets of a thread could hold one at the same time.
    """

    def __init__(self) -> None:
        self._pid, self._kind = os.getpid(), threading.Lock

    def move(self, renew: Callable[[bool], None]) -> None:
        """Renew the object where that is needed, before any thread goes on.

        Args:
            renew: gives it locks of the kind that Python has now; in a forked child, which it is
                told, it starts the object again.
        """
        if self._pid == os.getpid() and self._kind is threading.Lock:
            return
        with process_lock():
            forked = self._pid != os.getpid()
            if forked or self._kind is not threading.Lock:
                renew(forked)
            # last: other threads read these two without the lock, and then go on
            self._pid, self._kind = os.getpid(), threading.Lock
