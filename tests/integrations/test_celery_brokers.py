"""Real brokers on bad days: down, frozen, slow, full, restarted. What is sent fails in a second."""

import socket
import threading
import traceback
from contextlib import contextmanager, suppress

import pytest
from celery import Celery
from celery.signals import after_task_publish
from celery_projects import BROKERS, Project, shut_down
from kombu import Connection, Exchange, Queue
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
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert "_published" not in frames  # which knows the password
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


@contextmanager
def channel_of(broker):
    with Connection(broker.url) as connection:
        yield connection.default_channel


def waiting(broker, queue="celery"):
    """Return how many messages a queue of RabbitMQ has."""
    with channel_of(broker) as channel:
        return channel.queue_declare(queue, passive=True).message_count


def test_a_queue_of_rabbitmq_that_was_deleted_is_made_again_and_gets_the_batch_once(tmp_path):
    told = []

    def tell(headers=None, **_):
        told.append(headers["id"])

    with RabbitMQServer(tmp_path) as broker, client_of(broker.url) as client:
        client.send(batch())
        with channel_of(broker) as channel:
            channel.queue_delete("celery")
        after_task_publish.connect(tell)
        try:
            delivery = client.send(batch())
        finally:
            after_task_publish.disconnect(tell)

        assert (delivery.state, waiting(broker)) == ("handed_over", 1)
        assert told == [delivery.result().message_id]
        client.send(batch())
        assert waiting(broker) == 2


def test_a_queue_that_was_deleted_is_made_again_with_its_exchange(tmp_path):
    queues = [Queue("celery", Exchange("shop", "topic"), "mparticle")]
    with RabbitMQServer(tmp_path) as broker, client_of(broker.url, queues) as client:
        client.send(batch())
        with channel_of(broker) as channel:
            channel.queue_delete("celery")

        assert client.send(batch()).state == "handed_over"
        assert waiting(broker) == 1
        with channel_of(broker) as channel:
            channel.exchange_delete("shop")
        assert refused(client) == (
            "the batch was not handed over: NotFound: "
            "Basic.publish: (404) NOT_FOUND - no exchange 'shop' in vhost '/'"
        )
        assert client.send(batch()).state == "handed_over"
        assert waiting(broker) == 2


def test_a_batch_that_no_queue_of_rabbitmq_takes_is_not_handed_over(tmp_path):
    with RabbitMQServer(tmp_path) as broker, client_of(broker.url) as client:
        where = {"exchange": "amq.topic", "routing_key": "nobody"}
        client._dispatcher._app.conf.task_routes = {"mpfluent.send": where}
        for _ in range(2):
            assert refused(client) == (
                "the batch was not handed over: no queue of RabbitMQ takes it "
                "(exchange 'amq.topic', routing key 'nobody'); "
                "bind a queue to this exchange, or write CeleryDispatcher(app, queue='…')"
            )


def test_the_events_of_celery_need_no_queue(tmp_path):
    with RabbitMQServer(tmp_path) as broker, client_of(broker.url) as client:
        client._dispatcher._app.conf.task_send_sent_event = True
        states = [client.send(batch()).state for _ in range(2)]

        assert (states, waiting(broker)) == (["handed_over"] * 2, 2)


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
