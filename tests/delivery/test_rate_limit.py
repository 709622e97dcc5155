"""A rate limit by itself: how many batches may leave in a second, and when."""

import math
import pickle
import threading
import time

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outboxes import Clock

from mpfluent import ConfigurationError, InvalidValue, RateLimit


def a_pace(rate=100, **options):
    """Return a rate limit and its clock, which stands still."""
    clock = Clock()
    return RateLimit(rate, clock=clock, **options), clock


def test_what_was_taken_is_waited_for_by_the_next():
    pace, clock = a_pace(100, burst=1)

    assert pace.take(50) == 0.0
    assert pace.take(1) == pytest.approx(0.5)
    assert pace.take(1) == pytest.approx(0.5)  # a question costs nothing
    clock.now += 0.25
    assert pace.take(1) == pytest.approx(0.25)
    clock.now += 0.26
    assert pace.take(1) == 0.0


def test_a_burst_may_leave_at_once_and_no_more():
    pace, clock = a_pace(100, burst=5)
    for _ in range(2):
        assert [pace.take(1) == 0 for _ in range(7)] == [True] * 5 + [False] * 2
        clock.now += 1000.0  # no pause saves up more than a burst


def test_a_request_that_is_larger_than_a_burst_leaves_and_is_paid_for_later():
    pace, clock = a_pace(10, burst=1)

    assert pace.take(100) == 0.0
    assert pace.take(100) == pytest.approx(10)
    clock.now += 10.001
    assert pace.take(100) == 0.0


def test_without_a_burst_it_is_a_tenth_of_a_second_and_at_least_one():
    assert RateLimit(250).burst == 25
    assert RateLimit(3).burst == 1


@given(
    st.floats(0.5, 1000),
    st.one_of(st.none(), st.floats(1, 500)),
    st.lists(st.tuples(st.integers(1, 100), st.floats(0, 2)), min_size=1, max_size=60),
)
def test_in_no_time_more_leaves_than_the_pace_a_burst_and_one_request(rate, burst, steps):
    pace, clock = a_pace(rate, burst=burst)
    left = []
    for batches, pause in steps:
        clock.now += pause
        if pace.take(batches) == 0:
            left.append((clock.now, batches))
    for first, (begin, _) in enumerate(left):
        for end, (over, _) in enumerate(left[first:], first):
            *before, _ = [count for _, count in left[first : end + 1]]
            assert sum(before) <= pace.burst + rate * (over - begin) + 1e-6


@given(st.floats(0.5, 1000), st.lists(st.integers(1, 100), min_size=1, max_size=60))
def test_who_waits_as_it_says_loses_nothing_of_the_pace(rate, sizes):
    pace, clock = a_pace(rate, burst=1)
    began = clock.now
    for batches in sizes:
        while seconds := pace.take(batches):
            clock.now += max(seconds, 1e-9)  # less is no time at all for a float
    assert clock.now - began == pytest.approx(sum(sizes[:-1]) / rate, rel=1e-6, abs=1e-6)


def test_a_clock_that_is_set_back_lets_nothing_wait_longer():
    pace, clock = a_pace(100, burst=1)
    pace.take(100)
    clock.now -= 1e9

    assert pace.take(1) == pytest.approx(1)
    clock.now += 1.001
    assert pace.take(1) == 0.0


def test_a_clock_that_a_test_stops_holds_nothing_up(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 5.0)
    monkeypatch.setattr(time, "time", lambda: 5.0)
    pace = RateLimit(1000, burst=1)
    pace.take(1)
    threading.Event().wait(0.01)

    assert pace.take(1) == 0.0


def test_threads_take_no_more_than_there_is():
    pace, _ = a_pace(1, burst=500)
    taken = []

    def take():
        taken.extend(pace.take(1) == 0 for _ in range(200))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(taken) == 500


def test_it_travels_to_another_process_by_its_settings(tmp_path):
    pace = RateLimit(250, burst=50, shared=tmp_path / "rate.limit")
    pace.take(1)

    assert repr(pickle.loads(pickle.dumps(pace))) == repr(pace)


def test_its_repr_says_what_it_does(tmp_path):
    assert repr(RateLimit(250)) == "<RateLimit 250 batches a second, burst 25>"
    path = str(tmp_path / "rate.limit")
    shown = f"<RateLimit 0.5 batches a second, burst 100, shared by {path!r}>"
    assert repr(RateLimit(0.5, burst=100, shared=path)) == shown


def test_a_number_may_be_another_librarys():
    pace = RateLimit(numpy.int64(250), burst=numpy.float32(50))

    assert (type(pace.batches_per_second), type(pace.burst)) == (int, float)
    assert pace.take(numpy.int64(1)) == 0.0


def test_a_path_stays_where_it_was_when_the_folder_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert RateLimit(250, shared="rate.limit").shared == str(tmp_path / "rate.limit")


# Mistakes


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf, True, "250", None, 10**400, 250j])
def test_a_rate_must_be_a_number_above_0(rate):
    with pytest.raises(ConfigurationError) as caught:
        RateLimit(rate)
    shown = "<int of 1329 bits>" if rate == 10**400 else repr(rate)
    text = f"RateLimit({shown}): want batches a second, a number above 0; write RateLimit(250)"
    assert str(caught.value) == text


@pytest.mark.parametrize("burst", [0, 0.5, -1, math.nan, math.inf, True, "100"])
def test_a_burst_must_be_1_or_more(burst):
    with pytest.raises(ConfigurationError) as caught:
        RateLimit(250, burst=burst)
    text = "want a number of batches, 1 or more; write RateLimit(250, burst=100)"
    assert str(caught.value) == f"RateLimit(burst={burst!r}): {text}"


@pytest.mark.parametrize("shared", ["", " ", "a\0b", b"rate.limit", 5, True])
def test_a_shared_file_must_be_a_path(shared):
    with pytest.raises(ConfigurationError) as caught:
        RateLimit(250, shared=shared)
    text = "want the path of a file; write RateLimit(250, shared='rate.limit')"
    assert str(caught.value) == f"RateLimit(shared={shared!r}): {text}"


def test_a_shared_file_needs_a_folder_and_is_none(tmp_path):
    folder = str(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        RateLimit(250, shared=folder)
    assert str(caught.value).endswith(
        f"want a file, and this is a folder; write RateLimit(250, shared='{folder}/rate.limit')"
    )
    with pytest.raises(ConfigurationError) as caught:
        RateLimit(250, shared=f"{folder}/none/rate.limit")
    assert str(caught.value).endswith(
        f"there is no folder '{folder}/none'; write os.makedirs('{folder}/none', exist_ok=True) "
        "before it"
    )


def test_an_unknown_option_is_answered_with_the_one_that_was_meant():
    with pytest.raises(ConfigurationError) as caught:
        RateLimit(250, capacity=100)
    assert str(caught.value) == "RateLimit() has no option 'capacity'; did you mean 'burst'?"


@pytest.mark.parametrize("batches", [0, -1, 1.5, True, "1", None, math.nan])
def test_only_a_number_of_batches_is_taken(batches):
    with pytest.raises(InvalidValue) as caught:
        RateLimit(250).take(batches)
    text = f"take({batches!r}): want a number of batches, 1 or more; write take(1)"
    assert str(caught.value) == text
