"""What ``from_dict`` and ``from_json`` make of inbound and outbound forms, and what they refuse."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError
from strategies import full, full_events, minimal

import mpfluent
from mpfluent import (
    AppEvent,
    Batch,
    ConsentState,
    CrashReportEvent,
    DeviceCurrentState,
    DeviceInformation,
    Event,
    InvalidBatch,
    InvalidTime,
    InvalidValue,
    MPFluentError,
    Product,
    SessionEndEvent,
    UnknownField,
    UserAttributeChangeEvent,
    UserIdentities,
)
from mpfluent.encoding import loader, reader, schema
from mpfluent.encoding.json import plain
from mpfluent.model.record import Record
from mpfluent.schemas import BatchSchema, ConsentStateSchema
from mpfluent.testing.strategies import batches, events, values
from mpfluent.testing.strategies.records import EVENT_CLASSES, RECORD_CLASSES, VALUE_CLASSES

SAMPLES = Path(__file__).parents[3] / "shared" / "wire" / "samples"
needs_samples = pytest.mark.skipif(
    not SAMPLES.exists(), reason="the vendor's printed samples are not at hand"
)


def exactly(data: Any) -> str:
    """Return a text that is the same only for the same plain data: 1, 1.0 and True differ."""
    return json.dumps(data, sort_keys=True, default=repr)


def event(event_type: str = "custom_event", /, **data: Any) -> dict[str, Any]:
    """Return the wire form of a batch with one event."""
    if event_type == "custom_event":
        data = {"event_name": "x", **data}
    return {"events": [{"event_type": event_type, "data": data}]}


def read_event(event_type: str = "custom_event", /, **data: Any) -> Any:
    """Return the one event that is read from this data."""
    (found,) = Batch.from_dict(event(event_type, **data)).events
    return found


# Round trips


@given(batches())
@settings(deadline=None)
def test_a_batch_is_read_back_from_its_dict(batch: Batch) -> None:
    read = Batch.from_dict(batch.to_dict())
    assert read == batch
    assert read.to_dict() == batch.to_dict()


@given(batches())
@settings(deadline=None)
def test_a_batch_is_read_back_from_its_json(batch: Batch) -> None:
    assert Batch.from_json(batch.to_json()) == batch
    assert Batch.from_json(batch.to_json(indent=2).encode()) == batch


@pytest.mark.parametrize("cls", VALUE_CLASSES)
def test_a_value_of_any_class_is_read_back(cls: type[Record]) -> None:
    @given(values(cls))
    @settings(max_examples=settings.default.max_examples // 2)
    def check(value: Any) -> None:
        from_dict = cls.from_dict(value.to_dict())
        from_json = cls.from_json(value.to_json())
        assert type(from_dict) is cls
        assert from_dict == value
        assert from_json == value

    check()


@pytest.mark.parametrize("cls", [cls for cls in VALUE_CLASSES if cls is not Batch])
def test_a_full_value_is_read_back(cls: type[Record]) -> None:
    value = full(cls)
    assert cls.from_dict(value.to_dict()) == value
    assert cls.from_json(value.to_json()) == value


@given(batches())
@settings(deadline=None)
def test_reading_ignores_the_order_of_names(batch: Batch) -> None:
    assert Batch.from_dict(backwards(batch.to_dict())) == batch


def backwards(data: Any) -> Any:
    """Return the data with the names of every object in the opposite order."""
    if isinstance(data, dict):
        return {key: backwards(data[key]) for key in reversed(data)}
    return [backwards(item) for item in data] if isinstance(data, list) else data


@given(events())
@settings(deadline=None)
def test_any_event_is_read_by_the_base_class(one: Event) -> None:
    read = Event.from_dict(one.to_dict())
    assert type(read) is type(one)
    assert read == one


@given(batches())
@settings(deadline=None)
def test_reading_does_not_change_what_it_reads(batch: Batch) -> None:
    data = batch.to_dict()
    before = exactly(data)
    Batch.from_dict(data)
    assert exactly(data) == before


def test_what_was_read_does_not_change_with_the_data() -> None:
    data = {"user_attributes": {"plan": ["a"]}, **event(custom_attributes={"k": "v"})}
    batch = Batch.from_dict(data)
    before = batch.to_json()
    data["user_attributes"]["plan"].append("b")
    data["events"][0]["data"]["custom_attributes"]["k"] = "w"
    data["events"].clear()
    assert batch.to_json() == before


def test_a_subclass_reads_its_own_kind() -> None:
    class Shop(Batch):
        __slots__ = ()

    class Seen(AppEvent):
        __slots__ = ()

    assert type(Shop.from_dict({"mpid": 1})) is Shop
    assert type(Shop.from_json('{"mpid": 1}')) is Shop
    assert type(Seen.from_dict(Seen("x").to_dict())) is Seen


# The vendor's valid samples: to_dict(from_dict(x)) == x, but for what says nothing

# by the name of the object that holds it
SERVER_SET = {
    "batch": {
        "schema_version",
        "timestamp_unixtime_ms",
        "batch_id",
        "source_info",
        "api_key",
        "api_keys",
        "job_id",
        "origin_mpid",
        "modified",
        "system_notifications",
        "unique_id",
    },
    "event": {"message_id", "message_type"},
    "data": {"event_id", "event_system_notification_info"},
    "commerce": {"event_id", "event_system_notification_info", "event_name", "custom_event_type"},
    "data_plan": {"block_metadata"},
}


def clean(data: Any, holder: str = "batch") -> Any:
    """Return the data without nulls, empty containers and what only the server sets.

    Nulls stay where they are values: in user attributes, and as the two sides of a change.
    """
    if isinstance(data, list):
        kept = [clean(item, "event" if holder == "events" else holder) for item in data]
        return [item for item in kept if item not in ({}, [], None)]
    if not isinstance(data, dict):
        return data
    if holder == "event":
        inside = "commerce" if data.get("event_type") == "commerce_event" else "data"
        return {"event_type": data["event_type"], "data": clean(data.get("data", {}), inside)}
    found = {}
    for key, value in data.items():
        if key in SERVER_SET.get(holder, ()):
            continue
        means_null = holder == "user_attributes" or key in ("old", "new")
        value = clean(value, key)
        if value in ({}, []) or (value is None and not means_null):
            continue
        found[key] = value
    return found


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text())


# files, and the events or parts of a batch that the fragments file holds
VALID_FILES = [
    "docs_static_inbound_sample_2023-10.json",
    "docs_static_inbound_sample_2026-08_harvest.json",
    "docs_jsonref_python_validation_instance.json",
    "docs_segment_migration.json",
    "docs_privacy_consent_state.json",
    "docs_dataplanning_context.json",
    "generated_from_wire_format_full.json",
    "generated_from_wire_format_minimal.json",
]
VALID_FRAGMENTS = [
    "promotion_action",
    "product_impressions",
    "shopping_cart",
    "promotion",
    "location",
    "context",
    "custom_flags",
    "application_info",
    "user_attributes",
    "user_identities",
    "partner_identities",
    "integration_attributes",
    "consent_state",
    "source_info",
]


def fragment(name: str) -> Any:
    """Return one of the printed fragments, in the smallest batch that can hold it."""
    data = sample("docs_jsonref_fragments.json")[name]
    purchase = {"product_action": {"action": "purchase"}}
    wrapped = {
        "promotion_action": lambda: event("commerce_event", promotion_action=data),
        "product_impressions": lambda: event("commerce_event", product_impressions=[data]),
        "shopping_cart": lambda: event("commerce_event", **purchase, shopping_cart=data),
        "promotion": lambda: event(
            "commerce_event", promotion_action={"action": "view", "promotions": [data]}
        ),
        "location": lambda: event("session_end", session_duration_ms=1, **data),
        "custom_flags": lambda: event(custom_event_type="other", **data),
    }
    return wrapped[name]() if name in wrapped else data


@needs_samples
@pytest.mark.parametrize("name", VALID_FILES)
def test_a_valid_sample_comes_back_as_it_was(name: str) -> None:
    data = sample(name)
    assert exactly(clean(Batch.from_dict(data).to_dict())) == exactly(clean(data))


@needs_samples
@pytest.mark.parametrize("name", VALID_FILES)
def test_a_valid_sample_reads_the_same_from_its_text(name: str) -> None:
    text = (SAMPLES / name).read_text()
    batch = Batch.from_json(text)
    assert batch == Batch.from_dict(json.loads(text))
    assert exactly(clean(json.loads(batch.to_json()))) == exactly(clean(json.loads(text)))


@needs_samples
@pytest.mark.parametrize("name", VALID_FRAGMENTS)
def test_a_valid_fragment_comes_back_as_it_was(name: str) -> None:
    data = fragment(name)
    assert exactly(clean(Batch.from_dict(data).to_dict())) == exactly(clean(data))


@needs_samples
@pytest.mark.parametrize("name", VALID_FILES)
def test_a_sample_that_was_read_can_be_written_again_and_again(name: str) -> None:
    batch = Batch.from_dict(sample(name))
    for one in (batch, *batch.events):
        assert len({one.to_json() for _ in range(20)}) == 1
        assert exactly(json.loads(one.to_json())) == exactly(one.to_dict())


# The other printed samples are not valid; they read, or fail with a path

READS = ""
NO_NAME = "from_dict(): events[0].data.event_name: must be given"
PRINTED = {
    "docs_jsonref_overall_structure.json": NO_NAME,
    "docs_http_events_skeleton.json": NO_NAME,
    "docs_quickstart_http_curl.json": READS,
    "docs_jsonref_event_custom_event.json": READS,
    "docs_jsonref_event_session_start.json": READS,
    "docs_jsonref_event_session_end.json": READS,
    "docs_jsonref_event_screen_view.json": READS,
    "docs_jsonref_event_uninstall.json": READS,
    "docs_jsonref_event_opt_out.json": READS,
    "docs_jsonref_event_push_registration.json": READS,
    "docs_jsonref_event_push_message.json": READS,
    # prints the response code as a string
    "docs_jsonref_event_network_performance.json": READS,
    # prints the server's event id as a string
    "docs_jsonref_event_breadcrumb.json": READS,
    "docs_jsonref_event_commerce_event.json": (
        "from_dict(): events[0].data.product_impressions[0].product_impression_list: must be given"
    ),
    "docs_jsonref_event_crash_report.json": (
        "from_dict(): events[0].data.breadcrumbs[0]: "
        'Required event field "event_type" is missing or empty.'
    ),
    # has two fields of push_registration
    "docs_jsonref_event_application_state_transition.json": (
        "from_dict(): events[0].data has no field 'register'; "
        "it has application_transition_type, is_first_run, is_upgrade, successfully_closed, "
        "push_notification_payload, launch_referral, timestamp_unixtime_ms, source_message_id, "
        "session_uuid, session_id, event_num, custom_attributes, …"
    ),
    "docs_http_error_response.json": (
        "from_dict() has no field 'errors'; it has environment, source_request_id, mpid, "
        "mp_deviceid, user_identities, user_attributes, deleted_user_attributes, device_info, "
        "application_info, ip, consent_state, context, …"
    ),
}


def outcome(data: Any) -> str:
    """Return READS, or the text of the error."""
    try:
        Batch.from_dict(data)
    except InvalidBatch as error:
        return str(error)
    return READS


@needs_samples
@pytest.mark.parametrize(("name", "expected"), PRINTED.items())
def test_a_printed_sample_reads_or_fails_with_its_path(name: str, expected: str) -> None:
    data = sample(name)
    assert outcome({"events": [data]} if "event_type" in data else data) == expected


@needs_samples
def test_each_batch_of_the_printed_bulk_fails_with_its_path() -> None:
    data = sample("docs_http_bulkevents_skeleton.json")
    assert [outcome(batch) for batch in data] == [NO_NAME, NO_NAME]


@needs_samples
def test_the_master_sample_fails_for_its_upgrade_in_the_background() -> None:
    data = sample("docs_jsonref_master_sample.json")
    expected = "from_dict(): events[1].data"
    assert outcome(data).startswith(expected)
    assert "is_upgrade" in outcome(data)
    data["events"][1]["data"]["is_upgrade"] = False
    assert outcome(data) == READS


PRINTED_FRAGMENTS = {
    # prints empty strings for numbers, which are unset
    "product_action": READS,
    "product": READS,
    # prints system_memory_available_Bytes and the orientation "undefined"
    "device_current_state": READS,
    "device_info": READS,
    "outgoing_user_identities": READS,
    "common_event_data_node_properties": (
        'from_dict(): events[0]: Required event field "event_type" is missing or empty.'
    ),
    "events": 'from_dict(): events[0]: Required event field "event_type" is missing or empty.',
}


@needs_samples
@pytest.mark.parametrize(("name", "expected"), PRINTED_FRAGMENTS.items())
def test_a_printed_fragment_reads_or_fails_with_its_path(name: str, expected: str) -> None:
    data = sample("docs_jsonref_fragments.json")[name]
    if name == "product_action":
        data = event("commerce_event", product_action=data)
    elif name == "product":
        data = event("commerce_event", product_action={"action": "click", "products": [data]})
    elif name == "device_current_state":
        data = event("session_end", session_duration_ms=1, **data)
    elif "event_type" in data:
        data = {"events": [data]}
    assert outcome(data) == expected


@needs_samples
def test_every_printed_sample_is_in_a_table() -> None:
    files = {path.name for path in SAMPLES.glob("*.json")}
    elsewhere = {
        "docs_http_bulkevents_skeleton.json",
        "docs_jsonref_master_sample.json",
        "docs_jsonref_fragments.json",
    }
    assert files - elsewhere == {*VALID_FILES, *PRINTED}
    fragments = {key for key in sample("docs_jsonref_fragments.json") if "__note" not in key}
    assert fragments == {*VALID_FRAGMENTS, *PRINTED_FRAGMENTS}


# Outbound forms

IDENTITIES_OUT = [
    {
        "identity_type": "customer_id",
        "identity": "h.jekyll.md",
        "timestamp_unixtime_ms": 1_540_483_995_196,
        "created_this_batch": False,
    },
    {"identity_type": "email", "identity": "h.jekyll.md@example.com"},
    {"identity_type": "other", "identity": None},
]


def test_identities_are_read_from_an_array() -> None:
    batch = Batch.from_dict({"user_identities": IDENTITIES_OUT})
    assert batch.to_dict() == {
        "user_identities": {"customer_id": "h.jekyll.md", "email": "h.jekyll.md@example.com"}
    }
    assert UserIdentities.from_dict(IDENTITIES_OUT) == batch.user_identities


def test_an_empty_array_of_identities_is_none() -> None:
    assert Batch.from_dict({"user_identities": []}) == Batch()


OUTBOUND = {
    "schema_version": 2,
    "timestamp_unixtime_ms": 1_558_342_842_934,
    "batch_id": -8_602_161_397_754_364_000,
    "source_info": {"channel": "native", "partner": None, "is_historical": False},
    "api_key": "us1-0123",
    "api_keys": ["us1-0123"],
    "job_id": "7",
    "origin_mpid": 12,
    "modified": True,
    "system_notifications": [{"type": "gdpr_change", "data": {"purpose": "marketing"}}],
    "unique_id": "u",
}


@pytest.mark.parametrize("name", OUTBOUND)
def test_what_the_server_sets_on_a_batch_is_dropped(name: str) -> None:
    assert Batch.from_dict({"mpid": 1, name: OUTBOUND[name]}).to_dict() == {"mpid": 1}
    assert Batch.from_dict({"mpid": 1, name: None}).to_dict() == {"mpid": 1}


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_what_the_server_sets_on_an_event_is_dropped(cls: type[Event]) -> None:
    expected = minimal(cls)
    data = expected.to_dict()
    data |= {"message_id": "m", "message_type": "events"}
    data["data"] |= {
        "event_id": -6_518_616_552_181_726_857,
        "event_system_notification_info": {"type": "gdpr_change"},
    }
    assert Batch.from_dict({"events": [data]}).to_dict() == {"events": [expected.to_dict()]}


@pytest.mark.parametrize(
    ("name", "value"), [("event_name", "eCommerce - Purchase"), ("custom_event_type", "purchase")]
)
def test_what_the_server_sets_on_a_commerce_event_is_dropped(name: str, value: str) -> None:
    data = event("commerce_event", product_action={"action": "purchase"})
    assert Batch.from_dict(
        event("commerce_event", product_action={"action": "purchase"}, **{name: value})
    ) == Batch.from_dict(data)


def test_what_the_server_sets_on_a_consent_is_dropped() -> None:
    record = {"consented": True, "timestamp_unixtime_ms": 1_523_039_002_083}
    more = {**record, "regulation": "GDPR", "purpose": "marketing"}
    assert Batch.from_dict({"consent_state": {"gdpr": {"marketing": more}}}).to_dict() == {
        "consent_state": {"gdpr": {"marketing": record}}
    }


def test_what_the_server_says_of_a_blocked_plan_is_dropped() -> None:
    plan = {"plan_id": "mobile", "plan_version": 2}
    blocked = {**plan, "block_metadata": {"dto_version": 1, "blocked_event_ids": ["5"]}}
    assert Batch.from_dict({"context": {"data_plan": blocked}}).to_dict() == {
        "context": {"data_plan": plan}
    }


def test_customerid_reads_as_customer_id() -> None:
    batch = Batch.from_dict({"user_identities": {"customerid": "123456"}})
    assert batch.to_dict() == {"user_identities": {"customer_id": "123456"}}
    out = [{"identity_type": "customerid", "identity": "123456"}]
    assert Batch.from_dict({"user_identities": out}) == batch


NOTHING: list[dict[str, Any]] = [
    *({name: None} for name in Batch._wire),
    {"ip": ""},
    {"mp_deviceid": ""},
    {"environment": ""},
    {"environment": "unknown"},
    {"events": []},
    {"user_identities": {}},
    {"user_identities": {"email": None}},
    {"user_attributes": {}},
    {"deleted_user_attributes": []},
    {"device_info": {}},
    {"device_info": {"android_advertising_id": "", "supports_telephony": "", "brand": None}},
    {"application_info": {"apple_search_ads_attributes": {}}},
    {"application_info": {"apple_search_ads_attributes": {"Version3.1": {}}}},
    {"application_info": {"apple_search_ads_attributes": {"Version3.1": None}}},
    {"consent_state": {}},
    {"consent_state": {"gdpr": None, "ccpa": {}}},
    {"consent_state": {"gdpr": {"marketing": None}}},
    {"context": {}},
    {"context": {"data_plan": {}, "location": {}}},
    {"context": {"data_plan": None, "location": None}},
    {"attribution_info": {}},
    {"integration_attributes": {"92": {}}},
    {"integration_attributes": {"92": {"key": None}}},
    {"partner_identities": {"Acme_Id": None}},
]


@pytest.mark.parametrize("data", NOTHING, ids=str)
def test_nulls_and_empty_containers_are_unset(data: dict[str, Any]) -> None:
    assert Batch.from_dict(data) == Batch()
    assert Batch.from_dict(data).to_dict() == {}


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_a_null_or_an_empty_container_in_an_event_is_unset(cls: type[Event]) -> None:
    expected = minimal(cls)
    data = expected.to_dict()
    for wire, field in cls._wire.items():
        if wire not in data["data"] and field.name != "new" and field.name != "old":
            data["data"][wire] = None
    data["data"] |= {"custom_attributes": {}, "custom_flags": {"a": None}, "location": {}}
    assert Batch.from_dict({"events": [data]}) == Batch().add(expected)


def test_empty_strings_where_strings_belong_are_kept() -> None:
    data = {
        "device_info": {"brand": ""},
        "user_attributes": {"plan": ""},
        **event("custom_event", custom_attributes={"k": ""}),
    }
    expected = json.loads(json.dumps(data))
    expected["events"][0]["data"]["custom_event_type"] = "other"
    assert Batch.from_dict(data).to_dict() == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("7346244611012968789", 7346244611012968789),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775807", 2**63 - 1),
        ("0", 0),
        ("007", 7),
        (5.0, 5),
    ],
)
def test_digit_strings_are_integers(written: Any, expected: int) -> None:
    mpid = Batch.from_dict({"mpid": written}).mpid
    assert mpid == expected
    assert type(mpid) is int


def test_digit_strings_are_integers_in_events_too() -> None:
    data = event(
        "network_performance", url="u", response_code="200", timestamp_unixtime_ms="1558342828195"
    )
    (found,) = Batch.from_dict(data).events
    assert found.response_code == 200
    assert found.at == 1558342828195


def test_scalars_stand_for_strings_where_the_api_takes_them() -> None:
    # its schema lets numbers and booleans through for most strings
    device = DeviceInformation.from_dict({"brand": 5, "device": True, "product": 1.5})
    assert device.to_dict() == {"brand": "5", "product": "1.5", "device": "true"}
    assert Batch.from_dict({"partner_identities": {"Acme_Id": 5}}) == Batch.from_dict(
        {"partner_identities": {"Acme_Id": "5"}}
    )


@pytest.mark.parametrize("word", [None, "unknown", "missing"])
def test_a_custom_event_without_a_type_is_other(word: str | None) -> None:
    found = read_event() if word == "missing" else read_event(custom_event_type=word)
    assert found.type == "other"


# older clients send the device's own numbers, and words of their own
@pytest.mark.parametrize("orientation", ["unknown", "undefined", 6, 1])
def test_any_orientation_can_be_read_and_written_again(orientation: Any) -> None:
    wire = {"device_orientation": orientation, "status_bar_orientation": orientation}
    state = DeviceCurrentState.from_dict(wire)
    assert state.device_orientation == orientation
    assert state.to_dict() == wire
    assert {state.to_json() for _ in range(20)} == {json.dumps(wire, separators=(",", ":"))}


def test_an_unknown_orientation_is_not_for_writing() -> None:
    with pytest.raises(InvalidValue, match="is not an orientation"):
        DeviceCurrentState(device_orientation="unknown")  # type: ignore[arg-type]


def test_the_platform_desktop_can_be_read_and_written_again() -> None:
    batch = Batch.from_dict({"device_info": {"platform": "desktop"}})
    assert batch.to_json() == '{"device_info":{"platform":"desktop"}}'
    assert Batch.from_json(batch.to_json()) == batch


def test_a_push_behavior_can_be_a_number() -> None:
    push = {"push_message_type": "sent", "push_message_token": "t", "push_notification_payload": ""}
    found = read_event("push_message", **push, push_message_behavior=2, application_state="unknown")
    assert found.push_message_behavior == 2
    assert found.application_state is None
    assert {json.loads(found.to_json())["data"]["push_message_behavior"] for _ in range(20)} == {2}


@pytest.mark.parametrize(
    "transition", ["application_foreground", "application_background", "application_exit"]
)
def test_false_flags_are_fine_on_any_transition(transition: str) -> None:
    found = read_event(
        "application_state_transition",
        application_transition_type=transition,
        is_first_run=False,
        is_upgrade=False,
    )
    assert (found.is_first_run, found.is_upgrade) == (False, False)


@pytest.mark.parametrize("flag", ["is_first_run", "is_upgrade"])
def test_a_true_flag_belongs_to_initialisation_alone(flag: str) -> None:
    data = {"application_transition_type": "application_foreground", flag: True}
    with pytest.raises(InvalidValue) as caught:
        Batch.from_dict(event("application_state_transition", **data))
    text = str(caught.value)
    assert text.startswith("from_dict(): events[0].data")
    assert f"{flag}=True" in text
    assert text.count("from_dict") == 1


def test_a_misprinted_memory_field_is_read() -> None:
    state = DeviceCurrentState.from_dict({"system_memory_available_Bytes": 536903680.0})
    assert state.to_dict() == {"system_memory_available_bytes": 536903680.0}


def test_nulls_that_mean_something_are_kept() -> None:
    data = {"user_attributes": {"vip": None, "plan": "pro", "list": []}}
    assert Batch.from_dict(data).to_dict() == data
    change = {"user_attribute_name": "plan", "new": None, "old": None}
    assert read_event("user_attribute_change", **change).to_dict()["data"] == change
    identity = {"identity_type": "email", "identity": "a", "timestamp_unixtime_ms": 1}
    change = {"new": identity, "old": None}
    assert read_event("user_identity_change", **change).to_dict()["data"] == change


@pytest.mark.parametrize("value", [[], [1, "b", True], "", 0, False])
def test_an_attribute_change_keeps_any_value(value: Any) -> None:
    changed = UserAttributeChangeEvent("plan", value, old=value)
    assert UserAttributeChangeEvent.from_dict(changed.to_dict()) == changed
    read = read_event("user_attribute_change", user_attribute_name="plan", new=value)
    assert exactly(read.to_dict()["data"]["new"]) == exactly(value)


def test_empty_products_are_kept_where_the_wire_wants_a_list() -> None:
    cart = {"product_action": {"action": "purchase"}, "shopping_cart": {"products": []}}
    assert read_event("commerce_event", **cart).to_dict()["data"] == cart
    shown = {"product_impressions": [{"product_impression_list": "Results", "products": []}]}
    assert read_event("commerce_event", **shown).to_dict()["data"] == shown


def test_a_product_needs_an_id_or_a_name_only_when_written() -> None:
    assert Product.from_dict({"price": 1}).to_dict() == {"price": 1}
    assert Product.from_dict({}).to_dict() == {}
    shown = {"product_action": {"action": "click", "products": [{}, {"price": 1}]}}
    assert read_event("commerce_event", **shown).to_dict()["data"] == shown
    with pytest.raises(InvalidValue, match="needs an id or a name"):
        Product(price=1)


# Errors name the path

UNKNOWN = [
    (
        {"environmnt": "production"},
        "from_dict() has no field 'environmnt'; did you mean 'environment'?",
    ),
    ({"batch_context": {}}, "from_dict() has no field 'batch_context'; did you mean 'context'?"),
    (
        {"device_info": {"platfrom": "iOS"}},
        "from_dict(): device_info has no field 'platfrom'; did you mean 'platform'?",
    ),
    (
        {"user_identities": [{"identity_type": "custmer_id", "identity": "1"}]},
        "from_dict(): user_identities has no field 'custmer_id'; did you mean 'customer_id'?",
    ),
    (
        {"consent_state": {"gdpr": {"marketing": {"consent": True}}}},
        "from_dict(): consent_state.gdpr.marketing has no field 'consent'; "
        "did you mean 'consented'?",
    ),
    (
        {"context": {"location": {"lattitude": 1}}},
        "from_dict(): context.location has no field 'lattitude'; did you mean 'latitude'?",
    ),
    (
        {"context": {"batching": {"bypass": True}}},
        "from_dict(): context has no field 'batching'; it has data_plan, location",
    ),
    (
        event(evnt_num=1),
        "from_dict(): events[0].data has no field 'evnt_num'; did you mean 'event_num'?",
    ),
    (
        {"events": [*event()["events"], {"event_type": "opt_out", "dta": {}}]},
        "from_dict(): events[1] has no field 'dta'; did you mean 'data'?",
    ),
    (
        event("commerce_event", product_action={"action": "click", "products": [{"prce": 1}]}),
        "from_dict(): events[0].data.product_action.products[0] has no field 'prce'; "
        "did you mean 'price'?",
    ),
    (
        event(
            "crash_report",
            message="m",
            severity="s",
            breadcrumbs=[{"event_type": "breadcrumb", "data": {"lable": "l"}}],
        ),
        "from_dict(): events[0].data.breadcrumbs[0].data has no field 'lable'; "
        "did you mean 'label'?",
    ),
    # Python's names are not the wire's
    (
        event(attributes={"k": "v"}),
        "from_dict(): events[0].data has no field 'attributes'; did you mean 'custom_attributes'?",
    ),
]


@pytest.mark.parametrize(("data", "text"), UNKNOWN)
def test_an_unknown_name_is_an_error_with_its_path(data: dict[str, Any], text: str) -> None:
    with pytest.raises(UnknownField) as caught:
        Batch.from_dict(data)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("written", "event_type"),
    [
        ("custom_event_type", "session_start"),
        ("properties", "custom_event"),
        ("timestamp", "custom_event"),
        ("time", "screen_view"),
    ],
)
def test_an_unknown_name_is_the_one_that_was_written(written: str, event_type: str) -> None:
    named = {"screen_name": "Home"} if event_type == "screen_view" else {}
    with pytest.raises(UnknownField) as caught:
        Batch.from_dict(event(event_type, **named, **{written: 1}))
    assert caught.value.name == written
    assert str(caught.value).startswith(f"from_dict(): events[0].data has no field {written!r}; ")


def test_an_unknown_name_that_is_no_string_is_an_error() -> None:
    with pytest.raises(UnknownField, match=r"^from_dict\(\) has no field 1; it has environment, "):
        Batch.from_dict({1: 2})


INT64 = "does not fit 64 bits; mParticle takes -9223372036854775808 to 9223372036854775807"
FLAT = "attributes are flat: want a string, number or boolean"
WRONG = [
    # text of the error, without from_dict(): and the data
    ("mpid='12a': want an integer, got str", {"mpid": "12a"}),
    ("mpid=1.5: want an integer, got float", {"mpid": 1.5}),
    ("mpid=True: want an integer, got bool", {"mpid": True}),
    (f"mpid=9223372036854775808: {INT64}", {"mpid": "9223372036854775808"}),
    ("ip='nowhere': is not an IPv4 or IPv6 address", {"ip": "nowhere"}),
    (
        "environment='prod': 'prod' is not an environment; did you mean 'production'? "
        "(development, production)",
        {"environment": "prod"},
    ),
    ("events={}: want an array, got dict", {"events": {}}),
    (
        "events[0]=None: want an event: {'event_type': …, 'data': {…}}",
        {"events": [None]},
    ),
    (
        "events[1]='x': want an event: {'event_type': …, 'data': {…}}",
        {"events": [{"event_type": "opt_out", "data": {"is_opted_out": True}}, "x"]},
    ),
    ('events[0]: Required event field "event_type" is missing or empty.', {"events": [{}]}),
    (
        'events[0]: Required event field "event_type" is missing or empty.',
        {"events": [{"event_type": None, "data": {}}]},
    ),
    (
        "events[0].event_type='custom': 'custom' is not an event type",
        {"events": [{"event_type": "custom", "data": {}}]},
    ),
    (
        "events[0].event_type='pre_attribution': 'pre_attribution' is not an event type",
        {"events": [{"event_type": "pre_attribution", "data": {}}]},
    ),
    (
        "events[0].data.event_name: must be given",
        {"events": [{"event_type": "custom_event"}]},
    ),
    (
        "events[0].data.custom_event_type='purchase': 'purchase' is not a custom event type; "
        "want one of navigation, location, search, transaction, user_content, user_preference, "
        "social, other, media, attribution",
        event(custom_event_type="purchase"),
    ),
    (
        "events[0].data.timestamp_unixtime_ms='noon': want an integer, got str",
        event(timestamp_unixtime_ms="noon"),
    ),
    (
        "events[0].data.session_uuid='x': is not a UUID (8-4-4-4-12 hexadecimal digits)",
        event("session_start", session_uuid="x"),
    ),
    (
        "events[0].data.location.longitude: must be given",
        event(location={"latitude": 1}),
    ),
    (
        "events[0].data.location.latitude='1': want a number, got str",
        event(location={"latitude": "1", "longitude": 2}),
    ),
    (
        "events[0].data.product_action.products[1].price='1.0': want a number, got str",
        event(
            "commerce_event",
            product_action={"action": "click", "products": [{"id": "a"}, {"price": "1.0"}]},
        ),
    ),
    (
        "events[0].data.product_action.products='sku-1': want an array, got str",
        event("commerce_event", product_action={"action": "click", "products": "sku-1"}),
    ),
    (
        "events[0].data.product_action.products[0]='sku-1': want an object, got str",
        event("commerce_event", product_action={"action": "click", "products": ["sku-1"]}),
    ),
    (
        "events[0].data.product_impressions[0].products: must be given",
        event("commerce_event", product_impressions=[{"product_impression_list": "Results"}]),
    ),
    (
        "events[0].data.breadcrumbs[0].event_type='opt_out': 'opt_out' is not an event type",
        event(
            "crash_report",
            message="m",
            severity="s",
            breadcrumbs=[{"event_type": "opt_out", "data": {"is_opted_out": True}}],
        ),
    ),
    (
        "events[0].data.ios_image_size=-1: does not fit 64 bits; "
        "mParticle takes 0 to 18446744073709551615",
        event("crash_report", message="m", severity="s", ios_image_size=-1),
    ),
    (
        "events[0].data.new.identity_type='emil': 'emil' is not an identity type; "
        "did you mean 'email'? (customer_id, other, facebook, …)",
        event(
            "user_identity_change",
            new={"identity_type": "emil", "identity": "a", "timestamp_unixtime_ms": 1},
            old=None,
        ),
    ),
    ("device_info=[]: want an object, got list", {"device_info": []}),
    (
        "device_info.platform='ios': 'ios' is not a platform; did you mean 'iOS'? "
        "(iOS, Android, web, …)",
        {"device_info": {"platform": "ios"}},
    ),
    (
        "device_info.is_tablet='true': want True or False, got str",
        {"device_info": {"is_tablet": "true"}},
    ),
    ("device_info.is_tablet=1: want True or False, got int", {"device_info": {"is_tablet": 1}}),
    ("device_info.brand: want a string, got list", {"device_info": {"brand": []}}),
    ("user_identities='x': want an object, got str", {"user_identities": "x"}),
    (
        "user_identities.customer_id: want a string, got list",
        {"user_identities": {"customer_id": ["a"]}},
    ),
    ("user_attributes: want a dict, got list", {"user_attributes": [1]}),
    (
        "deleted_user_attributes='a': want a list of names, got str",
        {"deleted_user_attributes": "a"},
    ),
    (
        "consent_state.gdpr.marketing.timestamp_unixtime_ms: must be given",
        {"consent_state": {"gdpr": {"marketing": {"consented": True}}}},
    ),
    ("consent_state.gdpr=[]: want an object, got list", {"consent_state": {"gdpr": []}}),
    ("consent_state.gdpr.ads=5: want an object, got int", {"consent_state": {"gdpr": {"ads": 5}}}),
    (
        "context.data_plan.plan_id: must be given",
        {"context": {"data_plan": {"plan_version": 1}}},
    ),
    (
        "attribution_info.service_provider: must be given",
        {"attribution_info": {"publisher": "x"}},
    ),
    # inside maps, where the path goes on with the entry
    (
        f"events[0].data.custom_attributes['k']=[1]: {FLAT}, got list",
        event(custom_attributes={"k": [1]}),
    ),
    (f"events[0].data.custom_flags['k']=[1]: {FLAT}, got list", event(custom_flags={"k": [1]})),
    (
        "user_attributes['plan']={'a': 1}: attributes are flat: "
        "want a string, number, boolean, list or None, got dict",
        {"user_attributes": {"plan": {"a": 1}}},
    ),
    (
        "user_attributes['plan'][1]=None: want a string, number or boolean, got NoneType",
        {"user_attributes": {"plan": ["a", None]}},
    ),
    (
        f"application_info.apple_search_ads_attributes['v3']['k']=[1]: {FLAT}, got list",
        {"application_info": {"apple_search_ads_attributes": {"v3": {"k": [1]}}}},
    ),
    (
        "integration_attributes['92']=5: want a dict, got int",
        {"integration_attributes": {"92": 5}},
    ),
    ("deleted_user_attributes[1]=1: want a string, got int", {"deleted_user_attributes": ["a", 1]}),
    (f"user_attributes['a']=9223372036854775808: {INT64}", {"user_attributes": {"a": 2**63}}),
    (
        "user_attributes['a']=nan: is not a number that JSON can carry; leave the field out",
        {"user_attributes": {"a": float("nan")}},
    ),
    (
        "user_attributes['a']='\\ud83d': has a lone surrogate, which has no UTF-8",
        {"user_attributes": {"a": "\ud83d"}},
    ),
    ("None: want an object, got NoneType", None),
    ("[]: want an object, got list", []),
    ("'x': want an object, got str", "x"),
]


@pytest.mark.parametrize(("text", "data"), WRONG, ids=[text for text, _ in WRONG])
def test_a_wrong_value_is_an_error_with_its_path(text: str, data: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        Batch.from_dict(data)
    assert str(caught.value) == f"from_dict(): {text}"


@pytest.mark.parametrize("event_type", [["custom_event"], {"a": 1}, 5, True])
def test_an_event_type_that_is_no_string_is_an_error_with_its_path(event_type: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^from_dict\(\): events\[0\]\.event_type"):
        Batch.from_dict({"events": [{"event_type": event_type, "data": {}}]})


def test_identities_in_an_array_must_be_objects() -> None:
    for data in (["x"], [{"identity": "x"}]):
        with pytest.raises(InvalidBatch, match=r"^from_dict\(\): user_identities"):
            Batch.from_dict({"user_identities": data})
        with pytest.raises(InvalidBatch, match=r"^from_json\(\): user_identities"):
            Batch.from_json(json.dumps({"user_identities": data}))


@pytest.mark.parametrize(
    "data",
    [
        event("commerce_event"),
        event("commerce_event", product_action={}),
        event(
            "commerce_event",
            product_action={"action": "click"},
            promotion_action={"action": "view"},
        ),
        {"consent_state": {"ccpa": {"marketing": {"consented": True, "timestamp_unixtime_ms": 1}}}},
    ],
)
def test_a_broken_rule_is_told_once_with_its_path(data: dict[str, Any]) -> None:
    path = "consent_state" if "consent_state" in data else "events[0].data"
    for where, read in (
        ("from_dict", lambda: Batch.from_dict(data)),
        ("from_json", lambda: Batch.from_json(json.dumps(data))),
    ):
        with pytest.raises(InvalidValue) as caught:
            read()
        text = str(caught.value)
        assert text.startswith(f"{where}(): {path}")
        assert text.count("from_dict") + text.count("from_json") == 1


def test_the_error_of_a_field_names_it() -> None:
    with pytest.raises(InvalidValue) as caught:
        Batch.from_dict(event(location={"latitude": "1", "longitude": 2}))
    assert caught.value.field == "events[0].data.location.latitude"


def test_a_long_value_does_not_flood_the_error() -> None:
    with pytest.raises(InvalidValue) as caught:
        Batch.from_dict({"mpid": "x" * 100_000})
    assert len(str(caught.value)) < 200


# Unknown names


FULL_OF_UNKNOWNS = {
    "one": 1,
    "device_info": {"two": 2, "brand": "Acme"},
    "user_identities": {"three": "3"},
    "consent_state": {"four": {}},
    "context": {"batching": {"bypass": True}},
    "events": [
        {
            "event_type": "custom_event",
            "five": 5,
            "data": {
                "event_name": "x",
                "six": 6,
                "location": {"latitude": 1, "longitude": 2, "seven": 7},
            },
        }
    ],
}


def test_unknown_names_can_be_ignored_at_every_level() -> None:
    expected = {
        "device_info": {"brand": "Acme"},
        "events": [
            {
                "event_type": "custom_event",
                "data": {
                    "event_name": "x",
                    "custom_event_type": "other",
                    "location": {"latitude": 1, "longitude": 2},
                },
            }
        ],
    }
    assert Batch.from_dict(FULL_OF_UNKNOWNS, unknown="ignore").to_dict() == expected
    text = json.dumps(FULL_OF_UNKNOWNS)
    assert Batch.from_json(text, unknown="ignore").to_dict() == expected


def test_unknown_names_raise_unless_ignored() -> None:
    for read in (
        lambda: Batch.from_dict(FULL_OF_UNKNOWNS),
        lambda: Batch.from_dict(FULL_OF_UNKNOWNS, unknown="raise"),
        lambda: Batch.from_json(json.dumps(FULL_OF_UNKNOWNS)),
    ):
        with pytest.raises(UnknownField, match="has no field 'one'"):
            read()


def test_ignoring_unknown_names_ignores_nothing_else() -> None:
    with pytest.raises(InvalidValue, match=r"^from_dict\(\): mpid='x': want an integer"):
        Batch.from_dict({"mpid": "x", "one": 1}, unknown="ignore")
    with pytest.raises(InvalidValue, match="'custom' is not an event type"):
        Batch.from_dict({"events": [{"event_type": "custom", "data": {}}]}, unknown="ignore")


# The names of what stands in a map

SAID = {"consented": True, "timestamp_unixtime_ms": 1}
NAMED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "consent_state.gdpr": lambda name: {"consent_state": {"gdpr": {name: SAID}}},
    "consent_state.ccpa": lambda name: {"consent_state": {"ccpa": {name: SAID}}},
    "user_attributes": lambda name: {"user_attributes": {name: 1}},
    "integration_attributes": lambda name: {"integration_attributes": {name: {"a": 1}}},
    "integration_attributes['92']": lambda name: {"integration_attributes": {"92": {name: 1}}},
    "partner_identities": lambda name: {"partner_identities": {name: "1"}},
    "application_info.apple_search_ads_attributes": lambda name: {
        "application_info": {"apple_search_ads_attributes": {name: {"a": 1}}}
    },
    "events[0].data.custom_flags": lambda name: event(custom_flags={name: 1}),
    "events[0].data.custom_attributes": lambda name: event(custom_attributes={name: 1}),
    "events[0].data.shopping_cart.products[0].custom_attributes": lambda name: event(
        "commerce_event",
        product_action={"action": "purchase"},
        shopping_cart={"products": [{"id": "1", "custom_attributes": {name: "1"}}]},
    ),
}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("\ud800", "the name has a lone surrogate, which has no UTF-8"),
        ("a\udfff", "the name has a lone surrogate, which has no UTF-8"),
        ("", "a name must not be empty"),
        (5, "names are strings, got int"),
        (None, "names are strings, got NoneType"),
    ],
)
@pytest.mark.parametrize("place", NAMED)
def test_a_name_that_no_map_can_have_is_an_error_with_its_path(
    place: str, name: Any, why: str
) -> None:
    data = NAMED[place](name)
    with pytest.raises(InvalidValue) as caught:
        Batch.from_dict(data)
    text = str(caught.value)
    assert text.startswith(f"from_dict(): {place}[{name!r}]=")
    assert text.endswith(why)
    assert BatchSchema().validate(data) != {}
    text.encode()  # whatever it quotes


@pytest.mark.parametrize("name", ["\ud800", "", 5])
def test_a_purpose_is_read_as_it_may_be_written(name: Any) -> None:
    for read in (
        lambda: ConsentState.from_dict({"gdpr": {name: SAID}}),
        lambda: ConsentStateSchema().load({"gdpr": {name: SAID}}),
        lambda: Batch().with_gdpr_consent(name, True, at=1_795_428_900_000),
    ):
        with pytest.raises((InvalidValue, ValidationError)):
            read()
    told = ConsentStateSchema().validate({"gdpr": {name: SAID}})
    assert list(told["gdpr"][name]) == ["key"]


# What the vendor's own SDKs send

ODD_FLAGS = {
    "list": ["foo", "bar"],
    "object": {"foo": 1},
    "empty": [],
    "null": None,
    "huge": 10**30,
    "\ud800": "a lone surrogate",
    "": "nameless",
}
FLAGS = {"text": "foo", "number": 1.5, "flag": False}


@pytest.mark.parametrize("event_type", [cls.event_type for cls in EVENT_CLASSES])
def test_flags_that_no_event_can_hold_are_left_out_where_unknown_names_are(event_type: str) -> None:
    whole = next(one.to_dict() for one in full_events() if one.event_type == event_type)
    whole["data"]["custom_flags"] = {**ODD_FLAGS, **FLAGS}
    (read,) = Batch.from_dict({"events": [whole]}, unknown="ignore").events
    assert read.flags == FLAGS
    text = plain({"events": [whole]})
    assert Batch.from_json(text, unknown="ignore").events == (read,)
    assert Event.from_dict(whole, unknown="ignore") == read
    whole["data"]["custom_flags"] = ODD_FLAGS
    (read,) = Batch.from_dict({"events": [whole]}, unknown="ignore").events
    assert read.flags is None


@pytest.mark.parametrize("name", ODD_FLAGS.keys() - {"null"})
def test_a_flag_that_no_event_can_hold_is_an_error_with_its_path(name: str) -> None:
    with pytest.raises(InvalidValue, match=r"^from_dict\(\): events\[0\]\.data\.custom_flags\['"):
        read_event(custom_flags={name: ODD_FLAGS[name]})


def test_an_attribute_that_no_event_can_hold_is_never_left_out() -> None:
    with pytest.raises(
        InvalidValue, match=r"custom_attributes\['list'\]=\['foo'\]: attributes are"
    ):
        Batch.from_dict(event(custom_attributes={"list": ["foo"]}), unknown="ignore")


def test_a_session_end_without_a_duration_is_read() -> None:
    data = event("session_end", session_id=42)
    for batch in (
        Batch.from_dict(data),
        Batch.from_dict(data, unknown="ignore"),
        Batch.from_json(json.dumps(data)),
        Batch.from_dict(event("session_end", session_id="42", session_duration_ms=None)),
    ):
        (end,) = batch.events
        assert end.session_duration_ms is None
        assert batch.to_dict() == data
        assert Batch.from_json(batch.to_json()) == batch
        assert eval(batch.to_python(), vars(mpfluent)) == batch
    assert SessionEndEvent.from_dict(data["events"][0]) == end


def test_what_is_wrong_beside_a_session_end_without_a_duration_is_told() -> None:
    for data, text in (
        (event("session_end", session_id="x"), "events[0].data.session_id='x': want an integer"),
        ({**event("session_end"), "mpid": "x"}, "mpid='x': want an integer"),
    ):
        with pytest.raises(InvalidValue) as caught:
            Batch.from_dict(data)
        assert str(caught.value).startswith(f"from_dict(): {text}")
    crash = {"message": "x", "severity": "y", "breadcrumbs": [event("session_end")["events"][0]]}
    with pytest.raises(InvalidValue, match="'session_end' is not an event type"):
        read_event("crash_report", **crash)


def test_a_session_end_is_written_with_its_duration() -> None:
    with pytest.raises(InvalidValue, match=r"^session_end\(\) needs session_duration_ms; write"):
        Batch().session_end(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="session_duration_ms"):
        SessionEndEvent()  # type: ignore[call-arg]
    missing = {"events": {0: {"data": {"session_duration_ms": ["must be given"]}}}}
    assert BatchSchema().validate(event("session_end")) == missing


@pytest.mark.parametrize("value", ["skip", None, True, "RAISE"])
def test_unknown_takes_two_words(value: Any) -> None:
    for read, where in (
        (lambda: Batch.from_dict({}, unknown=value), "from_dict"),
        (lambda: Batch.from_json("{}", unknown=value), "from_json"),
        (lambda: Product.from_dict({}, unknown=value), "from_dict"),
        (lambda: AppEvent.from_dict(AppEvent("x").to_dict(), unknown=value), "from_dict"),
    ):
        with pytest.raises(InvalidValue) as caught:
            read()
        assert str(caught.value) == f"{where}(unknown={value!r}): want 'raise' or 'ignore'"


# JSON text


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_in_json_is_refused(constant: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Batch.from_json(f'{{"user_attributes": {{"a": {constant}}}}}')
    assert str(caught.value) == f"from_json(): {constant} is not a number that JSON can carry"


@pytest.mark.parametrize(
    "text", ["", "{", "{nope", "'x'", "{} {}", "[1,]", b"\xff", b'{"a": "\xff"}']
)
def test_garbage_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidValue, match=r"^from_json\(\): not JSON: "):
        Batch.from_json(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "from_json(None): want JSON text, got NoneType"),
        ({}, "from_json({}): want JSON text, got dict"),
        (5, "from_json(5): want JSON text, got int"),
    ],
)
def test_what_is_no_text_is_refused(value: Any, text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Batch.from_json(value)
    assert str(caught.value) == text


@pytest.mark.parametrize("data", ["[]", "5", "null", '"x"', "true"])
def test_json_that_is_no_object_is_refused(data: str) -> None:
    with pytest.raises(InvalidValue, match=r"^from_json\(\): .*: want an object, got "):
        Batch.from_json(data)


def test_bytes_are_read_as_utf_8() -> None:
    text = '{"user_attributes":{"drink":"té 😀"}}'
    expected = Batch().with_user_attributes(drink="té 😀")
    assert Batch.from_json(text) == expected
    assert Batch.from_json(text.encode()) == expected
    assert Batch.from_json(bytearray(text.encode())) == expected
    assert Batch.from_json(b"\xef\xbb\xbf" + text.encode()) == expected
    assert expected.to_json() == text


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"events":[{"data":'])
def test_deep_nesting_is_an_error_like_any_other(opening: str) -> None:
    with pytest.raises(InvalidValue, match=r"^from_json\(\): "):
        Batch.from_json(opening * 100_000)


@pytest.mark.parametrize("depth", [50, 500, 900])
def test_nesting_that_json_can_read_is_an_error_with_its_path(depth: int) -> None:
    nested = '{"a":' * depth + "1" + "}" * depth
    with pytest.raises(InvalidValue, match=r"^from_json\(\): user_attributes"):
        Batch.from_json(f'{{"user_attributes": {nested}}}')


def test_deeply_nested_data_is_an_error_like_any_other() -> None:
    nested: Any = 1
    for _ in range(10_000):
        nested = [nested]
    with pytest.raises(InvalidValue, match=r"^from_dict\(\): user_attributes"):
        Batch.from_dict({"user_attributes": {"a": nested}})


@pytest.mark.parametrize("digits", [20, 50, 5000])
def test_a_huge_integer_is_an_error_like_any_other(digits: int) -> None:
    with pytest.raises(InvalidValue, match=r"^from_json\(\): ") as caught:
        Batch.from_json(f'{{"mpid": {"9" * digits}}}')
    assert len(str(caught.value)) < 300


NUMBERS = [
    ("19.99", 19.99),
    ("1.0", 1.0),
    ("0.1", 0.1),
    ("1E2", 100.0),
    ("-0.0", -0.0),
    ("0.1000000000000000000000000001", Decimal("0.1000000000000000000000000001")),
    ("123456789012345678.90", Decimal("123456789012345678.90")),
    ("1E-400", Decimal("1E-400")),
    ("9007199254740993", 2**53 + 1),
    ("9007199254740993.0", Decimal("9007199254740993.0")),
    ("-9223372036854775808", -(2**63)),
]


@pytest.mark.parametrize(("digits", "expected"), NUMBERS)
def test_numbers_are_read_exactly(digits: str, expected: Any) -> None:
    attributes = Batch.from_json(f'{{"user_attributes": {{"a": {digits}}}}}').user_attributes
    assert attributes is not None
    assert attributes["a"] == expected
    assert type(attributes["a"]) is type(expected)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
@settings(deadline=None)
def test_any_decimal_survives_json(amount: Decimal) -> None:
    text = Batch().purchase(Product("sku-1"), total_amount=amount).to_json()
    (read,) = Batch.from_json(text).events
    assert Decimal(str(read.product_action.total_amount)) == amount


def test_a_number_too_large_for_json_readers_is_an_error() -> None:
    with pytest.raises(InvalidValue, match=r"^from_json\(\): user_attributes.*can carry"):
        Batch.from_json('{"user_attributes": {"a": 1E+999}}')


def test_of_duplicate_names_the_last_counts() -> None:
    # as in Python's own json, and in the vendor's
    assert Batch.from_json('{"mpid": 1, "mpid": 2}') == Batch().with_mpid(2)
    read = Batch.from_json('{"user_attributes": {"a": 1, "a": null}}')
    assert read == Batch().with_user_attributes(a=None)


def test_surrogate_pairs_are_one_character_and_halves_are_errors() -> None:
    read = Batch.from_json('{"user_attributes": {"a": "\\ud83d\\ude00"}}')
    assert read == Batch().with_user_attributes(a="😀")
    with pytest.raises(InvalidValue, match="has a lone surrogate"):
        Batch.from_json('{"user_attributes": {"a": "\\ud83d"}}')
    with pytest.raises(InvalidValue, match="has a lone surrogate"):
        Batch.from_json('{"user_attributes": {"\\ud83d": "a"}}')


# Records and events read themselves


def test_a_record_reads_itself() -> None:
    assert Product.from_dict({"id": "sku-1", "price": 19.99}) == Product("sku-1", price=19.99)
    assert Product.from_json('{"id":"sku-1","price":19.99}') == Product("sku-1", price=19.99)
    assert DeviceInformation.from_json(b'{"platform":"iOS","is_tablet":null}').platform == "iOS"


@pytest.mark.parametrize("cls", RECORD_CLASSES)
def test_the_error_of_a_records_own_reader_starts_at_the_record(cls: type[Record]) -> None:
    with pytest.raises(UnknownField, match=r"^from_dict\(\) has no field 'nope'; "):
        cls.from_dict({**full(cls).to_dict(), "nope": 1})
    ignoring = cls.from_dict({**full(cls).to_dict(), "nope": 1}, unknown="ignore")
    assert ignoring == full(cls)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (
            lambda: Product.from_dict({"prize": 1}),
            "from_dict() has no field 'prize'; did you mean 'price'?",
        ),
        (
            lambda: Product.from_dict({"price": "1"}),
            "from_dict(): price='1': want a number, got str",
        ),
        (lambda: Product.from_dict({"id": 5}), "from_dict(): id=5: want a string, got int"),
        (lambda: Product.from_json("[]"), "from_json(): []: want an object, got list"),
        (
            lambda: ConsentState.from_dict({"gdpr": {"ads": {"consented": "yes"}}}),
            "from_dict(): gdpr.ads.consented='yes': want True or False, got str",
        ),
        (
            lambda: AppEvent.from_dict({"event_type": "custom_event", "data": {"event_name": 5}}),
            "from_dict(): data.event_name=5: want a string, got int",
        ),
        (
            lambda: AppEvent.from_dict({"event_type": "custom_event", "data": {"evnt_name": "x"}}),
            "from_dict(): data has no field 'evnt_name'; did you mean 'event_name'?",
        ),
        (
            lambda: AppEvent.from_dict(None),
            "from_dict(): None: want an event: {'event_type': …, 'data': {…}}",
        ),
        (
            lambda: CrashReportEvent.from_json(
                '{"event_type":"crash_report","data":{"message":"m"}}'
            ),
            "from_json(): data.severity: must be given",
        ),
    ],
)
def test_the_error_of_ones_own_reader_names_the_path(read: Any, text: str) -> None:
    with pytest.raises(InvalidBatch) as caught:
        read()
    assert str(caught.value) == text


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_an_event_class_reads_only_its_own_type(cls: type[Event]) -> None:
    other = next(each for each in EVENT_CLASSES if each is not cls)
    with pytest.raises(InvalidValue, match=rf"^from_dict\(\): event_type='{other.event_type}': "):
        cls.from_dict(minimal(other).to_dict())


@pytest.mark.parametrize("one", full_events(), ids=lambda one: one.event_type)
def test_the_base_class_reads_every_type(one: Event) -> None:
    read = Event.from_json(one.to_json())
    assert type(read) is type(one)
    assert read == one


# What was read is a value like any other


def test_what_was_read_can_be_derived_from() -> None:
    batch = Batch.from_dict({"device_info": {"platform": "desktop"}, "mpid": "5"})
    assert batch.with_device(brand="Acme").to_dict() == {
        "mpid": 5,
        "device_info": {"platform": "desktop", "brand": "Acme"},
    }


def test_times_are_read_as_they_are() -> None:
    # captures hold zeros and seconds; only who writes a time is asked what is meant
    assert read_event(timestamp_unixtime_ms=0).at == 0
    assert read_event(timestamp_unixtime_ms=1_552_596_256).at == 1_552_596_256
    with pytest.raises(InvalidTime):
        AppEvent("x", at=1_552_596_256)


FUZZ = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [*Batch._wire, *AppEvent._wire, "event_type", "data", "platform", "gdpr"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(FUZZ, st.sampled_from(["raise", "ignore"]))
@settings(deadline=None)
def test_whatever_is_read_is_a_batch_or_an_error_of_ours(data: Any, unknown: Any) -> None:
    try:
        batch = Batch.from_dict(data, unknown=unknown)
    except MPFluentError:
        return
    assert Batch.from_dict(batch.to_dict()) == batch


@given(batches(max_fields=3, max_events=2), st.data())
@settings(deadline=None)
def test_one_wrong_value_is_found_wherever_it_stands(batch: Batch, data: Any) -> None:
    wire = batch.to_dict()
    places = list(leaves(wire))
    if not places:
        return
    path = data.draw(st.sampled_from(places))
    holder = wire
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = object()
    with pytest.raises(InvalidBatch) as caught:
        Batch.from_dict(wire)
    assert str(path[0]) in str(caught.value)


def leaves(data: Any, path: tuple[Any, ...] = ()) -> Any:
    """Yield the path to every value that is neither an object nor an array."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in pairs:
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


@pytest.mark.parametrize(
    "text",
    [
        '{"mpid": 1e400}',
        '{"mpid": 123456789012345678901234567890.5}',
        '{"mpid": 1E+40}',
        '{"user_attributes": {"a": 1e9999999999999999999}}',
        '{"user_identities": [{"identity_type": ["x"], "identity": "a"}]}',
        '{"user_identities": [{"identity_type": {}, "identity": "a"}]}',
    ],
)
def test_hostile_json_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"^from_json\(\): "):
        Batch.from_json(text)


@pytest.mark.parametrize("digits", ["Infinity", "-Infinity", "NaN", "sNaN", "1E+40"])
def test_a_decimal_that_is_no_integer_is_an_error_of_ours(digits: str) -> None:
    with pytest.raises(InvalidValue, match=r"^from_dict\(\): mpid"):
        Batch.from_dict({"mpid": Decimal(digits)})


def test_an_attribute_that_is_set_and_deleted_at_once_is_set() -> None:
    read = Batch.from_dict({"user_attributes": {"a": 3}, "deleted_user_attributes": ["a", "b"]})
    assert read == Batch().with_user_attributes(a=3).with_deleted_user_attributes("b")


def test_an_empty_message_id_is_unset() -> None:
    data = event("custom_event", source_message_id="")
    assert Batch.from_dict(data).events[0].source_message_id is None


# The loader beside the schemas


def strictly(data: Any) -> dict[str, Any]:
    """Return a batch's data in strict wire form, as schemas take it."""
    return reader._Reader("from_dict", "raise").record(Batch, data, "")


@given(batches(max_fields=4, max_events=3))
@settings(deadline=None)
def test_the_loader_loads_whatever_is_valid_as_its_schema_does(batch: Batch) -> None:
    tidy = strictly(batch.to_dict())
    loaded = loader.load_valid(Batch, tidy)

    assert loaded == schema.schema_of(Batch).load(tidy)
    assert exactly(loaded.to_dict()) == exactly(tidy)


@given(batches(max_fields=3, max_events=2), FUZZ | st.just("unset"), st.data())
@settings(deadline=None)
def test_what_a_schema_refuses_the_loader_refuses_too(batch: Batch, odd: Any, data: Any) -> None:
    tidy = strictly(batch.to_dict())
    holder: Any = tidy
    while True:  # change, add or take away one thing, wherever it stands
        keys = [*holder] if isinstance(holder, dict) else [*range(len(holder))]
        key = data.draw(st.sampled_from([*keys, "platform"] if isinstance(holder, dict) else keys))
        inside = holder[key] if key in keys else None
        if inside and isinstance(inside, dict | list) and data.draw(st.booleans()):
            holder = inside
            continue
        if odd == "unset" and key in keys:
            del holder[key]
        else:
            holder[key] = odd
        break
    try:
        loaded = loader.load_valid(Batch, tidy)
    except Exception:
        return
    by_schema = schema.schema_of(Batch).load(tidy)
    assert exactly(by_schema.to_dict()) == exactly(loaded.to_dict())


@pytest.mark.parametrize("platform", ["iOS", "no platform"])
def test_a_schema_is_made_once_and_not_for_each_read(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {**event(custom_attributes={"a": 1}), "device_info": {"platform": platform}}
    made = []
    make = Schema.__init__

    def counted(self: Schema, **options: Any) -> None:
        made.append(self)
        make(self, **options)

    def read() -> None:
        with contextlib.suppress(InvalidBatch):
            Batch.from_dict(data)

    read()
    monkeypatch.setattr(Schema, "__init__", counted)
    read()

    assert made == []


def test_what_is_valid_is_read_without_marshmallow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Schema, "load", lambda *_, **__: pytest.fail("marshmallow loads"))

    for cls in RECORD_CLASSES:
        assert cls.from_dict(full(cls).to_dict()) == full(cls)
    for one in full_events():
        assert Batch.from_dict({"events": [one.to_dict()]}).events == (one,)
        assert Event.from_dict(one.to_dict()) == one


@pytest.mark.parametrize("name", ["a" * 100_000, "two\nlines", "\x1b[31m"])
def test_a_name_in_a_path_is_short_and_printable(name: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Batch.from_dict({"consent_state": {"gdpr": {name: {"consented": "x"}}}})

    text = str(caught.value)
    assert text.startswith("from_dict(): consent_state.gdpr['")
    assert text.endswith("'].consented='x': want True or False, got str")
    assert len(text) < 200
    assert text.isprintable()
