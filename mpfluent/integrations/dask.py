"""Sends a frame of Dask: by user, one client a partition; needs ``mpfluent[dask]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Never

from ..client.client import Client
from ..delivery.reports import Report
from ..errors import ConfigurationError, DeliveryError, MPFluentError, one_line
from ..transport.handlers import of_handler
from ..utils.introspection import expand_kwargs
from ..values.foreign import is_a
from .frame_job import MakeBatch, PickledJob, checked_job, wrong_frame, wrong_user
from .frame_partition import Outcome, send_partition, whole_report
from .frame_row import FrameRow

if TYPE_CHECKING:
    from dask.dataframe import DataFrame  # pyright: ignore[reportMissingImports]

_NEEDED = ("cloudpickle", "dask", "distributed", "numpy", "pandas", "pyarrow")
try:  # their functions have no types, and within this module "dask" may be this module
    dask, distributed, cloudpickle = map(import_module, ("dask", "distributed", "cloudpickle"))
    frames = import_module("dask.dataframe")
except ModuleNotFoundError as _missing:
    if (_missing.name or "").partition(".")[0] not in _NEEDED:
        raise
    raise ImportError(
        "mpfluent.integrations.dask needs dask[dataframe] and distributed; "
        "write pip install 'mpfluent[dask]'",
        name=_missing.name,
    ) from None

__all__ = ["FrameRow", "send"]

_RETRIES = 3  # of a partition that fails for a reason that is temporary
_OUTCOME = "_outcome"  # the attribute of an error that is raised: what became of its partition


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

    It runs at once, on the cluster of the current ``distributed.Client``, or in threads of this
    process if there is none, and returns when all is sent. A cluster runs a partition again if it
    fails for a reason that is temporary, or its worker ends. So each batch has an id of its own, by
    which mParticle counts it once.

    Args:
        frame: with the columns that the batches need, and no others.
        batch: gets a user and their rows, a list of :class:`FrameRow`, and returns their batch, or
            None to leave them out. A cell that is missing is None.
        client: makes the client of a partition: ``partial(Client, environment="production")``. It
            runs on the workers, and reads the keys from their environment.
        user: the column that says whose row it is.
        order: the column, or the columns, by which the rows of a user are sorted. Rows at the same
            place are sorted by all of their cells, so that each run has the same order.
        partitions: how many; None for as many as the frame has. Short ones cost less when they are
            run again.

    Returns:
        The reports of all partitions, added up.

    Raises:
        ConfigurationError: an argument makes no sense, or the workers cannot run it.
        InvalidBatch: rows have no user, or cannot be part of a batch. All others were sent.
        DeliveryError: a partition failed for a reason that is temporary, as often as it was run.
            Those errors and InvalidBatch have the ``report``.
    """
    if not isinstance(frame, frames.DataFrame):
        write = "dask.dataframe.from_pandas(frame, npartitions=8)"
        raise wrong_frame(frame, "a frame of Dask (dask.dataframe.DataFrame)", write)
    if is_a(user, str) and user == frame.index.name and user not in frame.columns:
        raise ConfigurationError(
            f"send(user={user!r}): it is the index, and no column; write frame.reset_index()"
        )
    given = batch, client, user, order, partitions
    job = checked_job([*frame.columns], given, unknown, cloudpickle.dumps)
    kind = frame.dtypes[user]
    if kind.kind in "fc":
        raise wrong_user(user, kind, f"frame.astype({{{user!r}: 'Int64'}})")
    cluster = _cluster()
    pickled = PickledJob(cloudpickle.dumps(job))
    task = dask.delayed(partial(_send_partition, pickled, user, cluster is not None), pure=False)
    split = frame.shuffle(on=user, npartitions=partitions).to_delayed()
    tasks = [task(number, part) for number, part in enumerate(split)]
    return whole_report(_run_here(tasks) if cluster is None else _run_on(cluster, tasks))


def _send_partition(
    pickled: PickledJob, user: str, raises: bool, number: int, part: Any
) -> Outcome:
    """Send the rows of a partition, a frame of pandas.

    Args:
        pickled: what to do.
        user: the column that says whose row it is.
        raises: whether the engine runs a partition again that raises.
        number: of the partition.
        part: the partition.
    """
    outcome = send_partition(pickled, number, _rows(user, part))
    if outcome.error is not None and outcome.is_temporary and raises:
        # the engine shows only what is raised, and rows without a user must be told
        vars(outcome.error)[_OUTCOME] = outcome._replace(error=None)
        raise outcome.error
    return outcome


def _rows(user: str, part: Any) -> Iterator[dict[Any, Any]]:
    """Yield the cells of each row, those of a user one after the other."""
    try:
        users, _ = part[user].factorize()
    except TypeError as error:
        raise ConfigurationError(
            f"the column {user!r} has cells that are no users ({one_line(str(error))}); "
            "want texts or whole numbers"
        ) from error
    part = part.iloc[users.argsort(kind="stable")]
    names = [*part.columns]
    for cells in zip(*(part[name].tolist() for name in names)):
        yield dict(zip(names, cells))


def _cluster() -> Any:
    """Return the current client of ``distributed``, or None.

    Raises:
        ConfigurationError: it is for coroutines.
    """
    try:
        cluster = distributed.default_client()
    except ValueError:
        return None
    if cluster.asynchronous:
        raise ConfigurationError(
            "send(frame) waits, and the current distributed.Client is asynchronous; "
            "write it in a program with a distributed.Client(…) that is not"
        )
    return cluster


def _run_here(tasks: list[Any]) -> dict[int, Outcome]:
    """Run the partitions in this process, or as Dask is configured."""
    try:
        return dict(enumerate(dask.compute(*tasks)))
    except Exception as error:
        if of_handler(error) is not None:
            raise
        raise _given_up(error) from error


def _run_on(cluster: Any, tasks: list[Any]) -> dict[int, Outcome]:
    """Run the partitions on a cluster."""
    futures = cluster.compute(tasks, retries=_RETRIES)
    number_of = {future.key: number for number, future in enumerate(futures)}
    outcomes: dict[int, Outcome] = {}
    try:
        for future in distributed.as_completed(futures):
            outcomes[number_of[future.key]] = _outcome_of(future)
            # what is here need not be run again if the worker that holds it ends
            future.release()
    except BaseException:  # such as Ctrl-C: no other partition begins
        cluster.cancel(futures)
        raise
    return outcomes


def _outcome_of(future: Any) -> Outcome:
    try:
        found: Outcome = future.result()
    except MPFluentError as error:
        known: Outcome = vars(error).pop(_OUTCOME, Outcome())
        return known._replace(error=error)
    except Exception as error:
        if of_handler(error) is not None:
            raise
        given_up = _given_up(error)
        given_up.__cause__ = error
        return Outcome(error=given_up)
    return found


def _given_up(error: Exception) -> DeliveryError:
    """Return the error for a partition that Dask gave up."""
    words = f"{type(error).__name__}: {one_line(str(error))}"
    return DeliveryError(f"Dask gave up ({words})", reason="retries_exhausted")
