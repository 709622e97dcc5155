"""Synchronous sending over real sockets, under the faults that networks and servers have."""

import gc
import json
import logging
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from email.utils import formatdate
from types import SimpleNamespace

import fault_server as faults
import pytest
import requests
import urllib3
from fault_server import AUTHORITY, FakeTime, FaultServer, status

from mpfluent import (
    ApiError,
    Batch,
    Client,
    ConfigurationError,
    DeliveryError,
    Request,
    RequestsTransport,
    Retry,
    TransportError,
)
from mpfluent.testing import LocalServer, reset_after_read
from mpfluent.testing import status as refusal
from mpfluent.testing.api_rules import Judgement
from mpfluent.transport import deadline as deadlines
from mpfluent.transport.destination import Credentials

BATCH = Batch.for_user(customer_id="1").event("Searched", {"query": "teapot"})
LONG = 60  # seconds that a peer would take, were there no deadline
SOON = 5  # seconds that nothing here takes, even on a busy machine


def client_of(server, **options):
    options.setdefault("environment", "development")
    return Client(
        "key", "secret", host=server if isinstance(server, str) else server.url, **options
    )


@pytest.fixture
def clock():
    return FakeTime()


def quick(**options):
    """A retry policy that hardly waits."""
    return Retry(base=0.01, max_elapsed=SOON, **options)


def numbered(count):
    return [Batch.for_user(customer_id=str(n)).event("Searched") for n in range(count)]


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


# Deadlines


DRIPS = {
    "status line": b"HTTP/1.1 202 " + b"A" * 5000,
    "header": b"HTTP/1.1 202 OK\r\nX-Slow: " + b"a" * 5000,
    "100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 500,
}


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
    monkeypatch.setattr(deadlines, "time", fake)
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


# Statuses


@pytest.mark.parametrize("code", [200, 202, 204])
@pytest.mark.parametrize("body", [b"", b"<html>Welcome to the hotel</html>"])
def test_any_2xx_is_delivered(code, body):
    body = b"" if code == 204 else body
    with FaultServer(status(code, {}, body)) as server, client_of(server) as client:
        delivery = client.send(BATCH)

    assert delivery.state == "delivered"
    assert delivery.result().status_code == code
    assert delivery.result().body == body


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(clock, code):
    with FaultServer() as elsewhere:
        script = status(code, {"Location": elsewhere.url + "/elsewhere"}, b"moved")
        with (
            FaultServer(script) as server,
            client_of(server, dispatcher=clock.dispatcher()) as client,
        ):
            with pytest.raises(ApiError) as raised:
                client.send(BATCH)

            assert client.stats.failed_by_reason == {"unexpected_redirect": 1}
    assert str(raised.value).startswith(f"mParticle answered {code} ")
    assert str(raised.value).endswith(": redirects are not followed; check host= and pod=")
    assert [request.method for request in server.requests] == ["POST"]
    assert elsewhere.connections == 0
    assert clock.waits == []


@pytest.mark.parametrize("location", ["http://[::1", "/", "", "\xff", "gopher://x", "http://a b"])
def test_a_redirect_to_nowhere_is_final_too(clock, location):
    with (
        FaultServer(status(302, {"Location": location})) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
        pytest.raises(ApiError) as raised,
    ):
        client.send(BATCH)

    assert raised.value.reason == "unexpected_redirect"
    assert len(server.requests) == 1


VENDOR = b'{"errors":[{"code":"BAD_REQUEST","message":"Required event field is missing."}]}'


@pytest.mark.parametrize(
    ("body", "text", "errors"),
    [
        (
            VENDOR,
            "400 BAD_REQUEST: Required event field is missing.",
            ({"code": "BAD_REQUEST", "message": "Required event field is missing."},),
        ),
        (
            b'[{"code":"BAD_REQUEST","message":"No."}]',
            "400 BAD_REQUEST: No.",
            ({"code": "BAD_REQUEST", "message": "No."},),
        ),
        (b'{"errors":[{"message":"No."}]}', "400 Bad Request: No.", ({"message": "No."},)),
        (b'{"errors":[{"code":5}]}', "400 5", ({"code": "5"},)),
        (b'{"errors":{"code":"X"}}', "400 Bad Request", ()),
        (b'{"errors":[1,"two",null,{}]}', "400 Bad Request", ()),
        (b'["no"]', "400 Bad Request", ()),
        (b'"no"', "400 Bad Request", ()),
        (b"<html>no</html>", "400 Bad Request", ()),
        (b"", "400 Bad Request", ()),
        (b"\xff\xfe\x00", "400 Bad Request", ()),
        (b"[" * 100_000, "400 Bad Request", ()),
        (b'{"errors":[{"message":"' + b"x" * 9000 + b'"}]}', "400 Bad Request: " + "x" * 500, None),
    ],
)
def test_a_400_is_final_and_says_what_it_can(clock, body, text, errors):
    with (
        FaultServer(status(400, {}, body)) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
        pytest.raises(ApiError) as raised,
    ):
        client.send(BATCH)

    assert str(raised.value) == f"mParticle answered {text}"
    assert raised.value.body == body[:64_000].decode("utf-8", "replace")
    assert raised.value.reason == "rejected"
    assert errors is None or raised.value.errors == errors
    assert len(server.requests) == 1
    assert clock.waits == []


@pytest.mark.parametrize("code", [404, 405, 410, 415, 422, 501, 505, 418, 499, 599])
def test_what_is_permanent_is_tried_once(clock, code):
    with (
        FaultServer(status(code)) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
        pytest.raises(ApiError) as raised,
    ):
        client.send(BATCH)

    assert (raised.value.status_code, raised.value.reason) == (code, "rejected")
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504, *range(520, 528)])
def test_what_can_pass_is_tried_again_with_the_same_bytes(clock, code):
    with (
        FaultServer(status(code), status(code)) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
    ):
        client.send(BATCH)

        assert client.stats.retries == 2
        assert len(set(server.bodies)) == 1
        assert len(server.bodies) == 3


def test_a_burst_of_503_is_no_hot_loop(clock):
    with FaultServer(*[status(503)] * 20) as server:
        retry = Retry(max_elapsed=600)
        with client_of(server, dispatcher=clock.dispatcher(), retry=retry) as client:
            assert client.send(BATCH).state == "delivered"

    assert len(server.requests) == 21
    assert sum(clock.waits) >= 20 * 0.5


@pytest.mark.parametrize("code", [401, 403])
def test_refused_credentials_open_a_circuit_with_one_probe_a_minute(clock, code, caplog):
    with FaultServer(*[status(code)] * 3) as server:
        failures = []
        with client_of(
            server,
            dispatcher=clock.dispatcher(),
            on_failed=lambda batch, error: failures.append(error),
        ) as client:
            for _ in range(3):  # an attempt, and none for what comes in the next minute
                with pytest.raises(ApiError) as raised:
                    client.send(BATCH)
            assert len(server.requests) == 1
            clock.now += 59.0
            with pytest.raises(ApiError) as refused:
                client.send_all(numbered(150))
            assert refused.value.report.failed_by_reason == {"unauthorized": 100}
            assert len(server.requests) == 1
            clock.now += 2.0  # a probe, refused again
            with pytest.raises(ApiError) as refused:
                client.send_all(numbered(150))
            assert refused.value.report.failed_by_reason == {"unauthorized": 100}
            assert len(server.requests) == 2
            clock.now += 61.0
            server.script.clear()  # now they are good
            assert client.send(BATCH).state == "delivered"
            assert client.send(BATCH).state == "delivered"

    assert str(raised.value) == (
        f"mParticle answered {code} {'Unauthorized' if code == 401 else 'Forbidden'}; "
        "check api_key= and api_secret=, and that the pod is the workspace's"
    )
    assert raised.value.batch.events == failures[2].batch.events
    assert {error.reason for error in failures} == {"unauthorized"}
    assert len({error.batch.source_request_id for error in failures}) == 203
    opened = [r.getMessage() for r in caplog.records if "credentials" in r.getMessage()]
    assert opened == [
        f"mParticle answered {code} to the credentials: batches fail at once from now on, with "
        "one attempt a minute"
    ]
    assert clock.waits == []


def test_a_probe_that_is_refused_for_its_content_closes_the_circuit(clock):
    with (
        FaultServer(status(401), status(400, {}, VENDOR)) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
    ):
        with pytest.raises(ApiError, match="401"):
            client.send(BATCH)
        clock.now += 61
        with pytest.raises(ApiError, match="400"):
            client.send(BATCH)

        assert client.send(BATCH).state == "delivered"


def test_a_probe_is_not_lost_while_it_waits_for_the_gate(clock):
    with FaultServer(status(401), status(429, {"Retry-After": "5"}), status(202)) as server:
        retry = Retry(max_attempts=1)
        with client_of(server, dispatcher=clock.dispatcher(), retry=retry) as client:
            with pytest.raises(ApiError, match="401"):
                client.send(BATCH)
            clock.now += 61
            with pytest.raises(ApiError, match="429"):
                client.send(BATCH)
            clock.now += 58
            with pytest.raises(ApiError, match="401"):
                client.send(BATCH)
            clock.now += 61

            assert client.send(BATCH).state == "delivered"
            assert len(server.requests) == 3


# Throttling


def test_retry_after_holds_for_all_of_a_client_and_for_no_other(clock):
    with FaultServer(status(429, {"Retry-After": "2"})) as server:
        other_clock = FakeTime()
        retry = Retry(max_attempts=1)
        with (
            client_of(server, dispatcher=clock.dispatcher(), retry=retry) as client,
            client_of(server, dispatcher=other_clock.dispatcher()) as other,
        ):
            with pytest.raises(ApiError, match="429") as raised:
                client.send(BATCH)
            client.send(BATCH)
            client.send(BATCH)
            other.send(BATCH)

    assert raised.value.reason == "rate_limited"
    assert clock.waits == [2.0]
    assert other_clock.waits == []


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("2", 2.0, 2.0),
        (formatdate(1_700_000_002, usegmt=True), 2.0, 2.0),
        (formatdate(1_700_000_002, usegmt=True).replace("GMT", "-0000"), 2.0, 2.0),
        (formatdate(1_699_999_000, usegmt=True), 0.0, 0.5),
        ("soon", 0.0, 0.5),
        ("-5", 0.0, 0.5),
        ("NaN", 0.0, 0.5),
        ("1e9", 0.0, 0.5),
        (None, 0.0, 0.5),
    ],
)
def test_a_429_waits_as_long_as_it_says(clock, header, least, most):
    headers = {} if header is None else {"Retry-After": header}
    with (
        FaultServer(status(429, headers)) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
    ):
        assert client.send(BATCH).state == "delivered"

    assert least <= sum(clock.waits) <= most
    assert len(server.requests) == 2


def test_two_retry_after_headers_are_none(clock):
    head = b"HTTP/1.1 429 No\r\nRetry-After: 2\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"
    with (
        FaultServer(faults.raw(head)) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
    ):
        assert client.send(BATCH).state == "delivered"

    assert sum(clock.waits) <= 0.5


def test_a_retry_after_beyond_the_budget_fails_at_once_and_holds(clock):
    with (
        FaultServer(status(429, {"Retry-After": "1000000000"})) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
    ):
        with pytest.raises(ApiError, match="429") as first:
            client.send(BATCH)
        with pytest.raises(DeliveryError) as second:
            client.send(BATCH)
        assert len(server.requests) == 1
        clock.now += 290
        assert client.send(BATCH).state == "delivered"

    assert first.value.reason == second.value.reason == "rate_limited"
    assert str(second.value) == "mParticle asked for no requests for another 300.0 s"
    assert second.value.batch.user_identities == BATCH.user_identities
    assert clock.waits == [10.0]


def test_a_wall_clock_that_jumps_moves_no_wait(clock):
    with (
        FaultServer(status(429, {"Retry-After": "5"})) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
    ):

        def jump():
            clock.wall_offset += 3600

        clock.before_waking = jump
        client.send(BATCH)

    assert clock.waits == [5.0]


def test_a_rate_limit_that_is_nearly_used_up_holds_the_next_request_back(clock):
    used = {"X-mp-rate-limit-percentage-used": '"95"'}
    with (
        FaultServer(status(202, used), status(202, used), status(202)) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
    ):
        for _ in range(4):
            client.send(BATCH)

    assert clock.waits == [0.25, 0.25]


def test_holding_back_is_no_reason_to_fail(clock):
    used = {"X-mp-rate-limit-percentage-used": "100"}
    with FaultServer(*[status(202, used)] * 3) as server:
        retry = Retry(base=100, max_elapsed=0)
        with client_of(server, dispatcher=clock.dispatcher(), retry=retry) as client:
            for _ in range(3):
                client.send(BATCH)

            assert client.stats.delivered == 3


# Bulk requests that are refused


def ids_by_request(server):
    return [request.ids for request in server.requests]


def test_a_413_is_split_down_to_the_one_that_is_too_large(clock):
    large = "customer 5"

    def judge(peer):
        peer.read()
        peer.answer(413 if large.encode() in peer.server.requests[-1].body else 202)

    batches = [Batch.for_user(customer_id=f"customer {n}").event("Searched") for n in range(8)]
    failures = []
    with (
        FaultServer(*[judge] * 50) as server,
        client_of(
            server,
            dispatcher=clock.dispatcher(),
            on_failed=lambda batch, error: failures.append((batch, error)),
        ) as client,
    ):
        with pytest.raises(ApiError) as raised:
            client.send(*batches)

        assert client.stats.delivered == 7
        assert client.stats.failed_by_reason == {"too_large": 1}
    assert raised.value.status_code == 413
    assert [len(ids) for ids in ids_by_request(server)] == [8, 4, 4, 2, 1, 1, 2]
    assert server.requests[0].path == "/v2/bulkevents"
    assert server.requests[4].path == "/v2/events"
    ((batch, error),) = failures
    assert batch.user_identities.customer_id == large
    assert error.batch is batch
    every = ids_by_request(server)[0]
    assert ids_by_request(server)[1:3] == [every[:4], every[4:]]
    assert clock.waits == []


def test_a_bulk_400_fails_the_offender_alone_with_the_servers_words(clock):
    with LocalServer() as server:
        answer = server._judged

        def judge(arrival):
            if b"offender" in arrival.body:
                return Judgement(refusal(400, message="No offenders."), [], (), ())
            return answer(arrival)

        server._judged = judge
        batches = [Batch.for_user(customer_id=f"user {n}").event("Searched") for n in range(20)]
        batches[13] = batches[13].event("offender")
        with client_of(server, dispatcher=clock.dispatcher()) as client:
            with pytest.raises(ApiError) as raised:
                client.send(*batches)

            assert client.stats.delivered == 19
            assert client.stats.failed_by_reason == {"rejected": 1}
        assert str(raised.value) == "mParticle answered 400 BAD_REQUEST: No offenders."
        assert raised.value.batch.user_identities.customer_id == "user 13"
        assert [b.user_identities.customer_id for b in server.batches] == [
            f"user {n}" for n in range(20) if n != 13
        ]
        assert server.duplicates == []


def test_a_single_400_is_not_tried_again(clock):
    with (
        FaultServer(status(400), status(400)) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
        pytest.raises(ApiError),
    ):
        client.send(BATCH)

    assert len(server.requests) == 1


def test_a_bulk_of_offenders_ends(clock):
    def refuse(peer):
        peer.read()
        peer.answer(400)

    with (
        FaultServer(*[refuse] * 500) as server,
        client_of(server, dispatcher=clock.dispatcher()) as client,
    ):
        report = client.send_all(numbered(100))

    assert report.failed_by_reason == {"rejected": 100}
    assert len(server.requests) == 199


def test_250_batches_are_three_requests_in_order(clock):
    with LocalServer() as server, client_of(server, dispatcher=clock.dispatcher()) as client:
        client.send(*numbered(250))

        assert [len(json.loads(request.body)) for request in server.requests] == [100, 100, 50]
        assert [int(b.user_identities.customer_id) for b in server.batches] == list(range(250))


# Sessions of the user's


def test_a_session_of_the_users_stays_open():
    session = requests.Session()
    with LocalServer() as server:
        with client_of(server, transport=RequestsTransport(session=session)) as client:
            client.send(BATCH)
        with client_of(server, transport=RequestsTransport(session=session)) as client:
            client.send(BATCH)
        session.close()

    assert {request.connection for request in server.requests} == {1}


def test_the_settings_of_a_session_of_the_users_count():
    session = requests.Session()
    session.verify = AUTHORITY
    session.headers["X-Team"] = "growth"
    with (
        FaultServer(certificate="localhost.pem") as server,
        client_of(server, transport=RequestsTransport(session=session)) as client,
    ):
        client.send(BATCH)
    session.close()

    assert server.requests[0].headers["x-team"] == "growth"


def test_a_redirect_is_not_followed_on_a_session_of_the_users():
    session = requests.Session()
    with (
        FaultServer(status(302, {"Location": "/elsewhere"})) as server,
        client_of(server, transport=RequestsTransport(session=session)) as client,
        pytest.raises(ApiError, match="redirects are not followed"),
    ):
        client.send(BATCH)
    session.close()

    assert len(server.requests) == 1


def test_the_deadline_holds_on_a_session_with_the_adapter_for_it():
    session = requests.Session()
    session.mount("http://", deadlines.DeadlineAdapter())
    with FaultServer(faults.drip(DRIPS["header"])) as server:
        transport = RequestsTransport(session=session, deadline=0.3)
        with pytest.raises(TransportError, match=r"the deadline of 0.3 s passed"):
            transport.send(Request(server.url, b"{}", {}))
    session.close()


def test_the_adapter_alone_is_an_ordinary_one():
    session = requests.Session()
    session.mount("http://", deadlines.DeadlineAdapter())
    with FaultServer(status(200, {}, b"hello")) as server:
        answer = session.post(server.url, data=b"x" * 100_000, timeout=SOON)
    session.close()

    assert answer.content == b"hello"
    assert len(server.bodies[0]) == 100_000


# Beginning and end


def test_nothing_begins_before_the_first_send():
    threads = threading.active_count()
    code = """
        import sys
        from mpfluent import Client
        client = Client("key", "secret")
        assert "requests" not in sys.modules, "requests"
        assert "threading" not in sys.modules or __import__("threading").active_count() == 1
        print(client.close())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.stdout == "CloseReport(delivered=0, failed=0, left=0)\n"
    assert threading.active_count() == threads


def open_files():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(
    not os.path.isdir("/proc/self/fd"), reason="counts open files as Linux has them"
)
def test_no_thread_and_no_file_is_left_after_close():
    with LocalServer() as server:
        with client_of(server) as client:
            client.send(BATCH)
        before = threading.active_count(), open_files()
        for _ in range(5):
            with client_of(server, retry=quick()) as client:
                client.send(BATCH)
                server.script(reset_after_read(), reset_after_read())
                client.send(BATCH)
        server.stop()
        after = threading.active_count(), open_files()

    assert after[0] <= before[0]
    assert after[1] <= before[1]


def test_a_closed_transport_can_be_used_by_another_client():
    transport = RequestsTransport()
    with LocalServer() as server:
        for _ in range(2):
            with client_of(server, transport=transport) as client:
                assert client.send(BATCH).state == "delivered"

    assert transport._session is None


def test_threads_share_a_client():
    with LocalServer() as server, client_of(server) as client:
        errors = []

        def work(number):
            try:
                for batch in numbered(10):
                    client.send(batch.with_mpid(number))
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert errors == []
        assert client.stats.delivered == 160
        assert len(server.batches) == 160


def test_many_threads_fill_no_log(caplog):
    """urllib3 keeps 10 connections unless told otherwise, and warns of each one more."""
    caplog.set_level(logging.WARNING)
    start = threading.Barrier(20)
    with LocalServer() as server, client_of(server) as client:

        def work():
            start.wait(SOON)
            client.send(BATCH)

        threads = [threading.Thread(target=work) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert client.stats.delivered == 20
    assert caplog.records == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_opens_connections_of_its_own():
    code = """
        import os, sys
        from mpfluent import Batch, Client
        client = Client("key", "secret", environment="development", host=sys.argv[1])
        batch = Batch.for_user(customer_id="1").event("Searched")
        client.send(batch)
        sender = client._sender
        held = [client._counters._lock, sender._rate_limit._lock, sender._transport._lock]
        for lock in held:
            lock.acquire()  # as if another thread held them
        child = os.fork()
        if child:
            for lock in held:
                lock.release()
            assert os.waitpid(child, 0)[1] == 0
            client.send(batch)
            assert client.stats.delivered == 2
        else:
            assert client.stats.submitted == 0
            assert client.flush(1) is True
            client.send(batch)
            assert client.stats.delivered == 1
            assert client.close().delivered == 1
            os._exit(0)
        client.close()
    """
    with LocalServer() as server:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), server.url],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.stderr == ""
    assert [request.connection for request in server.requests] == [1, 2, 1]


# Arguments


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 5},
        {"timeout": (0, 10)},
        {"timeout": (3, -1)},
        {"timeout": (3,)},
        {"timeout": [3, 10]},
        {"timeout": (None, 10)},
        {"timeout": (float("inf"), 10)},
        {"deadline": 0},
        {"deadline": float("nan")},
        {"deadline": float("inf")},
        {"deadline": True},
        {"deadline": "30"},
    ],
)
def test_times_are_checked(options):
    with pytest.raises(ConfigurationError) as raised:
        RequestsTransport(**options)

    assert str(raised.value).endswith(
        ": want positive seconds; write timeout=(3.05, 10.0), deadline=30.0"
    )


def test_a_session_is_checked():
    with pytest.raises(ConfigurationError) as raised:
        RequestsTransport(session=requests)

    assert str(raised.value) == (
        "RequestsTransport(session=…): want a requests.Session, got module; "
        "write session=requests.Session()"
    )


@pytest.mark.parametrize(
    ("proxies", "wanted"),
    [
        ("http://user:hidden@proxy:3128", "want a mapping, got str"),
        ({"https": ("http://user:hidden@proxy", 3128)}, "want addresses, got tuple"),
        ({"https": "http://user:hidden\n@proxy"}, "want addresses, got one that cannot be printed"),
        ({443: "http://user:hidden@proxy:3128"}, "want addresses, got int"),
    ],
)
def test_proxies_are_checked_and_not_shown(proxies, wanted):
    with pytest.raises(ConfigurationError) as raised:
        RequestsTransport(proxies=proxies)

    assert str(raised.value) == (
        f"RequestsTransport(proxies=…): {wanted}; write proxies={{'https': 'http://proxy:3128'}}"
    )


def test_no_proxy_is_a_proxy_that_is_none(no_proxies):
    transport = RequestsTransport(proxies={"http": None})
    with LocalServer() as server, client_of(server, transport=transport) as client:
        assert client.send(BATCH).state == "delivered"
