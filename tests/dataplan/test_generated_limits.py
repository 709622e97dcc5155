"""A generated function offers what the plan allows, and nothing else."""

import ast
from inspect import signature

import pytest
from data_plans import attributes_of, event_point, plan_of, point_of, user_point
from plan_modules import commerce_point, functions_in, loaded, products_of

TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def arguments_of(name, *points):
    """Return the arguments of a generated function, as they are written."""
    function = functions_in(plan_of(*points).generate())[name]
    listed = function.args
    positional = [ast.unparse(each) for each in [*listed.posonlyargs, *listed.args]]
    starred = [f"*{ast.unparse(listed.vararg)}"] if listed.vararg else []
    keywords = [ast.unparse(each) for each in listed.kwonlyargs]
    return [each.replace("'", '"') for each in (*positional, *starred, *keywords)]


def said_of(name, *points):
    """Return the docstring of a generated function."""
    return ast.get_docstring(functions_in(plan_of(*points).generate())[name])


def left_out(*points):
    """Return why a plan's events have no verb."""
    docstring = ast.get_docstring(ast.parse(plan_of(*points).generate()))
    return " ".join(docstring.partition("These have no verb:\n\n* ")[2].split())


# One value

VALUES = {
    "a fraction beside texts": ({"enum": [1, "a", True, None, 1.5]}, "float | str | bool"),
    "a whole number that mParticle does not take": ({"enum": [1, 2**63, -(2**63)]}, "Literal[1]"),
    "a number that no float holds": ({"enum": [1, 10**400]}, "Literal[1]"),
    "half of a letter": ({"enum": ["a", "\ud800"]}, 'Literal["a"]'),
    "a fraction where whole numbers are wanted": (
        {"type": "integer", "enum": [1.0, 2.5]},
        "Literal[1]",
    ),
}


@pytest.mark.parametrize(("schema", "wanted"), VALUES.values(), ids=VALUES)
def test_choices_that_can_be_sent_are_the_type(schema, wanted):
    point = event_point("Left", attributes_of({"to": schema}, "to"))

    assert arguments_of("left", point) == ["self: V", f"to: {wanted}"]


LISTS = {
    "choices": ({"enum": ["a", "b"]}, 'Sequence[Literal["a", "b"]]', 'each "a" or "b"'),
    "choices that are long": ({"enum": ["a" * 20, "b"]}, "Sequence[str]", f'each "{"a" * 20}" or'),
    "limits": ({**TEXT, "maxLength": 8}, "Sequence[str]", "each at most 8 characters"),
}


@pytest.mark.parametrize(("items", "wanted", "said"), LISTS.values(), ids=LISTS)
def test_the_entries_of_a_list_have_their_type_and_their_limits(items, wanted, said):
    point = user_point({"tags": {"type": "array", "items": items}})

    assert arguments_of("with_planned_attributes", point) == [
        "self: B",
        f"tags: {wanted} | None",
    ]
    assert said in said_of("with_planned_attributes", point)


@pytest.mark.parametrize("items", [False, {"type": "array"}, {"type": "object"}])
def test_a_list_of_which_no_entry_can_be_sent_is_left_out(items):
    point = user_point({"tags": {"type": "array", "items": items}, "tier": TEXT})

    assert arguments_of("with_planned_attributes", point) == ["self: B", "tier: str | None"]
    assert 'It cannot take "tags"' in said_of("with_planned_attributes", point)


def test_the_number_of_entries_and_of_attributes_is_in_the_docstring():
    tags = {"type": "array", "items": TEXT, "minItems": 2}
    least = {**attributes_of({"to": TEXT, "via": TEXT}), "minProperties": 2}

    assert "at least 2 entries" in said_of("with_planned_attributes", user_point({"tags": tags}))
    assert "requires at least 2 attributes." in said_of("left", event_point("Left", least))


def test_attributes_that_the_plan_does_not_name_have_their_type():
    schema = {"type": "object", "additionalProperties": NUMBER}

    assert arguments_of("left", event_point("Left", schema)) == [
        "self: V",
        "attributes: Mapping[str, float | None] | None",
    ]


# Events of which nothing is as planned

CLOSED = {"additionalProperties": False}
CRITERIA = {"event_name": "Left", "custom_event_type": "other"}
NEVER = {
    "its name is not planned": (
        {"properties": {"data": CLOSED}},
        'refuses "event_name", which each event has',
    ),
    "another name": (
        {"properties": {"data": {"properties": {"event_name": {"const": "Other"}}}}},
        'refuses the "event_name" of each event',
    ),
    "a field beside its data": ({"required": ["till"]}, 'requires "till", which no event has'),
    "another type": (
        {"properties": {"event_type": {"const": "x"}}},
        'refuses the "event_type" of each event',
    ),
    "too few fields": (
        {"properties": {"data": {"maxProperties": 1}}},
        'refuses the "data" of each event',
    ),
}


@pytest.mark.parametrize(("definition", "why"), NEVER.values(), ids=NEVER)
def test_an_event_that_is_never_as_planned_has_no_verb(definition, why):
    point = point_of({"type": "custom_event", "criteria": CRITERIA}, definition)

    assert left_out(point) == f'custom_event "Left": its definition {why}.'


def test_a_commerce_event_whose_action_is_not_planned_has_no_verb():
    action = {**CLOSED, "properties": {"transaction_id": TEXT}, "required": ["transaction_id"]}
    point = commerce_point("product_action", "purchase", {"product_action": action})

    assert left_out(point) == (
        'product_action "purchase": its definition refuses "action", which each event has.'
    )


@pytest.mark.parametrize("kind", ["string", ["null"]])
def test_attributes_that_may_not_be_an_object_are_none(kind):
    assert arguments_of("left", event_point("Left", {"type": kind})) == ["self: V"]


# Commerce


def purchase(action=None, item=None, **data):
    """Return the point of purchases whose action, and whose products, have these schemas."""
    products = {"products": products_of(item)} if item is not None else {}
    properties = {"action": {}, **(action or {}).get("properties", {}), **products}
    schema = {"type": "object", **(action or {}), "properties": properties}
    return commerce_point("product_action", "purchase", {"product_action": schema, **data})


def test_a_verb_takes_a_product_where_the_plan_requires_products():
    required = {"required": ["products", "transaction_id"]}
    module = loaded(plan_of(purchase(required)).generate())

    assert arguments_of("purchase_event", purchase(required))[:3] == [
        "self: V",
        "product: Product",
        "*products: Product",
    ]
    with pytest.raises(TypeError, match="product"):
        module.PlannedBatch().purchase_event(transaction_id="t")
    promotions = {"promotions": {}}, attributes_of({"place": TEXT}, "place")
    point = commerce_point(
        "promotion_action",
        "view",
        {
            "promotion_action": {"properties": promotions[0], "required": ["promotions"]},
            "custom_attributes": promotions[1],
        },
    )
    assert arguments_of("promotion_view_event", point)[1:3] == [
        "promotion: Promotion",
        "*promotions: Promotion",
    ]


def test_fields_that_a_closed_plan_does_not_name_are_no_arguments():
    action = {**CLOSED, "properties": {"transaction_id": TEXT}, "required": ["transaction_id"]}
    item = {**CLOSED, "properties": {"id": TEXT, "custom_attributes": attributes_of({"a": TEXT})}}

    assert arguments_of("purchase_event", purchase(action)) == [
        "self: V",
        "*products: Product",
        "transaction_id: str",
        "currency_code: str | None",
        "screen_name: str | None",
        "is_non_interactive: bool | None",
        "attributes: Mapping[str, Scalar | None] | None",
    ]
    assert arguments_of("purchase_product", purchase(item=item)) == ["id: str", "a: str | None"]


def test_a_product_that_may_have_no_id_has_no_factory():
    item = {**CLOSED, "properties": {"price": NUMBER}, "required": ["price"]}

    assert left_out(purchase(item=item)) == (
        'product_action "purchase": its definition refuses the "id" of a product.'
    )


def test_what_the_plan_says_of_ids_names_and_numbers_is_in_the_signature_or_the_docstring():
    item = {
        "properties": {
            "id": {**TEXT, "pattern": "^sku-"},
            "name": {"enum": ["Cup", "Pot"]},
            "price": {"type": "integer"},
            "quantity": {"enum": [1, 2]},
            "custom_attributes": attributes_of({}),
        },
        "required": ["price", "name"],
    }
    point = purchase(item=item)

    assert arguments_of("purchase_product", point)[:4] == [
        "id: str",
        'name: Literal["Cup", "Pot"]',
        "price: int",
        "quantity: Literal[1, 2] | None",
    ]
    assert 'The plan says of "id": matches ^sku-.' in said_of("purchase_product", point)


def test_the_list_of_an_impression_has_the_choices_of_the_plan():
    shown = {"properties": {"product_impression_list": {"enum": ["Search", "Cart"]}}}
    more = {"custom_attributes": attributes_of({"page": NUMBER}, "page")}
    data = {"product_impressions": {"type": "array", "items": shown}, **more}
    point = commerce_point("product_impression", None, data)

    assert arguments_of("impression_event", point)[:3] == [
        "self: V",
        'product_impression_list: Literal["Search", "Cart"]',
        "*products: Product",
    ]


def test_a_factory_takes_other_attributes_where_the_plan_allows_them():
    item = {"properties": {"price": NUMBER}, "required": ["price"]}
    some = {"properties": {"custom_attributes": {"properties": {"deck": {"type": "boolean"}}}}}
    for schema, given, attributes in (
        (item, {"price": 1, "attributes": {"a": 1}}, {"a": "1"}),
        (some, {"deck": True, "attributes": {"a": None, "b": "x"}}, {"deck": "true", "b": "x"}),
    ):
        plan = plan_of(purchase(item=schema))
        module = loaded(plan.generate())
        product = module.purchase_product("sku-1", **given)

        assert product.attributes == attributes
        assert plan.validate(module.PlannedBatch().purchase(product)) == ()
        assert signature(module.purchase_product).parameters["attributes"].default is None


def test_a_name_that_two_events_wanted_is_nobody_elses():
    one = event_point("x other")
    more = [event_point("X"), event_point("X", custom_type="search"), event_point("x-other")]

    assert "x_other" in functions_in(plan_of(one).generate())
    for added in (more, more[:2], more[2:]):
        assert "x_other" not in functions_in(plan_of(one, *added).generate())
