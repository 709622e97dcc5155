"""Several batches of one user as one: what joins, what does not, and in which order."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpfluent import Batch
from mpfluent.delivery.job import Job, payloads_of, together
from mpfluent.delivery.sender import runs
from mpfluent.dispatch.coalescing import coalesce
from mpfluent.wire import body as wire
from mpfluent.wire import seal
from mpfluent.wire.limits import MAX_BATCH_BYTES, MAX_BATCHES_PER_REQUEST


def job(batch, number=0):
    sealed = seal.seal(
        batch.with_environment("production"), lambda: 1_795_428_900_000, [f"id-{number}"].__mul__
    )
    return Job(sealed, wire.split(sealed, wire.encode(sealed)), lambda *_: None)


def jobs(*batches):
    return [job(batch, number) for number, batch in enumerate(batches)]


def names(payload):
    data = json.loads(payload.part.body)
    return [event["data"]["event_name"] for event in data.get("events", ())]


def user(name):
    return Batch.for_user(customer_id=name)


def test_equal_contexts_join_and_keep_the_order_of_events():
    payloads = coalesce(jobs(user("a").event("1"), user("b").event("2"), user("a").event("3")))

    assert [names(payload) for payload in payloads] == [["1", "3"], ["2"]]
    assert [payload.part.id for payload in payloads] == ["id-0", "id-1"]


def test_what_joined_reads_as_one_batch():
    sent = jobs(user("a").event("1"), user("a").event("2"))
    (payload,) = coalesce(sent)

    whole = sent[0].batch.add(*sent[1].batch.events)
    assert Batch.from_json(payload.part.body) == whole
    assert payload.part.body == wire.encode(whole).body()


def test_different_contexts_of_one_user_stay_apart():
    plan = user("a").with_user_attributes(plan="pro")
    payloads = coalesce(jobs(user("a").event("1"), plan.event("2"), plan.event("3")))

    assert [names(payload) for payload in payloads] == [["1"], ["2", "3"]]


def test_nothing_joins_across_another_batch_of_that_user():
    plan = user("a").with_user_attributes(plan="pro")
    payloads = coalesce(jobs(user("a").event("1"), plan.event("2"), user("a").event("3")))

    assert [names(payload) for payload in payloads] == [["1"], ["2"], ["3"]]


@pytest.mark.parametrize(
    "between",
    [
        Batch.for_user(customer_id="a", email="a@example.com"),
        Batch.for_user(email="a@example.com"),
        Batch.for_user(mpid=7),
        Batch.for_device(ios_idfv="8c61383f-2216-4713-8c1c-1cb0a5d7a4cc"),
        Batch().with_mp_deviceid("7c61383f-2216-4713-8c1c-1cb0a5d7a4cc"),
        Batch().with_partner_identities({"Partner_Id": "a"}),
    ],
    ids=["a superset", "another identity", "mpid", "device", "mp_deviceid", "partner"],
)
def test_one_identity_in_common_is_one_user(between):
    both = (
        Batch.for_user(customer_id="a", email="a@example.com", mpid=7)
        .with_device(ios_idfv="8c61383f-2216-4713-8c1c-1cb0a5d7a4cc")
        .with_mp_deviceid("7c61383f-2216-4713-8c1c-1cb0a5d7a4cc")
        .with_partner_identities({"Partner_Id": "a"})
    )
    payloads = coalesce(jobs(both.event("1"), between.event("2"), both.event("3")))

    assert [names(payload) for payload in payloads] == [["1"], ["2"], ["3"]]


def test_a_platform_is_no_identity():
    phone = {"platform": "iOS"}
    a, b = user("a").with_device(**phone), user("b").with_device(**phone)
    payloads = coalesce(jobs(a.event("1"), b.event("2"), a.event("3")))

    assert [names(payload) for payload in payloads] == [["1", "3"], ["2"]]


def test_batches_of_nobody_do_not_join():
    payloads = coalesce(jobs(Batch().event("1"), Batch().event("2")))

    assert [names(payload) for payload in payloads] == [["1"], ["2"]]


def test_an_id_with_quotes_and_backslashes_is_found():
    quoted = r'a"b\\" c\"'
    sent = [
        job(user("a").event("1").with_source_request_id(quoted)),
        job(user("a").event("2").with_source_request_id("x")),
    ]
    (payload,) = coalesce(sent)

    assert names(payload) == ["1", "2"]
    assert payload.part.id == quoted


def test_a_user_attribute_that_looks_like_an_id_is_none():
    odd = user("a").with_user_attributes({"source_request_id": "1"})
    even = user("a").with_user_attributes({"source_request_id": "2"})
    payloads = coalesce(jobs(odd.event("1"), even.event("2")))

    assert [names(payload) for payload in payloads] == [["1"], ["2"]]


def test_a_batch_that_was_refused_in_company_travels_alone():
    sent = jobs(user("a").event("1"), user("a").event("2"))
    sent[1].own_id = True
    payloads = coalesce(sent)

    assert [names(payload) for payload in payloads] == [["1"], ["2"]]


def test_profile_batches_without_events_join_too():
    (payload,) = coalesce(jobs(user("a"), user("a"), user("a").event("1")))

    assert names(payload) == ["1"]
    assert len(payload.jobs) == 3


def test_more_users_than_fit_a_request_join_all_the_same():
    many = [user(str(number)).event("first") for number in range(MAX_BATCHES_PER_REQUEST)]
    sent = jobs(*many, user("new").event("1"), user("7").event("again"), user("new").event("2"))
    first, second = runs(coalesce(sent))

    assert len(first) == MAX_BATCHES_PER_REQUEST
    assert names(first[7]) == ["first", "again"]
    assert [names(payload) for payload in second] == [["1", "2"]]


class Counted(bytes):
    """A body that counts how often somebody looks for an id in it, or reads it as JSON."""

    looks = 0

    def __getitem__(self, place):
        Counted.looks += 1
        return super().__getitem__(place)


@pytest.mark.parametrize(
    "who",
    [
        pytest.param(lambda n: user(str(n % 20)), id="in rotation"),
        pytest.param(lambda n: user(str(n)), id="all others"),
        pytest.param(
            lambda n: Batch.for_user(customer_id=str(n % 20), email="a@example.com"),
            id="one shared address, in rotation",
        ),
        pytest.param(
            lambda n: Batch.for_user(customer_id=str(n), email="a@example.com"),
            id="one shared address",
        ),
    ],
)
def test_a_job_is_looked_at_a_fixed_number_of_times_however_many_wait(who, monkeypatch):
    looks = []
    for many in (100, 1_000):
        sent = jobs(*[who(number).event("Searched") for number in range(many)])
        for one in sent:
            (part,) = one.parts
            one.parts = (part._replace(body=Counted(part.body)),)
        monkeypatch.setattr(Counted, "looks", 0)
        coalesce(sent)
        looks.append(Counted.looks / many)

    assert looks[1] <= looks[0] <= 3


def test_the_same_value_as_two_identities_is_one_user():
    twice = Batch.for_user(customer_id="a").with_partner_identities({"customer_id": "a"})
    payloads = coalesce(jobs(twice.event("1"), twice.event("2")))

    assert [names(payload) for payload in payloads] == [["1", "2"]]


def test_what_joins_a_profile_batch_stays_below_the_limit_to_the_byte():
    sent = jobs(user("a"), *[user("a").event("1", {"text": "x" * 3_950})] * 30)
    empty = job(user("a").event("2", {"text": ""})).parts[0]
    room = MAX_BATCH_BYTES - len(together(sent).part.body) - len(empty.events())
    for size in range(room - 20, room + 20):
        last = job(user("a").event("2", {"text": "x" * size}))
        sizes = [len(payload.part.body) for payload in coalesce([*sent, last])]

        assert max(sizes) <= MAX_BATCH_BYTES


def test_a_batch_in_parts_travels_as_it_is():
    large = user("a")
    for number in range(3):
        for part in range(15):  # a value has 4096 characters at most
            large = large.event(f"{number}.{part}", {"text": "x" * 4_000})
    sent = jobs(large, user("a").event("after"))
    payloads = coalesce(sent)

    assert [payload.part.id for payload in payloads] == ["id-0-1", "id-0-2", "id-1"]
    assert [len(payload.jobs) for payload in payloads] == [1, 1, 1]


def test_a_piece_comes_apart_into_its_members():
    sent = jobs(user("a").event("1"), user("a").event("2"))

    assert together(sent).apart() == payloads_of(sent)


USERS = [
    user("a"),
    user("a").with_user_attributes(plan="pro"),
    Batch.for_user(customer_id="a", email="a@example.com"),
    Batch.for_user(email="a@example.com"),
    user("b"),
    Batch(),
]
SAME = [{0, 1}, {0, 2}, {1, 2}, {2, 3}, {4}]  # which of them have an identity in common


@given(
    st.lists(
        st.tuples(st.integers(0, len(USERS) - 1), st.integers(0, 3), st.sampled_from([10, 40_000])),
        max_size=120,
    )
)
def test_whatever_comes_nothing_is_lost_and_no_user_is_put_out_of_order(drawn):
    sent = []
    for number, (who, events, size) in enumerate(drawn):
        batch = USERS[who]
        for position in range(events):
            batch = batch.event(f"{number}.{position}", {"text": "x" * size})
        sent.append(job(batch, number))
    payloads = coalesce(sent)

    travels = [one for payload in payloads for one in payload.jobs]
    assert sorted([id(one) for one in dict.fromkeys(travels)]) == sorted(map(id, sent))
    for payload in payloads:
        assert len(payload.part.body) <= MAX_BATCH_BYTES
        contexts = {one.batch.with_source_request_id("x")._having(()) for one in payload.jobs}
        assert len(contexts) == 1
        assert names(payload) == [
            event.event_name
            for one in payload.jobs
            for event in one.batch.events
            if len(one.parts) == 1
        ] or any(len(one.parts) > 1 for one in payload.jobs)
    order = {id(one): place for place, one in enumerate(dict.fromkeys(travels))}
    for pair in SAME:
        places = [order[id(one)] for one, (who, _, _) in zip(sent, drawn) if who in pair]
        assert places == sorted(places)
