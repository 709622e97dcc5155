"""From values to plain data: the encoder that is compiled from a schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from marshmallow import Schema, fields

from ..values.frozen import Frozen
from .schema import LEAVES, Encoder, EventField, RecordSchema, once_a_class, plain, schema_of


def compile_encoder(schema: Schema) -> Encoder:
    """Return a function that gives what ``schema.dump`` gives, many times faster.

    It is compiled from the schema's fields. Where the schema has a hook, an attribute getter, a
    field class or a field name of its own, marshmallow does the work.
    """
    if not isinstance(schema, RecordSchema) or _customised(schema):
        return cast(Encoder, schema.dump)
    special: dict[str, Callable[[Any], Any]] = {}
    for name, field in schema.dump_fields.items():
        declared = schema.value_class._fields[name]
        encode_field = _compiled_field(field) if field.data_key == declared.wire else None
        if encode_field is None:
            return cast(Encoder, schema.dump)
        if encode_field is not _as_it_is:
            special[declared.wire] = encode_field
    disjoint = frozenset(special).isdisjoint

    def encode(value: Any) -> dict[str, Any]:
        out = dict(zip(*value._state))
        if not disjoint(out):
            for key in out:
                if key in special:
                    out[key] = special[key](out[key])
        return out

    def encode_chain(value: Any) -> dict[str, Any]:
        out = encode(value)
        events = value.events  # not among its keys: a batch holds its events as a chain
        if events:
            out["events"] = [encode_event(event) for event in events]
        return out

    if "events" in schema.value_class._wire:
        return encode_chain
    return encode if special else _flat


def _customised(schema: RecordSchema) -> bool:
    own = type(schema)
    return (
        own.get_attribute is not RecordSchema.get_attribute
        or own.dump is not Schema.dump
        or bool(schema._hooks.get("pre_dump") or schema._hooks.get("post_dump"))
        or own.on_bind_field is not Schema.on_bind_field
        or set(schema.dump_fields) != set(schema.value_class._fields)
    )


def _as_it_is(value: Any) -> Any:
    """Mark a field whose value needs no encoding: compared by identity, so as not to be called."""
    return value


def _compiled_field(field: Any) -> Callable[[Any], Any] | None:
    """Return the encoder of one field, or None where only marshmallow knows it."""
    kind = type(field)
    if kind in LEAVES.values():
        if field.declared.kind.flat:
            return _flat
        return plain if field.declared.kind.schema in ("Attribute", "Names", "Map") else _as_it_is
    if kind is EventField:
        return encode_event
    if kind is fields.Nested and not (field.many or field.only or field.exclude):
        encode = compile_encoder(field.schema)
        return lambda value: None if value is None else encode(value)
    if kind is fields.List:
        each = _compiled_field(field.inner)
        if each is not None:
            return lambda values: [each(value) for value in values]
    if kind is fields.Dict:
        one = _compiled_field(field.value_field)
        if one is not None:
            return lambda named: {key: one(value) for key, value in named.items()}
    return None


@once_a_class
def encoder(cls: type[Frozen]) -> Encoder:
    """Return the compiled encoder of a value class; of an event, that of its ``data``."""
    return compile_encoder(schema_of(cls))


def encode_event(event: Any) -> dict[str, Any]:
    """Return an event's wire form, in its wrapper."""
    return {"event_type": event.event_type, "data": encoder(type(event))(event)}


def _flat(value: Any) -> dict[str, Any]:
    return dict(zip(value._keys, value._values))
