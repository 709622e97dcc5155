"""What became of the rows of a run: each counts once, and what is rejected is written."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ..builder.batch import Batch
from ..delivery.outcome import HandedOver, Outcome
from ..errors import DeliveryError, InvalidBatch, Kept, TooManyRejects
from ..transport.handlers import of_handler
from ..utils.interrupts import Waiters
from .groups import Group
from .members import Refusal
from .rejects import Reject, RejectsFile
from .report import SHOWN, counted

_COUNTED = ("delivered", "duplicates", "skipped", "resumed", "kept", "handed_over")

# What fails with these was not judged: the next run sends it again, and no reject is written.
_COMES_AGAIN = frozenset(("unauthorized", "closed", "disabled"))


class Accounts:
    """The counts of a run, which of its rows are open, and its rejects.

    Args:
        stop_after: so many rows may fail or be rejected; None for any number.
    """

    def __init__(self, stop_after: int | None) -> None:
        self._stop_after = stop_after
        self._began = time.monotonic()
        self._pid = os.getpid()
        # Guards all below. No other lock is taken while it is held. Reentrant, since the garbage
        # collector may run a ``__del__`` that closes a client at any line.
        self._lock = threading.RLock()
        self._waiters = Waiters(self._lock)
        self._counts: dict[str, int] = dict.fromkeys(_COUNTED, 0)
        self._failed: defaultdict[str, int] = defaultdict(int)
        self._rejected: defaultdict[str, int] = defaultdict(int)
        self._first_rejects: list[Reject] = []
        self._read = 0  # rows
        self._pending = 0  # rows
        self._open: dict[int, int] = {}  # so many rows of each window are not settled, in order
        self._error: Exception | None = None  # of a thread that nobody could raise in
        self._rejects: RejectsFile | None = None
        # With a checkpoint: so many rows of each window failed or were rejected.
        self._undelivered: dict[int, int] | None = None
        self._is_over = False

    def _open_rows(self, opened: dict[int, int]) -> None:
        """Count rows that were read, by the number of their window."""
        if self._pid != os.getpid():
            return  # the rows are the parent's, and a thread of it may hold the lock
        rows = sum(opened.values())
        with self._lock:
            read, pending = self._read + rows, self._pending + rows
            # together: no call stands between these lines, so no signal comes between them
            self._read = read
            self._pending = pending
            self._open |= opened

    def _account(
        self, counts: dict[str, int], name: str, number: int, group: Group | None, again: bool
    ) -> None:
        """Count the outcome of rows; with the lock held.

        Args:
            counts: where.
            name: under which name.
            number: of their window.
            group: theirs; None for a single row without a batch.
            again: whether the next run sends them again.
        """
        rows = 1 if group is None else len(group.rows)
        undelivered = None if again or counts is self._counts else self._undelivered
        total, left, pending = counts[name] + rows, self._open[number] - rows, self._pending - rows
        # together, as above
        counts[name] = total
        self._pending = pending
        if undelivered is not None:
            if number not in undelivered:
                undelivered[number] = 0
            undelivered[number] += rows
        if group is not None:
            group.is_settled = True
        if not again:
            if left:
                self._open[number] = left
            else:
                del self._open[number]
        if not pending:
            self._waiters.notify_all()

    def _count(self, name: str, number: int) -> None:
        with self._lock:
            self._account(self._counts, name, number, None, False)

    def _reject(self, number: int, place: Any, cells: Any, refusal: Refusal) -> None:
        with self._lock:
            reject = _reject_of(place, cells, refusal.reason, refusal.text)
            self._first_rejects += [reject][: SHOWN - len(self._first_rejects)]
            if self._rejects is not None:
                self._rejects.write([reject])
            self._account(self._rejected, refusal.reason, number, None, False)
            self._check_stop()

    def settled(self, token: Group, outcome: Outcome) -> None:
        """Note the outcome of a batch: from any thread, and maybe again for the same one."""
        with self._lock:
            if token.is_settled:
                return
            again, counts, name = False, self._counts, "delivered"
            try:
                if not isinstance(outcome, DeliveryError):
                    if isinstance(outcome, HandedOver):
                        name = "handed_over"
                elif isinstance(outcome, Kept):
                    name = "kept"
                else:
                    if outcome.broken_off:
                        return  # it stays pending: the next run sends it again
                    counts, name = self._failed, outcome.reason
                    again = not self._note_failed(token, outcome)
                self._account(counts, name, token.window, token, again)
            except Exception as error:
                # Such as a full disk. In a worker nobody would see it, and its rows would be waited
                # for without an end: ``save`` raises it in the thread that reads the rows.
                if of_handler(error) is not None:
                    raise
                self._error = self._error or error

    def _note_failed(self, group: Group, outcome: DeliveryError) -> bool:
        """Note the rejects of a group's rows; return whether they are final."""
        sent = outcome.batch.to_dict() if outcome.batch is not None else None
        rejects = [
            _reject_of(place, cells, outcome.reason, f"{place}: {outcome}")._replace(batch=sent)
            for place, cells in group.rows
        ]
        if not group.is_shown:
            shown = rejects[: SHOWN - len(self._first_rejects)]
            group.is_shown = True  # together with the next line, as in _open_rows
            self._first_rejects += shown
        if outcome.reason in _COMES_AGAIN:
            return False
        if self._rejects is not None and not self._is_over:
            self._rejects.write(rejects, once=group)
        return True

    def _check_stop(self) -> None:
        """Raise if the run has to end: an error came in another thread, or too many rejects."""
        with self._lock:
            if self._error is not None:
                raise self._error
            most = self._stop_after
            if most is None:
                return
            judged = [rows for reason, rows in self._failed.items() if reason not in _COMES_AGAIN]
            bad = sum(judged) + sum(self._rejected.values())
            if bad > most:
                rows = counted(bad, "row failed or was", "rows failed or were")
                first = self._first_rejects[0].text
                raise TooManyRejects(f"{rows} rejected, and stop_after={most}; the first: {first}")

    def wait(self, timeout: float) -> bool:
        """Wait until each batch that was yielded has an outcome; return whether all have."""
        return self._waiters.wait_for(lambda: not self._pending, timeout)

    def check_no_rejects(self) -> None:
        """Raise if a row was rejected."""
        if self._first_rejects:
            raise InvalidBatch(self._first_rejects[0].text)


def _reject_of(place: Any, cells: Any, reason: str, text: str) -> Reject:
    row: Mapping[str, Any] = cells if isinstance(cells, Mapping) else {}
    batch = cells.to_dict() if isinstance(cells, Batch) else None
    return Reject(place.file, place.line, place.index, reason, text, row, batch)
