"""The calls of verbs that make a batch: those for a field of its context, and for an event.

The field or the event class declares which verb it is. This module knows the verb's arguments.
A call may be wrong: the verb may make something else, or refuse. The caller tries it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from ..errors import MPFluentError
from ..model.consent import ConsentState
from ..model.event import Event
from ..model.events import AppEvent, ApplicationStateTransitionEvent, CommerceEvent
from ..model.record import Record
from ..utils.introspection import defaults_of
from ..values.fields import Field
from ..values.frozen import Frozen


class VerbCall(NamedTuple):
    """A call of a verb, with its arguments as values."""

    verb: str
    positional: Sequence[Any] = ()
    keywords: Mapping[str, Any] = {}


def class_of(value: Frozen) -> type[Any]:
    """Return a value's class; for a subclass that is not ours, the one of ours below it."""
    ours = __name__.partition(".")[0] + "."
    return next(cls for cls in type(value).__mro__ if cls.__module__.startswith(ours))


def made_by(make: Callable[..., Any], *positional: Any, **keywords: Any) -> Any:
    """Return what a call makes, or None if it refuses."""
    try:
        return make(*positional, **keywords)
    except (MPFluentError, TypeError):
        return None


def chain_after(chain: Any, *steps: VerbCall) -> Any:
    """Return a batch or session after these steps, or None if it refuses one."""
    for verb, positional, keywords in steps:
        step = getattr(chain, verb, None)  # an event whose verb is missing has its class
        chain = step and made_by(step, *positional, **keywords)
        if chain is None:
            break
    return chain


def without_defaults(of: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that do not have the constructor's default."""
    defaults = defaults_of(of)
    return {name: item for name, item in given.items() if defaults.get(name, _NOTHING) != item}


def as_arguments(of: type[Any], given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return fields as a constructor takes them: the first ones by position, the rest by name."""
    first = [*takewhile(lambda name: name in given, of.__match_args__)]
    return [given[name] for name in first], without(given, *first)


_NOTHING = object()


# Context


def speakable(record: Record) -> bool:
    """Return whether a record's fields, as keywords, make an equal one."""
    return bool(made_by(class_of(record), **record._given()) == record)


def settable(field: Field[Any], value: Any) -> Iterator[tuple[Field[Any], Any]]:
    """Yield a field that has a verb, with its value; for one that has none, the fields inside."""
    if field.verb is not None:
        yield field, value
    elif field.kind.name == "record":
        for inner in field.of._fields.values():
            if value._get(inner.wire) is not None:
                yield from settable(inner, value._get(inner.wire))


def whole_calls(field: Field[Any], value: Any) -> Iterator[VerbCall]:
    """Yield the calls that set a field of the context, records as they are."""
    for part, item in settable(field, value):
        verb = str(part.verb)
        if part.kind.container is list:
            yield VerbCall(verb, item)
        elif part.kind.name == "maps":
            yield from (VerbCall(verb, entry) for entry in item.items())
        else:
            yield VerbCall(verb, (item,))


def context_calls(field: Field[Any], value: Any) -> Iterator[VerbCall]:
    """Yield the calls that set a field of the context, records by their fields."""
    for part, item in settable(field, value):
        if part.of is ConsentState:
            yield from _consent(item)
        elif part.kind.records:
            said = as_arguments(class_of(item), item._given()) if speakable(item) else ((item,), {})
            yield VerbCall(str(part.verb), *said)
        elif part.kind.name == "maps":
            for name, entries in item.items():
                number = name.isdecimal() and str(int(name)) == name
                yield VerbCall(str(part.verb), (int(name) if number else name, entries))
        else:
            yield from whole_calls(part, item)


def _consent(state: ConsentState) -> Iterator[VerbCall]:
    gdpr, ccpa = (str(ConsentState._fields[name].verb) for name in ("gdpr", "ccpa"))
    for purpose, consent in (state.gdpr or {}).items():
        said = _with_at(consent)
        yield VerbCall(gdpr, (purpose, said.pop("consented")), said)
    for opt_out in (state.ccpa or {}).values():
        said = _with_at(opt_out)
        yield VerbCall(ccpa, () if said.pop("consented") else (False,), said)


def _with_at(consent: Record) -> dict[str, Any]:
    names = {"timestamp_unixtime_ms": "at"}
    return {names.get(name, name): item for name, item in consent._given().items()}


# Events


def event_calls(event: Event, given: Mapping[str, Any]) -> Iterator[VerbCall]:
    """Yield the calls of verbs that may make an event, the most telling first.

    Args:
        event: the event.
        given: its fields, without those that the session sets.
    """
    of = class_of(event)
    said = without_defaults(of, given)
    verb = event._made_by()
    if verb is not None and of in _ARGUMENTS:
        yield from _ARGUMENTS[of](verb, said)
    if of._verb is not None:
        yield VerbCall(of._verb, *as_arguments(of, said))
        yield VerbCall(of._verb, (), said)  # its first argument may be something else


def without(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the entries that have none of these names."""
    return {name: item for name, item in given.items() if name not in names}


# The attributes that a verb takes as arguments, or adds itself.
_OWN = {
    "attribution": ("publisher", "campaign"),
    "attribution_delete": ("action",),
    "re_engagement": ("publisher", "campaign"),
    "ltv_increase": ("$Amount", "$MethodName"),
}


def _custom(verb: str, said: Mapping[str, Any]) -> Iterator[VerbCall]:
    attributes = dict(said.get("attributes", {}))
    own = {name: attributes.pop(name) for name in _OWN.get(verb, ()) if name in attributes}
    rest = without(said, "event_name", "attributes", "type")
    if attributes:
        rest = {"attributes": attributes, **rest}
    if verb == "attribution":
        yield VerbCall(verb, [*own.values()], rest)
    elif verb == "attribution_delete":
        yield VerbCall(verb, (), rest)
    elif verb == "re_engagement":
        yield VerbCall(verb, (), {**own, **rest})
    elif verb == "ltv_increase" and "lifetime_value_change" in rest:
        amount = rest.pop("lifetime_value_change")
        name = said["event_name"]
        named = {} if name == "User Value Update" else {"event_name": name}
        yield VerbCall(verb, (amount,), {**named, **rest})


def _transition(verb: str, said: Mapping[str, Any]) -> Iterator[VerbCall]:
    ours = ("application_transition_type", "is_first_run", "is_upgrade")
    yield VerbCall(verb, (), without(said, *ours))


def _commerce(verb: str, said: Mapping[str, Any]) -> Iterator[VerbCall]:
    rest = without(said, "product_action", "promotion_action", "product_impressions")
    action, promotion = said.get("product_action"), said.get("promotion_action")
    lists = said.get("product_impressions", ())
    if action is not None:
        fields = without(action._given(), "action", "products")
        yield VerbCall(verb, action.products or (), {**fields, **rest})
    elif promotion is not None:
        yield VerbCall(verb, promotion.promotions or (), rest)
    elif len(lists) == 1:
        yield VerbCall(verb, (lists[0].product_impression_list, *lists[0].products), rest)


# The arguments of verbs that are not the fields of their event.
_ARGUMENTS: dict[type[Event], Callable[[str, Mapping[str, Any]], Iterator[VerbCall]]] = {
    AppEvent: _custom,
    ApplicationStateTransitionEvent: _transition,
    CommerceEvent: _commerce,
}
