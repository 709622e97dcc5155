"""JSON text: what is refused, and numbers that are read exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpfluent import Batch, InvalidValue, Product


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
