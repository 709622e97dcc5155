"""Values that cannot be sent are errors on the caller's line; all others arrive as they were meant.

The numbers are those of the scenarios of faults; each is run against a server of its own.
"""

import datetime
import enum
import inspect
import json
from decimal import Decimal

import pytest
from event_calls import EVENT_CALLS
from odd_values import Level, Mood, Mute, MuteText, Ratio, Real, System, Whole
from scenarios import PERSON, WORDS, batch, scenario

from mpfluent import (
    Batch,
    EventVerbs,
    GeoLocation,
    InvalidBatch,
    InvalidTime,
    InvalidValue,
    Product,
    TooLarge,
)

USER = Batch.for_user(customer_id=PERSON)
TEAPOT = Product("sku-1")
NAN, INFINITY = float("nan"), float("inf")
NOW = datetime.datetime(2026, 11, 23, 10, 15, tzinfo=datetime.UTC)
NOW_MS = 1_795_428_900_000

MAPS = [
    (verb, name)
    for verb in EVENT_CALLS
    for name in ("attributes", "flags")
    if name in inspect.signature(getattr(Batch, verb)).parameters
]


def with_map(verb, name, entries, onto=USER):
    """Return a batch with an event of this verb, which has these attributes or flags."""
    positional, named = EVENT_CALLS[verb]
    return getattr(onto, verb)(*positional, **named, **{name: entries})


def test_the_table_has_every_verb():
    verbs = {name for name in dir(EventVerbs) if not name.startswith("_")}

    assert verbs == set(EVENT_CALLS)


def refused(one, begins, build, *given):
    """Hold that a batch is refused on the line that makes it, or sends it; return the words."""
    with pytest.raises(InvalidBatch) as raised:
        one.client.send(build(*given))
    text = str(raised.value)
    assert text.startswith(begins)
    assert len(text) < 500
    return text


def nothing_was_sent_but(one, *good):
    """Hold that no worker was started, and that what is sent then arrives alone."""
    assert one.client.stats.submitted == 0
    assert not one.client._dispatcher._workers.any()
    one.client.send(*good)
    assert one.client.flush(5) is True
    assert len(one.server.batches) == len(good)
    assert {request.status_code for request in one.server.requests} == {202}
    assert one.client.stats[:4] == (len(good), len(good), 0, 0)


# 49: what is no number

NO_NUMBER = [
    *(NAN, INFINITY, -INFINITY, Ratio("nan"), Ratio("inf"), Ratio("-inf")),
    *(Decimal("NaN"), Decimal("sNaN"), Decimal("-NaN"), Decimal("Infinity"), Decimal("-Infinity")),
    *(Decimal("1e400"), Decimal("-1e400"), Real(NAN), Real(1.5), 1j, Mood.NONE),
]
NUMBERS = [
    ("Product(price=", lambda value: Product("sku-1", price=value)),
    ("Product(quantity=", lambda value: Product("sku-1", quantity=value)),
    ("purchase(total_amount=", lambda value: USER.purchase(TEAPOT, total_amount=value)),
    ("purchase(tax_amount=", lambda value: USER.purchase(TEAPOT, tax_amount=value)),
    ("refund(shipping_amount=", lambda value: USER.refund(TEAPOT, shipping_amount=value)),
    ("ltv_increase(amount=", lambda value: USER.ltv_increase(value)),
    ("GeoLocation(latitude=", lambda value: GeoLocation(value, 2)),
    ("with_location(longitude=", lambda value: USER.with_location(1, value)),
    ("with_location(accuracy=", lambda value: USER.with_location(1, 2, accuracy=value)),
    ("with_mpid(mpid=", lambda value: USER.with_mpid(value)),
    ("session_end(session_duration_ms=", lambda value: USER.session_end(value)),
    ("with_device(screen_height=", lambda value: USER.with_device(screen_height=value)),
    ("with_data_plan(plan_version=", lambda value: USER.with_data_plan("plan", value)),
    (
        "with_user_attributes(user_attributes['score']=",
        lambda value: USER.with_user_attributes(score=value),
    ),
    (
        "with_user_attributes(user_attributes['scores'][1]=",
        lambda value: USER.with_user_attributes(scores=[1, value]),
    ),
    (
        "with_integration_attributes(attributes['score']=",
        lambda value: USER.with_integration_attributes(92, {"score": value}),
    ),
    (
        "user_attribute_change(new=",
        lambda value: USER.user_attribute_change("score", value, old=1),
    ),
    ("at=", lambda value: USER.event("Searched", at=value)),
]


def called(value):
    return type(value).__name__ + ("" if isinstance(value, Real | enum.Enum) else f" {value}")


@pytest.mark.parametrize("value", NO_NUMBER, ids=called)
def test_what_is_no_number_is_refused_by_the_verb_and_nothing_is_sent(value):  # 49
    with scenario() as one:
        for verb, name in MAPS:
            refused(one, f"{verb}({name}['score']=", with_map, verb, name, {"score": value})
        for begins, build in NUMBERS:
            refused(one, begins, build, value)

        nothing_was_sent_but(one, batch())


ARGUMENTS = [
    ({"mpid": NAN}, "mpid="),
    ({"user_attributes": {"score": NAN}}, "user_attributes['score']="),
    ({"user_attributes": {"scores": [1, INFINITY]}}, "user_attributes['scores'][1]="),
    (
        {
            "events": [
                {
                    "event_type": "screen_view",
                    "data": {"screen_name": "x", "custom_attributes": {"n": NAN}},
                }
            ]
        },
        "events[0].data.custom_attributes['n']=",
    ),
    (
        {
            "events": [
                {"event_type": "uninstall", "data": {}},
                {
                    "event_type": "commerce_event",
                    "data": {
                        "product_action": {
                            "action": "purchase",
                            "total_amount": Decimal("NaN"),
                            "products": [],
                        }
                    },
                },
            ]
        },
        "events[1].data.product_action.total_amount=",
    ),
]


@pytest.mark.parametrize(("data", "path"), ARGUMENTS, ids=[path for _, path in ARGUMENTS])
def test_from_dict_names_the_path_of_what_is_no_number(data, path):  # 49
    with scenario() as one:
        refused(one, f"from_dict(): {path}", Batch.from_dict, data)
        nothing_was_sent_but(one, batch())


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_from_json_reads_no_constant_that_json_does_not_have(constant):  # 49
    with scenario() as one:
        text = f'{{"user_attributes": {{"score": {constant}}}}}'
        words = f"from_json(): {constant} is not a number that JSON can carry"
        assert refused(one, "from_json()", Batch.from_json, text) == words
        nothing_was_sent_but(one, batch())


def test_what_before_send_adds_is_checked_on_its_line():  # 49
    values = [NAN]

    def score(sealed):
        return sealed.with_user_attributes(score=values.pop() if values else 1)

    with scenario(before_send=score) as one:
        one.send(batch(0), batch(1))

        assert one.client.flush(5) is True
        assert one.reasons == {"filtered": 1}
        assert isinstance(one.failed[0][1].__cause__, InvalidValue)
        assert [dict(each.user_attributes) for each in one.server.batches] == [{"score": 1}]


# 50: huge integers

HUGE = [2**63, -(2**63) - 1, 2**64, 10**4300, -(10**4300), 10**5000, Whole(2**63), Whole(10**5000)]
INTEGERS = [
    ("with_mpid(mpid=", lambda value: USER.with_mpid(value)),
    ("session_end(session_duration_ms=", lambda value: USER.session_end(value)),
    ("with_device(screen_height=", lambda value: USER.with_device(screen_height=value)),
    ("with_data_plan(plan_version=", lambda value: USER.with_data_plan("plan", value)),
    ("network_performance(response_code=", lambda value: USER.network_performance("x", value)),
    ("purchase(total_amount=", lambda value: USER.purchase(TEAPOT, total_amount=value)),
    ("ltv_increase(amount=", lambda value: USER.ltv_increase(value)),
    ("Product(price=", lambda value: Product("sku-1", price=value)),
    (
        "with_user_attributes(user_attributes['n']=",
        lambda value: USER.with_user_attributes(n=value),
    ),
    (
        "with_user_attributes(user_attributes['n'][0]=",
        lambda value: USER.with_user_attributes(n=[value]),
    ),
    (
        "with_integration_attributes(attributes['n']=",
        lambda value: USER.with_integration_attributes(92, {"n": value}),
    ),
    (
        "profile(previous_mpid=",
        lambda value: USER.profile("signup", previous_mpid=value, current_mpid=1),
    ),
    ("event(at=", lambda value: USER.event("Searched", at=value)),
    ("from_dict(): mpid=", lambda value: Batch.from_dict({"mpid": value})),
    (
        "from_dict(): user_attributes['n']=",
        lambda value: Batch.from_dict({"user_attributes": {"n": value}}),
    ),
]


@pytest.mark.parametrize("value", HUGE, ids=lambda value: type(value).__name__)
def test_an_integer_beyond_64_bits_is_refused_by_the_verb(value):  # 50
    with scenario() as one:
        for verb, name in MAPS:
            text = refused(one, f"{verb}({name}['n']=", with_map, verb, name, {"n": value})
            assert "does not fit 64 bits; mParticle takes -9223372036854775808 to" in text
        for begins, build in INTEGERS:
            text = refused(one, begins, build, value)
            assert "does not fit 64 bits; mParticle takes -9223372036854775808 to" in text
            assert "4300" not in text

        nothing_was_sent_but(one, batch())


@pytest.mark.parametrize("digits", [4_301, 5_000])
def test_an_integer_of_thousands_of_digits_in_json_is_refused_by_its_reader(digits):  # 50
    with scenario() as one:
        for text in ('{"mpid": 7}', '{"user_attributes": {"n": -7}}'):
            refused(one, "from_json()", Batch.from_json, text.replace("7", "7" * digits))
        nothing_was_sent_but(one, batch())


def test_the_largest_integers_arrive_exactly():  # 50
    most, least = 2**63 - 1, -(2**63)
    with scenario() as one:
        sent = (
            USER.with_mpid(least)
            .with_user_attributes(most=most, both=[least, most], whole=Whole(most))
            .crash_report(message="x", ios_image_base_address=2**64 - 1, ios_image_size=2**64 - 1)
            .purchase(Product("sku-1", price=most), total_amount=most)
        )
        for value in (2**64, -1):
            with pytest.raises(InvalidValue, match="does not fit 64 bits"):
                USER.crash_report(message="x", ios_image_base_address=value)
        nothing_was_sent_but(one, sent)

        body = json.loads(one.server.requests[0].body)
        assert body["mpid"] == least
        assert body["user_attributes"] == {"most": most, "both": [least, most], "whole": most}
        crash, purchase = (event["data"] for event in body["events"])
        assert (crash["ios_image_base_address"], crash["ios_image_size"]) == (2**64 - 1,) * 2
        assert purchase["product_action"]["total_amount"] == most
        assert purchase["product_action"]["products"][0]["price"] == most


# 51: everything else

CIRCLE = []
CIRCLE.append(CIRCLE)
LOOP = {}
LOOP["loop"] = LOOP
WRONG = [
    *("\ud83d", "a\udc80b", "\ud83d\ude00", MuteText("\ud83d")),
    *(b"bytes", bytearray(b"bytes"), memoryview(b"bytes")),
    *({1}, frozenset({1}), {}, {"a": 1}, CIRCLE, [CIRCLE], LOOP, [[1]], range(3)),
    *(datetime.datetime(2026, 11, 23), NOW, NOW.date(), NOW.timetz(), datetime.timedelta(1)),
    *(Mood.ODD, Mood, Mute(), [Mute()], object(), len, ..., 1j),
]
TEXTS = [
    ("event(name=", lambda value: USER.event(value)),
    ("screen_view(screen_name=", lambda value: USER.screen_view(value)),
    ("breadcrumb(label=", lambda value: USER.breadcrumb(value)),
    ("for_user(email=", lambda value: Batch.for_user(email=value)),
    ("with_device(brand=", lambda value: USER.with_device(brand=value)),
    ("Product(", lambda value: Product(value)),
    (
        "Product(custom_attributes['a']=",
        lambda value: Product("sku-1", custom_attributes={"a": value}),
    ),
    ("purchase(transaction_id=", lambda value: USER.purchase(TEAPOT, transaction_id=value)),
    (
        "with_source_request_id(source_request_id=",
        lambda value: USER.with_source_request_id(value),
    ),
]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
def test_what_cannot_be_sent_is_an_error_on_the_callers_line(value):  # 51
    with scenario() as one:
        for verb, name in MAPS:
            refused(one, f"{verb}({name}['a']=", with_map, verb, name, {"a": value})
        for wrong in (value, [value]):
            begins = "with_user_attributes(user_attributes['a']"
            refused(one, begins, USER.with_user_attributes, {"a": wrong})
        for begins, build in TEXTS:
            refused(one, begins, build, value)

        nothing_was_sent_but(one, batch())


@pytest.mark.parametrize(
    "key",
    [5, 1.5, None, True, b"a", ("a",), NOW, Mood.THREE, Mute(), "", "\ud83d"],
    ids=lambda key: type(key).__name__,
)
def test_a_key_that_is_no_text_is_an_error_on_the_callers_line(key):  # 51
    with scenario() as one:
        for verb, name in MAPS:
            refused(one, f"{verb}({name}", with_map, verb, name, {key: 1})
        refused(one, "with_user_attributes(", USER.with_user_attributes, {key: 1})
        refused(one, "with_partner_identities(", USER.with_partner_identities, {key: "1"})
        refused(one, "Product(", lambda: Product("x", custom_attributes={key: "1"}))

        nothing_was_sent_but(one, batch())


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (Mood.CALM, "calm"),
        (Mood.THREE, 3),
        (Level.ONE, 1),
        (System.WRONG, "ios"),
        ("a\0b", "a\0b"),
        ("\0", "\0"),
        ("\x00\x1f\x7f\u2028\u2029\ufeff\uffff", "\x00\x1f\x7f\u2028\u2029\ufeff\uffff"),
        ('"\\/\b\f\n\r\t', '"\\/\b\f\n\r\t'),
        ("🫖é茶", "🫖é茶"),
        (MuteText("calm"), "calm"),
        ("y" * 100_000, "y" * 100_000),
        (Ratio(0.5), 0.5),
        (Whole(7), 7),
        (-0.0, -0.0),
        (5e-324, 5e-324),
        (1.7976931348623157e308, 1.7976931348623157e308),
        (0.1, 0.1),
        (Decimal("0.1000000000000000000000001"), Decimal("0.1000000000000000000000001")),
        (Decimal("1E+30"), Decimal("1E+30")),
        (True, True),
        (False, False),
        ("", ""),
        (0, 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_can_be_sent_arrives_as_it_was_meant(value, meant):  # 51
    sent = [
        *(with_map(verb, name, {"a": value}) for verb, name in MAPS[::9]),
        USER.with_user_attributes(a=value),
        USER.with_user_attributes(a=[value, "b"]),
    ]
    if len(str(meant)) > 1000:
        sent = sent[:1]
    with scenario() as one:
        nothing_was_sent_but(one, *sent)

        bodies = [entry for request in one.server.requests for entry in entries(request.body)]
        found = [value_in(body, "a") for body in bodies]
        plain = [each[0] if isinstance(each, list) else each for each in found]
        assert plain == [exactly(meant)] * len(sent)
        assert {type(each) for each in plain} == {type(exactly(meant))}
        for body, read in zip(bodies, one.server.batches, strict=True):
            assert read == Batch.from_dict(body)


def entries(body):
    data = json.loads(body, parse_float=Decimal)
    return data if isinstance(data, list) else [data]


def exactly(meant):
    return Decimal(repr(meant)) if isinstance(meant, float) else meant


def value_in(body, key):
    """Return the value of a key wherever it stands in a body."""
    if isinstance(body, dict):
        if key in body:
            return body[key]
        body = list(body.values())
    for inner in body if isinstance(body, list) else ():
        found = value_in(inner, key)
        if found is not None:
            return found
    return None


@pytest.mark.parametrize(
    ("at", "meant"),
    [
        (NOW, NOW_MS),
        (NOW.astimezone(datetime.timezone(datetime.timedelta(hours=-5))), NOW_MS),
        ("2026-11-23T11:15:00+01:00", NOW_MS),
        (NOW_MS, NOW_MS),
        (Whole(NOW_MS), NOW_MS),
        (datetime.datetime(1, 1, 1, tzinfo=datetime.UTC), -62_135_596_800_000),
    ],
)
def test_an_aware_time_arrives_in_milliseconds(at, meant):  # 51
    with scenario() as one:
        nothing_was_sent_but(one, USER.event("Searched", at=at))

        (event,) = json.loads(one.server.requests[0].body)["events"]
        assert event["data"]["timestamp_unixtime_ms"] == meant


@pytest.mark.parametrize(
    "at",
    [
        datetime.datetime(2026, 11, 23),
        NOW.date(),
        "2026-11-23T10:15:00",
        1_795_428_900,
        1.5,
        Mute(),
    ],
    ids=lambda at: type(at).__name__,
)
def test_a_time_that_names_no_moment_is_an_error_on_the_callers_line(at):  # 51
    with scenario() as one:
        for verb, (positional, named) in EVENT_CALLS.items():
            with pytest.raises(InvalidTime):
                getattr(USER, verb)(*positional, **named, at=at)
        nothing_was_sent_but(one, batch())


@pytest.mark.parametrize("text", ["x", "é", "🫖"])
def test_a_megabyte_of_text_is_too_large_at_send(text):  # 51
    large = text * (1_000_000 // len(text.encode()))
    with scenario() as one:
        for build in (
            lambda: USER.event("Searched", {"text": large}),
            lambda: USER.event(large),
            lambda: USER.with_user_attributes(text=large),
            lambda: USER.with_user_attributes(texts=[large]),
            lambda: USER.with_identities(other=large),
        ):
            with pytest.raises(TooLarge) as raised:
                one.client.send(batch(), build())
            assert len(str(raised.value)) < 300

        nothing_was_sent_but(one, batch())


def test_text_below_the_limit_of_a_batch_arrives_whole():  # 51
    with scenario() as one:
        nothing_was_sent_but(one, USER.event("Searched", {"text": "🫖" * 30_000}))

        assert one.server.batches[0].events[0].attributes["text"] == "🫖" * 30_000


# 52: what the caller changes later


def test_what_is_changed_after_send_is_sent_as_it_was():  # 52
    attributes, flags, user, tags = {"query": WORDS}, {"f": 1}, {"plan": "pro"}, ["a"]
    size, numbers, partners = {"size": "L"}, {"n": 1}, {"acme": "1"}
    moved, data = {"latitude": 1, "longitude": 2}, {"user_attributes": {"tags": ["a"]}}
    with scenario(503, flush_interval=60) as one:
        sent = (
            USER.with_user_attributes(user)
            .with_user_attributes(tags=tags)
            .with_integration_attributes(92, numbers)
            .with_partner_identities(partners)
            .event("Searched", attributes, flags=flags, location=GeoLocation(**moved))
            .purchase(Product("sku-1", custom_attributes=size), attributes=attributes)
        )
        read = Batch.from_dict(data)
        expected = [sent.to_dict(), read.to_dict()]
        one.client.send(sent, read)
        for changed in (attributes, flags, user, size, numbers, partners, moved):
            changed.clear()
            changed["query"] = NAN
        data["user_attributes"]["tags"].append(NAN)
        tags += [NAN, "b"]
        sent.to_dict()["events"].clear()

        assert one.client.flush(5) is True
        assert one.client.stats.retries == 1
        assert len({request.body for request in one.server.requests}) == 1
        assert [unsealed(entry) for entry in json.loads(one.server.requests[0].body)] == expected


def unsealed(entry):
    """Return a body without what sealing adds."""
    found = {
        name: value
        for name, value in entry.items()
        if name not in ("source_request_id", "environment")
    }
    for event in found.get("events", ()):
        del event["data"]["source_message_id"], event["data"]["timestamp_unixtime_ms"]
    return found
