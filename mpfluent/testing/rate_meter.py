"""A rate limit as mParticle keeps one, for the local server."""

from __future__ import annotations

import math

from .faults import Action, status


class RateMeter:
    """Counts batches against a limit. A second's worth fits, and each second so much is free again.

    A request that does not fit is answered with 429, and counts nothing. One that could never fit
    is accepted where nothing was counted.

    Args:
        limit: batches a second.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._used = 0.0
        self._at = -math.inf

    def answer(self, batches: int, accepted: Action, now: float) -> Action:
        """Return the answer to a request that would be accepted.

        Args:
            batches: how many it has.
            accepted: the answer if it fits the limit.
            now: monotonic seconds.
        """
        used = max(0.0, self._used - self._limit * max(0.0, now - self._at))
        self._used, self._at = used, max(now, self._at)
        over = used + min(batches, self._limit) - self._limit
        if over > 0:
            seconds = math.ceil(over / self._limit)
            headers = {"Retry-After": str(seconds), "X-mp-rate-limit-exceeded": '"account"'}
            return status(429, headers=headers)
        self._used = used + batches
        percent = min(100, round(100 * self._used / self._limit))
        header = ("X-mp-rate-limit-percentage-used", str(percent))
        return accepted._replace(headers=(*accepted.headers, header))
