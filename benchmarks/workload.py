"""The batch that is measured: who and what, and N events.

70 % are custom events with five attributes, 20 % purchases of three products, 10 % screen views.
"""

from typing import Any

from mpfluent import Batch, Product

AT = 1795428900000


def chain(events: int) -> Batch:
    """Build the batch with mpfluent, every check on."""
    batch = (
        Batch.for_user(customer_id="123456", email="a@b.example", other="x")
        .with_environment("development")
        .with_user_attributes({f"attr{number}": f"value {number}" for number in range(10)})
        .with_device(
            platform="iOS",
            os_version="12.2",
            device_model="x",
            screen_height=100,
            screen_width=200,
            locale_language="en",
        )
        .with_gdpr_consent("marketing", True, at=AT, document="v4")
        .with_ccpa_data_sale_opt_out(at=AT)
    )
    for number in range(events):
        kind = number % 10
        if kind < 7:
            batch = batch.event(
                "Searched",
                {"a": "x", "b": "y", "c": 1, "d": 2.5, "e": True},
                type="search",
                at=AT,
            )
        elif kind < 9:
            batch = batch.purchase(
                *[Product(f"sku{sku}", "name", price=19.99, quantity=1) for sku in range(3)],
                transaction_id="t",
                total_amount=21.49,
                at=AT,
            )
        else:
            batch = batch.screen_view("Home", at=AT)
    return batch


def literals(events: int) -> dict[str, Any]:
    """Write the same batch as dict literals, nothing checked."""
    listed: list[dict[str, Any]] = []
    for number in range(events):
        kind = number % 10
        if kind < 7:
            data = {
                "event_name": "Searched",
                "custom_event_type": "search",
                "timestamp_unixtime_ms": AT,
                "custom_attributes": {"a": "x", "b": "y", "c": 1, "d": 2.5, "e": True},
            }
            listed.append({"event_type": "custom_event", "data": data})
        elif kind < 9:
            products = [
                {"id": f"sku{sku}", "name": "name", "price": 19.99, "quantity": 1}
                for sku in range(3)
            ]
            data = {
                "product_action": {
                    "action": "purchase",
                    "products": products,
                    "transaction_id": "t",
                    "total_amount": 21.49,
                },
                "timestamp_unixtime_ms": AT,
            }
            listed.append({"event_type": "commerce_event", "data": data})
        else:
            data = {"screen_name": "Home", "timestamp_unixtime_ms": AT}
            listed.append({"event_type": "screen_view", "data": data})
    agreed = {"consented": True, "timestamp_unixtime_ms": AT}
    return {
        "environment": "development",
        "user_identities": {"customer_id": "123456", "email": "a@b.example", "other": "x"},
        "user_attributes": {f"attr{number}": f"value {number}" for number in range(10)},
        "device_info": {
            "platform": "iOS",
            "os_version": "12.2",
            "device_model": "x",
            "screen_height": 100,
            "screen_width": 200,
            "locale_language": "en",
        },
        "consent_state": {
            "gdpr": {"marketing": {**agreed, "document": "v4"}},
            "ccpa": {"data_sale_opt_out": agreed},
        },
        "events": listed,
    }
