"""The records of a commerce event: products, promotions, and what was done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, Never, Self, Unpack

from .. import sdk_names
from ..errors import InvalidValue, UnknownField, closest, unknown_field
from ..utils.introspection import hide_annotations
from ..utils.typed import TypedDict
from ..values import fields, validators
from ..values.check_failed import checked_as
from ..values.codegen import NO_NAMES, Names
from ..values.foreign import is_a, itself
from ..values.frozen_map import FrozenMap
from ..values.validators import Instant, Number
from .record import Record

ProductActionType = Literal[
    "add_to_cart",
    "remove_from_cart",
    "checkout",
    "checkout_option",
    "click",
    "view_detail",
    "purchase",
    "refund",
    "add_to_wishlist",
    "remove_from_wish_list",
]
PromotionActionType = Literal["view", "click"]


def _is_empty(where: str, argument: str, value: Any) -> bool:
    """Return whether an id or a name says nothing."""
    if type(value) is str:
        return not value
    value = itself(where, value, str, argument)
    return value is None or (is_a(value, str) and not str.__len__(value))


class ProductFields(TypedDict, total=False):
    """The optional keywords of :class:`Product`."""

    brand: str | None
    category: str | None
    variant: str | None
    position: int | None
    price: Number | None
    quantity: Number | None
    coupon_code: str | None
    added_to_cart_time_ms: Instant | None
    total_product_amount: Number | None
    attributes: Mapping[str, str] | None
    custom_attributes: Mapping[str, str] | None


class Product(Record, kind="Product"):
    """A product. Amounts are in the event's currency; attribute values are strings.

    Args:
        id: the SKU.
        name: the name; a product needs an id or a name.
        attributes: names to strings; ``custom_attributes``, as the wire calls them, says the same.

    >>> from decimal import Decimal
    >>> Product("sku-1", price=Decimal("19.99")) == Product("sku-1", price=19.99)
    True
    """

    _misnomers = MappingProxyType(sdk_names.PRODUCT)
    _open = True

    id = fields.string()
    name = fields.string()
    brand = fields.text()
    category = fields.text()
    variant = fields.text()
    position = fields.integer()
    price = fields.number()
    quantity = fields.number()
    coupon_code = fields.text()
    added_to_cart_time_ms = fields.instant()
    total_product_amount = fields.number()
    custom_attributes = fields.strings()

    def __init__(
        self, id: str | None = None, name: str | None = None, **fields: Unpack[ProductFields]
    ) -> None:
        given: Mapping[str, Any] = fields
        if "attributes" in given:
            given = self._in_wire_words("Product", given)
        has_id = type(id) is str and id  # nearly always
        if not has_id and _is_empty("Product", "id", id) and _is_empty("Product", "name", name):
            self._checked("Product", given)  # where id or name is misspelt, that is the mistake
            raise InvalidValue("Product() needs an id or a name; write Product('sku', 'Name')")
        self._fill(Product, given, id, name)

    @property
    @hide_annotations
    def attributes(self) -> FrozenMap[str] | None:
        """The product's ``custom_attributes``, by the short name that events have."""
        return self.custom_attributes

    @classmethod
    def _build(
        cls,
        where: str,
        given: Mapping[str, Any],
        names: Names = NO_NAMES,
        values: tuple[Any, ...] = (),
    ) -> Self:
        return super()._build(where, cls._in_wire_words(where, given), names, values)

    @classmethod
    def _no_field(cls, where: str, name: object) -> UnknownField:
        names = [*cls._fields, "attributes"]
        meant = cls._called(name, names) or closest(name, names)
        return unknown_field(f"{where}()", name, cls._fields, meant)

    @classmethod
    def _in_wire_words(cls, where: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was written with the attributes, checked, under the wire's name."""
        named = {**given}
        attributes = named.pop("attributes", None)
        if attributes is None:
            return named
        if named.get("custom_attributes") is not None:
            raise InvalidValue(
                f"{where}(attributes=…, custom_attributes=…): both are the same field; "
                f"write {where}(attributes=…)"
            )
        check = cls._fields["custom_attributes"].check
        named["custom_attributes"] = checked_as(check, where, "attributes", attributes)
        return named

    def __replace__(self, **changes: Any) -> Self:
        """Return a copy with these fields changed; ``copy.replace`` calls this from 3.13 on."""
        return super().__replace__(**self._in_wire_words("replace", changes))


class ProductActionFields(TypedDict, total=False):
    """The optional keywords of :class:`ProductAction`, but for its products."""

    transaction_id: str | None
    total_amount: Number | None
    tax_amount: Number | None
    shipping_amount: Number | None
    affiliation: str | None
    coupon_code: str | None
    checkout_step: int | None
    checkout_options: str | None
    product_action_list: str | None
    product_list_source: str | None


class ProductAction(Record, kind="ProductAction"):
    """What was done with products. Amounts are in the event's currency.

    >>> ProductAction("purchase", [Product("sku-1")], total_amount=21.49).action
    'purchase'
    """

    _misnomers = MappingProxyType(sdk_names.ACTION)

    action: fields.Field[ProductActionType] = fields.required(
        fields.choice("a product action", ProductActionType)
    )
    products = fields.records(Product)
    transaction_id = fields.string()
    total_amount = fields.number()
    tax_amount = fields.number()
    shipping_amount = fields.number()
    affiliation = fields.text()
    coupon_code = fields.text()
    checkout_step = fields.integer()
    checkout_options = fields.text()
    product_action_list = fields.text()
    product_list_source = fields.text()

    def __init__(
        self,
        action: ProductActionType,
        products: Sequence[Product] | None = None,
        **fields: Unpack[ProductActionFields],
    ) -> None:
        self._fill(ProductAction, fields, action, products)


class PromotionFields(TypedDict, total=False):
    """The optional keywords of :class:`Promotion`."""

    creative: str | None
    position: str | None


class Promotion(Record, kind="Promotion"):
    """A promotion; its position is a string, such as "hero banner".

    >>> Promotion("promo-1", "Spring sale", position="hero banner").position
    'hero banner'
    """

    _misnomers = MappingProxyType(sdk_names.PROMOTION)

    id = fields.string()
    name = fields.string()
    creative = fields.text()
    position = fields.text()

    def __init__(
        self, id: str | None = None, name: str | None = None, **fields: Unpack[PromotionFields]
    ) -> None:
        if _is_empty("Promotion", "id", id) and _is_empty("Promotion", "name", name):
            self._checked("Promotion", fields)  # where id or name is misspelt, that is the mistake
            raise InvalidValue("Promotion() needs an id or a name; write Promotion('id', 'Name')")
        self._fill(Promotion, fields, id, name)


class PromotionAction(Record, kind="PromotionAction"):
    """A view of, or a click on, promotions.

    >>> PromotionAction("view", [Promotion("promo-1")]).promotions[0].id
    'promo-1'
    """

    action: fields.Field[PromotionActionType] = fields.required(
        fields.choice("a promotion action", PromotionActionType)
    )
    promotions = fields.records(Promotion)

    def __init__(
        self,
        action: PromotionActionType,
        promotions: Sequence[Promotion] | None = None,
        **unknown: Never,
    ) -> None:
        self._fill(PromotionAction, unknown, action, promotions)


class ProductImpression(Record, kind="ProductImpression"):
    """Products that were shown in a list.

    >>> ProductImpression("Search results", [Product("sku-1")]).product_impression_list
    'Search results'
    """

    product_impression_list = fields.required(fields.name(read=validators.text))
    products = fields.required(fields.records(Product, keep_empty=True))

    def __init__(
        self, product_impression_list: str, products: Sequence[Product], **unknown: Never
    ) -> None:
        self._fill(ProductImpression, unknown, product_impression_list, products)


class ShoppingCart(Record, kind="ShoppingCart"):
    """What is in the cart.

    >>> len(ShoppingCart([Product("sku-1"), Product("sku-2")]).products)
    2
    """

    products = fields.required(fields.records(Product, keep_empty=True))

    def __init__(self, products: Sequence[Product], **unknown: Never) -> None:
        self._fill(ShoppingCart, unknown, products)
