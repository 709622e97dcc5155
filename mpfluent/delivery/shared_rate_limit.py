"""The file by which processes of one machine keep to one rate limit.

It has one line: a mark, the moment of the last change in Unix seconds, the debt at that moment
(see :class:`~mpfluent.delivery.bucket.Bucket`), and a checksum of these two.

Each look at it opens it, locks it, and closes it. The kernel drops the lock of a process that ends,
however it ends, and a forked child does not inherit it. A process that stops while it holds the
lock (SIGSTOP) is waited for a moment only.
"""

from __future__ import annotations

import errno
import math
import os
import re
import stat
import time
from collections.abc import Callable
from typing import Any, cast
from zlib import crc32

from ..utils.fork import process_lock
from .bucket import Bucket

try:
    import fcntl as _fcntl
except ImportError:  # on Windows
    _fcntl = None  # type: ignore[assignment]
try:
    import msvcrt as _msvcrt
except ImportError:  # elsewhere
    _msvcrt = None  # type: ignore[assignment]

fcntl, msvcrt = cast(Any, _fcntl), cast(Any, _msvcrt)

_MARK = b"mpfluent rate limit 1 "
_SIZE = 96  # bytes of the line; always as many, so that one write replaces it
_NUMBERS = re.compile(_MARK + rb"(\S+ \S+) ([0-9a-f]{8}) *\n")
_TRIES, _POLL = 200, 0.005  # how often to try to lock it, and seconds between: for a second in all
_BUSY = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)  # another process holds the lock
_LOCKED = 4096  # the byte that is locked: one that nobody reads, since Windows would refuse that
_FLAGS = os.O_RDWR | os.O_CREAT
for _name in ("O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"):  # a pipe must not make it wait
    _FLAGS |= getattr(os, _name, 0)


def take_from(
    path: str, clock: Callable[[], float], cost: float, saved: float
) -> tuple[float, bool]:
    """Do what :meth:`Bucket.take` does with the bucket of a file.

    Returns:
        The seconds to wait, and whether the file was damaged.

    Raises:
        OSError: the file cannot be used; another program's file is not touched.
    """
    # A process does not find its own locks taken, and loses them when it closes any descriptor of
    # the file: so one thread at a time.
    with process_lock():
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            _lock(descriptor)
            try:
                return _take(descriptor, clock(), cost, saved)
            finally:
                _unlock(descriptor)
        finally:
            os.close(descriptor)


def _take(descriptor: int, now: float, cost: float, saved: float) -> tuple[float, bool]:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError("this is no file")
    line = os.read(descriptor, _SIZE)
    # after a loss of power, a new file may have zeros
    is_new = not line.strip(b"\0")
    if not is_new and not line.startswith(_MARK):
        raise OSError("this is another program's file")
    found = None if is_new else _parsed(line)
    before = found or Bucket(-math.inf, 0.0)
    seconds, after = before.take(now, cost, saved)
    if not seconds or now < before.at:
        os.lseek(descriptor, 0, os.SEEK_SET)
        if os.write(descriptor, _line(after)) < _SIZE:
            raise OSError("the disk is full")
    return seconds, not is_new and found is None


def _line(bucket: Bucket) -> bytes:
    numbers = b"%.17g %.17g" % bucket
    return (b"%b%b %08x" % (_MARK, numbers, crc32(numbers))).ljust(_SIZE - 1) + b"\n"


def _parsed(line: bytes) -> Bucket | None:
    """Return the bucket of a line, or None if it is damaged."""
    match = _NUMBERS.fullmatch(line)
    if match is None or crc32(match[1]) != int(match[2], 16):
        return None
    return Bucket(*map(float, match[1].split()))


def _lock(descriptor: int) -> None:
    """Lock the file.

    Raises:
        OSError: the file system has no locks; TimeoutError: another process holds it for long.
    """
    for _ in range(_TRIES):
        try:
            _try_to_lock(descriptor)
            return
        except OSError as error:
            if error.errno not in _BUSY:
                raise
            time.sleep(_POLL)
    raise TimeoutError("another process holds its lock")


def _try_to_lock(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _LOCKED)
    elif msvcrt is not None:
        os.lseek(descriptor, _LOCKED, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        raise OSError("this system has no locks")


def _unlock(descriptor: int) -> None:
    """Unlock the file; elsewhere than on Windows, closing it does."""
    if fcntl is None:
        os.lseek(descriptor, _LOCKED, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
