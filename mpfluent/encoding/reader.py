"""Reading: whatever mParticle takes or sends out, made into values.

The reader first makes strict wire form of the data, then loads that. The schemas are asked only
where something is wrong with it: they have the words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, Literal, TypeVar, cast

from marshmallow import ValidationError, missing

from ..errors import InvalidBatch, InvalidValue, MPFluentError, brief, unknown_field
from ..values import validators
from ..values.fields import Field, entry_name
from ..values.foreign import own, raised
from ..values.frozen import Frozen
from .loader import load_valid
from .schema import event_class, schema_of, wrapper_schema_of

Unknown = Literal["raise", "ignore"]
F = TypeVar("F", bound=Frozen)


def read(cls: type[F], data: Any, *, unknown: Unknown = "raise", where: str = "from_dict") -> F:
    """Return the value that ``data`` describes, in inbound or outbound form."""
    if unknown not in ("raise", "ignore"):
        raise InvalidValue(f"{where}(unknown={unknown!r}): want 'raise' or 'ignore'")
    reader = _Reader(where, unknown)
    is_event = hasattr(cls, "_by_type")
    try:
        tidy = reader.event(data, "", cls) if is_event else reader.record(cls, data, "")
    except MPFluentError:
        raise
    except Exception as error:  # any code may run in an object of another library
        raise reader.complaint("", data, raised(error)) from error
    of: Any = cls
    if is_event:
        named = tidy.get("event_type")
        of = cls if hasattr(cls, "event_type") else event_class(cls, named)
        if of is None:
            raise reader.complaint("event_type", named, f"{brief(named)} is not an event type")
    with suppress(Exception):  # the schema has the words for it
        return cast(F, load_valid(of, tidy, is_event))
    schema = wrapper_schema_of(of) if is_event else schema_of(of)
    try:
        return cast(F, schema.load(tidy, partial=reader.excused or None))
    except ValidationError as error:
        raise _complaint(where, error.messages, tidy) from None


_JSON = frozenset((str, int, float, Decimal, bool, type(None), dict, list))


class _Reader:
    """Makes strict wire form of data: drops what is unset or the server's, mends spellings."""

    def __init__(self, where: str, unknown: Unknown) -> None:
        self.where = where
        self.ignore = unknown == "ignore"
        self.excused: list[str] = []  # what is missing and need not be there, in dotted names

    def own(self, value: Any, path: str) -> Any:
        """Return what a value stands for; what only says that it is a mapping would be empty."""
        found = own(value)
        if found.__class__ is not type(found):
            raise self.complaint(path, value, f"want JSON data, got {type(found).__name__}")
        return found

    def record(self, cls: type[Frozen], data: Any, path: str) -> dict[str, Any]:
        if type(data) is not dict:
            data = self.own(data, path)
        unified = cls._unify(data)
        if not isinstance(unified, Mapping):
            raise self.complaint(path, data, f"want an object, got {type(data).__name__}")
        tidy: dict[str, Any] = {}
        for key, value in unified.items():
            read_as = cls._read_as.get(key)
            if read_as is not None:
                if unified.get(read_as) is not None:
                    continue  # the right name is there too, and counts
                key = read_as
            declared = cls._wire.get(key)
            if declared is not None:
                inside = f"{path}.{key}" if path else str(key)
                try:
                    value = self.field(declared, value, inside)
                except MPFluentError:
                    raise
                except Exception as error:  # any code may run in an object of another library
                    raise self.complaint(inside, value, raised(error)) from error
                if value is not None or declared.null:
                    tidy[key] = value
            elif key not in cls._server_set and not self.ignore:
                raise unknown_field(self.place(path), key, cls._wire, cls._wire_of(key))
        for key, default in cls._read_defaults.items():
            tidy.setdefault(key, default)
        for field in cls._required:
            if field.read_without and field.wire not in tidy:
                self.excused.append(f"{_INDEX.sub('', path)}.{field.name}")
        return tidy

    def field(self, declared: Field[Any], value: Any, path: str) -> Any:
        """Return the value in strict wire form, or None where it says nothing."""
        kind = declared.kind
        tidy = _TIDY.get(kind.name)
        if type(value) not in _JSON:
            value = self.own(value, path)
        if value is None:
            return None
        if declared.liberal and type(value) in (str, int) and value in declared.liberal:
            return declared.liberal[value]
        if tidy and kind.container is None:
            value = tidy(value)
        if value == "" and declared.check is validators.name and not declared.required:
            return None
        may_be_blank = kind.blank and declared.check is not validators.identity
        if isinstance(value, str) and not may_be_blank and validators.is_blank(value):
            return None
        if kind.records:
            return self.records(declared, value, path)
        if declared.partly and self.ignore:
            entries = self.mapping(value, path)
            return {key: entry for key, entry in entries if _holds(declared, key, entry)}
        if kind.container is not dict or kind.tags:
            return value
        return {
            key: tidy(entry if type(entry) in _JSON else self.own(entry, path)) if tidy else entry
            for key, entry in self.mapping(value, path)
            if entry is not None
        }

    def records(self, declared: Field[Any], value: Any, path: str) -> Any:
        """Return a field's records in strict wire form, or None where there are none."""
        kind, of = declared.kind, declared.of
        if kind.container is list:
            self.items(value, path)
        elif kind.container is dict:
            entries = self.mapping(value, path)
            value = {self.name(key, one, path): one for key, one in entries if one is not None}

        def tidy(one: Any, key: Any) -> Any:
            inside = path if key is None else path_within(path, key)
            return self.event(one, inside, of) if kind.wrapped else self.record(of, one, inside)

        found = kind.each(value, tidy)
        nothing = of._is_none(found) if kind.container is None else not found
        return None if nothing and not (declared.required and kind.container is list) else found

    def event(self, data: Any, path: str, base: Any) -> Any:
        """Return an event's wrapper; what is wrong with it, the schema says."""
        if type(data) is not dict:
            data = self.own(data, path)
        if not isinstance(data, Mapping) or not isinstance(data.get("data", {}), Mapping):
            raise self.complaint(path, data, "want an event: {'event_type': …, 'data': {…}}")
        named = data.get("event_type")
        # also of a type that does not belong here: what is wrong with its data is said first
        of = base._by_type.get(named) if isinstance(named, str) else None
        if of is None:
            return dict(data)
        for key in data:
            known = key in ("event_type", "data", "message_id", "message_type")
            if not known and not self.ignore:
                raise unknown_field(self.place(path), key, ("event_type", "data"))
        inside = self.record(of, data.get("data", {}), f"{path}.data" if path else "data")
        return {"event_type": named, "data": inside}

    def items(self, value: Any, path: str) -> Any:
        if not isinstance(value, list | tuple):
            raise self.complaint(path, value, f"want an array, got {type(value).__name__}")
        return enumerate(value)

    def mapping(self, value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            raise self.complaint(path, value, f"want an object, got {type(value).__name__}")
        return value.items()

    def name(self, key: Any, entry: Any, path: str) -> str:
        try:
            return entry_name(key, entry)
        except validators.CheckFailed as bad:
            raise self.complaint(f"{path}{bad.path}", entry, bad.why) from None

    def place(self, path: str) -> str:
        return f"{self.where}(): {path}" if path else f"{self.where}()"

    def complaint(self, path: str, value: Any, why: str) -> InvalidValue:
        label = f"{path}={brief(value)}" if path else brief(value)
        error = InvalidValue(f"{self.where}(): {label}: {why}")
        error.field = path or None
        return error


def path_within(path: str, key: Any) -> str:
    """Return the path of an entry; its name is anybody's, and may be long or not printable."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not path:
        return str(key)
    plain = len(key) <= 40 and key.isprintable()
    return f"{path}.{key}" if plain else f"{path}[{brief(key)}]"


_INDEX = re.compile(r"\[\d+\]")


def _holds(declared: Field[Any], key: Any, entry: Any) -> bool:
    """Return whether a map can have this entry, and it says something."""
    with suppress(validators.CheckFailed):
        return declared.check({key: entry}) is not None
    return False


def as_text(value: Any) -> Any:
    """Return the text that the API takes a number or a boolean for, where it wants a string."""
    return json.dumps(value) if type(value) in (int, float, bool) else value


def _whole(value: Any) -> Any:
    """Return the integer that a digit string or a whole float stands for."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    # less than 1E+30: int() of a large exponent would fill the memory
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < 30:
        whole = int(value)
        return whole if whole == value else value
    return value


# How a value is mended, by kind; where that is a map, each of its entries.
_TIDY: Mapping[str, Callable[[Any], Any]] = {
    "text": as_text,
    "strings": as_text,
    "integer": _whole,
    "instant": _whole,
}


def _complaint(where: str, messages: Any, data: Any) -> InvalidBatch:
    """Return the first of marshmallow's complaints as our error, with path and value."""
    path = ""
    while isinstance(messages, Mapping):
        key, messages = next(iter(messages.items()))
        if key == "_schema":
            continue
        if key == "value" and isinstance(messages, Mapping) and "value" not in data:
            continue  # marshmallow's level between a name and its record
        path = path_within(path, key)
        if isinstance(data, Mapping):
            data = data.get(key, missing)
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
    why = messages[0] if isinstance(messages, list) and messages else str(messages)
    shown = "" if data is missing or isinstance(data, Mapping | list) else f"={brief(data)}"
    # a complaint about an entry of a map begins with the entry
    label = path if why.startswith("[") else f"{path}{shown}: " if path else ""
    error = InvalidValue(f"{where}(): {label}{why}")
    error.field = path or None
    return error
