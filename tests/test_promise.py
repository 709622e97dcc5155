"""The promise, under any sequence of calls and faults: nothing is lost, nothing counts twice."""

import json
from collections import Counter

import pytest
from fault_server import FakeTime
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mpfluent import (
    Batch,
    Client,
    Closed,
    DeliveryError,
    FunctionTransport,
    Response,
    Retry,
    TransportError,
)
from mpfluent.errors import REASONS

ANSWERS = st.sampled_from(
    [
        202,
        200,
        302,
        400,
        401,
        404,
        408,
        413,
        429,
        500,
        503,
        "lost",  # processed, and the answer is lost
        "refused",
        "untrusted",
        "broken",
        "nonsense",
    ]
)


class Promise(RuleBasedStateMachine):
    """A client between its callers and a server that remembers what it accepted."""

    def __init__(self):
        super().__init__()
        self.clock = FakeTime()
        self.script = []
        self.accepted = Counter()  # by the server, by id
        self.bodies = {}
        self.changed = []
        self.times = []
        self.outcomes = Counter()
        self.delivered = set()
        self.given = 0
        self.number = 0
        self.client = self.opened()

    def opened(self):
        return Client(
            "key",
            "secret",
            environment="production",
            transport=FunctionTransport(self.answer),
            dispatcher=self.clock.dispatcher(),
            retry=Retry(max_elapsed=5),
            before_send=lambda batch: None if batch.mpid == 13 else batch,
            on_delivered=self.arrived,
            on_failed=self.failed,
        )

    # The server

    def answer(self, request):
        self.times.append(self.clock.now)
        for entry in self.entries(request):
            text = json.dumps(entry)
            if self.bodies.setdefault(entry["source_request_id"], text) != text:
                self.changed.append(entry["source_request_id"])  # an error here would be caught
        step = self.script.pop(0) if self.script else 202
        if step in (200, 202, "lost"):
            self.accepted.update(request.batch_ids)
        if step in ("lost", "refused"):
            raise TransportError(step)
        if step == "untrusted":
            raise TransportError(step, retryable=False)
        if step == "broken":
            raise ValueError(step)
        if step == "nonsense":
            return None
        return Response(step, {"Retry-After": "1"} if step == 429 else {})

    def entries(self, request):
        body = request.json()
        return body if isinstance(body, list) else [body]

    # The callbacks

    def arrived(self, batch, response):
        self.outcomes[batch.source_request_id] += 1
        self.delivered.add(batch.source_request_id)
        assert 200 <= response.status_code < 300

    def failed(self, batch, error):
        self.outcomes[batch.source_request_id] += 1
        assert error.batch == batch
        assert error.reason in REASONS

    def batches(self, count, odd=False):
        found = []
        for _ in range(count):
            self.number += 1
            batch = Batch.for_user(customer_id=str(self.number)).event("Searched")
            found.append(batch.with_mpid(13) if odd and self.number % 3 == 0 else batch)
        return found

    # What happens

    @rule(steps=st.lists(ANSWERS, max_size=8))
    def faults_come(self, steps):
        self.script += steps

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds):
        self.clock.now += seconds

    @rule(seconds=st.floats(-1e6, 1e6))
    def the_wall_clock_jumps(self, seconds):
        self.clock.wall_offset += seconds

    @rule(count=st.integers(1, 5), odd=st.booleans())
    def send(self, count, odd):
        settled = []
        began = self.clock.now
        error = None
        try:
            self.client.send(*self.batches(count, odd), callback=settled.append)
        except DeliveryError as raised:
            error = raised
        if isinstance(error, Closed):
            assert settled == []
            return
        self.given += count
        (delivery,) = settled
        assert error is None or error in delivery.failures
        assert delivery.state in ("delivered", "failed")
        assert self.clock.now - began <= 5 * (2 * count)  # each request has a budget of its own

    @rule(count=st.integers(0, 120))
    def send_all(self, count):
        try:
            report = self.client.send_all(iter(self.batches(count)))
        except Closed:
            return
        self.given += count
        assert report.submitted == count == report.delivered + report.failed
        assert report.pending == 0

    @rule()
    def flush(self):
        assert self.client.flush(0) is True

    @rule()
    def close(self):
        report = self.client.close()
        assert report.left == 0
        assert self.client.close() is report
        with pytest.raises(Closed):
            self.client.send(*self.batches(1))

    @precondition(lambda self: self.client._closed)
    @rule()
    def open_anew(self):
        self.given = 0
        self.outcomes.clear()
        self.client = self.opened()

    # What always holds

    @invariant()
    def the_counts_add_up(self):
        stats = self.client.stats
        assert stats.pending == 0
        assert stats.submitted == self.given
        assert stats.submitted == stats.delivered + stats.failed
        assert stats.failed == sum(stats.failed_by_reason.values())
        assert stats.hook_errors == 0

    @invariant()
    def every_batch_has_one_outcome(self):
        assert len(self.outcomes) == self.given
        assert set(self.outcomes.values()) <= {1}

    @invariant()
    def a_retry_sends_the_same_bytes(self):
        assert self.changed == []

    @invariant()
    def what_is_delivered_was_accepted(self):
        assert self.delivered <= set(self.accepted)

    @invariant()
    def nothing_is_hot(self):
        """On average, no more than one attempt for each wait: no burst of retries."""
        assert len(self.clock.waits) <= len(self.times)


TestPromise = Promise.TestCase
