"""One rate limit for all processes and machines, kept in Redis; needs ``mpfluent[redis]``.

A process asks Redis before each request. While Redis cannot be asked, each process keeps to a share
of the limit alone, and asks Redis again after a pause that grows.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from typing import Any, Never

from ..delivery.bucket import Bucket
from ..delivery.rate_limit import checked_batches
from ..errors import ConfigurationError, brief, unknown_option
from ..transport.handlers import of_handler
from ..utils.fork import ProcessLocal
from ..utils.introspection import PublicNames, expand_kwargs
from ..utils.log import Notices, debug
from ..utils.options import integer_between, number_between
from .redis_budget import LINE, Budget, address_of, forget_frames_of, reason_of

_OPTIONS = ("per_second", "name", "burst", "share")
_SAVED = 0.1  # seconds of the pace that a burst has, unless it is given
_RATES = (0.001, 1_000_000)  # batches a second, the fewest and the most
_SHORTEST_PAUSE = 0.5  # seconds until a Redis that is away is asked again
_PAUSES = 10  # or so many times what the last question took: it costs a tenth of the time at most
_LONGEST_QUESTION = 10.0  # seconds after which another thread asks, if one has not come back


class RedisRateLimit(PublicNames):
    """A pace for all processes and machines that name it in the same Redis.

    A request leaves as soon as those before it are paid for, wherever they came from, as with a
    :class:`~mpfluent.RateLimit`. Only the clock of Redis counts. Give the same numbers and the same
    name everywhere. Redis 5 or newer will do, also with other data in it; the one key expires by
    itself. A cluster of Redis is not for it.

    While Redis cannot be asked, this is logged, and each process keeps to its share alone. So a
    Redis that is away stops no delivery. It costs half a second for each step of a question
    (connection, password, answer) at most, and about a tenth of a process' time.

    Nothing is opened before the first request. Threads and forked processes may share one object.
    It can be pickled, and then has the address with the password, as the worker needs it.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``, with a user and a password if there are.
        per_second: batches a second for all together, 0.001 to 1 000 000; mParticle's own limit is
            270, unless agreed otherwise.
        name: which budget it is: all that send with one key have one.
        burst: batches that may leave at once after a pause, 1 or more; None for what leaves in a
            tenth of a second. A request with more leaves at once, too.
        share: the part of ``per_second`` that each process keeps to while Redis cannot be asked,
            0.0001 to 1; with 8 processes write ``1/8``.
        clock: seconds; for tests.

    Raises:
        ConfigurationError: an argument makes no sense.

    >>> RedisRateLimit("redis://:secret@localhost:6379/0", per_second=270, name="ios feed")
    <RedisRateLimit 'ios feed' at localhost:6379, 270 batches a second, burst 27, share 0.1>
    """

    __slots__ = (
        *("_address", "_alone", "_ask_at", "_bucket", "_budget", "_clock", "_home", "_lock"),
        *("_is_away", "_notices", "_waited", *_OPTIONS),
    )

    @expand_kwargs
    def __init__(
        self,
        url: str,
        *,
        per_second: float,
        name: str,
        burst: int | None = None,
        share: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
        **unknown: Never,
    ) -> None:
        # the address is gone on the line that uses it: no traceback may show it
        address, url = address_of(url), ""
        if unknown:
            raise unknown_option("RedisRateLimit", next(iter(unknown)), _OPTIONS)
        if isinstance(address, ConfigurationError):
            raise address
        self._address = address
        least, most = _RATES
        self.per_second = _checked("per_second", per_second, least, most)
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise _wrong("name", name, "a name, the same in all processes")
        self.name = name
        self.burst = max(1, int(_SAVED * self.per_second))
        if burst is not None:
            given = integer_between(burst, 1, most)
            if given is None:
                raise _wrong("burst", burst, "a number of batches, 1 or more")
            self.burst = given
        self.share = _checked("share", share, 0.0001, 1)
        self._alone = self.share * self.per_second
        self._clock = clock
        self._home = ProcessLocal()
        self._notices = Notices()
        self._renew()

    def _renew(self, forked: bool = False) -> None:
        # Guards what is known of Redis, and the bucket of the share. No other lock is taken while
        # it is held, and nobody asks Redis with it. Reentrant, as that of a RateLimit.
        self._lock = threading.RLock()
        self._notices.restart()
        self._budget = Budget(self._address, self.name, self.per_second, self.burst)
        self._is_away = False  # whether Redis did not answer the last question
        self._ask_at = -math.inf  # when it is next asked
        self._bucket = Bucket(-math.inf, 0.0)
        self._waited = 0.0  # seconds that the share waited at first

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
        count = checked_batches(batches)
        self._home.move(self._renew)
        with self._lock:
            now = self._clock()
            asks, was_away = now >= self._ask_at, self._is_away
            if asks and was_away:
                self._ask_at = now + _LONGEST_QUESTION  # the other threads do not ask meanwhile
        if asks:
            try:
                if was_away:
                    self._charge_share()
                seconds = self._budget.take(count)
            except BaseException as error:
                raised = of_handler(error)
                forget_frames_of(error)
                if raised is not None:
                    raise raised from None  # by a signal's handler, and not by Redis
                if not isinstance(error, Exception):
                    raise
                self._keep_to_share(error, self._clock() - now, count)
            else:
                if was_away:
                    self._come_back()
                return seconds
        with self._lock:
            now, cost = self._clock(), count / self._alone
            seconds, self._bucket = self._bucket.take(now, cost, 0.0)
            # all processes are to find out soon that Redis is back, also those that wait
            return min(seconds, max(self._ask_at - now, _SHORTEST_PAUSE))

    def _keep_to_share(self, error: Exception, took: float, count: int) -> None:
        with self._lock:
            now, was_away, self._is_away = self._clock(), self._is_away, True
            self._ask_at = now + max(_SHORTEST_PAUSE, _PAUSES * took)
            if was_away:
                return
            # All processes find it out at about the same time, and must not send at the same time.
            self._waited = random.random() * count / self._alone  # noqa: S311
            self._bucket = Bucket(now, self._waited)
        why, error_name = reason_of(error)
        self._notices.log(
            f"the rate limit {self.name!r} cannot be asked in Redis",
            detail=f" ({why}): this process keeps to {self._alone:g} batches a second meanwhile",
            host=self._address.shown,
            error=error_name,
        )

    def _charge_share(self) -> None:
        """Tell Redis, which answers again, what left in advance meanwhile."""
        with self._lock:
            _, bucket = self._bucket.take(self._clock(), 0.0, 0.0)
            left = math.ceil((bucket.debt - self._waited) * self._alone)
        if left > 0:
            self._budget.charge(left)

    def _come_back(self) -> None:
        with self._lock:
            self._is_away, self._ask_at = False, -math.inf
        debug("the rate limit %r is asked in Redis again", self.name, host=self._address.shown)

    def __repr__(self) -> str:
        rest = f"{self.per_second} batches a second, burst {self.burst}, share {self.share:g}"
        return f"<RedisRateLimit {self.name!r} at {self._address.shown}, {rest}>"

    def __reduce__(self) -> Any:
        settings = {name: getattr(self, name) for name in _OPTIONS}
        return _remade, (self._address.url, settings)


def _remade(url: str, settings: dict[str, Any]) -> RedisRateLimit:
    return RedisRateLimit(url, **settings)


def _checked(option: str, value: object, least: float, most: float) -> float:
    number = number_between(value, least, most)
    if number is None:
        raise _wrong(option, value, f"a number from {least} to {most}")
    return number


def _wrong(option: str, value: object, want: str) -> ConfigurationError:
    return ConfigurationError(f"RedisRateLimit({option}={brief(value)}): want {want}; write {LINE}")
