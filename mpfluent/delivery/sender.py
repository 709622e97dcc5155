"""One client's way to mParticle: attempts, waits, splitting of what is refused.

The sender has no thread of its own; a dispatcher calls it from the caller's thread or from a
worker, and lends it a clock and a way to wait.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from ..errors import ApiError, Closed, DeliveryError, TransportError
from ..transport.base import Request, Response, Transport, attempted, is_marked
from ..transport.destination import Credentials
from ..utils.fork import ProcessLocal
from ..utils.log import warn
from ..wire.body import Part, bulk_body, pack
from .api_errors import api_error, failure
from .clock import Clock
from .job import Payload
from .observers import attempt_of
from .retry import Retry, Verdict, is_judged
from .stats import Counters

PROBE_EVERY = 60.0  # seconds between attempts with credentials that were refused

_SHORTEST = 0.1  # seconds that an attempt gets at least
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class Addresses(NamedTuple):
    """Where a client sends: one batch, and several."""

    single: str
    bulk: str

    def framed(self, parts: Sequence[Part]) -> tuple[str, bytes]:
        """Return where parts go that travel together, and the body that carries them."""
        if len(parts) == 1 and self.single != self.bulk:
            return self.single, parts[0].body
        return self.bulk, bulk_body(parts)


class Desk(Protocol):
    """Who is told what became of payloads.

    Attributes:
        background: whether they are sent by workers, for no caller in particular.
    """

    background: bool

    def settle(self, group: Sequence[Payload], outcome: Response | DeliveryError) -> None:
        """Settle each payload of a request with its outcome."""
        ...

    def take_apart(self, payload: Payload) -> None:
        """Know that what travelled as one batch goes on under ids of its own."""
        ...

    def tell(self, what: str, *, detail: str = "", **fields: object) -> None:
        """Log this, not too often."""
        ...


class Sender:
    """Sends payloads, as often as the policy says, and has each settled exactly once.

    Attributes:
        counters: the client's counts.
        loaded: whether the transport has imported what it needs.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        addresses: Addresses,
        credentials: Credentials,
        retry: Retry,
        counters: Counters,
        agent: str,
    ) -> None:
        self._transport = transport
        self._addresses = addresses
        self._credentials = credentials
        self._retry = retry
        self.counters = counters
        self._headers: Mapping[str, str] = {**_HEADERS, "User-Agent": agent}
        self._gate = -math.inf  # no request before this monotonic time: the server asked for it
        self._pause = -math.inf  # better none before this time: the rate limit is nearly used up
        self._refusal: ApiError | None = None  # the credentials were refused: the circuit is open
        self._probe_at = 0.0
        self.loaded = False
        self._lock = threading.RLock()
        self._home = ProcessLocal()

    def leads_to(self, place: object) -> bool:
        """Return whether this is the way to a transport, or to a server by its ``url``."""
        url = getattr(place, "url", None)
        return self._transport is place or (
            isinstance(url, str) and self._addresses.single.startswith(f"{url}/")
        )

    def load(self) -> None:
        """Let the transport import what it needs, before a worker does.

        A fork in the midst of a worker's import would leave the child the lock of that import,
        which nobody releases there.
        """
        preload = getattr(self._transport, "preload", None)
        if preload is not None:
            preload()
        self.loaded = True

    def check_process(self) -> None:
        """Begin anew in a forked child: who held the lock, and what was sent, is in the parent."""
        self._home.move(self._begin_anew, self._renew_locks)

    def _begin_anew(self) -> None:
        self._lock = threading.RLock()
        self.counters.restart()
        check = getattr(self._transport, "check_process", None)
        if check is not None:
            check()

    def _renew_locks(self) -> None:
        self._lock = threading.RLock()
        self.counters.renew_locks()

    def deliver(
        self,
        payloads: Sequence[Payload],
        clock: Clock,
        desk: Desk,
        *,
        elapsed_limit: float,
        until: float = math.inf,
        once: bool = False,
    ) -> None:
        """Send these payloads as one request; split them as often as mParticle refuses a bulk.

        Args:
            payloads: at most what one request may hold.
            elapsed_limit: seconds for each request with its retries, unless the policy says.
            until: the monotonic time at which all of it is over, whatever the policy says.
            once: whether each request has a single attempt, whatever the policy says.
        """
        budget = 0.0 if once else self.budget(elapsed_limit)
        pid = os.getpid()
        waiting = [list(payloads)]
        while waiting:
            group = waiting.pop()
            outcome = self._send(group, clock, desk, budget, until)
            if pid != os.getpid():
                return  # a greenlet that goes on in a forked child, where nothing of it counts
            if outcome is not None:
                desk.settle(group, outcome)
            elif len(group) > 1:  # refused as a whole: the offender is in one of the halves
                middle = len(group) // 2
                waiting += [group[middle:], group[:middle]]
            else:
                desk.take_apart(group[0])
                waiting += reversed(list(runs(group[0].apart())))

    def budget(self, elapsed_limit: float) -> float:
        """Return the seconds for one request: the policy's, or else a dispatcher's own."""
        return elapsed_limit if self._retry.max_elapsed is None else self._retry.max_elapsed

    def _send(
        self, group: list[Payload], clock: Clock, desk: Desk, budget: float, until: float
    ) -> Response | DeliveryError | None:
        """Return the outcome of one request with its retries; None if it must be split."""
        request = self._request(group)
        pid = os.getpid()
        began = clock.monotonic()
        most = min(budget or math.inf, until - began)  # 0 is for one attempt, however long
        budget = min(budget, max(0.0, until - began))
        attempt = 0
        while True:
            blocked = self._blocked(clock, began, budget)
            if blocked is not None:
                return blocked
            attempt += 1
            at = clock.monotonic()
            answer = attempted(self._transport, _limited(request, began + most - at))
            if pid != os.getpid():
                return None
            now, wall = clock.monotonic(), clock.wall()
            verdict = self._retry.decide(
                answer,
                attempt=attempt,
                elapsed=now - began,
                budget=budget,
                wall=wall,
                batches=sum([len(payload.jobs) for payload in group]),
            )
            self._learn(answer, verdict, clock)
            if self.counters.observers.look():
                seen = attempt_of(request, answer, verdict, attempt, wall, now - at)
                self.counters.observers.attempted(seen._replace(background=desk.background))
            if isinstance(answer, Response) and answer.status_code == 429:
                _tell_of_limit(answer, verdict, desk)
            if verdict.what == "delivered" and isinstance(answer, Response):
                return answer
            if verdict.what == "split":
                return None
            if verdict.what == "failed":
                return failure(answer, verdict.reason, attempt, clock.monotonic() - began)
            clock.wait(verdict.delay)
            if pid != os.getpid():
                return None
            self.counters.retried()

    def _request(self, group: list[Payload]) -> Request:
        parts = [payload.part for payload in group]
        ids = tuple(part.id for part in parts)
        url, body = self._addresses.framed(parts)
        return Request(url, body, self._headers, ids, self._credentials)

    def _blocked(self, clock: Clock, began: float, budget: float) -> DeliveryError | None:
        """Wait for the gate; return an error where a request must not be sent at all."""
        while True:
            if clock.closed():
                return Closed(
                    "the client was closed before the batch was delivered", reason="closed"
                )
            now = clock.monotonic()
            left = began + budget - now
            with self._lock:
                if self._refusal is not None and now < self._probe_at:
                    return self._refusal
                gate = self._gate - now
                ahead = max(gate, min(self._pause - now, left))
                if ahead <= 0:
                    self._probe_at = now + PROBE_EVERY
                    return None
            if gate > left:
                return DeliveryError(
                    f"mParticle asked for no requests for another {gate:.1f} s",
                    reason="rate_limited",
                )
            clock.wait(ahead)

    def _learn(self, answer: Response | TransportError, verdict: Verdict, clock: Clock) -> None:
        """Remember what holds for all later requests of this client."""
        refused = verdict.reason == "unauthorized" and isinstance(answer, Response)
        with self._lock:
            until = clock.monotonic() + verdict.retry_after
            if verdict.what == "delivered":
                self._pause = until
            elif verdict.retry_after:
                self._gate = max(self._gate, until)
            opened = refused and self._refusal is None
            if refused and isinstance(answer, Response):
                self._refusal = api_error(answer, "unauthorized")
                self._probe_at = clock.monotonic() + PROBE_EVERY
            elif verdict.what == "delivered" or (
                isinstance(answer, Response) and is_judged(answer)
            ):
                self._refusal = None  # only good credentials get such an answer
        if opened:
            warn(
                "mParticle answered %d to the credentials: batches fail at once from now on, "
                "with one attempt a minute",
                answer.status_code,
                status=answer.status_code,
                reason="unauthorized",
            )

    def close(self) -> None:
        """Close the transport."""
        try:
            self._transport.close()
        except Exception as error:
            if is_marked(self._transport.close):
                raise  # it came from outside: a signal's handler raised it
            self.counters.hook_raised(self._transport.close, error)


def runs(payloads: Sequence[Payload]) -> Iterator[list[Payload]]:
    """Yield runs of payloads that fit one request, in order."""
    return pack(payloads, lambda payload: len(payload.part.body))


def _tell_of_limit(answer: Response, verdict: Verdict, desk: Desk) -> None:
    """Log that mParticle wants fewer requests, and how long there will be none."""
    wait = verdict.delay or verdict.retry_after
    if wait or verdict.what == "again":
        desk.tell(
            f"mParticle answered {answer.status_code}",
            detail=f": no request for {wait:.1f} s",
            status=answer.status_code,
            next_in=wait,
        )


def _limited(request: Request, left: float) -> Request:
    """Return the same request with the seconds that are left for it, if they are limited."""
    if left == math.inf:
        return request
    return Request(
        request.url,
        request.body,
        request.headers,
        request.batch_ids,
        request.credentials,
        max(left, _SHORTEST),
    )
