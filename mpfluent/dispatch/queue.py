"""What waits to be sent: jobs in order, bounded by count and by bytes.

It has no lock of its own: the scheduler's guards it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..delivery.job import Job, WorkItem


class BoundedQueue:
    """Jobs that wait, the oldest first.

    Args:
        most: how many may wait.
        most_bytes: how many bytes of JSON may wait.

    Attributes:
        waiting: the jobs.
        size: bytes that wait.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self.waiting: list[Job] = []
        self.size = 0

    def reaches(self, many: int, many_bytes: int) -> bool:
        """Return whether so many wait, or so many bytes."""
        return len(self.waiting) >= many or self.size >= many_bytes

    def is_nearly_full(self) -> bool:
        """Return whether less than a tenth of it is free."""
        return len(self.waiting) > 0.9 * self._most or self.size > 0.9 * self._most_bytes

    def has_room(self, jobs: Sequence[Job]) -> bool:
        """Return whether all of these fit. A job larger than the bound fits when none waits."""
        size = self.size
        for job in jobs:  # one, nearly always: in half the time of a sum
            size += job.size
        if len(self.waiting) + len(jobs) <= self._most and size <= self._most_bytes:
            return True
        return not self.waiting and len(jobs) == 1

    def add(self, jobs: Sequence[Job], now: float) -> None:
        """Let jobs wait."""
        for job in jobs:
            job.since = now
            self.size += job.size  # atomically with the next line
            self.waiting.append(job)

    def take(self, most: int, most_bytes: int, into: WorkItem) -> int:
        """Take the oldest jobs, as many as fit a request of these bounds, but at least one.

        Brackets and commas count, so that what is taken needs no small second request.

        Args:
            into: gets them atomically, so that Ctrl-C loses none.

        Returns:
            How many they are.
        """
        taken: list[Job] = []
        size = 1  # the brackets, less the comma that the first part has none of
        for following in self.waiting:
            size += following.size + len(following.parts)
            if len(taken) >= most or (taken and size > most_bytes):
                break
            taken.append(following)
        count = len(taken)
        left = self.size - sum([job.size for job in taken])
        before = into.jobs or []
        into.jobs, self.waiting[:count], self.size = [*before, *taken], [], left
        return count

    def take_stored(self, before: int | None, into: WorkItem) -> None:
        """Take the oldest job that the outbox has, too.

        Args:
            before: only if it is older than this row; None for any.
            into: gets it.
        """
        for position, job in enumerate(self.waiting):
            if job.row is not None:
                if before is None or job.row <= before:
                    end, left = position + 1, self.size - job.size
                    into.jobs, self.waiting[position:end], self.size = [job], [], left
                return
