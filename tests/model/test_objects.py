"""The declared fields are those of the tables, and the tables hold the wire format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from strategies import minimal
from wire_names import COMMON, EVENT_BY_TYPE, EVENTS, OBJECTS, RECORD_BY_NAME, WIRE

from mpfluent import Batch, Event, UnknownField, schemas
from mpfluent.testing.strategies.records import EVENT_CLASSES, RECORD_CLASSES, words

needs_wire_format = pytest.mark.skipif(
    not (WIRE / "wire-format.json").exists(), reason="the vendor's wire format is not at hand"
)

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
def test_a_keyword_is_named_as_on_the_wire_but_for_four(cls: type[Any]) -> None:
    short = SHORT if issubclass(cls, Event) else {}
    names = {wire: field.name for wire, field in cls._wire.items()}
    assert names == {wire: short.get(wire, wire) for wire in names}


@pytest.mark.parametrize("cls", [*EVENT_CLASSES, *RECORD_CLASSES, Batch])
def test_the_schema_has_the_declared_fields_in_their_order(cls: type[Any]) -> None:
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
        if field.kind.name == "choice"
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
