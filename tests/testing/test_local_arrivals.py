"""What arrived at a ``LocalServer``, for tests in Python."""

import pytest
from data_plans import attributes_of, event_point, plan_of
from local_servers import LocalServer, batch, event, in_background, post, purchase

from mpfluent import Batch, Client, ConfigurationError, Product
from mpfluent.testing import assert_sent

SCREEN = {"event_type": "screen_view", "data": {"screen_name": "Home"}}


@pytest.fixture
def server():
    with LocalServer() as server:
        post(server, [batch(event(), purchase(), mpid=7), batch(SCREEN, event(), user="2")])
        yield server


FILTERS = [
    ({}, ["Searched", "purchase", "Home", "Searched"]),
    ({"event": "Searched"}, ["Searched", "Searched"]),
    ({"event": "purchase"}, ["purchase"]),
    ({"event": "screen_view"}, ["Home"]),
    ({"event": "searched"}, []),
    ({"type": "purchase"}, ["purchase"]),
    ({"type": "commerce_event"}, ["purchase"]),
    ({"type": "custom_event"}, ["Searched", "Searched"]),
    ({"type": "Searched"}, []),
    ({"user": "2"}, ["Home", "Searched"]),
    ({"user": "7"}, ["Searched", "purchase"]),
    ({"event": "Searched", "user": "2", "type": "custom_event"}, ["Searched"]),
    ({"user": "3"}, []),
    ({"user": "None"}, []),
]


@pytest.mark.parametrize(("asked", "names"), FILTERS, ids=str)
def test_events_are_found_by_name_type_and_user(server, asked, names):
    found = server.events(**asked)

    assert [
        found.event._get("event_name") or found.event._get("screen_name") or "purchase"
        for found in found
    ] == names
    assert all(one.event in one.batch.events for one in found)


def test_an_event_that_came_again_counts_once(server):
    for _ in range(2):
        post(server, batch(event("again"), source_request_id="b-1"))

    assert len(server.events("again")) == 1


def test_an_event_that_is_there_is_not_waited_for(server):
    assert server.wait_for("purchase", timeout=0).event.product_action.transaction_id == "order-1"
    assert server.wait_for(type="screen_view", user="2", timeout=0).batch is server.batches[1]


def test_an_event_that_comes_is_waited_for():
    with LocalServer() as server:
        result = in_background(lambda: server.wait_for("Found", user="2", timeout=60))
        with Client("key", "secret", environment="development", host=server.url) as client:
            for user in ("1", "2"):
                client.send(Batch.for_user(customer_id=user).event("Found"))

        assert result().batch.user_identities.customer_id == "2"


def test_what_does_not_come_is_told_with_what_came(server):
    with pytest.raises(AssertionError) as caught:
        server.wait_for("Serched", type="custom_event", timeout=0.01)

    assert str(caught.value) == (
        "no event 'Serched', type='custom_event' came within 0.01 s; "
        "what came: 'Searched', 'purchase', 'Home'; did you mean 'Searched'?"
    )


def test_what_is_asked_for_is_text(server):
    for call, name in ((server.events, "events"), (server.wait_for, "wait_for")):
        for argument in ("event", "type", "user"):
            with pytest.raises(ConfigurationError) as caught:
                call(**{argument: 7})
            assert str(caught.value) == (
                f"{name}({argument}=7): want text, got int; write server.{name}({argument}='7')"
            )


def test_a_server_that_was_stopped_says_so():
    server = LocalServer().start()
    server.stop()
    with pytest.raises(AssertionError) as caught:
        server.wait_for("a", timeout=60)
    assert str(caught.value) == "no event 'a' came before the server was stopped; what came: none"
    with pytest.raises(ConfigurationError) as caught:
        server.start()
    assert str(caught.value) == (
        "start(): this server was stopped, and its port is closed; write LocalServer().start()"
    )


def test_a_time_that_is_none_is_told(server):
    with pytest.raises(ConfigurationError, match=r"^wait_for\(timeout='5'\): want seconds"):
        server.wait_for("Searched", timeout="5")


def test_violations_are_those_of_the_plan():
    plan = plan_of(event_point("Searched", attributes_of({}), "search"))
    with LocalServer(data_plan=plan) as server:
        post(server, [batch(event(), user="1"), batch(event("b"))])

        assert [each.key for each in server.violations] == ["b"]


def test_what_is_bounded_still_reads_its_batches():
    with LocalServer(max_events=2) as server:
        with Client("key", "secret", environment="development", host=server.url) as client:
            for number in range(4):
                client.send(Batch.for_user(customer_id=str(number)).purchase(Product("sku-1")))

        assert [one.user_identities.customer_id for one in server.batches] == ["2", "3"]
        assert len(server.unique_ids) == len(server.requests) == 2
        assert_sent(server, "purchase", customer_id="3")


def test_a_batch_without_events_takes_a_place_of_the_bounded():
    with LocalServer(max_events=1) as server:
        post(server, batch(event()))
        post(server, batch())
        assert server.events() == []
        post(server, [batch(event(name)) for name in "abc"])
        assert [one.event.event_name for one in server.events()][-1] == "c"


def test_large_bodies_are_bounded_too(monkeypatch):
    monkeypatch.setattr("mpfluent.testing.local.store.MOST_BYTES", 110_000)
    with LocalServer(max_events=1_000) as server:
        for number in range(8):
            post(server, batch(event(str(number), custom_attributes={"a": "x" * 30_000})))

        assert [one.event.event_name for one in server.events()] == ["5", "6", "7"]
