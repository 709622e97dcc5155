"""The command line, as tests run it in a process of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

from processes import SOON

ROOT = Path(__file__).parents[1]


def start(*arguments, **options):
    """Start a command in a process of its own."""
    settings = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "encoding": "utf-8",
        "env": {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)},
    }
    command = [sys.executable, "-W", "error", "-m", "mpfluent", *map(str, arguments)]
    return subprocess.Popen(command, **{**settings, **options})


def command(*arguments, input=None, **options):
    """Run a command in a process of its own; return its exit status, and what it printed."""
    with start(*arguments, **options) as process:
        out, err = process.communicate(input, timeout=SOON)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def wait_for(condition):
    """Wait until something has come to be."""
    until = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.005)
