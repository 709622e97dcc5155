"""A batch as the chain of verbs that builds it.

Every step is tried before it is written: a verb is used for an event only if it makes an equal
one. An event that no verb makes is written with its constructor. Reading accepts more than writing,
so a constructor may refuse a value: it is written with the ``from_dict`` of its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..model.catalog import CLASSES
from ..model.event import Event
from ..model.events import SessionEndEvent, SessionStartEvent
from ..model.record import Record
from . import verb_calls as calls
from .code_layout import WIDTH, Bracketed, Chained, Code, flat, labelled, lines, quoted
from .summary import moment
from .verb_calls import VerbCall

if TYPE_CHECKING:
    from ..builder.batch import Batch
    from ..builder.session import Session

_ASSIGNED = len("batch = ")  # room for a name before the expression
_MOST_STEPS = 100  # of one chain: Python 3.11 cannot compile a thousand nested calls


def chain(batch: Batch, empty: Batch, start: Callable[..., Session]) -> Chained:
    """Return the chain of verbs that rebuilds a batch, before its layout.

    Args:
        batch: the batch.
        empty: an empty batch, to try verbs on.
        start: ``Session.start``, to try it.
    """
    head, said = _head(batch)
    steps = [*_context(batch, said, empty), *_steps(batch.events, empty, start)]
    return Chained(head, _in_blocks(steps), outermost=True)


def _in_blocks(steps: list[Bracketed]) -> list[Bracketed]:
    """Return steps that Python can compile: after the first hundred, each step is a block of them.

    Each call of a chain is nested in the next, and a thousand are too many for Python 3.11.
    """
    if len(steps) <= _MOST_STEPS:
        return steps
    nothing = Bracketed("Batch(", [], ")")
    starts = range(_MOST_STEPS, len(steps), _MOST_STEPS)
    blocks = [Chained(nothing, steps[start : start + _MOST_STEPS]) for start in starts]
    merges = [Bracketed(".merge(", [block], ")") for block in blocks]
    return [*steps[:_MOST_STEPS], *_in_blocks(merges)]


def written(code: Code) -> str:
    """Return the text of an expression, with room to assign it to a name."""
    fits = len(flat(code)) <= WIDTH - _ASSIGNED
    return flat(code) if fits else "\n".join(lines(code, WIDTH))


def names_in(code: Code) -> set[str]:
    """Return the classes that an expression names."""
    import ast  # for the command line only

    return {node.id for node in ast.walk(ast.parse(flat(code))) if isinstance(node, ast.Name)}


# Values


def _value(value: Any, instant: bool = False) -> str | Bracketed:
    """Return a value's expression."""
    if instant and value is not None:
        text = moment(value)
        return quoted(text) if text.endswith("Z") else repr(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Decimal):
        return f'Decimal("{value}")'
    if isinstance(value, Mapping):
        entries = [labelled(f"{quoted(key)}: ", _value(entry)) for key, entry in value.items()]
        return Bracketed("{", entries, "}")
    if isinstance(value, Record):
        return _record(value)
    if isinstance(value, list | tuple):
        return Bracketed("[", [_value(entry) for entry in value], "]")
    return repr(value)


def _keywords(given: Mapping[str, Any]) -> list[Code]:
    return [labelled(f"{name}=", _value(item, name in _INSTANTS)) for name, item in given.items()]


def _record(value: Record) -> Bracketed:
    """Return a record or an event by its constructor, or by ``from_dict`` if that refuses it."""
    of = calls.class_of(value)
    places, more = calls.as_arguments(of, calls.without_defaults(of, value._given()))
    if calls.made_by(of, *places, **more) != value:
        return Bracketed(f"{of.__name__}.from_dict(", [_value(value.to_dict())], ")")
    by_place = [_value(item, name in _INSTANTS) for name, item in zip(of.__match_args__, places)]
    return Bracketed(f"{of.__name__}(", [*by_place, *_keywords(more)], ")")


def _call(said: VerbCall, opening: str = ".") -> Bracketed:
    items = [*map(_value, said.positional), *_keywords(said.keywords)]
    return Bracketed(f"{opening}{said.verb}(", items, ")")


# Context


def _head(batch: Batch) -> tuple[Bracketed, set[str]]:
    """Return how the chain begins, and the fields which that says."""
    user, device = batch.user_identities, batch.device_info
    mpid = {} if batch.mpid is None else {"mpid": batch.mpid}
    if user is not None or mpid:
        given = {**({} if user is None else user._given()), **mpid}
        return _call(VerbCall("for_user", (), given), "Batch."), {"user_identities", "mpid"}
    if device is not None and calls.speakable(device):
        return _call(VerbCall("for_device", (), device._given()), "Batch."), {"device_info"}
    return Bracketed("Batch(", [], ")"), set()


def _context(batch: Batch, said: set[str], empty: Batch) -> Iterator[Bracketed]:
    """Yield the steps for each field of the context that is set and not said yet."""
    for name in dict.fromkeys((*_FIRST, *batch._keys)):
        value = batch._get(name)
        if value is None or name in said:
            continue
        steps = [*calls.context_calls(batch._wire[name], value)]
        whole = empty._with({name: value})
        if steps and calls.chain_after(empty, *steps) == whole:
            yield from map(_call, steps)
        else:
            rest = Bracketed("Batch.from_dict(", [_value(whole.to_dict())], ")")
            yield Bracketed(".merge(", [rest], ")")


# The fields of the context that read well at the beginning; the rest follow in schema order.
_FIRST = (
    *("environment", "source_request_id", "partner_identities", "partner_identity"),
    *("mp_deviceid", "device_info", "ip", "application_info"),
)


# Events


def _steps(
    events: Sequence[Event], empty: Batch, start: Callable[..., Session]
) -> Iterator[Bracketed]:
    """Yield a step for each event, and one for each run of events that is a session."""
    rest = list(reversed(events))
    while rest:
        session, count = _session(rest, start)
        if session is not None:
            yield Bracketed(".add(", [session], ")")
            del rest[-count:]
            continue
        event = rest.pop()
        said = _saying(event, empty, calls.event_calls(event, event._given()))
        yield _call(said[0]) if said else Bracketed(".add(", [_record(event)], ")")


def _saying(event: Event, to: Any, said_by: Iterable[VerbCall]) -> tuple[VerbCall, Any] | None:
    """Return the first call that adds an event to a batch or session, and what is then made."""
    for said in said_by:
        made = calls.chain_after(to, said)
        if made is not None and made._tail[1] == event:
            return said, made
    return None


def _session(rest: Sequence[Event], start: Callable[..., Session]) -> tuple[Chained | None, int]:
    """Return the session that comes next, and how many events it has.

    Args:
        rest: the events that are left, the last one first.
        start: ``Session.start``.
    """
    first = rest[-1]
    if not isinstance(first, SessionStartEvent) or first.event_num != 0:
        return None, 0
    given = calls.without(first._given(), "event_num")
    places = [given.pop("session_uuid")] if "session_uuid" in given else []
    # the session's own keywords go first
    given = {**{name: given[name] for name in ("session_id", "at") if name in given}, **given}
    session = calls.made_by(start, *places, **given)
    if session is None or session.events != (first,):
        return None, 0
    steps: list[Bracketed] = []
    count = 1
    for event in reversed(rest[-_MOST_STEPS:-1]):
        found = _saying(event, session, _in_session(session, event))
        if found is None:
            break
        said, session = found
        steps.append(_call(said))
        count += 1
    else:  # a longer session goes on with add(…), since a chain must not be too long
        more = list(_more(session, rest[:-count]))
        steps += [Bracketed(".add(", more, ")")] if more else []
        count += len(more)
    return Chained(_call(VerbCall("start", places, given), "Session."), steps), count


def _more(session: Session, rest: Sequence[Event]) -> Iterator[Code]:
    """Yield the events that follow in a session, without the fields that the session sets."""
    for event in reversed(rest):
        alone = event._with(dict.fromkeys(("session_uuid", "session_id", "event_num")))
        found = _saying(event, session, [VerbCall("add", (alone,))])
        if found is None:
            return
        session = found[1]
        yield _record(alone)


def _in_session(session: Session, event: Event) -> Iterator[VerbCall]:
    """Yield how an event may be said in a session, which gives it its id, number and time."""
    ours = ("session_uuid", "session_id", "event_num", "at")
    given = calls.without(event._given(), *ours)
    before = session._tail[1].at if session._tail else None
    time: dict[str, Any] = {}
    if event.at is not None and event.at != before:
        wait = None if before is None else event.at - before
        time = {"at": event.at}
        if wait is not None and wait >= 0:
            time = {"after": wait // 1000 if wait % 1000 == 0 else wait / 1000}
    if isinstance(event, SessionEndEvent):
        yield VerbCall("end", (), {**calls.without(given, "session_duration_ms"), **time})
    for verb, places, keywords in calls.event_calls(event, given):
        yield VerbCall(verb, places, {**keywords, **time})
    yield VerbCall("add", (event,))


# The names of fields and of keywords that hold a moment.
_INSTANTS = {
    name
    for cls in CLASSES.values()
    for name, field in cls._fields.items()
    if field.kind.name == "instant"
} | {"at"}
