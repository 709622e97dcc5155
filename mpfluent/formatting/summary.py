"""The repr of a batch or a session: ten lines at most, one line for each event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from ..errors import brief
from ..model.consent import ConsentState
from ..model.event import Event
from ..values.frozen import Frozen
from ..values.validators import EPOCH

_LINES = 10  # of a repr
_WIDTH = 88  # characters of a line
# The fields that distinguish events of one type.
_TELLING = ("event_name", "screen_name", "label", "url", "message", "application_transition_type")
# The fields of the context that have a line each; the names of the others share one line.
_LABELS = {
    "mpid": "mpid",
    "user_identities": "user",
    "device_info": "device",
    "user_attributes": "user attributes",
    "consent_state": "consent",
}


def readable(head: str, context: Iterable[tuple[str, str]], events: Sequence[Event]) -> str:
    """Return the lines of a context, then a line for each event, as long as there is room."""
    lines = [f"<{head}", *(f"  {label}: {text}" for label, text in context)]
    room = _LINES - len(lines)
    shown = events if len(events) <= room else events[: room - 1]
    lines += [f"  {line(event)}" for event in shown]
    if len(events) > len(shown):
        lines.append(f"  … and {len(events) - len(shown)} more events")
    return "\n".join(cut(text) for text in lines) + ">"


def context(batch: Any) -> Iterator[tuple[str, str]]:
    """Yield the label and the text of each line about a batch's context."""
    others = [name for name in batch._keys if name not in _LABELS and name != "environment"]
    for name, label in _LABELS.items():
        value = batch._get(name)
        if value is not None:
            yield label, ", ".join(_entries(value))
    if others:
        yield "also set", ", ".join(others)


def _entries(value: Any) -> Iterator[str]:
    if isinstance(value, ConsentState):
        for purpose, consent in {**(value.gdpr or {}), **(value.ccpa or {})}.items():
            yield f"{one_line(purpose)}={consent.consented}"
    elif isinstance(value, Mapping | Frozen):
        entries = value._given() if isinstance(value, Frozen) else value
        yield from (f"{one_line(name)}={brief(entry)}" for name, entry in entries.items())
    else:
        yield repr(value)


def one_line(name: str) -> str:
    r"""Return a name as it is, or escaped if it would break the line.

    >>> one_line("Account type"), one_line("a\nb")
    ('Account type', "'a\\nb'")
    """
    return name if name.isprintable() else repr(name)


def cut(text: str) -> str:
    """Return the text, cut to the width of a line."""
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def line(event: Event) -> str:
    """Return a line about an event: its type, its name or products, its time.

    >>> from mpfluent import AppEvent
    >>> line(AppEvent("Searched", at="2026-11-23T10:15:00Z"))
    "custom_event 'Searched' at 2026-11-23T10:15:00Z"
    """
    when = [] if event.at is None else [f"at {moment(event.at)}"]
    return " ".join([event.event_type, *telling(event), *when])


def telling(event: Event) -> list[str]:
    """Return the words that distinguish an event from others of its type."""
    words = [brief(event._get(key), 40) for key in _TELLING if event._get(key) is not None]
    return words + _commerce(event)


def _commerce(event: Event) -> list[str]:
    products, promotions = event._get("product_action"), event._get("promotion_action")
    if products is not None:
        return [products.action, *_names(products.products)]
    if promotions is not None:
        return [f"promotion_{promotions.action}", *_names(promotions.promotions)]
    lists = event._get("product_impressions") or ()
    return [f"impression {shown.product_impression_list!r}" for shown in lists]


def _names(items: Iterable[Any] | None) -> Iterator[str]:
    return (one_line(str(item.name or item.id)) for item in items or ())


def moment(milliseconds: int) -> str:
    """Return Unix milliseconds as ISO 8601, or as a number where no calendar reaches.

    >>> moment(1795428900000)
    '2026-11-23T10:15:00Z'
    """
    try:
        time = EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:  # before the year 1 or after 9999
        return str(milliseconds)
    return time.isoformat(timespec="milliseconds").replace(".000", "").replace("+00:00", "Z")
