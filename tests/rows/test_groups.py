"""Rows of one user travel as one batch, and nobody else's do."""

import pytest
from internals import merge
from tables import adds_up, refusing, sent, table

from mpfluent import Batch, ConfigurationError, RecordingTransport
from mpfluent.rows import Rows, groups


def row(user, n=0, **more):
    return {"id": user, "n": n, "plan": "pro", **more}


def meant(row):
    batch = Batch.for_user(
        customer_id=row.text("id"), email=row.text("email"), mpid=row.integer("mpid")
    )
    if row.text("ip"):
        batch = batch.with_ip(row.text("ip"))
    return batch.with_user_attributes(last=row.integer("n")).event("E", {"n": row.integer("n")})


def numbers_of(batch):
    return [event.attributes["n"] for event in batch.events if event.event_name == "E"]


def groups_of(rows, *columns, window=1000):
    """Return the numbers of the rows of each batch."""
    transport = RecordingTransport()
    report = sent(table(rows, meant).grouped_by(*columns or ("plan",), window=window), transport)
    assert adds_up(report)
    assert report.delivered == len(rows)
    return [numbers_of(batch) for batch in transport.batches]


A, C = "a@b.example", "c@d.example"
GROUPS = {
    "one user": ([row("1", 0), row("1", 1), row("1", 2)], [[0, 1, 2]]),
    "two users in turn": ([row(str(n % 2), n) for n in range(4)], [[0, 2], [1, 3]]),
    "another cell": (
        [row("1", 0), row("1", 1, plan="free"), row("1", 2, plan="free")],
        [[0], [1, 2]],
    ),
    "a cell is missing": (
        [row("1", 0, plan=None), row("1", 1, plan=None), row("1", 2)],
        [[0], [1], [2]],
    ),
    "an identity is new": ([row("1", 0), row("1", 1, email=A)], [[0, 1]]),
    "an identity differs": ([row("1", 0, email=A), row("1", 1, email=C)], [[0], [1]]),
    "a mail in common, and the customer differs": (
        [row("1", 0, email=A), row("2", 1, email=A), row("1", 2)],
        [[0, 2], [1]],
    ),
    "a household with one mail": (
        [row(str(n % 2), n, email=A) for n in range(6)],
        [[0, 2, 4], [1, 3, 5]],
    ),
    "nothing in common": ([row("1", 0), row(None, 1, email=A)], [[0], [1]]),
    "a row that has something in common with two": (
        [row("1", 0), row(None, 1, email=A), row("1", 2, email=A)],
        [[0], [1, 2]],
    ),
    "an mpid": ([row(None, 0, mpid=7), row(None, 1, mpid=7), row(None, 2, mpid=8)], [[0, 1], [2]]),
    "an mpid differs": ([row("1", 0, mpid=7), row("1", 1, mpid=8)], [[0], [1]]),
    "another address": (
        [row("1", 0, ip="203.0.113.7"), row("1", 1, ip="203.0.113.8")],
        [[0], [1]],
    ),
    "another address between": (
        [row("1", 0), row("1", 1, ip="203.0.113.8"), row("1", 2)],
        [[0], [1], [2]],
    ),
    "one number of any class": (
        [row("1", n, plan=cell) for n, cell in enumerate([7, 7.0, "7"])],
        [[0, 1, 2]],
    ),
}


@pytest.mark.parametrize("name", GROUPS)
def test_which_rows_are_joined(name):
    rows, want = GROUPS[name]

    assert groups_of(rows) == want


def test_rows_are_joined_within_windows_that_begin_at_fixed_places():
    rows = [row("1", n) for n in range(7)]

    assert groups_of(rows, window=3) == [[0, 1, 2], [3, 4, 5], [6]]
    assert groups_of(rows, window=1) == [[n] for n in range(7)]


def test_a_row_that_is_alone_has_the_id_that_it_has_without_groups():
    rows = [row(str(n), n, policy=f"P-{n}") for n in range(6)]
    keyed = table(rows, meant).with_key("policy", job="one")
    alone, grouped = RecordingTransport(), RecordingTransport()
    sent(keyed, alone)
    sent(keyed.grouped_by("id"), grouped)

    assert [batch.source_request_id for batch in grouped.batches] == [
        batch.source_request_id for batch in alone.batches
    ]


def test_the_id_of_a_group_is_of_the_keys_of_all_its_rows():
    def id_of(*policies):
        rows = [row("1", n, policy=policy) for n, policy in enumerate(policies)]
        transport = RecordingTransport()
        sent(table(rows, meant).with_key("policy", job="one").grouped_by("id"), transport)
        (batch,) = transport.batches
        return batch.source_request_id

    found = [id_of("a"), id_of("a", "b"), id_of("b", "a"), id_of("a", "b", "c"), id_of("ab")]

    assert len(set(found)) == 5
    assert id_of("a", "b") == found[1]


def test_without_a_key_a_group_has_the_same_id_in_each_run(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,n,plan,email,mpid,ip\n1,0,pro,,,\n1,1,pro,,,\n")
    ids = []
    for _ in range(2):
        transport = RecordingTransport()
        sent(Rows.from_csv(path).map(meant).grouped_by("id"), transport)
        ids += [batch.source_request_id for batch in transport.batches]

    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_what_a_later_row_clears_is_cleared():
    def mapping(row):
        if row["n"] == 1:
            return Batch.for_user(customer_id="1").with_deleted_user_attributes("last")
        return meant(row)

    transport = RecordingTransport()
    sent(table([row("1", n) for n in range(2)], mapping).grouped_by("id"), transport)
    (batch,) = transport.batches

    assert not batch.user_attributes
    assert batch.deleted_user_attributes == ("last",)


def test_a_group_over_a_limit_is_sent_row_by_row_and_one_bad_row_rejects_itself_only():
    def mapping(row):
        return meant(row).event("x" * (300 if row["n"] == 2 else 3))

    transport = RecordingTransport()
    report = sent(table([row("1", n) for n in range(5)], mapping).grouped_by("id"), transport)

    assert (report.delivered, report.rejected_by_reason) == (4, {"limit": 1})
    assert report.rejects[0].row["n"] == 2
    assert [numbers_of(batch) for batch in transport.batches] == [[0], [1], [3], [4]]


def test_a_group_of_more_than_a_request_is_split_and_arrives():
    def mapping(row):
        return meant(row).event("Long", {"text": "x" * 4000})

    transport = RecordingTransport()
    report = sent(table([row("1", n) for n in range(100)], mapping).grouped_by("id"), transport)

    assert (report.delivered, report.batches) == (100, 1)
    assert sorted(n for batch in transport.batches for n in numbers_of(batch)) == list(range(100))
    assert len({batch.source_request_id for batch in transport.batches}) > 3


def test_a_group_that_the_server_refuses_is_a_reject_of_each_of_its_rows(tmp_path):
    rows = [*(row("1", n) for n in range(3)), row("2", 3)]
    rejects, again = tmp_path / "r.jsonl", RecordingTransport()
    report = sent(table(rows, meant).grouped_by("id").with_rejects(rejects), refusing('"1"'))
    assert (report.delivered, report.failed) == (1, 3)

    sent(Rows.from_rejects(rejects), again)
    assert [numbers_of(batch) for batch in again.batches] == [[0, 1, 2]]


def test_a_cell_to_group_by_that_is_no_text_makes_its_row_a_reject():
    report = sent(table([row("1", 0), row("1", 1, plan={"a": 1})], meant).grouped_by("plan"))

    assert (report.delivered, report.rejected_by_reason) == (1, {"invalid": 1})


def test_a_row_is_compared_with_the_groups_of_its_own_identities_only(monkeypatch):
    compared = []

    def same_user(left, right):
        compared.append(right)
        return merge.same_user(left, right)

    monkeypatch.setattr(groups, "same_user", same_user)
    rows = [row(str(n % 500), n) for n in range(1000)]

    assert len(groups_of(rows)) == 500
    assert len(compared) == 500


def test_a_column_that_is_not_there_is_told_before_anything_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,plan\n1,pro\n")
    with pytest.raises(ConfigurationError, match="has no column 'plam'; did you mean 'plan'"):
        Rows.from_csv(path).grouped_by("plam")
