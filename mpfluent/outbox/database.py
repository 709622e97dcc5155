"""The file of an outbox: how it is made, checked, upgraded, and used in transactions.

Only SQLite may open a database that is in use. To close any other descriptor of the file would
drop the locks that SQLite holds on it in this process.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from typing import TypeVar

from ..errors import ConfigurationError
from . import existing_files, locks
from .existing_files import BESIDE, lock_path

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

# The largest number that a row can have; a larger one is damage. SQLite's own limit is 2**63 - 1,
# so there is room to add to it.
MOST_ROWS = 2**62

# A file at version k gets the steps from k on. A step that was once released never changes.
#
# A transaction costs what it writes, so each writes as few pages as possible. There is no index by
# owner, since a process looks for an owner's rows only once. There is no AUTOINCREMENT, since that
# has a page of its own. The first number of a file is the time in microseconds. So a new file never
# gives a number that a deleted file gave: with such a number, a process would remove another row.
_STEPS: tuple[str, ...] = (
    """
    CREATE TABLE owners (
        id INTEGER PRIMARY KEY,
        locked INTEGER NOT NULL,
        lease_until REAL NOT NULL
    );
    CREATE TABLE rows (
        row INTEGER PRIMARY KEY,
        host TEXT NOT NULL,
        key TEXT NOT NULL,
        id TEXT NOT NULL,
        created REAL NOT NULL,
        size INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        owner INTEGER,
        grp INTEGER,
        place INTEGER,
        heads TEXT NOT NULL,
        bodies BLOB NOT NULL
    );
    CREATE INDEX rows_by_group ON rows (grp) WHERE grp IS NOT NULL;
    CREATE TABLE totals (bytes INTEGER NOT NULL, last INTEGER NOT NULL);
    INSERT INTO totals VALUES (0, 0);
    CREATE TRIGGER row_added AFTER INSERT ON rows BEGIN
        UPDATE totals SET bytes = bytes + NEW.size, last = MAX(last, NEW.row);
    END;
    CREATE TRIGGER row_removed AFTER DELETE ON rows BEGIN
        UPDATE totals SET bytes = bytes - OLD.size;
    END;
    """,
)


def totals(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the bytes of all rows, and the last number that was given to a row.

    Raises:
        sqlite3.DatabaseError: the table of totals is damaged.
    """
    found = connection.execute("SELECT bytes, last FROM totals").fetchall()
    held, last = found[0] if len(found) == 1 else (None, None)
    if type(held) is not int or type(last) is not int or not 0 < last < MOST_ROWS:
        raise sqlite3.DatabaseError("the outbox is damaged: its totals")
    return held, last


Settle = Callable[[sqlite3.Connection, bool], None]


def first_look(given: str) -> bool:
    """Return whether there is an outbox at a path, or one is just being made; touch nothing.

    Raises:
        ConfigurationError: the file is another program's, or a newer version's.
        sqlite3.Error: it cannot be read just now.
        OSError: this user may not look.
    """
    owned = existing_files.has_owners(given)
    try:
        # If another process makes the file after this look, it makes an outbox, as we do.
        return not existing_files.inspect(given, len(_STEPS), owned=owned) or owned
    except ConfigurationError:
        if owned or not existing_files.has_owners(given):
            raise
        return True  # another process is just making it: now it has owners
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return True  # a damaged outbox of ours


class Database:
    """An open file at the newest version.

    Args:
        given: the absolute path, which may be a link.
        owned: what ``first_look`` returned.
        durability: "full" if each transaction is to survive a power cut, else "normal".
        busy: the lock that a thread holds while it uses the connection.
        settle: is called in the transaction that opens the file, with the connection and whether
            the file is new.

    Raises:
        ConfigurationError: the file is another program's or a newer version's; it stays unchanged.
        sqlite3.Error: it cannot be used, or is damaged.
        OSError: it cannot be made.

    Attributes:
        is_closed: whether the connection is closed.
    """

    connection: sqlite3.Connection
    which: locks.FileId | None
    _pid = os.getpid()  # for __del__, if __init__ was interrupted
    _opened: locks.Opened | None = None  # until it is open
    is_closed = False

    def __init__(
        self, given: str, owned: bool, durability: str, busy: threading.RLock, settle: Settle
    ) -> None:
        self._pid = os.getpid()
        self.path = os.path.realpath(given)

        def connected() -> None:
            locks.retake_sqlite_locks(self.path)
            existing_files.inspect(given, len(_STEPS), owned=owned)
            existing_files.keep_private(self.path)
            _make(self.path)
            self.which = locks.file_id(self.path)
            self.connection = existing_files.connect(self.path, "rw")

        try:
            locks.exclusive(lock_path(self.path), connected)
            self._prepare(given, durability, settle)
            self._beside = {suffix: locks.file_id(self.path + suffix) for suffix in BESIDE}
            self._opened = locks.Opened(self.which, self._beside["-shm"], busy)
            locks.opened_here().append(self._opened)
        except BaseException:  # Ctrl-C, too: nobody else can close this connection
            if hasattr(self, "connection"):
                self.close()
            raise

    def _prepare(self, given: str, durability: str, settle: Settle) -> None:
        run = self.connection.execute
        run("PRAGMA trusted_schema = OFF")
        run("PRAGMA journal_mode = WAL")
        run(f"PRAGMA synchronous = {durability}")

        def look(connection: sqlite3.Connection) -> None:
            heads = existing_files.heads_of(connection)
            existing_files.check(given, heads, len(_STEPS))
            if _schema(connection) != _made_by(_STEPS[: heads.version]):
                raise sqlite3.DatabaseError("the outbox is damaged: its tables are not ours")

        # before quick_check: a hostile schema (a view, a check) could make that run for ever
        self.transact(look, "DEFERRED")
        (found,) = run("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"the outbox is damaged: {found}")

        def upgrade(connection: sqlite3.Connection) -> None:
            # read again, in this transaction: another process may have upgraded it meanwhile
            (version,) = run("PRAGMA user_version").fetchone()
            _make_tables(connection, _STEPS[version:])
            if version < len(_STEPS):
                run(f"PRAGMA application_id = {existing_files.OURS}")
                run(f"PRAGMA user_version = {len(_STEPS)}")
            settle(connection, version == 0)
            _correct(connection)

        self.transact(upgrade)

    def transact(self, work: Work[T], kind: str = "IMMEDIATE") -> T:
        """Return what ``work(connection)`` returns; all of it is stored, or nothing."""
        connection = self.connection
        # A signal handler may send while this thread is in a transaction: its end would end both.
        if connection.in_transaction:
            raise sqlite3.OperationalError("the outbox is in use by this very thread")
        try:
            # The connection's own ``with`` ends the transaction in C code. A signal could prevent a
            # COMMIT or ROLLBACK of ours.
            with connection:
                connection.execute(f"BEGIN {kind}")
                return work(connection)
        finally:
            if connection.in_transaction:  # a debugger can raise between BEGIN and ``with``
                connection.rollback()

    def is_there(self) -> bool:
        """Return whether the path still leads to this file."""
        with suppress(OSError):
            return locks.file_id(self.path) == self.which
        return True  # this user may no longer look, but an open file stays open

    def make_room(self) -> None:
        """Delete the files of SQLite beside this file, if another file has taken its place.

        SQLite would read the log of the old database into the new one, and damage it.
        """

        def unlink() -> None:
            for suffix, found in self._beside.items():
                there = locks.file_id(self.path + suffix)
                if found is not None and there == found and not self.is_there():
                    os.unlink(self.path + suffix)

        locks.exclusive(lock_path(self.path), unlink)

    def close(self) -> None:
        """Close the connection; SQLite then writes the log back into the file."""
        if self._opened is not None:
            with suppress(ValueError):  # the parent opened it, or an earlier call was interrupted
                locks.opened_here().remove(self._opened)
        self.is_closed = True  # atomically with the call of C code in the next line
        self.connection.close()

    def __del__(self) -> None:
        if not hasattr(self, "connection"):
            return  # __init__ raised before it was opened
        if self._pid != os.getpid():
            leave_to_parent(self)
        else:  # the client was never closed; its batches are in the file
            self.close()


def leave_to_parent(database: Database) -> None:
    """Make sure that a forked child never closes a connection of the parent.

    SQLite forbids it. If the parent was using the connection, the child would wait for ever.
    """
    _parents.append(database.connection)
    # When Python exits, it closes all that it can free; one more reference prevents that. Another
    # Python than CPython has no pythonapi.
    with suppress(ImportError, AttributeError):
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(database.connection))


_parents: list[sqlite3.Connection] = []

# The errors of a disk or a damaged file. A UnicodeError: a damaged name is in SQLite's message. An
# OverflowError: the file holds the largest number that SQLite has, and we add 1 to it.
FAILURES = (sqlite3.Error, OSError, UnicodeError, OverflowError)


def is_damage(error: BaseException) -> bool:
    """Return whether an error means that the file is damaged, and not only in use or full.

    >>> is_damage(sqlite3.DatabaseError("database disk image is malformed"))
    True
    >>> is_damage(sqlite3.OperationalError("database or disk is full"))
    False
    """
    if type(error) is sqlite3.DatabaseError:
        return True
    # our own rows break no rule of our own tables, so somebody changed the tables
    if isinstance(error, sqlite3.IntegrityError | UnicodeError | OverflowError):
        return True
    # we made these tables, columns and indexes, in a format that SQLite knows
    lost = ("no such table", "no such column", "no such index", "unsupported file format")
    return str(error).startswith(lost)


def _make(path: str) -> None:
    """Make an empty file if there is none; only this user can read it."""
    if locks.file_id(path) is not None:
        return
    # a deleted database may have left its log: SQLite would read it into the new one
    for suffix in BESIDE:
        with suppress(FileNotFoundError):
            os.unlink(path + suffix)
    # SQLite gives its other files the mode of this one
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def is_ours(connection: sqlite3.Connection, table: str) -> bool:
    """Return whether a table in an untrusted file is exactly as one of our versions made it.

    To read another table, such as a hostile view, could take for ever.
    """
    with suppress(*FAILURES):  # not even the schema can be read
        found = {each for each in _schema(connection) if each[1] == table}
        return any(
            found == {each for each in _made_by(_STEPS[:version]) if each[1] == table}
            for version in range(1, len(_STEPS) + 1)
        )
    return False


def _schema(connection: sqlite3.Connection) -> frozenset[tuple[object, ...]]:
    """Return the schema: the kind, the name, the table and the SQL of each entry."""
    return frozenset(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


@cache
def _made_by(steps: tuple[str, ...]) -> frozenset[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        _make_tables(connection, steps)
        return _schema(connection)


def _correct(connection: sqlite3.Connection) -> None:
    """Correct the sizes, the numbers of rows that are out of range, and the totals."""
    run, most = connection.execute, (MOST_ROWS - 1,)
    # the sizes first: the totals are their sum
    run("UPDATE rows SET size = LENGTH(bodies) WHERE NOT size BETWEEN 0 AND LENGTH(bodies)")
    (row,) = run("SELECT MAX(row) FROM rows WHERE row BETWEEN 1 AND ?", most).fetchone()
    (given,) = run("SELECT MAX(last) FROM totals WHERE last BETWEEN 1 AND ?", most).fetchone()
    last = max(row or 0, given or time.time_ns() // 1000)
    odd = run("SELECT row FROM rows WHERE NOT row BETWEEN 1 AND ?", most).fetchall()
    renamed = [(number, row) for number, (row,) in enumerate(odd, last + 1)]
    connection.executemany("UPDATE rows SET row = ? WHERE row = ?", renamed)
    run("DELETE FROM totals")
    last += len(renamed)
    run("INSERT INTO totals SELECT CAST(TOTAL(size) AS INTEGER), ? FROM rows", (last,))


def _make_tables(connection: sqlite3.Connection, steps: tuple[str, ...]) -> None:
    """Run the statements of some steps; ``executescript`` would end the transaction."""
    statement = ""
    for line in "".join(steps).splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
