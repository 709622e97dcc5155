"""The points of commerce events, as generated verbs and factories."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from ..formatting.code_layout import quoted
from ..model.commerce import Product
from .annotations import Kind, kind_of, suits, type_of
from .docstrings import width
from .functions import Argument, Function
from .names_file import Names
from .planned_arguments import (
    Attributes,
    Impossible,
    attributes_of,
    inside,
    is_closed,
    properties_of,
    required,
)
from .planned_verbs import (
    FIELDS,
    entries_of,
    event_attributes,
    is_made,
    others_of,
    schema_of_attributes,
)
from .points import Point

_LONGEST = 40  # columns of a type in a line that is not broken
_MONEY, _TEXT = Kind(("Decimal", "float"), (), ""), Kind(("str",), (), "")
_WHOLE, _YES = Kind(("int",), (), ""), Kind(("bool",), (), "")
# The fields of a commerce event that stand beside its products, and those of its action.
_OF_EVENT = {"currency_code": _TEXT, "screen_name": _TEXT, "is_non_interactive": _YES}
_OF_ACTION = {
    **dict.fromkeys(("transaction_id", "affiliation", "coupon_code"), _TEXT),
    **dict.fromkeys(("total_amount", "tax_amount", "shipping_amount"), _MONEY),
    "checkout_step": _WHOLE,
    **dict.fromkeys(("checkout_options", "product_action_list", "product_list_source"), _TEXT),
}
_OF_PRODUCT = {
    **dict.fromkeys(("brand", "category", "variant", "coupon_code"), _TEXT),
    "position": _WHOLE,
    **dict.fromkeys(("price", "quantity", "total_product_amount"), _MONEY),
    "added_to_cart_time_ms": _WHOLE,
}
_OF_PROMOTION: dict[str, Kind] = dict.fromkeys(("creative", "position"), _TEXT)


class Commerce(NamedTuple):
    """How a verb of commerce is called.

    Attributes:
        verb: of ours.
        first: what stands before products or promotions.
        path: where the plan has what is handed to it.
        noun: what that is, "product" or "promotion".
    """

    verb: str
    first: tuple[str, ...] = ()
    path: tuple[str, ...] = ("product_action", "products")
    noun: str = "product"

    @property
    def factory(self) -> str:
        """The function that makes what is handed to the verb."""
        return f"{self.verb}_{self.noun}"


_ACTIONS = (
    *("add_to_cart", "remove_from_cart", "add_to_wishlist", "view_detail", "click"),
    *("checkout", "checkout_option", "purchase", "refund"),
)
_PROMOTION = (("promotion_action", "promotions"), "promotion")
COMMERCE: Mapping[tuple[str, str], Commerce] = {
    **{("product_action", action): Commerce(action) for action in _ACTIONS},
    ("product_action", "remove_from_wish_list"): Commerce("remove_from_wishlist"),
    ("promotion_action", "view"): Commerce("promotion_view", (), *_PROMOTION),
    ("promotion_action", "click"): Commerce("promotion_click", (), *_PROMOTION),
    ("product_impression", "product_impression"): Commerce(
        "impression", ("product_impression_list",), ("product_impressions", "products")
    ),
}
"""The verbs of commerce, by the type and the name of a point."""


def commerce_function_of(point: Point, name: str, names: Names) -> Function | None:
    """Return the verb of a commerce event; None if ours has all that the plan names.

    Args:
        point: of the event.
        name: of the verb.
        names: that were chosen.

    Raises:
        Impossible: no batch could be as planned.
    """
    commerce = COMMERCE[point.type, point.name]
    found = event_attributes(point, "commerce", names)
    data = inside(point.definition, "data")
    where, things = commerce.path
    around = _entries_in(inside(data, where))
    fields = _OF_ACTION if point.type == "product_action" else {}
    offered = (
        *(_fields(around, fields, {"action", things, *commerce.first}) if around else ()),
        *_fields(data, _OF_EVENT),
    )
    if not found.arguments and not found.needs_others and not _says_more(offered):
        return None
    rest = {**({} if is_closed(around) else fields), **({} if is_closed(data) else _OF_EVENT)}
    offered = (*offered, *_unsaid(rest, {each.name for each in offered}))
    listed = [_named(around, each) for each in commerce.first]
    one, kind = commerce.noun, commerce.noun.capitalize()
    needed = [(f"{one}: {kind}", one)] if things in required(around) and not listed else []
    return Function(
        name=name,
        first=["self: V", *listed, *(each for each, _ in needed), f"*{things}: {kind}"],
        arguments=sorted((*found.arguments, *offered), key=lambda each: not each.is_required),
        last=[*others_of(found), FIELDS],
        returns="V",
        call=f"self.{commerce.verb}",
        items=[
            *(*commerce.first, *(each for _, each in needed), f"*{things}"),
            *entries_of(found, "attributes="),
            *(each.keyword for each in offered),
            "**fields",
        ],
        summary=f"Append what {commerce.verb}() appends, with what the plan names",
        description=point.description,
        notes=(*_notes(around, commerce.first), *found.notes),
    )


def factory_of(point: Point, names: Names) -> Function | None:
    """Return the factory for what a commerce event has; None if the plan names nothing of it.

    Args:
        point: of the event.
        names: that were chosen.

    Raises:
        Impossible: no product, or no promotion, could be as planned.
    """
    commerce = COMMERCE[point.type, point.name]
    schema = inside(point.definition, "data")
    for each in commerce.path:
        schema = _entries_in(inside(schema, each))
    if not isinstance(schema, dict):
        return None
    found, known, others = Attributes((), is_open=False), _OF_PROMOTION, {"id", "name"}
    if commerce.noun == "product":
        found, known, others = (
            _of_product(schema, names),
            _OF_PRODUCT,
            {*others, "custom_attributes"},
        )
    offered = _fields(schema, known, others)
    if not found.arguments and not found.needs_others and not _says_more(offered):
        return None
    if is_closed(schema) and "id" not in properties_of(schema):
        raise Impossible(f'its definition refuses the "id" of a {commerce.noun}')
    is_named = "name" in properties_of(schema) or not is_closed(schema)
    may_be_missing = "" if "name" in required(schema) else " | None = None"
    rest = {} if is_closed(schema) else known
    offered = (*offered, *_unsaid(rest, {each.name for each in offered}))
    made = commerce.noun.capitalize()
    return Function(
        name=commerce.factory,
        first=[_named(schema, "id"), *([_named(schema, "name") + may_be_missing] * is_named)],
        arguments=sorted((*found.arguments, *offered), key=lambda each: not each.is_required),
        last=others_of(found),
        returns=made,
        call=made,
        items=[
            *("id", *(["name"] * is_named)),
            *entries_of(found, ("attributes=", "_texts(")),
            *(each.keyword for each in offered),
        ],
        summary=f"Make a {commerce.noun} for {commerce.verb}()",
        notes=(*_notes(schema, ("id", "name")), *found.notes),
    )


def _entries_in(schema: Any) -> Any:
    """Return the schema of a list's entries, or that of what is no list."""
    return schema["items"] if isinstance(schema, dict) and "items" in schema else schema


def _of_product(schema: dict[str, Any], names: Names) -> Attributes:
    return attributes_of(
        schema_of_attributes(schema),
        "product",
        _product_holds,
        renamed=names.arguments,
        is_required="custom_attributes" in required(schema),
    )


def _named(schema: Any, name: str) -> str:
    """Return an argument that is text, with the choices that the plan has for it."""
    planned = kind_of(properties_of(schema).get(name))
    fits = suits(planned, _TEXT.types) and width(type_of(planned)) <= _LONGEST
    return f"{name}: {type_of(planned) if fits else 'str'}"


def _notes(schema: Any, names: Iterable[str]) -> Iterable[str]:
    """Yield what the plan says of values whose arguments the docstring does not list."""
    for name in names:
        limits = kind_of(properties_of(schema).get(name)).limits
        if limits:
            yield f"The plan says of {quoted(name)}: {limits}."


def _says_more(offered: Iterable[Argument]) -> bool:
    """Return whether a plan says more of fields than the signatures of ours do."""
    return any(each.is_required or each.kind.choices for each in offered)


def _fields(
    schema: Any, known: Mapping[str, Kind], others: Collection[str] | None = None
) -> tuple[Argument, ...]:
    """Return the fields of ours that a schema names.

    Args:
        schema: of an object of ours.
        known: what its fields may be.
        others: what else it may require; None for anything.

    Raises:
        Impossible: it requires one that we do not have.
    """
    properties, wanted = properties_of(schema), required(schema)
    for name in wanted:
        if others is not None and name not in known and name not in others:
            raise Impossible(f"a batch cannot hold the field {quoted(name)}")
    found = []
    for name, kind in known.items():
        if name not in properties and name not in wanted:
            continue
        planned = kind_of(properties.get(name))
        if planned.types == ("int",) and kind == _MONEY:
            kind = _WHOLE
        said = properties.get(name)
        description = said.get("description") if isinstance(said, dict) else ""
        found.append(
            Argument(
                name,
                quoted(name),
                planned if suits(planned, kind.types) else kind._replace(limits=planned.limits),
                name in wanted,
                description if isinstance(description, str) else "",
            )
        )
    return tuple(found)


def _unsaid(fields: Mapping[str, Kind], known: Iterable[str]) -> list[Argument]:
    """Return the other fields, of which the plan says nothing."""
    return [
        Argument(name, quoted(name), kind, is_required=False, is_planned=False)
        for name, kind in fields.items()
        if name not in known
    ]


def _product_holds(name: str) -> bool:
    return is_made(lambda: Product("sku", attributes={name: "text"}))
