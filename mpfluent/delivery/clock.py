"""The time, and waiting: a test brings its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Clock(NamedTuple):
    """Time, as a dispatcher lends it.

    Attributes:
        monotonic: seconds that never go back.
        wall: Unix seconds, for dates in headers.
        wait: waits these seconds, or until the client is closed.
        closed: whether the client is closed, so that nothing is begun any more.
    """

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    wait: Callable[[float], object]
    closed: Callable[[], bool]
