"""A rate limit in a real Redis: who may send when, in all processes that share it."""

import os
import pickle
import re
import signal
import threading
import time

import pytest
from clients import client_of, numbered
from log_records import text_of
from outboxes import Clock
from pages import text_of as text_of_page
from processes import GREEN, done, run, start
from redis import Redis
from redis_server import RedisServer
from scenarios import KEY, SECRET, eventually

from mpfluent import RateLimit
from mpfluent.integrations.redis import RedisRateLimit
from mpfluent.testing import LocalServer

pytestmark = pytest.mark.slow
KEPT = "throttled:v1:gcra:mpfluent:ios feed"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(running):
    """A Redis that is empty."""
    with Redis.from_url(running.url) as client:
        client.flushall()
    return running


@pytest.fixture
def own_redis(tmp_path):
    """A Redis of the test alone, which it may stop."""
    with RedisServer(tmp_path) as server:
        yield server


def limit_of(server, per_second=0.001, name="ios feed", **options):
    """Return a rate limit; by default, one that gives nothing back while the test runs."""
    return RedisRateLimit(server.url, per_second=per_second, name=name, **options)


def granted(pace, count):
    """Return how many of so many single batches may leave at once."""
    return sum(pace.take(1) == 0.0 for _ in range(count))


# One budget


def test_two_take_from_one_budget(redis):
    first, second = limit_of(redis, burst=5), limit_of(redis, burst=5)

    assert [granted(first, 3), granted(second, 10), granted(first, 10)] == [3, 2, 0]


def test_each_name_is_a_budget(redis):
    assert granted(limit_of(redis, burst=5), 10) == 5
    assert granted(limit_of(redis, burst=5, name="android feed"), 10) == 5


def test_it_says_how_long_to_wait_and_a_question_costs_nothing(redis):
    pace = limit_of(redis, per_second=0.5, burst=1)

    assert pace.take(10) == 0.0
    waits = [pace.take(1) for _ in range(5)]
    assert waits == sorted(waits, reverse=True)
    assert 19 < waits[-1] < waits[0] <= 20


def test_who_waits_as_it_says_gets_a_turn(redis):
    pace = limit_of(redis, per_second=100, burst=1)
    pace.take(10)
    threading.Event().wait(pace.take(1) + 0.001)

    assert pace.take(1) == 0.0


@pytest.mark.parametrize("batches", [1, 100, 1000])
def test_a_request_of_any_size_waits_for_what_left_before_it_as_with_a_pace_of_one_process(
    redis, batches
):
    paces = limit_of(redis, per_second=1, burst=5), RateLimit(1, burst=5)
    for pace in paces:
        assert pace.take(batches) == 0.0
        assert pace.take(7) == pytest.approx(max(0.0, batches - 4), abs=0.9)


def test_a_large_request_does_not_wait_behind_small_ones(redis):
    pace = limit_of(redis, per_second=1, burst=5)
    granted(pace, 10)

    assert pace.take(1000) == pytest.approx(pace.take(1), abs=0.1)


def test_a_rate_may_be_a_fraction(redis):
    pace = limit_of(redis, per_second=2.5, burst=1)
    pace.take(100)

    assert pace.take(1) == pytest.approx(40, abs=0.5)


@pytest.mark.parametrize("now", [0.0, 1e12, -1e12])
def test_only_the_clock_of_redis_counts(redis, now, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: now)
    skewed = limit_of(redis, burst=5, clock=lambda: now)

    assert [granted(limit_of(redis, burst=5), 3), granted(skewed, 10)] == [3, 2]


def test_a_clock_of_redis_that_was_set_back_holds_nothing_up(redis):
    pace = limit_of(redis, per_second=270)
    pace.take(100)
    with Redis.from_url(redis.url) as client:
        client.set(KEPT, float(client.get(KEPT)) + 3600)

    assert pace.take(100) == 0.0
    assert 0 < pace.take(100) < 0.5


def test_what_is_kept_in_redis_expires(redis):
    limit_of(redis, per_second=270).take(100)
    with Redis.from_url(redis.url) as client:
        assert client.keys() == [KEPT.encode()]
        assert client.ttl(KEPT) in (0, 1)


def test_a_redis_that_forgets_its_scripts_is_told_them_again(redis):
    pace = limit_of(redis, burst=5)
    assert granted(pace, 2) == 2
    with Redis.from_url(redis.url) as client:
        client.script_flush()

    assert granted(pace, 10) == 3


def test_others_who_use_throttled_py_keep_their_own_connections(redis):
    from throttled.store.redis_pool import BaseConnectionFactory

    limit_of(redis).take(1)

    assert [url for url in BaseConnectionFactory._pools if redis.url in url] == []


# Threads and processes


def test_threads_take_no_more_than_there_is(redis):
    pace, taken = limit_of(redis, burst=500), []
    threads = [threading.Thread(target=lambda: taken.append(granted(pace, 200))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(taken) == 500


def test_it_travels_to_another_process_by_its_settings(redis):
    pace = limit_of(redis, burst=5, share=0.25)
    other = pickle.loads(pickle.dumps(pace))

    assert repr(other) == repr(pace)
    assert [granted(pace, 3), granted(other, 10)] == [3, 2]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own_and_the_same_budget(redis):
    pace = limit_of(redis, burst=501)
    pace.take(1)
    pids = []
    for _ in range(4):
        pid = os.fork()
        if not pid:
            signal.alarm(20)
            os._exit(granted(pace, 100))
        pids.append(pid)
    ours = granted(pace, 100)
    children = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]

    assert [ours, *children] == [100] * 5
    assert granted(pace, 10) == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_that_is_forked_while_a_thread_asks_can_ask(own_redis):
    pace = limit_of(own_redis, burst=500)
    pace.take(1)
    own_redis.freeze()
    thread = threading.Thread(target=pace.take, args=[1])
    thread.start()
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        own_redis.thaw()
        os._exit(granted(pace, 100))
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 100


SPAWN = {
    "gevent": """
import gevent
gevent.joinall([gevent.spawn(take) for _ in range(20)])
""",
    "eventlet": """
pool = eventlet.GreenPool()
for _ in range(20):
    pool.spawn(take)
pool.waitall()
""",
}


@pytest.mark.parametrize("late", [False, True], ids=["patched first", "patched later"])
@pytest.mark.parametrize("kind", GREEN)
def test_greenlets_share_one(redis, kind, late):
    ended = run(
        f"""
import warnings
from mpfluent.integrations.redis import RedisRateLimit
pace = RedisRateLimit(url, per_second=0.001, burst=50, name="ios feed")
pace.take(1)
warnings.simplefilter("ignore")  # gevent says that it is late
{GREEN[kind] if late else ""}
taken = []
def take():
    taken.extend([pace.take(1) == 0.0 for _ in range(10)])
{SPAWN[kind]}
say("end", taken=sum(taken), asked=len(taken))
""",
        redis.url,
        first="" if late else GREEN[kind],
    )

    assert (ended.code, ended.stderr) == (0, "")
    assert (ended.said["end"]["taken"], ended.said["end"]["asked"]) == (49, 200)


@pytest.mark.parametrize("kind", GREEN)
def test_a_frozen_redis_holds_up_no_other_greenlet(own_redis, kind):
    own_redis.freeze()
    ended = run(
        f"""
from mpfluent.integrations.redis import RedisRateLimit
pace = RedisRateLimit(url, per_second=0.001, burst=50, name="ios feed")
said = []
def take():
    said.append("asks")
    pace.take(1)
    said.append("answered")
{SPAWN[kind].replace("20", "3")}
say("end", said=said)
""",
        own_redis.url,
        first=GREEN[kind],
    )

    assert ended.said["end"]["said"] == ["asks"] * 3 + ["answered"] * 3


SENDER = """
from mpfluent.integrations.redis import RedisRateLimit
redis, count, first = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
pace = RedisRateLimit(redis, per_second=270, name="ios feed", share=1/8)
with Client(KEY, SECRET, environment="production", host=url, rate_limit=pace) as client:
    sys.stdin.readline()  # until all have started
    report = client.send_all(batches(count, first))
say("sender", client)
"""


def eight_senders(server, redis, count):
    senders = [start(SENDER, server.url, redis.url, count, count * n) for n in range(8)]
    for sender in senders:
        sender.stdin.write("\n")
        sender.stdin.flush()
    return senders


def share_of_rate(server, count):
    """Return which part of 270 batches a second arrived, and print it."""
    found = (count - 100) / server.gap(0, -1) / 270  # the last request is not paid for
    refused = [request.status_code for request in server.requests].count(429)
    print(f"{count} batches by 8 processes: {found:.1%} of the rate, {refused} answered 429")
    return found


def test_eight_processes_use_the_rate_and_are_never_refused(redis):
    count = 400
    with LocalServer(api_key=KEY, api_secret=SECRET, rate_limit=270) as server:
        ended = [done(sender) for sender in eight_senders(server, redis, count)]

    assert [each.code for each in ended] == [0] * 8
    assert [each.counts("sender") for each in ended] == [(count, count, 0, 0)] * 8
    assert {request.status_code for request in server.requests} == {202}
    assert (len(server.unique_ids), server.duplicates) == (8 * count, [])
    assert share_of_rate(server, 8 * count) >= 0.95


def test_eight_processes_lose_nothing_while_redis_is_stopped_and_started(own_redis):
    count = 600
    with LocalServer(api_key=KEY, api_secret=SECRET, rate_limit=270) as server:
        senders = eight_senders(server, own_redis, count)
        assert eventually(lambda: len(server.unique_ids) >= 1200, 60)
        own_redis.stop()
        gone = len(server.unique_ids)
        assert eventually(lambda: len(server.unique_ids) >= gone + 500, 60)
        own_redis.start()
        ended = [done(sender) for sender in senders]

    with Redis.from_url(own_redis.url) as client:
        asked = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert [each.counts("sender") for each in ended] == [(count, count, 0, 0)] * 8
    assert (len(server.unique_ids), server.duplicates) == (8 * count, [])
    assert [each.stderr.count("cannot be asked in Redis") for each in ended] == [1] * 8
    assert asked >= 8
    share_of_rate(server, 8 * count)


# A Redis that cannot be asked


def away(pace):
    """Return what is logged when Redis cannot be asked."""
    with text_of("%(levelname)s %(host)s %(error)s %(message)s") as lines:
        for _ in range(5):
            pace.take(1)
    return [line for line in lines.getvalue().splitlines() if line.startswith("WARNING")]


def line_of(server, error, why):
    return [
        f"WARNING 127.0.0.1:{server.port} {error} the rate limit 'ios feed' cannot be asked in "
        f"Redis ({why}): this process keeps to 0.0001 batches a second meanwhile"
    ]


def read_only(client):
    client.replicaof("127.0.0.1", "1")


def full(client):
    client.config_set("maxmemory", 1)


def without_scripts(client):
    client.execute_command("ACL", "SETUSER", "default", "-evalsha", "-eval")


def another_type(client):
    client.hset(KEPT, "a", "b")


def not_a_number(client):
    client.set(KEPT, "another program's")


@pytest.mark.parametrize(
    ("spoil", "error", "why"),
    [
        (read_only, "ReadOnlyError", "it is read-only"),
        (full, "OutOfMemoryError", "its memory is full"),
        (without_scripts, "NoPermissionError", "the user may not run the script"),
        (another_type, "ResponseError", "ResponseError"),
        (not_a_number, "ResponseError", "ResponseError"),
    ],
)
def test_a_redis_that_refuses_is_told_once(own_redis, spoil, error, why):
    with Redis.from_url(own_redis.url) as client:
        spoil(client)

    assert away(limit_of(own_redis)) == line_of(own_redis, error, why)


def test_a_redis_that_is_frozen_costs_one_question(own_redis):
    pace = limit_of(own_redis)
    pace.take(1)
    own_redis.freeze()

    assert away(pace) == line_of(own_redis, "TimeoutError", "no answer in time")


@pytest.mark.parametrize("secret", ["right", "wr%2Fong-s3cr3t", pytest.param("", id="none")])
def test_a_wrong_password_is_told_without_it(tmp_path, secret):
    with RedisServer(tmp_path, "--requirepass", "right") as server:
        url = server.url.replace("//", f"//:{secret}@" if secret else "//")
        pace = RedisRateLimit(url, per_second=0.001, name="ios feed")
        expected = line_of(server, "AuthenticationError", "it refuses the user or the password")

        assert away(pace) == ([] if secret == "right" else expected)


def test_a_user_who_may_do_no_more_than_the_page_says_can_use_it(own_redis):
    page = text_of_page("docs/scale.md")
    (rule,) = re.findall(r"`ACL SETUSER (sender on >password .*?)`", page)
    with Redis.from_url(own_redis.url) as client:
        client.execute_command("ACL", "SETUSER", *rule.split())
    url = own_redis.url.replace("//", "//sender:password@")
    pace = RedisRateLimit(url, per_second=0.001, name="ios feed", burst=5)

    assert away(pace) == []
    assert pace.take(1) > 0


def test_a_redis_that_is_back_is_used_again(own_redis):
    clock = Clock()
    pace = limit_of(own_redis, burst=5, clock=clock)
    other = limit_of(own_redis, burst=5)
    assert pace.take(1) == 0.0
    own_redis.stop()
    assert pace.take(1) > 0
    own_redis.start()
    assert granted(other, 3) == 3
    assert pace.take(1) > 0  # it is not asked all the time
    clock.now += 0.51
    with text_of("%(levelname)s %(message)s") as lines:
        assert granted(pace, 10) == 2

    assert lines.getvalue() == "DEBUG the rate limit 'ios feed' is asked in Redis again\n"


def test_what_left_in_advance_meanwhile_is_taken_from_the_budget(own_redis):
    clock = Clock()
    pace = limit_of(own_redis, per_second=1, share=0.1, clock=clock)
    own_redis.stop()
    pace.take(1)
    clock.now += 10  # what it waits at first
    assert pace.take(100) == 0.0
    own_redis.start()
    clock.now += 1

    # 100 batches less those of a second; what it waited at first is not charged
    assert 80 < pace.take(1) <= 100


def test_a_client_sends_on_at_its_share_and_counts_no_error_of_a_hook(own_redis):
    pace = limit_of(own_redis, per_second=1000, share=1)
    own_redis.stop()
    with client_of(rate_limit=pace) as client:
        report = client.send_all(numbered(250))

    assert (report.delivered, report.failed, client.stats.hook_errors) == (250, 0, 0)
