"""Every kind of cell, asked by every getter: what it says, or an error that names the place."""

from __future__ import annotations

import enum
import math
import time as clock
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import numpy
import pandas
import pendulum
import pytest
import wrapt
from foreign import NOTHING, STANDS_FOR, LocalProxy, Text
from hypothesis import given
from hypothesis import strategies as st

from mpfluent import InvalidValue, MPFluentError
from mpfluent.errors import brief
from mpfluent.rows import Row
from mpfluent.rows.row import Table

GETTERS = ("text", "integer", "number", "decimal", "flag", "time", "json")
MOMENT = datetime(2026, 11, 30, 10, 15, tzinfo=UTC)


class Plan(enum.StrEnum):
    PRO = "pro"


class Level(enum.IntEnum):
    THREE = 3


def said(getter, cell, *args, zone=UTC):
    """Return what a getter makes of a cell, and of its type, or the words of its error."""
    try:
        found = getattr(Row({"c": cell}, table=Table(zone=zone)), getter)("c", *args)
    except InvalidValue as error:
        return str(error).removeprefix(f"row:1: c={brief(cell)}: ")
    return found


# What stands for nothing

MISSING = [
    *(None, float("nan"), Decimal("NaN"), Decimal("sNaN"), pandas.NaT, pandas.NA, math.nan),
    *(
        numpy.float32("nan"),
        numpy.float64("nan"),
        numpy.float16("nan"),
        numpy.datetime64("NaT", "ns"),
    ),
    *(numpy.timedelta64("NaT", "s"), numpy.str_(""), numpy.array(float("nan"))),
    *("", " ", "\t", "\u200b", "\ufeff", "\xa0 ", "nan", "NaN", " NULL ", "None", "N/A", "#n/a"),
    *(Text("nan"), Text(" "), LocalProxy(lambda: None), LocalProxy(lambda: float("nan"))),
    wrapt.ObjectProxy(pandas.NaT),
]


@pytest.mark.parametrize("cell", MISSING, ids=lambda cell: type(cell).__name__)
def test_a_missing_cell_is_none_whoever_asks(cell):
    row = Row({"c": cell})

    assert [getattr(row, getter)("c") for getter in GETTERS] == [None] * len(GETTERS)
    assert row.pick("c") == {}
    assert row.tag("c") == {}


@pytest.mark.parametrize(
    "cell", ["NA", "0", 0, 0.0, False, "-", "nanny", Decimal(0), numpy.int8(0)]
)
def test_what_says_something_is_not_missing(cell):
    assert Row({"c": cell}).text("c") is not None


def test_other_words_can_stand_for_a_missing_cell():
    row = Row({"a": "NIL", "b": "nan"}, table=Table(missing=frozenset({"nil"})))

    assert (row.text("a"), row.text("b")) == (None, "nan")


@pytest.mark.parametrize("word", ["0", "unknown", "k.a.", "-", "#", "ähnlich"])
def test_a_word_for_a_missing_cell_may_begin_with_anything(word):
    table = Table(missing=frozenset({word}))
    cells = {"a": word, "b": word.upper(), "c": f" {word} ", "d": f"{word}x", "e": "x"}
    row = Row(cells, table=table)

    assert [row.text(column) for column in cells] == [None, None, None, f"{word}x", "x"]


# What each kind of cell says

BIG = "a float of that size may have lost digits; make the column one of text"
WHOLE = "want a whole number, such as 3"
NUMBER = "want a number, such as 19.90"
FLAG = "want true/false, yes/no, y/n, t/f, on/off or 1/0"
NO_JSON = "is not a number that JSON can carry; leave the field out"
ISO = "want a time in ISO 8601, such as 2026-11-30; for another form write format='%d/%m/%Y'"
SECONDS = "looks like seconds since 1970; write format='s'"
DAY = "looks like a date; write format='%Y%m%d'"
YEARS = "want a time between the years 1 and 9999"


def of_type(want, kind):
    return f"want {want}, got {kind}"


# The cell, and what these say of it: text, integer, number, decimal, flag, time.
SAYS = [
    ("pro", "pro", WHOLE, NUMBER, NUMBER, FLAG, ISO),
    (" 3 ", " 3 ", 3, 3, Decimal(3), FLAG, ISO),
    ("1", "1", 1, 1, Decimal(1), True, ISO),
    ("0.0", "0.0", 0, 0.0, Decimal("0.0"), False, ISO),
    ("3.0", "3.0", 3, 3.0, Decimal("3.0"), FLAG, ISO),
    ("007", "007", 7, 7, Decimal(7), FLAG, ISO),
    ("-3.5", "-3.5", WHOLE, -3.5, Decimal("-3.5"), FLAG, ISO),
    ("+.5", "+.5", WHOLE, 0.5, Decimal("0.5"), FLAG, ISO),
    ("1e3", "1e3", WHOLE, 1000.0, Decimal("1E+3"), FLAG, ISO),
    ("19.90", "19.90", WHOLE, 19.9, Decimal("19.90"), FLAG, ISO),
    ("1,000", "1,000", WHOLE, NUMBER, NUMBER, FLAG, ISO),
    ("1_000", "1_000", WHOLE, NUMBER, NUMBER, FLAG, ISO),
    ("٣", "٣", WHOLE, NUMBER, NUMBER, FLAG, ISO),
    (".", ".", WHOLE, NUMBER, NUMBER, FLAG, ISO),
    ("inf", "inf", WHOLE, NUMBER, NUMBER, FLAG, ISO),
    ("1e999", "1e999", WHOLE, NO_JSON, NO_JSON, FLAG, ISO),
    ("1e" + "9" * 30, "1e" + "9" * 30, WHOLE, NUMBER, NUMBER, FLAG, ISO),
    ("9" * 401, "9" * 401, WHOLE, NUMBER, NUMBER, FLAG, YEARS),
    (
        "0.1000000000000000000001",
        "0.1000000000000000000001",
        WHOLE,
        Decimal("0.1000000000000000000001"),
        Decimal("0.1000000000000000000001"),
        FLAG,
        ISO,
    ),
    ("YES", "YES", WHOLE, NUMBER, NUMBER, True, ISO),
    (" off ", " off ", WHOLE, NUMBER, NUMBER, False, ISO),
    ("2026-11-30T10:15:00Z", "2026-11-30T10:15:00Z", WHOLE, NUMBER, NUMBER, FLAG, MOMENT),
    ("2026-11-30 11:15+01:00", "2026-11-30 11:15+01:00", WHOLE, NUMBER, NUMBER, FLAG, MOMENT),
    ("a\0", "a\0", WHOLE, NUMBER, NUMBER, FLAG, ISO),
    (Text("iOS"), "iOS", WHOLE, NUMBER, NUMBER, FLAG, ISO),
    (Plan.PRO, "pro", WHOLE, NUMBER, NUMBER, FLAG, ISO),
    (numpy.str_("3"), "3", 3, 3, Decimal(3), FLAG, ISO),
    (3, "3", 3, 3, Decimal(3), FLAG, SECONDS),
    (1, "1", 1, 1, Decimal(1), True, SECONDS),
    (20261130, "20261130", 20261130, 20261130, Decimal(20261130), FLAG, DAY),
    (20261130.0, "20261130", 20261130, 20261130.0, Decimal("20261130.0"), FLAG, DAY),
    (Level.THREE, "3", 3, 3, Decimal(3), FLAG, SECONDS),
    (numpy.int64(3), "3", 3, 3, Decimal(3), FLAG, SECONDS),
    (numpy.uint8(0), "0", 0, 0, Decimal(0), False, datetime(1970, 1, 1, tzinfo=UTC)),
    (pandas.Series([3], dtype="Int64")[0], "3", 3, 3, Decimal(3), FLAG, SECONDS),
    (
        1_796_033_700_000,
        *["1796033700000"],
        *[1_796_033_700_000] * 2,
        Decimal(1_796_033_700_000),
        FLAG,
        MOMENT,
    ),
    (123456.0, "123456", 123456, 123456.0, Decimal("123456.0"), FLAG, SECONDS),
    (numpy.float32(3), "3", 3, 3.0, Decimal("3.0"), FLAG, SECONDS),
    (0.5, "0.5", WHOLE, 0.5, Decimal("0.5"), FLAG, SECONDS),
    (-0.0, "0", 0, 0.0, Decimal("-0.0"), False, datetime(1970, 1, 1, tzinfo=UTC)),
    (1e17, BIG, BIG, 1e17, Decimal("1E+17"), FLAG, YEARS),
    (float("inf"), NO_JSON, NO_JSON, NO_JSON, NO_JSON, FLAG, NO_JSON),
    (Decimal("19.90"), "19.90", WHOLE, Decimal("19.90"), Decimal("19.90"), FLAG, SECONDS),
    (Decimal("3.00"), "3", 3, Decimal("3.00"), Decimal("3.00"), FLAG, SECONDS),
    (Decimal("1E+30"), "1" + "0" * 30, None, *[Decimal("1E+30")] * 2, FLAG, YEARS),
    (Decimal("1E+999999"), *[NO_JSON] * 4, FLAG, NO_JSON),
    (True, "true", *[None] * 3, True, of_type("a time", "bool")),
    (numpy.bool_(False), "false", *[None] * 3, False, of_type("a time", "bool")),
    (date(2026, 11, 30), "2026-11-30", *[None] * 3, FLAG, datetime(2026, 11, 30, tzinfo=UTC)),
    (MOMENT, "2026-11-30T10:15:00+00:00", *[None] * 3, FLAG, MOMENT),
    (datetime(2026, 11, 30, 10, 15), "2026-11-30T10:15:00", *[None] * 3, FLAG, MOMENT),
    (pandas.Timestamp("2026-11-30T10:15"), "2026-11-30T10:15:00", *[None] * 3, FLAG, MOMENT),
    (
        pandas.Timestamp("2026-11-30T11:15:00.000000001", tz="Europe/Berlin"),
        *["2026-11-30T11:15:00+01:00", *[None] * 3, FLAG, MOMENT],
    ),
    (numpy.datetime64("2026-11-30T10:15"), "2026-11-30T10:15:00", *[None] * 3, FLAG, MOMENT),
    (numpy.datetime64("2026-11-30T10:15", "ns"), "2026-11-30T10:15:00", *[None] * 3, FLAG, MOMENT),
    (numpy.datetime64(2**62, "s"), *[YEARS] * 6),
    (
        pendulum.datetime(2026, 11, 30, 10, 15),
        *["2026-11-30T10:15:00+00:00", *[None] * 3, FLAG, MOMENT],
    ),
    (time(10, 15), "10:15:00", *[None] * 3, FLAG, of_type("a time", "time")),
    (timedelta(5), *[None] * 4, FLAG, of_type("a time", "timedelta")),
    (
        uuid.UUID("3fb44a79-df2d-446d-acf1-e87eda854ae1"),
        *["3fb44a79-df2d-446d-acf1-e87eda854ae1", *[None] * 3, FLAG, of_type("a time", "UUID")],
    ),
    (b"abc", "abc", *[None] * 3, FLAG, of_type("a time", "bytes")),
    (memoryview(b"abc"), "abc", *[None] * 3, FLAG, of_type("a time", "memoryview")),
    (b"\xe9", "want bytes that are UTF-8", *[None] * 3, FLAG, of_type("a time", "bytes")),
    (["a"], of_type("a string", "list"), *[None] * 3, FLAG, of_type("a time", "list")),
    ({"a": 1}, of_type("a string", "dict"), *[None] * 3, FLAG, of_type("a time", "dict")),
    (LocalProxy(lambda: "3"), "3", 3, 3, Decimal(3), FLAG, ISO),
    (wrapt.ObjectProxy(MOMENT), "2026-11-30T10:15:00+00:00", *[None] * 3, FLAG, MOMENT),
]


@pytest.mark.parametrize(
    ("cell", *GETTERS[:6]),
    SAYS,
    ids=[f"{place} {type(cell).__name__}" for place, (cell, *_) in enumerate(SAYS)],
)
def test_what_a_cell_says(cell, text, integer, number, decimal, flag, time):
    want = (text, integer, number, decimal, flag, time)
    found = tuple(said(getter, cell) for getter in GETTERS[:6])

    for one, wanted in zip(found, want):
        if wanted is None:  # an error of the values' own, whose texts have tests of their own
            assert one.startswith(("want ", "does not fit 64 bits")), one
        else:
            assert (type(one), one) == (type(wanted), wanted)


@pytest.mark.parametrize("cell", ["9223372036854775808", 2**63, Decimal(2**63), "-9" + "0" * 30])
def test_an_integer_has_at_most_64_bits(cell):
    assert said("integer", cell) == (
        "does not fit 64 bits; mParticle takes -9223372036854775808 to 9223372036854775807"
    )


def test_a_lone_surrogate_is_no_text():
    assert said("text", "\ud800") == "has a lone surrogate, which has no UTF-8"


JSON = [
    ('{"a": [1, 0.1]}', {"a": [1, 0.1]}),
    ("3", 3),
    (b'["a"]', ["a"]),
    (["a"], ["a"]),
    ({"a": 1}, {"a": 1}),
    (7, 7),
    ("{", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ("[NaN]", "NaN is not a number that JSON can carry"),
    ("[" * 100_000, "not JSON: it is nested too deeply"),
]


@pytest.mark.parametrize(("cell", "want"), JSON, ids=lambda cell: str(cell)[:12])
def test_what_the_json_of_a_cell_says(cell, want):
    found = said("json", cell)

    if isinstance(want, str):
        assert found.startswith(want)
    else:
        assert found == want


# Times

LONDON = "Europe/London"
NO_ZONE = "a time without a zone; write tz='Europe/London', the zone that it is in"


def skipped(zone):
    return f"does not exist in {zone}, where the clocks went forward"


TIMES = [
    ("30/11/2026", "%d/%m/%Y", LONDON, "2026-11-30T00:00:00+00:00"),
    ("30/06/2026", "%d/%m/%Y", LONDON, "2026-06-30T00:00:00+01:00"),
    ("30/06/2026 10:15 +0200", "%d/%m/%Y %H:%M %z", LONDON, "2026-06-30T10:15:00+02:00"),
    ("2026-06-30", None, LONDON, "2026-06-30T00:00:00+01:00"),
    ("2026-06-30 10:15", None, LONDON, "2026-06-30T10:15:00+01:00"),
    (" 2026-06-30t24:00 ", None, "UTC", "2026-07-01T00:00:00+00:00"),
    ("2026-W27-2", None, "UTC", "2026-06-30T00:00:00+00:00"),
    ("1796033700", "s", None, "2026-11-30T10:15:00+00:00"),
    ("1796033700.25", "s", None, "2026-11-30T10:15:00.250000+00:00"),
    ("1796033700000", "ms", None, "2026-11-30T10:15:00+00:00"),
    (1796033700.001, "s", None, "2026-11-30T10:15:00.001000+00:00"),
    (numpy.int64(1796033700), "s", None, "2026-11-30T10:15:00+00:00"),
    (Decimal("-1.5"), "s", None, "1969-12-31T23:59:58.500000+00:00"),
    (20261130, "%Y%m%d", "UTC", "2026-11-30T00:00:00+00:00"),
    (20261130.0, "%Y%m%d", "UTC", "2026-11-30T00:00:00+00:00"),
    (date(2026, 6, 30), None, LONDON, "2026-06-30T00:00:00+01:00"),
    (date(2026, 6, 30), "%d/%m/%Y", LONDON, "2026-06-30T00:00:00+01:00"),
    (datetime(2026, 6, 30, 10), None, LONDON, "2026-06-30T10:00:00+01:00"),
    # of a repeated hour, the first is meant
    ("2026-10-25 01:30", None, LONDON, "2026-10-25T01:30:00+01:00"),
    (datetime(2026, 10, 25, 1, 30, fold=1), None, LONDON, "2026-10-25T01:30:00+00:00"),
    # the day begins at one o'clock: at midnight the clocks went forward
    ("2018-11-04", None, "America/Sao_Paulo", "2018-11-04T00:00:00-03:00"),
    ("2026-06-30 10:15", None, timezone(timedelta(hours=2)), "2026-06-30T10:15:00+02:00"),
    # and what is no time
    ("2026-03-29 01:30", None, LONDON, skipped(LONDON)),
    ("2018-11-04 00:00", None, "America/Sao_Paulo", skipped("America/Sao_Paulo")),
    ("2026-06-30", None, None, NO_ZONE),
    (datetime(2026, 6, 30), None, None, NO_ZONE),
    ("30/06/2026", None, LONDON, ISO),
    ("2026-13-01", None, LONDON, ISO),
    ("1796033700000", None, LONDON, ISO.replace("%d/%m/%Y", "ms")),
    ("06/30/2026", "%d/%m/%Y", LONDON, "want a time of the form '%d/%m/%Y'"),
    ("30/06/2026 10", "%d/%m/%Y", LONDON, "want a time of the form '%d/%m/%Y'"),
    ("soon", "s", LONDON, NUMBER),
    (1796033700, None, LONDON, SECONDS),
    (10**16, "ms", LONDON, YEARS),
    (10**14, "s", LONDON, YEARS),
    ("9999-12-31T24:00", None, LONDON, ISO),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "form", "tz", "want"), TIMES, ids=lambda cell: str(cell)[:20])
def test_which_moment_a_cell_says(cell, form, tz, want):
    found = said("time", cell, form, tz, zone=None)

    assert (found.isoformat() if isinstance(found, datetime) else found) == want


def test_a_zone_of_pytz_and_of_dateutil_is_one():
    pytz = pytest.importorskip("pytz")
    tz = pytest.importorskip("dateutil.tz")
    row = Row({"at": "2026-06-30 10:15"})
    zones = (pytz.timezone(LONDON), pytz.FixedOffset(60), tz.gettz(LONDON))

    found = [row.time("at", tz=zone).isoformat() for zone in zones]

    assert found == ["2026-06-30T10:15:00+01:00"] * 3


# Laws

ANY_CELL = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.text(), st.binary()),
    *(st.datetimes(), st.datetimes(timezones=st.timezones()), st.dates(), st.times()),
    *(st.timedeltas(), st.uuids(), st.complex_numbers(), st.lists(st.integers(), max_size=2)),
    *(st.from_regex(r"[+-]?[0-9.]{0,30}([eE][+-]?[0-9]{0,9})?"), st.integers().map(str)),
    st.datetimes().map(datetime.isoformat),
)


def check_that_only_its_errors_come(cell, form=None):
    row = Row({"c": cell})
    errors = []
    for ask in (*(getattr(row, getter) for getter in GETTERS), row.pick, row.tag):
        try:
            ask("c") if ask != row.time else ask("c", form, LONDON)
        except InvalidValue as error:
            errors.append(error)

    assert {error.field for error in errors} <= {"c"}
    assert [str(error) for error in errors if not str(error).startswith("row:1: c=")] == []


@given(ANY_CELL, st.sampled_from([None, "s", "ms", "%d/%m/%Y", "%Y-%m-%dT%H:%M:%S.%f"]))
def test_no_cell_raises_anything_but_an_error_that_names_it(cell, form):
    check_that_only_its_errors_come(cell, form)


FOREIGN = [*NOTHING, *(cell for cell, _ in STANDS_FOR), *(cell for cell, *_ in SAYS), *MISSING]


@pytest.mark.parametrize("number", range(len(FOREIGN)))
def test_no_value_of_another_library_raises_anything_else_either(number):
    check_that_only_its_errors_come(FOREIGN[number])


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_the_text_of_an_integral_float_has_no_point(whole):
    row = Row({"c": float(whole), "n": numpy.float64(whole), "t": f"{whole}.0", "i": str(whole)})

    assert row.text("c") == row.text("n") == row.text("i") == str(whole)
    assert [row.integer(name) for name in row] == [whole] * 4


@given(st.decimals(allow_nan=False, allow_infinity=False).map(lambda d: d.normalize()))
def test_a_number_says_its_digits_exactly(exact):
    try:
        number = Row({"c": f"{exact:f}"}).number("c")
    except InvalidValue:
        return
    assert (Decimal(repr(number)) if isinstance(number, float) else Decimal(number)) == exact


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_that_is_written_and_read_is_the_same(value):
    assert float(Row({"c": repr(value)}).number("c")) == value


@given(st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.timezones()))
def test_a_time_that_is_written_and_read_is_the_same_moment(moment):
    row = Row({"iso": moment.isoformat(), "own": moment, "pandas": pandas.Timestamp(moment)})
    if moment.utcoffset().total_seconds() % 60:
        return  # ISO 8601 has no seconds in a zone

    assert [row.time(name) - moment for name in row] == [timedelta(0)] * 3


@given(st.integers(10**11, 2 * 10**14))
def test_milliseconds_say_their_moment(milliseconds):
    row = Row({"i": milliseconds, "t": str(milliseconds), "f": float(milliseconds)})
    want = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)

    assert [row.time(name, "ms") for name in row] == [want] * 3


@given(st.text())
def test_text_stays_as_it_stands(text):
    try:
        found = Row({"c": text}).text("c")
    except MPFluentError:
        return
    assert found in (None, text)


@pytest.mark.parametrize("zone", ["UTC", "GMT", "utc"])
def test_a_zone_that_the_text_names_counts_and_not_the_tables(zone):
    row = Row({"c": f"2026-07-30 10:00 {zone}"}, table=Table(zone=timezone(timedelta(hours=2))))

    assert row.time("c", "%Y-%m-%d %H:%M %Z") == datetime(2026, 7, 30, 10, tzinfo=UTC)


@pytest.fixture
def in_new_york(monkeypatch):
    """Let the machine be where strptime knows the names EST and EDT."""
    if not hasattr(clock, "tzset"):
        pytest.skip("the zone of this machine cannot be set")
    monkeypatch.setenv("TZ", "EST5EDT")
    clock.tzset()
    yield
    monkeypatch.undo()
    clock.tzset()


def test_a_name_that_stands_for_several_zones_is_a_reject(in_new_york):
    row = Row({"c": "2026-07-30 EST"}, table=Table(zone=UTC))
    with pytest.raises(InvalidValue) as caught:
        row.time("c", "%Y-%m-%d %Z")

    assert str(caught.value) == (
        "row:1: c='2026-07-30 EST': the zone EST may be one of several; want UTC, GMT or an "
        "offset, as %z"
    )


@pytest.mark.parametrize(("cell", "form"), [("1795996800", "s"), ("1795996800000", "ms")])
def test_seconds_and_milliseconds_as_text_get_the_form_to_write(cell, form):
    assert str(said("time", cell)).count(f"write format={form!r}") == 1
