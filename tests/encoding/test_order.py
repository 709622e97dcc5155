"""The order of fields, and the same bytes in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import contexts, full
from wire_forms import OFTEN, schema_of

from mpfluent import Batch, Event
from mpfluent.testing.strategies import batches, values
from mpfluent.testing.strategies.records import EVENT_CLASSES, RECORD_CLASSES


@pytest.mark.parametrize("cls", [*RECORD_CLASSES, *EVENT_CLASSES])
def test_fields_stand_in_schema_order_whatever_the_order_of_keywords(cls: type[Any]) -> None:
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
