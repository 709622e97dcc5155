"""Sends payloads to mParticle: attempts, waits, and splitting what is refused.

The sender has no thread of its own. A dispatcher calls it, in the caller's thread or in a worker,
and gives it a clock.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from importlib import import_module
from operator import attrgetter

from ..errors import DeliveryError
from ..transport.base import Request, Response, Transport, attempted, is_marked
from ..transport.destination import Credentials, Destination
from ..utils.fork import ProcessLocal
from ..utils.log import Notices
from ..utils.typed import NamedTuple
from ..version import __version__
from ..wire.body import Part, bulk_body, pack
from .api_errors import failure
from .clock import Clock
from .gate import Gate, Pace
from .job import Payload
from .observers import attempt_of
from .retry import Retry, Verdict
from .settlement import Settlement
from .stats import Counters

_body_of = attrgetter("part.body")  # of a payload
_SHORTEST = 0.1  # seconds that an attempt gets at least: less could not succeed
# for refusals, for waits, for what was sent and is read back, and for hooks that print it
_NEEDED = ("http", "email.utils", "signal", "..encoding.reader", "..formatting.summary")
_JSON = "application/json"
_HEADERS = {"Content-Type": _JSON, "Accept": _JSON, "User-Agent": f"mpfluent/{__version__}"}


class Addresses(NamedTuple):
    """Where a client sends: one batch, and several."""

    single: str
    bulk: str

    def request_of(self, parts: Sequence[Part]) -> tuple[str, bytes]:
        """Return the URL for parts that travel together, and the request's body."""
        if len(parts) == 1 and self.single != self.bulk:
            return self.single, parts[0].body
        return self.bulk, bulk_body(parts)


class Sender:
    """Sends payloads, as often as the policy says, and has each settled exactly once.

    Attributes:
        counters: the client's counts.
        destination: where it sends, and with which key.
        gate: where requests wait until they may leave.
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
        pace: Pace | None = None,
    ) -> None:
        self.destination = Destination(addresses.bulk, credentials.fingerprint)
        self._transport = transport
        self._addresses = addresses
        self._credentials = credentials
        self._retry = retry
        self.counters = counters
        self.gate = Gate(pace, counters.hook_raised)
        self.loaded = False
        self._home = ProcessLocal()

    def sends_to(self, target: object) -> bool:
        """Return whether it sends to a transport, or to a server that has this ``url``."""
        url = getattr(target, "url", None)
        its_server = isinstance(url, str) and self._addresses.single.startswith(f"{url}/")
        return self._transport is target or its_server

    def load(self) -> None:
        """Import what sending may need, before anything is accepted, and before a worker does.

        If the process forked while a worker imports, the child would get the import's lock, and no
        thread that releases it. Nor may Ctrl-C come within an import while a worker has something
        in hand: the lock may stay held.
        """
        for name in _NEEDED:
            import_module(name, __package__)
        preload = getattr(self._transport, "preload", None)
        if preload is not None:
            preload()
        self.loaded = True

    def check_process(self) -> None:
        """Start again in a forked child: the threads that hold the locks are in the parent."""
        self._home.move(self._renew)

    def _renew(self, forked: bool) -> None:
        self.gate.renew_lock()  # what it knows of the server holds in a child, too
        if not forked:
            self.counters.renew_locks()
            return
        self.counters.restart()
        check = getattr(self._transport, "check_process", None)
        if check is not None:
            check()

    def deliver(
        self, run: list[Payload], clock: Clock, settlement: Settlement, budget: float, until: float
    ) -> None:
        """Send these payloads as one request; split them as often as mParticle refuses a bulk.

        Args:
            run: at most what one request may hold.
            settlement: settles each of them with its outcome.
            budget: seconds for each request with its retries; 0 for a single attempt.
            until: the monotonic time at which all ends, whatever the policy says.
        """
        pid = os.getpid()
        waiting = [run]
        while waiting:
            run = waiting.pop()
            outcome = self._send(run, clock, settlement, budget, until)
            if pid != os.getpid():
                return  # a greenlet that goes on in a forked child: these are the parent's
            if outcome is not None:
                settlement.settle(run, outcome)
                if pid != os.getpid():
                    return  # a hook forked
            elif len(run) > 1:  # refused as a whole: one of the halves has the bad batch
                middle = len(run) // 2
                waiting += [run[middle:], run[:middle]]
            else:
                settlement.kept.take_apart(run[0])
                waiting += reversed(list(runs(run[0].apart())))

    def budget(self, elapsed_limit: float) -> float:
        """Return the seconds for one request: the policy's, or else a dispatcher's own."""
        return elapsed_limit if self._retry.max_elapsed is None else self._retry.max_elapsed

    def _send(
        self, run: list[Payload], clock: Clock, settlement: Settlement, budget: float, until: float
    ) -> Response | DeliveryError | None:
        """Return the outcome of one request with its retries; None if it must be split."""
        parts = [payload.part for payload in run]
        ids = tuple([part.id for part in parts])
        url, body = self._addresses.request_of(parts)
        pid = os.getpid()
        began = clock.monotonic()
        ends = min(began + (budget or math.inf), until)  # 0 is for one attempt, however long
        budget = min(budget, max(0.0, until - began))
        batches = sum([len(payload.jobs) for payload in run])
        attempt = 0
        while True:
            waited = self.gate.wait(clock, began + budget, len(parts), until)
            if waited:
                if isinstance(waited, DeliveryError):
                    return waited
                if pid != os.getpid():
                    return None
                # its turn is not charged to its budget, but nothing outlasts ``until``
                began, ends = began + waited, min(ends + waited, until)
                budget = min(budget, max(0.0, until - began))
            attempt += 1
            at = clock.monotonic()
            timeout = None if ends == math.inf else max(ends - at, _SHORTEST)
            request = Request(url, body, _HEADERS, ids, self._credentials, timeout)
            self.counters.requested()
            answer = attempted(self._transport, request)
            if pid != os.getpid():
                return None
            now, wall = clock.monotonic(), clock.wall()
            verdict = self._retry.decide(
                answer,
                attempt=attempt,
                elapsed=now - began,
                budget=budget,
                wall=wall,
                batches=batches,
            )
            self.gate.learn(answer, verdict, now)
            if self.counters.observers.look():
                seen = attempt_of(request, answer, verdict, attempt, wall, now - at)
                self.counters.observers.attempted(seen._replace(background=settlement.background))
            if isinstance(answer, Response) and answer.status_code == 429:
                _log_rate_limit(verdict, settlement.notices)
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

    def close(self) -> None:
        """Close the transport."""
        try:
            self._transport.close()
        except Exception as error:  # of a transport that is not ours: closing goes on
            if is_marked(self._transport.close):
                raise  # it came from outside: a signal's handler raised it
            self.counters.hook_raised(self._transport.close, error)


def runs(payloads: Sequence[Payload]) -> Iterator[list[Payload]]:
    """Yield runs of payloads that fit one request, in order."""
    return pack(payloads, _body_of)


def _log_rate_limit(verdict: Verdict, notices: Notices) -> None:
    """Log that mParticle wants fewer requests, and how long there will be none."""
    if verdict.retry_after:
        detail = f": no request for {verdict.retry_after:.1f} s"
    elif verdict.what == "again":
        detail = f": the request is tried again in {verdict.delay:.1f} s"
    else:
        return
    seconds = verdict.delay or verdict.retry_after
    notices.log("mParticle answered 429", detail=detail, status=429, next_in=seconds)
