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
from types import SimpleNamespace

import pytest
from log_records import text_of
from recipes import FILES, SOON, Recipes
from redis_server import RedisServer, free_port
from scenarios import KEY, SECRET

from mpfluent import Batch, Client, DeliveryError, RecordingTransport, Retry, SealedBatch
from mpfluent.testing import LocalServer

slow = pytest.mark.slow


# What all recipes share


@pytest.fixture
def shared(monkeypatch):
    """The names of ``settle.py`` and ``analytics_queue.py``."""
    for name, value in {"API_KEY": KEY, "API_SECRET": SECRET}.items():
        monkeypatch.setenv(f"MPARTICLE_{name}", value)
    names = {"__name__": "recipes.settle"}
    for file in ("analytics_queue.py", "settle.py"):
        exec(compile(FILES[file], file, "exec"), names)
    return SimpleNamespace(**names)


def messages_of(count):
    client = Client(KEY, SECRET, environment="production", transport=RecordingTransport())
    return [client.seal(Batch.for_user(customer_id=f"u{n}")).to_json() for n in range(count)]


def worker_with(*answers):
    transport = RecordingTransport(*answers)
    return Client(KEY, SECRET, transport=transport, retry=Retry(max_attempts=1)), transport


def test_what_is_delivered_is_settled(shared):
    client, transport = worker_with()

    assert shared.settle(client, messages_of(3)) is None
    assert [len(request.json()) for request in transport.requests] == [3]


def test_what_may_be_delivered_later_is_not_settled(shared):
    with pytest.raises(DeliveryError, match="503"):
        shared.settle(worker_with(503)[0], messages_of(3))


def test_with_a_refused_key_nothing_is_settled(shared):
    with pytest.raises(DeliveryError, match="401"):
        shared.settle(worker_with(401)[0], messages_of(3))


def test_what_no_retry_can_help_is_settled_and_logged(shared):
    with text_of("%(levelname)s %(message)s", logger="recipes.settle") as lines:
        shared.settle(worker_with(404)[0], messages_of(1))

    assert lines.getvalue() == "ERROR a batch was not delivered: rejected\n"


@pytest.mark.parametrize("poison", ["", "{}", "[]", b"\xff", '{"events": []}', "null", "x" * 999])
def test_what_is_no_batch_is_left_out_and_logged_without_its_words(shared, poison):
    client, transport = worker_with()
    first, last = messages_of(2)
    with text_of("%(levelname)s %(message)s", logger="recipes.settle") as lines:
        shared.settle(client, [first, poison, last])

    assert lines.getvalue() == "ERROR a message is no sealed batch; it is left out\n"
    assert [len(request.json()) for request in transport.requests] == [2]


def test_a_queue_gets_the_message_and_whose_it_is(shared):
    got = []
    client = shared.client_that_hands_over(lambda *message: got.append(message))
    deliveries = client.send(Batch.for_user(customer_id="a")), client.send(Batch().event("x"))

    assert [delivery.state for delivery in deliveries] == ["handed_over"] * 2
    assert [user for _, user in got] == ["a", None]
    assert SealedBatch.from_json(got[0][0]).user_identities.customer_id == "a"


def test_a_queue_that_is_down_fails_the_batch_and_it_is_temporary(shared):
    def put(message, user):
        raise OSError("no broker")

    with pytest.raises(DeliveryError, match="no broker") as caught:
        shared.client_that_hands_over(put).send(Batch())
    assert caught.value.temporary


# With real servers, and kills


HAND_OVER = """
import sys
from mpfluent import Batch
from {module} import client
for number in range(int(sys.argv[1])):
    user = Batch.for_user(customer_id=f"u{{number % 50}}")
    client.send(user.event("Ordered", {{"number": number}}))
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
