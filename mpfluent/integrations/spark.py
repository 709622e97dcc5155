"""Sends a frame of Spark: by user, one client a partition; needs ``mpfluent[spark]``."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Never

from ..client.client import Client
from ..delivery.reports import Report
from ..errors import ConfigurationError, DeliveryError, one_line
from ..rows.frames import arrow_rows
from ..transport.handlers import of_handler
from ..utils.introspection import expand_kwargs
from .frame_job import MakeBatch, PickledJob, checked_job, wrong_frame, wrong_user
from .frame_partition import AGAIN, send_partition, whole_report
from .frame_row import FrameRow

try:
    import pyarrow  # pyright: ignore[reportMissingImports]
    from pyspark import TaskContext, cloudpickle  # pyright: ignore[reportMissingImports]
    from pyspark.sql import DataFrame  # pyright: ignore[reportMissingImports]
except ModuleNotFoundError as _missing:
    if _missing.name not in ("pyspark", "pyarrow"):
        raise
    raise ImportError(
        "mpfluent.integrations.spark needs pyspark and pyarrow; "
        "write pip install 'mpfluent[spark]'",
        name=_missing.name,
    ) from None

__all__ = ["FrameRow", "send"]

_dumps: Callable[[Any], bytes] = cloudpickle.dumps  # without types where pyspark is installed
_FAILURES = 4  # of a task until Spark gives up, unless it is told another number
# Types of a column by which rows are not grouped, and what they can be cast to. With a collation,
# two texts may be one user.
_NO_USERS = (
    (re.compile(r"double|float"), "bigint"),
    (re.compile(r"binary|string collate (?!UTF8_BINARY$)"), "string"),
    (re.compile(r"array|map|struct|variant|void"), None),
)


@expand_kwargs
def send(
    frame: DataFrame,
    batch: MakeBatch,
    client: Callable[[], Client],
    *,
    user: str,
    order: str | Sequence[str] | None = None,
    partitions: int | None = None,
    **unknown: Never,
) -> Report:
    """Send a frame: the rows of each user as one batch, one client a partition.

    It runs at once, and returns when all is sent. A partition that fails for a reason that is
    temporary is run again by Spark. So each batch has an id of its own, by which mParticle counts
    it once.

    Args:
        frame: with the columns that the batches need, and no others.
        batch: gets a user and their rows, a list of :class:`FrameRow`, and returns their batch, or
            None to leave them out. A cell that is missing is None.
        client: makes the client of a partition: ``partial(Client, environment="production")``. It
            runs on the workers, and reads the keys from their environment.
        user: the column that says whose row it is.
        order: the column, or the columns, by which the rows of a user are sorted. Rows at the same
            place are sorted by all of their cells, so that each run has the same order.
        partitions: how many; None for ``spark.sql.shuffle.partitions``. Short ones cost less when
            they are run again.

    Returns:
        The reports of all partitions, added up.

    Raises:
        ConfigurationError: an argument makes no sense, or the workers cannot run it.
        InvalidBatch: rows have no user, or cannot be part of a batch. All others were sent.
        DeliveryError: a partition failed for a reason that is temporary, as often as Spark runs it.
            Those errors and InvalidBatch have the ``report``.
    """
    if not isinstance(frame, DataFrame):
        write = "spark.createDataFrame(frame)"
        raise wrong_frame(frame, "a frame of Spark (pyspark.sql.DataFrame)", write)
    if frame.isStreaming:
        write = "stream.writeStream.foreachBatch(lambda frame, number: send(frame, …))"
        raise wrong_frame(frame, "a frame that ends, and this is a stream", write)
    given = batch, client, user, order, partitions
    job = checked_job(frame.columns, given, unknown, _dumps)
    kind = frame.schema[user].dataType.simpleString()
    for kinds, cast in _NO_USERS:
        if kinds.match(kind):
            raise wrong_user(user, kind, cast and _written_cast(user, cast))
    names = [*frame.columns]
    # mapInArrow fails for names with a dot or a backtick, and "id" may stand beside "ID"
    frame = frame.toDF(*(f"c{index}" for index in range(len(names))))
    column = f"c{names.index(user)}"
    # with a number of its own, Spark does not join partitions that are short
    number = partitions or int(frame.sparkSession.conf.get("spark.sql.shuffle.partitions") or 200)
    # sorted in Spark, which may use the disk: a worker has the rows of one user at a time
    split = frame.repartition(number, column).sortWithinPartitions(column)
    sender = _sender(PickledJob(_dumps(job)), names, _most_failures(frame))
    sent = split.mapInArrow(sender, "number int, outcome binary")
    try:
        rows = sent.collect()
    except Exception as error:
        if of_handler(error) is not None:
            raise
        raise _given_up(error) from error
    return whole_report({row.number: pickle.loads(row.outcome) for row in rows})  # noqa: S301  # ours


def _written_cast(column: str, cast: str) -> str:
    """Return the code that casts a column; in brackets, a dot would lead into a struct."""
    name = column if column.isidentifier() else f"`{column.replace('`', '``')}`"
    return f"frame.withColumn({column!r}, frame[{name!r}].cast({cast!r}))"


def _most_failures(frame: DataFrame) -> int:
    """Return how often a task may fail until Spark gives up."""
    conf = frame.sparkSession.conf
    local = re.fullmatch(r"local(\[[^,]*(,(\d+))?\])?", conf.get("spark.master", "") or "")
    if local:
        return int(local[3] or 1)
    return int(conf.get("spark.task.maxFailures", None) or _FAILURES)


def _sender(
    pickled: PickledJob, names: list[str], most_failures: int
) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Return the function that a worker calls with the rows of a partition."""

    def sender(batches: Iterable[Any]) -> Iterator[Any]:
        context = TaskContext.get()
        number = context.partitionId() if context else 0
        named = (batch.rename_columns(names) for batch in batches)
        rows = arrow_rows(pyarrow, "send(frame)", named)
        outcome = send_partition(pickled, number, rows)
        is_last = context is None or context.attemptNumber() + 1 >= most_failures
        if outcome.error is not None and outcome.is_temporary and not is_last:
            raise outcome.error
        # An error that is raised is only a text where ``send`` is, and stops other partitions.
        cells = {"number": [number], "outcome": [pickle.dumps(outcome)]}
        kinds = [("number", pyarrow.int32()), ("outcome", pyarrow.binary())]
        yield pyarrow.RecordBatch.from_pydict(cells, pyarrow.schema(kinds))

    return sender


def _given_up(error: Exception) -> ConfigurationError | DeliveryError:
    """Return the error for a job that Spark gave up, without the lines of Java."""
    lines = [line.strip() for line in str(error).splitlines()]
    python = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Interrupt)\b", line)]
    stage = [line.rpartition("Exception: ")[2] for line in lines if "Job aborted" in line]
    words = one_line((python[-1:] or stage or [*filter(None, lines), type(error).__name__])[0])
    if python and "ModuleNotFoundError" in words:
        return ConfigurationError(
            f"send(frame): a worker cannot run it ({words}); install mpfluent[spark] for the "
            "Python of the workers, which PYSPARK_PYTHON names"
        )
    return DeliveryError(f"Spark gave up ({words}); {AGAIN}", reason="retries_exhausted")
