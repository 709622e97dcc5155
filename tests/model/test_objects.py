"""Every field of the API can be set, and appears on the wire under its name.

The tables in this file are the wire's names, written down by hand and apart from the
declarations, so that a slip in a declaration cannot hide. Where the vendor's material is at hand
(it is not part of this repository), the tables are checked against it, and batches against the
vendor's JSON Schema.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from jsonschema import Draft7Validator, FormatChecker
from strategies import (
    BEYOND_FLOATS,
    MOMENT,
    MOMENT_MS,
    ONE_OF,
    example,
    full,
    full_events,
    minimal,
    minimal_events,
)

from mpfluent import (
    AppEvent,
    Batch,
    CommerceEvent,
    Event,
    EventVerbs,
    Product,
    Promotion,
    UnknownField,
    UserIdentity,
    schemas,
)
from mpfluent.model.record import Record
from mpfluent.testing.strategies import batches
from mpfluent.testing.strategies.records import EVENT_CLASSES, RECORD_CLASSES, words

WIRE = Path(__file__).parents[3] / "shared" / "wire"
needs_wire_format = pytest.mark.skipif(
    not (WIRE / "wire-format.json").exists(), reason="the vendor's wire format is not at hand"
)
needs_schema = pytest.mark.skipif(
    not (WIRE / "schema").exists(), reason="the vendor's JSON Schema is not at hand"
)

# The wire's names

COMMON = """
    timestamp_unixtime_ms source_message_id session_uuid session_id event_num custom_attributes
    custom_flags location device_current_state session_start_unixtime_ms event_start_unixtime_ms
    is_goal_defined lifetime_value_change lifetime_value_attribute_name data_connection_type
    view_controller is_main_thread canonical_name page_url active_time_on_site_ms
"""

# the 17 event types, and what each adds to the common fields
EVENTS = {
    "custom_event": "event_name custom_event_type",
    "commerce_event": """
        product_action promotion_action product_impressions shopping_cart currency_code
        screen_name is_non_interactive
    """,
    "screen_view": "screen_name activity_type",
    "session_start": "",
    "session_end": "session_duration_ms",
    "application_state_transition": """
        application_transition_type is_first_run is_upgrade successfully_closed
        push_notification_payload launch_referral
    """,
    "crash_report": """
        message severity class_name stack_trace exception_handled topmost_context breadcrumbs
        pl_crash_report_file_base64 ios_image_base_address ios_image_size session_number
    """,
    "breadcrumb": "label session_number",
    "network_performance": "url response_code http_verb time_elapsed bytes_in bytes_out data",
    "opt_out": "is_opted_out",
    "profile": "previous_mpid current_mpid profile_event_type",
    "push_message": """
        push_message_type push_message_token push_notification_payload message network
        application_state action_identifier push_message_behavior
    """,
    "push_registration": "register registration_token",
    "user_attribute_change": "user_attribute_name new old deleted is_new_attribute",
    "user_identity_change": "new old",
    "first_run": "",
    "uninstall": "",
}

CONSENT = "consented timestamp_unixtime_ms document location hardware_id"

# all other objects, by the name of their class
OBJECTS = {
    "Batch": """
        environment events user_identities user_attributes deleted_user_attributes device_info
        application_info mpid mp_deviceid consent_state context integration_attributes
        partner_identities partner_identity source_request_id ip attribution_info sdk_version
    """,
    "UserIdentities": """
        customer_id other facebook twitter google microsoft yahoo email alias
        facebook_custom_audience_id other_id_2 other_id_3 other_id_4 other_id_5 other_id_6
        other_id_7 other_id_8 other_id_9 other_id_10 mobile_number phone_number_2 phone_number_3
    """,
    "UserIdentity": "identity_type identity timestamp_unixtime_ms created_this_batch",
    "DeviceInformation": """
        platform ios_advertising_id ios_idfv android_advertising_id android_uuid
        fire_advertising_id roku_advertising_id roku_publisher_id microsoft_advertising_id
        microsoft_publisher_id amp_id att_authorization_status att_timestamp_unixtime_ms
        push_token brand product device device_manufacturer device_model os_version
        build_identifier build_version_release cpu_architecture screen_height screen_width
        screen_dpi device_country locale_language locale_country network_country
        network_carrier network_code network_mobile_country_code timezone_offset
        http_header_user_agent radio_access_technology bluetooth_version is_tablet
        push_notification_sound_enabled push_notification_vibrate_enabled supports_telephony
        has_nfc bluetooth_enabled limit_ad_tracking is_dst
    """,
    "DeviceCurrentState": """
        time_since_start_ms battery_level data_connection_type data_connection_type_detail
        gps_state total_system_memory_usage_bytes disk_space_free_bytes
        external_disk_space_free_bytes cpu system_memory_available_bytes system_memory_low
        system_memory_threshold_bytes application_memory_available_bytes
        application_memory_max_bytes application_memory_total_bytes device_orientation
        status_bar_orientation
    """,
    "ApplicationInformation": """
        application_name application_version application_build_number package install_referrer
        os apple_search_ads_attributes
    """,
    "GeoLocation": """
        latitude longitude accuracy country_code region_code city_name postal_code dma_code
        location_source
    """,
    "AttributionInfo": "service_provider publisher campaign",
    "DataPlanContext": "plan_id plan_version",
    "BatchContext": "data_plan location",
    "ConsentState": "gdpr ccpa",
    "GDPRConsentState": CONSENT,
    "CCPAConsentState": CONSENT,
    "Product": """
        id name brand category variant position price quantity coupon_code
        added_to_cart_time_ms total_product_amount custom_attributes
    """,
    "ProductAction": """
        action products transaction_id total_amount tax_amount shipping_amount affiliation
        coupon_code checkout_step checkout_options product_action_list product_list_source
    """,
    "Promotion": "id name creative position",
    "PromotionAction": "action promotions",
    "ProductImpression": "product_impression_list products",
    "ShoppingCart": "products",
}

# The four names that are shorter in Python, because they stand on nearly every event
SHORT = {
    "timestamp_unixtime_ms": "at",
    "custom_attributes": "attributes",
    "custom_flags": "flags",
    "custom_event_type": "type",
}

# What the wire format lists and mpfluent does not send, and why

SERVER_SET = "only mParticle sets it; dropped when reading"
NEVER_SENT = {
    ("Batch", "schema_version"): SERVER_SET + "; a strict schema refuses it",
    ("Batch", "timestamp_unixtime_ms"): SERVER_SET,
    ("Batch", "batch_id"): SERVER_SET + "; sent again, it would make the batch a duplicate",
    ("Batch", "source_info"): SERVER_SET,
    ("Batch", "job_id"): SERVER_SET,
    ("Batch", "origin_mpid"): SERVER_SET,
    ("Batch", "system_notifications"): SERVER_SET,
    ("Batch", "unique_id"): SERVER_SET,
    ("Batch", "modified"): "a mark of client kits, never sent; dropped when reading",
    ("Batch", "api_key"): "a secret, never in a body; dropped when reading",
    ("Batch", "api_keys"): "secrets, never in a body; dropped when reading",
    ("Batch", "batch_context"): "a misprint of context",
    ("CommonEventData", "event_id"): SERVER_SET,
    ("CommonEventData", "event_system_notification_info"): SERVER_SET,
    ("CustomEventData", "media_info"): "dead: media events carry custom attributes instead",
    ("CommerceEventData", "event_name"): SERVER_SET,
    ("CommerceEventData", "custom_event_type"): SERVER_SET,
    ("ProfileEventData", "profile_name"): "in no schema; the event has two mpids instead",
    ("ProfileEventData", "previous_profile_name"): "in no schema; two mpids instead",
    ("ApplicationInformation", "sideloaded_kits_count"): "of client kits; a schema refuses it",
    ("UserIdentities", "customerid"): "an older spelling, read as customer_id",
    ("GDPRConsentPurpose", "regulation"): SERVER_SET + "; the map it stands in says it",
    ("GDPRConsentPurpose", "purpose"): SERVER_SET + "; its key in the map says it",
    ("CCPAConsentPurpose", "regulation"): SERVER_SET + "; the map it stands in says it",
    ("BatchContext", "batching"): "undocumented, in one old SDK only",
    ("DataPlanContext", "block_metadata"): SERVER_SET,
}
NEVER_SENT_OBJECTS = {
    "SourceInformation": SERVER_SET,
    "EventSystemNotificationInfo": SERVER_SET,
    "SystemNotification": SERVER_SET,
    "SystemNotificationData": SERVER_SET,
    "BlockMetadata": SERVER_SET,
    "BlockedEventAttribute": SERVER_SET,
    "ApiErrorResponse": "the answer's body, not the request's",
    "ApiErrorResponseError": "the answer's body, not the request's",
    "MediaInfo": "the value of media_info",
    "BatchingContext": "the value of batching",
    "Event": "the wrapper; its own test is below",
}
# their names in the wire format, where the class is named otherwise
FORMAT_NAMES = {
    "GDPRConsentPurpose": "GDPRConsentState",
    "CCPAConsentPurpose": "CCPAConsentState",
}

EVENT_BY_TYPE = {cls.event_type: cls for cls in EVENT_CLASSES}
RECORD_BY_NAME: dict[str, type[Record]] = {cls.__name__: cls for cls in (*RECORD_CLASSES, Batch)}


def sent(value: Batch | Record) -> Any:
    """Return what a value is on the wire: its JSON text, parsed."""
    return json.loads(value.to_json(), parse_float=Decimal)


def data_of(batch: Batch) -> Any:
    """Return the data of the batch's one event, as it is on the wire."""
    (event,) = sent(batch)["events"]
    return event["data"]


# The declarations are the tables


def test_there_are_seventeen_event_types() -> None:
    assert sorted(EVENT_BY_TYPE) == sorted(EVENTS)
    assert len(EVENTS) == 17


@pytest.mark.parametrize("event_type", EVENTS)
def test_an_event_declares_the_fields_of_the_table(event_type: str) -> None:
    declared = EVENT_BY_TYPE[event_type]._wire
    assert sorted(declared) == sorted(f"{EVENTS[event_type]} {COMMON}".split())


def test_the_records_are_those_of_the_table() -> None:
    assert sorted(RECORD_BY_NAME) == sorted(OBJECTS)


@pytest.mark.parametrize("name", OBJECTS)
def test_a_record_declares_the_fields_of_the_table(name: str) -> None:
    assert sorted(RECORD_BY_NAME[name]._wire) == sorted(OBJECTS[name].split())


@pytest.mark.parametrize("cls", [*EVENT_CLASSES, *RECORD_CLASSES, Batch])
def test_a_keyword_is_named_as_on_the_wire_but_for_four(cls: type[Record]) -> None:
    short = SHORT if issubclass(cls, Event) else {}
    names = {wire: field.name for wire, field in cls._wire.items()}
    assert names == {wire: short.get(wire, wire) for wire in names}


@pytest.mark.parametrize("cls", [*EVENT_CLASSES, *RECORD_CLASSES, Batch])
def test_the_schema_has_the_declared_fields_in_their_order(cls: type[Record]) -> None:
    name = cls.__name__ + ("DataSchema" if issubclass(cls, Event) else "Schema")
    schema = getattr(schemas, name)()
    assert [field.data_key for field in schema.fields.values()] == list(cls._wire)


# The tables are the wire format


@needs_wire_format
def test_the_tables_hold_every_field_of_the_wire_format() -> None:
    wire_format = json.loads((WIRE / "wire-format.json").read_text())
    types = {
        entry["data_object"]: entry["event_type"]
        for entry in wire_format["event_types"]
        if entry["sendable"]
    }
    assert sorted(types.values()) == sorted(EVENTS)
    for name, described in wire_format["objects"].items():
        if name in NEVER_SENT_OBJECTS:
            continue
        sendable = {
            field["wire_name"]
            for field in described["fields"]
            if (name, field["wire_name"]) not in NEVER_SENT
        }
        if name == "CommonEventData":
            table = COMMON
        elif name in types:
            table = EVENTS[types[name]]
        else:
            table = OBJECTS[FORMAT_NAMES.get(name, name)]
        assert sendable == set(table.split()), name


@needs_wire_format
def test_every_exception_is_in_the_wire_format() -> None:
    objects = json.loads((WIRE / "wire-format.json").read_text())["objects"]
    listed = {
        (name, field["wire_name"])
        for name, described in objects.items()
        for field in described["fields"]
    }
    assert set(NEVER_SENT) - listed == set()
    assert set(NEVER_SENT_OBJECTS) - set(objects) == set()


@needs_wire_format
def test_the_words_of_each_choice_are_those_of_the_wire_format() -> None:
    wire_format = json.loads((WIRE / "wire-format.json").read_text())
    types = {
        entry["data_object"]: EVENT_BY_TYPE[entry["event_type"]]
        for entry in wire_format["event_types"]
        if entry["sendable"]
    }
    listed = {}
    for name, described in wire_format["objects"].items():
        cls = types.get(name) or RECORD_BY_NAME.get(FORMAT_NAMES.get(name, name))
        if cls is not None:
            for field in described["fields"]:
                if "enum" in field and (name, field["wire_name"]) not in NEVER_SENT:
                    listed[cls.__name__, field["wire_name"]] = set(field["enum"])
    declared = {
        (cls.__name__, wire): set(words(cls, field))
        for cls in (*EVENT_CLASSES, *RECORD_CLASSES, Batch)
        for wire, field in cls._wire.items()
        if field.kind == "choice"
    }
    assert declared == listed


@pytest.mark.parametrize(("name", "wire"), [key for key in NEVER_SENT if key[0] in OBJECTS])
def test_what_is_never_sent_is_no_keyword_of_a_record(name: str, wire: str) -> None:
    with pytest.raises(UnknownField):
        RECORD_BY_NAME[name]._build(name, {wire: "1"})


@pytest.mark.parametrize("cls", EVENT_CLASSES)
@pytest.mark.parametrize("wire", ["event_id", "event_system_notification_info", "media_info"])
def test_what_is_never_sent_is_no_keyword_of_an_event(cls: type[Event], wire: str) -> None:
    with pytest.raises(UnknownField, match=f"has no field '{wire}'"):
        minimal(cls, **{wire: 1})


# Every field can be set, by the value's constructor


def fields_of(classes: Any) -> list[Any]:
    return [
        pytest.param(cls, wire, id=f"{cls.__name__}-{wire}")
        for cls in classes
        for wire in cls._wire
    ]


@pytest.mark.parametrize(("cls", "wire"), fields_of(RECORD_CLASSES))
def test_a_field_of_a_record_is_on_the_wire_under_its_name(cls: type[Record], wire: str) -> None:
    field = cls._wire[wire]
    given_value, wire_value = example(cls, field)
    value = minimal(cls, **{field.name: given_value})
    assert sent(value)[wire] == wire_value


@pytest.mark.parametrize(("cls", "wire"), fields_of(EVENT_CLASSES))
def test_a_field_of_an_event_is_on_the_wire_under_its_name(cls: type[Event], wire: str) -> None:
    field = cls._wire[wire]
    given_value, wire_value = example(cls, field)
    event = minimal(cls, **{field.name: given_value})
    assert data_of(Batch().add(event))[wire] == wire_value


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_an_event_stands_in_a_wrapper_with_its_type(cls: type[Event]) -> None:
    (event,) = sent(Batch().add(minimal(cls)))["events"]
    assert list(event) == ["event_type", "data"]
    assert event["event_type"] == cls.event_type


@pytest.mark.parametrize("cls", [*RECORD_CLASSES, *EVENT_CLASSES])
def test_a_field_that_is_not_set_is_not_on_the_wire(cls: type[Record]) -> None:
    value = minimal(cls)
    on_the_wire = sent(value)["data"] if issubclass(cls, Event) else sent(value)
    assert set(on_the_wire) == {cls._fields[name].wire for name in value._given()}


# Every field can be set, by a verb

Make = Callable[..., Batch]


class VerbCall(NamedTuple):
    """A verb: what it needs, and which fields it says itself, by wire name."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    says: dict[str, Any] = {}
    event_type: str = "custom_event"


def product_verb(action: str) -> VerbCall:
    says = {"product_action": {"action": action, "products": [{"id": "sku-1"}]}}
    return VerbCall((Product("sku-1"),), {}, says, "commerce_event")


def promotion_verb(action: str) -> VerbCall:
    says = {"promotion_action": {"action": action, "promotions": [{"id": "promo-1"}]}}
    return VerbCall((Promotion("promo-1"),), {}, says, "commerce_event")


def transition_verb(name: str, **flags: bool) -> VerbCall:
    says = {"application_transition_type": f"application_{name}", **flags}
    return VerbCall(says=says, event_type="application_state_transition")


IDENTITY = UserIdentity("email", "user@example.com", MOMENT)
VERBS: dict[str, VerbCall] = {
    "event": VerbCall(("Searched",), {}, {"event_name": "Searched"}),
    "attribution": VerbCall(
        ("Network", "Spring"),
        {},
        {
            "event_name": "attribution",
            "custom_event_type": "attribution",
            "custom_attributes": {"publisher": "Network", "campaign": "Spring"},
        },
    ),
    "attribution_delete": VerbCall(
        says={
            "event_name": "attribution",
            "custom_event_type": "attribution",
            "custom_attributes": {"action": "delete"},
        }
    ),
    "re_engagement": VerbCall(
        (),
        {"publisher": "Network", "campaign": "Spring"},
        {
            "event_name": "re-engagement",
            "custom_event_type": "attribution",
            "custom_attributes": {"publisher": "Network", "campaign": "Spring"},
        },
    ),
    "ltv_increase": VerbCall(
        (5,),
        {"event_name": "Renewed"},
        {
            "event_name": "Renewed",
            "custom_event_type": "transaction",
            "lifetime_value_change": 5,
            "custom_attributes": {"$Amount": "5", "$MethodName": "LogLTVIncrease"},
        },
    ),
    "screen_view": VerbCall((), {"screen_name": "Home"}, {}, "screen_view"),
    "add_to_cart": product_verb("add_to_cart"),
    "remove_from_cart": product_verb("remove_from_cart"),
    "add_to_wishlist": product_verb("add_to_wishlist"),
    "remove_from_wishlist": product_verb("remove_from_wish_list"),
    "view_detail": product_verb("view_detail"),
    "click": product_verb("click"),
    "checkout": product_verb("checkout"),
    "checkout_option": product_verb("checkout_option"),
    "purchase": product_verb("purchase"),
    "refund": product_verb("refund"),
    "promotion_view": promotion_verb("view"),
    "promotion_click": promotion_verb("click"),
    "impression": VerbCall(
        ("Results", Product("sku-1")),
        {},
        {
            "product_impressions": [
                {"product_impression_list": "Results", "products": [{"id": "sku-1"}]}
            ]
        },
        "commerce_event",
    ),
    "session_start": VerbCall(event_type="session_start"),
    "session_end": VerbCall((), {"session_duration_ms": 1}, {}, "session_end"),
    "app_install": transition_verb("initialized", is_first_run=True, is_upgrade=False),
    "app_upgrade": transition_verb("initialized", is_first_run=False, is_upgrade=True),
    "app_initialized": transition_verb("initialized"),
    "app_foreground": transition_verb("foreground"),
    "app_background": transition_verb("background"),
    "app_exit": transition_verb("exit"),
    "first_run": VerbCall(event_type="first_run"),
    "uninstall": VerbCall(event_type="uninstall"),
    "push_registration": VerbCall((), {"registration_token": "t"}, {}, "push_registration"),
    "push_message": VerbCall(
        (),
        {"push_message_type": "sent", "push_message_token": "t", "push_notification_payload": "{}"},
        {},
        "push_message",
    ),
    "network_performance": VerbCall(
        (), {"url": "https://example.com/", "response_code": 200}, {}, "network_performance"
    ),
    "breadcrumb": VerbCall((), {"label": "Opened cart"}, {}, "breadcrumb"),
    "crash_report": VerbCall((), {"message": "Out of tea"}, {}, "crash_report"),
    "opt_out": VerbCall(event_type="opt_out"),
    "profile": VerbCall(
        (),
        {"profile_event_type": "login", "previous_mpid": 1, "current_mpid": 2},
        {},
        "profile",
    ),
    "user_attribute_change": VerbCall(
        (), {"user_attribute_name": "plan", "new": "pro"}, {}, "user_attribute_change"
    ),
    "user_identity_change": VerbCall(
        (), {"new": IDENTITY, "old": None}, {}, "user_identity_change"
    ),
}

# fields that some verbs of an event do not take, because other verbs say them
TAKEN_BY_NAME = {
    "is_first_run": "app_install says it",
    "is_upgrade": "app_upgrade says it",
    **dict.fromkeys(ONE_OF, "the verb's name says what was done"),
}


def do(verb: str, **more: Any) -> Any:
    """Return the data of the event that the verb appends."""
    said = VERBS[verb]
    return data_of(getattr(Batch(), verb)(*said.args, **{**said.kwargs, **more}))


VERBS_AND_FIELDS = [
    (verb, wire)
    for verb, said in VERBS.items()
    for wire in EVENT_BY_TYPE[said.event_type]._wire
    if wire not in said.says and wire not in TAKEN_BY_NAME
]


def test_the_table_has_every_event_verb() -> None:
    verbs = [name for name, _ in inspect.getmembers(EventVerbs, inspect.isfunction)]
    assert sorted(VERBS) == sorted(name for name in verbs if not name.startswith("_"))


def test_there_is_a_verb_for_every_event_type() -> None:
    assert {said.event_type for said in VERBS.values()} == set(EVENTS)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_makes_the_event_of_its_type(verb: str) -> None:
    said = VERBS[verb]
    (event,) = sent(getattr(Batch(), verb)(*said.args, **said.kwargs))["events"]
    assert event["event_type"] == said.event_type


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_says_what_its_name_says(verb: str) -> None:
    data = do(verb)
    assert {wire: data[wire] for wire in VERBS[verb].says} == VERBS[verb].says


@pytest.mark.parametrize(("verb", "wire"), VERBS_AND_FIELDS)
def test_a_verb_takes_every_field_of_its_event(verb: str, wire: str) -> None:
    cls = EVENT_BY_TYPE[VERBS[verb].event_type]
    field = cls._wire[wire]
    given_value, wire_value = example(cls, field)
    assert do(verb, **{field.name: given_value})[wire] == wire_value


def test_every_field_of_every_event_is_set_by_some_verb() -> None:
    by_keyword = {(VERBS[verb].event_type, wire) for verb, wire in VERBS_AND_FIELDS}
    by_name = {(said.event_type, wire) for said in VERBS.values() for wire in said.says}
    all_fields = {
        (event_type, wire) for event_type, cls in EVENT_BY_TYPE.items() for wire in cls._wire
    }
    assert all_fields - by_keyword - by_name == set()


@pytest.mark.parametrize(
    "verb", [verb for verb, said in VERBS.items() if "custom_attributes" in said.says]
)
def test_attributes_join_those_that_the_verb_says(verb: str) -> None:
    attributes = do(verb, attributes={"key": "value"})["custom_attributes"]
    assert attributes == {**VERBS[verb].says["custom_attributes"], "key": "value"}


PRODUCT_VERBS = [verb for verb, said in VERBS.items() if "product_action" in said.says]
ABOUT_ACTION = [
    name for name in OBJECTS["ProductAction"].split() if name not in {"action", "products"}
]


def test_there_are_ten_product_verbs() -> None:
    assert len(PRODUCT_VERBS) == 10


@pytest.mark.parametrize("verb", PRODUCT_VERBS)
@pytest.mark.parametrize("wire", ABOUT_ACTION)
def test_a_product_verb_takes_every_field_of_the_action(verb: str, wire: str) -> None:
    cls = RECORD_BY_NAME["ProductAction"]
    given_value, wire_value = example(cls, cls._wire[wire])
    data = do(verb, **{wire: given_value})
    assert data["product_action"][wire] == wire_value
    assert wire not in data


# Every field of a batch and of what is nested in it can be set


def given_by(name: str) -> Any:
    """Return what may be written for a field of a batch."""
    return example(Batch, Batch._fields[name])[0]


BATCH_VERBS: dict[str, Make] = {
    "environment": lambda batch: batch.with_environment("development"),
    "source_request_id": lambda batch: batch.with_source_request_id("the source_request_id"),
    "mpid": lambda batch: batch.with_mpid(BEYOND_FLOATS),
    "mp_deviceid": lambda batch: batch.with_mp_deviceid(given_by("mp_deviceid")),
    "user_identities": lambda batch: batch.with_identities(given_by("user_identities")),
    "user_attributes": lambda batch: batch.with_user_attributes(given_by("user_attributes")),
    "deleted_user_attributes": lambda batch: batch.with_deleted_user_attributes("plan"),
    "device_info": lambda batch: batch.with_device(given_by("device_info")),
    "application_info": lambda batch: batch.with_application(given_by("application_info")),
    "ip": lambda batch: batch.with_ip("203.0.113.7"),
    "consent_state": lambda batch: batch.with_consent_state(given_by("consent_state")),
    "context": lambda batch: batch.with_data_plan(given_by("context").data_plan).with_location(
        given_by("context").location
    ),
    "attribution_info": lambda batch: batch.with_attribution_info(given_by("attribution_info")),
    "integration_attributes": lambda batch: batch.with_integration_attributes(92, {"key": "value"}),
    "partner_identities": lambda batch: batch.with_partner_identities({"key": "value"}),
    "partner_identity": lambda batch: batch.with_partner_identity("the partner_identity"),
    # what another SDK says of itself: read, kept and replayed, but nothing to write by hand
    "sdk_version": lambda batch: Batch.from_dict(
        {**batch.to_dict(), "sdk_version": "the sdk_version"}
    ),
    "events": lambda batch: batch.add(AppEvent("Searched")),
}


def test_there_is_a_verb_for_every_field_of_a_batch() -> None:
    assert sorted(BATCH_VERBS) == sorted(OBJECTS["Batch"].split())


@pytest.mark.parametrize("wire", [name for name in BATCH_VERBS if name != "events"])
def test_a_field_of_a_batch_is_on_the_wire_under_its_name(wire: str) -> None:
    batch = BATCH_VERBS[wire](Batch())
    assert sent(batch) == {wire: example(Batch, Batch._wire[wire])[1]}


def test_the_sdk_version_has_no_verb() -> None:
    assert not hasattr(Batch, "with_sdk_version")


# verb, class and how to reach the record in the batch's wire form
NESTED: dict[str, tuple[str, tuple[str, ...]]] = {
    "with_identities": ("UserIdentities", ("user_identities",)),
    "for_user": ("UserIdentities", ("user_identities",)),
    "with_device": ("DeviceInformation", ("device_info",)),
    "for_device": ("DeviceInformation", ("device_info",)),
    "with_application": ("ApplicationInformation", ("application_info",)),
    "with_location": ("GeoLocation", ("context", "location")),
    "with_data_plan": ("DataPlanContext", ("context", "data_plan")),
    "with_attribution_info": ("AttributionInfo", ("attribution_info",)),
    "with_gdpr_consent": ("GDPRConsentState", ("consent_state", "gdpr", "marketing")),
    "with_ccpa_data_sale_opt_out": (
        "CCPAConsentState",
        ("consent_state", "ccpa", "data_sale_opt_out"),
    ),
}
# what a verb calls otherwise than the wire does
CONSENT_KEYWORDS = {"timestamp_unixtime_ms": "at"}
OPT_OUT_KEYWORDS = {**CONSENT_KEYWORDS, "consented": "opted_out"}


@pytest.mark.parametrize(
    ("verb", "wire"),
    [(verb, wire) for verb, (name, _) in NESTED.items() for wire in OBJECTS[name].split()],
)
def test_a_context_verb_takes_every_field_of_its_record(verb: str, wire: str) -> None:
    name, path = NESTED[verb]
    cls = RECORD_BY_NAME[name]
    field = cls._wire[wire]
    given_value, wire_value = example(cls, field)
    kwargs = {**minimal(cls)._given(), field.name: given_value}
    if verb == "with_gdpr_consent":
        kwargs = {CONSENT_KEYWORDS.get(key, key): value for key, value in kwargs.items()}
        kwargs["purpose"] = "marketing"
    if verb == "with_ccpa_data_sale_opt_out":
        kwargs = {OPT_OUT_KEYWORDS.get(key, key): value for key, value in kwargs.items()}
    found = sent(getattr(Batch(), verb)(**kwargs))
    for key in path:
        found = found[key]
    assert found[wire] == wire_value


def test_the_mpid_can_be_given_with_the_identities() -> None:
    assert sent(Batch.for_user(mpid=-(2**63), email="a@b.example")) == {
        "mpid": -(2**63),
        "user_identities": {"email": "a@b.example"},
    }


# Whole batches against the vendor's schema

# What we send on purpose and the schema does not know, and why
SCHEMA_EXCEPTIONS = {
    ("custom_event", "custom_event_type", "attribution"): (
        "documented for attribution events, but missing from the schema's list for custom events"
    ),
}


def full_batch() -> Batch:
    """Return a batch with every field, and every event with every field."""
    batch = Batch()
    for name, step in BATCH_VERBS.items():
        if name != "events":
            batch = step(batch)
    return batch.add(*full_events())


def minimal_batch() -> Batch:
    """Return a batch with every event, each with nothing but what it must have."""
    return Batch().add(*minimal_events())


def without_exceptions(data: Any) -> Any:
    """Return wire form in which the named exceptions are replaced by what the schema knows."""
    for event in data.get("events", ()):
        for event_type, key, word in SCHEMA_EXCEPTIONS:
            if event["event_type"] == event_type and event["data"].get(key) == word:
                event["data"][key] = "other"
    return data


@pytest.fixture(scope="module")
def refusals() -> Callable[[Any], list[str]]:
    """Return a function that says what the vendor's newest schema has against wire form."""
    schema = json.loads((WIRE / "schema" / "inbound-2026-08.schema.json").read_text())
    by_type = {
        rule["properties"]["event_type"]["enum"][0]: {**rule, "definitions": schema["definitions"]}
        for rule in schema["definitions"].values()
        if rule.get("properties", {}).get("event_type", {}).get("enum")
    }
    formats = FormatChecker(["ipv4", "ipv6"])
    whole = Draft7Validator(schema, format_checker=formats)
    one = {name: Draft7Validator(rule, format_checker=formats) for name, rule in by_type.items()}
    assert sorted(one) == sorted(EVENTS)

    def check(data: Any) -> list[str]:
        found = [error for event in data.get("events", ()) for error in errors_of(event)]
        return found or [error.message for error in whole.iter_errors(data)]

    def errors_of(event: Any) -> list[str]:
        errors = one[event["event_type"]].iter_errors(event)
        return [f"{event['event_type']} {error.json_path}: {error.message}" for error in errors]

    return check


def test_the_full_batch_has_every_field_of_the_tables() -> None:
    on_the_wire = sent(full_batch())
    assert set(on_the_wire) == set(OBJECTS["Batch"].split())
    seen: dict[str, set[str]] = {event_type: set() for event_type in EVENTS}
    for event in on_the_wire["events"]:
        seen[event["event_type"]] |= set(event["data"])
    assert seen == {name: set(f"{own} {COMMON}".split()) for name, own in EVENTS.items()}


@needs_schema
def test_the_full_batch_is_valid_by_the_vendors_schema(refusals: Any) -> None:
    assert refusals(without_exceptions(json.loads(full_batch().to_json()))) == []


@needs_schema
def test_the_minimal_batch_is_valid_by_the_vendors_schema(refusals: Any) -> None:
    assert refusals(json.loads(minimal_batch().to_json())) == []


@needs_schema
@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_a_full_event_is_valid_by_the_vendors_schema(cls: type[Event], refusals: Any) -> None:
    for kind in sorted(ONE_OF) if cls is CommerceEvent else [""]:
        batch = Batch().add(full(cls, kind=kind))
        assert refusals(without_exceptions(json.loads(batch.to_json()))) == []


@needs_schema
@given(batches())
@settings(deadline=None)
def test_every_batch_is_valid_by_the_vendors_schema(refusals: Any, batch: Batch) -> None:
    assert refusals(without_exceptions(json.loads(batch.to_json()))) == []


@needs_schema
@pytest.mark.parametrize(("event_type", "key", "word"), SCHEMA_EXCEPTIONS)
def test_each_exception_is_still_one(event_type: str, key: str, word: str, refusals: Any) -> None:
    cls = EVENT_BY_TYPE[event_type]
    batch = Batch().add(minimal(cls, **{cls._wire[key].name: word}))
    data = json.loads(batch.to_json())
    assert refusals(data) != []
    assert refusals(without_exceptions(data)) == []


@needs_schema
def test_the_schema_is_asked_with_its_formats(refusals: Any) -> None:
    assert refusals({"ip": "203.0.113.7"}) == []
    assert refusals({"ip": "2001:db8::7"}) == []
    assert refusals({"ip": "nowhere"}) != []


@needs_schema
def test_the_unsigned_fields_are_integers_of_any_size_to_the_schema(refusals: Any) -> None:
    # the wire format says signed, the addresses that they hold are not
    event = minimal(
        EVENT_BY_TYPE["crash_report"], ios_image_base_address=2**64 - 1, ios_image_size=2**63
    )
    data = sent(Batch().add(event))
    assert data["events"][0]["data"]["ios_image_base_address"] == 18446744073709551615
    assert data["events"][0]["data"]["ios_image_size"] == 9223372036854775808
    assert refusals(data) == []


def test_the_moment_of_the_examples_is_that_of_the_table() -> None:
    assert AppEvent("Searched", at=MOMENT).at == MOMENT_MS
