"""Numbers, false values and nulls stand on the wire as they were given."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from strategies import minimal
from wire_forms import OFTEN, exact, lengthened, parsed

from mpfluent import AppEvent, Batch, CrashReportEvent, Event, Product, Promotion
from mpfluent.testing.strategies import numbers, scalars, values
from mpfluent.testing.strategies.records import EVENT_CLASSES, RECORD_CLASSES
from mpfluent.testing.strategies.single_values import decimals


@given(numbers())
@settings(deadline=None)
def test_a_number_has_exactly_its_digits_on_the_wire(amount: Any) -> None:
    for _ in range(OFTEN):
        text = Product("sku-1", price=amount).to_json()
    assert parsed(text)["price"] == Decimal(repr(amount) if type(amount) is float else amount)


@given(scalars())
@settings(deadline=None)
def test_an_attribute_has_exactly_its_value_on_the_wire(value: Any) -> None:
    for _ in range(OFTEN):
        text = AppEvent("x", {"k": value}).to_json()
    wire = parsed(text)["data"]["custom_attributes"]["k"]
    assert exact(wire) == exact(lengthened(value)) or (wire == value and type(value) is Decimal)


@given(decimals())
@settings(deadline=None)
def test_a_decimal_is_never_a_string(amount: Decimal) -> None:
    batch = (
        Batch()
        .purchase(Product("sku-1", price=amount), total_amount=amount, attributes={"k": amount})
        .with_user_attributes(balance=amount, history=[amount])
    )
    for text in (batch.to_json(), batch.to_json(indent=2)):
        data = parsed(text)
        found = [
            data["user_attributes"]["balance"],
            data["user_attributes"]["history"][0],
            data["events"][0]["data"]["product_action"]["total_amount"],
            data["events"][0]["data"]["product_action"]["products"][0]["price"],
            data["events"][0]["data"]["custom_attributes"]["k"],
        ]
        assert found == [amount] * 5
        assert {type(number) for number in found} == {Decimal}


def test_a_dict_keeps_decimals() -> None:
    amount = Decimal("0.1000000000000000000000000001")
    assert Product("sku-1", price=amount).to_dict() == {"id": "sku-1", "price": amount}
    assert type(Product("sku-1", price=amount).to_dict()["price"]) is Decimal
    assert Product("sku-1", price=amount).to_json() == (
        '{"id":"sku-1","price":0.1000000000000000000000000001}'
    )


EDGES = [2**63 - 1, -(2**63), 2**53 + 1, -(2**53) - 1, 0]


@pytest.mark.parametrize("edge", EDGES)
def test_64_bit_integers_are_exact(edge: int) -> None:
    batch = (
        Batch()
        .with_mpid(edge)
        .with_device(screen_height=edge)
        .with_user_attributes(n=edge)
        .profile("login", previous_mpid=edge, current_mpid=edge, session_id=edge)
    )
    data = json.loads(batch.to_json())
    event = data["events"][0]["data"]
    assert data["mpid"] == edge
    assert data["device_info"]["screen_height"] == edge
    assert data["user_attributes"]["n"] == edge
    assert [event["previous_mpid"], event["current_mpid"], event["session_id"]] == [edge] * 3
    assert batch.to_json().count(str(edge)) == 6


@pytest.mark.parametrize("edge", [0, 2**63, 2**64 - 1])
def test_unsigned_64_bit_integers_are_exact(edge: int) -> None:
    event = CrashReportEvent("m", ios_image_base_address=edge, ios_image_size=edge)
    data = json.loads(event.to_json())["data"]
    assert [data["ios_image_base_address"], data["ios_image_size"]] == [edge, edge]


# What is set is sent, what is not set is not


def falsy(field: Any) -> list[Any]:
    """Return the values of a field that are false in Python, and mean something."""
    zeros: dict[str, list[Any]] = {
        "flag": [False],
        "integer": [0],
        "instant": [0],
        "number": [0, 0.0, Decimal(0), Decimal("0.00")],
        "text": [""],
        "string": [""],
        "attribute": [False, 0, 0.0, "", None, []],
    }
    values = zeros.get(field.kind.name, [])
    return [value for value in values if value is None or accepts(field, value)]


def accepts(field: Any, value: Any) -> bool:
    try:
        field.check(value)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("cls", [*RECORD_CLASSES, *EVENT_CLASSES])
def test_false_zero_and_empty_are_sent(cls: type[Any]) -> None:
    for wire, field in cls._wire.items():
        more = {"name": "Named"} if cls in (Product, Promotion) and wire == "id" else {}
        for value in falsy(field):
            made = minimal(cls, **more, **{field.name: value})
            for _ in range(OFTEN):
                sent = json.loads(made.to_json())
            sent = sent["data"] if issubclass(cls, Event) else sent
            assert sent[wire] == value, wire
            assert type(sent[wire]) in (type(value), int, float), wire
            assert isinstance(sent[wire], bool) == isinstance(value, bool), wire


def test_falsy_values_of_a_batch_are_sent() -> None:
    batch = (
        Batch()
        .with_mpid(0)
        .with_user_attributes({"a": False, "b": 0, "c": "", "d": None, "e": []})
        .with_integration_attributes(0, {"k": 0, "l": False, "m": ""})
        .event("x", {"a": False, "b": 0, "c": "", "d": None}, flags={"a": False})
    )
    assert json.loads(batch.to_json()) == {
        "mpid": 0,
        "user_attributes": {"a": False, "b": 0, "c": "", "d": None, "e": []},
        "integration_attributes": {"0": {"k": 0, "l": False, "m": ""}},
        "events": [
            {
                "event_type": "custom_event",
                "data": {
                    "event_name": "x",
                    "custom_event_type": "other",
                    "custom_attributes": {"a": False, "b": 0, "c": ""},
                    "custom_flags": {"a": False},
                },
            }
        ],
    }


@given(values())
@settings(deadline=None)
def test_null_is_sent_only_where_it_is_a_value(value: Any) -> None:
    for path in nulls(value.to_dict()):
        assert "user_attributes" in path or path[-1] in ("old", "new")


def nulls(data: Any, path: tuple[Any, ...] = ()) -> Any:
    """Yield the path of every None."""
    if data is None:
        yield path
    pairs = data.items() if isinstance(data, dict) else ()
    for key, value in enumerate(data) if isinstance(data, list) else pairs:
        yield from nulls(value, (*path, key))


def test_a_tag_is_sent_as_null() -> None:
    batch = Batch().with_user_attributes(vip=None)
    assert batch.to_json() == '{"user_attributes":{"vip":null}}'
    assert batch.to_dict() == {"user_attributes": {"vip": None}}


@given(values())
@settings(deadline=None)
def test_a_dict_is_made_of_plain_values(value: Any) -> None:
    assert {*kinds(value.to_dict())} <= {dict, list, str, int, float, bool, Decimal, type(None)}


def kinds(data: Any) -> Any:
    """Yield the type of everything in the data."""
    yield type(data)
    if isinstance(data, dict):
        yield from map(type, data)
        data = list(data.values())
    for item in data if isinstance(data, list) else ():
        yield from kinds(item)


def test_a_dict_is_the_callers_own() -> None:
    batch = Batch().with_user_attributes(plan=["a"]).event("x", {"k": "v"})
    before = batch.to_json()
    data = batch.to_dict()
    data["user_attributes"]["plan"].append("b")
    data["events"][0]["data"]["custom_attributes"].clear()
    data["events"].clear()
    assert batch.to_json() == before
