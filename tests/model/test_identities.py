"""Who a batch is about: what is no identity, when it is written, read, joined and sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import MOMENT, MOMENT_MS

from mpfluent import (
    Batch,
    DeviceInformation,
    InvalidValue,
    MixedUsers,
    UserIdentities,
    UserIdentity,
    UserIdentityChangeEvent,
    schemas,
)
from mpfluent.testing import a_user
from mpfluent.testing.strategies import bad_values
from mpfluent.testing.strategies.records import VALUE_CLASSES

BLANK = [
    "",
    " ",
    "\t",
    "\r\n",
    "  \t ",
    "\xa0",
    "\u3000",
    "\u200b",
    "\ufeff",
    "\x00",
    "\u2028 \u200e",
]
IDENTITIES = list(UserIdentities._fields)
DEVICE_TEXTS = ["android_uuid", "microsoft_advertising_id", "microsoft_publisher_id", "amp_id"]
DEVICE_TEXTS += ["push_token"]
DEVICE_UUIDS = [
    name for name, field in DeviceInformation._fields.items() if field.kind.name == "uuid"
]
NIL = "00000000-0000-0000-0000-000000000000"
WHY = "an identity must not be empty or blank; leave it out, or write Batch() for nobody"
OFTEN = 12  # more than it takes to write code for a call


# Written

Write = Callable[[str], object]
WAYS: dict[str, Write] = {
    "for_user(customer_id={})": lambda text: Batch.for_user(customer_id=text),
    "for_user(email={})": lambda text: Batch.for_user(customer_id="1", email=text),
    "with_identities(other={})": lambda text: Batch().with_identities(other=text),
    "with_identities(alias={})": lambda text: Batch.for_user(email="a").with_identities(alias=text),
    "UserIdentities(google={})": lambda text: UserIdentities(google=text),
    "UserIdentity(identity={})": lambda text: UserIdentity("email", text, MOMENT),
    "with_partner_identity(partner_identity={})": lambda text: Batch().with_partner_identity(text),
    "with_partner_identities(partner_identities['A_B']={})": lambda text: (
        Batch().with_partner_identities({"A_B": text})
    ),
    "with_partner_identities(partner_identities['C']={})": lambda text: (
        Batch().with_partner_identities({"A_B": "1"}).with_partner_identities({"C": text})
    ),
    "for_device(push_token={})": lambda text: Batch.for_device(push_token=text),
    "with_device(android_uuid={})": lambda text: Batch().with_device(android_uuid=text),
    "DeviceInformation(amp_id={})": lambda text: DeviceInformation(amp_id=text),
    "a_user(customer_id={})": lambda text: a_user(customer_id=text),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_blank_identity_is_an_error_that_says_what_to_write(way: str) -> None:
    for text, turn in product(BLANK, range(OFTEN)):
        with pytest.raises(InvalidValue) as caught:
            WAYS[way](text)
        assert str(caught.value) == f"{way.format(repr(text))}: {WHY}"
        WAYS[way](f"somebody {turn}")


@pytest.mark.parametrize("name", IDENTITIES)
def test_no_identity_may_be_blank(name: str) -> None:
    for text in BLANK:
        with pytest.raises(InvalidValue) as caught:
            Batch.for_user(**{name: text})  # type: ignore[arg-type]
        assert caught.value.field == name


@pytest.mark.parametrize("text", BLANK)
def test_a_device_id_that_is_blank_is_left_out_not_made_up(text: str) -> None:
    for name in DEVICE_UUIDS:
        with pytest.raises(InvalidValue, match=r"; leave it out$"):
            Batch.for_device(**{name: text})  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match=r"; leave it out$"):
        Batch().with_mp_deviceid(text)
    for name in DEVICE_TEXTS:
        with pytest.raises(InvalidValue, match="leave it out"):
            Batch.for_device(**{name: text})  # type: ignore[arg-type]


def test_text_with_something_to_see_is_an_identity_as_it_is() -> None:
    for text in (" a ", "0", "-", "é", "🫖", "\u200ba", "a\x00"):
        batch = Batch.for_user(customer_id=text)
        assert batch.user_identities.customer_id == text
        assert Batch.from_json(batch.to_json()) == batch


def test_a_batch_of_nobody_is_written_without_for_user() -> None:
    with pytest.raises(InvalidValue) as caught:
        Batch.for_user()
    assert str(caught.value) == (
        "for_user() needs to know who the user is; "
        "write Batch.for_user(customer_id=…), or Batch() for nobody"
    )
    with pytest.raises(InvalidValue, match=r"^for_user\(\) needs to know who"):
        Batch.for_user()
    with pytest.raises(InvalidValue) as caught:
        Batch.for_device()
    assert str(caught.value) == (
        "for_device() needs to know the device; "
        "write Batch.for_device(ios_idfv=…), or Batch() for nobody"
    )


def test_none_is_not_known_and_stays_unset() -> None:
    for batch in (
        Batch.for_user(None),
        Batch.for_user(mpid=None),
        Batch.for_user(customer_id=None),
        Batch.for_user(UserIdentities(), customer_id=None, mpid=None),
        Batch.for_device(ios_idfv=None),
        a_user(customer_id=None, email=None).without_identities().merge(Batch()),
    ):
        assert batch.user_identities is None
        assert batch.mpid is None
        assert batch.problems() == () or batch.problems()[0].kind == "nobody"
    assert Batch.for_user(customer_id=None, email="a").user_identities == UserIdentities(email="a")
    assert Batch.for_user(customer_id="1").with_identities(customer_id=None) == Batch()


# Read


@pytest.mark.parametrize("text", BLANK)
def test_a_blank_identity_reads_as_unset(text: str) -> None:
    data: dict[str, Any] = {
        "mpid": text,
        "mp_deviceid": text,
        "partner_identity": text,
        "partner_identities": {"A_B": text},
        "user_identities": dict.fromkeys(IDENTITIES, text),
        "device_info": dict.fromkeys([*DEVICE_TEXTS, *DEVICE_UUIDS], text),
    }
    assert Batch.from_dict(data) == Batch()
    assert Batch.from_json(json.dumps(data)) == Batch()
    data["user_identities"] = [{"identity_type": name, "identity": text} for name in IDENTITIES]
    assert Batch.from_dict(data) == Batch()
    assert Batch.from_dict({"user_identities": {"customerid": text}}) == Batch()
    assert UserIdentities.from_dict({"email": text}) == UserIdentities()


@pytest.mark.parametrize("text", BLANK)
def test_the_schemas_read_a_blank_identity_as_unset(text: str) -> None:
    somebody = {"customer_id": "1", "email": text}
    assert schemas.UserIdentitiesSchema().validate(somebody) == {}
    assert schemas.UserIdentitiesSchema().load(somebody) == UserIdentities(customer_id="1")
    data = {
        "user_identities": {"email": text},
        "partner_identity": text,
        "partner_identities": {"A_B": text, "C": "1"},
        "device_info": dict.fromkeys(DEVICE_TEXTS, text),
    }
    assert schemas.BatchSchema().load(data) == Batch().with_partner_identities({"C": "1"})
    changed = {"identity_type": "email", "identity": text, "timestamp_unixtime_ms": MOMENT_MS}
    assert schemas.UserIdentitySchema().validate(changed) == {"identity": ["must be given"]}


def test_of_two_entries_of_one_type_the_one_that_says_something_is_read() -> None:
    for nothing in ("", " ", None):
        entries = [
            {"identity_type": "email", "identity": "a@b.example"},
            {"identity_type": "email", "identity": nothing},
        ]
        for listed in (entries, entries[::-1]):
            read = Batch.from_dict({"user_identities": listed})
            assert read == Batch.for_user(email="a@b.example")


def test_a_change_from_or_to_a_blank_identity_reads_as_one_from_or_to_none() -> None:
    email = UserIdentity("email", "a@b.example", MOMENT)
    for nothing in ("", " ", None):
        blank = {"identity_type": "email", "identity": nothing, "timestamp_unixtime_ms": MOMENT_MS}
        for data, expected in (
            ({"new": email.to_dict(), "old": blank}, UserIdentityChangeEvent(email, None)),
            ({"new": blank, "old": email.to_dict()}, UserIdentityChangeEvent(None, email)),
        ):
            event = {"event_type": "user_identity_change", "data": data}
            assert Batch.from_dict({"events": [event]}) == Batch().add(expected)
        with pytest.raises(InvalidValue, match=r"^from_dict\(\): identity: must be given$"):
            UserIdentity.from_dict(blank)


# Advice

WORDS = ["nan", "NaN", "null", "NULL", "none", "None", "undefined", " null ", NIL, "000", "00-00"]


def kinds(batch: Batch) -> list[str]:
    assert all(problem.advice for problem in batch.problems())
    return [problem.kind for problem in batch.problems()]


@pytest.mark.parametrize("text", WORDS)
def test_an_id_that_stands_for_nobody_is_advice(text: str) -> None:
    somebody = Batch.for_user(customer_id="1")
    for path, batch in {
        "user_identities.email": somebody.with_identities(email=text),
        "partner_identity": somebody.with_partner_identity(text),
        "partner_identities.A_B": somebody.with_partner_identities({"A_B": text}),
        "device_info.push_token": somebody.with_device(push_token=text),
        "events[0].new.identity": somebody.user_identity_change(
            UserIdentity("email", text, MOMENT), None
        ),
        "events[1].old.identity": somebody.first_run().user_identity_change(
            None, UserIdentity("email", text, MOMENT)
        ),
    }.items():
        (problem,) = batch.problems()
        assert problem.text == f"{path} is {text!r}, which is nobody's; leave it out"
        assert (problem.kind, problem.advice) == ("nobodys_id", True)
        assert kinds(batch.without_identities("customer_id"))[0] == "nobodys_id"


@pytest.mark.parametrize("name", [*DEVICE_UUIDS, "mp_deviceid"])
def test_a_device_id_of_zeros_is_advice(name: str) -> None:
    batch = Batch()._build("x", {name: NIL}) if name == "mp_deviceid" else None
    batch = batch or Batch.for_device(**{name: NIL})  # type: ignore[arg-type]
    assert kinds(batch) == ["nobodys_id", "nobody"]
    assert kinds(batch.with_identities(email="a@b.example")) == ["nobodys_id"]
    assert kinds(batch.with_mpid(7)) == ["nobodys_id"]


def test_an_mpid_of_zero_is_advice() -> None:
    assert kinds(Batch.for_user(mpid=0)) == ["nobodys_id", "nobody"]
    assert kinds(Batch.for_user(mpid=0, customer_id="1")) == ["nobodys_id"]
    assert Batch.for_user(mpid=-1).problems() == ()


@pytest.mark.parametrize(
    "text", ["Nancy", "nobody@null.example", "0", "1000", "0a", "unknown-7", "u", "n/a", "-", "é"]
)
def test_an_id_that_begins_like_one_of_nobody_is_an_id(text: str) -> None:
    assert Batch.for_user(customer_id=text).problems() == ()


@pytest.mark.parametrize(
    "batch",
    [
        Batch(),
        Batch().event("x"),
        Batch.for_user(customer_id=None),
        Batch.for_user(customer_id="nan", email="null"),
        Batch().with_device(platform="iOS", brand=""),
        Batch.for_user(mpid=0).with_partner_identity("None"),
    ],
)
def test_problems_say_when_nobody_is_identified(batch: Batch) -> None:
    assert kinds(batch)[-1] == "nobody"


# Joined


def coalesced(*batches: Batch) -> list[list[str]]:
    from mpfluent import Client, RecordingTransport, ThreadedDispatcher

    transport = RecordingTransport()
    dispatcher = ThreadedDispatcher(flush_interval=60, coalesce=True)
    client = Client("k", "s", environment="development", transport=transport, dispatcher=dispatcher)
    with client:
        client.send(*[batch.event(str(number)) for number, batch in enumerate(batches)])
    return [[event.event_name for event in batch.events] for batch in transport.batches]


@pytest.mark.parametrize(
    "nobody",
    [
        Batch(),
        Batch.for_user(customer_id=None),
        Batch.for_user(customer_id="nan"),
        Batch.for_user(mpid=0),
        Batch.for_device(ios_advertising_id=NIL),
        Batch().with_mp_deviceid(NIL).with_partner_identities({"A_B": "undefined"}),
        Batch.from_dict({"user_identities": {"customer_id": "", "email": " "}}),
    ],
)
def test_two_nobodies_are_not_coalesced(nobody: Batch) -> None:
    assert coalesced(nobody, nobody) == [["0"], ["1"]]


def test_one_user_is_coalesced_beside_an_id_of_nobody() -> None:
    user = Batch.for_user(customer_id="1").with_device(ios_advertising_id=NIL)
    other = Batch.for_user(customer_id="2").with_device(ios_advertising_id=NIL)
    assert coalesced(user, other, user) == [["0", "2"], ["1"]]


def test_no_two_users_merge_by_a_blank_identity() -> None:
    with pytest.raises(InvalidValue):
        Batch.for_user(customer_id="") + Batch.for_user(customer_id="")
    with pytest.raises(MixedUsers):
        Batch.for_user(customer_id="1") + Batch.for_user(customer_id="2")


# The test kit


@given(st.data())
def test_bad_values_draw_blank_identities(data: Any) -> None:
    bad = data.draw(bad_values(UserIdentities))
    with pytest.raises(InvalidValue):
        UserIdentities(**{bad.field: bad.value})


@pytest.mark.parametrize("cls", VALUE_CLASSES)
def test_every_field_that_names_a_user_or_a_device_takes_no_blank_text(cls: Any) -> None:
    identity = UserIdentities._fields["email"].check
    names = {name for name, field in cls._fields.items() if field.check is identity}
    expected = {
        "UserIdentities": set(IDENTITIES),
        "UserIdentity": {"identity"},
        "DeviceInformation": set(DEVICE_TEXTS),
        "Batch": {"partner_identity"},
    }
    assert names == expected.get(cls.__name__, set())
