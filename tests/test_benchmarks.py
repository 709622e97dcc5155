"""The benchmarks run and print their rows. How fast they are is no business of a test."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mpfluent.dataplan import DataPlan

pytestmark = pytest.mark.together("a quick run")
ROOT = Path(__file__).parents[1]
OTHERS = ["the vendor's SDK", "Segment", "PostHog", "the vendor's Node package"]


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
def cache(tmp_path_factory):
    """A folder for environments, without any; compiled sources stay there between the runs."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def quick(tmp_path_factory, cache):
    """What a quick run prints, and its JSON."""
    file = tmp_path_factory.mktemp("quick") / "results.json"
    run = benchmarks("--quick", "--curves", "--cache", cache, "--json", file)

    assert run.stderr == ""
    assert run.returncode == 0
    return run.stdout, json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_every_row_is_measured(quick):
    from benchmarks.rows import ROWS

    _, data = quick

    measured = dict.fromkeys(result["row"] for result in data["results"])
    assert list(measured) == list(ROWS)


@pytest.mark.slow
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


@pytest.mark.slow
def test_every_target_that_needs_nobody_else_is_judged(quick):
    from benchmarks.report import TARGETS

    _, data = quick

    judged = {verdict["claim"] for result in data["results"] for verdict in result["verdicts"]}
    others = re.compile("vendor|Segment|PostHog")
    assert judged == {
        wanted.claim for wanted in TARGETS.values() if not others.search(wanted.claim)
    }


@pytest.mark.slow
def test_peers_without_an_environment_are_left_out_and_said_so(quick):
    text, _ = quick

    for peer in OTHERS:
        reason = "there is no environment for it, and none is made offline"
        if "Node" in peer and not (shutil.which("node") and shutil.which("npm")):
            reason = "node and npm are not installed"
        assert f"{peer} is left out: {reason}" in text.splitlines()


@pytest.mark.slow
def test_each_cliff_is_judged_beside_its_usual_call(quick):
    _, data = quick

    results = [result for result in data["results"] if result["row"] == "cliffs"]
    assert [list(result["figures"]) for result in results] == [
        *[["mpfluent", "mpfluent, an event"]] * 3,
        *[["mpfluent", "mpfluent, a purchase"]] * 2,
    ]
    claims = [verdict["claim"] for result in results for verdict in result["verdicts"]]
    assert claims == ["the time of the usual call"] * 5


@pytest.mark.slow
def test_the_last_line_of_a_quick_run_says_what_it_is_worth(quick):
    text, _ = quick

    assert text.splitlines()[-1] == "quick: it runs, and the figures say nothing"


def test_the_rows_are_listed_in_the_help():
    from benchmarks.rows import ROWS

    text = benchmarks("--help").stdout

    for name, row in ROWS.items():
        assert re.search(rf"^  {name} +{re.escape(row.__doc__)}$", text, re.M), name


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the history")
def test_rows_are_chosen_and_another_commit_is_measured_and_leaves_nothing_behind(
    tmp_path, monkeypatch, cache
):
    git = ["git", "rev-parse", "--short", "HEAD"]
    name = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    chosen = ("--row", "append", "--row", "split")
    run = benchmarks("--quick", "--cache", cache, *chosen, "--compare", "HEAD")

    assert run.stderr == ""
    titles = re.findall(r"^(\w+): ", run.stdout, re.M)
    assert titles == ["append", "split", "split", "mpfluent", "quick"]
    assert re.search(rf"^    mpfluent at {name} +\d", run.stdout, re.M)
    assert re.search(rf"^  = [\d.]+ × the figure of mpfluent at {name}$", run.stdout, re.M)
    assert list(tmp_path.iterdir()) == []


def test_each_process_has_mpfluent_of_its_own_folder_and_the_benchmarks_of_this_one(tmp_path):
    from benchmarks.environments import Environments
    from benchmarks.run import Run

    then = {"mpfluent at abc": tmp_path / "then"}
    with Run(Environments("python", tmp_path, offline=True), then, quick=True) as run:
        paths = [run.command(name)[1]["PYTHONPATH"] for name in (*run.ours, "dict literals + json")]
        command = run.command("mpfluent at abc")[0]

    assert [path.split(os.pathsep)[0] for path in paths] == [
        str(ROOT),
        str(tmp_path / "then"),
        str(ROOT),
    ]
    assert [path.split(os.pathsep)[1] for path in paths] == [str(ROOT)] * 3
    assert command == ["python", "-P", "-m", "benchmarks.peers.ours"]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the history")
def test_a_commit_that_does_not_exist_is_reported_in_one_line():
    run = benchmarks("--quick", "--compare", "nonsense")

    assert len(run.stderr.splitlines()) == 1
    assert run.stderr.startswith("--compare nonsense: fatal: ")
    assert run.returncode == 1


# The parts


@pytest.mark.parametrize("events", [0, 1, 10, 23])
def test_the_chain_and_the_literals_make_the_same_batch(events):
    from benchmarks.peers import ours_batches, plain_dicts

    built = json.loads(ours_batches.whole(events).to_json())

    assert built == {key: value for key, value in plain_dicts.whole(events).items() if value}


def test_the_mapping_and_the_loop_make_the_same_batches_of_the_same_rows(tmp_path):
    from benchmarks import workloads
    from benchmarks.peers import ours_batches, plain_dicts

    path = tmp_path / "rows.csv"
    workloads.write_rows(path, range(200))
    plain = [plain_dicts.policy(*cells) for cells in workloads.read_rows(path)]
    for batch in plain:
        del batch["source_request_id"], batch["events"][0]["data"]["source_message_id"]
        if not batch["user_attributes"]:
            del batch["user_attributes"]
    mapped = [json.loads(ours_batches.policy(number).to_json()) for number in range(200)]

    assert [{"environment": "development", **batch} for batch in mapped] == plain


@pytest.mark.parametrize("pace", [None, 1e6])
def test_all_that_is_asked_for_is_sent_flushed_and_closed(pace):
    from benchmarks.peers.actions import Sender, deliver

    calls = []
    sender = Sender(str, calls.append, lambda: calls.append("flush"), lambda: calls.append("close"))

    found = deliver(lambda url: sender, "http://…", 3, per_second=pace)

    assert calls == ["0", "1", "2", "flush", "close"]
    assert found.keys() == {"began", "called", "cpu"}


def test_a_pace_is_kept():
    from benchmarks.peers.actions import Sender, deliver

    sender = Sender(int, int, int, int)

    found = deliver(lambda url: sender, "http://…", 6, per_second=100)

    assert found["called"] >= 0.05


def test_a_ratio_is_taken_round_by_round():
    from benchmarks.measurement import ratios, spread

    assert spread(ratios([2.0, 20.0, 300.0], [1.0, 10.0, 1.0])).median == 2.0


def test_a_spread_is_the_middle_half():
    from benchmarks.measurement import spread

    assert spread([5.0, 1.0, 2.0, 100.0, 3.0]) == (2.0, 3.0, 5.0)
    assert spread([7.0]) == (7.0, 7.0, 7.0)


def test_peers_take_turns():
    from benchmarks.measurement import time_in_turns

    turns = []

    def peer(name):
        def run(loops):
            turns.append(name)
            return 1.0 * loops

        return run

    measured = time_in_turns({"a": peer("a"), "b": peer("b")}, rounds=3)

    assert turns[-6:] == ["a", "b", "a", "b", "a", "b"]
    assert measured == {"a": [1.0] * 3, "b": [1.0] * 3}


@pytest.mark.parametrize(
    ("sign", "value", "met"), [("≥", 4, True), ("≥", 3.9, False), ("≤", 4, True), ("≤", 4.1, False)]
)
def test_a_target_is_met_or_not(sign, value, met):
    from benchmarks.report import Target

    assert Target("as fast", sign, 4).is_met(value) == met


def test_the_server_counts_what_comes_in_whatever_pieces():
    from benchmarks.server import Server

    batch = b'{"environment":"development","events":[{"event_type":"x"},{"event_type":"y"}]}'
    bodies = [batch, b"[%b,%b]" % (batch, batch)]
    with Server() as server:
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
        counts, kept = server.counts(), server.bodies
        server.reset()
        after = server.counts()

    names = ("requests", "bytes", "batches", "events", "refused")
    assert [counts[name] for name in names] == [2, sum(map(len, bodies)), 3, 6, 0]
    assert kept == bodies
    assert [after[name] for name in names] == [0, 0, 0, 0, 0]


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
    from benchmarks.rows.sending import out_of_order

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

    assert out_of_order(bodies, 4) == wrong


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
    there.interpreter("mpfluent")

    assert [re.match(r"[\w-]+", name)[0] for name in made[0]] == [
        "marshmallow",
        "requests",
        "python-dateutil",
        "jsonschema",
    ]


@pytest.mark.parametrize(
    ("installed", "reason"),
    [
        (("node", "npm"), "there is no environment for it, and none is made offline"),
        (("node",), "node and npm are not installed"),
        ((), "node and npm are not installed"),
    ],
)
def test_the_node_package_is_left_out_where_node_or_npm_is_missing_or_offline(
    installed, reason, tmp_path, monkeypatch
):
    from benchmarks import environments
    from benchmarks.run import NODE, Run

    monkeypatch.setattr(environments.shutil, "which", lambda name: name in installed or None)
    there = environments.Environments("python", tmp_path, offline=True)
    with Run(there, {}, quick=True) as run:
        assert run.time({NODE: (NODE, "validate", {}, {})}) == {}

    assert run.missing == {NODE: reason}


def test_the_node_package_runs_with_the_modules_that_npm_installed(tmp_path, monkeypatch):
    from benchmarks import environments
    from benchmarks.run import NODE, Run

    made = []
    monkeypatch.setattr(environments.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(environments, "_make", lambda *how: how[1].mkdir() or made.append(how[2:]))
    with Run(environments.Environments("python", tmp_path, False), {}, quick=True) as run:
        command, variables = run.command(NODE)

    found = Path(variables["NODE_PATH"])
    assert made == [(found, ["@mparticle/data-planning-node@1.0.3"])]
    assert found.parent.parent == tmp_path
    assert command == ["node", str(ROOT / "benchmarks" / "peers" / "data_plans.js")]


@pytest.mark.parametrize("kind", ["as planned", "spoilt", "unplanned"])
def test_batches_against_the_plan_are_what_their_kind_says(kind):
    from benchmarks.run import ASKED
    from benchmarks.workloads import KINDS

    plan = DataPlan.from_file(ROOT / "examples" / "shop_plan.json")
    parts = ASKED["plan"][kind]
    events = [{"event_type": event, "data": parts[event]} for event in KINDS]
    found = plan.validate({"user_attributes": parts["user_attributes"], "events": events})

    wrong = {violation.event_index for violation in found}
    expected = {"as planned": set(), "spoilt": {None, *range(10)}, "unplanned": {*range(10)}}
    assert wrong == expected[kind]
    assert kind != "unplanned" or {violation.kind for violation in found} == {"unplanned"}


def test_the_page_of_results_has_what_was_printed_and_where():
    from benchmarks import report
    from benchmarks.measurement import spread

    verdict = report.judge("append, linear", [10.0, 11.0, 14.0])
    figures = {"mpfluent": spread([0.001, 0.002, 0.003])}
    result = report.Result("append", "10000 events", figures, [verdict], ["a note"])

    page = report.page([*report.lines(result)], "abc", "python -m benchmarks")

    assert page.startswith("# Results\n\nOne run of `python -m benchmarks` on 20")
    assert "mpfluent at abc" in page
    assert page.partition("```\n")[2].splitlines() == [
        "append: 10000 events",
        f"    {'mpfluent':<44}        2 ms   (1.50 to 2.50)",
        "  = 11 × the time of a tenth as many (10.50 to 12.50); target ≤ 13 ×: met",
        "  - a note",
        "```",
    ]


# Plots


@pytest.mark.slow
def test_every_curve_has_a_plot_and_every_peer_a_look(quick):
    from benchmarks.plots import LOOKS, PLOTS, series

    _, data = quick
    curves = series(data)

    assert list(curves) == list(PLOTS)
    for peers in curves.values():
        assert peers
        for peer, points in peers.items():
            assert any(peer.startswith(names) for names in LOOKS), peer
            assert len(points) >= 2, peer


@pytest.mark.slow
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


def test_the_error_of_a_file_without_curves_says_what_to_run(tmp_path):
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
        "| 302 to another path | fails: unexpected_redirect |",
        "| 400 with JSON list body: attempts | 1, then fails: rejected |",
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
    ("received", "reasons", "text"),
    [
        (True, [], "ok"),
        (False, ["closed"], "fails: closed"),
        (False, [], "lost in silence (delivered)"),
    ],
)
def test_a_batch_is_received_or_reported_or_lost_in_silence(received, reasons, text):
    from benchmarks.faults import fate

    assert fate(received, "delivered", reasons) == text


@pytest.mark.parametrize(
    ("received", "failed", "lost", "reported"),
    [
        ({"0", "1", "2"}, set(), 0, True),
        ({"0"}, {"1", "2"}, 0, True),
        ({"0"}, {"1"}, 0, False),
        ({"0"}, set(), 2, True),
        ({"0"}, set(), 1, False),
    ],
)
def test_what_a_process_left_is_reported_by_id_or_as_a_count_or_lost_in_silence(
    received, failed, lost, reported
):
    from benchmarks.faults import Ended

    assert Ended(0.0, failed, lost).reports({"0", "1", "2"} - received) == reported
