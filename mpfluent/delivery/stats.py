"""The counts of a client's life, and how batches are counted."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..errors import DeliveryError, Reason
from ..transport.base import Response
from ..utils.counts import reduced
from ..utils.interrupts import COUNTED, Repairs, Steps, Waiters
from ..utils.log import hook_name, log_hook_error
from ..utils.typed import NamedTuple
from .observers import Observers
from .outcome import HandedOver, Outcome


class Stats(NamedTuple):
    """Counts of batches over a client's life.

    ``submitted == delivered + failed + pending + handed_over``.

    Attributes:
        submitted: accepted by ``send``.
        delivered: answered with 2xx.
        failed: given up, each with a reason that reached ``on_failed``.
        pending: not settled yet, or kept in the outbox.
        retries: requests that were tried again.
        failed_by_reason: how many failed for each reason.
        hook_errors: callbacks of yours that raised.
        outbox_errors: failures of the outbox's file; batches are kept in memory meanwhile.
        handed_over: taken by a broker, so that somebody else delivers them.
        unplanned_dropped: events and attributes that were taken out of submitted and of sealed
            batches, because the data plan does not have them.
    """

    submitted: int = 0
    delivered: int = 0
    failed: int = 0
    pending: int = 0
    retries: int = 0
    failed_by_reason: Mapping[Reason, int] = MappingProxyType({})
    hook_errors: int = 0
    outbox_errors: int = 0
    handed_over: int = 0
    unplanned_dropped: int = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)


class Traffic(NamedTuple):
    """Counts of requests: all of them, and those that were tried again."""

    requests: int = 0
    retries: int = 0

    def since(self, before: Traffic) -> Traffic:
        """Return what was counted since an earlier moment."""
        return Traffic(self.requests - before.requests, self.retries - before.retries)


class Outcomes:
    """How many batches were accepted, and what became known of them.

    Attributes:
        lock: guards it.
    """

    lock: threading.Lock | threading.RLock

    def _begin(self) -> None:
        self.submitted = 0
        self.unplanned_dropped = 0
        # by the reason of an error, or by the class of what is none
        self._settled: dict[Reason | type[Response], int] = {}

    def _pending(self) -> int:
        return self.submitted - sum(self._settled.values())

    def _failed(self) -> Mapping[Reason, int]:
        """Return how many failed for each reason."""
        failed: Any = {how: n for how, n in self._settled.items() if not isinstance(how, type)}
        return MappingProxyType(failed)

    def _handed_over(self) -> int:
        return self._settled.get(HandedOver, 0)

    def _totals(self) -> tuple[int, int, int, int]:
        """Return how many were submitted, were delivered, failed, and are pending."""
        delivered = self._settled.get(Response, 0)
        return self.submitted, delivered, sum(self._failed().values()), self._pending()


class Counters(Outcomes):
    """The counters behind ``stats``: changed under a lock, read as one snapshot.

    Attributes:
        observers: further code that is notified of outcomes and of attempts.
        repairs: what interrupted calls have left to be done, so that the counts come right.
        pid: of the process that they are of.
    """

    def __init__(self) -> None:
        self.observers = Observers(self.hook_raised)
        self.repairs = Repairs()
        self.restart()

    def renew_locks(self) -> None:
        """Take new locks: after a fork, or when gevent or eventlet replaced Python's."""
        # Guards the numbers, and the client's deliveries; no other lock is taken while it is held.
        # Reentrant, since the garbage collector may close a client in a ``__del__`` at any line.
        self.lock: threading.RLock = threading.RLock()
        self._waiters = Waiters(self.lock)

    def restart(self) -> None:
        """Count from zero, with a new lock: for a forked child, since the rest is the parent's."""
        self.renew_locks()
        self.pid = os.getpid()
        self.repairs.forget()
        self._begin()
        self._requests = 0
        self._retries = 0
        self._hook_errors = 0
        self._outbox_errors = 0
        self._hooks_logged: set[tuple[str, str]] = set()

    def settled(self, outcome: Outcome, steps: Steps) -> None:
        """Count one batch's outcome.

        Args:
            steps: which steps of settling are done; what is counted is not counted again.
        """
        with self.lock:
            fresh = steps.step < COUNTED
            if fresh:
                counts: dict[Any, int] = self._settled
                how: Any = HandedOver if isinstance(outcome, HandedOver) else Response
                if isinstance(outcome, DeliveryError):
                    how = outcome.reason
                # atomically, also in one thread: no call stands here, so no signal's handler comes
                if how not in counts:
                    counts[how] = 0
                counts[how], steps.step = counts[how] + 1, COUNTED
            if self._waiters.tickets and self._pending() <= 0:  # what ``wait`` waits for
                self._waiters.notify_all()
        if fresh and self.observers.others:
            self.observers.settled(outcome)

    def requested(self) -> None:
        """Count a request."""
        with self.lock:
            self._requests += 1

    def retried(self) -> None:
        """Count a request that is tried again."""
        with self.lock:
            self._retries += 1

    def outbox_failed(self) -> None:
        """Count a failure of the outbox."""
        with self.lock:
            self._outbox_errors += 1

    def dropped_unplanned(self, count: int) -> None:
        """Count what was taken out of a batch that was sealed, because it is unplanned."""
        with self.lock:
            self.unplanned_dropped += count

    def hook_raised(self, hook: object, error: BaseException) -> None:
        """Count a callback that raised, and log each kind of it once."""
        kind = (hook_name(hook), type(error).__name__)
        with self.lock:
            self._hook_errors += 1
            if kind in self._hooks_logged:
                return
            self._hooks_logged.add(kind)
        log_hook_error(hook, error)

    def wait(self, timeout: float | None) -> bool:
        """Wait until nothing is pending; return whether nothing is."""
        return self._waiters.wait_for(lambda: self._pending() <= 0, timeout)

    def traffic(self) -> Traffic:
        """Return how many requests there were."""
        with self.lock:
            return Traffic(self._requests, self._retries)

    def snapshot(self) -> Stats:
        """Return all counts, of one moment."""
        with self.lock:
            errors = self._hook_errors, self._outbox_errors
            counts = (*self._totals(), self._retries, self._failed(), *errors)
            return Stats(*counts, self._handed_over(), self.unplanned_dropped)


class Acceptance:
    """Counts the batches of one call as submitted when it is called; once.

    Args:
        counters: of the client.
        batches: how many.
        counts: of ``send_all``, which count them, too.
        unplanned: how much was taken out of them, because the data plan does not have it.

    Attributes:
        counted: who has counted them; if anybody has, each of them has to be settled.
    """

    __slots__ = ("_all", "_batches", "counted", "unplanned")

    def __init__(
        self,
        counters: Counters,
        batches: int,
        counts: Outcomes | None = None,
        unplanned: int = 0,
    ) -> None:
        self._all: tuple[Outcomes, ...] = (counters, counts) if counts else (counters,)
        self._batches = batches
        self.unplanned = unplanned
        self.counted: tuple[Outcomes, ...] = ()

    def __call__(self) -> None:
        """Count them."""
        for one in self._all:
            if one not in self.counted:
                with one.lock:
                    one.submitted, one.unplanned_dropped, self.counted = (  # atomically
                        one.submitted + self._batches,
                        one.unplanned_dropped + self.unplanned,
                        (*self.counted, one),
                    )
