"""``mpfluent resend``: what was rejected or failed, once more."""

from __future__ import annotations

import argparse
import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, InvalidBatch
from ..utils.files import close_alone, open_alone
from .progress import shown
from .run import client_of, run
from .source import with_meaning
from .terminal import say
from .words import counted

if TYPE_CHECKING:
    from ..rows import RowsReport
    from ..rows.rejects import Reject


def resend(options: argparse.Namespace) -> int:
    """Send what is in a rejects file, and return the exit status.

    Args:
        options: of the command line.
    """
    again = f"interrupted; {options.file} is as it was, write the same line again"
    return run(options, lambda: _resent(options), again)


def _resent(options: argparse.Namespace) -> RowsReport:
    """Send them, and leave in the file what was rejected or failed again."""
    from ..rows import Rows
    from ..rows.rejects import read_rejects

    with client_of(options, environment=options.environment) as client:
        _check_sendable(options)
        path = os.path.realpath(options.file)  # what a link leads to is replaced, not the link
        beside, whole = (f"{path}.{os.getpid()}.{end}" for end in ("again", "new"))
        _remove_left(path)
        before = _state_of(path)
        rejected = Rows.from_rejects(options.file, tz=options.tz)
        rows = with_meaning(rejected, options).with_rejects(beside)
        try:
            total = None if options.quiet else rows.count()
            with shown(total, quiet=options.quiet) as progress:
                report = client.send_all(rows, progress=progress)
            unsent = report.failed + report.rejected - sum(1 for _ in read_rejects(beside))
            if _state_of(path) != before:
                say(options.command, f"{options.file} changed meanwhile, and so was left alone")
            elif unsent > 0:  # such as by a client that is off
                what = counted(unsent, "row was", "rows were")
                say(options.command, f"{options.file} is as it was: {what} not sent")
            else:
                _with_rows(path, beside, whole)
                os.replace(whole, path)
        finally:
            for name in (beside, whole):
                with suppress(FileNotFoundError):  # one was renamed
                    os.unlink(name)
    return report


def _with_rows(path: str, beside: str, whole: str) -> None:
    """Write what was rejected again, and each row of a sealed batch that failed again.

    The batch has not the cells of its rows, which the file before has.

    Args:
        path: of the rejects file before.
        beside: of the one that the run wrote.
        whole: of the one to write.
    """
    from ..rows.rejects import RejectsFile, read_rejects

    again: dict[Any, tuple[str, str]] = {}  # the reason and the text of each sealed batch
    file = RejectsFile(whole)
    try:
        for reject in read_rejects(beside):
            if reject.batch is None or reject.row:
                file.write([reject])
            else:
                text = reject.text.removeprefix(f"{reject.file}:{reject.line}: ")
                again[_id_of(reject)] = reject.reason, text
        for reject in read_rejects(path):
            if reject.batch is not None and _id_of(reject) in again:
                reason, text = again[_id_of(reject)]
                text = f"{reject.file}:{reject.line}: {text}"
                file.write([reject._replace(reason=reason, text=text)])
        file.sync()
    finally:
        file.close()


def _remove_left(path: str) -> None:
    """Remove what an earlier command left beside a rejects file, if a kill has ended it."""
    folder, name = os.path.split(path)
    is_left = re.compile(rf"{re.escape(name)}\.\d+\.(again|new)").fullmatch
    for left in [os.path.join(folder, found) for found in os.listdir(folder) if is_left(found)]:
        with suppress(OSError):  # what cannot be removed harms nobody
            if not stat.S_ISREG(os.lstat(left).st_mode):
                continue
            file = open_alone(left)
            if file is not None:  # or its command still runs
                os.unlink(left)
                close_alone(file)


def _id_of(reject: Reject) -> Any:
    return reject.batch and reject.batch.get("source_request_id")


def _state_of(path: str) -> tuple[int, int]:
    """Return what changes when somebody writes into a file, such as a run that rejects more."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def _check_sendable(options: argparse.Namespace) -> None:
    """Raise unless it is a file of readable batches, and has a mapping for rows without one."""
    from ..builder.batch import Batch
    from ..rows.rejects import read_rejects

    if os.path.exists(options.file) and not os.path.isfile(options.file):
        raise ConfigurationError(
            f"{options.file}: want a file, in which stays what is rejected again; "
            "write --rejects rejects.jsonl in mpfluent send"
        )
    bare = 0
    for reject in read_rejects(options.file):
        if reject.batch is None:
            bare += bool(reject.row)
            continue
        try:
            Batch.from_dict(reject.batch)
        except InvalidBatch as error:  # which would be rejected, and leave the file for good
            raise ConfigurationError(
                f"{options.file}: the batch of {reject.file}:{reject.line} cannot be read: {error}"
            ) from None
    if bare and options.map is None:
        raise ConfigurationError(
            f"{options.file}: {counted(bare, 'row')} came to no batch, so they are mapped again; "
            "write --map policies.toml"
        )
