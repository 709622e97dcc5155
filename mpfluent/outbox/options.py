"""Checks of an outbox's options: its path, and its numbers."""

from __future__ import annotations

import os
import sys
from typing import Literal, get_args

from ..errors import ConfigurationError, brief, closest
from ..utils.options import integer_between, number_between

Durability = Literal["normal", "full"]


def checked_path(path: object) -> str:
    """Return the absolute path.

    Raises:
        ConfigurationError: it is no path, leads to a folder, or its folder does not exist.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        raise ConfigurationError(
            f"Outbox({brief(path)}): want a path, got {type(path).__name__}; "
            "write Outbox('outbox.db')"
        )
    if text in ("", ":memory:") or "\0" in text:
        raise ConfigurationError(
            f"Outbox({brief(text)}): want a file, for the outbox outlives the process; "
            "write Outbox('outbox.db')"
        )
    absolute = os.path.abspath(text)
    folder = os.path.dirname(absolute)
    if os.path.isdir(absolute):
        inside = os.path.join(text, "outbox.db")
        raise ConfigurationError(
            f"Outbox({brief(text)}): want a file, and this is a folder; write Outbox({inside!r})"
        )
    if not os.path.isdir(folder):
        raise ConfigurationError(
            f"Outbox({brief(text)}): there is no folder {folder!r}; "
            f"write os.makedirs({folder!r}, exist_ok=True) before it"
        )
    return absolute


def check_durability(durability: object) -> None:
    """Raise unless a durability is one of the two.

    Raises:
        ConfigurationError: it is not.
    """
    if durability not in get_args(Durability):
        meant = closest(durability, get_args(Durability)) or "normal"
        raise ConfigurationError(
            f"Outbox(durability={brief(durability)}): want 'normal' or 'full'; "
            f"write durability={meant!r}"
        )


def checked_bytes(max_bytes: object) -> int:
    """Return a number of bytes.

    Raises:
        ConfigurationError: it is no integer, or below 1.
    """
    number = integer_between(max_bytes, 1)
    if number is None:
        raise ConfigurationError(
            f"Outbox(max_bytes={brief(max_bytes)}): want an integer, 1 or more; "
            "write max_bytes=256 * 2**20"
        )
    return number


def checked_seconds(name: str, value: object, example: str) -> float:
    """Return positive seconds.

    Raises:
        ConfigurationError: they are not; it says to write the example.
    """
    seconds = number_between(value, 0, sys.float_info.max)
    if not seconds:  # 0 is refused, too
        raise ConfigurationError(
            f"Outbox({name}={brief(value)}): want positive seconds; write {name}={example}"
        )
    return seconds
