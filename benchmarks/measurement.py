"""Measuring in turns: a little of each peer, over and over, so that a slow moment hits them all."""

from collections.abc import Callable, Mapping, Sequence
from statistics import quantiles
from typing import Any, NamedTuple


class Spread(NamedTuple):
    """The median of what was measured, and the middle half of it."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    return Spread(*quantiles(values, n=4, method="inclusive"))


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """Return round by round how many times the one is the other: neighbours in time are alike."""
    return [a / b for a, b in zip(of, to, strict=True)]


def column(taken: Mapping[str, Sequence[Mapping[str, float]]], key: str) -> dict[str, list[float]]:
    """Return one of the figures that each peer returned in each round."""
    return {name: [one[key] for one in all] for name, all in taken.items()}


def take_turns(peers: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[Any]]:
    """Let each peer have its turn, so many rounds; return what it returned, by its name."""
    taken = [{name: run() for name, run in peers.items()} for _ in range(rounds)]
    return {name: [one[name] for one in taken] for name in peers}


def time_in_turns(
    peers: Mapping[str, Callable[[int], float]], rounds: int, piece: float = 0.01
) -> dict[str, list[float]]:
    """Measure the peers in turns; return the seconds for one call in each round, by name.

    A peer returns the seconds of so many calls. A turn takes a ``piece`` of about so many seconds.
    """
    for run in peers.values():
        _loops(run, piece)  # code for these calls is compiled meanwhile, which is slow
    loops = {name: _loops(run, piece) for name, run in peers.items()}
    turns = {name: lambda name=name: peers[name](loops[name]) / loops[name] for name in peers}
    return take_turns(turns, rounds)


def _loops(run: Callable[[int], float], piece: float) -> int:
    """Return how many calls fill a piece."""
    loops = 1
    while loops < 1_000_000:
        seconds = run(loops)
        if seconds > piece / 4:
            return max(1, round(loops * piece / seconds))
        loops *= 4
    return loops
