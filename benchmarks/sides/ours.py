"""mpfluent from whichever checkout ``PYTHONPATH`` names; dict literals and marshmallow beside it.

``--without-orjson`` hides orjson from it. ``--loop WHAT LOOPS`` does one thing so often and ends,
for counting instructions.
"""

import json
import sys
from decimal import Decimal
from pathlib import Path

if "--without-orjson" in sys.argv:
    sys.modules["orjson"] = None

import queueing
import sending
from answering import answer, timed, versions
from workload import chain, identical, literals, usual

import mpfluent
from mpfluent import AppEvent, Batch
from mpfluent.schemas import BatchSchema
from mpfluent.wire import body as wire

SCHEMA = BatchSchema()


def to_bytes(batch):
    """Return a batch's JSON as it is sent: what is measured as encoding."""
    return wire.encode(batch).body()


def by_marshmallow(batch):
    """Return the same through marshmallow's own ``dump`` and the standard library's ``json``."""
    return json.dumps(SCHEMA.dump(batch), default=_decimal).encode()


def _decimal(value):
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)


def with_orjson(events):
    import orjson  # only here, so that it shows whether mpfluent itself has loaded it

    return orjson.dumps(literals(events))


CHAINS = {
    "mpfluent": lambda events: to_bytes(chain(events)),
    "literals": lambda events: json.dumps(literals(events)).encode(),
    "literals + orjson": with_orjson,
    "marshmallow": lambda events: by_marshmallow(chain(events)),
}
ENCODERS = {"mpfluent": to_bytes, "marshmallow": by_marshmallow}


def from_values(way, events, loops):
    """Take the time from values to JSON bytes."""
    make = CHAINS[way]
    return timed(lambda: make(events), loops)


def encode(way, events, loops):
    """Take the time from a batch that is there to JSON bytes."""
    to, batch = ENCODERS[way], chain(events)
    return timed(lambda: to(batch), loops)


def append(events, loops):
    """Take the time of appending so many events, one at a time."""
    event = AppEvent("Searched")

    def one_by_one():
        batch = Batch()
        for _ in range(events):
            batch = batch.add(event)
        return len(batch.events)

    return timed(one_by_one, loops)


def step(what, loops):
    """Take the time of one step of a chain."""
    batch, event = chain(10), AppEvent("Searched", {"query": "teapot"}, at=1795428900000)
    sixteen = {str(number): number for number in range(16)}
    steps = {
        "{**sixteen_entries, key: value}": lambda: {**sixteen, "15": 1},
        "add(event)": lambda: batch.add(event),
        "event(name, {one attribute})": lambda: batch.event("Searched", {"query": "teapot"}),
        "with_environment(…)": lambda: batch.with_environment("production"),
        "with_device(one field)": lambda: batch.with_device(os_version="12.3"),
    }
    return timed(steps[what], loops)


def show(content, number):
    """Return what is sent, as Python data."""
    if content == "literals":
        return literals(number)
    made = {"whole": chain, "usual": usual, "identical": identical}[content](number)
    return json.loads(made.to_json())


def home():
    """Return the folder that mpfluent comes from."""
    return str(Path(mpfluent.__file__).parents[1])


def uses_orjson():
    """Return whether mpfluent has loaded orjson, after it has encoded something."""
    to_bytes(chain(10))
    return sys.modules.get("orjson") is not None


def loop(what, loops):
    """Do one thing so often."""
    if what == "send":
        sending.send_to_nobody(loops)
        return
    events = int(what)
    for _ in range(loops):
        to_bytes(chain(events))


if __name__ == "__main__":
    if "--loop" in sys.argv:
        loop(sys.argv[-2], int(sys.argv[-1]))
        sys.exit()
    answer(
        versions=lambda: versions("marshmallow", "requests"),
        home=home,
        uses_orjson=uses_orjson,
        show=show,
        from_values=from_values,
        encode=encode,
        append=append,
        step=step,
        deliver=sending.deliver,
        send=sending.send,
        rate=sending.rate,
        pace=sending.pace,
        in_batches_of=sending.in_batches_of,
        coalesce=sending.coalesce,
        split=sending.split,
        encodings=sending.encodings,
        queue=queueing.queue,
        bounded=queueing.bounded,
        stream=queueing.stream,
    )
