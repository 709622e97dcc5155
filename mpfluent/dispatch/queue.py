"""What waits to be sent: parcels in order, bounded by count and by bytes.

It has no lock of its own: the dispatcher that owns it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..delivery.job import Load, Parcel


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
        self._waiting: list[tuple[float, Parcel]] = []
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
        entry = (now, parcel)
        self.size += parcel.size  # atomically with the next line
        self._waiting.append(entry)

    def take(self, most: int, most_bytes: int, into: Load | None = None) -> list[Parcel]:
        """Return the oldest parcels, as many as fit a request of these bounds, but at least one.

        Brackets and commas count, so that what is taken leaves no remnant for a second request.

        Args:
            into: gets them atomically, so that none is ever in nobody's hands.
        """
        taken: list[Parcel] = []
        size = 1  # the brackets, less the comma that the first part has none of
        for _, following in self._waiting:
            size += following.size + len(following.parts)
            if len(taken) >= most or (taken and size > most_bytes):
                break
            taken.append(following)
        count = len(taken)
        left = self.size - sum([parcel.size for parcel in taken])
        load = Load() if into is None else into
        before = load.fresh or []
        load.fresh, self._waiting[:count], self.size = [*before, *taken], [], left
        return taken

    def take_stored(self, before: int | None, into: Load) -> None:
        """Take the oldest parcel that the outbox has, too.

        Args:
            before: only if it is older than this row; None for any.
            into: gets it.
        """
        for place, (_, parcel) in enumerate(self._waiting):
            if parcel.row is not None:
                if before is None or parcel.row <= before:
                    end, left = place + 1, self.size - parcel.size
                    into.fresh, self._waiting[place:end], self.size = [parcel], [], left
                return
