"""The task that sends a batch, and what Celery has to do with its message."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from ..errors import DeliveryError
from .celery_publisher import Publisher
from .celery_worker import Later, Rejected, Worker

try:
    import celery
    import celery.exceptions
    import celery.local
    import celery.worker.request
except ModuleNotFoundError as _missing:
    if _missing.name != "celery":
        raise
    raise ImportError(
        "mpfluent.integrations.celery needs Celery; write pip install 'mpfluent[celery]'",
        name=_missing.name,
    ) from None

Application: Any = celery.Celery
NAME = "mpfluent.send"
_SHOWN = "(<a sealed batch>,)"  # instead of the arguments, in logs and monitors
_IN_WORKER = 10.0  # seconds to wait for the broker, where no user waits
_ATTRIBUTE = "_mpfluent_sender"  # of an application
_PAUSE = 1.0  # seconds before a broker that refused a message gives it out again


class Done(celery.exceptions.Ignore):  # type: ignore[misc]
    """Ends a task whose message goes back, or away, without a traceback in Celery's log.

    Args:
        requeue: whether the broker is to give the message out again.
    """

    def __init__(self, requeue: bool) -> None:
        super().__init__(requeue)
        self.requeue = requeue


class Request(celery.worker.request.Request):  # type: ignore[misc]
    """A message in the main process of a worker."""

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> Any:
        """Reject the message if the task says so; else it is acknowledged."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)  # it may be wrapped
        if isinstance(error, Done):
            self.reject(requeue=error.requeue)
        return super().on_failure(exc_info, send_failed_event, return_ok)


class Task(celery.Task):  # type: ignore[misc]
    """The task of one application; :func:`sender_of` makes it.

    A message is acknowledged when it is settled what became of its batch. So a worker may be killed
    at any time, and another one sends the batch again: mParticle counts it once.
    """

    Request = f"{__name__}:{Request.__name__}"
    acks_late = True
    reject_on_worker_lost = True
    acks_on_failure_or_timeout = False  # a time limit that kills the process is no outcome
    ignore_result = True
    max_retries = None  # ``max_age`` ends it
    publisher: Publisher
    worker: Worker

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Publish a message, first or again, and wait until the broker has it."""
        seconds = options.pop("patience", _IN_WORKER)
        send = super().apply_async
        options["argsrepr"] = _SHOWN

        def publish(**how: Any) -> Any:
            return send(*args, **options | how)

        return self.publisher.publish(publish, seconds)

    def try_later(self, later: Later) -> None:
        """Give a message back to the broker, for some time later."""
        try:
            # the error's text is for Celery's log, which must not have mParticle's words
            self.retry(countdown=later.seconds, exc=DeliveryError(later.why))
        except celery.exceptions.Reject:  # the broker does not take it back, so it keeps this one
            time.sleep(_PAUSE)
            raise Done(requeue=True) from None


def send(task: Task, *args: Any, **kwargs: Any) -> None:
    """Send a batch, in a worker."""
    outcome = task.worker.handle(args, kwargs, task.request.retries or 0)
    if isinstance(outcome, Rejected):
        raise Done(requeue=False)
    if isinstance(outcome, Later):
        task.try_later(outcome)


class Sender(NamedTuple):
    """What an application has of ours.

    Attributes:
        task: the task.
        publisher: its connections to the broker.
        worker: what its tasks do.
    """

    task: Any
    publisher: Publisher
    worker: Worker


def application_of(app: Any) -> Any:
    """Return an application itself: a proxy stands for another one in each thread."""
    return app._get_current_object() if isinstance(app, celery.local.Proxy) else app


def sender_of(app: Any) -> Sender:
    """Return what an application has of ours; it gets the task when it is first asked for."""
    found = getattr(app, _ATTRIBUTE, None)
    if found is None:
        publisher, worker = Publisher(app), Worker()
        options = {"name": NAME, "base": Task, "bind": True, "shared": False}
        task = app.task(**options, publisher=publisher, worker=worker)(send)
        found = Sender(task, publisher, worker)
        setattr(app, _ATTRIBUTE, found)
    return found
