"""The contract's samples of mistakes, and what holds for the errors of all tables of mistakes."""

from __future__ import annotations

import traceback
import uuid
from datetime import date
from decimal import Decimal

import pytest
from mistake_tables import (
    BATCH,
    CIRCLE,
    HUGE,
    INFINITY,
    NAN,
    NOW,
    NOW_MS,
    SEARCHED,
    SURROGATE,
    TEAPOT,
    UUID,
    Array,
    Mute,
    assert_error,
    client,
    mistakes,
)

import mpfluent
from mpfluent import (
    Batch,
    ConfigurationError,
    Immutable,
    InvalidBatch,
    InvalidTime,
    InvalidValue,
    MixedUsers,
    MPFluentError,
    Product,
    RecordingTransport,
    Response,
    TooLarge,
    UnknownField,
    UnknownVerb,
)


@mistakes(
    (
        lambda: BATCH.with_device(platfrom="iOS"),
        UnknownField,
        "with_device() has no field 'platfrom'; did you mean 'platform'?",
    ),
    (
        lambda: BATCH.with_device(platform="ios"),
        InvalidValue,
        "with_device(platform='ios'): 'ios' is not a platform; did you mean 'iOS'? "
        "(iOS, Android, web, …)",
    ),
    (
        lambda: BATCH.purchase(TEAPOT, total_amount="61.45"),
        InvalidValue,
        "purchase(total_amount='61.45'): want a number, got str; "
        "write total_amount=Decimal('61.45')",
    ),
    (
        lambda: BATCH.event("Searched", at=1552596256),
        InvalidTime,
        "at=1552596256 looks like seconds since the epoch; mParticle wants milliseconds: "
        "write at=1552596256000",
    ),
    (
        lambda: BATCH.append(SEARCHED),
        Immutable,
        "Batch is immutable; write batch = batch.add(event)",
    ),
    (
        lambda: Batch.for_user(customer_id="u-1") + Batch.for_user(customer_id="u-2"),
        MixedUsers,
        "cannot merge customer_id='u-1' with customer_id='u-2': a batch is one user; "
        "send both with client.send(a, b)",
    ),
)
def test_the_samples_of_the_contract_read_as_printed_there(call, error, text):
    assert_error(call, error, text)


def test_the_servers_words_are_in_the_error():
    said = 'Required event field "event_type" is missing or empty.'
    body = b'{"errors": [{"code": "BAD_REQUEST", "message": "Required event field \\"event_type\\"'
    body += b' is missing or empty."}]}'

    with pytest.raises(mpfluent.ApiError) as caught:
        client(transport=RecordingTransport(Response(400, body=body))).send(BATCH)

    assert str(caught.value) == f"mParticle answered 400 BAD_REQUEST: {said}"
    assert caught.value.errors == ({"code": "BAD_REQUEST", "message": said},)


# Where the error points


def line_of(caught):
    """Return the text of the line of this file that raised."""
    frames = traceback.extract_tb(caught.tb)
    return [frame.line for frame in frames if frame.filename == __file__][-1]


def test_an_error_points_at_the_line_that_made_the_value():
    def built(batch):
        batch = batch.event("Searched")
        batch = batch.with_device(platform="ios")
        return batch.event("Found")

    with pytest.raises(InvalidValue) as caught:
        built(BATCH)

    assert line_of(caught) == 'batch = batch.with_device(platform="ios")'


def test_an_error_in_a_long_sentence_points_into_the_sentence():
    with pytest.raises(InvalidTime) as caught:
        client().send(
            BATCH.with_environment("development")
            .event("Searched", at=NOW)
            .event("Found", at=1552596256)
            .purchase(TEAPOT)
        )

    assert "1552596256" in line_of(caught)


def test_an_error_inside_the_verb_of_a_subclass_points_at_its_line():
    class Shop(Batch):
        __slots__ = ()

        def signed_up(self, plan):
            return self.event("Signed up", {"plan": plan})

    with pytest.raises(InvalidValue) as caught:
        Shop().signed_up({"pro"})

    assert line_of(caught) == 'return self.event("Signed up", {"plan": plan})'


def test_an_error_carries_its_parts():
    with pytest.raises(UnknownField) as unknown:
        BATCH.with_device(platfrom="iOS")
    with pytest.raises(InvalidValue) as invalid:
        BATCH.with_device(platform="ios")
    with pytest.raises(InvalidTime) as time:
        BATCH.event("Searched", at=1552596256)

    assert unknown.value.name == "platfrom"
    assert unknown.value.suggestion == "platform"
    assert "platform" in unknown.value.allowed
    assert invalid.value.field == "platform"
    assert time.value.field == "at"


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (InvalidBatch, ValueError),
        (UnknownField, ValueError),
        (InvalidValue, ValueError),
        (InvalidTime, ValueError),
        (MixedUsers, ValueError),
        (TooLarge, ValueError),
        (ConfigurationError, ValueError),
        (UnknownVerb, AttributeError),
        (Immutable, AttributeError),
        (Immutable, TypeError),
    ],
)
def test_errors_are_also_the_built_in_ones_that_they_stand_for(error, builtin):
    assert issubclass(error, MPFluentError)
    assert issubclass(error, builtin)


# A check that has accepted a hundred values still checks

WRONG_FOR = {
    "text": (5, b"x", ["x"], True, SURROGATE, Mute(), uuid.UUID(UUID)),
    "name": ("", 5, SURROGATE),
    "flag": (1, 0, "true", 1.0),
    "integer": ("5", 5.0, True, NAN, HUGE, 2**63, -(2**63) - 1, Decimal(5), Array(), [5]),
    "number": ("5", True, NAN, INFINITY, -INFINITY, Decimal("sNaN"), HUGE, 2**63, Array(), [5]),
    "instant": (1552596256, 1.5e12, True, NAN, HUGE, 2**63, "soon", date(2026, 11, 23)),
    "attribute": (NAN, INFINITY, HUGE, [1], {}, {1}, b"x", SURROGATE, Mute(), CIRCLE, Array()),
    "key": (5, None, "", SURROGATE, b"x", ("a",), Mute()),
    "word": ("ios", "IOS", 5, True, ["iOS"], Mute()),
}


@pytest.mark.parametrize(
    ("kind", "right", "write"),
    [
        ("text", "Acme", lambda value: BATCH.with_device(brand=value, platform="iOS")),
        ("text", "t-1", lambda value: BATCH.purchase(TEAPOT, transaction_id=value)),
        ("text", "L", lambda value: Product("sku-1", custom_attributes={"size": value})),
        ("name", "Searched", lambda value: BATCH.event(value)),
        ("name", "Home", lambda value: BATCH.screen_view(value, at=NOW_MS)),
        ("flag", True, lambda value: BATCH.with_device(is_tablet=value)),
        ("flag", False, lambda value: BATCH.event("x", is_goal_defined=value)),
        ("integer", 5, lambda value: BATCH.with_device(screen_height=value, brand="x")),
        ("integer", 5, lambda value: BATCH.network_performance("x", value)),
        ("integer", 5, lambda value: BATCH.with_mpid(value)),
        ("number", 1.5, lambda value: BATCH.purchase(TEAPOT, total_amount=value)),
        ("number", 5, lambda value: Product("sku-1", price=value, quantity=2)),
        ("number", Decimal("1.5"), lambda value: BATCH.with_location(value, 5)),
        ("instant", NOW_MS, lambda value: BATCH.event("x", at=value)),
        ("instant", NOW, lambda value: BATCH.event("x", {"a": 1}, at=value)),
        ("attribute", "a", lambda value: BATCH.event("x", {"a": value, "b": 1})),
        ("attribute", 1, lambda value: BATCH.event("x", {"a": value})),
        ("attribute", 1.5, lambda value: BATCH.event("x", flags={"a": value})),
        ("attribute", True, lambda value: BATCH.with_user_attributes({"a": [value]})),
        ("attribute", "b", lambda value: BATCH.with_integration_attributes(92, {"a": value})),
        ("key", "a", lambda value: BATCH.event("x", {value: 1, "b": 2})),
        ("key", "a", lambda value: BATCH.with_user_attributes({value: 1})),
        ("key", "a", lambda value: Product("sku-1", custom_attributes={value: "x"})),
        ("word", "iOS", lambda value: BATCH.with_device(platform=value)),
    ],
)
def test_what_was_right_a_hundred_times_is_still_checked(kind, right, write):
    """However checks are made fast for what comes back: a wrong value gets the same words."""
    texts = []
    for _ in range(3):
        for wrong in WRONG_FOR[kind]:
            with pytest.raises(InvalidBatch) as caught:
                write(wrong)
            texts.append(str(caught.value))
        for _ in range(50):
            write(right)

    assert texts == texts[: len(WRONG_FOR[kind])] * 3
