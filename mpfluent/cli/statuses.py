"""The exit status of a command, and the error that it follows from."""

from __future__ import annotations

from ..errors import DeliveryError, MPFluentError, TooManyRejects

DELIVERED, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130


def status_of(error: BaseException) -> int:
    """Return the status for what ended a command.

    >>> from mpfluent import ConfigurationError
    >>> status_of(ConfigurationError("no such pod")), status_of(OSError(28, "disk full"))
    (2, 1)
    """
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, DeliveryError):
        return MISTAKE if error.reason == "unauthorized" else FAILED
    # what is wrong with a call, a mapping, a source: nobody need look what the run did
    is_mistake = isinstance(error, MPFluentError) and not isinstance(error, TooManyRejects)
    return MISTAKE if is_mistake else FAILED
