"""Clients of RequestsTransport, with time limits that a test can wait for."""

from mpfluent import (
    Batch,
    Client,
    Retry,
)

BATCH = Batch.for_user(customer_id="1").event("Searched", {"query": "teapot"})
SOON = 5  # seconds that nothing here takes, even on a busy machine


def client_of(server, **options):
    options.setdefault("environment", "development")
    return Client(
        "key", "secret", host=server if isinstance(server, str) else server.url, **options
    )


def quick(**options):
    """A retry policy that hardly waits."""
    return Retry(base=0.01, max_elapsed=SOON, **options)


def numbered(count):
    return [Batch.for_user(customer_id=str(n)).event("Searched") for n in range(count)]


# Deadlines


DRIPS = {
    "status line": b"HTTP/1.1 202 " + b"A" * 5000,
    "header": b"HTTP/1.1 202 OK\r\nX-Slow: " + b"a" * 5000,
    "100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 500,
}
