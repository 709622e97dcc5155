"""A pace that a user sets: how many batches leave in a second."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Never

from ..errors import ConfigurationError, InvalidValue, brief, unknown_option
from ..transport.handlers import of_handler
from ..utils.fork import ProcessLocal
from ..utils.introspection import PublicNames, expand_kwargs
from ..utils.log import warn
from ..utils.options import integer_between, number_between
from .bucket import Bucket

_OPTIONS = ("batches_per_second", "burst", "shared")
_SAVED = 0.1  # seconds of the pace that a burst has, unless it is given


class RateLimit(PublicNames):
    """A pace: how many batches a second leave, at most.

    A request leaves as soon as those before it are paid for, however many batches it has; then
    the next one waits for these. So nothing waits for ever, and large requests wait no longer than
    small ones. Several clients, and all of their threads, can have one ``RateLimit``.

    Args:
        batches_per_second: a number above 0; mParticle's own limit is 270, unless agreed otherwise.
        burst: batches that may leave at once after a pause, 1 or more; None for what leaves in a
            tenth of a second. A request with more leaves at once, too.
        shared: the path of a file by which processes on this machine keep to one pace; None for
            a pace of this process. It is made when it is needed. If it cannot be used, that is
            logged once, and this process keeps to the pace alone.
        clock: seconds; for tests.

    Raises:
        ConfigurationError: an argument makes no sense.

    >>> pace = RateLimit(250)
    >>> pace
    <RateLimit 250 batches a second, burst 25>
    >>> pace.take(100)
    0.0
    >>> 0 < pace.take(1) <= 0.304  # the seconds until the hundred are paid for
    True
    """

    __slots__ = ("_bucket", "_clock", "_home", "_lock", "_logged", *_OPTIONS)

    @expand_kwargs
    def __init__(
        self,
        batches_per_second: float,
        *,
        burst: float | None = None,
        shared: str | os.PathLike[str] | None = None,
        clock: Callable[[], float] | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise unknown_option("RateLimit", next(iter(unknown)), _OPTIONS)
        where = f"RateLimit({brief(batches_per_second)})"
        self.batches_per_second = checked_rate(where, batches_per_second, "RateLimit(250)")
        self.burst = max(1.0, _SAVED * self.batches_per_second)
        if burst is not None:
            given = number_between(burst, 1, sys.float_info.max)
            if given is None:
                want = "want a number of batches, 1 or more"
                line = "write RateLimit(250, burst=100)"
                raise ConfigurationError(f"RateLimit(burst={brief(burst)}): {want}; {line}")
            self.burst = given
        self.shared = None if shared is None else _checked_path(shared)
        self._clock = _CLOCKS[shared is not None] if clock is None else clock
        self._home = ProcessLocal()
        self._logged = False
        self._bucket = Bucket(-math.inf, 0.0)
        self._renew()

    def _renew(self, forked: bool = False) -> None:
        # Guards the bucket. No other lock is taken while it is held. Reentrant, since a signal's
        # handler may send while its thread holds it.
        self._lock = threading.RLock()

    def take(self, batches: int) -> float:
        """Take a turn for a request, if it is its turn.

        Args:
            batches: how many it has.

        Returns:
            0.0 if it may leave now: then its batches are counted. Else the seconds after which it
            is worth asking again; nothing is counted, and others may ask meanwhile.

        Raises:
            InvalidValue: it is no number of batches.
        """
        cost = checked_batches(batches) / self.batches_per_second
        saved = (self.burst - 1) / self.batches_per_second
        if self.shared is not None:
            from .shared_rate_limit import take_from  # few need it

            try:
                seconds, was_damaged = take_from(self.shared, self._clock, cost, saved)
            except OSError as error:
                if of_handler(error) is not None:
                    raise  # a signal's handler raised it, not the file
                self._log("cannot be used (%s): this process keeps to the limit alone", error)
            else:
                if was_damaged:
                    self._log("was damaged, and begins anew")
                return seconds
        self._home.move(self._renew)
        with self._lock:
            seconds, self._bucket = self._bucket.take(self._clock(), cost, saved)
            return seconds

    def _log(self, what: str, *errors: OSError) -> None:
        if not self._logged:
            self._logged = True  # first: a log handler may send
            names = [type(error).__name__ for error in errors]
            error = names[0] if names else None
            reasons = [each.strerror or str(each) for each in errors]
            warn(f"the rate limit's file %r {what}", self.shared, *reasons, error=error)

    def __repr__(self) -> str:
        shared = f", shared by {self.shared!r}" if self.shared else ""
        rate = f"{self.batches_per_second} batches a second"
        return f"<RateLimit {rate}, burst {self.burst:g}{shared}>"

    def __reduce__(self) -> Any:
        return _remade, (self.batches_per_second, self.burst, self.shared)


# For a pace of this process, and for one in a file: what is monotonic begins anew with each boot.
# In a tuple, since freezegun stops the clocks that are names of a module.
_CLOCKS = (time.monotonic, time.time)


def _remade(batches_per_second: float, burst: float, shared: str | None) -> RateLimit:
    return RateLimit(batches_per_second, burst=burst, shared=shared)


def checked_rate(where: str, value: object, write: str) -> float:
    """Return batches a second as Python's own number.

    Raises:
        ConfigurationError: it is no number above 0.
    """
    rate = number_between(value, sys.float_info.min, sys.float_info.max)
    if rate is None:
        why = "want batches a second, a number above 0"
        raise ConfigurationError(f"{where}: {why}; write {write}")
    return rate


def checked_batches(batches: object) -> int:
    """Return how many batches a request has as Python's own number.

    Raises:
        InvalidValue: it is no number of batches.
    """
    count = integer_between(batches, 1)
    if count is None:
        want = "want a number of batches, 1 or more"
        raise InvalidValue(f"take({brief(batches)}): {want}; write take(1)")
    return count


def _checked_path(path: object) -> str:
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    where, line = f"RateLimit(shared={brief(path)})", "RateLimit(250, shared='rate.limit')"
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise ConfigurationError(f"{where}: want the path of a file; write {line}")
    absolute = os.path.abspath(text)
    folder = os.path.dirname(absolute)
    if os.path.isdir(absolute):
        fixed = f"RateLimit(250, shared={os.path.join(text, 'rate.limit')!r})"
        raise ConfigurationError(f"{where}: want a file, and this is a folder; write {fixed}")
    if not os.path.isdir(folder):
        fixed = f"os.makedirs({folder!r}, exist_ok=True)"
        raise ConfigurationError(f"{where}: there is no folder {folder!r}; write {fixed} before it")
    return absolute
