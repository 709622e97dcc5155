"""The local server's rate limit: how many batches it accepts in a second."""

import json
import math

import pytest
import requests
from clients import numbered
from internals import RateMeter

from mpfluent import Batch, Client, ConfigurationError, Retry
from mpfluent.testing import LocalServer, ok

ACCEPTED = ok()
BATCH = {"environment": "development", "user_identities": {"customer_id": "1"}}


def statuses(meter, *requests):
    return [meter.answer(batches, ACCEPTED, now).status_code for batches, now in requests]


def used(meter, batches, now):
    headers = dict(meter.answer(batches, ACCEPTED, now).headers)
    return headers.get("X-mp-rate-limit-percentage-used"), headers.get("Retry-After")


def test_a_seconds_worth_fits_and_more_is_refused():
    assert statuses(RateMeter(270), (100, 0), (100, 0), (100, 0), (70, 0)) == [202, 202, 429, 202]


def test_each_second_so_much_is_free_again():
    requests = (200, 0.0), (100, 0.1), (100, 0.2), (100, 0.5), (200, 60.0), (100, 60.0)

    assert statuses(RateMeter(270), *requests) == [202, 429, 202, 202, 202, 429]


def test_it_says_how_much_is_used_and_when_to_come_again():
    meter = RateMeter(10)

    assert used(meter, 7, 0.0) == ("70", None)
    assert used(meter, 4, 0.0) == (None, "1")
    assert used(meter, 3, 0.0) == ("100", None)
    assert used(RateMeter(0.5), 1, 0.0) == ("100", None)


def test_a_refusal_says_the_seconds_until_it_fits_as_a_whole_number():
    meter = RateMeter(0.5)
    meter.answer(1, ACCEPTED, 0.0)

    assert used(meter, 1, 0.0) == (None, "2")
    assert used(meter, 1, 1.5) == (None, "1")
    assert used(meter, 1, 2.0) == ("100", None)


def test_a_request_that_could_never_fit_is_accepted_after_a_pause():
    assert statuses(RateMeter(10), (100, 0.0), (1, 1.0), (100, 9.0), (100, 10.0)) == [
        *(202, 429, 429, 202),
    ]


def post(server, count, *, auth=("key", "secret"), body=None):
    data = json.dumps([BATCH] * count) if body is None else body
    return requests.post(f"{server.url}/v2/bulkevents", data=data, auth=auth, timeout=10)


def test_a_server_counts_batches_and_answers_as_mparticle_does():
    with LocalServer(rate_limit=0.001) as server:
        accepted, refused = post(server, 3), post(server, 1)

        assert accepted.status_code == 202
        assert accepted.headers["X-mp-rate-limit-percentage-used"] == "100"
        assert refused.status_code == 429
        assert refused.headers["X-mp-rate-limit-exceeded"] == '"account"'
        assert refused.headers["Retry-After"] == "3000"
        assert len(server.batches) == 3
        assert [request.status_code for request in server.requests] == [202, 429]


def test_what_is_refused_for_another_reason_counts_nothing():
    with LocalServer(rate_limit=0.001) as server:
        assert post(server, 1, auth=("key", "no")).status_code == 403
        assert post(server, 1, body="[").status_code == 400
        assert post(server, 1).status_code == 202


def test_a_script_wins():
    with LocalServer(rate_limit=0.001) as server:
        server.script(ok(), ok())

        assert [post(server, 1).status_code for _ in range(3)] == [202, 202, 202]


def test_without_a_limit_there_is_none():
    with LocalServer() as server:
        answers = [post(server, 100) for _ in range(10)]

    assert {answer.status_code for answer in answers} == {202}
    assert {answer.headers["X-mp-rate-limit-percentage-used"] for answer in answers} == {"1"}


def test_a_client_without_a_pace_is_refused_and_comes_again():
    options = {"environment": "development", "retry": Retry(base=0.01)}
    with (
        LocalServer(rate_limit=200) as server,
        Client("key", "secret", host=server.url, **options) as client,
    ):
        report = client.send_all(numbered(300))

    assert report.delivered == 300
    assert 429 in {request.status_code for request in server.requests}
    assert isinstance(server.batches[0], Batch)


@pytest.mark.parametrize("rate_limit", [0, -1, math.nan, math.inf, "270", True])
def test_a_rate_limit_is_a_number_above_0(rate_limit):
    with pytest.raises(ConfigurationError) as caught:
        LocalServer(rate_limit=rate_limit)
    want = "want batches a second, a number above 0; write LocalServer(rate_limit=270)"

    assert str(caught.value) == f"LocalServer(rate_limit={rate_limit!r}): {want}"
