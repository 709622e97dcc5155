"""What waits to be sent: parcels in order, bounded by count and by bytes.

It has no lock of its own: the dispatcher that owns it has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from .parcel import Parcel


class Backlog:
    """Parcels that wait, the oldest first.

    Args:
        most: how many may wait.
        most_bytes: how many bytes of JSON may wait.

    Attributes:
        size: bytes that wait.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._waiting: deque[tuple[float, Parcel]] = deque()
        self.size = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Parcel]:
        return iter([parcel for _, parcel in self._waiting])

    @property
    def since(self) -> float:
        """When the oldest came, in monotonic seconds."""
        return self._waiting[0][0]

    def reaches(self, many: int, many_bytes: int) -> bool:
        """Return whether so many wait, or so many bytes."""
        return len(self._waiting) >= many or self.size >= many_bytes

    def is_nearly_full(self) -> bool:
        """Return whether less than a tenth of it is free."""
        return len(self._waiting) > 0.9 * self._most or self.size > 0.9 * self._most_bytes

    def has_room(self, parcels: Sequence[Parcel]) -> bool:
        """Return whether all of these fit. A parcel larger than the bound fits when none waits."""
        size = self.size
        for parcel in parcels:
            size += parcel.size
        if len(self._waiting) + len(parcels) <= self._most and size <= self._most_bytes:
            return True
        return not self._waiting and len(parcels) == 1

    def add(self, parcel: Parcel, now: float) -> None:
        """Let a parcel wait."""
        self._waiting.append((now, parcel))
        self.size += parcel.size

    def take(self, most: int, most_bytes: int) -> list[Parcel]:
        """Return the oldest parcels, as many as fit a request of these bounds, but at least one.

        Brackets and commas count, so that what is taken leaves no remnant for a second request.
        """
        taken: list[Parcel] = []
        size = 1  # the brackets, less the comma that the first part has none of
        while self._waiting and len(taken) < most:
            following = self._waiting[0][1]
            size += following.size + len(following.parts)
            if taken and size > most_bytes:
                break
            taken.append(following)
            self._waiting.popleft()
            self.size -= following.size
        return taken

    def take_stored(self, before: int | None) -> Parcel | None:
        """Return the oldest parcel that the outbox has, too, which waits no longer.

        Args:
            before: only if it is older than this row; None for any.
        """
        for entry in self._waiting:
            row = entry[1].row
            if row is not None:
                if before is not None and row > before:
                    return None
                self._waiting.remove(entry)
                self.size -= entry[1].size
                return entry[1]
        return None
