"""The transport that sends, with ``requests``."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Never

from ..errors import ConfigurationError, TransportError, one_line, unknown_option
from ..utils.introspection import PublicNames, expand_kwargs
from . import certificates, guard, request_settings
from .base import Request, Response, not_retryable, raises_only_transport_errors

if TYPE_CHECKING:
    import requests

    from .deadline import Attempt

_running: set[Attempt] = set()  # the attempts of all threads and greenlets that are not over


def _leave_to_parent() -> None:
    """Leave the parent's connections to the parent, in a forked child."""
    for attempt in list(_running):
        attempt.leave_to_parent()


if hasattr(os, "register_at_fork"):
    # Python calls this before any greenlet runs in the child. A greenlet that was waiting for an
    # answer would else read the parent's.
    os.register_at_fork(after_in_child=_leave_to_parent)


class RequestsTransport(PublicNames):
    """Sends with ``requests``: keep-alive, no redirects, no cookies, no retries of its own.

    It reads no ``.netrc``. It uses the proxies of the environment for https; plain http goes
    without a proxy, unless you name one here. It opens no connection before the first send, and a
    forked process opens its own. It asks for answers without compression.

    Args:
        session: a ``requests.Session`` of yours, for adapters or certificates of your own. It
            stays open when the transport closes. Of ``verify``, ``cert`` and ``proxies``, the
            arguments here come first, then those of the session, then the environment. The
            deadline holds only on a :class:`~mpfluent.DeadlineAdapter`, so mount one. On another
            adapter only the timeouts hold, and two cases count as a failed attempt: a kept
            connection that the server closed, and an answer below 200.
        timeout: seconds to connect, and seconds to wait for the next bytes of the answer.
        deadline: seconds for one attempt in all, however slowly the bytes come. The look-up of
            the host's name is not part of it.
        proxies: as for ``requests``, such as ``{"https": "http://proxy:3128"}``.
        verify: False, or the path of a bundle of PEM certificates to trust instead.
        cert: the path of a client certificate with its key, or a pair of paths.

    Raises:
        ConfigurationError: a time is not positive; that is no session; a proxy or a file of
            certificates cannot be used.

    >>> RequestsTransport(timeout=(1, 5), deadline=10)
    <RequestsTransport timeout=(1, 5) deadline=10>
    """

    # for the repr of a transport whose __init__ raised: a traceback may show it
    _times = request_settings.Times(0.0, 0.0, 0.0)

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
        self._times = request_settings.checked_times(timeout, deadline)
        request_settings.check_session(session)
        problem = request_settings.problem_of_proxies(proxies)
        if problem is not None:
            del proxies  # a traceback may show this frame's variables, and there a password
            raise request_settings.refused("proxies=…", problem)
        self._proxies = dict(proxies or {})
        files = request_settings.checked_files(verify, cert)
        self._own = session is None
        self._session = session
        # None lets the session decide; our own trusts the authorities that requests trusts
        self._verify = None if verify is True else files["verify"]
        self._cert = files["cert"]
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        # Guards the session and the two caches. A thread that holds it takes no other lock of ours.
        # Reentrant: a signal handler may send while its thread holds the lock.
        self._lock = threading.RLock()
        self._settings: dict[str, dict[str, Any]] = {}  # by address
        self._templates: dict[str, requests.PreparedRequest] = {}  # by address

    def preload(self) -> None:
        """Import requests, which takes about 100 milliseconds."""
        from . import answers, deadline  # noqa: F401 # it is enough to import them

    @raises_only_transport_errors
    def send(self, request: Request) -> Response:
        """Send one request and return the answer, whatever its status.

        Raises:
            TransportError: no answer came.
        """
        try:
            from .deadline import Attempt
            from .request_errors import broken_off
        except ImportError as error:  # the interpreter is shutting down and imports nothing
            raise not_retryable("requests cannot be imported") from error

        attempt = Attempt(time.monotonic() + self._seconds(request), self._times.read)
        _running.add(attempt)
        try:
            answer = self._exchange(request, attempt)
            if isinstance(answer, Exception) and attempt.reused and broken_off(answer):
                # The server closed a kept connection while we wrote to it. It has not read the
                # request, so this second exchange is part of the same attempt.
                answer = self._exchange(request, attempt)
        finally:
            _running.discard(attempt)
        if isinstance(answer, Exception):
            raise self._failed(request, answer, attempt)
        return answer

    @raises_only_transport_errors
    def close(self) -> None:
        """Close the connections, if the session is the transport's own."""
        self.check_process()
        with self._lock:
            self._settings.clear()
            self._templates.clear()
            if self._own and self._session is not None:
                self._session.close()
                self._session = None

    def _seconds(self, request: Request) -> float:
        """Return the seconds that an attempt may take."""
        return min(self._times.deadline, request.timeout or self._times.deadline)

    def _exchange(self, request: Request, attempt: Attempt) -> Response | Exception:
        """Return the answer, or the error if none came; the error holds no secrets.

        Raises:
            BaseException: it is no error of sending; a signal handler raised it, for example.
        """
        from .answers import read_answer
        from .deadline import current
        from .request_errors import forget_frames, from_outside

        token = current.set(attempt)
        try:
            session, settings = self._ready(request.url)
            left = attempt.left()
            settings["timeout"] = min(self._times.connect, left), min(self._times.read, left)
            return read_answer(self._sent(session, request, settings))
        except BaseException as error:  # also KeyboardInterrupt: its frames hold the credentials
            outside = from_outside(error)
            forget_frames(error)
            if outside is None and isinstance(error, Exception):
                return error
            failure = outside or error
        finally:
            current.reset(token)
        raise failure  # here, outside the except block: its __context__ would be that error

    def _sent(
        self, session: requests.Session, request: Request, settings: Mapping[str, Any]
    ) -> requests.Response:
        """Return the answer of ``requests``, before its body is read."""
        import requests

        # requests reads no .netrc where there is an auth, even one that does nothing.
        sign = _unchanged if request.credentials is None else request.credentials.sign
        if not self._own:
            self._ask(session, request.url, settings)
            headers = {**request.headers, **_PLAIN}
            asked = requests.Request("POST", request.url, headers, data=request.body, auth=sign)
            return session.send(session.prepare_request(asked), allow_redirects=False, **settings)
        # Our own session has no hooks and keeps no cookies, so all requests to an address are
        # prepared alike. Preparing once saves a third of the time of a request.
        template = self._templates.get(request.url)
        if template is None:
            asked = requests.Request("POST", request.url, dict(_PLAIN), auth=_unchanged)
            template = self._templates[request.url] = session.prepare_request(asked)
        prepared = template.copy()
        prepared.body = request.body
        for header in request.headers.items():
            requests.utils.check_header_validity(header)
            prepared.headers[header[0]] = header[1]
        prepared.headers["Content-Length"] = str(len(request.body))
        return session.send(sign(prepared), allow_redirects=False, **settings)

    def _ask(self, session: requests.Session, url: str, settings: Mapping[str, Any]) -> None:
        """Ask the guard of a test run whether a session of the user's may send there."""
        from .deadline import DeadlineAdapter  # this adapter asks itself

        if guard.refuse is not None and not isinstance(session.get_adapter(url), DeadlineAdapter):
            guard.ask(url, settings["proxies"])

    def check_process(self) -> None:
        """Start again in a forked child: the connections are the parent's."""
        if self._pid != os.getpid():
            _leave_to_parent()  # again: a fork in C code does not call Python's fork handlers
            self._begin()
            if self._own:
                self._session = None
            elif self._session is not None:
                self._session.close()  # closes the kept connections in this process only

    def _ready(self, url: str) -> tuple[requests.Session, dict[str, Any]]:
        """Return the session, and the settings for an address: merged only once, which is slow."""
        from .deadline import DeadlineSession

        self.check_process()
        with self._lock:
            if self._session is None:
                self._session = DeadlineSession()
            if url not in self._settings:
                self._settings[url] = request_settings.merged(
                    self._session, url, self._proxies, self._verify, self._cert
                )
            return self._session, dict(self._settings[url])

    def _failed(self, request: Request, error: Exception, attempt: Attempt) -> TransportError:
        """Return the error for an attempt without an answer."""
        from .request_errors import misconfigured, reason

        why, retryable = reason(error, self._times)
        if retryable and time.monotonic() >= attempt.until:
            seconds = self._seconds(request)
            why = f"the deadline of {seconds:.3g} s passed"
            if seconds < self._times.deadline:
                why += ", which Retry(max_elapsed=…) left"
        host = one_line("/".join(request.url.split("/")[:3]))
        failure = TransportError(f"no answer from {host}: {why}", retryable=retryable)
        if not misconfigured(error):  # such an error may show a proxy's address with a password
            failure.__cause__ = error
        return failure

    def __repr__(self) -> str:
        return f"<RequestsTransport timeout={self._times[:2]} deadline={self._times.deadline}>"

    def __reduce__(self) -> Any:
        raise ConfigurationError("a transport holds sockets; make one in each process")


_OPTIONS = ("session", "timeout", "deadline", "proxies", "verify", "cert")
_PLAIN = {"Accept-Encoding": "identity"}  # asks for an answer without compression


def _unchanged(prepared: Any) -> Any:
    return prepared
