"""From plain data to values: what ``schema.load`` does, several times faster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..values import validators
from ..values.fields import Field
from .schema import F, event_class, made, reading_check


def load_valid(cls: type[F], data: Mapping[str, Any]) -> F:
    """Return what ``schema_of(cls).load(data)`` returns, several times faster.

    It makes the same checks, without marshmallow's way of gathering complaints: whatever it
    raises means only that the schema must be asked what is wrong.
    """
    given: dict[str, Any] = {}
    for key, value in data.items():
        field = cls._wire[key]
        if value is not None:
            given[key] = _loaded(field, value)
        elif field.null:
            given[key] = None
        else:
            raise ValueError(key)
    broken = cls._broken_rule({key: item for key, item in given.items() if item is not None})
    if broken is not None:
        raise ValueError(broken[0])
    return made(cls, given)


def load_valid_event(event_class: Any, wrapper: Mapping[str, Any]) -> Any:
    """Return what the schema of an event class with its wrapper loads, in the same way."""
    if set(wrapper) != _WRAPPER or wrapper["event_type"] != event_class.event_type:
        raise ValueError("no wrapper")
    return load_valid(event_class, wrapper["data"])


_WRAPPER = {"event_type", "data"}


def _loaded(field: Field[Any], value: Any) -> Any:
    kind, of = field.kind, field.of
    if not kind.records:
        return reading_check(field)(value)
    if not kind.fits(value):
        raise TypeError(kind.name)

    def load(one: Any, name: Any) -> Any:
        if kind.wrapped:
            return load_valid_event(event_class(of, one["event_type"]), one)
        if kind.container is dict:
            validators.name(name)
        return load_valid(of, one)

    return kind.each(value, load)
