"""Scenarios 1 to 12 in the background: connections that fail, break, hang, or are not trusted."""

import re
import socket
import threading
import time

import fault_server as faults
import pytest
import requests
from fault_server import AUTHORITY, CERTIFICATES, FakeTime, FaultServer, status
from scenarios import KEY, SECRET, SLACK, batch, batches, eventually, invariants, scenario

from mpfluent import (
    DeadlineAdapter,
    Request,
    RequestsTransport,
    Retry,
    ThreadedDispatcher,
    TransportError,
)
from mpfluent.testing import (
    LocalServer,
    close_after_read,
    close_idle_after,
    drip,
    hang,
    never_read,
    ok,
    partial_answer,
    reset_after_read,
    reset_before_read,
    reset_mid_request,
)

LONG = 60  # seconds that nothing takes, since something else ends it
TOGETHER = {"flush_interval": LONG}  # what is sent travels together as soon as it is flushed
ONCE = Retry(max_attempts=1)


class Refusing:
    """A port that is held, and refuses connections until a server listens on it."""

    def __init__(self):
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.port = self._held.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = None

    def listen(self, *script):
        self._server = LocalServer(api_key=KEY, api_secret=SECRET, port=self.port)
        self._server.script(*script)
        return self._server

    @property
    def requests(self):
        return [] if self._server is None else self._server.requests

    def close(self):
        self._held.close()


@pytest.fixture
def refusing():
    port = Refusing()
    yield port
    port.close()


class Timed(RequestsTransport):
    """Knows how long each attempt took."""

    def __init__(self, **options):
        super().__init__(**options)
        self.took = []

    def send(self, request):
        began = time.monotonic()
        try:
            return super().send(request)
        finally:
            self.took.append(time.monotonic() - began)


def on(clock, **options):
    """Return a dispatcher on a clock that moves only when a worker waits."""
    return ThreadedDispatcher(
        clock=clock.monotonic, wall=clock.wall, sleep=clock.sleep, **{**TOGETHER, **options}
    )


def causes(error):
    """Return the names of the errors that an error was made of."""
    found = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__ or getattr(error, "reason", None)
        if not isinstance(error, BaseException):
            error = None
    return [type(one).__name__ for one in found]


def large(number):
    """Return a batch of some 80 kB, so that three of them fill a request."""
    made = batch(number)
    for _ in range(20):
        made = made.event("Read", {"text": "x" * 4_000})
    return made


# 1


def test_a_refused_connection_is_tried_again_until_somebody_listens(refusing):
    retry = Retry(base=0.1, max_elapsed=5, random=lambda: 0.5)
    with scenario(server=refusing, retry=retry) as one:
        listens_at = time.monotonic() + 1
        one.send(*batches(3))
        assert eventually(lambda: one.client.stats.retries and time.monotonic() >= listens_at)
        assert one.states == ["pending"] * 3
        with refusing.listen() as server:
            assert one.timed(lambda: one.client.flush(5), 5) is True
            assert one.states == ["delivered"] * 3
            assert len(server.unique_ids) == 3
            assert server.duplicates == []


# 2


def test_a_connection_that_is_reset_before_the_request_is_read_is_opened_anew():
    with scenario(reset_before_read(), **TOGETHER) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["delivered"] * 3
        assert one.client.stats.retries == 1
        assert [request.connection for request in one.server.requests] == [2]
        assert len(one.server.unique_ids) == 3
        assert one.server.duplicates == []


# 3


@pytest.mark.parametrize("bytes_read", [1, 100, 700], ids=["line", "head", "body"])
def test_a_request_that_breaks_off_is_sent_again_and_comes_complete_once(bytes_read):
    with scenario(reset_mid_request(bytes_read), **TOGETHER) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["delivered"] * 3
        assert one.client.stats.retries == 1
        assert [len(request.batch_ids) for request in one.server.requests] == [3]
        assert len(one.server.requests[0].body) > 700
        assert one.server.duplicates == []


# 4


def test_a_lost_answer_is_sent_again_with_the_same_bytes_and_counts_once():
    with scenario(reset_after_read(), **TOGETHER) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["delivered"] * 3
        first, second = one.server.requests
        assert first.body == second.body
        assert first.batch_ids == second.batch_ids
        assert one.server.duplicates == list(first.batch_ids)
        assert len(one.server.batches) == 3
        assert [len(one.server.attempts(each)) for each in first.batch_ids] == [2, 2, 2]
        assert one.client.stats.retries == 1


# 5


@pytest.mark.parametrize(
    ("script", "connections", "duplicates"),
    [
        ([close_idle_after(0.02)], [1, 2], 0),
        ([ok(), close_after_read()], [1, 1, 2], 0),
        ([ok(), reset_before_read()], [1, 2], 0),
        ([ok(), reset_after_read()], [1, 1, 2], 2),
    ],
    ids=["closed while idle", "closed", "reset before reading", "reset after reading"],
)
def test_a_kept_connection_that_went_stale_costs_no_attempt_and_no_wait(
    script, connections, duplicates
):
    with scenario(*script, retry=ONCE, **TOGETHER) as one:
        assert one.send_and_flush(batch(1)) is True
        if len(script) == 1:
            assert eventually(lambda: "LocalServer connection" not in threads())
        assert one.send_and_flush(batch(2), batch(3), limit=0.5) is True
        assert one.states == ["delivered"] * 3
        assert one.client.stats.retries == 0
        assert [request.connection for request in one.server.requests] == connections
        assert len({request.body for request in one.server.requests}) == 2
        assert len(one.server.unique_ids) == 3
        assert len(one.server.duplicates) == duplicates


def test_a_kept_connection_that_went_stale_is_replaced_only_once():
    """The second one is new, so that its end is an attempt that failed."""
    with scenario(ok(), close_after_read(), close_after_read(), **TOGETHER) as one:
        assert one.send_and_flush(batch(1)) is True
        assert one.send_and_flush(batch(2), batch(3)) is True
        assert one.states == ["delivered"] * 3
        assert one.client.stats.retries == 1
        assert [request.connection for request in one.server.requests] == [1, 1, 2, 3]


def threads():
    return [thread.name for thread in threading.enumerate()]


# 6


def test_an_accepting_status_counts_though_the_body_breaks_off():
    with scenario(partial_answer(10), **TOGETHER) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["delivered"] * 3
        assert one.client.stats.retries == 0
        assert one.send_and_flush(batch(4)) is True
        assert [request.connection for request in one.server.requests] == [1, 2]
        assert one.server.duplicates == []


def test_a_status_that_can_pass_is_tried_again_though_the_body_breaks_off():
    with scenario(partial_answer(10, status_code=500), **TOGETHER) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["delivered"] * 3
        assert one.client.stats.retries == 1
        assert [request.connection for request in one.server.requests] == [1, 2]
        assert one.server.duplicates == []


# 7


def test_an_answer_that_drips_is_left_at_the_deadline_and_asked_for_again():
    transport = Timed(timeout=(1, 1), deadline=2)
    retry = Retry(base=0.1, max_elapsed=5)
    with scenario(drip(2), transport=transport, retry=retry, **TOGETHER) as one:
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["delivered"] * 3
        assert 2 <= transport.took[0] <= 2 + SLACK
        assert one.client.stats.retries == len(transport.took) - 1 == 1
        assert [request.connection for request in one.server.requests] == [1, 2]
        assert len(one.server.duplicates) == 3


# 8


def test_a_large_body_that_nobody_reads_is_left_at_the_deadline():
    with invariants(list), LocalServer() as server:
        server.script(never_read())
        transport = Timed(timeout=(1, LONG), deadline=0.5)
        request = Request(server.url + "/v2/events", b"x" * 5_000_000, {})
        with pytest.raises(TransportError, match=r"the deadline of 0\.5 s passed$"):
            transport.send(request)
        transport.close()

        assert 0.5 <= transport.took[0] <= 0.5 + SLACK
        assert server.requests == []


class SmallBuffers(DeadlineAdapter):
    """Lets a connection hold so little that writing blocks as soon as nobody reads."""

    def init_poolmanager(self, *args, **options):
        small = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)]
        super().init_poolmanager(*args, socket_options=small, **options)


def test_batches_that_nobody_reads_are_sent_again_after_the_deadline():
    with requests.Session() as session:
        session.mount("http://", SmallBuffers())
        transport = Timed(session=session, timeout=(1, LONG), deadline=0.5)
        with scenario(never_read(), transport=transport, **TOGETHER) as one, session:
            assert one.send_and_flush(*map(large, range(3))) is True
            assert one.states == ["delivered"] * 3
            assert 0.5 <= transport.took[0] <= 0.5 + SLACK
            assert one.client.stats.retries == 1
            assert [len(request.batch_ids) for request in one.server.requests] == [3]


# 9


def test_flush_gives_up_in_time_while_the_server_hangs_and_nothing_is_dropped():
    transport = RequestsTransport(timeout=(1, 1.5))
    with scenario(hang(30), transport=transport, **TOGETHER) as one:
        assert one.send_and_flush(*batches(3), limit=1) is False
        assert one.client.stats[:4] == (3, 0, 0, 3)
        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert one.states == ["delivered"] * 3
        assert one.failed == []
        assert one.client.stats.retries == 1
        first, second = one.server.requests
        assert first.body == second.body
        assert first.connection != second.connection
        assert one.server.duplicates == []


# 10


def test_a_name_that_is_not_known_is_looked_up_until_the_time_is_over(monkeypatch):
    looked_up = []
    look_up = socket.getaddrinfo

    def unknown(host, *rest):
        if host == "127.0.0.1":  # the local server's own
            return look_up(host, *rest)
        looked_up.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    clock = FakeTime()
    with scenario(url="https://host.invalid", dispatcher=on(clock)) as one:
        one.send(*batches(3))
        one.client.flush(LONG)
        assert one.states == ["failed"] * 3
        assert one.reasons == {"retries_exhausted": 3}
        assert set(looked_up) == {"host.invalid"}
        assert len(looked_up) == one.client.stats.retries + 1 > 3
        assert 0 < sum(clock.waits) <= 5
        _, error = one.failed[0]
        assert isinstance(error, TransportError)
        assert re.fullmatch(
            r"no answer from https://host\.invalid: its name is not known "
            rf"\(Name or service not known\) \({len(looked_up)} attempts in \d\.\d s\)",
            str(error),
        )
        assert "gaierror" in causes(error)


# 11


@pytest.mark.parametrize(
    ("certificate", "verify", "name", "why"),
    [
        ("expired.pem", AUTHORITY, "127.0.0.1", "has expired"),
        ("localhost.pem", True, "127.0.0.1", "is not trusted"),
        ("localhost.pem", AUTHORITY, "another.invalid", "is for another name"),
    ],
    ids=["expired", "unknown authority", "another name"],
)
def test_a_certificate_that_is_not_to_be_trusted_fails_after_one_attempt(
    monkeypatch, certificate, verify, name, why
):
    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *rest: look_up("127.0.0.1", *rest))
    with FaultServer(certificate=certificate) as server:
        url = server.url.replace("127.0.0.1", name)
        transport = RequestsTransport(verify=verify)
        with scenario(server=server, url=url, transport=transport, **TOGETHER) as one:
            assert one.send_and_flush(*batches(3)) is True
            assert one.states == ["failed"] * 3
            assert one.reasons == {"transport_error": 3}
            (text,) = {str(error) for _, error in one.failed}
            assert text.startswith(f"no answer from {url}: its certificate {why}")
            assert one.client.stats.retries == 0
            assert server.connections == 1
            assert server.requests == []


def test_batches_are_delivered_where_the_certificate_is_trusted():
    certificate = CERTIFICATES / "localhost.pem"
    transport = RequestsTransport(verify=AUTHORITY)
    with LocalServer(api_key=KEY, api_secret=SECRET, certificate=certificate) as server:
        server.script(reset_after_read())
        with scenario(server=server, transport=transport, **TOGETHER) as one:
            assert one.send_and_flush(*batches(3)) is True
            assert one.states == ["delivered"] * 3
            assert len(server.duplicates) == 3
            assert one.client.stats.retries == 1


# 12


NOWHERE = "127.0.0.1:1"  # where only a proxy could lead


class Proxied:
    """What a scenario takes for its server, where a proxy is asked for tunnels, not batches."""

    url = f"https://{NOWHERE}"
    requests = ()


def test_a_proxy_that_wants_a_password_for_a_tunnel_is_final():
    with FaultServer(status(407)) as proxy:
        transport = RequestsTransport(proxies={"https": proxy.url})
        with scenario(server=Proxied, transport=transport, **TOGETHER) as one:
            assert one.send_and_flush(*batches(3)) is True
            assert one.states == ["failed"] * 3
            assert one.reasons == {"transport_error": 3}
            assert {str(error) for _, error in one.failed} == {
                f"no answer from https://{NOWHERE}: the proxy refused with 407"
            }
            assert one.client.stats.retries == 0
            assert [request.method for request in proxy.requests] == ["CONNECT"]
            assert "authorization" not in proxy.requests[0].headers


def test_a_proxy_that_wants_a_password_is_final():
    with LocalServer() as proxy:
        proxy.script(407)
        transport = RequestsTransport(proxies={"http": proxy.url})
        with scenario(
            server=proxy, url=f"http://{NOWHERE}", transport=transport, **TOGETHER
        ) as one:
            assert one.send_and_flush(*batches(3)) is True
            assert one.reasons == {"rejected": 3}
            assert {error.status_code for _, error in one.failed} == {407}
            assert one.client.stats.retries == 0
            assert [request.method for request in proxy.requests] == ["POST"]


def test_a_proxy_that_is_not_there_is_tried_again_until_it_is(refusing):
    transport = RequestsTransport(proxies={"http": refusing.url})
    retry = Retry(base=0.1, max_elapsed=5, random=lambda: 0.5)
    with scenario(
        server=refusing, url=f"http://{NOWHERE}", transport=transport, retry=retry
    ) as one:
        one.send(*batches(3))
        assert eventually(lambda: one.client.stats.retries >= 2)
        assert one.states == ["pending"] * 3
        with refusing.listen(ok(), ok(), ok()) as proxy:
            assert one.timed(lambda: one.client.flush(5), 5) is True
            assert one.states == ["delivered"] * 3
            assert {request.path for request in proxy.requests} <= {
                f"http://{NOWHERE}/v2/{end}" for end in ("events", "bulkevents")
            }


def test_a_proxy_that_is_never_there_is_tried_until_the_time_is_over(refusing):
    clock = FakeTime()
    transport = RequestsTransport(proxies={"https": refusing.url})
    with scenario(server=Proxied, transport=transport, dispatcher=on(clock)) as one:
        one.send(*batches(3))
        one.client.flush(LONG)
        assert one.reasons == {"retries_exhausted": 3}
        assert {"the proxy did not answer" in str(error) for _, error in one.failed} == {True}
        assert one.client.stats.retries >= 3
        assert 0 < sum(clock.waits) <= 5


def test_a_proxy_that_is_busy_is_asked_again_and_never_sees_the_credentials():
    certificate = CERTIFICATES / "localhost.pem"
    with (
        FaultServer(status(503), faults.tunnel) as proxy,
        LocalServer(api_key=KEY, api_secret=SECRET, certificate=certificate) as server,
    ):
        transport = RequestsTransport(proxies={"https": proxy.url}, verify=AUTHORITY)
        with scenario(server=server, transport=transport, **TOGETHER) as one:
            assert one.send_and_flush(*batches(3)) is True
            assert one.states == ["delivered"] * 3
            assert one.client.stats.retries == 1
            assert [request.method for request in proxy.requests] == ["CONNECT"] * 2
            assert {"authorization" in request.headers for request in proxy.requests} == {False}


def test_no_proxy_is_honoured(monkeypatch, refusing):
    monkeypatch.setenv("HTTPS_PROXY", refusing.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    certificate = CERTIFICATES / "localhost.pem"
    with (
        LocalServer(api_key=KEY, api_secret=SECRET, certificate=certificate) as server,
        scenario(server=server, transport=RequestsTransport(verify=AUTHORITY), **TOGETHER) as one,
    ):
        assert one.send_and_flush(*batches(3)) is True
        assert one.states == ["delivered"] * 3
        assert one.client.stats.retries == 0
        assert [request.path for request in one.server.requests] == ["/v2/bulkevents"]
