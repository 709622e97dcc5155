"""Reading a batch's events as what they are, and subclasses of a session."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from mpfluent import (
    AppEvent,
    Batch,
    CommerceEvent,
    CustomEvent,
    Event,
    EventVerbs,
    InvalidValue,
    Product,
    ScreenViewEvent,
    Session,
    SessionEndEvent,
    SessionStartEvent,
)
from mpfluent.testing.strategies import batches, sessions
from mpfluent.testing.strategies.records import EVENT_CLASSES

BATCH = (
    Batch().screen_view("Home").event("Searched").purchase(Product("sku-1")).screen_view("Found")
)
SESSION = Session.start(session_id=42, at="2026-11-23T10:15:00Z").event("Searched").end(after=5)


def test_events_of_one_class_are_read_in_order() -> None:
    assert BATCH.events.of(ScreenViewEvent) == (BATCH.events[0], BATCH.events[3])
    assert BATCH.events.of(CommerceEvent)[0].product_action.products[0].id == "sku-1"
    assert BATCH.events.of(AppEvent) == BATCH.events.of(CustomEvent) == (BATCH.events[1],)
    assert BATCH.events.of(Event) == BATCH.events
    assert BATCH.events.of(SessionEndEvent) == Batch().events.of(AppEvent) == ()
    assert SESSION.events.of(SessionEndEvent)[0].session_duration_ms == 5000
    assert Batch().add(SESSION).events.of(SessionStartEvent) == (SESSION.events[0],)


def test_a_subclass_is_read_as_its_base_and_as_itself() -> None:
    class Search(AppEvent):
        pass

    batch = Batch().event("x").add(Search("Searched"))
    assert batch.events.of(Search) == (batch.events[1],)
    assert batch.events.of(AppEvent) == batch.events


@given(batches() | sessions())
def test_every_event_is_of_exactly_one_class(chain: Any) -> None:
    found = [event for cls in EVENT_CLASSES for event in chain.events.of(cls)]
    assert sorted(map(id, found)) == sorted(map(id, chain.events.of(Event)))


@pytest.mark.parametrize(
    ("kind", "got", "line"),
    [
        ("screen_view", "str", "of(ScreenViewEvent)"),
        ("purchase", "str", "of(CommerceEvent)"),
        (AppEvent("x"), "AppEvent", "of(AppEvent)"),
        (Product, "type", "of(CommerceEvent)"),
        (None, "NoneType", "of(CommerceEvent)"),
        ([AppEvent], "list", "of(CommerceEvent)"),
    ],
)
def test_what_is_no_class_of_events_is_answered_with_the_line_to_write(
    kind: Any, got: str, line: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        BATCH.events.of(kind)
    text = str(caught.value)
    assert text.startswith("of(")
    assert text.endswith(f": want a class of events, got {got}; write {line}")


def test_a_session_has_pipe() -> None:
    def visited(session: Session, *screens: str, after: float = 0) -> Session:
        for screen in screens:
            session = session.screen_view(screen, after=after)
        return session

    piped = SESSION.__class__.start(session_id=42, at=0).pipe(visited, "Home", "Found", after=1.5)
    assert [event.at for event in piped.events] == [0, 1500, 3000]
    assert piped.pipe(lambda session: len(session.events)) == 3
    with pytest.raises(InvalidValue) as caught:
        piped.pipe(None)  # type: ignore[arg-type]
    assert str(caught.value) == "pipe(None): want a function, got NoneType; write pipe(function)"


def test_a_vocabulary_of_sessions_keeps_its_class_in_pipe() -> None:
    class ShopVerbs(EventVerbs):
        def signed_up(self) -> Any:
            return self.event("Signed up")

    class ShopSession(ShopVerbs, Session):
        pass

    piped = ShopSession.start(session_id=42).pipe(ShopSession.signed_up)
    assert type(piped) is ShopSession
    assert piped.events[1].event_num == 1
