"""The local server that stands in for mParticle."""

import base64
import http.client
import json
import os
import socket
import threading

import pytest
import requests
from hypothesis import given
from internals import parsed
from strategies import full_events, minimal_events

from mpfluent import Batch, Client, ConfigurationError, Retry
from mpfluent.testing import LocalServer, ReceivedRequest, ok, reset_after_read, status
from mpfluent.testing.api_rules import refused
from mpfluent.testing.held_values import held
from mpfluent.testing.strategies import batches

BATCH = Batch.for_user(customer_id="1").event("Searched").with_environment("development")
GOOD = {"environment": "development", "user_identities": {"customer_id": "1"}}
NOW = 1_790_000_000_000


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture
def strict():
    with LocalServer(strict=True) as server:
        yield server


def post(server, path="/v2/events", body=GOOD, *, auth=("key", "secret"), **options):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(server.url + path, data=data, auth=auth, timeout=10, **options)


def client_of(server, **options):
    options.setdefault("retry", Retry(max_attempts=1))
    return Client("key", "secret", environment="development", host=server.url, **options)


def said(answer):
    (error,) = answer.json()["errors"]
    assert error["code"] == "BAD_REQUEST"
    return error["message"]


# Endpoints and credentials


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/events", GOOD),
        ("/v2/bulkevents", [GOOD, GOOD]),
        ("/v2/bulkevents/historical", [GOOD]),
        ("/v2/events?debug=1", GOOD),
    ],
)
def test_what_is_right_is_accepted(server, path, body):
    answer = post(server, path, body)

    assert answer.status_code == 202
    assert answer.content == b""
    assert answer.headers["X-mp-rate-limit-percentage-used"] == "1"
    assert len(server.batches) == (len(body) if isinstance(body, list) else 1)


@pytest.mark.parametrize("path", ["/", "/v2", "/v2/event", "/v2/bulkevent", "/v1/events"])
def test_an_unknown_path_is_404(server, path):
    assert post(server, path).status_code == 404
    assert server.batches == []


def test_another_method_is_405(server):
    assert requests.get(server.url + "/v2/events", timeout=10).status_code == 405


def test_no_credentials_are_401(server, monkeypatch):
    monkeypatch.setenv("NETRC", os.devnull)

    assert post(server, auth=None).status_code == 401


def basic(text):
    return "Basic " + base64.b64encode(text).decode()


@pytest.mark.parametrize(
    "header",
    [
        basic(b"key:wrong"),
        basic(b"wrong:secret"),
        basic(b"key"),
        basic(b""),
        "Basic",
        "Basic !!!",
        "Bearer " + base64.b64encode(b"key:secret").decode(),
        base64.b64encode(b"key:secret").decode(),
        "",
    ],
)
def test_wrong_credentials_are_403(server, header):
    answer = post(server, auth=None, headers={"Authorization": header})

    assert answer.status_code in ((403,) if header else (401, 403))
    assert server.batches == []


def test_other_credentials_can_be_asked_for():
    with LocalServer(api_key="mine", api_secret="other:pässword") as server:
        assert post(server, auth=("mine", "other:pässword".encode())).status_code == 202
        assert post(server).status_code == 403


def test_the_token_is_not_kept(server):
    post(server)
    token = base64.b64encode(b"key:secret").decode()
    post(server, auth=None, headers={"Authorization": token})

    assert [request.headers["authorization"] for request in server.requests] == ["Basic …", "…"]
    assert token not in repr(server.requests)


# Bodies


@pytest.mark.parametrize("body", [b"", b"{", b"no", b"\xff", b'{"a": NaN}', b"[" * 100_000])
def test_what_is_no_json_is_400(server, body):
    answer = post(server, body=body)

    assert answer.status_code == 400
    assert "not JSON" in said(answer) or "NaN" in said(answer)
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("body", [b"5", b"null", b'"batch"', b"[]", b"[{}]"])
def test_a_single_batch_is_an_object(server, body):
    assert said(post(server, body=body)) == "A batch must be an object."


@pytest.mark.parametrize("body", [b"5", b"{}", b"[]", b"null"])
def test_a_bulk_is_an_array(server, body):
    assert said(post(server, "/v2/bulkevents", body)) == "The body must be an array of batches."


def test_one_bad_batch_refuses_the_bulk(server):
    bad = {"environment": "staging"}
    answer = post(server, "/v2/bulkevents", [GOOD, bad])

    assert answer.status_code == 400
    assert "environment" in said(answer)
    assert server.batches == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"events": [{"data": {"event_name": "x"}}]},
            'Required event field "event_type" is missing or empty.',
        ),
        (
            {"events": [{"event_type": "", "data": {}}]},
            'Required event field "event_type" is missing or empty.',
        ),
    ],
)
def test_the_vendors_words_are_used(server, entry, message):
    assert said(post(server, body=entry)) == message


@pytest.mark.parametrize(
    "entry",
    [
        {"environment": "staging"},
        {"environment": 5},
        {"events": {}},
        {"events": [5]},
        {"events": [{"event_type": "nonsense", "data": {}}]},
        {"events": [{"event_type": "custom_event", "data": {}}]},
        {"events": [{"event_type": "custom_event", "data": {"event_name": "x"}}]},
        {"user_identities": {"customer": "1"}},
        {"user_identities": {"customer_id": ["1"]}},
        {"device_info": {"platform": "ios"}},
        {"ip": "nowhere"},
        {"user_attributes": {"a": {"b": 1}}},
        {"mpid": "not a number"},
        {"consent_state": {"gdpr": {"p": {"consented": True}}}},
    ],
)
def test_a_strict_server_refuses_what_the_schema_does_not_have(strict, entry):
    answer = post(strict, body=entry)

    assert answer.status_code == 400
    assert strict.requests[0].problems == (said(answer),)
    assert strict.batches == []


EVENTS = [*minimal_events(), *full_events()]


def test_every_event_type_is_in_the_list():
    assert len({event.event_type for event in EVENTS}) == 17


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event_type)
def test_every_event_type_is_accepted_and_reads_back(server, event):
    with client_of(server) as client:
        client.send(Batch.for_user(customer_id="1").add(event))

    (batch,) = server.batches
    (arrived,) = batch.events
    assert type(arrived) is type(event)
    sealed = {"timestamp_unixtime_ms": arrived.at, "source_message_id": arrived.source_message_id}
    assert arrived == event._with(sealed)


@pytest.mark.parametrize(
    ("event_type", "field"),
    [
        ("custom_event", "event_name"),
        ("screen_view", "screen_name"),
        ("session_end", "session_duration_ms"),
        ("application_state_transition", "application_transition_type"),
        ("breadcrumb", "label"),
        ("crash_report", "message"),
        ("network_performance", "url"),
        ("network_performance", "response_code"),
        ("opt_out", "is_opted_out"),
        ("push_registration", "registration_token"),
        ("push_message", "push_message_type"),
        ("profile", "profile_event_type"),
        ("user_attribute_change", "user_attribute_name"),
    ],
)
def test_a_strict_server_asks_for_what_an_event_type_needs(strict, event_type, field):
    entries = [json.loads(event.to_json()) for event in minimal_events()]
    entry = next(entry for entry in entries if entry["event_type"] == event_type)
    assert post(strict, body={"events": [entry]}).status_code == 202

    del entry["data"][field]
    answer = post(strict, body={"events": [entry]})

    assert answer.status_code == 400
    assert field in said(answer)


@given(batches())
def test_every_batch_that_can_be_made_is_accepted_strictly_and_held_whole(batch):
    entry = parsed(batch.to_json())

    assert refused(entry) is None
    assert refused(entry, strict=False) is None
    assert held(entry) == (batch, ())


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event_type)
def test_a_strict_server_refuses_a_wrong_type_in_any_event(strict, event):
    entry = json.loads(event.to_json())
    entry["data"]["timestamp_unixtime_ms"] = "yesterday"
    answer = post(strict, body={"events": [entry]})

    assert answer.status_code == 400
    assert "timestamp_unixtime_ms" in said(answer)


# Limits


def test_a_request_over_256_kB_is_413(server):
    large = dict(GOOD, user_attributes={"a": "x" * 120_000})
    whole = [large, large, {"user_attributes": {"b": ""}}]
    size = len(json.dumps(whole))
    whole[2]["user_attributes"]["b"] = "x" * (256_000 - size)

    assert len(json.dumps(whole)) == 256_000
    assert post(server, "/v2/bulkevents", whole).status_code == 202
    whole[2]["user_attributes"]["b"] += "x"
    assert post(server, "/v2/bulkevents", whole).status_code == 413
    assert len(server.batches) == 3


def test_a_batch_over_128_kB_is_400(server):
    large = dict(GOOD, user_attributes={"a": "x" * 128_000})

    assert said(post(server, body=large)) == "A batch is larger than 128000 bytes."


def test_more_than_a_hundred_batches_are_400(server):
    assert post(server, "/v2/bulkevents", [GOOD] * 100).status_code == 202
    assert said(post(server, "/v2/bulkevents", [GOOD] * 101)) == "More than 100 batches."


# The script


def test_a_script_is_one_action_a_request(server):
    server.script(503, ok(), status(429), 200)

    assert [post(server).status_code for _ in range(5)] == [503, 202, 429, 200, 202]
    assert len(server.batches) == 3


def test_a_refusal_can_have_headers_and_words(server):
    server.script(status(400, headers={"X-Why": "so"}, message="No."), status(500, body="<html>"))
    refusal, failure = post(server), post(server)

    assert refusal.headers["X-Why"] == "so"
    assert refusal.json() == {"errors": [{"code": "BAD_REQUEST", "message": "No."}]}
    assert (failure.status_code, failure.content) == (500, b"<html>")


def test_a_scripted_acceptance_takes_what_is_good(server):
    server.script(ok(), ok(200))
    post(server)
    post(server, body={"environment": "staging"})

    assert len(server.batches) == 1


def test_a_dropped_answer_counts_as_received(server, capfd):
    server.script(reset_after_read())
    with pytest.raises(requests.ConnectionError):
        post(server)
    server.stop()

    assert capfd.readouterr().err == ""
    assert len(server.batches) == 1
    assert server.requests[0].status_code is None


def test_a_throttling_server_says_so(server):
    server.throttle(2, retry_after=3, exceeded="feed")
    server.throttle(retry_after="Thu, 01 Jan 1970 00:00:30 GMT")
    server.throttle()
    answers = [post(server) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [429, 429, 429, 429, 202]
    assert [answer.headers.get("Retry-After") for answer in answers] == [
        "3",
        "3",
        "Thu, 01 Jan 1970 00:00:30 GMT",
        None,
        None,
    ]
    assert [answer.headers.get("X-mp-rate-limit-exceeded") for answer in answers] == [
        '"feed"',
        '"feed"',
        '"account"',
        '"account"',
        None,
    ]
    assert "X-mp-rate-limit-percentage-used" not in answers[0].headers


@pytest.mark.parametrize("action", ["503", None, True, (503,)])
def test_an_action_is_an_action_or_a_status(server, action):
    with pytest.raises(ConfigurationError) as raised:
        server.script(202, action)

    assert str(raised.value) == (
        f"script({action!r}): want an action or a status; "
        "write server.script(503, status(429, headers={'Retry-After': '2'}))"
    )
    assert post(server).status_code == 202


# What arrived


def test_duplicates_are_removed_by_source_request_id(server):
    first = dict(GOOD, source_request_id="one")
    post(server, body=first)
    post(server, body=first)
    post(server, "/v2/bulkevents", [first, dict(GOOD, source_request_id="two"), GOOD, GOOD])

    assert [batch.source_request_id for batch in server.batches] == ["one", "two", None, None]
    assert server.duplicates == ["one", "one"]


def test_what_was_refused_is_no_duplicate(server):
    first = dict(GOOD, source_request_id="one")
    server.script(503)
    post(server, body=first)
    post(server, body=first)

    assert len(server.batches) == 1
    assert server.duplicates == []


def test_requests_are_at_hand_as_they_came(server):
    body = b'  {"environment" : "development"}\n'
    post(server, body=body, headers={"X-Any": "1"})
    (request,) = server.requests

    assert isinstance(request, ReceivedRequest)
    assert (request.path, request.body, request.status_code) == ("/v2/events", body, 202)
    assert request.headers["x-any"] == "1"
    assert request.connection == 1


def test_what_is_at_hand_is_a_copy(server):
    post(server)
    server.batches.clear()
    server.requests.clear()
    server.duplicates.append("x")

    assert (len(server.batches), len(server.requests), server.duplicates) == (1, 1, [])
    assert repr(server) == f"<LocalServer {server.url}, 1 batches>"


def test_what_the_api_passes_over_is_passed_over(server):
    captured = {
        "environment": "development",
        "mpid": None,
        "batch_id": 5,
        "schema_version": 2,
        "timestamp_unixtime_ms": NOW,
        "events": [
            {
                "event_type": "custom_event",
                "data": {"event_name": "x", "custom_event_type": "other"},
            }
        ],
    }

    assert post(server, body=captured).status_code == 202
    assert server.batches[0].events[0].event_name == "x"


# Connections


def test_a_connection_is_kept(server):
    host, port = server.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    headers = {"Authorization": basic(b"key:secret")}
    for body in (b"{}", b"no", b"{}"):
        connection.request("POST", "/v2/events", body, headers)
        connection.getresponse().read()
    connection.close()

    assert [request.status_code for request in server.requests] == [202, 400, 202]
    assert {request.connection for request in server.requests} == {1}


def test_clients_are_served_at_the_same_time(server):
    together = threading.Barrier(8)

    def work(number):
        with client_of(server) as client:
            together.wait(10)
            for _ in range(5):
                client.send(Batch.for_user(customer_id=str(number)).event("Searched"))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(server.batches) == 40
    assert len({request.connection for request in server.requests}) == 8


def test_a_request_that_ends_in_its_midst_is_none(server):
    host, port = server.url.removeprefix("http://").split(":")
    head = b"POST /v2/events HTTP/1.1\r\nContent-Length: 100\r\n\r\n{}"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""

    assert server.requests == []
    assert post(server).status_code == 202


def test_a_stopped_server_lets_go_of_everything():
    threads = threading.active_count()
    server = LocalServer().start()
    with requests.Session() as session:
        session.post(server.url + "/v2/events", data=b"{}", auth=("key", "secret"), timeout=10)
        server.stop()
        server.stop()

        assert threading.active_count() == threads
        with pytest.raises(requests.ConnectionError):
            session.post(server.url + "/v2/events", data=b"{}", timeout=10)


def test_a_fault_of_the_server_itself_is_seen(server, capfd, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(server, "_judged", broken)
    with pytest.raises(requests.ConnectionError):
        post(server)

    assert "ZeroDivisionError: a fault" in capfd.readouterr().err
