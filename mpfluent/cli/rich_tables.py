"""The table at the end, in a terminal; rich draws it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from .tables import Line

_STYLES = {"delivered": "green", "to be sent": "green", "rejected": "red", "failed": "red"}
_NONE = "0"


def show(title: str, lines: Iterable[Line], rejects: list[Line], notes: Iterable[str]) -> None:
    """Print a report on standard output.

    Args:
        title: what stands above the rejects.
        lines: what became of all rows.
        rejects: the first that were not delivered.
        notes: warnings for the reader.
    """
    console = Console(highlight=False)
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for line in lines:
        style = "" if line.amount == _NONE else _STYLES.get(line.what, "")
        table.add_row(*_texts(line, style))
    console.print(table)
    if rejects:
        console.print(Text(title))
        table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
        table.add_column(style="cyan", overflow="fold")
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for line in rejects:
            table.add_row(*_texts(line, ""))
        console.print(table)
    for note in notes:
        console.print(Text.assemble(("note: ", "yellow"), note))


def _texts(line: Line, style: str) -> list[Text]:
    """Return the cells as they stand: brackets in them are no markup."""
    return [Text(line.what, style), Text(line.amount, style), Text(line.detail)]
