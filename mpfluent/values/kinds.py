"""The kinds of fields: one row for each.

The test kit has two columns more, which need hypothesis: what a field of a kind may hold
(``testing/strategies/records``), and what it must refuse (``testing/strategies/invalid``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..utils.typed import NamedTuple


class Kind(NamedTuple):
    """What all fields of one kind have in common.

    Attributes:
        name: what declarations call it.
        schema: the class in ``encoding/schema`` that dumps and loads it, by name, because
            marshmallow loads when it is needed. Empty for records: marshmallow nests those.
        container: what holds its entries or its records: list, dict, or None for a single one.
        records: whether it holds records.
        wrapped: whether each of them is an event in its wrapper.
        flat: whether each entry of its map is a string, a number or a boolean.
        tags: whether None is an entry of its map, and is sent; else such an entry is left out.
        blank: whether a blank string is a value; else it is read as unset.
        nullable: whether null on the wire is the same as unset; else it is an error.
    """

    name: str
    schema: str = ""
    container: type[list[Any]] | type[dict[str, Any]] | None = None
    records: bool = False
    wrapped: bool = False
    flat: bool = False
    tags: bool = False
    blank: bool = False
    nullable: bool = True

    @property
    def empty_is_unset(self) -> bool:
        """Whether an empty value is the same as none."""
        return self.records or self.container is not None

    def fits(self, value: Any) -> bool:
        """Return whether a value has the form that ``each`` looks into."""
        return self.container is None or isinstance(value, _FORMS[self.container])

    def each(self, value: Any, change: Callable[[Any, Any], Any]) -> Any:
        """Return a value with each of its records changed.

        Args:
            value: what a field of records holds, in this or in plain form.
            change: a function of a record, and its index or name; None where it is alone.
        """
        if self.container is list:
            return [change(one, index) for index, one in enumerate(value)]
        if self.container is dict:
            return {name: change(one, name) for name, one in value.items()}
        return change(value, None)


_FORMS: Mapping[Any, Any] = {list: (list, tuple), dict: Mapping}

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("text", "Text", blank=True),
        Kind("string", "Text", blank=True, nullable=False),
        Kind("uuid", "Text"),
        Kind("ip", "Text", nullable=False),
        Kind("choice", "Text", nullable=False),
        Kind("flag", "Flag"),
        Kind("integer", "Whole"),
        Kind("instant", "Whole"),
        Kind("number", "Amount"),
        Kind("attribute", "Attribute", blank=True),
        Kind("scalars", "Map", dict, flat=True),
        Kind("strings", "Map", dict, flat=True),
        Kind("attributes", "Map", dict, tags=True),
        Kind("maps", "Map", dict),
        Kind("names", "Names", list),
        Kind("record", records=True),
        Kind("records", container=list, records=True),
        Kind("records_by_name", container=dict, records=True),
        Kind("events", container=list, records=True, wrapped=True),
    )
}
