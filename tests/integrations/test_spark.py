"""A frame of Spark, sent by a real Spark on this machine to a server that keeps a rate limit."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from frame_jobs import Dying, ids_of, orders, what_they_see, write_orders
from frame_laws import Engine, FrameLaws, client_of

from mpfluent import ConfigurationError, DeliveryError, Report
from mpfluent.testing import LocalServer

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


@pytest.fixture
def cluster(spark, send):
    def frame_of(columns, kinds, partitions):
        rows = [*zip(*columns.values(), strict=True)]
        schema = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        return spark.createDataFrame(rows, schema).coalesce(partitions)

    return Engine("Spark", send, frame_of, tries=4)


@pytest.fixture
def engine(cluster):
    return cluster


def orders_of(spark, rows):
    return spark.range(rows).selectExpr("id", "concat('user-', id) AS user_id")


class TestSpark(FrameLaws):
    """What holds for each engine."""


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


# Partitions that fail


def test_workers_that_are_killed_whenever_they_run_are_told(spark, send, server, tmp_path):
    with pytest.raises(DeliveryError) as caught:
        send(
            orders_of(spark, 10),
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
    frame = orders_of(spark, 10).selectExpr("*", "raise_error('no such day') AS day")
    with pytest.raises(DeliveryError, match=r"Spark gave up \(.*no such day.*\)"):
        send(frame, orders, client_of(server), user="user_id")


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
    frame, client = orders_of(spark, 10), client_of(server)
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
