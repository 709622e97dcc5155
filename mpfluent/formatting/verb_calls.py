"""What a batch says, as calls of verbs: each field of its context, and each event.

Nothing here is certain to be right: a verb may make something else, or refuse. Who asks tries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from ..errors import MPFluentError
from ..model.event import Event
from ..model.events import (
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
from ..model.record import Record
from ..values.frozen import Frozen


class VerbCall(NamedTuple):
    """A call of a verb, with its arguments as values; moments are told by their names."""

    verb: str
    places: Sequence[Any] = ()
    keywords: Mapping[str, Any] = {}


def class_of(value: Frozen) -> type[Any]:
    """Return the class of ours that a value is of; for one's own subclass, its base."""
    ours = __name__.partition(".")[0] + "."
    return next(cls for cls in type(value).__mro__ if cls.__module__.startswith(ours))


def made_by(make: Callable[..., Any], *places: Any, **keywords: Any) -> Any:
    """Return what a call makes, or None if it refuses."""
    try:
        return make(*places, **keywords)
    except (MPFluentError, TypeError):
        return None


def chain_after(chain: Any, *steps: VerbCall) -> Any:
    """Return a batch or session after these steps, or None if it refuses one."""
    for verb, places, keywords in steps:
        chain = made_by(getattr(chain, verb), *places, **keywords)
        if chain is None:
            break
    return chain


def unsaid(name: str, value: Any) -> bool:
    """Return whether a field has what it has if nothing is said."""
    return bool(_DEFAULTS.get(name, _NOTHING) == value)


_NOTHING = object()
# What an event says if nothing else is said.
_DEFAULTS = {"type": "other", "register": True, "severity": "error"}


# Context


def speakable(record: Record) -> bool:
    """Return whether a record's fields, as keywords, make an equal one."""
    return bool(made_by(class_of(record), **record._given()) == record)


def _by_place(verb: str) -> Callable[[Any], Iterator[VerbCall]]:
    return lambda value: iter([VerbCall(verb, (value,))])


def _by_fields(verb: str) -> Callable[[Any], Iterator[VerbCall]]:
    """Return the step that says a record's fields as keywords, or the record if it must."""
    return lambda value: iter(
        [VerbCall(verb, (), value._given()) if speakable(value) else VerbCall(verb, (value,))]
    )


def _consent(state: Any) -> Iterator[VerbCall]:
    for purpose, consent in (state.gdpr or {}).items():
        told = _with_at(consent)
        yield VerbCall("with_gdpr_consent", (purpose, told.pop("consented")), told)
    for consent in (state.ccpa or {}).values():
        told = _with_at(consent)
        opted_out = told.pop("consented")
        yield VerbCall("with_ccpa_data_sale_opt_out", () if opted_out else (False,), told)


def _with_at(consent: Record) -> dict[str, Any]:
    names = {"timestamp_unixtime_ms": "at"}
    return {names.get(name, name): item for name, item in consent._given().items()}


def _where_and_plan(context: Any) -> Iterator[VerbCall]:
    for verb, record in (
        ("with_data_plan", context.data_plan),
        ("with_location", context.location),
    ):
        if record is not None:
            given = record._given()
            places = [given.pop(name) for name in record.__match_args__ if name in given]
            yield VerbCall(verb, places, given) if speakable(record) else VerbCall(verb, (record,))


def _integrations(modules: Mapping[str, Any]) -> Iterator[VerbCall]:
    for module, attributes in modules.items():
        number = module.isdecimal() and str(int(module)) == module
        yield VerbCall(
            "with_integration_attributes", (int(module) if number else module, attributes)
        )


# How each field of the context is said, in the order in which it reads well.
CONTEXT: dict[str, Callable[[Any], Iterator[VerbCall]]] = {
    "environment": _by_place("with_environment"),
    "source_request_id": _by_place("with_source_request_id"),
    "partner_identities": _by_place("with_partner_identities"),
    "partner_identity": _by_place("with_partner_identity"),
    "mp_deviceid": _by_place("with_mp_deviceid"),
    "device_info": _by_fields("with_device"),
    "ip": _by_place("with_ip"),
    "application_info": _by_fields("with_application"),
    "user_attributes": _by_place("with_user_attributes"),
    "deleted_user_attributes": lambda names: iter(
        [VerbCall("with_deleted_user_attributes", names)]
    ),
    "consent_state": _consent,
    "context": _where_and_plan,
    "attribution_info": lambda info: iter([VerbCall("with_attribution_info", info._values)]),
    "integration_attributes": _integrations,
}


# Events


def verb_calls(event: Event, given: Mapping[str, Any]) -> Iterator[VerbCall]:
    """Yield the verbs that may make an event, the most telling first.

    Args:
        event: the event.
        given: its fields, without those that something else says.
    """
    of = class_of(event)
    said = {name: item for name, item in given.items() if not unsaid(name, item)}
    if of in _SPECIAL:
        yield from _SPECIAL[of](said)
    if of in _VERBS:
        verb, *fields = _VERBS[of]
        places = [said[name] for name in takewhile(said.__contains__, fields)]
        yield VerbCall(verb, places, without(said, *fields[: len(places)]))


def without(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the entries that have none of these names."""
    return {name: item for name, item in given.items() if name not in names}


def _custom(said: Mapping[str, Any]) -> Iterator[VerbCall]:
    attributes = dict(said.get("attributes", {}))
    rest = without(said, "event_name", "attributes", "type")

    def telling(verb: str, names: Sequence[str], *places: Any, **more: Any) -> VerbCall:
        others = without(attributes, *names)
        return VerbCall(
            verb, places, {**more, **({"attributes": others} if others else {}), **rest}
        )

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


def _transition(said: Mapping[str, Any]) -> Iterator[VerbCall]:
    rest = without(said, "application_transition_type", "is_first_run", "is_upgrade")
    verbs = ["app_install", "app_upgrade"] if "is_first_run" in said else []
    word = said["application_transition_type"].removeprefix("application_")
    for verb in (*verbs, f"app_{word}"):
        yield VerbCall(verb, (), rest)


def _commerce(said: Mapping[str, Any]) -> Iterator[VerbCall]:
    rest = without(said, "product_action", "promotion_action", "product_impressions")
    action, promotion = said.get("product_action"), said.get("promotion_action")
    lists = said.get("product_impressions", ())
    if action is not None:
        verb = action.action.replace("wish_list", "wishlist")
        told = without(action._given(), "action", "products")
        yield VerbCall(verb, action.products or (), {**told, **rest})
    elif promotion is not None:
        yield VerbCall(f"promotion_{promotion.action}", promotion.promotions or (), rest)
    elif len(lists) == 1:
        places = (lists[0].product_impression_list, *lists[0].products)
        yield VerbCall("impression", places, rest)


def _opting(said: Mapping[str, Any]) -> Iterator[VerbCall]:
    places = () if said["is_opted_out"] else (False,)
    yield VerbCall("opt_out", places, without(said, "is_opted_out"))


# The events that several verbs make, or one whose arguments are not the event's fields.
_SPECIAL: dict[type[Event], Callable[[Mapping[str, Any]], Iterator[VerbCall]]] = {
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
