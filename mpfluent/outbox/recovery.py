"""What is done with a damaged file: moved aside, and read as far as it can be."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress

from . import locks
from .database import FAILURES, INSERT, SELECT, Row, is_ours
from .existing_files import BESIDE, keep_private, lock_path

_MOST_GUESSES = 5_000  # row numbers that are tried one by one, while a send waits


def move_aside(path: str, found: locks.Which | None, wall: float) -> str | None:
    """Move a damaged file, with what SQLite keeps beside it, to a name of its own.

    Args:
        path: of the file.
        found: which file it is; nothing is moved if another one has taken its place.
        wall: Unix seconds, for the name.

    Returns:
        The new path.

    Raises:
        OSError: it cannot be moved.
    """

    def moved() -> str | None:
        if found is None or locks.which(path) != found:
            return None
        keep_private(path)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(wall))
        aside = f"{path}.corrupt-{stamp}"
        number = 1
        while any(os.path.lexists(aside + suffix) for suffix in ("", *BESIDE)):
            number += 1
            aside = f"{path}.corrupt-{stamp}-{number}"
        for suffix in (*BESIDE, ""):  # the file last: without it, the others would be deleted
            with suppress(FileNotFoundError):
                os.rename(path + suffix, aside + suffix)
        return aside

    return locks.exclusive(lock_path(path), moved)


def copy(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    known: Iterable[int],
    wanted: Callable[[Row], bool],
) -> set[int]:
    """Copy, with their numbers, the wanted rows that can still be read; return their numbers.

    Args:
        source: the connection to a file that may be damaged.
        target: the connection to a new one, in a transaction.
        known: numbers of rows that should be there.
        wanted: says whether to copy a row.
    """
    copied: set[int] = set()
    if not _is_ours(source, "rows"):
        return copied
    with closing(_readable(source, frozenset(known))) as rows:
        for row in rows:
            if wanted(row) and row.is_sound():
                target.execute(INSERT.replace("INSERT", "INSERT OR IGNORE", 1), row)
                copied.add(row.row)
    return copied


def copy_owners(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy the owners that can still be read, so that nobody takes the rows of a living one."""
    if not _is_ours(source, "owners"):
        return
    with suppress(*FAILURES):
        for owner in source.execute("SELECT id, locked, lease_until FROM owners"):
            target.execute("INSERT OR IGNORE INTO owners VALUES (?, ?, ?)", owner)


def _is_ours(source: sqlite3.Connection, table: str) -> bool:
    """Return whether a table can be read: what a view or a column works out may never end."""
    with suppress(*FAILURES):
        return is_ours(source, table)
    return False


def _readable(connection: sqlite3.Connection, known: frozenset[int]) -> Generator[Row, None, None]:
    """Yield every row that can be read: from the first one, from the last one, then between."""
    last, first = 0, None
    try:
        for row in _rows(connection, "ORDER BY row"):
            last = row.row
            yield row
        return
    except FAILURES:
        pass  # what comes after the damage is read backwards
    with suppress(*FAILURES):
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
        with suppress(*FAILURES):
            yield from _rows(connection, f"WHERE row = {guess}")


def _rows(connection: sqlite3.Connection, which: str) -> Iterator[Row]:
    with closing(connection.execute(f"{SELECT} {which}")) as cursor:
        for values in cursor:
            yield Row(*values)
