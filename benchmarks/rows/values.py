"""From values to JSON bytes, with nothing sent."""

from collections.abc import Iterator

from ..report import Result
from ..run import DICTS, OURS, VENDOR, Run

MARSHMALLOW = "marshmallow's dump + json"


def chain(run: Run) -> Iterator[Result]:
    """Measure the whole batch with 1, 10 and 100 events, from values to JSON bytes."""
    for events in (1, 10, 100):
        asked = {name: (name, "chain", events) for name in (*run.ours, DICTS, VENDOR)}
        asked[MARSHMALLOW] = (OURS, "chain_by_marshmallow", events)
        yield run.result(
            "chain",
            f"a chain with N = {events}, to JSON bytes",
            run.time(asked),
            ("chain, literals", OURS, DICTS),
            ("chain, vendor", VENDOR, OURS),
        )


def encoding(run: Run) -> Iterator[Result]:
    """Measure encoding alone, against what marshmallow does with the same batch."""
    for events in (1, 10, 100):
        asked = {name: (name, "encode", events) for name in run.ours}
        asked[MARSHMALLOW] = (OURS, "encode_by_marshmallow", events)
        target = ("encoding, marshmallow", MARSHMALLOW, OURS)
        what = f"encoding alone, N = {events}"
        yield run.result("encoding", what, run.time(asked), target)


# The usual call of each, and the calls that are a little unusual
CLIFFS = {
    "an event": (
        "an event, None as an attribute",
        "an event, other attribute names in each call",
        "an event, text that is not ASCII",
    ),
    "a purchase": (
        "a purchase, tax_amount=None",
        "a purchase, another keyword order in each call",
    ),
}


def cliffs(run: Run) -> Iterator[Result]:
    """Measure calls that are a little unusual beside the usual call, each to JSON bytes."""
    for usual, unusual in CLIFFS.items():
        for case in unusual:
            asked = {name: (name, "cliff", case) for name in run.ours}
            asked[f"{OURS}, the usual call"] = (OURS, "cliff", usual)
            target = ("cliffs", OURS, f"{OURS}, the usual call")
            yield run.result("cliffs", case, run.time(asked), target)


def append(run: Run) -> Iterator[Result]:
    """Measure whether appending is linear."""
    many = run.choose(10_000, 1_000)
    tenth = f"{OURS}, {many // 10} events"
    asked = {name: (name, "append", many) for name in run.ours}
    asked[tenth] = (OURS, "append", many // 10)
    taken = run.time(asked, rounds=run.choose(15, 1), piece=0)
    target = ("append, linear", OURS, tenth)
    yield run.result("append", f"{many} events, one at a time", taken, target)


STEPS = (
    "{**sixteen_entries, key: value}",  # not a step: what copying a dict costs
    "add(event)",
    "event(name, {one attribute})",
    "with_environment(…)",
    "with_device(one field)",
)


def steps(run: Run) -> Iterator[Result]:
    """Measure one step of a chain, beside copying a dict of sixteen entries."""
    taken = run.time({step: (OURS, "step", step) for step in STEPS})
    yield run.result("steps", "one step of a chain of 10 events", taken)
