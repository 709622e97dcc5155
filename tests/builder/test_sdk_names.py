"""Names that people bring along from other SDKs, and how much of ours stands around an error."""

from __future__ import annotations

import inspect
import pickle
import traceback
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpfluent import (
    AppEvent,
    Batch,
    CCPAConsentState,
    Client,
    CommerceEvent,
    Configuration,
    ConfigurationError,
    DeviceInformation,
    GDPRConsentState,
    InvalidBatch,
    InvalidValue,
    Outbox,
    Product,
    ProductAction,
    Promotion,
    RateLimit,
    RecordingTransport,
    RequestsTransport,
    Retry,
    Session,
    ThreadedDispatcher,
    UnknownField,
    UnknownVerb,
    UserIdentities,
    sdk_names,
)
from mpfluent.sdk_names import ELSEWHERE, OPTIONS, called, squeezed
from mpfluent.testing import a_product, a_purchase, a_user

NOW = "2026-11-23T10:15:00Z"
BATCH = Batch.for_user(customer_id="1")
SESSION = Session.start(session_id=42, at=NOW)
OFTEN = 12  # more than it takes to write code for a call


# Keywords

MEANT = {
    "purchase(revenue=) total_amount": lambda: BATCH.purchase(revenue=1),
    "purchase(total=) total_amount": lambda: BATCH.purchase(total=1),
    "purchase(value=) total_amount": lambda: BATCH.purchase(value=1),
    "purchase(tax=) tax_amount": lambda: BATCH.purchase(tax=1),
    "purchase(shipping=) shipping_amount": lambda: BATCH.purchase(shipping=1),
    "purchase(currency=) currency_code": lambda: BATCH.purchase(currency="EUR"),
    "purchase(order_id=) transaction_id": lambda: BATCH.purchase(order_id="1"),
    "purchase(orderId=) transaction_id": lambda: BATCH.purchase(orderId="1"),
    "purchase(coupon=) coupon_code": lambda: BATCH.purchase(coupon="x"),
    "refund(revenue=) total_amount": lambda: BATCH.refund(revenue=1),
    "checkout(step=) checkout_step": lambda: BATCH.checkout(step=1),
    "purchase(properties=) attributes": lambda: BATCH.purchase(properties={}),
    "Session purchase(revenue=) total_amount": lambda: SESSION.purchase(revenue=1),
    "ProductAction(revenue=) total_amount": lambda: ProductAction("purchase", revenue=1),
    "a_purchase(revenue=) total_amount": lambda: a_purchase(revenue=1),
    "for_user(other2=) other_id_2": lambda: Batch.for_user(other2="x"),
    "for_user(otherID2=) other_id_2": lambda: Batch.for_user(otherID2="x"),
    "for_user(other_2=) other_id_2": lambda: Batch.for_user(other_2="x"),
    "for_user(otherId10=) other_id_10": lambda: Batch.for_user(otherId10="x"),
    "with_identities(other3=) other_id_3": lambda: BATCH.with_identities(other3="x"),
    "UserIdentities(otherID9=) other_id_9": lambda: UserIdentities(otherID9="x"),
    "a_user(other2=) other_id_2": lambda: a_user(other2="x"),
    "without_identities('other2') other_id_2": lambda: BATCH.without_identities("other2"),
    "from_dict other_id_2": lambda: UserIdentities.from_dict({"other2": "x"}),
    "for_user(user_id=) customer_id": lambda: Batch.for_user(user_id="x"),
    "for_user(userId=) customer_id": lambda: Batch.for_user(userId="x"),
    "for_user(phone=) mobile_number": lambda: Batch.for_user(phone="x"),
    "Product(sku=) id": lambda: Product(sku="x", qty=1),
    "Product(qty=) quantity": lambda: Product("x", qty=1),
    "Product(unitPrice=) price": lambda: Product("x", unitPrice=1),
    "Product(title=) name": lambda: Product(title="x"),
    "a_product(sku=) id": lambda: a_product(sku="x"),
    "Promotion(promotion_id=) id": lambda: Promotion(promotion_id="x"),
    "Promotion(creative_slot=) position": lambda: Promotion("x", creative_slot="x"),
    "event(custom_attributes=) attributes": lambda: BATCH.event("x", custom_attributes={}),
    "event(eventProperties=) attributes": lambda: BATCH.event("x", eventProperties={}),
    "event(timestamp=) at": lambda: BATCH.event("x", timestamp=1),
    "event(message_id=) source_message_id": lambda: BATCH.event("x", message_id="x"),
    "screen_view(params=) attributes": lambda: BATCH.screen_view("x", params={}),
    "with_device(idfa=) ios_advertising_id": lambda: BATCH.with_device(idfa="x"),
    "with_device(model=) device_model": lambda: BATCH.with_device(model="x"),
    "for_device(gaid=) android_advertising_id": lambda: Batch.for_device(gaid="x"),
    "with_location(country=) country_code": lambda: BATCH.with_location(1, 2, country="US"),
}


@pytest.mark.parametrize("case", MEANT)
def test_a_keyword_of_another_sdk_is_answered_with_ours(case: str) -> None:
    with pytest.raises(UnknownField, match=rf"did you mean '{case.split()[-1]}'\?$"):
        MEANT[case]()


@pytest.mark.parametrize(
    ("value", "name", "ours"),
    [
        (Product("x"), "sku", "id"),
        (Product("x"), "qty", "quantity"),
        (UserIdentities(email="x"), "other2", "other_id_2"),
        (ProductAction("purchase"), "revenue", "total_amount"),
        (AppEvent("x"), "properties", "attributes"),
    ],
)
def test_an_attribute_of_another_sdk_is_answered_with_ours(value, name, ours):
    with pytest.raises(UnknownVerb, match=rf"did you mean '{ours}'\?$"):
        getattr(value, name)


def test_what_cannot_be_written_there_is_not_suggested() -> None:
    for make in (
        lambda: CommerceEvent(revenue=1),
        lambda: BATCH.event("x", revenue=1),
        lambda: CommerceEvent(product_action=ProductAction("purchase")).revenue,
    ):
        with pytest.raises((UnknownField, UnknownVerb)) as caught:
            make()
        assert "did you mean" not in str(caught.value)
    with pytest.raises(UnknownField) as caught:
        BATCH.purchase(items=[])
    assert str(caught.value) == "purchase() takes items without a name; write purchase(*items)"


@pytest.mark.parametrize("word", ["plan", "color", "size", "price", "query", "email", "status"])
def test_a_name_that_no_field_has_belongs_into_the_attributes(word: str) -> None:
    given_name = {word: "pro"}
    for write in (
        lambda: BATCH.event("Signed up", **given_name),
        lambda: SESSION.event("Signed up", **given_name),
        lambda: AppEvent("Signed up", **given_name),
        lambda: BATCH.screen_view("Home", **given_name),
        lambda: BATCH.first_run(**given_name),
    ):
        with pytest.raises(UnknownField) as caught:
            write()
        assert str(caught.value).endswith(f"; write attributes={{'{word}': …}}")


def test_every_name_of_ours_that_a_table_gives_exists() -> None:
    for table, cls in (
        (sdk_names.USER, UserIdentities),
        (sdk_names.DEVICE, DeviceInformation),
        (sdk_names.PRODUCT, Product),
        (sdk_names.PROMOTION, Promotion),
        (sdk_names.ACTION, ProductAction),
        (sdk_names.EVENT, AppEvent),
    ):
        assert set(table.values()) <= set(cls._fields)
        assert {squeezed(name) for name in cls._fields}.isdisjoint(map(squeezed, table))
    assert set(sdk_names.COMMERCE.values()) <= {
        *CommerceEvent._fields,
        *ProductAction._fields,
        "type",
    }
    assert set(sdk_names.VERBS.values()) <= set(dir(Batch))
    assert set(sdk_names.CLIENT_VERBS.values()) <= set(dir(Client))
    of_client = inspect.signature(Client).parameters  # Configuration has the same
    made = {"Client": of_client, "Configuration": of_client}
    for where, table in OPTIONS.items():
        kinds = (Retry, RequestsTransport, ThreadedDispatcher, Outbox, RateLimit)
        takes = made.get(where) or next(
            kind.__init__.__kwdefaults__ or {} for kind in kinds if kind.__name__ == where
        )
        assert set(table.values()) <= {*takes, "path", "batches_per_second"}
        assert set(table).isdisjoint(takes)


# Attributes of a product


def test_a_product_takes_its_attributes_by_either_name() -> None:
    for turn in range(OFTEN):
        size = {"size": f"L{turn}"}
        short = Product("sku-1", "Teapot", price=Decimal("19.99"), attributes=size)
        assert short == Product("sku-1", "Teapot", price=Decimal("19.99"), custom_attributes=size)
        assert short.attributes == short.custom_attributes == size
        assert short.to_dict()["custom_attributes"] == size
        assert a_product(attributes=size).attributes == size
        assert Product("sku-1", attributes=None) == Product("sku-1", attributes={})
    assert Product("sku-1").attributes is None
    assert Product("x").__replace__(attributes={"a": "b"}) == Product("x", attributes={"a": "b"})
    assert short.__replace__(attributes={"a": "b"}).attributes == {"a": "b"}


def test_an_error_in_the_attributes_of_a_product_names_what_was_written() -> None:
    for name in ("attributes", "custom_attributes"):
        with pytest.raises(InvalidValue) as caught:
            Product("sku-1", **{name: {"size": 42}})
        assert (
            str(caught.value) == f"Product({name}['size']=42): want a string, got int; write '42'"
        )
    with pytest.raises(InvalidValue) as caught:
        Product("sku-1", attributes={"a": "b"}, custom_attributes={"a": "b"})
    assert str(caught.value) == (
        "Product(attributes=…, custom_attributes=…): both are the same field; "
        "write Product(attributes=…)"
    )
    with pytest.raises(UnknownField, match=r"did you mean 'attributes'\?$"):
        Product("sku-1", atributes={})
    with pytest.raises(UnknownField, match=r"did you mean 'custom_attributes'\?$"):
        Product("sku-1", properties={})


# Verbs

VERBS = {
    "page": "screen_view",
    "page_view": "screen_view",
    "pageView": "screen_view",
    "screen": "screen_view",
    "track": "event",
    "trackEvent": "event",
    "capture": "event",
    "logEvent": "event",
    "identify": "with_identities",
    "set_user_properties": "with_user_attributes",
    "order_completed": "purchase",
    "product_added": "add_to_cart",
    "product_viewed": "view_detail",
    "captureException": "crash_report",
}


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_of_another_sdk_is_answered_with_ours(name: str) -> None:
    with pytest.raises(UnknownVerb) as caught:
        getattr(BATCH, name)
    assert str(caught.value) == f"Batch has no verb {name!r}; did you mean {VERBS[name]!r}?"
    if VERBS[name].startswith("with"):  # a session has none of those
        return
    with pytest.raises(UnknownVerb, match=f"did you mean '{VERBS[name]}'"):
        getattr(SESSION, name)


@pytest.fixture
def client():
    with Client("key", "s3cret", transport=RecordingTransport()) as client:
        yield client


@pytest.mark.parametrize("name", [*VERBS, "event", "purchase", "with_device"])
def test_the_error_of_a_client_that_has_no_such_verb_says_that_a_batch_is(name, client):
    with pytest.raises(UnknownVerb) as caught:
        getattr(client, name)
    verb = VERBS.get(name, name)
    assert str(caught.value) == (
        f"Client has no method {name!r}; a batch says it: "
        f"write client.send(Batch.for_user(customer_id=…).{verb}(…))"
    )
    assert not hasattr(client, name)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("upload", "send"),
        ("upload_events", "send"),
        ("enqueue", "send"),
        ("shutdown", "close"),
        ("sned", "send"),
        ("stat", "stats"),
    ],
)
def test_a_method_of_another_client_is_answered_with_ours(name, ours, client):
    with pytest.raises(UnknownVerb) as caught:
        getattr(client, name)
    assert str(caught.value) == f"Client has no method {name!r}; did you mean {ours!r}?"


def test_a_client_has_no_private_names_besides(client):
    with pytest.raises(AttributeError):
        client._nothing_of_the_kind
    with pytest.raises(UnknownVerb, match=r"; help\(Client\) lists what it has$"):
        client.abracadabra


# Settings


@pytest.mark.parametrize("of", [Client, Configuration])
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("timeout", "; write transport=RequestsTransport(timeout=(3.05, 10.0))"),
        ("max_retries", "; write retry=Retry(max_attempts=3)"),
        ("maxRetries", "; write retry=Retry(max_attempts=3)"),
        ("max_attempts", "; write retry=Retry(max_attempts=3)"),
        ("verify", "; write transport=RequestsTransport(verify='ca.pem')"),
        ("flush_at", "; write dispatcher=ThreadedDispatcher(flush_interval=0.5)"),
        ("max_queue_size", "; write dispatcher=ThreadedDispatcher(max_queue=10_000)"),
        ("workers", ", its dispatcher has; write dispatcher=ThreadedDispatcher(workers=1)"),
        ("debug", "; write transport=PrintingTransport()"),
        ("on_error", "; did you mean 'on_failed'?"),
        ("on_success", "; did you mean 'on_delivered'?"),
        ("write_key", "; did you mean 'api_key'?"),
        ("endpoint", "; did you mean 'host'?"),
        ("region", "; did you mean 'pod'?"),
    ],
)
def test_a_setting_of_another_client_is_answered_with_the_line_to_write(of, name, hint):
    with pytest.raises(ConfigurationError) as caught:
        of(api_key="key", api_secret="s3cret", **{name: "hidden"})
    assert str(caught.value) == f"{of.__name__}() has no option {name!r}{hint}"


@pytest.mark.parametrize(
    ("make", "ours"),
    [
        (lambda: Retry(max_retries=3), "max_attempts"),
        (lambda: Retry(backoff_factor=3), "base"),
        (lambda: RequestsTransport(proxy="x"), "proxies"),
        (lambda: ThreadedDispatcher(threads=3), "workers"),
        (lambda: ThreadedDispatcher(max_queue_size=3), "max_queue"),
        (lambda: Outbox("outbox.db", ttl=3), "max_age"),
    ],
)
def test_a_setting_of_another_object_is_answered_with_ours(make, ours):
    with pytest.raises(ConfigurationError, match=rf"did you mean '{ours}'\?$"):
        make()


def test_every_line_to_write_makes_what_it_says() -> None:
    import requests

    import mpfluent

    names = {**vars(sdk_names), **{name: getattr(mpfluent, name) for name in mpfluent.__all__}}
    for line in set(ELSEWHERE.values()):
        keyword, _, value = line.partition("=")
        assert keyword in inspect.signature(Client).parameters
        if ".pem" not in line:  # a file that there is not
            eval(value, {**names, "requests": requests})


@given(st.text(max_size=30), st.lists(st.text(max_size=30), max_size=4))
def test_a_slip_of_a_name_is_never_taken_for_anothers(name: str, allowed: list[str]) -> None:
    found = called(name, sdk_names.COMMERCE, [*allowed, name.upper()])
    assert found is None


# How much of ours stands around an error

FEW = 3  # frames
SLIPS = {
    "with_device": lambda: Batch().with_device(platfrom="iOS"),
    "with_device, again": lambda: Batch().with_device(brand="x").with_device(platfrom="iOS"),
    "with_device, a value": lambda: Batch().with_device(platform="ios"),
    "for_user": lambda: Batch.for_user(emial="x"),
    "for_user, a value": lambda: Batch.for_user(email=5),
    "for_device": lambda: Batch.for_device(idfv="x"),
    "with_location": lambda: Batch().with_location(1, 2, acuracy=1),
    "with_data_plan": lambda: Batch().with_data_plan("plan", "2"),
    "with_gdpr_consent": lambda: Batch().with_gdpr_consent("x", True, at=5),
    "with_user_attributes": lambda: Batch().with_user_attributes({"a": {}}),
    "with_partner_identities": lambda: Batch().with_partner_identities({"a": 1}),
    "event": lambda: BATCH.event("x", attribues={}),
    "event, a value": lambda: BATCH.event("x", {"a": [1]}),
    "event, a time": lambda: BATCH.event("x", at=5),
    "event of a session": lambda: SESSION.event("x", attribues={}),
    "event of a session, a time": lambda: SESSION.event("x", at=5),
    "purchase": lambda: BATCH.purchase(revenue=1),
    "purchase, a value": lambda: BATCH.purchase(total_amount="1"),
    "purchase, a product": lambda: BATCH.purchase("x"),
    "promotion_view": lambda: BATCH.promotion_view(fleem=1),
    "attribution": lambda: BATCH.attribution("x", "y", fleem=1),
    "app_install": lambda: BATCH.app_install(fleem=1),
    "Product": lambda: Product("x", prcie=1),
    "Product, a value": lambda: Product("x", price="1"),
    "AppEvent": lambda: AppEvent("x", attribues={}),
    "DeviceInformation": lambda: DeviceInformation(platfrom="iOS"),
    "from_dict": lambda: Batch.from_dict({"foo": 1}),
    "a_user": lambda: a_user(emial="x"),
    "a_product": lambda: a_product(prcie=1),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_few_frames_of_ours_stand_before_a_message(slip: str) -> None:
    for _ in range(OFTEN):
        with pytest.raises(InvalidBatch) as caught:
            SLIPS[slip]()
        error = caught.value
        frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        ours = [name for name in frames if "mpfluent/" in name and "/tests/" not in name]
        assert len(ours) <= FEW, ours
        assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: BATCH.with_gdpr_consent("marketing", True),
            "with_gdpr_consent() missing 1 required keyword-only argument: 'at'",
        ),
        (
            lambda: BATCH.with_ccpa_data_sale_opt_out(),
            "with_ccpa_data_sale_opt_out() missing 1 required keyword-only argument: 'at'",
        ),
        (
            lambda: GDPRConsentState(True),
            "GDPRConsentState.__init__() missing 1 required positional argument: "
            "'timestamp_unixtime_ms'",
        ),
        (
            lambda: CCPAConsentState(True),
            "CCPAConsentState.__init__() missing 1 required positional argument: "
            "'timestamp_unixtime_ms'",
        ),
        (
            lambda: BATCH.impression(),
            "impression() missing 1 required positional argument: 'product_impression_list'",
        ),
        (
            lambda: BATCH.with_mpid(),
            "with_mpid() missing 1 required positional argument: 'mpid'",
        ),
        (
            lambda: BATCH.event(),
            "event() missing 1 required positional argument: 'name'",
        ),
        (
            lambda: BATCH.screen_view("Home", "again"),
            "screen_view() takes 2 positional arguments but 3 were given",
        ),
        (
            lambda: Session.start(session_id=1).ltv_increase(),
            "ltv_increase() missing 1 required positional argument: 'amount'",
        ),
    ],
)
def test_pythons_own_errors_name_nothing_internal(call, text):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == text


def test_verbs_can_be_pickled_as_functions() -> None:
    for verb in (Batch.with_ip, Batch.with_gdpr_consent, Batch.purchase, Batch.event):
        assert pickle.loads(pickle.dumps(verb)) is verb
    assert pickle.loads(pickle.dumps(Batch().with_ip))("::1") == Batch().with_ip("::1")
