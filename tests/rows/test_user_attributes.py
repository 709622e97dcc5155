"""Cells of any class in user attributes: what is missing is never sent, and nothing else raises."""

import datetime as dt
import itertools
import json
import math
import uuid
from decimal import Decimal

import numpy
import pandas
import pytest
import wrapt
from foreign import NOTHING, STANDS_FOR, LocalProxy, Moment, Money, Ratio, Text, Whole
from tables import adds_up, lines_of, sent

from mpfluent import Batch, RecordingTransport
from mpfluent.rows import Rows

MISSING = [
    *(None, math.nan, Decimal("NaN"), Decimal("sNaN"), pandas.NaT, pandas.NA),
    *(numpy.float16("nan"), numpy.float32("nan"), numpy.float64("nan"), numpy.longdouble("nan")),
    *(numpy.datetime64("NaT", "ns"), numpy.timedelta64("NaT", "s"), numpy.array(math.nan)),
    *(LocalProxy(lambda: None), LocalProxy(lambda: math.nan), wrapt.ObjectProxy(pandas.NaT)),
]
BLANK = [
    "",
    " ",
    "\t",
    "\u200b",
    "nan",
    "NaN",
    "NULL",
    "none",
    "N/A",
    "#n/a",
    numpy.str_(""),
    Text("nan"),
]
VALUES = [
    *(value for value, _ in STANDS_FOR),
    *NOTHING,
    *(7, 2**63, 10**400, 0.5, math.inf, Decimal("1.10"), Decimal("Infinity"), True, "pro", 1j),
    *(dt.date(2026, 11, 30), dt.datetime(2026, 11, 30, tzinfo=dt.UTC), dt.time(10, 15)),
    *(dt.datetime(2026, 11, 30), dt.timedelta(5), uuid.uuid4(), b"pro", b"\xff", bytearray(b"a")),
    *(Text("pro"), Money("1.5"), Whole(7), Ratio(0.5), Moment(2026, 11, 30, tzinfo=dt.UTC)),
    *([1, 2], ("a",), {"a": 1}, {1, 2}, [math.nan], [None], [[1]], object(), int, range(3)),
    *(numpy.array([1, 2]), pandas.Series([1]), pandas.DataFrame({"a": [1]}), pandas.Period("2026")),
    *(numpy.bytes_(b"a"), numpy.void(b"a"), numpy.complex64(1j), pandas.Interval(1, 2)),
    *(pandas.Categorical(["a"])[0], pandas.Timestamp.max, pandas.Timestamp("2026-11-30")),
]
WAYS = {
    "as it stands": lambda row: {"cell": row["cell"]},
    "get": lambda row: {"cell": row.get("cell")},
    "pick": lambda row: row.pick("cell"),
    "tag": lambda row: row.tag("cell"),
    **{
        getter: lambda row, getter=getter: {"cell": getattr(row, getter)("cell")}
        for getter in ("text", "integer", "number", "decimal", "flag", "json")
    },
    "time": lambda row: {"cell": row.time("cell", tz="UTC")},
}


def outcomes(cells, way, tmp_path):
    """Yield each cell with its user attributes that were sent, or its line of the rejects file."""
    transport, rejects, numbers = RecordingTransport(), tmp_path / "r.jsonl", itertools.count()

    def mapping(row):
        user = Batch.for_user(customer_id=str(next(numbers)))
        return user.with_user_attributes(WAYS[way](row)).event("E")

    rows = Rows([{"cell": cell} for cell in cells]).map(mapping).with_rejects(rejects)
    report = sent(rows, transport)
    assert adds_up(report)
    found = {line["index"]: line for line in lines_of(rejects)}
    assert report.rejected == len(found)
    for request in transport.requests:
        data = json.loads(request.body)
        for batch in data if isinstance(data, list) else [data]:
            index = int(batch["user_identities"]["customer_id"])
            assert index not in found
            found[index] = batch.get("user_attributes", {})
    assert report.delivered + report.rejected == len(found) == len(cells)
    for index, cell in enumerate(cells):
        yield cell, found[index]


def is_whole(line):
    place = f"rows:{line['index'] + 1}: "
    return line["reason"] == "invalid" and line["text"].startswith(place)


@pytest.mark.parametrize("way", WAYS)
def test_a_missing_cell_is_never_sent(way, tmp_path):
    for cell, found in outcomes(MISSING, way, tmp_path):
        assert found == {} or is_whole(found), (type(cell), found)
        assert found == {} or way in ("as it stands", "get"), (type(cell), found["text"])


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("as it stands", "get")])
def test_text_that_stands_for_nothing_is_never_sent(way, tmp_path):
    for cell, found in outcomes(BLANK, way, tmp_path):
        assert found == {}, repr(str(cell))


@pytest.mark.parametrize("way", WAYS)
def test_any_other_cell_is_sent_as_json_or_its_row_is_a_reject(way, tmp_path):
    for cell, found in outcomes(VALUES, way, tmp_path):
        if "reason" in found:
            assert is_whole(found), (type(cell), found)
            assert list(found["row"]) == ["cell"]
        elif found:
            (value,) = found.values()
            assert value is not None or way == "tag", type(cell)
            assert value == value  # no NaN


@pytest.mark.parametrize("value", [None, float("nan")])
def test_an_attribute_that_is_none_in_a_row_is_no_tag(value):
    transport = RecordingTransport()

    def mapping(row):
        batch = Batch.for_user(customer_id="1").with_user_attributes(
            {"plan": row.text("plan"), "spend": row.number("spend")}
        )
        return batch.with_user_attributes(row.tag("vip"))

    rows = [{"plan": value, "spend": 7, "vip": "yes"}, {"plan": "pro", "spend": value, "vip": ""}]
    sent(Rows(rows).map(mapping), transport)

    assert [json.loads(batch.to_json())["user_attributes"] for batch in transport.batches] == [
        {"spend": 7, "vip": None},
        {"plan": "pro"},
    ]


def test_a_tag_of_one_row_is_none_of_the_next():
    transport = RecordingTransport()

    def mapping(row):
        batch = Batch.for_user(customer_id=row.text("id")).with_user_attributes(vip=row["flag"])
        return batch.with_user_attributes(row.tag("flag", "vip")) if row["flag"] else batch

    rows = [{"id": "1", "flag": "y"}, {"id": "2", "flag": None}, {"id": "3", "flag": "y"}]
    sent(Rows(rows).map(mapping), transport)

    assert [batch.user_attributes for batch in transport.batches] == [
        {"vip": None},
        None,
        {"vip": None},
    ]


FRAME = {
    "id": ["1", "2"],
    "whole": [1, None],
    "number": [0.5, None],
    "flag": [True, None],
    "text": ["pro", None],
    "day": [dt.date(2026, 11, 30), None],
    "time": [dt.datetime(2026, 11, 30, 10, 15, tzinfo=dt.UTC), None],
}


def pandas_frame():
    frame = pandas.DataFrame(FRAME)
    return frame.astype({"whole": "float64"})


def nullable_frame():
    return pandas.DataFrame(FRAME).convert_dtypes()


def polars_frame():
    return pytest.importorskip("polars").DataFrame(FRAME)


def arrow_table():
    return pytest.importorskip("pyarrow").table(FRAME)


SOURCES = {
    "mappings": lambda: Rows([dict(zip(FRAME, cells)) for cells in zip(*FRAME.values())]),
    "pandas records": lambda: Rows(pandas_frame().to_dict("records")),
    "nullable pandas records": lambda: Rows(nullable_frame().to_dict("records")),
    "polars rows": lambda: Rows(polars_frame().iter_rows(named=True)),
    "pandas": lambda: Rows.from_arrow(pandas_frame()),
    "nullable pandas": lambda: Rows.from_arrow(nullable_frame()),
    "polars": lambda: Rows.from_arrow(polars_frame()),
    "arrow": lambda: Rows.from_arrow(arrow_table()),
}


@pytest.mark.parametrize("source", SOURCES)
def test_whatever_frame_a_cell_comes_from_a_missing_one_is_not_sent(source):
    if source not in ("mappings", "pandas records", "nullable pandas records"):
        pytest.importorskip("pyarrow")
    transport = RecordingTransport()
    columns = [column for column in FRAME if column != "id"]

    def mapping(row):
        batch = Batch.for_user(customer_id=row.text("id"))
        return batch.with_user_attributes(row.pick(*columns)).event("E")

    report = sent(SOURCES[source]().map(mapping), transport)
    assert report.delivered == 2, report
    first, second = (batch.user_attributes for batch in transport.batches)

    assert second is None
    assert (first["whole"], first["number"], first["flag"], first["text"]) == (1, 0.5, True, "pro")
    assert first["day"].startswith("2026-11-30")
    assert first["time"].startswith("2026-11-30T10:15:00")
