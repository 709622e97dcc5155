"""Full disks, files that are gone or forbidden, and the law of the outbox."""

import os
import sqlite3
import subprocess
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from internals import owner
from outboxes import (
    FEED,
    Clock,
    Opened,
    ask,
    several,
)


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


# Full, gone and forbidden


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock that opening goes by."""
    clock = Clock()
    monkeypatch.setattr(owner, "monotonic", clock)
    return clock


def test_a_full_disk_fails_one_put_and_is_used_again_when_it_has_room(path, opened):
    outbox = opened()
    rows = outbox.put(several("a", size=1000))
    connection = outbox._owner.current().connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")

    assert outbox.put(several(*"bcdefghi", size=1000)) is None
    assert [str(failure) for failure in outbox.failures] == ["database or disk is full"]
    assert ask(path, "SELECT id FROM rows") == [("a",)]
    outbox.park(rows)
    assert outbox.ids() == ["a"]

    connection.execute("PRAGMA max_page_count = 100000")
    assert len(outbox.put(several(*"bcdefghi", size=1000))) == 8


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    try:
        run = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if run.returncode:
        pytest.skip(f"no file system may be mounted here: {run.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_that_is_really_full_costs_no_row(small_disk, opened):
    outbox = opened(small_disk / "outbox.db")
    stored, refused, ids = [], 0, iter(range(10_000))
    while refused < 5:
        batch = several(*[str(next(ids)) for _ in range(5)], size=5_000)
        rows = outbox.put(batch)
        refused += rows is None
        stored += zip(rows or (), [id for id, _ in batch])
    outbox.park([row for row, _ in stored])

    assert set(outbox.told()) == {"OperationalError"}
    assert len(stored) > 100
    loaded = outbox.load(count=50)
    outbox.remove([row.row for row in loaded])  # if it cannot be now, it is with the next
    rest = outbox.everything()
    assert [row.id for row in loaded] + rest == [id for _, id in stored]
    outbox.remove([row for row, _ in stored])
    subprocess.run(["mount", "-o", "remount,size=9m", small_disk], check=True)
    outbox.tend()
    assert ask(small_disk / "outbox.db", "SELECT COUNT(*) FROM rows") == [(0,)]
    assert outbox.put(several("again")) is not None


def test_a_disk_that_is_full_from_the_start_is_tried_again(small_disk, opened, clock):
    ballast = small_disk / "ballast"
    descriptor = os.open(ballast, os.O_RDWR | os.O_CREAT)
    with suppress(OSError):
        while os.write(descriptor, bytes(4096)):
            pass
    os.close(descriptor)
    outbox = opened(small_disk / "outbox.db")

    assert outbox.put(several("a")) is None
    assert outbox.failures != []
    ballast.unlink()
    clock.now += 1
    assert outbox.put(several("b")) is not None


def test_what_could_not_be_removed_is_with_the_next_success(path, opened, monkeypatch):
    outbox = opened()
    rows = outbox.put(several("a", "b"))
    outbox.park(rows)
    connection = outbox._owner.current().connection
    connection.execute("PRAGMA query_only = 1")
    outbox.remove(rows[:1])

    assert outbox.told() == ["OperationalError"]
    assert ask(path, "SELECT id FROM rows") == [("a",), ("b",)]
    connection.execute("PRAGMA query_only = 0")
    assert outbox.ids() == ["b"]
    assert ask(path, "SELECT id FROM rows") == [("b",)]


def test_a_folder_that_is_gone_is_looked_for_once_a_second(path, tmp_path, opened, clock):
    folder = tmp_path / "folder"
    folder.mkdir()
    outbox = opened(folder / "outbox.db")
    folder.rmdir()

    assert outbox.ready() is False
    assert outbox.ready() is False
    assert outbox.put(several("a")) is None
    assert outbox.told() == ["FileNotFoundError"]
    folder.mkdir()
    assert outbox.ready() is False
    clock.now += 1
    assert outbox.ready() is True


def test_a_folder_that_goes_away_in_use_takes_no_parked_row_with_it(tmp_path, opened, clock):
    folder = tmp_path / "folder"
    folder.mkdir()
    outbox = opened(folder / "outbox.db")
    rows = outbox.put(several("a", "b"))
    outbox.park(rows)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()

    assert outbox.put(several("c")) is None
    assert outbox.ids(count=1) == ["a"]
    outbox.remove(rows[:1])
    folder.mkdir()
    clock.now += 1
    assert outbox.put(several("d")) is not None
    assert outbox.ids() == ["b"]
    assert ask(folder / "outbox.db", "SELECT id FROM rows") == [("b",), ("d",)]


def test_a_folder_that_is_a_file_by_now_is_no_crash(tmp_path, opened):
    folder = tmp_path / "folder"
    folder.mkdir()
    outbox = opened(folder / "outbox.db")
    folder.rmdir()
    folder.touch()

    assert outbox.put(several("a")) is None
    assert outbox.told() == ["NotADirectoryError"]


def test_a_busy_file_fails_after_a_while(path, opened, monkeypatch):
    outbox = opened()
    outbox.ready()
    outbox._owner.current().connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert outbox.put(several("a")) is None
    assert [str(failure) for failure in outbox.failures] == ["database is locked"]
    other.close()
    assert outbox.put(several("a")) is not None


# The law


class Model(RuleBasedStateMachine):
    """Two outboxes on one file keep what two dictionaries keep."""

    @initialize()
    def begin(self):
        self.folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
        self.names = iter(range(10**6))
        self.outboxes = [self.opened(), self.opened()]
        self.held = [{}, {}]  # row -> id
        self.parked = [{}, {}]
        self.left = {}
        self.groups = {}  # row -> the rows it travels with, in order
        self.tries = [Counter(), Counter()]

    def opened(self):
        return Opened(self.folder / "outbox.db")

    @rule(which=st.integers(0, 1), count=st.integers(1, 4))
    def put(self, which, count):
        ids = [str(next(self.names)) for _ in range(count)]
        batches = several(*ids)
        rows = self.outboxes[which].put(batches)
        self.outboxes[which].know_put(batches)  # as who puts them does
        self.held[which].update(zip(rows, ids))

    @rule(which=st.integers(0, 1), data=st.data())
    def park(self, which, data):
        rows = data.draw(st.sets(st.sampled_from(sorted(self.held[which]) or [0])))
        whole = {other for row in rows for other in self.groups.get(row, [row])} - {0}
        self.outboxes[which].park([*whole])
        for row in whole & self.held[which].keys():
            self.parked[which][row] = self.held[which].pop(row)
            self.tries[which][row] += 1

    @rule(which=st.integers(0, 1), data=st.data())
    def join(self, which, data):
        free = sorted(self.held[which].keys() - self.groups.keys())
        if len(free) > 1:
            rows = data.draw(st.lists(st.sampled_from(free), min_size=2, max_size=4, unique=True))
            self.outboxes[which].join(rows)
            self.groups.update(dict.fromkeys(rows, rows))

    @rule(which=st.integers(0, 1), count=st.integers(1, 5))
    def load(self, which, count):
        loaded = self.outboxes[which].load(count)
        expected = []
        tries = self.tries[which]
        for row in sorted(self.parked[which], key=lambda row: (tries[row], row)):
            together = [r for r in self.groups.get(row, [row]) if r in self.parked[which]]
            if row in expected:
                continue
            if expected and len(expected) + len(together) > count:
                break
            expected += together
            if len(expected) >= count:
                break

        assert [stored.row for stored in loaded] == expected
        for stored in loaded:
            assert stored.id == self.parked[which].pop(stored.row)
            self.held[which][stored.row] = stored.id

    @rule(which=st.integers(0, 1), data=st.data())
    def remove(self, which, data):
        rows = data.draw(st.sets(st.sampled_from(sorted(self.held[which]) or [0])))
        self.outboxes[which].remove([*rows])
        for row in rows:
            self.held[which].pop(row, None)

    @rule(which=st.integers(0, 1))
    def adopt(self, which):
        assert self.outboxes[which].adopt() == len(self.left)
        self.parked[which].update(self.left)
        self.tries[which].update(self.left.keys())
        self.left = {}

    @rule(which=st.integers(0, 1), deleted=st.booleans())
    def reopen(self, which, deleted):
        if deleted and (self.folder / "outbox.db").exists():
            self.outboxes[0].ready()
            self.outboxes[1].ready()
            (self.folder / "outbox.db").unlink()
            self.outboxes[0].ready()
            self.outboxes[1].ready()
        self.outboxes[which].close()
        self.left.update(self.held[which] | self.parked[which])
        self.outboxes[which] = self.opened()
        self.held[which], self.parked[which], self.tries[which] = {}, {}, Counter()

    @invariant()
    def nothing_else_is_there(self):
        if not hasattr(self, "outboxes"):
            return
        for outbox, parked in zip(self.outboxes, self.parked):
            assert outbox.parked == len(parked)
            assert set(outbox.told()) <= {"FileNotFoundError"}
            assert outbox.losses == []
        if (self.folder / "outbox.db").exists():
            connection = sqlite3.connect(self.folder / "outbox.db")
            there = dict(connection.execute("SELECT row, id FROM rows"))
            (total,) = connection.execute("SELECT bytes FROM totals").fetchone()
            connection.close()
            everything = {**self.left}
            for rows in (*self.held, *self.parked):
                everything.update(rows)
            assert there == everything
            assert total == 30 * len(there)

    def teardown(self):
        for outbox in getattr(self, "outboxes", ()):
            outbox.close()
        for file in self.folder.iterdir():
            file.unlink()
        self.folder.rmdir()


def test_any_sequence_keeps_the_model_in_step():
    run_state_machine_as_test(Model, settings=settings(stateful_step_count=25))
