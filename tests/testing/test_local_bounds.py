"""What a local server holds, and what it costs: bounded, and in proportion to what came."""

import gc
import json
import tracemalloc

import pytest
import requests
from local_servers import SOON, LocalServer, Stream, answered, ask, batch, event, post

STORE = "mpfluent.testing.local.store"


@pytest.fixture
def held():
    """Return a function that says how many bytes were added since the test began."""
    gc.collect()
    tracemalloc.start()

    def now():
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    yield now
    tracemalloc.stop()


def test_a_body_that_fell_out_is_gone_at_once(held):
    with LocalServer(max_events=1) as server:
        for _ in range(20):
            assert post(server, b"x" * 900_000).status_code == 413

        assert held() < 5_000_000


def test_of_a_large_body_only_the_beginning_is_kept(held):
    with LocalServer(max_events=10) as server:
        for _ in range(3):
            assert post(server, b"x" * 9_000_000).status_code == 413
        assert held() < 7_000_000
        found = answered(server, "requests/1")
        with Stream(server) as stream:
            row = stream.rows(1)[0]

    assert (found["cut"], found["body"]) == (True, "x" * 1_000_000)
    assert (row["size"], row["message"]) == (
        9_000_000,
        "A request is larger than 256000 bytes.",
    )


def test_what_is_said_of_a_request_counts_as_its_body_does(monkeypatch):
    monkeypatch.setattr(f"{STORE}.MOST_BYTES", 200_000)
    with LocalServer(max_events=100) as server:
        for _ in range(8):
            headers = {"X-Long": "x" * 60_000, "Connection": "close"}
            requests.get(server.url + "/v2/events", headers=headers, timeout=SOON)

        assert answered(server, "counts")["dropped"] == 5


def test_heads_that_fell_out_are_gone_at_once(held):
    with LocalServer(max_events=1) as server:
        for _ in range(100):
            headers = {"X-Long": "x" * 60_000, "Connection": "close"}
            requests.get(server.url + "/v2/events", headers=headers, timeout=SOON)
            with Stream(server) as stream:
                stream.rows(1)

        assert held() < 3_000_000


def test_violations_count_as_a_body_does(monkeypatch):
    from mpfluent.dataplan import DataPlan

    monkeypatch.setattr(f"{STORE}.MOST_BYTES", 200_000)
    plan = DataPlan.from_dict({"version_document": {"data_points": []}})
    with LocalServer(max_events=1_000, data_plan=plan) as server:
        for _ in range(8):
            post(server, batch(*[event()] * 40))

        assert answered(server, "counts")["dropped"] == 6 * 40


WIDE = {"user_identities": {"customer_id": "1", "other": "x" * 50_000}}


def test_rows_that_are_far_longer_than_their_batch_come_in_short_messages(held):
    with LocalServer(max_events=1_000) as server:
        post(server, batch(*[event(str(n)) for n in range(100)], **WIDE))
        with Stream(server) as stream:
            names, most = [], 0
            while len(names) < 100:
                rows = stream.next("rows")["rows"]
                names += [row["name"] for row in rows]
                most = max(most, len(json.dumps(rows)))
            del rows

        assert names == [str(n) for n in range(100)]
        assert most < 1_200_000
        assert held() < 3_000_000  # none of the texts is kept


def test_an_answer_is_short_and_reading_on_gives_the_rest(monkeypatch):
    monkeypatch.setattr("mpfluent.testing.local.api._MOST_ANSWER", 1_000_000)
    with LocalServer(max_events=1_000) as server:
        post(server, batch(*[event(str(n)) for n in range(100)], **WIDE))
        names, after = [], 0
        while len(names) < 100:
            answer = ask(server, f"events?limit=1000&after={after}")
            assert len(answer.content) < 1_200_000
            names += [one["name"] for one in answer.json()["events"]]
            after = answer.json()["next"]

    assert names == [str(n) for n in range(100)]


def test_the_texts_of_rows_are_dropped_before_the_rows_are(monkeypatch):
    monkeypatch.setattr(f"{STORE}.MOST_TEXTS", 5_000)
    with LocalServer(max_events=1_000) as server:
        for number in range(50):
            post(server, batch(event(str(number))))
        for _ in range(2):
            with Stream(server) as stream:
                assert [row["name"] for row in stream.rows(50)] == [str(n) for n in range(50)]

        assert 0 < server._store._text_bytes <= 5_000
        assert len(server._store._texts) < 20
        answered(server, "events", method="DELETE")
        assert (server._store._text_bytes, server._store._texts) == (0, {})


def test_texts_go_with_their_rows():
    with LocalServer(max_events=5) as server:
        for number in range(20):
            post(server, batch(event(str(number))))
            with Stream(server, f"?after={number}") as stream:
                stream.rows(1)

        assert list(server._store._texts) == [16, 17, 18, 19, 20]


# Time, counted in calls


@pytest.fixture
def counted(monkeypatch):
    """Return a function that counts the calls to a function of the rows' module."""

    def begin(name):
        from mpfluent.testing.local import rows

        real, calls = getattr(rows, name), []
        monkeypatch.setattr(rows, name, lambda *given: calls.append(1) or real(*given))
        return calls

    return begin


def test_each_problem_is_looked_at_once(counted):
    calls = counted("_about")
    with LocalServer() as server:
        post(server, batch(*[event("odd", custom_flags={"f": [n]}) for n in range(300)]))
        found = answered(server, "events?limit=1000")["events"]

    assert [len(one["problems"]) for one in found] == [1] * 300
    assert len(calls) == 300


def test_who_asks_for_the_same_few_rows_shares_them(counted):
    calls = counted("payloads_of")
    with LocalServer() as server:
        for number in range(5):
            post(server, batch(event(str(number))))
        for _ in range(4):
            assert len(answered(server, "events")["events"]) == 5

    assert len(calls) == 5


def test_a_body_without_credentials_or_too_large_is_not_parsed(monkeypatch):
    calls = []
    monkeypatch.setattr("mpfluent.testing.api_rules.parsed", lambda text: calls.append(text))
    with LocalServer() as server:
        large = b"[" + b"[]," * 100_000 + b"1]"
        assert post(server, large, auth=("key", "no")).status_code == 403
        assert post(server, large).status_code == 413

    assert calls == []


# Waiting


def test_a_wait_ends_when_its_client_goes(capfd):
    with LocalServer() as server:
        waiting = requests.Session()
        with pytest.raises(requests.ReadTimeout):
            waiting.get(f"{server.url}/_mpfluent/wait?timeout=600", timeout=0.05)
        waiting.close()
        while server._http._serving:
            post(server, b"{", headers={"Connection": "close"})

    assert capfd.readouterr().err == ""
