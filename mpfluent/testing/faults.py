"""What a :class:`~mpfluent.testing.LocalServer` can be told to do with a request.

Each function returns an :class:`Action`, which is data: the server carries any of them out in the
same way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, NamedTuple

from ..errors import ConfigurationError, brief
from ..utils.options import integer_between, number_between

MOST_SECONDS = 1_000_000  # eleven days, which a socket of any system can wait
STATUSES = (200, 999)  # a status below 200 is no final answer, and one above has four digits
_PARTIAL = 100  # bytes that the body of a partial answer would have


class Action(NamedTuple):
    """What becomes of one request, in the order in which it happens.

    Attributes:
        read: bytes of the request that are read at most; None for all of it.
        accept: whether its batches count as received, provided that it was read.
        wait: seconds before the answer; None for as long as the server runs.
        status_code: of the answer; None if it is not HTTP, or if there is none.
        headers: of the answer; one of the usual ones is replaced.
        body: of the answer, or all of it if there is no status.
        pace: bytes of the answer a second, one by one; None for all at once.
        end: what becomes of the connection.
        idle: seconds until a kept connection is closed if nothing comes; None for never.
    """

    status_code: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    accept: bool = False
    read: int | None = None
    wait: float | None = 0
    pace: float | None = None
    end: Literal["keep", "close", "reset"] = "keep"
    idle: float | None = None


# Answers


def ok(status_code: int = 202, *, delay: float = 0) -> Action:
    """Accept the request.

    Args:
        status_code: from 200 to 299.
        delay: seconds before the answer.

    >>> ok().status_code
    202
    """
    where, write = f"ok({brief(status_code)})", f"status({brief(status_code)})"
    code = checked_integer(where, status_code, "a status", 200, 299, write)
    wait = checked_seconds(f"ok(delay={brief(delay)})", delay, "ok(delay=0.05)")
    return _answer(code, wait=wait)


def status(
    status_code: int,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    message: str | None = None,
    delay: float = 0,
) -> Action:
    """Answer with this status; only from 200 to 299 do the batches count as accepted.

    Args:
        status_code: from 200 to 999.
        headers: such as ``{"Retry-After": "2"}``; they replace the usual ones of the same name.
        body: the answer's body; message: a text for the vendor's error body instead.
        delay: seconds before the answer.

    >>> status(400, message="no").body
    b'{"errors": [{"code": "BAD_REQUEST", "message": "no"}]}'
    """
    code = _checked_status("status({})", status_code, "status(503)")
    wait = checked_seconds(f"status(delay={brief(delay)})", delay, "status(503, delay=0.05)")
    return _answer(code, _header_pairs(headers), _body(body, message), wait=wait)


def redirect(location: str, status_code: int = 302) -> Action:
    """Send the client to another place.

    Args:
        location: an address, or a path such as "/elsewhere".
        status_code: from 300 to 399.

    >>> redirect("/elsewhere").headers
    (('Location', '/elsewhere'),)
    """
    where, write = f"redirect(…, {brief(status_code)})", "redirect('/elsewhere', 307)"
    code = checked_integer(where, status_code, "a status", 300, 399, write)
    if not _is_header(location):
        raise ConfigurationError(
            f"redirect({brief(location)}): want an address or a path, one line of text; "
            "write redirect('/elsewhere')"
        )
    return _answer(code, (("Location", location),))


# Answers that are late, slow or broken


def hang(seconds: float) -> Action:
    """Read the request, say nothing for so long, then close the connection; nothing is accepted.

    It ends early when the server stops.

    >>> hang(2).wait
    2
    """
    wait = checked_seconds(f"hang({brief(seconds)})", seconds, "hang(2)")
    return Action(wait=wait, end="close")


def drip(bytes_per_second: float, *, status_code: int = 202) -> Action:
    """Send the answer a byte at a time; a 2xx counts as accepted.

    The answer has about 160 bytes, and whatever the pace, there is never a long silence.

    Args:
        bytes_per_second: from 0.001 to 1 000 000.
        status_code: from 200 to 999.

    >>> drip(2).pace
    2
    """
    pace = number_between(bytes_per_second, 0.001, 1_000_000)
    if pace is None:
        raise ConfigurationError(
            f"drip({brief(bytes_per_second)}): want bytes per second, from 0.001 to 1000000; "
            "write drip(2)"
        )
    code = _checked_status("drip(status_code={})", status_code, "drip(2, status_code=503)")
    return _answer(code, pace=pace)


def partial_answer(bytes_sent: int, *, status_code: int = 202) -> Action:
    """Announce a body of 100 bytes, send so many of them and reset; a 2xx counts as accepted.

    Args:
        bytes_sent: from 0 to 99.
        status_code: from 200 to 999.

    >>> partial_answer(3).body
    b'xxx'
    """
    where = f"partial_answer({brief(bytes_sent)})"
    sent = checked_integer(where, bytes_sent, "bytes", 0, _PARTIAL - 1, "partial_answer(10)")
    write = "partial_answer(10, status_code=500)"
    code = _checked_status("partial_answer(status_code={})", status_code, write)
    headers = (("Content-Length", str(_PARTIAL)),)
    return _answer(code, headers, b"x" * sent, end="reset")


def bad_chunks(*, status_code: int = 202) -> Action:
    """Announce a body in chunks, send what is none, and close; a 2xx counts as accepted.

    >>> bad_chunks().headers
    (('Transfer-Encoding', 'chunked'),)
    """
    code = _checked_status("bad_chunks(status_code={})", status_code, "bad_chunks(status_code=500)")
    headers = (("Transfer-Encoding", "chunked"),)
    return _answer(code, headers, b"no chunk\r\n", end="close")


def garbage() -> Action:
    """Read the request, answer with what is not HTTP, and close; nothing is accepted.

    >>> garbage().status_code is None
    True
    """
    return Action(body=b"This is not HTTP.\r\n\r\n", end="close")


# Connections that break


def reset_before_read() -> Action:
    """Reset the connection as soon as a request begins.

    >>> reset_before_read().read
    0
    """
    return Action(read=0, end="reset")


def reset_mid_request(bytes_read: int) -> Action:
    """Reset the connection when so many bytes of the request were read, its head included.

    >>> reset_mid_request(300).read
    300
    """
    where = f"reset_mid_request({brief(bytes_read)})"
    read = checked_integer(where, bytes_read, "bytes", 1, 1_000_000_000, "reset_mid_request(300)")
    return Action(read=read, end="reset")


def reset_after_read() -> Action:
    """Accept the request, then reset the connection: the 202 is lost.

    >>> reset_after_read().accept
    True
    """
    return Action(accept=True, end="reset")


def close_after_read() -> Action:
    """Read the request, and close the connection without an answer; nothing is accepted.

    >>> close_after_read().end
    'close'
    """
    return Action(end="close")


def close_idle_after(seconds: float) -> Action:
    """Accept the request, and close the kept connection when nothing comes for so long.

    >>> close_idle_after(0.5).idle
    0.5
    """
    idle = checked_seconds(f"close_idle_after({brief(seconds)})", seconds, "close_idle_after(0.5)")
    return _answer(202, idle=idle)


def never_read() -> Action:
    """Leave the request unread, and the connection open, until the server stops.

    A body of some megabytes blocks as it is written. A smaller one fits the buffers of the
    machine, and no answer to it comes.

    >>> never_read().wait is None
    True
    """
    return Action(read=0, wait=None, end="close")


# What an argument may be


def checked_seconds(where: str, value: object, write: str) -> float:
    """Return seconds that a socket can wait, or raise what they have to be."""
    seconds = number_between(value, 0, MOST_SECONDS)
    if seconds is None:
        raise ConfigurationError(f"{where}: want seconds, from 0 to {MOST_SECONDS}; write {write}")
    return seconds


def checked_integer(where: str, value: object, what: str, least: int, most: int, write: str) -> int:
    """Return an integer within these bounds, or raise what it has to be."""
    number = integer_between(value, least, most)
    if number is None:
        raise ConfigurationError(f"{where}: want {what}, from {least} to {most}; write {write}")
    return number


def _checked_status(where: str, value: object, write: str) -> int:
    return checked_integer(where.format(brief(value)), value, "a status", *STATUSES, write)


def _header_pairs(headers: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    if headers is not None and not isinstance(headers, Mapping):
        raise ConfigurationError(
            f"status(headers={brief(headers)}): want a mapping; "
            "write status(429, headers={'Retry-After': '2'})"
        )
    for name, value in (headers or {}).items():
        if not (_is_header(name) and _is_header(value)):
            raise ConfigurationError(
                f"status(headers={{{brief(name)}: {brief(value)}}}): want one line of text each; "
                "write status(429, headers={'Retry-After': '2'})"
            )
    return tuple((headers or {}).items())


def _is_header(value: object) -> bool:
    if not isinstance(value, str) or "\r" in value or "\n" in value:
        return False
    return value.encode("latin-1", "replace").decode("latin-1") == value


def _body(body: object, message: object) -> bytes:
    if message is not None and body is not None:
        raise ConfigurationError(
            "status(body=…, message=…): want one of them; write status(400, message='no')"
        )
    if message is not None and not isinstance(message, str):
        raise ConfigurationError(
            f"status(message={brief(message)}): want text; write status(400, message='no')"
        )
    if message is not None:
        body = json.dumps({"errors": [{"code": "BAD_REQUEST", "message": message}]})
    if isinstance(body, str):
        return body.encode()
    if body is not None and not isinstance(body, bytes):
        raise ConfigurationError(
            f"status(body={brief(body)}): want bytes or text; write status(400, body='no')"
        )
    return body or b""


def _answer(
    status_code: int,
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
    *,
    wait: float = 0,
    pace: float | None = None,
    end: Literal["keep", "close", "reset"] = "keep",
    idle: float | None = None,
) -> Action:
    accepted = 200 <= status_code < 300
    return Action(status_code, headers, body, accepted, None, wait, pace, end, idle)
