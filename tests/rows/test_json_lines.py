"""JSON lines: rows with columns of their own, and batches."""

from __future__ import annotations

import json

import pytest
from row_files import refusal, rows_of, written

from mpfluent import Batch
from mpfluent.rows.text_files import BatchFiles, JsonLines


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.jsonl"


def test_each_line_is_a_row_with_its_own_columns(path):
    rows = JsonLines(written(path, '\ufeff{"id": 1, "a": [0.1]}\r\n\n{"b": null}'))

    assert [(str(place), place.index, row) for place, row in rows] == [
        (f"{path}:1", 0, {"id": 1, "a": [0.1]}),
        (f"{path}:3", 1, {"b": None}),
    ]
    assert (rows.columns, rows.name) == (None, str(path))


def test_an_empty_file_has_no_rows(path):
    assert rows_of(JsonLines(written(path, ""))) == []


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding(path, encoding):
    file = written(path, '{"a": "é"}\n'.encode(encoding), compressed=True)

    assert rows_of(JsonLines(file, encoding=encoding)) == [{"a": "é"}]


LINES = [
    (b"[1]", "want a JSON object, got list"),
    (b"null", "want a JSON object, got NoneType"),
    (b'{"a": NaN}', "NaN is not a number that JSON can carry"),
    (b'{"a"', "not JSON: Expecting ':' delimiter: line 1 column 5 (char 4)"),
    (b'{"a": "\xe9"}', "the byte 0xe9 is not utf-8; write encoding='cp1252', or what it is"),
    (b'{"a": "\0"}', "the row holds a NUL, which no text does"),
    (b'{"a": "' + b"x" * 20_000_000 + b'"}', "the row is longer than 16777216 letters"),
]


@pytest.mark.parametrize(("line", "why"), LINES, ids=[why[:20] for _, why in LINES])
def test_a_bad_line_is_an_error_with_its_place_and_the_others_are_read(path, line, why):
    rows = JsonLines(written(path, b'{"a": 1}\n' + line + b'\n{"a": 2}\n' + line))

    assert rows_of(rows) == [{"a": 1}, f"{path}:2: {why}", {"a": 2}, f"{path}:4: {why}"]


def test_a_line_of_ten_megabytes_is_read(path):
    rows = JsonLines(written(path, '{"a": "' + "x" * 10_000_000 + '"}'))

    assert len(rows_of(rows)[0]["a"]) == 10_000_000


def test_a_list_is_no_lines_of_objects(path):
    assert refusal(lambda: JsonLines(written(path, '[\n{"a": 1},\n{"a": 2}\n]'))) == (
        f"Rows.from_jsonl({str(path)!r}): it holds a list; write one object a line"
    )


def test_bytes_that_are_no_utf_16_end_it(path):
    rows = JsonLines(written(path, "{}\n".encode("utf-16") + b"\x00\xd8\x00"), encoding="utf-16")

    assert refusal(lambda: rows) == (
        f"Rows.from_jsonl({str(path)!r}): from line 2 on, the bytes are not utf-16; "
        "write encoding=…"
    )


# Batches


def test_batches_are_read_with_the_ids_that_they_have(path):
    batch = Batch.for_user(customer_id="17").event("Searched").with_source_request_id("r-1")
    rows = BatchFiles(written(path, batch.to_json() + "\n"))

    assert rows_of(rows) == [batch]
    assert rows_of(rows)[0].source_request_id == "r-1"


def test_what_mparticle_puts_out_is_read(path):
    line = {
        "mpid": 7,
        "source_request_id": "r-1",
        "batch_id": 12,
        "timestamp_unixtime_ms": 1_795_428_900_000,
        "user_identities": [{"identity_type": "customer_id", "identity": "17"}],
        "events": [
            {"event_type": "custom_event", "data": {"event_name": "Searched", "event_id": 5}}
        ],
    }
    (batch,) = rows_of(BatchFiles(written(path, json.dumps(line))))

    assert batch.source_request_id == "r-1"
    assert (batch.mpid, batch.user_identities.customer_id) == (7, "17")


def test_a_batch_that_cannot_be_read_is_a_bad_row(path):
    lines = '{"mpid": 7}\n{"mpid": "x"}\n{"colour": 1}\n[]\n'
    rows = rows_of(BatchFiles(written(path, lines)))

    assert rows[0] == Batch.for_user(mpid=7)
    assert rows[1].startswith(f"{path}:2: from_dict(")
    assert rows[2].startswith(f"{path}:3: from_dict() has no field 'colour'; it has ")
    assert rows[3] == f"{path}:4: want a JSON object, got list"
    assert rows_of(BatchFiles(str(path), unknown="ignore"))[2] == Batch()


def test_unknown_fields_are_an_error_or_ignored(path):
    assert refusal(lambda: BatchFiles(written(path, ""), unknown="drop")) == (
        "Rows.from_batches(unknown='drop'): want 'raise' or 'ignore'; write unknown='ignore'"
    )
