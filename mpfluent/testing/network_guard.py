"""Prevents tests from sending to the real network, and lists the requests that it refused."""

from __future__ import annotations

import os
import sys
import threading
from types import FrameType
from typing import NamedTuple

_ON_THE_WAY = ("mpfluent", "requests", "urllib3")  # packages that pass a test's call on
_MOST = 5  # refusals that are listed
_SAYS = "a test does not send to "
_INSTEAD = (
    "use the fixture mparticle_client, Client(…, transport=RecordingTransport()) or "
    "Client(…, host=mparticle_server.url), or mark the test with @pytest.mark.mparticle_network, "
    "which lets it send to the real mParticle"
)


class Refusal(NamedTuple):
    """One request that was not made.

    Attributes:
        address: scheme and host; the rest of a URL may hold a secret.
        sender: the line that sent it, as the report shows it.
    """

    address: str
    sender: str


class Guard:
    """Refuses every request that would leave this machine, unless it is open.

    Attributes:
        open: whether requests may leave.
    """

    def __init__(self) -> None:
        self.open = False
        self._refusals: list[Refusal] = []

    def refuse(self, url: str) -> None:
        """Raise if a request to this URL would leave the machine, and keep it for the report.

        Raises:
            TransportError: it would; another attempt cannot help.
        """
        from ..errors import TransportError

        scheme, host = _target(url)
        if self.open or is_this_machine(host):
            return
        address = f"{scheme}://{host}"
        self._refusals.append(Refusal(address, _sender()))
        raise TransportError(f"{_SAYS}{address}; {_INSTEAD}", retryable=False)

    @staticmethod
    def raised(error: BaseException) -> bool:
        """Return whether an error is that of a refused request, and nothing else."""
        return str(error).startswith(_SAYS)

    @staticmethod
    def says(text: str) -> bool:
        """Return whether a text, such as a traceback, mentions a refused request."""
        return _SAYS in text

    def report(self) -> str | None:
        """Return the text about all requests refused since the last report, or None."""
        refusals, self._refusals = self._refusals, []
        if not refusals:
            return None
        lines = [f"  {refusal.address}, {refusal.sender}" for refusal in refusals[:_MOST]]
        if len(refusals) > _MOST:
            lines.append(f"  … and {len(refusals) - _MOST} more")
        listed = "\n".join(lines)
        return f"{_SAYS}the network, and this was refused:\n{listed}\n{_INSTEAD}"


def _target(url: str) -> tuple[str, str]:
    """Return scheme and host as urllib3 reads them: it is urllib3 that connects."""
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    try:
        parts = parse_url(url)
    except LocationParseError:  # refused below, since it is no loopback address
        return "", "an address that is not valid"
    return parts.scheme or "", (parts.host or "").strip("[]")


def is_this_machine(host: str) -> bool:
    """Return whether a name or an address is loopback, without looking anything up.

    >>> is_this_machine("127.0.0.1"), is_this_machine("s2s.us1.mparticle.com")
    (True, False)
    """
    from ipaddress import ip_address  # slow to import, and rarely needed

    if host in ("localhost", ""):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name, and a look-up of it would use the network
        return False


def _sender() -> str:
    """Return the line that called mpfluent, or the thread if no line of a test did."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and _package(frame) in _ON_THE_WAY:
        frame = frame.f_back
    thread = threading.current_thread()
    if frame is None or frame.f_code.co_filename == threading.__file__:
        return (
            f"on the thread {thread.name}; if this test sends nothing, an earlier one has left "
            "its client open"
        )
    shown = frame.f_code.co_filename.removeprefix(os.getcwd() + os.sep)
    return f"from {shown}:{frame.f_lineno} in {frame.f_code.co_name}"


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
