"""The documented limits of data: exactly where each of them lies, whatever the text is like."""

import pytest

from mpfluent import Batch, UserIdentity

BATCH = Batch.for_user(customer_id="1")
NOBODYS = "00000000-0000-0000-0000-000000000000"

# What makes a batch of a text: the limit in characters, the kind and the place of the problem.
TEXTS = {
    "the name of an event": (BATCH.event, 256, "name_too_long", "events[0].event_name"),
    "the name of a screen": (BATCH.screen_view, 256, "name_too_long", "events[0].screen_name"),
    "the name of an attribute": (
        lambda text: BATCH.event("e", {text: 1}),
        *(256, "name_too_long", "events[0].attributes"),
    ),
    "an attribute": (
        lambda text: BATCH.event("e", {"a": text}),
        *(4096, "value_too_long", "events[0].attributes"),
    ),
    "the button of a push message": (
        lambda text: BATCH.push_message("action", "t", "{}", action_identifier=text),
        *(100, "value_too_long", "events[0].action_identifier"),
    ),
    "the name of a user attribute": (
        lambda text: BATCH.with_user_attributes({text: 1}),
        *(256, "name_too_long", "user_attributes"),
    ),
    "a user attribute": (
        lambda text: BATCH.with_user_attributes(a=text),
        *(4096, "value_too_long", "user_attributes"),
    ),
    "an entry of a list": (
        lambda text: BATCH.with_user_attributes(a=[text]),
        *(512, "value_too_long", "user_attributes"),
    ),
    "an identity": (
        lambda text: BATCH.with_identities(email=text),
        *(256, "identity_too_long", "user_identities.email"),
    ),
}
NUMBERS = {
    "attributes of an event": (
        lambda count: BATCH.event("e", dict.fromkeys(map(str, range(count)), 1)),
        *(100, "too_many_attributes", "events[0].attributes"),
    ),
    "user attributes": (
        lambda count: BATCH.with_user_attributes(dict.fromkeys(map(str, range(count)), 1)),
        *(100, "too_many_attributes", "user_attributes"),
    ),
    "entries of a list": (
        lambda count: BATCH.with_user_attributes(a=[""] * count),
        *(1000, "list_too_long", "user_attributes"),
    ),
}
SURROUNDINGS = {
    "alone": lambda batch: batch,
    "with a device": lambda batch: batch.with_device(platform="iOS", device_model="x" * 100),
    "after other events": lambda batch: BATCH.event("short").first_run() + batch,
    "before other events": lambda batch: batch.event("short").first_run(),
}


def found(batch):
    return [(problem.kind, problem.place) for problem in batch.problems()]


def texts(batch):
    return [problem.text for problem in batch.problems()]


@pytest.mark.parametrize("letter", ["x", '"', "é", "\U0001f600"])
@pytest.mark.parametrize("what", TEXTS)
def test_a_text_is_a_problem_if_it_is_longer_than_its_limit(what, letter):
    make, limit, kind, place = TEXTS[what]
    assert found(make(letter * limit)) == []
    assert found(make(letter * (limit + 1))) == [(kind, place)]


@pytest.mark.parametrize("what", NUMBERS)
def test_so_many_are_a_problem_if_they_are_more_than_the_limit(what):
    make, limit, kind, place = NUMBERS[what]
    assert found(make(limit)) == []
    assert found(make(limit + 1)) == [(kind, place)]


@pytest.mark.parametrize("around", SURROUNDINGS)
@pytest.mark.parametrize("what", TEXTS)
def test_a_text_that_is_too_long_is_found_wherever_it_is(what, around):
    make, limit, kind, place = TEXTS[what]
    if around == "after other events":
        place = place.replace("events[0]", "events[2]")
    assert found(SURROUNDINGS[around](make("x" * limit))) == []
    assert found(SURROUNDINGS[around](make("x" * (limit + 1)))) == [(kind, place)]


@pytest.mark.parametrize("around", SURROUNDINGS)
@pytest.mark.parametrize("key", ["new", "old"])
def test_an_identity_of_nobody_is_found_wherever_it_is(key, around):
    identity = UserIdentity("other", NOBODYS, "2026-10-01T00:00:00Z")
    changed = BATCH.user_identity_change(**{"new": None, "old": None, key: identity})
    batch = SURROUNDINGS[around](changed)
    position = 2 if around == "after other events" else 0
    place = f"events[{position}].{key}.identity"
    assert texts(batch) == [f"{place} is '{NOBODYS}', which is nobody's; leave it out"]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (10**14, None),
        (10**14 + 1, "looks like microseconds; write at=100000000000"),
        (1_796_122_901_894_876, "looks like microseconds; write at=1796122901894"),
        (
            1_796_122_901_894_876_677,
            "looks like nanoseconds; write at=1796122901894",
        ),
    ],
)
@pytest.mark.parametrize("user", ["17", "00"])  # near a limit, and not
def test_a_time_in_smaller_units_is_advice(at, text, user):
    batch = Batch.for_user(customer_id=user, email="a@b.example").event("a").event("b", at=at)
    found = [one for one in batch.problems() if one.kind == "far_event"]

    assert [one.text for one in found] == (
        [f"events[1].at={at} {text}, in milliseconds"] if text else []
    )
    assert all(one.advice and one.place == "events[1]" for one in found)
