"""Reports of several tables are one report, and travel between processes."""

import pickle

import pytest

from mpfluent import Batch, Client, RecordingTransport
from mpfluent.rows import Rows, RowsReport


def imported(row):
    return Batch.for_user(customer_id=row.text("id", required=True)).event("Imported")


def report_of(*ids, check=False):
    rows = Rows([{"id": one} for one in ids]).map(imported).with_key("id", job="import")
    if check:
        return rows.check(environment="development")
    with Client("k", "s", environment="development", transport=RecordingTransport()) as client:
        return client.send_all(rows)


def test_a_sum_of_reports_has_every_count():
    one, two = report_of("1", "2", "2", ""), report_of("3", *[""] * 12)
    total = sum([one, two], RowsReport())

    assert (total.rows, total.delivered, total.duplicates, total.rejected) == (17, 3, 1, 13)
    assert total.rejected_by_reason == {"invalid": 13}
    assert (total.batches, total.requests) == (3, 2)
    assert total.rejects == (one.rejects + two.rejects)[:10]
    assert total.seconds == one.seconds + two.seconds
    assert total.notes == one.notes  # both have the same
    assert len(one.notes) == 1
    assert (total.is_check, total.seconds_at_limit) == (False, None)


def test_a_sum_of_checks_is_a_check():
    one = report_of("1", "2", check=True)
    total = sum([one, one], RowsReport())

    assert total.is_check is True
    assert total.seconds_at_limit == 2 * one.seconds_at_limit
    assert "4 would be delivered" in repr(total)


@pytest.mark.parametrize("other", [(1, 2), 0, None], ids=repr)
def test_only_reports_are_added_to_a_report(other):
    with pytest.raises(TypeError):
        RowsReport() + other


def test_reports_are_pickled():
    for report in (RowsReport(), report_of("1", ""), report_of("1", "", check=True)):
        assert pickle.loads(pickle.dumps(report)) == report
