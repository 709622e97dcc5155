"""The command ``mpfluent``: parses what was written, and does it."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from ..errors import MPFluentError
from .log_lines import log_lines
from .parser import parser
from .statuses import FAILED, INTERRUPTED, status_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Args:
        arguments: those of the command line, unless others are given.

    Raises:
        SystemExit: the arguments are wrong, or ask for help.

    >>> main(["code", "no-such-file.json"])
    1
    """
    command = None
    for name in ("stdout", "stderr"):  # None, if a shell closed it
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):  # where it cannot write a letter, it escapes it
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options = parser().parse_args(arguments)
        command = options.command
        with log_lines(command):
            status = _run(options)
        sys.stdout.flush()  # here, where what goes wrong can be told
        return status
    except BrokenPipeError:  # nobody reads on, as after ``| head``
        # Python flushes once more when it exits, and must find a place for what is left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (KeyboardInterrupt, MPFluentError, OSError) as error:
        from .run import message_of
        from .terminal import say

        status = status_of(error)
        say(command, "interrupted" if status == INTERRUPTED else message_of(error))
        return status


def _run(options: argparse.Namespace) -> int:
    """Do what a command says; what it needs loads with it."""
    if options.command == "code":
        from .code import run

        return run(options)
    if options.command == "outbox":
        from .outbox import outbox

        return outbox(options)
    if options.command == "resend":
        from .resend import resend

        return resend(options)
    if options.command == "serve":
        from .serve import serve

        return serve(options)
    if options.command.startswith("plan "):
        from .plan import plan

        return plan(options)
    from .send import check, send

    return send(options) if options.command == "send" else check(options)
