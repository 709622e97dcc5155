"""The rejects file of a run that goes on, where somebody else has changed it meanwhile."""

import os
from collections import Counter

import pytest
from table_runs import World, imported, rejected_in
from tables import csv_of, refusing, sent

from mpfluent import Batch, ConfigurationError
from mpfluent.rows import Rows

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


def test_without_a_file_the_checkpoint_counts_what_was_not_delivered(tmp_path):
    path = csv_of(tmp_path / "p.csv", 300)
    rows = Rows.from_csv(path).map(imported_or_none).with_key("policy", job="one")
    rows = rows.with_checkpoint(str(tmp_path / "c"))
    reports = []
    for group in (False, True):
        (tmp_path / "c").unlink(missing_ok=True)
        job = rows.grouped_by("policy", window=70) if group else rows
        reports += [sent(job, refusing('"7"')), sent(job), sent(job)]

    for first, *others in (reports[:3], reports[3:]):
        assert (first.rejected, first.failed, first.delivered) == (30, 1, 269)
        for report in others:
            assert (report.resumed, report.rejected_before, bool(report)) == (300, 31, False)
            assert "an earlier run of the job rejected or gave up 31 rows" in str(report.notes)


def test_what_a_resumed_run_rejects_again_counts_once(tmp_path):
    path = csv_of(tmp_path / "p.csv", 300)
    rows = Rows.from_csv(path).with_key("policy", job="one").with_checkpoint(str(tmp_path / "c"))
    for at in (120, 250):

        def breaking(row, at=at):
            return imported_or_none(row) if row.place.index < at else 1 / 0

        with pytest.raises(ConfigurationError):
            sent(rows.map(breaking))
    report = sent(rows.map(imported_or_none))

    assert report.rejected_before + report.rejected == 30
    assert sent(rows.map(imported_or_none)).rejected_before == 30


def imported_or_none(row):
    """Return what a row means; each tenth row is a reject."""
    return Batch() if row.integer("id") % 10 == 3 else Batch.for_user(customer_id=row.text("id"))


def test_rejects_that_a_later_run_does_not_name_are_not_forgotten(tmp_path):
    path, file = csv_of(tmp_path / "p.csv", 300), str(tmp_path / "r")
    rows = Rows.from_csv(path).map(imported_or_none).with_key("policy", job="one")
    rows = rows.with_checkpoint(str(tmp_path / "c"))
    sent(rows.with_rejects(file))
    without, again = sent(rows), sent(rows.with_rejects(file))

    for report in (without, again):
        assert (report.resumed, report.rejected_before, bool(report)) == (300, 30, False)
    assert without.notes[-1] == (
        "an earlier run of the job rejected or gave up 30 rows and wrote a rejects file; "
        "write with_rejects(…) with its path"
    )
    with open(file, "w"):  # all were sent by resend
        pass
    assert bool(sent(rows.with_rejects(file)))


def test_what_went_to_no_file_but_a_device_is_not_forgotten(tmp_path):
    path = csv_of(tmp_path / "p.csv", 30)
    rows = Rows.from_csv(path).map(imported_or_none).with_key("policy", job="one")
    rows = rows.with_checkpoint(str(tmp_path / "c")).with_rejects(os.devnull)
    sent(rows)

    assert sent(rows).rejected_before == 3
