"""The batch: what one user did, as one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    ParamSpec,
    Self,
    TypeVar,
    Unpack,
    get_args,
)

from . import checks
from .chain import events
from .checks import Instant, Number
from .errors import Immutable, InvalidBatch, InvalidValue, MixedUsers, brief
from .events import Event, UserAttributeValue
from .frozen import (
    Field,
    Frozen,
    FrozenMap,
    attributes,
    choice,
    integer,
    ip,
    maps_of_scalars,
    names,
    record,
    strings,
    text,
    uuid,
)
from .limits import Problem, problems
from .record import Record
from .records import (
    ApplicationFields,
    ApplicationInformation,
    AttributionInfo,
    BatchContext,
    CCPAConsentState,
    ConsentState,
    DataPlanContext,
    DeviceFields,
    DeviceInformation,
    Environment,
    GDPRConsentState,
    GeoLocation,
    IdentityFields,
    LocationFields,
    UserIdentities,
)
from .session import Session, summary
from .signatures import spelled_out
from .verbs import EventVerbs

B = TypeVar("B", bound="Batch")
P = ParamSpec("P")
R = TypeVar("R")


class Batch(EventVerbs, Record, kind="Batch", rank=0):
    """What one user did: a context and a list of events, immutable.

    One grammar: ``for_*`` and ``from_*`` construct; ``with_*`` sets or merges context;
    ``without_*`` removes it; a bare verb appends one event; ``to_*`` exports. Every verb returns
    a new batch and leaves this one as it was, so any batch is also a template.

    >>> from mpfluent import Batch, Product
    >>> base = Batch.for_user(customer_id="123456").with_environment("development")
    >>> batch = base.event("Searched", {"query": "teapot"}).purchase(Product("sku-1"))
    >>> len(base.events), len(batch.events)
    (0, 2)
    """

    __slots__ = ()
    _server_set = frozenset(
        {
            "schema_version",
            "timestamp_unixtime_ms",
            "batch_id",
            "source_info",
            "api_key",
            "api_keys",
            "job_id",
            "origin_mpid",
            "modified",
            "system_notifications",
            "unique_id",
        }
    )

    environment: Field[Environment | None] = choice(
        "an environment", get_args(Environment), liberal={"unknown": None}
    )
    source_request_id = text()
    mpid = integer()
    mp_deviceid = uuid()
    user_identities: Field[UserIdentities | None] = record(UserIdentities)
    user_attributes = attributes()
    deleted_user_attributes = names()
    device_info: Field[DeviceInformation | None] = record(DeviceInformation)
    application_info: Field[ApplicationInformation | None] = record(ApplicationInformation)
    ip = ip()
    consent_state: Field[ConsentState | None] = record(ConsentState)
    context: Field[BatchContext | None] = record(BatchContext)
    attribution_info: Field[AttributionInfo | None] = record(AttributionInfo)
    integration_attributes = maps_of_scalars()
    partner_identities = strings()
    partner_identity = text()
    sdk_version = text()
    events = events()

    def __init__(self) -> None:
        self._begin()

    # Constructing

    @classmethod
    @spelled_out
    def for_user(cls, *, mpid: int | None = None, **identities: Unpack[IdentityFields]) -> Self:
        """Construct the batch of one user.

        Args:
            mpid: mParticle's own id of the user, a signed 64-bit integer.
            **identities: such as ``customer_id`` and ``email``; strings of at most 256
                characters.

        >>> Batch.for_user(customer_id="123456", email="user@example.com").user_identities.email
        'user@example.com'
        """
        user = UserIdentities._build("for_user", identities)
        batch = cls._make(("user_identities",), (user,)) if user._keys else cls._make((), ())
        return batch if mpid is None else batch.with_mpid(mpid)

    @classmethod
    @spelled_out
    def for_device(cls, **device: Unpack[DeviceFields]) -> Self:
        """Construct the batch of a user who is known by a device.

        >>> batch = Batch.for_device(ios_idfv="8c61383f-2216-4713-8c1c-1cb0a5d7a4cc")
        >>> batch.device_info.ios_idfv
        '8c61383f-2216-4713-8c1c-1cb0a5d7a4cc'
        """
        return cls._make((), ())._with_record(
            "for_device", "device_info", DeviceInformation, None, device
        )

    # Context

    def with_environment(self: B, environment: Environment | None) -> B:
        """Set where the data belongs: "development" or "production".

        >>> Batch().with_environment("development").environment
        'development'
        """
        return self._with_field("with_environment", "environment", environment)

    def with_mpid(self: B, mpid: int | None) -> B:
        """Set mParticle's own id of the user, a signed 64-bit integer.

        >>> Batch().with_mpid(-7636538281262557000).mpid
        -7636538281262557000
        """
        return self._with_field("with_mpid", "mpid", mpid)

    def with_mp_deviceid(self: B, mp_deviceid: str | None) -> B:
        """Set mParticle's own id of the device, a UUID.

        >>> Batch().with_mp_deviceid("3fb44a79-df2d-446d-acf1-e87eda854ae1").mp_deviceid[:8]
        '3fb44a79'
        """
        return self._with_field("with_mp_deviceid", "mp_deviceid", mp_deviceid)

    def with_ip(self: B, ip: str | None) -> B:
        """Set the user's IPv4 or IPv6 address.

        >>> Batch().with_ip("203.0.113.7").ip
        '203.0.113.7'
        """
        return self._with_field("with_ip", "ip", ip)

    def with_source_request_id(self: B, source_request_id: str | None) -> B:
        """Set the id by which mParticle removes duplicates; sending makes one if none is set.

        >>> Batch().with_source_request_id("order-1").source_request_id
        'order-1'
        """
        return self._with_field("with_source_request_id", "source_request_id", source_request_id)

    @spelled_out
    def with_identities(
        self: B, user: UserIdentities | None = None, /, **identities: Unpack[IdentityFields]
    ) -> B:
        """Merge identities of the user; None clears one.

        Args:
            user: a record to merge, before the keywords.

        >>> Batch.for_user(customer_id="123456").with_identities(email="a@b.example").to_dict()
        {'user_identities': {'customer_id': '123456', 'email': 'a@b.example'}}
        """
        return self._with_record(
            "with_identities", "user_identities", UserIdentities, user, identities
        )

    def without_identities(self: B, *names: str) -> B:
        """Remove these identities; without names, all of them.

        >>> Batch.for_user(customer_id="123456").without_identities("customer_id") == Batch()
        True
        """
        return self._without("without_identities", "user_identities", UserIdentities, names)

    def with_user_attributes(
        self: B,
        attributes: Mapping[str, UserAttributeValue] | None = None,
        /,
        **more: UserAttributeValue,
    ) -> B:
        """Merge attributes of the user. None is a value here: a tag, an attribute without one.

        An attribute that was to be deleted is set instead: the last wins.

        Args:
            attributes: names to strings, numbers, booleans, lists of these, or None.
            **more: the same as keywords, for names that Python can spell.

        >>> Batch().with_user_attributes({"$age": 42}, plan="pro", vip=None).user_attributes
        {'$age': 42, 'plan': 'pro', 'vip': None}
        """
        return self._with_map("with_user_attributes", "user_attributes", attributes, more)

    def without_user_attributes(self: B, *names: str) -> B:
        """Take these attributes out of the batch; without names, all of them.

        mParticle keeps what it knows: to delete it there, ``with_deleted_user_attributes``.

        >>> Batch().with_user_attributes(plan="pro").without_user_attributes("plan") == Batch()
        True
        """
        kept = {
            key: value
            for key, value in (self.user_attributes or {}).items()
            if names and key not in names
        }
        return self._with({"user_attributes": FrozenMap(kept) if kept else None})

    def with_deleted_user_attributes(self: B, *names: str) -> B:
        """Delete these attributes from the user's profile.

        An attribute that was to be set is deleted instead: the last wins.

        >>> batch = Batch().with_user_attributes(plan="pro").with_deleted_user_attributes("plan")
        >>> batch.to_dict()
        {'deleted_user_attributes': ['plan']}
        """
        checked = self._checked("with_deleted_user_attributes", {"deleted_user_attributes": names})[
            "deleted_user_attributes"
        ]
        if not checked:
            return self
        listed = tuple(dict.fromkeys((*(self.deleted_user_attributes or ()), *checked)))
        changed = self.without_user_attributes(*checked) if self.user_attributes else self
        return changed._with({"deleted_user_attributes": listed})

    @spelled_out
    def with_device(
        self: B, information: DeviceInformation | None = None, /, **fields: Unpack[DeviceFields]
    ) -> B:
        """Merge what is known of the device; None clears a field.

        Args:
            information: a record to merge, before the keywords.

        >>> Batch().with_device(platform="iOS").with_device(is_tablet=False).to_dict()
        {'device_info': {'platform': 'iOS', 'is_tablet': False}}
        """
        return self._with_record(
            "with_device", "device_info", DeviceInformation, information, fields
        )

    def without_device(self: B, *fields: str) -> B:
        """Remove these fields of the device; without names, all of it.

        >>> Batch().with_device(platform="iOS").without_device("platform") == Batch()
        True
        """
        return self._without("without_device", "device_info", DeviceInformation, fields)

    @spelled_out
    def with_application(
        self: B,
        application: ApplicationInformation | None = None,
        /,
        **fields: Unpack[ApplicationFields],
    ) -> B:
        """Merge what is known of the app; None clears a field.

        Args:
            application: a record to merge, before the keywords.

        >>> Batch().with_application(application_name="Shop").application_info.application_name
        'Shop'
        """
        return self._with_record(
            "with_application", "application_info", ApplicationInformation, application, fields
        )

    def with_attribution_info(
        self: B,
        service_provider: str | AttributionInfo | None,
        publisher: str | None = None,
        campaign: str | None = None,
    ) -> B:
        """Set what the install is attributed to: three strings, or the record; None clears it.

        >>> batch = Batch().with_attribution_info("AppsFlyer", "Example network", "Spring")
        >>> batch.attribution_info.publisher
        'Example network'
        """
        if isinstance(service_provider, AttributionInfo) or service_provider is None:
            return self._with_field("with_attribution_info", "attribution_info", service_provider)
        given = {
            "service_provider": service_provider,
            "publisher": publisher,
            "campaign": campaign,
        }
        info = AttributionInfo._build("with_attribution_info", given)
        return self._with({"attribution_info": info})

    def with_partner_identities(self: B, identities: Mapping[str, str | None], /) -> B:
        """Merge ids that partners know the user by; None clears one.

        Args:
            identities: names, registered with mParticle as ``PartnerName_IdentityName``, to ids.

        >>> Batch().with_partner_identities({"Acme_Id": "1234"}).partner_identities
        {'Acme_Id': '1234'}
        """
        return self._with_map(
            "with_partner_identities", "partner_identities", identities, {}, clear=True
        )

    def with_partner_identity(self: B, partner_identity: str | None) -> B:
        """Set the one id that a partner feed knows the user by.

        >>> Batch().with_partner_identity("1234").partner_identity
        '1234'
        """
        return self._with_field("with_partner_identity", "partner_identity", partner_identity)

    def with_integration_attributes(
        self: B, module_id: int | str, attributes: Mapping[str, Any], /
    ) -> B:
        """Merge attributes for one integration.

        Args:
            module_id: the integration's number at mParticle.
            attributes: names to values, as that integration wants them.

        >>> batch = Batch().with_integration_attributes(92, {"appsflyer_id": "1558328425529"})
        >>> batch.integration_attributes["92"]["appsflyer_id"]
        '1558328425529'
        """
        key = str(module_id) if type(module_id) is int else module_id
        checked = self._checked(
            "with_integration_attributes", {"integration_attributes": {key: attributes}}
        )["integration_attributes"]
        merged = _merged_maps(self.integration_attributes, checked)
        return self._with({"integration_attributes": merged}) if merged else self

    def with_gdpr_consent(
        self: B,
        purpose: str,
        consented: bool,
        *,
        at: Instant,
        document: str | None = None,
        location: str | None = None,
        hardware_id: str | None = None,
    ) -> B:
        """Set the consent for one purpose under the GDPR.

        Args:
            purpose: as it is named in your workspace.
            consented: whether the user agreed.
            at: when the user said so.
            document: what was agreed to, such as "terms_v4".
            location: where, in free text.
            hardware_id: on which device.

        >>> batch = Batch().with_gdpr_consent("marketing", True, at="2026-11-23T10:15:00Z")
        >>> batch.consent_state.gdpr["marketing"].consented
        True
        """
        verb = "with_gdpr_consent"
        given = _said(consented, at, document, location, hardware_id)
        consent = _consent(GDPRConsentState, verb, "consented", given)
        return self._with_consent(verb, "gdpr", purpose, consent)

    def with_ccpa_data_sale_opt_out(
        self: B,
        opted_out: bool = True,
        *,
        at: Instant,
        document: str | None = None,
        location: str | None = None,
        hardware_id: str | None = None,
    ) -> B:
        """Set whether the user opted out of the sale of data, under the CCPA.

        Args:
            opted_out: True means: do not sell.
            at: when the user said so.

        >>> batch = Batch().with_ccpa_data_sale_opt_out(at="2026-11-23T10:15:00Z")
        >>> batch.consent_state.ccpa["data_sale_opt_out"].consented
        True
        """
        verb = "with_ccpa_data_sale_opt_out"
        given = _said(opted_out, at, document, location, hardware_id)
        consent = _consent(CCPAConsentState, verb, "opted_out", given)
        return self._with_consent(verb, "ccpa", "data_sale_opt_out", consent)

    def with_consent_state(self: B, consent_state: ConsentState | None, /) -> B:
        """Merge consents, purpose by purpose; None clears them all.

        >>> from mpfluent import ConsentState, GDPRConsentState
        >>> agreed = GDPRConsentState(True, "2026-11-23T10:15:00Z")
        >>> batch = Batch().with_consent_state(ConsentState(gdpr={"marketing": agreed}))
        >>> list(batch.consent_state.gdpr)
        ['marketing']
        """
        if consent_state is None:
            return self.without_consent()
        checked = self._checked("with_consent_state", {"consent_state": consent_state})
        merged = _merged_consent(self.consent_state, checked["consent_state"])
        return self._with({"consent_state": merged})

    def without_consent(self: B) -> B:
        """Remove all consents.

        >>> batch = Batch().with_ccpa_data_sale_opt_out(at="2026-11-23T10:15:00Z")
        >>> batch.without_consent() == Batch()
        True
        """
        return self._with({"consent_state": None})

    def with_data_plan(
        self: B, plan_id: str | DataPlanContext | None, plan_version: int | None = None
    ) -> B:
        """Set the data plan that mParticle checks the batch against; None clears it.

        Args:
            plan_id: the plan's id, or the record.
            plan_version: without it, the latest active version.

        >>> Batch().with_data_plan("mobile_data_plan", 2).context.data_plan.plan_version
        2
        """
        plan = plan_id
        if plan is not None and not isinstance(plan, DataPlanContext):
            given = {"plan_id": plan_id, "plan_version": plan_version}
            plan = DataPlanContext._build("with_data_plan", given)
        return self._with_context({"data_plan": plan})

    @spelled_out
    def with_location(
        self: B,
        latitude: Number | GeoLocation | None,
        longitude: Number | None = None,
        **fields: Unpack[LocationFields],
    ) -> B:
        """Set where the user was, for the whole batch; None clears it.

        Args:
            latitude: degrees north, or the record.
            longitude: degrees east.

        >>> Batch().with_location(40.7142, -74.0064, accuracy=195).context.location.latitude
        40.7142
        """
        place = latitude
        if place is not None and not isinstance(place, GeoLocation):
            given = {"latitude": latitude, "longitude": longitude, **fields}
            place = GeoLocation._build("with_location", given)
        return self._with_context({"location": place})

    # Composition

    def add(self: B, *events: Event | Session) -> B:
        """Append events, and the events of sessions, in order.

        >>> from mpfluent import AppEvent
        >>> len(Batch().add(AppEvent("Searched"), AppEvent("Found")).events)
        2
        """
        found: list[Event] = []
        for event in events:
            if isinstance(event, Session):
                found.extend(event.events)
            elif isinstance(event, Event):
                found.append(event)
            else:
                hint = "merge(batch)" if isinstance(event, Batch) else "add(AppEvent('Name'))"
                raise InvalidValue(
                    f"add({brief(event)}): want an event or a session, "
                    f"got {type(event).__name__}; write {hint}"
                )
        return self._extended(found)

    def merge(self: B, other: Batch) -> B:
        """Join with another batch of the same user; ``+`` does the same.

        Events follow in order. Context is merged field by field, and the right side wins;
        consents go purpose by purpose, and a data plan or a location goes whole.

        Raises:
            MixedUsers: an identity or the mpid differs.

        >>> left = Batch.for_user(customer_id="123456").event("Searched")
        >>> right = Batch.for_user(email="user@example.com").event("Found")
        >>> [event.event_name for event in left.merge(right).events]
        ['Searched', 'Found']
        """
        if not isinstance(other, Batch):
            raise InvalidValue(
                f"merge({brief(other)}): want a Batch, got {type(other).__name__}; "
                "write add(event) for events"
            )
        _same_user(self, other)
        theirs = dict(zip(*other._state))
        changes: dict[str, Any] = {}
        for key, value in theirs.items():
            join = _JOINS.get(key)
            ours = self._get(key)
            changes[key] = join(ours, value) if join and ours is not None else value
        base = self
        if "deleted_user_attributes" in theirs and base.user_attributes:
            base = base.without_user_attributes(*theirs["deleted_user_attributes"])
            if "user_attributes" in theirs:
                changes["user_attributes"] = _merged_map(
                    base.user_attributes, theirs["user_attributes"]
                )
        if "user_attributes" in theirs and base.deleted_user_attributes:
            set_again = theirs["user_attributes"]
            listed = changes.get("deleted_user_attributes", base.deleted_user_attributes)
            kept = tuple(name for name in listed if name not in set_again)
            changes["deleted_user_attributes"] = kept or None
        return base._with(changes)._extended(other._events())

    def __add__(self: B, other: Batch) -> B:
        """Join with another batch of the same user."""
        return self.merge(other) if isinstance(other, Batch) else NotImplemented

    def pipe(
        self: B, function: Callable[Concatenate[B, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``function(self, …)``, so that your own steps read in order.

        >>> def tagged(batch, tag):
        ...     return batch.with_user_attributes({tag: None})
        >>> Batch().pipe(tagged, "vip").user_attributes
        {'vip': None}
        """
        return function(self, *args, **kwargs)

    # Looking

    def problems(self, *, historical: bool = False, now: int | None = None) -> tuple[Problem, ...]:
        """Return what mParticle's documented limits would reject or truncate, and advice.

        Args:
            historical: check for the historical endpoint.
            now: the time in Unix milliseconds to tell old events by; without it, they are not
                looked for.

        >>> print(Batch().event("x" * 300).problems()[0].text)
        events[0].event_name has 300 characters; mParticle cuts it at 256
        """
        return problems(self, historical=historical, now=now)

    def __repr__(self) -> str:
        lines = ["<Batch" + (f" {self.environment}" if self.environment else "")]
        for key, label in _SHOWN.items():
            value = self._get(key)
            if value is not None:
                items = value._given() if isinstance(value, Frozen) else value
                if isinstance(items, Mapping):
                    shown = ", ".join(f"{name}={entry!r}" for name, entry in items.items())
                else:
                    shown = repr(items)
                lines.append(f"  {label}: {shown if len(shown) <= 88 else shown[:87] + '…'}")
        lines = lines[:4] + [f"  {line}" for line in summary(self._events(), 9 - len(lines[:4]))]
        return "\n".join(lines) + ">"

    # How the verbs above work

    def _with_field(self: B, verb: str, name: str, value: Any) -> B:
        if value is None:
            return self._with({name: None})
        try:
            value = self._fields[name].check(value)
        except checks.Bad as bad:
            raise bad.at(verb, name, value) from None
        return self._with({name: None}) if value is None else self._put(name, value)

    def _with_record(
        self: B, verb: str, wire: str, of: type[Frozen], record: Any, fields: Mapping[str, Any]
    ) -> B:
        """Merge a record, then keywords, into the record at ``wire``."""
        known = self._get(wire)
        if known is None and record is None:
            new = of._build(verb, fields)
            return self._put(wire, new) if new._keys else self
        changes: dict[str, Any] = {}
        if record is not None:
            if not isinstance(record, of):
                raise InvalidValue(
                    f"{verb}({brief(record)}): want {of.__name__} or keywords, "
                    f"got {type(record).__name__}; write {verb}(name=value)"
                )
            changes = dict(zip(*record._state))
        changes |= of._checked(verb, fields)
        if not changes:
            return self
        merged = (of._make((), ()) if known is None else known)._with(changes)
        return self._put(wire, merged) if merged._keys else self._with({wire: None})

    def _with_consent(self: B, verb: str, regulation: str, purpose: str, consent: Frozen) -> B:
        try:
            purpose = checks.name(purpose)
        except checks.Bad as bad:
            raise bad.at(verb, "purpose", purpose) from None
        known = self._get("consent_state")
        if known is None:
            named = FrozenMap._of((purpose,), (consent,))
            state = ConsentState._make((regulation,), (named,))
        else:
            state = known._with(
                {regulation: _merged_map(known._get(regulation), {purpose: consent})}
            )
        return self._put("consent_state", state)

    def _with_context(self: B, changes: Mapping[str, Any]) -> B:
        context = (self.context or BatchContext())._with(changes)
        return self._with({"context": context if context._keys else None})

    def _with_map(
        self: B, verb: str, name: str, given: Any, more: Mapping[str, Any], *, clear: bool = False
    ) -> B:
        """Merge entries into the map at ``name``; with ``clear``, None removes one."""
        if given is not None and type(given) is not dict and not isinstance(given, Mapping):
            raise InvalidValue(
                f"{verb}({brief(given)}): want a dict, got {type(given).__name__}; "
                f"write {verb}({{'name': value}})"
            )
        known = self._get(name)
        entries = {**(given or {}), **more} if more else given or {}
        if known is None and not (clear or "deleted_user_attributes" in self._keys):
            return self._with_field(verb, name, entries)
        gone = {key for key, value in entries.items() if value is None} if clear else set()
        checked = self._checked(verb, {name: entries})[name]
        merged = _merged_map(known, checked or {})
        kept = FrozenMap({key: merged[key] for key in merged if key not in gone})
        changes: dict[str, Any] = {name: kept if kept else None}
        if name == "user_attributes" and self.deleted_user_attributes:
            listed = tuple(key for key in self.deleted_user_attributes if key not in kept)
            changes["deleted_user_attributes"] = listed or None
        return self._with(changes)

    def _without(self: B, verb: str, wire: str, of: type[Frozen], names: Iterable[str]) -> B:
        known = self._get(wire)
        gone = of._checked(verb, dict.fromkeys(names))
        if known is None:
            return self
        left = known._with(gone) if gone else None
        return self._with({wire: left if left is not None and left._keys else None})

    if not TYPE_CHECKING:

        def __setattr__(self, name, value):
            verb = _SETTERS.get(name)
            line = f"batch = batch.{verb}(…)" if verb else "batch = batch.with_…(…)"
            raise Immutable(f"Batch is immutable; write {line}")

        def __setitem__(self, key, value):
            raise Immutable("Batch is immutable; write batch = batch.with_…(…)")


_SETTERS = {
    "events": "add",
    "user_identities": "with_identities",
    "user_attributes": "with_user_attributes",
    "deleted_user_attributes": "with_deleted_user_attributes",
    "device_info": "with_device",
    "application_info": "with_application",
    "consent_state": "with_consent_state",
    "context": "with_data_plan",
    "integration_attributes": "with_integration_attributes",
} | {
    name: f"with_{name}"
    for name in (
        "environment",
        "mpid",
        "mp_deviceid",
        "ip",
        "source_request_id",
        "attribution_info",
        "partner_identities",
        "partner_identity",
    )
}

_SHOWN = {
    "mpid": "mpid",
    "user_identities": "user",
    "device_info": "device",
    "user_attributes": "user attributes",
}

_Consent = TypeVar("_Consent", GDPRConsentState, CCPAConsentState)


def _said(
    consented: Any, at: Any, document: Any, location: Any, hardware_id: Any
) -> dict[str, Any]:
    """Return the keywords of a consent record, without what was not said."""
    given = {"consented": consented, "timestamp_unixtime_ms": at}
    if document is not None:
        given["document"] = document
    if location is not None:
        given["location"] = location
    if hardware_id is not None:
        given["hardware_id"] = hardware_id
    return given


def _consent(of: type[_Consent], verb: str, named: str, given: Mapping[str, Any]) -> _Consent:
    """Return a consent record; its complaints speak of the verb's own keywords."""
    try:
        return of._build(verb, given)
    except InvalidBatch:
        at = given["timestamp_unixtime_ms"]
        for name, value, check in (
            (named, given["consented"], checks.flag),
            ("at", at, checks.instant),
        ):
            try:
                check(value)
            except checks.Bad as bad:
                raise bad.at(verb, name, value) from None
        raise


def _merged_record(left: Any, right: Any) -> Any:
    return left._with(dict(zip(*right._state)))


def _merged_map(left: Mapping[str, Any] | None, right: Mapping[str, Any]) -> FrozenMap[Any]:
    return FrozenMap({**(left or {}), **right})


def _merged_maps(left: Mapping[str, Any] | None, right: Mapping[str, Any] | None) -> Any:
    if not right:
        return left
    joined = {key: _merged_map((left or {}).get(key), value) for key, value in right.items()}
    return _merged_map(left, joined)


def _merged_consent(left: ConsentState | None, right: ConsentState) -> ConsentState:
    if left is None:
        return right
    changes = {}
    for key, value in zip(right._keys, right._values):
        known = left._get(key)
        changes[key] = value if known is None else _merged_map(known, value)
    return left._with(changes)


def _merged_names(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*left, *right)))


# How two values of one field become one; of every other field, the right side wins.
_JOINS: dict[str, Callable[[Any, Any], Any]] = {
    "user_identities": _merged_record,
    "device_info": _merged_record,
    "application_info": _merged_record,
    "context": _merged_record,
    "consent_state": _merged_consent,
    "user_attributes": _merged_map,
    "deleted_user_attributes": _merged_names,
    "partner_identities": _merged_map,
    "integration_attributes": _merged_maps,
}


def _same_user(left: Batch, right: Batch) -> None:
    """Raise if the two batches name different users."""
    pairs: list[tuple[str, Any, Any]] = [
        (name, left._get(name), right._get(name)) for name in ("mpid", "partner_identity")
    ]
    for field in ("user_identities", "partner_identities"):
        ours, theirs = left._get(field), right._get(field)
        if ours is None or theirs is None:
            continue
        mine = ours._given() if isinstance(ours, Frozen) else ours
        yours = theirs._given() if isinstance(theirs, Frozen) else theirs
        pairs += [(name, mine[name], yours[name]) for name in mine if name in yours]
    for name, ours, theirs in pairs:
        if ours is not None and theirs is not None and ours != theirs:
            raise MixedUsers(
                f"cannot merge {name}={brief(ours)} with {name}={brief(theirs)}: "
                "a batch is one user; send both with client.send(a, b)"
            )
