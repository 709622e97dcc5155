"""Transports that do not send, and those of users that are broken."""

import io
import json
import pickle
import threading
from decimal import Decimal
from http import HTTPStatus

import pytest
from internals import Credentials

from mpfluent import (
    Batch,
    Client,
    ConfigurationError,
    FileTransport,
    FunctionTransport,
    Immutable,
    PrintingTransport,
    RecordingTransport,
    Request,
    RequestsTransport,
    Response,
    Retry,
    TransportError,
)

BATCH = Batch.for_user(customer_id="1").event("Searched", {"query": "thé 茶"})


def client_of(transport, **options):
    options.setdefault("retry", Retry(max_attempts=1))
    return Client("key", "secret", environment="development", transport=transport, **options)


# FunctionTransport


@pytest.mark.parametrize(
    "answer", [202, HTTPStatus.ACCEPTED, Response(202), Response(HTTPStatus.ACCEPTED)]
)
def test_a_function_answers_with_a_status_or_a_response(answer):
    seen = []

    def function(request):
        seen.append(request)
        return answer

    delivery = client_of(FunctionTransport(function)).send(BATCH)

    assert delivery.result().status_code == 202
    assert type(delivery.result().status_code) is int
    assert seen[0].json()["events"][0]["data"]["event_name"] == "Searched"


@pytest.mark.parametrize("function", [None, 202, "202"])
def test_a_function_transport_wants_a_function(function):
    with pytest.raises(ConfigurationError) as raised:
        FunctionTransport(function)

    assert str(raised.value) == (
        f"FunctionTransport({function!r}): want a function of one request; "
        "write FunctionTransport(lambda request: 202)"
    )


# Broken transports


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (None, "NoneType"),
        (True, "bool"),
        ("202", "str"),
        ((202, {}), "tuple"),
        (202.0, "float"),
    ],
)
def test_an_answer_that_is_none_fails_the_batch_once(answer, kind):
    client = client_of(FunctionTransport(lambda request: answer), retry=Retry())
    with pytest.raises(TransportError) as raised:
        client.send(BATCH)

    assert str(raised.value) == (
        f"the transport FunctionTransport answered with {kind}; write return Response(202)"
    )
    assert raised.value.reason == "transport_error"
    assert client.stats.retries == 0
    assert client.stats.failed == 1


def test_a_transport_that_raises_fails_the_batch_once_and_keeps_the_cause():
    def broken(request):
        raise KeyError("customer 1")

    client = client_of(FunctionTransport(broken), retry=Retry())
    with pytest.raises(TransportError) as raised:
        client.send(BATCH)

    assert str(raised.value) == "the transport FunctionTransport raised KeyError"
    assert isinstance(raised.value.__cause__, KeyError)
    assert client.stats.retries == 0


def test_a_transport_may_raise_a_transport_error_of_its_own():
    answers = iter([TransportError("the cable is out"), 202])

    def shaky(request):
        answer = next(answers)
        if isinstance(answer, TransportError):
            raise answer
        return answer

    client = client_of(FunctionTransport(shaky), retry=Retry(base=0))
    client.send(BATCH)

    assert client.stats.retries == 1


def test_a_transport_needs_no_more_than_two_methods():
    class Mine:
        def __init__(self):
            self.closed = False

        def send(self, request):
            return Response(202)

        def close(self):
            self.closed = True

    transport = Mine()
    with client_of(transport) as client:
        assert client.send(BATCH).state == "delivered"

    assert transport.closed


def test_transports_can_be_wrapped():
    inner = RecordingTransport()
    out = io.StringIO()
    client_of(PrintingTransport(FunctionTransport(inner.send), file=out)).send(BATCH)

    assert len(inner.requests) == 1
    assert "-> 202" in out.getvalue()


# RecordingTransport


def test_a_recording_transport_keeps_requests_and_batches():
    transport = RecordingTransport()
    client = client_of(transport)
    client.send(BATCH)
    client.send(BATCH, BATCH)

    assert len(transport.requests) == 2
    assert [batch.events[0].event_name for batch in transport.batches] == ["Searched"] * 3
    assert repr(transport) == "<RecordingTransport: 2 requests>"


def test_a_recording_transport_answers_in_turn_and_then_202():
    transport = RecordingTransport(503, Response(202, {"X": "1"}), 429)
    answers = [transport.send(Request("https://x", b"{}", {})) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [503, 202, 429, 202, 202]
    assert answers[1].header("x") == "1"


def test_a_recording_transport_can_forget():
    transport = RecordingTransport()
    client_of(transport).send(BATCH)
    transport.clear()

    assert transport.requests == []
    assert transport.batches == []


@pytest.mark.parametrize("answer", [None, "202", True])
def test_a_recording_transport_wants_answers(answer):
    with pytest.raises(ConfigurationError) as raised:
        RecordingTransport(202, answer)

    assert str(raised.value) == (
        f"RecordingTransport({answer!r}): want answers; write RecordingTransport(503, 202)"
    )


def test_a_recording_transport_serves_threads():
    transport = RecordingTransport()
    client = client_of(transport)
    threads = [threading.Thread(target=client.send, args=(BATCH,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(transport.batches) == 20


# PrintingTransport


def test_printing_shows_the_request_and_accepts_it(capsys):
    client_of(PrintingTransport()).send(BATCH.with_source_request_id("id"))

    first, text = capsys.readouterr().out.split("\n", 1)
    assert first.startswith("POST https://s2s.us1.mparticle.com/v2/events (")
    assert json.loads(text)["source_request_id"] == "id"
    assert "thé 茶" in text
    assert '\n  "source_request_id"' in text


def test_printing_writes_numbers_exactly(capsys):
    amount = Decimal("19.990000000000000000001")
    client_of(PrintingTransport()).send(BATCH.purchase(total_amount=amount).with_mpid(2**62 + 1))

    printed = capsys.readouterr().out
    assert str(amount) in printed
    assert str(2**62 + 1) in printed


def test_printing_passes_on_and_shows_the_answer():
    out = io.StringIO()
    inner = RecordingTransport(Response(400, {}, '{"errors":[]}'))
    client = client_of(PrintingTransport(inner, file=out))
    with pytest.raises(Exception, match="400"):
        client.send(BATCH)

    assert out.getvalue().endswith('-> 400 {"errors":[]}\n')


def test_printing_to_a_narrow_stream_loses_no_batch():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert client_of(PrintingTransport(file=out)).send(BATCH).state == "delivered"

    out.flush()
    assert b"th\\xe9 \\u8336" in out.buffer.getvalue()


def test_printing_closes_what_is_behind_it():
    closed = []

    class Inner(RecordingTransport):
        def close(self):
            closed.append(1)

    client_of(PrintingTransport(Inner())).close()
    client_of(PrintingTransport()).close()

    assert closed == [1]


@pytest.mark.parametrize("to", [5, RequestsTransport])
def test_printing_passes_on_to_a_transport_only(to):
    with pytest.raises(ConfigurationError, match="want a transport to pass requests on to"):
        PrintingTransport(to)


# FileTransport


def test_a_file_has_one_batch_a_line(tmp_path):
    path = tmp_path / "batches.jsonl"
    transport = FileTransport(path)
    assert not path.exists()
    recorded = RecordingTransport()

    def both(request):
        recorded.send(request)
        return transport.send(request)

    client = client_of(FunctionTransport(both))
    client.send(BATCH.event("Line\nbreak", {"text": "a\r\n\u2028b"}))
    client.send(BATCH, BATCH)

    lines = path.read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert [Batch.from_json(line) for line in lines] == recorded.batches
    assert len(lines) == 3


def test_a_file_is_appended_to(tmp_path):
    path = tmp_path / "batches.jsonl"
    for _ in range(2):
        client_of(FileTransport(str(path))).send(BATCH)

    assert len(path.read_bytes().splitlines()) == 2


def test_numbers_in_a_file_are_exact(tmp_path):
    path = tmp_path / "batches.jsonl"
    amount = Decimal("19.990000000000000000001")
    batch = BATCH.purchase(total_amount=amount)
    client_of(FileTransport(path)).send(batch, batch)

    assert path.read_text().count(str(amount)) == 2


def test_a_file_that_cannot_be_written_fails_the_batch(tmp_path):
    client = client_of(FileTransport(tmp_path / "nowhere" / "batches.jsonl"))
    with pytest.raises(TransportError) as raised:
        client.send(BATCH)

    assert str(raised.value) == "the transport FileTransport raised FileNotFoundError"


# Requests, responses, credentials


def test_a_request_hides_its_credentials_and_leaves_them_out_of_a_pickle():
    request = Request("https://x/v2/events", b"{}", {"A": "1"}, ("id",), Credentials("k", "s"), 5.0)
    copy = pickle.loads(pickle.dumps(request))

    assert repr(request) == "<Request POST https://x/v2/events, 2 bytes>"
    assert copy.credentials is None
    assert (copy.url, copy.body, dict(copy.headers), copy.batch_ids) == (
        "https://x/v2/events",
        b"{}",
        {"A": "1"},
        ("id",),
    )


def test_credentials_show_only_in_the_header():
    credentials = Credentials("key", "secret")

    assert credentials.authorization() == "Basic a2V5OnNlY3JldA=="
    assert repr(credentials) == str(credentials) == "<Credentials: hidden>"
    with pytest.raises(ConfigurationError):
        pickle.dumps(credentials)


@pytest.mark.parametrize("thing", [Request("https://x", b"", {}), Response(202)])
def test_requests_and_responses_are_immutable(thing):
    with pytest.raises(Immutable, match="is immutable; write a new"):
        thing.body = b"other"
    with pytest.raises(TypeError):
        thing.headers["X"] = "1"


def test_headers_are_copied():
    headers = {"A": "1"}
    request, response = Request("https://x", b"", headers), Response(202, headers)
    headers["A"] = "2"

    assert request.headers["A"] == response.headers["A"] == "1"


def test_responses_are_values():
    response = Response(429, {"Retry-After": "2"}, b'{"errors": []}')

    assert response == Response(429, {"Retry-After": "2"}, '{"errors": []}')
    assert hash(response) == hash(Response(429, {"Retry-After": "2"}, b'{"errors": []}'))
    assert response != Response(429)
    assert response != 429
    assert pickle.loads(pickle.dumps(response)) == response
    assert response.json() == {"errors": []}
    assert response.header("retry-after") == "2"
    assert response.header("other") is None
    assert repr(response) == "<Response 429, 14 bytes>"


@pytest.mark.parametrize("body", [b"", b"no", b"\xff", b"[" * 100_000, b"NaN,"])
def test_a_body_that_is_no_json_reads_as_none(body):
    assert Response(400, {}, body).json() is None
    assert isinstance(Response(400, {}, body).text, str)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("202",), "Response('202'): want an HTTP status; write Response(202)"),
        ((None,), "Response(None): want an HTTP status; write Response(202)"),
        ((True,), "Response(True): want an HTTP status; write Response(202)"),
        (
            (400, {}, {"errors": []}),
            "Response(body=…): want bytes or text, got dict; write Response(400, body=b'no')",
        ),
    ],
)
def test_a_response_is_checked(args, text):
    with pytest.raises(ConfigurationError) as raised:
        Response(*args)

    assert str(raised.value) == text


def test_transports_are_not_pickled():
    with pytest.raises(ConfigurationError, match="a transport holds sockets"):
        pickle.dumps(RequestsTransport())


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"Retry-After": 2}, {"Retry-After": "2"}),
        ({b"Retry-After": b"2"}, {"Retry-After": "2"}),
        ({"X": None, 5: "x", None: "y", "Z": ["z"]}, {"5": "x"}),
    ],
)
def test_headers_that_are_no_text_fail_nothing_that_arrived(headers, kept):
    assert Response(202, headers).headers == kept
    with Client(
        "key",
        "secret",
        environment="development",
        transport=FunctionTransport(lambda request: Response(202, headers)),
    ) as client:
        assert client.send(BATCH).state == "delivered"
