"""Processes that share a pace, at a server that keeps a limit.

``pytest -n0 --slow -s`` of this file prints how long they take, beside the ideal time, and how many
requests were refused.
"""

import pytest
from processes import done, start
from scenarios import KEY, SECRET

from mpfluent.testing import LocalServer, ok
from mpfluent.testing.rate_meter import RateMeter

RATE = 270  # batches a second: what mParticle takes of one input
SENDER = """
from mpfluent import RateLimit
path, rate, count, first = sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
moments, turns = [], []  # when it asked, and when it had its turn for how many batches
pace = RateLimit(rate, shared=path, clock=lambda: moments.append(time.time()) or moments[-1])

class Noting:
    def take(self, batches):
        seconds = pace.take(batches)
        if not seconds:
            turns.append((moments[-1], batches))
        return seconds

with Client(KEY, SECRET, environment="production", host=url, rate_limit=Noting()) as client:
    say("ready")
    sys.stdin.readline()  # until all have started
    report = client.send_all(batches(count, first))
say("sender", client, turns=turns)
"""


@pytest.mark.parametrize(
    ("processes", "count"),
    [
        (3, 200),
        pytest.param(1, 3000, marks=pytest.mark.slow),
        pytest.param(12, 600, marks=pytest.mark.slow),
    ],
)
def test_requests_of_processes_that_share_a_pace_leave_when_no_server_would_refuse_them(
    tmp_path, processes, count
):
    with LocalServer(api_key=KEY, api_secret=SECRET, rate_limit=RATE) as server:
        arguments = [server.url, tmp_path / "rate.limit", RATE, count]
        senders = [start(SENDER, *arguments, count * number) for number in range(processes)]
        for sender in senders:
            sender.stdout.readline()
        for sender in senders:
            sender.stdin.write("\n")
            sender.stdin.flush()
        ended = [done(sender) for sender in senders]

    # How many are refused depends on how long each was on its way: on how busy the machine is.
    refused = sum(request.status_code != 202 for request in server.requests)
    # the last request leaves when all before it are paid for; the first may have been slow
    ideal, taken = (processes * count - 100) / RATE, server.gap(0, -1)
    print(
        f"{processes} at a time, {count} batches each, {RATE} a second: {taken:.2f} s, "
        f"{taken / ideal:.3f} × the ideal {ideal:.2f} s; {refused} requests refused"
    )
    assert [each.code for each in ended] == [0] * processes
    assert [each.counts("sender") for each in ended] == [(count, count, 0, 0)] * processes
    turns = sorted(turn for each in ended for turn in each.said["sender"]["turns"])
    meter = RateMeter(RATE)
    assert {meter.answer(batches, ok(), at).status_code for at, batches in turns} == {202}
    assert sum(batches for _, batches in turns) >= processes * count
    assert len(server.unique_ids) == processes * count
    assert taken > ideal - 0.6
