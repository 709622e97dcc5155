"""One sending of a table: from rows to batches, and from outcomes back to rows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from operator import itemgetter
from types import TracebackType
from typing import Any, Self, cast

from ..builder.batch import Batch
from ..delivery.stats import Traffic
from ..errors import InvalidBatch, TooLarge
from ..transport.base import Response
from ..transport.handlers import of_handler
from .accounts import Accounts
from .checkpoint import Checkpoint, Position, check_fits, loaded
from .groups import Group, grouped
from .keys import Keys
from .members import Member, Refusal, check_has_mapping, meaning_of
from .rejects import RejectsFile, owned_by
from .report import RowsReport, counted
from .settings import Settings

_row_of = itemgetter(Member._fields.index("place"), Member._fields.index("cells"))
TAKEN = Response(202, {}, b"")  # the outcome of each batch of a dry run
_AHEAD = 25  # rows that are mapped at a time: more would save little time, and take more memory
_AHEAD_SECONDS = 0.1  # that this may take: a slow mapping must not hold back what is ready


class TableRun(Accounts):
    """What ``send_all`` reads, and who gets the outcomes.

    Args:
        settings: of the table.
        environment: the client's.
        api_key: the fingerprint of the client's; "" for a dry run.
        is_dry: whether neither rejects nor a checkpoint are written, and none is read.
    """

    def __init__(
        self,
        settings: Settings,
        environment: str | None,
        *,
        api_key: str = "",
        is_dry: bool = False,
    ) -> None:
        super().__init__(None if is_dry else settings.stop_after)
        self._settings = settings
        self._is_dry = is_dry
        self._checkpoint = None if is_dry else settings.checkpoint
        self._rejects_path = None if is_dry else settings.rejects
        self._window = settings.window if settings.group else 1
        self._keys = Keys(settings.job_name() or "", environment)
        self._job, self._api_key = settings.whole_job(environment), api_key
        self._refusal: InvalidBatch | None = None  # of the batch that was yielded last
        self._saved: Position | None = None
        self._has_no_key = False  # whether a row's id says nothing of what it is
        self._start = 0  # rows before are resumed
        self._unclaimed: frozenset[int] = frozenset()  # of those, the rejected ones
        self._listed = 0  # rows of an earlier run that are in the rejects file
        self._unlisted = 0  # those that are in none
        self._saved_undelivered = 0  # rows of this run that failed or were rejected

    # Beginning and ending

    def __enter__(self) -> Self:
        settings = self._settings.checked()
        check_has_mapping(settings)
        need = self._checkpoint is not None or not settings.key_columns()
        self._fingerprint = settings.source.fingerprint() if need else None
        self._meaning = meaning_of(settings, self._keys, self._fingerprint)
        try:
            if self._rejects_path is not None:
                self._rejects = RejectsFile(self._rejects_path)
            if self._checkpoint is not None:
                self._resume(self._checkpoint)
        except BaseException:
            self.close()
            raise
        return self

    def _resume(self, checkpoint: Checkpoint) -> None:
        """Go on where an earlier run of the job came to."""
        rejects = self._rejects
        size = rejects.size() if rejects else 0
        where = Position(0, self._fingerprint or "", self._job, size, self._api_key)
        found = loaded(checkpoint)
        if found is not None:
            check_fits(found, where, getattr(checkpoint, "path", "…"))
            self._saved = found
            where = found._replace(api_key=self._api_key)
            self._start, self._unlisted, self._listed = found.rows, found.unlisted, found.listed
            if rejects is not None and not rejects.is_line(found.rejects):
                # somebody else has changed or moved the file: all that is there now stays
                where, self._listed = where._replace(rejects=rejects.size()), 0
            elif rejects is not None:
                is_own = owned_by(self._settings.source)
                kept = rejects.drop(
                    found.rejects, lambda each: each.index >= found.rows and is_own(each)
                )
                kept = [*filter(is_own, kept)]
                self._unclaimed = frozenset(each.index for each in kept if each.batch is None)
                self._listed = len(kept)
        self._begun = where
        self._undelivered = {}
        self.save()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._pid != os.getpid():
            return  # a mapping forked, and its child leaves: it is the parent's run
        try:
            if error is None:
                self.save()
                self._check_stop()  # of the last rows, nobody knew the outcome before
            else:  # which matters more than what may be wrong with the checkpoint
                with suppress(Exception):
                    self.save()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the files; a second call does no more."""
        if self._pid != os.getpid():
            return
        with self._lock:
            self._is_over = True  # outcomes that come later write nothing any more
            if self._rejects is not None:
                self._rejects.close()

    def save(self) -> None:
        """Bring the rejects to the disk, and then how far the run came."""
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._is_over:
                return
            first = next(iter(self._open), None)
            rows = self._read if first is None else first * self._window
            found = self._undelivered or {}
            left = {n: many for n, many in found.items() if first is not None and n >= first}
            gone = self._saved_undelivered + sum(found.values()) - sum(left.values())
            if found:
                # together, as in _open_rows
                self._undelivered = left
                self._saved_undelivered = gone
            rejects = self._rejects
            if rejects is not None:
                rejects.sync()
        checkpoint = self._checkpoint
        if checkpoint is None:
            return
        listed, unlisted = self._listed, self._unlisted
        if rejects is not None and rejects.is_kept():
            listed += gone
        else:
            unlisted += gone
        position = self._begun._replace(
            rows=max(rows, self._start), unlisted=unlisted, listed=listed
        )
        if position != self._saved:
            checkpoint.save(position)
            self._saved = position

    # From rows to batches

    def batches(
        self, tick: Callable[[], None] | None = None
    ) -> Iterator[tuple[Batch, str | None, Group]]:
        """Yield each batch with its id, if it has none of its own, and with its rows.

        Args:
            tick: called between rows, since many of them may have no batch.
        """
        tick = tick or (lambda: None)
        rows = iter(islice(self._settings.source, self._settings.first))
        for place, cells in islice(rows, self._start):
            self._resumed(place, cells)
            tick()
        keys, seen = self._keys, self._keys.seen
        groups = self._joined(rows, tick) if self._settings.group else self._singly(rows, tick)
        for group in groups:
            left = [group]
            while left:
                group = left.pop()
                members = group.members
                place, cells, _, digest, claims, _ = members[0]
                is_single = len(members) == 1
                if is_single and claims and digest in seen:
                    self._count("duplicates", group.window)
                    continue
                self._has_no_key |= not claims
                self._refusal = None
                group.rows = ((place, cells),) if is_single else [*map(_row_of, members)]
                yield group.batch, group.own_id(keys), group
                if self._refusal is None:
                    for _, _, _, digest, claims, _ in members:
                        if claims and digest is not None:
                            seen.add(digest)
                    del group.members, group.batch  # of what is on its way, a sealed one is enough
                elif not is_single:  # a group that is over a limit: its rows one by one
                    left += [Group(each, group.window) for each in reversed(members)]
                else:
                    self._reject_refused(group, self._refusal)

    def _resumed(self, place: Any, cells: Any) -> None:
        """Count a row that an earlier run settled, and note its key."""
        self._open_rows({0: 1})
        self._count("resumed", 0)
        if place.index not in self._unclaimed:
            member = self._meaning(place, cells)
            if isinstance(member, Member) and member.claims and member.digest is not None:
                self._keys.seen.add(member.digest)

    def _singly(self, rows: Iterator[tuple[Any, Any]], tick: Callable[[], None]) -> Iterator[Group]:
        """Yield each row that has a batch; a window is a row.

        Some rows are mapped, and then these are sealed: to do the same thing over and over takes a
        tenth less of a processor's time. A dry run judges each row as it is read.
        """
        number, most, meaning_of_row = self._start, 1 if self._is_dry else _AHEAD, self._meaning
        now = time.monotonic
        while True:
            self._check_stop()
            errors: list[Exception] = []  # at most one, and in no variable, which would be a cycle
            ahead: list[Any] = []
            meanings: list[Member | Refusal | None] = []
            until = now() + _AHEAD_SECONDS
            try:
                for row in islice(rows, most):
                    ahead.append(row)
                    place, cells = row
                    meanings.append(meaning_of_row(place, cells))
                    if now() > until:
                        break
            except Exception as error:  # what came before is sent; but a signal's waits for nothing
                if of_handler(error) is not None:
                    raise
                errors.append(error)
            finally:
                self._open_rows(dict.fromkeys(range(number, number + len(ahead)), 1))
            for (place, cells), meaning in zip(ahead, meanings):
                if isinstance(meaning, Member):
                    yield Group(meaning, number)
                else:
                    self._leave_out(number, place, cells, meaning)
                tick()
                number += 1
            if errors:
                raise errors.pop()
            if not ahead:
                return

    def _joined(self, rows: Iterator[tuple[Any, Any]], tick: Callable[[], None]) -> Iterator[Group]:
        """Yield the groups of each window of rows."""
        number, before = divmod(self._start, self._window)
        while window := [*islice(rows, self._window - before)]:
            self._check_stop()
            self._open_rows({number: len(window)})
            members: list[Member] = []
            again: list[Member] = []  # whose key came before: of a row that may yet be rejected
            here: set[int] = set()
            for place, cells in window:
                tick()
                member = self._meaning(place, cells)
                if not isinstance(member, Member):
                    self._leave_out(number, place, cells, member)
                    continue
                self._has_no_key |= not member.claims
                if member.claims and (member.digest in here or member.digest in self._keys.seen):
                    again.append(member)
                    continue
                if member.claims and member.digest is not None:
                    here.add(member.digest)
                members.append(member)
            yield from grouped(members, number)
            for member in again:
                yield Group(member, number)
            tick()
            number, before = number + 1, 0

    def _leave_out(self, number: int, place: Any, cells: Any, why: Refusal | None) -> None:
        """Settle a row that has no batch."""
        if why is None:
            self._count("skipped", number)
        else:
            self._reject(number, place, cells, why)

    def _reject_refused(self, group: Group, refusal: InvalidBatch) -> None:
        ((place, cells),) = group.rows
        reason = "unplanned" if refusal.is_unplanned else "limit"
        reason = "too_large" if isinstance(refusal, TooLarge) else reason
        self._reject(group.window, place, cells, Refusal(reason, f"{place}: {refusal}"))

    def refused(self, token: Group, error: InvalidBatch) -> None:
        """Note that a batch is refused and not sent; before the next one is read."""
        token.is_settled = True
        self._refusal = error

    # The report

    def report(self, batches: int, traffic: Traffic) -> RowsReport:
        """Return the report until now."""
        with self._lock:
            return RowsReport(
                rows=self._read - self._pending,
                failed=sum(self._failed.values()),
                rejected=sum(self._rejected.values()),
                rejected_before=self._listed + self._unlisted,
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
        if self._has_no_key:
            found.append(_NEW_IDS if self._fingerprint is None else _PLACE_IDS)
        if self._first_rejects and settings.rejects is None and not self._is_dry:
            found.append(_NO_FILE)
        rows = counted(self._listed, "row")
        if self._listed and settings.rejects is None:
            found.append(
                f"an earlier run of the job rejected or gave up {rows} and wrote a rejects file; "
                "write with_rejects(…) with its path"
            )
        elif self._listed:
            path = os.fspath(settings.rejects or "")
            found.append(
                f"{path} has {rows} that an earlier run of the job rejected or gave up; mend what "
                f"is wrong there, and send it by Rows.from_rejects({path!r})"
            )
        if self._unlisted:
            rows = counted(self._unlisted, "row")
            found.append(
                f"an earlier run of the job rejected or gave up {rows} and wrote no rejects file; "
                "delete the checkpoint, write with_rejects('rejects.jsonl'), and run the job "
                "again: what arrived does not count twice"
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
