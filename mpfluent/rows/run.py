"""One sending of a table: from rows to batches, and from outcomes back to rows."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import Any, Self, cast

from ..builder.batch import Batch
from ..delivery.outcome import HandedOver, Outcome
from ..delivery.stats import Traffic
from ..errors import (
    ConfigurationError,
    DeliveryError,
    InvalidBatch,
    Kept,
    TooLarge,
    TooManyRejects,
    brief,
)
from ..utils.interrupts import Waiters
from .checkpoint import Checkpoint, Position, check_fits, position_of
from .groups import Group, grouped
from .keys import Keys
from .members import Member, Refusal, check_has_mapping, meaning_of
from .rejects import Reject, RejectsFile
from .report import SHOWN, RowsReport
from .settings import Settings

_COUNTED = ("delivered", "duplicates", "skipped", "resumed", "kept", "handed_over")

# What fails with these was not judged: the next run sends it again, and no reject is written.
_COMES_AGAIN = frozenset(("unauthorized", "closed", "disabled"))


class TableRun:
    """What ``send_all`` reads, and who gets the outcomes.

    Args:
        settings: of the table.
        environment: the client's.
        is_dry: whether neither rejects nor a checkpoint are written, and none is read.
    """

    def __init__(
        self, settings: Settings, environment: str | None, *, is_dry: bool = False
    ) -> None:
        check_has_mapping(settings)
        self._settings = settings.checked()
        self._checkpoint = None if is_dry else settings.checkpoint
        self._rejects_path = None if is_dry else settings.rejects
        self._stop_after = None if is_dry else settings.stop_after
        self._window = settings.window if settings.group else 1
        self._keys = Keys(settings.job_name() or "", environment)
        self._job = f"{settings.job_name() or 'no job'}, {environment or 'no environment'}"
        self._began = time.monotonic()
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
        self._refusal: InvalidBatch | None = None  # of the batch that was yielded last
        self._error: ConfigurationError | None = None  # of a thread that nobody could raise in
        self._rejects: RejectsFile | None = None
        self._saved: Position | None = None
        self._start = 0  # rows before are resumed
        self._unclaimed: frozenset[int] = frozenset()  # of those, the rejected ones
        self._rejected_before = 0  # rows that are in the rejects file from an earlier run

    # Beginning and ending

    def __enter__(self) -> Self:
        settings = self._settings
        need = self._checkpoint is not None or not settings.key_columns()
        self._fingerprint = settings.source.fingerprint() if need else None
        self._meaning = meaning_of(settings, self._keys, self._fingerprint)
        if self._rejects_path is not None:
            self._rejects = RejectsFile(self._rejects_path)
        try:
            if self._checkpoint is not None:
                self._resume(self._checkpoint)
        except BaseException:
            self._close()
            raise
        return self

    def _resume(self, checkpoint: Checkpoint) -> None:
        """Go on where an earlier run of the job came to."""
        rejects = self._rejects
        where = Position(0, self._fingerprint or "", self._job, rejects.size() if rejects else 0)
        found = _loaded(checkpoint)
        if found is not None:
            check_fits(found, where.table, where.job, getattr(checkpoint, "path", "…"))
            where = self._saved = found
            self._start = found.rows
            # a file that is smaller now was changed by somebody else: all of it stays
            if rejects is not None and rejects.size() >= found.rejects:
                kept = rejects.drop(found.rejects, lambda each: each.index >= found.rows)
                self._unclaimed = frozenset(each.index for each in kept if each.batch is None)
                self._rejected_before = len(kept)
        self._begun = where
        self.save()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.save()
            else:  # which matters more than what may be wrong with the checkpoint
                with suppress(ConfigurationError, OSError):
                    self.save()
        finally:
            self._close()

    def _close(self) -> None:
        with self._lock:  # outcomes that come later write nothing any more
            rejects, self._rejects = self._rejects, None
        if rejects is not None:
            rejects.close()

    def save(self) -> None:
        """Bring the rejects to the disk, and then how far the run came."""
        with self._lock:
            if self._error is not None:
                raise self._error
            first = next(iter(self._open), None)
            rows = self._read if first is None else first * self._window
            rejects = self._rejects
            if rejects is not None:
                rejects.sync()
        checkpoint = self._checkpoint
        if checkpoint is None:
            return
        position = self._begun._replace(rows=max(rows, self._start))
        if position != self._saved:
            checkpoint.save(position)
            self._saved = position

    # From rows to batches

    def __iter__(self) -> Iterator[tuple[Batch, Group]]:
        rows = iter(islice(self._settings.source, self._settings.first))
        for place, cells in islice(rows, self._start):
            self._resumed(place, cells)
        number, before = divmod(self._start, self._window)
        while window := [*islice(rows, self._window - before)]:
            yield from self._sent(number, window)
            number, before = number + 1, 0

    def _resumed(self, place: Any, cells: Any) -> None:
        """Count a row that an earlier run settled, and note its key."""
        self._open_rows(0, 1)
        self._count("resumed", 0)
        if self._settings.key_columns() and place.index not in self._unclaimed:
            member = self._meaning(place, cells)
            if isinstance(member, Member) and member.digest is not None:
                self._keys.claim(member.digest)

    def _sent(self, number: int, window: list[tuple[Any, Any]]) -> Iterator[tuple[Batch, Group]]:
        """Yield the batches of a window of rows, and settle the rows that have none."""
        self._open_rows(number, len(window))
        members: list[Member] = []
        here: set[int] = set()  # what the rows of this window will claim
        waiting: deque[Member] = deque()  # rows whose key another row here may claim
        for place, cells in window:
            member = self._meaning(place, cells)
            if member is None:
                self._count("skipped", number)
            elif isinstance(member, Refusal):
                self._reject(number, place, cells, member)
            elif not member.claims or member.digest is None:
                members.append(member)
            elif member.digest in self._keys:
                self._count("duplicates", number)
            elif member.digest in here:
                waiting.append(member)
            else:
                here.add(member.digest)
                members.append(member)
        groups = grouped(members) if self._settings.group else [Group(each) for each in members]
        for group in groups:
            yield from self._offered(number, group)
        for member in waiting:
            if member.digest in self._keys:
                self._count("duplicates", number)
            else:  # the other one was rejected
                yield from self._offered(number, Group(member))

    def _offered(self, number: int, group: Group) -> Iterator[tuple[Batch, Group]]:
        """Yield a group's batch; if it is over a limit, those of its rows one by one."""
        self._refusal, group.window = None, number
        yield group.identified(self._keys).batch, group
        refusal, members = self._refusal, group.members
        if refusal is None:
            for member in members:
                if member.claims and member.digest is not None:
                    self._keys.claim(member.digest)
        elif len(members) > 1:
            for member in members:
                yield from self._offered(number, Group(member))
        else:
            place, cells, *_ = members[0]
            reason = "too_large" if isinstance(refusal, TooLarge) else "limit"
            self._reject(number, place, cells, Refusal(reason, f"{place}: {refusal}"))

    def refused(self, token: Group, error: InvalidBatch) -> None:
        """Note that a batch is over a limit and is not sent; before the next one is read."""
        token.is_settled = True
        self._refusal = error

    # From outcomes to rows

    def _open_rows(self, number: int, rows: int) -> None:
        """Count rows that were read, of a window."""
        with self._lock:
            self._check_stop()
            read, pending = self._read + rows, self._pending + rows
            # together: no call stands between these lines, so no signal comes between them
            self._read = read
            self._pending = pending
            self._open[number] = rows

    def _account(
        self, counts: dict[str, int], name: str, number: int, group: Group | None, *, again: bool
    ) -> None:
        """Count the outcome of rows; with the lock held.

        Args:
            counts: where.
            name: under which name.
            number: of their window.
            group: theirs; None for a single row without a batch.
            again: whether the next run sends them again.
        """
        rows = 1 if group is None else len(group.members)
        total, left, pending = counts[name] + rows, self._open[number] - rows, self._pending - rows
        # together, as above
        counts[name] = total
        self._pending = pending
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
            self._account(self._counts, name, number, None, again=False)

    def _reject(self, number: int, place: Any, cells: Any, refusal: Refusal) -> None:
        with self._lock:
            reject = _reject_of(place, cells, refusal.reason, refusal.text)
            self._first_rejects += [reject][: SHOWN - len(self._first_rejects)]
            if self._rejects is not None:
                self._rejects.write([reject])
            self._account(self._rejected, refusal.reason, number, None, again=False)
            self._check_stop()

    def settled(self, token: Group, outcome: Outcome) -> None:
        """Note the outcome of a batch: from any thread, and maybe again for the same one."""
        with self._lock:
            if token.is_settled or getattr(outcome, "broken_off", False):
                return  # what was broken off stays pending: the next run sends it again
            again, counts, name = False, self._counts, "delivered"
            if isinstance(outcome, Kept):
                name = "kept"
            elif isinstance(outcome, HandedOver):
                name = "handed_over"
            elif isinstance(outcome, DeliveryError):
                counts, name = self._failed, outcome.reason
                again = not self._note_failed(token, outcome)
            self._account(counts, name, token.window, token, again=again)

    def _note_failed(self, group: Group, outcome: DeliveryError) -> bool:
        """Note the rejects of a group's rows; return whether they are final, and written."""
        sent = outcome.batch.to_dict() if outcome.batch is not None else None
        rejects = [
            _reject_of(place, cells, outcome.reason, f"{place}: {outcome}")._replace(batch=sent)
            for place, cells, *_ in group.members
        ]
        self._first_rejects += rejects[: SHOWN - len(self._first_rejects)]
        if outcome.reason in _COMES_AGAIN:
            return False
        try:
            if self._rejects is not None:
                self._rejects.write(rejects, once=group)
        except ConfigurationError as error:  # raised in the thread that reads the rows
            self._error = error
        return self._error is None

    def _check_stop(self) -> None:
        most = self._stop_after
        bad = sum(self._failed.values()) + sum(self._rejected.values())
        if most is not None and bad > most:
            rows = "1 row failed or was" if bad == 1 else f"{bad:,} rows failed or were"
            raise TooManyRejects(
                f"{rows} rejected, and stop_after={most}; the first: {self._first_rejects[0].text}"
            )

    def wait(self, timeout: float) -> bool:
        """Wait until each batch that was yielded has an outcome; return whether all have."""
        return self._waiters.wait_for(lambda: not self._pending, timeout)

    # The report

    def first_reject(self) -> Reject | None:
        """Return the first row that failed or was rejected."""
        return next(iter(self._first_rejects), None)

    def report(self, batches: int, traffic: Traffic) -> RowsReport:
        """Return the report until now."""
        with self._lock:
            return RowsReport(
                rows=self._read - self._pending,
                failed=sum(self._failed.values()),
                rejected=sum(self._rejected.values()),
                pending=self._pending,
                batches=batches,
                requests=traffic.requests,
                retries=traffic.retries,
                failed_by_reason={**self._failed},
                rejected_by_reason={**self._rejected},
                rejects=tuple(self._first_rejects),
                seconds=time.monotonic() - self._began,
                notes=self._notes(),
                **cast(Any, self._counts),
            )

    def _notes(self) -> tuple[str, ...]:
        settings = self._settings
        found = []
        if not settings.key_columns() and settings.mapping is not None:
            known = getattr(self, "_fingerprint", None) is not None
            found.append(_PLACE_IDS if known else _NEW_IDS)
        if self._first_rejects and settings.rejects is None:
            found.append(_NO_FILE)
        if self._rejected_before:
            path, before = os.fspath(settings.rejects or ""), self._rejected_before
            rows = "1 row" if before == 1 else f"{before:,} rows"
            found.append(
                f"{path} has {rows} that an earlier run of the job rejected or gave up; mend what "
                f"is wrong there, and send it by Rows.from_rejects({path!r})"
            )
        return tuple(found)


_PLACE_IDS = (
    "without a key, ids follow from the content of the whole source and the place of a row: if "
    "anything in it changes, all is sent anew; write with_key(…, job=…)"
)
_NEW_IDS = (
    "without a key, each run sends these rows under new ids, and they count again; "
    "write with_key(…, job=…)"
)
_NO_FILE = "rejects are in no file; write with_rejects('rejects.jsonl')"


def _loaded(checkpoint: Checkpoint) -> Position | None:
    saved = checkpoint.load()
    try:
        return None if saved is None else position_of(saved)
    except (TypeError, ValueError, KeyError):
        name = type(checkpoint).__name__
        raise ConfigurationError(
            f"{name}.load() returned {brief(saved)}: want what save() got last, or None"
        ) from None


def _reject_of(place: Any, cells: Any, reason: str, text: str) -> Reject:
    row: Mapping[str, Any] = cells if isinstance(cells, Mapping) else {}
    batch = cells.to_dict() if isinstance(cells, Batch) else None
    return Reject(place.file, place.line, place.index, reason, text, row, batch)
