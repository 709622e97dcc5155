"""The outbox: what it keeps, who may take it, and what becomes of it when the disk fails."""

import copy
import os
import pickle
import random
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
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

from mpfluent import Batch, ConfigurationError
from mpfluent.outbox import database, locks, owner
from mpfluent.outbox.outbox import Destination, Outbox, OutboxFull
from mpfluent.wire.body import Part, encode, read_back, split
from mpfluent.wire.seal import seal

ELSEWHERE = Destination("https://s2s.eu1.mparticle.com/v2/bulkevents", "fingerprint")


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


# Construction


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"path": 5}, "Outbox(5): want a path, got int; write Outbox('outbox.db')"),
        ({"path": b"x.db"}, "Outbox(b'x.db'): want a path, got bytes; write Outbox('outbox.db')"),
        (
            {"path": ""},
            "Outbox(''): want a file, for the outbox outlives the process; "
            "write Outbox('outbox.db')",
        ),
        (
            {"path": ":memory:"},
            "Outbox(':memory:'): want a file, for the outbox outlives the process; "
            "write Outbox('outbox.db')",
        ),
        (
            {"path": "a\0b"},
            "Outbox('a\\x00b'): want a file, for the outbox outlives the process; "
            "write Outbox('outbox.db')",
        ),
        (
            {"path": "/nowhere/outbox.db"},
            "Outbox('/nowhere/outbox.db'): there is no folder '/nowhere'; "
            "write os.makedirs('/nowhere', exist_ok=True) before it",
        ),
        (
            {"path": "/"},
            "Outbox('/'): want a file, and this is a folder; write Outbox('/outbox.db')",
        ),
        (
            {"durability": "ful"},
            "Outbox(durability='ful'): want 'normal' or 'full'; write durability='full'",
        ),
        (
            {"durability": None},
            "Outbox(durability=None): want 'normal' or 'full'; write durability='normal'",
        ),
        (
            {"max_bytes": 0},
            "Outbox(max_bytes=0): want an integer, 1 or more; write max_bytes=256 * 2**20",
        ),
        (
            {"max_bytes": 1.5},
            "Outbox(max_bytes=1.5): want an integer, 1 or more; write max_bytes=256 * 2**20",
        ),
        (
            {"max_age": -1},
            "Outbox(max_age=-1): want positive seconds; write max_age=30 * 24 * 3600",
        ),
        ({"lease": 0}, "Outbox(lease=0): want positive seconds; write lease=30"),
        ({"lease": "30"}, "Outbox(lease='30'): want positive seconds; write lease=30"),
        ({"lease": True}, "Outbox(lease=True): want positive seconds; write lease=30"),
        (
            {"lease": float("inf")},
            "Outbox(lease=inf): want positive seconds; write lease=30",
        ),
        ({"max_byte": 5}, "Outbox() has no option 'max_byte'; did you mean 'max_bytes'?"),
    ],
)
def test_what_makes_no_sense_is_an_error_that_says_what_to_write(options, text):
    with pytest.raises(ConfigurationError) as raised:
        Outbox(**{"path": "outbox.db", **options})

    assert str(raised.value) == text


def test_making_and_opening_one_makes_no_file(tmp_path, opened):
    opened()

    assert list(tmp_path.iterdir()) == []


def test_it_shows_what_it_is(path):
    assert repr(Outbox("x/../outbox.db", durability="full")) == (
        "<Outbox 'x/../outbox.db' durability='full' max_bytes=268435456 max_age=2592000.0>"
    )


def test_a_relative_path_stays_where_it_was(tmp_path, monkeypatch, opened):
    monkeypatch.chdir(tmp_path)
    outbox = opened("outbox.db")
    monkeypatch.chdir("/")

    assert outbox.ready() is True
    assert (tmp_path / "outbox.db").exists()


def test_a_link_leads_to_one_file(tmp_path, path, opened):
    (tmp_path / "link.db").symlink_to(path)
    first, second = opened(), opened(tmp_path / "link.db")
    first.put(several("a"))
    second.put(several("b"))

    assert second.adopt() == 0
    assert sorted(os.listdir(tmp_path)) == [
        *("link.db", "outbox.db", "outbox.db-owners", "outbox.db-shm", "outbox.db-wal")
    ]


@pytest.mark.parametrize("twin", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_refuses_to_be_pickled(twin):
    with pytest.raises(ConfigurationError, match=r"cannot be pickled.*write Outbox\(path\)"):
        twin(Outbox("outbox.db"))


def test_it_belongs_to_one_dispatcher(opened):
    with pytest.raises(ConfigurationError) as raised:
        opened().open(FEED, print, print)

    assert str(raised.value) == (
        "an outbox belongs to one dispatcher; write outbox=Outbox(path) for each"
    )


@pytest.mark.parametrize(
    "use", [Outbox.ready, Outbox.adopt, Outbox.load, lambda outbox: outbox.put(several("a"))]
)
def test_it_cannot_be_used_without_a_dispatcher(path, use):
    with pytest.raises(ConfigurationError, match=r"write ThreadedDispatcher\(outbox=Outbox"):
        use(Outbox(path))


@pytest.mark.parametrize(("durability", "synchronous"), [("normal", 1), ("full", 2)])
def test_durability_is_sqlites(opened, durability, synchronous):
    outbox = opened(durability=durability)
    connection = outbox._owner.current().connection

    assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (1000,)


def test_only_the_owner_may_read_the_files(path, tmp_path, opened):
    before = os.umask(0)
    try:
        opened().put(several("a"))
    finally:
        os.umask(before)

    modes = {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in tmp_path.iterdir()}
    assert modes == {
        "outbox.db": "0o600",
        "outbox.db-wal": "0o600",
        "outbox.db-shm": "0o600",
        "outbox.db-owners": "0o600",
    }


# Rows


def test_what_is_parked_is_loaded_once_and_oldest_first(opened):
    outbox = opened()
    first = outbox.put(several("a"))
    more = outbox.put(several("b", "c"))
    outbox.park([*more, *first])

    assert outbox.parked == 3
    assert outbox.ids() == ["a", "b", "c"]
    assert outbox.ids() == []
    assert outbox.parked == 0


def test_what_somebody_has_in_memory_is_not_loaded(opened):
    outbox = opened()
    outbox.put(several("a"))

    assert outbox.parked == 0
    assert outbox.load() == []


def test_a_row_is_loaded_as_it_was_put(opened):
    outbox = opened(wall=lambda: 1234.5)
    (row,) = outbox.put([("a", parts("a", 40, 3))])
    outbox.park([row])

    (stored,) = outbox.load()

    assert stored == (row, "a", parts("a", 40, 3), 1234.5, None, False, 0)
    assert [part.id for part in stored.parts] == ["a-1", "a-2", "a-3"]


@pytest.mark.parametrize(("limit", "number_of_parts"), [(128_000, 1), (900, 3), (600, 5)])
def test_a_batch_is_read_back_whole(opened, limit, number_of_parts):
    batch = Batch.for_user(customer_id="u-1").with_environment("development")
    for number in range(5):
        batch = batch.event(f"Event {number}", {"text": "é" * 50, "amount": 1.25})
    sealed = seal(batch, lambda: 1_700_000_000_000, lambda count: map(str, range(count)))
    divided = split(sealed, encode(sealed), limit)
    outbox = opened()
    outbox.park(outbox.put([(sealed.source_request_id, divided)]))

    (stored,) = outbox.load()

    assert stored.parts == divided
    assert len(divided) == number_of_parts
    assert read_back(Batch, stored.id, stored.parts) == sealed


def test_a_removed_row_is_gone(path, opened):
    outbox = opened()
    rows = outbox.put(several("a", "b", "c"))
    outbox.park(rows)
    outbox.remove(rows[:2])

    assert outbox.parked == 1
    assert ask(path, "SELECT id FROM rows") == [("c",)]
    assert outbox.ids() == ["c"]


def test_nothing_to_put_is_nothing_to_do(path, opened):
    assert opened().put([]) == []
    assert not path.exists()


def test_load_stops_at_a_number_of_rows(opened):
    outbox = opened()
    outbox.park(outbox.put(several("a", "b", "c")))

    assert [outbox.ids(count=2), outbox.ids(count=2)] == [["a", "b"], ["c"]]


def test_load_stops_at_a_number_of_bytes_but_always_moves_on(opened):
    outbox = opened()
    outbox.park(outbox.put(several("a", "b", "c", size=100)))

    assert outbox.ids(most_bytes=250) == ["a", "b"]
    assert outbox.ids(most_bytes=1) == ["c"]


def test_rows_that_travel_together_are_loaded_together_in_their_order(opened):
    outbox = opened()
    a, b, c, d, e = outbox.put(several(*"abcde"))
    outbox.join([d, b])
    outbox.park([a, b, c, d, e])

    loaded = outbox.load()

    assert [(stored.id, stored.group) for stored in loaded] == [
        ("a", None),
        ("d", d),
        ("b", d),
        ("c", None),
        ("e", None),
    ]


def test_a_group_is_loaded_whole_or_later(opened):
    outbox = opened()
    rows = outbox.put(several(*"abcd"))
    outbox.join(rows[1:])
    outbox.park(rows)

    assert [outbox.ids(count=2), outbox.ids(count=2)] == [["a"], ["b", "c", "d"]]


def test_parking_keeps_a_group_together(opened):
    outbox = opened()
    rows = outbox.put(several(*"abc"))
    outbox.join(rows)
    for _ in range(3):
        outbox.park(rows)

        assert outbox.ids() == ["a", "b", "c"]


def test_what_is_left_of_a_group_stays_one(opened):
    outbox = opened()
    a, b, c = outbox.put(several(*"abc"))
    outbox.join([a, b, c])
    outbox.remove([a])
    outbox.park([b, c])

    assert [(stored.id, stored.group) for stored in outbox.load()] == [("b", a), ("c", a)]


def test_a_row_that_is_joined_with_none_travels_alone(opened):
    outbox = opened()
    a, b, c = outbox.put(several(*"abc"))
    outbox.join([a, b, c])
    for row in (a, b, c):
        outbox.join([row])
    outbox.join([])
    outbox.park([a, b, c])

    assert [(stored.id, stored.group) for stored in outbox.load()] == [
        ("a", None),
        ("b", None),
        ("c", None),
    ]


def test_a_group_survives_the_process(path, opened):
    outbox = opened()
    a, _, c = outbox.put(several(*"abc"))
    outbox.join([c, a])
    outbox.close()

    other = opened()
    assert other.adopt() == 3
    assert [(stored.id, stored.group) for stored in other.load()] == [
        ("c", c),
        ("a", c),
        ("b", None),
    ]


@pytest.mark.parametrize(
    ("now", "expired"), [(1000, False), (1100, False), (1100.5, True), (0, False), (-1e9, False)]
)
def test_what_is_too_old_says_so_and_a_clock_that_jumps_back_makes_nothing_old(
    opened, now, expired
):
    times = [1000.0]
    outbox = opened(max_age=100, wall=lambda: times[-1])
    outbox.park(outbox.put(several("a")))
    times.append(now)

    assert [stored.expired for stored in outbox.load()] == [expired]


def test_the_file_holds_no_more_than_it_may(path, opened):
    outbox = opened(max_bytes=100)
    outbox.put(several("a", "b", size=40))

    with pytest.raises(OutboxFull):
        outbox.put(several("c", size=21))
    assert ask(path, "SELECT id FROM rows") == [("a",), ("b",)]
    assert len(outbox.put(several("d", size=20))) == 1
    assert outbox.failures == []


def test_all_of_a_call_is_stored_or_nothing(path, opened):
    outbox = opened(max_bytes=100)
    outbox.put(several("a", size=40))

    with pytest.raises(OutboxFull):
        outbox.put(several("b", "c", size=40))
    assert ask(path, "SELECT id FROM rows") == [("a",)]


def test_an_empty_file_takes_what_is_larger_than_it_may_hold(opened):
    outbox = opened(max_bytes=100)

    assert len(outbox.put(several("a", size=500))) == 1


def test_removing_makes_room(opened):
    outbox = opened(max_bytes=100)
    rows = outbox.put(several("a", size=100))
    outbox.remove(rows)

    assert len(outbox.put(several("b", size=100))) == 1


def test_all_who_share_a_file_share_its_room(opened):
    first, second = opened(max_bytes=100), opened(max_bytes=100)
    first.put(several("a", size=90))

    with pytest.raises(OutboxFull):
        second.put(several("b", size=20))


def test_a_new_file_never_gives_a_number_again(path, opened):
    outbox = opened()
    (old,) = outbox.put(several("a"))
    outbox.close()
    path.unlink()

    (new,) = opened().put(several("b"))

    assert new > old


def test_threads_share_one(path, opened):
    outbox = opened()
    outbox.ready()

    def work(name):
        for number in range(20):
            rows = outbox.put(several(f"{name}-{number}-a", f"{name}-{number}-b"))
            outbox.park(rows)
            outbox.remove([stored.row for stored in outbox.load(count=2)])

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outbox.failures == []
    assert outbox.parked == len(outbox.everything()) == ask(path, "SELECT COUNT(*) FROM rows")[0][0]


# Whose rows


def test_a_living_owners_rows_are_not_adopted(opened):
    first, second = opened(), opened()
    first.put(several("a"))
    first.park(first.put(several("b")))

    assert second.adopt() == 0
    assert first.ids() == ["b"]


def test_what_one_leaves_another_adopts_parked(opened):
    first, second = opened(), opened()
    first.park(first.put(several("a")))
    first.put(several("b"))
    first.close()

    assert second.adopt() == 2
    assert second.parked == 2
    assert second.ids() == ["a", "b"]
    assert second.adopt() == 0


def test_other_feeds_are_left_alone_and_counted(opened):
    for destination, id in ((FEED, "a"), (ELSEWHERE, "b"), (OTHERS, "c")):
        one = opened(destination=destination)
        one.put(several(id))
        one.close()
    outbox = opened()

    assert outbox.elsewhere() == 1
    assert outbox.adopt() == 1
    assert outbox.everything() == ["a"]
    assert opened(destination=OTHERS).elsewhere() == 0
    assert opened(destination=ELSEWHERE).adopt() == 1


def test_the_owner_of_a_dead_feeds_rows_may_come_back_later(path, process, opened):
    other = process()
    other("outbox.put(several('a'))")
    other.kill()
    assert opened(destination=OTHERS).adopt() == 0  # which finds that it is dead

    assert opened().adopt() == 1


def test_processes_on_one_file_have_disjoint_rows(path, process, opened):
    first, second = process(), process()
    assert first("outbox.put(several('a', 'b'))") != second("outbox.put(several('c'))")

    assert (first("outbox.adopt()"), second("outbox.adopt()")) == (0, 0)
    assert opened().adopt() == 0
    assert first("outbox.park([*outbox._own.held]) or outbox.ids()") == ["a", "b"]
    assert second("outbox.park([*outbox._own.held]) or outbox.ids()") == ["c"]


def test_what_a_killed_process_had_is_adopted_by_exactly_one(process, opened):
    dead, first, second = process(), process(), process()
    rows = dead("outbox.put(several('a', 'b', 'c'))")
    dead(f"outbox.park({rows[1:]!r})")
    first("outbox.put(several('d'))")
    dead.kill()

    assert (first("outbox.adopt()"), second("outbox.adopt()")) == (3, 0)
    assert first("outbox.everything()") == ["a", "b", "c"]
    assert opened().adopt() == 0


def test_what_a_process_left_that_ended_well_is_adopted(process, opened):
    other = process()
    other("outbox.put(several('a'))")

    assert other.end() == 0
    assert opened().adopt() == 1


@pytest.mark.parametrize("kills", [5, pytest.param(40, marks=pytest.mark.slow)])
def test_every_confirmed_put_survives_a_kill(path, opened, kills):
    code = textwrap.dedent(
        """
        import os, random, sys
        sys.path.insert(0, sys.argv[2])
        from outboxes import *
        outbox, rows, ids = Opened(sys.argv[1]), [], iter(range(10**9))
        outbox.adopt()
        while True:
            batch = several(*[f"{os.getpid()}-{next(ids)}" for _ in range(random.randrange(1, 5))])
            rows += zip(outbox.put(batch), batch)
            print(*["+" + id for id, _ in batch], flush=True)
            gone = [rows.pop(0) for _ in range(random.randrange(min(4, len(rows))))]
            print(*["-" + id for row, (id, _) in gone], flush=True)
            outbox.remove([row for row, _ in gone])
        """
    )
    chance = random.Random(5)
    expected, maybe = set(), set()
    for _ in range(kills):
        run = subprocess.Popen(
            [sys.executable, "-c", code, path, ROOT / "tests"], stdout=subprocess.PIPE, text=True
        )
        lines = [run.stdout.readline() for _ in range(chance.randrange(1, 300))]
        run.kill()
        lines += run.communicate()[0].splitlines()
        words = " ".join(lines).split()
        assert words != []
        gone = {word[1:] for word in words if word[0] == "-"}
        expected |= {word[1:] for word in words if word[0] == "+"} - gone
        maybe |= gone  # was about to be removed
    outbox = opened()
    outbox.adopt()
    found = outbox.everything()

    assert outbox.failures == []
    assert len(found) == len(set(found))
    assert expected - set(found) == set()
    assert len(set(found) - expected - maybe) <= kills * 4  # stored, but killed before it said so


# Where there are no locks


@pytest.fixture
def no_locks(monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_locks_need_no_tending(opened):
    outbox = opened()

    assert outbox.tend_every is None
    outbox.ready()
    assert outbox.tend_every is None


def test_without_locks_a_lease_is_renewed_in_time(no_locks, opened):
    outbox = opened(lease=30)

    assert outbox.tend_every is None  # it is not open yet
    outbox.ready()
    assert outbox.tend_every == 10


def test_without_locks_an_expired_lease_is_a_dead_owner(no_locks, opened):
    clock = Clock()
    first, second = (opened(lease=30, wall=clock) for _ in range(2))
    first.put(several("a"))
    clock.now += 30

    assert second.adopt() == 0
    clock.now += 0.5
    assert second.adopt() == 1


def test_without_locks_tending_and_putting_are_signs_of_life(no_locks, opened):
    clock = Clock()
    first, second = (opened(lease=30, wall=clock) for _ in range(2))
    first.put(several("a"))
    for sign in (first.tend, lambda: first.put(several("b"))):
        clock.now += 20
        sign()
        clock.now += 20

        assert second.adopt() == 0


def test_without_locks_what_was_taken_over_is_told(no_locks, opened):
    clock = Clock()
    first, second = (opened(lease=30, wall=clock) for _ in range(2))
    first.park(first.put(several("a")))
    clock.now += 31
    second.adopt()

    assert first.load() == []
    assert first.losses == ["a"]
    assert second.ids() == ["a"]
    first.put(several("b"))  # which signs again
    assert second.adopt() == 0


def test_a_lease_never_takes_from_who_holds_a_lock(opened):
    clock = Clock()
    first, second = (opened(lease=30, wall=clock) for _ in range(2))
    first.put(several("a"))
    clock.now += 1e6

    assert second.adopt() == 0


def test_who_has_no_locks_takes_nothing_from_who_has(opened, process, monkeypatch):
    other = process()
    other("outbox.put(several('a'))")
    monkeypatch.setattr(locks, "fcntl", None)

    assert opened().adopt() == 0


def test_a_lock_that_cannot_be_had_is_replaced_by_a_lease(path, opened):
    Path(f"{path}-owners").mkdir()
    outbox = opened(lease=30)

    assert outbox.ready() is True
    assert outbox.tend_every == 10


def test_a_lock_file_that_was_deleted_is_made_again(path, opened, process):
    outbox = opened()
    outbox.put(several("a"))
    Path(f"{path}-owners").unlink()
    outbox.put(several("b"))

    assert process()("outbox.adopt()") == 0


def test_closing_one_keeps_the_locks_of_the_others(path, opened, process):
    first, second = opened(), opened()
    first.put(several("a"))
    second.put(several("b"))
    second.close()
    other = process()

    assert other("outbox.adopt()") == 1
    assert other("outbox.ids()") == ["b"]


def test_nothing_stays_open(path, opened):
    before = len(os.listdir("/proc/self/fd"))
    outboxes = [opened() for _ in range(3)]
    for outbox in outboxes:
        outbox.put(several("a"))
    assert len(os.listdir("/proc/self/fd")) > before
    for outbox in outboxes:
        outbox.close()

    assert len(os.listdir("/proc/self/fd")) == before


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
        rows = self.outboxes[which].put(several(*ids))
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
