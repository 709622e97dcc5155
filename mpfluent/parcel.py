"""One accepted batch on its way, and what travels of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from .errors import DeliveryError, Kept
from .transport import Response
from .wire import Part, joined

if TYPE_CHECKING:
    from .batch import Batch


Settled = Callable[["Parcel", Response | DeliveryError], None]


class Parcel:
    """One accepted batch on its way: settled once, when all of its parts are.

    Args:
        batch: as it was sealed, or a function that reads it back.
        parts: what it travels in.
        settled: called once, with the parcel and its outcome, when that is known.
        row: where the outbox has it; None if it has not.

    Attributes:
        outcome: the answer or the error; None while it is open.
        size: bytes of its parts.
        alone: whether it must travel under its own id, because it was refused in company.
        strikes: how often a worker was stopped in the midst of it.
    """

    __slots__ = (
        "_batch",
        "_failure",
        "_lock",
        "_open",
        "_response",
        "_settled",
        "alone",
        "parts",
        "row",
        "size",
        "strikes",
    )

    def __init__(
        self,
        batch: Batch | Callable[[], Batch],
        parts: tuple[Part, ...],
        settled: Settled,
        row: int | None = None,
    ) -> None:
        self._batch = batch
        self._open = len(parts)
        self._settled = settled
        self._failure: DeliveryError | None = None
        self._response: Response | None = None
        # reentrant, since a ``__del__`` may close a client in the midst of anything
        self._lock = threading.RLock()
        self.parts = parts
        self.size = sum([len(part.body) for part in parts])
        self.row = row
        self.alone = False
        self.strikes = 0

    @property
    def batch(self) -> Batch:
        """The batch as it was sealed."""
        if callable(self._batch):
            self._batch = self._batch()
        return self._batch

    @property
    def open(self) -> bool:
        """Whether parts of it are not settled."""
        return self._open > 0

    @property
    def outcome(self) -> Response | DeliveryError | None:
        """What became of it: a failure of any part is one of the batch."""
        return None if self._open else self._failure or self._response

    def note(self, outcome: Response | DeliveryError) -> bool:
        """Count one part's outcome; return whether it was the last, so that ``finish`` is due."""
        return self._note(outcome, 1)

    def give_up(self, error: DeliveryError) -> bool:
        """Fail, or keep, all that is open of it; return whether ``finish`` is due."""
        return self._note(error, self._open)

    def _note(self, outcome: Response | DeliveryError, parts: int) -> bool:
        with self._lock:
            if not self._open:
                return False
            if not isinstance(outcome, DeliveryError):
                self._response = outcome
            elif self._failure is None or isinstance(self._failure, Kept):
                self._failure = outcome
            self._open = max(0, self._open - parts)
            return not self._open

    def finish(self) -> None:
        """Tell the outcome. Whoever was told that it is due calls this, once."""
        if self.outcome is not None:
            self._settled(self, self.outcome)

    def __repr__(self) -> str:
        return f"<Parcel of {len(self.parts)} parts, {self._open} open>"


class Piece(NamedTuple):
    """What travels as one batch: a part of a parcel, or several parcels in one."""

    part: Part
    parcels: tuple[Parcel, ...]

    def apart(self) -> list[Piece]:
        """Return the pieces that it was made of, each under its own id."""
        return [Piece(parcel.parts[0], (parcel,)) for parcel in self.parcels]


def pieces_of(parcels: Iterable[Parcel]) -> list[Piece]:
    """Return what parcels travel in, each by itself."""
    return [Piece(part, (parcel,)) for parcel in parcels for part in parcel.parts]


def together(parcels: Iterable[Parcel]) -> Piece:
    """Return several parcels of one part each as one piece, with the id of the first."""
    members = tuple(parcels)
    return Piece(joined([parcel.parts[0] for parcel in members]), members)
