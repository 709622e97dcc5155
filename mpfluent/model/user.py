"""The records of a batch's context: who, on which device, with which app, under which consent.

Field names are the wire's. Each record is a class of declared fields; beside it stands a
``TypedDict`` of the same names, which tells type checkers what its keywords take (a test keeps
the two in step).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, Never, TypedDict, Unpack, get_args

from .. import sdk_names
from ..errors import brief
from ..utils.introspection import twin
from ..values import validators
from ..values.fields import (
    Field,
    choice,
    degrees,
    flag,
    identity,
    instant,
    integer,
    maps_of_scalars,
    name,
    number,
    record,
    records_by_name,
    required,
    text,
    uuid,
)
from ..values.frozen_map import FrozenMap
from ..values.validators import Instant, Number, Scalar, is_blank, scalar
from ..values.validators import choice as choice_of
from .record import Record

Environment = Literal["development", "production"]
Platform = Literal[
    "iOS",
    "Android",
    "web",
    "tvOS",
    "roku",
    "out_of_band",
    "alexa",
    "smart_tv",
    "fire_tv",
    "xbox",
]
ATTAuthorizationStatus = Literal["authorized", "denied", "not_determined", "restricted"]
OperatingSystem = Literal[
    "Unknown",
    "IOS",
    "Android",
    "WindowsPhone",
    "MobileWeb",
    "UnityIOS",
    "UnityAndroid",
    "Desktop",
    "TVOS",
    "Roku",
    "OutOfBand",
    "Alexa",
    "SmartTV",
    "FireTV",
    "Xbox",
]
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
LocationSource = Literal["unknown", "ip_lookup", "lat_long"]
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

    __slots__ = ()
    _misnomers = MappingProxyType(sdk_names.USER)
    _read_as = MappingProxyType({"customerid": "customer_id"})

    customer_id = identity()
    other = identity()
    facebook = identity()
    twitter = identity()
    google = identity()
    microsoft = identity()
    yahoo = identity()
    email = identity()
    alias = identity()
    facebook_custom_audience_id = identity()
    other_id_2 = identity()
    other_id_3 = identity()
    other_id_4 = identity()
    other_id_5 = identity()
    other_id_6 = identity()
    other_id_7 = identity()
    other_id_8 = identity()
    other_id_9 = identity()
    other_id_10 = identity()
    mobile_number = identity()
    phone_number_2 = identity()
    phone_number_3 = identity()

    def __init__(self, **fields: Unpack[IdentityFields]) -> None:
        self._fill("UserIdentities", fields)

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

    __slots__ = ()

    identity_type: Field[IdentityType] = required(
        choice("an identity type", get_args(IdentityType))
    )
    identity = required(identity())
    timestamp_unixtime_ms = required(instant())
    created_this_batch = flag()

    def __init__(
        self,
        identity_type: IdentityType,
        identity: str,
        timestamp_unixtime_ms: Instant,
        **fields: Unpack[UserIdentityFields],
    ) -> None:
        self._fill(
            "UserIdentity",
            {
                "identity_type": identity_type,
                "identity": identity,
                "timestamp_unixtime_ms": timestamp_unixtime_ms,
                **fields,
            },
        )

    @classmethod
    def _is_none(cls, data: Mapping[str, Any]) -> bool:
        return data.get("identity") is None


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

    __slots__ = ()
    _misnomers = MappingProxyType(sdk_names.DEVICE)

    platform: Field[Platform | None] = choice(
        "a platform",
        get_args(Platform),
        read=choice_of("a platform", (*get_args(Platform), "desktop")),
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
        "an authorization status", get_args(ATTAuthorizationStatus)
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
        self._fill("DeviceInformation", fields)


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

    __slots__ = ()
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
        "an orientation", get_args(Orientation), read=scalar
    )
    status_bar_orientation: Field[Orientation | None] = choice(
        "an orientation", get_args(Orientation), read=scalar
    )

    def __init__(self, **fields: Unpack[DeviceStateFields]) -> None:
        self._fill("DeviceCurrentState", fields)


class ApplicationFields(TypedDict, total=False):
    """The keywords of :class:`ApplicationInformation`."""

    application_name: str | None
    application_version: str | None
    application_build_number: str | None
    package: str | None
    install_referrer: str | None
    os: OperatingSystem | None
    apple_search_ads_attributes: Mapping[str, Mapping[str, Scalar]] | None


class ApplicationInformation(Record, kind="ApplicationInformation"):
    """The app that the user was in.

    >>> ApplicationInformation(application_name="Shop", os="IOS").os
    'IOS'
    """

    __slots__ = ()

    application_name = text()
    application_version = text()
    application_build_number = text()
    package = text()
    install_referrer = text()
    os: Field[OperatingSystem | None] = choice("an operating system", get_args(OperatingSystem))
    apple_search_ads_attributes = maps_of_scalars()

    def __init__(self, **fields: Unpack[ApplicationFields]) -> None:
        self._fill("ApplicationInformation", fields)


class LocationFields(TypedDict, total=False):
    """The optional keywords of :class:`GeoLocation`."""

    accuracy: Number | None
    country_code: str | None
    region_code: str | None
    city_name: str | None
    postal_code: str | None
    dma_code: int | None
    location_source: LocationSource | None


class GeoLocation(Record, kind="GeoLocation"):
    """A place: degrees north, degrees east, accuracy in metres.

    >>> GeoLocation(40.7142, -74.0064, country_code="US").latitude
    40.7142
    """

    __slots__ = ()
    _misnomers = MappingProxyType(sdk_names.LOCATION)

    latitude: Field[Number] = required(degrees(validators.latitude))
    longitude: Field[Number] = required(degrees(validators.longitude))
    accuracy = number()
    country_code = text()
    region_code = text()
    city_name = text()
    postal_code = text()
    dma_code = integer()
    location_source: Field[LocationSource | None] = choice(
        "a location source", get_args(LocationSource)
    )

    def __init__(
        self, latitude: Number, longitude: Number, **fields: Unpack[LocationFields]
    ) -> None:
        self._fill("GeoLocation", {"latitude": latitude, "longitude": longitude, **fields})


class AttributionInfo(Record, kind="AttributionInfo"):
    """What an install is attributed to.

    >>> AttributionInfo("AppsFlyer", "Example network", "Spring").campaign
    'Spring'
    """

    __slots__ = ()

    service_provider = required(text())
    publisher = required(text())
    campaign = required(text())

    def __init__(
        self, service_provider: str, publisher: str, campaign: str, **unknown: Never
    ) -> None:
        given = {"service_provider": service_provider, "publisher": publisher}
        self._fill("AttributionInfo", {**given, "campaign": campaign, **unknown})


class DataPlanContext(Record, kind="DataPlanContext"):
    """The data plan that mParticle checks the batch against; without a version, the latest.

    >>> DataPlanContext("mobile_data_plan", 2).plan_version
    2
    """

    __slots__ = ()
    _server_set = frozenset({"block_metadata"})

    plan_id = required(name())
    plan_version = integer()

    def __init__(self, plan_id: str, plan_version: int | None = None, **unknown: Never) -> None:
        self._fill("DataPlanContext", {"plan_id": plan_id, "plan_version": plan_version, **unknown})


class BatchContext(Record, kind="BatchContext"):
    """The data plan and the place of a whole batch.

    >>> BatchContext(data_plan=DataPlanContext("mobile_data_plan")).data_plan.plan_id
    'mobile_data_plan'
    """

    __slots__ = ()
    _open = True

    data_plan: Field[DataPlanContext | None] = record(DataPlanContext)
    location: Field[GeoLocation | None] = record(GeoLocation)

    def __init__(
        self,
        *,
        data_plan: DataPlanContext | None = None,
        location: GeoLocation | None = None,
        **unknown: Never,
    ) -> None:
        self._fill("BatchContext", {"data_plan": data_plan, "location": location, **unknown})


class ConsentFields(TypedDict, total=False):
    """The optional keywords of a consent record."""

    document: str | None
    location: str | None
    hardware_id: str | None


class _Consent(Record):
    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if _Consent in cls.__bases__:  # Python's own errors say whose __init__ it is
            init: Any = twin(_Consent.__init__)
            init.__qualname__ = f"{cls.__qualname__}.__init__"
            cls.__init__ = init  # type: ignore[method-assign]
        super().__init_subclass__(**kwargs)

    _server_set = frozenset({"regulation", "purpose"})

    consented = required(flag())
    timestamp_unixtime_ms = required(instant())
    document = text()
    location = text()
    hardware_id = text()

    def __init__(
        self,
        consented: bool,
        timestamp_unixtime_ms: Instant,
        **fields: Unpack[ConsentFields],
    ) -> None:
        self._fill(
            type(self).__name__,
            {"consented": consented, "timestamp_unixtime_ms": timestamp_unixtime_ms, **fields},
        )


class GDPRConsentState(_Consent, kind="GDPRConsentState"):
    """One purpose's consent under the GDPR: ``consented=True`` means that the user agreed.

    >>> GDPRConsentState(True, "2026-11-23T10:15:00Z", document="terms_v4").consented
    True
    """

    __slots__ = ()


class CCPAConsentState(_Consent, kind="CCPAConsentState"):
    """The CCPA's one purpose: ``consented=True`` means that the user opted *out* of data sale.

    >>> CCPAConsentState(True, "2026-11-23T10:15:00Z").consented
    True
    """

    __slots__ = ()


class ConsentState(Record, kind="ConsentState"):
    """What the user agreed to: GDPR consent by purpose, and the CCPA's ``data_sale_opt_out``.

    >>> agreed = GDPRConsentState(True, "2026-11-23T10:15:00Z")
    >>> ConsentState(gdpr={"marketing": agreed}).gdpr["marketing"].consented
    True
    """

    __slots__ = ()

    gdpr: Field[FrozenMap[GDPRConsentState] | None] = records_by_name(GDPRConsentState)
    ccpa: Field[FrozenMap[CCPAConsentState] | None] = records_by_name(CCPAConsentState)

    def __init__(
        self,
        *,
        gdpr: Mapping[str, GDPRConsentState] | None = None,
        ccpa: Mapping[Literal["data_sale_opt_out"], CCPAConsentState] | None = None,
        **unknown: Never,
    ) -> None:
        self._fill("ConsentState", {"gdpr": gdpr, "ccpa": ccpa, **unknown})

    @classmethod
    def _broken_rule(cls, set_: Mapping[str, Any]) -> tuple[str, str, str] | None:
        others = [key for key in set_.get("ccpa", ()) if key != "data_sale_opt_out"]
        if not others:
            return None
        why = (
            f"{brief(others[0])} is not a purpose of the CCPA; the only one is 'data_sale_opt_out'"
        )
        return "ccpa", why, ""
