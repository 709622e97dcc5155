"""The benchmarks run and print their rows. How fast they are is no business of a test."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("a quick run")
ROOT = Path(__file__).parents[1]
OTHERS = ["the vendor's SDK", "Segment", "PostHog"]


def benchmarks(*arguments, module="benchmarks"):
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "error", "-m", module, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """What a quick run says, and its JSON; no environment is there."""
    folder = tmp_path_factory.mktemp("quick")
    file = folder / "results.json"
    run = benchmarks("--quick", "--curves", "--cache", folder / "cache", "--json", file)

    assert run.stderr == ""
    assert run.returncode == 0
    return run.stdout, json.loads(file.read_text(encoding="utf-8"))


def test_every_row_is_measured(quick):
    from benchmarks.rows import ROWS

    _, data = quick

    measured = dict.fromkeys(result["row"] for result in data["results"])
    assert list(measured) == [name for name in ROWS if name != "instructions"]


def test_every_row_is_printed_with_its_figures_and_verdicts(quick):
    text, data = quick

    for result in data["results"]:
        block = text.partition(f"{result['row']}: {result['what']}\n")[2].partition("\n\n")[0]
        lines = block.splitlines()
        figures = [line for line in lines if line.startswith("    ")]
        assert len(figures) == len(result["figures"]) > 0, result
        assert all(re.search(r" -?[\d. ]+ (s|ms|µs|/s|B|MB)\b", line) for line in figures), block
        verdicts = [line for line in lines if line.startswith("  = ")]
        assert len(verdicts) == len(result["verdicts"]), result
        assert all(re.search(r"; target [≥≤] .+: (met|MISSED)$", line) for line in verdicts), block


def test_every_target_that_needs_nobody_else_is_judged(quick):
    from benchmarks.targets import TARGETS

    _, data = quick

    judged = {verdict["claim"] for result in data["results"] for verdict in result["verdicts"]}
    others = re.compile("vendor|Segment|PostHog")
    assert judged == {
        wanted.claim for wanted in TARGETS.values() if not others.search(wanted.claim)
    }


def test_sides_without_an_environment_are_left_out_and_said_so(quick):
    text, _ = quick

    for side in OTHERS:
        reason = "there is no environment for it, and none is made offline"
        assert f"{side} is left out: {reason}" in text.splitlines()


def test_mpfluent_with_orjson_is_measured_or_its_absence_explained(quick):
    text, data = quick

    assert ("mpfluent + orjson" in data["versions"]) != ("mpfluent + orjson is left out: " in text)


def test_the_last_line_of_a_quick_run_says_what_it_is_worth(quick):
    text, _ = quick

    assert text.splitlines()[-1] == "quick: it runs, and the figures say nothing"


def test_rows_can_be_chosen(tmp_path):
    run = benchmarks("--quick", "--cache", tmp_path, "--row", "append", "--row", "steps")

    rows = [line.partition(":")[0] for line in run.stdout.splitlines() if re.match(r"\w+: ", line)]
    assert rows[:2] == ["append", "steps"]
    assert set(rows[2:]) <= {"mpfluent", "quick"}


def test_the_rows_are_listed_in_the_help():
    from benchmarks.rows import ROWS

    text = benchmarks("--help").stdout

    for name, row in ROWS.items():
        assert re.search(rf"^  {name} +{re.escape(row.about)}$", text, re.M), name


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the history")
def test_another_commit_is_measured_beside_this_one_and_leaves_nothing_behind(
    tmp_path, monkeypatch
):
    def git(*arguments):
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout

    name = git("rev-parse", "--short", "HEAD").strip()
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    run = benchmarks("--quick", "--cache", tmp_path, "--row", "append", "--compare", "HEAD")

    assert run.stderr == ""
    assert re.search(rf"^    mpfluent at {name} +\d", run.stdout, re.M)
    assert re.search(rf"^  = [\d.]+ × the time of mpfluent at {name}$", run.stdout, re.M)
    assert str(tmp_path) not in git("worktree", "list")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the history")
def test_a_commit_that_does_not_exist_is_told_in_one_line():
    run = benchmarks("--quick", "--compare", "nonsense")

    assert len(run.stderr.splitlines()) == 1
    assert run.stderr.startswith("--compare nonsense: fatal: ")
    assert run.returncode == 1


# The parts


@pytest.fixture
def workload(monkeypatch):
    """The module of that name, which finds its own folder as the sides do."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks" / "sides")
    import workload

    return workload


@pytest.mark.parametrize("events", [0, 1, 10, 23])
def test_the_chain_and_the_literals_make_the_same_batch(events, workload):
    built = json.loads(workload.chain(events).to_json())

    assert built == {key: value for key, value in workload.literals(events).items() if value}


def test_a_ratio_is_taken_round_by_round():
    from benchmarks.timing import ratios, spread

    assert spread(ratios([2.0, 20.0, 300.0], [1.0, 10.0, 1.0])).median == 2.0


def test_a_spread_is_the_middle_half():
    from benchmarks.timing import spread

    assert spread([5.0, 1.0, 2.0, 100.0, 3.0]) == (2.0, 3.0, 5.0)
    assert spread([7.0]) == (7.0, 7.0, 7.0)


def test_sides_take_turns():
    from benchmarks.timing import in_turns

    turns = []

    def side(name):
        def run(loops):
            turns.append(name)
            return 1.0 * loops

        return run

    measured = in_turns({"a": side("a"), "b": side("b")}, rounds=3)

    assert turns[-6:] == ["a", "b", "a", "b", "a", "b"]
    assert measured == {"a": [1.0] * 3, "b": [1.0] * 3}


@pytest.mark.parametrize(
    ("sign", "value", "met"), [("≥", 4, True), ("≥", 3.9, False), ("≤", 4, True), ("≤", 4.1, False)]
)
def test_a_target_is_met_or_not(sign, value, met):
    from benchmarks.targets import Target

    assert Target("as fast", sign, 4).is_met(value) == met


def test_the_server_counts_what_comes_in_whatever_pieces():
    from benchmarks.server import Server

    batch = b'{"environment":"development","events":[{"event_type":"x"},{"event_type":"y"}]}'
    bodies = [batch, b"[%b,%b]" % (batch, batch)]
    server = Server()
    try:
        server.reset(keep=True)
        host, _, port = server.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as connection:
            for path, body in zip((b"/v2/events", b"/v2/bulkevents"), bodies, strict=True):
                head = b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (path, len(body))
                connection.sendall(head[:20])
                connection.sendall(head[20:] + body[:9])
                connection.sendall(body[9:])
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                assert answer.status == 202
        counts, kept = server.counts(), server.bodies()
        server.reset()
        after = server.counts()
    finally:
        server.close()

    assert counts[:4] == (2, sum(map(len, bodies)), 3, 6)
    assert kept == bodies
    assert after[:4] == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ([[0, 1, 2], [3]], 0),
        ([[3], [0, 1, 2]], 1),
        ([[0, 1], [3]], 1),
        ([[0, 1], [2, 2, 3]], 1),
        ([[1, 0, 2, 3]], 1),
    ],
)
def test_events_that_are_missing_double_or_out_of_order_are_counted(sent, wrong):
    from benchmarks.rows.sending import _out_of_order

    bodies = [
        json.dumps(
            [
                {
                    "user_identities": {"customer_id": "somebody"},
                    "events": [
                        {"data": {"custom_attributes": {"number": number}}} for number in numbers
                    ],
                }
            ]
        ).encode()
        for numbers in sent
    ]

    assert _out_of_order(bodies, 4) == wrong


def test_an_environment_is_made_once_and_anew_after_a_failure(tmp_path, monkeypatch):
    from benchmarks import environments

    made = []

    def make(python, folder, found, wanted):
        made.append(wanted)
        if len(made) == 1:
            raise environments.Unavailable("no network")
        found.parent.mkdir(parents=True)
        found.touch()

    monkeypatch.setattr(environments, "_make", make)
    there = environments.Environments("python", tmp_path, offline=False)

    with pytest.raises(environments.Unavailable, match="no network"):
        there.interpreter("segment")
    first, second = there.interpreter("segment"), there.interpreter("segment")

    assert first == second
    assert made == [["segment-analytics-python==2.4.0"]] * 2


def test_an_environment_for_mpfluent_has_what_setup_cfg_says(tmp_path, monkeypatch):
    from benchmarks import environments

    made = []

    def make(python, folder, found, wanted):
        folder.mkdir()
        made.append(wanted)

    monkeypatch.setattr(environments, "_make", make)
    there = environments.Environments("python", tmp_path, offline=False)
    for side in ("mpfluent", "orjson"):
        there.interpreter(side)

    plain, fast = made
    assert [re.match(r"[\w-]+", name)[0] for name in plain] == [
        "marshmallow",
        "requests",
        "python-dateutil",
    ]
    assert fast[:3] == plain
    assert fast[3].startswith("orjson")


def test_the_page_of_results_has_every_target_and_figure(quick):
    from benchmarks import report
    from benchmarks.lab import Figure, Result, verdict
    from benchmarks.timing import spread

    result = Result(
        "append",
        "10000 events",
        [Figure("mpfluent", spread([0.001, 0.002, 0.003]))],
        [verdict("append, linear", [10.0, 11.0, 14.0])],
        ["a note"],
    )

    page = report.page([result], {"mpfluent": {"Python": "3.11"}}, {"Segment": "no"}, "abc", "run")

    assert "| append | 10000 events: the time of a tenth as many | 11 × | 10.50 to 12.50 |" in page
    assert "| ≤ 13 × | yes |" in page
    assert "| append | 10000 events | mpfluent | 2 ms | 1.50 to 2.50 |" in page
    assert page.splitlines()[-2:] == ["* append: a note", "* Segment is left out: no"]


# Plots


def test_every_curve_has_a_plot_and_every_side_a_look(quick):
    from benchmarks.plots import LOOKS, PLOTS, series

    _, data = quick
    curves = series(data)

    assert list(curves) == list(PLOTS)
    for sides in curves.values():
        assert sides
        for side, points in sides.items():
            assert any(side.startswith(name) for name in LOOKS), side
            assert len(points) >= 2, side


def test_plots_are_drawn(quick, tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks.plots import main

    _, data = quick
    file = tmp_path / "results.json"
    file.write_text(json.dumps(data), encoding="utf-8")

    main([str(file), "--folder", str(tmp_path)])

    assert sorted(path.name for path in tmp_path.glob("*.svg")) == [
        "cpu-by-pace.svg",
        "cpu-by-size.svg",
        "memory-of-waiting.svg",
        "time-per-batch.svg",
    ]


def test_a_file_without_curves_is_told_what_to_run(tmp_path):
    from benchmarks.plots import main

    file = tmp_path / "results.json"
    file.write_text('{"results": []}', encoding="utf-8")

    with pytest.raises(SystemExit) as raised:
        main([str(file)])

    assert str(raised.value) == (
        f"{file} has no curves; write python -m benchmarks --curves --json FILE"
    )


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


def test_a_silent_loss_is_named_in_the_last_line_and_is_the_exit_code(capsys):
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
def test_a_batch_is_received_or_told_of_or_lost_in_silence(received, reasons, told, fate):
    from benchmarks.faults import After

    after = After([], received, "delivered", reasons)

    assert (after.told, after.fate) == (told, fate)


@pytest.mark.parametrize(
    ("received", "failed", "says", "told"),
    [
        ({"0", "1", "2"}, set(), "", True),
        ({"0"}, {"1", "2"}, "", True),
        ({"0"}, {"1"}, "", False),
        ({"0"}, set(), "batch failed: closed\nbatch failed: rejected, 400 BAD (2 times)\n", True),
        ({"0"}, set(), "2 batches not delivered when the process ended, and lost\n", True),
        ({"0"}, set(), "1 batch not delivered when the process ended, and lost\n", False),
    ],
)
def test_what_a_process_left_is_told_by_id_or_in_the_log_or_lost_in_silence(
    received, failed, says, told
):
    from benchmarks.faults import Ended

    assert Ended(0.0, failed, says).tells_of({"0", "1", "2"} - received) == told
