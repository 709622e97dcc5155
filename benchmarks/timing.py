"""Measuring in turns: a little of each side, over and over, so that a slow moment hits them all."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

_fine = time.get_clock_info("process_time").resolution < 1e-5
clock = time.process_time if _fine else time.perf_counter  # some systems count CPU time in ticks

Side = Callable[[int], float]
"""Does something so many times and returns the seconds that it took."""


def side(action: Callable[[], object]) -> Side:
    """Return a side that calls ``action``; CPU time, for the machine may be shared."""

    def run(loops: int) -> float:
        began = clock()
        for _ in range(loops):
            action()
        return clock() - began

    return run


class Measured(NamedTuple):
    """What came of measuring sides in turns.

    Attributes:
        seconds: the median for one call of each side, by its name.
        rounds: the seconds for one call in each round, by name.
    """

    seconds: Mapping[str, float]
    rounds: Mapping[str, list[float]]

    def ratio(self, of: str, to: str) -> float:
        """Return the median over all rounds of one side's time to another's."""
        return median(a / b for a, b in zip(self.rounds[of], self.rounds[to], strict=True))


def in_turns(sides: Mapping[str, Side], *, rounds: int, piece: float = 0.01) -> Measured:
    """Measure the sides in turns.

    Args:
        sides: by name.
        rounds: how often each has its turn.
        piece: roughly how many seconds a turn takes.
    """
    loops = {name: _loops(run, piece) for name, run in sides.items()}
    taken: dict[str, list[float]] = {name: [] for name in sides}
    gc.collect()
    for _ in range(rounds):
        for name, run in sides.items():
            taken[name].append(run(loops[name]) / loops[name])
    return Measured({name: median(times) for name, times in taken.items()}, taken)


def _loops(run: Side, piece: float) -> int:
    """Return how many calls fill a piece; what runs for the first time, warms up here."""
    loops = 1
    while loops < 1_000_000:
        seconds = run(loops)
        if seconds > piece / 4:
            return max(1, round(loops * piece / seconds))
        loops *= 4
    return loops
