"""The device that a batch is about, and its state at an event."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, Unpack, get_args

from .. import sdk_names
from ..utils.typed import TypedDict
from ..values import fields, validators
from ..values.validators import Instant, Number
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

    platform: fields.Field[Platform | None] = fields.choice(
        "a platform",
        Platform,
        read=validators.choice("a platform", (*get_args(Platform), "desktop")).check,
    )
    ios_advertising_id = fields.uuid()
    ios_idfv = fields.uuid()
    android_advertising_id = fields.uuid()
    android_uuid = fields.identity()
    fire_advertising_id = fields.uuid()
    roku_advertising_id = fields.uuid()
    roku_publisher_id = fields.uuid()
    microsoft_advertising_id = fields.identity()
    microsoft_publisher_id = fields.identity()
    amp_id = fields.identity()
    att_authorization_status: fields.Field[ATTAuthorizationStatus | None] = fields.choice(
        "an authorization status", ATTAuthorizationStatus
    )
    att_timestamp_unixtime_ms = fields.instant()
    push_token = fields.identity()
    brand = fields.text()
    product = fields.text()
    device = fields.text()
    device_manufacturer = fields.text()
    device_model = fields.text()
    os_version = fields.text()
    build_identifier = fields.text()
    build_version_release = fields.text()
    cpu_architecture = fields.text()
    screen_height = fields.integer()
    screen_width = fields.integer()
    screen_dpi = fields.integer()
    device_country = fields.text()
    locale_language = fields.text()
    locale_country = fields.text()
    network_country = fields.text()
    network_carrier = fields.text()
    network_code = fields.text()
    network_mobile_country_code = fields.text()
    timezone_offset = fields.integer()
    http_header_user_agent = fields.text()
    radio_access_technology = fields.text()
    bluetooth_version = fields.text()
    is_tablet = fields.flag()
    push_notification_sound_enabled = fields.flag()
    push_notification_vibrate_enabled = fields.flag()
    supports_telephony = fields.flag()
    has_nfc = fields.flag()
    bluetooth_enabled = fields.flag()
    limit_ad_tracking = fields.flag()
    is_dst = fields.flag()

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

    time_since_start_ms = fields.integer()
    battery_level = fields.number()
    data_connection_type = fields.text()
    data_connection_type_detail = fields.text()
    gps_state = fields.flag()
    total_system_memory_usage_bytes = fields.integer()
    disk_space_free_bytes = fields.integer()
    external_disk_space_free_bytes = fields.integer()
    cpu = fields.text()
    system_memory_available_bytes = fields.number()
    system_memory_low = fields.flag()
    system_memory_threshold_bytes = fields.number()
    application_memory_available_bytes = fields.number()
    application_memory_max_bytes = fields.number()
    application_memory_total_bytes = fields.number()
    device_orientation: fields.Field[Orientation | None] = fields.choice(
        "an orientation", Orientation, read=validators.scalar
    )
    status_bar_orientation: fields.Field[Orientation | None] = fields.choice(
        "an orientation", Orientation, read=validators.scalar
    )

    def __init__(self, **fields: Unpack[DeviceStateFields]) -> None:
        self._fill(DeviceCurrentState, fields)
