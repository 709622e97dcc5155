"""What of a batch is refused before it leaves: documented limits, and the historical endpoint's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import InvalidBatch
from .limits import HISTORICAL_MINIMUM, Problem

if TYPE_CHECKING:
    from ..builder.batch import Batch


def check_limits(found: Sequence[Problem]) -> None:
    """Raise the first of these problems that is more than advice."""
    serious = [problem for problem in found if not problem.advice]
    if serious:
        more = f" (and {len(serious) - 1} more)" if len(serious) > 1 else ""
        raise InvalidBatch(f"{serious[0].text}{more}; batch.problems() lists them all")


def check_historical(batch: Batch, now: int) -> None:
    """Raise if the historical endpoint would skip a batch, which it does in silence.

    Args:
        batch: before it is sealed, which gives events a time.
        now: Unix milliseconds.
    """
    if not batch.events:
        raise InvalidBatch(
            "the historical endpoint takes no batch without events; "
            "write Client(…) without historical=True for profile data"
        )
    for position, event in enumerate(batch.events):
        if event.at is None:
            raise InvalidBatch(
                f"events[{position}] has no time, which the historical endpoint needs; write at=…"
            )
        if now - event.at < HISTORICAL_MINIMUM:
            raise InvalidBatch(
                f"events[{position}] is younger than 72 hours, which the historical endpoint "
                "skips; send it with Client(…) without historical=True"
            )
