"""Which verb sets a field or makes an event is declared once, and everybody reads it there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from strategies import example, full_events, minimal_events

from mpfluent import (
    ApplicationStateTransitionEvent,
    Batch,
    CommerceEvent,
    Event,
    EventVerbs,
    ProductAction,
    Promotion,
    Session,
    UserIdentities,
)
from mpfluent.testing.event_names import names_of
from mpfluent.testing.strategies.batches import said
from mpfluent.testing.strategies.records import EVENT_CLASSES, words

COMMERCE_VERBS, CONTEXT_VERBS = (
    next(base for base in Batch.__mro__ if base.__name__ == name)
    for name in ("CommerceVerbs", "ContextVerbs")
)


def public(*classes: type[Any]) -> set[str]:
    """Return the verbs that these classes define."""
    return {
        name
        for cls in classes
        for name, member in vars(cls).items()
        if callable(member) and not name.startswith("_")
    }


# Events


def events() -> Iterator[Event]:
    """Yield an event for each verb, by its constructor where several verbs make one class."""
    yield from minimal_events()
    for action in words(ProductAction, ProductAction._fields["action"]):
        yield CommerceEvent(product_action=ProductAction(action))
    transition = ApplicationStateTransitionEvent
    for word in ("initialized", "foreground", "background", "exit"):
        yield transition(f"application_{word}")  # type: ignore[arg-type]
    yield transition.create_install_event()
    yield transition.create_upgrade_event()
    batch = Batch().promotion_view(Promotion("promo-1")).promotion_click(Promotion("promo-1"))
    batch = batch.attribution("a", "b").attribution_delete().re_engagement(campaign="b")
    yield from batch.ltv_increase(5).events


EVENTS = [*events()]


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_an_event_class_says_which_verb_makes_it(cls: type[Event]) -> None:
    makers = [event._made_by() for event in (*EVENTS, *full_events()) if type(event) is cls]

    assert makers
    assert None not in makers


@pytest.mark.parametrize("kind", [Batch, Session])
def test_each_verb_that_an_event_names_exists(kind: type[Any]) -> None:
    named = {str(event._made_by()) for event in (*EVENTS, *full_events())}

    assert {name for name in named if not callable(getattr(kind, name, None))} == set()


def test_each_verb_that_appends_an_event_is_named_by_one() -> None:
    assert {event._made_by() for event in EVENTS} == public(EventVerbs, COMMERCE_VERBS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event._made_by())
def test_the_code_of_an_event_uses_the_verb_that_it_names(event: Event) -> None:
    code = Batch().add(event).to_python()

    assert "".join(code.split()).lstrip("(").startswith(f"Batch().{event._made_by()}(")


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event._made_by())
def test_an_event_is_found_by_the_verb_that_it_names(event: Event) -> None:
    # event() makes every custom event, so that its name would find them all
    assert (event._made_by() in names_of(event)) == (event._made_by() != "event")


# Fields of the context

FIELDS = CONTEXT_VERBS._fields


def settable(field: Any) -> list[Any]:
    """Return the fields that have verbs: this one, and those of its record."""
    inner = field.of._fields.values() if field.kind.name == "record" else ()
    return [each for each in (field, *inner) if each.verb is not None]


def test_each_verb_that_sets_context_is_named_by_one_field() -> None:
    named = [each.verb for field in FIELDS.values() for each in settable(field)]
    verbs = {name for name in public(CONTEXT_VERBS) if name.startswith("with_")}

    assert sorted(map(str, named)) == sorted(verbs)


def test_only_the_version_of_another_sdk_has_no_verb() -> None:
    assert [name for name, field in FIELDS.items() if not settable(field)] == ["sdk_version"]


@pytest.mark.parametrize("name", FIELDS)
def test_strategies_set_a_field_by_the_verb_that_it_names(name: str) -> None:
    value = example(Batch, FIELDS[name])[0]

    assert said(Batch(), name, value) == Batch.from_dict({name: example(Batch, FIELDS[name])[1]})


@pytest.mark.parametrize(
    "name", [name for name in FIELDS if name not in ("mpid", "user_identities", "sdk_version")]
)
def test_the_code_of_a_field_uses_a_verb_that_it_names(name: str) -> None:
    known = Batch.for_user(mpid=7)
    code = said(known, name, example(Batch, FIELDS[name])[0]).to_python()

    assert "from_dict" not in code
    assert any(f".{each.verb}(" in code for each in settable(FIELDS[name]))


def test_the_user_is_what_the_code_begins_with() -> None:
    batch = said(Batch.for_user(mpid=7), "user_identities", UserIdentities(customer_id="1"))

    assert batch.to_python() == 'Batch.for_user(customer_id="1", mpid=7)'
