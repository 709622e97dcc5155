"""The batches of one client in the outbox, and those that wait there only, not in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..errors import DeliveryError, Kept
from ..transport.base import Response
from ..transport.destination import Destination
from ..utils.log import Notices, batch_count, warn
from ..wire.body import Part
from ..wire.limits import MAX_BATCHES_PER_REQUEST, MAX_REQUEST_BYTES
from .gate import PROBE_EVERY
from .job import Job, Payload, WorkItem, payloads_of, together
from .stats import Acceptance, Counters

if TYPE_CHECKING:
    from ..outbox.outbox import Batches, Outbox, Stored

# With its brackets and commas this fits one request, so that no small second one is needed.
_LOAD_BYTES = MAX_REQUEST_BYTES - MAX_BATCHES_PER_REQUEST - 1


class _NoOutbox:
    """What stands for an outbox where there is none: nothing is in it."""

    parked = untried = stored = 0
    oldest = tend_every = None

    def open(self, *_: object) -> None:
        """Do nothing."""

    restart = close = open


class KeptBatches:
    """What the outbox has of one client, and when to try it again; without an outbox, nothing.

    It has no lock of its own: the outbox has one. Each attribute is changed by one assignment.

    Args:
        outbox: where batches are kept; None for nowhere.
        clock: monotonic seconds.
        notices: logs failures of the file.

    Attributes:
        has_outbox: whether there is an outbox at all.
        outbox: it, or what stands for none; ``parked`` of it wait there only, not in memory.
        due: when to load what is kept, in monotonic seconds.
    """

    def __init__(self, outbox: Outbox | None, clock: Callable[[], float], notices: Notices) -> None:
        none: Any = _NoOutbox()
        self.outbox: Outbox = none if outbox is None else outbox
        self.has_outbox = outbox is not None
        self._clock = clock
        self._notices = notices
        self._begin()

    def _begin(self) -> None:
        self._adopted = False  # whether it has looked for what dead processes left
        self._most = MAX_BATCHES_PER_REQUEST  # rows to load at a time
        self._not_before = -math.inf  # when to load again what was tried without success
        self._lost_ids: list[str] = []  # of rows that cannot be read any more; not settled yet
        self.due = math.inf

    def open(self, destination: Destination, counters: Counters, batch_class: type[Any]) -> None:
        """Belong to a client."""
        self._counters = counters
        self._batch_class = batch_class
        self.outbox.open(destination, self._failed, self._lost)

    def restart(self) -> None:
        """Start again in a forked child: what the parent keeps stays the parent's."""
        self._begin()
        self.outbox.restart()

    def close(self) -> None:
        """Close the outbox: the next process takes up what is in it."""
        self.outbox.close()

    # Into the outbox

    def ready(self, *, adopt_again: bool = False) -> None:
        """Open the outbox; the first time, also adopt what dead processes left there.

        Raises:
            ConfigurationError: its file is of a newer version, or no outbox at all.
        """
        if not self.outbox.ready() or (self._adopted and not adopt_again):
            return
        self._adopt()
        first, self._adopted = not self._adopted, True
        if self.outbox.parked:
            self._not_before = -math.inf
            self.due = self._clock()
        if first and (elsewhere := self.outbox.elsewhere()):
            warn(
                "the outbox holds %s of this key for another host; "
                "a client of that host sends what is there",
                batch_count(elsewhere),
            )

    def _adopt(self) -> None:
        adopted: list[Acceptance] = []

        def count(rows: int) -> None:
            adopted.append(Acceptance(self._counters, rows))
            adopted[0]()

        try:
            self.outbox.adopt(count)
        except BaseException:  # such as Ctrl-C: what is counted can be loaded, and only that
            self._counters.repairs.add((self._take_up, adopted))
            self._counters.repairs.run()
            raise

    def _take_up(self, adopted: list[Acceptance]) -> None:
        """Go on with what was counted, or was about to be; the rest is adopted later."""
        for acceptance in adopted:
            acceptance()
            self.outbox.take_up()

    def store(self, jobs: Sequence[Job]) -> None:
        """Write jobs to the outbox; where the disk fails, they are in memory only.

        Raises:
            OutboxFull: they do not fit, and none was written.
        """
        batches = [(job.id, job.parts) for job in jobs]
        try:
            for job, row in zip(jobs, self.outbox.put(batches) or ()):
                job.row = row
            self.outbox.know_put(batches)
        except BaseException:  # such as Ctrl-C, or OutboxFull: the caller does not accept them
            self._counters.repairs.add((self._take_back, jobs, batches))
            self._counters.repairs.run()
            raise

    def _take_back(self, jobs: Sequence[Job], batches: Batches) -> None:
        """Leave nothing in the outbox of a call that was interrupted."""
        self.outbox.remove(self.outbox.put_so_far(batches))
        self.remove(jobs)
        for job in jobs:
            job.row = None
        self.outbox.know_put(batches)

    def join(self, payloads: Iterable[Payload]) -> list[Payload]:
        """Store which jobs travel as one batch, before they do so for the first time.

        Returns the payloads; apart, where that could not be stored: after a crash, the next process
        would send other bytes under the same id.
        """
        return [own for payload in payloads for own in self._joined(payload)]

    def _joined(self, payload: Payload) -> list[Payload]:
        rows = [job.row for job in payload.jobs if job.row is not None]
        if len(payload.jobs) == 1 or not rows:
            return [payload]
        stored = len(rows) == len(payload.jobs) and self.outbox.join(rows)
        return [payload] if stored else payload.apart()

    def take_apart(self, payload: Payload) -> None:
        """Let the jobs that travelled as one batch go on under ids of their own, and store that."""
        for job in payload.jobs:
            job.own_id = True
            if job.row is not None:
                self.outbox.join([job.row])

    # Out of the outbox

    def update(self, jobs: Iterable[Job]) -> list[Job]:
        """Remove what was delivered, and note what is kept; return what failed, still there."""
        failed: list[Job] = []
        if not self.has_outbox:
            return failed
        delivered: list[Job] = []
        kept: list[int] = []
        untried: list[int] = []
        for job in jobs:
            if not isinstance(job.outcome, DeliveryError):
                delivered.append(job)
            elif not isinstance(job.outcome, Kept):
                failed.append(job)
            elif job.row is not None:
                (untried if job.outcome.reason == "queue_full" else kept).append(job.row)
        self.remove(delivered)
        if untried:
            self.outbox.park(untried)
            self.due = self._clock()
        if kept:
            self.outbox.park(kept, tried=True)
            self.due = min(self.due, self._clock() + PROBE_EVERY)
        return failed

    def remove(self, jobs: Iterable[Job]) -> None:
        """Remove jobs from the outbox."""
        rows = [job.row for job in jobs if job.row is not None]
        if rows:
            self.outbox.remove(rows)

    def load(self, item: WorkItem, expired: list[Job], rows: list[int]) -> bool:
        """Load the oldest of what is kept, about one request of it.

        What was tried least comes first. What was tried without success is loaded in smaller and
        smaller groups, so that a batch that never arrives ends up alone.

        Args:
            item: gets what is to be sent.
            expired: gets what was kept for too long.
            rows: gets the numbers of all rows first, for a caller that is interrupted.

        Returns:
            Whether any of it was tried before.
        """
        self.due = math.inf
        early = self._clock() < self._not_before
        stored = self.outbox.load(self._most, _LOAD_BYTES, early, rows)
        payloads: list[Payload] = []
        for _, group in groupby(stored, lambda one: one.group or one.row):
            members = list(group)  # which come one after the other
            jobs = [self._job(one) for one in members]
            if all(one.expired for one in members):  # a group travels under one id: all or none
                expired += jobs
            else:
                payloads += [together(jobs)] if len(jobs) > 1 else payloads_of(jobs)
        if self.outbox.parked:
            # at once where all of these were too old; not where nothing could be read
            at_once = expired and not payloads
            later = self._not_before if early else self._clock() + PROBE_EVERY
            self.due = self._clock() if at_once else later
        item.payloads = payloads
        return any(one.tries for one in stored)

    def load_oldest(self, rows: list[int]) -> list[Job]:
        """Load the oldest batch of all, if there is one.

        Args:
            rows: gets its number first, for a caller that is interrupted.
        """
        return [self._job(one) for one in self.outbox.load(1, oldest=True, taken=rows)]

    def put_back(self, rows: Sequence[int]) -> None:
        """Keep again what was loaded by a call that was interrupted."""
        self.outbox.park(rows)
        self.due = min(self.due, self._clock() + PROBE_EVERY)

    def _job(self, stored: Stored) -> Job:
        job = Job(self._batch_class, stored.parts)
        job.row, job.tried_before = stored.row, stored.tries > 0
        return job

    def learn(self, payloads: Iterable[Payload]) -> None:
        """Load less, and later, where what was loaded is kept again; else load more."""
        outcomes = [job.outcome for payload in payloads for job in payload.jobs]
        if any(isinstance(outcome, Kept) for outcome in outcomes):
            self._most = max(1, self._most // 2)
            self.due = self._not_before = self._clock() + PROBE_EVERY
            if any(isinstance(outcome, Response) for outcome in outcomes):
                self.go_on()  # what was never tried need not wait for what is kept
        else:
            self._most = min(MAX_BATCHES_PER_REQUEST, self._most * 2)

    def go_on(self) -> None:
        """Load at once what was never tried, and the rest when it is time: mParticle answers."""
        if self.outbox.parked:
            now = self._clock()
            self.due = now if self.outbox.untried else max(now, self._not_before)

    def tend(self) -> float | None:
        """Show other processes that this one is alive; return the seconds until the next time."""
        if self.outbox.tend_every is None:
            return None
        self.outbox.tend()
        return self.outbox.tend_every

    # What goes wrong with the file

    def _failed(self, error: Exception) -> None:
        self._counters.outbox_failed()
        why = "the outbox failed, and what it cannot do is done in memory"
        name = type(error).__name__
        self._notices.log(why, detail=f": {name}: {error}", error=name)

    def _lost(self, ids: list[str]) -> None:
        """Remember what cannot be read any more; the outbox calls this where no hook may run."""
        self._lost_ids += ids

    def take_lost(self) -> list[Job]:
        """Return what cannot be read any more, for the caller to fail."""
        ids, self._lost_ids = self._lost_ids, []
        if not ids:
            return []
        warn("%s in the outbox could not be read any more", batch_count(len(ids)))
        blank = self._batch_class()
        batches = [blank.with_source_request_id(id) if id else blank for id in ids]
        return [Job(batch, (Part(id, b"", 0),)) for batch, id in zip(batches, ids)]
