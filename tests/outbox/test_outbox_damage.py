"""Forks, files of other versions, closing, and damage of an outbox."""

import os
import random
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from internals import Part, database, owner
from outboxes import (
    FEED,
    OTHERS,
    ROOT,
    Opened,
    Process,
    aside,
    ask,
    filled,
    parts,
    several,
    taken_up,
)

from mpfluent import ConfigurationError, Outbox


@pytest.fixture
def opened(path):
    """Return a function that opens outboxes, which are closed in the end."""
    all_of_them = []

    def open_one(at=path, destination=FEED, **options):
        outbox = Opened(at, destination, **options)
        all_of_them.append(outbox)
        return outbox

    yield open_one
    for outbox in all_of_them:
        outbox.close()


@pytest.fixture
def overwrite(path):
    """Return a function that writes into a file behind SQLite's back.

    Its descriptors stay open, for closing one would drop the locks that SQLite has on the file.
    """
    descriptors = []

    def write(offset, text, at=path):
        descriptors.append(os.open(at, os.O_RDWR))
        os.pwrite(descriptors[-1], text, offset)

    yield write
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.fixture
def process(path):
    """Return a function that starts processes with an outbox on the same file."""
    started = []

    def start():
        started.append(Process(path))
        return started[-1]

    yield start
    for one in started:
        if one.process.returncode is None:
            one.end()


# Forks


def forked(code, path):
    """Run code, in a process that may fork; return what it printed."""
    head = """
        import os, sys, threading, time
        sys.path.insert(0, sys.argv[2])
        from outboxes import *
        def in_child(work):
            sys.stdout.flush()
            pid = os.fork()
            if not pid:
                try:
                    print(work(), flush=True)
                finally:
                    os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        outbox = Opened(sys.argv[1])
    """
    run = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-c"),
            *(textwrap.dedent(head) + textwrap.dedent(code), path, ROOT / "tests"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert run.stderr == ""
    assert run.returncode == 0
    return run.stdout.split("\n")[:-1]


@pytest.mark.parametrize("hook", ["outbox.restart()", "None"])
def test_a_forked_child_begins_empty_and_leaves_the_parent_what_is_its(path, hook):
    lines = forked(
        f"""
        outbox.park(outbox.put(several("a")))
        rows = outbox.put(several("b"))
        def work():
            {hook}
            assert (outbox.parked, outbox.tend_every) == (0, None)
            outbox.park(rows)
            assert (outbox.load(), outbox.adopt(), outbox.parked) == ([], 0, 0)
            outbox.park(outbox.put(several("c")))
            found = outbox.ids()
            outbox.close()
            return found, outbox.failures
        in_child(work)
        outbox.park(rows)
        print(outbox.everything(), outbox.failures)
        print(outbox.adopt(), outbox.ids())
        outbox.close()
        """,
        path,
    )

    assert lines == ["(['c'], [])", "['a', 'b'] []", "1 ['c']"]


@pytest.mark.parametrize("hook", ["outbox.restart()", "None"])
def test_a_child_keeps_what_it_puts_after_the_parent_closed(path, opened, hook):
    # SQLite in the child believes that it has the parent's locks; without them, the parent
    # would delete the log that the child writes to
    lines = forked(
        f"""
        outbox.put(several("a"))
        to_child, to_parent = os.pipe(), os.pipe()
        if not os.fork():
            {hook}
            outbox.put(several("b"))
            os.write(to_parent[1], b"1")
            os.read(to_child[0], 1)
            outbox.put(several("c"))
            os.kill(os.getpid(), 9)
        os.read(to_parent[0], 1)
        outbox.close()
        os.write(to_child[1], b"1")
        os.wait()
        again = Opened(sys.argv[1])
        print(again.adopt(), again.everything(), outbox.failures, again.failures)
        again.close()
        """,
        path,
    )

    assert lines == ["3 ['a', 'b', 'c'] [] []"]


def test_a_grandchild_keeps_what_it_puts(path):
    lines = forked(
        """
        outbox.put(several("a"))
        def work():
            outbox.put(several("b"))
            in_child(lambda: (outbox.put(several("c")) is not None, outbox.failures))
            outbox.close()
            return outbox.failures
        in_child(work)
        outbox.close()
        again = Opened(sys.argv[1])
        print(again.adopt(), again.everything())
        again.close()
        """,
        path,
    )

    assert lines == ["(True, [])", "[]", "3 ['a', 'b', 'c']"]


def test_a_parents_rows_are_not_the_childs_while_it_lives(path):
    lines = forked(
        """
        outbox.put(several("a"))
        in_child(lambda: (Opened(sys.argv[1]).adopt(), outbox.adopt()))
        outbox.close()
        """,
        path,
    )

    assert lines == ["(0, 0)"]


def test_a_childs_exit_leaves_the_parent_alive(path, process):
    lines = forked(
        """
        outbox.put(several("a"))
        in_child(lambda: outbox.put(several("b")) is not None)
        other = Process(sys.argv[1])
        print(other("outbox.adopt()"), other("outbox.ids()"))
        other.end()
        outbox.close()
        """,
        path,
    )

    assert lines == ["True", "1 ['b']"]


def test_a_child_that_was_forked_in_the_midst_goes_on_in_memory(path):
    lines = forked(
        """
        outbox.put(several("a"))
        held, go = threading.Event(), threading.Event()
        def use():
            with outbox._lock:
                held.set()
                go.wait()
        thread = threading.Thread(target=use)
        thread.start()
        held.wait()
        in_child(lambda: (outbox.ready(), outbox.put(several("b")), outbox.failures[0]))
        go.set()
        thread.join()
        print(outbox.put(several("c")) is not None)
        outbox.close()
        """,
        path,
    )

    assert lines == [
        "(False, None, OSError('the process was forked while a thread used its outbox'))",
        "True",
    ]


def test_a_child_exits_as_python_exits(path):
    lines = forked(
        """
        import gc
        outbox.put(several("a"))
        if not os.fork():
            outbox.restart()
            gc.collect()
            sys.exit(0)
        assert os.wait()[1] == 0
        print(outbox.put(several("b")) is not None)
        outbox.close()
        """,
        path,
    )

    assert lines == ["True"]


def test_restarting_is_for_children_only(opened):
    outbox = opened()
    outbox.park(outbox.put(several("a")))
    outbox.restart()

    assert outbox.ids() == ["a"]


# Versions, and files of others


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_newer_file_is_refused_and_stays_as_it_is(path, tmp_path, opened):
    outbox = opened()
    outbox.put(several("a"))
    outbox.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    before = contents(tmp_path)

    refused = opened()
    for _ in range(2):
        with pytest.raises(ConfigurationError) as raised:
            refused.ready()
        assert str(raised.value) == (
            f"Outbox('{path}'): a newer mpfluent wrote this file (version 7, and this one "
            "knows 1); install that one, or write another path"
        )
    assert refused.put(several("b")) is None
    assert refused.told() == ["ConfigurationError"]
    assert contents(tmp_path) == before


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_another_programs_file_is_refused_and_stays_as_it_is(path, tmp_path, opened, mode):
    # killed, so that its log is not written back
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "c.execute(f'PRAGMA journal_mode = {sys.argv[2]}'); c.execute('CREATE TABLE t (x)'); "
        "c.execute('INSERT INTO t VALUES (1)'); c.commit(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, path, mode])
    before = contents(tmp_path)

    with pytest.raises(ConfigurationError) as raised:
        opened().ready()

    assert str(raised.value) == (
        f"Outbox('{path}'): this is another program's database; "
        "write the path of a file that does not exist yet"
    )
    after = contents(tmp_path)
    for name in ("outbox.db", "outbox.db-wal"):
        assert after.get(name) == before.get(name)


def test_an_empty_file_is_as_good_as_none(path, opened):
    path.touch()

    assert opened().ready() is True


def test_an_older_file_is_upgraded(path, monkeypatch, opened):
    outbox = opened()
    outbox.put(several("a"))
    outbox.close()
    step = """
        ALTER TABLE rows ADD COLUMN note TEXT;
        CREATE TABLE more (x);
        INSERT INTO more VALUES (1);
    """
    monkeypatch.setattr(database, "_STEPS", (*database._STEPS, step))

    newer = opened()
    assert newer.adopt() == 1
    assert newer.ids() == ["a"]
    assert ask(path, "PRAGMA user_version") == [(2,)]
    assert ask(path, "SELECT x FROM more") == [(1,)]


def test_a_step_that_fails_leaves_the_file_as_it_was(path, monkeypatch, opened):
    outbox = opened()
    outbox.put(several("a"))
    outbox.close()
    steps = (*database._STEPS, "CREATE TABLE more (x);\nINSERT INTO none VALUES (1);\n")
    monkeypatch.setattr(database, "_STEPS", steps)
    monkeypatch.setattr(owner, "is_damage", lambda error: False)

    assert opened().ready() is False
    assert ask(path, "PRAGMA user_version") == [(1,)]
    assert ask(path, "SELECT name FROM sqlite_master WHERE name = 'more'") == []


# Closing


def test_closing_twice_is_closing_once_and_using_it_then_does_no_harm(opened):
    outbox = opened()
    rows = outbox.put(several("a"))
    outbox.close()
    outbox.close()

    assert outbox.ready() is False
    assert outbox.put(several("b")) is None
    assert (outbox.load(), outbox.adopt(), outbox.elsewhere(), outbox.parked) == ([], 0, 0, 0)
    for quiet in (outbox.tend, outbox.restart):
        quiet()
    for use in (outbox.park, outbox.join, outbox.remove):
        use(rows)
    assert {str(failure) for failure in outbox.failures} == {"the outbox is closed"}
    assert opened().adopt() == 1


def test_closing_one_that_was_never_used_makes_no_file(path, opened):
    opened().close()

    assert not path.exists()


def test_failures_are_told_without_the_lock(tmp_path):
    (tmp_path / "gone").mkdir()
    outbox = Outbox(tmp_path / "gone" / "outbox.db")
    (tmp_path / "gone").rmdir()
    waited = []

    def failed(error):
        if not waited:
            waited.append(error)
            thread = threading.Thread(target=outbox.load)
            thread.start()
            thread.join(5)
            waited.append(thread.is_alive())

    outbox.open(FEED, failed, print)

    assert outbox.ready() is False
    assert waited[1] is False


# Damage


def test_a_file_that_is_no_database_any_more_is_moved_aside(path, opened):
    filled(path)
    path.write_bytes(b"Dear diary, " * 500)
    outbox = opened(wall=lambda: 0.0)
    outbox.park(outbox.put(several("a")))

    assert outbox.told() == ["DatabaseError"]
    assert aside(path) == ["outbox.db.corrupt-19700101T000000"]
    assert (path.parent / aside(path)[0]).read_bytes() == b"Dear diary, " * 500
    assert outbox.ids() == ["a"]


def test_what_was_moved_aside_is_never_overwritten(path, opened):
    filled(path)
    for _ in range(3):
        path.write_bytes(b"Dear diary, " * 500)
        outbox = opened(wall=lambda: 0.0)
        outbox.ready()
        outbox.close()

    assert aside(path) == [
        "outbox.db.corrupt-19700101T000000",
        "outbox.db.corrupt-19700101T000000-2",
        "outbox.db.corrupt-19700101T000000-3",
    ]


@pytest.mark.parametrize("seed", range(24))
def test_whatever_bytes_are_changed_what_is_loaded_is_what_was_put(path, seed):
    chance = random.Random(seed)
    batches = filled(path)
    with path.open("r+b") as file:
        for _ in range(chance.choice([1, 1, 5, 50])):
            file.seek(chance.randrange(100, path.stat().st_size))
            file.write(bytes([chance.randrange(256)]))
    outbox, found = taken_up(path)
    outbox.park(outbox.put(several("new")))

    assert {id: batches[id] for id in found} == found
    assert outbox.ids() == ["new"]
    outbox.close()


def test_whatever_byte_of_the_header_is_changed_is_damage_or_told(path):
    batches = filled(path)
    whole = path.read_bytes()
    outcomes = set()
    for offset in range(100):
        for file in path.parent.iterdir():
            file.unlink()
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0xFF]) + whole[offset + 1 :])
        try:
            outbox, found = taken_up(path)
        except ConfigurationError:  # the bytes that say whose file it is, and which version
            assert offset in {*range(60, 64), *range(68, 72)}
            outcomes.add("refused")
            continue
        if outbox.ready():
            assert found in (batches, {})
            assert outbox.failures != [] or found == batches
            assert outbox.put(several("new")) is not None
            outcomes.add("usable")
        else:
            assert outbox.failures != []
            outcomes.add("told")
        outbox.close()

    assert outcomes >= {"refused", "usable"}


@pytest.mark.parametrize("page", range(1, 12))
def test_one_damaged_page_costs_no_more_than_its_rows(path, opened, page):
    batches = filled(path, 200)
    with path.open("r+b") as file:
        file.seek(4096 * (page + 4))
        file.write(b"\xff" * 4096)
    outbox = opened()
    outbox.adopt()
    found = outbox.everything()

    assert len(aside(path)) == 1
    assert set(found) <= set(batches)
    assert len(found) >= 200 - 2 * 20  # about 17 of them fit a page


def test_a_file_that_is_cut_in_half_gives_what_it_has(path, opened):
    batches = filled(path, 200)
    os.truncate(path, path.stat().st_size // 2)
    outbox = opened()
    outbox.adopt()
    found = outbox.everything()

    assert set(found) <= set(batches)
    assert len(aside(path)) == 1
    assert outbox.told() == ["DatabaseError"]
    assert outbox.put(several("a")) is not None


def damaged_in_use(outbox, path, overwrite, offset, text):
    """Change the file under an open outbox, so that it must read it again."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "c.execute('INSERT INTO owners VALUES (1, 0, 0)'); c.commit(); "
        "c.execute('PRAGMA wal_checkpoint(TRUNCATE)'); c.close()"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)
    overwrite(offset, text)


def test_damage_in_use_loses_no_row_in_silence(path, opened, overwrite):
    outbox = opened()
    ids = [f"id-{number}" for number in range(300)]
    rows = outbox.put(several(*ids, size=300))
    outbox.park(rows)
    other = opened(destination=OTHERS)
    other.put(several("other"))
    damaged_in_use(outbox, path, overwrite, 4096 * 8, b"\xff" * 4096)
    found = outbox.everything()

    assert outbox.losses != []
    assert sorted([*found, *outbox.losses]) == sorted(ids)
    assert len(found) > 250
    assert len(aside(path)) == 1
    assert outbox.parked == 0
    assert other.put(several("more")) is not None
    other.close()
    assert opened(destination=OTHERS).adopt() == 2


def test_rows_keep_their_numbers_when_the_file_is_replaced(path, opened):
    outbox = opened()
    a, b, c = outbox.put(several("a", "b", "c"))
    outbox.park([b])
    path.unlink()
    outbox.put(several("d"))
    outbox.remove([a])

    assert [id for (id,) in ask(path, "SELECT id FROM rows")] == ["b", "c", "d"]
    assert ask(path, "SELECT row FROM rows WHERE id = 'c'") == [(c,)]
    assert outbox.ids() == ["b"]


def test_a_changed_body_is_never_sent(path, opened, overwrite):
    outbox = opened()
    outbox.park(outbox.put([("a", parts("a", 100)), ("b", (Part("b", b'{"secret":1}', 2),))]))
    damaged_in_use(outbox, path, overwrite, 0, b"")
    overwrite(path.read_bytes().index(b"secret"), b"sacred")

    assert outbox.ids() == ["a"]
    assert outbox.losses == ["b"]
    assert outbox.told() == ["DatabaseError"]
    assert ask(path, "SELECT id FROM rows") == [("a",)]


@pytest.mark.parametrize("beside", [(), ("-wal",), ("-wal", "-shm"), ("-wal", "-shm", "-owners")])
def test_a_deleted_file_is_made_again_with_all_that_was_in_it(path, opened, process, beside):
    outbox = opened()
    other = process()
    outbox.park(outbox.put(several("a", "b")))
    other("outbox.park(outbox.put(several('c'))) or outbox.put(several('d')) is not None")
    for suffix in ("", *beside):
        Path(f"{path}{suffix}").unlink()
    (row,) = outbox.put(several("e"))

    assert outbox.told() == ["FileNotFoundError"]
    assert outbox.losses == []
    assert other("outbox.put(several('f')) is not None") is True
    assert outbox.adopt() == 0
    assert outbox.ids() == ["a", "b"]
    assert other("(outbox.told(), outbox.ids())") == (["FileNotFoundError"], ["c"])
    outbox.remove([row])
    other.end()
    assert outbox.adopt() == 3
    assert outbox.everything() == ["c", "d", "f"]
    assert sorted(id for (id,) in ask(path, "SELECT id FROM rows")) == ["a", "b", "c", "d", "f"]
    assert aside(path) == []


def test_a_process_that_dies_before_it_notices_has_lost_nothing(path, opened, process):
    outbox = opened()
    other = process()
    outbox.ready()
    other("outbox.put(several('a')) is not None")
    path.unlink()
    outbox.put(several("b"))

    assert outbox.adopt() == 0
    other.kill()
    assert outbox.adopt() == 1


def test_a_replaced_file_gets_the_rows_of_who_is_alive(path, tmp_path, opened):
    backup = opened(tmp_path / "backup.db")
    backup.put(several("old"))
    backup.close()
    outbox = opened()
    outbox.park(outbox.put(several("a")))
    (tmp_path / "backup.db").replace(path)
    outbox.put(several("b"))

    assert outbox.adopt() == 1
    assert outbox.everything() == ["old", "a"]
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_file_that_another_programs_replaced_is_left_alone(path, tmp_path, opened):
    foreign = sqlite3.connect(tmp_path / "foreign.db")
    foreign.execute("CREATE TABLE t (x)")
    foreign.close()
    outbox = opened()
    outbox.park(outbox.put(several("a")))
    (tmp_path / "foreign.db").replace(path)
    before = path.read_bytes()

    assert outbox.put(several("b")) is None
    assert outbox.told() == ["FileNotFoundError", "ConfigurationError"]
    assert outbox.ids() == ["a"]
    assert path.read_bytes() == before
