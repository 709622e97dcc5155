"""Commerce events of wrong parts, transitions of an app that cannot be, and the errors' texts."""

from __future__ import annotations

from mistake_tables import BATCH, ONE_OF_THREE, SPRING, TEAPOT, assert_error, mistakes

from mpfluent import (
    ApplicationStateTransitionEvent,
    CommerceEvent,
    InvalidValue,
    ProductAction,
    PromotionAction,
    ShoppingCart,
    UnknownField,
)


@mistakes(
    (
        lambda: BATCH.purchase("sku-1"),
        InvalidValue,
        "purchase(products[0]='sku-1'): want a Product, got str; write Product('sku-1')",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, 19.99),
        InvalidValue,
        "purchase(products[1]=19.99): want a Product, got float; write Product(…)",
    ),
    (
        lambda: BATCH.purchase(SPRING),
        InvalidValue,
        "purchase(products[0]=Promotion(id='promo-1')): want a Product, got Promotion; "
        "write Product(…)",
    ),
    (
        lambda: BATCH.purchase([TEAPOT]),
        InvalidValue,
        "purchase(products[0]=[Product(id='sku-1', name='Teapot')]): want a Product, got list; "
        "write *products, with the star",
    ),
    (
        lambda: BATCH.impression("Results", [TEAPOT]),
        InvalidValue,
        "impression(products[0]=[Product(id='sku-1', name='Teapot')]): want a Product, got list; "
        "write *products, with the star",
    ),
    (
        lambda: BATCH.promotion_view([SPRING]),
        InvalidValue,
        "promotion_view(promotions[0]=[Promotion(id='promo-1')]): want a Promotion, got list; "
        "write *promotions, with the star",
    ),
    (
        lambda: BATCH.promotion_click(TEAPOT),
        InvalidValue,
        "promotion_click(promotions[0]=Product(id='sku-1', name='Teapot')): want a Promotion, "
        "got Product; write Promotion(…)",
    ),
    (
        lambda: BATCH.impression(TEAPOT),
        InvalidValue,
        "impression(product_impression_list=Product(id='sku-1', name='Teapot')): want a string, "
        "got Product",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, shopping_cart=[TEAPOT]),
        InvalidValue,
        "purchase(shopping_cart=[Product(id='sku-1', name='Teapot')]): want a ShoppingCart, "
        "got list; write shopping_cart=ShoppingCart(…)",
    ),
    (
        lambda: ProductAction("purchase", TEAPOT),
        InvalidValue,
        "ProductAction(products=Product(id='sku-1', name='Teapot')): want a list of Product "
        "values, got Product; write products=[Product(…)]",
    ),
    (
        lambda: ProductAction("purchase", ["sku-1"]),
        InvalidValue,
        "ProductAction(products[0]='sku-1'): want a Product, got str; write Product('sku-1')",
    ),
    (
        lambda: ShoppingCart([None]),
        InvalidValue,
        "ShoppingCart(products[0]=None): want a Product, got NoneType; write Product(…)",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, promotion_action=PromotionAction("view", [SPRING])),
        UnknownField,
        "purchase() has no field 'promotion_action'; write promotion_view(…) or promotion_click(…)",
    ),
    (
        lambda: BATCH.promotion_view(SPRING, product_action=ProductAction("click", [TEAPOT])),
        UnknownField,
        "promotion_view() has no field 'product_action'; "
        "write purchase(…) or another verb of products",
    ),
    (
        lambda: BATCH.impression("Results", TEAPOT, product_action=ProductAction("click")),
        UnknownField,
        "impression() has no field 'product_action'; write purchase(…) or another verb of products",
    ),
    (
        lambda: CommerceEvent(
            product_action=ProductAction("click"), promotion_action=PromotionAction("view")
        ),
        InvalidValue,
        f"CommerceEvent(): {ONE_OF_THREE}, got product_action and promotion_action; "
        "write one event for each",
    ),
    (
        lambda: CommerceEvent(),
        InvalidValue,
        f"CommerceEvent(): {ONE_OF_THREE}, got none of them; write CommerceEvent(product_action=…)",
    ),
    (
        lambda: CommerceEvent(product_impressions=[]),
        InvalidValue,
        f"CommerceEvent(): {ONE_OF_THREE}, got none of them; write CommerceEvent(product_action=…)",
    ),
    (
        lambda: CommerceEvent(product_action="purchase"),
        InvalidValue,
        "CommerceEvent(product_action='purchase'): want a ProductAction, got str; "
        "write product_action=ProductAction(…)",
    ),
)
def test_a_commerce_event_is_of_one_kind_and_of_products(call, error, text):
    assert_error(call, error, text)


@mistakes(
    *[
        (
            lambda transition=transition, name=name: ApplicationStateTransitionEvent(
                transition, **{name: True}
            ),
            InvalidValue,
            f"ApplicationStateTransitionEvent({name}=True): only application_initialized can be "
            f"a first run or an upgrade, not {transition}; write app_install() or app_upgrade()",
        )
        for transition in (
            "application_exit",
            "application_background",
            "application_foreground",
        )
        for name in ("is_first_run", "is_upgrade")
    ],
    (
        lambda: ApplicationStateTransitionEvent.create_foreground_event(is_first_run=True),
        InvalidValue,
        "create_foreground_event() says is_first_run itself; for other combinations write "
        "ApplicationStateTransitionEvent(…)",
    ),
    (
        lambda: ApplicationStateTransitionEvent.create_install_event(is_first_run=False),
        InvalidValue,
        "create_install_event() says is_first_run itself; for other combinations write "
        "ApplicationStateTransitionEvent(…)",
    ),
)
def test_only_the_start_of_an_app_can_be_its_first_run(call, error, text):
    assert_error(call, error, text)
