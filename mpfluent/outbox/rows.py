"""The rows of an outbox: one as the file stores it, and those that this process has."""

from __future__ import annotations

import heapq
import sqlite3
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from ..transport.destination import Destination
from ..wire.body import Part

Parts = tuple[Part, ...]


class Row(NamedTuple):
    """A row as it is stored: one batch.

    Attributes:
        row: its number.
        host: the base address it goes to.
        key: the fingerprint of the API key it goes with.
        id: of the batch.
        created: Unix seconds.
        size: bytes of all its bodies.
        checksum: of the columns that must not change unnoticed; SQLite has no checksums.
        owner: the number of the owner that has it in memory or keeps it for later; None if none
            has. It may be the number of an owner that is dead.
        grp: the number of the first row of its group, if several rows travel as one batch.
        place: its position in the group, from 0.
        heads: the number of bytes of each part's context, separated by spaces.
        bodies: the JSON of its parts, one a line; compact JSON has no line ends.
    """

    row: int
    host: str
    key: str
    id: str
    created: float
    size: int
    checksum: int
    owner: int | None
    grp: int | None
    place: int | None
    heads: str
    bodies: bytes

    @classmethod
    def of(
        cls, row: int, to: Destination, id: str, created: float, parts: Parts, owner: int
    ) -> Row:
        """Return the row of a batch."""
        bodies = b"\n".join([part.body for part in parts])
        heads = " ".join([str(part.head) for part in parts])
        size = len(bodies) - len(parts) + 1  # without the line ends
        checksum = _checksum(id, created, heads, bodies)
        return cls(row, *to, id, created, size, checksum, owner, None, None, heads, bodies)

    def is_sound(self) -> bool:
        """Return whether the row is as we stored it; another program may have written the file."""
        kinds = (self.id, str), (self.created, float), (self.heads, str), (self.bodies, bytes)
        if not (all(isinstance(value, kind) for value, kind in kinds) and self.id):
            return False
        if self.checksum != _checksum(self.id, self.created, self.heads, self.bodies):
            return False
        heads, bodies = self.heads.split(" "), self.bodies.split(b"\n")
        # fewer than 10 digits: a body has at most 128 000 bytes, and int() of a long text is slow
        return len(heads) == len(bodies) and all(
            head.isascii() and head.isdecimal() and len(head) < 10 and 0 < int(head) <= len(body)
            for head, body in zip(heads, bodies)
        )

    def parts(self) -> Parts:
        """Return the parts of the batch."""
        bodies = self.bodies.split(b"\n")
        ids = [self.id] if len(bodies) == 1 else [f"{self.id}-{k + 1}" for k in range(len(bodies))]
        return tuple(map(Part, ids, bodies, map(int, self.heads.split())))


_COLUMNS = ", ".join(Row._fields)
_MARKS = ", ".join("?" * len(Row._fields))
SELECT = f"SELECT {_COLUMNS} FROM rows"  # noqa: S608 # of our own names
INSERT = f"INSERT INTO rows ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608


def _checksum(id: object, created: object, heads: object, bodies: bytes) -> int:
    return zlib.crc32(bodies, zlib.crc32(f"{id} {created!r} {heads}".encode()))


def select(connection: sqlite3.Connection, which: str, *values: object) -> list[Row]:
    """Return rows; ``which`` is the end of the SELECT."""
    return [Row(*row) for row in connection.execute(f"{SELECT} {which}", values)]


class OwnedRows:
    """The rows of one owner, by their numbers. A row is held, parked, or to be removed.

    Attributes:
        held: the ids of the rows that a dispatcher has in memory.
        parked: the ids of the rows that wait in the file only.
        untried: the parked rows that this process has not tried to send.
        unremoved: the rows that could not be removed from the file yet.
        tries: how often a row was tried in vain, by this process.
    """

    def __init__(self) -> None:
        self.held: dict[int, str] = {}
        self.parked: dict[int, str] = {}
        self.untried: set[int] = set()
        self.unremoved: set[int] = set()
        self.tries: dict[int, int] = {}
        # A heap of tries and rows. An entry is outdated, and is skipped, if its row is not parked
        # or was tried again since: to find and remove it in the heap would take longer.
        self._order: list[tuple[int, int]] = []

    def park(self, rows: Iterable[tuple[int, str]], *, tried: bool = False) -> None:
        """Park rows.

        Args:
            rows: the number and the id of each.
            tried: whether they were tried in vain; those that were loaded before were.
        """
        for row, id in rows:
            tries = self.tries[row] = self.tries.get(row, 0 if tried else -1) + 1
            if not tries:
                self.untried.add(row)
            heapq.heappush(self._order, (tries, row))
            self.parked[row] = id  # last: until then the row is still held

    def unpark(self, rows: Iterable[int]) -> list[str]:
        """Take rows out of the parked ones, and return their ids."""
        self.untried.difference_update(rows)
        return [self.parked.pop(row) for row in rows if row in self.parked]

    def take_first(self, taken: list[int], count: int, *, untried: bool) -> None:
        """Append the rows that are to be loaded next: the least tried first, then the oldest.

        Args:
            taken: gets their numbers.
            count: how many at most.
            untried: whether to take only rows that were never tried.
        """
        while self._order and len(taken) < count:
            tries, row = self._order[0]
            if untried and tries:
                break
            # the heap may have an entry twice; then the two come one after the other
            if row in self.parked and self.tries[row] == tries and row not in taken[-1:]:
                taken.append(row)  # before the pop: a row in neither list would never be loaded
            heapq.heappop(self._order)

    def put_back(self, taken: Iterable[int]) -> None:
        """Undo ``take_first`` for the rows that are still parked."""
        for row in taken:
            if row in self.parked:
                heapq.heappush(self._order, (self.tries[row], row))

    def remove(self, rows: Iterable[int]) -> None:
        """Neither hold nor park these rows: they are to be removed from the file."""
        for row in rows:
            self.held.pop(row, None)
            self.tries.pop(row, None)
        self.unpark(rows)
        self.unremoved.update(rows)
