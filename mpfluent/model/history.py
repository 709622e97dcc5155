"""Values that grow by one event at a time: what ``Batch`` and ``Session`` have in common.

The events are a linked list, newest first, so that each step costs the same however many there
are, and every derived value shares the history of the one that it came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..errors import Immutable, wrong_type
from ..values.fields import Field
from ..values.frozen import Frozen
from ..values.frozen_map import content
from .event import Event

_Node = tuple[Any, Event]  # the node before (or None), and the event
E = TypeVar("E", bound=Event)


# What people call on a list, and events are one to them.
_LIST_METHODS = {"append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"}


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
            write = f"of({'CommerceEvent' if meant is None else meant.__name__})"
            raise wrong_type("of", given, "a class of events", write)
        return tuple(event for event in self if isinstance(event, kind))

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)

    # Hidden from type checkers, which know that a tuple has none of these.
    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name in _LIST_METHODS:
                raise self._immutable()
            raise AttributeError(f"events are a tuple and have no {name!r}")

        def __setitem__(self, *_):
            raise self._immutable()

        __delitem__ = __setitem__

        def __iadd__(self, other):
            if not isinstance(other, tuple):
                raise self._immutable()
            return (*self, *other)

        def _immutable(self):
            return Immutable(f"events are immutable; write {self._of} = {self._of}.add(event)")


class EventHistory(Frozen):
    """A frozen value with a history of events."""

    __slots__ = ("_tail",)
    _tail: _Node | None

    @classmethod
    def _make(cls, keys: tuple[str, ...], values: tuple[Any, ...]) -> Self:
        return _linked(cls, keys, values, None)

    def _begin(self) -> None:
        """Be empty: what ``__init__`` does."""
        _set_state(self, ((), ()))
        _set_tail(self, None)

    def _derive(self, keys: tuple[str, ...], values: tuple[Any, ...]) -> Self:
        new = _new(type(self))  # as _linked does, without a call for each step of a chain
        _set_state(new, (keys, values))
        _set_tail(new, self._tail)
        return new

    def _appended(self, event: Event) -> Self:
        return _linked(type(self), *self._state, (self._tail, event))

    def _extended(self, events: Iterable[Event]) -> Self:
        return _linked(type(self), *self._state, self._tail, events)

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
        return self._with_tail(keys, values, tail)

    def _with_tail(
        self, keys: tuple[str, ...], values: tuple[Any, ...], tail: _Node | None
    ) -> Self:
        """Return a value of the same class with other fields, and with the events of a node."""
        new = _new(type(self))  # as in _derive, without a further call
        _set_state(new, (keys, values))
        _set_tail(new, tail)
        return new

    def _as(self, cls: type[H]) -> H:
        """Return a value of another class with the same context and the same events."""
        return _linked(cls, *self._state, self._tail)

    def _events(self) -> tuple[Event, ...]:
        events = []
        node = self._tail
        while node is not None:
            node, event = node
            events.append(event)
        return tuple(events[::-1])

    @classmethod
    def _assemble(cls, set_: Mapping[str, Any]) -> Self:
        context = {key: value for key, value in set_.items() if key != "events"}
        return super()._assemble(context)._extended(set_.get("events", ()))

    def _get(self, wire: str) -> Any:
        keys, values = self._state  # not super(), which takes longer than the rest
        if wire in keys:
            return values[keys.index(wire)]
        return Events(self._events()) if wire == "events" else None

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
        return _restored, (type(self), self._keys, self._values, self._events())


H = TypeVar("H", bound=EventHistory)


_new = object.__new__
_set_state = Frozen.__dict__["_state"].__set__
_set_tail = EventHistory.__dict__["_tail"].__set__


def _linked(
    cls: type[H], keys: Any, values: Any, tail: _Node | None, events: Iterable[Event] = ()
) -> H:
    """Return a value with these fields, whose events are those of a node, and then these."""
    for event in events:
        tail = (tail, event)
    new = _new(cls)
    _set_state(new, (keys, values))
    _set_tail(new, tail)
    return new


def _restored(cls: type[H], keys: Any, values: Any, events: Iterable[Event]) -> H:
    return _linked(cls, keys, values, None, events)


def events() -> Field[Events]:
    """Declare the events of a history, in the order in which they were appended."""
    return Field("events", content, of=Event)
