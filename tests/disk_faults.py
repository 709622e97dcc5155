"""Batches by number, and what an outbox's file holds of them."""

import contextlib
import sqlite3
from types import SimpleNamespace

from scenarios import PERSON, batch, scenario

from mpfluent import (
    Batch,
    FunctionTransport,
    Outbox,
    Retry,
)

SOON = 5.0  # seconds after which a test that waits has failed
ONCE = Retry(max_attempts=1)


def on_clock(time):
    """Return the options of a client whose time is in the test's hands, and its worker, too."""
    return {
        "clock": time.monotonic,
        "wall": time.wall,
        "sleep": time.sleep,
        "start": lambda work: SimpleNamespace(is_alive=lambda: True),
    }


def number_of(one):
    return int(one.user_identities.customer_id.rpartition("-")[2])


def arrived(server):
    """Return the numbers of the batches that the server took, in order."""
    return [number_of(one) for one in server.batches]


def rows(path):
    """Return the ids that a file has, in order."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return [id for (id,) in connection.execute("SELECT id FROM rows ORDER BY row")]


def ids(told):
    return [one.source_request_id for one, _ in told]


def named(count, start=0):
    """Return batches with ids that tell their place."""
    return [batch(n).with_source_request_id(f"id-{n:04}") for n in range(start, start + count)]


def due(one):
    """Let a worker deliver what is due by now, and no more."""
    one.client._dispatcher._workers.deliver(wait=False)


def leave(server, path, sent, **options):
    """Let a client leave these batches in an outbox."""
    outage = FunctionTransport(lambda request: 503)
    with scenario(
        server=server, transport=outage, outbox=Outbox(path), retry=ONCE, **options
    ) as one:
        one.client.send(*sent).wait(SOON)
        assert one.client.close() == (0, 0, len(sent), 0)


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def searches():
    user = Batch.for_user(customer_id=f"{PERSON}-0")
    return [user.event(name, source_message_id=name) for name in ("Searched", "Found", "Bought")]


def counted():
    """Return a source of ids that tell their place; a batch that has its own would travel alone."""
    return map("id-{}".format, range(99)).__next__
