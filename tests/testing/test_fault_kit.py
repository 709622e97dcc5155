"""The faults that the local server can be told to have, as a socket and as a client see them."""

import contextlib
import re
import socket
import threading
import time

import pytest
import requests
from fault_server import AUTHORITY, CERTIFICATES
from sockets import (
    BATCH,
    LOCALHOST,
    LONG,
    SOON,
    TOKEN,
    briefly,
    connection_to,
    exchange_once,
    port_of,
    read,
    request_of,
    until,
)

from mpfluent import (
    ApiError,
    Client,
    RequestsTransport,
    Retry,
    TransportError,
)
from mpfluent.testing import (
    LocalServer,
    bad_chunks,
    close_after_read,
    close_idle_after,
    drip,
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

EXPIRED = CERTIFICATES / "expired.pem"


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture(params=[None, LOCALHOST], ids=["http", "https"])
def either(request):
    """A server with and one without TLS."""
    with LocalServer(certificate=request.param) as server:
        yield server


def exchange(server):
    """Send one request, and return all that comes until the server ends the connection."""
    with connection_to(server) as connection:
        connection.sendall(request_of())
        return read(connection)


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
