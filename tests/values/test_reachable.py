"""Nothing that can change is reachable from a value."""

from __future__ import annotations

import inspect
from types import MappingProxyType

from hypothesis import given
from internals import Frozen
from value_samples import (
    BASES,
    EVENTS,
    FROZEN,
    REMOVES,
    SAMPLES,
    SETS,
    LooseBatch,
    ShopBatch,
    each,
    leaks,
    verbs,
)

import mpfluent
from mpfluent import AppEvent, Batch, Event, EventVerbs, FrozenMap, Product
from mpfluent.testing import strategies


def test_every_public_value_class_has_a_sample():
    public = {
        value
        for name, value in inspect.getmembers(mpfluent)
        if isinstance(value, type) and issubclass(value, Frozen | FrozenMap) and name[0] != "_"
    }

    assert public - {Event, EventVerbs} == set(FROZEN)


def test_the_search_finds_what_it_is_looking_for():
    class Hidden(Frozen, kind="Hidden"):
        __slots__ = ("_list",)

        @property
        def made(self):
            return {"a": 1}

    class Loose(Frozen, kind="Loose"):
        __slots__ = ("__dict__",)

    hidden = Hidden._make((), ())
    object.__setattr__(hidden, "_list", ([bytearray()],))

    assert {"value._list[0]: list", "value.made: dict"} <= set(leaks(hidden))
    assert leaks(Loose._make((), ())) == ["value.__dict__: dict"]
    assert leaks(Product._make(("id",), ({"a"},))) != []
    assert leaks(AppEvent._make(("custom_attributes",), ({"a": 1},))) != []
    assert leaks((1, FrozenMap.of(("a",), ([1],)))) != []
    assert leaks((1, MappingProxyType({}))) != []


@each(FROZEN)
def test_nothing_mutable_is_reachable_from_a_value(value):
    assert leaks(value) == []


@given(value=strategies.values() | strategies.sessions())
def test_nothing_mutable_is_reachable_from_any_value(value):
    assert leaks(value) == []


@given(batch=strategies.batches())
def test_nothing_mutable_is_reachable_from_a_batch_that_was_read(batch):
    assert leaks(Batch.from_dict(batch.to_dict())) == []
    assert leaks(Batch.from_json(batch.to_json())) == []


def test_nothing_mutable_is_reachable_after_any_verb():
    for name in ("rich batch", "rich session"):
        for verb in sorted((EVENTS | SETS | REMOVES).keys() & verbs(type(BASES[name]))):
            assert leaks(SAMPLES[verb].on(BASES[name], verb)) == [], verb


def test_nothing_mutable_is_reachable_from_a_subclass():
    batch = LooseBatch.for_user(customer_id="u-1").signed_up("pro")

    assert leaks(batch) == []
    assert leaks(ShopBatch.for_user(customer_id="u-1").signed_up("pro")) == []
