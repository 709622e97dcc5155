"""The stream of server-sent events that the page reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from ..http_connection import Left
from .rows import json_text, texts_of
from .store import Entry, Store

_MOST_ROWS = 500  # in one message
_MOST_TEXT = 1_000_000  # characters in one message, and the row that is beyond them
_EVERY = 0.1  # seconds between two messages with rows, at least
_COUNTS_EVERY = 0.5  # seconds between two messages with counts, at least
_QUIET = 15.0  # seconds after which a comment shows that the stream lives


def stream(
    store: Store, after: int, counts: Callable[[], dict[str, Any]], left: Left
) -> Iterator[bytes]:
    """Yield messages for as long as somebody reads.

    The place of a stream is the id of the row that it sent last: it has no buffer. Who reads
    slowly misses what falls out of the store meanwhile, and is told how many rows that were.

    Args:
        store: what came.
        after: the id of the row behind which it begins.
        counts: returns the counts as JSON has them.
        left: waits, and says whether nobody reads on.
    """
    cleared, oldest, newest = store.position()
    # behind what never was, such as a row of a server that ran before, there is nothing
    place = after if 0 < after <= newest else oldest - 1
    if 0 < after <= cleared:  # who comes back has rows that were cleared meanwhile
        cleared = 0
    counted, counted_at, said_at = None, 0.0, time.monotonic()
    while True:
        messages = b""
        now = time.monotonic()
        # they come first: from them, a page that connects again knows whether it is the same server
        if now - counted_at >= _COUNTS_EVERY and (found := counts()) != counted:
            counted, counted_at = found, now
            messages += _message("counts", json_text(found))
        was_cleared = cleared
        # of one moment: what comes after a clearing is not sent before the clearing is told
        cleared, oldest, newest, entries = store.look(place, _MOST_ROWS)
        if cleared != was_cleared:
            messages += _message("cleared", "{}")
            place = max(place, oldest - 1)
        if place < oldest - 1:
            messages += _message("dropped", json_text({"rows": oldest - 1 - place}))
            place = oldest - 1
        if place < newest:
            texts = _texts_behind(store, entries, place)
            place += len(texts)
            if texts:
                messages += _message("rows", f'{{"rows":[{",".join(texts)}]}}', place)
        if not messages and now - said_at >= _QUIET:
            messages = b": still here\n\n"
        if messages:
            said_at = now
            yield messages
        if left(_EVERY):
            return


def _texts_behind(store: Store, entries: list[Entry], place: int) -> list[str]:
    """Return the next rows behind one as JSON."""
    found: list[str] = []
    size = 0
    for entry in entries:
        for text in texts_of(store, entry, max(0, place + 1 - entry.first)):
            found.append(text)
            size += len(text)
            if len(found) == _MOST_ROWS or size > _MOST_TEXT:
                return found
    return found


def _message(name: str, data: str, row: int | None = None) -> bytes:
    line = "" if row is None else f"id: {row}\n"
    return f"event: {name}\n{line}data: {data}\n\n".encode("utf-8", "backslashreplace")
