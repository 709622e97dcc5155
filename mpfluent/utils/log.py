"""The ``mpfluent`` logger: few lines, and never a value from a batch or a secret.

We add no handler, so that warnings show where logging is not set up. Every record has all of the
extra fields, so that a formatter may use them.
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

EVERY = 60.0  # seconds between two lines of one kind: an outage must not flood the log

FIELDS: dict[str, Any] = dict.fromkeys(
    (
        *("method", "host", "batches", "bytes", "status", "code", "reason", "error"),
        *("milliseconds", "attempt", "next_in", "problem", "place"),
    )
)
"""The extra fields of a record; each is None where it does not apply."""

_DEBUG = 10  # logging.DEBUG, without loading it


@cache
def logger() -> logging.Logger:
    """Return our logger; ``logging``, which is slow to import, loads with the first client."""
    import logging

    return logging.getLogger("mpfluent")


def warn(message: str, *args: object, **fields: object) -> None:
    """Log a warning.

    Args:
        message: the text; args: its arguments.
        **fields: the extra fields of :data:`FIELDS` that apply.
    """
    with suppress(Exception):  # a log handler that raises must not stop a delivery
        logger().warning(message, *args, extra={**FIELDS, **fields})


def debug(message: str, *args: object, **fields: object) -> None:
    """Log a detail that helps to find a fault; see :func:`warn`."""
    with suppress(Exception):  # as in warn
        logger().debug(message, *args, extra={**FIELDS, **fields})


def debugging() -> bool:
    """Return whether anybody reads lines at DEBUG."""
    return logger().isEnabledFor(_DEBUG)


def batch_count(count: int) -> str:
    """Return the words for so many batches.

    >>> batch_count(1), batch_count(2)
    ('1 batch', '2 batches')
    """
    return "1 batch" if count == 1 else f"{count} batches"


def hook_name(hook: object) -> str:
    """Return the name of a callback."""
    return getattr(hook, "__qualname__", None) or type(hook).__name__


def log_hook_error(hook: object, error: BaseException) -> None:
    """Log that a callback raised: only the type of the error, since its text may have values."""
    warn("the callback %s raised %s; delivery goes on", hook_name(hook), type(error).__name__)


class Notices:
    """Log lines of a few kinds: the first at once, then one a minute with the count since then.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.restart()

    def renew_locks(self) -> None:
        """Take a lock of the kind that Python has now."""
        # Guards the two tables. The line itself is written without it: a log handler may send.
        # Reentrant: a signal handler may log while its thread holds the lock.
        self._lock = threading.RLock()

    def restart(self) -> None:
        """Start again, with a new lock, in a forked child."""
        self.renew_locks()
        self._logged_at: dict[str, float] = {}  # by kind
        self._counted: dict[str, tuple[int, str, dict[str, object]]] = {}  # not logged yet

    def log(self, kind: str, count: int = 1, *, detail: str = "", **fields: object) -> None:
        """Log that something of this kind happened, or count it for the next line.

        Args:
            kind: the beginning of the line. There are few kinds, since each is kept.
            count: how often it happened.
            detail: the rest of the line, any text; the line has the latest one.
            **fields: the fields of the record, as for :func:`warn`.
        """
        with self._lock:
            before = self._counted.get(kind)
            self._counted[kind] = count + (before[0] if before else 0), detail, fields
            if self._clock() < self._logged_at.get(kind, -math.inf) + EVERY:
                return
            self._logged_at[kind] = self._clock()
            latest = self._counted.pop(kind)
        _write(kind, *latest)

    def close(self) -> None:
        """Log what was counted and not logged yet."""
        with self._lock:
            counted, self._counted = self._counted, {}
        for kind, latest in counted.items():
            _write(kind, *latest)


def _write(kind: str, count: int, detail: str, fields: dict[str, object]) -> None:
    if count > 1:
        warn("%s%s (%d times)", kind, detail, count, **fields)
    else:
        warn("%s%s", kind, detail, **fields)
