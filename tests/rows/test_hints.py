"""A name that a table or a row has not is answered with the one that was meant."""

import copy
import pickle
from pathlib import Path

import pytest

from mpfluent import (
    Batch,
    Client,
    ConfigurationError,
    InvalidValue,
    RecordingTransport,
    UnknownField,
    UnknownVerb,
)
from mpfluent.rows import Row, Rows

ROWS = Rows([{"customer_id": "17"}])
ROW = Row({"customer_id": "17", "Brand name": "Acme"})


def text_of(action, kind=UnknownVerb):
    with pytest.raises(kind) as raised:
        action()
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("with_keys", "did you mean 'with_key'?"),
        ("key", "did you mean 'with_key'?"),
        ("group_by", "did you mean 'grouped_by'?"),
        ("head", "did you mean 'first'?"),
        ("validate", "did you mean 'check'?"),
        ("with_reject", "did you mean 'with_rejects'?"),
        ("send", "a client sends it: write client.send_all(rows)"),
        ("xyz", "help(Rows) lists what it has"),
    ],
)
def test_a_verb_that_a_table_has_not(name, hint):
    assert text_of(lambda: getattr(ROWS, name)) == f"Rows has no verb {name!r}; {hint}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("tetx", "did you mean 'text'?"),
        ("int", "did you mean 'integer'?"),
        ("float", "did you mean 'number'?"),
        ("datetime", "did you mean 'time'?"),
        ("bool", "did you mean 'flag'?"),
        ("customer_id", "a getter says what the cell holds: write row.text('customer_id')"),
        ("xyz", "help(Row) lists what it has"),
    ],
)
def test_a_getter_that_a_row_has_not(name, hint):
    assert text_of(lambda: getattr(ROW, name)) == f"a row has no {name!r}; {hint}"


def test_a_column_that_is_asked_for_as_an_attribute_stops_the_run_with_its_place():
    rows = ROWS.map(lambda row: Batch.for_user(customer_id=row.customer_id))

    assert text_of(rows.check) == (
        "rows:1: a row has no 'customer_id'; "
        "a getter says what the cell holds: write row.text('customer_id')"
    )


def test_a_row_and_a_table_are_copied_as_ever():
    assert dict(copy.copy(ROW)) == dict(ROW)
    assert dict(pickle.loads(pickle.dumps(ROW))) == dict(ROW)
    assert repr(copy.copy(ROWS)) == repr(ROWS)


def test_a_table_is_sent_by_send_all():
    client = Client("k", "s", environment="production", transport=RecordingTransport())

    assert text_of(lambda: client.send(ROWS), InvalidValue) == (
        "send(<Rows rows>): want a Batch, got Rows; write client.send_all(rows)"
    )


def test_a_column_that_does_not_exist_is_named_with_its_table(tmp_path):
    file = tmp_path / "policies.csv"
    file.write_text("policy,customer_id\nP-1,17\n", encoding="utf-8")
    rows = Rows.from_csv(file)

    assert text_of(lambda: rows.with_key("polcy", job="j"), ConfigurationError) == (
        f"with_key('polcy'): {file} has no column 'polcy'; did you mean 'policy'?"
    )
    assert text_of(lambda: rows.grouped_by("brand"), ConfigurationError) == (
        f"grouped_by('brand'): {file} has no column 'brand'; it has customer_id, policy"
    )


def test_a_dry_run_is_for_an_environment_that_there_is():
    assert text_of(lambda: ROWS.check(environment="prod"), ConfigurationError) == (
        "check(environment='prod'): want 'development' or 'production'; "
        "write check(environment='production')"
    )


def test_an_id_of_the_mapping_and_a_key_contradict_each_other():
    def imported(row):
        return Batch.for_user(customer_id=row.text("customer_id")).with_source_request_id("1")

    rows = ROWS.map(imported).with_key("customer_id", job="import")

    assert text_of(rows.check, ConfigurationError) == (
        "rows:1: imported gives the batch an id of its own, and a key gives it one, too; "
        "write only one of them"
    )


def test_a_function_within_a_function_is_called_by_its_own_name():
    def imported(row):
        return None

    assert repr(ROWS.map(imported)) == "<Rows rows; map imported>"


def test_one_of_a_thing_is_not_several():
    def imported(row):
        return Batch.for_user(customer_id=row.text("id"))

    rows = Rows([{"id": "1"}]).map(imported)
    twice = Rows([{"id": "1"}, {"id": "1"}]).map(imported).with_key("id", job="import")
    with Client("k", "s", environment="production", transport=RecordingTransport()) as client:
        report = client.send_all(twice)._replace(seconds=0.0)

    assert repr(rows.check()).startswith("1 row: 1 would be delivered\n1 batch, ")
    assert repr(report) == "2 rows: 1 delivered, 1 duplicate\n1 batch, 1 request, 0.0 s"


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (
            lambda: Rows.from_csv("x.csv", delimeter=";"),
            "Rows.from_csv() has no option 'delimeter'; did you mean 'delimiter'?",
        ),
        (
            lambda: Rows.from_csv("x.csv", sep=";"),
            "Rows.from_csv() has no option 'sep'; it has paths, encoding, delimiter, missing, tz",
        ),
        (
            lambda: Rows([], zone="UTC"),
            "Rows() has no option 'zone'; it has rows, missing, tz",
        ),
        (
            lambda: ROWS.with_key("customer_id", jobb="j"),
            "with_key() has no option 'jobb'; did you mean 'job'?",
        ),
        (
            lambda: ROWS.grouped_by("customer_id", windw=3),
            "grouped_by() has no option 'windw'; did you mean 'window'?",
        ),
        (
            lambda: ROWS.with_rejects("x", stopafter=3),
            "with_rejects() has no option 'stopafter'; did you mean 'stop_after'?",
        ),
        (
            lambda: ROWS.map(print, allow_nobdy=True),
            "map() has no option 'allow_nobdy'; did you mean 'allow_nobody'?",
        ),
        (
            lambda: ROWS.check(historcal=True),
            "check() has no option 'historcal'; did you mean 'historical'?",
        ),
    ],
)
def test_a_misspelt_keyword_is_answered_with_the_one_that_was_meant(action, text):
    assert text_of(action, ConfigurationError) == text


@pytest.mark.parametrize("verb", ["with_rejects", "with_checkpoint"])
def test_a_path_with_a_nul_is_none(verb):
    text = text_of(lambda: getattr(ROWS, verb)("a\0b"), ConfigurationError)

    assert text.startswith(f"{verb}('a\\x00b'): want a path; write {verb}(")


def test_a_list_of_columns_is_answered_with_a_star():
    text = text_of(lambda: ROW.pick(["customer_id"]), UnknownField)

    assert text == "row.pick(['customer_id']): want names; write row.pick(*['customer_id'])"


@pytest.mark.parametrize("path", ["policies.csv", Path("policies.csv"), b"policies.csv"])
def test_a_path_is_no_table_and_the_line_says_how_to_make_one(path):
    client = Client("key", "secret", environment="development", transport=RecordingTransport())
    text = text_of(lambda: client.send_all(path), InvalidValue)

    assert text == (
        f"send_all({path!r}): want batches, got {type(path).__name__}; "
        "write send_all(Rows.from_csv('policies.csv').map(…))"
    )
