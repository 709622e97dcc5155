"""Files of rows for the tests of sources, and what a source gives."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from mpfluent import ConfigurationError, InvalidValue


def written(path: Path, content: str | bytes, *, compressed: bool = False) -> str:
    """Write a file and return its path as text."""
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if compressed else data)
    return str(path)


def rows_of(source: Iterable[tuple[Any, Any]]) -> list[Any]:
    """Return the rows of a source; instead of a bad one, the words of its error."""
    return [str(row) if isinstance(row, InvalidValue) else row for _, row in source]


def refusal(make: Any) -> str:
    """Return the words of the error that a whole source is refused with."""
    with pytest.raises(ConfigurationError) as caught:
        rows_of(make())
    assert type(caught.value) is ConfigurationError
    return str(caught.value)
