"""Assertions about what was sent, whose failure lists what was, each with its first difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple, Protocol

from .. import process
from ..batch import Batch
from ..commerce import ProductAction, ProductImpression, PromotionAction
from ..errors import ConfigurationError, InvalidValue, brief, unknown_field
from ..event import Event
from ..fields import Field, choice
from ..readable import cut, line
from ..records import UserIdentities
from .conditions import Fields, differences, matches, prepared, told
from .names import names_of

_MOST = 10  # of what was sent that a failure lists


class Recorder(Protocol):
    """What knows what was sent: a RecordingTransport, or a LocalServer."""

    @property
    def batches(self) -> list[Batch]:
        """The batches that were sent, in order."""
        ...


class Sent(NamedTuple):
    """What matched: an event and the batch that it was sent in.

    Attributes:
        event: None where only the batch was asked for.
        batch: as it was on the wire.
    """

    event: Any
    batch: Batch


def assert_sent(
    where: Recorder,
    event: Any = None,
    attributes: Any = None,
    *,
    times: int | None = None,
    **fields: Any,
) -> tuple[Sent, ...]:
    """Assert that an event was sent, and return each that matches, with its batch.

    A dict asks for what is in it, at every depth; anything else is compared with ``==``, so
    matchers such as those of ``dirty-equals`` and ``pytest.approx`` work everywhere. None asks
    for a field that is not set. A batch that was tried again counts once.

    Args:
        where: a ``RecordingTransport``, a ``LocalServer``, or the fixture ``mparticle_sent``.
        event: what it goes by (its name, its verb or its type), an event whose set fields must
            be equal, an event class, or a matcher.
        attributes: what is among its attributes.
        times: how often; None for at least once. Where nothing is asked of an event, batches are
            counted.
        **fields: more that is asked: any field of the event, or of what it did with products
            (``transaction_id``, ``products``); of the user (``customer_id``, ``mpid``); or of the
            batch (``user_attributes``, ``device_info``).

    Raises:
        AssertionError: it was not, or not that often; it lists what was sent instead.
        UnknownField: there is no such field.
        InvalidValue, InvalidTime: no event can hold that value.

    >>> from mpfluent import Batch, Client, RecordingTransport
    >>> sent = RecordingTransport()
    >>> with Client("key", "secret", environment="development", transport=sent) as client:
    ...     _ = client.send(Batch.for_user(customer_id="1").event("Signed up", {"plan": "pro"}))
    >>> (found,) = assert_sent(sent, "Signed up", {"plan": "pro"}, customer_id="1", times=1)
    >>> found.event.event_name
    'Signed up'
    """
    __tracebackhide__ = True
    asked = _asked(event, attributes, fields)
    if times is not None and (type(times) is not int or times < 0):
        raise ConfigurationError(
            f"assert_sent(times={brief(times)}): want how often, a whole number; write times=1"
        )
    waiting = process.leads_to(where)  # before looking, for what waits may arrive meanwhile
    batches = _batches("assert_sent", where)
    looked_at = [_Look(asked, each) for each in _candidates(batches, asked)]
    found = [look.sent for look in looked_at if not look.differences]
    if not found if times is None else len(found) != times:
        call = _written(event, attributes, {**fields, "times": times})
        raise AssertionError(_failure(call, looked_at, len(found), times, asked, where, waiting))
    if waiting and times is not None:
        raise AssertionError(_unknown(_written(event, attributes, {**fields, "times": times})))
    return tuple(found)


def assert_nothing_sent(where: Recorder) -> None:
    """Assert that nothing was sent.

    Args:
        where: a ``RecordingTransport``, a ``LocalServer``, or the fixture ``mparticle_sent``.

    Raises:
        AssertionError: something was; it lists what.

    >>> from mpfluent import RecordingTransport
    >>> assert_nothing_sent(RecordingTransport())
    """
    __tracebackhide__ = True
    waiting = process.leads_to(where)
    batches = _batches("assert_nothing_sent", where)
    if batches:
        places = [
            place for each in enumerate(batches) for place in _places(*each) or [(*each, None)]
        ]
        lines = [cut(f"  {_where(*place)}") for place in places[:_MOST]]
        raise AssertionError("\n".join(["something was sent:", *lines, *_more(len(places))]))
    if waiting:
        raise AssertionError(_unknown("assert_nothing_sent()"))


# What is asked


class _Asked(NamedTuple):
    event: Any  # what it goes by, and so on; None for any
    of_event: Fields
    of_action: Fields  # of what was done with products or promotions
    of_user: Fields
    of_batch: Fields

    @property
    def of_an_event(self) -> bool:
        return self.event is not None or bool(self.of_event or self.of_action)


_EVENT_TYPE: Field[Any] = choice("an event type", tuple(map(str, Event._by_type)))
_EVENT_TYPE.name = _EVENT_TYPE.wire = "event_type"


def _by_name(records: Iterable[Any], besides: Mapping[str, Field[Any]]) -> dict[str, Field[Any]]:
    """Return the fields of records by our names and the wire's."""
    found = dict(besides)
    for record in records:
        for field in record._fields.values():
            found.setdefault(field.name, field)
            found.setdefault(field.wire, field)
    return found


_OF_EVENT = _by_name(Event._by_type.values(), {"event_type": _EVENT_TYPE})
_OF_ACTION = _by_name((ProductAction, PromotionAction, ProductImpression), {})
_OF_USER = _by_name([UserIdentities], {"mpid": Batch._fields["mpid"]})
_OF_BATCH = {
    name: field for name, field in _by_name([Batch], {}).items() if name not in ("events", "mpid")
}
_GROUPS = (_OF_EVENT, _OF_ACTION, _OF_USER, _OF_BATCH)
_MISNOMERS = {**UserIdentities._misnomers, **Event._misnomers, "user": "customer_id"}


def _asked(event: Any, attributes: Any, fields: Mapping[str, Any]) -> _Asked:
    """Return what is asked, checked: a misspelt word must not read as "was not sent"."""
    groups = [Fields() for _ in _GROUPS]
    given = fields if attributes is None else {"attributes": attributes, **fields}
    for name, value in given.items():
        for group, known in zip(groups, _GROUPS):
            if name in known:
                field = known[name]
                group[field] = prepared("assert_sent", name, field, value)
                break
        else:
            names = ["event", "attributes", "times", *(name for known in _GROUPS for name in known)]
            raise unknown_field("assert_sent()", name, names, _MISNOMERS.get(name))
    return _Asked(_event(event), *groups)


def _event(event: Any) -> Any:
    hint = None
    if isinstance(event, Batch):
        hint = "event=batch.events[0]"
    elif isinstance(event, Mapping):
        hint = "event=…, attributes={…}"
    elif isinstance(event, bool | int | float | list | tuple | set):
        hint = "event='Searched'"
    if hint is not None:
        raise InvalidValue(
            f"assert_sent(event={brief(event)}): want what an event goes by, or an event, "
            f"got {type(event).__name__}; write {hint}"
        )
    return event


# What was sent, and how far it is from that


def _batches(verb: str, where: Any) -> list[Batch]:
    batches = getattr(where, "batches", None)
    if not isinstance(batches, list):
        raise InvalidValue(
            f"{verb}({brief(where)}): want what records, a RecordingTransport or a LocalServer, "
            f"got {type(where).__name__}; write {verb}(mparticle_sent)"
        )
    known: set[Any] = set()  # a retry sends the same again
    found = []
    for batch in batches:
        if batch.source_request_id is None or batch not in known:
            known.add(batch)
            found.append(batch)
    return found


_Place = tuple[int, Batch, int | None]


def _places(position: int, batch: Batch) -> list[_Place]:
    return [(position, batch, place) for place in range(len(batch.events))]


def _candidates(batches: Sequence[Batch], asked: _Asked) -> list[_Place]:
    if asked.of_an_event:
        return [place for each in enumerate(batches) for place in _places(*each)]
    return [(position, batch, None) for position, batch in enumerate(batches)]


class _Look:
    """One event, or batch, that was sent, and in what way it is not what is asked."""

    def __init__(self, asked: _Asked, place: _Place) -> None:
        _, batch, at = place
        event = None if at is None else batch.events[at]
        self.place = place
        self.sent = Sent(event, batch)
        named = [] if event is None else list(_named(asked.event, event))
        rest = [] if event is None else _of_event(asked, event)
        if asked.of_user:
            user = batch.user_identities or UserIdentities()
            mpid = Batch._fields["mpid"]
            identities = Fields({key: each for key, each in asked.of_user.items() if key != mpid})
            rest += differences(identities, user, "")
            if mpid in asked.of_user:
                rest += differences(asked.of_user[mpid], batch.mpid, "mpid")
        rest += differences(asked.of_batch, batch, "")
        self.differences = named + rest
        self.named = not named

    def distance(self, asked: _Asked) -> tuple[bool, float, int]:
        """Return how far this is from what is asked, to be compared with others."""
        alike = 0.0
        if not self.named:
            wanted = str(asked.event).casefold()
            alike = max(
                SequenceMatcher(None, wanted, name.casefold()).ratio()
                for name in names_of(self.sent.event)
            )
        return not self.named, -alike, len(self.differences)

    def told(self) -> list[str]:
        """Return the lines that a failure says of it."""
        first = "it matches"
        if self.differences:
            first = self.differences[0]
            more = len(self.differences) - 1
            first += f" (and {more} more)" if more and self.named else ""
        return [cut(f"  {_where(*self.place)}"), f"    {first}"]


def _named(asked: Any, event: Event) -> Iterable[str]:
    """Yield in what way an event is not the one that is asked for."""
    names = names_of(event)
    if asked is None:
        return
    if isinstance(asked, Event):
        if asked.event_type != event.event_type:
            yield f"event is {event.event_type}, not {asked.event_type}"
        else:
            set_ = Fields({type(asked)._wire[key]: value for key, value in zip(*asked._state)})
            yield from differences(set_, event, "")
    elif isinstance(asked, type) and issubclass(asked, Event):
        if not isinstance(event, asked):
            yield f"event is {type(event).__name__}, not {asked.__name__}"
    elif isinstance(asked, str):
        if asked not in names:
            yield f"event is {names[0]!r}, not {asked!r}"
    elif not any(matches(asked, form) for form in (*names, event, event.to_dict())):
        yield f"event is {names[0]!r}, not {told(asked)}"


def _of_event(asked: _Asked, event: Any) -> list[str]:
    fields = Fields(asked.of_event)
    found: list[str] = []
    if _EVENT_TYPE in fields:
        found += differences(fields.pop(_EVENT_TYPE), event.event_type, "event_type")
    found += differences(fields, event, "")
    if asked.of_action:
        product, promotion = event._get("product_action"), event._get("promotion_action")
        acts = [act for act in (product, promotion) if act is not None]
        acts += event._get("product_impressions") or ()
        tried: list[list[str]] = [list(differences(asked.of_action, act, "")) for act in acts]
        found += (
            min(tried, key=lambda each: len(each))
            if tried
            else ["event did nothing with products or promotions"]
        )
    return found


# The report


def _failure(
    call: str,
    looked_at: Sequence[_Look],
    found: int,
    times: int | None,
    asked: _Asked,
    where: Any,
    waiting: bool,
) -> str:
    what = "event" if asked.of_an_event else "batch"
    verb = "match" if found != 1 else "matches"
    if times is None:
        lines = [f"no {what} matches {call}"]
    else:
        lines = [f"{_count(found, what)}, not {times}, {verb} {call}"]
    if looked_at:
        nearest = sorted(looked_at, key=lambda look: look.distance(asked))
        lines += ["What was sent, the closest first:" if len(nearest) > 1 else "What was sent:"]
        for look in nearest[:_MOST]:
            lines += look.told()
        lines += _more(len(nearest))
    else:
        lines += ["Nothing was sent." if not _batches("", where) else "No events were sent."]
        lines += _refused(where)
    if waiting:
        lines.append(_HURRY)
    elif not looked_at:
        lines.append("If the client sends in the background, write client.flush() before.")
    return "\n".join(lines)


_HURRY = "Batches still wait in the background: write client.flush() before."


def _unknown(call: str) -> str:
    return f"nobody can tell yet whether {call} is true\n{_HURRY}"


def _where(position: int, batch: Batch, at: int | None) -> str:
    if at is not None:
        event = batch.events[at]
        return f"batches[{position}].events[{at}]: {line(event._with({_TIME: None}))}"
    user = batch.user_identities
    who = [f"{name}={value!r}" for name, value in user._given().items()] if user else []
    who += [f"mpid={batch.mpid}"] if batch.mpid is not None else []
    of = f" of {', '.join(who)}" if who else ""
    return f"batches[{position}]: a batch{of} with {_count(len(batch.events), 'event')}"


_TIME = "timestamp_unixtime_ms"


def _more(count: int) -> list[str]:
    return [f"  … and {count - _MOST} more"] if count > _MOST else []


def _count(number: int, what: str) -> str:
    plural = "es" if what == "batch" else "s"
    return f"{number} {what}{plural if number != 1 else ''}"


def _refused(where: Any) -> list[str]:
    """Return what a server refused, where it took nothing."""
    codes = [getattr(each, "status_code", None) for each in getattr(where, "requests", ())]
    if not codes or not all(hasattr(each, "status_code") for each in where.requests):
        return []
    words = ", ".join("no answer" if code is None else str(code) for code in codes[:_MOST])
    return [f"{_count(len(codes), 'request')} came, and none was accepted: {words}"]


def _written(event: Any, attributes: Any, more: Mapping[str, Any]) -> str:
    """Return the call as it was written, but for where."""
    given = {"attributes": attributes, **more}
    written = [told(event)] if event is not None else []
    for name, value in given.items():
        if value is not None:
            written.append(f"{name}={told(value)}")
    return f"assert_sent({', '.join(written)})"
