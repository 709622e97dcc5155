"""What several tests of reading share: JSON with exact numbers, and events as dicts."""

from __future__ import annotations

import json
from typing import Any

from mpfluent import Batch


def exactly(data: Any) -> str:
    """Return a text that is the same only for the same plain data: 1, 1.0 and True differ."""
    return json.dumps(data, sort_keys=True, default=repr)


def event(event_type: str = "custom_event", /, **data: Any) -> dict[str, Any]:
    """Return the wire form of a batch with one event."""
    if event_type == "custom_event":
        data = {"event_name": "x", **data}
    return {"events": [{"event_type": event_type, "data": data}]}


def read_event(event_type: str = "custom_event", /, **data: Any) -> Any:
    """Return the one event that is read from this data."""
    (found,) = Batch.from_dict(event(event_type, **data)).events
    return found
