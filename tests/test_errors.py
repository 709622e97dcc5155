"""What every error of a delivery says, whichever class it is of."""

import pickle

import pytest

from mpfluent import ApiError, Closed, DeliveryError, Kept, QueueFull, TransportError
from mpfluent.errors import REASONS

TEMPORARY = {
    "rejected": False,
    "unauthorized": True,
    "too_large": False,
    "retries_exhausted": True,
    "rate_limited": True,
    "queue_full": True,
    "dropped_oldest": True,
    "unexpected_redirect": True,
    "filtered": False,
    "disabled": False,
    "closed": True,
    "expired": False,
    "transport_error": True,
}


def test_each_reason_is_temporary_or_final():
    assert {reason: DeliveryError(reason=reason).temporary for reason in REASONS} == TEMPORARY


@pytest.mark.parametrize("kind", [ApiError, TransportError, QueueFull, Closed, Kept])
def test_whether_an_error_is_temporary_follows_from_its_reason_alone(kind):
    errors = [kind("no", reason=reason) for reason in REASONS]

    assert [error.temporary for error in errors] == [*TEMPORARY.values()]
    assert [pickle.loads(pickle.dumps(error)).temporary for error in errors] == [
        *TEMPORARY.values()
    ]
