"""A row of a table, and what its cells say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..errors import InvalidValue, MPFluentError, UnknownField, brief, closest
from ..values.check_failed import CheckFailed
from ..values.code_cache import Memo
from ..values.foreign import is_a
from ..values.validators import Number
from . import cells

T = TypeVar("T")


class Place(NamedTuple):
    """Where a row stands.

    Attributes:
        file: the source's name, such as the path as it was written.
        line: its line in the file, from 1; of a frame or a query, the number of the row.
        index: its number in the whole table, from 0.

    >>> str(Place("policies.csv", 3, 1))
    'policies.csv:3'
    """

    file: str
    line: int
    index: int  # type: ignore[assignment]  # instead of the method of tuples

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Table(NamedTuple):
    """What all rows of one table have in common.

    Attributes:
        columns: its columns; None where each row has its own.
        missing: the words that stand for a missing cell, in lower case.
        zone: of times that name none.
    """

    columns: frozenset[str] | None = None
    missing: frozenset[str] = cells.MISSING
    zone: tzinfo | None = None


_PLACE, _TABLE = Place("row", 1, 0), Table()
_NO_TAGS: frozenset[str] = frozenset()

# By the words for a missing cell: what a text begins with that is none of them, and not blank.
_begins_usual: Memo[frozenset[str], frozenset[str]] = Memo(
    lambda words: frozenset(
        letter
        for letter in ascii_letters + digits
        if not any(word.startswith(letter.lower()) for word in words)
    )
)


class Row(Mapping[str, Any]):
    """One row: a mapping of its columns to their cells, with getters that clean a cell.

    A getter returns None where the cell is missing: empty, NaN, or one of the words of
    ``missing=``. A cell that says something else than it must is an error that names the file, the
    line and the column; in ``send_all`` it makes the row a reject. A column that does not exist
    stops the run; but where each row has its own columns, as in JSON lines, it is a missing cell.

    Attributes:
        place: where the row stands.
        tags: the names of the user attributes that :meth:`tag` gave.

    >>> row = Row({"customer_id": "17", "visits": "3", "bought": "", "vip": "yes"})
    >>> row.text("customer_id"), row.integer("visits"), row.time("bought"), row.flag("vip")
    ('17', 3, None, True)
    """

    __slots__ = ("_state", "place", "tags")

    def __init__(
        self,
        cells: Mapping[str, Any],
        place: Place = _PLACE,
        table: Table = _TABLE,
    ) -> None:
        self._state = cells, table, _begins_usual[table.missing]
        self.place = place
        self.tags: frozenset[str] = _NO_TAGS

    # A mapping of the cells as they stand

    def __getitem__(self, column: str) -> Any:
        found, table, _ = self._state
        if table.columns is None or column in found:
            return found[column]
        raise self._no_column(f"row[{brief(column)}]", column)

    def __iter__(self) -> Iterator[str]:
        return iter(self._state[0])

    def __len__(self) -> int:
        return len(self._state[0])

    def __contains__(self, column: object) -> bool:
        return column in self._state[0]

    def __repr__(self) -> str:
        return f"<Row {self.place}: {', '.join(map(str, self))}>"

    # What the cells say

    def text(self, column: str, *, required: bool = False) -> str | None:
        """Return the text of a cell; a whole number that became a float loses its ``.0``.

        Args:
            column: its name.
            required: whether a missing cell is an error.

        >>> Row({"id": 123456.0}).text("id")
        '123456'
        """
        found, _, begins_usual = self._state
        try:
            cell = found[column]
            if type(cell) is str and cell and cell[0] in begins_usual and cell.isascii():
                return cell  # as nearly all are, and this is the getter that is called most
        except (KeyError, TypeError):
            pass
        return checked_cell(self, "text", cells.text, column, required)

    def integer(self, column: str, *, required: bool = False) -> int | None:
        """Return the whole number of a cell, of 64 bits.

        Args:
            column: its name.
            required: whether a missing cell is an error.

        >>> Row({"visits": "3.0"}).integer("visits")
        3
        """
        return checked_cell(self, "integer", cells.integer, column, required)

    def number(self, column: str, *, required: bool = False) -> Number | None:
        """Return the number of a cell, exactly; a Decimal where a float would round it.

        Args:
            column: its name.
            required: whether a missing cell is an error.

        >>> Row({"spend": "19.90"}).number("spend")
        19.9
        """
        return checked_cell(self, "number", cells.number, column, required)

    def decimal(self, column: str, *, required: bool = False) -> Decimal | None:
        """Return the number of a cell as a Decimal, digit by digit.

        Args:
            column: its name.
            required: whether a missing cell is an error.

        >>> Row({"spend": "19.90"}).decimal("spend")
        Decimal('19.90')
        """
        return checked_cell(self, "decimal", cells.decimal, column, required)

    def flag(self, column: str, *, required: bool = False) -> bool | None:
        """Return the flag of a cell: true/false, yes/no, y/n, t/f, on/off, 1/0 in any case.

        Args:
            column: its name.
            required: whether a missing cell is an error.

        >>> Row({"multicar": "Y"}).flag("multicar")
        True
        """
        return checked_cell(self, "flag", cells.flag, column, required)

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

        Raises:
            ConfigurationError: the format or the zone does not exist.

        >>> Row({"bought": "30/11/2026"}).time("bought", "%d/%m/%Y", "Europe/London").isoformat()
        '2026-11-30T00:00:00+00:00'
        """
        form = None if format is None else cells.checked_format("row.time", format)
        zone = self._state[1].zone if tz is None else cells.zone_of("row.time", tz)
        return checked_cell(
            self, "time", lambda cell: cells.moment(cell, form, zone), column, required
        )

    def json(self, column: str, *, required: bool = False) -> Any:
        """Return what the JSON of a cell says; a list or a dict is returned as it is.

        Args:
            column: its name.
            required: whether a missing cell is an error.

        >>> Row({"tags": '["a", "b"]'}).json("tags")
        ['a', 'b']
        """
        return checked_cell(self, "json", cells.json, column, required)

    def pick(
        self, /, *columns: str, required: bool | str = False, **renamed: str
    ) -> dict[str, Any]:
        """Return the cells of these columns by their names, without those that are missing.

        Times become text in ISO 8601, as attributes hold them.

        Args:
            *columns: their names.
            required: whether a missing cell is an error; or the column of an attribute that is
                called so.
            **renamed: columns by other names, such as ``brand="Brand name"``.

        >>> Row({"plan": "pro", "country": "", "Brand name": "Acme"}).pick(
        ...     "plan", "country", brand="Brand name"
        ... )
        {'plan': 'pro', 'brand': 'Acme'}
        """
        found = {}
        if type(required) is str:
            renamed, required = {"required": required, **renamed}, False
        named = zip(columns, columns)
        for name, column in (*named, *renamed.items()) if renamed else named:
            cell = checked_cell(self, "pick", cells.attribute, column, bool(required))
            if cell is not None:
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
        if not checked_cell(self, "tag", cells.flag, column, False):
            return {}
        name = column if name is None else name
        self.tags |= {name}
        return {name: None}

    # hidden from type checkers, which must report a misspelt getter
    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)
            from .hints import unknown_getter  # seldom needed

            raise unknown_getter(name, self, [n for n in dir(Row) if n[0] != "_"])

    def _no_column(self, where: str, column: object) -> UnknownField:
        columns = self._state[1].columns
        return no_column(where, self.place.file, self if columns is None else columns, column)

    def _wrong(self, column: str, cell: Any, why: str) -> InvalidValue:
        error = InvalidValue(f"{self.place}: {column}={brief(cell)}: {why}")
        error.field = column
        return error


def checked_cell(
    row: Row, getter: str, check: Callable[[Any], T], column: str, required: bool
) -> T | None:
    """Return what a check makes of a cell; None for one that is missing.

    Args:
        getter: the verb that an error names.
        check: returns what the cell says, or raises CheckFailed.
        column: its name.
        required: whether a missing cell is an error.
    """
    # asked for once: a class with a __getattr__ takes long for each
    found, table, begins_usual = row._state
    try:
        cell = found[column]
    except (KeyError, TypeError):  # no name can be a list
        if getter == "pick" and is_a(column, (list, tuple)) and column:
            write = f"write row.{getter}(*{brief(column)})"
            raise UnknownField(f"row.{getter}({brief(column)}): want names; {write}") from None
        if table.columns is not None or type(column) is not str:
            raise row._no_column(f"row.{getter}({brief(column)})", column) from None
        cell = None
    try:
        if type(cell) is str and cell and cell[0] in begins_usual:  # as with nearly all
            return check(cell)
        if not cells.missing(cell, table.missing):
            return check(cell)
    except CheckFailed as bad:
        raise row._wrong(column, cell, bad.why) from bad.cause
    except MPFluentError:
        raise
    except Exception as error:  # a cell is any value, and its code may raise anything
        raise row._wrong(column, cell, f"raised {type(error).__name__}") from error
    if required:
        raise row._wrong(column, cell, "is missing, and must not be")
    return None


def no_column(where: str, source: str, columns: Iterable[str], column: object) -> UnknownField:
    """Return the error for a column that does not exist.

    Args:
        where: what asked for it.
        source: the name of the table.
        columns: those that there are.
        column: the one that is not.
    """
    names = sorted(map(str, columns))
    meant = closest(column, names)
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    hint = f"did you mean {meant!r}?" if meant else f"it has {shown}"
    error = UnknownField(f"{where}: {source} has no column {brief(column)}; {hint}")
    error.name = column if isinstance(column, str) else brief(column)
    error.allowed, error.suggestion = tuple(names), meant
    return error
