"""Rows of text files: CSV, JSON lines, and batches as JSON lines."""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

from ..builder.batch import Batch
from ..encoding.json import parsed
from ..encoding.reader import Unknown
from ..errors import ConfigurationError, InvalidBatch, InvalidValue, brief
from .cells import reason_of
from .files import Files, Lines, Paths, checked_encoding, shown_path
from .row import Place
from .sources import Cells, checked_columns, place_of

_ENCODING = "utf-8-sig"  # which is UTF-8, with a byte order mark or without


class CsvFiles(Files):
    """The rows of CSV files with the same columns, as they stand: every cell is text.

    Args:
        paths: one path or several; ``*`` and ``?`` stand for any letters.
        encoding: such as "cp1252".
        delimiter: the letter between two cells.

    Raises:
        ConfigurationError: a file cannot be read, or its first line names no columns.
    """

    def __init__(self, paths: Paths, *, encoding: str = _ENCODING, delimiter: str = ",") -> None:
        super().__init__("Rows.from_csv", paths)
        self._encoding = checked_encoding(self._verb, encoding)
        if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n\0':
            raise ConfigurationError(
                f"{self._verb}(delimiter={brief(delimiter)}): want one letter; write delimiter=';'"
            )
        self._delimiter = delimiter
        self.columns = self.common_columns(self._header)

    def __iter__(self) -> Iterator[tuple[Place, Cells | InvalidValue]]:
        index = 0
        for path in self.paths:
            with closing(self._records(path)) as records:
                _, names = next(records)
                for line, cells in records:
                    place = place_of((path, line, index))
                    index += 1
                    if type(cells) is str:
                        yield place, InvalidValue(f"{place}: {cells}")
                    else:
                        yield place, dict(zip(names, cells))

    def _header(self, path: str) -> frozenset[str]:
        with closing(self._records(path)) as records:
            _, names = next(records, (0, None))
        if names is None:
            raise self.refused(path, "it is empty; its first line must name the columns")
        if isinstance(names, str):
            raise self.refused(path, f"in the header, {names}")
        if not any(letter.isalpha() for name in names for letter in name):
            shown = self._delimiter.join(names)
            raise self.refused(
                path, f"its first line names no columns ({brief(shown)}); write their names there"
            )
        other = next((letter for letter in ";\t|," if letter in names[0]), self._delimiter)
        if len(names) == 1 and other != self._delimiter:
            raise self.refused(
                path, f"it has a single column, {brief(names[0])}; write delimiter={other!r}"
            )
        return checked_columns(f"{self._verb}({shown_path(path)})", names)

    def _records(self, path: str) -> Generator[tuple[int, list[str] | str]]:
        """Yield the line and the cells of each row, or what is wrong with it; first the header."""
        with self.opened(path) as file:
            lines = Lines(file, self._encoding)
            reader = csv.reader(lines, strict=True, delimiter=self._delimiter)
            line, width = 1, 0
            while True:
                try:
                    for cells in reader:
                        if lines.flaw is not None:
                            yield line, lines.flaw
                            lines.flaw = None
                        elif cells:
                            width = width or len(cells)
                            fits = len(cells) == width
                            yield line, cells if fits else _uneven(cells, width, reader, line)
                        line = reader.line_num + 1
                    return
                except UnicodeError:
                    raise self.undecodable(path, line, self._encoding) from None
                except csv.Error as error:
                    if reader.line_num > line:  # which rows these lines are, nobody can say
                        raise self.refused(path, _open_quote(line, reader.line_num)) from None
                    yield line, _mistake(str(error))
                    lines.flaw = None
                    line = reader.line_num + 1


def _uneven(cells: list[str], width: int, reader: Any, line: int) -> str:
    lines = (
        f"lines {line} to {reader.line_num} are one row, and it" if reader.line_num > line else ""
    )
    return f"{lines or 'the row'} has {len(cells)} cells, and the header {width}"


def _open_quote(line: int, end: int) -> str:
    return (
        f"in line {line}, a quote opens that is not closed as it must be until line {end}; "
        'close it, or write it twice ("") if it is part of the cell'
    )


def _mistake(error: str) -> str:
    """Return what is wrong with a row, in our words."""
    if "unexpected end" in error:
        return "a quote opens and never closes"
    if "field limit" in error:
        return f"a cell is longer than {csv.field_size_limit()} letters (csv.field_size_limit)"
    return 'a quote stands within a cell; it must be written twice ("")'


class _ObjectFiles(Files):
    """Files with a JSON object a line."""

    columns: frozenset[str] | None = None

    def __init__(self, verb: str, paths: Paths, encoding: str = _ENCODING) -> None:
        super().__init__(verb, paths)
        self._encoding = checked_encoding(verb, encoding)

    def _objects(self) -> Iterator[tuple[Place, dict[str, Any] | InvalidValue]]:
        index = 0
        for path in self.paths:
            with self.opened(path) as file:
                lines = Lines(file, self._encoding)
                number = 0
                try:
                    for number, line in enumerate(lines, 1):
                        if number == 1 and line.lstrip().startswith("["):
                            raise self.refused(path, "it holds a list; write one object a line")
                        if line.isspace() and lines.flaw is None:
                            continue
                        place = place_of((path, number, index))
                        yield place, self._object(place, line, lines.flaw)
                        index += 1
                        lines.flaw = None
                except UnicodeError:
                    raise self.undecodable(path, number + 1, self._encoding) from None

    def _object(self, place: Place, line: str, flaw: str | None) -> dict[str, Any] | InvalidValue:
        if flaw is not None:
            return InvalidValue(f"{place}: {flaw}")
        try:
            found = parsed(line.rstrip())
        except InvalidValue as error:
            return InvalidValue(f"{place}: {reason_of(error)}")
        if isinstance(found, dict):
            return found
        return InvalidValue(f"{place}: want a JSON object, got {type(found).__name__}")


class JsonLines(_ObjectFiles):
    """The rows of files with a JSON object a line; each row has its own columns.

    Args:
        paths: one path or several; ``*`` and ``?`` stand for any letters.
        encoding: such as "utf-16".
    """

    def __init__(self, paths: Paths, *, encoding: str = _ENCODING) -> None:
        super().__init__("Rows.from_jsonl", paths, encoding)

    def __iter__(self) -> Iterator[tuple[Place, Cells | InvalidValue]]:
        return self._objects()


class BatchFiles(_ObjectFiles):
    """The batches of files with one a line, as the API takes them or mParticle puts them out.

    Ids that are there are kept, ``source_request_id`` among them.

    Args:
        paths: one path or several; ``*`` and ``?`` stand for any letters.
        unknown: as for ``Batch.from_dict``: "raise" makes a batch with an unknown field a reject.
    """

    def __init__(self, paths: Paths, *, unknown: Unknown = "raise") -> None:
        super().__init__("Rows.from_batches", paths)
        if unknown not in ("raise", "ignore"):
            raise ConfigurationError(
                f"{self._verb}(unknown={brief(unknown)}): want 'raise' or 'ignore'; "
                "write unknown='ignore'"
            )
        self._unknown: Unknown = unknown

    def __iter__(self) -> Iterator[tuple[Place, Batch | InvalidValue]]:
        for place, entry in self._objects():
            if isinstance(entry, InvalidValue):
                yield place, entry
                continue
            try:
                yield place, Batch.from_dict(entry, unknown=self._unknown)
            except InvalidBatch as error:
                yield place, InvalidValue(f"{place}: {error}")
