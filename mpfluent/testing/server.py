"""A real HTTP server on this machine. It behaves like the Events API, or as its script says.

``with LocalServer() as server:`` in tests; ``mpfluent serve`` in a shell.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Never, Self

from ..builder.batch import Batch
from ..client.data_plan import plan_of
from ..delivery.rate_limit import checked_rate
from ..errors import ConfigurationError, MPFluentError, brief, unknown_option
from ..utils.introspection import PublicNames, expand_kwargs
from ..utils.options import integer_between
from ..wire import limits
from ..wire.body import encode
from .api_rules import Judgement, judged
from .faults import STATUSES, Action, checked_integer, checked_seconds, status
from .http_connection import URI_TOO_LONG, Arrival, Head, Left, Streamed
from .http_server import Listener, tls_of
from .local import api
from .local.access import is_loopback
from .local.arrivals import batch_of, checked_texts, events_in, first_event, nothing_came
from .local.messages import message_of
from .local.store import Entry, Part, Store, accepted
from .rate_meter import RateMeter

if TYPE_CHECKING:
    from ..dataplan import DataPlan, Violation
    from .assertions import Sent

_OPTIONS = (
    *("api_key", "api_secret", "port", "delay", "certificate", "strict", "rate_limit"),
    *("data_plan", "max_events", "bind", "token"),
)
_SECRETS = ("authorization", "proxy-authorization", "cookie", "x-api-key")  # headers
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")
_PLACE = re.compile(r"\[(\d+)\]\.")  # of a batch in a request, before a problem of it


class ReceivedRequest(NamedTuple):
    """One request as it came.

    Attributes:
        path: such as "/v2/events".
        headers: names in lower case; of Authorization only the scheme is kept, and of a cookie
            nothing.
        body: the bytes of the body; of more than a million, the first million.
        status_code: of the answer; None if there was no HTTP answer.
        connection: the number of its connection.
        method: such as "POST".
        port: the client's port.
        at: ``time.monotonic()`` when it had been read.
        batch_ids: the ``source_request_id`` of each batch in it that has one.
        problems: what was left out because a ``Batch`` cannot hold it, why it was refused, or why
            it cannot be compared with the data plan.
        violations: what of its batches is not as planned, if it was accepted, and the server has a
            data plan.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes
    status_code: int | None
    connection: int
    method: str = "POST"
    port: int = 0
    at: float = 0.0
    batch_ids: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()


class LocalServer(PublicNames):
    """A server on loopback that stands in for mParticle's Events API.

    It checks credentials (401 without, 403 with wrong ones), paths, JSON and the limits of
    requests. It answers refusals with the vendor's error body, and removes duplicates by
    ``source_request_id``. With a script it refuses, hangs, breaks off and so on. It accepts what
    the vendor's own SDKs send. What a ``Batch`` cannot hold of that is left out, and listed in
    ``requests[…].problems``.

    Args:
        api_key: the key that it accepts; api_secret: its secret. None for any.
        port: 0 for any free port.
        delay: seconds before every answer.
        certificate: the path of a PEM file with a certificate and its key. Then the URL is https.
        strict: whether to refuse everything that the vendor's JSON schema does not have.
        rate_limit: batches a second that it accepts; what is more is answered with 429. None for
            any number.
        data_plan: a :class:`mpfluent.dataplan.DataPlan`. What of an accepted batch is not as
            planned stands in ``violations``; nothing is refused for it.
        max_events: how many events it keeps; older ones are dropped. None for all.
        bind: the address that it listens at, such as "0.0.0.0" for all of this machine.
        token: what a request for the page's data must have. If other machines can reach the
            server, it must be given.

    Attributes:
        url: its address, for ``Client(host=server.url)``. A browser shows there what arrives.

    Raises:
        ConfigurationError: an argument is not valid.

    >>> from mpfluent import Batch, Client
    >>> with LocalServer() as server:
    ...     with Client("key", "secret", environment="development", host=server.url) as client:
    ...         client.send(Batch.for_user(customer_id="123456").event("Searched")).state
    ...     server.batches[0].events[0].event_name
    'delivered'
    'Searched'
    """

    @expand_kwargs
    def __init__(
        self,
        *,
        api_key: str | None = "key",
        api_secret: str | None = "secret",
        port: int = 0,
        delay: float = 0.0,
        certificate: str | os.PathLike[str] | None = None,
        strict: bool = False,
        rate_limit: float | None = None,
        data_plan: DataPlan | None = None,
        max_events: int | None = None,
        bind: str = "127.0.0.1",
        token: str | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise unknown_option("LocalServer", next(iter(unknown)), _OPTIONS)
        any_key = api_key is None and api_secret is None
        for name, value in (("api_key", api_key), ("api_secret", api_secret)):
            if not isinstance(value, str) and not any_key:
                raise ConfigurationError(
                    f"LocalServer({name}=…): want a string, got {type(value).__name__}; "
                    f"write LocalServer({name}='…')"
                )
        where = f"LocalServer(port={brief(port)})"
        port = checked_integer(where, port, "a port", 0, 65_535, "LocalServer(port=8080)")
        where = f"LocalServer(delay={brief(delay)})"
        self._delay = checked_seconds(where, delay, "LocalServer(delay=0.05)")
        if type(strict) is not bool:
            raise ConfigurationError(
                f"LocalServer(strict={brief(strict)}): want a boolean, got "
                f"{type(strict).__name__}; write LocalServer(strict=True)"
            )
        self._meter: RateMeter | None = None
        if rate_limit is not None:
            where = f"LocalServer(rate_limit={brief(rate_limit)})"
            rate = checked_rate(where, rate_limit, "LocalServer(rate_limit=270)")
            self._meter = RateMeter(rate)
        self._plan = None if data_plan is None else plan_of("LocalServer", data_plan)
        tls = None if certificate is None else _tls(certificate)
        self._expected = None if any_key else f"{api_key}:{api_secret}".encode()
        self._strict = strict
        if max_events is not None:
            where = f"LocalServer(max_events={brief(max_events)})"
            line = "LocalServer(max_events=10000)"
            max_events = checked_integer(where, max_events, "events", 1, 10**9, line)
        _check_bind(bind, token)
        self._store = Store(max_events)
        # Guards all below; each connection has a thread. No other lock is taken with it.
        self._lock = threading.Lock()
        self._script: deque[Action] = deque()
        self._connections = 0
        self._concurrency = 0
        self._max_concurrency = 0
        self._http = Listener(port, self, tls, bind=bind)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://{self._http.reached}"
        self._site = api.Site(
            self._store,
            scheme,
            is_loopback(bind),
            token,
            rate_limit,
            self._extend_script,
            lambda: len(self._script),
            self._script.clear,
        )
        self._keeps_batches = max_events is None
        self._thread: threading.Thread | None = None

    # What a test looks at

    @property
    def batches(self) -> list[Batch]:
        """The batches that were accepted, duplicates removed, in order."""
        return [batch_of(*each) for each in accepted(self._store.entries())]

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The requests that were read to their end, accepted or not, in order."""
        return [entry.request for entry in self._store.entries() if entry.request.method]

    @property
    def violations(self) -> list[Violation]:
        """What of the accepted batches is not as the server's data plan says, in order."""
        return [each for request in self.requests for each in request.violations]

    @property
    def unique_ids(self) -> list[str]:
        """The ``source_request_id`` of each accepted batch that has one, in order."""
        return self._store.ids

    @property
    def duplicates(self) -> list[str]:
        """The ``source_request_id`` of each batch that came again; empty with ``max_events``."""
        return self._store.repeated

    def events(
        self, event: str | None = None, *, type: str | None = None, user: str | None = None
    ) -> list[Sent]:
        """Return the accepted events, duplicates removed, each with its batch, in order.

        Args:
            event: a name that it goes by, such as "Searched" or "purchase"; None for every event.
            type: its type or its action, such as "screen_view" or "purchase".
            user: the value of an identity of its user, such as a customer's id.

        Raises:
            ConfigurationError: an argument is no text.

        >>> from mpfluent import Batch, Client, Product
        >>> with LocalServer() as server:
        ...     with Client("key", "secret", environment="development", host=server.url) as client:
        ...         _ = client.send(Batch.for_user(customer_id="1").purchase(Product("sku-1")))
        ...     [found.event.event_type for found in server.events(type="purchase", user="1")]
        ['commerce_event']
        """
        checked_texts("events", event=event, type=type, user=user)
        return list(events_in(self._store, event, type, user))

    def wait_for(
        self,
        event: str | None = None,
        *,
        type: str | None = None,
        user: str | None = None,
        timeout: float = 5.0,
    ) -> Sent:
        """Return the first event that matches, with its batch, as soon as it has come.

        Args:
            event: a name that it goes by, such as "Searched" or "purchase"; None for any event.
            type: its type or its action, such as "screen_view" or "purchase".
            user: the value of an identity of its user, such as a customer's id.
            timeout: seconds to wait, at most.

        Raises:
            AssertionError: it did not come in time. The text lists what came instead.
            ConfigurationError: an argument is not valid.

        >>> from mpfluent import Batch, Client
        >>> with LocalServer() as server:
        ...     with Client("key", "secret", environment="development", host=server.url) as client:
        ...         _ = client.send(Batch.for_user(customer_id="1").event("Searched"))
        ...     server.wait_for("Searched", timeout=5).event.event_name
        'Searched'
        """
        __tracebackhide__ = True
        where = f"wait_for(timeout={brief(timeout)})"
        seconds = checked_seconds(where, timeout, "server.wait_for('Searched', timeout=5)")
        checked_texts("wait_for", event=event, type=type, user=user)
        found = first_event(self._store, event, type, user, seconds)
        if found is None:
            raise AssertionError(nothing_came(self._store, event, type, user, seconds))
        return found

    @property
    def max_concurrency(self) -> int:
        """The most requests that were being handled at once.

        A request counts from its first byte until the last byte of its answer, also if its client
        has gone away meanwhile.
        """
        with self._lock:
            return self._max_concurrency

    def attempts(self, batch_id: str) -> list[ReceivedRequest]:
        """Return the requests with a batch of this ``source_request_id``, in order.

        >>> with LocalServer() as server:
        ...     server.attempts("an id that never came")
        []
        """
        return [request for request in self.requests if batch_id in request.batch_ids]

    def gap(self, first: int, second: int) -> float:
        """Return the seconds from one request to another, by their indexes in ``requests``.

        ``server.gap(0, 1)`` is how long a client waited before its first retry. The server
        measures from the moment when it has read one request until it has read the next. -1 is
        the last request.
        """
        requests = self.requests
        try:
            return requests[second].at - requests[first].at
        except IndexError:
            raise IndexError(
                f"gap({first}, {second}): {len(requests)} requests came; "
                "see how many with len(server.requests)"
            ) from None

    # Its script

    def script(self, *actions: Action | int) -> None:
        """Set the actions for the next requests, one each; a number is a status.

        A request takes the next action when it begins, on any connection. When the actions are
        used up, the server behaves like the Events API again.

        >>> from mpfluent.testing import hang, ok, reset_after_read, status
        >>> with LocalServer() as server:
        ...     server.script(status(503), 429, reset_after_read(), hang(2), ok())
        """
        self._extend_script([_step(action) for action in actions])

    def throttle(
        self,
        times: int = 1,
        *,
        retry_after: float | str | None = None,
        exceeded: str = "account",
    ) -> None:
        """Answer the next requests with 429, as mParticle does above a rate limit.

        Args:
            times: how many of them.
            retry_after: for the Retry-After header, in seconds or as a date; None for none.
            exceeded: for the X-mp-rate-limit-exceeded header.
        """
        headers = {"X-mp-rate-limit-exceeded": f'"{exceeded}"'}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        self.script(*[status(429, headers=headers)] * times)

    # Start and stop

    def start(self) -> Self:
        """Begin to answer, in a new thread; ``with`` does it for you.

        Raises:
            ConfigurationError: it was stopped.
        """
        if self._store.closed:
            raise ConfigurationError(
                "start(): this server was stopped, and its port is closed; "
                "write LocalServer().start()"
            )
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._http.serve, name="LocalServer", daemon=True
            )
            self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and all connections, also those that wait; ``with`` does it for you."""
        self._store.close()
        if self._thread is not None:
            self._http.stop()
            self._thread.join()
            self._thread = None
        self._http.server_close()

    def serve_forever(self) -> None:
        """Answer in this thread until it is interrupted."""
        # A signal that comes just before the wait for a connection begins does not end it.
        self._http.timeout = 0.5  # seconds
        self._http.serve()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def __repr__(self) -> str:
        return f"<LocalServer {self.url}, {self._store.counts().batches} batches>"

    # Called by the threads of its connections

    def _connected(self) -> int:
        with self._lock:
            self._connections += 1
            return self._connections

    def _begun(self) -> Action | None:
        with self._lock:
            self._concurrency += 1
            self._max_concurrency = max(self._max_concurrency, self._concurrency)
            return self._script.popleft() if self._script else None

    def _give_back(self, action: Action | None) -> None:
        with self._lock:
            if action is not None:
                self._script.appendleft(action)

    def _extend_script(self, steps: list[Action]) -> None:
        with self._lock:
            self._script.extend(steps)

    def _own(self, arrival: Arrival, left: Left) -> Action | Streamed:
        return api.answer(self._site, arrival, left)

    def _foreign(self, head: Head) -> Action | None:
        # nobody can say whose an address is that is too long: its headers are not read
        if head.refusal is URI_TOO_LONG:
            self._store.count_foreign()
            return URI_TOO_LONG
        refusal = api.foreign(self._site, head.headers)
        if refusal is None:
            return None
        self._store.count_foreign()
        code, why = refusal
        return status(code, message=why)

    def _received(self, arrival: Arrival, scripted: Action | None) -> Action:
        at = round(time.time() * 1000)
        judgement = self._judged(arrival)
        # a script wins, also over a refusal
        action = scripted or self._metered(judgement, arrival.at)
        parts, problems = None, judgement.problems
        if action.accept and judgement.batches:
            parts, uncompared = self._parts(judgement)
            problems += uncompared
        request = ReceivedRequest(
            arrival.path,
            _without_secrets(arrival.headers),
            arrival.body,
            action.status_code,
            arrival.connection,
            arrival.method,
            arrival.port,
            arrival.at,
            judgement.batch_ids,
            problems,
            tuple([each for part in parts or () for each in part.violations]),
        )
        scripted_too = scripted is not None
        message = "" if parts else message_of(action, judgement.problems, scripted=scripted_too)
        entry = Entry(request, at, parts, message, arrival.size)
        self._store.add(entry)
        self._noted(entry)
        return action

    def _unread(self, action: Action, head: Head, connection: int, port: int) -> None:
        path, headers = head.target.partition("?")[0], _without_secrets(head.headers)
        now, code = time.monotonic(), action.status_code
        request = ReceivedRequest(path, headers, b"", code, connection, "", port, now)
        message = message_of(action, (), scripted=head.refusal is None)
        entry = Entry(request, round(time.time() * 1000), None, message)
        self._store.add(entry)
        self._noted(entry)

    def _noted(self, entry: Entry) -> None:
        """Do nothing more with a request; the command ``mpfluent serve`` prints it."""

    def _parts(self, judgement: Judgement) -> tuple[tuple[Part, ...], tuple[str, ...]]:
        """Return the batches of a request as they are kept, and why one cannot be compared."""
        parts: list[Part] = []
        uncompared: list[str] = []
        left_out = _by_batch(judgement.problems, len(judgement.batches))
        for (batch_id, batch), payload, problems in zip(
            judgement.batches, judgement.payloads, left_out
        ):
            problems += [problem.text for problem in limits.problems(batch, encode(batch))]
            violations: tuple[Violation, ...] = ()
            if self._plan is not None:
                try:
                    violations = tuple(self._plan.validate(payload))
                except MPFluentError as error:
                    uncompared.append(str(error))
                    problems.append(str(error))
            parts.append(
                Part(
                    batch_id,
                    len(payload.get("events") or ()),
                    tuple(problems),
                    violations,
                    batch if self._keeps_batches else None,
                )
            )
        return tuple(parts), tuple(uncompared)

    def _metered(self, judgement: Judgement, now: float) -> Action:
        """Return the answer to a request, which may be too much for the rate limit."""
        if self._meter is None or not judgement.action.accept:
            return judgement.action
        with self._lock:
            return self._meter.answer(len(judgement.batches), judgement.action, now)

    def _judged(self, arrival: Arrival) -> Judgement:
        return judged(self._expected, *arrival[:4], strict=self._strict)

    def _finished(self) -> None:
        with self._lock:
            self._concurrency -= 1


def _by_batch(problems: tuple[str, ...], count: int) -> list[list[str]]:
    """Return the problems of a request by the batch that they are about."""
    found: list[list[str]] = [[] for _ in range(count)]
    for problem in problems:
        place = _PLACE.match(problem)
        if place is None:
            found[0].append(problem)
        else:
            found[int(place[1])].append(problem[place.end() :])
    return found


def _check_bind(bind: object, token: object) -> None:
    if not isinstance(bind, str) or not bind:
        raise ConfigurationError(
            f"LocalServer(bind={brief(bind)}): want an address of this machine; "
            "write LocalServer(bind='127.0.0.1')"
        )
    # nothing that an address or a header would change
    if token is not None and not (isinstance(token, str) and _TOKEN.fullmatch(token)):
        raise ConfigurationError(
            "LocalServer(token=…): want a text of ASCII letters, digits and . _ ~ -; "
            "write LocalServer(token='…')"
        )
    if token is None and not is_loopback(bind):
        raise ConfigurationError(
            f"LocalServer(bind={brief(bind)}): other machines could read what arrives; "
            f"write LocalServer(bind={brief(bind)}, token='…')"
        )


def _tls(certificate: str | os.PathLike[str]) -> Any:
    try:
        return tls_of(certificate)
    # ssl's errors are OSErrors; a TypeError is no path, and a ValueError a path with a NUL
    except (OSError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"LocalServer(certificate={brief(certificate)}): want the path of a PEM file with a "
            f"certificate and its key ({type(error).__name__}); "
            "write LocalServer(certificate='localhost.pem')"
        ) from None


def _step(action: Action | int) -> Action:
    if isinstance(action, Action):
        return action
    code = integer_between(action, *STATUSES)
    if code is None:
        raise ConfigurationError(
            f"script({brief(action)}): want an action or a status; "
            "write server.script(503, status(429, headers={'Retry-After': '2'}))"
        )
    return status(code)


def _without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    kept = dict(headers)
    for name in _SECRETS:
        if name in kept:
            scheme, _, rest = kept[name].partition(" ")
            kept[name] = f"{scheme} …" if rest and name.endswith("authorization") else "…"
    return kept
