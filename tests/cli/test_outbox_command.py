"""``mpfluent outbox``: what waits in a file, and how it is printed or sent."""

import json
import re
import signal
import sqlite3
from contextlib import closing

import pytest
from internals import main
from outboxes import Process, client_of
from processes import SOON, stored
from shell import start, wait_for

from mpfluent import Batch, Client, FunctionTransport, Outbox, Retry, ThreadedDispatcher
from mpfluent.testing import LocalServer, hang, status

USER = Batch.for_user(customer_id="123456").event("Searched")
OLD = Batch.for_user(customer_id="123456").event("Searched", at="2020-01-01T00:00:00Z")
LINE = "mpfluent outbox: "


def left_in(path, count=1, code=503, batch=USER, **options):
    """Leave batches in an outbox, as a process does that ends during an outage."""
    client = client_of(path, code, **options)
    for number in range(count):
        client.send(batch.with_source_request_id(f"batch-{number}"))
    client.flush(5)
    client.close(0)


def shown(capsys, *arguments):
    """Return the exit status of a command, and the lines that it printed, ages left out."""
    code = main(["outbox", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, re.sub(r"\d+\.\d s", "0.0 s", out).splitlines(), err


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("MPARTICLE_API_KEY", "key")
    monkeypatch.setenv("MPARTICLE_API_SECRET", "secret")


def files_beside(path):
    return sorted((file.name, file.read_bytes()) for file in path.parent.iterdir())


def test_it_says_how_many_wait_how_old_they_are_for_whom_and_why(path, capsys):
    left_in(path, 2)
    left_in(path, pod="eu1")
    size = len(main_export(capsys, path))

    code, lines, err = shown(capsys, path)

    assert (code, err) == (0, "")
    assert lines == [
        f"{path}: 3 batches of {size - 3} bytes, the oldest 0.0 s",
        "",
        "batches  oldest  for                    why",
        "      2  0.0 s   s2s.us1.mparticle.com  no running process has them",
        "      1  0.0 s   s2s.eu1.mparticle.com  no running process has them",
        "",
        f"mpfluent outbox {path} --drain --pod us1 sends them",
        f"mpfluent outbox {path} --drain --pod eu1 sends them",
    ]


def main_export(capsys, path):
    assert main(["outbox", str(path), "--export"]) == 0
    return capsys.readouterr().out


def test_to_look_changes_no_file(path, capsys):
    left_in(path)
    before = files_beside(path)

    shown(capsys, path)
    shown(capsys, path, "--export")

    assert files_beside(path) == before


def test_of_another_key_it_says_so_and_shows_no_line_to_write(path, capsys, monkeypatch):
    left_in(path)
    monkeypatch.setenv("MPARTICLE_API_KEY", "another")

    _, lines, _ = shown(capsys, path)

    assert lines[-1].endswith("  of another API key than MPARTICLE_API_KEY")


def test_what_a_running_process_has_is_told_apart_and_stays_its_own(path, capsys, mparticle):
    process = Process(str(path))
    process("outbox.put(several('a', 'b'))")

    code, lines, _ = shown(capsys, path)
    drained, _, _ = shown(capsys, path, "--drain")

    assert (code, len(lines)) == (0, 4)
    assert lines[-1].endswith("a running process has them, and tries again")
    assert drained == 0
    assert mparticle.requests == []
    assert process("len(outbox._own.held)") == 2
    process.kill()
    assert shown(capsys, path)[1][3].endswith("of another API key than MPARTICLE_API_KEY")


def test_the_lease_of_a_process_says_whether_it_runs_where_there_are_no_locks(path, capsys):
    left_in(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO owners VALUES (7, 0, 1e12)")
        connection.execute("UPDATE rows SET owner = 7")
    assert shown(capsys, path)[1][3].endswith("a running process has them, and tries again")

    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE owners SET lease_until = 1")
    assert shown(capsys, path)[1][3].endswith("no running process has them")


def test_an_outbox_that_is_empty_says_so(path, capsys):
    left_in(path, code=202)

    assert shown(capsys, path) == (0, [f"{path}: nothing waits"], "")
    assert shown(capsys, path, "--quiet") == (0, [], "")


def test_a_damaged_row_is_told_and_is_status_1(path, capsys):
    left_in(path, 2)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE rows SET bodies = '{}' WHERE id = 'batch-0'")

    code, lines, _ = shown(capsys, path)

    assert code == 1
    assert lines[3].endswith("  damaged: they can only be given up")
    assert "\n".join(lines).count("unknown") == 1  # how old it is
    assert shown(capsys, path, "--export")[::2] == (
        1,
        f"{LINE}1 batch could not be read: damaged\n",
    )


MISTAKES = {
    "no file": (lambda path: None, "there is no such file"),
    "an empty file": (lambda path: path.touch(), "this is no outbox: it is empty"),
    "a text": (lambda path: path.write_text("no database"), "this is no outbox"),
    "a folder": (lambda path: path.mkdir(), "want a file, and this is a folder"),
    "another program's": (
        lambda path: database(path, "CREATE TABLE t (x)"),
        "this is another program's database",
    ),
    "changed": (
        lambda path: (left_in(path), database(path, "ALTER TABLE rows ADD COLUMN x")),
        "it is damaged: its tables are not ours; the next client that uses it saves what it can",
    ),
}


def database(path, statement):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize("option", [[], ["--export"], ["--drain"]], ids=str)
@pytest.mark.parametrize(("make", "why"), MISTAKES.values(), ids=MISTAKES)
def test_what_is_no_outbox_is_a_mistake_and_stays_as_it_is(make, why, option, path, capsys):
    make(path)
    before = [file.name for file in path.parent.iterdir()]

    assert main(["outbox", str(path), *option]) == 2
    assert capsys.readouterr() == ("", f"{LINE}{path}: {why}\n")
    assert [file.name for file in path.parent.iterdir()] == before


def test_export_prints_the_batches_as_they_would_be_sent(path, capsys):
    left_in(path, 2)

    lines = main_export(capsys, path).splitlines()

    assert [json.loads(line)["source_request_id"] for line in lines] == ["batch-0", "batch-1"]
    first = Batch.from_json(lines[0])
    assert first.user_identities == USER.user_identities
    assert first.events[0].event_name == "Searched"


def test_export_prints_a_group_as_the_one_batch_that_it_is(path, capsys):
    client = Client(
        *("key", "secret"),
        environment="production",
        retry=Retry(max_attempts=1),
        transport=FunctionTransport(lambda request: 503),
        dispatcher=ThreadedDispatcher(coalesce=True, outbox=Outbox(path)),
    )
    for name in ("Searched", "Found", "Bought"):
        client.send(Batch.for_user(customer_id="123456").event(name))
    client.flush(5)
    client.close(0)

    (line,) = main_export(capsys, path).splitlines()

    events = Batch.from_json(line).events
    assert [event.event_name for event in events] == ["Searched", "Found", "Bought"]


def test_export_prints_each_part_of_a_large_batch(path, capsys):
    client = client_of(path, 503)
    large = Batch.for_user(customer_id="1").with_source_request_id("large")
    for _ in range(20):
        large = large.event("x", {f"name-{number}": "w" * 1_000 for number in range(10)})
    client.send(large)
    client.close(0)

    lines = main_export(capsys, path).splitlines()

    ids = [json.loads(line)["source_request_id"] for line in lines]
    assert ids == ["large-1", "large-2"]


# Sending what waits


def test_drain_sends_what_waits_with_the_keys_of_the_environment(path, capsys, mparticle):
    left_in(path, 2)

    code, lines, err = shown(capsys, path, "--drain")

    assert (code, err) == (0, "")
    assert lines == [f"{path}: 2 batches delivered, 0 failed", f"{path}: nothing waits"]
    assert mparticle.unique_ids == ["batch-0", "batch-1"]
    assert shown(capsys, path)[1] == [f"{path}: nothing waits"]


def test_drain_sends_nothing_to_another_host_than_that_of_the_options(path, capsys, mparticle):
    left_in(path, pod="eu1")

    code, lines, _ = shown(capsys, path, "--drain")

    assert code == 1
    assert mparticle.requests == []
    assert lines[-1] == f"mpfluent outbox {path} --drain --pod eu1 sends them"
    assert shown(capsys, path, "--drain", "--pod", "eu1")[0] == 0
    assert mparticle.unique_ids == ["batch-0"]


def test_a_host_of_its_own_and_the_historical_endpoint_are_options(path, capsys):
    url = "https://example.com/feed"
    left_in(path, host=url, batch=OLD, historical=True)

    _, lines, _ = shown(capsys, path)

    assert lines[3].endswith("  example.com, historical  no running process has them")
    assert lines[-1] == f"mpfluent outbox {path} --drain --host {url} --historical sends them"


def test_what_mparticle_refuses_is_told_with_its_id_and_is_status_1(path, capsys, mparticle):
    left_in(path)
    mparticle.script(status(400, body='{"errors": [{"code": "BAD", "message": "no"}]}'))

    code, lines, err = shown(capsys, path, "--drain")

    assert code == 1
    assert lines == [f"{path}: 0 batches delivered, 1 failed", f"{path}: nothing waits"]
    assert err.endswith(f"{LINE}batch-0: rejected: mParticle answered 400 BAD: no\n")


def test_a_refused_key_is_status_2_and_everything_waits(path, capsys, mparticle, monkeypatch):
    left_in(path)
    monkeypatch.setenv("MPARTICLE_API_SECRET", "wrong")

    code, lines, err = shown(capsys, path, "--drain")

    assert code == 2
    assert lines[0] == f"{path}: 0 batches delivered, 0 failed"
    assert lines[1].startswith(f"{path}: 1 batch of ")
    assert err.endswith(
        f"{LINE}the key was refused (403); check MPARTICLE_API_KEY and MPARTICLE_API_SECRET\n"
    )


def test_without_a_key_drain_says_what_to_write(path, capsys, monkeypatch):
    left_in(path)
    monkeypatch.delenv("MPARTICLE_API_KEY")

    assert shown(capsys, path, "--drain") == (
        2,
        [],
        f"{LINE}MPARTICLE_API_KEY is missing; write export MPARTICLE_API_KEY='…'\n",
    )


def test_ctrl_c_leaves_what_was_not_sent_in_the_file(path):
    with LocalServer() as server:
        left_in(path, host=server.url)
        server.script(hang(SOON))
        process = start("outbox", path, "--drain", "--host", server.url)
        wait_for(lambda: server.max_concurrency)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SOON)

    assert process.returncode == 130
    assert err.endswith(f"{LINE}interrupted; what is left waits in the file\n")
    assert "Traceback" not in err
    assert stored(path) == 1
