"""Hypothesis strategies for every value class, made from the fields that the classes declare.

What they draw is valid by construction: nothing is filtered out afterwards. A field that is
declared tomorrow is drawn tomorrow.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import strategies as st

from mpfluent import (
    ApplicationStateTransitionEvent,
    Batch,
    CCPAConsentState,
    CommerceEvent,
    ConsentState,
    Event,
    Product,
    Promotion,
    Session,
    checks,
    commerce,
    records,
)
from mpfluent import events as event_classes
from mpfluent.record import Record

Strategy = st.SearchStrategy[Any]

INT64 = st.integers(-(2**63), 2**63 - 1)
UINT64 = st.integers(0, 2**64 - 1)
# Python strings that have a UTF-8 form: all of Unicode, but for surrogates
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
EDGES = st.sampled_from([0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)])


def _public(module: Any) -> list[type[Any]]:
    """Return the value classes that a module makes public, in the order of its text."""
    return [
        value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Record)
        and value.__module__ == module.__name__
        and value is not Event
        and name == value.__name__
        and not name.startswith("_")
    ]


RECORD_CLASSES: tuple[type[Record], ...] = (*_public(records), *_public(commerce))
EVENT_CLASSES: tuple[type[Event], ...] = tuple(_public(event_classes))
VALUE_CLASSES: tuple[type[Record], ...] = (*RECORD_CLASSES, *EVENT_CLASSES, Batch)


# Leaves: what may be written for a field of each kind


def decimals() -> Strategy:
    """Draw Decimals: money, many more digits than a float holds, and every form of zero."""
    money = st.decimals("-1e9", "1e9", places=2, allow_nan=False, allow_infinity=False)
    long = st.builds(
        lambda digits, exponent: digits.scaleb(exponent),
        st.integers(-(10**27), 10**27).map(Decimal),
        st.integers(-40, 40),
    )
    odd = st.sampled_from(["-0", "0.00", "0E+3", "1E+300", "1E-400", "1e-7", "100", "1.10"])
    return money | long | odd.map(Decimal)


def numbers() -> Strategy:
    """Draw what a number field takes: int, float or Decimal, always finite."""
    return EDGES | INT64 | st.floats(allow_nan=False, allow_infinity=False) | decimals()


def scalars() -> Strategy:
    """Draw a flat attribute value."""
    return TEXT | st.booleans() | numbers()


def attribute_values() -> Strategy:
    """Draw a user attribute's value: a scalar, a list of scalars, or None."""
    return st.none() | scalars() | st.lists(scalars(), max_size=3)


def milliseconds() -> Strategy:
    """Draw integers that a time field takes: zero, or nothing that looks like seconds."""
    late = st.integers(10**11, 2**63 - 1)
    early = st.integers(-(2**63), -(10**11))
    usual = st.integers(1_500_000_000_000, 1_900_000_000_000)
    return usual | st.just(0) | late | early


def instants() -> Strategy:
    """Draw a moment in any form that a time field takes."""
    zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
    moments = st.datetimes(
        datetime(1980, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC) | zones
    )
    return milliseconds() | moments | moments.map(datetime.isoformat)


def uuids() -> Strategy:
    """Draw a UUID as text in either case, or as an object."""
    return st.uuids().map(str) | st.uuids().map(lambda u: str(u).upper()) | st.uuids()


def ips() -> Strategy:
    """Draw an IPv4 or IPv6 address as text."""
    return st.ip_addresses().map(str)


def maps(values: Strategy) -> Strategy:
    """Draw a map of names to values."""
    return st.dictionaries(NAME, values, max_size=3)


@cache
def _hints(cls: type[Record]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def words(cls: type[Record], field: Any) -> list[str]:
    """Return the words that the field's annotation lists."""
    return [word for word in _literals(_hints(cls)[field.name]) if isinstance(word, str)]


def _literals(annotation: Any) -> list[Any]:
    parts = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return list(parts)
    return [word for part in parts for word in _literals(part)]


def _choice(cls: type[Record], field: Any) -> Strategy:
    options = st.sampled_from(words(cls, field))
    return options | INT64 if _accepts(field, 7) else options


@cache  # building strategies costs more than drawing from them
def written(cls: type[Record], field: Any) -> Strategy:
    """Draw what a caller may write for this field of this class."""
    leaves: dict[str, Callable[[], Strategy]] = {
        "text": lambda: TEXT,
        "string": lambda: NAME if field.check is checks.name else TEXT,
        "uuid": uuids,
        "ip": ips,
        "choice": lambda: _choice(cls, field),
        "flag": st.booleans,
        "integer": lambda: UINT64 if field.check is checks.unsigned else EDGES | INT64,
        "instant": instants,
        "number": numbers,
        "attribute": attribute_values,
        "attributes": lambda: maps(attribute_values()),
        "maps": lambda: maps(maps(scalars())),
        "names": lambda: st.lists(NAME, max_size=3),
        "record": lambda: records_of(field.of),
        "records": lambda: st.lists(records_of(field.of), max_size=2),
        "events": lambda: st.lists(events_of(field.of), max_size=2),
        "records_by_name": lambda: maps(records_of(field.of)),
        "scalars": lambda: maps(st.none() | scalars()),
        "strings": lambda: maps(st.none() | TEXT),
        "word": lambda: NAME,
    }
    found = leaves[field.kind]()
    return st.none() | found if field.null else found


def _accepts(field: Any, value: Any) -> bool:
    try:
        field.check(value)
    except checks.Bad:
        return False
    return True


# Records and events


@cache
def _some_names(cls: type[Record], most: int, without: frozenset[str]) -> Strategy:
    optional = [
        name for name, field in cls._fields.items() if not field.required and name not in without
    ]
    if not optional:
        return st.just([])
    return st.lists(st.sampled_from(optional), max_size=most, unique=True)


@st.composite
def _kwargs(draw: Any, cls: type[Record], most: int, without: frozenset[str]) -> dict[str, Any]:
    """Draw the keywords of a value: what is required, and a few of the rest, in any order."""
    chosen = draw(_some_names(cls, most, without))
    needed = [field.name for field in cls._required]
    return {name: draw(written(cls, cls._fields[name])) for name in [*chosen, *needed]}


NO_NAMES: frozenset[str] = frozenset()


@cache
def records_of(cls: type[Record], *, most: int = 4, without: frozenset[str] = NO_NAMES) -> Strategy:
    """Draw a value of any record or event class, made by its constructor.

    Args:
        most: how many optional fields at most.
        without: fields to leave out, by Python name.
    """
    return _records_of(cls, most, without)


@st.composite
def _records_of(draw: Any, cls: type[Record], most: int, without: frozenset[str]) -> Any:
    if cls is CommerceEvent:
        kinds = ("product_action", "promotion_action", "product_impressions")
        kind = draw(st.sampled_from(kinds))
        fields = draw(_kwargs(cls, most, without.union(kinds)))
        if kind == "product_impressions":
            one = records_of(commerce.ProductImpression)
            fields[kind] = draw(st.lists(one, min_size=1, max_size=2))
        else:
            fields[kind] = draw(written(cls, cls._fields[kind]))
        return cls(**fields)
    if cls is ConsentState:
        fields = draw(_kwargs(cls, most, without | {"ccpa"}))
        if draw(st.booleans()):
            fields["ccpa"] = {"data_sale_opt_out": draw(records_of(CCPAConsentState))}
        return cls(**fields)
    fields = draw(_kwargs(cls, most, without))
    if cls in (Product, Promotion):
        needed = draw(st.sampled_from(["id", "name"]))
        fields[needed] = draw(NAME)
    if cls is event_classes.UserAttributeChangeEvent:
        fields.setdefault("new", draw(attribute_values()))
    if cls is ApplicationStateTransitionEvent and (
        fields["application_transition_type"] != "application_initialized"
    ):
        for name in ("is_first_run", "is_upgrade"):
            if name in fields:
                fields[name] = False
    return cls(**fields)


@cache
def events_of(cls: type[Event] = Event, **options: Any) -> Strategy:
    """Draw events of one class; of ``Event``, events of all seventeen types."""
    if cls is not Event:
        return records_of(cls, **options)
    return st.one_of([records_of(each, **options) for each in EVENT_CLASSES])


def events() -> Strategy:
    """Draw events of all seventeen types."""
    return events_of(Event)


def values() -> Strategy:
    """Draw a value of any class."""
    return st.one_of([*map(records_of, RECORD_CLASSES), events(), batches()])


# One fixed value for every field, for tests that need all of them at once

UUID = "07d2ebaa-e956-407e-a1e6-f05f871bf4e2"
MOMENT = "2026-11-23T10:15:00Z"
MOMENT_MS = 1_795_428_900_000
BEYOND_FLOATS = 2**53 + 1


def example(cls: type[Record], field: Any) -> tuple[Any, Any]:
    """Return what may be written for a field, and what then stands on the wire."""
    if field.of is not None:
        one = full(field.of) if field.kind != "events" else field.of("label")
        if field.kind == "record":
            return one, one.to_dict()
        if field.kind == "records_by_name":
            return {"data_sale_opt_out": one}, {"data_sale_opt_out": one.to_dict()}
        return [one], [one.to_dict()]
    same: dict[str, Any] = {
        "text": f"the {field.name}",
        "string": f"the {field.name}",
        "uuid": UUID,
        "ip": "203.0.113.7",
        "flag": False,
        "integer": BEYOND_FLOATS,
        "number": Decimal("19.99"),
        "attribute": ["a", "b"],
        "attributes": {"plan": "pro", "vip": None, "colours": ["red", "blue"]},
        "scalars": {"key": "value"},
        "strings": {"key": "value"},
        "word": f"the {field.name}",
        "maps": {"92": {"key": "value"}},
        "names": ["plan"],
    }
    if field.kind == "instant":
        return MOMENT, MOMENT_MS
    value = words(cls, field)[0] if field.kind == "choice" else same[field.kind]
    return value, value


ONE_OF = {"product_action", "promotion_action", "product_impressions"}


def full(cls: Any, *, kind: str = "product_action") -> Any:
    """Return a value with every field set; of a commerce event, with ``kind`` of the three."""
    left_out = ONE_OF - {kind} if cls is CommerceEvent else set()
    return cls(
        **{
            name: example(cls, field)[0]
            for name, field in cls._fields.items()
            if name not in left_out
        }
    )


def minimal(cls: Any, *, kind: str = "product_action", **more: Any) -> Any:
    """Return a value with what it must have, and ``more``."""
    needed = {field.name: example(cls, field)[0] for field in cls._required}
    if cls is CommerceEvent and ONE_OF.isdisjoint(more):
        of = cls._fields[kind].of
        needed[kind] = [minimal(of)] if kind == "product_impressions" else minimal(of)
    if cls in (Product, Promotion):
        needed["id"] = "sku-1"
    if cls is event_classes.UserAttributeChangeEvent:
        needed["new"] = None
    return cls(**{**needed, **more})


def full_events() -> list[Event]:
    """Return every event with every field, a commerce event for each of its three kinds."""
    found = [full(cls) for cls in EVENT_CLASSES if cls is not CommerceEvent]
    return found + [full(CommerceEvent, kind=kind) for kind in sorted(ONE_OF)]


def minimal_events() -> list[Event]:
    """Return every event with what it must have, a commerce event for each of its three kinds."""
    found = [minimal(cls) for cls in EVENT_CLASSES if cls is not CommerceEvent]
    return found + [minimal(CommerceEvent, kind=kind) for kind in sorted(ONE_OF)]


# Batches and sessions

NAMES = st.lists(NAME, max_size=3, unique=True)


@cache
def contexts() -> dict[str, Strategy]:
    """Return, for each context field of a batch by name, a strategy of what changes it.

    Each draws a function from a batch to a batch, made of public verbs.
    """

    def verb(name: str, *args: Strategy) -> Strategy:
        return st.tuples(*args).map(lambda drawn: lambda batch: getattr(batch, name)(*drawn))

    def field(name: str) -> Strategy:
        return written(Batch, Batch._fields[name])

    def integration(drawn: tuple[Any, Any]) -> Any:
        return lambda batch: batch.with_integration_attributes(*drawn)

    return {
        "environment": verb("with_environment", field("environment")),
        "source_request_id": verb("with_source_request_id", field("source_request_id")),
        "mpid": verb("with_mpid", field("mpid")),
        "mp_deviceid": verb("with_mp_deviceid", field("mp_deviceid")),
        "user_identities": verb("with_identities", records_of(records.UserIdentities)),
        "user_attributes": verb("with_user_attributes", field("user_attributes")),
        "deleted_user_attributes": NAMES.map(
            lambda names: lambda batch: batch.with_deleted_user_attributes(*names)
        ),
        "device_info": verb("with_device", records_of(records.DeviceInformation)),
        "application_info": verb("with_application", records_of(records.ApplicationInformation)),
        "ip": verb("with_ip", field("ip")),
        "consent_state": verb("with_consent_state", records_of(ConsentState)),
        "context": verb("with_data_plan", records_of(records.DataPlanContext))
        | verb("with_location", records_of(records.GeoLocation)),
        "attribution_info": verb("with_attribution_info", records_of(records.AttributionInfo)),
        "integration_attributes": st.tuples(
            st.integers(0, 999) | st.integers(0, 999).map(str), maps(scalars())
        ).map(integration),
        "partner_identities": verb("with_partner_identities", maps(TEXT)),
        "partner_identity": verb("with_partner_identity", field("partner_identity")),
        "sdk_version": TEXT.map(
            lambda version: lambda batch: Batch.from_dict({"sdk_version": version}) + batch
        ),
    }


@st.composite
def batches(
    draw: Any, *, most_context: int = 4, most_events: int = 3, without: frozenset[str] = NO_NAMES
) -> Any:
    """Draw a batch, made by public verbs.

    Args:
        most_context: how many steps of context at most.
        most_events: how many events at most.
        without: context fields to leave alone, by name.
    """
    known = {name: steps for name, steps in contexts().items() if name not in without}
    batch = Batch()
    for name in draw(st.lists(st.sampled_from(list(known)), max_size=most_context, unique=True)):
        batch = draw(known[name])(batch)
    return batch.add(*draw(st.lists(events(), max_size=most_events)))


SESSION_SETS = frozenset({"session_uuid", "session_id", "event_num"})


@cache
def session_events() -> Strategy:
    """Draw events that a session can take: without ids and number of their own, and no end."""
    takes = [cls for cls in EVENT_CLASSES if cls is not event_classes.SessionEndEvent]
    return st.one_of([records_of(each, without=SESSION_SETS, most=2) for each in takes])


@st.composite
def sessions(draw: Any, *, timed: bool | None = None, most_events: int = 3) -> Any:
    """Draw a session; ``timed`` says whether its start has a time."""
    at = draw(milliseconds()) if timed else None
    if timed is None:
        at = draw(st.none() | milliseconds())
    uuid = draw(st.none() | uuids())
    number = draw(INT64 if uuid is None else st.none() | INT64)
    session = Session.start(uuid, session_id=number, at=at)
    return session.add(*draw(st.lists(session_events(), max_size=most_events)))
