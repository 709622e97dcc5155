"""The schema of one attribute, as a type of Python and as words."""

from __future__ import annotations

import re
from collections.abc import Collection
from math import isfinite
from typing import Any, NamedTuple

from ..formatting.code_layout import quoted
from .docstrings import width

_TYPES = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"}
_MOST_CHOICES = 8  # that are named in a docstring; the type has them all
_FRACTION = "float"
_WHOLE = 2**63  # a number from here on is none of JSON's integers for mParticle
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


def suits(planned: Kind, types: Collection[str]) -> bool:
    """Return whether all choices of a plan are of these types of Python.

    >>> suits(kind_of({"enum": [1, 2]}), ("Decimal", "float"))
    True
    """
    numbers = {_FRACTION, "int"} & {*types}
    known = {*types, *([_FRACTION] if numbers else [])}
    return bool(planned.choices) and {_type_of_literal(each) for each in planned.choices} <= known


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
        return _ANY
    kinds = schema.get("type", [])
    kinds = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]
    words = schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else None
    if words is not None:
        return _chosen(words, kinds, schema)
    if not kinds and "type" not in schema:
        return Kind(("Scalar", "Sequence[Scalar]") if lists else ("Scalar",), (), limits_of(schema))
    types = [_TYPES[kind] for kind in kinds if kind in _TYPES]
    limits = limits_of(schema)
    if "array" in kinds and lists:
        inside = kind_of(schema.get("items")) if not isinstance(schema.get("items"), list) else _ANY
        types += [f"Sequence[{_short(inside)}]"] if inside.is_possible else []
        limits = "; ".join(filter(None, (limits, inside.limits and f"each {inside.limits}")))
    if "float" in types and "int" in types:
        types.remove("int")
    return Kind(tuple(dict.fromkeys(types)), (), limits)


_ANY = Kind(("Scalar",), (), "")
_LONGEST = 24  # columns of the type of a list's entries, so that its line need not be broken


def _short(kind: Kind) -> str:
    """Return the type of a list's entries; the docstring has what is too long for one."""
    said = type_of(kind)
    if width(said) <= _LONGEST:
        return said
    types = {_type_of_literal(choice) for choice in kind.choices}
    return types.pop() if len(types) == 1 else "Scalar"


def type_of(kind: Kind) -> str:
    """Return what a value may be, as a type of Python.

    >>> type_of(kind_of({"enum": ["a", "b"]}))
    'Literal["a", "b"]'
    """
    return " | ".join(kind.types) or f"Literal[{', '.join(kind.choices)}]"


def _chosen(words: list[Any], kinds: list[str], schema: dict[str, Any]) -> Kind:
    known = [(literal, word) for word in words if (literal := _literal(word, kinds)) is not None]
    literals = list(dict.fromkeys(literal for literal, _ in known))
    if _FRACTION in literals:  # of which there are no literal types
        shown = [str(word) for _, word in known]
        more = ", …" if len(shown) > _MOST_CHOICES else ""
        types = tuple(dict.fromkeys(_type_of_literal(literal) for literal in literals))
        return Kind(types, (), f"one of {', '.join(shown[:_MOST_CHOICES])}{more}")
    if len(literals) > _MOST_CHOICES:
        return Kind((), tuple(literals), f"one of {len(literals)} values")
    *first, last = literals or [""]
    limits = f"{', '.join(first)} or {last}" if first else last
    return Kind((), tuple(literals), limits)


def _type_of_literal(literal: str) -> str:
    return "str" if literal[0] in "\"'" else "bool" if literal in ("True", "False") else _FRACTION


def _literal(word: Any, kinds: list[str]) -> str | None:
    """Return a choice as Python has it: ``_FRACTION`` for one, None if it cannot be sent."""
    if isinstance(word, str):
        return _of_text(word, kinds)
    if isinstance(word, bool):
        return str(word) if not kinds or "boolean" in kinds else None
    is_number = not kinds or {"number", "integer"} & {*kinds}
    if not isinstance(word, int | float) or not is_number:
        return None
    if isinstance(word, float) and not word.is_integer():  # NaN and infinity, too
        return _FRACTION if isfinite(word) and (not kinds or "number" in kinds) else None
    return str(int(word)) if -_WHOLE < word < _WHOLE else None


def _of_text(word: str, kinds: list[str]) -> str | None:
    if not kinds or "string" in kinds:
        return quoted(word) if is_text(word) else None
    if "boolean" in kinds and word in ("true", "false"):
        return word.capitalize()
    is_number = ("number" in kinds or "integer" in kinds) and _NUMBER.fullmatch(word)
    return str(int(word)) if is_number else None


def is_text(word: str) -> bool:
    """Return whether UTF-8 can carry a text: it cannot carry half of a letter."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


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
