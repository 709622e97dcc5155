"""What engines run in parts: ids that are the same in every run, and one report a partition."""

import multiprocessing
import os
import pickle
import subprocess
import sys
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from partition_jobs import Row, orders, report_of, without_ids

from mpfluent import (
    Batch,
    Client,
    ConfigurationError,
    DeliveryError,
    FunctionTransport,
    HandOverDispatcher,
    InvalidBatch,
    InvalidValue,
    RecordingTransport,
    Report,
    Retry,
    ThreadedDispatcher,
)
from mpfluent.partitions import SendPartition, by, stable_id
from mpfluent.testing import LocalServer, status

ROWS = [Row(number, f"user-{number % 3}") for number in range(9)]
KEYS = st.one_of(
    st.text(),
    st.integers(),
    st.booleans(),
    st.uuids(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(),
    st.times(),
)


def told_apart(key):
    """Return a key with its class: 1 is not True, and not Decimal(1)."""
    return type(key), str(key)


def client_with(transport=None, **options):
    options.setdefault("environment", "development")
    options.setdefault("retry", Retry(max_attempts=1))
    return partial(Client, "key", "secret", transport=transport or RecordingTransport(), **options)


# Ids


@given(st.text(min_size=1).filter(str.strip), st.lists(KEYS, min_size=1, max_size=4))
def test_the_same_keys_have_the_same_id(name, keys):
    found = stable_id(name, *keys)

    assert found == stable_id(name, *pickle.loads(pickle.dumps(keys)))
    assert str(uuid.UUID(found)) == found


@given(
    st.tuples(st.sampled_from("ab"), st.lists(KEYS, min_size=1, max_size=3)),
    st.tuples(st.sampled_from("ab"), st.lists(KEYS, min_size=1, max_size=3)),
)
def test_other_names_or_keys_have_other_ids(one, other):
    same = one[0] == other[0] and [*map(told_apart, one[1])] == [*map(told_apart, other[1])]

    assert (stable_id(one[0], *one[1]) == stable_id(other[0], *other[1])) is same


def test_keys_that_look_alike_have_other_ids():
    alike = [
        *(("7",), (7,), (Decimal(7),), (True,), ("True",), ("true",), ('{"Decimal": "7"}',)),
        *((Decimal("7.0"),), ("7", "7"), ("7, 7",), ('["7", "7"]',), ("7", 7), ("77",)),
        *((date(2026, 11, 1),), (datetime(2026, 11, 1),), ("2026-11-01",), (time(0),)),
        *((datetime(2026, 11, 1, tzinfo=UTC),), (uuid.UUID(int=7),), (str(uuid.UUID(int=7)),)),
    ]

    assert len({stable_id("orders", *keys) for keys in alike}) == len(alike)


def test_the_ids_are_the_same_in_every_version_of_mpfluent():
    known = {
        ("A-17",): stable_id("orders", "A-17"),
        (7, "A-17"): stable_id("orders", 7, "A-17"),
    }

    assert known == {
        ("A-17",): "b4b3d630-9f2f-6293-e6f0-8c1dc49f349e",
        (7, "A-17"): "e2e43451-5318-e856-91d6-dbcf4acd60eb",
    }


def test_the_ids_are_the_same_in_every_process():
    code = "from mpfluent.partitions import stable_id; print(stable_id('orders', 7, 'é'))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert said == {stable_id("orders", 7, "é")}


def test_an_id_of_a_rehearsal_is_another_one():
    ids = {stable_id("orders", 7, environment=name) for name in (None, "development", "production")}

    assert len(ids) == 3


def test_the_scalars_of_other_libraries_are_pythons_own():
    moment = datetime(2026, 11, 1, 12)

    assert stable_id("orders", numpy.int64(7)) == stable_id("orders", 7)
    assert stable_id("orders", numpy.str_("A")) == stable_id("orders", "A")
    assert stable_id("orders", pandas.Timestamp(moment)) == stable_id("orders", moment)


MISSING = "it is missing, and all batches without a key would have one id"


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ((), "stable_id('orders') needs a key, or every batch would have one id; "
             "write stable_id('orders', row.id)"),
        ((None,), f"stable_id('orders', None): {MISSING}; leave the row out, or give it a key"),
        ((7, float("nan")), f"stable_id('orders', nan): {MISSING}; leave the row out, "
                            "or give it a key"),
        ((pandas.NaT,), f"stable_id('orders', NaT): {MISSING}; leave the row out, "
                        "or give it a key"),
        ((pandas.NA,), f"stable_id('orders', <NA>): {MISSING}; leave the row out, "
                       "or give it a key"),
        ((7.0,), "stable_id('orders', 7.0): want a text, a whole number, a UUID or a time, got "
                 "float; write stable_id('orders', str(key)) if its text is the same in each run"),
        (([1, 2],), "stable_id('orders', [1, 2]): want each key by itself; "
                    "write stable_id('orders', *keys)"),
        ((b"7",), "stable_id('orders', b'7'): want a text, a whole number, a UUID or a time, got "
                  "bytes; write stable_id('orders', str(key)) if its text is the same in each run"),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(keys, text):
    with pytest.raises(InvalidValue) as raised:
        stable_id("orders", *keys)

    assert str(raised.value) == text


@pytest.mark.parametrize("name", ["", " ", None, 7])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(InvalidValue) as raised:
        stable_id(name, 7)

    assert str(raised.value) == (
        f"stable_id({name!r}): want a name of what is sent, such as 'orders 2026-11'; "
        "write stable_id('orders 2026-11', row.id)"
    )


# Rows by user


@dataclass
class Order:
    id: int
    user_id: str
    at: int = 1795428900000


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        [Order(*row) for row in ROWS],
        pandas.DataFrame(ROWS).itertuples(index=False),
        iter(ROWS),
    ],
    ids=["named tuples", "objects", "pandas", "an iterator"],
)
def test_each_user_has_one_batch_with_their_rows_in_order(rows):
    made = [*by("user_id", orders)(rows)]

    assert [batch.user_identities.customer_id for batch in made] == ["user-0", "user-1", "user-2"]
    assert [event.attributes["id"] for event in made[1].events] == ["1", "4", "7"]
    assert made == [*by(lambda row: row[1], orders)(ROWS)]


def test_rows_that_are_mappings_have_columns():
    seen = []
    rows = [{"id": 1, "user": "a"}, {"id": 2, "user": "b"}, {"id": 3, "user": "a"}]
    made = [*by("user", lambda user, mine: seen.append((user, [one["id"] for one in mine])))(rows)]

    assert made == []  # None leaves them out
    assert seen == [("a", [1, 3]), ("b", [2])]


def test_rows_of_nobody_are_together_whatever_stands_there():
    rows = [{"user": value} for value in (None, float("nan"), pandas.NaT, numpy.float64("nan"))]
    seen = []
    [*by("user", lambda user, mine: seen.append((user, len(mine))))(rows)]

    assert seen == [(None, 4)]


def test_a_column_that_is_not_there_is_said():
    for row, shown in (({"id": 1}, "{'id': 1}"), (Row(1, "a"), "Row(id=1, user_id='a', at=17")):
        with pytest.raises(ConfigurationError) as raised:
            [*by("user", orders)([row])]

        assert str(raised.value).startswith(f"by('user', …): a row has no such column: {shown}")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: by(7, orders),
            "by(7, …): want the name of a column, or a function of a row; "
            "write by('user_id', batch)",
        ),
        (
            lambda: by("user_id", Batch()),
            "by('user_id', <Batch, 88 of 128,000 bytes>): want a function of a user and their "
            "rows; write by('user_id', batch)",
        ),
        (
            lambda: SendPartition(by("user_id", orders), client_with()()),
            "SendPartition(…): want a function, got <Client https://s2s.us1.mparticle.com "
            "development>; write partial(Client, …)",
        ),
        (
            lambda: SendPartition([], client_with()),
            "SendPartition(…): want a function, got []; write by('user_id', batch)",
        ),
    ],
)
def test_a_mistake_in_the_job_is_told_before_it_runs(make, text):
    with pytest.raises(ConfigurationError) as raised:
        make()

    assert str(raised.value) == text


# Sending a partition


@pytest.mark.parametrize("threaded", [False, True])
def test_a_partition_yields_one_report(threaded):
    options = {"dispatcher": ThreadedDispatcher()} if threaded else {}
    transport = RecordingTransport()
    (report,) = SendPartition(by("user_id", orders), client_with(transport, **options))(ROWS)

    assert report == Report(submitted=3, delivered=3)
    assert len(transport.batches) == 3


def test_a_partition_of_no_rows_has_an_empty_report():
    assert [*SendPartition(by("user_id", orders), client_with())([])] == [Report()]


def test_a_partition_that_is_run_twice_is_the_same_bytes_and_counts_once():
    with LocalServer() as server:
        make = partial(Client, "key", "secret", environment="development", host=server.url)
        send = SendPartition(by("user_id", orders), make)
        total = sum([*send(ROWS), *send(iter(ROWS))], Report())

        first, second = (request.body for request in server.requests)
        assert first == second
        assert total.delivered == 6
        assert len(server.batches) == 3


@pytest.mark.parametrize("batches", [by("user_id", without_ids), lambda rows: [Batch()]])
def test_a_batch_without_an_id_of_its_own_is_refused(batches):
    transport = RecordingTransport()
    with pytest.raises(InvalidBatch) as raised:
        [*SendPartition(batches, client_with(transport))(ROWS)]

    assert str(raised.value) == (
        "an engine may run a task twice, and mParticle would count this batch twice; "
        "write with_source_request_id(stable_id(…))"
    )
    assert transport.requests == []


def test_what_is_no_batch_is_refused():
    with pytest.raises(InvalidValue) as raised:
        [*SendPartition(lambda rows: [7], client_with())(ROWS)]

    assert str(raised.value) == (
        "SendPartition: the function of rows gave 7: want batches; "
        "write yield Batch.for_user(…).with_source_request_id(stable_id(…))"
    )


@pytest.mark.parametrize("threaded", [False, True])
def test_what_is_temporary_is_raised_when_all_were_tried(threaded):
    answers = iter([503, 202, 202])
    transport = FunctionTransport(lambda request: next(answers))
    options = {"dispatcher": ThreadedDispatcher(flush_interval=0)} if threaded else {}
    rows = [Row(number, f"user-{number}") for number in range(250)]  # three requests
    with pytest.raises(DeliveryError) as raised:
        [*SendPartition(by("user_id", orders), client_with(transport, **options))(rows)]

    error = raised.value
    report = error.report
    assert (error.temporary, error.reason) == (True, "retries_exhausted")
    assert (report.submitted, report.pending) == (250, 0)
    assert report.delivered == 250 - report.failed
    assert report.failed_by_reason == {"retries_exhausted": report.failed}
    assert str(error).startswith(
        f"{report.failed} of 250 batches may succeed if the partition is run again: "
        f"{report.failed} retries_exhausted; the first: "
    )
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.report[:4]) == (str(error), error.report[:4])


def test_what_is_final_is_in_the_report():
    transport = FunctionTransport(lambda request: 400)
    (report,) = SendPartition(by("user_id", orders), client_with(transport))(ROWS)

    assert (report.submitted, report.failed_by_reason) == (3, {"rejected": 3})
    assert [error.temporary for error in report.failures] == [False] * 3


def test_a_partition_that_failed_once_is_run_again_and_counts_once():
    with LocalServer() as server:
        server.script(status(503))
        make = partial(
            *(Client, "key", "secret"),
            environment="development",
            host=server.url,
            retry=Retry(max_attempts=1),
        )
        send = SendPartition(by("user_id", orders), make)
        with pytest.raises(DeliveryError) as raised:
            [*send(ROWS)]
        (report,) = send(ROWS)

        assert str(raised.value).startswith(
            "3 of 3 batches may succeed if the partition is run again: 3 retries_exhausted; "
            "the first: mParticle answered 503"
        )
        assert report == Report(submitted=3, delivered=3)
        assert (
            Counter(batch.source_request_id for batch in server.batches).most_common(1)[0][1] == 1
        )


def test_a_partition_may_hand_over():
    dispatcher = HandOverDispatcher(lambda job: None)
    (report,) = SendPartition(by("user_id", orders), client_with(dispatcher=dispatcher))(ROWS)

    assert (report.submitted, report.handed_over, report.pending) == (3, 3, 0)


# Elsewhere


def test_a_job_is_pickled_and_shows_no_secret():
    send = pickle.loads(
        pickle.dumps(SendPartition(by("user_id", orders), partial(Client, "k", "s3cret")))
    )

    assert repr(send) == "<SendPartition>"
    assert [*by("user_id", orders)(ROWS)] == [
        *pickle.loads(pickle.dumps(by("user_id", orders)))(ROWS)
    ]


def test_processes_of_a_pool_send_partitions(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    # a test before may have left a __main__ without one, such as a program that runpy ran
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None, raising=False)
    with LocalServer() as server:
        make = partial(Client, "key", "secret", environment="development", host=server.url)
        send = SendPartition(by("user_id", orders), make)
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            rows = [[Row(n, f"user-{n}") for n in range(part, 40, 4)] for part in range(4)]
            reports = pool.map(partial(report_of, send), rows)

        assert sum(reports, Report()) == Report(submitted=40, delivered=40)
        assert len(server.batches) == 40
