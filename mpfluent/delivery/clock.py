"""The time, and waiting; a test may bring its own."""

from __future__ import annotations

from collections.abc import Callable

from ..utils.typed import NamedTuple


class Clock(NamedTuple):
    """What a dispatcher gives a sender to know the time, and to wait.

    Attributes:
        monotonic: seconds that never go back.
        wall: Unix seconds, for dates in headers.
        wait: waits these seconds, or until the client is closed.
        closed: whether the client is closed: then no request is begun any more.
    """

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    wait: Callable[[float], object]
    closed: Callable[[], bool]
