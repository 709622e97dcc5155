"""What is at the path of an outbox: looked at before anything is touched.

A file that was never an outbox is somebody's, and stays as it is, wherever a link leads. Ours is
what SQLite's magic and our application id say, or what has an owners file of ours beside it: with
that, a file that is no database any more is a damaged one of ours.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing, suppress
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from ..errors import ConfigurationError
from . import locks

OURS = 0x6D70666C  # "mpfl", the application_id
BESIDE = ("-wal", "-shm")  # what SQLite keeps beside a database

_MAGIC = b"SQLite format 3\0"
_NEW = "write the path of a file that does not exist yet"
_MAIN = "ro&immutable=1"  # of the file itself, without its log: touches nothing


def lock_path(path: str) -> str:
    """Return the path of the lock file beside a database."""
    return f"{path}-owners"


def connect(path: str, mode: str) -> sqlite3.Connection:
    """Return a connection to a file that exists; ``mode`` is "rw" or "ro".

    It gets no function of ours: SQLite would swallow a Ctrl-C that comes while it calls one.
    """
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path))}?mode={mode}",
        uri=True,
        timeout=1.0,  # seconds that a send waits for another process at most
        isolation_level=None,
        check_same_thread=False,
    )
    # text that is none any more is found by its checksum; this is C, and not ours either
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    return connection


def has_owners(path: str) -> bool:
    """Return whether an owners file of ours is beside a file: empty, and no link."""
    try:
        found = os.lstat(lock_path(path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


def inspect(given: str, newest: int, *, owned: bool) -> bool:
    """Raise unless there is an outbox at a path, or nothing that is in its way. Touches nothing.

    Args:
        given: the absolute path, which may be a link.
        newest: the newest version of the file that is known.
        owned: whether it has owners.

    Returns:
        Whether there is anything.

    Raises:
        ConfigurationError: it is somebody else's, or a newer version's.
        sqlite3.Error: it is ours, and damaged, or in use.
        OSError: nobody may look.
    """
    path = os.path.realpath(given)
    linked = os.path.islink(given)
    try:
        found = os.stat(path)
    except FileNotFoundError:
        _check_nothing(given, path, linked=linked, owned=owned)
        return False
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "none"
        raise _refused(given, f"want a file, and this is {kind}; {_NEW}")
    what = f"this is a link to {path!r}, which is no outbox" if linked else "this is no outbox"
    if not found.st_size:
        if linked and not owned:
            raise _refused(given, f"{what}; {_NEW}")
        return False
    try:
        heads = _asked(path, owned=owned)
    except sqlite3.DatabaseError as error:
        if not owned and _is_none_of_ours(path, error):
            raise _refused(given, f"{what}; {_NEW}") from None
        raise
    if not any(heads) and not owned:
        raise _refused(given, f"{what}; {_NEW}")
    check(given, heads, newest)
    return True


class Heads(NamedTuple):
    """What a database says of itself: whose it is, its version, how much it has."""

    application: int
    version: int
    tables: int


def heads_of(connection: sqlite3.Connection) -> Heads:
    """Return what a database says of itself."""
    questions = (
        "PRAGMA application_id",
        "PRAGMA user_version",
        "SELECT COUNT(*) FROM sqlite_master",
    )
    return Heads(*[int(connection.execute(each).fetchone()[0]) for each in questions])


def check(given: str, heads: Heads, newest: int) -> None:
    """Raise if a database is another program's, or a newer mpfluent's."""
    if heads.application != OURS and any(heads):
        raise _refused(given, f"this is another program's database; {_NEW}")
    if not 0 <= heads.version <= newest:
        raise _refused(
            given,
            f"a newer mpfluent wrote this file (version {heads.version}, and this one knows "
            f"{newest}); install that one, or write another path",
        )


def keep_private(path: str) -> None:
    """Let nobody but its user read or write a file of ours, and what is beside it."""
    for suffix in ("", *BESIDE, "-owners"):
        with suppress(OSError):  # it is not there, or another user's
            found = os.lstat(path + suffix)
            if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
                os.chmod(path + suffix, stat.S_IMODE(found.st_mode) & 0o700)


def _refused(given: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"Outbox({given!r}): {why}")


def _check_nothing(given: str, path: str, *, linked: bool, owned: bool) -> None:
    """Raise if a new file would come to be where a link leads, or beside another one's log."""
    if owned:
        return
    if linked:
        why = f"this is a link to {path!r}, which does not exist; write Outbox({path!r})"
        raise _refused(given, why)
    for suffix in BESIDE:
        if os.path.lexists(path + suffix):
            raise _refused(
                given,
                f"{path + suffix!r} belongs to a database that is not there; "
                "remove it if nobody needs it, or write another path",
            )


def _asked(path: str, *, owned: bool) -> Heads:
    if locks.which(f"{path}-wal") is None:
        return _look(path, _MAIN)  # where there is no log, SQLite need not make one to look
    if not owned:
        try:
            heads = _look(path, _MAIN)
        except sqlite3.DatabaseError as error:
            # SQLite would make its index of the log beside what is not even a database
            if _is_none_of_ours(path, error):
                raise
        else:
            if heads.application != OURS and any(heads):
                return heads
    return _look(path, "ro")


def _look(path: str, how: str) -> Heads:
    with closing(connect(path, how)) as connection:
        connection.execute("BEGIN")  # all of it is of one moment: somebody may be making it
        return heads_of(connection)


def _is_none_of_ours(path: str, error: sqlite3.DatabaseError) -> bool:
    """Return whether an error says that a file without owners never was an outbox."""
    # an OperationalError, a subclass, says that it cannot be read now, not that it is none
    return type(error) is sqlite3.DatabaseError and not _has_our_header(path)


def _has_our_header(path: str) -> bool:
    """Return whether a file that SQLite cannot read was an outbox, to judge by its first bytes."""
    if locks.is_open(path):
        return True
    # only here: to close a descriptor of a database that is in use drops the locks on it
    with open(path, "rb") as file:
        head = file.read(72)
    # of the magic, half will do: it may be what was damaged
    right = sum(there == meant for there, meant in zip(head, _MAGIC))
    return right >= len(_MAGIC) // 2 and head[68:] == OURS.to_bytes(4, "big")
