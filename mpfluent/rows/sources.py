"""Where rows come from: what every source can do, and those that need no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from ..builder.batch import Batch
from ..errors import ConfigurationError, InvalidValue, MPFluentError, brief, one_line
from ..transport.handlers import of_handler
from ..values.foreign import is_a, own
from .row import Place

Cells = Mapping[str, Any]
WINDOW = 1000  # rows that are asked for at once

# a NamedTuple's own constructor takes half as long again, and it is called for each row
place_of = partial(tuple.__new__, Place)


class Source(Protocol):
    """What gives the rows of a table, from the first one each time.

    A row with something wrong in it is an :class:`~mpfluent.errors.InvalidValue` that says where.
    What is wrong with the whole source is a :class:`~mpfluent.errors.ConfigurationError`, raised.
    """

    @property
    def name(self) -> str:
        """What an error calls the source."""
        ...

    @property
    def columns(self) -> frozenset[str] | None:
        """The names of the columns; None where each row has its own."""
        ...

    def fingerprint(self) -> str | None:
        """Return what stays the same as long as the content does, or None if nothing can say so."""
        ...

    def __iter__(self) -> Iterator[tuple[Place, Cells | Batch | InvalidValue]]: ...


def checked_columns(where: str, names: Sequence[str]) -> frozenset[str]:
    """Return the names of columns, each of which must be another.

    Args:
        where: what the error begins with.
    """
    columns = frozenset(names)
    if len(columns) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigurationError(
            f"{where}: two columns have the name {brief(twice)}; give each a name of its own"
        )
    return columns


class Mappings:
    """The rows of an iterable of mappings.

    Args:
        rows: mappings of names to cells; what has ``keys()`` and is indexed by them will do.

    >>> for place, cells in Mappings([{"customer_id": 17}]):
    ...     print(place, cells)
    rows:1 {'customer_id': 17}
    """

    name = "rows"
    columns: frozenset[str] | None = None

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        hint = None
        if is_a(rows, (str, bytes)):
            hint = f"a path; write Rows.from_csv({brief(rows)})"
        elif hasattr(rows, "__arrow_c_stream__"):
            hint = "a frame; write Rows.from_arrow(frame)"
        elif hasattr(rows, "fetchmany"):
            hint = "a cursor; write Rows.from_cursor(cursor)"
        elif is_a(rows, Mapping):
            hint = "a single row; write Rows([row])"
        elif not is_a(rows, Iterable):
            hint = f"{type(rows).__name__}; write Rows([{{'customer_id': '17'}}])"
        if hint is not None:
            raise ConfigurationError(f"Rows({brief(rows)}): want mappings, one a row, got {hint}")
        self._rows = rows
        self._used = False

    def fingerprint(self) -> None:
        """Return None: nobody knows what comes."""

    def __iter__(self) -> Iterator[tuple[Place, Cells]]:
        if self._used and is_a(self._rows, Iterator):
            raise ConfigurationError(
                "Rows(…): these rows can be read only once, and were; write Rows(list(rows))"
            )
        self._used = True
        for index, cells in enumerate(self._rows):
            if type(cells) is not dict:
                cells = self._mapping(cells, index)
            yield place_of((self.name, index + 1, index)), cells

    def _mapping(self, cells: Any, index: int) -> Cells:
        cells = own(cells)
        if isinstance(cells, Mapping):
            return cells
        if hasattr(cells, "keys"):  # as a row of sqlite3 has
            return dict(cells)
        raise ConfigurationError(
            f"Rows(…): row {index + 1} is a {type(cells).__name__}, and must be a mapping; "
            "write Rows({'customer_id': one, …} for one in rows)"
        )


class Cursor:
    """The rows of a query, from a cursor of PEP 249 that has run it.

    >>> import sqlite3
    >>> connection = sqlite3.connect(":memory:")
    >>> for place, cells in Cursor(connection.execute("SELECT 17 AS customer_id")):
    ...     print(place, cells)
    query:1 {'customer_id': 17}
    >>> connection.close()
    """

    name = "query"

    def __init__(self, cursor: Any) -> None:
        self._names = _names_of(cursor)
        self.columns = checked_columns("Rows.from_cursor(…)", self._names)
        self._cursor = cursor
        self._used = False

    def fingerprint(self) -> None:
        """Return None: nobody knows what comes."""

    def __iter__(self) -> Iterator[tuple[Place, Cells]]:
        if self._used:
            raise ConfigurationError(
                "Rows.from_cursor(…): a cursor can be read only once, and was; "
                "write cursor.execute(…) and Rows.from_cursor(cursor) again"
            )
        self._used = True
        names, index = self._names, 0
        while True:
            with unreadable("Rows.from_cursor(…)"):
                window = self._cursor.fetchmany(WINDOW)
            if not window:
                return
            for row in window:
                cells = row if isinstance(row, Mapping) else dict(zip(names, row))
                yield place_of((self.name, index + 1, index)), cells
                index += 1


@contextmanager
def unreadable(where: str) -> Iterator[None]:
    """Make errors of a database, of pyarrow, or of whose frame it reads, one of ours."""
    try:
        yield
    except MPFluentError:
        raise
    except Exception as error:
        if of_handler(error) is not None:
            raise  # such as a job's time limit
        words = "; ".join(map(str, error.args)) or type(error).__name__
        raise ConfigurationError(f"{where}: it cannot be read ({one_line(words)})") from error


def _names_of(cursor: Any) -> list[str]:
    """Return the names of the columns of a query."""
    if not hasattr(cursor, "fetchmany"):
        raise ConfigurationError(
            f"Rows.from_cursor({brief(cursor)}): want a cursor of PEP 249, "
            f"got {type(cursor).__name__}; write Rows.from_cursor(connection.cursor())"
        )
    described = cursor.description
    if not described:
        raise ConfigurationError(
            "Rows.from_cursor(…): the cursor has no result; write cursor.execute('SELECT …') first"
        )
    return [str(column[0]) for column in described]
