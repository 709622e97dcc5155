"""Projects with Celery: a module with a client, workers in processes of their own, and a broker."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from celery import Celery
from rabbitmq_server import RabbitMQServer
from redis_server import SOON, RedisServer
from scenarios import KEY, SECRET, eventually

from mpfluent import Batch, Client
from mpfluent.integrations.celery import CeleryDispatcher

BROKERS = {"redis": RedisServer, "rabbitmq": RabbitMQServer}
# What a killed worker had comes back after five seconds instead of an hour. Only Redis reads it.
QUICK = {"visibility_timeout": 5, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}
ENOUGH = {"max_connections": 30}  # of Redis, for the tasks of gevent or eventlet
PROGRAM = """
import os

from celery import Celery
from mpfluent import Client, RateLimit, ThreadedDispatcher
from mpfluent.integrations.celery import CeleryDispatcher

app = Celery("shop", broker=os.environ["BROKER"])
app.conf.broker_transport_options = {options}
client = Client(
    environment="production",
    host=os.environ["SERVER"],
    rate_limit=RateLimit(250, shared="rate.limit"),
    dispatcher=CeleryDispatcher(app, gather={gather}),
)
"""


class Project:
    """A module in a folder that hands over and sends, and its workers.

    Args:
        folder: where it is.
        broker: a running server.
        server: the stand-in for mParticle.
        pool: of the workers.
        options: ``broker_transport_options``.
    """

    def __init__(self, folder, broker, server, pool="prefork", options=None):
        self.folder, self.pool = folder, pool
        self.size = {"prefork": 4, "threads": 50, "gevent": 20, "eventlet": 20}.get(pool, 1)
        self.log = folder / "worker.log"
        self.log.touch()
        gather = "ThreadedDispatcher()" if pool == "threads" else "None"
        text = PROGRAM.format(options=options or {}, gather=gather)
        (folder / "shop.py").write_text(text)
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PYTHONPATH": os.pathsep.join([str(folder), str(Path(__file__).parents[1])]),
            "PYTHONWARNINGS": "ignore",  # of Celery's, about the user that runs it
            "C_FORCE_ROOT": "1",
            "BROKER": broker.url,
            "SERVER": server.url,
            "MPARTICLE_API_KEY": KEY,
            "MPARTICLE_API_SECRET": SECRET,
        }
        self.app = Celery("shop", broker=broker.url)
        self.app.conf.broker_transport_options = options or {}
        by = CeleryDispatcher(self.app)
        self.client = Client(KEY, SECRET, environment="production", dispatcher=by)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def send(self, count, first=0):
        for number in range(first, first + count):
            self.client.send(Batch.for_user(customer_id=str(number)).event("Searched"))

    def worker(self, *options):
        """Start a worker."""
        program = [sys.executable, "-m", "celery", "-A", "shop", "worker", "--pool", self.pool]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*program, "--concurrency", str(self.size), "--loglevel", "INFO", *options],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that its group is its children, too
            )

    def children(self, worker):
        listed = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text()
        return [int(child) for child in listed.split()]

    def said(self):
        return self.log.read_text(encoding="utf-8")

    def waits_for(self, condition, seconds=SOON):
        assert eventually(condition, seconds), self.said()[-5000:]


def kill(worker):
    """Kill a worker with its children, as a machine that dies does."""
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait(SOON)


def shut_down(worker, how=signal.SIGTERM):
    """Let a worker finish what it does; return its exit code."""
    try:
        worker.send_signal(how)
        return worker.wait(SOON)
    finally:
        kill(worker)


def report(name, count, server):
    """Print what became of so many batches; return the counts of those received twice and lost."""
    ids = {batch.source_request_id for batch in server.batches}
    twice, lost = len(server.batches) - len(ids), count - len(ids)
    refused = [request.status_code for request in server.requests].count(429)
    rate = len(ids) / server.gap(0, -1)
    print(
        f"\n{name}: sent {count:,}, received {len(ids):,}, twice {twice}, lost {lost}; "
        f"{len(server.duplicates)} came again and were removed; 429s {refused}; "
        f"{rate:.0f} batches a second"
    )
    return twice, lost
