"""What ends ``send_all`` early, and what it says then of the batches until there."""

import pickle
import threading

import pytest
from fault_server import FakeTime

from mpfluent import (
    ApiError,
    Batch,
    Client,
    Closed,
    DeliveryError,
    FunctionTransport,
    InvalidBatch,
    InvalidValue,
    Outbox,
    RecordingTransport,
    Report,
    Response,
    Retry,
    SyncDispatcher,
    ThreadedDispatcher,
)

SOON = 5.0
REFUSAL = Response(401, {}, b'{"errors":[{"code":"UNAUTHORIZED","message":"No."}]}')


def user(number=0):
    return Batch.for_user(customer_id=str(number)).event("Searched")


def client_of(transport=None, **options):
    options.setdefault("environment", "production")
    return Client("key", "secret", transport=transport or RecordingTransport(), **options)


def adds_up(client):
    stats = client.stats
    return stats.submitted == stats.delivered + stats.failed + stats.pending


class Stream:
    """Batches without an end, which counts how many were read."""

    def __init__(self, **at):
        self.read = 0
        self._at = at

    def __iter__(self):
        while True:
            if self.read in self._at.get("at", {}):
                raise self._at["at"][self.read]
            self.read += 1
            yield user(self.read)


@pytest.mark.parametrize("code", [401, 403])
@pytest.mark.parametrize(("before", "read"), [(0, 100), (1, 200), (5, 600)])
def test_a_refused_key_ends_it_instead_of_reading_on(code, before, read):
    failed, stream = [], Stream()
    transport = RecordingTransport(*[202] * before, *[code] * 5)
    client = client_of(transport, on_failed=lambda batch, error: failed.append(error))
    with pytest.raises(ApiError) as raised:
        client.send_all(stream)

    error = raised.value
    assert (error.status_code, error.reason) == (code, "unauthorized")
    assert stream.read == read
    assert len(transport.requests) == before + 1
    assert error.report[:5] == (read, read - 100, 100, 0, {"unauthorized": 100})
    assert error.report[:4] == client.stats[:4]
    assert len(error.report.failures) == len(failed) == 100
    assert adds_up(client)


def test_a_key_that_was_refused_before_ends_it_without_a_request():
    transport = RecordingTransport(401)
    client = client_of(transport)
    with pytest.raises(ApiError):
        client.send(user())
    with pytest.raises(ApiError) as raised:
        client.send_all(Stream())

    assert raised.value.report[:4] == (100, 0, 100, 0)
    assert len(transport.requests) == 1


def test_a_key_that_is_refused_for_the_last_batches_ends_it_too():
    with pytest.raises(ApiError) as raised:
        client_of(RecordingTransport(202, 403)).send_all([user()] * 150)

    assert raised.value.report[:4] == (150, 100, 50, 0)


def test_other_refusals_are_counted():
    transport = FunctionTransport(lambda request: 404)
    report = client_of(transport).send_all([user()] * 150)

    assert report[:5] == (150, 0, 150, 0, {"rejected": 150})


def test_the_error_is_not_in_its_own_report():
    with pytest.raises(ApiError) as raised:
        client_of(RecordingTransport(REFUSAL)).send_all([user()])

    error = raised.value
    (failure,) = error.report.failures
    assert failure is not error
    assert not hasattr(failure, "report")
    assert (str(failure), failure.batch, failure.errors) == (str(error), error.batch, error.errors)
    copy = pickle.loads(pickle.dumps(error))
    assert copy.report[:5] == error.report[:5]
    assert str(copy.report.failures[0]) == str(failure)


def test_in_the_background_a_refused_key_ends_it_as_soon_as_it_is_known():
    answered, read = threading.Event(), []

    def answer(request):
        answered.set()
        return 401

    client = client_of(FunctionTransport(answer), dispatcher=ThreadedDispatcher(flush_interval=0))

    def stream():
        while True:
            read.append(None)
            if len(read) == 101:  # of the second hundred; the first is on its way
                assert answered.wait(SOON)
                assert client.flush(SOON) is True
            yield user(len(read))

    with pytest.raises(ApiError) as raised:
        client.send_all(stream())

    report = raised.value.report
    assert len(read) in (100, 200)
    assert report.submitted == len(read)
    assert report.failed >= 100
    assert client.close(SOON).failed == len(read)


def test_with_an_outbox_a_refused_key_ends_nothing_since_all_is_kept(tmp_path):
    client = client_of(
        FunctionTransport(lambda request: 401),
        dispatcher=ThreadedDispatcher(flush_interval=0, outbox=Outbox(tmp_path / "o.db")),
    )
    report = client.send_all([user(number) for number in range(300)])
    client.flush(SOON)

    assert report[:5] == (300, 0, 0, 300, {})
    assert client.stats[:4] == (300, 0, 0, 300)
    client.close(1)


# Time


def test_a_request_may_take_as_long_as_in_the_background():
    time = FakeTime()
    down_for = 500.0

    def answer(request):
        return 202 if time.now - began >= down_for else 503

    dispatcher = SyncDispatcher(clock=time.monotonic, wall=time.wall, sleep=time.sleep)
    client = client_of(FunctionTransport(answer), dispatcher=dispatcher)
    began = time.now
    assert client.send_all([user(), user(1)])[:4] == (2, 2, 0, 0)
    assert 500 <= time.now - began <= 600

    began = time.now
    with pytest.raises(DeliveryError) as raised:
        client.send(user())
    assert raised.value.reason == "retries_exhausted"
    assert time.now - began <= 15

    began, down_for = time.now, 10_000.0
    assert client.send_all([user()]).failed_by_reason == {"retries_exhausted": 1}
    assert time.now - began <= 600


def test_a_policy_that_says_how_long_holds_for_send_all_too():
    time = FakeTime()
    dispatcher = SyncDispatcher(clock=time.monotonic, wall=time.wall, sleep=time.sleep)
    client = client_of(
        FunctionTransport(lambda request: 503), dispatcher=dispatcher, retry=Retry(max_elapsed=3)
    )
    began = time.now
    client.send_all([user()])

    assert time.now - began <= 3


# What ends it


class Stubborn(Exception):
    """An exception of a subclass that takes no attributes."""

    def __setattr__(self, name, value):
        raise TypeError(name)


class OfItsOwn(Exception):
    report = property(lambda self: "mine")


ENDS = [
    *(OSError("the file ended"), ValueError("no"), MemoryError(), RuntimeError("x")),
    *(KeyboardInterrupt(), SystemExit(3), InvalidBatch("no"), TimeoutError()),
]


@pytest.mark.parametrize("at", [0, 1, 99, 100, 250])
@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
def test_what_the_iterable_raises_has_the_report(error, at):
    client = client_of()
    with pytest.raises(type(error)) as raised:
        client.send_all(Stream(at={at: error}))

    assert raised.value is error
    assert type(error.report) is Report
    assert error.report[:4] == (at, at, 0, 0)
    assert error.report[:4] == client.stats[:4]


@pytest.mark.parametrize("kind", [Stubborn, OfItsOwn])
def test_an_exception_that_takes_no_report_is_raised_as_it_is(kind):
    error = kind("mine")
    client = client_of()
    with pytest.raises(kind) as raised:
        client.send_all(Stream(at={3: error}))

    assert raised.value is error
    assert client.stats[:3] == (3, 3, 0)


@pytest.mark.parametrize(
    ("odd", "kind"),
    [
        ("batch", InvalidValue),
        (None, InvalidValue),
        (Batch().event("no environment"), InvalidBatch),
    ],
)
def test_a_mistake_in_the_middle_has_the_report(odd, kind):
    client = client_of(RecordingTransport(202, 400, 202), environment=None)
    ready = user().with_environment("production")
    with pytest.raises(kind) as raised:
        client.send_all([*[ready] * 101, odd, ready])

    assert raised.value.report[:5] == (101, 100, 1, 0, {"rejected": 1})


@pytest.mark.parametrize("argument", [None, 5, user()])
def test_what_is_no_iterable_has_a_report_of_nothing(argument):
    with pytest.raises(InvalidValue) as raised:
        client_of().send_all(argument)

    assert raised.value.report == (0, 0, 0, 0, {}, (), 0)


def test_a_client_that_is_closed_before_or_meanwhile_has_the_report():
    client = client_of()

    def stream():
        yield from [user()] * 150
        client.close()
        yield from [user()] * 150

    for source, sent in ((stream(), 100), ([user()], 0)):
        with pytest.raises(Closed) as raised:
            client.send_all(source)
        assert raised.value.report[:4] == (sent, sent, 0, 0)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("requests", [1, 2, 3])
def test_ctrl_c_while_it_sends_has_the_report(kind, requests):
    sent = []

    def answer(request):
        sent.append(request)
        if len(sent) == requests:
            raise kind
        return 202

    client = client_of(FunctionTransport(answer))
    with pytest.raises(kind) as raised:
        client.send_all(Stream())

    delivered = 100 * (requests - 1)
    assert raised.value.report[:4] == (delivered + 100, delivered, 100, 0)
    assert raised.value.report[:4] == client.stats[:4]


def test_ctrl_c_in_a_hook_has_the_report():
    def leave(batch, response):
        raise KeyboardInterrupt

    client = client_of(on_delivered=leave)
    with pytest.raises(KeyboardInterrupt) as raised:
        client.send_all(Stream())

    assert raised.value.report[:4] == (100, 100, 0, 0)


def test_in_the_background_what_ends_it_has_the_report():
    gate = threading.Event()
    client = client_of(
        FunctionTransport(lambda request: gate.wait(SOON) and 202),
        dispatcher=ThreadedDispatcher(flush_interval=0),
    )
    with pytest.raises(OSError, match="ended") as raised:
        client.send_all(Stream(at={130: OSError("ended")}))

    assert raised.value.report[:4] == (130, 0, 0, 130)
    gate.set()
    assert client.close(SOON) == (130, 0, 0)


def test_what_ends_it_is_in_the_log_with_what_failed(caplog):
    client = client_of(RecordingTransport(400, *[202] * 100))
    with pytest.raises(OSError, match="ended"):
        client.send_all(Stream(at={50: OSError("ended")}))
    with pytest.raises(ApiError):
        client_of(RecordingTransport(401)).send_all([user()] * 3)

    assert caplog.messages[-1] == "3 of 3 batches failed: 3 unauthorized"
