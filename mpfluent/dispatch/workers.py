"""The threads that deliver what waits; or the caller's, where no thread can be had."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ..delivery.clock import Clock
from ..delivery.job import Payload, WorkItem, payloads_of
from ..delivery.sender import Sender, runs
from ..delivery.settlement import Settlement
from ..errors import TransportError
from ..utils.interrupts import Flag, Repairs, Waiters
from ..wire.limits import MAX_BATCHES_PER_REQUEST
from . import shutdown
from .coalescing import coalesce
from .options import Options
from .scheduler import Scheduler

if TYPE_CHECKING:
    from .threaded import ThreadedDispatcher

_IDLE = 5.0  # seconds after which a worker without work ends; the next send starts another
_INLINE = 15.0  # seconds for a request, where no thread can be had and the caller waits
_LOOK_AGAIN = 3600.0  # seconds after which a longer wait looks at the time again
SHORTEST = 0.1  # seconds that a request gets at least when the process ends


class Slot:
    """What a thread needs to be a worker: there are ``most`` of them.

    Attributes:
        taken: whether the thread is in the list of workers.
    """

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken = False


class Workers:
    """Deliver what waits, each in a thread that starts when there is work.

    Made again in a forked child: a worker of the parent touches nothing any more, even where it
    goes on in the child, as a greenlet does.

    Args:
        options: of the dispatcher.
        scheduler: says what is due.
        settlement: settles what was sent.
        sender: sends it; None for a dispatcher that has no client yet.
        dispatcher: finishes its work when the process ends, or when it was closed by a callback.
        elapsed_limit: seconds for each request with its retries, unless the policy says.
    """

    def __init__(
        self,
        options: Options,
        scheduler: Scheduler,
        settlement: Settlement,
        *,
        sender: Sender | None,
        dispatcher: ThreadedDispatcher,
        elapsed_limit: float,
    ) -> None:
        self._sender = sender
        self._dispatcher = dispatcher
        self._options = options
        self._scheduler = scheduler
        self._settlement = settlement
        self._stopped = False
        self.renew_locks()
        self._clock = Clock(options.clock, options.wall, self._wait, self._is_over)
        self._elapsed_limit = elapsed_limit
        self._pid = os.getpid()
        self._threads: list[Any] = []
        self._repairs = Repairs() if sender is None else sender.counters.repairs
        self._delivering_now: set[int] = set()  # threads, or greenlets, as in SyncDispatcher

    def renew_locks(self) -> None:
        """Use the lock that the scheduler has now."""
        self._pauses = Waiters(self._scheduler.lock)  # between two attempts

    def now(self) -> float:
        """Return monotonic seconds."""
        return self._clock.monotonic()

    def may_wait(self) -> bool:
        """Return whether this thread may wait for workers: not if it delivers itself."""
        return threading.get_ident() not in self._delivering_now

    def _is_over(self) -> bool:
        """Return whether nothing is tried any more: a callback may have closed the client."""
        return self._stopped or self.now() >= self._scheduler.close_by

    def _wait(self, seconds: float) -> None:
        """Wait until then, or until closing; show other processes meanwhile that this one lives."""
        until = self.now() + seconds
        while True:
            tend = self._settlement.kept.tend() or _LOOK_AGAIN
            with self._scheduler.lock:
                left = min(until, self._scheduler.close_by) - self.now()
                if self._stopped or left <= 0:
                    return
                self._pauses.enlist()
            (self._options.sleep or self._pauses.wait)(min(left, tend))

    def stop(self) -> None:
        """End all waits of workers, and let them leave."""
        self._stopped = True
        self.wake()

    def wake(self) -> None:
        """Let workers that wait between two attempts look again how long."""
        with self._scheduler.lock:
            self._pauses.notify_all()

    def join(self, seconds: float | None) -> None:
        """Wait for workers to leave, so that none runs when the interpreter ends.

        Args:
            seconds: for all of them; None for as long as it takes.
        """
        until = math.inf if seconds is None else time.monotonic() + seconds
        for thread in self._threads:
            # no ``Thread.join(timeout)``: eventlet's raises a timeout of its own on Python 3.13
            while isinstance(thread, threading.Thread) and thread.is_alive():
                left = until - time.monotonic()
                if left <= 0:
                    break
                time.sleep(min(0.001, left))

    def any(self) -> bool:
        """Return whether a worker is alive."""
        return bool(self._alive())

    def call(self, until: float | None = None) -> None:
        """Make sure that what waits is delivered: by a worker, or else by this thread.

        At the end of the process, only a caller that gives ``until`` waits for workers.

        Args:
            until: how long the caller waits for workers, in monotonic seconds.
        """
        scheduler = self._scheduler
        no_workers = shutdown.ending and until is None
        failed = False
        with scheduler.lock:
            if not scheduler.has_work():
                return
            shutdown.watch(self._dispatcher)
            self._threads = self._alive()
            requests = 1 + len(scheduler.queue) // MAX_BATCHES_PER_REQUEST
            most = 0 if no_workers else self._options.workers
            wanted = min(most, max(requests, len(self._threads) + 1))
            while len(self._threads) < wanted and not failed:
                slot = Slot()
                try:
                    thread = self._options.start(partial(self._work, slot))
                    self._threads, slot.taken = [*self._threads, thread], True
                except RuntimeError:  # too many threads, or the process ends
                    failed = True
            if self._threads and not no_workers:
                return
        if failed:
            self._settlement.notices.log(
                "no thread could be started; sending in the caller's thread"
            )
        self.deliver_here(until)

    def deliver_here(self, until: float | None = None) -> None:
        """Deliver all that waits in the calling thread.

        Args:
            until: when to stop, where the process ends; else each request has ``exit_timeout``.
        """
        if not self.may_wait():
            return  # a callback: the thread that calls it goes on with the next
        scheduler, counted, me = self._scheduler, 0, threading.get_ident()
        try:
            self._delivering_now.add(me)
            with scheduler.lock:
                scheduler.urgent, counted = scheduler.urgent + 1, 1
                scheduler.for_work.notify_all()
            limit = min(self._elapsed_limit, _INLINE)
            while (over := self._over(until)) > self.now() and self._deliver_next(
                limit, over, wait=False
            ):
                pass
        finally:
            scheduler.urgent -= counted  # atomically with leaving
            self._delivering_now.discard(me)
            self._finish_delivering()

    def _over(self, until: float | None) -> float:
        """Return when a request of the caller's is over: never, unless the process ends."""
        if not shutdown.ending:
            return math.inf
        return self.now() + max(self._dispatcher.exit_timeout, SHORTEST) if until is None else until

    def _work(self, slot: Slot) -> None:
        try:
            if self._has_slot(slot):
                with self._delivering():
                    while self._deliver_next(self._elapsed_limit):
                        pass
        except BaseException as error:  # it ends here: a thread has no caller to raise it to
            if self._is_current():
                self._settlement.notices.log(f"a worker was stopped by {type(error).__name__}")
                self._leave()
                self.call()  # another one goes on with what it had in hand
        if self._pid != os.getpid():
            # A greenlet that goes on in a forked child. ``threading`` forgot it there, and would
            # raise at its end: it waits forever instead.
            Flag().wait()

    def _has_slot(self, slot: Slot) -> bool:
        """Return whether this thread may work; it may take a slot itself.

        Ctrl-C may come after a thread was started and before it was listed.
        """
        with self._scheduler.lock:
            if not slot.taken and len(self._alive()) < self._options.workers:
                self._threads, slot.taken = [*self._threads, threading.current_thread()], True
            return slot.taken

    def _alive(self) -> list[Any]:
        return [thread for thread in self._threads if thread.is_alive()]

    def _leave(self) -> None:
        """Let the next call start another worker."""
        me = threading.current_thread()
        with self._scheduler.lock:
            self._threads = [thread for thread in self._threads if thread is not me]

    @contextmanager
    def _delivering(self) -> Iterator[None]:
        """Be a worker. Not for the caller's thread: Ctrl-C may break a context manager."""
        me = threading.get_ident()
        self._delivering_now.add(me)
        try:
            yield
        finally:
            self._delivering_now.discard(me)
            self._finish_delivering()

    def _finish_delivering(self) -> None:
        """Notify threads that wait for this one: it delivers no more."""
        if self._is_current():
            with self._scheduler.lock:
                self._scheduler.for_progress.notify_all()
                last = not self._scheduler.in_hand()
            if last:
                self._dispatcher.when_idle()

    def _is_current(self) -> bool:
        return self._pid == os.getpid() and not self._stopped

    def _deliver_next(
        self, elapsed_limit: float, until: float = math.inf, *, wait: bool = True
    ) -> bool:
        """Deliver what is to be delivered next; return whether there was anything."""
        item = WorkItem()
        try:
            if self._next(wait=wait, item=item) is None:
                return False
            self._deliver_item(item, elapsed_limit, until, raises=not wait)
        except BaseException as error:  # such as Ctrl-C, in the caller's thread
            self._repairs.add((self._hand_back, item, error))
            self._repairs.run()
            raise
        return True

    def _next(self, *, wait: bool = True, item: WorkItem | None = None) -> WorkItem | None:
        """Return what to deliver next, waiting for it; None for a worker that is to leave.

        Args:
            item: what to put it into.
        """
        scheduler = self._scheduler
        item = WorkItem() if item is None else item
        idle_at = time.monotonic() + (0.0 if shutdown.in_subinterpreter() else _IDLE)
        while self._is_current():
            tend = self._settlement.kept.tend()
            with scheduler.lock:
                due = scheduler.next(item, self.now())
                if due is None:
                    return item
                idle = time.monotonic() >= idle_at and not scheduler.has_work() and tend is None
                # what another worker has in hand may still be shared
                over = scheduler.closing and not scheduler.in_hand()
                if not wait or over or idle:
                    if idle and not scheduler.in_hand():
                        shutdown.forget(self._dispatcher)
                    self._leave()
                    return None
                scheduler.for_work.enlist()
            scheduler.for_work.wait(min(due, tend or math.inf, _IDLE))
        return None

    def _deliver_item(
        self, item: WorkItem, elapsed_limit: float, until: float = math.inf, *, raises: bool = False
    ) -> None:
        """Deliver an item; whatever happens, nothing of it is lost.

        Args:
            until: when it is over, in monotonic seconds.
            raises: whether any exception is the caller's: its signal handlers may raise some.
        """
        try:
            self._deliver(item, elapsed_limit, until)
            with self._scheduler.lock:
                self._scheduler.done(item)
        except BaseException as error:  # of the caller's, or of a hook; or a bug of ours
            self._repairs.add((self._hand_back, item, error))
            self._repairs.run()
            if raises or not isinstance(error, Exception):
                raise

    def _deliver(self, item: WorkItem, elapsed_limit: float, until: float) -> None:
        sender, kept = self._sender, self._settlement.kept
        assert sender is not None  # noqa: S101  # since something was accepted
        from_outbox = item.payloads is None and item.jobs is None
        once = False
        if from_outbox:
            once = self._settlement.bring_back(item)
        elif item.payloads is None:
            item.payloads = self._payloads_of_new(item)
        for run in runs(item.payloads or []):
            sender.deliver(
                run,
                self._clock,
                self._settlement,
                elapsed_limit=elapsed_limit,
                until=until,
                once=once,
            )
        if from_outbox:
            kept.learn(item.payloads or [])

    def _payloads_of_new(self, item: WorkItem) -> list[Payload]:
        """Return what new jobs travel in; with coalescing, the first request of that."""
        new = [job for job in item.all_jobs() if not job.notified]  # closing may have settled some
        if not self._options.coalesce:
            return payloads_of(new)
        item.payloads = coalesce(new)  # first: Ctrl-C after it must not join them in another way
        item.payloads = self._settlement.kept.join(item.payloads)
        first, *rest = list(runs(item.payloads)) or [[]]
        with self._scheduler.lock:
            self._scheduler.share(item, first, rest)
        return first

    def _hand_back(self, item: WorkItem, error: BaseException) -> None:
        """Let another worker deliver what could not be finished; the second time, it fails."""
        if self._pid != os.getpid() or not self._scheduler.in_hand(item):
            return  # it is the parent's, or it was handed back already
        rest = [job for job in item.all_jobs() if not job.settled]
        counted, item.interrupted = item.interrupted, True
        for job in () if counted else rest:  # once, though a repair may be begun twice
            job.interruptions += 1
        payloads = payloads_of(rest) if item.payloads is None else item.payloads
        payloads = [
            own
            for payload in payloads
            for own in (payload.apart() if payload.jobs[0].own_id else [payload])
            if own.is_open()
        ]
        failing = [
            payload for payload in payloads if any(job.interruptions > 1 for job in payload.jobs)
        ]
        failure = TransportError(f"sending was broken off by {type(error).__name__}, twice")
        failure.__cause__ = error
        begun = [job for job in rest if job.outcome is not None]  # and not notified to the end
        self._settlement.resume([*begun, *(job for one in failing for job in one.jobs)], failure)
        if failing:
            self._settlement.kept.learn(failing)  # what an outbox keeps of it waits
        with self._scheduler.lock:
            self._scheduler.hand_back(item, [one for one in payloads if one not in failing])
