"""Where ids and times come from."""

from __future__ import annotations

import os
import time

from ..wire.ids import uuid_texts


def unix_milliseconds() -> int:
    """Return the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000


class _Drawn:
    """Random ids whose bytes were drawn from the system at once, and which are used once.

    Each draw lets go of Python's lock, and to get it back from a busy worker costs more than all
    else that a send does. What is drawn is good for a moment and for one process only: one that is
    forked, or restored from a snapshot, would use the same ids again, and mParticle drops what
    comes under an id that it knows.
    """

    __slots__ = ("drawn_at", "left", "many", "pid")

    def __init__(self, many: int) -> None:
        self.many = many
        self.pid = os.getpid()
        self.drawn_at = time.time_ns()  # before they are: a snapshot may be taken in between
        self.left = uuid_texts(os.urandom(16 * many))

    def is_good(self) -> bool:
        """Return whether these may still be used: the clock of a restored snapshot is set."""
        return 0 <= time.time_ns() - self.drawn_at < _GOOD_FOR and self.pid == os.getpid()


_GOOD_FOR = 10_000_000  # nanoseconds: shorter than it takes to make a snapshot and restore it


_MOST_DRAWN = 256  # at a time: more do not make an id cheaper


_drawn = _Drawn(1)


def random_uuids(count: int) -> list[str]:
    """Return so many random UUIDs (version 4) as text.

    >>> [len(one) for one in random_uuids(2)]
    [36, 36]
    """
    global _drawn
    found: list[str] = []
    drawn = _drawn
    many = 1
    if drawn.is_good():
        try:
            while len(found) < count:
                found.append(drawn.left.pop())  # which no two threads do at once
            return found
        except IndexError:  # the more a moment needs, the more are drawn for the next
            many = min(2 * drawn.many, _MOST_DRAWN)
    # used at once and before another thread sees them, however long the draw took
    more = count - len(found)
    fresh = _Drawn(max(many, more))
    found += [fresh.left.pop() for _ in range(more)]
    _drawn = fresh
    return found
