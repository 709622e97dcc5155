"""A job is one accepted batch until it is settled; a payload is what travels of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Protocol

from ..errors import DeliveryError, InvalidBatch, InvalidValue, Kept, brief
from ..transport.base import Response
from ..utils.interrupts import SETTLED, Steps
from ..utils.typed import NamedTuple
from ..wire.body import Part, joined, read_back
from .outcome import HandedBack, Outcome


class Receiver(Protocol):
    """Gets the outcome of a job: a delivery, or the report of a stream or of a table."""

    def _settle(self, outcome: Outcome, steps: Steps) -> object:
        """Take the outcome, and mark the step; maybe again for the same job."""


class Job(Steps):
    """One accepted batch: settled once, when all of its parts are.

    A dispatcher settles it: ``job.give_up(outcome)``, then ``notifier.notify([job])``. It has no
    lock of its own: the settlement has one for all jobs of a client.

    Args:
        batch: as it was sealed; or its class, where its parts are all that is kept of it.
        parts: what it travels in; none, if it is dropped.
        receiver: gets the outcome; None if no call in this process waits.
        own_id: whether it must travel under its own id: its caller chose that, or it was refused
            together with others.

    Attributes:
        row: its number in the outbox; None if it is not there.
        tried_before: whether it comes out of the outbox after an attempt that was logged here.
        open_parts: those that have no outcome yet.
        outcome: the answer or the error, for good; None while a part is open.
        notified: whether a thread has begun to make its outcome known.
        since: when it began to wait in the queue, in monotonic seconds.
        size: bytes of its parts.
        interruptions: how often a worker was stopped while it sent this.
    """

    __slots__ = (
        *("_batch", "_before", "interruptions", "notified", "open_parts", "outcome", "own_id"),
        *("parts", "receiver", "row", "since", "size", "tried_before"),
    )

    def __init__(
        self,
        batch: Any,
        parts: tuple[Part, ...],
        receiver: Receiver | None = None,
        *,
        own_id: bool = False,
    ) -> None:
        self.step = 0
        self._batch = batch
        self.open_parts = parts
        self.receiver = receiver
        self.notified = False
        self._before: Outcome | None = None  # of the parts that have one
        self.outcome: Outcome | None = None
        self.parts = parts
        self.size = 0
        for part in parts:  # one, nearly always: in half the time of a sum
            self.size += len(part.body)
        self.row: int | None = None
        self.own_id = own_id
        self.since = 0.0
        self.tried_before = False
        self.interruptions = 0

    @property
    def batch(self) -> Any:
        """The batch as it was sealed."""
        if isinstance(self._batch, type):
            kind = self._batch
            try:
                self._batch = read_back(kind, self.id, self.parts)
            except InvalidBatch:  # another program wrote into the outbox's file
                self._batch = kind().with_source_request_id(self.id)
        return self._batch

    @property
    def id(self) -> str:
        """The batch's ``source_request_id``."""
        first = self.parts[0].id
        return first if len(self.parts) == 1 else first.removesuffix("-1")

    def to_json(self) -> str:
        """Export as the JSON of the sealed batch, for ``SealedBatch.from_json``."""
        only, *more = self.parts
        text: str = self.batch.to_json() if more else only.body.decode()
        return text

    @property
    def settled(self) -> bool:
        """Whether its outcome was counted, and everybody was notified."""
        return self.step >= SETTLED

    def settle_part(self, part: Part | None, outcome: Outcome) -> bool:
        """Take a part's outcome; return whether it was the last part.

        A failed part is a failed batch, and one that waits may still fail.

        Args:
            part: one of the job's parts; None for all that have no outcome yet.
        """
        left = () if part is None else tuple([one for one in self.open_parts if one != part])
        if self.outcome is not None or (part is not None and len(left) == len(self.open_parts)):
            return False
        before = self._before
        replaced = before is None or (
            isinstance(outcome, DeliveryError)
            if isinstance(before, Kept | HandedBack)
            else not isinstance(before, DeliveryError)
        )
        taken = outcome if replaced else before
        # atomically: what is not open has an outcome
        self._before, self.open_parts, self.outcome = taken, left, None if left else taken
        return not left

    def give_up(self, outcome: Outcome) -> None:
        """Give an outcome to all that has none yet.

        Raises:
            InvalidValue: it is neither a response nor an error of ours.
        """
        if not isinstance(outcome, Response | DeliveryError):
            raise InvalidValue(
                f"give_up({brief(outcome)}): want a Response, a HandedOver or a DeliveryError, got "
                f"{type(outcome).__name__}; write job.give_up(Response(202))"
            )
        self.settle_part(None, outcome)

    def __repr__(self) -> str:
        return f"<Job of {len(self.parts)} parts, {len(self.open_parts)} open>"


class Payload(NamedTuple):
    """What travels as one batch: a part of a job, or several jobs of one part each."""

    part: Part
    jobs: tuple[Job, ...]

    def is_open(self) -> bool:
        """Return whether anything of it has no outcome yet."""
        if len(self.jobs) == 1:
            return self.part in self.jobs[0].open_parts
        return any(job.open_parts for job in self.jobs)

    def apart(self) -> list[Payload]:
        """Return the payloads that it was made of, each under its own id."""
        # what is one job's may be any of its parts, and stays that part
        joined = len(self.jobs) > 1
        return [Payload(job.parts[0], (job,)) for job in self.jobs] if joined else [self]


_payload = partial(tuple.__new__, Payload)  # which is called for each batch, as in wire/body


class WorkItem:
    """What a worker has in hand.

    It is one of three:

    * ``WorkItem()``: the worker loads it from the outbox.
    * One with ``jobs``: new ones, which may still be coalesced.
    * ``WorkItem(payloads=[…])``: goes as it is, a retry for example: an id must stand for the
      same bytes forever.

    Attributes:
        interrupted: whether it was counted for its jobs that a worker was stopped.
    """

    __slots__ = ("interrupted", "jobs", "payloads")

    def __init__(self, payloads: list[Payload] | None = None) -> None:
        self.payloads = payloads
        self.jobs: list[Job] | None = None
        self.interrupted = False

    def all_jobs(self) -> list[Job]:
        """Return the jobs of it, whichever of the three it is."""
        if self.payloads is None:
            return self.jobs or []
        return [*dict.fromkeys([job for payload in self.payloads for job in payload.jobs])]


def payloads_of(jobs: Iterable[Job]) -> list[Payload]:
    """Return what jobs travel in, each by itself."""
    return [_payload((part, (job,))) for job in jobs for part in job.parts]


def together(jobs: Iterable[Job]) -> Payload:
    """Return several jobs of one part each as one payload, with the id of the first."""
    members = tuple(jobs)
    return Payload(joined([job.parts[0] for job in members]), members)
