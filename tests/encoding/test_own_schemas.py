"""Schemas and records of a user's own: the encoder does what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import marshmallow
import pytest
from marshmallow import fields, post_dump, pre_dump
from strategies import full
from wire_forms import OFTEN, exact, schema_of

from mpfluent import AppEvent, Batch, Event, Product, ProductAction, schemas
from mpfluent.schemas import compile_encoder
from mpfluent.testing.strategies.records import VALUE_CLASSES

# Subclasses


class Seen(AppEvent):
    """A subclass of an event, with a verb but no field more."""

    __slots__ = ()

    def loud(self) -> str:
        return self.event_name.upper()


class Shop(Batch):
    """A subclass of a batch."""

    __slots__ = ()


class Teapot(Product):
    """A subclass of a product."""

    __slots__ = ()


def test_a_subclass_is_encoded_like_its_base() -> None:
    for _ in range(OFTEN):
        assert Seen("x", {"k": 1}).to_dict() == AppEvent("x", {"k": 1}).to_dict()
        assert Seen("x", {"k": 1}).to_json() == AppEvent("x", {"k": 1}).to_json()
        assert Teapot("sku-1", price=2).to_json() == Product("sku-1", price=2).to_json()


def test_a_subclass_is_encoded_like_its_base_inside_other_values() -> None:
    plain = Batch().purchase(Product("sku-1")).add(AppEvent("x"))
    special = Shop().purchase(Teapot("sku-1")).add(Seen("x"))
    for _ in range(OFTEN):
        assert special.to_json() == plain.to_json()
        assert special.to_dict() == plain.to_dict()
    assert exact(schemas.BatchSchema().dump(special)) == exact(plain.to_dict())


# Schemas of a user

PRODUCT = Product("sku-1", "Teapot", brand="Acme", price=19.99)
ACTION = ProductAction("purchase", [PRODUCT, Product("sku-2")], total_amount=3)
BATCH = Batch().with_mpid(1).with_device(platform="iOS", brand="Acme").event("Searched", {"k": 1})

OWN: dict[str, tuple[Callable[[], Any], Any, Any]] = {}  # schema, value, what it says


def own(value: Any, expected: Any) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def keep(make: Callable[[], Any]) -> Callable[[], Any]:
        OWN[make.__name__] = (make, value, expected)
        return make

    return keep


@own(PRODUCT, {"ID": "sku-1", "NAME": "Teapot", "BRAND": "Acme", "PRICE": 19.99})
def a_hook_after() -> Any:
    class Own(schemas.ProductSchema):
        @post_dump
        def shout(self, data: Any, **_: Any) -> Any:
            return {key.upper(): value for key, value in data.items()}

    return Own()


@own(PRODUCT, {"id": "other"})
def a_hook_before() -> Any:
    class Own(schemas.ProductSchema):
        @pre_dump
        def swap(self, product: Any, **_: Any) -> Any:
            return Product("other")

    return Own()


@own(PRODUCT, {"id": "SKU-1", "name": "TEAPOT", "brand": "ACME", "price": 19.99})
def an_attribute_getter() -> Any:
    class Own(schemas.ProductSchema):
        def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
            value = super().get_attribute(obj, attr, default)
            return value.upper() if isinstance(value, str) else value

    return Own()


@own(PRODUCT, {"id": "sku-1", "name": "Teapot", "brand": "Acme", "price": "19.99"})
def a_field_class_of_marshmallow() -> Any:
    class Own(schemas.ProductSchema):
        price = fields.String()

    return Own()


@own(PRODUCT, {"id": "sku-1", "name": "Teapot", "brand": "ACME!", "price": 19.99})
def a_field_subclass() -> Any:
    ours = schemas.ProductSchema._declared_fields["brand"]

    class Loud(type(ours)):  # type: ignore[misc]
        def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
            return f"{value.upper()}!"

    class Own(schemas.ProductSchema):
        brand = Loud(ours.declared, data_key="brand")

    return Own()


@own(PRODUCT, {"sku": "sku-1", "name": "Teapot", "brand": "Acme", "price": 19.99})
def a_renamed_field() -> Any:
    class Own(schemas.ProductSchema):
        id = fields.String(data_key="sku")

    return Own()


@own(PRODUCT, {"sku": "sku-1", "name": "Teapot", "brand": "Acme", "price": 19.99})
def a_field_renamed_when_it_is_bound() -> Any:
    class Own(schemas.ProductSchema):
        def on_bind_field(self, field_name: str, field_obj: Any) -> None:
            if field_name == "id":
                field_obj.data_key = "sku"

    return Own()


@own(PRODUCT, {"id": "sku-1", "name": "Teapot", "brand": "Acme", "price": 19.99, "label": "T"})
def a_field_more() -> Any:
    class Own(schemas.ProductSchema):
        label = fields.Function(lambda product: product.name[0])

    return Own()


@own(PRODUCT, {"id": "sku-1", "price": 19.99})
def only_some_fields() -> Any:
    return schemas.ProductSchema(only=("id", "price"))


@own(PRODUCT, {"id": "sku-1", "name": "Teapot", "brand": "Acme"})
def all_but_some_fields() -> Any:
    return schemas.ProductSchema(exclude=("price",))


@own(PRODUCT, {"id": "sku-1", "name": "Teapot", "brand": "Acme"})
def a_field_for_loading_only() -> Any:
    return schemas.ProductSchema(load_only=("price",))


@own(PRODUCT, {"id": "sku-1", "name": "Teapot", "brand": "Acme"})
def fields_excluded_by_the_class() -> Any:
    class Own(schemas.ProductSchema):
        class Meta(schemas.ProductSchema.Meta):
            exclude = ("price",)

    return Own()


@own(PRODUCT, {"dumped": "sku-1"})
def an_overridden_dump() -> Any:
    class Own(schemas.ProductSchema):
        def dump(self, obj: Any, *, many: Any = None) -> Any:
            return {"dumped": obj.id}

    return Own()


@own(ACTION, {"action": "purchase", "products": [{"id": "sku-1"}, {"id": "sku-2"}]})
def some_fields_of_what_is_nested() -> Any:
    return schemas.ProductActionSchema(only=("action", "products.id"))


@own(
    ACTION,
    {"action": "purchase", "products": [{"sku": "sku-1"}, {"sku": "sku-2"}], "total_amount": 3},
)
def another_schema_for_what_is_nested() -> Any:
    class OwnProduct(schemas.ProductSchema):
        @post_dump
        def short(self, data: Any, **_: Any) -> Any:
            return {"sku": data["id"]}

    class Own(schemas.ProductActionSchema):
        products = fields.List(fields.Nested(OwnProduct))

    return Own()


@own(
    BATCH,
    {
        "mpid": 1,
        "device_info": {"platform": "iOS"},
        "events": [BATCH.events[0].to_dict()],
    },
)
def a_batch_without_a_field_of_its_device() -> Any:
    return schemas.BatchSchema(exclude=("device_info.brand",))


@own(BATCH, {"events": [BATCH.events[0].to_dict()]})
def a_batch_with_nothing_but_events() -> Any:
    return schemas.BatchSchema(only=("events",))


@own(BATCH, {"mpid": 1, "device_info": {"platform": "iOS", "brand": "Acme"}})
def a_batch_without_events() -> Any:
    return schemas.BatchSchema(exclude=("events",))


@own(BATCH, {**BATCH.to_dict(), "mpid": "1"})
def a_batch_with_a_field_class_of_marshmallow() -> Any:
    class Own(schemas.BatchSchema):
        mpid = fields.String()

    return Own()


@pytest.mark.parametrize("name", OWN)
def test_a_changed_schema_is_honoured(name: str) -> None:
    make, value, expected = OWN[name]
    assert make().dump(value) == expected
    encode = compile_encoder(make())
    assert [encode(value) for _ in range(3)] == [expected] * 3


@pytest.mark.parametrize("cls", [cls for cls in VALUE_CLASSES if not issubclass(cls, Event)])
def test_the_public_schema_compiles_to_the_encoder(cls: type[Any]) -> None:
    value = BATCH if cls is Batch else full(cls)
    schema = schema_of(cls)()
    encode = compile_encoder(schema)
    assert encode != schema.dump
    assert exact(encode(value)) == exact(schema.dump(value))


def test_any_marshmallow_schema_has_an_encoder() -> None:
    class Own(marshmallow.Schema):
        id = fields.String(data_key="sku")

    assert compile_encoder(Own())(PRODUCT) == {"sku": "sku-1"}
