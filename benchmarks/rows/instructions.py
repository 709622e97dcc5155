"""Instructions, counted by valgrind's cachegrind: steady where time is noisy."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

from ..lab import FAST, Figure, Lab, Result, Verdict
from ..timing import spread

WHATS = {
    "1": "a chain with N = 1, to JSON bytes",
    "10": "a chain with N = 10, to JSON bytes",
    "send": "send of a batch that is there, on the caller's thread",
}


def instructions(lab: Lab) -> Iterator[Result]:
    """Count the instructions of one call: what more calls add, by the number of calls."""
    if shutil.which("valgrind") is None:
        yield Result("instructions", "instructions", [], notes=["valgrind is not installed"])
        return
    few, many = lab.choose((100, 300), (5, 10))  # after some, all is compiled and warm
    for what, text in WHATS.items():
        counts = {}
        for side in (*lab.ours, *lab.those(FAST)):
            more = _count(lab, side, what, many) - _count(lab, side, what, few)
            counts[side] = more / (many - few)
        first, *others = counts
        yield Result(
            "instructions",
            text,
            [Figure(side, spread([count / 1000]), "k") for side, count in counts.items()],
            [
                Verdict(
                    f"the instructions of {other}",
                    spread([counts[first] / counts[other]]),
                    None,
                    None,
                )
                for other in others
            ],
        )


def _count(lab: Lab, side: str, what: str, loops: int) -> int:
    command, variables = lab.command(side, "--loop", what, str(loops))
    if command[-1] == "--without-orjson":  # the loop's arguments come last
        command.insert(2, command.pop())
    run = subprocess.run(
        [
            *("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"),
            *command,
        ],
        check=True,
        capture_output=True,
        text=True,
        env={**variables, "PYTHONHASHSEED": "0"},
    )
    found = re.search(r"I\s+refs:\s+([\d,]+)", run.stderr)
    if found is None:
        raise SystemExit(f"valgrind said nothing of instructions: {run.stderr}")
    return int(found[1].replace(",", ""))
