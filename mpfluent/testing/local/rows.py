"""The rows of a request, as JSON has them: one for each event, or for what has none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...encoding.json import parsed, plain
from ...errors import InvalidValue
from .store import Entry, Part

# What an event is called by, in the words of the wire
_NAMES = ("event_name", "screen_name", "label")
_PLACE = re.compile(r"events\[(\d+)\]")
EVENT_KEYS = (
    *("id", "batch_id", "index", "at", "environment", "user", "event_type", "action", "name"),
    *("data", "problems", "violations"),
)

_DEEP = "it is nested too deeply to be shown"
_TOO_DEEP = {"event_type": None, "data": {"event_name": f"({_DEEP})"}}

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def json_text(data: Any) -> str:
    """Return the JSON text of plain data, with all digits of its numbers.

    >>> json_text({"a": 9007199254740993})
    '{"a":9007199254740993}'
    """
    try:
        return _dumps(data)
    except TypeError:  # a Decimal
        return plain(data)


def json_bytes(data: Any) -> bytes:
    """Return JSON in UTF-8; what UTF-8 has no bytes for stands as JSON's escape."""
    return json_text(data).encode("utf-8", "backslashreplace")


def payloads_of(entry: Entry) -> list[Any]:
    """Return the batches of an accepted request as they came, with the digits of each number."""
    try:
        data = parsed(entry.request.body, as_written=True)
    except InvalidValue:  # so deep that it could be read only with more of the stack left
        return [{"events": [_TOO_DEEP] * part.events} for part in entry.parts or ()]
    return data if isinstance(data, list) else [data]


def batch_id_of(entry: Entry, place: int) -> str:
    """Return the id of a batch of an entry: its own, or one after its first row."""
    parts = entry.parts or ()
    own = parts[place].batch_id
    return f"unnamed-{first_row_of(entry, place)}" if own is None else own


def first_row_of(entry: Entry, place: int) -> int:
    """Return the id of the first row of a batch of an entry."""
    return entry.first + sum(part.rows for part in (entry.parts or ())[:place])


def rows_of(entry: Entry) -> list[dict[str, Any]]:
    """Return the rows of an entry, oldest first; each has what it is about as ``written``."""
    if entry.parts is None:
        return [refused_row(entry)]
    return [
        row
        for place, payload in enumerate(payloads_of(entry))
        for row in batch_rows(entry, place, payload)
    ]


def texts_of(entry: Entry) -> list[str]:
    """Return the rows of an entry as JSON; what is asked for again is at hand."""
    texts = entry.texts
    if texts is None:
        texts = entry.texts = [_text_of(row) for row in rows_of(entry)]
    return texts


def _text_of(row: dict[str, Any]) -> str:
    """Return a row as JSON, with the size of its event, whose data is written only once."""
    written = row.pop("written", None)
    if written is None:
        return json_text(row)
    try:
        data = json_text(row.pop("data"))
        rest = {name: value for name, value in written.items() if name != "data"}
        size = len(json_bytes(rest))
    except RecursionError:
        data, size = "{}", 0
        row["problems"] = [*row["problems"], _DEEP]
    if row["kind"] == "event":
        size += len(',"data":') + len(data.encode("utf-8", "backslashreplace"))
    return f'{json_text({**row, "size": size})[:-1]},"data":{data}}}'


def refused_row(entry: Entry) -> dict[str, Any]:
    """Return the row of a request that was refused, or that got no answer."""
    request = entry.request
    return {
        "kind": "refused",
        "id": entry.first,
        "at": entry.at,
        "request": entry.number,
        "size": len(request.body),
        "status_code": request.status_code,
        "message": entry.message,
        "batch_ids": list(request.batch_ids),
        "verdict": "refused",
    }


def batch_rows(entry: Entry, place: int, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch; what is about none of its events stands in the first.

    Args:
        entry: the request.
        place: of the batch in it.
        payload: the batch.
    """
    part = (entry.parts or ())[place]
    first = first_row_of(entry, place)
    events = payload.get("events") or [None]
    shared = {
        "batch_id": batch_id_of(entry, place),
        "at": entry.at,
        "environment": payload.get("environment"),
        "user": user_of(payload),
    }
    for index, event in enumerate(events):
        problems = [text for text in part.problems if _about(text) == index]
        violations = [
            violation_of(each) for each in part.violations if (each.event_index or 0) == index
        ]
        verdict = "ok"
        if place in entry.duplicates:
            verdict = "duplicate"
        elif violations:
            verdict = "violation"
        elif problems:
            verdict = "problem"
        data = {} if event is None else event.get("data") or {}
        yield {
            "id": first + index,
            **shared,
            "index": None if event is None else index,
            "event_type": None if event is None else event.get("event_type"),
            "action": action_of(data),
            "name": next((data[name] for name in _NAMES if data.get(name) is not None), None),
            "data": data,
            "problems": problems,
            "violations": violations,
            "kind": "batch" if event is None else "event",
            "request": entry.number,
            "verdict": verdict,
            "written": payload if event is None else event,
        }


def event_text(row: Mapping[str, Any]) -> str:
    """Return an event's row as JSON, without what is about its request."""
    event = {name: row[name] for name in EVENT_KEYS}
    try:
        return json_text(event)
    except RecursionError:
        problems = [*row["problems"], _DEEP]
        return json_text({**event, "data": {}, "problems": problems})


def user_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return who a batch is about: its identities and its ids, as the wire has them."""
    identities = payload.get("user_identities")
    ids = {name: payload[name] for name in ("mpid", "mp_deviceid") if payload.get(name) is not None}
    return {**(identities if isinstance(identities, dict) else {}), **ids}


def action_of(data: Mapping[str, Any]) -> Any:
    """Return the commerce action of an event's data, or None."""
    for name in ("product_action", "promotion_action"):
        action = data.get(name)
        if isinstance(action, dict):
            return action.get("action")
    return None


def violation_of(violation: Any) -> dict[str, Any]:
    """Return as JSON what of a batch is not as planned."""
    return {
        "code": violation.kind,
        "message": violation.text,
        "path": violation.path,
        "event_index": violation.event_index,
        "key": violation.key,
        "pointer": violation.pointer,
        "keyword": violation.keyword,
        "expected": violation.expected,
        "actual": violation.actual,
    }


def verdict_of(entry: Entry, place: int) -> str:
    """Return the verdict on a whole batch."""
    part: Part = (entry.parts or ())[place]
    if place in entry.duplicates:
        return "duplicate"
    return "violation" if part.violations else "problem" if part.problems else "ok"


def _about(problem: str) -> int:
    """Return the place of the event that a problem is about; 0 for the batch as a whole."""
    found = _PLACE.match(problem)
    return int(found[1]) if found else 0
