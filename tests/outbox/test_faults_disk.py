"""Clocks that jump, and disks that fail: what the whole client makes of them.

The numbers are those of the scenarios of faults; each is run against a server of its own.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time as real_time
from email.utils import formatdate
from functools import partial
from pathlib import Path

import pytest
from disk_faults import (
    ONCE,
    SOON,
    arrived,
    contents,
    due,
    ids,
    leave,
    named,
    number_of,
    on_clock,
    rows,
)
from fault_server import FakeTime
from internals import database, owner, recovery
from queues import PROMPT, held, numbers, size_of, work
from scenarios import KEY, PERSON, SECRET, batch, batches, eventually, scenario

from mpfluent import (
    Batch,
    ConfigurationError,
    Outbox,
    QueueFull,
    RecordingTransport,
    Retry,
    Stats,
)
from mpfluent.testing import LocalServer, status

HOUR = 3600.0
NOW_MS = 1_795_428_900_000


@pytest.fixture
def server():
    """A server that outlives the clients of a test."""
    with LocalServer(api_key=KEY, api_secret=SECRET) as server:
        yield server


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder / "outbox.db"


@pytest.fixture(autouse=True)
def few_guesses(monkeypatch):
    """Let a damaged file be searched for what these tests put there, and no further."""
    monkeypatch.setattr(recovery, "_MOST_GUESSES", 1_000, raising=False)


@pytest.fixture
def at_once(monkeypatch):
    """Let a file that could not be opened be tried again at once, not after a second."""
    monkeypatch.setattr(owner, "_AGAIN", 0.0)


def aside(path):
    """Return the names of files that were moved aside, without those of their logs."""
    names = [file.name for file in path.parent.glob("*.corrupt-*")]
    return sorted(name for name in names if not name.endswith(("-wal", "-shm")))


# 53: a wall clock that jumps


@pytest.mark.parametrize("jump", [0, HOUR, -HOUR])
def test_a_wall_clock_that_jumps_amid_backoff_changes_no_wait(jump):  # 53
    time = FakeTime()
    retry = Retry(base=0.1, max_elapsed=60, random=lambda: 1)
    with scenario(*[503] * 4, retry=retry, flush_interval=0.5, **on_clock(time)) as one:

        def leap():
            time.wall_offset += jump

        time.before_waking = leap
        one.client.send(Batch.for_user(customer_id=PERSON).event("Searched", at=NOW_MS))
        leap()
        time.now += 0.4
        one.server.script()
        due(one)
        assert one.server.requests == []
        time.now += 0.1
        due(one)

        assert time.waits == pytest.approx([0.1, 0.2, 0.4, 0.8])
        assert one.client.stats[:5] == (1, 1, 0, 0, 4)
        assert one.server.batches[0].events[0].at == NOW_MS


@pytest.mark.parametrize("jump", [0, HOUR, -HOUR])
def test_a_wall_clock_that_jumps_after_a_date_to_wait_for_changes_nothing(jump):  # 53
    time = FakeTime()
    date = formatdate(time.wall() + 2, usegmt=True)
    retry = Retry(max_elapsed=60, random=lambda: 0)
    throttled = status(429, headers={"Retry-After": date})
    with scenario(throttled, retry=retry, **on_clock(time)) as one:

        def leap():
            time.wall_offset += jump

        time.before_waking = leap
        one.send(batch())
        work(one.client)

        assert time.waits == pytest.approx([2.0])
        assert one.states == ["delivered"]


def test_a_wall_clock_that_jumps_all_the_time_holds_up_no_flush(path, monkeypatch):  # 53
    began = real_time.time_ns()
    steps = iter(range(10**9))

    def jumping():
        return began / 1e9 + (HOUR if next(steps) % 2 else -HOUR)

    def wall():
        return real_time.time()

    outbox = Outbox(path, wall=wall)
    with held(outbox=outbox, wall=wall) as one:
        monkeypatch.setattr(real_time, "time", jumping)
        one.send(*batches(2, start=1))
        assert one.timed(lambda: one.client.flush(0.2), 0.2) is False
        assert one.client.stats.pending == 3
        one.server.script(503, 503)
        one.gate.open.set()
        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert arrived(one.server) == [0, 1, 2]
        assert one.client.stats.retries == 2
        assert one.client.stats.outbox_errors == 0


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_an_event_has_the_time_at_which_it_was_sent(jump, path, monkeypatch):  # 53
    time = FakeTime()
    monkeypatch.setattr(real_time, "time_ns", lambda: int(time.wall() * 1e9))
    with scenario(503, outbox=Outbox(path, wall=time.wall), **on_clock(time)) as one:
        sent = int(time.wall() * 1e3)
        one.send(batch())
        time.wall_offset += jump
        work(one.client)

        assert one.server.batches[0].events[0].at == sent
        assert one.states == ["delivered"]


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_wall_clock_that_jumps_makes_nothing_that_is_kept_old(jump, path):  # 53
    time = FakeTime()
    outbox = Outbox(path, wall=time.wall, max_age=2 * HOUR)
    with scenario(401, outbox=outbox, **on_clock(time)) as one:
        one.send(*batches(3))
        work(one.client)
        assert one.states == ["kept"] * 3
        time.wall_offset += jump
        time.now += 60
        work(one.client)

        assert arrived(one.server) == [0, 1, 2]
        assert one.failed == []


# 54: suspend and resume


def test_a_suspended_wait_is_one_retry(path):  # 54
    time = FakeTime()
    retry = Retry(base=0.1, max_elapsed=HOUR, random=lambda: 1)
    with scenario(503, retry=retry, **on_clock(time)) as one:

        def suspend():
            time.now += 600

        time.before_waking = suspend
        one.client.send(*batches(50))
        work(one.client)

        assert len(one.server.requests) == 2
        assert time.waits == pytest.approx([0.1])
        assert one.client.stats[:5] == (50, 50, 0, 0, 1)


def test_a_suspension_beyond_the_budget_is_one_retry_too():  # 54
    time = FakeTime()
    transport = RecordingTransport(*[503] * 10)
    retry = Retry(base=0.1, max_elapsed=5, random=lambda: 1)
    with scenario(transport=transport, retry=retry, **on_clock(time)) as one:

        def suspend():
            time.now += 600

        time.before_waking = suspend
        one.send(batch())
        work(one.client)

        assert len(transport.requests) == 2
        assert one.reasons == {"retries_exhausted": 1}


def test_after_a_suspension_what_waited_is_one_request():  # 54
    time = FakeTime()
    with scenario(flush_interval=0.5, **on_clock(time)) as one:
        one.send(*batches(50))
        time.now += 600
        due(one)

        assert [len(request.batch_ids) for request in one.server.requests] == [50]


def test_after_a_suspension_refused_credentials_are_tried_once():  # 54
    time = FakeTime()
    with scenario(*[401] * 20, flush_interval=0, **on_clock(time)) as one:
        for start in (0, 10):
            for each in batches(10, start=start):
                one.send(each)
                due(one)
            assert len(one.server.requests) == 1 + (start > 0)
            time.now += 600

        assert one.reasons == {"unauthorized": 20}


@pytest.mark.parametrize("code", [401, 503])
def test_after_a_suspension_what_is_kept_is_tried_once(code, path):  # 54
    time = FakeTime()
    with scenario(
        *[code] * 20, outbox=Outbox(path, wall=time.wall), retry=ONCE, **on_clock(time)
    ) as one:
        one.client.send(*batches(5))
        work(one.client)
        due(one)
        assert len(one.server.requests) == 1
        time.now += 600
        due(one)
        due(one)

        assert len(one.server.requests) == 2
        assert one.client.stats.pending == 5


# 55: a disk that fails


def outbox_of(one):
    return one.client._dispatcher._settlement.kept.outbox


@contextlib.contextmanager
def full(one):
    """Let SQLite find no room for another page meanwhile."""
    outbox = outbox_of(one)
    connection = outbox._owner.current().connection
    with outbox._lock:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        with outbox._lock:
            if outbox._owner.is_open:
                connection.execute("PRAGMA max_page_count = 1000000")


def large(number):
    """Return a batch of 20 kB, for which a file needs more pages."""
    return batch(number).event("More", {str(n): "x" * 4_000 for n in range(5)})


def test_with_a_full_disk_batches_are_delivered_from_memory(path):  # 55
    with held(outbox=Outbox(path)) as one:
        with full(one):
            for number in range(1, 6):
                one.timed(partial(one.send, large(number)), PROMPT)
            assert one.client.stats.outbox_errors == 5
            assert len(rows(path)) == 1
            one.gate.open.set()
            assert one.client.flush(5) is True
        assert arrived(one.server) == [*range(6)]
        assert one.failed == []
        assert rows(path) == []
        lines = [line for line in one.log.getvalue().splitlines() if "outbox failed" in line]
        assert len(lines) == 1
        assert "database or disk is full" in lines[0]

        one.gate.open.clear()
        one.send(large(6))  # there is room again
        assert len(rows(path)) == 1
        assert one.client.stats.outbox_errors == 5
        one.gate.open.set()
        assert one.client.flush(5) is True


def test_what_is_in_memory_only_fails_at_close_and_the_rest_is_kept(path, server):  # 55
    server.script(*[503] * 5)
    patient = Retry(base=60, random=lambda: 1)
    with scenario(server=server, outbox=Outbox(path), retry=patient) as one:
        one.send(*named(2))
        with full(one):
            for each in (large(2), large(3)):
                one.client.send(each.with_source_request_id(f"id-{number_of(each):04}"))
            report = one.client.close(0.1)

        assert report == (0, 2, 2)
        assert ids(one.failed) == ["id-0002", "id-0003"]
        assert one.reasons == {"closed": 2}
        assert rows(path) == ["id-0000", "id-0001"]

    server.script()
    with scenario(server=server, outbox=Outbox(path)) as following:
        assert following.client.flush(5) is True
        assert server.unique_ids == ["id-0000", "id-0001"]


def mounted(folder, options):
    try:
        run = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if run.returncode:
        pytest.skip(f"no file system may be mounted here: {run.stderr.decode().strip()}")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted(folder, "size=3m")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_on_a_disk_of_3_MB_nothing_is_lost(small_disk):  # 55
    path = small_disk / "outbox.db"
    with held(outbox=Outbox(path)) as one:
        number = 0
        while one.client.stats.outbox_errors < 5:
            number += 1
            one.timed(partial(one.send, large(number)), PROMPT)
        stored = len(rows(path))
        assert 20 < stored <= number - 4
        one.gate.open.set()
        assert one.client.flush(5) is True
        assert arrived(one.server) == [*range(number + 1)]
        assert one.failed == []

        subprocess.run(["mount", "-o", "remount,size=30m", small_disk], check=True)
        before = one.client.stats.outbox_errors
        one.gate.open.clear()
        for more in range(1, 201):
            one.send(large(number + more))
        assert one.client.stats.outbox_errors == before
        assert len(rows(path)) == 200  # what could not be removed was, with the next success
        one.gate.open.set()
        assert one.client.flush(5) is True


@pytest.fixture
def read_only(tmp_path):
    """A folder that can only be read, with an outbox in it if the test says so."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.geteuid():
        yield folder, lambda: folder.chmod(0o500), lambda: folder.chmod(0o700)
        folder.chmod(0o700)
        return
    mounted(folder, "size=30m")  # root may write wherever it likes, but not there

    def remount(how):
        subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)

    yield folder, lambda: remount("ro"), lambda: remount("rw")
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_in_a_folder_that_can_only_be_read_batches_are_in_memory(read_only, at_once):  # 55
    folder, forbid, allow = read_only
    forbid()
    with held(outbox=Outbox(folder / "outbox.db")) as one:
        one.send(*batches(3, start=1))
        assert one.client.stats.outbox_errors > 0
        assert os.listdir(folder) == []
        one.gate.open.set()
        assert one.client.flush(5) is True
        assert arrived(one.server) == [0, 1, 2, 3]

        allow()
        one.gate.open.clear()
        one.send(batch(4))
        assert len(rows(folder / "outbox.db")) == 1
        one.gate.open.set()
        assert one.client.flush(5) is True
        assert one.failed == []


def test_a_file_that_may_not_be_written_any_more_keeps_what_it_has(
    read_only, server, at_once
):  # 55
    folder, forbid, allow = read_only
    path = folder / "outbox.db"
    leave(server, path, named(1))
    if os.geteuid():
        path.chmod(0o400)
    forbid()
    with scenario(server=server, outbox=Outbox(path)) as one:
        one.send(*named(1, start=1))
        assert one.client.flush(5) is True
        assert server.unique_ids == ["id-0001"]
        assert one.client.stats.outbox_errors > 0

        allow()
        if os.geteuid():
            path.chmod(0o600)
        assert one.client.flush(5) is True
        assert ids(one.delivered) == ["id-0001", "id-0000"]
        assert rows(path) == []


def test_a_folder_that_is_gone_takes_nothing_with_it(path, server, at_once):  # 55
    server.script(503)
    with scenario(server=server, outbox=Outbox(path), retry=ONCE) as one:
        one.client.send(*named(2)).wait(SOON)
        assert one.client.stats.pending == 2
        shutil.rmtree(path.parent)
        one.send(*named(1, start=2))
        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert sorted(server.unique_ids) == ["id-0000", "id-0001", "id-0002"]
        assert one.client.stats.outbox_errors > 0
        assert one.failed == []

        path.parent.mkdir()
        server.script(503)
        one.client.send(*named(1, start=3)).wait(SOON)
        assert rows(path) == ["id-0003"]
        assert one.client.flush(5) is True
        assert rows(path) == []


@pytest.mark.parametrize("beside", [(), ("-wal", "-shm"), ("-wal", "-shm", "-owners")])
def test_a_file_that_is_deleted_in_use_is_made_again_with_all_that_was_in_it(
    path, server, at_once, beside
):  # 55
    server.script(503)
    with scenario(server=server, outbox=Outbox(path), retry=ONCE) as one:
        one.client.send(*named(2)).wait(SOON)
        for suffix in ("", *beside):
            Path(f"{path}{suffix}").unlink()
        server.script(503)
        one.client.send(*named(1, start=2)).wait(SOON)
        assert one.client.stats.outbox_errors == 1
        assert rows(path) == ["id-0000", "id-0001", "id-0002"]
        assert one.client.flush(5) is True

        assert ids(one.delivered) == ["id-0000", "id-0001", "id-0002"]
        assert one.failed == []
        assert aside(path) == []


COUNT = 120


def test_a_file_that_is_cut_in_half_is_moved_aside_and_a_new_one_is_used(path, server):  # 55
    leave(server, path, named(COUNT))
    whole = path.stat().st_size
    os.truncate(path, whole // 2)
    with scenario(server=server, outbox=Outbox(path)) as one:
        one.send(*named(1, start=COUNT))
        assert one.client.flush(5) is True

        found = {*ids(one.delivered)}
        assert found <= {f"id-{number:04}" for number in range(COUNT + 1)}
        assert f"id-{COUNT:04}" in found
        assert len(aside(path)) == 1
        assert (path.parent / aside(path)[0]).stat().st_size == whole // 2
        assert one.client.stats.outbox_errors > 0
        assert one.client.stats[:4] == (len(found), len(found), 0, 0)
        assert rows(path) == []


def test_a_file_that_is_cut_in_half_gives_what_it_has(path, server):  # 55
    leave(server, path, named(COUNT))
    os.truncate(path, path.stat().st_size // 2)
    with scenario(server=server, outbox=Outbox(path)) as one:
        assert one.client.flush(5) is True

        assert len(one.delivered) > COUNT // 4


@pytest.mark.parametrize(
    ("where", "within"),
    [(0.3, 0), (0.3, 8), (0.5, 3), (0.5, 1000), (0.7, 4), (0.7, 2500), (0.9, 0), (0.9, 4000)],
)
def test_a_flipped_byte_costs_no_more_than_its_page(path, server, where, within):  # 55
    leave(server, path, named(COUNT))
    size = path.stat().st_size
    offset = int(size * where) // 4096 * 4096 + within
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 0xFF]))
    with scenario(server=server, outbox=Outbox(path)) as one:
        one.send(*named(1, start=COUNT))
        assert one.client.flush(5) is True

        told = {*ids(one.delivered), *ids(one.failed)}
        everything = {f"id-{number:04}" for number in range(COUNT + 1)}
        assert told <= everything
        assert f"id-{COUNT:04}" in told
        assert len(one.delivered) > COUNT - 25
        assert set(one.reasons) <= {"transport_error"}
        assert one.client.stats.outbox_errors > 0 or told == everything
        assert rows(path) == []


def in_another_process(code, *arguments):
    """Run code where it cannot drop the locks that SQLite has in this process."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], capture_output=True
    )
    assert run.stderr.decode() == ""


DAMAGE = """
    import os, sqlite3, sys
    path, what = sys.argv[1:]
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO owners VALUES (1, 0, 0)")  # so that all must be read again
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    size = os.path.getsize(path)
    if what == "cut":
        os.truncate(path, size // 8192 * 4096)
    else:
        with open(path, "r+b") as file:
            start, length = {"page": (size // 8192 * 4096, 4096), "head": (0, 16)}.get(what, (0, 0))
            if what == "body":
                text = file.read()
                start, length = text.index(b"id-0007") + 60, 1
            file.seek(start)
            file.write(bytes([255]) * length)
"""


@pytest.mark.parametrize("what", ["cut", "page", "head", "body"])
def test_damage_in_use_is_told_of_each_batch_that_it_cost(path, server, what):  # 55
    server.script(503, 503)
    with scenario(server=server, outbox=Outbox(path), retry=ONCE) as one:
        one.client.send(*named(COUNT)).wait(SOON)
        assert one.client.stats.pending == COUNT
        in_another_process(DAMAGE, path, what)
        one.send(*named(1, start=COUNT))
        assert eventually(lambda: one.client.flush(5))

        assert sorted([*ids(one.delivered), *ids(one.failed)]) == [
            f"id-{number:04}" for number in range(COUNT + 1)
        ]
        assert set(one.reasons) <= {"transport_error"}
        assert len(one.failed) <= COUNT - (0 if what == "head" else 1)
        if what == "body":
            assert ids(one.failed) == ["id-0007"]
        if one.failed:
            assert str(one.failed[0][1]) == (
                "the outbox's file was damaged, and the batch could not be read any more"
            )
        assert one.client.stats.outbox_errors > 0
        assert len(aside(path)) == (what != "body")
        assert rows(path) == []


# 56: how much, and how long


def outbox_for(count, path):
    return Outbox(path, max_bytes=count * size_of(batch(1)))


def test_drop_newest_fails_what_the_outbox_cannot_hold(path):  # 56
    with held(when_full="drop_newest", outbox=outbox_for(4, path)) as one:
        for number in range(1, 9):
            one.timed(partial(one.send, batch(number)), PROMPT)

        assert one.reasons == {"queue_full": 5}
        assert numbers(one.failed) == [4, 5, 6, 7, 8]
        assert str(one.failed[0][1]) == "the outbox is full"
        assert len(rows(path)) == 4
        one.check_counts()
        one.gate.open.set()
        assert one.client.flush(5) is True
        assert arrived(one.server) == [0, 1, 2, 3]


@pytest.mark.parametrize("most", [1, 2, 10_000])
def test_drop_oldest_fails_what_waited_longest_in_memory_or_in_the_outbox(most, path):  # 56
    with held(when_full="drop_oldest", max_queue=most, outbox=outbox_for(4, path)) as one:
        for number in range(1, 9):
            one.timed(partial(one.send, batch(number)), PROMPT)

        assert one.reasons == {"dropped_oldest": 5}
        assert numbers(one.failed) == [1, 2, 3, 4, 5]
        assert str(one.failed[0][1]) == "newer batches took its place in the full outbox"
        assert len(rows(path)) == 4
        one.check_counts()
        one.gate.open.set()
        assert one.client.flush(5) is True
        assert arrived(one.server) == [0, 6, 7, 8]


def test_block_waits_for_room_in_the_outbox_and_then_fails(path):  # 56
    options = {"when_full": "block", "block_timeout": 0.2}
    with held(outbox=outbox_for(4, path), **options) as one:
        one.send(*batches(3, start=1))
        for number in (4, 5):
            one.timed(partial(one.send, batch(number)), 0.2)

        assert one.reasons == {"queue_full": 2}
        assert numbers(one.failed) == [4, 5]
        one.check_counts()
        one.gate.open.set()
        assert one.client.flush(5) is True
        assert arrived(one.server) == [0, 1, 2, 3]
        one.send(batch(6))  # what was removed made room
        assert one.client.flush(5) is True
        assert arrived(one.server) == [0, 1, 2, 3, 6]


def test_block_goes_on_as_soon_as_the_outbox_has_room(path):  # 56
    options = {"when_full": "block", "block_timeout": 60}
    with held(outbox=outbox_for(4, path), **options) as one:
        one.send(*batches(3, start=1))
        sender = threading.Thread(target=one.send, args=batches(5, start=4))
        sender.start()
        one.gate.open.set()
        sender.join(SOON)

        assert not sender.is_alive()
        assert one.client.flush(5) is True
        assert arrived(one.server) == [*range(9)]
        assert one.failed == []


def test_raise_accepts_nothing_that_the_outbox_cannot_hold(path):  # 56
    with held(when_full="raise", outbox=outbox_for(4, path)) as one:
        one.send(*batches(2, start=1))
        with pytest.raises(QueueFull) as raised:
            one.client.send(*batches(2, start=3))

        assert str(raised.value).startswith("the outbox has no room for 2 more")
        assert raised.value.reason == "queue_full"
        assert one.client.stats[:4] == (3, 0, 0, 3)
        assert len(rows(path)) == 3
        one.send(batch(5))  # for one there is room
        one.gate.open.set()
        assert one.client.flush(5) is True
        assert arrived(one.server) == [0, 1, 2, 5]
        assert one.failed == []


@pytest.mark.parametrize("policy", ["block", "drop_newest", "drop_oldest", "raise"])
def test_what_was_kept_for_too_long_expires_and_is_told(policy, path):  # 56
    time = FakeTime()
    outbox = Outbox(path, wall=time.wall, max_age=100)
    with scenario(401, 401, outbox=outbox, when_full=policy, **on_clock(time)) as one:
        one.client.send(*named(2))
        work(one.client)
        time.now += 61
        one.client.send(*named(2, start=2))
        work(one.client)
        assert one.client.stats[:4] == (4, 0, 0, 4)
        assert len(one.server.requests) == 2
        time.now += 60
        work(one.client)

        assert one.reasons == {"expired": 2}
        assert sorted(ids(one.failed)) == ["id-0000", "id-0001"]
        assert sorted(ids(one.delivered)) == ["id-0002", "id-0003"]
        assert str(one.failed[0][1]) == "it was kept in the outbox for longer than max_age"
        assert one.failed[0][1].batch.user_identities.customer_id == f"{PERSON}-0"
        assert one.client.stats[:4] == (4, 2, 2, 0)
        assert rows(path) == []


def test_what_a_dead_process_left_too_long_ago_expires_and_is_told(path, server):  # 56
    leave(server, path, named(3))
    late = Outbox(path, wall=lambda: real_time.time() + 101, max_age=100)
    with scenario(server=server, outbox=late) as one:
        assert one.client.flush(5) is True

        assert one.client.stats[:4] == (3, 0, 3, 0)
        assert one.reasons == {"expired": 3}
        assert ids(one.failed) == ["id-0000", "id-0001", "id-0002"]
        assert server.requests == []


# 57: other versions

STEP = """
    ALTER TABLE rows ADD COLUMN note TEXT;
    CREATE INDEX rows_by_note ON rows (note);
"""


def version_of(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def test_a_file_of_the_version_before_is_upgraded_and_delivered(path, server, monkeypatch):  # 57
    leave(server, path, named(3))
    before = version_of(path)
    monkeypatch.setattr(database, "_STEPS", (*database._STEPS, STEP))
    with scenario(server=server, outbox=Outbox(path)) as one:
        one.send(*named(1, start=3))

        assert one.client.flush(5) is True
        assert sorted(server.unique_ids) == ["id-0000", "id-0001", "id-0002", "id-0003"]
        assert version_of(path) == before + 1
        assert one.client.stats[:4] == (4, 4, 0, 0)
        assert one.client.stats.outbox_errors == 0


def test_a_file_of_a_newer_version_is_refused_and_stays_as_it_is(path, server, monkeypatch):  # 57
    with monkeypatch.context() as newer:
        newer.setattr(database, "_STEPS", (*database._STEPS, STEP))
        leave(server, path, named(3))
    before = contents(path.parent)
    with scenario(server=server, outbox=Outbox(path)) as one:
        for call in (partial(one.client.send, batch()), partial(one.client.send_all, [batch()])):
            for _ in range(2):
                with pytest.raises(ConfigurationError) as raised:
                    call()
                assert str(raised.value) == (
                    f"Outbox({str(path)!r}): a newer mpfluent wrote this file (version 2, and "
                    "this one knows 1); install that one, or write another path"
                )
        assert one.client.stats == Stats()
    assert contents(path.parent) == before
    assert server.requests == []

    monkeypatch.setattr(database, "_STEPS", (*database._STEPS, STEP))
    with scenario(server=server, outbox=Outbox(path)) as one:
        assert one.client.flush(5) is True
        assert server.unique_ids == ["id-0000", "id-0001", "id-0002"]
