"""A nightly job: any number of batches from an iterable, in bulk requests, with little memory."""

from collections.abc import Iterator

from mpfluent import Batch, Client, DeliveryError, Retry
from mpfluent.testing import LocalServer, status


def users(how_many: int) -> Iterator[Batch]:
    for number in range(how_many):
        yield Batch.for_user(customer_id=f"user-{number}").with_user_attributes(visits=number)


def failed(batch: Batch, error: DeliveryError) -> None:
    print("failed:", batch.user_identities, error.reason)


with LocalServer() as server:
    server.script(status(503))  # one failed request; the client tries again by itself
    with Client(
        "key",
        "secret",
        host=server.url,
        environment="development",
        retry=Retry(base=0.1, max_elapsed=60),
        on_failed=failed,
    ) as client:
        report = client.send_all(users(250))

    print(f"{report.delivered} of {report.submitted} delivered, {report.failed} failed")
    print(f"{client.stats.retries} retry, {len(server.requests)} requests")
