"""What a result and its target are, and results as text, as JSON, and as the page RESULTS.md."""

import json
import os
import platform
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from .measurement import Spread, spread


class Target(NamedTuple):
    """A claim about a number, to be read after it, and what it must reach or not go over."""

    claim: str
    sign: str
    number: float
    unit: str = "×"

    def is_met(self, value: float) -> bool:
        return value >= self.number if self.sign == "≥" else value <= self.number

    def __str__(self) -> str:
        return f"{self.sign} {self.number:g} {self.unit}".rstrip()


_TABLE = Path(__file__).with_name("targets.toml").read_text(encoding="utf-8")
TARGETS = {name: Target(*fields) for name, fields in tomllib.loads(_TABLE).items()}


class Verdict(NamedTuple):
    """What the figures mean for a target; ``met`` is None if the number is only good to know."""

    claim: str
    spread: Spread
    target: str = ""
    met: bool | None = None
    unit: str = "×"


def judge(target: str, values: Sequence[float]) -> Verdict:
    """Return a target's number, and whether it is met: by the median of the rounds."""
    wanted, found = TARGETS[target], spread(values)
    return Verdict(wanted.claim, found, str(wanted), wanted.is_met(found.median), wanted.unit)


class Result(NamedTuple):
    """What was measured, and the figures of each peer; those in "s" are printed as they fit."""

    row: str
    what: str
    figures: Mapping[str, Spread]
    verdicts: Sequence[Verdict] = ()
    notes: Sequence[str] = ()
    unit: str = "s"


def lines(result: Result) -> Iterator[str]:
    yield f"{result.row}: {result.what}"
    for peer, found in result.figures.items():
        middle, rest = _texts(found, result.unit)
        yield f"    {peer:<44}{middle:>12}  {rest}".rstrip()
    for verdict in result.verdicts:
        middle, rest = _texts(verdict.spread, verdict.unit)
        judged = f"; target {verdict.target}: {'met' if verdict.met else 'MISSED'}"
        yield f"  = {middle} {verdict.claim}{rest}{judged if verdict.target else ''}"
    for note in result.notes:
        yield f"  - {note}"


def _texts(found: Spread, unit: str) -> tuple[str, str]:
    """Return the median with its unit, and from where to where the middle half is."""
    scale = 1.0
    if unit == "s":
        scale, unit = (1e6, "µs") if abs(found.median) < 1e-3 else (1e3, "ms")
    low, middle, high = (_digits(value * scale) for value in found)
    rest = "" if found.low == found.high else f" ({low} to {high})"
    return f"{middle} {unit}".rstrip(), rest


def _digits(value: float) -> str:
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.2f}"


def machine() -> dict[str, str]:
    """Return what the figures were measured on."""
    info = Path("/proc/cpuinfo")  # of Linux, where platform.processor() is empty
    named = info.exists() and re.search(r"model name\s*: (.+)", info.read_text(encoding="utf-8"))
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": named[1] if named else platform.processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
    }


def as_json(results: Sequence[Result], versions: Mapping[str, Any], commit: str) -> str:
    """Return a run as JSON; a spread is a list of its three numbers."""
    listed = [{**one._asdict(), "verdicts": [v._asdict() for v in one.verdicts]} for one in results]
    data = {"commit": commit, "machine": machine(), "versions": versions, "results": listed}
    return json.dumps(data, indent=1, ensure_ascii=False)


def page(printed: Sequence[str], commit: str, command: str) -> str:
    """Return RESULTS.md: what a run printed, and on which machine."""
    on = machine()
    about = (
        f"One run of `{command}` on {on['date']}: mpfluent at {commit}; {on['processor']}, "
        f"{on['cores']} cores, {on['system']}. A figure is the median of the rounds, and behind "
        "it is the middle half of them. Trust the ratios, not the microseconds."
    )
    return "\n".join(["# Results", "", about, "", "```", *printed, "```", ""])
