"""What runs a table in partitions: pools, Ray, Airflow, Prefect, Beam, Spark, Dask.

An engine may run a partition twice. So every batch has an id that is the same in each run, and
mParticle counts it once. All of this can be pickled if your functions can, as functions of a
module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, time
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from .builder.batch import Batch
from .client.client import Client
from .delivery.reports import Report, by_reason, failure_of
from .errors import (
    FINAL,
    ConfigurationError,
    DeliveryError,
    InvalidBatch,
    InvalidValue,
    Reason,
    brief,
)
from .rows.keys import Keys, id_of
from .utils.log import batch_count
from .values.foreign import is_a, is_missing, itself, own

R = TypeVar("R")

# How a key is written as JSON data, by its class: no two keys of different classes are the same.
_WRITTEN: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (bool, bool),
    (int, int),
    (UUID, lambda key: {"UUID": str(key)}),
    (Decimal, lambda key: {"Decimal": str(key)}),
    (date, lambda key: {"date": key.isoformat()}),  # a datetime is one, too
    (time, lambda key: {"time": key.isoformat()}),
)


def stable_id(name: str, *keys: Any, environment: str | None = None) -> str:
    """Return an id that is the same in every process and in every run.

    Args:
        name: of what is sent once, such as "orders 2026-11". Another name gives other ids.
        *keys: what tells this batch from all others of that name, such as the ids of its rows, in
            the same order in each run: texts, whole numbers, booleans, UUIDs, Decimals, dates and
            times. 7 and "7" are two keys.
        environment: "development" for a rehearsal: mParticle removes duplicates for each API key,
            so that it must have other ids than the real run.

    Raises:
        InvalidValue: a key is missing, or may be another one in the next run, such as a float.

    >>> stable_id("orders", "A-17")
    '...'
    >>> stable_id("orders", 7) == stable_id("orders", "7")
    False
    """
    if not is_a(name, str) or not name.strip():
        raise InvalidValue(
            f"stable_id({brief(name)}): want a name of what is sent, such as 'orders 2026-11'; "
            "write stable_id('orders 2026-11', row.id)"
        )
    if not keys:
        raise InvalidValue(
            f"stable_id({brief(name)}) needs a key, or every batch would have one id; "
            f"write stable_id({brief(name)}, row.id)"
        )
    return id_of(Keys(name, environment).digest_of([_written(name, key) for key in keys]))


def _written(name: str, key: Any) -> Any:
    """Return a key as JSON data."""
    key = own(key)
    if key is None or is_missing(key) or key != key:
        why = "it is missing, and all batches without a key would have one id"
        write = "leave the row out, or give it a key"
    elif written := next((write for kind, write in _WRITTEN if is_a(key, kind)), None):
        return written(key)
    elif is_a(key, (list, tuple, set)):
        why, write = "want each key by itself", f"write stable_id({brief(name)}, *keys)"
    else:
        why = f"want a text, a whole number, a UUID or a time, got {type(key).__name__}"
        write = f"write stable_id({brief(name)}, str(key)) if its text is the same in each run"
    raise InvalidValue(f"stable_id({brief(name)}, {brief(key)}): {why}; {write}")


def by(
    column: str | Callable[[R], Any], batch: Callable[[Any, list[R]], Batch | None]
) -> Callable[[Iterable[R]], Iterator[Batch]]:
    """Return a function of rows that yields a batch for each user.

    All rows of a partition are in memory at once. Those of a user need not stand together; they
    stay in their order.

    Args:
        column: the name of a column, or a function of a row: whose row it is.
        batch: gets a user and their rows, and returns their batch, or None to leave them out.

    >>> def batch(user, rows):
    ...     keys = [row["id"] for row in rows]
    ...     batch = Batch.for_user(customer_id=user)
    ...     return batch.with_source_request_id(stable_id("orders", *keys)).event("Imported")
    >>> rows = [{"id": 1, "user": "a"}, {"id": 2, "user": "b"}, {"id": 3, "user": "a"}]
    >>> [made.user_identities.customer_id for made in by("user", batch)(rows)]
    ['a', 'b']
    """
    if not is_a(column, str) and not callable(column):
        raise ConfigurationError(
            f"by({brief(column)}, …): want the name of a column, or a function of a row; "
            "write by('user_id', batch)"
        )
    if not callable(batch):
        raise ConfigurationError(
            f"by({brief(column)}, {brief(batch)}): want a function of a user and their rows; "
            f"write by({brief(column)}, batch)"
        )
    return partial(_grouped, column, batch)


def _grouped(column: Any, batch: Callable[..., Batch | None], rows: Iterable[Any]) -> Iterator[Any]:
    groups: dict[Any, list[Any]] = {}
    for row in rows:
        user = own(column(row) if callable(column) else _cell(row, column))
        # NaN is what frames have for nobody, and differs from itself
        groups.setdefault(None if is_missing(user) or user != user else user, []).append(row)
    while groups:
        user = next(iter(groups))
        made = batch(user, groups.pop(user))
        if made is not None:
            yield made


def _cell(row: Any, column: str) -> Any:
    """Return what a row has in a column: of a mapping, or of a named tuple or an object."""
    try:
        return row[column]
    except (LookupError, TypeError, ValueError):
        found = getattr(row, column, row)
    if found is row:
        raise ConfigurationError(f"by({column!r}, …): a row has no such column: {brief(row)}")
    return found


class SendPartition:
    """Sends the rows of a partition, and yields one report.

    It can be pickled, if its two functions can. Each call makes a client, and closes it.

    Args:
        batches: a function of rows that yields batches, such as :func:`by` returns. Each has an id
            of its own, so that mParticle counts it once, however often the partition is run.
        client: makes the client: ``partial(Client, environment="production")``. Let it read the
            keys from the environment, for what is pickled may be stored.

    Raises:
        ConfigurationError: one of them is no function.

    >>> from mpfluent import RecordingTransport
    >>> def batches(rows):
    ...     for row in rows:
    ...         user = Batch.for_user(customer_id=row["user"]).event("Imported")
    ...         yield user.with_source_request_id(stable_id("orders", row["id"]))
    >>> make = partial(
    ...     Client, "key", "secret", environment="development", transport=RecordingTransport()
    ... )
    >>> sum(SendPartition(batches, make)([{"id": 1, "user": "a"}]), Report())
    Report(submitted=1, delivered=1, failed=0)
    """

    def __init__(
        self, batches: Callable[[Iterable[Any]], Iterable[Batch]], client: Callable[[], Client]
    ) -> None:
        for argument, write in ((batches, "by('user_id', batch)"), (client, "partial(Client, …)")):
            if not callable(argument):
                raise ConfigurationError(
                    f"SendPartition(…): want a function, got {brief(argument)}; write {write}"
                )
        self._batches = batches
        self._client = client

    def __call__(self, rows: Iterable[Any]) -> Iterator[Report]:
        """Send the rows, and yield their report.

        Raises:
            InvalidBatch: a batch has no id of its own, or cannot be sent.
            DeliveryError: a batch failed for a reason that is temporary, when all were tried, so
                that the engine runs the partition again. It has the ``report``.
        """
        with self._client() as client:
            sent = client.send_all(map(_with_own_id, self._batches(rows)))
        stats = client.stats  # closed: what waited in the background has an outcome, too
        report = sent._replace(
            delivered=stats.delivered,
            failed=stats.failed,
            pending=stats.pending,
            failed_by_reason=stats.failed_by_reason,
            handed_over=stats.handed_over,
        )
        again: dict[Reason, int] = {
            word: count for word, count in stats.failed_by_reason.items() if word not in FINAL
        }
        if again:
            failures = [error for error in report.failures if error.temporary]
            # of what failed after send_all, nobody kept an error
            failures = failures or [DeliveryError("it failed later", reason=next(iter(again)))]
            of = f"{sum(again.values()):,} of {batch_count(report.submitted)}"
            text = f"{of} may succeed if the partition is run again: {by_reason(again)}"
            raise failure_of(report, failures, text) from failures[0]
        yield report

    def __repr__(self) -> str:
        return "<SendPartition>"  # a partial of Client may hold the secret


def _with_own_id(batch: Batch) -> Batch:
    """Return a batch that has an id of its own."""
    batch = itself("SendPartition", batch, Batch)
    if not is_a(batch, Batch):
        raise InvalidValue(
            f"SendPartition: the function of rows gave {brief(batch)}: want batches; "
            "write yield Batch.for_user(…).with_source_request_id(stable_id(…))"
        )
    if batch.source_request_id is None:
        raise InvalidBatch(
            "an engine may run a task twice, and mParticle would count this batch twice; "
            "write with_source_request_id(stable_id(…))"
        )
    return batch
