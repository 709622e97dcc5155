"""Whether requests may leave this machine: in a test run, the pytest plugin says no."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

refuse: Callable[[str], None] | None = None
"""Is asked before each request with its URL, and with its proxy's; raises where it must not go.

None lets all go.
"""
