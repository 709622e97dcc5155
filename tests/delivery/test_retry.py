"""The retry policy: pure, so tables and laws say all of it."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from internals import RETRIED, Verdict, retry_after

from mpfluent import ConfigurationError, Response, Retry, TransportError

EPOCH_DATE = "Thu, 01 Jan 1970 00:01:40 GMT"  # 100 s after the epoch


def decide(answer, retry=None, *, attempt=1, elapsed=0.0, budget=15.0, wall=0.0, batches=1):
    return (retry or Retry(random=lambda: 0.5)).decide(
        answer, attempt=attempt, elapsed=elapsed, budget=budget, wall=wall, batches=batches
    )


def answered(status, **headers):
    return Response(status, {name.replace("_", "-"): text for name, text in headers.items()})


# What a status means


@pytest.mark.parametrize("status", [200, 201, 202, 204, 205, 299])
def test_every_2xx_is_delivered(status):
    assert decide(answered(status)) == Verdict("delivered")


@pytest.mark.parametrize(
    "status", [408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527]
)
def test_what_can_pass_is_tried_again(status):
    assert decide(answered(status)).what == "again"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_a_redirect_is_a_failure_of_its_own(status):
    assert decide(answered(status)) == Verdict("failed", reason="unexpected_redirect")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "rejected"),
        (401, "unauthorized"),
        (403, "unauthorized"),
        (404, "rejected"),
        (405, "rejected"),
        (407, "rejected"),
        (410, "rejected"),
        (413, "too_large"),
        (415, "rejected"),
        (422, "rejected"),
        (501, "rejected"),
        (505, "rejected"),
    ],
)
def test_a_refusal_of_one_batch_is_final(status, reason):
    assert decide(answered(status)) == Verdict("failed", reason=reason)


@given(st.integers(100, 999))
def test_everything_else_is_permanent(status):
    verdict = decide(answered(status))

    assert (verdict.what == "delivered") == (200 <= status < 300)
    assert (verdict.what == "again") == (status in RETRIED)


@pytest.mark.parametrize("status", [400, 413])
def test_a_refused_bulk_is_split(status):
    assert decide(answered(status), batches=2) == Verdict("split")


@pytest.mark.parametrize("status", [401, 403, 404, 302, 501])
def test_no_other_refusal_of_a_bulk_is_split(status):
    assert decide(answered(status), batches=100).what == "failed"


def test_no_answer_is_tried_again():
    verdict = decide(TransportError("broken off"))

    assert (verdict.what, verdict.reason) == ("again", "retries_exhausted")


def test_an_error_that_no_attempt_mends_is_final():
    error = TransportError("not trusted", retryable=False)

    assert decide(error) == Verdict("failed", reason="transport_error")


# Budgets


@pytest.mark.parametrize("elapsed", [14.8, 15.0, 16.0])
def test_a_wait_that_would_end_after_the_budget_is_not_begun(elapsed):
    assert decide(answered(503), elapsed=elapsed) == Verdict("failed", reason="retries_exhausted")


def test_a_wait_that_ends_within_the_budget_is_begun():
    assert decide(answered(503), elapsed=14.7) == Verdict("again", 0.25, 0.0, "retries_exhausted")


@pytest.mark.parametrize(("attempt", "what"), [(1, "again"), (2, "again"), (3, "failed")])
def test_max_attempts_counts_the_first(attempt, what):
    retry = Retry(max_attempts=3, random=lambda: 0.0)

    assert decide(answered(500), retry, attempt=attempt).what == what


def test_throttling_to_the_end_has_a_reason_of_its_own():
    retry = Retry(max_attempts=1)

    assert decide(answered(429), retry).reason == "rate_limited"
    assert decide(answered(503), retry).reason == "retries_exhausted"


# Backoff


@pytest.mark.parametrize(
    ("attempt", "most"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 30.0), (5000, 30.0)]
)
def test_backoff_doubles_up_to_the_cap(attempt, most):
    assert Retry(random=lambda: 1.0).backoff(attempt) == most
    assert Retry(random=lambda: 0.0).backoff(attempt) == 0.0


@given(
    st.integers(0, 2**32),
    st.integers(1, 100),
    st.floats(0, 10),
    st.floats(0, 100),
)
def test_backoff_stays_within_its_bounds(seed, attempt, base, cap):
    retry = Retry(base=base, cap=cap, random=random.Random(seed).random)

    assert 0 <= retry.backoff(attempt) <= min(cap, base * 2.0 ** (attempt - 1))


def test_backoff_is_not_constant():
    delays = [Retry(random=random.Random(seed).random).backoff(3) for seed in range(200)]

    assert len(set(delays)) == 200
    assert min(delays) < 0.2
    assert max(delays) > 1.8
    assert sum(delays) / 200 == pytest.approx(1.0, abs=0.15)


def test_a_client_is_random_without_being_told_to():
    retry = Retry()

    assert len({retry.backoff(3) for _ in range(20)}) > 1


# Retry-After


@pytest.mark.parametrize(
    ("header", "wall", "seconds"),
    [
        ("0", 0, 0.0),
        ("2", 0, 2.0),
        (" 120 ", 0, 120.0),
        ('"3"', 0, 3.0),
        ("0.5", 0, 0.5),
        ("1000000000", 0, 1e9),
        (EPOCH_DATE, 40, 60.0),
        ("Thu, 01 Jan 1970 00:01:40 -0000", 40, 60.0),
        ("Thu, 01 Jan 1970 01:01:40 +0100", 40, 60.0),
        ("Thursday, 01-Jan-70 00:01:40 GMT", 40, 60.0),
        (EPOCH_DATE, 100, None),
        (EPOCH_DATE, 5000, None),
        (None, 0, None),
        ("", 0, None),
        ("soon", 0, None),
        ("-5", 0, None),
        ("+5", 0, None),
        ("NaN", 0, None),
        ("Infinity", 0, None),
        ("1e9", 0, None),
        ("0x10", 0, None),
        ("1_000", 0, None),
        ("٣", 0, None),
        ("9" * 5000, 0, None),
        ("2, 5", 0, None),
        ("2;5", 0, None),
        ("Thu, 99 Jan 1970 00:01:40 GMT", 0, None),
        ("Thu, 01 Jan 99999999999 00:00:00 GMT", 0, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, wall, seconds):
    assert retry_after(header, wall) == seconds


@given(st.text(max_size=40) | st.from_regex(r"\A[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} .{0,30}\Z"))
def test_no_retry_after_is_an_error(header):
    seconds = retry_after(header, 0)

    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


@pytest.mark.parametrize("status", [408, 429, 500, 503, 527])
def test_retry_after_is_a_floor_under_the_backoff(status):
    assert decide(answered(status, Retry_After="2"))[1:3] == (2.0, 2.0)
    assert decide(answered(status, Retry_After="0"))[1:3] == (0.25, 0.0)


def test_retry_after_is_found_in_any_case():
    assert decide(answered(429, retry_after="2")).retry_after == 2.0


def test_a_long_backoff_goes_on_over_the_floor():
    verdict = decide(answered(503, Retry_After="1"), attempt=5)

    assert (verdict.delay, verdict.retry_after) == (4.0, 1.0)


def test_retry_after_is_clamped():
    verdict = decide(answered(429, Retry_After="1000000000"), budget=600.0)

    assert verdict == Verdict("again", 300.0, 300.0, "rate_limited")


def test_a_retry_after_beyond_the_budget_ends_it_and_still_holds_for_others():
    verdict = decide(answered(429, Retry_After="60"))

    assert verdict == Verdict("failed", retry_after=60.0, reason="rate_limited")


@pytest.mark.parametrize("header", ["soon", "-5", "NaN", "2, 5"])
def test_a_meaningless_retry_after_leaves_the_usual_backoff(header):
    assert decide(answered(429, Retry_After=header)) == Verdict("again", 0.25, 0.0, "rate_limited")


@given(
    status=st.integers(200, 599),
    header=st.none() | st.integers(0, 2000).map(str) | st.text(max_size=8),
    attempt=st.integers(1, 50),
    elapsed=st.floats(0, 700),
    budget=st.floats(0, 600),
    most=st.none() | st.integers(1, 10),
    seed=st.integers(0, 1000),
)
def test_no_verdict_waits_beyond_budget_or_attempts(
    status, header, attempt, elapsed, budget, most, seed
):
    retry = Retry(max_attempts=most, random=random.Random(seed).random)
    response = Response(status, {} if header is None else {"Retry-After": header})

    verdict = decide(response, retry, attempt=attempt, elapsed=elapsed, budget=budget)

    assert 0 <= verdict.retry_after <= retry.max_retry_after
    if verdict.what == "again":
        assert elapsed + verdict.delay <= budget
        assert verdict.delay >= verdict.retry_after
        assert most is None or attempt < most


# What an accepted request teaches


@pytest.mark.parametrize(
    ("used", "pause"),
    [
        ("1", 0.0),
        ("90", 0.0),
        ("95", 0.25),
        ('"95.0"', 0.25),
        ("100", 0.5),
        ("250", 0.5),
        ("", 0.0),
        ("much", 0.0),
        ("-95", 0.0),
        ("NaN", 0.0),
    ],
)
def test_a_nearly_used_up_rate_limit_holds_the_next_request_back(used, pause):
    response = Response(202, {"X-mp-rate-limit-percentage-used": used})

    assert decide(response) == Verdict("delivered", retry_after=pytest.approx(pause))


# Construction


@pytest.mark.parametrize("name", ["base", "cap", "max_elapsed", "max_retry_after"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "1", True, [], 1j])
def test_seconds_are_checked(name, value):
    with pytest.raises(ConfigurationError) as raised:
        Retry(**{name: value})

    assert str(raised.value) == f"Retry({name}={value!r}): want seconds, 0 or more"


@pytest.mark.parametrize("name", ["base", "cap", "max_retry_after"])
def test_only_max_elapsed_may_be_none(name):
    assert Retry(max_elapsed=None).max_elapsed is None
    with pytest.raises(ConfigurationError, match=rf"Retry\({name}=None\): want seconds"):
        Retry(**{name: None})


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True])
def test_attempts_are_checked(value):
    with pytest.raises(ConfigurationError) as raised:
        Retry(max_attempts=value)

    assert str(raised.value) == (
        f"Retry(max_attempts={value!r}): want 1 or more, or None for no limit"
    )


def test_the_defaults_are_the_contracts():
    assert repr(Retry()) == (
        "<Retry base=0.5 cap=30.0 max_elapsed=None max_attempts=None max_retry_after=300.0>"
    )


def test_what_draws_no_number_is_an_error_on_the_line_of_the_policy():
    with pytest.raises(ConfigurationError) as raised:
        Retry(random=0.5)

    assert str(raised.value) == (
        "Retry(random=0.5): want a function that returns a float; write random=random.random"
    )
