"""``python -m benchmarks [--vendor PYTHON] [--quick]``: measure, and print a row at a time."""

from __future__ import annotations

import argparse
import importlib.util
import platform
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from . import rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=rows.__doc__)
    parser.add_argument("--vendor", metavar="PYTHON", help="an interpreter that has mparticle")
    parser.add_argument("--quick", action="store_true", help="a second; proves that it runs")
    options = parser.parse_args(arguments)
    python = options.vendor
    if python is None and importlib.util.find_spec("mparticle") is not None:
        python = sys.executable
    vendor = None if python is None else rows.Vendor(python)
    try:
        print(f"Python {platform.python_version()}; CPU time, medians of rounds taken in turns\n")
        for row in _rows(vendor, quick=options.quick):
            print(row, flush=True)
        if vendor is None:
            print("\nwithout the vendor's SDK; --vendor PYTHON measures it")
    finally:
        if vendor is not None:
            vendor.close()


def _rows(vendor: rows.Vendor | None, *, quick: bool) -> Iterator[str]:
    turns: dict[str, Any] = (
        {"rounds": 2, "piece": 0.0005} if quick else {"rounds": 40, "piece": 0.01}
    )
    return chain(
        rows.batches(vendor, **turns),
        rows.steps(**turns),
        rows.appends(rounds=1, many=1000) if quick else rows.appends(rounds=15),
        rows.imports(vendor, starts=1 if quick else 15),
    )


if __name__ == "__main__":
    main()
