"""Work that waits in a queue, and what a test asks of it."""

import contextlib
import threading

from scenarios import batch, scenario

from mpfluent import Client, RecordingTransport, RequestsTransport

SOON = 5.0  # seconds after which a test that waits has failed


PROMPT = 1.0  # seconds that a call may take which waits for nothing, on a busy machine


class Gate:
    """A transport that holds every request until the test lets it go."""

    def __init__(self):
        self.transport = RequestsTransport()
        self.reached = threading.Event()
        self.open = threading.Event()

    def send(self, request):
        self.reached.set()
        assert self.open.wait(60)
        return self.transport.send(request)

    def close(self):
        self.transport.close()


@contextlib.contextmanager
def held(**options):
    """Run a scenario whose worker has the first batch in its hands, until the gate is open."""
    gate = Gate()
    with scenario(transport=gate, flush_interval=0, **options) as one:
        one.gate = gate
        try:
            one.send(batch(0))
            assert gate.reached.wait(SOON)
            yield one
        finally:
            gate.open.set()


def size_of(one):
    """Return the bytes of a batch on the wire."""
    transport = RecordingTransport()
    Client("key", "secret", environment="production", transport=transport).send(one)
    return len(transport.requests[0].body)


def numbers(told):
    return [int(one.user_identities.customer_id.rpartition("-")[2]) for one, _ in told]


def work(client):
    """Let a worker deliver all that waits, as a thread of its own would."""
    client._dispatcher.send_now()
    client._dispatcher._workers.deliver(wait=False)
