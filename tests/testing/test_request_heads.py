"""The head of a request: a usual one is read at once, and means the same as to http.server."""

import socket

import pytest
from local_servers import SOON, LocalServer

TOKEN = "Basic a2V5OnNlY3JldA=="
BODY = b'{"environment":"development"}'
LENGTH = f"Content-Length: {len(BODY)}"
UNUSUAL = "X-Note: \xe9"  # which no usual head has


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


def answers(server, first, lines, *, times=1):
    """Send a request so often on one connection; return the statuses, and whether it was kept."""
    head = "\r\n".join([first, "Host: localhost", f"Authorization: {TOKEN}", *lines, "\r\n"])
    port = int(server.url.rpartition(":")[2])
    found = []
    with socket.create_connection(("127.0.0.1", port), timeout=SOON) as connection:
        for _ in range(times):
            connection.sendall(head.encode("latin-1") + BODY)
            answer = connection.makefile("rb")
            found.append(answer.readline().split()[1:2])
            while (line := answer.readline()) not in (b"", b"\r\n"):
                if line.lower().startswith(b"content-length"):
                    length = int(line.split(b":")[1])
            answer.read(length)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
    return found


HEADS = {
    "usual": ("POST /v2/events HTTP/1.1", [LENGTH]),
    "query": ("POST /v2/events?a=b&c HTTP/1.1", [LENGTH]),
    "case": ("POST /v2/events HTTP/1.1", [LENGTH.upper(), "ACCEPT: a:b"]),
    "no space": ("POST /v2/events HTTP/1.1", [LENGTH.replace(" ", "")]),
    "spaces": ("POST /v2/events HTTP/1.1", [LENGTH.replace(" ", "   "), "X-A:  b  c"]),
    "space behind": ("POST /v2/events HTTP/1.1", [LENGTH + " "]),
    "twice": ("POST /v2/events HTTP/1.1", [LENGTH, "X-A: 1", "X-A: 2"]),
    "empty": ("POST /v2/events HTTP/1.1", [LENGTH, "X-A:"]),
    "close": ("POST /v2/events HTTP/1.1", [LENGTH, "Connection: close"]),
    "method": ("PUT /v2/events HTTP/1.1", [LENGTH]),
    "elsewhere": ("POST /v2/elsewhere HTTP/1.1", [LENGTH]),
    "two slashes": ("POST //v2/events HTTP/1.1", [LENGTH]),
}
HEADS |= {
    "expect": ("POST /v2/events HTTP/1.1", [LENGTH, "Expect: something"]),
    "HTTP/1.0": ("POST /v2/events HTTP/1.0", [LENGTH]),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_usual_head_means_the_same_as_another(server, name):
    first, lines = HEADS[name]
    usual = answers(server, first, lines)
    unusual = answers(server, first, [*lines, UNUSUAL])
    one, other = server.requests

    assert usual == unusual
    assert (one.method, one.path, one.body) == (other.method, other.path, other.body)
    assert one.headers == {k: v for k, v in other.headers.items() if k != "x-note"}


BROKEN = [
    [LENGTH, LENGTH],
    [LENGTH, "Content-Length: 5"],
    ["Content-Length: x"],
    ["Content-Length: +5"],
    [LENGTH, "Transfer-Encoding: chunked"],
    ["transfer-encoding: chunked"],
    [LENGTH, "no header"],
    [LENGTH, " folded"],
]


@pytest.mark.parametrize("lines", BROKEN, ids=str)
def test_a_head_that_does_not_say_where_the_body_ends_is_refused_in_either_way(server, lines):
    found = answers(server, "POST /v2/events HTTP/1.1", lines)
    other = answers(server, "POST /v2/events HTTP/1.1", [*lines, UNUSUAL])

    assert found == other
    assert found in ([[b"400"]], [[b"411"]])


def test_requests_that_come_at_once_are_answered_one_by_one(server):
    assert answers(server, "POST /v2/events HTTP/1.1", [LENGTH], times=3) == [[b"202"]] * 3

    assert [request.connection for request in server.requests] == [1, 1, 1]
