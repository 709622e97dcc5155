"""What a terminal can show, whether rich is there to show it, and lines on standard error."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TextIO


def is_lively(stream: TextIO) -> bool:
    """Return whether a bar can move on a stream, and a table have lines: a terminal, and rich.

    Args:
        stream: standard output, or standard error.
    """
    try:
        is_terminal = stream.isatty()
    except ValueError:  # it is closed
        return False
    return is_terminal and os.environ.get("TERM") != "dumb" and find_spec("rich") is not None


def say(command: str | None, message: str) -> None:
    """Print a line on standard error.

    Args:
        command: that says it; None where none was reached.
        message: the line.
    """
    sys.stderr.write(f"mpfluent{f' {command}' if command else ''}: {message}\n")
