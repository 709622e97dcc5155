"""Factories for readable tests: they make plausible values, and a test writes only what matters.

A value that you give wins over a made-up one, and None leaves it out. The same seed always makes
the same value, in every process and on every Python; another seed makes another value. No made-up
value belongs to a real person: names end in Example, hosts are example.com, and addresses are
those that RFC 5737 reserves for documentation.
"""

from __future__ import annotations

import hashlib
import inspect
import uuid
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, localcontext
from typing import Any, TypeVar, Unpack, overload

from ..builder.batch import Batch
from ..builder.commerce_verbs import ProductVerbFields
from ..builder.session import Session, SessionEdgeFields
from ..errors import InvalidValue, UnknownField, brief, unknown_field
from ..model.commerce import Product, ProductAction, ProductFields
from ..model.event import CommonFields
from ..model.events import AppEvent, CommerceEvent, CustomEventType, SessionStartEvent, positional
from ..model.user import IdentityFields, UserIdentities
from ..utils.introspection import as_error_of_verb, expand_kwargs
from ..values.validators import Instant, Number, Scalar

B = TypeVar("B", bound=Batch)
S = TypeVar("S", bound=Session)
T = TypeVar("T")

MOMENT = "2026-11-23T10:15:00Z"
"""When a made-up session begins."""

_NAMES = (
    "Ada",
    "Alan",
    "Barbara",
    "Edsger",
    "Grace",
    "Hedy",
    "John",
    "Katherine",
    "Lin",
    "Margaret",
)
_DIGITS = 2_000  # the exact sum of 1e308 * 1e308 and 1e-308 * 1e-308 has 1 233
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")  # RFC 5737
_DEVICES: tuple[dict[str, Any], ...] = (
    {"platform": "iOS", "brand": "Apple", "device_model": "iPhone17,1", "os_version": "26.1"},
    {"platform": "iOS", "brand": "Apple", "device_model": "iPad16,3", "os_version": "26.0"},
    {"platform": "Android", "brand": "Google", "device_model": "Pixel 10", "os_version": "16"},
    {"platform": "Android", "brand": "Samsung", "device_model": "SM-S931B", "os_version": "15"},
)
_LOCALES = (("en", "US"), ("en", "GB"), ("de", "DE"), ("fr", "FR"), ("ja", "JP"))
_GOODS = ("Teapot", "Kettle", "Cup", "Saucer", "Tea strainer", "Sugar bowl", "Milk jug", "Tea tray")
_EVENTS: tuple[tuple[str, CustomEventType, dict[str, Scalar]], ...] = (
    ("Searched", "search", {"query": "teapot", "results": 12}),
    ("Shared a product", "social", {"sku": "sku-1042", "channel": "email"}),
    ("Played a video", "media", {"title": "How to pour", "seconds": 34.5}),
    ("Changed the language", "user_preference", {"language": "fr"}),
    ("Opened the menu", "navigation", {"entry": "Offers"}),
)


class _Made:
    """Makes up values from a seed: each from a digest of the seed and the value's name."""

    def __init__(self, where: str, seed: int | str) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int | str):
            raise InvalidValue(
                f"{where}(seed={brief(seed)}): want an int or a str, got {type(seed).__name__}; "
                f"write {where}(seed=1)"
            )
        self.start = f"{where}/{seed}/".encode(errors="surrogatepass")

    def _digest(self, what: str) -> bytes:
        return hashlib.sha256(self.start + what.encode()).digest()

    def number(self, what: str, below: int) -> int:
        return int.from_bytes(self._digest(what)[:16]) % below

    def one(self, what: str, options: Sequence[T]) -> T:
        return options[self.number(what, len(options))]

    def uuid(self, what: str) -> str:
        return str(uuid.UUID(bytes=self._digest(what)[:16], version=4))


def _check_class(where: str, of: object, base: type[Any]) -> None:
    if not (isinstance(of, type) and issubclass(of, base)):
        raise InvalidValue(
            f"{where}({brief(of)}): want a subclass of {base.__name__}, got {type(of).__name__}; "
            f"write {where}() and keywords"
        )


class UserFields(IdentityFields, total=False):
    """The keywords of :func:`a_user`."""

    mpid: int | None


class GoodsFields(ProductFields, total=False):
    """The keywords of :func:`a_product`."""

    id: str | None
    name: str | None


@overload
def a_user(*, seed: int | str = 0, **fields: Unpack[UserFields]) -> Batch: ...
@overload
def a_user(of: type[B], *, seed: int | str = 0, **fields: Unpack[UserFields]) -> B: ...
@expand_kwargs
def a_user(of: type[Any] = Batch, *, seed: int | str = 0, **fields: Unpack[UserFields]) -> Any:
    """Return the batch of a plausible user: identities, two attributes, a device, an address.

    It belongs to the development environment, and has no events.

    Args:
        of: a vocabulary of your own instead of ``Batch``.
        seed: another seed is another user.
        **fields: the identities, and ``mpid``, that matter in the test.

    >>> user = a_user(email="x@example.com")
    >>> user.user_identities.email, user.user_identities.customer_id
    ('x@example.com', 'customer-8641623301')
    >>> a_user(seed=2).event("Searched").environment
    'development'
    """
    _check_class("a_user", of, Batch)
    made = _Made("a_user", seed)
    first, number = made.one("name", _NAMES), f"{made.number('customer', 10**10):010d}"
    known: dict[str, Any] = {
        "customer_id": f"customer-{number}",
        "email": f"{first.lower()}.{number}@example.com",
        **fields,
    }
    mpid = of._checked("a_user", {"mpid": known.pop("mpid", None)})["mpid"]
    device = dict(made.one("device", _DEVICES))
    language, country = made.one("locale", _LOCALES)
    if device["platform"] == "iOS":
        device["ios_idfv"] = made.uuid("device id")
    return (
        of.for_user(UserIdentities._build("a_user", known), mpid=mpid)
        .with_environment("development")
        .with_device(**device, locale_language=language, locale_country=country)
        .with_user_attributes({"$FirstName": first, "$LastName": "Example"})
        .with_ip(f"{made.one('network', _NETWORKS)}.{1 + made.number('host', 254)}")
    )


@expand_kwargs
def a_product(*, seed: int | str = 0, **fields: Unpack[GoodsFields]) -> Product:
    """Return a plausible product: id, name, category, price, a quantity of one.

    Args:
        seed: another seed is another product.
        **fields: the fields that matter in the test.

    >>> a_product(price=19.99).price
    19.99
    """
    made = _Made("a_product", seed)
    known: dict[str, Any] = {
        "id": f"sku-{made.number('sku', 10**6):06d}",
        "name": made.one("name", _GOODS),
        "category": "Tea",
        "price": Decimal(499 + 50 * made.number("price", 200)).scaleb(-2),
        "quantity": 1,
        **fields,
    }
    if not known["id"] and not known["name"]:
        return Product(known["id"], known["name"])  # it raises, and says what a product needs
    return Product._build("a_product", known)


@expand_kwargs
def a_purchase(
    *products: Product, seed: int | str = 0, **fields: Unpack[ProductVerbFields]
) -> CommerceEvent:
    """Return a plausible purchase: products, an order's id, amounts that add up.

    The total is the cost of the products with tax and shipping. If the test gives the total, tax
    and shipping are not made up.

    Args:
        products: what was bought; if there is none, one product is made up.
        seed: another seed is another purchase.
        **fields: the fields that matter in the test.

    >>> action = a_purchase(a_product(price=20, quantity=2), tax_amount=3).product_action
    >>> action.total_amount == 40 + 3 + action.shipping_amount
    True
    >>> a_user().add(a_purchase(total_amount=21.49)).events[0].product_action.total_amount
    21.49
    """
    made = _Made("a_purchase", seed)
    takes = [*inspect.signature(a_purchase).parameters]
    for name in fields:
        if name not in takes:
            meant = CommerceEvent._called(name, takes)
            raise unknown_field("a_purchase()", name, takes, meant)
    products = products or (a_product(seed=seed),)
    known: dict[str, Any] = {
        "transaction_id": f"order-{made.number('order', 10**8):08d}",
        "currency_code": "EUR",
        **fields,
    }
    ProductAction._checked("a_purchase", {"products": products})
    if "total_amount" not in known:
        with localcontext(Context(prec=_DIGITS)):
            cost = sum((_exact(p.price) * _exact(p.quantity, 1) for p in products), Decimal(0))
            known.setdefault("tax_amount", round(cost * Decimal("0.19"), 2))
            known.setdefault("shipping_amount", made.one("shipping", (Decimal("4.90"), Decimal(0))))
            extra = {name: known[name] for name in ("tax_amount", "shipping_amount")}
            ProductAction._checked("a_purchase", extra)
            known["total_amount"] = cost + sum(_exact(amount) for amount in extra.values())
    event: Any = Batch()._product_action("purchase", products, known, "a_purchase").events[0]
    return event  # type: ignore[no-any-return]


def _exact(value: Number | None, otherwise: int = 0) -> Decimal:
    """Return a number as the Decimal that it is written as."""
    return Decimal(str(otherwise if value is None else value))


@expand_kwargs
def an_event(
    event_name: str | None = None,
    attributes: Mapping[str, Scalar | None] | None = None,
    *,
    seed: int | str = 0,
    type: CustomEventType | None = None,
    **fields: Unpack[CommonFields],
) -> AppEvent:
    """Return a plausible custom event; if you give its name, it has only what you give.

    Args:
        event_name: its name.
        attributes: its attributes.
        seed: another seed may be another event.
        type: the kind of event; with a name of your own, "other" by default.
        **fields: the fields that matter in the test.

    >>> an_event()
    AppEvent(event_name='Opened the menu', type='navigation', attributes={'entry': 'Offers'})
    >>> an_event("Signed up", {"plan": "pro"})
    AppEvent(event_name='Signed up', type='other', attributes={'plan': 'pro'})
    """
    made = _Made("an_event", seed)
    if isinstance(attributes, str):
        raise positional("an_event", event_name, attributes)
    name, default_type, default = made.one("event", _EVENTS)
    if event_name is not None:
        name, default_type, default = event_name, "other", {}
    known = {
        "event_name": name,
        "type": default_type if type is None else type,
        "attributes": default if attributes is None else attributes,
        **fields,
    }
    return AppEvent._build("an_event", known)


@overload
def a_session(
    *,
    seed: int | str = 0,
    session_uuid: str | None = None,
    session_id: int | None = None,
    at: Instant | None = MOMENT,
    **fields: Unpack[SessionEdgeFields],
) -> Session: ...
@overload
def a_session(
    of: type[S],
    *,
    seed: int | str = 0,
    session_uuid: str | None = None,
    session_id: int | None = None,
    at: Instant | None = MOMENT,
    **fields: Unpack[SessionEdgeFields],
) -> S: ...
@expand_kwargs
def a_session(
    of: type[Any] = Session,
    *,
    seed: int | str = 0,
    session_uuid: str | None = None,
    session_id: int | None = None,
    at: Instant | None = MOMENT,
    **fields: Unpack[SessionEdgeFields],
) -> Any:
    """Return a session with its start and one screen view; go on with its verbs.

    Args:
        of: a vocabulary of your own instead of ``Session``.
        seed: another seed is another session.
        session_uuid: its UUID; it is made up if you give no ``session_id`` either.
        session_id: its 64-bit number.
        at: when it began; None for a session without times.
        **fields: more fields of the start event.

    >>> session = a_session().purchase(a_product(), after=20).end(after=5)
    >>> [event.event_type for event in session.events]
    ['session_start', 'screen_view', 'commerce_event', 'session_end']
    """
    _check_class("a_session", of, Session)
    made = _Made("a_session", seed)
    if session_uuid is None and session_id is None:
        session_uuid = made.uuid("session")
    # checked here, so that an error names a_session() and not the verbs that it calls
    of._checked("a_session", {"session_uuid": session_uuid, "session_id": session_id})
    try:
        SessionStartEvent._checked("a_session", fields)
    except UnknownField as error:  # it lists the event's fields, and not the factory's keywords
        raise as_error_of_verb(a_session, error, SessionStartEvent._misnomers) from None
    session = of.start(session_uuid, session_id=session_id, at=at, **fields)
    return session.screen_view("Home", after=None if at is None else 1.5)
