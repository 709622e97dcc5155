"""Reading turns what was written back into the value that was written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from readings import event, exactly, read_event
from strategies import full, full_events, minimal

from mpfluent import (
    AppEvent,
    Batch,
    ConsentState,
    CrashReportEvent,
    DeviceInformation,
    Event,
    InvalidBatch,
    InvalidTime,
    InvalidValue,
    Product,
    UnknownField,
)
from mpfluent.testing.strategies import batches, events, values
from mpfluent.testing.strategies.records import EVENT_CLASSES, RECORD_CLASSES, VALUE_CLASSES


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
def test_a_value_of_any_class_is_read_back(cls: type[Any]) -> None:
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
def test_a_full_value_is_read_back(cls: type[Any]) -> None:
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


# Records and events read themselves


def test_a_record_reads_itself() -> None:
    assert Product.from_dict({"id": "sku-1", "price": 19.99}) == Product("sku-1", price=19.99)
    assert Product.from_json('{"id":"sku-1","price":19.99}') == Product("sku-1", price=19.99)
    assert DeviceInformation.from_json(b'{"platform":"iOS","is_tablet":null}').platform == "iOS"


@pytest.mark.parametrize("cls", RECORD_CLASSES)
def test_the_error_of_a_records_own_reader_starts_at_the_record(cls: type[Any]) -> None:
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
def test_the_error_of_a_records_own_reader_names_the_path(read: Any, text: str) -> None:
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
