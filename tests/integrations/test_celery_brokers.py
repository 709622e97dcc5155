"""Real brokers on bad days: down, frozen, slow, full, restarted. What is sent fails in a second."""

import socket
import threading
from contextlib import contextmanager, suppress

import pytest
from celery import Celery
from celery_projects import BROKERS, Project, shut_down
from kombu import Queue
from rabbitmq_server import RabbitMQServer
from redis import Redis
from scenarios import KEY, SECRET, batch, eventually, stopwatch

from mpfluent import Client, DeliveryError
from mpfluent.integrations.celery import CeleryDispatcher
from mpfluent.testing import LocalServer

pytestmark = pytest.mark.slow
LATE = "the batch was not handed over: the broker did not confirm it within 0.8 s"


@pytest.fixture(params=BROKERS)
def broker(request, tmp_path):
    with BROKERS[request.param](tmp_path) as running:
        yield running


@contextmanager
def client_of(url, queues=None):
    app = Celery("shop", broker=url)
    app.conf.task_queues = queues
    with Client(KEY, SECRET, environment="production", dispatcher=CeleryDispatcher(app)) as client:
        yield client


def refused(client):
    """Return why a batch is not handed over, within a second."""
    read = stopwatch()
    with pytest.raises(DeliveryError) as caught:
        client.send(batch())
    _, ours = read()
    assert ours < 1
    assert (caught.value.reason, caught.value.temporary) == ("transport_error", True)
    return str(caught.value)


def when_nothing_is_on_its_way(client):
    """Wait until what was on its way to the broker has arrived, or is given up."""
    slots = client._dispatcher._celery.publisher._slots
    assert eventually(lambda: slots._value == 10, 60)


def test_a_broker_that_is_stopped_and_started_is_used_again(broker):
    with client_of(broker.url) as client:
        client.send(batch())
        broker.stop()
        assert "onnection refused" in refused(client)
        broker.start()
        client.send(batch())
        broker.stop()
        broker.start()

        assert client.send(batch()).state == "handed_over"


def test_a_broker_that_is_frozen_holds_up_no_caller(broker):
    with client_of(broker.url) as warm, client_of(broker.url) as cold:
        warm.send(batch())
        broker.freeze()
        assert [refused(warm) for _ in range(12)] == [LATE] * 12
        assert refused(cold) == LATE
        broker.thaw()
        when_nothing_is_on_its_way(warm)

        assert warm.send(batch()).state == "handed_over"


@contextmanager
def slow_way_to(port, seconds):
    """Return a port that leads to another one, but each piece takes so long in each direction."""
    stopped, sockets, threads = threading.Event(), [], []

    def start(work, *arguments):
        threads.append(threading.Thread(target=work, args=arguments))
        threads[-1].start()

    def relay(source, target):
        with suppress(OSError):
            while piece := source.recv(65536):
                stopped.wait(seconds)
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def serve(listener):
        with suppress(OSError):
            while True:
                ends = listener.accept()[0], socket.create_connection(("127.0.0.1", port))
                sockets.extend(ends)
                start(relay, *ends)
                start(relay, *reversed(ends))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        start(serve, listener)
        try:
            yield listener.getsockname()[1]
        finally:
            stopped.set()
            for each in [listener, *sockets]:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for each in sockets:
                each.close()


def test_a_broker_that_is_slow_to_connect_to_is_used_when_it_is_connected(broker):
    with (
        slow_way_to(broker.port, 0.12) as port,
        client_of(broker.url.replace(str(broker.port), str(port))) as client,
    ):
        assert refused(client) == LATE
        when_nothing_is_on_its_way(client)

        assert client.send(batch()).state == "handed_over"


def test_a_redis_that_is_full_fails_send(tmp_path):
    with BROKERS["redis"](tmp_path) as broker, client_of(broker.url) as client:
        with Redis.from_url(broker.url) as redis:
            redis.config_set("maxmemory", 1)

        assert "command not allowed when used memory > 'maxmemory'" in refused(client)


def test_a_rabbitmq_without_memory_fails_send(tmp_path):
    with RabbitMQServer(tmp_path, "vm_memory_high_watermark.relative = 0.0001") as broker:
        assert eventually(lambda: "memory resource limit alarm set" in broker.log.read_text(), 60)
        with client_of(broker.url) as client:
            assert refused(client) == LATE


def test_a_queue_of_rabbitmq_that_is_full_fails_send(tmp_path):
    full = {"x-max-length": 1, "x-overflow": "reject-publish"}
    queues = [Queue("celery", queue_arguments=full)]
    with RabbitMQServer(tmp_path) as broker, client_of(broker.url, queues) as client:
        client.send(batch())

        assert refused(client) == "the batch was not handed over: MessageNacked"


def test_what_a_broker_confirmed_is_there_when_it_starts_again(tmp_path):
    with (
        RabbitMQServer(tmp_path) as broker,
        LocalServer(api_key=KEY, api_secret=SECRET) as server,
        Project(tmp_path, broker, server, "solo") as project,
    ):
        project.send(20)
        broker.stop()
        broker.start()
        worker = project.worker()
        project.waits_for(lambda: len(server.unique_ids) == 20)

        assert shut_down(worker) == 0
