"""What an event goes by when people speak of it: its own name, its verb, its type."""

from __future__ import annotations

from ..model.event import Event
from ..model.events import ApplicationStateTransitionEvent, CommerceEvent

# The fields that are an event's own name, by its type.
NAMED_BY = {
    "custom_event": "event_name",
    "screen_view": "screen_name",
    "breadcrumb": "label",
    "profile": "profile_event_type",
}
_ANY = "event"  # the verb of any custom event, so that it names none


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
    kind, verb = event.event_type, event._made_by()
    own = event._get(NAMED_BY[kind]) if kind in NAMED_BY else None
    names = (own, None if verb == _ANY else verb, _word_for(event), kind)
    return tuple(dict.fromkeys(str(name) for name in names if name is not None))


def _word_for(event: Event) -> str | None:
    """Return the wire's word for what happened, if it has one."""
    if isinstance(event, ApplicationStateTransitionEvent):
        return event.application_transition_type
    if isinstance(event, CommerceEvent) and event.product_action is not None:
        return event.product_action.action
    return None
