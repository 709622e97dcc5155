"""Attributes that are no flat dict with text for names, and the errors' texts."""

from __future__ import annotations

import uuid
from datetime import date

from mistake_tables import BATCH, CIRCLE, HUGE, NOW_MS, UUID, Array, Mute, assert_error, mistakes

from mpfluent import ConsentState, GDPRConsentState, InvalidValue, Product

CIRCULAR = {}
CIRCULAR["self"] = CIRCULAR


@mistakes(
    (
        lambda: BATCH.event("Searched", "teapot"),
        InvalidValue,
        "event(attributes='teapot'): want a dict, got str; write event('Searched', type='teapot')",
    ),
    (
        lambda: BATCH.event("Searched", [("query", "teapot")]),
        InvalidValue,
        "event(attributes=[('query', 'teapot')]): want a dict, got list; "
        "write attributes={'name': value}",
    ),
    (
        lambda: BATCH.event("Searched", flags={"query"}),
        InvalidValue,
        "event(flags={'query'}): want a dict, got set; write flags={'name': value}",
    ),
    (
        lambda: BATCH.ltv_increase(5, attributes=[1]),
        InvalidValue,
        "ltv_increase(attributes=[1]): want a dict, got list; write attributes={'name': value}",
    ),
    (
        lambda: BATCH.attribution("p", "c", attributes=[1]),
        InvalidValue,
        "attribution(attributes=[1]): want a dict, got list; write attributes={'name': value}",
    ),
    (
        lambda: BATCH.with_user_attributes("plan"),
        InvalidValue,
        "with_user_attributes('plan'): want a dict, got str; "
        "write with_user_attributes({'name': value})",
    ),
    (
        lambda: BATCH.with_partner_identities(["1234"]),
        InvalidValue,
        "with_partner_identities(['1234']): want a dict, got list; "
        "write with_partner_identities({'name': value})",
    ),
    (
        lambda: BATCH.event("Searched", {"filter": {"price": 5}}),
        InvalidValue,
        "event(attributes['filter']={'price': 5}): attributes are flat: want a string, number or "
        "boolean, got dict; write json.dumps(…)",
    ),
    (
        lambda: BATCH.event("Searched", {"tags": ["a", "b"]}),
        InvalidValue,
        "event(attributes['tags']=['a', 'b']): attributes are flat: want a string, number or "
        "boolean, got list; write json.dumps(…)",
    ),
    (
        lambda: BATCH.event("Searched", {"tags": CIRCLE}),
        InvalidValue,
        "event(attributes['tags']=[[...]]): attributes are flat: want a string, number or "
        "boolean, got list; write json.dumps(…)",
    ),
    (
        lambda: BATCH.event("Searched", CIRCULAR),
        InvalidValue,
        "event(attributes['self']={'self': {...}}): attributes are flat: want a string, number or "
        "boolean, got dict; write json.dumps(…)",
    ),
    (
        lambda: BATCH.with_user_attributes(address={"city": "Berlin"}),
        InvalidValue,
        "with_user_attributes(user_attributes['address']={'city': 'Berlin'}): attributes are flat:"
        " want a string, number, boolean, list or None, got dict; write json.dumps(…)",
    ),
    (
        lambda: BATCH.with_user_attributes(tags=[["a"]]),
        InvalidValue,
        "with_user_attributes(user_attributes['tags'][0]=['a']): attributes are flat: "
        "want a string, number or boolean, got list; write json.dumps(…)",
    ),
    (
        lambda: BATCH.with_user_attributes(tags=CIRCLE),
        InvalidValue,
        "with_user_attributes(user_attributes['tags'][0]=[[...]]): attributes are flat: "
        "want a string, number or boolean, got list; write json.dumps(…)",
    ),
    (
        lambda: BATCH.with_user_attributes(tags=["a", None]),
        InvalidValue,
        "with_user_attributes(user_attributes['tags'][1]=None): want a string, number or boolean, "
        "got NoneType",
    ),
    (
        lambda: BATCH.with_user_attributes(tags={"a"}),
        InvalidValue,
        "with_user_attributes(user_attributes['tags']={'a'}): want a string, number, boolean, list "
        "or None, got set; write sorted({'a'})",
    ),
    (
        lambda: BATCH.event("Searched", {"query": b"teapot"}),
        InvalidValue,
        "event(attributes['query']=b'teapot'): want a string, number or boolean, got bytes; "
        "write b'teapot'.decode()",
    ),
    (
        lambda: BATCH.event("Searched", {"day": date(2026, 11, 23)}),
        InvalidValue,
        "event(attributes['day']=datetime.date(2026, 11, 23)): want a string, number or boolean, "
        "got date; write '2026-11-23'",
    ),
    (
        lambda: BATCH.event("Searched", {"id": uuid.UUID(UUID)}),
        InvalidValue,
        f"event(attributes['id']=UUID('{UUID}')): want a string, number or boolean, got UUID; "
        f"write '{UUID}'",
    ),
    (
        lambda: BATCH.event("Searched", {"score": HUGE}),
        InvalidValue,
        "event(attributes['score']=<int of 16610 bits>): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: BATCH.event("Searched", {"score": 3 + 4j}),
        InvalidValue,
        "event(attributes['score']=(3+4j)): want a string, number or boolean, got complex",
    ),
    (
        lambda: BATCH.event("Searched", {"score": Array()}),
        InvalidValue,
        "event(attributes['score']=array([1, 2])): want a string, number or boolean, got Array",
    ),
    (
        lambda: BATCH.event("Searched", {"score": Mute()}),
        InvalidValue,
        "event(attributes['score']=<Mute>): want a string, number or boolean, got Mute",
    ),
    (
        lambda: BATCH.with_application(apple_search_ads_attributes={"Version3.1": "x"}),
        InvalidValue,
        "with_application(apple_search_ads_attributes['Version3.1']='x'): want a dict, got str; "
        "write {'name': value}",
    ),
    (
        lambda: BATCH.with_integration_attributes(92, ["a"]),
        InvalidValue,
        "with_integration_attributes(attributes=['a']): want a dict, got list; "
        "write attributes={'name': value}",
    ),
    (
        lambda: BATCH.with_integration_attributes(92, {"a": {"b": 1}}),
        InvalidValue,
        "with_integration_attributes(attributes['a']={'b': 1}): attributes are "
        "flat: want a string, number or boolean, got dict; write json.dumps(…)",
    ),
)
def test_attributes_are_a_flat_dict(call, error, text):
    assert_error(call, error, text)


@mistakes(
    (
        lambda: BATCH.event("Searched", {5: "teapot"}),
        InvalidValue,
        "event(attributes[5]='teapot'): names are strings, got int; write '5'",
    ),
    (
        lambda: BATCH.event("Searched", {None: "teapot"}),
        InvalidValue,
        "event(attributes[None]='teapot'): names are strings, got NoneType",
    ),
    (
        lambda: BATCH.event("Searched", {b"query": "teapot"}),
        InvalidValue,
        "event(attributes[b'query']='teapot'): names are strings, got bytes; "
        "write b'query'.decode()",
    ),
    (
        lambda: BATCH.event("Searched", {("a", "b"): 1}),
        InvalidValue,
        "event(attributes[('a', 'b')]=1): names are strings, got tuple",
    ),
    (
        lambda: BATCH.event("Searched", {Mute(): 1}),
        InvalidValue,
        "event(attributes[<Mute>]=1): names are strings, got Mute",
    ),
    (
        lambda: BATCH.with_user_attributes({5: 1}, plan="pro"),
        InvalidValue,
        "with_user_attributes(user_attributes[5]=1): names are strings, got int; write '5'",
    ),
    (
        lambda: Product("sku-1", custom_attributes={5: "x"}),
        InvalidValue,
        "Product(custom_attributes[5]='x'): names are strings, got int; write '5'",
    ),
    (
        lambda: ConsentState(gdpr={5: GDPRConsentState(True, NOW_MS)}),
        InvalidValue,
        "ConsentState(gdpr[5]=GDPRConsentState(consented=True, "
        "timestamp_unixtime_ms=1795428900000)): names are strings, got int; write '5'",
    ),
)
def test_attribute_names_are_strings(call, error, text):
    assert_error(call, error, text)
