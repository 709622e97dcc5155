"""What is said of values of other libraries, and what they become for uncommon arguments."""

from __future__ import annotations

import enum
import operator
import re
import uuid
import weakref
from datetime import datetime, timedelta
from decimal import Decimal
from unittest.mock import MagicMock, Mock

import numpy
import pandas
import pendulum
import pytest
import wrapt
from foreign import (
    NOTHING,
    NOW,
    NOW_MS,
    PROXIES,
    SESSION,
    TEAPOT,
    USER,
    UUID,
    LocalProxy,
    SimpleLazyObject,
    Text,
    Timeless,
    UnknownProxy,
    Whole,
    raising,
)

import mpfluent
from mpfluent import (
    AppEvent,
    Batch,
    Client,
    Configuration,
    ConfigurationError,
    EventsApi,
    GeoLocation,
    InvalidBatch,
    InvalidTime,
    InvalidValue,
    Product,
    RecordingTransport,
    Session,
)
from mpfluent.testing import FrozenClock

# The words


@pytest.mark.parametrize(
    ("write", "text"),
    [
        (
            lambda: Batch.for_user(customer_id=float("nan")),
            "for_user(customer_id=nan): want a string, got float; leave it out",
        ),
        (
            lambda: Batch.for_user(customer_id=float("inf")),
            "for_user(customer_id=inf): want a string, got float; leave it out",
        ),
        (
            lambda: Batch.for_user(customer_id=Decimal("sNaN")),
            "for_user(customer_id=Decimal('sNaN')): want a string, got Decimal; leave it out",
        ),
        (
            lambda: Batch.for_user(customer_id=pandas.NaT),
            "for_user(customer_id=NaT): want a string, got NaTType; leave it out",
        ),
        (
            lambda: Batch.for_user(customer_id=pandas.NA),
            "for_user(customer_id=<NA>): want a string, got NAType; leave it out",
        ),
        (
            lambda: Batch.for_user(customer_id=numpy.datetime64("NaT", "s")),
            "for_user(customer_id=np.datetime64('NaT','s')): want a string, got datetime64; "
            "leave it out",
        ),
        (
            lambda: Batch.for_user(customer_id=numpy.bool_(True)),
            "for_user(customer_id=np.True_): want a string, got bool; leave it out",
        ),
        (
            lambda: Batch.for_user(customer_id=12345.0),
            "for_user(customer_id=12345.0): want a string, got float; write customer_id='12345'",
        ),
        (
            lambda: Batch.for_user(customer_id=1e18),
            "for_user(customer_id=1e+18): want a string, got float",  # its last digits may be lost
        ),
        (
            lambda: Batch.for_user(customer_id=Decimal("12345.00")),
            "for_user(customer_id=Decimal('12345.00')): want a string, got Decimal; "
            "write customer_id='12345'",
        ),
        (
            lambda: Batch.for_user(customer_id=Decimal("1e999999")),
            "for_user(customer_id=Decimal('1E+999999')): want a string, got Decimal; "
            "write customer_id='1E+999999'",
        ),
        (
            lambda: Batch.for_user(customer_id=12345),
            "for_user(customer_id=12345): want a string, got int; write customer_id='12345'",
        ),
        (
            lambda: Batch.for_user(customer_id=numpy.int64(12345)),
            "for_user(customer_id=np.int64(12345)): want a string, got int; "
            "write customer_id='12345'",
        ),
        (
            lambda: Batch.for_user(customer_id=numpy.float64(12345)),
            "for_user(customer_id=np.float64(12345.0)): want a string, got float; "
            "write customer_id='12345'",
        ),
        (
            lambda: Batch.for_user(customer_id=uuid.UUID(UUID)),
            f"for_user(customer_id=UUID('{UUID}')): want a string, got UUID; "
            f"write customer_id='{UUID}'",
        ),
        (
            lambda: USER.event("x", {"a": pandas.NaT}),
            "event(attributes['a']=NaT): want a string, number or boolean, got NaTType; "
            "leave it out",
        ),
        (
            lambda: USER.event("x", {float("nan"): 1}),
            "event(attributes[nan]=1): names are strings, got float",
        ),
        (
            lambda: USER.with_user_attributes(a=numpy.array([1, 2])),
            "with_user_attributes(user_attributes['a']=array([1, 2])): "
            "want a string, number or boolean, got ndarray",
        ),
        (
            lambda: USER.purchase(TEAPOT, total_amount=MagicMock(name="amount")),
            "purchase(total_amount=<MagicMock name='amount' id=…>): want a number, got MagicMock; "
            "write total_amount=float(<MagicMock name='amount' id=…>)",
        ),
        (
            lambda: USER.with_device(screen_height=raising("__index__", error=ValueError)),
            "with_device(screen_height=<Boom>): raised ValueError when it was looked at",
        ),
        (
            lambda: USER.event("x", {"a": LocalProxy(lambda: operator.truediv(1, 0))}),
            "event(attributes['a']=<LocalProxy>): raised ZeroDivisionError when it was looked at",
        ),
        (
            lambda: USER.add(LocalProxy(lambda: operator.truediv(1, 0))),
            "add(<LocalProxy>): raised ZeroDivisionError when it was looked at",
        ),
        (
            lambda: USER.add(MagicMock(spec=AppEvent)),
            "add(<MagicMock spec='AppEvent' id=…>): want an event or a session, got MagicMock; "
            "write add(AppEvent('Name'))",
        ),
        (
            lambda: USER + LocalProxy(lambda: operator.truediv(1, 0)),
            "merge(<LocalProxy>): raised ZeroDivisionError when it was looked at",
        ),
        (
            lambda: USER.__replace__(events=MagicMock()),
            "replace(events=<MagicMock id=…>): want a list of events, got MagicMock; "
            "write replace(events=[event])",
        ),
        (
            lambda: USER.with_location(100, 200),
            "with_location(latitude=100): a latitude goes from -90 to 90 degrees, and comes first",
        ),
        (
            lambda: USER.with_location(40.7, Decimal("-180.1")),
            "with_location(longitude=Decimal('-180.1')): a longitude goes from -180 to 180 degrees",
        ),
        (
            lambda: GeoLocation(-90.5, 0),
            "GeoLocation(latitude=-90.5): a latitude goes from -90 to 90 degrees, and comes first",
        ),
        (
            lambda: USER.with_integration_attributes(10**5000, {"a": 1}),
            "with_integration_attributes(module_id=<int of 16610 bits>): does not fit 64 bits; "
            "mParticle takes -9223372036854775808 to 9223372036854775807",
        ),
        (
            lambda: Batch.from_dict({10**5000: 1}),
            "from_dict() has no field <int of 16610 bits>; it has environment, source_request_id, "
            "mpid, mp_deviceid, user_identities, user_attributes, deleted_user_attributes, "
            "device_info, application_info, ip, consent_state, context, …",
        ),
        (
            lambda: Product(0),
            "Product(id=0): want a string, got int; write id='0'",
        ),
        (
            lambda: Product(numpy.str_("")),
            "Product() needs an id or a name; write Product('sku', 'Name')",
        ),
    ],
)
def test_the_error_names_the_argument_and_advises_nothing_that_harms(write, text):
    with pytest.raises(InvalidBatch) as caught:
        write()

    text_of_error = re.sub(
        r"<(?:\w+\.)*(Boom|LocalProxy) object at 0x\w+>", r"<\1>", str(caught.value)
    )
    assert re.sub(r" id='\d+'>", " id=…>", text_of_error) == text


@pytest.mark.parametrize(
    "at",
    [pandas.NaT, pandas.NA, numpy.datetime64("NaT", "s"), numpy.datetime64("NaT", "ns")],
    ids=repr,
)
def test_a_moment_that_is_not_there_is_left_out(at):
    with pytest.raises(InvalidTime) as caught:
        USER.event("x", at=at)

    assert str(caught.value) == f"at={at!r} is not a moment; leave it out"


def test_what_the_value_raised_is_the_cause_of_the_error():
    proxy = LocalProxy(lambda: operator.truediv(1, 0))
    for write in (
        lambda: USER.event(proxy),
        lambda: USER.event("x", at=proxy),
        lambda: USER.add(proxy),
        lambda: SESSION.event("x", after=proxy),
        lambda: Session.start(session_id=1, at=datetime(2026, 11, 23, tzinfo=Timeless())),
        lambda: USER.with_user_attributes(proxy),
        lambda: Product(proxy),
    ):
        with pytest.raises(InvalidBatch) as caught:
            write()
        assert type(caught.value.__cause__) is ZeroDivisionError


def test_a_time_of_numpy_gets_the_line_to_write():
    with pytest.raises(InvalidTime, match="has no time zone") as caught:
        USER.event("x", at=numpy.datetime64("2026-11-23T10:15:00.123456789"))

    (line,) = re.findall("write at=(.*)", str(caught.value))
    assert USER.event("x", at=eval(line)).events[0].at == NOW_MS + 123


@pytest.mark.parametrize(
    ("after", "milliseconds"),
    [
        (numpy.int64(5), 5000),
        (numpy.float32(1.5), 1500),
        (numpy.float64(1.5), 1500),
        (numpy.timedelta64(1500, "ms"), 1500),
        (numpy.timedelta64(1, "D"), 86_400_000),
        (pandas.Timedelta("1.5s"), 1500),
        (pandas.Timedelta("90s").as_unit("s"), 90_000),
        (pendulum.duration(minutes=1, milliseconds=1), 60_001),
        (pendulum.duration(days=1), 86_400_000),
        (SimpleLazyObject(lambda: 5), 5000),
        (LocalProxy(lambda: timedelta(seconds=5)), 5000),
        (wrapt.ObjectProxy(1.5), 1500),
        (Whole(7), 7000),
        (0.0005, 0),
        (0.0015, 2),
    ],
    ids=lambda value: type(value).__name__,  # no addresses: each worker must find the same names
)
def test_a_length_of_time_may_be_of_any_library(after, milliseconds):
    clock = FrozenClock(NOW)
    clock.advance(after)

    assert SESSION.event("x", after=after).events[-1].at == NOW_MS + milliseconds
    assert SESSION.end(after=after).events[-1].session_duration_ms == milliseconds
    assert clock() == NOW_MS + milliseconds


@pytest.mark.parametrize(
    "after",
    [
        numpy.timedelta64("NaT", "s"),
        pandas.NaT,
        pandas.NA,
        numpy.bool_(True),
        numpy.array([1.5]),
        numpy.float64("nan"),
        MagicMock(),
        MagicMock(spec=timedelta),
        UnknownProxy(5),
        wrapt.ObjectProxy(True),
        1e308,
        numpy.float64(-1e308),
    ],
    ids=lambda after: type(after).__name__,
)
def test_what_is_no_length_of_time_is_an_error_with_the_name(after):
    with pytest.raises(InvalidTime, match=re.escape("event(after=")):
        SESSION.event("x", after=after)
    with pytest.raises(ConfigurationError, match=re.escape("advance(")):
        FrozenClock().advance(after)


def test_the_time_may_be_of_any_library():
    old = USER.event("x", at=NOW - timedelta(days=40))
    moment = pendulum.datetime(2026, 11, 23, 10, 15)
    transport = RecordingTransport()
    with client(transport, now=lambda: moment) as sending:
        sending.send(USER.event("x"))

    for now in (moment, pandas.Timestamp("2026-11-23T10:15Z"), numpy.int64(NOW_MS), NOW_MS):
        assert [problem.kind for problem in old.problems(now=now)] == ["old_event"]
    assert transport.batches[0].events[0].at == NOW_MS
    for now in (pandas.NaT, MagicMock(spec=datetime)):
        with pytest.raises(InvalidTime, match="now="):
            old.problems(now=now)


# Sending


def client(transport, **options):
    return Client("key", "secret", environment="development", transport=transport, **options)


@pytest.mark.parametrize("proxy", PROXIES.values(), ids=PROXIES)
def test_a_proxy_of_a_batch_is_sent_as_that_batch(proxy):
    transport = RecordingTransport()
    batch = USER.event("x", at=NOW_MS, source_message_id="m").with_source_request_id("r")
    with client(transport, before_send=proxy) as sending:
        sending.send(proxy(batch))
        sending.send_all([proxy(batch)])
        sending.send_all(proxy([batch]))
        curl = sending.to_curl(proxy(batch))
        for no_list in (proxy(batch), proxy(7)):
            with pytest.raises(InvalidValue, match="want an iterable of batches"):
                sending.send_all(no_list)
    options = {"environment": "development", "transport": transport}
    with EventsApi(Configuration(api_key="key", api_secret="secret", **options)) as api:
        api.upload_events(proxy(batch))
        api.bulk_upload_events(proxy([batch]))
        for upload, given in ((api.upload_events, [batch]), (api.bulk_upload_events, batch)):
            with pytest.raises(InvalidBatch, match=f"{upload.__name__}\\("):
                upload(proxy(given))

    whole = batch.with_environment("development")
    assert transport.batches == [whole] * 5
    assert whole.to_json() in curl
    assert (batch + proxy(batch)).events == batch.events * 2
    assert batch.diff(proxy(batch)) == batch.diff(batch)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MagicMock(spec=Batch),
        MagicMock,
        lambda: weakref.proxy(USER),
        lambda: LocalProxy(lambda: operator.truediv(1, 0)),
        lambda: raising("__class__"),
        lambda: raising("__getattribute__"),
    ],
)
def test_what_is_no_batch_is_not_sent(make):
    transport = RecordingTransport()
    sending = client(transport)
    for send in (sending.send, sending.to_curl, lambda batch: sending.send_all([batch])):
        with pytest.raises(InvalidValue):
            send(make())
    with pytest.raises(InvalidValue, match="before_send"):
        client(transport, before_send=lambda sealed: make()).send(USER.event("x"))

    assert transport.requests == []


# Other arguments


class Name(enum.Enum):
    ACME = "Acme_Id"
    PLAN = "plan"


def test_a_name_may_be_a_member_or_a_proxy_wherever_names_are():
    known = USER.with_partner_identities({"Acme_Id": "1"}).with_user_attributes(plan="pro")

    for name in (Name.ACME, wrapt.ObjectProxy("Acme_Id"), numpy.str_("Acme_Id")):
        assert known.with_partner_identities({name: None}).partner_identities is None
    for name in (Name.PLAN, wrapt.ObjectProxy("plan"), numpy.str_("plan"), Text("plan")):
        assert known.without_user_attributes(name).user_attributes is None
        assert known.with_deleted_user_attributes(name).deleted_user_attributes == ("plan",)


def test_a_response_that_a_test_made_up_is_measured_or_refused():
    real = Mock(status_code=200, url="https://example.com", headers={})
    real.elapsed = timedelta(milliseconds=12)
    real.request = Mock(method="GET", body=b"x")
    proxied = USER.network_performance(wrapt.ObjectProxy(real)).events[0]

    assert (proxied.url, proxied.time_elapsed, proxied.bytes_out) == ("https://example.com", 12, 1)
    for response in (MagicMock(), Mock(), Mock(spec=["status_code", "elapsed"])):
        with pytest.raises(InvalidValue, match=re.escape("network_performance(url=")):
            USER.network_performance(response)


def test_an_exception_that_raises_when_it_is_looked_at_is_reported_all_the_same():
    class Crash(Exception):
        def __str__(self):
            raise RuntimeError("no text")

        __cause__ = property(__str__)

    event = USER.crash_report(Crash()).events[0]

    assert event.message == "Crash (its message raised RuntimeError)"
    assert event.stack_trace == "Crash (its stack_trace raised RuntimeError)"
    assert event.class_name.endswith("Crash")


def test_reading_takes_a_location_that_writing_refuses():
    read = Batch.from_dict({"context": {"location": {"latitude": 100, "longitude": -200.5}}})

    assert read.context.location.latitude == 100
    assert Batch.from_json(read.to_json()) == read
    assert eval(read.to_python(), vars(mpfluent)) == read


@pytest.mark.parametrize("degrees", [(90, 180), (-90, -180.0), (Decimal("89.9"), numpy.float64(1))])
def test_the_whole_earth_is_a_location(degrees):
    assert tuple(USER.with_location(*degrees).context.location._values) == degrees


# Reading


def read_with(path, value):
    """Return a batch that is read with a value at a path."""
    data = value
    for step in reversed(path):
        data = [data] if step == 0 else {step: data}
    return Batch.from_dict(data)


OF_NUMPY = {int: numpy.int64, float: numpy.float32, bool: numpy.bool_, str: numpy.str_}
EVENT = ("events", 0)
READ_AT = {
    (): {"mpid": 7},
    ("mpid",): 7,
    ("ip",): "203.0.113.7",
    ("environment",): "development",
    ("user_identities",): {"email": "a@b.example"},
    ("user_identities", "customer_id"): 12345,
    ("user_identities", 0): {"identity_type": "email", "identity": "a@b.example"},
    ("user_attributes",): {"a": 1},
    ("user_attributes", "a"): [1, 2],
    ("user_attributes", "a", 0): True,
    ("deleted_user_attributes",): ["a"],
    ("device_info", "is_tablet"): True,
    ("device_info", "screen_height"): 7.0,
    ("device_info", "brand"): 12,
    ("context", "location"): {"latitude": 1, "longitude": 2},
    ("consent_state", "gdpr"): {"a": {"consented": True, "timestamp_unixtime_ms": NOW_MS}},
    ("consent_state", "gdpr", "a"): {"consented": True, "timestamp_unixtime_ms": NOW_MS},
    ("partner_identities",): {"a": "b"},
    ("partner_identities", "a"): 12,
    ("integration_attributes", "1"): {"a": 1},
    ("events",): [{"event_type": "first_run", "data": {}}],
    EVENT: {"event_type": "first_run", "data": {}},
}


@pytest.mark.parametrize("path", READ_AT, ids=lambda path: ".".join(map(str, path)) or "whole")
def test_data_of_another_library_is_read_as_what_it_stands_for(path):
    plain = READ_AT[path]
    whole = read_with(path, plain)
    stands_for = [proxy(plain) for proxy in PROXIES.values()]
    if type(plain) in OF_NUMPY:
        stands_for.append(OF_NUMPY[type(plain)](plain))

    for value in stands_for:
        assert read_with(path, value) == whole


@pytest.mark.parametrize("path", READ_AT, ids=lambda path: ".".join(map(str, path)) or "whole")
def test_data_that_stands_for_nothing_is_refused_with_its_path(path):
    for value in NOTHING:
        with pytest.raises(InvalidBatch) as caught:
            read_with(path, value)
        assert str(caught.value).startswith("from_dict()")
        assert all(str(step) in str(caught.value) for step in path[:1])


def test_json_text_may_come_through_a_proxy():
    for proxy in PROXIES.values():
        assert Batch.from_json(proxy('{"mpid": 7}')).mpid == 7
        assert Batch.from_json(proxy(b'{"mpid": 7}')).mpid == 7
    for text in (MagicMock(spec=str), MagicMock(spec=bytes), UnknownProxy("{}")):
        with pytest.raises(InvalidValue, match="want JSON text"):
            Batch.from_json(text)
