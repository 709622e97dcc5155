"""Every kind of field is one row, and has its columns wherever a library is needed for them."""

from __future__ import annotations

from typing import Any

import pytest
from strategies import example, minimal

from mpfluent import Batch
from mpfluent.encoding import json as jsontext
from mpfluent.encoding import reader, schema
from mpfluent.encoding.encoder import encoder
from mpfluent.model.record import Record
from mpfluent.testing.strategies.invalid import INVALID
from mpfluent.testing.strategies.records import VALID, VALUE_CLASSES
from mpfluent.values.fields import Field
from mpfluent.values.kinds import KINDS

FIELDS = [(cls, field) for cls in VALUE_CLASSES for field in cls._fields.values()]
EACH_KIND: dict[str, tuple[type[Record], Field[Any]]] = {
    field.kind.name: (cls, field) for cls, field in reversed(FIELDS)
}


def test_every_kind_is_declared_by_some_field() -> None:
    assert sorted(EACH_KIND) == sorted(KINDS)


@pytest.mark.parametrize("table", [VALID, INVALID], ids=["VALID", "INVALID"])
def test_the_test_kit_draws_values_of_every_kind(table: Any) -> None:
    assert sorted(table) == sorted(KINDS)


def test_every_kind_that_holds_no_records_names_a_class_of_the_schemas() -> None:
    named = {kind.schema for kind in KINDS.values() if not kind.records}

    assert named == set(schema.LEAVES)
    assert {kind.schema for kind in KINDS.values() if kind.records} == {""}


def test_there_is_a_text_for_every_kind() -> None:
    assert sorted(jsontext._HOLES) == sorted(KINDS)


def test_only_kinds_that_there_are_have_their_values_mended() -> None:
    assert set(reader._TIDY) <= set(KINDS)


def test_a_field_of_a_kind_that_has_no_row_cannot_be_declared() -> None:
    with pytest.raises(KeyError, match="colour"):
        Field("colour", str)


@pytest.mark.parametrize(("cls", "field"), EACH_KIND.values(), ids=EACH_KIND)
def test_a_field_of_each_kind_is_dumped_and_read(cls: type[Record], field: Field[Any]) -> None:
    written, wire = example(cls, field)
    value = (Batch() if cls is Batch else minimal(cls))._with({field.wire: field.check(written)})

    assert value._get(field.wire) == field.check(written)
    assert schema.schema_of(cls).dump(value)[field.wire] == wire
    assert encoder(cls)(value)[field.wire] == wire
    assert cls.from_json(value.to_json()) == value
