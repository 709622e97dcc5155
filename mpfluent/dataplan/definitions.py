"""The definition of a point: whether it is a JSON Schema of draft-07, and its keywords in order.

The vendor's validator reports in an order of its own: that of its keywords, not of the definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from ..errors import brief
from .formats import FORMATS
from .javascript import ordered, same
from .patterns import Unreadable, compiled

Like = Literal["server", "node"]

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
DRAFT_7 = "http://json-schema.org/draft-07/schema"
"""The address of its meta-schema."""

# The keywords of each kind of value, in the order of findings.
_GROUPS: dict[str, tuple[str, ...]] = {
    "number": ("maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "multipleOf"),
    "string": ("maxLength", "minLength", "pattern", "format"),
    "array": ("maxItems", "minItems", "items", "contains", "uniqueItems"),
    "object": (
        *("maxProperties", "minProperties", "required", "dependencies", "propertyNames"),
        *("additionalProperties", "properties", "patternProperties"),
    ),
    "": ("$ref", "const", "enum", "not", "anyOf", "oneOf", "allOf", "if"),
}
_RANKS = {
    keyword: (group, place)
    for group, keywords in enumerate(_GROUPS.values())
    for place, keyword in enumerate(keywords)
}
_GROUP_OF_TYPE = {kind: place for place, kind in enumerate(_GROUPS)}
_RULES = frozenset((*_RANKS, "type", "$comment"))
# Beside which keywords a type is reported: "format" is one of numbers there, too.
_USED_BY = {**_GROUPS, "number": (*_GROUPS["number"], "format")}

UNSUPPORTED = (
    *("$ref", "$recursiveRef", "$recursiveAnchor", "patternProperties", "allOf", "anyOf", "oneOf"),
    *("if", "then", "else", "not", "dependencies", "dependentRequired", "dependentSchemas"),
)
"""The keywords that mParticle's documentation calls unsupported."""


class Fault(NamedTuple):
    """Something about a definition.

    Attributes:
        kind: "broken_definition", "unread_pattern" or "unsupported_keyword".
        path: where it stands in the definition, such as "/properties/data".
        text: what is wrong, and what to write.
    """

    kind: str
    path: str
    text: str


def has_rules(schema: Any) -> bool:
    """Return whether a schema can refuse anything, by its keywords alone."""
    return not schema if isinstance(schema, bool) else not _RULES.isdisjoint(schema)


def adapted(definition: Any, like: Like) -> tuple[Any, tuple[Fault, ...]]:
    """Return a definition with its keywords in order, and what is wrong with it.

    Args:
        definition: of a point.
        like: whose reading it is for. The server ignores formats that it does not know.

    >>> schema, faults = adapted({"minLength": 1, "type": "text"}, "node")
    >>> faults[0].path, faults[0].text.partition(";")[0]
    ('/type', "'text' is no type")
    """
    walk = _Walk(like)
    schema = walk.schema(definition, "")
    version = definition.get("$schema") if isinstance(definition, dict) else None
    if like == "node" and isinstance(version, str) and version.removesuffix("#") != DRAFT_7:
        walk.add("/$schema", f"{brief(version)} is another draft; write {DRAFT_7 + '#'!r}")
    return schema, tuple(walk.faults)


class _Walk:
    """A walk through a definition that notes what is wrong."""

    def __init__(self, like: Like) -> None:
        self._like = like
        self.faults: list[Fault] = []

    def add(self, path: str, text: str, kind: str = "broken_definition") -> None:
        """Note a fault."""
        self.faults.append(Fault(kind, path, text))

    def schema(self, schema: Any, path: str) -> Any:
        """Return a schema with its keywords in order."""
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            self.add(path, f"{brief(schema)} is no schema; write an object, true or false")
            return True
        ranked: list[tuple[tuple[int, ...], str, Any]] = []
        for keyword, value in schema.items():
            kept = self._keyword(keyword, value, f"{path}/{keyword}")
            if keyword != "$schema":  # by which the library would take keywords of its own
                ranked.append((self._rank(keyword, schema), keyword, kept))
        ranked.sort(key=lambda entry: entry[0])
        return _with_one_limit({keyword: value for _, keyword, value in ranked})

    def _keyword(self, keyword: str, value: Any, path: str) -> Any:
        if keyword in UNSUPPORTED and self._like == "server":
            text = f"mParticle does not support {keyword!r}, and nothing is checked for it"
            self.add(path, text, "unsupported_keyword")
            return value
        form = _FORMS.get(keyword)
        wrong = form(value) if form is not None else None
        if wrong is not None:
            self.add(path, f"{brief(value)} {wrong}")
            return value
        inside = _INSIDE.get(keyword)
        if inside is not None:
            return inside(self, value, path)
        if keyword == "pattern":
            self._pattern(value, path)
        if keyword == "format" and value not in FORMATS and self._like == "node":
            self.add(path, f"{brief(value)} is no format; write one of {', '.join(FORMATS)}")
        return value

    def _rank(self, keyword: str, schema: dict[str, Any]) -> tuple[int, ...]:
        if keyword == "type":
            kind = schema["type"]
            # with keywords of its own kind, a type is reported among these
            group = _GROUP_OF_TYPE.get(kind, -1) if isinstance(kind, str) else -1
            return (-1,) if group < 0 or schema.keys().isdisjoint(_USED_BY[kind]) else (group, 99)
        return _RANKS.get(keyword, (99,))

    def _pattern(self, value: str, path: str) -> None:
        try:
            compiled(value)
        except Unreadable as error:
            if error.in_javascript:
                text = f"the pattern {brief(value)} cannot be checked in Python: {error}"
                self.add(path, text, "unread_pattern")
            else:
                self.add(path, f"{brief(value)} is no regular expression: {error}")

    def _one(self, value: Any, path: str) -> Any:
        return self.schema(value, path)

    def _list(self, value: list[Any], path: str) -> Any:
        return [self.schema(each, f"{path}/{place}") for place, each in enumerate(value)]

    def _map(self, value: dict[str, Any], path: str) -> Any:
        return {name: self.schema(each, f"{path}/{name}") for name, each in ordered(value).items()}

    def _patterns(self, value: dict[str, Any], path: str) -> Any:
        for name in value:
            self._pattern(name, f"{path}/{name}")
        return self._map(value, path)

    def _either(self, value: Any, path: str) -> Any:
        return self._list(value, path) if isinstance(value, list) else self._one(value, path)

    def _dependencies(self, value: dict[str, Any], path: str) -> Any:
        kept = {}
        for name, each in value.items():
            wrong = _names(each) if isinstance(each, list) else None
            if wrong is not None:
                self.add(f"{path}/{name}", f"{brief(each)} {wrong}")
            kept[name] = each if isinstance(each, list) else self.schema(each, f"{path}/{name}")
        return kept


MAPS_OF_SCHEMAS = ("properties", "definitions", "patternProperties", "dependencies")
HOLDERS_OF_SCHEMAS = (
    *("items", "additionalItems", "additionalProperties", "contains", "propertyNames"),
    *("allOf", "anyOf", "oneOf", "not", "if", "then", "else"),
)
_INSIDE: dict[str, Callable[[_Walk, Any, str], Any]] = {
    **dict.fromkeys(("properties", "definitions"), _Walk._map),
    "patternProperties": _Walk._patterns,
    "items": _Walk._either,
    "dependencies": _Walk._dependencies,
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), _Walk._list),
    **dict.fromkeys(
        ("additionalItems", "additionalProperties", "contains", "propertyNames"), _Walk._one
    ),
    **dict.fromkeys(("not", "if", "then", "else"), _Walk._one),
}


def _with_one_limit(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without the milder one of two limits on the same side."""
    for inclusive, exclusive, sign in (
        ("maximum", "exclusiveMaximum", 1),
        ("minimum", "exclusiveMinimum", -1),
    ):
        limits = schema.get(inclusive), schema.get(exclusive)
        if all(_number(limit) is None for limit in limits):
            milder = exclusive if sign * limits[0] < sign * limits[1] else inclusive  # type: ignore[operator]
            schema = {keyword: value for keyword, value in schema.items() if keyword != milder}
    return schema


# The form of each keyword's value: what is wrong with it, or None.


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "is no text"


def _uri(value: Any) -> str | None:
    return _text(value) or (None if FORMATS["uri"](value) else "is no URI")


def _reference(value: Any) -> str | None:
    return _text(value) or (None if _is_reference(value) else "is no URI reference")


def _is_reference(text: str) -> bool:
    try:
        urlsplit(text)  # as the library does, which would raise for each batch
    except ValueError:
        return False
    return FORMATS["uri-reference"](text)


def _not_empty(value: Any) -> str | None:
    return "is an empty list" if value == [] else None


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "is neither true nor false"


def _number(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "is no number"
    # as JSON's 1e400 is read; the float of a large whole number would overflow
    return "is no finite number" if isinstance(value, float) and not isfinite(value) else None


def _positive(value: Any) -> str | None:
    return _number(value) or (None if value > 0 else "is not above 0")


def _count(value: Any) -> str | None:
    return _number(value) or (
        None if value >= 0 and value == int(value) else "is no whole number from 0"
    )


def _list_of(value: Any) -> str | None:
    return None if isinstance(value, list) else "is no list"


def _full_list(value: Any) -> str | None:
    return _list_of(value) or (None if value else "is an empty list")


def _object(value: Any) -> str | None:
    return None if isinstance(value, dict) else "is no object"


def _names(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return "is no list of names"
    return None if len(set(value)) == len(value) else "names one twice"


def _words(value: Any) -> str | None:
    twice = any(same(one, other) for one, other in _pairs(value)) if isinstance(value, list) else 0
    return _full_list(value) or ("has one value twice" if twice else None)


def _pairs(values: list[Any]) -> Iterator[tuple[Any, Any]]:
    if all(isinstance(value, str) for value in values):  # nearly always
        if len(set(values)) < len(values):
            yield values[0], values[0]
        return
    for place, value in enumerate(values):
        for other in values[:place]:
            yield value, other


def _types(value: Any) -> str | None:
    allowed = f"; write one of {', '.join(TYPES)}"
    if isinstance(value, list):
        known = all(isinstance(kind, str) and kind in TYPES for kind in value)
        return _names(value) or _full_list(value) or (None if known else f"has no types{allowed}")
    return None if isinstance(value, str) and value in TYPES else f"is no type{allowed}"


_FORMS: dict[str, Callable[[Any], str | None]] = {
    "type": _types,
    "enum": _words,
    "required": _names,
    "uniqueItems": _flag,
    "multipleOf": _positive,
    "examples": _list_of,
    **dict.fromkeys(("maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"), _number),
    **dict.fromkeys(("maxLength", "minLength", "maxItems", "minItems"), _count),
    **dict.fromkeys(("maxProperties", "minProperties"), _count),
    **dict.fromkeys(("pattern", "format", "$comment"), _text),
    **dict.fromkeys(("$ref", "$id"), _reference),
    "$schema": _uri,
    "items": _not_empty,
    **dict.fromkeys(("title", "description", "contentMediaType", "contentEncoding"), _text),
    **dict.fromkeys(("readOnly",), _flag),
    **dict.fromkeys(("properties", "definitions", "patternProperties", "dependencies"), _object),
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), _full_list),
}
