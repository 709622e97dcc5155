"""A complaint about a value, before it is known where the value was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import InvalidTime, InvalidValue, brief

T = TypeVar("T")


class CheckFailed(Exception):
    """A value that does not fit, not yet told where it was written.

    ``why`` says what is allowed and ``write`` is the expression to write instead; ``key`` and
    ``value`` narrow it down to one entry of a mapping or list; ``cause`` is what the value itself
    raised.
    """

    def __init__(
        self,
        why: str,
        write: str | None = None,
        *,
        time: bool = False,
        cause: Exception | None = None,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.write = write
        self.time = time
        self.cause = cause
        self.path = ""
        self.value: Any = None

    def inside(self, key: object, value: object) -> CheckFailed:
        """Return the same complaint, about the entry ``key`` of the value that was checked."""
        if not self.path:
            self.value = value
        self.path = f"[{brief(key)}]{self.path}"
        return self

    def at(self, where: str, name: str, value: object) -> InvalidValue | InvalidTime:
        """Return the error to raise: ``where(name=value): why; write name=…``."""
        label = f"{name}{self.path}"
        shown = brief(self.value if self.path else value)
        if self.time:
            text = f"{label}={shown} {self.why}"
            if self.write:
                text += f": write {name}={self.write}"
            error: InvalidValue | InvalidTime = InvalidTime(text)
        else:
            text = f"{where}({label}={shown}): {self.why}"
            if self.write:
                text += f"; write {name}={self.write}" if not self.path else f"; write {self.write}"
            error = InvalidValue(text)
        error.field = name
        return error


def checked_as(check: Callable[[Any], T], where: str, name: str, value: Any) -> T:
    """Return what a check makes of an argument; a complaint calls it by its name."""
    try:
        return check(value)
    except CheckFailed as bad:
        raise bad.at(where, name, value) from bad.cause
