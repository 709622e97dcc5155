"""A session: events that share an id, are numbered, and are placed relative to each other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from ..errors import Immutable, InvalidTime, InvalidValue, UnknownField, brief, wrong_type
from ..model.event import DetailFields, Event
from ..model.events import SessionEndEvent, SessionStartEvent
from ..model.history import Events
from ..utils.introspection import expand_kwargs
from ..values import validators
from ..values.fields import instant, integer, uuid
from ..values.foreign import is_a, itself
from ..values.validators import Instant, Scalar
from .base import Piped
from .event_verbs import EventVerbs


class _Events(Events):
    __slots__ = ()
    _of = "session"


class SessionEdgeFields(DetailFields, total=False):
    """The keywords of a session's start and end; ids and times it is given otherwise."""

    attributes: Mapping[str, Scalar | None] | None


class Session(EventVerbs, Piped, kind="Session"):
    """The events of one session, ready to be added to a batch.

    Every event inherits the session's id and its number in it, from 0 on. ``after=`` places an
    event relative to the one before it; without ``after`` and ``at`` it happens at the same time
    as the one before, and in a session without times at the time of sending.

    >>> from mpfluent import Batch, Session
    >>> session = (
    ...     Session.start(session_id=42, at="2026-11-23T10:15:00Z")
    ...     .screen_view("Home", after=1.5)
    ...     .event("Searched", {"query": "teapot"}, after=20)
    ...     .end(after=5)
    ... )
    >>> [event.event_num for event in session.events]
    [0, 1, 2, 3]
    >>> session.events[-1].session_duration_ms
    26500
    >>> len(Batch.for_user(customer_id="123456").add(session).events)
    4
    """

    session_uuid = uuid(new=True)
    session_id = integer()
    at = instant()

    def __init__(self) -> None:
        raise _no_id("Session")

    @classmethod
    @expand_kwargs
    def start(
        cls: type[S],
        session_uuid: str | None = None,
        *,
        session_id: int | None = None,
        at: Instant | None = None,
        **fields: Unpack[SessionEdgeFields],
    ) -> S:
        """Construct a session that begins with its start event.

        Args:
            session_uuid: the session's UUID, the usual id; ``str(uuid.uuid4())`` makes one.
            session_id: its 64-bit number instead, if another client made one.
            at: when it began.

        >>> Session.start("84e1b361-a282-4adf-8a6d-1d31e6dd5a9e").events[0].event_type
        'session_start'
        """
        if session_uuid is None and session_id is None:
            try:
                SessionStartEvent._checked("start", fields)
            except UnknownField as error:  # where an id is misspelt, that is the mistake
                raise cls._no_keyword("start", SessionStartEvent, error) from None
            raise _no_id("start")
        given = {"session_uuid": session_uuid, "session_id": session_id, "at": at}
        return cls._build("start", given)._event(SessionStartEvent, "start", {"at": at, **fields})

    @property
    def events(self) -> Events:
        """The session's events, oldest first."""
        return _Events(self._events())

    def add(self: S, *events: Event) -> S:
        """Append events, with this session's id and their number in it.

        >>> from mpfluent import AppEvent
        >>> Session.start(session_id=42).add(AppEvent("Searched")).events[1].event_num
        1
        """
        session = self
        for event in events:
            event = itself("add", event, Event)
            if not is_a(event, Event):
                raise wrong_type("add", event, "an event", "add(AppEvent('Name'))")
            for name, own in _place(session).items():
                theirs = getattr(event, name)
                if theirs is not None and theirs != own:
                    raise InvalidValue(
                        f"add(): the event belongs to another session, {name}={brief(theirs)}; "
                        f"make it without {name}, or write batch.add(event)"
                    )
            session = session._placed("add", event, None)
        return session

    @expand_kwargs
    def end(
        self: S,
        *,
        after: float | timedelta | None = None,
        at: Instant | None = None,
        **fields: Unpack[SessionEdgeFields],
    ) -> S:
        """Append the session's end, with its duration from the start.

        Args:
            after: how long after the last event, in seconds or as a timedelta.
            at: when it ended, instead of ``after``.

        >>> session = Session.start(session_id=42, at="2026-11-23T10:15:00Z").end(after=30)
        >>> session.events[1].session_duration_ms
        30000
        """
        first = self._events()[0].at
        if first is None:
            raise InvalidValue(
                "end() cannot tell the duration of a session without times; "
                "write Session.start(…, at=…) or session_end(duration_in_ms)"
            )
        checked = SessionEndEvent._checked("end", {"at": at})
        moment = self._moment("end", after, checked["timestamp_unixtime_ms"])
        duration = 0 if moment is None else moment - first
        if duration < 0:
            raise InvalidTime(f"end(at=…) is {-duration} ms before the start of the session")
        given = {"session_duration_ms": duration, "at": moment, **fields}
        return self._event(SessionEndEvent, "end", given)

    def _event(self: S, event_class: type[Event], verb: str, given: Any, *values: Any) -> S:
        fields = {**dict(zip(event_class._init_names, values)), **given}
        after = fields.pop("after", None)
        for name in ("session_uuid", "session_id", "event_num"):
            if fields.get(name) is not None:
                raise InvalidValue(
                    f"{verb}({name}=…): the session gives its events their {name}; "
                    "write it in Session.start(…) or leave it out"
                )
        try:
            event = event_class._build(verb, fields)
        except UnknownField as error:
            raise self._no_keyword(verb, event_class, error) from None
        return self._placed(verb, event, after)

    def _placed(self: S, verb: str, event: Event, after: Any) -> S:
        last = self._tail[1] if self._tail else None
        if isinstance(last, SessionEndEvent):
            once = "end(…) once" if verb == "end" else f"{verb}(…) before end(…)"
            raise InvalidValue(f"{verb}(): the session has ended; write {once}")
        moment = self._moment(verb, after, event.at)
        return self._appended(event._with({"timestamp_unixtime_ms": moment, **_place(self)}))

    def _moment(self, verb: str, after: Any, at: int | None) -> int | None:
        """Return when an event happens, in Unix milliseconds; None for the time of sending."""
        before = self._tail[1].at if self._tail else None
        if after is None:
            return before if at is None else at
        if at is not None:
            raise InvalidValue(f"{verb}(at=…, after=…): an event has one time; write one of them")
        try:
            milliseconds = validators.duration(after)
        except validators.CheckFailed as bad:
            raise _bad(verb, after, f"{bad.why}; write after=1.5") from bad.cause
        if milliseconds < 0:
            raise _bad(verb, after, "an event cannot be before the last")
        if before is None:
            why = "the session has no time to count from; write Session.start(…, at=…)"
            raise _bad(verb, after, why)
        if before + milliseconds > validators.INT64[1]:
            raise _bad(verb, after, "the time does not fit 64 bits; write after=1.5")
        return before + milliseconds

    def __replace__(self: S, **changes: Any) -> S:
        """Return the same events under another id; ``copy.replace`` calls this from 3.13 on."""
        for name in set(changes) - {"session_uuid", "session_id"}:
            raise InvalidValue(
                f"replace({name}=…): a session's events carry its times; write Session.start(…)"
            )
        checked = self._checked("replace", changes)
        ids = {"session_uuid": self.session_uuid, "session_id": self.session_id, **checked}
        if not any(value is not None for value in ids.values()):
            raise _no_id("replace")
        return self._with(checked)._having(event._with(checked) for event in self._events())

    def _summary(self) -> tuple[Any, ...]:
        ids = [f"{key}={value!r}" for key, value in self._given().items() if key != "at"]
        return f"Session {' '.join(ids)}", (), self._events()

    if not TYPE_CHECKING:

        def __setattr__(self, name, value):
            raise Immutable(f"Session is immutable; write session = session.add(…), not {name} = …")

        def __setitem__(self, key, value):
            raise Immutable("Session is immutable; write session = session.add(event)")


S = TypeVar("S", bound=Session)


def _place(session: Session) -> dict[str, Any]:
    """Return what a session says of the event that comes next: its ids, and the number in it."""
    place: dict[str, Any] = {"session_uuid": session.session_uuid, "session_id": session.session_id}
    place["event_num"] = (session._tail[1].event_num or 0) + 1 if session._tail else 0
    return place


def _bad(verb: str, after: Any, why: str) -> InvalidTime:
    return InvalidTime(f"{verb}(after={brief(after)}): {why}")


def _no_id(where: str) -> InvalidValue:
    return InvalidValue(
        f"{where}() needs a session_uuid or a session_id; write Session.start(str(uuid.uuid4()))"
    )
