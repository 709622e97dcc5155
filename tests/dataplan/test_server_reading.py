"""Where mParticle's server differs from the vendor's Node package, as it is documented.

Each part is a row of the comparison.
"""

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

from mpfluent import Batch, InvalidPlan, InvalidValue, Product, Session

UUID = "07d2ebaa-e956-407e-a1e6-f05f871bf4e2"
NUMBER_AS_TEXT = {"type": "string", "pattern": r"^-?\d+(\.\d+)?([eE][+\-]?\d+)?$"}
BOOLEAN_AS_TEXT = {"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"}


# Numbers and booleans as text


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "number"}, "42"),
        ({"type": "number"}, "-1.5e3"),
        ({"type": "integer"}, "5.0"),
        ({"type": "boolean"}, "true"),
        ({"type": "boolean"}, "FALSE"),
        ({"type": "number", "minimum": 2, "maximum": 9}, "5"),
        ({"type": "number", "enum": ["12345"]}, 12345),
        ({"type": "number", "enum": ["12345"]}, "12345"),
        ({"enum": [42]}, "42"),
        ({"enum": ["true"]}, True),
        ({"enum": [True]}, "TRUE"),
        ({"const": False}, "false"),
        ({"const": 5}, "5"),
        ({"type": "string"}, 5),
        ({"type": "string"}, True),
        ({"type": "string", "enum": ["5"]}, 5.0),
        (NUMBER_AS_TEXT, 42),
        (NUMBER_AS_TEXT, 0.5),
        (BOOLEAN_AS_TEXT, True),
        ({"type": ["number", "null"]}, "7"),
    ],
)
def test_what_converts_to_a_type_is_of_the_type(schema, value):
    assert findings(schema, value) == ()
    assert findings(schema, value, like="node") != () or schema == {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "value", "keyword"),
    [
        ({"type": "number"}, "forty-two", "type"),
        ({"type": "number"}, "", "type"),
        ({"type": "number"}, "٤٢", "type"),
        ({"type": "number"}, True, "type"),
        ({"type": "integer"}, "5.5", "type"),
        ({"type": "boolean"}, "yes", "type"),
        ({"type": "boolean"}, 1, "type"),
        ({"type": "number", "minimum": 6}, "5", "minimum"),
        ({"type": "number", "multipleOf": 2}, "5", "multipleOf"),
        ({"type": "number", "enum": ["12345"]}, 1, "enum"),
        ({"enum": ["True", "NO"]}, "TRUE", "enum"),
        ({"enum": ["TRUE"]}, True, "enum"),
        ({"enum": [True]}, "false", "enum"),
        ({"const": "true"}, "True", "const"),
        ({"const": "a"}, "b", "const"),
        (NUMBER_AS_TEXT, True, "pattern"),
        (BOOLEAN_AS_TEXT, 1, "pattern"),
        ({"type": "string", "maxLength": 1}, 12, "maxLength"),
        ({"minimum": 6}, 5, "minimum"),
        ({"type": "object"}, "text", "type"),
    ],
)
def test_what_does_not_convert_or_is_out_of_range_is_found(schema, value, keyword):
    assert [found.keyword for found in findings(schema, value)] == [keyword]


def test_a_flag_on_a_product_is_text_and_meets_a_plan_that_wants_a_boolean():
    items = {"properties": {"custom_attributes": attributes_of({"gift": {"type": "boolean"}})}}
    products = {"properties": {"products": {"type": "array", "items": items}}}
    definition = {"properties": {"data": {"properties": {"product_action": products}}}}
    match = {"type": "product_action", "criteria": {"action": "purchase"}}
    batch = Batch().purchase(Product("sku", "Name", attributes={"gift": "true"}))

    assert plan_of(point_of(match, definition)).validate(batch) == ()


# Events that cannot be planned


def test_events_that_cannot_be_planned_pass_in_silence():
    batch = (
        Batch()
        .add(Session.start(session_id=1).event("Boarded"))
        .app_foreground()
        .user_attribute_change("tier", "gold")
        .crash_report(message="oops")
        .opt_out()
    )
    plan = plan_of(event_point("Boarded"))

    assert plan.validate(batch) == ()
    assert len(plan.validate(batch, like="node")) == 5


def test_an_event_of_another_type_counts_if_the_plan_has_it():
    definition = {"properties": {"data": {"required": ["breadcrumb_id"]}}}
    plan = plan_of(point_of({"type": "session_start"}, definition))

    assert len(plan.validate(payload_of({"event_type": "session_start", "data": {}}))) == 1


@pytest.mark.parametrize(
    "event",
    [
        custom_event(name="Landed"),
        {"event_type": "screen_view", "data": {"screen_name": "Quay"}},
        {"event_type": "commerce_event", "data": {"product_action": {"action": "refund"}}},
        {"event_type": "commerce_event", "data": {"promotion_action": {"action": "view"}}},
        {"event_type": "commerce_event", "data": {"product_impressions": []}},
        {"event_type": "commerce_event", "data": {}},
        {"event_type": "custom_event"},
    ],
)
def test_an_event_that_could_be_planned_and_is_not_is_unplanned(event):
    (found,) = plan_of(event_point("Boarded")).validate(payload_of(event))

    assert (found.kind, found.event_index, found.keyword) == ("unplanned", 0, None)


# Identities


def test_identities_are_found_under_the_names_of_the_events_api():
    plan = plan_of(
        user_point(
            {"customerid": {"pattern": "^c-"}, "email": {"format": "email"}, "other2": {}},
            "user_identities",
            required=["other2"],
        )
    )
    batch = Batch.for_user(customer_id="7", facebook="f", email="a@b")

    found = plan.validate(batch)

    assert [(one.kind, one.key, one.pointer) for one in found] == [
        ("missing_required", "other_id_2", "#/other_id_2"),
        ("unplanned", "facebook", "#/facebook"),
        ("invalid_value", "customer_id", "#/customer_id"),
    ]
    assert {one.place for one in found} == {"user_identities"}
    assert plan.validate(batch, like="node") == ()


def test_ids_of_devices_are_identities_if_the_plan_speaks_of_them():
    planned = {"ios_idfa": {"pattern": "^x"}, "device_application_stamp": {"pattern": "^x"}}
    plan = plan_of(user_point(planned, "user_identities", required=["android_aaid"]))
    batch = (
        Batch()
        .with_device(ios_advertising_id=UUID, ios_idfv=UUID, amp_id="c")
        .with_mp_deviceid(UUID)
    )

    assert [(one.kind, one.key) for one in plan.validate(batch)] == [
        ("missing_required", "android_advertising_id"),
        ("invalid_value", "ios_advertising_id"),
        ("invalid_value", "mp_deviceid"),
    ]


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        *(
            (
                {"user_identities": value},
                f'user_identities is {value!r}: want an object; write {{"customer_id": …}}',
            )
            for value in ("abc", "", 5, True)
        ),
        *(
            (
                {"device_info": value},
                f'device_info is {value!r}: want an object; write {{"android_uuid": …}}',
            )
            for value in ("abc", 5, [1])
        ),
        (
            {"user_identities": [{"identity_type": [], "identity": "7"}]},
            "user_identities[0].identity_type is []: want text; write 'customer_id'",
        ),
    ],
)
def test_identities_of_another_form_are_no_batch(payload, text):
    plan = plan_of(user_point({}, "user_identities"))

    with pytest.raises(InvalidValue) as caught:
        plan.validate(payload)

    assert str(caught.value) == f"validate(): {text}"


@pytest.mark.parametrize(
    "definition", [{"required": 5}, {"required": [[]]}, {"properties": 5}, {"properties": [["a"]]}]
)
def test_a_broken_definition_of_identities_is_told(definition):
    plan = plan_of(point_of({"type": "user_identities"}, definition))

    with pytest.raises(InvalidPlan) as caught:
        plan.validate(Batch.for_user(customer_id="7"))

    assert str(caught.value).startswith(
        f"data_points[0] (user_identities): its definition is broken at /{next(iter(definition))}:"
    )


def test_identities_as_mparticle_sends_them_out_are_read():
    plan = plan_of(user_point({"email": {}}, "user_identities"))
    identities = [{"identity_type": "customerid", "identity": "7"}]

    (found,) = plan.validate(payload_of(user_identities=identities))

    assert (found.kind, found.key) == ("unplanned", "customer_id")


# Keywords


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"type": "object"}]},
        {"anyOf": [{"type": "object"}]},
        {"oneOf": [{"type": "object"}]},
        {"not": {"type": "string"}},
        {"if": True, "then": False},
        {"$ref": "#/definitions/none"},
        {"format": "idn-email"},
        {"format": "made up"},
        {"pattern": "(?<=a+)b"},
    ],
)
def test_what_the_server_does_not_support_says_nothing(schema):
    assert findings(schema, "text") == ()


def test_a_keyword_beside_a_reference_counts():
    assert [found.keyword for found in findings({"$ref": "#", "maxLength": 1}, "ab")] == [
        "maxLength"
    ]


def test_names_that_a_pattern_plans_are_not_unplanned():
    schema = {"patternProperties": {"^a": {"type": "object"}}, "additionalProperties": False}

    assert [found.key for found in findings(schema, {"ab": 1, "b": 1})] == ["b"]


# The findings themselves


def test_an_unplanned_attribute_has_its_name_in_the_pointer():
    plan = plan_of(event_point("Boarded", attributes_of({})))

    (found,) = plan.validate(payload_of(custom_event({"foo/attr": 1})))

    assert (found.pointer, found.key, found.actual, found.expected) == (
        "#/data/custom_attributes/foo~1attr",
        "foo/attr",
        "foo/attr",
        None,
    )


def test_a_missing_attribute_is_the_expected_name():
    plan = plan_of(event_point("Boarded", attributes_of({"deck": {"type": "string"}}, "deck")))

    (found,) = plan.validate(payload_of(custom_event({})))

    assert (found.expected, found.key, found.pointer, found.actual) == (
        "deck",
        "deck",
        "#/data/custom_attributes/deck",
        None,
    )


@pytest.mark.parametrize(
    ("value", "actual"),
    [("x", "string"), (True, "boolean"), ([1], "array"), ({"a": 1}, "object")],
)
def test_a_wrong_type_is_told_by_the_names_of_both_types(value, actual):
    (found,) = findings({"type": "number"}, value)

    assert (found.expected, found.actual) == ("number", actual)


def test_a_violation_says_no_action_for_the_library_decides_nothing():
    (found,) = findings({"type": "number"}, "x")

    assert set(found.to_vendor()["data"]["validation_errors"][0]) == {
        "validation_error_type",
        "key",
        "error_pointer",
        "expected",
        "actual",
        "schema_keyword",
    }


def test_a_violation_says_which_event_it_is_of():
    plan = plan_of(event_point("Boarded"), user_point({}))
    payload = payload_of(custom_event(), custom_event(name="x"), user_attributes={"a": 1})

    assert [found.event_index for found in plan.validate(payload)] == [1, None]


# Rules, which plan, and the size of a plan


def test_rules_and_transformations_of_a_workspace_are_not_run():
    document = {
        "settings": {"validation_actions": {"event": "drop_event"}},
        "transformations": {"json_patch": [{"op": "remove", "path": "/data"}]},
    }
    plan = plan_of(event_point("Boarded"))
    other = type(plan).from_dict({**document, "data_points": [event_point("Boarded")]})
    batch = Batch().event("Boarded").event("Landed")

    assert other.validate(batch) == plan.validate(batch)


def test_the_plan_is_the_one_at_hand_whatever_the_batch_says():
    plan = plan_of(event_point("Boarded"), data_plan_id="ferry", version=2)
    batch = Batch().event("Landed")

    assert plan.validate(batch.with_data_plan("shop", 9)) == plan.validate(batch) != ()


def test_an_empty_definition_of_user_attributes_allows_all():
    plan = plan_of(point_of({"type": "user_attributes"}, {}))

    assert plan.validate(Batch().with_user_attributes(a=1)) == ()
    assert [found.actual for found in plan.validate(Batch(), like="node")] == [
        "Invalid JSON Schema"
    ]


def test_blocking_takes_out_what_is_unplanned_and_never_what_is_invalid():
    plan = plan_of(
        event_point("Boarded", attributes_of({"deck": {"enum": ["upper"]}}, "seat")),
        user_point({"tier": {"type": "number"}}),
        user_point({"email": {}}, "user_identities"),
    )
    batch = (
        Batch.for_user(customer_id="7")
        .with_user_attributes(tier="gold", age=5)
        .event("Boarded", {"deck": "lower", "colour": "red"})
        .event("Landed")
        .app_foreground()
    )

    assert plan.without_unplanned(batch) == (
        Batch.for_user(customer_id="7")
        .with_user_attributes(tier="gold")
        .event("Boarded", {"deck": "lower"})
        .app_foreground()
    )


def test_blocking_takes_attributes_out_of_products():
    items = {"properties": {"custom_attributes": attributes_of({"deck": {}})}}
    action = {"properties": {"products": {"items": items}}}
    definition = {"properties": {"data": {"properties": {"product_action": action}}}}
    match = {"type": "product_action", "criteria": {"action": "purchase"}}
    plan = plan_of(point_of(match, definition))
    first, second = Product("a", "A"), Product("b", "B", attributes={"deck": "upper", "seat": "4"})
    only = Product("c", "C", attributes={"seat": "5"})

    planned = plan.without_unplanned(Batch().purchase(first, second, only, tax_amount=1))

    assert planned == Batch().purchase(
        first, Product("b", "B", attributes={"deck": "upper"}), Product("c", "C"), tax_amount=1
    )


def test_a_batch_as_planned_is_the_same_without_what_is_unplanned():
    batch = Batch().event("Boarded", {"deck": "upper"})

    assert plan_of(event_point("Boarded")).without_unplanned(batch) == batch


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            ({"events": []},),
            "without_unplanned({'events': []}): want a batch, got dict; "
            "write plan.without_unplanned(batch)",
        ),
        (
            (5,),
            "without_unplanned(5): want a batch, got int; write plan.without_unplanned(batch)",
        ),
        (
            (Batch(), 5),
            "without_unplanned(violations=5): want what validate() returned, got int; "
            "write violations=plan.validate(batch)",
        ),
        (
            (Batch(), ["x"]),
            "without_unplanned(violations=['x']): want what validate() returned, got list; "
            "write violations=plan.validate(batch)",
        ),
    ],
)
def test_only_violations_can_be_taken_out_of_a_batch(given, text):
    with pytest.raises(InvalidValue) as caught:
        plan_of().without_unplanned(*given)

    assert str(caught.value) == text


def test_what_is_no_attribute_is_not_taken_out():
    definition = {"properties": {"data": {"additionalProperties": False, "properties": {}}}}
    criteria = {"event_name": "Boarded", "custom_event_type": "other"}
    plan = plan_of(point_of({"type": "custom_event", "criteria": criteria}, definition))
    batch = Batch().event("Boarded")

    assert [found.blocked for found in plan.validate(batch)] == [False, False]
    assert plan.without_unplanned(batch) == batch


@pytest.mark.parametrize(("count", "kinds"), [(1000, []), (1001, ["too_many_points"])])
def test_a_plan_has_at_most_1_000_points(count, kinds):
    plan = plan_of(*(event_point(f"Event {number}") for number in range(count)))

    assert [problem.kind for problem in plan.problems()] == kinds
