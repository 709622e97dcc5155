"""When to try again: a pure policy, without a clock, a socket or a thread."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC
from typing import Literal, Never

from ..errors import ConfigurationError, Reason, TransportError, brief, unknown_option
from ..transport.base import Response
from ..utils.introspection import PublicNames, expand_kwargs
from ..utils.options import integer_between, number_between
from ..utils.typed import NamedTuple

JUDGED = frozenset({400, 413, 422})
RETRIED = frozenset({408, 429, 500, 502, 503, 504, *range(520, 528)})
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_PERMANENT: dict[int, Reason] = {401: "unauthorized", 403: "unauthorized", 413: "too_large"}


Answer = Response | TransportError
"""What came of an attempt: an answer, or why there is none."""


class Verdict(NamedTuple):
    """What to do after an attempt.

    Attributes:
        what: "delivered", "again", "split" or "failed".
        delay: seconds to wait, if again.
        retry_after: seconds without a request that the server asked for; the whole client
            keeps them.
        reason: why, if failed.
    """

    what: Literal["delivered", "again", "split", "failed"]
    delay: float = 0.0
    retry_after: float = 0.0
    reason: Reason = "rejected"


class Retry(PublicNames):
    """How often, and after how long, a request is tried again.

    No answer, 408, 429, 500, 502 to 504 and 520 to 527 are tried again; no other status is.
    Full-jitter exponential backoff: before the n-th retry, counted from 0, a random time between
    0 and ``min(cap, base · 2ⁿ)``. It is at least what the server's ``Retry-After`` says. When
    mParticle says that over 90 % of a rate limit are used, the client's next request waits, too:
    up to ``base`` at 100 %.

    Args:
        base: seconds.
        cap: seconds; no backoff is longer.
        max_elapsed: seconds for one request with all its attempts and waits, 0 for a single
            attempt; None means 15 for synchronous sending, and 600 in the background and for
            ``send_all``.
        max_attempts: None for as many as fit ``max_elapsed``; 1 for no retries.
        max_retry_after: seconds; a longer ``Retry-After`` counts as this.
        random: returns a float in [0, 1); for tests. None means :func:`random.random`.

    Raises:
        ConfigurationError: a number makes no sense.

    >>> Retry(max_attempts=3)
    <Retry base=0.5 cap=30.0 max_elapsed=None max_attempts=3 max_retry_after=300.0>
    """

    __slots__ = ("base", "cap", "max_attempts", "max_elapsed", "max_retry_after", "random")

    @expand_kwargs
    def __init__(
        self,
        *,
        base: float = 0.5,
        cap: float = 30.0,
        max_elapsed: float | None = None,
        max_attempts: int | None = None,
        max_retry_after: float = 300.0,
        random: Callable[[], float] | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise unknown_option("Retry", next(iter(unknown)), self.__slots__)
        self.base = _seconds("base", base)
        self.cap = _seconds("cap", cap)
        self.max_elapsed = None if max_elapsed is None else _seconds("max_elapsed", max_elapsed)
        self.max_retry_after = _seconds("max_retry_after", max_retry_after)
        self.max_attempts = None if max_attempts is None else integer_between(max_attempts, 1)
        if self.max_attempts is None and max_attempts is not None:
            want = "want 1 or more, or None for no limit"
            raise ConfigurationError(f"Retry(max_attempts={brief(max_attempts)}): {want}")
        if random is None:  # here, since a worker must not import, and an import does without it
            from random import random as draw

            random = draw
        elif not callable(random):
            want = "want a function that returns a float; write random=random.random"
            raise ConfigurationError(f"Retry(random={brief(random)}): {want}")
        self.random: Callable[[], float] = random

    def decide(
        self,
        answer: Response | TransportError,
        *,
        attempt: int,
        elapsed: float,
        budget: float,
        wall: float,
        batches: int = 1,
    ) -> Verdict:
        """Return what to do after an attempt.

        Args:
            answer: the answer, or why there is none.
            attempt: its number, from 1.
            elapsed: seconds since the first attempt began.
            budget: seconds that all attempts together may take.
            wall: Unix seconds, to read a Retry-After that is a date.
            batches: how many batches the request held; a refused bulk is split.
        """
        wait = 0.0
        reason: Reason = "retries_exhausted"
        if isinstance(answer, TransportError):
            if not answer.retryable:
                return Verdict("failed", reason="transport_error")
        else:
            status = answer.status_code
            if 200 <= status < 300:
                return Verdict("delivered", retry_after=self.pause(answer))
            # a 422 is of a batch only where mParticle says so
            if batches > 1 and (status in (400, 413) or is_judged(answer)):
                return Verdict("split")
            if 300 <= status < 400:
                return Verdict("failed", reason="unexpected_redirect")
            if status not in RETRIED:
                return Verdict("failed", reason=_PERMANENT.get(status, "rejected"))
            asked = retry_after(answer.header("Retry-After"), wall)
            wait = min(asked or 0.0, self.max_retry_after)
            if status == 429:
                reason = "rate_limited"
        if self.max_attempts is not None and attempt >= self.max_attempts:
            return Verdict("failed", retry_after=wait, reason=reason)
        delay = max(wait, self.backoff(attempt))
        if elapsed + delay > budget:
            return Verdict("failed", retry_after=wait, reason=reason)
        return Verdict("again", delay, wait, reason)

    def backoff(self, attempt: int) -> float:
        """Return the seconds to wait after the attempt of this number, from 1."""
        doublings = min(attempt - 1, 60)  # more could overflow a float, and ``cap`` is smaller
        return self.random() * min(self.cap, self.base * float(2**doublings))

    def pause(self, answer: Response) -> float:
        """Return the seconds to hold the next request back after one that was accepted."""
        used = answer.header("X-mp-rate-limit-percentage-used") or ""
        match = _NUMBER.fullmatch(used.strip(' "'))
        percent = float(match[0]) if match else 0.0
        return self.base * max(0.0, min(percent, 100.0) - 90.0) / 10.0

    def __repr__(self) -> str:
        names = ("base", "cap", "max_elapsed", "max_attempts", "max_retry_after")
        shown = " ".join(f"{name}={getattr(self, name, None)}" for name in names)
        return f"<Retry {shown}>"


def _seconds(name: str, value: object) -> float:
    """Return an option as Python's own number of seconds, or raise what it has to be."""
    seconds = number_between(value, 0, sys.float_info.max)
    if seconds is None:
        raise ConfigurationError(f"Retry({name}={brief(value)}): want seconds, 0 or more")
    return seconds


def is_judged(answer: Response) -> bool:
    """Return whether mParticle itself found fault with what it was sent.

    Every other refusal, of whatever status, comes from between: a firewall, a proxy or a wrong
    address answers, too.

    >>> is_judged(Response(400, body='{"errors": [{"code": "BAD_REQUEST", "message": "no"}]}'))
    True
    >>> is_judged(Response(400, body="<h1>Blocked</h1>")), is_judged(Response(404))
    (False, False)
    """
    if answer.status_code not in JUDGED:
        return False
    said = answer.json()
    return isinstance(said, dict) and isinstance(said.get("errors"), list)


def retry_after(header: str | None, wall: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, or None where it asks for nothing.

    >>> retry_after("120", 0), retry_after("Thu, 01 Jan 1970 00:00:30 GMT", 10)
    (120.0, 20.0)
    >>> retry_after("soon", 0), retry_after("-5", 0)
    (None, None)
    """
    if header is None:
        return None
    header = header.strip().strip('"')
    if _NUMBER.fullmatch(header):
        return float(header)
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):  # no date, or none that exists
        return None
    if moment.tzinfo is None:  # "-0000" says UTC, of a machine that does not know its zone
        moment = moment.replace(tzinfo=UTC)
    seconds = moment.timestamp() - wall
    return seconds if seconds > 0 else None
