"""The references of a definition: where they lead in the vendor's package, or that they do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT7

from ..errors import brief
from .definitions import DRAFT_7, HOLDERS_OF_SCHEMAS, MAPS_OF_SCHEMAS, Fault, adapted


def _meta_schema() -> Any:
    """Return the meta-schema of draft-07 as the vendor's validator has it, which asks more."""
    schema = Draft7Validator.META_SCHEMA
    enum = {"type": "array", "items": True, "minItems": 1, "uniqueItems": True}
    return adapted({**schema, "properties": {**schema["properties"], "enum": enum}}, "node")[0]


REGISTRY = Registry().with_resources(
    dict.fromkeys(
        (DRAFT_7, "http://json-schema.org/schema"), DRAFT7.create_resource(_meta_schema())
    ).items()
)
"""What a reference can lead to outside its definition."""


def unresolved(schema: Any) -> Iterator[Fault]:
    """Yield the references that lead nowhere.

    >>> [fault.path for fault in unresolved({"items": {"$ref": "#/definitions/none"}})]
    ['/items/$ref']
    """
    resource = DRAFT7.create_resource(schema)
    base = resource.id() or ""
    registry = REGISTRY.with_resource(base, resource)
    yield from _within(schema, registry.resolver(base), "")


def _within(schema: Any, resolver: Any, path: str) -> Iterator[Fault]:
    """Yield those of a schema, or of a list with schemas in it."""
    if isinstance(schema, list):
        for place, each in enumerate(schema):
            yield from _within(each, resolver, f"{path}/{place}")
    if not isinstance(schema, dict):
        return
    if path and isinstance(schema.get("$id"), str):
        resolver = resolver.in_subresource(DRAFT7.create_resource(schema))
    reference = schema.get("$ref")
    if isinstance(reference, str):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            text = f"{brief(reference)} leads nowhere; write '#/definitions/…'"
            yield Fault("broken_definition", f"{path}/$ref", text)
    for keyword, each in schema.items():
        if keyword in MAPS_OF_SCHEMAS and isinstance(each, dict):
            for name, one in each.items():
                yield from _within(one, resolver, f"{path}/{keyword}/{name}")
        elif keyword in HOLDERS_OF_SCHEMAS:
            yield from _within(each, resolver, f"{path}/{keyword}")
