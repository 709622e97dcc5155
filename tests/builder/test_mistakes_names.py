"""Names that are misspelt, missing, empty or of another verb, and the errors' texts."""

from __future__ import annotations

import pytest
from mistake_tables import (
    BATCH,
    NOW,
    NOW_MS,
    SEARCHED,
    SESSION,
    SPRING,
    TEAPOT,
    UUID,
    assert_error,
    line_number,
    mistakes,
)

from mpfluent import (
    AppEvent,
    AttributionInfo,
    Batch,
    BatchContext,
    Client,
    Configuration,
    ConfigurationError,
    ConsentState,
    DataPlanContext,
    DeviceInformation,
    GeoLocation,
    InvalidValue,
    MPFluentError,
    Product,
    ProductAction,
    ProductImpression,
    Promotion,
    PromotionAction,
    RequestsTransport,
    Retry,
    Session,
    ShoppingCart,
    UnknownField,
    UnknownVerb,
    UserIdentity,
)


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
    assert_error(call, error, text)


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
    assert_error(call, error, text)


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
def test_the_error_of_a_name_that_belongs_elsewhere_says_where(call, error, text):
    assert_error(call, error, text)


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
def test_nothing_that_was_written_is_dropped_silently(call, written):
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
    assert_error(call, error, text)


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
    assert_error(call, error, text)


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


def test_the_vendors_order_of_arguments_is_answered_with_ours():
    text = "want a dict, got str; write AppEvent('Searched', type='search')"
    with pytest.raises(InvalidValue) as caught:
        AppEvent("Searched", "search")

    assert str(caught.value) == f"AppEvent(attributes='search'): {text}"
