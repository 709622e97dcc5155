"""How a dispatcher takes batches over, and what happens if there is no room: ``when_full``."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..delivery.job import Job, WorkItem
from ..delivery.settlement import Settlement
from ..delivery.stats import Acceptance
from ..errors import Closed, DeliveryError, QueueFull
from ..outbox.outbox import OutboxFull
from ..utils.interrupts import waitable
from .options import Options, WhenFull
from .scheduler import Scheduler


class Policy(NamedTuple):
    """What to do with a job for which there is no room; by default, it fails.

    Attributes:
        waits: wait for room first.
        drops_oldest: fail the oldest jobs until there is room.
        all_or_none: raise, and accept none of the call's jobs.
        prefers_memory: wait for room in memory, though the outbox has the job.
    """

    waits: bool = False
    drops_oldest: bool = False
    all_or_none: bool = False
    prefers_memory: bool = False


POLICIES: dict[WhenFull, Policy] = {
    "block": Policy(waits=True),
    "drop_newest": Policy(),
    "drop_oldest": Policy(drops_oldest=True),
    "raise": Policy(all_or_none=True),
}

_LINGER = 0.02  # seconds that a sender waits for more room, so that not each request wakes it
_LOOK_AGAIN = 0.1  # seconds; another process makes room in the outbox, too, and notifies nobody


class Admission:
    """Takes jobs over: into the queue, or into the outbox only, or it settles them.

    Args:
        options: of the dispatcher.
        scheduler: has the queue.
        settlement: has the outbox, and settles what finds no room.
        call: makes sure that a worker makes room.
        may_wait: returns whether this thread may wait for workers.
    """

    def __init__(
        self,
        options: Options,
        scheduler: Scheduler,
        settlement: Settlement,
        *,
        call: Callable[[], None],
        may_wait: Callable[[], bool],
    ) -> None:
        self._policy = POLICIES[options.when_full]
        self._block_timeout = options.block_timeout
        self._now = options.clock
        self._scheduler = scheduler
        self._settlement = settlement
        self._call = call
        self._may_wait = may_wait

    def submit(
        self, jobs: Sequence[Job], accepted: Acceptance, patience: float | None = None
    ) -> None:
        """Take jobs over: into the queue, if it has room for all, or else as the policy says.

        Whatever happens, each job that is accepted waits or has an outcome in the end.

        Args:
            accepted: counts them, before anybody can deliver one.
            patience: seconds to wait for room whatever the policy is; None to do what it says.

        Raises:
            QueueFull: there is no room, and none of them was accepted.
            Closed: the client was closed meanwhile.
        """
        policy, seconds = self._policy, self._block_timeout
        if patience is not None:
            policy = policy._replace(waits=True, all_or_none=False, prefers_memory=True)
            seconds = patience
        try:
            outbox_full = self._store(jobs) if self._settlement.kept.has_outbox else None
            if outbox_full is None and self._try_add(jobs, accepted):
                return
            if policy.all_or_none:
                self._add_all_or_raise(jobs, accepted, outbox_full)
                return
            accepted()
            waits = policy.waits and self._may_wait() and not _runs_an_event_loop()
            until = self._now() + seconds if waits else -math.inf
            for job in jobs:
                if outbox_full is None or self._wait_to_store(job, policy, until):
                    self._add(job, policy, until)
        except BaseException as error:  # such as Ctrl-C
            self._settlement.repairs.add((self._interrupted, jobs, accepted, error))
            raise

    def _interrupted(self, jobs: Sequence[Job], accepted: Acceptance, error: BaseException) -> None:
        """Settle what was accepted and does not wait; leave no trace of what was not accepted."""
        if not accepted.counted:
            self._settlement.kept.remove(jobs)
            return
        with self._scheduler.lock:
            waits = set(self._scheduler.jobs())
        rest = [job for job in jobs if job not in waits]
        self._settlement.resume(rest, closed(f"send was broken off by {type(error).__name__}"))

    def _store(self, jobs: Sequence[Job]) -> OutboxFull | None:
        try:
            self._settlement.kept.store(jobs)
        except OutboxFull as error:  # nothing is stored: the policy decides
            return error
        return None

    def _try_add(self, jobs: Sequence[Job], accepted: Acceptance) -> bool:
        """Add all of the jobs to the queue, or none."""
        scheduler = self._scheduler
        with scheduler.lock:
            if scheduler.closed or not scheduler.fits(jobs):
                return False
            accepted()  # first: where Ctrl-C comes between, what is counted can be settled
            scheduler.put(jobs, self._now())
        return True

    def _add_all_or_raise(
        self, jobs: Sequence[Job], accepted: Acceptance, outbox_full: OutboxFull | None
    ) -> None:
        if outbox_full is not None:
            raise _no_room(len(jobs), "the outbox", outbox_full) from outbox_full
        scheduler = self._scheduler
        with scheduler.lock:
            stored = all(job.row is not None for job in jobs)
            if scheduler.closed and not stored:
                raise closed("the client was closed meanwhile")
            if not stored and not scheduler.has_room(jobs):
                raise _no_room(len(jobs), "the queue")
            accepted()  # what is stored also if the client was closed meanwhile: it is kept
            rest = [job for job in jobs if not self._add_to_queue(job)]
        for job in rest:
            self._settle_without_room(job)

    def _wait_to_store(self, job: Job, policy: Policy, until: float) -> bool:
        """Write a job to the outbox when that has room; fail the job if it has none in time."""
        scheduler = self._scheduler
        while self._store([job]) is not None:
            left = until - self._now()
            if left <= 0 and policy.drops_oldest and self._drop_oldest_stored():
                continue
            if left <= 0 or scheduler.closed:
                self._fail(job, "the outbox is full")
                return False
            with scheduler.lock:
                scheduler.for_progress.enlist()
            self._call()
            scheduler.for_progress.wait(min(left, _LOOK_AGAIN))
        return True

    def _add(self, job: Job, policy: Policy, until: float) -> None:
        """Add one job to the queue, after what the policy does for room; else settle it."""
        scheduler, dropped = self._scheduler, WorkItem()
        in_memory_only = job.row is None
        waits = until > self._now() and (in_memory_only or policy.prefers_memory)
        drops = policy.drops_oldest and in_memory_only and not waits
        try:
            with scheduler.lock:
                added = self._add_to_queue(job)
                while drops and not added and not scheduler.closed:
                    scheduler.queue.take(1, sys.maxsize, dropped)
                    added = self._add_to_queue(job)
            if not added and waits:
                added = self._wait_for_room(job, until)
            if not added:
                self._settle_without_room(job)
            self._drop(dropped, "queue")
        except BaseException:  # such as Ctrl-C, or a hook that exits
            self._settlement.repairs.add((self._drop, dropped, "queue"))
            raise

    def _add_to_queue(self, job: Job) -> bool:
        return not self._scheduler.closed and self._scheduler.add(job, self._now())

    def _wait_for_room(self, job: Job, until: float) -> bool:
        self._call()
        scheduler, counted = self._scheduler, 0
        try:
            with scheduler.lock:
                scheduler.urgent, counted = scheduler.urgent + 1, 1
                scheduler.for_work.notify_all()
            while True:
                with scheduler.lock:
                    if self._add_to_queue(job):
                        return True
                    left = until - self._now()
                    if scheduler.closed or left <= 0:
                        return False
                    scheduler.for_progress.enlist()
                scheduler.for_progress.wait(waitable(left))
                with scheduler.lock:
                    left = until - self._now()
                    if left <= 0 or not scheduler.queue.is_nearly_full():
                        continue
                    scheduler.for_space.enlist()
                # a sender that wakes for each request slows the worker that empties the queue
                scheduler.for_space.wait(min(_LINGER, left))
        finally:
            scheduler.urgent -= counted  # atomically with leaving

    def _settle_without_room(self, job: Job) -> None:
        if self._scheduler.closed:
            self._settlement.give_up([job], closed("the client was closed meanwhile"))
        elif job.row is None:
            self._fail(job, "the queue is full")
        else:
            self._keep(job)

    def _keep(self, job: Job) -> None:
        """Leave a job to the outbox until there is room in memory."""
        scheduler, counted = self._scheduler, 0
        try:
            with scheduler.lock:
                scheduler.overflowing = True
                scheduler.being_kept, counted = scheduler.being_kept + 1, 1
            self._settlement.keep(job)
        finally:
            scheduler.being_kept -= counted  # atomically with leaving
            with scheduler.lock:
                scheduler.for_work.notify()

    def _drop_oldest_stored(self) -> bool:
        """Fail the oldest job that the outbox has; return whether there is one."""
        oldest = WorkItem()
        try:
            with self._scheduler.lock:
                self._scheduler.queue.take_stored(self._settlement.kept.oldest, oldest)
            self._drop(oldest, "outbox")
        except BaseException:  # such as Ctrl-C, or a hook that exits
            self._settlement.repairs.add((self._drop, oldest, "outbox"))
            raise
        return bool(oldest.all_jobs()) or self._settlement.drop_oldest(_dropped("outbox"))

    def _drop(self, item: WorkItem, full: str) -> None:
        self._settlement.resume(item.all_jobs(), _dropped(full))

    def _fail(self, job: Job, why: str) -> None:
        self._settlement.give_up([job], DeliveryError(why, reason="queue_full"))


def closed(why: str) -> Closed:
    """Return the error for what a closed client leaves."""
    return Closed(why, reason="closed")


def _dropped(full: str) -> DeliveryError:
    return DeliveryError(
        f"newer batches took its place in the full {full}", reason="dropped_oldest"
    )


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
