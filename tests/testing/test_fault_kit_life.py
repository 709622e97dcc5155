"""The fault kit's server begins, ends, refuses wrong arguments, and runs as a program."""

import contextlib
import gc
import inspect
import os
import socket
import threading
import time

import pytest
from fault_server import AUTHORITY
from sockets import (
    LOCALHOST,
    LONG,
    SOON,
    briefly,
    connection_to,
    exchange_once,
    port_of,
    read,
    request_of,
    until,
)

from mpfluent import (
    ConfigurationError,
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


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture(params=[None, LOCALHOST], ids=["http", "https"])
def either(request):
    """A server with and one without TLS."""
    with LocalServer(certificate=request.param) as server:
        yield server


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
        *("api_key", "api_secret", "port", "delay", "certificate", "strict"),
        *("rate_limit", "data_plan", "max_events", "bind", "token"),
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
