"""Whether requests may leave this machine: in a test run, the pytest plugin says no."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PLACE = r"(\[[0-9A-Fa-f:.]+\]|[\w-]{1,63}(\.[\w-]{1,63})*\.?)(:[0-9]{0,5})?"
"""How a host is written, so that everybody reads the same in it."""

_ADDRESS = re.compile(rf"([\w+.-]+://|(?![\w+.-]+://))([^/?#\\\[\]]*@)?{PLACE}([/?#][^\\]*)?")

refuse: Callable[[str], None] | None = None
"""Is asked before each request with its URL, and with its proxy's; raises where it must not go.

None lets all go.
"""


def ask(url: str, proxies: Mapping[str, str]) -> None:
    """Raise if a request must not go there, or not to its proxy: both may get the credentials."""
    if refuse is None:
        return
    import requests

    refuse(url)
    utils: Any = requests.utils  # not all of it is typed
    proxy = utils.select_proxy(url, proxies)
    if proxy:
        refuse(utils.prepend_scheme_if_needed(proxy, "http"))


def is_plain(address: str) -> bool:
    """Return whether everybody reads the same host in an address, of a server or a proxy.

    >>> is_plain("http://user:word@proxy.example:3128"), is_plain("localhost:3128")
    (True, True)
    >>> is_plain("http://evil.example[::1]"), is_plain("http://user@")
    (False, False)
    """
    return address.isprintable() and _ADDRESS.fullmatch(address) is not None
