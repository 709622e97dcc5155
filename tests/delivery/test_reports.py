"""The report of ``send_all``: as an error, and as text."""

import pytest
from clients import client_of, failing_for, numbered

from mpfluent import (
    ApiError,
    Batch,
    DeliveryError,
    FunctionTransport,
    RecordingTransport,
    Report,
    Response,
)


def test_a_report_without_failures_raises_nothing():
    for batches in ([], numbered(3)):
        assert client_of().send_all(batches).raise_for_failures() is None


def test_what_failed_is_one_error_with_the_report_and_the_first_as_its_cause():
    report = client_of(failing_for("1", "3")).send_all(numbered(5))
    with pytest.raises(DeliveryError) as caught:
        report.raise_for_failures()

    error = caught.value
    assert type(error) is DeliveryError
    assert str(error) == (
        "2 of 5 batches failed: 2 rejected; the first: mParticle answered 400 Bad Request"
    )
    assert (error.reason, error.status_code, error.report) == ("rejected", 400, report)
    assert error.__cause__ is report.failures[0]
    assert error.batch is report.failures[0].batch
    assert type(error.__cause__) is ApiError


def test_the_reasons_are_counted_the_largest_first():
    huge = Batch.for_user(customer_id="1").breadcrumb("x" * 200_000)
    report = client_of(failing_for("1")).send_all([*numbered(3), huge, huge])
    with pytest.raises(DeliveryError) as caught:
        report.raise_for_failures()

    assert str(caught.value).startswith("3 of 5 batches failed: 2 too_large, 1 rejected; the first")
    assert repr(report).splitlines()[0] == (
        "Report(submitted=5, delivered=2, failed=3): 2 too_large, 1 rejected"
    )


def test_it_can_be_raised_again_and_again():
    report = client_of(RecordingTransport(400)).send_all(numbered(1))
    errors = []
    for _ in range(2):
        with pytest.raises(DeliveryError) as caught:
            report.raise_for_failures()
        errors.append(caught.value)

    assert errors[0] is not errors[1]
    assert str(errors[0]) == str(errors[1])


@pytest.mark.parametrize("count", [0, 1, 5, 6, 100, 1000])
def test_the_text_has_fewer_than_ten_lines_however_many_failed(count):
    transport = FunctionTransport(lambda request: 400 if count else 202)
    report = client_of(transport).send_all(numbered(count or 7))
    lines = repr(report).splitlines()

    assert len(lines) < 10
    assert all(len(line) < 250 for line in lines)
    assert str(report) == repr(report)
    first = f"Report(submitted={count or 7}, delivered={0 if count else 7}, failed={count})"
    assert lines[0] == first + (f": {count:,} rejected" if count else "")
    assert lines[1:6] == ["  rejected: mParticle answered 400 Bad Request"] * min(count, 5)
    assert lines[6:] == [f"  and {count - 5:,} more; on_failed gets each of them"] * (count > 5)


def test_a_text_of_the_server_breaks_no_line():
    body = b'{"errors":[{"code":"X","message":"a\\nb\\u001b[31m' + b"y" * 5000 + b'"}]}'
    report = client_of(RecordingTransport(Response(400, {}, body))).send_all(numbered(1))

    lines = repr(report).splitlines()
    assert len(lines) == 2
    assert "\x1b" not in lines[1]
    assert len(lines[1]) < 250


@pytest.mark.parametrize(
    ("report", "is_true"),
    [
        (Report(), True),
        (Report(2, 2), True),
        (Report(2, 1, handed_over=1), True),
        (Report(2, 1, 1), False),
        (Report(2, 1, 0, 1), False),
    ],
)
def test_a_report_is_true_if_nothing_failed_and_nothing_is_pending(report, is_true):
    assert bool(report) is is_true
