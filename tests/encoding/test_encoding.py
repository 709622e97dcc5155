"""What goes on the wire is what the marshmallow schemas say, byte for byte the same every time."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Literal
from unittest import mock

import pytest
from hypothesis import given, settings
from strategies import MOMENT, MOMENT_MS, full, full_events
from wire_forms import OFTEN, exact, lengthened, parsed, schema_of

from mpfluent import (
    AppEvent,
    Batch,
    ConsentState,
    DeviceInformation,
    Event,
    GDPRConsentState,
    InvalidValue,
    Product,
    schemas,
)
from mpfluent.encoding import json as jsontext
from mpfluent.model import event
from mpfluent.testing.strategies import batches, values
from mpfluent.testing.strategies.records import EVENT_CLASSES, VALUE_CLASSES
from mpfluent.values import code_cache, validators
from mpfluent.values.fields import Field
from mpfluent.values.fields import choice as a_choice
from mpfluent.values.fields import text as a_text
from mpfluent.values.frozen_map import MOST
from mpfluent.wire.body import encode

# The encoder, the schemas and the text say the same


@pytest.mark.parametrize("cls", VALUE_CLASSES)
def test_the_encoder_gives_what_the_schema_dumps(cls: type[Any]) -> None:
    schema = schema_of(cls)()

    @given(values(cls))
    @settings(max_examples=settings.default.max_examples // 2)
    def check(value: Any) -> None:
        assert exact(value.to_dict()) == exact(schema.dump(value))

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
    return encode(batch).body()


@contextmanager
def shapes_written(at_once: bool) -> Iterator[None]:
    """Forget the code for all shapes; then write it at the first use of each, or never."""
    jsontext._lines.clear()
    with (
        mock.patch.object(code_cache, "USED", 0 if at_once else sys.maxsize),
        mock.patch.dict(jsontext._maps),
    ):
        if not at_once:
            jsontext._maps.update(dict.fromkeys(range(MOST + 1), jsontext._any_map))
        yield
    jsontext._lines.clear()


@AT_ONCE
def test_every_encoding_of_every_batch_says_what_the_schema_dumps(at_once: bool) -> None:
    @given(batches())
    @settings(deadline=None)
    def check(batch: Batch) -> None:
        dumped = schemas.BatchSchema().dump(batch)
        assert exact(batch.to_dict()) == exact(dumped)
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
            context, (text,) = encode(Batch().add(event))
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
def test_the_encoder_gives_what_the_schema_dumps_of_a_full_value(cls: type[Any]) -> None:
    value = full(cls)
    assert exact(value.to_dict()) == exact(schema_of(cls)().dump(value))


def test_the_encoder_gives_what_the_schema_dumps_of_an_empty_batch() -> None:
    assert schemas.BatchSchema().dump(Batch()) == {}
    assert Batch().to_dict() == {}
    assert Batch().to_json() == "{}"


@pytest.mark.parametrize("cls", VALUE_CLASSES)
def test_the_text_says_what_the_schema_dumps(cls: type[Any]) -> None:
    schema = schema_of(cls)()

    @given(values(cls))
    @settings(max_examples=settings.default.max_examples // 2)
    def check(value: Any) -> None:
        text = value.to_json()
        assert parsed(text) == lengthened(schema.dump(value))
        assert list(parsed(text)) == list(schema.dump(value))

    check()


# Subclasses of records with fields of their own


def test_a_record_with_a_field_more_is_written_with_it_however_often() -> None:
    plain = Batch().purchase(Product("sku-1"), Product("sku-2")).with_device(platform="iOS")
    plain = plain.with_gdpr_consent("marketing", True, at=MOMENT_MS)
    for _ in range(OFTEN):  # there is code for common shapes when the classes are made
        plain.to_json()
        body(plain)

    class ShelfProduct(Product):
        shelf = a_text()
        position = a_text()  # an integer in the base

        def __init__(self, id: str, **fields: Any) -> None:
            self._fill(ShelfProduct, fields, id)

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


@pytest.mark.parametrize("word", ["it's", 'a"b{x}\\', "{v0}", "\n", "é", "'+v0+'", "{{"])
def test_an_event_type_and_names_of_a_subclass_are_written_as_they_are(
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


def test_a_word_of_a_choice_of_a_subclass_is_escaped_with_and_without_code() -> None:
    words = ('","environment":"production', "back\\slash", "line\nend", "é", "plain")

    class Subclass(AppEvent):
        extra = a_choice("a word", Literal[words])

    for word in words:
        batch = Batch().add(
            Subclass._build("Subclass", {"event_name": "x", "type": "other", "extra": word})
        )
        data = {"event_name": "x", "custom_event_type": "other", "extra": word}
        for _ in range(OFTEN):
            expected = {"events": [{"event_type": "custom_event", "data": data}]}
            assert json.loads(batch.to_json()) == expected
            assert json.loads(body(batch)) == expected


def test_subclasses_of_records_are_merged_into_the_class_with_more_fields() -> None:
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
def test_the_text_is_the_same_however_often_it_is_written(value: Any) -> None:
    assert {value.to_json() for _ in range(OFTEN)} == {value.to_json()}
    assert parsed(value.to_json()) == lengthened(value.to_dict())


@pytest.mark.parametrize("value", [Batch(), *full_events()], ids=lambda value: type(value).__name__)
def test_a_full_text_is_the_same_however_often_it_is_written(value: Any) -> None:
    first = value.to_json()
    assert {value.to_json() for _ in range(OFTEN)} == {first}
    assert parsed(first) == lengthened(value.to_dict())


@given(values())
@settings(deadline=None)
def test_the_indented_text_says_the_same(value: Any) -> None:
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
