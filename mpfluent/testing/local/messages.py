"""Why a request was refused, in words, for its row."""

from __future__ import annotations

import json
from http.client import responses
from types import MappingProxyType

from ..faults import Action

# What mParticle says with no more than a status
_WORDS = MappingProxyType(
    {
        400: "what came is no request of HTTP",
        401: "no credentials: want the API key and its secret, by HTTP Basic",
        403: "the key or the secret is not the one that this server accepts",
        404: "mParticle has no such path; want /v2/events or /v2/bulkevents",
        405: "mParticle takes POST here",
        411: "Content-Length is missing: this server takes no body in chunks",
        429: "more batches a second than the rate limit of this server",
    }
)
_ENDS = MappingProxyType(
    {
        "reset": "the connection was reset without an answer",
        "close": "the connection was closed without an answer",
    }
)


def message_of(action: Action, problems: tuple[str, ...], *, scripted: bool) -> str:
    """Return why a request was refused.

    Args:
        action: what the server did.
        problems: what is wrong with the request itself.
        scripted: whether a fault was asked for.

    >>> message_of(Action(401), (), scripted=False)
    'no credentials: want the API key and its secret, by HTTP Basic'
    >>> message_of(Action(503), (), scripted=True)
    'a fault: 503 Service Unavailable'
    """
    code = action.status_code
    if not scripted:
        plain = "" if code is None else f"{code} {responses.get(code, '')}".rstrip()
        words = _said(action.body) or _WORDS.get(code or 0, plain)
        return problems[0] if problems else words
    if code is None:
        said = "an answer that is not HTTP" if action.body else _ENDS.get(action.end, "no answer")
    else:
        said = f"{code} {_said(action.body) or responses.get(code, '')}".rstrip()
    return "; ".join([f"a fault: {said}", *problems[:1]])


def _said(body: bytes) -> str:
    """Return the words of the vendor's error body, if it is one."""
    try:
        return str(json.loads(body)["errors"][0]["message"])
    except (ValueError, LookupError, TypeError):
        return ""
