"""What the library logs, as lines of a command."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

from .shell_words import in_a_shell
from .terminal import say


class _Lines(logging.Handler):
    """Prints warnings on standard error, in the words of a shell, where nothing else logs them."""

    def __init__(self, command: str) -> None:
        super().__init__(logging.WARNING)
        self._command = command

    def emit(self, record: logging.LogRecord) -> None:
        if logging.getLogger("mpfluent").handlers == [self] and not logging.root.handlers:
            say(self._command, in_a_shell(record.getMessage()))


@contextmanager
def log_lines(command: str) -> Generator[None]:
    """Print what the library logs, unless the user's code has set up a log.

    Args:
        command: its name.
    """
    logger, lines = logging.getLogger("mpfluent"), _Lines(command)
    logger.addHandler(lines)
    try:
        yield
    finally:
        logger.removeHandler(lines)
