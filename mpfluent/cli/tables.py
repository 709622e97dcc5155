"""The table at the end of a run: what became of all rows, and the first that were rejected."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain
from shutil import get_terminal_size
from typing import TYPE_CHECKING, NamedTuple

from ..delivery.reports import by_reason
from ..errors import one_line
from .shell_words import in_a_shell
from .terminal import is_lively
from .words import counted, number, size, span

if TYPE_CHECKING:
    from ..rows import RowsReport
    from ..rows.rejects import Reject


_NARROW = 40  # columns; in fewer, a table breaks words, and lines do not


class Line(NamedTuple):
    """A line of a table: what, how many, and a detail."""

    what: str
    amount: str
    detail: str = ""


# what is shown even if there is none of it: of a run, and of a check
_ALWAYS = (("delivered", "rejected", "failed"), ("delivered", "rejected"))
# what the counts of a report mean, in the order of the table
_COUNTS = {
    "delivered": "",
    "rejected": "",
    "failed": "",
    "duplicates": "have a key that came before",
    "skipped": "were left out by the mapping",
    "resumed": "were settled before, by the checkpoint",
    "kept": "wait in the outbox",
    "handed_over": "are somebody else's to deliver",
    "pending": "were on their way, and come again in the next run",
}


def lines_of(report: RowsReport) -> list[Line]:
    """Return the lines of the table.

    Args:
        report: of a run, or of a check.
    """
    reasons = {"rejected": report.rejected_by_reason, "failed": report.failed_by_reason}
    lines = [Line("rows", number(report.rows), _took(report))]
    for name, meaning in _COUNTS.items():
        count = getattr(report, name)
        if name == "pending" and report.is_check:
            continue  # it is the row at which the check ended
        if count or name in _ALWAYS[report.is_check]:
            what = name.replace("_", " ")
            if report.is_check and name == "delivered":
                what = "to be sent"
            lines.append(Line(what, number(count), by_reason(reasons.get(name, {})) or meaning))
    lines.append(Line("batches", number(report.batches), _travelled(report)))
    return lines


def _took(report: RowsReport) -> str:
    return f"{'checked' if report.is_check else 'settled'} in {span(report.seconds)}"


def _travelled(report: RowsReport) -> str:
    """Return what is said of the batches: how they travelled, or how they would."""
    if report.is_check:
        said = [size(report.bytes)]
        if report.seconds_at_limit is not None:
            said.append(f"{span(report.seconds_at_limit)} at the rate limit")
        return ", ".join(said)
    said = [counted(report.requests, "request")]
    if report.retries:
        said.append(counted(report.retries, "retry", "retries"))
    return ", ".join(said)


def summary_of(report: RowsReport) -> str:
    """Return what went wrong in a run, in one line."""
    wrong = [
        (report.rejected, "rejected", report.rejected_by_reason),
        (report.failed, "failed", report.failed_by_reason),
        (report.rejected_before, "rejected by an earlier run", {}),
        (report.pending, "on their way", {}),
    ]
    parts = [
        f"{number(count)} {what}" + (f" ({by_reason(reasons)})" if reasons else "")
        for count, what, reasons in wrong
        if count
    ]
    return f"of {counted(report.rows, 'row')}, {', '.join(parts)}"


def show(report: RowsReport) -> None:
    """Print a report on standard output: with colours in a terminal, if rich is there."""
    rejects = [_line_of(reject) for reject in report.rejects]
    notes = [one_line(in_a_shell(note), 400) for note in report.notes]
    cut = report.rejected + report.failed > len(rejects)
    title = f"not delivered, the first {len(rejects)}:" if cut else "not delivered:"
    if is_lively(sys.stdout) and get_terminal_size().columns >= _NARROW:
        from .rich_tables import show as show_richly  # with it comes rich

        show_richly(title, lines_of(report), rejects, notes)
        return
    all_lines = chain(_aligned(lines_of(report), "<><"), _listed(title, rejects), _noted(notes))
    sys.stdout.write("".join(f"{line}\n" for line in all_lines))


def _line_of(reject: Reject) -> Line:
    place = f"{reject.file}:{reject.line}"
    text = reject.text.removeprefix(f"{place}: ")
    return Line(one_line(place), reject.reason, one_line(in_a_shell(text)))


def _listed(title: str, rejects: list[Line]) -> Iterator[str]:
    if rejects:
        yield ""
        yield title
        yield from _aligned(rejects, "<<<")


def _noted(notes: list[str]) -> Iterator[str]:
    if notes:
        yield ""
        yield from (f"note: {note}" for note in notes)


def _aligned(lines: list[Line], ways: str) -> Iterator[str]:
    """Yield lines with their columns below each other.

    Args:
        lines: what stands in them.
        ways: "<" or ">" for each column, to the left or to the right.
    """
    widths = [max((len(line[column]) for line in lines), default=0) for column in (0, 1)]
    for line in lines:
        first, second = (f"{line[i]:{ways[i]}{widths[i]}}" for i in (0, 1))
        yield f"{first}  {second}  {line.detail}".rstrip()
