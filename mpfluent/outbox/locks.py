"""Which processes are alive: kernel locks, which die with the process that holds them.

One file beside a database, one byte of it for every owner of rows. Record locks of POSIX belong
to a process, and that has three pitfalls, which are dealt with here and nowhere else:

* A process never finds its own locks taken, so its own owners are looked up in a registry.
* Closing any descriptor of a file drops all of the process's locks on it, so there is one
  descriptor for each file, counted, and it is closed after the last lock.
* A forked child inherits no locks, but SQLite in the child believes that it has those of its
  parent's connections. :func:`retake_sqlite_locks` takes them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

try:
    import fcntl as _fcntl
except ImportError:  # on Windows
    _fcntl = None  # type: ignore[assignment]

fcntl = cast(Any, _fcntl)
T = TypeVar("T")
Which = tuple[int, int]

_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)  # which Windows has not
_GATE = 0  # the byte that lets one process at a time create or move a database
_PATIENCE = 5.0  # seconds at that gate, as long as SQLite waits for a lock
# What an idle connection in WAL mode has locked, shared: the suffix of the file, the first byte,
# the number of bytes. See "lock-byte page" in SQLite's file format and "DMS" in its WAL format.
_LOCKED_BY_SQLITE = (("", 0x40000002, 510), ("-shm", 128, 1))


def _has_locks() -> bool:
    return fcntl is not None


def which(path: str) -> Which | None:
    """Return which file a path leads to now; None if it leads to none."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


class Opened:
    """A database that a process has open, to be known in its forked children.

    Args:
        path: of the file.
        busy: is held by whoever uses the connection.
    """

    def __init__(self, path: str, busy: threading.RLock) -> None:
        self.which = which(path)
        self.shared = which(f"{path}-shm")  # none, where SQLite could not have WAL
        self.busy = busy
        _here().opened.append(self)

    def closed(self) -> None:
        """Know it no longer."""
        with suppress(ValueError):  # it was another process's
            _here().opened.remove(self)


def is_open(path: str) -> bool:
    """Return whether this process has a database open that a path leads to."""
    found = which(path)
    return any(opened.which == found for opened in _here().opened)


class _LockFile:
    """The one descriptor that a process has of a lock file.

    Attributes:
        users: the bytes of it that somebody has locked here, or is about to.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.users: set[int] = set()
        # a link would lead to a file that is none of ours
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o600)
        found = os.fstat(self.descriptor)
        self.which = (found.st_dev, found.st_ino)


class _Process:
    """What one process holds."""

    def __init__(self) -> None:
        # Who holds the gate may take the guard, never the other way round. Both are taken by a
        # ``with`` statement in the function itself: between a lock's own ``__enter__``, which is C,
        # and the block, no Ctrl-C can come. Reentrant, since a signal handler may send, too.
        self.guard = threading.RLock()
        self.gate = threading.RLock()
        self.files: dict[str, _LockFile] = {}
        self.owners: set[int] = set()
        self.opened: list[Opened] = []
        self.stands_in: set[Which] = set()

    def use(self, path: str, byte: int) -> _LockFile:
        """Return the lock file that the path leads to now, to be kept open for this byte.

        Raises:
            OSError: there is none, and none can be made.
        """
        with self.guard:
            file = self.files.get(path)
            if file is None or file.which != which(path):
                # an older one stays open as long as somebody has a lock in it
                file = self.files[path] = _LockFile(path)
            file.users.add(byte)  # again, if an interrupt kept it from being taken out
            return file

    def leave(self, file: _LockFile, byte: int) -> None:
        """Close the file after its last user."""
        with self.guard:
            if byte not in file.users:
                return
            file.users.discard(byte)
            if not file.users:
                if self.files.get(file.path) is file:
                    del self.files[file.path]
                os.close(file.descriptor)


_processes: dict[int, _Process] = {}


def _here() -> _Process:
    """Return what this process holds: after a fork, nothing."""
    pid = os.getpid()
    # setdefault is atomic, so that two threads cannot begin twice
    return _processes.get(pid) or _processes.setdefault(pid, _Process())


class OwnerLock:
    """The lock of an owner, until it is released or the process dies."""

    def __init__(self, process: _Process, file: _LockFile, owner: int) -> None:
        self._process = process
        self._file = file
        self._owner = owner

    def is_seen(self) -> bool:
        """Return whether others still find the lock: nobody deleted or replaced the file."""
        with suppress(OSError):
            return which(self._file.path) == self._file.which
        return True

    def release(self) -> None:
        """Let the owner be dead; nothing in a forked child, for it is the parent's."""
        if self._process is _here():
            with suppress(OSError):
                fcntl.lockf(self._file.descriptor, fcntl.LOCK_UN, 1, self._owner)
            self._process.owners.discard(self._owner)
            self._process.leave(self._file, self._owner)


def hold(path: str, owner: int) -> OwnerLock | None:
    """Return the lock of an owner, or None where the kernel has none to give.

    Args:
        path: of the lock file.
        owner: a number above 0 that nobody else has.
    """
    here = _here()
    if not _has_locks():
        return None
    with here.guard:
        return _lock_of_owner(here, path, owner)


def _lock_of_owner(here: _Process, path: str, owner: int) -> OwnerLock | None:
    file = None
    try:
        file = here.use(path, owner)
        fcntl.lockf(file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, owner)
        here.owners.add(owner)
        return OwnerLock(here, file, owner)
    except BaseException as error:
        here.owners.discard(owner)
        if file is not None:
            here.leave(file, owner)
        if not isinstance(error, OSError):
            raise
        return None


def is_alive(path: str, owner: int) -> bool:
    """Return whether somebody holds the lock of an owner, or nobody can tell."""
    here = _here()
    if owner in here.owners or not _has_locks():
        return True
    with here.guard:
        return _is_locked(here, path, owner)


def _is_locked(here: _Process, path: str, owner: int) -> bool:
    file = None
    try:
        file = here.use(path, owner)
        fcntl.lockf(file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, owner)
        return False
    except OSError:
        return True
    finally:
        if file is not None:
            with suppress(OSError):
                fcntl.lockf(file.descriptor, fcntl.LOCK_UN, 1, owner)
            here.leave(file, owner)


def exclusive(path: str, work: Callable[[], T]) -> T:
    """Return what ``work()`` returns, with no other thread in here meanwhile.

    Nor any other process, where the kernel has locks.

    Args:
        path: of the lock file.
        work: takes nothing.

    Raises:
        TimeoutError: another process was here for too long.
    """
    here = _here()
    with here.gate:
        return _at_gate(here, path, work)


def _at_gate(here: _Process, path: str, work: Callable[[], T]) -> T:
    file = None
    try:
        if _has_locks():
            with suppress(OSError):  # then the database cannot be made either, and says why
                file = here.use(path, _GATE)
        if file is not None:
            _enter(file.descriptor)
        return work()
    finally:
        if file is not None:
            with suppress(OSError):  # nobody else here can have it: it is harmless if we do not
                fcntl.lockf(file.descriptor, fcntl.LOCK_UN, 1, _GATE)
            here.leave(file, _GATE)


def _enter(descriptor: int) -> None:
    """Wait for the gate, if there are locks."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _GATE)
            return
        except (BlockingIOError, PermissionError):
            if time.monotonic() > deadline:
                raise TimeoutError("another process is opening the outbox") from None
            time.sleep(0.005)  # as SQLite does while a database is locked
        except OSError:
            return


def retake_sqlite_locks(path: str) -> None:
    """Take, in a forked child, the locks that SQLite believes to have inherited.

    SQLite keeps one set of locks for all connections of a process to a file, and a fork copies
    that set, but not the locks. Without them, the parent's last connection would delete the
    write-ahead log that the child goes on writing to, and with it what the child wrote.

    Args:
        path: of a database; nothing is done unless a parent had it open when it forked.

    Raises:
        OSError: the parent was in the midst of a use, or has closed it since; SQLite cannot work
            with this file in this process.
    """
    here = _here()
    found = which(path)
    inherited = [
        opened
        for process in list(_processes.values())
        if process is not here
        for opened in process.opened
        if opened.which == found and opened.shared is not None
    ]
    if found is None or found in here.stands_in or not inherited:
        return
    for opened in inherited:
        if not opened.busy.acquire(blocking=False):  # then SQLite's own locks may be held, too
            raise OSError("the process was forked in the midst of a use of its outbox")
        opened.busy.release()
    taken = []
    try:
        for suffix, first, length in _LOCKED_BY_SQLITE:
            taken.append(os.open(path + suffix, os.O_RDONLY))
            fcntl.lockf(taken[-1], fcntl.LOCK_SH | fcntl.LOCK_NB, length, first)
        # with the locks, nobody can delete what they are on any more: now it is worth a look
        shared = {opened.shared for opened in inherited}
        if which(path) != found or which(f"{path}-shm") not in shared:
            raise OSError("the outbox was closed by the process that this one was forked from")
    except OSError:
        for descriptor in taken:
            os.close(descriptor)
        raise
    here.stands_in.add(found)  # the descriptors stay open: closing them would drop the locks
