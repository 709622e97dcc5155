"""The faults that the local server can be told to have, as a socket and as a client see them."""

import base64
import contextlib
import gc
import inspect
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
import requests
from fault_server import AUTHORITY, CERTIFICATES

from mpfluent import (
    ApiError,
    Batch,
    Client,
    ConfigurationError,
    RequestsTransport,
    Retry,
    TransportError,
    testing,
)
from mpfluent.testing import (
    LocalServer,
    bad_chunks,
    close_after_read,
    close_idle_after,
    drip,
    faults,
    garbage,
    hang,
    never_read,
    ok,
    partial_answer,
    redirect,
    reset_after_read,
    reset_before_read,
    reset_mid_request,
    status,
)
from mpfluent.testing.server import main

BATCH = Batch.for_user(customer_id="1").event("Searched")
TOKEN = base64.b64encode(b"key:secret").decode()
LOCALHOST = CERTIFICATES / "localhost.pem"
EXPIRED = CERTIFICATES / "expired.pem"
LONG = 60  # seconds that an action would take, were it not ended early
SOON = 5  # seconds that nothing here takes, even on a busy machine


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture(params=[None, LOCALHOST], ids=["http", "https"])
def either(request):
    """A server with and one without TLS."""
    with LocalServer(certificate=request.param) as server:
        yield server


def request_of(batch_id="a", *, method="POST", path="/v2/events", padding=""):
    body = json.dumps({"environment": "development", "source_request_id": batch_id}) + padding
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {TOKEN}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def port_of(server):
    return int(server.url.rpartition(":")[2])


def connection_to(server):
    """Return a socket, with TLS if the server speaks it."""
    plain = socket.create_connection(("127.0.0.1", port_of(server)), timeout=SOON)
    if server.url.startswith("http:"):
        return plain
    trusting = ssl.create_default_context(cafile=AUTHORITY)
    return trusting.wrap_socket(plain, server_hostname="localhost")


def read(connection, until=None):
    """Return what comes, and how it ends."""
    data = b""
    try:
        while until is None or until not in data:
            some = connection.recv(65_536)
            if not some:
                return data, "end"
            data += some
    except ssl.SSLEOFError:
        return data, "end"  # a server that stops says no farewell
    except ConnectionResetError:
        return data, "reset"
    return data, "open"


def exchange(server):
    """Send one request, and return all that comes until the server ends the connection."""
    with connection_to(server) as connection:
        connection.sendall(request_of())
        return read(connection)


def briefly(value):
    """Return what to call an action in the name of a test."""
    if isinstance(value, faults.Action):
        usual = faults.Action()._asdict()
        told = {name: part for name, part in value._asdict().items() if part != usual[name]}
        return " ".join(f"{name}={part}" for name, part in told.items()) or "nothing"
    return None


def exchange_once(server, name="a", **parts):
    """Send one request over a connection of its own, and return what comes of the answer's head."""
    with connection_to(server) as connection:
        connection.sendall(request_of(name, **parts))
        return read(connection, b"\r\n\r\n")[0]


def client_of(server, **options):
    options.setdefault("retry", Retry(base=0))
    options.setdefault("transport", RequestsTransport(verify=AUTHORITY))
    return Client("key", "secret", environment="development", host=server.url, **options)


# Each action, seen by a socket


@pytest.mark.parametrize(
    ("action", "answer", "end", "read_whole", "accepted"),
    [
        (reset_before_read(), rb"", "reset", False, False),
        (reset_mid_request(1), rb"", "reset", False, False),
        (reset_mid_request(len(request_of()) - 1), rb"", "reset", False, False),
        (reset_mid_request(1_000_000), rb"", "reset", True, False),
        (reset_after_read(), rb"", "reset", True, True),
        (close_after_read(), rb"", "end", True, False),
        (partial_answer(0), rb"HTTP/1.1 202 .*\r\n\r\n", "reset", True, True),
        (partial_answer(3), rb"HTTP/1.1 202 .*\r\n\r\nxxx", "reset", True, True),
        (partial_answer(3, status_code=500), rb"HTTP/1.1 500 .*xxx", "reset", True, False),
        (hang(0.05), rb"", "end", True, False),
        (garbage(), rb"This is not HTTP.\r\n\r\n", "end", True, False),
        (bad_chunks(), rb"HTTP/1.1 202 .*\r\n\r\nno chunk\r\n", "end", True, True),
        (bad_chunks(status_code=503), rb"HTTP/1.1 503 .*no chunk\r\n", "end", True, False),
    ],
    ids=briefly,
)
def test_an_action_that_ends_the_connection(either, action, answer, end, read_whole, accepted):
    either.script(action)
    came, how = exchange(either)

    assert re.fullmatch(answer, came, re.S), came
    assert how == end or either.url.startswith("https:")  # ssl does not tell them apart
    assert [request.status_code for request in either.requests] == (
        [action.status_code] if read_whole else []
    )
    assert either.unique_ids == (["a"] if accepted else [])


@pytest.mark.parametrize(
    ("action", "first_line", "accepted"),
    [
        (ok(), b"HTTP/1.1 202 Accepted", True),
        (ok(204), b"HTTP/1.1 204 No Content", True),
        (ok(delay=0.01), b"HTTP/1.1 202 Accepted", True),
        (503, b"HTTP/1.1 503 Service Unavailable", False),
        (200, b"HTTP/1.1 200 OK", True),
        (status(202), b"HTTP/1.1 202 Accepted", True),
        (status(523, delay=0.01), b"HTTP/1.1 523 ", False),
        (status(999), b"HTTP/1.1 999 ", False),
        (redirect("/elsewhere"), b"HTTP/1.1 302 Found", False),
        (redirect("/elsewhere", 308), b"HTTP/1.1 308 Permanent Redirect", False),
        (drip(20_000), b"HTTP/1.1 202 Accepted", True),
        (drip(20_000, status_code=500), b"HTTP/1.1 500 Internal Server Error", False),
        (close_idle_after(SOON), b"HTTP/1.1 202 Accepted", True),
    ],
    ids=briefly,
)
def test_an_action_that_keeps_the_connection(either, action, first_line, accepted):
    either.script(action)
    with connection_to(either) as connection:
        connection.sendall(request_of("a"))
        came, _ = read(connection, b"\r\n\r\n")
        connection.sendall(request_of("b"))
        then, _ = read(connection, b"\r\n\r\n")

    assert came.partition(b"\r\n")[0] == first_line
    assert then.startswith(b"HTTP/1.1 202 Accepted\r\n")
    assert {request.connection for request in either.requests} == {1}
    assert either.unique_ids == (["a", "b"] if accepted else ["b"])


def test_headers_of_a_script_replace_the_usual_ones(server):
    headers = {"date": "never", "X-mp-rate-limit-percentage-used": "95", "X-Any": "1"}
    server.script(status(202, headers=headers, body="é"), redirect("/elsewhere"))
    answer, elsewhere = exchange_headers(server), exchange_headers(server)

    assert answer["Date"] == "never"
    assert answer["X-mp-rate-limit-percentage-used"] == "95"
    assert answer["X-Any"] == "1"
    assert answer["Content-Length"] == "2"
    assert elsewhere["Location"] == "/elsewhere"
    assert "X-mp-rate-limit-percentage-used" not in elsewhere


def exchange_headers(server):
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Basic {TOKEN}"}
        answer = session.post(
            server.url + "/v2/events", b"{}", headers=headers, allow_redirects=False, timeout=SOON
        )
    return answer.headers


def test_a_dripping_answer_comes_a_byte_at_a_time(server):
    server.script(drip(1000))
    pieces = []
    with connection_to(server) as connection:
        connection.sendall(request_of())
        began = time.monotonic()
        while b"\r\n\r\n" not in b"".join(pieces):
            pieces.append(connection.recv(65_536))
        took = time.monotonic() - began

    assert len(pieces) > 20
    assert took >= (len(b"".join(pieces)) - 1) / 1000


@pytest.mark.parametrize(
    "action", [hang(0.15), ok(delay=0.15), status(503, delay=0.15)], ids=briefly
)
def test_an_action_can_wait(server, action):
    server.script(action)
    began = time.monotonic()
    with connection_to(server) as connection:
        connection.sendall(request_of())
        connection.recv(65_536)

    assert 0.15 <= time.monotonic() - began < SOON


def test_a_kept_connection_is_closed_when_nothing_comes_for_so_long(either):
    either.script(close_idle_after(SOON), close_idle_after(0.1))
    with connection_to(either) as connection:
        for name in "ab":
            began = time.monotonic()
            connection.sendall(request_of(name))
            came, _ = read(connection, b"\r\n\r\n")
        rest = read(connection)

    assert came.startswith(b"HTTP/1.1 202")
    assert rest == (b"", "end")
    assert 0.1 <= time.monotonic() - began < SOON
    assert either.unique_ids == ["a", "b"]


def test_a_request_that_is_never_read_blocks_its_writer(server):
    server.script(never_read())
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        connection.connect(("127.0.0.1", port_of(server)))
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.sendall(request_of(padding=" " * 20_000_000))

        assert exchange_once(server, method="PUT").startswith(b"HTTP/1.1 405")
    assert [request.method for request in server.requests] == ["PUT"]


# Each action, seen by a client


@pytest.mark.parametrize(
    ("action", "retries", "duplicates"),
    [
        (ok(), 0, 0),
        (status(503), 1, 0),
        (reset_before_read(), 1, 0),
        (reset_mid_request(100), 1, 0),
        (reset_after_read(), 1, 1),
        (close_after_read(), 1, 0),
        (partial_answer(10), 0, 0),
        (partial_answer(10, status_code=500), 1, 0),
        (drip(20_000), 0, 0),
        (hang(0.01), 1, 0),
        (garbage(), 1, 0),
        (bad_chunks(), 0, 0),
        (close_idle_after(0), 0, 0),
    ],
    ids=briefly,
)
def test_a_client_delivers_in_spite_of_it(either, action, retries, duplicates):
    either.script(action)
    with client_of(either) as client:
        assert client.send(BATCH).state == "delivered"
        assert client.stats.retries == retries
    assert len(either.batches) == 1
    assert len(either.duplicates) == duplicates
    assert len({request.body for request in either.requests}) == 1


@pytest.mark.parametrize(
    ("action", "duplicates"),
    [(hang(LONG), 0), (never_read(), 0), (drip(1), 1), (drip(20), 1), (ok(delay=LONG), 1)],
    ids=briefly,
)
def test_a_client_leaves_it_at_the_deadline_and_tries_again(server, action, duplicates):
    server.script(action)
    transport = RequestsTransport(timeout=(SOON, SOON), deadline=0.3)
    with client_of(server, transport=transport) as client:
        assert client.send(BATCH).state == "delivered"
        assert client.stats.retries >= 1
    assert len(server.batches) == 1
    assert len(server.duplicates) >= duplicates


def test_a_client_gives_up_on_a_redirect(server):
    server.script(redirect("/elsewhere"))
    with client_of(server) as client, pytest.raises(ApiError) as raised:
        client.send(BATCH)

    assert (raised.value.reason, raised.value.status_code) == ("unexpected_redirect", 302)
    assert [(request.method, request.path) for request in server.requests] == [
        ("POST", "/v2/events")
    ]


def test_a_redirect_that_is_followed_is_seen(server):
    server.script(redirect("/elsewhere"))
    requests.post(server.url + "/v2/events", data=b"{}", timeout=SOON)

    assert [(request.method, request.path, request.status_code) for request in server.requests] == [
        ("POST", "/v2/events", 302),
        ("GET", "/elsewhere", 404),
    ]


def test_a_connection_that_was_closed_for_idleness_costs_a_client_no_retry(server):
    server.script(close_idle_after(0.05))
    with client_of(server) as client:
        client.send(BATCH)
        until(lambda: not server._http._serving)
        client.send(BATCH)

        assert client.stats.retries == 0
    assert [request.connection for request in server.requests] == [1, 2]


def until(done):
    """Wait for what an action does by itself."""
    limit = time.monotonic() + SOON
    while not done():
        assert time.monotonic() < limit
        time.sleep(0.005)


# TLS


@pytest.mark.parametrize(
    ("certificate", "verify", "why"),
    [(EXPIRED, AUTHORITY, "has expired"), (LOCALHOST, True, "is not trusted")],
    ids=["expired", "unknown authority"],
)
def test_a_certificate_that_is_not_to_be_trusted_reaches_the_client(
    certificate, verify, why, capfd
):
    with LocalServer(certificate=certificate) as server:
        transport = RequestsTransport(verify=verify)
        with (
            client_of(server, transport=transport) as client,
            pytest.raises(TransportError, match=f"its certificate {why}"),
        ):
            client.send(BATCH)

    assert server.requests == []
    assert capfd.readouterr().err == ""


def test_the_url_says_whether_it_is_tls():
    with LocalServer(certificate=str(LOCALHOST)) as secure, LocalServer() as plain:
        assert re.fullmatch(r"https://127\.0\.0\.1:\d+", secure.url)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", plain.url)


def test_hands_that_are_never_shaken_hold_nobody_up():
    with (
        LocalServer(certificate=LOCALHOST) as server,
        socket.create_connection(("127.0.0.1", port_of(server))),
    ):
        assert exchange_once(server).startswith(b"HTTP/1.1 202")


# The script


def test_connections_share_one_script(server):
    server.script(*[503] * 4, *[ok()] * 2, *[429] * 2)
    together(8, lambda n: exchange_once(server, str(n)))

    answered = sorted(request.status_code for request in server.requests)
    assert answered == [202, 202, 429, 429, 503, 503, 503, 503]
    assert len({request.connection for request in server.requests}) == 8


def together(count, work):
    barrier = threading.Barrier(count)

    def begin(number):
        barrier.wait(SOON)
        work(number)

    threads = [threading.Thread(target=begin, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_connection_without_a_request_takes_no_action(server):
    server.script(503)
    connection_to(server).close()

    assert exchange_once(server).startswith(b"HTTP/1.1 503")


def test_a_hung_request_does_not_hold_up_another(server):
    server.script(hang(LONG), never_read(), drip(1), ok())
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            connection = stack.enter_context(connection_to(server))
            begun = server.max_concurrency
            connection.sendall(request_of())
            until(lambda begun=begun: server.max_concurrency > begun)

        assert exchange_once(server).startswith(b"HTTP/1.1 202")


# What it records


def test_requests_say_when_they_came_and_whose_they_are(server):
    before = time.monotonic()
    with connection_to(server) as connection:
        connection.sendall(request_of("a"))
        read(connection, b"\r\n\r\n")
        connection.sendall(request_of("b", path="/v2/bulkevents"))
        read(connection, b"\r\n\r\n")
        port = connection.getsockname()[1]
    first, second = server.requests

    assert before < first.at < second.at < time.monotonic()
    assert server.gap(0, 1) == second.at - first.at
    assert server.gap(0, -1) == second.at - first.at
    assert (first.port, second.port) == (port, port)
    assert (first.method, first.batch_ids) == ("POST", ("a",))
    assert (second.status_code, second.batch_ids) == (400, ("b",))


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b"", ()),
        (b"no", ()),
        (b"5", ()),
        (b"{}", ()),
        (b'{"source_request_id": "a"}', ("a",)),
        (b'{"source_request_id": 5}', ("5",)),
        (b'{"source_request_id": ["a"]}', ()),
        (b'[{"source_request_id": "a"}, {}, 5, {"source_request_id": "b"}]', ("a", "b")),
    ],
)
@pytest.mark.parametrize("path", ["/v2/events", "/v2/bulkevents"])
def test_batch_ids_are_those_of_any_body(server, path, body, ids):
    requests.post(server.url + path, data=body, timeout=SOON)

    assert server.requests[0].batch_ids == ids


def test_the_attempts_of_a_batch_are_the_requests_that_had_it(server):
    server.script(503, ok(), reset_after_read())
    with client_of(server, retry=Retry(base=0)) as client:
        for name in ("one", "two"):
            client.send(BATCH.with_source_request_id(name))

    assert [request.status_code for request in server.attempts("one")] == [503, 202]
    assert [request.status_code for request in server.attempts("two")] == [None, 202]
    assert server.attempts("three") == []
    assert server.unique_ids == ["one", "two"]
    assert server.duplicates == ["two"]


def test_a_number_as_an_id_counts_as_its_text(server):
    for body in (b'{"source_request_id": 5}', b'{"source_request_id": "5"}'):
        requests.post(server.url + "/v2/events", body, auth=("key", "secret"), timeout=SOON)

    assert [batch.source_request_id for batch in server.batches] == ["5"]
    assert server.unique_ids == ["5"]
    assert server.duplicates == ["5"]


def test_a_gap_is_between_requests_that_came(server):
    exchange_once(server)
    with pytest.raises(IndexError) as raised:
        server.gap(0, 1)

    assert str(raised.value) == (
        "gap(0, 1): 1 requests came; see how many with len(server.requests)"
    )


def test_requests_one_after_the_other_are_never_handled_at_once(server):
    assert server.max_concurrency == 0
    for action in [ok(), drip(20_000), reset_after_read(), bad_chunks(), 503] * 4:
        server.script(action)
        exchange_once(server)

    assert server.max_concurrency == 1


def test_requests_that_are_handled_at_once_are_counted(server):
    server.script(*[hang(LONG)] * 5)
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connection_to(server)).sendall(request_of())
        until(lambda: server.max_concurrency == 5)
        server.stop()

    assert server.max_concurrency == 5


def test_a_delay_comes_before_every_answer():
    with LocalServer(delay=0.1) as server:
        server.script(ok(delay=0.1))
        exchange_once(server)
        exchange_once(server)

    assert server.gap(0, 1) >= 0.2


def test_what_is_no_answer_is_not_delayed():
    with LocalServer(delay=LONG) as server:
        for action in (reset_before_read(), reset_after_read(), close_after_read(), hang(0)):
            server.script(action)
            assert exchange(server)[0] == b""


def test_names_of_headers_may_be_in_lower_case(server):
    data = request_of().replace(b"Authorization", b"authorization")

    with connection_to(server) as connection:
        connection.sendall(data)
        assert read(connection, b"\r\n\r\n")[0].startswith(b"HTTP/1.1 202")


@pytest.mark.parametrize(
    ("data", "first_line"),
    [
        (b"POST /" + b"x" * 70_000, b"HTTP/1.1 414 "),
        (request_of().replace(b"Content-Length", b"Transfer-Encoding"), b"HTTP/1.1 411 "),
        (b"no request\r\n\r\n", b"HTTP/1.1 400 "),
    ],
    ids=["endless line", "chunks", "not HTTP"],
)
def test_a_request_that_cannot_be_read_is_refused(server, data, first_line):
    with connection_to(server) as connection:
        connection.sendall(data)
        assert read(connection, b"\r\n")[0].startswith(first_line)

    assert server.requests == []


# Its life


def open_files():
    return len(os.listdir("/proc/self/fd"))


EVERY = [
    ok(),
    ok(delay=0.01),
    status(503),
    redirect("/"),
    hang(0.01),
    drip(20_000),
    partial_answer(1),
    bad_chunks(),
    garbage(),
    reset_before_read(),
    reset_mid_request(50),
    reset_after_read(),
    close_after_read(),
    close_idle_after(0.01),
]
ENDLESS = [hang(LONG), never_read(), drip(0.1), ok(delay=LONG), close_idle_after(LONG)]


@pytest.mark.skipif(
    not os.path.isdir("/proc/self/fd"), reason="counts open files as Linux has them"
)
@pytest.mark.parametrize("certificate", [None, LOCALHOST], ids=["http", "https"])
def test_a_stopped_server_leaves_no_thread_and_no_file(certificate, capfd):
    exchange_once_with(certificate)  # whatever is opened only once
    gc.collect()  # what earlier tests left is closed now, and not in the midst of this one
    before = threading.active_count(), open_files()
    for _ in range(3):
        with LocalServer(certificate=certificate) as server, contextlib.ExitStack() as stack:
            server.script(*EVERY)
            for _ in EVERY:
                with connection_to(server) as connection, contextlib.suppress(OSError):
                    connection.sendall(request_of())
                    connection.recv(65_536)
            server.script(*ENDLESS)
            for _ in ENDLESS:
                stack.enter_context(connection_to(server)).sendall(request_of())
            stack.enter_context(connection_to(server))
            began = time.monotonic()
            server.stop()
            took = time.monotonic() - began

            assert took < SOON
            assert threading.active_count() == before[0]
            assert server._concurrency == 0
    assert open_files() == before[1]
    assert capfd.readouterr() == ("", "")


def exchange_once_with(certificate):
    with LocalServer(certificate=certificate) as server:
        exchange_once(server)


@pytest.mark.parametrize("action", ENDLESS, ids=briefly)
def test_an_action_ends_when_the_server_stops(either, action):
    either.script(action)
    with connection_to(either) as connection:
        connection.sendall(request_of())
        until(lambda: either.max_concurrency == 1)
        began = time.monotonic()
        either.stop()
        _, how = read(connection)

    assert how in ("end", "reset")
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("action", [ok(delay=0.05), drip(1000), hang(0.05), 503], ids=briefly)
def test_a_client_that_vanishes_leaves_no_complaint(either, action, capfd):
    either.script(action, action)
    whole = request_of()
    for data in (whole, whole[:-5]):
        with connection_to(either) as connection:
            connection.sendall(data)
    until(lambda: either._concurrency == 0 and not either._http._serving)
    either.stop()

    assert capfd.readouterr() == ("", "")


def test_a_client_that_speaks_no_tls_leaves_no_complaint(capfd):
    with (
        LocalServer(certificate=LOCALHOST) as server,
        socket.create_connection(("127.0.0.1", port_of(server)), timeout=SOON) as connection,
    ):
        connection.sendall(request_of())
        read(connection)

    assert capfd.readouterr() == ("", "")
    assert server.requests == []


def test_a_thread_that_cannot_start_does_not_stop_the_server(server, monkeypatch, capfd):
    def refuse(thread):
        monkeypatch.undo()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with connection_to(server) as connection:
        assert read(connection)[1] in ("end", "reset")

    assert exchange_once(server).startswith(b"HTTP/1.1 202")
    server.stop()
    assert "can't start new thread" in capfd.readouterr().err


# What an argument may be


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ok(503),
            "ok(503): want a status, from 200 to 299; write status(503)",
        ),
        (
            lambda: ok(delay=-1),
            "ok(delay=-1): want seconds, from 0 to 1000000; write ok(delay=0.05)",
        ),
        (
            lambda: status("503"),
            "status('503'): want a status, from 200 to 999; write status(503)",
        ),
        (
            lambda: status(100),
            "status(100): want a status, from 200 to 999; write status(503)",
        ),
        (
            lambda: status(True),
            "status(True): want a status, from 200 to 999; write status(503)",
        ),
        (
            lambda: status(503, delay="1"),
            "status(delay='1'): want seconds, from 0 to 1000000; write status(503, delay=0.05)",
        ),
        (
            lambda: status(429, headers=["Retry-After"]),
            "status(headers=['Retry-After']): want a mapping; "
            "write status(429, headers={'Retry-After': '2'})",
        ),
        (
            lambda: status(429, headers={"Retry-After": 2}),
            "status(headers={'Retry-After': 2}): want one line of text each; "
            "write status(429, headers={'Retry-After': '2'})",
        ),
        (
            lambda: status(429, headers={"X": "a\r\nb"}),
            "status(headers={'X': 'a\\r\\nb'}): want one line of text each; "
            "write status(429, headers={'Retry-After': '2'})",
        ),
        (
            lambda: status(429, headers={"X": "😀"}),
            "status(headers={'X': '😀'}): want one line of text each; "
            "write status(429, headers={'Retry-After': '2'})",
        ),
        (
            lambda: status(400, body={}),
            "status(body={}): want bytes or text; write status(400, body='no')",
        ),
        (
            lambda: status(400, message=5),
            "status(message=5): want text; write status(400, message='no')",
        ),
        (
            lambda: status(400, body="no", message="no"),
            "status(body=…, message=…): want one of them; write status(400, message='no')",
        ),
        (
            lambda: redirect(None),
            "redirect(None): want an address or a path, one line of text; "
            "write redirect('/elsewhere')",
        ),
        (
            lambda: redirect("/", 200),
            "redirect(…, 200): want a status, from 300 to 399; write redirect('/elsewhere', 307)",
        ),
        (
            lambda: hang(float("inf")),
            "hang(inf): want seconds, from 0 to 1000000; write hang(2)",
        ),
        (
            lambda: hang(float("nan")),
            "hang(nan): want seconds, from 0 to 1000000; write hang(2)",
        ),
        (
            lambda: drip(0),
            "drip(0): want bytes per second, from 0.001 to 1000000; write drip(2)",
        ),
        (
            lambda: drip(2, status_code=None),
            "drip(status_code=None): want a status, from 200 to 999; "
            "write drip(2, status_code=503)",
        ),
        (
            lambda: partial_answer(100),
            "partial_answer(100): want bytes, from 0 to 99; write partial_answer(10)",
        ),
        (
            lambda: partial_answer(10, status_code=0),
            "partial_answer(status_code=0): want a status, from 200 to 999; "
            "write partial_answer(10, status_code=500)",
        ),
        (
            lambda: bad_chunks(status_code="202"),
            "bad_chunks(status_code='202'): want a status, from 200 to 999; "
            "write bad_chunks(status_code=500)",
        ),
        (
            lambda: reset_mid_request(0),
            "reset_mid_request(0): want bytes, from 1 to 1000000000; write reset_mid_request(300)",
        ),
        (
            lambda: reset_mid_request(1.5),
            "reset_mid_request(1.5): want bytes, from 1 to 1000000000; "
            "write reset_mid_request(300)",
        ),
        (
            lambda: close_idle_after(None),
            "close_idle_after(None): want seconds, from 0 to 1000000; write close_idle_after(0.5)",
        ),
        (
            lambda: LocalServer(api_key=b"key"),
            "LocalServer(api_key=…): want a string, got bytes; write LocalServer(api_key='…')",
        ),
        (
            lambda: LocalServer(api_secret=None),
            "LocalServer(api_secret=…): want a string, got NoneType; "
            "write LocalServer(api_secret='…')",
        ),
        (
            lambda: LocalServer(port="8080"),
            "LocalServer(port='8080'): want a port, from 0 to 65535; write LocalServer(port=8080)",
        ),
        (
            lambda: LocalServer(delay=-0.1),
            "LocalServer(delay=-0.1): want seconds, from 0 to 1000000; "
            "write LocalServer(delay=0.05)",
        ),
        (
            lambda: LocalServer(certificate="nowhere.pem"),
            "LocalServer(certificate='nowhere.pem'): want the path of a PEM file with a "
            "certificate and its key (FileNotFoundError); "
            "write LocalServer(certificate='localhost.pem')",
        ),
        (
            lambda: LocalServer(certificate=5.0),
            "LocalServer(certificate=5.0): want the path of a PEM file with a certificate and its "
            "key (TypeError); write LocalServer(certificate='localhost.pem')",
        ),
        (
            lambda: LocalServer(certificates="localhost.pem"),
            "LocalServer() has no option 'certificates'; did you mean 'certificate'?",
        ),
    ],
)
def test_an_argument_that_makes_no_sense_is_told(make, message):
    with pytest.raises(ConfigurationError) as raised:
        make()

    assert str(raised.value) == message


def test_a_number_that_is_no_status_is_told(server):
    with pytest.raises(ConfigurationError, match=r"^script\(42\): want an action or a status; "):
        server.script(503, 42)

    assert exchange_once(server).startswith(b"HTTP/1.1 202")


def test_a_certificate_without_its_key_is_told():
    with pytest.raises(ConfigurationError, match=r"and its key \(SSLError\)"):
        LocalServer(certificate=AUTHORITY)


def test_the_options_of_a_server_show():
    assert list(inspect.signature(LocalServer).parameters) == [
        *("api_key", "api_secret", "port", "delay", "certificate", "strict")
    ]


def test_an_action_is_immutable_data():
    assert status(503) == status(503)
    assert hash(hang(2)) == hash(hang(2))
    with pytest.raises(AttributeError):
        hang(2).wait = 3


def test_every_action_is_in_the_kit():
    made = [
        name
        for name, function in inspect.getmembers(faults, inspect.isfunction)
        if function.__module__ == faults.__name__
        and inspect.signature(function).return_annotation == "Action"
        and not name.startswith("_")
    ]

    assert len(made) == 14
    assert set(made) <= set(testing.__all__)
    assert dir(testing) == sorted(testing.__all__)
    assert [getattr(testing, name) for name in made] == [getattr(faults, name) for name in made]


# As a program


@pytest.fixture
def program(request):
    command = [sys.executable, "-m", "mpfluent.testing.server", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--quiet", "--delay", "0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=dict(os.environ, PYTHONIOENCODING="utf-8"),
    )
    yield process
    process.kill()
    process.communicate()


def test_a_quiet_program_says_only_where_it_is(program):
    url = re.search(r"host='(http://127\.0\.0\.1:\d+)'", program.stdout.readline())[1]
    with Client("key", "secret", environment="development", host=url) as client:
        client.send(BATCH)
        began = time.monotonic()
        client.send(BATCH)
        took = time.monotonic() - began
    program.kill()
    out, err = program.communicate(timeout=SOON)

    assert (out, err) == ("", "")
    assert 0.1 <= took < SOON


def test_the_program_says_what_is_wrong_with_its_options(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["server", "--port", "0", "--delay", "-1"])
    with pytest.raises(SystemExit) as left:
        main()

    assert left.value.code == 2
    assert "LocalServer(delay=-1.0): want seconds, from 0 to 1000000" in capsys.readouterr().err
