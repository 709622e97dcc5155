"""Batches, sessions, events and products: what tests draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar, overload

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...builder.batch import Batch
from ...builder.session import Session
from ...errors import InvalidValue, brief
from ...formatting.verb_calls import whole_calls
from ...model.commerce import Product, Promotion
from ...model.consent import ConsentState
from ...model.device import DeviceInformation
from ...model.event import Event
from ...model.events import SessionEndEvent
from ...model.record import Record
from ...model.user import UserIdentities
from ...values.validators import INT64
from . import single_values
from .records import (
    EVENT_CLASSES,
    VALUE_CLASSES,
    check_bound,
    check_given,
    classes_with,
    drawn,
    drawn_with,
    keywords,
    takes,
)

B = TypeVar("B", bound=Batch)
E = TypeVar("E", bound=Event)
R = TypeVar("R", bound=Record)
S = TypeVar("S", bound=Session)


# Values


@overload
def values(*, max_fields: int = 4, **fields: Any) -> SearchStrategy[Record]: ...
@overload
def values(*of: type[R], max_fields: int = 4, **fields: Any) -> SearchStrategy[R]: ...
def values(*of: type[Any], max_fields: int = 4, **fields: Any) -> SearchStrategy[Any]:
    """Draw values of these classes: records, events, batches; without any, of all.

    Args:
        of: the classes.
        max_fields: how many optional fields at most.
        **fields: what is given: values that stay, strategies to draw from, None to leave out.

    >>> from hypothesis import find
    >>> from mpfluent import GeoLocation
    >>> find(values(GeoLocation, latitude=40.7142), lambda place: True)
    GeoLocation(latitude=40.7142, longitude=0)
    """
    return _values("values", of, VALUE_CLASSES, max_fields, fields)


def _values(
    where: str,
    of: tuple[type[R], ...],
    classes: Iterable[type[R]],
    max_fields: int,
    fields: Mapping[str, Any],
) -> SearchStrategy[R]:
    check_bound(where, "max_fields", max_fields)
    for cls in of:
        if not (isinstance(cls, type) and issubclass(cls, Record)):
            shown = f"want a class, got {type(cls).__name__}; write {where}(AppEvent)"
            raise InvalidValue(f"{where}({brief(cls)}): {shown}")
        check_given(where, cls, fields)
    chosen = of or classes_with(where, classes, fields)
    return st.one_of([_one(cls, max_fields, fields) for cls in chosen])


def _one(cls: type[Any], max_fields: int, fields: Mapping[str, Any]) -> SearchStrategy[Any]:
    if issubclass(cls, Batch):
        return batches(cls, max_fields=max_fields, **fields)
    return drawn_with(cls, max_fields, fields) if fields else drawn(cls, max_fields)


@overload
def events(*, max_fields: int = 4, **fields: Any) -> SearchStrategy[Event]: ...
@overload
def events(*of: type[E], max_fields: int = 4, **fields: Any) -> SearchStrategy[E]: ...
def events(*of: type[Any], max_fields: int = 4, **fields: Any) -> SearchStrategy[Any]:
    """Draw events of these classes; without any, of all that have the fields that are given.

    Args:
        of: the classes, such as ``AppEvent``.
        max_fields: how many optional fields at most.
        **fields: what is given: values that stay, strategies to draw from, None to leave out.

    >>> from hypothesis import find
    >>> from mpfluent import ScreenViewEvent
    >>> find(events(ScreenViewEvent), lambda event: True)
    ScreenViewEvent(screen_name='0')
    >>> find(events(type="search"), lambda event: True)
    AppEvent(event_name='0', type='search')
    """
    event_type = Event._by_type.get(fields.get("type"))
    if event_type is not None:
        cls = event_type.__name__
        raise InvalidValue(
            f"events(type={fields['type']!r}): type is the kind of a custom event, such as "
            f"'search'; write events({cls})"
        )
    return _values("events", of, EVENT_CLASSES, max_fields, fields)


def products(*, max_fields: int = 4, **fields: Any) -> SearchStrategy[Product]:
    """Draw products; each has an id or a name.

    >>> from hypothesis import find
    >>> find(products(quantity=2), lambda product: True)
    Product(id='0', quantity=2)
    """
    return _values("products", (Product,), (), max_fields, fields)


def promotions(*, max_fields: int = 4, **fields: Any) -> SearchStrategy[Promotion]:
    """Draw promotions; each has an id or a name.

    >>> from hypothesis import find
    >>> find(promotions(id=None), lambda promotion: True)
    Promotion(name='0')
    """
    return _values("promotions", (Promotion,), (), max_fields, fields)


def identities(*, max_fields: int = 4, **fields: Any) -> SearchStrategy[UserIdentities]:
    """Draw identities of a user, possibly none.

    >>> from hypothesis import find
    >>> find(identities(customer_id=single_values.IDENTITIES), lambda user: True)
    UserIdentities(customer_id='0')
    """
    return _values("identities", (UserIdentities,), (), max_fields, fields)


def devices(*, max_fields: int = 4, **fields: Any) -> SearchStrategy[DeviceInformation]:
    """Draw what is known of a device, possibly nothing.

    >>> from hypothesis import find
    >>> find(devices(platform="Android"), lambda device: device.screen_height)
    DeviceInformation(platform='Android', screen_height=1)
    """
    return _values("devices", (DeviceInformation,), (), max_fields, fields)


def consents(*, max_fields: int = 4, **fields: Any) -> SearchStrategy[ConsentState]:
    """Draw what a user agreed to: GDPR consent by purpose, and the CCPA's opt-out.

    >>> from hypothesis import find
    >>> find(consents(ccpa=None), lambda consent: consent.gdpr).gdpr["0"].consented
    False
    """
    return _values("consents", (ConsentState,), (), max_fields, fields)


# Batches

_WHO = ("mpid", "user_identities", "partner_identities", "partner_identity")


@overload
def batches(
    *,
    user: bool | None = None,
    events: SearchStrategy[Event | Session] | None = None,
    min_events: int = 0,
    max_events: int = 3,
    max_fields: int = 4,
    **fields: Any,
) -> SearchStrategy[Batch]: ...
@overload
def batches(
    of: type[B],
    *,
    user: bool | None = None,
    events: SearchStrategy[Event | Session] | None = None,
    min_events: int = 0,
    max_events: int = 3,
    max_fields: int = 4,
    **fields: Any,
) -> SearchStrategy[B]: ...
def batches(
    of: type[Any] = Batch,
    *,
    user: bool | None = None,
    events: SearchStrategy[Any] | None = None,
    min_events: int = 0,
    max_events: int = 3,
    max_fields: int = 4,
    **fields: Any,
) -> SearchStrategy[Any]:
    """Draw batches, made by the verbs.

    Args:
        of: a vocabulary of your own instead of ``Batch``.
        user: True for a user with a customer id, False for nobody, None for either.
        events: what to draw the events from; sessions count as one. All events, if not given.
        min_events: how many events at least.
        max_events: how many at most.
        max_fields: how many fields of the context at most.
        **fields: what is given, by wire name: values that stay, strategies to draw from, None to
            leave out.

    >>> from hypothesis import find
    >>> from mpfluent import ScreenViewEvent
    >>> seen = values(ScreenViewEvent)
    >>> batch = find(batches(user=True, events=seen, min_events=1), lambda batch: True)
    >>> batch == Batch.for_user(customer_id="0").screen_view("0")
    True
    """
    given = dict(fields)
    if user is True and given.get("mpid") is None:
        given.setdefault("user_identities", identities(customer_id=single_values.IDENTITIES))
    if user is False:
        given = {**dict.fromkeys(_WHO), **given}
    check_given("batches", of, given)
    check_bound("batches", "max_fields", max_fields)
    some = _listed("batches", events, drawn_events(), min_events, max_events)
    context = keywords(of, max_fields, {**given, "events": None})
    return single_values.named(
        f"batches({of.__name__})", lambda draw: _batch(of, draw(context), draw(some))
    )


def _listed(
    where: str,
    given: SearchStrategy[Any] | None,
    usual: SearchStrategy[Any],
    least: int,
    most: int,
) -> SearchStrategy[list[Any]]:
    check_bound(where, "min_events", least)
    check_bound(where, "max_events", most)
    if not isinstance(given, SearchStrategy | None):
        raise InvalidValue(
            f"{where}(events={brief(given)}): want a strategy, got {type(given).__name__}; "
            f"write {where}(events=events(AppEvent))"
        )
    return single_values.few(usual if given is None else given, least, max(least, most))


@cache
def drawn_events() -> SearchStrategy[Event]:
    """Draw events of all types."""
    return st.one_of([drawn(cls) for cls in EVENT_CLASSES])


def _batch(of: type[B], context: Mapping[str, Any], events: list[Event | Session]) -> B:
    batch = of()
    for name, value in context.items():
        batch = said(batch, name, value)
    return batch.add(*events)


def said(batch: B, name: str, value: Any) -> B:
    """Return the batch with one field of its context, by the verb that sets it."""
    field = batch._fields[name]
    if field.verb is None and field.kind.name != "record":
        return batch._with(batch._checked("batches", {name: value}))
    for verb, places, _ in whole_calls(field, value):
        batch = getattr(batch, verb)(*places)
    return batch


# Sessions

_SESSION_GIVES = ("session_uuid", "session_id", "event_num")


def session_events(*of: type[Event], max_fields: int = 2, **fields: Any) -> SearchStrategy[Event]:
    """Draw events that a session can take: without an id and a number of their own, and no end.

    >>> from hypothesis import find
    >>> find(session_events(), lambda event: event.event_type == "screen_view")
    ScreenViewEvent(screen_name='0')
    """
    usual = tuple(cls for cls in EVENT_CLASSES if cls is not SessionEndEvent)
    given = {**dict.fromkeys(_SESSION_GIVES), **fields}
    return _values("session_events", of, usual, max_fields, given)


@overload
def sessions(
    *,
    timed: bool | None = None,
    ended: bool | None = None,
    events: SearchStrategy[Event] | None = None,
    min_events: int = 0,
    max_events: int = 3,
) -> SearchStrategy[Session]: ...
@overload
def sessions(
    of: type[S],
    *,
    timed: bool | None = None,
    ended: bool | None = None,
    events: SearchStrategy[Event] | None = None,
    min_events: int = 0,
    max_events: int = 3,
) -> SearchStrategy[S]: ...
def sessions(
    of: type[Any] = Session,
    *,
    timed: bool | None = None,
    ended: bool | None = None,
    events: SearchStrategy[Event] | None = None,
    min_events: int = 0,
    max_events: int = 3,
) -> SearchStrategy[Any]:
    """Draw sessions.

    Args:
        of: a vocabulary of your own instead of ``Session``.
        timed: True for a session whose start has a time, False for one without, None for either.
        ended: True for one with its end, False for one that goes on, None for either.
        events: what to draw the events from; :func:`session_events`, if not given.
        min_events: how many events at least, between start and end.
        max_events: how many at most.

    >>> from hypothesis import find
    >>> session = find(sessions(timed=True, ended=True), lambda session: True)
    >>> session == Session.start(session_id=0, at="2017-07-14T02:40:00Z").end()
    True
    """
    some = _listed("sessions", events, session_events(), min_events, max_events)
    return single_values.named(
        f"sessions({of.__name__})", lambda draw: _session(draw, of, timed, ended, some)
    )


_DURATIONS = st.integers(0, 10**9)  # milliseconds: up to eleven days


def _session(
    draw: DrawFn,
    of: type[S],
    timed: bool | None,
    ended: bool | None,
    events: SearchStrategy[list[Event]],
) -> S:
    uuid = draw(st.none() | single_values.uuids())
    number = draw(single_values.INTEGERS if uuid is None else st.none() | single_values.INTEGERS)
    at = draw(single_values.milliseconds()) if draw(_either(timed)) else None
    session = of.start(None if uuid is None else str(uuid), session_id=number, at=at).add(
        *draw(events)
    )
    if not draw(_either(ended)):
        return session
    duration = draw(_DURATIONS)
    if at is None:
        return session.session_end(duration)
    end = at + duration
    fits = takes(Session._fields["at"], end) and end <= INT64[1]
    return session.end(at=end if fits else at)


def _either(wanted: bool | None) -> SearchStrategy[bool]:
    return st.booleans() if wanted is None else st.just(wanted)
