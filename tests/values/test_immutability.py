"""Nothing ever changes: proved over every public verb and everything that a value reaches.

The verbs are found by looking, not by a list: a new public verb without a sample fails here, and
so does a new value class.
"""

from __future__ import annotations

import copy
import gc
import inspect
import operator
import pickle
from collections import UserDict
from contextlib import suppress
from decimal import Decimal
from types import (
    BuiltinFunctionType,
    FunctionType,
    MappingProxyType,
    MethodType,
    MethodWrapperType,
    NoneType,
)
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpfluent
from mpfluent import (
    AppEvent,
    ApplicationInformation,
    ApplicationStateTransitionEvent,
    AttributionInfo,
    Batch,
    BatchContext,
    BreadcrumbEvent,
    CCPAConsentState,
    CommerceEvent,
    ConsentState,
    CrashReportEvent,
    DataPlanContext,
    DeviceCurrentState,
    DeviceInformation,
    Event,
    EventVerbs,
    FirstRunEvent,
    FrozenMap,
    GDPRConsentState,
    GeoLocation,
    Immutable,
    InvalidValue,
    MixedUsers,
    MPFluentError,
    NetworkPerformanceEvent,
    OptOutEvent,
    Problem,
    Product,
    ProductAction,
    ProductImpression,
    ProfileEvent,
    Promotion,
    PromotionAction,
    PushMessageEvent,
    PushRegistrationEvent,
    Request,
    Response,
    ScreenViewEvent,
    Session,
    SessionEndEvent,
    SessionStartEvent,
    ShoppingCart,
    UninstallEvent,
    UnknownField,
    UserAttributeChangeEvent,
    UserIdentities,
    UserIdentity,
    UserIdentityChangeEvent,
)
from mpfluent.model.history import Events
from mpfluent.model.record import Record
from mpfluent.testing import strategies
from mpfluent.values.frozen import Field, Frozen

NOW = "2026-11-23T10:15:00Z"
UUID = "3fb44a79-df2d-446d-acf1-e87eda854ae1"
TEAPOT = Product("sku-1", "Teapot", price=Decimal("19.99"), custom_attributes={"size": "L"})
SPRING = Promotion("promo-1", position="hero banner")
EMAIL = UserIdentity("email", "user@example.com", NOW)
PLACE = GeoLocation(40.7142, -74.0064, country_code="US")
AGREED = GDPRConsentState(True, NOW, document="terms_v4")
OPTED_OUT = CCPAConsentState(True, NOW)


class ShopVerbs(EventVerbs):
    __slots__ = ()

    def signed_up(self, plan):
        return self.event("Signed up", {"plan": plan})


class ShopBatch(ShopVerbs, Batch):
    __slots__ = ()


class ShopSession(ShopVerbs, Session):
    __slots__ = ()


class LooseBatch(ShopVerbs, Batch):
    """A vocabulary as most people write it: without ``__slots__``."""


class Call(NamedTuple):
    """Sample arguments of a verb."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def on(self, value, verb):
        return getattr(value, verb)(*self.args, **self.kwargs)


def call(*args, **kwargs):
    return Call(args, kwargs)


# A sample of each public verb. Events go on a Batch and on a Session alike.

EVENTS = {
    "event": call("Searched", {"query": "teapot", "hits": 3}, type="search", flags={"a": "b"}),
    "attribution": call("Example network", "Spring", attributes={"cost": 2.5}),
    "attribution_delete": call(),
    "re_engagement": call(campaign="Spring"),
    "ltv_increase": call(Decimal("5.00"), attributes={"plan": "pro"}),
    "screen_view": call("Home", attributes={"tab": 1}),
    "add_to_cart": call(TEAPOT, currency_code="EUR"),
    "remove_from_cart": call(TEAPOT),
    "add_to_wishlist": call(TEAPOT),
    "remove_from_wishlist": call(TEAPOT),
    "view_detail": call(TEAPOT),
    "click": call(TEAPOT, product_action_list="Search"),
    "checkout": call(TEAPOT, checkout_step=1),
    "checkout_option": call(checkout_options="express"),
    "purchase": call(TEAPOT, total_amount=21.49, shopping_cart=ShoppingCart([TEAPOT])),
    "refund": call(TEAPOT, transaction_id="t-1"),
    "promotion_view": call(SPRING),
    "promotion_click": call(SPRING),
    "impression": call("Results", TEAPOT, TEAPOT),
    "session_start": call(),
    "session_end": call(60_000),
    "app_install": call(),
    "app_upgrade": call(),
    "app_initialized": call(),
    "app_foreground": call(launch_referral="https://example.com/"),
    "app_background": call(),
    "app_exit": call(),
    "first_run": call(),
    "uninstall": call(),
    "push_registration": call("token"),
    "push_message": call("received", "token", "{}"),
    "network_performance": call("https://example.com/", 200, time_elapsed=12),
    "breadcrumb": call("Opened cart"),
    "crash_report": call(ValueError("out of tea"), breadcrumbs=[BreadcrumbEvent("Opened cart")]),
    "opt_out": call(),
    "profile": call("login", previous_mpid=1, current_mpid=2),
    "user_attribute_change": call("tags", ["a", "b"], old=["a"]),
    "user_identity_change": call(EMAIL, None),
    "add": call(AppEvent("Found", {"hits": 1}), ScreenViewEvent("Results")),
}
SETS = {
    "with_environment": call("production"),
    "with_mpid": call(-7636538281262557000),
    "with_mp_deviceid": call(UUID),
    "with_ip": call("203.0.113.7"),
    "with_source_request_id": call("order-1"),
    "with_identities": call(UserIdentities(other="x"), email="new@example.com"),
    "with_user_attributes": call({"$age": 42, "tags": ["a", "b"], "vip": None}, plan="pro"),
    "with_deleted_user_attributes": call("plan", "old"),
    "with_device": call(DeviceInformation(brand="Acme"), platform="Android"),
    "with_application": call(
        application_name="Shop 2", apple_search_ads_attributes={"Version3.1": {"iad": "x"}}
    ),
    "with_attribution_info": call("AppsFlyer", "Another network", "Autumn"),
    "with_partner_identities": call({"Acme_Id": "99"}),
    "with_partner_identity": call("1234"),
    "with_integration_attributes": call(92, {"appsflyer_id": "1"}),
    "with_gdpr_consent": call("analytics", False, at=NOW),
    "with_ccpa_data_sale_opt_out": call(False, at=NOW),
    "with_consent_state": call(ConsentState(gdpr={"sale": AGREED})),
    "with_data_plan": call("another_plan", 3),
    "with_location": call(52.52, 13.405, city_name="Berlin"),
    "merge": call(Batch().with_device(device_model="x").event("Merged")),
}
REMOVES = {
    "without_identities": call("customer_id"),
    "without_user_attributes": call("plan"),
    "without_device": call("platform"),
    "without_consent": call(),
}
CONSTRUCTS = {
    "for_user": call(customer_id="u-2", mpid=5),
    "for_device": call(platform="iOS"),
    "from_dict": call({"events": [{"event_type": "first_run", "data": {}}]}),
    "from_json": call(bytearray(b'{"user_attributes": {"tags": ["a", "b"]}}')),
    "start": call(UUID, at=NOW),
}
ENDS = {"end": call(after=5)}
TELLS = {
    "to_dict": call(),
    "to_json": call(indent=2),
    "to_python": call(),
    "preview": call(),
    "diff": call(Batch.for_user(mpid=7).event("x")),
    "problems": call(historical=True, now=1_800_000_000_000),
    "pipe": call(lambda batch, n: n, 5),
}
SAMPLES = {**EVENTS, **SETS, **REMOVES, **CONSTRUCTS, **ENDS, **TELLS}


def verbs(cls):
    """Return the names of a class's public methods."""
    return {
        name
        for name in dir(cls)
        if name[0] != "_"
        and isinstance(inspect.getattr_static(cls, name), FunctionType | classmethod | staticmethod)
    }


def rich_batch(cls=Batch):
    """Return a batch in which everything is set."""
    return (
        cls.for_user(customer_id="u-1", email="user@example.com")
        .with_environment("development")
        .with_source_request_id("r-1")
        .with_mp_deviceid("84e1b361-a282-4adf-8a6d-1d31e6dd5a9e")
        .with_user_attributes({"plan": "free", "tags": ["x", 1, 2.5], "tag": None})
        .with_deleted_user_attributes("gone")
        .with_device(platform="iOS", screen_height=2732)
        .with_application(application_name="Shop", os="IOS")
        .with_ip("198.51.100.1")
        .with_attribution_info("AppsFlyer", "Example network", "Spring")
        .with_partner_identities({"Other_Id": "1"})
        .with_integration_attributes(7, {"a": 1})
        .with_gdpr_consent("marketing", True, at=NOW)
        .with_ccpa_data_sale_opt_out(at=NOW)
        .with_data_plan("plan", 1)
        .with_location(1, 2)
        .event("First", {"a": 1, "b": None, "c": Decimal("1.50")}, at=NOW, location=PLACE)
        .purchase(TEAPOT, total_amount=19.99)
    )


def rich_session(cls=Session):
    """Return a session with some history."""
    return cls.start(session_id=42, at=NOW).screen_view("Home", after=1).event("x", {"a": 1})


BASES = {
    "rich batch": rich_batch(),
    "empty batch": Batch(),
    "shop batch": rich_batch(ShopBatch),
    "rich session": rich_session(),
    "timeless session": Session.start(UUID),
    "shop session": rich_session(ShopSession),
}


def seen(value):
    """Return all that anybody could see of a value."""
    whole = Batch().add(value) if isinstance(value, Session) else value
    text = whole.to_json() if hasattr(whole, "to_json") else ""
    return repr(value), text, pickle.dumps(value), hash(value), len(text)


# Every public verb


def test_every_public_verb_has_a_sample():
    assert verbs(Batch) | verbs(Session) == set(SAMPLES)
    assert verbs(EventVerbs) <= set(EVENTS)


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        (name, verb)
        for name, base in BASES.items()
        for verb in sorted(SAMPLES)
        # only a session that has times can tell its duration
        if verb in verbs(type(base)) and not (verb == "end" and base.at is None)
    ],
)
def test_a_verb_leaves_its_value_as_it_was(name, verb):
    base = BASES[name]
    before, twin, arguments = seen(base), pickle.loads(pickle.dumps(base)), SAMPLES[verb]
    given_before = repr(arguments)

    result = arguments.on(base, verb)

    assert seen(base) == before
    assert base == twin
    assert seen(twin) == before
    assert repr(arguments) == given_before
    if verb not in TELLS:
        assert type(result) is type(base)
        assert leaks(result) == []
        assert (result is base) <= (result == base)


@pytest.mark.parametrize("verb", sorted(EVENTS | SETS | REMOVES))
def test_a_verb_returns_another_value(verb):
    for base in (BASES["rich batch"], BASES["shop batch"]):
        result = SAMPLES[verb].on(base, verb)

        assert result is not base
        assert result != base


@pytest.mark.parametrize("verb", sorted(EVENTS | ENDS))
def test_an_event_verb_appends_and_keeps_all_that_was_before(verb):
    for base in (BASES["rich batch"], BASES["rich session"], BASES["shop session"]):
        if verb not in verbs(type(base)):
            continue
        result = SAMPLES[verb].on(base, verb)
        more = len(SAMPLES[verb].args) if verb == "add" else 1

        assert len(result.events) == len(base.events) + more
        assert all(map(operator.is_, result.events, base.events))


NOTHING = {
    "with_identities": call(),
    "with_device": call(None),
    "with_application": call(),
    "with_user_attributes": call({}),
    "with_deleted_user_attributes": call(),
    "with_partner_identities": call({}),
    "with_integration_attributes": call(7, {}),
    "with_environment": call("development"),
    "with_ip": call("198.51.100.1"),
    "with_data_plan": call("plan", 1),
    "with_consent_state": call(ConsentState()),
    "without_device": call("brand"),
    "without_identities": call("other"),
    "without_user_attributes": call("unknown"),
    "merge": call(Batch()),
    "add": call(),
}


@pytest.mark.parametrize("verb", NOTHING)
def test_a_verb_that_changes_nothing_gives_an_equal_value(verb):
    base = BASES["rich batch"]
    before = seen(base)

    result = NOTHING[verb].on(base, verb)

    assert result == base
    assert result.to_json() == base.to_json()
    assert seen(base) == before


@given(path=st.lists(st.sampled_from(sorted(EVENTS | SETS | REMOVES)), max_size=12))
def test_no_step_of_a_chain_changes_a_value_before_it(path):
    trail = [rich_batch()]
    pictures = [seen(trail[0])]

    for verb in path:
        trail.append(SAMPLES[verb].on(trail[-1], verb))
        pictures.append(seen(trail[-1]))

    assert [seen(batch) for batch in trail] == pictures


# A session takes no more events after its end.
PATHS = st.lists(st.sampled_from(sorted(EVENTS.keys() - {"session_end"})), max_size=5)


@given(left=PATHS, right=PATHS)
@pytest.mark.parametrize("base", [BASES["rich batch"], BASES["rich session"]])
def test_two_values_derived_from_one_know_nothing_of_each_other(base, left, right):
    def derived(path):
        value = base
        for verb in path:
            value = SAMPLES[verb].on(value, verb)
        return value

    first = derived(left)
    picture = seen(first)
    second = derived(right)

    assert seen(first) == picture
    assert first.events[: len(base.events)] == second.events[: len(base.events)] == base.events
    assert (first == second) == (first.events == second.events)


@given(left=strategies.batches(), right=strategies.batches())
def test_merging_leaves_both_sides_as_they_were(left, right):
    before = seen(left), seen(right)

    with suppress(MixedUsers):
        assert seen(left.merge(right))
    assert seen(left + Batch()), seen(left.with_device(brand="x").event("y"))

    assert (seen(left), seen(right)) == before


def test_a_derived_value_shares_what_did_not_change():
    base = BASES["rich batch"]

    derived = base.with_environment("production").event("More")

    assert derived.user_identities is base.user_identities
    assert derived.user_attributes is base.user_attributes
    assert derived.events[0] is base.events[0]


def test_plus_equals_makes_a_new_batch():
    base = batch = BASES["rich batch"]
    before = seen(base)

    batch += Batch().event("More")

    assert batch is not base
    assert len(batch.events) == len(base.events) + 1
    assert seen(base) == before


@pytest.mark.parametrize("name", BASES)
def test_replace_keeps_what_it_was_not_told_to_change(name):
    base = BASES[name]
    before = seen(base)

    assert base.__replace__() == base
    assert type(base.__replace__()) is type(base)
    assert base.__replace__().events == base.events
    assert seen(base) == before


def test_replace_changes_what_it_is_told_to():
    base = BASES["rich batch"]

    assert base.__replace__(environment="production") == base.with_environment("production")
    assert TEAPOT.__replace__(price=5) == Product(
        "sku-1", "Teapot", price=5, custom_attributes={"size": "L"}
    )
    with pytest.raises(UnknownField):
        TEAPOT.__replace__(prise=5)
    with pytest.raises(InvalidValue):
        TEAPOT.__replace__(price="5")
    with pytest.raises(InvalidValue):
        TEAPOT.__replace__(id=None, name=None)


# Everything that a value reaches

LEAVES = {str, bytes, int, float, bool, NoneType, Decimal}
ROUTINES = (
    type,
    FunctionType,
    MethodType,
    BuiltinFunctionType,
    MethodWrapperType,
    type(FrozenMap._abc_impl),
)


def parts(value):
    """Yield all that is stored in a value or can be asked of it: name, part, is it the class's."""
    for referent in gc.get_referents(value):
        yield "(hidden)", referent, False
    for cls in type(value).__mro__:
        own = vars(cls).get("__slots__", ())
        for slot in (own,) if isinstance(own, str) else own:
            if slot not in ("__weakref__", "__dict__") and hasattr(value, slot):
                yield slot, getattr(value, slot), False
    if hasattr(value, "__dict__"):
        yield "__dict__", vars(value), False
    for name in dir(value):
        if not (name.startswith("__") and name.endswith("__")):
            part = getattr(value, name)
            yield name, part, part is getattr(type(value), name, None)


def leaks(root):
    """Return the paths to everything mutable that is reachable from a value.

    Classes and functions are where it ends: they are the program, not the value. What a class
    declares may be asked of a value too: read-only tables of fields, and the mark that ``abc``
    puts on its classes.
    """
    found = []
    known = {}
    waiting = [("value", root, False)]
    while waiting:
        path, value, declared = waiting.pop()
        if id(value) in known or isinstance(value, ROUTINES):
            continue
        known[id(value)] = value  # kept alive, or its id could become another's
        kind = type(value)
        if kind in LEAVES:
            continue
        if kind in (frozenset, tuple) or (
            issubclass(kind, Events) and not hasattr(value, "__dict__")
        ):
            waiting += [(f"{path}[{n}]", item, declared) for n, item in enumerate(value)]
        elif kind is MappingProxyType and declared:
            waiting += [(f"{path}[{key!r}]", item, True) for key, item in value.items()]
        elif kind is Field and declared:
            slots = [(slot, getattr(value, slot)) for slot in Field.__slots__]
            waiting += [(f"{path}.{slot}", part, True) for slot, part in slots]
        elif isinstance(value, Frozen | FrozenMap):
            waiting += [
                (f"{path}.{name}", part, whose)
                for name, part, whose in parts(value)
                if part is not kind
            ]
        else:
            found.append(f"{path}: {kind.__name__}")
    return found


VALUES = {
    UserIdentities: UserIdentities(customer_id="u-1"),
    UserIdentity: EMAIL,
    DeviceInformation: DeviceInformation(platform="iOS", ios_idfv=UUID),
    DeviceCurrentState: DeviceCurrentState(battery_level=0.5, gps_state=True),
    ApplicationInformation: ApplicationInformation(
        application_name="Shop", apple_search_ads_attributes={"Version3.1": {"iad": True}}
    ),
    GeoLocation: PLACE,
    AttributionInfo: AttributionInfo("AppsFlyer", "Example network", "Spring"),
    DataPlanContext: DataPlanContext("plan", 2),
    BatchContext: BatchContext(data_plan=DataPlanContext("plan"), location=PLACE),
    GDPRConsentState: AGREED,
    CCPAConsentState: OPTED_OUT,
    ConsentState: ConsentState(gdpr={"a": AGREED}, ccpa={"data_sale_opt_out": OPTED_OUT}),
    Product: TEAPOT,
    ProductAction: ProductAction("purchase", [TEAPOT], total_amount=1.5),
    Promotion: SPRING,
    PromotionAction: PromotionAction("view", [SPRING]),
    ProductImpression: ProductImpression("Results", [TEAPOT]),
    ShoppingCart: ShoppingCart([TEAPOT]),
    AppEvent: AppEvent("Searched", {"a": 1}, flags={"b": "c"}, location=PLACE),
    CommerceEvent: CommerceEvent(product_impressions=[ProductImpression("Results", [TEAPOT])]),
    ScreenViewEvent: ScreenViewEvent("Home"),
    SessionStartEvent: SessionStartEvent(session_id=42),
    SessionEndEvent: SessionEndEvent(60_000, session_id=42),
    ApplicationStateTransitionEvent: ApplicationStateTransitionEvent.create_install_event(),
    PushRegistrationEvent: PushRegistrationEvent("token", register=False),
    PushMessageEvent: PushMessageEvent("received", "token", "{}"),
    NetworkPerformanceEvent: NetworkPerformanceEvent("https://example.com/", 200),
    BreadcrumbEvent: BreadcrumbEvent("Opened cart"),
    CrashReportEvent: CrashReportEvent("out of tea", breadcrumbs=[BreadcrumbEvent("Opened cart")]),
    OptOutEvent: OptOutEvent(False),
    FirstRunEvent: FirstRunEvent(at=0),
    UninstallEvent: UninstallEvent(),
    ProfileEvent: ProfileEvent("login", previous_mpid=1, current_mpid=2),
    UserAttributeChangeEvent: UserAttributeChangeEvent("tags", ["a", "b"], old=None),
    UserIdentityChangeEvent: UserIdentityChangeEvent(EMAIL, None),
    Batch: BASES["rich batch"],
    Session: BASES["rich session"],
    FrozenMap: AppEvent("Searched", {"a": 1, "b": 2.5}).attributes,
    Request: Request("https://example.com/v2/events", b"{}", {"Accept": "x"}, ("r-1",)),
    Response: Response(400, {"Retry-After": "1"}, b"{}"),
    Problem: Problem("nobody", "nobody is identified"),
}
FROZEN = {cls: value for cls, value in VALUES.items() if issubclass(cls, Frozen | FrozenMap)}


def each(values):
    """Parametrise a test with values, by the names of their classes."""
    return pytest.mark.parametrize("value", values.values(), ids=[cls.__name__ for cls in values])


def test_every_public_value_class_has_a_sample():
    public = {
        value
        for name, value in inspect.getmembers(mpfluent)
        if isinstance(value, type) and issubclass(value, Frozen | FrozenMap) and name[0] != "_"
    }

    assert public - {Event, EventVerbs} == set(FROZEN)


def test_the_search_finds_what_it_is_looking_for():
    class Hidden(Frozen, kind="Hidden"):
        __slots__ = ("_list",)

        @property
        def made(self):
            return {"a": 1}

    class Loose(Frozen, kind="Loose"):
        __slots__ = ("__dict__",)

    hidden = Hidden._make((), ())
    object.__setattr__(hidden, "_list", ([bytearray()],))

    assert {"value._list[0]: list", "value.made: dict"} <= set(leaks(hidden))
    assert leaks(Loose._make((), ())) == ["value.__dict__: dict"]
    assert leaks(Product._make(("id",), ({"a"},))) != []
    assert leaks(AppEvent._make(("custom_attributes",), ({"a": 1},))) != []
    assert leaks((1, FrozenMap.of(("a",), ([1],)))) != []
    assert leaks((1, MappingProxyType({}))) != []


@each(FROZEN)
def test_nothing_mutable_is_reachable_from_a_value(value):
    assert leaks(value) == []


@given(value=strategies.values() | strategies.sessions())
def test_nothing_mutable_is_reachable_from_any_value(value):
    assert leaks(value) == []


@given(batch=strategies.batches())
def test_nothing_mutable_is_reachable_from_a_batch_that_was_read(batch):
    assert leaks(Batch.from_dict(batch.to_dict())) == []
    assert leaks(Batch.from_json(batch.to_json())) == []


def test_nothing_mutable_is_reachable_after_any_verb():
    for name in ("rich batch", "rich session"):
        for verb in sorted((EVENTS | SETS | REMOVES).keys() & verbs(type(BASES[name]))):
            assert leaks(SAMPLES[verb].on(BASES[name], verb)) == [], verb


def test_nothing_mutable_is_reachable_from_a_vocabulary_of_ones_own():
    batch = LooseBatch.for_user(customer_id="u-1").signed_up("pro")

    assert leaks(batch) == []
    assert leaks(ShopBatch.for_user(customer_id="u-1").signed_up("pro")) == []


# Assignment and deletion


@each({cls: value for cls, value in VALUES.items() if cls is not Problem})
def test_no_attribute_can_be_assigned_or_deleted(value):
    before = pickle.dumps(value)
    slots = [slot for cls in type(value).__mro__ for slot in vars(cls).get("__slots__", ())]

    for name in sorted(
        {*dir(value), *slots, "anything", "__dict__"}, key=lambda s: (s[0] == "_", s)
    ):
        for attempt in (
            lambda name=name: setattr(value, name, None),
            lambda name=name: delattr(value, name),
        ):
            with pytest.raises(Immutable):
                attempt()

    assert pickle.dumps(value) == before


@each(FROZEN)
@pytest.mark.parametrize("key", ["name", 0, slice(None), None])
def test_no_item_can_be_assigned_or_deleted(value, key):
    before = pickle.dumps(value)

    with pytest.raises(Immutable):
        operator.setitem(value, key, 1)
    with pytest.raises(Immutable):
        operator.delitem(value, key)

    assert pickle.dumps(value) == before


def test_a_vocabulary_of_ones_own_is_as_immutable():
    for batch in (ShopBatch(), LooseBatch()):
        with pytest.raises(Immutable):
            batch.plan = "pro"
        with pytest.raises(Immutable):
            del batch.plan


@pytest.mark.parametrize(
    "operation", [operator.iadd, operator.isub, operator.ior, operator.iand, operator.imul]
)
@each(FROZEN)
def test_no_operator_changes_a_value_in_place(value, operation):
    before = pickle.dumps(value)

    for other in (value, [1], {"a": 1}, 5):
        with suppress(TypeError, MPFluentError):
            operation(value, other)

    assert pickle.dumps(value) == before


# Arguments are copied on the way in


def emptied(value):
    """Take everything out of a container, and out of those inside."""
    inside = list(value.values()) if isinstance(value, dict | UserDict) else list(value)
    for item in inside:
        if isinstance(item, list | dict | set | UserDict):
            emptied(item)
    value.clear()


INBOUND = {
    "user_attributes": {"plan": "pro", "tags": ["a", "b"]},
    "device_info": {"platform": "iOS"},
    "events": [
        {
            "event_type": "commerce_event",
            "data": {
                "custom_attributes": {"a": 1},
                "product_action": {
                    "action": "click",
                    "products": [{"id": "sku-1", "custom_attributes": {"size": "L"}}],
                },
            },
        }
    ],
}


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda given: AppEvent("x", given), {"a": 1, "b": "c"}),
        (lambda given: AppEvent("x", given), UserDict({"a": 1})),
        (lambda given: AppEvent("x", flags=given), {"a": 1}),
        (lambda given: Batch().event("x", given), {"a": 1}),
        (lambda given: rich_session().event("x", given), {"a": 1}),
        (lambda given: Batch().purchase(TEAPOT, attributes=given), {"a": 1}),
        (lambda given: Batch().ltv_increase(5, attributes=given), {"a": 1}),
        (lambda given: Batch().attribution("p", "c", attributes=given), {"a": 1}),
        (lambda given: Batch().with_user_attributes(given), {"a": ["b", "c"], "d": 1}),
        (lambda given: Batch().with_user_attributes(tags=given), ["b", "c"]),
        (lambda given: rich_batch().with_user_attributes(given), UserDict({"a": ["b"]})),
        (lambda given: Batch().with_partner_identities(given), {"a": "b"}),
        (lambda given: Batch().with_integration_attributes(92, given), {"a": "b"}),
        (
            lambda given: Batch().with_application(apple_search_ads_attributes=given),
            {"a": {"b": "c"}},
        ),
        (lambda given: Product("x", custom_attributes=given), {"a": "b"}),
        (lambda given: ProductAction("click", given), [TEAPOT]),
        (lambda given: ProductImpression("x", given), [TEAPOT]),
        (lambda given: PromotionAction("view", given), [SPRING]),
        (lambda given: ShoppingCart(given), [TEAPOT]),
        (
            lambda given: CommerceEvent(product_impressions=given),
            [ProductImpression("x", [TEAPOT])],
        ),
        (lambda given: CrashReportEvent("x", breadcrumbs=given), [BreadcrumbEvent("y")]),
        (
            lambda given: Batch().crash_report(message="x", breadcrumbs=given),
            [BreadcrumbEvent("y")],
        ),
        (lambda given: ConsentState(gdpr=given), {"a": AGREED}),
        (lambda given: ConsentState(ccpa=given), {"data_sale_opt_out": OPTED_OUT}),
        (lambda given: UserAttributeChangeEvent("x", given), ["a", "b"]),
        (lambda given: Batch().user_attribute_change("x", "y", old=given), ["a", "b"]),
        (lambda given: Batch.from_dict(given), INBOUND),
        (lambda given: Batch.from_json(given), bytearray(b'{"user_attributes": {"a": ["b"]}}')),
        (lambda given: FrozenMap(given), {"a": 1}),
        (lambda given: Response(202, given), {"a": "b"}),
        (lambda given: Request("https://example.com/", b"{}", given), {"a": "b"}),
    ],
)
def test_what_happens_to_an_argument_afterwards_changes_nothing(make, argument):
    argument = copy.deepcopy(argument)
    value = make(argument)
    before = repr(value), pickle.dumps(value)

    emptied(argument) if not isinstance(argument, bytearray) else argument.clear()

    assert (repr(value), pickle.dumps(value)) == before
    assert leaks(value) == [] or isinstance(value, Request | Response)
    assert value != make(argument) if argument else True


def test_a_read_only_view_of_a_dict_is_copied_too():
    behind = {"a": 1}
    event = AppEvent("Searched", MappingProxyType(behind))

    behind["a"] = 2

    assert event.attributes == {"a": 1}
    assert leaks(event) == []


def test_what_is_exported_is_not_shared():
    batch = BASES["rich batch"]
    before = seen(batch)
    exported = batch.to_dict()

    emptied(exported)

    assert seen(batch) == before
    assert batch.to_dict() != exported


@each({cls: value for cls, value in FROZEN.items() if issubclass(cls, Record)})
def test_what_a_value_exports_is_its_own_each_time(value):
    first, before = value.to_dict(), pickle.dumps(value)

    emptied(first)

    assert value.to_dict() != first or value == type(value)._make((), ())
    assert pickle.dumps(value) == before


# Pickle, copy, hash


@each(VALUES)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_value_survives_pickling(value, protocol):
    again = pickle.loads(pickle.dumps(value, protocol))

    assert type(again) is type(value)
    assert repr(again) == repr(value)
    if not isinstance(value, Request):
        assert again == value
        assert hash(again) == hash(value)


@pytest.mark.parametrize("name", BASES)
def test_a_base_of_a_template_survives_pickling_with_its_type(name):
    again = pickle.loads(pickle.dumps(BASES[name]))

    assert type(again) is type(BASES[name])
    assert seen(again) == seen(BASES[name])
    assert leaks(again) == []


@each(FROZEN)
def test_a_copy_of_what_cannot_change_is_the_value_itself(value):
    assert copy.copy(value) is value
    assert copy.deepcopy(value) is value
    assert copy.deepcopy([value, value]) == [value, value]


@given(value=strategies.values() | strategies.sessions())
def test_any_value_survives_pickling_and_is_hashable(value):
    again = pickle.loads(pickle.dumps(value))

    assert again == value
    assert hash(again) == hash(value)
    assert len({value, again}) == 1


@each(FROZEN)
def test_a_value_equals_itself_and_no_other_value(value):
    others = [other for cls, other in FROZEN.items() if cls is not type(value)]

    assert value == copy.copy(value)
    assert not operator.ne(value, copy.copy(value))
    assert all(value != other for other in others)
    assert value not in (None, 5, "text", (), [])
    assert value in {value: 1}


def test_no_two_classes_of_records_are_equal_without_fields():
    empty = [UserIdentities(), DeviceInformation(), DeviceCurrentState(), ConsentState(), Batch()]

    assert len(set(empty)) == len(empty)
    assert AGREED.to_dict()["consented"] == OPTED_OUT.to_dict()["consented"]
    assert GDPRConsentState(True, NOW) != CCPAConsentState(True, NOW)
    assert FirstRunEvent() != UninstallEvent()


# Equal means equal on the wire


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Product("x", price=Decimal("19.99")), Product("x", price=19.99)),
        (Product("x", price=Decimal("19.90")), Product("x", price=19.9)),
        (Product("x", price=20), Product("x", price=20.0)),
        (Product("x", price=20), Product("x", price=Decimal("2E+1"))),
        (Product("x", price=0), Product("x", price=-0.0)),
        (GeoLocation(1, 2), GeoLocation(1.0, Decimal("2.0"))),
        (AppEvent("x", {"a": 1}), AppEvent("x", {"a": 1.0})),
        (AppEvent("x", {"a": 1, "b": 2}), AppEvent("x", {"b": 2, "a": 1})),
        (AppEvent("x", {}), AppEvent("x")),
        (AppEvent("x", None), AppEvent("x")),
        (AppEvent("x", {"a": None}), AppEvent("x")),
        (AppEvent("x", flags={}), AppEvent("x")),
        (AppEvent("x", device_current_state=DeviceCurrentState()), AppEvent("x")),
        (Product("x", custom_attributes={}), Product("x")),
        (CrashReportEvent("x", breadcrumbs=[]), CrashReportEvent("x")),
        (ProductAction("click", []), ProductAction("click")),
        (ConsentState(gdpr={}), ConsentState()),
        (Batch().with_user_attributes({}), Batch()),
        (Batch().with_user_attributes(a=1).without_user_attributes("a"), Batch()),
        (Batch().with_device(), Batch()),
        (Batch().with_device(brand=None), Batch()),
        (Batch().with_partner_identities({}), Batch()),
        (Batch().with_consent_state(ConsentState()), Batch()),
        (Batch().with_data_plan(None), Batch()),
        (Batch().with_user_attributes(a=[1, 2.0]), Batch().with_user_attributes(a=(1.0, 2))),
        (
            Batch().with_deleted_user_attributes("a", "b"),
            Batch().with_deleted_user_attributes("b", "a"),
        ),
        (
            Batch().with_integration_attributes(92, {"a": "b"}),
            Batch().with_integration_attributes("92", {"a": "b"}),
        ),
        (
            AppEvent("x", at=NOW),
            AppEvent("x", at="2026-11-23T11:15:00.000+01:00"),
        ),
        (Batch().event("x").event("y"), Batch().event("x").merge(Batch().event("y"))),
        (Batch().event("x").event("y"), Batch().add(AppEvent("x"), AppEvent("y"))),
        (ShopBatch().signed_up("pro"), Batch().event("Signed up", {"plan": "pro"})),
        (rich_batch(ShopBatch), rich_batch()),
        (rich_session(ShopSession), rich_session()),
    ],
)
def test_equal_on_the_wire_is_equal_in_python(left, right):
    assert left == right
    assert right == left
    assert not operator.ne(left, right)
    assert hash(left) == hash(right)


def test_subclasses_of_any_value_compare_by_content():
    for cls, value in FROZEN.items():
        if not issubclass(cls, Frozen):
            continue
        subclass = type("Own" + cls.__name__, (cls,), {"__slots__": ()})
        own = subclass.__new__(subclass)
        for base in cls.__mro__:
            for slot in vars(base).get("__slots__", ()):
                if slot != "__weakref__":
                    object.__setattr__(own, slot, getattr(value, slot))

        assert own == value, cls
        assert value == own
        assert hash(own) == hash(value)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (AppEvent("x", {"a": True}), AppEvent("x", {"a": 1})),
        (AppEvent("x", {"a": False}), AppEvent("x", {"a": 0})),
        (AppEvent("x", {"a": True}), AppEvent("x", {"a": 1.0})),
        (AppEvent("x", {"a": "1"}), AppEvent("x", {"a": 1})),
        (AppEvent("x", {"a": "true"}), AppEvent("x", {"a": True})),
        (AppEvent("x", {"a": ""}), AppEvent("x")),
        (AppEvent("x", {"a": 0}), AppEvent("x")),
        (AppEvent("x", is_goal_defined=False), AppEvent("x")),
        (AppEvent("x", lifetime_value_change=0), AppEvent("x")),
        (AppEvent("x", at=0), AppEvent("x")),
        (AppEvent("x", {"a": 2**53}), AppEvent("x", {"a": 2**53 + 1})),
        (AppEvent("x", {"a": float(2**53)}), AppEvent("x", {"a": 2**53 + 1})),
        (Product("x", price=0.1 + 0.2), Product("x", price=0.3)),
        (Product("x", price=Decimal("0.1")), Product("x", price=Decimal("0.10000000000000001"))),
        (Batch().with_user_attributes(a=None), Batch()),
        (Batch().with_user_attributes(a=[]), Batch()),
        (Batch().with_user_attributes(a=[True]), Batch().with_user_attributes(a=[1])),
        (Batch().with_user_attributes(a=[1, 2]), Batch().with_user_attributes(a=[2, 1])),
        (Batch().event("x").event("y"), Batch().event("y").event("x")),
        (UserAttributeChangeEvent("x", 1, old=None), UserAttributeChangeEvent("x", 1)),
        (rich_session(), rich_batch()),
    ],
)
def test_different_on_the_wire_is_different_in_python(left, right):
    assert left != right
    assert right != left
    assert not operator.eq(left, right)


NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000),
    st.booleans(),
    st.sampled_from([0, 0.0, -0.0, Decimal(0), Decimal("-0.00"), False, 1, 1.0, True]),
)


@given(left=NUMBERS, right=NUMBERS)
def test_numbers_are_equal_if_they_have_the_same_decimal_value(left, right):
    def decimal(number):
        return isinstance(number, bool), Decimal(repr(number) if type(number) is float else number)

    first, second = AppEvent("x", {"a": left}), AppEvent("x", {"a": right})

    assert (first == second) == (decimal(left) == decimal(right))
    assert first != second or hash(first) == hash(second)


def test_a_map_equals_a_dict_of_the_same_entries():
    attributes = AppEvent("x", {"a": 1, "b": 2.5, "c": True}).attributes
    tags = Batch().with_user_attributes(tags=["a", "b"]).user_attributes

    assert attributes == {"c": True, "b": Decimal("2.5"), "a": 1.0}
    assert operator.eq({"a": 1, "b": 2.5, "c": True}, attributes)
    assert attributes != {"a": 1, "b": 2.5, "c": 1}
    assert attributes != {"a": 1, "b": 2.5}
    assert attributes != [("a", 1)]
    assert tags == {"tags": ["a", "b"]}
    assert dict(attributes) == attributes
    assert len(attributes) == 3
    assert [*attributes] == ["a", "b", "c"]


def test_whatever_has_its_own_idea_of_equal_is_asked():
    class Anything:
        def __eq__(self, other):
            return True

    for value in (BASES["rich batch"], TEAPOT, AppEvent("x", {"a": 1}).attributes):
        assert value == Anything()
