"""From values to JSON bytes, with nothing sent."""

from __future__ import annotations

from collections.abc import Iterator

from ..lab import FAST, OURS, VENDOR, Figure, Lab, Result, Verdict, verdict
from ..timing import Side, in_turns, ratios, spread

LITERALS = "dict literals + json"
LITERALS_FAST = "dict literals + orjson"
MARSHMALLOW = "marshmallow's dump + json"


def chain(lab: Lab) -> Iterator[Result]:
    """Measure the whole batch with 1, 10 and 100 events, from values to JSON bytes."""
    for events in (1, 10, 100):
        sides: dict[str, Side] = {
            name: lab.side(name).timed("from_values", "mpfluent", events) for name in lab.ours
        }
        ours = lab.side(OURS)
        sides[LITERALS] = ours.timed("from_values", "literals", events)
        sides[MARSHMALLOW] = ours.timed("from_values", "marshmallow", events)
        if lab.has(FAST):
            fast = lab.side(FAST)
            sides[FAST] = fast.timed("from_values", "mpfluent", events)
            sides[LITERALS_FAST] = fast.timed("from_values", "literals + orjson", events)
        if lab.has(VENDOR):
            sides[VENDOR] = lab.side(VENDOR).timed("chain", events)
        taken = in_turns(sides, **lab.turns)
        verdicts = [verdict("chain, literals", ratios(taken[OURS], taken[LITERALS]))]
        if VENDOR in taken:
            verdicts.append(verdict("chain, vendor", ratios(taken[VENDOR], taken[OURS])))
        if VENDOR in taken and FAST in taken:
            faster = ratios(taken[VENDOR], taken[FAST])
            verdicts.append(verdict("chain, vendor, orjson", faster))
        yield Result(
            "chain",
            f"a chain with N = {events}, to JSON bytes",
            figures(taken),
            [*verdicts, *since(lab, taken)],
        )


def encoding(lab: Lab) -> Iterator[Result]:
    """Measure encoding alone, against what marshmallow does with the same batch."""
    for events in (1, 10, 100):
        sides = {
            name: lab.side(name).timed("encode", "mpfluent", events)
            for name in (*lab.ours, *lab.those(FAST))
        }
        sides[MARSHMALLOW] = lab.side(OURS).timed("encode", "marshmallow", events)
        taken = in_turns(sides, **lab.turns)
        found = verdict("encoding, marshmallow", ratios(taken[MARSHMALLOW], taken[OURS]))
        yield Result(
            "encoding",
            f"encoding alone, N = {events}",
            figures(taken),
            [found, *since(lab, taken)],
        )


def append(lab: Lab) -> Iterator[Result]:
    """Measure whether appending is linear."""
    many = lab.choose(10_000, 1_000)
    few = many // 10
    sides = {}
    for name in lab.ours:
        sides[f"{name}, {few} events"] = lab.side(name).timed("append", few)
        sides[name] = lab.side(name).timed("append", many)
    taken = in_turns(sides, rounds=lab.choose(15, 1), piece=0)
    yield Result(
        "append",
        f"{many} events, one at a time",
        figures(taken),
        [
            verdict("append, linear", ratios(taken[OURS], taken[f"{OURS}, {few} events"])),
            *since(lab, taken),
        ],
    )


def steps(lab: Lab) -> Iterator[Result]:
    """Measure one step of a chain, beside copying a dict of sixteen entries."""
    copy = "{**sixteen_entries, key: value}"
    whats = (
        copy,
        "add(event)",
        "event(name, {one attribute})",
        "with_environment(…)",
        "with_device(one field)",
    )
    ours = lab.side(OURS)
    taken = in_turns({what: ours.timed("step", what) for what in whats}, **lab.turns)
    yield Result("steps", "one step of a chain of 10 events", figures(taken))


def figures(taken: dict[str, list[float]]) -> list[Figure]:
    """Return the spread of each side's seconds."""
    return [Figure(name, spread(seconds)) for name, seconds in taken.items()]


def since(lab: Lab, taken: dict[str, list[float]]) -> list[Verdict]:
    """Return how this checkout does beside the other commit, where one is compared."""
    return [
        Verdict(f"the time of {then}", spread(ratios(taken[OURS], taken[then])), None, None)
        for then in lab.ours[1:]
    ]
