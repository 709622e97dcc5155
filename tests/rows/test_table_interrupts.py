"""Ctrl-C at any moment of a table's run: the report adds up, and the next run does the rest."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
MODES = ["sync", "grouped", "threaded", "threaded grouped"]


def interrupting(mode, rows, signals, where, twice):
    """Return what ``interrupting_rows.py`` found."""
    arguments = [mode, str(rows), str(signals), where, "twice" if twice else "once"]
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, str(HERE / "interrupting_rows.py"), *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])},
        )
        # CPython 3.11 itself crashes now and then while each bytecode is traced
        if done.returncode != -signal.SIGSEGV:
            break
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("mode", "signals", "where", "twice"),
    [("sync", 5, "all", False), ("grouped", 20, "ends", False), ("threaded", 20, "ends", True)],
)
def test_wherever_ctrl_c_comes_the_next_run_does_the_rest(mode, signals, where, twice):
    found = interrupting(mode, 120, signals, where, twice)  # which have a row of each kind

    assert found["wrong"] == []
    assert found["signals"] >= signals


@pytest.mark.slow
@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("where", ["all", "ends"])
@pytest.mark.parametrize("mode", MODES)
def test_a_signal_at_any_bytecode_of_a_run_loses_nothing(mode, where, twice):
    found = interrupting(mode, 250, {"all": 50, "ends": 150}[where], where, twice)

    assert found["wrong"] == []
