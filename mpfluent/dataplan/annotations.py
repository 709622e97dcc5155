"""The schema of one attribute, as a type of Python and as words."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ..formatting.code_layout import quoted

_TYPES = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"}
_MOST_CHOICES = 8  # that are named in a docstring; the type has them all
_FRACTION = "float"
_NUMBER = re.compile(r"-?\d{1,15}")


class Kind(NamedTuple):
    """What an attribute may be.

    Attributes:
        types: of Python, such as ("str", "float").
        choices: literals of Python, if these are all that it may be.
        limits: words about its values, or "".
    """

    types: tuple[str, ...]
    choices: tuple[str, ...]
    limits: str

    @property
    def is_possible(self) -> bool:
        """Whether any value of Python can be sent for it."""
        return bool(self.types or self.choices)


def kind_of(schema: Any, *, lists: bool = False) -> Kind:
    """Return what an attribute with this schema may be; null is left to the caller.

    Args:
        schema: of the attribute, as the server reads it.
        lists: whether it may be a list, as attributes of users may.

    >>> kind_of({"type": "number", "minimum": 1, "maximum": 20})
    Kind(types=('float',), choices=(), limits='1 to 20')
    >>> kind_of({"type": ["string", "null"], "enum": ["a", "b", "null"]}).choices
    ('"a"', '"b"', '"null"')
    >>> kind_of({"type": "object"}).is_possible
    False
    """
    if schema is False:
        return Kind((), (), "")
    if not isinstance(schema, dict):
        return Kind(("Scalar",), (), "")
    kinds = schema.get("type", [])
    kinds = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]
    words = schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else None
    if words is not None:
        return _chosen(words, kinds, schema)
    if not kinds and "type" not in schema:
        return Kind(("Scalar", "Sequence[Scalar]") if lists else ("Scalar",), (), limits_of(schema))
    types = [_TYPES[kind] for kind in kinds if kind in _TYPES]
    if "array" in kinds and lists:
        types.append(_list_of(schema.get("items")))
    if "float" in types and "int" in types:
        types.remove("int")
    return Kind(tuple(dict.fromkeys(types)), (), limits_of(schema))


def _list_of(items: Any) -> str:
    inside = kind_of(items) if not isinstance(items, list) else kind_of(None)
    one = inside.types[0] if len(inside.types) == 1 else "Scalar"
    return f"Sequence[{one}]"


def _chosen(words: list[Any], kinds: list[str], schema: dict[str, Any]) -> Kind:
    literals = [literal for word in words if (literal := _literal(word, kinds)) is not None]
    if _FRACTION in literals:  # of which there are no literal types
        said = "one of " + ", ".join(map(str, words[:_MOST_CHOICES]))
        return Kind(("float",), (), said + (", …" if len(words) > _MOST_CHOICES else ""))
    literals = list(dict.fromkeys(literals))
    if len(literals) > _MOST_CHOICES:
        return Kind((), tuple(literals), f"one of {len(literals)} values")
    *first, last = literals or [""]
    limits = f"{', '.join(first)} or {last}" if first else last
    return Kind((), tuple(literals), limits)


def _literal(word: Any, kinds: list[str]) -> str | None:
    """Return a choice as Python has it: ``_FRACTION`` for one, None if it cannot be sent."""
    if isinstance(word, str):
        if not kinds or "string" in kinds:
            return quoted(word)
        if "boolean" in kinds and word in ("true", "false"):
            return word.capitalize()
        is_number = ("number" in kinds or "integer" in kinds) and _NUMBER.fullmatch(word)
        return str(int(word)) if is_number else None
    if isinstance(word, bool):
        return str(word) if not kinds or "boolean" in kinds else None
    if isinstance(word, int | float) and (not kinds or {"number", "integer"} & {*kinds}):
        return str(int(word)) if float(word).is_integer() else _FRACTION
    return None


def limits_of(schema: dict[str, Any]) -> str:
    """Return what a schema says of values, in words.

    >>> limits_of({"exclusiveMinimum": 0, "maxLength": 8, "pattern": "^a", "format": "email"})
    'above 0, at most 8 characters, matches ^a, format email'
    """
    said = [_range(schema, "minimum", "maximum", ""), _range(schema, *_LENGTHS, " characters")]
    said.append(_range(schema, "minItems", "maxItems", " entries"))
    said[1:1] = [f"{word} {schema[key]}" for key, word in _BOUNDS.items() if key in schema]
    said += [f"{word} {schema[key]}" for key, word in _RULES.items() if key in schema]
    return ", ".join(filter(None, said))


_LENGTHS = ("minLength", "maxLength")
_BOUNDS = {
    "exclusiveMinimum": "above",
    "exclusiveMaximum": "below",
    "multipleOf": "a multiple of",
}
_RULES = {"pattern": "matches", "format": "format"}


def _range(schema: dict[str, Any], least: str, most: str, unit: str) -> str:
    if least in schema and most in schema:
        return f"{schema[least]} to {schema[most]}{unit}"
    if least in schema:
        return f"at least {schema[least]}{unit}"
    return f"at most {schema[most]}{unit}" if most in schema else ""
