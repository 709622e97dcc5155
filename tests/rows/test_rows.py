"""The verbs of ``Rows``, and each mistake in what they are given."""

import copy
import pickle
import re
import subprocess
import sys

import pytest
from tables import ROWS, csv_of, imported, sent, table

from mpfluent import (
    Batch,
    ConfigurationError,
    Immutable,
    InvalidBatch,
    InvalidValue,
    RecordingTransport,
)
from mpfluent.rows import Row, Rows

KEYED = table().with_key("id", job="policies 2026-11")


# A value


def test_a_verb_returns_another_table_and_the_first_one_stays():
    first = Rows(ROWS)
    second = first.map(imported)
    keyed = second.with_key("id", job="policies 2026-11").grouped_by("id")

    assert repr(first) == "<Rows rows>"
    assert repr(second) == "<Rows rows; map imported>"
    assert repr(keyed) == (
        "<Rows rows; map imported; key id of the job 'policies 2026-11'; grouped by id>"
    )


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("key", "with_key(…)"),
        ("with_key", "with_key(…)"),
        ("first", "first(…)"),
        ("job", "map(…)"),
        ("_settings", "map(…)"),
    ],
)
def test_a_table_cannot_be_changed(name, write):
    rows = table()
    for change in (lambda: setattr(rows, name, 1), lambda: delattr(rows, name)):
        with pytest.raises(Immutable) as caught:
            change()
        assert str(caught.value) == f"Rows is immutable; write rows = rows.{write}"
    assert rows.count() == 5


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda rows: pickle.loads(pickle.dumps(rows))]
)
def test_a_copy_sends_the_same(copied, tmp_path):
    rows = Rows.from_csv(csv_of(tmp_path / "a.csv"), tz="UTC").map(imported)
    rows = rows.with_key("id", job="one").with_checkpoint(tmp_path / "a.checkpoint")
    twin = copied(rows)

    assert type(twin) is Rows
    assert list(twin) == list(rows)


def test_completion_shows_public_names_only():
    assert [name for name in dir(Rows) if name.startswith("with_")]
    assert not [name for name in dir(table()) if name.startswith("_")]


def test_a_subclass_stays_one():
    class Policies(Rows):
        __slots__ = ()

    for rows in (Policies(ROWS), Policies(ROWS).map(imported).first(2)):
        assert type(rows) is Policies


# Looking


def test_rows_gives_the_rows_themselves_with_their_places(tmp_path):
    rows = Rows.from_csv(csv_of(tmp_path / "a.csv")).first(2)

    assert [str(row.place) for row in rows.rows()] == [
        f"{tmp_path}/a.csv:2",
        f"{tmp_path}/a.csv:3",
    ]
    assert [row.integer("id") for row in rows.rows()] == [0, 1]
    assert rows.count() == 2


def test_rows_knows_the_words_and_the_zone_of_the_table():
    (row,) = Rows([{"a": "-", "b": "2026-11-30"}], missing=["-"], tz="Europe/Berlin").rows()

    assert row.text("a") is None
    assert row.time("b").isoformat() == "2026-11-30T00:00:00+01:00"


def test_a_row_that_cannot_be_read_is_raised_by_rows_and_counted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,plan\n1,pro\n2\n")
    rows = Rows.from_csv(path)
    with pytest.raises(InvalidValue) as caught:
        list(rows.rows())

    assert str(caught.value) == f"{path}:3: the row has 1 cells, and the header 2"
    assert rows.count() == 2


def test_batches_are_no_rows(tmp_path):
    path = tmp_path / "batches.jsonl"
    path.write_text(Batch.for_user(customer_id="1").to_json() + "\n")
    with pytest.raises(ConfigurationError) as caught:
        list(Rows.from_batches(path).rows())

    assert str(caught.value) == "these are batches, not rows; write for batch in rows"


def test_iterating_gives_the_batches_with_their_ids():
    rows = Rows([*ROWS, ROWS[0]]).map(imported).with_key("id", job="policies 2026-11")
    batches = list(rows)

    assert [batch.user_identities.customer_id for batch in batches] == list("01234")
    assert len({batch.source_request_id for batch in batches}) == 5
    assert batches == list(rows)


@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize("group", [[], ["plan"]])
def test_iterating_raises_the_first_row_that_would_be_rejected(place, group):
    rows = table([{**row, "id": None} if row is ROWS[place] else row for row in ROWS])
    if group:
        rows = rows.grouped_by(*group)
    with pytest.raises(InvalidBatch) as caught:
        list(rows)

    assert str(caught.value) == (
        f"rows:{place + 1}: the row identifies nobody; write map(…, allow_nobody=True) to send it"
    )


def test_iterating_holds_nothing_of_what_is_done(tmp_path):
    import tracemalloc

    rows = Rows.from_csv(csv_of(tmp_path / "a.csv", 20_000)).map(imported)
    batches = iter(rows)
    for _ in range(1000):
        next(batches)
    tracemalloc.start()
    for _ in range(15_000):
        next(batches)
    now, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    batches.close()

    assert now < 100_000


def test_nothing_is_read_until_it_is_sent():
    read = []

    def source():
        for row in ROWS:
            read.append(row)
            yield row

    rows = table(source()).with_key("id", job="one").grouped_by("id")
    assert read == []

    assert sent(rows).delivered == len(read) == 5


def test_a_source_that_can_be_read_once_says_so_the_second_time():
    rows = table(iter(ROWS))
    sent(rows)
    with pytest.raises(ConfigurationError) as caught:
        sent(rows)

    assert str(caught.value) == (
        "Rows(…): these rows can be read only once, and were; write Rows(list(rows))"
    )


# Mistakes


class Keeper:
    """What keeps a position in memory."""

    def load(self):
        """Return None: the run begins anew."""

    def save(self, position):
        """Forget it."""


def two(row, more):
    """Return nothing."""


MISTAKES = {
    "missing is a text": (
        lambda rows: Rows([], missing="nan"),
        "Rows(missing='nan'): want words; write missing=['NA', '-']",
    ),
    "missing is a number": (
        lambda rows: Rows([], missing=7),
        "Rows(missing=7): want words; write missing=['NA', '-']",
    ),
    "missing has a number": (
        lambda rows: Rows([], missing=["NA", 7]),
        "Rows(missing=7): want text; write missing=['NA', '-']",
    ),
    "tz that does not exist": (
        lambda rows: Rows([], tz="Europe/Lundon"),
        "Rows(tz='Europe/Lundon'): no such time zone; did you mean 'Europe/London'?",
    ),
    "no map": (
        lambda rows: sent(Rows(ROWS)),
        "rows: nothing says what a row means; write rows.map(imported), "
        'rows.map("policies.toml") or rows.map("jobs:imported")',
    ),
    "no map, in a dry run": (
        lambda rows: Rows(ROWS).check(),
        "rows: nothing says what a row means; write rows.map(imported), "
        'rows.map("policies.toml") or rows.map("jobs:imported")',
    ),
    "map a batch": (
        lambda rows: rows.map(Batch()),
        "map(<Batch, 88 of 128,000 bytes>): want a function of a row, "
        "got Batch; "
        'write map(imported), map("policies.toml") or map("jobs:imported")',
    ),
    "map None": (
        lambda rows: rows.map(None),
        "map(None): want a function of a row, got NoneType; "
        'write map(imported), map("policies.toml") or map("jobs:imported")',
    ),
    "map a function of two": (
        lambda rows: rows.map(two),
        "map(two): want a function of one argument, the row: missing a required argument: "
        "'more'; write def imported(row): return Batch.for_user(…)",
    ),
    "allow_nobody": (
        lambda rows: rows.map(imported, allow_nobody="yes"),
        "map(allow_nobody='yes'): want True or False",
    ),
    "no column in the key": (
        lambda rows: rows.with_key(job="one"),
        "with_key() needs a column; write with_key('policy', job='policies 2026-11')",
    ),
    "a list of columns": (
        lambda rows: rows.with_key(["id"], job="one"),
        "with_key(['id']): want text; write with_key('customer_id')",
    ),
    "a blank column": (
        lambda rows: rows.with_key(" ", job="one"),
        "with_key(' '): want text; write with_key('customer_id')",
    ),
    "no job": (
        lambda rows: rows.with_key("id", "plan"),
        "with_key('id', 'plan') has no job: it names what is sent once, however often it is run, "
        "such as 'scores 2026-11-30' for a nightly upload; "
        "write with_key('id', 'plan', job='policies 2026-11')",
    ),
    "no job, and the map comes later": (
        lambda rows: Rows(ROWS).with_key("id").map(imported),
        "with_key('id') has no job: it names what is sent once, however often it is run, such as "
        "'scores 2026-11-30' for a nightly upload; write with_key('id', job='policies 2026-11')",
    ),
    "a job that is a number": (
        lambda rows: rows.with_key("id", job=7),
        "with_key(job=7): want text; write job='policies 2026-11'",
    ),
    "a blank job": (
        lambda rows: rows.with_key("id", job=" "),
        "with_key(job=' '): want text; write job='policies 2026-11'",
    ),
    "no column to group by": (
        lambda rows: rows.grouped_by(),
        "grouped_by() needs a column; write grouped_by('customer_id')",
    ),
    "a window of nothing": (
        lambda rows: rows.grouped_by("id", window=0),
        "grouped_by(window=0): want a number of rows, 1 to 1000000; write window=1000",
    ),
    "a window that is no number": (
        lambda rows: rows.grouped_by("id", window="1000"),
        "grouped_by(window='1000'): want a number of rows, 1 to 1000000; write window=1000",
    ),
    "fewer than none": (
        lambda rows: rows.first(-1),
        "first(-1): want a number of rows; write first(100)",
    ),
    "more than any machine counts": (
        lambda rows: rows.first(10**30),
        f"first({10**30}): want a number of rows; write first(100)",
    ),
    "first of True": (
        lambda rows: rows.first(True),
        "first(True): want a number of rows; write first(100)",
    ),
    "rejects into nothing": (
        lambda rows: rows.with_rejects(""),
        "with_rejects(''): want a path; write with_rejects('rejects.jsonl')",
    ),
    "rejects into a list": (
        lambda rows: rows.with_rejects([]),
        "with_rejects([]): want a path; write with_rejects('rejects.jsonl')",
    ),
    "stop_after": (
        lambda rows: rows.with_rejects("r", stop_after=0.5),
        "with_rejects(stop_after=0.5): want a number of rows, or None; write stop_after=100",
    ),
    "a checkpoint that is a number": (
        lambda rows: rows.with_checkpoint(7),
        "with_checkpoint(7): want a path; write with_checkpoint('policies.checkpoint')",
    ),
    "a checkpoint's class": (
        lambda rows: rows.with_checkpoint(Keeper),
        "with_checkpoint(<class 'test_rows.Keeper'>): want an object of it; "
        "write with_checkpoint(Keeper(…))",
    ),
    "a checkpoint in a file, of rows that may be others": (
        lambda rows: rows.with_checkpoint("c"),
        "with_checkpoint('c'): rows may have other rows, or another order, the next time; write "
        "the rows into a file first, or leave the checkpoint out: with_key() makes it harmless to "
        "send all of them again",
    ),
    "a limit of nothing": (
        lambda rows: rows.check(rate_limit=0),
        "check(rate_limit=0): want batches a second; write rate_limit=250",
    ),
    "historical": (
        lambda rows: rows.check(historical=1),
        "check(historical=1): want True or False",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_says_what_was_written_what_is_allowed_and_what_to_write(name):
    make, text = MISTAKES[name]
    with pytest.raises(ConfigurationError) as caught:
        make(table())

    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("verb", "call"),
    [
        ("with_key", lambda rows: rows.with_key("polcy", job="one")),
        ("grouped_by", lambda rows: rows.grouped_by("id", "polcy")),
    ],
)
def test_a_column_that_a_table_does_not_have_is_told_at_once(verb, call, tmp_path):
    rows = Rows.from_csv(csv_of(tmp_path / "a.csv"))
    with pytest.raises(ConfigurationError) as caught:
        call(rows)

    assert str(caught.value) == (
        f"{verb}('polcy'): {tmp_path}/a.csv has no column 'polcy'; did you mean 'policy'?"
    )


@pytest.mark.parametrize("verb", ["with_key", "grouped_by"])
def test_batches_have_no_columns(verb, tmp_path):
    path = tmp_path / "batches.jsonl"
    path.write_text(Batch.for_user(customer_id="1").to_json() + "\n")
    with pytest.raises(ConfigurationError) as caught:
        getattr(Rows.from_batches(path), verb)("id")

    assert str(caught.value) == (
        f"{verb}('id'): batches have no columns; their ids are their source_request_id"
    )


def test_a_data_plan_is_checked_at_once_and_is_on_each_batch():
    with pytest.raises(InvalidValue):
        table().with_data_plan(7)
    transport = RecordingTransport()
    sent(table().with_data_plan("main", 3), transport)

    plans = {(batch.context.data_plan.plan_id) for batch in transport.batches}
    assert plans == {"main"}


def test_a_data_plan_gives_no_warning_where_batches_that_are_thrown_away_are_watched():
    code = "from mpfluent.rows import Rows; print(Rows([]).with_data_plan('main', 3))"
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]

    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)

    assert (done.stdout, done.stderr) == ("<Rows rows>\n", "")


def test_first_takes_rows_from_the_beginning():
    assert [sent(table().first(count)).delivered for count in (0, 2, 9)] == [0, 2, 5]


def test_an_object_with_load_and_save_is_a_checkpoint_of_any_table():
    kept = []

    class Kept(Keeper):
        def save(self, position):
            kept.append(position)

    sent(table().with_checkpoint(Kept()))

    assert [position.rows for position in kept] == [0, 5]
    assert kept[-1]._replace(rows=0)[:4] == (0, "", "no job, development", 0)


# A dry run


def test_check_counts_as_a_run_would_and_sends_nothing(tmp_path):
    rows = [*ROWS, ROWS[0], {"id": None}, {"id": "7", "plan": "left out"}]

    def mapping(row):
        return None if row.get("plan") == "left out" else imported(row)

    rejects = tmp_path / "rejects.jsonl"
    report = (
        table(rows, mapping).with_key("id", job="one").with_rejects(rejects).check(rate_limit=10)
    )

    assert report[:9] == (8, 5, 0, 1, 1, 1, 0, 0, 0)
    assert (report.batches, report.requests, report.pending) == (5, 1, 0)
    assert report.seconds_at_limit == 0.5
    assert report.is_check is True
    assert not rejects.exists()


def test_check_counts_the_bytes_that_would_be_sent():
    transport = RecordingTransport()
    report = KEYED.check(environment="production")
    sent(KEYED, transport, environment="production", now=lambda: 0)
    (request,) = transport.requests

    # without the brackets and the commas of the request; times have other digits
    assert report.bytes == pytest.approx(len(request.body) - 2 - 4, abs=5 * 40)


@pytest.mark.parametrize("environment", ["development", "production"])
def test_check_names_what_is_over_a_limit(environment):
    def mapping(row):
        return imported(row).event("Long", {"text": "x" * (5000 if row["id"] == "3" else 5)})

    report = table(ROWS, mapping).check(environment=environment)

    assert report.rejected_by_reason == {"limit": 1}
    assert report.rejects[0].text.startswith("rows:4: ")


def test_the_batches_of_a_table_are_of_no_environment():
    transport = RecordingTransport()
    sent(KEYED, transport)
    ids = {batch.source_request_id for batch in transport.batches}

    assert ids.isdisjoint(batch.source_request_id for batch in KEYED)


def test_check_warns_where_the_key_is_a_users_identity():
    text = (
        "the key is the customer_id of each row: of one user, only the first row is sent, and an "
        "upload under the same job is dropped; name the columns that tell one row from another"
    )

    assert KEYED.check().notes == (text,)
    assert table().with_key("policy", job="one").check().notes == ()
    assert table().with_key("id", "policy", job="one").check().notes == ()


def test_check_warns_of_such_a_key_in_other_letters_too():
    rows = Rows([{"e": "Ann@B.example "}, {"e": "cy@b.example"}])
    keyed = rows.map(lambda row: Batch.for_user(email=row.text("e").strip().lower()))

    (note,) = keyed.with_key("e", job="one").check().notes
    assert note.startswith("the key is the email of each row: ")


def test_check_warns_where_the_mapping_makes_an_id_of_a_users_identity():
    def mapping(row):
        return imported(row).with_source_request_id(row[column])

    column = "id"
    assert table(ROWS, mapping).check().notes == (
        "the source_request_id is the customer_id of each row: of one user, only the first row is "
        "sent, and each later upload is dropped; write with_key(…, job=…) instead",
    )
    column = "policy"
    assert table(ROWS, mapping).check().notes == ()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_ends_a_check_has_the_report_until_then(error):
    def mapping(row):
        if row["id"] == "3":
            raise error
        return imported(row)

    with pytest.raises((KeyboardInterrupt, ConfigurationError)) as caught:
        table(ROWS, mapping).check()

    report = caught.value.report
    assert (report.is_check, report.rows, report.delivered, report.pending) == (True, 3, 3, 1)


def test_without_a_key_the_report_says_what_the_ids_are_made_of(tmp_path):
    of_file = Rows.from_csv(csv_of(tmp_path / "a.csv")).map(imported)

    assert [re.split("[:;,]", note)[1] for note in sent(of_file).notes] == [
        " ids follow from the content of the whole source and the place of a row"
    ]
    assert [re.split("[:;,]", note)[1] for note in sent(table()).notes] == [
        " each run sends these rows under new ids"
    ]
    assert sent(KEYED).notes == ()


def test_batches_that_are_mapped_have_the_ids_that_they_have(tmp_path):
    path = tmp_path / "batches.jsonl"
    path.write_text(Batch.for_user(customer_id="1").with_source_request_id("x").to_json() + "\n")
    transport = RecordingTransport()
    report = sent(Rows.from_batches(path).map(lambda batch: batch.event("E")), transport)

    assert report.notes == ()
    assert [batch.source_request_id for batch in transport.batches] == ["x"]


def test_a_report_says_that_rejects_are_in_no_file(tmp_path):
    rows = table([{"id": None}]).with_key("id", job="one")

    assert sent(rows).notes == ("rejects are in no file; write with_rejects('rejects.jsonl')",)
    assert sent(rows.with_rejects(tmp_path / "r")).notes == ()


def test_a_row_of_a_function_is_a_row():
    seen = []
    sent(table(ROWS, lambda row: seen.append(row)))

    assert [type(row) for row in seen] == [Row] * 5


@pytest.mark.parametrize(
    ("at", "note"),
    [
        (1_500_000_000_000, "2 batches with events over 30 days old; write check(historical=True)"),
        (1_796_122_901_894_876, "2 batches with events after the year 5138: times are in micro"),
    ],
)
def test_check_says_which_times_are_odd(at, note):
    rows = Rows([{"id": "1"}, {"id": "2"}])
    found = rows.map(lambda row: imported(row).event("x", at=at)).check().notes

    assert [text for text in found if text.startswith(note)] == [found[0]]
