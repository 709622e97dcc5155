"""What every event has: the base class, and the keywords that each of them takes.

Four names are short because they stand on nearly every event: ``at`` is
``timestamp_unixtime_ms`` on the wire, ``attributes`` is ``custom_attributes``, ``flags`` is
``custom_flags``, and ``type`` is ``custom_event_type``. All others are the wire's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, ClassVar

from .. import sdk_names
from ..errors import InvalidValue, UnknownField, unknown_field
from ..utils.introspection import hide_annotations
from ..utils.typed import TypedDict
from ..values import fields
from ..values.frozen_map import FrozenMap
from ..values.validators import Instant, Number, Scalar
from .context import GeoLocation
from .device import DeviceCurrentState
from .record import Record

_LATE = 100  # the common fields come after an event's own in schema order


class DetailFields(TypedDict, total=False):
    """The keywords that every event takes, but for its attributes, time and session.

    Args:
        flags: names to flat values, only for the integration that they name.
        location: where it happened.
        device_current_state: the device's state at that time.
        source_message_id: the event's unique id; sending makes one if it is not given.
        lifetime_value_change: how much the user became worth, in your currency.
        active_time_on_site_ms: in milliseconds.
    """

    source_message_id: str | None
    flags: Mapping[str, Scalar | None] | None
    location: GeoLocation | None
    device_current_state: DeviceCurrentState | None
    session_start_unixtime_ms: Instant | None
    event_start_unixtime_ms: Instant | None
    is_goal_defined: bool | None
    lifetime_value_change: Number | None
    lifetime_value_attribute_name: str | None
    data_connection_type: str | None
    view_controller: str | None
    is_main_thread: bool | None
    canonical_name: str | None
    page_url: str | None
    active_time_on_site_ms: int | None


class TimeFields(DetailFields, total=False):
    """The details, and the time.

    Args:
        at: when it happened: an aware datetime, an ISO 8601 string with a zone, or Unix
            milliseconds. Without it the time of sending is used.
    """

    at: Instant | None


class PlaceFields(DetailFields, total=False):
    """The details, and the place in a session.

    Args:
        after: only in a :class:`~mpfluent.Session`: how long after the event before, in seconds
            or as a timedelta.
        session_uuid: the session's UUID.
        session_id: its 64-bit number, from other clients.
        event_num: the place in the session, from 0.
    """

    after: float | timedelta | None
    session_uuid: str | None
    session_id: int | None
    event_num: int | None


class CommonFields(TimeFields, PlaceFields, total=False):
    """The keywords that every event takes, but for its attributes."""


class EventFields(CommonFields, total=False):
    """The keywords that every event takes.

    Args:
        attributes: names to flat values; an entry that is None is left out.
    """

    attributes: Mapping[str, Scalar | None] | None


_TYPES: dict[object, type[Event]] = {}


class Event(Record, kind="Event", rank=_LATE):
    """The base of all events: the fields that each of them takes."""

    _open = True
    _server_set = frozenset({"event_id", "event_system_notification_info"})
    _misnomers = MappingProxyType(sdk_names.EVENT)
    _by_type: ClassVar[Mapping[object, type[Event]]] = MappingProxyType(_TYPES)
    event_type: ClassVar[str]
    _verb: ClassVar[str | None] = None

    at = fields.instant(wire="timestamp_unixtime_ms")
    source_message_id = fields.name()
    session_uuid = fields.uuid(new=True)
    session_id = fields.integer()
    event_num = fields.integer()
    attributes = fields.scalars(wire="custom_attributes")
    # only for the integration that they name: the vendor's examples put lists into them
    flags = fields.scalars(wire="custom_flags", partly=True)
    location = fields.record(GeoLocation)
    device_current_state = fields.record(DeviceCurrentState)
    session_start_unixtime_ms = fields.instant()
    event_start_unixtime_ms = fields.instant()
    is_goal_defined = fields.flag()
    lifetime_value_change = fields.number()
    lifetime_value_attribute_name = fields.text()
    data_connection_type = fields.text()
    view_controller = fields.text()
    is_main_thread = fields.flag()
    canonical_name = fields.text()
    page_url = fields.text()
    active_time_on_site_ms = fields.integer()

    def __init_subclass__(
        cls, *, event_type: str | None = None, verb: str | None = None, **kwargs: Any
    ) -> None:
        """Register the class of an event type; a subclass of one is read as its base.

        ``verb`` appends such an event. Where several verbs do, ``_made_by`` says which.
        """
        cls._verb = verb or cls._verb
        if event_type is not None:
            cls.event_type = event_type
            kwargs = {"kind": event_type, "rank": 0, **kwargs}
            _TYPES[event_type] = cls
        super().__init_subclass__(**kwargs)

    def _made_by(self) -> str | None:
        """Return the verb that appends an event like this one, if there is one."""
        return self._verb

    @property
    def timestamp_unixtime_ms(self) -> int | None:
        """The event's ``at``, by its wire name."""
        return self.at

    @property
    @hide_annotations
    def custom_attributes(self) -> FrozenMap[Scalar] | None:
        """The event's ``attributes``, by their wire name."""
        return self.attributes

    @property
    @hide_annotations
    def custom_flags(self) -> FrozenMap[Scalar] | None:
        """The event's ``flags``, by their wire name."""
        return self.flags

    def __init__(self, **_: Any) -> None:
        raise InvalidValue("Event is what all events have in common; write AppEvent('Name')")

    @classmethod
    def _no_field(cls, where: str, name: object) -> UnknownField:
        if name == "after":
            return UnknownField(
                f"{where}(after=…): only a Session places its events relative to each other; "
                f"write at=…, or Session.start(…, at=…).{where}(…, after=…)"
            )
        allowed = [*cls._fields, "after"]
        return unknown_field(f"{where}()", name, allowed, cls._called(name, allowed))

    def to_dict(self) -> dict[str, Any]:
        """Export as plain dicts and lists, in the event's wrapper; Decimals stay Decimals."""
        from ..encoding import encoder

        return encoder.encode_event(self)
