"""The application that a batch comes from, and the campaign that brought its user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Never, Unpack

from ..utils.typed import TypedDict
from ..values import fields
from ..values.validators import Scalar
from .record import Record

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

    application_name = fields.text()
    application_version = fields.text()
    application_build_number = fields.text()
    package = fields.text()
    install_referrer = fields.text()
    os: fields.Field[OperatingSystem | None] = fields.choice("an operating system", OperatingSystem)
    apple_search_ads_attributes = fields.maps_of_scalars()

    def __init__(self, **fields: Unpack[ApplicationFields]) -> None:
        self._fill(ApplicationInformation, fields)


class AttributionInfo(Record, kind="AttributionInfo"):
    """What an install is attributed to.

    >>> AttributionInfo("AppsFlyer", "Example network", "Spring").campaign
    'Spring'
    """

    service_provider = fields.required(fields.text())
    publisher = fields.required(fields.text())
    campaign = fields.required(fields.text())

    def __init__(
        self, service_provider: str, publisher: str, campaign: str, **unknown: Never
    ) -> None:
        self._fill(AttributionInfo, unknown, service_provider, publisher, campaign)
