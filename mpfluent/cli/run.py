"""Runs a command that sends or checks rows, and says what came of it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from sysconfig import get_path
from typing import TYPE_CHECKING, Any

from ..errors import MPFluentError
from . import report_file
from .shell_words import in_a_shell
from .statuses import DELIVERED, FAILED, MISTAKE, status_of
from .tables import show, summary_of
from .terminal import say
from .trouble import Trouble

if TYPE_CHECKING:
    from ..client.client import Client
    from ..rows import RowsReport


def run(options: argparse.Namespace, work: Callable[[], RowsReport], again: str) -> int:
    """Do the work of a command, print its report, and return the exit status.

    Args:
        options: of the command.
        work: what sends, or checks.
        again: what to say after Ctrl-C.
    """
    report: RowsReport | None = None
    said: str | None = None
    if options.report is not None:  # what cannot be written ends the command here
        report_file.begin(options.report, options.command)
    try:
        report = work()
        status = DELIVERED if report else FAILED
    except (KeyboardInterrupt, MPFluentError, OSError) as error:
        report = getattr(error, "report", None)
        status = status_of(error)
        said = again if isinstance(error, KeyboardInterrupt) else message_of(error)
    except SystemExit as error:  # of the user's code: its 0 must not pass for success
        report, code = getattr(error, "report", None), error.code
        status = code if isinstance(code, int) and code else MISTAKE
        said = f"ended by sys.exit({'' if code is None else repr(code)})"
        if not code:
            said += "; write return None to skip a row"
    # of a mistake that ended it before the first row, a table of zeros would say nothing
    if report is not None and (status != MISTAKE or report.rows or report.batches):
        if not options.quiet:
            show(report)
            sys.stdout.flush()
        elif not report and said is None:
            say(options.command, summary_of(report))
    if options.report is not None:
        try:
            report_file.write(options.report, options.command, status, report, said)
        except OSError as error:
            say(options.command, message_of(error))
            status = status or FAILED
    if said is not None:
        say(options.command, said)
    return status


def client_of(options: argparse.Namespace, **settings: Any) -> Client:
    """Return a client with the keys of the environment and the settings of a command line.

    It says on standard error why nothing arrives.

    Args:
        options: of the command.
        **settings: further ones.

    Raises:
        ConfigurationError: a key is missing, or a setting is none.
    """
    from ..client.client import Client

    if options.pod is not None:
        settings["pod"] = options.pod
    client = Client(
        host=options.host,
        rate_limit=options.rate_limit,
        historical=options.historical,
        **settings,
    )
    client._counters.observers.others += (Trouble(options.command),)
    return client


def message_of(error: BaseException) -> str:
    """Return what is said of an error of ours, or of the operating system's."""
    if isinstance(error, OSError) and not isinstance(error, MPFluentError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    return in_a_shell(str(error)) + _place_in_code(error.__cause__)


def _place_in_code(cause: BaseException | None) -> str:
    """Return where a function of the user's raised, if one did."""
    # Python's own code, what is installed, and ours
    folders = (*map(get_path, ("stdlib", "purelib", "platlib")), os.path.dirname(__file__) + "/..")
    libraries = tuple(os.path.join(os.path.realpath(folder), "") for folder in folders)
    entry = cause.__traceback__ if cause is not None else None
    found = ""
    while entry is not None:
        file = entry.tb_frame.f_code.co_filename
        if os.path.isfile(file) and not os.path.realpath(file).startswith(libraries):
            found = f" ({os.path.basename(file)}, line {entry.tb_lineno})"
        entry = entry.tb_next
    return found
