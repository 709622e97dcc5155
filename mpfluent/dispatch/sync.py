"""Delivers at once, in the thread of the caller."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from ..delivery.clock import Clock
from ..delivery.job import Job, payloads_of
from ..delivery.sender import runs
from ..delivery.settlement import Settlement
from ..delivery.stats import Acceptance
from ..errors import TransportError
from ..utils.interrupts import Flag
from .base import PATIENT, OpenedOnce

_GRACE = 0.2  # seconds for other threads to settle, when closing has ended their waits


class SyncDispatcher(OpenedOnce):
    """Sends in the caller's thread: ``send`` returns when the outcome is known.

    Args:
        clock: monotonic seconds; wall: Unix seconds; sleep: waits seconds. For tests.

    >>> SyncDispatcher()
    <SyncDispatcher>
    """

    waits = True
    max_elapsed = 15.0

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        # asked for each time: after a fork the flag is another one
        self._clock = Clock(clock, wall, sleep or self._sleep, lambda: self._closed.is_set())
        super().__init__(Settlement(None, clock))
        # Threads that send, and must not wait for themselves. By ``get_ident``: after gevent or
        # eventlet patched it, it names greenlets; an older ``threading.local`` would not.
        self._sending: set[int] = set()
        self._closed = Flag()

    def _sleep(self, seconds: float) -> None:
        self._closed.wait(seconds)

    def submit(self, jobs: Sequence[Job], accepted: Acceptance, *, patient: bool = False) -> None:
        """Send batches in as few requests as they fit."""
        sender = self._opened()
        outer, me, pid = not self.may_wait(), threading.get_ident(), os.getpid()
        try:
            self._sending.add(me)
            accepted()
            self._deliver(jobs, patient=patient)
        except BaseException as error:  # such as KeyboardInterrupt: nothing may stay pending
            self._settlement.repairs.add((self._give_up, jobs, accepted, error, pid))
            with suppress(BaseException):  # the first one is raised
                self._settlement.repairs.run()
            raise
        finally:
            if not outer:
                self._sending.discard(me)
            if self._closed.is_set() and not outer:
                sender.close()

    def _deliver(self, jobs: Sequence[Job], *, patient: bool) -> None:
        """Settle each of these batches."""
        sender = self._opened()
        budget = sender.budget(PATIENT if patient else self.max_elapsed)
        pid = os.getpid()
        for run in runs(payloads_of(jobs)):
            sender.deliver(run, self._clock, self._settlement, budget, math.inf)
            if pid != os.getpid():
                return  # a hook forked: the rest is the parent's

    def _give_up(
        self, jobs: Sequence[Job], accepted: Acceptance, error: BaseException, pid: int
    ) -> None:
        """Fail what a call that was broken off has not settled, if it was accepted."""
        if accepted.counted and pid == os.getpid():  # else it is the parent's
            failure = TransportError(f"sending was broken off by {type(error).__name__}")
            failure.__cause__, failure.broken_off = error, True
            self._settlement.give_up(jobs, failure, resume=True)

    def may_wait(self) -> bool:
        """Return whether to wait: not in a callback of what this very thread is sending."""
        return threading.get_ident() not in self._sending

    def send_now(self) -> None:
        """Do nothing: nothing waits to leave."""

    def flush(self, timeout: float) -> None:
        """Wait for what other threads are sending."""
        if self._sender is not None and self.may_wait():
            self._sender.counters.wait(timeout)

    def close(self, timeout: float) -> bool:
        """Wait for other threads; then let none begin or wait any more."""
        self.flush(timeout)
        self._closed.set()
        if not self.may_wait():
            return False
        self._settlement.close()
        if self._sender is not None:
            self._sender.close()
        self.flush(_GRACE)
        return True

    def _renew(self, forked: bool) -> None:
        self._closed = Flag(self._closed.is_set())
        if forked:  # this thread goes on in the child; the others do not
            self._sending &= {threading.get_ident()}
        super()._renew(forked)

    def __repr__(self) -> str:
        return "<SyncDispatcher>"
