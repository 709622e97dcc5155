"""A frame of Dask, sent by a real cluster on this machine to a server that keeps a rate limit."""

import asyncio

import pytest
from frame_jobs import Dying, orders, what_they_see
from frame_laws import Engine, FrameLaws, client_of

from mpfluent import ConfigurationError, DeliveryError, InvalidBatch
from mpfluent.testing import LocalServer

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
def cluster(workers, send):
    with workers.as_current():
        yield Engine("Dask", send, frame_of, tries=4)


@pytest.fixture(params=["a cluster", "threads"])
def engine(request, send):
    """Run a test on a cluster, and in this process."""
    if request.param == "a cluster":
        return request.getfixturevalue("cluster")
    return Engine("Dask", send, frame_of, tries=1)


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture
def send():
    from mpfluent.integrations.dask import send

    return send


def frame_of(columns, kinds, partitions):
    """Make a frame; its whole numbers are of the type that may be missing only if some are."""
    types = {
        name: "float64" if kind == "double" else "Int64"
        for name, kind in kinds.items()
        if kind == "double" or (kind == "bigint" and None in columns[name])
    }
    frame = pandas.DataFrame(
        {name: pandas.Series(cells, dtype=types.get(name)) for name, cells in columns.items()}
    )
    return dd.from_pandas(frame, npartitions=partitions, sort=False)


def orders_of(rows, partitions=4):
    columns = {"id": [*range(rows)], "user_id": [f"user-{number}" for number in range(rows)]}
    return frame_of(columns, {}, partitions)


class TestDask(FrameLaws):
    """What holds for each engine."""


# Rows


@pytest.mark.usefixtures("engine")
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


@pytest.mark.usefixtures("engine")
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


# Partitions that fail


def test_workers_that_are_killed_whenever_they_run_are_told(send, server, tmp_path):
    dying = Dying(tmp_path, times=100, after=1)
    with (
        distributed.LocalCluster(n_workers=1, **SETTINGS) as cluster,
        distributed.Client(cluster),
        pytest.raises(DeliveryError) as caught,
    ):
        send(orders_of(10), dying, client_of(server), user="user_id", partitions=1)

    assert str(caught.value).startswith("1 of 1 partition failed: Dask gave up (KilledWorker: ")
    assert caught.value.reason == "retries_exhausted"


@pytest.mark.usefixtures("engine")
def test_a_frame_that_cannot_be_computed_is_told(send, server):
    frame = orders_of(10, 1)
    broken = frame.map_partitions(lambda part: part.no_such_day, meta=frame)
    with pytest.raises(DeliveryError, match=r"Dask gave up \(.*no_such_day.*\)"):
        send(broken, orders, client_of(server), user="user_id")


# Arguments


def test_arguments_are_checked_where_they_are_written(send, server):
    frame, client = orders_of(10), client_of(server)
    for call, expected in (
        (
            lambda: send(pandas.DataFrame(), orders, client, user="user_id"),
            "send(DataFrame): want a frame of Dask (dask.dataframe.DataFrame); "
            "write dask.dataframe.from_pandas(frame, npartitions=8)",
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
    ):
        with pytest.raises(ConfigurationError) as caught:
            call()
        assert str(caught.value) == expected


def test_a_client_for_coroutines_is_told(workers, send, server):
    async def main():
        async with distributed.Client(workers.scheduler.address, asynchronous=True):
            send(orders_of(9), orders, client_of(server), user="user_id")

    with pytest.raises(ConfigurationError, match=r"the current distributed.Client is asynchronous"):
        asyncio.run(main())
