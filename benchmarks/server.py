"""A server that accepts everything and counts it, in the process that only waits meanwhile."""

import time

from mpfluent.testing import LocalServer
from mpfluent.testing.faults import Action
from mpfluent.testing.http_connection import Arrival
from mpfluent.testing.rate_meter import RateMeter

# What each path is answered with, and what a body holds once for each event
PATHS = {
    "/v2/events": (Action(202), b'"event_type"'),
    "/v2/bulkevents": (Action(202), b'"event_type"'),
    "/v1/batch": (Action(200, body=b"{}"), b'"messageId"'),  # Segment
    "/batch/": (Action(200, body=b"{}"), b'"distinct_id"'),  # PostHog
}
BATCH = b'"environment"'  # each of mParticle's batches holds it once


class Server(LocalServer):
    """The test kit's server, without its checks: they would cost more than what is measured."""

    def reset(self, *, keep: bool = False, limit: float | None = None) -> None:
        """Count from zero; keep the bodies from now on; take so many batches a second at most."""
        self._meter = RateMeter(limit) if limit else None
        self._keep, self._cpu, self._last = keep, time.process_time(), 0.0
        self._seen = [(0, 0, 0, 0, 0)]
        self.bodies: list[bytes] = []

    def counts(self) -> dict[str, float]:
        """Return what came since the last reset, when the last came, and the server's seconds."""
        cpu = time.process_time() - self._cpu
        names, sums = (
            ("requests", "bytes", "batches", "events", "refused"),
            map(sum, zip(*self._seen)),
        )
        return {**dict(zip(names, sums)), "last": self._last, "cpu": cpu}

    def _received(self, arrival: Arrival, scripted: Action | None) -> Action:
        body, (answer, event) = arrival.body, PATHS[arrival.path]
        # each connection has a thread; to append is one step, and needs no lock
        batches = body.count(BATCH)
        if self._meter is not None:
            with self._lock:
                answer = self._meter.answer(batches, answer, arrival.at)
        refused = answer.status_code == 429
        counts = (0, 0, 0, 0, 1) if refused else (1, len(body), batches, body.count(event), 0)
        self._seen.append(counts)
        if self._keep:
            self.bodies.append(body)
        self._last = time.time()
        return answer
