"""mParticle's own SDK, for an interpreter that has ``mparticle``."""

import json
import time
from itertools import count, islice, starmap
from random import Random

import mparticle
from mparticle.rest import ApiException

from benchmarks.peers.actions import Sender, answer, timed
from benchmarks.workloads import AT, ATTRIBUTES, DEVICE, KINDS, SOLD, cleaned, read_rows, row, user


def batch_of(events, **identities):
    batch = mparticle.Batch(environment="development")
    batch.user_identities, batch.events = mparticle.UserIdentities(**identities), events
    return batch


def whole(events):
    consent = mparticle.ConsentState()
    agreed = {"consented": True, "timestamp_unixtime_ms": AT}
    consent.gdpr = {"marketing": mparticle.GDPRConsentState(document="v4", **agreed)}
    consent.ccpa = {"data_sale_opt_out": mparticle.CCPAConsentState(**agreed)}
    listed = [_event(KINDS[number % 10]) for number in range(events)]
    batch = batch_of(listed, customerid="123456", email="a@b.example", other="x")
    batch.user_attributes = {f"attr{number}": f"value {number}" for number in range(10)}
    batch.device_info = mparticle.DeviceInformation(**DEVICE)
    batch.consent_state = consent
    return batch


def _event(kind):
    if kind == "custom_event":
        return mparticle.AppEvent(
            "Searched", "search", timestamp_unixtime_ms=AT, custom_attributes=dict(ATTRIBUTES)
        )
    if kind == "screen_view":
        return mparticle.ScreenViewEvent(screen_name="Home", timestamp_unixtime_ms=AT)
    products = [mparticle.Product(id=f"sku{sku}", **SOLD) for sku in range(3)]
    bought = {"products": products, "transaction_id": "t", "total_amount": 21.49}
    action = mparticle.ProductAction("purchase", **bought)
    return mparticle.CommerceEvent(action, timestamp_unixtime_ms=AT)


def usual(number):
    event = mparticle.AppEvent("Searched", "other", custom_attributes=dict(ATTRIBUTES))
    return batch_of([event], customerid=user(number))


def identical(number):
    batch = whole(1)
    batch.user_identities = mparticle.UserIdentities(customerid=user(number), email="a@b.example")
    batch.source_request_id = f"request-{number}"
    batch.events[0].data.source_message_id = f"event-{number}"
    return batch


def policy_of(user, email, attributes, bought, at):
    event = mparticle.AppEvent("Policy imported", "other", timestamp_unixtime_ms=at)
    event.custom_attributes = bought
    batch = batch_of([event], customerid=user, email=email)
    batch.user_attributes = attributes
    return batch


def policy(number):
    return policy_of(*cleaned(row(number)))


BATCHES = {content.__name__: content for content in (whole, usual, identical, policy)}
BATCHES["shuffled"] = lambda number: usual(Random(number).randrange(1000))
serialise = mparticle.EventsApi(mparticle.Configuration()).api_client.sanitize_for_serialization


def open_sender(url, content="usual", size=1, path=None):
    """Return what sends bulk requests of so many batches, all on the caller's thread."""
    batches = starmap(policy_of, read_rows(path)) if path else map(BATCHES[content], count())
    configuration = mparticle.Configuration()
    configuration.api_key, configuration.api_secret = "key", "secret"
    configuration.host = f"{url}/v2"
    api = mparticle.EventsApi(configuration)

    def call(bulk):
        try:
            api.bulk_upload_events(bulk, _return_http_data_only=True)
        except ApiException as error:
            if error.status != 429:
                raise
            time.sleep(float(error.headers["Retry-After"]))
            call(bulk)

    return Sender(lambda _: list(islice(batches, size)), call)


if __name__ == "__main__":
    answer(
        "mparticle",
        "urllib3",
        open_sender=open_sender,
        show=lambda content, number: serialise(BATCHES[content](number)),
        chain=lambda events, loops: timed(
            lambda: json.dumps(serialise(whole(events))).encode(), loops
        ),
    )
