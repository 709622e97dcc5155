"""Frames and Parquet files: the same content is the same rows, whose frame it may be."""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy
import pandas
import pytest
from row_files import refusal, rows_of, written

from mpfluent.rows import Row
from mpfluent.rows.frames import ArrowTable, ParquetFiles

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

MOMENT = datetime(2026, 11, 30, 10, 15, tzinfo=UTC)
COLUMNS = {
    "id": ["1", "2", None],
    "visits": [3, None, 5],
    "spend": [0.5, 2.0, None],
    "price": [Decimal("19.90"), None, Decimal("3.00")],
    "vip": [True, None, False],
    "born": [date(2000, 2, 29), None, date(1999, 1, 1)],
    "at": [MOMENT, None, datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)],
    "plan": ["pro", "free", None],
    "tags": [["a", "b"], None, []],
}
TABLE = pyarrow.table(COLUMNS)


def as_pandas():
    frame = pandas.DataFrame(COLUMNS, dtype=object)
    kinds = {"visits": "Int64", "spend": "float64", "vip": "boolean", "plan": "category"}
    frame["at"] = pandas.to_datetime(frame["at"]).astype("datetime64[ns, UTC]")
    return frame.astype(kinds)


def as_polars():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(COLUMNS, schema_overrides={"price": polars.Decimal(10, 2)})
    return frame.with_columns(polars.col("plan").cast(polars.Categorical))


def as_duckdb():
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    connection.register("rows", TABLE)
    return connection.sql("SELECT * FROM rows")


FRAMES = {
    "pyarrow": lambda: TABLE,
    "a batch": lambda: TABLE.to_batches()[0],
    "a reader": lambda: TABLE.to_reader(),
    "pandas": as_pandas,
    "polars": as_polars,
    "duckdb": as_duckdb,
}


def said(cells):
    """Return what the getters make of a row."""
    row = Row(cells)
    return (
        *(row.text("id"), row.integer("visits"), row.number("spend"), row.decimal("price")),
        *(row.flag("vip"), row.time("born", tz="UTC"), row.time("at"), row.json("tags")),
        row.pick(*cells),
    )


@pytest.mark.parametrize("frame", FRAMES)
def test_the_same_content_says_the_same_whose_frame_it_may_be(frame):
    want = [said(dict(zip(COLUMNS, cells))) for cells in zip(*COLUMNS.values())]
    rows = ArrowTable(FRAMES[frame]())

    assert rows.columns == {*COLUMNS}
    assert [said(row) for row in rows_of(rows)] == want
    assert rows.fingerprint() is None


def test_a_source_knows_its_name_and_where_each_row_stands():
    rows = ArrowTable(TABLE)

    assert rows.name == "Table"
    assert [(str(place), place.index) for place, _ in rows] == [
        ("Table:1", 0),
        ("Table:2", 1),
        ("Table:3", 2),
    ]
    assert rows_of(rows) == rows_of(rows)


def test_a_reader_can_be_read_once():
    rows = ArrowTable(TABLE.to_reader())

    assert len(rows_of(rows)) == 3
    assert refusal(lambda: rows) == (
        "Rows.from_arrow(RecordBatchReader): a reader can be read only once, and was; "
        "write Rows.from_arrow(reader.read_all())"
    )


def test_nan_and_nat_and_na_are_missing():
    frame = pandas.DataFrame(
        {
            "a": [float("nan"), 1],
            "b": [pandas.NaT, pandas.Timestamp(0)],
            "c": pandas.array([pandas.NA, 1], "Int64"),
            "d": [None, "x"],
        }
    )

    assert Row(rows_of(ArrowTable(frame))[0]).pick("a", "b", "c", "d") == {}
    floats = pyarrow.table({"a": [float("nan"), 1.0]})
    assert Row(rows_of(ArrowTable(floats))[0]).text("a") is None


NS = 1_796_033_700_123_456_789
TIMES = [
    (pyarrow.array([NS], pyarrow.timestamp("ns")), datetime(2026, 11, 30, 10, 15, 0, 123456)),
    (pyarrow.array([{"a": NS}], pyarrow.struct([("a", pyarrow.timestamp("ns"))])), None),
    (pyarrow.array([[NS]], pyarrow.list_(pyarrow.timestamp("ns"))), None),
    (pyarrow.array([NS], pyarrow.time64("ns")), None),
    (pyarrow.array([1001], pyarrow.duration("ns")), timedelta(microseconds=1)),
    (pyarrow.array([3_600_000_000_001], pyarrow.time64("ns")), time(1)),
    (pyarrow.array([[("k", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int8())), {"k": 1}),
    (pyarrow.array(["x"]).dictionary_encode(), "x"),
    (pyarrow.array([0.5], pyarrow.float16()), 0.5),
    (pyarrow.array(["x"], pyarrow.string_view()), "x"),
    (pyarrow.array([b"x"], pyarrow.binary(1)), b"x"),
    (pyarrow.array([{"a": [1]}]), {"a": [1]}),
    (pyarrow.nulls(1), None),
    (pyarrow.array([uuid.UUID(int=1).bytes], pyarrow.uuid()), uuid.UUID(int=1)),
]  # fmt: skip


@pytest.mark.parametrize(("column", "want"), TIMES, ids=[str(column.type) for column, _ in TIMES])
def test_each_type_of_arrow_is_a_value_of_pythons(column, want):
    (row,) = rows_of(ArrowTable(pyarrow.table({"c": column})))

    if want is not None:
        assert (type(row["c"]), row["c"]) == (type(want), want)
    assert "pandas" not in repr(row)


def test_a_cell_that_python_has_no_value_for_makes_its_row_a_bad_one():
    column = pyarrow.array([0, 2**62, 1], pyarrow.timestamp("us"))
    rows = rows_of(ArrowTable(pyarrow.table({"at": column, "n": [1, 2, 3]})))

    assert [row["n"] for row in rows if type(row) is dict] == [1, 3]
    assert rows[1].startswith("Table:2: at: it cannot be read (")


def test_a_large_frame_is_read_window_by_window():
    rows = rows_of(ArrowTable(pyarrow.table({"n": numpy.arange(12_345)})))

    assert [row["n"] for row in rows] == [*range(12_345)]


# What is no frame, or none that can be read


def test_two_columns_of_one_name_are_refused():
    table = pyarrow.table([[1], [2]], names=["a", "a"])

    assert refusal(lambda: ArrowTable(table)) == (
        "Rows.from_arrow(Table): two columns have the name 'a'; give each a name of its own"
    )
    frame = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    assert refusal(lambda: ArrowTable(frame)) == (
        "Rows.from_arrow(DataFrame): it cannot be read (Duplicate column names found: ['a', 'a'])"
    )


def test_a_column_of_several_types_is_refused_with_its_name():
    words = refusal(lambda: ArrowTable(pandas.DataFrame({"a": [1, "x"]})))

    assert words.startswith("Rows.from_arrow(DataFrame): it cannot be read (")
    assert "Conversion failed for column a with type object" in words


def test_a_single_column_is_no_frame():
    words = refusal(lambda: ArrowTable(pandas.Series([1])))

    assert words.startswith("Rows.from_arrow(Series): it cannot be read (")


def test_objects_of_polars_are_refused_for_only_their_address_would_come():
    polars = pytest.importorskip("polars")

    assert refusal(lambda: ArrowTable(polars.DataFrame({"o": [object()]}))) == (
        "Rows.from_arrow(DataFrame): the column 'o' holds objects, which only Python knows; "
        "make it one of text"
    )


def test_what_is_no_frame_is_refused_with_what_to_write():
    polars = pytest.importorskip("polars")
    want = "want a frame with __arrow_c_stream__, such as pandas', polars' and DuckDB's"

    assert refusal(lambda: ArrowTable([1])) == (
        f"Rows.from_arrow([1]): {want}, got list; write Rows.from_arrow(pandas.DataFrame(…))"
    )
    words = refusal(lambda: ArrowTable(polars.LazyFrame({"a": [1]})))
    assert words.endswith("got LazyFrame; write Rows.from_arrow(frame.collect())")


def test_an_error_of_the_stream_comes_as_one_of_ours():
    class Broken:
        def __arrow_c_stream__(self, requested_schema=None):
            raise ZeroDivisionError("boom")

    assert refusal(lambda: ArrowTable(Broken())) == (
        "Rows.from_arrow(Broken): it cannot be read (boom)"
    )


@pytest.mark.parametrize(
    ("make", "verb"), [(lambda: ArrowTable(TABLE), "arrow"), (ParquetFiles, "parquet")]
)
def test_without_pyarrow_the_extra_is_named(make, verb, monkeypatch, tmp_path):
    path = written(tmp_path / "rows.parquet", b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    assert refusal(lambda: make(path) if make is ParquetFiles else make()) == (
        f"Rows.from_{verb}(…) needs pyarrow, which is not installed; "
        "write pip install 'mpfluent[rows]'"
    )


# Parquet


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "rows.parquet")


def test_parquet_files_are_read(path, tmp_path):
    parquet.write_table(TABLE, path)
    parquet.write_table(TABLE.select([*reversed(COLUMNS)]), tmp_path / "rows2.parquet")
    rows = ParquetFiles(str(tmp_path / "*.parquet"))
    want = [said(dict(zip(COLUMNS, cells))) for cells in zip(*COLUMNS.values())]

    assert rows.columns == {*COLUMNS}
    assert [said(row) for row in rows_of(rows)] == want * 2
    assert [(place.line, place.index) for place, _ in rows] == [
        *((1, 0), (2, 1), (3, 2), (1, 3), (2, 4), (3, 5))
    ]
    assert rows_of(ParquetFiles(path)) == rows_of(ArrowTable(TABLE))


@pytest.mark.parametrize("content", [b"", b"id\n1\n", b"PAR1PAR1"])
def test_what_is_no_parquet_is_refused(path, content):
    written_to = written(Path(path), content)

    assert refusal(lambda: ParquetFiles(written_to)).startswith(
        f"Rows.from_parquet({path!r}): it cannot be read ("
    )


def test_a_damaged_parquet_file_is_refused_at_the_first_row_that_is(path):
    parquet.write_table(pyarrow.table({"n": numpy.arange(100_000)}), path, row_group_size=1000)
    with open(path, "r+b") as file:
        file.seek(200_000)
        file.write(b"\xff" * 20_000)

    assert refusal(lambda: ParquetFiles(path)).startswith(
        f"Rows.from_parquet({path!r}): it cannot be read ("
    )


def test_a_parquet_file_that_changes_is_refused(path):
    parquet.write_table(pyarrow.table({"n": numpy.arange(100_000)}), path, row_group_size=1000)
    rows = iter(ParquetFiles(path))
    next(rows)
    with open(path, "ab") as file:
        file.write(b"x")

    assert refusal(lambda: rows) == (
        f"Rows.from_parquet({path!r}): the file has changed meanwhile; "
        "move it here when it is whole, and start again"
    )
