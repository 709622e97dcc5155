"""The threads that deliver what waits; or the caller's, where no thread can be had."""

from __future__ import annotations

import math
import os
import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from ..delivery.clock import Clock
from ..delivery.job import Payload, WorkItem, payloads_of
from ..delivery.sender import runs
from ..errors import TransportError
from ..utils.interrupts import Flag
from ..wire.limits import MAX_BATCHES_PER_REQUEST
from . import shutdown
from .coalescing import coalesce
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

    taken = False


class Workers:
    """Deliver what waits, each in a thread that starts when there is work.

    Made again in a forked child: a worker of the parent touches nothing any more, even where it
    goes on in the child, as a greenlet does.

    Args:
        dispatcher: has the client's sender, and finishes its work when the process ends, or when it
            was closed by a callback.
        scheduler: says what is due, and has the options and the settlement.
        limit: seconds for each request with its retries, unless the policy says.
    """

    def __init__(self, dispatcher: ThreadedDispatcher, scheduler: Scheduler, limit: float) -> None:
        self._dispatcher = dispatcher
        self._scheduler = scheduler
        self._options, self._settlement = scheduler.options, scheduler.settlement
        self._stopped = False
        self._clock = Clock(scheduler.now, self._options.wall, self._wait, self._is_over)
        self._limit = limit
        self._pid = os.getpid()
        self._threads: list[Any] = []
        self._delivering: set[int] = set()  # threads, or greenlets, as in SyncDispatcher

    def may_wait(self) -> bool:
        """Return whether this thread may wait for workers: not if it delivers itself."""
        return threading.get_ident() not in self._delivering

    def _is_over(self) -> bool:
        """Return whether nothing is tried any more: a callback may have closed the client."""
        return self._stopped or self._scheduler.now() >= self._scheduler.close_by

    def _wait(self, seconds: float) -> None:
        """Wait until then, or until closing; show other processes meanwhile that this one lives."""
        until = self._scheduler.now() + seconds
        while True:
            tend = self._settlement.kept.tend() or _LOOK_AGAIN
            with self._scheduler.lock:
                left = min(until, self._scheduler.close_by) - self._scheduler.now()
                if self._stopped or left <= 0:
                    return
                self._scheduler.for_retry.enlist()
            (self._options.sleep or self._scheduler.for_retry.wait)(min(left, tend))

    def stop(self) -> None:
        """End all waits of workers, and let them leave."""
        self._stopped = True
        with self._scheduler.lock:
            self._scheduler.for_retry.notify_all()
            self._scheduler.for_work.notify_all()

    def join(self, seconds: float | None) -> None:
        """Wait for workers to leave, so that none runs when the interpreter ends.

        Args:
            seconds: for all of them; None for as long as it takes.
        """
        until = math.inf if seconds is None else time.monotonic() + seconds
        threads = [thread for thread in self._threads if isinstance(thread, threading.Thread)]
        # no ``Thread.join(timeout)``: eventlet's raises a timeout of its own on Python 3.13
        while any(thread.is_alive() for thread in threads) and time.monotonic() < until:
            time.sleep(0.001)

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
            # A look at each thread takes as long as all else here. Nothing waits for longer than
            # this while one is alive and idle.
            waiting = scheduler.queue.waiting
            oldest = waiting[0] if waiting else None  # at once: a signal's handler may close
            if until is None and oldest and len(self._threads) == self._options.workers:
                late = scheduler.now() - oldest.since > self._options.flush_interval
                if not late:
                    return
            if not scheduler.has_work():
                return
            shutdown.watch(self._dispatcher)
            self._threads = self._alive()
            requests = 1 + len(scheduler.queue.waiting) // MAX_BATCHES_PER_REQUEST
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
            why = "no thread could be started; sending in the caller's thread"
            self._settlement.notices.log(why)
        if self.may_wait():  # else it is a callback: the thread that calls it goes on with the next
            self.deliver(until, wait=False, inline=True)

    def deliver(
        self, until: float | None = math.inf, *, wait: bool = True, inline: bool = False
    ) -> None:
        """Be a worker: deliver what is due, until there is nothing more.

        Args:
            until: when to stop, where the process ends; None to give each request ``exit_timeout``.
            wait: whether to wait for what is due later.
            inline: whether it is the thread of a caller, who wants all of it to be sent at once.
        """
        me = threading.get_ident()
        try:
            self._delivering.add(me)
            while self._deliver_next(self._over(until), wait=wait, inline=inline):
                pass
        finally:
            self._delivering.discard(me)
            if self._is_current():
                with self._scheduler.lock:
                    self._scheduler.for_progress.notify_all()
                    last = not self._scheduler.in_hand()
                if last:
                    self._dispatcher.when_idle()

    def _over(self, until: float | None) -> float:
        """Return when a request of the caller's is over: never, unless the process ends."""
        if until is None:
            until = self._scheduler.now() + max(self._dispatcher.exit_timeout, SHORTEST)
        return until if shutdown.ending else math.inf

    def _work(self, slot: Slot) -> None:
        try:
            if self._has_slot(slot):
                self.deliver()
        except BaseException as error:  # it ends here: a thread has no caller to raise it to
            if self._is_current():
                self._settlement.notices.log(f"a worker was stopped by {type(error).__name__}")
                self._leave()
                self._repair()
                self.call()  # another one goes on with what it had in hand
        if self._pid != os.getpid():
            # A greenlet that goes on in a forked child. ``threading`` forgot it there, and would
            # raise at its end: it waits forever instead.
            Flag().wait()

    def _repair(self) -> None:
        """Hand back what it had in hand, though hooks may leave by exceptions of their own."""
        repairs = self._settlement.repairs
        for _ in range(MAX_BATCHES_PER_REQUEST):  # each hook is called once
            if not repairs.left:
                return
            with suppress(BaseException):  # the first one was logged
                repairs.run()

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

    def _is_current(self) -> bool:
        return self._pid == os.getpid() and not self._stopped

    def _deliver_next(self, until: float = math.inf, *, wait: bool, inline: bool = False) -> bool:
        """Deliver what is to be delivered next; return whether there was anything.

        Whatever happens, nothing of it is lost.
        """
        item = WorkItem()
        try:
            if until <= self._scheduler.now() or not self._next(item, wait=wait, at_once=inline):
                return False
            self._deliver(item, until, inline=inline)
            with self._scheduler.lock:
                self._scheduler.done(item)
        except BaseException as error:  # of the caller's, or of a hook; or a bug of ours
            self._settlement.repairs.add((self._hand_back, item, error))
            self._settlement.repairs.run()
            if inline or not isinstance(error, Exception):  # a caller's signal handler raises any
                raise
        return True

    def _next(self, item: WorkItem, *, wait: bool, at_once: bool) -> bool:
        """Let an item have what to deliver next, waiting for it; False for a worker that leaves."""
        scheduler = self._scheduler
        idle_at = time.monotonic() + (0.0 if shutdown.in_subinterpreter() else _IDLE)
        while self._is_current():
            tend = self._settlement.kept.tend()
            with scheduler.lock:
                due = scheduler.next(item, scheduler.now(), at_once=at_once)
                if due is None:
                    return True
                idle = time.monotonic() >= idle_at and not scheduler.has_work() and tend is None
                # what another worker has in hand may still be shared
                over = scheduler.closing and not scheduler.in_hand()
                if not wait or over or idle:
                    if idle and not scheduler.in_hand():
                        shutdown.forget(self._dispatcher)
                    self._leave()
                    return False
                scheduler.for_work.enlist()
            scheduler.for_work.wait(min(due, tend or math.inf, _IDLE))
        return False

    def _deliver(self, item: WorkItem, until: float, *, inline: bool) -> None:
        sender, settlement = self._dispatcher._opened(), self._settlement
        from_outbox = item.payloads is None and item.jobs is None
        once = from_outbox and settlement.bring_back(item)
        if item.payloads is None:
            item.payloads = self._payloads_of_new(item)
        limit = min(self._limit, _INLINE) if inline else self._limit
        budget = 0.0 if once else sender.budget(limit)
        for run in runs(item.payloads):
            sender.deliver(run, self._clock, settlement, budget, until)
        if from_outbox:
            settlement.kept.learn(item.payloads)

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
        jobs = item.all_jobs()
        rest = [job for job in jobs if not job.settled]
        counted, item.interrupted = item.interrupted, True
        # Once, though a repair may be begun twice. Nor is it the fault of these if others of the
        # item were settled: a hook may have raised.
        for job in () if counted or len(rest) < len(jobs) else rest:
            job.interruptions += 1
        payloads = payloads_of(rest) if item.payloads is None else item.payloads
        again: list[Payload] = []
        failing: list[Payload] = []
        for payload in payloads:
            for own in payload.apart() if payload.jobs[0].own_id else [payload]:
                if own.is_open():
                    twice = any(job.interruptions > 1 for job in own.jobs)
                    (failing if twice else again).append(own)
        failure = TransportError(f"sending was broken off by {type(error).__name__}, twice")
        failure.__cause__ = error
        begun = [job for job in rest if job.outcome is not None]  # and not notified to the end
        failed = [*begun, *(job for payload in failing for job in payload.jobs)]
        self._settlement.give_up(failed, failure, resume=True)
        if failing:
            self._settlement.kept.learn(failing)  # what an outbox keeps of it waits
        with self._scheduler.lock:
            self._scheduler.done(item, again)
