"""What pytest shows where two of mpfluent's values should be equal and are not."""

from decimal import Decimal

import pytest
from dirty_equals import IsList

from mpfluent import AppEvent, Batch, Product, ScreenViewEvent, Session
from mpfluent.testing.pytest_diff import explanation

BASE = Batch.for_user(customer_id="1", email="a@b.example")
LEFT = BASE.event("Signed up", {"plan": "pro", "seats": 3}).purchase(
    Product("sku-1", price=Decimal("19.99"))
)
RIGHT = BASE.with_identities(email="c@d.example").event("Signed up", {"plan": "trial", "seats": 3})
HINT = "Use -vv to see both in full"
VISIT = Session.start(session_id=1, at="2026-11-23T10:15:00Z")


@pytest.mark.parametrize(
    ("left", "right", "lines"),
    [
        (
            LEFT,
            RIGHT,
            [
                "Batch == Batch",
                "",
                "user_identities.email: 'a@b.example' != 'c@d.example'",
                "events[0].attributes['plan']: 'pro' != 'trial'",
                "events[1]: only on the left: commerce_event purchase sku-1",
                "",
                HINT,
            ],
        ),
        (
            RIGHT,
            RIGHT.screen_view("Home"),
            ["Batch == Batch", "", "events[1]: only on the right: screen_view 'Home'", "", HINT],
        ),
        (
            AppEvent("A", {"n": 1}),
            AppEvent("A", {"m": 2}),
            [
                "AppEvent == AppEvent",
                "",
                "attributes['n']: only on the left: 1",
                "attributes['m']: only on the right: 2",
                "",
                HINT,
            ],
        ),
        (
            AppEvent("A").__replace__(attributes={"n": 1}).attributes,
            {"n": 2},
            ["attributes == dict", "", "['n']: 1 != 2", "", HINT],
        ),
        (
            Product("sku-1", price=Decimal("19.99")),
            Product("sku-1", price=20),
            ["Product == Product", "", "price: 19.99 != 20", "", HINT],
        ),
        (
            VISIT.screen_view("Home", after=1),
            VISIT.screen_view("Cart", after=1),
            ["Session == Session", "", "events[1].screen_name: 'Home' != 'Cart'", "", HINT],
        ),
        (
            [LEFT, LEFT],
            [LEFT, LEFT.with_mpid(7)],
            ["list == list", "", "[1].mpid: only on the right: 7", "", HINT],
        ),
        (
            [AppEvent("A")],
            [],
            ["list == list", "", "[0]: only on the left: custom_event 'A'", "", HINT],
        ),
        (
            (),
            (AppEvent("A"),),
            ["tuple == tuple", "", "[0]: only on the right: custom_event 'A'", "", HINT],
        ),
        (
            Batch().event("A").events,
            (AppEvent("B"),),
            ["tuple == tuple", "", "[0].event_name: 'A' != 'B'", "", HINT],
        ),
        (
            VISIT.events,
            Batch().add(VISIT).screen_view("Home").events,
            ["tuple == tuple", "", "[1]: only on the right: screen_view 'Home'", "", HINT],
        ),
        (
            Batch().event("A").events,
            [AppEvent("A")],
            ["tuple == list", "", "a tuple is never equal to a list"],
        ),
        (
            AppEvent("A"),
            ScreenViewEvent("A"),
            ["AppEvent == ScreenViewEvent", "", "values of two kinds are never equal"],
        ),
        (
            LEFT,
            LEFT.to_dict(),
            [
                "Batch == dict",
                "",
                "a value is never equal to a dict; compare its to_dict(), or Batch.from_dict()",
            ],
        ),
        ([LEFT], (LEFT,), ["list == tuple", "", "a list is never equal to a tuple"]),
        (LEFT, [LEFT], ["Batch == list", "", "one is a single value; the other is a list of 1"]),
    ],
    ids=lambda value: "",
)
def test_what_differs_is_said_by_path(left, right, lines):
    assert left != right
    assert explanation(left, right, 0) == lines


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (LEFT, None),
        (1, LEFT),
        ({"a": 1}, {"a": 2}),
        ([1], [2]),
        ([], []),
        ([LEFT], IsList(length=2)),
    ],
)
def test_what_pytest_says_well_itself_is_left_to_it(left, right):
    assert explanation(left, right, 2) is None


def test_the_full_form_follows_with_v():
    lines = explanation(LEFT, LEFT.with_mpid(7), 1)

    assert lines[2:6] == ["mpid: only on the right: 7", "", "--- left", "+++ right"]
    assert [line for line in lines[6:] if line[0] in "+-"] == ['+  "mpid": 7,']
    for left, right in [
        ([LEFT], [RIGHT]),
        (VISIT, VISIT.first_run()),
        (LEFT.events[0].attributes, {}),
    ]:
        assert any(line.startswith("-") for line in explanation(left, right, 2)[4:])


def test_a_failing_assertion_shows_it(pytester, no_others):
    pytester.makepyfile(
        """
        from mpfluent import Batch

        def test_equal():
            left = Batch.for_user(customer_id="1").event("A", {"n": 1})
            assert left == Batch.for_user(customer_id="1").event("A", {"n": 2})

        def test_unequal():
            assert Batch() != Batch()
        """
    )

    result = pytester.runpytest_subprocess("-p", "mpfluent", "-p", "no:cacheprovider")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "E       AssertionError: assert Batch == Batch",
            "E         ",
            "E         events[[]0[]].attributes[[]'n'[]]: 1 != 2",
            "E         ",
            f"E         {HINT}",
            "E       assert <Batch, * bytes> != <Batch, * bytes>",
        ]
    )
