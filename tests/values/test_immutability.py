"""A value does not change: no assignment, no operator, no argument that changes later."""

from __future__ import annotations

import copy
import operator
import pickle
from collections import UserDict
from contextlib import suppress
from types import MappingProxyType

import pytest
from value_samples import (
    AGREED,
    BASES,
    FROZEN,
    OPTED_OUT,
    SPRING,
    TEAPOT,
    VALUES,
    LooseBatch,
    ShopBatch,
    each,
    leaks,
    rich_batch,
    rich_session,
    seen,
)

from mpfluent import (
    AppEvent,
    Batch,
    BreadcrumbEvent,
    CommerceEvent,
    ConsentState,
    CrashReportEvent,
    FrozenMap,
    Immutable,
    MPFluentError,
    Problem,
    Product,
    ProductAction,
    ProductImpression,
    PromotionAction,
    Request,
    Response,
    ShoppingCart,
    UserAttributeChangeEvent,
)

# Assignment and deletion


@each({cls: value for cls, value in VALUES.items() if cls is not Problem})
def test_no_attribute_can_be_assigned_or_deleted(value):
    before = pickle.dumps(value)
    slots = [slot for cls in type(value).__mro__ for slot in vars(cls).get("__slots__", ())]

    for name in sorted(
        {*dir(value), *slots, "anything", "__dict__"}, key=lambda s: (s[0] == "_", s)
    ):
        for attempt in (
            lambda name=name: setattr(value, name, None),
            lambda name=name: delattr(value, name),
        ):
            with pytest.raises(Immutable):
                attempt()

    assert pickle.dumps(value) == before


@each(FROZEN)
def test_no_item_can_be_assigned_or_deleted(value):
    before = pickle.dumps(value)

    for key in ("name", 0, slice(None), None):
        with pytest.raises(Immutable):
            operator.setitem(value, key, 1)
        with pytest.raises(Immutable):
            operator.delitem(value, key)

    assert pickle.dumps(value) == before


def test_a_subclass_is_as_immutable():
    for batch in (ShopBatch(), LooseBatch()):
        with pytest.raises(Immutable):
            batch.plan = "pro"
        with pytest.raises(Immutable):
            del batch.plan


@each(FROZEN)
def test_no_operator_changes_a_value_in_place(value):
    before = pickle.dumps(value)

    for operation in (operator.iadd, operator.isub, operator.ior, operator.iand, operator.imul):
        for other in (value, [1], {"a": 1}, 5):
            with suppress(TypeError, MPFluentError):
                operation(value, other)

        assert pickle.dumps(value) == before, operation


# Arguments are copied on the way in


def emptied(value):
    """Take everything out of a container, and out of those inside."""
    inside = list(value.values()) if isinstance(value, dict | UserDict) else list(value)
    for item in inside:
        if isinstance(item, list | dict | set | UserDict):
            emptied(item)
    value.clear()


INBOUND = {
    "user_attributes": {"plan": "pro", "tags": ["a", "b"]},
    "device_info": {"platform": "iOS"},
    "events": [
        {
            "event_type": "commerce_event",
            "data": {
                "custom_attributes": {"a": 1},
                "product_action": {
                    "action": "click",
                    "products": [{"id": "sku-1", "custom_attributes": {"size": "L"}}],
                },
            },
        }
    ],
}


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda given: AppEvent("x", given), {"a": 1, "b": "c"}),
        (lambda given: AppEvent("x", given), UserDict({"a": 1})),
        (lambda given: AppEvent("x", flags=given), {"a": 1}),
        (lambda given: Batch().event("x", given), {"a": 1}),
        (lambda given: rich_session().event("x", given), {"a": 1}),
        (lambda given: Batch().purchase(TEAPOT, attributes=given), {"a": 1}),
        (lambda given: Batch().ltv_increase(5, attributes=given), {"a": 1}),
        (lambda given: Batch().attribution("p", "c", attributes=given), {"a": 1}),
        (lambda given: Batch().with_user_attributes(given), {"a": ["b", "c"], "d": 1}),
        (lambda given: Batch().with_user_attributes(tags=given), ["b", "c"]),
        (lambda given: rich_batch().with_user_attributes(given), UserDict({"a": ["b"]})),
        (lambda given: Batch().with_partner_identities(given), {"a": "b"}),
        (lambda given: Batch().with_integration_attributes(92, given), {"a": "b"}),
        (
            lambda given: Batch().with_application(apple_search_ads_attributes=given),
            {"a": {"b": "c"}},
        ),
        (lambda given: Product("x", custom_attributes=given), {"a": "b"}),
        (lambda given: ProductAction("click", given), [TEAPOT]),
        (lambda given: ProductImpression("x", given), [TEAPOT]),
        (lambda given: PromotionAction("view", given), [SPRING]),
        (lambda given: ShoppingCart(given), [TEAPOT]),
        (
            lambda given: CommerceEvent(product_impressions=given),
            [ProductImpression("x", [TEAPOT])],
        ),
        (lambda given: CrashReportEvent("x", breadcrumbs=given), [BreadcrumbEvent("y")]),
        (
            lambda given: Batch().crash_report(message="x", breadcrumbs=given),
            [BreadcrumbEvent("y")],
        ),
        (lambda given: ConsentState(gdpr=given), {"a": AGREED}),
        (lambda given: ConsentState(ccpa=given), {"data_sale_opt_out": OPTED_OUT}),
        (lambda given: UserAttributeChangeEvent("x", given), ["a", "b"]),
        (lambda given: Batch().user_attribute_change("x", "y", old=given), ["a", "b"]),
        (lambda given: Batch.from_dict(given), INBOUND),
        (lambda given: Batch.from_json(given), bytearray(b'{"user_attributes": {"a": ["b"]}}')),
        (lambda given: FrozenMap(given), {"a": 1}),
        (lambda given: Response(202, given), {"a": "b"}),
        (lambda given: Request("https://example.com/", b"{}", given), {"a": "b"}),
    ],
)
def test_what_happens_to_an_argument_afterwards_changes_nothing(make, argument):
    argument = copy.deepcopy(argument)
    value = make(argument)
    before = repr(value), pickle.dumps(value)

    emptied(argument) if not isinstance(argument, bytearray) else argument.clear()

    assert (repr(value), pickle.dumps(value)) == before
    assert leaks(value) == [] or isinstance(value, Request | Response)
    assert value != make(argument) if argument else True


def test_a_read_only_view_of_a_dict_is_copied_too():
    behind = {"a": 1}
    event = AppEvent("Searched", MappingProxyType(behind))

    behind["a"] = 2

    assert event.attributes == {"a": 1}
    assert leaks(event) == []


def test_what_is_exported_is_not_shared():
    batch = BASES["rich batch"]
    before = seen(batch)
    exported = batch.to_dict()

    emptied(exported)

    assert seen(batch) == before
    assert batch.to_dict() != exported


@each({cls: value for cls, value in FROZEN.items() if hasattr(cls, "to_dict")})
def test_what_a_value_exports_is_its_own_each_time(value):
    first, before = value.to_dict(), pickle.dumps(value)

    emptied(first)

    assert value.to_dict() != first or value == type(value)._make((), ())
    assert pickle.dumps(value) == before
