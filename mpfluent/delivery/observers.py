"""What is visible of requests and outcomes: for the log, and for instrumentation."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from ..errors import ApiError, DeliveryError, Kept
from ..transport.base import Request, Response
from ..utils.log import batch_count, debug, debugging
from ..utils.typed import NamedTuple
from .retry import Answer, Verdict

_LOGGED = ("method", "host", "batches", "bytes", "status", "error", "attempt", "next_in")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Attempt(NamedTuple):
    """One attempt of a request, and its answer; without content, and without the server's words.

    Attributes:
        method: the HTTP method.
        url: where it went; it holds no secret.
        batches: how many the request carried.
        bytes: of its body.
        attempt: its number, from 1.
        began: Unix seconds.
        seconds: how long it took.
        status: the HTTP status; None where no answer came.
        error: the name of the exception where no answer came.
        refused: whether it failed, even if another attempt may succeed.
        next_in: seconds until the next attempt; None where there is none.
        background: whether a worker made it, for no caller in particular.
        why: what the exception says; for a terminal, and no log.
    """

    method: str
    url: str
    batches: int
    bytes: int
    attempt: int
    began: float
    seconds: float
    status: int | None
    error: str | None
    refused: bool
    next_in: float | None
    background: bool = False
    why: str | None = None

    @property
    def host(self) -> str:
        """The server's name, with the port if the URL has one."""
        return self.url.split("/", 3)[2]


def attempt_of(
    request: Request, answer: Answer, verdict: Verdict, attempt: int, wall: float, seconds: float
) -> Attempt:
    """Return what is visible of an attempt.

    Args:
        wall: Unix seconds at its end.
        seconds: how long it took.
    """
    return Attempt(
        method=request.method,
        url=request.url,
        batches=len(request.batch_ids),
        bytes=len(request.body),
        attempt=attempt,
        began=wall - seconds,
        seconds=seconds,
        status=answer.status_code,
        error=None if isinstance(answer, Response) else name_of(answer),
        refused=verdict.what != "delivered",
        next_in=verdict.delay if verdict.what == "again" else None,
        why=None if isinstance(answer, Response) else str(answer),
    )


def code_of(error: DeliveryError) -> str | None:
    """Return the vendor's code for a refusal, such as ``BAD_REQUEST``; None where it is none."""
    cause = error.__cause__ if isinstance(error, Kept) else error
    errors = cause.errors if isinstance(cause, ApiError) else ()
    code = errors[0].get("code", "") if errors else ""
    return code if _CODE.fullmatch(code) else None  # free text of the server's goes into no log


def name_of(error: BaseException) -> str | None:
    """Return the name of the exception that is the reason why no answer came, if there is one."""
    while isinstance(error, DeliveryError) and error.__cause__ is not None:
        error = error.__cause__
    return None if type(error) is DeliveryError else type(error).__name__


class Observer(Protocol):
    """Is notified. What it raises is logged and counted, and harms no delivery."""

    def attempted(self, attempt: Attempt) -> None:
        """Take an attempt, in the thread that made it, before the next one."""

    def settled(self, outcome: Response | DeliveryError) -> None:
        """Take the outcome of a batch that was delivered or has failed."""


class Observers:
    """The observers of one client: the log, and what instrumentation adds.

    Args:
        raised: is called with an observer that raises, and its error.
    """

    def __init__(self, raised: Callable[[object, BaseException], None]) -> None:
        self._raised = raised
        self.others: tuple[Observer, ...] = ()  # replaced, not changed: senders take no lock

    def look(self) -> bool:
        """Return whether there is any observer of attempts: if not, they cost nothing."""
        return bool(self.others) or debugging()

    def attempted(self, attempt: Attempt) -> None:
        """Notify all observers of an attempt."""
        _log(attempt)
        for observer in self.others:
            try:
                observer.attempted(attempt)
            except Exception as error:  # an observer harms no delivery
                self._raised(observer.attempted, error)

    def settled(self, outcome: Response | DeliveryError) -> None:
        """Notify all observers of a batch's outcome."""
        for observer in self.others:
            try:
                observer.settled(outcome)
            except Exception as error:  # an observer harms no delivery
                self._raised(observer.settled, error)


def _log(attempt: Attempt) -> None:
    came = f"no answer ({attempt.error})" if attempt.status is None else str(attempt.status)
    again = "" if attempt.next_in is None else f", next in {attempt.next_in:.1f} s"
    milliseconds = round(attempt.seconds * 1000, 1)
    debug(
        "%s %s, %s, %d bytes: %s in %.1f ms, attempt %d%s",
        *(attempt.method, attempt.host, batch_count(attempt.batches), attempt.bytes, came),
        *(milliseconds, attempt.attempt, again),
        milliseconds=milliseconds,
        **{name: getattr(attempt, name) for name in _LOGGED},
    )
