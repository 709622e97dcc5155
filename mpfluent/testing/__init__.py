"""The test kit: a server that stands in for mParticle, and a transport that records.

Nothing here is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..transports import RecordingTransport
    from .faults import drop_after_read, ok, status
    from .server import LocalServer, ReceivedRequest

__all__ = [
    "LocalServer",
    "ReceivedRequest",
    "RecordingTransport",
    "drop_after_read",
    "ok",
    "status",
]

_HOMES = {
    "LocalServer": "mpfluent.testing.server",
    "ReceivedRequest": "mpfluent.testing.server",
    "RecordingTransport": "mpfluent.transports",
    "drop_after_read": "mpfluent.testing.faults",
    "ok": "mpfluent.testing.faults",
    "status": "mpfluent.testing.faults",
}


def __dir__() -> list[str]:
    """List the kit."""
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
