"""Wrong settings, and what a client cannot send, with the errors' texts."""

from __future__ import annotations

import pytest
from mistake_tables import BATCH, NOW_MS, SEARCHED, assert_error, client, mistakes

from mpfluent import (
    Batch,
    Client,
    Closed,
    Configuration,
    ConfigurationError,
    EventsApi,
    FunctionTransport,
    InvalidBatch,
    InvalidValue,
    RecordingTransport,
    RequestsTransport,
    Retry,
    TooLarge,
)


def api(**options):
    """Return an ``EventsApi`` that sends nowhere."""
    options = {"environment": "development", "transport": RecordingTransport(), **options}
    return EventsApi(Configuration(api_key="key", api_secret="secret", **options))


# Settings


@mistakes(
    (
        lambda: Client(),
        ConfigurationError,
        "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY",
    ),
    (
        lambda: Client("key"),
        ConfigurationError,
        "Client(api_secret=…): is missing; write Client(api_secret='…') or set "
        "MPARTICLE_API_SECRET",
    ),
    (
        lambda: Client("", "secret"),
        ConfigurationError,
        "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY",
    ),
    (
        lambda: Client("key", "s3cret\n"),
        ConfigurationError,
        "Client(api_secret=…): has spaces around it; write Client(api_secret='…') or set "
        "MPARTICLE_API_SECRET",
    ),
    (
        lambda: Client("key", 5),
        ConfigurationError,
        "Client(api_secret=…): want a string, got int; write Client(api_secret='…') or set "
        "MPARTICLE_API_SECRET",
    ),
    (
        lambda: Client("key:s3cret", "s3cret"),
        ConfigurationError,
        "Client(api_key=…): a key has no ':'; write the key and the secret apart",
    ),
    (
        lambda: EventsApi(),
        ConfigurationError,
        "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY",
    ),
    (
        lambda: EventsApi("key"),
        ConfigurationError,
        "EventsApi('key'): want a Configuration; "
        "write EventsApi(Configuration(api_key=…, api_secret=…))",
    ),
    (
        lambda: client(environment="dev"),
        ConfigurationError,
        "Client(environment='dev'): not an environment; "
        "did you mean 'development'? (development, production)",
    ),
    (
        lambda: client(environment="staging"),
        ConfigurationError,
        "Client(environment='staging'): not an environment; want one of development, production",
    ),
    (
        lambda: client(environment=["development"]),
        ConfigurationError,
        "Client(environment=['development']): not an environment; "
        "want one of development, production",
    ),
    (
        lambda: client(pod="us3"),
        ConfigurationError,
        "Client(pod='us3'): not a pod; did you mean 'us2'? (us1, us2, eu1, au1)",
    ),
    (
        lambda: client(pod="US1"),
        ConfigurationError,
        "Client(pod='US1'): not a pod; did you mean 'us1'? (us1, us2, eu1, au1)",
    ),
    (
        lambda: client(pod=["us1"]),
        ConfigurationError,
        "Client(pod=['us1']): not a pod; want one of us1, us2, eu1, au1",
    ),
    (
        lambda: client(host="http://example.com/feeds"),
        ConfigurationError,
        "Client(host='http://example.com/feeds'): plain http would show the secret on the way, "
        "and goes to this machine only; write host='https://example.com/feeds'",
    ),
    (
        lambda: client(host="http://localhost.example.com"),
        ConfigurationError,
        "Client(host='http://localhost.example.com'): plain http would show the secret on the "
        "way, and goes to this machine only; write host='https://localhost.example.com'",
    ),
    (
        lambda: client(host="example.com:8080"),
        ConfigurationError,
        "Client(host='example.com:8080'): want https://name[:port]; "
        "write host='https://example.com:8080'",
    ),
    (
        lambda: client(host="ftp://example.com"),
        ConfigurationError,
        "Client(host='ftp://example.com'): want https://name[:port]; write host='https://…'",
    ),
    (
        lambda: client(host="https://example.com:99999"),
        ConfigurationError,
        "Client(host=…): want https://name[:port]; write host='https://…'",
    ),
    (
        lambda: client(host=""),
        ConfigurationError,
        "Client(host=''): want https://name[:port]; write host='https://…'",
    ),
    (
        lambda: client(host="https://exa mple.com"),
        ConfigurationError,
        "Client(host='https://exa mple.com'): want https://name[:port]; write host='https://…'",
    ),
    (
        lambda: client(host=5),
        ConfigurationError,
        "Client(host=5): want https://name[:port]; write host='https://…'",
    ),
    (
        lambda: client(host="https://user:s3cret@example.com"),
        ConfigurationError,
        "Client(host=…): want https://name[:port] without credentials, query or fragment",
    ),
    (
        lambda: client(retry=3),
        ConfigurationError,
        "Client(retry=3): want a Retry; write retry=Retry(max_attempts=3)",
    ),
    (
        lambda: client(transport="requests"),
        ConfigurationError,
        "Client(transport='requests'): want an object with a method send(); "
        "write transport=RequestsTransport()",
    ),
    (
        lambda: client(dispatcher="sync"),
        ConfigurationError,
        "Client(dispatcher='sync'): want an object with a method submit(); "
        "write dispatcher=SyncDispatcher()",
    ),
    (
        lambda: client(historical="yes"),
        ConfigurationError,
        "Client(historical='yes'): want True or False",
    ),
    (
        lambda: client(on_failed="print"),
        ConfigurationError,
        "Client(on_failed='print'): want a function",
    ),
    (lambda: Retry(base=-1), ConfigurationError, "Retry(base=-1): want seconds, 0 or more"),
    (
        lambda: Retry(max_attempts=0),
        ConfigurationError,
        "Retry(max_attempts=0): want 1 or more, or None for no limit",
    ),
    (
        lambda: RequestsTransport(timeout=(0, 5)),
        ConfigurationError,
        "RequestsTransport(timeout=(0, 5), deadline=30.0): want positive seconds; "
        "write timeout=(3.05, 10.0), deadline=30.0",
    ),
    (
        lambda: FunctionTransport(202),
        ConfigurationError,
        "FunctionTransport(202): want a function of one request; "
        "write FunctionTransport(lambda request: 202)",
    ),
)
def test_a_client_is_not_made_of_wrong_settings(call, error, text):
    assert "s3cret" not in text
    assert_error(call, error, text)


# Sending


@mistakes(
    (
        lambda: client().send(),
        InvalidBatch,
        "send() needs at least one batch; write client.send(batch)",
    ),
    (
        lambda: client().send([Batch()]),
        InvalidValue,
        "send([<Batch, 88 of 128,000 bytes>]): want a Batch, got list; write client.send(*batches)",
    ),
    (
        lambda: client().send((Batch(), Batch())),
        InvalidValue,
        "send((<Batch, 88 of 128,000 bytes>, <Batch, 88 of 128,000 bytes>)): want a Batch, "
        "got tuple; write client.send(*batches)",
    ),
    (
        lambda: client().send({"events": []}),
        InvalidValue,
        "send({'events': []}): want a Batch, got dict; "
        "write client.send(Batch.for_user(…).event(…))",
    ),
    (
        lambda: client().send(BATCH, SEARCHED),
        InvalidValue,
        "send(AppEvent(event_name='Searched', type='other')): want a Batch, got AppEvent; "
        "write client.send(Batch.for_user(…).event(…))",
    ),
    (
        lambda: client().send(None),
        InvalidValue,
        "send(None): want a Batch, got NoneType; write client.send(Batch.for_user(…).event(…))",
    ),
    (
        lambda: client(environment=None).send(BATCH),
        InvalidBatch,
        "the batch has no environment; write Client(…, environment='development') "
        "or batch.with_environment('development')",
    ),
    (
        lambda: client().send(BATCH, callback=5),
        InvalidValue,
        "send(callback=5): want a function of the delivery; write callback=print",
    ),
    (
        lambda: client().send_all(BATCH),
        InvalidValue,
        "send_all(<Batch, 128 of 128,000 bytes user: customer_id='u-1'>): want an iterable "
        "of batches, got Batch; write client.send_all([batch])",
    ),
    (
        lambda: client().send_all(5),
        InvalidValue,
        "send_all(5): want an iterable of batches, got int; write client.send_all([batch])",
    ),
    (
        lambda: api().upload_events([Batch()]),
        InvalidBatch,
        "upload_events([<Batch, 88 of 128,000 bytes>]): want a Batch, got list; "
        "write bulk_upload_events(batches)",
    ),
    (
        lambda: api().upload_events(BATCH, 5),
        InvalidBatch,
        "callback=5: want a function of (data, status_code, headers); write callback=print",
    ),
    (
        lambda: api().bulk_upload_events(BATCH),
        InvalidBatch,
        "bulk_upload_events() wants a list of batches, got Batch; "
        "write bulk_upload_events([batch])",
    ),
    (
        lambda: api().bulk_upload_events([]),
        InvalidBatch,
        "bulk_upload_events() needs at least one batch; write bulk_upload_events([batch])",
    ),
)
def test_what_cannot_be_sent_is_an_error_before_anything_is_sent(call, error, text):
    assert_error(call, error, text)


@mistakes(
    (
        lambda: client().send(
            BATCH.with_environment("production").event("Searched", {"query": "x" * 130_000})
        ),
        TooLarge,
        "events[0] (custom_event 'Searched') with the batch's context is 130359 bytes; "
        "mParticle takes 128000 a batch; write shorter values or fewer attributes",
    ),
    (
        lambda: client(new_id=lambda: "id").send(
            BATCH.with_environment("production").with_user_attributes(tags=["x" * 500] * 1000)
        ),
        TooLarge,
        "the batch's context alone is 503122 bytes; mParticle takes 128000 a batch; "
        "write shorter values or fewer attributes",
    ),
    (
        lambda: client().send(BATCH.event("x" * 300)),
        InvalidBatch,
        "events[0].event_name has 300 characters; mParticle cuts it at 256; "
        "batch.problems() lists them all",
    ),
    (
        lambda: client().send(BATCH.event("Searched", {f"name {n}": n for n in range(101)})),
        InvalidBatch,
        "events[0].attributes has 101 entries; mParticle takes 100; "
        "batch.problems() lists them all",
    ),
    (
        lambda: client().send(BATCH.event("x" * 300).event("y" * 300)),
        InvalidBatch,
        "events[0].event_name has 300 characters; mParticle cuts it at 256 (and 1 more); "
        "batch.problems() lists them all",
    ),
    (
        lambda: client(historical=True).send(BATCH),
        InvalidBatch,
        "the historical endpoint takes no batch without events; "
        "write Client(…) without historical=True for profile data",
    ),
    (
        lambda: client(historical=True).send(BATCH.event("Searched")),
        InvalidBatch,
        "events[0] has no time, which the historical endpoint needs; write at=…",
    ),
    (
        lambda: client(historical=True, now=lambda: NOW_MS).send(BATCH.event("x", at=NOW_MS)),
        InvalidBatch,
        "events[0] is younger than 72 hours, which the historical endpoint skips; "
        "send it with Client(…) without historical=True",
    ),
    (
        lambda: client(before_send=lambda batch: batch.to_dict()).send(BATCH),
        InvalidValue,
        "before_send returned dict: want a Batch, or None to drop it; write return batch",
    ),
)
def test_what_mparticle_would_not_take_is_an_error_before_it_is_sent(call, error, text):
    assert_error(call, error, text)


def test_a_closed_client_says_so():
    closed = client()
    closed.close()

    with pytest.raises(Closed) as caught:
        closed.send(BATCH)

    assert str(caught.value) == "the client is closed; write Client(…) for a new one"


@pytest.mark.parametrize("wrong", [5, None, [BATCH], Batch(), BATCH.event("x" * 300)])
def test_one_wrong_batch_of_several_keeps_the_others_from_being_half_sent(wrong):
    transport = RecordingTransport()
    sender = client(environment=None, transport=transport)
    good = BATCH.with_environment("development")
    wrong = wrong.with_environment("development") if wrong == BATCH.event("x" * 300) else wrong

    with pytest.raises(InvalidBatch):
        sender.send(good, good, wrong)

    assert transport.requests == []
    assert sender.stats.submitted == 0


def test_what_was_accepted_before_a_mistake_is_delivered():
    transport = RecordingTransport()
    sender = client(transport=transport)

    with pytest.raises(InvalidValue):
        sender.send_all([BATCH, BATCH.event("Searched"), 5])

    assert sender.stats.submitted == sender.stats.delivered == len(transport.batches) == 2
