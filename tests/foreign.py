"""Values of other libraries: proxies, scalars, mocks, and values that raise or lie."""

from __future__ import annotations

import enum
import operator
import uuid
import weakref
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from unittest.mock import MagicMock, Mock, NonCallableMagicMock

import numpy
import pandas
import pendulum
import wrapt

from mpfluent import (
    AppEvent,
    AttributionInfo,
    Batch,
    ConsentState,
    DataPlanContext,
    DeviceCurrentState,
    DeviceInformation,
    GDPRConsentState,
    GeoLocation,
    Product,
    Session,
    UserIdentities,
    UserIdentity,
)

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
NOW_MS = 1_795_428_900_000
UUID = "3fb44a79-df2d-446d-acf1-e87eda854ae1"
USER = Batch.for_user(customer_id="u-1")
SESSION = Session.start(session_id=42, at=NOW)
TEAPOT = Product("sku-1", "Teapot")


# Proxies: wrapt's is the real one, these two do as Django's and Werkzeug's do.


def _forwarding(name, function):
    return lambda self, *args: function(getattr(type(self), name)(self), *args)


class SimpleLazyObject:
    """As Django's: it says that it is of the class of what it stands for."""

    _wrapped = None

    def __init__(self, make):
        self.__dict__["_make"] = make

    def _setup(self):
        if "_wrapped" not in self.__dict__:
            self.__dict__["_wrapped"] = self._make()
        return self.__dict__["_wrapped"]

    __class__ = property(lambda self: self._setup().__class__)
    __str__ = _forwarding("_setup", str)
    __bool__ = _forwarding("_setup", bool)
    __hash__ = _forwarding("_setup", hash)
    __eq__ = _forwarding("_setup", operator.eq)
    __iter__ = _forwarding("_setup", iter)
    __len__ = _forwarding("_setup", len)
    __getitem__ = _forwarding("_setup", operator.getitem)

    def __getattr__(self, name):
        return getattr(self._setup(), name)


class LocalProxy:
    """As Werkzeug's, which has numbers' methods, too."""

    __slots__ = ("__wrapped", "_get_current_object")

    def __init__(self, find):
        object.__setattr__(self, "_get_current_object", find)
        object.__setattr__(self, "_LocalProxy__wrapped", find)

    __class__ = property(lambda self: self._get_current_object().__class__)
    __wrapped__ = property(lambda self: self._LocalProxy__wrapped)
    __str__ = lambda self: str(self._get_current_object())  # noqa: E731
    __bool__ = lambda self: bool(self._get_current_object())  # noqa: E731
    __hash__ = lambda self: hash(self._get_current_object())  # noqa: E731
    __eq__ = lambda self, other: self._get_current_object() == other  # noqa: E731
    __index__ = lambda self: operator.index(self._get_current_object())  # noqa: E731
    __int__ = lambda self: int(self._get_current_object())  # noqa: E731
    __float__ = lambda self: float(self._get_current_object())  # noqa: E731
    __iter__ = lambda self: iter(self._get_current_object())  # noqa: E731
    __len__ = lambda self: len(self._get_current_object())  # noqa: E731
    __getitem__ = lambda self, key: self._get_current_object()[key]  # noqa: E731

    def __getattr__(self, name):
        return getattr(self._get_current_object(), name)


class UnknownProxy:
    """One of nobody's library: what it stands for cannot be asked for."""

    def __init__(self, target):
        object.__setattr__(self, "_it", target)

    __class__ = property(lambda self: self._it.__class__)
    __index__ = lambda self: operator.index(self._it)  # noqa: E731
    __float__ = lambda self: float(self._it)  # noqa: E731
    __str__ = lambda self: str(self._it)  # noqa: E731

    def __getattr__(self, name):
        return getattr(self._it, name)


PROXIES = {
    "lazy": lambda value: SimpleLazyObject(lambda: value),
    "local": lambda value: LocalProxy(lambda: value),
    "wrapt": wrapt.ObjectProxy,
    "wrapt in local": lambda value: LocalProxy(lambda: wrapt.ObjectProxy(value)),
}

# What a proxy stands for: something for each kind of field, right for some and wrong for others.
TARGETS = (
    "iOS",
    "é",
    "",
    UUID,
    "2026-11-23T10:15:00Z",
    True,
    False,
    0,
    7,
    NOW_MS,
    0.5,
    Decimal("19.99"),
    NOW,
    {"a": 1},
    {"a": "x"},
    {},
    ["a", "b"],
    ("a",),
    [TEAPOT],
    None,
    float("nan"),
    timedelta(seconds=5),
    uuid.UUID(UUID),
    TEAPOT,
    AppEvent("Searched"),
    SESSION,
    USER,
    GeoLocation(1, 2),
    UserIdentities(email="a@b.example"),
    DeviceInformation(brand="Acme"),
    ConsentState(gdpr={"sale": GDPRConsentState(True, NOW)}),
    DataPlanContext("plan"),
    AttributionInfo("a", "b", "c"),
    DeviceCurrentState(cpu="x"),
    UserIdentity("email", "a@b.example", NOW),
    ValueError("out of tea"),
)


class Text(str):
    """Text that lies whenever it is asked."""

    def __str__(self):
        return "a lie"

    def __repr__(self):
        raise RuntimeError("no repr")

    def __len__(self):
        raise RuntimeError("no length")

    def __eq__(self, other):
        raise RuntimeError("no comparison")

    __hash__ = str.__hash__


class Money(Decimal):
    """A Decimal that lies."""

    def is_finite(self):
        return True

    def __float__(self):
        return 1.0

    def __str__(self):
        return "1.0"


class Whole(int):
    """An integer that lies."""

    def __index__(self):
        return 5

    __int__ = __index__

    def __str__(self):
        return "5"

    __repr__ = __str__


class Ratio(float):
    """A float that lies."""

    def __float__(self):
        return 5.0

    def __repr__(self):
        return "5.0"


class Moment(datetime):
    """A datetime with an idea of its own of what a difference is."""

    def __sub__(self, other):
        raise AttributeError("no difference")

    __rsub__ = __sub__


# What stands for a value of Python's own, and that value.
STANDS_FOR = [
    (numpy.bool_(True), True),
    (numpy.bool_(False), False),
    *((kind(7), 7) for kind in (numpy.int8, numpy.uint16, numpy.int32, numpy.int64, numpy.uint64)),
    (numpy.int64(NOW_MS), NOW_MS),
    (numpy.uint64(2**64 - 1), 2**64 - 1),
    (numpy.float16(0.5), 0.5),
    (numpy.float32(0.1), 0.10000000149011612),
    (numpy.float64(0.1), 0.1),
    (numpy.float64("nan"), float("nan")),
    (numpy.longdouble(0.5), 0.5),
    (numpy.str_("iOS"), "iOS"),
    (numpy.array(7), 7),
    (numpy.array(True), True),
    (pandas.Series([1, 2], dtype="Int64")[1], 2),
    (pandas.Series([True, None], dtype="boolean")[0], True),
    (pandas.Timestamp("2026-11-23T10:15Z"), NOW),
    (pandas.Timestamp("2026-11-23T10:15Z").as_unit("s"), NOW),
    (pandas.Timestamp("2026-11-23T11:15", tz="Europe/Berlin"), NOW),
    (pandas.Timedelta("5s"), timedelta(seconds=5)),
    (pandas.Timedelta("5s").as_unit("s"), timedelta(seconds=5)),
    (numpy.timedelta64(5, "s"), timedelta(seconds=5)),
    (numpy.timedelta64(5 * 10**9, "ns"), timedelta(seconds=5)),
    (pendulum.datetime(2026, 11, 23, 10, 15), NOW),
    (pendulum.datetime(2026, 11, 23, 11, 15, tz="Europe/Berlin"), NOW),
    (pendulum.duration(seconds=5), timedelta(seconds=5)),
    (pendulum.interval(pendulum.datetime(2026, 1, 1), pendulum.datetime(2026, 1, 2)), timedelta(1)),
    (Moment(2026, 11, 23, 10, 15, tzinfo=UTC), NOW),
    (Text("iOS"), "iOS"),
    (Text(UUID), UUID),
    (Money("19.99"), Decimal("19.99")),
    (Money("NaN"), Decimal("NaN")),
    (Whole(7), 7),
    (Whole(NOW_MS), NOW_MS),
    (Ratio(0.5), 0.5),
    (Ratio("nan"), float("nan")),
]


def raising(*names, error=ZeroDivisionError):
    """Return a value that raises when one of these is asked for."""

    def boom(self, *args):
        raise error("boom")

    made = {name: property(boom) if name == "__class__" else boom for name in names}
    return type("Boom", (), made)()


class Timeless(tzinfo):
    """A time zone that raises."""

    def utcoffset(self, moment):
        raise ZeroDivisionError("boom")

    tzname = dst = utcoffset


class Broken(Mapping):
    """A mapping that raises."""

    def __getitem__(self, key):
        raise ZeroDivisionError("boom")

    def __iter__(self):
        yield "a"

    def __len__(self):
        return 1


class BrokenList(list):
    """A list that raises."""

    def __iter__(self):
        raise ZeroDivisionError("boom")


class Odd(enum.Enum):
    """A member whose value is no scalar."""

    ONE = object()


# What stands for nothing: each argument must refuse it.
NOTHING = [
    MagicMock(),
    Mock(),
    NonCallableMagicMock(),
    *(
        MagicMock(spec=kind)
        for kind in (str, bool, int, float, Decimal, datetime, timedelta, dict, list, tuple, set)
    ),
    *(MagicMock(spec=kind) for kind in (AppEvent, Session, Batch, Product, GeoLocation, UUID, Odd)),
    pandas.NaT,
    pandas.NA,
    numpy.datetime64("NaT", "s"),
    numpy.timedelta64("NaT", "s"),
    numpy.datetime64("2026-11-23T10:15:00"),
    numpy.datetime64("2026-11-23T10:15:00", "ns"),
    pandas.Timestamp("2026-11-23T10:15"),
    pendulum.naive(2026, 11, 23),
    numpy.array([1, 2]),
    numpy.array([1]),
    numpy.array([]),
    pandas.Series([1]),
    pandas.DataFrame({"a": [1]}),
    numpy.bytes_(b"x"),
    numpy.complex128(1j),
    numpy.longdouble(1) / 3,
    datetime(2026, 11, 23, tzinfo=Timeless()),
    datetime(2026, 11, 23, tzinfo=tzinfo()),
    Broken(),
    BrokenList(["a"]),
    Odd.ONE,
    *(UnknownProxy(value) for value in (True, 7, 0.5, "iOS", NOW, {"a": 1}, [TEAPOT], TEAPOT)),
    weakref.proxy(TEAPOT),
    weakref.proxy(SESSION),
    wrapt.ObjectProxy.__new__(wrapt.ObjectProxy),
    LocalProxy(lambda: operator.truediv(1, 0)),
    SimpleLazyObject(lambda: operator.truediv(1, 0)),
    raising("__getattr__"),
    raising("__getattribute__"),
    raising("__class__"),
    raising("__index__"),
    raising("__index__", error=ValueError),
    raising("__float__"),
    raising("__bool__"),
    raising("__eq__", "__ne__", "__repr__"),
    raising("__hash__"),
    raising("__iter__", "__len__"),
    raising("__repr__", "__str__", "__getattr__"),
    LocalProxy(lambda: NOTHING[-1]),
]
