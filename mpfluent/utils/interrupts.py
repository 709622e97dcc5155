"""What Ctrl-C cannot break: waiting, settling, and what a call that is broken off leaves behind.

A signal's handler runs between two bytecodes of the main thread, and may raise. So it is with
``threading.Event`` and ``threading.Condition``, whose methods are Python: an interrupt in the midst
of one leaves its lock locked for good, or lets ``wait`` raise RuntimeError. The methods of a raw
lock are C: an interrupt comes before them or after them, and ``with lock:`` is safe. Where
more than that is needed, it is here:

* Who waits does so without the lock that guards what he waits for: he puts his name down
  (:meth:`Waiters.enlist`) with the lock held, lets go of it, and waits (:meth:`Waiters.wait`).
* CPython runs handlers, and lets other threads run, at calls of Python functions, after calls of
  C functions, and where a loop begins anew. So plain assignments on one line happen as one, and
  so do they with the C call that follows them. Comments that say "atomically" mean this.
* No generator is suspended with a lock, nor a counter raised, that only its end would put right:
  it may never be reached, or only when a kept traceback goes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any


def waitable(timeout: float | None) -> float | None:
    """Return a timeout that a lock can wait for: a very long one is as long as it takes."""
    return None if timeout is None or timeout > threading.TIMEOUT_MAX else timeout


class Waiters:
    """Who waits for something to change. Each waits at a raw lock of his own.

    Args:
        lock: guards what they wait for.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._tickets: dict[int, threading.Lock] = {}  # by thread, the first to wait first

    def enlist(self) -> None:
        """Put this thread's name down, before it waits; with the lock held."""
        ticket = threading.Lock()
        ticket.acquire()
        self._tickets[threading.get_ident()] = ticket

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until somebody notified this thread since it enlisted; without the lock.

        Args:
            timeout: seconds; None for as long as it takes.

        Returns:
            Whether somebody did; False, too, for one who has the lock all the same: the garbage
            collector closes a client in the midst of anything, and nothing would change.
        """
        me = threading.get_ident()
        ticket = self._tickets.get(me)
        if ticket is None:
            return True
        seconds = waitable(timeout)
        limit = -1 if seconds is None else max(0.0, seconds)
        notified = not self._is_mine() and ticket.acquire(timeout=limit)
        self._tickets.pop(me, None)
        return notified

    def notify(self, most: int = 1) -> None:
        """Wake so many of those who wait; with the lock held."""
        for thread in [*self._tickets][:most]:
            ticket = self._tickets.get(thread)  # who has waited long enough takes it back
            if ticket is not None and ticket.locked():  # or who notified was interrupted here
                ticket.release()
            self._tickets.pop(thread, None)

    def notify_all(self) -> None:
        """Wake all who wait; with the lock held."""
        if self._tickets:
            self.notify(len(self._tickets))

    def wait_for(self, ready: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until this is so; return whether it is.

        Args:
            ready: takes a look, as a rule with the lock held.
            timeout: seconds; None for as long as it takes.
        """
        until = None if timeout is None else time.monotonic() + timeout
        left = timeout
        while True:
            with self._lock:
                if ready():
                    return True
                self.enlist()
            if not self.wait(left):
                return ready()
            if until is not None:
                left = until - time.monotonic()

    def _is_mine(self) -> bool:
        return self._lock._is_owned()  # type: ignore[attr-defined, no-any-return]


class Flag:
    """Something that comes true once, for good, and can be waited for."""

    def __init__(self, is_set: bool = False) -> None:
        lock = threading.RLock()  # reentrant, since a ``__del__`` may run in the midst of anything
        self._lock = lock
        self._waiters = Waiters(lock)
        self._is_set = is_set

    def is_set(self) -> bool:
        """Return whether it is true."""
        return self._is_set

    def set(self) -> None:
        """Let it be true, and wake all who wait for it."""
        with self._lock:
            self._is_set = True
            self._waiters.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is true; return whether it is.

        Args:
            timeout: seconds; None for as long as it takes.
        """
        return self._waiters.wait_for(self.is_set, timeout)


class Steps:
    """How far the settling of one batch is: 0, and then one of these, in their order.

    Each step is marked atomically with being done, and with the look at whether it is. So
    whoever goes on after an interrupt leaves none out, and does none twice, even where two threads
    go on at once.
    """

    __slots__ = ("step",)

    def __init__(self) -> None:
        self.step = 0


COUNTED = 1  # in the client's statistics
READING = 2  # the batch is read back, for the hook and the error, where it is held as bytes
HOOKED = 3  # the hook was called
NOTIFIED = 4  # the delivery, or the report, knows
SETTLED = 5


class Repairs:
    """What calls that were broken off have left to be done, until it is done.

    The handler of an exception begins before another interrupt can come, so that :attr:`add` is
    its first word: ``repairs.add((function, argument, …))``, a tuple and a C call. What was added
    is done at once, and where that is interrupted, too, by whoever comes next, whatever he does.
    Whoever is at it when another one adds something does that, too.

    Attributes:
        add: adds a function and its arguments; doing it twice does no more than doing it once.
    """

    def __init__(self) -> None:
        self._left: list[tuple[Any, ...]] = []
        self._busy = False  # whether a thread is at it
        self.add = self._left.append

    def forget(self) -> None:
        """Leave all of it to the parent, in a forked child."""
        self._left.clear()
        self._busy = False

    def run(self) -> None:
        """Do all that is left to be done; nothing where that is just being done.

        One thread at a time: what two did at once might be done twice. Another one does not wait,
        for a hook of the first may wait for it.
        """
        if not self._left:
            return
        mine = False
        try:
            if not self._busy:
                self._busy = mine = True  # atomically with the look
            while mine and self._left:
                repair = self._left[0]
                function, *arguments = repair
                function(*arguments)
                del self._left[0]  # it is the first still: others are added at the end
        finally:
            if mine:
                self._busy = False
