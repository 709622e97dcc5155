"""A setting is a number of Python or of another library, and is kept as one of Python's own."""

from fractions import Fraction
from unittest.mock import MagicMock

import numpy
import pandas
import pytest
from foreign import LocalProxy

from mpfluent import (
    Batch,
    Client,
    ConfigurationError,
    InvalidValue,
    MPFluentError,
    Outbox,
    RecordingTransport,
    Retry,
    ThreadedDispatcher,
)
from mpfluent.testing import LocalServer, SeededIds, assert_sent, hang, ok, partial_answer

INTEGERS = [numpy.int64(3), numpy.uint8(3), pandas.Series([3])[0]]
NUMBERS = [*INTEGERS, numpy.float64(3.5), numpy.float32(3.5), numpy.longdouble(3.5), Fraction(7, 2)]
NO_NUMBERS = [
    True,
    numpy.bool_(True),
    "3",
    MagicMock(),
    MagicMock(spec=int),
    MagicMock(spec=float),
    LocalProxy(lambda: 3),
    numpy.array([3]),
    numpy.complex128(3),
    numpy.float64("nan"),
    float("nan"),
    3j,
    10**400,
    Fraction(10**400),
]
# Where a number is expected: a function that sets it and returns what was kept.
COUNTS = {
    "Retry(max_attempts)": lambda n: Retry(max_attempts=n).max_attempts,
    "Outbox(max_bytes)": lambda n: Outbox("outbox.db", max_bytes=n).max_bytes,
    "ThreadedDispatcher(workers)": lambda n: ThreadedDispatcher(workers=n),
    "ThreadedDispatcher(max_queue)": lambda n: ThreadedDispatcher(max_queue=n),
    "ThreadedDispatcher(max_queue_bytes)": lambda n: ThreadedDispatcher(max_queue_bytes=n),
    "SeededIds()": lambda n: SeededIds(n),
    "partial_answer()": lambda n: partial_answer(n),
}
SECONDS = {
    "Retry(base)": lambda n: Retry(base=n).base,
    "Retry(cap)": lambda n: Retry(cap=n).cap,
    "Retry(max_elapsed)": lambda n: Retry(max_elapsed=n).max_elapsed,
    "Retry(max_retry_after)": lambda n: Retry(max_retry_after=n).max_retry_after,
    "Outbox(max_age)": lambda n: Outbox("outbox.db", max_age=n).max_age,
    "Outbox(lease)": lambda n: Outbox("outbox.db", lease=n).lease,
    "ThreadedDispatcher(exit_timeout)": lambda n: ThreadedDispatcher(exit_timeout=n).exit_timeout,
    "ThreadedDispatcher(block_timeout)": lambda n: ThreadedDispatcher(block_timeout=n),
    "ThreadedDispatcher(flush_interval)": lambda n: ThreadedDispatcher(flush_interval=n),
    "ok(delay)": lambda n: ok(delay=n).wait,
    "hang()": lambda n: hang(n).wait,
}


def client():
    return Client(*("key", "secret"), environment="development", transport=RecordingTransport())


@pytest.mark.parametrize("number", INTEGERS, ids=repr)
@pytest.mark.parametrize("where", COUNTS)
def test_a_count_may_be_an_integer_of_another_library(where, number):
    kept = COUNTS[where](number)

    assert type(kept) is int or not isinstance(kept, numpy.generic)
    assert repr(kept) == repr(COUNTS[where](3)) or " at 0x" in repr(kept)


@pytest.mark.parametrize("where", SECONDS)
def test_seconds_may_be_a_number_of_another_library(where):
    for number in NUMBERS:
        kept = SECONDS[where](number)

        assert kept == number or isinstance(kept, ThreadedDispatcher)
        assert type(kept) in (int, float, ThreadedDispatcher)


@pytest.mark.parametrize("where", [*COUNTS, *SECONDS])
def test_what_only_looks_like_a_number_is_refused(where):
    for value in NO_NUMBERS:
        with pytest.raises((ConfigurationError, TypeError)):
            {**COUNTS, **SECONDS}[where](value)


@pytest.mark.parametrize("number", [numpy.float64(3.5), Fraction(7, 2), 3.0], ids=repr)
@pytest.mark.parametrize("where", COUNTS)
def test_a_count_is_no_float(where, number):
    with pytest.raises(ConfigurationError):
        COUNTS[where](number)


@pytest.mark.parametrize("timeout", NUMBERS, ids=repr)
def test_a_timeout_may_be_a_number_of_another_library(timeout):
    with client() as one:
        delivery = one.send(Batch.for_user(customer_id="1").event("Searched"))

        assert delivery.wait(timeout)
        assert delivery.result(timeout).status_code == 202
        assert one.flush(timeout)
        assert one.close(timeout).delivered == 1


@pytest.mark.parametrize("timeout", NO_NUMBERS, ids=lambda value: type(value).__name__)
def test_a_timeout_that_is_no_number_is_refused(timeout):
    with client() as one, pytest.raises(InvalidValue):
        one.flush(timeout)


def test_the_test_kit_counts_with_numbers_of_another_library():
    with client() as one:
        one.send(Batch.for_user(customer_id="1").event("Searched"))
        transport = RecordingTransport(202)
    with LocalServer(port=numpy.int64(0), delay=numpy.float32(0)) as server:
        server.script(numpy.int64(503))

    assert len(transport.requests) == 0
    with pytest.raises(AssertionError, match=r"not 2, match"):
        assert_sent(transport, "Searched", times=numpy.int64(2))
    with pytest.raises(MPFluentError):
        assert_sent(transport, "Searched", times=numpy.bool_(True))
