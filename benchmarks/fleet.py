"""``python -m benchmarks.fleet``: what reaches mParticle from many processes that share one key.

Nothing is sent. Simulated are time, the network, Redis, and mParticle, whose meter is that of the
local server; clients, retries and rate limits are mpfluent's own. Each process sends as much as it
may, in requests of 100 batches, for a minute. The same seed prints the same table.
"""

import argparse
import logging
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from heapq import heappop, heappush
from itertools import count, repeat
from math import inf
from typing import Any, NamedTuple

from mpfluent import Batch, Client, FunctionTransport, RateLimit, Response, Retry, SyncDispatcher
from mpfluent.delivery.bucket import Bucket
from mpfluent.errors import TransportError
from mpfluent.integrations.redis import RedisRateLimit
from mpfluent.testing.faults import ok
from mpfluent.testing.rate_meter import RateMeter

SECONDS = 60.0
KINDS = ("none", "divided locally", "in Redis", "in Redis, which is away for 20 s")


class Over(BaseException):
    """The simulated time is over."""


class Time:
    """Runs threads one at a time: the one whose moment is next, until it sleeps again."""

    def __init__(self) -> None:
        self.now, self._numbers = 0.0, count()
        self._asleep: list[tuple[float, int, threading.Lock]] = []

    def run(self, programs: Sequence[Callable[[], object]]) -> None:
        """Run programs until all have ended; they begin in the first second."""

        def run(program: Callable[[], object], lock: threading.Lock) -> None:
            with lock, suppress(Over):
                program()
            self._wake_next()

        arguments = [(program, self._lie_down(random.random())) for program in programs]
        threads = [threading.Thread(target=run, args=each, daemon=True) for each in arguments]
        for thread in threads:
            thread.start()
        self._wake_next()
        for thread in threads:
            thread.join()

    def sleep(self, seconds: float) -> None:
        lock = self._lie_down(self.now + max(seconds, 1e-6))  # no real clock is finer
        self._wake_next()
        lock.acquire()
        if self.now >= SECONDS:
            raise Over

    def _lie_down(self, until: float) -> threading.Lock:
        lock = threading.Lock()
        lock.acquire()
        heappush(self._asleep, (until, next(self._numbers), lock))
        return lock

    def _wake_next(self) -> None:
        if self._asleep:
            self.now, _, lock = heappop(self._asleep)
            lock.release()


class Redis:
    """The budget that all share, by the clock of Redis; in place of the one that asks Redis."""

    def __init__(self, time: Time, rate: float, away: bool) -> None:
        self._time, self._rate, self._away = time, rate, away
        self._bucket, self.asked = Bucket(-inf, 0.0), 0

    def take(self, batches: int) -> float:
        self._time.sleep(random.expovariate(1 / 0.0005))
        self.asked += 1
        if self._away and 20 <= self._time.now < 40:
            raise ConnectionError
        cost, saved = batches / self._rate, (self._rate // 10 - 1) / self._rate
        seconds, self._bucket = self._bucket.take(self._time.now, cost, saved)
        return seconds

    def charge(self, batches: int) -> None:
        self._bucket = self._bucket._replace(debt=self._bucket.debt + batches / self._rate)


class Found(NamedTuple):
    """Parts of the rate, of the requests and of the batches; and questions to Redis a second."""

    used: float
    refused: float
    given_up: float
    asked: float


def simulate(kind: str, processes: int, options: argparse.Namespace) -> Found:
    """Let a fleet send, and count."""
    random.seed(options.seed)
    time, meter, codes, arrived, given_up = Time(), RateMeter(options.rate), [], [0], []
    redis = Redis(time, options.rate, "away" in kind)

    def network(request: Any) -> Response:
        way = options.request_time * random.lognormvariate(0, 0.5) / 2
        time.sleep(way)
        batches = len(request.batch_ids)
        answer = meter.answer(batches, ok(), time.now)
        codes.append(answer.status_code)
        arrived[0] += batches if answer.status_code == 202 else 0
        time.sleep(way)
        if random.random() < options.failures:
            raise TransportError("the answer was lost")
        return Response(answer.status_code, dict(answer.headers))

    def process() -> None:
        offset, drift = random.gauss(0, options.skew), 1 + random.gauss(0, 1e-4)
        clock = lambda: offset + time.now * drift
        limit: Any = None
        if kind == KINDS[1]:
            limit = RateLimit(options.rate / processes, clock=clock)
        elif kind != KINDS[0]:
            options_ = {"per_second": options.rate, "share": 1 / processes, "clock": clock}
            limit = RedisRateLimit("redis://localhost", name="x", **options_)
            limit._budget = redis
        client = Client(
            *("key", "secret"),
            environment="development",
            rate_limit=limit,
            retry=Retry(max_elapsed=options.give_up),
            transport=FunctionTransport(network),
            dispatcher=SyncDispatcher(clock=clock, wall=clock, sleep=time.sleep),
            on_failed=lambda batch, error: error.broken_off or given_up.append(batch),
        )
        client.send_all(repeat(client.seal(Batch.for_user(customer_id="1").event("x"))))

    time.run([process] * processes)
    tried = arrived[0] + len(given_up)
    used, refused = arrived[0] / options.rate / SECONDS, codes.count(429) / len(codes)
    return Found(used, refused, len(given_up) / tried, redis.asked / SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    add = partial(parser.add_argument, type=float)
    add("--processes", type=int, nargs="+", default=[8, 100, 1000], help="how many")
    add("--rate", default=270.0, help="batches a second that mParticle takes")
    add("--request-time", default=0.1, help="seconds, the median")
    add("--failures", default=0.001, help="the part of the answers that get lost")
    add("--skew", default=60.0, help="seconds by which clocks are wrong")
    add("--give-up", default=15.0, help="seconds of retries after which a batch is given up")
    add("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.getLogger("mpfluent").addHandler(logging.NullHandler())  # the rows say what it says
    print("| processes | limit | of the rate | answered 429 | given up | questions to Redis |")
    print("|---|---|---|---|---|---|")
    for processes in options.processes:
        for kind in KINDS:
            found = simulate(kind, processes, options)
            parts = " | ".join(f"{part:.1%}" for part in found[:3])
            print(f"| {processes} | {kind} | {parts} | {found.asked:,.0f}/s |", flush=True)


if __name__ == "__main__":
    main()
