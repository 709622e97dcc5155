"""Compares what was sent with what a test expects: a dict by its entries, the rest by equality.

A test may write matchers, which decide themselves what is equal: those of ``dirty-equals``,
``pytest.approx``, ``unittest.mock.ANY``. They are compared with one form of a value only, the plain
one: a negation would be true of another form. A comparison does not change them.
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

_PLAIN = (str, int, float, Decimal, datetime)  # compared by content; a matcher is of another type
_OURS = (Frozen, FrozenMap)
_MOST = 60  # characters of a value


class Fields(dict[Field[Any], Any]):
    """What is expected of a record, by its fields."""

    def __repr__(self) -> str:
        return repr({field.name: expected for field, expected in self.items()})


class _Tag:
    """Equals a user attribute that is a tag, which has no value; but not one that is absent."""

    def __eq__(self, other: object) -> bool:
        return other is None

    def __hash__(self) -> int:
        return hash(None)

    def __repr__(self) -> str:
        return "None"


def prepared(where: str, name: str, field: Field[Any], expected: Any) -> Any:
    """Return an expected value in the form that is compared: names looked up, values checked.

    Raises:
        UnknownField: a record has no such field.
        InvalidValue, InvalidTime: no event or batch can hold that value.
    """
    if expected is None:
        return None
    kind = field.kind
    if isinstance(expected, FrozenMap) and kind.name != "record":
        return expected  # it is compared for equality
    is_map = isinstance(expected, Mapping)
    if kind.records and (is_map if kind.container is None else kind.fits(expected)):

        def inside(entry: Any, key: Any) -> Any:
            if not isinstance(entry, Mapping):
                return entry
            inner = name if key is None else f"{name}[{key!r}]"
            return _of_record(where, inner, field.of, entry)

        return kind.each(expected, inside)
    if kind.container is dict and is_map:
        return {
            key: _Tag() if kind.tags and each is None else each for key, each in expected.items()
        }
    if field.unordered and isinstance(expected, list | tuple | set | frozenset):
        return Unordered(expected)
    if kind.name == "attribute" and isinstance(expected, list | tuple):
        return expected
    if isinstance(expected, (Frozen, Mapping, list, tuple, *_PLAIN)):
        try:
            return field.check(expected)
        except CheckFailed as bad:  # a value that no event can have is a slip of the test
            raise bad.at(where, name, expected) from bad.cause
    return expected


def _of_record(where: str, name: str, record: type[Frozen], expected: Mapping[Any, Any]) -> Fields:
    known = record._fields
    found = Fields()
    for key, entry in expected.items():
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
            index = next((index for index, each in enumerate(left) if entry == each), None)
            if index is None:
                return False
            del left[index]
        return not left

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self._entries))


def differences(expected: Any, found: Any, path: str) -> Iterator[str]:
    """Yield a line for each difference of a value that was sent from the expected one.

    >>> from mpfluent import AppEvent
    >>> event = AppEvent("Signed up", {"plan": "trial"})
    >>> list(differences({"plan": "pro"}, event.attributes, "attributes"))
    ["attributes['plan'] is 'trial', not 'pro'"]
    """
    if found is None and isinstance(expected, Mapping) and _is_subset(expected):
        if not _fits_nothing(expected):
            yield f"{path} is not set; want {shown(expected)}"
    elif isinstance(expected, Fields) and isinstance(found, Frozen):
        for field, entry in expected.items():
            inner = f"{path}.{field.name}" if path else field.name
            yield from differences(entry, found._get(field.wire), inner)
    elif isinstance(expected, Mapping) and isinstance(found, Mapping) and _is_subset(expected):
        for key, entry in expected.items():
            if key in found:
                yield from differences(entry, found[key], f"{path}[{key!r}]")
            elif entry is not None:
                yield _without(key, found, path)
    elif isinstance(expected, list | tuple) and isinstance(found, tuple):
        if len(expected) != len(found):
            yield f"{path} has {len(found)}, not {len(expected)}: {shown(found)}"
        else:
            for index, (entry, each) in enumerate(zip(expected, found)):
                yield from differences(entry, each, f"{path}[{index}]")
    elif not _equal(expected, found):
        if found is None:
            yield f"{path} is not set; want {shown(expected)}"
        else:
            yield f"{path} is {shown(found)}, not {shown(expected)}"


def _fits_nothing(expected: Mapping[Any, Any]) -> bool:
    """Return whether an absent mapping is as expected: all expected entries are None."""
    if isinstance(expected, Fields):
        return not any([*differences(entry, None, "")] for entry in expected.values())
    return all(entry is None for entry in expected.values())  # a tag is an entry that is there


def _is_subset(expected: Mapping[Any, Any]) -> bool:
    """Return whether only the entries of a mapping are compared; a value of ours is equal whole."""
    return not isinstance(expected, FrozenMap)


def _without(key: Any, found: Mapping[str, Any], path: str) -> str:
    meant = closest(key, found)
    few = ", ".join(map(repr, list(found)[:5])) + (", …" if len(found) > 5 else "")
    hint = f"did you mean {meant!r}?" if meant else f"it has {few}"
    return f"{path} has no {key!r}; {hint}"


def _equal(expected: Any, found: Any) -> bool:
    if isinstance(expected, Enum):
        expected = expected.value
    if isinstance(expected, _PLAIN) or expected is None:
        return bool(content(expected) == content(found))
    return bool(expected == found) if isinstance(expected, _OURS) else matches(expected, found)


def matches(matcher: Any, found: Any) -> bool:
    """Return whether a matcher equals a value that was sent."""
    for form in (plain(found), found):
        try:
            return bool(pristine(matcher) == form)
        except TypeError:  # pytest.approx raises it where a Decimal meets a float
            continue
    return False


def plain(value: Any) -> Any:
    """Return a value as dicts, lists and floats, which matchers understand.

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
    """Return a copy of a matcher of dirty-equals that has compared nothing yet.

    After a comparison its repr is that of the last value that it was equal to. The repr of the
    original would show the value of another event.
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


def shown(value: Any) -> str:
    """Return a value as a failure shows it, cut to a few characters."""
    if isinstance(value, Decimal):
        return number(value)
    return brief(pristine(value), _MOST)
