"""A batch's JSON by orjson, where it is installed: dicts, by one function a shape, generated.

orjson writes a dict in a fraction of the time that text takes, so that what is left is to make
the dict. It says the same as :mod:`mpfluent.encoding.json`, but spells some numbers otherwise, such
as 1e-7 for 1e-07: it is for the wire, and not for text that is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..values.codegen import EachClass, Lines, Values, compiled, taken
from ..values.frozen import Frozen
from ..values.frozen_map import FrozenMap
from .json import Names, number

Maker = Callable[[Any], dict[str, Any]]
Pieces = Callable[[Any], tuple[bytes, tuple[bytes, ...]]]


def pieces_writer() -> Pieces | None:
    """Return what does in bytes what ``jsontext.write_pieces`` does in text; None without orjson.

    An orjson that is broken, or too old to write a Decimal exactly, is as good as none.
    """
    try:
        # it is an extra, so that type checkers may not find it
        from orjson import Fragment, dumps  # type: ignore[import-not-found,unused-ignore]

        def other(value: Any) -> Any:
            """Return what stands for a value that orjson does not know."""
            if type(value) is Decimal:
                return Fragment(number(value))
            names, values = value._state
            if isinstance(value, FrozenMap):
                return _as_it_is(names, values)
            return _makers[type(value)][names](values)

        tried = dumps({"é": (Decimal("0.10"), 2**64 - 1, None)}, other)
    except Exception as error:  # whatever goes wrong in code that is compiled for another machine
        if isinstance(error.__cause__, KeyboardInterrupt | SystemExit):
            raise error.__cause__ from None
        return None
    if tried != '{"é":[0.10,18446744073709551615,null]}'.encode():
        return None

    def write_pieces(chain: Any) -> tuple[bytes, tuple[bytes, ...]]:
        try:
            return written(chain)
        except TypeError as error:  # orjson's, for what a signal's handler raised in its midst
            raise error if error.__cause__ is None else error.__cause__ from None

    def written(chain: Any) -> tuple[bytes, tuple[bytes, ...]]:
        makers = _makers
        events = []
        node = chain._tail
        while node is not None:
            node, event = node
            names, values = event._state
            # at once, for few dicts at a time are no work for the garbage collector
            events.append(dumps(makers[type(event)][names](values), other))
        events.reverse()
        names, values = chain._state
        return dumps(makers[type(chain)][names](values), other), tuple(events)

    return write_pieces


# What a field's value becomes, by kind: for a value v and the makers w of its class. What is not
# here stays as it is, and orjson asks if it does not know it.
_PLAIN = {
    "scalars": "maps[(s := {v}._state)[0]](s[1])",
    "strings": "maps[(s := {v}._state)[0]](s[1])",
    "attributes": "maps[(s := {v}._state)[0]](s[1])",
    "record": "{w}[(s := {v}._state)[0]](s[1])",
    "records": "[{w}[(s := item._state)[0]](s[1]) for item in {v}]",
    "records_by_name": "{w}[(s := {v}._state)[0]](s[1])",
}


def _maker(cls: type[Frozen], keys: tuple[str, ...]) -> Maker:
    """Return the function that makes a dict of a record with these keys."""
    names: dict[str, Any] = {"maps": _maps}
    entries = []
    for place, key in enumerate(keys):
        field = cls._wire[key]
        value = "{v}" if field.null else _PLAIN.get(field.kind, "{v}")
        if field.kind == "records_by_name":
            names[f"w{place}"] = _named[field.of]
            value = value.replace("{w}", f"w{place}")
        elif "{w}" in value:
            one = "item" if field.kind == "records" else "{v}"
            value = value.replace("{w}", _makers.look_up(field.of, one, f"w{place}", names))
        value = value.replace("{v}", f"v{place}")
        entries.append(f"{key!r}: {value}")
    made = f"{{{', '.join(entries)}}}"
    event_type = getattr(cls, "event_type", None)
    if event_type is not None:
        names["event_type"] = event_type
        made = f'{{"event_type": event_type, "data": {made}}}'
    return _making(made, len(keys), names)


def _map_maker(keys: tuple[str, ...], value: str, names: dict[str, Any]) -> Maker:
    """Return the function that makes a dict of a map with these names."""
    names |= {f"k{place}": key for place, key in enumerate(keys)}
    entries = [f"k{n}: {value.replace('{v}', f'v{n}')}" for n in range(len(keys))]
    return _making(f"{{{', '.join(entries)}}}", len(keys), names)


def _making(made: str, count: int, names: dict[str, Any]) -> Maker:
    return compiled("def make(values):", [*taken(count), f"return {made}"], names)


def _as_it_is(names: Names, values: Values) -> dict[str, Any]:
    return dict(zip(names, values))


_maps = Lines(_as_it_is, lambda keys: _map_maker(keys, "{v}", {}))


def _makers_of(cls: type[Frozen]) -> Lines[dict[str, Any]]:
    event_type = getattr(cls, "event_type", None)

    def plain(names: Names, values: Values) -> dict[str, Any]:
        data = dict(zip(names, values))
        return data if event_type is None else {"event_type": event_type, "data": data}

    return Lines(plain, lambda keys: _maker(cls, keys))


def _makers_of_named(cls: type[Frozen]) -> Lines[dict[str, Any]]:
    names: dict[str, Any] = {}
    value = f"{_makers.look_up(cls, '{v}', 'makers', names)}[(s := {{v}}._state)[0]](s[1])"
    return Lines(_as_it_is, lambda keys: _map_maker(keys, value, {**names}))


_makers = EachClass(_makers_of)
_named = EachClass(_makers_of_named)  # of maps from names to records
