"""Transports that do not use the network: they call a function, print, or write a file."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from os import PathLike
from typing import IO, cast

from ..encoding.json import parsed, plain
from ..errors import ConfigurationError, TransportError, brief, one_line
from ..utils.introspection import PublicNames
from .base import Request, Response, Transport, attempted, raised_in, raises_only_transport_errors
from .handlers import of_handler

_MOST_WORDS = 1_000  # characters of an answer that are printed; a page of a proxy can be long


class FunctionTransport(PublicNames):
    """Answers with a function of yours: ``Request`` in, ``Response`` or a status code out.

    >>> from mpfluent import Batch, Client
    >>> transport = FunctionTransport(lambda request: 202)
    >>> with Client("key", "secret", environment="development", transport=transport) as client:
    ...     client.send(Batch.for_user(customer_id="1").event("Searched")).state
    'delivered'
    """

    def __init__(self, function: Callable[[Request], Response | int]) -> None:
        if not callable(function):
            want = "a function of one request; write FunctionTransport(lambda request: 202)"
            raise ConfigurationError(f"FunctionTransport({brief(function)}): want {want}")
        self._function = function

    def send(self, request: Request) -> Response:
        """Return the function's answer."""
        return _response(self._function(request))

    @raises_only_transport_errors
    def close(self) -> None:
        """Do nothing: there is nothing to close."""


class PrintingTransport(PublicNames):
    """Prints every request as indented JSON, then accepts it or passes it on.

    Args:
        to: another transport that sends; without one, every request is accepted.
        file: where to print; standard output by default.
    """

    def __init__(self, to: Transport | None = None, *, file: IO[str] | None = None) -> None:
        if to is not None and (isinstance(to, type) or not hasattr(to, "send")):
            want = (
                "a transport to pass requests on to; write PrintingTransport(RequestsTransport())"
            )
            raise ConfigurationError(f"PrintingTransport({brief(to)}): want {want}")
        self._to = to
        self._file = file

    @raises_only_transport_errors
    def send(self, request: Request) -> Response:
        """Print the request, and the answer if there is one.

        Raises:
            TransportError: it cannot be printed, or the other transport has no answer.
        """
        text = plain(parsed(request.body), 2)
        self._print(f"{request.method} {request.url} ({len(request.body)} bytes)\n{text}")
        if self._to is None:
            return Response(202)
        answer = attempted(self._to, request)
        if isinstance(answer, TransportError):
            raise answer
        self._print(f"-> {answer.status_code} {one_line(answer.text, _MOST_WORDS)}".rstrip())
        return answer

    def _print(self, text: str) -> None:
        out = self._file or sys.stdout
        encoding = getattr(out, "encoding", None) or "utf-8"
        try:
            print(text.encode(encoding, "backslashreplace").decode(encoding), file=out)
        except (OSError, ValueError) as error:  # a full disk; a file that is closed
            raise _failed(self, error) from error

    def close(self) -> None:
        """Close the other transport."""
        if self._to is not None:
            self._to.close()


class FileTransport(PublicNames):
    """Appends every batch to a file, one JSON object a line, and accepts it.

    ``Batch.from_json(line)`` reads a line back.

    Args:
        path: the file; it is made at the first send.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        if not isinstance(path, str | PathLike) or not path:
            want = "the path of a file; write FileTransport('batches.jsonl')"
            raise ConfigurationError(f"FileTransport({brief(path)}): want {want}")
        self._path = path
        # so that two threads do not mix their lines; reentrant, for a signal's handler may send
        self._lock = threading.RLock()

    @raises_only_transport_errors
    def send(self, request: Request) -> Response:
        """Append the request's batches.

        Raises:
            TransportError: the file cannot be written.
        """
        many = request.body.startswith(b"[")
        lines = [plain(each).encode() for each in parsed(request.body)] if many else [request.body]
        try:
            with self._lock, open(self._path, "ab") as file:
                file.write(b"".join(line + b"\n" for line in lines))
        except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
            raise _failed(self, error) from error
        return Response(202)

    @raises_only_transport_errors
    def close(self) -> None:
        """Do nothing: the file is closed after every write."""


def _failed(transport: Transport, error: Exception) -> TransportError:
    """Return the transport's error, or raise the exception that a signal handler raised."""
    if of_handler(error) is not None:
        raise error
    return raised_in(transport, error)


def _response(answer: Response | int) -> Response:
    """Return the response for a status code, and any other value as it is.

    The client refuses what is no response.
    """
    number = isinstance(answer, int) and not isinstance(answer, bool)
    return Response(cast(int, answer)) if number else cast(Response, answer)
