"""Kernel locks that show which processes are alive: they end with the process that holds them.

There is one lock file beside a database, with one byte for every owner of rows. POSIX record locks
belong to a process. That has three pitfalls, and only this module deals with them:

* A process never finds its own locks taken. So it looks up its own owners in a registry.
* When a process closes any descriptor of a file, it loses all its locks on that file. So there is
  one descriptor for each file. Its users are counted, and the last one closes it.
* A forked child inherits no locks, but SQLite in the child believes that it holds those of the
  parent's connections. :func:`retake_sqlite_locks` takes them.

Order of locks: an outbox's own lock, then the gate, then the guard; see ``_Process``.
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
FileId = tuple[int, int]  # the device and the inode

_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)  # Windows does not have it
_GATE = 0  # the byte of the lock file that lets one process at a time create or move a database
_PATIENCE = 5.0  # seconds to wait for that byte; to open a database takes milliseconds
_POLL = 0.005  # seconds between two tries
# The shared locks of an idle connection in WAL mode: the suffix of the file, the first byte, the
# number of bytes. See "lock-byte page" in SQLite's file format and "DMS" in its WAL format.
_LOCKED_BY_SQLITE = (("", 0x40000002, 510), ("-shm", 128, 1))


def _has_locks() -> bool:
    return fcntl is not None


def file_id(path: str) -> FileId | None:
    """Return the id of the file that a path leads to now, or None if there is no file."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


class Opened:
    """A database that this process has open. Its forked children have to know it.

    Args:
        path: of the file.
        busy: the lock that a thread holds while it uses the connection.
    """

    def __init__(self, path: str, busy: threading.RLock) -> None:
        self.which = file_id(path)
        self.shared = file_id(f"{path}-shm")  # None if the file system does not allow WAL
        self.busy = busy
        _here().opened.append(self)

    def closed(self) -> None:
        """Forget it."""
        with suppress(ValueError):  # the parent of this process opened it
            _here().opened.remove(self)


def is_open(path: str) -> bool:
    """Return whether this process has a database open that a path leads to."""
    found = file_id(path)
    return any(opened.which == found for opened in _here().opened)


class _LockFile:
    """The one descriptor that a process has of a lock file.

    Attributes:
        users: the bytes that this process has locked, or is about to lock.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.users: set[int] = set()
        # _NO_LINK: a link could lead to another program's file
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o600)
        found = os.fstat(self.descriptor)
        self.which = (found.st_dev, found.st_ino)


class _Process:
    """What one process holds."""

    def __init__(self) -> None:
        # The gate lets one thread at a time create or move a database. The guard protects the
        # attributes below. A thread that holds the gate may take the guard, never the other way
        # round. Each is taken by a ``with`` statement right before its block: the ``__enter__`` of
        # a lock is C code, so no Ctrl-C can come between the two. Both are reentrant, since a
        # signal handler may send while its thread holds them.
        self.gate = threading.RLock()
        self.guard = threading.RLock()
        self.files: dict[str, _LockFile] = {}
        self.owners: set[int] = set()
        self.opened: list[Opened] = []
        self.retaken: set[FileId] = set()

    def use(self, path: str, byte: int) -> _LockFile:
        """Return the lock file at a path, opened if need be, and count this byte as a user.

        Raises:
            OSError: there is none, and none can be made.
        """
        with self.guard:
            file = self.files.get(path)
            if file is None or file.which != file_id(path):
                # an older file at this path stays open while one of its bytes is locked
                file = self.files[path] = _LockFile(path)
            file.users.add(byte)  # it may be there already, if an interrupt prevented leave()
            return file

    def leave(self, file: _LockFile, byte: int) -> None:
        """Stop counting this byte as a user; close the file after the last one."""
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
    """Return what this process holds; a forked child holds nothing at first."""
    pid = os.getpid()
    # setdefault is atomic: two threads cannot get two different objects
    return _processes.get(pid) or _processes.setdefault(pid, _Process())


class OwnerLock:
    """The lock of an owner, until it is released or the process dies."""

    def __init__(self, process: _Process, file: _LockFile, owner: int) -> None:
        self._process = process
        self._file = file
        self._owner = owner

    def is_seen(self) -> bool:
        """Return whether other processes can find the lock: the file is still at its path."""
        with suppress(OSError):
            return file_id(self._file.path) == self._file.which
        return True

    def release(self) -> None:
        """Release the lock: the owner counts as dead. In a forked child, do nothing."""
        if self._process is _here():
            with suppress(OSError):  # the descriptor is closed below, which releases it, too
                fcntl.lockf(self._file.descriptor, fcntl.LOCK_UN, 1, self._owner)
            self._process.owners.discard(self._owner)
            self._process.leave(self._file, self._owner)


def hold(path: str, owner: int) -> OwnerLock | None:
    """Return the lock of an owner, or None if the system has no locks.

    Args:
        path: of the lock file.
        owner: a number above 0 that no other owner has.
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
    except BaseException as error:  # Ctrl-C, too: no byte may stay locked without an OwnerLock
        here.owners.discard(owner)
        if file is not None:
            here.leave(file, owner)
        if not isinstance(error, OSError):
            raise
        return None


def is_alive(path: str, owner: int) -> bool:
    """Return whether a process holds the lock of an owner; also True if that is unknown."""
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
    except OSError:  # it is locked; or there is an error, and then nobody may adopt its rows
        return True
    finally:
        if file is not None:
            with suppress(OSError):  # it was not locked by us
                fcntl.lockf(file.descriptor, fcntl.LOCK_UN, 1, owner)
            here.leave(file, owner)


def exclusive(path: str, work: Callable[[], T]) -> T:
    """Return what ``work()`` returns. No other thread runs this function meanwhile.

    No other process does either, if the system has locks.

    Args:
        path: of the lock file.
        work: takes no arguments.

    Raises:
        TimeoutError: another process took too long.
    """
    here = _here()
    with here.gate:
        return _at_gate(here, path, work)


def _at_gate(here: _Process, path: str, work: Callable[[], T]) -> T:
    file = None
    try:
        if _has_locks():
            with suppress(OSError):  # the database cannot be made either, and its error says why
                file = here.use(path, _GATE)
        if file is not None:
            _enter(file.descriptor)
        return work()
    finally:
        if file is not None:
            with suppress(OSError):  # harmless if it was not locked: this thread has the gate
                fcntl.lockf(file.descriptor, fcntl.LOCK_UN, 1, _GATE)
            here.leave(file, _GATE)


def _enter(descriptor: int) -> None:
    """Wait until no other process is at the gate."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _GATE)
            return
        except (BlockingIOError, PermissionError):
            if time.monotonic() > deadline:
                raise TimeoutError("another process is opening the outbox") from None
            time.sleep(_POLL)
        except OSError:  # the file system has no locks: threads of this process wait at the gate
            return


def retake_sqlite_locks(path: str) -> None:
    """Take, in a forked child, the locks that SQLite believes it has inherited.

    SQLite keeps one table of locks for all connections of a process to a file. A fork copies that
    table, but not the locks. Without them, the parent's last connection would delete the
    write-ahead log while the child writes to it, and the child's rows would be lost.

    Args:
        path: of a database. Nothing is done unless the parent had it open when it forked.

    Raises:
        OSError: the parent was using the file when it forked, or has closed it since. SQLite
            cannot use this file in this process.
    """
    here = _here()
    found = file_id(path)
    inherited = [
        opened
        for process in list(_processes.values())
        if process is not here
        for opened in process.opened
        if opened.which == found and opened.shared is not None
    ]
    if found is None or found in here.retaken or not inherited:
        return
    for opened in inherited:
        # If a thread of the parent held it, SQLite's own mutexes may be locked in this copy, too.
        if not opened.busy.acquire(blocking=False):
            raise OSError("the process was forked in the midst of a use of its outbox")
        opened.busy.release()
    taken = []
    try:
        for suffix, first, length in _LOCKED_BY_SQLITE:
            taken.append(os.open(path + suffix, os.O_RDONLY))
            fcntl.lockf(taken[-1], fcntl.LOCK_SH | fcntl.LOCK_NB, length, first)
        # only now: with these locks held, no other process can delete the files any more
        shared = {opened.shared for opened in inherited}
        if file_id(path) != found or file_id(f"{path}-shm") not in shared:
            raise OSError("the outbox was closed by the process that this one was forked from")
    except OSError:  # the parent has closed it meanwhile: its lock is exclusive, or a file is gone
        for descriptor in taken:
            os.close(descriptor)
        raise
    here.retaken.add(found)  # the descriptors stay open: to close them would drop the locks
