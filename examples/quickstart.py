"""Build batches, send them, and print mParticle's answers.

    python examples/quickstart.py

Without keys, it sends to a server on this machine that stands in for mParticle. With
MPARTICLE_API_KEY and MPARTICLE_API_SECRET, it sends development data to your workspace. If that is
not in the pod us1, add ``--pod eu1``, for example.
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from mpfluent import (
    AppEvent,
    ApplicationStateTransitionEvent,
    Batch,
    Client,
    CommerceEvent,
    Configuration,
    Event,
    EventsApi,
    Product,
    ProductAction,
    Promotion,
    PromotionAction,
    ScreenViewEvent,
    Session,
    SessionEndEvent,
)
from mpfluent.testing import LocalServer

NOW = datetime.now(UTC)

TEAPOT = Product("sku-1", "Teapot", category="Kitchen", price=Decimal("19.99"), quantity=1)
KETTLE = Product("sku-2", "Kettle", category="Kitchen", price=Decimal("34.50"), quantity=1)


def shopper() -> Batch:
    """Return the user, the device and the consents: a template for other batches."""
    return (
        Batch.for_user(customer_id="123456", email="user@example.com")
        .with_environment("development")
        .with_device(platform="iOS", os_version="26.1", locale_language="en")
        .with_user_attributes({"Account type": "trial", "$age": 42}, vip=None)
        .with_gdpr_consent("marketing", True, at=NOW, document="terms_v4")
        .with_ccpa_data_sale_opt_out(False, at=NOW)
    )


def first_visit() -> Batch:
    """Return a batch in which each verb appends one event."""
    return (
        shopper()
        .app_install()
        .app_foreground(launch_referral="https://example.com/teapots")
        .promotion_view(Promotion("promo-1", "Spring sale", position="hero banner"))
        .event("Searched", {"query": "teapot", "results": 2}, type="search")
        .impression("Search results", TEAPOT, KETTLE)
        .purchase(
            TEAPOT,
            transaction_id="order-1",
            total_amount=Decimal("21.49"),
            tax_amount=Decimal("1.50"),
            currency_code="EUR",
        )
    )


def later_visit(*, minutes_ago: int) -> Batch:
    """Return a batch with a session: numbered events, each timed from the previous one."""
    session = (
        Session.start(str(uuid4()), at=NOW - timedelta(minutes=minutes_ago))
        .screen_view("Home", after=1.5)
        .add_to_cart(KETTLE, after=20)
        .end(after=5)
    )
    return shopper().add(session)


def main() -> None:
    with destination() as (where, options, server):
        print(f"Sending to {where}")

        with Client(environment="development", **options) as client:
            print("\nThe user and the device\n  " + repr(shopper()).replace("\n", "\n  "))

            visit = first_visit()
            step("One batch", visit)
            print("  status", client.send(visit).result().status_code)

            visits = [later_visit(minutes_ago=50), later_visit(minutes_ago=40)]
            step("Two batches in one bulk request", *visits)
            print("  status", client.send(*visits).result().status_code)
            print(f"  {client.stats.delivered} delivered, {client.stats.failed} failed so far")

        configuration = Configuration(environment="development", **options)
        visit = later_visit(minutes_ago=20)
        step("One batch through EventsApi, with a callback", visit)
        upload = EventsApi(configuration).upload_events(visit, callback=print_status)
        upload.join()
        configuration.client.close()

        if server is None:
            print("\nIt is in your workspace's Live Stream now.")
        else:
            arrived(server)


@contextmanager
def destination() -> Iterator[tuple[str, dict[str, Any], LocalServer | None]]:
    """Yield the name of the server, the client's options for it, and the local server, if any."""
    parser = argparse.ArgumentParser(description="Send some example batches to mParticle.")
    parser.add_argument("--pod", choices=["us1", "us2", "eu1", "au1"], default="us1")
    pod = parser.parse_args().pod
    if os.environ.get("MPARTICLE_API_KEY") and os.environ.get("MPARTICLE_API_SECRET"):
        yield f"mParticle, pod {pod}", {"pod": pod}, None
        return
    with LocalServer() as server:
        options = {"api_key": "key", "api_secret": "secret", "host": server.url}
        yield f"{server.url}, which stands in for mParticle (no keys are set)", options, server


def step(title: str, *batches: Batch) -> None:
    print(f"\n{title}")
    for batch in batches:
        for event in batch.events:
            print(f"  {event.event_type}: {described(event)}")


def described(event: Event) -> str:
    """Describe an event in a word or two; ``match`` works on values."""
    match event:
        case AppEvent(event_name=name) | ScreenViewEvent(screen_name=name):
            return name
        case CommerceEvent(product_action=ProductAction(action=action)):
            return action
        case CommerceEvent(promotion_action=PromotionAction(action=action)):
            return f"promotion {action}"
        case CommerceEvent(product_impressions=lists):
            return ", ".join(shown.product_impression_list for shown in lists or ())
        case ApplicationStateTransitionEvent(application_transition_type=transition):
            return transition
        case SessionEndEvent(session_duration_ms=int(milliseconds)):
            return f"after {milliseconds / 1000} s"
        case _:
            return event.session_uuid or ""


def print_status(data: Any, status: int, headers: Mapping[str, str]) -> None:
    print("  status", status, "(in the callback)")


def arrived(server: LocalServer) -> None:
    print("\nWhat arrived")
    for number, batch in enumerate(server.batches, 1):
        print(f"  batch {number}: " + ", ".join(event.event_type for event in batch.events))


if __name__ == "__main__":
    main()
