"""What every scenario of a fault has: a client, a server that misbehaves, and six invariants.

The server comes and goes with the scenario. What must hold in each of them, whatever happens:

* I1: ``submitted == delivered + failed + pending``, by reason; callbacks got the same.
* I2: every retry of a batch sends the same bytes.
* I3: no call takes longer than its deadline allows (``Scenario.timed``).
* I4: no exception leaves a worker, a hook or a callback.
* I5: no thread and no file is left after ``close``.
* I6: the secret appears nowhere, and no value of a batch in the log.
"""

import contextlib
import json
import os
import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from log_records import text_of

from mpfluent import Batch, Client, Retry, ThreadedDispatcher, testing

KEY = "us1-0123456789abcdef"
SECRET = "s3cr3t-fedcba9876543210"
PERSON = "person-4711"
WORDS = "words-of-the-payload"
SLACK = 0.25  # seconds that a call may take beyond its deadline


def held(value):
    """Return all that an object with slots holds."""
    return {name: getattr(value, name) for name in value.__slots__ if name != "__weakref__"}


def batch(number=0):
    """Return a batch that says who and what, so that the sweep can look for it."""
    return Batch.for_user(customer_id=f"{PERSON}-{number}").event("Searched", {"query": WORDS})


def batches(count, start=0):
    return [batch(number) for number in range(start, start + count)]


def eventually(condition, seconds=5.0):
    """Return whether a condition comes to hold within these seconds."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def files():
    """Return the open files and sockets of this process."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[number] = os.readlink(f"/proc/self/fd/{number}")
    return Counter(re.sub(r"\d+", "n", target) for target in found.values())


def waits():
    """Return how many seconds each thread of this process could run but had no CPU (on Linux)."""
    found = {}
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # the thread has ended
            found[path.parent.name] = int(path.read_text().split()[1]) / 1e9
    return found


def stopwatch():
    """Return a function that says how many seconds ago that was, and how many of them were ours.

    What others took of the machine is not the library's time.
    """
    before, began = waits(), time.monotonic()

    def read():
        took = time.monotonic() - began
        return took, took - sum(waited - before.get(who, 0) for who, waited in waits().items())

    return read


class Scenario:
    """A client in the background, what its callbacks got, and the server that it talks to."""

    def __init__(self, server, url=None, **options):
        self.server = server
        self.delivered = []
        self.failed = []
        self.deliveries = []
        client = {
            "environment": "production",
            "host": url or server.url,
            "retry": Retry(base=0.1, max_elapsed=5),
            "on_delivered": lambda batch, response: self.delivered.append((batch, response)),
            "on_failed": lambda batch, error: self.failed.append((batch, error)),
        }
        dispatcher = {"flush_interval": 0.01}
        for name, value in options.items():
            (client if name in CLIENT else dispatcher)[name] = value
        if "dispatcher" not in client:
            client["dispatcher"] = ThreadedDispatcher(**dispatcher)
        self.client = Client(KEY, SECRET, **client)

    def send(self, *sent):
        """Send each of these batches by itself."""
        new = [self.client.send(one) for one in sent]
        self.deliveries += new
        return new

    def send_and_flush(self, *sent, limit=5):
        """Send each of these batches by itself, and return what ``flush(limit)`` says in time."""
        self.send(*sent)
        return self.timed(lambda: self.client.flush(limit), limit)

    def timed(self, call, limit):
        """Return what a call returns, and hold that it took no longer than it may."""
        read = stopwatch()
        result = call()
        took, ours = read()
        assert ours <= limit + SLACK, f"took {took:.2f} s, may take {limit} s"
        return result

    @property
    def reasons(self):
        return Counter(error.reason for _, error in self.failed)

    @property
    def states(self):
        return [delivery.state for delivery in self.deliveries]

    def bodies(self):
        """Return the texts in which each batch came, by id."""
        found = {}
        for request in self.server.requests:
            with contextlib.suppress(Exception):  # garbage on purpose
                data = json.loads(request.body, parse_float=str)
                for entry in data if isinstance(data, list) else [data]:
                    found.setdefault(entry["source_request_id"], set()).add(json.dumps(entry))
        return found

    def check_counts(self):
        """I1, at any moment at which nothing moves."""
        stats = self.client.stats
        assert stats.submitted == stats.delivered + stats.failed + stats.pending
        assert stats.failed == sum(stats.failed_by_reason.values())
        assert stats.failed_by_reason == self.reasons
        assert stats.delivered == len(self.delivered)
        ids = [batch.source_request_id for batch, _ in [*self.delivered, *self.failed]]
        assert len(ids) == len(set(ids)), "a batch was reported twice"


CLIENT = {
    *("environment", "host", "transport", "dispatcher", "retry", "historical", "before_send"),
    *("on_delivered", "on_failed", "now", "new_id"),
}


@contextlib.contextmanager
def invariants(texts):
    """Hold the invariants that need a look at the whole process, around a scenario.

    ``texts`` is called at the end, and returns texts that must not show the secret.
    """
    escaped = []
    hooks = threading.excepthook, sys.unraisablehook
    threading.excepthook = escaped.append
    sys.unraisablehook = escaped.append
    threads, opened = set(threading.enumerate()), files()
    try:
        with text_of("%(name)s %(levelname)s %(message)s %(args)s", logger="") as log:
            yield log
            assert eventually(lambda: set(threading.enumerate()) <= threads), threading.enumerate()
            assert eventually(lambda: files() <= opened), files() - opened
    finally:
        threading.excepthook, sys.unraisablehook = hooks
    assert [repr(one) for one in escaped] == []
    for hidden in (SECRET, SECRET[:12]):
        assert hidden not in log.getvalue()
        for text in texts():
            assert hidden not in text
    for value in (PERSON, WORDS):
        assert value not in log.getvalue()


@contextlib.contextmanager
def scenario(*script, server=None, delay=0.0, close_timeout=2.0, **options):
    """Run a scenario against a server with this script, and hold all invariants when it ends.

    Options of ``Client`` and of ``ThreadedDispatcher`` go where they belong.
    """
    with contextlib.ExitStack() as stack:
        made = []

        def texts():
            for one in made:
                yield from (repr(one.client), repr(one.client.stats), repr(vars(one.client)))
                yield from (repr(held(delivery)) for delivery in one.deliveries)
                for _, error in one.failed:
                    yield from (str(error), repr(error), json.dumps(repr(vars(error))))

        log = stack.enter_context(invariants(texts))
        if server is None:
            # by way of its package, since processes that import this module serve nothing
            server = testing.LocalServer(api_key=KEY, api_secret=SECRET, delay=delay)
            stack.enter_context(server)
            server.script(*script)
        one = Scenario(server, **options)
        one.log = log
        made.append(one)
        try:
            yield one
        finally:
            report = one.timed(lambda: one.client.close(close_timeout), close_timeout + 0.5)
        assert one.timed(one.client.close, 0) == report
        one.check_counts()
        assert all(len(texts) == 1 for texts in one.bodies().values())
