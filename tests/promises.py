"""What the two state machines of the promise share: a server that remembers, and its bad days."""

import json
from collections import Counter

from fault_server import FakeTime
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mpfluent import Response, TransportError
from mpfluent.errors import REASONS

ANSWERS = st.sampled_from(
    [
        *(200, 202, 302, 400, 401, 404, 408, 413, 429, 500, 503),
        "lost",  # processed, and the answer is lost
        "refused",
        "untrusted",
        "broken",
        "nonsense",
    ]
)


class Promised(RuleBasedStateMachine):
    """A server and what a client says of its batches, on a clock that only rules move."""

    def __init__(self):
        super().__init__()
        self.time = FakeTime()
        self.script = []
        self.texts = {}  # by id: what it stands for never changes
        self.changed = []
        self.outcomes = Counter()
        self.delivered = set()

    # The server

    def entries(self, request):
        """Return the batches of a request; note whether an id stands for another one now."""
        body = request.json()
        entries = body if isinstance(body, list) else [body]
        for entry in entries:
            text = json.dumps(entry)
            if self.texts.setdefault(entry["source_request_id"], text) != text:
                self.changed.append(entry["source_request_id"])  # an error here would be caught
        return entries

    def answered(self, step):
        """Do what a step of the script says."""
        if step in ("lost", "refused"):
            raise TransportError(step)
        if step == "untrusted":
            raise TransportError(step, retryable=False)
        if step == "broken":
            raise ValueError(step)
        if step == "killed":
            raise SystemExit
        if step == "nonsense":
            return None
        return Response(step, {"Retry-After": "1"} if step == 429 else {})

    # The callbacks

    def arrived(self, batch, response):
        self.outcomes[batch.source_request_id] += 1
        self.delivered.add(batch.source_request_id)
        assert 200 <= response.status_code < 300

    def failed(self, batch, error):
        self.outcomes[batch.source_request_id] += 1
        assert error.batch == batch
        assert error.reason in REASONS

    # What happens

    @rule(steps=st.lists(ANSWERS, max_size=8))
    def faults_come(self, steps):
        self.script += steps

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds):
        self.time.now += seconds

    @rule(seconds=st.floats(-1e6, 1e6))
    def the_wall_clock_jumps(self, seconds):
        self.time.wall_offset += seconds

    # What always holds

    @invariant()
    def an_id_stands_for_the_same_bytes_for_ever(self):
        assert self.changed == []

    @invariant()
    def no_batch_has_two_outcomes(self):
        assert set(self.outcomes.values()) <= {1}
