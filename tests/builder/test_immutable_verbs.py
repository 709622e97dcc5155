"""No verb changes the value that it is called on."""

from __future__ import annotations

import operator
import pickle
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from value_samples import (
    BASES,
    ENDS,
    EVENTS,
    OTHERS,
    REMOVES,
    SAMPLES,
    SETS,
    TEAPOT,
    call,
    leaks,
    rich_batch,
    seen,
    verbs,
)

from mpfluent import (
    Batch,
    ConsentState,
    EventVerbs,
    InvalidValue,
    MixedUsers,
    Product,
    Session,
    UnknownField,
)
from mpfluent.testing import strategies


def test_every_public_verb_has_a_sample():
    assert verbs(Batch) | verbs(Session) == set(SAMPLES)
    assert verbs(EventVerbs) <= set(EVENTS)


@pytest.mark.parametrize("verb", sorted(SAMPLES))
def test_a_verb_leaves_its_value_as_it_was(verb):
    for name, base in BASES.items():
        # only a session that has times knows its duration
        if verb not in verbs(type(base)) or (verb == "end" and base.at is None):
            continue
        before, twin, arguments = seen(base), pickle.loads(pickle.dumps(base)), SAMPLES[verb]
        given_before = repr(arguments)

        result = arguments.on(base, verb)

        assert seen(base) == before, name
        assert base == twin, name
        assert seen(twin) == before, name
        assert repr(arguments) == given_before, name
        if verb not in OTHERS:
            assert type(result) is type(base), name
            assert leaks(result) == [], name
            assert (result is base) <= (result == base), name


@pytest.mark.parametrize("verb", sorted(EVENTS | SETS | REMOVES))
def test_a_verb_returns_another_value(verb):
    for base in (BASES["rich batch"], BASES["shop batch"]):
        result = SAMPLES[verb].on(base, verb)

        assert result is not base
        assert result != base


@pytest.mark.parametrize("verb", sorted(EVENTS | ENDS))
def test_an_event_verb_appends_and_keeps_all_that_was_before(verb):
    for base in (BASES["rich batch"], BASES["rich session"], BASES["shop session"]):
        if verb not in verbs(type(base)):
            continue
        result = SAMPLES[verb].on(base, verb)
        more = len(SAMPLES[verb].args) if verb == "add" else 1

        assert len(result.events) == len(base.events) + more
        assert all(map(operator.is_, result.events, base.events))


NOTHING = {
    "with_identities": call(),
    "with_device": call(None),
    "with_application": call(),
    "with_user_attributes": call({}),
    "with_deleted_user_attributes": call(),
    "with_partner_identities": call({}),
    "with_integration_attributes": call(7, {}),
    "with_environment": call("development"),
    "with_ip": call("198.51.100.1"),
    "with_data_plan": call("plan", 1),
    "with_consent_state": call(ConsentState()),
    "without_device": call("brand"),
    "without_identities": call("other"),
    "without_user_attributes": call("unknown"),
    "merge": call(Batch()),
    "add": call(),
}


@pytest.mark.parametrize("verb", NOTHING)
def test_a_verb_that_changes_nothing_gives_an_equal_value(verb):
    base = BASES["rich batch"]
    before = seen(base)

    result = NOTHING[verb].on(base, verb)

    assert result == base
    assert result.to_json() == base.to_json()
    assert seen(base) == before


@given(path=st.lists(st.sampled_from(sorted(EVENTS | SETS | REMOVES)), max_size=12))
def test_no_step_of_a_chain_changes_a_value_before_it(path):
    trail = [rich_batch()]
    pictures = [seen(trail[0])]

    for verb in path:
        trail.append(SAMPLES[verb].on(trail[-1], verb))
        pictures.append(seen(trail[-1]))

    assert [seen(batch) for batch in trail] == pictures


# A session takes no more events after its end.
PATHS = st.lists(st.sampled_from(sorted(EVENTS.keys() - {"session_end"})), max_size=5)


@given(left=PATHS, right=PATHS)
@pytest.mark.parametrize("base", [BASES["rich batch"], BASES["rich session"]])
def test_two_values_derived_from_one_know_nothing_of_each_other(base, left, right):
    def derived(path):
        value = base
        for verb in path:
            value = SAMPLES[verb].on(value, verb)
        return value

    first = derived(left)
    picture = seen(first)
    second = derived(right)

    assert seen(first) == picture
    assert first.events[: len(base.events)] == second.events[: len(base.events)] == base.events
    assert (first == second) == (first.events == second.events)


@given(left=strategies.batches(), right=strategies.batches())
def test_merging_leaves_both_sides_as_they_were(left, right):
    before = seen(left), seen(right)

    with suppress(MixedUsers):
        assert seen(left.merge(right))
    assert seen(left + Batch()), seen(left.with_device(brand="x").event("y"))

    assert (seen(left), seen(right)) == before


def test_a_derived_value_shares_what_did_not_change():
    base = BASES["rich batch"]

    derived = base.with_environment("production").event("More")

    assert derived.user_identities is base.user_identities
    assert derived.user_attributes is base.user_attributes
    assert derived.events[0] is base.events[0]


def test_plus_equals_makes_a_new_batch():
    base = batch = BASES["rich batch"]
    before = seen(base)

    batch += Batch().event("More")

    assert batch is not base
    assert len(batch.events) == len(base.events) + 1
    assert seen(base) == before


@pytest.mark.parametrize("name", BASES)
def test_replace_keeps_what_it_is_not_given(name):
    base = BASES[name]
    before = seen(base)

    assert base.__replace__() == base
    assert type(base.__replace__()) is type(base)
    assert base.__replace__().events == base.events
    assert seen(base) == before


def test_replace_changes_what_it_is_given():
    base = BASES["rich batch"]

    assert base.__replace__(environment="production") == base.with_environment("production")
    assert TEAPOT.__replace__(price=5) == Product(
        "sku-1", "Teapot", price=5, custom_attributes={"size": "L"}
    )
    with pytest.raises(UnknownField):
        TEAPOT.__replace__(prise=5)
    with pytest.raises(InvalidValue):
        TEAPOT.__replace__(price="5")
    with pytest.raises(InvalidValue):
        TEAPOT.__replace__(id=None, name=None)
