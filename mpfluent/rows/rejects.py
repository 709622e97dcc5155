"""The rejects file: a JSON line for each row that was not delivered, with the reason."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import stat
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from ..builder.batch import Batch
from ..encoding.json import plain
from ..errors import ConfigurationError, InvalidBatch, InvalidValue, brief
from ..transport.handlers import of_handler
from ..utils.files import close_alone, left_beside, open_alone, replace_file
from ..values.foreign import is_a
from .cells import attribute, missing
from .row import Place
from .sources import Cells, Source

_NO_WORDS: frozenset[str] = frozenset()
_LONGEST = 10_000  # bits of an integer: Python reads none that has more than 4300 digits
_BEGIN = b'{"file":'  # of each line
_MOST_WAITING = 1 << 16  # bytes
_NOTHING_MORE = "nothing more was sent; make room, and run the job again"


class Reject(NamedTuple):
    """A row that was not delivered.

    Attributes:
        file: where it came from.
        line: its line there.
        index: its number in the table, from 0.
        reason: "invalid", or the reason of the batch that failed.
        text: what was wrong.
        row: its cells.
        batch: what was sent of it, with its ids; None if it came to no batch.
    """

    file: str
    line: int
    index: int  # type: ignore[assignment]  # instead of the method of tuples
    reason: str
    text: str
    row: Mapping[str, Any]
    batch: Mapping[str, Any] | None = None


class RejectsFile:
    """Writes rejects, each as one line. Lines of earlier runs stay.

    What waits to be written is held here, with the place where it goes. So a call that Ctrl-C broke
    off is made again with the same bytes at the same place, and a forked child writes nothing that
    its parent rejected.

    Args:
        path: of the file; it is made with mode 0600, for it holds people's data.

    Raises:
        ConfigurationError: it cannot be written, another run writes it, or it is something else,
            which is told before anything is sent.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._failed: OSError | None = None
        try:
            self._open()
        except BaseException:  # such as Ctrl-C, whose traceback would keep it from other runs
            if hasattr(self, "_file"):
                close_alone(self._file)
            raise

    def _open(self) -> None:
        with self._errors("nothing was sent"):
            file = open_alone(self.path)
            if file is None:
                raise ConfigurationError(
                    f"with_rejects({self.path!r}): another run writes this file; "
                    "wait until it has ended, or write another path"
                )
            self._file, self._waiting, self._end = file, b"", 0
            # /dev/null and pipes have no places, and nobody can read them back
            self._is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            if not self._is_file:
                return
            if not _may_hold_rejects(self.path):
                raise ConfigurationError(
                    f"with_rejects({self.path!r}): the file is there, and is no rejects file; "
                    "write the path of a new one"
                )
            for left in left_beside(self.path):  # nobody else writes it now
                os.unlink(left)
            self._end = file.seek(0, os.SEEK_END)
            half = _half_line(self.path)
            begins = half.startswith(_BEGIN) or _BEGIN.startswith(half)
            if half and begins and not _is_json(half):
                self._end -= len(half)  # a process was killed while it wrote this one
                file.truncate(self._end)
            elif half:  # whole, or somebody else's
                self._waiting = b"\n"

    def write(self, rejects: Iterable[Reject], once: Any = None) -> None:
        """Write a line for each.

        Args:
            once: what has ``is_written`` set; nothing is written where that is true already.

        Raises:
            ConfigurationError: it cannot be written.
        """
        lines = b"".join([_line_of(reject) for reject in rejects])
        if once is None:
            self._waiting += lines
        elif not once.is_written:
            once.is_written = True  # no call stands between these lines, so no signal comes between
            self._waiting += lines
        if len(self._waiting) > _MOST_WAITING:
            with self._errors(_NOTHING_MORE):
                self._flush()

    def sync(self) -> None:
        """Bring what was written to the disk: a checkpoint must not say more than this file.

        Raises:
            ConfigurationError: it cannot be written, or could not be before.
        """
        with self._errors(_NOTHING_MORE):
            self._flush()
            if self._is_file:
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write what waits, and close the file, which leaves it to other runs."""
        if self._file.closed:
            return
        try:
            self._flush()
        except OSError:  # told by ``write`` or ``sync``
            with suppress(OSError):
                self._file.truncate(self._end)  # so that no half line is left
        finally:
            close_alone(self._file)

    def _flush(self) -> None:
        if self._failed is not None:
            raise self._failed  # nobody knows what the disk has, so no checkpoint may follow
        if self._file.closed:
            raise OSError(errno.EBADF, "a later run of this thread writes it")
        data, end, done = self._waiting, self._end, 0
        if self._is_file:
            self._file.seek(end)
        while done < len(data):
            done += self._file.write(data[done:])
        # together; and not if a ``__del__`` that the garbage collector ran has come before
        if self._end == end:
            self._end, self._waiting = end + done, self._waiting[done:]

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._failed = error
            raise ConfigurationError(
                f"with_rejects({self.path!r}): cannot be written: {error.strerror}; {what}"
            ) from None

    def is_kept(self) -> bool:
        """Return whether it can be read again: /dev/null cannot."""
        return self._is_file

    def size(self) -> int:
        """Return its bytes."""
        return self._end + len(self._waiting)

    def is_line(self, start: int) -> bool:
        """Return whether a line begins at this byte, or may."""
        if not self._is_file or not start:
            return True
        with open(self.path, "rb") as file:
            file.seek(start - 1)
            return file.read(1) == b"\n"

    def drop(self, start: int, is_again: Callable[[Reject], bool]) -> list[Reject]:
        """Take out the rejects of rows that a resumed run reads again, and lines in halves.

        The file is written beside and renamed, so that no kill loses a line.

        Args:
            start: lines before this byte are of other runs, and stay.
            is_again: whether a reject's row is read again.

        Returns:
            The rejects that stay, from the start on.

        Raises:
            ConfigurationError: it cannot be written.
        """
        if not self._is_file:
            return []
        with self._errors("nothing was sent"):
            self._flush()
            with open(self.path, "rb") as file:
                before = file.read(start).decode("utf-8", "surrogateescape")
                lines = [line.decode("utf-8", "surrogateescape") for line in file]
            found = [(line, reject) for line in lines if (reject := reject_of(line)) is not None]
            kept = [(line, reject) for line, reject in found if not is_again(reject)]
            if len(kept) < len(lines):
                replace_file(self.path, [before, *[line for line, _ in kept]])
                self.close()
                self._open()  # the new one
            return [reject for _, reject in kept]


def _line_of(reject: Reject) -> bytes:
    # a lone surrogate is written as JSON escapes it
    return f"{plain(_jsonable(reject._asdict()))}\n".encode("utf-8", "backslashreplace")


def _may_hold_rejects(path: str) -> bool:
    """Return whether a file is empty, or begins with a reject, which a kill may have cut off."""
    with open(path, "rb") as file:
        lines = (line.removeprefix(BOM_UTF8) for line in file)
        first = next((line for line in lines if line.strip()), b"")
    # the second, if somebody mended it
    return first.startswith(_BEGIN) or _BEGIN.startswith(first) or _is_reject(first)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _is_reject(line: bytes) -> bool:
    return reject_of(line.decode("utf-8", "surrogateescape")) is not None


def _half_line(path: str) -> bytes:
    """Return what stands after the last line's end."""
    half = b""
    with open(path, "rb") as file:
        for line in file:
            half = line
    return b"" if half.endswith(b"\n") else half


def read_rejects(path: str | os.PathLike[str]) -> Iterator[Reject]:
    """Yield the rejects of a file.

    Raises:
        ConfigurationError: it cannot be read, or a line is no reject.
    """
    shown = os.fspath(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                reject = reject_of(line)
                if reject is None:
                    raise ConfigurationError(
                        f"{shown}:{number}: {brief(line.rstrip())} is no reject that mpfluent wrote"
                    )
                yield reject
    except OSError as error:
        raise ConfigurationError(f"{shown}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{shown}: is not UTF-8, so mpfluent did not write it") from None


class RejectedRows:
    """The rows of a rejects file, for another try: as sealed batches where they had become such.

    Args:
        path: of the file.
    """

    columns: frozenset[str] | None = None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fspath(path)
        self.paths = (self.name,)
        next(read_rejects(path), None)  # what is wrong with the file is known at once

    def fingerprint(self) -> str:
        """Return the SHA-256 of the file."""
        with open(self.name, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def __iter__(self) -> Iterator[tuple[Place, Cells | Batch | InvalidValue]]:
        index, before = 0, None
        for reject in read_rejects(self.name):
            # in its own table: who finds it rejected once more, finds it there
            place = Place(reject.file, reject.line, index)
            if reject.batch is None:
                # without cells it could not be read, and a mapping would make nobody of it
                yield place, reject.row or InvalidValue(reject.text)
            elif before == reject.batch:
                continue  # another row of the same batch
            else:
                try:
                    yield place, Batch.from_dict(reject.batch)
                except InvalidBatch as error:
                    yield place, InvalidValue(f"{place}: {error}")
            index, before = index + 1, reject.batch


def owned_by(source: Source) -> Callable[[Reject], bool]:
    """Return the function that says whether a reject is of this table: several may share a file.

    Args:
        source: of the table.
    """
    if isinstance(source, RejectedRows):
        return lambda reject: True  # which are of any table
    paths = {*getattr(source, "paths", ()), source.name}
    names, real = {*map(os.path.basename, paths)}, {*map(os.path.realpath, paths)}

    @lru_cache(100)
    def is_own(file: str) -> bool:
        if os.path.basename(file) not in names:
            return False
        # its folder may be written in another way the next time, and may be another one
        return file in paths or not os.path.exists(file) or os.path.realpath(file) in real

    return lambda reject: is_own(reject.file)


def reject_of(line: str) -> Reject | None:
    """Return what a line of a rejects file says; None if it is none."""
    try:
        # an editor may have written a byte order mark
        found = Reject(**json.loads(line.removeprefix("\ufeff"), parse_float=_number))
    except (ValueError, TypeError, RecursionError):
        return None
    is_one = all(isinstance(value, kinds) for value, kinds in zip(found, _KINDS))
    return found if is_one else None


_KINDS = (str, int, int, str, str, dict, dict | None)  # of the values of a reject


def _number(digits: str) -> float | Decimal:
    """Return the number that was written: a Decimal where a float would be written otherwise."""
    found = float(digits)
    return found if repr(found) == digits else Decimal(digits)


def _jsonable(value: Any, depth: int = 0) -> Any:
    """Return a cell as JSON can hold it, so that it says the same when it is read back.

    Args:
        depth: of the lists and mappings around it; what is deeper than 50 may have no end.
    """
    try:
        if not is_a(value, str) and missing(value, _NO_WORDS):
            return None
        value = attribute(value)
        if is_a(value, (str, bool)):
            return value
        if is_a(value, Decimal):
            return Decimal(value) if Decimal.is_finite(value) else str(value)
        if is_a(value, float):
            return value if math.isfinite(value) else str(value)
        if is_a(value, int):
            return value if value.bit_length() < _LONGEST else brief(value)
        if is_a(value, Mapping) and depth < 50:
            return {str(key): _jsonable(entry, depth + 1) for key, entry in value.items()}
        if is_a(value, (list, tuple)) and depth < 50:
            return [_jsonable(entry, depth + 1) for entry in value]
        return brief(value, 1000) if depth >= 50 else str(value)
    except Exception as error:  # a cell is any value, and its code may raise anything
        if of_handler(error) is not None:
            raise  # such as a job's time limit
        return brief(value)
