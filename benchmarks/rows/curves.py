"""How costs grow; what the plots are drawn from.

A curve is a row of results whose ``what`` is the curve and the place on it: ``name @ x``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from ..lab import FAST, OURS, POSTHOG, SEGMENT, VENDOR, Figure, Lab, Result
from ..timing import Side, in_turns, spread, take_turns
from .values import LITERALS, figures

PER_BATCH = "time of a batch, by its events"
PER_EVENT = "CPU of an event, by the events of a batch or request"
PACED = "CPU of an event, by batches a second"
WAITING = "memory of what waits, by how many"


def curves(lab: Lab) -> Iterator[Result]:
    """Measure all curves."""
    yield from _time_of_a_batch(lab)
    yield from _cpu_by_size(lab)
    yield from _cpu_by_pace(lab)
    yield from _memory(lab)


def _point(curve: str, place: float, points: list[Figure]) -> Result:
    return Result("curves", f"{curve} @ {place:g}", points)


def _time_of_a_batch(lab: Lab) -> Iterator[Result]:
    for events in lab.choose((1, 2, 5, 10, 20, 50, 100, 200, 500, 1000), (1, 10)):
        sides: dict[str, Side] = {
            name: lab.side(name).timed("from_values", "mpfluent", events)
            for name in lab.those(OURS, FAST)
        }
        sides[LITERALS] = lab.side(OURS).timed("from_values", "literals", events)
        if lab.has(VENDOR):
            sides[VENDOR] = lab.side(VENDOR).timed("chain", events)
        taken = in_turns(sides, rounds=lab.choose(10, 1), piece=lab.choose(0.02, 0.0))
        yield _point(PER_BATCH, events, figures(taken))


def _cpu_by_size(lab: Lab) -> Iterator[Result]:
    many = lab.choose(5_000, 100)
    asked = {f"{name}, events a batch": (name, "in_batches_of") for name in lab.those(OURS, FAST)}
    if lab.has(VENDOR):
        asked[f"{VENDOR}, batches a request"] = (VENDOR, "bulk_rate")

    def turn(side: str, action: str, size: int) -> Callable[[], float]:
        return lambda: float(lab.side(side).ask(action, lab.server.url, size, many))

    for size in lab.choose((1, 2, 5, 10, 20, 50, 100), (1, 10)):
        sides = {name: turn(*what, size) for name, what in asked.items()}
        yield _point(PER_EVENT, size, figures(take_turns(sides, lab.choose(3, 1))))


def _cpu_by_pace(lab: Lab) -> Iterator[Result]:
    url, seconds = lab.server.url, lab.choose(2.0, 0.2)
    for pace in lab.choose((10, 30, 100, 300, 1000, 3000, 10_000), (50, 100)):
        asked = {
            "mpfluent, in the background": (OURS, "rate", True),
            "mpfluent, at once": (OURS, "rate", False),
            "the pace itself, nothing sent": (OURS, "pace"),
            **{name: (name, "rate") for name in lab.those(SEGMENT, POSTHOG)},
        }
        points = []
        for name, (side, action, *more) in asked.items():
            found = lab.side(side).ask(action, url, pace, seconds, *more)
            # else it cannot keep up, which says nothing in a quick run on a busy machine
            if found["events"] > lab.choose(0.9, 0.0) * pace * seconds:
                points.append(Figure(name, spread([found["cpu"]])))
        yield _point(PACED, pace, points)


def _memory(lab: Lab) -> Iterator[Result]:
    many = lab.choose(10_000, 100)
    with closing(lab.fresh(OURS)) as process:
        found = process.ask("queue", many, 10)
    for waiting, json, grown in found:
        points = [
            Figure("what waits", spread([grown / 1e6]), "MB"),
            Figure("its JSON", spread([json / 1e6]), "MB"),
        ]
        yield _point(WAITING, waiting, points)
