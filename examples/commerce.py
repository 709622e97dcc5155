"""The three kinds of commerce event: a product action, a promotion, and impressions."""

from decimal import Decimal

from mpfluent import (
    Batch,
    CommerceEvent,
    Product,
    ProductAction,
    ProductImpression,
    Promotion,
    PromotionAction,
)

teapot = Product("sku-1", "Teapot", brand="Acme", price=Decimal("19.99"), quantity=2)
kettle = Product("sku-2", "Kettle", price=Decimal("34.50"), quantity=1)
sale = Promotion("promo-1", "Spring sale", position="hero banner")
lists = [ProductImpression("Also like", [kettle]), ProductImpression("Seen", [teapot])]

batch = (
    Batch.for_user(customer_id="123456")
    .promotion_view(sale)
    .promotion_click(sale)
    # impressions: products that were shown in a list; several lists fit one event
    .impression("Search results", teapot, kettle)
    .add(CommerceEvent(product_impressions=lists))
    .add_to_cart(teapot, kettle, currency_code="EUR")
    .checkout(teapot, kettle, checkout_step=1, checkout_options="express")
    .purchase(teapot, kettle, transaction_id="order-1", total_amount=Decimal("74.48"))
    .refund(kettle, transaction_id="order-1", total_amount=Decimal("34.50"))
)

for event in batch.events:
    match event:
        case CommerceEvent(product_action=ProductAction(action=action, products=products)):
            print(action, [product.id for product in products or ()])
        case CommerceEvent(promotion_action=PromotionAction(action=action)):
            print("promotion", action)
        case CommerceEvent(product_impressions=shown):
            print("impressions in", [each.product_impression_list for each in shown or ()])
