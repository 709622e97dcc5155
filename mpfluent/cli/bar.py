"""The bar in a terminal; rich draws it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .speed import Speed, left_of, line_of

if TYPE_CHECKING:
    from ..rows import RowsReport

# A line that is as wide as the terminal would break in two when somebody makes that narrower, and
# one half would stay.
_WIDTH = 78


@contextmanager
def bar(total: int | None, clock: Callable[[], float]) -> Generator[Callable[[RowsReport], None]]:
    """Show a bar on standard error until the end of the block; yield what takes each report.

    What is printed meanwhile, such as a warning, stands above it.

    Args:
        total: the number of rows; None if it is not known.
        clock: seconds.
    """
    speed = Speed()
    speed.add(clock(), 0, 0)
    console = Console(stderr=True)
    # only what goes to the same terminal: what goes to a file must get there
    live = Live(console=console, transient=True, redirect_stdout=sys.stdout.isatty())

    def progress(report: RowsReport) -> None:
        speed.add(clock(), report.rows, report.batches)
        line = line_of(report, total, speed)
        left = left_of(report, total, speed)
        live.update(_drawn(report.rows, total, left, line, console.width))

    live.update(_drawn(0, total, "", "", console.width))
    with live:
        console.show_cursor(True)  # a signal such as Ctrl-Z's would leave the terminal without one
        yield progress


def _drawn(rows: int, total: int | None, left: str, line: str, width: int) -> Group:
    """Return the bar, with a line below it."""
    share = f"{100 * rows // total}%" if total else ""
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.width = min(_WIDTH, width)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_row(ProgressBar(total, rows, pulse=not total), share, left)
    return Group(grid, Text(line, no_wrap=True, overflow="ellipsis"))
