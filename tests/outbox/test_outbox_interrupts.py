"""An interrupt at any moment leaves no lock of an outbox behind, whoever keeps its traceback."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from outboxes import Opened, client_of, parts, several

from mpfluent import Batch, Outbox
from mpfluent.delivery.kept import KeptBatches
from mpfluent.delivery.stats import Acceptance
from mpfluent.outbox import database as outbox_file
from mpfluent.outbox import locks, outbox, recovery
from mpfluent.outbox import owner as outbox_owner
from mpfluent.outbox.rows import OwnedRows

ROOT = Path(__file__).parents[2]
BATCH = Batch.for_user(customer_id="1").event("Searched")


@contextlib.contextmanager
def interrupt(code, line):
    """Raise KeyboardInterrupt when the n-th line of this code is about to run, once.

    A line counts when it begins: at the end of a ``with`` block, Python says that its first line
    runs again, but looks for no signal there. A finalizer does not count: what it raises comes
    out nowhere.
    """
    left = [line]
    seen = set()

    def trace(frame, event, _):
        place = (id(frame), frame.f_lineno)
        in_finalizer = frame.f_back is not None and frame.f_back.f_code.co_name == "__del__"
        if frame.f_code is code and event == "line" and place not in seen and not in_finalizer:
            seen.add(place)
            left[0] -= 1
            if not left[0]:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield left
    finally:
        sys.settrace(before)


def is_free(path):
    """Return whether another thread and another process can be alone with a file."""
    found = []

    def enter():
        gate = locks._here().gate
        found.append(gate.acquire(timeout=5))
        if found[0]:
            gate.release()

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    code = (
        "import fcntl, os, sys; d = os.open(sys.argv[1], os.O_RDWR); "
        "fcntl.lockf(d, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)"
    )
    other = subprocess.run([sys.executable, "-c", code, f"{path}-owners"], capture_output=True)
    return found == [True] and other.stderr == b""


# Where no `with` of a lock is, Python looks for signals between any two lines.
OPENING = [
    locks.exclusive,
    locks._enter,
    locks._Process.use,
    locks._Process.leave,
    locks.hold,
    outbox_file.Database.__init__,
    outbox_file.Database._prepare,
    outbox_owner.Owner.current,
    outbox_owner.Owner._open_file,
    outbox_owner.Owner._settle,
    outbox_owner.Owner._hold,
]
"""Functions without a lock of their own, or whose lock is taken by what calls them."""


def lines_of(function):
    code = function.__code__
    return len({line for _, _, line in code.co_lines() if line is not None})


@pytest.mark.parametrize("function", OPENING, ids=lambda function: function.__qualname__)
def test_an_interrupt_while_the_file_is_opened_is_over_with_the_next_send(function, tmp_path):
    kept = []  # as a prompt keeps the last one
    for line in range(1, lines_of(function) + 1):
        path = tmp_path / f"{line}.db"
        one = Opened(path)
        with interrupt(function.__code__, line) as left:
            try:
                one.ready()
            except KeyboardInterrupt as error:
                kept.append(error)
        if left[0] > 0:  # so many lines do not run
            continue

        row = one.put(several("a"))
        assert row is not None, f"line {line}"
        assert one.failures == []
        one.close()
        with locks._here().guard:
            assert path not in locks._here().files
    assert kept != []


def test_an_interrupt_just_before_the_gate_opens_leaves_it_free(path):
    one = Opened(path)
    with interrupt(locks._enter.__code__, 3), pytest.raises(KeyboardInterrupt) as kept:
        one.ready()

    assert Path(f"{path}-owners").exists()
    assert is_free(path)
    assert kept.value is not None
    one.close()


@pytest.mark.parametrize("action", ["move aside", "make room"])
def test_whatever_is_done_alone_leaves_the_gate_free(action, path, monkeypatch):
    """Everything that is done at the gate, not the opening only."""

    def ctrl_c(*_):
        raise KeyboardInterrupt

    one = Opened(path)
    one.ready()
    if action == "move aside":
        monkeypatch.setattr(recovery, "keep_private", ctrl_c)
        with pytest.raises(KeyboardInterrupt) as kept:
            recovery.move_aside(str(path), locks.file_id(path), 0.0)
    else:
        database = one._owner.current()
        monkeypatch.setattr(outbox_file.Database, "is_there", ctrl_c)
        with pytest.raises(KeyboardInterrupt) as kept:
            database.make_room()
    monkeypatch.undo()

    assert is_free(path)
    assert one.put(several("a")) is not None
    assert kept.value is not None
    one.close()


def test_a_kept_traceback_keeps_no_lock_from_the_workers(path):
    client = client_of(path)
    assert client.send(BATCH).wait(5) is True
    one = client._dispatcher._settlement.kept.outbox
    kept = []
    methods = [one._insert, one._delete, one._transact, one._owner.transact, one._owner.current]
    for method in [*methods, one._owner._database.transact]:
        code = method.__func__.__code__
        for line in range(1, lines_of(method.__func__) + 1):
            with interrupt(code, line):
                try:
                    one.put(several("a"))
                except KeyboardInterrupt as error:
                    kept.append(error)

    assert len(kept) > 20
    assert client.send(BATCH).wait(5) is True
    assert client.stats.outbox_errors == 0
    client.close()


def test_a_closing_that_was_interrupted_is_gone_on_with_where_it_was(tmp_path):
    functions = [Outbox.close.__wrapped__, outbox_owner.Owner.leave, outbox_file.Database.close]
    kept = []
    for function in functions:
        for line in range(1, lines_of(function) + 1):
            path = tmp_path / f"{function.__qualname__}-{line}.db"
            client = client_of(path)
            client.send(BATCH).wait(5)
            with interrupt(function.__code__, line):
                try:
                    client.close()
                except KeyboardInterrupt as error:
                    kept.append(error)

            assert client.close() == (1, 0, 0)
            assert client.stats.outbox_errors == 0, (function, line)
            with locks._here().guard:
                assert str(path) + "-owners" not in locks._here().files
    assert len(kept) > 15


def generators_that_hold():
    """Return the functions of the outbox's part that are generators, which may be suspended."""
    for module in (locks, outbox_file, recovery, outbox_owner, outbox):
        for owner in (module, *(one for one in vars(module).values() if isinstance(one, type))):
            for function in vars(owner).values():
                function = getattr(function, "__wrapped__", function)
                code = getattr(function, "__code__", None)
                if code and function.__module__ == module.__name__ and code.co_flags & 0x20:
                    yield function.__qualname__


def test_no_generator_of_the_outbox_can_hold_a_lock():
    assert {*generators_that_hold()} == {"_readable", "_rows"}  # which take none


def test_what_was_stored_when_an_interrupt_came_is_taken_back(path):
    """Else who is told that it failed, and the next process, which sends it, would not agree."""
    client = client_of(path, 503)
    assert client.send(BATCH).wait(5) is True
    one = client._dispatcher._settlement.kept.outbox
    functions = [
        Outbox.put.__wrapped__,
        Outbox._insert,
        Outbox._transact,
        type(one._owner).transact,
    ]
    functions += [outbox_file.Database.transact, type(client._dispatcher._settlement.kept).store]
    for function in functions:
        for line in range(1, lines_of(function) + 1):
            with interrupt(function.__code__, line), contextlib.suppress(KeyboardInterrupt):
                client.send(BATCH)
    client.flush(0)
    known = {*one._own.held, *one._own.parked}
    rows = one._owner.current().connection.execute("SELECT row FROM rows").fetchall()
    assert {row for (row,) in rows} <= known
    client.close()


def test_what_was_claimed_when_an_interrupt_came_is_delivered_and_counted_all_the_same(tmp_path):
    functions = [Outbox.adopt.__wrapped__, Outbox._claim, OwnedRows.park]
    functions += [Acceptance.__call__, outbox_file.Database.transact, KeptBatches._adopt]
    for function in functions:
        for line in range(1, lines_of(function) + 1):
            path = tmp_path / f"{function.__name__}-{line}.db"
            first = client_of(path, 503)
            first.send(BATCH, BATCH)
            first.flush(5)
            first.close()
            client = client_of(path)
            client._dispatcher._settlement.kept.outbox.ready()
            with interrupt(function.__code__, line), contextlib.suppress(KeyboardInterrupt):
                client.flush(5)

            assert client.flush(5) is True, (function, line)
            assert client.stats[:4] == (2, 2, 0, 0), (function, line)
            client.close()


def test_a_number_that_was_not_stored_is_not_given_again(path):
    first, second = Opened(path), Opened(path)
    (row,) = first.put(several("a"))
    connection = first._owner.current().connection
    connection.execute("PRAGMA query_only = 1")
    assert first.put(several("b")) is None
    connection.execute("PRAGMA query_only = 0")
    (others,) = second.put(several("c"))

    assert first.put(several("d")) == [row + 2]
    first.remove([others])  # nor may one take what another has stored under such a number
    second.park([others])
    assert second.ids() == ["c"]
    first.close()
    second.close()


def test_a_signal_handler_may_use_an_outbox_that_is_in_use(path):
    """It says that it cannot, rather than end what is under way."""
    one = Opened(path)
    inner = []

    def insert(batches, connection):
        inner.append(one.put(several("inner")) if not inner else None)
        return Outbox._insert(one, batches, connection)

    one.ready()
    one._insert = insert
    rows = one.put([("outer", parts("outer"))])
    del one._insert

    assert inner[0] is None
    assert [str(failure) for failure in one.failures] == [
        "the outbox is in use by this very thread"
    ]
    one.park(rows)
    assert one.ids() == ["outer"]
    one.close()


# Real signals

SIGNALS = """
import json, os, random, signal, sys, threading, time
from mpfluent import Outbox
from mpfluent.transport.destination import Destination
from mpfluent.wire.body import Part

folder, how, count, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
chance = random.Random(seed)
kept, failures, lost = [], [], []
hits = number = refused = late = 0
slowest = 0.0
armed = False

class TimeLimit(Exception):
    "Of the caller's, as a job queue raises it."

def handler(*_):
    if armed:
        raise KeyboardInterrupt if how == "SIGINT" else TimeLimit

def batches():
    return [(str(number), (Part(str(number), b'{"x":"y"}', 2),))]

def opened(path):
    outbox = Outbox(path)
    outbox.open(Destination("host", "key"), failures.append, lost.extend)
    return outbox

def shoot():  # signals from a process of its own, as a terminal's are
    import subprocess
    code = "import os, random, sys, time; mine = int(sys.argv[1])" + chr(10)
    code += "while os.getppid() == mine: time.sleep(random.uniform(0, 0.004)); os.kill(mine, 2)"
    return subprocess.Popen([sys.executable, "-c", code, str(os.getpid())])

signal.signal(signal.SIGINT, handler)
signal.signal(signal.SIGALRM, handler)
shooter = shoot() if how == "SIGINT" else None
while hits < count:
    number += 1
    path = os.path.join(folder, f"{number % 40}.db")
    if chance.random() < 0.5:
        for suffix in ("", "-wal", "-shm", "-owners"):
            if os.path.exists(path + suffix):
                os.unlink(path + suffix)
    outbox = opened(path)
    try:
        armed = True
        if how == "SIGALRM":
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00001, 0.004))
        outbox.put(batches())
        armed = False
    except (KeyboardInterrupt, TimeLimit) as error:
        armed = False
        kept.append(error)  # with all its frames, as a prompt keeps the last one
        hits += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    at = time.monotonic()
    done = []
    # from another thread, as a worker comes: it waits for whoever holds a lock
    for work in (lambda: done.append(outbox.put(batches())), outbox.close):
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(30)
        late += thread.is_alive()
    refused += done in ([], [None])
    slowest = max(slowest, time.monotonic() - at)
    if late:
        break
    if len(kept) >= 100:
        kept.clear()
if shooter is not None:
    shooter.kill()
    shooter.wait()
print(json.dumps({
    "hits": hits, "refused": refused, "late": late, "slowest": slowest,
    "failures": [repr(failure) for failure in failures], "number": number,
}))
"""


@pytest.fixture
def quick_disk(tmp_path):
    """A folder in memory, where there is one: a disk is slow to open thousands of files."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.parametrize("how", ["SIGINT", "SIGALRM"])
@pytest.mark.parametrize(
    "count", [30, pytest.param(5_000, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_after_a_real_signal_while_the_file_is_opened_the_next_put_is_stored(
    how, count, quick_disk
):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", SIGNALS, quick_disk, how, str(count), str(count)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=900,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    seen = json.loads(run.stdout)

    assert (seen["hits"], seen["late"], seen["refused"], seen["failures"]) == (count, 0, 0, [])
