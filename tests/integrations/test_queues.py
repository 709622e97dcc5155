"""Queues of others: what is handed over is counted once, however often a worker is killed.

``pytest -n0 -s --slow`` of this file prints what was sent, received, counted twice, and lost. Needs
redis-server, and the extra ``queues``.
"""

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest
from recipes import FILES, SOON, Recipes
from redis_server import RedisServer, free_port
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


@slow
def test_redis_streams(recipes):
    recipes.replace("stream_worker.py", "1_800_000", "1_000")
    hand_over(recipes, "stream_web", 4000)
    workers = [recipes.python("stream_worker.py") for _ in range(2)]
    kill_now_and_then(recipes, workers, lambda: recipes.python("stream_worker.py"), 10, 350)
    recipes.wait_for(lambda: len(recipes.server.unique_ids) == 4000)

    recipes.check("Redis Streams, 10 workers killed", 4000)


@slow
def test_sqs(recipes, monkeypatch):
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("moto.server")
    port = free_port()
    account = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    recipes.start("moto_server", "-H", "127.0.0.1", "-p", str(port))
    recipes.wait_for(lambda: listens(port))
    for name, value in account.items():
        monkeypatch.setenv(name, value)
    created = boto3.client("sqs").create_queue(QueueName="mparticle")
    recipes.variables.update(account, QUEUE_URL=created["QueueUrl"])
    recipes.replace("sqs_worker.py", "VisibilityTimeout=1800", "VisibilityTimeout=2")
    hand_over(recipes, "sqs_web", 500)
    workers = [recipes.python("sqs_worker.py") for _ in range(2)]
    kill_now_and_then(recipes, workers, lambda: recipes.python("sqs_worker.py"), 3, 100)
    recipes.wait_for(lambda: len(recipes.server.unique_ids) == 500)

    recipes.check("SQS (moto), 3 workers killed", 500)


def listens(port):
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), SOON):
        return True
    return False


def children(process):
    """Return the ids of a process' children (on Linux)."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(word) for word in path.read_text().split()]


@slow
def test_rq(recipes, redis):
    pytest.importorskip("rq")
    from redis import Redis
    from rq.registry import StartedJobRegistry

    recipes.replace("rq_web.py", "[10, 60, 600, 3600]", "1")
    hand_over(recipes, "rq_web", 60)
    command = ["rq", "worker", "--url", redis.url, "mparticle"]
    recipes.start(*command, "--with-scheduler")  # which has a child that is no job
    worker = recipes.start(*command)
    for number in range(3):  # a child, in the midst of its job
        wanted = (number + 1) * 10
        recipes.wait_for(lambda wanted=wanted: len(recipes.server.unique_ids) >= wanted)
        recipes.wait_for(lambda: children(worker))
        os.kill(children(worker)[0], signal.SIGKILL)
    recipes.wait_for(lambda: len(recipes.server.unique_ids) >= 40)
    recipes.wait_for(lambda: children(worker))
    recipes.kill(worker)
    with Redis.from_url(redis.url) as client:
        # what a worker does some minutes later
        StartedJobRegistry("mparticle", connection=client).cleanup(time.time() + 600)
    recipes.wait_for(lambda: len(recipes.server.unique_ids) == 60)

    recipes.check("RQ, 3 children and a worker killed", 60)
