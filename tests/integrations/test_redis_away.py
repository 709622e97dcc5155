"""A rate limit in a Redis that is not there: the share of each process, mistakes, and secrets."""

import math
import os
import signal
import socket
import threading
import traceback
from contextlib import closing

import numpy
import pytest
from clients import client_of, numbered
from log_records import text_of
from missing_packages import error_without
from outboxes import Clock
from redis_server import free_port

from mpfluent import ConfigurationError, InvalidValue
from mpfluent.integrations.redis import RedisRateLimit

LINE = "write RedisRateLimit('redis://localhost:6379/0', per_second=270, name='ios feed')"
SECRET = "s3cr3t-fedcba9876543210"
HIDDEN = (SECRET, SECRET[:12])  # so that no frame of a test holds it under a name


class Listener:
    """It takes connections, answers nothing, and counts them."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.socket.getsockname()[1]
        self.taken = []

    def count(self):
        self.socket.setblocking(False)
        while True:
            try:
                self.taken.append(self.socket.accept()[0])
            except BlockingIOError:
                return len(self.taken)

    def close(self):
        for each in [*self.taken, self.socket]:
            each.close()


@pytest.fixture
def silent():
    with closing(Listener()) as listener:
        yield listener


def limit_of(port, per_second=270, name="ios feed", **options):
    url = f"redis://127.0.0.1:{port}/0"
    return RedisRateLimit(url, per_second=per_second, name=name, **options)


def lines_of(lines):
    return lines.getvalue().splitlines()


# The share of a process


def test_while_redis_is_away_a_process_keeps_to_its_share():
    clock = Clock()
    pace = limit_of(free_port(), share=0.1, clock=clock)
    left = 0
    while clock.now < 1000 + 100:
        wait = pace.take(10)
        left += 0 if wait else 10
        clock.now += wait

    assert left == pytest.approx(0.1 * 270 * 100, abs=20)


def test_processes_that_find_it_out_together_do_not_send_together():
    waits = [limit_of(free_port(), share=0.001).take(100) for _ in range(20)]

    # the wait until Redis is asked again; what each has to wait for is up to 370 seconds
    assert min(waits) > 0.01
    clocks = [Clock() for _ in range(20)]
    paces = [limit_of(free_port(), share=0.5, clock=clock) for clock in clocks]
    first = []
    for pace, clock in zip(paces, clocks):
        while wait := pace.take(100):
            clock.now += wait
        first.append(clock.now - 1000)
    assert max(first) <= 100 / 135 + 0.001
    assert len(set(first)) == 20


def test_who_waits_for_the_share_asks_again_when_redis_may_be_back():
    pace = limit_of(free_port(), per_second=0.001, clock=Clock())
    pace.take(1)

    assert pace.take(100) <= 0.5


def test_a_request_of_any_size_leaves():
    clock = Clock()
    pace = limit_of(free_port(), burst=1, clock=clock)
    for batches in (1000, 1, 1000):
        while wait := pace.take(batches):
            clock.now += wait


def test_it_is_told_once_an_outage():
    clock = Clock()
    port = free_port()
    pace = limit_of(port, clock=clock)
    with text_of("%(levelname)s %(host)s %(error)s %(message)s") as lines:
        for _ in range(10):
            pace.take(1)
            clock.now += 1

    assert lines_of(lines) == [
        f"WARNING 127.0.0.1:{port} ConnectionError the rate limit 'ios feed' cannot be asked in "
        "Redis (no connection): this process keeps to 27 batches a second meanwhile"
    ]


def test_a_redis_that_does_not_answer_is_not_asked_for_each_request(silent):
    pace = limit_of(silent.port, clock=Clock())
    with text_of("%(message)s") as lines:
        for _ in range(100):
            pace.take(1)

    assert silent.count() == 1
    assert "(no answer in time)" in lines.getvalue()


def test_a_question_that_took_long_is_asked_again_after_ten_times_as_long(silent):
    clock = Clock()
    pace = limit_of(silent.port, clock=lambda: clock.now + silent.count())  # it took a second
    pace.take(1)
    clock.now += 9.9
    pace.take(1)
    assert silent.count() == 1
    clock.now += 0.2
    pace.take(1)
    assert silent.count() == 2


def test_only_one_thread_asks_a_redis_that_is_away(silent):
    clock = Clock()
    pace = limit_of(silent.port, clock=clock)
    pace.take(1)
    clock.now += 1
    threads = [threading.Thread(target=pace.take, args=[1]) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert silent.count() == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_finds_out_for_itself(silent):
    pace = limit_of(silent.port, clock=Clock())
    pace.take(1)
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        pace.take(1)
        os._exit(0)

    assert os.waitpid(pid, 0)[1] == 0
    assert silent.count() == 2


def test_what_is_no_redis_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(10_000)

        thread = threading.Thread(target=answer)
        thread.start()
        pace = limit_of(server.getsockname()[1])
        with text_of("%(error)s") as lines:
            pace.take(1)
        del pace  # it closes the connection
        thread.join()

    assert lines_of(lines) == ["InvalidResponse"]


def test_a_client_sends_without_redis_and_no_hook_has_failed():
    with client_of(rate_limit=limit_of(free_port(), per_second=1000, share=1)) as client:
        report = client.send_all(numbered(250))

    assert (report.delivered, report.failed, client.stats.hook_errors) == (250, 0, 0)


# Signals


class JobLimit(Exception):
    pass


@pytest.mark.parametrize("kind", [JobLimit, TimeoutError, ConnectionResetError, KeyboardInterrupt])
def test_what_a_signals_handler_raises_comes_out_and_shows_no_password(silent, kind):
    def handler(*_):
        raise kind("enough")

    pace = RedisRateLimit(f"redis://:{SECRET}@127.0.0.1:{silent.port}", per_second=270, name="x")
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(kind, match=r"^enough$") as caught, text_of("%(message)s") as lines:
            pace.take(1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert type(caught.value) is kind
    assert lines.getvalue() == ""
    assert_hidden(caught.value)
    assert pace.take(1) < 1  # it works as before


def assert_hidden(error):
    """Hold that no traceback with locals shows the secret, but for the frames of this file."""
    texts, one = [], error
    while one is not None:
        texts.append(repr(one))
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if frame.f_code.co_filename != __file__:
                texts += [safe_repr(value) for value in frame.f_locals.values()]
        one = one.__context__
    assert [text for text in texts if any(hidden in text for hidden in HIDDEN)] == []


def safe_repr(value):
    try:
        return repr(value)
    except AttributeError:  # it was not finished
        return ""


# Settings


def test_its_repr_says_what_it_does_without_the_password():
    url = f"rediss://user:{SECRET}@redis.example:7000/3"
    pace = RedisRateLimit(url, per_second=270, burst=100, name="ios feed", share=1 / 8)
    shown = "270 batches a second, burst 100, share 0.125"

    assert repr(pace) == f"<RedisRateLimit 'ios feed' at redis.example:7000, {shown}>"
    on_disk = RedisRateLimit("unix:///run/redis.sock", per_second=0.5, name="x")
    shown = "0.5 batches a second, burst 1, share 0.1"
    assert repr(on_disk) == f"<RedisRateLimit 'x' at /run/redis.sock, {shown}>"


def test_no_log_has_the_password(silent):
    url = f"redis://user:{SECRET}@127.0.0.1:{silent.port}/0"
    with text_of("%(message)s %(args)s", logger="") as lines:
        RedisRateLimit(url, per_second=270, name="x").take(1)
        dead = url.replace(str(silent.port), str(free_port()))
        RedisRateLimit(dead, per_second=270, name="x").take(1)

    assert "cannot be asked" in lines.getvalue()
    assert not [hidden for hidden in HIDDEN if hidden in lines.getvalue()]


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost:6379", f"http://:{SECRET}@host", f"redis://:{SECRET}/x@host:6379/0"),
        *(f"redis://:{SECRET}@host:70000x", f"redis://:{SECRET}@host?socket_timeout=soon"),
        *(f"redis://:{SECRET}@host?unknown=1", f"redis+cluster://:{SECRET}@host:1"),
        *(f"redis://:{SECRET}@host".encode(), [f"redis://:{SECRET}@host"], 5, None),
    ],
)
def test_an_address_is_checked_where_it_is_written_and_not_shown(url):
    with pytest.raises(ConfigurationError) as caught:
        RedisRateLimit(url, per_second=270, name="ios feed")
    shown = "None" if url is None else "…"
    want = "want the address of a Redis: redis://, rediss:// or unix://"

    assert str(caught.value) == f"RedisRateLimit({shown}): {want}; {LINE}"
    assert_hidden(caught.value)


WRONG = [
    *(("per_second", value) for value in (0, -1, 0.0001, 1e9, math.nan, True, "270", None)),
    *(("burst", value) for value in (0, 1.5, -1, True, "100")),
    *(("share", value) for value in (0, 1.01, -1, math.nan, True, "1/8", None)),
    *(("name", value) for value in ("", " ", "a\nb", "\ud800", b"ios feed", 5, None)),
]
WANT = {
    "per_second": "a number from 0.001 to 1000000",
    "burst": "a number of batches, 1 or more",
    "share": "a number from 0.0001 to 1",
    "name": "a name, the same in all processes",
}


@pytest.mark.parametrize(("option", "value"), WRONG)
def test_settings_are_checked_where_they_are_written(option, value):
    url = f"redis://:{SECRET}@localhost"
    with pytest.raises(ConfigurationError) as caught:
        RedisRateLimit(url, **{"per_second": 270, "name": "ios feed", option: value})

    assert str(caught.value) == f"RedisRateLimit({option}={value!r}): want {WANT[option]}; {LINE}"
    assert_hidden(caught.value)


def test_an_unknown_option_is_answered_with_the_one_that_was_meant():
    with pytest.raises(ConfigurationError) as caught:
        RedisRateLimit(f"redis://:{SECRET}@h", per_second=270, name="x", per_secnd=5)

    expected = "RedisRateLimit() has no option 'per_secnd'; did you mean 'per_second'?"
    assert str(caught.value) == expected
    assert_hidden(caught.value)


def test_a_number_may_be_another_librarys():
    pace = limit_of(1, per_second=numpy.int64(270), burst=numpy.int32(5), share=numpy.float32(0.5))

    assert [type(each) for each in (pace.per_second, pace.burst, pace.share)] == [int, int, float]


def test_a_url_that_redis_py_understands_may_have_settings_of_its_own():
    url = "redis://localhost/0?socket_timeout=2"

    assert "localhost:6379" in repr(RedisRateLimit(url, per_second=270, name="x"))


@pytest.mark.parametrize("batches", [0, -1, 1.5, True, "1", None, math.nan])
def test_only_a_number_of_batches_is_taken(batches):
    with pytest.raises(InvalidValue) as caught:
        limit_of(1).take(batches)
    text = f"take({batches!r}): want a number of batches, 1 or more; write take(1)"
    assert str(caught.value) == text


# Without the extra


@pytest.mark.parametrize("missing", ["redis", "throttled"])
def test_the_extra_is_named_where_a_package_is_missing(missing):
    assert error_without(missing, "import mpfluent.integrations.redis") == (
        "ImportError | mpfluent.integrations.redis needs throttled-py and redis; "
        f"write pip install 'mpfluent[redis]' | {missing}\n"
    )
