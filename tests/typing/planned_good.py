"""Code that uses the module that is generated for examples/shop_plan.json, as it is meant."""

from decimal import Decimal

from shop import ShopBatch, ShopSession, purchase_product

from mpfluent import Batch, Product, Session


def batch_of_a_day() -> ShopBatch:
    pot = purchase_product("sku-1", "Teapot", price=Decimal("61.45"), colour="blue", quantity=1)
    visit = ShopSession.start(session_id=42).searched(query="teapot", after=2).end(after=30)
    return (
        ShopBatch.for_user(customer_id="123456")
        .with_planned_attributes(account_type="trial", newsletter=True)
        .searched(query="teapot", results=3)
        .searched(query="teapot", results=2.5, at="2026-11-23T10:15:00Z", source_message_id="m-1")
        .viewed_cart(attributes={"items": 2})
        .signed_up(plan="pro")
        .purchase(pot, total_amount=61.45)
        .screen_view("Cart")
        .add(visit)
    )


whole: Batch = batch_of_a_day()
session: Session = ShopSession.start(session_id=42).signed_up(plan="trial")
product: Product = purchase_product("sku-1", price=5)
