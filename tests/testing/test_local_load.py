"""``mpfluent serve`` under load, with a page open: nothing is lost, and memory is bounded."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import local_load
import pytest
from local_servers import Stream, answered, in_background
from processes import SOON
from shell import start

RATE = 2_000  # batches a second
MOST_EVENTS = 2_000
MOST_MEGABYTES = 150


def rows_until(stream, last):
    """Return how many rows a stream had, and how many it was told are gone, up to a row."""
    had = gone = 0
    while int(stream.last_id or 0) < last:
        name, data = stream.message()
        had += len(data["rows"]) if name == "rows" else 0
        gone += data["rows"] if name == "dropped" else 0
    return had, gone


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_under_load_nothing_is_lost_and_memory_is_bounded(slow):
    seconds = 30 if slow else 2
    options = ("--port", "0", "--max-events", str(MOST_EVENTS), "--quiet")
    with start("serve", *options) as process:
        server = type("Server", (), {"url": process.stdout.readline().strip()})
        script = [sys.executable, local_load.__file__, server.url, str(RATE), str(seconds)]
        with Stream(server) as stream:
            page = in_background(rows_until, stream, RATE * seconds)
            done = subprocess.run(script, capture_output=True, text=True, timeout=SOON)
            assert done.returncode == 0, done.stderr
            load = json.loads(done.stdout)
            had, gone = page()
        counts = answered(server, "counts")
        status = Path(f"/proc/{process.pid}/status").read_text()
        ticks = Path(f"/proc/{process.pid}/stat").read_text().split()[13:15]
        process.kill()
    megabytes = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1_000
    cpu = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    print(f"\n{load}; received {counts['batches']}; the page had {had} rows and missed {gone}; ")
    print(f"at most {megabytes:.0f} MB; {cpu / load['sent'] * 1e6:.0f} µs of CPU a batch")

    assert load["accepted"] == load["sent"] == counts["batches"] == RATE * seconds
    assert had + gone == counts["events"]
    assert counts["dropped"] == counts["events"] - MOST_EVENTS
    assert megabytes < MOST_MEGABYTES
