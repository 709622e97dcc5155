"""Settles what was sent, and keeps in the outbox what was not delivered yet."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from .batch import Batch
from .courier import PROBE_EVERY
from .delivery import settle_each
from .errors import DeliveryError, Kept
from .limits import MAX_BATCHES_PER_REQUEST, MAX_REQUEST_BYTES
from .notices import Notices, warn
from .parcel import Feed, Parcel, Piece, Settled, pieces_of, together
from .tally import Tally
from .transport import Response
from .wire import Part

if TYPE_CHECKING:
    from .outbox import Outbox, Stored

Outcome = TypeVar("Outcome", Response, DeliveryError, Response | DeliveryError)

# What ends trying without an answer to the batch itself: with an outbox it is kept.
_GIVEN_UP = frozenset({"unauthorized", "retries_exhausted", "rate_limited", "closed"})

# With its brackets and commas it fits one request, and leaves no remnant for a second one.
_LOAD_BYTES = MAX_REQUEST_BYTES - MAX_BATCHES_PER_REQUEST - 1


class Keeper:
    """The desk at which parcels are settled, with or without an outbox behind it.

    Args:
        outbox: where to keep what is accepted; None for nowhere.
        clock: monotonic seconds.
        tells: whether to log failures, since nobody may look at the delivery.

    Attributes:
        due: when to try again what is kept, in monotonic seconds.
    """

    def __init__(
        self, outbox: Outbox | None, clock: Callable[[], float], *, tells: bool = False
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._tells = tells
        self._notices = Notices(clock)
        self._begin()

    def _begin(self) -> None:
        self._asked = False  # whether the outbox was asked for what dead processes left
        self._most = MAX_BATCHES_PER_REQUEST  # rows that are brought back at a time
        self._not_before = -math.inf  # when to try again what was tried in vain
        self._lost_ids: list[str] = []  # of what could not be read any more, and was not told yet
        self.due = math.inf

    def open(self, feed: Feed, tally: Tally, settled: Settled) -> None:
        """Belong to a client.

        Args:
            settled: is told of every parcel that comes back from the outbox when it is settled.
        """
        self._tally = tally
        self._settled = settled
        if self._outbox is not None:
            self._outbox.open(feed, self._failed, self._lost)

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

    def tell(self, what: str) -> None:
        """Log this, not too often."""
        self._notices.tell(what)

    def tell_all(self) -> None:
        """Log what was held back so far."""
        self._notices.close()

    # Accepting

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
        first, self._asked = not self._asked, True
        self._outbox.adopt(self._tally.submitted)
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

    def store(self, parcels: Sequence[Parcel]) -> None:
        """Write parcels to the outbox; where the disk fails, they are in memory only.

        Raises:
            OutboxFull: they do not fit, and none was written.
        """
        if self._outbox is None or not parcels:
            return
        batches = [(parcel.id, parcel.parts) for parcel in parcels]
        for parcel, row in zip(parcels, self._outbox.put(batches) or ()):
            parcel.row = row

    def withdraw(self, parcels: Iterable[Parcel]) -> None:
        """Take out of the outbox what was stored but is not accepted after all."""
        self._remove(list(parcels))

    # Settling

    def settle(self, group: Sequence[Piece], outcome: Response | DeliveryError) -> None:
        """Settle each piece of a request with its outcome."""
        self._finish(
            [
                parcel
                for piece in group
                for parcel, part_id in piece.shares()
                if parcel.note(part_id, self._verdict(parcel, outcome))
            ]
        )
        if not isinstance(outcome, DeliveryError) and self.kept:
            self.due = max(self._clock(), self._not_before)  # mParticle takes batches again

    def give_up(
        self, parcels: Iterable[Parcel], error: DeliveryError, *, quiet: bool = False
    ) -> int:
        """Fail what is open of these parcels, or keep it; return how many there were.

        Args:
            quiet: whether the caller logs it.
        """
        finished = [parcel for parcel in parcels if parcel.give_up(self._verdict(parcel, error))]
        self._finish(finished, quiet=quiet)
        return len(finished)

    def take_apart(self, piece: Piece) -> None:
        """Know that what travelled as one batch goes on under ids of its own."""
        for parcel in piece.parcels:
            parcel.alone = True
            if self._outbox is not None and parcel.row is not None:
                self._outbox.join([parcel.row])

    def join(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Store which parcels travel as one batch, before they do so for the first time.

        Returns the pieces; apart, where that could not be stored: who takes over after a crash
        would send other bytes under the same id.
        """
        return [
            own
            for piece in pieces
            for own in ([piece] if self._is_joined(piece) else piece.apart())
        ]

    def _is_joined(self, piece: Piece) -> bool:
        rows = [parcel.row for parcel in piece.parcels if parcel.row is not None]
        if len(piece.parcels) == 1 or self._outbox is None or not rows:
            return True
        return len(rows) == len(piece.parcels) and self._outbox.join(rows)

    def _verdict(self, parcel: Parcel, outcome: Outcome) -> Outcome | Kept:
        if (
            not isinstance(outcome, DeliveryError)
            or isinstance(outcome, Kept)
            or parcel.row is None
            or outcome.reason not in _GIVEN_UP
        ):
            return outcome
        kept = Kept(f"kept in the outbox, to be tried again: {outcome}", reason=outcome.reason)
        kept.status_code = outcome.status_code
        kept.__cause__ = outcome
        return kept

    def _finish(self, parcels: list[Parcel], *, quiet: bool = False) -> None:
        """Bring the outbox up to date, and tell the outcomes that nobody told yet."""
        failed: list[Parcel] = []
        delivered: list[Parcel] = []
        kept: list[Parcel] = []
        for parcel in parcels:
            if isinstance(parcel.outcome, Kept):
                kept.append(parcel)
            elif isinstance(parcel.outcome, DeliveryError):
                failed.append(parcel)
            else:
                delivered.append(parcel)
        self._remove(delivered)
        if kept and self._outbox is not None:
            self._outbox.park([parcel.row for parcel in kept if parcel.row is not None])
            self.due = min(self.due, self._clock() + PROBE_EVERY)
        told: list[Parcel] = []
        try:
            settle_each([partial(_tell, parcel, told) for parcel in parcels])
        finally:
            self._remove(failed)  # only now that their reasons were told
            if self._tells and not quiet:
                self._log(told)

    def _log(self, parcels: list[Parcel]) -> None:
        outcomes = [one.outcome for one in parcels if isinstance(one.outcome, DeliveryError)]
        kinds = [
            f"batch {'kept in the outbox' if isinstance(one, Kept) else 'failed'}: {one.reason}"
            for one in outcomes
        ]
        for kind, count in Counter(kinds).items():
            self._notices.tell(kind, count)

    def _remove(self, parcels: list[Parcel]) -> None:
        rows = [parcel.row for parcel in parcels if parcel.row is not None]
        if rows and self._outbox is not None:
            self._outbox.remove(rows)

    # What was kept

    @property
    def kept(self) -> bool:
        """Whether batches wait in the outbox only."""
        return self.parked > 0

    @property
    def parked(self) -> int:
        """How many batches wait in the outbox only."""
        return 0 if self._outbox is None else self._outbox.parked

    @property
    def oldest(self) -> int | None:
        """The row of the oldest batch that waits in the outbox only."""
        return None if self._outbox is None else self._outbox.oldest

    def keep(self, parcel: Parcel) -> None:
        """Leave a parcel to the outbox for now: there is no room for it in memory."""
        why = "kept in the outbox, to be sent as soon as there is room in the queue"
        if parcel.give_up(Kept(why, reason="queue_full")):
            self._finish([parcel])
            self.due = self._clock()

    def bring_back(self) -> tuple[list[Piece], list[Parcel], bool]:
        """Return the oldest of what is kept, about a request's worth.

        Returns the pieces, the parcels that are too old to be sent, and whether any of it was
        tried in vain before. Who was tried less comes first, and what was tried in vain comes
        back in smaller and smaller loads, so that a batch that never arrives ends up alone.
        """
        self.due = math.inf
        if self._outbox is None:
            return [], [], False
        stored = self._outbox.load(self._most, _LOAD_BYTES)
        groups: dict[int, list[Stored]] = {}
        for one in stored:
            groups.setdefault(one.row if one.group is None else one.group, []).append(one)
        pieces: list[Piece] = []
        expired: list[Parcel] = []
        for members in groups.values():
            parcels = [self._parcel(one) for one in members]
            if all(one.expired for one in members):  # part of a group has no id of its own
                expired += parcels
            else:
                pieces += [together(parcels)] if len(parcels) > 1 else pieces_of(parcels)
        if self._outbox.parked:
            # at once where all of these were too old; not where nothing could be read
            self.due = self._clock() + (0.0 if expired and not pieces else PROBE_EVERY)
        return pieces, expired, any(one.tries for one in stored)

    def expire(self, parcels: Iterable[Parcel]) -> None:
        """Fail what was kept for too long, and what could not be read any more."""
        self._tell_lost()
        why = "it was kept in the outbox for longer than max_age"
        self.give_up(parcels, DeliveryError(why, reason="expired"))

    def came_back(self, pieces: Iterable[Piece]) -> None:
        """Learn from what became of what was brought back."""
        again = any(
            isinstance(parcel.outcome, Kept) for piece in pieces for parcel in piece.parcels
        )
        if again:
            self._most = max(1, self._most // 2)
            self._not_before = self._clock() + PROBE_EVERY
            self.due = self._not_before
        else:
            self._most = min(MAX_BATCHES_PER_REQUEST, self._most * 2)

    def drop_oldest(self, error: DeliveryError) -> bool:
        """Fail the oldest batch that waits in the outbox only; return whether there was one."""
        stored = [] if self._outbox is None else self._outbox.load(1, oldest=True)
        return self.give_up([self._parcel(one) for one in stored], error) > 0

    def _parcel(self, stored: Stored) -> Parcel:
        return Parcel(stored.batch, stored.parts, self._settled, stored.row)

    def tend(self) -> float | None:
        """Say that this process lives; return the seconds until it must be said again."""
        if self._outbox is None or self._outbox.tend_every is None:
            return None
        self._outbox.tend()
        return self._outbox.tend_every

    # What goes wrong with the file

    def _failed(self, error: Exception) -> None:
        self._tally.outbox_failed()
        self._notices.tell("the outbox failed, and what it cannot do is done in memory", said=error)

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
        unread = [
            Parcel(
                Batch().with_source_request_id(batch_id), (Part(batch_id, b"", 0),), self._settled
            )
            for batch_id in ids
        ]
        self.give_up(unread, error)


def _tell(parcel: Parcel, told: list[Parcel]) -> None:
    if parcel.claim():
        told.append(parcel)
        parcel.tell()
