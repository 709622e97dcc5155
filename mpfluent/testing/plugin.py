"""The entry point. pytest loads it wherever mpfluent is installed, also where nobody uses it.

So it must not break an older pytest. The plugin itself needs pytest 8, and is imported only there.
"""

from __future__ import annotations

from typing import Any

import pytest

_VERSION: tuple[Any, ...] = getattr(pytest, "version_tuple", (0,))

if _VERSION >= (8,):
    from .pytest_hooks import *  # noqa: F403 - pytest looks for hooks and fixtures in this module
else:

    def pytest_report_header() -> str:
        """Say why there are no fixtures."""
        return f"mpfluent: its plugin needs pytest 8 or newer, and this is {pytest.__version__}"
