"""What fields cannot hold: the evil twins of what may be written for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...errors import InvalidValue, brief
from ...model.consent import CCPAConsentState, ConsentState
from ...model.context import DataPlanContext, GeoLocation
from ...model.record import Record
from ...model.user import UserIdentities
from ...values import validators
from ...values.fields import Field
from ...values.validators import INT64, UINT64
from . import single_values
from .records import VALUE_CLASSES, drawn, takes, words


class BadValue(NamedTuple):
    """A value that the library must refuse, and what it is bad for."""

    of: type[Record]
    field: str
    value: Any

    def __repr__(self) -> str:
        """Return what it is, however hard the value is to print."""
        return f"BadValue({self.of.__name__}, {self.field!r}, {brief(self.value)})"


def bad_values(of: type[Record] | None = None, *fields: str) -> SearchStrategy[BadValue]:
    """Draw values that fields cannot hold: ``of``, the class; ``field``, its name; ``value``.

    They are what people and programs really write: wrong types, NaN and infinities, integers
    beyond 64 bits, lone surrogates, empty names, blank identities, moments without a zone or in
    seconds, nested structures, words in another spelling.

    Args:
        of: the class; without it, any of the library's.
        fields: only these fields of the class; all, if none is named.

    >>> from hypothesis import given
    >>> from mpfluent import InvalidBatch, Product
    >>> @given(bad_values(Product, "price", "quantity"))
    ... def test_the_error_names_the_field(bad):
    ...     try:
    ...         Product("sku-1", **{bad.field: bad.value})
    ...     except InvalidBatch as error:
    ...         assert bad.field in str(error)
    ...     else:
    ...         raise AssertionError(f"{bad.value!r} was taken")
    >>> test_the_error_names_the_field()
    """
    if of is None:
        if fields:
            raise InvalidValue("bad_values() takes fields of a class; write bad_values(Product)")
        return st.sampled_from(VALUE_CLASSES).flatmap(bad_values)
    if not (isinstance(of, type) and issubclass(of, Record)):
        raise InvalidValue(
            f"bad_values({brief(of)}): want a class, got {type(of).__name__}; "
            "write bad_values(Product)"
        )
    known = [name for name in of._fields if name != "events"]  # add() has a word about those
    for name in fields:
        if name not in known:
            raise of._no_field("bad_values", name)
    return _any_of(of, fields or tuple(known))


@cache
def _any_of(of: type[Record], fields: tuple[str, ...]) -> SearchStrategy[BadValue]:
    found = st.one_of([_bad(of, name) for name in fields])
    return single_values.named(f"bad_values({of.__name__})", lambda draw: draw(found))


@cache
def _bad(of: type[Record], name: str) -> SearchStrategy[BadValue]:
    field = of._fields[name]
    found = INVALID[field.kind.name](of, field)
    if (of, name) in _BESIDES:
        found |= _BESIDES[of, name]
    if field.required and not field.null:
        found |= st.none()
    return found.map(lambda value: BadValue(of, name, value))


# What is bad for several kinds

_TEXTS, _NUMBERS, _FLAGS = single_values.texts(), single_values.numbers(), st.booleans()
_FOREIGN: SearchStrategy[Any] = (
    st.builds(object) | st.binary(max_size=4) | st.just(1j) | st.just(print) | st.just(dict)
)
_NESTED: SearchStrategy[Any] = st.builds(lambda: {"a": {"b": [1]}}) | st.builds(lambda: [[1], []])
_MOMENTS: SearchStrategy[Any] = st.datetimes() | st.dates()
_OTHER = _FOREIGN | _NESTED | _MOMENTS
_SURROGATES: SearchStrategy[Any] = st.tuples(_TEXTS, st.characters(categories=["Cs"]), _TEXTS).map(
    "".join
)
_UNREAL: SearchStrategy[Any] = st.sampled_from(
    [math.nan, math.inf, -math.inf, *map(Decimal, ("NaN", "sNaN", "Infinity", "1E+400"))]
)


def _beyond(low: int, high: int) -> SearchStrategy[Any]:
    """Draw integers that do not fit, some of them so long that they cannot be printed."""
    far = st.sampled_from([10**400, -(10**400), 10**5000])
    return st.integers(min_value=high + 1) | st.integers(max_value=low - 1) | far


_HUGE = _beyond(*INT64)
_NOT_TEXT = _NUMBERS | _FLAGS | _OTHER
_BAD_TEXTS = _NOT_TEXT | _SURROGATES
_BAD_NAMES = st.just("") | _BAD_TEXTS
_BAD_IDENTITIES = st.sampled_from(["", " ", "\t\r\n", "\xa0", "\u200b"]) | _BAD_TEXTS
_BAD_SCALARS: SearchStrategy[Any] = _UNREAL | _HUGE | _SURROGATES | _OTHER | st.builds(set)
_BAD_ATTRIBUTES = _BAD_SCALARS | st.lists(_BAD_SCALARS | st.none(), min_size=1, max_size=2)
_BAD_UUIDS = (
    st.uuids().map(lambda each: each.hex)
    | st.uuids().map(lambda each: str(each)[:-1])
    | st.uuids().map(lambda each: f"{{{each}}}")
    | st.just("")
    | _BAD_TEXTS
)
_BAD_ADDRESSES = (
    st.sampled_from(["", "example.com", "203.0.113", "256.0.0.1", "203.0.113.7/24", "fe80::1%eth0"])
    | _BAD_TEXTS
)
_NAIVE = st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1))
_BAD_INSTANTS: SearchStrategy[Any] = (
    st.integers(1, 10**11 - 1)  # seconds
    | st.integers(-(10**11) + 1, -1)
    | st.floats()  # time.time()
    | _NAIVE
    | _NAIVE.map(datetime.isoformat)
    | st.integers(1_500_000_000_000, 1_900_000_000_000).map(str)
    | st.sampled_from(["", "yesterday", "23/11/2026 10:15", "2026-11-23", "2026-13-01T00:00:00Z"])
    | st.dates(date(1980, 1, 1))
    | _SURROGATES
    | _FLAGS
    | _HUGE
    | _FOREIGN
    | _NESTED
)


def _misspelt(right: list[str]) -> SearchStrategy[Any]:
    """Draw words that are nearly right: another case, a letter less or more, a dash."""
    changes: tuple[Callable[[str], str], ...] = (
        str.swapcase,
        str.upper,
        lambda word: word[:-1],
        lambda word: f"{word}s",
        lambda word: f" {word}",
        lambda word: word.replace("_", "-"),
        lambda word: "",
    )
    wrong = dict.fromkeys(change(word) for word in right for change in changes)
    return st.sampled_from([word for word in wrong if word not in right])


def _maps_with(bad: SearchStrategy[Any], good: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Draw what is no map, and maps with one bad entry or one bad name."""
    hashable = st.just("") | _SURROGATES | st.integers() | st.none() | st.binary(max_size=4)
    return (
        st.dictionaries(single_values.NAMES, bad, min_size=1, max_size=1)
        | st.dictionaries(hashable, good, min_size=1, max_size=1)
        | st.lists(st.tuples(single_values.NAMES, good), max_size=2)
        | _TEXTS
        | _NUMBERS
        | _FLAGS
        | _FOREIGN
    )


def _not_one(of: type[Record]) -> SearchStrategy[Any]:
    """Draw what is no record of this class."""
    others = [drawn(UserIdentities), drawn(DataPlanContext)]
    other = others[of is UserIdentities]
    return _TEXTS | _NOT_TEXT | st.builds(dict) | st.just(of) | other


def _not_many(of: type[Record]) -> SearchStrategy[Any]:
    """Draw what is no list of these records."""
    one = drawn(of)
    mixed = st.lists(_not_one(of) | st.none(), min_size=1, max_size=2)
    return one | mixed | st.builds(dict) | st.builds(set) | _TEXTS | _NOT_TEXT


_Field = Field[Any]


def _bad_text(of: type[Record], field: _Field) -> SearchStrategy[Any]:
    if field.check is validators.identity:
        return _BAD_IDENTITIES
    return _BAD_NAMES if field.check is validators.name else _BAD_TEXTS


# What a field of a kind must refuse.
INVALID: Mapping[str, Callable[[type[Record], _Field], SearchStrategy[Any]]] = {
    "text": _bad_text,
    "string": _bad_text,
    "uuid": lambda of, field: _BAD_UUIDS,
    "ip": lambda of, field: _BAD_ADDRESSES,
    "choice": lambda of, field: (
        _misspelt(words(of, field))
        | (_HUGE if takes(field, 7) else _NUMBERS)
        | _FLAGS
        | _UNREAL
        | _OTHER
    ),
    "flag": lambda of, field: _TEXTS | _NUMBERS | _OTHER,
    "integer": lambda of, field: (
        (_beyond(*UINT64) if field.check is validators.unsigned else _HUGE)
        | st.floats()
        | st.integers().map(str)
        | single_values.decimals()
        | _TEXTS
        | _FLAGS
        | _OTHER
    ),
    "number": lambda of, field: _UNREAL | _HUGE | st.integers().map(str) | _TEXTS | _FLAGS | _OTHER,
    "instant": lambda of, field: _BAD_INSTANTS,
    "attribute": lambda of, field: _BAD_ATTRIBUTES,
    "attributes": lambda of, field: _maps_with(_BAD_ATTRIBUTES, single_values.scalars()),
    "scalars": lambda of, field: _maps_with(_BAD_SCALARS, single_values.scalars()),
    "strings": lambda of, field: (
        _maps_with(_BAD_TEXTS, _TEXTS)
        if takes(field, {"name": ""})
        else _maps_with(_BAD_IDENTITIES, single_values.IDENTITIES)
    ),
    "maps": lambda of, field: _maps_with(
        _maps_with(_BAD_SCALARS, single_values.scalars()), single_values.attributes()
    ),
    "names": lambda of, field: (
        _TEXTS
        | st.lists(_BAD_NAMES, min_size=1, max_size=2)
        | single_values.maps(_TEXTS)
        | _NUMBERS
        | _HUGE
        | _FLAGS
        | _FOREIGN
    ),
    "record": lambda of, field: _not_one(field.of),
    "records": lambda of, field: _not_many(field.of),
    "events": lambda of, field: _not_many(field.of),
    "records_by_name": lambda of, field: _maps_with(_not_one(field.of), drawn(field.of)),
}
_BESIDES: Mapping[tuple[type[Record], str], SearchStrategy[Any]] = {
    (GeoLocation, "latitude"): st.integers(91) | st.floats(max_value=-90.001),
    (GeoLocation, "longitude"): st.integers(181) | st.floats(max_value=-180.001),
    # the CCPA has one purpose
    (ConsentState, "ccpa"): st.dictionaries(
        _misspelt(["data_sale_opt_out"]),
        drawn(CCPAConsentState),
        min_size=1,
        max_size=1,
    ),
}
