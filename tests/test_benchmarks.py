"""The benchmarks run and print their rows. How fast they are is no business of a test."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(
    r"^(?P<what>.{26})(?P<name>.{34}) *(?P<time>-?[\d.]+ (?:µs|ms))(?:   (?P<beside>.+))?$"
)


def benchmarks(*arguments, module="benchmarks"):
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "error", "-m", module, *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


@pytest.fixture(scope="module")
def rows():
    run = benchmarks("--quick")

    assert run.stderr == ""
    assert run.returncode == 0
    _, _, *lines = run.stdout.split("\n\nwithout")[0].splitlines()
    matches = [ROW.match(line) for line in lines]
    assert None not in matches, lines
    return [{key: (value or "").strip() for key, value in m.groupdict().items()} for m in matches]


def test_every_row_is_there(rows):
    whole = [
        (f"chain to bytes, N = {events}", name)
        for events in (1, 10, 100)
        for name in ("mpfluent", "dict literals + json", "plain marshmallow + json")
    ]

    assert [(row["what"], row["name"]) for row in rows] == [
        *whole,
        ("encoding alone, N = 10", "mpfluent"),
        ("encoding alone, N = 10", "plain marshmallow + json"),
        ("a step", "{**sixteen_entries, key: value}"),
        ("a step", "add(event)"),
        ("a step", "event(name, {one attribute})"),
        ("a step", "with_environment(…)"),
        ("a step", "with_device(one field)"),
        ("appending", "1000 events, one by one"),
        ("import", "mpfluent"),
    ]


def test_every_row_but_mpfluents_own_has_a_ratio(rows):
    for row in rows:
        assert bool(re.search(r"\d\.\d+ ×", row["beside"])) == (row["name"] != "mpfluent"), row


def test_without_the_vendors_sdk_the_output_says_so():
    run = benchmarks("--quick")

    last = run.stdout.splitlines()[-1]
    assert last == "without the vendor's SDK; --vendor PYTHON measures it"


def test_a_vendor_without_mparticle_is_told_in_one_line():
    run = benchmarks("--quick", "--vendor", sys.executable)

    last = run.stderr.splitlines()[-1]
    assert last == f"{sys.executable} cannot run the vendor's SDK; is mparticle installed?"
    assert run.returncode == 1


@pytest.mark.parametrize("events", [0, 1, 10, 23])
def test_the_chain_and_the_literals_make_the_same_batch(events, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import workload

    built = json.loads(workload.chain(events).to_json())

    assert built == {key: value for key, value in workload.literals(events).items() if value}


def test_a_ratio_is_the_median_over_rounds_and_not_of_means(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.timing import Measured

    measured = Measured({}, {"a": [2.0, 20.0, 300.0], "b": [1.0, 10.0, 1.0]})

    assert measured.ratio("a", "b") == 2.0


def test_sides_take_turns(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.timing import in_turns

    turns = []

    def side(name):
        def run(loops):
            turns.append(name)
            return 1.0 * loops

        return run

    measured = in_turns({"a": side("a"), "b": side("b")}, rounds=3)

    assert turns[-6:] == ["a", "b", "a", "b", "a", "b"]
    assert measured.seconds == {"a": 1.0, "b": 1.0}


# Faults


@pytest.fixture(scope="module")
def faults():
    run = benchmarks("--quick", module="benchmarks.faults")

    assert run.stderr == ""
    assert run.returncode == 0
    head, table, last = run.stdout.split("\n\n")
    assert table.splitlines()[:2] == ["| scenario | mpfluent |", "|---|---|"]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return {**dict(rows), "last": last.strip()}


def test_under_every_quick_fault_nothing_is_lost_in_silence(faults):
    assert faults["last"] == "nothing was lost in silence"


def test_every_quick_fault_is_there_with_what_was_measured(faults):
    delay = faults.pop("503 then 200: delay")

    assert re.fullmatch(r"\d\.\d to \d\.\d s \(2 runs\)", delay)
    assert {**faults, "last": ""} == {
        "normal exit, 50 ms server: received of 20": "20",
        FORK: "5/5 and 3/3, no dup" if hasattr(os, "fork") else "no fork on this system",
        "302 to another path": "fails, told: unexpected_redirect",
        "400 with JSON list body: attempts": "1, told",
        "request processed, response lost (RST)": "re-sent, same id",
        "200 with an HTML body": "ok",
        "NaN attribute": "InvalidValue in caller (clear)",
        "`object()` attribute": "InvalidValue in caller (clear)",
        "lone surrogate": "InvalidValue in caller (clear)",
        "last": "",
    }


FORK = "fork after 1st event (5 child events, 3 of the parent)"
