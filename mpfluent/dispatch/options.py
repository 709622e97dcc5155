"""The options of the threaded dispatcher, and what is wrong with them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

from ..errors import ConfigurationError, brief, closest
from ..utils.options import integer_between, number_between

WhenFull = Literal["block", "drop_newest", "drop_oldest", "raise"]

OPTIONS = {
    "workers": "1",
    "max_queue": "10_000",
    "max_queue_bytes": "64 * 2**20",
    "when_full": "'block'",
    "block_timeout": "1.0",
    "flush_interval": "0.5",
    "exit_timeout": "2.0",
    "coalesce": "True",
    "outbox": "Outbox('outbox.db')",
}
"""What to write for each, in errors."""

_COUNTS = ("workers", "max_queue", "max_queue_bytes")
_SECONDS = ("block_timeout", "flush_interval", "exit_timeout")


class Options(NamedTuple):
    """The keywords of ``ThreadedDispatcher`` but the outbox: its parts read what they need."""

    workers: int
    max_queue: int
    max_queue_bytes: int
    when_full: WhenFull
    block_timeout: float
    flush_interval: float
    exit_timeout: float
    coalesce: bool
    clock: Callable[[], float]
    wall: Callable[[], float]
    sleep: Callable[[float], object] | None
    start: Callable[[Callable[[], None]], Any]

    def checked(self, outbox: object) -> Options:
        """Return these with Python's own numbers, or raise what the first wrong one has to be."""
        numbers: dict[str, Any] = {}
        for name in _COUNTS + _SECONDS:
            value, wanted = getattr(self, name), "1 or more"
            numbers[name] = integer_between(value, 1)
            if name in _SECONDS:
                wanted = "seconds, 0 or more"
                numbers[name] = number_between(value, 0, sys.float_info.max)
            if numbers[name] is None:
                raise _wrong(name, value, f"{wanted}; write {name}={OPTIONS[name]}")
        policies = get_args(WhenFull)
        if self.when_full not in policies:
            meant = closest(self.when_full, policies) or "block"  # "drop" may mean two of them
            listed = ", ".join(policies)
            raise _wrong("when_full", self.when_full, f"one of {listed}; write when_full={meant!r}")
        if not isinstance(self.coalesce, bool):
            raise _wrong("coalesce", self.coalesce, "True or False; write coalesce=True")
        if outbox is not None:
            from ..outbox.outbox import Outbox  # with it comes SQLite

            if not isinstance(outbox, Outbox):
                raise _wrong("outbox", outbox, "an Outbox; write outbox=Outbox('outbox.db')")
        return self._replace(**numbers)


def _wrong(name: str, value: object, wanted: str) -> ConfigurationError:
    return ConfigurationError(f"ThreadedDispatcher({name}={brief(value)}): want {wanted}")
