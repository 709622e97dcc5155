"""Reads the answer of ``requests``: its status, the headers that are worth keeping, its body.

This module is imported with the first answer, since ``requests`` is slow to import.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
import urllib3

from .base import Response, few, not_retryable
from .request_errors import forget_frames, from_outside

_CHUNK = 16_384  # bytes that are read at a time
_MOST_BODY = 1_000_000  # bytes of an answer that are read; the rest says nothing more


def read_answer(answer: requests.Response) -> Response | Exception:
    """Return the response, or the error where there was no final status.

    Raises:
        TransportError: a test has replaced the answer by something else.
    """
    status: Any = answer.status_code
    if not isinstance(status, int):
        raise not_retryable(
            f"requests answered with a status that is {type(status).__name__}; write "
            "return_value.status_code = 202, or Client(…, transport=RecordingTransport())"
        )
    if not isinstance(answer, requests.Response) or answer.raw is None:  # a test made it
        headers, body = answer.headers, answer.content
        kept = few(headers) if isinstance(headers, Mapping) else {}
        return Response(status, kept, body if isinstance(body, bytes) else b"")
    with answer:
        if status < 200:  # what follows on this connection answers no other request
            return ConnectionAbortedError(f"after the status {status} there was no final one")
        # The status decides the outcome: a body that breaks off changes nothing.
        return Response(status, few(answer.headers), _body(answer))


def _body(answer: requests.Response) -> bytes:
    """Return the body as it came. It is not decompressed, since that could make it huge."""
    headers = getattr(answer.raw, "headers", None)
    if headers is not None:
        headers.pop("Content-Encoding", None)  # urllib3 looks here whether to decompress
    body = bytearray()
    try:
        for chunk in answer.iter_content(_CHUNK):
            body += chunk
            if len(body) >= _MOST_BODY:
                break
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        # The body broke off, and what came of it is the body. But an error that a signal handler
        # raised is not about the body.
        if from_outside(error) is not None:
            raise
        forget_frames(error)  # its frames would keep the connection open after close()
    return bytes(body)
