"""What a local server keeps of what came: requests, with a row for each event."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from operator import attrgetter
from sys import getsizeof
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ...builder.batch import Batch
    from ..server import ReceivedRequest

MOST_BYTES = 256_000_000  # that are kept, where the number of events is bounded
MOST_TEXTS = 32_000_000  # bytes of JSON that is at hand for the next stream
_ENTRY, _VIOLATION, _VALUE = 2_000, 2_000, 100  # bytes that each takes, about
_GONE: Any = None  # stands in the place of an entry that was dropped
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
        size: bytes of the body as it came.
        held: bytes that all of this takes, about.
    """

    __slots__ = (
        "at",
        "duplicates",
        "first",
        "held",
        "last",
        "message",
        "number",
        "parts",
        "request",
        "size",
    )

    def __init__(
        self,
        request: ReceivedRequest,
        at: int,
        parts: tuple[Part, ...] | None,
        message: str,
        size: int = 0,
    ) -> None:
        self.request = request
        self.at = at
        self.parts = parts
        self.message = message
        self.number = self.first = self.last = 0
        self.duplicates: tuple[int, ...] = ()
        self.size = size
        self.held = _held(self)


def _held(entry: Entry) -> int:
    """Return how many bytes an entry takes, about."""
    request = entry.request
    said = [request.path, entry.message, *request.headers, *request.headers.values()]
    for part in entry.parts or ():
        said += part.problems
    found = len(request.body) + sum(map(len, said)) + _VALUE * len(said) + _ENTRY
    return found + sum(_VIOLATION + len(str(each.actual)) for each in request.violations)


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
        self._texts: dict[int, list[str]] = {}  # rows as JSON, by the number of the request
        self._text_bytes = 0
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
        self.foreign = 0  # requests of web pages elsewhere, which are not kept

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
            self._bytes += entry.held
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
        self._entries[self._start] = _GONE  # at once: a body may be large
        self._start += 1
        self._bytes -= entry.held
        self._drop_texts(entry.number)
        for place, part in enumerate(entry.parts or ()):
            if part.batch_id is not None and place not in entry.duplicates:
                self._ids.pop(part.batch_id, None)

    def count_foreign(self) -> None:
        """Count a request of a web page elsewhere."""
        with self._changed:
            self.foreign += 1

    def keep_texts(self, entry: Entry, texts: list[str]) -> None:
        """Keep the rows of an entry as JSON for who asks next; the oldest such texts are dropped.

        Args:
            entry: which may be gone.
            texts: of all its rows.
        """
        with self._changed:
            if entry.last < self.oldest or entry.number in self._texts:
                return
            self._texts[entry.number] = texts
            self._text_bytes += _size(texts)
            while self._text_bytes > MOST_TEXTS:
                self._drop_texts(next(iter(self._texts)))

    def _drop_texts(self, number: int) -> None:
        if number in self._texts:
            self._text_bytes -= _size(self._texts.pop(number))

    def clear(self) -> None:
        """Forget everything; the numbers of rows and of requests go on."""
        with self._changed:
            self._entries, self._start, self._bytes = [], 0, 0
            self._texts, self._text_bytes = {}, 0
            self.foreign = 0
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
            return self._behind(after, rows)

    def _behind(self, after: int, rows: int | None) -> list[Entry]:
        begin = bisect_right(self._entries, after, lo=self._start, key=_last)
        if rows is None:
            return self._entries[begin:]
        end = bisect_right(self._entries, max(after, self.oldest - 1) + rows, begin, key=_last)
        return self._entries[begin : end + 1]

    def position(self) -> tuple[int, int, int]:
        """Return the ids of the last row that was cleared, of the oldest and the newest row."""
        return self.look(self.newest, 0)[:3]

    def look(self, after: int, rows: int) -> tuple[int, int, int, list[Entry]]:
        """Return the position, and the entries with so many rows behind one, of one moment."""
        with self._changed:
            return self.cleared, self.oldest, self.newest, self._behind(after, rows)

    def texts(self, entry: Entry) -> list[str] | None:
        """Return the rows of an entry as JSON, if they are at hand."""
        with self._changed:
            return self._texts.get(entry.number)

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

    def of_batches(self, batch_ids: Iterable[str]) -> list[Entry]:
        """Return the entries with a batch of one of these ids, oldest first."""
        wanted = {*batch_ids}
        return [one for one in self.entries() if not wanted.isdisjoint(one.request.batch_ids)]

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


def _size(texts: list[str]) -> int:
    return sum(map(getsizeof, texts))


def accepted(entries: Iterable[Entry]) -> list[tuple[Entry, int, Part]]:
    """Return the batches of some entries with their places, duplicates removed."""
    return [
        (entry, place, part)
        for entry in entries
        for place, part in enumerate(entry.parts or ())
        if place not in entry.duplicates
    ]
