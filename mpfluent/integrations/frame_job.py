"""What ``send(frame, …)`` of Spark and of Dask is called with, checked on the caller's line."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..builder.batch import Batch
from ..client.client import Client
from ..errors import ConfigurationError, brief, closest, one_line, unknown_option
from ..rows.sources import checked_columns
from ..transport.handlers import of_handler
from ..utils.options import integer_between
from ..values.foreign import is_a
from .frame_row import FrameRow, shown

MakeBatch = Callable[[Any, list[FrameRow]], Batch | None]
"""Makes the batch of a user from their rows; None leaves them out."""

_OPTIONS = ("user", "order", "partitions")
_MOST_PARTITIONS = 1_000_000


class Job(NamedTuple):
    """What travels to the workers.

    Attributes:
        batch: makes the batch of a user.
        client: makes the client of a partition.
        user: the column that says whose row it is.
        order: the columns by which the rows of a user are sorted.
    """

    batch: MakeBatch
    client: Callable[[], Client]
    user: str
    order: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Job by {self.user!r}>"  # a partial of Client may hold the secret


class PickledJob:
    """A job on its way. A worker that cannot load it must be able to say so.

    Args:
        content: the bytes.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __call__(self) -> Job:
        """Return the job."""
        return pickle.loads(self._content)  # type: ignore[no-any-return]  # noqa: S301  # of the caller

    def __repr__(self) -> str:
        return "<PickledJob>"  # as of a job


def checked_job(
    columns: Sequence[Any],
    given: tuple[MakeBatch, Callable[[], Client], str, str | Sequence[str] | None, int | None],
    unknown: dict[str, Any],
    dumps: Callable[[Any], bytes],
) -> Job:
    """Return a job whose arguments make sense.

    Args:
        columns: of the frame.
        given: what ``send`` was called with: batch, client, user, order and partitions.
        unknown: keywords that it does not have.
        dumps: makes bytes of a function, as the engine does.

    Raises:
        ConfigurationError: an argument makes no sense.
    """
    if unknown:
        raise unknown_option("send", next(iter(unknown)), _OPTIONS)
    batch, client, user, order, partitions = given
    names = checked_columns("send(frame)", columns)
    _check_function("batch", batch, "of a user and their rows", "def batch(user, rows): …", 2)
    write = "partial(Client, environment='production')"
    _check_function("client", client, "that makes a client", write, 0)
    by = () if order is None else tuple(order) if is_a(order, (list, tuple)) else (order,)
    for option, column in (("user", user), *(("order", column) for column in by)):
        _check_column(option, column, names)
    if partitions is not None and integer_between(partitions, 1, _MOST_PARTITIONS) is None:
        raise ConfigurationError(
            f"send(partitions={brief(partitions)}): want how many partitions, 1 or more; "
            "write send(…, partitions=200)"
        )
    for name, function in (("batch", batch), ("client", client)):
        _check_pickles(name, function, dumps)
    return Job(batch, client, user, by)  # type: ignore[arg-type]  # each is a name of a column


def wrong_frame(frame: object, want: str, write: str) -> ConfigurationError:
    """Return the error for what is no frame of the engine."""
    return ConfigurationError(f"send({type(frame).__name__}): want {want}; write {write}")


def wrong_user(user: str, kind: object, write: str | None) -> ConfigurationError:
    """Return the error for a column whose cells are no users.

    Args:
        user: the column.
        kind: its type.
        write: the code that makes users of the cells, or None if nothing does.
    """
    users = "texts or whole numbers"
    hint = f"name a column of {users}" if write is None else f"want {users}; write {write}"
    return ConfigurationError(f"send(user={user!r}): the column is of type {kind}; {hint}")


def _check_function(name: str, value: Any, what: str, write: str, arguments: int) -> None:
    if not callable(value):
        raise ConfigurationError(
            f"send({name}={brief(value)}): want a function {what}, got {type(value).__name__}; "
            f"write {write}"
        )
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):  # nobody knows it
        return
    try:
        signature.bind(*[None] * arguments)
    except TypeError:
        raise ConfigurationError(
            f"send({name}={_name_of(value)}): want a function {what}, got one that takes "
            f"{signature}; write {write}"
        ) from None


def _check_column(option: str, column: Any, columns: frozenset[Any]) -> None:
    texts = sorted(name for name in columns if is_a(name, str))
    if is_a(column, str):
        if column in columns:
            return
        meant = closest(column, texts)
        hint = f"did you mean {meant!r}?" if meant else f"it has {shown(texts)}"
    else:
        hint = f"write send(…, {option}={texts[0] if texts else 'user_id'!r})"
    raise ConfigurationError(
        f"send({option}={brief(column)}): the frame has no such column; {hint}"
    )


def _check_pickles(name: str, function: Any, dumps: Callable[[Any], bytes]) -> None:
    try:
        dumps(function)
    except Exception as error:  # any code may run in there
        if of_handler(error) is not None:
            raise
        raise ConfigurationError(
            f"send({name}={_name_of(function)}): it must travel to the workers, and cannot be "
            f"pickled ({one_line(str(error))}); write a function that uses nothing that is open"
        ) from error


def _name_of(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
