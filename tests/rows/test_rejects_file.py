"""The rejects file under faults: full disks, kills, forks, and two runs at the same time."""

import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from full_disks import no_file_beyond

from mpfluent import ConfigurationError
from mpfluent.rows.rejects import Reject, RejectsFile, read_rejects

ONE = Reject("policies.csv", 17, 15, "invalid", "visits='x' is not a whole number", {"visits": "x"})
needs_locks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no locks here")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "policies.rejects.jsonl")


def rejects(count, start=0):
    return [ONE._replace(index=index) for index in range(start, start + count)]


def indexes(path):
    return [reject.index for reject in read_rejects(path)]


# Full disks


def refused(path, why="File too large"):
    return (
        f"with_rejects({path!r}): cannot be written: {why}; nothing more was sent; make room, and "
        "run the job again"
    )


@pytest.mark.parametrize("count", [5, 2000], ids=["few", "more than are held back"])
def test_a_disk_that_is_full_is_an_error_of_ours_and_leaves_whole_lines(path, count):
    file = RejectsFile(path)
    file.write(rejects(2))
    file.sync()

    def write():
        file.write(rejects(count, 2))
        file.sync()

    with no_file_beyond(file.size() + 100), pytest.raises(ConfigurationError) as caught:
        write()
    file.close()

    assert str(caught.value) == refused(path)
    assert indexes(path) == [0, 1]


def test_what_could_not_be_written_once_is_never_synced_for_a_part_may_be_lost(path, monkeypatch):
    file = RejectsFile(path)
    file.write(rejects(2))

    def failing(handle):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(ConfigurationError):
            file.sync()
    with pytest.raises(ConfigurationError) as caught:
        file.sync()
    file.close()

    assert str(caught.value) == refused(path, "Input/output error")


def test_a_resumed_run_that_cannot_write_the_file_anew_leaves_it_as_it_was(path):
    file = RejectsFile(path)
    file.write(rejects(200))
    file.sync()
    with no_file_beyond(4000), pytest.raises(ConfigurationError) as caught:
        file.drop(0, lambda reject: reject.index > 190)
    file.close()

    assert str(caught.value) == (
        f"with_rejects({path!r}): cannot be written: File too large; nothing was sent"
    )
    assert indexes(path) == [*range(200)]
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def test_a_device_without_places_is_written_and_nothing_of_it_is_kept():
    file = RejectsFile(os.devnull)
    file.write([ONE])
    file.sync()

    kept = file.drop(0, lambda reject: True)
    file.close()

    assert kept == []


# Kills


def test_of_a_line_that_a_kill_cut_off_nothing_stays_wherever_it_was_cut(path):
    file = RejectsFile(path)
    file.write(rejects(1))
    file.close()
    with open(path, "rb") as read:
        line = read.read()
    for length in range(1, len(line) - 1):
        with open(path, "wb") as write:
            write.write(line + line[:length])
        file = RejectsFile(path)
        file.write(rejects(1, 1))
        file.close()

        assert indexes(path) == [0, 1]


def test_a_whole_line_stays_without_its_end_for_a_program_may_have_written_it_so(path):
    file = RejectsFile(path)
    file.write(rejects(2))
    file.close()
    with open(path, "rb+") as cut:
        cut.truncate(os.path.getsize(path) - 1)
    file = RejectsFile(path)
    file.write(rejects(1, 2))
    file.close()

    assert indexes(path) == [0, 1, 2]


# Ctrl-C


class Interrupted:
    """A file whose call is interrupted, before it or behind it."""

    def __init__(self, file, after):
        self._file, self._after = file, after

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, data):
        if self._after:
            self._file.write(data)
        raise KeyboardInterrupt


@pytest.mark.parametrize("after", [False, True])
def test_a_call_that_ctrl_c_broke_off_is_made_again_at_the_same_place(path, after, monkeypatch):
    file = RejectsFile(path)
    once = SimpleNamespace(is_written=False)
    file.write(rejects(2), once=once)
    with monkeypatch.context() as patch:
        patch.setattr(file, "_file", Interrupted(file._file, after))
        with pytest.raises(KeyboardInterrupt):
            file.sync()
    file.write(rejects(2), once=once)
    file.write(rejects(1, 2))
    file.close()

    assert indexes(path) == [0, 1, 2]


# Two at the same time


def in_another_thread(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


@needs_locks
def test_one_run_writes_the_file_at_a_time(path):
    first = in_another_thread(lambda: RejectsFile(path))
    first.write(rejects(1))
    with pytest.raises(ConfigurationError) as caught:
        RejectsFile(path)
    first.close()
    second = RejectsFile(path)
    second.write(rejects(1, 1))
    second.close()

    assert str(caught.value) == (
        f"with_rejects({path!r}): another run writes this file; wait until it has ended, or write "
        "another path"
    )
    assert indexes(path) == [0, 1]


@needs_locks
def test_what_was_dropped_and_renamed_is_still_one_runs_alone(path):
    def begun():
        file = RejectsFile(path)
        file.write(rejects(3))
        file.drop(0, lambda reject: reject.index == 1)
        return file

    first = in_another_thread(begun)
    with pytest.raises(ConfigurationError, match="another run writes this file"):
        RejectsFile(path)
    first.close()

    assert indexes(path) == [0, 2]


@needs_locks
def test_what_a_broken_off_run_of_this_thread_left_open_is_taken_from_it(path):
    left = RejectsFile(path)
    left.write(rejects(1))
    left.sync()
    file = RejectsFile(path)
    file.write(rejects(1, 1))
    file.close()
    left.write(rejects(1, 2))
    with pytest.raises(ConfigurationError) as caught:
        left.sync()
    left.close()

    assert str(caught.value) == (
        f"with_rejects({path!r}): cannot be written: a later run of this thread writes it; nothing "
        "more was sent; make room, and run the job again"
    )
    assert indexes(path) == [0, 1]


@needs_locks
def test_what_a_killed_run_left_beside_is_removed_by_the_next_one(path):
    beside, other = f"{path}.17.18.new", f"{path}.mine.new"
    for name in (beside, other):
        with open(name, "w", encoding="utf-8") as file:
            file.write("half")
    RejectsFile(path).close()

    assert (os.path.exists(beside), os.path.exists(other)) == (False, True)


def test_where_the_file_system_has_no_locks_the_file_is_written_all_the_same(path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def without(descriptor, how):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", without)
    file = RejectsFile(path)
    file.write([ONE])
    file.close()

    assert [*read_rejects(path)] == [ONE]


@needs_locks
def test_a_file_that_is_replaced_as_it_is_opened_is_opened_again(path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    RejectsFile(path).close()
    lock = fcntl.flock

    def replaced(descriptor, how):
        monkeypatch.setattr(fcntl, "flock", lock)
        os.unlink(path)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", replaced)
    file = RejectsFile(path)
    file.write([ONE])
    file.close()

    assert [*read_rejects(path)] == [ONE]


@needs_locks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # a fork beside threads
def test_a_forked_child_writes_nothing_of_its_parents_and_keeps_nobody_out(path):
    file = RejectsFile(path)
    file.write(rejects(2))
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        os.read(heard, 1)  # until the parent has closed the file
        del file  # as the end of an interpreter does
        gc.collect()
        os._exit(0)
    file.close()
    RejectsFile(path).close()  # though the child has the other one open
    os.close(told)
    status = os.waitpid(child, 0)[1]
    os.close(heard)

    assert status == 0
    assert indexes(path) == [0, 1]


def test_threads_that_open_it_at_once_are_one_after_the_other(path):
    if not hasattr(os, "fork"):
        pytest.skip("no locks here")
    ready, told = threading.Barrier(8), []

    def write(number):
        ready.wait()
        try:
            file = RejectsFile(path)
        except ConfigurationError:
            told.append("refused")
            return
        file.write(rejects(1, number))
        file.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(indexes(path)) + len(told) == 8
