"""What a test asserts of what was sent, and what its failure says."""

import re
from decimal import Decimal
from unittest.mock import ANY

import pytest
from dirty_equals import AnyThing, IsDict, IsFloat, IsInstance, IsInt, IsList, IsPartialDict, IsStr

from mpfluent import (
    ApiError,
    AppEvent,
    Batch,
    Client,
    ConfigurationError,
    DeviceInformation,
    InvalidTime,
    InvalidValue,
    Product,
    Promotion,
    RecordingTransport,
    Retry,
    ScreenViewEvent,
    ThreadedDispatcher,
    UnknownField,
    UserIdentity,
)
from mpfluent.testing import (
    FrozenClock,
    LocalServer,
    SeededIds,
    assert_nothing_sent,
    assert_sent,
    status,
)

USER = Batch.for_user(customer_id="1", mpid=7).with_user_attributes({"plan": "trial", "vip": None})
TEAPOT = Product("sku-1", "Teapot", price=Decimal("19.99"))


def sent(*batches, answers=(), **options):
    """Return a transport that these batches went through, one request each."""
    transport = RecordingTransport(*answers)
    options.setdefault("retry", Retry(base=0))
    with Client("k", "s", environment="development", transport=transport, **options) as client:
        for batch in batches:
            client.send(batch)
    return transport


def said(*asked, **more):
    with pytest.raises(AssertionError) as caught:
        assert_sent(*asked, **more)
    return str(caught.value)


# By what an event goes


@pytest.mark.parametrize(
    ("batch", "names"),
    [
        (USER.event("Signed up"), ["Signed up", "custom_event"]),
        (USER.screen_view("Home"), ["Home", "screen_view"]),
        (USER.purchase(TEAPOT), ["purchase", "commerce_event"]),
        (USER.remove_from_wishlist(TEAPOT), ["remove_from_wishlist", "remove_from_wish_list"]),
        (USER.promotion_view(Promotion("p")), ["promotion_view", "commerce_event"]),
        (USER.promotion_click(Promotion("p")), ["promotion_click", "commerce_event"]),
        (USER.impression("Results", TEAPOT), ["impression", "commerce_event"]),
        (USER.app_install(), ["app_install", "application_initialized"]),
        (USER.app_upgrade(), ["app_upgrade", "application_initialized"]),
        (USER.app_initialized(), ["app_initialized", "application_initialized"]),
        (USER.app_exit(), ["app_exit", "application_exit", "application_state_transition"]),
        (USER.breadcrumb("Opened cart"), ["Opened cart", "breadcrumb"]),
        (USER.crash_report(message="no tea"), ["crash_report"]),
        (USER.profile("login", previous_mpid=1, current_mpid=2), ["login", "profile"]),
        (USER.opt_out(), ["opt_out"]),
        (USER.attribution("Network", "Spring"), ["attribution", "custom_event"]),
        (USER.attribution_delete(), ["attribution_delete", "attribution"]),
        (USER.re_engagement(campaign="Spring"), ["re_engagement", "re-engagement"]),
        (USER.ltv_increase(5), ["ltv_increase", "User Value Update"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_an_event_goes_by_its_name_its_verb_and_its_type(batch, names):
    where = sent(batch)

    for name in names:
        assert len(assert_sent(where, name, times=1)) == 1
    assert assert_sent(where, "purchase " + names[0], times=0) == ()


def test_an_app_install_is_no_other_start_of_the_app():
    where = sent(USER.app_install())

    assert assert_sent(where, "app_initialized", times=0) == ()


def test_a_name_is_compared_letter_by_letter():
    assert said(sent(USER.purchase(TEAPOT)), "Purchase") == (
        "no event matches assert_sent('Purchase')\n"
        "What was sent:\n"
        "  batches[0].events[0]: commerce_event purchase Teapot\n"
        "    event is 'purchase', not 'Purchase'"
    )


def test_an_event_value_asks_for_the_fields_that_are_set_in_it():
    where = sent(USER.event("Searched", {"query": "teapot"}, type="search"))

    assert assert_sent(where, AppEvent("Searched", {"query": "teapot"}, type="search"), times=1)
    assert "type is 'search', not 'other'" in said(where, AppEvent("Searched"))
    assert "event is custom_event, not screen_view" in said(where, ScreenViewEvent("Searched"))
    wider = AppEvent("Searched", {"query": "teapot", "page": 1}, type="search")
    assert "attributes" in said(where, wider)


def test_an_event_class_asks_for_its_events():
    where = sent(USER.screen_view("Home").event("Searched"))

    ((event, _),) = assert_sent(where, ScreenViewEvent, times=1)
    assert event.screen_name == "Home"
    assert "event is ScreenViewEvent, not AppEvent" in said(where, AppEvent, times=2)


def test_a_matcher_is_asked_for_the_most_telling_name():
    where = sent(USER.event("Signed up").purchase(TEAPOT))

    assert assert_sent(where, IsStr(regex="Signed .*"), times=1)
    assert (
        assert_sent(where, ~IsStr(regex="Signed .*"), times=1)[0].event
        == where.batches[0].events[1]
    )
    assert assert_sent(where, IsStr(regex="purchase"), times=1)
    assert assert_sent(where, IsStr(regex=".*_event"), times=0) == ()
    assert assert_sent(where, ANY, times=2)
    where = sent(USER.event("Signed up"))
    assert "event is 'Signed up', not IsStr(regex='Left')" in said(where, IsStr(regex="Left"))


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            5,
            "assert_sent(event=5): want an event, or its name, verb or type, got int; "
            "write event='Searched'",
        ),
        (
            {"event_name": "Searched"},
            "assert_sent(event={'event_name': 'Searched'}): want an event, or its name, verb "
            "or type, got dict; write event=…, attributes={…}",
        ),
        (
            Batch(),
            "assert_sent(event=<Batch, 88 of 128,000 bytes>): want an event, or its name, verb "
            "or type, got Batch; write event=batch.events[0]",
        ),
    ],
)
def test_what_is_no_event_is_told(event, text):
    with pytest.raises(InvalidValue) as caught:
        assert_sent(RecordingTransport(), event)

    assert str(caught.value) == text


# What is asked of it


def test_attributes_ask_for_some_of_them():
    where = sent(USER.event("Signed up", {"plan": "pro", "seats": 3, "trial": False}))

    assert assert_sent(where, "Signed up", {"plan": "pro"}, times=1)
    assert assert_sent(where, attributes={"seats": 3, "trial": False}, times=1)
    assert assert_sent(where, attributes={"coupon": None}, times=1)
    assert "attributes['trial'] is False, not 0" in said(where, attributes={"trial": 0})
    assert "attributes has no 'plam'; did you mean 'plan'?" in said(
        where, attributes={"plam": "pro"}
    )
    assert "attributes has no 'x'; it has 'plan', 'seats', 'trial'" in said(
        where, attributes={"x": "pro"}
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {"plan": IsStr(regex="p.*")},
        {"seats": IsInt(ge=3), "plan": ANY},
        {"price": pytest.approx(1.51, abs=0.1)},
        {"price": pytest.approx(Decimal("1.5"))},
        {"price": Decimal("1.50")},
        {"long": pytest.approx(0.1)},
        IsDict(plan="pro", seats=3, price=1.5, long=0.1),
        IsPartialDict(plan=IsStr(), seats=IsInt()),
        IsInstance(dict),
        {"plan": IsStr},
        AnyThing & IsPartialDict(plan="pro"),
    ],
    ids=repr,
)
def test_matchers_work_inside(attributes):
    event = {"plan": "pro", "seats": 3, "price": 1.5, "long": Decimal("0.10000000000000000001")}
    where = sent(USER.event("Signed up", event))

    assert assert_sent(where, attributes=attributes, times=1)
    assert assert_sent(sent(USER.event("Signed up")), attributes=attributes, times=0) == ()


class Unlike:
    """Equal to everything but one value."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value != other


@pytest.mark.parametrize(
    "asked",
    [
        {"event": IsStr(regex="purchase")},
        {"attributes": IsPartialDict(plan=IsStr())},
        {"attributes": IsDict(plan="pro")},
        {"attributes": {"plan": IsStr(regex="p.*")}},
        {"products": [IsPartialDict(id="a")]},
        {"products": IsList(length=1)},
        {"total_amount": IsFloat(gt=0.05)},
        {"device_info": IsPartialDict(platform="iOS")},
    ],
    ids=repr,
)
def test_a_negation_is_true_exactly_where_its_matcher_is_not(asked):
    def negated(asked):
        if isinstance(asked, list):
            return [negated(entry) for entry in asked]
        if isinstance(asked, dict):
            return {key: negated(entry) for key, entry in asked.items()}
        return ~asked

    long = Decimal("0.10000000000000000001")
    where = sent(
        USER.with_device(platform="iOS").purchase(
            Product("a", "Cup"), total_amount=long, attributes={"plan": "pro"}
        )
    )

    assert assert_sent(where, **asked, times=1)
    assert assert_sent(where, **negated(asked), times=0) == ()


def test_a_matcher_of_ones_own_that_negates_is_not_true_of_some_other_form():
    where = sent(USER.with_device(platform="iOS").event("Signed up", {"plan": "pro"}))

    for asked in (
        {"event": Unlike("Signed up")},
        {"attributes": Unlike({"plan": "pro"})},
        {"device_info": Unlike({"platform": "iOS"})},
    ):
        assert assert_sent(where, **asked, times=0) == ()
    assert assert_sent(where, Unlike("Left"), Unlike({}), times=1)


def test_a_tuple_is_a_list_too():
    where = sent(USER.with_user_attributes({"tags": ["a", "b"]}).purchase(TEAPOT))

    assert assert_sent(where, user_attributes={"tags": ("a", IsStr())}, times=1)
    assert assert_sent(where, products=({"id": "sku-1"},), times=1)
    assert assert_sent(where, user_attributes={"tags": ("a", "c")}, times=0) == ()


def test_a_matcher_tells_of_itself_and_stays_as_it_was():
    plan = IsStr(regex="p.*")
    asked = IsPartialDict(plan=plan, seats=IsInt())
    where = sent(USER.event("Signed up", {"plan": "pro", "seats": "3"}))
    assert_sent(where, attributes={"plan": plan})
    expected = "IsPartialDict(plan=IsStr(regex='p.*'), seats=IsInt())"

    for _ in range(2):
        text = said(where, "Signed up", asked)
        assert f"not {expected}" in text
        assert f"attributes={expected}" in text
    assert repr(plan) == "IsStr(regex='p.*')"


def test_a_matcher_that_a_test_has_used_itself_still_tells_of_itself():
    plan = IsStr(regex="p.*")
    assert plan == "pro"
    where = sent(USER.event("Signed up", {"plan": "trial"}))

    assert "attributes['plan'] is 'trial', not IsStr(regex='p.*')" in said(
        where, attributes={"plan": plan}
    )


def test_fields_go_by_our_names_and_the_wires():
    where = sent(USER.event("Searched", {"query": "tea"}, type="search", at=1_795_428_900_000))

    assert assert_sent(where, type="search", times=1)
    assert assert_sent(where, custom_event_type="search", times=1)
    assert assert_sent(where, custom_attributes={"query": "tea"}, times=1)
    assert assert_sent(where, at="2026-11-23T10:15:00Z", times=1)
    assert assert_sent(where, timestamp_unixtime_ms=1_795_428_900_000, times=1)
    assert assert_sent(where, event_type="custom_event", flags=None, times=1)
    assert assert_sent(where, event_type="screen_view", times=0) == ()
    assert "flags is not set; want {'x': 1}" in said(where, flags={"x": 1})


def test_the_fields_of_what_was_done_with_products_are_an_events_too():
    where = sent(
        USER.purchase(TEAPOT, Product("sku-2"), transaction_id="o-1", total_amount=21.49),
        USER.impression("Results", TEAPOT).promotion_view(Promotion("p", "Spring")),
    )

    assert assert_sent(where, "purchase", transaction_id="o-1", total_amount=21.49, times=1)
    assert assert_sent(where, total_amount=pytest.approx(21.5, abs=0.1), times=1)
    assert assert_sent(where, products=[{"id": "sku-1"}, {"id": "sku-2"}], times=1)
    assert assert_sent(where, products=[TEAPOT], product_impression_list="Results", times=1)
    assert assert_sent(where, products=IsList(length=2), times=1)
    assert assert_sent(where, promotions=[{"name": "Spring"}], times=1)
    assert assert_sent(where, action="view", times=1)
    assert "transaction_id is 'o-1', not 'o-2'" in said(where, transaction_id="o-2")
    assert "products[0].price is 19.99, not 20" in said(
        where, "purchase", products=[{"price": 20}, {}]
    )
    assert "products has 2, not 1: (Product(" in said(where, "purchase", products=[{}])
    assert "event has no product action, promotion action or impression" in said(
        sent(USER.event("Signed up")), transaction_id="o-1"
    )


def test_two_lists_of_impressions_are_looked_at_one_by_one():
    both = USER.impression("A", TEAPOT).events[0], USER.impression("B", Product("sku-2")).events[0]
    lists = [event.product_impressions[0] for event in both]
    event = both[0].__replace__(product_impressions=lists)
    where = sent(USER.add(event))

    assert assert_sent(where, product_impression_list="B", products=[{"id": "sku-2"}], times=1)
    assert assert_sent(where, product_impression_list="B", products=[TEAPOT], times=0) == ()


def test_who_and_where_are_asked_for_beside_it():
    device = DeviceInformation(platform="iOS", os_version="26.1")
    where = sent(
        USER.with_device(device).event("Signed up"), Batch.for_user(email="a@b.de").event("Left")
    )

    assert assert_sent(where, "Signed up", customer_id="1", mpid=7, times=1)
    assert assert_sent(where, "Left", email=IsStr(regex=".*@b.de"), customer_id=None, times=1)
    assert assert_sent(where, user_attributes={"plan": "trial"}, times=1)
    assert assert_sent(where, "Left", user_attributes={"plan": "trial"}, times=0) == ()
    assert assert_sent(where, device_info={"platform": "iOS"}, times=1)
    assert assert_sent(where, device_info=device, environment="development", times=1)
    assert "customer_id is '1', not '2'" in said(where, "Signed up", customer_id="2")
    assert "customer_id is not set; want '1'" in said(where, "Left", customer_id="1")
    assert "mpid is not set; want 7" in said(where, "Left", mpid=7)
    assert "device_info.platform is 'iOS', not 'web'" in said(
        where, "Signed up", device_info={"platform": "web"}
    )
    assert "device_info is not set; want {'platform': 'iOS'}" in said(
        where, "Left", device_info={"platform": "iOS"}
    )


@pytest.mark.parametrize(
    "asked",
    [
        {"attributes": {"coupon": None}},
        {"attributes": {}},
        {"device_info": {"platform": None}},
        {"user_identities": {"email": None}},
        {"user_attributes": {}},
        {"consent_state": {"gdpr": {"ads": None}}},
    ],
    ids=repr,
)
def test_a_field_that_is_not_set_is_like_one_without_entries(asked):
    bare = Batch.for_user(mpid=7).event("Signed up")
    full = (
        USER.with_device(brand="Apple")
        .with_gdpr_consent("sales", True, at="2026-11-23T10:15:00Z")
        .event("Signed up", {"plan": "pro"})
    )

    assert assert_sent(sent(bare, full), "Signed up", **asked, times=2)


def test_a_field_that_is_not_set_has_no_value_and_no_tag():
    where = sent(Batch.for_user(mpid=7).event("Signed up"))

    assert assert_sent(where, user_attributes={"vip": None}, times=0) == ()
    assert assert_sent(where, device_info={"platform": "iOS", "brand": None}, times=0) == ()
    assert "attributes is not set; want {'plan': 'pro', 'coupon': None}" in said(
        where, attributes={"plan": "pro", "coupon": None}
    )


def test_one_name_of_two_events_means_what_is_asked_of_it():
    change = UserIdentity("email", "a@b.de", "2026-11-23T10:15:00Z")
    where = sent(
        USER.user_attribute_change("plan", "pro", old="trial").user_identity_change(change, None)
    )

    assert assert_sent(where, new="pro", old="trial", times=1)
    assert assert_sent(where, new={"identity": "a@b.de"}, old=None, times=1)
    assert assert_sent(where, new=change, times=1)
    assert "new.identity is 'a@b.de', not 'b@b.de'" in said(
        where, "user_identity_change", new={"identity": "b@b.de"}
    )


def test_a_tag_is_a_user_attribute_that_is_there():
    where = sent(USER)

    assert assert_sent(where, user_attributes={"vip": None}, times=1)
    assert assert_sent(where, user_attributes={"new": None}, times=0) == ()
    assert "user_attributes['plan'] is 'trial', not None" in said(
        where, user_attributes={"plan": None}
    )


def test_lists_of_names_have_no_order():
    where = sent(USER.with_deleted_user_attributes("b", "a"))

    assert assert_sent(where, deleted_user_attributes=["a", "b"], times=1)
    assert assert_sent(where, deleted_user_attributes=["a", IsStr()], times=1)
    assert assert_sent(where, deleted_user_attributes=["a"], times=0) == ()


def test_consents_are_asked_for_by_purpose():
    where = sent(USER.with_gdpr_consent("ads", True, at="2026-11-23T10:15:00Z"))

    assert assert_sent(where, consent_state={"gdpr": {"ads": {"consented": True}}}, times=1)
    assert "consent_state.gdpr['ads'].consented is True, not False" in said(
        where, consent_state={"gdpr": {"ads": {"consented": False}}}
    )


@pytest.mark.parametrize(
    ("asked", "error", "text"),
    [
        (
            {"atributes": {}},
            UnknownField,
            "assert_sent() has no field 'atributes'; did you mean 'attributes'?",
        ),
        (
            {"transaction": 1},
            UnknownField,
            "assert_sent() has no field 'transaction'; did you mean 'transaction_id'?",
        ),
        ({"time": 1}, UnknownField, "assert_sent() has no field 'time'; did you mean 'at'?"),
        (
            {"user": "1"},
            UnknownField,
            "assert_sent() has no field 'user'; did you mean 'customer_id'?",
        ),
        (
            {"device_info": {"platfrom": "iOS"}},
            UnknownField,
            "assert_sent(device_info=…) has no field 'platfrom'; did you mean 'platform'?",
        ),
        (
            {"products": [{"sku": "1"}]},
            UnknownField,
            "assert_sent(products[0]=…) has no field 'sku'; did you mean 'id'?",
        ),
        (
            {"type": "serach"},
            InvalidValue,
            "assert_sent(type='serach'): 'serach' is not a custom event type; did you mean "
            "'search'? (navigation, location, search, …)",
        ),
        (
            {"total_amount": "21.49"},
            InvalidValue,
            "assert_sent(total_amount='21.49'): want a number, got str; write "
            "total_amount=Decimal('21.49')",
        ),
        (
            {"at": 1_795_428_900},
            InvalidTime,
            "at=1795428900 looks like seconds since the epoch; mParticle wants milliseconds: "
            "write at=1795428900000",
        ),
        (
            {"times": "1"},
            ConfigurationError,
            "assert_sent(times='1'): want how often, a whole number; write times=1",
        ),
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else "",
)
def test_what_can_never_match_is_an_error_not_a_failure(asked, error, text):
    with pytest.raises(error) as caught:
        assert_sent(RecordingTransport(), **asked)

    assert str(caught.value) == text


def test_no_name_means_two_things():
    from mpfluent.testing import expectation as asked

    everything = [name for group in asked.GROUPS for name in group]

    assert len(everything) == len(set(everything))
    assert len(everything) > 120


# How often, and what it returns


def test_what_matches_is_returned_with_its_batch():
    where = sent(USER.event("A", {"n": 1}).event("B"), USER.event("A", {"n": 2}))

    found = assert_sent(where, "A", times=2)

    assert [each.event.attributes["n"] for each in found] == [1, 2]
    assert [each.batch for each in found] == where.batches


def test_without_a_word_of_events_batches_are_counted():
    where = sent(USER.event("A").event("B"), USER)

    assert [each.event for each in assert_sent(where, times=2)] == [None, None]
    assert assert_sent(where, customer_id="1", times=2)
    assert said(where, customer_id="2") == (
        "no batch matches assert_sent(customer_id='2')\n"
        "What was sent, the closest first:\n"
        "  batches[0]: a batch of customer_id='1', mpid=7 with 2 events\n"
        "    customer_id is '1', not '2'\n"
        "  batches[1]: a batch of customer_id='1', mpid=7 with 0 events\n"
        "    customer_id is '1', not '2'"
    )


def test_a_retry_counts_once():
    where = sent(USER.event("A"), answers=[503, 503])

    assert len(where.requests) == 3
    assert assert_sent(where, "A", times=1)


def test_two_batches_count_twice_though_their_ids_are_the_same():
    where = sent(USER.event("A"), USER.event("B"), new_id=lambda: "always the same")

    assert assert_sent(where, times=2)


def test_too_often_is_told():
    assert said(sent(USER.event("A"), USER.event("A").event("B")), "A", times=1) == (
        "2 events, not 1, match assert_sent('A', times=1)\n"
        "What was sent, the closest first:\n"
        "  batches[0].events[0]: custom_event 'A'\n"
        "    it matches\n"
        "  batches[1].events[0]: custom_event 'A'\n"
        "    it matches\n"
        "  batches[1].events[1]: custom_event 'B'\n"
        "    event is 'B', not 'A'"
    )


# The failure


def test_the_failure_lists_what_was_sent_the_closest_first():
    where = sent(
        USER.screen_view("Home"),
        USER.event("Signed in", {"plan": "pro"}).event("Signed up", {"plan": "trial", "seats": 1}),
        USER.event("Signed up", {"plan": "trial", "seats": 3}),
    )

    assert said(where, "Signed up", {"plan": "pro", "seats": 3}, times=1) == (
        "0 events, not 1, match assert_sent('Signed up', attributes={'plan': 'pro', 'seats': 3}, "
        "times=1)\n"
        "What was sent, the closest first:\n"
        "  batches[2].events[0]: custom_event 'Signed up'\n"
        "    attributes['plan'] is 'trial', not 'pro'\n"
        "  batches[1].events[1]: custom_event 'Signed up'\n"
        "    attributes['plan'] is 'trial', not 'pro' (and 1 more)\n"
        "  batches[1].events[0]: custom_event 'Signed in'\n"
        "    event is 'Signed in', not 'Signed up'\n"
        "  batches[0].events[0]: screen_view 'Home'\n"
        "    event is 'Home', not 'Signed up'"
    )


def test_the_failure_is_short_however_much_was_sent():
    many = [USER.event(f"Event {number}", {"text": "x" * 4000}) for number in range(40)]

    text = said(sent(*many), "Signed up", {"text": "y" * 4000})

    assert text.endswith("\n  … and 30 more")
    assert len(text.splitlines()) == 23
    assert max(map(len, text.splitlines())) < 200


def test_nothing_sent_says_so():
    assert said(RecordingTransport(), "A") == (
        "no event matches assert_sent('A')\n"
        "Nothing was sent.\n"
        "If the client sends in the background, write client.flush() before."
    )
    assert "No events were sent." in said(sent(USER), "A")


def test_what_a_server_refused_is_told():
    with LocalServer() as server:
        client = Client("key", "wrong", environment="development", host=server.url)
        with pytest.raises(ApiError):
            client.send_all([USER.event("A")])

        assert said(server, "A") == (
            "no event matches assert_sent('A')\n"
            "Nothing was sent.\n"
            "1 request came, and none was accepted: 403"
        )


@pytest.mark.parametrize("kind", ["transport", "server"])
def test_what_was_refused_was_not_sent(kind):
    with LocalServer() as server:
        where = server if kind == "server" else RecordingTransport(400, 503, 400)
        to = {"host": server.url} if kind == "server" else {"transport": where}
        server.script(400, 503, 400)
        client = Client("key", "secret", environment="development", retry=Retry(base=0), **to)
        client.send_all([USER.event("A")])
        client.send_all([USER.event("B")])

        assert assert_sent(where, times=0) == ()
        assert_nothing_sent(where)
        assert said(where, "A") == (
            "no event matches assert_sent('A')\n"
            "Nothing was sent.\n"
            "3 requests came, and none was accepted: 400, 503, 400"
        )

        client.send(USER.event("C"))
        assert assert_sent(where, times=1)[0].batch.events[0].event_name == "C"
        assert len(where.requests) == 4


def test_what_is_forgotten_was_not_refused():
    where = sent(answers=[400])
    client = Client("key", "secret", environment="development", transport=where)
    client.send_all([USER.event("A")])
    where.clear()

    assert "Nothing was sent.\nIf the client sends" in said(where, "A")


@pytest.mark.parametrize("kind", ["transport", "server"])
def test_what_waits_in_the_background_is_told(kind):
    with LocalServer() as server:
        where = server if kind == "server" else RecordingTransport()
        to = {"host": server.url} if kind == "server" else {"transport": where}
        client = Client(
            "key",
            "secret",
            environment="development",
            dispatcher=ThreadedDispatcher(flush_interval=600),
            **to,
        )
        client.send(USER.event("A"))

        hurry = "Batches still wait in the background: write client.flush() before."
        assert said(where, "A") == f"no event matches assert_sent('A')\nNothing was sent.\n{hurry}"
        assert said(where, "A", times=0) == (
            f"it is not known yet whether assert_sent('A', times=0) is true\n{hurry}"
        )
        with pytest.raises(AssertionError) as caught:
            assert_nothing_sent(where)
        assert str(caught.value) == (
            f"it is not known yet whether assert_nothing_sent() is true\n{hurry}"
        )
        assert_nothing_sent(RecordingTransport())  # nobody sends there

        assert client.flush()
        assert assert_sent(where, "A", times=1)
        client.close()


def test_a_server_counts_what_it_accepted():
    with LocalServer() as server:
        server.script(status(503))
        with Client(
            "key", "secret", environment="development", host=server.url, retry=Retry(base=0)
        ) as client:
            client.send(USER.event("A"))

        assert assert_sent(server, "A", times=1)


def test_nothing_sent_lists_what_was():
    assert assert_nothing_sent(RecordingTransport()) is None
    with pytest.raises(AssertionError) as caught:
        assert_nothing_sent(sent(USER.event("A").screen_view("Home"), USER))

    assert str(caught.value) == (
        "something was sent:\n"
        "  batches[0].events[0]: custom_event 'A'\n"
        "  batches[0].events[1]: screen_view 'Home'\n"
        "  batches[1]: a batch of customer_id='1', mpid=7 with 0 events"
    )
    with pytest.raises(AssertionError, match="… and 2 more"):
        assert_nothing_sent(sent(*[USER] * 12))


@pytest.mark.parametrize("check", [assert_sent, assert_nothing_sent])
def test_what_records_nothing_is_told(check):
    client = Client("key", "secret", environment="development")
    name = check.__name__

    with pytest.raises(InvalidValue) as caught:
        check(client)
    assert str(caught.value) == (
        f"{name}(<Client https://s2s.us1.mparticle.com development>): want what records, a "
        f"RecordingTransport or a LocalServer, got Client; write {name}(mparticle_sent)"
    )


# A clock and ids


def test_a_frozen_clock_moves_only_when_it_is_told():
    from datetime import UTC, datetime, timedelta

    clock = FrozenClock()
    assert (clock(), clock()) == (1_795_428_900_000, 1_795_428_900_000)

    clock.advance(timedelta(minutes=1))
    clock.advance(0.25)
    assert clock() == 1_795_428_960_250
    assert repr(clock) == "<FrozenClock 2026-11-23T10:16:00.250Z>"

    clock.set(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock() == FrozenClock("2026-01-01T00:00:00Z")()


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (
            lambda: FrozenClock().advance(-1),
            "advance(-1): want seconds, 0 or more, or a timedelta; write clock.advance(1.5), or "
            "clock.set(…) to go back",
        ),
        (
            lambda: SeededIds("a"),
            "SeededIds('a'): want a whole number from 0 to 4294967295; write SeededIds(7)",
        ),
        (
            lambda: FrozenClock(1_795_428_900),
            "at=1795428900 looks like seconds since the epoch; mParticle wants milliseconds: "
            "write at=1795428900000",
        ),
        (lambda: FrozenClock().set("yesterday"), None),
    ],
)
def test_what_is_no_time_and_no_seed_is_told(action, text):
    with pytest.raises((ConfigurationError, InvalidTime)) as caught:
        action()

    assert text is None or str(caught.value) == text


def test_seeded_ids_are_uuids_and_differ_by_seed():
    ids, others = SeededIds(), SeededIds(2**32 - 1)

    found = [ids(), ids(), others()]
    assert len(set(found)) == 3
    for each in found:
        assert re.fullmatch(r"[0-9a-f]{8}-0000-4000-8000-[0-9a-f]{12}", each)
    assert repr(ids) == "SeededIds(0)"


def test_the_same_code_sends_the_same_bytes():
    bodies = [
        [
            request.body
            for request in sent(
                USER.event("A"), USER.event("B"), now=FrozenClock(), new_id=SeededIds()
            ).requests
        ]
        for _ in range(2)
    ]

    assert bodies[0] == bodies[1]
