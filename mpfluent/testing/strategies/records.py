"""Records and events, drawn from the fields that their classes declare.

A field that is declared tomorrow is drawn tomorrow. What a rule ties together is drawn together,
so that nothing has to be filtered out.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...builder.batch import Batch
from ...errors import InvalidValue, brief, unknown_field
from ...model.catalog import EVENTS, RECORDS
from ...model.commerce import Product, ProductAction, ProductImpression, Promotion, PromotionAction
from ...model.consent import CCPAConsentState, ConsentState
from ...model.context import GeoLocation
from ...model.event import Event
from ...model.events import ApplicationStateTransitionEvent, CommerceEvent, UserAttributeChangeEvent
from ...model.record import Record
from ...utils.introspection import defaults_of
from ...values import validators
from ...values.fields import Field
from . import single_values
from .single_values import few, named

R = TypeVar("R", bound=Record)
_Field = Field[Any]


RECORD_CLASSES: tuple[type[Record], ...] = tuple(RECORDS.values())
EVENT_CLASSES: tuple[type[Event], ...] = tuple(EVENTS.values())
VALUE_CLASSES: tuple[type[Record], ...] = (*RECORD_CLASSES, *EVENT_CLASSES, Batch)


# One field


@cache
def _hints(cls: type[Record]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def words(cls: type[Record], field: _Field) -> list[str]:
    """Return the words that the field's annotation lists, in its order."""
    return [word for word in _literals(_hints(cls)[field.name]) if isinstance(word, str)]


def _literals(annotation: Any) -> list[Any]:
    parts = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return list(parts)
    return [word for part in parts for word in _literals(part)]


def takes(field: _Field, value: object) -> bool:
    """Return whether a field can hold this value."""
    try:
        field.check(value)
    except validators.CheckFailed:
        return False
    return True


def _choice(cls: type[Record], field: _Field) -> SearchStrategy[Any]:
    options = st.sampled_from(words(cls, field))
    return options | single_values.INTEGERS if takes(field, 7) else options


def _text(cls: type[Record], field: _Field) -> SearchStrategy[Any]:
    if field.check is validators.identity:
        return single_values.IDENTITIES
    return single_values.NAMES if field.check is validators.name else single_values.TEXTS


_Drawn = Callable[[type[Record], _Field], SearchStrategy[Any]]
VALID: Mapping[str, _Drawn] = {  # what a field of a kind may hold
    "text": _text,
    "string": _text,
    "uuid": lambda cls, field: single_values.uuids(),
    "ip": lambda cls, field: single_values.addresses(),
    "choice": _choice,
    "flag": lambda cls, field: st.booleans(),
    "integer": lambda cls, field: (
        single_values.UNSIGNED if field.check is validators.unsigned else single_values.INTEGERS
    ),
    "number": lambda cls, field: single_values.numbers(),
    "instant": lambda cls, field: single_values.instants(),
    "attribute": lambda cls, field: single_values.ATTRIBUTE_VALUES,
    "attributes": lambda cls, field: single_values.user_attributes(),
    "scalars": lambda cls, field: single_values.attributes(),
    "strings": lambda cls, field: (
        single_values.STRINGS if takes(field, {"name": ""}) else single_values.PARTNER_IDENTITIES
    ),
    "maps": lambda cls, field: single_values.MAPS_OF_SCALARS,
    "names": lambda cls, field: single_values.LISTS_OF_NAMES,
    "record": lambda cls, field: drawn(field.of),
    "records": lambda cls, field: few(drawn(field.of), 0, 2),
    "events": lambda cls, field: few(drawn(field.of), 0, 2),
    "records_by_name": lambda cls, field: single_values.maps(drawn(field.of)),
}
_NARROW: Mapping[tuple[type[Record], str], Callable[[], SearchStrategy[Any]]] = {
    (GeoLocation, "latitude"): lambda: single_values.degrees(90),
    (GeoLocation, "longitude"): lambda: single_values.degrees(180),
    (ConsentState, "ccpa"): lambda: st.fixed_dictionaries(
        {}, optional={"data_sale_opt_out": drawn(CCPAConsentState)}
    ),
    (Batch, "mpid"): lambda: single_values.INTEGERS.filter(bool),  # 0 is nobody's
    # an event without an impression would be of no kind
    (CommerceEvent, "product_impressions"): lambda: few(drawn(ProductImpression), 1, 2),
}


@cache  # building strategies costs more than drawing from them
def written(cls: type[Record], name: str) -> SearchStrategy[Any]:
    """Draw what may be written for a field of a class."""
    field = cls._fields[name]
    narrow = _NARROW.get((cls, name))
    found = narrow() if narrow else VALID[field.kind.name](cls, field)
    return st.none() | found if field.null else found


@st.composite
def _keyword(draw: DrawFn, cls: type[Record], names: SearchStrategy[str]) -> tuple[str, Any]:
    name = draw(names)
    return name, draw(written(cls, name))


# Fields that a rule ties together


class _Way(NamedTuple):
    """One way of keeping a rule: what must then be set, and what may be.

    By field: a strategy, the only words that are right, or None for whatever the field takes.
    """

    must: Mapping[str, Any]
    may: Mapping[str, Any]

    def suits(self, given: Mapping[str, Any]) -> bool:
        """Return whether what is given of the tied fields leaves this way open."""
        for name, value in given.items():
            if value is None:
                if name in self.must:
                    return False
            elif name not in self.must and name not in self.may:
                return False
            else:
                allowed = self.must.get(name, self.may.get(name))
                if isinstance(allowed, tuple) and value not in allowed:
                    return False
        return True


_NAMED = (
    _Way({"id": single_values.NAMES}, {"name": None}),
    _Way({"name": single_values.NAMES}, {"id": None}),
)
_STARTS = {"is_first_run": None, "is_upgrade": None}
_WAYS: Mapping[type[Record], tuple[_Way, ...]] = {
    Product: _NAMED,
    Promotion: _NAMED,
    CommerceEvent: tuple(
        _Way({kind: None}, {})
        for kind in ("product_action", "promotion_action", "product_impressions")
    ),
    ApplicationStateTransitionEvent: (
        _Way({"application_transition_type": ("application_initialized",)}, _STARTS),
        _Way(
            {
                "application_transition_type": (
                    "application_foreground",
                    "application_background",
                    "application_exit",
                )
            },
            dict.fromkeys(_STARTS, (False,)),
        ),
    ),
    # only what is read can be without it
    UserAttributeChangeEvent: (_Way({"new": None}, {}),),
    # nothing says so, but without them it is of little use
    ProductAction: (_Way({"products": None}, {}),),
    PromotionAction: (_Way({"promotions": None}, {}),),
}


def _ways(cls: type[Record], given: Mapping[str, Any]) -> tuple[frozenset[str], list[_Way]]:
    """Return the fields of a class that are tied, and the ways that what is given leaves open."""
    rule = next((_WAYS[base] for base in cls.__mro__ if base in _WAYS), ())
    tied = frozenset(name for way in rule for name in (*way.must, *way.may))
    about = {name: value for name, value in given.items() if name in tied}
    return tied, [way for way in rule if way.suits(about)]


# Whole values


def drawn(cls: type[R], max_fields: int = 4) -> SearchStrategy[R]:
    """Draw a value of one class, made by its constructor."""
    return _drawn(cls, max_fields)


@cache
def _drawn(cls: Any, max_fields: int) -> SearchStrategy[Any]:
    return drawn_with(cls, max_fields, {})


def drawn_with(cls: type[R], max_fields: int, given: Mapping[str, Any]) -> SearchStrategy[R]:
    """Draw a value of one class with what is given of its fields."""
    fields = keywords(cls, max_fields, given)
    return named(f"values({cls.__name__})", lambda draw: cls(**draw(fields)))


def keywords(
    cls: type[Record], max_fields: int, given: Mapping[str, Any]
) -> SearchStrategy[dict[str, Any]]:
    """Draw the keywords of a value: what it must have, what is given, and some of the rest.

    The rest comes first, and of it what all events have, so that a failure that has nothing to do
    with the class shrinks to the simplest class.
    """
    tied, ways = _ways(cls, given)
    free = [name for name in cls._fields if name not in tied and name not in given]
    assumed = defaults_of(cls)
    needed = {
        name: written(cls, name)
        for name in free
        if cls._fields[name].required and name not in assumed
    }
    common = [name for name in free if name in Event._fields]
    rest = dict.fromkeys((*common, *free))
    some = [name for name in rest if name not in needed]
    fixed = {
        name: value if isinstance(value, SearchStrategy) else st.just(value)
        for name, value in given.items()
        if value is not None or cls._fields[name].null
    }
    parts: list[SearchStrategy[Any]] = []
    if some and max_fields:
        parts.append(few(_keyword(cls, st.sampled_from(some)), 0, max_fields))
    if ways:
        parts.append(st.one_of([_one_way(cls, way, given, max_fields) for way in ways]))
    if needed or fixed:
        parts.append(st.fixed_dictionaries({**needed, **fixed}))
    return _joined(parts)


@st.composite
def _joined(draw: DrawFn, parts: list[SearchStrategy[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        found.update(draw(part))
    return found


def _one_way(
    cls: type[Record], way: _Way, given: Mapping[str, Any], max_fields: int
) -> SearchStrategy[dict[str, Any]]:
    def leaves_of(part: Mapping[str, Any]) -> dict[str, SearchStrategy[Any]]:
        return {name: _leaf(cls, name, part[name]) for name in part if name not in given}

    optional = leaves_of(way.may) if max_fields else {}
    return st.fixed_dictionaries(leaves_of(way.must), optional=optional)


def _leaf(cls: type[Record], name: str, allowed: Any) -> SearchStrategy[Any]:
    if isinstance(allowed, tuple):
        return st.sampled_from(allowed)
    return written(cls, name) if allowed is None else allowed


# What a test says of fields


def check_given(where: str, cls: type[Record], fields: Mapping[str, Any]) -> None:
    """Refuse names and values that the class cannot have; what is drawn is checked then."""
    for name, value in fields.items():
        field = cls._fields.get(name)
        if field is None:
            raise cls._no_field(where, name)
        needs = field.required and not field.null and name not in defaults_of(cls)
        if value is None and needs:
            raise cls._missing(where, field)
        if not isinstance(value, SearchStrategy):
            cls._checked(where, {name: value})


def classes_with(
    where: str, classes: Iterable[type[R]], fields: Mapping[str, Any]
) -> tuple[type[R], ...]:
    """Return those of the classes that can have these fields."""
    classes = tuple(classes)
    for name, value in fields.items():
        known = [cls for cls in classes if name in cls._fields]
        if not known:
            allowed = dict.fromkeys(name for cls in classes for name in cls._fields)
            meant = classes[0]._called(name, allowed)
            raise unknown_field(f"{where}()", name, allowed, meant)
        if isinstance(value, SearchStrategy | None):
            classes = tuple(known)
            continue
        classes = tuple(cls for cls in known if takes(cls._fields[name], value))
        if not classes:
            check_given(where, known[0], {name: value})
    if not classes:
        told = ", ".join(f"{name}={brief(value)}" for name, value in fields.items())
        raise InvalidValue(f"{where}({told}): no class has all of these; write them one by one")
    return classes


def check_bound(where: str, name: str, value: object) -> None:
    """Refuse a bound on sizes that is none."""
    if type(value) is not int or value < 0:
        raise InvalidValue(f"{where}({name}={brief(value)}): want how many at most; write {name}=3")
