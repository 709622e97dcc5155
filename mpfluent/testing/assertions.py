"""Assertions about what was sent, whose failure lists what was, each with its first difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple, Protocol

from ..builder.batch import Batch
from ..dispatch import shutdown
from ..errors import ConfigurationError, InvalidValue, brief
from ..formatting.summary import cut, line
from ..utils.options import integer_between
from .event_names import names_of
from .expectation import Asked, asked_of, misnamed, unlike
from .matching import told
from .recording import RecordingTransport

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
    matchers such as those of ``dirty-equals`` and ``pytest.approx`` work everywhere: they see
    plain values, dicts and lists, as they are on the wire. None asks for a field that is not
    set. A batch that was refused does not count, and one that was tried again counts once.

    Args:
        where: a ``RecordingTransport``, a ``LocalServer``, or the fixture ``mparticle_sent``.
        event: what it goes by (its name, its verb or its type), an event whose set fields must
            be equal, an event class, or a matcher, which sees its most telling name only.
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
    asked = asked_of(event, attributes, fields)
    count = None if times is None else integer_between(times, 0)
    if count is None and times is not None:
        raise ConfigurationError(
            f"assert_sent(times={brief(times)}): want how often, a whole number; write times=1"
        )
    waiting = shutdown.sends_to(where)  # before looking, for what waits may arrive meanwhile
    batches = _batches("assert_sent", where)
    looked_at = [_Look(asked, each) for each in _candidates(batches, asked)]
    found = [look.sent for look in looked_at if not look.differences]
    if not found if count is None else len(found) != count:
        call = _written(event, attributes, {**fields, "times": count})
        raise AssertionError(_failure(call, looked_at, len(found), count, asked, where, waiting))
    if waiting and count is not None:
        raise AssertionError(_unknown(_written(event, attributes, {**fields, "times": count})))
    return tuple(found)


def assert_nothing_sent(where: Recorder) -> None:
    """Assert that nothing was sent, or nothing that was accepted.

    Args:
        where: a ``RecordingTransport``, a ``LocalServer``, or the fixture ``mparticle_sent``.

    Raises:
        AssertionError: something was; it lists what.

    >>> from mpfluent import RecordingTransport
    >>> assert_nothing_sent(RecordingTransport())
    """
    __tracebackhide__ = True
    waiting = shutdown.sends_to(where)
    batches = _batches("assert_nothing_sent", where)
    if batches:
        places = [
            place for each in enumerate(batches) for place in _places(*each) or [(*each, None)]
        ]
        lines = [cut(f"  {_where(*place)}") for place in places[:_MOST]]
        raise AssertionError("\n".join(["something was sent:", *lines, *_more(len(places))]))
    if waiting:
        raise AssertionError(_unknown("assert_nothing_sent()"))


# What was sent, and how far it is from that


def _batches(verb: str, where: Any) -> list[Batch]:
    batches = getattr(where, "batches", None)
    if not isinstance(batches, list):
        raise InvalidValue(
            f"{verb}({brief(where)}): want what records, a RecordingTransport or a LocalServer, "
            f"got {type(where).__name__}; write {verb}(mparticle_sent)"
        )
    if isinstance(where, RecordingTransport):
        batches = where._accepted  # as a server has only what it took
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


def _candidates(batches: Sequence[Batch], asked: Asked) -> list[_Place]:
    if asked.of_an_event:
        return [place for each in enumerate(batches) for place in _places(*each)]
    return [(position, batch, None) for position, batch in enumerate(batches)]


class _Look:
    """One event, or batch, that was sent, and in what way it is not what is asked."""

    def __init__(self, asked: Asked, place: _Place) -> None:
        _, batch, at = place
        event = None if at is None else batch.events[at]
        self.place = place
        self.sent = Sent(event, batch)
        named = [] if event is None else list(misnamed(asked.event, event))
        self.differences = [*named, *unlike(asked, event, batch)]
        self.named = not named

    def distance(self, asked: Asked) -> tuple[bool, float, int]:
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


# The report


def _failure(
    call: str,
    looked_at: Sequence[_Look],
    found: int,
    times: int | None,
    asked: Asked,
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
        lines += _refused(where) or ([] if waiting else [_PERHAPS])
    lines += _problems(where)
    if waiting:
        lines.append(_HURRY)
    return "\n".join(lines)


_PERHAPS = "If the client sends in the background, write client.flush() before."
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
    """Return what was refused, where nothing was taken."""
    answered = getattr(where, "requests", ())
    if isinstance(where, RecordingTransport):
        answered = [response for _, response in where._refused]
    if not answered or not all(hasattr(each, "status_code") for each in answered):
        return []
    codes = [each.status_code for each in answered]
    words = ", ".join("no answer" if code is None else str(code) for code in codes[:_MOST])
    return [f"{_count(len(codes), 'request')} came, and none was accepted: {words}"]


def _problems(where: Any) -> list[str]:
    """Return what a server left out of what came, or why it refused it."""
    requests = getattr(where, "requests", ())
    found = [problem for each in requests for problem in getattr(each, "problems", ())]
    return [cut(f"  problem: {problem}") for problem in found[:_MOST]] + _more(len(found))


def _written(event: Any, attributes: Any, more: Mapping[str, Any]) -> str:
    """Return the call as it was written, but for where."""
    given = {"attributes": attributes, **more}
    written = [told(event)] if event is not None else []
    for name, value in given.items():
        if value is not None:
            written.append(f"{name}={told(value)}")
    return f"assert_sent({', '.join(written)})"
