"""A checkpoint says how far a run came, and never more."""

import json
import os
import stat
import sys

import pytest

from mpfluent import ConfigurationError
from mpfluent.rows.checkpoint import CheckpointFile, Position, check_fits

HERE = Position(200, "sha256:1f", "policies 2026-11")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "policies.checkpoint")


def test_there_is_none_before_the_first_run(path):
    assert CheckpointFile(path).load() is None


def test_what_was_saved_last_is_loaded(path):
    file = CheckpointFile(path)
    file.save(HERE)
    file.save(HERE._replace(rows=300))

    assert CheckpointFile(path).load() == HERE._replace(rows=300)


def test_nobody_else_may_read_it_and_nothing_is_left_beside(path):
    CheckpointFile(path).save(HERE)

    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(os.path.dirname(path)) == ["policies.checkpoint"]


def test_where_it_cannot_be_written_the_one_before_stays(path, monkeypatch):
    file = CheckpointFile(path)
    file.save(HERE)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError) as caught:
        file.save(HERE._replace(rows=300))

    assert str(caught.value) == (
        f"with_checkpoint({path!r}): cannot be written: No space left on device; nothing more was "
        "sent; the next run begins at the checkpoint before"
    )

    assert file.load() == HERE
    assert os.listdir(os.path.dirname(path)) == ["policies.checkpoint"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        '{"rows": 1}',
        json.dumps({**HERE._asdict(), "rows": "200"}),
        json.dumps({**HERE._asdict(), "rows": -1}),
        json.dumps({**HERE._asdict(), "table": None}),
        "[" * 100_000,
    ],
)
def test_a_file_that_is_none_is_an_error_that_says_what_to_do(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    with pytest.raises(ConfigurationError) as caught:
        CheckpointFile(path).load()

    assert str(caught.value) == (
        f"with_checkpoint({path!r}): the file is no checkpoint of mpfluent; "
        "write another path, or delete the file to begin at the first row"
    )


def test_bytes_that_are_no_text_are_no_checkpoint(path):
    with open(path, "wb") as file:
        file.write(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is no checkpoint of mpfluent"):
        CheckpointFile(path).load()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_what_gives_bytes_without_an_end_or_none_is_not_read(tmp_path):
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    for path in (pipe, "/dev/zero", "/dev/null"):
        with pytest.raises(ConfigurationError, match="is no checkpoint of mpfluent"):
            CheckpointFile(path).load()


def test_a_long_file_is_no_checkpoint(path):
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps({**HERE._asdict(), "job": "j" * 2**24}))
    with pytest.raises(ConfigurationError, match="is no checkpoint of mpfluent"):
        CheckpointFile(path).load()


def test_a_folder_cannot_be_read(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        CheckpointFile(tmp_path).load()

    assert str(caught.value) == (
        f"with_checkpoint({str(tmp_path)!r}): cannot be read: Is a directory"
    )


def test_one_of_the_same_job_and_table_fits():
    check_fits(HERE._replace(rows=200), HERE, "p")


def test_one_of_another_job_does_not_fit():
    with pytest.raises(ConfigurationError) as caught:
        check_fits(HERE, HERE._replace(job="policies 2026-12"), "p.checkpoint")

    assert str(caught.value) == (
        "with_checkpoint('p.checkpoint'): it is of the job 'policies 2026-11', and this is "
        "'policies 2026-12'; write another path for each job, or delete the file"
    )


def test_one_of_another_table_does_not_fit():
    with pytest.raises(ConfigurationError) as caught:
        check_fits(HERE, HERE._replace(table="sha256:2e"), "p.checkpoint")

    assert str(caught.value) == (
        "with_checkpoint('p.checkpoint'): it is of a table with other content; "
        "write another path, or delete the file to begin at the first row"
    )


def test_one_of_another_api_key_does_not_fit():
    with pytest.raises(ConfigurationError) as caught:
        check_fits(HERE, HERE._replace(api_key="2f"), "p.checkpoint")

    assert str(caught.value) == (
        "with_checkpoint('p.checkpoint'): it is of another API key; "
        "write another path for each, or delete the file to begin at the first row"
    )


def test_one_where_no_row_is_settled_fits_each_api_key():
    check_fits(HERE._replace(rows=0), HERE._replace(api_key="2f"), "p")
