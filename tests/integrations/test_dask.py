"""A frame of Dask, sent by a real cluster on this machine to a server that keeps a rate limit."""

import asyncio
from functools import partial

import pytest
from frame_jobs import (
    Dying,
    Once,
    figures,
    ids_of,
    orders,
    page_for,
    poisoned,
    run_example,
    what_they_see,
    write_orders,
)

from mpfluent import (
    ApiError,
    ConfigurationError,
    DeliveryError,
    InvalidBatch,
    RateLimit,
    Report,
    Retry,
    UnknownVerb,
)
from mpfluent import Client as MParticle
from mpfluent.testing import LocalServer, status

WRITE = "write pip install 'mpfluent[dask]'"
distributed = pytest.importorskip("distributed", reason=f"no distributed; {WRITE}")
dd = pytest.importorskip("dask.dataframe", reason=f"no dask[dataframe]; {WRITE}")
pandas = pytest.importorskip("pandas")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of distributed, and those below
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SETTINGS = {
    "threads_per_worker": 1,
    "silence_logs": 50,
    "dashboard_address": "127.0.0.1:0",
    "worker_dashboard_address": None,
}


@pytest.fixture(scope="module")
def workers():
    """Four worker processes with a thread each."""
    with (
        distributed.LocalCluster(n_workers=4, **SETTINGS) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def cluster(workers):
    with workers.as_current():
        yield workers


@pytest.fixture(params=["a cluster", "threads"])
def anywhere(request):
    """Run a test on a cluster, and in this process."""
    if request.param == "a cluster":
        request.getfixturevalue("cluster")


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture
def send():
    from mpfluent.integrations.dask import send

    return send


def client_of(server, **options):
    options = {"environment": "production", "host": server.url, **options}
    return partial(MParticle, "key", "secret", **options)


def pandas_orders(rows, users):
    return pandas.DataFrame(
        {"id": range(rows), "user_id": [f"user-{number % users}" for number in range(rows)]}
    )


def orders_of(rows, users, partitions=4):
    return dd.from_pandas(pandas_orders(rows, users), npartitions=partitions)


# Each event once


def test_workers_that_are_killed_half_way_cost_no_event_and_none_counts_twice(
    cluster, send, tmp_path
):
    dead = tmp_path / "dead"
    dead.mkdir()
    rows, users = 6000, 2000
    with LocalServer(rate_limit=270) as server:
        pace = RateLimit(250, shared=tmp_path / "rate.limit")
        report = send(
            orders_of(rows, users),
            Dying(dead, times=3),
            client_of(server, rate_limit=pace),
            user="user_id",
            order="id",
            partitions=8,
        )

    assert len(list(dead.iterdir())) == 3
    assert report == Report(submitted=users, delivered=users)
    assert figures("Dask, 3 kills", server, rows) == (0, 0)
    assert ids_of(server) == [*range(rows)]
    assert len(server.duplicates) >= 100  # what had arrived of a partition, and came again


@pytest.mark.usefixtures("anywhere")
def test_a_second_run_sends_the_same_bytes_however_the_rows_come(send, server):
    frame = pandas_orders(600, 100).assign(day=lambda frame: frame["id"] // 250)
    again = frame.sort_values("id", ascending=False)
    for rows, parts, by in ((frame, 2, "day"), (again, 5, ["day"])):
        split = dd.from_pandas(rows, npartitions=3, sort=False)
        send(split, orders, client_of(server), user="user_id", order=by, partitions=parts)

    assert len(server.unique_ids) == len(server.duplicates) == 100
    assert ids_of(server) == [*range(600)]


def test_the_rows_of_a_user_come_in_the_order_that_was_asked_for(cluster, send, server):
    frame = pandas_orders(50, 1)
    frame["place"] = (100.0 - frame["id"]).where(frame["id"] != 9)
    send(
        dd.from_pandas(frame, npartitions=3),
        orders,
        client_of(server),
        user="user_id",
        order="place",
    )

    (batch,) = server.batches
    assert [int(event.attributes["id"]) for event in batch.events] == [
        *(9, *reversed(range(10, 50)), *reversed(range(9)))
    ]


# Rows


@pytest.mark.usefixtures("anywhere")
def test_cells_are_pythons_own_and_a_missing_one_is_none(send, server):
    at = pandas.Timestamp("2026-11-01T10:00:00Z")
    frame = pandas.DataFrame(
        {
            "user_id": ["ann"],
            "whole": [7],
            "half": [1.5],
            "nan": [float("nan")],
            "nothing": [None],
            "never": pandas.Series([pandas.NaT], dtype="datetime64[ns, UTC]"),
            "na": pandas.Series([pandas.NA], dtype="Int64"),
            "yes": [True],
            "at": [at],
            "order id": ["x"],
            "kind": pandas.Categorical(["a"]),
        }
    )
    frame = dd.from_pandas(frame, npartitions=1)
    send(frame, what_they_see, client_of(server), user="user_id")

    (batch,) = server.batches
    assert dict(batch.events[0].attributes) == {
        "user_id": "str ann",
        "whole": "int 7",
        "half": "float 1.5",
        "nan": "NoneType None",
        "nothing": "NoneType None",
        "never": "NoneType None",
        "na": "NoneType None",
        "yes": "bool True",
        "at": "Timestamp 2026-11-01 10:00:00+00:00",
        "order id": "str x",
        "kind": "str a",
    }


@pytest.mark.usefixtures("anywhere")
def test_a_user_may_be_a_number_and_one_may_be_missing(send, server):
    users = pandas.Series([17, pandas.NA, 17, 18], dtype="Int64")
    frame = dd.from_pandas(pandas.DataFrame({"user": users, "id": range(4)}), npartitions=2)
    with pytest.raises(
        InvalidBatch, match=r"of 4 rows, 1 have no user \(the first: .*\), and were not sent"
    ):
        send(frame, what_they_see, client_of(server), user="user")

    assert sorted(len(batch.events) for batch in server.batches) == [1, 2]
    assert {event.attributes["user"] for batch in server.batches for event in batch.events} == {
        "int 17",
        "int 18",
    }


@pytest.mark.usefixtures("anywhere")
def test_rows_without_a_user_or_without_a_key_are_told_when_all_others_were_sent(send, server):
    frame = pandas.DataFrame({"id": pandas.Series(range(100), dtype="Int64")})
    frame["user_id"] = [None if n < 5 else f"user-{n // 10}" for n in range(100)]
    frame.loc[30, "id"] = pandas.NA
    with pytest.raises(InvalidBatch) as caught:
        send(dd.from_pandas(frame, npartitions=1), orders, client_of(server), user="user_id")

    assert str(caught.value) == (
        "of 100 rows, 5 have no user (the first: partition 0, <FrameRow id=0, user_id=None>) and "
        "10 cannot be part of a batch (the first: partition 0, user_id='user-3': "
        "stable_id('orders', None): it is missing, and all batches without a key would have one "
        "id; leave the row out, or give it a key), and were not sent; "
        "mend them, or leave them out of the frame"
    )
    assert caught.value.report == Report(submitted=9, delivered=9)
    assert ids_of(server) == [*range(5, 30), *range(40, 100)]


@pytest.mark.usefixtures("anywhere")
def test_an_empty_frame_needs_no_client(send):
    frame = orders_of(9, 3)

    assert send(frame[frame["id"] < 0], orders, MParticle, user="user_id") == Report()


# What users read


def test_the_page_works_as_it_is_printed(cluster, server, tmp_path):
    write_orders(tmp_path / "orders")
    namespace = {}
    exec(page_for("dask", server.url, tmp_path / "orders"), namespace)

    assert namespace["report"] == Report(submitted=2, delivered=2)
    assert [len(batch.events) for batch in server.batches] in ([1, 2], [2, 1])


def test_the_example_works_as_it_is(tmp_path):
    printed = run_example("backfill_dask", tmp_path)

    assert printed.splitlines()[-1].endswith("Report(submitted=500, delivered=500, failed=0)")


# Partitions that fail


def test_a_partition_that_fails_once_is_run_again(cluster, send, server, tmp_path):
    settings = {"api_key": "key", "api_secret": "secret", "environment": "production"}
    right = {**settings, "host": server.url}
    wrong = {**settings, "host": "http://127.0.0.1:9", "retry": Retry(max_attempts=1)}
    once = Once(tmp_path / "made", wrong, right)
    report = send(orders_of(300, 100), orders, once, user="user_id")

    assert report == Report(submitted=100, delivered=100)
    assert ids_of(server) == [*range(300)]


def test_a_partition_that_fails_half_way_pays_again_for_what_had_arrived(cluster, send, server):
    server.script(202, status(503))
    client = client_of(server, retry=Retry(max_attempts=1))
    report = send(orders_of(300, 300, 1), orders, client, user="user_id", partitions=1)

    assert report == Report(submitted=300, delivered=300)
    assert (ids_of(server), len(server.duplicates)) == ([*range(300)], 200)


@pytest.mark.usefixtures("anywhere")
def test_a_partition_that_always_fails_is_told_and_the_others_are_sent(send, server):
    with pytest.raises(ConfigurationError) as caught:
        send(orders_of(300, 100), poisoned, client_of(server), user="user_id")

    text = str(caught.value)
    assert text.startswith("1 of 4 partitions failed: partition ")
    assert "user_id='user-7': batch(user, rows) raised ZeroDivisionError: no such price" in text
    assert "(frame_jobs.py:" in text
    assert len(ids_of(server)) == 3 * caught.value.report.delivered >= 200


@pytest.mark.parametrize(("where", "times"), [("cluster", 4), ("server", 1)])
def test_what_may_succeed_later_is_told_when_dask_has_tried_it(where, times, request, send, server):
    request.getfixturevalue(where)
    server.script(*[503] * 100)
    client = client_of(server, retry=Retry(max_attempts=1))
    with pytest.raises(DeliveryError) as caught:
        send(orders_of(60, 20, 1), orders, client, user="user_id", partitions=1)

    assert str(caught.value) == (
        "1 of 1 partition failed: partition 0: 20 of 20 batches may succeed if the partition is "
        "run again: 20 retries_exhausted; the first: mParticle answered 503 Service Unavailable; "
        "if you run it again, nothing counts twice"
    )
    assert caught.value.report.failed_by_reason == {"retries_exhausted": 20}
    assert len(server.requests) == times


@pytest.mark.usefixtures("anywhere")
def test_rows_that_were_left_out_are_told_when_their_partition_fails(send, server):
    server.script(*[503] * 100)
    rows = pandas_orders(32, 32)
    rows["user_id"] = rows["user_id"].mask(rows["id"] == 3)
    rows["id"] = rows["id"].astype("Int64").mask(rows["id"] == 5)
    client = client_of(server, retry=Retry(max_attempts=1))
    with pytest.raises(DeliveryError) as caught:
        send(dd.from_pandas(rows, npartitions=1), orders, client, user="user_id", partitions=1)

    assert str(caught.value) == (
        "1 of 1 partition failed: partition 0: 30 of 30 batches may succeed if the partition is "
        "run again: 30 retries_exhausted; the first: mParticle answered 503 Service Unavailable; "
        "if you run it again, nothing counts twice; "
        "of 32 rows, 1 have no user (the first: partition 0, <FrameRow id=3, user_id=None>) and "
        "1 cannot be part of a batch (the first: partition 0, user_id='user-5': "
        "stable_id('orders', None): it is missing, and all batches without a key would have one "
        "id; leave the row out, or give it a key), and were not sent"
    )
    assert caught.value.report.failed == 30
    assert len(caught.value.report.failures) == 10
    assert "_outcome" not in vars(caught.value)


@pytest.mark.usefixtures("anywhere")
def test_refused_keys_are_the_error_that_they_always_are(send, server):
    client = partial(MParticle, "key", "wrong", environment="production", host=server.url)
    with pytest.raises(ApiError) as caught:
        send(orders_of(60, 20), orders, client, user="user_id", partitions=1)

    assert (caught.value.status_code, caught.value.reason) == (403, "unauthorized")


@pytest.mark.usefixtures("anywhere")
def test_a_client_that_a_worker_cannot_make_is_told(send):
    client = partial(MParticle, environment="production")
    with pytest.raises(ConfigurationError) as caught:
        send(orders_of(60, 20), orders, client, user="user_id", partitions=1)

    assert str(caught.value) == (
        "1 of 1 partition failed: partition 0: the worker could not make the client: "
        "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY; "
        "a worker has its own environment"
    )


def test_workers_that_are_killed_whenever_they_run_are_told(send, server, tmp_path):
    dying = Dying(tmp_path, times=100, after=1)
    with (
        distributed.LocalCluster(n_workers=1, **SETTINGS) as cluster,
        distributed.Client(cluster),
        pytest.raises(DeliveryError) as caught,
    ):
        send(orders_of(10, 10), dying, client_of(server), user="user_id", partitions=1)

    assert str(caught.value).startswith("1 of 1 partition failed: Dask gave up (KilledWorker: ")
    assert caught.value.reason == "retries_exhausted"


@pytest.mark.usefixtures("anywhere")
def test_a_frame_that_cannot_be_computed_is_told(send, server):
    frame = orders_of(10, 10, 1)
    broken = frame.map_partitions(lambda part: part.no_such_day, meta=frame)
    with pytest.raises(DeliveryError, match=r"Dask gave up \(.*no_such_day.*\)"):
        send(broken, orders, client_of(server), user="user_id")


def test_a_module_that_the_workers_lack_is_told(cluster, send, server, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text(
        "from frame_jobs import orders\ndef batch(user, rows):\n    return orders(user, rows)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from only_here import batch

    with pytest.raises(ConfigurationError) as caught:
        send(orders_of(9, 3), batch, client_of(server), user="user_id", partitions=1)

    assert str(caught.value) == (
        "1 of 1 partition failed: partition 0: the worker cannot load batch or client "
        "(ModuleNotFoundError: No module named 'only_here'); install there what is installed here"
    )


# Arguments


def test_arguments_are_checked_where_they_are_written(send, server):
    frame, client = orders_of(10, 10), client_of(server)
    for call, expected in (
        (
            lambda: send(pandas_orders(9, 3), orders, client, user="user_id"),
            "send(DataFrame): want a frame of Dask (dask.dataframe.DataFrame); "
            "write dask.dataframe.from_pandas(frame, npartitions=8)",
        ),
        (
            lambda: send(frame, orders, client, user="userid"),
            "send(user='userid'): the frame has no such column; did you mean 'user_id'?",
        ),
        (
            lambda: send(frame.assign(half=1.5), orders, client, user="half"),
            "send(user='half'): the column is of type float64; want texts or whole numbers; "
            "write frame.astype({'half': 'Int64'})",
        ),
        (
            lambda: send(frame.set_index("user_id"), orders, client, user="user_id"),
            "send(user='user_id'): it is the index, and no column; write frame.reset_index()",
        ),
        (
            lambda: send(frame, lambda user, rows: server, client, user="user_id"),
            "send(batch=<lambda>): it must travel to the workers, and cannot be pickled (cannot "
            "pickle '_thread.lock' object); write a function that uses nothing that is open",
        ),
    ):
        with pytest.raises(ConfigurationError) as caught:
            call()
        assert str(caught.value) == expected


@pytest.mark.usefixtures("anywhere")
def test_a_lambda_will_do(send, server):
    job = {"job": "orders"}

    def batch(user, rows):
        return orders(user, rows).with_user_attributes(job)

    client = client_of(server)
    send(orders_of(9, 3), lambda user, rows: batch(user, rows), client, user="user_id")

    assert {batch.user_attributes["job"] for batch in server.batches} == {"orders"}


@pytest.mark.usefixtures("anywhere")
def test_a_column_that_the_function_misspells_is_told(send, server):
    frame, client = orders_of(9, 3), client_of(server)
    with pytest.raises(UnknownVerb, match="a row has no column 'idd'; did you mean 'id'"):
        send(frame, lambda user, rows: rows[0].idd, client, user="user_id")


def test_a_client_for_coroutines_is_told(workers, send, server):
    async def main():
        async with distributed.Client(workers.scheduler.address, asynchronous=True):
            send(orders_of(9, 3), orders, client_of(server), user="user_id")

    with pytest.raises(ConfigurationError, match=r"the current distributed.Client is asynchronous"):
        asyncio.run(main())
