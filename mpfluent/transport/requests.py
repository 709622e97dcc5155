"""The transport that sends: ``requests`` with the settings that a delivery needs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Never

from ..errors import ConfigurationError, TransportError, brief, one_line, unknown_option
from ..utils.introspection import PublicNames, expand_kwargs
from ..utils.options import is_number
from . import certificates, guard
from .base import Request, Response, few, tells_all
from .request_errors import (
    ADDRESS,
    NO_ANSWER,
    NO_CONNECTION,
    broken_off,
    forget_frames,
    from_outside,
    misconfigured,
    reason,
)

if TYPE_CHECKING:
    import requests

    from .deadline import Attempt

_CHUNK = 16_384
_MOST_BODY = 1_000_000  # bytes of an answer that are read; the rest says nothing more
_MOST_SECONDS = 1e8  # more than that no socket can wait


_running: set[Attempt] = set()  # attempts that are being made, by whatever thread or greenlet


def _leave_to_parent() -> None:
    """Leave the parent's connections to it, in a forked child."""
    for attempt in list(_running):
        attempt.leave_to_parent()


if hasattr(os, "register_at_fork"):
    # at once, before a greenlet goes on in the child: it would take the parent's answer
    os.register_at_fork(after_in_child=_leave_to_parent)


class RequestsTransport(PublicNames):
    """Sends with ``requests``: keep-alive, no redirects, no cookies, no retries of its own.

    It reads no ``.netrc``.

    Proxy variables of the environment are honoured, but for plain http, which stays on this
    machine. Nothing is opened before the first send, and a forked process opens connections of its
    own. Answers are asked for without compression.

    Args:
        session: a ``requests.Session`` of yours, for adapters or certificates of your own; it
            stays open when the transport closes. What it says of ``verify``, ``cert`` and
            ``proxies`` goes before the environment, and after what is said here. Its adapters
            decide whether the deadline holds: mount a :class:`~mpfluent.DeadlineAdapter`,
            else only the timeouts do, and a kept connection that the server closed counts as a
            failed attempt, as does an answer below 200.
        timeout: seconds to connect, and seconds to wait for the next bytes of the answer.
        deadline: seconds for one attempt in all, however slowly bytes drip in; the look-up of
            the host's name is not covered.
        proxies: as for ``requests``, such as ``{"https": "http://proxy:3128"}``.
        verify: False, or the path of a bundle of PEM certificates to trust instead.
        cert: the path of a client certificate with its key, or a pair of paths.

    Raises:
        ConfigurationError: a time is not positive, or a file of certificates cannot be used.

    >>> RequestsTransport(timeout=(1, 5), deadline=10)
    <RequestsTransport timeout=(1, 5) deadline=10>
    """

    # for the repr of a transport whose making failed, which a traceback may show
    _timeout: tuple[float, float] = (0.0, 0.0)
    _deadline = 0.0

    @expand_kwargs
    def __init__(
        self,
        *,
        session: requests.Session | None = None,
        timeout: tuple[float, float] = (3.05, 10.0),
        deadline: float = 30.0,
        proxies: Mapping[str, str] | None = None,
        verify: certificates.Verify | None = True,
        cert: certificates.Cert | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise unknown_option("RequestsTransport", next(iter(unknown)), _OPTIONS)
        pair = timeout if isinstance(timeout, tuple) and len(timeout) == 2 else (0, 0)
        if not all(_positive(seconds) for seconds in (*pair, deadline)):
            raise ConfigurationError(
                f"RequestsTransport(timeout={brief(timeout)}, deadline={brief(deadline)}): want "
                "positive seconds; write timeout=(3.05, 10.0), deadline=30.0"
            )
        if session is not None and not hasattr(session, "prepare_request"):
            raise ConfigurationError(
                f"RequestsTransport(session=…): want a requests.Session, got "
                f"{type(session).__name__}; write session=requests.Session()"
            )
        if proxies is not None and not isinstance(proxies, Mapping):
            raise ConfigurationError(  # an address can hold a password, so it is not shown
                f"RequestsTransport(proxies=…): want a mapping, got {type(proxies).__name__}; "
                "write proxies={'https': 'http://proxy:3128'}"
            )
        for part in (part for pair in (proxies or {}).items() for part in pair):
            if not (part is None or (isinstance(part, str) and part.isprintable())):
                got = "one that cannot be printed" if isinstance(part, str) else type(part).__name__
                raise ConfigurationError(
                    f"RequestsTransport(proxies=…): want addresses, got {got}; "
                    "write proxies={'https': 'http://proxy:3128'}"
                )
        files = {"verify": certificates.plain_paths(verify), "cert": certificates.plain_paths(cert)}
        for name, value in files.items():
            problem = certificates.PROBLEMS[name](value)
            if problem is not None:
                example = "'/etc/ssl/our-ca.pem'" if name == "verify" else "('cert.pem', 'key.pem')"
                raise ConfigurationError(
                    f"RequestsTransport({name}={certificates.shown(value)}): {problem}; "
                    f"write {name}={example}"
                )
        self._own = session is None
        self._session = session
        self._timeout = pair
        self._deadline = deadline
        self._proxies = dict(proxies or {})
        # None lets the session decide, which trusts the usual authorities unless it is yours.
        self._verify = None if verify is True else files["verify"]
        self._cert = files["cert"]
        self._start_anew()

    def _start_anew(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._settings: dict[str, dict[str, Any]] = {}
        self._templates: dict[str, requests.PreparedRequest] = {}  # by address

    def preload(self) -> None:
        """Import requests, which takes long."""
        import_module(".deadline", __package__)

    @tells_all
    def send(self, request: Request) -> Response:
        """Send one request and return the answer, whatever its status.

        Raises:
            TransportError: no answer came.
        """
        try:
            from .deadline import Attempt
        except ImportError as error:  # the interpreter ends, and lets go of modules
            raise TransportError("requests cannot be imported", retryable=False) from error

        seconds = min(self._deadline, request.timeout or self._deadline)
        attempt = Attempt(time.monotonic() + seconds, self._timeout[1])
        self.check_process()
        _running.add(attempt)
        try:
            answer = self._exchange(request, attempt)
            if isinstance(answer, Exception) and attempt.reused and broken_off(answer):
                # The server closed a kept connection while we wrote to it: that costs no attempt.
                answer = self._exchange(request, attempt)
        finally:
            _running.discard(attempt)
        if isinstance(answer, Exception):
            raise self._failed(request, answer, attempt)
        return answer

    @tells_all
    def close(self) -> None:
        """Close the connections, if the session is the transport's own."""
        self.check_process()
        with self._lock:
            self._settings.clear()
            self._templates.clear()
            if self._own and self._session is not None:
                self._session.close()
                self._session = None

    def _exchange(self, request: Request, attempt: Attempt) -> Response | Exception:
        """Return the answer, or why there is none; the error holds no secrets.

        Raises:
            BaseException: what is no error of sending, such as a signal handler's.
        """
        from .deadline import current

        token = current.set(attempt)
        try:
            session = self._ready()
            settings = self._environment(session, request.url)
            left = attempt.left()
            settings |= {
                "timeout": (min(self._timeout[0], left), min(self._timeout[1], left)),
                "stream": True,
            }
            return _read(self._sent(session, request, settings))
        except BaseException as error:
            outside = from_outside(error)
            forget_frames(error)
            if outside is None and isinstance(error, Exception):
                return error
            failure = outside or error
        finally:
            current.reset(token)
        raise failure  # not in the midst of the error that may wrap it

    def _sent(
        self, session: requests.Session, request: Request, settings: Mapping[str, Any]
    ) -> requests.Response:
        """Return the answer of ``requests``; its body is still to be read."""
        import requests

        # With an auth of ours, if only one that does nothing, requests reads no .netrc.
        sign = _as_it_is if request.credentials is None else request.credentials.sign
        if not self._own:
            self._ask(session, request.url, settings)
            asked = requests.Request(
                "POST", request.url, {**request.headers, **_PLAIN}, data=request.body, auth=sign
            )
            prepared = session.prepare_request(asked)
            return session.send(prepared, allow_redirects=False, **settings)
        # Ours has no hooks, and keeps no cookies: what is the same for each request of an address
        # is prepared once, which saves a third of the time of a request.
        template = self._templates.get(request.url)
        if template is None:
            asked = requests.Request("POST", request.url, dict(_PLAIN), auth=_as_it_is)
            template = self._templates[request.url] = session.prepare_request(asked)
        prepared = template.copy()
        prepared.body = request.body
        for header in request.headers.items():
            requests.utils.check_header_validity(header)
            prepared.headers[header[0]] = header[1]
        prepared.headers["Content-Length"] = str(len(request.body))
        return session.send(sign(prepared), allow_redirects=False, **settings)

    def _ask(self, session: requests.Session, url: str, settings: Mapping[str, Any]) -> None:
        """Ask whether a session of the user's may send, unless its adapter is one that asks."""
        from .deadline import DeadlineAdapter

        if guard.refuse is not None and not isinstance(session.get_adapter(url), DeadlineAdapter):
            guard.ask(url, settings["proxies"])

    def check_process(self) -> None:
        """Leave to the parent, in a forked child, what is the parent's."""
        if self._pid != os.getpid():
            _leave_to_parent()  # where Python was not told of the fork
            self._start_anew()
            if self._own:
                self._session = None
            elif self._session is not None:
                self._session.close()  # its kept connections, here only

    def _ready(self) -> requests.Session:
        self.check_process()
        with self._lock:
            if self._session is None:
                from .deadline import DeadlineSession

                self._session = DeadlineSession()
            return self._session

    def _environment(self, session: requests.Session, url: str) -> dict[str, Any]:
        """Return what the session and the environment say of this address.

        It is asked only once, since it is slow.
        """
        with self._lock:
            if url not in self._settings:
                self._settings[url] = self._merged(session, url)
            return dict(self._settings[url])

    def _merged(self, session: requests.Session, url: str) -> dict[str, Any]:
        """Return settings: what was said here goes before the session's, and that before others'.

        Left to itself, requests lets the environment go before the session.

        Raises:
            OSError: an address is none, or a file of certificates or a proxy cannot be used.
        """
        import requests

        if not guard.is_plain(url):
            raise OSError(ADDRESS)
        verify = session.verify if self._verify is None else self._verify
        given = {**session.proxies, **self._proxies}
        settings = dict(
            session.merge_environment_settings(
                url, dict(given), None, None if verify is True else verify, self._cert
            )
        )
        del settings["stream"]
        utils: Any = requests.utils  # not all of it is typed
        plain = url.lower().startswith("http:")
        # Plain http goes to this machine only: a proxy elsewhere would be shown the secret.
        if plain or utils.select_proxy(url, given):
            settings["proxies"] = given
        _check_proxy(utils.select_proxy(url, settings["proxies"]))
        for name, problem_of in certificates.PROBLEMS.items():
            problem = None if plain else problem_of(settings[name])
            if problem is not None:
                raise OSError(f"{name}={certificates.shown(settings[name])}: {problem}")
        return settings

    def _failed(self, request: Request, error: Exception, attempt: Attempt) -> TransportError:
        """Return the error for an attempt that no answer came of."""
        seconds = min(self._deadline, request.timeout or self._deadline)
        connect, read = self._timeout
        why, retryable = reason(error)
        if retryable and time.monotonic() >= attempt.until:
            why = f"the deadline of {seconds:.3g} s passed"
            if seconds < self._deadline:
                why += ", which Retry(max_elapsed=…) left"
        elif why == NO_CONNECTION:
            why = f"no connection within {connect:.3g} s"
        elif why == NO_ANSWER:
            why = f"nothing came for {read:.3g} s"
        place = one_line("/".join(request.url.split("/")[:3]))
        failure = TransportError(f"no answer from {place}: {why}", retryable=retryable)
        if not misconfigured(error):  # its words can hold the address of a proxy, and a password
            failure.__cause__ = error
        return failure

    def __repr__(self) -> str:
        return f"<RequestsTransport timeout={self._timeout} deadline={self._deadline}>"

    def __reduce__(self) -> Any:
        raise ConfigurationError("a transport holds sockets; make one in each process")


_OPTIONS = ("session", "timeout", "deadline", "proxies", "verify", "cert")
_PROXIES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_PLAIN = {"Accept-Encoding": "identity"}  # an answer that is not compressed


def _positive(value: object) -> bool:
    return is_number(value, 0, _MOST_SECONDS) and value > 0


def _check_proxy(proxy: str | None) -> None:
    """Raise where there is no way through a proxy.

    Raises:
        OSError: there is none, and nothing was sent.
    """
    if not proxy:
        return
    scheme, separated, _ = proxy.lower().partition("://")
    if not guard.is_plain(proxy) or (separated and scheme not in _PROXIES):
        raise OSError(ADDRESS)
    if not scheme.startswith("socks"):
        return
    from importlib.util import find_spec

    if find_spec("socks") is None:
        raise OSError("a SOCKS proxy needs PySocks; write pip install 'requests[socks]'")


def _as_it_is(prepared: Any) -> Any:
    return prepared


def _read(answer: requests.Response) -> Response | Exception:
    """Return what came.

    Raises:
        TransportError: what stands for an answer in somebody's test is none.
    """
    import requests

    status: Any = answer.status_code
    if not isinstance(status, int):
        raise TransportError(
            f"requests answered with a status that is {type(status).__name__}; write "
            "return_value.status_code = 202, or Client(…, transport=RecordingTransport())",
            retryable=False,
        )
    if not isinstance(answer, requests.Response) or answer.raw is None:  # made by a test
        headers, body = answer.headers, answer.content
        return Response(
            status,
            few(headers) if isinstance(headers, Mapping) else {},
            body if isinstance(body, bytes) else b"",
        )
    try:
        if status < 200:  # what follows on the connection answers nobody else
            return ConnectionAbortedError(f"after the status {status} there was no final one")
        # The status is known, so the outcome is: a body that breaks off changes nothing.
        return Response(status, few(answer.headers), _body(answer))
    finally:
        answer.close()


def _body(answer: requests.Response) -> bytes:
    """Return the body as it came: what is not decoded cannot grow without measure."""
    import requests
    import urllib3

    headers = getattr(answer.raw, "headers", None)
    if headers is not None:
        headers.pop("Content-Encoding", None)  # where urllib3 looks whether to decode
    chunks: list[bytes] = []
    size = 0
    try:
        for chunk in answer.iter_content(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size >= _MOST_BODY:
                break
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        if from_outside(error) is not None:
            raise
        forget_frames(error)  # in a cycle, they would keep the connections open after close
    return b"".join(chunks)
