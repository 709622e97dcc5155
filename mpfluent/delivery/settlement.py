"""Decides which outcome a batch has, and has it made known exactly once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ApiError, DeliveryError, Kept
from ..transport.destination import Destination
from ..utils.log import Notices
from .job import Job, Payload, WorkItem
from .kept import KeptBatches
from .notifier import Notifier
from .observers import code_of, name_of
from .outcome import HandedBack, Outcome

if TYPE_CHECKING:
    from ..outbox.outbox import Outbox

# With an outbox, these failures are final, and so is mParticle's own verdict; all else is kept.
_FINAL = frozenset({"queue_full", "dropped_oldest", "expired"})
# What is kept for another reason than these did not get through to mParticle.
_GIVEN_UP = frozenset({"unauthorized", "retries_exhausted", "rate_limited", "closed", *_FINAL})


class Settlement:
    """Settles the jobs of one client, with or without an outbox.

    Args:
        outbox: where to keep what is not delivered; None for nowhere.
        clock: monotonic seconds.
        background: whether to log failures: often no code looks at the delivery.

    Attributes:
        background: whether workers send what is settled here, for no caller in particular.
        hands_back: whether a broker has each batch, and gets it back if another try may help.
        kept: what the outbox has.
        notices: logs what happens often, once a minute.
        repairs: what interrupted calls have left to be done.
    """

    def __init__(
        self, outbox: Outbox | None, clock: Callable[[], float], *, background: bool = False
    ) -> None:
        self.background = background
        self.hands_back = False
        self.notices = Notices(clock)
        self.kept = KeptBatches(outbox, clock, self.notices)
        self._unreachable = False  # whether it was logged that batches do not reach mParticle
        self.renew_locks()

    def renew_locks(self) -> None:
        """Take new locks: after a fork, or when gevent or eventlet replaced Python's."""
        # Guards the outcomes of jobs, and which thread makes them known: a worker and a thread that
        # closes may settle the same job. No other lock is taken, and no hook called, while it is
        # held. Reentrant, since the garbage collector may close a client in a ``__del__`` anywhere.
        self._lock = threading.RLock()
        self.notices.renew_locks()

    def open(self, destination: Destination, notifier: Notifier, batch_class: type[Any]) -> None:
        """Belong to a client.

        Args:
            destination: where its batches go.
            notifier: makes each outcome known; its counters have the repairs.
            batch_class: reads back a batch that the outbox kept.
        """
        self.repairs = notifier.counters.repairs
        self._notifier = notifier
        self.kept.open(destination, notifier.counters, batch_class)

    def restart(self) -> None:
        """Start again in a forked child."""
        self.renew_locks()
        self._unreachable = False
        self.notices.restart()
        self.kept.restart()

    def close(self) -> None:
        """Close the outbox, and log what was held back."""
        self.kept.close()
        self._fail_lost()
        self.notices.close()

    # Settling

    def settle(self, group: Sequence[Payload], outcome: Outcome) -> None:
        """Settle each payload of a request with its outcome."""
        finished = []
        arrived = not isinstance(outcome, DeliveryError)
        with self._lock:
            for part, jobs in group:
                for job in jobs:
                    own = outcome if arrived else self._of(job, outcome)
                    if job.settle_part(part if len(jobs) == 1 else job.parts[0], own):
                        finished.append(job)
        self._finish(finished)
        if arrived:
            self._unreachable = False
            self.kept.go_on()

    def give_up(
        self, jobs: Iterable[Job], why: Outcome, *, quiet: bool = False, resume: bool = False
    ) -> int:
        """Settle what has no outcome yet; return how many of the jobs that finished.

        Args:
            why: their outcome; with an outbox, a batch may be kept for an error.
            quiet: whether the caller logs it.
            resume: whether to go on with outcomes that an interrupted call has begun to make known:
                no other thread would.
        """
        rest = [job for job in jobs if not job.settled]
        with self._lock:
            for job in rest:
                job.give_up(self._of(job, why))
            finished = [job for job in rest if resume or not job.notified]
        self._finish(finished, quiet=quiet, resume=resume)
        return len(finished)

    def _of(self, job: Job, outcome: Outcome) -> Outcome:
        """Return what an outcome is for a job: an error may be a reason to keep it.

        With an outbox it is kept there, and what came from a broker goes back.
        """
        if not isinstance(outcome, DeliveryError) or isinstance(outcome, Kept):
            return outcome
        if self.hands_back and outcome.temporary:
            return HandedBack(outcome)
        judged = isinstance(outcome, ApiError) and outcome.judged
        if job.row is None or outcome.reason in _FINAL or judged:
            return outcome
        kept = Kept(f"kept in the outbox, to be tried again: {outcome}", reason=outcome.reason)
        kept.status_code = outcome.status_code
        kept.__cause__ = outcome
        return kept

    def _finish(self, jobs: list[Job], *, quiet: bool = False, resume: bool = False) -> None:
        """Bring the outbox up to date, and make the outcomes known that no thread made known yet.

        Args:
            quiet: whether the caller logs them.
            resume: whether to go on with what an interrupted call has begun to make known.
        """
        failed = self.kept.update(jobs)
        errors: list[DeliveryError] = []
        try:
            self._notifier.notify(self._claimed(jobs, errors, resume))
        finally:
            self.kept.remove(failed)  # last: a process that dies before sends them again
            if errors and self.background and not quiet:
                self._log_failures(errors)

    def _claimed(self, jobs: list[Job], errors: list[DeliveryError], resume: bool) -> Iterator[Job]:
        """Yield the jobs that this thread is to notify of, one by one, and collect their errors.

        One by one, so that a thread that closes does the rest while a slow hook is at the first.
        """
        for job in jobs:
            with self._lock:
                outcome = job.outcome
                mine = outcome is not None and (resume or not job.notified)
                job.notified = job.notified or mine
            if mine:
                known = job.tried_before and _is_unreachable(outcome)  # and logged before
                if isinstance(outcome, DeliveryError) and not known:
                    errors.append(outcome)
                yield job

    def _log_failures(self, errors: Iterable[DeliveryError]) -> None:
        """Log these failures, a line for each kind, but not too often."""
        kinds: dict[str, list[DeliveryError]] = {}
        for one in errors:
            kinds.setdefault(_kind(one), []).append(one)
        for kind, alike in kinds.items():
            first = alike[0]
            if _is_unreachable(first):
                if self._unreachable:
                    continue
                self._unreachable = True  # until something arrives
            code, status = code_of(first), first.status_code
            error = None if status else name_of(first)
            fields = {"reason": first.reason, "status": status, "code": code, "error": error}
            detail = f" {code}" if code else ""
            self.notices.log(kind, len(alike), detail=detail, batches=len(alike), **fields)

    # What the outbox has

    def ready(self, *, adopt_again: bool = False) -> None:
        """Open the outbox, and take up what dead processes left: at first, or again.

        Raises:
            ConfigurationError: its file is of a newer version, or no outbox at all.
        """
        if self.kept.has_outbox:
            self.kept.ready(adopt_again=adopt_again)
            self._fail_lost()

    def bring_back(self, item: WorkItem) -> bool:
        """Load the oldest of what is kept; fail what was kept for too long, or cannot be read.

        Returns:
            Whether any of it was tried before, without success.
        """
        rows: list[int] = []
        expired: list[Job] = []
        try:
            tried_before = self.kept.load(item, expired, rows)
            self._fail_lost()
            why = "it was kept in the outbox for longer than max_age"
            self.give_up(expired, DeliveryError(why, reason="expired"))
        except BaseException:  # such as Ctrl-C, in the caller's thread
            self.repairs.add((self._put_back, rows, expired, item))
            raise
        return tried_before

    def drop_oldest(self, error: DeliveryError) -> bool:
        """Fail the oldest batch that waits in the outbox only; return whether there was one."""
        rows: list[int] = []
        oldest: list[Job] = []
        try:
            oldest += self.kept.load_oldest(rows)
            return self.give_up(oldest, error) > 0
        except BaseException:  # such as Ctrl-C
            self.repairs.add((self._put_back, rows, oldest))
            raise

    def _put_back(self, rows: list[int], failing: list[Job], item: WorkItem | None = None) -> None:
        """Keep again what only an interrupted call knew, but settle what it began to settle."""
        begun = [job for job in failing if job.outcome is not None]
        known = {job.row for job in [*begun, *(item.all_jobs() if item else [])]}
        self.kept.put_back([row for row in rows if row not in known])
        rows.clear()
        self._finish([job for job in begun if not job.settled], resume=True)

    def _fail_lost(self) -> None:
        why = "the outbox's file was damaged, and the batch could not be read any more"
        self.give_up(self.kept.take_lost(), DeliveryError(why, reason="transport_error"))


def _is_unreachable(outcome: Outcome | None) -> bool:
    """Return whether something between us and mParticle refused a batch, which is kept."""
    return isinstance(outcome, Kept) and outcome.reason not in _GIVEN_UP


def _kind(outcome: DeliveryError) -> str:
    """Return what the log says of an outcome: of an answer its status, and never its words."""
    status = outcome.status_code
    if _is_unreachable(outcome):
        why = outcome.__cause__ if status is None else f"it was answered with {status}"
        text = "a batch did not reach mParticle, and is kept in the outbox to be tried again"
        return f"{text}: {why}"
    what = "kept in the outbox" if isinstance(outcome, Kept) else "failed"
    return f"batch {what}: {outcome.reason}" + ("" if status is None else f", {status}")
