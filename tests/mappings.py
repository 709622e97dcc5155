"""Mapping files for tests, which need no file of their own."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from mpfluent import Batch
from mpfluent.rows import Place, Row
from mpfluent.rows.mapping import Mapping, mapping_of
from mpfluent.rows.row import Table

USER = '[user]\ncustomer_id = "id"\n'
EVENT = '[[event]]\nverb = "event"\nname = "Bought"\n'


def mapping(text: str | bytes) -> Mapping:
    """Return the mapping of a file ``policies.toml``, which is gone when this returns."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        data = text if isinstance(text, bytes) else text.encode()
        Path("policies.toml").write_bytes(data)
        return mapping_of("policies.toml")


def row_of(file: str = "policies.csv", line: int = 2, **cells: Any) -> Row:
    """Return a row of a table with these columns."""
    return Row(cells, Place(file, line, line - 2), Table(columns=frozenset(cells)))


def batch_of(text: str, **cells: Any) -> Batch | None:
    """Return what a mapping file makes of a row with these cells."""
    return mapping(text)(row_of(**cells))


def exported(text: str, **cells: Any) -> dict[str, Any]:
    """Return what a mapping file makes of a row with these cells, as plain dicts."""
    batch = batch_of(text, **cells)
    assert batch is not None
    return batch.to_dict()


def toml(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{json.dumps(key)} = {toml(of)}' for key, of in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
