"""Recovery of a damaged file: it is moved aside, and the rows that can be read are copied."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from itertools import count
from sqlite3 import Connection

from . import locks
from .database import FAILURES, is_ours
from .existing_files import BESIDE, keep_private, lock_path
from .rows import INSERT, SELECT, OwnedRows, Row

_MOST_GUESSES = 5_000  # row numbers that are tried one by one: about 0.1 s, while a send waits


def move_aside(path: str, found: locks.FileId | None, wall: float) -> str | None:
    """Rename a damaged file and the files of SQLite beside it to ``<path>.corrupt-<time>``.

    Args:
        path: of the file.
        found: the id of the file. If another file is at the path now, nothing is renamed.
        wall: Unix seconds, for the name.

    Returns:
        The new path.

    Raises:
        OSError: it cannot be moved.
    """

    def moved() -> str | None:
        if found is None or locks.file_id(path) != found:
            return None
        keep_private(path)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(wall))
        aside, numbers = f"{path}.corrupt-{stamp}", count(2)
        while any(os.path.lexists(aside + suffix) for suffix in ("", *BESIDE)):
            aside = f"{path}.corrupt-{stamp}-{next(numbers)}"
        # the file last: another process that finds no file would delete the log, and make a file
        for suffix in (*BESIDE, ""):
            with suppress(FileNotFoundError):  # an idle database has no log
                os.rename(path + suffix, aside + suffix)
        return aside

    return locks.exclusive(lock_path(path), moved)


def copy(source: Connection, target: Connection, own: OwnedRows, owner: int | None) -> set[int]:
    """Copy the rows that can be read, with their numbers; return the numbers.

    Args:
        source: the connection to a file that may be damaged.
        target: the connection to a new file, in a transaction.
        own: our rows, which should be there, and those of them that were to be removed.
        owner: whose rows to copy; None for everybody's.
    """
    copied: set[int] = set()
    if not is_ours(source, "rows"):
        return copied
    with closing(_readable(source, {*own.held, *own.parked})) as rows:
        for row in rows:
            wanted = row.row not in own.unremoved and (owner is None or row.owner == owner)
            if wanted and row.is_sound():
                target.execute(INSERT.replace("INSERT", "INSERT OR IGNORE", 1), row)
                copied.add(row.row)
    return copied


def copy_owners(source: Connection, target: Connection) -> None:
    """Copy the owners that can be read, so that nobody adopts the rows of a living one."""
    if is_ours(source, "owners"):
        with suppress(*FAILURES):  # the rest of the table is damaged
            for owner in source.execute("SELECT id, locked, lease_until FROM owners"):
                target.execute("INSERT OR IGNORE INTO owners VALUES (?, ?, ?)", owner)


def _readable(connection: Connection, known: set[int]) -> Generator[Row, None, None]:
    """Yield every row that can be read.

    First forwards up to the damage, then backwards from the end down to it. What lies between is
    looked up by number: the known rows, and those next to the damage on either side.
    """
    last, first = 0, None
    with suppress(*FAILURES):  # here is the damage; the rows after it are read backwards
        for row in _rows(connection, "ORDER BY row"):
            last = row.row
            yield row
        return
    with suppress(*FAILURES):  # here is the other end of the damage
        for row in _rows(connection, "ORDER BY row DESC"):
            if row.row <= last:
                return
            first = row.row
            yield row
    guesses = {row for row in known if row > last and (first is None or row < first)}
    if last:
        guesses.update(range(last + 1, min(first or 2**63, last + _MOST_GUESSES)))
    if first:
        guesses.update(range(max(last + 1, first - _MOST_GUESSES), first))
    for guess in sorted(guesses):
        with suppress(*FAILURES):  # this row is lost
            yield from _rows(connection, f"WHERE row = {guess}")


def _rows(connection: Connection, which: str) -> Iterator[Row]:
    with closing(connection.execute(f"{SELECT} {which}")) as cursor:
        for values in cursor:
            yield Row(*values)
