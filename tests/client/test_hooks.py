"""The hooks: ``before_send``, ``on_delivered``, ``on_failed``, and what happens when one raises."""

import os
import sys
import time
from collections import Counter

import pytest
from clients import BATCH, adds_up, boom, client_of, numbered, people
from log_records import calling

from mpfluent import (
    Acceptance,
    ApiError,
    Batch,
    Client,
    DeliveryError,
    FunctionTransport,
    InvalidValue,
    RecordingTransport,
    Response,
    Retry,
    SyncDispatcher,
    ThreadedDispatcher,
)

# before_send


def test_before_send_sees_the_sealed_batch_and_may_change_it():
    transport = RecordingTransport()
    seen = []

    def redact(batch):
        seen.append(batch)
        return batch.without_identities("email")

    batch = Batch.for_user(customer_id="1", email="x@example.com").event("Searched")
    client_of(transport, before_send=redact).send(batch)

    assert seen[0].source_request_id == transport.batches[0].source_request_id
    assert transport.batches[0].user_identities.email is None
    assert transport.batches[0].environment == "development"


def test_before_send_may_return_a_batch_that_was_not_sealed():
    transport = RecordingTransport()
    client_of(transport, before_send=lambda batch: BATCH).send(BATCH)

    (batch,) = transport.batches
    assert batch.source_request_id is not None
    assert batch.environment == "development"
    assert batch.events[0].at is not None


def test_a_batch_that_before_send_drops_reaches_on_failed_and_never_raises():
    transport = RecordingTransport()
    failures = []
    client = client_of(
        transport,
        before_send=lambda batch: None,
        on_failed=lambda batch, error: failures.append((batch, error)),
    )
    delivery = client.send(BATCH)

    assert delivery.state == "failed"
    assert client.stats.failed_by_reason == {"filtered": 1}
    ((batch, error),) = failures
    assert (error.reason, str(error)) == ("filtered", "before_send dropped the batch")
    assert batch.source_request_id is not None
    assert error.batch is batch
    assert transport.requests == []
    assert adds_up(client)


def test_before_send_drops_some_of_several():
    transport = RecordingTransport()
    client = client_of(
        transport,
        before_send=lambda batch: None if batch.user_identities.customer_id == "1" else batch,
    )
    delivery = client.send(*numbered(3))

    assert people(transport) == ["0", "2"]
    assert delivery.state == "failed"
    assert [error.reason for error in delivery.failures] == ["filtered"]
    assert client.stats[:3] == (3, 2, 1)


def test_before_send_that_raises_keeps_the_batch_from_leaving(caplog):
    transport = RecordingTransport()

    def broken(batch):
        raise ValueError("customer 1 is odd")

    client = client_of(transport, before_send=broken)
    with pytest.raises(DeliveryError) as raised:
        client.send(BATCH)

    assert str(raised.value) == "before_send raised ValueError; the batch was not sent"
    assert raised.value.reason == "filtered"
    assert isinstance(raised.value.__cause__, ValueError)
    assert transport.requests == []
    assert client.stats.hook_errors == 1
    assert "customer" not in caplog.text


@pytest.mark.parametrize("returned", [True, {}, "batch", 5])
def test_before_send_that_returns_no_batch_is_an_error_at_the_call(returned):
    client = client_of(before_send=lambda batch: returned)
    with pytest.raises(InvalidValue) as raised:
        client.send(BATCH)

    assert str(raised.value) == (
        f"before_send returned {type(returned).__name__}: want a Batch, or None to drop it; "
        "write return batch"
    )
    assert client.stats.submitted == 0


# Callbacks


def test_callbacks_are_called_once_for_each_batch():
    delivered, failed, settled = [], [], []
    answers = iter([202, 400, 202, 400, 400, 202, 202])
    client = client_of(
        FunctionTransport(lambda request: next(answers)),
        on_delivered=lambda batch, response: delivered.append((batch, response)),
        on_failed=lambda batch, error: failed.append((batch, error)),
    )
    client.send(BATCH, callback=settled.append)
    with pytest.raises(ApiError):
        client.send(BATCH, callback=settled.append)
    client.send(*numbered(3), callback=settled.append)

    assert len(delivered) == 4
    assert all(type(response) is Response for _, response in delivered)
    assert len(failed) == 1
    assert failed[0][1].batch is failed[0][0]
    assert failed[0][1].status_code == 400
    assert [delivery.state for delivery in settled] == ["delivered", "failed", "delivered"]
    assert adds_up(client)


def test_a_send_is_settled_when_its_callback_is_called():
    states = []
    client = client_of(on_delivered=lambda *_: states.append(client.stats.delivered))
    client.send(BATCH, callback=lambda delivery: states.append(delivery.wait(0)))

    assert states == [1, True]


@pytest.mark.parametrize("hook", ["on_delivered", "on_failed", "callback"])
def test_a_callback_that_raises_is_counted_and_logged_without_its_words(hook, caplog):
    hooks = {hook: boom} if hook != "callback" else {}
    client = client_of(RecordingTransport(*[400 if hook == "on_failed" else 202] * 3), **hooks)
    options = {"callback": boom} if hook == "callback" else {}
    for _ in range(3):
        if hook == "on_failed":
            with pytest.raises(ApiError):
                client.send(BATCH, **options)
        else:
            assert client.send(BATCH, **options).state == "delivered"

    assert client.stats.hook_errors == 3
    assert [record.getMessage() for record in caplog.records] == [
        "the callback boom raised ValueError; delivery goes on"
    ]
    assert adds_up(client)


def test_a_log_handler_that_raises_stops_nothing():
    def fail(record):
        raise ValueError("the disk is full")

    with calling(fail):
        client = client_of(on_delivered=boom)
        assert client.send(BATCH).state == "delivered"
        assert client.send(BATCH).state == "delivered"
    assert client.stats.hook_errors == 2


def test_a_send_from_a_callback_works():
    transport = RecordingTransport()

    def again(batch, response):
        if len(transport.requests) < 3:
            client.send(BATCH)

    client = client_of(transport, on_delivered=again)
    client.send(BATCH)

    assert len(transport.requests) == 3
    assert client.stats.delivered == 3


@pytest.mark.parametrize("dispatcher", [SyncDispatcher, ThreadedDispatcher])
@pytest.mark.parametrize(
    ("counted", "stats", "state"),
    [(False, (0, 0, 0, 0), "pending"), (True, (1, 0, 1, 0), "failed")],
    ids=["before it is counted", "when it is counted"],
)
def test_a_send_that_is_interrupted_is_reported_if_it_was_counted(
    dispatcher, counted, stats, state, monkeypatch
):
    reasons, deliveries = [], []
    client = client_of(
        RecordingTransport(),
        dispatcher=dispatcher(),
        on_failed=lambda batch, error: reasons.append(error.reason),
    )
    count = Acceptance.__call__

    def interrupting(accepted):
        monkeypatch.setattr(Acceptance, "__call__", count)
        if counted:
            count(accepted)
        raise KeyboardInterrupt

    monkeypatch.setattr(Acceptance, "__call__", interrupting)
    monkeypatch.setattr(
        client,
        "_begin",
        lambda batches, by, begin=client._begin: (
            deliveries.append(begin(batches, by)) or deliveries[0]
        ),
    )

    with pytest.raises(KeyboardInterrupt):
        client.send(BATCH)

    assert client.stats[:4] == stats
    assert len(reasons) == stats[2]
    assert deliveries[0][0].state == state
    assert client.flush(0) is True


# A hook that ends the program: by sys.exit, or by Ctrl-C within it


@pytest.mark.parametrize("leave", [SystemExit("lost a batch"), KeyboardInterrupt()])
def test_a_hook_that_leaves_settles_every_batch_first(leave):
    def bye(*_):
        raise leave

    delivered = Client(
        "k", "s", environment="development", transport=RecordingTransport(), on_delivered=bye
    )
    with pytest.raises(type(leave)):
        delivered.send(*[Batch.for_user(mpid=number) for number in range(1, 5)])
    refused = RecordingTransport(*[400] * 9)
    failed = Client("k", "s", environment="development", transport=refused, on_failed=bye)
    with pytest.raises(type(leave)):
        failed.send(*[Batch.for_user(mpid=number) for number in range(1, 5)])
    dropped = Client(
        "k", "s", environment="development", before_send=lambda batch: None, on_failed=bye
    )
    with pytest.raises(type(leave)):
        dropped.send(*[Batch.for_user(mpid=number) for number in range(1, 5)])

    assert (delivered.stats.delivered, delivered.stats.pending) == (4, 0)
    assert (failed.stats.failed, failed.stats.pending) == (4, 0)
    assert (dropped.stats.failed, dropped.stats.pending) == (4, 0)
    assert failed.close().left == 0


def test_hooks_that_exit_hold_up_no_flush_and_fail_no_other_batch():
    def judged(request):
        return 400 if b'"3"' in request.body or b'"5"' in request.body else 202

    def exits(batch, error):
        sys.exit(1)

    client = client_of(
        FunctionTransport(judged),
        dispatcher=ThreadedDispatcher(flush_interval=0.01),
        on_failed=exits,
        retry=Retry(),
    )
    client.send(*numbered(8))
    began = time.monotonic()

    assert client.flush(60) is True
    assert time.monotonic() - began < 30
    assert client.stats.delivered == 6
    assert client.stats.failed_by_reason == {"rejected": 2}
    client.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("leaves", [False, True])
@pytest.mark.parametrize("verb", ["send", "send_all"])
def test_what_is_left_when_a_hook_forks_is_the_parents(verb, leaves):
    forks, read, write = [], *os.pipe()

    def forking(batch, response):
        os.write(write, b"x")  # one for each call, in the parent and in the child
        if not forks:
            forks.append(None)
            forks[0] = os.fork()
            if leaves and not forks[0]:
                sys.exit(0)

    transport = FunctionTransport(lambda request: 202 if os.write(write, b"r") else 500)
    client, parent = client_of(transport, on_delivered=forking), os.getpid()
    try:
        if verb == "send":
            client.send(*numbered(250))
        else:
            client.send_all(numbered(250))
    finally:
        if os.getpid() != parent:
            os._exit(0)
    os.waitpid(forks[0], 0)

    assert client.stats.delivered == 250
    assert Counter(os.read(read, 10_000)) == {ord("x"): 250, ord("r"): 3}
    os.close(read)
    os.close(write)
