"""Values as JSON text: one function a shape, generated, and the plain way for all else.

The text of a record is a line with holes. Which fields it has, its shape, comes back again and
again, so the line is worked out once, and filling it in is cheaper than building dicts for a JSON
encoder. Every number is written exactly.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from json.encoder import encode_basestring as quoted  # the one that leaves é as it is
from typing import Any

from ..errors import InvalidValue, brief
from ..values.code_cache import CompiledCalls, Memo
from ..values.codegen import FunctionSource, Values, listed, named_after, variable
from ..values.fields import Field
from ..values.foreign import is_a, itself
from ..values.frozen import Frozen
from ..values.frozen_map import ESCAPED, FrozenMap

Writer = Callable[[Any], str]
Names = tuple[str, ...]


def number(value: Any) -> str:
    """Return a number's digits, all of them.

    >>> number(Decimal("0.1000000000000000000001")), number(0.1), number(-3)
    ('0.1000000000000000000001', '0.1', '-3')
    """
    if type(value) is not Decimal:
        return repr(value)
    text = str(value)
    # with a point, a whole number that no 64-bit integer holds is read as what it is
    return text if len(text) < 19 or not text.lstrip("-").isdigit() else text + ".0"


def _map_line(size: int) -> Callable[[Names, Values], str]:
    """Return the function that writes a map of so many names that need no escapes."""
    source = FunctionSource(f"map_{size}", "names, values", quoted=quoted, write=_WRITERS)
    for letter, given in (("n", "names"), ("v", "values")):
        source.add(f"{listed(f'{letter}{place}' for place in range(size))} = {given}")
    pair = '"{n0}":{quoted(v0) if type(v0) is str else write[type(v0)](v0)}'
    pairs = ",".join([pair.replace("0", str(place)) for place in range(size)])
    source.add(f"return f'{{{{{pairs}}}}}'")
    return source.function()


def _any_map(names: Names, values: Values) -> str:
    pairs = [f"{quoted(name)}:{_anything(value)}" for name, value in zip(names, values)]
    return f"{{{','.join(pairs)}}}"


def _write_map(value: FrozenMap[Any]) -> str:
    names, values, size = value._state
    return _maps[size](names, values)


def _write_value(value: Any) -> str:
    names, values = value._state
    return _lines[type(value)][names](values)  # type: ignore[no-any-return]


_SCALARS: dict[type, Writer] = {
    str: quoted,
    int: int.__repr__,
    float: float.__repr__,
    bool: lambda value: "true" if value else "false",
    Decimal: number,
    type(None): lambda value: "null",
    tuple: lambda value: f"[{','.join(map(_anything, value))}]",
    FrozenMap: _write_map,
}
_WRITERS: Memo[type, Writer] = Memo(lambda kind: _SCALARS.get(kind, _write_value))
# By the size of a map, as it keeps it.
_maps: Memo[int, Callable[[Names, Values], str]] = Memo(_map_line)
_maps[ESCAPED] = _any_map


def _anything(value: Any) -> str:
    return _WRITERS[type(value)](value)


# How a field stands in the line, by kind: the hole, for a value v.
# A state is asked for once: a value with a __getattr__ takes 30 ns for each attribute.
_MAP = "{maps[(s := {v}._state)[2]](s[0], s[1])}"
_HOLES = {
    "text": "{quoted({v})}",
    "string": "{quoted({v})}",
    "uuid": '"{{v}}"',
    "ip": '"{{v}}"',
    "integer": "{{v}}",
    "instant": "{{v}}",
    "choice": "{anything({v})}",  # what is read may be no word of it, nor a text
    "flag": '{"true" if {v} else "false"}',
    "number": "{repr({v}) if type({v}) is float or type({v}) is int else number({v})}",
    "attribute": "{anything({v})}",
    "scalars": _MAP,
    "strings": _MAP,
    "attributes": _MAP,
    "maps": _MAP,
    "names": "{anything({v})}",
    "record": "{lines[type({v})][(s := {v}._state)[0]](s[1])}",
    "records": '[{",".join([lines[type(item)][(s := item._state)[0]](s[1]) for item in {v}])}]',
    "records_by_name": _MAP,
    "events": "{anything({v})}",  # of a crash report; those of a batch are in its chain
}


def _record_line(cls: type[Frozen], keys: Names) -> Writer:
    """Return the function that writes the values of a class that has set these fields."""
    source = FunctionSource(
        named_after(cls, "line"),
        "values",
        quoted=quoted,
        number=number,
        anything=_anything,
        maps=_maps,
        lines=_lines,
    )
    fields = [cls._wire[key] for key in keys]
    head, tail = _frame(cls)
    pairs = [
        f"{source.literal(quoted(field.wire))}:{_hole(field).replace('{v}', variable(field))}"
        for field in fields
    ]
    if fields:
        source.add(f"{listed(map(variable, fields))} = values")
    source.add(f"return f'{source.literal(head)}{','.join(pairs)}{source.literal(tail)}'")
    return source.function()


def _hole(field: Field[Any]) -> str:
    words = field.validator.words
    if words and field.read is None and all(quoted(word) == f'"{word}"' for word in words):
        return '"{{v}}"'
    return "{anything({v})}" if field.null else _HOLES[field.kind.name]


def _frame(cls: type[Frozen]) -> tuple[str, str]:
    """Return what stands around the fields; an event comes in its wrapper."""
    event_type = getattr(cls, "event_type", None)
    if event_type is None:
        return "{", "}"
    return f'{{"event_type":{quoted(event_type)},"data":{{', "}}"


def _plain_line(cls: type[Frozen], names: Names) -> Writer:
    head, tail = _frame(cls)
    return lambda values: f"{head}{_any_map(names, values)[1:-1]}{tail}"


_lines: Memo[type[Frozen], CompiledCalls[Names]] = Memo(
    lambda cls: CompiledCalls(partial(_record_line, cls), partial(_plain_line, cls))
)


def write_record(value: Any) -> str:
    """Return the text of a value, of whatever class; an event comes in its wrapper."""
    if "events" not in value._wire:
        return _write_value(value)
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


def plain(data: Any, indent: int | None = None, line: str = "\n") -> str:
    """Return the JSON text of dicts, lists and scalars; Decimals keep their digits.

    Args:
        data: what ``to_dict`` returns, or ``json.loads``.
        indent: spaces a level; None for one compact line.
        line: what ends a line, with the spaces that the next one begins with.

    >>> plain({"price": Decimal("0.1000000000000000000001")})
    '{"price":0.1000000000000000000001}'
    """
    if isinstance(data, Decimal):
        return number(data)
    if not isinstance(data, dict | list) or not data:
        return json.dumps(data, ensure_ascii=False, allow_nan=False)
    inner = line + " " * (indent or 0)
    colon, start, comma, end = (
        (":", "", ",", "") if indent is None else (": ", inner, f",{inner}", line)
    )
    if isinstance(data, list):
        items = [plain(item, indent, inner) for item in data]
        return f"[{start}{comma.join(items)}{end}]"
    items = [f"{quoted(key)}{colon}{plain(item, indent, inner)}" for key, item in data.items()]
    return f"{{{start}{comma.join(items)}{end}}}"


def parsed(text: str | bytes | bytearray, *, as_written: bool = False) -> Any:
    """Return what JSON text says; a number that a float would round becomes a Decimal.

    Args:
        as_written: whether a number that Python writes with other digits becomes one, too.

    >>> parsed("[19.90, 1e2]"), parsed("[19.90, 1e2]", as_written=True)
    ([19.9, 100.0], [Decimal('19.90'), Decimal('1E+2')])
    """
    text = itself("from_json", text, (str, bytes, bytearray))
    if not is_a(text, (str, bytes, bytearray)):
        raise InvalidValue(f"from_json({brief(text)}): want JSON text, got {type(text).__name__}")
    if isinstance(text, str):
        text = text.removeprefix("\ufeff")  # the mark at the beginning of a file, as of bytes
    try:
        if as_written:
            integer, fraction = partial(_as_written, int), partial(_as_written, float)
            return json.loads(text, parse_int=integer, parse_float=fraction, parse_constant=_refuse)
        return json.loads(text, parse_float=_exact, parse_constant=_refuse)
    except InvalidValue:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"from_json(): not JSON: {why_no_json(error)}") from None


def why_no_json(error: ValueError | RecursionError) -> str:
    """Return what an error of Python's ``json`` says, without advice about Python."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "a number has too many digits" if "set_int_max_str_digits" in str(error) else str(error)


def _exact(digits: str) -> Any:
    near = float(digits)
    if repr(near) == digits:
        return near
    exact = _decimal(digits)
    return near if exact == Decimal(repr(near)) else exact


def _as_written(kind: type[float], digits: str) -> Any:
    near = kind(digits)
    return near if repr(near) == digits else _decimal(digits)


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except ArithmeticError:
        raise InvalidValue(
            f"from_json(): {brief(digits)} is not a number that JSON can carry"
        ) from None


def _refuse(constant: str) -> Any:
    raise InvalidValue(f"from_json(): {constant} is not a number that JSON can carry")
