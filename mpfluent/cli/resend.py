"""``mpfluent resend``: what was rejected or failed, once more."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from .progress import shown
from .run import client_of, run, say
from .source import with_meaning
from .words import counted

if TYPE_CHECKING:
    from ..rows import RowsReport


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
        beside = f"{path}.{os.getpid()}.new"
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
                os.replace(beside, path)
        finally:
            with suppress(FileNotFoundError):  # it was renamed
                os.unlink(beside)
    return report


def _state_of(path: str) -> tuple[int, int]:
    """Return what changes when somebody writes into a file, such as a run that rejects more."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def _check_sendable(options: argparse.Namespace) -> None:
    """Raise unless it is a file, and there is a mapping for rows that came to no batch."""
    from ..rows.rejects import read_rejects

    if os.path.exists(options.file) and not os.path.isfile(options.file):
        raise ConfigurationError(
            f"{options.file}: want a file, in which stays what is rejected again; "
            "write --rejects rejects.jsonl in mpfluent send"
        )
    bare = sum(reject.batch is None for reject in read_rejects(options.file))
    if bare and options.map is None:
        raise ConfigurationError(
            f"{options.file}: {counted(bare, 'row')} came to no batch, so they are mapped again; "
            "write --map policies.toml"
        )
