"""The laws of joining batches."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import MOMENT_MS, contexts, full

from mpfluent import (
    AppEvent,
    ApplicationInformation,
    AttributionInfo,
    Batch,
    BatchContext,
    CCPAConsentState,
    ConsentState,
    DataPlanContext,
    DeviceInformation,
    GDPRConsentState,
    GeoLocation,
    InvalidValue,
    MixedUsers,
    UserIdentities,
)
from mpfluent.testing.strategies import batches, events, names, user_attributes


def merged(*parts: Batch) -> Batch | str:
    """Return the batches joined from the left, or the word for two users."""
    try:
        joined = parts[0]
        for part in parts[1:]:
            joined = joined.merge(part)
    except MixedUsers:
        return "two users"
    return joined


def merged_from_the_right(*parts: Batch) -> Batch | str:
    """Return the batches joined from the right, or the word for two users."""
    try:
        joined = parts[-1]
        for part in reversed(parts[:-1]):
            joined = part.merge(joined)
    except MixedUsers:
        return "two users"
    return joined


# A few names and values, so that three batches often speak of the same thing


FEW_NAMES = st.sampled_from(["a", "b", "c"])
FEW_VALUES = st.none() | st.sampled_from([0, False, "x", "y"]) | st.just(["x"])
FEW_MAPS = st.dictionaries(FEW_NAMES, FEW_VALUES, max_size=2)
FEW_TEXTS = st.dictionaries(FEW_NAMES, st.sampled_from(["", "x", "y"]), max_size=2)
FEW_CONSENTS = st.builds(
    GDPRConsentState, st.booleans(), st.sampled_from([MOMENT_MS, MOMENT_MS + 1])
)


@cache
def steps(*, who: bool) -> st.SearchStrategy[Any]:
    """Draw one step of context, from few enough that steps collide.

    Args:
        who: whether the step may say who the user is.
    """

    def verb(name: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.tuples(*args).map(lambda drawn: lambda batch: getattr(batch, name)(*drawn))

    device = st.builds(
        DeviceInformation,
        brand=st.none() | st.sampled_from(["x", "y"]),
        is_tablet=st.none() | st.booleans(),
    )
    context = [
        verb("with_environment", st.sampled_from(["development", "production"])),
        verb("with_ip", st.sampled_from(["203.0.113.7", "::1"])),
        verb("with_source_request_id", st.sampled_from(["r-0", "r-1"])),
        verb("with_user_attributes", FEW_MAPS),
        verb("with_deleted_user_attributes", FEW_NAMES),
        verb("with_device", device),
        verb("with_integration_attributes", st.sampled_from([1, 2]), FEW_TEXTS),
        verb(
            "with_consent_state",
            st.builds(ConsentState, gdpr=st.dictionaries(FEW_NAMES, FEW_CONSENTS, max_size=2)),
        ),
        verb("with_data_plan", st.sampled_from(["p", "q"]), st.none() | st.integers(1, 2)),
        verb("with_location", st.sampled_from([0, 1.5]), st.sampled_from([0, 2])),
        verb("event", FEW_NAMES, FEW_MAPS.map(flat)),
    ]
    user = [
        verb("with_mpid", st.sampled_from([0, 1])),
        verb("with_identities", st.builds(UserIdentities, email=st.sampled_from(["x", "z"]))),
        verb("with_identities", st.builds(UserIdentities, other=st.sampled_from(["x", "y"]))),
        verb(
            "with_partner_identities",
            st.dictionaries(FEW_NAMES, st.sampled_from(["x", "y"]), max_size=2),
        ),
        verb("with_partner_identity", st.sampled_from(["x", "y"])),
    ]
    return st.one_of([*context, *user] if who else context)


def flat(attributes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if not isinstance(value, list)}


@st.composite
def colliding(draw: Any, *, who: bool = False) -> Batch:
    """Draw a batch of few names and values."""
    batch = Batch()
    for step in draw(st.lists(steps(who=who), max_size=5)):
        batch = step(batch)
    return batch


# The laws


@given(colliding(), colliding(), colliding())
@settings(deadline=None)
def test_merging_is_associative(a: Batch, b: Batch, c: Batch) -> None:
    assert a.merge(b).merge(c) == a.merge(b.merge(c))


@given(batches(user=False), batches(user=False), batches(user=False))
@settings(deadline=None)
def test_merging_is_associative_for_any_batches(a: Batch, b: Batch, c: Batch) -> None:
    assert a.merge(b).merge(c) == a.merge(b.merge(c))


@given(colliding(who=True), colliding(who=True), colliding(who=True))
@settings(deadline=None)
def test_two_users_are_an_error_however_the_batches_are_grouped(
    a: Batch, b: Batch, c: Batch
) -> None:
    assert merged(a, b, c) == merged_from_the_right(a, b, c)


@given(batches())
@settings(deadline=None)
def test_an_empty_batch_is_neutral(batch: Batch) -> None:
    assert Batch().merge(batch) == batch
    assert batch.merge(Batch()) == batch
    assert Batch().merge(batch).to_json() == batch.to_json()
    assert batch.merge(Batch()).to_json() == batch.to_json()


@given(colliding(who=True), colliding(who=True))
@settings(deadline=None)
def test_plus_is_merge(a: Batch, b: Batch) -> None:
    if merged(a, b) == "two users":
        with pytest.raises(MixedUsers):
            a + b
        return
    assert a + b == a.merge(b)
    assert (a + b).to_json() == a.merge(b).to_json()


@given(colliding(who=True), colliding(who=True))
@settings(deadline=None)
def test_merging_leaves_both_sides_as_they_were(a: Batch, b: Batch) -> None:
    before = a.to_json(), b.to_json()
    merged(a, b)
    assert (a.to_json(), b.to_json()) == before


@given(batches())
@settings(deadline=None)
def test_merging_with_its_own_context_changes_nothing(batch: Batch) -> None:
    context = Batch.from_dict({**batch.to_dict(), "events": []})
    assert batch.merge(context) == batch
    assert context.merge(batch) == batch


@given(st.lists(events(), max_size=3), st.lists(events(), max_size=3))
@settings(deadline=None)
def test_events_follow_in_order(left: list[Any], right: list[Any]) -> None:
    joined = Batch().add(*left) + Batch().add(*right)
    assert list(joined.events) == left + right


@given(colliding(), st.lists(steps(who=False), max_size=4))
@settings(deadline=None)
def test_merging_is_the_same_as_going_on(batch: Batch, more: list[Any]) -> None:
    alone, going_on = Batch(), batch
    for step in more:
        alone, going_on = step(alone), step(going_on)
    assert batch.merge(alone) == going_on


def test_sum_joins_any_number_of_batches() -> None:
    parts = [Batch().event("a"), Batch().event("b"), Batch.for_user(email="a@b.example")]
    joined = sum(parts, Batch())
    assert [event.event_name for event in joined.events] == ["a", "b"]
    assert joined.user_identities == UserIdentities(email="a@b.example")


RIGHT_WINS = [
    (
        Batch().with_environment("production"),
        Batch().with_environment("development"),
        {"environment": "development"},
    ),
    (Batch().with_ip("203.0.113.7"), Batch().with_ip("::1"), {"ip": "::1"}),
    (
        Batch().with_source_request_id("a"),
        Batch().with_source_request_id("b"),
        {"source_request_id": "b"},
    ),
    (
        Batch().with_device(platform="iOS", brand="a", is_tablet=True),
        Batch().with_device(brand="b", is_tablet=False),
        {"device_info": {"platform": "iOS", "brand": "b", "is_tablet": False}},
    ),
    (
        Batch().with_application(application_name="Shop", os="IOS"),
        Batch().with_application(os="TVOS", package="com.example"),
        {"application_info": {"application_name": "Shop", "package": "com.example", "os": "TVOS"}},
    ),
    (
        Batch().with_user_attributes(a=1, b=[1], c=None),
        Batch().with_user_attributes(b=2, d=False),
        {"user_attributes": {"a": 1, "b": 2, "c": None, "d": False}},
    ),
    (
        Batch().with_integration_attributes(1, {"a": "1", "b": "1"}),
        Batch()
        .with_integration_attributes(1, {"b": "2", "c": "2"})
        .with_integration_attributes(2, {"a": "2"}),
        {"integration_attributes": {"1": {"a": "1", "b": "2", "c": "2"}, "2": {"a": "2"}}},
    ),
    (
        Batch().with_attribution_info("a", "b", "c"),
        Batch().with_attribution_info("d", "e", "f"),
        {"attribution_info": {"service_provider": "d", "publisher": "e", "campaign": "f"}},
    ),
    (
        Batch().with_deleted_user_attributes("a", "b"),
        Batch().with_deleted_user_attributes("b", "c"),
        {"deleted_user_attributes": ["a", "b", "c"]},
    ),
    # of one user, what both sides say is the same
    (
        Batch.for_user(mpid=1, email="a@b.example").with_partner_identities({"Acme_Id": "1"}),
        Batch.for_user(mpid=1, email="a@b.example", customer_id="7").with_partner_identities(
            {"Acme_Id": "1", "Other_Id": "2"}
        ),
        {
            "mpid": 1,
            "user_identities": {"customer_id": "7", "email": "a@b.example"},
            "partner_identities": {"Acme_Id": "1", "Other_Id": "2"},
        },
    ),
]


@pytest.mark.parametrize(
    ("left", "right", "expected"), RIGHT_WINS, ids=[str(list(row[2])) for row in RIGHT_WINS]
)
def test_the_right_side_wins_field_by_field(
    left: Batch, right: Batch, expected: dict[str, Any]
) -> None:
    assert (left + right).to_dict() == expected


def test_a_data_plan_is_replaced_whole() -> None:
    left = Batch().with_data_plan("p", 2).with_location(1, 2, city_name="Bern")
    right = Batch().with_data_plan("q")
    assert (left + right).to_dict()["context"] == {
        "data_plan": {"plan_id": "q"},
        "location": {"latitude": 1, "longitude": 2, "city_name": "Bern"},
    }
    assert left.with_data_plan("q") == left + right


def test_a_location_is_replaced_whole() -> None:
    left = Batch().with_data_plan("p", 2).with_location(1, 2, city_name="Bern")
    right = Batch().with_location(3, 4)
    assert (left + right).to_dict()["context"] == {
        "data_plan": {"plan_id": "p", "plan_version": 2},
        "location": {"latitude": 3, "longitude": 4},
    }
    assert left.with_location(3, 4) == left + right


def test_consents_are_merged_purpose_by_purpose() -> None:
    early, late = MOMENT_MS, MOMENT_MS + 1
    left = (
        Batch()
        .with_gdpr_consent("ads", True, at=early, document="v1")
        .with_gdpr_consent("mail", True, at=early)
        .with_ccpa_data_sale_opt_out(at=early)
    )
    right = Batch().with_gdpr_consent("ads", False, at=late)
    assert (left + right).to_dict()["consent_state"] == {
        "gdpr": {
            # one purpose's record goes whole
            "ads": {"consented": False, "timestamp_unixtime_ms": late},
            "mail": {"consented": True, "timestamp_unixtime_ms": early},
        },
        "ccpa": {"data_sale_opt_out": {"consented": True, "timestamp_unixtime_ms": early}},
    }
    opted_in = Batch().with_ccpa_data_sale_opt_out(False, at=late)
    ccpa = (left + opted_in).consent_state.ccpa["data_sale_opt_out"]
    assert ccpa == CCPAConsentState(False, late)
    assert (left + opted_in).consent_state.gdpr == left.consent_state.gdpr


def test_an_empty_record_merges_into_anything() -> None:
    batch = full_batch()
    assert batch.with_consent_state(ConsentState()) == batch
    assert batch.with_device(DeviceInformation()) == batch
    assert batch.with_identities(UserIdentities()) == batch
    assert batch.with_application(ApplicationInformation()) == batch
    assert Batch().with_consent_state(ConsentState()) == Batch()


def full_batch() -> Batch:
    return (
        Batch()
        .with_consent_state(full(ConsentState))
        .with_device(full(DeviceInformation))
        .with_identities(full(UserIdentities))
        .with_application(full(ApplicationInformation))
        .with_attribution_info(full(AttributionInfo))
        .with_data_plan(full(DataPlanContext))
        .with_location(full(GeoLocation))
    )


def test_a_full_context_merges_into_an_empty_batch() -> None:
    assert Batch() + full_batch() == full_batch()
    assert full_batch().context == full(BatchContext)


# Setting and deleting one user attribute

SET = "set"
DELETE = "delete"
ACTS = st.tuples(st.sampled_from([SET, DELETE]), FEW_NAMES, FEW_VALUES)


def act(batch: Batch, what: str, name: str, value: Any) -> Batch:
    if what == SET:
        return batch.with_user_attributes({name: value})
    return batch.with_deleted_user_attributes(name)


@given(st.lists(ACTS, max_size=8), st.integers(0, 8))
@settings(deadline=None)
def test_the_last_of_setting_and_deleting_wins(acts: list[Any], where: int) -> None:
    batch, left, right = Batch(), Batch(), Batch()
    expected: dict[str, Any] = {}
    for what, name, value in acts:
        batch = act(batch, what, name, value)
        expected[name] = (what, value)
    for one in acts[:where]:
        left = act(left, *one)
    for one in acts[where:]:
        right = act(right, *one)
    for found in (batch, left + right, Batch.from_json((left + right).to_json())):
        assert (found.user_attributes or {}) == {
            name: value for name, (what, value) in expected.items() if what == SET
        }
        assert set(found.deleted_user_attributes or ()) == {
            name for name, (what, _) in expected.items() if what == DELETE
        }


def test_a_deleted_attribute_can_be_set_to_nothing() -> None:
    # None is a value: a tag
    batch = Batch().with_deleted_user_attributes("vip") + Batch().with_user_attributes(vip=None)
    assert batch.to_dict() == {"user_attributes": {"vip": None}}


def test_taking_an_attribute_out_of_the_batch_deletes_nothing() -> None:
    batch = Batch().with_user_attributes(a=1, b=2).without_user_attributes("a")
    assert batch.to_dict() == {"user_attributes": {"b": 2}}
    assert Batch().with_user_attributes(a=1, b=2).without_user_attributes() == Batch()
    deleting = Batch().with_deleted_user_attributes("a").without_user_attributes("a")
    assert deleting.to_dict() == {"deleted_user_attributes": ["a"]}


@given(user_attributes(), st.lists(names(), max_size=3))
@settings(deadline=None)
def test_an_attribute_is_never_both_set_and_deleted(set_: dict[str, Any], gone: list[str]) -> None:
    for batch in (
        Batch().with_user_attributes(set_).with_deleted_user_attributes(*gone),
        Batch().with_deleted_user_attributes(*gone).with_user_attributes(set_),
        Batch().with_user_attributes(set_) + Batch().with_deleted_user_attributes(*gone),
        Batch().with_deleted_user_attributes(*gone) + Batch().with_user_attributes(set_),
    ):
        both = set(batch.user_attributes or ()) & set(batch.deleted_user_attributes or ())
        assert both == set()
        everything = {*(batch.user_attributes or ()), *(batch.deleted_user_attributes or ())}
        assert everything == {*set_, *gone}


# Two users

TWO_USERS = [
    (
        Batch.for_user(customer_id="u-1"),
        Batch.for_user(customer_id="u-2"),
        "cannot merge customer_id='u-1' with customer_id='u-2'",
    ),
    (Batch.for_user(mpid=1), Batch.for_user(mpid=2), "cannot merge mpid=1 with mpid=2"),
    (Batch.for_user(mpid=0), Batch.for_user(mpid=2), "cannot merge mpid=0 with mpid=2"),
    (
        Batch.for_user(email="a@b.example", other="x"),
        Batch.for_user(email="a@b.example", other="y"),
        "cannot merge other='x' with other='y'",
    ),
    (
        Batch().with_partner_identities({"Acme_Id": "1"}),
        Batch().with_partner_identities({"Acme_Id": "2"}),
        "cannot merge Acme_Id='1' with Acme_Id='2'",
    ),
    (
        Batch().with_partner_identity("1"),
        Batch().with_partner_identity("2"),
        "cannot merge partner_identity='1' with partner_identity='2'",
    ),
]


@pytest.mark.parametrize(("left", "right", "text"), TWO_USERS)
def test_two_users_are_an_error_that_names_both(left: Batch, right: Batch, text: str) -> None:
    for join in (left.merge, left.__add__):
        with pytest.raises(MixedUsers) as caught:
            join(right)
        assert str(caught.value) == (
            f"{text}: a batch is one user; send both with client.send(a, b)"
        )


def test_one_user_can_be_named_in_two_ways() -> None:
    left, right = Batch.for_user(customer_id="u-1"), Batch.for_user(email="a@b.example", mpid=1)
    assert left + right == Batch.for_user(customer_id="u-1", email="a@b.example", mpid=1)


def test_the_user_of_a_template_can_still_be_changed_by_name() -> None:
    batch = Batch.for_user(customer_id="u-1").with_identities(customer_id="u-2")
    assert batch == Batch.for_user(customer_id="u-2")


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (AppEvent("x"), "want a Batch, got AppEvent"),
        ({}, "merge({}): want a Batch, got dict"),
        (None, "merge(None): want a Batch, got NoneType"),
    ],
)
def test_only_batches_merge(other: Any, text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Batch().merge(other)
    assert text in str(caught.value)
    assert str(caught.value).endswith("; write add(event) for events")
    with pytest.raises(TypeError):
        Batch() + other


# Subclasses keep their type


class Verbs(Batch):
    """A user's verbs."""

    __slots__ = ()

    def signed_up(self, plan: str) -> Verbs:
        return self.event("Signed up", {"plan": plan}).with_user_attributes(plan=plan)


def test_the_left_sides_type_is_kept() -> None:
    mine, plain = Verbs().signed_up("pro"), Batch().event("x")
    for joined in (mine + plain, mine.merge(plain), mine + mine):
        assert type(joined) is Verbs
    assert type(plain + mine) is Batch
    assert (mine + plain).signed_up("free").user_attributes == {"plan": "free"}


@given(st.sampled_from(sorted(contexts())).flatmap(lambda name: contexts()[name]))
@settings(deadline=None)
def test_every_context_verb_keeps_the_type(step: Any) -> None:
    assert type(Verbs() + step(Batch())) is Verbs


def test_a_subclass_equals_its_base_with_the_same_content() -> None:
    assert Verbs().event("x") == Batch().event("x")
    assert hash(Verbs().event("x")) == hash(Batch().event("x"))
