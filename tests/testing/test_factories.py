"""The factories of the test kit: plausible, the same for a seed, and what is given wins."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from decimal import Decimal, localcontext
from typing import Any

import pytest

import mpfluent.testing
from mpfluent import (
    AppEvent,
    Batch,
    Client,
    EventVerbs,
    InvalidTime,
    InvalidValue,
    Product,
    RecordingTransport,
    Session,
    UnknownField,
)
from mpfluent.testing import a_product, a_purchase, a_session, a_user, an_event

FACTORIES: list[Any] = [a_user, a_product, a_purchase, a_session, an_event]
each_factory = pytest.mark.parametrize("factory", FACTORIES, ids=lambda each: each.__name__)


class ShopVerbs(EventVerbs):
    __slots__ = ()


class ShopBatch(ShopVerbs, Batch):
    __slots__ = ()


class ShopSession(ShopVerbs, Session):
    __slots__ = ()


# Seeds


@each_factory
def test_a_seed_always_makes_the_same_value(factory: Any) -> None:
    assert factory() == factory(seed=0)
    assert factory(seed="checkout") == factory(seed="checkout")
    assert factory(seed=1) == factory(seed="1")


@each_factory
def test_seeds_make_different_values(factory: Any) -> None:
    made = {factory(seed=seed) for seed in range(100)}
    assert len(made) == (5 if factory is an_event else 100)


def test_thousands_of_users_are_all_different() -> None:
    users = [a_user(seed=seed).user_identities for seed in range(3000)]
    assert len({user.customer_id for user in users}) == len({user.email for user in users}) == 3000


# The whole values stand in tests/snapshots; these lines say that a seed keeps its value for good.
GOLDEN = [
    ("a_user().user_identities.customer_id", "customer-8641623301"),
    ("a_user(seed='checkout').user_identities.email", "barbara.4635220595@example.com"),
    ("a_user(seed=-7).device_info.device_model", "iPhone17,1"),
    ("a_user(seed='é茶').ip", "203.0.113.146"),
    ("a_product(seed=3).price", "73.99"),
    ("a_purchase(seed='x').product_action.transaction_id", "order-37683305"),
    ("a_session(seed=9).session_uuid", "1fa4b23d-15a6-4200-b825-fec4aa7b63b7"),
    ("an_event(seed=2).event_name", "Searched"),
]


@pytest.mark.parametrize(("code", "expected"), GOLDEN)
def test_a_seed_makes_what_it_has_always_made(code: str, expected: str) -> None:
    assert str(eval(code)) == expected


def test_the_hashes_of_the_process_do_not_matter() -> None:
    code = "from mpfluent.testing import *; print(a_user(seed='x'), a_purchase(seed='x').to_json())"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(printed) == 1


@each_factory
@pytest.mark.parametrize("seed", [1.5, None, True, b"x"])
def test_a_seed_is_an_int_or_a_str(factory: Any, seed: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        factory(seed=seed)

    name = factory.__name__
    assert str(caught.value) == (
        f"{name}(seed={seed!r}): want an int or a str, got {type(seed).__name__}; "
        f"write {name}(seed=1)"
    )


# Plausible, and obviously fake


@pytest.mark.parametrize("seed", range(30))
def test_a_made_up_user_belongs_to_nobody(seed: int) -> None:
    user = a_user(seed=seed)
    networks = [ipaddress.ip_network(f"{net}.0/24") for net in mpfluent.testing.factories._NETWORKS]
    address = ipaddress.ip_address(user.ip)

    assert user.environment == "development"
    assert user.user_identities.email.endswith("@example.com")
    assert user.user_attributes["$LastName"] == "Example"
    assert any(address in network for network in networks)
    assert (user.device_info.ios_idfv is None) == (user.device_info.platform != "iOS")
    assert user.events == ()


@pytest.mark.parametrize("seed", range(30))
def test_the_money_of_a_purchase_adds_up(seed: int) -> None:
    goods = [a_product(seed=seed), a_product(seed=-seed, quantity=3)]
    action = a_purchase(*goods, seed=seed).product_action
    cost = sum(product.price * product.quantity for product in goods)

    assert action.action == "purchase"
    assert action.total_amount == cost + action.tax_amount + action.shipping_amount
    assert action.tax_amount > 0


def test_everything_together_is_sent_without_a_problem() -> None:
    sent = RecordingTransport()
    session = a_session().add(an_event(), a_purchase()).end(after=5)
    batch = a_user().add(session)
    with Client("key", "secret", transport=sent) as client:
        client.send(batch)

    assert batch.problems() == ()
    assert [event.event_type for event in sent.batches[0].events] == [
        "session_start",
        "screen_view",
        "custom_event",
        "commerce_event",
        "session_end",
    ]


# What is given wins


def test_what_is_given_wins() -> None:
    assert a_user(email="x@example.com").user_identities.email == "x@example.com"
    assert a_user(facebook="ada").user_identities.facebook == "ada"
    assert a_user(mpid=7).mpid == 7
    assert a_product(name="Teapot").name == "Teapot"
    assert a_product(brand="Acme").brand == "Acme"
    assert a_purchase(currency_code="USD").currency_code == "USD"
    assert a_purchase(Product("sku-1")).product_action.products == (Product("sku-1"),)
    assert a_purchase(at="2026-11-23T10:15:00Z").at == 1795428900000
    assert an_event(type="media").type == "media"
    assert an_event(attributes={"a": 1}).attributes == {"a": 1}
    assert a_session(session_id=42).session_uuid is None
    assert a_session(session_id=42).session_id == 42
    assert a_session(at=None).events[-1].at is None


def test_what_is_given_changes_nothing_else() -> None:
    assert (
        a_user(email="x@example.com").with_identities(email=a_user().user_identities.email)
        == a_user()
    )
    assert a_product(price=1).__replace__(price=a_product().price) == a_product()


def test_none_leaves_out_what_would_be_made_up() -> None:
    assert a_user(customer_id=None).user_identities.customer_id is None
    assert a_user(customer_id=None, email=None).user_identities is None
    assert a_product(price=None, category=None).price is None
    assert a_product(id=None).id is None
    action = a_purchase(tax_amount=None, shipping_amount=None).product_action
    assert action.tax_amount is None
    assert action.total_amount == a_product().price
    assert a_purchase(total_amount=None).product_action.total_amount is None


def test_a_given_total_stands_alone() -> None:
    action = a_purchase(total_amount=21.49).product_action

    assert action.total_amount == 21.49
    assert action.tax_amount is None
    assert action.shipping_amount is None


def test_a_total_counts_what_is_given() -> None:
    goods = [Product("a", price=0.1, quantity=3), Product("b"), Product("c", price=1)]
    action = a_purchase(*goods, tax_amount=0.2, shipping_amount=Decimal("0.5")).product_action

    assert action.total_amount == Decimal("2.0")


def test_an_event_with_a_name_has_only_what_is_given() -> None:
    assert an_event("Signed up") == AppEvent("Signed up")
    assert an_event("Signed up", {"plan": "pro"}, flags={"x": 1}) == AppEvent(
        "Signed up", {"plan": "pro"}, flags={"x": 1}
    )


def test_own_classes_are_made() -> None:
    assert type(a_user(ShopBatch)) is ShopBatch
    assert a_user(ShopBatch) == a_user()
    assert type(a_session(ShopSession).end()) is ShopSession


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: a_user(emial="x"),  # type: ignore[call-overload]
            UnknownField,
            "a_user() has no field 'emial'; did you mean 'email'?",
        ),
        (
            lambda: a_user(email=7),  # type: ignore[call-overload]
            InvalidValue,
            "a_user(email=7): want a string, got int; write email='7'",
        ),
        (
            lambda: a_user(mpid="7"),  # type: ignore[call-overload]
            InvalidValue,
            "a_user(mpid='7'): want an integer, got str; write mpid=7",
        ),
        (
            lambda: a_user("x@example.com"),  # type: ignore[call-overload]
            InvalidValue,
            "a_user('x@example.com'): want a subclass of Batch, got str; "
            "write a_user() and keywords",
        ),
        (
            lambda: a_session(Batch),  # type: ignore[type-var]
            InvalidValue,
            "a_session(<class 'mpfluent.builder.batch.Batch'>): want a subclass of Session, "
            "got type; write a_session() and keywords",
        ),
        (
            lambda: a_product(prize=1),  # type: ignore[call-arg]
            UnknownField,
            "a_product() has no field 'prize'; did you mean 'price'?",
        ),
        (
            lambda: a_product(id=None, name=None),
            InvalidValue,
            "Product() needs an id or a name; write Product('sku', 'Name')",
        ),
        (
            lambda: a_purchase("sku-1"),  # type: ignore[arg-type]
            InvalidValue,
            "a_purchase(products[0]='sku-1'): want a Product, got str; write Product('sku-1')",
        ),
        (
            lambda: a_purchase(total="21.49"),  # type: ignore[call-arg]
            UnknownField,
            "a_purchase() has no field 'total'; did you mean 'total_amount'?",
        ),
        (
            lambda: a_purchase(tax_amount=Decimal("sNaN")),
            InvalidValue,
            "a_purchase(tax_amount=Decimal('sNaN')): is not a number that JSON can carry; "
            "leave the field out",
        ),
        (
            lambda: an_event("Searched", "search"),  # type: ignore[arg-type]
            InvalidValue,
            "an_event(attributes='search'): want a dict, got str; "
            "write an_event('Searched', type='search')",
        ),
        (
            lambda: an_event(typ="search"),  # type: ignore[call-arg]
            UnknownField,
            "an_event() has no field 'typ'; did you mean 'type'?",
        ),
        (
            lambda: a_session(at=1795428900),
            InvalidTime,
            "at=1795428900 looks like seconds since the epoch; mParticle wants milliseconds: "
            "write at=1795428900000",
        ),
    ],
)
def test_a_mistake_is_told_with_the_factorys_name(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        call()

    assert str(caught.value) == text


@pytest.mark.parametrize(
    "price", [1e27, Decimal("1E+30"), Decimal("123456789012345678901234567.89")]
)
def test_a_purchase_adds_up_however_large_its_prices_are(price: Any) -> None:
    action = a_purchase(Product("a", price=price, quantity=3), shipping_amount=1).product_action

    assert action is not None
    with localcontext(prec=100):
        cost = 3 * Decimal(str(price))
        assert action.total_amount == cost + round(cost * Decimal("0.19"), 2) + 1


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        (
            {"foo": 1},
            "a_session() has no field 'foo'; it has of, seed, session_uuid, session_id, at, ",
        ),
        (
            {"session_ud": "x"},
            "a_session() has no field 'session_ud'; did you mean 'session_uuid'?",
        ),
        ({"attributes": 5}, "a_session(attributes=5): want a dict, got int; "),
        ({"session_uuid": 5}, "a_session(session_uuid=5): want a UUID, got int; "),
    ],
)
def test_a_mistake_in_a_session_is_told_in_its_own_terms(keywords: Any, text: str) -> None:
    with pytest.raises((InvalidValue, UnknownField)) as caught:
        a_session(**keywords)

    assert str(caught.value).startswith(text)
