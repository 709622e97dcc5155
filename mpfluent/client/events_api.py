"""The two calls that the vendor documents, for people who come from there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, Unpack, overload

from ..builder.batch import Batch
from ..delivery.future import Delivery
from ..errors import ApiError, ConfigurationError, DeliveryError, InvalidBatch, brief
from ..transport.base import Response
from ..utils.interrupts import Flag
from ..utils.introspection import PublicNames
from ..values.foreign import is_a, itself
from .client import Client
from .config import ClientFields, forget_frames_within, misspelt_option

Answer = tuple[Any, int, Mapping[str, str]]
"""The body as Python data (None if there is none), the HTTP status, the headers."""

Callback = Callable[[Any, int, Mapping[str, str]], object]


class Configuration(PublicNames):
    """The settings of an :class:`EventsApi`: the same keywords as :class:`~mpfluent.Client`.

    Attributes:
        client: the client of these settings; every ``EventsApi`` of this configuration uses it.

    >>> Configuration(api_key="key", api_secret="secret", environment="development")
    <Configuration of <Client https://s2s.us1.mparticle.com development>>
    """

    __slots__ = ("client",)

    def __init__(self, **options: Unpack[ClientFields]) -> None:
        # The secret is gone on the line that uses it, which is also the first that may fail.
        # fmt: off
        try: client, options = _client({**options}), ClientFields()  # noqa: E701
        # fmt: on
        except BaseException as error:  # no frame of the traceback may show the secret
            options = ClientFields()
            forget_frames_within(error)
            raise
        if isinstance(client, ConfigurationError):
            raise client.with_traceback(None)
        self.client = client

    def __repr__(self) -> str:
        return f"<Configuration of {getattr(self, 'client', None)!r}>"


class Upload(PublicNames):
    """A batch, or several, on the way in the background.

    Like a thread, it is not alive in a forked child.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._called = Flag()
        self._pid = os.getpid()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the answer came and the callback returned, like ``Thread.join``.

        In a callback of another upload it may return before: that thread delivers this one, too.

        Args:
            timeout: seconds; None for as long as it takes.
        """
        if self.is_alive() and self._delivery._may_wait():
            if timeout != 0:
                self._delivery._send_now()
            self._called.wait(timeout)

    def is_alive(self) -> bool:
        """Return whether it is still on the way, like ``Thread.is_alive``."""
        return not self._called.is_set() and self._pid == os.getpid()

    def result(self, timeout: float | None = None) -> Answer:
        """Wait, and return what the call without a callback returns.

        Args:
            timeout: seconds; None for as long as it takes.

        Raises:
            ApiError: mParticle refused.
            DeliveryError: no answer came.
            TimeoutError: it is still on the way.
        """
        return _answer(self._delivery, timeout)

    def __repr__(self) -> str:
        return f"<Upload {self._delivery.state}>"


class EventsApi(PublicNames):
    """The vendor's ``EventsApi``: ``upload_events`` and ``bulk_upload_events``.

    Without a callback, a call waits and returns ``(data, status_code, headers)``. With one, it
    returns at once and a background thread calls ``callback(data, status_code, headers)`` once:
    for a refusal with the error's body, and with ``(None, 0, {})`` if no answer ever came. That
    thread is the configuration's :class:`~mpfluent.ThreadedDispatcher`, or that of a default one.

    Args:
        configuration: keys and settings; without it, ``MPARTICLE_API_KEY`` and
            ``MPARTICLE_API_SECRET``.

    >>> from mpfluent import Batch, RecordingTransport
    >>> api = EventsApi(Configuration(
    ...     api_key="key", api_secret="secret", environment="development",
    ...     transport=RecordingTransport(),
    ... ))
    >>> api.upload_events(Batch.for_user(customer_id="123456").event("Searched"))
    (None, 202, {})
    """

    def __init__(self, configuration: Configuration | None = None) -> None:
        if configuration is None:
            configuration = Configuration()
        if not isinstance(configuration, Configuration):
            raise ConfigurationError(
                f"EventsApi({brief(configuration)}): want a Configuration; "
                "write EventsApi(Configuration(api_key=…, api_secret=…))"
            )
        self._client = configuration.client
        self._background = self._client._background()

    @overload
    def upload_events(self, batch: Batch, callback: None = None) -> Answer: ...
    @overload
    def upload_events(self, batch: Batch, callback: Callback) -> Upload: ...
    def upload_events(self, batch: Batch, callback: Callback | None = None) -> Answer | Upload:
        """Send one batch.

        Raises:
            ApiError: mParticle refused (without a callback).
            InvalidBatch: as for ``Client.send``, with a callback too.
        """
        batch = itself("upload_events", batch, Batch)
        if is_a(batch, (list, tuple)):
            raise InvalidBatch(
                f"upload_events({brief(batch)}): want a Batch, got {type(batch).__name__}; "
                "write bulk_upload_events(batches)"
            )
        return self._upload((batch,), callback)

    @overload
    def bulk_upload_events(self, batches: Iterable[Batch], callback: None = None) -> Answer: ...
    @overload
    def bulk_upload_events(self, batches: Iterable[Batch], callback: Callback) -> Upload: ...
    def bulk_upload_events(
        self, batches: Iterable[Batch], callback: Callback | None = None
    ) -> Answer | Upload:
        """Send several batches, in as few bulk requests as they fit; the last one's answer counts.

        Raises:
            ApiError: mParticle refused (without a callback).
            InvalidBatch: as for ``Client.send``, with a callback too.
        """
        batches = itself("bulk_upload_events", batches, (list, tuple))
        if not is_a(batches, Iterable):
            raise InvalidBatch(
                f"bulk_upload_events() wants a list of batches, got {type(batches).__name__}; "
                "write bulk_upload_events([batch])"
            )
        listed = tuple(batches)
        if not listed:
            raise InvalidBatch(
                "bulk_upload_events() needs at least one batch; write bulk_upload_events([batch])"
            )
        return self._upload(listed, callback)

    def close(self) -> None:
        """Wait for what is on the way, and close the configuration's client; ``with`` does it."""
        self._client.close()

    def __enter__(self) -> Self:
        """Return the api; the end of the ``with`` block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _upload(self, batches: tuple[Batch, ...], callback: Callback | None) -> Answer | Upload:
        if callback is None:
            return _answer(self._client.send(*batches))
        if not callable(callback):
            raise InvalidBatch(
                f"callback={brief(callback)}: want a function of (data, status_code, headers); "
                "write callback=print"
            )
        # in a callback, which may join its uploads, the synchronous one
        by = self._background if self._background.may_wait() else self._client._dispatcher
        delivery, entries = self._client._begin(batches, by)
        upload = Upload(delivery)

        def settled(done: Delivery) -> None:
            try:
                callback(*_answer_for_callback(done))
            finally:
                upload._called.set()

        delivery.add_done_callback(settled)
        self._client._submitter.submit(entries, by)
        return upload


def _client(options: dict[str, Any]) -> Client | ConfigurationError:
    """Return the client of a configuration, or what is wrong with that."""
    for name in options:
        if name not in ClientFields.__annotations__:
            return misspelt_option("Configuration", name)
    try:
        return Client(**options)
    except ConfigurationError as error:  # returned: this frame has the secret
        return error


def _answer(delivery: Delivery, timeout: float | None = None) -> Answer:
    """Wait, and return what mParticle answered, or raise the first error."""
    if not delivery.wait(timeout):  # too late, or in a callback, or a forked child
        delivery.result(0)
    error = delivery._error() or delivery._kept
    if error is not None:
        raise error
    response = delivery._response
    if response is None:  # before_send dropped all of it, on purpose
        return None, 0, {}
    return response.json(), response.status_code, dict(response.headers)


def _answer_for_callback(delivery: Delivery) -> Answer:
    """Return what a callback gets for a settled delivery."""
    try:
        return _answer(delivery)
    except ApiError as error:  # an answer, too: its body is the data
        headers = dict(error.headers)
        data = Response(error.status_code, headers, error.body).json()
        return (error.body or None) if data is None else data, error.status_code, headers
    except DeliveryError:  # no answer ever came
        return None, 0, {}
