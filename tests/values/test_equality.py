"""Values survive pickling and copying, and are equal if they are equal on the wire."""

from __future__ import annotations

import copy
import operator
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from value_samples import (
    AGREED,
    BASES,
    FROZEN,
    NOW,
    OPTED_OUT,
    TEAPOT,
    VALUES,
    ShopBatch,
    ShopSession,
    each,
    leaks,
    rich_batch,
    rich_session,
    seen,
)

from mpfluent import (
    AppEvent,
    Batch,
    CCPAConsentState,
    ConsentState,
    CrashReportEvent,
    DeviceCurrentState,
    DeviceInformation,
    FirstRunEvent,
    FrozenMap,
    GDPRConsentState,
    GeoLocation,
    InvalidValue,
    Product,
    ProductAction,
    Request,
    UninstallEvent,
    UserAttributeChangeEvent,
    UserIdentities,
)
from mpfluent.testing import strategies

# Pickle, copy, hash


@each(VALUES)
def test_a_value_survives_pickling(value):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(value, protocol))

        assert type(again) is type(value), protocol
        assert repr(again) == repr(value), protocol
        if not isinstance(value, Request):
            assert again == value, protocol
            assert hash(again) == hash(value), protocol


@pytest.mark.parametrize("name", BASES)
def test_a_base_of_a_template_survives_pickling_with_its_type(name):
    again = pickle.loads(pickle.dumps(BASES[name]))

    assert type(again) is type(BASES[name])
    assert seen(again) == seen(BASES[name])
    assert leaks(again) == []


@each(FROZEN)
def test_a_copy_of_what_cannot_change_is_the_value_itself(value):
    assert copy.copy(value) is value
    assert copy.deepcopy(value) is value
    assert copy.deepcopy([value, value]) == [value, value]


@given(value=strategies.values() | strategies.sessions())
def test_any_value_survives_pickling_and_is_hashable(value):
    again = pickle.loads(pickle.dumps(value))

    assert again == value
    assert hash(again) == hash(value)
    assert len({value, again}) == 1


@each(FROZEN)
def test_a_value_equals_itself_and_no_other_value(value):
    others = [other for cls, other in FROZEN.items() if cls is not type(value)]

    assert value == copy.copy(value)
    assert not operator.ne(value, copy.copy(value))
    assert all(value != other for other in others)
    assert value not in (None, 5, "text", (), [])
    assert value in {value: 1}


def test_no_two_classes_of_records_are_equal_without_fields():
    empty = [UserIdentities(), DeviceInformation(), DeviceCurrentState(), ConsentState(), Batch()]

    assert len(set(empty)) == len(empty)
    assert AGREED.to_dict()["consented"] == OPTED_OUT.to_dict()["consented"]
    assert GDPRConsentState(True, NOW) != CCPAConsentState(True, NOW)
    assert FirstRunEvent() != UninstallEvent()


# Equal means equal on the wire


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Product("x", price=Decimal("19.99")), Product("x", price=19.99)),
        (Product("x", price=Decimal("19.90")), Product("x", price=19.9)),
        (Product("x", price=20), Product("x", price=20.0)),
        (Product("x", price=20), Product("x", price=Decimal("2E+1"))),
        (Product("x", price=0), Product("x", price=-0.0)),
        (GeoLocation(1, 2), GeoLocation(1.0, Decimal("2.0"))),
        (AppEvent("x", {"a": 1}), AppEvent("x", {"a": 1.0})),
        (AppEvent("x", {"a": 1, "b": 2}), AppEvent("x", {"b": 2, "a": 1})),
        (AppEvent("x", {}), AppEvent("x")),
        (AppEvent("x", None), AppEvent("x")),
        (AppEvent("x", {"a": None}), AppEvent("x")),
        (AppEvent("x", flags={}), AppEvent("x")),
        (AppEvent("x", device_current_state=DeviceCurrentState()), AppEvent("x")),
        (Product("x", custom_attributes={}), Product("x")),
        (CrashReportEvent("x", breadcrumbs=[]), CrashReportEvent("x")),
        (ProductAction("click", []), ProductAction("click")),
        (ConsentState(gdpr={}), ConsentState()),
        (Batch().with_user_attributes({}), Batch()),
        (Batch().with_user_attributes(a=1).without_user_attributes("a"), Batch()),
        (Batch().with_device(), Batch()),
        (Batch().with_device(brand=None), Batch()),
        (Batch().with_partner_identities({}), Batch()),
        (Batch().with_consent_state(ConsentState()), Batch()),
        (Batch().with_data_plan(None), Batch()),
        (Batch().with_user_attributes(a=[1, 2.0]), Batch().with_user_attributes(a=(1.0, 2))),
        (
            Batch().with_deleted_user_attributes("a", "b"),
            Batch().with_deleted_user_attributes("b", "a"),
        ),
        (
            Batch().with_integration_attributes(92, {"a": "b"}),
            Batch().with_integration_attributes("92", {"a": "b"}),
        ),
        (
            AppEvent("x", at=NOW),
            AppEvent("x", at="2026-11-23T11:15:00.000+01:00"),
        ),
        (Batch().event("x").event("y"), Batch().event("x").merge(Batch().event("y"))),
        (Batch().event("x").event("y"), Batch().add(AppEvent("x"), AppEvent("y"))),
        (ShopBatch().signed_up("pro"), Batch().event("Signed up", {"plan": "pro"})),
        (rich_batch(ShopBatch), rich_batch()),
        (rich_session(ShopSession), rich_session()),
    ],
)
def test_equal_on_the_wire_is_equal_in_python(left, right):
    assert left == right
    assert right == left
    assert not operator.ne(left, right)
    assert hash(left) == hash(right)


def test_subclasses_of_any_value_compare_by_content():
    for cls, value in FROZEN.items():
        if cls is FrozenMap:
            continue
        subclass = type("Own" + cls.__name__, (cls,), {"__slots__": ()})
        own = subclass.__new__(subclass)
        for base in cls.__mro__:
            for slot in vars(base).get("__slots__", ()):
                if slot != "__weakref__":
                    object.__setattr__(own, slot, getattr(value, slot))

        assert own == value, cls
        assert value == own
        assert hash(own) == hash(value)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (AppEvent("x", {"a": True}), AppEvent("x", {"a": 1})),
        (AppEvent("x", {"a": False}), AppEvent("x", {"a": 0})),
        (AppEvent("x", {"a": True}), AppEvent("x", {"a": 1.0})),
        (AppEvent("x", {"a": "1"}), AppEvent("x", {"a": 1})),
        (AppEvent("x", {"a": "true"}), AppEvent("x", {"a": True})),
        (AppEvent("x", {"a": ""}), AppEvent("x")),
        (AppEvent("x", {"a": 0}), AppEvent("x")),
        (AppEvent("x", is_goal_defined=False), AppEvent("x")),
        (AppEvent("x", lifetime_value_change=0), AppEvent("x")),
        (AppEvent("x", at=0), AppEvent("x")),
        (AppEvent("x", {"a": 2**53}), AppEvent("x", {"a": 2**53 + 1})),
        (AppEvent("x", {"a": float(2**53)}), AppEvent("x", {"a": 2**53 + 1})),
        (Product("x", price=0.1 + 0.2), Product("x", price=0.3)),
        (Product("x", price=Decimal("0.1")), Product("x", price=Decimal("0.10000000000000001"))),
        (Batch().with_user_attributes(a=None), Batch()),
        (Batch().with_user_attributes(a=[]), Batch()),
        (Batch().with_user_attributes(a=[True]), Batch().with_user_attributes(a=[1])),
        (Batch().with_user_attributes(a=[1, 2]), Batch().with_user_attributes(a=[2, 1])),
        (Batch().event("x").event("y"), Batch().event("y").event("x")),
        (UserAttributeChangeEvent("x", 1, old=None), UserAttributeChangeEvent("x", 1)),
        (rich_session(), rich_batch()),
    ],
)
def test_different_on_the_wire_is_different_in_python(left, right):
    assert left != right
    assert right != left
    assert not operator.eq(left, right)


NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000),
    st.booleans(),
    st.sampled_from([0, 0.0, -0.0, Decimal(0), Decimal("-0.00"), False, 1, 1.0, True]),
)


@given(left=NUMBERS, right=NUMBERS)
def test_numbers_are_equal_if_they_have_the_same_decimal_value(left, right):
    def decimal(number):
        return isinstance(number, bool), Decimal(repr(number) if type(number) is float else number)

    first, second = AppEvent("x", {"a": left}), AppEvent("x", {"a": right})

    assert (first == second) == (decimal(left) == decimal(right))
    assert first != second or hash(first) == hash(second)


def test_a_map_equals_a_dict_of_the_same_entries():
    attributes = AppEvent("x", {"a": 1, "b": 2.5, "c": True}).attributes
    tags = Batch().with_user_attributes(tags=["a", "b"]).user_attributes

    assert attributes == {"c": True, "b": Decimal("2.5"), "a": 1.0}
    assert operator.eq({"a": 1, "b": 2.5, "c": True}, attributes)
    assert attributes != {"a": 1, "b": 2.5, "c": 1}
    assert attributes != {"a": 1, "b": 2.5}
    assert attributes != [("a", 1)]
    assert tags == {"tags": ["a", "b"]}
    assert dict(attributes) == attributes
    assert len(attributes) == 3
    assert [*attributes] == ["a", "b", "c"]


def test_whatever_has_its_own_idea_of_equal_is_asked():
    class Anything:
        def __eq__(self, other):
            return True

    for value in (BASES["rich batch"], TEAPOT, AppEvent("x", {"a": 1}).attributes):
        assert value == Anything()


def test_a_map_of_ones_own_may_have_other_names_than_strings_but_an_event_may_not():
    numbered = FrozenMap({1: "one"})

    assert numbered == {1: "one"}
    with pytest.raises(InvalidValue) as caught:
        Batch().event("Searched", numbered)
    assert str(caught.value) == "event(attributes[1]='one'): names are strings, got int; write '1'"
