"""Whole batches are valid by the vendor's JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft7Validator, FormatChecker
from strategies import MOMENT, MOMENT_MS, ONE_OF, full, full_events, minimal, minimal_events
from wire_names import BATCH_VERBS, COMMON, EVENT_BY_TYPE, EVENTS, OBJECTS, WIRE, sent

from mpfluent import AppEvent, Batch, CommerceEvent, Event
from mpfluent.testing.strategies import batches
from mpfluent.testing.strategies.records import EVENT_CLASSES

needs_schema = pytest.mark.skipif(
    not (WIRE / "schema").exists(), reason="the vendor's JSON Schema is not at hand"
)


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
