"""What became of the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..errors import DeliveryError, InvalidBatch

_NONE: Mapping[str, int] = MappingProxyType({})


class RowsReport(NamedTuple):
    """The outcomes of the rows of a table. It is true if nothing failed and nothing was rejected.

    All counts are of rows, but for ``batches`` and ``requests``, and they add up: ``rows ==
    delivered + failed + rejected + duplicates + skipped + resumed + kept + handed_over``.

    Attributes:
        rows: how many were read.
        batches: how many batches were made of them.
        requests: in how many requests they left.
        delivered: what arrived.
        failed: what was sent and did not arrive.
        rejected: what came to no batch, or to one over a limit.
        duplicates: rows whose key came before; they were not sent again.
        skipped: rows that the mapping left out.
        resumed: rows that an earlier run had settled.
        kept: what waits in an outbox.
        handed_over: what a broker has taken over.
        failed_by_reason, rejected_by_reason: how many for each reason.
        seconds: how long it took.
        notes: what is worth to know, a sentence each.
        first_errors: the first errors.

    >>> report = RowsReport(rows=3, delivered=2, rejected=1, rejected_by_reason={"age": 1})
    >>> bool(report)
    False
    """

    rows: int = 0
    batches: int = 0
    requests: int = 0
    delivered: int = 0
    failed: int = 0
    rejected: int = 0
    duplicates: int = 0
    skipped: int = 0
    resumed: int = 0
    kept: int = 0
    handed_over: int = 0
    failed_by_reason: Mapping[str, int] = _NONE
    rejected_by_reason: Mapping[str, int] = _NONE
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    first_errors: tuple[InvalidBatch | DeliveryError, ...] = ()

    def __bool__(self) -> bool:
        return not (self.failed or self.rejected)
