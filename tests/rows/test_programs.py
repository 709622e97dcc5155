"""Four programs that people write around a table, over dirty data, to a real server.

Each row is accounted for twice: by the report, and by what the server took.
"""

import inspect
import json
from pathlib import Path

import dirty_tables
import pytest
from tables import adds_up

from mpfluent import Batch, Client
from mpfluent.rows import Rows
from mpfluent.testing import LocalServer

JOB = {"api_key": "key", "api_secret": "secret", "environment": "production"}


def audience(folder, host):
    def entered(row):
        if row.text("segment") is None:
            return None
        return (
            Batch.for_user(customer_id=row.text("customer_id"), email=row.text("email"))
            .with_user_attributes(row.tag("vip"), score=row.number("score"))
            .event("Audience entered", row.pick("segment", "membership"), at=row.time("entered"))
        )

    rows = (
        Rows.from_csv(folder / "audience_*_part_00.gz", delimiter="|", tz="UTC")
        .map(entered)
        .with_key("membership", job="audience 2026-11-30")
        .with_rejects(folder / "audience.rejects.jsonl")
        .grouped_by("customer_id")
    )
    with Client(**JOB, host=host) as client:
        return client.send_all(rows)


def policies(folder, host):
    def imported(row):
        email = row.text("Email Address")
        return (
            Batch.for_user(customer_id=row.text("Customer"), email=email and email.strip().lower())
            .with_user_attributes(
                row.pick("City", "Country", "Postcode", **{"$firstname": "First Name"}),
                multicar=row.flag("Multicar"),
            )
            .event(
                "Policy imported",
                row.pick("Product", "Brand", "Starts", key="Policy Number")
                | {"premium": row.decimal("Premium"), "term": row.integer("Term")},
                at=row.time("Bought", "%d/%m/%Y"),
            )
        )

    files = Rows.from_csv(folder / "policies-*.csv", encoding="cp1252", tz="Europe/London")
    rows = files.map(imported).with_key("Policy Number", job="policies 2026-11")
    rows = rows.with_rejects(folder / "rejects.jsonl").with_checkpoint(folder / "checkpoint")
    with Client(**JOB, host=host) as client:
        return client.send_all(rows)


def coupons(records, host):
    def redeemed(row):
        if row.text("status") == "VOID":
            return None
        return Batch.for_user(customer_id=row.text("customer")).event(
            "Coupon redeemed",
            row.pick("coupon", "amount", "note"),
            type="transaction",
            at=row.time("redeemed", "s", required=True),
        )

    rows = Rows(records).map(redeemed).with_key("customer", "coupon", job="coupons 2026-11-30")
    with Client(**JOB, host=host) as client:
        return client.send_all(rows)


def scores(warehouse, folder, host):
    def scored(row):
        return (
            Batch.for_user(customer_id=row.text("customer_id"))
            .with_user_attributes(churn=row.number("churn"), value=row.number("lifetime_value"))
            .event("Scored", row.pick("customer_id"), at=row.time("scored_at"))
        )

    rejects = folder / "scores.rejects.jsonl"
    rows = Rows.from_cursor(warehouse.execute("SELECT * FROM scores"), tz="UTC").map(scored)
    rows = rows.with_key("customer_id", "scored_at", job="scores 2026-11-30").with_rejects(rejects)
    with Client(**JOB, host=host) as client:
        report = client.send_all(rows)
    failed = map(json.loads, rejects.read_text().splitlines())
    warehouse.executemany(
        "INSERT INTO failed_records VALUES (?, ?, ?)",
        [(each["row"]["customer_id"], each["reason"], each["text"]) for each in failed],
    )
    return report


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture
def rows(slow):
    """How many: what is a matter of seconds has as many as a real job."""
    return 20_000 if slow else 2_000


def arrived(server, name):
    """Return the customer, the event and what tells it apart, of each event that the server has."""
    return sorted(
        (
            (batch.user_identities.customer_id, event.event_name, str(event.attributes[name]))
            for batch in server.batches
            for event in batch.events
        ),
        key=str,
    )


def check(report, dirty, server, name):
    """Check that each row is where it must be, and nowhere else."""
    assert {field: getattr(report, field) for field in dirty.counts} == dirty.counts
    assert report.rejected_by_reason == dirty.rejected
    assert adds_up(report)
    assert (report.failed, report.pending, bool(report)) == (0, 0, False)
    assert arrived(server, name) == dirty.arrived
    assert len(server.unique_ids) == report.batches
    assert server.duplicates == []


def check_again(report, dirty, server, name):
    """Check that a job that was run again has counted nothing twice."""
    assert adds_up(report)
    assert arrived(server, name) == dirty.arrived
    assert len(server.unique_ids) == report.batches == len(server.duplicates)


@pytest.mark.parametrize("program", [audience, policies, coupons, scores])
def test_a_program_has_at_most_25_lines(program):
    assert len(inspect.getsource(program).splitlines()) <= 25


def test_an_unload_of_an_audience(server, rows, tmp_path):
    dirty = dirty_tables.audience(tmp_path, rows)
    report = audience(tmp_path, server.url)

    check(report, dirty, server, "membership")
    assert report.batches < 0.4 * rows  # three rows of a user are one batch
    lines = (tmp_path / "audience.rejects.jsonl").read_text().splitlines()
    assert len(lines) == report.rejected
    for line in map(json.loads, lines):
        assert Path(line["file"]).name.startswith("audience_")
        assert line["text"].startswith(f"{line['file']}:{line['line']}: ")
    check_again(audience(tmp_path, server.url), dirty, server, "membership")


def test_policies_of_23_columns(server, rows, tmp_path):
    dirty = dirty_tables.policies(tmp_path, rows)
    report = policies(tmp_path, server.url)

    check(report, dirty, server, "key")
    emails = {batch.user_identities.email for batch in server.batches} - {None}
    assert emails == {email.strip().lower() for email in emails}
    attributes = [batch.user_attributes for batch in server.batches]
    assert {each["Country"] for each in attributes} == {"NA"}
    assert {type(each["multicar"]) for each in attributes} == {bool}
    assert {None, ""}.isdisjoint(value for each in attributes for value in each.values())
    assert (tmp_path / "rejects.jsonl").read_text().count("\n") == report.rejected

    again = policies(tmp_path, server.url)
    assert (again.resumed, again.rows, again.batches) == (rows, rows, 0)
    assert server.duplicates == []


def test_coupons_that_come_twice(server, rows):
    records, dirty = dirty_tables.coupons(rows)
    report = coupons(records, server.url)

    check(report, dirty, server, "coupon")
    assert report.duplicates == rows // 5
    check_again(coupons(records, server.url), dirty, server, "coupon")


def test_a_query_of_a_warehouse_with_a_table_of_what_failed(server, rows, tmp_path):
    warehouse, dirty = dirty_tables.scores(rows)
    report = scores(warehouse, tmp_path, server.url)

    check(report, dirty, server, "customer_id")
    count = "SELECT reason, count(*) FROM failed_records GROUP BY reason"
    assert dict(warehouse.execute(count)) == dirty.rejected
    joined = "SELECT count(*) FROM failed_records JOIN scores USING (customer_id)"
    (found,) = warehouse.execute(joined).fetchone()
    assert found == report.rejected - dirty.rejected["nobody"]
    check_again(scores(warehouse, tmp_path, server.url), dirty, server, "customer_id")
    warehouse.close()
