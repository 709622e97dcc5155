"""What a violation says: what is there, what the plan says, what to write."""

import pickle
import sys

import pytest
from data_plans import (
    attributes_of,
    custom_event,
    event_point,
    findings,
    payload_of,
    plan_of,
    point_of,
    user_point,
)
from plan_modules import SHOP

from mpfluent import Batch, Product
from mpfluent.dataplan import Violation

CROSSINGS = attributes_of(
    {
        "From": {"type": "string", "enum": ["Kiel", "Oslo"]},
        "Passengers": {"type": "number", "minimum": 1, "maximum": 20},
        "Code": {"pattern": "^F-"},
        "Day": {"format": "date"},
        "Car": {"type": "boolean"},
        "Note": {"maxLength": 3},
        "Deck": {"const": "upper"},
        "Seat": {"oneOf": [{"type": "string"}]},
    },
    "From",
)
PLAN = plan_of(
    event_point("Searched crossings", CROSSINGS),
    event_point("Landed", custom_type="transaction"),
    point_of({"type": "screen_view", "criteria": {"screen_name": "Quay"}}),
    point_of(
        {"type": "product_action", "criteria": {"action": "purchase"}},
        {"properties": {"data": {"properties": {"product_action": {"properties": {"products": {
            "items": attributes_of({"id": {}, "name": {}, "price": {"maximum": 5}})}}}}}}},
    ),
    user_point({"Tier": {"enum": ["gold", "silver"]}}, required=["Tier"]),
)  # fmt: skip


def texts(batch, **options):
    return [violation.text for violation in PLAN.validate(batch, **options)]


def searched(**attributes):
    batch = Batch().with_user_attributes(Tier="gold")
    return batch.event("Searched crossings", {"From": "Kiel", **attributes})


ABOUT = "events[0] 'Searched crossings': attributes "


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"Passangers": 2}, "'Passangers' is not planned; did you mean 'Passengers'?"),
        (
            {"Xyzzy": 2},
            "'Xyzzy' is not planned; the plan has 'From', 'Passengers', 'Code', 'Day', 'Car', "
            "'Note', 'Deck', 'Seat'",
        ),
        ({"Passengers": "two"}, "'Passengers': want number, got string"),
        ({"Passengers": 0}, "'Passengers' is 0: want at least 1"),
        ({"Passengers": 21}, "'Passengers' is 21: want at most 20"),
        ({"From": "Kile"}, "'From' is 'Kile': want one of 'Kiel', 'Oslo'; did you mean 'Kiel'?"),
        ({"Code": "7"}, "'Code' is '7': want text that matches ^F-"),
        ({"Day": "today"}, "'Day' is 'today': want text of the format 'date'"),
        ({"Car": "yes"}, "'Car': want boolean, got string"),
        ({"Note": "long"}, "'Note' is 'long': want at most 3 characters"),
        ({"Deck": "lower"}, "'Deck' is 'lower': want 'upper'"),
    ],
)
def test_an_attribute_that_is_not_as_planned(attributes, text):
    assert texts(searched(**attributes)) == [ABOUT + text]


def test_a_missing_attribute():
    batch = Batch().with_user_attributes(Tier="gold").event("Searched crossings", {"Car": True})

    assert texts(batch) == [ABOUT + "'From' is missing, and the plan requires it; write 'From': …"]


def test_in_the_words_of_the_node_package():
    assert texts(searched(Passangers=2, Passengers="2", Seat=4), like="node") == [
        ABOUT + "'Passangers' is not planned; did you mean 'Passengers'?",
        ABOUT + "'Passengers': want number, got '2'",
        ABOUT + "'Seat': want string, got 4",
        ABOUT + "'Seat' is 4: should match exactly one schema in oneOf",
    ]


@pytest.mark.parametrize(
    ("batch", "text"),
    [
        (
            Batch().event("Searched crossing"),
            "events[0] 'Searched crossing': is not planned; did you mean 'Searched crossings'?",
        ),
        (
            Batch().event("Landed", type="search"),
            "events[0] 'Landed': is planned with the type 'transaction' only; "
            "write type='transaction'",
        ),
        (
            Batch().screen_view("Quai"),
            "events[0] 'Quai': is not planned; did you mean 'Quay'?",
        ),
        (
            Batch().refund(Product("sku")),
            "events[0] 'refund': is not planned; the plan has 'purchase'",
        ),
        (
            Batch().promotion_view(),
            "events[0] 'view': is not planned; the plan has none there",
        ),
    ],
)
def test_an_event_that_is_unplanned(batch, text):
    assert texts(batch.with_user_attributes(Tier="gold")) == [text]


def test_a_product_and_a_user_that_are_not_as_planned():
    batch = Batch().purchase(Product("a", "A"), Product("b", "B", price=9, brand="X"))

    assert texts(batch.with_user_attributes(tier="gold")) == [
        "events[0] 'purchase': product_action.products[1] 'brand' is not planned; "
        "the plan has 'id', 'name', 'price'",
        "events[0] 'purchase': product_action.products[1] 'price' is 9: want at most 5",
        "user_attributes: 'tier' is not planned; did you mean 'Tier'?",
        "user_attributes: 'Tier' is missing, and the plan requires it; write 'Tier': …",
    ]


def test_a_user_attribute_has_its_whole_name():
    lists = {"type": "array", "items": {"type": "number"}}
    plan = plan_of(user_point({"databases": lists, "data": lists}))

    found = plan.validate(Batch().with_user_attributes({"databases": ["x"], "data": ["y"]}))

    assert sorted(violation.text for violation in found) == [
        "user_attributes: data '0': want number, got string",
        "user_attributes: databases '0': want number, got string",
    ]


def test_an_event_that_no_plan_can_have():
    batch = payload_of(
        {"event_type": "commerce_event", "data": {}}, user_attributes={"Tier": "gold"}
    )

    assert texts(batch) == ["events[0] 'commerce_event': is not planned; the plan has none there"]


def test_user_attributes_without_a_definition():
    plan = plan_of(point_of({"type": "user_attributes"}, {}))

    assert [one.text for one in plan.validate(Batch(), like="node")] == [
        "user_attributes: their definition in the plan says nothing; write a JSON Schema there"
    ]


def test_a_text_is_one_short_line_whatever_the_names_are():
    name = 'It\'s "odd"\n船' + "x" * 500
    plan = plan_of(event_point("Boarded", attributes_of({})))

    (found,) = plan.validate(payload_of(custom_event({name: 1})))

    assert "\n" not in found.text
    assert len(found.text) < 300
    assert found.key == name


def test_a_violation_is_a_value():
    plan = plan_of(event_point("Boarded", attributes_of({"a": {"enum": [["x"]]}})))
    found = plan.validate(payload_of(custom_event({"a": {"b": [1]}, "c": 1})))
    same = plan.validate(payload_of(custom_event({"a": {"b": [1]}, "c": 1})))

    assert found == same
    assert len({*found, *same}) == 2
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(TypeError):
        found[0].match["type"] = "x"
    with pytest.raises(AttributeError):
        found[0].key = "x"


def test_the_vendors_form_is_plain_data():
    criteria = {"event_name": "Boarded", "custom_event_type": "other", "tags": ["a"]}
    plan = plan_of(point_of({"type": "custom_event", "criteria": criteria}, {"required": ["x"]}))

    (found,) = plan.validate(payload_of(custom_event()))

    assert found.to_vendor() == {
        "event_type": "validation_result",
        "data": {
            "match": {"type": "custom_event", "criteria": criteria},
            "validation_errors": [
                {
                    "validation_error_type": "missing_required",
                    "key": "x",
                    "error_pointer": "#/x",
                    "expected": "x",
                    "schema_keyword": "required",
                }
            ],
        },
    }
    assert Violation(None, "unplanned", "k", "#").to_vendor()["data"] == {
        "validation_errors": [
            {"validation_error_type": "unplanned", "key": "k", "error_pointer": "#"}
        ]
    }


def test_a_violation_is_shown_with_its_text():
    (found,) = SHOP.validate(Batch().event("Searched", type="other"))

    assert repr(found) == f"<Violation {found.text}>"


def calls_of(function):
    """Return how many calls of Python a call makes."""
    calls = []
    sys.setprofile(lambda frame, event, argument: calls.append(frame) if event == "call" else None)
    try:
        function()
    finally:
        sys.setprofile(None)
    return len(calls)


def test_what_an_unplanned_event_costs_does_not_grow_with_the_plan():
    batch = Batch().event("Serched 1", type="search")
    plans = [
        plan_of(
            *(event_point(f"Searched {number}", custom_type="search") for number in range(many))
        )
        for many in (10, 1_000)
    ]
    first, second = (plan.validate(batch)[0].text for plan in plans)  # a name is looked up once

    assert first == second == "events[0] 'Serched 1': is not planned; did you mean 'Searched 1'?"
    small, large = (calls_of(lambda plan=plan: plan.validate(batch)[0].text) for plan in plans)
    assert small == large


@pytest.mark.parametrize("like", ["server", "node"])
def test_a_text_has_no_control_characters(like):
    inner = attributes_of({"x": {"pattern": "^a\x1bb  c\nfoo$"}})
    (found,) = findings({"properties": {"y\x1b\n": inner}}, {"y\x1b\n": {"x": "d"}}, like=like)

    assert found.text == (
        "events[0] 'Boarded': attributes.v.y\\x1b\\n 'x' is 'd': "
        "want text that matches ^a\\x1bb  c\\nfoo$"
    )
    assert findings({"pattern": "a" * 9_000}, "x", like=like)[0].text.endswith("aaa…")
