"""A rate limit in a file: processes of one machine keep to one pace, whatever happens to it."""

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
import types

import pytest
from internals import shared_rate_limit
from log_records import text_of
from outboxes import Clock

from mpfluent import RateLimit

HOLDER = """
import os, sys
from mpfluent.delivery import shared_rate_limit
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
shared_rate_limit._lock(descriptor)
print("held", flush=True)
sys.stdin.read()
"""
TAKER = """
import sys, time
from mpfluent import RateLimit
pace = RateLimit(float(sys.argv[2]), burst=1, shared=sys.argv[1])
print(*[pace.take(int(batches)) for batches in sys.argv[3:]])
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rate.limit"


def sharing(path, rate=100, clock=None, **options):
    return RateLimit(rate, burst=1, shared=path, clock=clock, **options)


def taken_elsewhere(path, *batches, rate=100):
    """Return what another process is answered."""
    arguments = [sys.executable, "-c", TAKER, str(path), str(rate), *map(str, batches)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return [float(seconds) for seconds in done.stdout.split()]


@pytest.fixture
def holder(path):
    """Another process that holds the file's lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    with process:
        yield process
        process.kill()


def test_another_process_waits_for_what_this_one_took(path):
    assert sharing(path, 1).take(50) == 0.0

    assert 0 < taken_elsewhere(path, 1, rate=1)[0] <= 50


def test_this_process_waits_for_what_another_one_took(path):
    assert taken_elsewhere(path, 50, rate=1) == [0.0]

    assert 0 < sharing(path, 1).take(1) <= 50


def test_two_of_one_process_share_it_too(path):
    clock = Clock()
    sharing(path, clock=clock).take(100)

    assert sharing(path, clock=clock).take(1) == pytest.approx(1)


def test_nothing_is_made_before_it_is_needed_and_then_for_the_user_alone(path):
    pace = sharing(path)
    assert not path.exists()
    pace.take(1)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_many_threads_take_no_more_than_there_is(path):
    paces = [RateLimit(1, burst=40, shared=path, clock=Clock()) for _ in range(4)]
    taken = []

    def take(pace):
        taken.extend(pace.take(1) == 0 for _ in range(25))

    threads = [threading.Thread(target=take, args=[pace]) for pace in paces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(taken) == 40


def test_no_descriptor_stays_open(path):
    pace = sharing(path)
    pace.take(1)
    before = os.listdir("/proc/self/fd")
    for _ in range(50):
        pace.take(1)

    assert os.listdir("/proc/self/fd") == before


# Clocks


def test_a_clock_that_is_set_back_lets_nobody_wait_longer(path):
    clock = Clock()
    pace, other = sharing(path, clock=clock), sharing(path, clock=clock)
    pace.take(100)
    clock.now -= 1e9

    assert other.take(1) == pytest.approx(1)
    clock.now += 1.001
    assert pace.take(1) == 0.0


def test_a_clock_that_is_set_forward_lets_one_burst_through(path):
    clock = Clock()
    pace = RateLimit(100, burst=5, shared=path, clock=clock)
    pace.take(100)
    clock.now += 1e9

    assert [pace.take(1) == 0 for _ in range(6)] == [True] * 5 + [False]


# Files that are not as they should be


def told_of(path, before=None):
    """Return what two questions about a file are answered, and what the log says of them."""
    if before is not None:
        path.write_bytes(before)
    pace = sharing(path, clock=Clock())
    with text_of("%(message)s (%(error)s)") as lines:
        seconds = [pace.take(100), pace.take(1)]
    return seconds, lines.getvalue().replace(str(path), "PATH")


NOT_USED = "the rate limit's file 'PATH' cannot be used ({}): this process keeps to the limit alone"
DAMAGED = "the rate limit's file 'PATH' was damaged, and begins anew (None)\n"


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[:-1],
        lambda line: line[:40],
        lambda line: line.replace(b"1", b"9"),
        lambda line: line[:30] + b"\0" * 40 + line[70:],
        lambda line: line[:22] + b"nan inf 00000000\n",
        lambda line: line[:22] + b"\xff" * 74,
        lambda line: line[:22] + b"1e400 " * 12,
    ],
)
def test_a_damaged_file_begins_anew_and_is_told_once(path, damage):
    sharing(path, 1e-9).take(100)
    line = path.read_bytes()
    # the mark stays: without it, it would be another program's file
    damaged = line[:22] + damage(line)[22:]
    seconds, log = told_of(path, damaged)

    assert seconds == [0.0, pytest.approx(1)]
    assert log == DAMAGED


@pytest.mark.parametrize("before", [b"", b"\0" * 96, b"\0" * 5000])
def test_an_empty_file_is_a_new_one(path, before):
    seconds, log = told_of(path, before)

    assert seconds == [0.0, pytest.approx(1)]
    assert log == ""


@pytest.mark.parametrize("before", [b"customer_id,plan\n1,pro\n", b"x", b"mpfluent rate limit 2 "])
def test_another_programs_file_is_never_touched(path, before):
    seconds, log = told_of(path, before)

    assert seconds == [0.0, pytest.approx(1)]
    assert path.read_bytes() == before
    assert log == NOT_USED.format("this is another program's file") + " (OSError)\n"


def test_what_is_no_file_is_not_used_and_not_waited_for(path):
    os.mkfifo(path)
    seconds, log = told_of(path)

    assert seconds == [0.0, pytest.approx(1)]
    assert log == NOT_USED.format("this is no file") + " (OSError)\n"


def test_a_folder_that_went_away_is_told(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "rate.limit"
    pace = sharing(path, clock=Clock())
    folder.rmdir()
    with text_of("%(message)s (%(error)s)") as lines:
        seconds = [pace.take(100), pace.take(1)]

    assert seconds == [0.0, pytest.approx(1)]
    wanted = NOT_USED.format("No such file or directory").replace("PATH", str(path))
    assert lines.getvalue() == f"{wanted} (FileNotFoundError)\n"


def raising(number):
    def call(*_):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize(
    ("where", "number", "name"),
    [
        ("open", errno.EACCES, "PermissionError"),  # another user's
        ("open", errno.EROFS, "OSError"),
        ("open", errno.EMFILE, "OSError"),
        ("read", errno.EIO, "OSError"),
        ("write", errno.ENOSPC, "OSError"),
        ("write", errno.EFBIG, "OSError"),
    ],
)
def test_a_file_that_fails_is_told_once_and_the_process_keeps_the_pace(
    path, monkeypatch, where, number, name
):
    fake = types.SimpleNamespace(**vars(os))
    setattr(fake, where, raising(number))
    monkeypatch.setattr(shared_rate_limit, "os", fake)
    seconds, log = told_of(path)

    assert seconds == [0.0, pytest.approx(1)]
    assert log == NOT_USED.format(os.strerror(number)) + f" ({name})\n"


def test_a_disk_that_takes_half_a_line_is_told(path, monkeypatch):
    fake = types.SimpleNamespace(**vars(os))
    fake.write = lambda descriptor, line: os.write(descriptor, line[:10])
    monkeypatch.setattr(shared_rate_limit, "os", fake)
    seconds, log = told_of(path)

    assert seconds == [0.0, pytest.approx(1)]
    assert log == NOT_USED.format("the disk is full") + " (OSError)\n"
    monkeypatch.undo()
    assert sharing(path).take(1) == 0.0  # and goes on where there is room


def test_a_system_without_locks_is_told(path, monkeypatch):
    monkeypatch.setattr(shared_rate_limit, "fcntl", None)
    seconds, log = told_of(path)

    assert seconds == [0.0, pytest.approx(1)]
    assert log == NOT_USED.format("this system has no locks") + " (OSError)\n"


def test_windows_locks_a_byte_that_nobody_reads(path, monkeypatch):
    calls = []

    def locking(descriptor, mode, count):
        calls.append((mode, count, os.lseek(descriptor, 0, os.SEEK_CUR)))

    windows = types.SimpleNamespace(LK_NBLCK="lock", LK_UNLCK="unlock", locking=locking)
    monkeypatch.setattr(shared_rate_limit, "fcntl", None)
    monkeypatch.setattr(shared_rate_limit, "msvcrt", windows)
    clock = Clock()

    assert [sharing(path, clock=clock).take(100) for _ in range(2)] == [0.0, pytest.approx(1)]
    assert calls == [("lock", 1, 4096), ("unlock", 1, 4096)] * 2


# Processes that end, stop and fork while they hold it


def test_a_process_that_is_killed_while_it_holds_the_lock_holds_nobody_up(path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    seconds, log = told_of(path)

    assert seconds == [0.0, pytest.approx(1)]
    assert log == ""


def test_a_process_that_stops_while_it_holds_the_lock_holds_nobody_up(path, holder, monkeypatch):
    monkeypatch.setattr(shared_rate_limit, "_TRIES", 3)
    holder.send_signal(signal.SIGSTOP)
    seconds, log = told_of(path)

    assert seconds == [0.0, pytest.approx(1)]
    assert log == NOT_USED.format("another process holds its lock") + " (TimeoutError)\n"


def test_a_lock_is_waited_for(path, holder, monkeypatch):
    def sleep(seconds):
        holder.kill()
        holder.wait()

    monkeypatch.setattr(shared_rate_limit, "time", types.SimpleNamespace(sleep=sleep))
    seconds, log = told_of(path)

    assert seconds == [0.0, pytest.approx(1)]
    assert log == ""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("shared", [True, False])
def test_a_child_that_is_forked_while_a_thread_asks_can_ask(path, shared):
    pace = sharing(path if shared else None)
    # as if another thread held them at the moment of the fork
    held = [pace._lock, shared_rate_limit.process_lock()]
    ready, over = threading.Event(), threading.Event()

    def hold():
        for lock in held:
            lock.acquire()
        ready.set()
        over.wait()
        for lock in held:
            lock.release()

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait()
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        os._exit(0 if pace.take(1) >= 0 else 1)
    over.set()
    thread.join()

    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_keeps_no_lock_of_a_parent_that_dies(path):
    """The parent is killed while it holds the lock, and has a child that lives on."""
    code = f"""
import os, signal, time
from mpfluent.delivery import shared_rate_limit
real = shared_rate_limit._take
def take(*arguments):
    if not os.fork():
        print("child", flush=True)
        time.sleep(60)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
shared_rate_limit._take = take
from mpfluent import RateLimit
RateLimit(100, shared={str(path)!r}).take(1)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert parent.stdout.readline() == "child\n"
        parent.wait()
        seconds, log = told_of(path)
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.stdout.close()

    assert seconds == [0.0, pytest.approx(1)]
    assert log == ""


def test_the_lock_is_one_that_a_child_does_not_inherit(path):
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    shared_rate_limit._lock(descriptor)
    pid = os.fork()
    if not pid:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 4096)
        except OSError:
            os._exit(0)
        os._exit(1)
    status = os.waitpid(pid, 0)[1]
    os.close(descriptor)

    assert status == 0
