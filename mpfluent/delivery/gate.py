"""When a client may send: not while the server asks for a pause, nor with a refused key."""

from __future__ import annotations

import math
import threading

from ..errors import ApiError, Closed, DeliveryError
from ..transport.base import Response
from ..utils.log import warn
from .api_errors import api_error
from .clock import Clock
from .retry import Answer, Verdict, is_judged

PROBE_EVERY = 60.0  # seconds between two attempts with a key that was refused


class Gate:
    """What one client's workers share about the server: one answer holds back all of them."""

    def __init__(self) -> None:
        self._not_before = -math.inf  # the server asked for no request before this monotonic time
        self._better_not_before = -math.inf  # the limit is nearly used up: wait, if there is time
        self._refusal: ApiError | None = None  # of the key: batches fail at once with it
        self._probe_at = 0.0  # when one request may find out whether the key is good again
        self.renew_lock()

    def renew_lock(self) -> None:
        """Take a new lock: after a fork, or when gevent or eventlet replaced Python's."""
        # Guards the attributes above. No other lock is taken while it is held. Reentrant, since
        # the garbage collector may run a ``__del__`` that closes a client at any line.
        self._lock = threading.RLock()

    def wait(self, clock: Clock, until: float) -> DeliveryError | None:
        """Wait until a request may be sent; return the error where it must not be sent at all.

        Args:
            until: the monotonic time at which the request is given up.
        """
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
                if seconds <= 0:
                    self._probe_at = now + PROBE_EVERY  # the others fail meanwhile
                    return None
            if must_wait > until - now:
                why = f"mParticle asked for no requests for another {must_wait:.1f} s"
                return DeliveryError(why, reason="rate_limited")
            clock.wait(seconds)

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
