"""Named tuples of counts: they add up, and they can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


def added(left: Any, right: Any) -> Any:
    """Return two fields of such a tuple as one.

    Counts and tuples add up, and counts by a word for each word. What is true of one is true of
    both. None adds nothing.

    >>> dict(added({"rejected": 2}, {"rejected": 1, "too_large": 1}))
    {'rejected': 3, 'too_large': 1}
    """
    if left is None or right is None:
        return right if left is None else left
    if isinstance(left, bool):
        return left or right
    if isinstance(left, Mapping):
        words = {**left, **right}
        return MappingProxyType({one: left.get(one, 0) + right.get(one, 0) for one in words})
    return left + right


def reduced(counts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what pickle wants: read-only mappings cannot be pickled, but dicts can."""
    fields = [dict(one) if isinstance(one, MappingProxyType) else one for one in counts]
    return _restored, (type(counts), fields)


def _restored(kind: Any, fields: list[Any]) -> Any:
    return kind(*[MappingProxyType(one) if isinstance(one, dict) else one for one in fields])
