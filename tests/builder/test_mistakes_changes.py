"""Attempts to change a value, or to make one batch of two users, and the errors' texts."""

from __future__ import annotations

import operator
import pickle

import pytest
from mistake_tables import BATCH, SEARCHED, SESSION, TEAPOT, assert_error, mistakes

from mpfluent import AppEvent, Batch, Immutable, MixedUsers

# One batch is one user


@mistakes(
    (
        lambda: Batch.for_user(mpid=1).merge(Batch.for_user(mpid=2)),
        MixedUsers,
        "cannot merge mpid=1 with mpid=2: a batch is one user; send both with client.send(a, b)",
    ),
    (
        lambda: (
            Batch.for_user(email="a@b.example", other="x")
            + Batch.for_user(email="a@b.example", other="y")
        ),
        MixedUsers,
        "cannot merge other='x' with other='y': a batch is one user; "
        "send both with client.send(a, b)",
    ),
    (
        lambda: Batch().with_partner_identity("a").merge(Batch().with_partner_identity("b")),
        MixedUsers,
        "cannot merge partner_identity='a' with partner_identity='b': a batch is one user; "
        "send both with client.send(a, b)",
    ),
    (
        lambda: (
            Batch().with_partner_identities({"Acme_Id": "1"})
            + Batch().with_partner_identities({"Acme_Id": "2"})
        ),
        MixedUsers,
        "cannot merge Acme_Id='1' with Acme_Id='2': a batch is one user; "
        "send both with client.send(a, b)",
    ),
)
def test_two_users_do_not_become_one(call, error, text):
    assert_error(call, error, text)


def test_what_is_no_batch_cannot_be_added_with_plus():
    for other in (5, "u-2", SEARCHED, SESSION, None):
        with pytest.raises(TypeError):
            BATCH + other


# Nothing changes in place


@mistakes(
    (
        lambda: BATCH.insert(0, SEARCHED),
        Immutable,
        "Batch is immutable; write batch = batch.add(event)",
    ),
    (
        lambda: BATCH.set("plan", "pro"),
        Immutable,
        "Batch is immutable; write batch = batch.with_user_attributes(…)",
    ),
    (
        lambda: BATCH.update({"plan": "pro"}),
        Immutable,
        "Batch is immutable; write batch = batch.merge(other)",
    ),
    (
        lambda: BATCH.extend([SEARCHED]),
        Immutable,
        "Batch is immutable; write batch = batch.add(*events)",
    ),
    (
        lambda: SESSION.append(SEARCHED),
        Immutable,
        "Session is immutable; write session = session.add(event)",
    ),
    (
        lambda: SESSION.insert(0, SEARCHED),
        Immutable,
        "Session is immutable; write session = session.add(event)",
    ),
    (
        lambda: SESSION.set("plan", "pro"),
        Immutable,
        "Session is immutable; write session = session.add(event)",
    ),
    (
        lambda: SESSION.update({"plan": "pro"}),
        Immutable,
        "Session is immutable; write session = session.add(event)",
    ),
    (
        lambda: setattr(BATCH, "events", ()),
        Immutable,
        "Batch is immutable; write batch = batch.add(…)",
    ),
    (
        lambda: setattr(BATCH, "mpid", 5),
        Immutable,
        "Batch is immutable; write batch = batch.with_mpid(…)",
    ),
    (
        lambda: setattr(BATCH, "user_identities", None),
        Immutable,
        "Batch is immutable; write batch = batch.with_identities(…)",
    ),
    (
        lambda: setattr(BATCH, "device_info", None),
        Immutable,
        "Batch is immutable; write batch = batch.with_device(…)",
    ),
    (
        lambda: setattr(BATCH, "plan", "pro"),
        Immutable,
        "Batch is immutable; write batch = batch.with_user_attributes(plan=…)",
    ),
    (
        lambda: setattr(BATCH, "context", None),
        Immutable,
        "Batch is immutable; write batch = batch.with_data_plan(…)",
    ),
    (
        lambda: setattr(BATCH, "sdk_version", "8.1"),
        Immutable,
        "Batch is immutable; write batch = batch.merge(Batch.from_dict({'sdk_version': …}))",
    ),
    (
        lambda: operator.setitem(BATCH, "a", 1),
        Immutable,
        "Batch is immutable; write batch = batch.with_user_attributes(a=…)",
    ),
    (
        lambda: operator.setitem(BATCH, "Account type", 1),
        Immutable,
        "Batch is immutable; write batch = batch.with_user_attributes({'Account type': …})",
    ),
    (
        lambda: operator.setitem(BATCH, "class", 1),
        Immutable,
        "Batch is immutable; write batch = batch.with_user_attributes({'class': …})",
    ),
    (
        lambda: operator.setitem(BATCH, 0, SEARCHED),
        Immutable,
        "Batch is immutable; write batch = batch.add(event)",
    ),
    (
        lambda: delattr(BATCH, "mpid"),
        Immutable,
        "Batch is immutable; write batch = batch.with_mpid(…)",
    ),
    (
        lambda: BATCH.events.append(SEARCHED),
        Immutable,
        "events are immutable; write batch = batch.add(event)",
    ),
    (
        lambda: operator.iadd(BATCH.events, [SEARCHED]),
        Immutable,
        "events are immutable; write batch = batch.add(event)",
    ),
    (
        lambda: operator.setitem(BATCH.events, 0, SEARCHED),
        Immutable,
        "events are immutable; write batch = batch.add(event)",
    ),
    (
        lambda: operator.delitem(BATCH.events, 0),
        Immutable,
        "events are immutable; write batch = batch.add(event)",
    ),
    (
        lambda: SESSION.events.insert(0, SEARCHED),
        Immutable,
        "events are immutable; write session = session.add(event)",
    ),
    (
        lambda: operator.setitem(BATCH, "mpid", 5),
        Immutable,
        "Batch is immutable; write batch = batch.with_mpid(…)",
    ),
    (
        lambda: operator.delitem(BATCH, "mpid"),
        Immutable,
        "Batch is immutable; write batch = batch.with_mpid(…)",
    ),
    (
        lambda: setattr(SESSION, "at", 5),
        Immutable,
        "Session is immutable; write session = session.add(…), not at = …",
    ),
    (
        lambda: operator.setitem(SESSION, 0, SEARCHED),
        Immutable,
        "Session is immutable; write session = session.add(event)",
    ),
    (
        lambda: operator.delitem(SESSION, "at"),
        Immutable,
        "Session is immutable; write session = session.add(event)",
    ),
    (
        lambda: setattr(TEAPOT, "price", 5),
        Immutable,
        "Product is immutable; write a new Product(price=…)",
    ),
    (
        lambda: setattr(TEAPOT, "prise", 5),
        Immutable,
        "Product is immutable and has no field 'prise'; did you mean 'price'?",
    ),
    (
        lambda: operator.setitem(TEAPOT, "price", 5),
        Immutable,
        "Product is immutable; write a new one",
    ),
    (
        lambda: setattr(SEARCHED, "custom_attributes", {}),
        Immutable,
        "AppEvent is immutable and has no field 'custom_attributes'; did you mean 'attributes'?",
    ),
    (
        lambda: operator.setitem(AppEvent("x", {"query": "a"}).attributes, "query", "b"),
        Immutable,
        "attributes are immutable; write attributes = {**attributes, 'query': …} and make a new "
        "value with them",
    ),
    (
        lambda: operator.delitem(AppEvent("x", {"query": "a"}).attributes, "query"),
        Immutable,
        "attributes are immutable; write attributes = {name: value for name, value in "
        "attributes.items() if name != 'query'} and make a new value with them",
    ),
)
def test_an_attempt_to_change_a_value_is_answered_with_the_line_to_write(call, error, text):
    assert_error(call, error, text)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("batch.events += (1,)", "Batch is immutable; write batch = batch.add(…)"),
        ("batch.events += [1]", "events are immutable; write batch = batch.add(event)"),
        (
            "batch.user_attributes |= {'plan': 'pro'}",
            "Batch is immutable; write batch = batch.with_user_attributes(…)",
        ),
        (
            "batch.user_attributes['plan'] = 'pro'",
            "attributes are immutable; write attributes = {**attributes, 'plan': …} and make a "
            "new value with them",
        ),
        ("del batch.events", "Batch is immutable; write batch = batch.add(…)"),
    ],
)
def test_a_statement_that_would_change_a_value_is_answered_with_the_line_to_write(statement, text):
    with pytest.raises(Immutable) as caught:
        exec(statement, {"batch": BATCH.with_user_attributes(plan="free")})

    assert str(caught.value) == text


def test_what_looks_like_a_change_and_makes_a_new_value_works():
    events, attributes = BATCH.add(SEARCHED).events, AppEvent("x", {"a": 1}).attributes
    more, joined = events, attributes
    more += (SEARCHED,)
    joined |= {"b": 2}

    assert (len(events), len(more)) == (1, 2)
    assert (attributes, joined) == ({"a": 1}, {"a": 1, "b": 2})


def test_a_misspelt_method_of_attributes_is_answered():
    with pytest.raises(AttributeError) as caught:
        AppEvent("x", {"a": 1}).attributes.itmes()

    assert (
        str(caught.value) == "attributes are a mapping and have no 'itmes'; did you mean 'items'?"
    )


def test_events_are_an_ordinary_tuple_otherwise():
    events = BATCH.add(SEARCHED).events

    assert isinstance(events, tuple)
    assert events == (SEARCHED,)
    assert repr(events) == repr((SEARCHED,))
    assert type(pickle.loads(pickle.dumps(events))) is tuple
    assert not hasattr(events, "colour")
