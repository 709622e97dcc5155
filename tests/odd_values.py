"""Values that look like numbers, text or enums, and behave in other ways; without other libraries.

Those that need NumPy, pandas, pendulum or wrapt are in ``foreign``.
"""

import enum


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
    """A number of another library that is no float, such as numpy.float32."""

    dtype = "float32"

    def __init__(self, value=1.5):
        self.value = value

    def __float__(self):
        return self.value

    def __repr__(self):
        return f"float32({self.value})"


class Ratio(float):
    """A float of another library, as numpy.float64 is one."""


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
    ODD = b"odd"
    NONE = float("nan")


class Level(enum.IntEnum):
    ONE = 1


class System(enum.StrEnum):
    RIGHT = "iOS"
    WRONG = "ios"
