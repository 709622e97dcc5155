"""A batch as the chain of verbs that builds it.

Every step is tried before it is written: a verb stands for an event only if it makes an equal
one. What no verb can make is written with its constructor, and what no constructor takes, because
reading takes more than writing, with its class's ``from_dict``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from . import commerce, records
from . import events as event_classes
from .errors import MPFluentError
from .event import Event
from .events import (
    AppEvent,
    ApplicationStateTransitionEvent,
    BreadcrumbEvent,
    CommerceEvent,
    CrashReportEvent,
    FirstRunEvent,
    NetworkPerformanceEvent,
    OptOutEvent,
    ProfileEvent,
    PushMessageEvent,
    PushRegistrationEvent,
    ScreenViewEvent,
    SessionEndEvent,
    SessionStartEvent,
    UninstallEvent,
    UserAttributeChangeEvent,
    UserIdentityChangeEvent,
)
from .frozen import Frozen
from .layout import WIDTH, Bracketed, Chained, Code, Labelled, flat, lines, quoted
from .readable import moment
from .record import Record
from .session import Session

if TYPE_CHECKING:
    from .batch import Batch

_ASSIGNED = len("batch = ")  # leaves room for a name in front
_MOST_STEPS = 100  # of one chain


class _Said(NamedTuple):
    """A call of a verb, with its arguments as values; moments are told by their names."""

    verb: str
    places: Sequence[Any] = ()
    keywords: Mapping[str, Any] = {}


def python_code(batch: Batch, empty: Batch) -> str:
    """Return the chain of verbs that rebuilds a batch.

    Args:
        batch: the batch.
        empty: a batch without anything, to try verbs on.
    """
    return written(chain(batch, empty))


def chain(batch: Batch, empty: Batch) -> Chained:
    """Return the chain of verbs that rebuilds a batch, before its layout."""
    head, said = _head(batch)
    steps = [*_context(batch, said, empty), *_steps(batch.events, empty)]
    return Chained(head, _in_blocks(steps), outermost=True)


def _in_blocks(steps: list[Bracketed]) -> list[Bracketed]:
    """Return steps that Python can compile: what goes over the first hundred, a block a step.

    Each call of a chain is nested in the next, and a thousand are too many for Python 3.11.
    """
    if len(steps) <= _MOST_STEPS:
        return steps
    rest = [
        steps[place : place + _MOST_STEPS] for place in range(_MOST_STEPS, len(steps), _MOST_STEPS)
    ]
    nothing = Bracketed("Batch(", [], ")")
    blocks = [Bracketed(".merge(", [Chained(nothing, block)], ")") for block in rest]
    return [*steps[:_MOST_STEPS], *_in_blocks(blocks)]


def written(code: Code) -> str:
    """Return an expression, laid out so that there is room to assign it to a name."""
    fits = len(flat(code)) <= WIDTH - _ASSIGNED
    return flat(code) if fits else "\n".join(lines(code, WIDTH))


def names_in(code: Code) -> set[str]:
    """Return the classes that an expression names."""
    if isinstance(code, str):
        return {"Decimal"} if code.startswith("Decimal(") else set()
    if isinstance(code, Labelled):
        return names_in(code.value)
    if isinstance(code, Chained):
        return {name for part in (code.head, *code.steps) for name in names_in(part)}
    named = re.match(r"[A-Z]\w*", code.opening)
    inside = {name for item in code.items for name in names_in(item)}
    return inside | ({named[0]} if named else set())


# Values


def _value(value: Any, instant: bool = False) -> Code:
    """Return a value's expression."""
    if instant and value is not None:
        told = moment(value)
        return quoted(told) if told.endswith("Z") else repr(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Decimal):
        return f'Decimal("{value}")'
    if isinstance(value, Mapping):
        entries = [Labelled(f"{quoted(key)}: ", _value(entry)) for key, entry in value.items()]
        return Bracketed("{", entries, "}")
    if isinstance(value, Record):
        return _record(value)
    if isinstance(value, list | tuple):
        return Bracketed("[", [_value(entry) for entry in value], "]")
    return repr(value)


def _keywords(given: Mapping[str, Any]) -> list[Code]:
    return [Labelled(f"{name}=", _value(item, name in _INSTANTS)) for name, item in given.items()]


def _record(value: Record) -> Code:
    """Return a record or an event by its constructor, or by ``from_dict`` if that refuses it."""
    of = _class_of(value)
    given = {name: item for name, item in value._given().items() if not _unsaid(name, item)}
    places = {
        name: given[name] for name in takewhile(lambda name: name in given, of.__match_args__)
    }
    more = {name: item for name, item in given.items() if name not in places}
    if _made(of, *places.values(), **more) != value:
        return Bracketed(f"{of.__name__}.from_dict(", [_value(value.to_dict())], ")")
    by_place = [_value(item, name in _INSTANTS) for name, item in places.items()]
    return Bracketed(f"{of.__name__}(", [*by_place, *_keywords(more)], ")")


def _class_of(value: Frozen) -> type[Any]:
    """Return the class of ours that a value is of; for one's own subclass, its base."""
    ours = __name__.partition(".")[0] + "."
    return next(cls for cls in type(value).__mro__ if cls.__module__.startswith(ours))


def _made(make: Callable[..., Any], *places: Any, **keywords: Any) -> Any:
    """Return what a call makes, or None if it refuses."""
    try:
        return make(*places, **keywords)
    except (MPFluentError, TypeError):
        return None


def _after(chain: Any, *steps: _Said) -> Any:
    """Return a batch or session after these steps, or None if it refuses one."""
    for verb, places, keywords in steps:
        chain = _made(getattr(chain, verb), *places, **keywords)
        if chain is None:
            break
    return chain


def _unsaid(name: str, value: Any) -> bool:
    return bool(_DEFAULTS.get(name, _NOTHING) == value)


_NOTHING = object()
# What an event says if nothing else is said.
_DEFAULTS = {"type": "other", "register": True, "severity": "error"}


def _call(said: _Said, opening: str = ".") -> Bracketed:
    items = [*map(_value, said.places), *_keywords(said.keywords)]
    return Bracketed(f"{opening}{said.verb}(", items, ")")


# Context


def _head(batch: Batch) -> tuple[Bracketed, set[str]]:
    """Return how the chain begins, and the fields which that says."""
    user, device = batch.user_identities, batch.device_info
    mpid = {} if batch.mpid is None else {"mpid": batch.mpid}
    if user is not None or mpid:
        given = {**({} if user is None else user._given()), **mpid}
        return _call(_Said("for_user", (), given), "Batch."), {"user_identities", "mpid"}
    if device is not None and _speakable(device):
        return _call(_Said("for_device", (), device._given()), "Batch."), {"device_info"}
    return Bracketed("Batch(", [], ")"), set()


def _speakable(record: Record) -> bool:
    return bool(_made(_class_of(record), **record._given()) == record)


def _context(batch: Batch, said: set[str], empty: Batch) -> Iterator[Bracketed]:
    """Yield the steps for each field of the context that is set and not said yet."""
    for name in (*_CONTEXT, *(key for key in batch._keys if key not in _CONTEXT)):
        value = batch._get(name)
        if value is None or name in said:
            continue
        steps = [*_CONTEXT[name](value)] if name in _CONTEXT else []
        whole = empty._with({name: value})
        if steps and _after(empty, *steps) == whole:
            yield from map(_call, steps)
        else:
            rest = Bracketed("Batch.from_dict(", [_value(whole.to_dict())], ")")
            yield Bracketed(".merge(", [rest], ")")


def _by_place(verb: str) -> Callable[[Any], Iterator[_Said]]:
    return lambda value: iter([_Said(verb, (value,))])


def _by_fields(verb: str) -> Callable[[Any], Iterator[_Said]]:
    """Return the step that says a record's fields as keywords, or the record if it must."""
    return lambda value: iter(
        [_Said(verb, (), value._given()) if _speakable(value) else _Said(verb, (value,))]
    )


def _consent(state: Any) -> Iterator[_Said]:
    for purpose, consent in (state.gdpr or {}).items():
        told = _with_at(consent)
        yield _Said("with_gdpr_consent", (purpose, told.pop("consented")), told)
    for consent in (state.ccpa or {}).values():
        told = _with_at(consent)
        opted_out = told.pop("consented")
        yield _Said("with_ccpa_data_sale_opt_out", () if opted_out else (False,), told)


def _with_at(consent: Record) -> dict[str, Any]:
    names = {"timestamp_unixtime_ms": "at"}
    return {names.get(name, name): item for name, item in consent._given().items()}


def _where_and_plan(context: Any) -> Iterator[_Said]:
    for verb, record in (
        ("with_data_plan", context.data_plan),
        ("with_location", context.location),
    ):
        if record is not None:
            given = record._given()
            places = [given.pop(name) for name in record.__match_args__ if name in given]
            yield _Said(verb, places, given) if _speakable(record) else _Said(verb, (record,))


def _integrations(modules: Mapping[str, Any]) -> Iterator[_Said]:
    for module, attributes in modules.items():
        number = module.isdecimal() and str(int(module)) == module
        yield _Said("with_integration_attributes", (int(module) if number else module, attributes))


# How each field of the context is said, in the order in which it reads well.
_CONTEXT: dict[str, Callable[[Any], Iterator[_Said]]] = {
    "environment": _by_place("with_environment"),
    "source_request_id": _by_place("with_source_request_id"),
    "partner_identities": _by_place("with_partner_identities"),
    "partner_identity": _by_place("with_partner_identity"),
    "mp_deviceid": _by_place("with_mp_deviceid"),
    "device_info": _by_fields("with_device"),
    "ip": _by_place("with_ip"),
    "application_info": _by_fields("with_application"),
    "user_attributes": _by_place("with_user_attributes"),
    "deleted_user_attributes": lambda names: iter([_Said("with_deleted_user_attributes", names)]),
    "consent_state": _consent,
    "context": _where_and_plan,
    "attribution_info": lambda info: iter([_Said("with_attribution_info", info._values)]),
    "integration_attributes": _integrations,
}


# Events


def _steps(events: Sequence[Event], empty: Batch) -> Iterator[Bracketed]:
    """Yield a step for each event, and one for each stretch of them that is a session."""
    rest = list(reversed(events))
    while rest:
        session, count = _session(rest)
        if session is not None:
            yield Bracketed(".add(", [session], ")")
            del rest[-count:]
            continue
        event = rest.pop()
        for said in _sayings(event, event._given()):
            made = _after(empty, said)
            if made is not None and made.events == (event,):
                yield _call(said)
                break
        else:
            yield Bracketed(".add(", [_record(event)], ")")


def _session(rest: Sequence[Event]) -> tuple[Chained | None, int]:
    """Return the session that comes next, the last event first, and how many events it has."""
    first = rest[-1]
    if not isinstance(first, SessionStartEvent) or first.event_num != 0:
        return None, 0
    given = _without(first._given(), "event_num")
    places = [given.pop("session_uuid")] if "session_uuid" in given else []
    # the session's own keywords go first
    given = {**{name: given[name] for name in ("session_id", "at") if name in given}, **given}
    session = _made(Session.start, *places, **given)
    if session is None or session.events != (first,):
        return None, 0
    steps: list[Bracketed] = []
    count = 1
    for event in reversed(rest[-_MOST_STEPS:-1]):
        for said in _in_session(session, event):
            made = _after(session, said)
            if made is not None and made._tail[1] == event:
                session = made
                steps.append(_call(said))
                count += 1
                break
        else:
            break
    else:  # a longer one goes on with events, for a chain must not be too long
        more = list(_more(session, rest[:-count]))
        steps += [Bracketed(".add(", more, ")")] if more else []
        count += len(more)
    return Chained(_call(_Said("start", places, given), "Session."), steps), count


def _more(session: Session, rest: Sequence[Event]) -> Iterator[Code]:
    """Yield the events that a session goes on with, without what it gives them."""
    for event in reversed(rest):
        alone = event._with(dict.fromkeys(("session_uuid", "session_id", "event_num")))
        made = _made(session.add, alone)
        if made is None or made._tail[1] != event:
            return
        session = made
        yield _record(alone)


def _in_session(session: Session, event: Event) -> Iterator[_Said]:
    """Yield how an event may be said in a session, which gives it its id, number and time."""
    ours = ("session_uuid", "session_id", "event_num", "at")
    given = _without(event._given(), *ours)
    before = session._tail[1].at if session._tail else None
    time: dict[str, Any] = {}
    if event.at is not None and event.at != before:
        wait = None if before is None else event.at - before
        if wait is None or wait < 0:
            time = {"at": event.at}
        else:
            time = {"after": wait // 1000 if wait % 1000 == 0 else wait / 1000}
    if isinstance(event, SessionEndEvent):
        yield _Said("end", (), {**_without(given, "session_duration_ms"), **time})
    for verb, places, keywords in _sayings(event, given):
        yield _Said(verb, places, {**keywords, **time})
    yield _Said("add", (event,))


def _sayings(event: Event, given: Mapping[str, Any]) -> Iterator[_Said]:
    """Yield the verbs that may make an event, the most telling first.

    Args:
        event: the event.
        given: its fields, without those that something else says.
    """
    of = _class_of(event)
    said = {name: item for name, item in given.items() if not _unsaid(name, item)}
    if of in _SPECIAL:
        yield from _SPECIAL[of](said)
    if of in _VERBS:
        verb, *fields = _VERBS[of]
        places = [said[name] for name in takewhile(said.__contains__, fields)]
        yield _Said(verb, places, _without(said, *fields[: len(places)]))


def _without(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: item for name, item in given.items() if name not in names}


def _custom(said: Mapping[str, Any]) -> Iterator[_Said]:
    attributes = dict(said.get("attributes", {}))
    rest = _without(said, "event_name", "attributes", "type")

    def telling(verb: str, names: Sequence[str], *places: Any, **more: Any) -> _Said:
        others = _without(attributes, *names)
        return _Said(verb, places, {**more, **({"attributes": others} if others else {}), **rest})

    campaign = {name: attributes[name] for name in ("publisher", "campaign") if name in attributes}
    kind = said.get("type"), said["event_name"]
    if kind == ("attribution", "attribution"):
        yield telling("attribution_delete", ["action"])
        yield telling("attribution", [*campaign], *campaign.values())
    if kind == ("attribution", "re-engagement"):
        yield telling("re_engagement", [*campaign], **campaign)
    if kind[0] == "transaction" and "lifetime_value_change" in rest:
        amount = rest.pop("lifetime_value_change")
        named = {} if kind[1] == "User Value Update" else {"event_name": kind[1]}
        yield telling("ltv_increase", ["$Amount", "$MethodName"], amount, **named)


def _transition(said: Mapping[str, Any]) -> Iterator[_Said]:
    rest = _without(said, "application_transition_type", "is_first_run", "is_upgrade")
    verbs = ["app_install", "app_upgrade"] if "is_first_run" in said else []
    word = said["application_transition_type"].removeprefix("application_")
    for verb in (*verbs, f"app_{word}"):
        yield _Said(verb, (), rest)


def _commerce(said: Mapping[str, Any]) -> Iterator[_Said]:
    rest = _without(said, "product_action", "promotion_action", "product_impressions")
    action, promotion = said.get("product_action"), said.get("promotion_action")
    lists = said.get("product_impressions", ())
    if action is not None:
        verb = action.action.replace("wish_list", "wishlist")
        told = _without(action._given(), "action", "products")
        yield _Said(verb, action.products or (), {**told, **rest})
    elif promotion is not None:
        yield _Said(f"promotion_{promotion.action}", promotion.promotions or (), rest)
    elif len(lists) == 1:
        places = (lists[0].product_impression_list, *lists[0].products)
        yield _Said("impression", places, rest)


def _opting(said: Mapping[str, Any]) -> Iterator[_Said]:
    places = () if said["is_opted_out"] else (False,)
    yield _Said("opt_out", places, _without(said, "is_opted_out"))


# The events that several verbs make, or one whose arguments are not the event's fields.
_SPECIAL: dict[type[Event], Callable[[Mapping[str, Any]], Iterator[_Said]]] = {
    AppEvent: _custom,
    ApplicationStateTransitionEvent: _transition,
    CommerceEvent: _commerce,
    OptOutEvent: _opting,
}

# The others: a verb, and the fields that it takes by place.
_VERBS: dict[type[Event], tuple[str, ...]] = {
    AppEvent: ("event", "event_name", "attributes"),
    BreadcrumbEvent: ("breadcrumb", "label"),
    CrashReportEvent: ("crash_report",),
    FirstRunEvent: ("first_run",),
    NetworkPerformanceEvent: ("network_performance", "url", "response_code"),
    ProfileEvent: ("profile", "profile_event_type"),
    PushMessageEvent: (
        "push_message",
        "push_message_type",
        "push_message_token",
        "push_notification_payload",
    ),
    PushRegistrationEvent: ("push_registration", "registration_token"),
    ScreenViewEvent: ("screen_view", "screen_name"),
    SessionEndEvent: ("session_end", "session_duration_ms"),
    SessionStartEvent: ("session_start",),
    UninstallEvent: ("uninstall",),
    UserAttributeChangeEvent: ("user_attribute_change", "user_attribute_name", "new"),
    UserIdentityChangeEvent: ("user_identity_change", "new", "old"),
}

# The names of moments, wherever they stand: as fields, and as keywords of verbs.
_INSTANTS = {
    name
    for module in (records, commerce, event_classes)
    for cls in vars(module).values()
    if isinstance(cls, type) and issubclass(cls, Record)
    for name, field in cls._fields.items()
    if field.kind == "instant"
} | {"at"}
