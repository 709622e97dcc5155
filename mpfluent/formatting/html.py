"""The HTML of a batch or a session in a notebook: one small table, without files to load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ..errors import brief
from ..model.event import Event
from .summary import moment, telling

_MOST_EVENTS = 50  # rows; the notebook's file keeps the whole table
_CELL = "text-align:left;vertical-align:top;padding:1px 8px"


def table(title: str, context: Iterable[tuple[str, str]], events: Sequence[Event]) -> str:
    """Return a table of a context and of events, as HTML in which every text is escaped.

    Args:
        title: the caption of the table.
        context: labels and texts.
        events: the first fifty of them are shown.
    """
    rows = [_row(label, text) for label, text in context]
    for index, event in enumerate(events[:_MOST_EVENTS]):
        when = "" if event.at is None else moment(event.at)
        rows.append(_row(f"events[{index}]", _text(event), when))
    more = len(events) - _MOST_EVENTS
    if more > 0:
        rows.append(_row("…", f"and {more} more event{'s' if more > 1 else ''}"))
    return (
        '<table style="border-collapse:collapse;max-width:60em">'
        f'<caption style="text-align:left;font-weight:bold">{escape(title)}</caption>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _row(label: str, text: str, when: str = "") -> str:
    return (
        f'<tr><th scope="row" style="{_CELL};white-space:nowrap;font-weight:normal">'
        f'{escape(label)}</th><td style="{_CELL};overflow-wrap:anywhere">{escape(text)}</td>'
        f'<td style="{_CELL};white-space:nowrap">{escape(when)}</td></tr>'
    )


def _text(event: Event) -> str:
    given = (event.attributes or {}).items()
    attributes = ", ".join(f"{name}={brief(value, 60)}" for name, value in given)
    words = " ".join([event.event_type, *telling(event)])
    return f"{words}: {attributes}" if attributes else words
