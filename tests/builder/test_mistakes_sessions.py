"""What a session cannot do with its events and times, and the errors' texts."""

from __future__ import annotations

from datetime import timedelta

from mistake_tables import HUGE, INFINITY, NAN, NOW, SESSION, Mute, assert_error, mistakes

from mpfluent import AppEvent, InvalidTime, InvalidValue, Session

TIMELESS = Session.start(session_id=42)


@mistakes(
    (
        lambda: TIMELESS.event("Searched", after=5),
        InvalidTime,
        "event(after=5): the session has no time to count from; write Session.start(…, at=…)",
    ),
    (
        lambda: SESSION.event("Searched", after=-5),
        InvalidTime,
        "event(after=-5): an event cannot be before the last",
    ),
    (
        lambda: SESSION.event("Searched", after=timedelta(seconds=-1)),
        InvalidTime,
        "event(after=datetime.timedelta(days=-1, seconds=86399)): an event cannot be before the "
        "last",
    ),
    (
        lambda: SESSION.event("Searched", after="5"),
        InvalidTime,
        "event(after='5'): want seconds or a timedelta, got str; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=True),
        InvalidTime,
        "event(after=True): want seconds or a timedelta, got bool; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=Mute()),
        InvalidTime,
        "event(after=<Mute>): want seconds or a timedelta, got Mute; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=NAN),
        InvalidTime,
        "event(after=nan): want seconds, as a finite number; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=INFINITY),
        InvalidTime,
        "event(after=inf): want seconds, as a finite number; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=1e300),
        InvalidTime,
        "event(after=1e+300): the time does not fit 64 bits; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=HUGE),
        InvalidTime,
        "event(after=<int of 16610 bits>): the time does not fit 64 bits; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=1, at=NOW),
        InvalidValue,
        "event(at=…, after=…): an event has one time; write one of them",
    ),
    (
        lambda: SESSION.end(after=1, at=NOW),
        InvalidValue,
        "end(at=…, after=…): an event has one time; write one of them",
    ),
    (
        lambda: SESSION.end(at="2026-11-23T10:14:00Z"),
        InvalidTime,
        "end(at=…) is 60000 ms before the start of the session",
    ),
    (
        lambda: TIMELESS.end(),
        InvalidValue,
        "end() cannot tell the duration of a session without times; "
        "write Session.start(…, at=…) or session_end(duration_in_ms)",
    ),
    (
        lambda: Session.start(),
        InvalidValue,
        "start() needs a session_uuid or a session_id; write Session.start(str(uuid.uuid4()))",
    ),
    (
        lambda: Session(),
        InvalidValue,
        "Session() needs a session_uuid or a session_id; write Session.start(str(uuid.uuid4()))",
    ),
    (
        lambda: SESSION.event("Searched", session_id=5),
        InvalidValue,
        "event(session_id=…): the session gives its events their session_id; "
        "write it in Session.start(…) or leave it out",
    ),
    (
        lambda: SESSION.event("Searched", event_num=0),
        InvalidValue,
        "event(event_num=…): the session gives its events their event_num; "
        "write it in Session.start(…) or leave it out",
    ),
    (
        lambda: SESSION.end().event("Searched"),
        InvalidValue,
        "event(): the session has ended; write event(…) before end(…)",
    ),
    (
        lambda: SESSION.end().end(),
        InvalidValue,
        "end(): the session has ended; write end(…) once",
    ),
    (
        lambda: SESSION.add(AppEvent("Searched", session_id=5)),
        InvalidValue,
        "add(): the event belongs to another session, session_id=5; "
        "make it without session_id, or write batch.add(event)",
    ),
    (
        lambda: SESSION.add("Searched"),
        InvalidValue,
        "add('Searched'): want an event, got str; write add(AppEvent('Name'))",
    ),
)
def test_what_a_session_cannot_do_is_an_error_that_says_why(call, error, text):
    assert_error(call, error, text)
