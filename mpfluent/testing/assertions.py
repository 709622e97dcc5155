"""Assertions about what was sent. A failure lists what was sent, each with its first difference."""

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
from .expectation import Expectation, expectation_of, field_differences, name_differences
from .matching import shown
from .recording import RecordingTransport

_MOST = 10  # of what was sent that a failure lists


class Recorder(Protocol):
    """An object that keeps what was sent: a RecordingTransport, or a LocalServer."""

    @property
    def batches(self) -> list[Batch]:
        """The batches that were sent, in order."""
        ...


class Sent(NamedTuple):
    """A match: an event and the batch that it was sent in.

    Attributes:
        event: the event; None if the assertion was only about the batch.
        batch: the batch as it was on the wire.
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
    """Assert that an event was sent, and return each event that matches, with its batch.

    A dict is compared with the same entries of what was sent, at every depth. Any other value is
    compared with ``==``. So matchers such as those of ``dirty-equals`` and ``pytest.approx`` work
    everywhere; they see plain values, dicts and lists, as they are on the wire. None matches a
    field that is not set. A batch that was refused does not count. A batch that was sent again
    counts once.

    Args:
        where: a ``RecordingTransport``, a ``LocalServer``, or the fixture ``mparticle_sent``.
        event: its name, its verb or its type; or an event whose set fields must be equal; or an
            event class; or a matcher, which is compared with the most specific name only.
        attributes: entries that its attributes must have.
        times: how often it must have been sent; None for at least once. Without any word about
            an event, batches are counted.
        **fields: any field of the event, or of its product action (``transaction_id``,
            ``products``); of the user (``customer_id``, ``mpid``); or of the batch
            (``user_attributes``, ``device_info``).

    Raises:
        AssertionError: it was not sent, or not that often. The text lists what was sent instead.
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
    expected = expectation_of(event, attributes, fields)
    count = None if times is None else integer_between(times, 0)
    if count is None and times is not None:
        raise ConfigurationError(
            f"assert_sent(times={brief(times)}): want how often, a whole number; write times=1"
        )
    # before the batches are read: a batch that waits now may arrive in between
    waiting = shutdown.sends_to(where)
    batches = _batches("assert_sent", where)
    candidates = [_Candidate(expected, each) for each in _locations(batches, expected)]
    found = [candidate.sent for candidate in candidates if not candidate.differences]
    if not found if count is None else len(found) != count:
        call = _written(event, attributes, {**fields, "times": count})
        raise AssertionError(
            _failure(call, candidates, len(found), count, expected, where, waiting)
        )
    if waiting and count is not None:
        raise AssertionError(_unknown(_written(event, attributes, {**fields, "times": count})))
    return tuple(found)


def assert_nothing_sent(where: Recorder) -> None:
    """Assert that nothing was sent and accepted.

    Args:
        where: a ``RecordingTransport``, a ``LocalServer``, or the fixture ``mparticle_sent``.

    Raises:
        AssertionError: something was sent. The text lists it.

    >>> from mpfluent import RecordingTransport
    >>> assert_nothing_sent(RecordingTransport())
    """
    __tracebackhide__ = True
    waiting = shutdown.sends_to(where)
    batches = _batches("assert_nothing_sent", where)
    if batches:
        found = [
            location
            for each in enumerate(batches)
            for location in _events_of(*each) or [_Location(*each)]
        ]
        lines = [cut(f"  {_described(location)}") for location in found[:_MOST]]
        raise AssertionError("\n".join(["something was sent:", *lines, *_more(len(found))]))
    if waiting:
        raise AssertionError(_unknown("assert_nothing_sent()"))


# What was sent, and how it differs from the expectation


def _batches(verb: str, where: Any) -> list[Batch]:
    batches = getattr(where, "batches", None)
    if not isinstance(batches, list):
        raise InvalidValue(
            f"{verb}({brief(where)}): want what records, a RecordingTransport or a LocalServer, "
            f"got {type(where).__name__}; write {verb}(mparticle_sent)"
        )
    if isinstance(where, RecordingTransport):
        batches = where._accepted  # a server, too, has only the batches that it accepted
    known: set[Any] = set()  # a retry sends an equal batch
    found = []
    for batch in batches:
        if batch.source_request_id is None or batch not in known:
            known.add(batch)
            found.append(batch)
    return found


class _Location(NamedTuple):
    """The index of a batch, the batch, and the index of an event in it, or None for the batch."""

    number: int
    batch: Batch
    event: int | None = None


def _events_of(number: int, batch: Batch) -> list[_Location]:
    return [_Location(number, batch, event) for event in range(len(batch.events))]


def _locations(batches: Sequence[Batch], expected: Expectation) -> list[_Location]:
    """Return the events to compare, or the batches if the expectation is only about them."""
    if expected.of_an_event:
        return [location for each in enumerate(batches) for location in _events_of(*each)]
    return [_Location(*each) for each in enumerate(batches)]


class _Candidate:
    """An event or a batch that was sent, with its differences from what is expected."""

    def __init__(self, expected: Expectation, location: _Location) -> None:
        batch = location.batch
        event = None if location.event is None else batch.events[location.event]
        self.location = location
        self.sent = Sent(event, batch)
        named = [] if event is None else list(name_differences(expected.event, event))
        self.differences = [*named, *field_differences(expected, event, batch)]
        self.named = not named

    def distance(self, expected: Expectation) -> tuple[bool, float, int]:
        """Return a key to sort by: the event that is most like the expected one comes first."""
        alike = 0.0
        if not self.named:
            wanted = str(expected.event).casefold()
            alike = max(
                SequenceMatcher(None, wanted, name.casefold()).ratio()
                for name in names_of(self.sent.event)
            )
        return not self.named, -alike, len(self.differences)

    def lines(self) -> list[str]:
        """Return its lines in the text of a failure."""
        first = "it matches"
        if self.differences:
            first = self.differences[0]
            more = len(self.differences) - 1
            first += f" (and {more} more)" if more and self.named else ""
        return [cut(f"  {_described(self.location)}"), f"    {first}"]


# The report


def _failure(
    call: str,
    candidates: Sequence[_Candidate],
    found: int,
    times: int | None,
    expected: Expectation,
    where: Any,
    waiting: bool,
) -> str:
    what = "event" if expected.of_an_event else "batch"
    verb = "match" if found != 1 else "matches"
    if times is None:
        lines = [f"no {what} matches {call}"]
    else:
        lines = [f"{_count(found, what)}, not {times}, {verb} {call}"]
    if candidates:
        nearest = sorted(candidates, key=lambda candidate: candidate.distance(expected))
        lines += ["What was sent, the closest first:" if len(nearest) > 1 else "What was sent:"]
        for candidate in nearest[:_MOST]:
            lines += candidate.lines()
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
    return f"it is not known yet whether {call} is true\n{_HURRY}"


def _described(location: _Location) -> str:
    number, batch, at = location
    if at is not None:
        event = batch.events[at]
        return f"batches[{number}].events[{at}]: {line(event._with({_TIME: None}))}"
    user = batch.user_identities
    who = [f"{name}={value!r}" for name, value in user._given().items()] if user else []
    who += [f"mpid={batch.mpid}"] if batch.mpid is not None else []
    of = f" of {', '.join(who)}" if who else ""
    return f"batches[{number}]: a batch{of} with {_count(len(batch.events), 'event')}"


_TIME = "timestamp_unixtime_ms"


def _more(count: int) -> list[str]:
    return [f"  … and {count - _MOST} more"] if count > _MOST else []


def _count(number: int, what: str) -> str:
    plural = "es" if what == "batch" else "s"
    return f"{number} {what}{plural if number != 1 else ''}"


def _refused(where: Any) -> list[str]:
    """Return a line about the requests that were refused."""
    answered = getattr(where, "requests", ())
    if isinstance(where, RecordingTransport):
        answered = [response for _, response in where._refused]
    if not answered or not all(hasattr(each, "status_code") for each in answered):
        return []
    codes = [each.status_code for each in answered]
    words = ", ".join("no answer" if code is None else str(code) for code in codes[:_MOST])
    return [f"{_count(len(codes), 'request')} came, and none was accepted: {words}"]


def _problems(where: Any) -> list[str]:
    """Return lines about what a server left out of a batch, or why it refused one."""
    requests = getattr(where, "requests", ())
    found = [problem for each in requests for problem in getattr(each, "problems", ())]
    return [cut(f"  problem: {problem}") for problem in found[:_MOST]] + _more(len(found))


def _written(event: Any, attributes: Any, more: Mapping[str, Any]) -> str:
    """Return the call as it was written, without its first argument."""
    given = {"attributes": attributes, **more}
    written = [shown(event)] if event is not None else []
    for name, value in given.items():
        if value is not None:
            written.append(f"{name}={shown(value)}")
    return f"assert_sent({', '.join(written)})"
