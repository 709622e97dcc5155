"""What goes on the wire is what the marshmallow schemas say, byte for byte the same every time."""

from __future__ import annotations

import enum
import json
import math
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from itertools import permutations
from typing import Any
from unittest import mock

import marshmallow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError, fields, post_dump, pre_dump
from strategies import MOMENT, MOMENT_MS, ONE_OF, contexts, full, full_events, minimal

from mpfluent import (
    AppEvent,
    Batch,
    CommerceEvent,
    ConsentState,
    CrashReportEvent,
    DeviceInformation,
    Event,
    EventVerbs,
    GDPRConsentState,
    GeoLocation,
    InvalidBatch,
    InvalidValue,
    OptOutEvent,
    Product,
    ProductAction,
    Promotion,
    schemas,
)
from mpfluent.encoding import json as jsontext
from mpfluent.model import event
from mpfluent.model.record import Record
from mpfluent.schemas import compile_encoder
from mpfluent.testing.strategies import batches, numbers, scalars, values
from mpfluent.testing.strategies.records import EVENT_CLASSES, RECORD_CLASSES, VALUE_CLASSES
from mpfluent.testing.strategies.single_values import decimals
from mpfluent.values import codegen, validators
from mpfluent.values.fields import Field
from mpfluent.values.fields import choice as a_choice
from mpfluent.values.fields import text as a_text
from mpfluent.wire import body as wire

OFTEN = 20  # more often than a shape must come back before code is written for it


def schema_of(cls: type[Record]) -> Any:
    """Return the schema class of a value class, by its public name."""
    return getattr(schemas, f"{cls.__name__}Schema")


def told(data: Any) -> str:
    """Return a text that is the same only for the same data: order and types of numbers count."""
    return repr(data)


def lengthened(value: Any) -> Any:
    """Return plain data with every number as the Decimal that its digits say."""
    if isinstance(value, dict):
        return {key: lengthened(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [lengthened(entry) for entry in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(repr(value))
    return value


def parsed(text: str) -> Any:
    """Return what JSON text says, with the digits of every number."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


# The encoder, the schemas and the text say the same


@pytest.mark.parametrize("cls", VALUE_CLASSES)
def test_the_encoder_gives_what_the_schema_dumps(cls: type[Record]) -> None:
    schema = schema_of(cls)()

    @given(values(cls))
    @settings(max_examples=settings.default.max_examples // 2)
    def check(value: Any) -> None:
        assert told(value.to_dict()) == told(schema.dump(value))

    check()


def meaning(data: Any) -> Any:
    """Return what is equal only for what means the same: 1 is not True, and order counts."""
    if isinstance(data, dict):
        return [(key, meaning(value)) for key, value in data.items()]
    if isinstance(data, list):
        return {"list": [meaning(item) for item in data]}
    return repr(data) if isinstance(data, bool) else lengthened(data)


AT_ONCE = pytest.mark.parametrize("at_once", [False, True], ids=["without code", "with code"])


def body(batch: Batch) -> bytes:
    """Return a batch's JSON on the wire."""
    return wire.encode(batch).body()


@contextmanager
def shapes_written(at_once: bool) -> Iterator[None]:
    """Forget the code for all shapes; then write it at the first use of each, or never."""
    for table in vars(jsontext).values():
        if isinstance(table, codegen.Lines | codegen.EachClass):
            table.clear()
    with mock.patch.object(codegen.Counter, "comes_back", return_value=at_once):
        yield


@AT_ONCE
def test_every_encoding_of_every_batch_says_what_the_schema_dumps(at_once: bool) -> None:
    @given(batches())
    @settings(deadline=None)
    def check(batch: Batch) -> None:
        dumped = schemas.BatchSchema().dump(batch)
        assert told(batch.to_dict()) == told(dumped)
        with shapes_written(at_once):
            assert meaning(parsed(batch.to_json())) == meaning(dumped)
            assert meaning(parsed(body(batch).decode())) == meaning(dumped)

    check()


@AT_ONCE
@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_every_event_is_on_the_wire_what_the_schema_dumps(cls: type[Event], at_once: bool) -> None:
    schema = schema_of(cls)()

    @given(values(cls))
    @settings(max_examples=settings.default.max_examples // 4)
    def check(event: Any) -> None:
        with shapes_written(at_once):
            context, (text,) = wire.encode(Batch().add(event))
        assert context == b"{}"
        assert meaning(parsed(text.decode())) == meaning(schema.dump(event))

    check()


@given(batches())
@settings(deadline=None)
def test_the_bytes_on_the_wire_are_the_same_however_often_they_are_written(batch: Batch) -> None:
    """Contexts are compared byte for byte, to see which batches can travel as one."""
    with shapes_written(at_once=False):
        first = body(batch)
    with shapes_written(at_once=True):
        assert body(batch) == first
    assert {body(batch) for _ in range(OFTEN)} == {first}


@given(batches())
@settings(deadline=None)
def test_the_bytes_on_the_wire_are_those_of_the_text(batch: Batch) -> None:
    assert body(batch) == batch.to_json().encode()


AWKWARD = (
    Batch.for_user(
        mpid=-(2**63), email="é😀@b.example", other='"\\/\b\f\n\r\t\x00\x1f\x7f\u2028\u2029'
    )
    .with_user_attributes({"é\n": "\u2028", "tag": None, "list": ["a", 1.5, Decimal("1.10"), True]})
    .with_user_attributes(tiny=5e-324, huge=1e300, whole=1e16, zero=-0.0, long=Decimal(10) ** 30)
    .with_integration_attributes(7, {"k": Decimal("0.1000000000000000000000000001"), "j": False})
    .with_gdpr_consent("é", True, at=MOMENT)
    .add(*full_events())
    .event("x", {"n": 2**63 - 1, "d": Decimal("-0.00"), "e": Decimal("1E-400")})
    .user_attribute_change("plan", new=["a", Decimal("2.50")], old=None)
    .crash_report(message="m", ios_image_base_address=2**64 - 1, ios_image_size=2**63)
)


@AT_ONCE
def test_what_is_awkward_is_exact_on_the_wire(at_once: bool) -> None:
    with shapes_written(at_once):
        found = parsed(body(AWKWARD).decode())
    assert meaning(found) == meaning(schemas.BatchSchema().dump(AWKWARD))
    assert Batch.from_json(body(AWKWARD)) == AWKWARD


def test_many_threads_write_the_same_bytes_while_code_is_written() -> None:
    expected = body(AWKWARD)
    interval = sys.getswitchinterval()
    with shapes_written(at_once=True), ThreadPoolExecutor(8) as pool:
        sys.setswitchinterval(1e-6)
        try:
            found = set(pool.map(lambda _: body(AWKWARD), range(64)))
        finally:
            sys.setswitchinterval(interval)
    assert found == {expected}


@pytest.mark.parametrize("cls", [cls for cls in VALUE_CLASSES if cls is not Batch])
def test_the_encoder_gives_what_the_schema_dumps_of_a_full_value(cls: type[Record]) -> None:
    value = full(cls)
    assert told(value.to_dict()) == told(schema_of(cls)().dump(value))


def test_the_encoder_gives_what_the_schema_dumps_of_an_empty_batch() -> None:
    assert schemas.BatchSchema().dump(Batch()) == {}
    assert Batch().to_dict() == {}
    assert Batch().to_json() == "{}"


@pytest.mark.parametrize("cls", VALUE_CLASSES)
def test_the_text_says_what_the_schema_dumps(cls: type[Record]) -> None:
    schema = schema_of(cls)()

    @given(values(cls))
    @settings(max_examples=settings.default.max_examples // 2)
    def check(value: Any) -> None:
        text = value.to_json()
        assert parsed(text) == lengthened(schema.dump(value))
        assert list(parsed(text)) == list(schema.dump(value))

    check()


# Records with fields of one's own


def test_a_record_with_a_field_more_is_written_with_it_however_often() -> None:
    plain = Batch().purchase(Product("sku-1"), Product("sku-2")).with_device(platform="iOS")
    plain = plain.with_gdpr_consent("marketing", True, at=MOMENT_MS)
    for _ in range(OFTEN):  # there is code for what is usual when the classes are made
        plain.to_json()
        body(plain)

    class ShelfProduct(Product):
        shelf = a_text()
        position = a_text()  # an integer in the base

        def __init__(self, id: str, **fields: Any) -> None:
            self._fill("ShelfProduct", {"id": id, **fields})

    class ShelfDevice(DeviceInformation):
        shelf = a_text()

    class ShelfConsent(GDPRConsentState):
        shelf = a_text()

    shelved = ShelfProduct("sku-1", position="top", shelf="A")
    device = ShelfDevice(platform="iOS", shelf="B")  # type: ignore[call-arg]
    consent = ShelfConsent(True, MOMENT_MS, shelf="C")  # type: ignore[call-arg]
    batch = Batch().purchase(shelved, Product("sku-2", position=1)).with_device(device)
    batch = batch.__replace__(consent_state=ConsentState(gdpr={"marketing": consent}))

    for _ in range(OFTEN):
        assert meaning(parsed(batch.to_json())) == meaning(batch.to_dict())
        assert meaning(parsed(body(batch).decode())) == meaning(batch.to_dict())
    assert batch.to_json() == (
        '{"device_info":{"platform":"iOS","shelf":"B"},'
        '"consent_state":{"gdpr":{"marketing":{"consented":true,'
        f'"timestamp_unixtime_ms":{MOMENT_MS},"shelf":"C"}}}}}},'
        '"events":[{"event_type":"commerce_event","data":{"product_action":{"action":"purchase",'
        '"products":[{"id":"sku-1","shelf":"A","position":"top"},{"id":"sku-2","position":1}]}}}]}'
    )


def test_code_is_forgotten_for_a_class_with_fields_of_its_own_and_for_no_other() -> None:
    full(Product).to_json()
    known = dict(jsontext._lines)

    class ShopVerbs(EventVerbs):
        pass

    class ShopBatch(ShopVerbs, Batch):
        pass

    class ShopProduct(Product):
        pass

    assert Product in known
    assert jsontext._lines == known

    class ShelfProduct(ShopProduct):
        shelf = a_text()

    assert jsontext._lines == {}


@pytest.mark.parametrize("word", ["it's", 'a"b{x}\\', "{v0}", "\n", "é", "'+v0+'", "{{"])
def test_an_event_type_and_names_of_ones_own_are_written_as_they_are(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event, "_TYPES", {**event._TYPES})

    class Odd(AppEvent, event_type=word):
        shelf = Field("text", validators.text, wire=f"{word} shelf")

    batch = Batch().add(Odd("x", shelf="A"))  # type: ignore[call-arg]
    data = {"event_name": "x", "custom_event_type": "other", f"{word} shelf": "A"}
    expected = {"events": [{"event_type": word, "data": data}]}

    for _ in range(OFTEN):
        assert json.loads(batch.to_json()) == expected
        assert json.loads(body(batch)) == expected


def test_a_word_of_a_choice_of_ones_own_is_escaped_with_and_without_code() -> None:
    words = ('","environment":"production', "back\\slash", "line\nend", "é", "plain")

    class Own(AppEvent):
        extra = a_choice("a word", words)

    for word in words:
        batch = Batch().add(Own._build("Own", {"event_name": "x", "type": "other", "extra": word}))
        data = {"event_name": "x", "custom_event_type": "other", "extra": word}
        for _ in range(OFTEN):
            expected = {"events": [{"event_type": "custom_event", "data": data}]}
            assert json.loads(batch.to_json()) == expected
            assert json.loads(body(batch)) == expected


def test_records_of_ones_own_are_merged_into_the_class_with_more_fields() -> None:
    class ShelfDevice(DeviceInformation):
        shelf = a_text()

    class Slow(DeviceInformation):
        speed = a_text()

    mine: Any = ShelfDevice(platform="iOS", shelf="B")  # type: ignore[call-arg]
    slow: Any = Slow(speed="low")  # type: ignore[call-arg]
    expected = {"platform": "iOS", "brand": "Acme", "shelf": "B"}

    assert Batch().with_device(mine, brand="Acme").device_info.to_dict() == expected
    assert Batch().with_device(brand="Acme").with_device(mine).device_info.to_dict() == expected
    assert Batch().with_device(mine).with_device(brand="Acme").device_info.to_dict() == expected
    joined = Batch().with_device(brand="Acme") + Batch().with_device(mine)
    assert type(joined.device_info) is ShelfDevice
    assert joined.device_info.to_dict() == expected
    with pytest.raises(InvalidValue) as caught:
        Batch().with_device(mine).with_device(slow)
    assert str(caught.value) == (
        "ShelfDevice and Slow do not go together: ShelfDevice has no field 'speed'; "
        "write one class that has the fields of both"
    )


@given(values())
@settings(deadline=None)
def test_the_text_is_the_same_however_often_it_is_written(value: Record) -> None:
    assert {value.to_json() for _ in range(OFTEN)} == {value.to_json()}
    assert parsed(value.to_json()) == lengthened(value.to_dict())


@pytest.mark.parametrize("value", [Batch(), *full_events()], ids=lambda value: type(value).__name__)
def test_a_full_text_is_the_same_however_often_it_is_written(value: Record) -> None:
    first = value.to_json()
    assert {value.to_json() for _ in range(OFTEN)} == {first}
    assert parsed(first) == lengthened(value.to_dict())


@given(values())
@settings(deadline=None)
def test_the_indented_text_says_the_same(value: Record) -> None:
    for indent in (0, 1, 4):
        indented = value.to_json(indent=indent)
        assert parsed(indented) == parsed(value.to_json())
        assert names_in_order(json.loads(indented)) == names_in_order(json.loads(value.to_json()))


def names_in_order(data: Any) -> Any:
    if isinstance(data, dict):
        return [(key, names_in_order(value)) for key, value in data.items()]
    return [names_in_order(item) for item in data] if isinstance(data, list) else None


def test_the_indented_text_looks_like_that_of_the_json_module() -> None:
    batch = (
        Batch.for_user(email="é@b.example")
        .with_user_attributes({"plan": "pro", "list": ["a", 1, True, None is None], "vip": None})
        .event("Searched", {"price": 1.5})
    )
    data = batch.to_dict()
    for indent in (1, 2, 4):
        assert batch.to_json(indent=indent) == json.dumps(data, indent=indent, ensure_ascii=False)
    assert batch.to_json() == json.dumps(data, separators=(",", ":"), ensure_ascii=False)


# Subclasses


class Seen(AppEvent):
    """An event of one's own, with a verb but no field more."""

    __slots__ = ()

    def loud(self) -> str:
        return self.event_name.upper()


class Shop(Batch):
    """A batch of one's own."""

    __slots__ = ()


class Teapot(Product):
    """A product of one's own."""

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
    assert told(schemas.BatchSchema().dump(special)) == told(plain.to_dict())


# Schemas of one's own: the encoder does what they say

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
def a_field_class_of_ones_own() -> Any:
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
def a_dump_of_ones_own() -> Any:
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
def a_schema_of_ones_own_for_what_is_nested() -> Any:
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
def test_a_schema_of_ones_own_is_honoured(name: str) -> None:
    make, value, expected = OWN[name]
    assert make().dump(value) == expected
    encode = compile_encoder(make())
    assert [encode(value) for _ in range(3)] == [expected] * 3


@pytest.mark.parametrize("cls", [cls for cls in VALUE_CLASSES if not issubclass(cls, Event)])
def test_the_public_schema_compiles_to_the_encoder(cls: type[Record]) -> None:
    value = BATCH if cls is Batch else full(cls)
    schema = schema_of(cls)()
    encode = compile_encoder(schema)
    assert encode != schema.dump
    assert told(encode(value)) == told(schema.dump(value))


def test_any_marshmallow_schema_has_an_encoder() -> None:
    class Own(marshmallow.Schema):
        id = fields.String(data_key="sku")

    assert compile_encoder(Own())(PRODUCT) == {"sku": "sku-1"}


# Schemas by hand

NAMES = [name for name in schemas.__all__ if name.endswith("Schema") and name != "RecordSchema"]


def value_class(name: str) -> Any:
    """Return the value class that a public schema is for."""
    wanted = name.removesuffix("Schema").removesuffix("Data")
    return next(cls for cls in VALUE_CLASSES if cls.__name__ == wanted)


def sample_for(name: str) -> Any:
    cls = value_class(name)
    return BATCH.add(*full_events()) if cls is Batch else full(cls)


def test_there_is_a_schema_for_every_value_class() -> None:
    expected = [f"{cls.__name__}Schema" for cls in VALUE_CLASSES]
    expected += [f"{cls.__name__}DataSchema" for cls in EVENT_CLASSES]
    assert sorted(NAMES) == sorted(expected)
    assert sorted(dir(schemas)) == sorted(schemas.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_dumps_loads_and_validates(name: str) -> None:
    schema = getattr(schemas, name)()
    value = sample_for(name)
    dumped = schema.dump(value)
    assert isinstance(schema, marshmallow.Schema)
    assert schema.validate(dumped) == {}
    assert schema.load(dumped) == value
    assert type(schema.load(dumped)) is type(value)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_refuses_an_unknown_name(name: str) -> None:
    schema = getattr(schemas, name)()
    dumped = {**schema.dump(sample_for(name)), "nope": 1}
    assert schema.validate(dumped) == {"nope": ["Unknown field."]}
    with pytest.raises(ValidationError):
        schema.load(dumped)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_dumps_and_loads_many(name: str) -> None:
    schema = getattr(schemas, name)(many=True)
    value = sample_for(name)
    assert schema.load(schema.dump([value, value])) == [value, value]


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_class_however_often_it_is_asked_for(name: str) -> None:
    assert getattr(schemas, name) is getattr(schemas, name)
    assert getattr(schemas, name).__name__ == name
    assert getattr(schemas, name).__doc__


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_wants_what_the_value_must_have(name: str) -> None:
    cls = value_class(name)
    wrapped = issubclass(cls, Event) and not name.endswith("DataSchema")
    found = getattr(schemas, name)().validate(
        {"event_type": cls.event_type, "data": {}} if wrapped else {}
    )
    missing = ["must be given"]
    wanted = {field.wire: missing for field in cls._required}
    if cls is CommerceEvent:  # what it must have is one of three
        (text,) = (found.get("data", {}) if wrapped else found).get("_schema", [""])
        assert "a commerce event has exactly one of product_action, " in text
        assert "from_dict" not in text
        return
    assert found == ({"data": wanted} if wrapped and wanted else wanted)


# a wire name of each class, a value that is not for it, and what the schema says
STRICT = [
    ("BatchSchema", {"mpid": "5"}, "want an integer, got str"),
    ("BatchSchema", {"mpid": 5.0}, "want an integer, got float"),
    ("BatchSchema", {"mpid": True}, "want an integer, got bool"),
    ("BatchSchema", {"mpid": 2**63}, "does not fit 64 bits"),
    ("BatchSchema", {"ip": ""}, "is not an IPv4 or IPv6 address"),
    ("BatchSchema", {"ip": None}, "Field may not be null."),
    ("BatchSchema", {"mp_deviceid": ""}, "is not a UUID"),
    ("BatchSchema", {"environment": "prod"}, "'prod' is not an environment"),
    ("BatchSchema", {"environment": "unknown"}, "'unknown' is not an environment"),
    ("BatchSchema", {"environment": None}, "Field may not be null."),
    ("BatchSchema", {"batch_id": 5}, "Unknown field."),
    ("BatchSchema", {"user_attributes": {"a": {"b": 1}}}, "attributes are flat"),
    ("BatchSchema", {"partner_identities": {"a": 5}}, "want a string, got int"),
    ("UserIdentitiesSchema", {"customerid": "1"}, "Unknown field."),
    ("UserIdentitiesSchema", {"customer_id": 1}, "want a string, got int"),
    ("DeviceInformationSchema", {"is_tablet": "true"}, "want True or False, got str"),
    ("DeviceInformationSchema", {"is_tablet": 1}, "want True or False, got int"),
    ("DeviceInformationSchema", {"screen_dpi": "160"}, "want an integer, got str"),
    ("DeviceInformationSchema", {"platform": "ios"}, "'ios' is not a platform"),
    ("ProductSchema", {"price": "19.99"}, "want a number, got str"),
    ("ProductSchema", {"price": math.nan}, "is not a number that JSON can carry"),
    ("ProductSchema", {"price": math.inf}, "is not a number that JSON can carry"),
    ("ProductSchema", {"price": Decimal("NaN")}, "is not a number that JSON can carry"),
    ("ProductSchema", {"price": True}, "want a number, got bool"),
    ("ProductSchema", {"id": 5}, "want a string, got int"),
    ("ProductSchema", {"custom_attributes": {"a": 1}}, "want a string, got int"),
    ("ProductSchema", {"brand": "\ud83d"}, "has a lone surrogate"),
    ("AppEventDataSchema", {"event_name": ""}, "must not be empty"),
    (
        "AppEventDataSchema",
        {"custom_event_type": "unknown"},
        "'unknown' is not a custom event type",
    ),
    ("AppEventDataSchema", {"timestamp_unixtime_ms": MOMENT}, "want an integer, got str"),
    ("AppEventDataSchema", {"at": MOMENT_MS}, "Unknown field."),
    ("AppEventDataSchema", {"custom_attributes": {"a": [1]}}, "attributes are flat"),
    ("PushMessageEventDataSchema", {"application_state": "unknown"}, "is not an application state"),
    ("GeoLocationSchema", {"latitude": "1"}, "want a number, got str"),
]


@pytest.mark.parametrize(("name", "data", "text"), STRICT)
def test_a_schema_is_strict(name: str, data: dict[str, Any], text: str) -> None:
    schema = getattr(schemas, name)()
    ((wire, _),) = data.items()
    (said,) = schema.validate(data)[wire]
    assert text in said
    with pytest.raises(ValidationError):
        schema.load(data)


@pytest.mark.parametrize(
    ("event", "where"),
    [
        (None, "Field may not be null."),
        ("x", 'Required event field "event_type" is missing or empty.'),
        ({}, 'Required event field "event_type" is missing or empty.'),
        ({"event_type": "nope", "data": {}}, {"event_type": ["'nope' is not an event type"]}),
        (
            {"event_type": "opt_out"},
            {"data": ["must be given"]},
        ),
        (
            {"event_type": "opt_out", "data": {"is_opted_out": "yes"}},
            {"data": {"is_opted_out": ["want True or False, got str"]}},
        ),
    ],
)
def test_the_batch_schema_says_what_is_wrong_with_an_event(event: Any, where: Any) -> None:
    said = schemas.BatchSchema().validate({"events": [OptOutEvent().to_dict(), event]})
    assert said == {"events": {1: [where] if isinstance(where, str) else where}}


@pytest.mark.parametrize("event_type", [["opt_out"], {"a": 1}, 5])
def test_the_batch_schema_refuses_an_event_type_that_is_no_string(event_type: Any) -> None:
    said = schemas.BatchSchema().validate({"events": [{"event_type": event_type, "data": {}}]})
    assert list(said["events"]) == [0]


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_the_schema_of_an_event_refuses_another_type(cls: type[Event]) -> None:
    wrong = {**minimal(cls).to_dict(), "event_type": "nope"}
    assert schema_of(cls)().validate(wrong) == {"event_type": [f"want {cls.event_type!r}"]}


BROKEN_RULES = [
    ("CommerceEventDataSchema", {"currency_code": "EUR"}),
    (
        "CommerceEventDataSchema",
        {"product_action": {"action": "click"}, "promotion_action": {"action": "click"}},
    ),
    (
        "ApplicationStateTransitionEventDataSchema",
        {"application_transition_type": "application_exit", "is_first_run": True},
    ),
    (
        "ConsentStateSchema",
        {"ccpa": {"marketing": {"consented": True, "timestamp_unixtime_ms": MOMENT_MS}}},
    ),
]


@pytest.mark.parametrize(("name", "data"), BROKEN_RULES)
def test_validate_tells_of_the_rules_that_load_keeps(name: str, data: dict[str, Any]) -> None:
    schema = getattr(schemas, name)()
    with pytest.raises(ValidationError):
        schema.load(data)
    assert schema.validate(data) != {}


def test_a_schema_never_loads_a_value_that_could_not_be_written() -> None:
    with pytest.raises(ValidationError):
        schemas.ProductImpressionSchema(partial=True).load({})


def test_a_missing_schema_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'TeapotSchema'"):
        schemas.TeapotSchema


# Numbers


@given(numbers())
@settings(deadline=None)
def test_a_number_has_exactly_its_digits_on_the_wire(amount: Any) -> None:
    for _ in range(OFTEN):
        text = Product("sku-1", price=amount).to_json()
    assert parsed(text)["price"] == Decimal(repr(amount) if type(amount) is float else amount)


@given(scalars())
@settings(deadline=None)
def test_an_attribute_has_exactly_its_value_on_the_wire(value: Any) -> None:
    for _ in range(OFTEN):
        text = AppEvent("x", {"k": value}).to_json()
    wire = parsed(text)["data"]["custom_attributes"]["k"]
    assert told(wire) == told(lengthened(value)) or (wire == value and type(value) is Decimal)


@given(decimals())
@settings(deadline=None)
def test_a_decimal_is_never_a_string(amount: Decimal) -> None:
    batch = (
        Batch()
        .purchase(Product("sku-1", price=amount), total_amount=amount, attributes={"k": amount})
        .with_user_attributes(balance=amount, history=[amount])
    )
    for text in (batch.to_json(), batch.to_json(indent=2)):
        data = parsed(text)
        found = [
            data["user_attributes"]["balance"],
            data["user_attributes"]["history"][0],
            data["events"][0]["data"]["product_action"]["total_amount"],
            data["events"][0]["data"]["product_action"]["products"][0]["price"],
            data["events"][0]["data"]["custom_attributes"]["k"],
        ]
        assert found == [amount] * 5
        assert {type(number) for number in found} == {Decimal}


def test_a_dict_keeps_decimals() -> None:
    amount = Decimal("0.1000000000000000000000000001")
    assert Product("sku-1", price=amount).to_dict() == {"id": "sku-1", "price": amount}
    assert type(Product("sku-1", price=amount).to_dict()["price"]) is Decimal
    assert Product("sku-1", price=amount).to_json() == (
        '{"id":"sku-1","price":0.1000000000000000000000000001}'
    )


EDGES = [2**63 - 1, -(2**63), 2**53 + 1, -(2**53) - 1, 0]


@pytest.mark.parametrize("edge", EDGES)
def test_64_bit_integers_are_exact(edge: int) -> None:
    batch = (
        Batch()
        .with_mpid(edge)
        .with_device(screen_height=edge)
        .with_user_attributes(n=edge)
        .profile("login", previous_mpid=edge, current_mpid=edge, session_id=edge)
    )
    data = json.loads(batch.to_json())
    event = data["events"][0]["data"]
    assert data["mpid"] == edge
    assert data["device_info"]["screen_height"] == edge
    assert data["user_attributes"]["n"] == edge
    assert [event["previous_mpid"], event["current_mpid"], event["session_id"]] == [edge] * 3
    assert batch.to_json().count(str(edge)) == 6


@pytest.mark.parametrize("edge", [0, 2**63, 2**64 - 1])
def test_unsigned_64_bit_integers_are_exact(edge: int) -> None:
    event = CrashReportEvent("m", ios_image_base_address=edge, ios_image_size=edge)
    data = json.loads(event.to_json())["data"]
    assert [data["ios_image_base_address"], data["ios_image_size"]] == [edge, edge]


# What is set is sent, what is not set is not


def falsy(cls: type[Record], field: Any) -> list[Any]:
    """Return the values of a field that are false in Python, and mean something."""
    zeros: dict[str, list[Any]] = {
        "flag": [False],
        "integer": [0],
        "instant": [0],
        "number": [0, 0.0, Decimal(0), Decimal("0.00")],
        "text": [""],
        "string": [""],
        "attribute": [False, 0, 0.0, "", None, []],
    }
    values = zeros.get(field.kind, [])
    return [value for value in values if value is None or accepts(field, value)]


def accepts(field: Any, value: Any) -> bool:
    try:
        field.check(value)
    except Exception:
        return False
    return True


FALSY = [
    pytest.param(cls, wire, value, id=f"{cls.__name__}-{wire}-{value!r}")
    for cls in (*RECORD_CLASSES, *EVENT_CLASSES)
    for wire, field in cls._wire.items()
    for value in falsy(cls, field)
]


@pytest.mark.parametrize(("cls", "wire", "value"), FALSY)
def test_false_zero_and_empty_are_sent(cls: type[Record], wire: str, value: Any) -> None:
    more = {"name": "Named"} if cls in (Product, Promotion) and wire == "id" else {}
    made = minimal(cls, **more, **{cls._wire[wire].name: value})
    for _ in range(OFTEN):
        sent = json.loads(made.to_json())
    sent = sent["data"] if issubclass(cls, Event) else sent
    assert sent[wire] == value
    assert type(sent[wire]) in (type(value), int, float)
    assert isinstance(sent[wire], bool) == isinstance(value, bool)


def test_falsy_values_of_a_batch_are_sent() -> None:
    batch = (
        Batch()
        .with_mpid(0)
        .with_user_attributes({"a": False, "b": 0, "c": "", "d": None, "e": []})
        .with_integration_attributes(0, {"k": 0, "l": False, "m": ""})
        .event("x", {"a": False, "b": 0, "c": "", "d": None}, flags={"a": False})
    )
    assert json.loads(batch.to_json()) == {
        "mpid": 0,
        "user_attributes": {"a": False, "b": 0, "c": "", "d": None, "e": []},
        "integration_attributes": {"0": {"k": 0, "l": False, "m": ""}},
        "events": [
            {
                "event_type": "custom_event",
                "data": {
                    "event_name": "x",
                    "custom_event_type": "other",
                    "custom_attributes": {"a": False, "b": 0, "c": ""},
                    "custom_flags": {"a": False},
                },
            }
        ],
    }


@given(values())
@settings(deadline=None)
def test_null_is_sent_only_where_it_is_a_value(value: Record) -> None:
    for path in nulls(value.to_dict()):
        assert "user_attributes" in path or path[-1] in ("old", "new")


def nulls(data: Any, path: tuple[Any, ...] = ()) -> Any:
    """Yield the path of every None."""
    if data is None:
        yield path
    pairs = data.items() if isinstance(data, dict) else ()
    for key, value in enumerate(data) if isinstance(data, list) else pairs:
        yield from nulls(value, (*path, key))


def test_a_tag_is_sent_as_null() -> None:
    batch = Batch().with_user_attributes(vip=None)
    assert batch.to_json() == '{"user_attributes":{"vip":null}}'
    assert batch.to_dict() == {"user_attributes": {"vip": None}}


@given(values())
@settings(deadline=None)
def test_a_dict_is_made_of_plain_values(value: Record) -> None:
    assert {*kinds(value.to_dict())} <= {dict, list, str, int, float, bool, Decimal, type(None)}


def kinds(data: Any) -> Any:
    """Yield the type of everything in the data."""
    yield type(data)
    if isinstance(data, dict):
        yield from map(type, data)
        data = list(data.values())
    for item in data if isinstance(data, list) else ():
        yield from kinds(item)


def test_a_dict_is_the_callers_own() -> None:
    batch = Batch().with_user_attributes(plan=["a"]).event("x", {"k": "v"})
    before = batch.to_json()
    data = batch.to_dict()
    data["user_attributes"]["plan"].append("b")
    data["events"][0]["data"]["custom_attributes"].clear()
    data["events"].clear()
    assert batch.to_json() == before


# Order and bytes


@pytest.mark.parametrize("cls", [*RECORD_CLASSES, *EVENT_CLASSES])
def test_fields_stand_in_schema_order_whatever_the_order_of_keywords(cls: type[Record]) -> None:
    @given(values(cls), st.randoms(use_true_random=False))
    @settings(max_examples=settings.default.max_examples // 2)
    def check(value: Any, random: Any) -> None:
        given_names = list(value._given().items())
        random.shuffle(given_names)
        shuffled = cls(**dict(given_names))
        for _ in range(OFTEN):
            assert shuffled.to_json() == value.to_json()
        data = value.to_dict()
        data = data["data"] if issubclass(cls, Event) else data
        order = list(cls._wire)
        assert list(data) == sorted(data, key=order.index)

    check()


def test_a_full_value_has_its_fields_in_the_order_of_the_schema() -> None:
    for cls in RECORD_CLASSES:
        schema = schema_of(cls)()
        assert list(full(cls).to_dict()) == [field.data_key for field in schema.fields.values()]


@given(batches(), st.permutations(sorted(set(contexts()) - {"deleted_user_attributes"})), st.data())
@settings(deadline=None)
def test_the_order_of_verbs_about_different_things_does_not_matter(
    batch: Batch, names: list[str], data: Any
) -> None:
    steps = contexts()
    drawn = [data.draw(steps[name]) for name in names[:3]]
    found = set()
    for order in permutations(drawn):
        changed = batch
        for step in order:
            changed = step(changed)
        found.add(changed.to_json())
    assert len(found) == 1


PROGRAM = """
    from decimal import Decimal
    from mpfluent import Batch, Product, Session

    batch = (
        Batch.for_user(customer_id="1", email="é@b.example", mpid=2**63 - 1)
        .with_device(platform="iOS", is_tablet=False, brand="Acme", screen_dpi=0)
        .with_user_attributes({"b": 1, "a": None, "é": ["x", True], "z": Decimal("1.10")})
        .with_deleted_user_attributes("q", "p", "r")
        .with_integration_attributes(92, {"k": "v", "j": 1.5})
        .with_integration_attributes(7, {"k": "v"})
        .with_gdpr_consent("b", True, at=1795428900000)
        .with_gdpr_consent("a", False, at=1795428900000)
        .event("Searched", {"q": "teapot", "n": 1, "a": True}, flags={"y": 1, "x": 2})
        .purchase(Product("sku-1", price=Decimal("0.1000000000000000000000001")), tax_amount=0)
        .add(Session.start(session_id=42, at=1795428900000).event("x", after=1).end(after=2))
    )
    for _ in range(20):
        text = batch.to_json()
    print(text)
    print(batch.to_json(indent=2))
    print(hash(batch) == hash(Batch.from_json(text)), batch == Batch.from_json(text))
"""


def test_the_bytes_are_the_same_in_every_process() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(PROGRAM)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    (output,) = outputs
    assert output.decode().splitlines()[-1] == "True True"


def test_text_is_compact_and_unescaped() -> None:
    batch = Batch().with_user_attributes({"é 😀": 'a"b\\c\n\t\x00\x7f\u2028'})
    assert batch.to_json() == ('{"user_attributes":{"é 😀":"a\\"b\\\\c\\n\\t\\u0000\x7f\u2028"}}')
    assert json.loads(batch.to_json()) == batch.to_dict()


# A shape that comes back is checked as it was the first time


class Word(str, enum.Enum):  # noqa: UP042 - what callers have
    """A word as an enum."""

    LOGIN = "login"
    IOS = "iOS"


class Text(str):
    """A string of somebody's own."""

    __slots__ = ()


class Count(int):
    """A number of somebody's own."""


ODD = [
    object(),
    None,
    "",
    "plain",
    "é",
    "\ud83d",
    Text("plain"),
    Text("\ud83d"),
    Word.IOS,
    True,
    0,
    7,
    Count(7),
    Count(2**70),
    2**63,
    2**64,
    -(2**63) - 1,
    1_552_596_256,
    MOMENT,
    "2026-11-23T10:15:00",
    1.5,
    math.nan,
    math.inf,
    Decimal("1.10"),
    Decimal("NaN"),
    [],
    ["a"],
    {},
    {"a": 1},
    {"a": [1]},
    {"": 1},
    {1: 1},
    {"a": None},
    {"a": "\ud83d"},
    b"a",
    Product("sku-1"),
    DeviceInformation(),
    GeoLocation(1, 2),
]


def outcome(make: Callable[[], Record]) -> str:
    """Return the value's JSON text, or the error's kind and text."""
    try:
        return make().to_json()
    except (InvalidBatch, TypeError) as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("cls", [*RECORD_CLASSES, *EVENT_CLASSES])
def test_a_shape_that_comes_back_is_checked_as_the_first_time(cls: type[Record]) -> None:
    for name in cls._fields:
        if name in ONE_OF:
            continue
        first = [outcome(lambda: minimal(cls, **{name: odd})) for odd in ODD]  # noqa: B023
        usual = full(cls)._given().get(name)
        for _ in range(OFTEN):
            minimal(cls, **{name: usual})
        again = [outcome(lambda: minimal(cls, **{name: odd})) for odd in ODD]  # noqa: B023
        assert again == first, name


@given(values())
@settings(deadline=None)
def test_a_value_is_the_same_however_often_it_is_made(value: Any) -> None:
    if isinstance(value, Batch):
        return
    for _ in range(OFTEN):
        again = type(value)(**value._given())
        assert again == value
        assert again.to_json() == value.to_json()
