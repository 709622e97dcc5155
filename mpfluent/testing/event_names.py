"""What an event goes by when people speak of it: its own name, its verb, its type."""

from __future__ import annotations

from typing import Any

from ..model.event import Event

# The fields that are an event's own name, by its type.
_NAMED_BY = {
    "custom_event": "event_name",
    "screen_view": "screen_name",
    "breadcrumb": "label",
    "profile": "profile_event_type",
}
_VERBS_OF_ACTIONS = {"remove_from_wish_list": "remove_from_wishlist"}
_VERBS_OF_NAMES = {"re-engagement": "re_engagement"}


def names_of(event: Event) -> tuple[str, ...]:
    """Return all that an event goes by, what tells most first.

    >>> from mpfluent import AppEvent, Batch, Product
    >>> names_of(AppEvent("Searched"))
    ('Searched', 'custom_event')
    >>> names_of(Batch().purchase(Product("sku-1")).events[0])
    ('purchase', 'commerce_event')
    >>> names_of(Batch().app_install().events[0])
    ('app_install', 'application_initialized', 'application_state_transition')
    """
    kind = event.event_type
    own = event._get(_NAMED_BY[kind]) if kind in _NAMED_BY else None
    names = [own, *_verbs(event, own), kind]
    return tuple(dict.fromkeys(str(name) for name in names if name is not None))


def _verbs(event: Any, own: str | None) -> list[str]:
    """Return the verb that appends such an event, and the wire's word for it, if they differ."""
    kind = event.event_type
    if kind == "commerce_event":
        return _commerce(event)
    if kind == "application_state_transition":
        transition = event.application_transition_type
        verb = transition.replace("application_", "app_")
        if event.is_first_run:
            verb = "app_install"
        elif event.is_upgrade:
            verb = "app_upgrade"
        return [verb, transition]
    attributes = event.attributes or {}
    if kind != "custom_event":
        return []
    if attributes.get("$MethodName") == "LogLTVIncrease":
        return ["ltv_increase"]
    if event.type != "attribution":
        return []
    if own == "attribution" and attributes.get("action") == "delete":
        return ["attribution_delete"]
    return [_VERBS_OF_NAMES.get(own or "", "attribution")]


def _commerce(event: Any) -> list[str]:
    if event.product_action is not None:
        action: str = event.product_action.action
        return [_VERBS_OF_ACTIONS.get(action, action), action]
    if event.promotion_action is not None:
        return [f"promotion_{event.promotion_action.action}"]
    return ["impression"]
