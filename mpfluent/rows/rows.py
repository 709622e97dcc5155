"""``Rows``: a table, and what it is to become."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import tzinfo
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

from ..builder.batch import Batch
from ..encoding.reader import Unknown
from ..errors import ConfigurationError, InvalidValue, brief
from ..utils.introspection import PublicNames
from ..utils.options import integer_between, number_between
from ..values.foreign import own
from .cells import MISSING
from .checkpoint import Checkpoint, CheckpointFile
from .files import Paths
from .mapping import Mapping as RowMapping
from .mapping import mapping_of
from .options import flag, path_of, settings_of, suggesting, text
from .report import RowsReport
from .row import Row
from .run import TAKEN, TableRun
from .settings import WINDOW, Settings
from .sources import Cursor, Mappings
from .text_files import BatchFiles, CsvFiles, JsonLines

Path = str | os.PathLike[str]
_MOST = 270  # batches a second: what mParticle takes of one input unless you agree on more


class Rows(PublicNames):
    """A table, and what it is to become: immutable, and read only when it is sent.

    ``from_*`` says where rows come from, ``map`` what a row means, and ``with_*`` what else.
    ``client.send_all(rows)`` sends them.

    Args:
        rows: mappings of columns to cells, one a row.
        missing: the words that stand for a missing cell, in any case.
        tz: the zone of times that name none, such as "Europe/London".

    >>> from mpfluent import Batch, Client, RecordingTransport
    >>> def imported(row):
    ...     return Batch.for_user(customer_id=row.text("id")).event("Imported", row.pick("plan"))
    >>> policies = Rows([{"id": 17, "plan": "pro"}, {"id": None, "plan": "free"}]).map(imported)
    >>> policies = policies.with_key("id", job="policies 2026-11")
    >>> transport = RecordingTransport()
    >>> with Client("key", "secret", environment="development", transport=transport) as client:
    ...     report = client.send_all(policies)
    >>> report.delivered, report.rejected_by_reason
    (1, {'nobody': 1})
    """

    __slots__ = ("_settings",)
    _settings: Settings

    @suggesting
    def __init__(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        missing: Iterable[str] = MISSING,
        tz: str | tzinfo | None = None,
    ) -> None:
        self._set(settings_of(Mappings(rows), "Rows", missing, tz))

    # Where rows come from

    @classmethod
    @suggesting
    def from_csv(
        cls,
        paths: Paths,
        *,
        encoding: str = "utf-8-sig",
        delimiter: str = ",",
        missing: Iterable[str] = MISSING,
        tz: str | tzinfo | None = None,
    ) -> Self:
        """Construct from CSV files with a header; cells are text as it stands.

        Args:
            paths: one or several; ``*`` and ``?`` stand for any letters. gzip is recognised.
            encoding: such as "cp1252"; a byte order mark is no part of the text.
            delimiter: the letter between two cells.
            missing: the words that stand for a missing cell, in any case.
            tz: the zone of times that name none, such as "Europe/London".

        Raises:
            ConfigurationError: a file cannot be read, or its first line names no columns.
        """
        source = CsvFiles(paths, encoding=encoding, delimiter=delimiter)
        return cls._of(settings_of(source, "Rows.from_csv", missing, tz))

    @classmethod
    @suggesting
    def from_jsonl(
        cls,
        paths: Paths,
        *,
        encoding: str = "utf-8-sig",
        missing: Iterable[str] = MISSING,
        tz: str | tzinfo | None = None,
    ) -> Self:
        """Construct from files with a JSON object a line; each row has its own columns.

        Args:
            paths: one or several; ``*`` and ``?`` stand for any letters. gzip is recognised.
            encoding: such as "utf-16".
            missing: the words that stand for a missing cell, in any case.
            tz: the zone of times that name none, such as "Europe/London".

        Raises:
            ConfigurationError: a file cannot be read.
        """
        source = JsonLines(paths, encoding=encoding)
        return cls._of(settings_of(source, "Rows.from_jsonl", missing, tz))

    @classmethod
    @suggesting
    def from_parquet(
        cls,
        paths: Paths,
        *,
        missing: Iterable[str] = MISSING,
        tz: str | tzinfo | None = None,
    ) -> Self:
        """Construct from Parquet files; needs ``pip install 'mpfluent[rows]'``.

        Args:
            paths: one or several; ``*`` and ``?`` stand for any letters.
            missing: the words that stand for a missing cell, in any case.
            tz: the zone of times that name none, such as "Europe/London".

        Raises:
            ConfigurationError: a file cannot be read, or pyarrow is not installed.
        """
        from .frames import ParquetFiles  # seldom needed, and so is pyarrow

        return cls._of(settings_of(ParquetFiles(paths), "Rows.from_parquet", missing, tz))

    @classmethod
    @suggesting
    def from_arrow(
        cls,
        frame: Any,
        *,
        missing: Iterable[str] = MISSING,
        tz: str | tzinfo | None = None,
    ) -> Self:
        """Construct from a frame or a query's result; needs ``pip install 'mpfluent[rows]'``.

        Args:
            frame: what has ``__arrow_c_stream__``: of pandas, polars, pyarrow, DuckDB and others.
                NaN, NaT and NA are missing cells.
            missing: the words that stand for a missing cell, in any case.
            tz: the zone of times that name none, such as "Europe/London".

        Raises:
            ConfigurationError: it is no such thing, or pyarrow is not installed.
        """
        from .frames import ArrowTable  # seldom needed, and so is pyarrow

        return cls._of(settings_of(ArrowTable(frame), "Rows.from_arrow", missing, tz))

    @classmethod
    @suggesting
    def from_cursor(
        cls,
        cursor: Any,
        *,
        missing: Iterable[str] = MISSING,
        tz: str | tzinfo | None = None,
    ) -> Self:
        """Construct from the rows of a query: a cursor of PEP 249 that has run it.

        Args:
            cursor: it is read once, a thousand rows at a time.
            missing: the words that stand for a missing cell, in any case.
            tz: the zone of times that name none, such as "Europe/London".

        Raises:
            ConfigurationError: it has run no query, or two columns have the same name.
        """
        return cls._of(settings_of(Cursor(cursor), "Rows.from_cursor", missing, tz))

    @classmethod
    @suggesting
    def from_batches(cls, paths: Paths, *, unknown: Unknown = "raise") -> Self:
        """Construct from files with a batch a line, as the API takes it or mParticle puts it out.

        Such a table needs no ``map``. With one, the function gets the batch instead of a row.
        The ids that are there are kept.

        Args:
            paths: one or several; ``*`` and ``?`` stand for any letters. gzip is recognised.
            unknown: "ignore" leaves out fields that mpfluent does not know; "raise" rejects the
                row.

        Raises:
            ConfigurationError: a file cannot be read.
        """
        source = BatchFiles(paths, unknown=unknown)
        return cls._of(Settings(source, "batches"))

    @classmethod
    @suggesting
    def from_rejects(
        cls,
        path: Path,
        *,
        missing: Iterable[str] = MISSING,
        tz: str | tzinfo | None = None,
    ) -> Self:
        """Construct from a rejects file, to send again what was mended there or failed.

        What had become a batch is sent under the id that it had. Other rows need ``map``, and the
        key, the job and the zone of the run that rejected them.

        Args:
            path: of the file.
            missing: the words that stand for a missing cell, in any case.
            tz: the zone of times that name none, such as "Europe/London".

        Raises:
            ConfigurationError: it cannot be read, or a line is no reject.
        """
        from .rejects import RejectedRows  # seldom needed

        settings = settings_of(RejectedRows(path), "Rows.from_rejects", missing, tz)
        return cls._of(settings._replace(of="rejects"))

    # What a row means

    @suggesting
    def map(
        self,
        thing: Callable[[Row], Batch | None] | Path | RowMapping,
        /,
        *,
        allow_nobody: bool = False,
    ) -> Self:
        """Say what a row means.

        Args:
            thing: a function that returns a row's batch, or None to leave the row out; the path of
                a mapping file (docs/rows-mapping.md); or "module:function".
            allow_nobody: send a batch that identifies nobody, instead of rejecting its row.

        Raises:
            ConfigurationError: there is no such thing, or there is a mistake in it.
        """
        return self._with(
            mapping=mapping_of(thing), allow_nobody=flag("map(allow_nobody=", allow_nobody)
        )

    @suggesting
    def with_key(self, *columns: str, job: str | None = None) -> Self:
        """Say what tells one row from all others: its id is the same in every run of the job.

        mParticle drops a batch whose id it has seen in the last 30 days or more. So a job that is
        run again counts nothing twice. A key that comes twice in a run is sent once.

        Args:
            *columns: whose cells together are the key. No cell may be missing.
            job: what is sent once, however often it is run: a constant for an import, with the
                date for a nightly upload. Without it, the mapping file's.

        Raises:
            ConfigurationError: there is no such column, or no job.

        >>> rows = Rows([{"policy": "P-17"}]).with_key("policy", job="policies 2026-11")
        """
        if not columns:
            raise ConfigurationError(
                "with_key() needs a column; write with_key('policy', job='policies 2026-11')"
            )
        names = self._columns("with_key", columns)
        if job is not None:
            job = text("with_key(job=", job, "job='policies 2026-11'")
        return self._with(key=names, job=job or self._settings.job)

    @suggesting
    def grouped_by(self, *columns: str, window: int = WINDOW) -> Self:
        """Join rows of one user into one batch, where these cells are the same.

        Only rows whose batches have an identity in common, and the same device and other context,
        are joined. Fewer batches go further under a rate limit.

        Args:
            *columns: whose cells must be the same; a row where one is missing is not joined.
            window: so many rows, within which they are joined.

        Raises:
            ConfigurationError: there is no such column.
        """
        if not columns:
            raise ConfigurationError("grouped_by() needs a column; write grouped_by('customer_id')")
        most = integer_between(window, 1, 1_000_000)
        if most is None:
            raise ConfigurationError(
                f"grouped_by(window={brief(window)}): want a number of rows, 1 to 1000000; "
                "write window=1000"
            )
        return self._with(group=self._columns("grouped_by", columns), window=most)

    def with_data_plan(self, plan_id: str, plan_version: int | None = None) -> Self:
        """Let mParticle check each batch against a data plan.

        Args:
            plan_id: of the plan.
            plan_version: of the plan; None for the newest.

        Raises:
            InvalidValue: it is no plan.
        """
        _ = Batch().with_data_plan(plan_id, plan_version)  # an error is on the caller's line
        return self._with(data_plan=(plan_id, plan_version))

    def first(self, count: int) -> Self:
        """Take only so many rows from the beginning.

        Args:
            count: how many.
        """
        most = integer_between(count, 0, sys.maxsize)
        if most is None:
            raise ConfigurationError(
                f"first({brief(count)}): want a number of rows; write first(100)"
            )
        return self._with(first=most)

    # What is written

    @suggesting
    def with_rejects(self, path: Path, *, stop_after: int | None = None) -> Self:
        """Write each row that is rejected or failed into a file, as a line of JSON.

        Args:
            path: of a new file, which gets mode 0600; or of one with rejects, to which lines are
                added.
            stop_after: so many may fail or be rejected; one more ends the run.
        """
        if stop_after is not None and integer_between(stop_after, 0) is None:
            raise ConfigurationError(
                f"with_rejects(stop_after={brief(stop_after)}): want a number of rows, or None; "
                "write stop_after=100"
            )
        return self._with(
            rejects=path_of("with_rejects", path, "rejects.jsonl"), stop_after=stop_after
        )

    def with_checkpoint(self, checkpoint: Path | Checkpoint) -> Self:
        """Keep how far everything is settled, so that a run that broke off goes on from there.

        Args:
            checkpoint: the path of a file; or an object with ``load()``, which returns what
                ``save(position)`` got last, or None.

        Raises:
            ConfigurationError: it is neither; or a file is to keep how far rows came that may be
                others the next time, such as those of a query.
        """
        found = own(checkpoint)
        if isinstance(found, type):  # which has load() and save(), too
            write = f"write with_checkpoint({found.__name__}(…))"
            raise ConfigurationError(
                f"with_checkpoint({brief(found)}): want an object of it; {write}"
            )
        if callable(getattr(found, "load", None)) and callable(getattr(found, "save", None)):
            return self._with(checkpoint=found)
        file = CheckpointFile(path_of("with_checkpoint", found, "policies.checkpoint"))
        source = self._settings.source
        if not hasattr(source, "paths"):
            raise ConfigurationError(
                f"with_checkpoint({file.path!r}): {source.name} may have other rows, or another "
                "order, the next time; write the rows into a file first, or leave the checkpoint "
                "out: with_key() makes it harmless to send all of them again"
            )
        return self._with(checkpoint=file)

    # Looking

    def rows(self) -> Iterator[Row]:
        """Yield the rows themselves, to look at them.

        Raises:
            InvalidValue: a row cannot be read.

        >>> [row.text("id") for row in Rows([{"id": 17.0}]).rows()]
        ['17']
        """
        table = self._settings.table()
        for place, cells in islice(self._settings.source, self._settings.first):
            if isinstance(cells, InvalidValue):
                raise cells
            if isinstance(cells, Batch):
                raise ConfigurationError("these are batches, not rows; write for batch in rows")
            yield Row(cells, place, table)

    def count(self) -> int:
        """Return how many rows there are; the source is read for it."""
        return sum(1 for _ in islice(self._settings.source, self._settings.first))

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches that would be sent, to look at them.

        Their ids are others than those of ``send_all(rows)``, which depend on the client's
        environment: send the table, not these.

        Raises:
            InvalidBatch: a row would be rejected.
        """
        with TableRun(self._settings, None, is_dry=True) as run:
            for batch, own_id, group in run.batches():
                run.check_no_rejects()
                yield batch if own_id is None else batch._put("source_request_id", own_id)
                run.settled(group, TAKEN)
            run.check_no_rejects()

    @suggesting
    def check(
        self,
        *,
        environment: Literal["development", "production"] | None = None,
        historical: bool = False,
        rate_limit: float = _MOST,
    ) -> RowsReport:
        """Return what would become of the rows: a dry run, which sends nothing and writes no file.

        Whatever ends it early has the report until then as ``report``.

        Args:
            environment: for batches that name none.
            historical: check for the historical endpoint.
            rate_limit: batches a second, for the seconds that all of them take.

        >>> print(Rows([{"id": "17"}]).map(lambda row: Batch.for_user(customer_id=row.text("id")))
        ...     .with_key("id", job="scores 2026-11-30").check())
        1 row: 1 would be delivered
        1 batch, ... bytes, 0 s at the rate limit
        note: the key is the customer_id of each row: ...
        """
        from .check import dry_run  # seldom needed

        rate = number_between(rate_limit, 0.001)
        if rate is None:
            raise ConfigurationError(
                f"check(rate_limit={brief(rate_limit)}): want batches a second; "
                "write rate_limit=250"
            )
        if environment not in (None, "development", "production"):
            raise ConfigurationError(
                f"check(environment={brief(environment)}): want 'development' or 'production'; "
                "write check(environment='production')"
            )
        historical = flag("check(historical=", historical)
        return dry_run(
            self._settings, environment or "development", historical=historical, rate_limit=rate
        )

    def __repr__(self) -> str:
        settings = self._settings
        steps = [settings.source.name]
        if settings.mapping is not None:
            steps.append(f"map {settings.mapping.name}")
        if columns := settings.key_columns():
            steps.append(f"key {', '.join(columns)} of the job {settings.job_name()!r}")
        if settings.group:
            steps.append(f"grouped by {', '.join(settings.group)}")
        return f"<Rows {'; '.join(steps)}>"

    # hidden from type checkers, which must report a misspelt verb
    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)
            from .hints import unknown_verb  # seldom needed

            raise unknown_verb(name, dir(self))

    # How it works

    def _begin_run(self, environment: str | None, api_key: str) -> TableRun:
        """Return a run; see :class:`~mpfluent.delivery.feed.Feed`."""
        return TableRun(self._settings, environment, api_key=api_key)

    def _set(self, settings: Settings) -> None:
        object.__setattr__(self, "_settings", settings)

    @classmethod
    def _of(cls, settings: Settings) -> Self:
        made = cls.__new__(cls)
        made._set(settings)
        return made

    def _with(self, **changes: Any) -> Self:
        return self._of(self._settings._replace(**changes).checked())

    def _columns(self, verb: str, columns: tuple[Any, ...]) -> tuple[str, ...]:
        names = tuple(text(f"{verb}(", column, f"{verb}('customer_id')") for column in columns)
        if self._settings.of == "batches":
            raise ConfigurationError(
                f"{verb}({', '.join(map(repr, names))}): batches have no columns; "
                "their ids are their source_request_id"
            )
        self._settings.check_columns(verb, names)
        return names

    def __reduce__(self) -> Any:
        return self._of, (self._settings,)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        from ..errors import Immutable  # seldom needed

        said = name.removeprefix("with_").lstrip("_")
        verbs = (verb for verb in (f"with_{said}", said) if hasattr(type(self), verb))
        raise Immutable(f"Rows is immutable; write rows = rows.{next(verbs, 'map')}(…)")

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)
