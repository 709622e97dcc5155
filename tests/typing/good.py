"""The public API, used as it should be: type checkers find nothing to say about this file.

``test_typing.py`` has mypy and pyright read it, and runs it too.
"""

from __future__ import annotations

import io
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, Unpack, assert_type

import requests
from hypothesis.strategies import SearchStrategy

from mpfluent import (
    Acceptance,
    ApiError,
    AppEvent,
    ApplicationInformation,
    ApplicationStateTransitionEvent,
    AttributionInfo,
    Batch,
    BreadcrumbEvent,
    CCPAConsentState,
    Client,
    Closed,
    CloseReport,
    CommerceEvent,
    CommonFields,
    Configuration,
    ConfigurationError,
    ConsentState,
    CrashReportEvent,
    CustomEvent,
    DataPlanContext,
    DeadlineAdapter,
    Delivery,
    DeliveryError,
    Destination,
    DeviceCurrentState,
    DeviceInformation,
    Dispatcher,
    Event,
    EventsApi,
    EventVerbs,
    FileTransport,
    FirstRunEvent,
    FrozenMap,
    FunctionTransport,
    GDPRConsentState,
    GeoLocation,
    HandedOver,
    HandOverDispatcher,
    InvalidBatch,
    InvalidPlan,
    Job,
    Kept,
    MixedUsers,
    MPFluentError,
    NetworkPerformanceEvent,
    Notifier,
    OptOutEvent,
    Outbox,
    PrintingTransport,
    Problem,
    Product,
    ProductAction,
    ProductImpression,
    ProfileEvent,
    Promotion,
    PromotionAction,
    PushMessageEvent,
    PushRegistrationEvent,
    QueueFull,
    RateLimit,
    RecordingTransport,
    Report,
    Request,
    RequestsTransport,
    Response,
    Retry,
    ScreenViewEvent,
    SealedBatch,
    Sender,
    Session,
    SessionEndEvent,
    SessionStartEvent,
    ShoppingCart,
    Stats,
    SyncDispatcher,
    ThreadedDispatcher,
    Transport,
    TransportError,
    UninstallEvent,
    UnknownField,
    UnusedBatchWarning,
    Upload,
    UserAttributeChangeEvent,
    UserIdentities,
    UserIdentity,
    UserIdentityChangeEvent,
    schemas,
)
from mpfluent.dataplan import DataPlan, Violation
from mpfluent.errors import Reason
from mpfluent.testing import LocalServer, a_product, a_purchase, a_user, an_event, status
from mpfluent.testing import a_session as a_made_up_session
from mpfluent.testing.strategies import (
    BadValue,
    bad_values,
    batches,
    events,
    products,
    sessions,
    values,
)

NOW = "2026-11-23T10:15:00Z"
V = TypeVar("V", bound=EventVerbs)


def the_example() -> Delivery:
    """Write the sentence that the contract begins with, and send it."""
    batch = (
        Batch.for_user(customer_id="123456", email="user@example.com")
        .with_device(ios_advertising_id="07d2ebaa-e956-407e-a1e6-f05f871bf4e2")
        .with_user_attributes({"Account type": "trial"})
        .event("Searched", {"query": "teapot"}, type="search", at="2026-11-23T10:15:00Z")
        .purchase(
            Product("sample-sku", "Example Product", price=19.99),
            tax_amount=1.50,
            total_amount=21.49,
        )
    )
    transport = RecordingTransport()
    with Client(
        "key", "secret", environment="development", transport=transport, rate_limit=250
    ) as client:
        return client.send(batch)


def contexts() -> Batch:
    """Set and remove all the context that a batch can have."""
    attributes: Mapping[str, str | int] = {"plan": "pro", "age": 42}
    return (
        Batch()
        .with_environment("production")
        .with_environment("development")
        .with_mpid(-7636538281262557000)
        .with_mp_deviceid(str(uuid.UUID(int=5)))
        .with_ip("203.0.113.7")
        .with_source_request_id("order-1")
        .with_identities(customer_id="123456")
        .with_identities(UserIdentities(email="user@example.com"), other="x", google=None)
        .without_identities("other")
        .with_user_attributes(attributes)
        .with_user_attributes({"$age": 42, "tags": ["a", "b"], "vip": None}, paid=Decimal("1.50"))
        .without_user_attributes("tags", "vip")
        .with_deleted_user_attributes("old")
        .with_device(
            platform="iOS", screen_height=2732, is_tablet=False, att_timestamp_unixtime_ms=NOW
        )
        .with_device(DeviceInformation(brand="Acme", device_model=None))
        .without_device("brand")
        .with_application(application_name="Shop", os="IOS")
        .with_application(
            ApplicationInformation(apple_search_ads_attributes={"Version3.1": {"iad-id": 5}})
        )
        .with_attribution_info("AppsFlyer", "Example network", "Spring")
        .with_attribution_info(AttributionInfo("AppsFlyer", "Example network", "Spring"))
        .with_partner_identities({"Acme_Id": "1234"})
        .with_partner_identity("1234")
        .with_integration_attributes(92, {"appsflyer_id": "1558328425529"})
        .with_gdpr_consent("marketing", True, at=NOW, document="terms_v4", location="Berlin")
        .with_ccpa_data_sale_opt_out(at=datetime(2026, 11, 23, tzinfo=UTC))
        .with_consent_state(
            ConsentState(
                gdpr={"analytics": GDPRConsentState(False, NOW, hardware_id="x")},
                ccpa={"data_sale_opt_out": CCPAConsentState(True, 1_795_428_900_000)},
            )
        )
        .with_data_plan("mobile_data_plan", 2)
        .with_data_plan(DataPlanContext("mobile_data_plan"))
        .with_location(40.7142, Decimal("-74.0064"), accuracy=195, location_source="lat_long")
        .with_location(GeoLocation(52.52, 13.405, city_name="Berlin"))
    )


def every_verb() -> Batch:
    """Append an event with each of the verbs."""
    teapot = Product("sku-1", "Teapot", price=Decimal("19.99"), custom_attributes={"size": "L"})
    cup = Product(name="Cup", quantity=2, added_to_cart_time_ms=NOW)
    spring = Promotion("promo-1", "Spring sale", position="hero banner")
    return (
        Batch()
        .event("Searched")
        .event(
            "Searched",
            {"query": "teapot", "hits": 3, "paid": None},
            flags={"a": True},
            at=5 * 10**12,
        )
        .event("Watched", type="media", location=GeoLocation(1, 2), session_id=42)
        .attribution("Example network", "Spring", attributes={"cost": 2.5})
        .attribution_delete()
        .re_engagement(campaign="Spring")
        .ltv_increase(Decimal("5.00"), event_name="Paid")
        .screen_view("Home", activity_type="x", source_message_id="m-1")
        .add_to_cart(teapot, cup)
        .remove_from_cart(cup)
        .add_to_wishlist(teapot)
        .remove_from_wishlist(teapot)
        .view_detail(teapot)
        .click(teapot, product_action_list="Search")
        .checkout(teapot, checkout_step=1, checkout_options="express")
        .checkout_option(checkout_step=2)
        .purchase(*[teapot, cup], transaction_id="t-1", total_amount=Decimal("21.49"))
        .refund(teapot, shopping_cart=ShoppingCart([cup]), currency_code="EUR")
        .promotion_view(spring, is_non_interactive=True)
        .promotion_click(spring)
        .impression("Search results", teapot, cup, screen_name="Search")
        .session_start(session_uuid=str(uuid.UUID(int=5)))
        .session_end(60_000, session_id=42)
        .app_install()
        .app_upgrade(launch_referral="https://example.com/")
        .app_initialized(successfully_closed=True)
        .app_foreground(push_notification_payload="{}")
        .app_background()
        .app_exit()
        .first_run()
        .uninstall()
        .push_registration("token", register=False)
        .push_message("received", "token", "{}", push_message_behavior="Read", network="apn")
        .push_message("action", "token", "{}", push_message_behavior=3)
        .network_performance("https://example.com/", 200, http_verb="GET", time_elapsed=12)
        .breadcrumb("Opened cart", session_number=1)
        .crash_report(ValueError("out of tea"), severity="fatal", exception_handled=True)
        .crash_report(message="out of tea", breadcrumbs=[BreadcrumbEvent("Opened cart")])
        .opt_out()
        .opt_out(False, at=NOW)
        .profile("login", previous_mpid=1, current_mpid=2)
        .user_attribute_change("tags", ["a"], old=None, is_new_attribute=False)
        .user_identity_change(UserIdentity("email", "user@example.com", NOW), None)
    )


def every_event() -> Batch:
    """Make each event by its class."""
    action = ProductAction("purchase", [Product("sku-1")], total_amount=1, tax_amount=0.5)
    events: list[Event] = [
        AppEvent("Searched", {"query": "teapot"}, type="search"),
        CustomEvent("Searched"),
        CommerceEvent(product_action=action, currency_code="EUR"),
        CommerceEvent(promotion_action=PromotionAction("view", (Promotion("promo-1"),))),
        CommerceEvent(product_impressions=[ProductImpression("Results", [Product("sku-1")])]),
        ScreenViewEvent("Home"),
        SessionStartEvent(session_id=42),
        SessionEndEvent(60_000, session_id=42),
        ApplicationStateTransitionEvent.create_install_event(at=NOW),
        ApplicationStateTransitionEvent.create_upgrade_event(),
        ApplicationStateTransitionEvent.create_foreground_event(),
        ApplicationStateTransitionEvent.create_background_event(),
        ApplicationStateTransitionEvent("application_exit"),
        PushRegistrationEvent("token"),
        PushMessageEvent("sent", "token", "{}", application_state="background"),
        NetworkPerformanceEvent("https://example.com/", 200),
        BreadcrumbEvent("Opened cart"),
        CrashReportEvent("out of tea", "fatal", ios_image_size=2**64 - 1),
        OptOutEvent(True),
        FirstRunEvent(),
        UninstallEvent(device_current_state=DeviceCurrentState(battery_level=0.5)),
        ProfileEvent("signup", previous_mpid=1, current_mpid=2),
        UserAttributeChangeEvent("plan", "pro", old="free"),
        UserIdentityChangeEvent(None, UserIdentity("email", "user@example.com", NOW)),
    ]
    return Batch().add(*events)


def a_session() -> Batch:
    """Place events relative to each other."""
    session = (
        Session.start("84e1b361-a282-4adf-8a6d-1d31e6dd5a9e", at=NOW, attributes={"a": 1})
        .screen_view("Home", after=1.5)
        .event("Searched", {"query": "teapot"}, after=timedelta(seconds=20))
        .purchase(Product("sku-1"), after=60, total_amount=5)
        .add(AppEvent("Found"))
        .end(after=5)
    )
    assert_type(session, Session)
    assert_type(session.events[0], Event)
    assert_type(session.at, int | None)
    return Batch.for_user(customer_id="123456").add(session, AppEvent("Later"))


# Vocabularies of one's own


class ShopVerbs(EventVerbs):
    """Verbs for batches and for sessions."""

    def signed_up(self: V, plan: str, *, seats: int = 1) -> V:
        """Append a sign-up."""
        return self.event("Signed up", {"plan": plan, "seats": seats})

    def left(self, reason: str | None = None) -> Self:
        """Append a leave; ``Self`` does what a type variable does."""
        return self.event("Left", {"reason": reason}).breadcrumb("Left")


class NewsVerbs(EventVerbs):
    """Another package's verbs."""

    def read_article(self: V, title: str, **fields: Unpack[CommonFields]) -> V:
        """Append the reading of an article."""
        return self.screen_view(title, **fields)


class ShopBatch(ShopVerbs, Batch):
    """A batch that speaks of the shop."""


class AppBatch(ShopVerbs, NewsVerbs, Batch):
    """A batch that speaks of both."""


class AppSession(ShopVerbs, NewsVerbs, Session):
    """A session that speaks of both."""


class ShopSession(ShopVerbs, Session):
    """A session that speaks of the shop."""


def own_verbs() -> ShopBatch:
    """Keep the type of a subclass through every verb."""
    base = ShopBatch.for_user(customer_id="123456")
    assert_type(base, ShopBatch)
    assert_type(ShopBatch(), ShopBatch)
    assert_type(ShopBatch.for_device(platform="web"), ShopBatch)
    assert_type(ShopBatch.from_dict({}), ShopBatch)
    assert_type(ShopBatch.from_json("{}", unknown="ignore"), ShopBatch)
    assert_type(base.with_environment("development"), ShopBatch)
    assert_type(base.with_device(platform="iOS"), ShopBatch)
    assert_type(base.with_identities(email="user@example.com"), ShopBatch)
    assert_type(base.with_user_attributes({"a": 1}), ShopBatch)
    assert_type(base.with_location(1, 2), ShopBatch)
    assert_type(base.with_data_plan("plan"), ShopBatch)
    assert_type(base.with_gdpr_consent("marketing", True, at=NOW), ShopBatch)
    assert_type(base.with_ccpa_data_sale_opt_out(at=NOW), ShopBatch)
    assert_type(base.without_device(), ShopBatch)
    assert_type(base.event("x"), ShopBatch)
    assert_type(base.purchase(Product("x")), ShopBatch)
    assert_type(base.network_performance("https://example.com/", 200), ShopBatch)
    assert_type(base.crash_report(ValueError()), ShopBatch)
    assert_type(base.signed_up("pro"), ShopBatch)
    assert_type(base.left().signed_up("pro").left("x"), ShopBatch)
    assert_type(base.add(AppEvent("x")), ShopBatch)
    assert_type(base.merge(Batch().event("x")), ShopBatch)
    assert_type(base + Batch(), ShopBatch)
    assert_type(Batch() + base, Batch)
    session = ShopSession.start(session_id=42, at=NOW)
    assert_type(session, ShopSession)
    assert_type(session.event("x", after=1), ShopSession)
    assert_type(session.signed_up("pro").screen_view("Home"), ShopSession)
    assert_type(session.end(after=1), ShopSession)
    return (
        base.event("Searched")
        .signed_up("pro", seats=5)
        .with_device(platform="iOS")
        .signed_up("pro")
        .purchase(Product("sku-1"))
        .add(session.signed_up("pro"))
        .signed_up("free")
    )


def two_vocabularies() -> AppBatch:
    """Mix the verbs of two packages, in any order."""
    batch = AppBatch.for_user(customer_id="123456").read_article("Teapots", at=NOW)
    assert_type(batch, AppBatch)
    assert_type(batch.signed_up("pro"), AppBatch)
    assert_type(batch.signed_up("pro").read_article("Kettles").left().event("x"), AppBatch)
    session = AppSession.start(session_id=42, at=NOW).read_article("Teapots", after=1)
    assert_type(session, AppSession)
    assert_type(session.signed_up("pro").event("x").read_article("Kettles"), AppSession)
    assert_type(session.left("bored").end(after=1), AppSession)
    return batch.add(session.signed_up("pro").read_article("Kettles")).signed_up("free")


def thrown_away(batch: Batch) -> str | None:
    """Be warned of a statement that does nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnusedBatchWarning)
        try:
            batch = batch.event("Searched")
        except UnusedBatchWarning as warning:
            return str(warning)
    return None


def tagged(batch: Batch, tag: str, *, times: int = 1) -> Batch:
    """Add a tag to a batch."""
    return batch.with_user_attributes({tag: times})


def counted(batch: Batch) -> int:
    """Count a batch's events."""
    return len(batch.events)


def of_one_class(batch: Batch, session: Session) -> int:
    """Read events as what they are."""
    assert_type(batch.events.of(CommerceEvent), tuple[CommerceEvent, ...])
    assert_type(session.events.of(SessionEndEvent), tuple[SessionEndEvent, ...])
    return len(batch.events.of(CommerceEvent)) + len(session.events.of(SessionStartEvent))


def piped() -> tuple[Batch, int]:
    """Keep the types of functions that are piped through."""
    batch = Batch().event("x")
    assert_type(batch.pipe(tagged, "vip", times=2), Batch)
    assert_type(batch.pipe(counted), int)
    assert_type(Session.start(session_id=1).pipe(repr), str)
    return batch.pipe(tagged, "vip"), batch.pipe(tagged, tag="vip").pipe(counted)


# Reading values


def read(batch: Batch) -> list[str]:
    """Ask values for what they hold."""
    assert_type(batch.mpid, int | None)
    assert_type(batch.events[0], Event)
    assert_type(batch.user_identities, UserIdentities | None)
    assert_type(batch.device_info, DeviceInformation | None)
    assert_type(batch.user_attributes, FrozenMap[Any] | None)
    assert_type(batch.deleted_user_attributes, tuple[str, ...] | None)
    assert_type(batch.to_json(indent=2), str)
    assert_type(batch.to_dict(), dict[str, Any])
    assert_type(batch.to_python(), str)
    assert_type(batch.preview().size.bytes, int)
    assert_type([place.path for place in batch.diff(batch.first_run())], list[str])
    assert_type(batch.problems(historical=True), tuple[Problem, ...])
    found: list[str] = []
    for event in batch.events:
        match event:
            case AppEvent(event_name=name, attributes=attributes):
                found.append(f"{name} {dict(attributes or {})}")
            case CommerceEvent(product_action=ProductAction(products=(first, *_), action=action)):
                assert_type(first, Product)
                found.append(f"{action} {first.name} {first.price}")
            case ScreenViewEvent():
                assert_type(event.screen_name, str)
                found.append(event.screen_name)
            case _:
                assert_type(event.at, int | None)
                found.append(event.event_type)
    if batch.user_identities is not None:
        assert_type(batch.user_identities.email, str | None)
    return found


def round_trip(batch: Batch) -> bool:
    """Export and read again, with and without the schemas."""
    loaded = schemas.BatchSchema().load(schemas.BatchSchema().dump(batch))
    product = Product("sku-1", "Teapot")
    event = AppEvent("Searched")
    return (
        Batch.from_dict(batch.to_dict()) == batch
        and Batch.from_json(batch.to_json().encode()) == batch == loaded
        and Product.from_dict(product.to_dict()) == product
        and AppEvent.from_json(event.to_json()) == event
    )


# Sending


class OwnTransport:
    """A transport needs two methods and no base class."""

    def send(self, request: Request) -> Response:
        """Answer without sending."""
        assert_type(request.body, bytes)
        assert_type(request.headers, Mapping[str, str])
        return Response(202, {"X-mp-rate-limit-percentage-used": "0.1"}, b"")

    def close(self) -> None:
        """Do nothing."""


def without_email(batch: Batch) -> Batch | None:
    """Let nobody's email leave."""
    return batch.without_identities("email") if batch.events else None


def sent() -> Stats:
    """Make clients of every kind and send with them."""
    failures: list[str] = []

    def failed(batch: Batch, error: DeliveryError) -> None:
        failures.append(f"{error.reason} {error.status_code} {batch.source_request_id}")

    own: Transport = OwnTransport()
    client = Client(
        api_key="key",
        api_secret="secret",
        environment="development",
        pod="eu1",
        transport=own,
        dispatcher=SyncDispatcher(),
        retry=Retry(base=0.1, cap=5, max_attempts=3, max_elapsed=None),
        rate_limit=RateLimit(250, burst=50),
        before_send=without_email,
        on_delivered=lambda batch, response: print(batch, response.status_code, file=io.StringIO()),
        on_failed=failed,
        now=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid.uuid4()),
    )
    batch = Batch.for_user(customer_id="123456").event("Searched")
    delivery = client.send(batch, batch, callback=lambda done: print(done, file=io.StringIO()))
    assert_type(delivery, Delivery)
    assert_type(delivery.result(), Response)
    assert_type(delivery.wait(1.0), bool)
    assert_type(delivery.failures, tuple[DeliveryError, ...])
    delivery.add_done_callback(print if failures else lambda done: None)

    def many() -> Iterator[Batch]:
        for number in range(3):
            yield batch.with_source_request_id(f"r-{number}")

    assert_type(client.send_all(many()), Report)
    assert_type(client.to_curl(batch), str)
    sealed = client.seal(batch)
    assert_type(sealed, SealedBatch)
    assert_type(SealedBatch.from_json(sealed.to_json()), SealedBatch)
    assert_type(client.send(sealed), Delivery)
    assert_type(sum([client.send_all([sealed])], Report()), Report)
    assert_type(client.flush(), bool)
    assert_type(client.stats, Stats)
    assert_type(client.close(5.0), CloseReport)
    return client.stats


def in_the_background(folder: Path) -> CloseReport:
    """Send in the background, with all that can be said of it."""
    outbox = Outbox(
        folder / "outbox.db", durability="full", max_bytes=2**20, max_age=3600.0, lease=30
    )
    dispatcher = ThreadedDispatcher(
        workers=2,
        max_queue=1_000,
        max_queue_bytes=2**20,
        when_full="drop_oldest",
        block_timeout=0.5,
        flush_interval=0,
        exit_timeout=1,
        coalesce=True,
        outbox=outbox,
    )
    client = Client(
        "key",
        "secret",
        environment="development",
        transport=RecordingTransport(),
        dispatcher=dispatcher,
    )
    batch = Batch.for_user(customer_id="123456").event("Searched")
    try:
        state = client.send(batch).state
        assert_type(state, Literal["pending", "delivered", "failed", "kept", "handed_over"])
    except QueueFull as error:
        assert_type(error.reason, Reason)
    try:
        client.send(batch).result(5)
    except Kept as kept:
        assert_type(kept.batch, Batch | None)
    return client.close(5)


def planned() -> Stats:
    try:
        DataPlan.from_json("[]")
    except InvalidPlan as error:
        assert_type(error.args, tuple[Any, ...])
    plan = DataPlan.from_dict({"data_points": []})
    batch = Batch.for_user(customer_id="123456").event("Searched")
    found = plan.validate(batch, like="node")
    assert_type(found, tuple[Violation, ...])
    assert_type(found[0].event_index, int | None)
    assert_type(plan.problems(), tuple[Problem, ...])
    assert_type(plan.without_unplanned(batch, found), Batch)
    client = Client(
        "key",
        "secret",
        environment="development",
        transport=RecordingTransport(),
        data_plan=plan,
        on_violation="drop",
    )
    client.send(batch)
    return client.stats


def handed_over() -> Stats:
    def put(job: Job) -> HandedOver:
        assert_type(SealedBatch.from_json(job.to_json()), SealedBatch)
        return HandedOver(job.id)

    client = Client("key", "secret", environment="development", dispatcher=HandOverDispatcher(put))
    client.send(Batch.for_user(customer_id="123456"))
    own: Dispatcher = OwnDispatcher()
    Client("key", "secret", environment="development", dispatcher=own).send(Batch().first_run())
    return client.stats


class OwnDispatcher:
    """The protocol of a dispatcher, with the names that its methods take."""

    waits = True
    max_elapsed = 15.0

    def open(self, sender: Sender, notifier: Notifier, batch_class: type[Any]) -> None:
        self._notifier = notifier
        assert_type(sender.destination, Destination)

    def submit(self, jobs: Sequence[Job], accepted: Acceptance, *, patient: bool = False) -> None:
        accepted()
        for job in jobs:
            job.give_up(HandedOver(job.id))
        self._notifier.notify(jobs)

    def may_wait(self) -> bool:
        return True

    def send_now(self) -> None:
        return None

    def flush(self, timeout: float) -> None:
        return None

    def close(self, timeout: float) -> bool:
        return True

    def check_process(self) -> None:
        return None


async def awaited(client: Client, batch: Batch) -> Response:
    """Wait in asyncio."""
    return await client.send(batch)


def transports() -> list[Transport]:
    """Make each of the transports."""
    answer: Callable[[Request], Response | int] = lambda request: 202  # noqa: E731
    mounted = requests.Session()
    mounted.mount("https://", DeadlineAdapter())
    files = Path(__file__).parent.parent / "certificates"
    ours, bundle = str(files / "localhost.pem"), str(files / "authority.pem")  # key within
    return [
        RequestsTransport(timeout=(1, 5), deadline=10, proxies={"https": "http://proxy:3128"}),
        RequestsTransport(session=mounted),
        RequestsTransport(verify=bundle, cert=(ours, ours)),
        RecordingTransport(429, Response(202)),
        FunctionTransport(answer),
        PrintingTransport(file=io.StringIO()),
        PrintingTransport(OwnTransport(), file=io.StringIO()),
        FileTransport(Path(tempfile.gettempdir()) / "batches.jsonl"),
        OwnTransport(),
    ]


def errors(client: Client, batch: Batch) -> str:
    """Handle each kind of error."""
    try:
        client.send(batch)
    except ApiError as error:
        assert_type(error.status_code, int)
        return f"{error.status_code} {error.body} {[entry['message'] for entry in error.errors]}"
    except TransportError as error:
        return f"{error.reason} {error.retryable}"
    except Closed as error:
        return str(error)
    except DeliveryError as error:
        assert_type(error.batch, Batch | None)
        return error.reason
    except UnknownField as error:
        return f"{error.name} {error.allowed} {error.suggestion}"
    except (MixedUsers, InvalidBatch, ConfigurationError, MPFluentError) as error:
        return str(error)
    return "delivered"


def from_the_vendors_sdk() -> list[int]:
    """Use the two calls that the vendor documents."""
    statuses: list[int] = []
    configuration = Configuration(
        api_key="key",
        api_secret="secret",
        environment="development",
        transport=RecordingTransport(),
    )
    api = EventsApi(configuration)
    batch = Batch.for_user(customer_id="123456").event("Searched")
    data, status_code, headers = api.upload_events(batch)
    assert_type(status_code, int)
    statuses += [status_code, len(headers), 0 if data is None else 1]

    def done(data: Any, status_code: int, headers: Mapping[str, str]) -> None:
        statuses.append(status_code)

    upload = api.bulk_upload_events([batch, batch], done)
    assert_type(upload, Upload)
    upload.join(10)
    statuses.append(upload.result()[1])
    return statuses


def fixtures() -> Batch:
    """Make values up."""
    session = a_made_up_session(ShopSession, at=NOW).add(an_event("Searched", {"a": 1}, at=NOW))
    assert_type(session, ShopSession)
    assert_type(a_user(ShopBatch, seed="x", customer_id=None), ShopBatch)
    assert_type(a_purchase(a_product(price=1), total_amount=2, at=NOW), CommerceEvent)
    return assert_type(a_user(email="x@example.com", mpid=7), Batch).add(session)


def strategies() -> tuple[object, ...]:
    """Draw values."""
    return (
        assert_type(batches(user=True, environment="development"), SearchStrategy[Batch]),
        assert_type(batches(ShopBatch, events=events(AppEvent)), SearchStrategy[ShopBatch]),
        assert_type(batches(events=sessions(timed=True)), SearchStrategy[Batch]),
        assert_type(sessions(ShopSession), SearchStrategy[ShopSession]),
        assert_type(events(), SearchStrategy[Event]),
        assert_type(events(AppEvent, type="search"), SearchStrategy[AppEvent]),
        assert_type(products(price=1), SearchStrategy[Product]),
        assert_type(values(GeoLocation), SearchStrategy[GeoLocation]),
        assert_type(bad_values(Product, "price"), SearchStrategy[BadValue]),
    )


def a_local_server() -> int:
    """Stand in for mParticle."""
    with LocalServer() as server:
        server.script(status(429, headers={"Retry-After": "0"}))
        with Client("key", "secret", host=server.url, environment="development") as client:
            client.send(Batch.for_user(customer_id="123456").event("Searched"))
        return len(server.batches)


def main() -> None:
    """Run all of the above: what checkers accept must also work."""
    assert the_example().state == "delivered"
    assert len(read(every_verb())) > 40
    assert len(every_event().events) == 24
    assert a_session().events[-1].at is None
    assert len(own_verbs().events) == 7
    assert len(two_vocabularies().events) == 6
    assert thrown_away(Batch()) is None
    assert piped()[1] == 1
    assert of_one_class(every_verb(), Session.start(session_id=1)) > 2
    assert round_trip(contexts())
    assert round_trip(every_verb().add(*every_event().events))
    assert sent().delivered == 7
    assert handed_over().handed_over == 1
    assert planned().unplanned_dropped == 1
    with tempfile.TemporaryDirectory() as folder:
        assert in_the_background(Path(folder)) == (2, 0, 0)
    assert len(transports()) == 9
    client = Client("key", "secret", environment="development", transport=RecordingTransport(400))
    assert errors(client, Batch().event("x")).startswith("400")
    assert from_the_vendors_sdk() == [202, 0, 0, 202, 202]
    assert a_local_server() == 1
    assert len(fixtures().events) == 3
    assert len(strategies()) == 9


if __name__ == "__main__":
    main()
