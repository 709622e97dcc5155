"""The batches that are measured.

* whole: three identities, ten user attributes, six device fields, two consents, and N events:
  70 % custom events with five attributes, 20 % purchases of three products, 10 % screen views.
* usual: one of 200 users, and one event with five attributes; what other SDKs send, too.
"""

from typing import Any

from content import AT, ATTRIBUTES, user

from mpfluent import Batch, Product


def usual(number: int) -> Batch:
    """Build the batch of one event, the with this number."""
    return Batch.for_user(customer_id=user(number)).event("Searched", ATTRIBUTES)


def identical(number: int) -> Batch:
    """Build a whole batch of one event, with all that sending would add; no two are the same."""
    somebody = Batch.for_user(customer_id=user(number), email="a@b.example")
    return (
        with_context(somebody)
        .with_source_request_id(f"request-{number}")
        .event("Searched", ATTRIBUTES, type="search", at=AT, source_message_id=f"event-{number}")
    )


def numbered(number: int) -> Batch:
    """Build a whole batch of one event that says its number, so that its order can be told.

    Each user has an address of their own: batches that share one are of the same user.
    """
    name = user(number)
    somebody = Batch.for_user(customer_id=name, email=f"{name}@b.example")
    return with_context(somebody).event("Searched", {**ATTRIBUTES, "number": number}, at=AT)


def with_context(somebody: Batch) -> Batch:
    """Return a user's batch with all that says who and where."""
    return (
        somebody.with_environment("development")
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


def chain(events: int) -> Batch:
    """Build the whole batch with mpfluent, every check on."""
    batch = with_context(Batch.for_user(customer_id="123456", email="a@b.example", other="x"))
    for number in range(events):
        kind = number % 10
        if kind < 7:
            batch = batch.event(
                "Searched",
                ATTRIBUTES,
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
    """Write the same whole batch as dict literals, nothing checked."""
    listed: list[dict[str, Any]] = []
    for number in range(events):
        kind = number % 10
        if kind < 7:
            data = {
                "event_name": "Searched",
                "custom_event_type": "search",
                "timestamp_unixtime_ms": AT,
                "custom_attributes": dict(ATTRIBUTES),
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
