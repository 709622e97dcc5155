"""Reports of many partitions are one report, and travel between processes."""

import pickle

import pytest
from clients import BATCH, client_of, failing_for, numbered
from hypothesis import given
from hypothesis import strategies as st

from mpfluent import CloseReport, DeliveryError, Report, Stats
from mpfluent.errors import REASONS

COUNTS = st.integers(0, 300)


@st.composite
def reports(draw):
    reasons = draw(st.dictionaries(st.sampled_from(REASONS), st.integers(1, 300)))
    delivered, pending, failed = draw(COUNTS), draw(COUNTS), sum(reasons.values())
    failures = [DeliveryError(reason=reason) for reason, n in reasons.items() for _ in range(n)]
    return Report(
        submitted=delivered + failed + pending,
        delivered=delivered,
        failed=failed,
        pending=pending,
        failed_by_reason=reasons,
        failures=tuple(failures[:100]),
    )


@given(st.lists(reports(), max_size=5))
def test_a_sum_of_reports_has_every_count(some):
    total = sum(some, Report())

    for name in ("submitted", "delivered", "failed", "pending"):
        assert getattr(total, name) == sum(getattr(report, name) for report in some)
    for reason in REASONS:
        counts = [report.failed_by_reason.get(reason, 0) for report in some]
        assert total.failed_by_reason.get(reason, 0) == sum(counts)
    assert total.failures == sum((report.failures for report in some), ())[:100]


@given(reports(), reports(), reports())
def test_it_does_not_matter_in_which_pairs_reports_are_added(one, two, three):
    assert (one + two) + three == one + (two + three)
    assert Report() + one == one + Report() == one


def test_a_sum_of_reports_changes_none_of_them():
    report = client_of(failing_for("3")).send_all(numbered(3) + numbered(5)[3:])
    total = report + report

    assert (total.submitted, report.submitted) == (10, 5)
    assert total.failed_by_reason == {"rejected": 2 * report.failed}
    with pytest.raises(TypeError):
        total.failed_by_reason["rejected"] = 0


@pytest.mark.parametrize("other", [(1, 2), 0, None, Stats()], ids=repr)
def test_only_reports_are_added_to_a_report(other):
    with pytest.raises(TypeError):
        Report() + other


def test_statistics_are_pickled():
    client = client_of(failing_for("1"))
    client.send_all(numbered(3))
    again = pickle.loads(pickle.dumps(client.stats))

    assert again == client.stats
    assert (type(again), again.failed_by_reason) == (Stats, {"rejected": 1})
    with pytest.raises(TypeError):
        again.failed_by_reason["rejected"] = 0


def test_reports_are_pickled():
    client = client_of()
    report = client.send_all(numbered(3))

    assert pickle.loads(pickle.dumps(report)) == report
    assert pickle.loads(pickle.dumps(client.close())) == CloseReport(3, 0, 0)


def test_the_failures_of_a_report_are_pickled_with_their_batches():
    report = client_of(failing_for("1")).send_all([BATCH])
    again = pickle.loads(pickle.dumps(report))

    (ours,), (theirs,) = report.failures, again.failures
    assert again[:5] == report[:5]
    assert (str(theirs), theirs.reason, theirs.batch) == (str(ours), ours.reason, ours.batch)
    assert repr(again) == repr(report)
    assert (again + report).failed == 2
