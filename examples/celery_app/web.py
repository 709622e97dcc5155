"""A web process: each visit is an event, and no visitor waits for mParticle.

Without keys, it also stands in for mParticle, and prints what the worker sends.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any
from wsgiref.simple_server import make_server

from shop import LOCAL, client, has_keys

from mpfluent import Batch, DeliveryError
from mpfluent.testing import LocalServer


def page(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    user = environ["PATH_INFO"].strip("/") or "nobody"
    try:
        delivery = client.send(Batch.for_user(customer_id=user).event("Visited"))
        print(f"web: the visit of {user} is {delivery.state}", flush=True)
    except DeliveryError as error:  # the broker is down: the visitor gets the page all the same
        print(f"web: {error}", flush=True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Welcome.\n"]


def print_arrivals(server: LocalServer) -> None:
    seen = 0
    while True:
        for data in [batch.to_dict() for batch in server.batches[seen:]]:
            name, user = data["events"][0]["data"]["event_name"], data["user_identities"]
            print(f"mParticle: {name} by {user['customer_id']}", flush=True)
            seen += 1
        time.sleep(0.1)


with nullcontext() if has_keys else LocalServer(port=LOCAL) as local:
    if local is not None:
        threading.Thread(target=print_arrivals, args=(local,), daemon=True).start()
    with make_server("127.0.0.1", int(os.environ.get("PORT", "8000")), page) as web:
        print(f"http://127.0.0.1:{web.server_port}/ada, for example; Ctrl-C stops", flush=True)
        web.serve_forever()
