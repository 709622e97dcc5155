"""Queues of others: what is handed over is counted once, however often a worker is killed.

``pytest -n0 -s --slow`` of this file prints what was sent, received, counted twice, and lost. Needs
redis-server, and the extra ``queues``.
"""

import os
import signal
from pathlib import Path

import pytest
from recipes import FILES, SOON, Recipes
from redis_server import RedisServer
from scenarios import KEY, SECRET

from mpfluent import Batch, Client, DeliveryError, RecordingTransport, Retry
from mpfluent.testing import LocalServer

slow = pytest.mark.slow
HAND_OVER = """
import sys
from mpfluent import Batch
from {module} import client
for number in range(int(sys.argv[1])):
    client.send(Batch.for_user(customer_id=f"u{{number % 50}}").event("Ordered", {{"number": number}}))
print(client.stats)
"""


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server():
    with LocalServer(api_key=KEY, api_secret=SECRET, rate_limit=270) as server:
        yield server


@pytest.fixture
def recipes(tmp_path, redis, server):
    from redis import Redis

    with Redis.from_url(redis.url) as client:
        client.flushall()
    with Recipes(tmp_path, server, REDIS_URL=redis.url) as recipes:
        yield recipes


def hand_over(recipes, module, count):
    recipes.run("-c", HAND_OVER.format(module=module), str(count))


def kill_now_and_then(recipes, workers, start, times, step):
    """Kill one worker after another when so many more batches have come, and start a new one."""
    for number in range(times):
        wanted = (number + 1) * step
        recipes.wait_for(lambda wanted=wanted: len(recipes.server.unique_ids) >= wanted)
        recipes.kill(workers.pop(0))
        workers.append(start())


@slow
def test_kafka(recipes, tmp_path):
    kafka = pytest.importorskip("confluent_kafka")
    cluster = kafka.Producer({"test.mock.num.brokers": 1})
    (broker,) = cluster.list_topics(timeout=SOON).brokers.values()
    recipes.variables["KAFKA"] = f"{broker.host}:{broker.port}"
    more = '"enable.auto.commit": False, "session.timeout.ms": 6000,'
    recipes.replace("kafka_worker.py", '"enable.auto.commit": False,', more)
    hand_over(recipes, "kafka_web", 2000)
    workers = [recipes.python("kafka_worker.py") for _ in range(2)]
    kill_now_and_then(recipes, workers, lambda: recipes.python("kafka_worker.py"), 3, 400)
    recipes.wait_for(lambda: len(recipes.server.unique_ids) == 2000)

    recipes.check("Kafka, 3 workers killed", 2000)
