"""What waits in a file, for somebody who only looks: nothing is claimed, and nothing is written."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from operator import attrgetter
from sqlite3 import Connection
from typing import Literal, NamedTuple

from ..errors import ConfigurationError
from ..wire.body import Part, joined
from . import locks
from .database import FAILURES, MOST_ROWS, first_look, is_ours
from .existing_files import MAIN_ONLY, connect, lock_path
from .options import checked_path, refused
from .rows import SELECT, Row

State = Literal["held", "left", "damaged"]


class Waiting(NamedTuple):
    """Batches that wait for the same thing.

    Attributes:
        host: the address that they go to.
        key: the fingerprint of the API key that they go with.
        state: "held" by a running process; "left", for the next client with this key and host;
            or "damaged", so that the next client can only say so.
        batches: how many.
        bytes: of their JSON.
        oldest: Unix seconds when the first of them was put there.
    """

    host: str
    key: str
    state: State
    batches: int
    bytes: int
    oldest: float


def what_waits(path: str) -> list[Waiting]:
    """Return what waits in the file of an outbox.

    Args:
        path: of the file.

    Raises:
        ConfigurationError: it is no outbox, or cannot be read.
    """
    found: dict[tuple[str, str, State], Waiting] = {}
    with _reading(path) as connection:
        held = {owner[0] for owner in _owners(connection) if _is_alive(path, *owner)}
        for row in _rows(connection, "ORDER BY row"):
            sound = row.is_sound()
            state: State = "damaged" if not sound else "held" if row.owner in held else "left"
            created = row.created if sound else math.inf
            which = str(row.host), str(row.key), state
            before = found.get(which) or Waiting(*which, 0, 0, math.inf)
            found[which] = before._replace(
                batches=before.batches + 1,
                bytes=before.bytes + len(row.bodies if sound else b""),
                oldest=min(before.oldest, created),
            )
    return [*found.values()]


def batches_of(path: str) -> Iterator[tuple[Part, ...] | None]:
    """Yield each batch that waits, as it would be sent, in order; None for a damaged one.

    What travels as one batch is one; what is too large for one is several parts.

    Args:
        path: of the file.

    Raises:
        ConfigurationError: it is no outbox, or cannot be read.
    """
    with _reading(path) as connection:
        rows = _rows(connection, "ORDER BY COALESCE(grp, row), place")
        for group, together in groupby(rows, attrgetter("grp", "owner")):
            sound: list[Part] = []
            for row in together:
                if not row.is_sound():
                    yield None
                elif group[0] is None:
                    yield row.parts()
                else:
                    sound += row.parts()
            if sound:
                yield (joined(sound),)


@contextmanager
def _reading(path: str) -> Iterator[Connection]:
    """Yield a connection that reads the file of an outbox, as it is at one moment."""
    try:
        real = _checked(path)
        # Without a log, all is in the file, and SQLite must not make one to read it.
        alone = not os.path.lexists(f"{real}-wal")
        with closing(connect(real, MAIN_ONLY if alone else "ro")) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("BEGIN")
            if not (is_ours(connection, "rows") and is_ours(connection, "owners")):
                why = "it is damaged: its tables are not ours"
                raise refused(repr(path), f"{why}; the next client that uses it saves what it can")
            yield connection
    except ConfigurationError:
        raise
    except (*FAILURES, ValueError, TypeError) as error:  # the last two, of a number that is none
        raise refused(repr(path), f"cannot be read: {error}") from None
    if alone and os.path.lexists(f"{real}-wal"):
        why = "a process began to use it while it was read; write the same line again"
        raise refused(repr(path), why)


def _checked(path: str) -> str:
    """Return where the file of an outbox really is.

    Raises:
        ConfigurationError: there is none, or it is another program's.
    """
    try:
        given = checked_path(path)
        is_outbox = first_look(given)
    except ConfigurationError as error:  # less the hint, which is for a new outbox
        raise ConfigurationError(str(error).partition("; write ")[0]) from None
    if not os.path.lexists(given):
        raise refused(repr(path), "there is no such file")
    if not is_outbox or not os.path.getsize(given):
        raise refused(repr(path), "this is no outbox: it is empty")
    return os.path.realpath(given)


def _rows(connection: Connection, which: str) -> Iterator[Row]:
    for values in connection.execute(f"{SELECT} {which}"):
        yield Row(*values)


def _owners(connection: Connection) -> list[tuple[int, bool, float]]:
    """Return the owners: the number, whether a lock shows that it lives, and its lease."""
    found = connection.execute("SELECT id, locked, lease_until FROM owners")
    return [(int(number), bool(locked), float(until)) for number, locked, until in found]


def _is_alive(path: str, number: int, locked: bool, until: float) -> bool:
    """Return whether an owner lives."""
    if not 0 < number < MOST_ROWS:  # damage: no process has it
        return False
    if not locked:
        return until >= time.time()
    owners = lock_path(os.path.abspath(path))
    return os.path.lexists(owners) and locks.is_alive(owners, number)
