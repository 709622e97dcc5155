"""Taking out of a batch what is unplanned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from ..builder.batch import Batch
from ..values.frozen_map import FrozenMap
from .violation import Violation

B = TypeVar("B", bound=Batch)
_Path = list[str]


def without(batch: B, violations: Sequence[Violation]) -> B:
    """Return a batch without what these violations say is unplanned.

    Args:
        batch: the batch.
        violations: of this batch; those that the server does not block are left out of account.
    """
    events: set[int] = set()
    attributes: dict[int | None, list[_Path]] = {}
    for violation in violations:
        if violation.blocked and violation.keyword is None:
            events.add(violation.event_index or 0)
        elif violation.blocked:
            path = violation.path
            attributes.setdefault(violation.event_index, []).append(path)
    kept = [
        _without(event, attributes.get(place, []))
        for place, event in enumerate(batch._events())
        if place not in events
    ]
    return _without(batch._having(kept), attributes.get(None, []))  # type: ignore[no-any-return]


def _without(value: Any, paths: Sequence[_Path]) -> Any:
    """Return a value without what stands at the ends of these paths."""
    if not paths:
        return value
    if isinstance(value, FrozenMap):
        gone = {path[0] for path in paths}
        left = {name: item for name, item in value.items() if name not in gone}
        return FrozenMap(left) if left else None
    inside: dict[str, list[_Path]] = {}
    for first, *rest in paths:
        inside.setdefault(first, []).append(rest)
    if isinstance(value, tuple):
        return tuple(
            [_without(item, inside.get(str(place), [])) for place, item in enumerate(value)]
        )
    return value._with({name: _without(value._get(name), rest) for name, rest in inside.items()})
