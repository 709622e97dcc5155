"""The strategies of the test kit: all of the valid, nothing but the bad, and small failures."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from missing_packages import error_without
from strategies import minimal, minimal_events

from mpfluent import (
    AppEvent,
    ApplicationStateTransitionEvent,
    Batch,
    Client,
    CommerceEvent,
    ConsentState,
    DeviceInformation,
    Event,
    EventVerbs,
    GeoLocation,
    InvalidBatch,
    InvalidValue,
    Product,
    ProductAction,
    RecordingTransport,
    ScreenViewEvent,
    Session,
    SessionEndEvent,
    UnknownField,
    UserAttributeChangeEvent,
    UserIdentities,
    UserIdentityChangeEvent,
)
from mpfluent.testing import strategies
from mpfluent.testing.strategies import (
    BadValue,
    attributes,
    bad_values,
    batches,
    consents,
    devices,
    events,
    identities,
    instants,
    milliseconds,
    names,
    numbers,
    products,
    promotions,
    scalars,
    session_events,
    sessions,
    texts,
    user_attributes,
    values,
)
from mpfluent.testing.strategies.records import EVENT_CLASSES, RECORD_CLASSES, VALUE_CLASSES

DRAWS = settings(derandomize=True, phases=[Phase.generate])


def smallest(strategy: Any, condition: Any = lambda value: True, often: int = 5_000) -> Any:
    """Return the simplest value, where the search begins at some random place."""
    return find(strategy, condition, random=random.Random(0), settings=settings(max_examples=often))


class _Enough(Exception):
    """There is nothing more to be seen."""


def seen(
    strategy: Any,
    of: Any,
    all_of: Any = frozenset(),
    enough: int = settings.default.max_examples,
) -> set[Any]:
    """Return what ``of`` says of some values, and of as many as it takes to see ``all_of``."""
    found: set[Any] = set()
    drawn: list[Any] = []

    @given(strategy)
    @settings(DRAWS, max_examples=5_000)
    def draw(value: Any) -> None:
        found.update(of(value))
        drawn.append(value)
        if len(drawn) >= enough and found >= all_of:
            raise _Enough

    with suppress(_Enough):
        draw()
    return found


# Everything is drawn


@pytest.mark.parametrize("cls", VALUE_CLASSES)
def test_every_field_is_drawn(cls: type[Any]) -> None:
    def fields(value: Any) -> list[str]:
        return [*value._keys, *(["events"] if cls is Batch and value.events else [])]

    assert seen(values(cls, max_fields=40), fields, set(cls._wire), enough=1) == set(cls._wire)


def test_every_event_type_is_drawn() -> None:
    types = set(Event._by_type)
    assert seen(events(), lambda event: [event.event_type], types) == types


def test_every_class_is_drawn() -> None:
    classes = set(VALUE_CLASSES)
    assert seen(values(), lambda value: [type(value)], classes) == classes


def test_every_class_of_the_library_is_known() -> None:
    assert len(RECORD_CLASSES) == 18
    assert set(EVENT_CLASSES) == set(Event._by_type.values())


def test_the_tied_fields_are_drawn_in_every_combination() -> None:
    def set_of(*names: str) -> Any:
        return lambda value: [tuple(getattr(value, name) is not None for name in names)]

    named = {(1, 1), (1, 0), (0, 1)}
    assert seen(products(), set_of("id", "name"), named) == named
    kinds = set_of("product_action", "promotion_action", "product_impressions")
    one_of_three = {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
    assert seen(events(CommerceEvent), kinds, one_of_three) == one_of_three

    def starts(event: ApplicationStateTransitionEvent) -> Any:
        initialized = event.application_transition_type == "application_initialized"
        return [(initialized, event.is_first_run)]

    allowed = {
        *((True, flag) for flag in (None, False, True)),
        *((False, flag) for flag in (None, False)),
    }
    assert seen(events(ApplicationStateTransitionEvent), starts, allowed) == allowed


# Nothing is filtered out

OTHERS = ("BadValue", "planned")  # a class; and what needs a data plan, tested by itself
DRAWN = {name: getattr(strategies, name)() for name in strategies.__all__ if name not in OTHERS}


def thrown_away(strategy: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many draws hypothesis gives up because of a filter."""
    from hypothesis.internal.conjecture.data import ConjectureData

    count = 0
    mark_invalid = ConjectureData.mark_invalid

    def counted(self: Any, *args: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        return mark_invalid(self, *args, **options)

    @given(strategy)
    @settings(DRAWS, suppress_health_check=list(HealthCheck))
    def draw(value: Any) -> None:
        pass

    with monkeypatch.context() as patched:
        patched.setattr(ConjectureData, "mark_invalid", counted)
        draw()
    return count


@pytest.mark.parametrize("name", DRAWN)
def test_no_draw_is_thrown_away(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert thrown_away(DRAWN[name], monkeypatch) == 0


def test_a_filter_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert thrown_away(products().filter(lambda product: product.price), monkeypatch) > 0


# What is drawn can be used


@given(batches(user=True, environment="development"))
@settings(deadline=None)
def test_a_batch_of_a_user_can_be_sent(batch: Batch) -> None:
    assert batch.user_identities.customer_id
    assert batch.problems() == ()
    sent = RecordingTransport()
    with Client("key", "secret", transport=sent) as client:
        assert client.send(batch).state == "delivered"


@given(batches(user=False))
@settings(deadline=None)
def test_a_batch_of_nobody_names_nobody(batch: Batch) -> None:
    who = (batch.mpid, batch.user_identities, batch.partner_identities, batch.partner_identity)
    assert who == (None, None, None, None)


def test_a_user_can_be_an_mpid() -> None:
    assert smallest(batches(user=True, mpid=7)) == Batch.for_user(mpid=7)


@given(sessions(timed=True, ended=True))
@settings(deadline=None)
def test_a_session_with_a_time_ends_with_its_duration(session: Session) -> None:
    last = session.events[-1]
    assert isinstance(last, SessionEndEvent)
    assert last.session_duration_ms == last.at - session.at
    assert session.at is not None


@given(sessions(timed=False, ended=True))
@settings(deadline=None)
def test_a_session_without_times_ends_too(session: Session) -> None:
    assert isinstance(session.events[-1], SessionEndEvent)
    assert session.at is None


def test_sessions_are_of_all_kinds() -> None:
    def kind(session: Session) -> Any:
        return [(session.at is not None, isinstance(session.events[-1], SessionEndEvent))]

    kinds = {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert seen(sessions(), kind, kinds) == kinds
    assert seen(sessions(ended=False, timed=True), kind) == {(1, 0)}


def test_a_batch_can_be_drawn_of_sessions() -> None:
    def types(batch: Batch) -> Any:
        return {batch.events[0].event_type, batch.events[-1].event_type}

    drawn = batches(events=sessions(ended=True), min_events=1)
    edges = {"session_start", "session_end"}
    assert seen(drawn, types, edges) == edges


class ShopVerbs(EventVerbs):
    __slots__ = ()


class ShopBatch(ShopVerbs, Batch):
    __slots__ = ()


class ShopSession(ShopVerbs, Session):
    __slots__ = ()


class Teapot(Product):
    __slots__ = ()


def test_own_classes_are_drawn() -> None:
    assert seen(batches(ShopBatch), lambda batch: [type(batch)]) == {ShopBatch}
    assert seen(values(ShopBatch), lambda batch: [type(batch)]) == {ShopBatch}
    assert seen(sessions(ShopSession), lambda session: [type(session)]) == {ShopSession}
    assert seen(values(Teapot), lambda product: [type(product)]) == {Teapot}


@given(st.data())
@settings(max_examples=settings.default.max_examples // 2)
def test_sizes_are_bounded(data: st.DataObject) -> None:
    assert len(data.draw(batches(max_events=1)).events) <= 1
    assert len(data.draw(batches(min_events=5)).events) == 5
    assert data.draw(batches(max_events=0, max_fields=0)) == Batch()
    assert len(data.draw(products(max_fields=0))._keys) == 1
    assert len(data.draw(devices(max_fields=2))._keys) <= 2
    assert len(data.draw(texts(2, 3))) in (2, 3)
    assert len(data.draw(names(1))) == 1
    assert len(data.draw(sessions(max_events=0, ended=False)).events) == 1


# What is given


@pytest.mark.parametrize(
    ("strategy", "field", "expected"),
    [
        (products(price=Decimal("19.99")), "price", {Decimal("19.99")}),
        (products(id="sku-1", name=None), "name", {None}),
        (products(quantity=st.integers(1, 2)), "quantity", {1, 2}),
        (promotions(id=None), "id", {None}),
        (identities(customer_id="123456"), "customer_id", {"123456"}),
        (devices(platform=None), "platform", {None}),
        (consents(gdpr=None), "gdpr", {None}),
        (events(type="search"), "type", {"search"}),
        (events(ScreenViewEvent, screen_name="Home"), "screen_name", {"Home"}),
        (events(at="2026-11-23T10:15:00Z"), "at", {1795428900000}),
        (events(UserAttributeChangeEvent, new=None), "new", {None}),
        (events(new=None), "new", {None}),
        (events(CommerceEvent, product_impressions=None), "product_impressions", {None}),
        (events(application_transition_type="application_exit"), "is_upgrade", {None, False}),
        (batches(environment="production"), "environment", {"production"}),
        (batches(user_identities=None), "user_identities", {None}),
        (batches(mpid=st.integers(7, 8)), "mpid", {7, 8}),
        (values(GeoLocation, latitude=1), "latitude", {1}),
        (session_events(at=None), "at", {None}),
    ],
)
def test_what_is_given_of_a_field_holds(strategy: Any, field: str, expected: Any) -> None:
    assert seen(strategy, lambda value: [getattr(value, field)], expected) == expected


def test_what_is_given_of_tied_fields_decides_the_others() -> None:
    bought = ProductAction("purchase", [Product("sku-1")])
    event = smallest(events(CommerceEvent, product_action=bought))
    assert event == CommerceEvent(product_action=bought)
    drawn = events(CommerceEvent, product_action=values(ProductAction, action="refund"))
    assert seen(drawn, lambda event: [event.product_action.action]) == {"refund"}
    first = events(ApplicationStateTransitionEvent, is_first_run=True)
    assert seen(first, lambda event: [event.application_transition_type]) == {
        "application_initialized"
    }


def test_only_classes_that_can_have_what_is_given_are_drawn() -> None:
    def kind(event: Any) -> Any:
        return [type(event)]

    assert seen(events(type="search"), kind) == {AppEvent}
    assert seen(events(new="pro"), kind) == {UserAttributeChangeEvent}
    changes: Any = {UserAttributeChangeEvent, UserIdentityChangeEvent}
    assert seen(events(new=None), kind, changes) == changes
    both: Any = {AppEvent, ScreenViewEvent}
    assert seen(events(AppEvent, ScreenViewEvent, at=0), kind, both) == both


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: products(prize=1),
            UnknownField,
            "products() has no field 'prize'; did you mean 'price'?",
        ),
        (
            lambda: events(custom_attributes={}),
            UnknownField,
            "events() has no field 'custom_attributes'; did you mean 'attributes'?",
        ),
        (
            lambda: events(AppEvent, screen_name="Home"),
            UnknownField,
            "events() has no field 'screen_name'; did you mean 'event_name'?",
        ),
        (
            lambda: batches(enviroment="development"),
            UnknownField,
            "batches() has no field 'enviroment'; did you mean 'environment'?",
        ),
        (
            lambda: devices(platform="ios"),
            InvalidValue,
            "devices(platform='ios'): 'ios' is not a platform; did you mean 'iOS'? "
            "(iOS, Android, web, …)",
        ),
        (
            lambda: events(type="commerce_event"),
            InvalidValue,
            "events(type='commerce_event'): type is the kind of a custom event, such as 'search'; "
            "write events(CommerceEvent)",
        ),
        (
            lambda: events("commerce_event"),  # type: ignore[call-overload]
            InvalidValue,
            "events('commerce_event'): want a class, got str; write events(AppEvent)",
        ),
        (
            lambda: events(type="search", screen_name="Home"),
            UnknownField,
            "events() has no field 'screen_name'; did you mean 'event_name'?",
        ),
        (
            lambda: events(AppEvent, event_name=None),
            InvalidValue,
            "events() needs event_name; write events(event_name=…)",
        ),
        (
            lambda: batches(events=[AppEvent("x")]),  # type: ignore[call-overload]
            InvalidValue,
            "batches(events=[AppEvent(event_name='x', type='other')]): want a strategy, got list; "
            "write batches(events=events(AppEvent))",
        ),
        (
            lambda: products(max_fields=-1),
            InvalidValue,
            "products(max_fields=-1): want how many at most; write max_fields=3",
        ),
        (
            lambda: sessions(max_events=1.5),  # type: ignore[call-overload]
            InvalidValue,
            "sessions(max_events=1.5): want how many at most; write max_events=3",
        ),
        (
            lambda: bad_values(Product, "prize"),
            UnknownField,
            "bad_values() has no field 'prize'; did you mean 'price'?",
        ),
        (
            lambda: bad_values("Product"),  # type: ignore[arg-type]
            InvalidValue,
            "bad_values('Product'): want a class, got str; write bad_values(Product)",
        ),
    ],
)
def test_a_mistake_is_told_where_the_strategy_is_made(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        call()

    assert str(caught.value) == text


def test_a_strategy_prints_in_a_line() -> None:
    for drawn in (batches(), products(price=1), sessions(), bad_values(Product)):
        assert len(repr(drawn)) < 60


# Shrinking


# What is marked takes seconds each to search; the others shrink the same parts.
param, slow = pytest.param, pytest.mark.slow


def has_type(event_type: str) -> Any:
    return lambda batch: any(event.event_type == event_type for event in batch.events)


@pytest.mark.parametrize(
    ("strategy", "condition", "expected"),
    [
        (batches(), lambda batch: True, Batch()),
        (batches(), has_type("custom_event"), Batch().event("0")),
        param(batches(), has_type("crash_report"), Batch().crash_report(message=""), marks=slow),
        param(
            batches(max_fields=1, events=events(AppEvent)),
            lambda batch: any(event.attributes for event in batch.events),
            Batch().event("0", {"0": ""}),
            marks=slow,
        ),
        param(
            batches(),
            lambda batch: batch.user_attributes and None in batch.user_attributes.values(),
            Batch().with_user_attributes({"0": None}),
            marks=slow,
        ),
        (
            batches(max_events=1),
            lambda batch: batch.device_info and batch.device_info.platform,
            Batch().with_device(platform="iOS"),
        ),
        (products(), lambda product: True, Product("0")),
        (products(), lambda product: product.price, Product("0", price=1)),
        (products(), lambda product: product.name, Product(name="0")),
        param(
            products(),
            lambda product: product.custom_attributes,
            Product("0", custom_attributes={"0": ""}),
            marks=slow,
        ),
        (events(AppEvent), lambda event: True, AppEvent("0")),
        (events(AppEvent, ScreenViewEvent), lambda event: True, AppEvent("0")),
        param(
            events(AppEvent),
            lambda event: True in (event.attributes or {}).values(),
            AppEvent("0", {"0": True}),
            marks=slow,
        ),
        (attributes(), lambda found: len(found) > 0, {"0": ""}),
        (user_attributes(), lambda found: any(map(bool, found.values())), {"0": "0"}),
        (scalars(), lambda value: True, ""),
        (numbers(), lambda value: True, 0),
        (milliseconds(), lambda value: True, 1_500_000_000_000),
        (instants(), lambda value: isinstance(value, str), "2000-01-01T00:00:00+00:00"),
        (sessions(), lambda session: True, Session.start(session_id=0)),
        param(
            sessions(events=session_events(AppEvent), ended=False),
            lambda session: len(session.events) > 2,
            Session.start(session_id=0).event("0").event("0"),
            marks=slow,
        ),
        (consents(), lambda consent: True, ConsentState()),
    ],
)
def test_a_failure_shrinks_to_what_one_would_have_written(
    strategy: Any, condition: Any, expected: Any
) -> None:
    assert smallest(strategy, condition) == expected


def test_a_failure_that_is_explained_shrinks_further() -> None:
    explained = settings(phases=list(Phase))

    assert find(attributes(), bool, random=random.Random(0), settings=explained) == {"0": None}


# Bad values


def needed(cls: type[Any]) -> dict[str, Any]:
    """Return what a value of the class must have."""
    return minimal(cls)._given()  # type: ignore[no-any-return]


def written(bad: BadValue) -> None:
    """Write a bad value where it does not belong."""
    if issubclass(bad.of, Batch):
        Batch().__replace__(**{bad.field: bad.value})
    else:
        bad.of(**{**needed(bad.of), bad.field: bad.value})


@pytest.mark.parametrize("cls", VALUE_CLASSES)
def test_no_field_takes_a_bad_value_and_the_error_names_the_field(cls: type[Any]) -> None:
    @given(bad_values(cls))
    # fewer draws may miss half of the fields of a large class, and each draw is of one field
    @settings(max_examples=min(4, 1 + len(cls._fields) // 8) * settings.default.max_examples)
    def refused(bad: BadValue) -> None:
        with pytest.raises(InvalidBatch) as caught:
            written(bad)
        assert re.search(rf"\b{bad.field}\b", str(caught.value)), caught.value

        given_to.add(bad.field)

    given_to: set[str] = set()
    refused()
    assert len(given_to) > len(cls._fields) / 2


@pytest.mark.parametrize("cls", VALUE_CLASSES)
def test_an_integer_that_cannot_be_printed_is_refused_by_every_field(cls: type[Any]) -> None:
    for name in cls._fields.keys() - {"events"}:
        with pytest.raises(InvalidBatch, match="int"):
            written(BadValue(cls, name, 10**5000))


VERBS: list[tuple[str, type[Any], tuple[str, ...], Any]] = [
    ("with_identities", UserIdentities, (), lambda **bad: Batch().with_identities(**bad)),
    ("for_user", UserIdentities, (), lambda **bad: Batch.for_user(**bad)),
    ("with_device", DeviceInformation, (), lambda **bad: Batch().with_device(**bad)),
    ("event", AppEvent, ("attributes", "at", "type", "flags", "location"), lambda **bad: (
        Batch().event("x", **bad)
    )),
    ("screen_view", ScreenViewEvent, (), lambda **bad: Batch().screen_view(
        **{"screen_name": "x", **bad}
    )),
    ("purchase", ProductAction, ("total_amount", "transaction_id", "checkout_step"), lambda **bad: (
        Batch().purchase(Product("sku-1"), **bad)
    )),
    ("with_location", GeoLocation, ("accuracy", "location_source"), lambda **bad: (
        Batch().with_location(0, 0, **bad)
    )),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "cls", "fields", "call"), VERBS, ids=[v[0] for v in VERBS])
def test_no_verb_takes_a_bad_value(verb: str, cls: Any, fields: Any, call: Any) -> None:
    @given(bad_values(cls, *fields))
    @settings(max_examples=2 * settings.default.max_examples)
    def refused(bad: BadValue) -> None:
        with pytest.raises(InvalidBatch) as caught:
            call(**{bad.field: bad.value})
        assert re.search(rf"\b{bad.field}\b", str(caught.value)), caught.value

    refused()


def test_bad_values_are_of_any_class_if_none_is_named() -> None:
    classes = set(VALUE_CLASSES)
    assert seen(bad_values(), lambda bad: [bad.of], classes) == classes


@pytest.mark.parametrize(
    ("cls", "field", "kinds"),
    [
        (Product, "price", {str, bool, float, Decimal, int, list, dict, bytes}),
        (Product, "brand", {int, float, bool, bytes, str, list, dict}),
        (AppEvent, "at", {int, float, str, bool, list, dict, bytes}),
        (AppEvent, "attributes", {dict, list, str, int, float, bool, bytes}),
        (DeviceInformation, "platform", {str, int, float, bool, list, dict}),
        (ScreenViewEvent, "screen_name", {str, int, type(None)}),
    ],
)
def test_bad_values_are_of_many_kinds(cls: type[Any], field: str, kinds: set[type]) -> None:
    found = seen(bad_values(cls, field), lambda bad: [type(bad.value)], kinds)

    assert found >= kinds


def some_bad(cls: type[Any], field: str, condition: Any) -> Any:
    # some are rare, and hypothesis draws otherwise where other modules are loaded
    return smallest(bad_values(cls, field), lambda bad: condition(bad.value), 20_000).value


def test_the_bad_values_are_those_that_people_write() -> None:
    def is_text(*texts: str) -> Any:
        return lambda value: isinstance(value, str) and value in texts

    def is_int(low: int, high: int) -> Any:
        return lambda value: type(value) is int and low <= value <= high

    assert some_bad(DeviceInformation, "platform", is_text("IOS")) == "IOS"
    assert some_bad(AppEvent, "event_name", is_text("")) == ""
    assert some_bad(AppEvent, "at", is_int(10**9, 2 * 10**9)) in range(10**9, 2 * 10**9)
    assert some_bad(Product, "price", is_int(2**63, 2**64)) == 2**63
    nan = some_bad(Product, "price", lambda value: value != value)
    assert isinstance(nan, float | Decimal)
    lone = some_bad(
        Product, "brand", lambda value: isinstance(value, str) and "\ud800" <= value[-1] <= "\udfff"
    )
    with pytest.raises(UnicodeEncodeError):
        lone.encode()


def test_a_bad_value_prints_however_hard_it_is_to_print() -> None:
    assert repr(BadValue(Product, "price", 10**5000)) == (
        "BadValue(Product, 'price', <int of 16610 bits>)"
    )


def test_the_fixed_events_of_our_own_tests_are_what_is_needed() -> None:
    assert {event.event_type for event in minimal_events()} == set(Event._by_type)


# Without hypothesis


def test_without_hypothesis_the_error_says_what_to_install() -> None:
    assert error_without("hypothesis", "import mpfluent.testing.strategies") == (
        "ImportError | mpfluent.testing.strategies needs hypothesis; "
        "write pip install hypothesis | hypothesis\n"
    )


def test_the_kit_without_strategies_needs_no_hypothesis() -> None:
    code = """
import sys
sys.modules["hypothesis"] = None
from mpfluent.testing import *
from mpfluent.testing import LocalServer, a_user
print(len(a_user().user_identities._keys))
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )

    assert run.stdout == "2\n"
