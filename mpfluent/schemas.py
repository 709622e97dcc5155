"""The wire format as marshmallow schemas: one class a record, event and batch.

Each is built on first use. They are strict: ``load`` and ``validate`` take what goes on the wire,
while ``Batch.from_dict`` also reads what mParticle sends out.

>>> from mpfluent import Product, schemas
>>> schemas.ProductSchema().dump(Product("sku-1", price=19.99))
{'id': 'sku-1', 'price': 19.99}
>>> schemas.ProductSchema().validate({"id": "sku-1", "price": "19.99"})
{'price': ['want a number, got str']}
>>> schemas.ProductSchema().load({"id": "sku-1"})
Product(id='sku-1')

The schema of an event has its wrapper; that of its ``data`` alone is named
``AppEventDataSchema``.
"""

from __future__ import annotations

from typing import Any

from .builder.batch import Batch
from .encoding import encoder, schema
from .model.catalog import CLASSES
from .values.frozen import Frozen

RecordSchema = schema.RecordSchema
compile_encoder = encoder.compile_encoder


_VALUES: dict[str, type[Frozen]] = {"Batch": Batch, **CLASSES}

__all__ = ["RecordSchema", "compile_encoder"]
for _name, _value in _VALUES.items():
    __all__ += [f"{_name}Schema"] + [f"{_name}DataSchema"] * hasattr(_value, "event_type")


def __getattr__(name: str) -> Any:
    """Return the schema class of a value class, built on first use."""
    if name in __all__:
        if name.endswith("DataSchema") and (wrapped := _VALUES.get(name[: -len("DataSchema")])):
            return schema.schema_class(wrapped)
        value = _VALUES[name[: -len("Schema")]]
        if hasattr(value, "event_type"):
            return schema.wrapper_schema_class(value)
        return schema.schema_class(value)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the schemas."""
    return sorted(__all__)
