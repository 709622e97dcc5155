"""Dict literals and the standard library's ``json``, without any check."""

import json
from itertools import islice
from uuid import uuid4

import requests

from benchmarks.peers.actions import Sender, answer, timed
from benchmarks.workloads import AT, ATTRIBUTES, DEVICE, KINDS, read_rows


def whole(events):
    agreed = {"consented": True, "timestamp_unixtime_ms": AT}
    return {
        "environment": "development",
        "user_identities": {"customer_id": "123456", "email": "a@b.example", "other": "x"},
        "user_attributes": {f"attr{number}": f"value {number}" for number in range(10)},
        "device_info": dict(DEVICE),
        "consent_state": {
            "gdpr": {"marketing": {**agreed, "document": "v4"}},
            "ccpa": {"data_sale_opt_out": agreed},
        },
        "events": [_event(KINDS[number % 10]) for number in range(events)],
    }


def _event(kind):
    if kind == "custom_event":
        data = {
            "event_name": "Searched",
            "custom_event_type": "search",
            "timestamp_unixtime_ms": AT,
            "custom_attributes": dict(ATTRIBUTES),
        }
    elif kind == "commerce_event":
        products = [
            {"id": f"sku{sku}", "name": "name", "price": 19.99, "quantity": 1} for sku in range(3)
        ]
        action = {"action": "purchase", "products": products, "transaction_id": "t"}
        action["total_amount"] = 21.49
        data = {"product_action": action, "timestamp_unixtime_ms": AT}
    else:
        data = {"screen_name": "Home", "timestamp_unixtime_ms": AT}
    return {"event_type": kind, "data": data}


def policy(user, email, attributes, bought, at):
    data = {
        "event_name": "Policy imported",
        "custom_event_type": "other",
        "timestamp_unixtime_ms": at,
        "source_message_id": str(uuid4()),
        "custom_attributes": bought,
    }
    return {
        "environment": "development",
        "source_request_id": str(uuid4()),
        "user_identities": {"customer_id": user, "email": email},
        "user_attributes": attributes,
        "events": [{"event_type": "custom_event", "data": data}],
    }


def open_sender(url, path=None, size=1):
    """Return what sends the rows of a file, or nothing: then its figure is that of measuring."""
    if path is None:
        return Sender(int, int)
    rows, session = read_rows(path), requests.Session()
    session.auth = "key", "secret"
    return Sender(
        lambda _: [policy(*row) for row in islice(rows, size)],
        lambda batches: session.post(f"{url}/v2/bulkevents", json=batches),
    )


if __name__ == "__main__":
    answer(
        open_sender=open_sender,
        chain=lambda events, loops: timed(lambda: json.dumps(whole(events)).encode(), loops),
    )
