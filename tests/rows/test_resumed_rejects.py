"""The rejects file of a run that goes on, where somebody else has changed it meanwhile."""

from collections import Counter

import pytest
from table_runs import World, imported, rejected_in

ROWS, BROKEN_AT = 600, 450


def broken_off(world, at=BROKEN_AT):
    """Let a run end by an error in the midst."""

    def failing(row):
        if row.place.index == at:
            raise OSError("the network is gone")
        return imported(row)

    with world.client() as client, pytest.raises(Exception, match="the network is gone"):
        world.send(client, world.table(failing))


def before_the_job(path, world):
    """Leave rejects of another job in the file."""
    broken_off(world)
    lines = path.read_bytes().replace(b"policies.csv", b"others.csv")
    path.write_bytes(lines)
    (world.folder / "checkpoint").unlink()
    return len(lines.splitlines())


@pytest.fixture
def world(tmp_path):
    return World("sync", tmp_path, ROWS)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rejects.jsonl"


def test_what_other_jobs_rejected_before_stays(world, path):
    others = before_the_job(path, world)
    broken_off(world)
    before = path.read_bytes().splitlines()
    with world.client() as client:
        world.send(client)
    after = path.read_bytes().splitlines()

    assert after[: len(before)] == before
    assert max(Counter(after).values()) == 1
    assert others > 10


def test_where_the_file_was_moved_away_no_line_of_the_new_one_is_cut(world, path, tmp_path):
    path.write_text(f'{{"file": "{"x" * 300}"}}\n')  # so that the job begins within a later line
    broken_off(world, 150)
    path.rename(tmp_path / "mended.jsonl")
    broken_off(world, BROKEN_AT)
    written = path.read_bytes()
    with world.client() as client:
        report = world.send(client)

    assert report.rows == ROWS
    assert written.count(b"\n") > 5
    assert path.read_bytes().startswith(written)


def test_where_a_line_before_was_taken_out_nothing_of_the_others_is_cut(world, path):
    before_the_job(path, world)
    broken_off(world)
    _, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(rest))
    with world.client() as client:
        world.send(client)

    assert path.read_bytes().startswith(b"".join(rest))
    assert set(rejected_in(world.folder).values()) <= {1, 2}  # others.csv has the same rows
