"""The device that a batch is about, and its state at an event."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, TypedDict, Unpack, get_args

from .. import sdk_names
from ..values.fields import Field, choice, flag, identity, instant, integer, number, text, uuid
from ..values.validators import Instant, Number, scalar
from ..values.validators import choice as choice_of
from .record import Record

Platform = Literal[
    "iOS", "Android", "web", "tvOS", "roku", "out_of_band", "alexa", "smart_tv", "fire_tv", "xbox"
]


ATTAuthorizationStatus = Literal["authorized", "denied", "not_determined", "restricted"]


Orientation = Literal[
    "portrait",
    "portrait_upside_down",
    "landscape",
    "LandscapeLeft",
    "LandscapeRight",
    "FaceUp",
    "FaceDown",
    "Square",
]


class DeviceFields(TypedDict, total=False):
    """The keywords of :class:`DeviceInformation`."""

    platform: Platform | None
    ios_advertising_id: str | None
    ios_idfv: str | None
    android_advertising_id: str | None
    android_uuid: str | None
    fire_advertising_id: str | None
    roku_advertising_id: str | None
    roku_publisher_id: str | None
    microsoft_advertising_id: str | None
    microsoft_publisher_id: str | None
    amp_id: str | None
    att_authorization_status: ATTAuthorizationStatus | None
    att_timestamp_unixtime_ms: Instant | None
    push_token: str | None
    brand: str | None
    product: str | None
    device: str | None
    device_manufacturer: str | None
    device_model: str | None
    os_version: str | None
    build_identifier: str | None
    build_version_release: str | None
    cpu_architecture: str | None
    screen_height: int | None
    screen_width: int | None
    screen_dpi: int | None
    device_country: str | None
    locale_language: str | None
    locale_country: str | None
    network_country: str | None
    network_carrier: str | None
    network_code: str | None
    network_mobile_country_code: str | None
    timezone_offset: int | None
    http_header_user_agent: str | None
    radio_access_technology: str | None
    bluetooth_version: str | None
    is_tablet: bool | None
    push_notification_sound_enabled: bool | None
    push_notification_vibrate_enabled: bool | None
    supports_telephony: bool | None
    has_nfc: bool | None
    bluetooth_enabled: bool | None
    limit_ad_tracking: bool | None
    is_dst: bool | None


class DeviceInformation(Record, kind="DeviceInformation"):
    """The device that the user was on. Screen sizes are in pixels, the time zone in hours.

    ``att_authorization_status`` should accompany ``ios_advertising_id``: mParticle plans to
    require it.

    >>> DeviceInformation(platform="iOS", screen_height=2732).to_dict()
    {'platform': 'iOS', 'screen_height': 2732}
    """

    _misnomers = MappingProxyType(sdk_names.DEVICE)

    platform: Field[Platform | None] = choice(
        "a platform", Platform, read=choice_of("a platform", (*get_args(Platform), "desktop")).check
    )
    ios_advertising_id = uuid()
    ios_idfv = uuid()
    android_advertising_id = uuid()
    android_uuid = identity()
    fire_advertising_id = uuid()
    roku_advertising_id = uuid()
    roku_publisher_id = uuid()
    microsoft_advertising_id = identity()
    microsoft_publisher_id = identity()
    amp_id = identity()
    att_authorization_status: Field[ATTAuthorizationStatus | None] = choice(
        "an authorization status", ATTAuthorizationStatus
    )
    att_timestamp_unixtime_ms = instant()
    push_token = identity()
    brand = text()
    product = text()
    device = text()
    device_manufacturer = text()
    device_model = text()
    os_version = text()
    build_identifier = text()
    build_version_release = text()
    cpu_architecture = text()
    screen_height = integer()
    screen_width = integer()
    screen_dpi = integer()
    device_country = text()
    locale_language = text()
    locale_country = text()
    network_country = text()
    network_carrier = text()
    network_code = text()
    network_mobile_country_code = text()
    timezone_offset = integer()
    http_header_user_agent = text()
    radio_access_technology = text()
    bluetooth_version = text()
    is_tablet = flag()
    push_notification_sound_enabled = flag()
    push_notification_vibrate_enabled = flag()
    supports_telephony = flag()
    has_nfc = flag()
    bluetooth_enabled = flag()
    limit_ad_tracking = flag()
    is_dst = flag()

    def __init__(self, **fields: Unpack[DeviceFields]) -> None:
        self._fill(DeviceInformation, fields)


class DeviceStateFields(TypedDict, total=False):
    """The keywords of :class:`DeviceCurrentState`."""

    time_since_start_ms: int | None
    battery_level: Number | None
    data_connection_type: str | None
    data_connection_type_detail: str | None
    gps_state: bool | None
    total_system_memory_usage_bytes: int | None
    disk_space_free_bytes: int | None
    external_disk_space_free_bytes: int | None
    cpu: str | None
    system_memory_available_bytes: Number | None
    system_memory_low: bool | None
    system_memory_threshold_bytes: Number | None
    application_memory_available_bytes: Number | None
    application_memory_max_bytes: Number | None
    application_memory_total_bytes: Number | None
    device_orientation: Orientation | None
    status_bar_orientation: Orientation | None


class DeviceCurrentState(Record, kind="DeviceCurrentState"):
    """The state of the device at the time of one event. Memory and disk are in bytes.

    >>> DeviceCurrentState(battery_level=0.5, device_orientation="portrait").battery_level
    0.5
    """

    _read_as = MappingProxyType(
        # so printed in one of the vendor's examples
        {"system_memory_available_Bytes": "system_memory_available_bytes"}
    )

    time_since_start_ms = integer()
    battery_level = number()
    data_connection_type = text()
    data_connection_type_detail = text()
    gps_state = flag()
    total_system_memory_usage_bytes = integer()
    disk_space_free_bytes = integer()
    external_disk_space_free_bytes = integer()
    cpu = text()
    system_memory_available_bytes = number()
    system_memory_low = flag()
    system_memory_threshold_bytes = number()
    application_memory_available_bytes = number()
    application_memory_max_bytes = number()
    application_memory_total_bytes = number()
    device_orientation: Field[Orientation | None] = choice(
        "an orientation", Orientation, read=scalar
    )
    status_bar_orientation: Field[Orientation | None] = choice(
        "an orientation", Orientation, read=scalar
    )

    def __init__(self, **fields: Unpack[DeviceStateFields]) -> None:
        self._fill(DeviceCurrentState, fields)
