"""The command line, as tests run it: in a process of its own, or in this one."""

import os
import subprocess
import sys


def command(*arguments, **options):
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "mpfluent", *map(str, arguments)],
        **{
            "capture_output": True,
            "encoding": "utf-8",
            "env": {**os.environ, "PYTHONIOENCODING": "utf-8"},
            "check": False,
            **options,
        },
    )
