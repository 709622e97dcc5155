"""Our marshmallow schemas stay out of the application's list of names."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from marshmallow import Schema, class_registry, fields

from mpfluent import Batch, schemas

TRIGGERS = {
    "to_dict": "Batch().event('x').to_dict()",
    "preview": "str(Batch().event('x').preview())",
    "a failing from_dict": """
try:
    Batch.from_dict({'events': [{'event_type': 'opt_out', 'data': {}}]})
except InvalidBatch:
    pass
""",
    "import schemas": "import mpfluent.schemas; mpfluent.schemas.ProductSchema",
    "every schema": "import mpfluent.schemas as s; [getattr(s, name) for name in s.__all__]",
    "a user's verbs": """
class ShopBatch(Batch):
    pass
ShopBatch().event('x').to_dict()
""",
    "the test kit": """
import mpfluent.testing, mpfluent.testing.strategies
mpfluent.testing.a_user().to_dict()
from mpfluent.testing.api_rules import refused
refused({})
""",
}
PROGRAM = """
import json, sys
from marshmallow import Schema, class_registry, fields
from mpfluent import Batch, InvalidBatch
names = json.load(sys.stdin)
for name in names:
    type(name, (Schema,), {"own": fields.Integer(), "__module__": "shop"})
TRIGGER
for name in names:
    field = fields.Nested(name)
    assert field.schema.__module__ == "shop", name
    assert field.schema.load({"own": "1"}) == {"own": 1}
    assert class_registry.get_class(name).__module__ == "shop"
"""


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_an_application_finds_its_own_schemas_by_name(trigger: str) -> None:
    names = [*schemas.__all__, "WrapperSchema", "ShopBatchSchema"]
    names = [name for name in names if name.endswith("Schema")]
    program = PROGRAM.replace("TRIGGER", TRIGGERS[trigger])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        input=json.dumps(names),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", [name for name in schemas.__all__ if name.endswith("Schema")])
def test_no_schema_of_ours_is_listed(name: str) -> None:
    made = getattr(schemas, name)
    listed = class_registry._registry.get(f"mpfluent.schemas.{name}", [])
    assert made not in listed
    assert not listed


def test_a_schema_that_derives_from_ours_is_listed_as_any_other() -> None:
    class DerivedProductSchema(schemas.ProductSchema):
        pass

    class DerivedEventSchema(schemas.AppEventSchema):
        class Meta(schemas.AppEventSchema.Meta):
            pass

    class Cart(Schema):
        product = fields.Nested("DerivedProductSchema")

    assert class_registry.get_class("DerivedEventSchema") is DerivedEventSchema
    assert Cart().load({"product": {"id": "sku-1"}})["product"].id == "sku-1"
    assert DerivedProductSchema.opts.unknown == schemas.ProductSchema.opts.unknown == "raise"
    assert schemas.BatchSchema().dumps(Batch().with_mpid(7)) == '{"mpid":7}'
