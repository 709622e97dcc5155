"""Values of other classes that are accepted, and what they become."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from mistake_tables import BATCH, Level, Mood, MuteText, System, Whole

from mpfluent import AppEvent


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Whole(5), 5),
        (Level.ONE, 1),
        (Mood.CALM, "calm"),
        (Mood.THREE, 3),
        (System.RIGHT, "iOS"),
        (MuteText("calm"), "calm"),
        (type("Price", (Decimal,), {})("19.99"), Decimal("19.99")),
        (type("Ratio", (float,), {})(0.5), 0.5),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (-0.0, -0.0),
        (5e-324, 5e-324),
        (math.pi, math.pi),
        (Decimal("0.1000000000000000000000001"), Decimal("0.1000000000000000000000001")),
        ("", ""),
        (False, False),
        (0, 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_of_a_subclass_is_kept_as_a_plain_one(value, kept):
    found = AppEvent("Searched", {"value": value}).attributes["value"]

    assert found == kept
    assert type(found) is type(kept)


def test_equal_amounts_make_equal_events():
    assert BATCH.ltv_increase(1) == BATCH.ltv_increase(1.0)
    assert BATCH.ltv_increase(Decimal("19.90")) == BATCH.ltv_increase(19.9)
    assert BATCH.ltv_increase(100).events[-1].attributes["$Amount"] == "100"
