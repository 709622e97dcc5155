"""Definitions: which are broken, and when that is told."""

import json
import sys

import pytest
from data_plans import attributes_of, custom_event, event_point, payload_of, plan_of, point_of
from jsonschema import Draft7Validator
from jsonschema.exceptions import SchemaError

from mpfluent import Batch, InvalidPlan
from mpfluent.dataplan import DataPlan, validation

UNINSTALL = {"match": {"type": "uninstall"}}
EVENT = {"event_type": "uninstall", "data": {}}

JUNK = [
    *(None, 0, 1, -1, 1.5, 5.0, "", "a", True, False, [], ["a"], ["a", "a"], {}, {"a": 1}),
    *({"a": "b"}, {"a": ["b"]}, {"a": ["b", "b"]}, {"a": {}}, [{}], [1], [{"type": "x"}]),
    *(
        {"type": "x"},
        {"minLength": -1},
        "string",
        ["string"],
        ["string", "string"],
        ["string", "x"],
    ),
]
KEYWORDS = [
    *("type", "enum", "const", "pattern", "maximum", "minimum", "exclusiveMaximum"),
    *("exclusiveMinimum", "multipleOf", "maxLength", "minLength", "maxItems", "minItems"),
    *("maxProperties", "minProperties", "uniqueItems", "items", "additionalItems", "contains"),
    *("required", "properties", "additionalProperties", "patternProperties", "dependencies"),
    *("propertyNames", "not", "anyOf", "oneOf", "allOf", "if", "then", "else", "title"),
    *("description", "default", "examples", "readOnly", "contentMediaType", "contentEncoding"),
    *("definitions", "$comment", "nullable", "made up"),
]


def is_broken(definition, **options):
    plan = plan_of(point_of(UNINSTALL["match"], definition))
    return any(not problem.advice for problem in plan.problems(**options))


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_a_definition_is_broken_if_the_meta_schema_of_draft_07_refuses_it(keyword):
    for value in JUNK:
        definition = {"properties": {"data": {keyword: value}}}
        try:
            Draft7Validator.check_schema(definition)
            refused = False
        except SchemaError:
            refused = True
        # the vendor's package refuses these, too; of items, as draft-07 does, an empty list
        if keyword == "enum" and isinstance(value, list):
            refused = value in ([], ["a", "a"], ["string", "string"])
        if keyword == "items" and value == []:
            refused = True

        assert is_broken(definition, like="node") == refused, value


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ({"type": "text"}, "at /type: 'text' is no type; write one of array, boolean, integer, "
         "null, number, object, string"),
        ({"enum": []}, "at /enum: [] is an empty list"),
        ({"enum": [1, 1.0]}, "at /enum: [1, 1.0] has one value twice"),
        ({"required": ["a", "a"]}, "at /required: ['a', 'a'] names one twice"),
        ({"minLength": -1}, "at /minLength: -1 is no whole number from 0"),
        ({"multipleOf": 0}, "at /multipleOf: 0 is not above 0"),
        ({"description": 5}, "at /description: 5 is no text"),
        ({"properties": {"a": "string"}}, "at /properties/a: 'string' is no schema; write an "
         "object, true or false"),
        ({"$id": "http://[x"}, "at /$id: 'http://[x' is no URI reference"),
        ({"properties": {"a": {"$id": "//[x/y"}}}, "at /properties/a/$id: '//[x/y' is no URI "
         "reference"),
        ({"$ref": "http://[x"}, "at /$ref: 'http://[x' is no URI reference"),
        ({"pattern": "("}, "at /pattern: '(' is no regular expression: a group is not closed"),
        ("text", "at /: 'text' is no schema; write an object, true or false"),
        ({"format": "idn-email"}, "at /format: 'idn-email' is no format; write one of date, time, "
         "date-time, uri, uri-reference, uri-template, url, email, hostname, ipv4, uuid, "
         "json-pointer, json-pointer-uri-fragment, relative-json-pointer, ipv6, regex"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "at /$schema: "
         "'http://json-schema.org/draft-04/schema#' is another draft; write "
         "'http://json-schema.org/draft-07/schema#'"),
        ({"items": {"$ref": "#/definitions/x"}}, "at /items/$ref: '#/definitions/x' leads nowhere; "
         "write '#/definitions/…'"),
    ],
)  # fmt: skip
def test_a_broken_definition_is_told_with_its_point_and_its_place(definition, text):
    plan = plan_of(event_point("Boarded"), point_of(UNINSTALL["match"], definition))
    whole = f"data_points[1] (uninstall): its definition is broken {text}"

    (problem,) = plan.problems(like="node")

    assert (problem.text, problem.place) == (whole, "data_points[1]")
    with pytest.raises(InvalidPlan) as caught:
        plan.validate(payload_of(EVENT), like="node")
    assert str(caught.value) == whole


@pytest.mark.parametrize("keyword", ["maxLength", "minItems", "multipleOf", "maximum"])
@pytest.mark.parametrize("like", ["server", "node"])
def test_a_limit_without_end_is_broken(keyword, like):
    plan = json.dumps({"data_points": [point_of(UNINSTALL["match"], {keyword: "?"})]})

    (problem,) = DataPlan.from_json(plan.replace('"?"', "1e400")).problems(like=like)

    assert problem.text.endswith(f"is broken at /{keyword}: inf is no finite number")


def test_a_broken_definition_does_no_harm_until_it_is_met():
    plan = plan_of(event_point("Boarded"), point_of(UNINSTALL["match"], {"type": "text"}))

    for like in ("server", "node"):
        assert plan.validate(Batch().event("Boarded"), like=like) == ()
        with pytest.raises(InvalidPlan):
            plan.validate(Batch().uninstall(), like=like)


@pytest.mark.parametrize("like", ["server", "node"])
def test_a_broken_definition_of_the_user_is_met_by_every_batch(like):
    plan = plan_of(point_of({"type": "user_attributes"}, {"type": "text"}))

    with pytest.raises(InvalidPlan):
        plan.validate(Batch(), like=like)


def test_what_mparticle_does_not_support_is_advice():
    plan = plan_of(point_of(UNINSTALL["match"], {"properties": {"data": {"anyOf": [{}]}}}))

    assert [(problem.advice, problem.text) for problem in plan.problems()] == [
        (
            True,
            "data_points[0] (uninstall): mParticle does not support 'anyOf', and nothing is "
            "checked for it (at /properties/data/anyOf)",
        )
    ]
    assert plan.problems(like="node") == ()


def test_a_reference_to_itself_is_told_and_not_followed_for_ever():
    plan = plan_of(point_of(UNINSTALL["match"], {"$ref": "#"}))

    with pytest.raises(InvalidPlan, match="leads to itself"):
        plan.validate(payload_of(EVENT), like="node")
    assert plan.validate(payload_of(EVENT)) == ()


def test_a_keyword_that_says_nothing_by_itself_may_stand_at_the_top():
    plan = plan_of(point_of(UNINSTALL["match"], {"additionalItems": False, "then": False}))

    for like in ("server", "node"):
        assert plan.validate(payload_of(EVENT), like=like) == ()


@pytest.mark.parametrize("like", ["server", "node"])
def test_a_part_that_names_its_draft_is_read_like_any_other(like):
    attributes = attributes_of({"deck": {"type": "number"}, "seat": {"type": "number"}})
    named = {"$schema": "http://json-schema.org/draft-07/schema#", **attributes}
    batch = Batch().event("Boarded", {"deck": "5", "seat": "x", "row": 1})

    found, other = (
        plan_of(event_point("Boarded", one)).validate(batch, like=like)
        for one in (named, attributes)
    )

    assert found == other
    assert "seat" in [violation.key for violation in found]


def test_an_attribute_may_be_named_as_a_keyword_that_is_left_out():
    plan = plan_of(event_point("Boarded", attributes_of({"$schema": {"const": {"$schema": 1}}})))

    assert plan.validate(payload_of(custom_event({"$schema": {"$schema": 1}}))) == ()
    assert plan.validate(payload_of(custom_event({"$schema": 1}))) != ()


def test_a_definition_that_is_nested_too_deeply_is_told():
    deep = {}
    for _ in range(sys.getrecursionlimit() // 3):
        deep = {"not": deep}
    text = json.dumps({"data_points": [point_of(UNINSTALL["match"], deep)]})

    assert [p.text for p in type(plan_of()).from_json(text).problems(like="node")] == [
        "data_points[0] (uninstall): its definition is broken at /: it is nested too deeply"
    ]


def test_each_definition_is_compiled_once_and_only_if_it_is_met(monkeypatch):
    compiled = []
    plan = plan_of(*(event_point(f"Event {number}") for number in range(1000)))

    def counting(definition, like):
        compiled.append(like)
        return original(definition, like)

    original = validation.compiled
    monkeypatch.setattr(validation, "compiled", counting)
    batch = Batch()
    for number in range(10):
        batch = batch.event(f"Event {number}")

    for _ in range(3):
        assert plan.validate(batch) == ()

    assert len(compiled) == 10


@pytest.mark.parametrize(
    "name",
    ["船", 'It\'s "quoted"', "a\nb", '"""', "class", "at", "type", "event", "", " ", "a:b", "{x}"],
)
def test_a_name_may_be_anything(name):
    plan = plan_of(
        event_point(name, {"required": [name], "properties": {name: {"type": "number"}}})
    )
    event = {"event_type": "custom_event", "data": {
        "event_name": name, "custom_event_type": "other", "custom_attributes": {}}}  # fmt: skip

    for like in ("server", "node"):
        (found,) = plan.validate(payload_of(event), like=like)
        assert (found.kind, found.expected) == ("missing_required", name)
        assert found.text.isprintable()
