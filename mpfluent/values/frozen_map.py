"""An immutable mapping, and what it means for two values to be equal."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..errors import Immutable, closest
from ..utils.introspection import PublicNames

T = TypeVar("T")

_new = object.__new__

MOST = 200  # entries of a map that code is written for
ESCAPED = -1  # stands for the size of all other maps


def size_of(names: tuple[str, ...]) -> int:
    """Return how many names there are, if JSON has them as they are, and code is written for it."""
    try:
        joined = "".join(names)
    except TypeError:  # a map that somebody made, not yet checked for a batch
        return ESCAPED
    plain = joined.isprintable() and '"' not in joined and "\\" not in joined
    return len(names) if plain and len(names) <= MOST else ESCAPED


class FrozenMap(PublicNames, Mapping[str, T]):
    """An immutable, hashable, picklable mapping that remembers the order it was written in.

    >>> attributes = FrozenMap({"query": "teapot"})
    >>> attributes["query"], attributes == {"query": "teapot"}
    ('teapot', True)
    """

    __slots__ = ("_state",)
    _state: tuple[tuple[str, ...], tuple[T, ...], int]  # names, values, and size_of(names)

    def __init__(self, items: Mapping[str, T]) -> None:
        names = (*items,)
        set_map_state(self, (names, tuple(map(_frozen, items.values())), size_of(names)))

    @classmethod
    def of(cls, keys: tuple[str, ...], values: tuple[Any, ...]) -> FrozenMap[Any]:
        """Return a map of parts that are known to be valid."""
        new = _new(cls)
        set_map_state(new, (keys, values, size_of(keys)))
        return new

    @property
    def _keys(self) -> tuple[str, ...]:
        return self._state[0]

    @property
    def _values(self) -> tuple[T, ...]:
        return self._state[1]

    def __getitem__(self, key: str) -> T:
        try:
            return self._values[self._keys.index(key)]
        except ValueError:
            raise KeyError(key) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    # Mapping's own views would look every name up, one after the other.

    def items(self) -> ItemsView[str, T]:
        """Return the pairs of name and value."""
        return dict(zip(self._keys, self._values)).items()

    def values(self) -> ValuesView[T]:
        """Return the values."""
        return dict(zip(self._keys, self._values)).values()

    def __or__(self, other: Mapping[str, T]) -> FrozenMap[T]:
        """Return a new map with the other's entries too; the other's win."""
        return FrozenMap({**self, **other}) if isinstance(other, Mapping) else NotImplemented

    def __repr__(self) -> str:
        return repr(dict(zip(self._keys, self._values)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        theirs = dict(other.items())
        # entry by entry, so that what a test puts in for a value can have its own idea of equal
        return len(self._keys) == len(other) and all(
            key in theirs and content(value) == content(theirs[key])
            for key, value in zip(self._keys, self._values)
        )

    def __hash__(self) -> int:
        return hash(content(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenMap, (dict(zip(self._keys, self._values)),)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name in ("update", "pop", "popitem", "setdefault", "clear"):
                self.__setattr__(name, None)
            meant = None if name.startswith("_") else closest(name, dir(self))
            hint = f"; did you mean {meant!r}?" if meant else ""
            raise AttributeError(
                f"attributes are a mapping and have no {name!r}{hint}",
                name=None,  # set, so that Python does not guess besides
            )

        def __setattr__(self, name, value):
            raise Immutable("attributes are immutable; make a new dict and a new value with it")

        def __delattr__(self, name):
            self.__setattr__(name, None)

        def __setitem__(self, key, value):
            raise Immutable(
                "attributes are immutable; write attributes = {**attributes, "
                f"{key!r}: …}} and make a new value with them"
            )

        def __delitem__(self, key):
            raise Immutable(
                "attributes are immutable; write attributes = {name: value for name, value in "
                f"attributes.items() if name != {key!r}}} and make a new value with them"
            )


def frozen_map(items: Mapping[str, Any]) -> FrozenMap[Any]:
    """Return a map of values that are known to be frozen."""
    return FrozenMap.of((*items,), (*items.values(),))


def _frozen(value: Any) -> Any:
    """Return a value that is kept by itself: lists and maps are copied into frozen ones."""
    if isinstance(value, list | tuple):
        return tuple(map(_frozen, value))
    return FrozenMap(value) if isinstance(value, Mapping) else value


set_map_state = FrozenMap.__dict__["_state"].__set__


def content(value: Any) -> Any:
    """Return the value in a form in which equal on the wire is equal in Python.

    >>> from decimal import Decimal
    >>> content(19.99) == content(Decimal("19.99")), content(True) == content(1)
    (True, False)
    """
    kind = type(value)
    if kind is float:
        return Decimal(repr(value))
    if kind is bool:
        return (bool, value)
    if isinstance(value, tuple | list):
        return tuple(map(content, value))
    if isinstance(value, Mapping):
        return frozenset((key, content(entry)) for key, entry in value.items())
    return value
