"""The outcome of one ``send``, now or later."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, Literal, Protocol

from ..errors import DeliveryError, Kept
from ..transport.base import Response
from ..utils.interrupts import NOTIFIED, Steps, Waiters
from ..utils.introspection import PublicNames, hide_annotations
from ..utils.log import log_hook_error
from ..utils.options import checked_timeout
from .outcome import HandedOver
from .stats import Counters

State = Literal["pending", "delivered", "failed", "kept", "handed_over"]
_DROPPED = ("filtered", "disabled")  # for these reasons, no exception is raised


class Waits(Protocol):
    """What a delivery needs of the dispatcher that settles it."""

    def may_wait(self) -> bool:
        """Return whether this thread may wait for a delivery."""
        ...

    def send_now(self) -> None:
        """Let what waits leave at once."""


class Delivery(PublicNames):
    """The outcome of one ``send``, now or later.

    It is settled once, from any thread. ``await`` it in asyncio, ``wait`` for it elsewhere: then
    the batches leave at once, without ``flush_interval``. Two callers do not wait: a forked child,
    since the parent's threads settle it, and a callback on a thread that delivers, since it would
    wait for itself.

    Attributes:
        failures: the errors of the batches that failed, each with its ``batch``.
    """

    __slots__ = (
        *("__weakref__", "_callbacks", "_counters", "_dispatcher", "_failures", "_kept", "_lock"),
        *("_open", "_pid", "_response", "_waiters"),
    )

    def __init__(
        self,
        batches: int,
        counters: Counters | None = None,
        dispatcher: Waits | None = None,
    ) -> None:
        self._open = batches
        # Guards the outcomes, the callbacks and the waiters. While it is held, no other lock is
        # taken and no callback called. It is that of the counters, since a lock of its own would
        # be a sixth of the memory of a batch that waits. Without counters it has one.
        self._lock = threading.RLock() if counters is None else counters.lock
        self._waiters: Waiters | None = None  # made for the first one: most deliveries have none
        self._response: Response | None = None
        self._callbacks: tuple[Callable[[Delivery], object], ...] = ()
        self._failures: list[DeliveryError] | None = None  # none while it waits: to save memory
        self._kept: Kept | None = None
        self._counters = counters
        self._dispatcher = dispatcher
        self._pid = os.getpid() if counters is None else counters.pid

    @property
    @hide_annotations
    def state(self) -> State:
        """Pending, delivered, failed (if any failed), kept (in the outbox), or handed over."""
        if self._open:
            return "pending"
        if self._failures:
            return "failed"
        if self._kept:
            return "kept"
        return "handed_over" if isinstance(self._response, HandedOver) else "delivered"

    @property
    def failures(self) -> tuple[DeliveryError, ...]:
        """The errors of the batches that failed so far."""
        return tuple(self._failures or ())

    def _may_wait(self) -> bool:
        return self._dispatcher is None or self._dispatcher.may_wait()

    def _send_now(self) -> None:
        if self._dispatcher is not None:
            self._dispatcher.send_now()

    def _log_hook_error(self, hook: object, error: BaseException) -> None:
        log = log_hook_error if self._counters is None else self._counters.hook_raised
        log(hook, error)

    def _error(self) -> DeliveryError | None:
        """Return the first error, but for batches that were dropped on purpose."""
        raised = (e for e in self.failures if e.reason not in _DROPPED or e.__cause__ is not None)
        return next(raised, None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is settled; return whether it is.

        What waits to travel with others leaves at once, unless the timeout is 0.

        Args:
            timeout: seconds; None for as long as it takes.
        """
        timeout = checked_timeout("wait", timeout)
        if not self._open:
            return True
        if self._pid != os.getpid() or not self._may_wait():
            return False  # in a child, a thread of the parent may hold its lock forever
        if timeout != 0:
            self._send_now()
        with self._lock:
            self._waiters = self._waiters or Waiters(self._lock)
        return self._waiters.wait_for(lambda: not self._open, timeout)

    def result(self, timeout: float | None = None) -> Response:
        """Wait, and return mParticle's last answer, or raise the first error.

        Of what a broker took, it returns a :class:`~mpfluent.HandedOver`.

        Args:
            timeout: seconds; None for as long as it takes.

        Raises:
            DeliveryError: a batch failed; :attr:`failures` has every error.
            TimeoutError: it is still pending.
        """
        timeout = checked_timeout("result", timeout)
        if not self.wait(timeout):
            if self._pid != os.getpid():
                raise TimeoutError("still pending in the process that sent it")
            if not self._may_wait():
                raise TimeoutError("still pending; a callback cannot wait for what comes after it")
            raise TimeoutError(f"still pending after {timeout} s")
        error = self._error() or self._kept
        if error is not None:
            raise error
        return self._response or Response(0)

    def add_done_callback(self, callback: Callable[[Delivery], object]) -> None:
        """Call ``callback(delivery)`` once when it is settled; at once if it is already.

        In a forked child, it is never called for a delivery of the parent that is pending.

        Raises:
            TypeError: the callback is one of asyncio's own, which must be called on its loop:
                ``asyncio.wait`` takes tasks.
        """
        if getattr(callback, "__module__", None) == "asyncio.tasks":
            raise TypeError(
                "asyncio.wait() takes tasks, not deliveries; "
                "write asyncio.wait([asyncio.ensure_future(delivery)])"
            )
        if self._pid == os.getpid():
            with self._lock:
                if self._open:
                    self._callbacks += (callback,)
                    return
        elif self._open:  # no thread settles it here; and the lock may be held, as in ``wait``
            return
        try:
            callback(self)
        except Exception as error:  # logged, as in _call_back
            self._log_hook_error(callback, error)

    def __await__(self) -> Generator[Any, None, Response]:
        """Wait in asyncio without blocking the loop, and return what ``result`` returns."""
        import asyncio

        if self._open and (self._pid != os.getpid() or not self._may_wait()):
            return self.result(0)  # which says why nobody may wait here
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def wake(_: Delivery) -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile, and its tasks ended
                loop.call_soon_threadsafe(finish)

        def finish() -> None:
            if not done.done():
                done.set_result(None)

        self.add_done_callback(wake)
        if self._open:
            # after the tasks that are ready, so that their batches travel together
            loop.call_soon(self._send_now)
        yield from done.__await__()
        return self.result(0)

    def _settle(self, outcome: Response | DeliveryError, steps: Steps | None = None) -> None:
        """Count one batch's outcome; with the last one, wake the threads that wait.

        Args:
            steps: which steps of settling are done; a step is never done twice.
        """
        steps = Steps() if steps is None else steps
        failures: list[DeliveryError] = []
        with self._lock:
            if steps.step < NOTIFIED:
                if not isinstance(outcome, DeliveryError):
                    # not every batch is delivered where one was handed over
                    if not isinstance(self._response, HandedOver):
                        self._response = outcome
                elif isinstance(outcome, Kept):
                    self._kept = outcome
                else:
                    failures = [outcome]
                all_failures = self._failures = self._failures or []
                end = len(all_failures)
                # atomically: ``state`` takes no lock, and reads _open first
                all_failures[end:], self._open, steps.step = failures, self._open - 1, NOTIFIED
            if self._open:
                return
            if self._waiters is not None:
                self._waiters.notify_all()
        if self._callbacks:
            self._call_back()

    def _call_back(self) -> None:
        """Call each callback once, and raise the first error of any when all were called."""
        first: BaseException | None = None
        while self._callbacks:
            callback, rest = self._callbacks[0], self._callbacks[1:]
            try:
                self._callbacks = rest  # atomically with the call: Ctrl-C repeats and skips none
                callback(self)
            except Exception as error:  # a callback's error is logged, and harms no delivery
                self._log_hook_error(callback, error)
            except BaseException as error:  # such as sys.exit: the other callbacks come first
                first = first or error
        if first is not None:
            raise first

    def __repr__(self) -> str:
        return f"<Delivery {self.state}>"
