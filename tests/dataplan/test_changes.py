"""What changed from one plan to another, for those who send."""

import pytest
from data_plans import attributes_of, event_point, plan_of, point_of, user_point
from plan_modules import SHOP, commerce_point, products_of

from mpfluent.dataplan.changes import changes

TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def event(schema, *required, **rest):
    """Return a plan of an event with attributes like these."""
    attributes = {**attributes_of(schema, *required), **rest}
    return plan_of(event_point("Left", attributes))


def product(schema):
    products = {"properties": {"products": products_of({"properties": schema})}}
    return plan_of(commerce_point("product_action", "purchase", {"product_action": products}))


CASES = {
    "nothing": (SHOP, SHOP, []),
    "an event": (plan_of(), event({}), [("new", "'Left' (other)", "is new")]),
    "an event less": (event({}), plan_of(), [("gone", "'Left' (other)", "is no longer planned")]),
    "a required attribute": (
        event({}),
        event({"to": TEXT}, "to"),
        [("required", "'Left' (other)", "'to' is new, and required")],
    ),
    "an attribute": (event({}), event({"to": TEXT}), [("new", "'Left' (other)", "'to' is new")]),
    "an attribute less": (
        event({"to": TEXT}),
        event({}),
        [("gone", "'Left' (other)", "'to' is no longer planned")],
    ),
    "an attribute less, if others are allowed": (
        event({"to": TEXT}, additionalProperties=True),
        event({}, additionalProperties=True),
        [("eased", "'Left' (other)", "'to' may be anything now")],
    ),
    "required now": (
        event({"to": TEXT}),
        event({"to": TEXT}, "to"),
        [("required", "'Left' (other)", "'to' is required now")],
    ),
    "no longer required": (
        event({"to": TEXT}, "to"),
        event({"to": TEXT}),
        [("eased", "'Left' (other)", "'to' may be missing now")],
    ),
    "a type": (
        event({"to": TEXT}),
        event({"to": NUMBER}),
        [("values", "'Left' (other)", "'to' was text, and is a number now")],
    ),
    "limits": (
        event({"n": {**NUMBER, "minimum": 1}}),
        event({"n": {**NUMBER, "minimum": 2}}),
        [
            (
                "values",
                "'Left' (other)",
                "'n' was a number, at least 1, and is a number, at least 2 now",
            )
        ],
    ),
    "no limits": (
        event({"n": NUMBER}),
        event({"n": {}}),
        [("eased", "'Left' (other)", "'n' was a number, and is anything now")],
    ),
    "choices": (
        event({"to": {"enum": ["Kiel", 1]}}),
        event({"to": {"enum": ["Kiel", "Oslo"]}}),
        [
            ("values", "'Left' (other)", "'to' may no longer be 1"),
            ("eased", "'Left' (other)", "'to' may be \"Oslo\" now"),
        ],
    ),
    "others are refused now": (
        event({}, additionalProperties=True),
        event({}),
        [
            (
                "values",
                "'Left' (other)",
                "'custom_attributes' was object, and is object, without others now",
            )
        ],
    ),
    "an attribute of products": (
        product({"custom_attributes": attributes_of({})}),
        product({"custom_attributes": attributes_of({"deck": TEXT}, "deck")}),
        [
            (
                "required",
                "product_action 'purchase'",
                "product_action products 'deck' is new, and required",
            )
        ],
    ),
    "an attribute of products less": (
        product({"custom_attributes": attributes_of({"deck": TEXT})}),
        product({"custom_attributes": attributes_of({})}),
        [
            (
                "gone",
                "product_action 'purchase'",
                "product_action products 'deck' is no longer planned",
            )
        ],
    ),
    "the user": (
        plan_of(),
        plan_of(user_point({"tier": TEXT}, required=["tier"])),
        [("required", "user_attributes", "are planned now, and need 'tier'")],
    ),
    "the user less": (
        plan_of(user_point({"tier": TEXT})),
        plan_of(),
        [("eased", "user_attributes", "are no longer planned, so that all are allowed")],
    ),
    "everything is allowed": (
        plan_of(point_of({"type": "uninstall"}, False)),
        plan_of(point_of({"type": "uninstall"}, True)),
        [],
    ),
}


@pytest.mark.parametrize(("old", "new", "expected"), CASES.values(), ids=CASES)
def test_what_changed(old, new, expected):
    assert [tuple(change) for change in changes(old, new)] == expected


def test_what_those_who_send_must_change_comes_first():
    old = plan_of(event_point("Left", attributes_of({"to": TEXT, "n": NUMBER})))
    new = plan_of(
        event_point("Arrived"),
        event_point("Left", attributes_of({"to": TEXT, "n": TEXT, "from": TEXT}, "to")),
    )
    found = changes(old, new)

    assert [change.kind for change in found] == ["required", "values", "new", "new"]
    assert [change.is_breaking for change in found] == [True, True, False, False]
