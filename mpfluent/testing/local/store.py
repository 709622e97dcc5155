"""What a local server keeps of what came: requests, with a row for each event."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ...builder.batch import Batch
    from ..server import ReceivedRequest

MOST_BYTES = 256_000_000  # of the bodies that are kept, where the number of events is bounded
_FEW = 64  # entries that are gone, and not yet deleted

_last = attrgetter("last")
_number = attrgetter("number")


class Part(NamedTuple):
    """A batch of an accepted request.

    Attributes:
        batch_id: its ``source_request_id``, if it has one.
        events: how many it has.
        problems: what was left out of it, and what mParticle would cut or reject.
        violations: what of it is not as planned.
        batch: as our values hold it; None where it is read again when somebody asks for it.
    """

    batch_id: str | None
    events: int
    problems: tuple[str, ...] = ()
    violations: tuple[Any, ...] = ()
    batch: Batch | None = None

    @property
    def rows(self) -> int:
        """How many rows it takes: one without events is a row, too."""
        return self.events or 1


class Entry:
    """A request, and where its rows are among all rows.

    Attributes:
        request: as it came.
        at: Unix milliseconds when it had been read.
        message: why it was refused, in words.
        parts: its batches, if it was accepted.
        number: of the request, from 1.
        first: the id of its first row; last: of its last one.
        duplicates: the places of the batches in it that had come before.
        texts: its rows as JSON, once somebody asked for them.
    """

    __slots__ = (
        "at",
        "duplicates",
        "first",
        "last",
        "message",
        "number",
        "parts",
        "request",
        "texts",
    )

    def __init__(
        self, request: ReceivedRequest, at: int, parts: tuple[Part, ...] | None, message: str
    ) -> None:
        self.request = request
        self.at = at
        self.parts = parts
        self.message = message
        self.number = self.first = self.last = 0
        self.duplicates: tuple[int, ...] = ()
        self.texts: list[str] | None = None


class Counts(NamedTuple):
    """What came since the beginning, or since it was cleared. ``dropped`` are rows."""

    batches: int = 0
    events: int = 0
    refused: int = 0
    duplicates: int = 0
    violations: int = 0
    problems: int = 0
    dropped: int = 0


class Store:
    """Keeps entries in order, and drops the oldest rows where there are too many.

    Args:
        most: how many rows it keeps; None for all.
    """

    def __init__(self, most: int | None) -> None:
        # Guards all below; no other lock is taken with it
        self._changed = threading.Condition(threading.Lock())
        self._most = most
        self._entries: list[Entry] = []
        self._start = 0  # the place of the first entry that is not gone
        self._bytes = 0
        self._requests = 0
        self._ids: dict[str, None] = {}
        self._repeated: list[str] = []
        self._counts = [0] * len(Counts._fields)
        self._recent: deque[tuple[float, int]] = deque()  # batches of the last second
        self._waiting = 0
        self.started = round(time.time() * 1000)  # Unix milliseconds
        self.closed = False
        self.oldest = 1  # the id of the oldest row that is kept
        self.newest = 0  # the id of the newest row
        self.cleared = 0  # the id of the newest row when it was cleared

    # Adding

    def add(self, entry: Entry) -> None:
        """Add what came last, and give its rows their ids."""
        with self._changed:
            self._requests += 1
            entry.number = self._requests
            entry.first = self.newest + 1
            if entry.parts is None:
                self._count(refused=1)
                self.newest += 1
            else:
                self._take(entry, entry.parts)
            entry.last = self.newest
            self._entries.append(entry)
            self._bytes += len(entry.request.body)
            if self._most is not None:
                self._shrink(self._most)
            if self._waiting:
                self._changed.notify_all()

    def _take(self, entry: Entry, parts: tuple[Part, ...]) -> None:
        again = []
        for place, part in enumerate(parts):
            self.newest += part.rows
            if part.batch_id is not None:
                if part.batch_id in self._ids:
                    again.append(place)
                    if self._most is None:
                        self._repeated.append(part.batch_id)
                    continue
                self._ids[part.batch_id] = None
            self._count(1, part.events, 0, 0, len(part.violations), len(part.problems))
        now = entry.request.at
        recent = self._recent
        recent.append((now, len(parts)))
        while recent[0][0] < now - 1:
            recent.popleft()
        if again:
            entry.duplicates = tuple(again)
            self._count(duplicates=len(again))

    def _count(
        self,
        batches: int = 0,
        events: int = 0,
        refused: int = 0,
        duplicates: int = 0,
        violations: int = 0,
        problems: int = 0,
    ) -> None:
        added = (batches, events, refused, duplicates, violations, problems, 0)
        self._counts = [one + more for one, more in zip(self._counts, added)]

    def _shrink(self, most: int) -> None:
        entries = self._entries
        oldest = max(self.oldest, self.newest - most + 1)
        while self._bytes > MOST_BYTES and self._start < len(entries) - 1:
            oldest = max(oldest, entries[self._start].last + 1)
            self._forget(entries[self._start])
        while entries[self._start].last < oldest:
            self._forget(entries[self._start])
        self._counts[-1] += oldest - self.oldest
        self.oldest = oldest
        if self._start > _FEW + len(entries) // _FEW:  # seldom, as to delete moves all others
            del entries[: self._start]
            self._start = 0

    def _forget(self, entry: Entry) -> None:
        self._start += 1
        self._bytes -= len(entry.request.body)
        for place, part in enumerate(entry.parts or ()):
            if part.batch_id is not None and place not in entry.duplicates:
                self._ids.pop(part.batch_id, None)

    def clear(self) -> None:
        """Forget everything; the numbers of rows and of requests go on."""
        with self._changed:
            self._entries, self._start, self._bytes = [], 0, 0
            self._ids, self._repeated = {}, []
            self._counts = [0] * len(Counts._fields)
            self._recent.clear()
            self.oldest = self.newest + 1
            self.cleared = self.newest
            self._changed.notify_all()

    # Looking

    def entries(self, after: int = 0, rows: int | None = None) -> list[Entry]:
        """Return the entries with rows behind one, oldest first.

        Args:
            after: the id of a row.
            rows: how many rows are enough; None for all.
        """
        with self._changed:
            begin = bisect_right(self._entries, after, lo=self._start, key=_last)
            if rows is None:
                return self._entries[begin:]
            end = bisect_right(self._entries, max(after, self.oldest - 1) + rows, begin, key=_last)
            return self._entries[begin : end + 1]

    def position(self) -> tuple[int, int, int]:
        """Return the ids of the last row that was cleared, of the oldest and the newest row."""
        with self._changed:
            return self.cleared, self.oldest, self.newest

    def of_row(self, row: int) -> Entry | None:
        """Return the entry with a row, or None if there is none."""
        found = self.entries(row - 1, 1) if row >= self.oldest else []
        return found[0] if found and found[0].first <= row else None

    def of_request(self, number: int) -> Entry | None:
        """Return the entry of a request, or None if there is none."""
        with self._changed:
            place = bisect_right(self._entries, number - 1, lo=self._start, key=_number)
            if place < len(self._entries) and self._entries[place].number == number:
                return self._entries[place]
            return None

    def of_batch(self, batch_id: str) -> list[Entry]:
        """Return the entries with a batch of this ``source_request_id``, oldest first."""
        return [entry for entry in self.entries() if batch_id in entry.request.batch_ids]

    @property
    def ids(self) -> list[str]:
        """The ``source_request_id`` of each batch that has one, duplicates removed."""
        with self._changed:
            return list(self._ids)

    @property
    def repeated(self) -> list[str]:
        """The ``source_request_id`` of each batch that came again."""
        with self._changed:
            return list(self._repeated)

    def counts(self) -> Counts:
        """Return what came."""
        with self._changed:
            return Counts(*self._counts)

    def rate(self) -> int:
        """Return the batches of the last second."""
        since = time.monotonic() - 1
        with self._changed:
            return sum(count for at, count in self._recent if at >= since)

    # Waiting

    def wait_beyond(self, row: int, seconds: float) -> bool:
        """Wait for a row behind one; return whether it came, before the time or the server ended.

        Args:
            row: the id of a row.
            seconds: how long, at most.
        """
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self.closed or self.newest > row, seconds)
            finally:
                self._waiting -= 1
            return not self.closed and self.newest > row

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()


def accepted(entries: Iterable[Entry]) -> list[tuple[Entry, int, Part]]:
    """Return the batches of some entries with their places, duplicates removed."""
    return [
        (entry, place, part)
        for entry in entries
        for place, part in enumerate(entry.parts or ())
        if place not in entry.duplicates
    ]
