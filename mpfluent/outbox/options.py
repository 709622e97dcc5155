"""Checks of an outbox's options: its path, and its numbers."""

from __future__ import annotations

import os
import sys
from typing import Literal, get_args

from ..errors import ConfigurationError, brief, closest
from ..utils.options import integer_between, number_between

Durability = Literal["normal", "full"]


def refused(given: str, why: str) -> ConfigurationError:
    """Return the error for an argument of an outbox, as it was written."""
    return ConfigurationError(f"Outbox({given}): {why}")


def checked_path(path: object) -> str:
    """Return the absolute path.

    Raises:
        ConfigurationError: it is no path, leads to a folder, or its folder does not exist.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        kind = type(path).__name__
        raise refused(brief(path), f"want a path, got {kind}; write Outbox('outbox.db')")
    if text in ("", ":memory:") or "\0" in text:
        why = "want a file, for the outbox outlives the process; write Outbox('outbox.db')"
        raise refused(brief(text, 400), why)
    absolute = os.path.abspath(text)
    folder = os.path.dirname(absolute)
    if os.path.isdir(absolute):
        why = (
            f"want a file, and this is a folder; write Outbox({os.path.join(text, 'outbox.db')!r})"
        )
        raise refused(brief(text, 400), why)
    if not os.path.isdir(folder):
        line = f"os.makedirs({folder!r}, exist_ok=True)"
        raise refused(brief(text, 400), f"there is no folder {folder!r}; write {line} before it")
    return absolute


def check_durability(durability: object) -> None:
    """Raise unless a durability is one of the two.

    Raises:
        ConfigurationError: it is not.
    """
    if durability not in get_args(Durability):
        meant = closest(durability, get_args(Durability)) or "normal"
        why = f"want 'normal' or 'full'; write durability={meant!r}"
        raise refused(f"durability={brief(durability)}", why)


def checked_bytes(max_bytes: object) -> int:
    """Return a number of bytes.

    Raises:
        ConfigurationError: it is no integer, or below 1.
    """
    number = integer_between(max_bytes, 1)
    if number is None:
        why = "want an integer, 1 or more; write max_bytes=256 * 2**20"
        raise refused(f"max_bytes={brief(max_bytes)}", why)
    return number


def checked_seconds(name: str, value: object, example: str) -> float:
    """Return positive seconds.

    Raises:
        ConfigurationError: they are not; it says to write the example.
    """
    seconds = number_between(value, 0, sys.float_info.max)
    if not seconds:  # 0 is refused, too
        raise refused(f"{name}={brief(value)}", f"want positive seconds; write {name}={example}")
    return seconds
