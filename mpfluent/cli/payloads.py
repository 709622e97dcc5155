"""The batches of a payload, or of a file: one, a list of them, or one a line."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO

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


def batches_in(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    r"""Yield the parsed batches of a file, each with its place, such as "line 3".

    One batch a line is read a line at a time; everything else as a whole.

    Args:
        file: JSON text in UTF-8: one batch, a list of them, or one a line.

    Raises:
        InvalidValue: it is no JSON.

    >>> import io
    >>> list(batches_in(io.BytesIO(b'{"mpid": 7}\n\n{"mpid": 8}\n')))
    [('line 1', {'mpid': 7}), ('line 3', {'mpid': 8})]
    >>> list(batches_in(io.BytesIO(b'[{"mpid": 7}]')))
    [('batch 1', {'mpid': 7})]
    """
    head: list[bytes] = []
    seen: list[bytes] = []
    while len(seen) < 2 and (line := file.readline()):
        head.append(line)
        seen += filter(None, [_bare(line)])
    if not seen:
        raise InvalidValue("it is empty")
    if len(seen) < 2 or not _is_batch(seen[0]):
        found = entries_of(b"".join(head) + file.read())
        yield from ((f"batch {number}", each) for number, each in enumerate(found, 1))
        return
    for number, line in _numbered(chain(head, file)):
        if line:
            yield f"line {number}", _parsed_line(number, line)


def _is_batch(line: bytes) -> bool:
    """Return whether a line is an object by itself, so that the next one is another batch."""
    try:
        return line.startswith(b"{") and isinstance(parsed(line), dict)
    except InvalidValue:  # an object of several lines, or a mistake: the whole file tells
        return False


def _lines(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines with their numbers, without byte order marks, which Windows writes."""
    if payload.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        payload = payload.decode("utf-16", "replace").encode()
    yield from _numbered(payload.splitlines())


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    return ((number, _bare(line)) for number, line in enumerate(lines, 1))


def _bare(line: bytes) -> bytes:
    return line.removeprefix(codecs.BOM_UTF8).strip()


def _parsed_line(number: int, line: bytes) -> Any:
    try:
        return parsed(line)
    except InvalidValue as error:
        raise InvalidValue(f"line {number}: {error}") from None
