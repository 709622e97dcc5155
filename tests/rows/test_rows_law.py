"""Laws of a table's run, for any mix of rows, dispatchers and groups."""

import json
from collections import Counter
from typing import NamedTuple

from clients import client_of
from hypothesis import given
from hypothesis import strategies as st
from tables import adds_up, lines_of

from mpfluent import Batch, ConfigurationError, FunctionTransport, ThreadedDispatcher
from mpfluent.rows import Rows

REFUSED = "the server refuses this"


class Shape(NamedTuple):
    """How a table is sent."""

    threaded: bool = False
    group: tuple[str, ...] = ()
    window: int = 1000


SHAPES = st.builds(
    Shape,
    st.booleans(),
    st.sampled_from([(), ("user",), ("user", "device"), ("same",)]),
    st.sampled_from([1, 2, 3, 7, 1000]),
)
KINDS = ("valid", "valid", "valid", "invalid", "nobody", "skipped", "over a limit", "refused")


def tables(kinds=KINDS):
    """Return any rows: few users, devices and keys, so that many have one in common."""
    cells = {
        "kind": st.sampled_from(kinds),
        "user": st.sampled_from(["1", "2", "3"]),
        "email": st.sampled_from(["", "", "a@b.example"]),
        "device": st.sampled_from(["", "iOS", "Android"]),
        "key": st.integers(0, 30).map(str),
    }
    return st.lists(st.fixed_dictionaries(cells), max_size=40).map(
        lambda rows: [{**row, "n": str(n), "same": "x"} for n, row in enumerate(rows)]
    )


def meant(row):
    """Return what a row means, by its kind."""
    kind = row["kind"]
    if kind == "skipped":
        return None
    user = row.text("user") if kind != "nobody" else None
    email = row.text("email") if kind != "nobody" else None
    batch = Batch.for_user(customer_id=user, email=email)
    if row.text("device"):
        batch = batch.with_device(platform=row.text("device"))
    number = row.integer("kind" if kind == "invalid" else "n")
    note = {"over a limit": "x" * 5000, "refused": REFUSED}.get(kind, "")
    return batch.with_user_attributes(last=number).event("E", {"n": number, "note": note})


class Server:
    """Takes requests without the word, and keeps what was in them."""

    def __init__(self):
        self.batches = []
        self.transport = FunctionTransport(self.answer)

    def answer(self, request):
        if REFUSED.encode() in request.body:
            return 400
        found = json.loads(request.body)
        self.batches += found if isinstance(found, list) else [found]
        return 202

    @property
    def once(self):
        """What mParticle counts: a batch whose id came before is dropped."""
        return {batch["source_request_id"]: batch for batch in self.batches}

    def rows(self, batches=None):
        """Return the number of the row of each event."""
        return sorted(
            event["data"]["custom_attributes"]["n"]
            for batch in (self.batches if batches is None else batches)
            for event in batch["events"]
        )


def run(rows, shape, server, *, job="one", environment="production"):
    rows = rows.with_key("key", job=job)
    if shape.group:
        rows = rows.grouped_by(*shape.group, window=shape.window)
    dispatcher = {"dispatcher": ThreadedDispatcher(flush_interval=0)} if shape.threaded else {}
    with client_of(server.transport, environment=environment, **dispatcher) as client:
        return client.send_all(rows)


def outcomes(rows):
    """Return what becomes of each row, by its number: the first of a key that can be sent is."""
    found, claimed = {}, set()
    words = {"skipped": "skipped", "invalid": "rejected", "nobody": "rejected"}
    for number, row in enumerate(rows):
        word = words.get(row["kind"])
        if word is None and row["key"] in claimed:
            word = "duplicates"
        elif word is None and row["kind"] == "over a limit":
            word = "rejected"
        elif word is None:
            claimed.add(row["key"])
            word = "failed" if row["kind"] == "refused" else "delivered"
        found[number] = word
    return found


@given(tables(), st.booleans())
def test_each_row_has_one_outcome_and_it_is_the_one_that_it_must_have(rows, threaded):
    server, want = Server(), outcomes(rows)
    report = run(Rows(rows).map(meant), Shape(threaded), server)

    assert adds_up(report)
    assert report.rows == len(rows)
    counts = Counter(want.values())
    assert {name: getattr(report, name) for name in counts} == counts
    assert bool(report) is not (counts["failed"] + counts["rejected"] > 0)
    assert server.rows() == [number for number, word in want.items() if word == "delivered"]
    assert report.failed_by_reason == ({"rejected": counts["failed"]} if counts["failed"] else {})


@given(tables(), SHAPES)
def test_the_equation_holds_however_it_is_sent(rows, shape):
    server, want = Server(), outcomes(rows)
    report = run(Rows(rows).map(meant), shape, server)

    assert adds_up(report)
    assert (report.rows, report.pending) == (len(rows), 0)
    counts = Counter(want.values())
    # a row of a group that the server refuses fails with it
    assert report.delivered + report.failed == counts["delivered"] + counts["failed"]
    assert report.failed >= counts["failed"]
    for name in ("rejected", "duplicates", "skipped"):
        assert getattr(report, name) == counts[name]
    arrived = server.rows()
    assert len(arrived) == len(set(arrived)) == report.delivered
    assert {want[number] for number in arrived} <= {"delivered"}
    assert report.batches >= len(server.batches)


@given(tables([kind for kind in KINDS if kind != "refused"]), SHAPES)
def test_grouped_or_not_the_same_events_arrive_once_each_with_their_own_user(rows, shape):
    alone, grouped = Server(), Server()
    run(Rows(rows).map(meant), Shape(), alone)
    report = run(Rows(rows).map(meant), shape, grouped)

    assert grouped.rows() == alone.rows()
    assert len(grouped.batches) == report.batches <= len(alone.batches)
    for batch in grouped.batches:
        of = [rows[number] for number in grouped.rows([batch])]
        who = batch["user_identities"]
        assert {row["user"] for row in of} == {who["customer_id"]}
        assert {row["email"] for row in of if row["email"]} == {who.get("email")} - {None}
        devices = {row["device"] for row in of}
        assert devices == {batch.get("device_info", {}).get("platform", "")}
        assert {len({row[name] for row in of}) for name in shape.group} <= {1}


@given(tables(["valid"]), SHAPES)
def test_grouped_or_not_the_last_row_of_a_user_has_the_last_word(rows, shape):
    def last_words(server):
        return {
            batch["user_identities"]["customer_id"]: batch["user_attributes"]["last"]
            for batch in server.batches
        }

    alone, grouped = Server(), Server()
    run(Rows(rows).map(meant), Shape(), alone)
    run(Rows(rows).map(meant), shape._replace(threaded=False), grouped)

    assert last_words(grouped) == last_words(alone)


@given(tables(), SHAPES)
def test_the_ids_are_those_of_the_job_and_of_the_environment(rows, shape):
    def ids(**options):
        server = Server()
        run(Rows(rows).map(meant), shape, server, **options)
        return {str(server.rows([batch])): batch["source_request_id"] for batch in server.batches}

    first = ids()
    assert ids() == first
    assert len(set(first.values())) == len(first)
    for options in ({"job": "other"}, {"environment": "development"}):
        other = ids(**options)
        assert other.keys() == first.keys()
        assert set(other.values()).isdisjoint(first.values())


@given(tables(), SHAPES)
def test_a_dry_run_counts_as_the_run_does_but_for_what_the_server_refuses(rows, shape):
    grouped = Rows(rows).map(meant).with_key("key", job="one")
    if shape.group:
        grouped = grouped.grouped_by(*shape.group, window=shape.window)
    dry = grouped.check()
    real = run(Rows(rows).map(meant), shape, Server())

    assert dry.delivered == real.delivered + real.failed
    assert dry.batches == real.batches
    assert (dry.rejected_by_reason, dry.duplicates, dry.skipped) == (
        (real.rejected_by_reason, real.duplicates, real.skipped)
    )


@given(tables(), SHAPES, st.lists(st.integers(0, 45), max_size=4))
def test_a_run_that_breaks_off_and_goes_on_sends_all_once(tmp_path_factory, rows, shape, breaks):
    folder = tmp_path_factory.mktemp("law")
    source, rejects = folder / "rows.jsonl", folder / "rejects.jsonl"
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    server, want, reports = Server(), outcomes(rows), []

    def broken_at(number):
        def sometimes(row):
            if row.integer("n") == number:
                raise RuntimeError("no power")
            return meant(row)

        return sometimes

    def go_on(mapping):
        table = Rows.from_jsonl(source).map(mapping).with_rejects(rejects)
        reports.append(run(table.with_checkpoint(folder / "checkpoint"), shape, server))

    for number in breaks:
        try:
            go_on(broken_at(number))
        except ConfigurationError as error:
            reports.append(error.report)
    go_on(meant)

    assert all(map(adds_up, reports))
    assert reports[-1].rows == len(rows)
    arrived = server.rows(server.once.values())
    assert len(arrived) == len(set(arrived))
    # what was in the background when it broke off comes again, under the same id
    assert shape.threaded or len(server.rows()) == len(arrived)
    rejected = [line["index"] for line in lines_of(rejects)]
    assert len(rejected) == len(set(rejected))
    settled = {number for number, word in want.items() if word in ("skipped", "duplicates")}
    assert {*arrived, *rejected} == set(range(len(rows))) - settled
    assert {*rejected} >= {n for n, word in want.items() if word in ("rejected", "failed")}
