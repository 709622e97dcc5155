"""Who may read and change what a local server keeps: no web page of another origin."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache

from ...errors import brief

_HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^\[\]:]+)(:[0-9]*)?")


def is_loopback(bind: str) -> bool:
    """Return whether only this machine reaches an address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return bind == "localhost"


@lru_cache(1_000)
def is_host(host: str | None) -> bool:
    """Return whether a Host header names this machine by an address, or as localhost.

    A web page elsewhere can let a name of its own lead here, and would then be of one origin with
    the server. But the browser says that name in each request.

    >>> is_host("localhost:9090"), is_host("[::1]:9090"), is_host("elsewhere.example:9090")
    (True, True, False)
    """
    found = None if host is None else _HOST.fullmatch(host.strip().lower())
    if found is None:
        return host is None  # as clients of HTTP/1.0 do, which are no browsers
    name = found[1]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True


def elsewhere(headers: Mapping[str, str], scheme: str, *, may_lead: bool) -> str | None:
    """Return which page elsewhere a request comes from; None for its own page, or for no page.

    Args:
        headers: names in lower case.
        scheme: of the server's address.
        may_lead: whether a page elsewhere may lead to this address, as a link does.

    >>> elsewhere({"host": "localhost", "origin": "http://a.example"}, "http", may_lead=True)
    "'http://a.example'"
    """
    origin = headers.get("origin")
    if origin is not None:
        own = f"{scheme}://{headers.get('host', '').lower()}"
        return None if origin.lower() == own else brief(origin)
    # a browser sends no Origin for what a page only shows, such as a picture
    leads = may_lead and headers.get("sec-fetch-mode") == "navigate"
    if leads or headers.get("sec-fetch-site") not in ("cross-site", "same-site"):
        return None
    return "another site"


def has_token(headers: Mapping[str, str], given: str | None, token: str) -> bool:
    """Return whether a request has the token, in a header or in its address.

    Args:
        headers: names in lower case.
        given: the token of the address, if there is one.
        token: the server's.
    """
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    offered = bearer.strip() if scheme.lower() == "bearer" else given or ""
    return hmac.compare_digest(offered.encode("utf-8", "replace"), token.encode())
