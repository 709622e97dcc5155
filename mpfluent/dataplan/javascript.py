"""Values as JavaScript has them: numbers, texts, and the order of names.

The vendor's validator runs in JavaScript, and a plan is written for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from json.encoder import encode_basestring as quoted
from typing import Any

from ..errors import InvalidValue, brief

_EXACT = 2**53  # integers beyond it lose digits
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")  # names that JavaScript sorts: those of an array
_LAST_INDEX = 2**32 - 2


def cleaned(value: Any, path: str, *, in_list: bool = False) -> Any:
    """Return plain JSON data without the nulls of its objects, with numbers as JavaScript has them.

    Args:
        value: JSON data; a number may be a ``Decimal``.
        path: where it stands, for an error.
        in_list: whether it stands in a list, where nulls stay, at all depths.

    Raises:
        InvalidValue: something in it is no JSON.

    >>> cleaned({"a": None, "b": [None, Decimal("1.5")]}, "batch")
    {'b': [None, 1.5]}
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is dict:
        kept = {}
        for name, item in value.items():
            if item is None and not in_list:
                continue
            scalar = type(item)
            if scalar is str or scalar is bool:
                kept[name] = item
            else:
                kept[name] = cleaned(item, f"{path}.{name}", in_list=in_list)
        return ordered(kept, path)
    if kind is int:
        return integer(value)
    if kind is float and math.isfinite(value):
        return value
    if kind is Decimal and value.is_finite():
        return _whole_or_float(value)
    if kind is list or kind is tuple:
        return [cleaned(item, f"{path}[{place}]", in_list=True) for place, item in enumerate(value)]
    if isinstance(value, Mapping):
        return cleaned(dict(value), path, in_list=in_list)
    raise InvalidValue(
        f"validate(): {path} is {brief(value)}, which JSON does not have; write text, a number, "
        "True, False, a list or a dict"
    )


def integer(value: str | int) -> float:
    """Return an integer as JavaScript has it: beyond 2**53, it loses digits.

    >>> integer("9007199254740993")
    9007199254740992.0
    """
    exact = int(value)
    try:
        return exact if -_EXACT < exact < _EXACT else float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _whole_or_float(value: Decimal) -> float:
    number = float(value)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def ordered(names: dict[Any, Any], path: str = "") -> dict[Any, Any]:
    """Return a mapping in JavaScript's order: names that look like integers come first.

    Raises:
        InvalidValue: a name is no text.

    >>> ordered({"b": 1, "10": 2, "9": 3, "01": 4})
    {'9': 3, '10': 2, 'b': 1, '01': 4}
    """
    try:
        if not any(name[:1].isdigit() for name in names):
            return names
    except (TypeError, AttributeError):
        wrong = next(name for name in names if not isinstance(name, str))
        raise InvalidValue(
            f"validate(): {path} has the name {brief(wrong)}: want text; write {str(wrong)!r}"
        ) from None
    first = [name for name in names if _INDEX.fullmatch(name) and int(name) <= _LAST_INDEX]
    return {name: names[name] for name in (*sorted(first, key=int), *names)}


def text_of_number(number: float) -> str:
    """Return a number as JavaScript prints it.

    >>> [text_of_number(n) for n in (5.0, 1e21, 0.000001, 1e-7, 123456789012345680000, -0.5)]
    ['5', '1e+21', '0.000001', '1e-7', '123456789012345680000', '-0.5']
    """
    if type(number) is int and abs(number) < _EXACT:
        return str(number)
    number = float(number)
    if math.isinf(number):
        return "null"  # as JSON.stringify does
    if number.is_integer() and abs(number) < 1e21:
        # the shortest digits that mean this number, filled with zeros
        digits, _, exponent = repr(abs(number)).partition("e")
        whole, _, rest = digits.partition(".")
        places = int(exponent or 0)
        rest = rest.rstrip("0")
        shown = whole + rest + "0" * (places - len(rest)) if places else whole
        return f"-{shown}" if number < 0 else shown
    shown = repr(number)
    if "e" in shown:
        digits, _, exponent = shown.partition("e")
        places = int(exponent)
        if -7 < places < 0:
            return f"{Decimal(shown):f}"
        return f"{digits.removesuffix('.0')}e{places:+d}"
    return shown


def text_of(value: Any) -> str:
    """Return what JavaScript makes of a value as a part of a text; of nothing, no text.

    >>> text_of(None), text_of(5.0), text_of(True), text_of(["a", 1]), text_of({})
    ('', '5', 'true', 'a,1', '[object Object]')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return text_of_number(float(value) if isinstance(value, Decimal) else value)
    return ",".join(map(text_of, value)) if isinstance(value, list) else "[object Object]"


def json_of(value: Any) -> str:
    """Return a value as JSON text, as JavaScript prints it.

    >>> json_of({"a": [1.0, None, "é"]})
    '{"a":[1,null,"é"]}'
    """
    if isinstance(value, (dict, Mapping)):
        entries = ordered(dict(value)).items()
        return f"{{{','.join(f'{quoted(name)}:{json_of(item)}' for name, item in entries)}}}"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(json_of, value))}]"
    if value is None:
        return "null"
    return quoted(value) if isinstance(value, str) else text_of(value)


def same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal: True is not 1, and 1 is 1.0.

    >>> same([1, {"a": True}], [1.0, {"a": True}]), same(True, 1)
    (True, False)
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
