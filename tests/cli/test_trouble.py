"""Why nothing arrives is said while a command tries again."""

import signal

import pytest
from internals import Attempt, trouble
from processes import SOON
from shell import start, wait_for

from mpfluent.testing import LocalServer

BATCH = '{"user_identities": {"customer_id": "1"}, "events": [{"event_type": "first_run"}]}\n'
REFUSED = Attempt(
    *("POST", "http://127.0.0.1:9/v2/events", 1, 80, 2, 0.0, 0.1),
    status=None,
    error="ConnectionError",
    refused=True,
    next_in=0.7,
    why="no answer from http://127.0.0.1:9: Connection refused",
)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said(clock, capsys):
    """Take attempts at these seconds, and return the lines."""
    observer = trouble.Trouble("send", clock)

    def lines(*attempts):
        for clock.now, attempt in attempts:
            observer.attempted(attempt)
        return capsys.readouterr().err.splitlines()

    return lines


def test_the_second_failure_of_a_request_is_said_and_the_first_is_not(said):
    assert said((0, REFUSED._replace(attempt=1)), (1, REFUSED)) == [
        "mpfluent send: no answer from http://127.0.0.1:9: Connection refused; "
        "tried 2 times, again in 0.7 s"
    ]


def test_a_status_is_said_with_the_host(said):
    assert said((0, REFUSED._replace(status=503, why=None, attempt=3))) == [
        "mpfluent send: 127.0.0.1:9 answered 503; tried 3 times, again in 0.7 s"
    ]


def test_a_line_comes_every_ten_seconds_at_most(said):
    attempts = [(second, REFUSED._replace(attempt=second + 2)) for second in range(25)]

    assert [line.split("tried ")[1].split()[0] for line in said(*attempts)] == ["2", "12", "22"]


@pytest.mark.parametrize("change", [{"next_in": None}, {"status": 429}])
def test_the_last_attempt_and_a_rate_limit_are_said_elsewhere(said, change):
    assert said((0, REFUSED._replace(**change))) == []


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_a_command_says_why_nothing_arrives_while_it_tries_again(tmp_path, monkeypatch, quiet):
    monkeypatch.setenv("MPARTICLE_API_KEY", "key")
    monkeypatch.setenv("MPARTICLE_API_SECRET", "secret")
    (tmp_path / "b.jsonl").write_text(BATCH)
    with LocalServer() as server:
        server.script(*[503] * 100)
        line = ("send", "b.jsonl", "--environment", "development", "--host", server.url, *quiet)
        process = start(*line, cwd=tmp_path)
        wait_for(lambda: len(server.requests) >= 3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SOON)

    host = server.url.removeprefix("http://")
    assert err.startswith(f"mpfluent send: {host} answered 503; tried 2 times, again in ")
