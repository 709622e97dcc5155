"""What changed from one plan to another, for those who send."""

import pytest
from data_plans import (
    attributes_of,
    event_point,
    payload_of,
    plan_of,
    point_of,
    user_point,
)
from hypothesis import given, settings
from hypothesis import strategies as st
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
    "the user, and nothing required": (
        plan_of(),
        plan_of(user_point({"tier": TEXT})),
        [
            (
                "required",
                "user_attributes",
                "are planned now, and need nothing; others are not allowed",
            )
        ],
    ),
    "the user, with others allowed": (
        plan_of(),
        plan_of(user_point({"tier": NUMBER, "any": {}}, additionalProperties=True)),
        [("values", "user_attributes", "are planned now, with rules for 'tier'")],
    ),
    "the user, with all allowed": (
        plan_of(),
        plan_of(user_point({"any": {}}, additionalProperties=True)),
        [("new", "user_attributes", "are planned now")],
    ),
    "nothing is allowed": (
        plan_of(event_point("Left", attributes_of({"to": TEXT}))),
        plan_of(point_of(event_point("Left")["match"], False)),
        [("gone", "'Left' (other)", "is never as planned now")],
    ),
    "something is allowed": (
        plan_of(point_of({"type": "uninstall"}, False)),
        plan_of(point_of({"type": "uninstall"}, True)),
        [("eased", "uninstall", "was never as planned, and may be now")],
    ),
    "no attribute is planned, and all are allowed": (
        event({"to": {**attributes_of({"port": TEXT}, "port")}}, "to"),
        plan_of(event_point("Left")),
        [("eased", "'Left' (other)", "'data' may be anything now")],
    ),
    "an object, which may be missing": (
        event({}),
        event({"to": attributes_of({"port": TEXT}, "port")}),
        [("new", "'Left' (other)", "'to' is new")],
    ),
    "an object, which was allowed before": (
        event({}, additionalProperties=True),
        event({"to": attributes_of({"port": TEXT}, "port")}, additionalProperties=True),
        [
            ("required", "'Left' (other)", "to 'port' is new, and required"),
            ("new", "'Left' (other)", "'to' is new"),
        ],
    ),
    "an object less": (
        event({"to": attributes_of({"port": TEXT}, "port")}),
        event({}),
        [("gone", "'Left' (other)", "'to' is no longer planned")],
    ),
    "an attribute less, if others are limited": (
        event({"to": TEXT}),
        event({}, additionalProperties={**TEXT, "maxLength": 3}),
        [
            (
                "values",
                "'Left' (other)",
                "'to' was text, and is text, at most 3 characters now",
            ),
            (
                "eased",
                "'Left' (other)",
                "'custom_attributes' was object, without others, and is object, "
                "others text, at most 3 characters now",
            ),
        ],
    ),
    "others of the user are refused now": (
        plan_of(user_point({"tier": TEXT}, additionalProperties=True)),
        plan_of(user_point({"tier": TEXT})),
        [("values", "user_attributes", "was anything, and is anything without others now")],
    ),
    "others of the user are allowed now": (
        plan_of(user_point({"tier": TEXT})),
        plan_of(user_point({"tier": TEXT}, additionalProperties=True)),
        [("eased", "user_attributes", "was anything without others, and is anything now")],
    ),
}


LIST = {"type": "array", "items": TEXT}
# what a value was, what it is now, and what is said
EASED = {
    "types": ({"type": ["string", "null"]}, {"type": ["null", "string", "number"]}, "null or text"),
    "more than whole numbers": ({"type": "integer"}, NUMBER, "a whole number"),
    "a larger limit": ({**NUMBER, "maximum": 5}, {**NUMBER, "maximum": 50}, "at most 5"),
    "a limit that may be reached": (
        {**NUMBER, "exclusiveMinimum": 5},
        {**NUMBER, "minimum": 5},
        "above 5",
    ),
    "no limit": ({**TEXT, "maxLength": 5}, TEXT, "at most 5 characters"),
    "no pattern": ({**TEXT, "pattern": "^a"}, TEXT, "matches ^a"),
    "no choices": ({**TEXT, "enum": ["a"]}, TEXT, 'text, one of "a"'),
    "another choice": ({"const": "a"}, {"enum": ["a", "b"]}, 'may be "b" now'),
    "a type that each choice has": ({"enum": ["a"]}, {**TEXT, "enum": ["a"]}, "is text now"),
    "entries": (LIST, {**LIST, "items": {}}, "an entry of 'to' was text, and is anything now"),
    "entries that nobody limits": (LIST, {"type": "array"}, "its entries text"),
    "a choice of entries": (
        {**LIST, "items": {"enum": [*range(20)]}},
        {**LIST, "items": {"enum": [*range(21)]}},
        "an entry of 'to' may be 20 now",
    ),
    "limits that refuse nothing": (
        LIST,
        {**LIST, "minItems": 0, "uniqueItems": False},
        "at least 0 entries",
    ),
    "a limit beside what mParticle ignores": (
        {**TEXT, "maxLength": 5},
        {**TEXT, "title": "To", "anyOf": [{}], "x-owner": "crew"},
        "at most 5 characters",
    ),
    "fewer entries": ({**LIST, "minItems": 2}, {**LIST, "minItems": 1}, "at least 1 entries"),
    "others are allowed": ({"additionalProperties": False}, {}, "without others"),
}
NARROWED = {
    "types": ({"type": ["string", "number"]}, TEXT, "a number or text"),
    "a type": ({}, TEXT, "was anything"),
    "whole numbers only": (NUMBER, {"type": "integer"}, "a whole number"),
    "a smaller limit": ({**NUMBER, "maximum": 5}, {**NUMBER, "maximum": 4}, "at most 4"),
    "a limit that must be passed": (
        {**NUMBER, "minimum": 5},
        {**NUMBER, "exclusiveMinimum": 5},
        "above 5",
    ),
    "a limit": (TEXT, {**TEXT, "maxLength": 5}, "at most 5 characters"),
    "another pattern": ({"pattern": "^a"}, {"pattern": "^b"}, "matches ^b"),
    "choices": (TEXT, {**TEXT, "enum": ["a"]}, 'one of "a"'),
    "fewer choices": ({"enum": ["a", "b"]}, {"const": "a"}, 'may no longer be "b"'),
    "entries": (LIST, {**LIST, "items": NUMBER}, "an entry of 'to' was text, and is a number now"),
    "choices of entries": (LIST, {**LIST, "items": {"enum": ["a"]}}, 'and is one of "a" now'),
    "a choice of entries": (
        {**LIST, "items": {"enum": [*range(20)]}},
        {**LIST, "items": {"enum": [*range(19)]}},
        "an entry of 'to' may no longer be 19",
    ),
    "the first entries": (
        {**LIST, "items": [TEXT]},
        {**LIST, "items": [NUMBER]},
        'its entries [{"type":"number"}] now',
    ),
    "an entry that must be there": (LIST, {**LIST, "contains": {"const": 1}}, "an entry that is"),
    "entries once": (LIST, {**LIST, "uniqueItems": True}, "no entry twice now"),
    "names": ({}, {"propertyNames": {"maxLength": 3}}, 'names that are {"maxLength":3}'),
    "fewer names": ({}, {"maxProperties": 3}, "at most 3 names"),
    "other names": (
        {"additionalProperties": TEXT},
        {"additionalProperties": NUMBER},
        "any other of 'to' was text, and is a number now",
    ),
    "other names, which might be anything": ({}, {"additionalProperties": TEXT}, "others text"),
    "more entries": (LIST, {**LIST, "minItems": 2}, "at least 2 entries"),
    "nothing": (TEXT, False, "is nothing now"),
    "a multiple": (TEXT, {**TEXT, "multipleOf": 2}, "a multiple of 2"),
}


@pytest.mark.parametrize(("was", "now", "said"), EASED.values(), ids=EASED)
def test_a_value_that_may_be_more_breaks_nobody(was, now, said):
    found = changes(event({"to": was}), event({"to": now}))

    assert [change.kind for change in found] == ["eased"]
    assert said in found[0].text


@pytest.mark.parametrize(("was", "now", "said"), NARROWED.values(), ids=NARROWED)
def test_a_value_that_may_be_less_must_be_looked_at(was, now, said):
    found = changes(event({"to": was}), event({"to": now}))

    assert [change.kind for change in found] == ["values"]
    assert said in found[0].text


def test_a_change_has_no_control_characters_of_the_plans():
    old = plan_of(event_point("x\x1b[31m", attributes_of({"q": {}}), "y\x1b"))
    new = plan_of(event_point("x\x1b[31m", attributes_of({"q": {"pattern": "^a\x1bb\n"}}), "y\x1b"))

    assert [(change.event, change.text) for change in changes(old, new)] == [
        ("'x\\x1b[31m' (y\\x1b)", "'q' was anything, and is matches ^a\\x1bb\\n now")
    ]


def test_the_order_of_types_and_choices_is_no_change():
    was = {"a": {"type": ["string", "number"]}, "b": {"enum": [1, 2]}}
    now = {"a": {"type": ["number", "string"]}, "b": {"enum": [2, 1]}}

    assert changes(event(was), event(now)) == []


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


LIMITS = {
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
}
VALUES = st.sampled_from([0, 1, 2, 2.5, 3, True, "", "a", "bb", "2"])


@st.composite
def schemas(draw, depth=1):
    """Draw the schema of an attribute, with limits of the types that it has."""
    types = draw(st.lists(st.sampled_from([*LIMITS, "integer", "boolean"]), unique=True))
    schema = {"type": types} if types else {}
    of = {"number" if kind == "integer" else kind for kind in types} or LIMITS
    limits = [limit for kind in LIMITS if kind in of for limit in LIMITS[kind]]
    if limits:
        schema |= draw(st.dictionaries(st.sampled_from(limits), st.integers(0, 3), max_size=2))
    if draw(st.integers(0, 3)) == 0:
        schema["enum"] = draw(st.lists(VALUES, min_size=1, max_size=3, unique_by=repr))
    if "array" in of and depth and draw(st.booleans()):
        schema["items"] = draw(schemas(depth=0))
    return schema


@given(schemas(), schemas(), st.booleans(), VALUES | st.lists(VALUES, max_size=3))
@settings(max_examples=4 * settings.default.max_examples)
def test_if_nothing_must_change_what_was_as_planned_still_is(was, now, is_similar, value):
    now = {**was, **now} if is_similar else now
    old, new = (plan_of(user_point({"to": schema})) for schema in (was, now))
    batch = payload_of(user_attributes={"to": value})

    if not any(change.is_breaking for change in changes(old, new)) and not old.validate(batch):
        assert new.validate(batch) == ()
