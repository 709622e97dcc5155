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

from ..errors import InvalidValue, brief
from ..values.codegen import EachClass, Lines, Values, compiled, taken
from ..values.fields import Field
from ..values.foreign import is_a, itself
from ..values.frozen import Frozen
from ..values.frozen_map import FrozenMap

Writer = Callable[[Any], str]
Names = tuple[str, ...]


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


def _line(text: str, count: int, names: dict[str, Any]) -> Writer:
    """Return the function that fills values into an f-string."""
    return compiled("def line(values):", [*taken(count), f"return f'{text}'"], names)


def _map_line(keys: tuple[str, ...], hole: str, names: dict[str, Any]) -> Writer:
    """Return the function that writes a map with these names."""
    holes = []
    for place, key in enumerate(keys):
        names[f"k{place}"] = f"{',' if place else '{'}{quoted(key)}:"
        holes.append(f"{{k{place}}}{{{hole.replace('{v}', f'v{place}')}}}")
    return _line(f"{''.join(holes)}}}}}", len(keys), names)


def _scalars(names: Names, values: Values) -> str:
    write = _SCALARS
    pairs = zip(names, values)
    return f"{{{','.join([f'{quoted(key)}:{write[type(item)](item)}' for key, item in pairs])}}}"


_SCALAR = "quoted({v}) if type({v}) is str else write[type({v})]({v})"

# Of all maps of flat values, lists of them, and None.
_maps = Lines(
    _scalars, lambda keys: _map_line(keys, _SCALAR, {"quoted": quoted, "write": _SCALARS})
)


def anything(value: Any) -> str:
    """Return the text of whatever a field holds."""
    write = _SCALARS.get(type(value))
    if write is not None:
        return write(value)
    names, values = value._state
    if isinstance(value, FrozenMap):
        return _map(names, values)
    return _lines[type(value)][names](values)


def _map(names: Names, values: Values) -> str:
    pairs = zip(names, values)
    return f"{{{','.join([f'{quoted(key)}:{anything(item)}' for key, item in pairs])}}}"


# How a field stands in the line, by kind: the hole, for a value v and the lines w of its class.
# A state is asked for once: a value with a __getattr__ takes 30 ns for each attribute.
_HOLES = {
    "text": "{quoted({v})}",
    "string": "{quoted({v})}",
    "uuid": '"{{v}}"',
    "ip": '"{{v}}"',
    "integer": "{{v}}",
    "instant": "{{v}}",
    "flag": '{"true" if {v} else "false"}',
    "number": "{repr({v}) if type({v}) is float or type({v}) is int else number({v})}",
    "scalars": "{maps[(s := {v}._state)[0]](s[1])}",
    "strings": "{maps[(s := {v}._state)[0]](s[1])}",
    "attributes": "{maps[(s := {v}._state)[0]](s[1])}",
    "record": "{{w}[(s := {v}._state)[0]](s[1])}",
    "records": '[{",".join([{w}[(s := item._state)[0]](s[1]) for item in {v}])}]',
    "records_by_name": "{{w}[(s := {v}._state)[0]](s[1])}",
}


def _record_line(cls: type[Frozen], keys: tuple[str, ...]) -> Writer:
    """Return the function that writes a record with these keys."""
    names: dict[str, Any] = {
        "quoted": quoted,
        "number": number,
        "maps": _maps,
        "anything": anything,
    }
    holes = []
    for place, key in enumerate(keys):
        field = cls._wire[key]
        hole = _hole(field)
        if field.kind.name == "records_by_name":
            names[f"w{place}"] = _named[field.of]
            hole = hole.replace("{w}", f"w{place}")
        elif "{w}" in hole:
            value = "item" if field.kind.name == "records" else "{v}"
            hole = hole.replace("{w}", _lines.look_up(field.of, value, f"w{place}", names))
        hole = hole.replace("{v}", f"v{place}")
        if not key.isidentifier():  # of somebody's own class
            names[f"k{place}"] = quoted(key)
        holes.append(f'"{key}":{hole}' if key.isidentifier() else f"{{k{place}}}:{hole}")
    head, tail = _frame(cls)
    names["head"] = head  # somebody's own event_type may be any text
    opening = "{{" if head == "{" else "{head}"
    return _line(f"{opening}{','.join(holes)}{'}}' * len(tail)}", len(keys), names)


def _hole(field: Field[Any]) -> str:
    if field.null:
        return "{anything({v})}"
    words = getattr(field.check, "words", ())
    if words and field.read is None and all(quoted(word) == f'"{word}"' for word in words):
        return '"{{v}}"'
    return _HOLES.get(field.kind.name, "{anything({v})}")


def _frame(cls: type[Frozen]) -> tuple[str, str]:
    """Return what stands around the fields; an event comes in its wrapper."""
    event_type = getattr(cls, "event_type", None)
    if event_type is None:
        return "{", "}"
    return f'{{"event_type":{quoted(event_type)},"data":{{', "}}"


def _lines_of(cls: type[Frozen]) -> Lines[str]:
    head, tail = _frame(cls)

    def plain(names: Names, values: Values) -> str:
        pairs = zip(names, values)
        inside = ",".join([f"{quoted(key)}:{anything(item)}" for key, item in pairs])
        return f"{head}{inside}{tail}"

    return Lines(plain, lambda keys: _record_line(cls, keys))


def _lines_of_named(cls: type[Frozen]) -> Lines[str]:
    names: dict[str, Any] = {}
    hole = f"{_lines.look_up(cls, '{v}', 'lines', names)}[(s := {{v}}._state)[0]](s[1])"
    return Lines(_map, lambda keys: _map_line(keys, hole, {**names}))


_lines = EachClass(_lines_of)
_named = EachClass(_lines_of_named)  # of maps from names to records


def write_record(value: Any) -> str:
    """Return the text of a value, of whatever class; an event comes in its wrapper."""
    if "events" not in value._wire:
        names, values = value._state
        return _lines[type(value)][names](values)
    context, events = write_pieces(value)
    if not events:
        return context
    comma = "," if value._state[0] else ""
    return f'{context[:-1]}{comma}"events":[{",".join(events)}]}}'


def write_pieces(chain: Any) -> tuple[str, list[str]]:
    """Return the text of all of a chain but its events, and of each event."""
    lines = _lines
    events = []
    node = chain._tail  # straight from the chain: a tuple of its events would be made to be dropped
    while node is not None:
        node, event = node
        names, values = event._state
        events.append(lines[type(event)][names](values))
    events.reverse()
    names, values = chain._state
    return lines[type(chain)][names](values), events


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
    text = itself("from_json", text, (str, bytes, bytearray))
    if not is_a(text, (str, bytes, bytearray)):
        raise InvalidValue(f"from_json({brief(text)}): want JSON text, got {type(text).__name__}")
    if isinstance(text, str):
        text = text.removeprefix("\ufeff")  # the mark at the beginning of a file, as of bytes
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
