"""A socket of the test's own, which sees what a server really sends."""

import base64
import json
import socket
import ssl
import time

from fault_server import AUTHORITY, CERTIFICATES

from mpfluent import (
    Batch,
)
from mpfluent.testing import (
    faults,
)

BATCH = Batch.for_user(customer_id="1").event("Searched")
TOKEN = base64.b64encode(b"key:secret").decode()
LOCALHOST = CERTIFICATES / "localhost.pem"
LONG = 60  # seconds that an action would take, were it not ended early
SOON = 5  # seconds that nothing here takes, even on a busy machine


def request_of(batch_id="a", *, method="POST", path="/v2/events", padding=""):
    body = json.dumps({"environment": "development", "source_request_id": batch_id}) + padding
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {TOKEN}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def port_of(server):
    return int(server.url.rpartition(":")[2])


def connection_to(server):
    """Return a socket, with TLS if the server speaks it."""
    plain = socket.create_connection(("127.0.0.1", port_of(server)), timeout=SOON)
    if server.url.startswith("http:"):
        return plain
    trusting = ssl.create_default_context(cafile=AUTHORITY)
    return trusting.wrap_socket(plain, server_hostname="localhost")


def read(connection, until=None):
    """Return what comes, and how it ends."""
    data = b""
    try:
        while until is None or until not in data:
            some = connection.recv(65_536)
            if not some:
                return data, "end"
            data += some
    except ssl.SSLEOFError:
        return data, "end"  # a server that stops says no farewell
    except ConnectionResetError:
        return data, "reset"
    return data, "open"


def briefly(value):
    """Return what to call an action in the name of a test."""
    if isinstance(value, faults.Action):
        usual = faults.Action()._asdict()
        told = {name: part for name, part in value._asdict().items() if part != usual[name]}
        return " ".join(f"{name}={part}" for name, part in told.items()) or "nothing"
    return None


def exchange_once(server, name="a", **parts):
    """Send one request over a connection of its own, and return what comes of the answer's head."""
    with connection_to(server) as connection:
        connection.sendall(request_of(name, **parts))
        return read(connection, b"\r\n\r\n")[0]


def until(done):
    """Wait for what an action does by itself."""
    limit = time.monotonic() + SOON
    while not done():
        assert time.monotonic() < limit
        time.sleep(0.005)
