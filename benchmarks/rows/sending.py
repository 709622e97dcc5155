"""Sending to the server on this machine, which is a process of its own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from ..lab import FAST, OURS, POSTHOG, SEGMENT, VENDOR, Figure, Lab, Result, verdict
from ..server import Counts
from ..timing import in_turns, ratios, spread, take_turns
from .values import figures, since

BULK = "the vendor's SDK, bulk of 100"


class Delivered(NamedTuple):
    """What came of sending many events as fast as it goes.

    Attributes:
        rate: events that arrived a second, from the first call to the last request.
        cpu: CPU seconds of the sender for each that arrived, its threads included.
        lost: the share that did not arrive.
        server: the share of that time that the server's one thread was busy.
    """

    rate: float
    cpu: float
    lost: float
    server: float


def dispatch(lab: Lab) -> Iterator[Result]:
    """Measure events a second, and CPU time an event, from values to the server's answer."""
    many = lab.choose(20_000, 300)
    rounds = lab.choose(7, 1)
    usual = _delivered(lab, many, rounds, "usual", lab.those(SEGMENT, POSTHOG, VENDOR))
    yield Result(
        "dispatch",
        f"{many} batches of one event, events delivered a second",
        [Figure(side, spread([one.rate for one in all]), "/s") for side, all in usual.items()],
        [
            verdict(
                target, ratios([one.rate for one in usual[OURS]], [o.rate for o in usual[side]])
            )
            for target, side in (("dispatch, segment", SEGMENT), ("dispatch, posthog", POSTHOG))
            if side in usual
        ],
        [*_busy(usual)],
    )
    yield _cpu(lab, usual, "dispatch, vendor", f"{many} batches of one event, CPU an event")
    same = _delivered(lab, many, rounds, "identical", lab.those(VENDOR))
    what = f"{many} batches of identical content, CPU an event"
    yield _cpu(lab, same, "dispatch, identical", what)


def _delivered(
    lab: Lab, many: int, rounds: int, content: str, others: Iterable[str]
) -> dict[str, list[Delivered]]:
    """Let each side send so many batches of one event, in turns."""

    def turn(side: str, *more: Any) -> Callable[[], Delivered]:
        def run() -> Delivered:
            lab.server.reset()
            arguments = (many,) if side in (SEGMENT, POSTHOG) else (content, many)
            sent = lab.side(side).ask("deliver", lab.server.url, *arguments, *more)
            came = lab.server.counts()
            seconds = came.last - sent["began"]
            return Delivered(
                came.events / seconds,
                sent["cpu"] / came.events,
                1 - came.events / many,
                came.cpu / seconds,
            )

        return run

    sides = {name: turn(name) for name in (*lab.ours, *lab.those(FAST))}
    sides.update({BULK if name == VENDOR else name: turn(name) for name in others})
    sides[f"{OURS}, built beforehand"] = turn(OURS, True)
    if BULK in sides:
        sides[f"{BULK}, built beforehand"] = turn(VENDOR, True)
    return take_turns(sides, rounds)


def _cpu(lab: Lab, delivered: dict[str, list[Delivered]], target: str, what: str) -> Result:
    cpu = {side: [one.cpu for one in all] for side, all in delivered.items()}
    verdicts = [verdict(target, ratios(cpu[BULK], cpu[OURS]))] if BULK in cpu else []
    return Result("dispatch", what, figures(cpu), [*verdicts, *since(lab, cpu)])


def _busy(delivered: dict[str, list[Delivered]]) -> Iterator[str]:
    """Say how busy the server was, and what was lost: whether the figures mean something."""
    for side, all in delivered.items():
        server = spread([one.server for one in all]).median
        lost = spread([one.lost for one in all]).median
        text = f"{side}: the server was busy {server:.0%} of the time"
        yield f"{text}, and {lost:.0%} never arrived" if lost else text


def send(lab: Lab) -> Iterator[Result]:
    """Measure what a caller waits for each ``send`` of a batch that is there, at full speed."""
    many = lab.choose(20_000, 200)
    names = (*lab.ours, *lab.those(FAST, SEGMENT, POSTHOG))

    def turn(side: str) -> Callable[[], dict[str, float]]:
        def run() -> dict[str, float]:
            lab.server.reset()
            taken: dict[str, float] = lab.side(side).ask("send", lab.server.url, many)
            return taken

        return run

    taken = take_turns({name: turn(name) for name in names}, lab.choose(9, 2))
    for share in ("p50", "p99", "p99.9"):
        seconds = {name: [one[share] for one in all] for name, all in taken.items()}
        verdicts = []
        if SEGMENT in seconds:
            verdicts.append(verdict(f"send, {share}", ratios(seconds[OURS], seconds[SEGMENT])))
        yield Result(
            "send",
            f"one call in the caller's thread, {share} of {many}",
            figures(seconds),
            [*verdicts, *since(lab, seconds)],
        )


def coalesce(lab: Lab) -> Iterator[Result]:
    """Count what is on the wire with and without coalescing, and check every user's order."""
    many = lab.choose(20_000, 400)
    counts: dict[bool, list[Counts]] = {False: [], True: []}
    wrong, cpu = [], {"one by one": [], "coalesced": []}
    for _ in range(lab.choose(3, 1)):
        for together in (False, True):
            lab.server.reset(keep=True)
            seconds = lab.side(OURS).ask("coalesce", lab.server.url, many, together)
            cpu["coalesced" if together else "one by one"].append(seconds / many)
            counts[together].append(lab.server.counts())
            if together:
                wrong.append(_out_of_order(lab.server.bodies(), many))
    lab.server.reset()
    apart, joined = counts[False], counts[True]
    yield Result(
        "coalesce",
        f"{many} batches of one event, of 200 users, CPU an event",
        figures(cpu),
        [
            verdict(
                "coalesce, batches",
                [a.batches / b.batches for a, b in zip(apart, joined, strict=True)],
            ),
            verdict(
                "coalesce, bytes", [a.bytes / b.bytes for a, b in zip(apart, joined, strict=True)]
            ),
            verdict("coalesce, order", wrong),
        ],
        [
            f"{name}: {all[-1].batches} batches, {all[-1].bytes} bytes, {all[-1].requests} requests"
            for name, all in (("one by one", apart), ("coalesced", joined))
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


def split(lab: Lab) -> Iterator[Result]:
    """Measure what splitting and framing cost beside encoding, and count the encodings."""
    for what, many, events in (
        ("100 batches of 10 events", lab.choose(100, 4), 10),
        ("one batch of 1 000 events, which is too large", 1, 1000),
    ):
        ours = lab.side(OURS)
        turns = {"rounds": lab.choose(25, 2), "piece": lab.choose(0.05, 0.0)}
        sides = {way: ours.timed("split", way, many, events) for way in ("encode", "split", "send")}
        for then in lab.ours[1:]:
            sides[then] = lab.side(then).timed("split", "send", many, events)
        taken = in_turns(sides, **turns)
        written = ours.ask("encodings", many, events)
        encodings = [written["events"] / (many * events), written["contexts"] / many]
        if min(encodings) < 1:
            raise SystemExit(f"split: not all encodings were counted: {written}")
        yield Result(
            "split",
            what,
            figures(taken),
            [
                verdict("split, encodings", [max(encodings)]),
                verdict("split, time", ratios(taken["split"], taken["encode"])),
                verdict("split, send", ratios(taken["send"], taken["encode"])),
                *since(lab, {**taken, OURS: taken["send"]}),
            ],
        )
