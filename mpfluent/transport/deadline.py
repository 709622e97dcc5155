"""Connections for ``requests`` on which every wait ends by the deadline of the attempt.

A read timeout starts anew with every byte, so a peer that drips bytes defeats it. On these
connections each connecting, each write and each read gets what is left of the attempt at most.
No thread is needed to watch them.

Imported with the first send: ``requests`` is slow to import.
"""

from __future__ import annotations

import errno
import http.client
import io
import os
import socket
import time
from contextlib import suppress
from contextvars import ContextVar
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
else:  # a recorder such as vcr may have put its own into urllib3.connection by now
    from urllib3.connectionpool import HTTPConnection, HTTPSConnection

_BLOCK = 16_384  # bytes written at a time, each with a timeout of its own
_MOST_ANSWER = 16_000_000  # bytes of one answer, its headers and the frames of its chunks included
_SWITCHING = 101  # the one status below 200 that nothing follows
_POOL = 64  # kept connections to one host; requests keeps 10, and warns of more


class Attempt:
    """What one attempt may take, and what it knows of its connection.

    Attributes:
        until: the monotonic time at which it is over.
        read: seconds that one wait for the peer may take.
        fresh: whether it opened a connection.
        reused: whether it wrote to a connection that was kept.
        sock: what it reads and writes, to be left to the parent after a fork.
    """

    __slots__ = ("_pid", "fresh", "read", "reused", "sock", "until")

    def __init__(self, until: float, read: float) -> None:
        self.until = until
        self.read = read
        self.fresh = False
        self.reused = False
        self.sock: Any = None
        self._pid = os.getpid()

    def left(self) -> float:
        """Return the seconds that are left, or raise if none are."""
        if self._pid != os.getpid():  # a greenlet that goes on in a forked child
            raise ConnectionAbortedError("the connection is the parent's")
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline passed")
        return left

    def leave_to_parent(self) -> None:
        """Let nobody read or write the parent's connection in a forked child.

        A thread does not live on there, but a greenlet does, and would take the parent's answer.
        Its descriptor leads nowhere from now on, which ends its wait and tells the server nothing.
        """
        if self._pid == os.getpid():
            return
        with suppress(OSError, AttributeError):  # it has none, or it is closed
            descriptor = self.sock.fileno()
            nowhere = os.open(os.devnull, os.O_RDWR)
            try:
                if descriptor >= 0:
                    os.dup2(nowhere, descriptor, inheritable=False)
            finally:
                os.close(nowhere)


current: ContextVar[Attempt | None] = ContextVar("mpfluent_attempt", default=None)
"""The attempt that the calling thread makes. Without one, connections are as urllib3's are."""


def _limit(sock: Any) -> None:
    """Give the socket's next operation what is left of the attempt at most."""
    attempt = current.get()
    if attempt is not None and sock is not None:
        attempt.sock = sock
        sock.settimeout(min(attempt.read, attempt.left()))


class _Reader(io.RawIOBase):
    """Reads one answer from a socket, with a new timeout for each wait."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", 0)  # it keeps the socket open until it is closed
        self._read = 0
        self._over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._over:
            return 0
        _limit(self._sock)
        count: int | None = self._raw.readinto(buffer)
        self._read += count or 0
        if self._read > _MOST_ANSWER and current.get() is not None:
            raise ConnectionAbortedError(errno.ECONNABORTED, "the answer does not end")
        return count

    def end(self) -> None:
        """Read no more."""
        self._over = True

    def pending(self) -> int:
        """Return how many bytes are decrypted already, which no look at the socket shows."""
        pending: Any = getattr(self._sock, "pending", int)
        return int(pending())

    def cut(self) -> None:
        """End the connection, so that nobody keeps it for another request."""
        with suppress(OSError):  # it is closed already
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Buffer(io.BufferedReader):
    """What came of one answer; what came with it but is none of it ends the connection.

    It would be read as the answer to the next request.
    """

    raw: Any

    def close(self) -> None:
        if not self.closed:
            self.raw.end()
            if self.peek(1) or self.raw.pending():
                self.raw.cut()
        super().close()


class _Readable:
    """The part of a socket that ``http.client`` reads an answer from."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def makefile(self, mode: str) -> io.BufferedReader:
        return _Buffer(_Reader(self._sock))


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(_Readable(sock), *args, **options)  # type: ignore[arg-type]

    def _read_status(self) -> tuple[str, int, str]:
        """Return the final status: a server, or a proxy, may send others before it.

        ``http.client`` passes over 100 only.
        """
        read = super()._read_status  # type: ignore[misc]  # typeshed does not know it
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
            # urllib3 would give each address of the name the whole timeout
            for address in self._addresses(name):
                self.timeout = min(most, attempt.left())
                self.host = address
                try:
                    opened = super()._new_conn()
                except ConnectTimeoutError as error:  # a refused connection is one, too
                    if from_outside(error) is not None:
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
        """Return the addresses of a name, in order; the look-up has no time limit."""
        family = allowed_gai_family()
        try:
            found = socket.getaddrinfo(name.strip("[]"), self.port, family, socket.SOCK_STREAM)
        except socket.gaierror as error:
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
            # What a kept connection says before the request is written answers an earlier one.
            if kept and wait_for_read(sock, 0):
                raise ConnectionAbortedError(errno.ECONNABORTED, "it answered before it was asked")
            _limit(sock)
            super().send(block)


class _SecureConnection(_PlainConnection, HTTPSConnection):
    pass


def _unless_replaced(ours: type, usual: type, pool: type) -> Any:
    """Return our class of connections, unless somebody put another in the place of urllib3's."""

    def connection(_: Any) -> Any:
        found = pool.ConnectionCls  # type: ignore[attr-defined]
        return ours if found is usual else found

    return property(connection)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls: Any = _unless_replaced(_PlainConnection, HTTPConnection, HTTPConnectionPool)


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls: Any = _unless_replaced(_SecureConnection, HTTPSConnection, HTTPSConnectionPool)


_POOLS = {"http": _PlainPool, "https": _SecurePool}


class DeadlineAdapter(HTTPAdapter):
    """An adapter for a session of yours, so that a transport's deadline holds on it.

    >>> import requests
    >>> from mpfluent import RequestsTransport
    >>> session = requests.Session()
    >>> session.mount("https://", DeadlineAdapter())
    >>> transport = RequestsTransport(session=session, deadline=10)

    Everywhere else it is what :class:`requests.adapters.HTTPAdapter` is. A SOCKS proxy brings
    connections of its own, which have timeouts but no deadline.
    """

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of connections that keep to deadlines."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Make the pools for a proxy likewise."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def request_url(self, request: Any, proxies: Any) -> Any:
        """Return what to ask the server for; requests asks when nothing has left yet.

        So what takes the place of a session's or an adapter's ``send``, in a test, needs no leave.

        Raises:
            TransportError: a test is not to send there.
        """
        if current.get() is not None:
            guard.ask(request.url, proxies)
        return super().request_url(request, proxies)


class _NoCookies(RequestsCookieJar):
    def extract_cookies(self, response: Any, request: Any) -> None:
        """Keep none."""


class DeadlineSession(requests.Session):
    """The session that a transport makes for itself: deadlines, no redirects, no cookies."""

    def __init__(self) -> None:
        super().__init__()
        self.cookies = _NoCookies()
        for scheme in ("https://", "http://"):
            self.mount(scheme, DeadlineAdapter(pool_maxsize=_POOL))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None: requests would read and parse a redirect even if it is not to follow."""
        return None
