"""The same batches with the vendor's SDK, for an interpreter that has ``mparticle``."""

import json
import time
from itertools import islice

import mparticle
from answering import answer, settle, timed, versions
from content import AT, ATTRIBUTES, user


def batch(events):
    """Build the batch as the vendor's guide does."""
    identities = mparticle.UserIdentities()
    identities.customerid = "123456"
    identities.email = "a@b.example"
    identities.other = "x"
    gdpr = mparticle.GDPRConsentState()
    gdpr.consented = True
    gdpr.timestamp_unixtime_ms = AT
    gdpr.document = "v4"
    ccpa = mparticle.CCPAConsentState()
    ccpa.consented = True
    ccpa.timestamp_unixtime_ms = AT
    consent = mparticle.ConsentState()
    consent.gdpr = {"marketing": gdpr}
    consent.ccpa = {"data_sale_opt_out": ccpa}
    built = mparticle.Batch()
    built.environment = "development"
    built.user_identities = identities
    built.user_attributes = {f"attr{number}": f"value {number}" for number in range(10)}
    built.device_info = mparticle.DeviceInformation(
        platform="iOS",
        os_version="12.2",
        device_model="x",
        screen_height=100,
        screen_width=200,
        locale_language="en",
    )
    built.consent_state = consent
    built.events = [event(number % 10) for number in range(events)]
    return built


def event(kind):
    """Build one event: seven of ten are custom events, two purchases, one a screen view."""
    if kind < 7:
        made = mparticle.AppEvent("Searched", "search")
        made.custom_attributes = dict(ATTRIBUTES)
    elif kind < 9:
        products = []
        for sku in range(3):
            product = mparticle.Product()
            product.id = f"sku{sku}"
            product.name = "name"
            product.price = 19.99
            product.quantity = 1
            products.append(product)
        action = mparticle.ProductAction("purchase")
        action.products = products
        action.transaction_id = "t"
        action.total_amount = 21.49
        made = mparticle.CommerceEvent(action)
    else:
        made = mparticle.ScreenViewEvent()
        made.screen_name = "Home"
    made.timestamp_unixtime_ms = AT
    return made


def usual(number):
    """Build the batch of one event, with this number."""
    identities = mparticle.UserIdentities()
    identities.customerid = user(number)
    built = mparticle.Batch()
    built.environment = "development"
    built.user_identities = identities
    made = mparticle.AppEvent("Searched", "other")
    made.custom_attributes = dict(ATTRIBUTES)
    built.events = [made]
    return built


def identical(number):
    """Build a whole batch of one event, with the ids that mpfluent would add."""
    built = batch(1)
    built.user_identities = mparticle.UserIdentities()
    built.user_identities.customerid = user(number)
    built.user_identities.email = "a@b.example"
    built.source_request_id = f"request-{number}"
    built.events[0].data.source_message_id = f"event-{number}"
    return built


CONTENTS = {"usual": usual, "identical": identical}


def api_of(url=None):
    configuration = mparticle.Configuration()
    configuration.api_key = "key"
    configuration.api_secret = "secret"
    if url is not None:
        configuration.host = f"{url}/v2"
    return mparticle.EventsApi(configuration)


serialise = api_of().api_client.sanitize_for_serialization


def show(content, number):
    """Return what is sent, as Python data."""
    made = batch(number) if content == "whole" else CONTENTS[content](number)
    return serialise(made)


def chain(events, loops):
    """Take the time from values to JSON bytes."""
    return timed(lambda: json.dumps(serialise(batch(events))).encode(), loops)


def deliver(url, content, many, beforehand=False):
    """Send in bulk requests of 100, from values to the answers; this thread does it all.

    Args:
        beforehand: build the batches before the clock starts.
    """
    api = api_of(url)
    batches = map(CONTENTS[content], range(many))
    if beforehand:
        batches = iter(list(batches))
    settle()
    began, cpu = time.time(), time.process_time()
    while bulk := list(islice(batches, 100)):
        api.bulk_upload_events(bulk, _return_http_data_only=True)
    return {"began": began, "cpu": time.process_time() - cpu}


def bulk_rate(url, size, many):
    """Take the CPU seconds that an event costs with so many batches a request."""
    api = api_of(url)
    cpu = time.process_time()
    for first in range(0, many, size):
        batches = [usual(number) for number in range(first, min(many, first + size))]
        api.bulk_upload_events(batches, _return_http_data_only=True)
    return (time.process_time() - cpu) / many


if __name__ == "__main__":
    answer(
        versions=lambda: versions("mparticle", "urllib3"),
        show=show,
        chain=chain,
        deliver=deliver,
        bulk_rate=bulk_rate,
    )
