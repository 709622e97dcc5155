"""What may be written for a single field: text, numbers, moments, attributes."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Generic, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...values.validators import INT64, UINT64, Number, Scalar, is_blank
from ...wire.limits import is_nobodys

T = TypeVar("T")

_CHARACTERS = st.characters(exclude_categories=["Cs"])  # lone surrogates have no UTF-8
_SHORT = 12  # characters: enough to go wrong, and a failure is still read at a glance
FEW = 3  # entries, for the same reason


def texts(min_size: int = 0, max_size: int = _SHORT) -> SearchStrategy[str]:
    """Draw text: any characters that have a UTF-8 form.

    Args:
        min_size: how many characters at least.
        max_size: how many at most.
    """
    return st.text(_CHARACTERS, min_size=min_size, max_size=max_size)


def names(max_size: int = _SHORT) -> SearchStrategy[str]:
    """Draw what names something: text that is not empty.

    Args:
        max_size: how many characters at most; mParticle cuts the names of events at 256.
    """
    return texts(1, max_size)


def identities() -> SearchStrategy[str]:
    """Draw what a user may be known by: text that is not blank, and no word for nothing."""
    return names().filter(lambda text: not is_blank(text) and not is_nobodys(text))


TEXTS, NAMES, IDENTITIES = texts(), names(), identities()
INTEGERS = st.sampled_from([0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]) | st.integers(*INT64)
UNSIGNED = st.integers(*UINT64)


def decimals() -> SearchStrategy[Decimal]:
    """Draw Decimals: money, many more digits than a float holds, and every form of zero."""
    money = st.integers(-(10**11), 10**11).map(lambda cents: Decimal(cents).scaleb(-2))
    long = st.builds(
        lambda digits, exponent: Decimal(digits).scaleb(exponent),
        st.integers(-(10**27), 10**27),
        st.integers(-40, 40),
    )
    odd = st.sampled_from(["-0", "0.00", "0E+3", "1E+300", "1E-400", "1e-7", "100", "1.10"])
    return money | long | odd.map(Decimal)


_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_NUMBERS: SearchStrategy[Number] = INTEGERS | _FLOATS | decimals()
_SCALARS: SearchStrategy[Scalar] = TEXTS | st.booleans() | _NUMBERS


def numbers() -> SearchStrategy[Number]:
    """Draw what a number field takes: an int, a float or a Decimal, always finite."""
    return _NUMBERS


def degrees(most: int) -> SearchStrategy[Number]:
    """Draw a latitude or a longitude, from ``-most`` to ``most``."""
    return st.integers(-most, most) | st.floats(-most, most) | st.decimals(-most, most, places=6)


def scalars() -> SearchStrategy[Scalar]:
    """Draw the value of an event's attribute: text, a boolean or a number."""
    return _SCALARS


def few(
    strategy: SearchStrategy[T], min_size: int = 0, max_size: int = FEW
) -> SearchStrategy[list[T]]:
    """Draw a short list.

    Its length is drawn first: an integer that is lowered lets hypothesis take out any one entry,
    however long it is, where ``lists()`` takes out only short ones.
    """
    return _few(strategy, st.integers(min_size, max_size))


@st.composite
def _few(draw: DrawFn, strategy: SearchStrategy[T], size: SearchStrategy[int]) -> list[T]:
    return [draw(strategy) for _ in range(draw(size))]


def maps(values: SearchStrategy[T]) -> SearchStrategy[dict[str, T]]:
    """Draw a dict of names to values."""
    entries = st.tuples(NAMES, values)
    return few(entries).map(dict)  # of two with one name, the last stays


ATTRIBUTE_VALUES = _SCALARS | st.none() | few(_SCALARS)
_ATTRIBUTES = maps(_SCALARS | st.none())
_USER_ATTRIBUTES = maps(ATTRIBUTE_VALUES)
MAPS_OF_SCALARS = maps(maps(_SCALARS))
STRINGS, PARTNER_IDENTITIES = maps(TEXTS | st.none()), maps(IDENTITIES | st.none())
LISTS_OF_NAMES = few(NAMES)


def attributes() -> SearchStrategy[dict[str, Scalar | None]]:
    """Draw an event's attributes; an entry that is None is left out when it is written."""
    return _ATTRIBUTES


def user_attributes() -> SearchStrategy[dict[str, Scalar | list[Scalar] | None]]:
    """Draw a user's attributes: scalars, lists of them, and None for a tag."""
    return _USER_ATTRIBUTES


def milliseconds() -> SearchStrategy[int]:
    """Draw Unix milliseconds: mostly of our days, none that would look like seconds."""
    simplest = st.just(1_500_000_000_000)
    usual = st.integers(1_500_000_000_000, 1_900_000_000_000)
    late, early = st.integers(10**11, INT64[1]), st.integers(INT64[0], -(10**11))
    return simplest | usual | st.just(0) | late | early


def _instants() -> SearchStrategy[int | datetime | str]:
    zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
    moments = st.datetimes(
        datetime(1980, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC) | zones
    )
    return milliseconds() | moments | moments.map(datetime.isoformat)


_INSTANTS = _instants()
_UUIDS: SearchStrategy[str | uuid.UUID] = (
    st.uuids().map(str) | st.uuids().map(lambda each: str(each).upper()) | st.uuids()
)


def instants() -> SearchStrategy[int | datetime | str]:
    """Draw a moment in each form that a time field takes."""
    return _INSTANTS


def uuids() -> SearchStrategy[str | uuid.UUID]:
    """Draw a UUID as text in either case, or as an object."""
    return _UUIDS


def addresses() -> SearchStrategy[str | ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Draw an IPv4 or IPv6 address, as text or as an object."""
    return st.ip_addresses().map(str) | st.ip_addresses()


class _Named(Generic[T]):
    """What draws a value, under a short name: spelt out, that of a batch has 300 kB."""

    def __init__(self, name: str, made: Callable[[DrawFn], T]) -> None:
        self.name, self.made = name, made

    def __repr__(self) -> str:
        return self.name


@st.composite
def _drawn_by(draw: DrawFn, named: _Named[T]) -> T:
    return named.made(draw)


def named(name: str, made: Callable[[DrawFn], T]) -> SearchStrategy[T]:
    """Return the strategy of a function that draws, which hypothesis prints under a short name."""
    return _drawn_by(_Named(name, made))
