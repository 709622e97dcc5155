"""How far a run came: everything before that place is settled."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from ..errors import ConfigurationError, brief
from ..utils.files import replace_file

_LONGEST = 1 << 24  # letters; a longer file is no checkpoint


class Position(NamedTuple):
    """How far everything before is settled.

    Attributes:
        rows: so many rows from the table's beginning.
        table: the fingerprint of the table: rows of another one must not be skipped.
        job: what the ids follow from but the rows: the job, its environment, the key and so on.
        rejects: the bytes of the rejects file when the job began: what stands before is of others.
        api_key: the fingerprint of the client's API key, never the key: another workspace has not
            got the rows.
        unlisted: rows before that failed or were rejected, and are in no rejects file.
        listed: those that are in one, or were there.
    """

    rows: int
    table: str
    job: str
    rejects: int = 0
    api_key: str = ""
    unlisted: int = 0
    listed: int = 0


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
            kind = stat.S_IFMT(os.stat(self.path).st_mode)
            if kind not in (stat.S_IFREG, stat.S_IFDIR):  # a folder says itself what it is
                raise ValueError  # a device or a pipe may give bytes without an end, or none
            with open(self.path, encoding="utf-8") as file:
                return _position(**json.loads(file.read(_LONGEST)))
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


def _position(
    rows: Any, table: Any, job: Any, rejects: Any, api_key: Any, unlisted: Any = 0, listed: Any = 0
) -> Position:
    if any(type(one) is not int or one < 0 for one in (rows, rejects, unlisted, listed)):
        raise TypeError
    if any(type(one) is not str for one in (table, job, api_key)):
        raise TypeError
    return Position(rows, table, job, rejects, api_key, unlisted, listed)


def check_fits(position: Position, here: Position, path: str) -> None:
    """Raise if a checkpoint is of another job, another table or another API key.

    Args:
        position: what was loaded.
        here: the first row of the table now.
        path: what the error names.
    """
    where = f"with_checkpoint({brief(path, 400)})"
    if position.job != here.job:
        raise ConfigurationError(
            f"{where}: it is of the job {brief(position.job, 400)}, and this is "
            f"{brief(here.job, 400)}; write another path for each job, or delete the file"
        )
    if position.table != here.table:
        raise ConfigurationError(
            f"{where}: it is of a table with other content; "
            "write another path, or delete the file to begin at the first row"
        )
    # a key that was refused has settled no row
    if position.rows and position.api_key != here.api_key:
        raise ConfigurationError(
            f"{where}: it is of another API key; "
            "write another path for each, or delete the file to begin at the first row"
        )
