"""The reports: what became of the batches of one ``send_all``, and of a client's life."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..errors import DeliveryError, Kept, Reason, one_line
from ..transport.base import Response
from ..utils.counts import added, reduced
from ..utils.interrupts import NOTIFIED, Steps
from ..utils.log import batch_count
from ..utils.typed import NamedTuple
from .outcome import HandedOver
from .stats import Outcomes

_SHOWN = 5  # errors in the repr of a report, which is for a terminal
_MOST_FAILURES = 100  # errors that a report keeps, so that its memory is bounded


def failure_of(report: Any, failures: Sequence[DeliveryError], text: str) -> DeliveryError:
    """Return the error that stands for all failures of a report, the first of them its cause."""
    first = failures[0]
    error = DeliveryError(f"{text}; the first: {first}", reason=first.reason, batch=first.batch)
    error.status_code, error.report, error.__cause__ = first.status_code, report, first
    return error


def by_reason(counts: Mapping[Any, int]) -> str:
    """Return counts as text, the largest first, then by the word.

    >>> by_reason({"rejected": 2, "too_large": 1})
    '2 rejected, 1 too_large'
    """
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {reason}" for reason, count in largest)


class Report(NamedTuple):
    """The outcomes of the batches of ``send_all``. Reports add up: ``sum(reports, Report())``.

    It is true if nothing failed and nothing is pending.

    Attributes:
        submitted: how many there were.
        delivered: how many arrived.
        failed: how many did not.
        pending: how many were on their way when it was made, or were kept in an outbox;
            ``client.stats`` counts them when they are settled.
        failed_by_reason: how many failed for each reason.
        failures: the first 100 errors, each with its ``batch``; ``on_failed`` gets them all.
        handed_over: how many a broker took, so that somebody else delivers them.

    >>> Report(submitted=2, delivered=2) + Report(submitted=1, delivered=1)
    Report(submitted=3, delivered=3, failed=0)
    """

    submitted: int = 0
    delivered: int = 0
    failed: int = 0
    pending: int = 0
    failed_by_reason: Mapping[Reason, int] = MappingProxyType({})
    failures: tuple[DeliveryError, ...] = ()
    handed_over: int = 0

    def __add__(self, other: object) -> Report:
        """Return the report of both."""
        if not isinstance(other, Report):
            return NotImplemented
        both = Report(*map(added, self, other))
        return both._replace(failures=both.failures[:_MOST_FAILURES])

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)

    def __bool__(self) -> bool:
        """Return whether nothing failed and nothing is pending."""
        return not (self.failed or self.pending)

    def raise_for_failures(self) -> None:
        """Raise one error if a batch failed; do nothing if none did.

        Raises:
            DeliveryError: a batch failed. It has the first one's reason, and the ``report``.
        """
        if self.failed:
            counts = f"{self.failed:,} of {batch_count(self.submitted)} failed"
            text = f"{counts}: {by_reason(self.failed_by_reason)}"
            raise failure_of(self, self.failures, text) from self.failures[0]

    def __repr__(self) -> str:
        rest = "".join(
            f", {name}={count}"
            for name in ("pending", "handed_over")
            if (count := getattr(self, name))
        )
        reasons = f": {by_reason(self.failed_by_reason)}" if self.failed else ""
        shown = [f"  {one.reason}: {one_line(str(one))}" for one in self.failures[:_SHOWN]]
        more = self.failed - len(shown)
        return "\n".join(
            [
                f"Report(submitted={self.submitted}, delivered={self.delivered}, "
                f"failed={self.failed}{rest}){reasons}",
                *shown,
                *([f"  and {more:,} more; on_failed gets each of them"] if more else ()),
            ]
        )


class CloseReport(NamedTuple):
    """What a client did in its life: batches delivered, failed, and left behind."""

    delivered: int
    failed: int
    left: int


class ReportBuilder(Outcomes):
    """What ``send_all`` reports: counts, and the first errors.

    Attributes:
        refusal: the error by which the key was refused, if it was.
    """

    def __init__(self) -> None:
        # Guards all of it; no other lock is taken while it is held. Reentrant, since a signal's
        # handler, or the garbage collector, may close a client at any line.
        self.lock = threading.RLock()
        self._begin()
        self._failures: list[DeliveryError] = []
        self.refusal: DeliveryError | None = None

    def _settle(self, outcome: Response | DeliveryError, steps: Steps) -> None:
        """Count one batch's outcome; one that is kept is pending still.

        Args:
            steps: which steps of settling are done.
        """
        with self.lock:
            if steps.step >= NOTIFIED or isinstance(outcome, Kept):
                return
            failures: tuple[DeliveryError, ...] = ()
            how: Any = HandedOver if isinstance(outcome, HandedOver) else Response
            if isinstance(outcome, DeliveryError):
                how = outcome.reason
                if outcome.reason == "unauthorized" and self.refusal is None:
                    # a copy: it gets the report, which holds the failures, and none may hold itself
                    self.refusal = outcome.with_batch(outcome.batch)
                if len(self._failures) < _MOST_FAILURES:
                    failures = (outcome,)
            counts: dict[Any, int] = self._settled
            if how not in counts:
                counts[how] = 0
            counts[how], steps.step = counts[how] + 1, NOTIFIED  # atomically
            self._failures += failures  # and with these two

    def report(self) -> Report:
        """Return all counts, of one moment."""
        with self.lock:
            failures = tuple(self._failures)
            return Report(*self._totals(), self._failed(), failures, self._handed_over())
