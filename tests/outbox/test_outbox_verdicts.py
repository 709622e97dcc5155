"""With an outbox, only mParticle's own verdict on a batch is final; all else tells of the way."""

import contextlib
import json
from pathlib import Path

import pytest
from fault_server import FaultServer, status
from internals import JUDGED, RETRIED, is_judged
from scenarios import KEY, SECRET, batch, batches, eventually, scenario
from sizes import large
from stages import SOON, Stage, client_of, user, users

from mpfluent import (
    ApiError,
    Batch,
    FunctionTransport,
    Kept,
    Outbox,
    RecordingTransport,
    RequestsTransport,
    Response,
    Retry,
    TransportError,
)
from mpfluent.testing import LocalServer, redirect

CERTIFICATES = Path(__file__).parents[1] / "certificates"
VERDICT = json.dumps({"errors": [{"code": "BAD_REQUEST", "message": "no such purpose"}]})
PAGE = "<html><h1>Blocked by the firewall</h1></html>"
ONCE = Retry(max_attempts=1)
BLOCKED = "a batch did not reach mParticle, and is kept in the outbox to be tried again"


def lines(caplog, words="did not reach mParticle"):
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


# Statuses and bodies

NOT_OF_THE_BATCH = [
    *(404, 405, 406, 407, 409, 410, 411, 414, 415, 417, 418, 421, 423, 425, 426, 428, 431, 451),
    *(300, 301, 302, 303, 304, 305, 307, 308, 399),
    *(100, 101, 102, 103, 199),
    *(501, 505, 506, 507, 508, 510, 511, 530, 599),
    *(-1, 0, 1, 99, 600, 999, 1000),
]
BODIES = {"no body": "", "a page": PAGE, "mParticle's error": VERDICT}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("code", NOT_OF_THE_BATCH)
def test_a_status_that_is_no_verdict_on_the_batch_keeps_it(code, body, path):
    stage = Stage(RecordingTransport(Response(code, body=body)), outbox=Outbox(path))
    delivery = stage.client.send(user())
    stage.time.now += 1
    stage.work()

    assert delivery.state == "kept"
    with pytest.raises(Kept) as raised:
        delivery.result()
    assert (raised.value.status_code, raised.value.reason) == (
        code,
        "unexpected_redirect" if 300 <= code < 400 else "rejected",
    )
    assert stage.told == []
    assert stage.client.stats[:4] == (1, 0, 0, 1)
    stage.time.now += 60
    stage.work()
    assert stage.client.stats[:4] == (1, 1, 0, 0)
    sent = [one.source_request_id for one in stage.transport.batches]
    assert len(stage.transport.requests) == 2
    assert len({*sent}) == 1


FOREIGN = {
    "nothing": "",
    "a page": PAGE,
    "null": "null",
    "a number": "5",
    "text": '"errors"',
    "an array": "[]",
    "an array of errors": '[{"code": "BAD_REQUEST", "message": "no"}]',
    "another object": '{"message": "Forbidden"}',
    "one error": '{"error": [{"code": "BAD_REQUEST"}]}',
    "errors that are null": '{"errors": null}',
    "errors that are an object": '{"errors": {"body": "invalid"}}',
    "errors that are text": '{"errors": "no"}',
    "other case": '{"Errors": []}',
    "half of it": VERDICT[:-4],
    "bytes": b"\xff\xfe\x00",
    "depth": '{"errors":' + "[" * 100_000,
    "a page with it": f"<html>{VERDICT}</html>",
}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("code", sorted(JUDGED))
def test_a_verdict_in_words_that_are_not_mparticles_is_none(code, body, path):
    answer = Response(code, body=body)
    stage = Stage(RecordingTransport(answer), outbox=Outbox(path))
    delivery = stage.client.send(user())
    stage.time.now += 1
    stage.work()

    assert is_judged(answer) is False
    assert delivery.state == "kept"
    assert stage.told == []
    stage.time.now += 60
    stage.work()
    assert stage.client.stats[:4] == (1, 1, 0, 0)


JUDGEMENTS = {
    "as documented": VERDICT,
    "no errors": '{"errors": []}',
    "errors of another form": '{"errors": ["no"]}',
    "more than errors": '{"errors": [{"message": "no"}], "trace": 5}',
    "with a mark of its encoding": "\ufeff".encode() + VERDICT.encode(),
}


@pytest.mark.parametrize("body", JUDGEMENTS.values(), ids=JUDGEMENTS)
@pytest.mark.parametrize(
    ("code", "reason"), [(400, "rejected"), (413, "too_large"), (422, "rejected")]
)
def test_mparticles_verdict_on_the_batch_is_final(code, reason, body, path):
    stage = Stage(RecordingTransport(Response(code, body=body)), outbox=Outbox(path))
    delivery = stage.client.send(user("7"))
    stage.time.now += 1
    stage.work()

    assert delivery.state == "failed"
    with pytest.raises(ApiError) as raised:
        delivery.result()
    assert (raised.value.reason, raised.value.judged) == (reason, True)
    assert stage.told == [("7", reason)]
    assert stage.client.stats[:4] == (1, 0, 1, 0)
    for _ in range(3):
        stage.time.now += 60
        stage.work()
    assert len(stage.transport.requests) == 1


@pytest.mark.parametrize("code", [404, 302, 103, 999, *sorted(JUDGED)])
@pytest.mark.parametrize("body", [PAGE, VERDICT], ids=["a page", "mParticle's error"])
def test_without_an_outbox_every_refusal_fails(code, body):
    stage = Stage(RecordingTransport(Response(code, body=body)))
    stage.client.send(user("7"))
    stage.time.now += 1
    stage.work()

    reason = {302: "unexpected_redirect", 413: "too_large"}.get(code, "rejected")
    assert stage.told == [("7", reason)]
    assert stage.client.stats[:4] == (1, 0, 1, 0)


def test_no_status_is_forgotten():
    assert JUDGED.isdisjoint(RETRIED)
    assert [code for code in range(-1, 1001) if is_judged(Response(code, body=VERDICT))] == [
        *sorted(JUDGED)
    ]


# Where no answer came


def refuse(request):
    raise TransportError("its certificate is not trusted", retryable=False)


def broken(request):
    raise ValueError("a mistake in somebody's transport")


def nonsense(request):
    return {"status": 202}


def leaves(request):
    raise SystemExit


@pytest.mark.parametrize("answer", [refuse, broken, nonsense])
def test_what_no_answer_came_to_is_kept(answer, path):
    answers = [answer]
    stage = Stage(
        FunctionTransport(lambda request: answers[0](request)), outbox=Outbox(path), retry=ONCE
    )
    delivery = stage.client.send(user())
    stage.time.now += 1
    stage.work()
    assert delivery.state == "kept"
    with pytest.raises(Kept) as raised:
        delivery.result()
    assert raised.value.reason == "transport_error"
    assert stage.told == []
    answers[0] = lambda request: 202
    stage.time.now += 60
    stage.work()

    assert stage.client.stats[:4] == (1, 1, 0, 0)


def test_what_workers_were_stopped_in_the_midst_of_is_kept_and_holds_up_no_other(path):
    def answer(request):
        return leaves(request) if "killer" in request.batch_ids else 202

    stage = Stage(FunctionTransport(answer), outbox=Outbox(path), retry=ONCE)
    deliveries = stage.client.send(user().with_source_request_id("killer"), *users(10))
    for _ in range(60):
        stage.time.now += 61
        with contextlib.suppress(SystemExit):
            stage.work()

    assert stage.client.stats[:4] == (11, 10, 0, 1)
    assert stage.told == []
    assert deliveries.state == "kept"


def test_an_expired_certificate_empties_no_outbox(path):
    with FaultServer(certificate="expired.pem") as server:
        transport = RequestsTransport(verify=str(CERTIFICATES / "authority.pem"))
        url = f"https://localhost:{server.port}"
        with scenario(
            server=server, url=url, transport=transport, outbox=Outbox(path), flush_interval=0
        ) as one:
            for each in batches(10):
                one.send_and_flush(each)

            assert one.states == ["kept"] * 10
            assert one.failed == []
            assert one.client.stats[:4] == (10, 0, 0, 10)
            (line,) = [each for each in one.log.getvalue().splitlines() if "WARNING" in each]
            assert line.startswith(f"mpfluent WARNING {BLOCKED}: no answer from {url}: ")
            assert "certificate" in line


def test_an_unknown_issuer_empties_no_outbox(path):
    certificate = CERTIFICATES / "localhost.pem"
    with LocalServer(api_key=KEY, api_secret=SECRET, certificate=certificate) as server:
        with scenario(server=server, outbox=Outbox(path)) as one:
            assert one.send_and_flush(*batches(3)) is False
            assert one.states == ["kept"] * 3
        transport = RequestsTransport(verify=str(CERTIFICATES / "authority.pem"))
        with scenario(server=server, outbox=Outbox(path), transport=transport) as one:
            assert one.client.flush(5) is True
            assert len(server.batches) == 3
            assert one.client.stats[:4] == (3, 3, 0, 0)


def test_a_proxy_that_refuses_empties_no_outbox(path):
    with FaultServer(*[status(407)] * 9) as proxy:
        transport = RequestsTransport(proxies={"https": proxy.url})

        class Proxied:
            requests, url = (), "https://127.0.0.1:1"

        with scenario(server=Proxied, transport=transport, outbox=Outbox(path)) as one:
            assert one.send_and_flush(*batches(3)) is False
            assert one.states == ["kept"] * 3
            assert one.failed == []


def test_a_redirect_empties_no_outbox_and_is_not_followed(path):
    with scenario(*[redirect("/elsewhere")] * 2, outbox=Outbox(path), flush_interval=0) as one:
        one.send_and_flush(batch(1))
        assert one.states == ["kept"]
        assert eventually(lambda: one.client.flush(5))
        assert {request.path for request in one.server.requests} == {"/v2/events"}


# Who is told


@pytest.mark.parametrize("code", [404, 302, 421, 999, 400, 0])
def test_it_is_told_once_however_many_batches_are_kept(code, path, caplog):
    stage = Stage(FunctionTransport(lambda request: code), outbox=Outbox(path))
    deliveries = []
    for number in range(10):
        deliveries.append(stage.client.send(user(number)))
        stage.time.now += 1
        stage.work()
    for _ in range(3):
        stage.time.now += 60
        stage.work()

    assert [delivery.state for delivery in deliveries] == ["kept"] * 10
    assert stage.told == []
    stage.client.close()
    assert [record.getMessage() for record in caplog.records] == [
        f"{BLOCKED}: it was answered with {code}"
    ]


def test_the_log_has_none_of_the_words_that_came_with_it(path, caplog):
    words = '{"errors": "person-4711", "message": "person-4711"}'
    stage = Stage(RecordingTransport(Response(400, body=words)), outbox=Outbox(path))
    stage.client.send(user())
    stage.time.now += 1
    stage.work()

    assert len(lines(caplog)) == 1
    assert "person-4711" not in caplog.text


def test_it_is_told_again_when_it_worked_meanwhile(path, caplog):
    answers = [404]
    stage = Stage(FunctionTransport(lambda request: answers[0]), outbox=Outbox(path))
    for answers[0] in (404, 202, 404, 404):
        stage.client.send(user())
        stage.time.now += 61
        stage.work()

    assert lines(caplog) == [f"{BLOCKED}: it was answered with 404"] * 2


def test_a_batch_that_a_firewall_refuses_again_and_again_is_told_once(path, caplog):
    stage = Stage(FunctionTransport(firewall), outbox=Outbox(path))
    stage.client.send(poison())
    for number in range(20):
        stage.client.send(user(number))
        stage.time.now += 61
        stage.work()

    assert stage.client.stats[:4] == (21, 20, 0, 1)
    stage.client.close()
    assert lines(caplog) == [f"{BLOCKED}: it was answered with 400"]


def test_a_process_that_takes_over_tells_it_once_too(path, caplog):
    for sent in (3, 0):
        caplog.clear()
        stage = Stage(FunctionTransport(lambda request: 404), outbox=Outbox(path))
        stage.client.send(*users(sent)) if sent else stage.client.flush(0)
        for _ in range(5):
            stage.time.now += 61
            stage.work()
        assert len(lines(caplog)) == 1
        stage.client.close()


def test_a_refused_key_is_told_as_before(path, caplog):
    stage = Stage(FunctionTransport(lambda request: 401), outbox=Outbox(path))
    stage.client.send(user())
    stage.time.now += 1
    stage.work()

    assert lines(caplog) == []
    assert "mParticle answered 401 to the credentials" in caplog.text


# When it is tried again


def test_what_is_kept_is_tried_once_a_minute(path):
    asked = []
    stage = Stage(FunctionTransport(lambda request: asked.append(1) or 404), outbox=Outbox(path))
    stage.client.send(user())
    stage.time.now += 1
    stage.work()
    for seconds, attempts in [(59, 1), (2, 2), (58, 2), (3, 3), (58, 3), (3, 4)]:
        stage.time.now += seconds
        stage.work()
        assert len(asked) == attempts


def test_what_is_kept_is_tried_at_every_flush_and_as_soon_as_another_arrives(path):
    answers = [404, 404, 404]
    stage = Stage(
        FunctionTransport(lambda request: answers.pop() if answers else 202), outbox=Outbox(path)
    )
    stage.client.send(user())
    stage.time.now += 1
    stage.work()
    for left in (1, 0):
        stage.client.flush(0)
        stage.work()
        assert len(answers) == left
    stage.time.now += 1
    stage.client.send(user())
    stage.time.now += 1
    stage.work()
    assert stage.client.stats[:4] == (2, 1, 0, 1)  # it was tried again in vain just now
    stage.time.now += 60
    stage.work()

    assert stage.client.stats[:4] == (2, 2, 0, 0)


@pytest.mark.parametrize("code", [404, 302, 400, 413])
def test_no_other_batch_has_to_wait_for_a_way_that_did_not_work(code, path):
    """The circuit stays closed: what was refused may be one batch, and the next shows it."""
    stage = Stage(RecordingTransport(Response(code, body=PAGE)), outbox=Outbox(path))
    first = stage.client.send(user())
    stage.time.now += 1
    stage.work()
    second = stage.client.send(user())
    stage.time.now += 1
    stage.work()

    assert (first.state, second.state) == ("kept", "delivered")
    assert stage.client.stats.pending == 0  # since something arrived


def test_a_refusal_of_a_proxy_does_not_speak_for_the_key(path):
    answers = [401, Response(400, body=PAGE), 401]
    stage = Stage(RecordingTransport(*answers), outbox=Outbox(path))
    for _ in range(2):
        stage.client.send(user())
        stage.time.now += 61
        stage.work()
    asked = len(stage.transport.requests)
    stage.client.send(user())
    stage.time.now += 1
    stage.work()

    assert asked == 2
    assert len(stage.transport.requests) == 2  # the circuit is open still


def test_a_batch_that_is_kept_too_long_expires_and_is_told(path):
    now = [0.0]
    stage = Stage(
        FunctionTransport(lambda request: 404),
        outbox=Outbox(path, max_age=600, wall=lambda: 1e9 + now[0]),
    )
    stage.client.send(user("7"))
    for _ in range(12):
        stage.time.now += 61
        now[0] += 61
        stage.work()

    assert stage.told == [("7", "expired")]
    assert stage.client.stats[:4] == (1, 0, 1, 0)


@pytest.mark.parametrize("code", [404, 302, 400, 422, 999])
def test_the_next_process_delivers_what_the_way_did_not_let_through(code, path):
    first = Stage(FunctionTransport(lambda request: code), outbox=Outbox(path))
    first.client.send(*users(5))
    first.time.now += 1
    first.work()
    ids = {
        one.source_request_id for one in first.client._dispatcher._settlement.kept.outbox.load(0)
    }
    assert first.client.close() == (0, 0, 5, 0)
    second = Stage(outbox=Outbox(path))
    second.client.flush(0)
    second.work()

    assert ids == set()
    assert second.client.stats[:4] == (5, 5, 0, 0)
    assert first.told == second.told == []


# One batch that is refused on the way


def poison():
    return user("poison").with_source_request_id("poison")


def firewall(request, code=400):
    return Response(code, body=PAGE) if b"poison" in request.body else Response(202)


@pytest.mark.parametrize("code", [400, 413])
@pytest.mark.parametrize("place", [0, 7, 29])
def test_one_batch_that_a_firewall_refuses_blocks_no_other(code, place, path):
    stage = Stage(FunctionTransport(lambda request: firewall(request, code)), outbox=Outbox(path))
    sent = users(30)
    sent[place] = poison()
    deliveries = [stage.client.send(one) for one in sent]
    stage.time.now += 1
    stage.work()

    states = [delivery.state for delivery in deliveries]
    assert states == ["kept" if number == place else "delivered" for number in range(30)]
    assert stage.told == []


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("coalesce", [False, True])
def test_a_full_queue_behind_a_refused_batch_is_delivered_and_so_is_what_comes_later(
    workers, coalesce, path
):
    client = client_of(
        FunctionTransport(firewall),
        outbox=Outbox(path),
        max_queue=2,
        workers=workers,
        coalesce=coalesce,
        retry=ONCE,
    )
    for number in range(60):
        client.send(poison() if number == 7 else user(number))
    assert eventually(lambda: client.stats.delivered == 59)
    later = [client.send(user(f"later-{number}")) for number in range(5)]

    assert eventually(lambda: client.stats.delivered == 64)
    assert eventually(lambda: client.send(user("last")).wait(SOON))
    assert client.send(user("last")).result(SOON).status_code == 202  # from memory: no overflow
    assert {delivery.state for delivery in later} <= {"delivered", "kept"}
    assert client.stats.pending == 1
    assert client.stats.failed == 0
    client.close()


def test_what_was_never_tried_does_not_wait_for_what_was_tried_in_vain(path):
    asked = []

    def answer(request):
        asked.append(request.batch_ids)
        return firewall(request)

    stage = Stage(FunctionTransport(answer), outbox=Outbox(path), max_queue=1)
    stage.client.send(poison())
    deliveries = [stage.client.send(user(number)) for number in range(250)]
    stage.time.now += 1
    stage.work()

    assert stage.client.stats[:4] == (251, 250, 0, 1)  # within the minute
    assert {delivery.state for delivery in deliveries} == {"kept"}
    poisoned = [ids for ids in asked if "poison" in ids]
    for number in range(20):
        stage.client.send(user(number))
        stage.time.now += 1
        stage.work()
    assert len([ids for ids in asked if "poison" in ids]) - len(poisoned) <= 1


def test_a_way_that_is_closed_for_all_is_not_tried_for_each_of_many(path):
    asked = []
    stage = Stage(
        FunctionTransport(lambda request: asked.append(request.batch_ids) or 404),
        outbox=Outbox(path),
        max_queue=1,
    )
    for number in range(500):
        stage.client.send(user(number))
    for _ in range(30):
        stage.time.now += 1
        stage.work()

    assert stage.client.stats[:4] == (500, 0, 0, 500)
    assert len(asked) <= 3


# Several in one


@pytest.mark.parametrize("code", sorted(JUDGED))
def test_mparticles_verdict_on_a_bulk_costs_only_the_offender(code, path):
    def answer(request):
        return Response(code, body=VERDICT) if b'"3"' in request.body else Response(202)

    stage = Stage(FunctionTransport(answer), outbox=Outbox(path))
    deliveries = [stage.client.send(user(number)) for number in range(8)]
    stage.time.now += 1
    stage.work()

    assert [delivery.state for delivery in deliveries] == [
        *["delivered"] * 3,
        "failed",
        *["delivered"] * 4,
    ]
    assert stage.told == [("3", "too_large" if code == 413 else "rejected")]


@pytest.mark.parametrize(
    ("code", "body"), [(404, ""), (400, PAGE), (413, PAGE), (422, PAGE), (0, "")]
)
def test_a_group_that_the_way_refused_arrives_whole_or_each_by_itself(code, body, path):
    script = [Response(code, body=body)] * 9
    bodies = []

    def answer(request):
        bodies.append(json.loads(request.body))
        return script.pop() if script else Response(202)

    stage = Stage(FunctionTransport(answer), outbox=Outbox(path), coalesce=True)
    for name in ("one", "two", "three"):
        stage.client.send(Batch.for_user(customer_id="a").event(name))
    stage.time.now += 1
    stage.work()
    assert stage.client.stats[:4] == (3, 0, 0, 3)
    script.clear()
    bodies.clear()
    stage.time.now += 61
    stage.work()

    assert stage.client.stats[:4] == (3, 3, 0, 0)
    assert stage.told == []
    sent = [one for body in bodies for one in (body if isinstance(body, list) else [body])]
    names = [[event["data"]["event_name"] for event in one["events"]] for one in sent]
    taken_apart = code in (400, 413)
    assert names == ([["one"], ["two"], ["three"]] if taken_apart else [["one", "two", "three"]])


@pytest.mark.parametrize(
    ("second", "state"),
    [
        (Response(404), "kept"),
        (Response(302), "kept"),
        (Response(400, body=PAGE), "kept"),
        (Response(999), "kept"),
        (Response(422, body=VERDICT), "failed"),
        (Response(400, body=VERDICT), "failed"),
    ],
)
@pytest.mark.parametrize("first", [Response(202), Response(404)])
def test_a_batch_in_parts_is_kept_whole_unless_one_is_judged(first, second, state, path):
    def answer(request):
        last = request.batch_ids[-1].endswith("-3")
        return (second if last else first) if not mended else Response(202)

    mended = []
    stage = Stage(FunctionTransport(answer), outbox=Outbox(path))
    delivery = stage.client.send(large(3))
    stage.time.now += 1
    stage.work()

    assert delivery.state == state
    mended.append(True)
    stage.time.now += 61
    stage.work()
    reason = "rejected"
    assert stage.told == ([] if state == "kept" else [("large", reason)])
    assert stage.client.stats[1:4] == ((1, 0, 0) if state == "kept" else (0, 1, 0))


def test_a_batch_that_could_not_be_stored_fails_as_without_an_outbox(path, monkeypatch):
    monkeypatch.setattr(Outbox, "put", lambda self, batches: None)  # as a broken disk
    stage = Stage(FunctionTransport(lambda request: 404), outbox=Outbox(path))
    stage.client.send(user("7"))
    stage.time.now += 1
    stage.work()

    assert stage.told == [("7", "rejected")]


def test_several_workers_keep_what_the_way_refuses_and_lose_nothing(path):
    answers = [404, 302, Response(400, body=PAGE), 451, 999] * 20
    client = client_of(
        FunctionTransport(lambda request: answers.pop() if answers else 202),
        outbox=Outbox(path),
        workers=4,
        retry=ONCE,
    )
    for one in users(200):
        client.send(one)
    assert eventually(lambda: client.flush(SOON), 30)

    assert client.stats[:4] == (200, 200, 0, 0)
    client.close()
