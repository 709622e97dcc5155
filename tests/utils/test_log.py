"""What the log says of requests, failures and limits, in words and in fields."""

import json
import logging

import pytest
from fault_server import FakeTime
from log_records import calling, text_of
from pages import column
from stages import SOON, Stage, client_of, user

from mpfluent import (
    ApiError,
    Batch,
    Client,
    FunctionTransport,
    Outbox,
    RecordingTransport,
    Response,
    Retry,
    SyncDispatcher,
    ThreadedDispatcher,
    TransportError,
)
from mpfluent.testing import LocalServer

FIELDS = column("docs/sending.md", "Logs")
WORDS = "words-of-the-payload"
TEXT = "free text of the server's"
BATCH = Batch.for_user(customer_id=WORDS).event(WORDS, {WORDS: WORDS})
ERRORS = {"errors": [{"code": "BAD_REQUEST", "message": TEXT}]}
REFUSAL = Response(400, {}, json.dumps(ERRORS))


def fields(record):
    """Return what a record says in its extra fields."""
    return {name: value for name in FIELDS if (value := getattr(record, name)) is not None}


def at(caplog, level):
    return [record for record in caplog.records if record.levelno == level]


@pytest.fixture
def log(caplog):
    """Everything that the log says, which is never a payload, the server's text, or a secret."""
    caplog.set_level(logging.DEBUG, "mpfluent")
    yield caplog
    records = caplog.get_records("call")
    assert records
    for record in records:
        if record.name == "mpfluent":
            shown = repr(vars(record)) + record.getMessage()
            assert not [word for word in (WORDS, TEXT, "s3cr3t", "Basic ") if word in shown]
            assert set(FIELDS) <= set(vars(record))


class Ticking(FakeTime):
    """A clock on which every look takes a moment."""

    def monotonic(self):
        self.now += 0.001
        return self.now


def synchronous(transport, time=None, **options):
    time = time or FakeTime()
    dispatcher = SyncDispatcher(clock=time.monotonic, wall=time.wall, sleep=time.sleep)
    options.setdefault("environment", "production")
    return Client("key", "s3cr3t", transport=transport, dispatcher=dispatcher, **options)


# Each attempt


def test_an_attempt_is_logged_with_its_outcome(log):
    transport = RecordingTransport()
    synchronous(transport).send(BATCH, BATCH)

    (record,) = log.records
    size = len(transport.requests[0].body)
    assert record.levelname == "DEBUG"
    assert record.getMessage() == (
        f"POST s2s.us1.mparticle.com, 2 batches, {size} bytes: 202 in 0.0 ms, attempt 1"
    )
    assert fields(record) == {
        "method": "POST",
        "host": "s2s.us1.mparticle.com",
        "batches": 2,
        "bytes": size,
        "status": 202,
        "milliseconds": 0.0,
        "attempt": 1,
    }


def test_each_attempt_says_how_long_until_the_next(log):
    retry = Retry(base=2, random=lambda: 0.5)
    client = synchronous(RecordingTransport(503, 503, 202), Ticking(), retry=retry)
    client.send(BATCH)

    assert [(r.attempt, r.status, r.next_in) for r in log.records] == [
        (1, 503, 1.0),
        (2, 503, 2.0),
        (3, 202, None),
    ]
    assert [r.milliseconds for r in log.records] == [1.0] * 3
    assert log.messages[1].endswith(": 503 in 1.0 ms, attempt 2, next in 2.0 s")


def test_the_last_attempt_has_no_next(log):
    with pytest.raises(ApiError):
        synchronous(RecordingTransport(503, 503), retry=Retry(max_attempts=2)).send(BATCH)

    assert log.records[1].next_in is None
    assert log.records[0].next_in >= 0


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (TransportError("at " + WORDS), "TransportError"),
        (ValueError(WORDS), "ValueError"),
        ("no answer at all", "TransportError"),
    ],
)
def test_an_attempt_without_an_answer_says_what_was_raised_and_not_its_words(error, name, log):
    def answer(request):
        if isinstance(error, str):
            return error
        raise error

    with pytest.raises(TransportError):
        synchronous(FunctionTransport(answer), retry=Retry(max_attempts=1)).send(BATCH)

    (record,) = log.records
    assert (record.status, record.error) == (None, name)
    assert f": no answer ({name}) in 0.0 ms, attempt 1" in record.getMessage()


def test_a_connection_that_is_refused_says_so(log):
    with LocalServer() as server:
        url = server.url
    client = Client(
        "key", "s3cr3t", environment="production", host=url, retry=Retry(max_attempts=1)
    )
    with pytest.raises(TransportError):
        client.send(BATCH)

    (record,) = [record for record in log.records if record.name == "mpfluent"]
    assert record.host == url.removeprefix("http://")
    assert record.error
    assert record.status is None


def test_a_bulk_that_is_split_is_logged_request_by_request(log):
    synchronous(RecordingTransport(400, 202, 202)).send(BATCH, BATCH)

    assert [(r.batches, r.status, r.next_in) for r in log.records] == [
        (2, 400, None),
        (1, 202, None),
        (1, 202, None),
    ]


@pytest.mark.parametrize("coalesce", [False, True])
def test_workers_log_their_attempts_too(coalesce, log):
    client = client_of(RecordingTransport(503), coalesce=coalesce, retry=Retry(base=0))
    client.send(BATCH).wait(SOON)
    client.close()

    assert [(r.attempt, r.status) for r in at(log, logging.DEBUG)] == [(1, 503), (2, 202)]


def test_without_debug_nothing_is_made_for_it(monkeypatch, caplog):
    made = []
    monkeypatch.setattr("mpfluent.delivery.sender.attempt_of", made.append)
    caplog.set_level(logging.INFO, "mpfluent")
    client = synchronous(RecordingTransport(503))
    client.send(BATCH)

    assert made == []
    assert client._counters.observers.look() is False
    assert caplog.records == []


# Failures


def test_a_failure_has_its_status_and_the_vendors_code(log):
    client = client_of(RecordingTransport(*[REFUSAL] * 3))
    client.send(BATCH).wait(SOON)
    client.close()

    (record,) = at(log, logging.WARNING)
    assert record.getMessage() == "batch failed: rejected, 400 BAD_REQUEST"
    assert fields(record) == {
        "batches": 1,
        "reason": "rejected",
        "status": 400,
        "code": "BAD_REQUEST",
    }


@pytest.mark.parametrize(
    "code", [WORDS + " " + TEXT, "a" * 65, "two words", "line\nbreak", "", 5, None, ["A"]]
)
def test_a_code_that_is_no_word_is_not_logged(code, log):
    body = json.dumps({"errors": [{"code": code, "message": TEXT}]}).encode()
    client = client_of(RecordingTransport(Response(422, {}, body)))
    client.send(BATCH).wait(SOON)
    client.close()

    (record,) = at(log, logging.WARNING)
    shown = " 5" if code == 5 else ""
    assert record.getMessage() == f"batch failed: rejected, 422{shown}"


def test_failures_of_another_status_are_another_line(log):
    stage = Stage(RecordingTransport(400, 404, 400), retry=Retry(max_attempts=1))
    for _ in range(3):
        stage.client.send(user())
        stage.time.now += 1
        stage.work()
    stage.client.close(0)

    assert [record.getMessage() for record in at(log, logging.WARNING)] == [
        "batch failed: rejected, 400",
        "batch failed: rejected, 404",
        "batch failed: rejected, 400",
    ]


def test_a_failure_without_an_answer_says_what_was_raised(log):
    def answer(request):
        raise ConnectionResetError(WORDS)

    client = client_of(FunctionTransport(answer))
    client.send(BATCH).wait(SOON)
    client.close()

    (record,) = at(log, logging.WARNING)
    assert record.getMessage() == "batch failed: transport_error"
    assert (record.reason, record.error) == ("transport_error", "ConnectionResetError")


def test_what_is_kept_has_its_status_too(log, tmp_path):
    client = client_of(
        RecordingTransport(*[401] * 3),
        outbox=Outbox(tmp_path / "o.db"),
    )
    client.send(BATCH).wait(SOON)
    client.close(0)

    kept = [r for r in at(log, logging.WARNING) if r.getMessage().startswith("batch kept")]
    assert kept[0].getMessage() == "batch kept in the outbox: unauthorized, 401"
    assert (kept[0].reason, kept[0].status) == ("unauthorized", 401)


def test_send_all_says_what_the_first_failure_was(log):
    synchronous(RecordingTransport(REFUSAL)).send_all([BATCH])

    (record,) = at(log, logging.WARNING)
    assert record.getMessage() == "1 of 1 batch failed: 1 rejected"
    assert fields(record) == {
        "batches": 1,
        "reason": "rejected",
        "status": 400,
        "code": "BAD_REQUEST",
    }


def test_refused_credentials_have_their_status(log):
    with pytest.raises(ApiError):
        synchronous(RecordingTransport(403)).send(BATCH)

    (record,) = at(log, logging.WARNING)
    assert "mParticle answered 403 to the credentials" in record.getMessage()
    assert fields(record) == {"status": 403, "reason": "unauthorized"}


# The rate limit


def test_the_first_429_is_logged_with_its_wait_and_the_next_ones_are_counted(log):
    wait = Response(429, {"Retry-After": "7"})
    time = FakeTime()
    client = synchronous(RecordingTransport(*[wait] * 3), time, retry=Retry(max_elapsed=600))
    client.send(BATCH)
    client.close()

    first, rest = at(log, logging.WARNING)
    assert first.getMessage().startswith("mParticle answered 429: no request for 7.")
    assert fields(first) == {"status": 429, "next_in": pytest.approx(7, abs=1)}
    assert rest.getMessage().endswith(" (2 times)")


def test_a_429_that_fails_at_once_is_logged_with_its_wait_too(log):
    transport = RecordingTransport(Response(429, {"Retry-After": "120"}))
    with pytest.raises(ApiError):
        synchronous(transport).send(BATCH)

    (record,) = at(log, logging.WARNING)
    assert record.getMessage() == "mParticle answered 429: no request for 120.0 s"


def test_other_answers_that_are_tried_again_are_no_warning(log):
    synchronous(RecordingTransport(503, 500, 408)).send(BATCH)

    assert at(log, logging.WARNING) == []


# Limits


LONG = "x" * 300


@pytest.mark.parametrize(
    ("batch", "problem", "place"),
    [
        (BATCH.event("a").event("b").event(LONG), "name_too_long", "events[3].event_name"),
        (BATCH.screen_view(LONG), "name_too_long", "events[1].screen_name"),
        (BATCH.event("a", {WORDS + LONG: 1}), "name_too_long", "events[1].attributes"),
        (BATCH.event("a", {WORDS: "x" * 5000}), "value_too_long", "events[1].attributes"),
        (
            BATCH.event("a", {f"{WORDS} {n}": n for n in range(101)}),
            "too_many_attributes",
            "events[1].attributes",
        ),
        (BATCH.with_user_attributes({WORDS: "x" * 5000}), "value_too_long", "user_attributes"),
        (BATCH.with_user_attributes({WORDS: ["x"] * 1001}), "list_too_long", "user_attributes"),
        (BATCH.with_user_attributes({WORDS: ["x" * 600]}), "value_too_long", "user_attributes"),
        (BATCH.with_identities(email=LONG), "identity_too_long", "user_identities.email"),
        (BATCH.event("a", at=1_000_000_000_000), "old_event", "events[1]"),
        (Batch().event("a"), "nobody", None),
    ],
)
def test_a_limit_is_logged_with_its_path(batch, problem, place, log):
    synchronous(RecordingTransport()).send(batch)

    (record,) = at(log, logging.WARNING)
    where = f" at {place}" if place else ""
    assert record.getMessage() == (
        f"a batch has a problem of the kind {problem}{where}, logged once; "
        "batch.problems() says more"
    )
    said = {"problem": problem, "place": place}
    assert fields(record) == {name: value for name, value in said.items() if value}
    (found,) = batch.problems() if problem != "old_event" else [None]
    assert found is None or (found.kind, found.place) == (problem, place or "")


# The fields


def test_no_field_has_a_name_of_the_records_own():
    own = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    assert own & set(FIELDS) == set()


def test_the_table_of_fields_is_complete(log):
    synchronous(RecordingTransport()).send(BATCH)
    of_any_record = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}

    assert sorted(vars(log.records[0]).keys() - of_any_record) == sorted(FIELDS)


def test_a_formatter_may_name_every_field_of_every_record():
    with text_of(" ".join(f"{name}=%({name})s" for name in FIELDS)) as lines:
        client = client_of(
            RecordingTransport(429, REFUSAL, 401), on_failed=lambda batch, error: 1 / 0
        )
        for _ in range(3):
            client.send(BATCH.event(LONG)).wait(SOON)
        client.close()

    said = lines.getvalue().splitlines()
    assert len(said) >= 7
    assert all(line.startswith("method=") for line in said)


def test_a_log_that_raises_at_an_attempt_harms_nothing():
    def fail(record):
        raise OSError("full")

    with calling(fail):
        assert synchronous(RecordingTransport(503)).send(BATCH).state == "delivered"


# Who looks on


class Onlooker:
    def __init__(self, error=None):
        self.seen, self.outcomes, self.error = [], [], error

    def attempted(self, attempt):
        self.seen.append(attempt)
        if self.error:
            raise self.error

    def settled(self, outcome):
        self.outcomes.append(outcome)
        if self.error:
            raise self.error


def test_an_observer_sees_what_the_log_says(log):
    client = synchronous(RecordingTransport(503, REFUSAL), retry=Retry(base=0))
    onlooker = Onlooker()
    client._counters.observers.others = (onlooker,)
    with pytest.raises(ApiError):
        client.send(BATCH)

    for attempt, record in zip(onlooker.seen, log.records, strict=True):
        said = {**attempt._asdict(), "host": attempt.host}
        for name, value in fields(record).items():
            if name != "milliseconds":
                assert said[name] == value
    assert [outcome.reason for outcome in onlooker.outcomes] == ["rejected"]


def test_an_observer_that_raises_harms_nothing_and_is_counted(caplog):
    client = synchronous(RecordingTransport(503), retry=Retry(base=0))
    client._counters.observers.others = (Onlooker(ValueError(WORDS)), onlooker := Onlooker())

    assert client.send(BATCH).state == "delivered"
    assert client.stats.hook_errors == 3
    assert len(onlooker.seen) == 2
    assert len(onlooker.outcomes) == 1
    assert WORDS not in caplog.text


@pytest.mark.parametrize("background", [False, True])
def test_an_attempt_says_whether_a_worker_made_it(background):
    dispatcher = ThreadedDispatcher(flush_interval=0) if background else SyncDispatcher()
    client = Client(
        *("key", "s3cr3t"),
        environment="production",
        transport=RecordingTransport(),
        dispatcher=dispatcher,
    )
    onlooker = Onlooker()
    client._counters.observers.others = (onlooker,)
    client.send(BATCH).wait(SOON)
    client.close()

    assert [attempt.background for attempt in onlooker.seen] == [background]
