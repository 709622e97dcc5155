"""Each request gets its own answer, the final one, and no more of it than is bearable."""

import gzip
import json
import threading
import tracemalloc

import fault_server as faults
import pytest
import requests
from fault_server import AUTHORITY, FakeTime, FaultServer, status

from mpfluent import (
    ApiError,
    Batch,
    Client,
    DeadlineAdapter,
    DeliveryError,
    FunctionTransport,
    PrintingTransport,
    Request,
    RequestsTransport,
    Response,
    Retry,
    TransportError,
)

BATCH = Batch.for_user(customer_id="1").event("Searched")
OK = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
NO = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def client_of(server, **options):
    options.setdefault("retry", Retry(max_attempts=1))
    return Client("key", "secret", environment="development", host=server.url, **options)


def outcome(client, batch=BATCH):
    """Return what became of a batch: its state, or the status or reason of its error."""
    try:
        return client.send(batch).state
    except DeliveryError as error:
        return error.status_code or error.reason


def in_parts(*parts, every=0.05):
    """Answer in several writes, with a pause between them."""

    def act(peer):
        peer.read()
        for number, part in enumerate(parts):
            if number and peer.server.stopping.wait(every):
                return
            peer.sock.sendall(part)

    return act


def informing(number):
    return b"HTTP/1.1 %d Wait\r\nLink: </style.css>; rel=preload\r\n\r\n" % number


# The final one


@pytest.mark.parametrize("number", [100, 102, 103, 110, 199])
@pytest.mark.parametrize("every", [0.0, 0.05])
@pytest.mark.parametrize("times", [1, 3])
def test_an_answer_that_only_informs_is_passed_over(number, every, times):
    informed = [informing(number)] * times
    with (
        FaultServer(in_parts(*informed, OK, every=every), status(400)) as server,
        client_of(server) as client,
    ):
        assert outcome(client) == "delivered"
        assert outcome(client) == 400
        assert outcome(client) == "delivered"

    assert len(server.requests) == 3
    assert server.connections == 1


def test_the_final_answer_may_come_in_the_same_write():
    both = informing(103) + b"HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\n{}"
    with FaultServer(faults.raw(both)) as server, client_of(server) as client:
        assert outcome(client) == 400
        assert outcome(client) == "delivered"

    assert server.connections == 1


@pytest.mark.parametrize("number", [101, 102, 103])
@pytest.mark.parametrize("whose", ["plain session", "session with the adapter", "own"])
def test_no_answer_of_a_request_becomes_that_of_the_next(number, whose):
    """Whatever the adapter makes of it: another status than 101 is passed over by ours only."""
    session = None
    if whose != "own":
        session = requests.Session()
    if whose == "session with the adapter":
        session.mount("http://", DeadlineAdapter())
    with (
        FaultServer(in_parts(informing(number), OK, every=0.1), status(400)) as server,
        client_of(server, transport=RequestsTransport(session=session)) as client,
    ):
        first = outcome(client)
        assert outcome(client) == 400
    if session is not None:
        session.close()

    passed_over = number != 101 and whose != "plain session"
    assert first == ("delivered" if passed_over else "retries_exhausted")


def test_an_answer_that_only_informs_and_an_end_is_no_answer():
    clock = FakeTime()
    with (
        FaultServer(faults.raw(informing(103), then_close=True)) as server,
        client_of(server, retry=Retry(), dispatcher=clock.dispatcher()) as client,
    ):
        assert outcome(client) == "delivered"

        assert client.stats.retries == 1


def test_informing_without_end_ends_at_the_deadline():
    flood = faults.drip(informing(103) * 500, every=0.001)
    with FaultServer(flood) as server:
        transport = RequestsTransport(deadline=0.3)
        with pytest.raises(TransportError, match=r"the deadline of 0\.3 s passed"):
            transport.send(Request(server.url, b"{}", {}))


def test_a_proxy_may_inform_too(monkeypatch):
    def tunnel(peer):
        sendall = peer.sock.sendall
        peer.sock = Informing(peer.sock, sendall)
        faults.tunnel(peer)

    class Informing:
        def __init__(self, sock, sendall):
            self._sock = sock
            self._sendall = sendall

        def sendall(self, data):
            if data.startswith(b"HTTP/1.1 200"):
                data = informing(103) + data
            self._sendall(data)

        def __getattr__(self, name):
            return getattr(self._sock, name)

    with FaultServer(tunnel) as proxy, FaultServer(certificate="localhost.pem") as server:
        transport = RequestsTransport(proxies={"https": proxy.url}, verify=AUTHORITY)
        with client_of(server, transport=transport) as client:
            assert outcome(client) == "delivered"


# Its own


@pytest.mark.parametrize("certificate", [None, "localhost.pem"])
@pytest.mark.parametrize(
    "more",
    [
        NO,
        NO * 500,
        NO[:20],
        b"\r\n",
        b"x",
        b"x" * 100_000,
    ],
    ids=["an answer", "many", "part of one", "a line", "a letter", "much"],
)
def test_what_comes_after_an_answer_answers_nobody(certificate, more):
    with FaultServer(faults.raw(OK + more), certificate=certificate) as server:
        transport = RequestsTransport(verify=AUTHORITY)
        with client_of(server, transport=transport) as client:
            assert [outcome(client) for _ in range(3)] == ["delivered"] * 3

    assert len(server.requests) == 3
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 202 OK\r\nContent-Length: 5\r\n\r\nhello" + NO,
        b"HTTP/1.1 204 OK\r\n\r\n" + NO,
        b"HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + NO,
        b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\nhello",
    ],
    ids=["length", "no body", "chunks", "a body that must not be"],
)
def test_what_comes_after_a_body_answers_nobody(answer):
    with FaultServer(faults.raw(answer)) as server, client_of(server) as client:
        outcome(client)
        assert [outcome(client) for _ in range(3)] == ["delivered"] * 3

    assert len(server.requests) == 4
    assert server.connections == 2


@pytest.mark.parametrize("certificate", [None, "localhost.pem"])
def test_a_second_answer_that_comes_while_nobody_asks_answers_nobody(certificate):
    came = threading.Event()

    def act(peer):
        peer.read()
        peer.sock.sendall(OK)
        peer.server.stopping.wait(0.05)
        peer.sock.sendall(NO)
        came.set()

    with FaultServer(act, certificate=certificate) as server:
        transport = RequestsTransport(verify=AUTHORITY)
        with client_of(server, transport=transport) as client:
            assert outcome(client) == "delivered"
            assert came.wait(5)
            assert [outcome(client) for _ in range(3)] == ["delivered"] * 3

    assert server.connections == 2


def test_a_second_answer_that_comes_while_the_next_request_is_written_answers_nobody():
    """It is there before the request is: so it is none to it."""

    def act(peer):
        peer.read()
        peer.sock.sendall(OK)
        while not peer.sock.recv(1):  # the next one begins
            pass
        peer.sock.sendall(NO)
        peer.server.stopping.wait(0.05)
        while peer.sock.recv(65_536):
            pass

    with FaultServer(act) as server:
        transport = RequestsTransport()
        first = transport.send(Request(server.url, b"{}", {}))
        second = transport.send(Request(server.url, b"x" * 20_000_000, {}))
        transport.close()

    assert (first.status_code, second.status_code) == (202, 202)
    assert server.connections == 2


def test_an_early_answer_on_a_new_connection_is_its_own():
    def act(peer):
        peer.sock.sendall(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        peer.read()

    with FaultServer(act) as server, client_of(server) as client:
        assert outcome(client) == 413
        assert outcome(client) == "delivered"


def test_an_answer_that_comes_after_a_timeout_answers_nobody():
    late = in_parts(b"", OK, every=0.3)
    transport = RequestsTransport(timeout=(5, 0.1))
    with FaultServer(late, status(400)) as server, client_of(server, transport=transport) as client:
        assert outcome(client) == "retries_exhausted"
        assert outcome(client) == 400
        assert outcome(client) == "delivered"

    assert server.connections == 2


def test_an_answer_that_comes_after_a_deadline_in_its_body_answers_nobody():
    head = b"HTTP/1.1 202 OK\r\nContent-Length: 5\r\n\r\n"
    late = in_parts(head, b"hello" + NO, every=0.3)
    transport = RequestsTransport(timeout=(5, 0.1))
    with FaultServer(late, status(400)) as server, client_of(server, transport=transport) as client:
        assert outcome(client) == "delivered"
        assert outcome(client) == 400

    assert server.connections == 2


# No more of it than is bearable


def test_an_error_keeps_little_of_what_the_server_says():
    entry = json.dumps({"code": "C" * 30_000, "message": "M" * 30_000})
    body = ('{"errors":[' + ",".join([entry] * 16) + "]}").encode()
    headers = {f"X-{number}": "h" * 50_000 for number in range(90)}
    with (
        FaultServer(status(400, {**headers, "X-Request": "7"}, body)) as server,
        client_of(server) as client,
        pytest.raises(ApiError) as raised,
    ):
        client.send(BATCH)

    error = raised.value
    assert error.body == body[:64_000].decode()
    assert sum(len(name) + len(value) for name, value in error.headers.items()) <= 16_000
    assert error.headers["X-Request"] == "7"
    assert sum(len(text) for one in error.errors for text in one.values()) <= 64_000
    assert error.errors[0] == {"code": "C" * 30_000, "message": "M" * 30_000}
    assert len(str(error)) < 700


def test_errors_without_number_are_few():
    body = b'{"errors":[' + b",".join([b'{"code":"X"}'] * 50_000) + b"]}"
    transport = FunctionTransport(lambda request: Response(400, {}, body))
    client = Client("k", "s", environment="development", transport=transport)
    with pytest.raises(ApiError) as raised:
        client.send(BATCH)

    assert raised.value.errors == ({"code": "X"},) * 100


def test_refusals_of_any_transport_are_bounded():
    response = Response(400, {"X-Noise": "h" * 5_000_000, "Server": "s2s"}, b"x" * 1_000_000)
    client = Client(
        "k", "s", environment="development", transport=FunctionTransport(lambda _: response)
    )
    with pytest.raises(ApiError) as raised:
        client.send(BATCH)

    assert dict(raised.value.headers) == {"Server": "s2s"}
    assert len(raised.value.body) == 64_000


@pytest.mark.parametrize("whose", ["own", "session"])
def test_an_answer_is_asked_for_and_read_as_it_is(whose):
    session = requests.Session() if whose == "session" else None
    bomb = gzip.compress(b"\0" * 50_000_000)
    head = b"HTTP/1.1 400 No\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with (
        FaultServer(faults.raw(head + bomb), status(202)) as server,
        client_of(server, transport=RequestsTransport(session=session)) as client,
    ):
        tracemalloc.start()
        with pytest.raises(ApiError) as raised:
            client.send(BATCH)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert outcome(client) == "delivered"
    if session is not None:
        session.close()

    assert [request.headers["accept-encoding"] for request in server.requests] == ["identity"] * 2
    assert raised.value.headers["Content-Encoding"] == "gzip"
    assert raised.value.errors == ()
    assert peak < 10_000_000


@pytest.mark.parametrize("encoding", ["gzip, gzip, gzip", "deflate", "br", "zstd", "x"])
def test_an_encoding_is_no_reason_to_fail(encoding):
    with (
        FaultServer(status(202, {"Content-Encoding": encoding}, b"nope")) as server,
        client_of(server) as client,
    ):
        assert client.send(BATCH).result().body == b"nope"


def test_a_line_without_end_is_no_answer():
    """urllib3 reads the size of a chunk to the end of its line, however long it is."""

    def act(peer):
        peer.read()
        peer.sock.sendall(b"HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not peer.server.stopping.is_set():
            peer.sock.sendall(b"1" * 1_000_000)

    with FaultServer(act) as server, client_of(server) as client:
        tracemalloc.start()
        assert outcome(client) == "delivered"  # its status is known
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert peak < 60_000_000


# The server's words in ours

ESCAPES = "\x1b]0;title\x07\x1b[31m\u202e\x9b2J\r\nX: y\ud800\0"


@pytest.mark.parametrize("field", ["code", "message"])
def test_the_text_of_a_refusal_is_one_printable_line(field):
    body = json.dumps({"errors": [{field: ESCAPES + "x" * 10_000}]}).encode()
    transport = FunctionTransport(lambda request: Response(400, {}, body))
    client = Client("k", "s", environment="development", transport=transport)
    with pytest.raises(ApiError) as raised:
        client.send(BATCH)

    text = str(raised.value)
    assert text.isprintable()
    assert len(text) < 700
    assert "\\x1b]0;title\\x07" in text
    assert raised.value.errors[0][field].startswith(ESCAPES)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/9 " + b"\x1b[31m" * 12_000 + b"\r\n\r\n",
        b"\x1b]0;title\x07 no\r\n\r\n",
        b"HTTP/1.1 " + b"\x9b2J" * 20 + b"\r\n\r\n",
        b"HTTP/1.1 202 OK\r\nContent-Length: 1\x1b\r\nContent-Length: 2\r\n\r\n",
    ],
    ids=["long", "short", "status", "lengths"],
)
def test_the_text_of_no_answer_is_one_printable_line(answer):
    with FaultServer(faults.raw(answer, then_close=True)) as server, client_of(server) as client:
        try:
            client.send(BATCH)
        except TransportError as error:
            linked = error
        else:
            linked = None  # such a length is passed over

    while linked is not None:
        assert str(linked).isprintable()
        assert len(str(linked)) < 1_000
        linked = linked.__cause__ or linked.__context__


def test_a_proxys_words_are_not_repeated():
    refusal = b"HTTP/1.1 407 \x1b[31mNo\r\n\r\n"
    with FaultServer(faults.raw(refusal, then_close=True)) as proxy:
        transport = RequestsTransport(proxies={"https": proxy.url})
        with pytest.raises(TransportError) as raised:
            transport.send(Request("https://127.0.0.1:1/v2/events", b"{}", {}))

    assert str(raised.value) == "no answer from https://127.0.0.1:1: the proxy refused with 407"


def test_what_is_printed_of_an_answer_is_one_printable_line(capsys):
    inner = FunctionTransport(lambda request: Response(202, {}, ESCAPES.encode("utf-8", "replace")))
    PrintingTransport(inner).send(Request("https://example.com", b"{}", {}))

    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("-> 202 \\x1b]0;title\\x07")
    assert last.isprintable()
