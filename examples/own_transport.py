"""Your own transport has two methods, send and close. This one measures another transport."""

import time

from mpfluent import Batch, Client, Request, RequestsTransport, Response, Transport
from mpfluent.testing import LocalServer


class Measured:
    """Sends through another transport and keeps how long each request took."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.seconds: list[float] = []

    def send(self, request: Request) -> Response:
        began = time.perf_counter()
        try:
            return self.inner.send(request)
        finally:
            self.seconds.append(time.perf_counter() - began)

    def close(self) -> None:
        self.inner.close()


transport = Measured(RequestsTransport())
batch = Batch.for_user(customer_id="123456").with_environment("development")

with (
    LocalServer() as server,
    Client("key", "secret", host=server.url, transport=transport) as client,
):
    client.send(batch.event("Searched"))
    client.send(batch.event("Found"), batch.event("Bought"))

print(len(transport.seconds), "requests for", len(server.batches), "batches")
