"""Processes that share a pace, at a server that keeps a limit."""

import pytest
from processes import done, start
from scenarios import KEY, SECRET

from mpfluent.testing import LocalServer

SENDER = """
from mpfluent import RateLimit
path, rate, count, first = sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
pace = RateLimit(rate, shared=path)
with Client(KEY, SECRET, environment="production", host=url, rate_limit=pace) as client:
    sys.stdin.readline()  # until all have started
    report = client.send_all(batches(count, first))
say("sender", client)
"""


@pytest.mark.parametrize(
    ("processes", "count"), [(3, 200), pytest.param(12, 600, marks=pytest.mark.slow)]
)
def test_processes_that_share_a_pace_are_never_refused(tmp_path, processes, count):
    rate = 270
    with LocalServer(api_key=KEY, api_secret=SECRET, rate_limit=rate) as server:
        arguments = [server.url, tmp_path / "rate.limit", rate, count]
        senders = [start(SENDER, *arguments, count * number) for number in range(processes)]
        for sender in senders:
            sender.stdin.write("\n")
            sender.stdin.flush()
        ended = [done(sender) for sender in senders]

    assert [each.code for each in ended] == [0] * processes
    assert [each.counts("sender") for each in ended] == [(count, count, 0, 0)] * processes
    assert {request.status_code for request in server.requests} == {202}
    assert len(server.unique_ids) == processes * count
    # the last request leaves when all before it are paid for; the first may have been slow
    ideal = (processes * count - 100) / rate
    assert server.gap(0, -1) > ideal - 0.6
    print(f"{processes} processes: {server.gap(0, -1):.2f} s, ideal {ideal:.2f} s")
