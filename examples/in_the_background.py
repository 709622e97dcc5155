"""In the background: send returns at once, and after an outage the next process delivers."""

import tempfile
from pathlib import Path

from mpfluent import AppEvent, Batch, Client, Outbox, Retry, ThreadedDispatcher
from mpfluent.testing import LocalServer, status


def opened(server: LocalServer, folder: str) -> Client:
    return Client(
        "key",
        "secret",
        host=server.url,
        environment="development",
        retry=Retry(max_attempts=1),  # so that the example ends soon
        dispatcher=ThreadedDispatcher(coalesce=True, outbox=Outbox(Path(folder) / "outbox.db")),
    )


with LocalServer() as server, tempfile.TemporaryDirectory() as folder:
    user = Batch.for_user(customer_id="123456")

    server.script(status(503))  # mParticle is down
    with opened(server, folder) as client:
        deliveries = [client.send(user.event(name)) for name in ("Searched", "Found", "Bought")]
        client.flush(timeout=5)
        print(deliveries[0].state, client.stats.pending)

    with opened(server, folder) as client:  # the next process; mParticle works again
        print(client.flush(timeout=5), client.stats.delivered)

    (batch,) = server.batches  # the three batches were sent as one
    print([event.event_name for event in batch.events if isinstance(event, AppEvent)])
