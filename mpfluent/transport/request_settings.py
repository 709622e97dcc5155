"""The settings of a ``RequestsTransport``: its arguments, its session's, and the environment's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, brief
from ..utils.options import number_between
from ..utils.typed import NamedTuple
from . import certificates, guard
from .base import not_retryable

if TYPE_CHECKING:
    import requests

ADDRESS = "the host's or the proxy's address is not valid"

_MOST_SECONDS = 1e8  # more than that no socket can wait
_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")  # of a proxy
_USED = ("prepare_request", "send", "merge_environment_settings", "proxies", "verify")
_EXAMPLES = {"verify": "'/etc/ssl/our-ca.pem'", "cert": "('cert.pem', 'key.pem')"}
_PROXIES = "write proxies={'https': 'http://proxy:3128'}"


class Times(NamedTuple):
    """Seconds, each above 0.

    Attributes:
        connect: to open a connection.
        read: to wait for the next bytes of the answer.
        deadline: for one attempt in all.
    """

    connect: float
    read: float
    deadline: float


def refused(given: str, why: str) -> ConfigurationError:
    """Return the error for an argument of a transport, as it was written."""
    return ConfigurationError(f"RequestsTransport({given}): {why}")


def checked_times(timeout: object, deadline: object) -> Times:
    """Return the times of a transport.

    Raises:
        ConfigurationError: one of them is not positive seconds.
    """
    pair = timeout if isinstance(timeout, tuple) and len(timeout) == 2 else (0, 0)
    seconds = [number_between(value, 0, _MOST_SECONDS) or 0 for value in (*pair, deadline)]
    if not all(seconds):
        given = f"timeout={brief(timeout)}, deadline={brief(deadline)}"
        raise refused(given, "want positive seconds; write timeout=(3.05, 10.0), deadline=30.0")
    return Times(*seconds)


def check_session(session: Any) -> None:
    """Raise if a session lacks what a transport uses, as a mock does.

    A mock of the class has no ``verify``, and the ``proxies`` of any mock are a mock.

    Raises:
        ConfigurationError: it is not a session.
    """
    is_one = all(hasattr(session, name) for name in _USED)
    if not (session is None or (is_one and isinstance(session.proxies, Mapping))):
        why = f"want a requests.Session, got {type(session).__name__}"
        raise refused("session=…", f"{why}; write session=requests.Session()")


def problem_of_proxies(proxies: Any) -> str | None:
    """Return what is wrong with an argument ``proxies``, or None.

    No address is in it, since an address can hold a password.
    """
    if proxies is None:
        return None
    if not isinstance(proxies, Mapping):
        return f"want a mapping, got {type(proxies).__name__}; {_PROXIES}"
    for part in (part for pair in proxies.items() for part in pair):
        if not (part is None or (isinstance(part, str) and part.isprintable())):
            got = "one that cannot be printed" if isinstance(part, str) else type(part).__name__
            return f"want addresses, got {got}; {_PROXIES}"
    problems = [problem_of_proxy(proxy) for name, proxy in proxies.items() if name != "no_proxy"]
    return next(filter(None, problems), None)


def checked_files(verify: object, cert: object) -> dict[str, Any]:
    """Return the arguments ``verify`` and ``cert``, with paths as text.

    Raises:
        ConfigurationError: a file of certificates cannot be used.
    """
    files = {"verify": certificates.plain_paths(verify), "cert": certificates.plain_paths(cert)}
    for name, value in files.items():
        if problem := certificates.PROBLEMS[name](value):
            hint = f"write {name}={_EXAMPLES[name]}"
            raise refused(f"{name}={certificates.shown(value)}", f"{problem}; {hint}")
    return files


def problem_of_proxy(proxy: str | None) -> str | None:
    """Return why there is no way through a proxy, or None.

    >>> problem_of_proxy("http://proxy:3128") is None
    True
    >>> problem_of_proxy("ftp://proxy")
    "the proxy's address is not valid; write proxies={'https': 'http://proxy:3128'}"
    """
    from importlib.util import find_spec

    if not proxy:
        return None
    scheme, separated, _ = proxy.lower().partition("://")
    if not guard.is_plain(proxy) or (separated and scheme not in _SCHEMES):
        return f"the proxy's address is not valid; {_PROXIES}"
    if separated and scheme.startswith("socks") and find_spec("socks") is None:
        return "a SOCKS proxy needs PySocks; write pip install 'requests[socks]'"
    return None


def merged(
    session: requests.Session, url: str, proxies: Mapping[str, Any], verify: Any, cert: Any
) -> dict[str, Any]:
    """Return the settings for an address: the transport's first, then the session's, then others'.

    Left to itself, requests lets the environment go before the session.

    Args:
        session: the session that sends.
        url: the address.
        proxies: the transport's own, checked.
        verify: the transport's own; None lets the session decide.
        cert: the transport's own.

    Raises:
        OSError: an address is not valid, or a file of certificates or a proxy cannot be used.
        TransportError: a mock stands for the session.
    """
    import requests

    if not guard.is_plain(url):
        raise OSError(ADDRESS)
    trusted: Any = session.verify if verify is None else verify
    given = {**session.proxies, **proxies}
    found: Any = session.merge_environment_settings(
        url, dict(given), None, None if trusted is True else trusted, cert
    )
    if not isinstance(found, Mapping):
        raise not_retryable(
            f"the session's settings are {type(found).__name__}; write session=requests.Session()"
        )
    settings = {**found, "stream": True}  # a transport always reads the body itself
    utils: Any = requests.utils  # not all of it is typed
    plain = url.lower().startswith("http:")
    # Plain http goes to this machine only: a proxy elsewhere would be shown the secret.
    if plain or utils.select_proxy(url, given):
        settings["proxies"] = given
    if problem := problem_of_proxy(utils.select_proxy(url, settings["proxies"])):
        raise OSError(problem)
    for name, problem_of in certificates.PROBLEMS.items():
        if not plain and (problem := problem_of(settings[name])):
            raise OSError(f"{name}={certificates.shown(settings[name])}: {problem}")
    return settings
