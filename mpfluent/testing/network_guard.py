"""What sees to it that no test sends to the real network, and knows what was about to."""

from __future__ import annotations

import os
import sys
import threading
from types import FrameType
from typing import NamedTuple

_ON_THE_WAY = ("mpfluent", "requests", "urllib3")  # none of them is who sends
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
        place: scheme and host; the rest of a URL is nobody's business.
        sender: where it came from, as the report says it.
    """

    place: str
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
        """Raise if a request to this URL would leave the machine, and remember it.

        Raises:
            TransportError: it would; no other attempt can help.
        """
        from ..errors import TransportError

        scheme, host = _place(url)
        if self.open or is_this_machine(host):
            return
        place = f"{scheme}://{host}"
        self._refusals.append(Refusal(place, _sender()))
        raise TransportError(f"{_SAYS}{place}; {_INSTEAD}", retryable=False)

    @staticmethod
    def raised(error: BaseException) -> bool:
        """Return whether an error says that a request was refused, and nothing else."""
        return str(error).startswith(_SAYS)

    @staticmethod
    def says(text: str) -> bool:
        """Return whether a text, such as a traceback, tells of a request that was refused."""
        return _SAYS in text

    def told(self) -> str | None:
        """Return what was refused since it was asked last, or None if nothing was."""
        refusals, self._refusals = self._refusals, []
        if not refusals:
            return None
        lines = [f"  {refusal.place}, {refusal.sender}" for refusal in refusals[:_MOST]]
        if len(refusals) > _MOST:
            lines.append(f"  … and {len(refusals) - _MOST} more")
        listed = "\n".join(lines)
        return f"{_SAYS}the network, and this was refused:\n{listed}\n{_INSTEAD}"


def _place(url: str) -> tuple[str, str]:
    """Return scheme and host as urllib3 reads them, which is who will connect."""
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    try:
        parts = parse_url(url)
    except LocationParseError:
        return "", "an address that is none"
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
    except ValueError:
        return False


def _sender() -> str:
    """Return who sends: the line that calls mpfluent, or the thread where there is none."""
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
