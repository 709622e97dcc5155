"""A server on this machine that accepts everything and counts it.

It runs in the process that measures, which only waits meanwhile. Its CPU time is reported, so that
one can see that it is not what is measured.
"""

import threading
import time
from typing import NamedTuple, Self

from mpfluent.testing.faults import Action
from mpfluent.testing.http_server import Arrival, Listener

ACCEPTED = Action(202)
OK = Action(200, body=b"{}")
# What each path is answered with, and what a body holds once for each event
PATHS = {
    "/v2/events": (ACCEPTED, b'"event_type"'),
    "/v2/bulkevents": (ACCEPTED, b'"event_type"'),
    "/v1/batch": (OK, b'"messageId"'),  # Segment
    "/batch/": (OK, b'"distinct_id"'),  # PostHog
}
BATCH = b'"environment"'  # each of mParticle's batches holds it once


class Counts(NamedTuple):
    """What came since the last reset; ``last`` is when, and ``cpu`` the server's seconds."""

    requests: int
    bytes: int
    batches: int
    events: int
    last: float
    cpu: float


class Server:
    """The server, for a ``with`` block; ``url`` is where it listens."""

    _delay = 0.0

    def __init__(self) -> None:
        self.reset()
        self._listener = Listener(0, self, None)
        self.url = f"http://127.0.0.1:{self._listener.server_port}"
        self._thread = threading.Thread(target=self._listener.serve, daemon=True)
        self._thread.start()

    def reset(self, *, keep: bool = False) -> None:
        """Count from zero; keep the bodies from now on, or do not."""
        self._keep, self._cpu = keep, time.process_time()
        self._seen: list[tuple[int, int, int]] = []
        self._last = 0.0
        self.bodies: list[bytes] = []

    def counts(self) -> Counts:
        """Return what came."""
        cpu = time.process_time() - self._cpu
        sums = [sum(seen[index] for seen in self._seen) for index in range(3)]
        return Counts(len(self._seen), *sums, self._last, cpu)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()
        self._thread.join()
        self._listener.server_close()

    # What the listener asks of its owner

    def _connected(self) -> int:
        return 0

    def _begun(self) -> None:
        return None

    def _received(self, arrival: Arrival, scripted: Action | None) -> Action:
        body, (answer, event) = arrival.body, PATHS[arrival.path]
        # each connection has a thread: appending is one step, and needs no lock
        self._seen.append((len(body), body.count(BATCH), body.count(event)))
        if self._keep:
            self.bodies.append(body)
        self._last = time.time()
        return answer

    def _finished(self) -> None:
        pass
