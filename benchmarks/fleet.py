"""``python -m benchmarks.fleet``: what reaches mParticle from many processes that share one key.

Clients, retries, rate limits and the server's meter are mpfluent's own. Time, the network and Redis
are simulated. Each process sends all it may, in requests of 100 batches, for a minute.
"""

import argparse
import logging
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from heapq import heappop, heappush
from itertools import count, repeat
from threading import Lock

from mpfluent import Batch, Client, FunctionTransport, RateLimit, Response, Retry, SyncDispatcher
from mpfluent.errors import TransportError
from mpfluent.integrations.redis import RedisRateLimit
from mpfluent.testing import ok
from mpfluent.testing.rate_meter import RateMeter

SECONDS = 60.0
NONE, DIVIDED, REDIS, AWAY = "none", "divided", "Redis", "Redis, away for 20 s"


class Over(BaseException):
    """The simulated time is over."""


class Time:
    """Threads run one at a time: the one whose moment is next, until it sleeps again."""

    def __init__(self):
        self.now, self.asleep, self.numbers = 0.0, [], count()

    def lie_down(self, until):
        (lock := Lock()).acquire()
        heappush(self.asleep, (until, next(self.numbers), lock))
        return lock

    def wake_next(self):
        if self.asleep:
            self.now, _, lock = heappop(self.asleep)
            lock.release()

    def sleep(self, seconds):
        lock = self.lie_down(self.now + max(seconds, 1e-6))  # no clock is finer
        self.wake_next()
        lock.acquire()
        if self.now >= SECONDS:
            raise Over

    def run(self, program, lock):
        try:
            with lock, suppress(Over):
                program()
        finally:
            self.wake_next()


class Redis(RateLimit):
    """The budget in Redis, by the clock of Redis, and the way there."""

    def take(self, batches):
        self.asked += 1
        self.time.sleep(random.expovariate(1 / 0.0005))
        if self.away and 20 <= self.time.now < 40:
            raise ConnectionError
        return super().take(batches)

    def charge(self, batches):
        more = batches / self.batches_per_second
        self._bucket = self._bucket._replace(debt=self._bucket.debt + more)


def simulate(limit, processes, *many, rate, request_time, failures, skew, seed):
    """Return the parts of the rate, of the requests and of the batches; and questions a second.

    They are what arrived, what was answered 429, and what was given up after 15 seconds. Each
    process has so ``many`` batches, or no end of them.
    """
    random.seed(seed)
    time, meter, arrived, codes, given_up = Time(), RateMeter(rate), [], [], []
    redis = Redis(rate, clock=lambda: time.now)
    redis.time, redis.away, redis.asked = time, limit == AWAY, 0

    def network(request):
        way = request_time * random.lognormvariate(0, 0.5) / 2
        time.sleep(way)
        answer = meter.answer(len(request.batch_ids), ok(), time.now)
        codes.append(answer.status_code)
        arrived.extend(request.batch_ids if answer.status_code == 202 else ())
        time.sleep(way)
        if random.random() < failures:
            raise TransportError("the answer was lost")
        return Response(answer.status_code, dict(answer.headers))

    def process():
        offset, drift = random.gauss(0, skew), random.gauss(1, 1e-4)
        clock = partial(lambda: offset + drift * time.now)
        pace = RateLimit(rate / processes, clock=clock) if limit == DIVIDED else None
        if limit in (REDIS, AWAY):
            more = {"share": 1 / processes, "clock": clock}
            pace = RedisRateLimit("redis://simulated", per_second=rate, name="x", **more)
            pace._budget = redis
        client = Client(
            *("key", "secret"),
            environment="development",
            rate_limit=pace,
            retry=Retry(max_elapsed=15),
            transport=FunctionTransport(network),
            dispatcher=SyncDispatcher(clock=clock, wall=clock, sleep=time.sleep),
            on_failed=lambda batch, error: error.broken_off or given_up.append(batch),
        )
        client.send_all(repeat(client.seal(Batch.for_user(customer_id="1").event("x")), *many))

    beds = [time.lie_down(random.random() / 10) for _ in range(processes)]  # nearly at once
    with ThreadPoolExecutor(processes) as threads:
        ended = threads.map(partial(time.run, process), beds)
        time.wake_next()
    list(ended)  # raises what a process raised
    lost = len(given_up) / (len(arrived) + len(given_up))
    seconds = min(time.now, SECONDS)
    return len(arrived) / rate / seconds, codes.count(429) / len(codes), lost, redis.asked / seconds


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    add = partial(parser.add_argument, type=float)
    add("--processes", type=int, nargs="+", default=[8, 100, 1000], help="how many, in turn")
    add("--rate", default=270.0, help="batches a second that mParticle takes")
    add("--request-time", default=0.1, help="seconds, the median")
    add("--failures", default=0.001, help="the part of the answers that get lost")
    add("--skew", default=60.0, help="seconds by which clocks are wrong")
    add("--seed", type=int, default=1, help="the same one prints the same table")
    options = vars(parser.parse_args())
    logging.getLogger("mpfluent").addHandler(logging.NullHandler())  # 429s, again and again
    print("| processes | limit | of the rate | 429 | given up | asks Redis |")
    print("|---|---|---|---|---|---|")
    for processes in options.pop("processes"):
        for limit in (NONE, DIVIDED, REDIS, AWAY):
            *parts, asked = simulate(limit, processes, **options)
            shown = " | ".join(f"{part:.1%}" for part in parts)
            print(f"| {processes} | {limit} | {shown} | {asked:.0f}/s |", flush=True)


if __name__ == "__main__":
    main()
