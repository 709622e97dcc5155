"""A clock that stands still and ids that come in the same order, so that bytes never vary."""

from __future__ import annotations

import itertools
from datetime import timedelta

from ..errors import ConfigurationError, brief
from ..utils.options import integer_between
from ..values import validators
from ..values.check_failed import checked_as
from ..values.validators import Instant

MOMENT = "2026-11-23T10:15:00Z"
"""When the clock stands still, unless you say when."""


class FrozenClock:
    """A clock for ``Client(now=…)``: it stands still until you set or advance it.

    Args:
        at: the time that it shows: an aware datetime, an ISO 8601 string with a zone, or Unix
            milliseconds.

    Raises:
        InvalidTime: the time has no zone, or is in seconds.

    >>> clock = FrozenClock()
    >>> clock()
    1795428900000
    >>> clock.advance(1.5)
    >>> clock()
    1795428901500
    """

    def __init__(self, at: Instant = MOMENT) -> None:
        self._now = checked_as(validators.instant, "FrozenClock", "at", at)

    def __call__(self) -> int:
        """Return the time in Unix milliseconds."""
        return self._now

    def set(self, at: Instant) -> None:
        """Show this time from now on."""
        self._now = checked_as(validators.instant, "set", "at", at)

    def advance(self, by: float | timedelta) -> None:
        """Show a later time from now on.

        Args:
            by: seconds, or a timedelta.
        """
        try:
            milliseconds = validators.duration(by)
        except validators.CheckFailed:
            milliseconds = -1
        if not 0 <= milliseconds <= _MOST_MILLISECONDS:
            raise ConfigurationError(
                f"advance({brief(by)}): want seconds, 0 or more, or a timedelta; "
                "write clock.advance(1.5), or clock.set(…) to go back"
            )
        self._now += milliseconds

    def __repr__(self) -> str:
        from ..formatting.summary import moment

        return f"<FrozenClock {moment(self._now)}>"


class SeededIds:
    """Ids for ``Client(new_id=…)``: UUIDs that are counted up from 1.

    Args:
        seed: a number that stands at the beginning of each, from 0 to 4294967295: two sources
            with different seeds never give the same id.

    Raises:
        ConfigurationError: the seed is no such number.

    >>> ids = SeededIds()
    >>> ids(), ids()
    ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002')
    >>> SeededIds(7)()
    '00000007-0000-4000-8000-000000000001'
    """

    def __init__(self, seed: int = 0) -> None:
        number = integer_between(seed, 0, 2**32 - 1)
        if number is None:
            raise ConfigurationError(
                f"SeededIds({brief(seed)}): want a whole number from 0 to 4294967295; "
                "write SeededIds(7)"
            )
        self._seed = number
        self._numbers = itertools.count(1)

    def __call__(self) -> str:
        """Return the next id."""
        return f"{self._seed:08x}-0000-4000-8000-{next(self._numbers):012x}"

    def __repr__(self) -> str:
        return f"SeededIds({self._seed})"


_MOST_MILLISECONDS = 10**14
