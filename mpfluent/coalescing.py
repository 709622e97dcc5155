"""Several batches of one user as one: the same context once, and the events of all, in order."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .limits import (
    MAX_BATCH_BYTES,
    MAX_BATCHES_PER_REQUEST,
    MAX_REQUEST_BYTES,
    identities,
)
from .parcel import Parcel, Piece, pieces_of, together

WINDOW = 4_096  # parcels that are looked at for one request
WINDOW_BYTES = 8_000_000  # and bytes of them

_COMMA = 1  # byte between two events, or two batches
_BRACKETS = 2  # bytes around a bulk request
_ID = re.compile(rb'"source_request_id":"(?:[^"\\]|\\.)*"')


class _Group:
    """Parcels that travel as one piece, and what they come to."""

    __slots__ = ("context", "parcels", "size")

    def __init__(self, parcel: Parcel, context: bytes | None) -> None:
        self.parcels = [parcel]
        self.context = context
        self.size = parcel.size

    def piece(self) -> list[Piece]:
        return [together(self.parcels)] if len(self.parcels) > 1 else pieces_of(self.parcels)


def coalesce(parcels: Sequence[Parcel]) -> tuple[list[Piece], list[Parcel]]:
    """Return the pieces of one request, and the parcels that must wait for the next.

    Parcels join where their contexts are equal, byte for byte but for the id, and say who the
    user is. A user's events never change their order: what shares an identity with a batch before
    it joins that one or travels after it. A group has the place of its first member.
    """
    groups: list[_Group] = []
    latest: dict[tuple[str, ...], _Group | None] = {}  # by identity; None: it waits for the next
    total, count = _BRACKETS, 0
    left: list[Parcel] = []
    for parcel in parcels:
        marks = list(identities(parcel.batch))
        before = {latest[mark] for mark in marks if mark in latest}
        context = _context(parcel) if marks else None
        group = next(iter(before)) if len(before) == 1 else None
        if group is not None and context is not None and group.context == context:
            more = len(parcel.parts[0].events()) + _COMMA
            if group.size + more <= MAX_BATCH_BYTES and total + more <= MAX_REQUEST_BYTES:
                group.parcels.append(parcel)
                group.size += more
                total += more
                continue
        opened = None
        more = parcel.size + (_COMMA if groups else 0)
        fits = count + len(parcel.parts) <= MAX_BATCHES_PER_REQUEST
        fits = fits and total + more <= MAX_REQUEST_BYTES
        if None not in before and (fits or not groups):  # the first one always finds room
            opened = _Group(parcel, context)
            groups.append(opened)
            total += more
            count += len(parcel.parts)
        else:
            left.append(parcel)
        latest.update(dict.fromkeys(marks, opened))
    return [piece for group in groups for piece in group.piece()], left


def _context(parcel: Parcel) -> bytes | None:
    """Return what must be equal for parcels to join: the context but for its id; None for never."""
    part, *more = parcel.parts
    if parcel.alone or more:
        return None
    # only the environment stands before the id, so what is found first is the id itself
    return _ID.sub(b"", part.body[: part.head - 1], count=1)
