"""The outbox: what it keeps, who may take it, and what becomes of it when the disk fails."""

import copy
import os
import pickle
import random
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from internals import Destination, OutboxFull, encode, locks, owner, read_back, seal, split
from outboxes import (
    FEED,
    OTHERS,
    ROOT,
    Clock,
    Opened,
    Process,
    ask,
    parts,
    several,
)

from mpfluent import Batch, ConfigurationError, Outbox

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
    sealed = seal.seal(batch, lambda: 1_700_000_000_000, lambda count: map(str, range(count)))
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


# Full, gone and forbidden


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock that opening goes by."""
    clock = Clock()
    monkeypatch.setattr(owner, "monotonic", clock)
    return clock
