"""Examples: a batch that a plan allows, made of the plan alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import InvalidPlan, brief, closest
from .formats import FORMATS
from .identities import wire_place
from .javascript import same
from .patterns import Unreadable, compiled
from .points import Point

_OF_FORMATS = {
    "date": "2026-11-23",
    "time": "10:15:00Z",
    "date-time": "2026-11-23T10:15:00Z",
    "email": "user@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uri-reference": "/path",
    "uri-template": "/path/{id}",
    "uuid": "6a2b0d5e-0c4f-4f0a-9d54-6d1f6c1f7b1e",
    "regex": "^a$",
    "json-pointer": "/a",
    "json-pointer-uri-fragment": "#/a",
    "relative-json-pointer": "0/a",
}
# What is tried for a pattern, besides.
_TEXTS = (
    "text",
    "a",
    "A",
    "1",
    "12",
    "1.5",
    "true",
    "AB",
    "ABC",
    "a-1",
    "A-1",
    "EUR",
    "en",
    "en-GB",
)
_MOST_DEEP = 12
_MOST_LONG = 10_000  # characters or entries; mParticle takes fewer

_COMMERCE = ("product_action", "promotion_action", "product_impression")


class NoExample(Exception):
    """No value is known that a schema allows."""


def event_of(point: Point, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload of an event that a point allows.

    Args:
        point: of an event.
        attributes: which win over made-up ones.

    Raises:
        NoExample: no value is known for one of the attributes.
    """
    schema = _property(point.definition, "data")
    data = _value(_without_attributes(schema, attributes), 0) if schema else {}
    criteria = dict(point.match.get("criteria") or {})
    # of the two actions, the criteria stand in an object of the data
    data = _joined(data, {point.type: criteria} if point.type in _COMMERCE[:2] else criteria)
    if attributes:
        data["custom_attributes"] = {**data.get("custom_attributes", {}), **attributes}
    if point.type == "product_impression":
        data.setdefault("product_impressions", [{"product_impression_list": "list"}])
    kind = "commerce_event" if point.type in _COMMERCE else point.type
    return {"event_type": kind, "data": data}


def user_of(attributes: Point | None, identities: Point | None) -> dict[str, Any]:
    """Return the payload of a user whom a plan allows.

    Args:
        attributes: the point of user attributes, if there is one.
        identities: that of identities; only required ones are made.

    Raises:
        NoExample: no value is known for one of them.
    """
    user: dict[str, Any] = {}
    if attributes is not None and isinstance(attributes.definition, dict):
        made = _value({**attributes.definition, "type": "object"}, 0)
        if made:
            user["user_attributes"] = made
    definition = identities.definition if identities is not None else None
    if isinstance(definition, dict):
        for name in definition.get("required", ()):
            section, wire = wire_place(name)
            value = _value(_property(definition, name) or {"type": "string"}, 0)
            target = user.setdefault(section, {}) if section else user
            target[wire] = value
    return user


def _property(schema: Any, name: str) -> Any:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties.get(name) if isinstance(properties, dict) else None


def _without_attributes(schema: Any, given: Mapping[str, Any]) -> Any:
    """Return the schema of data without the attributes that need not be made up."""
    attributes = _property(schema, "custom_attributes")
    if not given or not isinstance(attributes, dict):
        return schema
    left = {
        name: one for name, one in attributes.get("properties", {}).items() if name not in given
    }
    changed = {**schema["properties"], "custom_attributes": {**attributes, "properties": left}}
    return {**schema, "properties": changed}


def _joined(one: Any, other: Any) -> Any:
    """Return both, the other one's values where both have one."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return {**one, **{name: _joined(one.get(name), value) for name, value in other.items()}}


def _value(schema: Any, depth: int) -> Any:
    if depth > _MOST_DEEP:
        raise NoExample("it is nested too deeply")
    if not isinstance(schema, dict):
        return "text"
    if "const" in schema:
        return schema["const"]
    kinds = schema.get("type")
    listed = kinds if isinstance(kinds, list) else [kinds]
    kind = next((each for each in listed if each != "null"), "string")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    if schema.get("enum"):
        return _of_kind(schema["enum"], kind)
    return _MAKERS[kind](schema, depth)


def _of_kind(words: list[Any], kind: str) -> Any:
    """Return the first of some words, as a number if they are texts that stand for numbers."""
    word = next((each for each in words if each is not None), None)
    if kind in ("number", "integer") and isinstance(word, str):
        try:
            return int(word) if kind == "integer" else float(word)
        except ValueError:
            return word
    return word


def _text(schema: dict[str, Any], depth: int) -> str:
    least, most = _least(schema, "minLength", 0), schema.get("maxLength", math.inf)
    known = FORMATS.get(schema.get("format", ""))
    for text in _texts(schema):
        fits = text if len(text) >= least else text + text[-1:] * (least - len(text))
        fits = fits if len(fits) <= most else fits[: int(most)]
        if _matches(schema.get("pattern"), fits) and (known is None or known(fits)):
            return fits
    raise NoExample(f"no text is known for {schema.get('pattern') or schema.get('format')!r}")


def _least(schema: dict[str, Any], keyword: str, otherwise: int) -> int:
    least = int(schema.get(keyword, otherwise))
    if least > _MOST_LONG:
        raise NoExample(f"{keyword} is {least}, which is too much for an example")
    return least


def _texts(schema: dict[str, Any]) -> Iterator[str]:
    if schema.get("format") in _OF_FORMATS:
        yield _OF_FORMATS[schema["format"]]
    yield from _TEXTS
    yield from _OF_FORMATS.values()


def _matches(pattern: str | None, text: str) -> bool:
    try:
        return pattern is None or compiled(pattern).finds(text)
    except Unreadable:
        return True  # nobody can say


def _number(schema: dict[str, Any], depth: int) -> float:
    step = schema.get("multipleOf", 1)
    least = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
    most = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
    start = least if least > -math.inf else min(1, most)
    middle = [(least + most) / 2] if math.isfinite(least + most) else [start - 1]
    for number in (*_multiples(start, step), *middle):
        inside = number > schema.get("exclusiveMinimum", -math.inf)
        inside = inside and number < schema.get("exclusiveMaximum", math.inf)
        if inside and least <= number <= most:
            return int(number) if same(number, int(number)) else number
    raise NoExample(f"no number is known from {least} to {most}")


def _multiples(start: float, step: float) -> list[float]:
    """Return the multiples of a step that are next to a number."""
    try:
        places = [math.ceil(start / step) * step, (math.floor(start / step) + 1) * step]
    except OverflowError:  # the step is too small for a float to tell
        return []
    return [place for place in (*places, places[0] - step) if math.isfinite(place)]


def _list(schema: dict[str, Any], depth: int) -> list[Any]:
    items = schema.get("items", {})
    if isinstance(items, list):
        return [_value(each, depth + 1) for each in items]
    return [_value(items, depth + 1) for _ in range(max(1, _least(schema, "minItems", 1)))]


def _object(schema: dict[str, Any], depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    names = dict.fromkeys((*properties, *schema.get("required", ())))
    return {
        name: _value(properties.get(name), depth + 1)
        for name in names
        if properties.get(name, True) is not False
    }


_MAKERS = {
    "string": _text,
    "number": _number,
    "integer": _number,
    "boolean": lambda schema, depth: True,
    "array": _list,
    "object": _object,
}


def point_named(name: str, kind: str | None, points: Mapping[Any, Point]) -> Point:
    """Return the point of an event.

    Args:
        name: of the event or the screen, or the action.
        kind: its ``custom_event_type``, or the type of the point; None if the name is enough.
        points: of the plan, by key.

    Raises:
        InvalidPlan: there is no such point, or several.
    """
    events = [point for point in points.values() if point.type not in _NO_EVENTS]
    named = {_kind(point): point for point in events if point.name == name}
    if kind is None and len(named) == 1:
        return next(iter(named.values()))
    if isinstance(kind, str) and kind in named:
        return named[kind]
    if named:
        listed = ", ".join(map(repr, named))
        write = f"type={next(iter(named))!r}"
        raise InvalidPlan(f"example({brief(name)}): the plan has it as {listed}; write {write}")
    known = sorted({point.name for point in events})
    meant = closest(name, known)
    listed = ", ".join(map(repr, known[:12])) or "none"
    hint = f"did you mean {meant!r}?" if meant else f"it has {listed}"
    raise InvalidPlan(f"example({brief(name)}): the plan has no such event; {hint}")


_NO_EVENTS = ("user_attributes", "user_identities", "unknown", "")


def _kind(point: Point) -> str:
    """Return what tells a point from others of its name."""
    if point.type == "custom_event":
        return point.custom_type
    return point.type
