"""The last step of a batch's way: count the outcome, call the hook, settle the delivery."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import DeliveryError, Kept
from ..transport.base import Response
from ..utils.interrupts import HOOKED, READING, SETTLED
from ..utils.typed import NamedTuple
from ..wire.body import read_back
from .job import Job
from .outcome import HandedOver, Outcome
from .stats import Counters


class Notifier(NamedTuple):
    """Makes outcomes known, for one client.

    Attributes:
        counters: the client's counts.
        on_delivered: the client's hook for a batch that arrived.
        on_failed: the one for a batch that did not.
    """

    counters: Counters
    on_delivered: Callable[[Any, Response], object] | None
    on_failed: Callable[[Any, DeliveryError], object] | None

    def notify(self, jobs: Iterable[Job]) -> None:
        """Count each job's outcome, call the hook, and settle the delivery: each exactly once.

        A hook may leave by ``sys.exit``, and Ctrl-C may come anywhere. The job goes on where it
        was, and so do the jobs after it; the first such exception is raised at the end.
        """
        counters, on_delivered, _ = self
        pid = os.getpid()
        first: BaseException | None = None
        for job in jobs:
            while job.step < SETTLED:
                try:  # the steps that are left; each marks itself in ``job.step``: see ``Steps``
                    outcome = job.outcome
                    assert outcome is not None  # noqa: S101  # only settled jobs come here
                    if not isinstance(outcome, Kept):  # which is pending still
                        counters.settled(outcome, job)
                    if isinstance(outcome, DeliveryError) or on_delivered is not None:
                        outcome = self._call_hook(job, outcome)
                        if pid != os.getpid():
                            return  # the hook forked: the rest is the parent's
                    if job.receiver is not None:
                        job.receiver._settle(outcome, job)
                    job.step = SETTLED
                except BaseException as error:  # such as Ctrl-C: go on where it was
                    if pid != os.getpid():
                        raise  # in the child of a fork, which leaves
                    first = first or error
        if first is not None:
            raise first

    def _call_hook(self, job: Job, outcome: Outcome) -> Outcome:
        """Call the hook, if there is one; return the outcome, an error with its batch."""
        hook: Callable[..., object] | None = self.on_delivered
        if isinstance(outcome, DeliveryError):
            hook = self.on_failed
        if isinstance(outcome, HandedOver | Kept):
            hook = None  # who takes it from the broker calls one; what is kept is pending still
        called: object = read_back  # whatever raises below
        read_before = job.step >= READING
        try:
            if job.step < READING:
                job.step = READING
            if isinstance(outcome, DeliveryError) and (hook or job.receiver):
                outcome = outcome.with_batch(job.batch)
            if hook is not None and job.step < HOOKED:
                batch = job.batch
                if job.step < HOOKED:  # again, atomically with the call: another thread may be here
                    called, job.step = hook, HOOKED
                    hook(batch, outcome)
        except Exception as error:
            # A hook's error is logged, and so is a batch that cannot be read when the interpreter
            # ends. Any other comes from a signal's handler, unless reading fails a second time.
            if called is read_back and not read_before and not sys.is_finalizing():
                raise
            self.counters.hook_raised(called, error)
        return outcome
