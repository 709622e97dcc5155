"""A disk that is full in the midst of a table's run: it stops, and the next one does the rest."""

import os

import pytest
from full_disks import disk, no_file_beyond
from internals import send_all
from table_runs import World, imported, rejected_in, wrong_report

from mpfluent import ConfigurationError

MODES = ["sync", "threaded", "grouped"]
FULL = "No space left on device"


@pytest.fixture(autouse=True)
def saves_often(monkeypatch):
    monkeypatch.setattr(send_all, "_EVERY", 0.001)


@pytest.fixture
def world(request, tmp_path):
    return World(request.param, tmp_path, 1200)


def stopped(world, rows=None):
    """Return the error that ends a run; its report adds up, and nothing was lost until then."""
    with world.client() as client, pytest.raises(ConfigurationError) as caught:
        world.send(client, rows)
    assert wrong_report(caught.value.report) == []
    assert world.wrong_now() == []
    return caught.value


def rejects_path(world):
    return str(world.folder / "rejects.jsonl")


@pytest.mark.parametrize("mode", MODES)
def test_on_a_disk_that_gets_full_the_run_stops_and_goes_on_when_there_is_room(mode, tmp_path):
    folder = tmp_path / "small"
    with disk(folder, "128k") as grow:
        world = World(mode, folder, 1200)
        found = os.statvfs(folder)
        (folder / "ballast").write_bytes(bytes(found.f_bavail * found.f_frsize - 20_480))
        error = stopped(world)
        grow("10m")

        assert FULL in str(error)
        assert str(error).startswith(("with_rejects('", "with_checkpoint('"))
        assert error.report.rows < 1200
        assert world.wrong_at_end() == []


@pytest.mark.parametrize("world", MODES, indirect=True)
def test_where_only_the_rejects_do_not_fit_the_checkpoint_passes_none_of_them(world):
    with no_file_beyond(40_000 if world.mode == "grouped" else 14_000):
        error = stopped(world)

    assert str(error) == (
        f"with_rejects({rejects_path(world)!r}): cannot be written: File too large; nothing more "
        "was sent; make room, and run the job again"
    )
    assert error.report.rows < 1200
    assert len(rejected_in(world.folder)) > 5
    assert world.wrong_at_end() == []


@pytest.mark.parametrize("world", MODES, indirect=True)
def test_where_only_the_checkpoint_cannot_be_written_the_one_before_stays(world):
    folder, beside = world.folder / "checkpoints", world.folder / "moved"
    folder.mkdir()

    def moving(row):
        if row.place.index == 700:
            folder.rename(beside)
        return imported(row)

    path = str(folder / "checkpoint")
    error = stopped(world, world.table(moving).with_checkpoint(path))

    assert str(error) == (
        f"with_checkpoint({path!r}): cannot be written: No such file or directory; nothing more "
        "was sent; the next run begins at the checkpoint before"
    )
    beside.rename(folder)
    with world.client() as client:
        report = world.send(client, world.table().with_checkpoint(path))
    (world.folder / "checkpoint").unlink(missing_ok=True)
    os.rename(path, world.folder / "checkpoint")

    assert 0 < report.resumed < 1200
    assert world.wrong_at_end() == []


@pytest.mark.parametrize("world", ["sync", "threaded"], indirect=True)
def test_where_the_first_checkpoint_cannot_be_written_nothing_is_sent(world):
    path = str(world.folder / "no folder" / "checkpoint")
    error = stopped(world, world.table().with_checkpoint(path))

    assert str(error).startswith(f"with_checkpoint({path!r}): cannot be written: No such file")
    assert (error.report.rows, world.taken) == (0, {})


def test_a_run_that_cannot_take_out_what_it_reads_again_sends_nothing(tmp_path):
    world = World("sync", tmp_path, 1200)

    def failing(row):
        if row.place.index == 900:
            raise OSError("the network is gone")
        return imported(row)

    stopped(world, world.table(failing))
    with open(rejects_path(world), "r+b") as file:  # as a run that was killed leaves it
        last = [*file][-1]
        file.write(last.replace(b'"index":', b'"index":9'))
    before, sent = rejected_in(world.folder), len(world.taken)
    with no_file_beyond(5_000):
        error = stopped(world)

    assert str(error) == (
        f"with_rejects({rejects_path(world)!r}): cannot be written: File too large; nothing was "
        "sent"
    )
    assert (rejected_in(world.folder), len(world.taken)) == (before, sent)
    assert world.wrong_at_end() == []
