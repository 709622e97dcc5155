"""How a pace is kept: a bucket, counted in seconds, without a clock or a lock."""

from __future__ import annotations

from typing import NamedTuple

_NOTHING = 1e-6  # seconds that nobody waits: sums of floats are no more exact


class Bucket(NamedTuple):
    """How far the pace is used: seconds in which nothing may leave, counted from a moment.

    Attributes:
        at: the moment.
        debt: the seconds; below 0 for what is saved up.
    """

    at: float
    debt: float

    def take(self, now: float, cost: float, saved: float) -> tuple[float, Bucket]:
        """Return the seconds to wait, or 0.0 if something may leave; and the bucket after that.

        Args:
            cost: the seconds that it takes from the pace.
            saved: the most seconds that can be saved up.
        """
        # a clock that was set back: from now on as if no time had passed
        debt = max(self.debt - max(0.0, now - self.at), -saved)
        if debt > _NOTHING:
            return debt, Bucket(now, debt)
        return 0.0, Bucket(now, debt + cost)
