"""What differs between two values, place by place."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple, TypeGuard

from ..errors import brief
from ..model.event import Event
from ..model.history import EventHistory
from ..values.frozen import Frozen
from ..values.frozen_map import content
from .summary import line


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT: Any = _Absent()
"""Stands for what one of the two sides does not have."""


class Difference(NamedTuple):
    """One place in which two values differ.

    Attributes:
        path: where, as one writes it: ``events[1].attributes['plan']``.
        left: what the first value has there, or ``ABSENT``.
        right: what the second value has there, or ``ABSENT``.

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
    """The places in which two values differ; none if they are equal. It prints a line for each."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(map(str, self)) if self else "no differences"


def differences(left: Any, right: Any) -> Differences:
    """Return the places in which two values differ, in the order in which they are read.

    Events are matched with each other first, so that one that was put in between is one
    difference.

    Args:
        left: a batch, a session, an event or another value.
        right: what it is compared with.

    >>> from mpfluent import Batch
    >>> differences(Batch.for_user(email="a@b.example"), Batch.for_user(email="c@d.example"))
    user_identities.email: 'a@b.example' -> 'c@d.example'
    """
    return Differences(_between("", left, right))


def _shown(value: Any) -> str:
    return line(value) if isinstance(value, Event) else brief(value, 60)


def _between(path: str, left: Any, right: Any) -> Iterator[Difference]:
    if content(left) == content(right):
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
        if name in left and name in right:
            yield from _between(inside, left[name], right[name])
        else:
            yield Difference(inside, left.get(name, ABSENT), right.get(name, ABSENT))


def _events(path: str, left: Sequence[Event], right: Sequence[Event]) -> Iterator[Difference]:
    """Yield what differs between two histories: a place is that on the left, if it has one.

    Equal events are matched first, and of those between them, the ones of one type.
    """
    for outer in _runs(left, right, lambda event: event._content()):
        for inner in _runs(left, right, lambda event: event.event_type, outer):
            start, end, first, last = inner
            for place in range(max(end - start, last - first)):
                old, new = start + place, first + place
                if old >= end:
                    yield Difference(f"{path}[{new}]", ABSENT, right[new])
                elif new >= last:
                    yield Difference(f"{path}[{old}]", left[old], ABSENT)
                else:
                    yield from _between(f"{path}[{old}]", left[old], right[new])


def _runs(
    left: Sequence[Event],
    right: Sequence[Event],
    key: Callable[[Event], Hashable],
    within: tuple[int, int, int, int] | None = None,
) -> Iterator[tuple[int, int, int, int]]:
    """Yield the stretches, as places on both sides, that begin or end where the keys agree."""
    start, end, first, last = within or (0, len(left), 0, len(right))
    known: dict[Hashable, int] = {}  # a number for each key, for keys may be long
    mine, yours = (
        [known.setdefault(key(event), len(known)) for event in side]
        for side in (left[start:end], right[first:last])
    )
    for _, *places in SequenceMatcher(None, mine, yours, autojunk=False).get_opcodes():
        yield start + places[0], start + places[1], first + places[2], first + places[3]
