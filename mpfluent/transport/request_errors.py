"""Why no answer came, read from the errors of ``requests`` and of the libraries below it.

These errors are long and nested. They hold the request with its credentials, addresses of objects,
and the server's bytes, none of which may reach a log. One of them may also wrap the exception that
a signal handler raised.

This module is imported with the first send, since ``requests`` is slow to import.
"""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import suppress
from http.client import HTTPException
from typing import Any

from requests import PreparedRequest, RequestException, exceptions
from urllib3.exceptions import HTTPError, LocationValueError

from ..errors import one_line
from . import certificates
from .handlers import linked, of_handler
from .request_settings import ADDRESS, Times

_MOST_WORDS = 300  # characters that are kept of a message of another library or the server


def from_outside(error: BaseException) -> BaseException | None:
    """Return the exception that is no error of sending: this one, or one inside it; else None.

    The errors of requests, urllib3, http.client, ssl and the system are errors of sending. Any
    other exception came from outside while the request was on its way, usually from a signal
    handler. A handler may raise a ``TimeoutError``, as the system does: the frames of its
    traceback tell which it is.
    """
    # requests' errors are OSErrors; a UnicodeError is about a host name that cannot be encoded
    of_sending = HTTPError, HTTPException, OSError, UnicodeError
    return of_handler(error) if isinstance(error, of_sending) else error


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
    bare = PreparedRequest()
    bare.method = getattr(request, "method", None)
    bare.url = getattr(request, "url", None)
    return bare


def broken_off(error: Exception) -> bool:
    """Return whether a connection broke after it had been opened."""
    of_tls = ssl.SSLEOFError, ssl.SSLZeroReturnError
    broken = ConnectionResetError, ConnectionAbortedError, BrokenPipeError, *of_tls
    return any(isinstance(one, broken) for one in linked(error))


def misconfigured(error: Exception) -> bool:
    """Return whether an address or a file is wrong: nothing was sent, and retrying cannot help."""
    if isinstance(error, RequestException | HTTPError):  # of the host's address, or the proxy's
        wrong = exceptions.InvalidURL, exceptions.InvalidSchema, exceptions.MissingSchema
        return isinstance(error, (*wrong, LocationValueError))
    return isinstance(error, UnicodeError) or (type(error) is OSError and error.errno is None)


def reason(error: Exception, times: Times) -> tuple[str, bool]:
    """Return why there was no answer, and whether another attempt can help."""
    found = list(linked(error))
    if misconfigured(error):  # an OSError says why: a file is missing, for example
        return one_line(str(error), _MOST_WORDS) if type(error) is OSError else ADDRESS, False
    by_proxy = isinstance(error, exceptions.ProxyError)
    if distrust := certificates.distrust(found, "the proxy's" if by_proxy else "its"):
        return distrust, False
    if by_proxy:
        refusal = re.search(r"Tunnel connection failed: (\d{3})", str(error))
        if refusal is None:
            return f"the proxy did not answer ({_root(found)})", True
        status = int(refusal[1])
        return f"the proxy refused with {status}", status in (408, 429) or status >= 500
    for one in found:
        if isinstance(one, socket.gaierror):
            return f"its name is not known ({one.strerror})", True
    if isinstance(error, exceptions.ConnectTimeout):
        return f"no connection within {times.connect:.3g} s", True
    if any(isinstance(one, TimeoutError | exceptions.Timeout) for one in found):
        return f"nothing came for {times.read:.3g} s", True
    return _root(found), True


def _root(found: list[BaseException]) -> str:
    """Return the message of the innermost error; the outer ones add addresses of objects to it."""
    below = [one for one in found if not isinstance(one, RequestException)]
    inner = [one for one in below if isinstance(one, OSError | HTTPException)]
    error = (inner or found)[-1]
    said = getattr(error, "strerror", None) or (str(error.args[-1]) if error.args else "")
    text = one_line(said.split(">: ")[-1], _MOST_WORDS)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
