"""Errors made of answers: what mParticle says about a batch that it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ApiError, DeliveryError, Reason, TransportError, one_line
from ..transport.base import Response, few
from .retry import Answer, is_judged

_MOST_BODY = 64_000  # bytes of a refusal's body that its error keeps
_MOST_ERRORS = 100  # of the errors in it
_MOST_WORDS = 500  # characters of the server's message in an error's text; errors has them all


def failure(answer: Answer, reason: Reason, attempts: int, seconds: float) -> DeliveryError:
    """Return the error for a request that is not tried again."""
    tried = f" ({attempts} attempts in {seconds:.1f} s)" if attempts > 1 else ""
    if isinstance(answer, Response):
        return api_error(answer, reason, tried)
    error = TransportError(f"{answer}{tried}", reason=reason, retryable=answer.retryable)
    error.__cause__ = answer.__cause__
    return error


def api_error(answer: Response, reason: Reason, tried: str = "") -> ApiError:
    """Return the error for an answer that is a refusal, with the server's words."""
    from http import HTTPStatus  # with the first refusal: it is slow to import

    errors = _errors(answer.json())
    status = answer.status_code
    # "" for a status that HTTP does not know, such as 520
    phrase = next((known.phrase for known in HTTPStatus if known == status), "")
    code = words = ""
    if errors:
        code = one_line(errors[0].get("code", ""), 80)
        words = one_line(errors[0].get("message", ""), _MOST_WORDS)
    elif reason == "unexpected_redirect":
        words = "redirects are not followed; check host= and pod="
    said = f"{status} {code or phrase}".rstrip() + (f": {words}" if words else "")
    if reason == "unauthorized":
        said += "; check api_key= and api_secret=, and that the pod is the workspace's"
    return ApiError(
        f"mParticle answered {said}{tried}",
        reason=reason,
        status_code=status,
        headers=few(answer.headers),
        body=answer.body[:_MOST_BODY].decode("utf-8", "replace"),
        errors=errors,
        judged=is_judged(answer),
    )


def _errors(data: Any) -> tuple[Mapping[str, str], ...]:
    """Return the vendor's error list, as far as it is short; none if the body is something else."""
    listed = data.get("errors") if isinstance(data, dict) else data
    found: list[Mapping[str, str]] = []
    room = _MOST_BODY
    for entry in listed if isinstance(listed, list) else ():
        words: dict[str, str] = {}
        for key in ("code", "message"):
            if isinstance(entry, dict) and entry.get(key) is not None:
                words[key] = str(entry[key])[:room]
                room -= len(words[key])
        if words:
            found.append(words)
        if not room or len(found) == _MOST_ERRORS:
            break
    return tuple(found)
