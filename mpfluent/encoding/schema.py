"""marshmallow schemas of value classes.

They derive from the fields that a value class declares (:class:`~mpfluent.values.frozen.Field`).
They are strict: they define what goes on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from marshmallow import RAISE, Schema, ValidationError, fields, missing, post_load, validates_schema

from ..errors import brief
from ..values import validators
from ..values.fields import Field
from ..values.frozen import Frozen
from ..values.frozen_map import FrozenMap
from ..values.validators import CheckFailed
from . import json as jsontext

F = TypeVar("F", bound=Frozen)
R = TypeVar("R")
Encoder = Callable[[Any], dict[str, Any]]


def once_a_class(make: Callable[[type[Any]], R]) -> Callable[[type[Any]], R]:
    """Return the function, its result for each class kept; typed, as ``functools.cache`` is not."""
    return cast(Callable[[type[Any]], R], cache(make))


if TYPE_CHECKING:
    _AnyField = fields.Field[Any]
else:
    _AnyField = fields.Field  # marshmallow 3's takes no parameter

# Schemas


class _Meta:
    unknown = RAISE
    # for ``dumps`` and ``loads``: JSON in which every number is exact
    render_module = SimpleNamespace(
        dumps=jsontext.plain, loads=lambda text, **_: jsontext.parsed(text)
    )


class _Unlisted(_Meta):
    # marshmallow's list of names is the application's: there its own ProductSchema must be the one
    register = False


S = TypeVar("S", bound=type[Schema])


def _ours(schema: S) -> S:
    """Return a schema class of ours; what others derive from it is theirs, and listed again."""
    schema.Meta = _Meta  # type: ignore[assignment,misc]
    return schema


@_ours
class RecordSchema(Schema):
    """The base of all schemas: dumps only what was set, loads to the value's class."""

    class Meta(_Unlisted):
        """As for all of ours."""

    value_class: ClassVar[type[Frozen]]

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """Return what was set; an unset field is missing, not None."""
        wire = self.value_class._fields[attr].wire
        value = obj._get(wire)
        return missing if not value and wire not in obj._keys else value

    @validates_schema
    def _obey(self, loaded: dict[str, Any], **_: Any) -> None:
        """Check the rules between fields; ``validate`` runs this too."""
        fields_ = self.value_class._fields
        set_ = {fields_[name].wire: item for name, item in loaded.items() if item is not None}
        broken = self.value_class._broken_rule(set_)
        if broken is not None:
            raise ValidationError(": ".join(filter(None, broken[:2])))

    @post_load
    def _make(self, loaded: dict[str, Any], **_: Any) -> Frozen:
        cls = self.value_class
        return made(cls, {cls._fields[name].wire: value for name, value in loaded.items()})


def made(cls: type[F], given: Mapping[str, Any]) -> F:
    """Return a value of checked parts, by wire name, that may still be empty, lists or dicts."""
    set_: dict[str, Any] = {}
    for key, value in given.items():
        field = cls._wire[key]
        if isinstance(value, list):
            value = tuple(value)
        elif isinstance(value, dict):
            value = FrozenMap(value) if value else None
        if value is None and not field.null:
            continue
        if value == () and field.kind.empty_is_unset and not field.required:
            continue
        if isinstance(value, Frozen) and not value._keys:
            continue
        set_[key] = value
    lacking = [f.wire for f in cls._required if f.wire not in set_ and not f.read_without]
    if lacking:  # a schema may be told not to ask for everything; a value may not lack it
        raise ValidationError("must be given", lacking[0])
    return cls._assemble(set_)


class Checked(_AnyField):
    """A field that checks what it loads just as the verbs check what they are given."""

    def __init__(self, declared: Field[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.declared = declared

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return plain(value)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        try:
            read = reading_check(self.declared)(value)
        except CheckFailed as bad:
            where = f"{bad.path}={brief(bad.value)}: " if bad.path else ""
            raise ValidationError(where + bad.why) from None
        if read is None and self.declared.required:  # what is blank may be as good as missing
            raise ValidationError("must be given")
        return read


def reading_check(declared: Field[Any]) -> Callable[[Any], Any]:
    """Return the check of a field for what is read: more than what may be written, for some."""
    return declared.read or declared.check


class Text(Checked, fields.String):
    """A string, a UUID, an address or one of the wire's words."""


class Flag(Checked, fields.Boolean):
    """A boolean."""


class Whole(Checked, fields.Integer):
    """A 64-bit integer, or a moment in Unix milliseconds."""


class Amount(Checked):
    """An exact number: int, float or Decimal."""


class Attribute(Checked):
    """One user attribute: a scalar, a list, or null."""


class Map(Checked, fields.Dict):
    """A map of names to flat values, or to maps of them."""


class Names(Checked):
    """A list of names."""


class EventField(Checked):
    """One event in its wrapper, ``{"event_type": …, "data": …}``."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return wrapper_schema_of(type(value)).dump(value)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        event_type = value.get("event_type") if isinstance(value, Mapping) else None
        if event_type is None or event_type == "":
            raise ValidationError('Required event field "event_type" is missing or empty.')
        of_type = event_class(self.declared.of, event_type)
        if of_type is None:
            raise ValidationError({"event_type": [f"{brief(event_type)} is not an event type"]})
        return wrapper_schema_of(of_type).load(value, partial=kwargs.get("partial"))


LEAVES: dict[str, type[Checked]] = {
    leaf.__name__: leaf for leaf in (Text, Flag, Whole, Amount, Attribute, Map, Names)
}


_MISSING: dict[str, Any] = {"required": "must be given"}


def _schema_field(declared: Field[Any]) -> _AnyField:
    kind = declared.kind
    nullable = kind.nullable and not (kind.records and kind.container is dict)
    common: dict[str, Any] = {
        "data_key": declared.wire,
        "required": declared.required,
        "allow_none": declared.null or (nullable and not declared.required),
        "error_messages": _MISSING,
    }
    if not kind.records:
        return LEAVES[kind.schema](declared, **common)
    if kind.container is None:
        return fields.Nested(schema_class(declared.of), **common)
    one = EventField(declared) if kind.wrapped else fields.Nested(schema_class(declared.of))
    if kind.container is list:
        return fields.List(one, **common)
    return fields.Dict(keys=Text(Field("string", validators.name)), values=one, **common)


@once_a_class
def schema_class(cls: type[Frozen]) -> type[RecordSchema]:
    """Return the marshmallow schema of a value class; of an event, that of its ``data``."""
    suffix = "DataSchema" if hasattr(cls, "event_type") else "Schema"
    body: dict[str, Any] = {name: _schema_field(field) for name, field in cls._fields.items()}
    return _derived(RecordSchema, cls, suffix, "", body | {"value_class": cls})


def _derived(base: S, cls: type[Frozen], suffix: str, form: str, body: dict[str, Any]) -> S:
    """Return the schema class of a value class, as it is named and documented."""
    body |= {
        "Meta": _Unlisted,
        "__module__": "mpfluent.schemas",
        "__doc__": f"The wire form of :class:`~mpfluent.{cls.__name__}`{form}.",
    }
    return _ours(cast(S, type(cls.__name__ + suffix, (base,), body)))


@_ours
class WrapperSchema(Schema):
    """An event in its wrapper."""

    class Meta(_Unlisted):
        """As for all of ours."""

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """Return the event itself as the wrapper's data."""
        return obj if attr == "data" else obj.event_type

    @post_load
    def _unwrap(self, loaded: dict[str, Any], **_: Any) -> Any:
        return loaded["data"]


@once_a_class
def wrapper_schema_class(cls: type[Any]) -> type[WrapperSchema]:
    """Return the marshmallow schema of an event class with its wrapper."""

    def same(value: str) -> None:
        if value != cls.event_type:
            raise ValidationError(f"want {cls.event_type!r}")

    event_type = fields.String(required=True, validate=same)
    data = fields.Nested(schema_class(cls), required=True, error_messages=_MISSING)
    body = {"event_type": event_type, "data": data}
    return _derived(WrapperSchema, cls, "Schema", ", in its wrapper", body)


@once_a_class
def schema_of(cls: type[Frozen]) -> RecordSchema:
    """Return a value class's schema, made once: that costs more than to load with it.

    ``load`` and ``dump`` change nothing in it, so threads may share it.
    """
    return schema_class(cls)()


@once_a_class
def wrapper_schema_of(cls: type[Any]) -> WrapperSchema:
    """Return the schema of an event class with its wrapper, made once."""
    return wrapper_schema_class(cls)()


def event_class(base: Any, event_type: Any) -> Any:
    """Return the class of an event type, or None where the field holds none of that type."""
    found = base._by_type.get(event_type) if isinstance(event_type, str) else None
    return found if found is not None and issubclass(found, base) else None


def plain(value: Any) -> Any:
    """Return dicts and lists for what a leaf field holds; scalars stay as they are."""
    if type(value) is FrozenMap:
        return {key: plain(entry) for key, entry in value.items()}
    if type(value) is tuple:
        return [plain(entry) for entry in value]
    return value
