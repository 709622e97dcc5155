"""The ids of events follow from the id that a caller chose for their batch."""

import re

import pytest
from clients import client_of
from hypothesis import given
from hypothesis import strategies as st
from internals import event_ids, seal

from mpfluent import Batch, RecordingTransport

NOW = 1_796_000_000_000
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
ORDER = (
    Batch.for_user(customer_id="1")
    .with_source_request_id("order-4711")
    .event("Searched", at=NOW)
    .event("Bought", at=NOW)
)


def sealed(batch):
    return seal.seal(batch, lambda: NOW, lambda count: [f"new-{n}" for n in range(count)])


def ids(batch):
    return [event.source_message_id for event in batch.events]


def bodies(batch):
    transport = RecordingTransport()
    client_of(transport).send(batch)
    return [request.body for request in transport.requests]


def test_who_makes_a_batch_again_under_its_id_makes_the_same_bytes():
    assert bodies(ORDER) == bodies(ORDER)


def test_the_ids_stay_from_one_version_to_the_next():
    assert ids(sealed(ORDER)) == [
        "4765b1b1-5216-8a24-9b7e-45bc99f4723f",
        "c4787d64-b974-8182-b738-ccdea8b8051c",
    ]


def test_an_event_without_a_time_has_that_of_sending():
    order = ORDER.event("Paid")

    assert sealed(order).events[2].at == NOW
    assert ids(sealed(order))[:2] == ids(sealed(ORDER))


def test_a_batch_without_an_id_gets_new_ones():
    batch = ORDER.with_source_request_id(None)

    assert ids(sealed(batch)) == ["new-0", "new-1"]
    assert sealed(batch).source_request_id == "new-2"


def test_an_id_that_an_event_has_is_kept():
    order = ORDER.event("Paid", source_message_id="mine")

    assert ids(sealed(order))[2] == "mine"
    assert ids(sealed(order))[:2] == ids(sealed(ORDER))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_no_event_that_is_added_to_a_sealed_batch_gets_an_id_that_is_there(place):
    events = list(sealed(ORDER).events)
    events.insert(place, Batch().event("Paid").events[0])
    again = sealed(Batch().with_source_request_id("order-4711").add(*events))

    assert len(set(ids(again))) == 3


def test_before_send_may_add_events():
    transport = RecordingTransport()
    client_of(transport, before_send=lambda batch: batch.event("Audited")).send(ORDER)

    assert len(set(ids(transport.batches[0]))) == 3


@given(st.text(min_size=1), st.text(min_size=1), st.integers(1, 50))
def test_ids_are_uuids_that_differ(one, other, count):
    found = event_ids(one, count)

    assert all(UUID.fullmatch(each) for each in found)
    assert len(set(found)) == count
    assert found == event_ids(one, count + 3)[:count]
    if one != other:
        assert not {*found} & {*event_ids(other, count)}


def test_any_text_can_be_an_id():
    assert UUID.fullmatch(event_ids("\ud800", 1)[0])
