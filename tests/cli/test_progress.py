"""How far a run is: what a line says, when it comes, and the bar."""

import sys

import pytest
from internals import progress, speed

from mpfluent.rows import RowsReport

SAID = "4,000 of 10,000 rows, 200 batches/s, 3,900 delivered, 100 rejected"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def report_at(rows, **counts):
    return RowsReport(rows=rows, delivered=rows - 100, rejected=100, batches=rows // 2, **counts)


def run(total, *, quiet=False, seconds=(1, 9, 10, 15, 20)):
    """Tell of a thousand rows at each of these seconds more."""
    clock = Clock()
    with progress.shown(total, quiet=quiet, clock=clock) as tell:
        for clock.now in seconds:
            tell(report_at(400 * clock.now))


def test_without_a_terminal_a_line_comes_every_ten_seconds_on_standard_error(capsys):
    run(10_000)

    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"{SAID}, 15 s left",
        "8,000 of 10,000 rows, 200 batches/s, 7,900 delivered, 100 rejected, 5.0 s left",
    ]


def test_without_a_total_it_says_how_many_rows_and_no_time_left(capsys):
    run(None, seconds=(10,))

    assert capsys.readouterr().err == f"{SAID.replace(' of 10,000', '')}\n"


def test_quiet_says_nothing(capsys):
    run(10_000, quiet=True)

    assert capsys.readouterr() == ("", "")


def test_failures_and_retries_are_said_where_there_are_any():
    meter = speed.Speed()
    report = report_at(4_000, failed=7, retries=2)

    assert speed.line_of(report, 10_000, meter).endswith("100 rejected, 7 failed, 2 retries")
    assert speed.left_of(report, 10_000, meter) == ""  # nobody can say yet


def test_a_speed_is_that_of_the_last_half_minute():
    meter = speed.Speed()
    for second in range(100):  # what a checkpoint skips comes at once
        meter.add(second, 1_000_000 if second < 2 else 1_000_000 + 100 * second, 50 * second)

    assert meter.batches_a_second == 50
    assert meter.seconds_for(1_000) == 10


class Terminal:
    """Standard error of a terminal, of which the text is kept."""

    def __init__(self, stream):
        self.stream = stream

    def isatty(self):
        return True

    def __getattr__(self, name):
        return getattr(self.stream, name)


@pytest.fixture
def terminal(monkeypatch, capsys):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    # pytest sets it anew between a fixture and its test
    return lambda: monkeypatch.setattr(sys, "stderr", Terminal(sys.stderr))


def test_in_a_terminal_there_is_a_bar_with_all_of_it(terminal, capsys):
    terminal()
    run(10_000, seconds=(10,))

    err = capsys.readouterr().err
    assert "━━━" in err
    assert "40%" in err
    assert "15 s left" in err
    assert SAID in err
    assert err.endswith("\x1b[2K")  # the bar is gone at the end


def test_the_cursor_is_there_while_the_bar_is_so_that_no_signal_takes_it_away(terminal, capsys):
    terminal()
    with progress.shown(100, quiet=False):
        err = capsys.readouterr().err
        assert err.rfind("\x1b[?25h") > err.rfind("\x1b[?25l")


def test_in_a_terminal_that_moves_nothing_there_are_lines(terminal, monkeypatch, capsys):
    terminal()
    monkeypatch.setenv("TERM", "dumb")
    run(10_000, seconds=(10,))

    assert capsys.readouterr().err == f"{SAID}, 15 s left\n"


def test_in_a_terminal_without_rich_there_are_lines(terminal, monkeypatch, capsys):
    terminal()
    monkeypatch.setitem(sys.modules, "rich", None)
    run(10_000, seconds=(10,))

    assert capsys.readouterr().err == f"{SAID}, 15 s left\n"


def test_no_color_takes_the_colours_away(terminal, monkeypatch, capsys):
    terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    run(10_000, seconds=(10,))

    err = capsys.readouterr().err
    assert "━━━" in err
    assert "\x1b[3" not in err  # no code of a colour


def test_what_is_printed_meanwhile_stands_above_the_bar_and_a_file_gets_what_is_its_own(
    terminal, capsys
):
    terminal()
    with progress.shown(100, quiet=False) as tell:
        tell(report_at(50))
        print("for the file")  # standard output is no terminal here
        print("a warning", file=sys.stderr)

    out, err = capsys.readouterr()
    assert out == "for the file\n"
    assert "a warning\n" in err
