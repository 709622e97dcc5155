"""What pytest shows when two values of mpfluent should be equal and are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import unified_diff
from typing import Any

from ..encoding.json import plain
from ..formatting.diff import ABSENT, Difference, differences
from ..formatting.summary import line
from ..model.event import Event
from ..model.record import Record
from ..values.frozen import Frozen
from ..values.frozen_map import FrozenMap
from .matching import shown


def explanation(left: Any, right: Any, verbosity: int) -> list[str] | None:
    """Return a line for each difference, with its path; None if pytest explains it well itself.

    Args:
        left: the value on the left of ``==``.
        right: the value on its right.
        verbosity: how often ``-v`` was given; from one on, the whole values follow.

    >>> from mpfluent import Batch
    >>> left, right = Batch.for_user(email="a@b.example"), Batch.for_user(email="c@d.example")
    >>> explanation(left, right, 0)[:3]
    ['Batch == Batch', '', "user_identities.email: 'a@b.example' != 'c@d.example'"]
    """
    if violations := _violations(left, right):
        many = "1 violation" if len(violations) == 1 else f"{len(violations)} violations"
        return [f"{many} of the data plan", "", *violations]
    if not (_is_ours(left) or _is_ours(right)):
        return None
    first = [f"{_kind(left)} == {_kind(right)}", ""]
    never = _never_equal(left, right)
    if never is not None:
        return [*first, never]
    if not _is_comparable(left, right):
        return None
    found = [_line(each) for each in _differences(left, right)]
    if verbosity < 1:
        return [*first, *found, "", "Use -vv to see both in full"]
    full = unified_diff(_full(left), _full(right), "left", "right", lineterm="")
    return [*first, *found, "", *full]


def _is_ours(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(isinstance(entry, Frozen) for entry in value)
    return isinstance(value, Frozen | FrozenMap)


def _violations(left: Any, right: Any) -> list[str]:
    """Return what is not as planned, if nothing should be."""
    if not (isinstance(left, tuple) and isinstance(right, tuple)) or (left and right):
        return []
    from ..dataplan.violation import Violation  # here: most tests have no data plan

    found = left or right
    return [one.text for one in found] if all(isinstance(one, Violation) for one in found) else []


def _kind(value: Any) -> str:
    if isinstance(value, tuple):  # also the events of a batch, which are a subclass
        return "tuple"
    return "attributes" if isinstance(value, FrozenMap) else type(value).__name__


def _never_equal(left: Any, right: Any) -> str | None:
    """Return why two values can never be equal, and what to write instead; or None."""
    for value, other in ((left, right), (right, left)):
        if isinstance(value, Record) and isinstance(other, Mapping):
            kind = _kind(value)
            return f"a value is never equal to a dict; compare its to_dict(), or {kind}.from_dict()"
        if isinstance(value, Frozen) and isinstance(other, list | tuple):
            return f"one is a single value; the other is a {_kind(other)} of {len(other)}"
    if isinstance(left, Frozen) and isinstance(right, Frozen) and left._kind != right._kind:
        return "values of two kinds are never equal"
    both = isinstance(left, list | tuple) and isinstance(right, list | tuple)
    if both and isinstance(left, tuple) is not isinstance(right, tuple):
        return f"a {_kind(left)} is never equal to a {_kind(right)}"
    return None


def _is_comparable(left: Any, right: Any) -> bool:
    kinds: tuple[Any, ...] = (Frozen, Mapping, list | tuple)
    return any(isinstance(left, kind) and isinstance(right, kind) for kind in kinds)


def _differences(left: Any, right: Any) -> Iterable[Difference]:
    if not isinstance(left, list | tuple):
        return differences(left, right)
    if left and right:
        return differences(tuple(left), tuple(right))
    return [
        *(Difference(f"[{index}]", each, ABSENT) for index, each in enumerate(left)),
        *(Difference(f"[{index}]", ABSENT, each) for index, each in enumerate(right)),
    ]


def _line(difference: Difference) -> str:
    path, left, right = difference
    if right is ABSENT:
        return f"{path}: only on the left: {_side(left)}"
    if left is ABSENT:
        return f"{path}: only on the right: {_side(right)}"
    return f"{path}: {_side(left)} != {_side(right)}"


def _side(value: Any) -> str:
    return line(value) if isinstance(value, Event) else shown(value)


def _full(value: Any) -> list[str]:
    return plain(_plain(value), 2).splitlines()


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, Frozen):  # a session is sent as its events
        return {"events": [event.to_dict() for event in getattr(value, "events", ())]}
    if isinstance(value, Mapping):
        return dict(value)
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
