"""What a :class:`~mpfluent.testing.LocalServer` can be told to do instead of accepting."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple


class Action(NamedTuple):
    """One scripted answer.

    Attributes:
        status_code: the HTTP status; None for no answer at all.
        headers: on top of the usual ones.
        body: of the answer.
        accept: whether the batches count as received.
    """

    status_code: int | None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    accept: bool = False


def ok(status_code: int = 202) -> Action:
    """Accept the request.

    >>> ok().status_code
    202
    """
    return Action(status_code, accept=True)


def status(
    status_code: int,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    message: str | None = None,
) -> Action:
    """Refuse the request with this status.

    Args:
        headers: such as ``{"Retry-After": "2"}``.
        body: the answer's body; message: a text for the vendor's error body instead.

    >>> status(400, message="no").body
    b'{"errors": [{"code": "BAD_REQUEST", "message": "no"}]}'
    """
    if message is not None:
        body = json.dumps({"errors": [{"code": "BAD_REQUEST", "message": message}]})
    text = b"" if body is None else body.encode() if isinstance(body, str) else body
    return Action(status_code, tuple((headers or {}).items()), text)


def drop_after_read() -> Action:
    """Accept the request, then break the connection before the answer."""
    return Action(None, accept=True)
