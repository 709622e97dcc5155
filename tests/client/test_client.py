"""The client: what it takes, where it sends, what becomes of a batch, and who is told."""

import asyncio
import gc
import json
import logging
import os
import pickle
import threading
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from fault_server import FakeTime
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from mpfluent import (
    ApiError,
    Batch,
    Client,
    Closed,
    ConfigurationError,
    DeliveryError,
    FunctionTransport,
    InvalidBatch,
    InvalidTime,
    InvalidValue,
    Kept,
    RecordingTransport,
    Response,
    Retry,
    SyncDispatcher,
    ThreadedDispatcher,
    TooLarge,
    TransportError,
)
from mpfluent.client.config import base_url
from mpfluent.delivery.future import Delivery
from mpfluent.delivery.job import Job
from mpfluent.delivery.notifier import Notifier
from mpfluent.delivery.settlement import Settlement
from mpfluent.delivery.stats import Counters
from mpfluent.errors import REASONS
from mpfluent.testing import LocalServer
from mpfluent.testing.network_guard import is_this_machine
from mpfluent.transport.destination import Destination
from mpfluent.wire.body import Part

NOW = 1_790_000_000_000
HOUR = 3_600_000
BATCH = Batch.for_user(customer_id="1").event("Searched", {"query": "teapot"})


def client_of(transport=None, **options):
    options.setdefault("environment", "development")
    options.setdefault("retry", Retry(max_attempts=1))
    return Client("key", "secret", transport=transport or RecordingTransport(), **options)


def numbered(count):
    return [Batch.for_user(customer_id=str(n)).event("Searched") for n in range(count)]


def people(transport):
    return [batch.user_identities.customer_id for batch in transport.batches]


def adds_up(client):
    stats = client.stats
    assert stats.submitted == stats.delivered + stats.failed + stats.pending
    assert stats.failed == sum(stats.failed_by_reason.values())
    assert set(stats.failed_by_reason) <= set(REASONS)
    return True


# Where it sends


@pytest.mark.parametrize(
    ("pod", "host"),
    [
        ("us1", "https://s2s.us1.mparticle.com"),
        ("us2", "https://s2s.us2.mparticle.com"),
        ("eu1", "https://s2s.eu1.mparticle.com"),
        ("au1", "https://s2s.au1.mparticle.com"),
    ],
)
def test_each_pod_has_its_host(pod, host):
    transport = RecordingTransport()
    client_of(transport, pod=pod).send(BATCH)

    assert transport.requests[0].url == f"{host}/v2/events"


def test_one_batch_travels_alone_and_several_in_bulk():
    transport = RecordingTransport()
    client = client_of(transport)
    client.send(BATCH)
    client.send(BATCH, BATCH)

    single, bulk = transport.requests
    assert single.url.endswith("/v2/events")
    assert isinstance(single.json(), dict)
    assert bulk.url.endswith("/v2/bulkevents")
    assert [type(entry) for entry in bulk.json()] == [dict, dict]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("https://example.com", "https://example.com/v2/events"),
        ("https://example.com/", "https://example.com/v2/events"),
        ("https://example.com:8443", "https://example.com:8443/v2/events"),
        ("https://inbound.mparticle.com/s2s", "https://inbound.mparticle.com/s2s/v2/events"),
        ("https://inbound.mparticle.com/s2s/", "https://inbound.mparticle.com/s2s/v2/events"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443/v2/events"),
        ("http://localhost:8080", "http://localhost:8080/v2/events"),
        ("http://127.0.0.1", "http://127.0.0.1/v2/events"),
        ("http://[::1]:1", "http://[::1]:1/v2/events"),
    ],
)
def test_a_host_can_be_given(host, url):
    transport = RecordingTransport()
    client_of(transport, host=host).send(BATCH)

    assert transport.requests[0].url == url


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (
            "example.com",
            "Client(host='example.com'): want https://name[:port]; "
            "write host='https://example.com'",
        ),
        ("", "Client(host=''): want https://name[:port]; write host='https://…'"),
        ("https://", "Client(host='https://'): want https://name[:port]; write host='https://…'"),
        (
            "ftp://example.com",
            "Client(host='ftp://example.com'): want https://name[:port]; write host='https://…'",
        ),
        (
            "https://example.com:port",
            "Client(host=…): want https://name[:port]; write host='https://…'",
        ),
        (
            "https://exam ple.com",
            "Client(host='https://exam ple.com'): want https://name[:port]; write host='https://…'",
        ),
        (
            "https://example\n.com",
            "Client(host='https://example\\n.com'): want https://name[:port]; "
            "write host='https://…'",
        ),
        (5, "Client(host=5): want https://name[:port]; write host='https://…'"),
        (
            b"https://x",
            "Client(host=b'https://x'): want https://name[:port]; write host='https://…'",
        ),
        (
            "https://example.com/s2s/v2/",
            "Client(host='https://example.com/s2s/v2/'): want only what comes before /v2; "
            "write host='https://example.com/s2s'",
        ),
        (
            "http://example.com",
            "Client(host='http://example.com'): plain http would show the secret on the way, and "
            "goes to this machine only; write host='https://example.com'",
        ),
        (
            "http://localhost.example.com",
            "Client(host='http://localhost.example.com'): plain http would show the secret on the "
            "way, and goes to this machine only; write host='https://localhost.example.com'",
        ),
        (
            "https://user:hidden@example.com",
            "Client(host=…): want https://name[:port] without credentials, query or fragment",
        ),
        (
            "user:hidden@example.com",
            "Client(host=…): want https://name[:port] without credentials, query or fragment",
        ),
        (
            "https://example.com?x=1",
            "Client(host=…): want https://name[:port] without credentials, query or fragment",
        ),
        (
            "https://example.com#x",
            "Client(host=…): want https://name[:port] without credentials, query or fragment",
        ),
    ],
)
def test_a_bad_host_fails_at_construction(host, text):
    with pytest.raises(ConfigurationError) as raised:
        client_of(host=host)

    assert str(raised.value) == text


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "place",
    [
        r"evil.example\[::1]",
        r"evil.example:80\[::1]",
        r"\[::1]",
        r"localhost\evil.example",
        r"localhost/\evil.example",
        "evil.example[::1]",
        "[::1]evil.example",
        "[::1].evil.example",
        "[::1",
        "::1]",
        "[localhost]",
        "[::1]]",
        "[[::1]]",
        "[::1%25eth0]",
        "a..b",
        ".localhost",
        "localhost..",
        "%6cocalhost",
        "a" * 64 + ".example",
        "local\tho\u202est",
    ],
)
def test_an_address_that_two_could_read_differently_is_none(scheme, place):
    with pytest.raises(ConfigurationError) as raised:
        client_of(host=f"{scheme}://{place}")

    assert "want https://name[:port]" in str(raised.value)


PARTS = [
    *("http://", "https://", "//", "localhost", "127.0.0.1", "[::1]", "::1", "evil.example"),
    *("\\", "@", ":", "/", "?", "#", ".", "%2f", "%", "[", "]", "80", "\t", " ", "x" * 64),
]


@given(scheme=st.sampled_from(["http://", "https://"]), parts=st.lists(st.sampled_from(PARTS)))
def test_who_connects_reads_a_host_as_we_do(scheme, parts):
    host = scheme + "".join(parts)
    url = base_url("us1", host)
    if isinstance(url, ConfigurationError):
        return

    read = parse_url(f"{url}/v2/events")
    assert read.host.strip("[]") == urlsplit(url).hostname.encode("idna").decode()
    assert read.scheme == "https" or is_this_machine(read.host.strip("[]"))
    assert read.auth is None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"pod": "us3"}, "Client(pod='us3'): not a pod; did you mean 'us2'? (us1, us2, eu1, au1)"),
        ({"pod": "US1"}, "Client(pod='US1'): not a pod; did you mean 'us1'? (us1, us2, eu1, au1)"),
        ({"pod": None}, "Client(pod=None): not a pod; want one of us1, us2, eu1, au1"),
        (
            {"environment": "prod"},
            "Client(environment='prod'): not an environment; did you mean 'production'? "
            "(development, production)",
        ),
        ({"historical": 1}, "Client(historical=1): want True or False"),
        ({"before_send": 5}, "Client(before_send=5): want a function"),
        ({"on_delivered": 5}, "Client(on_delivered=5): want a function"),
        ({"on_failed": 5}, "Client(on_failed=5): want a function"),
        ({"now": 5}, "Client(now=5): want a function"),
        ({"new_id": 5}, "Client(new_id=5): want a function"),
        (
            {"retry": 3},
            "Client(retry=3): want a Retry; write retry=Retry(max_attempts=3)",
        ),
        (
            {"transport": 3},
            "Client(transport=3): want an object with a method send(); "
            "write transport=RequestsTransport()",
        ),
        (
            {"transport": RecordingTransport},
            "Client(transport=<class 'mpfluent.testing.recording.RecordingTransport'>): want an "
            "object with a method send(); write transport=RecordingTransport()",
        ),
        (
            {"outbox": "outbox.db"},
            "Client() has no option 'outbox', its dispatcher has; "
            "write dispatcher=ThreadedDispatcher(outbox=Outbox('outbox.db'))",
        ),
        (
            {"workers": 2},
            "Client() has no option 'workers', its dispatcher has; "
            "write dispatcher=ThreadedDispatcher(workers=1)",
        ),
        (
            {"dispatcher": 3},
            "Client(dispatcher=3): want an object with a method submit(); "
            "write dispatcher=SyncDispatcher()",
        ),
    ],
)
def test_a_bad_argument_fails_at_construction(options, text):
    with pytest.raises(ConfigurationError) as raised:
        Client("key", "secret", **options)

    assert str(raised.value) == text


def test_a_dispatcher_belongs_to_one_client():
    dispatcher = SyncDispatcher()
    client_of(dispatcher=dispatcher)

    with pytest.raises(ConfigurationError, match="a dispatcher belongs to one client"):
        client_of(dispatcher=dispatcher)


def test_a_dispatcher_without_a_client_sends_nothing():
    with pytest.raises(ConfigurationError, match="a dispatcher belongs to a client"):
        SyncDispatcher().submit([], lambda: None)


# Keys


def test_keys_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("MPARTICLE_API_KEY", "env-key")
    monkeypatch.setenv("MPARTICLE_API_SECRET", "env-secret")
    with (
        LocalServer(api_key="env-key", api_secret="env-secret") as server,
        Client(environment="development", host=server.url) as client,
    ):
        assert client.send(BATCH).state == "delivered"


def test_arguments_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("MPARTICLE_API_KEY", "env-key")
    monkeypatch.setenv("MPARTICLE_API_SECRET", "env-secret")
    with (
        LocalServer() as server,
        Client("key", "secret", environment="development", host=server.url) as client,
    ):
        assert client.send(BATCH).state == "delivered"


def test_a_secret_can_hold_any_text():
    secret = "pässwörd:with:colons & spaces"
    with (
        LocalServer(api_secret=secret) as server,
        Client("key", secret, environment="development", host=server.url) as client,
    ):
        assert client.send(BATCH).state == "delivered"


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (
            (None, "hidden"),
            "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY",
        ),
        (
            ("key", None),
            "Client(api_secret=…): is missing; write Client(api_secret='…') or set "
            "MPARTICLE_API_SECRET",
        ),
        (
            ("", "hidden"),
            "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY",
        ),
        (
            ("key", ""),
            "Client(api_secret=…): is missing; write Client(api_secret='…') or set "
            "MPARTICLE_API_SECRET",
        ),
        (
            ("key", 5),
            "Client(api_secret=…): want a string, got int; write Client(api_secret='…') or set "
            "MPARTICLE_API_SECRET",
        ),
        (
            ("key", " hidden\n"),
            "Client(api_secret=…): has spaces around it; write Client(api_secret='…') or set "
            "MPARTICLE_API_SECRET",
        ),
        (
            ("key", "hid\nden"),
            "Client(api_secret=…): has characters that are not printable; "
            "write Client(api_secret='…') or set MPARTICLE_API_SECRET",
        ),
        (
            ("key", "hid\ud83dden"),
            "Client(api_secret=…): has characters that are not printable; "
            "write Client(api_secret='…') or set MPARTICLE_API_SECRET",
        ),
        (
            ("ke:y", "hidden"),
            "Client(api_key=…): a key has no ':'; write the key and the secret apart",
        ),
    ],
)
def test_bad_keys_fail_at_construction(keys, text):
    with pytest.raises(ConfigurationError) as raised:
        Client(*keys)

    assert str(raised.value) == text


# What it takes


def test_the_environment_fills_in_what_a_batch_lacks():
    transport = RecordingTransport()
    client_of(transport, environment="production").send(BATCH)

    assert transport.batches[0].environment == "production"


def test_what_is_equal_to_an_environment_is_sent_as_its_word():
    class Lazy:  # as a proxy of a settings module
        def __eq__(self, other):
            return other == "production"

        __hash__ = None

    transport = RecordingTransport()
    client_of(transport, environment=Lazy()).send(BATCH)

    assert transport.batches[0].environment == "production"


def test_the_environment_of_a_batch_wins():
    transport = RecordingTransport()
    client_of(transport, environment="production").send(BATCH.with_environment("development"))

    assert transport.batches[0].environment == "development"


def test_no_environment_at_all_is_an_error():
    transport = RecordingTransport()
    client = Client("key", "secret", transport=transport)
    with pytest.raises(InvalidBatch) as raised:
        client.send(BATCH)

    assert str(raised.value) == (
        "the batch has no environment; write Client(…, environment='development') "
        "or batch.with_environment('development')"
    )
    assert transport.requests == []
    assert client.stats.submitted == 0


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ([BATCH], "want a Batch, got list; write client.send(*batches)"),
        ((BATCH,), "want a Batch, got tuple; write client.send(*batches)"),
        (iter([BATCH]), "want a Batch, got list_iterator; write client.send(*batches)"),
        (None, "want a Batch, got NoneType; write client.send(Batch.for_user(…).event(…))"),
        ({}, "want a Batch, got dict; write client.send(Batch.for_user(…).event(…))"),
        (
            BATCH.events[0],
            "want a Batch, got AppEvent; write client.send(Batch.for_user(…).event(…))",
        ),
    ],
)
def test_what_is_no_batch_is_refused(argument, text):
    with pytest.raises(InvalidValue) as raised:
        client_of().send(argument)

    assert str(raised.value).startswith("send(")
    assert str(raised.value).endswith(text)


def test_an_empty_send_is_an_error():
    with pytest.raises(InvalidBatch) as raised:
        client_of().send()

    assert str(raised.value) == "send() needs at least one batch; write client.send(batch)"


def test_a_callback_that_is_none_is_refused_before_anything_is_sent():
    transport = RecordingTransport()
    with pytest.raises(InvalidValue) as raised:
        client_of(transport).send(BATCH, callback=5)

    assert str(raised.value) == (
        "send(callback=5): want a function of the delivery; write callback=print"
    )
    assert transport.requests == []


def test_nothing_is_accepted_when_one_of_several_is_wrong():
    transport = RecordingTransport()
    client = client_of(transport)
    with pytest.raises(InvalidValue):
        client.send(BATCH, BATCH, 5)

    assert transport.requests == []
    assert client.stats.submitted == 0


# Sealing


def counting():
    numbers = iter(range(1000))
    return lambda: f"id-{next(numbers)}"


def test_missing_ids_and_times_are_stamped_once():
    transport = RecordingTransport()
    client = client_of(transport, now=lambda: NOW, new_id=counting())
    client.send(BATCH.event("Compared"))

    (batch,) = transport.batches
    assert [event.at for event in batch.events] == [NOW, NOW]
    assert [event.source_message_id for event in batch.events] == ["id-0", "id-1"]
    assert batch.source_request_id == "id-2"


def test_what_is_given_is_kept():
    transport = RecordingTransport()
    client = client_of(transport, now=lambda: NOW, new_id=counting())
    client.send(
        Batch.for_user(customer_id="1")
        .with_source_request_id("mine")
        .event("Searched", at=NOW - HOUR, source_message_id="own")
    )

    (batch,) = transport.batches
    assert batch.source_request_id == "mine"
    assert (batch.events[0].at, batch.events[0].source_message_id) == (NOW - HOUR, "own")


def test_sending_does_not_change_the_batch():
    before = BATCH.to_json()
    client_of().send(BATCH)

    assert BATCH.to_json() == before
    assert BATCH.source_request_id is None


def test_each_send_has_an_id_of_its_own():
    transport = RecordingTransport()
    client = client_of(transport)
    client.send(BATCH)
    client.send(BATCH)

    assert len({batch.source_request_id for batch in transport.batches}) == 2


def test_a_retry_sends_the_same_bytes():
    clock = FakeTime()
    transport = RecordingTransport(503, 500, 202)
    client = client_of(transport, dispatcher=clock.dispatcher(), retry=Retry())
    client.send(BATCH)

    assert len({request.body for request in transport.requests}) == 1
    assert len(transport.requests) == 3
    assert client.stats.retries == 2


def test_sending_a_failed_batch_again_keeps_its_ids():
    transport = RecordingTransport(400, 202)
    client = client_of(transport)
    with pytest.raises(ApiError) as raised:
        client.send(BATCH)
    client.send(raised.value.batch)

    first, second = transport.requests
    assert first.body == second.body
    assert first.batch_ids == second.batch_ids == (raised.value.batch.source_request_id,)


def test_the_clock_may_give_any_instant():
    transport = RecordingTransport()
    client_of(transport, now=lambda: datetime(2026, 11, 23, tzinfo=UTC)).send(BATCH)

    assert transport.batches[0].events[0].at == 1_795_392_000_000


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (1_790_000_000, "looks like seconds"),
        (datetime(2026, 1, 1), "has no time zone"),
    ],
)
def test_a_clock_in_seconds_is_an_error(now, text):
    with pytest.raises(InvalidTime, match=text):
        client_of(now=lambda: now).send(BATCH)


@pytest.mark.parametrize("made", [5, "", None])
def test_ids_that_are_no_text_are_an_error(made):
    with pytest.raises(InvalidBatch, match="new_id"):
        client_of(new_id=lambda: made).send(BATCH)


def test_headers_say_what_is_sent_and_who_sends():
    transport = RecordingTransport()
    client_of(transport).send(BATCH)

    assert dict(transport.requests[0].headers) == {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "mpfluent/" + __import__("mpfluent").__version__,
    }


# Historical


def historical(*batches, transport=None):
    transport = transport or RecordingTransport()
    client_of(transport, historical=True, now=lambda: NOW).send(*batches)
    return transport


OLD = Batch.for_user(customer_id="1").event("Searched", at=NOW - 72 * HOUR)


def test_historical_batches_have_an_endpoint_of_their_own():
    transport = historical(OLD)
    historical(OLD, OLD, transport=transport)

    assert [request.url.partition(".com")[2] for request in transport.requests] == [
        "/v2/bulkevents/historical",
        "/v2/bulkevents/historical",
    ]
    assert [len(request.json()) for request in transport.requests] == [1, 2]


@pytest.mark.parametrize(
    ("batch", "text"),
    [
        (
            Batch.for_user(customer_id="1").with_user_attributes(plan="trial"),
            "the historical endpoint takes no batch without events; "
            "write Client(…) without historical=True for profile data",
        ),
        (
            OLD.event("Compared"),
            "events[1] has no time, which the historical endpoint needs; write at=…",
        ),
        (
            OLD.event("Compared", at=NOW - 72 * HOUR + 1),
            "events[1] is younger than 72 hours, which the historical endpoint skips; "
            "send it with Client(…) without historical=True",
        ),
    ],
)
def test_what_the_historical_endpoint_skips_is_an_error(batch, text):
    transport = RecordingTransport()
    with pytest.raises(InvalidBatch) as raised:
        historical(batch, transport=transport)

    assert str(raised.value) == text
    assert transport.requests == []


def test_before_send_cannot_break_the_rules_of_the_historical_endpoint():
    client = client_of(
        historical=True, now=lambda: NOW, before_send=lambda batch: batch.event("Now", at=NOW)
    )

    with pytest.raises(InvalidBatch, match="younger than 72 hours"):
        client.send(OLD)


def test_old_events_in_history_are_no_problem(caplog):
    historical(OLD.with_environment("production").event("Older", at=NOW - 1000 * HOUR))

    assert caplog.records == []


# before_send


def test_before_send_sees_the_sealed_batch_and_may_change_it():
    transport = RecordingTransport()
    seen = []

    def redact(batch):
        seen.append(batch)
        return batch.without_identities("email")

    batch = Batch.for_user(customer_id="1", email="x@example.com").event("Searched")
    client_of(transport, before_send=redact).send(batch)

    assert seen[0].source_request_id == transport.batches[0].source_request_id
    assert transport.batches[0].user_identities.email is None
    assert transport.batches[0].environment == "development"


def test_before_send_may_return_a_batch_that_was_not_sealed():
    transport = RecordingTransport()
    client_of(transport, before_send=lambda batch: BATCH).send(BATCH)

    (batch,) = transport.batches
    assert batch.source_request_id is not None
    assert batch.environment == "development"
    assert batch.events[0].at is not None


def test_a_batch_that_before_send_drops_reaches_on_failed_and_never_raises():
    transport = RecordingTransport()
    failures = []
    client = client_of(
        transport,
        before_send=lambda batch: None,
        on_failed=lambda batch, error: failures.append((batch, error)),
    )
    delivery = client.send(BATCH)

    assert delivery.state == "failed"
    assert client.stats.failed_by_reason == {"filtered": 1}
    ((batch, error),) = failures
    assert (error.reason, str(error)) == ("filtered", "before_send dropped the batch")
    assert batch.source_request_id is not None
    assert error.batch is batch
    assert transport.requests == []
    assert adds_up(client)


def test_before_send_drops_some_of_several():
    transport = RecordingTransport()
    client = client_of(
        transport,
        before_send=lambda batch: None if batch.user_identities.customer_id == "1" else batch,
    )
    delivery = client.send(*numbered(3))

    assert people(transport) == ["0", "2"]
    assert delivery.state == "failed"
    assert [error.reason for error in delivery.failures] == ["filtered"]
    assert client.stats[:3] == (3, 2, 1)


def test_before_send_that_raises_keeps_the_batch_from_leaving(caplog):
    transport = RecordingTransport()

    def broken(batch):
        raise ValueError("customer 1 is odd")

    client = client_of(transport, before_send=broken)
    with pytest.raises(DeliveryError) as raised:
        client.send(BATCH)

    assert str(raised.value) == "before_send raised ValueError; the batch was not sent"
    assert raised.value.reason == "filtered"
    assert isinstance(raised.value.__cause__, ValueError)
    assert transport.requests == []
    assert client.stats.hook_errors == 1
    assert "customer" not in caplog.text


@pytest.mark.parametrize("returned", [True, {}, "batch", 5])
def test_before_send_that_returns_no_batch_is_an_error_at_the_call(returned):
    client = client_of(before_send=lambda batch: returned)
    with pytest.raises(InvalidValue) as raised:
        client.send(BATCH)

    assert str(raised.value) == (
        f"before_send returned {type(returned).__name__}: want a Batch, or None to drop it; "
        "write return batch"
    )
    assert client.stats.submitted == 0


# Callbacks


def test_callbacks_are_called_once_for_each_batch():
    delivered, failed, settled = [], [], []
    answers = iter([202, 400, 202, 400, 400, 202, 202])
    client = client_of(
        FunctionTransport(lambda request: next(answers)),
        on_delivered=lambda batch, response: delivered.append((batch, response)),
        on_failed=lambda batch, error: failed.append((batch, error)),
    )
    client.send(BATCH, callback=settled.append)
    with pytest.raises(ApiError):
        client.send(BATCH, callback=settled.append)
    client.send(*numbered(3), callback=settled.append)

    assert len(delivered) == 4
    assert all(type(response) is Response for _, response in delivered)
    assert len(failed) == 1
    assert failed[0][1].batch is failed[0][0]
    assert failed[0][1].status_code == 400
    assert [delivery.state for delivery in settled] == ["delivered", "failed", "delivered"]
    assert adds_up(client)


def test_a_send_is_settled_when_its_callback_is_called():
    states = []
    client = client_of(on_delivered=lambda *_: states.append(client.stats.delivered))
    client.send(BATCH, callback=lambda delivery: states.append(delivery.wait(0)))

    assert states == [1, True]


def boom(*_):
    raise ValueError("customer 1")


@pytest.mark.parametrize("hook", ["on_delivered", "on_failed", "callback"])
def test_a_callback_that_raises_is_counted_and_logged_without_its_words(hook, caplog):
    hooks = {hook: boom} if hook != "callback" else {}
    client = client_of(RecordingTransport(*[400 if hook == "on_failed" else 202] * 3), **hooks)
    options = {"callback": boom} if hook == "callback" else {}
    for _ in range(3):
        if hook == "on_failed":
            with pytest.raises(ApiError):
                client.send(BATCH, **options)
        else:
            assert client.send(BATCH, **options).state == "delivered"

    assert client.stats.hook_errors == 3
    assert [record.getMessage() for record in caplog.records] == [
        "the callback boom raised ValueError; delivery goes on"
    ]
    assert adds_up(client)


def test_a_log_handler_that_raises_stops_nothing():
    class Broken(logging.Handler):
        def emit(self, record):
            raise ValueError("the disk is full")

    handler = Broken()
    logger = logging.getLogger("mpfluent")
    logger.addHandler(handler)
    try:
        client = client_of(on_delivered=boom)
        assert client.send(BATCH).state == "delivered"
        assert client.send(BATCH).state == "delivered"
    finally:
        logger.removeHandler(handler)
    assert client.stats.hook_errors == 2


def test_a_send_from_a_callback_works():
    transport = RecordingTransport()

    def again(batch, response):
        if len(transport.requests) < 3:
            client.send(BATCH)

    client = client_of(transport, on_delivered=again)
    client.send(BATCH)

    assert len(transport.requests) == 3
    assert client.stats.delivered == 3


# Several batches


def failing_for(*names):
    def judge(request):
        return 400 if any(f'"{name}"'.encode() in request.body for name in names) else 202

    return FunctionTransport(judge)


def test_all_of_several_are_tried_and_the_first_error_is_raised():
    deliveries = []
    client = client_of(failing_for("2", "5"))
    with pytest.raises(ApiError) as raised:
        client.send(*numbered(8), callback=deliveries.append)

    (delivery,) = deliveries
    assert client.stats.delivered == 6
    assert [e.batch.user_identities.customer_id for e in delivery.failures] == ["2", "5"]
    assert raised.value is delivery.failures[0]
    with pytest.raises(ApiError) as again:
        delivery.result()
    assert again.value is delivery.failures[0]
    assert adds_up(client)


def test_a_split_batch_is_one_batch_in_stats():
    batch = Batch.for_user(customer_id="1")
    for _ in range(40):
        batch = batch.event("Searched", {"query": "x" * 4000})
    outcomes = []
    transport = RecordingTransport()
    client = client_of(transport, on_delivered=lambda batch, response: outcomes.append(batch))
    client.send(batch)

    assert client.stats[:3] == (1, 1, 0)
    assert len(transport.batches) == 2
    assert len(outcomes) == 1
    assert len(outcomes[0].events) == 40


def test_a_split_batch_of_which_a_part_fails_has_failed_once():
    batch = Batch.for_user(customer_id="1")
    for number in range(40):
        batch = batch.event(f"Searched {number}", {"query": "x" * 4000})
    failures = []
    client = client_of(
        failing_for("Searched 39"), on_failed=lambda batch, error: failures.append(error)
    )
    with pytest.raises(ApiError):
        client.send(batch)

    assert client.stats[:3] == (1, 0, 1)
    assert len(failures) == 1
    assert len(failures[0].batch.events) == 40


# Delivery


def test_a_delivery_says_what_became_of_it():
    delivery = client_of(RecordingTransport(Response(202, {"X-Any": "1"}, b"ok"))).send(BATCH)

    assert delivery.state == "delivered"
    assert delivery.wait() is True
    assert delivery.wait(0) is True
    assert delivery.result() == Response(202, {"X-Any": "1"}, b"ok")
    assert delivery.failures == ()
    assert repr(delivery) == "<Delivery delivered>"


def test_a_delivery_that_is_pending_can_be_waited_for():
    delivery = Delivery(2)

    assert delivery.state == "pending"
    assert delivery.wait(0) is False
    with pytest.raises(TimeoutError) as raised:
        delivery.result(0)
    assert str(raised.value) == "still pending after 0 s"

    delivery._settle(Response(202))
    assert delivery.state == "pending"
    threading.Timer(0.01, delivery._settle, (DeliveryError("no", reason="closed"),)).start()

    assert delivery.wait(5) is True
    assert delivery.state == "failed"
    with pytest.raises(DeliveryError, match="no"):
        delivery.result()


def test_done_callbacks_are_called_once_now_or_later(caplog):
    delivery = Delivery(1)
    called = []
    delivery.add_done_callback(called.append)
    delivery.add_done_callback(boom)
    delivery.add_done_callback(called.append)

    assert called == []
    delivery._settle(Response(202))
    assert called == [delivery, delivery]
    delivery.add_done_callback(called.append)
    assert called == [delivery] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "the callback boom raised ValueError; delivery goes on"
    ]


def test_a_delivery_can_be_awaited():
    async def main():
        settled = client_of().send(BATCH)
        pending = Delivery(1)
        timer = threading.Timer(0.01, pending._settle, (Response(204),))
        timer.start()
        both = await asyncio.gather(_of(settled), _of(pending))
        timer.join()
        return both

    assert [response.status_code for response in asyncio.run(main())] == [202, 204]


async def _of(delivery):
    return await delivery


def test_awaiting_a_failed_delivery_raises_its_error():
    async def main():
        delivery = Delivery(1)
        delivery._settle(TransportError("no answer"))
        return await delivery

    with pytest.raises(TransportError, match="no answer"):
        asyncio.run(main())


def test_an_await_that_is_cancelled_or_outlived_harms_nothing(caplog):
    delivery = Delivery(1)

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_of(delivery), 0.01)

    asyncio.run(main())
    delivery._settle(Response(202))

    assert delivery.state == "delivered"
    assert caplog.records == []


# send_all


def test_send_all_streams_in_bulk_and_in_order():
    transport = RecordingTransport()
    client = client_of(transport)
    report = client.send_all(iter(numbered(250)))

    assert people(transport) == [str(n) for n in range(250)]
    assert [len(request.json()) for request in transport.requests] == [100, 100, 50]
    assert report[:4] == (250, 250, 0, 0)
    assert report.failures == ()
    assert adds_up(client)


def test_send_all_of_nothing_is_nothing():
    assert client_of().send_all([])[:4] == (0, 0, 0, 0)


def test_send_all_counts_failures_and_keeps_the_first_hundred(caplog):
    client = client_of(FunctionTransport(lambda request: 400))
    report = client.send_all(numbered(150))

    assert report.failed_by_reason == {"rejected": 150}
    assert len(report.failures) == 100
    assert report.failures[0].batch.user_identities.customer_id == "0"
    assert [record.getMessage() for record in caplog.records] == [
        "150 of 150 batches failed: 150 rejected"
    ]


def test_send_all_reads_as_it_sends():
    transport = RecordingTransport()
    ahead = []

    def stream():
        for number in range(1000):
            ahead.append(number - sum(len(r.json()) for r in transport.requests))
            yield Batch.for_user(customer_id=str(number)).event("Searched")

    report = client_of(transport).send_all(stream())

    assert report.delivered == 1000
    assert max(ahead) <= 100


def test_send_all_holds_no_batch_longer_than_it_needs():
    alive = []

    class Marked(Batch):
        pass

    def count(request):
        gc.collect()
        alive.append(sum(type(thing) is Marked for thing in gc.get_objects()))
        return 202

    def stream():
        for number in range(300):
            yield Marked.for_user(customer_id=str(number)).event("Searched")

    client_of(FunctionTransport(count)).send_all(stream())

    assert len(alive) == 3
    assert max(alive) <= 350  # a hundred, sealed and as it came, and the one that is being made


def test_send_all_of_large_batches_holds_a_megabyte_or_so():
    sizes = []
    large = Batch.for_user(customer_id="1").event("Searched", {"query": "x" * 4000})
    for _ in range(24):
        large = large.event("Searched", {"query": "x" * 4000})

    def stream():
        for _ in range(40):
            sizes.append(len(transport.requests))
            yield large

    transport = RecordingTransport()
    report = client_of(transport).send_all(stream())

    assert report.delivered == 40
    assert sizes[20] > 0


def test_what_came_before_an_error_in_the_stream_is_sent():
    def stream():
        yield from numbered(130)
        raise OSError("the file ended")

    transport = RecordingTransport()
    client = client_of(transport)
    with pytest.raises(OSError, match="the file ended"):
        client.send_all(stream())

    assert len(transport.batches) == 130
    assert client.stats[:3] == (130, 130, 0)


def test_what_came_before_an_invalid_batch_is_sent():
    transport = RecordingTransport()
    client = client_of(transport)
    with pytest.raises(InvalidValue):
        client.send_all([*numbered(3), "batch", *numbered(3)])

    assert people(transport) == ["0", "1", "2"]
    assert adds_up(client)


def test_send_all_counts_what_is_too_large():
    huge = Batch.for_user(customer_id="huge").event(
        "Searched", {f"key {n}": "x" * 4000 for n in range(40)}
    )
    failures = []
    transport = RecordingTransport()
    client = client_of(transport, on_failed=lambda batch, error: failures.append((batch, error)))
    report = client.send_all([numbered(1)[0], huge, numbered(1)[0]])

    assert report.failed_by_reason == {"too_large": 1}
    assert report.delivered == 2
    ((batch, error),) = failures
    assert error.reason == "too_large"
    assert error.batch is batch
    assert batch.source_request_id is not None
    assert adds_up(client)


def test_send_raises_what_is_too_large_on_the_line_that_sends():
    huge = Batch.for_user(customer_id="huge").event(
        "Searched", {f"key {n}": "x" * 4000 for n in range(40)}
    )
    client = client_of()
    with pytest.raises(TooLarge):
        client.send(BATCH, huge)

    assert client.stats.submitted == 0


@pytest.mark.parametrize("argument", [None, 5, BATCH])
def test_send_all_wants_an_iterable(argument):
    with pytest.raises(InvalidValue) as raised:
        client_of().send_all(argument)

    assert str(raised.value).endswith("write client.send_all([batch])")


def test_send_all_ends_when_the_client_is_closed_meanwhile():
    def stream():
        yield from numbered(150)
        client.close()
        yield from numbered(150)

    transport = RecordingTransport()
    client = client_of(transport)
    with pytest.raises(Closed):
        client.send_all(stream())

    assert len(transport.batches) == 100
    assert adds_up(client)


# The end


def test_close_reports_and_reports_the_same_again():
    client = client_of(RecordingTransport(202, 400))
    client.send(BATCH)
    with pytest.raises(ApiError):
        client.send(BATCH)

    assert client.close() == (1, 1, 0)
    assert client.close() is client.close(1)
    assert repr(client) == "<Client https://s2s.us1.mparticle.com development closed>"


def test_nothing_is_sent_after_close():
    transport = RecordingTransport()
    client = client_of(transport)
    client.close()
    for call in (lambda: client.send(BATCH), lambda: client.send_all([BATCH])):
        with pytest.raises(Closed) as raised:
            call()
        assert str(raised.value) == "the client is closed; write Client(…) for a new one"
        assert raised.value.reason == "closed"

    assert transport.requests == []
    assert client.flush() is True


def test_the_with_block_closes_the_client_and_its_transport():
    closed = []

    class Transport(RecordingTransport):
        def close(self):
            closed.append(len(self.requests))

    with client_of(Transport()) as client:
        client.send(BATCH)

    assert closed == [1]
    with pytest.raises(Closed):
        client.send(BATCH)


def test_a_transport_that_cannot_be_closed_is_logged(caplog):
    class Transport(RecordingTransport):
        def close(self):
            raise OSError("customer 1")

    client = client_of(Transport())
    client.send(BATCH)

    assert client.close() == (1, 0, 0)
    assert client.stats.hook_errors == 1
    assert "close raised OSError" in caplog.text
    assert "customer" not in caplog.text


@pytest.mark.parametrize("hook", ["on_delivered", "on_failed", "callback"])
def test_close_and_flush_in_a_callback_do_not_wait_for_it(hook):
    reports = []

    def close(*_):
        reports.append((client.flush(), client.close()))

    options = {hook: close} if hook != "callback" else {}
    client = client_of(RecordingTransport(*[400 if hook == "on_failed" else 202] * 2), **options)
    if hook == "on_failed":
        with pytest.raises(ApiError):
            client.send(BATCH)
    else:
        client.send(BATCH, callback=close if hook == "callback" else None)

    assert len(reports) == 1
    assert client.close().left == 0
    assert adds_up(client)


def test_what_is_left_when_a_callback_closes_fails_as_closed():
    closes = []

    def close(*_):
        closes.append(client.close())

    client = client_of(failing_for("0"), on_failed=close)
    with pytest.raises(ApiError):
        client.send(*numbered(4))

    assert client.stats.failed_by_reason["rejected"] == 1
    assert client.stats.failed_by_reason["closed"] >= 1
    assert client.close().left == 0
    assert adds_up(client)


def test_close_waits_for_what_other_threads_send():
    entered, leave = threading.Event(), threading.Event()

    def slow(request):
        entered.set()
        leave.wait(5)
        return 202

    client = client_of(FunctionTransport(slow))
    sender = threading.Thread(target=client.send, args=(BATCH,))
    sender.start()
    assert entered.wait(5)
    assert client.flush(0) is False
    assert client.stats.pending == 1
    threading.Timer(0.05, leave.set).start()

    assert client.flush(5) is True
    assert client.close() == (1, 0, 0)
    sender.join()


def test_close_ends_the_waits_of_other_threads():
    waiting = threading.Event()

    def unavailable(request):
        waiting.set()
        return 503

    client = client_of(
        FunctionTransport(unavailable), retry=Retry(base=60, max_elapsed=600, random=lambda: 1.0)
    )
    errors = []

    def send():
        with pytest.raises(Closed) as raised:
            client.send(BATCH)
        errors.append(raised.value)

    sender = threading.Thread(target=send)
    sender.start()
    assert waiting.wait(5)
    began = time.monotonic()
    report = client.close(0.05)

    assert time.monotonic() - began < 5
    sender.join(5)
    assert report == (0, 1, 0)
    assert errors[0].reason == "closed"
    assert errors[0].batch.events
    assert client.stats.failed_by_reason == {"closed": 1}


def test_close_says_what_it_left_behind():
    entered, leave = threading.Event(), threading.Event()

    def slow(request):
        entered.set()
        leave.wait(5)
        return 202

    client = client_of(FunctionTransport(slow))
    sender = threading.Thread(target=client.send, args=(BATCH,))
    sender.start()
    assert entered.wait(5)

    assert client.close(0.01) == (0, 0, 1)
    leave.set()
    sender.join(5)
    assert client.close() == (0, 0, 1)
    assert client.stats.delivered == 1


def test_closing_in_several_threads_at_once_is_one_closing():
    closes = []

    class Transport(RecordingTransport):
        def close(self):
            closes.append(1)

    client = client_of(Transport())
    client.send(BATCH)
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(client.close())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert reports == [(1, 0, 0)] * 8


def test_closing_two_threads_from_each_others_callbacks_ends():
    """Each waits for the other's delivery, which waits for the callback."""
    both = threading.Barrier(2)

    def close(*_):
        both.wait(5)
        client.close()

    client = client_of(on_delivered=close)
    threads = [threading.Thread(target=client.send, args=(BATCH,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert [thread.is_alive() for thread in threads] == [False, False]
    assert client.close() == (2, 0, 0)


def test_closing_by_the_garbage_collector_in_the_midst_of_a_send_ends():
    class App:
        def __del__(self):
            client.close()

    def send(request):
        app = App()
        app.itself = app
        del app
        gc.collect()
        return 202

    client = client_of(FunctionTransport(send))
    with client._counters._lock:  # the thread holds what closing needs
        App()

    assert client.close() == (0, 0, 0)

    client = client_of(FunctionTransport(send))
    client.send(BATCH)
    assert client.close() == (1, 0, 0)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupted_send_settles_every_batch(error):
    failures = []

    def interrupt(request):
        if b'"120"' in request.body:
            raise error
        return 202

    client = client_of(
        FunctionTransport(interrupt), on_failed=lambda batch, error: failures.append(error)
    )
    with pytest.raises(error):
        client.send(*numbered(250))

    assert client.stats.delivered == 100
    assert client.stats.failed_by_reason == {"transport_error": 150}
    assert str(failures[0]) == f"sending was broken off by {error.__name__}"
    assert len(failures) == 150
    assert client.flush() is True


def test_a_callback_that_exits_settles_every_batch():
    def leave(*_):
        raise SystemExit(3)

    client = client_of(on_delivered=leave)
    with pytest.raises(SystemExit):
        client.send(*numbered(3))

    assert client.stats.pending == 0
    assert adds_up(client)


def test_a_broken_retry_policy_settles_every_batch():
    client = client_of(RecordingTransport(503), retry=Retry(random=lambda: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        client.send(BATCH)

    assert client.stats.failed_by_reason == {"transport_error": 1}


def test_a_client_is_not_pickled():
    client = client_of()
    for thing in (client, client._sender._credentials):
        with pytest.raises(ConfigurationError):
            pickle.dumps(thing)


# Documented limits


LONG = Batch.for_user(customer_id="1").event("E" * 300).event("F" * 300)


def test_a_problem_raises_in_development():
    transport = RecordingTransport()
    client = client_of(transport)
    with pytest.raises(InvalidBatch) as raised:
        client.send(LONG)

    assert str(raised.value).startswith("events[0].event_name has 300 characters; ")
    assert str(raised.value).endswith(" (and 1 more); batch.problems() lists them all")
    assert transport.requests == []


def test_a_problem_is_logged_once_a_kind_in_production(caplog):
    transport = RecordingTransport()
    client = client_of(transport, environment="production")
    client.send(LONG)
    client.send(LONG)
    client.send(LONG.with_user_attributes(note="x" * 5000))

    assert len(transport.requests) == 3
    assert [record.getMessage() for record in caplog.records] == [
        f"a batch has a problem of the kind {kind}, logged once; batch.problems() says more"
        for kind in ("name_too_long at events[0].event_name", "value_too_long at user_attributes")
    ]


@pytest.mark.parametrize("environment", ["development", "production"])
def test_advice_never_raises(environment, caplog):
    client = client_of(environment=environment, now=lambda: NOW)
    client.send(Batch().event("Searched", at=NOW - 40 * 24 * HOUR))

    kinds = [record.getMessage().split()[8].strip(",") for record in caplog.records]
    assert sorted(kinds) == ["nobody", "old_event"]


# Stats


def test_stats_are_a_snapshot():
    client = client_of()
    before = client.stats
    client.send(BATCH)

    assert before == (0, 0, 0, 0, 0, {}, 0, 0)
    assert client.stats == (1, 1, 0, 0, 0, {}, 0, 0)
    with pytest.raises(TypeError):
        client.stats.failed_by_reason["rejected"] = 1


def test_stats_add_up_at_every_moment():
    broken = []
    stop = threading.Event()
    answers = iter([202, 400, 503] * 10_000)
    client = client_of(FunctionTransport(lambda request: next(answers)))

    def watch():
        while not stop.is_set():
            stats = client.stats
            if stats.submitted != stats.delivered + stats.failed + stats.pending:
                broken.append(stats)
            if stats.pending < 0:
                broken.append(stats)

    watcher = threading.Thread(target=watch)
    watcher.start()

    def work():
        for batch in numbered(40):
            client.send_all([batch, batch])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    watcher.join()

    assert broken == []
    assert client.stats.submitted == 320
    assert client.stats.pending == 0


def test_a_batch_on_the_wire_reads_back_as_it_was_sealed():
    transport = RecordingTransport()
    sealed = []
    client = client_of(transport, on_delivered=lambda batch, _: sealed.append(batch))
    client.send(BATCH)

    assert transport.batches == sealed
    assert json.loads(transport.requests[0].body) == sealed[0].to_dict()


# Other processes, as a fork without hooks makes them


def test_a_delivery_of_the_parent_is_not_waited_for(monkeypatch):
    delivery = Delivery(1)
    delivery._lock.acquire()  # by a thread that is only in the parent
    monkeypatch.setattr(os, "getpid", lambda: -1)

    assert delivery.state == "pending"
    assert delivery.wait() is False
    with pytest.raises(TimeoutError) as raised:
        delivery.result()
    assert str(raised.value) == "still pending in the process that sent it"


def test_a_child_begins_to_count_from_zero(monkeypatch):
    entered, leave = threading.Event(), threading.Event()

    def slow(request):
        if threading.current_thread() is not threading.main_thread():
            entered.set()
            leave.wait(5)
        return 202

    client = client_of(FunctionTransport(slow))
    sender = threading.Thread(target=client.send, args=(BATCH,))
    sender.start()
    assert entered.wait(5)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)

        assert client.stats.submitted == 0
        assert client.flush() is True
        client.send(BATCH)
        assert client.stats[:2] == (1, 1)
        assert client.close() == (1, 0, 0)
        leave.set()
        sender.join(5)


# What an outbox keeps


def test_a_kept_delivery_is_neither_delivered_nor_failed():
    delivery = Delivery(2)
    delivery._settle(Response(202))
    delivery._settle(Kept("kept for later"))

    assert delivery.state == "kept"
    assert delivery.failures == ()
    with pytest.raises(Kept, match="kept for later"):
        delivery.result()


PARTS = (Part("id-1", b"{}", 2), Part("id-2", b"{}", 2))


def test_a_job_is_settled_once():
    job = Job(BATCH, PARTS, lambda *_: None)

    assert job.settle_part("id-1", Response(202)) is False
    assert job.settle_part("id-1", Response(202)) is False  # twice is not both
    assert job.outcome is None
    job.give_up(TransportError("broken off"))
    assert job.settle_part("id-2", Response(202)) is False
    job.give_up(TransportError("again"))
    assert str(job.outcome) == "broken off"
    assert job.id == "id"
    assert repr(job) == "<Job of 2 parts, 0 open>"


def test_a_job_that_is_given_up_again_and_again_is_notified_of_once():
    failed, settlement = [], Settlement(None, time.monotonic)
    notifier = Notifier(Counters(), None, lambda batch, error: failed.append(str(error)))
    settlement.open(Destination("https://host", "fingerprint"), notifier, Batch)
    job = Job(BATCH, PARTS)

    assert settlement.give_up([job], TransportError("broken off")) == 1
    assert settlement.give_up([job], TransportError("again")) == 0
    settlement.resume([job], TransportError("again"))
    assert failed == ["broken off"]
    assert (job.notified, job.settled) == (True, True)


def test_a_part_that_failed_counts_more_than_one_that_is_kept():
    job = Job(BATCH, PARTS, lambda *_: None)
    job.settle_part("id-1", Kept("kept"))
    job.settle_part("id-2", TransportError("refused"))

    assert str(job.outcome) == "refused"


def test_a_job_reads_its_batch_only_when_somebody_asks():
    body = BATCH.with_source_request_id("id").to_json().encode()
    job = Job(Batch, (Part("id", body, len(body)),), lambda *_: None)

    assert job._batch is Batch
    assert job.batch == BATCH.with_source_request_id("id")
    assert job.batch is job.batch


def test_a_job_that_is_interrupted_as_it_is_settled_is_open_still(monkeypatch):
    job = Job(BATCH, PARTS[:1], lambda *_: None)
    with monkeypatch.context() as patched:
        patched.setattr(Job, "_take", interrupted)
        with pytest.raises(KeyboardInterrupt):
            job.settle_part("id-1", Response(202))
        with pytest.raises(KeyboardInterrupt):
            job.give_up(TransportError("broken off"))

    assert job.has_open("id-1")
    job.give_up(TransportError("broken off"))
    assert str(job.outcome) == "broken off"


@pytest.mark.parametrize("dispatcher", [SyncDispatcher, ThreadedDispatcher])
@pytest.mark.parametrize(
    ("counted", "stats", "state"),
    [(False, (0, 0, 0, 0), "pending"), (True, (1, 0, 1, 0), "failed")],
    ids=["before it is counted", "when it is counted"],
)
def test_a_send_that_is_interrupted_is_told_if_it_was_counted(
    dispatcher, counted, stats, state, monkeypatch
):
    told, deliveries = [], []
    client = client_of(
        RecordingTransport(),
        dispatcher=dispatcher(),
        on_failed=lambda batch, error: told.append(error.reason),
    )
    submitted = client._counters.submitted

    def interrupting(*call):
        if counted:
            submitted(*call)
        raise KeyboardInterrupt

    monkeypatch.setattr(client._counters, "submitted", interrupting)
    monkeypatch.setattr(
        client,
        "_begin",
        lambda batches, begin=client._begin: deliveries.append(begin(batches)) or deliveries[0],
    )

    with pytest.raises(KeyboardInterrupt):
        client.send(BATCH)

    assert client.stats[:4] == stats
    assert len(told) == stats[2]
    assert deliveries[0][0].state == state
    assert client.flush(0) is True


def interrupted(*_):
    raise KeyboardInterrupt


# Asking for things that are not there


def test_the_test_kit_says_what_it_lacks():
    import mpfluent.testing

    with pytest.raises(AttributeError, match=r"'mpfluent\.testing' has no attribute 'Nothing'"):
        mpfluent.testing.Nothing


# A hook that leaves: by sys.exit, or because somebody pressed Ctrl-C in it


@pytest.mark.parametrize("leave", [SystemExit("lost a batch"), KeyboardInterrupt()])
def test_a_hook_that_leaves_settles_every_batch_first(leave):
    def bye(*_):
        raise leave

    delivered = Client(
        "k", "s", environment="development", transport=RecordingTransport(), on_delivered=bye
    )
    with pytest.raises(type(leave)):
        delivered.send(*[Batch.for_user(mpid=number) for number in range(1, 5)])
    refused = RecordingTransport(*[400] * 9)
    failed = Client("k", "s", environment="development", transport=refused, on_failed=bye)
    with pytest.raises(type(leave)):
        failed.send(*[Batch.for_user(mpid=number) for number in range(1, 5)])
    dropped = Client(
        "k", "s", environment="development", before_send=lambda batch: None, on_failed=bye
    )
    with pytest.raises(type(leave)):
        dropped.send(*[Batch.for_user(mpid=number) for number in range(1, 5)])

    assert (delivered.stats.delivered, delivered.stats.pending) == (4, 0)
    assert (failed.stats.failed, failed.stats.pending) == (4, 0)
    assert (dropped.stats.failed, dropped.stats.pending) == (4, 0)
    assert failed.close().left == 0


def test_the_result_of_a_delivery_does_not_raise_for_what_was_dropped_on_purpose():
    client = Client(
        "k",
        "s",
        environment="development",
        transport=RecordingTransport(),
        before_send=lambda batch: None if batch.mpid == 1 else batch,
    )

    delivery = client.send(Batch.for_user(mpid=1), Batch.for_user(mpid=2))

    assert delivery.result().status_code == 202
    assert [error.reason for error in delivery.failures] == ["filtered"]


@pytest.mark.parametrize("verb", ["flush", "close"])
@pytest.mark.parametrize("timeout", ["x", True, -1, float("nan")])
def test_a_timeout_is_in_seconds(verb, timeout):
    client = Client("k", "s", environment="development", transport=RecordingTransport())

    with pytest.raises(InvalidValue) as caught:
        getattr(client, verb)(timeout)

    assert str(caught.value) == (
        f"{verb}(timeout={timeout!r}): want seconds, or None for as long as it takes; "
        f"write {verb}(5.0)"
    )


@pytest.mark.parametrize("verb", ["flush", "close"])
def test_a_timeout_is_a_number_that_clocks_can_count(verb):
    client = Client("k", "s", environment="development", transport=RecordingTransport())

    with pytest.raises(InvalidValue, match=r"want seconds, or None for as long as it takes"):
        getattr(client, verb)(10**5000)


def test_what_is_no_batch_among_many_is_told_after_those_before_it_left():
    sent = RecordingTransport()
    client = Client("k", "s", environment="development", transport=sent)

    with pytest.raises(InvalidValue) as caught:
        client.send_all([Batch.for_user(mpid=1), "x"])

    assert str(caught.value) == (
        "send_all(['x', …]): want batches, got str; write Batch.for_user(…).event(…)"
    )
    assert [batch.mpid for batch in sent.batches] == [1]
