"""What a user has agreed to, under GDPR and CCPA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Never, TypedDict, Unpack

from ..errors import brief
from ..utils.introspection import twin
from ..values.fields import Field, flag, instant, records_by_name, required, set_by, text
from ..values.frozen_map import FrozenMap
from ..values.validators import Instant
from .record import Record


class ConsentFields(TypedDict, total=False):
    """The optional keywords of a consent record."""

    document: str | None
    location: str | None
    hardware_id: str | None


class _Consent(Record):
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
        self, consented: bool, timestamp_unixtime_ms: Instant, **fields: Unpack[ConsentFields]
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


class CCPAConsentState(_Consent, kind="CCPAConsentState"):
    """The CCPA's one purpose: ``consented=True`` means that the user opted *out* of data sale.

    >>> CCPAConsentState(True, "2026-11-23T10:15:00Z").consented
    True
    """


class ConsentState(Record, kind="ConsentState"):
    """What the user agreed to: GDPR consent by purpose, and the CCPA's ``data_sale_opt_out``.

    >>> agreed = GDPRConsentState(True, "2026-11-23T10:15:00Z")
    >>> ConsentState(gdpr={"marketing": agreed}).gdpr["marketing"].consented
    True
    """

    gdpr: Field[FrozenMap[GDPRConsentState] | None] = set_by(
        "with_gdpr_consent", records_by_name(GDPRConsentState)
    )
    ccpa: Field[FrozenMap[CCPAConsentState] | None] = set_by(
        "with_ccpa_data_sale_opt_out", records_by_name(CCPAConsentState)
    )

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
