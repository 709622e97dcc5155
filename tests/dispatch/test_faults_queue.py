"""The queue under load: full, large, in order, and beside hooks that raise or never return.

The numbers are those of the scenarios of faults; each is run against a server of its own.
"""

import threading
from collections import Counter
from functools import partial
from types import SimpleNamespace

import pytest
from fault_server import FakeTime
from log_records import calling
from queues import PROMPT, SOON, held, numbers, size_of, work
from scenarios import PERSON, SECRET, WORDS, Scenario, batch, batches, eventually, scenario
from sizes import sized

from mpfluent import (
    Batch,
    Client,
    DeliveryError,
    InvalidValue,
    QueueFull,
    RecordingTransport,
    Retry,
    ThreadedDispatcher,
    TooLarge,
)
from mpfluent.testing import reset_after_read, reset_before_read, status


def arrived(server):
    """Return the numbers of the batches that the server took, in order."""
    return [int(one.user_identities.customer_id.rpartition("-")[2]) for one in server.batches]


# 42: a full queue

SIZE = size_of(batch(1))
BOUNDS = [
    ({"max_queue": 3}, 3),
    ({"max_queue_bytes": 3 * SIZE}, 3),
    ({"max_queue_bytes": 3 * SIZE - 1}, 2),
]


@pytest.mark.parametrize(("bounds", "room"), BOUNDS)
def test_drop_newest_fails_exactly_what_finds_no_room(bounds, room):  # 42
    with held(when_full="drop_newest", **bounds) as one:
        for number in range(1, 9):
            one.timed(partial(one.send, batch(number)), PROMPT)

        assert one.states == ["pending"] * (1 + room) + ["failed"] * (8 - room)
        assert one.reasons == {"queue_full": 8 - room}
        assert numbers(one.failed) == [*range(room + 1, 9)]
        one.check_counts()
        one.gate.open.set()
        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert arrived(one.server) == [*range(room + 1)]
        assert one.client.stats[:4] == (9, 1 + room, 8 - room, 0)


@pytest.mark.parametrize(("bounds", "room"), BOUNDS)
def test_drop_oldest_fails_exactly_what_waited_longest(bounds, room):  # 42
    with held(when_full="drop_oldest", **bounds) as one:
        for number in range(1, 9):
            one.timed(partial(one.send, batch(number)), PROMPT)

        assert one.reasons == {"dropped_oldest": 8 - room}
        assert numbers(one.failed) == [*range(1, 9 - room)]  # what is on its way is safe
        one.check_counts()
        one.gate.open.set()
        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert arrived(one.server) == [0, *range(9 - room, 9)]
        assert one.client.stats[:4] == (9, 1 + room, 8 - room, 0)


@pytest.mark.parametrize(("bounds", "room"), BOUNDS)
def test_block_waits_its_time_for_room_and_then_fails(bounds, room):  # 42
    with held(when_full="block", block_timeout=0.2, **bounds) as one:
        for number in range(1, 1 + room):
            one.timed(partial(one.send, batch(number)), PROMPT)
        for number in range(1 + room, 3 + room):
            one.timed(partial(one.send, batch(number)), 0.2)

        assert one.states == ["pending"] * (1 + room) + ["failed"] * 2
        assert one.reasons == {"queue_full": 2}
        one.check_counts()
        one.gate.open.set()
        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert arrived(one.server) == [*range(room + 1)]
        assert one.client.stats[:4] == (3 + room, 1 + room, 2, 0)


@pytest.mark.parametrize(("bounds", "room"), BOUNDS)
def test_block_goes_on_as_soon_as_there_is_room(bounds, room):  # 42
    with held(when_full="block", block_timeout=60, **bounds) as one:
        one.send(*batches(room, start=1))
        sender = threading.Thread(target=one.send, args=batches(5, start=1 + room))
        sender.start()
        assert eventually(lambda: one.client._dispatcher._scheduler._leave_now)
        one.gate.open.set()
        sender.join(SOON)

        assert not sender.is_alive()
        assert one.client.flush(5) is True
        assert arrived(one.server) == [*range(room + 6)]
        assert one.failed == []


@pytest.mark.parametrize(("bounds", "room"), BOUNDS)
def test_raise_accepts_none_of_a_call_that_does_not_fit(bounds, room):  # 42
    with held(when_full="raise", **bounds) as one:
        one.send(*batches(room, start=1))
        for _ in range(3):
            with pytest.raises(QueueFull) as raised:
                one.timed(partial(one.client.send, *batches(2, start=6)), PROMPT)
            assert raised.value.reason == "queue_full"

        assert one.client.stats[:4] == (1 + room, 0, 0, 1 + room)
        one.gate.open.set()
        assert one.client.flush(5) is True
        one.client.send(*batches(2, start=6))
        assert one.client.flush(5) is True
        assert arrived(one.server) == [*range(1 + room), 6, 7]
        assert one.failed == []


@pytest.mark.parametrize(
    ("policy", "reason", "thousand"),
    [
        ("drop_newest", "queue_full", 100),
        ("drop_oldest", "dropped_oldest", 100),
        pytest.param("drop_newest", "queue_full", 1_000, marks=pytest.mark.slow),
    ],
)
def test_thousands_of_drops_are_one_line_a_minute_and_the_rest_at_the_end(
    policy, reason, thousand, caplog
):  # 42
    time = FakeTime()
    told = Counter()
    client = Client(
        "key",
        "secret",
        environment="production",
        transport=RecordingTransport(),
        on_failed=lambda batch, error: told.update([error.reason]),
        dispatcher=ThreadedDispatcher(
            max_queue=1,
            when_full=policy,
            clock=time.monotonic,
            wall=time.wall,
            sleep=time.sleep,
            start=lambda work: SimpleNamespace(is_alive=lambda: True),
        ),
    )
    one = batch()
    client.send(one)
    for drops, seconds in ((4, 0.0), (2, 59.9), (3, 0.1), (1, 59.9)):
        time.now += seconds
        for _ in range(drops * thousand):
            client.send(one)
    lines = list(caplog.messages)
    work(client)
    client.close(0)

    assert told == {reason: 10 * thousand}
    drops = 10 * thousand
    assert client.stats == (drops + 1, 1, drops, 0, 0, {reason: drops}, 0, 0, 0, 0)
    assert lines == [
        f"batch failed: {reason}",
        f"batch failed: {reason} ({6 * thousand} times)",
    ]
    assert caplog.messages == [*lines, f"batch failed: {reason} ({4 * thousand - 1} times)"]


# 43: many batches at once


def in_one_call(one, sent):
    one.client.send(*sent)


def one_by_one(one, sent):
    one.send(*sent)


def send_all(one, sent):
    one.client.send_all(sent)


@pytest.mark.parametrize("send", [in_one_call, one_by_one, send_all])
@pytest.mark.parametrize("coalesce", [False, True])
def test_250_batches_are_three_requests_in_order(send, coalesce):  # 43
    with scenario(flush_interval=60, coalesce=coalesce) as one:
        send(one, batches(250))

        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert [len(request.batch_ids) for request in one.server.requests] == [100, 100, 50]
        assert [request.path for request in one.server.requests] == ["/v2/bulkevents"] * 3
        assert arrived(one.server) == [*range(250)]
        assert numbers(one.delivered) == [*range(250)]


@pytest.mark.parametrize(
    ("size", "counts"),
    [
        (2_558, [100, 100, 50]),  # with 99 commas and the brackets they are 255 901 bytes
        (2_559, [99, 99, 52]),  # 100 of them would be 256 001
        (3_010, [85, 85, 80]),  # 85 of them are 255 936 bytes
        (3_011, [84, 84, 82]),  # 85 would be 256 021
    ],
)
def test_250_batches_of_any_size_are_as_few_requests_as_they_fit(size, counts):  # 43
    with scenario(flush_interval=60) as one:
        one.client.send(*[sized(size, "é", f"id-{number:03}") for number in range(250)])

        assert one.timed(lambda: one.client.flush(5), 5) is True
        found = one.server.requests
        assert [len(request.batch_ids) for request in found] == counts
        assert [len(request.body) for request in found] == [
            count * size + (count - 1) + 2 for count in counts
        ]
        assert max(len(request.body) for request in found) <= 256_000
        assert [name for request in found for name in request.batch_ids] == [
            f"id-{number:03}" for number in range(250)
        ]
        assert {request.status_code for request in found} == {202}


# 44: the limits, to the byte

TEXTS = ["x", "é", "茶", "🫖"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("size", [127_900, 128_000])
def test_a_batch_up_to_128_kB_travels_whole(size, text):  # 44
    with scenario() as one:
        one.send(sized(size, text))

        assert one.client.flush(5) is True
        (request,) = one.server.requests
        assert (request.path, len(request.body)) == ("/v2/events", size)
        assert request.status_code == 202


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("size", [128_001, 128_100])
def test_a_larger_single_event_is_too_large_at_send(size, text):  # 44
    with scenario() as one:
        with pytest.raises(TooLarge, match=f"is {size} bytes; mParticle takes 128000 a batch"):
            one.client.send(batch(1), sized(size, text))
        one.send(batch(2))

        assert one.client.flush(5) is True
        assert arrived(one.server) == [2]  # none of the other call
        assert one.client.stats[:4] == (1, 1, 0, 0)
        assert [request.status_code for request in one.server.requests] == [202]


@pytest.mark.parametrize("text", TEXTS)
def test_send_all_counts_what_is_too_large(text):  # 44
    with scenario() as one:
        report = one.client.send_all([batch(1), sized(128_001, text), batch(2)])

        assert one.client.flush(5) is True
        assert (report.submitted, report.failed_by_reason) == (3, {"too_large": 1})
        assert one.reasons == {"too_large": 1}
        assert arrived(one.server) == [1, 2]


def in_two_events(size, text):
    """Return a batch of two events whose body is so many bytes."""

    def searching(query):
        user = Batch.for_user(customer_id="1").with_source_request_id("mine")
        for number, words in enumerate((query, text * 100)):
            at, name = 1_790_000_000_000, f"m-{number}"
            user = user.event("Searched", {"query": words}, at=at, source_message_id=name)
        return user.with_environment("production")

    rest = size - len(searching("").to_json().encode())
    width = len(text.encode())
    found = searching(text * (rest // width) + "x" * (rest % width))
    assert len(found.to_json().encode()) == size
    return found


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    ("size", "parts"), [(127_900, 1), (128_000, 1), (128_001, 2), (128_100, 2)]
)
def test_a_larger_batch_is_split_between_events(size, text, parts):  # 44
    whole = in_two_events(size, text)
    with scenario() as one:
        one.send(whole)

        assert one.client.flush(5) is True
        assert one.client.stats[:4] == (1, 1, 0, 0)
        assert one.server.unique_ids == (["mine"] if parts == 1 else ["mine-1", "mine-2"])
        assert [event for each in one.server.batches for event in each.events] == [*whole.events]
        assert {request.status_code for request in one.server.requests} == {202}
        assert [told.source_request_id for told, _ in one.delivered] == ["mine"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    ("sizes", "bodies"),
    [
        ((127_900, 127_997), [255_900]),
        ((127_998, 127_999), [256_000]),  # two brackets and a comma
        ((127_999, 127_999), [127_999, 127_999]),
        ((128_000, 128_000), [128_000, 128_000]),
        ((100_000, 100_000, 56_096), [200_003, 56_096]),  # together they would be 256 100
        ((100_000, 100_000, 55_996), [256_000]),
    ],
)
def test_a_request_is_at_most_256_kB(sizes, bodies, text):  # 44
    with scenario(flush_interval=60) as one:
        one.client.send(*[sized(size, text, f"id-{n}") for n, size in enumerate(sizes)])

        assert one.client.flush(5) is True
        assert [len(request.body) for request in one.server.requests] == bodies
        assert {request.status_code for request in one.server.requests} == {202}
        assert one.server.unique_ids == [f"id-{n}" for n in range(len(sizes))]


# 45: the order of one user's batches


@pytest.mark.parametrize("coalesce", [False, True])
@pytest.mark.parametrize(
    ("fault", "came", "doubled"),
    [
        (503, ["b1", "b1", "b2"], []),
        (status(429, headers={"Retry-After": "0.2"}), ["b1", "b1", "b2"], []),
        (reset_before_read(), ["b1", "b2"], []),  # the first try was never read
        (reset_after_read(), ["b1", "b1", "b2"], ["b1"]),
    ],
)
def test_a_users_batch_that_is_tried_again_is_not_overtaken(fault, came, doubled, coalesce):  # 45
    user = Batch.for_user(customer_id=PERSON).event("Searched")
    with scenario(
        fault,
        flush_interval=0,
        coalesce=coalesce,
        retry=Retry(base=0.1, max_elapsed=5, random=lambda: 1),
    ) as one:
        one.send(user.with_source_request_id("b1"))
        assert eventually(lambda: one.client._dispatcher._scheduler.in_hand())
        one.send(user.with_source_request_id("b2"))

        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert [name for request in one.server.requests for name in request.batch_ids] == came
        assert one.server.unique_ids == ["b1", "b2"]
        assert one.server.duplicates == doubled
        assert [told.source_request_id for told, _ in one.delivered] == ["b1", "b2"]
        assert one.server.max_concurrency == 1
        assert one.client.stats.retries == 1


# 47: hooks that raise, or do not return

OUTCOMES = [("on_delivered", 202), ("on_failed", 404)]


class Hooks:
    """Callbacks that note what they are told, then do what the test says."""

    def __init__(self, misbehave):
        self.misbehave = misbehave
        self.one: Scenario | None = None

    def on_delivered(self, told, response):
        self.one.delivered.append((told, response))
        self.misbehave()

    def on_failed(self, told, error):
        self.one.failed.append((told, error))
        self.misbehave()

    def callback(self, delivery):
        self.misbehave()


def complain():
    raise ValueError(f"{WORDS} {SECRET}")


@pytest.mark.parametrize(("name", "code"), OUTCOMES)
def test_a_callback_that_raises_is_counted_each_time_and_logged_once(name, code):  # 47
    hooks = Hooks(complain)
    with scenario(*[code] * 3, flush_interval=0, **{name: getattr(hooks, name)}) as one:
        hooks.one = one
        for each in batches(3):
            one.send(each)[0].wait(SOON)

        assert one.client.flush(5) is True
        assert one.states == [name.removeprefix("on_")] * 3
        assert one.client.stats.hook_errors == 3
        lines = one.log.getvalue().splitlines()
        (said,) = [line for line in lines if line.startswith("mpfluent") and "raised" in line]
        assert said.startswith(
            f"mpfluent WARNING the callback Hooks.{name} raised ValueError; delivery goes on"
        )


def test_the_callback_of_a_delivery_that_raises_is_counted():  # 47
    hooks = Hooks(complain)
    with scenario(flush_interval=0) as one:
        one.deliveries += [one.client.send(each, callback=hooks.callback) for each in batches(3)]

        assert one.client.flush(5) is True
        assert one.states == ["delivered"] * 3
        assert eventually(lambda: one.client.stats.hook_errors == 3)
        assert one.log.getvalue().count("raised") == 1


@pytest.mark.parametrize(("name", "code"), OUTCOMES)
def test_a_callback_that_does_not_return_holds_up_no_send_and_no_flush(name, code):  # 47
    reached, leave = threading.Event(), threading.Event()

    def linger():
        reached.set()
        assert leave.wait(60)

    hooks = Hooks(linger)
    with scenario(*[code] * 4, flush_interval=0, **{name: getattr(hooks, name)}) as one:
        hooks.one = one
        try:
            one.send(batch(0))
            assert reached.wait(SOON)
            for each in batches(3, start=1):
                one.timed(partial(one.send, each), PROMPT)
            assert one.timed(lambda: one.client.flush(0.1), 0.1) is False
            assert one.client.stats.pending == 3
            assert one.timed(lambda: one.client.stats, PROMPT).submitted == 4
        finally:
            leave.set()

        assert one.client.flush(5) is True
        assert one.client.stats.hook_errors == 0
        assert len(one.server.batches) == (4 if code == 202 else 0)


def test_with_several_workers_the_others_deliver_beside_a_callback_that_lingers():  # 47
    reached, leave = threading.Event(), threading.Event()

    def linger():
        if not reached.is_set():
            reached.set()
            assert leave.wait(60)

    hooks = Hooks(linger)
    with scenario(flush_interval=0, workers=2, on_delivered=hooks.on_delivered) as one:
        hooks.one = one
        try:
            one.send(batch(0))
            assert reached.wait(SOON)
            more = one.send(*batches(3, start=1))
            assert more[0].wait(SOON)
            assert more[0].state == "delivered"
        finally:
            leave.set()


def test_a_before_send_that_raises_lets_nothing_leave_and_is_counted_each_time():  # 47
    def check(sealed):
        if sealed.user_identities.customer_id != f"{PERSON}-2":
            complain()
        return sealed

    with scenario(flush_interval=0, before_send=check) as one:
        delivery = one.client.send(*batches(4))

        assert one.client.flush(5) is True
        assert arrived(one.server) == [2]
        assert one.reasons == {"filtered": 3}
        assert one.client.stats[:4] == (4, 1, 3, 0)
        assert one.client.stats.hook_errors == 3
        assert one.log.getvalue().count("raised") == 1
        with pytest.raises(DeliveryError) as raised:
            delivery.result(SOON)
        assert str(raised.value) == "before_send raised ValueError; the batch was not sent"


def test_a_before_send_that_lingers_holds_up_its_caller_only():  # 47
    reached, leave = threading.Event(), threading.Event()

    def linger(sealed):
        if sealed.user_identities.customer_id == f"{PERSON}-0":
            reached.set()
            assert leave.wait(60)
        return sealed

    with scenario(flush_interval=0, before_send=linger) as one:
        sender = threading.Thread(target=one.send, args=(batch(0),))
        sender.start()
        try:
            assert reached.wait(SOON)
            one.timed(partial(one.send, *batches(3, start=1)), PROMPT)
            assert one.client.flush(5) is True
            assert arrived(one.server) == [1, 2, 3]
        finally:
            leave.set()
            sender.join(SOON)

        assert one.client.flush(5) is True
        assert arrived(one.server) == [1, 2, 3, 0]


def test_a_log_handler_that_raises_stops_no_delivery():  # 47
    seen = []
    hooks = Hooks(complain)

    def fail(record):
        seen.append(record.getMessage())
        raise OSError("the disk of the log is full")

    with (
        calling(fail),
        scenario(404, 404, flush_interval=0, on_delivered=hooks.on_delivered) as one,
    ):
        hooks.one = one
        for each in batches(4):
            one.send(each)[0].wait(SOON)

        assert one.client.flush(5) is True
        assert one.states == ["failed"] * 2 + ["delivered"] * 2
        assert one.client.stats.hook_errors == 2
        assert "batch failed: rejected, 404" in seen


def test_a_log_handler_that_lingers_holds_up_no_send():  # 47
    reached, leave = threading.Event(), threading.Event()

    def linger(record):
        if record.getMessage() == "batch failed: rejected, 404":
            reached.set()
            assert leave.wait(60)

    with calling(linger), scenario(404, flush_interval=0) as one:
        try:
            one.send(batch(0))
            assert reached.wait(SOON)
            for each in batches(3, start=1):
                one.timed(partial(one.send, each), PROMPT)
            assert one.timed(lambda: one.client.flush(0.1), 0.1) is False
        finally:
            leave.set()

        assert one.client.flush(5) is True
        assert one.states == ["failed"] + ["delivered"] * 3


# 48: what before_send returns


def test_what_before_send_drops_is_filtered_and_raises_nowhere():  # 48
    def drop(sealed):
        return None if sealed.user_identities.customer_id == f"{PERSON}-1" else sealed

    with scenario(flush_interval=0, before_send=drop) as one:
        delivery = one.client.send(*batches(3))

        assert one.client.flush(5) is True
        assert arrived(one.server) == [0, 2]
        assert one.client.stats[:4] == (3, 2, 1, 0)
        assert one.reasons == {"filtered": 1}
        assert numbers(one.failed) == [1]
        assert str(one.failed[0][1]) == "before_send dropped the batch"
        assert delivery.state == "failed"
        assert delivery.result(SOON).status_code == 202


@pytest.mark.parametrize(
    "wrong", [True, {}, [], "a batch", 5, Batch.for_user(customer_id="1").events]
)
def test_what_is_no_batch_is_an_error_at_the_call(wrong):  # 48
    answers = [wrong]
    with scenario(before_send=lambda sealed: answers.pop() if answers else sealed) as one:
        with pytest.raises(InvalidValue) as raised:
            one.client.send(batch(0), batch(1))
        assert str(raised.value) == (
            f"before_send returned {type(wrong).__name__}: want a Batch, or None to drop it; "
            "write return batch"
        )
        assert one.client.stats.submitted == 0
        one.send(batch(2))

        assert one.client.flush(5) is True
        assert arrived(one.server) == [2]


def test_a_before_send_that_changes_a_shared_dict_changes_no_batch_that_waits():  # 48
    shared = {"query": "teapot", "count": 1}
    seen = []

    def change(sealed):
        shared["count"] += 1
        shared["query"] = "changed"
        sealed.to_dict()["events"].clear()
        seen.append(dict(sealed.events[0].attributes))
        return sealed.with_user_attributes(shared)

    with scenario(flush_interval=60, before_send=change) as one:
        for number in range(3):
            one.send(Batch.for_user(customer_id=f"{PERSON}-{number}").event("Searched", shared))
        shared.clear()

        assert one.client.flush(5) is True
        expected = [
            {"query": "teapot", "count": 1},
            {"query": "changed", "count": 2},
            {"query": "changed", "count": 3},
        ]
        assert seen == expected
        assert [dict(each.events[0].attributes) for each in one.server.batches] == expected
        assert [dict(each.user_attributes) for each in one.server.batches] == [
            {"query": "changed", "count": number} for number in (2, 3, 4)
        ]
