"""What happens to accepted batches when there is no room: the policies of ``when_full``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Literal

from ..delivery.job import Job, WorkItem
from ..delivery.settlement import Settlement
from ..delivery.stats import Acceptance
from ..errors import Closed, DeliveryError, QueueFull, Reason
from ..outbox.outbox import OutboxFull
from ..utils.interrupts import waitable
from .scheduler import Scheduler

WhenFull = Literal["block", "drop_newest", "drop_oldest", "raise"]

_LINGER = 0.02  # seconds that one who waited for room waits for more of it
_LOOK_AGAIN = 0.1  # seconds; another process makes room in the outbox, too, and tells nobody


class Admission:
    """Lets accepted jobs onto the scheduler, or settles them.

    Args:
        when_full: the policy.
        scheduler: where jobs wait.
        settlement: writes them to the outbox first, and settles what finds no room.
        now: returns monotonic seconds.
        call: sees to it that somebody makes room.
    """

    def __init__(
        self,
        when_full: WhenFull,
        scheduler: Scheduler,
        settlement: Settlement,
        now: Callable[[], float],
        call: Callable[[], None],
    ) -> None:
        self._when_full = when_full
        self._scheduler = scheduler
        self._settlement = settlement
        self._now = now
        self._call = call

    def take_at_once(self, jobs: Sequence[Job], accepted: Acceptance) -> bool:
        """Take jobs over if all find room in memory, as they do as a rule.

        It does what the others do at a fraction of their cost, where there is no outbox. Returns
        False, and takes none, if there is no room.
        """
        scheduler = self._scheduler
        try:
            with scheduler.lock:
                if scheduler.closed or not scheduler.queue.has_room(jobs):
                    return False
                accepted()  # first: what is counted must not be in nobody's hands
                scheduler.put(jobs, self._now())
        except BaseException as error:  # such as Ctrl-C
            self._settlement.repairs.add((self._broken_off, jobs, accepted, error))
            raise
        return True

    def take_all_or_none(self, jobs: Sequence[Job], accepted: Acceptance) -> None:
        """Take jobs over if all of them find room.

        Raises:
            QueueFull: they do not.
            Closed: the client was closed meanwhile.
        """
        try:
            try:
                self._settlement.kept.store(jobs)
            except OutboxFull as error:
                raise _no_room(len(jobs), "the outbox", error) from error
            with self._scheduler.lock:
                stored = all(job.row is not None for job in jobs)
                if self._scheduler.closed and not stored:
                    raise closed("the client was closed meanwhile")
                if not stored and not self._scheduler.has_room(jobs):
                    raise _no_room(len(jobs), "the queue")
                accepted()  # also where it was closed meanwhile: who has it in the file sends it
                kept = [job for job in jobs if not self._add(job)]
            for job in kept:
                self._find_no_room(job)
        except BaseException as error:
            self._settlement.repairs.add((self._broken_off, jobs, accepted, error))
            raise

    def take_each(
        self,
        jobs: Sequence[Job],
        accepted: Acceptance,
        until: float,
        *,
        patient: bool = False,
    ) -> None:
        """Take jobs over one by one, waiting for room until then.

        Whatever happens, each of them waits or has an outcome when this returns or raises.

        Args:
            patient: wait for room in memory, even if there is some in the outbox.
        """
        try:
            accepted()
            try:
                self._settlement.kept.store(jobs)
                stored = True
            except OutboxFull:
                stored = False
            for job in jobs:
                if stored or self._store(job, until):
                    self._take(job, until, patient)
        except BaseException as error:
            self._settlement.repairs.add((self._broken_off, jobs, accepted, error))
            raise

    def _broken_off(self, jobs: Sequence[Job], accepted: Acceptance, error: BaseException) -> None:
        """Let none be in nobody's hands; what was not accepted leaves no trace."""
        if not accepted.counted:
            self._settlement.kept.remove(jobs)
            return
        with self._scheduler.lock:
            waits = set(self._scheduler.jobs())
        rest = [job for job in jobs if job not in waits]
        self._settlement.resume(rest, closed(f"send was broken off by {type(error).__name__}"))

    def _store(self, job: Job, until: float) -> bool:
        """Write a job to the outbox as soon as that has room; fail it where it has none."""
        while True:
            try:
                self._settlement.kept.store([job])
                return True
            except OutboxFull:
                left = until - self._now()
                if left <= 0 and self._when_full == "drop_oldest" and self._drop_oldest():
                    continue
                if left <= 0 or self._scheduler.closed:
                    self._fail([job], "the outbox is full", "queue_full")
                    return False
                with self._scheduler.lock:
                    self._scheduler.calm.enlist()
                self._call()
                self._scheduler.calm.wait(min(left, _LOOK_AGAIN))

    def _take(self, job: Job, until: float, patient: bool) -> None:
        waits = job.row is None or patient
        dropped = WorkItem()
        try:
            with self._scheduler.lock:
                added = self._add(job)
            if not added and waits and until > self._now():
                added = self._wait_for_room(job, until)
            elif not added and job.row is None and self._when_full == "drop_oldest":
                with self._scheduler.lock:
                    while not (self._scheduler.closed or (added := self._add(job))):
                        self._scheduler.queue.take(1, sys.maxsize, dropped)
            if not added:
                self._find_no_room(job)
            self._drop(dropped, "queue")
        except BaseException:
            self._settlement.repairs.add((self._drop, dropped, "queue"))
            raise

    def _drop(self, dropped: WorkItem, full: str) -> None:
        why = f"newer batches took its place in the full {full}"
        self._settlement.resume(dropped.all_jobs(), DeliveryError(why, reason="dropped_oldest"))

    def _find_no_room(self, job: Job) -> None:
        if self._scheduler.closed:
            self._settlement.give_up([job], closed("the client was closed meanwhile"))
        elif job.row is None:
            self._fail([job], "the queue is full", "queue_full")
        else:
            self._keep(job)

    def _wait_for_room(self, job: Job, until: float) -> bool:
        self._call()
        scheduler, hurries = self._scheduler, 0
        try:
            with scheduler.lock:
                scheduler.hurried, hurries = scheduler.hurried + 1, 1
                scheduler.work.notify_all()
            while True:
                with scheduler.lock:
                    if self._add(job):
                        return True
                    left = until - self._now()
                    if scheduler.closed or left <= 0:
                        return False
                    scheduler.calm.enlist()
                scheduler.calm.wait(waitable(left))
                with scheduler.lock:
                    left = until - self._now()
                    if left <= 0 or not scheduler.queue.is_nearly_full():
                        continue
                    scheduler.roomy.enlist()
                # who wakes for each request holds up the worker that empties the queue
                scheduler.roomy.wait(min(_LINGER, left))
        finally:
            scheduler.hurried -= hurries  # atomically with leaving

    def _add(self, job: Job) -> bool:
        return not self._scheduler.closed and self._scheduler.add(job, self._now())

    def _keep(self, job: Job) -> None:
        """Leave a job to the outbox until there is room in memory."""
        scheduler, keeps = self._scheduler, 0
        try:
            with scheduler.lock:
                scheduler.overflows, scheduler.keeping, keeps = True, scheduler.keeping + 1, 1
            self._settlement.keep(job)
        finally:
            scheduler.keeping -= keeps  # atomically with leaving
            with scheduler.lock:
                scheduler.work.notify()

    def _drop_oldest(self) -> bool:
        """Fail the oldest of what the outbox has; return whether there was any."""
        oldest = WorkItem()
        try:
            with self._scheduler.lock:
                self._scheduler.queue.take_stored(self._settlement.kept.oldest, oldest)
            self._drop(oldest, "outbox")
        except BaseException:
            self._settlement.repairs.add((self._drop, oldest, "outbox"))
            raise
        if oldest.all_jobs():
            return True
        why = "newer batches took its place in the full outbox"
        return self._settlement.drop_oldest(DeliveryError(why, reason="dropped_oldest"))

    def _fail(self, jobs: Sequence[Job], why: str, reason: Reason) -> None:
        self._settlement.give_up(jobs, DeliveryError(why, reason=reason))


def closed(why: str) -> Closed:
    """Return the error for what a closed client leaves."""
    return Closed(why, reason="closed")


def _no_room(batches: int, where: str, error: OutboxFull | None = None) -> QueueFull:
    said = f" ({error})" if error else ""
    return QueueFull(
        f"{where} has no room for {batches} more{said}, and none was accepted; send fewer at a "
        "time or later, or write ThreadedDispatcher(when_full='block')",
        reason="queue_full",
    )
