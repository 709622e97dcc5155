"""Values as JSON text: one function a shape, generated, and the plain way for all else.

The text of a record is a line with holes. Which fields it has, its shape, comes back again and
again, so the line is worked out once, and filling it in is cheaper than building dicts for a JSON
encoder. Every number is written exactly.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from json.encoder import encode_basestring as quoted  # the one that leaves é as it is
from typing import Any

from .errors import InvalidValue, brief
from .fields import Field
from .frozen import Frozen
from .frozen_map import FrozenMap
from .shapes import MOST_NAMES, Counter, compiled, taken

Writer = Callable[[Any], str]


def number(value: Any) -> str:
    """Return a number's digits, all of them.

    >>> number(Decimal("0.1000000000000000000001")), number(0.1), number(-3)
    ('0.1000000000000000000001', '0.1', '-3')
    """
    return _decimal(value) if type(value) is Decimal else repr(value)


def _decimal(value: Decimal) -> str:
    text = str(value)
    # with a point, a whole number that no 64-bit integer holds is read as what it is
    return text if len(text) < 19 or not text.lstrip("-").isdigit() else text + ".0"


_SCALARS: dict[type, Writer] = {
    str: quoted,
    int: int.__repr__,
    float: float.__repr__,
    bool: lambda value: "true" if value else "false",
    Decimal: _decimal,
    type(None): lambda value: "null",
    tuple: lambda value: f"[{','.join(map(anything, value))}]",
}


def scalars(value: FrozenMap[Any]) -> str:
    """Return the text of a map of flat values, lists of them, and None."""
    names, values = value._state
    line = _map_lines.get(names)
    if line is not None:
        return line(values)
    if _map_shapes.comes_back(names) and len(names) < MOST_NAMES:
        _map_lines[names] = _map_line(names, _SCALAR, {"quoted": quoted, "write": _SCALARS})
    write = _SCALARS
    pairs = zip(names, values)
    return f"{{{','.join([f'{quoted(key)}:{write[type(item)](item)}' for key, item in pairs])}}}"


_map_lines: dict[tuple[str, ...], Writer] = {}
_map_shapes = Counter()


_SCALAR = "quoted({v}) if type({v}) is str else write[type({v})]({v})"


def _map_line(keys: tuple[str, ...], hole: str, names: dict[str, Any]) -> Writer:
    """Return the function that writes the values of a map with these names."""
    holes = []
    for place, key in enumerate(keys):
        names[f"k{place}"] = f"{quoted(key)}:"
        holes.append(f"{{k{place}}}{{{hole.replace('{v}', f'v{place}')}}}")
    text = f"{{{{{','.join(holes)}}}}}"
    return compiled("def write_map(values):", [*taken(len(keys)), f"return f'{text}'"], names)


def anything(value: Any) -> str:
    """Return the text of whatever a field holds."""
    write = _SCALARS.get(type(value))
    if write is not None:
        return write(value)
    if isinstance(value, FrozenMap):
        pairs = zip(value._keys, value._values)
        return f"{{{','.join([f'{quoted(key)}:{anything(item)}' for key, item in pairs])}}}"
    return write_record(value)


# How a field stands in the line, by kind: the hole, for a value v and a writer w.
_HOLES = {
    "text": "{quoted({v})}",
    "string": "{quoted({v})}",
    "word": "{quoted({v})}",
    "uuid": '"{{v}}"',
    "ip": '"{{v}}"',
    "integer": "{{v}}",
    "instant": "{{v}}",
    "flag": '{"true" if {v} else "false"}',
    "number": "{{v} if type({v}) is float or type({v}) is int else number({v})}",
    "scalars": "{scalars({v})}",
    "strings": "{scalars({v})}",
    "attributes": "{scalars({v})}",
}


def _line(cls: type[Frozen], keys: tuple[str, ...]) -> Writer:
    """Return the function that writes the values of a record with these keys."""
    names: dict[str, Any] = {
        "quoted": quoted,
        "number": number,
        "scalars": scalars,
        "anything": anything,
    }
    holes = []
    for place, key in enumerate(keys):
        field = cls._wire[key]
        hole = _hole(field, f"w{place}", names).replace("{v}", f"v{place}")
        holes.append(f'"{key}":{hole}')
    inside = ",".join(holes)
    text = f"{{{{{inside}}}}}"
    event_type = getattr(cls, "event_type", None)
    if event_type is not None:
        text = f'{{{{"event_type":"{event_type}","data":{text}}}}}'
    return compiled("def write(values):", [*taken(len(keys)), f"return f'{text}'"], names)


def _hole(field: Field[Any], writer: str, names: dict[str, Any]) -> str:
    if field.kind in _HOLES and not field.null:
        return _HOLES[field.kind]
    if hasattr(field.check, "words") and field.read is None:
        return '"{{v}}"'
    if field.kind == "record" and not field.null:
        names[writer] = record_writer(field.of)
        return f"{{{writer}({{v}})}}"
    if field.kind == "records_by_name":
        names[writer] = _named(record_writer(field.of))
        return f"{{{writer}({{v}})}}"
    if field.kind == "records":
        names[writer] = record_writer(field.of)
        return f'[{{",".join(map({writer}, {{v}}))}}]'
    return "{anything({v})}"


def _named(write: Writer) -> Writer:
    lines: dict[tuple[str, ...], Writer] = {}
    shapes = Counter()

    def named(value: FrozenMap[Any]) -> str:
        names, values = value._state
        line = lines.get(names)
        if line is not None:
            return line(values)
        if len(names) < MOST_NAMES and shapes.comes_back(names):
            lines[names] = _map_line(names, "write({v})", {"write": write})
        pairs = zip(names, values)
        return f"{{{','.join([f'{quoted(key)}:{write(item)}' for key, item in pairs])}}}"

    return named


_writers: dict[type[Frozen], Writer] = {}


def record_writer(cls: type[Frozen]) -> Writer:
    """Return the function that writes a value of this class; an event comes in its wrapper."""
    writer = _writers.get(cls)
    if writer is None:
        writer = _writers.setdefault(cls, _record_writer(cls))
    return writer


def write_record(value: Frozen) -> str:
    """Return the text of a value, of whatever class."""
    return record_writer(type(value))(value)


def _record_writer(cls: type[Frozen]) -> Writer:
    lines: dict[tuple[str, ...], Writer] = {}
    shapes = Counter()
    event_type = getattr(cls, "event_type", None)
    head, tail = (f'{{"event_type":"{event_type}","data":{{', "}}") if event_type else ("{", "}")

    def write(value: Frozen) -> str:
        keys, values = value._state
        line = lines.get(keys)
        if line is not None:
            return line(values)
        if shapes.comes_back(keys):
            lines[keys] = _line(cls, keys)
        pairs = zip(keys, values)
        return f"{head}{','.join([f'{quoted(key)}:{anything(item)}' for key, item in pairs])}{tail}"

    def write_chain(value: Any) -> str:
        events = value._events()
        context = write(value)
        if not events:
            return context
        comma = "," if value._keys else ""
        texts = [(_writers.get(type(event)) or write_record)(event) for event in events]
        return f'{context[:-1]}{comma}"events":[{",".join(texts)}]}}'

    return write_chain if "events" in cls._wire else write


# Plain data, to text and back


def plain(data: Any, indent: int | None = None) -> str:
    """Return the JSON text of dicts, lists and scalars; Decimals keep their digits.

    Args:
        data: what ``to_dict`` returns, or ``json.loads``.
        indent: spaces a level; None for one compact line.

    >>> plain({"price": Decimal("0.1000000000000000000001")})
    '{"price":0.1000000000000000000001}'
    """
    return _plain(data, indent, "\n")


def _plain(data: Any, indent: int | None, line: str) -> str:
    if isinstance(data, Decimal):
        return _decimal(data)
    if not isinstance(data, dict | list) or not data:
        return json.dumps(data, ensure_ascii=False, allow_nan=False)
    inner = line + " " * (indent or 0)
    colon, start, comma, end = (
        (":", "", ",", "") if indent is None else (": ", inner, f",{inner}", line)
    )
    if isinstance(data, list):
        items = [_plain(item, indent, inner) for item in data]
        return f"[{start}{comma.join(items)}{end}]"
    items = [f"{quoted(key)}{colon}{_plain(item, indent, inner)}" for key, item in data.items()]
    return f"{{{start}{comma.join(items)}{end}}}"


def parsed(text: str | bytes | bytearray) -> Any:
    """Return what JSON text says; a number that a float would round becomes a Decimal."""
    if not isinstance(text, str | bytes | bytearray):
        raise InvalidValue(f"from_json({brief(text)}): want JSON text, got {type(text).__name__}")
    try:
        return json.loads(text, parse_float=_exact, parse_constant=_refuse)
    except InvalidValue:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"from_json(): not JSON: {error}") from None


def _exact(digits: str) -> Any:
    near = float(digits)
    if repr(near) == digits:
        return near
    try:
        exact = Decimal(digits)
    except ArithmeticError:
        raise InvalidValue(
            f"from_json(): {brief(digits)} is not a number that JSON can carry"
        ) from None
    return near if exact == Decimal(repr(near)) else exact


def _refuse(constant: str) -> Any:
    raise InvalidValue(f"from_json(): {constant} is not a number that JSON can carry")
