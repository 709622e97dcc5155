"""The threads that deliver what waits; or the caller's, where no thread can be had."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import process
from .coalescing import coalesce
from .courier import Clock, Courier, runs
from .errors import TransportError
from .floor import Floor, Load, hurry
from .keeper import Keeper

_IDLE = 5.0  # seconds after which a worker without work leaves; the next send starts another
_INLINE = 15.0  # seconds for a request, where no thread can be had and the caller waits


class Workers:
    """Deliver what waits, each in a thread that starts when there is work.

    Made anew in a forked child: a worker of before touches nothing any more, even where it goes
    on there, as a greenlet does.

    Args:
        most: threads at most.
        floor: what waits and what moves.
        keeper: settles what was sent.
        courier: sends it; None for a dispatcher that has no client yet.
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
        floor: Floor,
        keeper: Keeper,
        courier: Courier | None,
        watched: process.Watched,
        when_last: Callable[[], None],
        clock: Callable[[], float],
        wall: Callable[[], float],
        sleep: Callable[[float], object] | None,
        start: Callable[[Callable[[], None]], Any],
        coalesces: bool,
        elapsed_limit: float,
    ) -> None:
        self._courier = courier
        self._watched = watched
        self._when_last = when_last
        self._most = most
        self._floor = floor
        self._keeper = keeper
        self._stop = threading.Event()
        self._clock = Clock(clock, wall, sleep or self._stop.wait, self._stop.is_set)
        self._start = start
        self._coalesces = coalesces
        self._elapsed_limit = elapsed_limit
        self._pid = os.getpid()
        self._threads: list[Any] = []
        self._here = threading.local()  # whether this thread delivers

    def now(self) -> float:
        """Return monotonic seconds."""
        return self._clock.monotonic()

    def may_wait(self) -> bool:
        """Return whether this thread may wait for workers: not if it delivers itself."""
        return not getattr(self._here, "delivers", False)

    def stop(self) -> None:
        """End all waits of workers, and let them leave."""
        self._stop.set()

    def any(self) -> bool:
        """Return whether a worker is alive."""
        return any(thread.is_alive() for thread in self._threads)

    def call(self) -> None:
        """See to it that what waits is delivered: by a worker, or else by this thread."""
        floor = self._floor
        with floor.lock:
            if not floor.has_work():
                return
            process.watch(self._watched)
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            if len(self._threads) < self._most and not process.ending:
                try:
                    self._threads.append(self._start(self._work))
                except RuntimeError:  # too many threads, or the process ends
                    self._keeper.tell("no thread could be started; sending in the caller's thread")
            if self._threads and not process.ending:
                return
        self.deliver_here()

    def deliver_here(self) -> None:
        """Deliver all that waits in the calling thread."""
        if not self.may_wait():
            return  # a callback: who called it goes on with the next
        with self._delivering(), hurry(self._floor):
            while (load := self._next(wait=False)) is not None:
                self._carry(load, min(self._elapsed_limit, _INLINE))

    def _work(self) -> None:
        try:
            with self._delivering():
                while (load := self._next()) is not None:
                    self._carry(load, self._elapsed_limit)
        except BaseException as error:  # it ends here: a thread has nobody to raise it to
            if not self._is_current():
                return
            self._keeper.tell(f"a worker was stopped by {type(error).__name__}")
            self._leave()
            self.call()  # another one goes on with what it had in its hands

    def _leave(self) -> None:
        """Let the next call start another worker."""
        me = threading.current_thread()
        with self._floor.lock:
            self._threads = [thread for thread in self._threads if thread is not me]

    @contextmanager
    def _delivering(self) -> Iterator[None]:
        self._here.delivers = True
        try:
            yield
        finally:
            self._here.delivers = False
            if self._is_current():
                with self._floor.lock:
                    self._floor.calm.notify_all()
                    last = not self._floor.moves()
                if last:
                    self._when_last()

    def _is_current(self) -> bool:
        return self._pid == os.getpid() and not self._stop.is_set()

    def _next(self, *, wait: bool = True) -> Load | None:
        """Return what to deliver next, waiting for it; None for a worker that is to leave."""
        floor = self._floor
        idle_at = time.monotonic() + _IDLE
        while self._is_current():
            tend = self._keeper.tend()
            with floor.lock:
                found = floor.next(self.now())
                if isinstance(found, Load):
                    return found
                idle = time.monotonic() >= idle_at and not floor.has_work() and tend is None
                if not wait or floor.closing or idle:
                    if idle:
                        process.forget(self._watched)
                    self._leave()
                    return None
                floor.work.wait(min(found, tend or math.inf, _IDLE))
        return None

    def _carry(self, load: Load, elapsed_limit: float) -> None:
        """Deliver what is in a worker's hands; whatever happens, nothing of it is lost."""
        courier = self._courier
        assert courier is not None  # noqa: S101  # since something was accepted
        try:
            if load.pieces is None:
                load.pieces = self._keeper.bring_back()
            elif self._coalesces:
                self._join(load)
            for run in runs(load.pieces):
                courier.deliver(run, self._clock, self._keeper, elapsed_limit=elapsed_limit)
        except BaseException as error:
            if self._is_current():
                self._broken_off(load, error)
            if not isinstance(error, Exception):
                raise
        finally:
            with self._floor.lock:
                self._floor.done(load)

    def _join(self, load: Load) -> None:
        """Join what can travel as one batch, and put back what finds no room in the request."""
        if any(len(piece.parcels) > 1 for piece in load.pieces or ()):
            return  # it was joined before, and its id stands for just these
        pieces, left = coalesce(load.open())
        with self._floor.lock:
            load.pieces = pieces
            self._floor.put_back(load, left)
        self._keeper.join(pieces)

    def _broken_off(self, load: Load, error: BaseException) -> None:
        """Let what could not be finished be delivered by another worker, but only once."""
        for parcel in load.open():
            parcel.strikes += 1
        pieces = [
            own
            for piece in load.pieces or ()
            for own in (piece.apart() if piece.parcels[0].alone else [piece])
            if any(parcel.open for parcel in own.parcels)
        ]
        struck = [piece for piece in pieces if any(one.strikes > 1 for one in piece.parcels)]
        failure = TransportError(f"sending was broken off by {type(error).__name__}, twice")
        failure.__cause__ = error
        self._keeper.give_up([one for piece in struck for one in piece.parcels], failure)
        again = [piece for piece in pieces if piece not in struck]
        if again:
            with self._floor.lock:
                self._floor.again(Load(again, load.since))
