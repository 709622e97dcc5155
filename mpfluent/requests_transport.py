"""The transport that sends: ``requests`` with the settings that a delivery needs."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Never

from . import network
from .checks import is_number
from .errors import ConfigurationError, TransportError, brief, unknown_option
from .signatures import PublicNames, spelled_out
from .transport import Request, Response

if TYPE_CHECKING:
    import requests

    from .deadline import Attempt

_CHUNK = 16_384
_MOST_BODY = 1_000_000  # bytes of an answer that are read; the rest says nothing more
_MOST_SECONDS = 1e8  # more than that no socket can wait


class RequestsTransport(PublicNames):
    """Sends with ``requests``: keep-alive, no redirects, no cookies, no retries of its own.

    It reads no ``.netrc``.

    Proxy variables of the environment are honoured. Nothing is opened before the first send, and
    a forked process opens connections of its own.

    Args:
        session: a ``requests.Session`` of yours, for adapters or certificates of your own; it
            stays open when the transport closes. Its adapters decide whether the deadline holds:
            mount :class:`mpfluent.deadline.DeadlineAdapter`, else only the timeouts do, and a
            kept connection that the server closed counts as a failed attempt.
        timeout: seconds to connect, and seconds to wait for the next bytes of the answer.
        deadline: seconds for one attempt in all, however slowly bytes drip in; the look-up of
            the host's name is not covered.
        proxies: as for ``requests``, such as ``{"https": "http://proxy:3128"}``.
        verify: False, or the path of a bundle of certificates to trust instead.
        cert: the path of a client certificate, or a pair of paths, with its key.

    Raises:
        ConfigurationError: a time is not positive.

    >>> RequestsTransport(timeout=(1, 5), deadline=10)
    <RequestsTransport timeout=(1, 5) deadline=10>
    """

    # for the repr of a transport whose making failed, which a traceback may show
    _timeout: tuple[float, float] = (0.0, 0.0)
    _deadline = 0.0

    @spelled_out
    def __init__(
        self,
        *,
        session: requests.Session | None = None,
        timeout: tuple[float, float] = (3.05, 10.0),
        deadline: float = 30.0,
        proxies: Mapping[str, str] | None = None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
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
        self._own = session is None
        self._session = session
        self._timeout = pair
        self._deadline = deadline
        self._proxies = dict(proxies or {})
        # None lets the session decide, which trusts the usual authorities unless it is yours.
        self._verify = None if verify is True else verify
        self._cert = cert
        self._start_anew()

    def _start_anew(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._settings: dict[str, dict[str, Any]] = {}
        self._templates: dict[str, requests.PreparedRequest] = {}  # by address

    def send(self, request: Request) -> Response:
        """Send one request and return the answer, whatever its status.

        Raises:
            TransportError: no answer came.
        """
        if network.refuse is not None:
            network.refuse(request.url)
        from .deadline import Attempt, running

        seconds = min(self._deadline, request.timeout or self._deadline)
        attempt = Attempt(time.monotonic() + seconds, self._timeout[1])
        self.check_process()
        running.add(attempt)
        try:
            answer = self._exchange(request, attempt)
            if isinstance(answer, Exception) and attempt.reused and _broken_off(answer):
                # The server closed a kept connection while we wrote to it: that costs no attempt.
                answer = self._exchange(request, attempt)
        finally:
            running.discard(attempt)
        if isinstance(answer, Exception):
            raise self._failed(request, answer, attempt)
        return answer

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
        """Return the answer, or why there is none; the error holds no secrets."""
        import requests
        import urllib3

        from .deadline import current

        token = current.set(attempt)
        try:
            session = self._ready()
            settings = self._environment(session, request.url)
            _ask_for_proxy(request.url, settings["proxies"])
            left = attempt.left()
            settings |= {
                "timeout": (min(self._timeout[0], left), min(self._timeout[1], left)),
                "stream": True,
            }
            with self._sent(session, request, settings) as answer:
                # The status is known, so the outcome is: a body that breaks off changes nothing.
                return Response(answer.status_code, dict(answer.headers), _body(answer))
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            _forget_frames(error)
            return error
        except (OSError, UnicodeError) as error:  # a UnicodeError is a name that is none
            _forget_frames(error)
            return error
        except BaseException as error:  # such as KeyboardInterrupt
            _forget_frames(error)
            raise
        finally:
            current.reset(token)

    def _sent(
        self, session: requests.Session, request: Request, settings: Mapping[str, Any]
    ) -> requests.Response:
        """Return the answer of ``requests``; its body is still to be read."""
        import requests

        # With an auth of ours, if only one that does nothing, requests reads no .netrc.
        sign = _as_it_is if request.credentials is None else request.credentials.sign
        if not self._own:
            asked = requests.Request(
                "POST", request.url, dict(request.headers), data=request.body, auth=sign
            )
            prepared = session.prepare_request(asked)
            return session.send(prepared, allow_redirects=False, **settings)
        # Ours has no hooks, and keeps no cookies: what is the same for each request of an address
        # is prepared once, which saves a third of the time of a request.
        template = self._templates.get(request.url)
        if template is None:
            asked = requests.Request("POST", request.url, auth=_as_it_is)
            template = self._templates[request.url] = session.prepare_request(asked)
        prepared = template.copy()
        prepared.body = request.body
        for header in request.headers.items():
            requests.utils.check_header_validity(header)
            prepared.headers[header[0]] = header[1]
        prepared.headers["Content-Length"] = str(len(request.body))
        return session.get_adapter(request.url).send(sign(prepared), **settings)

    def check_process(self) -> None:
        """Leave to the parent, in a forked child, what is the parent's."""
        if self._pid != os.getpid():
            from .deadline import leave_to_parent

            leave_to_parent()  # where Python was not told of the fork
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
        """Return what the environment says of this address: asked only once, it is slow."""
        with self._lock:
            if url not in self._settings:
                settings = dict(
                    session.merge_environment_settings(
                        url, dict(self._proxies), None, self._verify, self._cert
                    )
                )
                del settings["stream"]
                self._settings[url] = settings
            return dict(self._settings[url])

    def _failed(self, request: Request, error: Exception, attempt: Attempt) -> TransportError:
        """Return the error for an attempt that no answer came of."""
        seconds = min(self._deadline, request.timeout or self._deadline)
        connect, read = self._timeout
        why, retryable = _reason(error)
        if retryable and time.monotonic() >= attempt.until:
            why = f"the deadline of {seconds:.3g} s passed"
            if seconds < self._deadline:
                why += ", which Retry(max_elapsed=…) left"
        elif why == _NO_CONNECTION:
            why = f"no connection within {connect:.3g} s"
        elif why == _NO_ANSWER:
            why = f"nothing came for {read:.3g} s"
        place = "/".join(request.url.split("/")[:3])
        failure = TransportError(f"no answer from {place}: {why}", retryable=retryable)
        if not _misconfigured(error):  # its words can hold the address of a proxy, and a password
            failure.__cause__ = error
        return failure

    def __repr__(self) -> str:
        return f"<RequestsTransport timeout={self._timeout} deadline={self._deadline}>"

    def __reduce__(self) -> Any:
        raise ConfigurationError("a transport holds sockets; make one in each process")


_OPTIONS = ("session", "timeout", "deadline", "proxies", "verify", "cert")
_NO_CONNECTION = "no connection in time"
_NO_ANSWER = "no answer in time"


def _positive(value: object) -> bool:
    return is_number(value, 0, _MOST_SECONDS) and value > 0


def _ask_for_proxy(url: str, proxies: Mapping[str, str]) -> None:
    """Raise if the request must not go to its proxy; it has the credentials, wherever it ends."""
    if network.refuse is None:
        return
    import requests

    utils: Any = requests.utils  # not all of it is typed
    proxy = utils.select_proxy(url, proxies)
    if proxy:
        network.refuse(utils.prepend_scheme_if_needed(proxy, "http"))


def _as_it_is(prepared: Any) -> Any:
    return prepared


def _body(answer: requests.Response) -> bytes:
    import requests
    import urllib3

    chunks: list[bytes] = []
    size = 0
    try:
        for chunk in answer.iter_content(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size >= _MOST_BODY:
                break
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        _forget_frames(error)  # in a cycle, they would keep the connections open after close
        answer.close()
    return b"".join(chunks)


def _linked(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it was made of, the outermost first."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def _forget_frames(error: BaseException) -> None:
    """Take from an error what holds the credentials: its request, and its frames' variables."""
    for one in list(_linked(error)):
        one.__traceback__ = None
        for name in ("request", "response"):
            if getattr(one, name, None) is not None:
                setattr(one, name, None)


def _broken_off(error: Exception) -> bool:
    """Return whether a connection that was open broke."""
    import ssl

    return any(
        isinstance(
            one,
            ConnectionResetError
            | ConnectionAbortedError
            | BrokenPipeError
            | ssl.SSLEOFError
            | ssl.SSLZeroReturnError,
        )
        for one in _linked(error)
    )


def _misconfigured(error: Exception) -> bool:
    """Return whether an address or a file is wrong, so that nothing was sent at all."""
    import requests
    import urllib3

    named = (
        requests.exceptions.InvalidURL,  # of the proxy, too
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
        urllib3.exceptions.LocationValueError,
    )
    if isinstance(error, named):
        return True
    if isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError):
        return False
    return isinstance(error, UnicodeError) or (type(error) is OSError and error.errno is None)


def _reason(error: Exception) -> tuple[str, bool]:
    """Return why there was no answer, and whether another attempt can help."""
    import socket
    import ssl

    import requests

    linked = list(_linked(error))
    if _misconfigured(error):
        if type(error) is OSError:
            return str(error), False  # a file that is not there
        return "the host's or the proxy's address is not one", False
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in linked):
        why = "its certificate is not trusted"
        return f"{why}; write RequestsTransport(verify='ca-bundle.pem')", False
    if isinstance(error, requests.exceptions.ProxyError):
        refusal = re.search(r"Tunnel connection failed: (\d{3})", str(error))
        if refusal is None:
            return f"the proxy did not answer ({_root(linked)})", True
        status = int(refusal[1])
        passing = status in (408, 429) or status >= 500
        return f"the proxy refused with {status}", passing
    for one in linked:
        if isinstance(one, socket.gaierror):
            return f"its name is not known ({one.strerror})", True
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return _NO_CONNECTION, True
    if any(isinstance(one, TimeoutError | requests.exceptions.Timeout) for one in linked):
        return _NO_ANSWER, True
    return _root(linked), True


def _root(linked: list[BaseException]) -> str:
    """Return what the innermost error says; the outer ones repeat it with addresses of objects."""
    import http.client

    import requests

    found = [
        one
        for one in linked
        if isinstance(one, OSError | http.client.HTTPException)
        and not isinstance(one, requests.RequestException)
    ]
    error = (found or linked)[-1]
    said = getattr(error, "strerror", None) or (str(error.args[-1]) if error.args else "")
    text = said.split(">: ")[-1]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
