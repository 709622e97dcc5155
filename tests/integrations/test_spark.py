"""A frame of Spark, sent by a real Spark on this machine to a server that keeps a rate limit."""

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

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

TESTS = Path(__file__).parents[1]
pyspark = pytest.importorskip("pyspark", reason="no pyspark; write pip install 'mpfluent[spark]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("java"), reason="no Java; Spark needs 17 or newer"),
    # of pyspark and py4j
    pytest.mark.filterwarnings("ignore:PySpark does not yet:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    """Four workers, a task of which may fail three times."""
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))  # Spark makes folders where it starts
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        settings = {
            "spark.ui.enabled": "false",
            "spark.sql.shuffle.partitions": "4",
            "spark.sql.session.timeZone": "UTC",
            "spark.local.dir": str(tmp_path_factory.mktemp("spark")),
        }
        builder = SparkSession.builder.master("local[4,4]")
        session = builder.config(map=settings).getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        yield session
        session.stop()


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture
def send():
    from mpfluent.integrations.spark import send

    return send


def client_of(server, **options):
    options = {"environment": "production", "host": server.url, **options}
    return partial(MParticle, "key", "secret", **options)


def orders_of(spark, rows, users):
    return spark.range(rows).selectExpr("id", f"concat('user-', id % {users}) AS user_id")


# Each event once


def test_workers_that_are_killed_half_way_cost_no_event_and_none_counts_twice(
    spark, send, tmp_path
):
    dead = tmp_path / "dead"
    dead.mkdir()
    rows, users = 6000, 2000
    with LocalServer(rate_limit=270) as server:
        pace = RateLimit(250, shared=tmp_path / "rate.limit")
        report = send(
            orders_of(spark, rows, users),
            Dying(dead, times=3),
            client_of(server, rate_limit=pace),
            user="user_id",
            order="id",
            partitions=8,
        )

    assert len(list(dead.iterdir())) == 3
    assert report == Report(submitted=users, delivered=users)
    assert figures("Spark, 3 kills", server, rows) == (0, 0)
    assert ids_of(server) == [*range(rows)]
    assert len(server.duplicates) >= 100  # what had arrived of a partition, and came again


def test_a_second_run_sends_the_same_bytes_however_the_rows_come(spark, send, server):
    frame = orders_of(spark, 600, 100).selectExpr("*", "id DIV 250 AS day")
    again = frame.orderBy(frame["id"].desc()).repartition(3)
    send(frame, orders, client_of(server), user="user_id", order="day", partitions=2)
    send(again, orders, client_of(server), user="user_id", order=["day"], partitions=5)

    assert len(server.unique_ids) == len(server.duplicates) == 100
    assert ids_of(server) == [*range(600)]


def test_the_rows_of_a_user_come_in_the_order_that_was_asked_for(spark, send, server):
    frame = orders_of(spark, 50, 1).selectExpr("*", "if(id = 9, NULL, 100 - id) AS place")
    send(frame, orders, client_of(server), user="user_id", order="place")

    (batch,) = server.batches
    assert [int(event.attributes["id"]) for event in batch.events] == [
        *(9, *reversed(range(10, 50)), *reversed(range(9)))
    ]


# Rows


def test_cells_are_pythons_own_and_a_missing_one_is_none(spark, send, server):
    frame = spark.sql(
        """SELECT 'ann' AS user_id, 7L AS whole, 1.5D AS half, double('nan') AS nan,
        CAST(NULL AS STRING) AS nothing, CAST(NULL AS TIMESTAMP) AS never, true AS yes,
        TIMESTAMP '2026-11-01 10:00:00' AS at, DATE '2026-11-01' AS day, 19.90BD AS price,
        'x' AS `order id`, array(1, 2) AS list, named_struct('a', 1) AS struct, map('k', 1) AS map
        """
    )
    send(frame, what_they_see, client_of(server), user="user_id")

    (batch,) = server.batches
    assert dict(batch.events[0].attributes) == {
        "user_id": "str ann",
        "whole": "int 7",
        "half": "float 1.5",
        "nan": "NoneType None",
        "nothing": "NoneType None",
        "never": "NoneType None",
        "yes": "bool True",
        "at": "datetime 2026-11-01 10:00:00+00:00",
        "day": "date 2026-11-01",
        "price": "Decimal 19.90",
        "order id": "str x",
        "list": "list [1, 2]",
        "struct": "dict {'a': 1}",
        "map": "dict {'k': 1}",
    }


def test_a_user_may_be_a_number_and_a_column_may_have_any_name(spark, send, server):
    frame = spark.sql("SELECT 17L AS `user.i``d`")
    send(frame, what_they_see, client_of(server), user="user.i`d")

    assert dict(server.batches[0].events[0].attributes) == {"user.i`d": "int 17"}


def test_rows_without_a_user_or_without_a_key_are_told_when_all_others_were_sent(
    spark, send, server
):
    frame = spark.range(100).selectExpr(
        "if(id = 30, NULL, id) AS id", "if(id < 5, NULL, concat('user-', id DIV 10)) AS user_id"
    )
    with pytest.raises(InvalidBatch) as caught:
        send(frame, orders, client_of(server), user="user_id", partitions=1)

    assert str(caught.value) == (
        "of 100 rows, 5 have no user (the first: partition 0, <FrameRow id=0, user_id=None>) and "
        "10 cannot be part of a batch (the first: partition 0, user_id='user-3': "
        "stable_id('orders', None): it is missing, and all batches without a key would have one "
        "id; leave the row out, or give it a key), and were not sent; "
        "mend them, or leave them out of the frame"
    )
    assert caught.value.report == Report(submitted=9, delivered=9)
    assert ids_of(server) == [*range(5, 30), *range(40, 100)]


def test_an_empty_frame_needs_no_client(spark, send):
    report = send(orders_of(spark, 0, 1), orders, partial(MParticle), user="user_id")

    assert report == Report()


# What users read


def test_the_page_works_as_it_is_printed(spark, server, tmp_path):
    write_orders(tmp_path / "orders")
    namespace = {}
    exec(page_for("spark", server.url, tmp_path / "orders"), namespace)

    assert namespace["report"] == Report(submitted=2, delivered=2)
    assert [len(batch.events) for batch in server.batches] in ([1, 2], [2, 1])


def test_the_example_works_as_it_is(tmp_path):
    printed = run_example("backfill_spark", tmp_path)

    assert printed.splitlines()[-1].endswith("Report(submitted=500, delivered=500, failed=0)")


# Partitions that fail


def test_a_partition_that_fails_once_is_run_again(spark, send, server, tmp_path):
    settings = {"api_key": "key", "api_secret": "secret", "environment": "production"}
    right = {**settings, "host": server.url}
    wrong = {**settings, "host": "http://127.0.0.1:9", "retry": Retry(max_attempts=1)}
    once = Once(tmp_path / "made", wrong, right)
    report = send(orders_of(spark, 300, 100), orders, once, user="user_id")

    assert report == Report(submitted=100, delivered=100)
    assert ids_of(server) == [*range(300)]


def test_a_partition_that_fails_half_way_pays_again_for_what_had_arrived(spark, send, server):
    server.script(202, status(503))
    client = client_of(server, retry=Retry(max_attempts=1))
    report = send(orders_of(spark, 300, 300), orders, client, user="user_id", partitions=1)

    assert report == Report(submitted=300, delivered=300)
    assert (ids_of(server), len(server.duplicates)) == ([*range(300)], 200)


def test_a_partition_that_always_fails_is_told_and_the_others_are_sent(spark, send, server):
    with pytest.raises(ConfigurationError) as caught:
        send(orders_of(spark, 300, 100), poisoned, client_of(server), user="user_id")

    text = str(caught.value)
    assert text.startswith("1 of 4 partitions failed: partition ")
    assert "user_id='user-7': batch(user, rows) raised ZeroDivisionError: no such price" in text
    assert "(frame_jobs.py:" in text
    assert len(ids_of(server)) == 3 * caught.value.report.delivered >= 200


def test_what_may_succeed_later_is_told_when_spark_has_tried_it_four_times(spark, send, server):
    server.script(*[503] * 100)
    client = client_of(server, retry=Retry(max_attempts=1))
    with pytest.raises(DeliveryError) as caught:
        send(orders_of(spark, 60, 20), orders, client, user="user_id", partitions=1)

    assert str(caught.value) == (
        "1 of 1 partition failed: partition 0: 20 of 20 batches may succeed if the partition is "
        "run again: 20 retries_exhausted; the first: mParticle answered 503 Service Unavailable; "
        "if you run it again, nothing counts twice"
    )
    assert caught.value.report.failed_by_reason == {"retries_exhausted": 20}
    assert len(server.requests) == 4


def test_refused_keys_are_the_error_that_they_always_are(spark, send, server):
    client = partial(MParticle, "key", "wrong", environment="production", host=server.url)
    with pytest.raises(ApiError) as caught:
        send(orders_of(spark, 60, 20), orders, client, user="user_id", partitions=1)

    assert (caught.value.status_code, caught.value.reason) == (403, "unauthorized")


def test_a_client_that_a_worker_cannot_make_is_told(spark, send):
    with pytest.raises(ConfigurationError) as caught:
        send(
            orders_of(spark, 60, 20),
            orders,
            partial(MParticle, environment="production"),
            user="user_id",
            partitions=1,
        )

    assert str(caught.value) == (
        "1 of 1 partition failed: partition 0: the worker could not make the client: "
        "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY; "
        "a worker has its own environment"
    )


def test_workers_that_are_killed_whenever_they_run_are_told(spark, send, server, tmp_path):
    with pytest.raises(DeliveryError) as caught:
        send(
            orders_of(spark, 10, 10),
            Dying(tmp_path, times=100, after=1),
            client_of(server),
            user="user_id",
            partitions=1,
        )

    text = str(caught.value)
    assert text.startswith("Spark gave up (Python worker exited unexpectedly (crashed)")
    assert text.endswith("); if you run it again, nothing counts twice")
    assert "\n" not in text
    assert caught.value.reason == "retries_exhausted"


def test_a_frame_that_cannot_be_computed_is_told(spark, send, server):
    frame = orders_of(spark, 10, 10).selectExpr("*", "raise_error('no such day') AS day")
    with pytest.raises(DeliveryError, match=r"Spark gave up \(.*no such day.*\)"):
        send(frame, orders, client_of(server), user="user_id")


def test_a_module_that_the_workers_lack_is_told(spark, send, server, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text(
        "from frame_jobs import orders\ndef batch(user, rows):\n    return orders(user, rows)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from only_here import batch

    with pytest.raises(ConfigurationError) as caught:
        send(orders_of(spark, 9, 3), batch, client_of(server), user="user_id", partitions=1)

    assert str(caught.value) == (
        "1 of 1 partition failed: partition 0: the worker cannot load batch or client "
        "(ModuleNotFoundError: No module named 'only_here'); install there what is installed here"
    )


BARE = """
import sys
from frame_jobs import orders
from pyspark.sql import SparkSession
from mpfluent import Client, ConfigurationError
from mpfluent.integrations.spark import send

if __name__ == "__main__":
    spark = SparkSession.builder.master("local[1]").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    frame = spark.sql("SELECT 1L AS id, 'ann' AS user_id")
    try:
        send(frame, orders, Client, user="user_id")
    except ConfigurationError as error:
        print(error)
"""


def test_workers_with_another_python_are_told(tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')  # it has no packages
    python.chmod(0o700)
    done = subprocess.run(
        [sys.executable, "-c", BARE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYSPARK_PYTHON": str(python),
            "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
    )

    expected = (
        r"send\(frame\): a worker cannot run it \(ModuleNotFoundError: No module named '\w+'\); "
        r"install mpfluent\[spark\] for the Python of the workers, which PYSPARK_PYTHON names\n"
    )
    assert re.fullmatch(expected, done.stdout), done.stdout + done.stderr


# Arguments


def test_arguments_are_checked_where_they_are_written(spark, send, server):
    frame, client = orders_of(spark, 10, 10), client_of(server)
    floats = frame.selectExpr("*", "1.5D AS half")
    collated = frame.selectExpr("*", "'a' COLLATE UTF8_LCASE AS any")
    plain = collated.withColumn("any", collated["any"].cast("string"))
    send(plain, lambda user, rows: None, client, user="any")  # as the error says to write it
    for call, expected in (
        (
            lambda: send([1], orders, client, user="user_id"),
            "send(list): want a frame of Spark (pyspark.sql.DataFrame); "
            "write spark.createDataFrame(frame)",
        ),
        (
            lambda: send(frame, orders, client, user="userid"),
            "send(user='userid'): the frame has no such column; did you mean 'user_id'?",
        ),
        (
            lambda: send(floats, orders, client, user="half"),
            "send(user='half'): the column is of type double; want texts or whole numbers; "
            "write frame.withColumn('half', frame['half'].cast('bigint'))",
        ),
        (
            lambda: send(collated, orders, client, user="any"),
            "send(user='any'): the column is of type string collate UTF8_LCASE; want texts or "
            "whole numbers; write frame.withColumn('any', frame['any'].cast('string'))",
        ),
        (
            lambda: send(frame.join(frame), orders, client, user="user_id"),
            "send(frame): two columns have the name 'id'; give each a name of its own",
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


WANT = "want texts or whole numbers; write frame.withColumn"


@pytest.mark.parametrize(
    ("name", "cell", "kind", "write"),
    [
        ("user_id", "1.5D", "double", f"{WANT}('user_id', frame['user_id'].cast('bigint'))"),
        ("a.b", "1.5F", "float", f"{WANT}('a.b', frame['`a.b`'].cast('bigint'))"),
        ("a b", "X'61'", "binary", f"{WANT}('a b', frame['`a b`'].cast('string'))"),
        ("a.`b", "X'61'", "binary", f"{WANT}('a.`b', frame['`a.``b`'].cast('string'))"),
        (
            "user_id",
            "'a' COLLATE UTF8_LCASE",
            "string collate UTF8_LCASE",
            f"{WANT}('user_id', frame['user_id'].cast('string'))",
        ),
        *(
            ("user_id", cell, kind, "name a column of texts or whole numbers")
            for cell, kind in (
                ("array(1)", "array<int>"),
                ("map('a', 1)", "map<string,int>"),
                ("struct(1 AS a)", "struct<a:int>"),
                ("parse_json('1')", "variant"),
                ("NULL", "void"),
            )
        ),
    ],
)
def test_a_column_that_says_no_user_is_told_with_a_cast_that_runs(
    spark, send, server, name, cell, kind, write
):
    quoted = name.replace("`", "``")
    frame = spark.sql(f"SELECT {cell} AS `{quoted}`")
    with pytest.raises(ConfigurationError) as caught:
        send(frame, what_they_see, client_of(server), user=name)

    assert str(caught.value) == f"send(user={name!r}): the column is of type {kind}; {write}"
    _, found, code = write.partition("; write ")
    if found:
        mended = eval(code, {"frame": frame})
        report = send(mended, what_they_see, client_of(server), user=name)
        assert report == Report(submitted=1, delivered=1)


def test_a_stream_is_sent_by_its_small_frames(spark, send, server, tmp_path):
    write_orders(tmp_path / "orders")
    kinds = "id BIGINT, user_id STRING, sku STRING, at TIMESTAMP"
    stream = spark.readStream.schema(kinds).parquet(str(tmp_path / "orders"))
    with pytest.raises(ConfigurationError) as caught:
        send(stream, orders, client_of(server), user="user_id")
    assert str(caught.value) == (
        "send(DataFrame): want a frame that ends, and this is a stream; "
        "write stream.writeStream.foreachBatch(lambda frame, number: send(frame, …))"
    )

    def each(small, number):
        send(small, orders, client_of(server), user="user_id")

    writer = stream.writeStream.foreachBatch(each).trigger(availableNow=True)
    writer.option("checkpointLocation", str(tmp_path / "checkpoint")).start().awaitTermination()

    assert ids_of(server) == [1, 2, 3]


def test_a_lambda_will_do(spark, send, server):
    name = "orders"

    def batch(user, rows):
        return orders(user, rows).with_user_attributes({"job": name})

    send(
        orders_of(spark, 9, 3),
        lambda user, rows: batch(user, rows),
        client_of(server),
        user="user_id",
    )

    assert {batch.user_attributes["job"] for batch in server.batches} == {"orders"}


def test_a_column_that_the_function_misspells_is_told(spark, send, server):
    with pytest.raises(UnknownVerb, match="a row has no column 'idd'; did you mean 'id'"):
        send(
            orders_of(spark, 9, 3),
            lambda user, rows: rows[0].idd,
            client_of(server),
            user="user_id",
        )
