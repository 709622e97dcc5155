"""The transport that sends: ``requests`` with the settings that a delivery needs."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError, TransportError, brief
from .transport import Request, Response

if TYPE_CHECKING:
    import requests

_CHUNK = 16_384
_MOST_BODY = 1_000_000  # bytes of an answer that are read; the rest says nothing more


class RequestsTransport:
    """Sends with ``requests``: keep-alive, no redirects, no retries of its own, no ``.netrc``.

    Proxy variables of the environment are honoured. Nothing is opened before the first send.

    Args:
        session: a ``requests.Session`` of yours, for adapters or certificates of your own; it
            stays open when the transport closes.
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

    def __init__(
        self,
        *,
        session: requests.Session | None = None,
        timeout: tuple[float, float] = (3.05, 10.0),
        deadline: float = 30.0,
        proxies: Mapping[str, str] | None = None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
    ) -> None:
        pair = timeout if isinstance(timeout, tuple) and len(timeout) == 2 else (0, 0)
        if not all(_positive(seconds) for seconds in (*pair, deadline)):
            raise ConfigurationError(
                f"RequestsTransport(timeout={brief(timeout)}, deadline={brief(deadline)}): want "
                "positive seconds; write timeout=(3.05, 10.0), deadline=30.0"
            )
        self._own = session is None
        self._session = session
        self._timeout = pair
        self._deadline = deadline
        self._proxies = dict(proxies or {})
        self._verify = verify
        self._cert = cert
        self._lock = threading.Lock()
        self._settings: dict[str, dict[str, Any]] = {}
        self._warm = False  # whether a kept connection may have gone stale meanwhile

    def send(self, request: Request) -> Response:
        """Send one request and return the answer, whatever its status.

        Raises:
            TransportError: no answer came.
        """
        warm = self._warm
        try:
            answer = self._attempt(request)
        except TransportError as error:
            self._warm = False
            if not (warm and _broken_off(error)):
                raise
            # The server closed a kept connection while we wrote to it: that costs no attempt.
            answer = self._attempt(request)
        self._warm = True
        return answer

    def close(self) -> None:
        """Close the connections, if the session is the transport's own."""
        with self._lock:
            if self._own and self._session is not None:
                self._session.close()
                self._session = None
                self._settings.clear()
            self._warm = False

    def _attempt(self, request: Request) -> Response:
        import requests

        session, settings = self._ready(request.url)
        # With an auth of ours, if only one that does nothing, requests does not read .netrc.
        sign = _as_it_is if request.credentials is None else request.credentials.sign
        prepared = session.prepare_request(
            requests.Request(
                "POST", request.url, dict(request.headers), data=request.body, auth=sign
            )
        )
        until = time.monotonic() + self._deadline
        try:
            answer = session.send(
                prepared,
                timeout=(self._timeout[0], min(self._timeout[1], self._deadline)),
                allow_redirects=False,
                stream=True,
                **settings,
            )
        except (requests.RequestException, OSError, ValueError) as error:
            raise _failed(request.url, error) from _without_secrets(error)
        with answer:
            # The status is known, so the outcome is too: a body that breaks off changes nothing.
            body = self._body(answer, until)
            return Response(answer.status_code, dict(answer.headers), body)

    def _body(self, answer: requests.Response, until: float) -> bytes:
        import requests

        chunks: list[bytes] = []
        size = 0
        try:
            for chunk in answer.iter_content(_CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size >= _MOST_BODY or time.monotonic() > until:
                    break
        except (requests.RequestException, OSError):
            self._warm = False
        return b"".join(chunks)

    def _ready(self, url: str) -> tuple[requests.Session, dict[str, Any]]:
        """Return the session, and what the environment says of this address: asked only once."""
        with self._lock:
            if self._session is None:
                import requests

                self._session = requests.Session()
            settings = self._settings.get(url)
            if settings is None:
                settings = dict(
                    self._session.merge_environment_settings(
                        url, self._proxies, True, self._verify, self._cert
                    )
                )
                del settings["stream"]
                self._settings[url] = settings
            return self._session, settings

    def __repr__(self) -> str:
        return f"<RequestsTransport timeout={self._timeout} deadline={self._deadline}>"

    def __reduce__(self) -> Any:
        raise ConfigurationError("a transport holds sockets; make one in each process")


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _as_it_is(prepared: Any) -> Any:
    return prepared


def _broken_off(error: TransportError) -> bool:
    """Return whether the connection was open and broke before a byte of the answer came."""
    seen: BaseException | None = error.__cause__
    while seen is not None:
        if isinstance(seen, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
            return True
        if type(seen).__name__ == "RemoteDisconnected":
            return True
        inner = next((arg for arg in seen.args if isinstance(arg, BaseException)), None)
        seen = inner or seen.__context__
    return False


def _failed(url: str, error: Exception) -> TransportError:
    import requests

    permanent = isinstance(
        error,
        requests.exceptions.InvalidURL
        | requests.exceptions.InvalidSchema
        | requests.exceptions.MissingSchema
        | requests.exceptions.InvalidHeader,
    )
    text = str(error)
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in text:
        permanent = True
        why = "its certificate is not trusted; write RequestsTransport(verify='ca-bundle.pem')"
    elif isinstance(error, requests.exceptions.ProxyError):
        permanent = "407" in text
        why = "the proxy refused" + (" the credentials (407)" if permanent else "")
    elif isinstance(error, requests.exceptions.ConnectTimeout):
        why = "no connection in time"
    elif isinstance(error, requests.exceptions.Timeout):
        why = "no answer in time"
    else:
        why = _root(error)
    place = "/".join(url.split("/")[:3])
    return TransportError(f"no answer from {place}: {why}", retryable=not permanent)


def _root(error: BaseException) -> str:
    """Return what the innermost error says; the outer ones repeat it with addresses of objects."""
    while True:
        inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        inner = inner or getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    said = getattr(error, "strerror", None) or (str(error.args[-1]) if error.args else "")
    text = said.split(">: ")[-1]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _without_secrets(error: BaseException) -> BaseException:
    """Return the error without what has the credentials: its request, and frames' variables."""
    seen: BaseException | None = error
    while seen is not None:
        for name in ("request", "response"):
            if getattr(seen, name, None) is not None:
                setattr(seen, name, None)
        seen.__traceback__ = None
        seen = seen.__cause__ or seen.__context__
    return error
