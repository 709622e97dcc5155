"""Strategies from a data plan."""

from pathlib import Path

import pytest
from data_plans import attributes_of, event_point, plan_of, point_of, user_point
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from mpfluent import Batch, InvalidPlan, InvalidValue
from mpfluent.dataplan import DataPlan
from mpfluent.testing.strategies import planned

SHOP = DataPlan.from_file(Path(__file__).parents[2] / "examples" / "shop_plan.json")
EVERY_KIND = plan_of(
    event_point(
        "Boarded",
        attributes_of(
            {
                "text": {"type": "string", "minLength": 2, "maxLength": 3},
                "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
                "day": {"type": "string", "format": "date"},
                "price": {"type": "number", "exclusiveMinimum": 0, "maximum": 9},
                "share": {"type": "number", "minimum": 0.25, "maximum": 0.75},
                "seats": {"type": "integer", "multipleOf": 2, "minimum": 3},
                "car": {"type": "boolean"},
                "deck": {"enum": ["upper", "lower"]},
                "any": {},
            },
            "deck",
        ),
    ),
    user_point({"tier": {"type": "integer", "maximum": 5}}, required=["tier"]),
)


def drawn(strategy, condition):
    """Return a value that is so, if there is one; it is not made small, which takes long."""
    often = settings(max_examples=2_000, phases=[Phase.generate])  # as find() itself tries
    return find(strategy, condition, settings=often)


@pytest.mark.parametrize("plan", [SHOP, EVERY_KIND])
def test_what_is_drawn_is_as_planned(plan):
    @given(planned(plan))
    def check(batch):
        assert plan.validate(batch) == ()

    check()


@pytest.mark.parametrize("plan", [SHOP, EVERY_KIND])
def test_what_is_drawn_to_be_spoilt_is_not_as_planned(plan):
    @given(planned(plan, valid=False))
    def check(batch):
        assert plan.validate(batch) != ()

    check()


@pytest.mark.parametrize("kind", ["unplanned", "missing_required", "invalid_value"])
def test_there_are_mistakes_of_each_kind(kind):
    batch = drawn(
        planned(EVERY_KIND, valid=False),
        lambda batch: {found.kind for found in EVERY_KIND.validate(batch)} == {kind},
    )

    assert isinstance(batch, Batch)


@pytest.mark.parametrize("made_by", ["event", "screen_view", "purchase"])
def test_every_kind_of_event_is_drawn(made_by):
    drawn(planned(SHOP), lambda batch: f".{made_by}(" in batch.to_python())


@pytest.mark.parametrize("name", ["text", "code", "price", "share", "seats", "car", "any"])
def test_every_attribute_is_drawn_and_left_out(name):
    drawn(planned(EVERY_KIND), lambda batch: any(name in e.attributes for e in batch.events))
    drawn(planned(EVERY_KIND), lambda batch: any(name not in e.attributes for e in batch.events))


def test_a_plan_without_examples_is_told():
    odd = attributes_of({"code": {"type": "string", "pattern": "^q7!$"}})

    for plan, said in (
        (plan_of(), "the plan has no events"),
        (plan_of(event_point("Boarded", odd)), "no text is known for '^q7!$'"),
    ):
        with pytest.raises(InvalidPlan, match="planned") as caught:
            planned(plan)

        assert said in str(caught.value)


def test_a_point_without_an_example_is_left_out():
    odd = attributes_of({"code": {"type": "string", "pattern": "^q7!$"}})
    plan = plan_of(event_point("Boarded", odd), point_of({"type": "uninstall"}))

    @given(st.data())
    def check(data):
        batch = data.draw(planned(plan))
        assert {event.event_type for event in batch.events} <= {"uninstall"}

    check()


def test_it_is_a_data_plan():
    with pytest.raises(InvalidValue) as caught:
        planned("plan.json")

    assert str(caught.value) == (
        "planned('plan.json'): want a DataPlan; write planned(DataPlan.from_file(\"plan.json\"))"
    )
