"""The points of a plan, as generated verbs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple, get_args

from ..builder.batch import Batch
from ..errors import InvalidBatch, InvalidValue
from ..formatting.code_layout import quoted
from ..model.commerce import Product
from ..model.events import AppEvent, CustomEventType, ScreenViewEvent
from .annotations import Kind, kind_of
from .functions import Argument, Entries, Function
from .names_file import Names
from .planned_arguments import Attributes, Impossible, attributes_of, inside, required
from .points import Point

_FIELDS = "**fields: Unpack[CommonFields]"
_MORE = "attributes: Mapping[str, Scalar | None]"
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
_OF_PROMOTION = dict.fromkeys(("creative", "position"), _TEXT)
# What every event has, whatever is written.
_KNOWN = {"event_name", "custom_event_type", "screen_name", "custom_attributes"}
_ALWAYS = {*_KNOWN, "timestamp_unixtime_ms", "product_action", "promotion_action"}


class Commerce(NamedTuple):
    """How a verb of commerce is called.

    Attributes:
        verb: of ours.
        first: what stands before its keywords.
        items: what is handed to ours.
        path: where the plan has what is handed to it.
        noun: what that is, "product" or "promotion".
    """

    verb: str
    first: tuple[str, ...] = ("*products: Product",)
    items: tuple[str, ...] = ("*products",)
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
_PROMOTION = (
    *(("*promotions: Promotion",), ("*promotions",)),
    *(("promotion_action", "promotions"), "promotion"),
)
_LISTED = ("product_impression_list: str", "*products: Product")
COMMERCE: Mapping[tuple[str, str], Commerce] = {
    **{("product_action", action): Commerce(action) for action in _ACTIONS},
    ("product_action", "remove_from_wish_list"): Commerce("remove_from_wishlist"),
    ("promotion_action", "view"): Commerce("promotion_view", *_PROMOTION),
    ("promotion_action", "click"): Commerce("promotion_click", *_PROMOTION),
    ("product_impression", "product_impression"): Commerce(
        "impression",
        _LISTED,
        ("product_impression_list", "*products"),
        ("product_impressions", "products"),
    ),
}
"""The verbs of commerce, by the type and the name of a point."""


def function_of(point: Point, name: str, names: Names) -> Function:
    """Return the verb of a custom event or a screen.

    Args:
        point: of the event.
        name: of the verb.
        names: that were chosen.

    Raises:
        Impossible: no batch could hold the event, or none as planned.
    """
    is_screen = point.type == "screen_view"
    label = quoted(point.name)
    try:
        if is_screen:
            ScreenViewEvent(point.name)
        else:
            AppEvent(point.name)
    except InvalidValue:
        raise Impossible(f"a batch cannot hold the name {label}") from None
    if not is_screen and point.custom_type not in get_args(CustomEventType):
        raise Impossible(f"a batch cannot hold the type {quoted(point.custom_type)}")
    found = _of_event(point, "screen" if is_screen else "event", names)
    given = _entries(found.arguments, found.is_open, "attributes=" if is_screen else "")
    kind = [] if is_screen else [f"type={quoted(point.custom_type)}"]
    return Function(
        name=name,
        first=["self: V"],
        arguments=found.arguments,
        last=[*_more(found), _FIELDS],
        returns="V",
        call="self.screen_view" if is_screen else "self.event",
        items=[label, *given, *kind, "**fields"],
        summary=f"Append the screen {label}" if is_screen else f"Append {label} ({kind[0][6:-1]})",
        description=point.description,
        notes=found.notes,
    )


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
    found = _of_event(point, "commerce", names)
    data = inside(point.definition, "data")
    action = inside(data, "product_action") if point.type == "product_action" else None
    told = _fields(action, _OF_ACTION, {"action", "products"}) if action is not None else ()
    told = (*told, *_fields(data, _OF_EVENT))
    if not found.arguments and not found.needs_others and not _says_more(told):
        return None
    known = {each.name for each in told}
    rest = _OF_ACTION if point.type == "product_action" else {}
    told = (*told, *_unsaid({**rest, **_OF_EVENT}, known))
    given = _entries(found.arguments, found.is_open, "attributes=")
    arguments = sorted((*found.arguments, *told), key=lambda each: not each.is_required)
    return Function(
        name=name,
        first=["self: V", *commerce.first],
        arguments=arguments,
        last=[*_more(found), _FIELDS],
        returns="V",
        call=f"self.{commerce.verb}",
        items=[*commerce.items, *given, *(each.keyword for each in told), "**fields"],
        summary=f"Append what {commerce.verb}() appends, with what the plan names",
        description=point.description,
        notes=found.notes,
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
        schema = inside(schema, each)
        schema = schema.get("items") if isinstance(schema, dict) and "items" in schema else schema
    if not isinstance(schema, dict):
        return None
    found, known = Attributes((), is_open=False), _OF_PROMOTION
    others = {"id", "name"}
    if commerce.noun == "product":
        found, known = _of_product(schema, names), _OF_PRODUCT
        others.add("custom_attributes")
    told = _fields(schema, known, others)
    if not found.arguments and not _says_more(told):
        return None
    told = (*told, *_unsaid(known, {each.name for each in told}))
    named = "name: str" if "name" in required(schema) else "name: str | None = None"
    given = Entries(("attributes=_texts(", "{"), [each.entry for each in found.arguments])
    made = commerce.noun.capitalize()
    return Function(
        name=commerce.factory,
        first=["id: str", named],
        arguments=sorted((*found.arguments, *told), key=lambda each: not each.is_required),
        last=[],
        returns=made,
        call=made,
        items=[
            *("id", "name"),
            *([given] if found.arguments else []),
            *(each.keyword for each in told),
        ],
        summary=f"Make a {commerce.noun} for {commerce.verb}()",
        notes=found.notes,
    )


def _of_product(schema: dict[str, Any], names: Names) -> Attributes:
    return attributes_of(
        inside(schema, "custom_attributes"),
        "product",
        _product_holds,
        renamed=names.arguments,
        is_required="custom_attributes" in required(schema),
    )


def _says_more(told: Iterable[Argument]) -> bool:
    """Return whether a plan says more of fields than the signatures of ours do."""
    return any(each.is_required or each.kind.choices for each in told)


def user_function_of(point: Point, names: Names) -> Function | None:
    """Return the verb for the user's attributes; None if the plan names none.

    Args:
        point: of user attributes.
        names: that were chosen.

    Raises:
        Impossible: no user could be as planned.
    """
    found = attributes_of(
        point.definition, "user", _user_holds, renamed=names.arguments, lists=True
    )
    if not found.arguments:
        return None
    return Function(
        name="with_planned_attributes",
        first=["self: B"],
        arguments=found.arguments,
        last=[],
        returns="B",
        call="self.with_user_attributes",
        items=[Entries(("_given(", "{"), [each.entry for each in found.arguments])],
        summary="Merge attributes of the user; those that are None are left as they are",
        description=point.description,
        notes=found.notes,
    )


def _of_event(point: Point, reserved: str, names: Names) -> Attributes:
    data = inside(point.definition, "data")
    if data is False or point.definition is False:
        raise Impossible("its definition allows nothing")
    wanted = required(data)
    schema = inside(data, "custom_attributes")
    if schema is None and isinstance(data, dict) and data.get("additionalProperties") is False:
        schema = False
    found = attributes_of(
        schema,
        reserved,
        _event_holds,
        renamed=names.arguments,
        is_required="custom_attributes" in wanted,
    )
    known = {*_ALWAYS, "product_impressions", *(_OF_EVENT if reserved == "commerce" else ())}
    notes = [f"The plan requires {quoted(name)}, too." for name in wanted if name not in known]
    if found.is_open:
        notes.append("The plan allows other attributes, too: write attributes={…}.")
    return found._replace(notes=(*found.notes, *notes))


def _more(found: Attributes) -> list[str]:
    """Return the argument for attributes that the plan does not name."""
    if not found.is_open:
        return []
    return [_MORE if found.needs_others else f"{_MORE} | None = None"]


def _entries(arguments: Iterable[Argument], is_open: bool, keyword: str) -> list[str | Entries]:
    """Return the dict of attributes, as an argument of a call."""
    entries = [each.entry for each in arguments]
    if not entries:
        return [f"{keyword or 'attributes='}attributes"] if is_open else []
    return [Entries((f"{keyword}{{",), [*entries, *(["**(attributes or {})"] * is_open)])]


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
    properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
    wanted = required(schema)
    for name in wanted:
        if others is not None and name not in known and name not in others:
            raise Impossible(f"a batch cannot hold the field {quoted(name)}")
    found = []
    for name, kind in known.items():
        if name not in properties and name not in wanted:
            continue
        planned = kind_of(properties.get(name))
        is_text = kind == _TEXT and planned.choices and planned.choices[0][0] in "\"'"
        said = properties.get(name)
        description = said.get("description") if isinstance(said, dict) else ""
        found.append(
            Argument(
                name,
                quoted(name),
                planned if is_text else kind._replace(limits=planned.limits),
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


def _event_holds(name: str) -> bool:
    return _is_made(lambda: AppEvent("event", {name: "text"}))


def _product_holds(name: str) -> bool:
    return _is_made(lambda: Product("sku", attributes={name: "text"}))


def _user_holds(name: str) -> bool:
    return _is_made(lambda: Batch().with_user_attributes({name: "text"}))


def _is_made(make: Any) -> bool:
    try:
        make()
    except InvalidBatch:
        return False
    return True
