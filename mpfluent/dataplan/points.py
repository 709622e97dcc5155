"""The points of a plan, and which of them an event meets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .javascript import text_of

# Types whose key is the type alone.
_SIMPLE = (
    *("session_start", "session_end", "crash_report", "opt_out", "first_run"),
    *("network_performance", "breadcrumb", "uninstall"),
)
# The criteria of the other types, in the order of the key; None leaves a place empty.
_CRITERIA: dict[str, tuple[str | None, ...]] = {
    **dict.fromkeys((*_SIMPLE, "product_impression", "user_attributes", "user_identities"), ()),
    "custom_event": ("custom_event_type", "event_name"),
    "screen_view": (None, "screen_name"),
    "application_state_transition": ("application_transition_type",),
    "product_action": ("action",),
    "promotion_action": ("action",),
}
PLANNABLE = frozenset(
    ("custom_event", "screen_view", "product_action", "promotion_action", "product_impression")
)
"""The types of events that mParticle's data plans can have."""


class Point(NamedTuple):
    """A data point: which events it is about, and what they must be.

    Attributes:
        place: in the plan, such as "data_points[3]".
        type: of what it matches, such as "custom_event".
        match: as the plan has it.
        description: of the event, for people; "" where there is none.
        definition: a JSON Schema; True where everything is allowed.
        key: what an event must have in common with it; None if its criteria are missing.
        skipped: why nothing can meet it, or "".
    """

    place: str
    type: str
    match: Mapping[str, Any]
    description: str
    definition: Any
    key: str | None
    skipped: str = ""

    @property
    def custom_type(self) -> str:
        """The ``custom_event_type``, or "" where it has none."""
        return text_of((self.match.get("criteria") or {}).get("custom_event_type"))

    @property
    def name(self) -> str:
        """The name of the event or the screen, the action, or the type."""
        criteria = self.match.get("criteria") or {}
        named = [field for field in _CRITERIA.get(self.type, ()) if field]
        return text_of(criteria.get(named[-1])) if named else self.type


def point_of(entry: Mapping[str, Any], place: str) -> Point:
    """Return a point of a plan.

    Args:
        entry: as JSON has it; where it stands is checked already.
        place: in the plan.
    """
    match, validator = entry.get("match"), entry.get("validator")
    skipped = "" if match and validator else f"it has no {'validator' if match else 'match'}"
    match = match or {}
    kind = match.get("type")
    definition: Any = True
    if validator and validator.get("type") == "json_schema":
        written = validator.get("definition")
        definition = True if written is None else written
    return Point(
        place=place,
        type=text_of(kind),
        match=match,
        description=text_of(entry.get("description")),
        definition=definition,
        key=_key(kind, match.get("criteria")),
        skipped=skipped,
    )


def _key(kind: Any, criteria: Any) -> str | None:
    fields = _CRITERIA.get(kind) if isinstance(kind, str) else None
    if fields is None:
        return "unknown"
    if fields and criteria is None:
        return None
    return _joined(kind, [field and criteria.get(field) for field in fields])


def _joined(kind: str, parts: list[Any]) -> str:
    return ":".join([kind, *map(text_of, parts)])


class Meeting(NamedTuple):
    """Which point an event asks for.

    Attributes:
        key: of the point; "" if no plan can have the event.
        type: of the point.
        name: of the event, or its type.
        match: what the point's would be.
    """

    key: str
    type: str
    name: str
    match: dict[str, Any] | None

    @property
    def label(self) -> str:
        """The name of the event or the screen, the action, or the type of the event."""
        action = (self.match or {}).get("criteria", {}).get("action")
        return text_of(action) if action else self.name


def meeting_of(event: Mapping[str, Any]) -> Meeting:
    """Return which point an event asks for.

    >>> meeting_of({"event_type": "screen_view", "data": {"screen_name": "Quay"}}).key
    'screen_view::Quay'
    """
    kind, data = event.get("event_type"), event.get("data")
    fields = data if isinstance(data, Mapping) else {}
    find = _FINDERS.get(kind) if isinstance(kind, str) else None
    if find is None or (kind == "custom_event" and not data and not isinstance(data, Mapping)):
        return Meeting("", "", text_of(kind), None)
    return find(str(kind), fields)


def _simple(kind: str, data: Mapping[str, Any]) -> Meeting:
    return Meeting(kind, kind, kind, {"type": kind})


def _custom_event(kind: str, data: Mapping[str, Any]) -> Meeting:
    name, custom_type = data.get("event_name"), data.get("custom_event_type")
    criteria = {"event_name": name or "Custom Event", "custom_event_type": custom_type or "other"}
    key = _joined(kind, [custom_type, name])
    return Meeting(key, kind, text_of(name or kind), {"type": kind, "criteria": criteria})


def _screen_view(kind: str, data: Mapping[str, Any]) -> Meeting:
    name = data.get("screen_name")
    criteria = {"screen_name": name or ""}
    key = _joined(kind, [None, name])
    return Meeting(key, kind, text_of(name or kind), {"type": kind, "criteria": criteria})


def _transition(kind: str, data: Mapping[str, Any]) -> Meeting:
    transition = data.get("application_transition_type")
    criteria = {"application_transition_type": transition or "unknown"}
    return Meeting(_joined(kind, [transition]), kind, kind, {"type": kind, "criteria": criteria})


def _commerce(kind: str, data: Mapping[str, Any]) -> Meeting:
    for part in ("product_action", "promotion_action"):
        if data.get(part):
            action = data[part].get("action") if isinstance(data[part], Mapping) else None
            criteria = {"action": action} if action else {}
            return Meeting(
                _joined(part, [action]), part, kind, {"type": part, "criteria": criteria}
            )
    if data.get("product_impressions") or isinstance(data.get("product_impressions"), list):
        return Meeting(
            "product_impression", "product_impression", kind, {"type": "product_impression"}
        )
    return Meeting("", "", kind, None)


_FINDERS = {
    **dict.fromkeys(_SIMPLE, _simple),
    "custom_event": _custom_event,
    "screen_view": _screen_view,
    "application_state_transition": _transition,
    "commerce_event": _commerce,
}
