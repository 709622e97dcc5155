"""What a worker does with a message: it sends the batch, gives it back, or lets it go for good."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..builder.sealed import SealedBatch
from ..client.client import Client
from ..client.prepare import Prepared
from ..delivery.future import Delivery
from ..delivery.observers import code_of
from ..delivery.outcome import HandedBack
from ..delivery.retry import retry_after
from ..dispatch.sync import SyncDispatcher
from ..dispatch.threaded import ThreadedDispatcher
from ..errors import ApiError, ConfigurationError, DeliveryError, InvalidBatch, brief
from ..transport.destination import Destination
from ..utils.fork import ProcessLocal, process_lock
from ..utils.log import Notices
from .celery_message import Message, Unreadable, read

_LONG = 60.0  # seconds until what somebody has to mend is tried again
_FIRST, _LONGEST = 5.0, 300.0  # seconds of the first and of the longest pause of other failures


class Later(NamedTuple):
    """A message that goes back to the broker.

    Attributes:
        seconds: until it is tried again.
        why: in a word or two, for Celery's log.
    """

    seconds: float
    why: str


class Rejected(NamedTuple):
    """A message that no worker can do anything with."""


class Sending:
    """Sends the batches of one queue, with one client of this process.

    Args:
        make_client: makes the client; None for the one whose dispatcher handed them over.
        gather: lets batches of several threads leave together; None for none.
        max_age: seconds; an older batch is not sent.

    Attributes:
        client: of the dispatcher; None if it has none in this process.
        destination: where that client sends, and with which key.
        max_age: as it was given.
    """

    def __init__(
        self,
        make_client: Callable[[], Client] | None,
        gather: ThreadedDispatcher | None,
        max_age: float,
    ) -> None:
        self._make_client = make_client
        self._by = SyncDispatcher() if gather is None else gather
        self._by._settlement.hands_back = True
        self._by._reserved = True  # another client would never hear of what is handed back
        self._ready: Client | None = None
        self.client: Client | None = None
        self.destination: Destination | None = None
        self.max_age = max_age

    @property
    def is_own(self) -> bool:
        """Whether the client that hands batches over also sends them."""
        return self._make_client is None and self.client is not None

    def send(self, batch: SealedBatch) -> DeliveryError | None:
        """Send a batch, and wait; return why it failed.

        Raises:
            Exception: the client could not be made, or the batch is larger than a request may be.
        """
        client = self._opened()
        delivery, entries = client._begin((batch,), self._by)
        client._submitter.submit(entries, self._by)
        delivery.wait()
        if delivery.failures:
            return delivery.failures[0]
        answer = delivery.result()
        return answer.error if isinstance(answer, HandedBack) else None

    def expire(self, batch: SealedBatch) -> None:
        """Let a batch fail because it is too old; ``on_failed`` is called."""
        client = self._opened()
        error = DeliveryError("it was in the queue for longer than max_age", reason="expired")
        delivery = Delivery(1, client._counters)
        prepared = Prepared(batch, error, named=True)
        client._submitter.submit([(prepared, delivery)], self._by)

    def _opened(self) -> Client:
        """Return the client of this process, which is made for its first task."""
        with process_lock():
            if self._ready is None:
                client = self._made()
                self._by._reserved = False
                client._adopt(self._by)
                self._ready = client
            return self._ready

    def _made(self) -> Client:
        if self._make_client is None:
            return Client() if self.client is None else self.client
        client = self._make_client()
        if isinstance(client, Client):
            return client
        raise ConfigurationError(
            f"CeleryDispatcher(client=…): the function returned {brief(client)}: "
            "want a Client; write client=lambda: Client(environment='production')"
        )


class Worker:
    """What the tasks of one Celery application do.

    Attributes:
        sendings: by the ``queue`` of a dispatcher.
    """

    def __init__(self) -> None:
        self.sendings: dict[str | None, Sending] = {}
        self._notices = Notices()
        self._home = ProcessLocal()

    def _renew(self, forked: bool) -> None:
        self._notices.restart()

    def handle(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], tries: int
    ) -> Later | Rejected | None:
        """Do what a message asks for; return what is left to do with it.

        Args:
            args, kwargs: of the task.
            tries: how often it was tried before.
        """
        self._home.move(self._renew)
        message = read(args, kwargs)
        if isinstance(message, Unreadable):
            return self._leave(message)
        sending = self.sendings.get(message.queue)
        if sending is None:
            name = "" if message.queue is None else f", queue={message.queue!r}"
            why = f"this worker has no CeleryDispatcher(app{name})"
            return self._stays(why, "unknown queue")
        try:
            if time.time() - message.at > sending.max_age:
                self._expire(message, sending)
                return None
            error = sending.send(message.batch)
        except InvalidBatch as broken:
            return self._reject(f"it does not fit a request ({type(broken).__name__})")
        except ConfigurationError as wrong:
            return self._stays(f"its client cannot be made: {wrong}", "no client")
        except Exception as odd:  # of a function of the user's, or such as a task's time limit
            name = type(odd).__name__
            return self._stays(f"sending it raised {name}", name)
        return None if error is None else self._failed(error, tries)

    def _leave(self, message: Unreadable) -> Later | Rejected:
        """Reject what nobody can read; what another worker may read stays, until it is too old."""
        longest = max((each.max_age for each in self.sendings.values()), default=0.0)
        if message.newer and (message.at is None or time.time() - message.at <= longest):
            return self._stays(message.why, "another version")
        return self._reject(message.why)

    def _stays(self, why: str, word: str) -> Later:
        self._notices.log(f"a batch stays in the queue: {why}", error=word)
        return Later(_LONG, word)

    def _reject(self, why: str) -> Rejected:
        self._notices.log(f"a message was rejected for good: {why}")
        return Rejected()

    def _expire(self, message: Message, sending: Sending) -> None:
        sending.expire(message.batch)
        self._notices.log(
            "a batch failed for good: expired",
            detail=f", it was in the queue for longer than {sending.max_age:g} s",
            reason="expired",
        )

    def _failed(self, error: DeliveryError, tries: int) -> Later | None:
        """Log a failure, once a minute for each kind; return when it is worth another try."""
        status, code = error.status_code, code_of(error)
        said = f": {error.reason}" + ("" if status is None else f", {status}")
        fields: dict[str, Any] = {"reason": error.reason, "status": status, "code": code}
        fields["detail"] = f" {code}" if code else ""
        if not error.temporary:
            self._notices.log(f"a batch failed for good{said}", **fields)
            return None
        if error.reason == "unauthorized":
            return Later(_LONG, error.reason)  # the client has logged that
        self._notices.log(f"a batch stays in the queue{said}", **fields)
        return Later(pause(error, tries), error.reason)


def pause(
    error: DeliveryError, tries: int, at_random: Callable[[], float] = random.random
) -> float:
    """Return the seconds until a batch is tried again.

    They are at least what mParticle asked for. Half of the rest is a random time, or all that
    failed together would come back together.

    Args:
        error: why it failed.
        tries: how often it was tried before this time.
        at_random: returns a float in [0, 1); for tests.
    """
    longest = min(_LONGEST, _FIRST * 2.0 ** min(tries, 10))
    asked = None
    if isinstance(error, ApiError):
        headers = {name.lower(): text for name, text in error.headers.items()}
        asked = retry_after(headers.get("retry-after"), time.time())
    return max(min(asked or 0.0, _LONGEST), longest / 2 * (1 + at_random()))
