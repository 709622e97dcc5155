"""The rejects file: a JSON line for each row that was not delivered, with the reason."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, TextIO

from ..encoding.json import plain
from ..errors import ConfigurationError, brief
from ..utils.files import replace_file


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
            if not _ends_a_line(self.path):  # a process was killed while it wrote the last one
                self._file.write("\n")
        except OSError as error:
            raise ConfigurationError(
                f"with_rejects({self.path!r}): cannot be written: {error.strerror}; "
                "nothing was sent"
            ) from None

    def write(self, reject: Reject) -> None:
        """Write a line."""
        self._file.write(f"{plain(_jsonable(reject._asdict()))}\n")

    def sync(self) -> None:
        """Bring what was written to the disk: a checkpoint must not say more than this file."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def drop(self, is_again: Callable[[Reject], bool]) -> None:
        """Take out the rejects of rows that a resumed run reads again, and lines in halves.

        The file is written beside and renamed, so that no kill loses a line.
        """
        self._file.close()
        with open(self.path, encoding="utf-8", errors="surrogateescape") as file:
            found = [(line, reject_of(line)) for line in file]
        replace_file(
            self.path,
            [line for line, reject in found if reject is not None and not is_again(reject)],
        )
        self._file = _opened(self.path)


def _opened(path: str) -> TextIO:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    # a lone surrogate is written as JSON escapes it
    return open(handle, "a", encoding="utf-8", errors="backslashreplace", newline="\n")


def _ends_a_line(path: str) -> bool:
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read() in (b"", b"\n")


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


def reject_of(line: str) -> Reject | None:
    """Return what a line of a rejects file says; None if it is none."""
    try:
        return Reject(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None


def _jsonable(value: Any) -> Any:
    """Return a value as JSON can hold it: what a cell is, or the text of it."""
    if value is None or (isinstance(value, str | bool | int | float | Decimal) and value == value):
        return value
    if isinstance(value, Mapping):
        return {str(key): _jsonable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(entry) for entry in value]
    return str(value)
