"""Settles what was sent, and keeps in the outbox what was not delivered yet."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ApiError, DeliveryError, Kept
from ..transport.base import Response
from ..transport.destination import Destination
from ..utils.interrupts import Repairs
from ..utils.log import Notices, warn
from ..wire.body import Part
from ..wire.limits import MAX_BATCHES_PER_REQUEST, MAX_REQUEST_BYTES
from .job import Job, Outcome, Payload, Settled, WorkItem, payloads_of, together
from .observers import code_of, name_of
from .rate_limit import PROBE_EVERY
from .stats import Acceptance, Counters

if TYPE_CHECKING:
    from ..outbox.outbox import Batches, Outbox, Stored

# With an outbox, what was decided here is final, and so is mParticle's verdict; all else is kept.
_DECIDED = frozenset({"queue_full", "dropped_oldest", "expired"})
# What is kept for these says itself why; for any other reason, it is the way that does not work.
_GIVEN_UP = frozenset({"unauthorized", "retries_exhausted", "rate_limited", "closed", *_DECIDED})

# With its brackets and commas it fits one request, and leaves no remnant for a second one.
_LOAD_BYTES = MAX_REQUEST_BYTES - MAX_BATCHES_PER_REQUEST - 1


class Settlement:
    """The desk at which jobs are settled, with or without an outbox behind it.

    Args:
        outbox: where to keep what is accepted; None for nowhere.
        clock: monotonic seconds.
        background: whether to log failures, since nobody may look at the delivery.

    Attributes:
        background: whether what is settled here was sent by workers, for no caller in particular.
        due: when to try again what is kept, in monotonic seconds.
        repairs: what interrupted calls have left to be done.
    """

    def __init__(
        self, outbox: Outbox | None, clock: Callable[[], float], *, background: bool = False
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self.background = background
        self.repairs = Repairs()
        self._notices = Notices(clock)
        self._begin()

    def renew_locks(self) -> None:
        """Take locks of the kind that Python has now."""
        # of what becomes of jobs: who delivers and who closes may settle the same ones;
        # reentrant, since a ``__del__`` may close a client in the midst of anything
        self._lock = threading.RLock()
        self._notices.renew_locks()

    def _begin(self) -> None:
        self.renew_locks()
        self._asked = False  # whether the outbox was asked for what dead processes left
        self._most = MAX_BATCHES_PER_REQUEST  # rows that are brought back at a time
        self._not_before = -math.inf  # when to try again what was tried in vain
        self._lost_ids: list[str] = []  # of what could not be read any more, and was not told yet
        self._blocked = False  # whether it was told that the way does not work
        self.due = math.inf

    def open(
        self, destination: Destination, counters: Counters, settled: Settled, batch_class: type[Any]
    ) -> None:
        """Belong to a client.

        Args:
            destination: whose batches they are.
            counters: counts them.
            settled: is called for every job when it is settled.
            batch_class: reads back a batch that the outbox kept.
        """
        self._batch_class = batch_class
        self._counters = counters
        self.repairs = counters.repairs
        self._settled = settled
        if self._outbox is not None:
            self._outbox.open(destination, self._failed, self._lost)

    def restart(self) -> None:
        """Begin anew in a forked child: what is kept by the parent is the parent's."""
        self._begin()
        self._notices.restart()
        if self._outbox is not None:
            self._outbox.restart()

    def close(self) -> None:
        """Let go of the outbox: the next process takes up what is in it."""
        if self._outbox is not None:
            self._outbox.close()
        self._tell_lost()
        self._notices.close()

    def log(self, what: str, *, detail: str = "", **fields: object) -> None:
        """Log this, not too often."""
        self._notices.log(what, 1, detail=detail, **fields)

    def log_all(self) -> None:
        """Log what was held back so far."""
        self._notices.close()

    # Accepting

    @property
    def stores(self) -> bool:
        """Whether there is an outbox."""
        return self._outbox is not None

    def ready(self, *, anew: bool = False) -> None:
        """Open the outbox, and take up what dead processes left: at first, or anew.

        Raises:
            ConfigurationError: its file is of a newer version, or no outbox at all.
        """
        if self._outbox is None or not self._outbox.ready():
            return
        self._tell_lost()
        if self._asked and not anew:
            return
        first = not self._asked
        self._adopt(self._outbox)
        self._asked = True
        if self.kept:
            self._not_before = -math.inf
            self.due = self._clock()
        elsewhere = self._outbox.elsewhere() if first else 0
        if elsewhere:
            warn(
                "the outbox holds %d batches of this key for another host; "
                "a client of that host delivers them",
                elsewhere,
            )

    def _adopt(self, outbox: Outbox) -> None:
        adopted: list[Acceptance] = []

        def count(rows: int) -> None:
            adopted.append(Acceptance(self._counters, rows))
            adopted[0]()

        try:
            outbox.adopt(count)
        except BaseException:  # such as Ctrl-C: what is counted can be loaded, and only that
            self.repairs.add((self._take_up, outbox, adopted))
            self.repairs.run()
            raise

    def _take_up(self, outbox: Outbox, adopted: list[Acceptance]) -> None:
        """Go on with what was counted, or is just going to be; the rest is claimed again."""
        for acceptance in adopted:
            acceptance()
            outbox.take_up()

    def store(self, jobs: Sequence[Job]) -> None:
        """Write jobs to the outbox; where the disk fails, they are in memory only.

        Raises:
            OutboxFull: they do not fit, and none was written.
        """
        if self._outbox is None or not jobs:
            return
        batches = [(job.id, job.parts) for job in jobs]
        try:
            for job, row in zip(jobs, self._outbox.put(batches) or ()):
                job.row = row
            self._outbox.know_put(batches)
        except BaseException:  # such as Ctrl-C
            self.repairs.add((self._take_back, self._outbox, jobs, batches))
            self.repairs.run()
            raise

    def _take_back(self, outbox: Outbox, jobs: Sequence[Job], batches: Batches) -> None:
        """Leave nothing in the outbox of what only a call that was broken off knew."""
        rows = outbox.put_so_far(batches)
        if rows:
            outbox.remove(rows)
        self.withdraw(jobs)
        for job in jobs:
            job.row = None
        outbox.know_put(batches)

    def withdraw(self, jobs: Iterable[Job]) -> None:
        """Take out of the outbox what was stored but is not accepted after all."""
        self._remove(list(jobs))

    # Settling

    def settle(self, group: Sequence[Payload], outcome: Response | DeliveryError) -> None:
        """Settle each payload of a request with its outcome."""
        shares = [share for payload in group for share in payload.shares()]
        with self._lock:
            finished = [
                job for job, part_id in shares if job.note(part_id, self._verdict(job, outcome))
            ]
        self._finish(finished)
        if not isinstance(outcome, DeliveryError):
            self._blocked = False
            self._go_on()  # mParticle takes batches again

    def give_up(self, jobs: Iterable[Job], error: DeliveryError, *, quiet: bool = False) -> int:
        """Fail what is open of these jobs, or keep it; return how many there were.

        Args:
            quiet: whether the caller logs it.
        """
        given = list(jobs)
        with self._lock:
            finished = [one for one in given if one.give_up(self._failure(one, error))]
        self._finish(finished, quiet=quiet)
        return len(finished)

    def mend(self, jobs: Iterable[Job], error: DeliveryError) -> None:
        """Do the same for what a call that was broken off had in hand.

        What that call was telling, too, which nobody else would go on with.
        """
        rest = [one for one in jobs if not one.settled]
        with self._lock:
            for one in rest:
                one.give_up(self._failure(one, error))
        self._finish(rest, claimed=True)

    def take_apart(self, payload: Payload) -> None:
        """Know that what travelled as one batch goes on under ids of its own."""
        for job in payload.jobs:
            job.alone = True
            if self._outbox is not None and job.row is not None:
                self._outbox.join([job.row])

    def join(self, payloads: Iterable[Payload]) -> list[Payload]:
        """Store which jobs travel as one batch, before they do so for the first time.

        Returns the payloads; apart, where that could not be stored: who takes over after a crash
        would send other bytes under the same id.
        """
        return [
            own
            for payload in payloads
            for own in ([payload] if self._is_joined(payload) else payload.apart())
        ]

    def _is_joined(self, payload: Payload) -> bool:
        rows = [job.row for job in payload.jobs if job.row is not None]
        if len(payload.jobs) == 1 or self._outbox is None or not rows:
            return True
        return len(rows) == len(payload.jobs) and self._outbox.join(rows)

    def _verdict(self, job: Job, outcome: Outcome) -> Outcome:
        return self._failure(job, outcome) if isinstance(outcome, DeliveryError) else outcome

    def _failure(self, job: Job, error: DeliveryError) -> DeliveryError:
        """Return what an error means for a job: with an outbox, it may be kept."""
        judged = isinstance(error, ApiError) and error.judged
        if job.row is None or isinstance(error, Kept) or judged or error.reason in _DECIDED:
            return error
        kept = Kept(f"kept in the outbox, to be tried again: {error}", reason=error.reason)
        kept.status_code = error.status_code
        kept.__cause__ = error
        return kept

    def _finish(self, jobs: list[Job], *, quiet: bool = False, claimed: bool = False) -> None:
        """Bring the outbox up to date, and tell the outcomes that nobody told yet.

        Args:
            quiet: whether the caller logs them.
            claimed: whether to go on with what somebody has begun to tell, too.
        """
        failed: list[Job] = []
        if self._outbox is not None:
            failed = self._update(self._outbox, jobs)
        told: list[DeliveryError] = []
        try:
            self._tell(jobs, told, claimed=claimed)
        finally:
            self._remove(failed)  # only now that their reasons were told
            if told and self.background and not quiet:
                self._log_failures(told)

    def _update(self, outbox: Outbox, jobs: list[Job]) -> list[Job]:
        """Take out of the outbox what was delivered, and note what is kept; return what failed."""
        failed: list[Job] = []
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
        self._remove(delivered)
        if untried:
            outbox.park(untried)
        if kept:
            outbox.park(kept, tried=True)
            self.due = min(self.due, self._clock() + PROBE_EVERY)
        return failed

    def _tell(self, jobs: list[Job], told: list[DeliveryError], *, claimed: bool = False) -> None:
        """Tell the outcomes that nobody told yet, and note the errors of them.

        A hook may leave by ``sys.exit`` or Ctrl-C; the jobs after it are told all the same.
        """
        first: BaseException | None = None
        for job in jobs:
            with self._lock:
                outcome = job.outcome
                mine = outcome is not None and (job.claim() or claimed)
            if not mine or outcome is None:
                continue
            if isinstance(outcome, DeliveryError) and not _is_known(job, outcome):
                told.append(outcome)
            try:
                self._settled(job, outcome)
            except BaseException as error:
                first = first or error
        if first is not None:
            raise first

    def _log_failures(self, outcomes: Iterable[DeliveryError]) -> None:
        """Log these failures, a line for each kind, but not too often."""
        kinds: dict[str, list[DeliveryError]] = {}
        for one in outcomes:
            kinds.setdefault(_kind(one), []).append(one)
        for kind, alike in kinds.items():
            first = alike[0]
            if _is_of_the_way(first):
                if self._blocked:
                    continue
                self._blocked = True  # until something arrives
            code = code_of(first)
            self._notices.log(
                kind,
                len(alike),
                detail=f" {code}" if code else "",
                batches=len(alike),
                reason=first.reason,
                status=first.status_code,
                code=code,
                error=None if first.status_code else name_of(first),
            )

    def _remove(self, jobs: list[Job]) -> None:
        rows = [job.row for job in jobs if job.row is not None]
        if rows and self._outbox is not None:
            self._outbox.remove(rows)

    # What was kept

    @property
    def kept(self) -> bool:
        """Whether batches wait in the outbox only."""
        return self.parked > 0

    @property
    def untried(self) -> bool:
        """Whether some of them were never tried, so that what comes after them has to wait."""
        return self._outbox is not None and self._outbox.untried > 0

    @property
    def parked(self) -> int:
        """How many batches wait in the outbox only."""
        return 0 if self._outbox is None else self._outbox.parked

    @property
    def stored(self) -> int:
        """How many batches of this process the outbox has."""
        return 0 if self._outbox is None else self._outbox.stored

    @property
    def oldest(self) -> int | None:
        """The row of the oldest batch that waits in the outbox only."""
        return None if self._outbox is None else self._outbox.oldest

    def keep(self, job: Job) -> None:
        """Leave a job to the outbox for now: there is no room for it in memory."""
        why = "kept in the outbox, to be sent as soon as there is room in the queue"
        with self._lock:
            untold = job.give_up(Kept(why, reason="queue_full"))
        if untold:
            self._finish([job])
            self.due = self._clock()

    def bring_back(self, load: WorkItem) -> bool:
        """Put the oldest of what is kept into a load, about a request's worth.

        Who was tried less comes first, and what was tried in vain comes back in smaller and
        smaller loads, so that a batch that never arrives ends up alone. What was kept for too
        long fails, and so does what could not be read any more.

        Returns:
            Whether any of it was tried in vain before.
        """
        self.due = math.inf
        outbox = self._outbox
        if outbox is None:
            return False
        rows: list[int] = []
        expired: list[Job] = []
        try:
            early = self._clock() < self._not_before
            stored = outbox.load(self._most, _LOAD_BYTES, early, rows)
            groups: dict[int, list[Stored]] = {}
            for one in stored:
                groups.setdefault(one.row if one.group is None else one.group, []).append(one)
            payloads: list[Payload] = []
            for members in groups.values():
                jobs = [self._job(one) for one in members]
                if all(one.expired for one in members):  # part of a group has no id of its own
                    expired += jobs
                else:
                    payloads += [together(jobs)] if len(jobs) > 1 else payloads_of(jobs)
            if outbox.parked:
                # at once where all of these were too old; not where nothing could be read
                at_once = expired and not payloads
                later = self._not_before if early else self._clock() + PROBE_EVERY
                self.due = self._clock() if at_once else later
            load.payloads = payloads
            self._tell_lost()
            why = "it was kept in the outbox for longer than max_age"
            self.give_up(expired, DeliveryError(why, reason="expired"))
            return any(one.tries for one in stored)
        except BaseException:  # such as Ctrl-C, in the caller's thread
            self.repairs.add((self._put_back, outbox, rows, load, expired))
            raise

    def _put_back(
        self, outbox: Outbox, rows: list[int], load: WorkItem, failing: list[Job]
    ) -> None:
        """Keep again what only a call that was broken off knew, but what it began to settle."""
        begun = [job for job in failing if job.outcome is not None]
        known = {job.row for job in [*load.jobs(), *begun]}
        outbox.park([row for row in rows if row not in known])
        rows.clear()
        self._finish([one for one in begun if not one.settled], claimed=True)
        self.due = min(self.due, self._clock() + PROBE_EVERY)

    def came_back(self, payloads: Iterable[Payload]) -> None:
        """Learn from what became of what was brought back."""
        outcomes = [job.outcome for payload in payloads for job in payload.jobs]
        if any(isinstance(outcome, Kept) for outcome in outcomes):
            self._most = max(1, self._most // 2)
            self._not_before = self._clock() + PROBE_EVERY
            self.due = self._not_before
            if any(isinstance(outcome, Response) for outcome in outcomes):
                self._go_on()  # what was kept is no reason to hold up what was never tried
        else:
            self._most = min(MAX_BATCHES_PER_REQUEST, self._most * 2)

    def _go_on(self) -> None:
        """Try again what is kept: at once what was never tried, and the rest when it is time."""
        if self.kept:
            self.due = self._clock() if self.untried else max(self._clock(), self._not_before)

    def drop_oldest(self, error: DeliveryError) -> bool:
        """Fail the oldest batch that waits in the outbox only; return whether there was one."""
        outbox = self._outbox
        if outbox is None:
            return False
        rows: list[int] = []
        oldest: list[Job] = []
        try:
            oldest += [self._job(one) for one in outbox.load(1, oldest=True, taken=rows)]
            return self.give_up(oldest, error) > 0
        except BaseException:  # such as Ctrl-C
            self.repairs.add((self._put_back, outbox, rows, WorkItem(), oldest))
            raise

    def _job(self, stored: Stored) -> Job:
        return Job(self._batch_class, stored.parts, row=stored.row, again=stored.tries > 0)

    def tend(self) -> float | None:
        """Say that this process lives; return the seconds until it must be said again."""
        if self._outbox is None or self._outbox.tend_every is None:
            return None
        self._outbox.tend()
        return self._outbox.tend_every

    # What goes wrong with the file

    def _failed(self, error: Exception) -> None:
        self._counters.outbox_failed()
        self._notices.log(
            "the outbox failed, and what it cannot do is done in memory",
            detail=f": {type(error).__name__}: {error}",
            error=type(error).__name__,
        )

    def _lost(self, ids: list[str]) -> None:
        """Remember what could not be read any more; hooks may not be called just now."""
        self._lost_ids += ids

    def _tell_lost(self) -> None:
        ids, self._lost_ids = self._lost_ids, []
        if not ids:
            return
        warn("%d batches in the outbox could not be read any more", len(ids))
        error = DeliveryError(
            "the outbox's file was damaged, and the batch could not be read any more",
            reason="transport_error",
        )
        self.give_up([self._unread(batch_id) for batch_id in ids], error)

    def _unread(self, batch_id: str) -> Job:
        """Return what stands for a batch that could not be read any more."""
        batch = self._batch_class()
        if batch_id:
            batch = batch.with_source_request_id(batch_id)
        return Job(batch, (Part(batch_id, b"", 0),))


def _is_of_the_way(outcome: DeliveryError) -> bool:
    """Return whether something on the way to mParticle refused a batch, which is kept."""
    return isinstance(outcome, Kept) and outcome.reason not in _GIVEN_UP


def _is_known(job: Job, outcome: DeliveryError) -> bool:
    """Return whether it is no news that the way does not work."""
    return job.again and _is_of_the_way(outcome)


def _kind(outcome: DeliveryError) -> str:
    """Return what the log says of an outcome: of an answer its status, and never its words."""
    status = outcome.status_code
    if _is_of_the_way(outcome):
        what = outcome.__cause__ if status is None else f"it was answered with {status}"
        return (
            f"a batch did not reach mParticle, and is kept in the outbox to be tried again: {what}"
        )
    became = "kept in the outbox" if isinstance(outcome, Kept) else "failed"
    return f"batch {became}: {outcome.reason}" + ("" if status is None else f", {status}")
