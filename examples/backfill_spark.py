"""A backfill with Spark: a batch for each user, 250 batches a second in all of Spark's workers.

    python examples/backfill_spark.py

It needs mpfluent[spark] and Java. Without keys, it sends to a server on this machine that stands
in for mParticle. With MPARTICLE_API_KEY and MPARTICLE_API_SECRET, it sends development data to your
workspace. Run it again: nothing counts twice.
"""

import os
import sys
from functools import partial

from pyspark.sql import SparkSession  # pyright: ignore[reportMissingImports]

from mpfluent import Batch, Client, RateLimit
from mpfluent.integrations.spark import FrameRow, send
from mpfluent.partitions import stable_id
from mpfluent.testing import LocalServer


def batch(user: str, rows: list[FrameRow]) -> Batch:
    keys = [row.id for row in rows]
    batch = Batch.for_user(customer_id=user).with_source_request_id(stable_id("rehearsal", *keys))
    for row in rows:
        batch = batch.event("Ordered", {"sku": row.sku}, at=row.at)
    return batch


os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # the workers' Python
spark = SparkSession.builder.master("local[4,4]").getOrCreate()  # four workers, four tries
orders = spark.range(3000).selectExpr("id", "concat('user-', id % 500) user_id", "'sku-1' sku")
orders = orders.selectExpr("*", "timestamp_seconds(1795428900 + id) at")
client = partial(Client, environment="development", rate_limit=RateLimit(250, shared="rate.limit"))
if os.environ.get("MPARTICLE_API_KEY"):
    print(send(orders, batch, client, user="user_id", order="at", partitions=8))
else:
    with LocalServer() as server:
        client = partial(client, "key", "secret", host=server.url)
        print(send(orders, batch, client, user="user_id", order="at", partitions=8))
