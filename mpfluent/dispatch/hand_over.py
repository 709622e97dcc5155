"""Hands batches over to a broker, from which somebody else takes and sends them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..delivery.job import Job
from ..delivery.outcome import HandedOver, Outcome
from ..errors import ConfigurationError, DeliveryError, TransportError, brief, one_line
from ..transport.handlers import of_handler
from .sync import SyncDispatcher


class HandOverDispatcher(SyncDispatcher):
    """Sends nothing: a function of yours hands each batch over, in the thread of the caller.

    ``send`` returns when the function has returned. The delivery is ``handed_over``, and
    ``stats.handed_over`` counts it. Neither ``on_delivered`` nor ``on_failed`` is called for it:
    whoever takes the batch from the broker sends it, and has hooks of its own.

    Args:
        hand_over: gets a :class:`~mpfluent.Job`. ``job.to_json()`` is the sealed batch, for
            ``SealedBatch.from_json``. It returns a :class:`~mpfluent.HandedOver` when the broker
            has confirmed the message, or None. What it raises is why the batch failed.

    Raises:
        ConfigurationError: that is not a function.

    >>> from queue import Queue
    >>> from mpfluent import Batch, Client, SealedBatch
    >>> messages = Queue()
    >>> def put(job):
    ...     messages.put(job.to_json())
    ...     return HandedOver(job.id)
    >>> client = Client(
    ...     "key", "secret", environment="development", dispatcher=HandOverDispatcher(put)
    ... )
    >>> client.send(Batch.for_user(customer_id="123456").event("Searched"))
    <Delivery handed_over>
    >>> SealedBatch.from_json(messages.get()).user_identities.customer_id
    '123456'
    """

    _arguments = "…"

    def __init__(self, hand_over: Callable[[Job], HandedOver | None]) -> None:
        if not callable(hand_over):
            raise ConfigurationError(
                f"HandOverDispatcher({brief(hand_over)}): want a function of a Job, got "
                f"{type(hand_over).__name__}; write HandOverDispatcher(hand_over)"
            )
        super().__init__()
        self._hand_over = hand_over

    def _deliver(self, jobs: Sequence[Job], *, patient: bool) -> None:
        for job in jobs:
            self._settlement.give_up([job], self._outcome_of(job))

    def _outcome_of(self, job: Job) -> Outcome:
        try:
            found = self._hand_over(job)
        except DeliveryError as error:
            return error
        except Exception as error:
            if of_handler(error) is not None:
                raise  # such as a job's time limit
            failure = TransportError(
                f"the batch was not handed over: {type(error).__name__}: {one_line(str(error))}"
            )
            failure.__cause__ = error
            return failure
        if found is None or isinstance(found, HandedOver):
            return found or HandedOver()
        return TransportError(
            f"the function of HandOverDispatcher returned {brief(found)}: want a HandedOver, or "
            "None; write return HandedOver(job.id)"
        )

    def __repr__(self) -> str:
        return "<HandOverDispatcher>"
