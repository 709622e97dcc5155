"""Sending to the server on this machine: batches, and tables."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from ..measurement import column, ratios
from ..report import Result, judge
from ..run import ASKED, DICTS, OURS, POSTHOG, SEGMENT, VENDOR, Asked, Run
from ..workloads import write_rows
from .processes import resident

BULK, LOOP = "the vendor's SDK, bulk of 100", "csv + json + requests"
Counts = dict[str, float]


def deliver(run: Run, name: str, many: int, keep: bool = False, **more: Any) -> Counts:
    """Let a peer send; return what came, the events a second, their CPU, and the server's share."""
    run.server.reset(keep=keep, limit=more.pop("limit", None))
    sent = run.ask(name, "deliver", run.server.url, many // more.get("size", 1), **more)
    came = run.server.counts()
    events, seconds, cpu = came["events"], came["last"] - sent["began"], sent["cpu"]
    figures = {"seconds": seconds, "rate": events / seconds, "cpu": cpu / events}
    return {**came, **figures, "busy": came["cpu"] / seconds}


def deliver_in_turns(run: Run, asked: Asked, many: int, rounds: int) -> dict[str, list[Counts]]:
    """Let peers send with their options, by label; return all that ``deliver`` returned."""
    return run.take_turns(lambda name, more: deliver(run, name, many, **more), asked, rounds)


def dispatch(run: Run) -> Iterator[Result]:
    """Background sending, from values to the answer: events a second, and CPU time an event."""
    many, rounds = run.choose(20_000, 300), run.choose(7, 1)
    for content, what in (("usual", "of one event"), ("identical", "of identical content")):
        asked = {name: (name, {"content": content}) for name in run.ours}
        asked.update(ASKED["dispatch"][content])
        found = deliver_in_turns(run, asked, many, rounds)
        text, notes = f"{many} batches {what}, events delivered a second", [*_trust(found, many)]
        targets = ("dispatch, segment", OURS, SEGMENT), ("dispatch, posthog", OURS, POSTHOG)
        yield run.result(text, column(found, "rate"), *targets, notes=notes, unit="/s")
        text, target = f"{many} batches {what}, CPU an event", (f"dispatch, {content}", BULK, OURS)
        yield run.result(text, column(found, "cpu"), target)


def _trust(found: Mapping[str, Sequence[Mapping[str, float]]], many: int) -> Iterator[str]:
    """Say how busy the server was, and what was lost: whether the figures mean something."""
    events = column(found, "events")
    for name, busy in column(found, "busy").items():
        lost = 1 - median(events[name]) / many
        text = f"{name}: the server was busy {median(busy):.0%} of the time"
        yield f"{text}, and {lost:.0%} never arrived" if lost else text


def send(run: Run) -> Iterator[Result]:
    """One ``send`` of a batch that is there, on the caller's thread, at full speed."""
    many = run.choose(20_000, 200)
    asked = {name: (name, "send", run.server.url, many) for name in (*run.ours, SEGMENT, POSTHOG)}
    taken = run.take_turns(run.ask, asked, run.choose(9, 2))
    for share in ("p50", "p99", "p99.9"):
        what = f"one call in the caller's thread, {share} of {many}"
        yield run.result(what, column(taken, share), (f"send, {share}", OURS, SEGMENT))


def coalesce(run: Run) -> Iterator[Result]:
    """Batches of the same users, with and without coalescing, and every user's order."""
    many = run.choose(20_000, 400)
    options = {"content": "numbered", "beforehand": True, "keep": True}
    wrong: list[float] = []
    found: dict[str, list[Counts]] = {"one by one": [], "coalesced": []}
    for _ in range(run.choose(3, 1)):
        for name, all in found.items():
            all.append(deliver(run, OURS, many, **options, coalesce=name == "coalesced"))
        wrong.append(out_of_order(run.server.bodies, many))
    run.server.reset()
    fewer = {key: ratios(*column(found, key).values()) for key in ("batches", "bytes")}
    measured = {**fewer, "order": wrong}
    verdicts = [judge(f"coalesce, {key}", values) for key, values in measured.items()]
    note = "{}: {batches} batches, {bytes} bytes, {requests} requests"
    notes = [note.format(name, **all[-1]) for name, all in found.items()]
    what = f"{many} batches of one event, of 200 users, CPU an event"
    yield run.result(what, column(found, "cpu"), verdicts=verdicts, notes=notes)


def limit(run: Run) -> Iterator[Result]:
    """Events of 1 000 users in random order, to a server that takes 270 batches a second."""
    many, taken = run.choose(20_000, 200), {"content": "shuffled", "limit": 270}
    asked = {name: (name, {**taken, **ASKED["paced"]}) for name in run.ours}
    asked[BULK] = (VENDOR, {**taken, "size": 100})
    found = deliver_in_turns(run, asked, many, 1)
    ours = found[OURS][0]
    outcome = {"refused": ours["refused"], "lost": many - ours["events"]}
    verdicts = [judge(f"limit, {key}", [number]) for key, number in outcome.items()]
    note = "{}: {batches} batches, {refused} requests refused"
    notes = [note.format(name, **one) for name, (one,) in found.items()]
    what, target = f"{many} events until the last is delivered", ("limit, vendor", BULK, OURS)
    yield run.result(what, column(found, "seconds"), target, verdicts=verdicts, notes=notes)


def out_of_order(bodies: list[bytes], many: int) -> int:
    """Return how many events are missing, double, or before one that was sent earlier."""
    seen: dict[str, list[int]] = defaultdict(list)
    for body in bodies:
        data = json.loads(body)
        for batch in data if isinstance(data, list) else [data]:
            numbers = [event["data"]["custom_attributes"]["number"] for event in batch["events"]]
            seen[batch["user_identities"]["customer_id"]] += numbers
    wrong = sum(a >= b for numbers in seen.values() for a, b in pairwise(numbers))
    return wrong + len({*range(many)} ^ {number for all in seen.values() for number in all})


def split(run: Run) -> Iterator[Result]:
    """What sealing, splitting and settling add to encoding."""
    for what, (many, events) in ASKED["split"].items():
        many = run.choose(many, min(many, 4))
        asked = {name: (name, "split", "send", many, events) for name in run.ours}
        asked["encode"] = (OURS, "split", "encode", many, events)
        taken = run.time(asked, rounds=25, piece=0.05)
        yield run.result(what, taken, ("split, send", OURS, "encode"))


def rows(run: Run) -> Iterator[Result]:
    """200 000 rows of CSV, cleaned, mapped, checked, with key and checkpoint: CPU and memory."""
    pieces, each = run.choose((20, 10_000), (2, 200))
    many = pieces * each
    peers = {**{name: (name, each) for name in run.ours}, LOOP: (DICTS, 100), BULK: (VENDOR, 100)}
    found: dict[str, list[Counts]] = {label: [] for label in run.available(peers)}
    with TemporaryDirectory() as folder:
        paths = [str(Path(folder, f"{number}.csv")) for number in range(pieces)]
        for number, path in enumerate(paths):
            write_rows(path, range(number * each, (number + 1) * each))
        for path in paths:  # a little of each peer, over and over
            for label, came in found.items():
                name, size = peers[label]
                came.append(deliver(run, name, each, size=size, path=path))
                if came[-1]["events"] != each:
                    raise SystemExit(f"rows: {label} sent {came[-1]} of {each} rows")
        targets = ("rows, loop", OURS, LOOP), ("rows, vendor", OURS, BULK)
        yield run.result(f"{many} rows, CPU a row", column(found, "cpu"), *targets)
        yield resident(run, f"{many} rows, memory", "rows, memory", many, False, paths)
