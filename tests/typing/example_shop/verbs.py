"""The shop's words."""

from typing import TypeVar

from mpfluent import EventVerbs, Product

V = TypeVar("V", bound="ShopVerbs")


class ShopVerbs(EventVerbs):
    """What customers do."""

    def signed_up(self: V, *, plan: str) -> V:
        """Append a sign-up."""
        return self.event("Signed up", {"plan": plan}, type="user_preference")

    def bought(self: V, *skus: str, total: float) -> V:
        """Append a purchase by SKU."""
        return self.purchase(*map(Product, skus), total_amount=total)
