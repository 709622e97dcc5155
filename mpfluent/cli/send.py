"""``mpfluent send`` and ``mpfluent check``: tables, or batches, to mParticle."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from .progress import shown
from .run import client_of, run
from .source import rows_of

if TYPE_CHECKING:
    from ..rows import Rows, RowsReport


def send(options: argparse.Namespace) -> int:
    """Send rows, and return the exit status.

    Args:
        options: of the command line.
    """
    if options.dry_run:
        return check(options)
    return run(options, lambda: _sent(options), _again(options))


def _sent(options: argparse.Namespace) -> RowsReport:
    with client_of(options, environment=options.environment) as client:  # the keys come first
        rows = _kept(_chosen(options), options)
        total = None if options.quiet else rows.count()
        with shown(total, quiet=options.quiet) as progress:
            return client.send_all(rows, progress=progress)


def check(options: argparse.Namespace) -> int:
    """Check rows, and return the exit status.

    Args:
        options: of the command line.
    """

    def checked() -> RowsReport:
        from ..client.config import environment_of

        environment = environment_of(options.environment)
        return _chosen(options).check(
            environment=environment,
            historical=options.historical,
            rate_limit=options.rate_limit,
        )

    return run(options, checked, "interrupted")


def _chosen(options: argparse.Namespace) -> Rows:
    """Return the rows that the options name, in groups, and not more than wanted."""
    rows = rows_of(options)
    if options.grouped_by:
        rows = rows.grouped_by(*options.grouped_by)
    return rows if options.limit is None else rows.first(options.limit)


def _kept(rows: Rows, options: argparse.Namespace) -> Rows:
    """Return rows with what a run leaves behind: rejects, and a checkpoint."""
    if options.rejects is not None:
        rows = rows.with_rejects(options.rejects, stop_after=options.stop_after)
    elif options.stop_after is not None:
        raise ConfigurationError(
            f"--stop-after {options.stop_after}: it needs a place for the rejects; "
            "write --rejects rejects.jsonl"
        )
    return rows if options.checkpoint is None else rows.with_checkpoint(options.checkpoint)


def _again(options: argparse.Namespace) -> str:
    """Return what to say after Ctrl-C."""
    if options.checkpoint is not None:
        path = shlex.quote(options.checkpoint)
        return f"interrupted; write the same line again to go on from {path}"
    return "interrupted; without --checkpoint, the next run begins at the first row"
