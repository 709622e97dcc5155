"""``send_all``: what it sends in which requests, and what its report counts."""

import gc

import pytest
from clients import BATCH, adds_up, client_of, numbered, people

from mpfluent import (
    Batch,
    Client,
    Closed,
    FunctionTransport,
    InvalidValue,
    RecordingTransport,
    TooLarge,
)


def test_send_all_streams_in_bulk_and_in_order():
    transport = RecordingTransport()
    client = client_of(transport)
    report = client.send_all(iter(numbered(250)))

    assert people(transport) == [str(n) for n in range(250)]
    assert [len(request.json()) for request in transport.requests] == [100, 100, 50]
    assert report[:4] == (250, 250, 0, 0)
    assert report.failures == ()
    assert adds_up(client)


def test_send_all_of_nothing_is_nothing():
    assert client_of().send_all([])[:4] == (0, 0, 0, 0)


def test_send_all_counts_failures_and_keeps_the_first_hundred(caplog):
    client = client_of(FunctionTransport(lambda request: 400))
    report = client.send_all(numbered(150))

    assert report.failed_by_reason == {"rejected": 150}
    assert len(report.failures) == 100
    assert report.failures[0].batch.user_identities.customer_id == "0"
    assert [record.getMessage() for record in caplog.records] == [
        "150 of 150 batches failed: 150 rejected"
    ]


def test_send_all_reads_as_it_sends():
    transport = RecordingTransport()
    ahead = []

    def stream():
        for number in range(1000):
            ahead.append(number - sum(len(r.json()) for r in transport.requests))
            yield Batch.for_user(customer_id=str(number)).event("Searched")

    report = client_of(transport).send_all(stream())

    assert report.delivered == 1000
    assert max(ahead) <= 100


def test_send_all_holds_no_batch_longer_than_it_needs():
    alive = []

    class Marked(Batch):
        pass

    def count(request):
        gc.collect()
        alive.append(sum(type(thing) is Marked for thing in gc.get_objects()))
        return 202

    def stream():
        for number in range(300):
            yield Marked.for_user(customer_id=str(number)).event("Searched")

    client_of(FunctionTransport(count)).send_all(stream())

    assert len(alive) == 3
    assert max(alive) <= 350  # a hundred, sealed and as it came, and the one that is being made


def test_send_all_of_large_batches_holds_a_megabyte_or_so():
    sizes = []
    large = Batch.for_user(customer_id="1").event("Searched", {"query": "x" * 4000})
    for _ in range(24):
        large = large.event("Searched", {"query": "x" * 4000})

    def stream():
        for _ in range(40):
            sizes.append(len(transport.requests))
            yield large

    transport = RecordingTransport()
    report = client_of(transport).send_all(stream())

    assert report.delivered == 40
    assert sizes[20] > 0


def test_what_came_before_an_error_in_the_stream_is_sent():
    def stream():
        yield from numbered(130)
        raise OSError("the file ended")

    transport = RecordingTransport()
    client = client_of(transport)
    with pytest.raises(OSError, match="the file ended"):
        client.send_all(stream())

    assert len(transport.batches) == 130
    assert client.stats[:3] == (130, 130, 0)


def test_what_came_before_an_invalid_batch_is_sent():
    transport = RecordingTransport()
    client = client_of(transport)
    with pytest.raises(InvalidValue):
        client.send_all([*numbered(3), "batch", *numbered(3)])

    assert people(transport) == ["0", "1", "2"]
    assert adds_up(client)


def test_send_all_counts_what_is_too_large():
    huge = Batch.for_user(customer_id="huge").event(
        "Searched", {f"key {n}": "x" * 4000 for n in range(40)}
    )
    failures = []
    transport = RecordingTransport()
    client = client_of(transport, on_failed=lambda batch, error: failures.append((batch, error)))
    report = client.send_all([numbered(1)[0], huge, numbered(1)[0]])

    assert report.failed_by_reason == {"too_large": 1}
    assert report.delivered == 2
    ((batch, error),) = failures
    assert error.reason == "too_large"
    assert error.batch is batch
    assert batch.source_request_id is not None
    assert adds_up(client)


def test_send_raises_what_is_too_large_on_the_line_that_sends():
    huge = Batch.for_user(customer_id="huge").event(
        "Searched", {f"key {n}": "x" * 4000 for n in range(40)}
    )
    client = client_of()
    with pytest.raises(TooLarge):
        client.send(BATCH, huge)

    assert client.stats.submitted == 0


@pytest.mark.parametrize("argument", [None, 5, BATCH])
def test_send_all_wants_an_iterable(argument):
    with pytest.raises(InvalidValue) as raised:
        client_of().send_all(argument)

    assert str(raised.value).endswith("write client.send_all([batch])")


def test_send_all_ends_when_the_client_is_closed_meanwhile():
    def stream():
        yield from numbered(150)
        client.close()
        yield from numbered(150)

    transport = RecordingTransport()
    client = client_of(transport)
    with pytest.raises(Closed):
        client.send_all(stream())

    assert len(transport.batches) == 100
    assert adds_up(client)


def test_what_is_no_batch_among_many_is_an_error_after_those_before_it_left():
    sent = RecordingTransport()
    client = Client("k", "s", environment="development", transport=sent)

    with pytest.raises(InvalidValue) as caught:
        client.send_all([Batch.for_user(mpid=1), "x"])

    assert str(caught.value) == (
        "send_all(['x', …]): want batches, got str; write Batch.for_user(…).event(…)"
    )
    assert [batch.mpid for batch in sent.batches] == [1]


def test_progress_gets_the_last_report_too_however_short_it_took():
    told = []
    client = client_of()
    report = client.send_all(numbered(150), progress=told.append)

    assert told == [report]


def test_what_progress_raises_at_the_end_is_logged_and_the_report_returned(caplog):
    def fails(report):
        raise ValueError("no bar")

    client = client_of()

    assert client.send_all([BATCH], progress=fails).delivered == 1
    assert client.stats.hook_errors == 1
    assert "fails raised ValueError; delivery goes on" in caplog.text
