"""``python -m benchmarks.plots FILE``: draw what ``--curves --json FILE`` wrote, by matplotlib."""

import argparse
import json
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
PLOTS, LOOKS = _TABLES["plots"], _TABLES["looks"]


def series(data: Mapping[str, Any]) -> dict[str, dict[str, list[tuple[float, ...]]]]:
    """Return each curve's points by peer: the position, and the spread there."""
    found: dict[str, Any] = defaultdict(lambda: defaultdict(list))
    for result in data["results"]:
        if result["row"] == "curves":
            curve, _, x = result["what"].rpartition(" @ ")
            for peer, spread in result["figures"].items():
                found[curve][peer].append((float(x), *spread))
    return found


def draw(curve: str, peers: Mapping[str, Any], folder: Path, below: str) -> Path:
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    file, across, up, unit, scale = PLOTS[curve]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for peer, points in peers.items():
        colour, marker = next(look for name, look in LOOKS.items() if peer.startswith(name))
        xs, *spreads = zip(*points, strict=True)
        low, middle, high = ([y / unit for y in ys] for ys in spreads)
        axes.plot(xs, middle, color=colour, marker=marker, markersize=5, label=peer)
        axes.fill_between(xs, low, high, color=colour, alpha=0.2, linewidth=0)
    title = curve[0].upper() + curve[1:]
    axes.set(title=title, xlabel=across, ylabel=up, xscale=scale, yscale=scale)
    if scale == "linear":
        axes.set(xlim=(0, None), ylim=(0, None))
    else:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set(major_locator=LogLocator(subs=(1, 2, 5)), minor_formatter=NullFormatter())
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.grid(True, color="#dddddd")
    axes.legend(frameon=False)
    figure.supxlabel(below, fontsize="x-small", color="#666666", x=0.01, ha="left")
    path = folder / f"{file}.svg"
    figure.savefig(path)
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description=__doc__)
    parser.add_argument("file", type=Path, help="what --curves --json wrote")
    parser.add_argument("--folder", type=Path, default=Path("docs/plots"), help="where to")
    options = parser.parse_args(arguments)
    data = json.loads(options.file.read_text(encoding="utf-8"))
    curves = series(data)
    if not curves:
        command = "python -m benchmarks --curves --json FILE"
        raise SystemExit(f"{options.file} has no curves; write {command}")
    below = (
        f"mpfluent {data['commit']}, Python {data['versions']['mpfluent']['Python']}, "
        "{processor}, {cores} cores, {date}; medians, and the middle half of the rounds"
    ).format(**data["machine"])
    options.folder.mkdir(parents=True, exist_ok=True)
    for curve, peers in curves.items():
        print(draw(curve, peers, options.folder, below))


if __name__ == "__main__":
    main()
