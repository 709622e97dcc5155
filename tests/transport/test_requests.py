"""Synchronous sending over real sockets, under the faults that networks and servers have."""

import socket
import sys
import time
from types import SimpleNamespace

import fault_server as faults
import pytest
import requests
import urllib3
from fault_server import AUTHORITY, FakeTime, FaultServer, status
from internals import Credentials
from slow_answers import BATCH, DRIPS, SOON, client_of, numbered, quick

from mpfluent import (
    ApiError,
    Request,
    RequestsTransport,
    Retry,
    TransportError,
)
from mpfluent.testing import LocalServer, reset_after_read

LONG = 60  # seconds that a peer would take, were there no deadline


@pytest.fixture
def clock():
    return FakeTime()


# Connections


def test_a_refused_connection_is_tried_again_until_it_is_accepted(clock):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = []

    def start_at_the_second_wait():
        if len(clock.waits) == 2:
            started.append(LocalServer(port=port).start())

    clock.before_waking = start_at_the_second_wait
    with client_of(f"http://127.0.0.1:{port}", dispatcher=clock.dispatcher()) as client:
        client.send(BATCH)
        server = started[0]

        assert client.stats.retries == 2
        assert len(server.batches) == 1
        assert server.duplicates == []
    server.stop()


def test_a_connection_refused_to_the_end_says_so(clock):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    retry = Retry(max_attempts=3, random=lambda: 1.0)
    with (
        client_of(f"http://127.0.0.1:{port}", dispatcher=clock.dispatcher(), retry=retry) as client,
        pytest.raises(TransportError) as raised,
    ):
        client.send(BATCH)

    assert str(raised.value) == (
        f"no answer from http://127.0.0.1:{port}: ConnectionRefusedError: Connection refused "
        "(3 attempts in 1.5 s)"
    )
    assert raised.value.reason == "retries_exhausted"
    assert clock.waits == [0.5, 1.0]
    assert isinstance(raised.value.__cause__, requests.ConnectionError)


@pytest.mark.parametrize(
    "fault",
    [
        faults.rst_before_read,
        faults.rst_mid_request(40),
        faults.rst_after_read,
        faults.fin_no_response,
        faults.raw(b"HTTP/1.1 2", then_close=True),
        faults.raw(b"nonsense\r\n\r\n", then_close=True),
        faults.raw(b"\x16\x03\x01\x02\x00\x01\x00", then_close=True),
        faults.raw(b"HTTP/1.1 202 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", then_close=True),
        faults.raw(b"HTTP/1.1 202 OK\r\nX: " + b"y" * 100_000, then_close=True),
        faults.raw(b"HTTP/1.1 202 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    ],
    ids=[
        "reset before reading",
        "reset in the body",
        "reset after reading",
        "end without an answer",
        "end in the status",
        "nonsense",
        "TLS",
        "too many headers",
        "an endless header",
        "two lengths",
    ],
)
def test_a_connection_that_breaks_is_tried_again_with_the_same_bytes(clock, fault):
    with (
        FaultServer(fault, fault) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
    ):
        assert client.send(BATCH).state == "delivered"
        assert client.stats.retries == 2
        assert len(clock.waits) == 2
        assert len(set(server.bodies)) == 1


def test_a_response_lost_after_processing_counts_once(clock):
    with LocalServer() as server, client_of(server, dispatcher=clock.dispatcher()) as client:
        server.script(reset_after_read())

        assert client.send(BATCH).state == "delivered"
        first, second = server.requests
        assert first.body == second.body
        assert len(server.batches) == 1
        assert server.duplicates == [server.batches[0].source_request_id]


@pytest.mark.parametrize("fault", [faults.fin_no_response, faults.rst_before_read])
def test_a_kept_connection_that_went_stale_costs_no_attempt(clock, fault):
    with FaultServer(status(202), fault) as server:
        retry = Retry(max_attempts=1)
        with client_of(server, dispatcher=clock.dispatcher(), retry=retry) as client:
            client.send(BATCH)
            client.send(BATCH)

            assert client.stats.delivered == 2
            assert client.stats.retries == 0
    assert server.connections == 2
    assert clock.waits == []


def test_a_stale_connection_is_sent_to_again_only_once(clock):
    with FaultServer(status(202), faults.fin_no_response, faults.fin_no_response) as server:
        retry = Retry(max_attempts=1)
        with client_of(server, dispatcher=clock.dispatcher(), retry=retry) as client:
            client.send(BATCH)
            with pytest.raises(TransportError, match="Remote end closed connection"):
                client.send(BATCH)

    assert server.connections == 2


def test_a_new_connection_that_breaks_is_no_stale_one(clock):
    with FaultServer(faults.fin_no_response) as server:
        retry = Retry(max_attempts=1)
        with (
            client_of(server, dispatcher=clock.dispatcher(), retry=retry) as client,
            pytest.raises(TransportError),
        ):
            client.send(BATCH)

    assert len(server.requests) == 1


def test_one_connection_serves_many_sends():
    with LocalServer() as server, client_of(server) as client:
        for batch in numbered(10):
            client.send(batch)
        client.send(*numbered(10))

    assert {request.connection for request in server.requests} == {1}


def test_what_requests_of_one_address_share_is_prepared_once(monkeypatch):
    prepared = []
    prepare = requests.Session.prepare_request
    monkeypatch.setattr(
        requests.Session,
        "prepare_request",
        lambda session, asked: prepared.append(asked.url) or prepare(session, asked),
    )
    with LocalServer() as server, client_of(server) as client:
        for batch in numbered(5):
            client.send(batch)
            client.send(batch, batch)

    assert sorted(prepared) == [f"{server.url}/v2/bulkevents", f"{server.url}/v2/events"]


def test_a_header_that_is_none_is_told_as_no_answer():
    transport = RequestsTransport()
    with LocalServer() as server, pytest.raises(TransportError):
        transport.send(Request(f"{server.url}/v2/events", b"{}", {"X-Team": "a\nb"}))
    transport.close()

    assert server.requests == []


def test_requests_share_neither_headers_nor_credentials_nor_cookies():
    transport = RequestsTransport()
    cookie = status(202, {"Set-Cookie": "visitor=7; Path=/"})
    with FaultServer(*[cookie] * 3) as server:
        url = server.url + "/v2/events"
        transport.send(Request(url, b"{}", {"X-Team": "growth"}, (), Credentials("a", "b")))
        transport.send(Request(url, b"[{}]", {"User-Agent": "own"}, (), Credentials("c", "d")))
        transport.send(Request(url, b"", {}))
        transport.close()

    sent = [request.headers for request in server.requests]
    assert [headers.get("x-team") for headers in sent] == ["growth", None, None]
    assert [headers["content-length"] for headers in sent] == ["2", "4", "0"]
    assert [headers.get("authorization") for headers in sent] == [
        "Basic YTpi",
        "Basic Yzpk",
        None,
    ]
    assert [headers["user-agent"].partition("/")[0] for headers in sent] == [
        "python-requests",
        "own",
        "python-requests",
    ]
    assert [headers.get("cookie") for headers in sent] == [None] * 3


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 100\r\n\r\n0123456789",
        b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    ],
    ids=["partial", "chunked nonsense", "partial chunk", "gzip nonsense"],
)
def test_a_known_status_counts_whatever_becomes_of_the_body(clock, body):
    script = [
        faults.raw(b"HTTP/1.1 500 No\r\n" + body, then_reset=True),
        faults.raw(b"HTTP/1.1 202 OK\r\n" + body, then_reset=True),
    ]
    with (
        FaultServer(*script) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
    ):
        assert client.send(BATCH).state == "delivered"
        client.send(BATCH)

    assert len(server.requests) == 3
    assert server.connections == 3


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_body_without_a_length_ends_with_the_connection(version):
    answer = b"HTTP/" + version + b" 202 OK\r\nConnection: close\r\n\r\nhello"
    with (
        FaultServer(faults.raw(answer, then_close=True)) as server,
        client_of(server) as client,
    ):
        assert client.send(BATCH).result().body == b"hello"
        assert client.send(BATCH).state == "delivered"

    assert server.connections == 2


def test_an_endless_body_is_not_read_to_its_end():
    endless = b"HTTP/1.1 202 OK\r\nContent-Length: 90000000\r\n\r\n" + b"x" * 2_000_000
    with FaultServer(faults.raw(endless)) as server, client_of(server) as client:
        response = client.send(BATCH).result()

    assert 1_000_000 <= len(response.body) <= 1_100_000


@pytest.mark.parametrize("data", DRIPS.values(), ids=DRIPS)
def test_a_dripping_answer_ends_at_the_deadline(data):
    with FaultServer(faults.drip(data)) as server:
        transport = RequestsTransport(timeout=(SOON, SOON), deadline=0.4)
        with client_of(server, transport=transport, retry=Retry(max_attempts=1)) as client:
            began = time.monotonic()
            with pytest.raises(TransportError) as raised:
                client.send(BATCH)
            took = time.monotonic() - began

    assert str(raised.value) == f"no answer from {server.url}: the deadline of 0.4 s passed"
    assert raised.value.reason == "retries_exhausted"
    assert 0.4 <= took < SOON


def test_a_dripping_answer_is_tried_again():
    with FaultServer(faults.drip(DRIPS["header"])) as server:
        transport = RequestsTransport(deadline=1.0)
        with client_of(server, transport=transport, retry=quick()) as client:
            assert client.send(BATCH).state == "delivered"

    assert len(set(server.bodies)) == 1
    assert len(server.bodies) == 2


def test_a_dripping_body_ends_at_the_deadline_and_the_status_counts():
    dripping = b"HTTP/1.1 202 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000

    def act(peer):
        peer.read()
        peer.sock.sendall(dripping[:60])
        peer.drip(dripping[60:], 0.05)

    with FaultServer(act) as server:
        transport = RequestsTransport(timeout=(SOON, SOON), deadline=0.4)
        with client_of(server, transport=transport) as client:
            began = time.monotonic()
            assert client.send(BATCH).state == "delivered"
            assert time.monotonic() - began < SOON


def test_a_peer_that_never_reads_is_left_at_the_deadline():
    with FaultServer(faults.never_read) as server:
        transport = RequestsTransport(timeout=(SOON, LONG), deadline=0.4)
        request = Request(server.url + "/v2/events", b"x" * 20_000_000, {})
        began = time.monotonic()
        with pytest.raises(TransportError, match=r"the deadline of 0.4 s passed"):
            transport.send(request)
        took = time.monotonic() - began
        transport.close()

    assert took < SOON


def test_a_slow_reader_is_given_the_time_to_read():
    """The connect timeout is none for the writing of a large body."""

    def act(peer):
        if peer.server.stopping.wait(0.5):
            return
        peer.read()
        peer.answer(202)

    with FaultServer(act) as server:
        transport = RequestsTransport(timeout=(0.2, SOON), deadline=SOON)
        response = transport.send(Request(server.url, b"x" * 8_000_000, {}))
        transport.close()

    assert response.status_code == 202


def test_a_silent_peer_is_left_at_the_read_timeout():
    with FaultServer(faults.hang) as server:
        transport = RequestsTransport(timeout=(SOON, 0.2), deadline=LONG)
        with (
            client_of(server, transport=transport, retry=Retry(max_attempts=1)) as client,
            pytest.raises(TransportError) as raised,
        ):
            client.send(BATCH)

    assert str(raised.value) == f"no answer from {server.url}: nothing came for 0.2 s"


def test_a_hanging_server_cannot_hold_a_send_beyond_the_retry_budget():
    with FaultServer(faults.hang, faults.hang, faults.hang) as server:
        retry = Retry(base=0.01, max_elapsed=0.5)
        transport = RequestsTransport(timeout=(SOON, LONG), deadline=LONG)
        with client_of(server, transport=transport, retry=retry) as client:
            began = time.monotonic()
            with pytest.raises(TransportError) as raised:
                client.send(BATCH)
            took = time.monotonic() - began

    text = str(raised.value).replace("0.499 s", "0.5 s")  # a moment has passed before the attempt
    assert text.startswith(
        f"no answer from {server.url}: the deadline of 0.5 s passed, which "
        "Retry(max_elapsed=…) left"
    )
    assert 0.499 <= took < SOON


def test_a_budget_of_nothing_still_allows_one_attempt():
    with LocalServer() as server, client_of(server, retry=Retry(max_elapsed=0)) as client:
        server.script(503)
        with pytest.raises(ApiError, match="503"):
            client.send(BATCH)

        assert client.send(BATCH).state == "delivered"
        assert len(server.requests) == 2


@pytest.fixture
def stopped_time(monkeypatch):
    """Let the transport see a clock that only connecting moves."""
    clock = FakeTime()
    fake = SimpleNamespace(monotonic=clock.monotonic)
    monkeypatch.setattr("mpfluent.transport.deadline.time", fake)
    monkeypatch.setattr("mpfluent.transport.requests.time", fake)
    return clock


def test_the_deadline_holds_for_all_addresses_of_a_name_together(monkeypatch, stopped_time):
    tried = []

    def hang(address, timeout, **_):
        tried.append((address[0], timeout))
        stopped_time.now += timeout
        raise TimeoutError("timed out")

    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", 443)) for n in range(9)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: answers)
    monkeypatch.setattr(urllib3.util.connection, "create_connection", hang)
    transport = RequestsTransport(timeout=(3.0, 10.0), deadline=10.0)

    with pytest.raises(TransportError, match=r"the deadline of 10 s passed"):
        transport.send(Request("https://s2s.us1.mparticle.com/v2/events", b"{}", {}))

    assert tried == [
        ("127.0.0.0", 3.0),
        ("127.0.0.1", 3.0),
        ("127.0.0.2", 3.0),
        ("127.0.0.3", 1.0),
    ]


def test_the_second_address_of_a_name_is_tried(monkeypatch):
    look_up = socket.getaddrinfo

    def two(host, port, *rest):
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            *look_up("127.0.0.1", port, *rest),
        ]

    with LocalServer() as server:
        port = int(server.url.rpartition(":")[2])
        create = urllib3.util.connection.create_connection

        def refuse_the_first(address, *rest, **options):
            if address[0] == "::1":
                raise ConnectionRefusedError(111, "Connection refused")
            return create(address, *rest, **options)

        monkeypatch.setattr(socket, "getaddrinfo", two)
        monkeypatch.setattr(urllib3.util.connection, "create_connection", refuse_the_first)
        with client_of(f"http://localhost:{port}") as client:
            assert client.send(BATCH).state == "delivered"


def test_a_connection_that_times_out_says_so(monkeypatch, stopped_time):
    def hang(address, timeout, **_):
        stopped_time.now += timeout
        raise TimeoutError("timed out")

    monkeypatch.setattr(urllib3.util.connection, "create_connection", hang)

    with pytest.raises(TransportError) as raised:
        RequestsTransport().send(Request("https://127.0.0.1/v2/events", b"{}", {}))

    assert str(raised.value) == "no answer from https://127.0.0.1: no connection within 3.05 s"


def test_an_unknown_name_is_looked_up_again_until_the_budget_ends(monkeypatch, clock):
    look_ups = []

    def unknown(host, *_):
        look_ups.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failures = []
    with client_of(
        "https://host.invalid",
        dispatcher=clock.dispatcher(),
        on_failed=lambda batch, error: failures.append(error),
    ) as client:
        with pytest.raises(TransportError) as raised:
            client.send(BATCH)

        assert client.stats.failed_by_reason == {"retries_exhausted": 1}
    assert "its name is not known (Name or service not known)" in str(raised.value)
    assert 5 < len(look_ups) < 100
    assert sum(clock.waits) <= 15
    assert [error.reason for error in failures] == ["retries_exhausted"]


# TLS


def test_https_is_spoken_with_a_trusted_certificate():
    with FaultServer(certificate="localhost.pem") as server:
        transport = RequestsTransport(verify=AUTHORITY)
        with client_of(server, transport=transport) as client:
            client.send(BATCH)
            assert client.send(BATCH).state == "delivered"

    assert server.connections == 1


def test_verify_false_is_the_users_word():
    with FaultServer(certificate="expired.pem") as server:
        transport = RequestsTransport(verify=False)
        with (
            client_of(server, transport=transport) as client,
            pytest.warns(urllib3.exceptions.InsecureRequestWarning),
        ):
            assert client.send(BATCH).state == "delivered"


def test_a_hanging_tls_handshake_ends_at_the_deadline():
    with FaultServer(faults.never_read) as server:
        transport = RequestsTransport(timeout=(LONG, LONG), deadline=0.3)
        began = time.monotonic()
        with pytest.raises(TransportError, match=r"the deadline of 0.3 s passed"):
            transport.send(Request(server.url.replace("http:", "https:"), b"{}", {}))

    assert time.monotonic() - began < SOON


def test_a_stale_tls_connection_costs_no_attempt(clock):
    with FaultServer(status(202), faults.fin_no_response, certificate="localhost.pem") as server:
        transport = RequestsTransport(verify=AUTHORITY)
        retry = Retry(max_attempts=1)
        with client_of(
            server, transport=transport, retry=retry, dispatcher=clock.dispatcher()
        ) as client:
            client.send(BATCH)
            client.send(BATCH)

    assert len(set(server.bodies[1:])) == 1
    assert len(server.bodies) == 3


# Proxies


@pytest.fixture
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_a_proxy_is_used(no_proxies, by):
    with FaultServer(faults.tunnel) as proxy, FaultServer(certificate="localhost.pem") as server:
        proxies = {"https": proxy.url}
        if by == "environment":
            no_proxies.setenv("HTTPS_PROXY", proxy.url)
            proxies = None
        transport = RequestsTransport(proxies=proxies, verify=AUTHORITY)
        with client_of(server, transport=transport) as client:
            assert client.send(BATCH).state == "delivered"

    assert [request.method for request in proxy.requests] == ["CONNECT"]
    assert "authorization" not in proxy.requests[0].headers
    assert [request.method for request in server.requests] == ["POST"]


def test_no_proxy_is_honoured(no_proxies):
    with FaultServer(faults.tunnel) as proxy, FaultServer(certificate="localhost.pem") as server:
        no_proxies.setenv("HTTPS_PROXY", proxy.url)
        no_proxies.setenv("NO_PROXY", "127.0.0.1")
        with client_of(server, transport=RequestsTransport(verify=AUTHORITY)) as client:
            client.send(BATCH)

    assert proxy.requests == []
    assert len(server.requests) == 1


def test_the_proxy_of_one_address_is_not_that_of_another(no_proxies):
    with FaultServer(faults.tunnel) as proxy, FaultServer(certificate="localhost.pem") as server:
        no_proxies.setenv("HTTPS_PROXY", proxy.url)
        no_proxies.setenv("NO_PROXY", "127.0.0.1")
        transport = RequestsTransport(verify=AUTHORITY)
        with client_of(f"https://localhost:{server.port}", transport=transport) as client:
            client.send(BATCH)
        with client_of(server, transport=transport) as client:
            client.send(BATCH)

    assert [request.path for request in proxy.requests] == [f"localhost:{server.port}"]
    assert len(server.requests) == 2


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("whose", ["transport", "user"])
def test_plain_http_does_not_leave_this_machine_through_a_proxy_of_the_environment(
    no_proxies, name, whose
):
    """It has the secret in it, for everybody to read."""
    with FaultServer() as proxy, LocalServer() as server:
        no_proxies.setenv(name, proxy.url)
        session = None if whose == "transport" else requests.Session()
        with client_of(server, transport=RequestsTransport(session=session)) as client:
            client.send(BATCH)
            client.send(BATCH, BATCH)
        if session is not None:
            session.close()

    assert proxy.connections == 0
    assert len(server.requests) == 2


@pytest.mark.parametrize("key", ["http", "http://127.0.0.1", "all"])
def test_plain_http_goes_through_a_proxy_that_the_transport_is_told(no_proxies, key):
    with FaultServer() as proxy, FaultServer() as other:
        no_proxies.setenv("HTTP_PROXY", other.url)
        transport = RequestsTransport(proxies={key: proxy.url})
        with client_of("http://127.0.0.1:1", transport=transport) as client:
            assert client.send(BATCH).state == "delivered"

    assert len(proxy.requests) == 1
    assert other.connections == 0


@pytest.mark.parametrize("code", [407, 403])
def test_a_proxy_that_refuses_is_final(no_proxies, clock, code):
    with FaultServer(status(code)) as proxy:
        transport = RequestsTransport(proxies={"https": proxy.url})
        with (
            client_of(
                "https://127.0.0.1:1", transport=transport, dispatcher=clock.dispatcher()
            ) as client,
            pytest.raises(TransportError) as raised,
        ):
            client.send(BATCH)

    assert str(raised.value) == (
        f"no answer from https://127.0.0.1:1: the proxy refused with {code}"
    )
    assert raised.value.reason == "transport_error"
    assert clock.waits == []
    assert len(proxy.requests) == 1


def test_a_plain_407_is_final(no_proxies, clock):
    with FaultServer(status(407)) as proxy:
        transport = RequestsTransport(proxies={"http": proxy.url})
        with (
            client_of(
                "http://127.0.0.1:1", transport=transport, dispatcher=clock.dispatcher()
            ) as client,
            pytest.raises(ApiError) as raised,
        ):
            client.send(BATCH)

    assert raised.value.status_code == 407
    assert len(proxy.requests) == 1


def test_a_proxy_that_is_busy_is_tried_again(no_proxies, clock):
    with (
        FaultServer(status(503), faults.tunnel) as proxy,
        FaultServer(certificate="localhost.pem") as server,
    ):
        transport = RequestsTransport(proxies={"https": proxy.url}, verify=AUTHORITY)
        with client_of(server, transport=transport, dispatcher=clock.dispatcher()) as client:
            assert client.send(BATCH).state == "delivered"
            assert client.stats.retries == 1


def test_a_proxy_that_is_not_there_is_tried_again(no_proxies, clock):
    """The port has the digits of 407, which is no reason to give up."""
    transport = RequestsTransport(proxies={"https": "http://127.0.0.1:40"})
    with (
        client_of(
            "https://127.0.0.1:4070", transport=transport, dispatcher=clock.dispatcher()
        ) as client,
        pytest.raises(TransportError, match="the proxy did not answer") as raised,
    ):
        client.send(BATCH)

    assert raised.value.reason == "retries_exhausted"
    assert len(clock.waits) > 3


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "SOCKS5"])
@pytest.mark.parametrize("by", ["session", "environment"])
def test_a_socks_proxy_without_pysocks_is_final_and_says_what_to_install(
    no_proxies, clock, scheme, by
):
    no_proxies.setitem(sys.modules, "socks", None)  # not installed
    no_proxies.setattr("importlib.util.find_spec", lambda name: None)
    address = f"{scheme}://user:hidden@127.0.0.1:1"
    session = None
    if by == "environment":
        no_proxies.setenv("ALL_PROXY", address)
    else:
        session = requests.Session()
        session.proxies["https"] = address
    with (
        client_of(
            "https://127.0.0.1:1",
            transport=RequestsTransport(session=session),
            dispatcher=clock.dispatcher(),
        ) as client,
        pytest.raises(TransportError) as raised,
    ):
        client.send(BATCH)

    assert str(raised.value) == (
        "no answer from https://127.0.0.1:1: a SOCKS proxy needs PySocks; "
        "write pip install 'requests[socks]'"
    )
    assert raised.value.reason == "transport_error"
    assert clock.waits == []


def test_a_dripping_proxy_ends_at_the_deadline(no_proxies):
    with FaultServer(faults.drip(DRIPS["header"])) as proxy:
        transport = RequestsTransport(proxies={"https": proxy.url}, deadline=0.3)
        began = time.monotonic()
        with pytest.raises(TransportError, match=r"the deadline of 0.3 s passed"):
            transport.send(Request("https://127.0.0.1:1/v2/events", b"{}", {}))

    assert time.monotonic() - began < SOON


@pytest.mark.parametrize(
    "address",
    [
        "http://user:hidden@bad host:x",
        "socks9://hidden",
        "http://",
        "http://user:hidden@",
        "http://[hidden@proxy",
        "http://proxy:99999",
        "hidden..example",
    ],
)
def test_a_proxy_address_that_is_none_is_final_and_not_shown(no_proxies, clock, address):
    no_proxies.setenv("HTTPS_PROXY", address)
    with (
        client_of("https://127.0.0.1:1", dispatcher=clock.dispatcher()) as client,
        pytest.raises(TransportError, match="address is not valid") as raised,
    ):
        client.send(BATCH)

    assert clock.waits == []
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


# What the environment must not do


def test_netrc_is_ignored(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with LocalServer() as server:
        with client_of(server) as client:
            client.send(BATCH)
        transport = RequestsTransport()
        bare = transport.send(Request(server.url + "/v2/events", b"{}", {}))
        transport.close()

    assert bare.status_code == 401


def test_authorization_is_always_the_clients():
    session = requests.Session()
    session.auth = ("other", "other")
    session.headers["Authorization"] = "Bearer other"
    with (
        LocalServer() as server,
        client_of(server, transport=RequestsTransport(session=session)) as client,
    ):
        assert client.send(BATCH).state == "delivered"
    session.close()
