"""When sealed batches leave: the protocol of a dispatcher, and what ours share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from ..delivery.job import Job
from ..delivery.notifier import Notifier
from ..delivery.sender import Sender
from ..delivery.settlement import Settlement
from ..delivery.stats import Acceptance
from ..errors import ConfigurationError
from ..utils.fork import ProcessLocal
from ..utils.introspection import PublicNames

PATIENT = 600.0  # seconds for one request with its retries, where no caller waits for its outcome


class Dispatcher(Protocol):
    """Takes accepted batches to a client's sender, or to somebody else.

    ``submit`` gets jobs: ``job.id``, ``job.batch`` and ``job.to_json()`` are a batch as it was
    sealed, and ``job.parts`` is what it travels in. An outcome is a ``Response``, a ``HandedOver``
    or a ``DeliveryError``. To settle a job, call ``job.give_up(outcome)``, and then
    ``notifier.notify([job])``, which counts it, calls the hooks and settles the delivery.

    A :class:`~mpfluent.HandOverDispatcher` has all of this but for one function. A dispatcher that
    has ``opened_by(client)``, too, gets the client itself, when ``open`` has returned.

    Attributes:
        waits: whether ``submit`` returns only when everything is settled.
        max_elapsed: seconds for one request with its retries, unless ``Retry`` says otherwise.
    """

    waits: bool
    max_elapsed: float

    def open(self, sender: Sender, notifier: Notifier, batch_class: type[Any]) -> None:
        """Belong to a client from now on; starts nothing.

        Args:
            sender: has the client's ``destination``, ``counters`` and transport.
            notifier: makes the outcome of each batch known, also of those of earlier processes.
            batch_class: reads back a batch that the outbox kept.
        """

    def submit(self, jobs: Sequence[Job], accepted: Acceptance, *, patient: bool = False) -> None:
        """Take batches over: call ``accepted()``, then settle each exactly once.

        Args:
            accepted: counts the batches; it knows whether it was called, if Ctrl-C came.
            patient: wait for room, whatever the policy for a full queue is, and give a request the
                time that it has in the background.

        Raises:
            QueueFull: there is no room, and none of them was accepted.
        """

    def may_wait(self) -> bool:
        """Return whether this thread may wait for a delivery: not if it delivers itself."""
        ...

    def send_now(self) -> None:
        """Let what waits leave at once: a caller waits for a delivery. Do not wait here."""

    def flush(self, timeout: float) -> None:
        """Deliver what waits, and wait for it no longer than these seconds."""

    def close(self, timeout: float) -> bool:
        """Deliver what waits, settle what is left, and close the sender.

        Returns False if that is done later, because the caller is a callback of a delivery.
        """
        ...

    def check_process(self) -> None:
        """Begin empty, and let the sender start again, if this is a forked child."""


@runtime_checkable
class WantsClient(Protocol):
    """A dispatcher that also gets the client, such as one that sends what a broker gives back."""

    def opened_by(self, client: Any) -> None:
        """Know the client that it belongs to.

        Args:
            client: the :class:`~mpfluent.Client`.
        """


class OpenedOnce(PublicNames):
    """What our dispatchers share: each belongs to one client, and starts again in a forked child.

    Args:
        settlement: settles its batches.
    """

    _arguments: ClassVar[str] = ""  # what an error shows in the line to write

    def __init__(self, settlement: Settlement) -> None:
        self._settlement = settlement
        self._sender: Sender | None = None
        self._reserved = False  # for a client that is made later
        self._home = ProcessLocal()

    def open(self, sender: Sender, notifier: Notifier, batch_class: type[Any]) -> None:
        """Belong to a client.

        Raises:
            ConfigurationError: it belongs to another one.
        """
        if self._sender is not None or self._reserved:
            write = f"write dispatcher={type(self).__name__}({self._arguments}) for each"
            raise ConfigurationError(f"a dispatcher belongs to one client; {write}")
        self._settlement.open(sender.destination, notifier, batch_class)
        self._sender = sender

    def _opened(self) -> Sender:
        if self._sender is None:
            raise ConfigurationError("a dispatcher belongs to a client; write Client(dispatcher=…)")
        return self._sender

    def check_process(self) -> None:
        """Begin empty in a forked child: jobs, and threads that hold a lock, are the parent's."""
        self._home.move(self._renew)

    def _renew(self, forked: bool) -> None:
        """Keep nothing of the parent's in a child; or take new locks: gevent replaced Python's."""
        if forked:
            self._settlement.restart()
        else:
            self._settlement.renew_locks()
        if self._sender is not None:
            self._sender.check_process()
