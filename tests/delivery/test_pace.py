"""A client's requests wait for their turn, whatever sends them."""

import math
import os
import signal
import threading
import time

import numpy
import pytest
from clients import BATCH, adds_up, client_of, numbered
from log_records import text_of
from outboxes import Clock
from processes import run, serving

from mpfluent import (
    ApiError,
    Client,
    Closed,
    ConfigurationError,
    DeliveryError,
    FunctionTransport,
    Outbox,
    RateLimit,
    RecordingTransport,
    RequestsTransport,
    Response,
    Retry,
    SyncDispatcher,
    ThreadedDispatcher,
)
from mpfluent.testing import LocalServer

SOON = 20.0  # seconds after which a test that waits has failed


class Turns:
    """A pace of a test's own: it answers what it is told, then that it is anybody's turn."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def take(self, batches):
        self.asked.append(batches)
        answer = self.answers.pop(0) if self.answers else 0.0
        if isinstance(answer, Exception):
            raise answer
        return answer


def on_clock(clock, sleeps):
    def sleep(seconds):
        sleeps.append(seconds)
        clock.now += seconds

    return SyncDispatcher(clock=clock, wall=clock, sleep=sleep)


@pytest.fixture
def clock():
    return Clock()


# When it is asked


@pytest.mark.parametrize("dispatcher", [SyncDispatcher, ThreadedDispatcher])
def test_it_is_asked_before_each_request_with_its_batches(dispatcher):
    turns = Turns()
    with client_of(rate_limit=turns, dispatcher=dispatcher()) as client:
        client.send(BATCH).wait(SOON)
        client.send(*numbered(3)).wait(SOON)
        client.send_all(numbered(250))

    assert turns.asked == [1, 3, 100, 100, 50]


def test_it_is_asked_before_each_attempt():
    turns, transport = Turns(), RecordingTransport(503, 429, 202)
    client_of(transport, rate_limit=turns, retry=Retry(base=0)).send(BATCH)

    assert turns.asked == [1, 1, 1]


def test_each_part_of_a_batch_that_is_split_counts():
    turns = Turns()
    large = BATCH
    for number in range(60):
        large = large.event("Searched", {"query": f"{number:04}" * 1000})
    client_of(rate_limit=turns).send(large)

    assert turns.asked == [2]


def test_batches_that_travel_as_one_count_as_one():
    turns = Turns()
    dispatcher = ThreadedDispatcher(coalesce=True, flush_interval=60)
    with client_of(rate_limit=turns, dispatcher=dispatcher) as client:
        for _ in range(10):
            client.send(BATCH)

    assert turns.asked == [1]


def test_it_is_not_asked_with_a_key_that_was_refused():
    turns = Turns()
    client = client_of(RecordingTransport(401), rate_limit=turns)
    for _ in range(3):
        with pytest.raises(ApiError):
            client.send(BATCH)

    assert turns.asked == [1]


def test_a_request_that_finds_out_about_a_refused_key_waits_for_its_turn_too(clock):
    turns, sleeps = Turns(0.0, 2.5, 0.0), []
    transport = RecordingTransport(401, 202)
    client = client_of(transport, rate_limit=turns, dispatcher=on_clock(clock, sleeps))
    with pytest.raises(ApiError):
        client.send(BATCH)
    clock.now += 61
    client.send(BATCH)

    assert sleeps == [1.0]
    assert client.stats.delivered == 1


def test_it_is_asked_after_a_pause_that_the_server_asked_for(clock):
    turns, asked_at = Turns(), []
    turns.take = lambda batches: asked_at.append(clock.now) or 0.0
    answers = [Response(202), Response(429, {"Retry-After": "7"})]
    transport = FunctionTransport(lambda request: answers.pop())
    retry, dispatcher = Retry(base=0), on_clock(clock, [])
    client_of(transport, rate_limit=turns, retry=retry, dispatcher=dispatcher).send(BATCH)

    assert asked_at == [1000.0, 1007.0]


def test_a_client_that_is_off_asks_nobody():
    turns = Turns()
    client_of(rate_limit=turns, disabled=True).send(BATCH)

    assert turns.asked == []


# Waiting


def test_send_waits_in_the_callers_thread(clock):
    sleeps = []
    client = client_of(rate_limit=Turns(0.25, 0.5), dispatcher=on_clock(clock, sleeps))

    assert client.send(BATCH).state == "delivered"
    assert sleeps == [0.25, 0.5]


@pytest.mark.parametrize(("answer", "slept"), [(1e-12, 0.001), (1e9, 1.0), (math.inf, 1.0)])
def test_it_is_asked_again_soon_and_not_all_the_time(clock, answer, slept):
    sleeps = []
    client_of(rate_limit=Turns(answer), dispatcher=on_clock(clock, sleeps)).send(BATCH)

    assert sleeps == [slept]


def test_the_wait_is_not_charged_to_the_time_for_retries(clock):
    turns, sleeps = Turns(*[1.0] * 100, 0.0, *[1.0] * 100), []
    client = client_of(
        RecordingTransport(503, 503, 202),
        rate_limit=turns,
        retry=Retry(max_elapsed=5, base=1, random=lambda: 0.99),
        dispatcher=on_clock(clock, sleeps),
    )
    client.send(BATCH)

    assert client.stats.delivered == 1
    assert sum(sleeps) == pytest.approx(200 + 0.99 * (1 + 2))


def test_the_time_for_retries_still_ends(clock):
    turns = Turns(*[1.0] * 100)
    client = client_of(
        RecordingTransport(*[503] * 50),
        rate_limit=turns,
        retry=Retry(max_elapsed=5, base=2, random=lambda: 0.99),
        dispatcher=on_clock(clock, []),
    )
    with pytest.raises(ApiError, match=r"503 Service Unavailable \(2 attempts in 2.0 s\)"):
        client.send(BATCH)


def test_an_attempt_has_the_time_that_its_turn_leaves_it(clock):
    timeouts = []

    def look(request):
        timeouts.append(request.timeout)
        return 202

    client = client_of(
        FunctionTransport(look),
        rate_limit=Turns(*[1.0] * 100),
        retry=Retry(max_elapsed=5),
        dispatcher=on_clock(clock, []),
    )
    client.send(BATCH)

    assert timeouts == [pytest.approx(5)]


@pytest.mark.parametrize("dispatcher", [SyncDispatcher, ThreadedDispatcher])
def test_a_number_is_a_pace(dispatcher):
    with client_of(rate_limit=500, dispatcher=dispatcher()) as client:
        began = time.monotonic()
        client.send_all(numbered(301))
        client.flush()
        seconds = time.monotonic() - began

    assert client.stats.delivered == 301
    assert seconds >= (300 - 50) / 500


def test_several_clients_can_have_one_pace(clock):
    pace, sleeps = RateLimit(10, burst=1, clock=clock), []
    for _ in range(3):
        client_of(rate_limit=pace, dispatcher=on_clock(clock, sleeps)).send(*numbered(5))

    assert sum(sleeps) == pytest.approx(1.0)


# flush, close, the end


def behind(count=300, rate=500, budget=0.05, **options):
    """Return a client with more in its queue than its time for retries can hold."""
    client = client_of(
        rate_limit=rate,
        retry=Retry(max_elapsed=budget),
        dispatcher=ThreadedDispatcher(**options),
    )
    for batch in numbered(count):
        client.send(batch)
    return client


def test_flush_waits_for_the_turns_of_what_waits():
    client = behind()

    assert client.flush()
    assert client.stats.delivered == 300


def test_close_waits_for_the_turns_of_what_waits():
    assert behind().close() == (300, 0, 0, 0)


def test_close_waits_for_the_turns_of_a_queue_that_nobody_has_touched_yet():
    assert behind(flush_interval=600).close() == (300, 0, 0, 0)


def test_a_timeout_is_one_whoever_waits():
    client = behind(rate=1)
    began = time.monotonic()

    assert not client.flush(0.05)
    assert time.monotonic() - began < 5
    report = client.close(0.05)
    assert time.monotonic() - began < 5
    assert (report.delivered, report.failed) == (100, 200)
    assert client.stats.failed_by_reason == {"closed": 200}
    assert adds_up(client)


def test_closing_ends_a_wait_in_the_callers_thread():
    client = client_of(rate_limit=Turns(*[100.0] * 1000))
    errors = []

    def send():
        try:
            client.send(BATCH)
        except DeliveryError as error:
            errors.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    while not client._sender.gate.is_waiting():
        time.sleep(0.001)
    client.close(0)
    thread.join(SOON)

    assert [type(error) for error in errors] == [Closed]
    assert client.stats.failed_by_reason == {"closed": 1}


def test_flush_waits_for_the_turn_of_another_thread():
    client = client_of(rate_limit=Turns(*[0.1] * 3), retry=Retry(max_elapsed=0.01))
    thread = threading.Thread(target=client.send, args=[BATCH])
    thread.start()
    while not client._sender.gate.is_waiting():
        time.sleep(0.001)

    assert client.flush()
    thread.join(SOON)
    assert client.stats.delivered == 1


def test_close_of_a_client_that_sent_nothing_opens_no_outbox(tmp_path):
    dispatcher = ThreadedDispatcher(outbox=Outbox(tmp_path / "outbox.db"))
    client_of(rate_limit=1, dispatcher=dispatcher).close()

    assert list(tmp_path.iterdir()) == []


def test_send_all_waits_for_room_as_long_as_requests_wait_for_their_turn():
    dispatcher = ThreadedDispatcher(max_queue=100)
    dispatcher.max_elapsed = 0.01
    with client_of(rate_limit=1000, retry=Retry(max_elapsed=0.01), dispatcher=dispatcher) as client:
        report = client.send_all(numbered(600))
        client.flush()

    assert report.failed == 0
    assert client.stats.delivered == 600


@pytest.mark.parametrize("waits_inline", [False, True])
def test_the_end_of_the_process_keeps_its_time_limit(waits_inline):
    start = "def start(work): raise RuntimeError"
    options = "start=start" if waits_inline else ""
    with serving() as server:
        ended = run(
            f"""
{start}
client = Client(
    KEY, SECRET, environment="production", host=url, rate_limit=0.01,
    dispatcher=ThreadedDispatcher(exit_timeout=0.3, flush_interval=60, {options}),
)
import mpfluent.dispatch.shutdown as shutdown
began = time.monotonic()
if {waits_inline}:
    shutdown.ending = True
for number in range(3):
    client.send(*batches(100, 100 * number))
atexit.register(lambda: say("end", client, seconds=time.monotonic() - began))
""",
            server.url,
        )
    assert ended.code == 0
    assert ended.said["end"]["seconds"] < 5
    assert len(server.batches) == 100


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_that_is_forked_while_a_thread_waits_can_send():
    turns = Turns(*[0.05] * 20)
    client = client_of(rate_limit=turns)
    thread = threading.Thread(target=client.send, args=[BATCH])
    thread.start()
    while not client._sender.gate.is_waiting():
        time.sleep(0.001)
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        turns.answers.clear()
        ended = client.send(BATCH).state == "delivered" and client.flush() and client.close().left
        os._exit(0 if ended == 0 else 1)
    thread.join(SOON)

    assert os.waitpid(pid, 0)[1] == 0
    assert client.stats.delivered == 1


# A pace of somebody else's that fails


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (ConnectionError("redis"), "ConnectionError"),
        (None, "InvalidValue"),
        (-1, "InvalidValue"),
        (math.nan, "InvalidValue"),
        ("1", "InvalidValue"),
        (True, "InvalidValue"),
    ],
)
def test_a_pace_that_fails_stops_no_delivery_and_is_told_once(answer, name):
    client = client_of(rate_limit=Turns(answer, answer))
    with text_of("%(levelname)s %(message)s") as lines:
        client.send(BATCH)
        client.send(BATCH)
    warnings = [line for line in lines.getvalue().splitlines() if line.startswith("WARNING")]

    assert client.stats.delivered == 2
    assert client.stats.hook_errors == 2
    assert warnings == [f"WARNING the callback Turns.take raised {name}; delivery goes on"]


def test_an_answer_may_be_a_number_of_another_library(clock):
    sleeps = []
    turns = Turns(numpy.float64(0.5), numpy.float64(0))
    client_of(rate_limit=turns, dispatcher=on_clock(clock, sleeps)).send(BATCH)

    assert sleeps == [0.5]


# Settings


@pytest.mark.parametrize(
    "rate_limit", [0, -1, "250", True, math.nan, numpy.float64(0), numpy.float64("nan"), Turns]
)
def test_a_rate_limit_is_checked_where_it_is_written(rate_limit):
    with pytest.raises(ConfigurationError) as caught:
        client_of(rate_limit=rate_limit)
    why = "want batches a second, a number above 0, or an object with a method take()"
    text = f"Client(rate_limit={rate_limit!r}): {why}; write rate_limit=250"

    assert str(caught.value) == text


def test_a_class_is_no_rate_limit():
    with pytest.raises(ConfigurationError, match=r"write rate_limit=RateLimit\(250\)$"):
        client_of(rate_limit=RateLimit)


@pytest.mark.parametrize("name", ["pace", "throttle", "qps", "rate_limiter"])
def test_another_name_of_the_setting_is_answered_with_ours(name):
    with pytest.raises(ConfigurationError) as caught:
        Client(**{name: 250})

    assert str(caught.value) == f"Client() has no option {name!r}; did you mean 'rate_limit'?"


# With a server that keeps a limit


def test_at_a_pace_no_request_is_refused():
    with (
        LocalServer(rate_limit=400) as server,
        client_of(RequestsTransport(), host=server.url, rate_limit=400) as client,
    ):
        report = client.send_all(numbered(700))

    assert report.delivered == 700
    assert {request.status_code for request in server.requests} == {202}
