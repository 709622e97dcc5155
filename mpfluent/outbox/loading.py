"""Reads parked rows from the file: within limits, groups as a whole, damaged rows apart."""

from __future__ import annotations

from collections.abc import Iterable
from sqlite3 import Connection
from typing import NamedTuple

from ..wire.body import Part
from .rows import OwnedRows, Row, select


class Stored(NamedTuple):
    """A batch from the outbox.

    Attributes:
        row: its number in the file.
        id: its ``source_request_id``.
        parts: what it travels as.
        created: Unix seconds when it was put there.
        group: the first row of its group, if several rows travel as one batch.
        expired: whether it is older than ``max_age``.
        tries: how often this process tried in vain to send it.
    """

    row: int
    id: str
    parts: tuple[Part, ...]
    created: float
    group: int | None
    expired: bool
    tries: int = 0


class Loaded(NamedTuple):
    """What was read.

    Attributes:
        batches: the batches of the sound rows.
        missing: the numbers of rows that are no longer in the file.
        damaged: the numbers of rows that are not as they were stored.
    """

    batches: list[Stored]
    missing: list[int]
    damaged: set[int]


def read(
    connection: Connection,
    own: OwnedRows,
    owner: int,
    numbers: Iterable[int],
    count: int,
    most_bytes: int,
    oldest: float,
) -> Loaded:
    """Read parked rows, each with its group. At least one batch is read, however large it is.

    Args:
        connection: in a transaction.
        own: the rows of the owner.
        owner: its number.
        numbers: of the rows, in the order in which they are wanted.
        count: rows at most.
        most_bytes: bytes of JSON at most.
        oldest: Unix seconds; a row from before is expired.
    """
    loaded: dict[int, Stored] = {}
    missing: list[int] = []
    damaged: set[int] = set()
    size = 0
    for number in numbers:
        if number in loaded or number in damaged or number not in own.parked:
            continue  # it came with its group, or the file was replaced a moment ago
        together = _group_of(connection, own, owner, number)
        if not together:
            missing.append(number)
            continue
        sound = [row for row in together if row.is_sound()]
        damaged.update({row.row for row in together} - {row.row for row in sound})
        more = sum(len(row.bodies) for row in sound)
        if loaded and (len(loaded) + len(sound) > count or size + more > most_bytes):
            break
        size += more
        for row in sound:
            late, tries = row.created < oldest, own.tries[row.row]
            stored = Stored(row.row, row.id, row.parts(), row.created, row.grp, late, tries)
            loaded[row.row] = stored
    return Loaded([*loaded.values()], missing, damaged)


def _group_of(connection: Connection, own: OwnedRows, owner: int, number: int) -> list[Row]:
    """Return the row of this number, and the parked rows that travel with it."""
    rows = select(connection, "WHERE owner = ? AND row = ?", owner, number)
    if rows and (group := rows[0].grp) is not None:
        rows = select(connection, "WHERE owner = ? AND grp = ? ORDER BY place", owner, group)
    return [row for row in rows if row.row in own.parked]
