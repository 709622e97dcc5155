"""A value that is made many times is checked each time as it was the first time."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from strategies import MOMENT, ONE_OF, full, minimal
from wire_forms import OFTEN

from mpfluent import Batch, DeviceInformation, GeoLocation, InvalidBatch, Product
from mpfluent.testing.strategies import values
from mpfluent.testing.strategies.records import EVENT_CLASSES, RECORD_CLASSES

# A shape that comes back is checked as it was the first time


class Word(str, enum.Enum):  # noqa: UP042 - what callers have
    """A word as an enum."""

    LOGIN = "login"
    IOS = "iOS"


class Text(str):
    """A subclass of str."""

    __slots__ = ()


class Count(int):
    """A subclass of int."""


ODD = [
    object(),
    None,
    "",
    "plain",
    "é",
    "\ud83d",
    Text("plain"),
    Text("\ud83d"),
    Word.IOS,
    True,
    0,
    7,
    Count(7),
    Count(2**70),
    2**63,
    2**64,
    -(2**63) - 1,
    1_552_596_256,
    MOMENT,
    "2026-11-23T10:15:00",
    1.5,
    math.nan,
    math.inf,
    Decimal("1.10"),
    Decimal("NaN"),
    [],
    ["a"],
    {},
    {"a": 1},
    {"a": [1]},
    {"": 1},
    {1: 1},
    {"a": None},
    {"a": "\ud83d"},
    b"a",
    Product("sku-1"),
    DeviceInformation(),
    GeoLocation(1, 2),
]


def outcome(make: Callable[[], Any]) -> str:
    """Return the value's JSON text, or the error's kind and text."""
    try:
        return make().to_json()
    except (InvalidBatch, TypeError) as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("cls", [*RECORD_CLASSES, *EVENT_CLASSES])
def test_a_shape_that_comes_back_is_checked_as_the_first_time(cls: type[Any]) -> None:
    for name in cls._fields:
        if name in ONE_OF:
            continue
        first = [outcome(lambda: minimal(cls, **{name: odd})) for odd in ODD]  # noqa: B023
        value = full(cls)._given().get(name)
        for _ in range(OFTEN):
            minimal(cls, **{name: value})
        again = [outcome(lambda: minimal(cls, **{name: odd})) for odd in ODD]  # noqa: B023
        assert again == first, name


@given(values())
@settings(deadline=None)
def test_a_value_is_the_same_however_often_it_is_made(value: Any) -> None:
    if isinstance(value, Batch):
        return
    for _ in range(OFTEN):
        again = type(value)(**value._given())
        assert again == value
        assert again.to_json() == value.to_json()
