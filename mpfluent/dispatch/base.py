"""When sealed batches leave: the seam, and the simplest way: at once, in the caller's thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from ..delivery.job import Job
from ..delivery.notifier import Notifier
from ..delivery.sender import Sender
from ..delivery.stats import Acceptance
from ..transport.destination import Destination

PATIENT = 600.0  # seconds for one request with its retries, where nobody waits for its outcome


class Dispatcher(Protocol):
    """Takes accepted batches to a client's sender.

    Attributes:
        waits: whether ``submit`` returns only when everything is settled.
        max_elapsed: seconds for one request with its retries, unless ``Retry`` says otherwise.
    """

    waits: ClassVar[bool]
    max_elapsed: float

    def open(
        self,
        sender: Sender,
        destination: Destination,
        notifier: Notifier,
        batch_class: type[Any],
    ) -> None:
        """Belong to a client from now on; starts nothing.

        Args:
            destination: whose batches they are.
            notifier: makes the outcome of each batch known, also of those of earlier processes.
            batch_class: reads back a batch that the outbox kept.
        """
        ...

    def submit(self, jobs: Sequence[Job], accepted: Acceptance, *, patient: bool = False) -> None:
        """Take batches over: call ``accepted()``, then settle each exactly once.

        Args:
            accepted: knows whether it was called, where an interrupt came meanwhile.
            patient: take as long as it takes: wait for room, whatever happens else when it is
                full, and give a request the time that it has in the background.

        Raises:
            QueueFull: there is no room, and none of them was accepted.
        """
        ...

    def may_wait(self) -> bool:
        """Return whether this thread may wait for a delivery: not if it delivers itself."""
        ...

    def send_now(self) -> None:
        """Let what waits leave at once, since somebody waits for a delivery; do not wait here."""
        ...

    def flush(self, timeout: float) -> None:
        """Deliver what waits, and wait for it no longer than these seconds."""
        ...

    def close(self, timeout: float) -> bool:
        """Deliver what waits, settle what is left, and close the sender.

        Returns False if that is done later, because the caller is a callback of a delivery.
        """
        ...

    def check_process(self) -> None:
        """Begin empty, and let the sender begin anew, if this is a forked child."""
        ...
