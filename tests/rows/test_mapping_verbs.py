"""Every keyword of every verb can stand in a mapping file, and means what it means in Python."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from mappings import batch_of, toml

from mpfluent import (
    Batch,
    BreadcrumbEvent,
    DeviceCurrentState,
    EventVerbs,
    GeoLocation,
    Product,
    Promotion,
    ShoppingCart,
    UserIdentity,
)
from mpfluent.rows.mapping_sections import CONTEXT, EVENTS

NOW = "2026-11-30T10:15:00Z"
UUID = "3fb44a79-df2d-446d-acf1-e87eda854ae1"

# By the first word of an annotation: what stands in the file, the cells, and the value in Python.
BY_TYPE: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "str": ("c", {"c": "some text"}, "some text"),
    "int": ("c", {"c": "7.0"}, 7),
    "Number": ("c", {"c": "19.5"}, 19.5),
    "bool": ("c", {"c": "Yes"}, True),
    "Instant": ("c", {"c": NOW}, NOW),
    "UserAttributeValue": ("c", {"c": 3}, 3),
    "Mapping[str, Scalar": ({"a b": "c", "d": "e"}, {"c": "x", "e": ""}, {"a b": "x"}),
    "Mapping[str, str": (["c"], {"c": "x"}, {"c": "x"}),
    "Mapping[str, Mapping[str, Scalar]]": (
        "c",
        {"c": '{"v1": {"a": 1}}'},
        {"v1": {"a": 1}},
    ),
    "GeoLocation": (
        {"latitude": "c", "longitude": "d"},
        {"c": "10.5", "d": "-3"},
        GeoLocation(10.5, -3),
    ),
    "DeviceCurrentState": ({"cpu": "c"}, {"c": "x"}, DeviceCurrentState(cpu="x")),
    "ShoppingCart": (
        {"product": [{"id": "c"}, {"id": "d"}]},
        {"c": "sku-1", "d": ""},
        ShoppingCart([Product("sku-1")]),
    ),
    "UserIdentity": (
        {"identity_type": "email", "identity": "c", "timestamp_unixtime_ms": "d"},
        {"c": "a@b.example", "d": NOW},
        UserIdentity("email", "a@b.example", NOW),
    ),
    "Sequence[BreadcrumbEvent]": ([{"label": "c"}], {"c": "x"}, [BreadcrumbEvent("x")]),
    "Product": (
        [{"id": "c", "price": "d"}],
        {"c": "sku-1", "d": "9.5"},
        Product("sku-1", price=9.5),
    ),
    "Promotion": ([{"id": "c"}], {"c": "promo-1"}, Promotion("promo-1")),
    "CustomEventType": ("search", {}, "search"),
    "PushMessageType": ("sent", {}, "sent"),
    "PushApplicationState": ("background", {}, "background"),
    "PushMessageBehavior": ("Read", {}, "Read"),
    "ProfileEventType": ("login", {}, "login"),
    "Platform": ("web", {}, "web"),
    "ATTAuthorizationStatus": ("denied", {}, "denied"),
    "OperatingSystem": ("Android", {}, "Android"),
    "LocationSource": ("ip_lookup", {}, "ip_lookup"),
    "Environment": ("development", {}, "development"),
}
UUIDS = (
    *("session_uuid", "mp_deviceid", "ios_idfv", "ios_advertising_id", "android_advertising_id"),
    *("fire_advertising_id", "roku_advertising_id", "roku_publisher_id"),
)
# Text that is not just any text.
BY_NAME: dict[str, tuple[Any, dict[str, Any], Any]] = {
    **dict.fromkeys(
        UUIDS,
        ("c", {"c": UUID}, UUID),
    ),
    **dict.fromkeys(("name", "event_name", "plan_id"), ("Bought", {}, "Bought")),
    "ip": ("c", {"c": "203.0.113.7"}, "203.0.113.7"),
}
# What no cell can say.
LEFT_OUT = ("after", "error")
# What the verb says itself.
SAID = {"ltv_increase": ("lifetime_value_change", "type")}
# What a verb needs, though it has a default.
NEEDED = {
    "crash_report": ("message",),
    "network_performance": ("response_code",),
    "with_location": ("longitude",),
    "with_attribution_info": ("publisher", "campaign"),
}


def sample(parameter: inspect.Parameter) -> tuple[Any, dict[str, Any], Any] | None:
    if parameter.name in BY_NAME:
        return BY_NAME[parameter.name]
    found = [
        BY_TYPE[kind]
        for kind in sorted(BY_TYPE, key=len, reverse=True)
        if str(parameter.annotation).startswith(kind)
    ]
    return found[0] if found else None


def each_keyword(verb: Any, positional: int = 0) -> Any:
    """Yield tables of the required keywords and one more, with cells and a call's arguments."""
    given = [p for p in inspect.signature(verb).parameters.values() if p.name not in LEFT_OUT]
    given = [p for p in given if p.name not in SAID.get(verb.__name__, ())]
    given = given[positional:]
    required = [
        *(p for p in given if p.default is p.empty and p.kind is not p.VAR_POSITIONAL),
        *(p for p in given if p.name in NEEDED.get(verb.__name__, ())),
    ]
    for one in given or [None]:
        table: dict[str, Any] = {}
        cells: dict[str, Any] = {}
        keywords: dict[str, Any] = {}
        star: tuple[Any, ...] = ()
        for each in dict.fromkeys([*required, *([one] if one else [])]):
            written, more, value = sample(each) or pytest.fail(f"{each}")
            name = each.name
            if each.kind is each.VAR_POSITIONAL:
                star = (value,)
            else:
                keywords[name] = value
            if star or str(each.annotation).startswith("Sequence"):
                name = name.removesuffix("s")
            renamed = {key: f"{name}.{key}" for key in more}
            table[name] = with_columns(written, renamed)
            cells |= {renamed[key]: cell for key, cell in more.items()}
        yield table, cells, star, keywords


def with_columns(written: Any, columns: dict[str, str]) -> Any:
    """Return what is written with the names of columns replaced."""
    if isinstance(written, dict):
        return {key: with_columns(value, columns) for key, value in written.items()}
    if isinstance(written, list):
        return [with_columns(value, columns) for value in written]
    return columns.get(written, written)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_each_keyword_of_an_event_verb_means_what_it_means_in_python(name):
    verb = getattr(Batch(), name)
    for table, cells, star, keywords in each_keyword(verb):
        text = f"[[event]]\nverb = {toml(name)}\n"
        text += "".join(f"{toml(key)} = {toml(value)}\n" for key, value in table.items())
        attributes = keywords.get("attributes")
        if attributes == {"c": "x"}:  # a list keeps the columns' names
            keywords["attributes"] = {"attributes.c": "x"}
        first = [keywords.pop("product_impression_list")] if name == "impression" else []
        expected = verb(*first, *star, **keywords)

        assert batch_of(text, **cells) == expected, text


# Sections of context that have the keywords of their verb, and how many arguments come first.
KEYWORDS = {
    "device": 1,  # a record
    "application": 1,
    "attribution_info": 0,
    "data_plan": 0,
    "location": 0,
    "ccpa_data_sale_opt_out": 0,
}


@pytest.mark.parametrize("section", sorted(KEYWORDS))
def test_each_keyword_of_a_section_means_what_it_means_in_python(section):
    verb = getattr(Batch(), f"with_{section}")
    for table, cells, _, keywords in each_keyword(verb, KEYWORDS[section]):
        text = f"[{section}]\n"
        text += "".join(f"{toml(key)} = {toml(value)}\n" for key, value in table.items())

        assert batch_of(text, **cells) == verb(**keywords), text


def test_each_identity_and_the_mpid_are_keys_of_user():
    for table, cells, _, keywords in each_keyword(Batch.for_user, 1):
        text = "".join(f"{toml(key)} = {toml(value)}\n" for key, value in table.items())

        assert batch_of(f"[user]\n{text}", **cells) == Batch.for_user(**keywords)


def test_each_keyword_of_a_gdpr_consent_means_what_it_means_in_python():
    for table, cells, _, keywords in each_keyword(Batch().with_gdpr_consent, 1):
        text = "".join(f"{toml(key)} = {toml(value)}\n" for key, value in table.items())
        made = batch_of(f'[gdpr_consent."e-mail news"]\n{text}', **cells)

        assert made == Batch().with_gdpr_consent("e-mail news", **keywords)


ONE_VALUE = ("environment", "mp_deviceid", "ip", "partner_identity")


@pytest.mark.parametrize("section", ONE_VALUE)
def test_a_verb_of_one_argument_is_a_key_at_the_top(section):
    verb = getattr(Batch(), f"with_{section}")
    ((table, cells, _, keywords),) = each_keyword(verb)

    assert batch_of(f"{section} = {toml(table[section])}", **cells) == verb(**keywords)


def test_every_verb_that_sets_context_has_a_section():
    verbs = {name.removeprefix("with_") for name in dir(Batch) if name.startswith("with_")}
    said_otherwise = {"mpid", "identities", "source_request_id", "consent_state"}
    maps = {"user_attributes", "partner_identities", "integration_attributes"}
    others = maps | {"deleted_user_attributes", "gdpr_consent", "user"}

    assert set(CONTEXT) == verbs - said_otherwise | {"user"}
    assert set(CONTEXT) == {*KEYWORDS, *ONE_VALUE} | others


def test_every_verb_that_appends_an_event_is_there():
    verbs = {
        name
        for name, member in inspect.getmembers(EventVerbs, inspect.isfunction)
        if not name.startswith("_") and member.__module__.endswith("_verbs")
    }

    assert len(EVENTS) == 38
    assert set(EVENTS) == verbs
