"""An outbox's file that somebody has written to: numbers, rows and schemas that are not ours."""

import sqlite3
import time
import zlib

import pytest
from internals import database
from outboxes import OTHERS, Opened, aside, ask, client_of, filled, parts, several, taken_up

from mpfluent import Batch, FunctionTransport, RecordingTransport, Response

BATCH = Batch.for_user(customer_id="1").event("Searched")
HUGE = 2**63 - 1


def written(path, *statements):
    """Write to a file as somebody with SQLite would, while nobody has it open."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement, *values in statements:
        connection.execute(statement, values)
    connection.close()


def leave(path, count=5):
    """Leave batches of a client that is closed; return their ids."""
    client = client_of(path, 503)
    client.send(*[BATCH.with_source_request_id(f"id-{number}") for number in range(count)])
    client.flush(5)
    client.close(5)
    return [f"id-{number}" for number in range(count)]


# Numbers

TOTALS = {
    "the last number there is": "UPDATE totals SET last = 9223372036854775807",
    "almost the last number": "UPDATE totals SET last = 9223372036854775806",
    "a number below the rows'": "UPDATE totals SET last = 5",
    "nothing": "UPDATE totals SET last = 0",
    "a negative number": "UPDATE totals SET last = -5",
    "text": "UPDATE totals SET last = 'x'",
    "infinity": "UPDATE totals SET last = 9e999",
    "no totals": "DELETE FROM totals",
    "two totals": "INSERT INTO totals SELECT * FROM totals",
    "many bytes": "UPDATE totals SET bytes = 9223372036854775807",
    "bytes that are text": "UPDATE totals SET bytes = 'x'",
    "bytes beyond number": "UPDATE totals SET bytes = 9e999",
}


@pytest.mark.parametrize("statement", TOTALS.values(), ids=TOTALS)
def test_totals_that_were_changed_are_put_right_when_the_file_is_opened(statement, path):
    ids = leave(path)
    written(path, [statement])
    client = client_of(path)
    for _ in range(3):
        assert client.send(BATCH).wait(5) is True
    assert client.flush(5) is True

    assert client.stats[:4] == (len(ids) + 3, len(ids) + 3, 0, 0)
    assert client.stats.outbox_errors == 0
    client.close()
    assert aside(path) == []
    assert ask(path, "SELECT COUNT(*), bytes FROM totals") == [(1, 0)]


@pytest.mark.parametrize(
    "statement", [each for name, each in TOTALS.items() if name != "many bytes"]
)
def test_totals_that_are_changed_in_use_cost_no_batch(statement, path):
    client = client_of(path, 503)
    deliveries = [client.send(BATCH)]
    client.flush(5)
    written(path, [statement])
    deliveries += [client.send(BATCH) for _ in range(4)]
    client.flush(5)

    assert [delivery.wait(5) for delivery in deliveries] == [True] * 5
    assert client.stats[:4] == (5, 0, 0, 5)
    assert client.stats.outbox_errors <= 1
    assert ask(path, "SELECT COUNT(*) FROM rows") == [(5,)]
    client.close()
    again = client_of(path)
    assert again.flush(5) is True
    assert again.stats[:4] == (5, 5, 0, 0)
    again.close()


@pytest.mark.parametrize("row", [HUGE, HUGE - 1, 2**62, 0, -1, -(2**63)])
def test_a_row_with_a_number_that_we_never_give_is_sent_like_any_other(row, path):
    ids = leave(path)
    written(path, ["UPDATE rows SET row = ? WHERE id = 'id-2'", row])
    sent = RecordingTransport()
    client = client_of(path, transport=sent)
    assert client.send(BATCH.with_source_request_id("new")).wait(5) is True
    assert client.flush(5) is True

    assert sorted(one.source_request_id for one in sent.batches) == sorted([*ids, "new"])
    assert client.stats[:5] == (6, 6, 0, 0, 0)
    assert client.stats.outbox_errors == 0
    client.close()
    assert ask(path, "SELECT COUNT(*) FROM rows") == [(0,)]


@pytest.mark.parametrize("size", [HUGE, -HUGE, "x", 9e999, 0])
def test_sizes_that_were_changed_are_put_right(size, path):
    leave(path)
    written(path, ["UPDATE rows SET size = ?", size])
    one = Opened(path, max_bytes=10_000)

    assert one.put(several("new")) is not None
    assert one.failures == []
    ((held, real),) = ask(path, "SELECT bytes, (SELECT SUM(LENGTH(bodies)) FROM rows) FROM totals")
    assert 0 <= held <= real
    one.close()


@pytest.mark.parametrize("owner", [-1, 0, 2**48 + 1, HUGE])
@pytest.mark.parametrize("locked", [0, 1])
def test_rows_of_an_owner_that_cannot_be_are_nobodys(owner, locked, path):
    filled(path, 3)
    written(
        path,
        ["INSERT INTO owners VALUES (?, ?, 9e999)", owner, locked],
        ["UPDATE rows SET owner = ?", owner],
    )
    one, found = taken_up(path)

    assert sorted(found) == ["id-0", "id-1", "id-2"]
    one.close()


# Rows


def checksum(id, created, heads, bodies):
    return zlib.crc32(bodies, zlib.crc32(f"{id} {created!r} {heads}".encode()))


def rewritten(path, which, **changes):
    """Change a row, with a checksum that is right."""
    connection = sqlite3.connect(path, isolation_level=None)
    asked = "SELECT id, created, heads, bodies FROM rows WHERE id = ?"
    names = ("id", "created", "heads", "bodies")
    row = {**dict(zip(names, connection.execute(asked, [which]).fetchone())), **changes}
    sets = ", ".join(f"{name} = ?" for name in names)
    connection.execute(
        f"UPDATE rows SET {sets}, checksum = ? WHERE id = ?",
        [*row.values(), checksum(**row), which],
    )
    connection.close()


ODD = {
    "heads of words": {"heads": "x"},
    "no heads": {"heads": ""},
    "one head too many": {"heads": "20 30"},
    "a head of blanks": {"heads": " "},
    "a negative head": {"heads": "-5"},
    "a signed head": {"heads": "+5"},
    "a head with an underscore": {"heads": "1_0"},
    "a head in other digits": {"heads": "٣"},
    "a head of 5 000 digits": {"heads": "9" * 5_000},
    "a head beyond the body": {"heads": "99999"},
    "a head of nothing": {"heads": "0"},
    "heads that are bytes": {"heads": b"20"},
    "a time of words": {"created": "yesterday"},
    "a time of bytes": {"created": b"1"},
    "an id of bytes": {"id": b"id-2"},
    "no id": {"id": ""},
    "more bodies than heads": {"bodies": b"{}\n{}"},
}


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD)
def test_a_row_that_we_cannot_have_written_counts_as_damaged_and_holds_up_no_other(
    changes, path, caplog
):
    leave(path)
    rewritten(path, "id-2", **changes)
    client = client_of(path)
    assert client.send(BATCH.with_source_request_id("new")).wait(5) is True
    assert client.flush(5) is True

    assert client.stats[:4] == (6, 5, 1, 0)
    assert client.stats.failed_by_reason == {"transport_error": 1}
    assert client.stats.outbox_errors == 1
    assert "is damaged" in caplog.text
    client.close()
    assert ask(path, "SELECT COUNT(*) FROM rows") == [(0,)]


@pytest.mark.parametrize("place", range(3))
def test_a_damaged_member_of_a_group_costs_no_other(place, path):
    one = Opened(path)
    one.join(one.put(several("a", "b", "c")))
    one.close()
    rewritten(path, "abc"[place], heads="x")
    one, found = taken_up(path)

    assert sorted(found) == sorted({*"abc"} - {"abc"[place]})
    assert one.losses == ["abc"[place]]
    one.close()


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b"\xff\xfe", b'{"environment": 5}', b"{}"])
def test_a_body_that_is_no_batch_is_told_like_any_other(body, path):
    """Whether it is one only mParticle says; who is told gets what stands for it."""
    leave(path)
    rewritten(path, "id-2", bodies=body, heads="1")
    told = []
    refusal = Response(400, body='{"errors": [{"code": "BAD_REQUEST", "message": "no"}]}')
    client = client_of(
        path,
        transport=FunctionTransport(lambda one: refusal if "id-2" in one.batch_ids else 202),
        on_failed=lambda batch, error: told.append(batch.source_request_id),
    )
    assert client.flush(5) is True

    assert client.stats[:4] == (5, 4, 1, 0)
    assert len(told) == 1
    client.close()


# Schemas

SLOW = (
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 300000000) "
    "SELECT COUNT(*) FROM t"
)
HOSTILE = {
    "a trigger": [f"CREATE TRIGGER slow AFTER INSERT ON rows BEGIN {SLOW}; END"],
    "a trigger for owners": [f"CREATE TRIGGER slow BEFORE INSERT ON owners BEGIN {SLOW}; END"],
    "our trigger, changed": [
        "DROP TRIGGER row_added",
        f"CREATE TRIGGER row_added AFTER INSERT ON rows BEGIN {SLOW}; END",
    ],
    "a trigger less": ["DROP TRIGGER row_removed"],
    "a view for rows": [
        "ALTER TABLE rows RENAME TO old",
        f"CREATE VIEW rows AS SELECT old.* FROM old, ({SLOW})",
    ],
    "a view for owners": [
        "DROP TABLE owners",
        f"CREATE VIEW owners AS SELECT 1 AS id, 1 AS locked, ({SLOW}) AS lease_until",
    ],
    "another table": ["CREATE TABLE slow (x CHECK (length(zeroblob(x)) > 0))"],
    "another index": ["CREATE INDEX more ON rows (id)"],
    "another column": ["ALTER TABLE rows ADD COLUMN more"],
    "a column that is worked out": [
        "ALTER TABLE rows ADD COLUMN more AS (hex(zeroblob(100000000)))"
    ],
    "statistics": ["ANALYZE"],
    "a table less": ["DROP TABLE totals"],
}
# what is read of a table that is not as we made it may take as long as it likes
UNREAD = {"a view for rows", "another column", "a column that is worked out"}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_schema_that_is_not_exactly_ours_is_damage_and_runs_nothing(name, path):
    ids = leave(path)
    written(path, *[[statement] for statement in HOSTILE[name]])
    client = client_of(path)
    began = time.monotonic()
    assert client.send(BATCH).wait(5) is True
    assert client.flush(5) is True
    assert time.monotonic() - began < 5  # as each of them, if it ran, took longer by far

    assert client.stats.outbox_errors == 1
    assert len(aside(path)) == 1
    assert client.stats.pending == 0
    assert client.stats.delivered == 1 + (0 if name in UNREAD else len(ids))
    client.close()
    assert ask(path, "SELECT name FROM sqlite_master WHERE name LIKE 'slow%'") == []


def test_a_file_whose_schema_is_ours_trusts_it_no_further(path):
    one = Opened(path)
    one.ready()

    connection = one._owner.current().connection
    assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
    one.close()


def test_what_damage_moved_aside_other_owners_find_again(path):
    """The one whose file is moved aside under it goes on with what is new."""
    first = Opened(path)
    first.park(first.put(several("a")))
    other = Opened(path, OTHERS)
    other.park(other.put([("b", parts("b"))]))
    written(path, ["UPDATE totals SET last = 9223372036854775807"])
    assert first.put(several("c")) is not None

    assert other.ids() == ["b"]
    assert first.ids() == ["a"]
    first.close()
    other.close()


def test_every_version_of_the_schema_is_known():
    assert database._made_by(()) == frozenset()
    assert len(database._made_by(database._STEPS)) == 6
