"""What a terminal can show, and whether rich is there to show it."""

from __future__ import annotations

import os
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
