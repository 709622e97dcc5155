"""Reading a plan: its four containers, and what is no plan."""

import json
import pickle
import subprocess
import sys
from decimal import Decimal

import pytest
from data_plans import custom_event, event_point, payload_of, plan_of, user_point
from missing_packages import error_without

from mpfluent import Batch, InvalidPlan, InvalidValue
from mpfluent.dataplan import DataPlan

DOCUMENT = {"data_points": [event_point("Boarded")]}
VERSION = {
    "version": 2,
    "data_plan_id": "ferry",
    "version_description": "with decks",
    "version_document": DOCUMENT,
}
PLAN = {
    "data_plan_id": "ferry",
    "data_plan_name": "Ferry",
    "data_plan_versions": [
        {**VERSION, "version": 1, "version_document": {"data_points": []}},
        VERSION,
    ],
}
CONFIG = {"dtpn": {"vers": VERSION, "blok": {"ev": True, "ea": False, "ua": False, "id": False}}}
DOWNLOAD = "download one version in mParticle's data planning, or write the path of its file"


@pytest.mark.parametrize(
    ("container", "version", "known"),
    [
        (DOCUMENT, None, (None, None, None, None)),
        ({"version_document": DOCUMENT}, None, (None, None, None, None)),
        ({"version_document": DOCUMENT}, 7, (None, 7, None, None)),
        (VERSION, None, ("ferry", 2, None, "with decks")),
        (VERSION, 2, ("ferry", 2, None, "with decks")),
        (PLAN, 2, ("ferry", 2, "Ferry", "with decks")),
        (CONFIG, None, ("ferry", 2, None, "with decks")),
    ],
)
def test_a_plan_is_read_from_each_container(tmp_path, container, version, known):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(container), encoding="utf-8-sig")
    text = json.dumps(container)

    plans = [
        DataPlan.from_dict(container, version=version),
        DataPlan.from_json(text, version=version),
        DataPlan.from_json(text.encode(), version=version),
        DataPlan.from_file(path, version=version),
        DataPlan.from_file(str(path), version=version),
    ]

    for plan in plans:
        assert (plan.plan_id, plan.version, plan.name, plan.description) == known
        assert [one.key for one in plan.validate(Batch().event("Boarded").event("x"))] == ["x"]
        assert plan == plans[0]
        assert hash(plan) == hash(plans[0])


def said(data, **options):
    with pytest.raises(InvalidPlan) as caught:
        DataPlan.from_dict(data, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "options", "text"),
    [
        (
            PLAN,
            {},
            "from_dict() is a whole plan, with versions 1 and 2; write version=2",
        ),
        (PLAN, {"version": 3}, "from_dict() has no version 3, but 1 and 2; write version=2"),
        (
            PLAN,
            {"version": "2"},
            "from_dict(): version='2' is no number of a version; write version=1",
        ),
        (
            PLAN,
            {"version": True},
            "from_dict(): version=True is no number of a version; write version=1",
        ),
        (VERSION, {"version": 1}, "from_dict() is version 2, not 1; write version=2"),
        (
            {"data_plan_versions": []},
            {},
            f"from_dict() is a plan without versions; {DOWNLOAD}",
        ),
        (
            {"data_plan_versions": [3]},
            {"version": 1},
            f"from_dict() is no data plan: its data_plan_versions[0] is 3; {DOWNLOAD}",
        ),
        ([PLAN], {}, f"from_dict() is a list of plans, which has no data points; {DOWNLOAD}"),
        (None, {}, f"from_dict() holds None, which is no data plan; {DOWNLOAD}"),
        ("plan.json", {}, f"from_dict() holds 'plan.json', which is no data plan; {DOWNLOAD}"),
        (
            {"name": "left-pad", "version": "1.0"},
            {},
            "from_dict() is no data plan: it has no data_points, but 'name', 'version'; "
            + DOWNLOAD,
        ),
        ({}, {}, f"from_dict() is no data plan: it is empty; {DOWNLOAD}"),
        (
            {"version_document": None},
            {},
            f"from_dict() is no data plan: its version_document is None; {DOWNLOAD}",
        ),
        ({"dtpn": {}}, {}, f"from_dict() is no data plan: its dtpn.vers is None; {DOWNLOAD}"),
        (
            {"data_points": {}},
            {},
            "from_dict() is no data plan: its data_points are {}; write a list",
        ),
        ({"data_points": ["x"]}, {}, "from_dict(): data_points[0] is 'x'; write an object"),
        ({"data_points": [None]}, {}, "from_dict(): data_points[0] is None; write an object"),
        (
            {"data_points": [{"match": "custom_event"}]},
            {},
            "from_dict(): data_points[0].match is 'custom_event'; write an object",
        ),
        (
            {"data_points": [{"match": {"type": "custom_event", "criteria": []}}]},
            {},
            "from_dict(): data_points[0].match.criteria is []; write an object",
        ),
        (
            {"data_points": [{"validator": []}]},
            {},
            "from_dict(): data_points[0].validator is []; write an object",
        ),
        (
            {**VERSION, "version": "2"},
            {},
            "from_dict(): its version is '2'; write a number, such as 1",
        ),
        ({**VERSION, "data_plan_id": 7}, {}, "from_dict(): its data_plan_id is 7; write text"),
        (
            {"data_plan_versions": [{**VERSION, "version": "x"}]},
            {},
            "from_dict(): its version is 'x'; write a number, such as 1",
        ),
        (
            {"data_plan_versions": [{"version_document": {}}]},
            {"version": 1},
            'from_dict(): data_plan_versions[0] has no version; write "version": 1',
        ),
        (
            {"data_points": [], "at": float("nan")},
            {},
            "from_dict(): the plan holds NaN or infinity, which JSON does not have; write a number",
        ),
        (
            {"data_points": [], "at": {1, 2}},
            {},
            "from_dict(): the plan holds what JSON does not have: Object of type set is not JSON "
            "serializable; write DataPlan.from_json(text)",
        ),
    ],
)
def test_what_is_no_plan_is_told_with_what_to_write(data, options, text):
    assert said(data, **options) == text


def test_what_contains_itself_is_no_plan():
    loop = {"data_points": []}
    loop["again"] = loop

    assert said(loop).startswith("from_dict(): the plan holds what JSON does not have: Circular")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"data_points": [}',
            "from_json() is no JSON at line 1, column 18, "
            "'{\"data_points\": [}': Expecting value; ",
        ),
        ("", "from_json() is no JSON at line 1, column 1, '': Expecting value; "),
        ("<html>", "from_json() is no JSON at line 1, column 1, '<html>': Expecting value; "),
        ('{"data_points": [], "x": NaN}', "from_json() is no JSON: NaN is no number of JSON; "),
        ("[" * 100_000, "from_json() is no plan: it is nested too deeply; "),
        (b"\xff\xfe\xff", "from_json() is no JSON: 'utf-16-le' codec can't decode"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(text, said):
    with pytest.raises(InvalidPlan) as caught:
        DataPlan.from_json(text)

    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (5, "from_json()(5): want text; write its JSON text"),
        ({"a": 1}, "from_json()({'a': 1}): want text; write DataPlan.from_dict(…)"),
    ],
)
def test_json_is_text(given, text):
    with pytest.raises(InvalidPlan) as caught:
        DataPlan.from_json(given)

    assert str(caught.value) == text.replace("()(", "(")


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / "latin.json").write_bytes(b'{"name": "\xe9"}')

    def said(path):
        with pytest.raises(InvalidPlan) as caught:
            DataPlan.from_file(path)
        return str(caught.value).replace(str(tmp_path), "…")

    assert said(tmp_path / "plam.json") == "…/plam.json does not exist; did you mean 'plan.json'?"
    assert said(tmp_path / "gone" / "x.json") == f"…/gone/x.json does not exist; {DOWNLOAD}"
    assert said(tmp_path) == f"'…' cannot be read: Is a directory; {DOWNLOAD}"
    assert said(tmp_path / "latin.json") == "…/latin.json is no UTF-8 (byte 10); save it as UTF-8"
    assert said("a\0b") == f"'a\\x00b' cannot be read: embedded null byte; {DOWNLOAD}"
    assert said(7) == 'from_file(7): want a path; write DataPlan.from_file("plan.json")'
    assert said(tmp_path / "plan.json") == (f"…/plan.json is no data plan: it is empty; {DOWNLOAD}")


def test_a_plan_is_a_value():
    plan = DataPlan.from_dict(VERSION)
    plan.validate(Batch().event("Boarded"))

    assert pickle.loads(pickle.dumps(plan)) == plan
    assert plan != DataPlan.from_dict(DOCUMENT)
    assert plan != VERSION
    assert repr(plan) == "<DataPlan 'ferry' version 2, 1 point>"
    assert repr(DataPlan.from_dict({"data_points": []})) == "<DataPlan without an id, 0 points>"
    with pytest.raises(InvalidPlan, match="a DataPlan is read"):
        DataPlan()


def test_a_plan_keeps_no_part_of_the_dict_that_it_is_read_from():
    data = json.loads(json.dumps(VERSION))
    plan = DataPlan.from_dict(data)
    data["version_document"]["data_points"].clear()

    assert plan.validate(Batch().event("Boarded")) == ()


def test_the_last_of_two_points_of_one_match_counts():
    first = event_point("Boarded", {"maxProperties": 0})
    plan = plan_of(first, event_point("Boarded"), user_point({}), user_point({"tier": {}}))
    batch = Batch().event("Boarded", {"deck": "upper"}).with_user_attributes(tier="gold")

    assert plan.validate(batch) == ()
    assert [(problem.kind, problem.advice, problem.text) for problem in plan.problems()] == [
        (
            "duplicate_point",
            True,
            "data_points[1] (custom_event 'Boarded') replaces data_points[0], "
            "which has the same match",
        ),
        (
            "duplicate_point",
            True,
            "data_points[3] (user_attributes) replaces data_points[2], which has the same match",
        ),
    ]


def test_a_point_without_criteria_stops_the_vendors_package_and_is_never_met_by_the_servers():
    plan = plan_of({"match": {"type": "custom_event"}, "validator": {"type": "json_schema"}})
    batch = Batch().event("Boarded")

    with pytest.raises(InvalidPlan) as caught:
        plan.validate(batch, like="node")

    assert str(caught.value) == (
        "data_points[0] (custom_event '') has no criteria; write \"criteria\": {…}"
    )
    assert [found.kind for found in plan.validate(batch)] == ["unplanned"]
    assert [(problem.kind, problem.advice) for problem in plan.problems()] == [
        ("no_criteria", False)
    ]


def test_a_point_that_nothing_can_meet_is_advice():
    plan = plan_of({"validator": {"type": "json_schema"}}, {"match": {"type": "uninstall"}})

    assert [(problem.advice, problem.text) for problem in plan.problems()] == [
        (True, "data_points[0] (): it has no match, so that nothing meets it"),
        (True, "data_points[1] (uninstall): it has no validator, so that nothing meets it"),
    ]


@pytest.mark.parametrize(
    ("batch", "text"),
    [
        (
            5,
            "validate(5): want a batch, or a payload as a dict, got int; "
            "write plan.validate(batch)",
        ),
        ({"events": {}}, "validate(): events is {}: want a list; write [{…}]"),
        (
            {"events": [None]},
            'validate(): events[0] is None: want an object; write {"event_type": …, "data": {…}}',
        ),
        (
            payload_of(custom_event({"at": {1}})),
            "validate(): events[0].data.custom_attributes.at is {1}, which JSON does not have; "
            "write text, a number, True, False, a list or a dict",
        ),
        (
            payload_of(custom_event({1: 2})),
            "validate(): events[0].data.custom_attributes has the name 1: want text; write '1'",
        ),
        (
            payload_of(custom_event({"at": float("nan")})),
            "validate(): events[0].data.custom_attributes.at is nan, which JSON does not have; "
            "write text, a number, True, False, a list or a dict",
        ),
    ],
)
@pytest.mark.parametrize("like", ["server", "node"])
def test_what_is_no_batch_is_told(batch, text, like):
    with pytest.raises(InvalidValue) as caught:
        plan_of(event_point("Boarded")).validate(batch, like=like)

    assert str(caught.value) == text


def test_what_is_nested_too_deeply_is_told():
    deep = {}
    for _ in range(100_000):
        deep = {"a": deep}

    for like in ("server", "node"):
        with pytest.raises(InvalidPlan, match="the batch is nested too deeply"):
            plan_of(event_point("Boarded")).validate(payload_of(custom_event(deep)), like=like)


def test_numbers_of_any_size_are_compared():
    plan = plan_of(event_point("Boarded", {"properties": {"v": {"maximum": 5}}}))
    for value in (10**30, 10**400, Decimal("1E+300"), Decimal("5.00000001")):
        (found,) = plan.validate(payload_of(custom_event({"v": value})))

        assert found.text.endswith("want at most 5")


def test_there_are_two_readings():
    plan = plan_of()

    for call in (plan.validate, lambda batch, **options: plan.problems(**options)):
        with pytest.raises(InvalidValue, match=r"want 'server' or 'node'; write like='node'"):
            call(Batch(), like="nod")


def test_the_extra_is_named_where_the_library_is_missing():
    statement = "from mpfluent.dataplan import DataPlan; DataPlan.from_dict({'data_points': []})"

    assert error_without("jsonschema", statement) == (
        "ImportError | mpfluent.dataplan needs jsonschema; "
        "write pip install 'mpfluent[plan]' | jsonschema\n"
    )


def test_the_library_loads_when_a_batch_is_first_compared():
    code = """
import sys
from mpfluent import Batch
from mpfluent.dataplan import DataPlan
point = {"match": {"type": "first_run"}, "validator": {"type": "json_schema"}}
plan = DataPlan.from_dict({"data_points": [point]})
print("jsonschema" in sys.modules)
plan.validate(Batch().first_run())
print("jsonschema" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["False", "True"]
