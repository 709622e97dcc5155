"""What becomes of each row: by the mapping, by the key, by a limit, and by the server."""

import gc
import operator
import sys

import pytest
from clients import boom, client_of
from tables import ROWS, adds_up, csv_of, imported, lines_of, refusing, sent, table

from mpfluent import (
    ApiError,
    Batch,
    Closed,
    ConfigurationError,
    FunctionTransport,
    InvalidBatch,
    RecordingTransport,
    Retry,
    ThreadedDispatcher,
    TooManyRejects,
    UnknownField,
    UnknownVerb,
)
from mpfluent.rows import Rows, RowsReport

SOON = 10.0


def many(count):
    return [{"id": str(number), "plan": "pro", "policy": f"P-{number}"} for number in range(count)]


def bad_at(number, mapping):
    """Return a mapping that does something else with one row."""

    def sometimes(row):
        return mapping(row) if row["id"] == str(number) else imported(row)

    sometimes.__qualname__ = "sometimes"
    return sometimes


def ids_of(rows, **options):
    transport = RecordingTransport()
    sent(rows, transport, **options)
    return [batch.source_request_id for batch in transport.batches]


# What is wrong with the mapping


def unknown_column(row):
    return imported(row).event("Paid", row.pick("polcy"))


def unknown_field(row):
    return imported(row).with_device(platfrom="iOS")


def unknown_verb(row):
    return imported(row).evnt("Paid")


def wrong_format(row):
    return imported(row).event("Paid", at=row.time("plan", "%d/%m/%J"))


MAPPINGS = {
    "raises": (
        boom,
        ConfigurationError,
        "{0}: sometimes raised ValueError: customer 1; nothing more was read",
    ),
    "raises an error without a text": (
        lambda row: {}["x"],
        ConfigurationError,
        "{0}: sometimes raised KeyError: 'x'; nothing more was read",
    ),
    "raises what ends an iteration": (
        lambda row: next(iter(())),
        ConfigurationError,
        "{0}: sometimes raised StopIteration: ; nothing more was read",
    ),
    "returns a list": (
        lambda row: [imported(row)],
        ConfigurationError,
        "{0}: sometimes returned [<Batch, 362 of 128,000 bytes user: "
        "customer_id='120' custom_event 'Imported'>]: want a Batch, or None to leave the row out, "
        "got list; write return Batch.for_user(…)",
    ),
    "returns text": (
        lambda row: "batch",
        ConfigurationError,
        "{0}: sometimes returned 'batch': want a Batch, or None to leave the "
        "row out, got str; write return Batch.for_user(…)",
    ),
    "returns False": (
        lambda row: False,
        ConfigurationError,
        "{0}: sometimes returned False: want a Batch, or None to leave the "
        "row out, got bool; write return Batch.for_user(…)",
    ),
    "an unknown column": (
        unknown_column,
        UnknownField,
        "{0}: row.pick('polcy'): {1} has no column 'polcy'; did you mean 'policy'?",
    ),
    "an unknown field": (
        unknown_field,
        UnknownField,
        "{0}: with_device() has no field 'platfrom'; did you mean 'platform'?",
    ),
    "an unknown verb": (
        unknown_verb,
        UnknownVerb,
        "{0}: Batch has no verb 'evnt'; did you mean 'event'?",
    ),
    "a wrong format": (
        wrong_format,
        ConfigurationError,
        "{0}: row.time(format='%d/%m/%J'): not a form of strptime ('J' is a bad directive in "
        "format '%d/%m/%J'); write format='%d/%m/%Y'",
    ),
}


@pytest.mark.parametrize("name", MAPPINGS)
@pytest.mark.parametrize("grouped", [False, True])
def test_what_is_wrong_with_the_mapping_stops_the_run_with_the_place(name, grouped, tmp_path):
    mapping, kind, text = MAPPINGS[name]
    path, transport = csv_of(tmp_path / "a.csv", 300), RecordingTransport()
    rejects, checkpoint = tmp_path / "r.jsonl", tmp_path / "c"
    rows = Rows.from_csv(path).map(bad_at(120, mapping)).with_key("id", job="one")
    rows = rows.with_rejects(rejects).with_checkpoint(checkpoint)
    if grouped:
        rows = rows.grouped_by("id", window=100)
    with pytest.raises(kind) as caught:
        sent(rows, transport)

    assert type(caught.value) is kind
    assert str(caught.value) == text.format(f"{path}:122", path)
    report = caught.value.report
    assert adds_up(report)
    assert report.rejected == report.failed == 0
    assert rejects.read_text() == ""
    assert len(transport.batches) == report.delivered == (100 if grouped else 120)

    # the mistake is mended, and the rest is sent
    second = sent(rows.map(imported), transport)
    assert (second.resumed, second.delivered) == (report.delivered, 300 - report.delivered)
    at_once = Rows.from_csv(path).map(imported).with_key("id", job="one")
    assert sorted(each.source_request_id for each in transport.batches) == sorted(ids_of(at_once))


def test_what_a_mapping_raises_is_the_cause():
    with pytest.raises(ConfigurationError) as caught:
        sent(table(ROWS, boom))

    assert type(caught.value.__cause__) is ValueError


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_and_exit_in_a_mapping_come_through_with_the_report(kind):
    def leave(row):
        raise kind

    with pytest.raises(kind) as caught:
        sent(table(many(300), bad_at(250, leave)))

    report = caught.value.report
    # what is read, and not sent yet, comes again
    assert (report.rows, report.delivered, report.pending) == (200, 200, 51)
    assert adds_up(report)


def test_a_mapping_may_print(capsys):
    def mapping(row):
        print("row", row["id"])
        print("no harm", file=sys.stderr)
        return imported(row)

    report = sent(table(ROWS, mapping))

    assert report.delivered == 5
    out, err = capsys.readouterr()
    assert (out.splitlines(), err.splitlines()) == (
        [f"row {number}" for number in range(5)],
        ["no harm"] * 5,
    )


def test_a_mapping_that_changes_the_rows_of_the_caller_is_stopped():
    with pytest.raises(ConfigurationError, match="does not support item assignment"):
        sent(table(ROWS, lambda row: operator.setitem(row, "id", 1)))
    assert [row["id"] for row in ROWS] == list("01234")


# What is wrong with a row


def test_each_kind_of_reject_has_its_word_and_its_place(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,n\n1,7\n2\n3,x\n,4\n5,7\n6,9\n", encoding="utf-8")

    def mapping(row):
        long = "x" * (5000 if row["id"] == "5" else 1)
        huge = "x" * (200_000 if row["id"] == "6" else 1)
        batch = Batch.for_user(customer_id=row.text("id")).event("E", {"n": row.integer("n")})
        return batch.event("Long", {"text": long}).breadcrumb(huge)

    rejects = tmp_path / "r.jsonl"
    report = sent(Rows.from_csv(path).map(mapping).with_rejects(rejects))

    reasons = ("unreadable", "invalid", "nobody", "limit", "too_large")
    assert report.rejected_by_reason == dict.fromkeys(reasons, 1)
    assert (report.delivered, adds_up(report), bool(report)) == (1, True, False)
    lines = lines_of(rejects)
    assert sorted((one["line"], one["index"], one["reason"]) for one in lines) == [
        (line, line - 2, reason) for line, reason in enumerate(reasons, 3)
    ]
    assert all(one["text"].startswith(f"{path}:{one['line']}: ") for one in lines)
    assert [one["batch"] for one in lines] == [None] * 5
    cells = [("3", "x"), ("", "4"), ("5", "7"), ("6", "9")]
    assert [one["row"] for one in sorted(lines, key=lambda one: one["line"])] == [
        {},
        *({"id": number, "n": count} for number, count in cells),
    ]


@pytest.mark.parametrize("environment", ["development", "production"])
def test_a_limit_rejects_a_row_in_both_environments(environment):
    rows = table(many(3), lambda row: imported(row).event("x" * (300 if row["id"] == "1" else 3)))
    report = sent(rows, environment=environment)

    assert (report.delivered, report.rejected_by_reason) == (2, {"limit": 1})


def test_what_the_server_refuses_is_a_reject_with_its_batch_and_the_others_arrive(tmp_path):
    rejects, transport = tmp_path / "r.jsonl", refusing('"17"', '"23"')
    rows = table(many(150)).with_key("id", job="one").with_rejects(rejects)
    report = sent(rows, transport)

    assert (report.delivered, report.failed_by_reason) == (148, {"rejected": 2})
    lines = lines_of(rejects)
    assert [line["row"]["id"] for line in lines] == ["17", "23"]
    assert [line["batch"]["user_identities"] for line in lines] == [
        {"customer_id": "17"},
        {"customer_id": "23"},
    ]
    again = RecordingTransport()
    assert sent(Rows.from_rejects(rejects), again).delivered == 2
    ids = ids_of(rows)
    assert [batch.source_request_id for batch in again.batches] == [ids[17], ids[23]]


def test_rejects_that_were_mended_are_sent_under_the_ids_of_their_rows(tmp_path):
    rejects = tmp_path / "r.jsonl"
    good = many(4)
    bad = [good[0], {**good[1], "id": ""}, {**good[2], "id": ""}, good[3]]
    rows = Rows(bad).map(imported).with_key("policy", job="one").with_rejects(rejects)
    assert sent(rows).rejected == 2

    text = rejects.read_text().replace('"id":""', '"id":"1"', 1).replace('"id":""', '"id":"2"', 1)
    rejects.write_text(text)
    again = RecordingTransport()
    mended = Rows.from_rejects(rejects).map(imported).with_key("policy", job="one")
    assert sent(mended, again).delivered == 2
    good_at_once = Rows(good).map(imported).with_key("policy", job="one")
    assert [batch.source_request_id for batch in again.batches] == ids_of(good_at_once)[1:3]


def test_a_row_that_a_hook_drops_is_a_failed_one():
    report = sent(table(), before_send=lambda batch: None)

    assert report.failed_by_reason == {"filtered": 5}
    assert adds_up(report)


def test_nobody_may_be_allowed():
    rows = Rows([{"id": None}]).map(imported, allow_nobody=True)

    assert sent(rows).delivered == 1


def test_an_id_that_is_nobodys_is_named():
    def mapping(row):
        return Batch.for_user(customer_id=row.text("id")).with_device(
            ios_advertising_id=row.text("device")
        )

    zeros = "00000000-0000-0000-0000-000000000000"
    report = sent(Rows([{"id": "0000"}, {"id": "0000", "device": zeros}]).map(mapping))

    assert [reject.text for reject in report.rejects] == [
        "rows:1: customer_id='0000' is nobody's; write map(…, allow_nobody=True) to send it",
        f"rows:2: customer_id='0000' and ios_advertising_id='{zeros}' are nobody's; "
        "write map(…, allow_nobody=True) to send it",
    ]


# The key


def test_a_key_that_comes_twice_is_a_duplicate_and_a_rejected_row_claims_none():
    rows = [
        *({"id": "", "policy": "a"}, {"id": "1", "policy": "a"}, {"id": "2", "policy": "a"}),
        *({"id": "3", "policy": "b"}, {"id": "3", "policy": "b", "plan": "skip"}),
    ]
    for group in (False, True):
        keyed = table(
            rows, lambda row: None if row.get("plan") == "skip" else imported(row)
        ).with_key("policy", job="one")
        transport = RecordingTransport()
        report = sent(keyed.grouped_by("id") if group else keyed, transport)

        assert report[:6] == (5, 2, 0, 1, 1, 1)
        assert [batch.user_identities.customer_id for batch in transport.batches] == ["1", "3"]


@pytest.mark.parametrize("group", [False, True])
def test_a_row_over_a_limit_claims_no_key_either(group):
    rows = [{"id": f"{number}", "policy": "same"} for number in range(3)]
    keyed = table(
        rows, lambda row: imported(row).event("x" * (300 if row["id"] == "0" else 3))
    ).with_key("policy", job="one")
    report = sent(keyed.grouped_by("id") if group else keyed)

    assert report[:5] == (3, 1, 0, 1, 1)
    assert report.rejects[0].row["id"] == "0"


@pytest.mark.parametrize("cell", [None, "", "  ", "n/a", float("nan")])
def test_a_key_with_a_gap_is_a_reject(cell):
    rows = table([*ROWS, {"id": "7", "policy": cell}]).with_key("policy", job="one")
    report = sent(rows)

    assert report.rejected_by_reason == {"invalid": 1}
    assert report.rejects[0].text == f"rows:6: policy={cell!r}: is missing, and must not be"


def test_a_key_of_several_columns_keeps_them_apart():
    rows = [{"id": "1", "a": "x", "b": "yz"}, {"id": "2", "a": "xy", "b": "z"}]
    report = sent(table(rows).with_key("a", "b", job="one"))

    assert (report.delivered, report.duplicates) == (2, 0)


def test_the_same_number_is_the_same_key_whatever_class_it_has():
    rows = [{"id": "1", "n": 17}, {"id": "2", "n": 17.0}, {"id": "3", "n": "17"}]
    report = sent(table(rows).with_key("n", job="one"))

    assert (report.delivered, report.duplicates) == (1, 2)


def test_an_id_of_the_mapping_is_no_place_for_a_key():
    rows = table(ROWS, lambda row: imported(row).with_source_request_id("mine"))
    with pytest.raises(ConfigurationError) as caught:
        sent(rows.with_key("id", job="one"))

    assert str(caught.value) == (
        "rows:1: <lambda> gives the batch an id of its own, and a key gives it one, too; "
        "write only one of them"
    )


def test_an_id_of_the_mapping_is_sent_once():
    rows = table(ROWS, lambda row: imported(row).with_source_request_id(row["plan"]))
    transport = RecordingTransport()
    report = sent(rows, transport)

    assert (report.delivered, report.duplicates) == (1, 4)
    assert [batch.source_request_id for batch in transport.batches] == ["pro"]


def test_ids_are_of_a_job_and_an_environment(tmp_path):
    one, other = (table().with_key("id", job=job) for job in ("one", "other"))
    runs = [
        *(ids_of(one), ids_of(other), ids_of(one, environment="production")),
        *(ids_of(Rows.from_csv(csv_of(tmp_path / "a.csv")).map(imported)), ids_of(table())),
    ]

    assert ids_of(one) == runs[0]
    assert len({batch_id for run in runs for batch_id in run}) == 25


def test_an_environment_that_the_mapping_names_is_that_of_the_id():
    def named(name):
        return table(ROWS, lambda row: imported(row).with_environment(name)).with_key(
            "id", job="one"
        )

    rehearsal = ids_of(named("development"), environment=None)
    real = ids_of(named("production"), environment=None)

    assert set(rehearsal).isdisjoint(real)
    for client in ("development", "production"):
        assert ids_of(named("production"), environment=client) == real
    assert ids_of(table().with_key("id", job="one"), environment="production") == real


def test_without_a_key_ids_are_of_the_content_and_the_place(tmp_path):
    one = Rows.from_csv(csv_of(tmp_path / "one.csv")).map(imported)
    same = Rows.from_csv(csv_of(tmp_path / "same.csv")).map(imported)
    other = Rows.from_csv(csv_of(tmp_path / "other.csv", 6)).map(imported)

    assert ids_of(one) == ids_of(same)
    assert set(ids_of(one)).isdisjoint(ids_of(other))
    assert len(set(ids_of(one))) == 5


# What ends a run


@pytest.mark.parametrize("code", [401, 403])
@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("stop_after", [None, 0])
def test_a_refused_key_ends_it_and_all_comes_again(code, threaded, stop_after, tmp_path):
    rejects, checkpoint = tmp_path / "r.jsonl", tmp_path / "c"
    read, working = [], []

    def mapping(row):
        read.append(row)
        return imported(row)

    source = Rows.from_csv(csv_of(tmp_path / "a.csv", 600)).map(mapping)
    rows = source.with_key("id", job="one").with_checkpoint(checkpoint)
    rows = rows.with_rejects(rejects, stop_after=stop_after)

    def answer(request):
        working.append(request)
        return 202 if len(working) <= 3 else code

    def dispatched():
        return {"dispatcher": ThreadedDispatcher(flush_interval=0)} if threaded else {}

    with pytest.raises(ApiError) as caught:
        sent(rows, FunctionTransport(answer), **dispatched())

    error = caught.value
    assert (error.status_code, error.reason) == (code, "unauthorized")
    report = error.report
    assert adds_up(report)
    assert report.failed == report.failed_by_reason["unauthorized"]
    assert rejects.read_text() == ""
    if not threaded:
        assert (report.delivered, report.failed) == (300, 100)
        assert len(read) in range(400, 425)  # some are mapped ahead, fewer on a slow machine

    again = RecordingTransport()
    second = sent(rows, again, **dispatched())
    assert second.rows == 600
    assert second.delivered == 600 - second.resumed == len(again.batches)
    assert second.resumed <= report.delivered


def test_stop_after_ends_a_run_that_rejects_too_much(tmp_path):
    rejects, transport = tmp_path / "r.jsonl", RecordingTransport()
    rows = [{"id": "" if number % 10 == 0 else str(number)} for number in range(1000)]
    with pytest.raises(TooManyRejects) as caught:
        sent(table(rows).with_rejects(rejects, stop_after=20), transport)

    assert str(caught.value) == (
        "21 rows failed or were rejected, and stop_after=20; the first: rows:1: the row identifies "
        "nobody; write map(…, allow_nobody=True) to send it"
    )
    report = caught.value.report
    assert (report.rejected, report.delivered, adds_up(report)) == (21, 180, True)
    assert len(lines_of(rejects)) == 21
    assert len(transport.batches) == 180


def test_a_run_with_as_many_rejects_as_are_allowed_ends_well(tmp_path):
    rows = [{"id": ""}] * 20 + ROWS
    report = sent(table(rows).with_rejects(tmp_path / "r.jsonl", stop_after=20))

    assert report[:4] == (25, 5, 0, 20)


@pytest.mark.parametrize("threaded", [False, True])
def test_the_last_rows_count_for_stop_after_too(threaded, tmp_path):
    rows = table(many(50)).with_rejects(tmp_path / "r.jsonl", stop_after=0)
    options = {"dispatcher": ThreadedDispatcher(flush_interval=0)} if threaded else {}
    with pytest.raises(TooManyRejects) as caught:
        sent(rows, refusing('"17"'), **options)

    assert str(caught.value) == (
        "1 row failed or was rejected, and stop_after=0; the first: rows:18: mParticle answered "
        "400 Bad Request"
    )
    assert caught.value.report[:3] == (50, 49, 1)


def test_a_client_that_is_disabled_fails_all_and_they_come_again(tmp_path):
    rejects, checkpoint = tmp_path / "r.jsonl", tmp_path / "c"
    rows = Rows.from_csv(csv_of(tmp_path / "a.csv")).map(imported).with_key("id", job="one")
    rows = rows.with_rejects(rejects, stop_after=0).with_checkpoint(checkpoint)
    report = sent(rows, disabled=True)

    assert report.failed_by_reason == {"disabled": 5}
    assert rejects.read_text() == ""
    assert sent(rows).delivered == 5


def test_rows_that_were_given_up_are_rejects_and_do_not_end_it(tmp_path):
    rejects = tmp_path / "r.jsonl"
    report = sent(
        table(many(150)).with_rejects(rejects),
        FunctionTransport(lambda request: 503),
        retry=Retry(max_attempts=1),
    )

    assert report.failed_by_reason == {"retries_exhausted": 150}
    assert {line["reason"] for line in lines_of(rejects)} == {"retries_exhausted"}
    assert len(report.rejects) == 10


def test_a_batch_without_an_environment_is_a_mistake_of_the_client():
    with pytest.raises(InvalidBatch, match="the batch has no environment") as caught:
        sent(table(), environment=None)

    assert adds_up(caught.value.report)


def test_what_ends_a_table_before_its_first_row_has_a_report_of_rows():
    with client_of() as client, pytest.raises(ConfigurationError) as caught:
        client.send_all(Rows(ROWS))
    assert isinstance(caught.value.report, RowsReport)
    with pytest.raises(Closed) as caught:
        client.send_all(table())
    assert isinstance(caught.value.report, RowsReport)


def test_a_table_without_rows_is_delivered(tmp_path):
    (tmp_path / "empty.csv").write_text("id,plan\n")
    report = sent(Rows.from_csv(tmp_path / "empty.csv").map(imported))

    assert (report.rows, bool(report)) == (0, True)
    assert bool(sent(table([]))) is True


def test_a_row_on_its_way_has_only_the_sealed_batch():
    alive = []

    class Marked(Batch):
        pass

    def count(request):
        gc.collect()
        alive.append(sum(type(thing) is Marked for thing in gc.get_objects()))
        return 202

    def mapping(row):
        return Marked.for_user(customer_id=row["id"]).event("Imported")

    sent(table(many(300), mapping), FunctionTransport(count))

    assert len(alive) == 3
    assert max(alive) <= 130  # a hundred on their way, and those that are mapped ahead
