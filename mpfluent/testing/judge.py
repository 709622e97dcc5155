"""What the Events API would say of a request."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import limits, reader
from ..batch import Batch
from ..errors import MPFluentError
from ..jsontext import parsed, plain
from .faults import Action, ok, status

SINGLE = "/v2/events"
BULK = "/v2/bulkevents"
HISTORICAL = "/v2/bulkevents/historical"

_OK = ok()


class Judgement(NamedTuple):
    """What a request comes to.

    Attributes:
        action: what the API would answer.
        entries: the batches, as JSON has them; none if they are refused.
        batch_ids: the ``source_request_id`` of each batch that has one, refused or not.
    """

    action: Action
    entries: list[Any]
    batch_ids: tuple[str, ...]


def judged(
    expected: bytes, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> Judgement:
    """Return what the API would answer a request.

    Args:
        expected: the credentials that it takes, as ``key:secret``.
        method: such as "POST"; path: without the query.
        headers: names in lower case.
        body: the bytes of the body.

    >>> judged(b"key:secret", "POST", "/v2/events", {}, b"{}").action.status_code
    401
    """
    try:
        data, problem = parsed(body), None
    except MPFluentError as error:
        data, problem = None, str(error)
    entries = data if isinstance(data, list) else [data]
    refusal = (
        _turned_away(expected, method, path, headers.get("authorization"))
        or (status(413) if len(body) > limits.MAX_REQUEST_BYTES else None)
        or (status(400, message=problem) if problem is not None else None)
        or _refusal(path, data)
    )
    ids = [id_of(entry) for entry in entries]
    named = tuple(batch_id for batch_id in ids if batch_id is not None)
    return Judgement(refusal or _OK, [] if refusal else entries, named)


def _turned_away(
    expected: bytes, method: str, path: str, authorization: str | None
) -> Action | None:
    """Return the answer to a request whose body is not looked at."""
    if path not in (SINGLE, BULK, HISTORICAL):
        return status(404)
    if method != "POST":
        return status(405)
    if authorization is None:
        return status(401)
    return None if _known(expected, authorization) else status(403)


def _known(expected: bytes, authorization: str) -> bool:
    scheme, _, given = authorization.partition(" ")
    try:
        return scheme.lower() == "basic" and base64.b64decode(given, validate=True) == expected
    except (binascii.Error, ValueError):  # a ValueError is a letter that is not ASCII
        return False


def _refusal(path: str, data: Any) -> Action | None:
    """Return the answer to a body that is not right, or None."""
    if path != SINGLE and not (isinstance(data, list) and data):
        return status(400, message="The body must be an array of batches.")
    entries = [data] if path == SINGLE else data
    if len(entries) > limits.MAX_BATCHES_PER_REQUEST:
        return status(400, message=f"More than {limits.MAX_BATCHES_PER_REQUEST} batches.")
    for entry in entries:
        why = refused(entry)
        if why is not None:
            return status(400, message=why)
    return None


def id_of(entry: Any) -> str | None:
    """Return the ``source_request_id`` of a batch; the API takes a number for its text.

    >>> id_of({"source_request_id": "a"}), id_of({"source_request_id": 5}), id_of({})
    ('a', '5', None)
    """
    value = entry.get("source_request_id") if isinstance(entry, dict) else None
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, int | float) else None


def refused(entry: Any) -> str | None:
    """Return why the API would refuse a batch, or None; the wire format says what it takes.

    >>> refused({"environment": "development", "events": [{"data": {}}]})
    'Required event field "event_type" is missing or empty.'
    """
    if not isinstance(entry, dict):
        return "A batch must be an object."
    if len(plain(entry).encode()) > limits.MAX_BATCH_BYTES:
        return f"A batch is larger than {limits.MAX_BATCH_BYTES} bytes."
    return reader.refusal(Batch, entry)
