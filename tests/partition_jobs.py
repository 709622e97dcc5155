"""The functions of a job that engines run in parts: named, so that they can be pickled."""

from typing import NamedTuple

from mpfluent import Batch, Report
from mpfluent.partitions import stable_id


class Row(NamedTuple):
    """A row as ``DataFrame.itertuples`` gives it."""

    id: int
    user_id: str | None
    at: int = 1795428900000


def orders(user, rows):
    """Return the batch of a user."""
    batch = Batch.for_user(customer_id=user).with_source_request_id(
        stable_id("orders", *(row.id for row in rows))
    )
    for row in rows:
        batch = batch.event("Ordered", {"id": str(row.id)}, at=row.at)
    return batch


def without_ids(user, rows):
    """Return a batch that counts twice if it is sent twice."""
    return Batch.for_user(customer_id=user).event("Ordered")


def report_of(send, rows):
    """Return the report of a partition."""
    return sum(send(rows), Report())
