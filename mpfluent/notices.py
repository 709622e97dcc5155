"""What the ``mpfluent`` logger is told: seldom, and never a value from a batch, or a secret.

The logger has no handler of ours, so that warnings show where logging is not set up.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

EVERY = 60.0  # seconds between two lines of one kind


@cache
def logger() -> logging.Logger:
    """Return our logger; ``logging``, which is slow to import, loads with the first client."""
    import logging

    return logging.getLogger("mpfluent")


def warn(message: str, *args: object) -> None:
    """Log a warning; a log handler that raises must not stop a delivery."""
    with suppress(Exception):
        logger().warning(message, *args)


def hook_name(hook: object) -> str:
    """Return what a hook is called."""
    return getattr(hook, "__qualname__", None) or type(hook).__name__


def log_hook_error(hook: object, error: BaseException) -> None:
    """Log that a callback raised: what, but not with which values."""
    warn("the callback %s raised %s; delivery goes on", hook_name(hook), type(error).__name__)


class Notices:
    """Log lines, by kind: the first at once, then one a minute with the count of what came since.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """Begin anew, with a new lock, in a forked child."""
        self._lock = threading.RLock()
        self._told_at: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def tell(self, kind: str, count: int = 1, *, said: BaseException | None = None) -> None:
        """Log that something of this kind happened, or count it for the next line.

        Args:
            kind: what, in words of which there are few; a line is made of it and the count.
            said: an error to be quoted in the line.
        """
        with self._lock:
            self._untold[kind] = self._untold.get(kind, 0) + count
            if self._clock() < self._told_at.get(kind, -math.inf) + EVERY:
                return
            self._told_at[kind] = self._clock()
            untold = self._untold.pop(kind)
        _say(kind if said is None else f"{kind}: {type(said).__name__}: {said}", untold)

    def close(self) -> None:
        """Log what was counted and not told yet."""
        with self._lock:
            untold, self._untold = self._untold, {}
        for kind, count in untold.items():
            _say(kind, count)


def _say(kind: str, count: int) -> None:
    warn("%s (%d times)", kind, count) if count > 1 else warn("%s", kind)
