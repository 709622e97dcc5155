"""Comparing batches with data plans, with nothing sent."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from ..environments import ROOT
from ..report import Result, judge
from ..run import ASKED, NODE, OURS, Run
from ..workloads import KINDS


def plan(run: Run) -> Iterator[Result]:
    """A batch of ten events against a data plan, as planned and spoilt."""
    for points in run.choose((100, 1000), (10,)):
        version = plan_of(points)
        for kind, parts in ASKED["plan"].items():
            events = [{"event_type": event, "data": parts[event]} for event in KINDS]
            batch = {"user_attributes": parts["user_attributes"], "events": events}
            asked = {name: (name, "validate", version, batch, "server") for name in run.ours}
            asked["like Node"] = (OURS, "validate", version, batch, "node")
            asked[NODE] = (NODE, "validate", version, batch, "node")
            taken = run.time(asked)
            said = [
                run.ask(name, "findings", version, batch) for name in {OURS, NODE} & taken.keys()
            ]
            if said[0] != said[-1]:
                raise SystemExit(f"the vendor's package finds something else ({kind}): {said}")
            verdict = judge("plan, time", [seconds * 1000 for seconds in taken[OURS]])
            what = f"10 events {kind}, a plan of {points} points"
            yield run.result(what, taken, ("plan, vendor", NODE, OURS), verdicts=[verdict])


def plan_of(points: int) -> dict[str, Any]:
    """Return the plan of the examples, with so many points."""
    version = json.loads((ROOT / "examples" / "shop_plan.json").read_text(encoding="utf-8"))
    there: list[Any] = version["version_document"]["data_points"]
    for number in range(points - len(there)):
        more = deepcopy(there[0])
        more["match"]["criteria"]["event_name"] += f" {number}"
        there.append(more)
    return version
