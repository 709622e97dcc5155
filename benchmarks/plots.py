"""``python -m benchmarks.plots FILE``: draw how costs grow, from ``--curves --json FILE``.

Needs matplotlib, which nothing else here does.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .rows.curves import PACED, PER_BATCH, PER_EVENT, WAITING


class Plot(NamedTuple):
    """How a curve is drawn.

    Attributes:
        file: its name, without an ending.
        across: what the x axis says.
        up: what the y axis says.
        scale: from what was measured to what the y axis says.
        logarithmic: whether both axes are.
    """

    file: str
    title: str
    across: str
    up: str
    scale: float
    logarithmic: bool = True


PLOTS = {
    PER_BATCH: Plot(
        "time-per-batch",
        "A batch, from values to JSON bytes",
        "events in the batch",
        "CPU time, µs",
        1e6,
    ),
    PER_EVENT: Plot(
        "cpu-by-size",
        "An event, from values to the answer",
        "events in a batch, or batches in a request of the vendor's SDK",
        "CPU time for each event, µs",
        1e6,
    ),
    PACED: Plot(
        "cpu-by-pace",
        "An event, at a steady pace",
        "batches of one event, each second; a line ends where the side cannot keep up",
        "CPU time for each event, µs",
        1e6,
    ),
    WAITING: Plot(
        "memory-of-waiting",
        "Batches of one event that wait",
        "batches in the queue",
        "memory, MB",
        1.0,
        logarithmic=False,
    ),
}

# Told apart by those who see few colours, too; a side has the same everywhere
LOOKS = {
    "mpfluent + orjson": ("#0072B2", "D"),
    "mpfluent, at once": ("#56B4E9", "v"),
    "mpfluent": ("#0072B2", "o"),
    "what waits": ("#0072B2", "o"),
    "dict literals + json": ("#555555", "s"),
    "its JSON": ("#555555", "s"),
    "the pace itself": ("#555555", "s"),
    "the vendor's SDK": ("#D55E00", "^"),
    "Segment": ("#009E73", "P"),
    "PostHog": ("#E69F00", "X"),
}

Series = dict[str, list[tuple[float, Mapping[str, float]]]]


def series(data: Mapping[str, Any]) -> dict[str, Series]:
    """Return each curve's points by side: where, and the spread there."""
    found: dict[str, Series] = defaultdict(lambda: defaultdict(list))
    for result in data["results"]:
        if result["row"] == "curves":
            curve, _, place = result["what"].rpartition(" @ ")
            for figure in result["figures"]:
                found[curve][figure["side"]].append((float(place), figure["spread"]))
    return found


def draw(plot: Plot, sides: Series, path: Path, below: str) -> None:
    """Draw one curve into a file."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for side, points in sides.items():
        colour, marker = next(look for name, look in LOOKS.items() if side.startswith(name))
        across = [place for place, _ in points]
        low, middle, high = (
            [spread[key] * plot.scale for _, spread in points] for key in ("low", "median", "high")
        )
        axes.plot(
            across,
            middle,
            color=colour,
            marker=marker,
            markersize=5,
            linestyle="--" if "orjson" in side else "-",
            label=side,
        )
        axes.fill_between(across, low, high, color=colour, alpha=0.2, linewidth=0)
    plain = FuncFormatter(lambda value, _: f"{value:,.10g}".replace(",", "\N{THIN SPACE}"))
    if plot.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(plain)
    axes.yaxis.set_major_formatter(plain)
    axes.grid(True, which="major", color="#dddddd")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(plot.title, loc="left", fontweight="bold")
    axes.set_xlabel(plot.across)
    axes.set_ylabel(plot.up)
    axes.legend(frameon=False)
    figure.supxlabel(below, fontsize="x-small", color="#666666", x=0.01, ha="left")
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw each curve that the file has."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description=__doc__)
    parser.add_argument("file", type=Path, help="what --curves --json wrote")
    parser.add_argument("--folder", type=Path, default=Path("docs/plots"), help="where to")
    parser.add_argument("--format", choices=("svg", "png"), default="svg")
    options = parser.parse_args(arguments)
    data = json.loads(options.file.read_text(encoding="utf-8"))
    curves = series(data)
    if not curves:
        raise SystemExit(
            f"{options.file} has no curves; write python -m benchmarks --curves --json FILE"
        )
    machine = data["machine"]
    python = next(iter(data["versions"].values()))["Python"]
    below = (
        f"mpfluent {data['commit']}, Python {python}, {machine['processor']}, "
        f"{machine['cores']} cores, {machine['date']}; medians, and the middle half of the rounds"
    )
    options.folder.mkdir(parents=True, exist_ok=True)
    for curve, sides in curves.items():
        plot = PLOTS[curve]
        path = options.folder / f"{plot.file}.{options.format}"
        draw(plot, sides, path, below)
        print(path)


if __name__ == "__main__":
    main()
