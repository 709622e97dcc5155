"""A batch that is done: what travels through a queue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Never, Self

from ..encoding.json import parsed
from ..errors import InvalidBatch
from .batch import Batch

if TYPE_CHECKING:
    from ..encoding.reader import Unknown
    from ..model.event import Event


class SealedBatch(Batch):
    """A batch that is done: checked, seen by ``before_send``, with its environment, ids and times.

    ``client.seal`` makes it. Any client sends it as it is, elsewhere, later, or twice: nothing is
    added or run again, the bytes are the same, and mParticle counts it once. It reads like a
    ``Batch``. A verb returns a ``Batch`` that has the same ids, but is not sealed any more.

    >>> from mpfluent import Client
    >>> client = Client("key", "secret", environment="development", new_id=lambda: "order-1")
    >>> sealed = client.seal(Batch.for_user(customer_id="123456"))
    >>> text = sealed.to_json()
    >>> text
    '{"environment":"development",...,"user_identities":{"customer_id":"123456"}}'
    >>> SealedBatch.from_json(text) == sealed
    True
    """

    def __init__(self, **_: Never) -> None:
        raise _not_of_nothing()

    @classmethod
    def _make(cls, keys: tuple[str, ...], values: tuple[Any, ...]) -> Self:
        raise _not_of_nothing()  # for_user, for_device

    @classmethod
    def _of(cls, batch: Batch, where: str) -> Self:
        """Return a batch as a sealed one.

        Args:
            batch: which is sealed.
            where: the method that an error names.

        Raises:
            InvalidBatch: it is not sealed.
        """
        missing = _missing(batch)
        if missing is not None:
            raise InvalidBatch(
                f"{where}(): this batch is not sealed: {missing}; write client.seal(batch)"
            )
        return batch._as(cls)

    @classmethod
    def from_dict(cls, data: Any, *, unknown: Unknown = "raise") -> Self:
        """Construct from what ``to_dict`` of a sealed batch gave.

        Args:
            data: a mapping by wire name.
            unknown: as for :meth:`Batch.from_dict`.

        Raises:
            InvalidBatch: the batch is not sealed: an id, a time or its environment is missing.
        """
        return cls._of(Batch.from_dict(data, unknown=unknown), "from_dict")

    @classmethod
    def from_json(cls, text: str | bytes | bytearray, *, unknown: Unknown = "raise") -> Self:
        """Construct from what ``to_json`` of a sealed batch gave.

        Args:
            text: JSON text, or its UTF-8 bytes.
            unknown: as for :meth:`Batch.from_dict`.

        Raises:
            InvalidBatch: the batch is not sealed: an id, a time or its environment is missing.
        """
        from ..encoding import reader  # as Batch.from_json does: it loads marshmallow

        data = parsed(text, as_written=True)  # or 19.90 would be sent as 19.9
        return cls._of(reader.read(Batch, data, unknown=unknown, where="from_json"), "from_json")

    @classmethod
    def _read_back(cls, body: bytes) -> Self:
        return cls.from_json(body, unknown="ignore")

    # What verbs stand on: each makes a batch that is not sealed. ``_rebuilt`` keeps the class.

    def _derive(self, keys: tuple[str, ...], values: tuple[Any, ...]) -> Any:
        return self._as(Batch)._derive(keys, values)

    def _appended(self, event: Event) -> Any:
        return self._as(Batch)._appended(event)

    def _extended(self, events: Iterable[Event]) -> Any:
        return self._as(Batch)._extended(events)

    def _having(self, events: Iterable[Event]) -> Any:
        return self._as(Batch)._having(events)

    def _summary(self) -> tuple[Any, ...]:
        line, *rest = super()._summary()
        return f"Sealed{line}", *rest


def _not_of_nothing() -> InvalidBatch:
    return InvalidBatch("a SealedBatch is made of a batch; write client.seal(batch)")


def _missing(batch: Batch) -> str | None:
    """Return what a batch lacks that sealing adds."""
    for name in ("environment", "source_request_id"):
        if batch._get(name) is None:
            return f"it has no {name}"
    for number, event in enumerate(batch._events()):
        for name in ("source_message_id", "timestamp_unixtime_ms"):
            if event._get(name) is None:
                return f"events[{number}] has no {name}"
    return None
