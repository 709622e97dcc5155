"""A row that was not delivered is a line of the rejects file, once."""

import json
import os
import stat
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import numpy
import pandas
import pytest
from foreign import STANDS_FOR, Money
from hypothesis import given
from hypothesis import strategies as st

from mpfluent import ConfigurationError
from mpfluent.rows import Row
from mpfluent.rows.rejects import Reject, RejectsFile, read_rejects

ONE = Reject("policies.csv", 17, 15, "invalid", "visits='x' is not a whole number", {"visits": "x"})


class Raises:
    """A value that can neither be shown nor written."""

    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "policies.rejects.jsonl")


def written(path, *rejects):
    file = RejectsFile(path)
    file.write(rejects)
    file.sync()
    file.close()
    return [*read_rejects(path)]


def test_what_is_written_is_read_back(path):
    other = ONE._replace(index=16, batch={"mpid": 7, "events": []})

    assert written(path, ONE, other) == [ONE, other]


def test_lines_of_an_earlier_run_stay(path):
    written(path, ONE)

    assert written(path, ONE._replace(index=16)) == [ONE, ONE._replace(index=16)]


def test_nobody_else_may_read_it(path):
    written(path, ONE)

    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, None),
        (True, True),
        (2**70, 2**70),
        (0.1, 0.1),
        (Decimal("1.10"), Decimal("1.10")),
        (Decimal("0.1000000000000000000001"), Decimal("0.1000000000000000000001")),
        (float("nan"), None),
        (Decimal("sNaN"), None),
        (pandas.NaT, None),
        (float("inf"), "inf"),
        (Decimal("-Infinity"), "-Infinity"),
        (10**5000, "<int of 16610 bits>"),
        (numpy.int64(7), 7),
        (numpy.datetime64("2026-11-30T10:15"), "2026-11-30T10:15:00"),
        (datetime(2026, 11, 30, tzinfo=UTC), "2026-11-30T00:00:00+00:00"),
        (date(2026, 11, 30), "2026-11-30"),
        ("é\ud800", "é\ud800"),
        (b"P-17", "P-17"),
        (b"\xff", "b'\\xff'"),
        (Money("2.50"), Decimal("2.50")),
        (Raises(), "<Raises>"),
        ([1, {"a": (2,)}], [1, {"a": [2]}]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_cell_of_any_kind_is_written(path, cell, text):
    assert written(path, ONE._replace(row={"cell": cell}))[0].row == {"cell": text}


def test_a_cell_that_holds_itself_is_written_as_far_as_it_can_be_read(path):
    cell = [1]
    cell.append(cell)
    (reject,) = written(path, ONE._replace(row={"cell": cell}))

    assert reject.row["cell"][1][1][0] == 1


def text_of(cell):
    return Row({"key": cell}).text("key")


KEYS = [
    *(value for value, plain in STANDS_FOR if isinstance(plain, str | int | float | datetime)),
    *(123456.0, Decimal("17.00"), "017", True, b"P-17", date(2026, 11, 30)),
]


@pytest.mark.parametrize("cell", KEYS, ids=lambda cell: type(cell).__name__)
def test_a_key_says_the_same_when_its_row_is_read_back(path, cell):
    (reject,) = written(path, ONE._replace(row={"key": cell}))

    assert text_of(reject.row["key"]) == text_of(cell)


NUMBERS = st.decimals(allow_infinity=False) | st.floats(-1e15, 1e15) | st.integers()


@given(NUMBERS | st.text() | st.datetimes() | st.uuids())
def test_any_key_says_the_same_when_its_row_is_read_back(tmp_path_factory, cell):
    path = tmp_path_factory.mktemp("any") / "rejects.jsonl"
    (reject,) = written(path, ONE._replace(row={"key": cell}))

    assert text_of(reject.row["key"]) == text_of(cell)


def test_a_line_that_a_kill_cut_off_is_no_part_of_the_next_one(path):
    written(path, ONE)
    with open(path, "a", encoding="utf-8") as file:
        file.write('{"file": "poli')

    assert written(path, ONE._replace(index=16)) == [ONE, ONE._replace(index=16)]


def test_a_line_that_somebody_mended_is_not_continued(path):
    mended = json.dumps({**ONE._asdict(), "text": "mended"})  # with spaces, and without an end
    with open(path, "w", encoding="utf-8") as file:
        file.write(mended)

    assert written(path, ONE) == [ONE._replace(text="mended"), ONE]


@pytest.mark.parametrize(
    "text",
    [
        "id,plan\n17,pro\n",
        'key = ["Policy Number"]\n',
        '{\n  "command": "send",\n  "status": null\n}\n',
        '{"rows": 4, "table": "1f", "job": "j", "rejects": 0, "api_key": ""}',
        '\n{"event": "one of a log"}\n',
        "\0\n",
    ],
)
def test_another_file_is_refused_and_stays_as_it_is(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    with pytest.raises(ConfigurationError) as caught:
        RejectsFile(path)

    assert str(caught.value) == (
        f"with_rejects({path!r}): the file is there, and is no rejects file; "
        "write the path of a new one"
    )
    with open(path, encoding="utf-8") as file:
        assert file.read() == text


@pytest.mark.parametrize("text", ["", "\n \n", '{"fi', '{"file":"a.csv","li'])
def test_an_empty_file_and_a_line_that_a_kill_cut_off_are_taken(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)

    assert written(path, ONE) == [ONE]


def test_what_a_resumed_run_reads_again_is_taken_out_and_more_can_be_written(path):
    file = RejectsFile(path)
    file.write([ONE._replace(index=9)])  # of an earlier job
    start = file.size()
    file.write(ONE._replace(index=index) for index in range(5))
    stay = file.drop(start, lambda reject: reject.index >= 2)
    file.write([ONE._replace(index=7)])
    file.sync()

    assert [reject.index for reject in stay] == [0, 1]
    assert [reject.index for reject in read_rejects(path)] == [9, 0, 1, 7]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    file.close()


def test_a_call_that_was_interrupted_and_is_made_again_writes_its_lines_once(path):
    once = SimpleNamespace(is_written=False)
    file = RejectsFile(path)
    file.write([ONE], once=once)
    file.write([ONE], once=once)
    file.close()

    assert [*read_rejects(path)] == [ONE]


def test_a_file_that_cannot_be_written_is_told_before_anything_is_sent(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        RejectsFile(tmp_path)

    assert str(caught.value) == (
        f"with_rejects({str(tmp_path)!r}): cannot be written: Is a directory; nothing was sent"
    )


def test_a_line_that_is_no_reject_is_named(path):
    with open(path, "w", encoding="utf-8") as file:
        file.write('\n{"a": 1}\n')
    with pytest.raises(ConfigurationError) as caught:
        [*read_rejects(path)]

    assert str(caught.value) == f"{path}:2: '{{\"a\": 1}}' is no reject that mpfluent wrote"


def test_a_file_that_is_not_there_or_no_text_is_an_error_of_ours(path):
    with pytest.raises(ConfigurationError, match="cannot be read: No such file or directory"):
        [*read_rejects(path)]
    with open(path, "wb") as file:
        file.write(b"\xff\n")
    with pytest.raises(ConfigurationError, match="is not UTF-8, so mpfluent did not write it"):
        [*read_rejects(path)]


@pytest.mark.parametrize(
    "change",
    [{"row": 5}, {"row": [1]}, {"batch": 3}, {"batch": []}, {"line": "1"}, {"file": None}],
)
def test_a_line_with_values_of_other_kinds_is_no_reject(path, change):
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps({**ONE._asdict(), **change}))
    with pytest.raises(ConfigurationError, match="is no reject that mpfluent wrote"):
        [*read_rejects(path)]


def test_a_byte_order_mark_of_an_editor_is_no_part_of_the_first_line(path):
    with open(path, "w", encoding="utf-8-sig") as file:
        file.write(json.dumps(ONE._asdict()) + "\n")

    assert written(path, ONE) == [ONE, ONE]


def test_a_byte_order_mark_takes_no_reject_out_of_the_file(path):
    file = RejectsFile(path)
    file.write([ONE])
    file.close()
    with open(path, "rb+") as marked:
        content = marked.read()
        marked.seek(0)
        marked.write(b"\xef\xbb\xbf" + content)
    file = RejectsFile(path)
    stay = file.drop(0, lambda reject: False)
    file.close()

    assert stay == [*read_rejects(path)] == [ONE]


@pytest.mark.parametrize("text", ["\ufeff", "\ufeff\n"])
def test_a_file_that_an_editor_emptied_is_taken(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)

    assert written(path, ONE) == [ONE]


def test_a_last_line_that_no_kill_cut_off_stays(path):
    written(path, ONE)
    with open(path, "a", encoding="utf-8") as file:
        file.write('{"file": "mine"}')
    RejectsFile(path).close()
    with open(path, encoding="utf-8") as file:
        assert file.read().splitlines()[-1] == '{"file": "mine"}'
