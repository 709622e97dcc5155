"""How far a run is: a bar in a terminal, or a line every ten seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .speed import Speed, left_of, line_of
from .terminal import is_lively

if TYPE_CHECKING:
    from ..rows import RowsReport

Progress = Callable[["RowsReport"], None]

EVERY = 10.0  # seconds between two lines


@contextmanager
def shown(
    total: int | None, *, quiet: bool, clock: Callable[[], float] = time.monotonic
) -> Generator[Progress]:
    """Show on standard error how far a run is, and yield what to call with each report.

    Args:
        total: the number of rows; None if it is not known.
        quiet: whether to show nothing.
        clock: seconds; for tests.
    """
    if quiet:
        yield lambda report: None
    elif is_lively(sys.stderr):
        from .bar import bar  # with it comes rich

        with bar(total, clock) as progress:
            yield progress
    else:
        yield _lines(total, clock)


def _lines(total: int | None, clock: Callable[[], float]) -> Progress:
    """Return what prints a line every ten seconds."""
    speed, next_at = Speed(), clock() + EVERY
    speed.add(clock(), 0, 0)

    def progress(report: RowsReport) -> None:
        nonlocal next_at
        now = clock()
        speed.add(now, report.rows, report.batches)
        if now >= next_at:
            next_at = now + EVERY
            said = filter(None, (line_of(report, total, speed), left_of(report, total, speed)))
            sys.stderr.write(f"{', '.join(said)}\n")
            sys.stderr.flush()

    return progress
