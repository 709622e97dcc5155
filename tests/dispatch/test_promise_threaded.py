"""The promise in the background, under any sequence of calls, faults, crashes and clock jumps.

The worker runs when a rule says so, on a clock that only rules move, so that a failure is found
again. ``MPFLUENT_EXAMPLES=10000`` runs more of them than CI does.
"""

import contextlib
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from internals import shutdown
from promises import Promised

from mpfluent import (
    Batch,
    Client,
    Closed,
    FunctionTransport,
    Outbox,
    QueueFull,
    Retry,
    ThreadedDispatcher,
)

USERS = [
    Batch.for_user(customer_id="a"),
    Batch.for_user(customer_id="a").with_user_attributes(plan="pro"),
    Batch.for_user(customer_id="b"),
    Batch.for_user(customer_id="b", email="b@example.com"),
]
POLICIES = ["block", "drop_newest", "drop_oldest", "raise"]


class Promise(Promised):
    """A client in the background, between its callers and a server that remembers."""

    def __init__(self):
        super().__init__()
        self.accepted = set()  # ids
        self.counted = Counter()  # events by their own ids, duplicates of batches removed
        self.given = {}  # by id: the ids of its events
        self.before = 0  # outcomes of earlier clients' lives
        self.number = 0
        self.folder = None

    @initialize(
        coalesce=st.booleans(),
        outbox=st.booleans(),
        policy=st.sampled_from(POLICIES),
        most=st.sampled_from([1, 3, 1_000]),
        most_bytes=st.sampled_from([1_500, 10**9]),
    )
    def begin(self, coalesce, outbox, policy, most, most_bytes):
        if outbox:
            self.folder = Path(tempfile.mkdtemp(prefix="mpfluent-"))
        self.options = {
            "coalesce": coalesce,
            "when_full": policy,
            "max_queue": most,
            "block_timeout": 0,
        }
        self.most_bytes = most_bytes
        self.open()

    def open(self):
        self.outbox = None
        if self.folder:
            self.outbox = Outbox(
                self.folder / "outbox.db", wall=self.time.wall, max_bytes=self.most_bytes
            )
        self.dispatcher = ThreadedDispatcher(
            **self.options,
            outbox=self.outbox,
            clock=self.time.monotonic,
            wall=self.time.wall,
            sleep=self.time.sleep,
            start=lambda work: SimpleNamespace(is_alive=lambda: True),
        )
        self.before = sum(self.outcomes.values())
        self.client = Client(
            "key",
            "secret",
            environment="production",
            transport=FunctionTransport(self.answer),
            dispatcher=self.dispatcher,
            retry=Retry(max_elapsed=5),
            new_id=self.new_id,
            on_delivered=self.arrived,
            on_failed=self.failed,
        )

    def new_id(self):
        self.number += 1
        return f"id-{self.number}"

    def teardown(self):
        if not hasattr(self, "client"):
            return
        try:
            self.script = []
            if not self.client._closed:
                self.settle_all()
            self.client.close(0)
            if self.folder:
                self.open()
                self.settle_all()
                self.client.close(0)
            assert set(self.outcomes.values()) <= {1}
            assert set(self.outcomes) == set(self.given)
            for batch_id in self.delivered:
                assert set(self.given[batch_id]) <= set(self.counted)
        finally:
            if self.folder:
                shutil.rmtree(self.folder)

    def settle_all(self):
        for _ in range(20):
            self.time.now += 61  # for the gate and the circuit
            self.client.flush(0)
            self.worker_runs()
            if self.client.flush(0):
                break
        assert self.client.stats.pending == 0

    # The server

    def answer(self, request):
        entries = self.entries(request)
        step = self.script.pop(0) if self.script else 202
        known = [entry["source_request_id"] in self.accepted for entry in entries]
        if step in (400, 413) and any(known):
            step = 202  # it took some of them before, so it takes them now
        if step in (400, 413):
            for entry in entries:
                del self.texts[entry["source_request_id"]]  # it knows nothing of them
        if step in (200, 202, "lost"):
            for entry in entries:
                if entry["source_request_id"] not in self.accepted:
                    self.accepted.add(entry["source_request_id"])
                    self.counted.update(event_ids(entry))
        return self.answered(step)

    # What happens

    @rule()
    def a_worker_will_be_killed(self):
        self.script.append("killed")

    @rule(
        first=st.sampled_from([[], [400], ["lost"], ["lost", "killed"]]),
        step=st.sampled_from(["lost", "refused", 503, 429, 401]),
    )
    def an_outage_comes(self, first, step):
        """Longer than the retry policy allows."""
        self.script = [*first, *[step] * 12]

    @rule(who=st.lists(st.integers(0, len(USERS) - 1), min_size=1, max_size=5))
    def send_to_any(self, who):
        self.send(who)

    @rule(count=st.integers(1, 3))
    def send_to_one(self, count):
        self.send([0] * count)

    def send(self, who):
        first = self.number
        batches = []
        for number, user in enumerate(who, first + 1):
            event = f"event-{number}"
            batches.append(
                USERS[user].event("Searched", source_message_id=event)
                if number % 4
                else USERS[user]
            )
        try:
            self.client.send(*batches)
        except (Closed, QueueFull):
            self.number = first + len(who)
            return
        for number, batch in enumerate(batches, first + 1):
            self.given[f"id-{number}"] = [event.source_message_id for event in batch.events]

    @rule()
    def worker_runs(self):
        with contextlib.suppress(SystemExit):
            self.dispatcher._workers.deliver(wait=False)

    @rule()
    def an_answer_is_lost_and_the_worker_stopped(self):
        self.script = ["lost", "killed"]
        self.time.now += 1
        self.worker_runs()

    @rule()
    def a_request_is_refused_and_then_the_credentials(self):
        self.script = [400, *[401] * 12]
        self.time.now += 61
        self.worker_runs()

    @rule()
    def flush(self):
        flushed = self.client.flush(0)
        assert flushed is (self.client.stats.pending == 0)

    @rule()
    def close(self):
        report = self.client.close(0)
        assert self.folder or report.left == 0
        assert self.client.close(0) is report
        with pytest.raises(Closed):
            self.client.send(USERS[0])

    @precondition(lambda self: self.client._closed)
    @rule()
    def open_anew(self):
        self.open()

    @precondition(lambda self: self.folder and not self.client._closed)
    @rule()
    def the_process_is_killed_and_another_begins(self):
        shutdown.forget(self.dispatcher)
        owner = self.outbox._owner
        if owner._database is not None:
            owner._database.close()
            owner._database = None
        if owner.lock is not None:
            owner.lock.release()
            owner.lock = None
        self.open()

    # What always holds

    @invariant()
    def the_counts_add_up(self):
        if not hasattr(self, "client"):
            return
        stats = self.client.stats
        assert stats.submitted == stats.delivered + stats.failed + stats.pending
        assert stats.failed == sum(stats.failed_by_reason.values())
        assert stats.delivered + stats.failed == sum(self.outcomes.values()) - self.before
        assert (stats.hook_errors, stats.outbox_errors) == (0, 0)

    @invariant()
    def no_event_counts_twice(self):
        assert set(self.counted.values()) <= {1}

    @invariant()
    def what_is_delivered_was_accepted(self):
        for batch_id in self.delivered:
            assert all(self.counted[event] == 1 for event in self.given[batch_id])


def event_ids(entry):
    return [event["data"]["source_message_id"] for event in entry.get("events", ())]


TestPromise = Promise.TestCase
TestPromise.settings = settings(
    max_examples=2 * settings.default.max_examples,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
