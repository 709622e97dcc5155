"""What the transport makes of statuses, throttling, sessions of the user's, and arguments."""

import gc
import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
from email.utils import formatdate

import fault_server as faults
import pytest
import requests
from fault_server import AUTHORITY, FakeTime, FaultServer, status
from slow_answers import BATCH, DRIPS, SOON, client_of, numbered, quick

from mpfluent import (
    ApiError,
    Batch,
    ConfigurationError,
    DeadlineAdapter,
    DeliveryError,
    Request,
    RequestsTransport,
    Retry,
    TransportError,
)
from mpfluent.testing import LocalServer, reset_after_read
from mpfluent.testing import status as refusal
from mpfluent.testing.api_rules import Judgement


@pytest.fixture
def clock():
    return FakeTime()


# Proxies


@pytest.fixture
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


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
        (
            b'{"errors":[{"message":"' + b"x" * 9000 + b'"}]}',
            "400 Bad Request: " + "x" * 499 + "…",
            None,
        ),
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
    session.mount("http://", DeadlineAdapter())
    with FaultServer(faults.drip(DRIPS["header"])) as server:
        transport = RequestsTransport(session=session, deadline=0.3)
        with pytest.raises(TransportError, match=r"the deadline of 0.3 s passed"):
            transport.send(Request(server.url, b"{}", {}))
    session.close()


def test_the_adapter_alone_is_an_ordinary_one():
    session = requests.Session()
    session.mount("http://", DeadlineAdapter())
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
        held = [client._counters.lock, sender.gate._lock, sender._transport._lock]
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
