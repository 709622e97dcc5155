"""Scenarios 13 to 25 in the background: what the server answers, and what comes of it."""

import json
import math
import random
import threading
import time
from email.utils import formatdate

import fault_server as faults
import pytest
from fault_server import FakeTime, FaultServer
from scenarios import batch, batches, eventually, scenario

from mpfluent import ApiError, Client, DeliveryError, Kept, Outbox, Response, Retry
from mpfluent import ThreadedDispatcher as Threaded
from mpfluent.testing import LocalServer, bad_chunks, ok, redirect, status

LONG = 60  # seconds that nothing takes, since something else ends it
HOURS = 100_000  # seconds on a clock that moves only when a worker waits
TOGETHER = {"flush_interval": LONG}  # what is sent travels together as soon as it is flushed
NOON = 1_700_000_000


def on(clock, **options):
    """Return a dispatcher on a clock that moves only when a worker waits."""
    return Threaded(
        clock=clock.monotonic, wall=clock.wall, sleep=clock.sleep, **{**TOGETHER, **options}
    )


def asks(retry_after, times=1):
    """Return answers that ask for so much time without requests."""
    return [status(429, headers={"Retry-After": str(retry_after)})] * times


def methods(server):
    return {request.method for request in server.requests}


def sizes(server):
    """Return how many batches each request had."""
    return [len(request.batch_ids) for request in server.requests]


# 13


@pytest.mark.parametrize(
    "answer",
    [
        ok(),
        ok(200),
        ok(204),
        status(200, body=b"<html>Welcome to the hotel</html>"),
        status(202, body=b"\xff\xfe"),
    ],
    ids=["202", "200", "204", "200 with a page", "202 with bytes"],
)
def test_any_2xx_is_delivered(answer):
    with scenario(answer, **TOGETHER) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["delivered"] * 3
        assert {told.status_code for _, told in one.delivered} == {answer.status_code}
        assert one.client.stats.retries == 0
        assert one.send_and_flush(batch(4)) is True
        assert [request.connection for request in one.server.requests] == [1, 1]
        assert one.server.duplicates == []


# 14


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["/elsewhere", "another host"])
def test_a_redirect_is_not_followed_and_the_other_host_learns_nothing(code, where):
    with LocalServer() as other:
        location = where if where.startswith("/") else f"{other.url}/v2/events"
        with scenario(redirect(location, code), ok(200), **TOGETHER) as one:
            assert one.send_and_flush(*batches(3)) is True
            assert one.states == ["failed"] * 3
            assert one.reasons == {"unexpected_redirect": 3}
            assert {error.status_code for _, error in one.failed} == {code}
            assert one.client.stats.retries == 0
            assert [request.path for request in one.server.requests] == ["/v2/bulkevents"]
            assert methods(one.server) == {"POST"}
            assert other.requests == []
            assert other.max_concurrency == 0


# 15


WORDS = {"code": "BAD_REQUEST", "message": "No."}


@pytest.mark.parametrize(
    ("body", "text", "errors"),
    [
        (json.dumps({"errors": [WORDS]}), "400 BAD_REQUEST: No.", (WORDS,)),
        (json.dumps([WORDS]), "400 BAD_REQUEST: No.", (WORDS,)),
        ("<html>no</html>", "400 Bad Request", ()),
        ("", "400 Bad Request", ()),
        (b"\xff\xfe\x00", "400 Bad Request", ()),
    ],
    ids=["errors", "list", "page", "nothing", "bytes"],
)
def test_a_batch_that_is_refused_alone_has_one_attempt_and_the_servers_words(body, text, errors):
    with scenario(*[status(400, body=body)] * 3, **TOGETHER) as one:
        for each in batches(3):
            one.send_and_flush(each)
        assert one.states == ["failed"] * 3
        assert one.reasons == {"rejected": 3}
        assert {str(error) for _, error in one.failed} == {f"mParticle answered {text}"}
        assert [error.errors for _, error in one.failed] == [errors] * 3
        assert sizes(one.server) == [1, 1, 1]
        assert {len(one.server.attempts(told.source_request_id)) for told, _ in one.failed} == {1}
        assert one.client.stats.retries == 0
        assert one.server.batches == []


def test_a_bulk_that_is_refused_is_bisected_so_that_the_offender_fails_alone():
    no = status(400, message="No.")
    with scenario(no, ok(), no, ok(), no, **TOGETHER) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["delivered", "delivered", "failed"]
        assert one.reasons == {"rejected": 1}
        assert str(one.failed[0][1]) == "mParticle answered 400 BAD_REQUEST: No."
        assert sizes(one.server) == [3, 1, 2, 1, 1]
        assert one.server.duplicates == []
        assert one.client.stats.retries == 0


# 16


@pytest.mark.parametrize("code", [401, 403])
def test_refused_credentials_are_tried_once_a_minute_and_logged_once(code):
    clock = FakeTime()
    with scenario(code, code, dispatcher=on(clock)) as one:
        one.send_and_flush(batch(1))
        assert sizes(one.server) == [1]
        one.send_and_flush(batch(2))
        one.send_and_flush(batch(3))
        assert one.states == ["failed"] * 3
        assert sizes(one.server) == [1]
        clock.now += 59
        one.send_and_flush(batch(4))
        assert sizes(one.server) == [1]
        clock.now += 2  # a probe, which is refused again
        one.send_and_flush(batch(5))
        one.send_and_flush(batch(6))
        assert sizes(one.server) == [1, 1]
        assert one.reasons == {"unauthorized": 6}
        assert {error.status_code for _, error in one.failed} == {code}
        clock.now += 61  # and one that is not
        assert one.send_and_flush(*batches(2, start=7)) is True
        assert one.send_and_flush(batch(9)) is True
        assert one.states[6:] == ["delivered"] * 3
        assert sizes(one.server) == [1, 1, 2, 1]
        assert one.log.getvalue().count(f"answered {code} to the credentials") == 1
        assert one.client.stats.retries == 0
        assert clock.waits == []


@pytest.mark.parametrize("code", [401, 403])
def test_an_outbox_keeps_what_refused_credentials_cannot_deliver(tmp_path, code):
    clock = FakeTime()
    outbox = Outbox(tmp_path / "outbox.db")
    with scenario(code, dispatcher=on(clock, outbox=outbox)) as one:
        assert one.send_and_flush(batch(1)) is False
        assert one.send_and_flush(batch(2), batch(3)) is False
        assert one.states == ["kept"] * 3
        assert one.failed == []
        assert one.client.stats[:4] == (3, 0, 0, 3)
        with pytest.raises(Kept) as raised:
            one.deliveries[1].result()
        assert (raised.value.reason, raised.value.status_code) == ("unauthorized", code)
        assert sizes(one.server) == [1]
        clock.now += 61
        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert one.client.stats[:4] == (3, 3, 0, 0)
        assert len(one.server.unique_ids) == 3
        assert one.server.duplicates == []
        assert one.log.getvalue().count(f"answered {code} to the credentials") == 1


# 17


@pytest.mark.parametrize("code", [404, 405, 410, 415, 422])
def test_what_is_permanent_is_tried_once(code):
    with scenario(code, **TOGETHER) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["failed"] * 3
        assert one.reasons == {"rejected": 3}
        assert {error.status_code for _, error in one.failed} == {code}
        assert sizes(one.server) == [3]
        assert one.client.stats.retries == 0


# 18


def test_a_413_is_split_down_to_the_one_that_is_too_large():
    with scenario(413, ok(), 413, 413, ok(), 413, ok(), **TOGETHER) as one:
        assert one.send_and_flush(*batches(8)) is True
        assert one.states == ["delivered"] * 5 + ["failed"] + ["delivered"] * 2
        assert one.reasons == {"too_large": 1}
        ((told, error),) = one.failed
        assert error.status_code == 413
        every = one.server.requests[0].batch_ids
        assert [request.batch_ids for request in one.server.requests] == [
            every,
            every[:4],
            every[4:],
            every[4:6],
            every[4:5],
            every[5:6],
            every[6:],
        ]
        assert told.source_request_id == every[5]
        assert len(one.server.unique_ids) == 7
        assert one.server.duplicates == []
        assert one.client.stats.retries == 0


def test_a_single_413_is_too_large_at_once():
    with scenario(413, **TOGETHER) as one:
        assert one.send_and_flush(batch()) is True
        assert one.reasons == {"too_large": 1}
        assert sizes(one.server) == [1]


# 19


def test_retry_after_holds_for_every_worker_of_a_client_and_for_no_other():
    answered = threading.Event()

    def draw():  # with the first answer, just before the client learns from it
        answered.set()
        return 0.0

    retry = Retry(base=0.1, max_elapsed=5, random=draw)
    options = {"workers": 3, "flush_interval": 0.2, "retry": retry}
    with scenario(*asks(2), ok(), **options) as one:
        one.send(batch(1))
        assert answered.wait(5)
        one.send(batch(2))
        assert eventually(lambda: workers() >= 2)
        one.send(batch(3))
        dispatcher = Threaded(flush_interval=0.01)
        with Client(
            "us1-another", "another", environment="production", host=one.server.url,
            dispatcher=dispatcher,
        ) as other:  # fmt: skip
            assert other.send(batch(4)).result(5).status_code == 202
            assert sizes(one.server) == [1, 1]
            assert one.states == ["pending"] * 3
            assert other.stats.retries == 0
        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert one.states == ["delivered"] * 3
        assert one.server.gap(0, 2) >= 2.0
        assert one.client.stats.retries == 1
        assert len(one.server.unique_ids) == 3
        assert one.server.duplicates == []


def workers():
    return sum(thread.name == "mpfluent-worker" for thread in threading.enumerate())


# 20


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        (formatdate(NOON + 2, usegmt=True), 1.6, 1.6),
        (formatdate(NOON + 2, usegmt=True).replace("GMT", "-0000"), 1.6, 1.6),
        (formatdate(NOON - 1_000, usegmt=True), 0.0, 0.1),
        (formatdate(NOON - 1_000, usegmt=True).replace("GMT", "-0000"), 0.0, 0.1),
    ],
    ids=["GMT", "-0000", "past", "past -0000"],
)
def test_a_retry_after_that_is_a_date_is_waited_for_unless_it_has_passed(header, least, most):
    clock = FakeTime(wall=NOON + 0.4)
    with scenario(*asks(header), dispatcher=on(clock)) as one:
        assert one.send_and_flush(*batches(3), limit=LONG) is True
        assert one.states == ["delivered"] * 3
        assert least - 1e-6 <= sum(clock.waits) <= most + 1e-6
        assert sizes(one.server) == [3, 3]
        assert one.client.stats.retries == 1


def test_a_date_two_seconds_ahead_is_at_least_a_second_without_requests():
    with scenario(**TOGETHER) as one:
        date = int(time.time()) + 2
        moment = time.monotonic() + (date - time.time())  # a second from now, or up to two
        one.server.script(*asks(formatdate(date, usegmt=True)))
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["delivered"] * 3
        assert one.server.requests[1].at >= moment - 0.01
        assert sizes(one.server) == [3, 3]


# 21


@pytest.mark.parametrize(
    "header", ["soon", "-5", "NaN", "1e9", "inf", "", "2, 9", "99999999999999999999999"]
)
def test_a_retry_after_that_says_nothing_is_ignored(header):
    clock = FakeTime()
    with scenario(*asks(header), dispatcher=on(clock)) as one:
        assert one.send_and_flush(*batches(3), limit=LONG) is True
        assert one.states == ["delivered"] * 3
        assert 0 <= sum(clock.waits) <= 0.1
        assert sizes(one.server) == [3, 3]
        assert one.client.stats.retries == 1


def test_two_retry_after_headers_say_nothing():
    head = b"HTTP/1.1 429 No\r\nRetry-After: 2\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"
    clock = FakeTime()
    with (
        FaultServer(faults.raw(head)) as server,
        scenario(server=server, dispatcher=on(clock)) as one,
    ):
        assert one.send_and_flush(*batches(3), limit=LONG) is True
        assert one.states == ["delivered"] * 3
        assert 0 <= sum(clock.waits) <= 0.1
        assert [len(request.ids) for request in server.requests] == [3, 3]


def test_a_long_retry_after_is_clamped():
    clock = FakeTime()
    retry = Retry(base=0.1, max_elapsed=5, max_retry_after=2)
    with scenario(*asks(10**9), dispatcher=on(clock), retry=retry) as one:
        assert one.send_and_flush(*batches(3), limit=LONG) is True
        assert one.states == ["delivered"] * 3
        assert clock.waits == [2.0]


def test_a_retry_after_beyond_the_budget_fails_as_rate_limited_and_holds():
    clock = FakeTime()
    with scenario(*asks(10**9), dispatcher=on(clock)) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["failed"] * 3
        assert one.reasons == {"rate_limited": 3}
        assert {type(error) for _, error in one.failed} == {ApiError}
        assert one.send_and_flush(batch(4)) is True
        assert one.reasons == {"rate_limited": 4}
        assert type(one.failed[3][1]) is DeliveryError
        assert sizes(one.server) == [3]
        assert clock.waits == []
        clock.now += 300  # no longer, whatever the server said
        assert one.send_and_flush(batch(5)) is True
        assert one.states[4] == "delivered"


def test_a_retry_after_beyond_the_budget_leaves_batches_in_the_outbox(tmp_path):
    clock = FakeTime()
    outbox = Outbox(tmp_path / "outbox.db")
    with scenario(*asks(10**9), dispatcher=on(clock, outbox=outbox)) as one:
        assert one.send_and_flush(*batches(3)) is False
        assert one.states == ["kept"] * 3
        assert one.client.stats[:4] == (3, 0, 0, 3)
        assert one.failed == []
        assert one.timed(lambda: one.client.flush(5), 5) is False
        assert sizes(one.server) == [3]
        clock.now += 301
        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert one.client.stats[:4] == (3, 3, 0, 0)
        first, second = one.server.requests
        assert first.batch_ids == second.batch_ids
        assert one.server.duplicates == []


@pytest.mark.parametrize("outbox", [False, True], ids=["in memory", "with an outbox"])
def test_a_long_retry_after_never_holds_up_close(tmp_path, outbox):
    answered = threading.Event()

    def draw():
        answered.set()
        return 0.0

    options = {"outbox": Outbox(tmp_path / "outbox.db")} if outbox else {}
    retry = Retry(base=0.1, max_elapsed=600, random=draw)
    with scenario(*asks(LONG), retry=retry, close_timeout=0.2, **options, **TOGETHER) as one:
        one.send(*batches(3))
        assert one.timed(lambda: one.client.flush(0.1), 0.1) is False
        assert answered.wait(5)
        assert one.states == ["pending"] * 3
    assert one.states == ["kept" if outbox else "failed"] * 3
    assert one.reasons == ({} if outbox else {"closed": 3})
    assert one.client.stats.pending == (3 if outbox else 0)
    assert sizes(one.server) == [3]


# 22


def test_a_429_without_a_header_waits_a_random_time_that_doubles_up_to_the_cap():
    delays = {}
    for seed in range(200):
        policy = Retry(base=0.1, cap=2, random=random.Random(seed).random)
        for attempt in range(1, 9):
            verdict = policy.decide(
                Response(429), attempt=attempt, elapsed=0, budget=math.inf, wall=0
            )
            assert (verdict.what, verdict.retry_after) == ("again", 0.0)
            delays.setdefault(attempt, []).append(verdict.delay)
    for attempt, drawn in delays.items():
        most = min(2, 0.1 * 2 ** (attempt - 1))
        assert 0 <= min(drawn) < 0.1 * most
        assert 0.9 * most < max(drawn) <= most
        assert len(set(drawn)) == 200


def test_a_429_without_a_header_is_tried_again_after_a_backoff():
    clock = FakeTime()
    with scenario(429, 429, 429, dispatcher=on(clock)) as one:
        assert one.send_and_flush(*batches(3), limit=LONG) is True
        assert one.states == ["delivered"] * 3
        assert len(clock.waits) == one.client.stats.retries == 3
        for waited, most in zip(clock.waits, [0.1, 0.2, 0.4]):
            assert 0 <= waited <= most
        assert len({request.body for request in one.server.requests}) == 1


# 23


@pytest.mark.parametrize("code", [408, 500, 502, 503, 504, *range(520, 528)])
def test_what_can_pass_is_tried_again_with_the_same_bytes(code):
    with scenario(code, **TOGETHER) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["delivered"] * 3
        assert one.client.stats.retries == 1
        first, second = one.server.requests
        assert first.body == second.body
        assert methods(one.server) == {"POST"}
        assert one.server.duplicates == []


@pytest.mark.parametrize("code", [501, 505])
def test_what_no_server_will_do_later_is_tried_once(code):
    with scenario(code, **TOGETHER) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["failed"] * 3
        assert one.reasons == {"rejected": 3}
        assert sizes(one.server) == [3]
        assert one.client.stats.retries == 0


# 24


@pytest.mark.parametrize("max_elapsed", [5, 600])
def test_a_burst_of_503_is_no_hot_loop(max_elapsed):
    clock = FakeTime()
    retry = Retry(base=0.1, max_elapsed=max_elapsed, random=random.Random(max_elapsed).random)
    with scenario(*[503] * 20, dispatcher=on(clock, max_queue=1_000), retry=retry) as one:
        one.send(*batches(1_000))
        assert one.client.flush(HOURS) is True
        delivered, failed = one.client.stats[1:3]
        assert delivered + failed == 1_000
        assert one.reasons == ({"retries_exhausted": failed} if failed else {})
        assert delivered == 1_000 if max_elapsed == 600 else 700 <= delivered < 1_000
        assert len(one.server.unique_ids) == delivered
        assert one.server.duplicates == []
        assert one.client.stats.retries == len(clock.waits)
        assert len(one.server.requests) == 20 + delivered // 100
        assert sum(clock.waits) >= 20 * 0.1


def test_what_finds_no_room_in_a_burst_of_503_is_dropped_by_policy_and_counted():
    clock = FakeTime()
    sent = threading.Event()
    clock.before_waking = lambda: sent.wait(LONG)
    retry = Retry(base=0.1, max_elapsed=5, random=random.Random(0).random)
    options = {"max_queue": 1_000, "when_full": "drop_newest"}
    with scenario(*[503] * 20, dispatcher=on(clock, **options), retry=retry) as one:
        one.send(*batches(100))
        assert eventually(lambda: clock.waits)  # these are in hand, and do not count
        one.send(*batches(1_050, start=100))
        sent.set()
        assert one.client.flush(HOURS) is True
        stats = one.client.stats
        assert set(one.reasons) == {"retries_exhausted", "queue_full"}
        assert one.reasons["queue_full"] == 50
        assert stats.delivered + one.reasons["retries_exhausted"] == 1_100
        assert stats.delivered == len(one.server.unique_ids)
        assert one.server.duplicates == []
        assert sum(clock.waits) >= 20 * 0.1


@pytest.mark.parametrize("budget", [5, 15, 600])
def test_a_server_that_is_down_gets_a_request_per_base_delay_at_most_on_average(budget):
    """Of requests with 503, one after the other, each given up at the end of its budget."""
    spent = []
    for seed in range(200):
        policy = Retry(base=0.1, random=random.Random(seed).random)
        attempt, elapsed, total = 1, 0.0, 0.0
        for _ in range(20):
            verdict = policy.decide(
                Response(503), attempt=attempt, elapsed=elapsed, budget=budget, wall=0
            )
            if verdict.what == "again":
                attempt, elapsed = attempt + 1, elapsed + verdict.delay
                total += verdict.delay
            else:  # the next request is begun at once
                attempt, elapsed = 1, 0.0
        spent.append(total)
    assert sum(spent) / len(spent) >= 20 * 0.1
    assert min(spent) >= 20 * 0.1 / 2  # nor much more in any one burst


# 25


def test_an_accepting_status_counts_though_the_body_is_no_chunks_and_the_connection_goes():
    with scenario(bad_chunks(), **TOGETHER) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["delivered"] * 3
        assert one.client.stats.retries == 0
        assert one.send_and_flush(batch(4)) is True
        assert [request.connection for request in one.server.requests] == [1, 2]
        assert one.server.duplicates == []
