"""What sending adds to a batch: ids and times, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import TooLarge
from ..utils.typed import NamedTuple
from ..values.code_cache import Memo
from ..values.codegen import picker
from ..values.frozen import Frozen
from .body import encode, split
from .ids import event_ids
from .limits import MAX_BATCH_BYTES

if TYPE_CHECKING:
    from ..builder.batch import Batch
    from ..model.event import Event

    B = TypeVar("B", bound=Batch)


def seal(
    batch: B,
    now: Callable[[], int],
    new_ids: Callable[[int], Sequence[str]],
    environment: str | None = None,
    own_id: str | None = None,
) -> B:
    """Return the batch with every missing id and timestamp stamped.

    From here on it never changes: a retry sends the same bytes, and mParticle removes duplicates
    by ``source_request_id``.

    Args:
        now: returns Unix milliseconds.
        new_ids: returns so many new ids; the batch takes the last one. The events of a batch that
            has an id get ids that follow from it.
        environment: for a batch that names none.
        own_id: for a batch that has none; without it, the id is a new one.
    """
    keys, values = batch._state
    of_batches = _of_batches if environment else _of_batches_with_environment
    lacks_id, lacks_other, all_keys, pick = of_batches[type(batch)][keys]
    planned = []  # the last one first, straight from the chain
    wanted, late = 0, False
    node = batch._tail
    while node is not None:
        node, event = node
        names, inside = event._state
        plan = _of_events[type(event)][names]
        planned.append((event, inside, plan))
        wanted += plan[0]
        late = late or plan[1]
    if not (wanted or late or lacks_id or lacks_other):
        return batch
    moment = now() if late else None
    if not lacks_id:
        own_id = batch._get("source_request_id")
    ids: list[str] = []
    if own_id is None:
        *ids, own_id = new_ids(wanted + 1)
    elif wanted == len(planned):
        ids = event_ids(own_id, wanted)
    elif wanted:
        ids = _following(own_id, [event for event, _, _ in planned])
    ids.reverse()  # so that the next one is the last
    tail: Any = None
    planned.reverse()
    for event, inside, (needs_id, needs_time, event_keys, event_pick) in planned:
        if needs_id or needs_time:
            stamps_of_event = moment, ids.pop() if needs_id else None
            event = _new(type(event))
            _set_state(event, (event_keys, event_pick(inside + stamps_of_event)))
        tail = tail, event
    given = (environment, own_id) if environment else (own_id,)
    return batch._with_tail(all_keys, pick(values + given), tail)


def _following(own_id: str, events: Sequence[Event]) -> list[str]:
    """Return ids that follow from a batch's own, and that no event of it has."""
    taken = {event._get("source_message_id") for event in events}
    return [id for id in event_ids(own_id, len(events) + len(taken)) if id not in taken]


_new = object.__new__
_set_state = Frozen.__dict__["_state"].__set__


class _Missing(NamedTuple):
    """What sealing adds to a value with certain keys, worked out once for each set of them.

    Attributes:
        id: whether it has no id.
        other: whether it lacks its environment, or its time.
        keys: its keys with all of them.
        pick: takes its values out of those that it has, the other one and the id, side by side.
    """

    id: bool
    other: bool
    keys: tuple[str, ...]
    pick: Callable[[Any], tuple[Any, ...]]


def _missing(stamps: tuple[str, ...], kind: type[Frozen], keys: tuple[str, ...]) -> _Missing:
    places = {key: place for place, key in enumerate((*keys, *stamps))}
    places.update({key: place for place, key in enumerate(keys)})  # what is there is kept
    ordered, picked = kind._in_order(places)
    *others, name = (stamp not in keys for stamp in stamps)
    return _Missing(name, any(others), ordered, picker(picked))


def _by_class(*stamps: str) -> Memo[type[Frozen], Memo[tuple[str, ...], _Missing]]:
    """Return what sealing adds, by class and keys: to make a tuple of both takes longer."""
    return Memo(lambda kind: Memo(partial(_missing, stamps, kind)))


_of_batches = _by_class("environment", "source_request_id")
_of_batches_with_environment = _by_class("source_request_id")
_of_events = _by_class("timestamp_unixtime_ms", "source_message_id")


def stamps(batch: Batch) -> Iterator[tuple[str, int]]:
    """Yield what sealing will stamp, by wire name, and in how many places."""
    events = batch._events()
    if batch._get("source_request_id") is None:
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


def wire_size(batch: Batch) -> Size:
    """Return how much a batch will be on the wire."""
    sealed = seal(batch, lambda: _MOMENT, lambda count: [_ID] * count, "development")
    encoded = encode(sealed)
    found = None
    try:
        split(sealed, encoded)
    except TooLarge as error:
        found = error
    return Size(len(encoded.body()), found)


_MOMENT = 1_700_000_000_000  # has as many digits as any time until the year 2286
_ID = "0" * 36  # is as long as a UUID
