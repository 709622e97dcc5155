"""Rows that stand in no file: mappings, and the result of a query."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from types import MappingProxyType

import pandas
import pytest
import wrapt
from row_files import refusal, rows_of

from mpfluent.rows.sources import Cursor, Mappings

ROW = {"id": 1}


@pytest.fixture
def cursor():
    connection = sqlite3.connect(":memory:")
    yield connection.cursor()
    connection.close()


# Mappings


def test_mappings_are_rows():
    ways = [ROW, OrderedDict(ROW), MappingProxyType(ROW), wrapt.ObjectProxy(ROW)]

    assert [(str(place), place.index, row) for place, row in Mappings(ways)] == [
        ("rows:1", 0, ROW),
        ("rows:2", 1, ROW),
        ("rows:3", 2, ROW),
        ("rows:4", 3, ROW),
    ]


def test_the_rows_of_a_list_can_be_read_again():
    rows = Mappings([ROW])

    assert rows_of(rows) == rows_of(rows) == [ROW]
    assert (rows.name, rows.columns, rows.fingerprint()) == ("rows", None, None)


def test_the_rows_of_an_iterator_can_be_read_once():
    rows = Mappings(iter([ROW]))

    assert rows_of(rows) == [ROW]
    assert refusal(lambda: rows) == (
        "Rows(…): these rows can be read only once, and were; write Rows(list(rows))"
    )


def test_a_row_of_sqlite_is_a_mapping():
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row

    assert rows_of(Mappings(connection.execute("SELECT 1 AS id").fetchall())) == [ROW]
    connection.close()


@pytest.mark.parametrize("row", [(1,), "id", None, 3])
def test_a_row_that_is_no_mapping_is_refused_with_its_number(row):
    assert refusal(lambda: Mappings([ROW, row])) == (
        f"Rows(…): row 2 is a {type(row).__name__}, and must be a mapping; "
        "write Rows({'customer_id': one, …} for one in rows)"
    )


NO_ROWS = [
    ("rows.csv", "'rows.csv'", "a path; write Rows.from_csv('rows.csv')"),
    (b"rows.csv", "b'rows.csv'", "a path; write Rows.from_csv(b'rows.csv')"),
    (ROW, "{'id': 1}", "a single row; write Rows([row])"),
    (None, "None", "NoneType; write Rows([{'customer_id': '17'}])"),
    (3, "3", "int; write Rows([{'customer_id': '17'}])"),
    (pandas.DataFrame({"id": [1]}), "id 0 1", "a frame; write Rows.from_arrow(frame)"),
]


@pytest.mark.parametrize(("rows", "shown", "got"), NO_ROWS)
def test_what_is_no_rows_is_refused_with_what_to_write(rows, shown, got):
    words = refusal(lambda: Mappings(rows))

    assert " ".join(words.split()) == f"Rows({shown}): want mappings, one a row, got {got}"


def test_a_cursor_is_no_rows_by_itself(cursor):
    words = refusal(lambda: Mappings(cursor))

    assert words.endswith("got a cursor; write Rows.from_cursor(cursor)")


def test_an_error_of_the_rows_own_code_comes_through():
    with pytest.raises(ZeroDivisionError):
        rows_of(Mappings({"id": 1 // n} for n in (1, 0)))


# Cursors


def test_the_rows_of_a_cursor_are_fetched_window_by_window(cursor):
    cursor.execute(
        "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2500) "
        "SELECT id, NULL AS name FROM n"
    )
    rows = Cursor(cursor)
    found = list(rows)

    assert (rows.name, rows.columns, rows.fingerprint()) == ("query", {"id", "name"}, None)
    assert [row["id"] for _, row in found] == [*range(1, 2501)]
    assert (str(found[-1][0]), found[-1][0].index) == ("query:2500", 2499)


def test_a_cursor_that_gives_mappings_or_rows_of_its_own(cursor):
    cursor.row_factory = lambda cursor, row: {"id": row[0]}
    assert rows_of(Cursor(cursor.execute("SELECT 1 AS id"))) == [ROW]

    cursor.row_factory = sqlite3.Row
    assert rows_of(Cursor(cursor.execute("SELECT 1 AS id"))) == [ROW]


def test_a_cursor_can_be_read_once(cursor):
    rows = Cursor(cursor.execute("SELECT 1 AS id"))

    assert rows_of(rows) == [ROW]
    assert refusal(lambda: rows) == (
        "Rows.from_cursor(…): a cursor can be read only once, and was; "
        "write cursor.execute(…) and Rows.from_cursor(cursor) again"
    )


def test_a_cursor_without_a_result_is_refused(cursor):
    want = "Rows.from_cursor(…): the cursor has no result; write cursor.execute('SELECT …') first"

    assert refusal(lambda: Cursor(cursor)) == want
    assert refusal(lambda: Cursor(cursor.execute("CREATE TABLE t (id)"))) == want


def test_two_columns_of_one_name_are_refused(cursor):
    assert refusal(lambda: Cursor(cursor.execute("SELECT 1 AS id, 2 AS id"))) == (
        "Rows.from_cursor(…): two columns have the name 'id'; give each a name of its own"
    )


def test_what_is_no_cursor_is_refused():
    assert refusal(lambda: Cursor("SELECT 1")) == (
        "Rows.from_cursor('SELECT 1'): want a cursor of PEP 249, got str; "
        "write Rows.from_cursor(connection.cursor())"
    )


def test_an_error_of_the_database_is_one_of_ours(cursor):
    found = Cursor(cursor.execute("SELECT 1 AS id"))
    cursor.connection.close()

    assert refusal(lambda: [*found]) == (
        "Rows.from_cursor(…): it cannot be read (Cannot operate on a closed database.)"
    )
