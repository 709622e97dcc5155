"""How a dispatcher takes batches over, and what happens if there is no room: ``when_full``."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..delivery.job import Job, WorkItem
from ..delivery.stats import Acceptance
from ..errors import Closed, DeliveryError, Kept, QueueFull
from ..outbox.outbox import OutboxFull
from ..utils.interrupts import waitable
from .scheduler import Scheduler

_PATIENT = "patient"  # as "block", but for room in memory even where the outbox has the job
_LINGER = 0.02  # seconds that a sender waits for more room, so that not each request wakes it
_LOOK_AGAIN = 0.1  # seconds; another process makes room in the outbox, too, and notifies nobody


class Admission(NamedTuple):
    """Takes jobs over: into the queue, or into the outbox only, or it settles them.

    Attributes:
        scheduler: has the queue, the options, and what settles a job that finds no room.
        call: makes sure that a worker makes room.
        may_wait: returns whether this thread may wait for workers.
    """

    scheduler: Scheduler
    call: Callable[[], None]
    may_wait: Callable[[], bool]

    def submit(self, jobs: Sequence[Job], accepted: Acceptance, patience: float | None) -> None:
        """Take jobs over: into the queue, if it has room for all, or else as ``when_full`` says.

        Whatever happens, each job that is accepted waits or has an outcome in the end.

        Args:
            accepted: counts them, before anybody can deliver one.
            patience: seconds to wait for room in memory whatever ``when_full`` says; None to do
                what it says.

        Raises:
            QueueFull: there is no room, and none of them was accepted.
            Closed: the client was closed meanwhile.
        """
        scheduler, _, may_wait = self
        settlement = scheduler.settlement
        try:
            outbox_full = self._store(jobs) if settlement.kept.has_outbox else None
            with scheduler.lock:
                if outbox_full is None and scheduler.add(jobs, accepted):
                    return
            policy = scheduler.options.when_full if patience is None else _PATIENT
            seconds = scheduler.options.block_timeout if patience is None else patience
            if policy == "raise":
                self._add_all_or_raise(jobs, accepted, outbox_full)
                return
            accepted()
            waits = policy in ("block", _PATIENT) and may_wait() and not _runs_an_event_loop()
            until = scheduler.now() + seconds if waits else -math.inf
            for job in jobs:
                if outbox_full is None or self._wait_to_store(job, policy, until):
                    self._add(job, policy, until)
        except BaseException as error:  # such as Ctrl-C
            settlement.repairs.add((self._interrupted, jobs, accepted, error))
            raise

    def _interrupted(self, jobs: Sequence[Job], accepted: Acceptance, error: BaseException) -> None:
        """Settle what was accepted and does not wait; leave no trace of what was not accepted."""
        settlement = self.scheduler.settlement
        if not accepted.counted:
            settlement.kept.remove(jobs)
            return
        with self.scheduler.lock:
            waits = set(self.scheduler.jobs())
        rest = [job for job in jobs if job not in waits]
        why = closed(f"send was broken off by {type(error).__name__}")
        why.broken_off = True
        settlement.give_up(rest, why, resume=True)

    def _store(self, jobs: Sequence[Job]) -> OutboxFull | None:
        try:
            self.scheduler.settlement.kept.store(jobs)
        except OutboxFull as error:  # nothing is stored: the policy decides
            return error
        return None

    def _add_all_or_raise(
        self, jobs: Sequence[Job], accepted: Acceptance, outbox_full: OutboxFull | None
    ) -> None:
        if outbox_full is not None:
            raise _no_room(len(jobs), "the outbox", outbox_full) from outbox_full
        scheduler = self.scheduler
        with scheduler.lock:
            stored = all(job.row is not None for job in jobs)
            if scheduler.closed and not stored:
                raise closed("the client was closed meanwhile")
            if not stored and not scheduler.queue.has_room(jobs):
                scheduler.send_now()
                raise _no_room(len(jobs), "the queue")
            accepted()  # what is stored also if the client was closed meanwhile: it is kept
            rest = [job for job in jobs if not scheduler.add([job])]
        for job in rest:
            self._settle_without_room(job)

    def _wait_to_store(self, job: Job, policy: str, until: float) -> bool:
        """Write a job to the outbox when that has room; fail the job if it has none in time."""
        scheduler = self.scheduler
        while self._store([job]) is not None:
            left = until - scheduler.now()
            if left <= 0 and policy == "drop_oldest" and self._drop_oldest_stored():
                continue
            if left <= 0 or scheduler.closed:
                self._fail(job, "the outbox is full")
                return False
            with scheduler.lock:
                scheduler.for_progress.enlist()
            self.call()
            scheduler.for_progress.wait(min(left, _LOOK_AGAIN))
        return True

    def _add(self, job: Job, policy: str, until: float) -> None:
        """Add one job to the queue, after what the policy does for room; else settle it."""
        scheduler, dropped = self.scheduler, WorkItem()
        in_memory_only = job.row is None
        drops = policy == "drop_oldest" and in_memory_only
        try:
            with scheduler.lock:
                added = scheduler.add([job])
                while drops and not added and not scheduler.closed:
                    scheduler.queue.take(1, sys.maxsize, dropped)
                    added = scheduler.add([job])
                if dropped.jobs or not added:
                    scheduler.send_now()  # so that there is room again
            if not added and (in_memory_only or policy == _PATIENT) and until > scheduler.now():
                added = self._wait_for_room(job, until)
            if not added:
                self._settle_without_room(job)
            self._drop(dropped, "queue")
        except BaseException:  # such as Ctrl-C, or a hook that exits
            scheduler.settlement.repairs.add((self._drop, dropped, "queue"))
            raise

    def _wait_for_room(self, job: Job, until: float) -> bool:
        self.call()
        scheduler = self.scheduler
        while True:
            with scheduler.lock:
                if scheduler.add([job]):
                    return True
                left = until - scheduler.now()
                if scheduler.closed or left <= 0:
                    return False
                scheduler.send_now()
                scheduler.for_progress.enlist()
            scheduler.for_progress.wait(waitable(left))
            with scheduler.lock:
                left = until - scheduler.now()
                if left <= 0 or not scheduler.queue.is_nearly_full():
                    continue
                scheduler.for_space.enlist()
            # a sender that wakes for each request slows the worker that empties the queue
            scheduler.for_space.wait(min(_LINGER, left))

    def _settle_without_room(self, job: Job) -> None:
        scheduler, counted = self.scheduler, 0
        if scheduler.closed:
            scheduler.settlement.give_up([job], closed("the client was closed meanwhile"))
            return
        if job.row is None:
            self._fail(job, "the queue is full")
            return
        try:
            with scheduler.lock:
                scheduler.overflowing = True
                scheduler.being_kept, counted = scheduler.being_kept + 1, 1
            why = "kept in the outbox, to be sent as soon as there is room in the queue"
            scheduler.settlement.give_up([job], Kept(why, reason="queue_full"))
        finally:
            scheduler.being_kept -= counted  # atomically with leaving
            with scheduler.lock:
                scheduler.for_work.notify()

    def _drop_oldest_stored(self) -> bool:
        """Fail the oldest job that the outbox has; return whether there is one."""
        oldest, scheduler, settlement = WorkItem(), self.scheduler, self.scheduler.settlement
        try:
            with scheduler.lock:
                scheduler.queue.take_stored(settlement.kept.outbox.oldest, oldest)
            self._drop(oldest, "outbox")
        except BaseException:  # such as Ctrl-C, or a hook that exits
            settlement.repairs.add((self._drop, oldest, "outbox"))
            raise
        return bool(oldest.all_jobs()) or settlement.drop_oldest(_dropped("outbox"))

    def _drop(self, item: WorkItem, full: str) -> None:
        self.scheduler.settlement.give_up(item.all_jobs(), _dropped(full), resume=True)

    def _fail(self, job: Job, why: str) -> None:
        error = DeliveryError(why, reason="queue_full")
        self.scheduler.settlement.give_up([job], error)


def closed(why: str) -> Closed:
    """Return the error for what a closed client leaves."""
    return Closed(why, reason="closed")


def _dropped(full: str) -> DeliveryError:
    why = f"newer batches took its place in the full {full}"
    return DeliveryError(why, reason="dropped_oldest")


def _no_room(batches: int, where: str, error: OutboxFull | None = None) -> QueueFull:
    said = f" ({error})" if error else ""
    return QueueFull(
        f"{where} has no room for {batches} more{said}, and none was accepted; send fewer at a "
        "time or later, or write ThreadedDispatcher(when_full='block')",
        reason="queue_full",
    )


def _runs_an_event_loop() -> bool:
    """Return whether waiting here would stop an event loop, and all of its tasks."""
    asyncio = sys.modules.get("asyncio")  # a program without asyncio need not load it
    return asyncio is not None and asyncio._get_running_loop() is not None
