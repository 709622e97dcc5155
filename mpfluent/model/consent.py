"""What a user has agreed to, under GDPR and CCPA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Never, Unpack

from ..errors import brief
from ..utils.typed import TypedDict
from ..values import fields
from ..values.validators import Instant
from .record import Record


class ConsentFields(TypedDict, total=False):
    """The optional keywords of a consent record."""

    document: str | None
    location: str | None
    hardware_id: str | None


class _Consent(Record):
    _server_set = frozenset({"regulation", "purpose"})

    consented = fields.required(fields.flag())
    timestamp_unixtime_ms = fields.required(fields.instant())
    document = fields.text()
    location = fields.text()
    hardware_id = fields.text()


class GDPRConsentState(_Consent, kind="GDPRConsentState"):
    """One purpose's consent under the GDPR: ``consented=True`` means that the user agreed.

    >>> GDPRConsentState(True, "2026-11-23T10:15:00Z", document="terms_v4").consented
    True
    """

    def __init__(
        self, consented: bool, timestamp_unixtime_ms: Instant, **fields: Unpack[ConsentFields]
    ) -> None:
        self._fill(GDPRConsentState, fields, consented, timestamp_unixtime_ms)


class CCPAConsentState(_Consent, kind="CCPAConsentState"):
    """The CCPA's one purpose: ``consented=True`` means that the user opted *out* of data sale.

    >>> CCPAConsentState(True, "2026-11-23T10:15:00Z").consented
    True
    """

    def __init__(
        self, consented: bool, timestamp_unixtime_ms: Instant, **fields: Unpack[ConsentFields]
    ) -> None:
        self._fill(CCPAConsentState, fields, consented, timestamp_unixtime_ms)


class ConsentState(Record, kind="ConsentState"):
    """What the user agreed to: GDPR consent by purpose, and the CCPA's ``data_sale_opt_out``.

    >>> agreed = GDPRConsentState(True, "2026-11-23T10:15:00Z")
    >>> ConsentState(gdpr={"marketing": agreed}).gdpr["marketing"].consented
    True
    """

    gdpr = fields.set_by("with_gdpr_consent", fields.records_by_name(GDPRConsentState))
    ccpa = fields.set_by("with_ccpa_data_sale_opt_out", fields.records_by_name(CCPAConsentState))

    def __init__(
        self,
        *,
        gdpr: Mapping[str, GDPRConsentState] | None = None,
        ccpa: Mapping[Literal["data_sale_opt_out"], CCPAConsentState] | None = None,
        **unknown: Never,
    ) -> None:
        self._fill(ConsentState, unknown, gdpr, ccpa)

    @classmethod
    def _broken_rule(cls, set_: Mapping[str, Any]) -> tuple[str, str, str] | None:
        others = [key for key in set_.get("ccpa", ()) if key != "data_sale_opt_out"]
        if not others:
            return None
        why = (
            f"{brief(others[0])} is not a purpose of the CCPA; the only one is 'data_sale_opt_out'"
        )
        return "ccpa", why, ""
