"""Sends in the workers of Celery what other processes hand over; needs ``mpfluent[celery]``.

A process that users wait for gives a sealed batch to the broker, and goes on when the broker has
confirmed it. A worker sends the batch, and gives it back to the broker until it is settled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Never

from ..builder.sealed import SealedBatch
from ..client.client import Client
from ..delivery.job import Job
from ..delivery.notifier import Notifier
from ..delivery.outcome import HandedOver
from ..delivery.sender import Sender
from ..dispatch.hand_over import HandOverDispatcher
from ..dispatch.sync import SyncDispatcher
from ..dispatch.threaded import ThreadedDispatcher
from ..errors import ConfigurationError, brief, unknown_option
from ..utils.introspection import expand_kwargs
from ..utils.options import number_between
from .celery_message import message_of
from .celery_task import Application, application_of, sender_of
from .celery_worker import Sending

if TYPE_CHECKING:
    from celery import Celery

_OPTIONS = ("client", "queue", "gather", "countdown", "max_age")
_PATIENCE = 0.8  # seconds that ``send`` waits for the broker
_WEEK, _YEAR = 7 * 24 * 3600.0, 365 * 24 * 3600.0


def _is_seconds(value: object, most: float = math.inf) -> bool:
    return number_between(value, 0, most) is not None


# What each option has to be, if it is given: how to see it, what an error says, and what to write.
_WANTED: tuple[tuple[str, Callable[[Any], bool], str, str], ...] = (
    (
        "client",
        callable,
        "a function that makes a client",
        "lambda: Client(environment='production')",
    ),
    (
        "queue",
        lambda value: isinstance(value, str) and bool(value.strip()),
        "the name of a queue",
        "'mparticle'",
    ),
    (
        "gather",
        lambda value: isinstance(value, ThreadedDispatcher),
        "a ThreadedDispatcher",
        "ThreadedDispatcher()",
    ),
    (
        "gather",
        lambda value: not value._settlement.kept.has_outbox,
        "a ThreadedDispatcher without an outbox, since the broker keeps the batches",
        "ThreadedDispatcher()",
    ),
    (
        "gather",
        lambda value: value._sender is None and not value._reserved,
        "a ThreadedDispatcher that nobody else has",
        "ThreadedDispatcher()",
    ),
    ("countdown", lambda value: _is_seconds(value, _YEAR), "seconds, up to those of a year", "60"),
    ("max_age", _is_seconds, "seconds, 0 or more", "7 * 24 * 3600"),
)


class CeleryDispatcher(HandOverDispatcher):
    """Hands each batch over to a worker of Celery, which sends it.

    ``send`` seals the batch, and returns when the broker has confirmed it: the delivery is
    ``handed_over``. A broker that is down, slow or full fails ``send`` within a second, with a
    reason that is temporary.

    The worker has to import the module that makes the dispatcher. It sends with the settings of the
    client there, and calls that client's hooks; ``before_send`` has run already. Its tasks are
    acknowledged late. What may succeed later is tried again, by a retry of Celery.

    Args:
        app: the Celery application.
        client: makes the client with which a worker sends, once in each process; None for the
            client that has this dispatcher.
        queue: the name of the queue of Celery; None for what the application's routes say. Each
            client of an application, with a key of its own, needs another one.
        gather: a :class:`~mpfluent.ThreadedDispatcher` for workers with many threads
            (``--pool threads``): their tasks meet in one request, and are acknowledged after it.
        countdown: seconds before a worker may send a batch; None for at once.
        max_age: seconds; a worker does not send an older batch, which fails with ``expired``.

    Raises:
        ConfigurationError: an argument makes no sense.

    >>> from celery import Celery
    >>> from mpfluent import Batch, Client
    >>> app = Celery("shop", broker="memory://")
    >>> dispatcher = CeleryDispatcher(app)
    >>> client = Client("key", "secret", environment="development", dispatcher=dispatcher)
    >>> client.send(Batch.for_user(customer_id="123456").event("Searched"))
    <Delivery handed_over>
    """

    _arguments = "app, queue='…'"

    @expand_kwargs
    def __init__(
        self,
        app: Celery,
        *,
        client: Callable[[], Client] | None = None,
        queue: str | None = None,
        gather: ThreadedDispatcher | None = None,
        countdown: float | None = None,
        max_age: float = _WEEK,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise unknown_option("CeleryDispatcher", next(iter(unknown)), _OPTIONS)
        if not isinstance(app, Application):
            raise ConfigurationError(
                f"CeleryDispatcher({brief(app)}): want a Celery application, got "
                f"{type(app).__name__}; write CeleryDispatcher(Celery('shop', broker='redis://…'))"
            )
        given: dict[str, Any] = {"client": client, "queue": queue, "gather": gather}
        given |= {"countdown": countdown, "max_age": max_age}
        for option, is_right, want, write in _WANTED:
            value = given[option]
            if (value is not None or option == "max_age") and not is_right(value):
                raise ConfigurationError(
                    f"CeleryDispatcher({option}={brief(value)}): want {want}; "
                    f"write CeleryDispatcher(app, {option}={write})"
                )
        delay, longest = number_between(countdown), number_between(max_age) or 0.0
        if delay is not None and delay >= longest:
            raise ConfigurationError(
                f"CeleryDispatcher(countdown={brief(countdown)}, max_age={brief(max_age)}): each "
                "batch would be too old when its time comes; "
                "write CeleryDispatcher(app, countdown=60)"
            )
        super().__init__(self._publish)
        self._app, self._queue = application_of(app), queue
        self._celery = sender_of(self._app)
        self._countdown = delay
        self._in_worker = Sending(client, gather, longest)
        self._celery.worker.sendings.setdefault(queue, self._in_worker)

    def open(self, sender: Sender, notifier: Notifier, batch_class: type[Any]) -> None:
        """Belong to a client; its workers send what comes by this queue.

        Raises:
            ConfigurationError: it belongs to another one, or another client has this queue.
        """
        sendings, where = self._celery.worker.sendings, sender.destination
        other = sendings.get(self._queue, self._in_worker).destination
        if other not in (None, where):
            which = "its default queue" if self._queue is None else f"the queue {self._queue!r}"
            raise ConfigurationError(
                f"CeleryDispatcher(app): a client with another key or address has {which} already; "
                "write CeleryDispatcher(app, queue='…') with a queue for each"
            )
        super().open(sender, notifier, batch_class)
        self._in_worker.destination = where
        sendings[self._queue] = self._in_worker

    def opened_by(self, client: Client) -> None:
        """Let a worker send with this client, unless the dispatcher was told another one."""
        self._in_worker.client = client

    def _deliver(self, jobs: Sequence[Job], *, patient: bool) -> None:
        if self._app.conf.task_always_eager and self._in_worker.is_own:
            SyncDispatcher._deliver(self, jobs, patient=patient)  # without a broker
        else:
            super()._deliver(jobs, patient=patient)

    def _publish(self, job: Job) -> HandedOver:
        if self._app.conf.task_always_eager:
            error = self._in_worker.send(SealedBatch.from_json(job.to_json()))
            if error is not None:
                raise error
            return HandedOver()
        options = {"queue": self._queue, "countdown": self._countdown, "patience": _PATIENCE}
        given = {name: value for name, value in options.items() if value is not None}
        result = self._celery.task.apply_async((message_of(job, self._queue),), **given)
        return HandedOver(result.id)

    def close(self, timeout: float) -> bool:
        """Close the connections to the broker, too."""
        closed = super().close(timeout)
        self._celery.publisher.close()
        return closed

    def __repr__(self) -> str:
        queue = "" if self._queue is None else f" queue={self._queue!r}"
        return f"<CeleryDispatcher {self._app.main!r}{queue}>"
