"""What sending adds to a batch: ids and times, once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from .context_verbs import ContextVerbs
from .errors import TooLarge
from .event import Event
from .limits import MAX_BATCH_BYTES
from .shapes import KNOWN, picker
from .wire import encode, split

C = TypeVar("C", bound=ContextVerbs)


def unix_milliseconds() -> int:
    """Return the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def random_uuids(count: int) -> list[str]:
    """Return so many random UUIDs (version 4) as text, of one call to the system.

    None is kept for later: a process that is forked, or restored from a snapshot, would use it
    again, and mParticle drops what comes under an id that it knows.

    >>> [len(one) for one in random_uuids(2)]
    [36, 36]
    """
    drawn = os.urandom(16 * count).hex()
    return [_uuid(drawn[start : start + 32]) for start in range(0, 32 * count, 32)]


def _uuid(digits: str) -> str:
    variant = _VARIANTS[digits[16]]  # all in all a third of the cost of uuid.uuid4
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def seal(batch: C, now: Callable[[], int], new_ids: Callable[[int], Iterable[str]]) -> C:
    """Return the batch with every missing id and timestamp stamped.

    From here on it never changes: a retry sends the same bytes, and mParticle removes duplicates
    by ``source_request_id``.

    Args:
        now: returns Unix milliseconds.
        new_ids: returns so many new ids; the batch takes the last one.
    """
    events = batch._events()
    plans = [_plans.get((type(event), event._state[0])) or _planned(event) for event in events]
    named = "source_request_id" in batch._state[0]
    wanted = 0 if named else 1
    moment: int | None = None
    for plan in plans:
        if plan.lacks_id:
            wanted += 1
        if plan.lacks_time and moment is None:
            moment = now()
    if not wanted and moment is None:
        return batch
    ids = iter(new_ids(wanted))
    sealed = []
    for event, (lacks_time, lacks_id, keys, pick) in zip(events, plans):
        if lacks_time or lacks_id:
            stamp = next(ids) if lacks_id else None
            event = event._make(keys, pick((*event._state[1], moment, stamp)))
        sealed.append(event)
    if not named:
        batch = batch._put("source_request_id", next(ids))
    return batch._having(sealed)


class _Plan(NamedTuple):
    """What an event with certain keys lacks, worked out once for each set of them.

    Attributes:
        keys: its keys with all that it lacks.
        pick: takes its values out of those that it has, the time and the id, laid side by side.
    """

    lacks_time: bool
    lacks_id: bool
    keys: tuple[str, ...]
    pick: Callable[[Any], tuple[Any, ...]]


_plans: dict[tuple[type[Event], tuple[str, ...]], _Plan] = {}
_STAMPS = ("timestamp_unixtime_ms", "source_message_id")


def _planned(event: Event) -> _Plan:
    keys = event._keys
    places = {key: place for place, key in enumerate((*keys, *_STAMPS))}
    places.update({key: place for place, key in enumerate(keys)})  # what is there is kept
    all_keys, picked = event._in_order(places)
    lacks_time, lacks_id = (name not in keys for name in _STAMPS)
    plan = _Plan(lacks_time, lacks_id, tuple(all_keys), picker(picked))
    if len(_plans) < KNOWN:
        _plans[type(event), keys] = plan
    return plan


def stamps(batch: ContextVerbs) -> Iterator[tuple[str, int]]:
    """Yield what sealing will stamp, by wire name, and in how many places."""
    events = batch._events()
    if batch.source_request_id is None:
        yield "source_request_id", 1
    for name in ("source_message_id", "timestamp_unixtime_ms"):
        count = sum(event._get(name) is None for event in events)
        if count:
            yield name, count


class Size(NamedTuple):
    """How much a batch is on the wire, once it is sealed.

    Attributes:
        bytes: with what will be stamped; where no environment is named, with the longer one.
        error: why it cannot be sent, not even in parts; None if it can.
    """

    bytes: int
    error: TooLarge | None

    def __str__(self) -> str:
        if self.bytes <= MAX_BATCH_BYTES:
            return f"{self.bytes:,} of {MAX_BATCH_BYTES:,} bytes"
        becomes = "split" if self.error is None else "too large"
        return f"{self.bytes:,} bytes ({becomes}: {MAX_BATCH_BYTES:,} fit)"


def wire_size(batch: Any) -> Size:
    """Return how much a batch will be on the wire."""
    if batch.environment is None:
        batch = batch._with({"environment": "development"})
    sealed = seal(batch, lambda: _MOMENT, lambda count: [_ID] * count)
    encoded = encode(sealed)
    try:
        split(sealed, encoded)
    except TooLarge as error:
        return Size(len(encoded.body()), error)
    return Size(len(encoded.body()), None)


_MOMENT = 1_700_000_000_000  # has as many digits as any time until the year 2286
_ID = "0" * 36  # is as long as a UUID
