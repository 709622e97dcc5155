"""``mpfluent plan``: validate, generate, diff and show."""

import json
import os
import shlex
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from internals import main
from pages import ROOT
from shell import command

from mpfluent import Batch
from mpfluent.dataplan import DataPlan

SHOP = ROOT / "examples" / "shop_plan.json"
BROKEN = {
    "match": {"type": "screen_view", "criteria": {"screen_name": "Cart"}},
    "validator": {"type": "json_schema", "definition": {"required": "query"}},
}
GOOD = Batch.for_user(mpid=7).event("Searched", {"query": "teapot"}, type="search")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in an empty folder with a plan."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.json").write_bytes(SHOP.read_bytes())
    return tmp_path


def ran(capsys, *arguments):
    """Return the status of a command, and what it printed on both streams."""
    status = main([*map(str, arguments)])
    return status, *capsys.readouterr()


# validate


def test_batches_as_planned_are_told_with_status_0(folder, capsys):
    (folder / "batches.jsonl").write_text(f"{GOOD.to_json()}\n{GOOD.to_json()}\n")

    done = ran(capsys, "plan", "validate", "plan.json", "batches.jsonl")

    assert done == (0, "2 batches, all as planned\n", "")


def test_each_violation_is_a_line_and_the_status_is_1(folder, capsys):
    wrong = Batch.for_user(mpid=7).event("Searched", {"query": "x", "n": 1}, type="search")
    wrong = wrong.event("Searchd", type="search")
    (folder / "batches.jsonl").write_text(f"{GOOD.to_json()}\n{wrong.to_json()}\n")
    (folder / "one.json").write_text(json.dumps([GOOD.to_dict()], default=str))

    done = ran(capsys, "plan", "validate", "plan.json", "batches.jsonl", "one.json")

    assert done == (
        1,
        "batches.jsonl, line 2: events[0] 'Searched': attributes 'n' is not planned; "
        "the plan has 'query', 'results'\n"
        "batches.jsonl, line 2: events[1] 'Searchd': is not planned; did you mean 'Searched'?\n"
        "2 violations in 1 of 3 batches\n",
        "",
    )


def test_the_reading_of_the_node_package_can_be_asked_for(folder, capsys):
    (folder / "b.json").write_text(GOOD.event("Signed up", {"plan": "pro"}).to_json())

    assert ran(capsys, "plan", "validate", "plan.json", "b.json", "--like", "node")[0] == 1


def test_batches_are_read_from_standard_input():
    done = command("plan", "validate", SHOP, "-", input=GOOD.to_json())

    assert (done.returncode, done.stdout) == (0, "1 batch, all as planned\n")


LINES = {
    "blank lines count": (f"\n{GOOD.to_json()}\n\n5\n", "b.jsonl, line 4: 5 is no batch; write "),
    "a line that is broken": (f"{GOOD.to_json()}\n" * 3 + "{\n", "b.jsonl: line 4: "),
    "the first line is broken": ("{'mpid': 7}\n" + f"{GOOD.to_json()}\n" * 3, "b.jsonl: line 1: "),
    "an object of several lines": ('{"events": [\n{}\n5]}', "b.jsonl: "),
}


@pytest.mark.parametrize(("text", "message"), LINES.values(), ids=LINES)
def test_a_mistake_in_a_line_has_its_number(text, message, folder, capsys):
    (folder / "b.jsonl").write_text(text)

    status, _, err = ran(capsys, "plan", "validate", "plan.json", "b.jsonl")

    assert status == 2
    assert err.startswith(f"mpfluent plan validate: {message}")


def test_an_object_of_several_lines_is_one_batch_though_its_lines_begin_as_batches_do(
    folder, capsys
):
    (folder / "b.json").write_text('{"events": [\n{"event_type": "session_start"}\n]}\n')

    done = ran(capsys, "plan", "validate", "plan.json", "b.json")

    assert done == (0, "1 batch, all as planned\n", "")


def test_a_batch_of_which_nothing_is_compared_is_as_planned(folder, capsys):
    (folder / "b.jsonl").write_text('{"mpid": 7}\n{"mpid": 7, "consent_state": {}}\n')

    done = ran(capsys, "plan", "validate", "plan.json", "b.jsonl")

    assert done == (0, "2 batches, all as planned\n", "")


def test_windows_files_of_lines_are_read(folder, capsys):
    text = f"{GOOD.to_json()}\r\n{GOOD.to_json()}\r\n"
    for encoding in ("utf-8-sig", "utf-16"):
        (folder / "b.jsonl").write_bytes(text.encode(encoding))

        done = ran(capsys, "plan", "validate", "plan.json", "b.jsonl")

        assert done == (0, "2 batches, all as planned\n", "")


def test_the_memory_of_many_lines_is_that_of_one(folder, capsys):
    line = GOOD.screen_view("Cart", attributes={"x": "x" * 20_000}).to_json()
    (folder / "b.jsonl").write_text(f"{line}\n" * 500)
    ran(capsys, "plan", "validate", "plan.json", "b.jsonl")  # what is loaded once
    tracemalloc.start()
    try:
        status, out, _ = ran(capsys, "plan", "validate", "plan.json", "b.jsonl")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (status, out) == (0, "500 batches, all as planned\n")
    assert peak < 2_000_000 < (folder / "b.jsonl").stat().st_size / 4


def test_what_cannot_be_read_is_a_mistake_and_not_a_violation(folder, capsys):
    (folder / "no.json").write_text("{")
    (folder / "number.json").write_text("5")
    (folder / "there.json").mkdir()
    (folder / "empty.jsonl").write_text("\n")
    (folder / "none.json").write_text("[]")
    (folder / "object.json").write_text("{}")
    (folder / "wrapped.json").write_text('{"mpid": 1, "batches": [{"events": []}]}')
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "long.json").write_text("9" * 10_000)
    (folder / "lines.jsonl").write_text(f"{GOOD.to_json()}\n{{\n")
    for file, message in {
        "no.json": "no.json: it is no JSON: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)",
        "number.json": 'number.json, batch 1: 5 is no batch; write {"events": […]}',
        "numbr.json": "numbr.json cannot be read: No such file or directory; "
        "did you mean 'number.json'?",
        "there.json": "there.json cannot be read: Is a directory",
        "empty.jsonl": "empty.jsonl: it is empty",
        "none.json": "none.json: there is no batch in it",
        "wrapped.json": "wrapped.json, batch 1: it is no batch, for it has no events and no user, "
        "but 'batches'; write {\"events\": […]}",
        "plan.json": "plan.json, batch 1: it is no batch, for it has no events and no user, "
        "but 'version', 'data_plan_id', 'version_description', 'activated_environment', "
        "'version_document'; write {\"events\": […]}",
        "object.json": "object.json, batch 1: it is no batch, for it has nothing; "
        'write {"events": […]}',
        "deep.json": "deep.json: it is no JSON: it is nested too deeply",
        "long.json": "long.json: it is no JSON: a number has too many digits",
        "lines.jsonl": "lines.jsonl: line 2: it is no JSON: Expecting property name enclosed in "
        "double quotes: column 2",
    }.items():
        status, out, err = ran(capsys, "plan", "validate", "plan.json", file)
        assert (status, out) == (2, "")
        assert err == f"mpfluent plan validate: {message}\n"


def test_a_broken_plan_is_no_measure(folder, capsys):
    (folder / "broken.json").write_text(json.dumps({"data_points": [BROKEN]}))
    (folder / "b.json").write_text(GOOD.to_json())

    assert ran(capsys, "plan", "validate", "broken.json", "b.json") == (
        2,
        "",
        "mpfluent plan validate: broken.json: data_points[0] (screen_view 'Cart'): its definition "
        "is broken at /required: 'query' is no list of names; mpfluent plan show lists them all\n",
    )


# generate


def test_the_module_is_written_and_then_it_is_what_the_plan_says(folder, capsys):
    written = DataPlan.from_file(SHOP).generate()

    assert ran(capsys, "plan", "generate", "plan.json", "-o", "shop.py") == (0, "", "")
    assert (folder / "shop.py").read_text(encoding="utf-8") == written
    assert ran(capsys, "plan", "generate", "plan.json", "-o", "shop.py", "--check") == (0, "", "")
    assert ran(capsys, "plan", "generate", "plan.json") == (0, written, "")


def test_check_tells_what_differs_and_writes_nothing(folder, capsys):
    (folder / "names.toml").write_text('[screens]\nCart = "saw_cart"\n')
    ran(capsys, "plan", "generate", "plan.json", "--output", "shop.py")
    before = (folder / "shop.py").read_bytes()

    status, out, err = ran(
        capsys,
        *("plan", "generate", "plan.json", "-o", "shop.py", "--check", "--names", "names.toml"),
    )

    assert status == 1
    assert "-    def viewed_cart(\n" in out
    assert "+    def saw_cart(\n" in out
    assert err == (
        "mpfluent plan generate: shop.py is not what the plan says; "
        "write mpfluent plan generate plan.json -o shop.py --names names.toml\n"
    )
    assert (folder / "shop.py").read_bytes() == before


def test_check_of_a_file_that_is_not_there_fails(capsys):
    assert ran(capsys, "plan", "generate", "plan.json", "-o", "shop.py", "--check")[0] == 1


def test_check_names_a_command_that_a_shell_can_run(folder, capsys):
    whole(folder)
    (folder / "my names.toml").write_text('[screens]\nCart = "saw_cart"\n')
    more = ("--plan-version", 3, "--names", "my names.toml")

    done = ran(capsys, "plan", "generate", "whole.json", "-o", "my verbs.py", *more, "--check")

    assert done[2] == (
        "mpfluent plan generate: my verbs.py is not what the plan says; write mpfluent plan "
        "generate whole.json -o 'my verbs.py' --names 'my names.toml' --plan-version 3\n"
    )
    *_, line = done[2].removesuffix("\n").partition("write mpfluent ")
    assert ran(capsys, *shlex.split(line)) == (0, "", "")
    assert ran(capsys, *shlex.split(line), "--check") == (0, "", "")


def test_how_lines_end_does_not_count_for_check_and_is_written_anew(folder, capsys):
    line = ("plan", "generate", "plan.json", "-o", "shop.py")
    ran(capsys, *line)
    written = (folder / "shop.py").read_bytes()
    (folder / "shop.py").write_bytes(written.replace(b"\n", b"\r\n"))

    assert ran(capsys, *line, "--check")[0] == 0
    assert ran(capsys, *line) == (0, "", "")
    assert (folder / "shop.py").read_bytes() == written


def test_a_dash_is_standard_output(folder, capsys):
    written = DataPlan.from_file(SHOP).generate()

    assert ran(capsys, "plan", "generate", "plan.json", "-o", "-") == (0, written, "")
    assert not (folder / "-").exists()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no such device")
def test_what_is_no_file_is_written_and_not_read(capsys):
    line = ("plan", "generate", "plan.json", "-o", "/dev/zero")

    assert ran(capsys, *line) == (0, "", "")
    assert ran(capsys, *line, "--check")[0] == 1


@pytest.mark.skipif(os.name == "nt", reason="a shell of Unix closes it")
@pytest.mark.parametrize("action", ["show plan.json", "generate plan.json", "diff plan.json x"])
def test_closed_standard_streams_are_no_traceback(action, folder):
    (folder / "x").write_text('{"data_points": []}')
    line = f"exec {shlex.quote(sys.executable)} -m mpfluent plan {action}"
    more = {"env": {**os.environ, "PYTHONPATH": str(ROOT)}, "capture_output": True, "text": True}
    for closed in (">&-", ">&- 2>&-"):
        done = subprocess.run(["sh", "-c", f"{line} {closed}"], **more)

        assert (done.returncode, done.stderr) == (0, "")


def test_check_without_a_file_is_a_mistake(capsys):
    assert ran(capsys, "plan", "generate", "plan.json", "--check") == (
        2,
        "",
        "mpfluent plan generate: --check compares a file; write -o shop.py\n",
    )


def test_a_module_is_written_over_by_a_module_only(folder, capsys):
    (folder / "mine.py").write_text("# Written by mpfluent plan generate: …\nprint(1)\n")

    assert ran(capsys, "plan", "generate", "plan.json", "-o", "mine.py") == (
        2,
        "",
        "mpfluent plan generate: mine.py was not written by mpfluent plan generate, and would be "
        "lost; write another path, or remove the file\n",
    )
    assert (folder / "mine.py").read_text().endswith("print(1)\n")


def test_a_whole_plan_needs_a_version(folder, capsys):
    version = json.loads(SHOP.read_text())
    (folder / "whole.json").write_text(
        json.dumps({"data_plan_id": "shop", "data_plan_versions": [version]})
    )

    status, out, err = ran(capsys, "plan", "generate", "whole.json")
    assert (status, out) == (2, "")
    assert err == (
        "mpfluent plan generate: whole.json is a whole plan, with version 3; "
        "write --plan-version 3\n"
    )
    assert ran(capsys, "plan", "show", "whole.json", "--plan-version", 3)[0] == 0


# diff


def test_diff_tells_what_must_change_first(folder, capsys):
    plan = json.loads(SHOP.read_text())
    points = plan["version_document"]["data_points"]
    data = points[0]["validator"]["definition"]["properties"]["data"]["properties"]
    data["custom_attributes"]["required"].append("results")
    points[2]["match"]["criteria"]["screen_name"] = "Basket"
    (folder / "new.json").write_text(json.dumps(plan))

    assert ran(capsys, "plan", "diff", "plan.json", "new.json") == (
        0,
        """\
those who send must change:
  'Searched' (search): 'results' is required now
  screen_view 'Cart': is no longer planned
new, or allowed now:
  screen_view 'Basket': is new
""",
        "",
    )


def test_diff_with_check_fails_if_those_who_send_must_change(folder, capsys):
    (folder / "empty.json").write_text('{"data_points": []}')
    more, less = ("plan.json", "empty.json"), ("empty.json", "plan.json")

    assert ran(capsys, "plan", "diff", *more, "--check")[0] == 1
    assert ran(capsys, "plan", "diff", *more)[0] == 0
    assert ran(capsys, "plan", "diff", *less, "--check")[0] == 1  # the user has a plan now
    assert ran(capsys, "plan", "diff", "empty.json", "empty.json", "--check")[0] == 0


def test_diff_prints_no_control_characters_of_a_plan(folder, capsys):
    match = {
        "type": "custom_event",
        "criteria": {"event_name": "x\x1b[31m", "custom_event_type": "other"},
    }
    for name, pattern in (("old.json", "^a"), ("new.json", "^a\x1bb\nfoo$")):
        definition = {"properties": {"data": {"properties": {"q": {"pattern": pattern}}}}}
        point = {"match": match, "validator": {"type": "json_schema", "definition": definition}}
        (folder / name).write_text(json.dumps({"data_points": [point]}))

    _, out, _ = ran(capsys, "plan", "diff", "old.json", "new.json")

    assert "was matches ^a, and is matches ^a\\x1bb\\nfoo$ now" in out
    assert "\x1b" not in out


def whole(folder):
    """Write a plan with two versions: 3 is that of the shop, and 4 has no points."""
    version = json.loads(SHOP.read_text())
    versions = [version, {**version, "version": 4, "version_document": {"data_points": []}}]
    (folder / "whole.json").write_text(json.dumps({"data_plan_versions": versions}))


def test_two_versions_of_a_whole_plan_are_compared(folder, capsys):
    whole(folder)
    both = ("--plan-version", 3, "--plan-version", 4)

    status, out, err = ran(capsys, "plan", "diff", "whole.json", "whole.json", *both)

    assert (status, err) == (0, "")
    assert out.startswith(
        "those who send must change:\n  'Searched' (search): is no longer planned"
    )
    same = ran(capsys, "plan", "diff", "plan.json", "whole.json", *both[:3], 3)
    assert same == (0, "nothing changed for those who send\n", "")


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((), "whole.json is a whole plan, with versions 3 and 4; write --plan-version 4"),
        (
            (3,),
            "--plan-version 3: want the version of OLD, and then of NEW; "
            "write --plan-version 3 --plan-version 3",
        ),
        ((3, 5), "whole.json has no version 5, but 3 and 4; write --plan-version 4"),
    ],
)
def test_diff_wants_the_version_of_both_plans(numbers, message, folder, capsys):
    whole(folder)
    written = [part for number in numbers for part in ("--plan-version", number)]

    done = ran(capsys, "plan", "diff", "whole.json", "whole.json", *written)

    assert done == (2, "", f"mpfluent plan diff: {message}\n")


def test_diff_of_equal_plans_says_so(capsys):
    done = ran(capsys, "plan", "diff", "plan.json", "plan.json")

    assert done == (0, "nothing changed for those who send\n", "")


# show


def test_show_prints_a_table_of_events_verbs_and_attributes(capsys):
    status, out, err = ran(capsys, "plan", "show", "plan.json")

    assert (status, err) == (0, "")
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "plan.json: 'shop' version 3, 6 points",
        "",
        "verb event type attributes; in brackets, what may be missing",
        "purchase(), purchase_product() purchase product_action price, [colour]",
        "viewed_cart() Cart screen_view",
        "searched() Searched search query, [results]",
        "with_planned_attributes() user_attributes user_attributes [Account type], [Newsletter]",
        "user_identities user_identities",
        "signed_up() Signed up user_preference plan, [newsletter]",
    ]


MALFORMED = {
    "required": {"properties": {"data": {"required": 5}}},
    "properties": {"properties": {"data": {"properties": []}}},
    "enum": {"properties": {"data": {"properties": {"custom_attributes": {"enum": 5}}}}},
    "attribute": {
        "properties": {
            "data": {
                "properties": {"custom_attributes": {"properties": {"a": {"type": {}, "enum": 1}}}}
            }
        }
    },
}


@pytest.mark.parametrize("definition", MALFORMED.values(), ids=MALFORMED)
def test_malformed_definitions_are_told_by_each_command(definition, folder, capsys):
    validator = {"type": "json_schema", "definition": definition}
    plan = json.dumps({"data_points": [{**BROKEN, "validator": validator}]})
    (folder / "broken.json").write_text(plan)
    (folder / "b.json").write_text(GOOD.to_json())

    status, out, err = ran(capsys, "plan", "show", "broken.json")
    assert (status, err) == (0, "")
    assert "problem: data_points[0] (screen_view 'Cart'): its definition is broken at /" in out
    for line in (
        "diff plan.json broken.json",
        "diff broken.json plan.json",
        "validate broken.json b.json",
        "generate broken.json",
    ):
        status, out, err = ran(capsys, "plan", *line.split())
        assert (status, out) == (2, "")
        assert "data_points[0] (screen_view 'Cart'): its definition is broken at /" in err


def test_show_reads_the_names_first(capsys):
    status, out, _ = ran(capsys, "plan", "show", "plan.json", "--names", "nope.toml")

    assert (status, out) == (2, "")


def test_show_prints_what_is_wrong_with_the_plan(folder, capsys):
    (folder / "broken.json").write_text(json.dumps({"data_points": [BROKEN]}))

    status, out, _ = ran(capsys, "plan", "show", "broken.json")

    assert status == 0
    assert out.splitlines()[-1] == (
        "problem: data_points[0] (screen_view 'Cart'): its definition is broken at /required: "
        "'query' is no list of names"
    )


# mistakes


def test_a_file_that_is_no_plan_is_told_by_each_command(folder, capsys):
    (folder / "list.json").write_text("[]")
    for line in ("validate list.json b.json", "generate list.json", "diff list.json plan.json"):
        status, out, err = ran(capsys, "plan", *line.split())
        assert (status, out) == (2, "")
        assert err == (
            f"mpfluent plan {line.split()[0]}: list.json is a list of plans, which has no data "
            "points; download one version in mParticle's data planning, or write the path of its "
            "file\n"
        )


def test_without_the_extra_the_command_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    assert ran(capsys, "plan", "show", "plan.json") == (
        2,
        "",
        "mpfluent plan show: mpfluent.dataplan needs jsonschema; "
        "write pip install 'mpfluent[plan]'\n",
    )


def test_the_module_is_printed_as_utf_8(folder):
    point = {**BROKEN, "description": "Gefüllt", "validator": {"type": "json_schema"}}
    (folder / "cart.json").write_text(json.dumps({"data_points": [point]}))

    done = command("plan", "generate", "cart.json")

    assert "Gefüllt." in done.stdout
