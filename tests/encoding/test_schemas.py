"""The public schemas used by hand: they dump, load and validate."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import marshmallow
import pytest
from marshmallow import ValidationError
from strategies import MOMENT, MOMENT_MS, full, full_events, minimal
from wire_forms import schema_of

from mpfluent import Batch, CommerceEvent, Event, OptOutEvent, schemas
from mpfluent.testing.strategies.records import EVENT_CLASSES, VALUE_CLASSES

BATCH = Batch().with_mpid(1).with_device(platform="iOS", brand="Acme").event("Searched", {"k": 1})


NAMES = [name for name in schemas.__all__ if name.endswith("Schema") and name != "RecordSchema"]


def value_class(name: str) -> Any:
    """Return the value class that a public schema is for."""
    wanted = name.removesuffix("Schema").removesuffix("Data")
    return next(cls for cls in VALUE_CLASSES if cls.__name__ == wanted)


def sample_for(name: str) -> Any:
    cls = value_class(name)
    return BATCH.add(*full_events()) if cls is Batch else full(cls)


def test_there_is_a_schema_for_every_value_class() -> None:
    expected = [f"{cls.__name__}Schema" for cls in VALUE_CLASSES]
    expected += [f"{cls.__name__}DataSchema" for cls in EVENT_CLASSES]
    assert sorted(NAMES) == sorted(expected)
    assert sorted(dir(schemas)) == sorted(schemas.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_dumps_loads_and_validates(name: str) -> None:
    schema = getattr(schemas, name)()
    value = sample_for(name)
    dumped = schema.dump(value)
    assert isinstance(schema, marshmallow.Schema)
    assert schema.validate(dumped) == {}
    assert schema.load(dumped) == value
    assert type(schema.load(dumped)) is type(value)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_refuses_an_unknown_name(name: str) -> None:
    schema = getattr(schemas, name)()
    dumped = {**schema.dump(sample_for(name)), "nope": 1}
    assert schema.validate(dumped) == {"nope": ["Unknown field."]}
    with pytest.raises(ValidationError):
        schema.load(dumped)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_dumps_and_loads_many(name: str) -> None:
    schema = getattr(schemas, name)(many=True)
    value = sample_for(name)
    assert schema.load(schema.dump([value, value])) == [value, value]


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_class_however_often_it_is_asked_for(name: str) -> None:
    assert getattr(schemas, name) is getattr(schemas, name)
    assert getattr(schemas, name).__name__ == name
    assert getattr(schemas, name).__doc__


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_wants_what_the_value_must_have(name: str) -> None:
    cls = value_class(name)
    wrapped = issubclass(cls, Event) and not name.endswith("DataSchema")
    found = getattr(schemas, name)().validate(
        {"event_type": cls.event_type, "data": {}} if wrapped else {}
    )
    missing = ["must be given"]
    wanted = {field.wire: missing for field in cls._required}
    if cls is CommerceEvent:  # what it must have is one of three
        (text,) = (found.get("data", {}) if wrapped else found).get("_schema", [""])
        assert "a commerce event has exactly one of product_action, " in text
        assert "from_dict" not in text
        return
    assert found == ({"data": wanted} if wrapped and wanted else wanted)


# a wire name of each class, a value that is not for it, and what the schema says
STRICT = [
    ("BatchSchema", {"mpid": "5"}, "want an integer, got str"),
    ("BatchSchema", {"mpid": 5.0}, "want an integer, got float"),
    ("BatchSchema", {"mpid": True}, "want an integer, got bool"),
    ("BatchSchema", {"mpid": 2**63}, "does not fit 64 bits"),
    ("BatchSchema", {"ip": ""}, "is not an IPv4 or IPv6 address"),
    ("BatchSchema", {"ip": None}, "Field may not be null."),
    ("BatchSchema", {"mp_deviceid": ""}, "is not a UUID"),
    ("BatchSchema", {"environment": "prod"}, "'prod' is not an environment"),
    ("BatchSchema", {"environment": "unknown"}, "'unknown' is not an environment"),
    ("BatchSchema", {"environment": None}, "Field may not be null."),
    ("BatchSchema", {"batch_id": 5}, "Unknown field."),
    ("BatchSchema", {"user_attributes": {"a": {"b": 1}}}, "attributes are flat"),
    ("BatchSchema", {"partner_identities": {"a": 5}}, "want a string, got int"),
    ("UserIdentitiesSchema", {"customerid": "1"}, "Unknown field."),
    ("UserIdentitiesSchema", {"customer_id": 1}, "want a string, got int"),
    ("DeviceInformationSchema", {"is_tablet": "true"}, "want True or False, got str"),
    ("DeviceInformationSchema", {"is_tablet": 1}, "want True or False, got int"),
    ("DeviceInformationSchema", {"screen_dpi": "160"}, "want an integer, got str"),
    ("DeviceInformationSchema", {"platform": "ios"}, "'ios' is not a platform"),
    ("ProductSchema", {"price": "19.99"}, "want a number, got str"),
    ("ProductSchema", {"price": math.nan}, "is not a number that JSON can carry"),
    ("ProductSchema", {"price": math.inf}, "is not a number that JSON can carry"),
    ("ProductSchema", {"price": Decimal("NaN")}, "is not a number that JSON can carry"),
    ("ProductSchema", {"price": True}, "want a number, got bool"),
    ("ProductSchema", {"id": 5}, "want a string, got int"),
    ("ProductSchema", {"custom_attributes": {"a": 1}}, "want a string, got int"),
    ("ProductSchema", {"brand": "\ud83d"}, "has a lone surrogate"),
    ("AppEventDataSchema", {"event_name": ""}, "must not be empty"),
    (
        "AppEventDataSchema",
        {"custom_event_type": "unknown"},
        "'unknown' is not a custom event type",
    ),
    ("AppEventDataSchema", {"timestamp_unixtime_ms": MOMENT}, "want an integer, got str"),
    ("AppEventDataSchema", {"at": MOMENT_MS}, "Unknown field."),
    ("AppEventDataSchema", {"custom_attributes": {"a": [1]}}, "attributes are flat"),
    ("PushMessageEventDataSchema", {"application_state": "unknown"}, "is not an application state"),
    ("GeoLocationSchema", {"latitude": "1"}, "want a number, got str"),
]


@pytest.mark.parametrize(("name", "data", "text"), STRICT)
def test_a_schema_is_strict(name: str, data: dict[str, Any], text: str) -> None:
    schema = getattr(schemas, name)()
    ((wire, _),) = data.items()
    (said,) = schema.validate(data)[wire]
    assert text in said
    with pytest.raises(ValidationError):
        schema.load(data)


@pytest.mark.parametrize(
    ("event", "where"),
    [
        (None, "Field may not be null."),
        ("x", 'Required event field "event_type" is missing or empty.'),
        ({}, 'Required event field "event_type" is missing or empty.'),
        ({"event_type": "nope", "data": {}}, {"event_type": ["'nope' is not an event type"]}),
        (
            {"event_type": "opt_out"},
            {"data": ["must be given"]},
        ),
        (
            {"event_type": "opt_out", "data": {"is_opted_out": "yes"}},
            {"data": {"is_opted_out": ["want True or False, got str"]}},
        ),
    ],
)
def test_the_batch_schema_says_what_is_wrong_with_an_event(event: Any, where: Any) -> None:
    said = schemas.BatchSchema().validate({"events": [OptOutEvent().to_dict(), event]})
    assert said == {"events": {1: [where] if isinstance(where, str) else where}}


@pytest.mark.parametrize("event_type", [["opt_out"], {"a": 1}, 5])
def test_the_batch_schema_refuses_an_event_type_that_is_no_string(event_type: Any) -> None:
    said = schemas.BatchSchema().validate({"events": [{"event_type": event_type, "data": {}}]})
    assert list(said["events"]) == [0]


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_the_schema_of_an_event_refuses_another_type(cls: type[Event]) -> None:
    wrong = {**minimal(cls).to_dict(), "event_type": "nope"}
    assert schema_of(cls)().validate(wrong) == {"event_type": [f"want {cls.event_type!r}"]}


BROKEN_RULES = [
    ("CommerceEventDataSchema", {"currency_code": "EUR"}),
    (
        "CommerceEventDataSchema",
        {"product_action": {"action": "click"}, "promotion_action": {"action": "click"}},
    ),
    (
        "ApplicationStateTransitionEventDataSchema",
        {"application_transition_type": "application_exit", "is_first_run": True},
    ),
    (
        "ConsentStateSchema",
        {"ccpa": {"marketing": {"consented": True, "timestamp_unixtime_ms": MOMENT_MS}}},
    ),
]


@pytest.mark.parametrize(("name", "data"), BROKEN_RULES)
def test_validate_reports_the_rules_that_load_keeps(name: str, data: dict[str, Any]) -> None:
    schema = getattr(schemas, name)()
    with pytest.raises(ValidationError):
        schema.load(data)
    assert schema.validate(data) != {}


def test_a_schema_never_loads_a_value_that_could_not_be_written() -> None:
    with pytest.raises(ValidationError):
        schemas.ProductImpressionSchema(partial=True).load({})


def test_a_missing_schema_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'TeapotSchema'"):
        schemas.TeapotSchema
