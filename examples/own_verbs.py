"""Your own verbs: the words of your team, on batches and on sessions."""

from typing import TypeVar

from mpfluent import Batch, EventVerbs, Product, Session

V = TypeVar("V", bound="ShopVerbs")


class ShopVerbs(EventVerbs):
    def signed_up(self: V, plan: str) -> V:
        return self.event("Signed up", {"plan": plan}, type="user_preference")

    def abandoned_cart(self: V, *products: Product) -> V:
        skus = ",".join(str(product.id) for product in products)
        return self.event("Abandoned cart", {"skus": skus}, type="transaction")


class ShopBatch(ShopVerbs, Batch):
    pass


class ShopSession(ShopVerbs, Session):
    pass


# You can mix new and old verbs, and type checkers know both.
batch = (
    ShopBatch.for_user(customer_id="123456")
    .screen_view("Pricing")
    .signed_up("pro")
    .add(ShopSession.start(session_id=42).abandoned_cart(Product("sku-1")).event("Left"))
)

print(type(batch).__name__, [event.event_type for event in batch.events])
print(batch.events[-2].attributes)
