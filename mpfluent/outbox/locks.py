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
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple, TypeVar, cast

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


def file_id(path: str | int) -> FileId | None:
    """Return the id of the file that a path or a descriptor leads to, or None if there is none."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


class Opened(NamedTuple):
    """A database that this process has open. Its forked children have to know it.

    Attributes:
        which: its file.
        shared: SQLite's index beside it; None if the file system does not allow WAL.
        busy: the lock that a thread holds while it uses the connection.
    """

    which: FileId | None
    shared: FileId | None
    busy: threading.RLock


def opened_here() -> list[Opened]:
    """Return the list of the databases that this process has open."""
    return _here().opened


def is_open(path: str) -> bool:
    """Return whether this process has a database open that a path leads to."""
    return file_id(path) in [opened.which for opened in opened_here()]


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
        self.which = file_id(self.descriptor)


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
        """Unlock this byte, and stop counting it as a user; close the file after the last one."""
        with self.guard:
            if byte not in file.users:
                return
            with suppress(OSError):  # another process has it locked
                fcntl.lockf(file.descriptor, fcntl.LOCK_UN, 1, byte)
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


class OwnerLock(NamedTuple):
    """The lock of an owner, until it is released or the process dies."""

    process: _Process
    file: _LockFile
    owner: int

    def is_seen(self) -> bool:
        """Return whether other processes can find the lock: the file is still at its path."""
        with suppress(OSError):  # this user may no longer look, but the lock is still there
            return file_id(self.file.path) == self.file.which
        return True

    def release(self) -> None:
        """Release the lock: the owner counts as dead. In a forked child, do nothing."""
        if self.process is _here():
            self.process.leave(self.file, self.owner)
            self.process.owners.discard(self.owner)


def hold(path: str, owner: int) -> OwnerLock | None:
    """Return the lock of an owner, or None if the system has no locks.

    Args:
        path: of the lock file.
        owner: a number above 0 that no other owner has.
    """
    here = _here()
    if fcntl is None:
        return None
    # One call is the whole block, here and below: CPython does not release the lock if an exception
    # is raised at the line ``try:`` of a nested statement, as a debugger can do.
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
    if owner in here.owners or fcntl is None:
        return True
    with here.guard:
        return _is_locked(here, path, owner)


def _is_locked(here: _Process, path: str, owner: int) -> bool:
    lock = None
    try:
        lock = _lock_of_owner(here, path, owner)
        return lock is None  # also after an error: then nobody may adopt its rows
    finally:
        if lock is not None:
            lock.release()


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
        if fcntl is not None:
            with suppress(OSError):  # the database cannot be made either, and its error says why
                file = here.use(path, _GATE)
        if file is not None:
            _enter(file.descriptor)
        return work()
    finally:
        if file is not None:
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
    here, found = _here(), file_id(path)
    others = [process.opened for process in [*_processes.values()] if process is not here]
    of_path = [each for opened in others for each in opened if each.which == found]
    inherited = [opened for opened in of_path if opened.shared is not None]
    if found is None or found in here.retaken or not inherited:
        return
    for opened in inherited:
        # If a thread of the parent held it, SQLite's own mutexes may be locked in this copy, too.
        if not opened.busy.acquire(blocking=False):
            raise OSError("the process was forked while a thread used its outbox")
        opened.busy.release()
    with ExitStack() as taken:
        # an OSError here: the parent has closed it meanwhile; its lock is exclusive, or a file gone
        for suffix, first, length in _LOCKED_BY_SQLITE:
            descriptor = os.open(path + suffix, os.O_RDONLY)
            taken.callback(os.close, descriptor)
            fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, length, first)
        # only now: with these locks held, no other process can delete the files any more
        shared = {opened.shared for opened in inherited}
        if file_id(path) != found or file_id(f"{path}-shm") not in shared:
            raise OSError("the outbox was closed by the process that this one was forked from")
        here.retaken.add(found)
        taken.pop_all()  # the descriptors stay open: to close them would drop the locks
