"""Joining: how two values of one field of a batch become one."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from ..errors import InvalidValue, MixedUsers, brief
from ..model.consent import ConsentState
from ..values.frozen_map import FrozenMap, frozen_map


def merged_record(left: Any, right: Any) -> Any:
    """Return the left record with the right one's fields; the right side wins."""
    if type(left) is not type(right):  # somebody's own class, which has more fields
        if isinstance(right, type(left)):
            left = type(right)._make(*left._state)
        for key in right._keys:
            if key not in left._wire:
                ours, theirs = type(left).__name__, type(right).__name__
                raise InvalidValue(
                    f"{ours} and {theirs} do not go together: {ours} has no field {key!r}; "
                    "write one class that has the fields of both"
                )
    return left._with(dict(zip(*right._state)))


def merged_map(left: Mapping[str, Any] | None, right: Mapping[str, Any]) -> FrozenMap[Any]:
    """Return both maps' entries; the right side wins."""
    # by its items, for a look-up in a frozen map goes through its names
    return frozen_map(dict([*(left or {}).items(), *right.items()]))


def merged_maps(left: Mapping[str, Any] | None, right: Mapping[str, Any] | None) -> Any:
    """Return both maps of maps, joined map by map."""
    if not right:
        return left
    joined = {key: merged_map((left or {}).get(key), value) for key, value in right.items()}
    return merged_map(left, joined)


def merged_consent(left: ConsentState | None, right: ConsentState) -> ConsentState:
    """Return both consents, joined purpose by purpose."""
    if left is None:
        return right
    return left._with({k: merged_map(left._get(k), v) for k, v in zip(*right._state)})


def merged_names(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    """Return both lists of names, each name once."""
    return tuple(dict.fromkeys((*left, *right)))


def still_deleted(listed: Iterable[str], given: Container[str]) -> tuple[str, ...] | None:
    """Return the attributes that are to be deleted, without those that are set."""
    return tuple(name for name in listed if name not in given) or None


# How two values of one field become one; of every other field, the right side wins.
JOINS: dict[str, Callable[[Any, Any], Any]] = {
    "user_identities": merged_record,
    "device_info": merged_record,
    "application_info": merged_record,
    "context": merged_record,
    "consent_state": merged_consent,
    "user_attributes": merged_map,
    "deleted_user_attributes": merged_names,
    "partner_identities": merged_map,
    "integration_attributes": merged_maps,
}


def same_user(left: Any, right: Any) -> None:
    """Raise if the two batches name different users."""
    known = _who(right)
    for (field, name), ours in _who(left).items():
        theirs = known.get((field, name), ours)
        if theirs != ours:
            raise MixedUsers(
                f"cannot merge {name}={brief(ours)} with {name}={brief(theirs)}: "
                "a batch is one user; send both with client.send(a, b)"
            )


def _who(batch: Any) -> dict[tuple[str, str], Any]:
    """Return what a batch says of its user, by field and name."""
    named = {name: batch._get(name) for name in ("mpid", "partner_identity")}
    said = {(name, name): value for name, value in named.items() if value is not None}
    for field in ("user_identities", "partner_identities"):
        if (inside := batch._get(field)) is not None:
            said |= {(field, name): value for name, value in zip(inside._keys, inside._values)}
    return said
