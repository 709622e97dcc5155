"""The rejects file: a JSON line for each row that was not delivered, with the reason."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any, NamedTuple, TextIO

from ..builder.batch import Batch
from ..encoding.json import plain
from ..errors import ConfigurationError, InvalidBatch, InvalidValue, brief
from ..utils.files import replace_file
from ..values.foreign import is_a
from .cells import attribute, missing
from .row import Place
from .sources import Cells

_NO_WORDS: frozenset[str] = frozenset()
_LONGEST = 10_000  # bits of an integer: Python reads none that has more than 4300 digits


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

    Args:
        path: of the file; it is made with mode 0600, for it holds people's data.

    Raises:
        ConfigurationError: it cannot be written, which is told before anything is sent.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        try:
            self._file = _opened(self.path)
            # such as /dev/null, or a pipe, which nobody can read back
            self._is_file = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
            if not self._is_file:
                return
            if half := _half_line(self.path):
                if half.startswith(b'{"file"'):  # a process was killed while it wrote this one
                    self._file.truncate(os.path.getsize(self.path) - len(half))
                else:
                    self._file.write("\n")
        except OSError as error:
            raise ConfigurationError(
                f"with_rejects({self.path!r}): cannot be written: {error.strerror}; "
                "nothing was sent"
            ) from None

    def write(self, rejects: Iterable[Reject], once: Any = None) -> None:
        """Write a line for each.

        Args:
            once: what has ``is_written`` set; nothing is written where that is true already.

        Raises:
            ConfigurationError: it cannot be written.
        """
        lines = "".join(f"{plain(_jsonable(reject._asdict()))}\n" for reject in rejects)
        write = self._file.write
        with self._errors():
            if once is None:
                write(lines)
            elif not once.is_written:
                once.is_written = True  # no signal comes between this and the call in C
                write(lines)

    def sync(self) -> None:
        """Bring what was written to the disk: a checkpoint must not say more than this file.

        Raises:
            ConfigurationError: it cannot be written.
        """
        with self._errors():
            self._file.flush()
            if self._is_file:
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file, which was synced before."""
        with suppress(OSError):  # what cannot be written was an error of ``sync``
            self._file.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(
                f"with_rejects({self.path!r}): cannot be written: {error.strerror}; "
                "nothing more was sent; make room, and run the job again"
            ) from None

    def size(self) -> int:
        """Return its bytes."""
        self._file.flush()
        return os.fstat(self._file.fileno()).st_size

    def drop(self, start: int, is_again: Callable[[Reject], bool]) -> list[Reject]:
        """Take out the rejects of rows that a resumed run reads again, and lines in halves.

        The file is written beside and renamed, so that no kill loses a line.

        Args:
            start: lines before this byte are of other runs, and stay.
            is_again: whether a reject's row is read again.

        Returns:
            The rejects that stay, from the start on.
        """
        if not self._is_file:
            return []
        self._file.close()
        with open(self.path, "rb") as file:
            before = file.read(start).decode("utf-8", "surrogateescape")
            lines = [line.decode("utf-8", "surrogateescape") for line in file]
        found = [(line, reject) for line in lines if (reject := reject_of(line)) is not None]
        kept = [(line, reject) for line, reject in found if not is_again(reject)]
        replace_file(self.path, [before, *[line for line, _ in kept]])
        self._file = _opened(self.path)
        return [reject for _, reject in kept]


def _opened(path: str) -> TextIO:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    # a lone surrogate is written as JSON escapes it
    return open(handle, "a", encoding="utf-8", errors="backslashreplace", newline="\n")


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
        with open(path, encoding="utf-8") as file:
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
        for number, reject in enumerate(read_rejects(self.name), 1):
            place = Place(self.name, number, index)
            if reject.batch is None:
                yield place, reject.row
            elif before == reject.batch:
                continue  # another row of the same batch
            else:
                try:
                    yield place, Batch.from_dict(reject.batch)
                except InvalidBatch as error:
                    yield place, InvalidValue(f"{place}: {error}")
            index, before = index + 1, reject.batch


def reject_of(line: str) -> Reject | None:
    """Return what a line of a rejects file says; None if it is none."""
    try:
        return Reject(**json.loads(line, parse_float=_number))
    except (ValueError, TypeError, RecursionError):
        return None


def _number(digits: str) -> float | Decimal:
    """Return the number that was written: a Decimal where a float would be written otherwise."""
    found = float(digits)
    return found if repr(found) == digits else Decimal(digits)


def _jsonable(value: Any, depth: int = 0) -> Any:
    """Return a cell as JSON can hold it, so that it says the same when it is read back.

    Args:
        depth: of the lists and mappings around it; what is deeper than 50 may have no end.
    """
    with suppress(Exception):  # a cell is any value, and its code may raise anything
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
    return brief(value)
