"""What happens to accepted batches when there is no room: the policies of ``when_full``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Literal

from ..delivery.job import Load, Parcel
from ..delivery.settlement import Keeper
from ..delivery.stats import Acceptance
from ..errors import Closed, DeliveryError, QueueFull, Reason
from ..outbox.outbox import OutboxFull
from ..utils.interrupts import waitable
from .scheduler import Floor

WhenFull = Literal["block", "drop_newest", "drop_oldest", "raise"]

_LINGER = 0.02  # seconds that one who waited for room waits for more of it
_LOOK_AGAIN = 0.1  # seconds; another process makes room in the outbox, too, and tells nobody


class Admission:
    """Lets accepted parcels onto the floor, or settles them.

    Args:
        when_full: the policy.
        floor: where parcels wait.
        keeper: writes them to the outbox first, and settles what finds no room.
        now: returns monotonic seconds.
        call: sees to it that somebody makes room.
    """

    def __init__(
        self,
        when_full: WhenFull,
        floor: Floor,
        keeper: Keeper,
        now: Callable[[], float],
        call: Callable[[], None],
    ) -> None:
        self._when_full = when_full
        self._floor = floor
        self._keeper = keeper
        self._now = now
        self._call = call

    def take_at_once(self, parcels: Sequence[Parcel], accepted: Acceptance) -> bool:
        """Take parcels over if all find room in memory, as they do as a rule.

        It does what the others do at a fraction of their cost, where there is no outbox. Returns
        False, and takes none, if there is no room.
        """
        floor = self._floor
        try:
            with floor.lock:
                if floor.closed or not floor.backlog.has_room(parcels):
                    return False
                accepted()  # first: what is counted must not be in nobody's hands
                floor.put(parcels, self._now())
        except BaseException as error:  # such as Ctrl-C
            self._keeper.repairs.add((self._broken_off, parcels, accepted, error))
            raise
        return True

    def take_all_or_none(self, parcels: Sequence[Parcel], accepted: Acceptance) -> None:
        """Take parcels over if all of them find room.

        Raises:
            QueueFull: they do not.
            Closed: the client was closed meanwhile.
        """
        try:
            try:
                self._keeper.store(parcels)
            except OutboxFull as error:
                raise _no_room(len(parcels), "the outbox", error) from error
            with self._floor.lock:
                stored = all(parcel.row is not None for parcel in parcels)
                if self._floor.closed and not stored:
                    raise closed("the client was closed meanwhile")
                if not stored and not self._floor.has_room(parcels):
                    raise _no_room(len(parcels), "the queue")
                accepted()  # also where it was closed meanwhile: who has it in the file sends it
                kept = [parcel for parcel in parcels if not self._add(parcel)]
            for parcel in kept:
                self._find_no_room(parcel)
        except BaseException as error:
            self._keeper.repairs.add((self._broken_off, parcels, accepted, error))
            raise

    def take_each(
        self,
        parcels: Sequence[Parcel],
        accepted: Acceptance,
        until: float,
        *,
        patient: bool = False,
    ) -> None:
        """Take parcels over one by one, waiting for room until then.

        Whatever happens, each of them waits or has an outcome when this returns or raises.

        Args:
            patient: wait for room in memory, even if there is some in the outbox.
        """
        try:
            accepted()
            try:
                self._keeper.store(parcels)
                stored = True
            except OutboxFull:
                stored = False
            for parcel in parcels:
                if stored or self._store(parcel, until):
                    self._take(parcel, until, patient)
        except BaseException as error:
            self._keeper.repairs.add((self._broken_off, parcels, accepted, error))
            raise

    def _broken_off(
        self, parcels: Sequence[Parcel], accepted: Acceptance, error: BaseException
    ) -> None:
        """Let none be in nobody's hands; what was not accepted leaves no trace."""
        if not accepted.counted:
            self._keeper.withdraw(parcels)
            return
        with self._floor.lock:
            waits = set(self._floor.parcels())
        rest = [parcel for parcel in parcels if parcel not in waits]
        self._keeper.mend(rest, closed(f"send was broken off by {type(error).__name__}"))

    def _store(self, parcel: Parcel, until: float) -> bool:
        """Write a parcel to the outbox as soon as that has room; fail it where it has none."""
        while True:
            try:
                self._keeper.store([parcel])
                return True
            except OutboxFull:
                left = until - self._now()
                if left <= 0 and self._when_full == "drop_oldest" and self._drop_oldest():
                    continue
                if left <= 0 or self._floor.closed:
                    self._fail([parcel], "the outbox is full", "queue_full")
                    return False
                with self._floor.lock:
                    self._floor.calm.enlist()
                self._call()
                self._floor.calm.wait(min(left, _LOOK_AGAIN))

    def _take(self, parcel: Parcel, until: float, patient: bool) -> None:
        waits = parcel.row is None or patient
        dropped = Load()
        try:
            with self._floor.lock:
                added = self._add(parcel)
            if not added and waits and until > self._now():
                added = self._wait_for_room(parcel, until)
            elif not added and parcel.row is None and self._when_full == "drop_oldest":
                with self._floor.lock:
                    while not (self._floor.closed or (added := self._add(parcel))):
                        self._floor.backlog.take(1, sys.maxsize, dropped)
            if not added:
                self._find_no_room(parcel)
            self._drop(dropped, "queue")
        except BaseException:
            self._keeper.repairs.add((self._drop, dropped, "queue"))
            raise

    def _drop(self, dropped: Load, full: str) -> None:
        why = f"newer batches took its place in the full {full}"
        self._keeper.mend(dropped.parcels(), DeliveryError(why, reason="dropped_oldest"))

    def _find_no_room(self, parcel: Parcel) -> None:
        if self._floor.closed:
            self._keeper.give_up([parcel], closed("the client was closed meanwhile"))
        elif parcel.row is None:
            self._fail([parcel], "the queue is full", "queue_full")
        else:
            self._keep(parcel)

    def _wait_for_room(self, parcel: Parcel, until: float) -> bool:
        self._call()
        floor, hurries = self._floor, 0
        try:
            with floor.lock:
                floor.hurried, hurries = floor.hurried + 1, 1
                floor.work.notify_all()
            while True:
                with floor.lock:
                    if self._add(parcel):
                        return True
                    left = until - self._now()
                    if floor.closed or left <= 0:
                        return False
                    floor.calm.enlist()
                floor.calm.wait(waitable(left))
                with floor.lock:
                    left = until - self._now()
                    if left <= 0 or not floor.backlog.is_nearly_full():
                        continue
                    floor.roomy.enlist()
                # who wakes for each request holds up the worker that empties the queue
                floor.roomy.wait(min(_LINGER, left))
        finally:
            floor.hurried -= hurries  # atomically with leaving

    def _add(self, parcel: Parcel) -> bool:
        return not self._floor.closed and self._floor.add(parcel, self._now())

    def _keep(self, parcel: Parcel) -> None:
        """Leave a parcel to the outbox until there is room in memory."""
        floor, keeps = self._floor, 0
        try:
            with floor.lock:
                floor.overflows, floor.keeping, keeps = True, floor.keeping + 1, 1
            self._keeper.keep(parcel)
        finally:
            floor.keeping -= keeps  # atomically with leaving
            with floor.lock:
                floor.work.notify()

    def _drop_oldest(self) -> bool:
        """Fail the oldest of what the outbox has; return whether there was any."""
        oldest = Load()
        try:
            with self._floor.lock:
                self._floor.backlog.take_stored(self._keeper.oldest, oldest)
            self._drop(oldest, "outbox")
        except BaseException:
            self._keeper.repairs.add((self._drop, oldest, "outbox"))
            raise
        if oldest.parcels():
            return True
        why = "newer batches took its place in the full outbox"
        return self._keeper.drop_oldest(DeliveryError(why, reason="dropped_oldest"))

    def _fail(self, parcels: Sequence[Parcel], why: str, reason: Reason) -> None:
        self._keeper.give_up(parcels, DeliveryError(why, reason=reason))


def closed(why: str) -> Closed:
    """Return the error for what a closed client leaves."""
    return Closed(why, reason="closed")


def _no_room(batches: int, where: str, error: OutboxFull | None = None) -> QueueFull:
    said = f" ({error})" if error else ""
    return QueueFull(
        f"{where} has no room for {batches} more{said}, and none was accepted; send fewer at a "
        "time or later, or write ThreadedDispatcher(when_full='block')",
        reason="queue_full",
    )
