"""The differences between two values, each with its path."""

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
    """Yield the differences between the events of two histories.

    Equal events are matched first. Between them, events of the same type are matched. The index
    in a path is that on the left, or for an added event that on the right.
    """
    for outer in _runs(left, right, lambda event: event._content()):
        for inner in _runs(left, right, lambda event: event.event_type, outer):
            start, end, first, last = inner
            for step in range(max(end - start, last - first)):
                old, new = start + step, first + step
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
    """Yield the runs of events with equal keys, and those between them, as indexes on both sides.

    Args:
        left: the events on the left; right: those on the right.
        key: what makes two events the same.
        within: the indexes of the part to look at: start and end on the left, then on the right.
    """
    start, end, first, last = within or (0, len(left), 0, len(right))
    known: dict[Hashable, int] = {}  # a number for each key: it is faster to compare
    mine, yours = (
        [known.setdefault(key(event), len(known)) for event in side]
        for side in (left[start:end], right[first:last])
    )
    for _, *at in SequenceMatcher(None, mine, yours, autojunk=False).get_opcodes():
        yield start + at[0], start + at[1], first + at[2], first + at[3]
