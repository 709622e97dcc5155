"""Background sending: gathering, bounds, policies, flush and close, in the test's own time."""

import asyncio
import contextlib
import gc
import pickle
import threading
import weakref
from collections import Counter

import pytest
from scenarios import eventually
from stages import SOON, Stage, client_of, name_of, user, users

from mpfluent import (
    ApiError,
    Batch,
    Client,
    Closed,
    ConfigurationError,
    DeliveryError,
    FunctionTransport,
    QueueFull,
    RecordingTransport,
    Response,
    Retry,
    ThreadedDispatcher,
    TransportError,
)
from mpfluent.dispatch.coalescing import coalesce

# Arguments


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"workers": 0}, "ThreadedDispatcher(workers=0): want 1 or more; write workers=1"),
        ({"workers": True}, "ThreadedDispatcher(workers=True): want 1 or more; write workers=1"),
        (
            {"max_queue": 1.5},
            "ThreadedDispatcher(max_queue=1.5): want 1 or more; write max_queue=10_000",
        ),
        (
            {"max_queue_bytes": -1},
            "ThreadedDispatcher(max_queue_bytes=-1): want 1 or more; "
            "write max_queue_bytes=64 * 2**20",
        ),
        (
            {"block_timeout": -1},
            "ThreadedDispatcher(block_timeout=-1): want seconds, 0 or more; "
            "write block_timeout=1.0",
        ),
        (
            {"flush_interval": float("nan")},
            "ThreadedDispatcher(flush_interval=nan): want seconds, 0 or more; "
            "write flush_interval=0.5",
        ),
        (
            {"exit_timeout": "2"},
            "ThreadedDispatcher(exit_timeout='2'): want seconds, 0 or more; write exit_timeout=2.0",
        ),
        (
            {"when_full": "drop"},
            "ThreadedDispatcher(when_full='drop'): want one of block, drop_newest, drop_oldest, "
            "raise; write when_full='block'",
        ),
        (
            {"coalesce": 1},
            "ThreadedDispatcher(coalesce=1): want True or False; write coalesce=True",
        ),
        (
            {"outbox": "outbox.db"},
            "ThreadedDispatcher(outbox='outbox.db'): want an Outbox; "
            "write outbox=Outbox('outbox.db')",
        ),
        (
            {"flush_intervall": 1},
            "ThreadedDispatcher() has no option 'flush_intervall'; did you mean 'flush_interval'?",
        ),
    ],
)
def test_arguments_are_checked(options, text):
    with pytest.raises(ConfigurationError) as raised:
        ThreadedDispatcher(**options)

    assert str(raised.value) == text


def test_a_dispatcher_belongs_to_one_client():
    dispatcher = ThreadedDispatcher()
    Client("key", "secret", dispatcher=dispatcher)
    with pytest.raises(ConfigurationError) as raised:
        Client("key", "secret", dispatcher=dispatcher)

    assert str(raised.value) == (
        "a dispatcher belongs to one client; write dispatcher=ThreadedDispatcher() for each"
    )


def test_a_dispatcher_is_not_pickled():
    with pytest.raises(ConfigurationError, match="make one in each process"):
        pickle.dumps(ThreadedDispatcher())


# Gathering


def test_send_returns_at_once_and_the_outcome_follows():
    stage = Stage()
    delivery = stage.client.send(user())

    assert (delivery.state, stage.client.stats.pending) == ("pending", 1)
    assert stage.requests() == []

    stage.time.now += 1
    stage.work()

    assert (delivery.state, delivery.result().status_code) == ("delivered", 202)
    assert stage.client.stats[:4] == (1, 1, 0, 0)


def test_batches_wait_for_each_other_as_long_as_flush_interval():
    stage = Stage(flush_interval=0.5)
    stage.client.send(user("a"))
    stage.time.now += 0.4
    stage.client.send(user("b"))
    stage.work()
    assert stage.requests() == []

    stage.time.now += 0.1  # since the first one came
    stage.work()

    assert stage.requests() == [["a", "b"]]


def test_a_full_request_leaves_at_once():
    stage = Stage()
    for one in users(101):
        stage.client.send(one)
    stage.work()

    assert [len(request) for request in stage.requests()] == [100]


def test_what_waits_leaves_in_order_in_as_few_requests_as_it_fits():
    stage = Stage()
    stage.client.send(*users(250))
    stage.time.now += 1
    stage.work()

    assert [len(request) for request in stage.requests()] == [100, 100, 50]
    assert [name for request in stage.requests() for name in request] == [
        str(number) for number in range(250)
    ]


def test_a_batch_that_is_tried_again_is_not_overtaken():
    answers = iter([503, 503])
    order = []

    def answer(request):
        order.append(request.json()["user_identities"]["customer_id"])
        return next(answers, 202)

    stage = Stage(FunctionTransport(answer), flush_interval=0)
    for name in ("a", "b"):
        stage.client.send(user(name))
        stage.time.now += 1
    stage.dispatcher._scheduler._most = 1, 1
    stage.work()

    assert order == ["a", "a", "a", "b"]
    assert stage.client.stats.retries == 2


def test_a_batch_in_parts_is_one_batch():
    large = user()
    for number in range(60):
        large = large.event(f"{number}", {"text": "x" * 4_000})
    stage = Stage()
    delivery = stage.client.send(large)
    stage.time.now += 1
    stage.work()

    assert stage.client.stats[:2] == (1, 1)
    assert delivery.state == "delivered"
    assert sum(len(batch.events) for batch in stage.transport.batches) == 61


# No room


def test_drop_newest_fails_what_finds_no_room():
    stage = Stage(max_queue=2, when_full="drop_newest")
    deliveries = [stage.client.send(one) for one in users(4)]

    assert [delivery.state for delivery in deliveries] == ["pending"] * 2 + ["failed"] * 2
    assert stage.told == [("2", "queue_full"), ("3", "queue_full")]
    assert stage.client.stats.failed_by_reason == {"queue_full": 2}
    assert str(deliveries[2].failures[0]) == "the queue is full"

    stage.time.now += 1
    stage.work()
    assert stage.client.stats[:4] == (4, 2, 2, 0)


def test_drop_oldest_fails_what_waited_longest():
    stage = Stage(max_queue=2, when_full="drop_oldest")
    deliveries = [stage.client.send(one) for one in users(4)]

    assert [delivery.state for delivery in deliveries] == ["failed"] * 2 + ["pending"] * 2
    assert stage.told == [("0", "dropped_oldest"), ("1", "dropped_oldest")]
    assert str(deliveries[0].failures[0]) == "newer batches took its place in the full queue"


def test_raise_accepts_none_of_the_calls_batches():
    stage = Stage(max_queue=2, when_full="raise", before_send=lambda batch: batch)
    stage.client.send(user("a"))
    called = []
    with pytest.raises(QueueFull) as raised:
        stage.client.send(user("b"), user("c"), callback=called.append)

    assert str(raised.value) == (
        "the queue has no room for 2 more, and none was accepted; send fewer at a time or later, "
        "or write ThreadedDispatcher(when_full='block')"
    )
    assert raised.value.reason == "queue_full"
    assert stage.client.stats[:4] == (1, 0, 0, 1)
    assert (stage.told, called) == ([], [])

    stage.client.send(user("d"))
    assert stage.client.stats.submitted == 2


def test_raise_does_not_tell_of_what_before_send_dropped_beside():
    stage = Stage(
        max_queue=1,
        when_full="raise",
        before_send=lambda batch: None if name_of(batch) == "dropped" else batch,
    )
    stage.client.send(user("a"))
    with pytest.raises(QueueFull):
        stage.client.send(user("dropped"), user("b"))

    assert stage.told == []
    assert stage.client.stats.submitted == 1


def test_block_waits_for_room_and_then_fails():
    stage = Stage(max_queue=1, block_timeout=0.05)
    stage.client.send(user("a"))
    waited = []
    calm = stage.dispatcher._scheduler.for_progress
    calm.wait = lambda seconds: waited.append(seconds) or stage.time.sleep(seconds)
    delivery = stage.client.send(user("b"))

    assert delivery.state == "failed"
    assert waited == pytest.approx([0.05])
    assert stage.told == [("b", "queue_full")]


def test_block_goes_on_as_soon_as_there_is_room():
    stage = Stage(max_queue=1, block_timeout=60)
    stage.client.send(user("a"))
    scheduler = stage.dispatcher._scheduler

    def make_room(seconds):
        scheduler.queue.take(1, 10**9)

    scheduler.for_progress.wait = make_room
    assert stage.client.send(user("b")).state == "pending"


@pytest.mark.parametrize(("most", "lingers"), [(1100, [0.02]), (500, [])])
def test_who_waited_for_room_lets_a_tenth_of_the_queue_empty(most, lingers):
    stage = Stage(max_queue=most)
    scheduler, workers = stage.dispatcher._scheduler, stage.dispatcher._workers
    lingered = []

    def deliver_a_request(seconds):
        with workers._delivering():
            workers._deliver_item(workers._next(wait=False), 600)

    scheduler.for_progress.wait = deliver_a_request
    scheduler.for_space.wait = lingered.append
    stage.client.send(*users(most))

    stage.client.send(user("after"))

    assert lingered == lingers
    assert len(scheduler.queue) == most - 100 + 1


def test_the_queue_is_bounded_by_bytes_too():
    one = user("a" * 200)
    stage = Stage(max_queue_bytes=1_700, when_full="drop_newest")
    states = [stage.client.send(one).state for _ in range(5)]

    assert states == ["pending"] * 3 + ["failed"] * 2
    assert stage.dispatcher._scheduler.queue.size <= 1_700


def test_a_batch_larger_than_the_bound_is_sent_by_itself():
    stage = Stage(max_queue_bytes=10, when_full="drop_newest")

    assert stage.client.send(user()).state == "pending"
    assert stage.client.send(user()).state == "failed"


def test_what_is_on_its_way_does_not_count_as_waiting():
    entered, leave = threading.Event(), threading.Event()

    def slow(request):
        entered.set()
        assert leave.wait(SOON)
        return 202

    client = client_of(FunctionTransport(slow), max_queue=1, when_full="drop_newest")
    first = client.send(user("a"))
    assert entered.wait(SOON)
    waits, dropped = client.send(user("b")), client.send(user("c"))
    leave.set()
    client.close(SOON)

    assert [one.state for one in (first, waits, dropped)] == ["delivered", "delivered", "failed"]


def test_on_an_event_loop_send_never_waits_for_room():
    stage = Stage(max_queue=1, block_timeout=60)
    stage.dispatcher._scheduler.for_progress.wait = lambda seconds: pytest.fail("it waits")

    async def main():
        return [stage.client.send(one).state for one in users(2)]

    assert asyncio.run(main()) == ["pending", "failed"]
    assert stage.told == [("1", "queue_full")]


def test_in_a_callback_send_never_waits_for_room():
    states = []
    client = None

    def again(batch, response):
        if name_of(batch) == "0":
            states.extend(client.send(user(f"again {n}")).state for n in range(2))

    client = client_of(RecordingTransport(), max_queue=1, block_timeout=60, on_delivered=again)
    client.send(user("0")).result(SOON)
    client.close(SOON)

    assert states == ["pending", "failed"]


def test_send_all_waits_for_room_whatever_the_policy():
    transport = RecordingTransport()
    client = client_of(transport, max_queue=10, when_full="drop_newest")
    report = client.send_all(users(1_000))
    client.close(SOON)

    assert (report.submitted, report.failed) == (1_000, 0)
    assert client.stats.delivered == 1_000


def test_who_waits_for_room_waits_no_longer_than_block_timeout():
    stage = Stage(max_queue=1, block_timeout=1)
    stage.client.send(user("a"))
    scheduler, waits = stage.dispatcher._scheduler, []

    def wait(seconds):
        waits.append(seconds)
        stage.time.now += 0.995  # then something left, and something else came

    def linger(seconds):
        waits.append(seconds)
        stage.time.now += seconds

    scheduler.for_progress.wait, scheduler.for_space.wait = wait, linger
    stage.client.send(user("b"))

    assert waits == pytest.approx([1, 0.005])
    assert stage.told == [("b", "queue_full")]


def test_an_interrupted_wait_for_room_leaves_nothing_pending():
    stage = Stage(max_queue=1, block_timeout=60)
    stage.client.send(user("a"))

    def interrupt(seconds):
        raise KeyboardInterrupt

    stage.dispatcher._scheduler.for_progress.wait = interrupt
    with pytest.raises(KeyboardInterrupt):
        stage.client.send(user("b"), user("c"))

    assert stage.told == [("b", "closed"), ("c", "closed")]
    assert stage.client.stats[:4] == (3, 0, 2, 1)


# Flush and close


def test_flush_sends_what_gathers_and_says_whether_all_arrived():
    client = client_of(RecordingTransport(), flush_interval=60)
    deliveries = [client.send(one) for one in users(3)]

    assert client.flush(SOON) is True
    assert [delivery.state for delivery in deliveries] == ["delivered"] * 3
    client.close()


def test_flush_says_no_while_anything_is_undelivered():
    leave = threading.Event()
    client = client_of(FunctionTransport(lambda request: leave.wait(SOON) and 202))
    client.send(user())

    assert client.flush(0.05) is False
    assert client.stats.pending == 1
    leave.set()
    assert client.flush(SOON) is True
    client.close()


def test_flush_of_nothing_starts_nothing():
    client = client_of(RecordingTransport())
    before = set(threading.enumerate())

    assert client.flush() is True
    assert set(threading.enumerate()) - before == set()


def test_flush_in_a_callback_returns_at_once():
    said = []
    client = client_of(
        RecordingTransport(), on_delivered=lambda batch, response: said.append(client.flush(60))
    )
    client.send(user("a"), user("b"))
    client.close(SOON)

    assert said == [False, True]  # in the last one's callback, all had arrived


def test_a_delivery_is_not_waited_for_in_a_callback():
    said = []

    def look(batch, response):
        if name_of(batch) == "a":
            later = client.send(user("b"))
            said.append(later.wait(60))
            with pytest.raises(TimeoutError) as raised:
                later.result()
            said.append(str(raised.value))

    client = client_of(RecordingTransport(), on_delivered=look)
    client.send(user("a")).result(SOON)
    client.close(SOON)

    assert said == [False, "still pending; a callback cannot wait for what comes after it"]
    assert client.stats.delivered == 2


def test_close_fails_what_is_left_and_reports_the_same_again():
    stage = Stage()
    deliveries = [stage.client.send(one) for one in users(3)]
    report = stage.client.close(0)

    assert report == (0, 3, 0)
    assert stage.client.close() is report
    assert [delivery.failures[0].reason for delivery in deliveries] == ["closed"] * 3
    assert str(deliveries[0].failures[0]) == (
        "the client was closed before the batch was delivered"
    )


def test_close_delivers_what_waits():
    client = client_of(RecordingTransport(), flush_interval=60)
    client.send(*users(3))

    assert client.close() == (3, 0, 0)


def test_close_ends_the_waits_between_attempts():
    client = client_of(
        FunctionTransport(lambda request: 503), retry=Retry(base=60, random=lambda: 1)
    )
    delivery = client.send(user())
    assert eventually(lambda: client._dispatcher._scheduler.in_hand())

    assert client.close(0.05) == (0, 1, 0)
    assert delivery.failures[0].reason == "closed"


def test_a_callback_that_closes_lets_the_rest_be_delivered():
    reports = []
    transport = RecordingTransport()
    client = client_of(
        transport,
        flush_interval=60,
        on_delivered=lambda batch, response: reports.append(client.close(SOON)),
    )
    client.send(*users(150))
    client.flush(0)

    assert eventually(lambda: client.stats.delivered == 150)
    assert eventually(lambda: not client._dispatcher._workers.any())
    assert reports[0].left > 0
    assert client.close() == (150, 0, 0)


def test_nothing_is_accepted_after_close():
    client = client_of(RecordingTransport())
    client.close()
    with pytest.raises(Closed) as raised:
        client.send(user())

    assert str(raised.value) == "the client is closed; write Client(…) for a new one"


@pytest.mark.parametrize("time", range(10))
def test_a_send_that_races_with_close_is_delivered_or_told(time):
    failed, refused = [], []
    client = client_of(
        RecordingTransport(), on_failed=lambda batch, error: failed.append(error.reason)
    )

    def send():
        for one in users(50):
            try:
                client.send(one)
            except Closed:
                refused.append(one)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    client.close(SOON)
    for thread in threads:
        thread.join(SOON)
    stats = client.stats

    assert stats.submitted + len(refused) == 200
    assert stats.submitted == stats.delivered + stats.failed
    assert stats.failed == len(failed)
    assert set(failed) <= {"closed"}


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
    workers = stage.dispatcher._workers
    workers._deliver_item(workers._next(wait=False), 600)

    assert stage.client.close(0) == (100, 150, 0)
    assert stage.told == [(str(number), "closed") for number in range(100, 250)]


def test_nothing_is_sent_where_all_that_was_gathered_is_settled():
    stage = Stage(coalesce=True)
    stage.client.send(*users(2))
    stage.dispatcher._settlement.give_up(
        list(stage.dispatcher._scheduler.queue), DeliveryError("x")
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
