"""A row of a frame, as the user's function gets it: the same from Spark and from Dask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from ..errors import UnknownField, UnknownVerb, brief, closest, one_line
from ..values.foreign import is_a, is_missing, own


class FrameRow:
    """A row of a frame. It is read only.

    ``row.id`` and ``row["id"]`` are the cell of a column, and ``dict(row)`` has all cells. A cell
    that is missing is None, whether the frame has NaN, NaT, None or NA there.

    Args:
        cells: by the names of their columns.

    Raises:
        UnknownVerb: ``row.id`` is no column.
        UnknownField: ``row["id"]`` is none.

    >>> row = FrameRow({"id": 7, "order id": "A-17", "price": float("nan")})
    >>> row.id, row["order id"], row.price
    (7, 'A-17', None)
    >>> dict(row)
    {'id': 7, 'order id': 'A-17', 'price': None}
    """

    __slots__ = ("_cells",)

    def __init__(self, cells: Mapping[Any, Any]) -> None:
        self._cells = {name: _present(cell) for name, cell in cells.items()}

    def __getattr__(self, name: str) -> Any:
        if name == "_cells":
            raise AttributeError(name)  # a copy has none yet
        if name in self._cells:
            return self._cells[name]
        raise UnknownVerb(self._unknown(name)[0])

    def __getitem__(self, name: Any) -> Any:
        if name in self._cells:
            return self._cells[name]
        text, meant = self._unknown(name)
        error = UnknownField(text)
        error.name, error.allowed, error.suggestion = str(name), tuple(self._names()), meant
        raise error

    def _unknown(self, name: Any) -> tuple[str, str | None]:
        """Return the text about a column that does not exist, and the name that was meant."""
        meant = closest(name, self._names())
        hint = f"did you mean {meant!r}?" if meant else f"it has {shown(self._names())}"
        return f"a row has no column {brief(name)}; {hint}", meant

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._cells.items())

    def __eq__(self, other: object) -> bool:
        return self._cells == other._cells if isinstance(other, FrameRow) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # a cell may be a list

    def __dir__(self) -> list[str]:
        return sorted(self._names())

    def __repr__(self) -> str:
        cells = ", ".join(f"{name}={brief(cell, 30)}" for name, cell in self)
        return f"<FrameRow {one_line(cells, 100)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return FrameRow, (self._cells,)

    def _names(self) -> list[str]:
        return [name for name in self._cells if is_a(name, str)]


def _present(cell: Any) -> Any:
    """Return a cell as Python's own value; None if it is missing."""
    if cell is None or is_missing(cell):
        return None
    cell = own(cell)
    if (is_a(cell, float) and cell != cell) or (is_a(cell, Decimal) and cell.is_nan()):
        return None
    return cell


def shown(names: list[str]) -> str:
    """Return the first names of columns, for an error."""
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
