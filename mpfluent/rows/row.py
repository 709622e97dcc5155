"""A row of a table, and what its cells say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from ..errors import InvalidValue, UnknownField, brief, closest
from ..values.check_failed import CheckFailed
from ..values.validators import Number
from . import cells
from .cells import Clock, zone_of

T = TypeVar("T")


class Place(NamedTuple):
    """Where a row stands.

    Attributes:
        file: the source's name, such as the path as it was written.
        line: its line in the file, from 1; of a frame or a query, the number of the row.
        index: its number in the whole table, from 0.
    """

    file: str
    line: int
    index: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Table(NamedTuple):
    """What all rows of one table have in common.

    Attributes:
        name: the source's name.
        columns: its columns; None where each row has its own.
        missing: the words that stand for a missing cell, in lower case.
        zone: of times that name none.
    """

    name: str
    columns: frozenset[str] | None
    missing: frozenset[str]
    zone: tzinfo | None


class Row(Mapping[str, Any]):
    """One row: a mapping of its columns to their cells, with getters that clean a cell.

    A getter returns None where the cell is missing: empty, NaN, or one of the words of
    ``missing=``. What a cell must not be is an error that names the file, the line and the column;
    in ``send_all`` it makes the row a reject. A column that does not exist stops the run.

    >>> row = Row({"customer_id": "17", "visits": "3", "bought": "", "vip": "yes"})
    >>> row.text("customer_id"), row.integer("visits"), row.time("bought"), row.flag("vip")
    ('17', 3, None, True)
    """

    __slots__ = ("_cells", "_table", "place", "tags")

    def __init__(
        self,
        cells: Mapping[str, Any],
        place: Place = Place("row", 1, 0),
        table: Table | None = None,
    ) -> None:
        self._cells = cells
        self._table = table or Table("row", None, frozenset(_MISSING), None)
        self.place = place
        self.tags: set[str] = set()  # the user attributes that tag() gave

    # A mapping of the cells as they stand

    def __getitem__(self, column: str) -> Any:
        return self._cell("[…]", column)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)

    def __contains__(self, column: object) -> bool:
        return column in self._cells

    def __repr__(self) -> str:
        return f"<Row {self.place}: {', '.join(map(str, self._cells))}>"

    # What the cells say

    def text(self, column: str, *, required: bool = False) -> str | None:
        """Return the text of a cell; a whole number that became a float loses its ``.0``.

        Args:
            column: its name.
            required: whether a missing cell is an error.

        >>> Row({"id": 123456.0}).text("id")
        '123456'
        """
        return self._get("text", cells.text, column, required)

    def integer(self, column: str, *, required: bool = False) -> int | None:
        """Return the whole number of a cell, of 64 bits.

        >>> Row({"visits": "3.0"}).integer("visits")
        3
        """
        return self._get("integer", cells.integer, column, required)

    def number(self, column: str, *, required: bool = False) -> Number | None:
        """Return the number of a cell, exactly as it stands.

        >>> Row({"spend": "19.90"}).number("spend")
        19.9
        """
        return self._get("number", cells.number, column, required)

    def decimal(self, column: str, *, required: bool = False) -> Decimal | None:
        """Return the number of a cell as a Decimal, digit by digit.

        >>> Row({"spend": "19.90"}).decimal("spend")
        Decimal('19.90')
        """
        return self._get("decimal", cells.decimal, column, required)

    def flag(self, column: str, *, required: bool = False) -> bool | None:
        """Return the flag of a cell: true/false, yes/no, y/n, t/f, on/off, 1/0 in any case.

        >>> Row({"multicar": "Y"}).flag("multicar")
        True
        """
        return self._get("flag", cells.flag, column, required)

    def time(
        self,
        column: str,
        format: str | None = None,
        tz: str | tzinfo | None = None,
        *,
        required: bool = False,
    ) -> datetime | None:
        """Return the moment of a cell; a date without a time is midnight.

        Args:
            column: its name.
            format: as for ``strptime``, such as "%d/%m/%Y"; "s" or "ms" for seconds or
                milliseconds since 1970; without it, ISO 8601.
            tz: the zone of times that name none; without it, the table's.
            required: whether a missing cell is an error.

        >>> Row({"bought": "30/11/2026"}).time("bought", "%d/%m/%Y", "Europe/London").isoformat()
        '2026-11-30T00:00:00+00:00'
        """
        zone = self._table.zone if tz is None else zone_of("time", tz)
        clock = Clock(format, zone)
        return self._get("time", lambda cell: cells.moment(cell, clock), column, required)

    def json(self, column: str, *, required: bool = False) -> Any:
        """Return what the JSON of a cell says.

        >>> Row({"tags": '["a", "b"]'}).json("tags")
        ['a', 'b']
        """
        return self._get("json", cells.json, column, required)

    def pick(self, *columns: str, **renamed: str) -> dict[str, Any]:
        """Return the cells of these columns by their names, without those that are missing.

        Args:
            *columns: their names.
            **renamed: other names for columns, such as ``brand="Brand name"``.

        >>> Row({"plan": "pro", "country": "", "Brand name": "Acme"}).pick(
        ...     "plan", "country", brand="Brand name"
        ... )
        {'plan': 'pro', 'brand': 'Acme'}
        """
        found = {}
        for name, column in (*zip(columns, columns), *renamed.items()):
            cell = self._cell("pick", column)
            if not cells.missing(cell, self._table.missing):
                found[name] = cell
        return found

    def tag(self, column: str, name: str | None = None) -> dict[str, None]:
        """Return a user attribute without a value, if the cell is a flag that is set.

        Args:
            column: its name.
            name: of the attribute; without it, the column's.

        >>> Row({"vip": "yes"}).tag("vip"), Row({"vip": ""}).tag("vip")
        ({'vip': None}, {})
        """
        if not self._get("tag", cells.flag, column, False):
            return {}
        name = column if name is None else name
        self.tags.add(name)
        return {name: None}

    # How the getters work

    def _cell(self, getter: str, column: str) -> Any:
        try:
            return self._cells[column]
        except KeyError:
            columns = self._table.columns
            if columns is None and isinstance(column, str):
                return None  # each row has the columns that it has
            raise self._no_column(getter, column) from None

    def _no_column(self, getter: str, column: object) -> UnknownField:
        columns = sorted(self._table.columns or ())
        meant = closest(column, columns)
        shown = ", ".join(columns[:12]) + (", …" if len(columns) > 12 else "")
        hint = f"did you mean {meant!r}?" if meant else f"it has {shown}"
        error = UnknownField(
            f"row.{getter}({brief(column)}): {self.place.file} has no column {brief(column)}; {hint}"
        )
        error.name, error.allowed, error.suggestion = str(column), tuple(columns), meant
        return error

    def _get(self, getter: str, check: Callable[[Any], T], column: str, required: bool) -> T | None:
        cell = self._cell(getter, column)
        if cells.missing(cell, self._table.missing):
            if required:
                raise self._wrong(column, cell, "is missing, and the mapping requires it")
            return None
        try:
            return check(cell)
        except CheckFailed as bad:
            raise self._wrong(column, cell, bad.why) from bad.cause
        except Exception as error:  # a cell is any value, and its code may raise anything
            raise self._wrong(column, cell, f"raised {type(error).__name__}") from error

    def _wrong(self, column: str, cell: Any, why: str) -> InvalidValue:
        error = InvalidValue(f"{self.place}: {column}={brief(cell)} {why}")
        error.field = column
        return error


_MISSING = cells.MISSING
