"""Whether a schema allows all that another one did, as far as their own keywords say."""

from __future__ import annotations

from typing import Any

from .definitions import adapted
from .javascript import same

# Keywords that allow more the larger, or the smaller, their number is.
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
# Keywords that refuse anything else when they change. What mParticle ignores is not among them.
_RULES = ("pattern", "format", "multipleOf", "uniqueItems", "contains", "propertyNames")
_COUNTED = ("minLength", "minItems", "minProperties")


def allows_all(was: Any, now: Any) -> bool:
    """Return whether a schema allows every value that another one did.

    Properties are left to the caller. What is not known to allow more counts as less.

    Args:
        was: the schema as it was; None for one that says nothing.
        now: as it is.

    >>> allows_all({"type": "integer", "maximum": 5}, {"type": ["number", "string"]})
    True
    >>> allows_all({"enum": ["a", "b"]}, {"const": "a"})
    False
    """
    if was is False or now is None or now is True or same(was, now):
        return True
    if not isinstance(now, dict):
        return False
    was = was if isinstance(was, dict) else {}
    choices = choices_of(was)
    if choices is not None:
        return all(_is_valid(choice, now) for choice in choices)
    if choices_of(now) is not None or not _types(was) <= _types(now):
        return False
    inside = ("items", "additionalProperties")
    if not all(allows_all(was.get(keyword), now.get(keyword)) for keyword in inside):
        return False
    ruling = (*_UPPER, *_LOWER, *_RULES)
    return all(_is_milder(keyword, was, now) for keyword in ruling if keyword in now)


def choices_of(schema: Any) -> list[Any] | None:
    """Return the values that a schema lists; None if it lists none."""
    if not isinstance(schema, dict):
        return None
    if "const" in schema:
        return [schema["const"]]
    return schema["enum"] if isinstance(schema.get("enum"), list) else None


def _types(schema: dict[str, Any]) -> set[str]:
    kinds = schema.get("type", ["array", "boolean", "number", "null", "object", "string"])
    found = {kinds} if isinstance(kinds, str) else {*kinds}
    return found | {"integer"} if "number" in found else found


def _is_milder(keyword: str, was: dict[str, Any], now: dict[str, Any]) -> bool:
    """Return whether a keyword refuses nothing that was allowed."""
    if now[keyword] is False or (keyword in _COUNTED and now[keyword] <= 0):
        return True  # such as uniqueItems, or minLength: all is allowed
    if keyword in _RULES:
        return keyword in was and same(was[keyword], now[keyword])
    limits = [_limit(each, was) for each in _alike(keyword) if each in was]
    return bool(limits) and _limit(keyword, now) >= min(limits)


def _limit(keyword: str, schema: dict[str, Any]) -> tuple[float, bool]:
    """Return a limit as what can be compared: the larger it is, the more it allows."""
    sign = 1 if keyword in _UPPER else -1
    return sign * schema[keyword], not keyword.startswith("exclusive")


def _alike(keyword: str) -> tuple[str, ...]:
    """Return the keywords that limit the same side of the same thing."""
    for group in (_UPPER[:2], _LOWER[:2]):
        if keyword in group:
            return group
    return (keyword,)


def _is_valid(value: Any, schema: Any) -> bool:
    from .server_keywords import VALIDATORS  # it loads the library, which is slow to import

    return bool(VALIDATORS["server"](adapted(schema, "server")[0]).is_valid(value))
