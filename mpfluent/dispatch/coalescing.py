"""Several batches of one user as one: the same context once, and the events of all, in order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from ..delivery.job import Job, Payload, payloads_of, together
from ..wire.limits import MAX_BATCH_BYTES, identities

WINDOW = 4_096  # jobs that are looked at together
WINDOW_BYTES = 8_000_000  # and bytes of them: more takes long to look at, and joins little

_COMMA = 1  # byte between two events
_ID = re.compile(rb'"source_request_id":"(?:[^"\\]|\\.)*"')


class _Group:
    """Jobs that travel as one payload, and what they come to."""

    __slots__ = ("jobs", "passed", "size")

    def __init__(self, job: Job) -> None:
        self.jobs = [job]
        self.passed = False  # whether another group of that user follows: it takes no more
        self.size = job.size

    def takes(self, job: Job) -> bool:
        """Let a job with the same context join, if it can."""
        more = len(job.parts[0].body) - job.parts[0].head + _COMMA  # or some bytes less
        if self.passed or self.size + more > MAX_BATCH_BYTES:
            return False
        self.jobs.append(job)
        self.size += more
        return True

    def payloads(self) -> list[Payload]:
        return [together(self.jobs)] if len(self.jobs) > 1 else payloads_of(self.jobs)


def coalesce(jobs: Iterable[Job]) -> list[Payload]:
    """Return the payloads that jobs travel in; each job is looked at once.

    Jobs join where their contexts are equal, byte for byte but for the id, and say who the
    user is. A user's events never change their order: what shares an identity with a batch before
    it joins that one or travels after it. A group travels where its first member stands.
    """
    groups: list[_Group] = []
    same: dict[bytes, _Group] = {}  # by context: the latest group of it
    users: dict[bytes, set[tuple[str, str]]] = {}  # by context, which says all the identities
    latest: dict[tuple[str, str], _Group] = {}  # by identity
    for job in jobs:
        # What must be equal for jobs to join is the context but for its id. Only the environment
        # stands before the id, so what is found first is the id itself.
        context = _ID.sub(b"", _head(job), count=1)
        joins = not job.own_id and len(job.parts) == 1
        if joins and context in same and same[context].takes(job):
            continue
        group = _Group(job)
        groups.append(group)
        if (marks := users.get(context)) is None:
            # read from the bytes, so that what waits is held as bytes only
            marks = users[context] = set(identities(json.loads(_head(job).decode() + "}")))
        for mark in marks:
            if mark in latest:
                latest[mark].passed = True
            latest[mark] = group
        if joins and marks:
            same[context] = group
    return [payload for group in groups for payload in group.payloads()]


def _head(job: Job) -> bytes:
    """Return the JSON of all but the events, less its last brace."""
    part = job.parts[0]
    return part.body[: part.head - 1]
