"""The verbs of commerce: ten product actions, promotions and impressions."""

from __future__ import annotations

from typing import Any, TypeVar, Unpack

from ..errors import InvalidBatch, UnknownField
from ..model.commerce import (
    Product,
    ProductAction,
    ProductActionFields,
    ProductActionType,
    ProductImpression,
    Promotion,
    PromotionAction,
    PromotionActionType,
)
from ..model.event import Event
from ..model.events import CommerceEvent, CommerceFields
from ..utils.introspection import as_error_of_verb, describe_verbs
from ..values.code_cache import CompiledCalls, NoCode
from ..values.codegen import NO_NAMES
from .base import Builder
from .compiled import Appended, write_appender

_OF_ACTION = frozenset(ProductAction._fields) - {"action", "products"}
_ACTED = ProductAction._init_names  # what a product verb says besides its keywords
# What other verbs say, and the line to write instead.
_ELSEWHERE = {
    "products": "",
    "items": "",
    "action": "another verb",
    "product_action": "purchase(…) or another verb of products",
    "promotion_action": "promotion_view(…) or promotion_click(…)",
    "product_impressions": "impression(…)",
}


def _appender(key: Appended) -> Any:
    cls: Any = key[0]
    if cls._event is not CommerceVerbs._event:  # a session places its events
        raise NoCode
    return write_appender(key)


# What appends an event, by a key as for :func:`~mpfluent.builder.compiled.write_appender`.
appended = CompiledCalls(_appender)
NO_KEYWORDS: frozenset[str] = frozenset()


class ProductVerbFields(ProductActionFields, CommerceFields, total=False):
    """The keywords of the product verbs: of the action, and of every commerce event.

    Args:
        transaction_id: the order's id.
        total_amount, tax_amount, shipping_amount: money in the event's currency, as Decimal, int
            or float.
        currency_code: ISO 4217, such as "EUR".
    """


def _check_elsewhere(verb: str, fields: Any, *more: str) -> None:
    """Raise if the caller names what is written without a name, or what other verbs say."""
    for name in fields:
        if name in _ELSEWHERE or name in more:
            text = f"{verb}() takes {name} without a name; write {verb}(*{name})"
            if instead := _ELSEWHERE.get(name):
                text = f"{verb}() has no field {name!r}; write {instead}"
            error = UnknownField(text)
            error.name = name
            raise error


class CommerceVerbs(Builder):
    """The verbs that append a commerce event."""

    def _event(self: V, event_class: type[Event], verb: str, given: Any, *values: Any) -> V:
        """Return a new value with one event more; ``Batch`` and ``Session`` say how.

        Args:
            event_class, verb: the event, and who makes it.
            given: fields by name.
            values: what the event's constructor names, in order; or none, and ``given`` has all.
        """
        names = event_class._init_names if values else NO_NAMES
        key = type(self), event_class, "", names, frozenset(given) if given else NO_KEYWORDS
        grown: V | None = appended[key](self, values, given)
        if grown is not None:
            return grown
        try:
            event = event_class._build(verb, given, names, values)
        except UnknownField as error:
            raise self._no_keyword(verb, event_class, error) from None
        except InvalidBatch as error:
            raise error.with_traceback(None) from error.__cause__  # with few frames of ours
        return self._appended(event)

    @classmethod
    def _no_keyword(cls, verb: str, of: type[Event], error: UnknownField) -> UnknownField:
        """Return the error for an unknown field of an event, in terms of the verb."""
        return as_error_of_verb(getattr(cls, verb), error, of._misnomers)

    def _product_action(
        self: V,
        action: ProductActionType,
        products: tuple[Product, ...],
        fields: Any,
        verb: str = "",
    ) -> V:
        key = type(self), CommerceEvent, "product_action", _ACTED, frozenset(fields)
        grown: V | None = appended[key](self, (action, products), fields)
        if grown is not None:
            return grown
        verb = verb or action
        _check_elsewhere(verb, fields)
        about_action = {name: fields[name] for name in fields if name in _OF_ACTION}
        about_event = {name: fields[name] for name in fields if name not in _OF_ACTION}
        acted = ProductAction._build(verb, about_action, _ACTED, (action, products))
        return self._event(CommerceEvent, verb, {"product_action": acted, **about_event})

    def add_to_cart(self: V, *products: Product, **fields: Unpack[ProductVerbFields]) -> V:
        """Append products' being put into the cart.

        >>> from mpfluent import Batch, Product
        >>> Batch().add_to_cart(Product("sku-1")).events[0].product_action.action
        'add_to_cart'
        """
        return self._product_action("add_to_cart", products, fields)

    def remove_from_cart(self: V, *products: Product, **fields: Unpack[ProductVerbFields]) -> V:
        """Append products' being taken out of the cart.

        >>> from mpfluent import Batch, Product
        >>> Batch().remove_from_cart(Product("sku-1")).events[0].product_action.action
        'remove_from_cart'
        """
        return self._product_action("remove_from_cart", products, fields)

    def add_to_wishlist(self: V, *products: Product, **fields: Unpack[ProductVerbFields]) -> V:
        """Append products' being put onto the wish list.

        >>> from mpfluent import Batch, Product
        >>> Batch().add_to_wishlist(Product("sku-1")).events[0].product_action.action
        'add_to_wishlist'
        """
        return self._product_action("add_to_wishlist", products, fields)

    def remove_from_wishlist(self: V, *products: Product, **fields: Unpack[ProductVerbFields]) -> V:
        """Append products' being taken off the wish list; the wire spells it in four words.

        >>> from mpfluent import Batch, Product
        >>> Batch().remove_from_wishlist(Product("sku-1")).events[0].product_action.action
        'remove_from_wish_list'
        """
        action: ProductActionType = "remove_from_wish_list"
        return self._product_action(action, products, fields, "remove_from_wishlist")

    def view_detail(self: V, *products: Product, **fields: Unpack[ProductVerbFields]) -> V:
        """Append a view of products' details.

        >>> from mpfluent import Batch, Product
        >>> Batch().view_detail(Product("sku-1")).events[0].product_action.action
        'view_detail'
        """
        return self._product_action("view_detail", products, fields)

    def click(self: V, *products: Product, **fields: Unpack[ProductVerbFields]) -> V:
        """Append a click on products.

        >>> from mpfluent import Batch, Product
        >>> Batch().click(Product("sku-1"), product_action_list="Search").events[0].event_type
        'commerce_event'
        """
        return self._product_action("click", products, fields)

    def checkout(self: V, *products: Product, **fields: Unpack[ProductVerbFields]) -> V:
        """Append a step of the checkout.

        >>> from mpfluent import Batch, Product
        >>> Batch().checkout(Product("sku-1"), checkout_step=1).events[0].product_action.action
        'checkout'
        """
        return self._product_action("checkout", products, fields)

    def checkout_option(self: V, *products: Product, **fields: Unpack[ProductVerbFields]) -> V:
        """Append an option that was chosen in the checkout.

        >>> from mpfluent import Batch
        >>> Batch().checkout_option(checkout_step=2, checkout_options="express").events[0].at
        """
        return self._product_action("checkout_option", products, fields)

    def purchase(self: V, *products: Product, **fields: Unpack[ProductVerbFields]) -> V:
        """Append a purchase.

        >>> from decimal import Decimal
        >>> from mpfluent import Batch, Product
        >>> teapot = Product("sku-1", "Teapot", price=Decimal("19.99"), quantity=1)
        >>> batch = Batch().purchase(teapot, transaction_id="t-1", total_amount=Decimal("21.49"))
        >>> batch.events[0].product_action.total_amount
        Decimal('21.49')
        """
        return self._product_action("purchase", products, fields)

    def refund(self: V, *products: Product, **fields: Unpack[ProductVerbFields]) -> V:
        """Append a refund.

        >>> from mpfluent import Batch, Product
        >>> Batch().refund(Product("sku-1"), transaction_id="t-1").events[0].product_action.action
        'refund'
        """
        return self._product_action("refund", products, fields)

    def _promotion(
        self: V, action: PromotionActionType, promotions: tuple[Promotion, ...], fields: Any
    ) -> V:
        verb = f"promotion_{action}"
        _check_elsewhere(verb, fields, "promotions")
        acted = PromotionAction._build(verb, {"action": action, "promotions": promotions})
        return self._event(CommerceEvent, verb, {"promotion_action": acted, **fields})

    def promotion_view(self: V, *promotions: Promotion, **fields: Unpack[CommerceFields]) -> V:
        """Append a view of promotions.

        >>> from mpfluent import Batch, Promotion
        >>> Batch().promotion_view(Promotion("promo-1")).events[0].promotion_action.action
        'view'
        """
        return self._promotion("view", promotions, fields)

    def promotion_click(self: V, *promotions: Promotion, **fields: Unpack[CommerceFields]) -> V:
        """Append a click on promotions.

        >>> from mpfluent import Batch, Promotion
        >>> Batch().promotion_click(Promotion("promo-1")).events[0].promotion_action.action
        'click'
        """
        return self._promotion("click", promotions, fields)

    def impression(
        self: V, product_impression_list: str, *products: Product, **fields: Unpack[CommerceFields]
    ) -> V:
        """Append products' being shown in a list.

        For several lists in one event, ``add(CommerceEvent(product_impressions=[…]))``.

        Args:
            product_impression_list: the list's name, such as "Search results".

        >>> from mpfluent import Batch, Product
        >>> batch = Batch().impression("Search results", Product("sku-1"), Product("sku-2"))
        >>> len(batch.events[0].product_impressions[0].products)
        2
        """
        _check_elsewhere("impression", fields)
        listed = {"product_impression_list": product_impression_list, "products": products}
        shown = ProductImpression._build("impression", listed)
        return self._event(CommerceEvent, "impression", {"product_impressions": [shown], **fields})


V = TypeVar("V", bound=CommerceVerbs)


describe_verbs(CommerceVerbs, globals())
