"""Background sending: gathering, bounds, policies, flush and close, in the test's own time."""

import asyncio
import pickle
import threading

import pytest
from internals import WorkItem
from scenarios import eventually
from stages import SOON, Stage, client_of, name_of, user, users

from mpfluent import (
    Client,
    Closed,
    ConfigurationError,
    FunctionTransport,
    QueueFull,
    RecordingTransport,
    Retry,
    ThreadedDispatcher,
)

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
        scheduler.queue.take(1, 10**9, WorkItem())

    scheduler.for_progress.wait = make_room
    assert stage.client.send(user("b")).state == "pending"


@pytest.mark.parametrize(("most", "lingers"), [(1100, [0.02]), (500, [])])
def test_who_waited_for_room_lets_a_tenth_of_the_queue_empty(most, lingers):
    stage = Stage(max_queue=most)
    scheduler, workers = stage.dispatcher._scheduler, stage.dispatcher._workers
    lingered = []

    def deliver_a_request(seconds):
        workers._deliver_next(wait=False)

    scheduler.for_progress.wait = deliver_a_request
    scheduler.for_space.wait = lingered.append
    stage.client.send(*users(most))

    stage.client.send(user("after"))

    assert lingered == lingers
    assert len(scheduler.queue.waiting) == most - 100 + 1


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
