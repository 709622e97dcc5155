"""What a message carries: a sealed batch as text, and what a worker of any version can read of it.

The envelope is made of plain texts and numbers, so that every serializer of Celery's will do.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..builder.sealed import SealedBatch
from ..delivery.job import Job
from ..errors import InvalidBatch
from ..utils.options import number_between
from ..version import __version__

VERSION = 1  # of the envelope; a worker that does not know a version leaves the message alone


class Message(NamedTuple):
    """A message that could be read.

    Attributes:
        batch: as it was sealed.
        queue: the ``queue`` of the dispatcher that handed it over.
        at: Unix seconds at which it was handed over.
    """

    batch: SealedBatch
    queue: str | None
    at: float


class Unreadable(NamedTuple):
    """A message that could not be read.

    Attributes:
        why: which a log may have.
        newer: whether another version of mpfluent made it, so that another worker may read it.
        at: Unix seconds at which it was handed over, if it says so.
    """

    why: str
    newer: bool = False
    at: float | None = None


def message_of(job: Job, queue: str | None) -> dict[str, Any]:
    """Return the message for a batch that is handed over now."""
    return {
        "version": VERSION,
        "made_by": __version__,
        "queue": queue,
        "at": time.time(),
        "batch": job.to_json(),
    }


def read(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Message | Unreadable:
    """Return the message that a task got, or what is wrong with it."""
    data = args[0] if len(args) == 1 and not kwargs else None
    version = data.get("version") if isinstance(data, Mapping) else None
    if data is None or type(version) is not int:
        return Unreadable("it was not made by a CeleryDispatcher")
    at = number_between(data.get("at"))
    if version > VERSION:
        why = f"it has version {version}, and this worker knows {VERSION}; update mpfluent here"
        return Unreadable(why, newer=True, at=at)
    queue, text = data.get("queue"), data.get("batch")
    if at is None or not isinstance(queue, str | None) or not isinstance(text, str):
        return Unreadable("it was not made by a CeleryDispatcher")
    try:
        return Message(SealedBatch.from_json(text), queue, at)
    except InvalidBatch as error:
        made_by = data.get("made_by")
        if made_by == __version__:
            # its text may have values of the batch
            return Unreadable(f"it holds no sealed batch ({type(error).__name__})", at=at)
        made_by = made_by if isinstance(made_by, str) and made_by.isprintable() else "another"
        why = f"mpfluent {made_by[:20]} made it, and this worker has {__version__}"
        return Unreadable(f"{why}; update mpfluent here", newer=True, at=at)
