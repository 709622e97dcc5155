"""What the local server refuses where it is strict: all that the wire format does not have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..encoding.reader import as_text, path_within
from ..encoding.schema import event_class, schema_of
from ..values.fields import Field
from ..values.frozen import Frozen


def refusal(cls: type[Frozen], data: Any) -> str | None:
    """Return why the API would refuse ``data``, or None.

    The API is more patient than our schemas: it takes null for nothing, fields that only it sets,
    and unknown names in some objects.
    """
    messages = schema_of(cls).validate(_patient(cls, data))
    if not messages:
        return None
    path = ""
    why: Any = messages
    while isinstance(why, Mapping):
        key, why = next(iter(why.items()))
        path = path_within(path, key)
    text = why[0] if isinstance(why, list) and why else str(why)
    return text if text.startswith("Required event field") else f"{path}: {text}"


def _patient(cls: type[Frozen], data: Any) -> Any:
    """Return data without what the API passes over."""
    if not isinstance(data, Mapping):
        return data
    kept = {}
    for key, value in data.items():
        declared = cls._wire.get(key)
        if declared is None:
            if not (key in cls._server_set or cls._open):
                kept[key] = value
            continue
        kind = declared.kind
        if value is None and kind.nullable and not declared.null:
            continue
        if kind.records and kind.fits(value):
            value = kind.each(value, _patient_record(declared))
        elif kind.flat and isinstance(value, Mapping):
            value = {name: entry for name, entry in value.items() if entry is not None}
        elif kind.name == "text":
            value = as_text(value)
        kept[key] = value
    return kept


def _patient_record(declared: Field[Any]) -> Callable[[Any, Any], Any]:
    patient = _patient_event if declared.kind.wrapped else _patient
    return lambda one, _: patient(declared.of, one)


def _patient_event(base: Any, event: Any) -> Any:
    of = event_class(base, event.get("event_type")) if isinstance(event, Mapping) else None
    if of is None or not isinstance(event.get("data"), Mapping):
        return event
    return {"event_type": event["event_type"], "data": _patient(of, event["data"])}
