"""What is at the path of an outbox: only what was one is ever moved, replaced or written to."""

import os
import socket
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from outboxes import Opened, Process, aside, ask, filled, several, taken_up
from scenarios import eventually

from mpfluent import (
    Batch,
    Client,
    ConfigurationError,
    FunctionTransport,
    Outbox,
    ThreadedDispatcher,
)
from mpfluent.outbox import existing_files

BATCH = Batch.for_user(customer_id="1").event("Searched")
THESIS = b"my only copy\n" * 20


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder / "outbox.db"


@pytest.fixture
def home(tmp_path):
    """A folder of somebody who keeps a thesis there."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def client_of(path, **options):
    return Client(
        *("key", "secret"),
        environment="production",
        transport=FunctionTransport(lambda request: 202),
        dispatcher=ThreadedDispatcher(flush_interval=0, outbox=Outbox(path)),
        **options,
    )


def everything(*folders):
    """Return all that is in some folders: names, kinds, modes, times and contents."""
    found = {}
    for folder in folders:
        for file in folder.iterdir():
            seen = file.lstat()
            content = file.read_bytes() if stat.S_ISREG(seen.st_mode) else None
            target = os.readlink(file) if file.is_symlink() else None
            found[str(file)] = (oct(seen.st_mode), seen.st_ino, seen.st_mtime_ns, content, target)
    return found


def refused(path, *folders):
    """Return what two sends say of a file, and hold that they accept and touch nothing."""
    before = everything(path.parent, *folders)
    client = client_of(path)
    said = set()
    for _ in range(2):
        with pytest.raises(ConfigurationError) as raised:
            client.send(BATCH)
        said.add(str(raised.value))
    assert client.stats[:4] == (0, 0, 0, 0)
    assert client.stats.outbox_errors == 0
    client.close()
    assert everything(path.parent, *folders) == before
    (text,) = said
    return text


def sqlite(path, *statements):
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


FILES = {
    "text": THESIS,
    "one byte": b"x",
    "less than a header": b"SQLite format 3\0",
    "the magic and no more of it": b"SQLite format 3\0" + b"\xff" * 5_000,
    "our application id in a text": b"x" * 68 + b"mpfl" + b"x" * 5_000,
    "zeros": bytes(8_192),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_file_that_was_never_an_outbox_stays_as_it_is(content, path):
    path.write_bytes(content)

    assert refused(path) == (
        f"Outbox('{path}'): this is no outbox; write the path of a file that does not exist yet"
    )


@pytest.mark.parametrize("content", [*FILES.values(), b""], ids=[*FILES, "nothing"])
def test_no_link_leads_to_a_file_that_was_never_an_outbox(content, path, home):
    thesis = home / "thesis.txt"
    thesis.write_bytes(content)
    path.symlink_to(thesis)

    assert refused(path, home) == (
        f"Outbox('{path}'): this is a link to '{thesis}', which is no outbox; "
        "write the path of a file that does not exist yet"
    )


@pytest.mark.parametrize("hops", [1, 2])
def test_no_file_is_made_where_a_link_leads_to_nothing(hops, path, home):
    link = home / "link"
    link.symlink_to(home / "new.db")
    path.symlink_to(home / "new.db" if hops == 1 else link)

    assert refused(path, home) == (
        f"Outbox('{path}'): this is a link to '{home / 'new.db'}', which does not exist; "
        f"write Outbox('{home / 'new.db'}')"
    )


def test_a_link_to_a_database_of_another_program_is_refused(path, home):
    sqlite(home / "app.db", "CREATE TABLE t (x)")
    path.symlink_to(home / "app.db")

    assert "this is another program's database" in refused(path, home)


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE t (x)"],
        ["PRAGMA application_id = 7", "VACUUM"],
        ["PRAGMA user_version = 1", "VACUUM"],
    ],
    ids=["a table", "an id", "a version"],
)
def test_a_database_that_is_not_ours_stays_as_it_is(statements, path):
    sqlite(path, *statements)

    assert refused(path) == (
        f"Outbox('{path}'): this is another program's database; "
        "write the path of a file that does not exist yet"
    )


def test_a_database_without_a_table_may_be_somebodys_too(path):
    sqlite(path, "PRAGMA journal_mode = WAL", "CREATE TABLE t (x)", "DROP TABLE t", "VACUUM")

    assert "this is no outbox" in refused(path)


def test_a_database_that_this_process_has_open_keeps_its_locks(path):
    """To look at it with a descriptor of one's own would drop them."""
    sqlite(path, "CREATE TABLE t (x)")
    mine = sqlite3.connect(path, isolation_level=None)
    mine.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ConfigurationError, match="this is another program's database"):
        Opened(path).ready()
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0)\n"
        "try: c.execute('BEGIN IMMEDIATE'); print('[1]')\n"
        "except sqlite3.OperationalError: print('[0]')"
    )
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert run.stdout == "[0]\n"
    mine.execute("ROLLBACK")
    mine.close()


def test_a_pipe_is_refused_at_once(path):
    os.mkfifo(path)

    assert refused(path) == (
        f"Outbox('{path}'): want a file, and this is none; "
        "write the path of a file that does not exist yet"
    )


def test_a_socket_is_refused(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.fspath(path))

        assert "want a file, and this is none" in refused(path)


def test_a_folder_that_came_to_be_there_is_refused(path):
    client = client_of(path)
    path.mkdir()

    with pytest.raises(ConfigurationError, match="want a file, and this is a folder"):
        client.send(BATCH)
    client.close()


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_a_log_of_a_database_that_is_not_there_is_not_deleted(suffix, path):
    Path(f"{path}{suffix}").write_bytes(THESIS)

    assert refused(path) == (
        f"Outbox('{path}'): '{path}{suffix}' belongs to a database that is not there; "
        "remove it if nobody needs it, or write another path"
    )


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_beside_a_file_that_was_never_an_outbox_nothing_is_made(suffix, path):
    path.write_bytes(THESIS)
    Path(f"{path}{suffix}").write_bytes(THESIS)

    assert "this is no outbox" in refused(path)


@pytest.mark.parametrize("kind", ["link", "dangling link", "text", "folder"])
def test_what_is_called_owners_and_is_not_ours_makes_nothing_ours(kind, path, home):
    owners = Path(f"{path}-owners")
    (home / "thesis.txt").write_bytes(THESIS)
    if kind == "text":
        owners.write_bytes(THESIS)
    elif kind == "folder":
        owners.mkdir()
    else:
        owners.symlink_to(home / ("thesis.txt" if kind == "link" else "new"))
    path.write_bytes(THESIS)

    assert "this is no outbox" in refused(path, home)


@pytest.mark.parametrize("target", ["thesis.txt", "new", "empty"])
def test_a_link_called_owners_is_never_followed(target, path, home):
    (home / "thesis.txt").write_bytes(THESIS)
    (home / "empty").touch()
    Path(f"{path}-owners").symlink_to(home / target)
    before = everything(home)
    one = Opened(path)

    assert one.put(several("a")) is not None  # it lives by its lease, as where there are no locks
    assert one.tend_every == 10
    one.close()
    assert everything(home) == before


def test_what_is_refused_can_be_used_once_it_is_out_of_the_way(path):
    path.write_bytes(THESIS)
    client = client_of(path)
    with pytest.raises(ConfigurationError):
        client.send(BATCH)
    path.rename(path.with_name("thesis.txt"))

    assert eventually(lambda: _accepts(client))
    client.close()
    assert path.with_name("thesis.txt").read_bytes() == THESIS


def _accepts(client):
    try:
        return client.send(BATCH).wait(5)
    except ConfigurationError:
        return False


def test_what_takes_the_place_of_an_outbox_in_use_is_left_alone(path):
    one = Opened(path)
    one.park(one.put(several("a")))
    for name in ("outbox.db", "outbox.db-owners"):
        path.with_name(name).unlink()
    path.write_bytes(THESIS)

    assert one.put(several("b")) is None
    assert one.told() == ["FileNotFoundError", "ConfigurationError"]
    assert path.read_bytes() == THESIS
    assert one.ids() == ["a"]  # of the file that it has open
    one.close()
    assert path.read_bytes() == THESIS
    assert aside(path) == []


# What is ours


@pytest.mark.parametrize("way", ["itself", "link"])
@pytest.mark.parametrize(
    ("beside", "damage"),
    [
        ("owners", "text"),
        ("owners", "header"),
        ("owners", "page"),
        ("nothing", "page"),
        ("nothing", "page size"),
        ("nothing", "magic"),
    ],
)
def test_a_damaged_file_of_ours_is_moved_aside(way, beside, damage, path, home):
    batches = filled(path)
    if beside == "nothing":
        Path(f"{path}-owners").unlink()
    whole = path.read_bytes()
    spoilt = {
        "text": THESIS,
        "header": b"\xff" * 100 + whole[100:],
        "page": whole[:4096] + b"\xff" * 4096 + whole[8192:],
        "page size": whole[:16] + b"\xff\xff" + whole[18:],
        "magic": b"\0" + whole[1:],
    }[damage]
    path.write_bytes(spoilt)
    link = home / "link.db"
    link.symlink_to(path)
    client = client_of(path if way == "itself" else link)

    assert client.send(BATCH).wait(5) is True
    client.close()
    assert len(aside(path)) == 1
    assert (path.parent / aside(path)[0]).read_bytes() == spoilt
    assert os.listdir(home) == ["link.db"]
    assert ask(path, "PRAGMA application_id") == [(existing_files.OURS,)]
    assert len(batches) == 60


@pytest.mark.parametrize("way", ["itself", "link"])
def test_an_outbox_needs_no_owners_beside_it_to_be_known(way, path, home):
    """Such as one that was restored from a backup."""
    batches = filled(path)
    Path(f"{path}-owners").unlink()
    link = home / "link.db"
    link.symlink_to(path)
    one, found = taken_up(path if way == "itself" else link)

    assert found == batches
    assert aside(path) == []
    one.close()


def test_what_a_killed_process_left_in_its_log_is_known_without_owners(path):
    other = Process(path)
    other("outbox.put(several('a'))")
    other.kill()
    Path(f"{path}-owners").unlink()
    one, found = taken_up(path)

    assert [*found] == ["a"]
    assert one.failures == []
    one.close()


def test_a_file_that_was_deleted_behind_a_link_is_made_again(path, home):
    link = home / "link.db"
    filled(path)
    link.symlink_to(path)
    one = Opened(link)
    one.park(one.put(several("a")))
    path.unlink()

    assert one.put(several("b")) is not None
    assert one.told() == ["FileNotFoundError"]
    assert one.ids() == ["a"]
    assert path.exists()
    one.close()


# Who may read it


@pytest.mark.parametrize(
    ("state", "mode"),
    [
        # each mode and each state; to start a process for all pairs takes long
        pytest.param(state, mode, marks=[] if usual else pytest.mark.slow)
        for state, usual_modes in (
            ("empty", [0o666, 0o644, 0o660, 0o777]),
            ("closed", [0o666]),
            ("killed", [0o777]),
        )
        for mode in (0o666, 0o644, 0o660, 0o777)
        for usual in [mode in usual_modes]
    ],
)
def test_a_file_of_ours_is_private_whatever_mode_it_had(state, mode, path):
    if state == "empty":
        path.touch()
    else:
        other = Process(path)
        other("outbox.put(several('a'))")
        other.kill() if state == "killed" else other.end()
    for file in path.parent.iterdir():
        file.chmod(mode)
    one = Opened(path)
    assert one.put(several("b")) is not None

    modes = {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in path.parent.iterdir()}
    assert set(modes) == {path.name + suffix for suffix in ("", "-wal", "-shm", "-owners")}
    assert {int(mode, 8) & 0o077 for mode in modes.values()} == {0}
    assert int(modes["outbox.db"], 8) & 0o700 == mode & 0o700
    one.close()


def test_what_is_moved_aside_is_private_too(path):
    filled(path)
    path.write_bytes(THESIS)
    path.chmod(0o666)
    one = Opened(path)
    one.ready()

    (moved,) = aside(path)
    assert oct(stat.S_IMODE((path.parent / moved).stat().st_mode)) == "0o600"
    one.close()


def test_a_file_that_may_only_be_read_is_not_made_writable(path):
    filled(path)
    path.chmod(0o444)
    Opened(path).ready()

    assert oct(stat.S_IMODE(path.stat().st_mode)) == "0o400"


def test_processes_that_make_one_file_at_the_same_moment_all_use_it(tmp_path):
    others = [Process(tmp_path / "unused.db") for _ in range(4)]
    for number in range(6):
        path = tmp_path / f"{number}.db"
        if number % 3 == 0:
            path.touch()
        made = f"(one := Opened({str(path)!r})).put(several('a')) is not None, one.told()"
        for other in others:
            other.process.stdin.write(made + "\n")
            other.process.stdin.flush()

        said = [other.process.stdout.readline().strip() for other in others]
        assert said == ["(True, [])"] * 4
    for other in others:
        other.end()
    assert [file for file in tmp_path.iterdir() if "corrupt" in file.name] == []
