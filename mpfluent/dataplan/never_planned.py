"""Events that are never as planned, whatever attributes they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..formatting.code_layout import quoted
from .definitions import adapted
from .points import Point

_MAY_COME = ("minProperties", "minItems")  # of what is not there yet


def why_never(point: Point) -> str | None:
    """Return why no event of a point is as planned; None if one may be.

    Args:
        point: of an event; its definition is not broken.

    >>> from .points import point_of
    >>> validator = {"type": "json_schema", "definition": {"required": ["till"]}}
    >>> match = {"type": "screen_view", "criteria": {"screen_name": "Cart"}}
    >>> why_never(point_of({"match": match, "validator": validator}, "data_points[0]"))
    'its definition requires "till", which no event has'
    """
    from .server_keywords import VALIDATORS  # it loads the library, which is slow to import

    validator = VALIDATORS["server"](adapted(point.definition, "server")[0])
    for error in validator.iter_errors(_always(point)):
        where = [str(part) for part in error.absolute_path]
        if error.validator in _MAY_COME or (error.validator == "required" and where):
            continue
        if error.validator == "required":
            return f"its definition requires {quoted(error.message)}, which no event has"
        if error.validator == "additionalProperties":
            return f"its definition refuses {quoted(error.message)}, which each event has"
        return f"its definition refuses the {quoted(where[-1] if where else 'event')} of each event"
    return None


def _always(point: Point) -> Mapping[str, Any]:
    """Return what each event of a point has."""
    if point.type == "custom_event":
        data: Any = {"event_name": point.name, "custom_event_type": point.custom_type}
        return {"event_type": "custom_event", "data": data}
    if point.type == "screen_view":
        return {"event_type": "screen_view", "data": {"screen_name": point.name}}
    if point.type == "product_impression":
        return {"event_type": "commerce_event", "data": {"product_impressions": []}}
    return {"event_type": "commerce_event", "data": {point.type: {"action": point.name}}}
