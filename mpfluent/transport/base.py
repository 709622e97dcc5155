"""What stands between mpfluent and the network: a request, a response, and a transport."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from ..errors import ConfigurationError, Immutable, TransportError, brief
from ..utils.introspection import PublicNames
from .destination import Credentials

_MOST_HEADERS = 16_000  # characters of an answer's headers that are kept; an error holds them

S = TypeVar("S", bound=Callable[..., object])


class _Immutable(PublicNames):
    """A value whose slots are filled by its ``__init__``, and never again."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        kind = type(self).__name__
        raise Immutable(f"{kind} is immutable; write a new {kind}(…)")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)


class Request(_Immutable):
    """One HTTP request to the Events API.

    Attributes:
        url: where it goes.
        body: JSON text as UTF-8 bytes.
        headers: all but Authorization. A transport takes that from ``credentials`` at the last
            moment, so that it shows nowhere.
        batch_ids: the ``source_request_id`` of each batch in the body.
        timeout: seconds that the retry policy leaves for the attempt; None if it sets no limit.
    """

    __slots__ = ("method", "url", "body", "headers", "batch_ids", "credentials", "timeout")

    def __init__(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        batch_ids: tuple[str, ...] = (),
        credentials: Credentials | None = None,
        timeout: float | None = None,
    ) -> None:
        values = "POST", url, body, MappingProxyType(dict(headers)), batch_ids, credentials, timeout
        for name, value in zip(Request.__slots__, values):
            object.__setattr__(self, name, value)

    method: str
    url: str
    body: bytes
    headers: Mapping[str, str]
    batch_ids: tuple[str, ...]
    credentials: Credentials | None
    timeout: float | None

    def json(self) -> Any:
        """Return the body as Python data: a batch, or a list of batches."""
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.url}, {len(self.body)} bytes>"

    def __reduce__(self) -> Any:
        return Request, (self.url, self.body, dict(self.headers), self.batch_ids)


class Response(_Immutable):
    """mParticle's answer.

    Attributes:
        status_code: the HTTP status.
        headers: as the server wrote them, as text; :meth:`header` looks one up in any case.
        body: the bytes of the body; text is taken as UTF-8.

    Raises:
        ConfigurationError: the status is not a number, or the body neither bytes nor text.

    >>> Response(400, {"Retry-After": "2"}, "no").header("retry-after")
    '2'
    """

    __slots__ = ("body", "headers", "status_code")

    def __init__(
        self, status_code: int, headers: Mapping[str, str] | None = None, body: bytes | str = b""
    ) -> None:
        if not isinstance(status_code, int) or isinstance(status_code, bool):
            want = "an HTTP status; write Response(202)"
            raise ConfigurationError(f"Response({brief(status_code)}): want {want}")
        if not isinstance(body, bytes | str):
            want = f"bytes or text, got {type(body).__name__}; write Response(400, body=b'no')"
            raise ConfigurationError(f"Response(body=…): want {want}")
        object.__setattr__(self, "status_code", int(status_code))
        object.__setattr__(self, "headers", MappingProxyType(_texts(headers or {})))
        object.__setattr__(self, "body", body.encode() if isinstance(body, str) else body)

    status_code: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as Python data, or None if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # a body of a thousand brackets is a RecursionError
            return None

    def header(self, name: str) -> str | None:
        """Return a header's value, whatever the case of its name."""
        wanted = name.casefold()
        values = (value for key, value in self.headers.items() if key.casefold() == wanted)
        return next(values, None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Response):
            return NotImplemented
        return self.__reduce__() == other.__reduce__()

    def __hash__(self) -> int:
        return hash((self.status_code, self.body))

    def __repr__(self) -> str:
        return f"<Response {self.status_code}, {len(self.body)} bytes>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Response, (self.status_code, dict(self.headers), self.body)


class Transport(Protocol):
    """Takes a request to mParticle and returns the answer: one method, and ``close``.

    ``send`` returns any answer that came, also a refusal. If none came, it raises
    :class:`~mpfluent.TransportError`. It is called from any thread. Two methods are optional:
    ``check_process()`` is called in a forked child before its first request, for a transport that
    holds connections. ``preload()`` is called in the thread of the first ``send`` in the
    background, for a transport that imports modules late.
    """

    def send(self, request: Request) -> Response:
        """Send one request and return the answer."""
        ...

    def close(self) -> None:
        """Close connections and files."""


def _texts(headers: Mapping[Any, Any]) -> dict[str, str]:
    """Return headers as text: one that is none must not make a failure of what arrived."""
    found = dict(headers)
    if all(type(text) is str for pair in found.items() for text in pair):
        return found
    pairs = [(_text(name), _text(value)) for name, value in found.items()]
    return {name: value for name, value in pairs if name is not None and value is not None}


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("latin-1")  # as HTTP has it
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else None


def few(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that an error can keep: the first ones, without very long ones.

    >>> few({"Retry-After": "2", "X-Noise": "x" * 100_000, "Server": "s2s"})
    {'Retry-After': '2', 'Server': 's2s'}
    """
    kept: dict[str, str] = {}
    room = _MOST_HEADERS
    for name, value in _texts(headers).items():
        if len(name) + len(value) <= room:
            kept[name] = value
            room -= len(name) + len(value)
    return kept


def raises_only_transport_errors(method: S) -> S:
    """Mark a transport's method that raises ``TransportError`` for all that goes wrong in it.

    Any other exception then came from outside: a signal handler raised it while the method ran.
    """
    vars(method)["raises_only_transport_errors"] = True
    return method


def is_marked(method: object) -> bool:
    """Return whether a transport's method is marked so; a mock has every attribute, but is not."""
    return getattr(method, "raises_only_transport_errors", False) is True


def attempted(transport: Transport, request: Request) -> Response | TransportError:
    """Return a transport's answer, or the error if it has none.

    Raises:
        Exception: a signal handler raised it while a transport of ours was at work.
    """
    try:
        answer: object = transport.send(request)
    except TransportError as error:
        return error
    except Exception as error:
        # When the interpreter shuts down, no handler runs any more, but an import fails.
        if is_marked(transport.send) and not sys.is_finalizing():
            raise
        failure = raised_in(transport, error)
        failure.__cause__ = error
        return failure
    if not isinstance(answer, Response):
        return not_retryable(
            f"the transport {type(transport).__name__} answered with {type(answer).__name__}; "
            "write return Response(202)"
        )
    return answer


def raised_in(transport: Transport, error: Exception) -> TransportError:
    """Return the error for a transport that has a bug: another attempt would not help."""
    return not_retryable(f"the transport {type(transport).__name__} raised {type(error).__name__}")


def not_retryable(why: str) -> TransportError:
    """Return an error for something that is wrong in this program, and stays so."""
    return TransportError(why, retryable=False)
