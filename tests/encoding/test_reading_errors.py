"""The errors of reading name the path; unknown names raise or are ignored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from marshmallow import ValidationError
from readings import event

from mpfluent import Batch, ConsentState, InvalidBatch, InvalidValue, UnknownField
from mpfluent.schemas import BatchSchema, ConsentStateSchema

UNKNOWN = [
    (
        {"environmnt": "production"},
        "from_dict() has no field 'environmnt'; did you mean 'environment'?",
    ),
    ({"batch_context": {}}, "from_dict() has no field 'batch_context'; did you mean 'context'?"),
    (
        {"device_info": {"platfrom": "iOS"}},
        "from_dict(): device_info has no field 'platfrom'; did you mean 'platform'?",
    ),
    (
        {"user_identities": [{"identity_type": "custmer_id", "identity": "1"}]},
        "from_dict(): user_identities has no field 'custmer_id'; did you mean 'customer_id'?",
    ),
    (
        {"consent_state": {"gdpr": {"marketing": {"consent": True}}}},
        "from_dict(): consent_state.gdpr.marketing has no field 'consent'; "
        "did you mean 'consented'?",
    ),
    (
        {"context": {"location": {"lattitude": 1}}},
        "from_dict(): context.location has no field 'lattitude'; did you mean 'latitude'?",
    ),
    (
        {"context": {"batching": {"bypass": True}}},
        "from_dict(): context has no field 'batching'; it has data_plan, location",
    ),
    (
        event(evnt_num=1),
        "from_dict(): events[0].data has no field 'evnt_num'; did you mean 'event_num'?",
    ),
    (
        {"events": [*event()["events"], {"event_type": "opt_out", "dta": {}}]},
        "from_dict(): events[1] has no field 'dta'; did you mean 'data'?",
    ),
    (
        event("commerce_event", product_action={"action": "click", "products": [{"prce": 1}]}),
        "from_dict(): events[0].data.product_action.products[0] has no field 'prce'; "
        "did you mean 'price'?",
    ),
    (
        event(
            "crash_report",
            message="m",
            severity="s",
            breadcrumbs=[{"event_type": "breadcrumb", "data": {"lable": "l"}}],
        ),
        "from_dict(): events[0].data.breadcrumbs[0].data has no field 'lable'; "
        "did you mean 'label'?",
    ),
    # Python's names are not the wire's
    (
        event(attributes={"k": "v"}),
        "from_dict(): events[0].data has no field 'attributes'; did you mean 'custom_attributes'?",
    ),
]


@pytest.mark.parametrize(("data", "text"), UNKNOWN)
def test_an_unknown_name_is_an_error_with_its_path(data: dict[str, Any], text: str) -> None:
    with pytest.raises(UnknownField) as caught:
        Batch.from_dict(data)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("written", "event_type"),
    [
        ("custom_event_type", "session_start"),
        ("properties", "custom_event"),
        ("timestamp", "custom_event"),
        ("time", "screen_view"),
    ],
)
def test_an_unknown_name_is_the_one_that_was_written(written: str, event_type: str) -> None:
    named = {"screen_name": "Home"} if event_type == "screen_view" else {}
    with pytest.raises(UnknownField) as caught:
        Batch.from_dict(event(event_type, **named, **{written: 1}))
    assert caught.value.name == written
    assert str(caught.value).startswith(f"from_dict(): events[0].data has no field {written!r}; ")


def test_an_unknown_name_that_is_no_string_is_an_error() -> None:
    with pytest.raises(UnknownField, match=r"^from_dict\(\) has no field 1; it has environment, "):
        Batch.from_dict({1: 2})


INT64 = "does not fit 64 bits; mParticle takes -9223372036854775808 to 9223372036854775807"
FLAT = "attributes are flat: want a string, number or boolean"
WRONG = [
    # text of the error, without from_dict(): and the data
    ("mpid='12a': want an integer, got str", {"mpid": "12a"}),
    ("mpid=1.5: want an integer, got float", {"mpid": 1.5}),
    ("mpid=True: want an integer, got bool", {"mpid": True}),
    (f"mpid=9223372036854775808: {INT64}", {"mpid": "9223372036854775808"}),
    ("ip='nowhere': is not an IPv4 or IPv6 address", {"ip": "nowhere"}),
    (
        "environment='prod': 'prod' is not an environment; did you mean 'production'? "
        "(development, production)",
        {"environment": "prod"},
    ),
    ("events={}: want an array, got dict", {"events": {}}),
    (
        "events[0]=None: want an event: {'event_type': …, 'data': {…}}",
        {"events": [None]},
    ),
    (
        "events[1]='x': want an event: {'event_type': …, 'data': {…}}",
        {"events": [{"event_type": "opt_out", "data": {"is_opted_out": True}}, "x"]},
    ),
    ('events[0]: Required event field "event_type" is missing or empty.', {"events": [{}]}),
    (
        'events[0]: Required event field "event_type" is missing or empty.',
        {"events": [{"event_type": None, "data": {}}]},
    ),
    (
        "events[0].event_type='custom': 'custom' is not an event type",
        {"events": [{"event_type": "custom", "data": {}}]},
    ),
    (
        "events[0].event_type='pre_attribution': 'pre_attribution' is not an event type",
        {"events": [{"event_type": "pre_attribution", "data": {}}]},
    ),
    (
        "events[0].data.event_name: must be given",
        {"events": [{"event_type": "custom_event"}]},
    ),
    (
        "events[0].data.custom_event_type='purchase': 'purchase' is not a custom event type; "
        "want one of navigation, location, search, transaction, user_content, user_preference, "
        "social, other, media, attribution",
        event(custom_event_type="purchase"),
    ),
    (
        "events[0].data.timestamp_unixtime_ms='noon': want an integer, got str",
        event(timestamp_unixtime_ms="noon"),
    ),
    (
        "events[0].data.session_uuid='x': is not a UUID (8-4-4-4-12 hexadecimal digits)",
        event("session_start", session_uuid="x"),
    ),
    (
        "events[0].data.location.longitude: must be given",
        event(location={"latitude": 1}),
    ),
    (
        "events[0].data.location.latitude='1': want a number, got str",
        event(location={"latitude": "1", "longitude": 2}),
    ),
    (
        "events[0].data.product_action.products[1].price='1.0': want a number, got str",
        event(
            "commerce_event",
            product_action={"action": "click", "products": [{"id": "a"}, {"price": "1.0"}]},
        ),
    ),
    (
        "events[0].data.product_action.products='sku-1': want an array, got str",
        event("commerce_event", product_action={"action": "click", "products": "sku-1"}),
    ),
    (
        "events[0].data.product_action.products[0]='sku-1': want an object, got str",
        event("commerce_event", product_action={"action": "click", "products": ["sku-1"]}),
    ),
    (
        "events[0].data.product_impressions[0].products: must be given",
        event("commerce_event", product_impressions=[{"product_impression_list": "Results"}]),
    ),
    (
        "events[0].data.breadcrumbs[0].event_type='opt_out': 'opt_out' is not an event type",
        event(
            "crash_report",
            message="m",
            severity="s",
            breadcrumbs=[{"event_type": "opt_out", "data": {"is_opted_out": True}}],
        ),
    ),
    (
        "events[0].data.ios_image_size=-1: does not fit 64 bits; "
        "mParticle takes 0 to 18446744073709551615",
        event("crash_report", message="m", severity="s", ios_image_size=-1),
    ),
    (
        "events[0].data.new.identity_type='emil': 'emil' is not an identity type; "
        "did you mean 'email'? (customer_id, other, facebook, …)",
        event(
            "user_identity_change",
            new={"identity_type": "emil", "identity": "a", "timestamp_unixtime_ms": 1},
            old=None,
        ),
    ),
    ("device_info=[]: want an object, got list", {"device_info": []}),
    (
        "device_info.platform='ios': 'ios' is not a platform; did you mean 'iOS'? "
        "(iOS, Android, web, …)",
        {"device_info": {"platform": "ios"}},
    ),
    (
        "device_info.is_tablet='true': want True or False, got str",
        {"device_info": {"is_tablet": "true"}},
    ),
    ("device_info.is_tablet=1: want True or False, got int", {"device_info": {"is_tablet": 1}}),
    ("device_info.brand: want a string, got list", {"device_info": {"brand": []}}),
    ("user_identities='x': want an object, got str", {"user_identities": "x"}),
    (
        "user_identities.customer_id: want a string, got list",
        {"user_identities": {"customer_id": ["a"]}},
    ),
    ("user_attributes: want a dict, got list", {"user_attributes": [1]}),
    (
        "deleted_user_attributes='a': want a list of names, got str",
        {"deleted_user_attributes": "a"},
    ),
    (
        "consent_state.gdpr.marketing.timestamp_unixtime_ms: must be given",
        {"consent_state": {"gdpr": {"marketing": {"consented": True}}}},
    ),
    ("consent_state.gdpr=[]: want an object, got list", {"consent_state": {"gdpr": []}}),
    ("consent_state.gdpr.ads=5: want an object, got int", {"consent_state": {"gdpr": {"ads": 5}}}),
    (
        "context.data_plan.plan_id: must be given",
        {"context": {"data_plan": {"plan_version": 1}}},
    ),
    (
        "attribution_info.service_provider: must be given",
        {"attribution_info": {"publisher": "x"}},
    ),
    # inside maps, where the path goes on with the entry
    (
        f"events[0].data.custom_attributes['k']=[1]: {FLAT}, got list",
        event(custom_attributes={"k": [1]}),
    ),
    (f"events[0].data.custom_flags['k']=[1]: {FLAT}, got list", event(custom_flags={"k": [1]})),
    (
        "user_attributes['plan']={'a': 1}: attributes are flat: "
        "want a string, number, boolean, list or None, got dict",
        {"user_attributes": {"plan": {"a": 1}}},
    ),
    (
        "user_attributes['plan'][1]=None: want a string, number or boolean, got NoneType",
        {"user_attributes": {"plan": ["a", None]}},
    ),
    (
        f"application_info.apple_search_ads_attributes['v3']['k']=[1]: {FLAT}, got list",
        {"application_info": {"apple_search_ads_attributes": {"v3": {"k": [1]}}}},
    ),
    (
        "integration_attributes['92']=5: want a dict, got int",
        {"integration_attributes": {"92": 5}},
    ),
    ("deleted_user_attributes[1]=1: want a string, got int", {"deleted_user_attributes": ["a", 1]}),
    (f"user_attributes['a']=9223372036854775808: {INT64}", {"user_attributes": {"a": 2**63}}),
    (
        "user_attributes['a']=nan: is not a number that JSON can carry; leave the field out",
        {"user_attributes": {"a": float("nan")}},
    ),
    (
        "user_attributes['a']='\\ud83d': has a lone surrogate, which has no UTF-8",
        {"user_attributes": {"a": "\ud83d"}},
    ),
    ("None: want an object, got NoneType", None),
    ("[]: want an object, got list", []),
    ("'x': want an object, got str", "x"),
]


@pytest.mark.parametrize(("text", "data"), WRONG, ids=[text for text, _ in WRONG])
def test_a_wrong_value_is_an_error_with_its_path(text: str, data: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        Batch.from_dict(data)
    assert str(caught.value) == f"from_dict(): {text}"


@pytest.mark.parametrize("event_type", [["custom_event"], {"a": 1}, 5, True])
def test_an_event_type_that_is_no_string_is_an_error_with_its_path(event_type: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^from_dict\(\): events\[0\]\.event_type"):
        Batch.from_dict({"events": [{"event_type": event_type, "data": {}}]})


def test_identities_in_an_array_must_be_objects() -> None:
    for data in (["x"], [{"identity": "x"}]):
        with pytest.raises(InvalidBatch, match=r"^from_dict\(\): user_identities"):
            Batch.from_dict({"user_identities": data})
        with pytest.raises(InvalidBatch, match=r"^from_json\(\): user_identities"):
            Batch.from_json(json.dumps({"user_identities": data}))


@pytest.mark.parametrize(
    "data",
    [
        event("commerce_event"),
        event("commerce_event", product_action={}),
        event(
            "commerce_event",
            product_action={"action": "click"},
            promotion_action={"action": "view"},
        ),
        {"consent_state": {"ccpa": {"marketing": {"consented": True, "timestamp_unixtime_ms": 1}}}},
    ],
)
def test_a_broken_rule_is_reported_once_with_its_path(data: dict[str, Any]) -> None:
    path = "consent_state" if "consent_state" in data else "events[0].data"
    for where, read in (
        ("from_dict", lambda: Batch.from_dict(data)),
        ("from_json", lambda: Batch.from_json(json.dumps(data))),
    ):
        with pytest.raises(InvalidValue) as caught:
            read()
        text = str(caught.value)
        assert text.startswith(f"{where}(): {path}")
        assert text.count("from_dict") + text.count("from_json") == 1


def test_the_error_of_a_field_names_it() -> None:
    with pytest.raises(InvalidValue) as caught:
        Batch.from_dict(event(location={"latitude": "1", "longitude": 2}))
    assert caught.value.field == "events[0].data.location.latitude"


def test_a_long_value_does_not_flood_the_error() -> None:
    with pytest.raises(InvalidValue) as caught:
        Batch.from_dict({"mpid": "x" * 100_000})
    assert len(str(caught.value)) < 200


# Unknown names


FULL_OF_UNKNOWNS = {
    "one": 1,
    "device_info": {"two": 2, "brand": "Acme"},
    "user_identities": {"three": "3"},
    "consent_state": {"four": {}},
    "context": {"batching": {"bypass": True}},
    "events": [
        {
            "event_type": "custom_event",
            "five": 5,
            "data": {
                "event_name": "x",
                "six": 6,
                "location": {"latitude": 1, "longitude": 2, "seven": 7},
            },
        }
    ],
}


def test_unknown_names_can_be_ignored_at_every_level() -> None:
    expected = {
        "device_info": {"brand": "Acme"},
        "events": [
            {
                "event_type": "custom_event",
                "data": {
                    "event_name": "x",
                    "custom_event_type": "other",
                    "location": {"latitude": 1, "longitude": 2},
                },
            }
        ],
    }
    assert Batch.from_dict(FULL_OF_UNKNOWNS, unknown="ignore").to_dict() == expected
    text = json.dumps(FULL_OF_UNKNOWNS)
    assert Batch.from_json(text, unknown="ignore").to_dict() == expected


def test_unknown_names_raise_unless_ignored() -> None:
    for read in (
        lambda: Batch.from_dict(FULL_OF_UNKNOWNS),
        lambda: Batch.from_dict(FULL_OF_UNKNOWNS, unknown="raise"),
        lambda: Batch.from_json(json.dumps(FULL_OF_UNKNOWNS)),
    ):
        with pytest.raises(UnknownField, match="has no field 'one'"):
            read()


def test_ignoring_unknown_names_ignores_nothing_else() -> None:
    with pytest.raises(InvalidValue, match=r"^from_dict\(\): mpid='x': want an integer"):
        Batch.from_dict({"mpid": "x", "one": 1}, unknown="ignore")
    with pytest.raises(InvalidValue, match="'custom' is not an event type"):
        Batch.from_dict({"events": [{"event_type": "custom", "data": {}}]}, unknown="ignore")


# The names of what stands in a map

SAID = {"consented": True, "timestamp_unixtime_ms": 1}
NAMED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "consent_state.gdpr": lambda name: {"consent_state": {"gdpr": {name: SAID}}},
    "consent_state.ccpa": lambda name: {"consent_state": {"ccpa": {name: SAID}}},
    "user_attributes": lambda name: {"user_attributes": {name: 1}},
    "integration_attributes": lambda name: {"integration_attributes": {name: {"a": 1}}},
    "integration_attributes['92']": lambda name: {"integration_attributes": {"92": {name: 1}}},
    "partner_identities": lambda name: {"partner_identities": {name: "1"}},
    "application_info.apple_search_ads_attributes": lambda name: {
        "application_info": {"apple_search_ads_attributes": {name: {"a": 1}}}
    },
    "events[0].data.custom_flags": lambda name: event(custom_flags={name: 1}),
    "events[0].data.custom_attributes": lambda name: event(custom_attributes={name: 1}),
    "events[0].data.shopping_cart.products[0].custom_attributes": lambda name: event(
        "commerce_event",
        product_action={"action": "purchase"},
        shopping_cart={"products": [{"id": "1", "custom_attributes": {name: "1"}}]},
    ),
}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("\ud800", "the name has a lone surrogate, which has no UTF-8"),
        ("a\udfff", "the name has a lone surrogate, which has no UTF-8"),
        ("", "a name must not be empty"),
        (5, "names are strings, got int"),
        (None, "names are strings, got NoneType"),
    ],
)
@pytest.mark.parametrize("where", NAMED)
def test_a_name_that_no_map_can_have_is_an_error_with_its_path(
    where: str, name: Any, why: str
) -> None:
    data = NAMED[where](name)
    with pytest.raises(InvalidValue) as caught:
        Batch.from_dict(data)
    text = str(caught.value)
    assert text.startswith(f"from_dict(): {where}[{name!r}]=")
    assert text.endswith(why)
    assert BatchSchema().validate(data) != {}
    text.encode()  # whatever it quotes


@pytest.mark.parametrize("name", ["\ud800", "", 5])
def test_a_purpose_is_read_as_it_may_be_written(name: Any) -> None:
    for read in (
        lambda: ConsentState.from_dict({"gdpr": {name: SAID}}),
        lambda: ConsentStateSchema().load({"gdpr": {name: SAID}}),
        lambda: Batch().with_gdpr_consent(name, True, at=1_795_428_900_000),
    ):
        with pytest.raises((InvalidValue, ValidationError)):
            read()
    problems = ConsentStateSchema().validate({"gdpr": {name: SAID}})
    assert list(problems["gdpr"][name]) == ["key"]


@pytest.mark.parametrize("name", ["a" * 100_000, "two\nlines", "\x1b[31m"])
def test_a_name_in_a_path_is_short_and_printable(name: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Batch.from_dict({"consent_state": {"gdpr": {name: {"consented": "x"}}}})

    text = str(caught.value)
    assert text.startswith("from_dict(): consent_state.gdpr['")
    assert text.endswith("'].consented='x': want True or False, got str")
    assert len(text) < 200
    assert text.isprintable()
