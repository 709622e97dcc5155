"""Files that are whole, or as they were, and that one writes at a time."""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from collections.abc import Iterable
from contextlib import suppress
from io import FileIO
from typing import Any, cast
from weakref import WeakKeyDictionary

try:
    import fcntl as _fcntl
except ImportError:  # on Windows
    _fcntl = None  # type: ignore[assignment]

fcntl = cast(Any, _fcntl)

_BUSY = (errno.EAGAIN, errno.EACCES)  # another one holds the lock

# The files that are open alone, each with the process, the thread and the path that opened it.
_opened: WeakKeyDictionary[FileIO, tuple[int, int, str]] = WeakKeyDictionary()


def replace_file(path: str, lines: Iterable[str]) -> None:
    """Write a file beside, and rename it, so that a kill or a full disk leaves the old one.

    Args:
        path: of the file; it gets mode 0600. A link stays, and leads to the new file.
        lines: its text.

    Raises:
        OSError: it cannot be written, or is no file: to rename one to a device, such as /dev/null,
            would take the device from everybody, if root does it.
    """
    path = os.path.realpath(path)
    if os.path.lexists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "want a file, and this is none", path)
    beside = f"{path}.{os.getpid()}.{threading.get_ident()}.new"
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())  # before the rename, or a power cut may leave an empty file
        os.replace(beside, path)
    except BaseException as error:
        if isinstance(error, OSError):
            error.filename = path  # nobody has written the other name
        with suppress(OSError):
            os.unlink(beside)
        raise


def open_alone(path: str) -> FileIO | None:
    """Open a file to read and write it, or return None while another one has it open by this.

    The kernel lets go of the file of a process that ends, however it ends. Where there are no locks
    (Windows, some network file systems, what is no file), all get it.

    Args:
        path: of the file, which is made with mode 0600 if there is none.

    Raises:
        OSError: it cannot be opened.
    """
    me = os.getpid(), threading.get_ident(), os.path.realpath(path)
    while True:
        file = FileIO(path, "r+b", opener=_made)
        try:
            _opened[file] = me
            if not _is_alone(file):
                file.close()
                if _closed_left_open(me):
                    continue
                return None
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                    return file
        except BaseException:  # such as Ctrl-C, whose traceback would keep it open
            close_alone(file)
            raise
        close_alone(file)  # it was replaced or removed before it was locked


def _closed_left_open(me: tuple[int, int, str]) -> bool:
    """Close what a call of this thread left open, as a second Ctrl-C broke off its end.

    A traceback may keep it for as long as a prompt shows it.
    """
    left = [file for file, whose in [*_opened.items()] if whose == me and not file.closed]
    for file in left:
        close_alone(file)
    return bool(left)


def left_beside(path: str) -> list[str]:
    """Return the files that a killed :func:`replace_file` left beside a path."""
    folder, name = os.path.split(os.path.realpath(path))
    is_left = re.compile(rf"{re.escape(name)}\.\d+\.\d+\.new").fullmatch
    return [os.path.join(folder, found) for found in os.listdir(folder) if is_left(found)]


def _made(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o600)


def _is_alone(file: FileIO) -> bool:
    """Lock a file; return False if another one has it locked."""
    if fcntl is not None and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in _BUSY
    return True


def close_alone(file: FileIO) -> None:
    """Close what was opened by :func:`open_alone`; a forked child that has it does not keep it."""
    if fcntl is not None and not file.closed:
        with suppress(OSError):
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)
    file.close()
    # or it is forgotten in a callback of the collector's, and an interrupt there reaches nobody
    _opened.pop(file, None)
