"""Sending to the server on this machine."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from ..measurement import spread, take_turns
from ..report import Result, judge
from ..run import OURS, POSTHOG, SEGMENT, VENDOR, Run
from ..server import Counts

BULK = "the vendor's SDK, bulk of 100"


class Delivered(NamedTuple):
    """What came of sending many events as fast as possible.

    Attributes:
        rate: events that arrived a second, from the first call to the last request.
        cpu: CPU seconds of the sender for each that arrived, its threads included.
        server: the share of that time in which the server was busy.
        counts: what the server counted.
    """

    rate: float
    cpu: float
    server: float
    counts: Counts


def deliver(run: Run, name: str, many: int, *, keep: bool = False, **options: Any) -> Delivered:
    """Let a peer send, from values to the server's answers.

    Args:
        many: how often it sends.
        keep: whether the server keeps the bodies.
        options: of the peer, for what it sends and how.
    """
    run.server.reset(keep=keep)
    sent = run.peer(name).ask("deliver", run.server.url, many, **options)
    counts = run.server.counts()
    seconds = counts.last - sent["began"]
    return Delivered(
        counts.events / seconds, sent["cpu"] / counts.events, counts.cpu / seconds, counts
    )


Asked = Mapping[str, tuple[str, Mapping[str, Any]]]
"""By label, a peer and its options."""


def deliver_in_turns(run: Run, many: int, rounds: int, asked: Asked) -> dict[str, list[Delivered]]:
    """Let peers send in turns; those that cannot be measured are left out."""

    def turn(name: str, options: Mapping[str, Any]) -> Callable[[], Delivered]:
        return lambda: deliver(run, name, many, **options)

    there = {label: turn(*asks) for label, asks in asked.items() if run.available(asks[:1])}
    return take_turns(there, rounds)


def dispatch(run: Run) -> Iterator[Result]:
    """Measure events a second, and CPU time an event, from values to the server's answer."""
    many, rounds = run.choose(20_000, 300), run.choose(7, 1)
    for content, what in (("usual", "of one event"), ("identical", "of identical content")):
        options = {"content": content}
        beforehand = {**options, "beforehand": True}
        asked: dict[str, Any] = {
            **{name: (name, options) for name in run.ours},
            BULK: (VENDOR, options),
            f"{OURS}, built beforehand": (OURS, beforehand),
            f"{BULK}, built beforehand": (VENDOR, beforehand),
        }
        if content == "usual":
            asked.update({name: (name, {}) for name in (SEGMENT, POSTHOG)})
        found = deliver_in_turns(run, many, rounds, asked)
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
    """Measure what a caller waits for each ``send`` of a batch that is there, at full speed."""
    many = run.choose(20_000, 200)

    def turn(name: str) -> Callable[[], dict[str, float]]:
        return lambda: dict(run.peer(name).ask("send", run.server.url, many))

    names = run.available([*run.ours, SEGMENT, POSTHOG])
    taken = take_turns({name: turn(name) for name in names}, run.choose(9, 2))
    for share in ("p50", "p99", "p99.9"):
        yield run.result(
            "send",
            f"one call in the caller's thread, {share} of {many}",
            {name: [one[share] for one in all] for name, all in taken.items()},
            (f"send, {share}", OURS, SEGMENT),
        )


def coalesce(run: Run) -> Iterator[Result]:
    """Count what is on the wire with and without coalescing, and check every user's order."""
    many = run.choose(20_000, 400)
    options = {"content": "numbered", "beforehand": True, "keep": True}
    wrong: list[float] = []
    apart: list[Delivered] = []
    joined: list[Delivered] = []
    for _ in range(run.choose(3, 1)):
        apart.append(deliver(run, OURS, many, **options))
        joined.append(deliver(run, OURS, many, **options, coalesce=True))
        wrong.append(_out_of_order(run.server.bodies, many))
    run.server.reset()
    found = {"one by one": apart, "coalesced": joined}
    pairs = [(a.counts, b.counts) for a, b in zip(apart, joined, strict=True)]
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


def _out_of_order(bodies: list[bytes], many: int) -> int:
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
    """Measure what splitting and framing cost beside encoding, and count the encodings."""
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
        yield run.result(
            "split",
            what,
            taken,
            ("split, time", "split", "encode"),
            ("split, send", OURS, "encode"),
            verdicts=[judge("split, encodings", [written / held])],
        )
