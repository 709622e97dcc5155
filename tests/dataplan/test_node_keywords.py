"""What the vendor's Node package says of one value, keyword by keyword."""

import pytest
from data_plans import custom_event, event_point, findings, payload_of, plan_of

from mpfluent import InvalidPlan
from mpfluent.dataplan import DataPlan

ONE_OF = "should be equal to one of the allowed values"
# A schema, a value, and each finding: the keyword, what is expected, and what is there.
TABLE = [
    ({"type": "string"}, 5, [("type", "should be string", 5)]),
    ({"type": "string"}, "5", []),
    ({"type": "number"}, "5", [("type", "should be number", "5")]),
    ({"type": "number"}, True, [("type", "should be number", "true")]),
    ({"type": "integer"}, 5.0, []),
    ({"type": "integer"}, 5.5, [("type", "should be integer", 5.5)]),
    ({"type": "boolean"}, "true", [("type", "should be boolean", "true")]),
    ({"type": "boolean"}, 1, [("type", "should be boolean", 1)]),
    ({"type": ["string", "null"]}, 5, [("type", "should be string,null", 5)]),
    ({"type": "object"}, [1], [("type", "should be object", "[1]")]),
    ({"type": "array"}, {"a": 1.0}, [("type", "should be array", '{"a":1}')]),
    ({"enum": ["a", 1]}, True, [("enum", ONE_OF, "true")]),
    ({"enum": ["a", 1]}, 1.0, []),
    ({"enum": [{"a": [1]}]}, {"a": [1]}, []),
    ({"type": "number", "enum": ["12"]}, 12, [("enum", ONE_OF, 12)]),
    ({"const": False}, 0, [("const", "should be equal to constant", 0)]),
    ({"pattern": "^a$"}, "a\n", [("pattern", 'should match pattern "^a$"', "a\n")]),
    ({"pattern": "b"}, "abc", []),
    ({"format": "date"}, "2026-02-31", []),
    ({"format": "date"}, "today", [("format", 'should match format "date"', "today")]),
    ({"maximum": 10}, 11, [("maximum", "should be <= 10", 11)]),
    ({"minimum": 0.5}, 0, [("minimum", "should be >= 0.5", 0)]),
    ({"minimum": 3}, "2", []),
    ({"exclusiveMaximum": 10}, 10, [("exclusiveMaximum", "should be < 10", 10)]),
    ({"exclusiveMinimum": 0}, 0, [("exclusiveMinimum", "should be > 0", 0)]),
    (
        {"minimum": 1, "exclusiveMinimum": 1},
        0,
        [("exclusiveMinimum", "should be > 1", 0)],
    ),
    ({"minimum": 5, "exclusiveMinimum": 1}, 2, [("minimum", "should be >= 5", 2)]),
    ({"multipleOf": 0.1}, 0.3, [("multipleOf", "should be multiple of 0.1", 0.3)]),
    ({"multipleOf": 5}, 10, []),
    ({"maxLength": 1}, "😀", []),
    ({"maxLength": 1}, "ab", [("maxLength", "should NOT be longer than 1 characters", "ab")]),
    ({"minLength": 2}, "😀", [("minLength", "should NOT be shorter than 2 characters", "😀")]),
    ({"maxItems": 1}, [1, 2], [("maxItems", "should NOT have more than 1 items", "[1,2]")]),
    ({"minItems": 1}, [], [("minItems", "should NOT have fewer than 1 items", "[]")]),
    (
        {"uniqueItems": True},
        [1, 2, 1],
        [
            (
                "uniqueItems",
                "should NOT have duplicate items (items ## 0 and 2 are identical)",
                "[1,2,1]",
            )
        ],
    ),
    (
        {"uniqueItems": True, "items": {"type": "number"}},
        [1, 2, 1],
        [
            (
                "uniqueItems",
                "should NOT have duplicate items (items ## 2 and 0 are identical)",
                "[1,2,1]",
            )
        ],
    ),
    ({"items": {"type": "string"}}, ["a", None], [("type", "should be string", "null")]),
    ({"items": [{"type": "string"}], "additionalItems": {"type": "number"}}, ["a", 1], []),
    (
        {"items": [{"type": "string"}], "additionalItems": {"type": "number"}},
        [1, "a"],
        [("type", "should be string", 1), ("type", "should be number", "a")],
    ),
    ({"items": [{}], "additionalItems": False}, [1, 2], [("additionalItems", None, None)]),
    ({"contains": {"const": 1}}, [2, 1], []),
    (
        {"contains": {"const": 1}},
        [2],
        [
            ("const", "should be equal to constant", 2),
            ("contains", "should contain a valid item", "[2]"),
        ],
    ),
    (
        {"maxProperties": 0},
        {"a": 1},
        [("maxProperties", "should NOT have more than 0 properties", '{"a":1}')],
    ),
    (
        {"minProperties": 1},
        {"a": None},
        [("minProperties", "should NOT have fewer than 1 properties", '{"a":null}')],
    ),
    ({"required": ["a"]}, {"a": None}, [("required", "a", None)]),
    (
        {"dependencies": {"a": ["b"]}},
        {"a": 1},
        [("dependencies", "should have property b when property a is present", '{"a":1}')],
    ),
    (
        {"dependencies": {"a": {"required": ["c"]}, "b": ["d"]}},
        {"a": 1, "b": 1},
        [
            (
                "dependencies",
                "should have property d when property b is present",
                '{"a":1,"b":1}',
            ),
            ("required", "c", None),
        ],
    ),
    (
        {"propertyNames": {"maxLength": 1}},
        {"ab": 1},
        [
            ("maxLength", "should NOT be longer than 1 characters", '{"ab":1}'),
            ("propertyNames", "property name 'ab' is invalid", '{"ab":1}'),
        ],
    ),
    (
        {"patternProperties": {"^a": {"type": "number"}}, "additionalProperties": False},
        {"ab": "x", "b": 1},
        [("additionalProperties", None, "b"), ("type", "should be number", "x")],
    ),
    ({"additionalProperties": {"type": "number"}}, {"a": "x"}, [("type", "should be number", "x")]),
    (
        {"anyOf": [{"type": "number"}, {"minLength": 2}]},
        "a",
        [
            ("type", "should be number", "a"),
            ("minLength", "should NOT be shorter than 2 characters", "a"),
            ("anyOf", "should match some schema in anyOf", "a"),
        ],
    ),
    (
        {"oneOf": [{"minLength": 1}, {"maxLength": 3}]},
        "a",
        [("oneOf", "should match exactly one schema in oneOf", "a")],
    ),
    ({"oneOf": [{"type": "number"}, {"maxLength": 3}]}, "a", []),
    ({"allOf": [{"minimum": 3}]}, 1, [("minimum", "should be >= 3", 1)]),
    ({"not": {"type": "string"}}, "a", [("not", "should NOT be valid", "a")]),
    (
        {"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"minimum": 2}},
        1,
        [
            ("minimum", "should be >= 2", 1),
            ("if", 'should match "else" schema', 1),
        ],
    ),
    (False, 1, [("false schema", "boolean schema is false", 1)]),
    ({"anyOf": [False, {"type": "string"}]}, "a", []),
    (True, 1, []),
    ({"nullable": True, "default": 3, "made up": 1}, 1, []),
    (
        {"enum": ["q"], "type": "string", "minimum": 3, "maxLength": 1},
        1,
        [
            ("minimum", "should be >= 3", 1),
            ("type", "should be string", 1),
            ("enum", ONE_OF, 1),
        ],
    ),
    (
        {"minimum": 3, "type": "boolean"},
        1,
        [("type", "should be boolean", 1), ("minimum", "should be >= 3", 1)],
    ),
    ({"const": 1e21}, 1, [("const", "should be equal to constant", 1)]),
    ({"const": 9007199254740993}, 9007199254740992, []),
]


@pytest.mark.parametrize(("schema", "value", "expected"), TABLE)
def test_a_keyword_finds_what_it_finds_in_the_vendors_package(schema, value, expected):
    found = findings(schema, value, like="node")

    assert [(one.keyword, one.expected, one.actual) for one in found] == expected


def test_required_names_are_found_where_the_vendors_package_looks_for_them():
    attributes = {
        "additionalProperties": False,
        "properties": {"a": {"type": "string"}, "e": {"description": "any"}, "c": {"minimum": 1}},
        "required": ["c", "x", "e", "a"],
    }
    plan = plan_of(event_point("Boarded", attributes))

    found = plan.validate(payload_of(custom_event({"z": 1, "c": 0})), like="node")

    assert [(one.keyword, one.expected or one.key) for one in found] == [
        ("required", "x"),
        ("required", "e"),
        ("additionalProperties", "z"),
        ("required", "a"),
        ("minimum", "should be >= 1"),
    ]


@pytest.mark.parametrize(
    ("name", "pointer", "key", "actual"),
    [
        ("a/b", "#/data/custom_attributes/a~1b", "a~1b", '{"a/b":1}'),
        ("c~d", "#/data/custom_attributes/c~0d", "c~0d", '{"c~d":1}'),
        ("", "#/data/custom_attributes", "custom_attributes", '{"":1}'),
        ('it\'s "quoted".é', '#/data/custom_attributes/it\'s "quoted".é', 'it\'s "quoted".é', 1),
        ("船", "#/data/custom_attributes/船", "船", 1),
        ("a\nb", "#/data/custom_attributes/a\nb", "a\nb", 1),
    ],
)
def test_a_pointer_has_the_name_as_the_vendors_package_writes_it(name, pointer, key, actual):
    plan = plan_of(event_point("Boarded", {"properties": {name: {"type": "string"}}}))

    (found,) = plan.validate(payload_of(custom_event({name: 1})), like="node")

    assert (found.pointer, found.key, found.actual) == (pointer, key, actual)


def test_names_that_look_like_integers_come_first():
    plan = plan_of(event_point("Boarded", {"additionalProperties": False}))

    found = plan.validate(payload_of(custom_event({"b": 1, "10": 1, "9": 1, "01": 1})), like="node")

    assert [one.key for one in found] == ["9", "10", "b", "01"]


def test_a_reference_leads_to_a_definition_and_what_stands_beside_it_is_ignored():
    definition = {
        "definitions": {"deck": {"type": "string"}},
        "properties": {"data": {"properties": {"custom_attributes": {"properties": {
            "v": {"$ref": "#/definitions/deck", "maxLength": 1}}}}}},
    }  # fmt: skip
    match = {"type": "custom_event", "criteria": {"event_name": "B", "custom_event_type": "other"}}
    document = {"match": match, "validator": {"type": "json_schema", "definition": definition}}
    plan = DataPlan.from_dict({"data_points": [document]})

    found = plan.validate(
        payload_of(custom_event({"v": 5}, "B"), custom_event({"v": "ab"}, "B")), like="node"
    )

    assert [(one.event_index, one.keyword) for one in found] == [(0, "type")]


META = "http://json-schema.org/draft-07/schema"
TO_THE_META_SCHEMA = {
    "a schema": (
        f"{META}#",
        {"type": "nope", "minLength": -1, "required": ["a", "a"], "enum": [], "$id": "a b"},
        [
            ("$id", "format", 'should match format "uri-reference"'),
            ("minLength", "minimum", "should be >= 0"),
            *[
                (
                    "required",
                    "uniqueItems",
                    "should NOT have duplicate items (items ## 1 and 0 are identical)",
                )
            ],
            ("enum", "minItems", "should NOT have fewer than 1 items"),
            ("type", "enum", "should be equal to one of the allowed values"),
            ("type", "type", "should be array"),
            ("type", "anyOf", "should match some schema in anyOf"),
        ],
    ),
    "another name of it": (META, 5, [("v", "type", "should be object,boolean")]),
    "a short name of it": (
        "http://json-schema.org/schema",
        {"properties": {"a": {"maximum": "1"}}},
        [("maximum", "type", "should be number")],
    ),
    "a part of it": (
        f"{META}#/definitions/nonNegativeInteger",
        -1,
        [("v", "minimum", "should be >= 0")],
    ),
    "what is a schema": (f"{META}#", {"properties": {}, "type": "string"}, []),
}


@pytest.mark.parametrize(
    ("reference", "value", "said"), TO_THE_META_SCHEMA.values(), ids=TO_THE_META_SCHEMA
)
def test_a_reference_to_the_meta_schema_is_read_as_the_vendors_package_does(reference, value, said):
    found = findings({"$ref": reference}, value, like="node")

    assert [(one.key, one.keyword, one.expected) for one in found] == said


@pytest.mark.parametrize("draft", ["draft-04/schema#", "draft/2020-12/schema"])
def test_a_reference_to_another_draft_leads_nowhere(draft):
    with pytest.raises(InvalidPlan, match="leads nowhere; write '#/definitions/…'"):
        findings({"$ref": f"http://json-schema.org/{draft}"}, {}, like="node")
