"""Where a request ends: what the local server makes of heads that do not say it."""

import contextlib
import io
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpfluent.testing import LocalServer

POSTED = "POST /v2/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic a2V5OnNlY3JldA==\r\n"
BODY = b'{"environment": "development"}'
GOOD = f"{POSTED}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
HIDDEN = b"POST /v2/events HTTP/1.1\r\nContent-Length: 0\r\n\r\n"


def exchange(server, data):
    """Send data and no more, and return all that comes until the server ends the connection."""
    host, port = server.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while some := connection.recv(65_536):
            answer += some
    return answer


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: -30",
        "Content-Length: +30",
        "Content-Length: 3000000000",
        "Content-Length: 0000000030",
        "Content-Length: 99999999999999999999999999999999999999999999",
        "Content-Length: \xb2",
        "Content-Length: 3\xb9",
        "Content-Length: 3_0",
        "Content-Length: 0x1e",
        "Content-Length: 30.0",
        "Content-Length: 30, 30",
        "Content-Length: 3 0",
        "Content-Length:",
        "Content-Length: \x00",
        "Content-Length: 30\r\n 0",
        "Content-Length: 30\r\nContent-Length: 30",
        "Content-Length: 0\r\nContent-Length: 30",
        "Content-Length: 30\r\ncontent-length: 0",
        "Content-Length: 30\r\nTransfer-Encoding: chunked",
        "Content-Length: 30\r\nTransfer-Encoding: identity",
        "Transfer-Encoding:\r\nContent-Length: 30",
        "Content-Length : 30",
        "Transfer-Encoding : chunked\r\nContent-Length: 30",
        "no header\r\nContent-Length: 30",
        "X: a\rContent-Length: 5\r\nContent-Length: 30",
        "\x0bContent-Length: 30",
    ],
)
def test_a_request_that_does_not_say_where_it_ends_is_400_and_ends_the_connection(lines, capfd):
    with LocalServer() as server:
        answer = exchange(server, f"{POSTED}{lines}\r\n\r\n".encode("latin-1") + BODY + HIDDEN)
        assert exchange(server, GOOD).startswith(b"HTTP/1.1 202 ")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b'"BAD_REQUEST"' in answer
    assert len(server.requests) == 1  # the last one
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "lines",
    ["Transfer-Encoding: chunked", "transfer-encoding: gzip, chunked", "Transfer-Encoding: \xb2"],
)
def test_a_body_in_chunks_is_411_and_ends_the_connection(lines):
    chunks = b"1e\r\n" + BODY + b"\r\n0\r\n\r\n"
    with LocalServer() as server:
        answer = exchange(server, f"{POSTED}{lines}\r\n\r\n".encode("latin-1") + chunks + HIDDEN)

    assert answer.startswith(b"HTTP/1.1 411 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert server.requests == []


@pytest.mark.parametrize(
    "lines", ["Content-Length: 30", "content-length:30 ", "CONTENT-LENGTH:\t000000030\t"]
)
def test_a_length_in_the_ways_that_http_has_is_taken(lines):
    with LocalServer() as server:
        answer = exchange(server, f"{POSTED}{lines}\r\n\r\n".encode() + BODY)

    assert answer.startswith(b"HTTP/1.1 202 ")


def test_who_sends_much_after_a_bad_head_gets_the_answer_and_no_reset():
    with LocalServer() as server:
        head = f"{POSTED}Content-Length: -1\r\n\r\n".encode()
        answer = exchange(server, head + b"x" * 500_000)

    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.fixture(scope="module")
def lasting():
    with LocalServer() as server:
        yield server


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_no_head_makes_a_traceback(lasting, name, value):
    with contextlib.redirect_stderr(io.StringIO()) as told:
        exchange(lasting, POSTED.encode() + name + b": " + value + b"\r\n\r\n" + BODY)

    assert told.getvalue() == ""
