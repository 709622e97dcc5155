"""Measuring in turns: a little of each side, over and over, so that a slow moment hits them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import quantiles
from typing import NamedTuple, TypeVar

Side = Callable[[int], float]
"""Does something so many times and returns the seconds that it took."""

T = TypeVar("T")


class Spread(NamedTuple):
    """The median of what was measured, and the middle half of it."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles.

    >>> spread([3.0, 1.0, 2.0])
    Spread(low=1.5, median=2.0, high=2.5)
    """
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return Spread(low, middle, high)


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """Return round by round how many times the one is the other.

    Neighbours in time share a slow moment, so their ratio is what can be trusted, and its median
    over all rounds what is reported.
    """
    return [a / b for a, b in zip(of, to, strict=True)]


def take_turns(sides: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Let each side have its turn, so many rounds; return what it returned, by its name."""
    taken: dict[str, list[T]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            taken[name].append(run())
    return taken


def in_turns(
    sides: Mapping[str, Side], *, rounds: int, piece: float = 0.01
) -> dict[str, list[float]]:
    """Measure the sides in turns; return the seconds for one call in each round, by name.

    Args:
        sides: by name.
        rounds: how often each has its turn.
        piece: roughly how many seconds a turn takes; 0 for one call a turn.
    """
    for run in sides.values():
        _loops(run, piece)  # code that comes back is compiled meanwhile, which is slow
    loops = {name: _loops(run, piece) for name, run in sides.items()}
    turns = {name: _turn(run, loops[name]) for name, run in sides.items()}
    return take_turns(turns, rounds)


def _turn(run: Side, loops: int) -> Callable[[], float]:
    return lambda: run(loops) / loops


def _loops(run: Side, piece: float) -> int:
    """Return how many calls fill a piece."""
    loops = 1
    while loops < 1_000_000:
        seconds = run(loops)
        if seconds > piece / 4:
            return max(1, round(loops * piece / seconds))
        loops *= 4
    return loops
