"""A batch as Python: the chain that rebuilds it, and its layout."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mpfluent
from mpfluent import (
    AppEvent,
    ApplicationStateTransitionEvent,
    Batch,
    CommerceEvent,
    DeviceInformation,
    EventVerbs,
    MPFluentError,
    Product,
    ProductAction,
    ProductImpression,
    Promotion,
    Session,
    UserIdentity,
)
from mpfluent.testing.strategies import batches, sessions

EXAMPLES = 2 * settings.default.max_examples
SAMPLES = Path(__file__).parents[3] / "shared" / "wire" / "samples"
AT = "2026-11-23T10:15:00Z"
UUID = "84e1b361-a282-4adf-8a6d-1d31e6dd5a9e"
TEAPOT = Product("sku-1", "Teapot", price=Decimal("19.99"), quantity=1)


def run(code):
    """Return what a reader gets who pastes the code below the two imports that the docs name."""
    names = {}
    exec("from mpfluent import *\nfrom decimal import Decimal", names)
    return eval(code, names)


# The law


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(batches(max_fields=8, max_events=6))
def test_the_code_of_any_batch_evaluates_to_an_equal_batch(batch):
    assert run(batch.to_python()) == batch


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(batches(max_fields=8, max_events=6))
def test_the_json_of_any_batch_reads_back_as_an_equal_batch(batch):
    assert Batch.from_json(batch.to_json()) == batch


@settings(max_examples=EXAMPLES // 2, suppress_health_check=list(HealthCheck))
@given(batches(max_events=2), st.lists(sessions(), max_size=3))
def test_the_code_of_any_batch_with_sessions_evaluates_to_an_equal_batch(batch, visits):
    batch = batch.add(*visits)
    if visits:
        assert "Session.start(" in batch.to_python()
    assert run(batch.to_python()) == batch


@settings(max_examples=EXAMPLES // 2, suppress_health_check=list(HealthCheck))
@given(st.lists(sessions(), min_size=1, max_size=2), st.data())
def test_events_of_sessions_in_any_order_still_evaluate_to_an_equal_batch(visits, data):
    events = [event for session in visits for event in session.events]
    batch = Batch().add(*data.draw(st.permutations(events)))

    assert run(batch.to_python()) == batch


def readable_samples():
    """Yield the vendor's printed payloads that are batches."""
    for path in sorted(SAMPLES.glob("*.json")):
        try:
            yield path.name, Batch.from_json(path.read_bytes())
        except MPFluentError:
            continue


@pytest.mark.skipif(not SAMPLES.exists(), reason="the vendor's printed samples are not at hand")
def test_the_code_of_the_vendors_samples_evaluates_to_equal_batches():
    found = dict(readable_samples())

    assert len(found) >= 5
    for name, batch in found.items():
        assert run(batch.to_python()) == batch, name


# What it looks like

BASE = (
    Batch.for_user(customer_id="123456", email="user@example.com")
    .with_environment("development")
    .with_device(platform="iOS", os_version="26.1")
)

TEXTS = {
    Batch(): "Batch()",
    Batch.for_user(mpid=7).first_run(): "Batch.for_user(mpid=7).first_run()",
    Batch.for_device(platform="iOS"): 'Batch.for_device(platform="iOS")',
    BASE.with_user_attributes({"Account type": "trial", "vip": None, "tags": ["a", "b"]})
    .event("Searched", {"query": "teapot"}, type="search", at=AT)
    .purchase(Product("sample-sku", "Example Product", price=19.99), total_amount=21.49): """\
(
    Batch.for_user(customer_id="123456", email="user@example.com")
    .with_environment("development")
    .with_device(platform="iOS", os_version="26.1")
    .with_user_attributes({"Account type": "trial", "vip": None, "tags": ["a", "b"]})
    .event("Searched", {"query": "teapot"}, type="search", at="2026-11-23T10:15:00Z")
    .purchase(Product("sample-sku", "Example Product", price=19.99), total_amount=21.49)
)""",
    BASE.add(
        Session.start(UUID, at=AT)
        .screen_view("Home", after=1.5)
        .purchase(TEAPOT, after=20, transaction_id="order-1", currency_code="EUR")
        .event("Closed")
        .end(after=5)
    ).event("Left"): """\
(
    Batch.for_user(customer_id="123456", email="user@example.com")
    .with_environment("development")
    .with_device(platform="iOS", os_version="26.1")
    .add(
        Session.start("84e1b361-a282-4adf-8a6d-1d31e6dd5a9e", at="2026-11-23T10:15:00Z")
        .screen_view("Home", after=1.5)
        .purchase(
            Product("sku-1", "Teapot", price=Decimal("19.99"), quantity=1),
            transaction_id="order-1",
            currency_code="EUR",
            after=20,
        )
        .event("Closed")
        .end(after=5),
    )
    .event("Left")
)""",
    Batch()
    .impression("Search results", TEAPOT)
    .promotion_click(Promotion("promo-1", "Spring sale", position="hero banner"))
    .remove_from_wishlist(TEAPOT)
    .attribution("Example network", "Spring", attributes={"a": 1})
    .attribution_delete()
    .re_engagement(campaign="Spring")
    .ltv_increase(5)
    .ltv_increase(Decimal("5.50"), event_name="Paid")
    .app_install()
    .app_upgrade()
    .app_initialized()
    .app_exit()
    .opt_out()
    .opt_out(False)
    .crash_report(message="Out of tea")
    .crash_report(message="Out of tea", severity="fatal")
    .push_registration("token")
    .push_registration("token", register=False)
    .push_message("received", "token", "{}")
    .network_performance("https://example.com/", 200, time_elapsed=12)
    .user_attribute_change("plan", "pro", old=None)
    .user_identity_change(UserIdentity("email", "user@example.com", AT), None)
    .profile("login", previous_mpid=1, current_mpid=2)
    .session_start(session_id=42)
    .session_end(60_000, session_id=42): """\
(
    Batch()
    .impression(
        "Search results", Product("sku-1", "Teapot", price=Decimal("19.99"), quantity=1)
    )
    .promotion_click(Promotion("promo-1", "Spring sale", position="hero banner"))
    .remove_from_wishlist(
        Product("sku-1", "Teapot", price=Decimal("19.99"), quantity=1)
    )
    .attribution("Example network", "Spring", attributes={"a": 1})
    .attribution_delete()
    .re_engagement(campaign="Spring")
    .ltv_increase(5)
    .ltv_increase(Decimal("5.50"), event_name="Paid")
    .app_install()
    .app_upgrade()
    .app_initialized()
    .app_exit()
    .opt_out()
    .opt_out(False)
    .crash_report(message="Out of tea")
    .crash_report(message="Out of tea", severity="fatal")
    .push_registration("token")
    .push_registration("token", register=False)
    .push_message("received", "token", "{}")
    .network_performance("https://example.com/", 200, time_elapsed=12)
    .user_attribute_change("plan", "pro", old=None)
    .user_identity_change(
        UserIdentity("email", "user@example.com", "2026-11-23T10:15:00Z"), None
    )
    .profile("login", previous_mpid=1, current_mpid=2)
    .session_start(session_id=42)
    .session_end(60000, session_id=42)
)""",
    Batch()
    .with_gdpr_consent("marketing", True, at=AT)
    .with_ccpa_data_sale_opt_out(at=AT)
    .with_data_plan("plan", 2)
    .with_location(40.7142, -74.0064, accuracy=195)
    .with_integration_attributes(92, {"a": "1"})
    .with_integration_attributes("x", {"a": "1"})
    .with_attribution_info("AppsFlyer", "Example network", "Spring")
    .with_partner_identities({"Acme_Id": "1234"})
    .with_deleted_user_attributes("plan")
    .with_source_request_id("order-1"): """\
(
    Batch()
    .with_source_request_id("order-1")
    .with_partner_identities({"Acme_Id": "1234"})
    .with_deleted_user_attributes("plan")
    .with_gdpr_consent("marketing", True, at="2026-11-23T10:15:00Z")
    .with_ccpa_data_sale_opt_out(at="2026-11-23T10:15:00Z")
    .with_data_plan("plan", 2)
    .with_location(40.7142, -74.0064, accuracy=195)
    .with_attribution_info("AppsFlyer", "Example network", "Spring")
    .with_integration_attributes(92, {"a": "1"})
    .with_integration_attributes("x", {"a": "1"})
)""",
}


@pytest.mark.parametrize(("batch", "text"), TEXTS.items(), ids=range(len(TEXTS)))
def test_the_code_is_the_chain_that_a_person_would_write(batch, text):
    assert batch.to_python() == text
    assert run(text) == batch


@pytest.mark.parametrize(("batch", "text"), TEXTS.items(), ids=range(len(TEXTS)))
def test_a_formatter_has_nothing_to_change_in_it(batch, text):
    source = f"batch = {text}\n"
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "-"],
        input=source,
        text=True,
        capture_output=True,
    )

    assert done.stdout == source


# What no verb can say

BEYOND_VERBS = {
    "what only reading takes": (
        Batch.from_dict({"device_info": {"platform": "desktop"}}).event("x").event("y"),
        'Batch().with_device(DeviceInformation.from_dict({"platform": "desktop"}))'
        '.event("x").event("y")',
    ),
    "a product without a name": (
        Batch().add(
            CommerceEvent(
                product_action=ProductAction("purchase", [Product.from_dict({"price": 2})])
            )
        ),
        'Batch().purchase(Product.from_dict({"price": 2}))',
    ),
    "the version of another SDK": (
        Batch.from_dict({"sdk_version": "8.1", "mpid": 7}),
        'Batch.for_user(mpid=7).merge(Batch.from_dict({"sdk_version": "8.1"}))',
    ),
    "several lists in one event": (
        Batch().add(
            CommerceEvent(
                product_impressions=[ProductImpression("a", []), ProductImpression("b", [])]
            )
        ),
        "Batch().add(CommerceEvent(product_impressions="
        '[ProductImpression("a", []), ProductImpression("b", [])]))',
    ),
    "a transition that no verb names": (
        Batch().add(ApplicationStateTransitionEvent("application_initialized", is_upgrade=True)),
        'Batch().add(ApplicationStateTransitionEvent("application_initialized", is_upgrade=True))',
    ),
    "an event without what its verb needs": (
        Batch.from_dict(
            {
                "events": [
                    {"event_type": "user_attribute_change", "data": {"user_attribute_name": "a"}}
                ]
            }
        ),
        'Batch().add(UserAttributeChangeEvent.from_dict({"event_type": "user_attribute_change", '
        '"data": {"user_attribute_name": "a"}}))',
    ),
}


@pytest.mark.parametrize(("batch", "text"), BEYOND_VERBS.values(), ids=BEYOND_VERBS)
def test_what_no_verb_says_is_written_with_its_class(batch, text):
    code = batch.to_python()

    assert run(code) == batch
    assert "".join(code.split()).replace(",)", ")").replace(",}", "}").strip("()") == (
        "".join(text.split()).strip("()")
    )


def test_a_session_that_was_tampered_with_is_written_as_its_events():
    first, second = Session.start(session_id=42, at=AT).event("x", after=1).events
    other = second._with({"event_num": 7})

    code = Batch().add(first, other).to_python()

    assert 'Session.start(session_id=42, at="2026-11-23T10:15:00Z")' in code
    assert '.event("x", at="2026-11-23T10:15:01Z", session_id=42, event_num=7)' in code
    assert run(code) == Batch().add(first, other)


def test_a_session_whose_end_says_another_duration_keeps_it():
    events = Session.start(session_id=42, at=AT).add(AppEvent("x")).events
    ended = Batch().add(*events).session_end(5, session_id=42, event_num=2, at=AT)

    assert ".session_end(5)" in ended.to_python()
    assert run(ended.to_python()) == ended


def test_a_session_without_times_is_written_without_times():
    batch = Batch().add(Session.start(session_id=42).event("x").event("y"))

    assert batch.to_python() == ('Batch().add(Session.start(session_id=42).event("x").event("y"))')


def test_times_before_the_last_are_written_as_times():
    batch = Batch().add(Session.start(session_id=42, at=AT).event("x", at=0))

    assert '.event("x", at="1970-01-01T00:00:00Z")' in batch.to_python()


def test_a_time_that_no_calendar_has_stays_a_number():
    batch = Batch().event("x", at=2**62)

    assert batch.to_python() == 'Batch().event("x", at=4611686018427387904)'


def test_a_batch_of_a_subclass_is_written_with_plain_verbs():
    class ShopVerbs(EventVerbs):
        def signed_up(self, plan):
            return self.event("Signed up", {"plan": plan})

        def event(self, *args, **kwargs):
            return super().event(*args, **kwargs)

    class ShopBatch(ShopVerbs, Batch):
        pass

    class Teapot(Product):
        pass

    batch = ShopBatch.for_user(mpid=7).signed_up("pro").purchase(Teapot("sku-1"))

    assert batch.to_python() == (
        'Batch.for_user(mpid=7).event("Signed up", {"plan": "pro"}).purchase(Product("sku-1"))'
    )
    assert type(run(batch.to_python())) is Batch
    assert run(batch.to_python()) == batch


def test_quotes_are_those_that_need_fewer_backslashes():
    texts = ["plain", "it's", 'say "x"', "both ' and \"", "back\\slash", "new\nline", "é\x00", ""]

    written = [Batch().with_user_attributes(a=text).to_python() for text in texts]
    assert written == [
        f'Batch().with_user_attributes({{"a": {quoted}}})'
        for quoted in (
            '"plain"',
            '"it\'s"',
            "'say \"x\"'",
            '"both \' and \\""',
            '"back\\\\slash"',
            '"new\\nline"',
            '"é\\x00"',
            '""',
        )
    ]


@given(st.text("a'\"\\\n\x00é{", max_size=8))
def test_any_quoted_text_evaluates_to_itself(text):
    batch = Batch().with_user_attributes(a=text)
    assert run(batch.to_python()) == batch


@pytest.mark.parametrize("many", [99, 100, 101, 102, 5_000])
def test_a_long_batch_evaluates_too(many):
    batch = Batch.for_user(mpid=7)
    for number in range(many):
        batch = batch.event("x", {"number": number})

    assert batch.to_python().count(".event(") == many
    assert run(batch.to_python()) == batch


@pytest.mark.parametrize("many", [98, 99, 100, 5_000])
def test_a_long_session_evaluates_too(many):
    session = Session.start(session_id=42, at=AT)
    for number in range(many):
        session = session.event("x", {"number": number}, after=1)
    batch = Batch.for_user(mpid=7).add(session.end(after=2)).event("y")
    code = batch.to_python()

    assert code.count(".event(") + code.count("AppEvent(") == many + 1
    assert "session_id=" not in code.partition("Session.start(session_id=42")[2]
    assert run(code) == batch


def test_the_code_is_plain_for_star_imports():
    assert {"Batch", "Session", "Product"} <= set(mpfluent.__all__)
    assert DeviceInformation.__name__ in mpfluent.__all__
