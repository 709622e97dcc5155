"""Rows of frames and of Parquet files, which pyarrow reads; needs ``mpfluent[rows]``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from importlib import import_module
from typing import Any

from ..errors import ConfigurationError, InvalidValue, brief, one_line
from ..transport.handlers import of_handler
from .files import Files, Paths, shown_path
from .row import Place
from .sources import WINDOW, Cells, checked_columns, place_of, unreadable


class ArrowTable:
    """The rows of what has ``__arrow_c_stream__``: pandas', polars', DuckDB's, pyarrow's, others'.

    Args:
        frame: a frame, a table, or the result of a query.

    Raises:
        ConfigurationError: it is no such thing, or pyarrow is not installed.
    """

    def __init__(self, frame: Any) -> None:
        if not hasattr(frame, "__arrow_c_stream__"):
            write = "frame.collect()" if hasattr(frame, "collect") else "pandas.DataFrame(…)"
            raise ConfigurationError(
                f"Rows.from_arrow({brief(frame)}): want a frame with __arrow_c_stream__, such as "
                f"pandas', polars' and DuckDB's, got {type(frame).__name__}; "
                f"write Rows.from_arrow({write})"
            )
        self.name = type(frame).__name__
        self._where = f"Rows.from_arrow({self.name})"
        self._arrow = _module("pyarrow", "Rows.from_arrow")
        self._frame = frame
        self._columns: frozenset[str] | None = None
        self._opened: Any = None  # a reader of which nothing is read yet
        self._used = False

    @property
    def columns(self) -> frozenset[str]:
        """The names of the columns."""
        if self._columns is None:
            self._opened = self._open()
            self._columns = checked_columns(self._where, self._opened.schema.names)
        return self._columns

    def fingerprint(self) -> None:
        """Return None: nothing says whether a frame is the same as another time."""

    def __iter__(self) -> Iterator[tuple[Place, Cells | InvalidValue]]:
        if self._used and isinstance(self._frame, self._arrow.RecordBatchReader):
            raise ConfigurationError(
                f"{self._where}: a reader can be read only once, and was; "
                "write Rows.from_arrow(reader.read_all())"
            )
        _ = self.columns  # each must have a name of its own
        reader, self._opened = self._opened or self._open(), None
        self._used = True
        with closing(reader):
            for index, cells in enumerate(arrow_rows(self._arrow, self._where, reader)):
                place = place_of((self.name, index + 1, index))
                yield place, _at(place, cells)

    def _open(self) -> Any:
        schema = getattr(self._frame, "schema", None)  # polars hands out addresses of its objects
        for name, kind in schema.items() if isinstance(schema, Mapping) else ():
            if str(kind) == "Object":
                raise ConfigurationError(
                    f"{self._where}: the column {brief(name)} holds objects, which only Python "
                    "knows; make it one of text"
                )
        with unreadable(self._where):
            return self._arrow.RecordBatchReader.from_stream(self._frame)


class ParquetFiles(Files):
    """The rows of Parquet files with the same columns.

    Args:
        paths: one path or several; ``*`` and ``?`` stand for any letters.

    Raises:
        ConfigurationError: a file cannot be read, or pyarrow is not installed.
    """

    def __init__(self, paths: Paths) -> None:
        super().__init__("Rows.from_parquet", paths)
        self._arrow = _module("pyarrow", self._verb)
        self._parquet = _module("pyarrow.parquet", self._verb)
        self.columns = self.common_columns(self._columns_of)

    def __iter__(self) -> Iterator[tuple[Place, Cells | InvalidValue]]:
        index = 0
        for path in self.paths:
            with self._open(path) as file:
                batches = file.iter_batches(WINDOW, use_threads=False)
                rows = arrow_rows(self._arrow, f"{self._verb}({shown_path(path)})", batches)
                for line, cells in enumerate(rows, 1):
                    place = place_of((path, line, index))
                    index += 1
                    yield place, _at(place, cells)

    def _columns_of(self, path: str) -> frozenset[str]:
        with self._open(path) as file:
            return checked_columns(f"{self._verb}({shown_path(path)})", file.schema_arrow.names)

    @contextmanager
    def _open(self, path: str) -> Iterator[Any]:
        with self.bytes_of(path) as content:
            with unreadable(f"{self._verb}({shown_path(path)})"):
                file = self._parquet.ParquetFile(content, pre_buffer=False)
            with closing(file):
                yield file


def _module(name: str, verb: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise ConfigurationError(
            f"{verb}(…) needs pyarrow, which is not installed; write pip install 'mpfluent[rows]'"
        ) from None


def _at(place: Place, cells: Cells | str) -> Cells | InvalidValue:
    return InvalidValue(f"{place}: {cells}") if isinstance(cells, str) else cells


def arrow_rows(arrow: Any, where: str, batches: Iterable[Any]) -> Iterator[Cells | str]:
    """Yield the cells of each row, or what is wrong with it."""
    for window in _windows(where, iter(batches)):
        names = window.schema.names
        flaws: dict[int, str] = {}
        columns = [
            _values(arrow, name, column, flaws) for name, column in zip(names, window.columns)
        ]
        for number, cells in enumerate(zip(*columns)):
            yield flaws[number] if number in flaws else dict(zip(names, cells))


def _windows(where: str, batches: Iterator[Any]) -> Iterator[Any]:
    while True:
        with unreadable(where):
            batch = next(batches, None)
        if batch is None:
            return
        for start in range(0, batch.num_rows, WINDOW):
            yield batch.slice(start, WINDOW)


def _values(arrow: Any, name: str, column: Any, flaws: dict[int, str]) -> list[Any]:
    """Return the cells of a column as Python's own values.

    Args:
        flaws: gets what is wrong with the rows whose cell Python has no value for, by number.
    """
    kind = _readable(arrow, column.type)
    if kind != column.type:
        with suppress(arrow.ArrowException):  # then each cell is tried as it is
            column = column.cast(kind, safe=False)
    try:
        return column.to_pylist(maps_as_pydicts="strict")  # type: ignore[no-any-return]
    except Exception as error:  # of one cell; and the others are good
        if of_handler(error) is not None:
            raise
        return [_value(name, number, cell, flaws) for number, cell in enumerate(column)]


def _value(name: str, number: int, cell: Any, flaws: dict[int, str]) -> Any:
    try:
        return cell.as_py(maps_as_pydicts="strict")
    except Exception as error:
        if of_handler(error) is not None:
            raise
        flaws.setdefault(number, f"{name}: it cannot be read ({one_line(str(error))})")
        return None


def _readable(arrow: Any, kind: Any) -> Any:
    """Return a type of Arrow's as Python can hold it: with microseconds, without a dictionary."""
    types = arrow.types
    if types.is_dictionary(kind):
        return _readable(arrow, kind.value_type)
    if types.is_timestamp(kind) and kind.unit == "ns":
        return arrow.timestamp("us", kind.tz)
    if types.is_time64(kind) and kind.unit == "ns":
        return arrow.time64("us")
    if types.is_duration(kind) and kind.unit == "ns":
        return arrow.duration("us")
    if types.is_struct(kind):
        return arrow.struct([field.with_type(_readable(arrow, field.type)) for field in kind])
    if types.is_list(kind) or types.is_large_list(kind):
        inside = _readable(arrow, kind.value_type)
        return kind if inside == kind.value_type else arrow.large_list(inside)
    if types.is_map(kind):
        return arrow.map_(kind.key_type, _readable(arrow, kind.item_type))
    return kind
