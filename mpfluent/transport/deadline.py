"""Connections for ``requests`` on which every wait ends by the deadline of the attempt.

A read timeout starts again with every byte, so a server that sends slowly, byte by byte, never runs
into it. On these connections each connect, each write and each read gets at most the time that the
attempt has left. No extra thread watches them.

This module is imported with the first send, since ``requests`` is slow to import.
"""

from __future__ import annotations

import errno
import http.client
import io
import os
import queue
import socket
import time
from contextlib import suppress
from contextvars import ContextVar
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family
from urllib3.util.wait import wait_for_read

from . import guard
from .request_errors import from_outside

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection, HTTPSConnection
else:  # not from urllib3.connection: there a recorder such as vcr may have put its own classes
    from urllib3.connectionpool import HTTPConnection, HTTPSConnection

_BLOCK = 16_384  # bytes that are written at a time, so that each write gets a new timeout
# Bytes of one answer, with its headers and the lines between its chunks. The body that is kept has
# 1 MB at most; this ends an answer of endless headers, which http.client would go on reading.
_MOST_ANSWER = 16_000_000
_SWITCHING = 101  # the one status below 200 that is final
_POOL = 64  # kept connections to one host: as many as threads that send; requests keeps only 10


class Attempt:
    """One attempt: its deadline, and its connection.

    Attributes:
        until: the monotonic time of its deadline.
        read: seconds that one wait for the server may take.
        fresh: whether it opened a connection.
        reused: whether it wrote to a connection of an earlier request.
        sock: its socket, which a forked child leaves to the parent.
    """

    fresh = False
    reused = False
    sock: Any = None

    def __init__(self, until: float, read: float) -> None:
        self.until = until
        self.read = read
        self._pid = os.getpid()

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: none are left.
            ConnectionAbortedError: this is a greenlet that goes on in a forked child.
        """
        if self._pid != os.getpid():
            raise ConnectionAbortedError("the connection is the parent's")
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline passed")
        return left

    def leave_to_parent(self) -> None:
        """Cut a forked child off from the parent's connection, without closing it.

        Threads do not go on in a child, but greenlets do: one would read the parent's answer. So
        the descriptor leads to the null device from now on. That ends the greenlet's wait. A
        shutdown would end the parent's connection, too.
        """
        if self._pid != os.getpid():
            # an error: there is no socket yet, or it is closed
            with suppress(OSError, AttributeError), open(os.devnull, "r+b", 0) as nowhere:
                os.dup2(nowhere.fileno(), self.sock.fileno(), inheritable=False)


current: ContextVar[Attempt | None] = ContextVar("mpfluent_attempt", default=None)
"""The attempt of the calling thread. Where there is none, connections behave as urllib3's do."""


def _limit(sock: Any) -> None:
    """Set the timeout of the socket's next operation to at most what the attempt has left."""
    attempt = current.get()
    if attempt is not None and sock is not None:
        attempt.sock = sock
        sock.settimeout(min(attempt.read, attempt.left()))


class _Reader(io.RawIOBase):
    """Reads one answer from a socket, with a new timeout for each wait."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.is_over = False  # whether to read no more
        self._raw = sock.makefile("rb", 0)  # the socket stays open until this file is closed
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.is_over:
            return 0
        _limit(self.sock)
        count: int | None = self._raw.readinto(buffer)
        self._read += count or 0
        if self._read > _MOST_ANSWER and current.get() is not None:
            raise ConnectionAbortedError(errno.ECONNABORTED, "the answer does not end")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Buffer(io.BufferedReader):
    """The buffer of one answer. Bytes that follow the answer end the connection.

    They would be read as the answer to the next request.
    """

    raw: Any

    def close(self) -> None:
        if not self.closed:
            self.raw.is_over = True
            # pending: bytes of TLS that are decrypted already
            if self.peek(1) or getattr(self.raw.sock, "pending", int)():
                with suppress(OSError):  # it is closed already
                    self.raw.sock.shutdown(socket.SHUT_RDWR)
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        # all that ``http.client`` takes from the socket is this file
        readable: Any = SimpleNamespace(makefile=lambda mode: _Buffer(_Reader(sock)))
        super().__init__(readable, *args, **options)

    def _read_status(self) -> tuple[str, int, str]:
        """Return the final status: a server or a proxy may send others before it.

        ``http.client`` skips only 100.
        """
        read = super()._read_status  # type: ignore[misc]  # typeshed does not have it
        version, status, reason = read()
        while 100 <= status < 200 and status != _SWITCHING:
            http.client.parse_headers(self.fp)
            version, status, reason = read()
        return version, status, reason


class _PlainConnection(HTTPConnection):
    """A connection that keeps to the deadline."""

    response_class = _Answer

    def _new_conn(self) -> socket.socket:
        attempt = current.get()
        if attempt is None:
            return super()._new_conn()
        attempt.fresh = True
        name, most = self.host, float(self.timeout or attempt.read)
        failure: Exception = NewConnectionError(self, f"the name {name} has no address")
        try:
            # one by one here: urllib3 would give each address of the name the whole timeout
            for address in self._addresses(name):
                self.timeout = min(most, attempt.left())
                self.host = address
                try:
                    opened = super()._new_conn()
                except ConnectTimeoutError as error:  # a refused connection is one, too
                    if from_outside(error) is not None:  # a signal handler raised it
                        raise
                    failure = error
                else:
                    attempt.sock = opened
                    opened.settimeout(min(most, attempt.left()))  # of the TLS handshake
                    return opened
        finally:
            self.host, self.timeout = name, most
        raise failure

    def _addresses(self, name: str) -> list[str]:
        """Return the addresses of a name, in order; the system sets no time limit for that."""
        family = allowed_gai_family()
        try:
            found = socket.getaddrinfo(name.strip("[]"), self.port, family, socket.SOCK_STREAM)
        except socket.gaierror as error:  # as an error of urllib3, so that requests wraps it
            raise NewConnectionError(self, f"the name {name} is not known") from error
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _tunnel(self) -> None:
        super()._tunnel()
        _limit(self.sock)  # of the TLS handshake

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        attempt = current.get()
        kept = attempt is not None and not attempt.fresh
        if attempt is not None and kept:
            attempt.reused = True
        blocks = [data]
        if isinstance(data, bytes):
            blocks = [data[start : start + _BLOCK] for start in range(0, len(data), _BLOCK)]
        sock: Any = self.sock
        for block in blocks:
            # Bytes that come before the request is written belong to an earlier answer.
            if kept and wait_for_read(sock, 0):
                raise ConnectionAbortedError(errno.ECONNABORTED, "it answered before it was asked")
            _limit(sock)
            super().send(block)


class _SecureConnection(_PlainConnection, HTTPSConnection):
    """The same with TLS."""


def _unless_replaced(ours: type, original: type, pool: type) -> Any:
    """Return our class of connections, unless a recorder has replaced urllib3's by its own."""

    def connection(_: Any) -> Any:
        found = pool.ConnectionCls  # type: ignore[attr-defined]
        return ours if found is original else found

    return property(connection)


class _Kept(queue.LifoQueue[Any]):
    """The kept connections of a pool that does not block: their look-up takes no lock.

    A lock that Python code takes stays locked if a signal's handler raises there, and then each
    later request waits for it.
    """

    _blocks = False

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Return the connection that was kept last, or raise ``queue.Empty``."""
        if block:
            self._blocks = True
            return super().get(block, timeout)
        try:
            return self.queue.pop()
        except IndexError:
            raise queue.Empty from None

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Keep a connection, or raise ``queue.Full``."""
        if block or self._blocks:
            super().put(item, block, timeout)
        elif not 0 < self.maxsize <= len(self.queue):
            self.queue.append(item)
        else:
            raise queue.Full


class _PlainPool(HTTPConnectionPool):
    QueueCls = _Kept
    ConnectionCls: Any = _unless_replaced(_PlainConnection, HTTPConnection, HTTPConnectionPool)


class _SecurePool(HTTPSConnectionPool):
    QueueCls = _Kept
    ConnectionCls: Any = _unless_replaced(_SecureConnection, HTTPSConnection, HTTPSConnectionPool)


_POOLS = {"http": _PlainPool, "https": _SecurePool}


class DeadlineAdapter(HTTPAdapter):
    """An adapter for a session of yours, so that a transport's deadline holds on it.

    >>> import requests
    >>> from mpfluent import RequestsTransport
    >>> session = requests.Session()
    >>> session.mount("https://", DeadlineAdapter())
    >>> transport = RequestsTransport(session=session, deadline=10)

    For other requests it does what :class:`requests.adapters.HTTPAdapter` does. The connections to
    a SOCKS proxy are PySocks's own: they have timeouts, but no deadline.
    """

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Use pools whose connections keep deadlines."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Use such pools for a proxy, too."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def request_url(self, request: Any, proxies: Any) -> Any:
        """Return the path that the server is asked for, once the guard of a test run agrees.

        requests calls this before anything is sent. A mock of a session's or an adapter's ``send``
        does not call it, so the guard lets mocks pass.

        Raises:
            TransportError: a test must not send there.
        """
        if current.get() is not None:
            guard.ask(request.url, proxies)
        return super().request_url(request, proxies)


class _NoCookies(RequestsCookieJar):
    def extract_cookies(self, response: Any, request: Any) -> None:
        """Keep none."""


class DeadlineSession(requests.Session):
    """A transport's own session: it keeps deadlines, and no redirects and no cookies."""

    def __init__(self) -> None:
        super().__init__()
        self.cookies = _NoCookies()
        for scheme in ("https://", "http://"):
            self.mount(scheme, DeadlineAdapter(pool_maxsize=_POOL))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None: requests would read a redirect's body even if it does not follow it."""
        return None
