"""Clients of one user or many that send to a transport of the test."""

from mpfluent import Batch, Client, FunctionTransport, RecordingTransport, Retry
from mpfluent.errors import REASONS

BATCH = Batch.for_user(customer_id="1").event("Searched", {"query": "teapot"})


def client_of(transport=None, **options):
    options.setdefault("environment", "development")
    options.setdefault("retry", Retry(max_attempts=1))
    return Client("key", "secret", transport=transport or RecordingTransport(), **options)


def numbered(count):
    return [Batch.for_user(customer_id=str(n)).event("Searched") for n in range(count)]


def people(transport):
    return [batch.user_identities.customer_id for batch in transport.batches]


def adds_up(client):
    stats = client.stats
    settled = stats.delivered + stats.failed + stats.handed_over
    assert stats.submitted == settled + stats.pending
    assert stats.failed == sum(stats.failed_by_reason.values())
    assert set(stats.failed_by_reason) <= set(REASONS)
    return True


def boom(*_):
    raise ValueError("customer 1")


# Several batches


def failing_for(*names):
    def judge(request):
        return 400 if any(f'"{name}"'.encode() in request.body for name in names) else 202

    return FunctionTransport(judge)
