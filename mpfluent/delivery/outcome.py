"""What a batch ends with: an answer, an error, or that somebody else has it now."""

from __future__ import annotations

from typing import Any

from ..errors import DeliveryError
from ..transport.base import Response


class HandedOver(Response):
    """A broker has the batch: it is neither pending nor delivered, but in safe hands.

    ``delivery.result()`` returns it where an answer would be, so it is a response without a status.
    Whoever takes the batch from the broker sends it, and calls its own hooks.

    Args:
        message_id: the broker's name for the message; None if it has none.

    >>> HandedOver("5f0c")
    HandedOver('5f0c')
    """

    __slots__ = ("message_id",)

    def __init__(self, message_id: str | None = None) -> None:
        super().__init__(0)
        object.__setattr__(self, "message_id", message_id)

    message_id: str | None

    def __repr__(self) -> str:
        return f"HandedOver({self.message_id!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return HandedOver, (self.message_id,)


class HandedBack(HandedOver):
    """The broker that a batch came from has it again: it failed, and another try may help.

    Args:
        error: why it failed.
    """

    __slots__ = ("error",)

    def __init__(self, error: DeliveryError) -> None:
        super().__init__()
        object.__setattr__(self, "error", error)

    error: DeliveryError

    def __reduce__(self) -> tuple[Any, ...]:
        return HandedBack, (self.error,)


Outcome = Response | DeliveryError
"""A :class:`HandedOver` is a response, and has to be told apart first."""
