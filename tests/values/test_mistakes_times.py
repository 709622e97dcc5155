"""Times that name no moment, the errors' texts, and the three ways to write a time."""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from datetime import UTC, date, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistake_tables import (
    BATCH,
    HUGE,
    INFINITY,
    NAN,
    NOW,
    NOW_MS,
    Array,
    Mute,
    MuteText,
    Whole,
    assert_error,
    mistakes,
)

from mpfluent import AppEvent, GDPRConsentState, InvalidTime, InvalidValue, Product, Session

MOMENT = datetime.datetime(2026, 11, 23, 10, 15, tzinfo=UTC)


@mistakes(
    (
        lambda: BATCH.event("Searched", at=-1552596256),
        InvalidTime,
        "at=-1552596256 looks like seconds since the epoch; mParticle wants milliseconds: "
        "write at=-1552596256000",
    ),
    (
        lambda: BATCH.event("Searched", at=Whole(1552596256)),
        InvalidTime,
        "at=whole(1552596256) looks like seconds since the epoch; mParticle wants milliseconds: "
        "write at=1552596256000",
    ),
    (
        lambda: BATCH.event("Searched", session_start_unixtime_ms=1552596256),
        InvalidTime,
        "session_start_unixtime_ms=1552596256 looks like seconds since the epoch; mParticle wants "
        "milliseconds: write session_start_unixtime_ms=1552596256000",
    ),
    (
        lambda: Product("sku-1", added_to_cart_time_ms=1552596256),
        InvalidTime,
        "added_to_cart_time_ms=1552596256 looks like seconds since the epoch; mParticle wants "
        "milliseconds: write added_to_cart_time_ms=1552596256000",
    ),
    (
        lambda: BATCH.with_device(att_timestamp_unixtime_ms=1552596256),
        InvalidTime,
        "att_timestamp_unixtime_ms=1552596256 looks like seconds since the epoch; mParticle wants "
        "milliseconds: write att_timestamp_unixtime_ms=1552596256000",
    ),
    (
        lambda: GDPRConsentState(True, 1552596256),
        InvalidTime,
        "timestamp_unixtime_ms=1552596256 looks like seconds since the epoch; mParticle wants "
        "milliseconds: write timestamp_unixtime_ms=1552596256000",
    ),
    (
        lambda: BATCH.with_gdpr_consent("marketing", True, at=1552596256),
        InvalidTime,
        "at=1552596256 looks like seconds since the epoch; mParticle wants milliseconds: "
        "write at=1552596256000",
    ),
    (
        lambda: Session.start(session_id=42, at=1552596256),
        InvalidTime,
        "at=1552596256 looks like seconds since the epoch; mParticle wants milliseconds: "
        "write at=1552596256000",
    ),
    (
        lambda: BATCH.event("Searched", at="1552596256"),
        InvalidTime,
        "at='1552596256' is not an ISO 8601 time: write at=1552596256000",
    ),
)
def test_seconds_are_not_milliseconds(call, error, text):
    assert_error(call, error, text)


@mistakes(
    (
        lambda: BATCH.event("Searched", at=datetime.datetime(2026, 11, 23, 10, 15)),
        InvalidTime,
        "at=datetime.datetime(2026, 11, 23, 10, 15) has no time zone, so it names no moment; "
        "for the current time use datetime.now(timezone.utc), for a local time: "
        "write at=datetime.datetime(2026, 11, 23, 10, 15).astimezone()",
    ),
    (
        lambda: BATCH.event("Searched", at=datetime.datetime(2026, 11, 23, 10, 15, 30, 123456)),
        InvalidTime,
        "at=datetime.datetime(2026, 11, 23, 10, 15, 30, 123456) has no time zone, so it names no "
        "moment; for the current time use datetime.now(timezone.utc), for a local time: "
        "write at=datetime.datetime(2026, 11, 23, 10, 15, 30, 123456).astimezone()",
    ),
    (
        lambda: BATCH.event("Searched", at="2026-11-23T10:15:00"),
        InvalidTime,
        "at='2026-11-23T10:15:00' has no time zone, so it names no moment: "
        'write at="2026-11-23T10:15:00Z"',
    ),
    (
        lambda: BATCH.event("Searched", at="2026-11-23"),
        InvalidTime,
        "at='2026-11-23' has no time zone, so it names no moment: "
        'write at="2026-11-23T00:00:00Z"',
    ),
    (
        lambda: BATCH.event("Searched", at=date(2026, 11, 23)),
        InvalidTime,
        "at=datetime.date(2026, 11, 23) is a date, not a datetime, an ISO 8601 string or "
        'milliseconds: write at="2026-11-23T00:00:00Z"',
    ),
    (
        lambda: BATCH.with_gdpr_consent("marketing", True, at="2026-11-23T10:15:00"),
        InvalidTime,
        "at='2026-11-23T10:15:00' has no time zone, so it names no moment: "
        'write at="2026-11-23T10:15:00Z"',
    ),
)
def test_a_time_without_a_zone_names_no_moment(call, error, text):
    assert_error(call, error, text)


@mistakes(
    (
        lambda: BATCH.event("Searched", at=1552596256.5),
        InvalidTime,
        "at=1552596256.5 is a float, not a datetime, an ISO 8601 string or milliseconds: "
        "write at=1552596256500",
    ),
    (
        lambda: BATCH.event("Searched", at=1552596256000.0),
        InvalidTime,
        "at=1552596256000.0 is a float, not a datetime, an ISO 8601 string or milliseconds: "
        "write at=1552596256000",
    ),
    (
        lambda: BATCH.event("Searched", at=1e300),
        InvalidTime,
        "at=1e+300 is a float, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=NAN),
        InvalidTime,
        "at=nan is a float, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=INFINITY),
        InvalidTime,
        "at=inf is a float, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=Decimal("NaN")),
        InvalidTime,
        "at=Decimal('NaN') is a Decimal, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=True),
        InvalidTime,
        "at=True is a bool, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=timedelta(seconds=5)),
        InvalidTime,
        "at=datetime.timedelta(seconds=5) is a timedelta, not a datetime, an ISO 8601 string or "
        "milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=Mute()),
        InvalidTime,
        "at=<Mute> is a Mute, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=Array()),
        InvalidTime,
        "at=array([1, 2]) is a Array, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at="yesterday"),
        InvalidTime,
        "at='yesterday' is not an ISO 8601 time: write at=\"2026-11-23T10:15:00Z\"",
    ),
    (
        lambda: BATCH.event("Searched", at=""),
        InvalidTime,
        "at='' is not an ISO 8601 time: write at=\"2026-11-23T10:15:00Z\"",
    ),
    (
        lambda: BATCH.event("Searched", at="2026-13-23T10:15:00Z"),
        InvalidTime,
        "at='2026-13-23T10:15:00Z' is not an ISO 8601 time: write at=\"2026-11-23T10:15:00Z\"",
    ),
    *(
        (
            lambda text=text: BATCH.event("Searched", at=text),
            InvalidTime,
            f'at={text!r} is not an ISO 8601 time: write at="2026-11-23T10:15:00Z"',
        )
        for text in (
            "20261123101500",
            "202611231015345Z",
            "2026112310:15Z",
            "2026-11-23910:15:00Z",
            "2026-11-23_10:15:00Z",
            "2026-11-23x10:15:00Z",
            "2026-11-23T 1:15:00Z",
            "2026-11-23T+1:15:00Z",
            "2026-11-23T1_:15:00Z",
            "2026-1-23T10:15:00Z",
            "2026-11-23T10:15:00+1:00",
            "2026-11-23T10:15:00+01:0",
            "2026-11-23T10:15:00Z\n",
            "\u0662026-11-23T10:15:00Z",
        )
    ),
    (
        lambda: BATCH.event("Searched", at=MuteText("yesterday")),
        InvalidTime,
        'at=<MuteText> is not an ISO 8601 time: write at="2026-11-23T10:15:00Z"',
    ),
    (
        lambda: BATCH.event("Searched", at="1552596256000"),
        InvalidTime,
        "at='1552596256000' is not an ISO 8601 time: write at=1552596256000",
    ),
    (
        lambda: BATCH.event("Searched", at=HUGE),
        InvalidValue,
        "event(at=<int of 16610 bits>): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: BATCH.with_gdpr_consent("marketing", True, at=None),
        InvalidValue,
        "with_gdpr_consent() needs at; write with_gdpr_consent(at=…)",
    ),
)
def test_a_time_is_a_moment(call, error, text):
    assert_error(call, error, text)


@given(
    at=st.one_of(
        # at both ends, a zone other than UTC leads out of what a datetime can be
        st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9998, 1, 1)),
        st.dates(),
        st.integers(min_value=10**8, max_value=10**11 - 1),
        st.integers(min_value=10**8, max_value=10**13).map(str),
        st.floats(min_value=1e8, max_value=1e13, allow_nan=False),
        st.datetimes().map(lambda moment: moment.isoformat()),
        st.datetimes().map(lambda moment: moment.isoformat(" ", "seconds")),
        st.datetimes(min_value=datetime.datetime(1000, 1, 1)).map("{:%Y%m%dT%H%M}".format),
        st.dates().map(date.isoformat),
        st.dates(min_value=date(1000, 1, 1)).map("{:%Y%m%d}".format),
        st.dates(min_value=date(1000, 1, 1)).map("{:%Y-%m}".format),
        st.dates(min_value=date(1000, 1, 1)).map("{:%Y}".format),
    )
)
def test_the_time_that_an_error_proposes_is_accepted(at):
    with pytest.raises(InvalidTime) as caught:
        BATCH.event("Searched", at=at)

    proposed = re.search(r": write at=(.*)\Z", str(caught.value)).group(1)
    moment = eval(proposed, {"datetime": datetime})
    assert isinstance(BATCH.event("Searched", at=moment).events[0].at, int)


def test_what_has_not_the_form_of_a_time_is_refused_whatever_dateutil_reads():
    """A process of its own has a dateutil that reads everything, and notes what it is given."""
    code = """
import sys, dateutil.parser
from datetime import UTC, datetime
from mpfluent import AppEvent, InvalidTime

class Reads:
    def __init__(self, separator):
        pass

    def isoparse(self, text):
        print("read", text)
        return datetime(2026, 11, 23, 10, 15, tzinfo=UTC)

dateutil.parser.isoparser = Reads
for text in sys.argv[1:]:
    try:
        print(AppEvent("Searched", at=text).at)
    except InvalidTime as error:
        assert "is not an ISO 8601 time" in str(error), error
"""
    wrong = ("20261123 1 1500Z", "2026-11-23T1:15Z", "2026-11-23T10:15+1", "2026-11-23T10 15Z")
    run = subprocess.run(
        [sys.executable, "-c", code, *wrong, "2026-11-23 10:15:00z"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.splitlines() == ["read 2026-11-23T10:15:00z", str(NOW_MS)]


@pytest.mark.parametrize(
    ("at", "milliseconds"),
    [
        (0, 0),
        (Whole(NOW_MS), NOW_MS),
        (10**11, 10**11),
        (-(10**11), -(10**11)),
        (NOW, NOW_MS),
        (MuteText(NOW), NOW_MS),
        ("2026-11-23T11:15:00+01:00", NOW_MS),
        ("20261123T101500Z", NOW_MS),
        ("2026-11-23 10:15:00Z", NOW_MS),
        ("2026-11-23t10:15:00z", NOW_MS),
        ("2026-11-23T10:15Z", NOW_MS),
        ("2026-11-23T101500,000+0000", NOW_MS),
        ("2026-W48-1T10:15-00:00", NOW_MS),
        ("2026W481T10:15:00.0009Z", NOW_MS),
        ("2026327T04:45-0530", NOW_MS),
        ("2026-11-22T24:00+00", NOW_MS - 36_900_000),
        (datetime.datetime(2026, 11, 23, 10, 15, tzinfo=UTC), NOW_MS),
        (
            datetime.datetime(2026, 11, 23, 5, 15, tzinfo=timezone(timedelta(hours=-5))),
            NOW_MS,
        ),
        (datetime.datetime(1, 1, 1, tzinfo=UTC), -62_135_596_800_000),
        (datetime.datetime.max.replace(tzinfo=UTC), 253_402_300_799_999),
    ],
)
def test_a_moment_can_be_written_in_three_ways(at, milliseconds):
    assert AppEvent("Searched", at=at).at == milliseconds
