"""Celery in this process: applications with a broker in memory, and a worker for one message.

The worker is Celery's own code for a message and its task; only the loop around it is missing.
"""

import logging
from datetime import UTC, datetime
from queue import Empty
from typing import NamedTuple

from celery import Celery
from celery.concurrency.solo import TaskPool
from celery.worker.request import create_request_cls
from kombu.transport import memory
from kombu.utils.imports import symbol_by_name
from scenarios import KEY, SECRET

from mpfluent import Client, RecordingTransport, Response, Retry
from mpfluent.integrations.celery import CeleryDispatcher

BROKER = "memory://localhost"
TASK = "mpfluent.send"


def forget_messages():
    """Empty all brokers in memory, which outlive an application."""
    memory.Channel.queues.clear()


class Taken(NamedTuple):
    """A message that a worker took: whether it was acknowledged, rejected or requeued."""

    outcome: str
    headers: dict

    @property
    def seconds(self):
        """Return the seconds until it was due, which the worker did not wait for."""
        return (datetime.fromisoformat(self.headers["eta"]) - datetime.now(UTC)).total_seconds()


class Shop:
    """An application with a client that hands over, and what its worker does.

    Args:
        *client: of ``Client``.
        app: settings of Celery.
        dispatcher: of ``CeleryDispatcher``.
    """

    def __init__(self, app=None, dispatcher=None, **client):
        self.app = Celery("shop", broker=BROKER)
        self.app.conf.update(app or {})
        self.transport = client.setdefault("transport", RecordingTransport())
        self.client = self.client_of(dispatcher, **client)

    def client_of(self, dispatcher=None, *, key=KEY, **client):
        settings = {"environment": "production", "retry": Retry(max_attempts=1)}
        by = CeleryDispatcher(self.app, **(dispatcher or {}))
        return Client(key, SECRET, **{**settings, **client}, dispatcher=by)

    def put(self, *args, queue="celery", **kwargs):
        """Let somebody else send a message to the task."""
        self.app.send_task(TASK, args, kwargs, queue=queue)

    def waiting(self, queue="celery"):
        with self.app.connection_for_read() as connection:
            return connection.SimpleQueue(queue).qsize()

    def take(self, queue="celery"):
        """Let a worker of this application take a message."""
        return take(self.app, queue)


def take(app, queue="celery"):
    """Let a worker take a message and do what it asks for."""
    task = app.tasks[TASK]
    pool = TaskPool(app=app)
    outcome = []
    with app.connection_for_read() as connection:
        try:
            accept = app.conf.accept_content
            message = connection.SimpleQueue(queue, accept=accept).get(block=False)
        except Empty:
            return None
        kind = create_request_cls(symbol_by_name(task.Request), task, pool, "worker", None, app=app)

        def ack(logger, errors):
            outcome.append("acknowledged")
            message.ack_log_error(logger, errors)

        def reject(logger, errors, requeue=False):
            outcome.append("requeued" if requeue else "rejected")
            message.reject_log_error(logger, errors, requeue=requeue)

        request = kind(
            message,
            on_ack=ack,
            on_reject=reject,
            app=app,
            hostname="worker",
            task=task,
            body=message.body,
            headers=message.headers,
        )
        app.set_current()
        request.execute_using_pool(pool)
    assert len(outcome) == 1, outcome
    return Taken(outcome[0], message.headers)


class Answers:
    """A transport that answers in turn, and then accepts everything."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.bodies = []

    def send(self, request):
        self.bodies.append(request.body)
        answer = self.answers.pop(0) if self.answers else 202
        return answer if isinstance(answer, Response) else Response(answer)

    def close(self):
        pass


class Hooks:
    """What the two hooks of a client got."""

    def __init__(self):
        self.delivered, self.failed = [], []

    @property
    def options(self):
        return {
            "on_delivered": lambda batch, response: self.delivered.append(batch),
            "on_failed": lambda batch, error: self.failed.append(error),
        }


def lines(caplog):
    """Return the warnings that mpfluent logged."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "mpfluent" and record.levelno >= logging.WARNING
    ]
