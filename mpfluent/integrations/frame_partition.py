"""What becomes of a partition of a frame, in a worker, and of all partitions, where ``send`` is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, groupby
from operator import itemgetter
from pathlib import PurePath
from typing import Any, NamedTuple

from ..builder.batch import Batch
from ..client.client import Client
from ..delivery.reports import Report
from ..errors import (
    ConfigurationError,
    DeliveryError,
    InvalidBatch,
    MPFluentError,
    UnknownField,
    UnknownVerb,
    brief,
    one_line,
)
from ..partitions import SendPartition
from ..rows.report import counted
from ..transport.handlers import of_handler
from ..values.foreign import is_a, itself
from .frame_job import Job
from .frame_row import FrameRow

AGAIN = "if you run it again, nothing counts twice"
"""What an error tells to do, when some batches may have arrived."""

_FAILURES = 10  # of a partition: those of thousands of partitions travel to one process


class Outcome(NamedTuple):
    """What became of a partition; it travels back.

    Attributes:
        report: of its batches.
        rows: how many rows it had.
        nobody: how many of them have no user.
        refused: how many of them cannot be part of a batch.
        first_nobody: the first row without a user, as text.
        first_refused: the first reason why rows cannot be part of a batch.
        error: what ended it early.
    """

    report: Report = Report()
    rows: int = 0
    nobody: int = 0
    refused: int = 0
    first_nobody: str = ""
    first_refused: str = ""
    error: MPFluentError | None = None

    @property
    def is_temporary(self) -> bool:
        """Whether it may succeed if the engine runs the partition again."""
        return isinstance(self.error, DeliveryError) and self.error.temporary


def send_partition(load: Callable[[], Job], number: int, rows: Iterable[Any]) -> Outcome:
    """Send the rows of a partition, and return what became of them, whatever error of ours came.

    Args:
        load: returns what to do.
        number: of the partition.
        rows: cells by column, those of a user one after the other. Instead of the cells of a row,
            a text may say what is wrong with it.
    """
    rows, where = iter(rows), f"partition {number}"
    partition = _Partition(where)
    try:
        first = next(rows, None)
        if first is None:
            return Outcome()  # without a client
        partition.begin(load)
        (report,) = SendPartition(partition.batches, partition.client)(chain([first], rows))
    except MPFluentError as error:
        error.args = (f"{where}: {error}",)
        return partition.outcome(getattr(error, "report", Report()), error)
    return partition.outcome(report)


class _Partition:
    """One run of a partition: it makes the client and the batches, and counts rows."""

    _job: Job

    def __init__(self, where: str) -> None:
        self._where = where
        self._rows = self._nobody = self._refused = 0
        self._first_nobody = self._first_refused = ""

    def begin(self, load: Callable[[], Job]) -> None:
        """Load what to do.

        Raises:
            ConfigurationError: the worker has not the code for it.
        """
        try:
            self._job = load()
        except Exception as error:
            if of_handler(error) is not None:
                raise
            raise ConfigurationError(
                f"the worker cannot load batch or client ({_words(error)}); "
                "install there what is installed here"
            ) from error

    def client(self) -> Client:
        """Return the client.

        Raises:
            ConfigurationError: it cannot be made.
        """
        try:
            client = self._job.client()
        except Exception as error:
            if of_handler(error) is not None:
                raise
            words = str(error) if isinstance(error, MPFluentError) else _words(error)
            hint = "; a worker has its own environment" if "MPARTICLE_" in words else ""
            raise ConfigurationError(
                f"the worker could not make the client: {words}{hint}"
            ) from error
        if not is_a(client, Client):
            raise ConfigurationError(
                f"the function that makes a client returned {brief(client)}; "
                "write partial(Client, environment='production')"
            )
        return client

    def batches(self, rows: Iterable[Any]) -> Iterator[Batch]:
        """Yield the batch of each user."""
        for user, own in groupby(self._read(rows), itemgetter(self._job.user)):
            made = self._batch(user, self._sorted(own))
            if made is not None:
                yield made

    def outcome(self, report: Report, error: MPFluentError | None = None) -> Outcome:
        """Return what became of it."""
        report = report._replace(failures=report.failures[:_FAILURES])
        if error is not None:
            error.report = report  # it travels, too
        counts = self._rows, self._nobody, self._refused
        return Outcome(report, *counts, self._first_nobody, self._first_refused, error)

    def _read(self, rows: Iterable[Any]) -> Iterator[FrameRow]:
        for cells in rows:
            self._rows += 1
            if not isinstance(cells, Mapping):
                self._refuse(1, str(cells))
                continue
            row = FrameRow(cells)
            if row[self._job.user] is None:
                self._nobody += 1
                self._first_nobody = self._first_nobody or f"{self._where}, {row!r}"
            else:
                yield row

    def _sorted(self, rows: Iterable[FrameRow]) -> list[FrameRow]:
        """Return rows in an order that is the same in every run, wherever they came from."""
        found = [*rows]
        if len(found) > 1:
            columns = self._job.order

            def place(row: FrameRow) -> tuple[Any, ...]:
                cells = [row[column] for column in columns]
                # engines give rows in any order: of two that are at the same place, too
                return *((cell is not None, cell) for cell in cells), repr(dict(row))

            try:
                found.sort(key=place)
            except TypeError as error:
                raise ConfigurationError(
                    f"send(order={[*columns]}): {self._job.user}="
                    f"{brief(found[0][self._job.user])}: cells cannot be sorted ({error}); "
                    "give the column one type"
                ) from error
        return found

    def _batch(self, user: Any, rows: list[FrameRow]) -> Batch | None:
        where = f"{self._job.user}={brief(user)}"
        try:
            made = itself("batch(user, rows)", self._job.batch(user, rows), Batch)
        except (UnknownField, UnknownVerb) as error:  # of the function, and not of these rows
            error.args = (f"{where}: {error}",)
            raise
        except InvalidBatch as error:
            raised = error.__cause__ and of_handler(error)
            if raised is not None:
                raise raised from None
            self._refuse(len(rows), f"{where}: {error}")
            return None
        except MPFluentError:
            raise
        except Exception as error:
            if of_handler(error) is not None:
                raise
            raise ConfigurationError(
                f"{where}: batch(user, rows) raised {_words(error)}{_line_of(error)}"
            ) from error
        if made is None or is_a(made, Batch):
            return made  # type: ignore[no-any-return]
        raise ConfigurationError(
            f"{where}: batch(user, rows) returned {brief(made)}: want a Batch, or None to leave "
            f"the rows out, got {type(made).__name__}; write return Batch.for_user(…)"
        )

    def _refuse(self, rows: int, text: str) -> None:
        self._refused += rows
        self._first_refused = self._first_refused or f"{self._where}, {text}"


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(str(error))}"


def _line_of(error: Exception) -> str:
    """Return the line of the function that raised; its traceback may not travel."""
    called = error.__traceback__ and error.__traceback__.tb_next
    if called is None:
        return ""
    return f" ({PurePath(called.tb_frame.f_code.co_filename).name}:{called.tb_lineno})"


def whole_report(outcomes: Mapping[int, Outcome]) -> Report:
    """Return the report of all partitions.

    Args:
        outcomes: by the number of the partition.

    Raises:
        MPFluentError: a partition ended early. It is the error of the first one.
        InvalidBatch: rows were left out. Both have the ``report``.
    """
    ordered = [outcomes[number] for number in sorted(outcomes)]
    report = sum((one.report for one in ordered), Report())
    errors = [one.error for one in ordered if one.error is not None]
    left_out = _left_out(ordered)
    if errors:
        error = errors[0]
        texts = [f"{len(errors):,} of {counted(len(ordered), 'partition')} failed: {error}"]
        if any(one.is_temporary for one in ordered):
            texts.append(AGAIN)
        texts += left_out
        error.args = ("; ".join(texts),)
    elif left_out:
        error = InvalidBatch(f"{left_out[0]}; mend them, or leave them out of the frame")
    else:
        return report
    error.report = report
    raise error


def _left_out(outcomes: list[Outcome]) -> list[str]:
    """Return which rows were not sent: a text, or nothing."""
    parts = [
        f"{count:,} {what} (the first: {texts[0]})"
        for what, count, texts in (
            (
                "have no user",
                sum(one.nobody for one in outcomes),
                [one.first_nobody for one in outcomes if one.nobody],
            ),
            (
                "cannot be part of a batch",
                sum(one.refused for one in outcomes),
                [one.first_refused for one in outcomes if one.refused],
            ),
        )
        if count
    ]
    rows = counted(sum(one.rows for one in outcomes), "row")
    return [f"of {rows}, {' and '.join(parts)}, and were not sent"] if parts else []
