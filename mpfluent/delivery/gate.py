"""When a client may send: in its turn, no pause being asked for, and with a key not refused."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Protocol, cast

from ..errors import ApiError, Closed, DeliveryError, InvalidValue
from ..transport.base import Response
from ..transport.handlers import of_handler
from ..utils.log import warn
from ..utils.options import number_between
from .api_errors import api_error
from .clock import Clock
from .retry import Answer, Verdict, is_judged

PROBE_EVERY = 60.0  # seconds between two attempts with a key that was refused
_SHORTEST, _LONGEST = 0.001, 1.0  # seconds between two questions whether it is a request's turn


class Pace(Protocol):
    """Says when requests may leave: a :class:`~mpfluent.RateLimit`, or somebody else's."""

    def take(self, batches: int) -> float:
        """Return 0.0 if so many batches may leave now, or the seconds until it is worth asking."""
        ...


class Gate:
    """Where requests wait: one answer of the server holds back all of a client's workers.

    Args:
        pace: says when it is a request's turn; None for a client without a rate limit.
        raised: is called if the pace raises, with its function and the error.

    Attributes:
        pace: as it was given.
        turns: how often a request waited for its turn.
    """

    def __init__(self, pace: Pace | None, raised: Callable[[object, BaseException], None]) -> None:
        self.pace = pace
        self.turns = 0
        self._raised = raised
        self._not_before = -math.inf  # the server asked for no request before this monotonic time
        self._better_not_before = -math.inf  # the limit is nearly used up: wait, if there is time
        self._refusal: ApiError | None = None  # of the key: batches fail at once with it
        self._probe_at = 0.0  # when one request may find out whether the key is good again
        self.renew_lock()

    def renew_lock(self) -> None:
        """Take a new lock: after a fork, or when gevent or eventlet replaced Python's."""
        # Guards what the server said. No other lock is taken while it is held. Reentrant, since
        # the garbage collector may run a ``__del__`` that closes a client at any line.
        self._lock = threading.RLock()
        self._in_line: set[int] = set()  # the threads that wait for their turn

    def is_waiting(self) -> bool:
        """Return whether a request waits for its turn."""
        return bool(self._in_line)

    def wait(self, clock: Clock, until: float, batches: int, over: float) -> float | DeliveryError:
        """Wait until a request may be sent, or return the error where it must not be sent at all.

        Args:
            until: the monotonic time at which the request is given up. It has so much more time as
                it waits for its turn.
            batches: how many it has, on the wire.
            over: the monotonic time at which all ends.

        Returns:
            The seconds that it waited for its turn.
        """
        waited, has_turn = 0.0, self.pace is None
        while True:
            if clock.closed():
                why = "the client was closed before the batch was delivered"
                return Closed(why, reason="closed")
            now = clock.monotonic()
            with self._lock:
                if self._refusal is not None and now < self._probe_at:
                    return self._refusal
                must_wait = self._not_before - now
                seconds = max(must_wait, min(self._better_not_before, until) - now)
                if seconds <= 0 and has_turn:
                    self._probe_at = now + PROBE_EVERY  # the others fail meanwhile
                    return waited
            if seconds > 0:
                if must_wait > until - now:
                    why = f"mParticle asked for no requests for another {must_wait:.1f} s"
                    return DeliveryError(why, reason="rate_limited")
                clock.wait(seconds)
                continue
            seconds = self._until_turn(batches)
            has_turn = seconds <= 0
            if seconds > over - now:
                why = f"the rate limit of the client allows no request for another {seconds:.1f} s"
                return DeliveryError(why, reason="rate_limited")
            if not has_turn:
                self._wait_in_line(clock, seconds)
                seconds = clock.monotonic() - now
                waited, until = waited + seconds, min(until + seconds, over)

    def _until_turn(self, batches: int) -> float:
        """Return the seconds until it may be the turn of so many batches; 0.0 if it is."""
        take = cast(Pace, self.pace).take
        try:
            seconds = number_between(take(batches), 0)
            if seconds is None:
                raise InvalidValue("take() returned no seconds, 0 or more")
            return seconds
        except Exception as error:
            if of_handler(error) is not None:
                raise  # such as a job's time limit
            # delivery goes on, without the pace of somebody else's
            self._raised(take, error)
            return 0.0

    def _wait_in_line(self, clock: Clock, seconds: float) -> None:
        me = threading.get_ident()
        try:
            self._in_line.add(me)
            self.turns += 1
            clock.wait(min(max(seconds, _SHORTEST), _LONGEST))
        finally:
            self._in_line.discard(me)

    def learn(self, answer: Answer, verdict: Verdict, now: float) -> None:
        """Remember what an answer says about all later requests of this client."""
        if not isinstance(answer, Response):
            return
        delivered, refused = verdict.what == "delivered", verdict.reason == "unauthorized"
        until = now + verdict.retry_after
        with self._lock:
            first_refusal = refused and self._refusal is None
            if delivered:
                self._better_not_before = until
            elif verdict.retry_after:
                self._not_before = max(self._not_before, until)
            if refused:
                self._refusal = api_error(answer, "unauthorized")
                self._probe_at = now + PROBE_EVERY
            elif delivered or is_judged(answer):
                self._refusal = None  # only a good key gets such an answer
        if first_refusal:
            warn(
                "mParticle answered %d to the credentials: batches fail at once from now on, "
                "with one attempt a minute",
                answer.status_code,
                status=answer.status_code,
                reason="unauthorized",
            )
