"""A connection of a local server: it reads the requests, and carries out what is to be done."""

from __future__ import annotations

import re
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import responses
from http.server import BaseHTTPRequestHandler
from io import BufferedReader
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from .faults import Action, status

if TYPE_CHECKING:
    from .http_server import Listener

_LONGEST_LINE = 65_536  # bytes; http.server has the same limit
_BEFORE_RESET = 0.02  # seconds for the client to read an answer: a reset makes some systems drop it
_URI_TOO_LONG = status(414)._replace(end="close")
_LENGTH_REQUIRED = status(411)._replace(end="close")
_LENGTH = re.compile(r"[0-9]{1,9}", re.ASCII)  # at most 1 GB
# The head of a usual request. The parser of http.server takes ten times as long, and reads all
# others: what has more than printable ASCII, a folded line, or one of these headers.
_USUAL = re.compile(
    rb"(?!(?s:.*)\r\n(?i:transfer-encoding|expect):)"
    rb"([A-Z]+) (/(?!/)[!-~]*) HTTP/1\.1\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ -~]*\r\n)*)\r\n"
)
_REST = 1_000_000  # bytes that are read at most of a request that was refused
_REST_SECONDS = 1.0  # seconds for that
# How a request for the page or for its API begins
_OWN = re.compile(rb"(GET|HEAD) /(favicon\.ico)?[ ?]|[A-Z]+ /_mpfluent[/ ?]")


class Arrival(NamedTuple):
    """A request that was read to its end, with the names of its headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    port: int
    at: float
    query: str = ""


# Says, after so many seconds at most, whether nobody reads on, or the server stops.
Left = Callable[[float], bool]


class Streamed(NamedTuple):
    """An answer without an end.

    Attributes:
        headers: of the answer.
        chunks: gives the parts of the body, one after the other.
    """

    headers: tuple[tuple[str, str], ...]
    chunks: Callable[[Left], Iterator[bytes]]


class Owner(Protocol):
    """The server that a listener belongs to: it decides what to do with each request."""

    _delay: float

    def _connected(self) -> int:
        """Return the number of a new connection."""
        ...

    def _begun(self) -> Action | None:
        """Count a request that begins, and return the next action of the script."""
        ...

    def _give_back(self, action: Action | None) -> None:
        """Put an action back to the beginning of the script."""
        ...

    def _received(self, arrival: Arrival, scripted: Action | None) -> Action:
        """Keep a request that was read, and return what to do with it."""
        ...

    def _unread(self, action: Action, connection: int, port: int) -> None:
        """Note a request that is not read to its end."""
        ...

    def _own(self, arrival: Arrival) -> Action | Streamed:
        """Return the answer to a request for the page, or for its API."""
        ...

    def _finished(self) -> None:
        """Count a request as finished."""
        ...


class Handler(BaseHTTPRequestHandler):
    """Reads the requests of one connection, and carries out the action for each."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener
    rfile: BufferedReader

    def setup(self) -> None:
        """Give the connection its number."""
        super().setup()
        self._number = self.server.owner._connected()
        self._idle: float | None = None
        self._busy = False

    def handle_one_request(self) -> None:
        """Take the next action of the script as soon as a request begins, and carry it out."""
        self.close_connection = True  # parse_request changes that for a client that keeps it
        if not self._begins():
            return
        if _OWN.match(self.rfile.peek()):  # these take no action of the script
            arrival = self._read_whole()
            if arrival is not None:
                self._answer_own(arrival)
            return
        self._busy = True
        scripted = self.server.owner._begun()
        try:
            action = self._read(scripted)
            if action is not None:
                self._carry_out(action)
        finally:
            self._finish()

    def _begins(self) -> bool:
        """Wait for the first byte of a request; return whether it came."""
        if self._idle is None:
            return bool(self.rfile.peek(1))
        self.connection.settimeout(self._idle)
        try:
            return bool(self.rfile.peek(1))
        except TimeoutError:  # the action close_idle_after
            return False
        finally:
            self.connection.settimeout(None)

    # Reading

    def _read(self, scripted: Action | None) -> Action | None:
        """Read a request, or as much of it as the script says, and return what to do."""
        if scripted is None or scripted.read is None:
            arrival = self._read_whole()
            if arrival is not None and _OWN.match(f"{arrival.method} {arrival.path} ".encode()):
                # its head came in pieces, so that it looked like any other
                self._finish()
                self.server.owner._give_back(scripted)
                self._answer_own(arrival)
                return None
            return None if arrival is None else self.server.owner._received(arrival, scripted)
        rest = self.rfile
        self.rfile = cast(BufferedReader, _AtMost(rest, scripted.read))
        try:
            arrival = self._read_whole()
            return None if arrival is None else self.server.owner._received(arrival, scripted)
        except _Enough:  # the request counts as unread, so no batch of it is accepted
            self.server.owner._unread(scripted, self._number, self.client_address[1])
            return scripted
        finally:
            self.rfile = rest

    def _read_whole(self) -> Arrival | None:
        usual = None if isinstance(self.rfile, _AtMost) else _USUAL.match(self.rfile.peek())
        if usual is not None:
            found = self._read_usual(usual)
            if found is not None:
                return found
        self.raw_requestline = self.rfile.readline(_LONGEST_LINE + 1)
        if len(self.raw_requestline) > _LONGEST_LINE:
            self._refuse(_URI_TOO_LONG)
            return None
        if not self.parse_request():  # it has called send_error
            return None
        length = self._length()
        if isinstance(length, Action):
            self._refuse(length)
            return None
        headers = {name.lower(): value for name, value in self.headers.items()}
        return self._with_body(self.command, self.path, headers, length)

    def _read_usual(self, head: re.Match[bytes]) -> Arrival | None:
        """Read a request whose head is at hand; None leaves it, as it is not so usual."""
        method, target, lines = (part.decode("ascii") for part in head.groups())
        headers, count = {}, 0
        for line in lines.split("\r\n")[:-1]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.lstrip(" ")
            count += 1
        length = headers.get("content-length", "0")
        connection = headers.get("connection", "keep-alive").lower()
        if len(headers) < count or not _LENGTH.fullmatch(length):
            return None  # a header that came twice may be the length
        self.rfile.read(head.end())
        self.close_connection = connection == "close"
        return self._with_body(method, target, headers, int(length))

    def _with_body(
        self, method: str, target: str, headers: dict[str, str], length: int
    ) -> Arrival | None:
        body = self.rfile.read(length)
        if len(body) < length:  # the client went away before the end
            self.close_connection = True
            return None
        path, _, query = target.partition("?")
        port, now = self.client_address[1], time.monotonic()
        return Arrival(method, path, headers, body, self._number, port, now, query)

    def _length(self) -> int | Action:
        """Return the length of the body, or the answer to a request that does not give it.

        After such a request it is not known where the next one begins, so the connection ends.
        """
        lengths = self.headers.get_all("Content-Length", [])
        encoded = "Transfer-Encoding" in self.headers
        if encoded and not lengths:
            return _LENGTH_REQUIRED
        # the parser takes all that follows a broken header line for a body
        broken = self.headers.defects or self.headers.get_payload()
        if encoded or broken or len(lengths) > 1:
            return _unframed("The headers do not say where the body ends.")
        given = lengths[0].strip(" \t") if lengths else "0"
        if _LENGTH.fullmatch(given) is None:
            return _unframed("Content-Length must be a number of at most nine digits.")
        return int(given)

    # Answering

    def _answer_own(self, arrival: Arrival) -> None:
        """Answer a request for the page or for its API, at once or without an end."""
        answer = self.server.owner._own(arrival)
        if isinstance(answer, Action):
            head = self._head(cast(int, answer.status_code), answer.headers, len(answer.body))
            self.connection.sendall(head + answer.body)
            return
        self.close_connection = True
        self.connection.sendall(self._head(200, answer.headers, None))
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            # a client that reads a stream sends nothing more: it went away, or the server stops
            for chunk in answer.chunks(lambda seconds: bool(selector.select(seconds))):
                self.connection.sendall(chunk)

    def _carry_out(self, action: Action) -> None:
        answer = self._bytes(action)
        wait = action.wait
        if answer and wait is not None:
            wait += self.server.owner._delay
        if self._stops_within(wait) or self._stops_while_sending(answer, action.pace):
            self.close_connection = True
            return
        self._idle = action.idle
        if action.end != "keep":
            self.close_connection = True
        if action.end == "reset":
            self._reset(after_data=bool(answer))

    def _bytes(self, action: Action) -> bytes:
        """Return the bytes of the answer; those of one second are the same."""
        second = int(time.time())
        if self.server.prepared[0] != second:
            self.server.prepared = second, {}
        answers = self.server.prepared[1]
        answer = answers.get(action)
        if answer is None:
            answer = answers[action] = self._made(action)
        return answer

    def _made(self, action: Action) -> bytes:
        code = action.status_code
        if code is None:
            return action.body
        headers = action.headers
        if 200 <= code < 300:
            headers = (("X-mp-rate-limit-percentage-used", "1"), *headers)
        return self._head(code, headers, len(action.body)) + action.body

    def _head(self, code: int, more: tuple[tuple[str, str], ...], length: int | None) -> bytes:
        """Return the head of an answer; a body without a length ends with the connection."""
        headers = {
            "server": ("Server", self.version_string()),
            "date": ("Date", self.date_time_string()),
            "content-type": ("Content-Type", "application/json"),
            "content-length": ("Content-Length", str(length)),
        }
        for name, value in more:
            headers[name.lower()] = (name, value)
        if "transfer-encoding" in headers or length is None:
            del headers["content-length"]
        lines = [f"HTTP/1.1 {code} {responses.get(code, '')}"]
        lines += [f"{name}: {value}" for name, value in headers.values()]
        return "\r\n".join([*lines, "\r\n"]).encode("latin-1")

    def _stops_within(self, seconds: float | None) -> bool:
        """Wait so many seconds; return whether the server stops meanwhile."""
        return seconds != 0 and self.server.stopping.wait(seconds)

    def _stops_while_sending(self, answer: bytes, pace: float | None) -> bool:
        """Send the answer; return whether the server stops meanwhile."""
        if pace is not None:
            for byte in answer[:-1]:
                self.connection.sendall(bytes([byte]))
                if self._stops_within(1 / pace):
                    return True
            answer = answer[-1:]
        # before the last byte: after it, the client may begin the next request at once
        self._finish()
        if answer:
            self.connection.sendall(answer)
        return False

    def _finish(self) -> None:
        if self._busy:
            self._busy = False
            self.server.owner._finished()

    def _reset(self, *, after_data: bool) -> None:
        """Break the connection so that the client sees a reset."""
        if after_data:
            self._stops_within(_BEFORE_RESET)
        linger = struct.pack("ii", 1, 0)  # to close without waiting for unsent data is a reset
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # sock.close() waits for the files on it, rfile and wfile; this closes the descriptor
        socket.close(self.connection.detach())

    def _refuse(self, refusal: Action) -> None:
        """Answer bytes that are no request, and end the connection.

        What the client still sends is read for a while. Unread data would turn the end into a
        reset, and the client might lose the answer.
        """
        self._carry_out(refusal)
        end, left = time.monotonic() + _REST_SECONDS, _REST
        with suppress(OSError):  # the client went away, or the time is over
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (seconds := end - time.monotonic()) > 0:
                self.connection.settimeout(seconds)
                data = self.connection.recv(min(left, 65_536))
                if not data:
                    return
                left -= len(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse bytes that are no request; http.server would send a page of HTML."""
        self._refuse(status(int(code))._replace(end="close"))


def _unframed(why: str) -> Action:
    return status(400, message=why)._replace(end="close")


class _Enough(Exception):
    """As many bytes were read as the action says."""


class _AtMost:
    """Reads so many bytes from a file, and then raises."""

    def __init__(self, file: BufferedReader, most: int) -> None:
        self._file = file
        self._left = most

    def readline(self, most: int) -> bytes:
        return self._counted(self._file.readline(min(most, self._left)))

    def read(self, count: int) -> bytes:
        return self._counted(self._file.read(min(count, self._left)))

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left <= 0:
            raise _Enough
        return data
