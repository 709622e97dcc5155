"""One accepted batch on its way, and what travels of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..errors import DeliveryError, InvalidBatch, Kept
from ..transport.base import Response
from ..utils.interrupts import SETTLED, Steps
from ..wire.body import Part, joined, read_back

Outcome = Response | DeliveryError
Told = Callable[[Outcome, Steps], object]
Settled = Callable[["Job", Outcome], None]


class Job(Steps):
    """One accepted batch on its way: settled once, when all of its parts are.

    It has no lock of its own: who settles it has, one for all.

    Args:
        batch: as it was sealed; or its class, where what it travels in is all that is kept of it.
        parts: what it travels in.
        told: gets the outcome, and notes that; None where nobody waits for it here.
        row: where the outbox has it; None if it has not.
        alone: whether it must travel under its own id: because its caller chose that, or because
            it was refused in company.
        again: whether the outbox kept it after it was tried in vain here, so that it was told.

    Attributes:
        outcome: the answer or the error; None while a part is open.
        size: bytes of its parts.
        strikes: how often a worker was stopped in the midst of it.
    """

    __slots__ = (
        "_batch",
        "_failure",
        "_open",
        "_response",
        "_told",
        "again",
        "alone",
        "parts",
        "row",
        "size",
        "interruptions",
        "told",
    )

    def __init__(
        self,
        batch: Any,
        parts: tuple[Part, ...],
        told: Told | None = None,
        row: int | None = None,
        *,
        alone: bool = False,
        again: bool = False,
    ) -> None:
        self.step = 0
        self._batch = batch
        self._open = tuple([part.id for part in parts])
        self.told = told
        self._told = False
        self._failure: DeliveryError | None = None
        self._response: Response | None = None
        self.parts = parts
        self.size = sum([len(part.body) for part in parts])
        self.row = row
        self.alone = alone
        self.again = again
        self.interruptions = 0

    @property
    def batch(self) -> Any:
        """The batch as it was sealed."""
        if isinstance(self._batch, type):
            kind = self._batch
            try:
                self._batch = read_back(kind, self.id, self.parts)
            except InvalidBatch:  # of an outbox whose file was written by somebody else
                self._batch = kind().with_source_request_id(self.id)
        return self._batch

    @property
    def id(self) -> str:
        """The batch's ``source_request_id``."""
        first = self.parts[0].id
        return first if len(self.parts) == 1 else first.removesuffix("-1")

    @property
    def untold(self) -> bool:
        """Whether nobody has begun to tell its outcome."""
        return not self._told

    @property
    def settled(self) -> bool:
        """Whether its outcome was told to the end."""
        return self.step >= SETTLED

    def has_open(self, part_id: str) -> bool:
        """Return whether this part of it is not settled."""
        return part_id in self._open

    @property
    def outcome(self) -> Outcome | None:
        """What became of it: a failure of any part is one of the batch."""
        return None if self._open else self._failure or self._response

    def note(self, part_id: str, outcome: Outcome) -> bool:
        """Take a part's outcome; return whether it was the last, so that all can be told."""
        if part_id not in self._open:
            return False
        self._take(outcome)  # first: what is not open has an outcome, even if Ctrl-C breaks in
        self._open = tuple([one for one in self._open if one != part_id])
        return not self._open

    def give_up(self, error: DeliveryError) -> bool:
        """Fail, or keep, all that is open of it; return whether that is still to be told."""
        if self._open:
            self._take(error)
            self._open = ()
        return not self._told

    def _take(self, outcome: Outcome) -> None:
        if not isinstance(outcome, DeliveryError):
            self._response = outcome
        elif self._failure is None or isinstance(self._failure, Kept):
            self._failure = outcome

    def claim(self) -> bool:
        """Return whether the caller is to tell the outcome: the first one is."""
        told, self._told = self._told, True
        return not told

    def __repr__(self) -> str:
        return f"<Job of {len(self.parts)} parts, {len(self._open)} open>"


class Payload(NamedTuple):
    """What travels as one batch: a part of a job, or several jobs in one."""

    part: Part
    jobs: tuple[Job, ...]

    def shares(self) -> list[tuple[Job, str]]:
        """Return whose parts it is made of: each job with the id of its part."""
        if len(self.jobs) == 1:
            return [(self.jobs[0], self.part.id)]
        return [(job, job.parts[0].id) for job in self.jobs]

    def is_open(self) -> bool:
        """Return whether anything of it is not settled."""
        return any(job.has_open(part_id) for job, part_id in self.shares())

    def apart(self) -> list[Payload]:
        """Return the payloads that it was made of, each under its own id."""
        return [Payload(job.parts[0], (job,)) for job in self.jobs]


class WorkItem:
    """What somebody has in hand.

    Attributes:
        payloads: what is to be sent; None where that is still to be found out.
        fresh: what it is made of then; None where the outbox is to be asked. Nothing of it was
            tried before: what was must not be joined any more, since its ids stand for just what
            was sent under them.
        struck: whether it was noted that its delivery was broken off.
    """

    __slots__ = ("fresh", "payloads", "struck")

    def __init__(
        self, payloads: list[Payload] | None = None, fresh: list[Job] | None = None
    ) -> None:
        self.payloads = payloads
        self.fresh = fresh
        self.struck = False

    def jobs(self) -> list[Job]:
        """Return the jobs of it."""
        if self.payloads is None:
            return self.fresh or []
        return [*dict.fromkeys([job for payload in self.payloads for job in payload.jobs])]

    def open(self) -> list[Job]:
        """Return the jobs of it whose outcome nobody has begun to tell."""
        return [job for job in self.jobs() if job.untold]


def payloads_of(jobs: Iterable[Job]) -> list[Payload]:
    """Return what jobs travel in, each by itself."""
    return [Payload(part, (job,)) for job in jobs for part in job.parts]


def together(jobs: Iterable[Job]) -> Payload:
    """Return several jobs of one part each as one payload, with the id of the first."""
    members = tuple(jobs)
    return Payload(joined([job.parts[0] for job in members]), members)
