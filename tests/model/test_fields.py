"""Every field of the API can be set, and appears on the wire under its name."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import pytest
from strategies import MOMENT, ONE_OF, example, minimal
from wire_names import BATCH_VERBS, EVENT_BY_TYPE, EVENTS, OBJECTS, RECORD_BY_NAME, sent

from mpfluent import Batch, Event, EventVerbs, Product, Promotion, UserIdentity
from mpfluent.testing.strategies.records import EVENT_CLASSES, RECORD_CLASSES


def data_of(batch: Batch) -> Any:
    """Return the data of the batch's one event, as it is on the wire."""
    (event,) = sent(batch)["events"]
    return event["data"]


# Every field can be set, by the value's constructor


@pytest.mark.parametrize("cls", RECORD_CLASSES)
def test_a_field_of_a_record_is_on_the_wire_under_its_name(cls: type[Any]) -> None:
    for wire, field in cls._wire.items():
        given_value, wire_value = example(cls, field)
        value = minimal(cls, **{field.name: given_value})
        assert sent(value)[wire] == wire_value, wire


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_a_field_of_an_event_is_on_the_wire_under_its_name(cls: type[Event]) -> None:
    for wire, field in cls._wire.items():
        given_value, wire_value = example(cls, field)
        event = minimal(cls, **{field.name: given_value})
        assert data_of(Batch().add(event))[wire] == wire_value, wire


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_an_event_stands_in_a_wrapper_with_its_type(cls: type[Event]) -> None:
    (event,) = sent(Batch().add(minimal(cls)))["events"]
    assert list(event) == ["event_type", "data"]
    assert event["event_type"] == cls.event_type


@pytest.mark.parametrize("cls", [*RECORD_CLASSES, *EVENT_CLASSES])
def test_a_field_that_is_not_set_is_not_on_the_wire(cls: type[Any]) -> None:
    value = minimal(cls)
    on_the_wire = sent(value)["data"] if issubclass(cls, Event) else sent(value)
    assert set(on_the_wire) == {cls._fields[name].wire for name in value._given()}


class VerbCall(NamedTuple):
    """A verb: what it needs, and which fields it says itself, by wire name."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    says: dict[str, Any] = {}
    event_type: str = "custom_event"


def product_verb(action: str) -> VerbCall:
    says = {"product_action": {"action": action, "products": [{"id": "sku-1"}]}}
    return VerbCall((Product("sku-1"),), {}, says, "commerce_event")


def promotion_verb(action: str) -> VerbCall:
    says = {"promotion_action": {"action": action, "promotions": [{"id": "promo-1"}]}}
    return VerbCall((Promotion("promo-1"),), {}, says, "commerce_event")


def transition_verb(name: str, **flags: bool) -> VerbCall:
    says = {"application_transition_type": f"application_{name}", **flags}
    return VerbCall(says=says, event_type="application_state_transition")


IDENTITY = UserIdentity("email", "user@example.com", MOMENT)
VERBS: dict[str, VerbCall] = {
    "event": VerbCall(("Searched",), {}, {"event_name": "Searched"}),
    "attribution": VerbCall(
        ("Network", "Spring"),
        {},
        {
            "event_name": "attribution",
            "custom_event_type": "attribution",
            "custom_attributes": {"publisher": "Network", "campaign": "Spring"},
        },
    ),
    "attribution_delete": VerbCall(
        says={
            "event_name": "attribution",
            "custom_event_type": "attribution",
            "custom_attributes": {"action": "delete"},
        }
    ),
    "re_engagement": VerbCall(
        (),
        {"publisher": "Network", "campaign": "Spring"},
        {
            "event_name": "re-engagement",
            "custom_event_type": "attribution",
            "custom_attributes": {"publisher": "Network", "campaign": "Spring"},
        },
    ),
    "ltv_increase": VerbCall(
        (5,),
        {"event_name": "Renewed"},
        {
            "event_name": "Renewed",
            "custom_event_type": "transaction",
            "lifetime_value_change": 5,
            "custom_attributes": {"$Amount": "5", "$MethodName": "LogLTVIncrease"},
        },
    ),
    "screen_view": VerbCall((), {"screen_name": "Home"}, {}, "screen_view"),
    "add_to_cart": product_verb("add_to_cart"),
    "remove_from_cart": product_verb("remove_from_cart"),
    "add_to_wishlist": product_verb("add_to_wishlist"),
    "remove_from_wishlist": product_verb("remove_from_wish_list"),
    "view_detail": product_verb("view_detail"),
    "click": product_verb("click"),
    "checkout": product_verb("checkout"),
    "checkout_option": product_verb("checkout_option"),
    "purchase": product_verb("purchase"),
    "refund": product_verb("refund"),
    "promotion_view": promotion_verb("view"),
    "promotion_click": promotion_verb("click"),
    "impression": VerbCall(
        ("Results", Product("sku-1")),
        {},
        {
            "product_impressions": [
                {"product_impression_list": "Results", "products": [{"id": "sku-1"}]}
            ]
        },
        "commerce_event",
    ),
    "session_start": VerbCall(event_type="session_start"),
    "session_end": VerbCall((), {"session_duration_ms": 1}, {}, "session_end"),
    "app_install": transition_verb("initialized", is_first_run=True, is_upgrade=False),
    "app_upgrade": transition_verb("initialized", is_first_run=False, is_upgrade=True),
    "app_initialized": transition_verb("initialized"),
    "app_foreground": transition_verb("foreground"),
    "app_background": transition_verb("background"),
    "app_exit": transition_verb("exit"),
    "first_run": VerbCall(event_type="first_run"),
    "uninstall": VerbCall(event_type="uninstall"),
    "push_registration": VerbCall((), {"registration_token": "t"}, {}, "push_registration"),
    "push_message": VerbCall(
        (),
        {"push_message_type": "sent", "push_message_token": "t", "push_notification_payload": "{}"},
        {},
        "push_message",
    ),
    "network_performance": VerbCall(
        (), {"url": "https://example.com/", "response_code": 200}, {}, "network_performance"
    ),
    "breadcrumb": VerbCall((), {"label": "Opened cart"}, {}, "breadcrumb"),
    "crash_report": VerbCall((), {"message": "Out of tea"}, {}, "crash_report"),
    "opt_out": VerbCall(event_type="opt_out"),
    "profile": VerbCall(
        (),
        {"profile_event_type": "login", "previous_mpid": 1, "current_mpid": 2},
        {},
        "profile",
    ),
    "user_attribute_change": VerbCall(
        (), {"user_attribute_name": "plan", "new": "pro"}, {}, "user_attribute_change"
    ),
    "user_identity_change": VerbCall(
        (), {"new": IDENTITY, "old": None}, {}, "user_identity_change"
    ),
}

# fields that some verbs of an event do not take, because other verbs say them
TAKEN_BY_NAME = {
    "is_first_run": "app_install says it",
    "is_upgrade": "app_upgrade says it",
    **dict.fromkeys(ONE_OF, "the verb's name says what was done"),
}


def do(verb: str, **more: Any) -> Any:
    """Return the data of the event that the verb appends."""
    said = VERBS[verb]
    return data_of(getattr(Batch(), verb)(*said.args, **{**said.kwargs, **more}))


def taken(verb: str) -> list[str]:
    """Return the wire names of the fields that are keywords of the verb."""
    said = VERBS[verb]
    wires = EVENT_BY_TYPE[said.event_type]._wire
    return [wire for wire in wires if wire not in said.says and wire not in TAKEN_BY_NAME]


def test_the_table_has_every_event_verb() -> None:
    verbs = [name for name, _ in inspect.getmembers(EventVerbs, inspect.isfunction)]
    assert sorted(VERBS) == sorted(name for name in verbs if not name.startswith("_"))


def test_there_is_a_verb_for_every_event_type() -> None:
    assert {said.event_type for said in VERBS.values()} == set(EVENTS)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_makes_the_event_of_its_type(verb: str) -> None:
    said = VERBS[verb]
    (event,) = sent(getattr(Batch(), verb)(*said.args, **said.kwargs))["events"]
    assert event["event_type"] == said.event_type


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_says_what_its_name_says(verb: str) -> None:
    data = do(verb)
    assert {wire: data[wire] for wire in VERBS[verb].says} == VERBS[verb].says


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_takes_every_field_of_its_event(verb: str) -> None:
    cls = EVENT_BY_TYPE[VERBS[verb].event_type]
    for wire in taken(verb):
        field = cls._wire[wire]
        given_value, wire_value = example(cls, field)
        assert do(verb, **{field.name: given_value})[wire] == wire_value, wire


def test_every_field_of_every_event_is_set_by_some_verb() -> None:
    by_keyword = {(said.event_type, wire) for verb, said in VERBS.items() for wire in taken(verb)}
    by_name = {(said.event_type, wire) for said in VERBS.values() for wire in said.says}
    all_fields = {
        (event_type, wire) for event_type, cls in EVENT_BY_TYPE.items() for wire in cls._wire
    }
    assert all_fields - by_keyword - by_name == set()


@pytest.mark.parametrize(
    "verb", [verb for verb, said in VERBS.items() if "custom_attributes" in said.says]
)
def test_attributes_join_those_that_the_verb_says(verb: str) -> None:
    attributes = do(verb, attributes={"key": "value"})["custom_attributes"]
    assert attributes == {**VERBS[verb].says["custom_attributes"], "key": "value"}


PRODUCT_VERBS = [verb for verb, said in VERBS.items() if "product_action" in said.says]
ABOUT_ACTION = [
    name for name in OBJECTS["ProductAction"].split() if name not in {"action", "products"}
]


def test_there_are_ten_product_verbs() -> None:
    assert len(PRODUCT_VERBS) == 10


@pytest.mark.parametrize("verb", PRODUCT_VERBS)
def test_a_product_verb_takes_every_field_of_the_action(verb: str) -> None:
    cls = RECORD_BY_NAME["ProductAction"]
    for wire in ABOUT_ACTION:
        given_value, wire_value = example(cls, cls._wire[wire])
        data = do(verb, **{wire: given_value})
        assert data["product_action"][wire] == wire_value, wire
        assert wire not in data


def test_there_is_a_verb_for_every_field_of_a_batch() -> None:
    assert sorted(BATCH_VERBS) == sorted(OBJECTS["Batch"].split())


@pytest.mark.parametrize("wire", [name for name in BATCH_VERBS if name != "events"])
def test_a_field_of_a_batch_is_on_the_wire_under_its_name(wire: str) -> None:
    batch = BATCH_VERBS[wire](Batch())
    assert sent(batch) == {wire: example(Batch, Batch._wire[wire])[1]}


def test_the_sdk_version_has_no_verb() -> None:
    assert not hasattr(Batch, "with_sdk_version")


# verb, class and how to reach the record in the batch's wire form
NESTED: dict[str, tuple[str, tuple[str, ...]]] = {
    "with_identities": ("UserIdentities", ("user_identities",)),
    "for_user": ("UserIdentities", ("user_identities",)),
    "with_device": ("DeviceInformation", ("device_info",)),
    "for_device": ("DeviceInformation", ("device_info",)),
    "with_application": ("ApplicationInformation", ("application_info",)),
    "with_location": ("GeoLocation", ("context", "location")),
    "with_data_plan": ("DataPlanContext", ("context", "data_plan")),
    "with_attribution_info": ("AttributionInfo", ("attribution_info",)),
    "with_gdpr_consent": ("GDPRConsentState", ("consent_state", "gdpr", "marketing")),
    "with_ccpa_data_sale_opt_out": (
        "CCPAConsentState",
        ("consent_state", "ccpa", "data_sale_opt_out"),
    ),
}
# what a verb calls otherwise than the wire does
CONSENT_KEYWORDS = {"timestamp_unixtime_ms": "at"}
OPT_OUT_KEYWORDS = {**CONSENT_KEYWORDS, "consented": "opted_out"}


@pytest.mark.parametrize("verb", NESTED)
def test_a_context_verb_takes_every_field_of_its_record(verb: str) -> None:
    name, path = NESTED[verb]
    cls = RECORD_BY_NAME[name]
    for wire in OBJECTS[name].split():
        field = cls._wire[wire]
        given_value, wire_value = example(cls, field)
        kwargs = {**minimal(cls)._given(), field.name: given_value}
        if verb == "with_gdpr_consent":
            kwargs = {CONSENT_KEYWORDS.get(key, key): value for key, value in kwargs.items()}
            kwargs["purpose"] = "marketing"
        if verb == "with_ccpa_data_sale_opt_out":
            kwargs = {OPT_OUT_KEYWORDS.get(key, key): value for key, value in kwargs.items()}
        found = sent(getattr(Batch(), verb)(**kwargs))
        for key in path:
            found = found[key]
        assert found[wire] == wire_value, wire


def test_the_mpid_can_be_given_with_the_identities() -> None:
    assert sent(Batch.for_user(mpid=-(2**63), email="a@b.example")) == {
        "mpid": -(2**63),
        "user_identities": {"email": "a@b.example"},
    }
