"""Background sending: ``send`` returns at once, and workers deliver."""

from __future__ import annotations

import _thread
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Never

from ..delivery.job import Job
from ..delivery.settlement import Settlement
from ..delivery.stats import Acceptance
from ..errors import ConfigurationError, Kept, unknown_option
from ..transport.base import Response
from ..utils.interrupts import Flag
from ..utils.introspection import expand_kwargs
from . import shutdown
from .backpressure import Admission, closed
from .base import PATIENT, OpenedOnce
from .options import OPTIONS, Options, WhenFull
from .scheduler import Scheduler
from .workers import SHORTEST, Workers

if TYPE_CHECKING:
    from ..outbox.outbox import Outbox

_GRACE = 0.2  # seconds for workers that no longer wait to settle what they have in hand
_ENDED = "the process ended before the batch was delivered"
_LEAVE = 0.05  # seconds for idle workers to leave before the interpreter ends


class ThreadedDispatcher(OpenedOnce):
    """Sends in the background: ``send`` returns at once, with a delivery that is pending.

    Workers gather what waits into bulk requests. They are daemon threads that start with the
    first send and leave when they are idle. At the end of the process, what waits is delivered
    within ``exit_timeout``. A forked child begins empty: what waited is its parent's.

    Args:
        workers: threads that send. With one, batches leave in order, and none overtakes one that
            is tried again; with several, only the batches of one request are in order.
        max_queue: batches that may wait; those on their way are not counted.
        max_queue_bytes: bytes of JSON that may wait.
        when_full: "block" waits ``block_timeout`` for room, then the batch fails with
            "queue_full"; "drop_newest" fails it at once; "drop_oldest" fails the batch that has
            waited longest, with "dropped_oldest"; "raise" raises
            :class:`~mpfluent.QueueFull` and accepts none of the call's batches. On a thread that
            runs an event loop, "block" does not wait.
        block_timeout: seconds.
        flush_interval: seconds that a batch waits for others to travel with. A full request
            leaves at once, and with ``coalesce`` what fills a window of 4 096 batches; so does
            what waits in a full queue, and what waits when a caller waits for a delivery.
        exit_timeout: seconds to deliver what waits when the process ends; the largest of all
            clients holds for all together.
        coalesce: let batches of one user with equal contexts travel as one batch.
        outbox: an :class:`~mpfluent.Outbox` that keeps what is accepted until it is delivered.
            What does not fit the queue is then kept there; ``when_full`` is for a full outbox.
        clock: monotonic seconds; wall: Unix seconds; sleep: waits seconds; start: runs a function
            in a thread and returns something with ``is_alive()``. For tests.

    Raises:
        ConfigurationError: an argument makes no sense.

    >>> from mpfluent import Batch, Client, RecordingTransport
    >>> transport = RecordingTransport()
    >>> with Client(
    ...     "key", "secret", environment="development", transport=transport,
    ...     dispatcher=ThreadedDispatcher(),
    ... ) as client:
    ...     delivery = client.send(Batch.for_user(customer_id="123456").event("Searched"))
    >>> delivery.state
    'delivered'
    """

    waits = False
    max_elapsed = PATIENT

    @expand_kwargs
    def __init__(
        self,
        *,
        workers: int = 1,
        max_queue: int = 10_000,
        max_queue_bytes: int = 64 * 2**20,
        when_full: WhenFull = "block",
        block_timeout: float = 1.0,
        flush_interval: float = 0.5,
        exit_timeout: float = 2.0,
        coalesce: bool = False,
        outbox: Outbox | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
        start: Callable[[Callable[[], None]], Any] | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise unknown_option("ThreadedDispatcher", next(iter(unknown)), OPTIONS)
        options = Options(
            *(workers, max_queue, max_queue_bytes, when_full, block_timeout, flush_interval),
            *(exit_timeout, coalesce, clock, wall, sleep),
            start=_start_thread if start is None else start,
        )
        self._options = options.checked(outbox)
        self.exit_timeout = self._options.exit_timeout
        super().__init__(Settlement(outbox, clock, background=True))
        self._begin()

    def _begin(self) -> None:
        """Begin empty, everything new: at first, and in a forked child."""
        self._scheduler = Scheduler(self._options, self._settlement)
        self._workers = Workers(self, self._scheduler, self.max_elapsed)
        self._admission = Admission(self._scheduler, self._call, self.may_wait)
        self._closer: int | None = None  # the thread that settles what is left
        self._closed = Flag()

    @property
    def waiting(self) -> int:
        """How many batches wait in memory for a worker."""
        return len(self._scheduler.queue.waiting)

    @property
    def stored(self) -> int:
        """How many batches of this process the outbox has."""
        return self._settlement.kept.outbox.stored

    def has_pending(self) -> bool:
        """Return whether something waits here to be delivered."""
        return self._sender is not None and self._sender.counters.snapshot().pending > 0

    def sends_to(self, target: object) -> bool:
        """Return whether something waits here to go to a transport, or to a server's ``url``."""
        return self._sender is not None and self._sender.sends_to(target) and self.has_pending()

    def _renew(self, forked: bool) -> None:
        super()._renew(forked)
        if forked:
            self._begin()
            return
        scheduler = self._scheduler
        with scheduler.lock:  # a worker of before, a thread, has this one
            scheduler.for_work.notify_all()  # and waits at it
            scheduler.for_retry.notify_all()
            scheduler.renew_locks()
        self._closed = Flag(self._closed.is_set())

    def submit(self, jobs: Sequence[Job], accepted: Acceptance, *, patient: bool = False) -> None:
        """Let batches wait for a worker.

        Raises:
            QueueFull: ``when_full`` is "raise", and there is no room for all of them.
            Closed: the client was closed meanwhile.
        """
        sender = self._sender or self._opened()
        if not sender.loaded:
            sender.load()
        if self._settlement.kept.has_outbox:
            self._settlement.ready()
        # the rest of a stream may have to wait for many requests
        patience = max(self.max_elapsed, sender.budget(self.max_elapsed)) if patient else None
        if patient and sender.gate.pace is not None:
            patience = math.inf  # for the turns of all that waits, too
        try:
            self._admission.submit(jobs, accepted, patience)
            self._workers.call()
            if shutdown.ending:
                self._wait_at_exit(jobs)
        except BaseException:  # such as Ctrl-C: what waits is delivered all the same
            sender.counters.repairs.add((self._call,))
            with suppress(BaseException):  # the first one is raised
                sender.counters.repairs.run()
            raise

    def _call(self) -> None:
        self._workers.call()

    def _wait_at_exit(self, jobs: Sequence[Job]) -> None:
        """Wait for what is sent when the process ends: after ``send``, no thread would settle it.

        The worker that has it in hand may be gone.
        """
        progress, seconds = self._scheduler.for_progress, max(self.exit_timeout, SHORTEST)
        if self.may_wait():
            progress.wait_for(lambda: not [job for job in jobs if not job.settled], seconds)
            self._settlement.give_up(jobs, closed(_ENDED))
            self._settlement.notices.close()

    def may_wait(self) -> bool:
        """Return whether this thread may wait for a delivery: not if it delivers itself."""
        return self._workers.may_wait()

    def send_now(self) -> None:
        """Let what waits leave at once: a caller waits for a delivery."""
        with self._scheduler.lock:
            self._scheduler.send_now()

    def flush(self, timeout: float) -> None:
        """Deliver what waits now, and what is kept; wait no longer than these seconds."""
        self._opened()
        if not self._scheduler.closed:
            self._settlement.ready(adopt_again=True)
            self._deliver_all(timeout)

    def _deliver_all(self, timeout: float) -> None:
        workers, scheduler = self._workers, self._scheduler
        until = scheduler.now() + timeout
        self.send_now()
        workers.call(until)
        if not workers.may_wait():
            return
        # in real time: threads wait in it, even where a test brings a clock of its own
        over = time.monotonic() + timeout
        while (left := over - time.monotonic()) > 0:
            with scheduler.lock:
                if scheduler.is_idle(scheduler.now()):
                    return
                scheduler.send_now()  # also what came meanwhile
                waits = workers.any() or scheduler.in_hand()
                scheduler.for_progress.enlist()
            if waits:
                # a look each second: a worker that is killed notifies nobody
                scheduler.for_progress.wait(min(left, 1.0))
            else:
                workers.call(until)  # the worker was stopped meanwhile

    def close(self, timeout: float) -> bool:
        """Deliver what waits, settle what is left, and close the sender."""
        with self._scheduler.lock:
            waits = self.may_wait()
            # a worker sends at once what waits in a queue that closes: not without time for it
            if timeout > 0 or not waits:
                self._scheduler.closing = True
            if not waits:
                until = self._scheduler.now() + timeout
                self._scheduler.close_by = min(self._scheduler.close_by, until)
                self._scheduler.for_retry.notify_all()
                return False
        if timeout > 0 and not self._scheduler.closed:
            self._deliver_all(timeout)
        return self._settle_left()

    def when_idle(self) -> None:
        """Close for a callback that could not wait for itself: its worker is done."""
        if self._scheduler.close_by < math.inf:
            self._settle_left()

    def _settle_left(self) -> bool:
        """Settle what is left, once, and let go of everything; return whether that is done."""
        me, scheduler = threading.get_ident(), self._scheduler
        try:
            with scheduler.lock:
                closer = self._closer
                self._closer = closer or me
                scheduler.closed = True
                scheduler.for_work.notify_all()
                scheduler.for_progress.notify_all()
            if self._closed.is_set():
                return True
            if closer not in (None, me):
                return self._closed.wait(10 * _GRACE)
            # also if this thread is closing it already, and the garbage collector came between
            self._settle_all(self._workers, "the client was closed before the batch was delivered")
            self._settlement.close()
            self._opened().close()
            shutdown.forget(self)
            self._closed.set()
            return True
        except BaseException:  # such as Ctrl-C: the next call of close goes on
            self._closer = None if self._closer == me else self._closer
            raise

    def _settle_all(
        self, workers: Workers, why: str, grace: float = _GRACE, *, ends: bool = False
    ) -> list[Job]:
        """End all waits of workers, and settle what is not delivered; return it.

        Args:
            why: the text of its error.
            grace: seconds for workers to settle what they have in hand.
            ends: whether the process ends: workers leave, and the caller logs what is left.
        """
        scheduler = self._scheduler
        with scheduler.lock:
            scheduler.collect_left()
            workers.stop()
        workers.join(_LEAVE if ends else 0.0)
        if self.may_wait():
            scheduler.for_progress.wait_for(lambda: not scheduler.in_hand(), grace)
        left: list[Job] = []
        for _ in range(2):  # hooks may take their time, in which others send
            with scheduler.lock:
                more = [job for job in scheduler.jobs() if not job.notified]
            self._settlement.give_up(more, closed(why), quiet=ends)
            left += more
        with scheduler.lock:
            scheduler.forget_left()
        return left

    def finish(self, timeout: float) -> tuple[int, int]:
        """Wait for what waits; then settle what is left; return how much is lost, and is kept.

        A hook of the process's end that sends after this waits for its delivery itself.

        Args:
            timeout: seconds; below 0 where the time for all is over since then.
        """
        if self._sender is None:
            return 0, 0
        if self._closer is not None:  # a thread that closes it, and ends with the process
            if self._closer != threading.get_ident():
                self._closed.wait(max(0.0, timeout))
            pending = self._sender.counters.snapshot().pending
            return (0, pending) if self._settlement.kept.has_outbox else (pending, 0)
        old, grace = self._workers, min(_GRACE, max(0.0, timeout) / 10)
        try:
            self._deliver_all(max(0.0, timeout) - grace)
        finally:  # also after Ctrl-C: no more waiting, but all is settled
            # first: what other threads send meanwhile goes to workers that stay
            limit = min(self.max_elapsed, self.exit_timeout)
            self._workers = Workers(self, self._scheduler, limit)
            left = self._settle_all(old, _ENDED, grace, ends=True)
        if shutdown.in_subinterpreter():
            old.join(None)  # however long a request takes: the process would be aborted
        self._settlement.notices.close()
        ended = [job for job in left if not isinstance(job.outcome, Kept | Response)]
        kept = self._sender.counters.snapshot().pending if self._settlement.kept.has_outbox else 0
        return len(ended), kept

    def __repr__(self) -> str:
        return f"<ThreadedDispatcher: {self.waiting} waiting>"

    def __reduce__(self) -> Any:
        raise ConfigurationError("a dispatcher holds threads; make one in each process")


def _start_thread(work: Callable[[], None]) -> threading.Thread:
    """Start a worker; return its thread.

    ``Thread.start`` waits with an Event, which Ctrl-C can break, so another thread calls it.
    """
    thread = threading.Thread(target=work, name="mpfluent-worker", daemon=True)
    started = threading.Lock()
    started.acquire()
    errors: list[Exception] = []

    def start() -> None:
        try:
            thread.start()
        except Exception as error:  # no more threads: raised below, by the caller
            errors.append(error)
        finally:
            started.release()

    _thread.start_new_thread(start, ())  # by its module: gevent and eventlet may patch it late
    started.acquire()
    for error in errors:
        raise error
    return thread
