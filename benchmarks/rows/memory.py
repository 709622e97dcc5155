"""What is held in memory; each measurement is a process of its own, which holds nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from ..lab import OURS, Figure, Lab, Result, Verdict, verdict
from ..timing import spread

MEGABYTE = 1e6


def waiting(lab: Lab) -> Iterator[Result]:
    """Measure the memory of batches that wait while the network is stuck."""
    many = lab.choose(10_000, 200)
    figures, over = [], {}
    for side in lab.ours:
        *_, (_, json, grown) = _alone(lab, side, "queue", many, 1)
        over[side] = (grown - json) / many
        figures += [
            Figure(f"{side}: a batch's JSON", spread([json / many]), "B"),
            Figure(f"{side}: a waiting batch", spread([grown / many]), "B"),
        ]
    most = lab.choose(1_000_000, 20_000)
    held = _alone(lab, OURS, "bounded", 2 * most // 1000, most)
    yield Result(
        "memory",
        f"{many} batches of one event that wait",
        figures,
        [
            verdict("memory, batch", [over[OURS] / 1000]),
            verdict("memory, bounded", [held["waiting"] / most]),
            *[
                Verdict(f"over its JSON, {side}", spread([over[side] / 1000]), None, None, "kB")
                for side in lab.ours[1:]
            ],
        ],
        [
            f"max_queue_bytes={most}: {held['accepted']} of {2 * most // 1000} batches were "
            f"accepted; {held['on_its_way']} bytes were on their way"
        ],
    )


def stream(lab: Lab) -> Iterator[Result]:
    """Measure the resident memory of a stream, after a tenth of it and at its end."""
    if sys.platform == "win32":
        yield Result("stream", "send_all", [], notes=["Windows is not asked for resident memory"])
        return
    many = lab.choose(1_000_000, 5_000)
    for threaded in (False, True):
        figures, verdicts, notes = [], [], []
        for side in lab.ours:
            lab.server.reset()
            found = _alone(lab, side, "stream", lab.server.url, many, threaded)
            resident = found["resident"]
            figures += [
                Figure(f"{side}: after a tenth", spread([resident[0] / MEGABYTE]), "MB"),
                Figure(f"{side}: at its end", spread([resident[-1] / MEGABYTE]), "MB"),
            ]
            if side == OURS:
                kept = (resident[-1] - resident[0]) / (many * 0.9)
                verdicts.append(verdict("stream, constant", [kept]))
            readings = ", ".join(f"{reading / MEGABYTE:.1f}" for reading in resident)
            notes.append(f"{side}: MB after each tenth: {readings}")
            if found["delivered"] != many or lab.server.counts().events != many:
                raise SystemExit(f"stream: {found['delivered']} of {many} were delivered")
        yield Result(
            "stream",
            f"send_all of {many} batches, {'in the background' if threaded else 'at once'}",
            figures,
            verdicts,
            notes,
        )


def _alone(lab: Lab, side: str, action: str, *arguments: Any) -> Any:
    with closing(lab.fresh(side)) as process:
        return process.ask(action, *arguments)
