"""``mpfluent outbox``: what waits in the file of an Outbox; show it, or print it."""

from __future__ import annotations

import argparse
import io
import sys

from ..outbox.waiting import batches_of, what_waits
from .outbox_table import show
from .statuses import DELIVERED, FAILED
from .terminal import say
from .words import counted


def outbox(options: argparse.Namespace) -> int:
    """Show, print or send what waits in a file, and return the exit status.

    Args:
        options: of the command line.
    """
    if options.export:
        return _export(options)
    if options.drain:
        from .drain import drain  # with it comes the client

        return drain(options)
    groups = what_waits(options.file)
    if not options.quiet:
        show(options.file, groups)
    return FAILED if any(group.state == "damaged" for group in groups) else DELIVERED


def _export(options: argparse.Namespace) -> int:
    """Print what waits, as JSON lines, and return the exit status."""
    damaged = 0
    if isinstance(sys.stdout, io.TextIOWrapper):  # a test may have replaced it by a StringIO
        sys.stdout.reconfigure(encoding="utf-8")  # as JSON is
    for parts in batches_of(options.file):
        if parts is None:
            damaged += 1
        for part in parts or ():
            sys.stdout.write(f"{part.body.decode()}\n")
    if damaged:
        say(options.command, f"{counted(damaged, 'batch', 'batches')} could not be read: damaged")
    return FAILED if damaged else DELIVERED
