"""When sealed batches leave: at once, in the caller's thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import ClassVar, Protocol

from .courier import Clock, Courier, Piece
from .delivery import settle_each
from .errors import ConfigurationError, TransportError
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
        """Begin to deliver what waits; return False where the caller must not wait for it."""
        ...

    def close(self, timeout: float | None) -> bool:
        """Settle what waits, stop, and close the courier.

        Returns False if that must wait, because the caller is a callback of a delivery that goes
        on; it is then done at the end of that delivery.
        """
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
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._closed = threading.Event()
        self._clock = Clock(clock, wall, sleep or self._closed.wait, self._closed.is_set)
        self._courier: Courier | None = None
        self._here = threading.local()  # whether this thread is sending, so must not wait for it

    def open(self, courier: Courier) -> None:
        """Belong to a client.

        Raises:
            ConfigurationError: it belongs to another one.
        """
        if self._courier is not None:
            raise ConfigurationError(
                "a dispatcher belongs to one client; write dispatcher=SyncDispatcher() for each"
            )
        self._courier = courier

    def submit(self, pieces: Iterable[Piece]) -> None:
        """Send pieces in as few requests as they fit."""
        if self._courier is None:
            raise ConfigurationError("a dispatcher belongs to a client; write Client(dispatcher=…)")
        taken = list(pieces)
        outer = self._sending()
        self._here.sending = True
        try:
            for group in pack(taken, lambda piece: len(piece.part.body)):
                self._courier.deliver(group, self._clock, elapsed_limit=self.max_elapsed)
        except BaseException as error:  # such as KeyboardInterrupt: nothing may stay pending
            failure = TransportError(f"sending was broken off by {type(error).__name__}")
            failure.__cause__ = error
            with suppress(BaseException):  # the first one counts
                settle_each([partial(piece.parcel.give_up, failure) for piece in taken])
            raise
        finally:
            self._here.sending = outer
            if self._closed.is_set() and not outer:
                self._courier.close()

    def flush(self, timeout: float | None) -> bool:
        """Return whether to wait: not in a callback of what this very thread is sending."""
        return not self._sending()

    def close(self, timeout: float | None) -> bool:
        """Let no thread begin or wait any more."""
        self._closed.set()
        if self._sending():
            return False
        if self._courier is not None:
            self._courier.close()
        return True

    def _sending(self) -> bool:
        return getattr(self._here, "sending", False)

    def __repr__(self) -> str:
        return "<SyncDispatcher>"
