"""What tests of the local server's API share: batches on the wire, questions, a stream's reader."""

import http.client
import json
import sys
import threading

import requests

from mpfluent.testing import LocalServer

AUTH = ("key", "secret")
_DEPTH = 700 if sys.version_info < (3, 12) else 3_000
TOO_DEEP = "[" * _DEPTH + "19.90" + "]" * _DEPTH  # JSON that is read, but not written again
SOON = 60  # seconds after which a test that waits has failed, on however busy a machine


def event(name="Searched", **data):
    data = {"event_name": name, "custom_event_type": "search", **data}
    return {"event_type": "custom_event", "data": data}


def purchase(**data):
    action = {"action": "purchase", "transaction_id": "order-1", "total_amount": 21.49}
    return {"event_type": "commerce_event", "data": {"product_action": action, **data}}


def batch(*events, user="1", **more):
    return {
        "environment": "development",
        "user_identities": {"customer_id": user},
        "events": list(events),
        **more,
    }


def post(server, data, path=None, *, auth=AUTH, **options):
    """Send one batch, or a list of batches, or bytes."""
    path = path or ("/v2/bulkevents" if isinstance(data, list) else "/v2/events")
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return requests.post(server.url + path, data=body, auth=auth, timeout=SOON, **options)


def ask(server, path, method="GET", **options):
    """Ask the API, and return the answer."""
    options.setdefault("timeout", SOON)
    return requests.request(method, f"{server.url}/_mpfluent/{path}", **options)


def answered(server, path, **options):
    """Return what the API says to a question that it answers."""
    answer = ask(server, path, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(server, path, method="GET", **options):
    """Return the status and the words of the API's refusal."""
    answer = ask(server, path, method, **options)
    return answer.status_code, answer.json()["error"]


class Stream:
    """Reads server-sent events: ``next(name)`` is the data of the next one with a name."""

    def __init__(self, server, query="", headers=None):
        host = server.url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(host, timeout=SOON)
        self._connection.request("GET", f"/_mpfluent/stream{query}", headers=headers or {})
        self.answer = self._connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        self.last_id = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.answer.close()
        self._connection.close()

    def message(self):
        """Return the name and the data of the next message."""
        found = {}
        while line := self.answer.readline():
            name, _, value = line.decode().strip().partition(": ")
            if name:
                found[name] = value
            elif found:
                break
        self.last_id = found.get("id", self.last_id)
        return found["event"], json.loads(found["data"])

    def next(self, wanted):
        while True:
            name, data = self.message()
            if name == wanted:
                return data

    def rows(self, count):
        """Return the next rows, so many at least."""
        found = []
        while len(found) < count:
            found += self.next("rows")["rows"]
        return found


def in_background(function, *arguments):
    """Begin to call a function; return what waits for its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function(*arguments)), daemon=True)
    thread.start()

    def result():
        thread.join(SOON)
        return results[0]

    return result


__all__ = [
    "LocalServer",
    "Stream",
    "ask",
    "batch",
    "event",
    "in_background",
    "post",
    "purchase",
    "refused",
    "answered",
]
