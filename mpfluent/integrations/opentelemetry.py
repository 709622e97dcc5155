"""Traces and metrics of a client, for OpenTelemetry; needs ``mpfluent[otel]``.

A request is a span, by the semantic conventions of HTTP clients. A request in the caller's thread
is a child of the span that is current there. A request of a worker has no parent, since it carries
batches of many callers.
"""

from __future__ import annotations

import weakref
from collections import Counter as Sums
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..client.client import Client
from ..delivery.observers import Attempt
from ..delivery.outcome import HandedOver
from ..errors import ConfigurationError, DeliveryError, brief
from ..transport.base import Response
from ..version import __version__

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
    from opentelemetry.trace import Tracer, TracerProvider

_SCOPE = "mpfluent"
_NANOSECONDS = 1_000_000_000


# What is measured when a reader collects: the name, and the description.
_GAUGES = {
    "pending": "Batches that are neither delivered nor failed: waiting, on their way, or kept.",
    "queue": "Batches that wait in memory for a worker.",
    "outbox": "Batches of this process in the outbox.",
}


def _measured(client: Client, gauge: str) -> int:
    if gauge == "pending":
        return client.stats.pending
    what = "waiting" if gauge == "queue" else "stored"
    return sum(getattr(dispatcher, what, 0) for dispatcher in client._dispatchers)  # some have none


def instrument(
    client: Client,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> None:
    """Make spans of a client's requests, and metrics of its batches.

    A client that is already instrumented is not changed.

    Args:
        client: the client; a ``Configuration`` has one as ``configuration.client``.
        tracer_provider: makes the spans; by default the global one.
        meter_provider: makes the metrics; by default the global one.

    Raises:
        ConfigurationError: OpenTelemetry is not installed, or that is not a client.

    >>> from mpfluent import Client
    >>> from mpfluent.integrations.opentelemetry import instrument
    >>> instrument(Client("key", "secret", environment="development"))
    """
    _check("instrument", client)
    try:
        from opentelemetry import metrics, trace
    except ImportError:
        raise ConfigurationError(
            "instrument(client) needs OpenTelemetry, which is not installed; "
            "write pip install 'mpfluent[otel]'"
        ) from None
    if _found(client) is not None:
        return
    if meter_provider is None:
        instruments, meter_provider = _global, metrics.get_meter_provider()
    else:
        instruments = _by_provider.setdefault(meter_provider, _Instruments())
    tracer = trace.get_tracer(_SCOPE, __version__, tracer_provider)
    instruments.begin(meter_provider.get_meter(_SCOPE, __version__))
    instruments.clients.add(client)
    observers = client._counters.observers
    observers.others = (*observers.others, _Instrumentation(client, tracer, instruments))


def uninstrument(client: Client) -> None:
    """Stop the spans and metrics of a client; a client without them is not changed.

    Args:
        client: the client.

    Raises:
        ConfigurationError: that is not a client.
    """
    _check("uninstrument", client)
    found = _found(client)
    if found is not None:
        found.instruments.clients.discard(client)
        observers = client._counters.observers
        observers.others = tuple(other for other in observers.others if other is not found)


def _check(verb: str, client: object) -> None:
    if not isinstance(client, Client):
        inner = getattr(client, "client", None)
        write = "configuration.client" if isinstance(inner, Client) else "client"
        raise ConfigurationError(
            f"{verb}({brief(client)}): want a Client, got {type(client).__name__}; "
            f"write {verb}({write})"
        )


def _found(client: Client) -> _Instrumentation | None:
    others = client._counters.observers.others
    return next((other for other in others if isinstance(other, _Instrumentation)), None)


class _Instruments:
    """Our instruments of one provider of meters: each exists once, for all clients.

    If an instrument is made a second time, a provider returns the first one and drops the new
    callback. So there is one callback, which asks all clients.
    """

    def __init__(self) -> None:
        self.clients: weakref.WeakSet[Client] = weakref.WeakSet()
        self.count: Callable[[dict[str, Any]], object] | None = None

    def begin(self, meter: Meter) -> None:
        """Make the instruments, unless they are there."""
        if self.count is not None:
            return
        counter = meter.create_counter("mpfluent.batches", "{batch}", "Batches by outcome.")
        self.count = lambda attributes: counter.add(1, attributes)
        for gauge, description in _GAUGES.items():
            name, callback = f"mpfluent.{gauge}", partial(self._observed, gauge)
            meter.create_observable_gauge(name, [callback], "{batch}", description)

    def _observed(self, gauge: str, options: CallbackOptions) -> Iterator[Observation]:
        from opentelemetry.metrics import Observation

        sums: Sums[tuple[tuple[str, Any], ...]] = Sums()
        for client in list(self.clients):
            sums[tuple(_server(client._base).items())] += _measured(client, gauge)
        yield from (Observation(number, dict(server)) for server, number in sums.items())


_global = _Instruments()  # of the global provider, also before it is set
_by_provider: weakref.WeakKeyDictionary[Any, _Instruments] = weakref.WeakKeyDictionary()


class _Instrumentation:
    """Observes one client."""

    def __init__(self, client: Client, tracer: Tracer, instruments: _Instruments) -> None:
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind, StatusCode

        self.instruments = instruments
        self._tracer = tracer
        self._server = _server(client._base)
        # without a parent; the context of a worker's thread may be that of the first send
        self._no_parent = Context()
        self._kind = SpanKind.CLIENT
        self._error = StatusCode.ERROR

    def attempted(self, attempt: Attempt) -> None:
        """Make the span of an attempt that has just ended."""
        began = int(attempt.began * _NANOSECONDS)
        span = self._tracer.start_span(
            attempt.method,
            context=self._no_parent if attempt.background else None,
            kind=self._kind,
            attributes={**self._server, **_attributes(attempt)},
            start_time=began,
        )
        if attempt.refused:
            span.set_status(self._error)
        span.end(began + int(attempt.seconds * _NANOSECONDS))

    def settled(self, outcome: Response | DeliveryError) -> None:
        """Count a batch."""
        attributes = {**self._server, "mpfluent.outcome": "delivered"}
        if isinstance(outcome, HandedOver):
            attributes["mpfluent.outcome"] = "handed_over"
        if isinstance(outcome, DeliveryError):
            attributes |= {"mpfluent.outcome": "failed", "mpfluent.reason": outcome.reason}
        if self.instruments.count is not None:
            self.instruments.count(attributes)


def _attributes(attempt: Attempt) -> dict[str, str | int]:
    """Return the attributes of a span; the names are those of the semantic conventions, or ours."""
    found: dict[str, str | int] = {
        "http.request.method": attempt.method,
        "url.full": attempt.url,
        "http.request.body.size": attempt.bytes,
        "mpfluent.batches": attempt.batches,
        "mpfluent.attempt": attempt.attempt,
    }
    if attempt.attempt > 1:
        found["http.request.resend_count"] = attempt.attempt - 1
    if attempt.status is not None:
        found["http.response.status_code"] = attempt.status
    if attempt.refused:
        found["error.type"] = attempt.error or str(attempt.status)
    return found


def _server(url: str) -> dict[str, str | int]:
    parts = urlsplit(url)
    return {
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
    }
