"""What our own tests need besides the public strategies: fixed values, and steps of context."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis.strategies import SearchStrategy

from mpfluent import Batch, CommerceEvent, Event, Product, Promotion, UserAttributeChangeEvent
from mpfluent.testing.strategies.batches import said
from mpfluent.testing.strategies.records import EVENT_CLASSES, words, written

# One fixed value for every field, for tests that need all of them at once

UUID = "07d2ebaa-e956-407e-a1e6-f05f871bf4e2"
MOMENT = "2026-11-23T10:15:00Z"
MOMENT_MS = 1_795_428_900_000
BEYOND_FLOATS = 2**53 + 1


def example(cls: type[Any], field: Any) -> tuple[Any, Any]:
    """Return what may be written for a field, and what then stands on the wire."""
    if field.of is not None:
        one = full(field.of) if field.kind.name != "events" else field.of("label")
        if field.kind.name == "record":
            return one, one.to_dict()
        if field.kind.name == "records_by_name":
            return {"data_sale_opt_out": one}, {"data_sale_opt_out": one.to_dict()}
        return [one], [one.to_dict()]
    same: dict[str, Any] = {
        "text": f"the {field.name}",
        "string": f"the {field.name}",
        "uuid": UUID,
        "ip": "203.0.113.7",
        "flag": False,
        "integer": BEYOND_FLOATS,
        "number": Decimal("19.99"),
        "attribute": ["a", "b"],
        "attributes": {"plan": "pro", "vip": None, "colours": ["red", "blue"]},
        "scalars": {"key": "value"},
        "strings": {"key": "value"},
        "maps": {"92": {"key": "value"}},
        "names": ["plan"],
    }
    if field.kind.name == "instant":
        return MOMENT, MOMENT_MS
    value = words(cls, field)[0] if field.kind.name == "choice" else same[field.kind.name]
    return value, value


ONE_OF = {"product_action", "promotion_action", "product_impressions"}


def full(cls: Any, *, kind: str = "product_action") -> Any:
    """Return a value with every field set; of a commerce event, with ``kind`` of the three."""
    left_out = ONE_OF - {kind} if cls is CommerceEvent else set()
    return cls(
        **{
            name: example(cls, field)[0]
            for name, field in cls._fields.items()
            if name not in left_out
        }
    )


def minimal(cls: Any, *, kind: str = "product_action", **more: Any) -> Any:
    """Return a value with what it must have, and ``more``."""
    needed = {field.name: example(cls, field)[0] for field in cls._required}
    if cls is CommerceEvent and ONE_OF.isdisjoint(more):
        of = cls._fields[kind].of
        needed[kind] = [minimal(of)] if kind == "product_impressions" else minimal(of)
    if cls in (Product, Promotion):
        needed["id"] = "sku-1"
    if cls is UserAttributeChangeEvent:
        needed["new"] = None
    return cls(**{**needed, **more})


def full_events() -> list[Event]:
    """Return every event with every field, a commerce event for each of its three kinds."""
    found = [full(cls) for cls in EVENT_CLASSES if cls is not CommerceEvent]
    return found + [full(CommerceEvent, kind=kind) for kind in sorted(ONE_OF)]


def minimal_events() -> list[Event]:
    """Return every event with what it must have, a commerce event for each of its three kinds."""
    found = [minimal(cls) for cls in EVENT_CLASSES if cls is not CommerceEvent]
    return found + [minimal(CommerceEvent, kind=kind) for kind in sorted(ONE_OF)]


# Steps of context


@cache
def contexts() -> dict[str, SearchStrategy[Callable[[Batch], Batch]]]:
    """Return, for each context field of a batch by name, a strategy of what changes it.

    Each draws a function from a batch to a batch, made of public verbs.
    """

    def step(name: str) -> SearchStrategy[Callable[[Batch], Batch]]:
        return written(Batch, name).map(lambda value: lambda batch: said(batch, name, value))

    return {name: step(name) for name in Batch._fields if name != "events"}
