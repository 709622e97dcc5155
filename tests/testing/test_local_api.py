"""The API of the local server: what arrived, as JSON."""

import json
import socket
import time

import pytest
import requests
from damaged_batches import damaged
from data_plans import attributes_of, event_point, plan_of
from hypothesis import given
from local_servers import (
    SOON,
    TOO_DEEP,
    LocalServer,
    Stream,
    answered,
    ask,
    batch,
    event,
    in_background,
    post,
    purchase,
    refused,
)

from mpfluent.testing import reset_before_read, status

PLAN = plan_of(event_point("Searched", attributes_of({"query": {"type": "string"}}), "search"))
SCREEN = {"event_type": "screen_view", "data": {"screen_name": "Home"}}
KEYS = [
    *("id", "batch_id", "index", "at", "environment", "user", "event_type", "action", "name"),
    *("data", "problems", "violations"),
]


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


# Events


def test_an_event_is_told_as_it_came(server):
    before = time.time() * 1000
    post(server, batch(event(custom_attributes={"query": "teapot"}), source_request_id="b-1"))

    (found,) = answered(server, "events")["events"]
    assert list(found) == KEYS
    assert before - 1 <= found.pop("at") <= time.time() * 1000 + 1
    assert found == {
        "id": 1,
        "batch_id": "b-1",
        "index": 0,
        "environment": "development",
        "user": {"customer_id": "1"},
        "event_type": "custom_event",
        "action": None,
        "name": "Searched",
        "data": {
            "event_name": "Searched",
            "custom_event_type": "search",
            "custom_attributes": {"query": "teapot"},
        },
        "problems": [],
        "violations": [],
    }


def test_events_are_numbered_in_the_order_in_which_they_came(server):
    post(server, [batch(event("a"), event("b")), batch(event("c"))])
    post(server, batch())
    post(server, b"{")
    post(server, batch(event("d")))

    found = answered(server, "events")["events"]
    assert [(one["id"], one["index"], one["name"]) for one in found] == [
        (1, 0, "a"),
        (2, 1, "b"),
        (3, 0, "c"),
        (6, 0, "d"),
    ]
    assert [one["batch_id"] for one in found] == [
        "unnamed-1",
        "unnamed-1",
        "unnamed-3",
        "unnamed-6",
    ]


FILTERS = [
    ("event=Searched", [1, 5], 5),
    ("event=searched", [], 5),
    ("event=purchase", [3], 5),
    ("type=purchase", [3], 5),
    ("type=commerce_event", [3], 5),
    ("type=custom_event", [1, 2, 5], 5),
    ("user=2", [4, 5], 5),
    ("user=600868121729048600", [4, 5], 5),
    ("user=2&event=Searched", [5], 5),
    ("user=None", [], 5),
    ("problems=1", [2], 5),
    ("problems=0", [1, 2, 3, 4, 5], 5),
    ("after=3", [4, 5], 5),
    ("after=9", [], 9),
    ("limit=2", [1, 2], 2),
    ("limit=1&problems=1", [2], 2),
    ("after=1&limit=2&type=custom_event", [2, 5], 5),
]


@pytest.mark.parametrize(("query", "ids", "looked_at"), FILTERS)
def test_events_are_filtered_and_paged(server, query, ids, looked_at):
    post(server, batch(event(), event("odd", custom_flags={"a": [1]}), purchase()))
    identities = {"customer_id": "2", "email": None}
    post(server, batch(SCREEN, event(), user_identities=identities, mpid=600868121729048600))
    answer = answered(server, f"events?{query}")

    assert [one["id"] for one in answer["events"]] == ids
    assert answer["next"] == looked_at


def test_an_event_goes_by_the_name_of_its_type(server):
    post(server, batch(purchase(**{"screen_name": "Cart", "label": "L", "": "E"}), event(5)))
    profile = {"event_type": "profile", "data": {"profile_event_type": "login"}}
    post(server, batch({**SCREEN, "event_type": "SCREEN_VIEW"}, profile))

    assert [one["name"] for one in answered(server, "events")["events"]] == [
        None,
        5,
        "Home",
        "login",
    ]
    assert answered(server, "events?event=purchase")["events"][0]["id"] == 1
    assert answered(server, "events?event=5")["events"][0]["id"] == 2


def test_pages_have_each_event_once(server):
    post(server, [batch(*map(event, "abc"))] * 20)
    names, after = [], 0
    while page := answered(server, f"events?limit=7&after={after}"):
        if not page["events"]:
            break
        names += [one["name"] for one in page["events"]]
        after = page["next"]

    assert names == list("abc") * 20


def test_a_batch_that_came_again_counts_once(server):
    for _ in range(3):
        post(server, batch(event(), source_request_id="b-1"))

    assert [one["id"] for one in answered(server, "events")["events"]] == [1]
    assert answered(server, "batches/b-1")["duplicates"] == 2


BAD = [
    ("events?evnt=a", "'evnt' is no parameter here; did you mean event=?"),
    ("counts?x=1", "'x' is no parameter here; want none"),
    ("events?limit=0", "limit=0: want a whole number, 1 to 1000; write limit=1"),
    ("events?limit=1001", "limit=1001: want a whole number, 1 to 1000; write limit=1"),
    ("events?after=-1", "after=-1: want a whole number, 0 or more; write after=0"),
    ("events?after=x", "after=x: want a whole number, 0 or more; write after=0"),
    ("events?problems=yes", "problems=yes: want 1 or 0; write problems=1"),
    (
        "events?type=purchse",
        "type=purchse: want an event type or a commerce action; write type=purchase",
    ),
    ("events?event=a&event=b", "event= stands there twice; write it once"),
    ("wait?timeout=soon", "timeout=soon: want seconds, from 0 to 600; write timeout=5"),
    ("wait?timeout=1_0", "timeout=1_0: want seconds, from 0 to 600; write timeout=5"),
    ("wait?timeout=-0", "timeout=-0: want seconds, from 0 to 600; write timeout=5"),
    (
        f"wait?timeout={'9' * 1_000}",
        f"timeout={'9' * 80}…: want seconds, from 0 to 600; write timeout=5",
    ),
    ("wait?timeout=601", "timeout=601: want seconds, from 0 to 600; write timeout=5"),
    ("batches/x?format=xml", "format=xml: want json or python; write format=python"),
]


@pytest.mark.parametrize(("path", "message"), BAD)
def test_a_mistake_in_an_address_is_told(server, path, message):
    assert refused(server, path) == (400, message)


def test_numbers_are_shown_exactly_and_text_as_it_is(server):
    text = (
        '{"environment": "development", "events": [{"event_type": "custom_event", "data": '
        '{"event_name": "<b>שלום 🫖\\u0000</b>", "custom_event_type": "other", '
        '"custom_attributes": {"n": 9007199254740993, "x": 0.1000000000000000055511151231257827, '
        '"lone": "\\ud800"}}}]}'
    )
    assert post(server, text.encode()).status_code == 202
    answer = ask(server, "events").text

    assert '"n":9007199254740993,"x":0.1000000000000000055511151231257827' in answer
    assert '"lone":"\\ud800"' in answer
    assert json.loads(answer)["events"][0]["name"] == "<b>שלום 🫖\x00</b>"


def test_ten_thousand_attributes_are_shown(server):
    attributes = dict.fromkeys(map(str, range(10_000)), 1)
    assert post(server, batch(event(custom_attributes=attributes))).status_code == 202

    (found,) = answered(server, "events")["events"]
    assert found["data"]["custom_attributes"] == attributes
    assert len(found["problems"]) == 1
    assert "10000" in found["problems"][0].replace(",", "")


def test_what_is_left_out_stands_at_the_event_that_it_is_about(server):
    post(server, [batch(event()), batch(event("a"), event("b", custom_flags={"f": [1]}), ip="no")])
    found = answered(server, "events")["events"]

    problems = {one["name"]: [each.partition("=")[0] for each in one["problems"]] for one in found}
    assert problems == {
        "Searched": [],
        "a": ["ip"],
        "b": ["events[1].data.custom_flags['f']"],
    }


@pytest.mark.parametrize("depth", [100, 600, *range(930, 1_000, 5)])
def test_what_is_nested_deeply_hides_nothing_else(server, depth):
    deep = event("deep")
    deep["data"]["x"] = "HERE"
    body = json.dumps(batch(deep)).replace('"HERE"', "[" * depth + "19.90" + "]" * depth)
    assert post(server, body.encode()).status_code in (202, 400)
    post(server, batch(event("next")))

    assert answered(server, "events")["events"][-1]["name"] == "next"
    with Stream(server) as stream:
        assert [row.get("name") for row in stream.rows(2)][1] == "next"


def test_a_batch_that_is_too_deep_to_be_shown_whole_is_told(server):
    deep = event("deep")
    deep["data"]["x"] = "HERE"
    body = json.dumps(batch(deep)).replace('"HERE"', TOO_DEEP)
    assert post(server, body.encode()).status_code == 202

    assert refused(server, "batches/unnamed-1") == (
        400,
        "what came is nested too deeply to be shown",
    )
    assert json.loads(answered(server, "requests/1")["body"].replace("[", "").replace("]", ""))


@given(damaged())
def test_whatever_is_accepted_is_shown(entry):
    with LocalServer() as server:
        answer = post(server, entry)
        events = answered(server, "events")["events"]
        with Stream(server) as stream:
            row = stream.rows(1)[0]

    if answer.status_code == 202:
        assert len(events) == len(entry.get("events") or ())
        assert [one["data"] for one in events] == [
            each.get("data") or {} for each in entry.get("events") or ()
        ]
        assert [row["kind"]] == ["event" if events else "batch"]
    else:
        assert (row["kind"], events) == ("refused", [])


# Batches and requests


def test_a_batch_is_told_whole_and_as_python(server):
    post(server, batch(event(), purchase(), source_request_id="b 1/ü"))
    found = answered(server, "batches/b%201%2F%C3%BC")
    found.pop("at")

    assert found == {
        "id": "b 1/ü",
        "request": 1,
        "batch": batch(event(), purchase(), source_request_id="b 1/ü"),
        "problems": [],
        "violations": [],
        "verdict": "ok",
        "duplicates": 0,
    }
    answer = ask(server, "batches/b%201%2F%C3%BC?format=python")
    assert answer.headers["Content-Type"] == "text/x-python; charset=utf-8"
    assert answer.text == server.batches[0].to_python() + "\n"


def test_a_batch_without_an_id_gets_one(server):
    post(server, [batch(event("a"), event("b")), batch(user="2")])
    found = answered(server, "batches")

    assert [(one["id"], one["events"], one["user"]) for one in found["batches"]] == [
        ("unnamed-1", 2, {"customer_id": "1"}),
        ("unnamed-3", 0, {"customer_id": "2"}),
    ]
    assert answered(server, "batches/unnamed-3")["batch"] == batch(user="2")
    assert answered(server, "batches?limit=1")["next"] == 1
    assert [one["id"] for one in answered(server, "batches?after=1")["batches"]] == ["unnamed-3"]
    assert refused(server, "batches/unnamed-2") == (
        404,
        "no batch 'unnamed-2' was accepted, or it fell out",
    )


SECRETS = {"Cookie": "session=hidden", "X-Api-Key": "Key hidden"}


def test_a_request_is_told_with_its_attempts_and_without_secrets(server):
    server.script(503)
    for _ in range(2):
        post(server, batch(source_request_id="b-1"), headers=SECRETS)
    found = answered(server, "requests/1")

    assert (found["status_code"], found["path"], found["method"]) == (503, "/v2/events", "POST")
    assert found["message"] == "a fault: 503 Service Unavailable"
    assert json.loads(found["body"]) == batch(source_request_id="b-1")
    assert [(one["request"], one["status_code"]) for one in found["attempts"]] == [
        (1, 503),
        (2, 202),
    ]
    assert found["headers"]["authorization"] == "Basic …"
    assert "hidden" not in json.dumps(found)
    assert refused(server, "requests/3") == (404, "no request '3' came, or it fell out")


def test_a_body_that_is_no_text_is_told_with_escapes(server):
    post(server, b"\xff{")

    assert answered(server, "requests/1")["body"] == "\\xff{"


REFUSED = [
    (b"{", None, 400, "from_json(): not JSON: "),
    (b"{}", ("key", "no"), 403, "the key or the secret is not the one that this server accepts"),
    (b"{}", ("", ""), 403, "the key or the secret"),
]


@pytest.mark.parametrize(("body", "auth", "status_code", "message"), REFUSED)
def test_a_refused_request_is_a_row_in_the_servers_words(server, body, auth, status_code, message):
    post(server, body, auth=auth or ("key", "secret"))
    with Stream(server) as stream:
        (row,) = stream.rows(1)

    assert row["message"].startswith(message)
    assert {name: row[name] for name in ("kind", "id", "request", "status_code", "verdict")} == {
        "kind": "refused",
        "id": 1,
        "request": 1,
        "status_code": status_code,
        "verdict": "refused",
    }
    assert row["size"] == len(body)


# Counts


def test_counts_say_what_came():
    with LocalServer(data_plan=PLAN, rate_limit=50) as server:
        post(server, batch(event("Never planned"), event("b", custom_flags={"a": [1]})))
        post(server, batch(source_request_id="b-1"))
        post(server, batch(source_request_id="b-1"))
        post(server, b"{")
        found = answered(server, "counts")

        assert found.pop("rate") <= 3
        assert found.pop("started") <= time.time() * 1000
        assert found == {
            "batches": 2,
            "events": 2,
            "refused": 1,
            "duplicates": 1,
            "violations": len(server.violations),
            "problems": 1,
            "dropped": 0,
            "rate_limit": 50,
            "foreign": 0,
            "faults": 0,
        }
        assert found["violations"] > 1


def test_without_a_rate_limit_counts_name_mparticles(server):
    assert answered(server, "counts")["rate_limit"] == 270


def test_a_violation_stands_at_its_event():
    with LocalServer(data_plan=PLAN) as server:
        post(server, batch(event("Never planned")))
        (found,) = answered(server, "events?problems=1")["events"]

    assert found["violations"][0]["message"] == server.violations[0].text
    assert found["violations"][0]["code"] == "unplanned"
    assert found["violations"][0]["event_index"] == 0


# Waiting


def test_wait_answers_with_what_is_there(server):
    post(server, batch(event(), event("Found")))

    assert answered(server, "wait?event=Found")["event"]["id"] == 2
    assert answered(server, "wait")["event"]["id"] == 1


def test_wait_answers_as_soon_as_one_comes(server):
    result = in_background(answered, server, "wait?event=Found&user=2&after=1&timeout=60")
    post(server, batch(event("Found"), user="2"))
    post(server, batch(event("Found")))
    post(server, batch(event("Found"), user="2"))

    assert result()["event"]["id"] == 3


def test_wait_says_what_came_instead(server):
    post(server, batch(event("Search"), purchase()))

    assert refused(server, "wait?event=Searched&timeout=0.01") == (
        408,
        "no event (event=Searched) came within 0.01 s; what came: 'Search', 'purchase'; "
        "did you mean 'Search'?",
    )


def test_who_waits_is_let_go_when_the_server_stops():
    def asked():
        try:
            return ask(server, "wait?event=never&timeout=600").status_code
        except requests.ConnectionError:
            return "let go"

    with LocalServer() as server:
        result = in_background(asked)
        while not server._store._waiting:
            answered(server, "counts")  # which wakes nobody

    assert result() in (503, "let go")


# Faults, clearing


def test_faults_are_set_as_json(server):
    headers = {"Retry-After": "2"}
    actions = [
        {"action": "status", "status_code": 429, "headers": headers},
        {"action": "ok", "status_code": 200},
    ]
    assert answered(server, "faults", method="POST", json={"actions": actions}) == {"actions": 2}
    assert answered(server, "faults") == {"actions": 2}
    answer = post(server, batch())

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert answered(server, "faults") == {"actions": 1}
    assert answered(server, "faults", method="DELETE") == {"actions": 0}
    assert post(server, batch()).status_code == 202


def test_every_action_of_the_kit_can_be_set_as_json(server):
    needed = {
        "status": {"status_code": 503},
        "redirect": {"location": "/elsewhere"},
        "hang": {"seconds": 2},
        "drip": {"bytes_per_second": 2},
        "partial_answer": {"bytes_sent": 3},
        "reset_mid_request": {"bytes_read": 300},
        "close_idle_after": {"seconds": 1},
    }
    plain = ["ok", "bad_chunks", "garbage", "reset_before_read", "reset_after_read"]
    plain += ["close_after_read", "never_read"]
    actions = [{"action": name} for name in plain]
    actions += [{"action": name, **more} for name, more in needed.items()]

    assert answered(server, "faults", method="POST", json={"actions": actions}) == {"actions": 14}


def test_a_script_has_at_most_ten_thousand_actions_of_one_request(server):
    actions = [{"action": "ok"}] * 10_001

    assert refused(server, "faults", "POST", json={"actions": actions}) == (
        400,
        "want at most 10000 actions, got 10001",
    )


BAD_FAULTS = [
    (b"{", "from_json(): not JSON: Expecting property name"),
    (b"[]", "want an object with a list of actions; write"),
    (b'{"actions": []}', "want an object with a list of actions; write"),
    (b'{"actions": [503]}', "actions[0]: None is no action; want one of ok, status, "),
    (b'{"actions": [{"action": "hagn"}]}', "actions[0]: 'hagn' is no action; did you mean 'hang'?"),
    (b'{"actions": [{"action": "hang"}]}', "actions[0]: hang wants 'seconds', a number"),
    (
        b'{"actions": [{"action": "ok"}, {"action": "hang", "secs": 1}]}',
        "actions[1]: hang takes no 'secs'; it takes seconds",
    ),
    (
        b'{"actions": [{"action": "status", "status_code": 503, "body": "\\ud800"}]}',
        "actions[0]: status(body='\\ud800'): want text that UTF-8 can carry, without lone",
    ),
    (
        b'{"actions": [{"action": "status", "status_code": 503, "headers": {"X:a b": "c"}}]}',
        "actions[0]: status(headers={'X:a b': 'c'}): want one line of text each",
    ),
    (
        b'{"actions": [{"action": "status", "status_code": 503, "headers": {"X": "a\\u0000"}}]}',
        "actions[0]: status(headers={'X': 'a\\x00'}): want one line of text each",
    ),
    (
        b'{"actions": [{"action": "status", "status_code": "503"}]}',
        "actions[0]: status('503'): want a status, from 200 to 999; write status(503)",
    ),
]


@pytest.mark.parametrize(("body", "message"), BAD_FAULTS)
def test_a_fault_that_is_none_is_told(server, body, message):
    status_code, said = refused(server, "faults", "POST", data=body)

    assert status_code == 400
    assert said.startswith(message)
    assert answered(server, "faults") == {"actions": 0}


def test_questions_take_no_action_of_the_script(server):
    server.script(503)

    assert answered(server, "counts")["refused"] == 0
    assert post(server, batch()).status_code == 503


@pytest.mark.parametrize("action", [status(503), reset_before_read()], ids=["503", "reset"])
def test_a_question_that_comes_in_pieces_takes_none_either(server, action):
    server.script(action)
    with socket.create_connection(server.url[7:].split(":"), timeout=SOON) as connection:
        connection.sendall(b"GET /_mpfl")
        while not server._concurrency:  # it has begun
            answered(server, "counts")
        connection.sendall(b"uent/faults HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'{"actions":1}')
    assert server.requests == []


def test_clearing_begins_anew_and_ids_go_on(server):
    post(server, batch(event(), source_request_id="b-1"))
    assert answered(server, "events", method="DELETE")["events"] == 0
    post(server, batch(event(), source_request_id="b-1"))

    assert [one["id"] for one in answered(server, "events")["events"]] == [2]
    assert answered(server, "counts")["duplicates"] == 0
    assert len(server.batches) == 1


# What is not there


def test_what_is_not_there_is_told(server):
    assert refused(server, "evnts") == (
        404,
        "'/_mpfluent/evnts' is not there; there is batches, batches/{id}, counts, events, faults, "
        "requests/{id}, stream, wait",
    )
    assert ask(server, "../").status_code in (200, 404)


def test_a_method_that_does_nothing_is_told(server):
    answer = ask(server, "events", "POST")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, DELETE")
    assert answer.json() == {"error": "POST does nothing here; want GET, DELETE"}


def test_a_head_has_no_body(server):
    with requests.Session() as session:
        for path in ("events", "no", "counts"):
            answer = session.head(f"{server.url}/_mpfluent/{path}", timeout=SOON)
            assert (answer.status_code, answer.content) == (404 if path == "no" else 405, b"")
        page = session.head(server.url, timeout=SOON)
        assert page.status_code == 200
        whole = requests.get(server.url, timeout=SOON).content
        assert int(page.headers["Content-Length"]) == len(whole)


def test_a_question_with_a_large_body_is_refused(server):
    assert refused(server, "faults", "POST", data=b"x" * 1_000_001) == (
        413,
        "want at most 1000000 bytes, got 1000001",
    )
