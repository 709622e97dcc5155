"""The rows of a request, as JSON has them: one for each event, or for what has none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from math import isfinite
from typing import Any

from ...encoding.json import parsed, plain
from ...errors import InvalidValue
from ...model.event import Event
from ..event_names import NAMED_BY
from ..held_values import meant
from .store import Entry, Part, Store

_SMALL = 16_000  # bytes of an entry whose rows are at hand for a while
_MOST_TEXT = 1_000_000  # characters of the rows of one entry that are kept as JSON
_PLACE = re.compile(r"events\[(\d+)\]")
EVENT_KEYS = (
    *("id", "batch_id", "index", "at", "environment", "user", "event_type", "action", "name"),
    *("data", "problems", "violations"),
)

_DEEP = "it is nested too deeply to be shown"
_TOO_DEEP = {"event_type": None, "data": {"event_name": f"({_DEEP})"}}

# a number that JSON does not have is no text of ours
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


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


def written_payloads(entry: Entry) -> list[Any] | None:
    """Return the batches of an accepted request as they came, with the digits of each number.

    None stands for what is nested so deeply that it could be read only with more of the stack left.
    """
    try:
        data = parsed(entry.request.body, as_written=True)
    except InvalidValue:
        return None
    return data if isinstance(data, list) else [data]


def payloads_of(entry: Entry) -> list[Any]:
    """Return the batches of an accepted request to be shown; one stands in for what cannot be."""
    found = written_payloads(entry)
    if found is not None:
        return found
    return [{"events": [_TOO_DEEP] * part.events} for part in entry.parts or ()]


def batch_id_of(entry: Entry, place: int) -> str:
    """Return the id of a batch of an entry: its own, or one after its first row."""
    parts = entry.parts or ()
    own = parts[place].batch_id
    return f"unnamed-{first_row_of(entry, place)}" if own is None else own


def first_row_of(entry: Entry, place: int) -> int:
    """Return the id of the first row of a batch of an entry."""
    return entry.first + sum(part.rows for part in (entry.parts or ())[:place])


def rows_of(entry: Entry) -> list[dict[str, Any]]:
    """Return the rows of an entry, oldest first; each has what it is about as ``written``.

    Nobody changes them: who else asks soon gets the same ones.
    """
    return _shared(entry) if entry.held <= _SMALL else _built(entry)


def _built(entry: Entry) -> list[dict[str, Any]]:
    if entry.parts is None:
        return [refused_row(entry)]
    return [
        row
        for place, payload in enumerate(payloads_of(entry))
        for row in batch_rows(entry, place, payload)
    ]


# many that wait look at the same few rows
_shared = lru_cache(256)(_built)


def texts_of(store: Store, entry: Entry, begin: int) -> Iterator[str]:
    """Yield the rows of an entry as JSON; where they are short, they are kept for who asks next.

    Args:
        store: what it is in.
        entry: the request.
        begin: how many rows to leave out.
    """
    texts = store.texts(entry)
    if texts is not None:
        yield from texts[begin:]
        return
    texts, size, rows = [], 0, iter(rows_of(entry))
    for row in rows:
        texts.append(_text_of(row))
        size += len(texts[-1])
        if size > _MOST_TEXT:  # each row has the whole user: they can be far longer than the body
            break
    else:
        store.keep_texts(entry, texts)
    yield from texts[begin:]
    yield from map(_text_of, islice(rows, max(0, begin - len(texts)), None))


def _text_of(row: Mapping[str, Any]) -> str:
    """Return a row as JSON, with the size of its event, whose data is written only once."""
    if row["kind"] == "refused":
        return json_text(row)
    written, problems = row["written"], row["problems"]
    try:
        data = json_text(row["data"])
        rest = {name: value for name, value in written.items() if name != "data"}
        size = len(json_bytes(rest))
    except RecursionError:
        data, size = "{}", 0
        problems = [*problems, _DEEP]
    if row["kind"] == "event":
        size += len(',"data":') + len(data.encode("utf-8", "backslashreplace"))
    shown = {name: row[name] for name in row if name not in ("data", "written")}
    text = json_text({**shown, "problems": problems, "size": size})
    return f'{text[:-1]},"data":{data}}}'


def refused_row(entry: Entry) -> dict[str, Any]:
    """Return the row of a request that was refused, or that got no answer."""
    request = entry.request
    return {
        "kind": "refused",
        "id": entry.first,
        "at": entry.at,
        "request": entry.number,
        "size": entry.size,
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
    problems: dict[int, list[str]] = {}
    for text in part.problems:
        problems.setdefault(_about(text), []).append(text)
    violations: dict[int, list[dict[str, Any]]] = {}
    for each in part.violations:
        found = violations.setdefault(each.event_index or 0, [])
        found.append(violation_of(each, payload))
    for index, event in enumerate(events):
        data = {} if event is None else event.get("data") or {}
        event_type = None if event is None else event.get("event_type")
        named_by = NAMED_BY.get(meant(event_type, Event._by_type))
        yield {
            "id": first + index,
            **shared,
            "index": None if event is None else index,
            "event_type": event_type,
            "action": action_of(data),
            "name": None if named_by is None else data.get(named_by),
            "data": data,
            "problems": problems.get(index, []),
            "violations": violations.get(index, []),
            "kind": "batch" if event is None else "event",
            "request": entry.number,
            "verdict": _verdict(entry, place, index in problems, index in violations),
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


def violation_of(violation: Any, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return as JSON what of a batch is not as planned, with its numbers as they came."""
    return {
        "code": violation.kind,
        "message": violation.text,
        "path": violation.path,
        "event_index": violation.event_index,
        "key": violation.key,
        "pointer": violation.pointer,
        "keyword": violation.keyword,
        "expected": violation.expected,
        "actual": _actual(violation, payload),
    }


def _actual(violation: Any, payload: Mapping[str, Any]) -> Any:
    """Return what is there: the plan compares doubles, and JSON has every digit."""
    if isinstance(violation.actual, bool) or not isinstance(violation.actual, int | float):
        return violation.actual
    place = violation.event_index
    found: Any = payload
    for name in ([] if place is None else ["events", str(place), "data"]) + violation.path:
        if isinstance(found, list):
            found = found[int(name)] if name.isdecimal() and int(name) < len(found) else None
        else:
            found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, int | float | Decimal) and not isinstance(found, bool):
        return found
    actual = violation.actual
    return actual if isinstance(actual, int) or isfinite(actual) else str(actual)


def verdict_of(entry: Entry, place: int) -> str:
    """Return the verdict on a whole batch."""
    part: Part = (entry.parts or ())[place]
    return _verdict(entry, place, bool(part.problems), bool(part.violations))


def _verdict(entry: Entry, place: int, problems: bool, violations: bool) -> str:
    if place in entry.duplicates:
        return "duplicate"
    return "violation" if violations else "problem" if problems else "ok"


def _about(problem: str) -> int:
    """Return the place of the event that a problem is about; 0 for the batch as a whole."""
    found = _PLACE.match(problem)
    return int(found[1]) if found else 0
