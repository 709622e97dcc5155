"""A backfill with Dask: a batch for each user, 250 batches a second in all of Dask's workers.

    python examples/backfill_dask.py

It needs mpfluent[dask]. Without keys, it sends to a server on this machine that stands in for
mParticle. With MPARTICLE_API_KEY and MPARTICLE_API_SECRET, it sends development data to your
workspace. Run it again: nothing counts twice.
"""

import os
from functools import partial

import dask.dataframe  # pyright: ignore[reportMissingImports]
import distributed  # pyright: ignore[reportMissingImports]
import pandas

from mpfluent import Batch, Client, RateLimit
from mpfluent.integrations.dask import FrameRow, send
from mpfluent.partitions import stable_id
from mpfluent.testing import LocalServer


def batch(user: str, rows: list[FrameRow]) -> Batch:
    keys = [row.id for row in rows]
    batch = Batch.for_user(customer_id=user).with_source_request_id(stable_id("rehearsal", *keys))
    for row in rows:
        batch = batch.event("Ordered", {"sku": row.sku}, at=row.at)
    return batch


if __name__ == "__main__":  # the workers import this file, too
    rows = pandas.DataFrame({"id": range(3000), "sku": "sku-1"})
    rows["user_id"] = [f"user-{number % 500}" for number in rows["id"]]
    rows["at"] = pandas.to_datetime(1795428900 + rows["id"], unit="s", utc=True)
    client = partial(Client, environment="development", rate_limit=RateLimit(250, shared="limit"))
    frame = dask.dataframe.from_pandas(rows, npartitions=4)
    with LocalServer() as server, distributed.Client(n_workers=4, threads_per_worker=1):
        if not os.environ.get("MPARTICLE_API_KEY"):
            client = partial(client, "key", "secret", host=server.url)
        print(send(frame, batch, client, user="user_id", order="at", partitions=8))
