"""The threads that deliver what waits; or the caller's, where no thread can be had."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..delivery.clock import Clock
from ..delivery.job import Payload, WorkItem, payloads_of
from ..delivery.sender import Sender, runs
from ..delivery.settlement import Settlement
from ..errors import TransportError
from ..utils.interrupts import Flag, Repairs, Waiters
from ..wire.limits import MAX_BATCHES_PER_REQUEST
from . import shutdown
from .coalescing import coalesce
from .scheduler import Scheduler

_IDLE = 5.0  # seconds after which a worker without work leaves; the next send starts another
_INLINE = 15.0  # seconds for a request, where no thread can be had and the caller waits
_LOOK_AGAIN = 3600.0  # seconds after which one who waits for longer looks at the time again
SHORTEST = 0.1  # seconds for one where the process ends


class Seat:
    """A worker's place among its like.

    Attributes:
        taken: whether it is one of them, so that it may work.
    """

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken = False


class Workers:
    """Deliver what waits, each in a thread that starts when there is work.

    Made anew in a forked child: a worker of before touches nothing any more, even where it goes
    on there, as a greenlet does.

    Args:
        most: threads at most.
        scheduler: what waits and what moves.
        settlement: settles what was sent.
        sender: sends it; None for a dispatcher that has no client yet.
        watched: whom the end of the process concerns.
        when_last: called when nobody has anything in hand any more.
        clock: monotonic seconds; wall: Unix seconds; sleep: waits seconds, or None.
        start: runs a function in a thread, and returns something with ``is_alive()``.
        coalesces: whether batches are joined.
        elapsed_limit: seconds for each request with its retries, unless the policy says.
    """

    def __init__(
        self,
        most: int,
        *,
        scheduler: Scheduler,
        settlement: Settlement,
        sender: Sender | None,
        watched: shutdown.Watched,
        when_last: Callable[[], None],
        clock: Callable[[], float],
        wall: Callable[[], float],
        sleep: Callable[[float], object] | None,
        start: Callable[[Callable[[], None]], Any],
        coalesces: bool,
        elapsed_limit: float,
    ) -> None:
        self._sender = sender
        self._watched = watched
        self._when_last = when_last
        self._most = most
        self._scheduler = scheduler
        self._settlement = settlement
        self._stopped = False
        self._sleep = sleep
        self.renew_locks()
        self._clock = Clock(clock, wall, self._wait, self._is_over)
        self._start = start
        self._coalesces = coalesces
        self._elapsed_limit = elapsed_limit
        self._pid = os.getpid()
        self._threads: list[Any] = []
        self._repairs = Repairs() if sender is None else sender.counters.repairs
        self._at_work: set[int] = set()  # threads, or greenlets, as in SyncDispatcher

    def renew_locks(self) -> None:
        """Wait at the lock that the scheduler has now."""
        self._alarm = Waiters(self._scheduler.lock)

    def now(self) -> float:
        """Return monotonic seconds."""
        return self._clock.monotonic()

    def may_wait(self) -> bool:
        """Return whether this thread may wait for workers: not if it delivers itself."""
        return threading.get_ident() not in self._at_work

    def _is_over(self) -> bool:
        """Return whether nothing is tried any more: a callback may have closed the client."""
        return self._stopped or self.now() >= self._scheduler.close_by

    def _wait(self, seconds: float) -> None:
        """Wait, as long as there is something to wait for; say meanwhile that this one lives."""
        until = self.now() + seconds
        while True:
            tend = self._settlement.kept.tend() or _LOOK_AGAIN
            with self._scheduler.lock:
                left = min(until, self._scheduler.close_by) - self.now()
                if self._stopped or left <= 0:
                    return
                self._alarm.enlist()
            (self._sleep or self._alarm.wait)(min(left, tend))

    def stop(self) -> None:
        """End all waits of workers, and let them leave."""
        self._stopped = True
        self.wake()

    def wake(self) -> None:
        """Let workers that wait look again how long."""
        with self._scheduler.lock:
            self._alarm.notify_all()

    def join(self, seconds: float | None) -> None:
        """Wait for workers to leave, so that none is there when the interpreter goes.

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
        """See to it that what waits is delivered: by a worker, or else by this thread.

        At the end of the process nobody waits for workers any more, but for those who say so.

        Args:
            until: how long the caller waits for workers, in monotonic seconds.
        """
        scheduler = self._scheduler
        alone = shutdown.ending and until is None
        failed = False
        with scheduler.lock:
            if not scheduler.has_work():
                return
            shutdown.watch(self._watched)
            self._threads = self._alive()
            requests = 1 + len(scheduler.queue) // MAX_BATCHES_PER_REQUEST
            wanted = 0 if alone else min(self._most, max(requests, len(self._threads) + 1))
            while len(self._threads) < wanted and not failed:
                seat = Seat()
                try:
                    thread = self._start(partial(self._work, seat))
                    self._threads, seat.taken = [*self._threads, thread], True
                except RuntimeError:  # too many threads, or the process ends
                    failed = True
            if self._threads and not alone:
                return
        if failed:
            self._settlement.log("no thread could be started; sending in the caller's thread")
        self.deliver_here(until)

    def deliver_here(self, until: float | None = None) -> None:
        """Deliver all that waits in the calling thread.

        Args:
            until: when to stop, where the process ends; else each request has ``exit_timeout``.
        """
        if not self.may_wait():
            return  # a callback: who called it goes on with the next
        scheduler, hurries, me = self._scheduler, 0, threading.get_ident()
        try:
            self._at_work.add(me)
            with scheduler.lock:
                scheduler.hurried, hurries = scheduler.hurried + 1, 1
                scheduler.work.notify_all()
            limit = min(self._elapsed_limit, _INLINE)
            while (over := self._over(until)) > self.now() and self._turn(limit, over, wait=False):
                pass
        finally:
            scheduler.hurried -= hurries  # atomically with leaving
            self._at_work.discard(me)
            self._rest()

    def _over(self, until: float | None) -> float:
        """Return when a request of the caller's is over, which is never unless the process ends."""
        if not shutdown.ending:
            return math.inf
        return self.now() + max(self._watched.exit_timeout, SHORTEST) if until is None else until

    def _work(self, seat: Seat) -> None:
        try:
            if self._sits(seat):
                with self._delivering():
                    while self._turn(self._elapsed_limit):
                        pass
        except BaseException as error:  # it ends here: a thread has nobody to raise it to
            if self._is_current():
                self._settlement.log(f"a worker was stopped by {type(error).__name__}")
                self._leave()
                self.call()  # another one goes on with what it had in its hands
        if self._pid != os.getpid():
            # a greenlet, in a forked child: threading, which forgot it, would complain of its end
            Flag().wait()

    def _sits(self, seat: Seat) -> bool:
        """Return whether there is a seat for a worker whose start was interrupted, too."""
        with self._scheduler.lock:
            if not seat.taken and len(self._alive()) < self._most:
                self._threads, seat.taken = [*self._threads, threading.current_thread()], True
            return seat.taken

    def _alive(self) -> list[Any]:
        return [thread for thread in self._threads if thread.is_alive()]

    def _leave(self) -> None:
        """Let the next call start another worker."""
        me = threading.current_thread()
        with self._scheduler.lock:
            self._threads = [thread for thread in self._threads if thread is not me]

    @contextmanager
    def _delivering(self) -> Iterator[None]:
        """Be a worker; not for the caller's thread, where an interrupt may break it."""
        me = threading.get_ident()
        self._at_work.add(me)
        try:
            yield
        finally:
            self._at_work.discard(me)
            self._rest()

    def _rest(self) -> None:
        """Know that this thread delivers no more."""
        if self._is_current():
            with self._scheduler.lock:
                self._scheduler.calm.notify_all()
                last = not self._scheduler.moves()
            if last:
                self._when_last()

    def _is_current(self) -> bool:
        return self._pid == os.getpid() and not self._stopped

    def _turn(self, elapsed_limit: float, until: float = math.inf, *, wait: bool = True) -> bool:
        """Deliver what is to be delivered next; return whether there was anything."""
        load = WorkItem()
        try:
            if self._next(wait=wait, load=load) is None:
                return False
            self._carry(load, elapsed_limit, until, raises=not wait)
        except BaseException as error:  # such as Ctrl-C, in the caller's thread
            self._repairs.add((self._broken_off, load, error))
            self._repairs.run()
            raise
        return True

    def _next(self, *, wait: bool = True, load: WorkItem | None = None) -> WorkItem | None:
        """Return what to deliver next, waiting for it; None for a worker that is to leave.

        Args:
            load: what to put it into.
        """
        scheduler = self._scheduler
        load = WorkItem() if load is None else load
        idle_at = time.monotonic() + (0.0 if shutdown.in_subinterpreter() else _IDLE)
        while self._is_current():
            tend = self._settlement.kept.tend()
            with scheduler.lock:
                due = scheduler.next(load, self.now())
                if due is None:
                    return load
                idle = time.monotonic() >= idle_at and not scheduler.has_work() and tend is None
                over = scheduler.closing and not scheduler.moves()  # what moves may still be shared
                if not wait or over or idle:
                    if idle and not scheduler.moves():  # or another worker has something in hand
                        shutdown.forget(self._watched)
                    self._leave()
                    return None
                scheduler.work.enlist()
            scheduler.work.wait(min(due, tend or math.inf, _IDLE))
        return None

    def _carry(
        self, load: WorkItem, elapsed_limit: float, until: float = math.inf, *, raises: bool = False
    ) -> None:
        """Deliver what is in a worker's hands; whatever happens, nothing of it is lost.

        Args:
            until: when it is over, in monotonic seconds.
            raises: whether any exception is the caller's, whose signals' handlers raise some.
        """
        try:
            self._deliver(load, elapsed_limit, until)
            with self._scheduler.lock:
                self._scheduler.done(load)
        except BaseException as error:
            self._repairs.add((self._broken_off, load, error))
            self._repairs.run()
            if raises or not isinstance(error, Exception):
                raise

    def _deliver(self, load: WorkItem, elapsed_limit: float, until: float) -> None:
        sender = self._sender
        assert sender is not None  # noqa: S101  # since something was accepted
        brought = load.payloads is None and load.jobs is None
        once = False
        if brought:
            once = self._settlement.bring_back(load)
        elif load.payloads is None:
            load.payloads = self._unpacked(load)
        for run in runs(load.payloads or []):
            sender.deliver(
                run,
                self._clock,
                self._settlement,
                elapsed_limit=elapsed_limit,
                until=until,
                once=once,
            )
        if brought:
            self._settlement.kept.learn(load.payloads or [])

    def _unpacked(self, load: WorkItem) -> list[Payload]:
        """Return what is to be sent of a fresh load; with coalescing, the first request of it."""
        new = [job for job in load.all_jobs() if not job.notified]  # who closes may have some
        if not self._coalesces:
            return payloads_of(new)
        load.payloads = coalesce(new)  # if that is broken off, they are not joined anew
        load.payloads = self._settlement.kept.join(load.payloads)
        first, *rest = list(runs(load.payloads)) or [[]]
        with self._scheduler.lock:
            self._scheduler.share(load, first, rest)
        return first

    def _broken_off(self, load: WorkItem, error: BaseException) -> None:
        """Let what could not be finished be delivered by another worker, but only once."""
        if self._pid != os.getpid() or not self._scheduler.moves(load):
            return  # it is the parent's; or it was laid down already
        rest = [job for job in load.all_jobs() if not job.settled]
        before, load.interrupted = load.interrupted, True
        for job in () if before else rest:  # once, though a repair may be begun twice
            job.interruptions += 1
        payloads = payloads_of(rest) if load.payloads is None else load.payloads
        payloads = [
            own
            for payload in payloads
            for own in (payload.apart() if payload.jobs[0].own_id else [payload])
            if own.is_open()
        ]
        struck = [
            payload for payload in payloads if any(one.interruptions > 1 for one in payload.jobs)
        ]
        again = [payload for payload in payloads if payload not in struck]
        failure = TransportError(f"sending was broken off by {type(error).__name__}, twice")
        failure.__cause__ = error
        untold = [job for job in rest if job.outcome is not None]
        self._settlement.resume(
            [*untold, *(one for payload in struck for one in payload.jobs)], failure
        )
        if struck:
            self._settlement.kept.learn(
                struck
            )  # what an outbox keeps of it is not tried again at once
        with self._scheduler.lock:
            self._scheduler.lay_down(load, again)
