"""The actions for the script of a :class:`~mpfluent.testing.LocalServer`.

Each function returns an :class:`Action`. An action is data: the server carries out all of them in
the same way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from ..errors import ConfigurationError, brief
from ..utils.options import integer_between, number_between

MOST_SECONDS = 1_000_000  # eleven days, which a socket of any system can wait
STATUSES = (200, 999)  # a status below 200 is no final answer, and one above has four digits
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # of a header
_ENDS = re.compile(r"[\r\n\0]")  # what no header can hold
_PARTIAL = 100  # bytes that a partial answer announces


class Action(NamedTuple):
    """What the server does with one request, in this order.

    Attributes:
        read: bytes of the request that it reads at most; None for all of them.
        accept: whether the batches count as received; they do only if it was read to its end.
        wait: seconds before the answer; None for as long as the server runs.
        status_code: of the answer; None if the answer is not HTTP, or there is none.
        headers: of the answer; they replace the server's own of the same name.
        body: of the answer; without a status, it is the whole answer.
        pace: bytes of the answer a second, sent one by one; None for all at once.
        end: whether the connection is kept, closed or reset.
        idle: seconds after which a kept connection is closed if nothing comes; None for never.
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
        headers: such as ``{"Retry-After": "2"}``; they replace the server's own of the same name.
        body: the answer's body; message: instead of it, a text for the vendor's error body.
        delay: seconds before the answer.

    >>> status(400, message="no").body
    b'{"errors": [{"code": "BAD_REQUEST", "message": "no"}]}'
    """
    code = _checked_status("status({})", status_code, "status(503)")
    wait = checked_seconds(f"status(delay={brief(delay)})", delay, "status(503, delay=0.05)")
    return _answer(code, _header_pairs(headers), _body(body, message), wait=wait)


def redirect(location: str, status_code: int = 302) -> Action:
    """Redirect the client to another address.

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
    """Read the request, wait for so many seconds, then close the connection; accept nothing.

    The wait ends early when the server stops.

    >>> hang(2).wait
    2
    """
    wait = checked_seconds(f"hang({brief(seconds)})", seconds, "hang(2)")
    return Action(wait=wait, end="close")


def drip(bytes_per_second: float, *, status_code: int = 202) -> Action:
    """Send the answer a byte at a time; with a 2xx, the batches count as accepted.

    The answer has about 160 bytes, so a slow pace keeps the client waiting without a long silence.

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
    """Announce a body of 100 bytes, send fewer and reset; with a 2xx, the batches are accepted.

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
    """Announce a body in chunks, send none, and close; with a 2xx, the batches are accepted.

    >>> bad_chunks().headers
    (('Transfer-Encoding', 'chunked'),)
    """
    code = _checked_status("bad_chunks(status_code={})", status_code, "bad_chunks(status_code=500)")
    headers = (("Transfer-Encoding", "chunked"),)
    return _answer(code, headers, b"no chunk\r\n", end="close")


def garbage() -> Action:
    """Read the request, answer with text that is not HTTP, and close; accept nothing.

    >>> garbage().status_code is None
    True
    """
    return Action(body=b"This is not HTTP.\r\n\r\n", end="close")


# Connections that break


def reset_before_read() -> Action:
    """Reset the connection as soon as the head of a request was read, and nothing of its body.

    >>> reset_before_read().read
    0
    """
    return Action(read=0, end="reset")


def reset_mid_request(bytes_read: int) -> Action:
    """Reset the connection after so many bytes of the request, with its head, were read.

    >>> reset_mid_request(300).read
    300
    """
    where = f"reset_mid_request({brief(bytes_read)})"
    read = checked_integer(where, bytes_read, "bytes", 1, 1_000_000_000, "reset_mid_request(300)")
    return Action(read=read, end="reset")


def reset_after_read() -> Action:
    """Accept the request, then reset the connection: the client never gets the 202.

    >>> reset_after_read().accept
    True
    """
    return Action(accept=True, end="reset")


def close_after_read() -> Action:
    """Read the request, and close the connection without an answer; accept nothing.

    >>> close_after_read().end
    'close'
    """
    return Action(end="close")


def close_idle_after(seconds: float) -> Action:
    """Accept the request, and close the kept connection if nothing comes for so many seconds.

    >>> close_idle_after(0.5).idle
    0.5
    """
    idle = checked_seconds(f"close_idle_after({brief(seconds)})", seconds, "close_idle_after(0.5)")
    return _answer(202, idle=idle)


def never_read() -> Action:
    """Leave the request unread, and the connection open, until the server stops.

    A client that writes some megabytes blocks. A smaller body fits the buffers of the system; its
    client waits for an answer that never comes.

    >>> never_read().wait is None
    True
    """
    return Action(read=0, wait=None, end="close")


# Checks of arguments


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
        if not (_is_header(value) and isinstance(name, str) and _NAME.fullmatch(name)):
            raise ConfigurationError(
                f"status(headers={{{brief(name)}: {brief(value)}}}): want one line of text each; "
                "write status(429, headers={'Retry-After': '2'})"
            )
    return tuple((headers or {}).items())


def _is_header(value: object) -> bool:
    if not isinstance(value, str) or _ENDS.search(value):
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
        try:
            return body.encode()
        except UnicodeEncodeError:
            raise ConfigurationError(
                f"status(body={brief(body)}): want text that UTF-8 can carry, without lone "
                "surrogates; write status(400, body='no')"
            ) from None
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
