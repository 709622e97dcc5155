"""What Ctrl-C cannot break: waiting, settling, and repairing what an interrupted call left.

A signal handler runs between two bytecodes of the main thread, and it may raise: Ctrl-C does. The
methods of ``threading.Event`` and ``threading.Condition`` are Python code. An interrupt inside one
leaves its lock locked for good, or lets ``wait`` raise RuntimeError. The methods of a raw lock are
C code: an interrupt comes before or after the call, so ``with lock:`` is safe. The rules:

* A thread never waits with the lock that guards what it waits for. It enlists while it holds the
  lock (:meth:`Waiters.enlist`), releases the lock, and then waits (:meth:`Waiters.wait`).
* CPython runs handlers, and switches threads, at calls of Python functions, after calls of C
  functions, and at the start of each round of a loop. So the plain assignments of one line happen
  together, and also together with the C call that follows them. "Atomically" in a comment means
  this.
* No generator is suspended while it holds a lock or has raised a counter. The end that would
  release it may never run, or only when somebody drops a traceback.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def waitable(timeout: float | None) -> float | None:
    """Return a timeout that a lock takes; one that is too long for it becomes None, for ever."""
    return None if timeout is None or timeout > threading.TIMEOUT_MAX else timeout


class Waiters:
    """The threads that wait for something to change. Each waits at a raw lock of its own.

    Args:
        lock: guards what they wait for, and the list of them.

    Attributes:
        tickets: the lock at which each thread waits, in the order of enlisting.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self.tickets: dict[int, threading.Lock] = {}

    def enlist(self) -> None:
        """Enlist this thread before it waits. The caller holds the lock."""
        ticket, me = threading.Lock(), threading.get_ident()
        ticket.acquire()
        outer = self.tickets.get(me)
        self.tickets[me] = ticket
        if outer is not None:
            _release(outer)  # a signal's handler waits: the wait that it interrupted looks again

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until another thread notifies this one. The caller does not hold the lock.

        Args:
            timeout: seconds; None for as long as it takes.

        Returns:
            Whether it was notified. If this thread holds the lock nevertheless, it returns False
            at once, since no other thread could change anything. That happens when the garbage
            collector closes a client in the middle of one of its methods.
        """
        me = threading.get_ident()
        ticket = self.tickets.get(me)
        if ticket is None:
            return True
        seconds = waitable(timeout)
        limit = -1 if seconds is None else max(0.0, seconds)
        mine = self._lock._is_owned()  # type: ignore[attr-defined]
        notified = not mine and ticket.acquire(timeout=limit)
        self.tickets.pop(me, None)
        return notified

    def notify(self, most: int = 1) -> None:
        """Wake so many of the waiting threads, the first to enlist first; with the lock held."""
        for thread in [*self.tickets][:most]:
            ticket = self.tickets.get(thread)  # None: its timeout passed meanwhile
            if ticket is not None:
                _release(ticket)
            self.tickets.pop(thread, None)

    def notify_all(self) -> None:
        """Wake all waiting threads; with the lock held."""
        if self.tickets:
            self.notify(len(self.tickets))

    def wait_for(self, ready: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until ``ready()`` is true; return whether it is.

        Args:
            ready: is called with the lock held, and without it once the timeout has passed.
            timeout: seconds; None for as long as it takes.
        """
        until = None if timeout is None else time.monotonic() + timeout
        left = timeout
        while True:
            with self._lock:
                if ready():
                    return True
                self.enlist()
                if ready():  # a signal's handler, or the garbage collector, came in between
                    self.tickets.pop(threading.get_ident(), None)
                    return True
            if not self.wait(left):
                return ready()
            if until is not None:
                left = until - time.monotonic()


def _release(ticket: threading.Lock) -> None:
    """Wake the thread that waits at a ticket."""
    with suppress(RuntimeError):  # it is not locked: a signal came here, and its handler was first
        ticket.release()


class Flag:
    """Becomes true once and stays true; threads can wait for it."""

    def __init__(self, is_set: bool = False) -> None:
        # reentrant: a ``__del__`` may call set() while this thread holds the lock
        lock = threading.RLock()
        self._lock = lock
        self._waiters = Waiters(lock)
        self._is_set = is_set

    def is_set(self) -> bool:
        """Return whether it is true."""
        return self._is_set

    def set(self) -> None:
        """Become true, and wake all threads that wait for it."""
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
    """The work that interrupted calls left undone, kept until it is done.

    No second interrupt can come before the first statement of an ``except`` block. So that
    statement is ``repairs.add((function, argument, …))``: it builds a tuple and makes one C call.
    The ``except`` block then calls :meth:`run`. If that is interrupted, too, the next thread that
    calls :meth:`run` does the rest. Work that is added while a thread runs is done by that thread.

    Attributes:
        left: the work.
        add: adds a function with its arguments. The function may be called twice, and must do no
            more then than if it is called once.
    """

    def __init__(self) -> None:
        self.left: list[tuple[Any, ...]] = []
        self._busy = False  # whether a thread is running it
        self.add = self.left.append  # the C method itself: a Python method could be interrupted

    def forget(self) -> None:
        """Forget all of it, in a forked child: it is the parent's work."""
        self.left.clear()
        self._busy = False

    def run(self) -> None:
        """Do all the work that is left, unless another thread is doing it.

        Only one thread does it, so that nothing is done twice at the same time. Other threads do
        not wait for it: a hook that the first one calls may wait for them.
        """
        if not self.left:
            return
        mine = False
        try:
            if not self._busy:
                self._busy = mine = True  # atomically with the look
            while mine and self.left:
                repair = self.left[0]
                function, *arguments = repair
                function(*arguments)
                del self.left[0]  # still the first one: add() appends
        finally:
            if mine:
                self._busy = False
