"""A sealed batch: sent elsewhere, later, or twice, it is the same bytes and counts once."""

import copy
import json
import pickle
from decimal import Decimal

import pytest
from clients import client_of, people
from hypothesis import given, settings
from hypothesis import strategies as st

from mpfluent import (
    Batch,
    Client,
    DeliveryError,
    FunctionTransport,
    InvalidBatch,
    Outbox,
    Product,
    RecordingTransport,
    SealedBatch,
    ThreadedDispatcher,
    TooLarge,
    UnknownField,
)
from mpfluent.testing import FrozenClock, LocalServer, SeededIds
from mpfluent.testing.strategies import batches

USER = Batch.for_user(customer_id="123456").event("Searched", {"query": "teapot"})
LARGE = [{"text": "x" * 4_000, **{f"name {n}": "y" * 400 for n in range(90)}} for _ in range(5)]


def seeded(transport=None, **options):
    options.setdefault("environment", "production")
    return client_of(transport, now=FrozenClock(), new_id=SeededIds(), **options)


def with_large_events(batch):
    for attributes in LARGE:
        batch = batch.event("Large", attributes)
    return batch


def bodies(transport):
    return [(request.url, request.body) for request in transport.requests]


def sent_by(client_options, batch):
    transport = RecordingTransport()
    with seeded(transport, **client_options) as client:
        client.send(batch)
    return bodies(transport)


# The law


@given(batches(), st.booleans())
def test_a_sealed_batch_is_the_bytes_that_its_client_sends(batch, large):
    batch = with_large_events(batch) if large else batch
    usual = sent_by({}, batch)
    sealed = seeded().seal(batch)
    again = SealedBatch.from_json(sealed.to_json())

    assert again == sealed
    assert again.to_json() == sealed.to_json()
    assert sent_by({}, sealed) == usual
    assert sent_by({}, again) == usual
    assert sent_by({"environment": "development"}, SealedBatch.from_dict(again.to_dict())) == usual


@settings(max_examples=settings.default.max_examples // 2)
@given(batches(), st.booleans())
def test_the_batch_of_an_outcome_in_the_background_is_the_sealed_one(batch, large):
    sealed, seen = seeded().seal(with_large_events(batch) if large else batch), []
    options = {"dispatcher": ThreadedDispatcher(flush_interval=0)}
    refusing = FunctionTransport(lambda request: 404)
    with seeded(refusing, on_failed=lambda one, _: seen.append(one), **options) as client:
        client.send(sealed)

    assert seen == [sealed]
    assert [type(one) for one in seen] == [SealedBatch]


@pytest.mark.parametrize("price", ["19.90", "1E+2", "-0", "-0.0", "0E-8", "123456789012345678901"])
def test_the_digits_of_a_number_stay(price):
    batch = USER.purchase(Product("sku-1", price=Decimal(price)))
    sealed = SealedBatch.from_json(client_of().seal(batch).to_json())

    assert f'"price":{price}'.encode() in sent_by({}, sealed)[0][1]


def test_a_large_batch_is_split_into_the_same_parts():
    sealed = seeded().seal(with_large_events(USER))
    ((url, body),) = sent_by({}, sealed)

    assert url.endswith("/v2/bulkevents")
    assert len(json.loads(body)) == 2
    assert sent_by({}, SealedBatch.from_json(sealed.to_json())) == [(url, body)]


def test_it_counts_once_however_often_and_by_whomever_it_is_sent(tmp_path):
    sealed = client_of(environment="production").seal(USER)
    with LocalServer() as server:
        for dispatcher in (
            None,
            None,
            ThreadedDispatcher(coalesce=True),
            ThreadedDispatcher(outbox=Outbox(tmp_path / "outbox.db")),
        ):
            options = {"environment": "production", "host": server.url, "dispatcher": dispatcher}
            with Client("key", "secret", **options) as client:
                client.send(USER, SealedBatch.from_json(sealed.to_json()))
                client.send_all([sealed, USER])
                client.flush()

        taken = [batch.source_request_id for batch in server.batches]
        assert taken.count(sealed.source_request_id) == 1
        assert len(server.batches) == 1 + 8


# Nothing is run or stamped again


def test_before_send_runs_when_a_batch_is_sealed_and_never_again():
    def marked(batch):
        return batch.with_user_attributes({"seen": batch.user_attributes is not None})

    transport = RecordingTransport()
    sealed = client_of(before_send=marked).seal(USER)
    client = client_of(transport, before_send=marked)
    client.send(sealed)
    client.send_all([SealedBatch.from_json(sealed.to_json())])

    assert [batch.user_attributes for batch in transport.batches] == [{"seen": False}] * 2


def test_the_environment_of_a_sealed_batch_stays():
    transport = RecordingTransport()
    client_of(transport, environment="production").send(client_of().seal(USER))

    assert [batch.environment for batch in transport.batches] == ["development"]


def test_limits_and_the_rules_of_the_historical_endpoint_are_checked_when_it_is_sealed():
    long = USER.event("x" * 300)
    transport = RecordingTransport()
    sealed = client_of(environment="production").seal(long)
    client_of(transport, historical=True).send(sealed)  # of development, and of an event of today

    assert bodies(transport)[0][0].endswith("/v2/bulkevents/historical")
    with pytest.raises(InvalidBatch, match="has 300 characters"):
        client_of().seal(long)
    with pytest.raises(InvalidBatch):
        client_of(historical=True).seal(USER)


def test_no_clock_and_no_source_of_ids_is_asked_when_it_is_sent():
    def never():
        raise AssertionError

    sealed = client_of().seal(USER)
    assert client_of(now=never, new_id=never).send(sealed).state == "delivered"


def test_a_client_that_is_disabled_seals_and_drops():
    off = client_of(disabled=True)
    delivery = off.send(off.seal(USER))

    assert [error.reason for error in delivery.failures] == ["disabled"]


def test_what_is_sealed_twice_stays_as_it_was():
    sealed = client_of().seal(USER)

    assert (
        client_of(environment="production", before_send=lambda batch: None).seal(sealed) == sealed
    )


def test_its_id_is_its_own_in_the_background_too():
    transport = RecordingTransport()
    sealed = [client_of().seal(USER) for _ in range(2)]
    with client_of(transport, dispatcher=ThreadedDispatcher(coalesce=True)) as client:
        client.send(*sealed)

    ids = [batch.source_request_id for batch in transport.batches]
    assert ids == [one.source_request_id for one in sealed]


# What cannot be sealed


def test_a_batch_that_before_send_drops_is_not_sealed():
    with pytest.raises(DeliveryError) as raised:
        client_of(before_send=lambda batch: None).seal(USER)

    assert (str(raised.value), raised.value.reason) == ("before_send dropped the batch", "filtered")


def test_a_batch_with_an_event_that_is_too_large_is_not_sealed():
    with pytest.raises(TooLarge):
        client_of().seal(USER.event("Large", {f"name {n}": "x" * 4_000 for n in range(40)}))


def test_what_is_no_batch_is_not_sealed():
    with pytest.raises(InvalidBatch) as raised:
        client_of().seal({"events": []})

    assert str(raised.value) == (
        "seal({'events': []}): want a Batch, got dict; "
        "write client.seal(Batch.for_user(…).event(…))"
    )


@pytest.mark.parametrize("path", ["environment", "source_request_id", "events 0 source_message_id"])
def test_json_without_what_sealing_adds_is_refused(path):
    data = client_of().seal(USER).to_dict()
    *events, name = path.split()
    del (data["events"][0]["data"] if events else data)[name]
    what = f"events[0] has no {name}" if events else f"it has no {name}"
    for read, written in ((SealedBatch.from_dict, data), (SealedBatch.from_json, json.dumps(data))):
        with pytest.raises(InvalidBatch) as raised:
            read(written)

        assert str(raised.value) == (
            f"{read.__name__}(): this batch is not sealed: {what}; write client.seal(batch)"
        )


def test_json_with_an_event_without_a_time_is_refused():
    data = client_of().seal(USER.event("Found")).to_dict()
    del data["events"][1]["data"]["timestamp_unixtime_ms"]
    with pytest.raises(InvalidBatch) as raised:
        SealedBatch.from_dict(data)

    assert "events[1] has no timestamp_unixtime_ms;" in str(raised.value)


def test_json_that_is_no_batch_is_refused_as_any_batch_is():
    data = {**client_of().seal(USER).to_dict(), "of tomorrow": 1}
    with pytest.raises(UnknownField):
        SealedBatch.from_dict(data)

    assert SealedBatch.from_dict(data, unknown="ignore").events[0].event_name == "Searched"


@pytest.mark.parametrize(
    "make",
    [
        SealedBatch,
        lambda: SealedBatch.for_user(customer_id="1"),
        lambda: SealedBatch.for_user(mpid=1),
        lambda: SealedBatch.for_device(ios_idfv="8c61383f-2216-4713-8c1c-1cb0a5d7a4cc"),
    ],
)
def test_a_sealed_batch_is_made_of_a_batch(make):
    with pytest.raises(InvalidBatch) as raised:
        make()

    assert str(raised.value) == "a SealedBatch is made of a batch; write client.seal(batch)"


# It reads like a batch, and a verb makes a batch of it


@pytest.mark.parametrize(
    "verb",
    [
        lambda batch: batch.event("Found"),
        lambda batch: batch.screen_view("Home"),
        lambda batch: batch.add(*USER.events),
        lambda batch: batch.merge(USER),
        lambda batch: batch + USER,
        lambda batch: batch.with_ip("203.0.113.7"),
        lambda batch: batch.with_user_attributes(plan="pro"),
        lambda batch: batch.with_identities(email="user@example.com"),
        lambda batch: batch.without_identities("customer_id"),
        lambda batch: batch.with_gdpr_consent("ads", consented=True, at=1795428900000),
        lambda batch: batch.with_environment("production"),
        lambda batch: batch.__replace__(events=[]),
    ],
)
def test_a_verb_of_it_makes_a_batch_that_is_not_sealed_and_keeps_its_ids(verb):
    sealed = client_of().seal(USER)
    plain = Batch.from_dict(sealed.to_dict())
    for _ in range(30):  # a call that is repeated gets code of its own
        assert type(verb(sealed)) is Batch
    assert verb(sealed) == verb(plain)
    assert type(sealed) is SealedBatch
    assert verb(sealed).source_request_id == sealed.source_request_id


def test_it_reads_like_a_batch():
    sealed = client_of().seal(USER)

    assert isinstance(sealed, Batch)
    assert sealed == Batch.from_dict(sealed.to_dict())
    assert sealed.events[0].attributes == {"query": "teapot"}
    assert repr(sealed).startswith("<SealedBatch development, ")
    assert sealed.problems() == ()


def test_it_is_pickled_and_copied():
    sealed = client_of().seal(with_large_events(USER))
    for other in (pickle.loads(pickle.dumps(sealed)), copy.copy(sealed), copy.deepcopy(sealed)):
        assert (type(other), other) == (SealedBatch, sealed)
        assert sent_by({}, other) == sent_by({}, sealed)


def test_verbs_of_ones_own_seal_too():
    class ShopBatch(Batch):
        def wished(self, name):
            return self.event("Wished", {"name": name})

    sealed = client_of().seal(ShopBatch.for_user(customer_id="1").wished("teapot"))
    transport = RecordingTransport()
    client_of(transport).send(sealed)

    assert type(sealed) is SealedBatch
    assert people(transport) == ["1"]
