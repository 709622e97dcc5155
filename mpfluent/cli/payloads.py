"""The batches of a payload: one, a list of them, or one a line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

from ..encoding.json import parsed
from ..errors import InvalidValue


def entries_of(payload: bytes) -> list[Any]:
    """Return the parsed batches of a payload.

    Args:
        payload: JSON text in UTF-8: one batch, a list of them, or one a line.

    Raises:
        InvalidValue: it is no JSON.

    >>> entries_of(b'{"mpid": 7}') == entries_of(b'[{"mpid": 7}]') == [{"mpid": 7}]
    True
    """
    try:
        whole = parsed(payload)
    except InvalidValue:  # not one JSON text; it may be one a line
        lines = [(number, line) for number, line in _lines(payload) if line]
        if len(lines) < 2 or not all(line.startswith(b"{") for _, line in lines):
            raise
        return [_parsed_line(number, line) for number, line in lines]
    return whole if isinstance(whole, list) else [whole]


def _lines(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines with their numbers, without byte order marks, which Windows writes."""
    if payload.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        payload = payload.decode("utf-16", "replace").encode()
    for number, line in enumerate(payload.splitlines(), 1):
        yield number, line.removeprefix(codecs.BOM_UTF8).strip()


def _parsed_line(number: int, line: bytes) -> Any:
    try:
        return parsed(line)
    except InvalidValue as error:
        raise InvalidValue(f"line {number}: {error}") from None
