"""The promise, under any sequence of calls and faults: nothing is lost, nothing counts twice."""

from collections import Counter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from promises import Promised

from mpfluent import ApiError, Batch, Client, Closed, DeliveryError, FunctionTransport, Retry


class Promise(Promised):
    """A client between its callers and a server that remembers what it accepted."""

    def __init__(self):
        super().__init__()
        self.accepted = Counter()  # by the server, by id
        self.times = []
        self.given = 0
        self.number = 0
        self.client = self.opened()

    def opened(self):
        return Client(
            "key",
            "secret",
            environment="production",
            transport=FunctionTransport(self.answer),
            dispatcher=self.time.dispatcher(),
            retry=Retry(max_elapsed=5),
            before_send=lambda batch: None if batch.mpid == 13 else batch,
            on_delivered=self.arrived,
            on_failed=self.failed,
        )

    # The server

    def answer(self, request):
        self.times.append(self.time.now)
        self.entries(request)
        step = self.script.pop(0) if self.script else 202
        if step in (200, 202, "lost"):
            self.accepted.update(request.batch_ids)
        return self.answered(step)

    def batches(self, count, odd=False):
        found = []
        for _ in range(count):
            self.number += 1
            batch = Batch.for_user(customer_id=str(self.number)).event("Searched")
            found.append(batch.with_mpid(13) if odd and self.number % 3 == 0 else batch)
        return found

    # What happens

    @rule(count=st.integers(1, 5), odd=st.booleans())
    def send(self, count, odd):
        settled = []
        began = self.time.now
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
        assert self.time.now - began <= 5 * (2 * count)  # each request has a budget of its own

    @rule(count=st.integers(0, 120))
    def send_all(self, count):
        try:
            report = self.client.send_all(iter(self.batches(count)))
            assert report.submitted == count
        except Closed:
            return
        except ApiError as refused:
            report = refused.report
            assert "unauthorized" in report.failed_by_reason
        self.given += report.submitted
        assert report.submitted == report.delivered + report.failed
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

    @invariant()
    def what_is_delivered_was_accepted(self):
        assert self.delivered <= set(self.accepted)

    @invariant()
    def nothing_is_hot(self):
        """On average, no more than one attempt for each wait: no burst of retries."""
        assert len(self.time.waits) <= len(self.times)


TestPromise = Promise.TestCase
