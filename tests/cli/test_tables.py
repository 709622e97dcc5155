"""The table at the end of a run, in a file and in a terminal, and the report for machines."""

import json
import sys

import pytest
from internals import report_file, tables

from mpfluent.rows import RowsReport
from mpfluent.rows.rejects import Reject

BAD = Reject(
    "policies.csv", 17, 15, "invalid", "policies.csv:17: email='x': want an address", {"email": "x"}
)
REFUSED = Reject("policies.csv", 1_200, 1_198, "rejected", "mParticle answered 400 [BAD]", {})
REPORT = RowsReport(
    rows=20_000,
    delivered=19_985,
    failed=1,
    rejected=2,
    duplicates=12,
    batches=19_986,
    requests=201,
    retries=1,
    failed_by_reason={"rejected": 1},
    rejected_by_reason={"nobody": 1, "invalid": 1},
    rejects=(BAD, REFUSED),
    seconds=74.2,
    notes=("there is no key",),
)


def printed(report, capsys):
    tables.show(report)
    return capsys.readouterr().out.splitlines()


def test_the_table_says_what_became_of_all_rows_and_which_were_not_delivered(capsys):
    assert printed(REPORT, capsys) == [
        "rows        20,000  settled in 1 min 14 s",
        "delivered   19,985",
        "rejected         2  1 invalid, 1 nobody",
        "failed           1  1 rejected",
        "duplicates      12  have a key that came before",
        "batches     19,986  201 requests, 1 retry",
        "",
        "not delivered, the first 2:",
        "policies.csv:17    invalid   email='x': want an address",
        "policies.csv:1200  rejected  mParticle answered 400 [BAD]",
        "",
        "note: there is no key",
    ]


def test_a_check_says_what_would_be_sent_and_how_long_it_would_take(capsys):
    report = RowsReport(
        rows=20_000, delivered=20_000, batches=12_044, bytes=999, seconds=1.5, is_check=True
    )

    assert printed(report._replace(seconds_at_limit=44.6), capsys) == [
        "rows        20,000  checked in 1.5 s",
        "to be sent  20,000",
        "rejected         0",
        "batches     12,044  999 bytes, 45 s at the rate limit",
    ]
    assert printed(report, capsys)[-1] == "batches     12,044  999 bytes"


EVERY_COUNT = ("delivered", "failed", "rejected", "duplicates", "skipped", "resumed", "kept")


@pytest.mark.parametrize("name", [*EVERY_COUNT, "handed_over", "pending"])
def test_every_count_of_a_report_is_in_the_table(name, capsys):
    lines = printed(RowsReport(**{name: 3}), capsys)

    words = name.replace("_", " ")
    assert [line.split("  ")[0] for line in lines if line.startswith(words)] == [words]


def test_what_others_wrote_cannot_steer_the_terminal(capsys):
    bad = BAD._replace(file="a\x1b[31m.csv", text="no\x1b]0;title\x07\nno")
    report = RowsReport(rows=1, rejected=1, rejects=(bad,), notes=("\x1b[31mnote",))

    text = "\n".join(printed(report, capsys))

    assert "\x1b" not in text
    assert "\\x1b[31m" in text


class Terminal:
    def __init__(self, stream):
        self.stream = stream

    def isatty(self):
        return True

    def __getattr__(self, name):
        return getattr(self.stream, name)


@pytest.mark.parametrize("no_color", ["", "1"], ids=["in colour", "NO_COLOR"])
def test_in_a_terminal_the_table_has_colours_unless_they_are_not_wanted(
    no_color, capsys, monkeypatch
):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys, "stdout", Terminal(sys.stdout))
    text = "\n".join(printed(REPORT, capsys))

    assert ("\x1b[32m" in text) is not bool(no_color)  # green
    for part in ("20,000", "19,985", "1 invalid, 1 nobody", "want an address", "400 [BAD]", "note"):
        assert part in text


def test_in_a_narrow_terminal_there_are_lines_which_break_no_words(capsys, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys, "stdout", Terminal(sys.stdout))
    lines = printed(REPORT, capsys)

    assert "\x1b" not in "".join(lines)
    assert any(line.startswith("delivered") and "19,985" in line for line in lines)


# The report for machines


def test_the_report_for_machines_has_all_counts_and_no_cells(tmp_path):
    path = tmp_path / "report.json"

    report_file.write(str(path), "send", 1, REPORT, None)

    data = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert (data["command"], data["status"], data["error"]) == ("send", 1, None)
    assert {name for name in RowsReport._fields if name not in data} == set()
    assert data["rows"] == 20_000
    assert data["rejected_by_reason"] == {"nobody": 1, "invalid": 1}
    assert data["rejects"][0] == {
        "file": "policies.csv",
        "line": 17,
        "index": 15,
        "reason": "invalid",
        "text": BAD.text,
    }


def test_a_report_of_an_earlier_run_is_replaced_before_anything_is_done(tmp_path):
    path = tmp_path / "report.json"
    report_file.write(str(path), "send", 0, REPORT, None)

    report_file.begin(str(path), "send")

    assert json.loads(path.read_text()) == {"command": "send", "status": None, "error": None}
