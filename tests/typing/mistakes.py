"""Mistakes that type checkers find before the program runs.

Each marked line is one mistake. ``test_typing.py`` has mypy and pyright read this file: both must
flag every marked line, and no other. It also runs each marked line: the word after the mark is
the error that it raises, or what becomes of it where only types can tell.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar, Unpack

from mpfluent import (
    AppEvent,
    Batch,
    CCPAConsentState,
    Client,
    CommerceEvent,
    CommonFields,
    Configuration,
    ConsentState,
    DeviceInformation,
    EventsApi,
    EventVerbs,
    GeoLocation,
    Outbox,
    Product,
    ProductAction,
    Promotion,
    PromotionAction,
    RateLimit,
    RecordingTransport,
    RequestsTransport,
    Response,
    Retry,
    Session,
    ThreadedDispatcher,
    UserIdentity,
)
from mpfluent.testing import a_product, a_purchase, a_session, a_user, an_event

V = TypeVar("V", bound=EventVerbs)
NOW = "2026-11-23T10:15:00Z"


class ShopVerbs(EventVerbs):
    """A vocabulary of one's own."""

    def signed_up(self: V, plan: str, *, seats: int = 1) -> V:
        """Append a sign-up."""
        return self.event("Signed up", {"plan": plan, "seats": seats})


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


def mistakes(
    batch: Batch, shop: ShopBatch, session: Session, teapot: Product, spring: Promotion
) -> None:
    """Make every mistake."""
    transport = RecordingTransport()
    client = Client("key", "secret", environment="development", transport=transport)
    api = EventsApi(Configuration(api_key="key", api_secret="secret", transport=transport))

    # misspelt keywords
    batch.with_device(platfrom="iOS")  # mistake: UnknownField
    batch.with_identities(custmer_id="u-1")  # mistake: UnknownField
    batch.with_application(name="Shop")  # mistake: UnknownField
    batch.with_location(40.7, -74, contry_code="US")  # mistake: UnknownField
    batch.event("Searched", atributes={"query": "teapot"})  # mistake: UnknownField
    batch.event("Searched", timestamp=1_552_596_256_000)  # mistake: UnknownField
    batch.event("Searched", total_amount=5)  # mistake: UnknownField
    batch.purchase(teapot, total_amuont=5)  # mistake: UnknownField
    batch.promotion_view(spring, total_amount=5)  # mistake: UnknownField
    batch.with_gdpr_consent("marketing", True, at=NOW, documnt="x")  # mistake: UnknownField
    batch.with_data_plan("plan", version=2)  # mistake: UnknownField
    Batch.for_user(emial="user@example.com")  # mistake: UnknownField
    Batch.for_device(platfrom="iOS")  # mistake: UnknownField
    Batch(environment="development")  # mistake: UnknownField
    Product("sku-1", prise=5)  # mistake: UnknownField
    a_product(prise=5)  # mistake: UnknownField
    a_user(emial="user@example.com")  # mistake: UnknownField
    a_purchase(total="21.49")  # mistake: UnknownField
    an_event("Searched", typ="search")  # mistake: UnknownField
    a_session(sesion_id=42)  # mistake: UnknownField
    AppEvent("Searched", atributes={})  # mistake: UnknownField
    session.screen_view("Home", afer=5)  # mistake: UnknownField
    Client("key", "secret", enviroment="development")  # mistake: ConfigurationError
    Configuration(api_key="key", api_secrt="secret")  # mistake: ConfigurationError
    Retry(max_atempts=5)  # mistake: ConfigurationError

    # the wire's words
    batch.with_environment("dev")  # mistake: InvalidValue
    batch.with_device(platform="ios")  # mistake: InvalidValue
    batch.with_application(os="iOS")  # mistake: InvalidValue
    batch.event("Searched", type="serach")  # mistake: InvalidValue
    batch.profile("signin", previous_mpid=1, current_mpid=2)  # mistake: InvalidValue
    batch.push_message("recieved", "token", "{}")  # mistake: InvalidValue
    ProductAction("buy")  # mistake: InvalidValue
    PromotionAction("look")  # mistake: InvalidValue
    UserIdentity("e-mail", "user@example.com", NOW)  # mistake: InvalidValue
    GeoLocation(40.7, -74, location_source="gps")  # mistake: InvalidValue
    ConsentState(ccpa={"marketing": CCPAConsentState(True, NOW)})  # mistake: InvalidValue
    Client("key", "secret", environment="dev")  # mistake: ConfigurationError
    Client("key", "secret", pod="us3")  # mistake: ConfigurationError

    # wrong types
    batch.with_identities(customer_id=123456)  # mistake: InvalidValue
    batch.with_mpid("5")  # mistake: InvalidValue
    batch.with_device(is_tablet="yes")  # mistake: InvalidValue
    batch.with_device(screen_height=2732.5)  # mistake: InvalidValue
    batch.with_user_attributes(["plan"])  # mistake: InvalidValue
    batch.with_user_attributes({"address": {"city": "Berlin"}})  # mistake: InvalidValue
    batch.with_user_attributes({5: "pro"})  # mistake: InvalidValue
    batch.with_gdpr_consent("marketing", "yes", at=NOW)  # mistake: InvalidValue
    batch.with_location("Berlin", 5)  # mistake: InvalidValue
    batch.event(5)  # mistake: InvalidValue
    batch.event("Searched", "teapot")  # mistake: InvalidValue
    batch.event("Searched", {"tags": ["a", "b"]})  # mistake: InvalidValue
    batch.event("Searched", {"raw": b"x"})  # mistake: InvalidValue
    batch.event("Searched", at=1552596256.5)  # mistake: InvalidTime
    batch.event("Searched", at=Decimal(5))  # mistake: InvalidTime
    batch.event("Searched", location=(40.7, -74))  # mistake: InvalidValue
    batch.purchase(teapot, total_amount="61.45")  # mistake: InvalidValue
    batch.crash_report("out of tea")  # mistake: InvalidValue
    batch.session_end("60000")  # mistake: InvalidValue
    batch.to_json(5).foo  # mistake: AttributeError
    batch.diff({"mpid": 7})  # mistake: InvalidValue
    client.to_curl("batch")  # mistake: InvalidValue
    Product("sku-1", price="19.99")  # mistake: InvalidValue
    Product(5)  # mistake: InvalidValue
    a_user(email=5)  # mistake: InvalidValue
    a_user(Product)  # mistake: InvalidValue
    a_purchase("sku-1")  # mistake: InvalidValue
    Product("sku-1", custom_attributes={"size": 42})  # mistake: InvalidValue
    DeviceInformation(brand=5)  # mistake: InvalidValue
    Session.start(42)  # mistake: InvalidValue
    session.event("Searched", after="5")  # mistake: InvalidTime

    # the wrong record, or none
    batch.purchase("sku-1")  # mistake: InvalidValue
    batch.purchase([teapot])  # mistake: InvalidValue
    batch.purchase(spring)  # mistake: InvalidValue
    batch.promotion_view(teapot)  # mistake: InvalidValue
    batch.impression(teapot)  # mistake: InvalidValue
    batch.with_device({"platform": "iOS"})  # mistake: InvalidValue
    batch.with_device(GeoLocation(1, 2))  # mistake: InvalidValue
    batch.add("Searched")  # mistake: InvalidValue
    batch.add(batch)  # mistake: InvalidValue
    batch.merge("u-2")  # mistake: InvalidValue
    batch.merge(AppEvent("Searched"))  # mistake: InvalidValue
    batch + "u-2"  # mistake: TypeError
    session.add(session)  # mistake: InvalidValue
    CommerceEvent(product_action="purchase")  # mistake: InvalidValue
    ProductAction("purchase", teapot)  # mistake: InvalidValue

    # missing arguments
    batch.event()  # mistake: TypeError
    batch.profile("login")  # mistake: TypeError
    batch.with_gdpr_consent("marketing", True)  # mistake: TypeError
    GeoLocation(40.7)  # mistake: TypeError

    # misspelt verbs and attributes
    batch.purchse(teapot)  # mistake: UnknownVerb
    batch.with_devise(platform="iOS")  # mistake: UnknownVerb
    batch.event("Searched").evnt("Found")  # mistake: UnknownVerb
    session.with_device(platform="iOS")  # mistake: UnknownVerb
    session.finish()  # mistake: UnknownVerb
    teapot.prise  # mistake: UnknownVerb
    AppEvent("Searched").attributs  # mistake: UnknownVerb
    batch.append(AppEvent("Searched"))  # mistake: Immutable
    batch.set("plan", "pro")  # mistake: Immutable
    batch.update({"plan": "pro"})  # mistake: Immutable
    batch.insert(0, AppEvent("Searched"))  # mistake: Immutable

    # assignment
    batch.mpid = 5  # mistake: Immutable
    batch.events = ()  # mistake: Immutable
    batch.plan = "pro"  # mistake: Immutable
    batch["mpid"] = 5  # mistake: Immutable
    teapot.price = 5  # mistake: Immutable
    session.at = 5  # mistake: Immutable

    # vocabularies of one's own
    len(shop.signed_up(5).events)  # mistake: nothing
    shop.signed_up("pro", seat=5)  # mistake: TypeError
    shop.event("Searched").signedup("pro")  # mistake: UnknownVerb
    shop.with_device(platform="iOS").signed_up()  # mistake: TypeError
    batch.signed_up("pro")  # mistake: UnknownVerb
    (Batch() + shop).signed_up("pro")  # mistake: UnknownVerb
    shop.read_article("Teapots")  # mistake: UnknownVerb
    AppBatch().signed_up("pro").read_artcle("Teapots")  # mistake: UnknownVerb
    AppBatch().signed_up("pro").read_article("Teapots", att=NOW)  # mistake: UnknownField
    AppBatch().read_article("Teapots").signed_up("pro", seat=5)  # mistake: TypeError
    AppSession.start(session_id=1).read_article("Teapots").signd_up("pro")  # mistake: UnknownVerb
    AppSession.start(session_id=1).signed_up("pro").read_article(5)  # mistake: InvalidValue

    # sending
    client.send([batch])  # mistake: InvalidValue
    client.send("batch")  # mistake: InvalidValue
    client.send(batch.to_dict())  # mistake: InvalidValue
    client.send(batch).resultt()  # mistake: AttributeError
    client.send_all(batch)  # mistake: InvalidValue
    api.upload_events([batch])  # mistake: InvalidBatch
    api.bulk_upload_events(batch)  # mistake: InvalidBatch
    EventsApi("key")  # mistake: ConfigurationError
    Client("key", "secret", retry=3)  # mistake: ConfigurationError
    Client("key", "secret", transport="requests")  # mistake: ConfigurationError
    Client("key", "secret", dispatcher="sync")  # mistake: ConfigurationError
    Client("key", "secret", rate_limit="250")  # mistake: ConfigurationError
    RateLimit("250")  # mistake: ConfigurationError
    RateLimit(250, brust=5)  # mistake: ConfigurationError
    RequestsTransport(timeout=5)  # mistake: ConfigurationError
    ThreadedDispatcher(when_full="drop")  # mistake: ConfigurationError
    ThreadedDispatcher(worker=2)  # mistake: ConfigurationError
    ThreadedDispatcher(flush_interval="1")  # mistake: ConfigurationError
    ThreadedDispatcher(max_queue=0.5)  # mistake: ConfigurationError
    ThreadedDispatcher(outbox="outbox.db")  # mistake: ConfigurationError
    Outbox("outbox.db", durability="fast")  # mistake: ConfigurationError
    Outbox(5)  # mistake: ConfigurationError
    Outbox("outbox.db", max_size=5)  # mistake: ConfigurationError

    # callbacks of the wrong shape
    Client("key", "secret", on_failed=lambda batch: None)  # mistake: nothing
    Client("key", "secret", on_delivered=lambda: None)  # mistake: nothing
    Client("key", "secret", before_send=lambda batch: batch.to_dict())  # mistake: nothing
    Client("key", "secret", new_id=lambda: 5)  # mistake: nothing
    Client("key", "secret", on_failed="print")  # mistake: ConfigurationError
    client.send(batch, callback=lambda: None)  # mistake: nothing
    api.upload_events(batch, lambda data: None)  # mistake: nothing
    batch.pipe(len)  # mistake: TypeError
    batch.pipe(lambda batch, n: n)  # mistake: TypeError
    Batch().events.of("commerce_event")  # mistake: InvalidValue
    Batch().events.of(Product)  # mistake: InvalidValue
    Batch().purchase(teapot).events.of(CommerceEvent)[0].prodct_action  # mistake: UnknownVerb
    Session.start(session_id=1).pipe(len)  # mistake: TypeError
    Response("202")  # mistake: ConfigurationError
