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
def printed():
    run = benchmarks("--quick", module="benchmarks.faults")

    assert run.stderr == ""
    assert run.returncode == 0
    return run.stdout


def test_every_quick_fault_is_in_the_table_and_nothing_is_lost_in_silence(printed):
    fork = "5/5 and 3/3, no dup" if hasattr(os, "fork") else "no fork on this system"

    assert re.sub(r"\b0\.\d\b", "0.n", printed).splitlines()[1:] == [
        "",
        "| scenario | mpfluent |",
        "|---|---|",
        "| normal exit, 50 ms server: received of 20 | 20 |",
        f"| fork after 1st event (5 child events, 3 of the parent) | {fork} |",
        "| 302 to another path | fails, told: unexpected_redirect |",
        "| 400 with JSON list body: attempts | 1, told |",
        "| 503 then 200: delay | 0.n to 0.n s (2 runs) |",
        "| request processed, response lost (RST) | re-sent, same id |",
        "| 200 with an HTML body | ok |",
        "| NaN attribute | InvalidValue in caller (clear) |",
        "| `object()` attribute | InvalidValue in caller (clear) |",
        "| lone surrogate | InvalidValue in caller (clear) |",
        "",
        "nothing was lost in silence",
    ]


def test_a_silent_loss_is_named_in_the_last_line_and_is_the_exit_code(monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.faults import Row, table

    assert table([Row("a fault", "ok", True), Row("another", "2 of 3", False)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "lost in silence: another"


@pytest.mark.parametrize(
    ("received", "reasons", "told", "fate"),
    [
        (True, [], True, "ok"),
        (False, ["closed"], True, "fails, told: closed"),
        (False, [], False, "lost in silence (delivered)"),
    ],
)
def test_a_batch_is_received_or_told_of_or_lost_in_silence(
    received, reasons, told, fate, monkeypatch
):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.faults import After

    after = After([], received, "delivered", reasons)

    assert (after.told, after.fate) == (told, fate)


@pytest.mark.parametrize(
    ("received", "failed", "says", "told"),
    [
        ({"0", "1", "2"}, set(), "", True),
        ({"0"}, {"1", "2"}, "", True),
        ({"0"}, {"1"}, "", False),
        ({"0"}, set(), "batch failed: closed\nbatch failed: rejected (2 times)\n", True),
        ({"0"}, set(), "2 batches not delivered when the process ended, and lost\n", True),
        ({"0"}, set(), "1 batches not delivered when the process ended, and lost\n", False),
    ],
)
def test_what_a_process_left_is_told_by_id_or_in_the_log_or_lost_in_silence(
    received, failed, says, told, monkeypatch
):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.faults import Ended

    assert Ended(0.0, failed, says).tells_of({"0", "1", "2"} - received) == told
