"""The client: what it takes, how it sends one batch or several, and what its stats count."""

import json
import os
import threading

import pytest
from clients import BATCH, adds_up, client_of, failing_for, numbered

from mpfluent import (
    ApiError,
    Batch,
    Client,
    FunctionTransport,
    InvalidBatch,
    InvalidValue,
    RecordingTransport,
)


def test_one_batch_travels_alone_and_several_in_bulk():
    transport = RecordingTransport()
    client = client_of(transport)
    client.send(BATCH)
    client.send(BATCH, BATCH)

    single, bulk = transport.requests
    assert single.url.endswith("/v2/events")
    assert isinstance(single.json(), dict)
    assert bulk.url.endswith("/v2/bulkevents")
    assert [type(entry) for entry in bulk.json()] == [dict, dict]


# What it takes


def test_the_environment_fills_in_what_a_batch_lacks():
    transport = RecordingTransport()
    client_of(transport, environment="production").send(BATCH)

    assert transport.batches[0].environment == "production"


def test_what_is_equal_to_an_environment_is_sent_as_its_word():
    class Lazy:  # as a proxy of a settings module
        def __eq__(self, other):
            return other == "production"

        __hash__ = None

    transport = RecordingTransport()
    client_of(transport, environment=Lazy()).send(BATCH)

    assert transport.batches[0].environment == "production"


def test_the_environment_of_a_batch_wins():
    transport = RecordingTransport()
    client_of(transport, environment="production").send(BATCH.with_environment("development"))

    assert transport.batches[0].environment == "development"


def test_no_environment_at_all_is_an_error():
    transport = RecordingTransport()
    client = Client("key", "secret", transport=transport)
    with pytest.raises(InvalidBatch) as raised:
        client.send(BATCH)

    assert str(raised.value) == (
        "the batch has no environment; write Client(…, environment='development') "
        "or batch.with_environment('development')"
    )
    assert transport.requests == []
    assert client.stats.submitted == 0


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ([BATCH], "want a Batch, got list; write client.send(*batches)"),
        ((BATCH,), "want a Batch, got tuple; write client.send(*batches)"),
        (iter([BATCH]), "want a Batch, got list_iterator; write client.send(*batches)"),
        (None, "want a Batch, got NoneType; write client.send(Batch.for_user(…).event(…))"),
        ({}, "want a Batch, got dict; write client.send(Batch.for_user(…).event(…))"),
        (
            BATCH.events[0],
            "want a Batch, got AppEvent; write client.send(Batch.for_user(…).event(…))",
        ),
    ],
)
def test_what_is_no_batch_is_refused(argument, text):
    with pytest.raises(InvalidValue) as raised:
        client_of().send(argument)

    assert str(raised.value).startswith("send(")
    assert str(raised.value).endswith(text)


def test_an_empty_send_is_an_error():
    with pytest.raises(InvalidBatch) as raised:
        client_of().send()

    assert str(raised.value) == "send() needs at least one batch; write client.send(batch)"


def test_a_callback_that_is_none_is_refused_before_anything_is_sent():
    transport = RecordingTransport()
    with pytest.raises(InvalidValue) as raised:
        client_of(transport).send(BATCH, callback=5)

    assert str(raised.value) == (
        "send(callback=5): want a function of the delivery; write callback=print"
    )
    assert transport.requests == []


def test_nothing_is_accepted_when_one_of_several_is_wrong():
    transport = RecordingTransport()
    client = client_of(transport)
    with pytest.raises(InvalidValue):
        client.send(BATCH, BATCH, 5)

    assert transport.requests == []
    assert client.stats.submitted == 0


def test_all_of_several_are_tried_and_the_first_error_is_raised():
    deliveries = []
    client = client_of(failing_for("2", "5"))
    with pytest.raises(ApiError) as raised:
        client.send(*numbered(8), callback=deliveries.append)

    (delivery,) = deliveries
    assert client.stats.delivered == 6
    assert [e.batch.user_identities.customer_id for e in delivery.failures] == ["2", "5"]
    assert raised.value is delivery.failures[0]
    with pytest.raises(ApiError) as again:
        delivery.result()
    assert again.value is delivery.failures[0]
    assert adds_up(client)


def test_a_split_batch_is_one_batch_in_stats():
    batch = Batch.for_user(customer_id="1")
    for _ in range(40):
        batch = batch.event("Searched", {"query": "x" * 4000})
    outcomes = []
    transport = RecordingTransport()
    client = client_of(transport, on_delivered=lambda batch, response: outcomes.append(batch))
    client.send(batch)

    assert client.stats[:3] == (1, 1, 0)
    assert len(transport.batches) == 2
    assert len(outcomes) == 1
    assert len(outcomes[0].events) == 40


def test_a_split_batch_of_which_a_part_fails_has_failed_once():
    batch = Batch.for_user(customer_id="1")
    for number in range(40):
        batch = batch.event(f"Searched {number}", {"query": "x" * 4000})
    failures = []
    client = client_of(
        failing_for("Searched 39"), on_failed=lambda batch, error: failures.append(error)
    )
    with pytest.raises(ApiError):
        client.send(batch)

    assert client.stats[:3] == (1, 0, 1)
    assert len(failures) == 1
    assert len(failures[0].batch.events) == 40


# Stats


def test_stats_are_a_snapshot():
    client = client_of()
    before = client.stats
    client.send(BATCH)

    assert before == (0, 0, 0, 0, 0, {}, 0, 0, 0, 0)
    assert client.stats == (1, 1, 0, 0, 0, {}, 0, 0, 0, 0)
    with pytest.raises(TypeError):
        client.stats.failed_by_reason["rejected"] = 1


def test_stats_add_up_at_every_moment():
    broken = []
    stop = threading.Event()
    answers = iter([202, 400, 503] * 10_000)
    client = client_of(FunctionTransport(lambda request: next(answers)))

    def watch():
        while not stop.is_set():
            stats = client.stats
            if stats.submitted != stats.delivered + stats.failed + stats.pending:
                broken.append(stats)
            if stats.pending < 0:
                broken.append(stats)

    watcher = threading.Thread(target=watch)
    watcher.start()

    def work():
        for batch in numbered(40):
            client.send_all([batch, batch])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    watcher.join()

    assert broken == []
    assert client.stats.submitted == 320
    assert client.stats.pending == 0


def test_a_batch_on_the_wire_reads_back_as_it_was_sealed():
    transport = RecordingTransport()
    sealed = []
    client = client_of(transport, on_delivered=lambda batch, _: sealed.append(batch))
    client.send(BATCH)

    assert transport.batches == sealed
    assert json.loads(transport.requests[0].body) == sealed[0].to_dict()


def test_a_child_begins_to_count_from_zero(monkeypatch):
    entered, leave = threading.Event(), threading.Event()

    def slow(request):
        if threading.current_thread() is not threading.main_thread():
            entered.set()
            leave.wait(5)
        return 202

    client = client_of(FunctionTransport(slow))
    sender = threading.Thread(target=client.send, args=(BATCH,))
    sender.start()
    assert entered.wait(5)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)

        assert client.stats.submitted == 0
        assert client.flush() is True
        client.send(BATCH)
        assert client.stats[:2] == (1, 1)
        assert client.close() == (1, 0, 0)
        leave.set()
        sender.join(5)


def test_the_test_kit_says_what_it_lacks():
    import mpfluent.testing

    with pytest.raises(AttributeError, match=r"'mpfluent\.testing' has no attribute 'Nothing'"):
        mpfluent.testing.Nothing
