"""Handlers of the log, which are there as long as a test needs them."""

import contextlib
import io
import logging


@contextlib.contextmanager
def handling(handler, logger="mpfluent", level=logging.DEBUG):
    """Give a logger this handler and this level, and take both away at the end."""
    found = logging.getLogger(logger or None)
    before = found.level
    found.addHandler(handler)
    found.setLevel(level)
    try:
        yield
    finally:
        found.removeHandler(handler)
        found.setLevel(before)


@contextlib.contextmanager
def calling(emit, logger="mpfluent", level=logging.DEBUG):
    """Have a logger call this with each record, however badly it behaves."""
    handler = logging.Handler()
    handler.emit = emit
    with handling(handler, logger, level):
        yield


@contextlib.contextmanager
def text_of(form, logger="mpfluent"):
    """Return a stream with all lines of a logger, in this format; "" is the root logger."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logging.Formatter(form))
    with handling(handler, logger):
        yield lines
