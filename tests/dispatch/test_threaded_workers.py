"""Deliveries, workers and coalescing of the threaded dispatcher."""

import asyncio
import contextlib
import gc
import threading
import weakref
from collections import Counter

import pytest
from internals import coalesce
from scenarios import eventually
from stages import SOON, Stage, client_of, name_of, user, users

from mpfluent import (
    ApiError,
    Batch,
    DeliveryError,
    FunctionTransport,
    QueueFull,
    RecordingTransport,
    Response,
    Retry,
    TransportError,
)

# Deliveries


def test_awaiting_a_send_does_not_hold_the_loop_up():
    leave = threading.Event()

    def slow(request):
        assert leave.wait(SOON)
        return 202

    async def main():
        client = client_of(FunctionTransport(slow))
        delivery = client.send(user())
        asyncio.get_running_loop().call_later(0.01, leave.set)
        response = await delivery
        await asyncio.to_thread(client.close)
        return response

    assert asyncio.run(main()) == Response(202)


def test_a_failure_is_in_the_delivery_the_hook_and_the_log(caplog):
    refusal = Response(400, {}, b'{"errors":[{"code":"BAD_REQUEST","message":"No."}]}')
    failed = []
    client = client_of(
        RecordingTransport(refusal), on_failed=lambda batch, error: failed.append(error)
    )
    delivery = client.send(user("person"))
    with pytest.raises(ApiError, match="No\\."):
        delivery.result(SOON)
    client.close()

    assert delivery.failures == (failed[0],)
    assert failed[0].batch.user_identities.customer_id == "person"
    assert caplog.messages == ["batch failed: rejected, 400 BAD_REQUEST"]


def test_many_failures_are_one_line_and_a_count_at_the_end(caplog):
    stage = Stage(max_queue=1, when_full="drop_newest")
    stage.client.send(*users(100))
    stage.client.close(0)

    assert caplog.messages == [
        "batch failed: queue_full",
        "batch failed: closed",
        "batch failed: queue_full (98 times)",
    ]


# Workers


def test_nothing_starts_before_the_first_send():
    before = set(threading.enumerate())
    client = client_of(RecordingTransport())
    assert set(threading.enumerate()) - before == set()

    client.send(user())
    started = set(threading.enumerate()) - before
    assert [thread.name for thread in started] == ["mpfluent-worker"]
    client.close()
    assert eventually(lambda: not started & set(threading.enumerate()))


def test_several_workers_send_at_once():
    together = threading.Barrier(3, timeout=SOON)

    def meet(request):
        together.wait()
        return 202

    client = client_of(FunctionTransport(meet), workers=3)
    for one in users(3):
        client.send(one)
        client._dispatcher._scheduler._most = 1, 1

    assert client.close(SOON) == (3, 0, 0)


def test_workers_that_wait_share_one_send_of_several_requests(monkeypatch):
    monkeypatch.setattr("mpfluent.dispatch.workers._IDLE", 60)  # none looks by itself
    together = threading.Barrier(2)

    def meet(request):
        together.wait(SOON)
        return Response(202)

    with client_of(FunctionTransport(meet), workers=2) as client:
        assert client.send(*users(200)).wait(SOON)  # starts both
        workers = client._dispatcher._workers
        assert eventually(lambda: not client._dispatcher._scheduler.in_hand())

        assert client.send(*users(200)).result(SOON).status_code == 202
        assert len(workers._threads) == 2


def test_a_worker_without_work_leaves_and_the_client_can_be_forgotten(monkeypatch):
    monkeypatch.setattr("mpfluent.dispatch.workers._IDLE", 0.01)
    client = client_of(RecordingTransport())
    client.send(user()).result(SOON)
    workers = client._dispatcher._workers
    assert eventually(lambda: not workers.any())

    client.send(user()).result(SOON)  # it starts again
    gone = weakref.ref(client)
    del client

    assert eventually(lambda: not workers.any())
    workers = None
    gc.collect()
    assert gone() is None


def test_without_threads_the_caller_sends(caplog):
    def no_thread(work):
        raise RuntimeError("can't start new thread")

    threads = []

    def record(request):
        threads.append(threading.current_thread())
        return 202

    client = client_of(FunctionTransport(record), start=no_thread)
    delivery = client.send(user())

    assert delivery.state == "delivered"
    assert threads == [threading.current_thread()]
    assert caplog.messages == ["no thread could be started; sending in the caller's thread"]
    client.close()


def test_a_send_that_is_interrupted_as_it_calls_a_worker_holds_up_none_after_it(monkeypatch):
    with client_of(RecordingTransport()) as client:
        workers = client._dispatcher._workers
        with monkeypatch.context() as patched:
            patched.setattr(workers, "call", interrupted)
            with pytest.raises(KeyboardInterrupt):
                client.send(user("a"))
        delivery = client.send(user("b"))

        assert delivery.wait(SOON)
        assert client.stats[:4] == (2, 2, 0, 0)


def interrupted():
    raise KeyboardInterrupt


def test_a_thread_that_can_be_had_later_is_had_later():
    fails = [True]

    def start(work):
        if fails.pop() if fails else False:
            raise RuntimeError("can't start new thread")
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    threads = []
    client = client_of(
        FunctionTransport(lambda request: threads.append(threading.current_thread()) or 202),
        start=start,
    )
    client.send(user())
    client.send(user())
    client.close(SOON)

    assert threads[0] is threading.current_thread()
    assert threads[1] is not threading.current_thread()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_a_worker_that_is_stopped_is_replaced_and_loses_nothing(error, caplog):
    errors = [error]

    def fragile(request):
        if errors:
            raise errors.pop()
        return 202

    client = client_of(FunctionTransport(fragile))
    delivery = client.send(user("a"), user("b"))

    assert delivery.result(SOON).status_code == 202
    assert client.close(SOON) == (2, 0, 0)
    assert caplog.messages == [f"a worker was stopped by {type(error).__name__}"]


def test_a_batch_that_stops_two_workers_fails():
    def fragile(request):
        if b"spoilt" in request.body:
            raise SystemExit
        return 202

    client = client_of(FunctionTransport(fragile), flush_interval=0)
    delivery = client.send(user("spoilt"))
    with pytest.raises(TransportError) as raised:
        delivery.result(SOON)

    assert str(raised.value) == "sending was broken off by SystemExit, twice"
    assert raised.value.reason == "transport_error"
    assert client.send(user("x")).result(SOON) == Response(202)
    client.close()


def test_a_batch_in_two_parts_with_an_id_of_its_own_stays_whole_where_a_worker_is_stopped():
    stops, requests = [SystemExit()], []

    def fragile(request):
        requests.append(request.batch_ids)
        if stops:
            raise stops.pop()
        return 202

    large = user().with_source_request_id("mine")
    for number in range(300):
        large = large.event(f"{number}", {"words": "x" * 500})
    client = client_of(FunctionTransport(fragile), flush_interval=0)

    assert client.send(large).result(SOON) == Response(202)
    assert client.close(SOON) == (1, 0, 0)
    assert requests == [("mine-1", "mine-2")] * 2


def test_a_hook_that_exits_stops_no_delivery():
    def leave(batch, response):
        raise SystemExit

    client = client_of(RecordingTransport(), on_delivered=leave)
    client.send(*users(3))
    client.send(*users(3))

    assert client.close(SOON) == (6, 0, 0)


def test_a_broken_retry_policy_settles_every_batch():
    class Broken(Retry):
        def decide(self, *args, **options):
            raise ZeroDivisionError

    client = client_of(RecordingTransport(), retry=Broken())
    delivery = client.send(*users(2))
    delivery.wait(SOON)
    client.close(SOON)

    assert Counter(type(error) for error in delivery.failures) == {TransportError: 2}
    assert client.stats.failed_by_reason == {"transport_error": 2}


# Coalescing, from end to end


def names(body):
    return [event["data"]["event_name"] for event in body["events"]]


def test_equal_contexts_travel_as_one_batch_and_settle_together():
    stage = Stage(coalesce=True)
    deliveries = [
        stage.client.send(Batch.for_user(customer_id=who).event(name))
        for who, name in (("a", "1"), ("b", "2"), ("a", "3"))
    ]
    stage.time.now += 1
    stage.work()

    (request,) = stage.transport.requests
    assert [names(body) for body in request.json()] == [["1", "3"], ["2"]]
    assert [delivery.state for delivery in deliveries] == ["delivered"] * 3
    assert stage.client.stats[:2] == (3, 3)


def test_a_batch_that_before_send_gave_an_id_keeps_it():
    ids = iter(("order-1", None, "order-2"))
    stage = Stage(
        coalesce=True, before_send=lambda batch: batch.with_source_request_id(next(ids, None))
    )
    for name in ("1", "2", "3", "4"):
        stage.client.send(Batch.for_user(customer_id="a").event(name))
    stage.time.now += 1
    stage.work()

    (request,) = stage.transport.requests
    bodies = request.json()
    assert [names(body) for body in bodies] == [["1"], ["2"], ["3"], ["4"]]
    assert [bodies[0]["source_request_id"], bodies[2]["source_request_id"]] == [
        "order-1",
        "order-2",
    ]


def test_a_coalesced_batch_has_the_id_of_its_first_member_and_keeps_it():
    stage = Stage(RecordingTransport(503, 202), coalesce=True)
    stage.client.send(user("a"), user("a"))
    stage.time.now += 1
    stage.work()

    first, second = stage.transport.requests
    assert first.body == second.body
    assert first.batch_ids == second.batch_ids
    assert len(first.json()["events"]) == 2
    assert first.url.endswith("/v2/events")


@pytest.mark.parametrize("status", [400, 413])
def test_a_refused_coalesced_batch_is_taken_apart(status):
    def picky(request):
        return status if b"spoilt" in request.body else 202

    stage = Stage(FunctionTransport(picky), coalesce=True)
    deliveries = [
        stage.client.send(Batch.for_user(customer_id="a").event(name))
        for name in ("good", "spoilt", "fine")
    ]
    stage.time.now += 1
    stage.work()

    assert [delivery.state for delivery in deliveries] == ["delivered", "failed", "delivered"]
    assert deliveries[1].failures[0].batch.events[0].event_name == "spoilt"


def test_a_batch_whose_caller_chose_its_id_is_not_coalesced():
    stage = Stage(coalesce=True)
    order = user("a").with_source_request_id("order-7")
    stage.client.send(order, order, user("a"))
    stage.time.now += 1
    stage.work()

    (request,) = stage.transport.requests
    assert [len(body["events"]) for body in request.json()] == [1, 1, 1]
    assert request.batch_ids[:2] == ("order-7", "order-7")


def test_a_coalesced_batch_that_is_broken_off_is_sent_again_as_it_was():
    bodies = []

    def fragile(request):
        bodies.append(request.body)
        if len(bodies) == 1:
            raise SystemExit
        return 202

    stage = Stage(FunctionTransport(fragile), coalesce=True)
    stage.client.send(user("a"))
    stage.client.send(user("a"))
    stage.time.now += 1
    with pytest.raises(SystemExit):
        stage.work()
    stage.client.send(user("a"))  # which must not join under the same id
    stage.time.now += 1
    stage.work()

    assert bodies[0] == bodies[1]
    assert len(bodies) == 3
    assert stage.client.stats[:2] == (3, 3)


def test_what_finds_no_room_in_a_request_travels_in_the_next_in_order():
    stage = Stage(coalesce=True)
    for number in range(250):
        stage.client.send(user(number % 125))
    stage.time.now += 1
    stage.work()

    sent = stage.requests()
    assert [len(request) for request in sent] == [100, 25]
    assert sorted(map(int, sent[0] + sent[1])) == list(range(125))
    assert stage.client.stats[:2] == (250, 250)


def test_with_coalescing_batches_gather_though_more_wait_than_fit_a_request():
    stage = Stage(coalesce=True, flush_interval=0.5)
    for number in range(600):
        stage.client.send(user(number % 200))
    stage.time.now += 0.4
    stage.work()
    assert stage.requests() == []

    stage.time.now += 0.1  # since the first one came
    stage.work()

    everybody = [str(number) for number in range(200)]
    assert stage.requests() == [everybody[:100], everybody[100:]]
    assert [len(body["events"]) for body in stage.transport.requests[0].json()] == [3] * 100


def test_a_full_window_leaves_at_once_and_what_is_over_waits_its_own_time():
    stage = Stage(coalesce=True, flush_interval=0.5)
    stage.client.send(*[user("a")] * 4_000)
    stage.time.now += 0.3
    stage.client.send(*[user("b")] * 100)
    stage.work()
    assert stage.client.stats.delivered == 4_096

    stage.time.now += 0.4
    stage.work()
    assert stage.client.stats.delivered == 4_096

    stage.time.now += 0.1
    stage.work()
    assert stage.client.stats.delivered == 4_100


def test_a_window_is_full_by_bytes_too(monkeypatch):
    monkeypatch.setattr("mpfluent.dispatch.scheduler.WINDOW_BYTES", 1_000)
    stage = Stage(coalesce=True)
    stage.client.send(*users(2))
    stage.work()
    assert stage.requests() == []

    stage.client.send(*users(2))
    stage.work()
    assert stage.client.stats[:2] == (4, 3)


@pytest.mark.parametrize(
    ("bounds", "enough"),
    [
        ({"max_queue": 1}, 1),
        ({"max_queue": 3}, 2),
        ({"max_queue": 100}, 50),
        ({"max_queue_bytes": 3_000}, 5),
    ],
)
def test_with_coalescing_half_a_small_queue_is_enough(bounds, enough):
    stage = Stage(coalesce=True, when_full="raise", **bounds)
    counts = []
    for _ in range(enough):
        stage.work()
        counts.append(stage.client.stats.delivered)
        stage.client.send(user("a"))
    stage.work()

    assert counts == [0] * enough
    assert stage.client.stats.delivered == enough


def test_with_coalescing_the_worker_wakes_when_half_a_small_queue_waits():
    client = client_of(RecordingTransport(), coalesce=True, max_queue=100, flush_interval=60)
    deliveries = [client.send(one) for one in users(50)]

    assert deliveries[-1].wait(SOON)
    client.close(SOON)


@pytest.mark.parametrize("coalesce", [False, True])
@pytest.mark.parametrize("when_full", ["block", "drop_newest", "drop_oldest", "raise"])
def test_what_waits_leaves_at_once_when_something_finds_no_room(when_full, coalesce):
    stage = Stage(max_queue=10, when_full=when_full, coalesce=coalesce, block_timeout=0)
    stage.client.send(*users(4))
    stage.work()
    assert stage.requests() == []

    with contextlib.suppress(QueueFull):
        stage.client.send(*users(11))
    stage.work()

    assert stage.client.stats.pending == 0
    assert len(stage.requests()) == 1

    stage.client.send(user())  # the next one gathers again
    stage.work()
    assert stage.client.stats.pending == 1


def test_the_worker_wakes_when_something_finds_no_room():
    client = client_of(
        RecordingTransport(), max_queue=10, when_full="raise", coalesce=True, flush_interval=60
    )
    waits = client.send(*users(4))
    with pytest.raises(QueueFull):
        client.send(*users(7))

    assert waits.wait(SOON)
    client.close(SOON)


@pytest.mark.parametrize("leave", ["flush", "close"])
def test_several_workers_share_what_was_gathered(leave, monkeypatch):
    def slowly(jobs):  # so that the others look in vain meanwhile
        left.append(eventually(lambda: len(client._dispatcher._workers._threads) < 3, 0.1))
        return coalesce(jobs)

    left = []
    monkeypatch.setattr("mpfluent.dispatch.workers.coalesce", slowly)
    together = threading.Barrier(3, timeout=SOON)

    def meet(request):
        together.wait()
        return 202

    client = client_of(FunctionTransport(meet), workers=3, coalesce=True, flush_interval=60)
    for one in users(300):
        client.send(one)
    getattr(client, leave)(SOON)

    assert client.close(SOON) == (300, 0, 0)
    assert left == [False]


def test_the_rest_of_what_was_gathered_does_not_overtake_a_request_that_is_broken_off():
    order = []

    def fragile(request):
        order.append(request.json()[0]["user_identities"]["customer_id"])
        if len(order) == 1:
            raise SystemExit
        return 202

    stage = Stage(FunctionTransport(fragile), coalesce=True)
    stage.client.send(*users(250))
    stage.time.now += 1
    with pytest.raises(SystemExit):
        stage.work()
    stage.work()

    assert order == ["0", "0", "100", "200"]
    assert stage.client.stats[:2] == (250, 250)


def test_joining_that_is_broken_off_loses_nothing(monkeypatch):
    def broken(jobs):
        monkeypatch.undo()
        raise SystemExit

    monkeypatch.setattr("mpfluent.dispatch.workers.coalesce", broken)
    stage = Stage(coalesce=True)
    stage.client.send(*[user("a")] * 3)
    stage.time.now += 1
    with pytest.raises(SystemExit):
        stage.work()
    stage.work()

    assert stage.requests() == [["a", "a", "a"]]  # each by itself, as it was in hand
    assert stage.client.stats[:2] == (3, 3)


def test_what_finds_no_room_in_an_empty_queue_hurries_nobody():
    stage = Stage(max_queue=10, when_full="raise")
    with pytest.raises(QueueFull):
        stage.client.send(*users(11))
    stage.client.send(user())
    stage.work()

    assert stage.client.stats.pending == 1


def test_what_is_in_hand_is_listed_once_and_before_what_waits():
    listed = []

    def answer(request):
        if not listed:
            stage.client.send(user("last"))
            listed.extend(name_of(one.batch) for one in stage.dispatcher._scheduler.jobs())
        return 202

    stage = Stage(FunctionTransport(answer), coalesce=True)
    stage.client.send(*users(250))
    stage.time.now += 1
    stage.work()

    assert listed == [*map(str, range(250)), "last"]


def test_close_settles_what_was_gathered_and_has_not_left():
    stage = Stage(coalesce=True)
    stage.client.send(*users(250))
    stage.time.now += 1
    stage.dispatcher._workers._deliver_next(wait=False)

    assert stage.client.close(0) == (100, 150, 0)
    assert stage.told == [(str(number), "closed") for number in range(100, 250)]


def test_nothing_is_sent_where_all_that_was_gathered_is_settled():
    stage = Stage(coalesce=True)
    stage.client.send(*users(2))
    stage.dispatcher._settlement.give_up(
        list(stage.dispatcher._scheduler.queue.waiting), DeliveryError("x")
    )
    stage.time.now += 1
    stage.work()

    assert stage.requests() == []


def test_an_error_says_no_more_than_it_knows():
    stage = Stage(max_queue=1, when_full="drop_newest")
    stage.client.send(user("a"))
    delivery = stage.client.send(user("b"))

    with pytest.raises(DeliveryError) as raised:
        delivery.result()
    assert raised.value.status_code is None
