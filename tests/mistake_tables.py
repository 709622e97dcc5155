"""What the tables of mistakes share: values that are easy to get wrong, and the check of an error.

Every message has three parts: what you wrote, what is allowed, the line to write instead. Each
row of a table is a call, the class of its error and the whole text. Sending goes through a
``RecordingTransport``; nothing here needs a network.
"""

from __future__ import annotations

import enum
import traceback
from functools import partial
from pathlib import Path

import pytest

import mpfluent
from mpfluent import (
    AppEvent,
    Batch,
    Client,
    MPFluentError,
    Product,
    Promotion,
    RecordingTransport,
    Session,
)

NOW = "2026-11-23T10:15:00Z"
NOW_MS = 1_795_428_900_000
UUID = "3fb44a79-df2d-446d-acf1-e87eda854ae1"
NAN, INFINITY = float("nan"), float("inf")
HUGE = 10**5000  # too long for Python to print
SURROGATE = "\ud800"  # half of a character; it has no UTF-8

BATCH = Batch.for_user(customer_id="u-1")
TEAPOT = Product("sku-1", "Teapot")
SPRING = Promotion("promo-1")
SEARCHED = AppEvent("Searched")
SESSION = Session.start(session_id=42, at=NOW)


class Whole:
    """An integer of another library, such as numpy.int64."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value

    def __repr__(self):
        return f"whole({self.value})"


class Array:
    """What has ``__index__`` and is no integer, such as a numpy array."""

    def __index__(self):
        raise TypeError("only integer scalar arrays can be converted to a scalar index")

    def __repr__(self):
        return "array([1, 2])"


class Real:
    """A number of another library, such as numpy.float32."""

    dtype = "float32"

    def __float__(self):
        return 1.5

    def __repr__(self):
        return "float32(1.5)"


class Mute:
    """An object that cannot be shown."""

    def __repr__(self):
        raise RuntimeError("no repr")

    __str__ = __repr__


class MuteText(str):
    """Text that cannot be shown."""

    def __repr__(self):
        raise RuntimeError("no repr")

    __str__ = __repr__


class Mood(enum.Enum):
    CALM = "calm"
    THREE = 3


class Level(enum.IntEnum):
    ONE = 1


class System(enum.StrEnum):
    RIGHT = "iOS"
    WRONG = "ios"


CIRCLE = []
CIRCLE.append(CIRCLE)


# Without a frame of its own, so that an error in a setting points at the line that wrote it.
client = partial(Client, "key", "secret", environment="development", transport=RecordingTransport())


def line_number(value):
    """Return the id of a row: the line of its call."""
    return f"line-{value.__code__.co_firstlineno}" if callable(value) else ""


def mistakes(*rows):
    """Parametrise a test with calls, the errors' classes and their texts."""
    return pytest.mark.parametrize(
        ("call", "error", "text"),
        [pytest.param(*row, id=line_number(row[0])) for row in rows],
    )


def assert_error(call, error, text):
    """Assert that the call raises this error, on its own line, with this text."""
    with pytest.raises(MPFluentError) as caught:
        call()

    assert str(caught.value) == text
    assert caught.type is error
    frames = list(traceback.walk_tb(caught.tb))
    file = call.__code__.co_filename
    here = [(frame.f_code, line) for frame, line in frames if frame.f_code.co_filename == file]
    assert here[-1][0] is call.__code__
    assert here[-1][1] in {line for _, _, line in call.__code__.co_lines()}
    own = str(Path(mpfluent.__file__).parent)
    assert frames[-1][0].f_code.co_filename.startswith((own, file))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


ONE_OF_THREE = (
    "a commerce event has exactly one of product_action, promotion_action and product_impressions"
)
