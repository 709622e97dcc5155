"""From plain data to values: what ``schema.load`` does, several times faster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..values import validators
from ..values.fields import Field
from .schema import F, event_class, made, reading_check


def load_valid(cls: type[F], data: Mapping[str, Any], wrapped: bool = False) -> F:
    """Return what the schema of a class, or of an event with its wrapper, loads; but much faster.

    It makes the same checks, without marshmallow's way of gathering complaints: whatever it
    raises means only that the schema must be asked what is wrong.
    """
    if wrapped:
        if data.keys() != {"event_type", "data"} or data["event_type"] != cls.event_type:  # type: ignore[attr-defined]
            raise ValueError("no wrapper")
        data = data["data"]
    given: dict[str, Any] = {}
    for key, value in data.items():
        field = cls._wire[key]
        if value is None and not field.null:
            raise ValueError(key)
        given[key] = None if value is None else _loaded(field, value)
    broken = cls._broken_rule({key: item for key, item in given.items() if item is not None})
    if broken is not None:
        raise ValueError(broken[0])
    return made(cls, given)


def _loaded(field: Field[Any], value: Any) -> Any:
    kind, of = field.kind, field.of
    if not kind.records:
        return reading_check(field)(value)
    if not kind.fits(value):
        raise TypeError(kind.name)

    def load(one: Any, name: Any) -> Any:
        if kind.wrapped:
            return load_valid(event_class(of, one["event_type"]), one, wrapped=True)
        if kind.container is dict:
            validators.name(name)
        return load_valid(of, one)

    return kind.each(value, load)
