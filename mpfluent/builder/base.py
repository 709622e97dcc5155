"""What verbs stand on: a history of events with fields that can be set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from ..errors import InvalidValue, brief
from ..model.history import EventHistory
from ..values.codegen import Code, Ways, taken
from ..values.frozen import Frozen
from . import unused_warning
from .name_clashes import check_names, check_tables

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Piped:
    """What takes steps of one's own into a chain."""

    __slots__ = ()

    def pipe(
        self: T, function: Callable[Concatenate[T, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``function(self, …)``, so that your own steps read in order.

        >>> from mpfluent import Batch
        >>> def tagged(batch, tag):
        ...     return batch.with_user_attributes({tag: None})
        >>> Batch().pipe(tagged, "vip").user_attributes
        {'vip': None}
        """
        if not callable(function):
            raise InvalidValue(
                f"pipe({brief(function)}): want a function, got {type(function).__name__}; "
                "write pipe(function)"
            )
        return function(self, *args, **kwargs)


class Builder(EventHistory):
    """A history of events, and its verbs: what ``Batch`` and ``Session`` derive from."""

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        check_tables(cls)
        super().__init_subclass__(**kwargs)
        check_names(cls)
        unused_warning.register(cls)

    def _put(self, wire: str, value: Any) -> Self:
        """Return a value with one field set to a value that is not None.

        It does what ``_with`` does, for the usual case and at half its cost.
        """
        key = type(self), wire, self._state[0]
        way = _puts.get(key)
        if way is not None:
            changed: Self = way(self, value)
            return changed
        if _puts.comes_back(key) and is_plain(type(self)):
            code = derived("value")
            place(code, self, wire, "value")
            _puts[key] = code.function()
        return self._with({wire: value})


unused_warning.register(Builder)

_puts = Ways()  # by class, the field that is set, and the fields that there are

_set_state = Frozen.__dict__["_state"].__set__
_set_tail = EventHistory.__dict__["_tail"].__set__


def is_plain(cls: type[Builder]) -> bool:
    """Return whether no subclass has another idea of how values are derived."""
    return all(
        getattr(cls, name) is getattr(Builder, name) for name in ("_appended", "_derive", "_put")
    )


# What code is made of that derives a chain from another.


def derived(*arguments: str) -> Code:
    """Return the beginnings of such code, of a function of a chain and these arguments."""
    return Code("self", *arguments, set_state=_set_state, set_tail=_set_tail)


def append(code: Code, cls: type[Builder], event: str) -> None:
    """Write what returns a chain of this class with the event in a variable appended."""
    code.add(
        f"grown = new({code.named(cls)})",
        "set_state(grown, self._state)",
        f"set_tail(grown, (self._tail, {event}))",
        "return grown",
    )


def place(code: Code, chain: Builder, wire: str, value: str) -> None:
    """Write what returns a chain like this one with a field set to what is in a variable."""
    old = chain._state[0]
    fields = {f"old{place}": chain._wire[key] for place, key in enumerate(old) if key != wire}
    code.add(*taken(len(old), "self._state[1]", "old"))
    code.make("changed", type(chain), {**fields, value: chain._wire[wire]})
    code.add("set_tail(changed, self._tail)", "return changed")
