"""Several batches of one user as one: the same context once, and the events of all, in order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from ..delivery.job import Parcel, Piece, pieces_of, together
from ..wire.limits import MAX_BATCH_BYTES, identities

WINDOW = 4_096  # parcels that are looked at together
WINDOW_BYTES = 8_000_000  # and bytes of them

_COMMA = 1  # byte between two events
_ID = re.compile(rb'"source_request_id":"(?:[^"\\]|\\.)*"')


class _Group:
    """Parcels that travel as one piece, and what they come to."""

    __slots__ = ("parcels", "passed", "size")

    def __init__(self, parcel: Parcel) -> None:
        self.parcels = [parcel]
        self.passed = False  # whether another group of that user begins after it
        self.size = parcel.size

    def takes(self, parcel: Parcel) -> bool:
        """Let a parcel with the same context join, if it can."""
        more = len(parcel.parts[0].body) - parcel.parts[0].head + _COMMA  # or some bytes less
        if self.passed or self.size + more > MAX_BATCH_BYTES:
            return False
        self.parcels.append(parcel)
        self.size += more
        return True

    def pieces(self) -> list[Piece]:
        return [together(self.parcels)] if len(self.parcels) > 1 else pieces_of(self.parcels)


def coalesce(parcels: Iterable[Parcel]) -> list[Piece]:
    """Return the pieces that parcels travel in; each parcel is looked at once.

    Parcels join where their contexts are equal, byte for byte but for the id, and say who the
    user is. A user's events never change their order: what shares an identity with a batch before
    it joins that one or travels after it. A group has the place of its first member.
    """
    groups: list[_Group] = []
    same: dict[bytes, _Group] = {}  # by context: the latest group of it
    users: dict[bytes, set[tuple[str, str]]] = {}  # by context, which says all the identities
    latest: dict[tuple[str, str], _Group] = {}  # by identity
    for parcel in parcels:
        context = _context(parcel)
        joins = not parcel.alone and len(parcel.parts) == 1
        if joins and context in same and same[context].takes(parcel):
            continue
        group = _Group(parcel)
        groups.append(group)
        marks = users.get(context)
        if marks is None:
            # read from the bytes, so that what waits is held as bytes only
            marks = users[context] = set(identities(json.loads(_head(parcel).decode() + "}")))
        for mark in marks:
            if mark in latest:
                latest[mark].passed = True
            latest[mark] = group
        if joins and marks:
            same[context] = group
    return [piece for group in groups for piece in group.pieces()]


def _context(parcel: Parcel) -> bytes:
    """Return what must be equal for parcels to join: the context but for its id."""
    # only the environment stands before the id, so what is found first is the id itself
    return _ID.sub(b"", _head(parcel), count=1)


def _head(parcel: Parcel) -> bytes:
    """Return the JSON of all but the events, less its last brace."""
    part = parcel.parts[0]
    return part.body[: part.head - 1]
