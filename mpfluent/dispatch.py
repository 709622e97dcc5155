"""When sealed batches leave: at once, in the caller's thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import ClassVar, Protocol

from .courier import Clock, Courier, Piece
from .wire import pack


class Dispatcher(Protocol):
    """Takes accepted pieces to a client's courier.

    Attributes:
        waits: whether ``submit`` returns only when everything is settled.
    """

    waits: ClassVar[bool]

    def open(self, courier: Courier) -> None:
        """Belong to a client from now on; starts nothing."""
        ...

    def submit(self, pieces: Iterable[Piece]) -> None:
        """Take pieces over; each parcel is settled exactly once."""
        ...

    def flush(self, timeout: float | None) -> bool:
        """Wait until nothing is pending; return whether nothing is."""
        ...

    def close(self, timeout: float | None) -> None:
        """Deliver or settle what is pending, and stop."""
        ...


class SyncDispatcher:
    """Sends in the caller's thread: ``send`` returns when the outcome is known.

    Args:
        clock: monotonic seconds; wall: Unix seconds; sleep: waits seconds. For tests.

    >>> SyncDispatcher()
    <SyncDispatcher>
    """

    waits: ClassVar[bool] = True
    max_elapsed = 15.0  # seconds for one request with its retries, unless Retry says otherwise

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        def wait(seconds: float) -> bool:
            sleep(seconds)
            return False

        self._clock = Clock(clock, wall, wait)
        self._courier: Courier | None = None

    def open(self, courier: Courier) -> None:
        """Belong to a client."""
        self._courier = courier

    def submit(self, pieces: Iterable[Piece]) -> None:
        """Send pieces in as few requests as they fit."""
        if self._courier is None:
            raise RuntimeError("a dispatcher belongs to a client; write Client(dispatcher=…)")
        for group in pack(pieces, lambda piece: len(piece.part.body)):
            self._courier.deliver(group, self._clock, elapsed_limit=self.max_elapsed)

    def flush(self, timeout: float | None) -> bool:
        """Return True: nothing waits here."""
        return True

    def close(self, timeout: float | None) -> None:
        """Do nothing: nothing waits here."""

    def __repr__(self) -> str:
        return "<SyncDispatcher>"
