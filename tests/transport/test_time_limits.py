"""An exception that a signal handler raises in the midst of sending: a time limit of the caller's.

The signals are real. Each comes when the transport has come as far as the test says.
"""

import functools
import gc
import os
import signal
import socket
import ssl
import threading
import traceback

import fault_server as faults
import pytest
import requests
import urllib3
from fault_server import AUTHORITY, FaultServer, status

from mpfluent import (
    Batch,
    Client,
    Configuration,
    DeadlineAdapter,
    DeliveryError,
    EventsApi,
    FileTransport,
    FunctionTransport,
    PrintingTransport,
    RecordingTransport,
    RequestsTransport,
    Retry,
    ThreadedDispatcher,
    TransportError,
)
from mpfluent.testing import LocalServer

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no such signals here")

BATCH = Batch.for_user(customer_id="1").event("Searched")


class JobTimeout(Exception):
    """As RQ's JobTimeoutException and Celery's SoftTimeLimitExceeded are."""


class OwnTimeout(TimeoutError):
    """As some people's are, for it is what they wait for."""


KINDS = [
    JobTimeout,
    RuntimeError,
    ValueError,
    AssertionError,  # as timeout_decorator's is
    KeyboardInterrupt,
    SystemExit,
    OwnTimeout,
    TimeoutError,
    socket.timeout,
    ConnectionResetError,
    OSError,
    UnicodeError,
    ssl.SSLError,
    requests.Timeout,
    requests.ConnectionError,
    urllib3.exceptions.HTTPError,
]


@pytest.fixture
def handled():
    """Install handlers of signals; the old ones come back."""
    before = signal.getsignal(signal.SIGUSR1)
    # of hypothesis: what a handler raises in one of these, Python hands on to nobody
    callbacks, gc.callbacks[:] = gc.callbacks[:], []

    def install(handler):
        signal.signal(signal.SIGUSR1, handler)

    yield install
    gc.callbacks[:] = callbacks
    signal.signal(signal.SIGUSR1, before)


def raising(error):
    def time_is_up(number, frame):
        raise error

    return time_is_up


def limit(*_, **__):
    """Let the time be up, now, in the main thread."""
    os.kill(os.getpid(), signal.SIGUSR1)


def client_of(server, **options):
    url = server if isinstance(server, str) else server.url
    return Client("key", "secret", environment="development", host=url, **options)


def then(action, *, before=b""):
    """Let the time be up in the midst of an answer, of which something has come."""

    def act(peer):
        peer.read()
        peer.sock.sendall(before)
        limit()
        peer.server.stopping.wait(30)
        raise ConnectionError

    return act


MIDST = {
    "nothing": b"",
    "status": b"HTTP/1.1 202 Acc",
    "headers": b"HTTP/1.1 202 Accepted\r\nX-A: b\r\n",
    "informed": b"HTTP/1.1 103 Hints\r\n\r\n",
    "body": b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nabc",
    "chunk": b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("so_far", MIDST)
def test_what_a_signal_handler_raises_leaves_send_when_all_is_settled(handled, kind, so_far):
    error = kind("time is up")
    handled(raising(error))
    failures = []
    with FaultServer(then(limit, before=MIDST[so_far]), status(400)) as server:
        client = client_of(server, on_failed=lambda batch, why: failures.append(why))
        with pytest.raises(kind) as raised:
            client.send(BATCH, BATCH)
        assert client.stats[:4] == (2, 0, 2, 0)
        with pytest.raises(DeliveryError, match="400"):  # which is this one's own answer
            client.send(BATCH)
        client.close()

    assert raised.value is error
    assert raised.value.args == ("time is up",)
    assert [str(one) for one in failures[:2]] == [f"sending was broken off by {kind.__name__}"] * 2
    assert server.connections == 2


def signals(name, monkeypatch):
    """Let the time be up in a step of connecting."""
    if name == "look-up":
        monkeypatch.setattr(socket, "getaddrinfo", limit)
    elif name == "connect":
        monkeypatch.setattr(urllib3.util.connection, "create_connection", limit)
    elif name == "write":
        monkeypatch.setattr("http.client.HTTPConnection.send", limit)
    elif name == "handshake":
        monkeypatch.setattr("urllib3.connection.ssl_wrap_socket", limit)
    elif name == "certificates":
        monkeypatch.setattr(requests.Session, "merge_environment_settings", limit)
    elif name == "adapter":
        monkeypatch.setattr(requests.Session, "get_adapter", limit)
    elif name == "prepare":
        monkeypatch.setattr(requests.Session, "prepare_request", limit)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "step", ["look-up", "connect", "write", "handshake", "certificates", "adapter", "prepare"]
)
def test_it_leaves_each_step_of_connecting(handled, monkeypatch, kind, step):
    error = kind("time is up")
    handled(raising(error))
    with FaultServer(certificate="localhost.pem") as server:
        client = client_of(server, transport=RequestsTransport(verify=AUTHORITY))
        with monkeypatch.context() as patch:
            signals(step, patch)
            with pytest.raises(kind) as raised:
                client.send(BATCH)
        assert client.stats[:4] == (1, 0, 1, 0)
        assert client.send(BATCH).state == "delivered"
        client.close()

    assert raised.value is error


@pytest.mark.parametrize("kind", [JobTimeout, TimeoutError])
def test_it_leaves_the_tunnel_through_a_proxy(handled, kind):
    handled(raising(kind("time is up")))
    with FaultServer(then(limit)) as proxy:
        transport = RequestsTransport(proxies={"https": proxy.url})
        client = client_of("https://127.0.0.1:1", transport=transport)
        with pytest.raises(kind, match="time is up"):
            client.send(BATCH)

        assert client.stats[:4] == (1, 0, 1, 0)


@pytest.mark.parametrize("kind", [JobTimeout, TimeoutError, ConnectionResetError])
def test_it_leaves_a_kept_connection_and_is_no_stale_one(handled, kind):
    handled(raising(kind("time is up")))
    with FaultServer(status(202), then(limit)) as server, client_of(server) as client:
        client.send(BATCH)
        with pytest.raises(kind):
            client.send(BATCH)

        assert len(server.requests) == 2


@pytest.mark.parametrize("kind", [JobTimeout, TimeoutError])
def test_it_leaves_the_wait_between_two_attempts(handled, kind):
    handled(raising(kind("time is up")))

    def refuse(peer):
        peer.read()
        peer.answer(503, {"Retry-After": "60"})
        peer.server.stopping.wait(0.2)
        limit()

    with FaultServer(refuse) as server:
        client = client_of(server, retry=Retry(max_elapsed=100))
        with pytest.raises(kind):
            client.send(BATCH)

        assert client.stats[:4] == (1, 0, 1, 0)


def methods():
    class Limits:
        def method(self, number, frame):
            raise TimeoutError("time is up")

        def __call__(self, number, frame):
            self.method(number, frame)

    def with_more(reason, number, frame):
        raise TimeoutError(reason)

    @functools.wraps(with_more)
    def wrapped(*arguments):
        with_more("time is up", *arguments)

    return {
        "method": Limits().method,
        "object": Limits(),
        "partial": functools.partial(with_more, "time is up"),
        "wrapped": wrapped,
        "lambda": lambda *arguments: with_more("time is up", *arguments),
    }


@pytest.mark.parametrize("handler", methods().values(), ids=methods())
def test_a_timeout_error_is_the_handlers_whatever_kind_of_function_it_is(handled, handler):
    handled(handler)
    with FaultServer(then(limit)) as server, client_of(server) as client:
        with pytest.raises(TimeoutError, match=r"^time is up$"):
            client.send(BATCH)

        assert client.stats[:4] == (1, 0, 1, 0)


def test_a_timeout_of_the_network_stays_no_answer_while_handlers_are_in_force(handled):
    handled(raising(TimeoutError("never")))
    transport = RequestsTransport(timeout=(5, 0.1))
    retry = Retry(max_attempts=1)
    with (
        FaultServer(faults.hang, faults.rst_after_read) as server,
        client_of(server, transport=transport, retry=retry) as client,
    ):
        with pytest.raises(TransportError, match=r"nothing came for 0\.1 s"):
            client.send(BATCH)
        with pytest.raises(TransportError, match="ConnectionResetError"):
            client.send(BATCH)


@pytest.mark.parametrize("adapter", [None, DeadlineAdapter])
@pytest.mark.parametrize("kind", [JobTimeout, TimeoutError])
def test_it_leaves_a_session_of_the_users(handled, kind, adapter):
    handled(raising(kind("time is up")))
    session = requests.Session()
    if adapter is not None:
        session.mount("http://", adapter())
    with (
        FaultServer(then(limit)) as server,
        client_of(server, transport=RequestsTransport(session=session)) as client,
    ):
        with pytest.raises(kind):
            client.send(BATCH)
        assert client.send(BATCH).state == "delivered"
    session.close()


def test_send_all_ends_with_it(handled):
    handled(raising(JobTimeout("time is up")))
    read = []

    def everybody():
        for number in range(1000):
            read.append(number)
            yield Batch.for_user(customer_id=str(number)).event("Searched")

    with FaultServer(status(202), then(limit)) as server, client_of(server) as client:
        with pytest.raises(JobTimeout):
            client.send_all(everybody())
        stats = client.stats

    assert stats.delivered == 100
    assert stats.submitted == stats.delivered + stats.failed == 200
    assert len(read) < 1000


def test_upload_events_ends_with_it(handled):
    handled(raising(JobTimeout("time is up")))
    with FaultServer(then(limit)) as server:
        api = EventsApi(
            Configuration(
                api_key="key", api_secret="secret", environment="development", host=server.url
            )
        )
        with pytest.raises(JobTimeout):
            api.upload_events(BATCH)
        api.close()


# The other transports that are shipped


class Slow:
    """A file in whose midst the time is up."""

    encoding = "utf-8"

    def write(self, text):
        limit()

    def flush(self):
        pass


@pytest.mark.parametrize("kind", [JobTimeout, ValueError, TimeoutError, OSError])
def test_it_leaves_the_other_transports_too(handled, monkeypatch, tmp_path, kind):
    handled(raising(kind("time is up")))
    monkeypatch.setattr("mpfluent.testing.recording._response", limit)
    monkeypatch.setattr("builtins.open", limit)
    for transport in (
        RecordingTransport(),
        PrintingTransport(file=Slow()),
        FileTransport(tmp_path / "batches.jsonl"),
    ):
        client = client_of("https://example.com", transport=transport)
        with pytest.raises(kind, match="time is up"):
            client.send(BATCH)

        assert client.stats[:4] == (1, 0, 1, 0)


@pytest.mark.parametrize("kind", [JobTimeout, TimeoutError])
def test_it_leaves_a_transport_that_passes_on(handled, kind, capsys):
    handled(raising(kind("time is up")))
    with (
        FaultServer(then(limit)) as server,
        client_of(server, transport=PrintingTransport(RequestsTransport())) as client,
        pytest.raises(kind),
    ):
        client.send(BATCH)


def test_in_a_transport_of_somebody_elses_it_cannot_be_told_from_that_ones(handled):
    handled(raising(JobTimeout("time is up")))
    for transport in (FunctionTransport(limit), PrintingTransport(FunctionTransport(limit))):
        client = client_of("https://example.com", transport=transport)
        with pytest.raises(
            TransportError, match=r"^the transport FunctionTransport raised JobTimeout$"
        ) as raised:
            client.send(BATCH)

        assert isinstance(raised.value.__cause__, JobTimeout)
        assert client.stats[:4] == (1, 0, 1, 0)


def test_a_subclass_that_sends_in_its_own_way_is_somebody_elses():
    class Broken(RequestsTransport):
        def send(self, request):
            raise KeyError("a mistake")

    class Named(RequestsTransport):
        pass

    client = client_of("https://example.com", transport=Broken())
    with pytest.raises(TransportError, match=r"^the transport Broken raised KeyError$"):
        client.send(BATCH)
    with LocalServer() as server, client_of(server, transport=Named()) as client:
        assert client.send(BATCH).state == "delivered"


def test_in_a_hook_it_stays_and_is_counted(handled, caplog):
    handled(raising(JobTimeout("time is up")))
    client = client_of("https://example.com", transport=RecordingTransport(), on_delivered=limit)
    assert client.send(BATCH).state == "delivered"
    assert client.stats.hook_errors == 1


# Secrets


@pytest.mark.parametrize("kind", [JobTimeout, TimeoutError])
@pytest.mark.parametrize("so_far", MIDST)
def test_it_takes_no_frame_with_the_credentials_along(handled, kind, so_far):
    handled(raising(kind("time is up")))
    with FaultServer(then(limit, before=MIDST[so_far])) as server:
        client = client_of(server)
        with pytest.raises(kind) as raised:
            client.send(BATCH)
        client.close()

    shown = []
    one = raised.value
    while one is not None:
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if frame.f_code.co_filename != __file__:
                shown += [repr(value) for value in frame.f_locals.values()]
        one = one.__cause__ or one.__context__
    assert not [text for text in shown if "a2V5OnNlY3JldA" in text]  # key:secret


# In the background, on the caller's thread


@pytest.fixture
def hanging():
    """A transport that does not answer before the test is over."""
    over = threading.Event()
    yield FunctionTransport(lambda request: over.wait(30) and 202)
    over.set()


def interrupted(call, *arguments):
    """Call this; the time is up while it waits."""
    timer = threading.Timer(0.05, limit)
    timer.daemon = True
    timer.start()
    call(*arguments)


@pytest.mark.parametrize("kind", [JobTimeout, TimeoutError, KeyboardInterrupt])
@pytest.mark.parametrize(
    "wait",
    [
        lambda client, delivery: delivery.wait(30),
        lambda client, delivery: delivery.result(30),
        lambda client, delivery: client.flush(30),
        lambda client, delivery: client.close(30),
        lambda client, delivery: client.send_all([BATCH] * 1000),
        lambda client, delivery: client.send(*[BATCH] * 9),
    ],
    ids=["wait", "result", "flush", "close", "send_all", "room"],
)
def test_it_leaves_what_waits_for_the_background(handled, hanging, kind, wait):
    error = kind("time is up")
    handled(raising(error))
    dispatcher = ThreadedDispatcher(max_queue=2, block_timeout=30, flush_interval=0)
    client = client_of("https://example.com", transport=hanging, dispatcher=dispatcher)
    delivery = client.send(BATCH)
    with pytest.raises(kind) as raised:
        interrupted(wait, client, delivery)

    assert raised.value is error
    stats = client.stats
    assert stats.submitted == stats.delivered + stats.failed + stats.pending
    client.close(0)
    assert client.stats.pending == 0


def test_what_send_all_has_read_does_not_hold_up_a_time_limit(handled):
    error = JobTimeout("time is up")
    handled(raising(error))
    transport = RecordingTransport()
    client = client_of("https://example.com", transport=transport)

    def batches():
        yield BATCH
        limit()
        yield BATCH

    with pytest.raises(JobTimeout) as raised:
        client.send_all(batches())

    assert raised.value is error
    assert raised.value.report.submitted == len(transport.requests) == 0
