"""Decides whether requests may leave this machine; in a test run, the pytest plugin says no."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOST = r"(\[[0-9A-Fa-f:.]+\]|[\w-]{1,63}(\.[\w-]{1,63})*\.?)(:[0-9]{0,5})?"
"""A host and a port that every parser of URLs reads in the same way."""

_ADDRESS = rf"([\w+.-]+://|(?![\w+.-]+://))([^/?#\\\[\]]*@)?{HOST}([/?#][^\\]*)?"

refuse: Callable[[str], None] | None = None
"""A function that is called with the URL of each request, and with that of its proxy.

It raises if the request must not go there. None lets every request go.
"""


def ask(url: str, proxies: Mapping[str, str]) -> None:
    """Raise if a request must not go to a URL or to its proxy: both may see the credentials."""
    if refuse is None:
        return
    import requests

    refuse(url)
    utils: Any = requests.utils  # not all of it is typed
    if proxy := utils.select_proxy(url, proxies):
        refuse(utils.prepend_scheme_if_needed(proxy, "http"))


def is_plain(address: str) -> bool:
    """Return whether every parser reads the same host in an address, of a server or a proxy.

    >>> is_plain("http://user:word@proxy.example:3128"), is_plain("localhost:3128")
    (True, True)
    >>> is_plain("http://evil.example[::1]"), is_plain("http://user@")
    (False, False)
    """
    return address.isprintable() and re.fullmatch(_ADDRESS, address) is not None
