"""How fast a run is, and what a line says of how far it is."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .words import counted, number, span

if TYPE_CHECKING:
    from ..rows import RowsReport

_WINDOW = 30.0  # seconds that a speed is measured over: shorter ones jump, longer ones lie


class Speed:
    """The speed of the last half minute, by what the reports said.

    >>> speed = Speed()
    >>> speed.add(0.0, 0, 0), speed.add(10.0, 4_000, 2_000)
    (None, None)
    >>> speed.batches_a_second, speed.seconds_for(1_000)
    (200.0, 2.5)
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque()

    def add(self, at: float, rows: int, batches: int) -> None:
        """Take what a report says.

        Args:
            at: seconds, on any clock.
            rows: accounted for until then.
            batches: sent until then.
        """
        self._seen.append((at, rows, batches))
        while len(self._seen) > 2 and at - self._seen[1][0] > _WINDOW:
            self._seen.popleft()

    @property
    def batches_a_second(self) -> float:
        """Batches a second; 0 as long as nobody can say."""
        return self._a_second(2)

    def seconds_for(self, rows: int) -> float | None:
        """Return the seconds that so many rows will take; None as long as nobody can say."""
        rows_a_second = self._a_second(1)
        return rows / rows_a_second if rows_a_second else None

    def _a_second(self, which: int) -> float:
        if not self._seen:
            return 0.0
        first, last = self._seen[0], self._seen[-1]
        seconds = last[0] - first[0]
        return (last[which] - first[which]) / seconds if seconds else 0.0


def line_of(report: RowsReport, total: int | None, speed: Speed) -> str:
    """Return how far a run is: rows, speed, and what became of them.

    Args:
        report: the latest one.
        total: the number of rows; None if it is not known.
        speed: of the run.
    """
    rows = f"{number(report.rows)} of {number(total)}" if total else number(report.rows)
    said = [
        f"{rows} rows",
        f"{number(speed.batches_a_second)} batches/s",
        f"{number(report.delivered)} delivered",
        f"{number(report.rejected)} rejected",
    ]
    if report.failed:
        said.append(f"{number(report.failed)} failed")
    if report.retries:
        said.append(counted(report.retries, "retry", "retries"))
    return ", ".join(said)


def left_of(report: RowsReport, total: int | None, speed: Speed) -> str:
    """Return how long a run will take, such as "12 s left"; nothing as long as nobody can say."""
    seconds = speed.seconds_for(total - report.rows) if total else None
    return "" if seconds is None else f"{span(seconds)} left"
