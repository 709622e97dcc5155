"""A server on raw sockets that misbehaves as a test says, and a clock that a test moves."""

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from pathlib import Path
from typing import NamedTuple

CERTIFICATES = Path(__file__).parent / "certificates"
AUTHORITY = str(CERTIFICATES / "authority.pem")


class FakeTime:
    """A clock that moves only when somebody sleeps; ``waits`` has every sleep."""

    def __init__(self, wall=1_700_000_000.0):
        self.now = 1000.0
        self.wall_offset = wall - self.now
        self.waits = []
        self.before_waking = lambda: None

    def monotonic(self):
        return self.now

    def wall(self):
        return self.now + self.wall_offset

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds
        self.before_waking()

    def dispatcher(self):
        from mpfluent import SyncDispatcher

        return SyncDispatcher(clock=self.monotonic, wall=self.wall, sleep=self.sleep)


class Received(NamedTuple):
    """One request that was read to its end."""

    at: float
    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def ids(self):
        data = json.loads(self.body)
        return [
            batch["source_request_id"] for batch in (data if isinstance(data, list) else [data])
        ]


class Peer:
    """One connection, as an action sees it."""

    def __init__(self, server, sock, number):
        self.server = server
        self.sock = sock
        self.number = number
        self.pending = b""  # read already, to know that a request begins

    def read(self):
        """Read one request, and keep it."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._some()
        head, _, body = head.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        while len(body) < int(headers.get("content-length", 0)):
            body += self._some()
        method, path, _ = first.split(" ")
        self.server.requests.append(
            Received(time.monotonic(), self.number, method, path, headers, body)
        )

    def _some(self):
        data, self.pending = self.pending or self.sock.recv(65_536), b""
        if not data:
            raise ConnectionError("the client went away")
        return data

    def answer(self, status, headers=None, body=b""):
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.sock.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def reset(self):
        """Close so that the client sees a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Done

    def drip(self, data, every):
        """Send a byte at a time, until the client goes away."""
        for byte in data:
            self.sock.sendall(bytes([byte]))
            if self.server.stopping.wait(every):
                raise _Done


class _Done(Exception):
    """The action has dealt with the connection."""


# Actions: what to do with one request


def status(number, headers=None, body=b""):
    def act(peer):
        peer.read()
        peer.answer(number, headers, body)

    return act


def raw(data, *, then_reset=False, then_close=False):
    def act(peer):
        peer.read()
        peer.sock.sendall(data)
        if then_reset:
            time.sleep(0.02)  # a reset would overtake the data
            peer.reset()
        if then_close:
            raise _Done

    return act


def rst_before_read(peer):
    peer.reset()


def rst_mid_request(bytes_read):
    def act(peer):
        peer.sock.recv(bytes_read)
        peer.reset()

    return act


def rst_after_read(peer):
    peer.read()
    peer.reset()


def fin_no_response(peer):
    peer.read()
    raise _Done


def hang(peer):
    peer.read()
    peer.server.stopping.wait(60)
    raise _Done


def never_read(peer):
    peer.server.stopping.wait(60)
    raise _Done


def drip(data, every=0.05):
    def act(peer):
        peer.read()
        peer.drip(data, every)
        raise _Done

    return act


def tunnel(peer):
    """Be a proxy: connect to where the client says, and pass everything on."""
    peer.read()
    host, _, port = peer.server.requests[-1].path.partition(":")
    with socket.create_connection((host, int(port))) as there:
        peer.sock.sendall(b"HTTP/1.1 200 Go ahead\r\n\r\n")
        back = threading.Thread(target=_pass_on, args=(there, peer.sock), daemon=True)
        back.start()
        _pass_on(peer.sock, there)
        back.join(5)
    raise _Done


def _pass_on(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class FaultServer:
    """Takes one action of its script per request; when they are used up, answers 202."""

    def __init__(self, *script, certificate=None):
        self.script = list(script)
        self.requests = []
        self.connections = 0
        self.stopping = threading.Event()
        self._peers = {}
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(CERTIFICATES / certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for thread, sock in list(self._peers.items()):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    @property
    def bodies(self):
        return [request.body for request in self.requests]

    def _accept(self):
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(
                target=self._serve, args=(sock, self.connections), daemon=True
            )
            self._peers[thread] = sock
            thread.start()

    def _serve(self, sock, number):
        with (
            contextlib.suppress(OSError, _Done),
            contextlib.closing(self._secured(sock)) as secured,
        ):
            self._peers[threading.current_thread()] = secured
            peer = Peer(self, secured, number)
            while self._begins(peer):
                action = self.script.pop(0) if self.script else status(202)
                action(peer)
        self._peers.pop(threading.current_thread(), None)

    def _secured(self, sock):
        if self._tls is None:
            return sock
        with contextlib.ExitStack() as stack:
            stack.callback(sock.close)
            secured = self._tls.wrap_socket(sock, server_side=True)
            stack.pop_all()
        return secured

    def _begins(self, peer):
        """Wait for a request, without reading any of it from a plain connection."""
        if self._tls is None:
            return bool(peer.sock.recv(1, socket.MSG_PEEK))
        peer.pending = peer.sock.recv(65_536)
        return bool(peer.pending)
