"""What became of the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from ..delivery.reports import by_reason
from ..errors import DeliveryError, InvalidBatch, Reason, one_line
from ..utils.counts import added, reduced
from .rejects import Reject

SHOWN = 10  # rejects that a report keeps, so that its memory is bounded

# What the repr shows, if there is any.
_SHOWN_COUNTS = (
    *("failed", "rejected", "duplicates", "skipped", "resumed", "kept", "handed_over", "pending"),
)

_NONE: Mapping[str, int] = MappingProxyType({})


class RowsReport(NamedTuple):
    """What became of the rows of a table, each of which is counted once.

    ``rows == delivered + failed + rejected + duplicates + skipped + resumed + kept + handed_over``.
    It is true if nothing failed, nothing was rejected, and nothing is pending; nor did an
    earlier run of the job leave rows that it rejected or gave up. Reports add up:
    ``sum(reports, RowsReport())``.

    Attributes:
        rows: how many there were, but for those that are pending.
        delivered: mParticle has taken their batches; of ``check()``, it would be sent them.
        failed: their batches were given up, or mParticle refused them.
        rejected: something is wrong with them, and they were not sent.
        duplicates: their key came before in this run.
        skipped: the mapping returned None for them.
        resumed: an earlier run of the job has settled them.
        kept: their batches are in an outbox, which delivers them.
        handed_over: a broker has their batches, and somebody else delivers them.
        rejected_before: of those that are resumed, how many were not sent: they are in the rejects
            file, or in none.
        pending: read, and on their way: the next run sends them again, under the same ids.
        batches: how many batches were accepted.
        requests: how many requests the client made meanwhile, those of other threads, too.
        retries: how many of them were tried again.
        bytes: of ``check()``: of all batches, as JSON.
        failed_by_reason: rows that failed, by the reason of their batches.
        rejected_by_reason: rows that were rejected: "unreadable", "invalid", "nobody", "limit",
            "unplanned" or "too_large".
        rejects: the first ten rows that failed or were rejected.
        seconds: that it took.
        seconds_at_limit: of ``check()``: that all batches take at the rate limit.
        notes: what a reader should know, a sentence each.
        is_check: whether nothing was sent.
    """

    rows: int = 0
    delivered: int = 0
    failed: int = 0
    rejected: int = 0
    duplicates: int = 0
    skipped: int = 0
    resumed: int = 0
    kept: int = 0
    handed_over: int = 0
    rejected_before: int = 0
    pending: int = 0
    batches: int = 0
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    failed_by_reason: Mapping[str, int] = _NONE
    rejected_by_reason: Mapping[str, int] = _NONE
    rejects: tuple[Reject, ...] = ()
    seconds: float = 0.0
    seconds_at_limit: float | None = None
    notes: tuple[str, ...] = ()
    is_check: bool = False

    def __add__(self, other: object) -> RowsReport:
        """Return the report of both; the seconds of both are added, too."""
        if not isinstance(other, RowsReport):
            return NotImplemented
        both = RowsReport(*map(added, self, other))
        notes = tuple(dict.fromkeys(both.notes))
        return both._replace(rejects=both.rejects[:SHOWN], notes=notes)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)

    def __bool__(self) -> bool:
        """Return whether nothing failed, nothing was rejected, and nothing is pending."""
        return not (self.failed or self.rejected or self.rejected_before or self.pending)

    def raise_for_failures(self) -> None:
        """Raise one error if a row failed or was rejected, now or before; else do nothing.

        Raises:
            DeliveryError: a batch failed. It has the reason of most, and the ``report``.
            InvalidBatch: rows were rejected, and all batches arrived. It has the ``report``.
        """
        if not (self.failed or self.rejected or self.rejected_before):
            return
        text = self._bad()
        if self.rejects:
            text += f"; the first: {one_line(self.rejects[0].text)}"
        error: DeliveryError | InvalidBatch = InvalidBatch(text)
        if self.failed:
            reason = max(self.failed_by_reason.items(), key=itemgetter(1))[0]
            error = DeliveryError(text, reason=cast(Reason, reason))
        error.report = cast(Any, self)
        raise error

    def _bad(self) -> str:
        """Return how many rows failed and were rejected, and why."""
        parts = [
            f"{count:,} {word} ({by_reason(reasons)})"
            for word, count, reasons in (
                ("failed", self.failed, self.failed_by_reason),
                ("rejected", self.rejected, self.rejected_by_reason),
            )
            if count
        ]
        if self.rejected_before:
            parts.append(f"{self.rejected_before:,} rejected by an earlier run")
        return f"of {counted(self.rows, 'row')}, {' and '.join(parts)}"

    def __repr__(self) -> str:
        words = "would be delivered" if self.is_check else "delivered"
        counts = [f"{counted(self.rows, 'row')}: {self.delivered:,} {words}"]
        for name in _SHOWN_COUNTS:
            count = getattr(self, name)
            reasons = getattr(self, f"{name}_by_reason", {})
            if count:
                words = name.replace("_", " ")
                shown = (
                    counted(count, "duplicate") if name == "duplicates" else f"{count:,} {words}"
                )
                counts.append(shown + (f" ({by_reason(reasons)})" if reasons else ""))
        sent = counted(self.batches, "batch", "batches")
        if self.is_check:
            sent += f", {self.bytes:,} bytes"
            if self.seconds_at_limit is not None:
                sent += f", {self.seconds_at_limit:,.0f} s at the rate limit"
        else:
            sent += f", {counted(self.requests, 'request')}, {self.seconds:,.1f} s"
        lines = [", ".join(counts), sent]
        lines += [f"  {one_line(reject.text)}" for reject in self.rejects[:3]]
        lines += [f"note: {note}" for note in self.notes[:3]]
        return "\n".join(lines)


def counted(count: int, one: str, many: str = "") -> str:
    """Return the words for so many of something.

    >>> counted(1, "row"), counted(1_200, "row"), counted(2, "batch", "batches")
    ('1 row', '1,200 rows', '2 batches')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
