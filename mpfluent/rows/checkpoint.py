"""How far a run came: everything before that place is settled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from ..errors import ConfigurationError, brief
from ..utils.files import replace_file


class Position(NamedTuple):
    """How far everything before is settled.

    Attributes:
        rows: so many rows from the table's beginning.
        table: the fingerprint of the table: rows of another one must not be skipped.
        job: the job and its environment, and what else the ids are made of: the columns of the key
            and of the groups.
        rejects: the bytes of the rejects file when the job began: what stands before is of others.
    """

    rows: int
    table: str
    job: str
    rejects: int = 0


class Checkpoint(Protocol):
    """What keeps a position between two runs: a file, or the commit of an offset."""

    def load(self) -> Position | None:
        """Return what was saved last; None where a run has to begin."""

    def save(self, position: Position) -> None:
        """Keep a position."""


class CheckpointFile:
    """A position in a file of its own. It is written beside, and renamed, so that it is whole.

    Args:
        path: of the file; it is made with mode 0600.

    >>> import tempfile
    >>> file = CheckpointFile(os.path.join(tempfile.mkdtemp(), "policies.checkpoint"))
    >>> file.load()
    >>> file.save(Position(200, "sha256:1f", "policies 2026-11"))
    >>> file.load().rows
    200
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    def load(self) -> Position | None:
        """Return what was saved last; None if there is no file.

        Raises:
            ConfigurationError: the file is no checkpoint, or cannot be read.
        """
        try:
            with open(self.path, encoding="utf-8") as file:
                return _position(**json.load(file))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(
                f"with_checkpoint({self.path!r}): cannot be read: {error.strerror}"
            ) from None
        except (ValueError, TypeError, RecursionError):
            raise ConfigurationError(
                f"with_checkpoint({self.path!r}): the file is no checkpoint of mpfluent; "
                "write another path, or delete the file to begin at the first row"
            ) from None

    def save(self, position: Position) -> None:
        """Keep a position.

        Raises:
            ConfigurationError: it cannot be written; the one before stays.
        """
        try:
            replace_file(self.path, [json.dumps(position._asdict())])
        except OSError as error:
            raise ConfigurationError(
                f"with_checkpoint({self.path!r}): cannot be written: {error.strerror}; "
                "nothing more was sent; the next run begins at the checkpoint before"
            ) from None


def loaded(checkpoint: Checkpoint) -> Position | None:
    """Return what a checkpoint has; one of the user's may give it back as a list or a dict.

    Raises:
        ConfigurationError: it is no position.
    """
    found: Any = checkpoint.load()
    if found is None:
        return None
    try:
        return _position(**found) if isinstance(found, Mapping) else _position(*found)
    except TypeError:
        raise ConfigurationError(
            f"with_checkpoint(…): load() returned {brief(found)}: want what save(position) got "
            "last, or None to begin at the first row"
        ) from None


def _position(rows: Any, table: Any, job: Any, rejects: Any) -> Position:
    if any(type(one) is not int or one < 0 for one in (rows, rejects)):
        raise TypeError
    if any(type(one) is not str for one in (table, job)):
        raise TypeError
    return Position(rows, table, job, rejects)


def check_fits(position: Position, table: str, job: str, path: str) -> None:
    """Raise if a checkpoint is of another job or another table.

    Args:
        position: what was loaded.
        table: the fingerprint of the table now.
        job: those of the job now.
        path: what the error names.
    """
    where = f"with_checkpoint({brief(path, 400)})"
    if position.job != job:
        raise ConfigurationError(
            f"{where}: it is of the job {brief(position.job, 400)}, and this is "
            f"{brief(job, 400)}; "
            "write another path for each job, or delete the file"
        )
    if position.table != table:
        raise ConfigurationError(
            f"{where}: it is of a table with other content; "
            "write another path, or delete the file to begin at the first row"
        )
