"""The client: what a user calls; the work is done in the modules that it imports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Never, Self, TypeVar, overload

from ..builder.batch import Batch
from ..builder.sealed import SealedBatch
from ..delivery.future import Delivery
from ..delivery.gate import Pace
from ..delivery.notifier import Notifier
from ..delivery.reports import CloseReport, Report
from ..delivery.retry import Retry
from ..delivery.sender import Addresses, Sender
from ..delivery.stats import Counters, Stats
from ..dispatch.base import Dispatcher, WantsClient
from ..errors import Closed, ConfigurationError, DeliveryError, InvalidBatch, InvalidValue, brief
from ..model.context import Environment
from ..transport.base import Response, Transport
from ..utils.fork import ProcessLocal
from ..utils.introspection import PublicNames, expand_kwargs
from ..utils.log import logger
from ..utils.options import checked_timeout
from ..values.validators import Instant
from ..wire import body as wire
from . import config
from .config import POD, Pod
from .data_plan import OnViolation, Plan, plan_check_of
from .ids import random_uuids, unix_milliseconds
from .prepare import Sealer
from .send_all import SendAll, checked_progress
from .submit import Entry, Submitter

if TYPE_CHECKING:
    from ..delivery.feed import Feed

R = TypeVar("R")
_T = TypeVar("_T")

_PATIENCE = 30.0  # seconds to wait where the policy allows one attempt only, of any length


class Client(PublicNames):
    """Sends batches to mParticle.

    Args:
        api_key: the input's key; ``MPARTICLE_API_KEY`` if it is not given.
        api_secret: its secret; ``MPARTICLE_API_SECRET`` if it is not given.
        environment: "development" or "production", for batches that name none;
            ``MPARTICLE_ENVIRONMENT`` if it is not given. A batch that has none at all is an error,
            so that nobody reaches production by omission.
        pod: the workspace's data centre: "us1", "us2", "eu1" or "au1"; ``MPARTICLE_POD`` if it is
            not given, and "us1" if that is not set.
        host: instead of a pod, ``https://name[:port]``, with a path before ``/v2`` if it has
            one; plain http to this machine only.
        transport: how requests travel; :class:`~mpfluent.RequestsTransport` unless given.
        dispatcher: when they leave; :class:`~mpfluent.SyncDispatcher`, at once, unless given;
            :class:`~mpfluent.ThreadedDispatcher` in the background.
        retry: how often a request is tried; see :class:`~mpfluent.Retry`.
        rate_limit: batches a second that leave, at most; or a :class:`~mpfluent.RateLimit`, or
            any object with a method ``take(batches)`` that returns the seconds to wait, or 0.0.
        historical: send to the historical endpoint. Its rules are checked at ``send``: every
            batch has events, and every event a time that is at least 72 hours ago.
        before_send: gets each sealed batch; returns what to send, or None to drop it. A batch for
            which it raises is not sent either: it fails with "filtered", and ``send`` raises.
        on_delivered: called with ``(batch, response)`` for each batch that arrived.
        on_failed: called with ``(batch, error)`` for each batch that did not.
        now: returns the time of sealing, as an instant; for tests.
        new_id: returns a new unique id as text; for tests.
        data_plan: a :class:`mpfluent.dataplan.DataPlan`. Batches that name none get its id and
            version, and each batch is compared with it before it is sent.
        on_violation: what happens to a batch that is not as planned: "raise" (in development,
            unless it is given), "warn" (in production), "drop" for taking out what is unplanned,
            as the server's blocking does, or "ignore".
        disabled: send nothing, and need no keys: every batch is checked as always and then dropped,
            with the reason "disabled". ``MPFLUENT_DISABLED=1`` does it, too, if it is not given.

    Raises:
        ConfigurationError: a key is missing, pod, host or environment do not exist, or the data
            plan is broken.

    >>> from mpfluent import Batch, RecordingTransport
    >>> transport = RecordingTransport()
    >>> with Client("key", "secret", environment="development", transport=transport) as client:
    ...     delivery = client.send(Batch.for_user(customer_id="123456").event("Searched"))
    >>> delivery.state, client.stats.delivered
    ('delivered', 1)
    """

    # for the repr: a traceback may show a client whose constructor failed
    _environment: str | None = None
    _base = "without a host"
    _disabled = False
    _closed = False

    @expand_kwargs
    def __init__(
        self,
        api_key: str | None = None,
        api_secret: str | None = None,
        *,
        environment: Environment | None = None,
        pod: Pod = POD,
        host: str | None = None,
        transport: Transport | None = None,
        dispatcher: Dispatcher | None = None,
        retry: Retry | None = None,
        rate_limit: float | Pace | None = None,
        historical: bool = False,
        before_send: Callable[[Batch], Batch | None] | None = None,
        on_delivered: Callable[[Batch, Response], object] | None = None,
        on_failed: Callable[[Batch, DeliveryError], object] | None = None,
        now: Callable[[], Instant] | None = None,
        new_id: Callable[[], str] | None = None,
        data_plan: Plan | None = None,
        on_violation: OnViolation | None = None,
        disabled: bool | None = None,
        **unknown: Never,
    ) -> None:
        # The secret is gone on the line that uses it, which is also the first that may fail.
        # fmt: off
        try: access, api_key, api_secret, host = config.access_of(  # noqa: E701
                api_key, api_secret, pod, host, disabled, unknown
            ), None, None, None
        # fmt: on
        except BaseException as error:  # no frame of the traceback may show the secret
            api_key = api_secret = host = None
            unknown.clear()
            config.forget_frames_within(error)
            raise
        if isinstance(access, ConfigurationError):
            raise access
        credentials, base, off = access
        environment = config.environment_of(environment)
        if not isinstance(historical, bool):
            raise ConfigurationError(f"Client(historical={brief(historical)}): want True or False")
        names = ("before_send", "on_delivered", "on_failed", "now", "new_id")
        for name, hook in zip(names, (before_send, on_delivered, on_failed, now, new_id)):
            if hook is not None and not callable(hook):
                raise ConfigurationError(f"Client({name}={brief(hook)}): want a function")
        if retry is not None and not isinstance(retry, Retry):
            write = "retry=Retry(max_attempts=3)"
            raise config.wrong_setting("retry", brief(retry), "want a Retry", write)
        config.check_has("transport", transport, "send", "RequestsTransport()")
        config.check_has("dispatcher", dispatcher, "submit", "SyncDispatcher()")
        if transport is None:
            from ..transport.requests import RequestsTransport  # not with a transport that is given

            transport = RequestsTransport()
        if dispatcher is None:
            from ..dispatch.sync import SyncDispatcher  # not with one that is given

            dispatcher = SyncDispatcher()
        self._environment = environment
        self._disabled = off
        self._counters = Counters()
        self._notifier = Notifier(self._counters, on_delivered, on_failed)
        self._sealer = Sealer(
            environment=environment,
            historical=historical,
            before_send=before_send,
            now=unix_milliseconds if now is None else config.milliseconds_of(now),
            new_ids=random_uuids if new_id is None else config.ids_of(new_id),
            hook_raised=self._counters.hook_raised,
            logged=set(),
            planned=plan_check_of(data_plan, on_violation),
        )
        self._submitter = Submitter(self._sealer, self._counters, self._notifier, disabled=off)
        self._report: CloseReport | None = None
        self._base = base
        bulk = f"{base}/v2/bulkevents"
        addresses = Addresses(f"{base}/v2/events", bulk)
        if historical:
            addresses = Addresses(f"{bulk}/historical", f"{bulk}/historical")
        self._sender = Sender(
            transport=transport,
            addresses=addresses,
            credentials=credentials,
            retry=Retry() if retry is None else retry,
            counters=self._counters,
            pace=config.pace_of(rate_limit),
        )
        self._dispatcher = dispatcher
        self._dispatchers: tuple[Dispatcher, ...] = ()
        self._home = ProcessLocal()
        self._addresses = addresses
        self._adopt(self._dispatcher)
        logger()

    def _background(self) -> Dispatcher:
        """Return the dispatcher that sends in the background: its own, or a default one."""
        for dispatcher in self._dispatchers:
            if not dispatcher.waits:
                return dispatcher
        from ..dispatch.threaded import ThreadedDispatcher

        background = ThreadedDispatcher(flush_interval=0)
        self._adopt(background)
        return background

    def _adopt(self, dispatcher: Dispatcher) -> None:
        """Let a dispatcher send for this client."""
        dispatcher.open(self._sender, self._notifier, Batch)
        if isinstance(dispatcher, WantsClient):
            dispatcher.opened_by(self)
        dispatcher.check_process()  # it may be older than a fork, or than gevent's patches
        # the one that it was made with is the last, and so is closed last
        self._dispatchers = (dispatcher, *self._dispatchers)

    # Sending

    def send(
        self, *batches: Batch, callback: Callable[[Delivery], object] | None = None
    ) -> Delivery:
        """Send batches: one alone, several together in bulk requests.

        Everything that can be wrong with a batch is found before any of them is accepted.

        Args:
            *batches: at least one.
            callback: called once with the delivery, when it is settled.

        Raises:
            InvalidBatch: a batch has no environment, goes over a documented limit or is not as
                planned (in development), or breaks a rule of the historical endpoint.
            TooLarge: a single event does not fit a batch.
            DeliveryError: with the synchronous dispatcher, a batch was not delivered. All were
                tried; the delivery that ``callback`` gets has every error.
            QueueFull: the queue is full, and ``when_full`` is "raise"; nothing was accepted.
            Closed: the client is closed.
        """
        if callback is not None and not callable(callback):
            raise InvalidValue(
                f"send(callback={brief(callback)}): want a function of the delivery; "
                "write callback=print"
            )
        dispatcher = self._dispatcher
        delivery, entries = self._begin(batches, dispatcher)
        if callback is not None:
            delivery.add_done_callback(callback)
        self._submitter.submit(entries, dispatcher)
        error = delivery._error() if dispatcher.waits else None
        if error is not None:
            raise error
        return delivery

    def seal(self, batch: Batch) -> SealedBatch:
        """Return the batch as ``send`` would send it, to be sent elsewhere, later, or twice.

        It is checked and sealed as for ``send``, and ``before_send`` sees it. Whoever sends it
        adds nothing, so that mParticle counts it once.

        Args:
            batch: the batch; it is not sent.

        Raises:
            InvalidBatch: as for ``send``.
            DeliveryError: ``before_send`` dropped the batch, or raised.

        >>> client = Client("key", "secret", environment="development")
        >>> sealed = client.seal(Batch.for_user(customer_id="123456").event("Searched"))
        >>> client.seal(sealed) == sealed
        True
        """
        prepared = self._sealer.prepared(batch, "seal")
        if not isinstance(prepared.parts, tuple):
            raise prepared.parts
        self._counters.dropped_unplanned(prepared.dropped)
        return SealedBatch._of(prepared.batch, "seal")

    @overload
    def send_all(self, batches: Feed[R], *, progress: Callable[[R], object] | None = None) -> R: ...
    @overload
    def send_all(
        self, batches: Iterable[Batch], *, progress: Callable[[Report], object] | None = None
    ) -> Report: ...
    def send_all(
        self,
        batches: Any,
        *,
        progress: Callable[[Any], object] | None = None,
    ) -> Any:
        """Send any number of batches with bounded memory; failures are counted, not raised.

        A request with its retries may take 600 seconds, unless the retry policy says. Whatever
        ends it early, such as Ctrl-C, has the :class:`~mpfluent.Report` until then as ``report``.

        Args:
            batches: any iterable; it is read as the sending goes on. Or a table: see
                :class:`mpfluent.rows.Rows`, whose report counts rows. Of a table, each batch is
                settled when this returns, in the background, too.
            progress: called with the report until then, about once a second and at the end.

        Raises:
            ApiError: the key was refused (401, 403), so all that follows would fail, too. With an
                outbox, batches are kept instead.
            InvalidBatch: as for ``send``, but for a batch that is too large, which counts as
                failed. What came before it has been sent.
            Closed: the client is closed.
        """
        return SendAll(
            self._submitter,
            self._dispatcher,
            environment=self._environment,
            api_key=self._sender.destination.key,
            check_open=self._check_open,
            progress=checked_progress(progress),
        )(batches)

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver what waits; return whether nothing is pending, in the outbox either.

        In a callback it does not wait, since the delivery waits for the callback.

        Args:
            timeout: seconds; None for as long as the retry policy may take for a request, and as
                long as requests wait for their turn.
        """
        timeout = checked_timeout("flush", timeout)
        self._check_process()
        if not self._disabled:  # which would send what an outbox has from before
            self._flush_each(timeout)
        return self._counters.wait(0)

    def _flush_each(self, timeout: float | None) -> None:
        """Flush each dispatcher; without a timeout again, if requests waited for their turn."""
        gate, seconds = self._sender.gate, self._patience() if timeout is None else timeout
        while True:
            turns, until = gate.turns, time.monotonic() + seconds
            for left, dispatcher in self._each_in(seconds):
                dispatcher.flush(left)
            turns_passed = gate.turns > turns or gate.is_waiting()
            if timeout is not None or not turns_passed or time.monotonic() < until:
                return

    def close(self, timeout: float | None = None) -> CloseReport:
        """Deliver what is pending, close the transport, and report; a second call reports again.

        What is left after the timeout fails with "closed", or is kept in the outbox.

        Args:
            timeout: seconds; None for as long as the retry policy may take for a request, and as
                long as requests wait for their turn.
        """
        timeout = checked_timeout("close", timeout)
        self._check_process()
        self._closed = True
        final = True
        here = not self._may_wait()
        paced = self._sender.gate.pace is not None
        if timeout is None and paced and not here and not self._counters.wait(0):
            self._flush_each(None)
            timeout = 0.0
        for seconds, dispatcher in self._each_in(timeout):
            if here and dispatcher.may_wait():
                continue  # the thread that called this callback closes the transport later
            final = dispatcher.close(seconds) and final
        stats = self.stats
        report = self._report or CloseReport(stats.delivered, stats.failed, stats.pending)
        if final:
            self._report = report
        return report

    async def aflush(self, timeout: float | None = None) -> bool:
        """Do what :meth:`flush` does without holding up the event loop: in asyncio, or trio.

        A task that is cancelled waits no longer; the delivery goes on.

        Args:
            timeout: seconds; None for as long as the retry policy may take for a request, and as
                long as requests wait for their turn.
        """
        return await self._aside(partial(self.flush, checked_timeout("aflush", timeout)))

    async def aclose(self, timeout: float | None = None) -> CloseReport:
        """Do what :meth:`close` does without holding up the event loop: in asyncio, or trio.

        A task that is cancelled waits no longer; the closing goes on.

        Args:
            timeout: seconds; None for as long as the retry policy may take for a request, and as
                long as requests wait for their turn.

        >>> import asyncio
        >>> from mpfluent import Batch, RecordingTransport, ThreadedDispatcher
        >>> async def main():
        ...     async with Client(
        ...         "key", "secret", environment="development",
        ...         transport=RecordingTransport(), dispatcher=ThreadedDispatcher(),
        ...     ) as client:  # the end of the block awaits aclose()
        ...         _ = client.send(Batch.for_user(customer_id="123456").event("Searched"))
        ...     return await client.aclose()
        >>> asyncio.run(main())
        CloseReport(delivered=1, failed=0, left=0)
        """
        return await self._aside(partial(self.close, checked_timeout("aclose", timeout)))

    async def _aside(self, call: Callable[[], _T]) -> _T:
        """Make a call that may wait, in a thread; in a callback it does not wait, so needs none."""
        if not self._may_wait():
            return call()
        from .asynchronous import in_thread  # with it comes asyncio

        return await in_thread(call)

    def _may_wait(self) -> bool:
        """Return whether this thread may wait for deliveries: not if it delivers them itself."""
        return all(dispatcher.may_wait() for dispatcher in self._dispatchers)

    def _patience(self) -> float:
        """Return the seconds that the retry policy may take for a request."""
        longest = max(dispatcher.max_elapsed for dispatcher in self._dispatchers)
        return self._sender.budget(longest) or _PATIENCE

    def _each_in(self, timeout: float | None) -> Iterator[tuple[float, Dispatcher]]:
        """Yield each dispatcher with what is left of the time for all of them."""
        if timeout is None:
            timeout = self._patience()
        if not self._may_wait():
            # in a callback: another dispatcher may wait for the thread that called it
            yield from ((0 if one.may_wait() else timeout, one) for one in self._dispatchers)
            return
        until = time.monotonic() + timeout
        for dispatcher in self._dispatchers:
            yield max(0.0, until - time.monotonic()), dispatcher

    def to_curl(self, batch: Batch) -> str:
        r"""Export as the curl command that sends what ``send`` would send, for a POSIX shell.

        The batch is checked and sealed as for ``send``, and ``before_send`` sees it. The command
        reads the keys from ``MPARTICLE_API_KEY`` and ``MPARTICLE_API_SECRET``; a batch that is too
        large for one request takes several commands.

        Args:
            batch: the batch; it is not sent.

        Raises:
            InvalidBatch: as for ``send``.
            DeliveryError: ``before_send`` dropped the batch.

        >>> client = Client("key", "secret", environment="development", new_id=lambda: "order-1")
        >>> print(client.to_curl(Batch.for_user(customer_id="123456")))
        curl --user "$MPARTICLE_API_KEY:$MPARTICLE_API_SECRET" \
          --header 'Content-Type: application/json' \
          --data-binary @- https://s2s.us1.mparticle.com/v2/events <<'END'
        {"environment":"development",...,"user_identities":{"customer_id":"123456"}}
        END
        """
        from .curl import curl_command  # seldom needed

        prepared = self._sealer.prepared(batch, "to_curl")
        if not isinstance(prepared.parts, tuple):
            raise prepared.parts
        requests = wire.pack(prepared.parts, lambda part: part.body)
        commands = (curl_command(*self._addresses.request_of(parts)) for parts in requests)
        return "\n\n".join(commands)

    @property
    def stats(self) -> Stats:
        """The counts of this client's life, as one consistent snapshot.

        A forked child begins to count from zero: what was sent before is the parent's.
        """
        self._check_process()
        return self._counters.snapshot()

    def __enter__(self) -> Self:
        """Return the client; the end of the ``with`` block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the client."""
        self.close()

    async def __aenter__(self) -> Self:
        """Return the client; the end of the ``async with`` block awaits :meth:`aclose`."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the client without holding up the event loop."""
        await self.aclose()

    # Hidden from type checkers: with this in sight they would accept any method.
    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)
            from .hints import unknown_method  # seldom needed

            raise unknown_method(name, dir(self))

    def __repr__(self) -> str:
        where = f" {self._environment}" if self._environment else ""
        disabled = " disabled" if self._disabled else ""
        closed = " closed" if self._closed else ""
        return f"<Client {self._base}{where}{disabled}{closed}>"

    def __reduce__(self) -> Any:
        raise ConfigurationError(
            "a Client holds credentials and connections and is not pickled; "
            "make one in each process"
        )

    # From a batch to accepted payloads

    def _begin(
        self, batches: tuple[Batch, ...], dispatcher: Dispatcher
    ) -> tuple[Delivery, list[Entry]]:
        """Check batches; return their delivery, and what the dispatcher has to send."""
        if not batches:
            raise InvalidBatch("send() needs at least one batch; write client.send(batch)")
        self._check_open()
        prepare = self._sealer.prepared
        delivery = Delivery(len(batches), self._counters, dispatcher)
        return delivery, [(prepare(batch), delivery) for batch in batches]

    def _check_open(self) -> None:
        self._check_process()
        if self._closed:
            raise Closed("the client is closed; write Client(…) for a new one", reason="closed")

    def _renew(self, forked: bool) -> None:
        for dispatcher in self._dispatchers:
            dispatcher.check_process()

    def _check_process(self) -> None:
        """Start again after a fork, even one that Python does not know of, such as uWSGI's."""
        self._home.move(self._renew)
        if self._counters.repairs.left:
            self._counters.repairs.run()
