"""The records of a batch's context: who, on which device, with which app, under which consent.

Field names are the wire's. Each record is a class of declared fields; beside it stands a
``TypedDict`` of the same names, which tells type checkers what its keywords take (a test keeps
the two in step).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, Unpack

from .. import sdk_names
from ..utils.typed import TypedDict
from ..values import fields
from ..values.validators import Instant, is_blank
from .record import Record

IdentityType = Literal[
    "customer_id",
    "other",
    "facebook",
    "twitter",
    "google",
    "microsoft",
    "yahoo",
    "email",
    "alias",
    "facebook_custom_audience_id",
    "other_id_2",
    "other_id_3",
    "other_id_4",
    "other_id_5",
    "other_id_6",
    "other_id_7",
    "other_id_8",
    "other_id_9",
    "other_id_10",
    "mobile_number",
    "phone_number_2",
    "phone_number_3",
]


class IdentityFields(TypedDict, total=False):
    """The keywords of :class:`UserIdentities`: strings of at most 256 characters."""

    customer_id: str | None
    other: str | None
    facebook: str | None
    twitter: str | None
    google: str | None
    microsoft: str | None
    yahoo: str | None
    email: str | None
    alias: str | None
    facebook_custom_audience_id: str | None
    other_id_2: str | None
    other_id_3: str | None
    other_id_4: str | None
    other_id_5: str | None
    other_id_6: str | None
    other_id_7: str | None
    other_id_8: str | None
    other_id_9: str | None
    other_id_10: str | None
    mobile_number: str | None
    phone_number_2: str | None
    phone_number_3: str | None


class UserIdentities(Record, kind="UserIdentities"):
    """Who the user is: one value for each kind of identity.

    >>> UserIdentities(customer_id="123456", email="user@example.com").email
    'user@example.com'
    """

    _misnomers = MappingProxyType(sdk_names.USER)
    _read_as = MappingProxyType({"customerid": "customer_id"})

    customer_id = fields.identity()
    other = fields.identity()
    facebook = fields.identity()
    twitter = fields.identity()
    google = fields.identity()
    microsoft = fields.identity()
    yahoo = fields.identity()
    email = fields.identity()
    alias = fields.identity()
    facebook_custom_audience_id = fields.identity()
    other_id_2 = fields.identity()
    other_id_3 = fields.identity()
    other_id_4 = fields.identity()
    other_id_5 = fields.identity()
    other_id_6 = fields.identity()
    other_id_7 = fields.identity()
    other_id_8 = fields.identity()
    other_id_9 = fields.identity()
    other_id_10 = fields.identity()
    mobile_number = fields.identity()
    phone_number_2 = fields.identity()
    phone_number_3 = fields.identity()

    def __init__(self, **fields: Unpack[IdentityFields]) -> None:
        self._fill(UserIdentities, fields)

    @classmethod
    def _unify(cls, data: Any) -> Any:
        """Return the array of identities that mParticle sends out as a map."""
        if not isinstance(data, list | tuple):
            return data
        known = (isinstance(entry, Mapping) and entry.get("identity_type") for entry in data)
        if not all(isinstance(name, str) for name in known):
            return None
        found: dict[str, Any] = {}
        for entry in data:
            name, value = entry["identity_type"], entry.get("identity")
            says_something = value is not None and not (isinstance(value, str) and is_blank(value))
            if says_something or name not in found:
                found[name] = value
        return found


class UserIdentityFields(TypedDict, total=False):
    """The optional keywords of :class:`UserIdentity`."""

    created_this_batch: bool | None


class UserIdentity(Record, kind="UserIdentity"):
    """One identity at one time, as the ``user_identity_change`` event carries it.

    >>> UserIdentity("email", "user@example.com", "2026-11-23T10:15:00Z").timestamp_unixtime_ms
    1795428900000
    """

    identity_type: fields.Field[IdentityType] = fields.required(
        fields.choice("an identity type", IdentityType)
    )
    identity = fields.required(fields.identity())
    timestamp_unixtime_ms = fields.required(fields.instant())
    created_this_batch = fields.flag()

    def __init__(
        self,
        identity_type: IdentityType,
        identity: str,
        timestamp_unixtime_ms: Instant,
        **fields: Unpack[UserIdentityFields],
    ) -> None:
        self._fill(UserIdentity, fields, identity_type, identity, timestamp_unixtime_ms)

    @classmethod
    def _is_none(cls, data: Mapping[str, Any]) -> bool:
        return data.get("identity") is None
