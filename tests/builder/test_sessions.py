"""The laws of sessions: numbers, ids, times, and their errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import MOMENT, MOMENT_MS, UUID

from mpfluent import (
    AppEvent,
    Batch,
    InvalidTime,
    InvalidValue,
    OptOutEvent,
    ScreenViewEvent,
    Session,
    SessionEndEvent,
    SessionStartEvent,
    UnknownField,
)
from mpfluent.testing.strategies import (
    batches,
    instants,
    milliseconds,
    session_events,
    sessions,
    uuids,
)

SESSION_GIVES = {"session_uuid", "session_id", "event_num"}


def numbers_of(session: Session) -> list[Any]:
    return [event.event_num for event in session.events]


def times_of(session: Session) -> list[Any]:
    return [event.at for event in session.events]


@given(sessions())
@settings(deadline=None)
def test_the_events_of_a_session_are_numbered_from_zero(session: Session) -> None:
    assert numbers_of(session) == list(range(len(session.events)))


@given(sessions(ended=False), session_events())
@settings(deadline=None)
def test_every_event_inherits_the_ids(session: Session, event: Any) -> None:
    for each in session.add(event).events:
        assert each.session_uuid == session.session_uuid
        assert each.session_id == session.session_id


@given(sessions())
@settings(deadline=None)
def test_a_session_begins_with_its_start(session: Session) -> None:
    assert type(session.events[0]) is SessionStartEvent
    assert session.events[0].at == session.at


@given(sessions(timed=False, ended=False), st.lists(session_events(), max_size=3))
@settings(deadline=None)
def test_a_session_changes_nothing_else_of_an_event(session: Session, given_: list[Any]) -> None:
    placed = session.add(*given_).events[len(session.events) :]
    for before, after in zip(given_, placed, strict=True):
        kept = {
            name: value
            for name, value in after._given().items()
            if name not in {*SESSION_GIVES, "at"}
        }
        assert kept == {name: value for name, value in before._given().items() if name != "at"}
        assert type(after) is type(before)


@given(milliseconds(), st.lists(st.none() | milliseconds(), max_size=5))
@settings(deadline=None)
def test_an_event_without_a_time_happens_with_the_one_before(
    start: int, times: list[int | None]
) -> None:
    session = Session.start(session_id=1, at=start)
    expected = [start]
    for at in times:
        session = session.event("x", at=at)
        expected.append(expected[-1] if at is None else at)
    assert times_of(session) == expected


@given(instants(), st.lists(st.integers(0, 10**9), max_size=5))
@settings(deadline=None)
def test_after_counts_from_the_event_before(start: Any, gaps: list[int]) -> None:
    (first,) = Session.start(session_id=1, at=start).events
    if not 0 < first.at < 2**62:
        return
    in_seconds = in_deltas = Session.start(session_id=1, at=start)
    expected = [first.at]
    for gap in gaps:
        in_seconds = in_seconds.event("x", after=gap / 1000)
        in_deltas = in_deltas.event("x", after=timedelta(milliseconds=gap))
        expected.append(expected[-1] + gap)
    assert times_of(in_seconds) == expected
    assert times_of(in_deltas) == expected
    ended = in_deltas.end()
    assert ended.events[-1].session_duration_ms == sum(gaps)


@pytest.mark.parametrize(
    ("after", "milliseconds"),
    [
        (0, 0),
        (0.0, 0),
        (1, 1000),
        (1.5, 1500),
        (0.001, 1),
        (0.0004, 0),
        (0.29, 290),
        (3600, 3_600_000),
        (timedelta(0), 0),
        (timedelta(days=1), 86_400_000),
        (timedelta(microseconds=1500), 2),
    ],
)
def test_after_is_seconds_or_a_timedelta(after: Any, milliseconds: int) -> None:
    session = Session.start(session_id=1, at=MOMENT).screen_view("Home", after=after)
    assert times_of(session) == [MOMENT_MS, MOMENT_MS + milliseconds]


def test_after_and_at_can_follow_each_other() -> None:
    session = (
        Session.start(UUID, at=MOMENT)
        .screen_view("Home", after=1.5)
        .event("Searched", at=datetime(2026, 11, 23, 11, tzinfo=UTC))
        .event("Found", after=20)
        .event("Read")
    )
    eleven = MOMENT_MS + 45 * 60_000
    assert times_of(session) == [
        MOMENT_MS,
        MOMENT_MS + 1500,
        eleven,
        eleven + 20_000,
        eleven + 20_000,
    ]


def test_the_end_has_the_duration_from_the_start() -> None:
    session = Session.start(session_id=1, at=MOMENT).event("x", after=20)
    assert session.end().events[-1] == SessionEndEvent(
        20_000, at=MOMENT_MS + 20_000, session_id=1, event_num=2
    )
    assert session.end(after=5).events[-1].session_duration_ms == 25_000
    assert session.end(after=5).events[-1].at == MOMENT_MS + 25_000
    at_noon = session.end(at="2026-11-23T12:00:00Z").events[-1]
    assert at_noon.session_duration_ms == 105 * 60_000
    assert session.end(after=0, attributes={"k": "v"}).events[-1].attributes == {"k": "v"}
    assert Session.start(session_id=1, at=MOMENT).end().events[-1].session_duration_ms == 0


def test_a_session_can_end_at_the_epoch() -> None:
    start = -(10**11)
    session = Session.start(session_id=1, at=start).end(at=0)
    assert times_of(session) == [start, 0]
    assert session.events[-1].session_duration_ms == 10**11


def test_a_session_without_times_has_none() -> None:
    session = Session.start(UUID).screen_view("Home").event("Searched").session_end(60_000)
    assert times_of(session) == [None] * 4
    assert numbers_of(session) == [0, 1, 2, 3]
    data = json.loads(Batch().add(session).to_json())["events"]
    assert all("timestamp_unixtime_ms" not in event["data"] for event in data)
    assert {event["data"]["session_uuid"] for event in data} == {UUID}


def test_a_time_in_the_middle_of_a_session_without_times_is_counted_from() -> None:
    session = Session.start(UUID).event("a").event("b", at=MOMENT).event("c", after=1)
    assert times_of(session) == [None, None, MOMENT_MS, MOMENT_MS + 1000]


@given(sessions(), batches(max_fields=2, max_events=2))
@settings(deadline=None)
def test_a_session_is_added_as_its_events(session: Session, batch: Batch) -> None:
    added = batch.add(session)
    assert added == batch.add(*session.events)
    assert added.events == (*batch.events, *session.events)
    assert Batch.from_json(added.to_json()) == added


@given(sessions(ended=False))
@settings(deadline=None)
def test_a_session_is_a_value(session: Session) -> None:
    again = Session.start(session.session_uuid, session_id=session.session_id, at=session.at).add(
        *(
            event._with(dict.fromkeys(("session_uuid", "session_id", "event_num")))
            for event in session.events[1:]
        )
    )
    assert again == session
    assert hash(again) == hash(session)
    before = session.events
    assert session.event("more") != session
    assert session.events == before


@given(uuids() | st.none(), st.integers(-(2**63), 2**63 - 1))
@settings(deadline=None)
def test_a_session_needs_one_of_two_ids(uuid: Any, number: int) -> None:
    session = Session.start(uuid, session_id=number)
    assert session.session_id == number
    assert session.session_uuid == (None if uuid is None else str(uuid))


class SessionVerbs(Session):
    """A subclass of a session."""

    __slots__ = ()


def test_a_sessions_type_is_kept() -> None:
    session = SessionVerbs.start(session_id=1, at=MOMENT)
    for derived in (session, session.event("x"), session.add(AppEvent("x")), session.end()):
        assert type(derived) is SessionVerbs


def test_the_keywords_of_start_and_end_reach_their_events() -> None:
    session = Session.start(
        session_id=1, at=MOMENT, attributes={"k": 1}, source_message_id="m-1"
    ).end(flags={"Google.Label": "x"})
    assert session.events[0].attributes == {"k": 1}
    assert session.events[0].source_message_id == "m-1"
    assert session.events[1].flags == {"Google.Label": "x"}


TIMED = Session.start(session_id=1, at=MOMENT)
UNTIMED = Session.start(UUID)
ERRORS = [
    (
        lambda: Session.start(),
        InvalidValue,
        "start() needs a session_uuid or a session_id; write Session.start(str(uuid.uuid4()))",
    ),
    (
        lambda: Session.start("x"),
        InvalidValue,
        "start(session_uuid='x'): is not a UUID (8-4-4-4-12 hexadecimal digits); "
        "write session_uuid=str(uuid.uuid4())",
    ),
    (
        lambda: Session.start(session_id=2**63),
        InvalidValue,
        "start(session_id=9223372036854775808): does not fit 64 bits; "
        "mParticle takes -9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: Session.start(UUID, at=1_552_596_256),
        InvalidTime,
        "at=1552596256 looks like seconds since the epoch; mParticle wants milliseconds: "
        "write at=1552596256000",
    ),
    (
        lambda: UNTIMED.event("x", after=1),
        InvalidTime,
        "event(after=1): the session has no time to count from; write Session.start(…, at=…)",
    ),
    (
        lambda: TIMED.event("x", after=-1),
        InvalidTime,
        "event(after=-1): an event cannot be before the last",
    ),
    (
        lambda: TIMED.event("x", after=timedelta(seconds=-1)),
        InvalidTime,
        "event(after=datetime.timedelta(days=-1, seconds=86399)): "
        "an event cannot be before the last",
    ),
    (
        lambda: TIMED.event("x", after="1"),
        InvalidTime,
        "event(after='1'): want seconds or a timedelta, got str; write after=1.5",
    ),
    (
        lambda: TIMED.event("x", after=True),
        InvalidTime,
        "event(after=True): want seconds or a timedelta, got bool; write after=1.5",
    ),
    (
        lambda: TIMED.event("x", after=float("nan")),
        InvalidTime,
        "event(after=nan): want seconds, as a finite number; write after=1.5",
    ),
    (
        lambda: TIMED.event("x", after=float("inf")),
        InvalidTime,
        "event(after=inf): want seconds, as a finite number; write after=1.5",
    ),
    (
        lambda: TIMED.screen_view("Home", after=1, at=MOMENT),
        InvalidValue,
        "screen_view(at=…, after=…): an event has one time; write one of them",
    ),
    (
        lambda: UNTIMED.end(),
        InvalidValue,
        "end() cannot tell the duration of a session without times; "
        "write Session.start(…, at=…) or session_end(duration_in_ms)",
    ),
    (
        lambda: TIMED.end(at="2026-11-23T10:14:59Z"),
        InvalidTime,
        "end(at=…) is 1000 ms before the start of the session",
    ),
    (
        lambda: TIMED.end().event("x"),
        InvalidValue,
        "event(): the session has ended; write event(…) before end(…)",
    ),
    (
        lambda: TIMED.end().add(AppEvent("x")),
        InvalidValue,
        "add(): the session has ended; write add(…) before end(…)",
    ),
    (
        lambda: TIMED.end().end(),
        InvalidValue,
        "end(): the session has ended; write end(…) once",
    ),
    (
        lambda: TIMED.event("x", session_id=2),
        InvalidValue,
        "event(session_id=…): the session gives its events their session_id; "
        "write it in Session.start(…) or leave it out",
    ),
    (
        lambda: TIMED.event("x", event_num=2),
        InvalidValue,
        "event(event_num=…): the session gives its events their event_num; "
        "write it in Session.start(…) or leave it out",
    ),
    (
        lambda: TIMED.add(AppEvent("x", session_id=2)),
        InvalidValue,
        "add(): the event belongs to another session, session_id=2; "
        "make it without session_id, or write batch.add(event)",
    ),
    (
        lambda: TIMED.add("x"),
        InvalidValue,
        "add('x'): want an event, got str; write add(AppEvent('Name'))",
    ),
    (
        lambda: TIMED.add(OptOutEvent),
        InvalidValue,
        "add(<class 'mpfluent.model.events.OptOutEvent'>): want an event, got type; "
        "write add(AppEvent('Name'))",
    ),
]


@pytest.mark.parametrize(("mistake", "kind", "text"), ERRORS, ids=[row[2][:50] for row in ERRORS])
def test_a_mistake_in_a_session_is_an_error(mistake: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind) as caught:
        mistake()
    assert type(caught.value) is kind
    assert str(caught.value) == text


def test_the_time_of_a_session_cannot_leave_64_bits() -> None:
    late = Session.start(session_id=1, at=2**63 - 1)
    for mistake in (
        lambda: late.event("x", after=1),
        lambda: late.end(after=timedelta(days=1)),
        lambda: TIMED.event("x", after=1e300),
        lambda: TIMED.event("x", after=10**400),
    ):
        with pytest.raises((InvalidTime, InvalidValue)):
            mistake()


def test_an_event_of_the_same_session_can_be_added() -> None:
    session = TIMED.add(ScreenViewEvent("Home", session_id=1))
    assert session.events[1].session_id == 1
    assert session.events[1].event_num == 1


def test_only_a_session_knows_after() -> None:
    with pytest.raises(UnknownField) as caught:
        Batch().event("x", after=1)
    assert "only a Session places its events relative to each other" in str(caught.value)
