"""What a test asks of what was sent: a dict asks for its entries, anything else for equality.

Values that a test puts in have their own idea of equal: those of ``dirty-equals``,
``pytest.approx``, ``unittest.mock.ANY``. They are compared with one form of what was sent, its
plain one, as a negation would be true of another. They stay as they were.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from ..encoding.json import number
from ..errors import brief, closest, unknown_field
from ..values.fields import Field
from ..values.frozen import Frozen
from ..values.frozen_map import FrozenMap, content
from ..values.validators import CheckFailed

_PLAIN = (str, int, float, Decimal, datetime)
_OURS = (Frozen, FrozenMap)
_MOST = 60  # characters of a value


class Fields(dict[Field[Any], Any]):
    """What is asked of a record, by its fields."""

    def __repr__(self) -> str:
        return repr({field.name: asked for field, asked in self.items()})


class _Tag:
    """What a user attribute without a value is equal to; one that is not there has none."""

    def __eq__(self, other: object) -> bool:
        return other is None

    def __hash__(self) -> int:
        return hash(None)

    def __repr__(self) -> str:
        return "None"


def prepared(where: str, name: str, field: Field[Any], asked: Any) -> Any:
    """Return what is asked of a field as it is compared: names known, plain values checked.

    Raises:
        UnknownField: a record has no such field.
        InvalidValue, InvalidTime: no event or batch can hold that value.
    """
    if asked is None:
        return None
    kind = field.kind
    if isinstance(asked, FrozenMap) and kind.name != "record":
        return asked  # it asks for equality
    is_map = isinstance(asked, Mapping)
    if kind.records and (is_map if kind.container is None else kind.fits(asked)):

        def inside(entry: Any, key: Any) -> Any:
            if not isinstance(entry, Mapping):
                return entry
            place = name if key is None else f"{name}[{key!r}]"
            return _of_record(where, place, field.of, entry)

        return kind.each(asked, inside)
    if kind.container is dict and is_map:
        return {key: _Tag() if kind.tags and each is None else each for key, each in asked.items()}
    if field.unordered and isinstance(asked, list | tuple | set | frozenset):
        return Unordered(asked)
    if kind.name == "attribute" and isinstance(asked, list | tuple):
        return asked
    if isinstance(asked, (Frozen, Mapping, list, tuple, *_PLAIN)):
        try:
            return field.check(asked)
        except CheckFailed as bad:
            raise bad.at(where, name, asked) from bad.cause
    return asked


def _of_record(where: str, name: str, record: type[Frozen], asked: Mapping[Any, Any]) -> Fields:
    known = record._fields
    found = Fields()
    for key, entry in asked.items():
        field = known.get(key) or record._wire.get(key)
        if field is None:
            meant = record._called(key, known)
            raise unknown_field(f"{where}({name}=…)", key, known, meant)
        found[field] = prepared(where, f"{name}.{field.name}", field, entry)
    return found


class Unordered:
    """A list in which the order does not matter."""

    def __init__(self, entries: Any) -> None:
        self._entries = tuple(entries)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list | tuple):
            return NotImplemented
        left = list(other)
        for entry in map(pristine, self._entries):
            place = next((place for place, each in enumerate(left) if entry == each), None)
            if place is None:
                return False
            del left[place]
        return not left

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self._entries))


def differences(asked: Any, found: Any, path: str) -> Iterator[str]:
    """Yield in what way something that was found is not what is asked, a line each.

    >>> from mpfluent import AppEvent
    >>> event = AppEvent("Signed up", {"plan": "trial"})
    >>> list(differences({"plan": "pro"}, event.attributes, "attributes"))
    ["attributes['plan'] is 'trial', not 'pro'"]
    """
    if found is None and isinstance(asked, Mapping) and _is_subset(asked):
        if not _fits_nothing(asked):
            yield f"{path} is not set; want {told(asked)}"
    elif isinstance(asked, Fields) and isinstance(found, Frozen):
        for field, entry in asked.items():
            inner = f"{path}.{field.name}" if path else field.name
            yield from differences(entry, found._get(field.wire), inner)
    elif isinstance(asked, Mapping) and isinstance(found, Mapping) and _is_subset(asked):
        for key, entry in asked.items():
            if key in found:
                yield from differences(entry, found[key], f"{path}[{key!r}]")
            elif entry is not None:
                yield _without(key, found, path)
    elif isinstance(asked, list | tuple) and isinstance(found, tuple):
        if len(asked) != len(found):
            yield f"{path} has {len(found)}, not {len(asked)}: {told(found)}"
        else:
            for place, (entry, each) in enumerate(zip(asked, found)):
                yield from differences(entry, each, f"{path}[{place}]")
    elif not _equal(asked, found):
        if found is None:
            yield f"{path} is not set; want {told(asked)}"
        else:
            yield f"{path} is {told(found)}, not {told(asked)}"


def _fits_nothing(asked: Mapping[Any, Any]) -> bool:
    """Return whether what is not set is what is asked: it is like something without entries."""
    if isinstance(asked, Fields):
        return not any([*differences(entry, None, "")] for entry in asked.values())
    return all(entry is None for entry in asked.values())  # a tag is an entry that is there


def _is_subset(asked: Mapping[Any, Any]) -> bool:
    """Return whether this asks only for its own entries: a value of ours asks for equality."""
    return not isinstance(asked, FrozenMap)


def _without(key: Any, found: Mapping[str, Any], path: str) -> str:
    meant = closest(key, found)
    few = ", ".join(map(repr, list(found)[:5])) + (", …" if len(found) > 5 else "")
    hint = f"did you mean {meant!r}?" if meant else f"it has {few}"
    return f"{path} has no {key!r}; {hint}"


def _equal(asked: Any, found: Any) -> bool:
    if isinstance(asked, Enum):
        asked = asked.value
    if isinstance(asked, _PLAIN) or asked is None:
        return bool(content(asked) == content(found))
    return bool(asked == found) if isinstance(asked, _OURS) else matches(asked, found)


def matches(matcher: Any, found: Any) -> bool:
    """Return whether something with an idea of its own of what is equal takes what was found."""
    for form in (plain(found), found):
        try:
            return bool(pristine(matcher) == form)
        except TypeError:  # pytest.approx raises it where a Decimal meets a float
            continue
    return False


def plain(value: Any) -> Any:
    """Return a value as dicts, lists and floats, which matchers know.

    >>> plain(FrozenMap({"price": Decimal("19.99")}))
    {'price': 19.99}
    """
    if isinstance(value, Frozen):
        to_dict: Any = getattr(value, "to_dict")  # noqa: B009
        return plain(to_dict())
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return float(value) if isinstance(value, Decimal) else value


def pristine(value: Any) -> Any:
    """Return a copy of a matcher of dirty-equals, as if it had compared nothing yet.

    Its repr is that of the last value that it was equal to, so a test's own would tell of another
    event than the one that is looked at.
    """
    kind = type(value)
    if kind is list or kind is tuple:
        return kind(map(pristine, value))
    if kind is dict:
        return {key: pristine(entry) for key, entry in value.items()}
    homes = {base.__module__.partition(".")[0] for base in kind.__mro__}
    if "dirty_equals" not in homes or isinstance(value, type):
        return value
    twin = copy.copy(value)
    for name in {*_slots(kind), *getattr(twin, "__dict__", ())}:
        setattr(twin, name, pristine(getattr(twin, name)))
    twin._was_equal = None
    return twin


def _slots(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots


def told(value: Any) -> str:
    """Return a value as a report shows it, in few characters."""
    if isinstance(value, Decimal):
        return number(value)
    return brief(pristine(value), _MOST)
