"""The differences between two values, each with its path."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, NamedTuple, TypeGuard

from ..errors import brief
from ..model.event import Event
from ..model.history import EventHistory
from ..values.frozen import Frozen
from ..values.frozen_map import content
from .summary import line

_Side = Sequence[tuple[int, Event]]


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT: Any = _Absent()
"""Stands for a value that one of the two sides does not have."""


class Difference(NamedTuple):
    """One difference between two values.

    Attributes:
        path: where it is, as in Python: ``events[1].attributes['plan']``.
        left: the first value's part, or ``ABSENT``.
        right: the second value's part, or ``ABSENT``.

    >>> print(Difference("user_attributes['plan']", "trial", "pro"))
    user_attributes['plan']: 'trial' -> 'pro'
    """

    path: str
    left: Any
    right: Any

    def __str__(self) -> str:
        if self.left is ABSENT:
            return f"{self.path}: added {_shown(self.right)}"
        if self.right is ABSENT:
            return f"{self.path}: removed {_shown(self.left)}"
        return f"{self.path}: {_shown(self.left)} -> {_shown(self.right)}"


class Differences(tuple[Difference, ...]):
    """The differences between two values, none if they are equal. Its repr has a line for each."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(map(str, self)) if self else "no differences"


def differences(left: Any, right: Any) -> Differences:
    """Return the differences between two values, in the order of their fields.

    Equal events are matched with each other first. So an event that was inserted is one
    difference.

    Args:
        left: a batch, a session, an event or another value.
        right: the value that it is compared with.

    >>> from mpfluent import Batch
    >>> differences(Batch.for_user(email="a@b.example"), Batch.for_user(email="c@d.example"))
    user_identities.email: 'a@b.example' -> 'c@d.example'
    """
    return Differences(_between("", left, right))


def _shown(value: Any) -> str:
    return line(value) if isinstance(value, Event) else brief(value, 60)


def _between(path: str, left: Any, right: Any) -> Iterator[Difference]:
    if left is not ABSENT and right is not ABSENT and content(left) == content(right):
        return
    if isinstance(left, Frozen) and isinstance(right, Frozen) and left._kind == right._kind:
        yield from _entries(path, left._given(), right._given(), ".{}")
        if isinstance(left, EventHistory) and isinstance(right, EventHistory):
            yield from _events(_joined(path, ".{}", "events"), left._events(), right._events())
    elif isinstance(left, Mapping) and isinstance(right, Mapping):
        yield from _entries(path, left, right, "[{!r}]")
    elif _of_values(left) and _of_values(right):
        mine, yours = dict(enumerate(left)), dict(enumerate(right))
        yield from _entries(path, mine, yours, "[{}]")
    else:
        yield Difference(path, left, right)


def _joined(path: str, step: str, name: object) -> str:
    return (path + step.format(name)).removeprefix(".")


def _of_values(value: Any) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple) and any(isinstance(entry, Frozen) for entry in value)


def _entries(
    path: str, left: Mapping[Any, Any], right: Mapping[Any, Any], step: str
) -> Iterator[Difference]:
    for name in dict.fromkeys((*left, *right)):
        inside = _joined(path, step, name)
        yield from _between(inside, left.get(name, ABSENT), right.get(name, ABSENT))


def _events(path: str, left: Sequence[Event], right: Sequence[Event]) -> Iterator[Difference]:
    """Yield the differences between the events of two histories.

    Equal events are matched first. Between them, events of the same type are matched. The index
    in a path is that on the left, or for an added event that on the right.
    """
    both = tuple(enumerate(left)), tuple(enumerate(right))
    for alike in _runs(both, lambda event: event._content()):
        for of_type in _runs(alike, lambda event: event.event_type):
            for (old, mine), (new, yours) in zip_longest(*of_type, fillvalue=(None, ABSENT)):
                yield from _between(f"{path}[{new if old is None else old}]", mine, yours)


def _runs(both: Sequence[_Side], key: Callable[[Event], Hashable]) -> Iterator[tuple[_Side, _Side]]:
    """Yield the runs of events with equal keys, and those between them.

    Args:
        both: the events on the left and on the right, with their indexes.
        key: what makes two events the same.
    """
    known: dict[Hashable, int] = {}  # a number for each key: it is faster to compare
    mine, yours = ([known.setdefault(key(one), len(known)) for _, one in side] for side in both)
    for _, *at in SequenceMatcher(None, mine, yours, autojunk=False).get_opcodes():
        yield both[0][at[0] : at[1]], both[1][at[2] : at[3]]
