"""Outbound forms and empty values that are read as mParticle means them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from readings import event, exactly, read_event
from strategies import full_events, minimal

import mpfluent
from mpfluent import (
    AppEvent,
    Batch,
    DeviceCurrentState,
    DeviceInformation,
    Event,
    InvalidValue,
    Product,
    SessionEndEvent,
    UserAttributeChangeEvent,
    UserIdentities,
)
from mpfluent.schemas import BatchSchema
from mpfluent.testing.strategies.records import EVENT_CLASSES

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
    text = json.dumps({"events": [whole]}, default=float)
    assert Batch.from_json(text, unknown="ignore").events == (read,)
    assert Event.from_dict(whole, unknown="ignore") == read
    whole["data"]["custom_flags"] = ODD_FLAGS
    (read,) = Batch.from_dict({"events": [whole]}, unknown="ignore").events
    assert read.flags is None


@pytest.mark.parametrize("name", [name for name in ODD_FLAGS if name != "null"])
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


def test_what_is_wrong_beside_a_session_end_without_a_duration_is_an_error() -> None:
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


def test_an_attribute_that_is_set_and_deleted_at_once_is_set() -> None:
    read = Batch.from_dict({"user_attributes": {"a": 3}, "deleted_user_attributes": ["a", "b"]})
    assert read == Batch().with_user_attributes(a=3).with_deleted_user_attributes("b")


def test_an_empty_message_id_is_unset() -> None:
    data = event("custom_event", source_message_id="")
    assert Batch.from_dict(data).events[0].source_message_id is None
