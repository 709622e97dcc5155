"""What the ``mpfluent`` logger gets: little, and never a value from a batch, or a secret.

The logger has no handler of ours, so that warnings show where logging is not set up. Every record
has all of the extra fields, so that a formatter may name them.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

EVERY = 60.0  # seconds between two lines of one kind

FIELDS: dict[str, Any] = dict.fromkeys(
    (
        *("method", "host", "batches", "bytes", "status", "code", "reason", "error"),
        *("milliseconds", "attempt", "next_in", "problem", "place"),
    )
)
"""The extra fields of a record; None where a record has nothing to say."""

_DEBUG = 10  # logging.DEBUG, without loading it


@cache
def logger() -> logging.Logger:
    """Return our logger; ``logging``, which is slow to import, loads with the first client."""
    import logging

    return logging.getLogger("mpfluent")


def warn(message: str, *args: object, **fields: object) -> None:
    """Log a warning; a log handler that raises must not stop a delivery.

    Args:
        **fields: those of :data:`FIELDS` that the record has something to say in.
    """
    with suppress(Exception):
        logger().warning(message, *args, extra={**FIELDS, **fields})


def debug(message: str, *args: object, **fields: object) -> None:
    """Log what is worth knowing when something is looked for."""
    with suppress(Exception):
        logger().debug(message, *args, extra={**FIELDS, **fields})


def debugging() -> bool:
    """Return whether anybody wants that."""
    return logger().isEnabledFor(_DEBUG)


def batch_count(count: int) -> str:
    """Return the words for so many batches.

    >>> batch_count(1), batch_count(2)
    ('1 batch', '2 batches')
    """
    return "1 batch" if count == 1 else f"{count} batches"


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

    def renew_locks(self) -> None:
        """Take a lock of the kind that Python has now."""
        self._lock = threading.RLock()

    def restart(self) -> None:
        """Begin anew, with a new lock, in a forked child."""
        self.renew_locks()
        self._logged_at: dict[str, float] = {}
        self._held_back: dict[str, tuple[int, str, dict[str, object]]] = {}

    def log(self, kind: str, count: int = 1, *, detail: str = "", **fields: object) -> None:
        """Log that something of this kind happened, or count it for the next line.

        Args:
            kind: what, in words of which there are few; a line is made of it and the count.
            detail: more words, of which there may be many: the line has the latest.
            **fields: of the record, as for :func:`warn`.
        """
        with self._lock:
            before = self._held_back.get(kind)
            self._held_back[kind] = count + (before[0] if before else 0), detail, fields
            if self._clock() < self._logged_at.get(kind, -math.inf) + EVERY:
                return
            self._logged_at[kind] = self._clock()
            latest = self._held_back.pop(kind)
        _write(kind, *latest)

    def close(self) -> None:
        """Log what was counted and not logged yet."""
        with self._lock:
            held_back, self._held_back = self._held_back, {}
        for kind, latest in held_back.items():
            _write(kind, *latest)


def _write(kind: str, count: int, detail: str, fields: dict[str, object]) -> None:
    if count > 1:
        warn("%s%s (%d times)", kind, detail, count, **fields)
    else:
        warn("%s%s", kind, detail, **fields)
