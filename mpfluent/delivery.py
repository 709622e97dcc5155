"""What became of a send: the delivery, the report, the counts."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .errors import DeliveryError, Kept, Reason, brief
from .transport import Response

if TYPE_CHECKING:
    from .batch import Batch

logger = logging.getLogger("mpfluent")

State = Literal["pending", "delivered", "failed", "kept"]
OnHookError = Callable[[object, Exception], None]


def warn(message: str, *args: object) -> None:
    """Log a warning; a log handler that raises must not stop a delivery."""
    with suppress(Exception):
        logger.warning(message, *args)


class Delivery:
    """The outcome of one ``send``, now or later.

    Settled once, from any thread. ``await`` it in asyncio, ``wait`` for it elsewhere. In a forked
    child the parent's deliveries are not waited for.

    Attributes:
        failures: the errors of the batches that failed, each with its ``batch``.
    """

    def __init__(self, batches: int, on_hook_error: OnHookError | None = None) -> None:
        self._open = batches
        self._settled = threading.Condition()
        self._response: Response | None = None
        self._callbacks: list[Callable[[Delivery], object]] = []
        self._failures: list[DeliveryError] = []
        self._kept: Kept | None = None
        self._on_hook_error = on_hook_error or log_hook_error
        self._pid = os.getpid()

    @property
    def state(self) -> State:
        """Pending, delivered, failed (if any batch failed) or kept (in the outbox)."""
        if self._open:
            return "pending"
        if self._failures:
            return "failed"
        return "kept" if self._kept else "delivered"

    @property
    def failures(self) -> tuple[DeliveryError, ...]:
        """The errors of the batches that failed so far."""
        return tuple(self._failures)

    def _error(self) -> DeliveryError | None:
        """Return the first error, but for batches that ``before_send`` dropped on purpose."""
        for error in self._failures:
            if error.reason != "filtered" or error.__cause__ is not None:
                return error
        return None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is settled; return whether it is.

        Args:
            timeout: seconds; None for as long as it takes.
        """
        if self._open and self._pid != os.getpid():
            return False  # who would settle it is in the parent, and so may be its lock
        with self._settled:
            return self._settled.wait_for(lambda: not self._open, timeout)

    def result(self, timeout: float | None = None) -> Response:
        """Wait, and return mParticle's last answer, or raise the first error.

        Args:
            timeout: seconds; None for as long as it takes.

        Raises:
            DeliveryError: a batch failed; :attr:`failures` has every error.
            TimeoutError: it is still pending.
        """
        if not self.wait(timeout):
            if self._pid != os.getpid():
                raise TimeoutError("still pending in the process that sent it")
            raise TimeoutError(f"still pending after {timeout} s")
        error = self._error()
        if error is not None:
            raise error
        if self._kept is not None:
            raise self._kept
        return self._response or Response(0)

    def add_done_callback(self, callback: Callable[[Delivery], object]) -> None:
        """Call ``callback(delivery)`` once when it is settled; at once if it is already."""
        with self._settled:
            if self._open:
                self._callbacks.append(callback)
                return
        self._call(callback)

    def __await__(self) -> Generator[Any, None, Response]:
        """Wait in asyncio without blocking the loop, and return what ``result`` returns."""
        import asyncio

        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def wake(_: Delivery) -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
                loop.call_soon_threadsafe(finish)

        def finish() -> None:
            if not done.done():
                done.set_result(None)

        self.add_done_callback(wake)
        yield from done.__await__()
        return self.result(0)

    def _settle(self, outcome: Response | DeliveryError) -> None:
        """Count one batch's outcome; with the last one, wake whoever waits."""
        with self._settled:
            if isinstance(outcome, Kept):
                self._kept = outcome
            elif isinstance(outcome, DeliveryError):
                self._failures.append(outcome)
            else:
                self._response = outcome
            self._open -= 1  # last, since who looks at the state takes no lock
            if self._open:
                return
            self._settled.notify_all()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self._call(callback)

    def _call(self, callback: Callable[[Delivery], object]) -> None:
        try:
            callback(self)
        except Exception as error:
            self._on_hook_error(callback, error)

    def __repr__(self) -> str:
        return f"<Delivery {self.state}>"


def log_hook_error(hook: object, error: Exception) -> None:
    """Log that a callback raised: what, but not with which values."""
    warn("the callback %s raised %s; delivery goes on", _hook_name(hook), type(error).__name__)


def _hook_name(hook: object) -> str:
    return getattr(hook, "__qualname__", None) or type(hook).__name__


class Stats(NamedTuple):
    """Counts of batches over a client's life; ``submitted == delivered + failed + pending``.

    Attributes:
        submitted: accepted by ``send``.
        delivered: answered with 2xx.
        failed: given up, each with a reason that reached ``on_failed``.
        pending: not settled yet.
        retries: requests that were tried again.
        failed_by_reason: how many failed for each reason.
        hook_errors: callbacks of yours that raised.
        outbox_errors: failures of the outbox.
    """

    submitted: int = 0
    delivered: int = 0
    failed: int = 0
    pending: int = 0
    retries: int = 0
    failed_by_reason: Mapping[Reason, int] = MappingProxyType({})
    hook_errors: int = 0
    outbox_errors: int = 0


class Tally:
    """The counters behind ``stats``: changed under a lock, read as one snapshot."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Count from zero, with a new lock: for a forked child, since the rest is the parent's."""
        # reentrant, since a ``__del__`` may close a client in the midst of anything
        self._changed = threading.Condition(threading.RLock())
        self._submitted = 0
        self._delivered = 0
        self._failed: dict[Reason, int] = {}
        self._retries = 0
        self._hook_errors = 0
        self._hooks_logged: set[tuple[str, str]] = set()

    def submitted(self, batches: int) -> None:
        """Count accepted batches."""
        with self._changed:
            self._submitted += batches

    def settled(self, outcome: Response | DeliveryError) -> None:
        """Count one batch's outcome."""
        with self._changed:
            if isinstance(outcome, DeliveryError):
                self._failed[outcome.reason] = self._failed.get(outcome.reason, 0) + 1
            else:
                self._delivered += 1
            self._changed.notify_all()

    def retried(self) -> None:
        """Count a request that is tried again."""
        with self._changed:
            self._retries += 1

    def hook_raised(self, hook: object, error: Exception) -> None:
        """Count a callback that raised, and log each kind of it once."""
        kind = (_hook_name(hook), type(error).__name__)
        with self._changed:
            self._hook_errors += 1
            if kind in self._hooks_logged:
                return
            self._hooks_logged.add(kind)
        log_hook_error(hook, error)

    def wait(self, timeout: float | None) -> bool:
        """Wait until nothing is pending; return whether nothing is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending(), timeout)

    def _pending(self) -> int:
        return self._submitted - self._delivered - sum(self._failed.values())

    def snapshot(self) -> Stats:
        """Return all counts, of one moment."""
        with self._changed:
            return Stats(
                submitted=self._submitted,
                delivered=self._delivered,
                failed=sum(self._failed.values()),
                pending=self._pending(),
                retries=self._retries,
                failed_by_reason=MappingProxyType(dict(self._failed)),
                hook_errors=self._hook_errors,
            )


class Report(NamedTuple):
    """What became of the batches of ``send_all``.

    Attributes:
        submitted: how many there were.
        delivered: how many arrived.
        failed: how many did not.
        pending: how many a threaded dispatcher has still to deliver.
        failed_by_reason: how many failed for each reason.
        failures: the first 100 errors, each with its ``batch``; ``on_failed`` gets them all.
    """

    submitted: int
    delivered: int
    failed: int
    pending: int
    failed_by_reason: Mapping[Reason, int]
    failures: tuple[DeliveryError, ...]


class CloseReport(NamedTuple):
    """What a client did in its life: batches delivered, failed, and left behind."""

    delivered: int
    failed: int
    left: int


def settle_each(calls: Iterable[Callable[[], None]]) -> None:
    """Make all of these calls, and raise the first error of any only when all are made.

    A hook may leave by ``sys.exit`` or Ctrl-C; the batches after it are settled all the same.
    """
    first: BaseException | None = None
    for call in calls:
        try:
            call()
        except BaseException as error:
            first = first or error
    if first is not None:
        raise first


class Parcel:
    """One accepted batch on its way: settled once, when all of its parts are.

    Args:
        batch: as it was sealed.
        parts: how many requests' worth of it there are.
        settled: called once with the parcel's outcome.
    """

    __slots__ = ("_failure", "_lock", "_open", "_response", "_settled", "batch")

    def __init__(
        self,
        batch: Batch,
        parts: int,
        settled: Callable[[Batch, Response | DeliveryError], None],
    ) -> None:
        self.batch = batch
        self._open = parts
        self._settled = settled
        self._failure: DeliveryError | None = None
        self._response: Response | None = None
        self._lock = threading.Lock()

    def part_settled(self, outcome: Response | DeliveryError) -> None:
        """Count one part's outcome; a batch of which a part failed has failed."""
        self._note(outcome, 1)

    def give_up(self, error: DeliveryError) -> None:
        """Fail what is still open of it."""
        self._note(error, None)

    def _note(self, outcome: Response | DeliveryError, parts: int | None) -> None:
        with self._lock:
            if not self._open:
                return
            self._open = 0 if parts is None else self._open - parts
            if isinstance(outcome, DeliveryError):
                self._failure = self._failure or outcome.with_batch(self.batch)
            else:
                self._response = outcome
            if self._open:
                return
        result = self._failure or self._response
        if result is not None:
            self._settled(self.batch, result)

    def __repr__(self) -> str:
        return f"<Parcel of {brief(self._open)} parts>"
