"""A sample of each public verb and of each public value class."""

from __future__ import annotations

import gc
import inspect
import pickle
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
from internals import Events, Field, Frozen

from mpfluent import (
    AppEvent,
    ApplicationInformation,
    ApplicationStateTransitionEvent,
    AttributionInfo,
    Batch,
    BatchContext,
    BreadcrumbEvent,
    CCPAConsentState,
    Client,
    CommerceEvent,
    ConsentState,
    CrashReportEvent,
    DataPlanContext,
    DeviceCurrentState,
    DeviceInformation,
    EventVerbs,
    FirstRunEvent,
    FrozenMap,
    GDPRConsentState,
    GeoLocation,
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
    SealedBatch,
    Session,
    SessionEndEvent,
    SessionStartEvent,
    ShoppingCart,
    UninstallEvent,
    UserAttributeChangeEvent,
    UserIdentities,
    UserIdentity,
    UserIdentityChangeEvent,
)

NOW = "2026-11-23T10:15:00Z"
UUID = "3fb44a79-df2d-446d-acf1-e87eda854ae1"
TEAPOT = Product("sku-1", "Teapot", price=Decimal("19.99"), custom_attributes={"size": "L"})
SPRING = Promotion("promo-1", position="hero banner")
EMAIL = UserIdentity("email", "user@example.com", NOW)
NEW_YORK = GeoLocation(40.7142, -74.0064, country_code="US")
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
OTHERS = {
    "to_dict": call(),
    "to_json": call(indent=2),
    "to_python": call(),
    "preview": call(),
    "diff": call(Batch.for_user(mpid=7).event("x")),
    "problems": call(historical=True, now=1_800_000_000_000),
    "pipe": call(lambda batch, n: n, 5),
}
SAMPLES = {**EVENTS, **SETS, **REMOVES, **CONSTRUCTS, **ENDS, **OTHERS}


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
        .event("First", {"a": 1, "b": None, "c": Decimal("1.50")}, at=NOW, location=NEW_YORK)
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
    GeoLocation: NEW_YORK,
    AttributionInfo: AttributionInfo("AppsFlyer", "Example network", "Spring"),
    DataPlanContext: DataPlanContext("plan", 2),
    BatchContext: BatchContext(data_plan=DataPlanContext("plan"), location=NEW_YORK),
    GDPRConsentState: AGREED,
    CCPAConsentState: OPTED_OUT,
    ConsentState: ConsentState(gdpr={"a": AGREED}, ccpa={"data_sale_opt_out": OPTED_OUT}),
    Product: TEAPOT,
    ProductAction: ProductAction("purchase", [TEAPOT], total_amount=1.5),
    Promotion: SPRING,
    PromotionAction: PromotionAction("view", [SPRING]),
    ProductImpression: ProductImpression("Results", [TEAPOT]),
    ShoppingCart: ShoppingCart([TEAPOT]),
    AppEvent: AppEvent("Searched", {"a": 1}, flags={"b": "c"}, location=NEW_YORK),
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
    SealedBatch: Client("key", "secret").seal(BASES["rich batch"]),
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
