"""Examples: batches that a plan allows, made of the plan alone."""

import pytest
from data_plans import attributes_of, event_point, plan_of, point_of, user_point

from mpfluent import Batch, InvalidPlan, InvalidValue

OWN_VALUES = 'write your own values, as in example(name, {"attribute": …})'


def product_point(properties, action="purchase", **attributes):
    products = {"type": "array", "items": attributes_of(properties, *properties)}
    inside = {"product_action": attributes_of({"action": {}, "products": products})}
    data = {"properties": {**inside, "custom_attributes": attributes_of(attributes)}}
    match = {"type": "product_action", "criteria": {"action": action}}
    return point_of(match, {"properties": {"data": data}})


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "text"),
        ({}, "text"),
        (True, "text"),
        ({"type": "string", "enum": ["Kiel", "Oslo"]}, "Kiel"),
        ({"type": "string", "minLength": 6}, "textttt"[:6]),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "format": "date-time"}, "2026-11-23T10:15:00Z"),
        ({"type": "string", "pattern": r"^-?\d+$"}, "1"),
        ({"type": "string", "pattern": "^([Tt][Rr][Uu][Ee])$"}, "true"),
        ({"type": "string", "pattern": "^[A-Z]{3}$"}, "ABC"),
        ({"type": ["null", "string"]}, "text"),
        ({"type": "number"}, 1),
        ({"type": "number", "minimum": 2, "maximum": 9}, 2),
        ({"type": "number", "exclusiveMinimum": 2}, 3),
        ({"type": "number", "maximum": -3}, -3),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "integer", "multipleOf": 5, "minimum": 7}, 10),
        ({"type": "number", "enum": ["12345"]}, 12345),
        ({"type": "boolean"}, True),
        ({"const": 7}, 7),
    ],
)
def test_an_attribute_has_a_value_that_its_schema_allows(schema, value):
    plan = plan_of(event_point("Boarded", attributes_of({"v": schema}, "v")))

    batch = plan.example("Boarded")

    assert batch == Batch().event("Boarded", {"v": value})
    assert plan.validate(batch) == ()


@pytest.mark.parametrize(
    ("point", "name", "batch"),
    [
        (
            event_point("Boarded", custom_type="search"),
            "Boarded",
            Batch().event("Boarded", type="search"),
        ),
        (
            point_of({"type": "screen_view", "criteria": {"screen_name": "Quay"}}),
            "Quay",
            Batch().screen_view("Quay"),
        ),
        (point_of({"type": "uninstall"}), "uninstall", Batch().uninstall()),
    ],
)
def test_there_are_examples_of_each_kind_of_event(point, name, batch):
    assert plan_of(point).example(name) == batch


def test_an_example_of_commerce_has_a_product():
    plan = plan_of(
        product_point({"id": {"type": "string"}, "price": {"type": "number", "minimum": 5}})
    )

    (event,) = plan.example("purchase").events

    assert event.product_action.action == "purchase"
    assert [(p.id, p.price) for p in event.product_action.products] == [("text", 5)]
    assert plan.validate(plan.example("purchase")) == ()


def test_an_example_has_a_user_whom_the_plan_allows():
    plan = plan_of(
        event_point("Boarded"),
        user_point({"tier": {"enum": ["gold"]}}, required=["tier"]),
        user_point(
            {"customerid": {}, "email": {"format": "email", "type": "string"}},
            "user_identities",
            required=["email", "customerid"],
        ),
    )

    assert plan.example("Boarded") == (
        Batch.for_user(customer_id="text", email="user@example.com")
        .with_user_attributes(tier="gold")
        .event("Boarded")
    )


def test_your_own_values_win():
    plan = plan_of(
        event_point("Boarded", attributes_of({"a": {"type": "string"}, "b": {"pattern": "^q7!$"}}))
    )

    assert plan.example("Boarded", {"b": "q7!"}) == Batch().event(
        "Boarded", {"a": "text", "b": "q7!"}
    )


def said(plan, *args, **options):
    with pytest.raises(InvalidPlan) as caught:
        plan.example(*args, **options)
    return str(caught.value)


def test_what_cannot_be_made_up_is_told():
    odd = plan_of(
        event_point("Boarded", attributes_of({"b": {"type": "string", "pattern": "^q7!$"}}))
    )
    never = plan_of(
        event_point("Boarded", attributes_of({"b": {"minimum": 3, "type": "string"}}, "c"))
    )
    empty = plan_of(
        event_point("Boarded", attributes_of({"n": {"type": "number", "minimum": 3, "maximum": 2}}))
    )

    assert said(odd, "Boarded") == f"example('Boarded'): no text is known for '^q7!$'; {OWN_VALUES}"
    assert said(empty, "Boarded") == (
        f"example('Boarded'): no number is known from 3 to 2; {OWN_VALUES}"
    )
    assert said(never, "Boarded") == (
        "example('Boarded'): events[0] 'Boarded': attributes 'c' is not planned; the plan has "
        f"'b'; {OWN_VALUES}"
    )
    assert said(odd, "Boarded", {"b": "x"}) == (
        "example('Boarded'): events[0] 'Boarded': attributes 'b' is 'x': want text that matches "
        f"^q7!$; {OWN_VALUES}"
    )


@pytest.mark.parametrize("least", [1, 1e308])
def test_a_step_that_no_float_can_tell_is_passed_over(least):
    schema = {"type": "number", "minimum": least, "multipleOf": 5e-324}
    plan = plan_of(event_point("Boarded", attributes_of({"n": schema})))

    assert said(plan, "Boarded").endswith(OWN_VALUES)
    assert said(plan, "Boarded", type=[]) == (
        "example('Boarded'): the plan has it as 'other'; write type='other'"
    )


@pytest.mark.parametrize("keyword", ["minLength", "minItems"])
def test_nothing_of_any_length_is_made_up(keyword):
    schema = {"type": "string" if keyword == "minLength" else "array", keyword: 10**18}

    assert said(plan_of(event_point("Boarded", attributes_of({"n": schema}))), "Boarded") == (
        f"example('Boarded'): {keyword} is {10**18}, which is too much for an example; {OWN_VALUES}"
    )


@pytest.mark.parametrize("attributes", [5, "x", [("a", "b")], ()])
def test_attributes_of_an_example_are_a_dict(attributes):
    with pytest.raises(InvalidValue) as caught:
        plan_of(event_point("Boarded")).example("Boarded", attributes)

    assert str(caught.value) == (
        f"example(attributes={attributes!r}): want a dict, got {type(attributes).__name__}; "
        'write example(name, {"attribute": …})'
    )


def test_a_name_that_the_plan_has_not_or_has_twice_is_told():
    plan = plan_of(
        event_point("Boarded", custom_type="search"),
        event_point("Boarded", custom_type="social"),
        user_point({}),
    )

    assert said(plan, "Bordet") == (
        "example('Bordet'): the plan has no such event; did you mean 'Boarded'?"
    )
    assert said(plan, "xyzzy") == "example('xyzzy'): the plan has no such event; it has 'Boarded'"
    assert said(plan, "user_attributes").startswith("example('user_attributes'): the plan has no")
    assert said(plan, "Boarded") == (
        "example('Boarded'): the plan has it as 'search', 'social'; write type='search'"
    )
    assert plan.example("Boarded", type="social") == Batch().event("Boarded", type="social")
    assert said(plan, "Boarded", type="other") == (
        "example('Boarded'): the plan has it as 'search', 'social'; write type='search'"
    )
    assert said(plan_of(), "x") == "example('x'): the plan has no such event; it has none"


def test_a_definition_that_makes_no_sense_gives_an_error_of_ours():
    for schema in ({"type": "string", "minLength": "x"}, {"type": "text"}, {"properties": 5}):
        said(plan_of(event_point("Boarded", schema)), "Boarded")
