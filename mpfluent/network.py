"""Whether requests may leave this machine: in a test run, the pytest plugin says no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
