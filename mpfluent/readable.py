"""What a batch or a session looks like at a prompt: ten lines at most, a line an event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from .checks import EPOCH
from .errors import brief
from .event import Event

_LINES = 10
_WIDTH = 88
# The fields that tell events of a type apart.
_TELLING = ("event_name", "screen_name", "label", "url", "message", "application_transition_type")


def readable(context: Sequence[str], events: Sequence[Event]) -> str:
    """Return the lines of a context, then a line for each event, as many as there is room for."""
    room = _LINES - len(context)
    shown = events if len(events) <= room else events[: room - 1]
    lines = [*context, *(f"  {line(event)}" for event in shown)]
    if len(events) > len(shown):
        lines.append(f"  … and {len(events) - len(shown)} more events")
    return "\n".join(cut(text) for text in lines) + ">"


def cut(text: str) -> str:
    """Return the text, cut to the width of a line."""
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def line(event: Event) -> str:
    """Return a line that says which event this is, of what, and when.

    >>> from mpfluent import AppEvent
    >>> line(AppEvent("Searched", at="2026-11-23T10:15:00Z"))
    "custom_event 'Searched' at 2026-11-23T10:15:00Z"
    """
    words = [event.event_type]
    words += [brief(event._get(key), 40) for key in _TELLING if event._get(key) is not None]
    words += _commerce(event)
    if event.at is not None:
        words.append(f"at {moment(event.at)}")
    return " ".join(words)


def _commerce(event: Event) -> list[str]:
    products: Any = event._get("product_action")
    promotions: Any = event._get("promotion_action")
    lists: Any = event._get("product_impressions")
    if products is not None:
        return [products.action, *(str(item.name or item.id) for item in products.products or ())]
    if promotions is not None:
        named = (str(item.name or item.id) for item in promotions.promotions or ())
        return [f"promotion_{promotions.action}", *named]
    return [f"impression {shown.product_impression_list!r}" for shown in lists or ()]


def moment(milliseconds: int) -> str:
    """Return Unix milliseconds as ISO 8601, or as they are where no calendar reaches.

    >>> moment(1795428900000)
    '2026-11-23T10:15:00Z'
    """
    try:
        time = EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return str(milliseconds)
    return time.isoformat(timespec="milliseconds").replace(".000", "").replace("+00:00", "Z")
