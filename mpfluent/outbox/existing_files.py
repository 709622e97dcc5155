"""Looks at the file that is at the path of an outbox, before anything is touched.

A file that was never an outbox belongs to another program, and stays unchanged; so does the file
that a link leads to. A file is ours in two cases:

* It begins with SQLite's magic, and has our application id.
* It has an owners file of ours beside it. Then a file that is no longer a database is a damaged
  outbox.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing, suppress
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from . import locks
from .options import refused

OURS = 0x6D70666C  # "mpfl", the application_id
BESIDE = ("-wal", "-shm")  # the suffixes of SQLite's files beside a database: its log and its index
MAIN_ONLY = "ro&immutable=1"  # a mode without the log: SQLite then makes no other file

_MAGIC = b"SQLite format 3\0"
_NEW = "write the path of a file that does not exist yet"


def lock_path(path: str) -> str:
    """Return the path of the lock file beside the database that a path leads to."""
    return f"{os.path.realpath(path)}-owners"


def connect(path: str, mode: str) -> sqlite3.Connection:
    """Return a connection to a file that exists; ``mode`` is "rw", "ro" or MAIN_ONLY.

    We register no Python function with it: SQLite swallows a Ctrl-C that comes while one runs.
    """
    uri = f"file:{quote(os.fsencode(path))}?mode={mode}"
    # 1.0: the seconds that a send waits at most while another process writes
    connection = sqlite3.connect(
        uri, timeout=1.0, isolation_level=None, check_same_thread=False, uri=True
    )
    # Damaged text must not raise here; the checksum of its row finds it. ``str`` is C code.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    return connection


def has_owners(path: str) -> bool:
    """Return whether a file has an owners file of ours beside it: empty, and no link."""
    try:
        found = os.lstat(lock_path(path))
    except (FileNotFoundError, NotADirectoryError):  # any other error: this user may not look
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


def inspect(given: str, newest: int, *, owned: bool) -> bool:
    """Raise unless there is an outbox at a path, or room for a new one. Nothing is touched.

    Args:
        given: the absolute path, which may be a link.
        newest: the newest version of the file that this mpfluent knows.
        owned: whether it has owners.

    Returns:
        Whether there is an outbox.

    Raises:
        ConfigurationError: it is another program's file, or a newer version's.
        sqlite3.Error: it is an outbox, and damaged, or in use.
        OSError: this user may not look.
    """
    path, linked = os.path.realpath(given), os.path.islink(given)
    what = f"this is a link to {path!r}, which is no outbox" if linked else "this is no outbox"
    try:
        found = os.stat(path)
    except FileNotFoundError:
        if not owned:
            _check_nothing(given, path, linked=linked)
        return False
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "none"
        raise refused(repr(given), f"want a file, and this is {kind}; {_NEW}")
    if not found.st_size:  # an empty file is what another process has just made, or nothing
        if linked and not owned:
            raise refused(repr(given), f"{what}; {_NEW}")
        return False
    try:
        heads = _read_heads(path, owned=owned)
    except sqlite3.DatabaseError as error:
        if not owned and _is_none_of_ours(path, error):
            raise refused(repr(given), f"{what}; {_NEW}") from None
        raise
    if not any(heads) and not owned:
        raise refused(repr(given), f"{what}; {_NEW}")
    check(given, heads, newest)
    return True


class Heads(NamedTuple):
    """The head of a database: its application id, its version, the number of its tables."""

    application: int
    version: int
    tables: int


def heads_of(connection: sqlite3.Connection) -> Heads:
    """Return the head of a database."""
    queries = "PRAGMA application_id", "PRAGMA user_version", "SELECT COUNT(*) FROM sqlite_master"
    return Heads(*[int(connection.execute(query).fetchone()[0]) for query in queries])


def check(given: str, heads: Heads, newest: int) -> None:
    """Raise if a database is another program's, or was written by a newer mpfluent."""
    if heads.application != OURS and any(heads):
        raise refused(repr(given), f"this is another program's database; {_NEW}")
    if not 0 <= heads.version <= newest:
        which = f"version {heads.version}, and this one knows {newest}"
        why = f"a newer mpfluent wrote this file ({which}); install that one, or write another path"
        raise refused(repr(given), why)


def keep_private(path: str) -> None:
    """Take the rights to an outbox and the files beside it from everybody but the user."""
    for suffix in ("", *BESIDE, "-owners"):
        with suppress(OSError):  # there is none, or it belongs to another user
            found = os.lstat(path + suffix)
            if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
                os.chmod(path + suffix, stat.S_IMODE(found.st_mode) & 0o700)


def _check_nothing(given: str, path: str, *, linked: bool) -> None:
    """Raise if a new file would be made where a link leads, or beside another database's log."""
    if linked:
        why = f"this is a link to {path!r}, which does not exist; write Outbox({path!r})"
        raise refused(repr(given), why)
    for suffix in BESIDE:
        if os.path.lexists(path + suffix):
            why = f"{path + suffix!r} belongs to a database that is not there"
            hint = "remove it if nobody needs it, or write another path"
            raise refused(repr(given), f"{why}; {hint}")


def _read_heads(path: str, *, owned: bool) -> Heads:
    if locks.file_id(f"{path}-wal") is None:
        return _look(path, MAIN_ONLY)  # without a log, all is in the file
    if not owned:
        try:
            heads = _look(path, MAIN_ONLY)
            if heads.application != OURS and any(heads):
                return heads
        except sqlite3.DatabaseError as error:
            # with the log, SQLite would make an index beside a file that is not even a database
            if _is_none_of_ours(path, error):
                raise
    return _look(path, "ro")


def _look(path: str, how: str) -> Heads:
    with closing(connect(path, how)) as connection:
        connection.execute("BEGIN")  # so that all is of one moment: a process may be making it
        return heads_of(connection)


def _is_none_of_ours(path: str, error: sqlite3.DatabaseError) -> bool:
    """Return whether an error means that a file without owners never was an outbox.

    A file that SQLite cannot read is judged by its first bytes.
    """
    # type(), not isinstance(): an OperationalError means that it cannot be read just now
    if type(error) is not sqlite3.DatabaseError or locks.is_open(path):
        return False
    # only if it is not open here: to close a descriptor drops all locks of this process on it
    with open(path, "rb") as file:
        head = file.read(72)
    # half of the magic is enough: the damage may be just there
    right = sum(there == meant for there, meant in zip(head, _MAGIC))
    return right < len(_MAGIC) // 2 or head[68:] != OURS.to_bytes(4, "big")
