"""What waits, and what is in the hands of workers: all that senders and workers share."""

from __future__ import annotations

import math
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .backlog import Backlog
from .coalescing import WINDOW, WINDOW_BYTES
from .keeper import Keeper
from .limits import MAX_BATCHES_PER_REQUEST, MAX_REQUEST_BYTES
from .parcel import Parcel, Piece, pieces_of


class Load:
    """What a worker has in its hands.

    Attributes:
        pieces: what is to be sent; None where the outbox is still to be asked.
        since: when the oldest of it came, in monotonic seconds.
        fresh: whether nothing of it was tried before. What was tried must not be joined any more:
            its ids stand for just what was sent under them.
    """

    __slots__ = ("fresh", "pieces", "since")

    def __init__(
        self, pieces: list[Piece] | None, since: float = 0.0, *, fresh: bool = False
    ) -> None:
        self.pieces = pieces
        self.since = since
        self.fresh = fresh

    def open(self) -> list[Parcel]:
        """Return the parcels of it that are not settled."""
        found = [parcel for piece in self.pieces or () for parcel in piece.parcels if parcel.open]
        return list(dict.fromkeys(found))


class Floor:
    """What waits and what moves, under one lock; made anew in a forked child.

    Args:
        most: parcels that may wait.
        most_bytes: bytes of them.
        flush_interval: seconds that a parcel waits for others to travel with.
        coalesces: whether a load may be larger than a request, since it will shrink.
        keeper: what else is to be delivered.

    Attributes:
        work: where workers wait.
        calm: where those wait who wait for workers.
        hurried: how many want everything to leave at once.
        overflows: whether what comes goes to the outbox only, until that is empty again.
        keeping: how many are just on the way there.
        closing: whether nothing comes any more.
        close_by: the monotonic time at which what is left is settled.
        closed: whether it is.
    """

    def __init__(
        self,
        most: int,
        most_bytes: int,
        *,
        flush_interval: float,
        coalesces: bool,
        keeper: Keeper,
    ) -> None:
        # reentrant, since a ``__del__`` may close a client in the midst of anything
        self.lock = threading.RLock()
        self.work = threading.Condition(self.lock)
        self.calm = threading.Condition(self.lock)
        self.backlog = Backlog(most, most_bytes)
        self.hurried = 0
        self.overflows = False
        self.keeping = 0
        self.closing = False
        self.close_by = math.inf
        self.closed = False
        self._again: deque[Load] = deque()  # what stopped workers had in their hands
        self._moving: list[Load] = []
        self._keeper = keeper
        self._flush_interval = flush_interval
        self._most = MAX_BATCHES_PER_REQUEST, MAX_REQUEST_BYTES
        if coalesces:
            self._most = WINDOW, WINDOW_BYTES

    # All that follows is called with the lock held.

    def add(self, parcel: Parcel, now: float) -> bool:
        """Let a parcel wait, if it has room, and nothing before it is in the outbox only."""
        if (self.overflows and parcel.row is not None) or not self.backlog.has_room([parcel]):
            return False
        first = not self.backlog
        self.backlog.add(parcel, now)
        if first or self.backlog.fills_a_request:
            self.work.notify()
        return True

    def next(self, now: float) -> Load | float:
        """Return what to deliver now, as moving; or the seconds until something may be due."""
        load = self._due(now)
        if isinstance(load, Load):
            self._moving.append(load)
        return load

    def _due(self, now: float) -> Load | float:
        if now >= self.close_by:
            return math.inf
        if self._again:
            return self._again.popleft()
        kept = self._keeper.kept
        if self.overflows and not (kept or self.keeping):
            self.overflows = False
            self.calm.notify_all()  # there is room for those who wait for it
        if not kept:
            self._keeper.due = math.inf
        first = self.overflows and self.backlog  # what waits here is older
        if self._keeper.due <= now and not first:
            self._keeper.due = math.inf
            return Load(None)
        gather = math.inf
        if self.backlog:
            gather = self.backlog.since + self._flush_interval - now
            if gather <= 0 or self.hurried or self.closing or self.backlog.fills_a_request:
                return self._loaded()
        return gather if first else min(gather, self._keeper.due - now)

    def _loaded(self) -> Load:
        since = self.backlog.since
        parcels = self.backlog.take(*self._most)
        self.calm.notify_all()  # there is room now
        open_ones = (parcel for parcel in parcels if parcel.open)
        return Load(pieces_of(open_ones), since, fresh=True)

    def put_back(self, load: Load, parcels: Iterable[Parcel]) -> None:
        """Let parcels of a load wait again, before all others."""
        self.backlog.put_back(parcels, load.since)

    def again(self, load: Load) -> None:
        """Let another worker begin with this, just as it is."""
        self._again.append(load)

    def done(self, load: Load) -> None:
        """Know that nobody has this in hand any more."""
        self._moving = [other for other in self._moving if other is not load]
        self.calm.notify_all()

    def has_work(self) -> bool:
        """Return whether there is anything for a worker to do, now or later."""
        return bool(self.backlog or self._again or self._keeper.kept)

    def moves(self) -> bool:
        """Return whether anybody has anything in hand."""
        return bool(self._moving)

    def is_idle(self, now: float) -> bool:
        """Return whether nothing can be done just now."""
        kept_due = self._keeper.kept and self._keeper.due <= now
        return not (self.backlog or self._again or self._moving or kept_due)

    def parcels(self) -> list[Parcel]:
        """Return all that is not settled, wherever it is."""
        loads = [*self._again, *self._moving]
        return [*(parcel for load in loads for parcel in load.open()), *self.backlog]

    def take_all(self) -> list[Parcel]:
        """Return all that is not settled, wherever it is; nothing waits any more."""
        found = self.parcels()
        self._again.clear()
        self.backlog.take(len(self.backlog), sys.maxsize)
        return found

    def forget_moving(self) -> None:
        """Expect nothing any more of those who have something in hand."""
        self._moving = []


@contextmanager
def hurry(floor: Floor) -> Iterator[None]:
    """While it lasts, nothing waits for others to travel with."""
    with floor.lock:
        floor.hurried += 1
        floor.work.notify_all()
    try:
        yield
    finally:
        with floor.lock:
            floor.hurried -= 1
