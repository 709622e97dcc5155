"""``send_all``: any number of batches with bounded memory, and tables, which want each outcome."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any

from ..builder.batch import Batch
from ..delivery.feed import Feed, Run
from ..delivery.outcome import Outcome
from ..delivery.reports import ReportBuilder
from ..dispatch.base import Dispatcher
from ..errors import DeliveryError, InvalidValue, brief
from ..utils.interrupts import Steps
from ..utils.typed import NamedTuple
from ..values.foreign import is_a, itself
from .submit import Submitter, log_failures

_EVERY = 1.0  # seconds between two calls of ``progress``, and two checkpoints


class SendAll(NamedTuple):
    """Sends a client's streams and tables.

    Attributes:
        submitter: the client's.
        dispatcher: takes the batches.
        environment: for batches that name none.
        api_key: the fingerprint of the client's.
        check_open: raises if the client is closed.
        progress: gets the report about once a second, and at the end; None for nobody.
    """

    submitter: Submitter
    dispatcher: Dispatcher
    environment: str | None
    api_key: str
    check_open: Callable[[], None]
    progress: Callable[[Any], object] | None

    def __call__(self, batches: Iterable[Batch] | Feed[Any]) -> Any:
        """Send them; return their report."""
        counts, process = ReportBuilder(), os.getpid()
        run: Run[Any] | None = None
        before = self.submitter.counters.traffic()

        def report() -> Any:
            found = counts.report()
            if run is None:
                return found
            traffic = self.submitter.counters.traffic().since(before)
            return run.report(found.submitted, traffic)

        try:
            try:
                if hasattr(type(batches), "_begin_run"):
                    run = batches._begin_run(  # type: ignore[union-attr]
                        self.environment, self.api_key
                    )
                self.check_open()
                with run or nullcontext():
                    self._send(batches, run, counts, report)
            finally:
                # rows that an interruption left pending did not fail
                if os.getpid() == process and report().failed:
                    log_failures(counts.report())
            self.tell(found := report())
            return found
        except BaseException as error:  # it carries the report until then
            if os.getpid() != process:
                raise  # out of a fork's child: the run is its parent's, whose threads hold locks
            if run is not None:
                run.close()
            with suppress(Exception):  # a foreign exception may take no attribute
                error.report = report()  # type: ignore[attr-defined]
            raise

    def _send(
        self,
        batches: Any,
        run: Run[Any] | None,
        counts: ReportBuilder,
        report: Callable[[], Any],
    ) -> None:
        tick, pid = _Tick(self.tell, run, report), os.getpid()
        if run is None:
            chunks = self.submitter.chunks(_each_of(batches), lambda _: counts)
        else:
            receiver_of = partial(_OfTable, run, counts)
            chunks = self.submitter.chunks(run.batches(tick), receiver_of, run.refused)
        for chunk in chunks:
            self.check_open()
            self.submitter.submit(chunk, self.dispatcher, counts, patient=True)
            if os.getpid() != pid:
                return  # a hook forked: the rest is the parent's
            if counts.refusal is not None:
                raise counts.refusal
            tick()
        # in a callback of a delivery nobody can wait for others
        while run is not None and self.dispatcher.may_wait():
            self.dispatcher.send_now()
            is_over = run.wait(_EVERY)
            if counts.refusal is not None:
                raise counts.refusal
            if is_over:
                return
            tick()

    def tell(self, report: Any) -> None:
        """Call ``progress``; what it raises is logged, and stops nothing."""
        if self.progress is not None:
            try:
                self.progress(report)
            except Exception as error:
                self.submitter.counters.hook_raised(self.progress, error)


class _Tick:
    """Saves how far a table came, and tells it: about once a second."""

    def __init__(
        self, tell: Callable[[Any], None], run: Run[Any] | None, report: Callable[[], Any]
    ) -> None:
        self._tell = tell
        self._run = run
        self._report = report
        self._next = time.monotonic() + _EVERY

    def __call__(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY
        if self._run is not None:
            self._run.save()
        self._tell(self._report())


class _OfTable:
    """Gets the outcome of one batch of a table."""

    __slots__ = ("_counts", "_run", "_token")

    def __init__(self, run: Run[Any], counts: ReportBuilder, token: Any) -> None:
        self._run, self._counts, self._token = run, counts, token

    def _settle(self, outcome: Outcome, steps: Steps) -> None:
        # first: if an interrupt comes between, both are called again
        self._run.settled(self._token, outcome)
        if isinstance(outcome, DeliveryError):  # what arrived, the run has counted
            self._counts._settle(outcome, steps)


def checked_progress(progress: Any) -> Callable[[Any], object] | None:
    """Return the function that ``progress`` is, or None."""
    if progress is None or callable(progress):
        return progress  # type: ignore[no-any-return]
    raise InvalidValue(
        f"send_all(progress={brief(progress)}): want a function of the report; write progress=print"
    )


def _each_of(batches: Any) -> Iterator[tuple[Batch, None, None]]:
    batches = itself("send_all", batches, (list, tuple))
    if is_a(batches, (str, bytes, os.PathLike)):
        raise InvalidValue(
            f"send_all({brief(batches)}): want batches, got {type(batches).__name__}; "
            f"write send_all(Rows.from_csv({brief(os.fsdecode(batches))}).map(…))"
        )
    if not is_a(batches, Iterable):
        raise InvalidValue(
            f"send_all({brief(batches)}): want an iterable of batches, got "
            f"{type(batches).__name__}; write client.send_all([batch])"
        )
    return ((batch, None, None) for batch in batches)
