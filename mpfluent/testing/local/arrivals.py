"""The events that a local server accepted, as values, for tests in Python."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ...builder.batch import Batch
from ...errors import ConfigurationError, brief, closest
from ..assertions import Sent
from ..event_names import names_of
from ..held_values import held
from .rows import payloads_of
from .store import Entry, Part, Store, accepted

_MOST_NAMES = 10  # that an error lists


def batch_of(entry: Entry, place: int, part: Part) -> Batch:
    """Return a batch as our values hold it."""
    return held(payloads_of(entry)[place]).batch if part.batch is None else part.batch


def events_in(
    store: Store, event: str | None, type: str | None, user: str | None, after: int = 0
) -> Iterator[Sent]:
    """Yield the accepted events that match, each with its batch, duplicates removed.

    Args:
        store: what came.
        event: any name that it goes by; None for every event.
        type: its type, its action or its verb.
        user: the value of an identity.
        after: the id of a row: only requests behind it.
    """
    for entry, place, part in accepted(store.entries(after)):
        batch = batch_of(entry, place, part)
        if user is not None and user not in _ids_of(batch):
            continue
        for one in batch.events:
            names = names_of(one)
            # a custom event's own name comes first, and is no type
            own = one._get("event_name") or one._get("screen_name") or one._get("label")
            types = [name for name in names if name != own]
            if (event is None or event in names) and (type is None or type in types):
                yield Sent(one, batch)


def _ids_of(batch: Batch) -> list[str]:
    identities = batch._get("user_identities")
    values = () if identities is None else identities._state[1]
    found = (*values, batch._get("mpid"), batch._get("mp_deviceid"))
    return [str(value) for value in found if value is not None]


def first_event(
    store: Store, event: str | None, type: str | None, user: str | None, timeout: float
) -> Sent | None:
    """Return the first event that matches, as soon as it is there, or None after the time.

    Args:
        store: what came.
        event: any name that it goes by.
        type: its type, its action or its verb.
        user: the value of an identity.
        timeout: seconds to wait, at most.
    """
    end, seen = time.monotonic() + timeout, 0
    while True:
        newest = store.newest
        for found in events_in(store, event, type, user, seen):
            return found
        seen = newest
        if not store.wait_beyond(seen, end - time.monotonic()):
            return None


def nothing_came(
    store: Store, event: str | None, type: str | None, user: str | None, timeout: float
) -> str:
    """Return what an error says of an event that did not come, with what came instead."""
    asked = {"type": type, "user": user}
    words = [] if event is None else [brief(event)]
    words += [f"{name}={brief(value)}" for name, value in asked.items() if value is not None]
    names = {names_of(sent.event)[0]: None for sent in events_in(store, None, None, None)}
    close = closest(event, names) if event is not None else None
    came = ", ".join(map(brief, list(names)[-_MOST_NAMES:])) or "none"
    hint = f"; did you mean {close!r}?" if close else ""
    when = "before the server was stopped" if store.closed else f"within {timeout:g} s"
    return f"no event {', '.join(words)} came {when}; what came: {came}{hint}"


def checked_texts(where: str, **given: object) -> None:
    """Raise if something that is asked for is no text."""
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise ConfigurationError(
                f"{where}({name}={brief(value)}): want text, got {type(value).__name__}; "
                f"write server.{where}({name}={brief(str(value))})"
            )
