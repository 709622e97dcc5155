"""From a sealed batch to the bytes of a request: encode once, split, pack.

1 kB is 1 000 bytes, and brackets and commas count.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

from ..encoding.json import write_pieces
from ..errors import TooLarge, brief
from ..utils.typed import NamedTuple
from .limits import MAX_BATCH_BYTES, MAX_BATCHES_PER_REQUEST, MAX_REQUEST_BYTES

if TYPE_CHECKING:
    from ..builder.batch import Batch

    B = TypeVar("B", bound=Batch)


class Encoded(NamedTuple):
    """A batch as bytes, in pieces that are encoded once and joined later.

    Attributes:
        context: the JSON object of all but the events.
        events: the JSON object of each event.
    """

    context: bytes
    events: tuple[bytes, ...]

    def body(self) -> bytes:
        """Return the batch's JSON."""
        context, events = self
        if not events:
            return context
        opening = _EVENTS if len(context) > 2 else _EVENTS[1:]  # no comma after no context
        return b"".join((context[:-1], opening, b",".join(events), b"]}"))


def encode(batch: Batch) -> Encoded:
    """Return the batch's JSON in pieces; this is the only time it is encoded."""
    context, events = write_pieces(batch)
    return _encoded((context.encode(), tuple(map(str.encode, events))))


# a NamedTuple's own constructor takes half as long again, and these are called for each batch
_encoded = partial(tuple.__new__, Encoded)
_EVENTS = b',"events":['
_FRAME = len(_EVENTS) + len(b"]")  # what joining adds to the context, besides the events' commas


class Part(NamedTuple):
    """What travels as one batch: a whole one, some events of a large one, or several in one.

    Attributes:
        id: its ``source_request_id`` on the wire.
        body: its JSON.
        head: the length in bytes of its context as a JSON object of its own.
    """

    id: str
    body: bytes
    head: int

    def events(self) -> bytes:
        """Return the JSON of its events, with commas between them; empty if it has none."""
        return self.body[self.head - 1 + len(_EVENTS) : -len(b"]}")]


_part = partial(tuple.__new__, Part)  # as ``_encoded``


def read_back(kind: type[B], batch_id: str, parts: Sequence[Part]) -> B:
    """Return the batch that was sealed from what it travels in."""
    whole, *more = (kind._read_back(part.body) for part in parts)
    if not more:
        return whole
    context = whole.with_source_request_id(batch_id)._state
    return whole._rebuilt(*context, [event for one in (whole, *more) for event in one._events()])


def joined(parts: Sequence[Part]) -> Part:
    """Return one part with the context and the id of the first, and the events of all, in order.

    Nothing is encoded again.

    >>> first = Part("a", b'{"mpid":7,"events":[{"n":1}]}', 10)
    >>> joined([first, Part("b", b'{"mpid":7}', 10), first]).body
    b'{"mpid":7,"events":[{"n":1},{"n":1}]}'
    """
    first = parts[0]
    events = b",".join([events for part in parts if (events := part.events())])
    if not events:
        return first
    return Part(first.id, b"%b%b%b]}" % (first.body[: first.head - 1], _EVENTS, events), first.head)


def split(batch: Batch, encoded: Encoded, limit: int = MAX_BATCH_BYTES) -> tuple[Part, ...]:
    """Return the parts that a sealed batch travels in, each at most ``limit`` bytes.

    A batch that fits is one part. A larger one is split at event boundaries, its context
    repeated; part k has the id ``<id>-k``, counted from 1.

    Raises:
        TooLarge: a single event does not fit together with the context.
    """
    keys, values = batch._state
    own_id = str(values[keys.index("source_request_id")])
    whole = encoded.body()
    if len(whole) <= limit:
        return (_part((own_id, whole, len(encoded.context))),)
    if not encoded.events:
        raise _too_large(batch, None, len(encoded.context), limit)
    # the longest id that a part can get, so that numbering can never push one over the limit;
    # a single event is no part
    spare = len(str(len(encoded.events))) + 1 if len(encoded.events) > 1 else 0
    frame = len(encoded.context) + spare + _FRAME
    ends = [*accumulate([len(event) + 1 for event in encoded.events], initial=0)]  # commas, too
    parts: list[Part] = []
    end = 0
    while end < len(encoded.events):
        start, end = end, bisect_right(ends, ends[end] + limit - frame + 1) - 1
        if end <= start:  # below it, where the context alone is too large
            raise _too_large(batch, start, frame + len(encoded.events[start]), limit)
        number = len(parts) + 1
        # not encoded again: only the id differs
        context = _ID.sub(rb"\g<0>-%d" % number, encoded.context, count=1)
        body = Encoded(context, encoded.events[start:end]).body()
        parts.append(Part(f"{own_id}-{number}", body, len(context)))
    return tuple(parts)


# Only the environment stands before the id, so what is found first is the id itself.
_ID = re.compile(rb'"source_request_id":"(?:[^"\\]|\\.)*')


def _too_large(batch: Batch, position: int | None, size: int, limit: int) -> TooLarge:
    what = "the batch's context alone"
    if position is not None:
        event = batch.events[position]
        label = event._get("event_name") or event._get("screen_name")
        named = f" {brief(label, 40)}" if label else ""
        what = f"events[{position}] ({event.event_type}{named}) with the batch's context"
    return TooLarge(
        f"{what} is {size} bytes; mParticle takes {limit} a batch; "
        "write shorter values or fewer attributes"
    )


P = TypeVar("P")


def pack(parts: Iterable[P], body_of: Callable[[P], Sized]) -> Iterator[list[P]]:
    """Yield runs of parts that fit one bulk request, in order.

    Args:
        body_of: returns the JSON of one.
    """
    run: list[P] = []
    total = 1  # for a bracket; a comma or the other bracket follows each part
    for part in parts:
        more = len(body_of(part)) + 1
        if run and (len(run) == MAX_BATCHES_PER_REQUEST or total + more > MAX_REQUEST_BYTES):
            yield run
            run, total = [], 1
        total += more
        run.append(part)
    if run:
        yield run


def bulk_body(parts: Iterable[Part]) -> bytes:
    """Return the body of a bulk request."""
    pieces = [piece for part in parts for piece in (b",", part.body)]
    pieces[:1] = [b"["]
    pieces.append(b"]")
    return b"".join(pieces)  # all at once: to copy 256 kB costs as much as to split them
