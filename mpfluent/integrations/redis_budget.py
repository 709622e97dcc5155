"""A budget in Redis: one key, and the GCRA of throttled-py on it.

Redis runs the algorithm as one script and by its own clock. So two processes cannot take the same
part of the budget, and their clocks do not count.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from fractions import Fraction
from traceback import walk_tb
from typing import Any

from ..errors import ConfigurationError
from ..transport.handlers import linked

try:
    from redis import ConnectionPool, Redis, exceptions
    from throttled import (
        RateLimiterRegistry,
        RateLimiterType,
        RateLimitResult,
        RedisStore,
        per_duration,
    )
except ModuleNotFoundError as _missing:
    if _missing.name not in ("redis", "throttled"):
        raise
    raise ImportError(
        "mpfluent.integrations.redis needs throttled-py and redis; "
        "write pip install 'mpfluent[redis]'",
        name=_missing.name,
    ) from None

LINE = "RedisRateLimit('redis://localhost:6379/0', per_second=270, name='ios feed')"
"""What an error about a setting tells to write."""

_PATIENCE = 0.5  # seconds for each step of a question; the address may have another socket_timeout
_MOST = 100  # batches of a request, at most
_LONGEST = 60.0  # seconds that nobody waits, or ten times what a request and a burst take
_ANY = 10**12  # batches: a capacity that nothing uses up
_GCRA = RateLimiterRegistry.get(RateLimiterType.GCRA.value)

# Why Redis did not answer: the first class that fits.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.AuthenticationError, "it refuses the user or the password"),
    (exceptions.NoPermissionError, "the user may not run the script"),
    (exceptions.ReadOnlyError, "it is read-only"),
    (exceptions.OutOfMemoryError, "its memory is full"),
    (exceptions.BusyLoadingError, "it is still loading its data"),
    (exceptions.TimeoutError, "no answer in time"),
    (exceptions.ConnectionError, "no connection"),
)


class Budget:
    """The budget of one name in one Redis. It connects when it is first asked.

    Args:
        address: where Redis is.
        name: which budget.
        rate: batches a second.
        burst: batches that may leave at once after a pause.
    """

    def __init__(self, address: Address, name: str, rate: float, burst: int) -> None:
        # throttled-py counts in whole batches and whole seconds
        fraction = Fraction(rate).limit_denominator(1000)
        self._period, self._batches = timedelta(seconds=fraction.denominator), fraction.numerator
        self._burst = burst
        self._key = f"mpfluent:{name}"
        self._longest = max(_LONGEST, 10 * (burst + _MOST) / rate)
        # By default, throttled-py keeps one pool of connections for each address, whoever uses it:
        # then other code of the process would have our time limits, or we would have its.
        factory = f"{__name__}.{_Connections.__qualname__}"
        self._store = RedisStore(address.url, {"CONNECTION_FACTORY_CLASS": factory})

    def take(self, batches: int) -> float:
        """Take so many batches out of the budget, if it is their turn.

        Returns:
            0.0 if they may leave, or the seconds until it is worth asking again.

        Raises:
            Exception: Redis did not answer; :func:`reason_of` says why.
        """
        seconds = self._ask(batches)
        if seconds > self._longest:
            # Redis' clock was set back, or a machine with another clock has taken over
            self._store.set(f"{_GCRA.KEY_PREFIX}{_GCRA.Meta.type}:{self._key}", 0, 1)
            seconds = self._ask(batches)
        return seconds

    def charge(self, batches: int) -> None:
        """Take what has left already out of the budget, whether it was its turn or not.

        Raises:
            Exception: Redis did not answer; :func:`reason_of` says why.
        """
        self._limited(batches, _ANY + batches)

    def _ask(self, batches: int) -> float:
        # GCRA never lets through what is larger than the capacity, and lets a large request wait
        # for as long as small ones come. With this capacity, all wait for the same: that what left
        # before is paid for, but for a burst.
        result = self._limited(batches, self._burst - 1 + batches)
        return result.state.retry_after if result.limited else 0.0

    def _limited(self, batches: int, capacity: int) -> RateLimitResult:
        quota = per_duration(self._period, self._batches, capacity)
        return _GCRA(quota, self._store).limit(self._key, batches)


class _Connections:
    """What throttled-py asks for a client of Redis."""

    def __init__(self, options: dict[str, Any]) -> None:
        pass

    def connect(self, url: str) -> Redis:
        return Redis(connection_pool=_pool(url))


def _pool(url: str) -> ConnectionPool:
    # a client that makes its own pool would try again for seconds
    limits = {"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE}
    return ConnectionPool.from_url(url, **limits)


class Address:
    """Where a Redis is. Its repr has neither the user nor the password; a pickled one has both.

    Attributes:
        url: what was given.
        shown: the host and the port, or the path of the socket.
    """

    __slots__ = ("shown", "url")

    def __init__(self, url: str, shown: str) -> None:
        self.url, self.shown = url, shown

    def __repr__(self) -> str:
        return f"<Address {self.shown}>"


def address_of(url: object) -> Address | ConfigurationError:
    """Return an address, or the error if it is none, which does not show it.

    It is returned, not raised: the traceback has what redis-py was given.
    """
    try:
        if not isinstance(url, str):
            raise TypeError
        pool = _pool(url)
        settings = pool.connection_kwargs
        pool.connection_class(**settings)  # it does not connect, but refuses unknown settings
    except Exception:
        shown = "None" if url is None else "…"
        want = "want the address of a Redis: redis://, rediss:// or unix://"
        return ConfigurationError(f"RedisRateLimit({shown}): {want}; write {LINE}")
    host_and_port = f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}"
    return Address(url, str(settings.get("path", host_and_port)))


def reason_of(error: Exception) -> tuple[str, str]:
    """Return why Redis did not answer, and the name of the error.

    The text of the error is left out: it may have words of the address.
    """
    cause = error.__cause__ or error  # throttled-py wraps the errors of redis-py
    name = type(cause).__name__
    return next((text for kind, text in _REASONS if isinstance(cause, kind)), name), name


def forget_frames_of(error: BaseException) -> None:
    """Let no frame of an error show what redis-py was given: one has the password."""
    for one in linked(error):
        for frame, _ in walk_tb(one.__traceback__):
            with suppress(RuntimeError):  # it still runs, so it is none of redis-py's
                frame.clear()
