"""From sealed batches to requests: the limits to the byte, and one encoding a batch."""

import itertools
import json
import os
import re
import sys
import threading
import time
import uuid
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from internals import ids, limits, seal, wire
from sizes import NOW, sized

from mpfluent import (
    ApiError,
    AppEvent,
    Batch,
    Client,
    DeliveryError,
    FunctionTransport,
    RecordingTransport,
    Retry,
    TooLarge,
)
from mpfluent.testing import LocalServer


def client_of(transport=None, **options):
    return Client(
        "key",
        "secret",
        environment="production",
        transport=transport or RecordingTransport(),
        retry=Retry(max_attempts=1),
        now=lambda: NOW,
        **options,
    )


def with_events(count, length, text="x", **context):
    batch = Batch.for_user(customer_id="1").with_source_request_id("mine")
    batch = batch.with_user_attributes(**context) if context else batch
    for number in range(count):
        batch = batch.event(
            f"Event {number}", {"query": text * length}, at=NOW, source_message_id=f"m{number}"
        )
    return batch.with_environment("production")


def sent(*batches, **options):
    transport = RecordingTransport()
    client_of(transport, **options).send(*batches)
    return transport.requests


def test_the_limits_are_the_documented_ones():
    assert (limits.MAX_BATCHES_PER_REQUEST, limits.MAX_REQUEST_BYTES, limits.MAX_BATCH_BYTES) == (
        100,
        256_000,
        128_000,
    )


# Batches in a request


@pytest.mark.parametrize(
    ("count", "requests"), [(2, [2]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
)
def test_at_most_a_hundred_batches_travel_together(count, requests):
    batches = [Batch.for_user(customer_id=str(n)).event("Searched") for n in range(count)]

    found = [request.json() for request in sent(*batches)]
    assert [len(body) if isinstance(body, list) else 1 for body in found] == requests


@pytest.mark.parametrize(
    ("sizes", "requests"),
    [
        ((127_998, 127_999), [2]),  # two brackets and a comma make it 256 000
        ((127_999, 127_999), [1, 1]),
        ((127_998, 128_000), [1, 1]),
        ((1000, 127_000, 127_996, 1000), [3, 1]),
        ((1000, 127_000, 127_997, 1000), [2, 2]),
    ],
)
@pytest.mark.parametrize("text", ["x", "é", "茶", "🫖"])
def test_a_request_is_at_most_256_kB_brackets_and_commas_counted(sizes, requests, text):
    found = sent(*[sized(size, text, f"id-{n}") for n, size in enumerate(sizes)])

    assert [len(request.batch_ids) for request in found] == requests
    assert all(len(request.body) <= limits.MAX_REQUEST_BYTES for request in found)
    assert [name for request in found for name in request.batch_ids] == [
        f"id-{n}" for n in range(len(sizes))
    ]


def test_the_largest_request_is_exactly_256_kB():
    (request,) = sent(sized(127_998, name="a"), sized(127_999, name="b"))

    assert len(request.body) == 256_000


def test_a_local_server_takes_every_request_that_is_made():
    with LocalServer() as server:
        client = Client("key", "secret", environment="production", host=server.url)
        client.send(sized(127_998, "é", "a"), sized(127_999, "茶", "b"))
        client.send(with_events(300, 1000, "🫖"))
        client.close()

        assert {request.status_code for request in server.requests} == {202}
        assert sum(len(batch.events) for batch in server.batches) == 302


# One batch


@pytest.mark.parametrize("text", ["x", "é", "茶", "🫖"])
def test_a_batch_of_128_kB_travels_whole(text):
    (request,) = sent(sized(128_000, text))

    assert len(request.body) == 128_000
    assert request.batch_ids == ("id",)


@pytest.mark.parametrize("text", ["x", "é", "茶", "🫖"])
def test_one_byte_more_of_a_single_event_is_too_large(text):
    client = client_of()
    with pytest.raises(TooLarge) as raised:
        client.send(sized(128_001, text))

    assert str(raised.value) == (
        "events[0] (custom_event 'Searched') with the batch's context is 128001 bytes; "
        "mParticle takes 128000 a batch; write shorter values or fewer attributes"
    )
    assert client.stats.submitted == 0


@pytest.mark.parametrize("events", [1, 2, 10])
def test_the_size_that_is_too_large_is_the_least_limit_that_is_enough(events):
    batch = Batch().with_source_request_id("id").event("x" * 200)
    for _ in range(events - 1):
        batch = batch.first_run()
    encoded = wire.encode(batch)
    with pytest.raises(TooLarge) as raised:
        wire.split(batch, encoded, 100)
    size = int(re.search(r"is (\d+) bytes", str(raised.value))[1])

    assert wire.split(batch, encoded, size)
    with pytest.raises(TooLarge, match=f"is {size} bytes; mParticle takes {size - 1} a batch"):
        wire.split(batch, encoded, size - 1)


def test_a_context_alone_can_be_too_large():
    batch = Batch.for_user(customer_id="1").with_user_attributes(
        {f"key {n}": "x" * 4000 for n in range(40)}
    )
    with pytest.raises(TooLarge) as raised:
        client_of().send(batch)

    assert str(raised.value).startswith("the batch's context alone is 16")


def test_a_context_can_be_too_large_for_even_one_of_its_events():
    batch = with_events(3, 10).with_user_attributes(text="x" * 127_990)
    with pytest.raises(TooLarge, match=r"events\[0\] \(custom_event 'Event 0'\) with the batch's"):
        client_of().send(batch)
    with pytest.raises(TooLarge, match=r"events\[0\]"):
        client_of().send(batch.with_user_attributes(more="x" * 10_000))


def test_a_large_batch_is_split_at_event_boundaries():
    batch = with_events(100, 4000, plan="trial")
    requests = sent(batch)

    parts = [Batch.from_dict(entry) for request in requests for entry in _entries(request)]
    assert [part.source_request_id for part in parts] == [f"mine-{k}" for k in (1, 2, 3, 4)]
    assert [event.event_name for part in parts for event in part.events] == [
        f"Event {n}" for n in range(100)
    ]
    whole = parts[0]._having(batch.events)._with({"source_request_id": "mine"})
    assert whole == batch
    for part in parts:
        assert part.user_attributes == batch.user_attributes
        assert part.user_identities == batch.user_identities
        assert part.environment == "production"


def _entries(request):
    body = request.json()
    return body if isinstance(body, list) else [body]


def test_a_split_batch_that_fails_carries_the_whole():
    batch = with_events(40, 4000)
    client = client_of(FunctionTransport(lambda request: 400))
    with pytest.raises(ApiError) as raised:
        client.send(batch)

    assert raised.value.batch == batch


def test_sending_a_split_batch_again_makes_the_same_parts():
    batch = with_events(100, 4000)

    assert [request.body for request in sent(batch)] == [request.body for request in sent(batch)]


# Ids


def drawn(monkeypatch):
    """Count how many ids each call to the system draws, from an empty store."""
    calls = []
    urandom = os.urandom
    monkeypatch.setattr(os, "urandom", lambda size: calls.append(size // 16) or urandom(size))
    ids.random_uuids(len(ids._drawn.left) + 1)
    calls.clear()
    ids._drawn.left.clear()
    return calls


def test_ids_are_random_uuids_and_never_the_same(monkeypatch):
    found = []
    threads = [
        threading.Thread(target=lambda: found.extend(ids.random_uuids(500) for _ in range(9)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    all_ids = [one for some in found for one in some]

    assert len(all_ids) == len(set(all_ids)) == 18_000
    assert {(one, uuid.UUID(one).version, uuid.UUID(one).variant) for one in all_ids} == {
        (one, 4, uuid.RFC_4122) for one in all_ids
    }


def test_the_more_ids_a_moment_needs_the_more_are_drawn_at_once(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    calls = drawn(monkeypatch)
    for _ in range(1000):
        ids.random_uuids(2)

    assert sum(calls) >= 2000
    assert len(calls) < 20
    assert max(calls) == ids._MOST_DRAWN


@pytest.mark.parametrize("change", ["a fork", "a moment later", "a clock that is set back"])
def test_what_was_drawn_is_used_in_its_moment_and_process_only(change, monkeypatch):
    now = 10**18
    monkeypatch.setattr(time, "time_ns", lambda: now)
    calls = drawn(monkeypatch)
    for _ in range(10):
        ids.random_uuids(1)
    left = ids._drawn.left
    assert left
    calls.clear()

    if change == "a fork":
        monkeypatch.setattr(os, "getpid", lambda: -1)
    else:
        now += ids._GOOD_FOR if change == "a moment later" else -1
    kept = [*left]
    (fresh,) = ids.random_uuids(1)

    assert calls == [1]
    assert left == kept
    assert fresh[-12:] not in {digits[-12:] for digits in kept}


@pytest.mark.parametrize("step", [0, 1, -1, 10**9, -(10**9)])
@pytest.mark.parametrize("events", [1, 2_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_ids_are_drawn_once_however_the_clock_moves_and_however_long_it_takes(
    events, step, monkeypatch
):
    looks = itertools.count(10**18, step)
    taken = []

    def moving():
        taken.append(next(looks))
        assert len(taken) < 100, "drawing them looks at the clock again and again"
        return taken[-1]

    calls = drawn(monkeypatch)
    monkeypatch.setattr(time, "time_ns", moving)
    batch = Batch.for_user(mpid=1).add(*[AppEvent("M")] * events)
    transport = RecordingTransport()
    client_of(transport).send(batch)

    found = [event.source_message_id for part in transport.batches for event in part.events]
    assert len(set(found)) == events
    assert events + 1 <= sum(calls) <= events + 1 + ids._MOST_DRAWN


def sealed_of(batch):
    return seal.seal(batch, lambda: NOW, ["id"].__mul__)


@given(
    texts=st.lists(st.text("xé茶🫖", max_size=60), min_size=1, max_size=40),
    limit=st.integers(600, 3000),
)
def test_no_part_is_larger_than_the_limit_and_no_event_is_lost(texts, limit):
    batch = Batch.for_user(customer_id="é").with_environment("production")
    for text in texts:
        batch = batch.event("Searched", {"query": text})
    sealed = sealed_of(batch)
    parts = wire.split(sealed, wire.encode(sealed), limit)

    read = [Batch.from_json(part.body) for part in parts]
    assert all(len(part.body) <= limit for part in parts)
    assert [event for part in read for event in part.events] == list(sealed.events)
    assert [part.source_request_id for part in read] == [part.id for part in parts]
    if len(parts) > 1:
        assert [part.id for part in parts] == [f"id-{k}" for k in range(1, len(parts) + 1)]
        assert len(wire.encode(sealed).body()) > limit


@given(st.lists(st.integers(1, 400), max_size=60))
def test_runs_fit_a_request_in_order_and_are_as_long_as_they_can_be(kilobytes):
    sizes = [size * 320 for size in kilobytes]
    bodies = map(bytes, sizes)
    runs = [[*map(len, run)] for run in wire.pack(bodies, lambda body: body)]

    def length(run):
        return sum(run) + len(run) + 1

    assert [size for run in runs for size in run] == sizes
    for run in runs:
        assert len(run) <= 100
        assert length(run) <= limits.MAX_REQUEST_BYTES
    for run, following in pairwise(runs):
        assert len(run) == 100 or length([*run, following[0]]) > limits.MAX_REQUEST_BYTES


# One encoding


def calls_of(monkeypatch, owner, name):
    calls = []
    original = getattr(owner, name)

    def counted(*args, **options):
        calls.append(args)
        return original(*args, **options)

    monkeypatch.setattr(owner, name, counted)
    return calls


def test_a_batch_is_encoded_once_however_often_it_is_tried(monkeypatch):
    encodings = calls_of(monkeypatch, wire, "encode")
    answers = iter([400, 400, 400, 503, 202, 202, 202, 202])
    transport = RecordingTransport()

    def answer(request):
        transport.send(request)
        return next(answers)

    client = Client(
        "key",
        "secret",
        environment="production",
        transport=FunctionTransport(answer),
        retry=Retry(base=0, max_attempts=3),
    )
    batches = [Batch.for_user(customer_id=str(n)).event("Searched") for n in range(4)]
    with pytest.raises(DeliveryError):  # bisected twice; the offender alone is refused
        client.send(*batches)

    assert len(encodings) == 4
    bodies = {}
    for request in transport.requests:
        for entry in _entries(request):
            bodies.setdefault(entry["source_request_id"], set()).add(json.dumps(entry))
    assert len(bodies) == 4
    assert all(len(forms) == 1 for forms in bodies.values())


def test_each_event_of_a_split_batch_is_encoded_once_and_its_context_too():
    batch = sealed_of(with_events(100, 4000))
    for _ in range(20):
        wire.encode(batch)  # from now on, generated code writes it
    written = []

    def watch(frame, what, made):
        code = frame.f_code
        is_generated = code.co_filename.startswith("<mpfluent ")
        if what == "return" and is_generated and code.co_name.rpartition("_")[2] == "line":
            written.append(json.loads(made))

    sys.setprofile(watch)
    try:
        parts = wire.split(batch, wire.encode(batch))
    finally:
        sys.setprofile(None)

    assert len(parts) == 4
    assert sum("source_request_id" in made for made in written) == 1
    names = [made["data"]["event_name"] for made in written if "event_type" in made]
    assert sorted(names) == sorted(event.event_name for event in batch.events)


@pytest.mark.parametrize(
    "own_id", ["a", 'a"b\\', "\\", 'é"source_request_id":"x', "\n\x00\u2028", '"']
)
def test_a_part_has_the_id_of_the_whole_and_its_number(own_id):
    """Whatever the id is made of, and wherever its name comes again."""
    batch = (
        sealed_of(with_events(100, 4000))
        .with_source_request_id(own_id)
        .with_user_attributes({"source_request_id": own_id})
    )
    parts = wire.split(batch, wire.encode(batch))

    assert len(parts) == 4
    for number, part in enumerate(parts, 1):
        found = Batch.from_json(part.body)
        assert part.id == found.source_request_id == f"{own_id}-{number}"
        expected = batch.with_source_request_id(part.id)
        assert found._having(()) == expected._having(())
        assert part.head == len(wire.encode(expected).context)


def test_a_batch_that_is_taken_apart_keeps_its_bytes():
    lone, together = [], []

    def answer(request):
        (lone if request.url.endswith("/events") else together).append(request)
        return 202 if request.url.endswith("/events") else 413

    client_of(FunctionTransport(answer)).send(
        *[Batch.for_user(customer_id=str(n)).event("Searched") for n in range(4)]
    )

    assert b"[" + b",".join(request.body for request in lone) + b"]" == together[0].body


def test_a_value_that_cannot_be_sent_never_reaches_the_transport():
    transport = RecordingTransport()
    with pytest.raises(ValueError, match=r"NaN|nan"):
        client_of(transport).send(Batch().event("Searched", {"n": float("nan")}))

    assert transport.requests == []
