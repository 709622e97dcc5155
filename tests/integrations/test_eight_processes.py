"""Eight processes with one key, with and without a limit that they share; and the same, computed.

``pytest -n0 -s --slow`` of this file prints the table that docs/scale.md has. Needs redis-server.
"""

import logging
from pathlib import Path

import pytest
from processes import done, start
from redis_server import RedisServer
from scenarios import KEY, SECRET

from mpfluent.testing import LocalServer

RATE, COUNT = 270, 400  # batches a second, and batches of each process
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


@pytest.fixture(scope="module")
def computed():
    """Return a function that computes the same."""
    pytest.MonkeyPatch().syspath_prepend(Path(__file__).parents[2])
    from benchmarks import fleet

    def computed(limit, seed=1):
        options = {"rate": RATE, "request_time": 0.005, "failures": 0, "skew": 60}
        found = fleet.simulate(limit, 8, COUNT, seed=seed, **options)
        print("computed", limit, [round(part, 3) for part in found])
        return found

    return computed


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["none", "none, in the background", "divided", "file", "Redis"])
def test_measure(kind, tmp_path, computed):
    where = tmp_path / "rate.limit"
    if kind == "Redis":
        with RedisServer(tmp_path) as redis:
            measured(kind, redis.url)
    else:
        measured(kind, where)
    for seed in range(3):
        if kind in ("none", "divided", "Redis"):
            computed(kind, seed)
