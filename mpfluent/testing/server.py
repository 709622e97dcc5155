"""A real HTTP server on this machine. It behaves like the Events API, or as its script says.

``with LocalServer() as server:`` in tests; ``python -m mpfluent.testing.server`` by hand.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Never, Self

from ..builder.batch import Batch
from ..client.data_plan import plan_of
from ..delivery.rate_limit import checked_rate
from ..encoding.json import parsed, plain
from ..errors import ConfigurationError, MPFluentError, brief, unknown_option
from ..formatting.summary import cut
from ..utils.introspection import PublicNames, expand_kwargs
from ..utils.options import integer_between
from .api_rules import Judgement, judged
from .faults import STATUSES, Action, checked_integer, checked_seconds, status
from .http_server import Arrival, Listener, tls_of
from .rate_meter import RateMeter

if TYPE_CHECKING:
    from ..dataplan import DataPlan, Violation

_MOST = 20  # problems of one request that are printed
_OPTIONS = (
    *("api_key", "api_secret", "port", "delay", "certificate", "strict", "rate_limit"),
    "data_plan",
)


class ReceivedRequest(NamedTuple):
    """One request as it came.

    Attributes:
        path: such as "/v2/events".
        headers: names in lower case; of Authorization only the scheme is kept.
        body: the bytes of the body.
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
        api_key: the key that it accepts; api_secret: its secret.
        port: 0 for any free port.
        delay: seconds before every answer.
        certificate: the path of a PEM file with a certificate and its key. Then the URL is https.
        strict: whether to refuse everything that the vendor's JSON schema does not have.
        rate_limit: batches a second that it accepts; what is more is answered with 429. None for
            any number.
        data_plan: a :class:`mpfluent.dataplan.DataPlan`. What of an accepted batch is not as
            planned stands in ``requests[…].violations``; nothing is refused for it.

    Attributes:
        url: its address, for ``Client(host=server.url)``.

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
        api_key: str = "key",
        api_secret: str = "secret",
        port: int = 0,
        delay: float = 0.0,
        certificate: str | os.PathLike[str] | None = None,
        strict: bool = False,
        rate_limit: float | None = None,
        data_plan: DataPlan | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise unknown_option("LocalServer", next(iter(unknown)), _OPTIONS)
        for name, value in (("api_key", api_key), ("api_secret", api_secret)):
            if not isinstance(value, str):
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
        self._expected = f"{api_key}:{api_secret}".encode()
        self._strict = strict
        # Guards all below; each connection has a thread. No other lock is taken with it.
        self._lock = threading.Lock()
        self._script: deque[Action] = deque()
        self._requests: list[ReceivedRequest] = []
        self._batches: list[Batch] = []
        self._ids: dict[str, None] = {}
        self._duplicates: list[str] = []
        self._accepted = 0
        self._connections = 0
        self._concurrency = 0
        self._max_concurrency = 0
        self._http = Listener(port, self, tls)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._http.server_port}"
        self._thread: threading.Thread | None = None

    # What a test looks at

    @property
    def batches(self) -> list[Batch]:
        """The batches that were accepted, duplicates removed, in order."""
        with self._lock:
            return list(self._batches)

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The requests that were read to their end, accepted or not, in order."""
        with self._lock:
            return list(self._requests)

    @property
    def unique_ids(self) -> list[str]:
        """The ``source_request_id`` of each accepted batch that has one, in order."""
        with self._lock:
            return list(self._ids)

    @property
    def duplicates(self) -> list[str]:
        """The ``source_request_id`` of each batch that came again and was removed."""
        with self._lock:
            return list(self._duplicates)

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
        steps = [_step(action) for action in actions]
        with self._lock:
            self._script.extend(steps)

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
        """Begin to answer, in a new thread; ``with`` does it for you."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._http.serve, name="LocalServer", daemon=True
            )
            self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and all connections, also those that wait; ``with`` does it for you."""
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
        return f"<LocalServer {self.url}, {self._accepted} batches>"

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

    def _received(self, arrival: Arrival, scripted: Action | None) -> Action:
        judgement = self._judged(arrival)
        # a script wins, also over a refusal
        action = scripted or self._metered(judgement, arrival.at)
        compared = judgement.batches if action.accept else []
        violations, uncompared = self._violations(arrival) if compared else ((), ())
        request = ReceivedRequest(
            arrival.path,
            _without_token(arrival.headers),
            arrival.body,
            action.status_code,
            arrival.connection,
            arrival.method,
            arrival.port,
            arrival.at,
            judgement.batch_ids,
            judgement.problems + uncompared,
            violations,
        )
        with self._lock:
            self._note(request)
            if action.accept:
                for batch_id, batch in judgement.batches:
                    self._take(batch_id, batch)
        return action

    def _violations(self, arrival: Arrival) -> tuple[tuple[Violation, ...], tuple[str, ...]]:
        """Return what of an accepted request is not as planned, and what cannot be compared."""
        found: list[Violation] = []
        problems: list[str] = []
        if self._plan is not None:
            data = parsed(arrival.body)
            payloads: Any = data if isinstance(data, list) else [data]
            for one in payloads:
                try:
                    found += self._plan.validate(one)
                except MPFluentError as error:
                    problems.append(str(error))
        return tuple(found), tuple(problems)

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

    def _note(self, request: ReceivedRequest) -> None:
        self._requests.append(request)

    def _take(self, batch_id: str | None, batch: Batch) -> None:
        if batch_id is not None and batch_id in self._ids:
            self._duplicates.append(batch_id)
            return
        if batch_id is not None:
            self._ids[batch_id] = None
        self._accepted += 1
        self._keep(batch)

    def _keep(self, batch: Batch) -> None:
        self._batches.append(batch)


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


def _without_token(headers: Mapping[str, str]) -> dict[str, str]:
    kept = dict(headers)
    if "authorization" in kept:
        scheme, _, rest = kept["authorization"].partition(" ")
        kept["authorization"] = f"{scheme} …" if rest else "…"
    return kept


def main() -> None:
    """Serve until interrupted, and print what arrives."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -m mpfluent.testing.server",
        description="Stand in for mParticle's Events API on this machine.",
    )
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--api-key", default="key")
    parser.add_argument("--api-secret", default="secret")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--certificate", help="a PEM file with a certificate and its key, for TLS")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse all that the vendor's JSON schema does not have",
    )
    parser.add_argument("--rate-limit", type=float, help="batches a second that it accepts")
    parser.add_argument("--quiet", action="store_true", help="print no requests")
    options = parser.parse_args()
    try:
        server = _Program(
            api_key=options.api_key,
            api_secret=options.api_secret,
            port=options.port,
            delay=options.delay,
            certificate=options.certificate,
            strict=options.strict,
            rate_limit=options.rate_limit,
        )
    except ConfigurationError as error:
        parser.error(str(error))
    server.quiet = options.quiet
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may have only ASCII
    print(f"Client({options.api_key!r}, …, host={server.url!r}); Ctrl-C stops", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print(f"{server._accepted} batches")
    finally:
        server.stop()


class _Program(LocalServer):
    """Prints what arrives instead of keeping it, since it may run for days."""

    quiet = False

    def _note(self, request: ReceivedRequest) -> None:  # with the lock: the texts do not mix
        if self.quiet:
            return
        body = request.body
        try:
            text = plain(parsed(body), 2)
        except MPFluentError:  # no JSON
            text = repr(body)
        first = f"{request.status_code} {request.method} {request.path}"
        lines = [f"{cut(first)} ({len(body)} bytes)", *text.split("\n")]
        lines += [f"problem: {each}" for each in request.problems[:_MOST]]
        if len(request.problems) > _MOST:
            lines.append(f"problem: … and {len(request.problems) - _MOST} more")
        print("\n".join(map(_printable, lines)), flush=True)

    def _keep(self, batch: Batch) -> None:
        pass


def _printable(text: str) -> str:
    """Return a text with control characters escaped as in JSON: none moves the cursor."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


if __name__ == "__main__":
    main()
