"""A transport whose requests a test answers one by one, and clients that send to it."""

from types import SimpleNamespace

from fault_server import FakeTime

from mpfluent import Batch, Client, RecordingTransport, Retry, ThreadedDispatcher

SOON = 5.0  # seconds after which a test that waits has failed
ONE_ATTEMPT = Retry(max_attempts=1)


def user(name="1"):
    return Batch.for_user(customer_id=str(name)).event("Searched")


def users(count):
    return [user(number) for number in range(count)]


class Stage:
    """A client whose worker runs when the test says so, on a clock that the test moves."""

    def __init__(self, transport=None, **options):
        self.transport = transport or RecordingTransport()
        self.time = FakeTime()
        self.told = []
        client = {name: options.pop(name) for name in ("retry", "before_send") if name in options}
        self.dispatcher = ThreadedDispatcher(
            clock=self.time.monotonic,
            wall=self.time.wall,
            sleep=self.time.sleep,
            start=lambda work: SimpleNamespace(is_alive=lambda: True),
            **options,
        )
        self.client = Client(
            "key",
            "secret",
            environment="production",
            transport=self.transport,
            dispatcher=self.dispatcher,
            on_failed=lambda batch, error: self.told.append((name_of(batch), error.reason)),
            **client,
        )

    def work(self):
        """Let a worker deliver what is due, as a thread of its own would."""
        self.dispatcher._workers.deliver(wait=False)

    def requests(self):
        """Return the names of the users in each request."""
        found = []
        for request in self.transport.requests:
            body = request.json()
            entries = body if isinstance(body, list) else [body]
            found.append([entry["user_identities"]["customer_id"] for entry in entries])
        return found


def name_of(batch):
    return batch.user_identities.customer_id


def client_of(transport, **options):
    """Return a client with real threads and real time."""
    mine = ("on_failed", "on_delivered", "retry")
    client = {name: options.pop(name) for name in mine if name in options}
    options.setdefault("flush_interval", 0.0)
    return Client(
        "key",
        "secret",
        environment="production",
        transport=transport,
        dispatcher=ThreadedDispatcher(**options),
        **client,
    )
