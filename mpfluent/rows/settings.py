"""What a table is to become: what was said of it, step by step."""

from __future__ import annotations

import os
from datetime import tzinfo
from typing import Literal, NamedTuple

from ..errors import ConfigurationError, brief
from .cells import MISSING, zone_of
from .checkpoint import Checkpoint
from .mapping import Mapping
from .row import Table, no_column
from .sources import Source

WINDOW = 1000  # rows within which those of one user are joined


class Settings(NamedTuple):
    """A table, and what was said of it.

    Attributes:
        source: where its rows come from.
        of: what they are: "rows"; "batches"; or "rejects", which are rows or sealed batches.
        missing: the words that stand for a missing cell, in lower case.
        zone: of times that name none.
        mapping: what a row means.
        allow_nobody: whether a row may identify nobody.
        key: the columns that make the id of a row.
        job: what is sent once.
        rejects: the path of the rejects file.
        stop_after: how many rows may fail or be rejected.
        checkpoint: where to keep how far a run came.
        group: the columns by which rows are joined.
        window: so many rows, within which they are joined.
        data_plan: the id and the version of the plan for each batch.
        first: how many rows are read; None for all.
    """

    source: Source
    of: Literal["rows", "batches", "rejects"] = "rows"
    missing: frozenset[str] = MISSING
    zone: tzinfo | None = None
    mapping: Mapping | None = None
    allow_nobody: bool = False
    key: tuple[str, ...] = ()
    job: str | None = None
    rejects: str | None = None
    stop_after: int | None = None
    checkpoint: Checkpoint | None = None
    group: tuple[str, ...] = ()
    window: int = WINDOW
    data_plan: tuple[str, int | None] | None = None
    first: int | None = None

    def table(self) -> Table:
        """Return what all rows have in common."""
        zone = self.zone
        if zone is None and self.mapping is not None:
            zone = zone_of("map", self.mapping.tz)
        return Table(self.source.columns, self.missing, zone)

    def key_columns(self) -> tuple[str, ...]:
        """Return the columns of the key: those that were given, or the mapping's."""
        return self.key or (self.mapping.key if self.mapping is not None else ())

    def job_name(self) -> str | None:
        """Return what is sent once: what was given, or the mapping's."""
        return self.job or (self.mapping.job if self.mapping is not None else None)

    def whole_job(self, environment: str | None) -> str:
        """Return all that ids follow from, but for the rows.

        Args:
            environment: the client's.
        """
        said = [self.job_name() or "no job", environment or "no environment"]
        if columns := self.key_columns():
            said.append(f"key {', '.join(columns)}")
        if self.group:
            said.append(f"grouped by {', '.join(self.group)} in {self.window} rows")
        return ", ".join(said)

    def check_columns(self, verb: str, columns: tuple[str, ...]) -> None:
        """Raise if the table has no such column."""
        if self.source.columns is None:
            return
        for column in columns:
            if column not in self.source.columns:
                where = f"{verb}({brief(column)})"
                unknown = no_column(where, self.source.name, self.source.columns, column)
                raise ConfigurationError(str(unknown))

    def _check_files(self) -> None:
        """Raise if one file is to be read and written, or written twice."""
        files = {os.path.realpath(path): "read" for path in getattr(self.source, "paths", ())}
        written = {"rejects": self.rejects, "checkpoint": getattr(self.checkpoint, "path", None)}
        for name, path in written.items():
            if not isinstance(path, str):
                continue
            other = files.setdefault(os.path.realpath(path), name)
            if other != name:
                why = "the rows are in this file" if other == "read" else "the rejects go there"
                write = f"write with_{name}({path + '.' + name!r})"
                raise ConfigurationError(f"with_{name}({path!r}): {why}; {write}")

    def checked(self) -> Settings:
        """Return them; raise for what does not go together.

        That a key has no job is known once both have been said.
        """
        self._check_files()
        columns = self.key_columns()
        if columns and self.mapping is not None and not self.job_name():
            write = f"with_key({', '.join(map(repr, columns))}, job='policies 2026-11')"
            raise ConfigurationError(
                f"{write.split(', job')[0]}) has no job: it names what is sent once, however often "
                f"it is run, such as 'scores 2026-11-30' for a nightly upload; write {write}"
            )
        return self
