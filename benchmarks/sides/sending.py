"""What sending costs with mpfluent: in the background, on the caller's thread, and splitting."""

import os
import sys
import threading
import time

from answering import paced, percentiles, settle, timed
from workload import chain, identical, numbered, usual

from mpfluent import Client, FunctionTransport, RequestsTransport, Response, ThreadedDispatcher
from mpfluent.wire import body as wire

CONTENTS = {"usual": usual, "identical": identical}
WRITING = ("line", "make", "plain")  # what the functions are called that write a value as JSON
BEGINNINGS = {"event_type": "events", "environment": "contexts"}  # by the first key of a JSON
PATIENCE = 600  # seconds for what takes a few


def client_of(url=None, transport=None, **options):
    """Return a client that sends in the background."""
    return Client(
        "key",
        "secret",
        environment="development",
        host=url,
        transport=transport or RequestsTransport(),
        dispatcher=ThreadedDispatcher(**options),
    )


# In the background, to the server


def deliver(url, content, many, beforehand=False, coalesce=False):
    """Send so many batches as fast as it goes, from values to the answers.

    Args:
        beforehand: build them before the clock starts.
    """
    make = CONTENTS[content]
    batches = map(make, range(many))
    if beforehand:
        batches = list(batches)
    client = client_of(url, coalesce=coalesce)
    settle()
    began, cpu = time.time(), time.process_time()
    for batch in batches:
        client.send(batch)
    client.flush(PATIENCE)
    cpu = time.process_time() - cpu
    client.close()
    return {"began": began, "cpu": cpu}


def send(url, many):
    """Take the time of each ``send`` of a batch that is there, at full speed."""
    batches = [usual(number) for number in range(many)]
    with client_of(url) as client:
        settle()
        return percentiles(lambda batch=batch: client.send(batch) for batch in batches)


def rate(url, per_second, seconds, threaded=True):
    """Take the CPU seconds that a batch of one event costs at a steady pace."""
    client = client_of(url) if threaded else _in_this_thread(url)
    cpu = time.process_time()
    done = paced(lambda number: client.send(usual(number)), per_second, seconds)
    client.flush(PATIENCE)
    cpu = time.process_time() - cpu
    client.close()
    return {"events": done, "cpu": cpu / done}


def pace(url, per_second, seconds):
    """Take the CPU seconds that the pace itself costs: what is in all of these figures."""
    cpu = time.process_time()
    done = paced(lambda number: None, per_second, seconds)
    return {"events": done, "cpu": (time.process_time() - cpu) / done}


def in_batches_of(url, size, many):
    """Take the CPU seconds that an event costs with so many events a batch."""
    with client_of(url) as client:
        cpu = time.process_time()
        for first in range(0, many, size):
            batch = usual(first)
            for number in range(first + 1, min(many, first + size)):
                batch = batch.add(*usual(number).events)
            client.send(batch)
        client.flush(PATIENCE)
        return (time.process_time() - cpu) / many


def coalesce(url, many, together):
    """Send one-event batches of 200 users, with or without coalescing."""
    batches = [numbered(number) for number in range(many)]
    with client_of(url, coalesce=together) as client:
        cpu = time.process_time()
        for batch in batches:
            client.send(batch)
        client.flush(PATIENCE)
        return time.process_time() - cpu


# On the caller's thread alone: the network is a function


def _in_this_thread(url=None, transport=None):
    return Client("key", "secret", environment="development", host=url, transport=transport)


def _accepted(request):
    return Response(202)


def send_to_nobody(many):
    """Send in the background, with a worker that never gets its answer; then end at once.

    To close would be to fail each batch, which is not what is measured.
    """
    never = threading.Event()
    transport = FunctionTransport(lambda request: never.wait() or _accepted(request))
    client = client_of(transport=transport, max_queue=many + 1, max_queue_bytes=2**40)
    batch = usual(0)
    for _ in range(many):
        client.send(batch)
    os._exit(0)


# Splitting: what it adds to encoding


def sealed(many, events):
    """Return batches with all that sending adds, so that to encode them is all that is left."""
    seen = []

    def look(batch):
        seen.append(batch)
        return batch

    transport = FunctionTransport(_accepted)
    with Client(
        "key", "secret", environment="development", transport=transport, before_send=look
    ) as client:
        for _ in range(many):
            client.send(chain(events))
    return seen


def _encoded(batches):
    """Return the batches' JSON as the plainest code would have it."""
    return [batch.to_json().encode() for batch in batches]


def _framed(batches):
    """Return the bodies of the bulk requests that carry these batches."""
    parts = [part for batch in batches for part in wire.split(batch, wire.encode(batch))]
    return [wire.bulk_body(run) for run in wire.pack(parts, lambda part: len(part.body))]


def split(way, many, events, loops):
    """Take the time of encoding sealed batches, of framing them, or of sending them to a function.

    A few hundred kilobytes a call, since what is measured is the work a byte.
    """
    batches = sealed(many, events)
    if way == "send":
        with _in_this_thread(transport=FunctionTransport(_accepted)) as client:
            return timed(lambda: client.send(*batches), loops)
    ways = {"encode": _encoded, "split": _framed}
    return timed(lambda: ways[way](batches), loops)


def encodings(many, events):
    """Return how many events and contexts one ``send`` writes."""
    batches = sealed(many, events)
    written = {"events": 0, "contexts": 0}

    def watch(frame, what, made):
        if what == "return" and frame.f_code.co_name in WRITING:
            first = next(iter(made)) if isinstance(made, dict) else made[2:].partition('"')[0]
            if first in BEGINNINGS:
                written[BEGINNINGS[first]] += 1

    with _in_this_thread(transport=FunctionTransport(_accepted)) as client:
        sys.setprofile(watch)
        try:
            client.send(*batches)
        finally:
            sys.setprofile(None)
    return written
