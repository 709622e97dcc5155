"""A dispatcher of one's own, of public names only: batches that a broker takes are handed over."""

import asyncio
import enum
import json
import pickle
import queue
import threading
from unittest.mock import Mock

import pytest
import requests
from clients import BATCH, adds_up, client_of, numbered
from hypothesis import given
from hypothesis import strategies as st

from mpfluent import (
    Acceptance,
    Client,
    CloseReport,
    ConfigurationError,
    DeliveryError,
    Destination,
    Dispatcher,
    FunctionTransport,
    HandedOver,
    HandOverDispatcher,
    InvalidValue,
    Job,
    Notifier,
    QueueFull,
    RecordingTransport,
    Report,
    Response,
    SealedBatch,
    Sender,
    TransportError,
)
from mpfluent.rows import Rows
from mpfluent.testing import FrozenClock, SeededIds

SOON = 5.0


class Word(str, enum.Enum):  # noqa: UP042 - what callers have
    """A reason as an enum."""

    NO = "rejected"


class OwnDispatcher:
    """The protocol, and nothing else: it keeps jobs until they are settled by the test."""

    waits = False
    max_elapsed = 1.0

    def __init__(self):
        self.jobs: list[Job] = []
        self.opened = False

    def open(self, sender: Sender, notifier: Notifier, batch_class: type) -> None:
        self.sender, self.notifier, self.opened = sender, notifier, True

    def submit(self, jobs, accepted: Acceptance, *, patient: bool = False) -> None:
        accepted()
        self.jobs += jobs

    def settle(self, outcome) -> None:
        while self.jobs:
            job = self.jobs.pop(0)
            job.give_up(outcome)
            self.notifier.notify([job])

    def may_wait(self) -> bool:
        return True

    def send_now(self) -> None:
        pass

    def flush(self, timeout: float) -> None:
        self.settle(HandedOver("flushed"))

    def close(self, timeout: float) -> bool:
        self.flush(timeout)
        self.sender.close()
        return True

    def check_process(self) -> None:
        pass


class Broker:
    """Takes messages, until it has so many."""

    def __init__(self, most=1000):
        self.messages = queue.Queue(most)

    def put(self, job):
        self.messages.put_nowait(job.to_json())
        return HandedOver(f"message {self.messages.qsize()}")

    def taken(self):
        return [SealedBatch.from_json(self.messages.get()) for _ in range(self.messages.qsize())]


def web_of(broker, **options):
    return client_of(dispatcher=HandOverDispatcher(broker.put), **options)


# The protocol


def test_a_dispatcher_of_ones_own_settles_each_job():
    dispatcher: Dispatcher = OwnDispatcher()
    client = client_of(dispatcher=dispatcher)
    first, second, third = (client.send(batch) for batch in numbered(3))

    assert (first.state, client.stats.pending) == ("pending", 3)
    assert dispatcher.opened is True
    assert isinstance(dispatcher.sender.destination, Destination)
    for delivery, outcome, state in (
        (first, HandedOver("m-1"), "handed_over"),
        (second, Response(202), "delivered"),
        (third, DeliveryError("no", reason="expired"), "failed"),
    ):
        job = dispatcher.jobs.pop(0)
        job.give_up(outcome)
        dispatcher.notifier.notify([job])
        assert delivery.state == state
    stats = client.stats
    assert (stats.handed_over, stats.delivered, stats.failed, stats.pending) == (1, 1, 1, 0)
    assert adds_up(client)


def test_a_mock_of_a_response_is_an_answer():
    own = OwnDispatcher()
    client = client_of(dispatcher=own)
    delivery = client.send(BATCH)
    own.settle(Mock(spec=Response, status_code=202))

    assert (delivery.state, client.stats.delivered, client.stats.failed) == ("delivered", 1, 0)


@pytest.mark.parametrize("reason", ["a word of one's own", "delivered", "", Word.NO])
def test_an_error_is_a_failure_whatever_its_reason(reason):
    own = OwnDispatcher()
    client = client_of(dispatcher=own)
    delivery = client.send(BATCH)
    own.settle(DeliveryError("no", reason=reason))

    assert (delivery.state, client.stats.failed_by_reason) == ("failed", {reason: 1})
    assert (client.stats.delivered, client.stats.failed, client.stats.pending) == (0, 1, 0)


@pytest.mark.parametrize("reason", [None, 7, [], {}, str])
def test_a_reason_that_is_no_word_is_an_error_on_its_line(reason):
    with pytest.raises(InvalidValue) as raised:
        DeliveryError("no", reason=reason)

    assert str(raised.value) == (
        f"DeliveryError(reason={reason!r}): want a word of mpfluent.errors.REASONS; "
        "write reason='rejected'"
    )


@pytest.mark.parametrize("outcome", [None, requests.Response(), ValueError("no"), 202, Response])
def test_what_is_no_outcome_settles_nothing(outcome):
    own = OwnDispatcher()
    client = client_of(dispatcher=own)
    delivery = client.send(BATCH)
    (job,) = own.jobs
    with pytest.raises(InvalidValue) as raised:
        job.give_up(outcome)

    assert str(raised.value).startswith("give_up(")
    assert str(raised.value).endswith(
        "): want a Response, a HandedOver or a DeliveryError, got "
        f"{type(outcome).__name__}; write job.give_up(Response(202))"
    )
    assert (delivery.state, job.settled, client.stats.pending) == ("pending", False, 1)


@given(st.lists(st.sampled_from(["handed over", "delivered", "failed", "pending"]), max_size=12))
def test_the_law_of_the_counts_holds_at_every_moment(outcomes):
    dispatcher = OwnDispatcher()
    client = client_of(dispatcher=dispatcher)
    known = {
        "handed over": HandedOver(),
        "delivered": Response(202),
        "failed": DeliveryError(reason="closed"),
    }
    for outcome in outcomes:
        client.send(BATCH)
        if outcome != "pending":
            job = dispatcher.jobs.pop()
            job.give_up(known[outcome])
            dispatcher.notifier.notify([job])
        assert adds_up(client)
    stats = client.stats

    assert stats.handed_over == outcomes.count("handed over")
    assert stats.pending == outcomes.count("pending")
    assert client.flush() is True  # what was pending is handed over then
    assert client.stats.pending == 0


def test_a_dispatcher_that_asks_for_it_gets_the_client_when_it_is_open():
    class Asking(OwnDispatcher):
        def opened_by(self, client):
            self.found = client, self.opened

    dispatcher = Asking()
    client = client_of(dispatcher=dispatcher)

    assert dispatcher.found == (client, True)


def test_a_job_has_the_batch_as_it_was_sealed():
    dispatcher = OwnDispatcher()
    client_of(dispatcher=dispatcher, new_id=lambda: "an id").send(BATCH)
    (job,) = dispatcher.jobs

    assert (job.id, job.batch.source_request_id) == ("an id", "an id")
    assert SealedBatch.from_json(job.to_json()) == job.batch
    assert [part.id for part in job.parts] == ["an id"]


# What is handed over


def test_a_batch_that_is_handed_over_is_neither_pending_nor_delivered():
    seen, broker = [], Broker()
    hooks = {"on_delivered": lambda *_: seen.append("hook"), "on_failed": lambda *_: seen.append(1)}
    client = web_of(broker, **hooks)
    delivery = client.send(BATCH, callback=lambda done: seen.append(done.state))

    assert delivery.state == "handed_over"
    assert delivery.result() == HandedOver("message 1")
    assert delivery.result().message_id == "message 1"
    assert delivery.failures == ()
    assert seen == ["handed_over"]  # the callback of the call, and no hook
    stats = client.stats
    assert stats[:4] == (1, 0, 0, 0)
    assert stats.handed_over == 1
    assert client.flush() is True
    assert client.close() == CloseReport(delivered=0, failed=0, left=0)
    assert [batch.user_identities for batch in broker.taken()] == [BATCH.user_identities]


def test_awaiting_gives_what_was_handed_over():
    async def main():
        return await web_of(Broker()).send(BATCH)

    assert asyncio.run(main()) == HandedOver("message 1")


def test_a_delivery_of_several_batches_is_handed_over_if_none_failed():
    dispatcher = OwnDispatcher()
    for outcomes, state in (
        ([HandedOver("m"), Response(202)], "handed_over"),
        ([Response(202), HandedOver("m")], "handed_over"),
        ([HandedOver("m"), DeliveryError(reason="closed")], "failed"),
    ):
        delivery = client_of(dispatcher=dispatcher).send(*numbered(2))
        for outcome in outcomes:
            job = dispatcher.jobs.pop(0)
            job.give_up(outcome)
            dispatcher.notifier.notify([job])
        assert delivery.state == state
        if state != "failed":
            assert delivery.result() == HandedOver("m")


def test_what_is_handed_over_is_a_response_without_a_status():
    handed = HandedOver("5f0c")

    assert (handed.status_code, handed.json(), repr(handed)) == (0, None, "HandedOver('5f0c')")
    assert handed == HandedOver("5f0c") != HandedOver("5f0d")
    assert handed != Response(0)
    assert hash(handed) == hash(HandedOver("5f0c"))
    assert pickle.loads(pickle.dumps(handed)) == handed
    assert HandedOver().message_id is None


def test_a_report_counts_what_was_handed_over():
    broker = Broker(most=3)
    report = web_of(broker).send_all(numbered(5))

    assert (report.submitted, report.handed_over, report.failed) == (5, 3, 2)
    assert repr(report).startswith(
        "Report(submitted=5, delivered=0, failed=2, handed_over=3): 2 transport_error\n"
    )
    assert (report + report).handed_over == 6
    assert sum([report], Report()) == report


def test_a_table_counts_what_was_handed_over(tmp_path):
    def imported(row):
        return BATCH.with_identities(customer_id=row.text("id"))

    file = tmp_path / "table.csv"
    file.write_text("id\n0\n1\n2\n3\n", encoding="utf-8")
    table = (
        Rows.from_csv(file).map(imported).with_key("id", job="j").with_checkpoint(tmp_path / "at")
    )
    report = web_of(Broker()).send_all(table)

    assert (report.rows, report.handed_over, report.delivered, report.kept) == (4, 4, 0, 0)
    assert bool(report) is True
    assert "4 rows: 0 delivered, 4 handed over" in repr(report)
    assert json.loads((tmp_path / "at").read_text())["rows"] == 4


# Handing over


def test_what_a_worker_sends_is_what_the_client_would_have_sent():
    def bodies(transport):
        return [(request.url, request.body) for request in transport.requests]

    def client(**options):
        return Client("key", "secret", now=FrozenClock(), new_id=SeededIds(), **options)

    batches = [BATCH, BATCH.event("Large", {f"name {n}": "é" * 3_000 for n in range(20)})]
    large = batches[1]
    for _ in range(3):
        large = large.add(*batches[1].events)
    broker, direct, later = Broker(), RecordingTransport(), RecordingTransport()
    hand_over = HandOverDispatcher(broker.put)
    client(environment="production", transport=direct).send(BATCH, large)
    client(environment="production", dispatcher=hand_over).send(BATCH, large)
    client(environment="development", transport=later).send(*broker.taken())

    assert len(direct.batches) > 2
    assert bodies(later) == bodies(direct)


def test_a_broker_that_is_down_fails_send_with_what_it_said():
    def put(job):
        raise ConnectionRefusedError("broker.example.com: nobody there")

    failed = []
    client = client_of(
        dispatcher=HandOverDispatcher(put), on_failed=lambda batch, error: failed.append(error)
    )
    with pytest.raises(TransportError) as raised:
        client.send(BATCH)

    assert str(raised.value) == (
        "the batch was not handed over: ConnectionRefusedError: broker.example.com: nobody there"
    )
    assert (raised.value.reason, raised.value.temporary) == ("transport_error", True)
    assert isinstance(raised.value.__cause__, ConnectionRefusedError)
    assert [error.batch.user_identities for error in failed] == [BATCH.user_identities]
    assert adds_up(client)


def test_an_error_of_ours_that_the_function_raises_is_the_outcome():
    def put(job):
        raise QueueFull("the broker is full", reason="queue_full")

    report = client_of(dispatcher=HandOverDispatcher(put)).send_all(numbered(2))

    assert report.failed_by_reason == {"queue_full": 2}


def test_one_batch_that_is_not_handed_over_keeps_no_other_from_it():
    broker = Broker()

    def put(job):
        if job.batch.user_identities.customer_id == "1":
            raise ValueError
        return broker.put(job)

    client = client_of(dispatcher=HandOverDispatcher(put))
    with pytest.raises(TransportError):
        client.send(*numbered(3))

    assert [batch.user_identities.customer_id for batch in broker.taken()] == ["0", "2"]
    assert (client.stats.handed_over, client.stats.failed) == (2, 1)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_in_the_function_leaves_nothing_pending(kind):
    broker = Broker()

    def put(job):
        if broker.messages.qsize() == 1:
            raise kind
        return broker.put(job)

    client = client_of(dispatcher=HandOverDispatcher(put))
    with pytest.raises(kind):
        client.send(*numbered(3))

    assert (client.stats.handed_over, client.stats.failed, client.stats.pending) == (1, 2, 0)
    assert adds_up(client)
    assert client.flush() is True


def test_the_function_may_return_nothing():
    client = client_of(dispatcher=HandOverDispatcher(lambda job: None))

    assert client.send(BATCH).result() == HandedOver()


def test_the_function_returns_nothing_else():
    with pytest.raises(TransportError) as raised:
        client_of(dispatcher=HandOverDispatcher(lambda job: job.id), new_id=lambda: "x").send(BATCH)

    assert str(raised.value) == (
        "the function of HandOverDispatcher returned 'x': want a HandedOver, or None; "
        "write return HandedOver(job.id)"
    )


def test_what_is_no_function_is_refused():
    with pytest.raises(ConfigurationError) as raised:
        HandOverDispatcher(queue)

    assert str(raised.value).startswith("HandOverDispatcher(<module 'queue' from ")
    assert str(raised.value).endswith(
        ": want a function of a Job, got module; write HandOverDispatcher(hand_over)"
    )


def test_a_client_that_hands_over_makes_no_request():
    def never(request):
        raise AssertionError

    with client_of(FunctionTransport(never), dispatcher=HandOverDispatcher(Broker().put)) as client:
        client.send(BATCH)
        client.send_all(numbered(3))

    assert client.stats.handed_over == 4


def test_threads_share_a_client_that_hands_over():
    broker = Broker()
    with web_of(broker) as client:
        threads = [
            threading.Thread(target=lambda: [client.send(one) for one in numbered(20)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON)

    assert client.stats.handed_over == len(broker.taken()) == 80


def test_a_hook_may_flush_and_close_the_client_that_hands_over():
    def put(job):
        raise ValueError

    client = client_of(
        dispatcher=HandOverDispatcher(put), on_failed=lambda *_: (client.flush(), client.close())
    )
    with pytest.raises(TransportError):
        client.send(BATCH)

    assert repr(client._dispatcher) == "<HandOverDispatcher>"
    assert (client.stats.failed, client.stats.pending) == (1, 0)


def test_a_dispatcher_belongs_to_one_client():
    dispatcher = HandOverDispatcher(Broker().put)
    client_of(dispatcher=dispatcher)
    with pytest.raises(ConfigurationError) as raised:
        client_of(dispatcher=dispatcher)

    assert str(raised.value) == (
        "a dispatcher belongs to one client; write dispatcher=HandOverDispatcher(…) for each"
    )
