"""Progress and the checkpoint go on where no row has a batch."""

import pytest
from clients import client_of
from tables import csv_of, imported

from mpfluent import Batch
from mpfluent.rows import Rows

MAPPINGS = {
    "skipped": lambda row: None,
    "rejected": lambda row: Batch(),
    "delivered": imported,
}


class Kept:
    """A checkpoint in memory, which keeps each position."""

    def __init__(self):
        self.positions = []

    def load(self):
        return self.positions[-1] if self.positions else None

    def save(self, position):
        self.positions.append(position)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr("mpfluent.client.send_all._EVERY", 0.0)


def run_of(path, name, checkpoint):
    rows = Rows.from_csv(path).map(MAPPINGS[name]).with_key("policy", job="one")
    told = []
    with client_of() as client:
        client.send_all(rows.with_checkpoint(checkpoint), progress=told.append)
    return told


@pytest.mark.parametrize("name", ["skipped", "rejected"])
def test_rows_without_a_batch_are_told_and_saved_as_they_are_read(tmp_path, name):
    checkpoint = Kept()
    told = run_of(csv_of(tmp_path / "p.csv"), name, checkpoint)

    assert [getattr(report, name) for report in told] == [1, 2, 3, 4, 5, 5]
    assert [position.rows for position in checkpoint.positions] == [0, 1, 2, 3, 4, 5]


def test_rows_that_are_resumed_are_told_as_they_are_read(tmp_path):
    checkpoint = Kept()
    path = csv_of(tmp_path / "p.csv")
    run_of(path, "delivered", checkpoint)
    told = run_of(path, "delivered", checkpoint)

    assert [report.resumed for report in told] == [1, 2, 3, 4, 5, 5]
    assert checkpoint.positions[-1].rows == 5


def test_what_a_slow_mapping_made_of_a_row_does_not_wait_for_the_rows_after_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("mpfluent.rows.run._AHEAD_SECONDS", -1.0)
    told, seen = [], []

    def mapping(row):
        seen.append(len(told))

    rows = Rows.from_csv(csv_of(tmp_path / "p.csv")).map(mapping).with_key("policy", job="one")
    with client_of() as client:
        client.send_all(rows, progress=told.append)

    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("group", [False, True])
def test_rows_with_a_batch_are_told_while_they_are_mapped(tmp_path, monkeypatch, group):
    monkeypatch.setattr("mpfluent.rows.run._AHEAD_SECONDS", -1.0)
    told, seen = [], []

    def mapping(row):
        seen.append(len(told))
        return imported(row)

    rows = Rows.from_csv(csv_of(tmp_path / "p.csv")).map(mapping).with_key("policy", job="one")
    with client_of() as client:
        client.send_all(rows.grouped_by("id") if group else rows, progress=told.append)

    assert seen == ([1, 2, 3, 4, 5] if group else [0, 1, 2, 3, 4])
