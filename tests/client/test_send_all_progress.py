"""``send_all(progress=…)``: who is told how far it is, when, and what of it can go wrong."""

import threading
from types import SimpleNamespace

import pytest
from clients import client_of, numbered
from internals import send_all
from tables import ROWS, adds_up, csv_of, imported, table

from mpfluent import (
    Closed,
    FunctionTransport,
    InvalidValue,
    RecordingTransport,
    Report,
    ThreadedDispatcher,
)
from mpfluent.rows import Rows, RowsReport


@pytest.fixture
def clock(monkeypatch):
    """What tells ``send_all`` the time: each request takes ``clock.step`` seconds."""
    found = SimpleNamespace(now=0.0, step=0.25)
    monkeypatch.setattr(send_all, "time", SimpleNamespace(monotonic=lambda: found.now))
    return found


def slow(clock):
    """Return a transport that lets time pass."""

    def answer(request):
        clock.now += clock.step
        return 202

    return FunctionTransport(answer)


@pytest.mark.parametrize(
    ("step", "counts"),
    [
        (0.001, [1000]),
        (0.25, [400, 800, 1000]),
        (0.6, [200, 400, 600, 800, 1000, 1000]),
        (5.0, [*range(100, 1001, 100), 1000]),
    ],
)
def test_it_is_called_about_once_a_second_and_at_the_end(clock, step, counts):
    clock.step, told = step, []
    report = client_of(slow(clock)).send_all(numbered(1000), progress=told.append)

    assert all(type(each) is Report for each in told)
    assert [each.delivered for each in told] == counts
    assert told[-1] is report


@pytest.mark.parametrize("step", [0.25, 5.0])
def test_it_gets_the_report_of_a_table(clock, tmp_path, step):
    clock.step, told = step, []
    rows = Rows.from_csv(csv_of(tmp_path / "a.csv", 1000)).map(imported)
    report = client_of(slow(clock)).send_all(rows, progress=told.append)

    assert all(type(each) is RowsReport and adds_up(each) for each in told)
    assert [each.rows for each in told] == sorted(each.rows for each in told)
    assert told[-1] is report
    assert len(told) > 2


def test_a_checkpoint_is_written_about_once_a_second_and_at_the_end(clock, tmp_path):
    kept = []
    checkpoint = SimpleNamespace(load=lambda: None, save=kept.append)
    rows = Rows.from_csv(csv_of(tmp_path / "a.csv", 1000)).map(imported)
    client_of(slow(clock)).send_all(rows.with_checkpoint(checkpoint))

    assert [position.rows for position in kept] == [0, 400, 800, 1000]


def test_it_is_called_in_the_thread_that_sends():
    told = []
    client = client_of(dispatcher=ThreadedDispatcher(flush_interval=0))
    client.send_all(table(), progress=lambda report: told.append(threading.current_thread()))
    client.close()

    assert set(told) == {threading.current_thread()}


def test_what_it_raises_is_counted_each_time_logged_once_and_stops_nothing(clock, caplog):
    clock.step = 2.0

    def fails(report):
        raise LookupError("no terminal")

    client = client_of(slow(clock))
    report = client.send_all(numbered(500), progress=fails)

    assert report.delivered == 500
    assert client.stats.hook_errors == 6  # after each request, and at the end
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "fails" in caplog.text
    assert "LookupError" in caplog.text
    assert client.close() == (500, 0, 0, 0)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_in_it_ends_the_run_with_the_report(clock, kind):
    clock.step = 2.0

    def leave(report):
        raise kind

    client = client_of(slow(clock))
    with pytest.raises(kind) as caught:
        client.send_all(table([*ROWS] * 100), progress=leave)

    assert caught.value.report.delivered == 100
    assert adds_up(caught.value.report)


def test_it_may_close_the_client(clock):
    clock.step = 2.0
    client = client_of(slow(clock))
    with pytest.raises(Closed) as caught:
        client.send_all(numbered(500), progress=lambda report: client.close())

    assert caught.value.report.delivered == 100


def test_it_may_send_with_the_same_client(clock):
    clock.step, transport = 2.0, RecordingTransport()
    client = client_of(slow(clock))
    counted = client_of(transport)
    report = client.send_all(numbered(300), progress=lambda report: counted.send(*numbered(1)))

    assert report.delivered == 300
    assert len(transport.requests) == 4


@pytest.mark.parametrize("progress", ["print", 7, [print], True])
@pytest.mark.parametrize("batches", [numbered(1), table()], ids=["batches", "a table"])
def test_what_is_no_function_is_refused_before_anything_is_read(progress, batches):
    transport = RecordingTransport()
    with pytest.raises(InvalidValue) as caught:
        client_of(transport).send_all(batches, progress=progress)

    shown = "[<built-in function print>]" if isinstance(progress, list) else repr(progress)
    assert str(caught.value) == (
        f"send_all(progress={shown}): want a function of the report; write progress=print"
    )
    assert transport.requests == []


def test_print_is_a_progress(clock, capsys):
    clock.step = 0.5
    client_of(slow(clock)).send_all(numbered(400), progress=print)

    assert capsys.readouterr().out.splitlines() == [
        f"Report(submitted={count}, delivered={count}, failed=0)" for count in (200, 400, 400)
    ]
