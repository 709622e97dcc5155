"""The rules of the Events API: how it would answer a request."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from ..builder.batch import Batch
from ..encoding.json import parsed, plain
from ..errors import MPFluentError, brief
from ..model.event import Event
from ..wire import limits
from .faults import Action, ok, status
from .held_values import Held, held, meant
from .wire_rules import refusal

SINGLE = "/v2/events"
BULK = "/v2/bulkevents"
HISTORICAL = "/v2/bulkevents/historical"

_OK = ok()


class Judgement(NamedTuple):
    """The API's answer to a request, and what was read of it.

    Attributes:
        action: the answer.
        batches: each accepted batch with its ``source_request_id``, or None if it has none.
        batch_ids: the ``source_request_id`` of each batch that has one, refused or not.
        problems: why it is refused, or what was left out of its batches.
        payloads: each accepted batch as JSON has it.
    """

    action: Action
    batches: list[tuple[str | None, Batch]]
    batch_ids: tuple[str, ...]
    problems: tuple[str, ...] = ()
    payloads: list[Any] = []  # noqa: RUF012 - which nobody changes


def judged(
    expected: bytes | None,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    strict: bool = False,
) -> Judgement:
    """Return how the API would answer a request.

    Args:
        expected: the credentials that it accepts, as ``key:secret``; None for any.
        method: such as "POST"; path: without the query.
        headers: names in lower case.
        body: the bytes of the body.
        strict: whether to refuse also what the wire format does not have.

    >>> judged(b"key:secret", "POST", "/v2/events", {}, b"{}").action.status_code
    401
    """
    data, why = None, None
    try:
        if len(body) <= limits.MAX_REQUEST_BYTES:  # JSON takes many times as much as its text
            data = parsed(body)
    except MPFluentError as error:  # no JSON: refused below, after the credentials were checked
        why = str(error)
    entries = data if isinstance(data, list) else [data]
    ids = [id_of(entry) for entry in entries]
    named = tuple(batch_id for batch_id in ids if batch_id is not None)
    # first what can be refused without a look at the body
    action = _refused_unread(expected, method, path, headers.get("authorization"))
    if action is not None:
        return Judgement(action, [], named, ())
    if len(body) > limits.MAX_REQUEST_BYTES:
        larger = f"A request is larger than {limits.MAX_REQUEST_BYTES} bytes."
        return Judgement(status(413), [], named, (larger,))
    why = why or _refusal(path, data, len(body), strict=strict)
    if why is not None:
        return Judgement(status(400, message=why), [], named, (why,))
    found = [held(entry) for entry in entries]
    batches = [(batch_id, each.batch) for batch_id, each in zip(ids, found)]
    return Judgement(_OK, batches, named, tuple(_problems(path, found)), entries)


def _problems(path: str, found: list[Held]) -> list[str]:
    return [
        problem if path == SINGLE else f"[{index}].{problem}"
        for index, each in enumerate(found)
        for problem in each.problems
    ]


def _refused_unread(
    expected: bytes | None, method: str, path: str, authorization: str | None
) -> Action | None:
    """Return the answer to a request that is refused before its body is read; None for others."""
    if path not in (SINGLE, BULK, HISTORICAL):
        return status(404)
    if method != "POST":
        return status(405)
    if authorization is None:
        return status(401)
    return None if _known(expected, authorization) else status(403)


def _known(expected: bytes | None, authorization: str) -> bool:
    scheme, _, given = authorization.partition(" ")
    try:
        found = base64.b64decode(given, validate=True)
        return scheme.lower() == "basic" and expected in (None, found)
    except (binascii.Error, ValueError):  # a letter that is not ASCII is a ValueError
        return False


def _refusal(path: str, data: Any, length: int, *, strict: bool) -> str | None:
    """Return why the API would refuse a body, or None."""
    if path != SINGLE and not (isinstance(data, list) and data):
        return "The body must be an array of batches."
    entries = [data] if path == SINGLE else data
    if len(entries) > limits.MAX_BATCHES_PER_REQUEST:
        return f"More than {limits.MAX_BATCHES_PER_REQUEST} batches."
    found = (refused(entry, strict=strict, length=length) for entry in entries)
    return next(filter(None, found), None)


def id_of(entry: Any) -> str | None:
    """Return the ``source_request_id`` of a batch; the API reads a number as text.

    >>> id_of({"source_request_id": "a"}), id_of({"source_request_id": 5}), id_of({})
    ('a', '5', None)
    """
    value = entry.get("source_request_id") if isinstance(entry, dict) else None
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, int | float) else None


def refused(entry: Any, *, strict: bool = True, length: int | None = None) -> str | None:
    """Return why the API would refuse a batch, or None.

    Args:
        entry: the batch, as JSON has it.
        length: bytes of the text that it came in, if that is known.
        strict: whether the batch must keep the wire format. If not, only what the API is known
            to refuse is refused.

    >>> refused({"environment": "development", "events": [{"data": {}}]})
    'Required event field "event_type" is missing or empty.'
    >>> text = {"environment": "development", "mpid": "7"}
    >>> refused(text), refused(text, strict=False)
    ('mpid: want an integer, got str', None)
    """
    if not isinstance(entry, dict):
        return "A batch must be an object."
    if _is_large(entry, length):
        return f"A batch is larger than {limits.MAX_BATCH_BYTES} bytes."
    return refusal(Batch, entry) if strict else _known_refusal(entry)


_GROWTH = 5  # how many times as long a number may be written as it came, such as 1e15


def _is_large(entry: dict[str, Any], length: int | None) -> bool:
    if length is not None and length * _GROWTH <= limits.MAX_BATCH_BYTES:
        return False  # most are: there is no need to write it
    # JSON can escape a lone surrogate
    return len(plain(entry).encode("utf-8", "surrogatepass")) > limits.MAX_BATCH_BYTES


# Required by the schema. But the vendor's reference calls them optional, or the vendor's SDKs leave
# them out, or the API puts in a default.
_FORGIVEN = frozenset(
    (
        "custom_event_type",
        "is_opted_out",
        "message",
        "new",
        "old",
        "push_message_token",
        "push_notification_payload",
        "register",
        "registration_token",
        "previous_mpid",
        "current_mpid",
        "response_code",
        "screen_name",
        "session_duration_ms",
        "severity",
        "url",
    )
)
_ENVIRONMENTS = ("development", "production", "unknown")


def _known_refusal(entry: dict[str, Any]) -> str | None:
    """Return why the API refuses a batch, by its documentation or by the shape of the JSON."""
    environment, events = entry.get("environment"), entry.get("events")
    if environment is not None and meant(environment, _ENVIRONMENTS) is None:
        return f"environment: {brief(environment)} is not an environment"
    if events is not None and not isinstance(events, list):
        return "events: not an array."
    return next(filter(None, (_event_refusal(*each) for each in enumerate(events or ()))), None)


def _event_refusal(index: int, event: Any) -> str | None:
    if not isinstance(event, dict):
        return f"events[{index}]: not an object."
    word, data = event.get("event_type"), event.get("data")
    if not word:
        return 'Required event field "event_type" is missing or empty.'
    event_type = meant(word, Event._by_type)
    if event_type is None:
        return f"events[{index}].event_type: {brief(word)} is not an event type"
    if data is not None and not isinstance(data, dict):
        return f"events[{index}].data: not an object."
    missing = [name for name in _needed(event_type) if (data or {}).get(name) is None]
    return f"events[{index}].data.{missing[0]}: must be given" if missing else None


@cache
def _needed(event_type: str) -> list[str]:
    """Return the fields without which the API refuses an event of a type, sorted."""
    return sorted({field.wire for field in Event._by_type[event_type]._required} - _FORGIVEN)
