"""What sending adds to a batch: ids and times, once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
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


def random_uuid() -> str:
    """Return a random UUID (version 4) as text.

    >>> len(random_uuid())
    36
    """
    digits = os.urandom(16).hex()  # a third of the cost of uuid.uuid4
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def seal(batch: C, now: Callable[[], int], new_id: Callable[[], str]) -> C:
    """Return the batch with every missing id and timestamp stamped.

    From here on it never changes: a retry sends the same bytes, and mParticle removes duplicates
    by ``source_request_id``.
    """
    moment: int | None = None
    events = batch._events()
    sealed = list(events)
    for place, event in enumerate(events):
        kind = type(event)
        keys, values = event._state
        lacks_time, lacks_id, all_keys, pick = _plans.get((kind, keys)) or _planned(kind, keys)
        if not (lacks_time or lacks_id):
            continue
        if lacks_time and moment is None:
            moment = now()
        stamped = pick((*values, moment, new_id() if lacks_id else None))
        sealed[place] = kind._make(all_keys, stamped)
    if "source_request_id" not in batch._state[0]:
        batch = batch._put("source_request_id", new_id())
    return batch._having(sealed)


# Whether an event with these keys lacks its time, and its id; its keys with both; and what picks
# its values from those that it has, the time and the id: worked out once for each set of keys.
_Plan = tuple[bool, bool, tuple[str, ...], Callable[[Any], tuple[Any, ...]]]
_plans: dict[tuple[type[Event], tuple[str, ...]], _Plan] = {}
_STAMPS = ("timestamp_unixtime_ms", "source_message_id")


def _planned(kind: type[Event], keys: tuple[str, ...]) -> _Plan:
    places = {key: place for place, key in enumerate((*keys, *_STAMPS))}
    places.update({key: place for place, key in enumerate(keys)})  # what is there is kept
    all_keys, picked = kind._in_order(places)
    lacks_time, lacks_id = (name not in keys for name in _STAMPS)
    plan = lacks_time, lacks_id, tuple(all_keys), picker(picked)
    if len(_plans) < KNOWN:
        _plans[kind, keys] = plan
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
    sealed = seal(batch, lambda: _MOMENT, lambda: _ID)
    encoded = encode(sealed)
    try:
        split(sealed, encoded)
    except TooLarge as error:
        return Size(len(encoded.body()), error)
    return Size(len(encoded.body()), None)


_MOMENT = 1_700_000_000_000  # has as many digits as any time until the year 2286
_ID = "0" * 36  # is as long as a UUID
