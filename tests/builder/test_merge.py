"""The laws of joining batches, and of sessions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import MOMENT, MOMENT_MS, UUID, contexts, full

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
    InvalidTime,
    InvalidValue,
    MixedUsers,
    OptOutEvent,
    ScreenViewEvent,
    Session,
    SessionEndEvent,
    SessionStartEvent,
    UnknownField,
    UserIdentities,
)
from mpfluent.testing.strategies import (
    batches,
    events,
    instants,
    milliseconds,
    names,
    session_events,
    sessions,
    user_attributes,
    uuids,
)

SESSION_GIVES = {"session_uuid", "session_id", "event_num"}


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


# Field by field, the right side wins

SAME = "203.0.113.7"
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


def test_one_user_can_be_told_in_two_ways() -> None:
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
    """A vocabulary of one's own."""

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


# Sessions


def numbers_of(session: Session) -> list[Any]:
    return [event.event_num for event in session.events]


def times_of(session: Session) -> list[Any]:
    return [event.at for event in session.events]


@given(sessions())
@settings(deadline=None)
def test_the_events_of_a_session_are_numbered_from_zero(session: Session) -> None:
    assert numbers_of(session) == list(range(len(session.events)))


@given(sessions(ended=False), session_events())
@settings(deadline=None)
def test_every_event_inherits_the_ids(session: Session, event: Any) -> None:
    for each in session.add(event).events:
        assert each.session_uuid == session.session_uuid
        assert each.session_id == session.session_id


@given(sessions())
@settings(deadline=None)
def test_a_session_begins_with_its_start(session: Session) -> None:
    assert type(session.events[0]) is SessionStartEvent
    assert session.events[0].at == session.at


@given(sessions(timed=False, ended=False), st.lists(session_events(), max_size=3))
@settings(deadline=None)
def test_a_session_changes_nothing_else_of_an_event(session: Session, given_: list[Any]) -> None:
    placed = session.add(*given_).events[len(session.events) :]
    for before, after in zip(given_, placed, strict=True):
        kept = {
            name: value
            for name, value in after._given().items()
            if name not in {*SESSION_GIVES, "at"}
        }
        assert kept == {name: value for name, value in before._given().items() if name != "at"}
        assert type(after) is type(before)


@given(milliseconds(), st.lists(st.none() | milliseconds(), max_size=5))
@settings(deadline=None)
def test_an_event_without_a_time_happens_with_the_one_before(
    start: int, times: list[int | None]
) -> None:
    session = Session.start(session_id=1, at=start)
    expected = [start]
    for at in times:
        session = session.event("x", at=at)
        expected.append(expected[-1] if at is None else at)
    assert times_of(session) == expected


@given(instants(), st.lists(st.integers(0, 10**9), max_size=5))
@settings(deadline=None)
def test_after_counts_from_the_event_before(start: Any, gaps: list[int]) -> None:
    (first,) = Session.start(session_id=1, at=start).events
    if not 0 < first.at < 2**62:
        return
    in_seconds = in_deltas = Session.start(session_id=1, at=start)
    expected = [first.at]
    for gap in gaps:
        in_seconds = in_seconds.event("x", after=gap / 1000)
        in_deltas = in_deltas.event("x", after=timedelta(milliseconds=gap))
        expected.append(expected[-1] + gap)
    assert times_of(in_seconds) == expected
    assert times_of(in_deltas) == expected
    ended = in_deltas.end()
    assert ended.events[-1].session_duration_ms == sum(gaps)


@pytest.mark.parametrize(
    ("after", "milliseconds"),
    [
        (0, 0),
        (0.0, 0),
        (1, 1000),
        (1.5, 1500),
        (0.001, 1),
        (0.0004, 0),
        (0.29, 290),
        (3600, 3_600_000),
        (timedelta(0), 0),
        (timedelta(days=1), 86_400_000),
        (timedelta(microseconds=1500), 2),
    ],
)
def test_after_is_seconds_or_a_timedelta(after: Any, milliseconds: int) -> None:
    session = Session.start(session_id=1, at=MOMENT).screen_view("Home", after=after)
    assert times_of(session) == [MOMENT_MS, MOMENT_MS + milliseconds]


def test_after_and_at_can_follow_each_other() -> None:
    session = (
        Session.start(UUID, at=MOMENT)
        .screen_view("Home", after=1.5)
        .event("Searched", at=datetime(2026, 11, 23, 11, tzinfo=UTC))
        .event("Found", after=20)
        .event("Read")
    )
    eleven = MOMENT_MS + 45 * 60_000
    assert times_of(session) == [
        MOMENT_MS,
        MOMENT_MS + 1500,
        eleven,
        eleven + 20_000,
        eleven + 20_000,
    ]


def test_the_end_has_the_duration_from_the_start() -> None:
    session = Session.start(session_id=1, at=MOMENT).event("x", after=20)
    assert session.end().events[-1] == SessionEndEvent(
        20_000, at=MOMENT_MS + 20_000, session_id=1, event_num=2
    )
    assert session.end(after=5).events[-1].session_duration_ms == 25_000
    assert session.end(after=5).events[-1].at == MOMENT_MS + 25_000
    at_noon = session.end(at="2026-11-23T12:00:00Z").events[-1]
    assert at_noon.session_duration_ms == 105 * 60_000
    assert session.end(after=0, attributes={"k": "v"}).events[-1].attributes == {"k": "v"}
    assert Session.start(session_id=1, at=MOMENT).end().events[-1].session_duration_ms == 0


def test_a_session_can_end_at_the_epoch() -> None:
    start = -(10**11)
    session = Session.start(session_id=1, at=start).end(at=0)
    assert times_of(session) == [start, 0]
    assert session.events[-1].session_duration_ms == 10**11


def test_a_session_without_times_has_none() -> None:
    session = Session.start(UUID).screen_view("Home").event("Searched").session_end(60_000)
    assert times_of(session) == [None] * 4
    assert numbers_of(session) == [0, 1, 2, 3]
    data = json.loads(Batch().add(session).to_json())["events"]
    assert all("timestamp_unixtime_ms" not in event["data"] for event in data)
    assert {event["data"]["session_uuid"] for event in data} == {UUID}


def test_a_time_in_the_middle_of_a_session_without_times_is_counted_from() -> None:
    session = Session.start(UUID).event("a").event("b", at=MOMENT).event("c", after=1)
    assert times_of(session) == [None, None, MOMENT_MS, MOMENT_MS + 1000]


@given(sessions(), batches(max_fields=2, max_events=2))
@settings(deadline=None)
def test_a_session_is_added_as_its_events(session: Session, batch: Batch) -> None:
    added = batch.add(session)
    assert added == batch.add(*session.events)
    assert added.events == (*batch.events, *session.events)
    assert Batch.from_json(added.to_json()) == added


@given(sessions(ended=False))
@settings(deadline=None)
def test_a_session_is_a_value(session: Session) -> None:
    again = Session.start(session.session_uuid, session_id=session.session_id, at=session.at).add(
        *(
            event._with(dict.fromkeys(("session_uuid", "session_id", "event_num")))
            for event in session.events[1:]
        )
    )
    assert again == session
    assert hash(again) == hash(session)
    before = session.events
    assert session.event("more") != session
    assert session.events == before


@given(uuids() | st.none(), st.integers(-(2**63), 2**63 - 1))
@settings(deadline=None)
def test_a_session_needs_one_of_two_ids(uuid: Any, number: int) -> None:
    session = Session.start(uuid, session_id=number)
    assert session.session_id == number
    assert session.session_uuid == (None if uuid is None else str(uuid))


class SessionVerbs(Session):
    """A session of one's own."""

    __slots__ = ()


def test_a_sessions_type_is_kept() -> None:
    session = SessionVerbs.start(session_id=1, at=MOMENT)
    for derived in (session, session.event("x"), session.add(AppEvent("x")), session.end()):
        assert type(derived) is SessionVerbs


def test_the_keywords_of_start_and_end_reach_their_events() -> None:
    session = Session.start(
        session_id=1, at=MOMENT, attributes={"k": 1}, source_message_id="m-1"
    ).end(flags={"Google.Label": "x"})
    assert session.events[0].attributes == {"k": 1}
    assert session.events[0].source_message_id == "m-1"
    assert session.events[1].flags == {"Google.Label": "x"}


TIMED = Session.start(session_id=1, at=MOMENT)
UNTIMED = Session.start(UUID)
ERRORS = [
    (
        lambda: Session.start(),
        InvalidValue,
        "start() needs a session_uuid or a session_id; write Session.start(str(uuid.uuid4()))",
    ),
    (
        lambda: Session.start("x"),
        InvalidValue,
        "start(session_uuid='x'): is not a UUID (8-4-4-4-12 hexadecimal digits); "
        "write session_uuid=str(uuid.uuid4())",
    ),
    (
        lambda: Session.start(session_id=2**63),
        InvalidValue,
        "start(session_id=9223372036854775808): does not fit 64 bits; "
        "mParticle takes -9223372036854775808 to 9223372036854775807",
    ),
    (
        lambda: Session.start(UUID, at=1_552_596_256),
        InvalidTime,
        "at=1552596256 looks like seconds since the epoch; mParticle wants milliseconds: "
        "write at=1552596256000",
    ),
    (
        lambda: UNTIMED.event("x", after=1),
        InvalidTime,
        "event(after=1): the session has no time to count from; write Session.start(…, at=…)",
    ),
    (
        lambda: TIMED.event("x", after=-1),
        InvalidTime,
        "event(after=-1): an event cannot be before the last",
    ),
    (
        lambda: TIMED.event("x", after=timedelta(seconds=-1)),
        InvalidTime,
        "event(after=datetime.timedelta(days=-1, seconds=86399)): "
        "an event cannot be before the last",
    ),
    (
        lambda: TIMED.event("x", after="1"),
        InvalidTime,
        "event(after='1'): want seconds or a timedelta, got str; write after=1.5",
    ),
    (
        lambda: TIMED.event("x", after=True),
        InvalidTime,
        "event(after=True): want seconds or a timedelta, got bool; write after=1.5",
    ),
    (
        lambda: TIMED.event("x", after=float("nan")),
        InvalidTime,
        "event(after=nan): want seconds, as a finite number; write after=1.5",
    ),
    (
        lambda: TIMED.event("x", after=float("inf")),
        InvalidTime,
        "event(after=inf): want seconds, as a finite number; write after=1.5",
    ),
    (
        lambda: TIMED.screen_view("Home", after=1, at=MOMENT),
        InvalidValue,
        "screen_view(at=…, after=…): an event has one time; write one of them",
    ),
    (
        lambda: UNTIMED.end(),
        InvalidValue,
        "end() cannot tell the duration of a session without times; "
        "write Session.start(…, at=…) or session_end(duration_in_ms)",
    ),
    (
        lambda: TIMED.end(at="2026-11-23T10:14:59Z"),
        InvalidTime,
        "end(at=…) is 1000 ms before the start of the session",
    ),
    (
        lambda: TIMED.end().event("x"),
        InvalidValue,
        "event(): the session has ended; write event(…) before end(…)",
    ),
    (
        lambda: TIMED.end().add(AppEvent("x")),
        InvalidValue,
        "add(): the session has ended; write add(…) before end(…)",
    ),
    (
        lambda: TIMED.end().end(),
        InvalidValue,
        "end(): the session has ended; write end(…) once",
    ),
    (
        lambda: TIMED.event("x", session_id=2),
        InvalidValue,
        "event(session_id=…): the session gives its events their session_id; "
        "write it in Session.start(…) or leave it out",
    ),
    (
        lambda: TIMED.event("x", event_num=2),
        InvalidValue,
        "event(event_num=…): the session gives its events their event_num; "
        "write it in Session.start(…) or leave it out",
    ),
    (
        lambda: TIMED.add(AppEvent("x", session_id=2)),
        InvalidValue,
        "add(): the event belongs to another session, session_id=2; "
        "make it without session_id, or write batch.add(event)",
    ),
    (
        lambda: TIMED.add("x"),
        InvalidValue,
        "add('x'): want an event, got str; write add(AppEvent('Name'))",
    ),
    (
        lambda: TIMED.add(OptOutEvent),
        InvalidValue,
        "add(<class 'mpfluent.model.events.OptOutEvent'>): want an event, got type; "
        "write add(AppEvent('Name'))",
    ),
]


@pytest.mark.parametrize(("mistake", "kind", "text"), ERRORS, ids=[row[2][:50] for row in ERRORS])
def test_a_mistake_in_a_session_is_an_error(mistake: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind) as caught:
        mistake()
    assert type(caught.value) is kind
    assert str(caught.value) == text


def test_the_time_of_a_session_cannot_leave_64_bits() -> None:
    late = Session.start(session_id=1, at=2**63 - 1)
    for mistake in (
        lambda: late.event("x", after=1),
        lambda: late.end(after=timedelta(days=1)),
        lambda: TIMED.event("x", after=1e300),
        lambda: TIMED.event("x", after=10**400),
    ):
        with pytest.raises((InvalidTime, InvalidValue)):
            mistake()


def test_an_event_of_the_same_session_can_be_added() -> None:
    session = TIMED.add(ScreenViewEvent("Home", session_id=1))
    assert session.events[1].session_id == 1
    assert session.events[1].event_num == 1


def test_only_a_session_knows_after() -> None:
    with pytest.raises(UnknownField) as caught:
        Batch().event("x", after=1)
    assert "only a Session places its events relative to each other" in str(caught.value)
