"""The same batch with the vendor's SDK, for an interpreter that has ``mparticle``.

It is a process of its own, since the SDK pins old versions: a line ``N loops`` on its input is
answered with a line of the CPU seconds that ``loops`` batches of N events took, and ``N show``
with the JSON of one.
"""

import json
import sys
import time

import mparticle

AT = 1795428900000
_fine = time.get_clock_info("process_time").resolution < 1e-5
clock = time.process_time if _fine else time.perf_counter


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
        made.custom_attributes = {"a": "x", "b": "y", "c": 1, "d": 2.5, "e": True}
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


def main():
    """Answer one line after the other until the input ends."""
    configuration = mparticle.Configuration()
    configuration.api_key = "key"
    configuration.api_secret = "secret"
    serialise = mparticle.EventsApi(configuration).api_client.sanitize_for_serialization
    for line in sys.stdin:
        events, what = line.split()
        if what == "show":
            print(json.dumps(serialise(batch(int(events)))), flush=True)
            continue
        began = clock()
        for _ in range(int(what)):
            json.dumps(serialise(batch(int(events)))).encode()
        print(clock() - began, flush=True)


if __name__ == "__main__":
    main()
