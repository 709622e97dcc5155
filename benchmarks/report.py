"""Results as text, as JSON, and as the page RESULTS.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .lab import Result, Verdict
from .timing import Spread


def lines(result: Result) -> Iterator[str]:
    """Yield what is printed of a row."""
    yield f"{result.row}: {result.what}"
    for figure in result.figures:
        middle, rest = _texts(figure.spread, figure.unit)
        yield (
            f"    {figure.side:<44}{middle:>12}   ({rest})"
            if rest
            else (f"    {figure.side:<44}{middle:>12}")
        )
    for verdict in result.verdicts:
        yield f"  = {_number(verdict)}"
    for note in result.notes:
        yield f"  - {note}"


def _number(verdict: Verdict) -> str:
    middle, rest = _texts(verdict.spread, verdict.unit)
    text = f"{middle} {verdict.claim}"
    if rest:
        text = f"{text} ({rest})"
    return text if verdict.target is None else f"{text}; target {verdict.target}: {_met(verdict)}"


def _met(verdict: Verdict) -> str:
    return "met" if verdict.met else "MISSED"


def _texts(found: Spread, unit: str) -> tuple[str, str]:
    """Return the median with its unit, and from where to where the middle half is."""
    scale, shown = 1.0, unit
    if unit == "s":
        scale, shown = (1e6, "µs") if abs(found.median) < 1e-3 else (1e3, "ms")
    low, middle, high = (_digits(value * scale) for value in found)
    rest = "" if found.low == found.high else f"{low} to {high}"
    return f"{middle} {shown}".rstrip(), rest


def _digits(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}".replace(",", " ")


def machine() -> dict[str, str]:
    """Return what the figures were measured on."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or "unknown"


def as_json(
    results: Sequence[Result], versions: Mapping[str, Mapping[str, str]], commit: str
) -> dict[str, Any]:
    """Return a run as plain data."""
    return {
        "commit": commit,
        "machine": machine(),
        "versions": versions,
        "results": [
            {
                **result._asdict(),
                "figures": [
                    {**figure._asdict(), "spread": figure.spread._asdict()}
                    for figure in result.figures
                ],
                "verdicts": [
                    {**verdict._asdict(), "spread": verdict.spread._asdict()}
                    for verdict in result.verdicts
                ],
            }
            for result in results
        ],
    }


def page(
    results: Sequence[Result],
    versions: Mapping[str, Mapping[str, str]],
    missing: Mapping[str, str],
    commit: str,
    command: str,
) -> str:
    """Return RESULTS.md: each target with its figure, then each figure."""
    on = machine()
    parts = [
        "# Results",
        f"One run of `{command}` on {on['date']}: mpfluent at {commit}; {on['processor']}, "
        f"{on['cores']} cores, {on['system']}. A figure is the median of the rounds, and behind "
        "it is the middle half of them. Trust the ratios, not the microseconds.",
        "\n".join(
            f"* {side}: {', '.join(f'{name} {number}' for name, number in found.items())}"
            for side, found in versions.items()
        ),
        "## Targets",
        _table(
            ("row", "measured", "figure", "middle half", "target", "met"),
            [
                (
                    result.row,
                    f"{result.what}: {verdict.claim}",
                    *_texts(verdict.spread, verdict.unit),
                    verdict.target,
                    "yes" if verdict.met else "**no**",
                )
                for result in results
                for verdict in result.verdicts
                if verdict.target is not None
            ],
        ),
        "## Figures",
        _table(
            ("row", "measured", "side", "median", "middle half"),
            [
                (result.row, result.what, figure.side, *_texts(figure.spread, figure.unit))
                for result in results
                for figure in result.figures
            ],
        ),
    ]
    notes = [f"* {result.row}: {note}" for result in results for note in result.notes]
    notes += [f"* {side} is left out: {reason}" for side, reason in missing.items()]
    if notes:
        parts += ["## Notes", "\n".join(dict.fromkeys(notes))]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    all_rows = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in row)} |" for row in all_rows)
