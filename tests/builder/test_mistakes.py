"""What people get wrong, and the exact words in which mpfluent says so.

Every message has three parts: what you wrote, what is allowed, the line to write instead. Each
row of a table is a call, the class of its error and the whole text. Sending goes through a
``RecordingTransport``; nothing here needs a network.
"""

from __future__ import annotations

import datetime
import enum
import math
import operator
import pickle
import re
import traceback
import uuid
from datetime import UTC, date, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpfluent
from mpfluent import (
    AppEvent,
    ApplicationStateTransitionEvent,
    AttributionInfo,
    Batch,
    BatchContext,
    BreadcrumbEvent,
    CCPAConsentState,
    Client,
    Closed,
    CommerceEvent,
    Configuration,
    ConfigurationError,
    ConsentState,
    CrashReportEvent,
    DataPlanContext,
    DeviceCurrentState,
    DeviceInformation,
    Event,
    EventsApi,
    FunctionTransport,
    GDPRConsentState,
    GeoLocation,
    Immutable,
    InvalidBatch,
    InvalidTime,
    InvalidValue,
    MixedUsers,
    MPFluentError,
    Product,
    ProductAction,
    ProductImpression,
    Promotion,
    PromotionAction,
    RecordingTransport,
    RequestsTransport,
    Response,
    Retry,
    Session,
    ShoppingCart,
    TooLarge,
    UnknownField,
    UnknownVerb,
    UserIdentities,
    UserIdentity,
)
from mpfluent.values import times as moments

NOW = "2026-11-23T10:15:00Z"
NOW_MS = 1_795_428_900_000
MOMENT = datetime.datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
UUID = "3fb44a79-df2d-446d-acf1-e87eda854ae1"
NAN, INFINITY = float("nan"), float("inf")
HUGE = 10**5000  # too long for Python to print
SURROGATE = "\ud800"  # half of a character; it has no UTF-8

BATCH = Batch.for_user(customer_id="u-1")
TEAPOT = Product("sku-1", "Teapot")
SPRING = Promotion("promo-1")
SEARCHED = AppEvent("Searched")
SESSION = Session.start(session_id=42, at=NOW)
TIMELESS = Session.start(session_id=42)


class Whole:
    """An integer that is none of Python's, such as numpy.int64."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value

    def __repr__(self):
        return f"whole({self.value})"


class Array:
    """What has ``__index__`` and is no integer, such as a numpy array."""

    def __index__(self):
        raise TypeError("only integer scalar arrays can be converted to a scalar index")

    def __repr__(self):
        return "array([1, 2])"


class Real:
    """A number that is none of Python's, such as numpy.float32."""

    dtype = "float32"

    def __float__(self):
        return 1.5

    def __repr__(self):
        return "float32(1.5)"


class Mute:
    """An object that cannot be shown."""

    def __repr__(self):
        raise RuntimeError("no repr")

    __str__ = __repr__


class MuteText(str):
    """Text that cannot be shown."""

    def __repr__(self):
        raise RuntimeError("no repr")

    __str__ = __repr__


class Mood(enum.Enum):
    CALM = "calm"
    THREE = 3


class Level(enum.IntEnum):
    ONE = 1


class System(enum.StrEnum):
    RIGHT = "iOS"
    WRONG = "ios"


CIRCLE = []
CIRCLE.append(CIRCLE)
CIRCULAR = {}
CIRCULAR["self"] = CIRCULAR


# Without a frame of its own, so that an error in a setting points at the line that wrote it.
client = partial(Client, "key", "secret", environment="development", transport=RecordingTransport())


def api(**options):
    """Return an ``EventsApi`` that sends nowhere."""
    options = {"environment": "development", "transport": RecordingTransport(), **options}
    return EventsApi(Configuration(api_key="key", api_secret="secret", **options))


def line_number(value):
    """Return the id of a row: the line of its call."""
    return f"line-{value.__code__.co_firstlineno}" if callable(value) else ""


def mistakes(*rows):
    """Parametrise a test with calls, the errors' classes and their texts."""
    return pytest.mark.parametrize(
        ("call", "error", "text"),
        [pytest.param(*row, id=line_number(row[0])) for row in rows],
    )


def assert_told(call, error, text):
    """Assert that the call raises this error, on its own line, with this text."""
    with pytest.raises(MPFluentError) as caught:
        call()

    assert str(caught.value) == text
    assert caught.type is error
    frames = list(traceback.walk_tb(caught.tb))
    here = [(frame.f_code, line) for frame, line in frames if frame.f_code.co_filename == __file__]
    assert here[-1][0] is call.__code__
    assert here[-1][1] in {line for _, _, line in call.__code__.co_lines()}
    own = str(Path(mpfluent.__file__).parent)
    assert frames[-1][0].f_code.co_filename.startswith((own, __file__))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


# The contract's own samples, letter for letter


@mistakes(
    (
        lambda: BATCH.with_device(platfrom="iOS"),
        UnknownField,
        "with_device() has no field 'platfrom'; did you mean 'platform'?",
    ),
    (
        lambda: BATCH.with_device(platform="ios"),
        InvalidValue,
        "with_device(platform='ios'): 'ios' is not a platform; did you mean 'iOS'? "
        "(iOS, Android, web, …)",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount="61.45"),
        InvalidValue,
        "purchase(total_amount='61.45'): want a number, got str; "
        "write total_amount=Decimal('61.45')",
    ),
    (
        lambda: BATCH.event("Searched", at=1552596256),
        InvalidTime,
        "at=1552596256 looks like seconds since the epoch; mParticle wants milliseconds: "
        "write at=1552596256000",
    ),
    (
        lambda: BATCH.append(SEARCHED),
        Immutable,
        "Batch is immutable; write batch = batch.add(event)",
    ),
    (
        lambda: Batch.for_user(customer_id="u-1") + Batch.for_user(customer_id="u-2"),
        MixedUsers,
        "cannot merge customer_id='u-1' with customer_id='u-2': a batch is one user; "
        "send both with client.send(a, b)",
    ),
)
def test_the_samples_of_the_contract_read_as_printed_there(call, error, text):
    assert_told(call, error, text)


def test_the_servers_words_are_in_the_error():
    said = 'Required event field "event_type" is missing or empty.'
    body = b'{"errors": [{"code": "BAD_REQUEST", "message": "Required event field \\"event_type\\"'
    body += b' is missing or empty."}]}'

    with pytest.raises(mpfluent.ApiError) as caught:
        client(transport=RecordingTransport(Response(400, body=body))).send(BATCH)

    assert str(caught.value) == f"mParticle answered 400 BAD_REQUEST: {said}"
    assert caught.value.errors == ({"code": "BAD_REQUEST", "message": said},)


# Names


@mistakes(
    (
        lambda: Batch.for_user(emial="user@example.com"),
        UnknownField,
        "for_user() has no field 'emial'; did you mean 'email'?",
    ),
    (
        lambda: Batch.for_user(user_id="u-1"),
        UnknownField,
        "for_user() has no field 'user_id'; did you mean 'customer_id'?",
    ),
    (
        lambda: Batch.for_device(idfv=UUID),
        UnknownField,
        "for_device() has no field 'idfv'; did you mean 'ios_idfv'?",
    ),
    (
        lambda: BATCH.with_identities(customerid="u-1"),
        UnknownField,
        "with_identities() has no field 'customerid'; did you mean 'customer_id'?",
    ),
    (
        lambda: BATCH.with_application(name="Shop"),
        UnknownField,
        "with_application() has no field 'name'; it has application_name, application_version, "
        "application_build_number, package, install_referrer, os, apple_search_ads_attributes",
    ),
    (
        lambda: BATCH.with_device(customer_id="u-1"),
        UnknownField,
        "with_device() has no field 'customer_id'; it has platform, ios_advertising_id, ios_idfv, "
        "android_advertising_id, android_uuid, fire_advertising_id, roku_advertising_id, "
        "roku_publisher_id, microsoft_advertising_id, microsoft_publisher_id, amp_id, "
        "att_authorization_status, …",
    ),
    (
        lambda: BATCH.with_location(40.7, -74, contry_code="US"),
        UnknownField,
        "with_location() has no field 'contry_code'; did you mean 'country_code'?",
    ),
    (
        lambda: BATCH.without_device("platfrom"),
        UnknownField,
        "without_device() has no field 'platfrom'; did you mean 'platform'?",
    ),
    (
        lambda: BATCH.without_identities("emial"),
        UnknownField,
        "without_identities() has no field 'emial'; did you mean 'email'?",
    ),
    (
        lambda: BATCH.event("Searched", atributes={}),
        UnknownField,
        "event() has no field 'atributes'; did you mean 'attributes'?",
    ),
    (
        lambda: BATCH.event("Searched", custom_attributes={}),
        UnknownField,
        "event() has no field 'custom_attributes'; did you mean 'attributes'?",
    ),
    (
        lambda: BATCH.event("Searched", custom_event_type="search"),
        UnknownField,
        "event() has no field 'custom_event_type'; did you mean 'type'?",
    ),
    (
        lambda: BATCH.event("Searched", timestamp_unixtime_ms=NOW_MS),
        UnknownField,
        "event() has no field 'timestamp_unixtime_ms'; did you mean 'at'?",
    ),
    (
        lambda: BATCH.event("Searched", timestamp=NOW_MS),
        UnknownField,
        "event() has no field 'timestamp'; did you mean 'at'?",
    ),
    (
        lambda: BATCH.screen_view("Home", activity="x"),
        UnknownField,
        "screen_view() has no field 'activity'; did you mean 'activity_type'?",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amuont=1),
        UnknownField,
        "purchase() has no field 'total_amuont'; did you mean 'total_amount'?",
    ),
    (
        lambda: BATCH.remove_from_wishlist(TEAPOT, total_amuont=1),
        UnknownField,
        "remove_from_wishlist() has no field 'total_amuont'; did you mean 'total_amount'?",
    ),
    (
        lambda: BATCH.promotion_view(SPRING, curency_code="EUR"),
        UnknownField,
        "promotion_view() has no field 'curency_code'; did you mean 'currency_code'?",
    ),
    (
        lambda: BATCH.impression("Results", TEAPOT, screenname="x"),
        UnknownField,
        "impression() has no field 'screenname'; did you mean 'screen_name'?",
    ),
    (
        lambda: BATCH.crash_report(ValueError("x"), clas_name="x"),
        UnknownField,
        "crash_report() has no field 'clas_name'; did you mean 'class_name'?",
    ),
    (
        lambda: Product("sku-1", prise=1),
        UnknownField,
        "Product() has no field 'prise'; did you mean 'price'?",
    ),
    (
        lambda: Product("sku-1", colour="red"),
        UnknownField,
        "Product() has no field 'colour'; it has id, name, brand, category, variant, position, "
        "price, quantity, coupon_code, added_to_cart_time_ms, total_product_amount, "
        "custom_attributes",
    ),
    (
        lambda: DeviceInformation(platfrom="iOS"),
        UnknownField,
        "DeviceInformation() has no field 'platfrom'; did you mean 'platform'?",
    ),
    (
        lambda: AppEvent("Searched", timestamp=NOW_MS),
        UnknownField,
        "AppEvent() has no field 'timestamp'; did you mean 'at'?",
    ),
    (
        lambda: Product(nmae="Teapot"),
        UnknownField,
        "Product() has no field 'nmae'; did you mean 'name'?",
    ),
    (
        lambda: Promotion(nmae="Spring sale"),
        UnknownField,
        "Promotion() has no field 'nmae'; did you mean 'name'?",
    ),
    (
        lambda: Session.start(sesion_id=42),
        UnknownField,
        "start() has no field 'sesion_id'; did you mean 'session_id'?",
    ),
    (
        lambda: BATCH.event(nmae="Searched", name="x"),
        UnknownField,
        "event() has no field 'nmae'; did you mean 'name'?",
    ),
    (
        lambda: BATCH.attribution("Example network", campaign="x", pubisher="x"),
        UnknownField,
        "attribution() has no field 'pubisher'; did you mean 'publisher'?",
    ),
    (
        lambda: BATCH.event("Searched", colour="red"),
        UnknownField,
        "event() has no field 'colour'; it has name, attributes, type, at, source_message_id, "
        "flags, location, device_current_state, session_start_unixtime_ms, "
        "event_start_unixtime_ms, is_goal_defined, lifetime_value_change, …; "
        "write attributes={'colour': …}",
    ),
    (
        lambda: Session.start(session_id=42, sesion_uuid=UUID),
        UnknownField,
        "start() has no field 'sesion_uuid'; did you mean 'session_uuid'?",
    ),
    (
        lambda: SESSION.screen_view("Home", att=NOW),
        UnknownField,
        "screen_view() has no field 'att'; did you mean 'at'?",
    ),
    (
        lambda: SESSION.screen_view("Home", afer=1),
        UnknownField,
        "screen_view() has no field 'afer'; did you mean 'after'?",
    ),
    (
        lambda: SESSION.end(afer=1),
        UnknownField,
        "end() has no field 'afer'; did you mean 'after'?",
    ),
)
def test_a_misspelt_name_is_answered_with_the_one_that_was_meant(call, error, text):
    assert_told(call, error, text)


@mistakes(
    (
        lambda: Batch(environment="development"),
        UnknownField,
        "Batch() has no field 'environment'; it takes none",
    ),
    (
        lambda: BATCH.with_gdpr_consent("marketing", True, at=NOW, documnt="terms_v4"),
        UnknownField,
        "with_gdpr_consent() has no field 'documnt'; did you mean 'document'?",
    ),
    (
        lambda: BATCH.with_ccpa_data_sale_opt_out(at=NOW, locaton="Berlin"),
        UnknownField,
        "with_ccpa_data_sale_opt_out() has no field 'locaton'; did you mean 'location'?",
    ),
    (
        lambda: BATCH.with_data_plan("plan", version=2),
        UnknownField,
        "with_data_plan() has no field 'version'; did you mean 'plan_version'?",
    ),
    (
        lambda: BATCH.with_attribution_info("a", "b", "c", publsher="d"),
        UnknownField,
        "with_attribution_info() has no field 'publsher'; did you mean 'publisher'?",
    ),
    (
        lambda: DataPlanContext("plan", version=2),
        UnknownField,
        "DataPlanContext() has no field 'version'; did you mean 'plan_version'?",
    ),
    (
        lambda: AttributionInfo("a", "b", "c", publsher="d"),
        UnknownField,
        "AttributionInfo() has no field 'publsher'; did you mean 'publisher'?",
    ),
    (
        lambda: BatchContext(dataplan=DataPlanContext("plan")),
        UnknownField,
        "BatchContext() has no field 'dataplan'; did you mean 'data_plan'?",
    ),
    (
        lambda: ConsentState(gpdr={}),
        UnknownField,
        "ConsentState() has no field 'gpdr'; did you mean 'gdpr'?",
    ),
    (
        lambda: PromotionAction("view", promotion=[SPRING]),
        UnknownField,
        "PromotionAction() has no field 'promotion'; did you mean 'promotions'?",
    ),
    (
        lambda: ProductImpression("Results", [TEAPOT], product=[TEAPOT]),
        UnknownField,
        "ProductImpression() has no field 'product'; did you mean 'products'?",
    ),
    (
        lambda: ShoppingCart([TEAPOT], product=[TEAPOT]),
        UnknownField,
        "ShoppingCart() has no field 'product'; did you mean 'products'?",
    ),
    (
        lambda: Client("key", "secret", enviroment="development"),
        ConfigurationError,
        "Client() has no option 'enviroment'; did you mean 'environment'?",
    ),
    (
        lambda: Configuration(api_key="key", api_secrt="secret"),
        ConfigurationError,
        "Configuration() has no option 'api_secrt'; did you mean 'api_secret'?",
    ),
    (
        lambda: Retry(max_atempts=5),
        ConfigurationError,
        "Retry() has no option 'max_atempts'; did you mean 'max_attempts'?",
    ),
    (
        lambda: RequestsTransport(timeot=(1, 2)),
        ConfigurationError,
        "RequestsTransport() has no option 'timeot'; did you mean 'timeout'?",
    ),
)
def test_a_misspelt_name_is_our_error_where_python_would_raise_its_own(call, error, text):
    assert_told(call, error, text)


@mistakes(
    (
        lambda: BATCH.event("Searched", after=5),
        UnknownField,
        "event(after=…): only a Session places its events relative to each other; "
        "write at=…, or Session.start(…, at=…).event(…, after=…)",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, after=5),
        UnknownField,
        "purchase(after=…): only a Session places its events relative to each other; "
        "write at=…, or Session.start(…, at=…).purchase(…, after=…)",
    ),
    (
        lambda: BATCH.app_install(is_first_run=False),
        InvalidValue,
        "app_install() says is_first_run itself; for other combinations write "
        "add(ApplicationStateTransitionEvent(…))",
    ),
    (
        lambda: BATCH.app_foreground(is_first_run=True),
        InvalidValue,
        "app_foreground() says is_first_run itself; for other combinations write "
        "add(ApplicationStateTransitionEvent(…))",
    ),
    (
        lambda: BATCH.app_exit(application_transition_type="application_exit"),
        InvalidValue,
        "app_exit() says application_transition_type itself; for other combinations write "
        "add(ApplicationStateTransitionEvent(…))",
    ),
    (
        lambda: BATCH.purchase(products=[TEAPOT]),
        UnknownField,
        "purchase() takes products without a name; write purchase(*products)",
    ),
)
def test_a_name_that_belongs_elsewhere_is_told_where(call, error, text):
    assert_told(call, error, text)


@pytest.mark.parametrize(
    ("call", "written"),
    [
        (lambda: BATCH.event("Searched", event_name="Found"), None),
        (lambda: BATCH.attribution("p", "c", type="search"), None),
        (lambda: BATCH.attribution("p", "c", event_name="Found"), None),
        (lambda: BATCH.ltv_increase(5, type="search"), None),
        (lambda: BATCH.purchase(TEAPOT, product_action=ProductAction("click")), None),
        (lambda: BATCH.promotion_view(SPRING, promotion_action=PromotionAction("click")), None),
        (
            lambda: BATCH.impression(
                "Results", TEAPOT, product_impressions=[ProductImpression("x", [])]
            ),
            None,
        ),
        (lambda: BATCH.with_location(GeoLocation(1, 2), 5), '"longitude":5'),
        (lambda: BATCH.with_location(GeoLocation(1, 2), accuracy=195), '"accuracy":195'),
        (lambda: BATCH.with_location(GeoLocation(1, 2), contry_code="US"), None),
        (lambda: BATCH.with_location(None, country_code="US"), None),
        (lambda: BATCH.with_data_plan(DataPlanContext("plan"), 7), '"plan_version":7'),
        (lambda: BATCH.with_data_plan(None, 7), None),
        (lambda: BATCH.with_attribution_info(AttributionInfo("a", "b", "c"), "d"), None),
        (lambda: BATCH.with_attribution_info(None, "d"), None),
        (lambda: BATCH.without_user_attributes(["plan"]), None),
        (lambda: BATCH.without_user_attributes(5), None),
        (lambda: BATCH.without_device(["platform"]), None),
        (lambda: BATCH.without_identities(["email"]), None),
    ],
    ids=line_number,
)
def test_nothing_that_was_written_is_dropped_in_silence(call, written):
    """Either the value is on the wire or the line raises; where it contradicts, it raises."""
    try:
        text = call().to_json()
    except MPFluentError:
        return

    assert written is not None
    assert written in text


@mistakes(
    (lambda: BATCH.event(""), InvalidValue, "event(name=''): must not be empty; write name=\"…\""),
    (
        lambda: BATCH.screen_view(""),
        InvalidValue,
        "screen_view(screen_name=''): must not be empty; write screen_name=\"…\"",
    ),
    (
        lambda: BATCH.breadcrumb(""),
        InvalidValue,
        "breadcrumb(label=''): must not be empty; write label=\"…\"",
    ),
    (
        lambda: BATCH.impression("", TEAPOT),
        InvalidValue,
        "impression(product_impression_list=''): must not be empty; "
        'write product_impression_list="…"',
    ),
    (
        lambda: BATCH.network_performance("", 200),
        InvalidValue,
        "network_performance(url=''): must not be empty; write url=\"…\"",
    ),
    (
        lambda: BATCH.attribution("", "Spring"),
        InvalidValue,
        "attribution(publisher=''): must not be empty; write publisher=\"…\"",
    ),
    (
        lambda: BATCH.re_engagement(campaign=""),
        InvalidValue,
        "re_engagement(campaign=''): must not be empty; write campaign=\"…\"",
    ),
    (
        lambda: BATCH.user_attribute_change("", "pro"),
        InvalidValue,
        "user_attribute_change(user_attribute_name=''): must not be empty; "
        'write user_attribute_name="…"',
    ),
    (
        lambda: BATCH.with_data_plan(""),
        InvalidValue,
        "with_data_plan(plan_id=''): must not be empty; write plan_id=\"…\"",
    ),
    (
        lambda: BATCH.with_deleted_user_attributes(""),
        InvalidValue,
        "with_deleted_user_attributes(deleted_user_attributes[0]=''): must not be empty; "
        'write "…"',
    ),
    (
        lambda: Product(""),
        InvalidValue,
        "Product() needs an id or a name; write Product('sku', 'Name')",
    ),
    (
        lambda: Promotion(),
        InvalidValue,
        "Promotion() needs an id or a name; write Promotion('id', 'Name')",
    ),
    (
        lambda: BATCH.with_gdpr_consent("", True, at=NOW),
        InvalidValue,
        "with_gdpr_consent(purpose=''): must not be empty; write purpose=\"…\"",
    ),
    (
        lambda: BATCH.with_integration_attributes("", {"a": "b"}),
        InvalidValue,
        "with_integration_attributes(module_id=''): must not be empty; write module_id=\"…\"",
    ),
    (
        lambda: BATCH.event("Searched", {"": 1}),
        InvalidValue,
        "event(attributes['']=1): a name must not be empty",
    ),
    (
        lambda: BATCH.with_user_attributes({"": "pro"}),
        InvalidValue,
        "with_user_attributes(user_attributes['']='pro'): a name must not be empty",
    ),
)
def test_a_name_is_not_empty(call, error, text):
    assert_told(call, error, text)


# The wire's words


@mistakes(
    (
        lambda: BATCH.with_device(platform="toaster"),
        InvalidValue,
        "with_device(platform='toaster'): 'toaster' is not a platform; want one of iOS, Android, "
        "web, tvOS, roku, out_of_band, alexa, smart_tv, fire_tv, xbox",
    ),
    (
        lambda: BATCH.with_device(platform=7),
        InvalidValue,
        "with_device(platform=7): 7 is not a platform; want one of iOS, Android, "
        "web, tvOS, roku, out_of_band, alexa, smart_tv, fire_tv, xbox",
    ),
    (
        lambda: BATCH.with_device(platform=["iOS"]),
        InvalidValue,
        "with_device(platform=['iOS']): ['iOS'] is not a platform; want one of iOS, Android, "
        "web, tvOS, roku, out_of_band, alexa, smart_tv, fire_tv, xbox",
    ),
    (
        lambda: BATCH.with_device(platform=System.WRONG),
        InvalidValue,
        "with_device(platform=<System.WRONG: 'ios'>): 'ios' is not a platform; "
        "did you mean 'iOS'? (iOS, Android, web, …)",
    ),
    (
        lambda: BATCH.with_device(platform=Mute()),
        InvalidValue,
        "with_device(platform=<Mute>): <Mute> is not a platform; want one of iOS, Android, "
        "web, tvOS, roku, out_of_band, alexa, smart_tv, fire_tv, xbox",
    ),
    (
        lambda: BATCH.with_environment("Production"),
        InvalidValue,
        "with_environment(environment='Production'): 'Production' is not an environment; "
        "did you mean 'production'? (development, production)",
    ),
    (
        lambda: BATCH.with_environment("dev"),
        InvalidValue,
        "with_environment(environment='dev'): 'dev' is not an environment; "
        "did you mean 'development'? (development, production)",
    ),
    (
        lambda: BATCH.with_environment("staging"),
        InvalidValue,
        "with_environment(environment='staging'): 'staging' is not an environment; "
        "want one of development, production",
    ),
    (
        lambda: BATCH.with_environment(True),
        InvalidValue,
        "with_environment(environment=True): True is not an environment; "
        "want one of development, production",
    ),
    (
        lambda: BATCH.with_application(os="ios"),
        InvalidValue,
        "with_application(os='ios'): 'ios' is not an operating system; "
        "did you mean 'IOS'? (Unknown, IOS, Android, …)",
    ),
    (
        lambda: BATCH.with_device(att_authorization_status="allowed"),
        InvalidValue,
        "with_device(att_authorization_status='allowed'): 'allowed' is not an authorization "
        "status; want one of authorized, denied, not_determined, restricted",
    ),
    (
        lambda: BATCH.event("Searched", type="serach"),
        InvalidValue,
        "event(type='serach'): 'serach' is not a custom event type; "
        "did you mean 'search'? (navigation, location, search, …)",
    ),
    (
        lambda: BATCH.profile("signin", previous_mpid=1, current_mpid=2),
        InvalidValue,
        "profile(profile_event_type='signin'): 'signin' is not a profile event type; "
        "did you mean 'signup'? (signup, login, logout, …)",
    ),
    (
        lambda: BATCH.push_message("recieved", "token", "{}"),
        InvalidValue,
        "push_message(push_message_type='recieved'): 'recieved' is not a push message type; "
        "did you mean 'received'? (sent, received, action)",
    ),
    (
        lambda: BATCH.push_message("received", "token", "{}", push_message_behavior="opened"),
        InvalidValue,
        "push_message(push_message_behavior='opened'): 'opened' is not a push behavior; "
        "want one of Received, DirectOpen, Read, InfluencedOpen, Displayed",
    ),
    (
        lambda: BATCH.push_message("received", "token", "{}", push_message_behavior=True),
        InvalidValue,
        "push_message(push_message_behavior=True): True is not a push behavior; "
        "want one of Received, DirectOpen, Read, InfluencedOpen, Displayed",
    ),
    (
        lambda: DeviceCurrentState(device_orientation="Portrait"),
        InvalidValue,
        "DeviceCurrentState(device_orientation='Portrait'): 'Portrait' is not an orientation; "
        "did you mean 'portrait'? (portrait, portrait_upside_down, landscape, …)",
    ),
    (
        lambda: GeoLocation(1, 2, location_source="gps"),
        InvalidValue,
        "GeoLocation(location_source='gps'): 'gps' is not a location source; "
        "want one of unknown, ip_lookup, lat_long",
    ),
    (
        lambda: UserIdentity("e-mail", "user@example.com", NOW),
        InvalidValue,
        "UserIdentity(identity_type='e-mail'): 'e-mail' is not an identity type; "
        "did you mean 'email'? (customer_id, other, facebook, …)",
    ),
    (
        lambda: ProductAction("buy"),
        InvalidValue,
        "ProductAction(action='buy'): 'buy' is not a product action; want one of add_to_cart, "
        "remove_from_cart, checkout, checkout_option, click, view_detail, purchase, refund, "
        "add_to_wishlist, remove_from_wish_list",
    ),
    (
        lambda: PromotionAction("look"),
        InvalidValue,
        "PromotionAction(action='look'): 'look' is not a promotion action; want one of view, click",
    ),
    (
        lambda: ApplicationStateTransitionEvent("app_open"),
        InvalidValue,
        "ApplicationStateTransitionEvent(application_transition_type='app_open'): 'app_open' is "
        "not an application transition; want one of application_initialized, application_exit, "
        "application_background, application_foreground",
    ),
    (
        lambda: ConsentState(ccpa={"marketing": CCPAConsentState(True, NOW)}),
        InvalidValue,
        "ConsentState(ccpa): 'marketing' is not a purpose of the CCPA; the only one is "
        "'data_sale_opt_out'",
    ),
)
def test_a_word_that_the_wire_does_not_have_is_answered_with_those_it_has(call, error, text):
    assert_told(call, error, text)


# A wrong type for each kind of field


@mistakes(
    (
        lambda: BATCH.with_identities(customer_id=123456),
        InvalidValue,
        "with_identities(customer_id=123456): want a string, got int; write customer_id='123456'",
    ),
    (
        lambda: BATCH.with_device(brand=5.5),
        InvalidValue,
        "with_device(brand=5.5): want a string, got float; write brand='5.5'",
    ),
    (
        lambda: BATCH.with_device(brand=True),
        InvalidValue,
        "with_device(brand=True): want a string, got bool; write brand='True'",
    ),
    (
        lambda: BATCH.with_device(brand=Level.ONE),
        InvalidValue,
        "with_device(brand=<Level.ONE: 1>): want a string, got Level; write brand='1'",
    ),
    (
        lambda: BATCH.with_device(brand=b"Acme"),
        InvalidValue,
        "with_device(brand=b'Acme'): want a string, got bytes; write brand=b'Acme'.decode()",
    ),
    (
        lambda: BATCH.with_device(brand=uuid.UUID(UUID)),
        InvalidValue,
        f"with_device(brand=UUID('{UUID}')): want a string, got UUID; write brand='{UUID}'",
    ),
    (
        lambda: BATCH.with_device(brand=date(2026, 11, 23)),
        InvalidValue,
        "with_device(brand=datetime.date(2026, 11, 23)): want a string, got date; "
        "write brand='2026-11-23'",
    ),
    (
        lambda: BATCH.with_device(brand=["Acme"]),
        InvalidValue,
        "with_device(brand=['Acme']): want a string, got list",
    ),
    (
        lambda: BATCH.with_device(brand={"Acme"}),
        InvalidValue,
        "with_device(brand={'Acme'}): want a string, got set",
    ),
    (
        lambda: BATCH.with_device(brand=Mood.THREE),
        InvalidValue,
        "with_device(brand=<Mood.THREE: 3>): want a string, got Mood",
    ),
    (
        lambda: BATCH.with_device(brand=HUGE),
        InvalidValue,
        "with_device(brand=<int of 16610 bits>): want a string, got int",
    ),
    (
        lambda: BATCH.with_device(brand=Mute()),
        InvalidValue,
        "with_device(brand=<Mute>): want a string, got Mute",
    ),
    (
        lambda: BATCH.with_device(brand=CIRCLE),
        InvalidValue,
        "with_device(brand=[[...]]): want a string, got list",
    ),
    (
        lambda: BATCH.event(5),
        InvalidValue,
        "event(name=5): want a string, got int; write name='5'",
    ),
    (
        lambda: BATCH.event(["event_name"]),
        InvalidValue,
        "event(name=['event_name']): want a string, got list",
    ),
    (
        lambda: BATCH.event(b"event_name=1"),
        InvalidValue,
        "event(name=b'event_name=1'): want a string, got bytes; "
        "write name=b'event_name=1'.decode()",
    ),
    (
        lambda: BATCH.event(None),
        InvalidValue,
        "event() needs name; write event(name=…)",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, transaction_id=5),
        InvalidValue,
        "purchase(transaction_id=5): want a string, got int; write transaction_id='5'",
    ),
    (
        lambda: BATCH.with_partner_identities({"Acme_Id": 5}),
        InvalidValue,
        "with_partner_identities(partner_identities['Acme_Id']=5): want a string, got int; "
        "write '5'",
    ),
    (
        lambda: Product("sku-1", custom_attributes={"size": 42}),
        InvalidValue,
        "Product(custom_attributes['size']=42): want a string, got int; write '42'",
    ),
    (
        lambda: BATCH.with_deleted_user_attributes(5),
        InvalidValue,
        "with_deleted_user_attributes(deleted_user_attributes[0]=5): want a string, got int; "
        "write '5'",
    ),
    (
        lambda: BATCH.with_deleted_user_attributes(["a", "b"]),
        InvalidValue,
        "with_deleted_user_attributes(deleted_user_attributes[0]=['a', 'b']): want a string, "
        "got list; write *names, with the star",
    ),
    (
        lambda: BATCH.with_gdpr_consent(5, True, at=NOW),
        InvalidValue,
        "with_gdpr_consent(purpose=5): want a string, got int; write purpose='5'",
    ),
    (
        lambda: BATCH.with_integration_attributes(1.5, {"a": "b"}),
        InvalidValue,
        "with_integration_attributes(module_id=1.5): want a string, got float; "
        "write module_id='1.5'",
    ),
)
def test_text_is_text(call, error, text):
    assert_told(call, error, text)


@mistakes(
    (
        lambda: BATCH.with_device(is_tablet=1),
        InvalidValue,
        "with_device(is_tablet=1): want True or False, got int; write is_tablet=True",
    ),
    (
        lambda: BATCH.opt_out(0),
        InvalidValue,
        "opt_out(is_opted_out=0): want True or False, got int; write is_opted_out=False",
    ),
    (
        lambda: BATCH.opt_out("false"),
        InvalidValue,
        "opt_out(is_opted_out='false'): want True or False, got str; write is_opted_out=False",
    ),
    (
        lambda: BATCH.with_gdpr_consent("marketing", "yes", at=NOW),
        InvalidValue,
        "with_gdpr_consent(consented='yes'): want True or False, got str",
    ),
    (
        lambda: BATCH.with_gdpr_consent("marketing", None, at=NOW),
        InvalidValue,
        "with_gdpr_consent(consented=None): want True or False, got NoneType",
    ),
    (
        lambda: BATCH.with_ccpa_data_sale_opt_out("yes", at=NOW),
        InvalidValue,
        "with_ccpa_data_sale_opt_out(opted_out='yes'): want True or False, got str",
    ),
    (
        lambda: BATCH.with_device(is_tablet=Real()),
        InvalidValue,
        "with_device(is_tablet=float32(1.5)): want True or False, got Real; "
        "write is_tablet=bool(float32(1.5))",
    ),
    (
        lambda: BATCH.opt_out(None),
        InvalidValue,
        "opt_out() needs is_opted_out; write opt_out(is_opted_out=…)",
    ),
)
def test_a_flag_is_true_or_false(call, error, text):
    assert_told(call, error, text)


@mistakes(
    (
        lambda: BATCH.with_mpid("5"),
        InvalidValue,
        "with_mpid(mpid='5'): want an integer, got str; write mpid=5",
    ),
    (
        lambda: Batch.for_user(mpid="5"),
        InvalidValue,
        "for_user(mpid='5'): want an integer, got str; write mpid=5",
    ),
    (
        lambda: Batch.for_user(mpid=""),
        InvalidValue,
        "for_user(mpid=''): want an integer, got str; leave it out",
    ),
    (
        lambda: BATCH.with_mpid("five"),
        InvalidValue,
        "with_mpid(mpid='five'): want an integer, got str",
    ),
    (
        lambda: BATCH.with_mpid(5.0),
        InvalidValue,
        "with_mpid(mpid=5.0): want an integer, got float; write mpid=5",
    ),
    (
        lambda: BATCH.with_mpid(Decimal("5")),
        InvalidValue,
        "with_mpid(mpid=Decimal('5')): want an integer, got Decimal; write mpid=5",
    ),
    (
        lambda: BATCH.with_mpid(5.5),
        InvalidValue,
        "with_mpid(mpid=5.5): want an integer, got float",  # 5 would be another user
    ),
    (
        lambda: BATCH.with_mpid(2.0**53),
        InvalidValue,
        "with_mpid(mpid=9007199254740992.0): want an integer, got float",  # digits may be lost
    ),
    (
        lambda: BATCH.with_mpid(Decimal("5.5")),
        InvalidValue,
        "with_mpid(mpid=Decimal('5.5')): want an integer, got Decimal",
    ),
    (
        lambda: BATCH.with_mpid(Decimal("8963523412345678901")),
        InvalidValue,
        "with_mpid(mpid=Decimal('8963523412345678901')): want an integer, got Decimal; "
        "write mpid=8963523412345678901",
    ),
    (
        lambda: BATCH.with_identities(customer_id=2.0**60),
        InvalidValue,
        "with_identities(customer_id=1.152921504606847e+18): want a string, got float",
    ),
    (lambda: BATCH.with_mpid(NAN), InvalidValue, "with_mpid(mpid=nan): want an integer, got float"),
    (
        lambda: BATCH.with_mpid(Decimal("NaN")),
        InvalidValue,
        "with_mpid(mpid=Decimal('NaN')): want an integer, got Decimal",
    ),
    (
        lambda: BATCH.with_mpid(-INFINITY),
        InvalidValue,
        "with_mpid(mpid=-inf): want an integer, got float",
    ),
    (
        lambda: BATCH.with_mpid(True),
        InvalidValue,
        "with_mpid(mpid=True): want an integer, got bool",
    ),
    (lambda: BATCH.with_mpid([5]), InvalidValue, "with_mpid(mpid=[5]): want an integer, got list"),
    (
        lambda: BATCH.with_mpid(Array()),
        InvalidValue,
        "with_mpid(mpid=array([1, 2])): want an integer, got Array",
    ),
    (
        lambda: BATCH.with_mpid(2**63),
        InvalidValue,
        "with_mpid(mpid=9223372036854775808): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: BATCH.with_mpid(-(2**63) - 1),
        InvalidValue,
        "with_mpid(mpid=-9223372036854775809): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: BATCH.with_mpid(HUGE),
        InvalidValue,
        "with_mpid(mpid=<int of 16610 bits>): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: BATCH.with_mpid(Whole(HUGE)),
        InvalidValue,
        "with_mpid(mpid=<Whole>): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: BATCH.with_device(screen_height=1e300),
        InvalidValue,
        "with_device(screen_height=1e+300): want an integer, got float",
    ),
    (
        lambda: BATCH.crash_report(message="x", ios_image_size=2**64),
        InvalidValue,
        "crash_report(ios_image_size=18446744073709551616): does not fit 64 bits; mParticle takes "
        "0 to 18446744073709551615",
    ),
    (
        lambda: BATCH.crash_report(message="x", ios_image_base_address=-1),
        InvalidValue,
        "crash_report(ios_image_base_address=-1): does not fit 64 bits; mParticle takes "
        "0 to 18446744073709551615",
    ),
    (
        lambda: BATCH.network_performance("https://example.com/", "200"),
        InvalidValue,
        "network_performance(response_code='200'): want an integer, got str; "
        "write response_code=200",
    ),
    (
        lambda: BATCH.session_end(None),
        InvalidValue,
        "session_end() needs session_duration_ms; write session_end(session_duration_ms=…)",
    ),
    (
        lambda: BATCH.with_data_plan("plan", 2.0),
        InvalidValue,
        "with_data_plan(plan_version=2.0): want an integer, got float; write plan_version=2",
    ),
    (
        lambda: Session.start(session_id="42"),
        InvalidValue,
        "start(session_id='42'): want an integer, got str; write session_id=42",
    ),
)
def test_an_integer_is_an_integer_of_64_bits(call, error, text):
    assert_told(call, error, text)


@mistakes(
    (
        lambda: BATCH.purchase(TEAPOT, total_amount="61,45"),
        InvalidValue,
        "purchase(total_amount='61,45'): want a number, got str",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=True),
        InvalidValue,
        "purchase(total_amount=True): want a number, got bool; write total_amount=1",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=Real()),
        InvalidValue,
        "purchase(total_amount=float32(1.5)): want a number, got Real; "
        "write total_amount=float(float32(1.5))",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=[61.45]),
        InvalidValue,
        "purchase(total_amount=[61.45]): want a number, got list",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=b"61.45"),
        InvalidValue,
        "purchase(total_amount=b'61.45'): want a number, got bytes",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=3 + 4j),
        InvalidValue,
        "purchase(total_amount=(3+4j)): want a number, got complex",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=Mute()),
        InvalidValue,
        "purchase(total_amount=<Mute>): want a number, got Mute",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=Array()),
        InvalidValue,
        "purchase(total_amount=array([1, 2])): want a number, got Array",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=Mood.THREE),
        InvalidValue,
        "purchase(total_amount=<Mood.THREE: 3>): want a number, got Mood",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount="9" * 200),
        InvalidValue,
        f"purchase(total_amount='{'9' * 38}…{'9' * 38}'): want a number, got str",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=HUGE),
        InvalidValue,
        "purchase(total_amount=<int of 16610 bits>): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: Product("sku-1", price="19.99"),
        InvalidValue,
        "Product(price='19.99'): want a number, got str; write price=Decimal('19.99')",
    ),
    (
        lambda: BATCH.ltv_increase("5"),
        InvalidValue,
        "ltv_increase(amount='5'): want a number, got str; write amount=Decimal('5')",
    ),
    (
        lambda: BATCH.ltv_increase(None),
        InvalidValue,
        "ltv_increase(amount=None): want a number, got NoneType",
    ),
    (
        lambda: BATCH.with_location("40.7", -74),
        InvalidValue,
        "with_location(latitude='40.7'): want a number, got str; write latitude=Decimal('40.7')",
    ),
    (
        lambda: BATCH.with_location(40.7),
        InvalidValue,
        "with_location() needs longitude; write with_location(longitude=…)",
    ),
    (
        lambda: DeviceCurrentState(battery_level="0.5"),
        InvalidValue,
        "DeviceCurrentState(battery_level='0.5'): want a number, got str; "
        "write battery_level=Decimal('0.5')",
    ),
)
def test_a_number_is_a_number(call, error, text):
    assert_told(call, error, text)


NO_JSON = "is not a number that JSON can carry; leave the field out"


@mistakes(
    *[
        row
        for value in (NAN, INFINITY, -INFINITY, Decimal("NaN"), Decimal("sNaN"), Decimal("-inf"))
        for row in (
            (
                lambda value=value: BATCH.purchase(TEAPOT, total_amount=value),
                InvalidValue,
                f"purchase(total_amount={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: Product("sku-1", price=value),
                InvalidValue,
                f"Product(price={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: GeoLocation(value, 2),
                InvalidValue,
                f"GeoLocation(latitude={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: BATCH.event("Searched", {"score": value}),
                InvalidValue,
                f"event(attributes['score']={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: BATCH.event("Searched", flags={"score": value}),
                InvalidValue,
                f"event(flags['score']={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: BATCH.with_user_attributes(score=value),
                InvalidValue,
                f"with_user_attributes(user_attributes['score']={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: BATCH.with_user_attributes(scores=[1, value]),
                InvalidValue,
                f"with_user_attributes(user_attributes['scores'][1]={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: BATCH.with_integration_attributes(92, {"score": value}),
                InvalidValue,
                f"with_integration_attributes(attributes['score']={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: BATCH.user_attribute_change("score", 1, old=value),
                InvalidValue,
                f"user_attribute_change(old={value!r}): {NO_JSON}",
            ),
        )
    ],
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=Decimal("1e400")),
        InvalidValue,
        f"purchase(total_amount=Decimal('1E+400')): {NO_JSON}",
    ),
)
def test_nan_and_infinity_go_nowhere(call, error, text):
    assert_told(call, error, text)


NO_UTF8 = "has a lone surrogate, which has no UTF-8"
MENDED = r"'\ud800'.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"


@mistakes(
    (
        lambda: BATCH.event(SURROGATE),
        InvalidValue,
        rf"event(name='\ud800'): {NO_UTF8}; write name={MENDED}",
    ),
    (
        lambda: BATCH.with_identities(email=SURROGATE),
        InvalidValue,
        rf"with_identities(email='\ud800'): {NO_UTF8}; write email={MENDED}",
    ),
    (
        lambda: Product(SURROGATE),
        InvalidValue,
        rf"Product(id='\ud800'): {NO_UTF8}; write id={MENDED}",
    ),
    (
        lambda: BATCH.event("Searched", {"query": SURROGATE}),
        InvalidValue,
        rf"event(attributes['query']='\ud800'): {NO_UTF8}; write {MENDED}",
    ),
    (
        lambda: BATCH.with_user_attributes(tags=["a", SURROGATE]),
        InvalidValue,
        rf"with_user_attributes(user_attributes['tags'][1]='\ud800'): {NO_UTF8}; write {MENDED}",
    ),
    (
        lambda: BATCH.with_deleted_user_attributes(SURROGATE),
        InvalidValue,
        "with_deleted_user_attributes(deleted_user_attributes[0]="
        rf"'\ud800'): {NO_UTF8}; write {MENDED}",
    ),
    (
        lambda: BATCH.event("Searched", {SURROGATE: 1}),
        InvalidValue,
        rf"event(attributes['\ud800']=1): the name {NO_UTF8}; write {MENDED}",
    ),
    (
        lambda: BATCH.with_user_attributes({SURROGATE: 1}),
        InvalidValue,
        rf"with_user_attributes(user_attributes['\ud800']=1): the name {NO_UTF8}; write {MENDED}",
    ),
    (
        lambda: BATCH.with_partner_identities({SURROGATE: "1"}),
        InvalidValue,
        rf"with_partner_identities(partner_identities['\ud800']='1'): the name {NO_UTF8}; "
        rf"write {MENDED}",
    ),
)
def test_a_lone_surrogate_is_stopped_before_it_can_poison_the_sending(call, error, text):
    assert_told(call, error, text)


@mistakes(
    (
        lambda: BATCH.with_mp_deviceid("not a uuid"),
        InvalidValue,
        "with_mp_deviceid(mp_deviceid='not a uuid'): is not a UUID (8-4-4-4-12 hexadecimal "
        "digits)",  # a made-up id would be another device's
    ),
    (
        lambda: BATCH.with_device(ios_idfv=5),
        InvalidValue,
        "with_device(ios_idfv=5): want a UUID, got int",
    ),
    *(
        (
            lambda written=written: BATCH.with_device(ios_idfv=written),
            InvalidValue,
            f"with_device(ios_idfv={written!r}): is not a UUID (8-4-4-4-12 hexadecimal digits); "
            f"write ios_idfv='{UUID}'",
        )
        for written in (f"{{{UUID}}}", UUID.replace("-", ""), f"urn:uuid:{UUID}", f" {UUID}")
    ),
    (
        lambda: Session.start("42"),
        InvalidValue,
        "start(session_uuid='42'): is not a UUID (8-4-4-4-12 hexadecimal digits); "
        "write session_uuid=str(uuid.uuid4())",
    ),
    (
        lambda: BATCH.with_ip("256.1.1.1"),
        InvalidValue,
        "with_ip(ip='256.1.1.1'): is not an IPv4 or IPv6 address; write ip=\"203.0.113.7\"",
    ),
    (
        lambda: BATCH.with_ip("fe80::1%eth0"),
        InvalidValue,
        "with_ip(ip='fe80::1%eth0'): is not an IPv4 or IPv6 address; write ip=\"203.0.113.7\"",
    ),
    (
        lambda: BATCH.with_ip("localhost"),
        InvalidValue,
        "with_ip(ip='localhost'): is not an IPv4 or IPv6 address; write ip=\"203.0.113.7\"",
    ),
)
def test_uuids_and_addresses_have_their_form(call, error, text):
    assert_told(call, error, text)


# Times


@mistakes(
    (
        lambda: BATCH.event("Searched", at=-1552596256),
        InvalidTime,
        "at=-1552596256 looks like seconds since the epoch; mParticle wants milliseconds: "
        "write at=-1552596256000",
    ),
    (
        lambda: BATCH.event("Searched", at=Whole(1552596256)),
        InvalidTime,
        "at=whole(1552596256) looks like seconds since the epoch; mParticle wants milliseconds: "
        "write at=1552596256000",
    ),
    (
        lambda: BATCH.event("Searched", session_start_unixtime_ms=1552596256),
        InvalidTime,
        "session_start_unixtime_ms=1552596256 looks like seconds since the epoch; mParticle wants "
        "milliseconds: write session_start_unixtime_ms=1552596256000",
    ),
    (
        lambda: Product("sku-1", added_to_cart_time_ms=1552596256),
        InvalidTime,
        "added_to_cart_time_ms=1552596256 looks like seconds since the epoch; mParticle wants "
        "milliseconds: write added_to_cart_time_ms=1552596256000",
    ),
    (
        lambda: BATCH.with_device(att_timestamp_unixtime_ms=1552596256),
        InvalidTime,
        "att_timestamp_unixtime_ms=1552596256 looks like seconds since the epoch; mParticle wants "
        "milliseconds: write att_timestamp_unixtime_ms=1552596256000",
    ),
    (
        lambda: GDPRConsentState(True, 1552596256),
        InvalidTime,
        "timestamp_unixtime_ms=1552596256 looks like seconds since the epoch; mParticle wants "
        "milliseconds: write timestamp_unixtime_ms=1552596256000",
    ),
    (
        lambda: BATCH.with_gdpr_consent("marketing", True, at=1552596256),
        InvalidTime,
        "at=1552596256 looks like seconds since the epoch; mParticle wants milliseconds: "
        "write at=1552596256000",
    ),
    (
        lambda: Session.start(session_id=42, at=1552596256),
        InvalidTime,
        "at=1552596256 looks like seconds since the epoch; mParticle wants milliseconds: "
        "write at=1552596256000",
    ),
    (
        lambda: BATCH.event("Searched", at="1552596256"),
        InvalidTime,
        "at='1552596256' is not an ISO 8601 time: write at=1552596256000",
    ),
)
def test_seconds_are_not_milliseconds(call, error, text):
    assert_told(call, error, text)


@mistakes(
    (
        lambda: BATCH.event("Searched", at=datetime.datetime(2026, 11, 23, 10, 15)),
        InvalidTime,
        "at=datetime.datetime(2026, 11, 23, 10, 15) has no time zone, so it names no moment; "
        "for the current time use datetime.now(timezone.utc), for a local time: "
        "write at=datetime.datetime(2026, 11, 23, 10, 15).astimezone()",
    ),
    (
        lambda: BATCH.event("Searched", at=datetime.datetime(2026, 11, 23, 10, 15, 30, 123456)),
        InvalidTime,
        "at=datetime.datetime(2026, 11, 23, 10, 15, 30, 123456) has no time zone, so it names no "
        "moment; for the current time use datetime.now(timezone.utc), for a local time: "
        "write at=datetime.datetime(2026, 11, 23, 10, 15, 30, 123456).astimezone()",
    ),
    (
        lambda: BATCH.event("Searched", at="2026-11-23T10:15:00"),
        InvalidTime,
        "at='2026-11-23T10:15:00' has no time zone, so it names no moment: "
        'write at="2026-11-23T10:15:00Z"',
    ),
    (
        lambda: BATCH.event("Searched", at="2026-11-23"),
        InvalidTime,
        "at='2026-11-23' has no time zone, so it names no moment: "
        'write at="2026-11-23T00:00:00Z"',
    ),
    (
        lambda: BATCH.event("Searched", at=date(2026, 11, 23)),
        InvalidTime,
        "at=datetime.date(2026, 11, 23) is a date, not a datetime, an ISO 8601 string or "
        'milliseconds: write at="2026-11-23T00:00:00Z"',
    ),
    (
        lambda: BATCH.with_gdpr_consent("marketing", True, at="2026-11-23T10:15:00"),
        InvalidTime,
        "at='2026-11-23T10:15:00' has no time zone, so it names no moment: "
        'write at="2026-11-23T10:15:00Z"',
    ),
)
def test_a_time_without_a_zone_names_no_moment(call, error, text):
    assert_told(call, error, text)


@mistakes(
    (
        lambda: BATCH.event("Searched", at=1552596256.5),
        InvalidTime,
        "at=1552596256.5 is a float, not a datetime, an ISO 8601 string or milliseconds: "
        "write at=1552596256500",
    ),
    (
        lambda: BATCH.event("Searched", at=1552596256000.0),
        InvalidTime,
        "at=1552596256000.0 is a float, not a datetime, an ISO 8601 string or milliseconds: "
        "write at=1552596256000",
    ),
    (
        lambda: BATCH.event("Searched", at=1e300),
        InvalidTime,
        "at=1e+300 is a float, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=NAN),
        InvalidTime,
        "at=nan is a float, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=INFINITY),
        InvalidTime,
        "at=inf is a float, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=Decimal("NaN")),
        InvalidTime,
        "at=Decimal('NaN') is a Decimal, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=True),
        InvalidTime,
        "at=True is a bool, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=timedelta(seconds=5)),
        InvalidTime,
        "at=datetime.timedelta(seconds=5) is a timedelta, not a datetime, an ISO 8601 string or "
        "milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=Mute()),
        InvalidTime,
        "at=<Mute> is a Mute, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at=Array()),
        InvalidTime,
        "at=array([1, 2]) is a Array, not a datetime, an ISO 8601 string or milliseconds",
    ),
    (
        lambda: BATCH.event("Searched", at="yesterday"),
        InvalidTime,
        "at='yesterday' is not an ISO 8601 time: write at=\"2026-11-23T10:15:00Z\"",
    ),
    (
        lambda: BATCH.event("Searched", at=""),
        InvalidTime,
        "at='' is not an ISO 8601 time: write at=\"2026-11-23T10:15:00Z\"",
    ),
    (
        lambda: BATCH.event("Searched", at="2026-13-23T10:15:00Z"),
        InvalidTime,
        "at='2026-13-23T10:15:00Z' is not an ISO 8601 time: write at=\"2026-11-23T10:15:00Z\"",
    ),
    *(
        (
            lambda text=text: BATCH.event("Searched", at=text),
            InvalidTime,
            f'at={text!r} is not an ISO 8601 time: write at="2026-11-23T10:15:00Z"',
        )
        for text in (
            "20261123101500",
            "202611231015345Z",
            "2026112310:15Z",
            "2026-11-23910:15:00Z",
            "2026-11-23_10:15:00Z",
            "2026-11-23x10:15:00Z",
            "2026-11-23T 1:15:00Z",
            "2026-11-23T+1:15:00Z",
            "2026-11-23T1_:15:00Z",
            "2026-1-23T10:15:00Z",
            "2026-11-23T10:15:00+1:00",
            "2026-11-23T10:15:00+01:0",
            "2026-11-23T10:15:00Z\n",
            "\u0662026-11-23T10:15:00Z",
        )
    ),
    (
        lambda: BATCH.event("Searched", at=MuteText("yesterday")),
        InvalidTime,
        'at=<MuteText> is not an ISO 8601 time: write at="2026-11-23T10:15:00Z"',
    ),
    (
        lambda: BATCH.event("Searched", at="1552596256000"),
        InvalidTime,
        "at='1552596256000' is not an ISO 8601 time: write at=1552596256000",
    ),
    (
        lambda: BATCH.event("Searched", at=HUGE),
        InvalidValue,
        "event(at=<int of 16610 bits>): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: BATCH.with_gdpr_consent("marketing", True, at=None),
        InvalidValue,
        "with_gdpr_consent() needs at; write with_gdpr_consent(at=…)",
    ),
)
def test_a_time_is_a_moment(call, error, text):
    assert_told(call, error, text)


@given(
    at=st.one_of(
        # at both ends, a zone other than UTC leads out of what a datetime can be
        st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9998, 1, 1)),
        st.dates(),
        st.integers(min_value=10**8, max_value=10**11 - 1),
        st.integers(min_value=10**8, max_value=10**13).map(str),
        st.floats(min_value=1e8, max_value=1e13, allow_nan=False),
        st.datetimes().map(lambda moment: moment.isoformat()),
        st.datetimes().map(lambda moment: moment.isoformat(" ", "seconds")),
        st.datetimes(min_value=datetime.datetime(1000, 1, 1)).map("{:%Y%m%dT%H%M}".format),
        st.dates().map(date.isoformat),
        st.dates(min_value=date(1000, 1, 1)).map("{:%Y%m%d}".format),
        st.dates(min_value=date(1000, 1, 1)).map("{:%Y-%m}".format),
        st.dates(min_value=date(1000, 1, 1)).map("{:%Y}".format),
    )
)
def test_the_time_that_an_error_proposes_is_accepted(at):
    with pytest.raises(InvalidTime) as caught:
        BATCH.event("Searched", at=at)

    proposed = re.search(r": write at=(.*)\Z", str(caught.value)).group(1)
    moment = eval(proposed, {"datetime": datetime})
    assert isinstance(BATCH.event("Searched", at=moment).events[0].at, int)


@mistakes(
    (
        lambda: TIMELESS.event("Searched", after=5),
        InvalidTime,
        "event(after=5): the session has no time to count from; write Session.start(…, at=…)",
    ),
    (
        lambda: SESSION.event("Searched", after=-5),
        InvalidTime,
        "event(after=-5): an event cannot be before the last",
    ),
    (
        lambda: SESSION.event("Searched", after=timedelta(seconds=-1)),
        InvalidTime,
        "event(after=datetime.timedelta(days=-1, seconds=86399)): an event cannot be before the "
        "last",
    ),
    (
        lambda: SESSION.event("Searched", after="5"),
        InvalidTime,
        "event(after='5'): want seconds or a timedelta, got str; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=True),
        InvalidTime,
        "event(after=True): want seconds or a timedelta, got bool; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=Mute()),
        InvalidTime,
        "event(after=<Mute>): want seconds or a timedelta, got Mute; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=NAN),
        InvalidTime,
        "event(after=nan): want seconds, as a finite number; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=INFINITY),
        InvalidTime,
        "event(after=inf): want seconds, as a finite number; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=1e300),
        InvalidTime,
        "event(after=1e+300): the time does not fit 64 bits; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=HUGE),
        InvalidTime,
        "event(after=<int of 16610 bits>): the time does not fit 64 bits; write after=1.5",
    ),
    (
        lambda: SESSION.event("Searched", after=1, at=NOW),
        InvalidValue,
        "event(at=…, after=…): an event has one time; write one of them",
    ),
    (
        lambda: SESSION.end(after=1, at=NOW),
        InvalidValue,
        "end(at=…, after=…): an event has one time; write one of them",
    ),
    (
        lambda: SESSION.end(at="2026-11-23T10:14:00Z"),
        InvalidTime,
        "end(at=…) is 60000 ms before the start of the session",
    ),
    (
        lambda: TIMELESS.end(),
        InvalidValue,
        "end() cannot tell the duration of a session without times; "
        "write Session.start(…, at=…) or session_end(duration_in_ms)",
    ),
    (
        lambda: Session.start(),
        InvalidValue,
        "start() needs a session_uuid or a session_id; write Session.start(str(uuid.uuid4()))",
    ),
    (
        lambda: Session(),
        InvalidValue,
        "Session() needs a session_uuid or a session_id; write Session.start(str(uuid.uuid4()))",
    ),
    (
        lambda: SESSION.event("Searched", session_id=5),
        InvalidValue,
        "event(session_id=…): the session gives its events their session_id; "
        "write it in Session.start(…) or leave it out",
    ),
    (
        lambda: SESSION.event("Searched", event_num=0),
        InvalidValue,
        "event(event_num=…): the session gives its events their event_num; "
        "write it in Session.start(…) or leave it out",
    ),
    (
        lambda: SESSION.end().event("Searched"),
        InvalidValue,
        "event(): the session has ended; write event(…) before end(…)",
    ),
    (
        lambda: SESSION.end().end(),
        InvalidValue,
        "end(): the session has ended; write end(…) once",
    ),
    (
        lambda: SESSION.add(AppEvent("Searched", session_id=5)),
        InvalidValue,
        "add(): the event belongs to another session, session_id=5; "
        "make it without session_id, or write batch.add(event)",
    ),
    (
        lambda: SESSION.add("Searched"),
        InvalidValue,
        "add('Searched'): want an event, got str; write add(AppEvent('Name'))",
    ),
)
def test_what_a_session_cannot_place_it_says(call, error, text):
    assert_told(call, error, text)


# Attributes


@mistakes(
    (
        lambda: BATCH.event("Searched", "teapot"),
        InvalidValue,
        "event(attributes='teapot'): want a dict, got str; write event('Searched', type='teapot')",
    ),
    (
        lambda: BATCH.event("Searched", [("query", "teapot")]),
        InvalidValue,
        "event(attributes=[('query', 'teapot')]): want a dict, got list; "
        "write attributes={'name': value}",
    ),
    (
        lambda: BATCH.event("Searched", flags={"query"}),
        InvalidValue,
        "event(flags={'query'}): want a dict, got set; write flags={'name': value}",
    ),
    (
        lambda: BATCH.ltv_increase(5, attributes=[1]),
        InvalidValue,
        "ltv_increase(attributes=[1]): want a dict, got list; write attributes={'name': value}",
    ),
    (
        lambda: BATCH.attribution("p", "c", attributes=[1]),
        InvalidValue,
        "attribution(attributes=[1]): want a dict, got list; write attributes={'name': value}",
    ),
    (
        lambda: BATCH.with_user_attributes("plan"),
        InvalidValue,
        "with_user_attributes('plan'): want a dict, got str; "
        "write with_user_attributes({'name': value})",
    ),
    (
        lambda: BATCH.with_partner_identities(["1234"]),
        InvalidValue,
        "with_partner_identities(['1234']): want a dict, got list; "
        "write with_partner_identities({'name': value})",
    ),
    (
        lambda: BATCH.event("Searched", {"filter": {"price": 5}}),
        InvalidValue,
        "event(attributes['filter']={'price': 5}): attributes are flat: want a string, number or "
        "boolean, got dict; write json.dumps(…)",
    ),
    (
        lambda: BATCH.event("Searched", {"tags": ["a", "b"]}),
        InvalidValue,
        "event(attributes['tags']=['a', 'b']): attributes are flat: want a string, number or "
        "boolean, got list; write json.dumps(…)",
    ),
    (
        lambda: BATCH.event("Searched", {"tags": CIRCLE}),
        InvalidValue,
        "event(attributes['tags']=[[...]]): attributes are flat: want a string, number or "
        "boolean, got list; write json.dumps(…)",
    ),
    (
        lambda: BATCH.event("Searched", CIRCULAR),
        InvalidValue,
        "event(attributes['self']={'self': {...}}): attributes are flat: want a string, number or "
        "boolean, got dict; write json.dumps(…)",
    ),
    (
        lambda: BATCH.with_user_attributes(address={"city": "Berlin"}),
        InvalidValue,
        "with_user_attributes(user_attributes['address']={'city': 'Berlin'}): attributes are flat:"
        " want a string, number, boolean, list or None, got dict; write json.dumps(…)",
    ),
    (
        lambda: BATCH.with_user_attributes(tags=[["a"]]),
        InvalidValue,
        "with_user_attributes(user_attributes['tags'][0]=['a']): attributes are flat: "
        "want a string, number or boolean, got list; write json.dumps(…)",
    ),
    (
        lambda: BATCH.with_user_attributes(tags=CIRCLE),
        InvalidValue,
        "with_user_attributes(user_attributes['tags'][0]=[[...]]): attributes are flat: "
        "want a string, number or boolean, got list; write json.dumps(…)",
    ),
    (
        lambda: BATCH.with_user_attributes(tags=["a", None]),
        InvalidValue,
        "with_user_attributes(user_attributes['tags'][1]=None): want a string, number or boolean, "
        "got NoneType",
    ),
    (
        lambda: BATCH.with_user_attributes(tags={"a"}),
        InvalidValue,
        "with_user_attributes(user_attributes['tags']={'a'}): want a string, number, boolean, list "
        "or None, got set; write sorted({'a'})",
    ),
    (
        lambda: BATCH.event("Searched", {"query": b"teapot"}),
        InvalidValue,
        "event(attributes['query']=b'teapot'): want a string, number or boolean, got bytes; "
        "write b'teapot'.decode()",
    ),
    (
        lambda: BATCH.event("Searched", {"day": date(2026, 11, 23)}),
        InvalidValue,
        "event(attributes['day']=datetime.date(2026, 11, 23)): want a string, number or boolean, "
        "got date; write '2026-11-23'",
    ),
    (
        lambda: BATCH.event("Searched", {"id": uuid.UUID(UUID)}),
        InvalidValue,
        f"event(attributes['id']=UUID('{UUID}')): want a string, number or boolean, got UUID; "
        f"write '{UUID}'",
    ),
    (
        lambda: BATCH.event("Searched", {"score": HUGE}),
        InvalidValue,
        "event(attributes['score']=<int of 16610 bits>): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: BATCH.event("Searched", {"score": 3 + 4j}),
        InvalidValue,
        "event(attributes['score']=(3+4j)): want a string, number or boolean, got complex",
    ),
    (
        lambda: BATCH.event("Searched", {"score": Array()}),
        InvalidValue,
        "event(attributes['score']=array([1, 2])): want a string, number or boolean, got Array",
    ),
    (
        lambda: BATCH.event("Searched", {"score": Mute()}),
        InvalidValue,
        "event(attributes['score']=<Mute>): want a string, number or boolean, got Mute",
    ),
    (
        lambda: BATCH.with_application(apple_search_ads_attributes={"Version3.1": "x"}),
        InvalidValue,
        "with_application(apple_search_ads_attributes['Version3.1']='x'): want a dict, got str; "
        "write {'name': value}",
    ),
    (
        lambda: BATCH.with_integration_attributes(92, ["a"]),
        InvalidValue,
        "with_integration_attributes(attributes=['a']): want a dict, got list; "
        "write attributes={'name': value}",
    ),
    (
        lambda: BATCH.with_integration_attributes(92, {"a": {"b": 1}}),
        InvalidValue,
        "with_integration_attributes(attributes['a']={'b': 1}): attributes are "
        "flat: want a string, number or boolean, got dict; write json.dumps(…)",
    ),
)
def test_attributes_are_a_flat_dict(call, error, text):
    assert_told(call, error, text)


@mistakes(
    (
        lambda: BATCH.event("Searched", {5: "teapot"}),
        InvalidValue,
        "event(attributes[5]='teapot'): names are strings, got int; write '5'",
    ),
    (
        lambda: BATCH.event("Searched", {None: "teapot"}),
        InvalidValue,
        "event(attributes[None]='teapot'): names are strings, got NoneType",
    ),
    (
        lambda: BATCH.event("Searched", {b"query": "teapot"}),
        InvalidValue,
        "event(attributes[b'query']='teapot'): names are strings, got bytes; "
        "write b'query'.decode()",
    ),
    (
        lambda: BATCH.event("Searched", {("a", "b"): 1}),
        InvalidValue,
        "event(attributes[('a', 'b')]=1): names are strings, got tuple",
    ),
    (
        lambda: BATCH.event("Searched", {Mute(): 1}),
        InvalidValue,
        "event(attributes[<Mute>]=1): names are strings, got Mute",
    ),
    (
        lambda: BATCH.with_user_attributes({5: 1}, plan="pro"),
        InvalidValue,
        "with_user_attributes(user_attributes[5]=1): names are strings, got int; write '5'",
    ),
    (
        lambda: Product("sku-1", custom_attributes={5: "x"}),
        InvalidValue,
        "Product(custom_attributes[5]='x'): names are strings, got int; write '5'",
    ),
    (
        lambda: ConsentState(gdpr={5: GDPRConsentState(True, NOW_MS)}),
        InvalidValue,
        "ConsentState(gdpr[5]=GDPRConsentState(consented=True, "
        "timestamp_unixtime_ms=1795428900000)): names are strings, got int; write '5'",
    ),
)
def test_attribute_names_are_strings(call, error, text):
    assert_told(call, error, text)


# Records in their places


@mistakes(
    (
        lambda: BATCH.with_device("iOS"),
        InvalidValue,
        "with_device('iOS'): want DeviceInformation or keywords, got str; "
        "write with_device(name=value)",
    ),
    (
        lambda: BATCH.with_device({"platform": "iOS"}),
        InvalidValue,
        "with_device({'platform': 'iOS'}): want DeviceInformation or keywords, got dict; "
        "write with_device(**{'platform': 'iOS'})",
    ),
    (
        lambda: BATCH.with_device(UserIdentities(email="a@b.example")),
        InvalidValue,
        "with_device(UserIdentities(email='a@b.example')): want DeviceInformation or keywords, "
        "got UserIdentities; write with_device(name=value)",
    ),
    (
        lambda: BATCH.with_identities("u-1"),
        InvalidValue,
        "with_identities('u-1'): want UserIdentities or keywords, got str; "
        "write with_identities(name=value)",
    ),
    (
        lambda: BATCH.with_consent_state({"gdpr": {}}),
        InvalidValue,
        "with_consent_state(consent_state={'gdpr': {}}): want a ConsentState, got dict; "
        "write consent_state=ConsentState(…)",
    ),
    (
        lambda: ConsentState(gdpr={"marketing": True}),
        InvalidValue,
        "ConsentState(gdpr['marketing']=True): want a GDPRConsentState, got bool; "
        "write GDPRConsentState(…)",
    ),
    (
        lambda: BATCH.event("Searched", location=(1, 2)),
        InvalidValue,
        "event(location=(1, 2)): want a GeoLocation, got tuple; write location=GeoLocation(…)",
    ),
    (
        lambda: BATCH.event("Searched", device_current_state={}),
        InvalidValue,
        "event(device_current_state={}): want a DeviceCurrentState, got dict; "
        "write device_current_state=DeviceCurrentState(…)",
    ),
    (
        lambda: BATCH.user_identity_change("u-1", None),
        InvalidValue,
        "user_identity_change(new='u-1'): want a UserIdentity, got str; write new=UserIdentity(…)",
    ),
    (
        lambda: BATCH.with_location("Berlin"),
        InvalidValue,
        "with_location(latitude='Berlin'): want a number, got str",
    ),
    (
        lambda: BATCH.with_attribution_info("AppsFlyer"),
        InvalidValue,
        "with_attribution_info() needs publisher; write with_attribution_info(publisher=…)",
    ),
    (
        lambda: BATCH.crash_report("out of tea"),
        InvalidValue,
        "crash_report(error='out of tea'): want an exception, got str; write message='out of tea'",
    ),
    (
        lambda: BATCH.crash_report(ValueError),
        InvalidValue,
        "crash_report(error=<class 'ValueError'>): want an exception, got type; write message=…",
    ),
    (
        lambda: BATCH.crash_report(),
        InvalidValue,
        "crash_report() needs message; write crash_report(message=…)",
    ),
    (
        lambda: CrashReportEvent("out of tea", breadcrumbs=["Opened cart"]),
        InvalidValue,
        "CrashReportEvent(breadcrumbs[0]='Opened cart'): want a BreadcrumbEvent, got str; "
        "write BreadcrumbEvent('Opened cart')",
    ),
    (
        lambda: CrashReportEvent("out of tea", breadcrumbs=BreadcrumbEvent("Opened cart")),
        InvalidValue,
        "CrashReportEvent(breadcrumbs=BreadcrumbEvent(label='Opened cart')): want a list of "
        "BreadcrumbEvent values, got BreadcrumbEvent; write breadcrumbs=[BreadcrumbEvent(…)]",
    ),
    (
        lambda: BATCH.add("Searched"),
        InvalidValue,
        "add('Searched'): want an event or a session, got str; write add(AppEvent('Name'))",
    ),
    (
        lambda: BATCH.add([SEARCHED]),
        InvalidValue,
        "add([AppEvent(event_name='Searched', type='other')]): want an event or a session, "
        "got list; write add(*events)",
    ),
    (
        lambda: BATCH.add(AppEvent),
        InvalidValue,
        "add(<class 'mpfluent.model.events.AppEvent'>): want an event or a session, got type; "
        "write add(AppEvent('Name'))",
    ),
    (
        lambda: Batch().add(Batch()),
        InvalidValue,
        "add(<Batch, 88 of 128,000 bytes>): want an event or a session, got Batch; "
        "write merge(batch)",
    ),
    (
        lambda: BATCH.merge(SEARCHED),
        InvalidValue,
        "merge(AppEvent(event_name='Searched', type='other')): want a Batch, got AppEvent; "
        "write add(event) for events",
    ),
    (
        lambda: BATCH.pipe(None),
        InvalidValue,
        "pipe(None): want a function, got NoneType; write pipe(function)",
    ),
    (
        lambda: Event(),
        InvalidValue,
        "Event is what all events have in common; write AppEvent('Name')",
    ),
)
def test_a_record_is_of_its_class(call, error, text):
    assert_told(call, error, text)


# Commerce and the app's transitions

ONE_OF_THREE = (
    "a commerce event has exactly one of product_action, promotion_action and product_impressions"
)


@mistakes(
    (
        lambda: BATCH.purchase("sku-1"),
        InvalidValue,
        "purchase(products[0]='sku-1'): want a Product, got str; write Product('sku-1')",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, 19.99),
        InvalidValue,
        "purchase(products[1]=19.99): want a Product, got float; write Product(…)",
    ),
    (
        lambda: BATCH.purchase(SPRING),
        InvalidValue,
        "purchase(products[0]=Promotion(id='promo-1')): want a Product, got Promotion; "
        "write Product(…)",
    ),
    (
        lambda: BATCH.purchase([TEAPOT]),
        InvalidValue,
        "purchase(products[0]=[Product(id='sku-1', name='Teapot')]): want a Product, got list; "
        "write *products, with the star",
    ),
    (
        lambda: BATCH.impression("Results", [TEAPOT]),
        InvalidValue,
        "impression(products[0]=[Product(id='sku-1', name='Teapot')]): want a Product, got list; "
        "write *products, with the star",
    ),
    (
        lambda: BATCH.promotion_view([SPRING]),
        InvalidValue,
        "promotion_view(promotions[0]=[Promotion(id='promo-1')]): want a Promotion, got list; "
        "write *promotions, with the star",
    ),
    (
        lambda: BATCH.promotion_click(TEAPOT),
        InvalidValue,
        "promotion_click(promotions[0]=Product(id='sku-1', name='Teapot')): want a Promotion, "
        "got Product; write Promotion(…)",
    ),
    (
        lambda: BATCH.impression(TEAPOT),
        InvalidValue,
        "impression(product_impression_list=Product(id='sku-1', name='Teapot')): want a string, "
        "got Product",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, shopping_cart=[TEAPOT]),
        InvalidValue,
        "purchase(shopping_cart=[Product(id='sku-1', name='Teapot')]): want a ShoppingCart, "
        "got list; write shopping_cart=ShoppingCart(…)",
    ),
    (
        lambda: ProductAction("purchase", TEAPOT),
        InvalidValue,
        "ProductAction(products=Product(id='sku-1', name='Teapot')): want a list of Product "
        "values, got Product; write products=[Product(…)]",
    ),
    (
        lambda: ProductAction("purchase", ["sku-1"]),
        InvalidValue,
        "ProductAction(products[0]='sku-1'): want a Product, got str; write Product('sku-1')",
    ),
    (
        lambda: ShoppingCart([None]),
        InvalidValue,
        "ShoppingCart(products[0]=None): want a Product, got NoneType; write Product(…)",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, promotion_action=PromotionAction("view", [SPRING])),
        UnknownField,
        "purchase() has no field 'promotion_action'; write promotion_view(…) or promotion_click(…)",
    ),
    (
        lambda: BATCH.promotion_view(SPRING, product_action=ProductAction("click", [TEAPOT])),
        UnknownField,
        "promotion_view() has no field 'product_action'; "
        "write purchase(…) or another verb of products",
    ),
    (
        lambda: BATCH.impression("Results", TEAPOT, product_action=ProductAction("click")),
        UnknownField,
        "impression() has no field 'product_action'; write purchase(…) or another verb of products",
    ),
    (
        lambda: CommerceEvent(
            product_action=ProductAction("click"), promotion_action=PromotionAction("view")
        ),
        InvalidValue,
        f"CommerceEvent(): {ONE_OF_THREE}, got product_action and promotion_action; "
        "write one event for each",
    ),
    (
        lambda: CommerceEvent(),
        InvalidValue,
        f"CommerceEvent(): {ONE_OF_THREE}, got none of them; write CommerceEvent(product_action=…)",
    ),
    (
        lambda: CommerceEvent(product_impressions=[]),
        InvalidValue,
        f"CommerceEvent(): {ONE_OF_THREE}, got none of them; write CommerceEvent(product_action=…)",
    ),
    (
        lambda: CommerceEvent(product_action="purchase"),
        InvalidValue,
        "CommerceEvent(product_action='purchase'): want a ProductAction, got str; "
        "write product_action=ProductAction(…)",
    ),
)
def test_a_commerce_event_is_of_one_kind_and_of_products(call, error, text):
    assert_told(call, error, text)


@mistakes(
    *[
        (
            lambda transition=transition, name=name: ApplicationStateTransitionEvent(
                transition, **{name: True}
            ),
            InvalidValue,
            f"ApplicationStateTransitionEvent({name}=True): only application_initialized can be "
            f"a first run or an upgrade, not {transition}; write app_install() or app_upgrade()",
        )
        for transition in (
            "application_exit",
            "application_background",
            "application_foreground",
        )
        for name in ("is_first_run", "is_upgrade")
    ],
    (
        lambda: ApplicationStateTransitionEvent.create_foreground_event(is_first_run=True),
        InvalidValue,
        "create_foreground_event() says is_first_run itself; for other combinations write "
        "ApplicationStateTransitionEvent(…)",
    ),
    (
        lambda: ApplicationStateTransitionEvent.create_install_event(is_first_run=False),
        InvalidValue,
        "create_install_event() says is_first_run itself; for other combinations write "
        "ApplicationStateTransitionEvent(…)",
    ),
)
def test_only_the_start_of_an_app_can_be_its_first_run(call, error, text):
    assert_told(call, error, text)


# One batch, one user


@mistakes(
    (
        lambda: Batch.for_user(mpid=1).merge(Batch.for_user(mpid=2)),
        MixedUsers,
        "cannot merge mpid=1 with mpid=2: a batch is one user; send both with client.send(a, b)",
    ),
    (
        lambda: (
            Batch.for_user(email="a@b.example", other="x")
            + Batch.for_user(email="a@b.example", other="y")
        ),
        MixedUsers,
        "cannot merge other='x' with other='y': a batch is one user; "
        "send both with client.send(a, b)",
    ),
    (
        lambda: Batch().with_partner_identity("a").merge(Batch().with_partner_identity("b")),
        MixedUsers,
        "cannot merge partner_identity='a' with partner_identity='b': a batch is one user; "
        "send both with client.send(a, b)",
    ),
    (
        lambda: (
            Batch().with_partner_identities({"Acme_Id": "1"})
            + Batch().with_partner_identities({"Acme_Id": "2"})
        ),
        MixedUsers,
        "cannot merge Acme_Id='1' with Acme_Id='2': a batch is one user; "
        "send both with client.send(a, b)",
    ),
)
def test_two_users_do_not_become_one(call, error, text):
    assert_told(call, error, text)


def test_what_is_no_batch_cannot_be_added_with_plus():
    for other in (5, "u-2", SEARCHED, SESSION, None):
        with pytest.raises(TypeError):
            BATCH + other


# Nothing changes in place


@mistakes(
    (
        lambda: BATCH.insert(0, SEARCHED),
        Immutable,
        "Batch is immutable; write batch = batch.add(event)",
    ),
    (
        lambda: BATCH.set("plan", "pro"),
        Immutable,
        "Batch is immutable; write batch = batch.with_user_attributes(…)",
    ),
    (
        lambda: BATCH.update({"plan": "pro"}),
        Immutable,
        "Batch is immutable; write batch = batch.merge(other)",
    ),
    (
        lambda: BATCH.extend([SEARCHED]),
        Immutable,
        "Batch is immutable; write batch = batch.add(*events)",
    ),
    (
        lambda: SESSION.append(SEARCHED),
        Immutable,
        "Session is immutable; write session = session.add(event)",
    ),
    (
        lambda: SESSION.insert(0, SEARCHED),
        Immutable,
        "Session is immutable; write session = session.add(event)",
    ),
    (
        lambda: SESSION.set("plan", "pro"),
        Immutable,
        "Session is immutable; write session = session.add(event)",
    ),
    (
        lambda: SESSION.update({"plan": "pro"}),
        Immutable,
        "Session is immutable; write session = session.add(event)",
    ),
    (
        lambda: setattr(BATCH, "events", ()),
        Immutable,
        "Batch is immutable; write batch = batch.add(…)",
    ),
    (
        lambda: setattr(BATCH, "mpid", 5),
        Immutable,
        "Batch is immutable; write batch = batch.with_mpid(…)",
    ),
    (
        lambda: setattr(BATCH, "user_identities", None),
        Immutable,
        "Batch is immutable; write batch = batch.with_identities(…)",
    ),
    (
        lambda: setattr(BATCH, "device_info", None),
        Immutable,
        "Batch is immutable; write batch = batch.with_device(…)",
    ),
    (
        lambda: setattr(BATCH, "plan", "pro"),
        Immutable,
        "Batch is immutable; write batch = batch.with_user_attributes(plan=…)",
    ),
    (
        lambda: setattr(BATCH, "context", None),
        Immutable,
        "Batch is immutable; write batch = batch.with_data_plan(…)",
    ),
    (
        lambda: setattr(BATCH, "sdk_version", "8.1"),
        Immutable,
        "Batch is immutable; write batch = batch.merge(Batch.from_dict({'sdk_version': …}))",
    ),
    (
        lambda: operator.setitem(BATCH, "a", 1),
        Immutable,
        "Batch is immutable; write batch = batch.with_user_attributes(a=…)",
    ),
    (
        lambda: operator.setitem(BATCH, "Account type", 1),
        Immutable,
        "Batch is immutable; write batch = batch.with_user_attributes({'Account type': …})",
    ),
    (
        lambda: operator.setitem(BATCH, "class", 1),
        Immutable,
        "Batch is immutable; write batch = batch.with_user_attributes({'class': …})",
    ),
    (
        lambda: operator.setitem(BATCH, 0, SEARCHED),
        Immutable,
        "Batch is immutable; write batch = batch.add(event)",
    ),
    (
        lambda: delattr(BATCH, "mpid"),
        Immutable,
        "Batch is immutable; write batch = batch.with_mpid(…)",
    ),
    (
        lambda: BATCH.events.append(SEARCHED),
        Immutable,
        "events are immutable; write batch = batch.add(event)",
    ),
    (
        lambda: operator.iadd(BATCH.events, [SEARCHED]),
        Immutable,
        "events are immutable; write batch = batch.add(event)",
    ),
    (
        lambda: operator.setitem(BATCH.events, 0, SEARCHED),
        Immutable,
        "events are immutable; write batch = batch.add(event)",
    ),
    (
        lambda: operator.delitem(BATCH.events, 0),
        Immutable,
        "events are immutable; write batch = batch.add(event)",
    ),
    (
        lambda: SESSION.events.insert(0, SEARCHED),
        Immutable,
        "events are immutable; write session = session.add(event)",
    ),
    (
        lambda: operator.setitem(BATCH, "mpid", 5),
        Immutable,
        "Batch is immutable; write batch = batch.with_mpid(…)",
    ),
    (
        lambda: operator.delitem(BATCH, "mpid"),
        Immutable,
        "Batch is immutable; write batch = batch.with_mpid(…)",
    ),
    (
        lambda: setattr(SESSION, "at", 5),
        Immutable,
        "Session is immutable; write session = session.add(…), not at = …",
    ),
    (
        lambda: operator.setitem(SESSION, 0, SEARCHED),
        Immutable,
        "Session is immutable; write session = session.add(event)",
    ),
    (
        lambda: operator.delitem(SESSION, "at"),
        Immutable,
        "Session is immutable; write session = session.add(event)",
    ),
    (
        lambda: setattr(TEAPOT, "price", 5),
        Immutable,
        "Product is immutable; write a new Product(price=…)",
    ),
    (
        lambda: setattr(TEAPOT, "prise", 5),
        Immutable,
        "Product is immutable and has no field 'prise'; did you mean 'price'?",
    ),
    (
        lambda: operator.setitem(TEAPOT, "price", 5),
        Immutable,
        "Product is immutable; write a new one",
    ),
    (
        lambda: setattr(SEARCHED, "custom_attributes", {}),
        Immutable,
        "AppEvent is immutable and has no field 'custom_attributes'; did you mean 'attributes'?",
    ),
    (
        lambda: operator.setitem(AppEvent("x", {"query": "a"}).attributes, "query", "b"),
        Immutable,
        "attributes are immutable; write attributes = {**attributes, 'query': …} and make a new "
        "value with them",
    ),
    (
        lambda: operator.delitem(AppEvent("x", {"query": "a"}).attributes, "query"),
        Immutable,
        "attributes are immutable; write attributes = {name: value for name, value in "
        "attributes.items() if name != 'query'} and make a new value with them",
    ),
)
def test_an_attempt_to_change_a_value_is_answered_with_the_line_to_write(call, error, text):
    assert_told(call, error, text)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("batch.events += (1,)", "Batch is immutable; write batch = batch.add(…)"),
        ("batch.events += [1]", "events are immutable; write batch = batch.add(event)"),
        (
            "batch.user_attributes |= {'plan': 'pro'}",
            "Batch is immutable; write batch = batch.with_user_attributes(…)",
        ),
        (
            "batch.user_attributes['plan'] = 'pro'",
            "attributes are immutable; write attributes = {**attributes, 'plan': …} and make a "
            "new value with them",
        ),
        ("del batch.events", "Batch is immutable; write batch = batch.add(…)"),
    ],
)
def test_a_statement_that_would_change_a_value_is_answered_with_the_line_to_write(statement, text):
    with pytest.raises(Immutable) as caught:
        exec(statement, {"batch": BATCH.with_user_attributes(plan="free")})

    assert str(caught.value) == text


def test_what_looks_like_a_change_and_makes_a_new_value_works():
    events, attributes = BATCH.add(SEARCHED).events, AppEvent("x", {"a": 1}).attributes
    more, joined = events, attributes
    more += (SEARCHED,)
    joined |= {"b": 2}

    assert (len(events), len(more)) == (1, 2)
    assert (attributes, joined) == ({"a": 1}, {"a": 1, "b": 2})


def test_a_misspelt_method_of_attributes_is_answered():
    with pytest.raises(AttributeError) as caught:
        AppEvent("x", {"a": 1}).attributes.itmes()

    assert (
        str(caught.value) == "attributes are a mapping and have no 'itmes'; did you mean 'items'?"
    )


def test_events_are_an_ordinary_tuple_otherwise():
    events = BATCH.add(SEARCHED).events

    assert isinstance(events, tuple)
    assert events == (SEARCHED,)
    assert repr(events) == repr((SEARCHED,))
    assert type(pickle.loads(pickle.dumps(events))) is tuple
    assert not hasattr(events, "colour")


@mistakes(
    (
        lambda: BATCH.purchse(TEAPOT),
        UnknownVerb,
        "Batch has no verb 'purchse'; did you mean 'purchase'?",
    ),
    (
        lambda: BATCH.with_devise(platform="iOS"),
        UnknownVerb,
        "Batch has no verb 'with_devise'; did you mean 'with_device'?",
    ),
    (
        lambda: BATCH.with_user(plan="pro"),
        UnknownVerb,
        "Batch has no verb 'with_user'; did you mean 'with_user_attributes'?",
    ),
    (
        lambda: BATCH.screen("Home"),
        UnknownVerb,
        "Batch has no verb 'screen'; did you mean 'screen_view'?",
    ),
    (
        lambda: BATCH.track("Searched"),
        UnknownVerb,
        "Batch has no verb 'track'; did you mean 'event'?",
    ),
    (
        lambda: BATCH.identify(email="user@example.com"),
        UnknownVerb,
        "Batch has no verb 'identify'; did you mean 'with_identities'?",
    ),
    (
        lambda: SESSION.identify(email="user@example.com"),
        UnknownVerb,
        "Session has no verb 'identify'; help(Session) lists its verbs",
    ),
    (
        lambda: BATCH.send(),
        UnknownVerb,
        "Batch has no verb 'send'; a client sends it: write client.send(…)",
    ),
    (
        lambda: BATCH.abracadabra("Searched"),
        UnknownVerb,
        "Batch has no verb 'abracadabra'; help(Batch) lists its verbs",
    ),
    (
        lambda: SEARCHED.evnt_name,
        UnknownVerb,
        "AppEvent has no attribute 'evnt_name'; did you mean 'event_name'?",
    ),
    (
        lambda: BATCH.device_inf,
        UnknownVerb,
        "Batch has no verb 'device_inf'; did you mean 'device_info'?",
    ),
    (
        lambda: BATCH.devise_info,
        UnknownVerb,
        "Batch has no verb 'devise_info'; did you mean 'device_info'?",
    ),
    (
        lambda: SESSION.purchse(TEAPOT),
        UnknownVerb,
        "Session has no verb 'purchse'; did you mean 'purchase'?",
    ),
    (
        lambda: SESSION.finish(),
        UnknownVerb,
        "Session has no verb 'finish'; help(Session) lists its verbs",
    ),
    (
        lambda: SEARCHED.event_nam,
        UnknownVerb,
        "AppEvent has no attribute 'event_nam'; did you mean 'event_name'?",
    ),
    (
        lambda: SEARCHED.colour,
        UnknownVerb,
        "AppEvent has no attribute 'colour'",
    ),
    (
        lambda: TEAPOT.prise,
        UnknownVerb,
        "Product has no attribute 'prise'; did you mean 'price'?",
    ),
    (
        lambda: BATCH.user_identities.customerid,
        UnknownVerb,
        "UserIdentities has no attribute 'customerid'; did you mean 'customer_id'?",
    ),
)
def test_a_misspelt_verb_or_attribute_is_answered_with_the_one_that_was_meant(call, error, text):
    assert_told(call, error, text)


@pytest.mark.parametrize(
    ("call", "missing"),
    [
        (lambda: BATCH.event(), "'name'"),
        (lambda: BATCH.screen_view(), "'screen_name'"),
        (lambda: BATCH.session_end(), "'session_duration_ms'"),
        (lambda: BATCH.profile("login", previous_mpid=1), "'current_mpid'"),
        (lambda: BATCH.push_message("received"), "'push_message_token'"),
        (lambda: BATCH.impression(), "'product_impression_list'"),
        (lambda: BATCH.attribution("publisher"), "'campaign'"),
        (lambda: BATCH.with_gdpr_consent("marketing", True), "'at'"),
        (lambda: BATCH.with_ip(), "'ip'"),
        (lambda: GeoLocation(40.7), "'longitude'"),
        (lambda: UserIdentity("email"), "'identity'"),
        (lambda: AttributionInfo("AppsFlyer"), "'publisher'"),
        (lambda: ProductAction(), "'action'"),
    ],
    ids=line_number,
)
def test_a_missing_argument_is_named(call, missing):
    """Python's own words are good enough here."""
    with pytest.raises(TypeError, match="missing") as caught:
        call()

    assert missing in str(caught.value)


# Clients


@mistakes(
    (
        lambda: Client(),
        ConfigurationError,
        "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY",
    ),
    (
        lambda: Client("key"),
        ConfigurationError,
        "Client(api_secret=…): is missing; write Client(api_secret='…') or set "
        "MPARTICLE_API_SECRET",
    ),
    (
        lambda: Client("", "secret"),
        ConfigurationError,
        "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY",
    ),
    (
        lambda: Client("key", "s3cret\n"),
        ConfigurationError,
        "Client(api_secret=…): has spaces around it; write Client(api_secret='…') or set "
        "MPARTICLE_API_SECRET",
    ),
    (
        lambda: Client("key", 5),
        ConfigurationError,
        "Client(api_secret=…): want a string, got int; write Client(api_secret='…') or set "
        "MPARTICLE_API_SECRET",
    ),
    (
        lambda: Client("key:s3cret", "s3cret"),
        ConfigurationError,
        "Client(api_key=…): a key has no ':'; write the key and the secret apart",
    ),
    (
        lambda: EventsApi(),
        ConfigurationError,
        "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY",
    ),
    (
        lambda: EventsApi("key"),
        ConfigurationError,
        "EventsApi('key'): want a Configuration; "
        "write EventsApi(Configuration(api_key=…, api_secret=…))",
    ),
    (
        lambda: client(environment="dev"),
        ConfigurationError,
        "Client(environment='dev'): not an environment; "
        "did you mean 'development'? (development, production)",
    ),
    (
        lambda: client(environment="staging"),
        ConfigurationError,
        "Client(environment='staging'): not an environment; want one of development, production",
    ),
    (
        lambda: client(environment=["development"]),
        ConfigurationError,
        "Client(environment=['development']): not an environment; "
        "want one of development, production",
    ),
    (
        lambda: client(pod="us3"),
        ConfigurationError,
        "Client(pod='us3'): not a pod; did you mean 'us2'? (us1, us2, eu1, au1)",
    ),
    (
        lambda: client(pod="US1"),
        ConfigurationError,
        "Client(pod='US1'): not a pod; did you mean 'us1'? (us1, us2, eu1, au1)",
    ),
    (
        lambda: client(pod=["us1"]),
        ConfigurationError,
        "Client(pod=['us1']): not a pod; want one of us1, us2, eu1, au1",
    ),
    (
        lambda: client(host="http://example.com/feeds"),
        ConfigurationError,
        "Client(host='http://example.com/feeds'): plain http would show the secret on the way, "
        "and goes to this machine only; write host='https://example.com/feeds'",
    ),
    (
        lambda: client(host="http://localhost.example.com"),
        ConfigurationError,
        "Client(host='http://localhost.example.com'): plain http would show the secret on the "
        "way, and goes to this machine only; write host='https://localhost.example.com'",
    ),
    (
        lambda: client(host="example.com:8080"),
        ConfigurationError,
        "Client(host='example.com:8080'): want https://name[:port]; "
        "write host='https://example.com:8080'",
    ),
    (
        lambda: client(host="ftp://example.com"),
        ConfigurationError,
        "Client(host='ftp://example.com'): want https://name[:port]; write host='https://…'",
    ),
    (
        lambda: client(host="https://example.com:99999"),
        ConfigurationError,
        "Client(host=…): want https://name[:port]; write host='https://…'",
    ),
    (
        lambda: client(host=""),
        ConfigurationError,
        "Client(host=''): want https://name[:port]; write host='https://…'",
    ),
    (
        lambda: client(host="https://exa mple.com"),
        ConfigurationError,
        "Client(host='https://exa mple.com'): want https://name[:port]; write host='https://…'",
    ),
    (
        lambda: client(host=5),
        ConfigurationError,
        "Client(host=5): want https://name[:port]; write host='https://…'",
    ),
    (
        lambda: client(host="https://user:s3cret@example.com"),
        ConfigurationError,
        "Client(host=…): want https://name[:port] without credentials, query or fragment",
    ),
    (
        lambda: client(retry=3),
        ConfigurationError,
        "Client(retry=3): want a Retry; write retry=Retry(max_attempts=3)",
    ),
    (
        lambda: client(transport="requests"),
        ConfigurationError,
        "Client(transport='requests'): want an object with a method send(); "
        "write transport=RequestsTransport()",
    ),
    (
        lambda: client(dispatcher="sync"),
        ConfigurationError,
        "Client(dispatcher='sync'): want an object with a method submit(); "
        "write dispatcher=SyncDispatcher()",
    ),
    (
        lambda: client(historical="yes"),
        ConfigurationError,
        "Client(historical='yes'): want True or False",
    ),
    (
        lambda: client(on_failed="print"),
        ConfigurationError,
        "Client(on_failed='print'): want a function",
    ),
    (lambda: Retry(base=-1), ConfigurationError, "Retry(base=-1): want seconds, 0 or more"),
    (
        lambda: Retry(max_attempts=0),
        ConfigurationError,
        "Retry(max_attempts=0): want 1 or more, or None for no limit",
    ),
    (
        lambda: RequestsTransport(timeout=(0, 5)),
        ConfigurationError,
        "RequestsTransport(timeout=(0, 5), deadline=30.0): want positive seconds; "
        "write timeout=(3.05, 10.0), deadline=30.0",
    ),
    (
        lambda: FunctionTransport(202),
        ConfigurationError,
        "FunctionTransport(202): want a function of one request; "
        "write FunctionTransport(lambda request: 202)",
    ),
)
def test_a_client_is_not_made_of_wrong_settings(call, error, text):
    assert "s3cret" not in text
    assert_told(call, error, text)


# Sending


@mistakes(
    (
        lambda: client().send(),
        InvalidBatch,
        "send() needs at least one batch; write client.send(batch)",
    ),
    (
        lambda: client().send([Batch()]),
        InvalidValue,
        "send([<Batch, 88 of 128,000 bytes>]): want a Batch, got list; write client.send(*batches)",
    ),
    (
        lambda: client().send((Batch(), Batch())),
        InvalidValue,
        "send((<Batch, 88 of 128,000 bytes>, <Batch, 88 of 128,000 bytes>)): want a Batch, "
        "got tuple; write client.send(*batches)",
    ),
    (
        lambda: client().send({"events": []}),
        InvalidValue,
        "send({'events': []}): want a Batch, got dict; "
        "write client.send(Batch.for_user(…).event(…))",
    ),
    (
        lambda: client().send(BATCH, SEARCHED),
        InvalidValue,
        "send(AppEvent(event_name='Searched', type='other')): want a Batch, got AppEvent; "
        "write client.send(Batch.for_user(…).event(…))",
    ),
    (
        lambda: client().send(None),
        InvalidValue,
        "send(None): want a Batch, got NoneType; write client.send(Batch.for_user(…).event(…))",
    ),
    (
        lambda: client(environment=None).send(BATCH),
        InvalidBatch,
        "the batch has no environment; write Client(…, environment='development') "
        "or batch.with_environment('development')",
    ),
    (
        lambda: client().send(BATCH, callback=5),
        InvalidValue,
        "send(callback=5): want a function of the delivery; write callback=print",
    ),
    (
        lambda: client().send_all(BATCH),
        InvalidValue,
        "send_all(<Batch, 128 of 128,000 bytes user: customer_id='u-1'>): want an iterable "
        "of batches, got Batch; write client.send_all([batch])",
    ),
    (
        lambda: client().send_all(5),
        InvalidValue,
        "send_all(5): want an iterable of batches, got int; write client.send_all([batch])",
    ),
    (
        lambda: api().upload_events([Batch()]),
        InvalidBatch,
        "upload_events([<Batch, 88 of 128,000 bytes>]): want a Batch, got list; "
        "write bulk_upload_events(batches)",
    ),
    (
        lambda: api().upload_events(BATCH, 5),
        InvalidBatch,
        "callback=5: want a function of (data, status_code, headers); write callback=print",
    ),
    (
        lambda: api().bulk_upload_events(BATCH),
        InvalidBatch,
        "bulk_upload_events() wants a list of batches, got Batch; "
        "write bulk_upload_events([batch])",
    ),
    (
        lambda: api().bulk_upload_events([]),
        InvalidBatch,
        "bulk_upload_events() needs at least one batch; write bulk_upload_events([batch])",
    ),
)
def test_what_cannot_be_sent_is_told_before_anything_is(call, error, text):
    assert_told(call, error, text)


@mistakes(
    (
        lambda: client().send(
            BATCH.with_environment("production").event("Searched", {"query": "x" * 130_000})
        ),
        TooLarge,
        "events[0] (custom_event 'Searched') with the batch's context is 130359 bytes; "
        "mParticle takes 128000 a batch; write shorter values or fewer attributes",
    ),
    (
        lambda: client(new_id=lambda: "id").send(
            BATCH.with_environment("production").with_user_attributes(tags=["x" * 500] * 1000)
        ),
        TooLarge,
        "the batch's context alone is 503122 bytes; mParticle takes 128000 a batch; "
        "write shorter values or fewer attributes",
    ),
    (
        lambda: client().send(BATCH.event("x" * 300)),
        InvalidBatch,
        "events[0].event_name has 300 characters; mParticle cuts it at 256; "
        "batch.problems() lists them all",
    ),
    (
        lambda: client().send(BATCH.event("Searched", {f"name {n}": n for n in range(101)})),
        InvalidBatch,
        "events[0].attributes has 101 entries; mParticle takes 100; "
        "batch.problems() lists them all",
    ),
    (
        lambda: client().send(BATCH.event("x" * 300).event("y" * 300)),
        InvalidBatch,
        "events[0].event_name has 300 characters; mParticle cuts it at 256 (and 1 more); "
        "batch.problems() lists them all",
    ),
    (
        lambda: client(historical=True).send(BATCH),
        InvalidBatch,
        "the historical endpoint takes no batch without events; "
        "write Client(…) without historical=True for profile data",
    ),
    (
        lambda: client(historical=True).send(BATCH.event("Searched")),
        InvalidBatch,
        "events[0] has no time, which the historical endpoint needs; write at=…",
    ),
    (
        lambda: client(historical=True, now=lambda: NOW_MS).send(BATCH.event("x", at=NOW_MS)),
        InvalidBatch,
        "events[0] is younger than 72 hours, which the historical endpoint skips; "
        "send it with Client(…) without historical=True",
    ),
    (
        lambda: client(before_send=lambda batch: batch.to_dict()).send(BATCH),
        InvalidValue,
        "before_send returned dict: want a Batch, or None to drop it; write return batch",
    ),
)
def test_what_mparticle_would_not_take_is_told_before_it_is_sent(call, error, text):
    assert_told(call, error, text)


def test_a_closed_client_says_so():
    closed = client()
    closed.close()

    with pytest.raises(Closed) as caught:
        closed.send(BATCH)

    assert str(caught.value) == "the client is closed; write Client(…) for a new one"


@pytest.mark.parametrize("wrong", [5, None, [BATCH], Batch(), BATCH.event("x" * 300)])
def test_one_wrong_batch_of_several_keeps_the_others_from_being_half_sent(wrong):
    transport = RecordingTransport()
    sender = client(environment=None, transport=transport)
    good = BATCH.with_environment("development")
    wrong = wrong.with_environment("development") if wrong == BATCH.event("x" * 300) else wrong

    with pytest.raises(InvalidBatch):
        sender.send(good, good, wrong)

    assert transport.requests == []
    assert sender.stats.submitted == 0


def test_what_was_accepted_before_a_mistake_is_delivered():
    transport = RecordingTransport()
    sender = client(transport=transport)

    with pytest.raises(InvalidValue):
        sender.send_all([BATCH, BATCH.event("Searched"), 5])

    assert sender.stats.submitted == sender.stats.delivered == len(transport.batches) == 2


# Reading


@mistakes(
    (
        lambda: Batch.from_json(5),
        InvalidValue,
        "from_json(5): want JSON text, got int",
    ),
    (
        lambda: Batch.from_json('{"mpid": NaN}'),
        InvalidValue,
        "from_json(): NaN is not a number that JSON can carry",
    ),
    (
        lambda: Batch.from_dict([]),
        InvalidValue,
        "from_dict(): []: want an object, got list",
    ),
    (
        lambda: Batch.from_dict({"mpdi": 5}),
        UnknownField,
        "from_dict() has no field 'mpdi'; did you mean 'mpid'?",
    ),
    (
        lambda: Batch.from_dict({"device_info": {"platfrom": "iOS"}}),
        UnknownField,
        "from_dict(): device_info has no field 'platfrom'; did you mean 'platform'?",
    ),
    (
        lambda: Batch.from_dict({"device_info": {"platform": "ios"}}),
        InvalidValue,
        "from_dict(): device_info.platform='ios': 'ios' is not a platform; "
        "did you mean 'iOS'? (iOS, Android, web, …)",
    ),
    (
        lambda: Batch.from_dict({"events": [{"event_type": "custom_evnt", "data": {}}]}),
        InvalidValue,
        "from_dict(): events[0].event_type='custom_evnt': 'custom_evnt' is not an event type",
    ),
    (
        lambda: Batch.from_dict({"events": [{"event_type": "custom_event"}]}),
        InvalidValue,
        "from_dict(): events[0].data.event_name: must be given",
    ),
    (
        lambda: Batch.from_dict({"events": [{"event_type": "commerce_event", "data": {}}]}),
        InvalidValue,
        f"from_dict(): events[0].data: {ONE_OF_THREE}, got none of them",
    ),
    (
        lambda: Batch.from_dict({"user_attributes": {"address": {"city": "Berlin"}}}),
        InvalidValue,
        "from_dict(): user_attributes['address']={'city': 'Berlin'}: attributes are flat: "
        "want a string, number, boolean, list or None, got dict",
    ),
    (
        lambda: Batch.from_dict({}, unknown="drop"),
        InvalidValue,
        "from_dict(unknown='drop'): want 'raise' or 'ignore'",
    ),
)
def test_what_cannot_be_read_is_told_with_its_path(call, error, text):
    assert_told(call, error, text)


# Where the error points


def line_of(caught):
    """Return the text of the line of this file that raised."""
    frames = traceback.extract_tb(caught.tb)
    return [frame.line for frame in frames if frame.filename == __file__][-1]


def test_an_error_points_at_the_line_that_made_the_value():
    def built(batch):
        batch = batch.event("Searched")
        batch = batch.with_device(platform="ios")
        return batch.event("Found")

    with pytest.raises(InvalidValue) as caught:
        built(BATCH)

    assert line_of(caught) == 'batch = batch.with_device(platform="ios")'


def test_an_error_in_a_long_sentence_points_into_the_sentence():
    with pytest.raises(InvalidTime) as caught:
        client().send(
            BATCH.with_environment("development")
            .event("Searched", at=NOW)
            .event("Found", at=1552596256)
            .purchase(TEAPOT)
        )

    assert "1552596256" in line_of(caught)


def test_an_error_inside_a_vocabulary_of_ones_own_points_at_its_verb():
    class Shop(Batch):
        __slots__ = ()

        def signed_up(self, plan):
            return self.event("Signed up", {"plan": plan})

    with pytest.raises(InvalidValue) as caught:
        Shop().signed_up({"pro"})

    assert line_of(caught) == 'return self.event("Signed up", {"plan": plan})'


def test_an_error_carries_its_parts():
    with pytest.raises(UnknownField) as unknown:
        BATCH.with_device(platfrom="iOS")
    with pytest.raises(InvalidValue) as invalid:
        BATCH.with_device(platform="ios")
    with pytest.raises(InvalidTime) as time:
        BATCH.event("Searched", at=1552596256)

    assert unknown.value.name == "platfrom"
    assert unknown.value.suggestion == "platform"
    assert "platform" in unknown.value.allowed
    assert invalid.value.field == "platform"
    assert time.value.field == "at"


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (InvalidBatch, ValueError),
        (UnknownField, ValueError),
        (InvalidValue, ValueError),
        (InvalidTime, ValueError),
        (MixedUsers, ValueError),
        (TooLarge, ValueError),
        (ConfigurationError, ValueError),
        (UnknownVerb, AttributeError),
        (Immutable, AttributeError),
        (Immutable, TypeError),
    ],
)
def test_errors_are_also_the_built_in_ones_that_they_stand_for(error, builtin):
    assert issubclass(error, MPFluentError)
    assert issubclass(error, builtin)


# Checks that have seen it all before

WRONG_FOR = {
    "text": (5, b"x", ["x"], True, SURROGATE, Mute(), uuid.UUID(UUID)),
    "name": ("", 5, SURROGATE),
    "flag": (1, 0, "true", 1.0),
    "integer": ("5", 5.0, True, NAN, HUGE, 2**63, -(2**63) - 1, Decimal(5), Array(), [5]),
    "number": ("5", True, NAN, INFINITY, -INFINITY, Decimal("sNaN"), HUGE, 2**63, Array(), [5]),
    "instant": (1552596256, 1.5e12, True, NAN, HUGE, 2**63, "soon", date(2026, 11, 23)),
    "attribute": (NAN, INFINITY, HUGE, [1], {}, {1}, b"x", SURROGATE, Mute(), CIRCLE, Array()),
    "key": (5, None, "", SURROGATE, b"x", ("a",), Mute()),
    "word": ("ios", "IOS", 5, True, ["iOS"], Mute()),
}


@pytest.mark.parametrize(
    ("kind", "right", "write"),
    [
        ("text", "Acme", lambda value: BATCH.with_device(brand=value, platform="iOS")),
        ("text", "t-1", lambda value: BATCH.purchase(TEAPOT, transaction_id=value)),
        ("text", "L", lambda value: Product("sku-1", custom_attributes={"size": value})),
        ("name", "Searched", lambda value: BATCH.event(value)),
        ("name", "Home", lambda value: BATCH.screen_view(value, at=NOW_MS)),
        ("flag", True, lambda value: BATCH.with_device(is_tablet=value)),
        ("flag", False, lambda value: BATCH.event("x", is_goal_defined=value)),
        ("integer", 5, lambda value: BATCH.with_device(screen_height=value, brand="x")),
        ("integer", 5, lambda value: BATCH.network_performance("x", value)),
        ("integer", 5, lambda value: BATCH.with_mpid(value)),
        ("number", 1.5, lambda value: BATCH.purchase(TEAPOT, total_amount=value)),
        ("number", 5, lambda value: Product("sku-1", price=value, quantity=2)),
        ("number", Decimal("1.5"), lambda value: BATCH.with_location(value, 5)),
        ("instant", NOW_MS, lambda value: BATCH.event("x", at=value)),
        ("instant", NOW, lambda value: BATCH.event("x", {"a": 1}, at=value)),
        ("attribute", "a", lambda value: BATCH.event("x", {"a": value, "b": 1})),
        ("attribute", 1, lambda value: BATCH.event("x", {"a": value})),
        ("attribute", 1.5, lambda value: BATCH.event("x", flags={"a": value})),
        ("attribute", True, lambda value: BATCH.with_user_attributes({"a": [value]})),
        ("attribute", "b", lambda value: BATCH.with_integration_attributes(92, {"a": value})),
        ("key", "a", lambda value: BATCH.event("x", {value: 1, "b": 2})),
        ("key", "a", lambda value: BATCH.with_user_attributes({value: 1})),
        ("key", "a", lambda value: Product("sku-1", custom_attributes={value: "x"})),
        ("word", "iOS", lambda value: BATCH.with_device(platform=value)),
    ],
)
def test_what_was_right_a_hundred_times_is_still_checked(kind, right, write):
    """However checks are made fast for what comes back: a wrong value gets the same words."""
    texts = []
    for _ in range(3):
        for wrong in WRONG_FOR[kind]:
            with pytest.raises(InvalidBatch) as caught:
                write(wrong)
            texts.append(str(caught.value))
        for _ in range(50):
            write(right)

    assert texts == texts[: len(WRONG_FOR[kind])] * 3


def test_what_has_not_the_form_of_a_time_is_refused_whatever_dateutil_reads(monkeypatch):
    read = []
    monkeypatch.setattr(moments, "_isoparser", lambda: lambda text: read.append(text) or MOMENT)
    for text in ("20261123 1 1500Z", "2026-11-23T1:15Z", "2026-11-23T10:15+1", "2026-11-23T10 15Z"):
        with pytest.raises(InvalidTime, match="is not an ISO 8601 time"):
            BATCH.event("Searched", at=text)

    assert read == []
    assert BATCH.event("Searched", at="2026-11-23 10:15:00z").events[0].at == NOW_MS
    assert read == ["2026-11-23T10:15:00z"]


# What is no mistake


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Whole(5), 5),
        (Level.ONE, 1),
        (Mood.CALM, "calm"),
        (Mood.THREE, 3),
        (System.RIGHT, "iOS"),
        (MuteText("calm"), "calm"),
        (type("Price", (Decimal,), {})("19.99"), Decimal("19.99")),
        (type("Ratio", (float,), {})(0.5), 0.5),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (-0.0, -0.0),
        (5e-324, 5e-324),
        (math.pi, math.pi),
        (Decimal("0.1000000000000000000000001"), Decimal("0.1000000000000000000000001")),
        ("", ""),
        (False, False),
        (0, 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_of_a_type_of_ones_own_is_kept_as_a_plain_one(value, kept):
    found = AppEvent("Searched", {"value": value}).attributes["value"]

    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("at", "milliseconds"),
    [
        (0, 0),
        (Whole(NOW_MS), NOW_MS),
        (10**11, 10**11),
        (-(10**11), -(10**11)),
        (NOW, NOW_MS),
        (MuteText(NOW), NOW_MS),
        ("2026-11-23T11:15:00+01:00", NOW_MS),
        ("20261123T101500Z", NOW_MS),
        ("2026-11-23 10:15:00Z", NOW_MS),
        ("2026-11-23t10:15:00z", NOW_MS),
        ("2026-11-23T10:15Z", NOW_MS),
        ("2026-11-23T101500,000+0000", NOW_MS),
        ("2026-W48-1T10:15-00:00", NOW_MS),
        ("2026W481T10:15:00.0009Z", NOW_MS),
        ("2026327T04:45-0530", NOW_MS),
        ("2026-11-22T24:00+00", NOW_MS - 36_900_000),
        (datetime.datetime(2026, 11, 23, 10, 15, tzinfo=UTC), NOW_MS),
        (
            datetime.datetime(2026, 11, 23, 5, 15, tzinfo=timezone(timedelta(hours=-5))),
            NOW_MS,
        ),
        (datetime.datetime(1, 1, 1, tzinfo=UTC), -62_135_596_800_000),
        (datetime.datetime.max.replace(tzinfo=UTC), 253_402_300_799_999),
    ],
)
def test_a_moment_can_be_written_in_three_ways(at, milliseconds):
    assert AppEvent("Searched", at=at).at == milliseconds


def test_the_vendors_order_of_arguments_is_answered_with_ours():
    text = "want a dict, got str; write AppEvent('Searched', type='search')"
    with pytest.raises(InvalidValue) as caught:
        AppEvent("Searched", "search")

    assert str(caught.value) == f"AppEvent(attributes='search'): {text}"


def test_equal_amounts_make_equal_events():
    assert BATCH.ltv_increase(1) == BATCH.ltv_increase(1.0)
    assert BATCH.ltv_increase(Decimal("19.90")) == BATCH.ltv_increase(19.9)
    assert BATCH.ltv_increase(100).events[-1].attributes["$Amount"] == "100"
