"""What sending adds to a batch: ids and times, once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from .context_verbs import ContextVerbs
from .errors import TooLarge
from .limits import MAX_BATCH_BYTES
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
    sealed = []
    for event in batch._events():
        changes: dict[str, object] = {}
        if event.at is None:
            if moment is None:
                moment = now()
            changes["timestamp_unixtime_ms"] = moment
        if event.source_message_id is None:
            changes["source_message_id"] = new_id()
        sealed.append(event._with(changes) if changes else event)
    if batch.source_request_id is None:
        batch = batch._with({"source_request_id": new_id()})
    return batch._having(sealed)


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
