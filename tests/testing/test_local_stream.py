"""The stream of the local server: rows as they come, and nobody who is held up by it."""

import socket

import pytest
import requests
from local_servers import LocalServer, Stream, answered, batch, event, post

from mpfluent.testing import reset_after_read, reset_before_read


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


def test_rows_come_while_it_is_open(server):
    post(server, batch(event("a"), source_request_id="b-1"))
    with Stream(server) as stream:
        first = stream.rows(1)
        post(server, [batch(event("b")), batch()])
        post(server, b"{")
        rows = first + stream.rows(3)

    assert [(row["id"], row["kind"], row["verdict"], row["request"]) for row in rows] == [
        (1, "event", "ok", 1),
        (2, "event", "ok", 2),
        (3, "batch", "ok", 2),
        (4, "refused", "refused", 3),
    ]
    assert stream.last_id == "4"
    assert rows[0].items() >= answered(server, "events")["events"][0].items()
    assert rows[0]["size"] == len(
        '{"event_type":"custom_event","data":{"event_name":"a","custom_event_type":"search"}}'
    )
    assert (rows[2]["index"], rows[2]["event_type"], rows[2]["name"], rows[2]["data"]) == (
        *(None, None, None),
        {},
    )


@pytest.mark.parametrize(
    ("query", "headers"), [("?after=2", {}), ("", {"Last-Event-ID": "2"}), ("?after=1", None)]
)
def test_it_goes_on_from_where_it_was(server, query, headers):
    post(server, batch(*map(event, "abcd")))
    headers = {"Last-Event-ID": "2"} if headers is None else headers
    with Stream(server, query, headers=headers) as stream:
        assert [row["name"] for row in stream.rows(2)] == ["c", "d"]


def test_a_place_of_a_server_that_ran_before_is_the_beginning(server):
    post(server, batch(event("a")))
    with Stream(server, "?after=1000") as stream:
        assert [row["name"] for row in stream.rows(1)] == ["a"]


def test_a_message_has_at_most_500_rows(server):
    post(server, [batch(*[event()] * 12)] * 100)
    with Stream(server) as stream:
        sizes = [len(stream.next("rows")["rows"]) for _ in range(3)]

    assert sizes == [500, 500, 200]


def test_verdicts_stand_in_the_rows(server):
    post(server, batch(event("odd", custom_flags={"a": [1]}), event(), source_request_id="b-1"))
    post(server, batch(event("odd"), event(), source_request_id="b-1"))
    with Stream(server) as stream:
        rows = stream.rows(4)

    assert [row["verdict"] for row in rows] == ["problem", "ok", "duplicate", "duplicate"]


def test_counts_come_first_and_when_they_change(server):
    with Stream(server) as stream:
        assert stream.next("counts") == answered(server, "counts")
        post(server, batch(event()))
        assert stream.next("counts")["events"] == 1


def test_counts_come_first_and_name_the_server_and_the_faults_that_wait(server):
    post(server, batch(event("a")))
    with Stream(server) as stream:
        name, counts = stream.message()
        assert (name, counts["faults"]) == ("counts", 0)
        server.script(503, 503)
        again = stream.next("counts")

    assert again == {**counts, "faults": 2, "rate": again["rate"]}


def test_clearing_is_told(server):
    post(server, batch(event("a")))
    with Stream(server) as stream:
        stream.rows(1)
        answered(server, "events", method="DELETE")
        stream.next("cleared")
        post(server, batch(event("b")))
        assert [(row["id"], row["name"]) for row in stream.rows(1)] == [(2, "b")]


def test_what_comes_after_a_clearing_is_told_after_it(server, monkeypatch):
    store, real = server._store, server._store.entries

    def racing(*given):
        if not store.cleared:
            store.clear()
            post(server, batch(event("new")))
        return real(*given)

    post(server, batch(event("old")))
    monkeypatch.setattr(store, "entries", racing)
    seen = []
    with Stream(server) as stream:
        while ("rows", ["new"]) not in seen:
            name, data = stream.message()
            seen.append((name, [row["name"] for row in data["rows"]] if name == "rows" else None))
            if not store.cleared:
                answered(server, "events?event=old")  # asks for entries, too

    assert seen.index(("cleared", None)) < seen.index(("rows", ["new"]))


CHUNKED = b"POST /v2/events?a=b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
UNREAD = {
    "chunks": (CHUNKED, 411, "Content-Length is missing: this server takes no body in chunks"),
    "two lengths": (
        CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: 1\r\nContent-Length: 2"),
        400,
        "The headers do not say where the body ends.",
    ),
    "no HTTP": (b"no request\r\n\r\n", 400, "what came is no request of HTTP"),
    "many headers": (
        b"POST /v2/events HTTP/1.1\r\n" + b"X-A: 1\r\n" * 200 + b"\r\n",
        431,
        "431 Request Header Fields Too Large",
    ),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_request_that_cannot_be_read_is_a_row_and_takes_no_fault(server, name):
    data, status_code, message = UNREAD[name]
    server.script(503)
    with socket.create_connection(server.url[7:].split(":"), timeout=60) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").readline().split()[1] == b"%d" % status_code
    with Stream(server) as stream:
        (row,) = stream.rows(1)

    assert (row["kind"], row["status_code"], row["message"]) == ("refused", status_code, message)
    counts = answered(server, "counts")
    assert (counts["refused"], counts["faults"], server.requests) == (1, 1, [])
    path = "/v2/events" if name in ("chunks", "two lengths") else ""
    assert answered(server, "requests/1")["path"] == path


def test_who_comes_back_is_told_of_a_clearing_meanwhile(server):
    post(server, batch(event("a"), event("b")))
    answered(server, "events", method="DELETE")
    post(server, batch(event("c")))
    for after in (1, 2):
        with Stream(server, f"?after={after}") as stream:
            names = [stream.message()[0] for _ in range(3)]
        assert names == ["counts", "cleared", "rows"]
    for after in (0, 3):
        with Stream(server, f"?after={after}") as stream:
            stream.next("counts")
            post(server, batch(event("d")))
            assert stream.message()[0] == "rows"


def test_who_falls_behind_is_told_how_many_rows_are_gone():
    with LocalServer(max_events=3) as server:
        post(server, batch(*map(event, "ab")))
        with Stream(server) as stream:
            stream.rows(2)
            post(server, batch(*map(event, "cdefg")))
            assert stream.next("dropped") == {"rows": 2}
            assert [row["name"] for row in stream.rows(3)] == ["e", "f", "g"]


def test_a_fault_is_a_row(server):
    server.script(503, reset_after_read())
    post(server, batch(event("a")))
    with Stream(server) as stream:
        (row,) = stream.rows(1)

    assert (row["kind"], row["status_code"]) == ("refused", 503)
    assert row["message"] == "a fault: 503 Service Unavailable"


def test_a_stream_ends_when_the_server_stops():
    with LocalServer() as server:
        stream = Stream(server)
        stream.next("counts")
    with stream:
        assert stream.answer.read() == b""


def test_a_stream_that_is_not_read_holds_nobody_up():
    with LocalServer(max_events=200) as server, socket.socket() as sleeping:
        sleeping.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sleeping.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
        sleeping.sendall(b"GET /_mpfluent/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        large = batch(event(custom_attributes={"a": "x" * 100_000}))
        for _ in range(150):  # more than the buffers of the system take
            assert post(server, large).status_code == 202

        assert answered(server, "counts")["events"] == 150


def test_a_hundred_streams_have_every_row(server):
    streams = [Stream(server) for _ in range(100)]
    post(server, batch(*map(event, "abc")))
    found = [[row["name"] for row in stream.rows(3)] for stream in streams]
    for stream in streams:
        stream.close()

    assert found == [["a", "b", "c"]] * 100


def test_a_reader_that_goes_away_leaves_no_thread(server, capfd):
    stream = Stream(server)
    stream.next("counts")
    stream.close()
    while server._http._serving:
        post(server, batch(), headers={"Connection": "close"})

    assert capfd.readouterr().err == ""


def test_a_request_that_a_fault_did_not_read_is_a_row_and_no_request(server):
    server.script(reset_before_read())
    with pytest.raises(requests.ConnectionError):
        post(server, batch())
    post(server, batch(event("a")))
    with Stream(server) as stream:
        unread, read = stream.rows(2)

    assert (unread["kind"], unread["status_code"], unread["size"]) == ("refused", None, 0)
    assert unread["message"] == "a fault: the connection was reset without an answer"
    assert (read["name"], read["request"]) == ("a", 2)
    assert answered(server, "requests/1")["method"] == ""
    assert len(server.requests) == 1
