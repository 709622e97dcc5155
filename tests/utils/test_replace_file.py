"""Files that are whole, or as they were."""

import os

import pytest
from internals import files


def test_a_file_is_replaced_as_a_whole_and_is_private(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")

    files.replace_file(str(path), ["new", "\n"])

    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["report.json"]


def test_what_is_no_file_stays_what_it_is(tmp_path):
    pipe = tmp_path / "pipe"  # stands for a device, which only root could lose
    os.mkfifo(pipe)

    with pytest.raises(OSError, match="want a file, and this is none"):
        files.replace_file(str(pipe), ["new"])

    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]
