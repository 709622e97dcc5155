"""kill -9 at any moment of a table's run: all rows arrive or are rejects, and none of it twice."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from table_runs import policies_in, write_table, wrong_at_checkpoint, wrong_at_end, wrong_report

from mpfluent.rows import RowsReport
from mpfluent.testing import LocalServer

HERE = Path(__file__).parents[1]
# moments of a run: those of its beginning, and those of each row
MOMENTS = {"all": (250_000, 1_100), "files": (10, 2)}


def lived(server, folder, mode, kill):
    """Run the table in a process of its own until it is killed or ends."""
    return subprocess.run(
        [sys.executable, str(HERE / "table_runs.py"), server.url, str(folder), mode, kill],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])},
    )


def killed_again_and_again(folder, mode, rows, kills):
    """Kill so many runs, and let the last one end; return how many were killed."""
    seed = random.randrange(2**32)
    chance, count = random.Random(seed), 0
    is_grouped = "grouped" in mode
    write_table(folder / "policies.csv", rows)
    with LocalServer() as server:
        for number in range(kills + 1):
            moments = chance.choice([*MOMENTS])
            first, each = MOMENTS[moments]
            last = chance.randrange(1, first + 2 * each * rows // (kills + 1))
            done = lived(server, folder, mode, f"{moments}:{last if number < kills else 0}")
            if done.returncode == 0:
                break
            assert done.returncode == -signal.SIGKILL, done.stderr
            count += 1
            arrived = policies_in(server.batches)
            wrong = wrong_at_checkpoint(folder, arrived, is_grouped=is_grouped)
            assert wrong == [], f"seed {seed}, kill {count} at {moments} {last}"
        wrong = wrong_at_end(folder, policies_in(server.batches), rows, is_grouped=is_grouped)
    assert wrong == [], f"seed {seed}"
    facts = json.loads(done.stdout)
    report = RowsReport(**{name: facts[name] for name in facts if name != "moments"})
    assert wrong_report(report) == [], f"seed {seed}"
    assert (report.rows, report.pending) == (rows, 0), f"seed {seed}"
    return count


@pytest.mark.parametrize("mode", ["grouped", "threaded"])
def test_what_was_killed_three_times_delivers_each_row_once(mode, tmp_path):
    assert killed_again_and_again(tmp_path, mode, rows=300, kills=3) > 0


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "grouped", "threaded", "threaded grouped"])
def test_what_was_killed_20_times_delivers_each_row_once(mode, tmp_path):
    assert killed_again_and_again(tmp_path, mode, rows=3_000, kills=20) > 10
