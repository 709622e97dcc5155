"""The file behind an outbox: made, checked, upgraded, moved aside, read where it is damaged.

Nothing but SQLite may open a database that is in use: closing any descriptor of it would drop
the locks that SQLite has on it in this process.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import cache
from typing import NamedTuple, TypeVar

from ..errors import ConfigurationError
from ..wire.body import Part
from . import locks
from .existing_files import (
    BESIDE,
    OURS,
    check,
    connect,
    has_owners,
    heads_of,
    inspect,
    keep_private,
    lock_path,
)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

MOST_ROWS = 2**62  # no number of a row is above it, unless the file is damaged

# A file at version k gets the steps from k on. A step that was once released never changes.
#
# Each transaction writes as few pages as possible, for that is what it costs: so there is no
# index by owner, whose rows are looked for once in a process, and no AUTOINCREMENT, which has a
# page of its own. Numbers of rows begin with the time in microseconds, so that a new file never
# gives a number again that a deleted one gave: whoever still has it would remove another row.
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
# What a file says of itself is put right when it is opened: sizes first, then their sum.
_SIZES = """
    UPDATE rows SET size = LENGTH(bodies) WHERE NOT size BETWEEN 0 AND LENGTH(bodies)
"""
_LAST = """
    SELECT MAX(number) FROM (
        SELECT MAX(row) AS number FROM rows WHERE row BETWEEN 1 AND :most
        UNION ALL SELECT MAX(last) FROM totals WHERE last BETWEEN 1 AND :most
        UNION ALL SELECT :now WHERE NOT EXISTS (
            SELECT 1 FROM totals WHERE last BETWEEN 1 AND :most
        )
    )
"""
_TOTALS = "INSERT INTO totals SELECT CAST(TOTAL(size) AS INTEGER), ? FROM rows"


class Row(NamedTuple):
    """A row as it is stored.

    Attributes:
        row: its number.
        host: the base address it goes to.
        key: the fingerprint of the API key it goes with.
        id: of the batch.
        created: Unix seconds.
        size: bytes of all its bodies.
        checksum: of what must not change unnoticed, for SQLite has none.
        owner: who has it in memory; None or a dead one's number if nobody has.
        grp: the first row of those it travels with as one batch.
        place: its position among them.
        heads: the numbers of bytes of its parts' contexts.
        bodies: the JSON of its parts, a line each; compact JSON has no line ends.
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
        cls,
        row: int,
        host: str,
        key: str,
        id: str,
        created: float,
        parts: tuple[Part, ...],
        owner: int,
    ) -> Row:
        """Return the row of a batch."""
        bodies = b"\n".join([part.body for part in parts])
        heads = " ".join([str(part.head) for part in parts])
        size = len(bodies) - len(parts) + 1
        checksum = _checksum(id, created, heads, bodies)
        return cls(row, host, key, id, created, size, checksum, owner, None, None, heads, bodies)

    def is_sound(self) -> bool:
        """Return whether it is as it was stored, and can have been stored by us."""
        kinds = (self.id, str), (self.created, float), (self.heads, str), (self.bodies, bytes)
        if not (all(isinstance(value, kind) for value, kind in kinds) and self.id):
            return False
        if self.checksum != _checksum(self.id, self.created, self.heads, self.bodies):
            return False
        heads, bodies = self.heads.split(" "), self.bodies.split(b"\n")
        return len(heads) == len(bodies) and all(
            head.isascii() and head.isdecimal() and len(head) < 10 and 0 < int(head) <= len(body)
            for head, body in zip(heads, bodies)
        )

    def parts(self) -> tuple[Part, ...]:
        """Return the parts that were stored."""
        bodies = self.bodies.split(b"\n")
        ids = [self.id] if len(bodies) == 1 else [f"{self.id}-{k + 1}" for k in range(len(bodies))]
        return tuple(map(Part, ids, bodies, map(int, self.heads.split())))


_COLUMNS = ", ".join(Row._fields)
_MARKS = ", ".join("?" * len(Row._fields))
SELECT = f"SELECT {_COLUMNS} FROM rows"  # noqa: S608 # of our own names
INSERT = f"INSERT INTO rows ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608


def _checksum(id: object, created: object, heads: object, bodies: bytes) -> int:
    return zlib.crc32(bodies, zlib.crc32(f"{id} {created!r} {heads}".encode()))


def totals(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the bytes of all rows, and the last number that a row was given.

    Raises:
        sqlite3.DatabaseError: there are no such numbers.
    """
    found = connection.execute("SELECT bytes, last FROM totals").fetchall()
    held, last = found[0] if len(found) == 1 else (None, None)
    if type(held) is not int or type(last) is not int or not 0 < last < MOST_ROWS:
        raise sqlite3.DatabaseError("the outbox is damaged: its totals")
    return held, last


def select(connection: sqlite3.Connection, which: str, *values: object) -> list[Row]:
    """Return rows; ``which`` is the end of the SELECT."""
    return [Row(*row) for row in connection.execute(f"{SELECT} {which}", values)]


Settle = Callable[[sqlite3.Connection, bool], None]


def first_look(given: str) -> bool:
    """Return whether what is at a path is an outbox, or will be; before anything is touched.

    Raises:
        ConfigurationError: it is somebody else's, or a newer version's.
        sqlite3.Error: it cannot be read just now.
        OSError: nobody may look.
    """
    path = os.path.realpath(given)
    owned = has_owners(path)
    try:
        # what comes to be there after we saw nothing, another process makes just as we do
        return not inspect(given, len(_STEPS), owned=owned) or owned
    except ConfigurationError:
        if owned or not has_owners(path):
            raise
        return True  # which was just being made
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return True


class Database:
    """An open file at the newest version.

    Args:
        given: the absolute path, which may be a link.
        owned: what ``first_look`` says.
        full: whether each transaction is to survive a power cut.
        busy: is held by whoever uses the connection.
        settle: is called in the transaction that opens the file, with the connection and whether
            the file is new.

    Raises:
        ConfigurationError: the file is somebody else's or a newer version's; it stays as it is.
        sqlite3.Error: it cannot be used, or is damaged.
        OSError: it cannot be made.

    Attributes:
        is_closed: whether the connection is closed.
    """

    connection: sqlite3.Connection
    which: locks.Which | None
    _pid = os.getpid()  # for one whose making was interrupted
    _opened: locks.Opened | None = None
    is_closed = False

    def __init__(
        self, given: str, owned: bool, full: bool, busy: threading.RLock, settle: Settle
    ) -> None:
        self._pid = os.getpid()
        self.path = os.path.realpath(given)

        def connected() -> None:
            locks.retake_sqlite_locks(self.path)
            inspect(given, len(_STEPS), owned=owned)
            keep_private(self.path)
            _make(self.path)
            self.which = locks.which(self.path)
            self.connection = connect(self.path, "rw")

        try:
            locks.exclusive(lock_path(self.path), connected)
            self._prepare(given, full, settle)
            self._opened = locks.Opened(self.path, busy)
            self._beside = {suffix: locks.which(self.path + suffix) for suffix in BESIDE}
        except BaseException:
            if hasattr(self, "connection"):
                self.close()
            raise

    def _prepare(self, given: str, full: bool, settle: Settle) -> None:
        run = self.connection.execute
        run("PRAGMA trusted_schema = OFF")
        run("PRAGMA journal_mode = WAL")
        run(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")

        def look(connection: sqlite3.Connection) -> None:
            heads = heads_of(connection)
            check(given, heads, len(_STEPS))
            if _schema(connection) != _made_by(_STEPS[: heads.version]):
                raise sqlite3.DatabaseError("the outbox is damaged: its tables are not ours")

        # first: what else may be in a schema could take as long as it likes, checking included
        self.transact(look, "DEFERRED")
        (found,) = run("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"the outbox is damaged: {found}")

        def upgrade(connection: sqlite3.Connection) -> None:
            (version,) = run("PRAGMA user_version").fetchone()  # another process may be quicker
            for step in _STEPS[version:]:
                for statement in _statements(step):
                    run(statement)
            if version < len(_STEPS):
                run(f"PRAGMA application_id = {OURS}")
                run(f"PRAGMA user_version = {len(_STEPS)}")
            settle(connection, version == 0)
            _put_right(connection)

        self.transact(upgrade)

    def transact(self, work: Work[T], kind: str = "IMMEDIATE") -> T:
        """Return what ``work(connection)`` returns: all of it happens, or nothing."""
        connection = self.connection
        if connection.in_transaction:  # its end would be that of the other one, too
            raise sqlite3.OperationalError("the outbox is in use by this very thread")
        try:
            # it ends the transaction in C, whenever a signal comes: a statement of ours might not
            with connection:
                connection.execute(f"BEGIN {kind}")
                return work(connection)
        finally:
            if connection.in_transaction:  # what a debugger raises may come between the two
                connection.rollback()

    def is_there(self) -> bool:
        """Return whether the path still leads to this file."""
        with suppress(OSError):
            return locks.which(self.path) == self.which
        return True  # nobody may look any more, but what is open stays open

    def make_room(self) -> None:
        """Delete what SQLite keeps beside this file, if another file has taken its place.

        The log of one database that is read together with another one would damage that.
        """

        def unlink() -> None:
            for suffix, found in self._beside.items():
                there = locks.which(self.path + suffix)
                if found is not None and there == found and not self.is_there():
                    os.unlink(self.path + suffix)

        locks.exclusive(lock_path(self.path), unlink)

    def close(self) -> None:
        """Close the connection; a file that is still in its place gets its log written back."""
        if self._opened is not None:
            self._opened.closed()
        self.is_closed = True  # atomically with the call
        self.connection.close()

    def __del__(self) -> None:
        if not hasattr(self, "connection"):
            return  # it was never opened
        if self._pid != os.getpid():
            leave_to_parent(self)
        else:  # of a client that nobody closed; what it kept is in the file
            self.close()


def leave_to_parent(database: Database) -> None:
    """Never close, in a forked child, a connection of the parent; nor let Python do so.

    SQLite forbids it, and where the parent was using it, the child would wait for ever.
    """
    _parents.append(database.connection)
    with suppress(ImportError, AttributeError):  # Python closes what it finds when it exits
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(database.connection))


_parents: list[sqlite3.Connection] = []


# What a disk does. Where a name in the file is no text any more, neither is SQLite's message.
# An OverflowError is a number in the file that one more than is not.
FAILURES = (sqlite3.Error, OSError, UnicodeError, OverflowError)


def is_damage(error: BaseException) -> bool:
    """Return whether an error says that the file is damaged, not only in use or full.

    >>> is_damage(sqlite3.DatabaseError("database disk image is malformed"))
    True
    >>> is_damage(sqlite3.OperationalError("database or disk is full"))
    False
    """
    if type(error) is sqlite3.DatabaseError:
        return True
    # what we write keeps the rules of what we made, unless what is there does not
    if isinstance(error, sqlite3.IntegrityError | UnicodeError | OverflowError):
        return True
    # we ask only for what we made, in the format that we made it in
    lost = ("no such table", "no such column", "no such index", "unsupported file format")
    return str(error).startswith(lost)


def _make(path: str) -> None:
    """Make a file where there is none."""
    if locks.which(path) is not None:
        return
    # what is left of a deleted file, and maybe still in use, must not be taken for ours
    for suffix in BESIDE:
        with suppress(FileNotFoundError):
            os.unlink(path + suffix)
    # SQLite gives what it makes beside a file the mode of the file
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def is_ours(connection: sqlite3.Connection, table: str) -> bool:
    """Return whether a table of a file that is not to be trusted is as some version made it."""
    found = {each for each in _schema(connection) if each[1] == table}
    return any(
        found == {each for each in _made_by(_STEPS[:version]) if each[1] == table}
        for version in range(1, len(_STEPS) + 1)
    )


def _schema(connection: sqlite3.Connection) -> frozenset[tuple[object, ...]]:
    """Return what SQLite has made: the kind, the name, the table and the words of each."""
    return frozenset(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


@cache
def _made_by(steps: tuple[str, ...]) -> frozenset[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for step in steps:
            for statement in _statements(step):
                connection.execute(statement)
        return _schema(connection)


def _put_right(connection: sqlite3.Connection) -> None:
    """Let the totals be those of the rows, and each row have a number that can be counted on."""
    run = connection.execute
    run(_SIZES)
    now = time.time_ns() // 1000
    (last,) = run(_LAST, {"most": MOST_ROWS - 1, "now": now}).fetchone()
    odd = run("SELECT row FROM rows WHERE NOT row BETWEEN 1 AND ?", (MOST_ROWS - 1,)).fetchall()
    renamed = [(number, row) for number, (row,) in enumerate(odd, last + 1)]
    connection.executemany("UPDATE rows SET row = ? WHERE row = ?", renamed)
    run("DELETE FROM totals")
    run(_TOTALS, (last + len(renamed),))


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script: ``executescript`` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
