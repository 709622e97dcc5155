"""The sockets of a local server: it accepts connections, and ends all of them when it stops."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import sys
import threading
from contextlib import suppress
from http.server import ThreadingHTTPServer
from socketserver import BaseRequestHandler, TCPServer
from typing import Any

from ..errors import ConfigurationError, brief
from .faults import Action
from .http_connection import Handler, Owner


class Listener(ThreadingHTTPServer):
    """Accepts connections and serves each in a thread; ends all of them when it stops.

    Args:
        port: 0 for any free port.
        owner: the server that it belongs to.
        tls: the settings for https.
        handler: serves one connection; by default :class:`Handler`.
        bind: the address that it listens at.

    Raises:
        ConfigurationError: the port is taken, or it cannot listen at the address.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        owner: Owner,
        tls: ssl.SSLContext | None,
        handler: type[BaseRequestHandler] | None = None,
        bind: str = "127.0.0.1",
    ) -> None:
        self.owner = owner
        self.stopping = threading.Event()
        self.prepared: tuple[int, dict[Action, bytes]] = 0, {}  # answers of this second
        self._serving: dict[threading.Thread, socket.socket] = {}
        if ":" in bind:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((bind, port), handler or Handler)
        except (OSError, UnicodeError) as error:  # UnicodeError: a name with an empty part
            raise _not_bound(bind, port, error) from None
        # where it listens at all addresses, it is reached by this one
        self._host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104
        self.reached = f"[{self._host}]" if ":" in bind else self._host
        self.reached += f":{self.server_port}"
        if tls is not None:
            # The handshake comes with the first read, in the thread of the connection. Here it
            # would make all other clients wait for one.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def server_bind(self) -> None:
        """Bind, without asking for the name of the machine, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def serve(self) -> None:
        """Accept connections until the server stops."""
        while not self.stopping.is_set():
            self.handle_request()

    def stop(self) -> None:
        """Make ``serve``, in another thread, return at once."""
        self.stopping.set()
        # serve waits for a connection, so this makes one; OSError: there is no serve any more
        with suppress(OSError), socket.socket(self.address_family) as waking:
            waking.settimeout(1)
            waking.connect((self._host, self.server_port))

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Refuse a connection that comes after the stop."""
        return not self.stopping.is_set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread, which is listed before it starts."""
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="LocalServer connection",
            daemon=True,
        )
        self._serving[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            del self._serving[threading.current_thread()]

    def server_close(self) -> None:
        """Close the port, and end all connections, also those that wait."""
        self.stopping.set()
        super().server_close()
        serving = list(self._serving.items())
        for _, connection in serving:
            with suppress(OSError):  # it is closed already
                # not SSLSocket.shutdown: it drops the TLS session, which its thread still uses
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread, _ in serving:
            if thread.is_alive():  # a thread that could not start cannot be joined
                thread.join(1)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing if a client goes away: in many tests it does."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _not_bound(bind: str, port: int, error: Exception) -> ConfigurationError:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return ConfigurationError(
            f"LocalServer(port={port}): another program has this port; "
            "write LocalServer(port=0) for any free one"
        )
    if number == errno.EACCES:
        return ConfigurationError(
            f"LocalServer(port={port}): this user may not have this port; "
            "write LocalServer(port=9090)"
        )
    why = getattr(error, "strerror", None) or type(error).__name__
    return ConfigurationError(
        f"LocalServer(bind={brief(bind)}): it cannot listen there ({why}); "
        "write LocalServer(bind='127.0.0.1')"
    )


def tls_of(certificate: str | os.PathLike[str]) -> ssl.SSLContext:
    """Return the TLS settings of a server with the certificate and the key of one PEM file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, password="")  # without one, it asks at the terminal
    return context
