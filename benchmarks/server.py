"""A server on this machine that accepts everything: ``Server()`` starts it, as its own process.

It does as little as a server can: one thread, no parsing but for the length of a body, 202 (or
200 for other SDKs' paths) at once, connections kept. It counts requests, bytes, batches and
events, and says how much CPU time that took, so that one can see that it is not what is measured.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from typing import NamedTuple

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
# What each path is answered with, and what stands in a body once an event
PATHS = {
    b"/v2/events": (ACCEPTED, b'"event_type"'),
    b"/v2/bulkevents": (ACCEPTED, b'"event_type"'),
    b"/v1/batch": (OK, b'"messageId"'),  # Segment
    b"/batch/": (OK, b'"distinct_id"'),  # PostHog
}
BATCH = b'"environment"'  # stands in each of mParticle's batches once


def end(process: subprocess.Popen[str]) -> None:
    """End a process that goes on until its input ends."""
    if process.stdin is not None:
        process.stdin.close()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


class Counts(NamedTuple):
    """What came since the last reset.

    Attributes:
        last: the Unix time at which the last request had come.
        cpu: the CPU seconds that the server took.
    """

    requests: int
    bytes: int
    batches: int
    events: int
    last: float
    cpu: float


class Server:
    """The server as a process of its own.

    Attributes:
        url: where it listens.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self._process.stdout is None:
            raise RuntimeError("the server has no output")
        self.url = self._process.stdout.readline().strip()

    def reset(self, *, keep: bool = False) -> None:
        """Count from zero; keep the bodies from now on, or do not."""
        self._ask("/keep" if keep else "/reset")

    def counts(self) -> Counts:
        """Return what came."""
        return Counts(**json.loads(self._ask("/counts")))

    def bodies(self) -> list[bytes]:
        """Return what was kept."""
        return self._ask("/bodies").split(b"\n")[:-1]

    def close(self) -> None:
        """End it."""
        end(self._process)

    def _ask(self, path: str) -> bytes:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(self.url + path, timeout=60) as answer:
            return answer.read()


# The process


class _Counting:
    """Counts, and answers those who ask."""

    def __init__(self) -> None:
        self.reset(keep=False)

    def reset(self, *, keep: bool) -> None:
        self.requests = self.bytes = self.batches = self.events = 0
        self.last = 0.0
        self.cpu = time.process_time()
        self.kept: list[bytes] | None = [] if keep else None

    def answer(self, path: bytes, body: bytes) -> bytes:
        if path not in PATHS:
            return self.control(path)
        answer, event = PATHS[path]
        self.last = time.time()
        self.requests += 1
        self.bytes += len(body)
        self.batches += body.count(BATCH)
        self.events += body.count(event)
        if self.kept is not None:
            self.kept.append(body)
        return answer

    def control(self, path: bytes) -> bytes:
        if path == b"/bodies":
            text = b"".join([body + b"\n" for body in self.kept or ()])
        elif path == b"/counts":
            names = ("requests", "bytes", "batches", "events", "last")
            counts = {name: getattr(self, name) for name in names}
            text = json.dumps({**counts, "cpu": time.process_time() - self.cpu}).encode()
        elif path in (b"/reset", b"/keep"):
            self.reset(keep=path == b"/keep")
            text = b""
        else:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)


def _serve() -> None:
    """Serve until the input ends, which it does when the one who started this is gone."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    counting = _Counting()
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ, bytearray())
            elif not _read(key.fileobj, key.data, counting):
                selector.unregister(key.fileobj)
                key.fileobj.close()


def _read(connection: socket.socket, buffer: bytearray, counting: _Counting) -> bool:
    """Take what came, and answer what is complete; return whether the connection is open."""
    try:
        data = connection.recv(1 << 20)
    except ConnectionError:
        return False
    if not data:
        return False
    buffer += data
    while (end := buffer.find(b"\r\n\r\n")) >= 0:
        head = bytes(buffer[:end]).lower()
        _, _, length = head.partition(b"\r\ncontent-length:")
        total = end + 4 + int(length.partition(b"\r\n")[0] or 0)
        if len(buffer) < total:
            break
        path = head.split(b" ", 2)[1]
        connection.sendall(counting.answer(path, bytes(buffer[end + 4 : total])))
        del buffer[:total]
    return True


if __name__ == "__main__":
    _serve()
