"""Checks of options: what a caller may say besides the data itself."""

from __future__ import annotations

import math
import sys
from typing import TypeGuard

from ..errors import InvalidValue, brief


def is_number(
    value: object, least: float = -math.inf, most: float = math.inf
) -> TypeGuard[int | float]:
    """Return whether a setting is a number within these bounds; a bool is none.

    Nor is an integer that no float can hold, since clocks count in floats.

    >>> is_number(1.5), is_number(-1, 0), is_number(True), is_number("1"), is_number(math.nan)
    (True, False, False, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        return False
    return least <= value <= most


def check_seconds(verb: str, timeout: object) -> None:
    """Raise unless a timeout is one.

    Raises:
        InvalidValue: it is neither a number of seconds, 0 or more, nor None.
    """
    if timeout is not None and not is_number(timeout, 0):
        raise InvalidValue(
            f"{verb}(timeout={brief(timeout)}): want seconds, or None for as long as it takes; "
            f"write {verb}(5.0)"
        )
