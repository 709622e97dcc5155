"""Workers of Celery in processes of their own: each pool, the two ways to end one, refused keys."""

import os
import re
import signal

import pytest
from celery_projects import BROKERS, ENOUGH, QUICK, Project, kill, report, shut_down
from redis import Redis
from redis_server import RedisServer
from scenarios import KEY, PERSON, SECRET

from mpfluent.testing import LocalServer, hang, ok, status

pytestmark = pytest.mark.slow
REFUSED = "WARNING/.* mParticle answered 403 to the credentials"


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def server():
    with LocalServer(api_key=KEY, api_secret=SECRET) as running:
        yield running


@pytest.fixture
def project(request, tmp_path, redis, server):
    with Redis.from_url(redis.url) as client:
        client.flushall()
    pool = getattr(request, "param", "solo")
    with Project(tmp_path, redis, server, pool, QUICK | ENOUGH) as made:
        yield made


def queued(redis):
    with Redis.from_url(redis.url) as client:
        return client.llen("celery"), client.hlen("unacked")


@pytest.mark.parametrize(
    "project", ["prefork", "threads", "solo", "gevent", "eventlet"], indirect=True
)
def test_each_pool_delivers_what_a_client_at_import_hands_over(project, server, redis):
    project.send(300)
    worker = project.worker()
    project.waits_for(lambda: len(server.unique_ids) == 300)
    project.waits_for(lambda: queued(redis) == (0, 0))

    assert server.duplicates == []
    assert shut_down(worker) == 0
    assert report(f"redis, {project.pool}", 300, server) == (0, 0)
    assert PERSON not in project.said()


@pytest.mark.parametrize("project", ["prefork"], indirect=True)
def test_each_process_of_a_pool_has_a_client_of_its_own(project, server):
    worker = project.worker()
    project.send(100)
    project.waits_for(lambda: len(server.unique_ids) == 100)
    shut_down(worker)

    # each has kept its connection
    assert 1 < len({request.port for request in server.requests}) <= 4


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
@pytest.mark.parametrize("project", ["prefork", "threads", "solo"], indirect=True)
def test_a_worker_that_ends_finishes_what_it_does_and_leaves_the_rest(project, server, redis, how):
    project.send(300)
    worker = project.worker()
    project.waits_for(lambda: len(server.unique_ids) >= 50)
    os.killpg(worker.pid, signal.SIGINT) if how == signal.SIGINT else worker.send_signal(how)
    worker.wait(60)

    waiting, in_hand = queued(redis)
    # Celery may give back what is delivered, if it is not acknowledged yet
    again = waiting - (300 - len(server.unique_ids))
    assert 0 <= again <= project.size
    assert in_hand == 0
    assert "Traceback" not in project.said()
    worker = project.worker()
    project.waits_for(lambda: queued(redis) == (0, 0))
    shut_down(worker)
    assert len(server.batches) == len(server.unique_ids) == 300
    assert len(server.duplicates) == again


@pytest.mark.parametrize("broker", BROKERS)
def test_a_second_ctrl_c_loses_nothing(broker, tmp_path):
    with (
        BROKERS[broker](tmp_path) as running,
        LocalServer(api_key=KEY, api_secret=SECRET) as server,
        Project(
            tmp_path, running, server, "prefork", QUICK if broker == "redis" else {}
        ) as project,
    ):
        server.script(*[ok(delay=5)] * 4)  # so that each process has one in hand
        project.send(50)
        worker = project.worker()
        project.waits_for(lambda: server.max_concurrency >= 4)
        os.killpg(worker.pid, signal.SIGINT)
        project.waits_for(lambda: "Warm shutdown" in project.said())
        os.killpg(worker.pid, signal.SIGINT)
        worker.wait(60)
        kill(worker)
        worker = project.worker()
        project.waits_for(lambda: len(server.unique_ids) == 50)

        assert shut_down(worker) == 0
        assert report(f"{broker}, Ctrl-C twice", 50, server) == (0, 0)


def test_a_refused_key_leaves_all_batches_in_the_queue_with_one_line(project, server, redis):
    project.environment["MPARTICLE_API_SECRET"] = "wrong"
    project.send(50)
    worker = project.worker()
    project.waits_for(lambda: project.said().count("Retry in 60.0s") == 50)
    assert shut_down(worker) == 0

    assert len(re.findall(REFUSED, project.said())) == 1
    assert project.said().count("WARNING") == project.said().count("WARNING/MainProcess")
    assert (sum(queued(redis)), len(server.requests)) == (50, 1)
    assert "wrong" not in project.said()


def test_what_mparticle_cannot_take_now_is_delivered_later(project, server):
    server.script(status(503, headers={"Retry-After": "400"}))
    project.send(1)
    worker = project.worker()
    project.waits_for(lambda: "Retry in 300" in project.said())

    assert shut_down(worker) == 0
    assert "WARNING" in project.said()


@pytest.mark.parametrize("project", ["prefork"], indirect=True)
@pytest.mark.parametrize("limit", ["--time-limit", "--soft-time-limit"])
def test_a_time_limit_of_celery_loses_nothing(project, server, redis, limit):
    server.script(hang(60))
    project.send(1)
    worker = project.worker(limit, "3")
    if limit == "--time-limit":
        project.waits_for(lambda: len(server.unique_ids) == 1)
    else:
        project.waits_for(lambda: "sending it raised SoftTimeLimitExceeded" in project.said())
    shut_down(worker)

    # a retry may stand there beside what it repeats, which is acknowledged after it
    assert sum(queued(redis)) in ([0] if server.unique_ids else [1, 2])
