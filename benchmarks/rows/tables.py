"""Tables of rows."""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from ..measurement import column
from ..report import Result, judge
from ..run import DICTS, OURS, VENDOR, Run
from ..workloads import write_rows
from .processes import alone
from .sending import BULK, Counts, deliver

LOOP = "csv + json + requests"


def tables(run: Run) -> Iterator[Result]:
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
        if sys.platform == "win32":
            return  # it is not asked for resident memory
        held = alone(run, OURS, "stream", run.server.url, many, False, paths)["resident"]
    taken = {"after a tenth": [held[0] / 1e6], "at their end": [held[-1] / 1e6]}
    grown = [judge("rows, memory", [(held[-1] - held[0]) / (many * 0.9)])]
    yield run.result(f"{many} rows, memory", taken, verdicts=grown, unit="MB")
