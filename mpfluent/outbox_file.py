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
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple
from urllib.parse import quote

from . import liveness
from .errors import ConfigurationError
from .wire import Part

_OURS = 0x6D70666C  # "mpfl", the application_id
BESIDE = ("-wal", "-shm")  # what SQLite keeps beside a database

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
    INSERT INTO totals VALUES (0, unix_microseconds());
    CREATE TRIGGER row_added AFTER INSERT ON rows BEGIN
        UPDATE totals SET bytes = bytes + NEW.size, last = MAX(last, NEW.row);
    END;
    CREATE TRIGGER row_removed AFTER DELETE ON rows BEGIN
        UPDATE totals SET bytes = bytes - OLD.size;
    END;
    """,
)
_RECOUNT = """
    UPDATE totals SET
        bytes = (SELECT COALESCE(SUM(size), 0) FROM rows),
        last = MAX(last, (SELECT COALESCE(MAX(row), 0) FROM rows))
"""
_TOTALS = "SELECT CAST(TOTAL(bytes) AS INTEGER), CAST(TOTAL(last) AS INTEGER) FROM totals"


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
        """Return whether it is as it was stored."""
        if not isinstance(self.bodies, bytes):
            return False
        return self.checksum == _checksum(self.id, self.created, self.heads, self.bodies)

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
    """Return the bytes of all rows, and the last number that a row was given."""
    held, last = connection.execute(_TOTALS).fetchone()
    return held, last


def select(connection: sqlite3.Connection, which: str, *values: object) -> list[Row]:
    """Return rows; ``which`` is the end of the SELECT."""
    return [Row(*row) for row in connection.execute(f"{SELECT} {which}", values)]


Settle = Callable[[sqlite3.Connection, bool], None]


class Database:
    """An open file at the newest version.

    Args:
        path: absolute, without symbolic links.
        full: whether each transaction is to survive a power cut.
        busy: is held by whoever uses the connection.
        settle: is called in the transaction that opens the file, with the connection and whether
            the file is new.

    Raises:
        ConfigurationError: the file is another program's or a newer version's; it stays as it is.
        sqlite3.Error: it cannot be used, or is damaged.
        OSError: it cannot be made.
    """

    _pid = os.getpid()  # for one whose making was interrupted

    def __init__(self, path: str, full: bool, busy: threading.RLock, settle: Settle) -> None:
        self._pid = os.getpid()
        with liveness.alone(lock_path(path)):
            liveness.stand_in(path)
            _make_or_inspect(path)
            self.path = path
            self.which = liveness.which(path)
            self.connection = connect(path, "rw")
        try:
            self._prepare(full, settle)
        except BaseException:
            self.connection.close()
            raise
        self._opened = liveness.Opened(path, busy)
        self._beside = {suffix: liveness.which(path + suffix) for suffix in BESIDE}

    def _prepare(self, full: bool, settle: Settle) -> None:
        run = self.connection.execute
        run("PRAGMA journal_mode = WAL")
        run(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
        (found,) = run("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"the outbox is damaged: {found}")
        with self.transaction():
            (version,) = run("PRAGMA user_version").fetchone()
            for step in _STEPS[version:]:
                for statement in _statements(step):
                    run(statement)
            if version < len(_STEPS):
                run(f"PRAGMA application_id = {_OURS}")
                run(f"PRAGMA user_version = {len(_STEPS)}")
            settle(self.connection, version == 0)
            run(_RECOUNT)

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """Let everything happen, or nothing."""
        self.connection.execute(f"BEGIN {kind}")
        try:
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:  # some failures have ended it already
                self.connection.execute("ROLLBACK")
            raise

    def is_there(self) -> bool:
        """Return whether the path still leads to this file."""
        with suppress(OSError):
            return liveness.which(self.path) == self.which
        return True  # nobody may look any more, but what is open stays open

    def make_room(self) -> None:
        """Delete what SQLite keeps beside this file, if another file has taken its place.

        The log of one database that is read together with another one would damage that.
        """
        with liveness.alone(lock_path(self.path)):
            for suffix, found in self._beside.items():
                there = liveness.which(self.path + suffix)
                if found is not None and there == found and not self.is_there():
                    os.unlink(self.path + suffix)

    def close(self) -> None:
        """Close the connection; a file that is still in its place gets its log written back."""
        self._opened.closed()
        self.connection.close()

    def __del__(self) -> None:
        if getattr(self, "connection", None) is None:
            return  # it was never opened
        if self._pid != os.getpid():
            leave_to_parent(self)
        else:  # of a client that nobody closed; what it kept is in the file
            self.connection.close()


def leave_to_parent(database: Database) -> None:
    """Never close, in a forked child, a connection of the parent; nor let Python do so.

    SQLite forbids it, and where the parent was using it, the child would wait for ever.
    """
    _parents.append(database.connection)
    with suppress(ImportError, AttributeError):  # Python closes what it finds when it exits
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(database.connection))


_parents: list[sqlite3.Connection] = []


def lock_path(path: str) -> str:
    """Return the path of the lock file beside a database."""
    return f"{path}-owners"


# What a disk does. Where a name in the file is no text any more, neither is SQLite's message.
FAILURES = (sqlite3.Error, OSError, UnicodeError)


def is_damage(error: BaseException) -> bool:
    """Return whether an error says that the file is damaged, not only in use or full.

    >>> is_damage(sqlite3.DatabaseError("database disk image is malformed"))
    True
    >>> is_damage(sqlite3.OperationalError("database or disk is full"))
    False
    """
    # we ask only for what we made, in the format that we made it in
    lost = ("no such table", "no such column", "no such index", "unsupported file format")
    if type(error) is sqlite3.DatabaseError or isinstance(error, UnicodeError):
        return True
    return str(error).startswith(lost)


def connect(path: str, mode: str) -> sqlite3.Connection:
    """Return a connection to a file that exists; ``mode`` is "rw" or "ro"."""
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path))}?mode={mode}",
        uri=True,
        timeout=1.0,  # seconds that a send waits for another process at most
        isolation_level=None,
        check_same_thread=False,
    )
    # text that is none any more is found by its checksum
    connection.text_factory = lambda text: text.decode(errors="replace")
    connection.create_function("unix_microseconds", 0, lambda: time.time_ns() // 1000)
    return connection


def _make_or_inspect(path: str) -> None:
    if liveness.which(path) is None:
        # what is left of a deleted file, and maybe still in use, must not be taken for ours
        for suffix in BESIDE:
            with suppress(FileNotFoundError):
                os.unlink(path + suffix)
        # SQLite gives what it makes beside a file the mode of the file
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        return
    if not os.path.getsize(path):
        return
    # where there is no log, nobody writes to one, and SQLite need not make one to look
    looking = "ro&immutable=1" if liveness.which(f"{path}-wal") is None else "ro"
    with closing(connect(path, looking)) as connection:
        ours, version, tables = (
            connection.execute(question).fetchone()[0]
            for question in (
                "PRAGMA application_id",
                "PRAGMA user_version",
                "SELECT COUNT(*) FROM sqlite_master",
            )
        )
    if ours != _OURS and (ours or version or tables):
        raise ConfigurationError(
            f"Outbox({path!r}): this is another program's database; "
            "write the path of a file that does not exist yet"
        )
    if not 0 <= version <= len(_STEPS):
        raise ConfigurationError(
            f"Outbox({path!r}): a newer mpfluent wrote this file (version {version}, and this one "
            f"knows {len(_STEPS)}); install that one, or write another path"
        )


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script: ``executescript`` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
