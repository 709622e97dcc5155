"""Checks of settings: numbers and timeouts, which may come from another library."""

from __future__ import annotations

import math
import numbers
import operator
import sys
from contextlib import suppress

from ..errors import InvalidValue, brief


def number_between(
    value: object, least: float = -math.inf, most: float = math.inf
) -> int | float | None:
    """Return a setting as Python's own number, or None if it is no number within these bounds.

    A number of another library is a number, such as one of NumPy's. A bool is none. An integer that
    no float can hold is none either, since clocks count in floats.

    >>> number_between(1.5), number_between(-1, 0), number_between(True), number_between("1")
    (1.5, None, None, None)
    >>> from fractions import Fraction
    >>> number_between(Fraction(1, 2)), number_between(math.nan), number_between(10**400)
    (0.5, None, None)
    """
    found = _own_number(value)
    if found is None or (isinstance(found, int) and abs(found) > sys.float_info.max):
        return None
    return found if least <= found <= most else None


def integer_between(value: object, least: int, most: float = sys.float_info.max) -> int | None:
    """Return a setting as Python's own integer, or None if it is no integer within these bounds.

    >>> integer_between(3, 1), integer_between(0, 1), integer_between(3.0, 1)
    (3, None, None)
    """
    found = number_between(value, least, most)
    return found if isinstance(found, int) else None


def _own_number(value: object) -> int | float | None:
    """Return the number of Python's own that another library's number stands for.

    Only the type of the value counts: a mock or a proxy says that its class is another one.
    """
    kind = type(value)
    if kind is bool:
        return None
    if kind is int or kind is float:
        return value  # type: ignore[return-value]
    with suppress(Exception):  # the methods of another library's class may raise anything
        if issubclass(kind, numbers.Integral):
            return operator.index(value)  # type: ignore[arg-type]
        if issubclass(kind, numbers.Real):
            return float(value)  # type: ignore[arg-type]
    return None


def checked_timeout(verb: str, timeout: object) -> float | None:
    """Return a timeout as Python's own number of seconds, or None for as long as it takes.

    Raises:
        InvalidValue: it is neither a number of seconds, 0 or more, nor None.
    """
    seconds = number_between(timeout, 0, math.inf)
    if timeout is not None and seconds is None:
        raise InvalidValue(
            f"{verb}(timeout={brief(timeout)}): want seconds, or None for as long as it takes; "
            f"write {verb}(5.0)"
        )
    return seconds
