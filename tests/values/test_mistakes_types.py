"""Values of the wrong type for each kind of field, and the errors' texts."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal

from mistake_tables import (
    BATCH,
    CIRCLE,
    HUGE,
    INFINITY,
    NAN,
    NOW,
    TEAPOT,
    UUID,
    Array,
    Level,
    Mood,
    Mute,
    Real,
    Whole,
    assert_error,
    mistakes,
)

from mpfluent import Batch, DeviceCurrentState, GeoLocation, InvalidValue, Product, Session


@mistakes(
    (
        lambda: BATCH.with_identities(customer_id=123456),
        InvalidValue,
        "with_identities(customer_id=123456): want a string, got int; write customer_id='123456'",
    ),
    (
        lambda: BATCH.with_device(brand=5.5),
        InvalidValue,
        "with_device(brand=5.5): want a string, got float; write brand='5.5'",
    ),
    (
        lambda: BATCH.with_device(brand=True),
        InvalidValue,
        "with_device(brand=True): want a string, got bool; write brand='True'",
    ),
    (
        lambda: BATCH.with_device(brand=Level.ONE),
        InvalidValue,
        "with_device(brand=<Level.ONE: 1>): want a string, got Level; write brand='1'",
    ),
    (
        lambda: BATCH.with_device(brand=b"Acme"),
        InvalidValue,
        "with_device(brand=b'Acme'): want a string, got bytes; write brand=b'Acme'.decode()",
    ),
    (
        lambda: BATCH.with_device(brand=uuid.UUID(UUID)),
        InvalidValue,
        f"with_device(brand=UUID('{UUID}')): want a string, got UUID; write brand='{UUID}'",
    ),
    (
        lambda: BATCH.with_device(brand=date(2026, 11, 23)),
        InvalidValue,
        "with_device(brand=datetime.date(2026, 11, 23)): want a string, got date; "
        "write brand='2026-11-23'",
    ),
    (
        lambda: BATCH.with_device(brand=["Acme"]),
        InvalidValue,
        "with_device(brand=['Acme']): want a string, got list",
    ),
    (
        lambda: BATCH.with_device(brand={"Acme"}),
        InvalidValue,
        "with_device(brand={'Acme'}): want a string, got set",
    ),
    (
        lambda: BATCH.with_device(brand=Mood.THREE),
        InvalidValue,
        "with_device(brand=<Mood.THREE: 3>): want a string, got Mood",
    ),
    (
        lambda: BATCH.with_device(brand=HUGE),
        InvalidValue,
        "with_device(brand=<int of 16610 bits>): want a string, got int",
    ),
    (
        lambda: BATCH.with_device(brand=Mute()),
        InvalidValue,
        "with_device(brand=<Mute>): want a string, got Mute",
    ),
    (
        lambda: BATCH.with_device(brand=CIRCLE),
        InvalidValue,
        "with_device(brand=[[...]]): want a string, got list",
    ),
    (
        lambda: BATCH.event(5),
        InvalidValue,
        "event(name=5): want a string, got int; write name='5'",
    ),
    (
        lambda: BATCH.event(["event_name"]),
        InvalidValue,
        "event(name=['event_name']): want a string, got list",
    ),
    (
        lambda: BATCH.event(b"event_name=1"),
        InvalidValue,
        "event(name=b'event_name=1'): want a string, got bytes; "
        "write name=b'event_name=1'.decode()",
    ),
    (
        lambda: BATCH.event(None),
        InvalidValue,
        "event() needs name; write event(name=…)",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, transaction_id=5),
        InvalidValue,
        "purchase(transaction_id=5): want a string, got int; write transaction_id='5'",
    ),
    (
        lambda: BATCH.with_partner_identities({"Acme_Id": 5}),
        InvalidValue,
        "with_partner_identities(partner_identities['Acme_Id']=5): want a string, got int; "
        "write '5'",
    ),
    (
        lambda: Product("sku-1", custom_attributes={"size": 42}),
        InvalidValue,
        "Product(custom_attributes['size']=42): want a string, got int; write '42'",
    ),
    (
        lambda: BATCH.with_deleted_user_attributes(5),
        InvalidValue,
        "with_deleted_user_attributes(deleted_user_attributes[0]=5): want a string, got int; "
        "write '5'",
    ),
    (
        lambda: BATCH.with_deleted_user_attributes(["a", "b"]),
        InvalidValue,
        "with_deleted_user_attributes(deleted_user_attributes[0]=['a', 'b']): want a string, "
        "got list; write *names, with the star",
    ),
    (
        lambda: BATCH.with_gdpr_consent(5, True, at=NOW),
        InvalidValue,
        "with_gdpr_consent(purpose=5): want a string, got int; write purpose='5'",
    ),
    (
        lambda: BATCH.with_integration_attributes(1.5, {"a": "b"}),
        InvalidValue,
        "with_integration_attributes(module_id=1.5): want a string, got float; "
        "write module_id='1.5'",
    ),
)
def test_text_is_text(call, error, text):
    assert_error(call, error, text)


@mistakes(
    (
        lambda: BATCH.with_device(is_tablet=1),
        InvalidValue,
        "with_device(is_tablet=1): want True or False, got int; write is_tablet=True",
    ),
    (
        lambda: BATCH.opt_out(0),
        InvalidValue,
        "opt_out(is_opted_out=0): want True or False, got int; write is_opted_out=False",
    ),
    (
        lambda: BATCH.opt_out("false"),
        InvalidValue,
        "opt_out(is_opted_out='false'): want True or False, got str; write is_opted_out=False",
    ),
    (
        lambda: BATCH.with_gdpr_consent("marketing", "yes", at=NOW),
        InvalidValue,
        "with_gdpr_consent(consented='yes'): want True or False, got str",
    ),
    (
        lambda: BATCH.with_gdpr_consent("marketing", None, at=NOW),
        InvalidValue,
        "with_gdpr_consent(consented=None): want True or False, got NoneType",
    ),
    (
        lambda: BATCH.with_ccpa_data_sale_opt_out("yes", at=NOW),
        InvalidValue,
        "with_ccpa_data_sale_opt_out(opted_out='yes'): want True or False, got str",
    ),
    (
        lambda: BATCH.with_device(is_tablet=Real()),
        InvalidValue,
        "with_device(is_tablet=float32(1.5)): want True or False, got Real; "
        "write is_tablet=bool(float32(1.5))",
    ),
    (
        lambda: BATCH.opt_out(None),
        InvalidValue,
        "opt_out() needs is_opted_out; write opt_out(is_opted_out=…)",
    ),
)
def test_a_flag_is_true_or_false(call, error, text):
    assert_error(call, error, text)


@mistakes(
    (
        lambda: BATCH.with_mpid("5"),
        InvalidValue,
        "with_mpid(mpid='5'): want an integer, got str; write mpid=5",
    ),
    (
        lambda: Batch.for_user(mpid="5"),
        InvalidValue,
        "for_user(mpid='5'): want an integer, got str; write mpid=5",
    ),
    (
        lambda: Batch.for_user(mpid=""),
        InvalidValue,
        "for_user(mpid=''): want an integer, got str; leave it out",
    ),
    (
        lambda: BATCH.with_mpid("five"),
        InvalidValue,
        "with_mpid(mpid='five'): want an integer, got str",
    ),
    (
        lambda: BATCH.with_mpid(5.0),
        InvalidValue,
        "with_mpid(mpid=5.0): want an integer, got float; write mpid=5",
    ),
    (
        lambda: BATCH.with_mpid(Decimal("5")),
        InvalidValue,
        "with_mpid(mpid=Decimal('5')): want an integer, got Decimal; write mpid=5",
    ),
    (
        lambda: BATCH.with_mpid(5.5),
        InvalidValue,
        "with_mpid(mpid=5.5): want an integer, got float",  # 5 would be another user
    ),
    (
        lambda: BATCH.with_mpid(2.0**53),
        InvalidValue,
        "with_mpid(mpid=9007199254740992.0): want an integer, got float",  # digits may be lost
    ),
    (
        lambda: BATCH.with_mpid(Decimal("5.5")),
        InvalidValue,
        "with_mpid(mpid=Decimal('5.5')): want an integer, got Decimal",
    ),
    (
        lambda: BATCH.with_mpid(Decimal("8963523412345678901")),
        InvalidValue,
        "with_mpid(mpid=Decimal('8963523412345678901')): want an integer, got Decimal; "
        "write mpid=8963523412345678901",
    ),
    (
        lambda: BATCH.with_identities(customer_id=2.0**60),
        InvalidValue,
        "with_identities(customer_id=1.152921504606847e+18): want a string, got float",
    ),
    (lambda: BATCH.with_mpid(NAN), InvalidValue, "with_mpid(mpid=nan): want an integer, got float"),
    (
        lambda: BATCH.with_mpid(Decimal("NaN")),
        InvalidValue,
        "with_mpid(mpid=Decimal('NaN')): want an integer, got Decimal",
    ),
    (
        lambda: BATCH.with_mpid(-INFINITY),
        InvalidValue,
        "with_mpid(mpid=-inf): want an integer, got float",
    ),
    (
        lambda: BATCH.with_mpid(True),
        InvalidValue,
        "with_mpid(mpid=True): want an integer, got bool",
    ),
    (lambda: BATCH.with_mpid([5]), InvalidValue, "with_mpid(mpid=[5]): want an integer, got list"),
    (
        lambda: BATCH.with_mpid(Array()),
        InvalidValue,
        "with_mpid(mpid=array([1, 2])): want an integer, got Array",
    ),
    (
        lambda: BATCH.with_mpid(2**63),
        InvalidValue,
        "with_mpid(mpid=9223372036854775808): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: BATCH.with_mpid(-(2**63) - 1),
        InvalidValue,
        "with_mpid(mpid=-9223372036854775809): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: BATCH.with_mpid(HUGE),
        InvalidValue,
        "with_mpid(mpid=<int of 16610 bits>): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: BATCH.with_mpid(Whole(HUGE)),
        InvalidValue,
        "with_mpid(mpid=<Whole>): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: BATCH.with_device(screen_height=1e300),
        InvalidValue,
        "with_device(screen_height=1e+300): want an integer, got float",
    ),
    (
        lambda: BATCH.crash_report(message="x", ios_image_size=2**64),
        InvalidValue,
        "crash_report(ios_image_size=18446744073709551616): does not fit 64 bits; mParticle takes "
        "0 to 18446744073709551615",
    ),
    (
        lambda: BATCH.crash_report(message="x", ios_image_base_address=-1),
        InvalidValue,
        "crash_report(ios_image_base_address=-1): does not fit 64 bits; mParticle takes "
        "0 to 18446744073709551615",
    ),
    (
        lambda: BATCH.network_performance("https://example.com/", "200"),
        InvalidValue,
        "network_performance(response_code='200'): want an integer, got str; "
        "write response_code=200",
    ),
    (
        lambda: BATCH.session_end(None),
        InvalidValue,
        "session_end() needs session_duration_ms; write session_end(session_duration_ms=…)",
    ),
    (
        lambda: BATCH.with_data_plan("plan", 2.0),
        InvalidValue,
        "with_data_plan(plan_version=2.0): want an integer, got float; write plan_version=2",
    ),
    (
        lambda: Session.start(session_id="42"),
        InvalidValue,
        "start(session_id='42'): want an integer, got str; write session_id=42",
    ),
)
def test_an_integer_is_an_integer_of_64_bits(call, error, text):
    assert_error(call, error, text)


@mistakes(
    (
        lambda: BATCH.purchase(TEAPOT, total_amount="61,45"),
        InvalidValue,
        "purchase(total_amount='61,45'): want a number, got str",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=True),
        InvalidValue,
        "purchase(total_amount=True): want a number, got bool; write total_amount=1",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=Real()),
        InvalidValue,
        "purchase(total_amount=float32(1.5)): want a number, got Real; "
        "write total_amount=float(float32(1.5))",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=[61.45]),
        InvalidValue,
        "purchase(total_amount=[61.45]): want a number, got list",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=b"61.45"),
        InvalidValue,
        "purchase(total_amount=b'61.45'): want a number, got bytes",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=3 + 4j),
        InvalidValue,
        "purchase(total_amount=(3+4j)): want a number, got complex",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=Mute()),
        InvalidValue,
        "purchase(total_amount=<Mute>): want a number, got Mute",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=Array()),
        InvalidValue,
        "purchase(total_amount=array([1, 2])): want a number, got Array",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=Mood.THREE),
        InvalidValue,
        "purchase(total_amount=<Mood.THREE: 3>): want a number, got Mood",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount="9" * 200),
        InvalidValue,
        f"purchase(total_amount='{'9' * 38}…{'9' * 38}'): want a number, got str",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=HUGE),
        InvalidValue,
        "purchase(total_amount=<int of 16610 bits>): does not fit 64 bits; mParticle takes "
        "-9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: Product("sku-1", price="19.99"),
        InvalidValue,
        "Product(price='19.99'): want a number, got str; write price=Decimal('19.99')",
    ),
    (
        lambda: BATCH.ltv_increase("5"),
        InvalidValue,
        "ltv_increase(amount='5'): want a number, got str; write amount=Decimal('5')",
    ),
    (
        lambda: BATCH.ltv_increase(None),
        InvalidValue,
        "ltv_increase(amount=None): want a number, got NoneType",
    ),
    (
        lambda: BATCH.with_location("40.7", -74),
        InvalidValue,
        "with_location(latitude='40.7'): want a number, got str; write latitude=Decimal('40.7')",
    ),
    (
        lambda: BATCH.with_location(40.7),
        InvalidValue,
        "with_location() needs longitude; write with_location(longitude=…)",
    ),
    (
        lambda: DeviceCurrentState(battery_level="0.5"),
        InvalidValue,
        "DeviceCurrentState(battery_level='0.5'): want a number, got str; "
        "write battery_level=Decimal('0.5')",
    ),
)
def test_a_number_is_a_number(call, error, text):
    assert_error(call, error, text)


NO_JSON = "is not a number that JSON can carry; leave the field out"


@mistakes(
    *[
        row
        for value in (NAN, INFINITY, -INFINITY, Decimal("NaN"), Decimal("sNaN"), Decimal("-inf"))
        for row in (
            (
                lambda value=value: BATCH.purchase(TEAPOT, total_amount=value),
                InvalidValue,
                f"purchase(total_amount={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: Product("sku-1", price=value),
                InvalidValue,
                f"Product(price={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: GeoLocation(value, 2),
                InvalidValue,
                f"GeoLocation(latitude={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: BATCH.event("Searched", {"score": value}),
                InvalidValue,
                f"event(attributes['score']={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: BATCH.event("Searched", flags={"score": value}),
                InvalidValue,
                f"event(flags['score']={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: BATCH.with_user_attributes(score=value),
                InvalidValue,
                f"with_user_attributes(user_attributes['score']={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: BATCH.with_user_attributes(scores=[1, value]),
                InvalidValue,
                f"with_user_attributes(user_attributes['scores'][1]={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: BATCH.with_integration_attributes(92, {"score": value}),
                InvalidValue,
                f"with_integration_attributes(attributes['score']={value!r}): {NO_JSON}",
            ),
            (
                lambda value=value: BATCH.user_attribute_change("score", 1, old=value),
                InvalidValue,
                f"user_attribute_change(old={value!r}): {NO_JSON}",
            ),
        )
    ],
    (
        lambda: BATCH.purchase(TEAPOT, total_amount=Decimal("1e400")),
        InvalidValue,
        f"purchase(total_amount=Decimal('1E+400')): {NO_JSON}",
    ),
)
def test_nan_and_infinity_go_nowhere(call, error, text):
    assert_error(call, error, text)
