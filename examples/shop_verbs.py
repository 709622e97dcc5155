# ruff: noqa: E501, PYI019, PYI061, RUF100
"""Verbs of the data plan "shop", version 3.

Teapots and what people do with them.

Written by mpfluent plan generate: change the plan, and write this file again.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal, TypeVar, Unpack

from mpfluent import Batch, CommonFields, EventVerbs, Product, Session

Scalar = str | int | float | Decimal | bool
Value = Scalar | Sequence[Scalar]
V = TypeVar("V", bound="ShopVerbs")
B = TypeVar("B", bound="ShopBatch")


def _texts(values: Mapping[str, Scalar | None]) -> dict[str, str]:
    """Return attributes of a product, which are text, without those that are None."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _given(values: Mapping[str, Value | None]) -> dict[str, Value]:
    """Return attributes without those that are None."""
    return {name: value for name, value in values.items() if value is not None}


def purchase_product(
    id: str,
    name: str | None = None,
    *,
    price: Decimal | float,
    colour: Literal["blue", "green"] | None = None,
    brand: str | None = None,
    category: str | None = None,
    variant: str | None = None,
    coupon_code: str | None = None,
    position: int | None = None,
    quantity: Decimal | float | None = None,
    total_product_amount: Decimal | float | None = None,
    added_to_cart_time_ms: int | None = None,
) -> Product:
    """Make a product for purchase().

    Args:
        price: at least 0.
        colour: "blue" or "green". Of the glaze.
    """
    return Product(
        id,
        name,
        attributes=_texts(
            {
                "colour": colour,
            }
        ),
        price=price,
        brand=brand,
        category=category,
        variant=variant,
        coupon_code=coupon_code,
        position=position,
        quantity=quantity,
        total_product_amount=total_product_amount,
        added_to_cart_time_ms=added_to_cart_time_ms,
    )


class ShopVerbs(EventVerbs):
    """The events of the data plan, as verbs."""

    def searched(
        self: V,
        *,
        query: str,
        results: float | None = None,
        **fields: Unpack[CommonFields],
    ) -> V:
        """Append "Searched" (search): A shopper looked for something.

        Args:
            query: What was looked for.
            results: at least 0. How many were found.
        """
        return self.event(
            "Searched",
            {
                "query": query,
                "results": results,
            },
            type="search",
            **fields,
        )

    def signed_up(
        self: V,
        *,
        plan: Literal["trial", "pro"],
        newsletter: bool | None = None,
        **fields: Unpack[CommonFields],
    ) -> V:
        """Append "Signed up" (user_preference): A shopper became a customer.

        Args:
            plan: "trial" or "pro".
        """
        return self.event(
            "Signed up",
            {
                "plan": plan,
                "newsletter": newsletter,
            },
            type="user_preference",
            **fields,
        )

    def viewed_cart(
        self: V,
        *,
        attributes: Mapping[str, Scalar | None] | None = None,
        **fields: Unpack[CommonFields],
    ) -> V:
        """Append the screen "Cart".

        The plan allows other attributes, too: write attributes={…}.
        """
        return self.screen_view("Cart", attributes=attributes, **fields)


class ShopBatch(ShopVerbs, Batch):
    """A batch with the verbs of the data plan."""

    def with_planned_attributes(
        self: B,
        *,
        account_type: Literal["trial", "pro"] | None = None,
        newsletter: bool | None = None,
    ) -> B:
        """Merge attributes of the user; those that are None are left as they are.

        Args:
            account_type: "Account type", "trial" or "pro".
            newsletter: "Newsletter".
        """
        return self.with_user_attributes(
            _given(
                {
                    "Account type": account_type,
                    "Newsletter": newsletter,
                }
            ),
        )


class ShopSession(ShopVerbs, Session):
    """A session with the verbs of the data plan."""
