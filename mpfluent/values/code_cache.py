"""Remembers what is worked out again and again: for so many keys at a time, never more.

To write a function costs as much as a hundred calls of the plain way, so that the first calls of
each kind go the plain way.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from itertools import count
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Function = Callable[..., Any]

KNOWN = 500  # keys that are remembered at a time
MOST_LETTERS = 10_000  # in names that are remembered
ONE_IN = 32  # names of maps that are new
USED = 8  # calls before code is written


class Memo(dict[K, T]):
    """What follows from a key: ``lru_cache`` at half its cost."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[K], T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: K) -> T:
        made = self._make(key)
        if len(self) >= KNOWN:
            self.clear()
        self[key] = made
        return made


class NamesMemo(dict[tuple[str, ...], T]):
    """What follows from the names of a map, which a program may make up for each call.

    So it remembers one new key in so many: names that come back are soon among them.

    Args:
        make: returns what follows, at little cost; None is not remembered.
    """

    __slots__ = ("_make", "_turns")

    def __init__(self, make: Callable[[tuple[str, ...]], T]) -> None:
        super().__init__()
        self._make = make
        self._turns = count(1)

    def __missing__(self, names: tuple[str, ...]) -> T:
        made = self._make(names)
        if next(self._turns) % ONE_IN or made is None or sum(map(len, names)) > MOST_LETTERS:
            return made
        if len(self) >= KNOWN:
            self.clear()
        self[names] = made
        return made


class NoCode(Exception):
    """There is no way to write code for a key."""


class CompiledCalls(dict[K, Function]):
    """Functions by key; ``calls[key](…)`` is all that a user writes, and one look-up is its cost.

    Args:
        write: writes the function for a key, or raises :class:`NoCode`.
        plain: returns what is called for a key that there is no code for.
    """

    __slots__ = ("_plain", "_uses", "_write")

    def __init__(
        self, write: Callable[[K], Function], plain: Callable[[K], Any] = lambda key: no_code
    ) -> None:
        super().__init__()
        self._write = write
        self._plain = plain
        self._uses = lru_cache(KNOWN)(_counter)

    def __missing__(self, key: K) -> Any:
        if next(self._uses(hash(key))) <= USED:  # by its hash, to keep no names of strangers
            return self._plain(key)
        try:
            function = self._write(key)
        except NoCode:
            return self._plain(key)
        if len(self) >= KNOWN:
            self.clear()
        self[key] = function
        return function


def _counter(hashed: int) -> count[int]:
    return count(1)  # counts without a lock, whatever threads do


def no_code(*arguments: Any) -> None:
    """Return None, so that a verb goes the plain way."""
