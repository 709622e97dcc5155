"""The context verbs: who, on which device, with which app, under which consent.

``with_*`` sets or merges, ``without_*`` removes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Never, TypeVar, Unpack

from ..errors import InvalidBatch, InvalidValue, brief, unknown_field, wrong_type
from ..model.application import ApplicationFields, ApplicationInformation, AttributionInfo
from ..model.consent import CCPAConsentState, ConsentState, GDPRConsentState
from ..model.context import BatchContext, DataPlanContext, Environment, GeoLocation, LocationFields
from ..model.device import DeviceFields, DeviceInformation
from ..model.events import UserAttributeValue
from ..model.record import Record
from ..model.user import IdentityFields, UserIdentities
from ..utils.introspection import describe_verbs
from ..values import fields, validators
from ..values.check_failed import CheckFailed, checked_as
from ..values.foreign import is_a, itself, looked_at
from ..values.frozen import Frozen
from ..values.frozen_map import FrozenMap, frozen_map
from ..values.validators import Instant, Number
from . import merge
from .base import Builder
from .compiled import REGULATIONS, SAID, consented, placed

_Consent = TypeVar("_Consent", GDPRConsentState, CCPAConsentState)


class ContextVerbs(Builder, Record):
    """The context of a batch: its fields, by wire name, and the verbs that set them."""

    environment: fields.Field[Environment | None] = fields.set_by(
        "with_environment", fields.choice("an environment", Environment, liberal={"unknown": None})
    )
    source_request_id = fields.set_by("with_source_request_id", fields.word())
    mpid = fields.set_by("with_mpid", fields.integer())
    mp_deviceid = fields.set_by("with_mp_deviceid", fields.uuid())
    user_identities = fields.set_by("with_identities", fields.record(UserIdentities))
    user_attributes = fields.set_by("with_user_attributes", fields.attributes())
    deleted_user_attributes = fields.set_by("with_deleted_user_attributes", fields.names())
    device_info = fields.set_by("with_device", fields.record(DeviceInformation))
    application_info = fields.set_by("with_application", fields.record(ApplicationInformation))
    ip = fields.set_by("with_ip", fields.ip())
    consent_state = fields.set_by("with_consent_state", fields.record(ConsentState))
    context = fields.record(BatchContext)  # its fields have verbs
    attribution_info = fields.set_by("with_attribution_info", fields.record(AttributionInfo))
    integration_attributes = fields.set_by("with_integration_attributes", fields.maps_of_scalars())
    partner_identities = fields.set_by("with_partner_identities", fields.identities())
    partner_identity = fields.set_by("with_partner_identity", fields.identity())
    sdk_version = fields.text()

    def with_environment(self: C, environment: Environment | None) -> C:
        """Set where the data belongs: "development" or "production".

        >>> from mpfluent import Batch
        >>> Batch().with_environment("development").environment
        'development'
        """
        return self._with_field("environment", environment)

    def with_mpid(self: C, mpid: int | None) -> C:
        """Set mParticle's own id of the user, a signed 64-bit integer.

        >>> from mpfluent import Batch
        >>> Batch().with_mpid(-7636538281262557000).mpid
        -7636538281262557000
        """
        return self._with_field("mpid", mpid)

    def with_mp_deviceid(self: C, mp_deviceid: str | None) -> C:
        """Set mParticle's own id of the device, a UUID.

        >>> from mpfluent import Batch
        >>> Batch().with_mp_deviceid("3fb44a79-df2d-446d-acf1-e87eda854ae1").mp_deviceid[:8]
        '3fb44a79'
        """
        return self._with_field("mp_deviceid", mp_deviceid)

    def with_ip(self: C, ip: str | None) -> C:
        """Set the user's IPv4 or IPv6 address.

        >>> from mpfluent import Batch
        >>> Batch().with_ip("203.0.113.7").ip
        '203.0.113.7'
        """
        return self._with_field("ip", ip)

    def with_source_request_id(self: C, source_request_id: str | None) -> C:
        """Set the id by which mParticle removes duplicates; sending makes one if none is set.

        >>> from mpfluent import Batch
        >>> Batch().with_source_request_id("order-1").source_request_id
        'order-1'
        """
        return self._with_field("source_request_id", source_request_id)

    def with_identities(
        self: C, user: UserIdentities | None = None, /, **identities: Unpack[IdentityFields]
    ) -> C:
        """Merge identities of the user; None clears one.

        Args:
            user: a record to merge, before the keywords; None merges nothing.

        >>> from mpfluent import Batch
        >>> Batch.for_user(customer_id="123456").with_identities(email="a@b.example").to_dict()
        {'user_identities': {'customer_id': '123456', 'email': 'a@b.example'}}
        """
        return self._with_record("user_identities", user, identities)

    def without_identities(self: C, *names: str) -> C:
        """Remove these identities; without names, all of them.

        >>> from mpfluent import Batch
        >>> Batch.for_user(customer_id="123456").without_identities("customer_id") == Batch()
        True
        """
        return self._without("without_identities", "user_identities", UserIdentities, names)

    def with_user_attributes(
        self: C,
        attributes: Mapping[str, UserAttributeValue] | None = None,
        /,
        **more: UserAttributeValue,
    ) -> C:
        """Merge attributes of the user. None is a value here: a tag, an attribute without one.

        An attribute that was to be deleted is set instead: the last wins.

        Args:
            attributes: names to strings, numbers, booleans, lists of these, or None.
            **more: the same as keywords, for names that Python can spell.

        >>> from mpfluent import Batch
        >>> Batch().with_user_attributes({"$age": 42}, plan="pro", vip=None).user_attributes
        {'$age': 42, 'plan': 'pro', 'vip': None}
        """
        keys = self._state[0]
        usual = attributes is None or type(attributes) is dict
        if usual and "user_attributes" not in keys and "deleted_user_attributes" not in keys:
            given = {**attributes, **more} if attributes and more else attributes or more
            return self._with_field("user_attributes", given)
        return self._with_map("user_attributes", attributes, more)

    def without_user_attributes(self: C, *names: str) -> C:
        """Take these attributes out of the batch; without names, all of them.

        mParticle keeps what it knows: to delete it there, ``with_deleted_user_attributes``.

        >>> from mpfluent import Batch
        >>> Batch().with_user_attributes(plan="pro").without_user_attributes("plan") == Batch()
        True
        """
        names = _named("without_user_attributes", names)
        known: Mapping[str, Any] = self._get("user_attributes") or {}
        kept = {key: value for key, value in known.items() if names and key not in names}
        return self._with({"user_attributes": frozen_map(kept) if kept else None})

    def with_deleted_user_attributes(self: C, *names: str) -> C:
        """Delete these attributes from the user's profile.

        An attribute that was to be set is deleted instead: the last wins.

        >>> from mpfluent import Batch
        >>> batch = Batch().with_user_attributes(plan="pro").with_deleted_user_attributes("plan")
        >>> batch.to_dict()
        {'deleted_user_attributes': ['plan']}
        """
        name = "deleted_user_attributes"
        checked = self._checked("with_deleted_user_attributes", {name: names})[name]
        if not checked:
            return self
        listed = merge.merged_names(self.deleted_user_attributes or (), checked)
        changed = self.without_user_attributes(*checked) if self.user_attributes else self
        return changed._with({"deleted_user_attributes": listed})

    def with_device(
        self: C, information: DeviceInformation | None = None, /, **fields: Unpack[DeviceFields]
    ) -> C:
        """Merge what is known of the device; None clears a field.

        Args:
            information: a record to merge, before the keywords; None merges nothing.

        >>> from mpfluent import Batch
        >>> Batch().with_device(platform="iOS").with_device(is_tablet=False).to_dict()
        {'device_info': {'platform': 'iOS', 'is_tablet': False}}
        """
        return self._with_record("device_info", information, fields)

    def without_device(self: C, *fields: str) -> C:
        """Remove these fields of the device; without names, all of it.

        >>> from mpfluent import Batch
        >>> Batch().with_device(platform="iOS").without_device("platform") == Batch()
        True
        """
        return self._without("without_device", "device_info", DeviceInformation, fields)

    def with_application(
        self: C,
        application: ApplicationInformation | None = None,
        /,
        **fields: Unpack[ApplicationFields],
    ) -> C:
        """Merge what is known of the app; None clears a field.

        Args:
            application: a record to merge, before the keywords; None merges nothing.

        >>> from mpfluent import Batch
        >>> Batch().with_application(application_name="Shop").application_info.application_name
        'Shop'
        """
        return self._with_record("application_info", application, fields)

    def with_attribution_info(
        self: C,
        service_provider: str | AttributionInfo | None,
        publisher: str | None = None,
        campaign: str | None = None,
        **unknown: Never,
    ) -> C:
        """Set what the install is attributed to: three strings, or the record; None clears it.

        >>> from mpfluent import Batch
        >>> batch = Batch().with_attribution_info("AppsFlyer", "Example network", "Spring")
        >>> batch.attribution_info.publisher
        'Example network'
        """
        rest = {"publisher": publisher, "campaign": campaign, **unknown}
        said = "service_provider", service_provider, rest
        info = _record_or_keywords("with_attribution_info", AttributionInfo, *said, whole=True)
        return self._with({"attribution_info": info})

    def with_partner_identities(self: C, identities: Mapping[str, str | None], /) -> C:
        """Merge ids that partners know the user by; None clears one.

        Args:
            identities: names, registered with mParticle as ``PartnerName_IdentityName``, to ids.

        >>> from mpfluent import Batch
        >>> Batch().with_partner_identities({"Acme_Id": "1234"}).partner_identities
        {'Acme_Id': '1234'}
        """
        return self._with_map("partner_identities", identities, {}, clear=True)

    def with_partner_identity(self: C, partner_identity: str | None) -> C:
        """Set the one id that a partner feed knows the user by.

        >>> from mpfluent import Batch
        >>> Batch().with_partner_identity("1234").partner_identity
        '1234'
        """
        return self._with_field("partner_identity", partner_identity)

    def with_integration_attributes(
        self: C, module_id: int | str, attributes: Mapping[str, Any], /
    ) -> C:
        """Merge attributes for one integration.

        Args:
            module_id: the integration's number at mParticle.
            attributes: names to values, as that integration wants them.

        >>> from mpfluent import Batch
        >>> batch = Batch().with_integration_attributes(92, {"appsflyer_id": "1558328425529"})
        >>> batch.integration_attributes["92"]["appsflyer_id"]
        '1558328425529'
        """
        verb = "with_integration_attributes"
        module = checked_as(validators.module, verb, "module_id", module_id)
        checked = checked_as(fields.mapping(validators.scalar), verb, "attributes", attributes)
        if checked is None:
            return self
        known = self._get("integration_attributes")
        merged = merge.merged_maps(known, FrozenMap.of((module,), (checked,)))
        return self._put("integration_attributes", merged)

    def with_gdpr_consent(
        self: C,
        purpose: str,
        consented: bool,
        *,
        at: Instant,
        document: str | None = None,
        location: str | None = None,
        hardware_id: str | None = None,
        **unknown: Never,
    ) -> C:
        """Set the consent for one purpose under the GDPR.

        Args:
            purpose: as it is named in your workspace.
            consented: whether the user agreed.
            at: when the user said so.
            document: what was agreed to, such as "terms_v4".
            location: where, in free text.
            hardware_id: on which device.

        >>> from mpfluent import Batch
        >>> batch = Batch().with_gdpr_consent("marketing", True, at="2026-11-23T10:15:00Z")
        >>> batch.consent_state.gdpr["marketing"].consented
        True
        """
        verb = "with_gdpr_consent"
        if unknown:
            raise unknown_field(f"{verb}()", next(iter(unknown)), ("purpose", *_CONSENT))
        given = consented, at, document, location, hardware_id
        return self._with_consent(verb, GDPRConsentState, "consented", purpose, given)

    def with_ccpa_data_sale_opt_out(
        self: C,
        opted_out: bool = True,
        *,
        at: Instant,
        document: str | None = None,
        location: str | None = None,
        hardware_id: str | None = None,
        **unknown: Never,
    ) -> C:
        """Set whether the user opted out of the sale of data, under the CCPA.

        Args:
            opted_out: True means: do not sell.
            at: when the user said so.

        >>> from mpfluent import Batch
        >>> batch = Batch().with_ccpa_data_sale_opt_out(at="2026-11-23T10:15:00Z")
        >>> batch.consent_state.ccpa["data_sale_opt_out"].consented
        True
        """
        verb = "with_ccpa_data_sale_opt_out"
        if unknown:
            raise unknown_field(f"{verb}()", next(iter(unknown)), ("opted_out", *_CONSENT[1:]))
        given = opted_out, at, document, location, hardware_id
        return self._with_consent(verb, CCPAConsentState, "opted_out", "data_sale_opt_out", given)

    def with_consent_state(self: C, consent_state: ConsentState | None, /) -> C:
        """Merge consents, purpose by purpose; None clears them all.

        >>> from mpfluent import ConsentState, GDPRConsentState
        >>> from mpfluent import Batch
        >>> agreed = GDPRConsentState(True, "2026-11-23T10:15:00Z")
        >>> batch = Batch().with_consent_state(ConsentState(gdpr={"marketing": agreed}))
        >>> list(batch.consent_state.gdpr)
        ['marketing']
        """
        if consent_state is None:
            return self.without_consent()
        name = "consent_state"
        found = self._checked("with_consent_state", {name: consent_state})[name]
        if found is None:
            return self
        return self._put("consent_state", merge.merged_consent(self._get("consent_state"), found))

    def without_consent(self: C) -> C:
        """Remove all consents.

        >>> from mpfluent import Batch
        >>> batch = Batch().with_ccpa_data_sale_opt_out(at="2026-11-23T10:15:00Z")
        >>> batch.without_consent() == Batch()
        True
        """
        return self._with({"consent_state": None})

    def with_data_plan(
        self: C,
        plan_id: str | DataPlanContext | None,
        plan_version: int | None = None,
        **unknown: Never,
    ) -> C:
        """Set the data plan that mParticle checks the batch against; None clears it.

        Args:
            plan_id: the plan's id, or the record, whose version ``plan_version`` overrides.
            plan_version: without it, the latest active version.

        >>> from mpfluent import Batch
        >>> Batch().with_data_plan("mobile_data_plan", 2).context.data_plan.plan_version
        2
        """
        rest = {"plan_version": plan_version, **unknown}
        plan = _record_or_keywords("with_data_plan", DataPlanContext, "plan_id", plan_id, rest)
        return self._with_context({"data_plan": plan})

    def with_location(
        self: C,
        latitude: Number | GeoLocation | None,
        longitude: Number | None = None,
        **fields: Unpack[LocationFields],
    ) -> C:
        """Set where the user was, for the whole batch; None clears it.

        Args:
            latitude: degrees north, or the record, whose fields the keywords override.
            longitude: degrees east.

        >>> from mpfluent import Batch
        >>> Batch().with_location(40.7142, -74.0064, accuracy=195).context.location.latitude
        40.7142
        """
        rest = {"longitude": longitude, **fields}
        place = _record_or_keywords("with_location", GeoLocation, "latitude", latitude, rest)
        return self._with_context({"location": place})

    # How the verbs above work

    def _with_field(self: C, name: str, value: Any) -> C:
        changed: C | None = placed[type(self), self._state[0], name, None](self, (value,), None)
        if changed is not None:
            return changed
        if value is not None:
            field = self._fields[name]
            value = checked_as(field.check, str(field.verb), name, value)
        return self._with({name: None}) if value is None else self._put(name, value)

    def _with_record(self: C, wire: str, record: Any, fields: Any, verb: str = "") -> C:
        """Merge a record, then keywords, into the record at ``wire``."""
        if record is None:
            key = type(self), self._state[0], wire, frozenset(fields)
            changed: C | None = placed[key](self, (), fields)
            if changed is not None:
                return changed
        known, field = self._get(wire), self._wire[wire]
        of, verb = field.of, verb or str(field.verb)
        if record is not None:
            record = itself(verb, record, of)
            if not is_a(record, of):
                instead = f"**{brief(record)}" if is_a(record, Mapping) else "name=value"
                want = f"{of.__name__} or keywords"
                raise wrong_type(verb, record, want, f"{verb}({instead})")
            if record._keys:
                known = record if known is None else merge.merged_record(known, record)
        changes = of._checked(verb, fields)
        if not changes and (record is None or not record._keys):
            return self
        merged = (of._make((), ()) if known is None else known)._with(changes)
        return self._put(wire, merged) if merged._keys else self._with({wire: None})

    def _with_consent(
        self: C, verb: str, of: type[_Consent], named: str, purpose: str, given: tuple[Any, ...]
    ) -> C:
        keys, values = self._state
        known: ConsentState | None = None  # straight from the state: _get() takes twice as long
        if "consent_state" in keys:
            known = values[keys.index("consent_state")]
        key = type(self), keys, of, () if known is None else known._state[0]
        changed: C | None = consented[key](self, given, purpose)
        if changed is not None:
            return changed
        try:
            consent = of._build(verb, {}, SAID, given)
        except InvalidBatch:  # in words of the verb's own
            consented_, at, *_ = given
            if at is None:
                raise InvalidValue(f"{verb}() needs at; write {verb}(at=…)") from None
            checked_as(validators.flag, verb, named, consented_)
            checked_as(validators.instant, verb, "at", at)
            raise
        purpose = checked_as(validators.name, verb, "purpose", purpose)
        regulation = REGULATIONS[of]
        consents = FrozenMap.of((purpose,), (consent,))
        if known is None:
            state = ConsentState._make((regulation,), (consents,))
        else:
            merged = merge.merged_map(known._get(regulation), consents)
            state = known._with({regulation: merged})
        return self._put("consent_state", state)

    def _with_context(self: C, changes: Mapping[str, Any]) -> C:
        context = (self.context or BatchContext())._with(changes)
        return self._with({"context": context if context._keys else None})

    def _with_map(self: C, name: str, given: Any, more: Any, *, clear: bool = False) -> C:
        """Merge entries into the map at ``name``; with ``clear``, None removes one."""
        verb = str(self._fields[name].verb)
        given = {} if given is None else _entries(verb, given)
        known = self._get(name)
        entries = {**given, **more} if more else given
        if known is None and not (clear or "deleted_user_attributes" in self._state[0]):
            return self._with_field(name, entries)
        checked = self._checked(verb, {name: entries})[name]
        cleared = [key for key, value in entries.items() if clear and value is None]
        gone = {validators.name(key) for key in cleared}
        merged = merge.merged_map(known, checked or {})
        kept = frozen_map({key: merged[key] for key in merged if key not in gone})
        changes: dict[str, Any] = {name: kept or None}
        if name == "user_attributes" and self.deleted_user_attributes:
            listed = self.deleted_user_attributes
            changes["deleted_user_attributes"] = merge.still_deleted(listed, kept)
        return self._with(changes)

    def _without(self: C, verb: str, wire: str, of: type[Frozen], names: Iterable[str]) -> C:
        names = _named(verb, names)
        known = self._get(wire)
        gone = of._checked(verb, dict.fromkeys(names))
        if known is None:
            return self
        left = known._with(gone) if gone else None
        return self._with({wire: left if left is not None and left._keys else None})


C = TypeVar("C", bound=ContextVerbs)


describe_verbs(ContextVerbs, globals())

_CONSENT = ("consented", "at", "document", "location", "hardware_id")


def _named(verb: str, names: Iterable[Any]) -> tuple[str, ...]:
    """Return these as names; a list among them would name nothing, in silence."""
    return tuple(name if type(name) is str else _one_named(verb, name) for name in names)


def _one_named(verb: str, name: Any) -> str:
    name = itself(verb, name, str)
    if is_a(name, Enum):
        name = name.value
    if is_a(name, str):
        return str.__str__(name)
    first = name[0] if is_a(name, (list, tuple)) and name else "name"
    raise wrong_type(verb, name, "names", f"{verb}({brief(first)})")


def _entries(verb: str, given: Any) -> dict[Any, Any]:
    """Return a map that a verb was given, as a dict."""
    if type(given) is dict:
        return given
    try:
        return looked_at(fields.entries_of, given)
    except CheckFailed as bad:
        more = "" if bad.write is None else f"; write {verb}({{'name': value}})"
        raise InvalidValue(f"{verb}({brief(given)}): {bad.why}{more}") from bad.cause


def _alone(verb: str, of: type[Frozen], value: Any, rest: Mapping[str, Any]) -> None:
    """Raise if there are keywords beside a record, or beside the None that clears it."""
    of._checked(verb, rest)
    extra = next((name for name, item in rest.items() if item is not None), None)
    if extra is not None:
        what = "None clears it" if value is None else f"{of.__name__} says it all"
        shown = "None" if value is None else f"{of.__name__}(…)"
        raise InvalidValue(f"{verb}({extra}=…): {what}; write {verb}({shown})")


def _record_or_keywords(
    verb: str, of: type[Any], first: str, value: Any, rest: Mapping[str, Any], whole: bool = False
) -> Any:
    """Return the record of what a verb was given: the record itself, or its fields.

    Keywords beside a record change it, unless it is a ``whole``.
    """
    value = itself(verb, value, of, first)
    if value is None or (whole and is_a(value, of)):
        _alone(verb, of, value, rest)
        return value
    if is_a(value, of):
        checked = of._checked(verb, rest)
        return value._with({key: item for key, item in checked.items() if item is not None})
    return of._build(verb, {first: value, **rest})
