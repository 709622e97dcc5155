"""The numbers of a violation, as the API and the stream tell them."""

import json
import socket
from decimal import Decimal

import pytest
from data_plans import attributes_of, event_point, plan_of, user_point
from local_servers import SOON, LocalServer, ask, post

PLAN = plan_of(
    event_point("Searched", attributes_of({"a": {"maximum": -9}}), "search"),
    user_point({"n": {"maximum": -9}}),
)
TEXT = (
    '{"environment":"development","user_attributes":{"n":%s},"events":[{"event_type":'
    '"custom_event","data":{"event_name":"Searched","custom_event_type":"search",'
    '"custom_attributes":{"a":%s}}}]}'
)
NUMBERS = ["5", "1e400", "9007199254740993", "12345678901234567890.10", "-0", "0.10", "1E+2"]


def none(constant):
    raise AssertionError(f"{constant} is not JSON")


def read(text):
    return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=none)


def line(server, start):
    """Return the first line of the stream that begins with something."""
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    with socket.create_connection(address, SOON) as connection:
        connection.sendall(b"GET /_mpfluent/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return next(each for each in connection.makefile() if each.startswith(start))


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_not_as_planned_is_told_with_the_number_as_it_came(number):
    with LocalServer(data_plan=PLAN) as server:
        assert post(server, (TEXT % (number, number)).encode()).status_code == 202
        texts = [ask(server, path).text for path in ("events", "batches/unnamed-1", "wait")]
        rows = line(server, 'data: {"rows"').removeprefix("data: ")

    events, whole, waited, rows = map(read, [*texts, rows])
    for found in (events["events"][0], whole, waited["event"], rows["rows"][0]):
        assert [one["actual"] for one in found["violations"]] == [Decimal(number)] * 2
    assert all(f'"actual":{number.replace("1e400", "1E+400")}' in text for text in texts)


def test_a_number_without_an_end_hides_no_other_event():
    with LocalServer(data_plan=PLAN) as server:
        for number in ("5", "1e400", "6"):
            post(server, (TEXT % (1, number)).encode())

        assert len(ask(server, "events").json()["events"]) == 3


def test_a_mistake_of_ours_is_an_answer(monkeypatch, capfd):
    def broken():
        raise ValueError("no rate")

    with LocalServer() as server:
        monkeypatch.setattr(server._store, "rate", broken)
        answer = ask(server, "counts")

    assert (answer.status_code, answer.json()) == (
        500,
        {"error": "mpfluent failed: ValueError('no rate'); please report it"},
    )
    assert "Traceback" in capfd.readouterr().err
