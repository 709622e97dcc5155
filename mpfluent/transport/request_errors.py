"""Why no answer came, read from the errors of ``requests`` and of the libraries below it.

These errors are long and nested. They hold the request with its credentials, addresses of objects,
and the server's bytes, none of which may reach a log. One of them may also wrap the exception that
a signal handler raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from types import CodeType
from typing import Any

from ..errors import one_line
from . import certificates

ADDRESS = "the host's or the proxy's address is not valid"
NO_CONNECTION = "no connection in time"
NO_ANSWER = "no answer in time"

_MOST_WORDS = 300  # characters that are kept of a message of another library or the server


def linked(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors inside it: causes, contexts and arguments; outermost first."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def from_outside(error: BaseException) -> BaseException | None:
    """Return the exception that is no error of sending: this one, or one inside it; else None.

    The errors of requests, urllib3, http.client, ssl and the system are errors of sending. Any
    other exception came from outside while the request was on its way, usually from a signal
    handler. A handler may raise a ``TimeoutError``, as the system does: the frames of its
    traceback tell which it is.
    """
    import http.client

    import requests
    import urllib3

    of_sending = (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        OSError,
        UnicodeError,  # a host name that cannot be encoded
    )
    return of_handler(error) if isinstance(error, of_sending) else error


def of_handler(error: BaseException) -> BaseException | None:
    """Return the exception that a signal handler raised: this one, or one inside it; else None."""
    handlers = _handlers()
    for one in linked(error):
        wraps = any(isinstance(arg, BaseException) for arg in one.args)
        # urllib3 gives a wrapper the traceback of the error inside it
        entry = None if wraps else one.__traceback__
        while entry is not None:
            if entry.tb_frame.f_code in handlers:
                return one
            entry = entry.tb_next
    return None


def _handlers() -> set[CodeType]:
    """Return the code of the signal handlers that are in force."""
    import signal

    found: set[CodeType] = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while isinstance(handler, partial):
            handler = handler.func
        if not callable(handler):
            continue  # SIG_DFL, SIG_IGN, or a handler that C code has set
        call = getattr(type(handler), "__call__", None)  # noqa: B004 - an object may be one
        for function in (handler, call):
            code = getattr(getattr(function, "__func__", function), "__code__", None)
            if isinstance(code, CodeType):
                found.add(code)
    return found


def forget_frames(error: BaseException) -> None:
    """Take the credentials out of an error: its request, and the variables of its frames.

    Shorten the server's words, too, which a traceback would print: they may be long, or hold
    characters that control a terminal.
    """
    outside = from_outside(error)
    for one in list(linked(error)):
        one.__traceback__ = None
        for name in ("request", "response"):
            held = getattr(one, name, None)
            if held is not None:
                with suppress(AttributeError):  # a subclass may make it read-only
                    setattr(one, name, _bare(held) if name == "request" else None)
        if one is not outside:
            one.args = tuple(
                one_line(arg, _MOST_WORDS) if isinstance(arg, str) else arg for arg in one.args
            )


def _bare(request: Any) -> Any:
    """Return a request with its method and URL only, without headers and body."""
    import requests

    bare = requests.PreparedRequest()
    bare.method = getattr(request, "method", None)
    bare.url = getattr(request, "url", None)
    return bare


def broken_off(error: Exception) -> bool:
    """Return whether a connection broke after it had been opened."""
    import ssl

    return any(
        isinstance(
            one,
            ConnectionResetError
            | ConnectionAbortedError
            | BrokenPipeError
            | ssl.SSLEOFError
            | ssl.SSLZeroReturnError,
        )
        for one in linked(error)
    )


def misconfigured(error: Exception) -> bool:
    """Return whether an address or a file is wrong: nothing was sent, and retrying cannot help."""
    import requests
    import urllib3

    named = (
        requests.exceptions.InvalidURL,  # of the proxy, too
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
        urllib3.exceptions.LocationValueError,
    )
    if isinstance(error, named):
        return True
    if isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError):
        return False
    return isinstance(error, UnicodeError) or (type(error) is OSError and error.errno is None)


def reason(error: Exception) -> tuple[str, bool]:
    """Return why there was no answer, and whether another attempt can help."""
    import socket

    import requests

    found = list(linked(error))
    if misconfigured(error):
        if type(error) is OSError:
            return one_line(str(error), _MOST_WORDS), False  # a file that is missing, for example
        return ADDRESS, False
    by_proxy = isinstance(error, requests.exceptions.ProxyError)
    distrust = certificates.distrust(found, "the proxy's" if by_proxy else "its")
    if distrust is not None:
        return distrust, False
    if by_proxy:
        refusal = re.search(r"Tunnel connection failed: (\d{3})", str(error))
        if refusal is None:
            return f"the proxy did not answer ({_root(found)})", True
        status = int(refusal[1])
        passing = status in (408, 429) or status >= 500
        return f"the proxy refused with {status}", passing
    for one in found:
        if isinstance(one, socket.gaierror):
            return f"its name is not known ({one.strerror})", True
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return NO_CONNECTION, True
    if any(isinstance(one, TimeoutError | requests.exceptions.Timeout) for one in found):
        return NO_ANSWER, True
    return _root(found), True


def _root(found: list[BaseException]) -> str:
    """Return the message of the innermost error; the outer ones add addresses of objects to it."""
    import http.client

    import requests

    inner = [
        one
        for one in found
        if isinstance(one, OSError | http.client.HTTPException)
        and not isinstance(one, requests.RequestException)
    ]
    error = (inner or found)[-1]
    said = getattr(error, "strerror", None) or (str(error.args[-1]) if error.args else "")
    text = one_line(said.split(">: ")[-1], _MOST_WORDS)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
