"""What waits, and what workers have in hand: all that senders and workers share.

A job moves from one list to another by one assignment, so that after Ctrl-C it is in one list, and
in one only.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Sequence

from ..delivery.job import Job, Payload, WorkItem
from ..delivery.settlement import Settlement
from ..utils.interrupts import Waiters
from ..wire.limits import MAX_BATCHES_PER_REQUEST, MAX_REQUEST_BYTES
from .coalescing import WINDOW, WINDOW_BYTES
from .options import Options
from .queue import BoundedQueue


class Scheduler:
    """Says what is due next; made again in a forked child.

    Args:
        options: of the dispatcher.
        settlement: settles its jobs, and has what waits in the outbox only.

    Attributes:
        now: monotonic seconds.
        lock: guards all of it.
        for_work: workers that wait for something to do.
        for_progress: threads that wait until workers have done something: for room, or the end.
        for_space: senders that had room once, and let the queue get emptier before they go on.
        for_retry: workers that wait between two attempts.
        overflowing: whether new jobs go to the outbox only, until it has nothing that was never
            tried: so they keep their order.
        being_kept: how many jobs are on the way there.
        closing: whether no new jobs come any more.
        close_by: the monotonic time at which what is left is settled.
        closed: whether it is settled, or being settled.
    """

    def __init__(self, options: Options, settlement: Settlement) -> None:
        self.options, self.settlement = options, settlement
        self.now = options.clock
        self.renew_locks()
        self.queue = BoundedQueue(options.max_queue, options.max_queue_bytes)
        self.overflowing = False
        self.being_kept = 0
        self.closing = False
        self.close_by = math.inf
        self.closed = False
        self._returned: list[WorkItem] = []  # what workers handed back, or shared: goes first
        self._in_hand: list[WorkItem] = []  # what workers have
        self._left = WorkItem()  # what the thread that closes settles
        self._kept = settlement.kept
        # how many of the oldest leave at once: a caller waits for them, or for their room
        self._leave_now = 0
        self._most = self._enough = MAX_BATCHES_PER_REQUEST, MAX_REQUEST_BYTES
        if options.coalesce:
            # A work item may be larger than a request, since it will shrink. Half of what may wait
            # is enough: the other half is for what comes before a worker has woken.
            self._most = WINDOW, WINDOW_BYTES
            half, half_bytes = -(-options.max_queue // 2), -(-options.max_queue_bytes // 2)
            self._enough = min(WINDOW, half), min(WINDOW_BYTES, half_bytes)

    def renew_locks(self) -> None:
        """Take new locks: after a fork, or when gevent or eventlet replaced Python's."""
        # The outermost lock: while it is held, those of the outbox and of the counters may be
        # taken, and never the other way round. No hook is called and nothing is sent meanwhile.
        # Reentrant, since the garbage collector may close a client in a ``__del__`` at any line.
        self.lock = threading.RLock()
        self.for_work = Waiters(self.lock)
        self.for_progress = Waiters(self.lock)
        self.for_space = Waiters(self.lock)
        self.for_retry = Waiters(self.lock)

    # All that follows is called with the lock held.

    def add(self, jobs: Sequence[Job], accepted: Callable[[], None] = lambda: None) -> bool:
        """Let all of these wait, or none: where there is no room, or what is before them is kept.

        Args:
            accepted: is called first: where Ctrl-C comes after it, what is counted can be settled.

        Returns:
            Whether they wait; if not, the caller settles what was counted.
        """
        behind = self.overflowing and any(job.row is not None for job in jobs)
        if self.closed or behind or not self.queue.has_room(jobs):
            return False
        accepted()
        first = not self.queue.waiting
        self.queue.add(jobs, self.now())
        if self.closed:  # by a signal's handler, or by the garbage collector: no worker comes
            self.queue.take(len(self.queue.waiting), sys.maxsize, WorkItem())
            return False
        if first or self.queue.reaches(*self._enough):
            self.for_work.notify()
        return True

    def send_now(self) -> None:
        """Let all that waits now leave at once; what comes later gathers as usual."""
        self._leave_now = len(self.queue.waiting)
        if self.has_work():
            self.for_work.notify()

    def next(self, item: WorkItem, now: float, *, at_once: bool = False) -> float | None:
        """Let a worker have what is to be delivered now, if there is anything.

        Args:
            item: an empty one, to be filled; one that stays empty is to be loaded from the outbox.
            at_once: whether nothing has to wait for others to travel with.

        Returns:
            None if the worker has something; else the seconds until something may be due.
        """
        if self.closed or now >= self.close_by:
            return math.inf
        if self._returned:
            first, *rest = self._returned
            item.payloads, item.jobs = first.payloads, first.jobs
            self._returned, self._in_hand = rest, [*self._in_hand, item]
            return None
        if self.overflowing and not (self._kept.outbox.untried or self.being_kept):
            self.overflowing = False
            self.for_progress.notify_all()  # senders may use the queue again
        if not self._kept.outbox.parked:
            self._kept.due = math.inf
        queue_first = self.overflowing and self.queue.waiting  # what is in the outbox only is newer
        if self._kept.due <= now and not queue_first:
            self._kept.due, self._in_hand = math.inf, [*self._in_hand, item]
            return None
        gather = math.inf
        if self.queue.waiting:
            gather = self.queue.waiting[0].since + self.options.flush_interval - now
            enough = self._leave_now or self.queue.reaches(*self._enough)
            if enough or gather <= 0 or at_once or self.closing:
                self._in_hand = [*self._in_hand, item]  # first: its jobs are always somewhere
                self._leave_now = max(0, self._leave_now - self.queue.take(*self._most, item))
                self.for_progress.notify_all()  # there is room now
                if not self.queue.is_nearly_full():
                    self.for_space.notify_all()
                if self.queue.waiting:
                    self.for_work.notify()  # another worker, if one has nothing to do
                return None
        return gather if queue_first else min(gather, self._kept.due - now)

    def share(self, item: WorkItem, first: list[Payload], rest: Sequence[list[Payload]]) -> None:
        """Let any worker deliver the rest of an item; a worker alone does so in order."""
        items = [WorkItem(payloads) for payloads in rest]
        item.payloads, item.jobs, self._returned = first, [], [*self._returned, *items]
        self.for_work.notify(len(rest))

    def done(self, item: WorkItem, rest: Sequence[Payload] = ()) -> None:
        """Know that a worker is done with an item; let another one begin with the rest of it."""
        returned = [WorkItem([*rest])] if rest else []
        others = [other for other in self._in_hand if other is not item]
        if item in self._in_hand:  # else it was handed back already
            self._returned, self._in_hand = [*returned, *self._returned], others
        self.for_progress.notify_all()
        if rest:
            self.for_work.notify()

    def collect_left(self) -> None:
        """Let no worker take what waits now: the thread that closes settles it."""
        returned = [job for item in self._returned for job in item.all_jobs()]
        self._left.jobs, self._returned = [*self._left.all_jobs(), *returned], []
        self.queue.take(len(self.queue.waiting), sys.maxsize, self._left)

    def forget_left(self) -> None:
        """Drop what was collected, and what workers had in hand: it is settled."""
        self._left.jobs, self._in_hand = [], []
        self.for_progress.notify_all()

    def has_work(self) -> bool:
        """Return whether there is anything for a worker to do, now or later."""
        return bool(self.queue.waiting or self._returned or self._kept.outbox.parked)

    def in_hand(self, item: WorkItem | None = None) -> bool:
        """Return whether a worker has anything in hand, or just this."""
        return bool(self._in_hand) if item is None else item in self._in_hand

    def is_idle(self, now: float) -> bool:
        """Return whether nothing can be done just now."""
        kept_due = self._kept.outbox.parked and self._kept.due <= now
        return not (self.queue.waiting or self._returned or self._in_hand or kept_due)

    def jobs(self) -> list[Job]:
        """Return all that is not settled, wherever it is."""
        items = [*self._in_hand, *self._returned, self._left]
        return [*(job for item in items for job in item.all_jobs()), *self.queue.waiting]
