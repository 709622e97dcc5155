"""What waits, and what is in the hands of workers: all that senders and workers share.

What moves from one place to another does so atomically, so that whoever is interrupted leaves
each job in one place, and in one only.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterable, Sequence

from ..delivery.job import Job, Payload, WorkItem
from ..delivery.kept import KeptBatches
from ..utils.interrupts import Waiters
from ..wire.limits import MAX_BATCHES_PER_REQUEST, MAX_REQUEST_BYTES
from .coalescing import WINDOW, WINDOW_BYTES
from .queue import BoundedQueue


class Scheduler:
    """What waits and what moves, under one lock; made anew in a forked child.

    Args:
        most: jobs that may wait.
        most_bytes: bytes of them.
        flush_interval: seconds that a job waits for others to travel with.
        coalesces: whether a load may be larger than a request, since it will shrink. Then it may
            be half of what may wait: the other half is for what comes before a worker has woken.
        kept: what else is to be delivered.

    Attributes:
        work: where workers wait.
        calm: where those wait who wait for workers.
        roomy: where those wait who let a queue get emptier.
        hurried: how many want everything to leave at once.
        overflows: whether what comes goes to the outbox only, until that is empty again.
        keeping: how many are just on the way there.
        closing: whether nothing comes any more.
        close_by: the monotonic time at which what is left is settled.
        closed: whether it is.
    """

    def __init__(
        self,
        most: int,
        most_bytes: int,
        *,
        flush_interval: float,
        coalesces: bool,
        kept: KeptBatches,
    ) -> None:
        self.renew_locks()
        self.queue = BoundedQueue(most, most_bytes)
        self.hurried = 0
        self.overflows = False
        self.keeping = 0
        self.closing = False
        self.close_by = math.inf
        self.closed = False
        self._again: list[WorkItem] = []  # what workers had in their hands and laid down
        self._moving: list[WorkItem] = []
        self._seized = WorkItem()
        self._kept = kept
        self._flush_interval = flush_interval
        self._pressed = False  # whether something found no room since the last load
        self._awaited = 0  # how many of the oldest leave at once, since somebody waits for them
        self._most = self._enough = MAX_BATCHES_PER_REQUEST, MAX_REQUEST_BYTES
        if coalesces:
            self._most = WINDOW, WINDOW_BYTES
            self._enough = min(WINDOW, -(-most // 2)), min(WINDOW_BYTES, -(-most_bytes // 2))

    def renew_locks(self) -> None:
        """Take a lock of the kind that Python has now, and let everybody wait anew."""
        # reentrant, since a ``__del__`` may close a client in the midst of anything
        self.lock = threading.RLock()
        self.work = Waiters(self.lock)
        self.calm = Waiters(self.lock)
        self.roomy = Waiters(self.lock)

    # All that follows is called with the lock held.

    def add(self, job: Job, now: float) -> bool:
        """Let a job wait, if it has room, and nothing before it is in the outbox only."""
        if (self.overflows and job.row is not None) or not self.has_room([job]):
            return False
        self.put([job], now)
        return True

    def put(self, jobs: Iterable[Job], now: float) -> None:
        """Let jobs wait that have room."""
        first = not self.queue
        for job in jobs:
            self.queue.add(job, now)
        if first or self.queue.reaches(*self._enough):
            self.work.notify()

    def has_room(self, jobs: Sequence[Job]) -> bool:
        """Return whether all of these may wait; if not, what does is not to wait any longer."""
        if self.queue.has_room(jobs):
            return True
        self._pressed = len(self.queue) > 0
        self.work.notify()
        return False

    def send_now(self) -> None:
        """Let all that waits now leave at once, and what comes later gather as ever."""
        self._awaited = len(self.queue)
        if self._awaited:
            self.work.notify()

    def next(self, load: WorkItem, now: float) -> float | None:
        """Put what to deliver now into a load, as moving; or return the seconds until it is due.

        Args:
            load: an empty one.

        Returns:
            The seconds until something may be due; None if the load has something.
        """
        if self.closed or now >= self.close_by:
            return math.inf
        if self._again:
            first, *rest = self._again
            load.payloads, load.jobs = first.payloads, first.jobs
            self._again, self._moving = rest, [*self._moving, load]
            return None
        if self.overflows and not (self._kept.untried or self.keeping):
            self.overflows = False
            self.calm.notify_all()  # there is room for those who wait for it
        if not self._kept.waiting:
            self._kept.due = math.inf
        first_here = self.overflows and self.queue  # what waits here is older
        if self._kept.due <= now and not first_here:
            self._kept.due, self._moving = math.inf, [*self._moving, load]
            return None
        gather = math.inf
        if self.queue:
            gather = self.queue.since + self._flush_interval - now
            enough = self._pressed or self._awaited or self.queue.reaches(*self._enough)
            if enough or gather <= 0 or self.hurried or self.closing:
                self._fill(load)
                return None
        return gather if first_here else min(gather, self._kept.due - now)

    def _fill(self, load: WorkItem) -> None:
        self._pressed = False
        self._moving = [*self._moving, load]  # before it has anything, which is then somewhere
        taken = self.queue.take(*self._most, load)
        self._awaited = max(0, self._awaited - len(taken))
        self.calm.notify_all()  # there is room now
        if not self.queue.is_nearly_full():
            self.roomy.notify_all()
        if self.queue:
            self.work.notify()  # for another worker, if there is one with nothing to do

    def share(self, load: WorkItem, first: list[Payload], rest: Sequence[list[Payload]]) -> None:
        """Let whoever has time deliver the rest of a load; a worker alone does so in order."""
        loads = [WorkItem(payloads) for payloads in rest]
        load.payloads, load.jobs, self._again = first, [], [*self._again, *loads]
        self.work.notify(len(rest))

    def lay_down(self, load: WorkItem, payloads: list[Payload]) -> None:
        """Let another worker begin with these of a load before all that came after it."""
        again = [WorkItem(payloads)] if payloads else []
        rest = [other for other in self._moving if other is not load]
        if load in self._moving:  # it was not laid down yet
            self._again, self._moving = [*again, *self._again], rest
        self.calm.notify_all()
        self.work.notify()

    def done(self, load: WorkItem) -> None:
        """Know that nobody has this in hand any more."""
        self._moving = [other for other in self._moving if other is not load]
        self.calm.notify_all()

    def seize(self) -> None:
        """Let nobody take any more what waits now, since whoever calls this settles it."""
        again = [job for load in self._again for job in load.all_jobs()]
        self._seized.jobs, self._again = [*self._seized.all_jobs(), *again], []
        self.queue.take(len(self.queue), sys.maxsize, self._seized)

    def forget(self) -> None:
        """Expect nothing any more of what was seized, and of those who have something in hand."""
        self._seized.jobs, self._moving = [], []
        self.calm.notify_all()

    def has_work(self) -> bool:
        """Return whether there is anything for a worker to do, now or later."""
        return bool(self.queue or self._again or self._kept.waiting)

    def moves(self, load: WorkItem | None = None) -> bool:
        """Return whether anybody has anything in hand, or just this."""
        return bool(self._moving) if load is None else load in self._moving

    def is_idle(self, now: float) -> bool:
        """Return whether nothing can be done just now."""
        kept_due = self._kept.waiting and self._kept.due <= now
        return not (self.queue or self._again or self._moving or kept_due)

    def jobs(self) -> list[Job]:
        """Return all that is not settled, wherever it is."""
        loads = [*self._moving, *self._again, self._seized]
        return [*(job for load in loads for job in load.all_jobs()), *self.queue]
