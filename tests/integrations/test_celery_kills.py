"""Workers of Celery that are killed again and again while batches arrive."""

import os
import random
import signal
import threading

import pytest
from celery_projects import BROKERS, QUICK, SOON, Project, kill, report, shut_down
from scenarios import KEY, SECRET, eventually

from mpfluent.testing import LocalServer

pytestmark = pytest.mark.slow
KILLS = 10


def survives(broker, pool, count, folder):
    """Kill workers ten times while they send; return how many batches came twice, and are lost."""
    options = QUICK if broker == "redis" else {}
    with (
        BROKERS[broker](folder) as running,
        LocalServer(api_key=KEY, api_secret=SECRET, rate_limit=270) as server,
        Project(folder, running, server, pool, options) as project,
    ):
        sender = threading.Thread(target=project.send, args=(count,))
        sender.start()
        worker, mains = project.worker(), 0
        for number in range(1, KILLS + 1):
            arrived = number * count // (KILLS + 1)
            project.waits_for(lambda: len(server.unique_ids) >= arrived, 2 * SOON)  # noqa: B023
            if number % 3 == 0 and pool == "prefork":
                os.kill(random.choice(project.children(worker)), signal.SIGKILL)
            else:
                kill(worker)
                worker, mains = project.worker(), mains + 1
        sender.join()
        # on Redis, a message that was popped and not yet noted is gone
        eventually(
            lambda: len(server.unique_ids) == count, 4 * SOON if broker == "rabbitmq" else 30
        )
        assert shut_down(worker) == 0
        assert project.client.stats.handed_over == count
        twice, lost = report(f"{broker}, {pool}, {KILLS} kills", count, server)
    return twice, lost, mains


@pytest.mark.parametrize(("pool", "count"), [("prefork", 5000), ("threads", 2000)])
def test_on_rabbitmq_no_batch_is_lost_and_none_counts_twice(tmp_path, pool, count):
    twice, lost, _ = survives("rabbitmq", pool, count, tmp_path)

    assert (twice, lost) == (0, 0)


@pytest.mark.parametrize(("pool", "count"), [("prefork", 5000), ("threads", 2000)])
def test_on_redis_each_killed_main_process_loses_one_batch_at_most(tmp_path, pool, count):
    twice, lost, mains = survives("redis", pool, count, tmp_path)

    assert twice == 0
    assert lost <= mains
