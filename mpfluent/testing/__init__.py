"""The test kit: assertions about what was sent, a recording transport, a local server, factories.

For property tests there is ``mpfluent.testing.strategies``, which needs hypothesis.

A part is imported only when it is used. No other folder uses this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .assertions import Sent, assert_nothing_sent, assert_sent
    from .deterministic import FrozenClock, SeededIds
    from .factories import a_product, a_purchase, a_session, a_user, an_event
    from .faults import (
        bad_chunks,
        close_after_read,
        close_idle_after,
        drip,
        garbage,
        hang,
        never_read,
        ok,
        partial_answer,
        redirect,
        reset_after_read,
        reset_before_read,
        reset_mid_request,
        status,
    )
    from .recording import RecordingTransport
    from .server import LocalServer, ReceivedRequest

__all__ = [
    "FrozenClock",
    "LocalServer",
    "ReceivedRequest",
    "RecordingTransport",
    "SeededIds",
    "Sent",
    "a_product",
    "a_purchase",
    "a_session",
    "a_user",
    "an_event",
    "assert_nothing_sent",
    "assert_sent",
    "bad_chunks",
    "close_after_read",
    "close_idle_after",
    "drip",
    "garbage",
    "hang",
    "never_read",
    "ok",
    "partial_answer",
    "redirect",
    "reset_after_read",
    "reset_before_read",
    "reset_mid_request",
    "status",
]

_MODULES = {
    "FrozenClock": "mpfluent.testing.deterministic",
    **dict.fromkeys(
        ("a_product", "a_purchase", "a_session", "a_user", "an_event"),
        "mpfluent.testing.factories",
    ),
    "LocalServer": "mpfluent.testing.server",
    "ReceivedRequest": "mpfluent.testing.server",
    "RecordingTransport": "mpfluent.testing.recording",
    "SeededIds": "mpfluent.testing.deterministic",
    "Sent": "mpfluent.testing.assertions",
    "assert_nothing_sent": "mpfluent.testing.assertions",
    "assert_sent": "mpfluent.testing.assertions",
}


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Import a name when it is used."""
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, "mpfluent.testing.faults")), name)
