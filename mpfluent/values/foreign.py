"""What a foreign value stands for: proxies, NumPy's scalars, integers of other libraries.

A proxy says that its class is that of what it stands for, and a mock with a ``spec`` says so, too.
``isinstance`` believes them. Here only the type of a value counts: it is what decides how the value
is written.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import InvalidValue, brief
from .check_failed import CheckFailed

T = TypeVar("T")


def is_a(value: object, kinds: type | tuple[type, ...]) -> bool:
    """Return whether a value really is of these classes, whatever it says itself."""
    return issubclass(type(value), kinds)


def looked_at(check: Callable[[Any], T], value: Any, *, time: bool = False) -> T:
    """Return what a check makes of what a foreign value stands for.

    Whatever the value does when it is looked at becomes a complaint, for the check's caller knows
    the name of the field.

    Args:
        time: whether the complaint is about a moment.
    """
    try:
        return check(own(value))
    except CheckFailed:
        raise
    except Exception as error:  # any code may run in there
        raise CheckFailed(raised(error), time=time, cause=error) from None


def itself(where: str, value: Any, kinds: type | tuple[type, ...], name: str = "") -> Any:
    """Return a value of these classes, or what it stands for, of whatever class that is.

    Raises:
        InvalidValue: it raised when it was looked at; ``where`` names the verb, and ``name`` the
            argument.
    """
    kind = type(value)
    if kind in _PLAIN or issubclass(kind, kinds):
        return value
    try:
        return own(value)
    except Exception as error:  # any code may run in there
        label = f"{name}=" if name else ""
        invalid = InvalidValue(f"{where}({label}{brief(value)}): {raised(error)}")
        invalid.field = name or None
        raise invalid from error


def raised(error: Exception) -> str:
    """Return what is said of a value that raised."""
    return f"raised {type(error).__name__} when it was looked at"


def own(value: Any) -> Any:
    """Return what a value stands for: a proxy's target, and a plain scalar for one of NumPy's.

    All else is returned as it is, also a proxy of an unknown kind.
    """
    for _ in range(_MOST_PROXIES):
        kind = type(value)
        if value.__class__ is kind:
            break
        name = next((name for name in _TARGETS if hasattr(kind, name)), None)
        if name is None:
            break
        value = getattr(value, name)
        if name == _CALLED:
            value = value()
    return _plain_scalar(value) if _is_scalar(value) else value


_MOST_PROXIES = 8  # one in another; and one may stand for itself
_CALLED = "_get_current_object"
# What proxies call what they stand for: Werkzeug's and Celery's, wrapt's and lazy-object-proxy's,
# Django's. The first have a __wrapped__ too, which is not it.
_TARGETS = (_CALLED, "__wrapped__", "_wrapped")


def _is_scalar(value: Any) -> bool:
    """Return whether a value is a scalar of NumPy's, or of a library that does as NumPy does."""
    kind = type(value)
    return hasattr(kind, "dtype") and hasattr(kind, "item") and getattr(value, "ndim", None) == 0


def _plain_scalar(value: Any) -> Any:
    """Return the plain number, boolean or text of a NumPy scalar; a time stays as it is."""
    if time_unit(value):
        return value  # as a plain integer, it would be nanoseconds or days
    found = value.item()
    if type(found) is type(value):  # longer than any of Python's own
        found = float(value)
        return found if found == value or found != found else value  # NaN equals nothing
    return found if type(found) in _PLAIN else value


_PLAIN = frozenset((bool, int, float, str, type(None)))


def time_unit(value: Any) -> str | None:
    """Return "M" for a moment of NumPy's, "m" for a length of time, and None for all else."""
    kind = getattr(value.dtype, "kind", None) if hasattr(type(value), "dtype") else None
    return kind if kind in ("m", "M") else None


def is_missing(value: Any) -> bool:
    """Return whether a value stands for one that is not there: NaT, or NA of pandas."""
    if type(value).__name__ in ("NaTType", "NAType"):
        return True
    return time_unit(value) is not None and str(value) == "NaT"


def index(value: Any) -> int | None:
    """Return the integer that an integer of another library stands for; None for all else.

    An array has the method, but is no integer; so has a mock, and a proxy that could stand for a
    boolean.
    """
    kind = type(value)
    if kind is bool or not hasattr(kind, "__index__") or value.__class__ is not kind:
        return None
    if any(base.__name__ == "NonCallableMock" for base in kind.__mro__):
        return None
    try:
        return int(operator.index(value))
    except TypeError:
        return None
