"""A frame gives the same batches as the CSV of its content, with the same ids."""

import csv
import functools
import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from mpfluent import Batch, Client, RecordingTransport
from mpfluent.rows import Rows

COUNT = 240
BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)


def column(every, value):
    """Return the cells of a column; one in so many is missing."""
    return [None if every and n % every == 1 else value(n) for n in range(COUNT)]


COLUMNS = {
    "policy": column(0, "P-{}".format),
    "customer": column(50, lambda n: 1_000_000 + n // 3),
    "number": column(0, lambda n: n),
    "visits": column(7, lambda n: n % 10),
    "spend": column(11, lambda n: n / 4),
    "price": column(13, lambda n: Decimal(n * 7) / 100 + Decimal("0.01")),
    "vip": column(17, lambda n: n % 3 == 0),
    "born": column(19, lambda n: date(1970, 1, 1) + timedelta(days=100 * n)),
    "at": column(0, lambda n: BEGAN + timedelta(seconds=n, milliseconds=n)),
    "plan": column(23, lambda n: ("pro", "free", "é“”", " NA ")[n % 4]),
}


def written(cell):
    """Return a cell as people's programs write it into a CSV."""
    if isinstance(cell, bool):
        return f"{cell}".lower()
    return cell.isoformat() if isinstance(cell, date) else cell


@pytest.fixture(scope="module")
def csv_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("frames") / "policies.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([map(written, cells) for cells in zip(*COLUMNS.values())])
    return path


# A frame by its library


def table():
    pyarrow = pytest.importorskip("pyarrow")
    # with the digits that the CSV has
    price = pyarrow.array(COLUMNS["price"], pyarrow.decimal128(10, 2))
    return pyarrow.table({**COLUMNS, "price": price})


def as_pandas():
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(COLUMNS)
    assert str(frame["customer"].dtype) == "float64"  # as pandas makes of integers with gaps
    return frame


def as_pandas_of_arrow():
    pandas = pytest.importorskip("pandas")
    return table().to_pandas(types_mapper=pandas.ArrowDtype)


def as_polars():
    return pytest.importorskip("polars").from_arrow(table())


def as_duckdb():
    connection = pytest.importorskip("duckdb").connect()
    connection.register("policies", table())
    return connection.sql("SELECT * FROM policies ORDER BY number")


def as_parquet(path):
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(table(), path, row_group_size=100)
    return Rows.from_parquet(path)


FRAMES = {
    "pandas": as_pandas,
    "pandas of Arrow": as_pandas_of_arrow,
    "polars": as_polars,
    "pyarrow": table,
    "duckdb": as_duckdb,
}


def rows_of(frame, tmp_path):
    if frame == "parquet":
        return as_parquet(tmp_path / "policies.parquet")
    if frame == "Python":
        return Rows(dict(zip(COLUMNS, cells)) for cells in zip(*COLUMNS.values()))
    return Rows.from_arrow(FRAMES[frame]())


# What is sent


def imported(row):
    return (
        Batch.for_user(customer_id=row.text("customer"))
        .with_user_attributes(
            row.pick("plan"),
            visits=row.integer("visits"),
            spend=row.number("spend"),
            price=row.decimal("price"),
            vip=row.flag("vip"),
            born=row.text("born"),
        )
        .event("Policy imported", {"number": row.integer("number")}, at=row.time("at"))
        .event("Born", at=row.time("born", tz="Europe/London"))
    )


def sent(rows):
    """Return the JSON that leaves, by batch, and the report but for its seconds."""
    transport, ids = RecordingTransport(), map("id-{}".format, itertools.count())
    with Client(
        *("key", "secret"),
        environment="production",
        transport=transport,
        now=lambda: 1_800_000_000_000,
        new_id=ids.__next__,
    ) as client:
        report = client.send_all(rows)
    reasons = [(one.row["policy"], one.reason) for one in report.rejects]
    counts = (report.rows, report.delivered, report.rejected_by_reason, report.duplicates, reasons)
    bodies = [request.json() for request in transport.requests]
    return [one for body in bodies for one in (body if isinstance(body, list) else [body])], counts


SHAPES = {
    "a key of text": lambda rows: rows.with_key("policy", job="j"),
    "a key of numbers": lambda rows: rows.with_key("customer", "number", job="j"),
    "a key of dates and times": lambda rows: rows.with_key("born", "at", job="j"),
    "groups": lambda rows: rows.with_key("policy", job="j").grouped_by("customer", window=50),
}


@pytest.fixture(scope="module")
def sent_of_csv(csv_path):
    """Return what is sent of the CSV in a shape: it is the same for each frame."""
    return functools.cache(lambda shape: sent(SHAPES[shape](Rows.from_csv(csv_path).map(imported))))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("frame", [*FRAMES, "parquet", "Python"])
def test_a_frame_gives_the_batches_of_its_csv(frame, shape, sent_of_csv, tmp_path):
    want, counts = sent_of_csv(shape)
    got, found = sent(SHAPES[shape](rows_of(frame, tmp_path).map(imported)))

    assert got == want
    assert found == counts
    assert len({one["source_request_id"] for one in got}) == len(got) > 70
    assert counts[0] == COUNT


@pytest.mark.parametrize("frame", FRAMES)
def test_without_a_key_the_content_is_that_of_the_csv_and_the_ids_are_new(
    frame, csv_path, tmp_path
):
    def content(rows):
        batches, counts = sent(rows.map(imported))
        for batch in batches:
            del batch["source_request_id"]
            for event in batch["events"]:
                del event["data"]["source_message_id"]
        return batches, counts

    assert content(rows_of(frame, tmp_path)) == content(Rows.from_csv(csv_path))
