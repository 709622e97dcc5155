"""Values that grow by one event at a time: the common part of ``Batch`` and ``Session``.

The events are a linked list, newest first, so that each step costs the same however many there
are, and every derived value shares the history of the one that it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from ..errors import Immutable, InvalidValue, brief
from ..model.event import Event
from ..values.codegen import Code, Ways, taken
from ..values.fields import Field
from ..values.frozen import Frozen
from ..values.frozen_map import content
from . import unused_warning
from .name_clashes import check_names, check_tables

_Node = tuple[Any, Event]  # the node before (or None), and the event
E = TypeVar("E", bound=Event)
C = TypeVar("C", bound="Chain")
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


# What people call on a list, and events are one to them.
_LIST_METHODS = frozenset(
    ("append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse")
)


class Events(tuple[Event, ...]):
    """The events of a batch or session: a tuple that says how to add to it."""

    __slots__ = ()
    _of = "batch"

    def of(self, kind: type[E], /) -> tuple[E, ...]:
        """Return the events of one class, in order; type checkers know that class, too.

        Args:
            kind: such as ``CommerceEvent``.

        >>> from mpfluent import Batch, ScreenViewEvent
        >>> batch = Batch().screen_view("Home").event("Searched").screen_view("Found")
        >>> [seen.screen_name for seen in batch.events.of(ScreenViewEvent)]
        ['Home', 'Found']
        """
        given: Any = kind
        if not (isinstance(given, type) and issubclass(given, Event)):
            name = given.event_type if isinstance(given, Event) else given
            meant = Event._by_type.get(name) if isinstance(name, str) else None
            raise InvalidValue(
                f"of({brief(given)}): want a class of events, got {type(given).__name__}; "
                f"write of({'CommerceEvent' if meant is None else meant.__name__})"
            )
        return tuple(event for event in self if isinstance(event, kind))

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)

    # Hidden from type checkers, which know that a tuple has none of these.
    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name in _LIST_METHODS:
                raise self._immutable()
            raise AttributeError(f"events are a tuple and have no {name!r}")

        def __setitem__(self, place, event):
            raise self._immutable()

        def __delitem__(self, place):
            raise self._immutable()

        def __iadd__(self, other):
            if not isinstance(other, tuple):
                raise self._immutable()
            return (*self, *other)

        def _immutable(self):
            return Immutable(f"events are immutable; write {self._of} = {self._of}.add(event)")


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


class Chain(Frozen):
    """A frozen value with a history of events."""

    __slots__ = ("_tail",)
    _tail: _Node | None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        check_tables(cls)
        super().__init_subclass__(**kwargs)
        check_names(cls)
        unused_warning.created(cls)

    @classmethod
    def _make(cls, keys: tuple[str, ...], values: tuple[Any, ...]) -> Self:
        return _chain(cls, keys, values, None)

    @classmethod
    def _build(cls, where: str, given: Mapping[str, Any]) -> Self:
        new = super()._build(where, given)
        _set_tail(new, None)
        return new

    def _begin(self) -> None:
        """Be empty: what ``__init__`` does."""
        _set_state(self, ((), ()))
        _set_tail(self, None)

    def _derive(self, keys: tuple[str, ...], values: tuple[Any, ...]) -> Self:
        new = _new(type(self))
        _set_state(new, (keys, values))
        _set_tail(new, self._tail)
        return new

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

    def _appended(self, event: Event) -> Self:
        new = _new(type(self))
        _set_state(new, self._state)
        _set_tail(new, (self._tail, event))
        return new

    def _extended(self, events: Iterable[Event]) -> Self:
        tail = self._tail
        for event in events:
            tail = (tail, event)
        return self._ending_with(tail)

    def _having(self, events: Iterable[Event]) -> Self:
        """Return the same context with these events instead of its own."""
        return self._rebuilt(*self._state, events)

    def _rebuilt(
        self, keys: tuple[str, ...], values: tuple[Any, ...], events: Iterable[Event]
    ) -> Self:
        """Return a value of the same class with other fields and events."""
        tail: _Node | None = None
        for event in events:
            tail = (tail, event)
        return _chain(type(self), keys, values, tail)

    def _ending_with(self, tail: _Node | None) -> Self:
        return _chain(type(self), *self._state, tail)

    def _events(self) -> tuple[Event, ...]:
        events = []
        node = self._tail
        while node is not None:
            node, event = node
            events.append(event)
        events.reverse()
        return tuple(events)

    @classmethod
    def _assemble(cls, set_: Mapping[str, Any]) -> Self:
        context = {key: value for key, value in set_.items() if key != "events"}
        return super()._assemble(context)._extended(set_.get("events", ()))

    def _get(self, wire: str) -> Any:
        return Events(self._events()) if wire == "events" else super()._get(wire)

    def _content(self) -> tuple[Any, ...]:
        return (*super()._content(), tuple(event._content() for event in self._events()))

    def __rich_repr__(self) -> Iterator[tuple[str, Any]]:
        """Yield what rich shows: the context, and the events."""
        yield from super().__rich_repr__()
        yield "events", list(self._events())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print for IPython: the few lines of the repr."""
        for place, text in enumerate(repr(self).split("\n")):
            if place:
                printer.break_()
            printer.text(text)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore_chain, (type(self), self._keys, self._values, self._events())


unused_warning.add_root(Chain)

_puts = Ways()  # by class, the field that is set, and the fields that there are

_new = object.__new__
_set_state = Frozen.__dict__["_state"].__set__
_set_tail = Chain.__dict__["_tail"].__set__


def is_plain(cls: type[Chain]) -> bool:
    """Return whether no class of somebody's own has another idea of how chains are derived."""
    return all(
        getattr(cls, name) is getattr(Chain, name) for name in ("_appended", "_derive", "_put")
    )


# What code is made of that derives a chain from another.


def derived(*arguments: str) -> Code:
    """Return the beginnings of such code, of a function of a chain and these arguments."""
    return Code("self", *arguments, set_state=_set_state, set_tail=_set_tail)


def append(code: Code, cls: type[Chain], event: str) -> None:
    """Write what returns a chain of this class with the event in a variable appended."""
    code.add(
        f"grown = new({code.named(cls)})",
        "set_state(grown, self._state)",
        f"set_tail(grown, (self._tail, {event}))",
        "return grown",
    )


def place(code: Code, chain: Chain, wire: str, value: str) -> None:
    """Write what returns a chain like this one with a field set to what is in a variable."""
    old = chain._state[0]
    fields = {f"old{place}": chain._wire[key] for place, key in enumerate(old) if key != wire}
    code.add(*taken(len(old), "self._state[1]", "old"))
    code.make("changed", type(chain), {**fields, value: chain._wire[wire]})
    code.add("set_tail(changed, self._tail)", "return changed")


def _chain(cls: type[C], keys: tuple[str, ...], values: tuple[Any, ...], tail: _Node | None) -> C:
    new = _new(cls)
    _set_state(new, (keys, values))
    _set_tail(new, tail)
    return new


def _restore_chain(
    cls: type[Chain], keys: tuple[str, ...], values: tuple[Any, ...], events: tuple[Event, ...]
) -> Chain:
    return cls._make(keys, values)._extended(events)


def events() -> Field[Events]:
    """Declare the chain's events, in the order in which they were appended."""
    return Field("events", content, of=Event)
