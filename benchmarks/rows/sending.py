"""Sending to the server on this machine."""

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from ..measurement import spread, take_turns
from ..report import Result, judge
from ..run import OURS, POSTHOG, SEGMENT, VENDOR, Run
from ..server import Counts

BULK = "the vendor's SDK, bulk of 100"


class Delivered(NamedTuple):
    """What came of sending as fast as possible; all but the counts is about those that arrived.

    Attributes:
        rate: events a second, from the first call to the last request.
        cpu: CPU seconds of the sender for each event, its threads included.
        server: the share of that time in which the server was busy.
    """

    rate: float
    cpu: float
    server: float
    counts: Counts


def deliver(run: Run, name: str, many: int, *, keep: bool = False, **options: Any) -> Delivered:
    """Let a peer send so often, from values to the server's answers; the options are the peer's."""
    run.server.reset(keep=keep)
    sent = run.peer(name).ask("deliver", run.server.url, many, **options)
    came = run.server.counts()
    seconds = came.last - sent["began"]
    return Delivered(came.events / seconds, sent["cpu"] / came.events, came.cpu / seconds, came)


def dispatch(run: Run) -> Iterator[Result]:
    """Background sending, from values to the answer: events a second, and CPU time an event."""
    many, rounds = run.choose(20_000, 300), run.choose(7, 1)
    for content, what in (("usual", "of one event"), ("identical", "of identical content")):
        asked: dict[str, tuple[str, dict[str, Any]]] = {
            **{name: (name, {"content": content}) for name in run.ours},
            BULK: (VENDOR, {"content": content}),
        }
        for label in (OURS, BULK):
            name, options = asked[label]
            asked[f"{label}, built beforehand"] = (name, {**options, "beforehand": True})
        if content == "usual":
            asked.update({SEGMENT: (SEGMENT, {}), POSTHOG: (POSTHOG, {})})
        turns = {
            label: lambda name=name, options=options: deliver(run, name, many, **options)
            for label, (name, options) in asked.items()
            if run.available([name])
        }
        found = take_turns(turns, rounds)
        if content == "usual":
            yield run.result(
                "dispatch",
                f"{many} batches {what}, events delivered a second",
                {name: [one.rate for one in all] for name, all in found.items()},
                ("dispatch, segment", OURS, SEGMENT),
                ("dispatch, posthog", OURS, POSTHOG),
                notes=[_trust(name, many, all) for name, all in found.items()],
                unit="/s",
            )
        cpu = {name: [one.cpu for one in all] for name, all in found.items()}
        text = f"{many} batches {what}, CPU an event"
        yield run.result("dispatch", text, cpu, (f"dispatch, {content}", BULK, OURS))


def _trust(name: str, many: int, all: list[Delivered]) -> str:
    """Say how busy the server was, and what was lost: whether the figures mean something."""
    server = spread([one.server for one in all]).median
    lost = 1 - spread([one.counts.events for one in all]).median / many
    text = f"{name}: the server was busy {server:.0%} of the time"
    return f"{text}, and {lost:.0%} never arrived" if lost else text


def send(run: Run) -> Iterator[Result]:
    """One ``send`` of a batch that is there, on the caller's thread, at full speed."""
    many = run.choose(20_000, 200)
    turns = {
        name: lambda name=name: run.peer(name).ask("send", run.server.url, many)
        for name in run.available([*run.ours, SEGMENT, POSTHOG])
    }
    taken = take_turns(turns, run.choose(9, 2))
    for share in ("p50", "p99", "p99.9"):
        seconds = {name: [one[share] for one in all] for name, all in taken.items()}
        what = f"one call in the caller's thread, {share} of {many}"
        yield run.result("send", what, seconds, (f"send, {share}", OURS, SEGMENT))


def coalesce(run: Run) -> Iterator[Result]:
    """Batches of the same users, with and without coalescing, and every user's order."""
    many = run.choose(20_000, 400)
    options = {"content": "numbered", "beforehand": True, "keep": True}
    wrong = []
    found: dict[str, list[Delivered]] = {"one by one": [], "coalesced": []}
    for _ in range(run.choose(3, 1)):
        for name, all in found.items():
            all.append(deliver(run, OURS, many, **options, coalesce=name == "coalesced"))
        wrong.append(out_of_order(run.server.bodies, many))
    run.server.reset()
    pairs = [(a.counts, b.counts) for a, b in zip(*found.values(), strict=True)]
    yield run.result(
        "coalesce",
        f"{many} batches of one event, of 200 users, CPU an event",
        {name: [one.cpu for one in all] for name, all in found.items()},
        verdicts=[
            judge("coalesce, batches", [a.batches / b.batches for a, b in pairs]),
            judge("coalesce, bytes", [a.bytes / b.bytes for a, b in pairs]),
            judge("coalesce, order", wrong),
        ],
        notes=[
            f"{name}: {last.batches} batches, {last.bytes} bytes, {last.requests} requests"
            for name, last in zip(found, pairs[-1], strict=True)
        ],
    )


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
    """What splitting and framing add to encoding, and how often an event is encoded."""
    for what, many, events in (
        ("100 batches of 10 events", run.choose(100, 4), 10),
        ("one batch of 1 000 events, which is too large", 1, 1000),
    ):
        asked = {way: (OURS, "split", way, many, events) for way in ("encode", "split")}
        asked.update({name: (name, "split", "send", many, events) for name in run.ours})
        taken = run.time(asked, rounds=run.choose(25, 2), piece=run.choose(0.05, 0.0))
        written, held = run.peer(OURS).ask("encodings", many, events)
        if not held:
            raise SystemExit("split: no encoding was counted")
        encodings = [judge("split, encodings", [written / held])]
        targets = ("split, time", "split", "encode"), ("split, send", OURS, "encode")
        yield run.result("split", what, taken, *targets, verdicts=encodings)
