"""Where, and under which plan, a batch was made."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, Never, Unpack

from .. import sdk_names
from ..utils.typed import TypedDict
from ..values import fields, validators
from ..values.validators import Number
from .record import Record

Environment = Literal["development", "production"]


LocationSource = Literal["unknown", "ip_lookup", "lat_long"]


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

    _misnomers = MappingProxyType(sdk_names.LOCATION)

    latitude: fields.Field[Number] = fields.required(fields.degrees(validators.latitude))
    longitude: fields.Field[Number] = fields.required(fields.degrees(validators.longitude))
    accuracy = fields.number()
    country_code = fields.text()
    region_code = fields.text()
    city_name = fields.text()
    postal_code = fields.text()
    dma_code = fields.integer()
    location_source: fields.Field[LocationSource | None] = fields.choice(
        "a location source", LocationSource
    )

    def __init__(
        self, latitude: Number, longitude: Number, **fields: Unpack[LocationFields]
    ) -> None:
        self._fill(GeoLocation, fields, latitude, longitude)


class DataPlanContext(Record, kind="DataPlanContext"):
    """The data plan that mParticle checks the batch against; without a version, the latest.

    >>> DataPlanContext("mobile_data_plan", 2).plan_version
    2
    """

    _server_set = frozenset({"block_metadata"})

    plan_id = fields.required(fields.name())
    plan_version = fields.integer()

    def __init__(self, plan_id: str, plan_version: int | None = None, **unknown: Never) -> None:
        self._fill(DataPlanContext, unknown, plan_id, plan_version)


class BatchContext(Record, kind="BatchContext"):
    """The data plan and the place of a whole batch.

    >>> BatchContext(data_plan=DataPlanContext("mobile_data_plan")).data_plan.plan_id
    'mobile_data_plan'
    """

    _open = True

    data_plan = fields.set_by("with_data_plan", fields.record(DataPlanContext))
    location = fields.set_by("with_location", fields.record(GeoLocation))

    def __init__(
        self,
        *,
        data_plan: DataPlanContext | None = None,
        location: GeoLocation | None = None,
        **unknown: Never,
    ) -> None:
        self._fill(BatchContext, unknown, data_plan, location)
