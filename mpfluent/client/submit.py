"""What ``send`` and ``send_all`` share: from batches to jobs that a dispatcher accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from ..builder.batch import Batch
from ..delivery.job import Job, Receiver
from ..delivery.notifier import Notifier
from ..delivery.observers import code_of
from ..delivery.reports import Report, ReportBuilder, by_reason
from ..delivery.stats import Acceptance, Counters
from ..dispatch.base import Dispatcher
from ..errors import DeliveryError, InvalidBatch
from ..transport.handlers import of_handler
from ..utils.log import batch_count, warn
from ..utils.typed import NamedTuple
from ..wire.limits import MAX_BATCHES_PER_REQUEST
from .prepare import Prepared, Sealer

_CHUNK_BYTES = 1_000_000  # of encoded batches that send_all holds at a time
Entry = tuple[Prepared, Receiver]
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
        entries: Sequence[Entry],
        dispatcher: Dispatcher,
        counts: ReportBuilder | None = None,
        *,
        patient: bool = False,
    ) -> None:
        """Hand batches to the dispatcher; settle those that are dropped, if it accepts the rest.

        Args:
            entries: each batch, with what gets its outcome.
            counts: of ``send_all``.
            patient: see :meth:`Dispatcher.submit`.
        """
        # all at once: to ask a NamedTuple for each takes up to twice as long
        _, counters, notifier, disabled = self
        # A batch that waits is held as JSON only: it is read back for a hook or an error.
        needed = dispatcher.waits or notifier.on_delivered is not None
        jobs: list[Job] = []
        dropped: list[Job] = []
        unplanned = 0
        for (sealed, parts, named, taken_out), receiver in entries:
            if disabled and isinstance(parts, tuple):
                parts = DeliveryError(_DISABLED, reason="disabled")
            if not isinstance(parts, tuple):
                assert isinstance(parts, DeliveryError)  # noqa: S101  # none that was refused
                job = Job(sealed, (), receiver)
                job.give_up(parts)
                dropped.append(job)
                continue
            unplanned += taken_out
            jobs.append(Job(sealed if needed else type(sealed), parts, receiver, own_id=named))
        accepted = Acceptance(counters, len(entries), counts, unplanned)
        try:
            if jobs:
                dispatcher.submit(jobs, accepted, patient=patient)
            else:  # a client that is disabled opens nothing, and starts nothing
                accepted()
            if dropped:
                self._drop(dropped, accepted)
        except BaseException:  # such as Ctrl-C, or QueueFull: what was accepted is settled
            counters.repairs.add((self._drop, dropped, accepted))
            with suppress(BaseException):  # the first one is raised
                counters.repairs.run()
            raise

    def _drop(self, dropped: list[Job], accepted: Acceptance) -> None:
        """Settle what is dropped, if the rest was accepted."""
        if accepted.counted:
            accepted()  # for ``send_all``, too, where Ctrl-C came between
            self.notifier.notify(dropped)

    def chunks(
        self,
        batches: Iterator[tuple[Batch, str | None, Any]],
        receiver_of: Callable[[Any], Receiver],
        refused: Callable[[Any, InvalidBatch], None] | None = None,
    ) -> Iterator[list[Entry]]:
        """Yield runs of prepared batches that fill a request or a few.

        Args:
            batches: each with an id, if it has none of its own, and a token.
            receiver_of: returns what gets the outcome of a token's batch.
            refused: gets the token of a batch that is refused, if these are of a table.
        """
        chunk: list[Entry] = []
        size = 0
        while True:
            try:
                batch, own_id, token = next(batches)
                prepared = self.sealer.prepared(batch, "send_all", refused is not None, own_id)
                if refused is not None and isinstance(prepared.parts, InvalidBatch):
                    refused(token, prepared.parts)
                    continue
            except StopIteration:
                break
            except BaseException as error:
                # What came before an error is delivered. A signal's handler waits for nothing: in
                # the background there may be no room for a long time. Of a table, what is not sent
                # comes again, so Ctrl-C need not wait, whoever handles it.
                waits = refused is None or isinstance(error, Exception)
                if chunk and waits and of_handler(error) is None:
                    yield chunk
                raise
            chunk.append((prepared, receiver_of(token)))
            if isinstance(prepared.parts, tuple):
                for part in prepared.parts:
                    size += len(part.body)
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
        by_reason(report.failed_by_reason),
        batches=report.failed,
        reason=first.reason,
        status=first.status_code,
        code=code_of(first),
    )
