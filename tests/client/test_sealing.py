"""What a client stamps on a batch before it sends it, and the documented limits."""

from datetime import UTC, datetime

import pytest
from clients import BATCH, client_of
from fault_server import FakeTime

from mpfluent import ApiError, Batch, InvalidBatch, InvalidTime, RecordingTransport, Retry

NOW = 1_790_000_000_000
HOUR = 3_600_000


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
