"""JSON Schema as mParticle's server is documented to read it: what converts to a type is of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from jsonschema import ValidationError
from jsonschema.validators import create, extend

from .definitions import UNSUPPORTED, Like
from .javascript import text_of
from .keywords import (
    LIMITS,
    NODE,
    SCALARS,
    Errors,
    Keyword,
    check_const,
    check_enum,
    check_format,
    check_multiple_of,
    check_pattern,
    find_nothing,
    is_of,
    listed_types,
)

_DIGITS = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_FLAGS = {"true": True, "false": False}


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value


def _flag(value: Any) -> Any:
    return _FLAGS.get(value.lower(), value) if isinstance(value, str) else value


def _text(value: Any) -> Any:
    return text_of(value) if isinstance(value, bool | int | float) else value


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "number": _number,
    "integer": _number,
    "boolean": _flag,
    "string": _text,
}


def converted(validator: Any, value: Any, kinds: Any) -> Any:
    """Return a value as the first of these types that takes it, or as it is.

    Args:
        validator: which knows what is of a type.
        value: plain JSON data.
        kinds: a type, or several.
    """
    if is_of(validator, value, kinds):
        return value
    for kind in listed_types(kinds):
        if kind in _CONVERT:
            read = _CONVERT[kind](value)
            if validator.is_type(read, kind):
                return read
    return value


def _server_type(validator: Any, kinds: Any, instance: Any, schema: Any) -> Errors:
    if is_of(validator, instance, kinds):
        return ()
    if is_of(validator, converted(validator, instance, kinds), kinds):
        return ()
    return (ValidationError(",".join(listed_types(kinds))),)


def _after_conversion(keyword: Keyword) -> Keyword:
    def check(validator: Any, argument: Any, instance: Any, schema: Any) -> Errors:
        kinds = schema.get("type")
        read = instance if kinds is None else converted(validator, instance, kinds)
        return keyword(validator, argument, read, schema)

    return check


def _server_enum(validator: Any, words: list[Any], instance: Any, schema: Any) -> Errors:
    if any(_alike(word, instance) for word in words):
        return ()
    return check_enum(validator, words, instance, schema)


def _server_const(validator: Any, word: Any, instance: Any, schema: Any) -> Errors:
    return () if _alike(word, instance) else check_const(validator, word, instance, schema)


def _alike(word: Any, value: Any) -> bool:
    """Return whether two scalars are written alike: 42 and "42" are."""
    if type(word) is str and word == value:
        return True
    if not isinstance(word, SCALARS) or not isinstance(value, SCALARS):
        return False
    return bool(_flag(_text(word)) == _flag(_text(value)))


_OF_SCALARS: dict[str, Keyword] = {
    **LIMITS,
    "multipleOf": check_multiple_of,
    "pattern": check_pattern,
    "format": check_format,
}
_SERVER = extend(
    NODE,
    {
        **{name: _after_conversion(keyword) for name, keyword in _OF_SCALARS.items()},
        **dict.fromkeys(UNSUPPORTED, find_nothing),
        "type": _server_type,
        "enum": _server_enum,
        "const": _server_const,
    },
)
# made anew, as in draft-07 nothing beside a $ref counts
SERVER = create(
    meta_schema=_SERVER.META_SCHEMA,
    validators=_SERVER.VALIDATORS,
    type_checker=_SERVER.TYPE_CHECKER,
)

VALIDATORS: dict[Like, Any] = {"node": NODE, "server": SERVER}
"""The class of validators for each reading."""
