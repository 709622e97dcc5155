"""Eight processes with one key, with and without a limit that they share; and the same, computed.

``pytest -n0 -s --slow`` of this file prints the table that docs/scale.md has. Needs redis-server.
"""

import importlib
import os
import subprocess
import sys
import threading

import pytest
from pages import ROOT, section
from processes import done, start
from redis_server import RedisServer
from scenarios import KEY, SECRET

from mpfluent.testing import LocalServer

ALONE = pytest.mark.skipif(
    "PYTEST_XDIST_WORKER" in os.environ, reason="measures rates, so nothing else may run; write -n0"
)
RATE, COUNT = 270, 400  # batches a second, and batches of each process
PAGE, HEADING = "docs/scale.md", "Up to a thousand processes"
SENDER = """
from mpfluent import RateLimit
kind, where, count, first = *sys.argv[2:4], int(sys.argv[4]), int(sys.argv[5])
def redis():
    from mpfluent.integrations.redis import RedisRateLimit
    return RedisRateLimit(where, per_second=270, name="x", share=1/8)
pace = {
    "divided": lambda: RateLimit(270 / 8),
    "file": lambda: RateLimit(270, shared=where),
    "Redis": redis,
}.get(kind, lambda: None)()
dispatcher = ThreadedDispatcher() if kind == "none, in the background" else None
retry = None if dispatcher else Retry(max_elapsed=15)
options = {"rate_limit": pace, "dispatcher": dispatcher, "retry": retry}
with Client(KEY, SECRET, environment="production", host=url, **options) as client:
    say("ready")
    sys.stdin.readline()  # until all have started
    client.send_all(batches(count, first))
    client.flush(100)
say("sender", client)
"""


def measured(kind, where):
    """Return the parts of the rate, of the requests (429) and of the batches (lost)."""
    with LocalServer(api_key=KEY, api_secret=SECRET, rate_limit=RATE) as server:
        senders = [start(SENDER, server.url, kind, where, COUNT, COUNT * n) for n in range(8)]
        for sender in senders:
            sender.stdout.readline()
        for sender in senders:
            sender.stdin.write("\n")
            sender.stdin.flush()
        ended = [done(sender) for sender in senders]
    codes = [request.status_code for request in server.requests]
    arrived = len(server.unique_ids)
    lost = sum(each.counts("sender")[2] for each in ended)
    assert [each.code for each in ended] == [0] * 8
    assert (arrived + lost, server.duplicates) == (8 * COUNT, [])
    rate = (arrived - 100) / server.gap(0, -1)  # nobody waits for the last request
    refused = codes.count(429) / len(codes)
    lost /= 8 * COUNT
    print(f"| 8 processes, limit: {kind} | {refused:.0%} | {lost:.0%} | {rate:.0f} |")
    return rate / RATE, refused, lost


@ALONE
@pytest.mark.slow
@pytest.mark.parametrize("limit", ["none", "divided", "Redis"])
def test_what_is_computed_for_eight_processes_is_what_is_measured(limit, tmp_path):
    with RedisServer(tmp_path) as redis:
        rate, refused, lost = measured(limit, redis.url)
    seeds = [computed(limit, seed) for seed in range(8)]

    for part, found in enumerate((rate, refused, lost)):
        least, most = min(one[part] for one in seeds), max(one[part] for one in seeds)
        assert least - AROUND[part] <= found <= most + AROUND[part], (part, found, least, most)
    assert (refused, lost) == (0, 0) or limit != "Redis"
    assert rate >= 0.95 or limit != "Redis"


@ALONE
@pytest.mark.slow
@pytest.mark.parametrize("limit", ["none, in the background", "file"])
def test_eight_processes_lose_nothing(limit, tmp_path):
    _, refused, lost = measured(limit, tmp_path / "rate.limit")

    assert lost == 0
    assert refused == 0 or limit != "file"


# Computed

# Of the rate, of the requests and of the batches. Processes that have to wait for a processor are
# refused more often, and the simulation has one for each.
AROUND = (0.15, 0.15, 0.05)


def fleet():
    return importlib.import_module("benchmarks.fleet")


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)


def computed(limit, seed=1):
    """Return the same as ``measured``."""
    options = {"rate": RATE, "request_time": 0.005, "failures": 0, "skew": 60}
    many = 4 * COUNT if "away" in limit else COUNT  # it goes away after 20 s
    rate, refused, lost, _ = fleet().simulate(limit, 8, many, seed=seed, **options)
    print(f"| computed, seed {seed}: {limit} | {refused:.0%} | {lost:.0%} | {rate * RATE:.0f} |")
    return rate * (8 * many - 100) / (8 * many), refused, lost


# least and most of what was measured: of the rate, of the requests (429) and of the batches (lost)
MEASURED = {
    "none": ((0.7, 1.03), (0.54, 0.72), (0, 0.08)),
    "divided": ((0.33, 0.58), (0.45, 0.58), (0, 0.05)),
    "Redis": ((0.98, 1.032), (0, 0), (0, 0)),
    "Redis, away for 20 s": ((0.9, 1.03), (0, 0.08), (0, 0)),
}


@pytest.mark.parametrize("limit", MEASURED)
def test_what_is_computed_for_eight_processes_is_within_what_was_measured(limit):
    found = computed(limit)

    for part, (least, most) in zip(found, MEASURED[limit], strict=True):
        assert least <= round(part, 3) <= most, found


def test_the_same_seed_computes_the_same():
    assert computed("none", 5) == computed("none", 5) != computed("none", 6)


def table_of(*arguments):
    """Return the rows that the command prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "benchmarks.fleet", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def rows_of_page():
    return [line for line in section(PAGE, HEADING).splitlines() if line.startswith("|")]


def test_the_rows_of_eight_processes_on_the_page_are_what_the_command_prints():
    assert rows_of_page()[:6] == table_of("--processes", "8")


@pytest.mark.slow
def test_the_table_on_the_page_is_what_the_command_prints():
    assert rows_of_page() == table_of()


def test_a_program_that_raises_does_not_stop_the_others(monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda raised: seen.append(raised.exc_type))
    time = fleet().Time()
    beds = [time.lie_down(moment) for moment in (1, 2, 3)]

    def program():
        seen.append(time.now)
        if time.now == 2:
            raise ZeroDivisionError
        time.sleep(5)
        seen.append(time.now)

    threads = [threading.Thread(target=time.run, args=(program, bed)) for bed in beds]
    for thread in threads:
        thread.start()
    time.wake_next()
    for thread in threads:
        thread.join()

    assert seen == [1, 2, ZeroDivisionError, 3, 6, 8]
