"""A connection of a local server: it reads the requests, and carries out what is to be done."""

from __future__ import annotations

import re
import selectors
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.client import responses
from http.server import BaseHTTPRequestHandler
from io import BufferedReader
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from .faults import Action, status

if TYPE_CHECKING:
    from .http_server import Listener

_LONGEST_LINE = 65_536  # bytes; http.server has the same limit
_BEFORE_RESET = 0.02  # seconds for the client to read an answer: a reset makes some systems drop it
URI_TOO_LONG = status(414)._replace(end="close")
_LENGTH_REQUIRED = status(411)._replace(end="close")
_LENGTH = re.compile(r"[0-9]{1,9}", re.ASCII)  # at most 1 GB
# The head of a usual request. The parser of http.server takes ten times as long, and reads all
# others: what has more than printable ASCII, a folded line, or one of these headers.
_USUAL = re.compile(
    rb"(?!(?s:.*)\r\n(?i:transfer-encoding|expect):)"
    rb"([A-Z]+) (/(?!/)[!-~]*) HTTP/1\.1\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ -~]*\r\n)*)\r\n"
)
MOST_BODY = 1_000_000  # bytes of a body that are kept; more is read, as the client waits for that
_REST = 1_000_000  # bytes that are read at most of a request that was refused
_REST_SECONDS = 1.0  # seconds for that
# How a request for the page or for its API begins
_OWN = re.compile(rb"(GET|HEAD) /(favicon\.ico)?[ ?]|[A-Z]+ /_mpfluent[/ ?]")


class Arrival(NamedTuple):
    """A request that was read to its end, with the names of its headers in lower case.

    Of a body, it has at most the first ``MOST_BODY`` bytes; ``size`` says how many came.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    port: int
    at: float
    query: str = ""
    size: int = 0


class Head(NamedTuple):
    """The head of a request.

    Attributes:
        method: such as "POST"; empty where it could not be read.
        target: the path, with the query.
        headers: names in lower case.
        length: bytes of the body; size: bytes of the head itself.
        refusal: the answer, if it does not say where the request ends.
    """

    method: str = ""
    target: str = ""
    headers: Mapping[str, str] = MappingProxyType({})
    length: int = 0
    size: int = 0
    refusal: Action | None = None


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

    def _unread(self, action: Action, head: Head, connection: int, port: int) -> None:
        """Note a request that is not read to its end."""
        ...

    def _own(self, arrival: Arrival, left: Left) -> Action | Streamed:
        """Return the answer to a request for the page, or for its API."""
        ...

    def _foreign(self, head: Head) -> Action | None:
        """Count a request of a web page elsewhere, and return the answer to it; None for others."""
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
        self._refusal: Action | None = None

    def handle_one_request(self) -> None:
        """Take the next action of the script as soon as a request begins, and carry it out."""
        self.close_connection = True  # parse_request changes that for a client that keeps it
        if not self._begins():
            return
        if _OWN.match(self.rfile.peek()):  # these take no action of the script
            self._serve(self._read_head(), None)
            return
        self._busy = True
        scripted = self.server.owner._begun()
        try:
            self._serve(self._read_head(), scripted)
        finally:
            self._finish()

    def _serve(self, head: Head | None, scripted: Action | None) -> None:
        """Answer a request; what is none to mParticle gives the action of the script back."""
        owner = self.server.owner
        if head is None:  # the client went away
            return
        if head.refusal is None and _OWN.match(f"{head.method} {head.target} ".encode()):
            self._finish()  # if its head came in pieces, it looked like any other
            owner._give_back(scripted)
            self._answer_own(head)
            return
        foreign = owner._foreign(head)
        if foreign is None and head.refusal is None:
            action = self._read(head, scripted)
            if action is not None:
                self._carry_out(action)
            return
        owner._give_back(scripted)
        if head.refusal is not None:
            if foreign is None:
                owner._unread(head.refusal, head, self._number, self.client_address[1])
            self._refuse(head.refusal)
        elif foreign is not None and self._read_body(head) is not None:
            self._carry_out(foreign)

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

    def _read(self, head: Head, scripted: Action | None) -> Action | None:
        """Read a request, or as much of it as the script says, and return what to do."""
        owner, most = self.server.owner, None if scripted is None else scripted.read
        if scripted is not None and most is not None and most <= head.size + head.length:
            wanted = max(0, most - head.size)
            if self._read_body(head._replace(length=wanted)) is None:
                return None
            # the request counts as unread, so no batch of it is accepted
            owner._unread(scripted, Head(), self._number, self.client_address[1])
            return scripted
        arrival = self._arrival(head)
        return None if arrival is None else owner._received(arrival, scripted)

    def _read_head(self) -> Head | None:
        """Read the head of a request; None if the client went away."""
        usual = _USUAL.match(self.rfile.peek())
        found = None if usual is None else self._usual_head(usual)
        if found is not None:
            return found
        rest, counting = self.rfile, _Counting(self.rfile)
        self.rfile, self._refusal = cast(BufferedReader, counting), None
        try:
            self.raw_requestline = self.rfile.readline(_LONGEST_LINE + 1)
            if len(self.raw_requestline) > _LONGEST_LINE:
                return Head(refusal=URI_TOO_LONG)
            if not self.parse_request():
                return None if self._refusal is None else Head(refusal=self._refusal)
        finally:
            self.rfile = rest
        headers = {name.lower(): value for name, value in self.headers.items()}
        head = Head(self.command, self.path, headers, 0, counting.count)
        length = self._length()
        if isinstance(length, Action):
            return head._replace(refusal=length)
        return head._replace(length=length)

    def _usual_head(self, head: re.Match[bytes]) -> Head | None:
        """Read a head that is at hand; None leaves it, as it is not so usual."""
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
        return Head(method, target, headers, int(length), head.end())

    def _arrival(self, head: Head) -> Arrival | None:
        """Read the body of a request; None if the client went away before its end."""
        body = self._read_body(head)
        if body is None:
            return None
        path, _, query = head.target.partition("?")
        port, now = self.client_address[1], time.monotonic()
        return Arrival(
            head.method, path, head.headers, body, self._number, port, now, query, head.length
        )

    def _read_body(self, head: Head) -> bytes | None:
        """Read a body to its end, and return its beginning; None if the client went away."""
        body = self.rfile.read(min(head.length, MOST_BODY))
        left = head.length - len(body)
        while left and (piece := self.rfile.read(min(left, 65_536))):
            left -= len(piece)
        if left:
            self.close_connection = True
            return None
        return body

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
        if len(self.headers.get_all("Host", [])) > 1:
            return _unframed("There must be one Host header.")
        given = lengths[0].strip(" \t") if lengths else "0"
        if _LENGTH.fullmatch(given) is None:
            return _unframed("Content-Length must be a number of at most nine digits.")
        return int(given)

    # Answering

    def _answer_own(self, head: Head) -> None:
        """Answer a request for the page or for its API, at once or without an end."""
        arrival = self._arrival(head)
        if arrival is None:
            return
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            answer = self.server.owner._own(
                arrival, lambda seconds: bool(selector.select(seconds)) and self._is_gone()
            )
            if isinstance(answer, Action):
                head_bytes = self._head(
                    cast(int, answer.status_code), answer.headers, len(answer.body)
                )
                self.connection.sendall(head_bytes + answer.body)
                return
            self.close_connection = True
            self.connection.sendall(self._head(200, answer.headers, None))
            # a client that reads a stream sends nothing more: it went away, or the server stops
            for chunk in answer.chunks(lambda seconds: bool(selector.select(seconds))):
                self.connection.sendall(chunk)

    def _is_gone(self) -> bool:
        """Return whether what can be read is the end of the connection, and no further request."""
        if isinstance(self.connection, ssl.SSLSocket):
            return True  # nobody sends a request before the answer to the last one
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:  # it was reset
            return True

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
        """Note that bytes are no request; http.server would send a page of HTML."""
        self._refusal = status(int(code))._replace(end="close")


def _unframed(why: str) -> Action:
    return status(400, message=why)._replace(end="close")


class _Counting:
    """Reads lines from a file, and counts their bytes."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self.count = 0

    def readline(self, most: int) -> bytes:
        line = self._file.readline(most)
        self.count += len(line)
        return line
