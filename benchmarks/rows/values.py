"""What is done with values, with nothing sent: to JSON bytes, and against a data plan."""

import json
from collections.abc import Iterator

from ..environments import ROOT
from ..report import Result, judge
from ..run import ASKED, DICTS, NODE, OURS, VENDOR, Run
from ..workloads import KINDS

MARSHMALLOW = "marshmallow's dump + json"


def chain(run: Run) -> Iterator[Result]:
    """A fluent chain with 1, 10 and 100 events, every check on, to JSON bytes."""
    for events in (1, 10, 100):
        asked = {name: (name, "chain", events) for name in (*run.ours, DICTS, VENDOR)}
        asked[MARSHMALLOW] = (OURS, "chain_by_marshmallow", events)
        targets = ("chain, literals", OURS, DICTS), ("chain, vendor", VENDOR, OURS)
        yield run.result(f"a chain with N = {events}, to JSON bytes", run.time(asked), *targets)


def encoding(run: Run) -> Iterator[Result]:
    """A batch that is there, to JSON bytes."""
    for events in (1, 10, 100):
        asked = {name: (name, "encode", events) for name in run.ours}
        asked[MARSHMALLOW] = (OURS, "encode_by_marshmallow", events)
        target = ("encoding, marshmallow", MARSHMALLOW, OURS)
        yield run.result(f"encoding alone, N = {events}", run.time(asked), target)


def cliffs(run: Run) -> Iterator[Result]:
    """Calls that are a little unusual, each beside its usual call, to JSON bytes."""
    for case in run.ask(OURS, "cliffs"):
        usual, unusual, _ = case.partition(",")
        if unusual:
            asked = {name: (name, "cliff", case) for name in run.ours}
            # in the same process, for what a call costs depends on the calls before
            asked.update({f"{name}, {usual}": (name, "cliff", usual) for name in run.ours})
            yield run.result(case, run.time(asked), ("cliffs", OURS, f"{OURS}, {usual}"))


def append(run: Run) -> Iterator[Result]:
    """10 000 events, one at a time: whether appending is linear."""
    many = run.choose(10_000, 1_000)
    tenth = f"{OURS}, {many // 10} events"
    asked = {name: (name, "append", many) for name in run.ours}
    asked[tenth] = (OURS, "append", many // 10)
    taken = run.time(asked, rounds=15, piece=0)
    yield run.result(f"{many} events, one at a time", taken, ("append, linear", OURS, tenth))


def plan(run: Run) -> Iterator[Result]:
    """A batch of ten events against a plan of 1 000 points: as planned, spoilt, unplanned."""
    version = json.loads((ROOT / "examples" / "shop_plan.json").read_text(encoding="utf-8"))
    points = version["version_document"]["data_points"]
    more = json.dumps(points[0])  # the point of "Searched"
    points += [json.loads(more.replace("Searched", f"Searched {n}")) for n in range(994)]
    for kind, parts in ASKED["plan"].items():
        events = [{"event_type": event, "data": parts[event]} for event in KINDS]
        batch = {"user_attributes": parts["user_attributes"], "events": events}
        taken = run.time({name: (name, "validate", version, batch) for name in (*run.ours, NODE)})
        limit = judge("plan, time", [seconds * 1000 for seconds in taken[OURS]])
        yield run.result(f"10 events {kind}", taken, ("plan, vendor", NODE, OURS), verdicts=[limit])
