"""The report of a table: as an error, as text, and as true or false."""

import pytest
from tables import ROWS, imported, refusing, sent, table

from mpfluent import DeliveryError, InvalidBatch
from mpfluent.rows import Rows, RowsReport

NOBODY = {"id": "", "plan": "pro"}


def test_a_report_is_true_if_all_arrived():
    assert bool(sent(table())) is True
    assert bool(sent(table([*ROWS, ROWS[0]]).with_key("id", job="one"))) is True
    assert bool(sent(table([*ROWS, NOBODY]))) is False
    assert bool(sent(table(), refusing('"3"'))) is False
    assert bool(RowsReport(rows=5, delivered=5, pending=1)) is False


def test_a_report_without_failures_raises_nothing():
    for rows in (table(), table([]), table(ROWS, lambda row: None)):
        assert sent(rows).raise_for_failures() is None


def test_rows_that_were_rejected_are_one_error_with_the_report():
    report = sent(table([*ROWS, NOBODY, NOBODY]))
    with pytest.raises(InvalidBatch) as caught:
        report.raise_for_failures()

    assert type(caught.value) is InvalidBatch
    assert str(caught.value) == (
        "of 7 rows, 2 rejected (2 nobody); the first: rows:6: the row identifies nobody; "
        "write map(…, allow_nobody=True) to send it"
    )
    assert caught.value.report is report


def test_rows_that_failed_are_an_error_of_delivery_with_the_commonest_reason():
    report = sent(table([*ROWS, NOBODY]), refusing('"3"', '"4"'))
    with pytest.raises(DeliveryError) as caught:
        report.raise_for_failures()

    assert str(caught.value) == (
        "of 6 rows, 2 failed (2 rejected) and 1 rejected (1 nobody); the first: rows:6: the row "
        "identifies nobody; write map(…, allow_nobody=True) to send it"
    )
    assert (caught.value.reason, caught.value.report) == ("rejected", report)


def test_a_dry_run_raises_what_would_be_rejected():
    with pytest.raises(InvalidBatch, match=r"^of 6 rows, 1 rejected \(1 nobody\); the first: "):
        table([*ROWS, NOBODY]).check().raise_for_failures()


@pytest.mark.parametrize("count", [0, 1, 3, 10, 500])
def test_the_text_has_fewer_than_ten_lines_however_many_went_wrong(count, tmp_path):
    bad = [{"id": "" if n % 2 else f"{n}", "plan": "x" * 500 + "\n" * 9} for n in range(count)]
    report = sent(table([*ROWS, *bad]).with_key("plan", job="one"), refusing('"0"'))
    for shown in (report, table([*ROWS, *bad]).check()):
        lines = repr(shown).splitlines()
        assert len(lines) < 10
        assert str(shown) == repr(shown)
        assert all(len(line) < 300 for line in lines)


def test_the_text_says_each_kind_and_the_first_rejects(tmp_path):
    rows = [*ROWS, ROWS[0], NOBODY, {"id": "left out"}, {"id": "9", "plan": {1}}]

    def mapping(row):
        return None if row["id"] == "left out" else imported(row)

    path = tmp_path / "rejects.jsonl"
    keyed = table(rows, mapping).with_key("id", job="one").with_rejects(path)
    report = sent(keyed, refusing('"3"'))._replace(seconds=1.25)

    assert repr(report) == (
        "9 rows: 4 delivered, 1 failed (1 rejected), 2 rejected (1 invalid, 1 nobody), "
        "1 duplicate, 1 skipped\n"
        f"5 batches, {report.requests} requests, 1.2 s\n"
        "  rows:7: the row identifies nobody; write map(…, allow_nobody=True) to send it\n"
        "  rows:9: event(attributes['plan']={1}): attributes are flat: want a string, number or "
        "boolean, got set; write json.dumps(…)\n"
        "  rows:4: mParticle answered 400 Bad Request"
    )


def test_the_text_of_a_dry_run_says_what_it_would_take():
    report = table().with_key("policy", job="one").check(rate_limit=0.5)

    assert repr(report) == (
        f"5 rows: 5 would be delivered\n5 batches, {report.bytes:,} bytes, 10 s at the rate limit"
    )


def test_a_report_keeps_the_first_ten_rejects_only():
    report = sent(Rows([NOBODY] * 1000).map(imported))

    assert [reject.index for reject in report.rejects] == list(range(10))
    assert report.rejected == 1000
