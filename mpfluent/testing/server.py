"""A real HTTP server on this machine that behaves like the Events API.

``with LocalServer() as server:`` in tests; ``python -m mpfluent.testing.server`` by hand.
"""

from __future__ import annotations

import base64
import binascii
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from .. import limits, reader
from ..batch import Batch
from ..errors import ConfigurationError, MPFluentError, brief
from ..jsontext import parsed, plain
from .faults import Action, ok, status

SINGLE = "/v2/events"
BULK = "/v2/bulkevents"
HISTORICAL = "/v2/bulkevents/historical"


class ReceivedRequest(NamedTuple):
    """One request as it came.

    Attributes:
        path: such as "/v2/events".
        headers: names in lower case; of Authorization only its scheme is kept.
        body: the bytes of the body.
        status_code: what was answered; None if the connection was broken instead.
        connection: a number for the connection that it came by.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes
    status_code: int | None
    connection: int


class LocalServer:
    """A server on loopback that stands in for mParticle's Events API.

    It checks credentials (401 without, 403 with wrong ones), paths, JSON, the wire format and the
    limits of requests, answers refusals with the vendor's error body, and removes duplicates by
    ``source_request_id``.

    Args:
        api_key: the key that it takes; api_secret: its secret.
        port: 0 for any that is free.

    Attributes:
        url: its address, for ``Client(host=server.url)``.

    >>> from mpfluent import Batch, Client
    >>> with LocalServer() as server:
    ...     with Client("key", "secret", environment="development", host=server.url) as client:
    ...         client.send(Batch.for_user(customer_id="123456").event("Searched")).state
    ...     server.batches[0].events[0].event_name
    'delivered'
    'Searched'
    """

    def __init__(self, *, api_key: str = "key", api_secret: str = "secret", port: int = 0) -> None:
        self._expected = f"{api_key}:{api_secret}".encode()
        self._lock = threading.Lock()
        self._script: deque[Action] = deque()
        self._requests: list[ReceivedRequest] = []
        self._batches: list[Batch] = []
        self._ids: set[str] = set()
        self._duplicates: list[str] = []
        self._connections = 0
        self._http = _Http(("127.0.0.1", port), self)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread: threading.Thread | None = None

    # What a test looks at

    @property
    def batches(self) -> list[Batch]:
        """The batches that were accepted, duplicates removed, in order."""
        with self._lock:
            return list(self._batches)

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The requests that came, accepted or not, in order."""
        with self._lock:
            return list(self._requests)

    @property
    def duplicates(self) -> list[str]:
        """The ``source_request_id`` of each batch that came again and was removed."""
        with self._lock:
            return list(self._duplicates)

    # What a test tells it

    def script(self, *actions: Action | int) -> None:
        """Answer the next requests like this, one action each; a number is a status.

        >>> from mpfluent.testing import ok, status
        >>> with LocalServer() as server:
        ...     server.script(status(503), 429, ok())
        """
        steps = [_step(action) for action in actions]
        with self._lock:
            self._script.extend(steps)

    def throttle(
        self,
        times: int = 1,
        *,
        retry_after: float | str | None = None,
        exceeded: str = "account",
    ) -> None:
        """Answer the next requests with 429, as mParticle does over a rate limit.

        Args:
            times: how many of them.
            retry_after: for the Retry-After header, in seconds or as a date; None for none.
            exceeded: for the X-mp-rate-limit-exceeded header.
        """
        headers = {"X-mp-rate-limit-exceeded": f'"{exceeded}"'}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        self.script(*[status(429, headers=headers)] * times)

    # Life

    def start(self) -> Self:
        """Begin to answer, in a thread of its own; ``with`` does it for you."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._http.serve_forever, args=(0.02,), name="LocalServer", daemon=True
            )
            self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering and let go of the port; ``with`` does it for you."""
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._thread = None
        self._http.server_close()

    def serve_forever(self) -> None:
        """Answer in this thread until it is interrupted."""
        self._http.serve_forever()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def __repr__(self) -> str:
        return f"<LocalServer {self.url}, {len(self.batches)} batches>"

    # What a request comes to

    def _answer(
        self, path: str, headers: Mapping[str, str], body: bytes, connection: int
    ) -> Action:
        with self._lock:
            scripted = self._script.popleft() if self._script else None
        action, batches = self._judged(path, headers, body)
        if scripted is not None:
            action = scripted
        kept = {name.lower(): value for name, value in headers.items()}
        if "authorization" in kept:
            scheme, _, rest = kept["authorization"].partition(" ")
            kept["authorization"] = f"{scheme} …" if rest else "…"
        with self._lock:
            self._requests.append(ReceivedRequest(path, kept, body, action.status_code, connection))
            if action.accept:
                self._take(batches)
        return action

    def _take(self, batches: list[Batch]) -> None:
        for batch in batches:
            batch_id = batch.source_request_id
            if batch_id is not None and batch_id in self._ids:
                self._duplicates.append(batch_id)
                continue
            if batch_id is not None:
                self._ids.add(batch_id)
            self._batches.append(batch)

    def _judged(
        self, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Action, list[Batch]]:
        """Return what mParticle would answer, and the batches of the body."""
        authorization = headers.get("Authorization")
        if path not in (SINGLE, BULK, HISTORICAL):
            return status(404), []
        if authorization is None:
            return status(401), []
        if not self._known(authorization):
            return status(403), []
        if len(body) > limits.MAX_REQUEST_BYTES:
            return status(413), []
        try:
            data = parsed(body)
        except MPFluentError as error:
            return status(400, message=str(error)), []
        if path == SINGLE:
            entries = [data]
        elif isinstance(data, list) and data:
            entries = data
        else:
            return status(400, message="The body must be an array of batches."), []
        if len(entries) > limits.MAX_BATCHES_PER_REQUEST:
            return status(400, message=f"More than {limits.MAX_BATCHES_PER_REQUEST} batches."), []
        batches = []
        for entry in entries:
            refusal = refused(entry)
            if refusal is not None:
                return status(400, message=refusal), []
            batches.append(Batch.from_dict(entry, unknown="ignore"))
        return ok(), batches

    def _known(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        try:
            return (
                scheme.lower() == "basic"
                and base64.b64decode(given, validate=True) == self._expected
            )
        except binascii.Error:
            return False


def refused(entry: Any) -> str | None:
    """Return why the API would refuse a batch, or None; the wire format says what it takes.

    >>> refused({"environment": "development", "events": [{"data": {}}]})
    'Required event field "event_type" is missing or empty.'
    """
    if not isinstance(entry, dict):
        return "A batch must be an object."
    if len(plain(entry).encode()) > limits.MAX_BATCH_BYTES:
        return f"A batch is larger than {limits.MAX_BATCH_BYTES} bytes."
    return reader.refusal(Batch, entry)


def _step(action: Action | int) -> Action:
    if isinstance(action, Action):
        return action
    if not isinstance(action, int) or isinstance(action, bool):
        raise ConfigurationError(
            f"script({brief(action)}): want an action or a status; "
            "write server.script(503, status(429, headers={'Retry-After': '2'}))"
        )
    return ok(action) if 200 <= action < 300 else status(action)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], owner: LocalServer) -> None:
        self.owner = owner
        self._serving: dict[threading.Thread, socket.socket] = {}
        super().__init__(address, _Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._serving[threading.current_thread()] = request
        try:
            super().process_request_thread(request, client_address)
        finally:
            del self._serving[threading.current_thread()]

    def server_close(self) -> None:
        super().server_close()
        for thread, connection in list(self._serving.items()):
            with suppress(OSError):  # it may be closed already
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(1)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that goes away: that is part of many tests."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def setup(self) -> None:
        super().setup()
        with self.server.owner._lock:
            self.server.owner._connections += 1
            self._number = self.server.owner._connections

    def do_POST(self) -> None:
        given = self.headers.get("Content-Length", "0")
        length = int(given) if given.isdigit() and len(given) < 10 else 0
        body = self.rfile.read(length)
        if len(body) < length:  # the client went away in the midst of it
            self.close_connection = True
            return
        path = self.path.partition("?")[0]
        action = self.server.owner._answer(path, dict(self.headers), body, self._number)
        if action.status_code is None:
            self._reset()
            return
        self.send_response(action.status_code)
        for name, value in action.headers:
            self.send_header(name, value)
        if 200 <= action.status_code < 300:
            self.send_header("X-mp-rate-limit-percentage-used", "1")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(action.body)))
        self.end_headers()
        self.wfile.write(action.body)

    def do_GET(self) -> None:
        self.send_error(405)

    def _reset(self) -> None:
        """Break the connection: the peer sees a reset, not an end."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()
        self.rfile.close()  # it keeps the socket open

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the requests are at hand."""


def main() -> None:
    """Serve until interrupted, and print what arrives."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -m mpfluent.testing.server",
        description="Stand in for mParticle's Events API on this machine.",
    )
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--api-key", default="key")
    parser.add_argument("--api-secret", default="secret")
    options = parser.parse_args()
    server = _Printing(api_key=options.api_key, api_secret=options.api_secret, port=options.port)
    print(f"Client({options.api_key!r}, …, host={server.url!r}); Ctrl-C stops", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print(f"{len(server.batches)} batches")
    finally:
        server.stop()


class _Printing(LocalServer):
    def _answer(
        self, path: str, headers: Mapping[str, str], body: bytes, connection: int
    ) -> Action:
        action = super()._answer(path, headers, body, connection)
        try:
            text = plain(parsed(body), 2)
        except MPFluentError:
            text = repr(body)
        with self._lock:  # one request after the other
            print(f"{action.status_code} POST {path} ({len(body)} bytes)\n{text}", flush=True)
        return action


if __name__ == "__main__":
    main()
