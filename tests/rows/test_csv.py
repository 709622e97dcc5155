"""CSV files: text as it stands, and what is wrong with a row or with the whole file."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st
from row_files import refusal, rows_of, written

from mpfluent import ConfigurationError
from mpfluent.rows.text_files import CsvFiles

HEADER = "id,name\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.csv"


def source(path, content, **options):
    return CsvFiles(written(path, content), **options)


def test_every_cell_is_text_as_it_stands(path):
    rows = source(path, 'id,name\n007, Ann \n,"a ""b"", c"\nnan,\n')

    assert rows_of(rows) == [
        {"id": "007", "name": " Ann "},
        {"id": "", "name": 'a "b", c'},
        {"id": "nan", "name": ""},
    ]


def test_a_source_knows_its_name_its_columns_and_where_each_row_stands(path):
    rows = source(path, '\nid,name\n1,"two\nlines"\n\n2,b\r\n3,c')

    assert rows.name == str(path)
    assert rows.columns == {"id", "name"}
    places = [(place.file, place.line, place.index) for place, _ in rows]
    assert places == [(str(path), 3, 0), (str(path), 6, 1), (str(path), 7, 2)]


def test_rows_can_be_read_again(path):
    rows = source(path, HEADER + "1,a\n")

    assert rows_of(rows) == rows_of(rows) == [{"id": "1", "name": "a"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_machine(path, end):
    assert rows_of(source(path, f"id,name{end}1,a{end}")) == [{"id": "1", "name": "a"}]


def test_another_delimiter(path):
    assert rows_of(source(path, "id;name\n1;a,b\n", delimiter=";")) == [{"id": "1", "name": "a,b"}]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_encodings_plain_and_compressed(path, encoding, compressed):
    file = written(path, (HEADER + "1,é\n").encode(encoding), compressed=compressed)
    given = {} if encoding.startswith("utf-8") else {"encoding": encoding}

    assert rows_of(CsvFiles(file, **given)) == [{"id": "1", "name": "é"}]


# all that UTF-8 has, but for NUL
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=20))
def test_what_csv_writes_is_read_as_it_was(tmp_path_factory, rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["id", "name"], *rows])
    path = tmp_path_factory.mktemp("csv") / "rows.csv"

    assert [[*row.values()] for row in rows_of(source(path, text.getvalue()))] == rows


def test_the_name_of_a_single_column_may_hold_the_delimiter(path):
    assert rows_of(source(path, '"name, full"\nAnn\n')) == [{"name, full": "Ann"}]


# What is wrong with a row: the others are read all the same

ROWS = [
    ("1\n", "the row has 1 cells, and the header 2"),
    ("1,a,b\n", "the row has 3 cells, and the header 2"),
    (b"1,\xe9\n", "the byte 0xe9 is not utf-8; write encoding='cp1252', or what it is"),
    ("1,\0\n", "the row holds a NUL, which no text does"),
    ('1,"a" b\n', 'a quote stands within a cell; it must be written twice ("")'),
    ("1," + "x" * 10_000_000 + "\n", "a cell is longer than 131072 letters (csv.field_size_limit)"),
    ("1" + "," * 1_000_000 + "\n", "the row has 1000001 cells, and the header 2"),
    ("1," + "x" * 20_000_000 + "\n", "the row is longer than 16777216 letters"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "why"), ROWS, ids=[why[:20] for _, why in ROWS])
def test_a_bad_row_is_an_error_with_its_place_and_the_others_are_read(path, row, why):
    row = row if isinstance(row, bytes) else row.encode()
    rows = source(path, HEADER.encode() + b"0,a\n" + row + b"2,b\n" + row + b"3,c\n")

    assert rows_of(rows) == [
        {"id": "0", "name": "a"},
        f"{path}:3: {why}",
        {"id": "2", "name": "b"},
        f"{path}:5: {why}",
        {"id": "3", "name": "c"},
    ]
    assert [place.index for place, _ in rows] == [0, 1, 2, 3, 4]


def test_a_bad_row_of_several_lines_names_them(path):
    rows = source(path, HEADER + '1,"a\n2,b\n3,",c\n4,d\n')

    assert rows_of(rows) == [
        f"{path}:2: lines 2 to 4 are one row, and it has 3 cells, and the header 2",
        {"id": "4", "name": "d"},
    ]


def test_a_quote_that_never_closes_in_the_last_row_is_that_row(path):
    assert rows_of(source(path, HEADER + '1,a\n2,"b')) == [
        {"id": "1", "name": "a"},
        f"{path}:3: a quote opens and never closes",
    ]


# What is wrong with the whole file

QUOTE = (
    "in line 2, a quote opens that is not closed as it must be until line {}; "
    'close it, or write it twice ("") if it is part of the cell'
)
FILES = [
    ("", "it is empty; its first line must name the columns"),
    ("\n\r\n", "it is empty; its first line must name the columns"),
    ("1,2\n3,4\n", "its first line names no columns ('1,2'); write their names there"),
    ("id,name,id\n", "two columns have the name 'id'; give each a name of its own"),
    ("id,a,,\n", "two columns have the name ''; give each a name of its own"),
    ("id;name\n1;a\n", "it has a single column, 'id;name'; write delimiter=';'"),
    ("id\tname\n", "it has a single column, 'id\\tname'; write delimiter='\\t'"),
    ('id,"na"me\n', 'in the header, a quote stands within a cell; it must be written twice ("")'),
    ("id,na\0me\n", "in the header, the row holds a NUL, which no text does"),
    (
        "id,é\n".encode("latin-1"),
        "in the header, the byte 0xe9 is not utf-8; write encoding='cp1252', or what it is",
    ),
    (
        "id,name\n".encode("utf-16"),
        "in the header, the byte 0xff is not utf-8; write encoding='utf-16', or what it is",
    ),
    (HEADER + '1,"a\n2,b\n3,c\n', QUOTE.format(4)),
    (HEADER + '1,"a\n2,b\n3,"c"\n', QUOTE.format(4)),
    (HEADER + '1,"a\n' + "2,b\n" * 50_000, QUOTE.format(32770)),
]


@pytest.mark.parametrize(("content", "why"), FILES, ids=[why[:30] for _, why in FILES])
def test_what_is_wrong_with_the_whole_file_is_raised(path, content, why):
    assert refusal(lambda: source(path, content)) == f"Rows.from_csv({str(path)!r}): {why}"


def test_what_is_wrong_with_the_header_is_raised_before_a_row_is_asked_for(path):
    with pytest.raises(ConfigurationError):
        source(path, "")


def test_the_rows_before_a_quote_that_never_closes_are_read(path):
    rows = iter(source(path, HEADER + '0,z\n1,"a\n2,b\n'))

    assert next(rows)[1] == {"id": "0", "name": "z"}
    with pytest.raises(ConfigurationError):
        next(rows)


def test_bytes_that_are_no_utf_16_end_it_with_the_line(path):
    rows = source(path, (HEADER + "1,a\n").encode("utf-16") + b"\x00\xd8\x00", encoding="utf-16")

    assert refusal(lambda: rows) == (
        f"Rows.from_csv({str(path)!r}): from line 3 on, the bytes are not utf-16; write encoding=…"
    )


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n", 3, None, b","])
def test_a_delimiter_is_one_letter(path, delimiter):
    assert refusal(lambda: source(path, HEADER, delimiter=delimiter)) == (
        f"Rows.from_csv(delimiter={delimiter!r}): want one letter; write delimiter=';'"
    )


@pytest.mark.parametrize("encoding", ["latin-0", "base64", "", "a\0", None, 3])
def test_an_encoding_is_one_that_python_knows(path, encoding):
    assert refusal(lambda: source(path, HEADER, encoding=encoding)) == (
        f"Rows.from_csv(encoding={encoding!r}): no such encoding; write encoding='cp1252'"
    )


# Several files


def test_several_files_are_read_one_after_the_other(tmp_path):
    first = written(tmp_path / "1.csv", HEADER + "1,a\n")
    second = written(tmp_path / "2.csv.gz", "name,id\nb,2\n", compressed=True)
    rows = CsvFiles([first, tmp_path / "2.csv.gz"])

    assert [(str(place), place.index, row) for place, row in rows] == [
        (f"{first}:2", 0, {"id": "1", "name": "a"}),
        (f"{second}:2", 1, {"name": "b", "id": "2"}),
    ]
    assert rows.name == f"{first} and 1 more"


def test_several_files_have_the_same_columns(tmp_path):
    first = written(tmp_path / "1.csv", HEADER)
    for header in ("id\n", "id,name,plan\n", "id,nome\n"):
        second = written(tmp_path / "2.csv", header)
        name = {"id\n": "name", "id,name,plan\n": "plan", "id,nome\n": "name"}[header]

        assert refusal(lambda second=second: CsvFiles([first, second])) == (
            f"Rows.from_csv({second!r}): only one of this file and {first!r} has a column "
            f"{name!r}; read files with other columns apart"
        )


def test_the_memory_does_not_grow_with_the_file(path):
    rows = source(path, HEADER + "1,abcdefgh\n" * 30_000)
    tracemalloc.start()
    deque(rows, maxlen=0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 1_000_000


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_byte_order_mark_is_no_part_of_the_text_whatever_the_encoding(path, encoding):
    codec = encoding.removesuffix("-sig")
    mark = "" if codec == "utf-16" else "\ufeff"  # which writes one itself
    content = f"{mark}id,name\n1,\ufeffAnn\n".encode(codec)

    assert rows_of(source(path, content, encoding=encoding)) == [{"id": "1", "name": "\ufeffAnn"}]
