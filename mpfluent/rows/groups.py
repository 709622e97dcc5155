"""Rows of one user as one batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..builder.batch import Batch
from ..builder.merge import same_user
from ..errors import MixedUsers
from .keys import Keys, id_of
from .members import Member
from .row import Place
from .sources import Cells

# What the right one of two batches may add or change. Of all else, such as the device, both must
# have the same: the events of one row did not happen on the device of another.
_OF_THE_USER = frozenset(
    ("user_identities", "mpid", "user_attributes", "deleted_user_attributes", "consent_state")
)


class Group:
    """Rows whose batch is one.

    Attributes:
        members: the rows, in order, until their batch is taken.
        batch: theirs, joined, until it is taken.
        rows: their places and cells, from then on.
        window: the number of their window.
        is_settled: whether its outcome was counted.
        is_written: whether its rejects were.
        is_shown: whether the report shows them, as far as it has room.
    """

    __slots__ = (*("batch", "is_settled", "is_shown", "is_written", "members", "rows", "window"),)

    def __init__(self, member: Member, window: int) -> None:
        self.members = [member]
        self.batch = member.batch
        self.window = window
        self.is_settled = False
        self.is_written = False
        self.is_shown = False
        self.rows: Sequence[tuple[Place, Cells | Batch]] = ()

    def takes(self, member: Member) -> bool:
        """Add a row of the same user, if it has all else in common; return whether it has."""
        first = self.members[0]
        # a missing cell is nobody's, and joins nothing
        if None in member.group or member.group != first.group:
            return False
        if _around(member.batch) != _around(first.batch):
            return False
        self.batch = self.batch.merge(member.batch)
        self.members.append(member)
        return True

    def own_id(self, keys: Keys) -> str | None:
        """Return the id that follows from the keys of its rows; None if the batch has one."""
        members = self.members
        _, _, _, digest, _, _ = members[0]  # quicker than by name
        if len(members) > 1:
            digests = [each.digest for each in members]
            if None in digests:
                return None
            digest = keys.digest_of([str(each) for each in digests])
        elif digest is None or "source_request_id" in self.batch._state[0]:
            return None
        return id_of(digest)


def grouped(members: Iterable[Member], window: int) -> list[Group]:
    """Return the groups of a window's rows, in the order of their first rows.

    A row joins only the last group of its user, so that what a later row says of the user stays
    the last word.

    Args:
        window: its number.
    """
    groups: list[Group] = []
    last: dict[Any, int] = {}  # the number of the last group of an identity
    for member in members:
        ids = _ids(member.batch)
        found = sorted({last[each] for each in ids if each in last}, reverse=True)
        number = next((each for each in found if _is_same_user(groups[each], member)), None)
        if number is None or not groups[number].takes(member):
            number = len(groups)
            groups.append(Group(member, window))
        last |= dict.fromkeys(ids, number)
    return groups


def _is_same_user(group: Group, member: Member) -> bool:
    try:
        same_user(group.batch, member.batch)
    except MixedUsers:
        return False
    return True


def _around(batch: Batch) -> dict[str, Any]:
    """Return what both of two batches must have."""
    return {key: value for key, value in zip(*batch._state) if key not in _OF_THE_USER}


def _ids(batch: Batch) -> set[Any]:
    user = batch._get("user_identities")
    found = set(zip(*user._state)) if user is not None else set()
    return found if batch.mpid is None else {*found, ("mpid", batch.mpid)}
