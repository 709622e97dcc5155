"""Says why nothing arrives, while requests are tried again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .progress import EVERY
from .terminal import say
from .words import span

if TYPE_CHECKING:
    from ..delivery.observers import Attempt
    from ..delivery.outcome import Outcome

_LIMITED = 429  # of which the log has a line


class Trouble:
    """Prints a line on standard error if a request fails twice, and then every ten seconds.

    Args:
        command: that sends.
        clock: monotonic seconds; for tests.
    """

    def __init__(self, command: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._command = command
        self._clock = clock
        self._next = clock()

    def attempted(self, attempt: Attempt) -> None:
        """Take an attempt."""
        if attempt.next_in is None or attempt.attempt < 2 or attempt.status == _LIMITED:
            return
        now = self._clock()
        if now >= self._next:
            self._next = now + EVERY
            why = attempt.why or f"{attempt.host} answered {attempt.status}"
            tried = f"tried {attempt.attempt} times, again in {span(attempt.next_in)}"
            say(self._command, f"{why}; {tried}")

    def settled(self, outcome: Outcome) -> None:
        """Take an outcome, which is in the table at the end."""
