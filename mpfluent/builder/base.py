"""What verbs stand on: a history of events with fields that can be set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from ..errors import wrong_type
from ..model.history import EventHistory
from ..values.frozen import merged
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
            raise wrong_type("pipe", function, "a function", "pipe(function)")
        return function(self, *args, **kwargs)


class Builder(EventHistory):
    """A history of events, and its verbs: what ``Batch`` and ``Session`` derive from."""

    _summary: Callable[..., tuple[Any, ...]]  # what is shown: a line, the context, the events

    def __init_subclass__(cls, **kwargs: Any) -> None:
        check_tables(cls)
        super().__init_subclass__(**kwargs)
        check_names(cls)
        unused_warning.register(cls)

    def __repr__(self) -> str:
        from ..formatting.summary import readable  # rarely needed

        return readable(*self._summary())

    def _repr_html_(self) -> str:
        from ..formatting.html import table

        return table(*self._summary())

    def _put(self, wire: str, value: Any) -> Self:
        """Return a value with one field set to a value that is not None."""
        keys, values = self._state
        keys, pick = merged[type(self), keys, wire]
        return self._derive(keys, pick((*values, value)))


unused_warning.register(Builder)
