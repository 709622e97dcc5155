"""What ``send`` and ``send_all`` share: from batches to jobs that a dispatcher accepts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from ..builder.batch import Batch
from ..delivery.job import Job, OnSettled
from ..delivery.notifier import Notifier
from ..delivery.observers import code_of
from ..delivery.stats import Acceptance, Counters, Report, ReportBuilder
from ..dispatch.base import Dispatcher
from ..errors import DeliveryError, InvalidValue, brief
from ..transport.handlers import of_handler
from ..utils.log import batch_count, warn
from ..values.foreign import is_a, itself
from ..wire.limits import MAX_BATCHES_PER_REQUEST
from .prepare import Prepared, Sealer

_CHUNK_BYTES = 1_000_000  # of encoded batches that send_all holds at a time
_DISABLED = "the client is disabled; the batch was not sent"


class Submitter(NamedTuple):
    """Prepares a client's batches, and hands them to a dispatcher.

    Attributes:
        sealer: prepares them.
        counters: the client's counts.
        notifier: makes the outcome of those known that are dropped.
        disabled: whether all are dropped.
    """

    sealer: Sealer
    counters: Counters
    notifier: Notifier
    disabled: bool

    def submit(
        self,
        prepared: Sequence[Prepared],
        on_settled: OnSettled,
        dispatcher: Dispatcher,
        counts: ReportBuilder | None = None,
        *,
        patient: bool = False,
    ) -> None:
        """Hand batches to the dispatcher; settle those that are dropped, if it accepts the rest.

        Args:
            on_settled: gets each outcome.
            counts: of ``send_all``.
            patient: see :meth:`Dispatcher.submit`.
        """
        jobs: list[Job] = []
        dropped: list[Job] = []
        for sealed, parts, named in prepared:
            if self.disabled and not isinstance(parts, DeliveryError):
                parts = DeliveryError(_DISABLED, reason="disabled")
            if isinstance(parts, DeliveryError):
                job = Job(sealed, (), on_settled)
                job.give_up(parts)
                dropped.append(job)
                continue
            # A batch that waits is held as JSON only: it is read back for a hook or an error.
            needed = dispatcher.waits or self.notifier.on_delivered
            held = sealed if needed else type(sealed)
            jobs.append(Job(held, parts, on_settled, own_id=named))
        accepted = Acceptance(self.counters, len(prepared), counts)
        try:
            if jobs:
                dispatcher.submit(jobs, accepted, patient=patient)
            else:  # a client that is disabled opens nothing, and starts nothing
                accepted()
            if dropped:
                self._drop(dropped, accepted)
        except BaseException:  # such as Ctrl-C, or QueueFull: what was accepted is settled
            self.counters.repairs.add((self._drop, dropped, accepted))
            with suppress(BaseException):  # the first one is raised
                self.counters.repairs.run()
            raise

    def _drop(self, dropped: list[Job], accepted: Acceptance) -> None:
        """Settle what is dropped, if the rest was accepted."""
        if accepted.counted:
            accepted()  # for ``send_all``, too, where Ctrl-C came between
            self.notifier.notify(dropped)

    def chunks(self, batches: Iterable[Batch]) -> Iterator[list[Prepared]]:
        """Yield runs of prepared batches that fill a request or a few."""
        batches = itself("send_all", batches, (list, tuple))
        if not is_a(batches, Iterable):
            raise InvalidValue(
                f"send_all({brief(batches)}): want an iterable of batches, got "
                f"{type(batches).__name__}; write client.send_all([batch])"
            )
        chunk: list[Prepared] = []
        size = 0
        iterator = iter(batches)
        while True:
            try:
                prepared = self.sealer.prepared(next(iterator), "send_all")
            except StopIteration:
                break
            except BaseException as error:
                # What came before an error is delivered. A signal's handler waits for nothing: in
                # the background there may be no room for a long time.
                if chunk and of_handler(error) is None:
                    yield chunk
                raise
            chunk.append(prepared)
            if not isinstance(prepared.parts, DeliveryError):
                size += sum(len(part.body) for part in prepared.parts)
            if len(chunk) >= MAX_BATCHES_PER_REQUEST or size >= _CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk


def log_failures(report: Report) -> None:
    """Log which batches of ``send_all`` failed, in one line."""
    first = report.failures[0]
    warn(
        "%d of %s failed: %s",
        report.failed,
        batch_count(report.submitted),
        ", ".join(f"{count} {reason}" for reason, count in report.failed_by_reason.items()),
        batches=report.failed,
        reason=first.reason,
        status=first.status_code,
        code=code_of(first),
    )
