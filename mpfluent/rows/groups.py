"""Rows of one user as one batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..builder.batch import Batch
from ..errors import MixedUsers
from .keys import Keys, id_of
from .members import Member

# What the right one of two batches may add or change. Of all else, such as the device, both must
# have the same: the events of one row did not happen on the device of another.
_OF_THE_USER = frozenset(
    ("user_identities", "mpid", "user_attributes", "deleted_user_attributes", "consent_state")
)


class Group:
    """Rows whose batch is one.

    Attributes:
        members: the rows, in order.
        batch: theirs, joined.
        window: the number of their window.
        is_settled: whether its outcome was counted.
        is_written: whether its rejects were.
    """

    __slots__ = ("batch", "is_settled", "is_written", "members", "window")

    def __init__(self, member: Member, window: int) -> None:
        self.members = [member]
        self.batch = member.batch
        self.window = window
        self.is_settled = False
        self.is_written = False

    def takes(self, member: Member) -> bool:
        """Add a row, if it is the same user's; return whether it was."""
        if not _share_an_id(self.batch, member.batch):
            return False
        try:
            self.batch = self.batch.merge(member.batch)
        except MixedUsers:
            return False
        self.members.append(member)
        return True

    def identified(self, keys: Keys) -> Batch:
        """Return the batch with the id that follows from the keys of its rows."""
        member, *others = self.members
        digest = member.digest
        if others:
            digests = [digest, *[each.digest for each in others]]
            if None in digests:
                return self.batch
            digest = keys.digest_of([str(each) for each in digests])
        elif digest is None or "source_request_id" in self.batch._state[0]:
            return self.batch
        return self.batch._put("source_request_id", id_of(digest))


def grouped(members: Iterable[Member], window: int) -> list[Group]:
    """Return the groups of a window's rows, in the order of their first rows.

    Args:
        window: its number.
    """
    groups: list[Group] = []
    alike: dict[Any, list[Group]] = {}
    for member in members:
        around = [(k, v) for k, v in zip(*member.batch._state) if k not in _OF_THE_USER]
        candidates = alike.setdefault((member.group, tuple(around)), [])
        # a missing cell is nobody's, and joins nothing
        if None in member.group or not any(group.takes(member) for group in candidates):
            groups.append(Group(member, window))
            candidates.append(groups[-1])
    return groups


def _share_an_id(left: Batch, right: Batch) -> bool:
    return not _ids(left).isdisjoint(_ids(right))


def _ids(batch: Batch) -> set[Any]:
    user = batch._get("user_identities")
    found = set(zip(*user._state)) if user is not None else set()
    return found if batch.mpid is None else {*found, ("mpid", batch.mpid)}
